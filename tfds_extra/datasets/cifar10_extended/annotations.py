"""Reads what others found out about CIFAR-10's images, as columns in the order of its rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from tfds_extra import core
from tfds_extra.formats import label_errors, npy, torch_file

# By their names in the file of CIFAR-10N, which are also those of TFDS's builder.
NOISY_LABELS = ("aggre_label", "worse_label", "random_label1", "random_label2", "random_label3")
JUDGMENTS = ["exact", "near_duplicate", "very_similar"]
SPLITS = ["train", "test"]
WORKERS = (1, 2, 3)
_CLASSES = 10
_GROUP = 10  # Images that one worker of CIFAR-10N labelled at a time.
_NO_IMAGE = -99999  # Index of the attention checks among the raw votes.
_REMEDY = "Get the file again from its publisher."
_CHOICES = ("given", "guessed", "neither", "both")
_NO_CANDIDATE = {**label_errors.NO_CANDIDATE, "votes_both": -1}


def read(
    files: Mapping[str, core.Content], counts: Mapping[str, int], agreeing: int
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    """Reads all tables and compares them with each other.

    Args:
      files: The published files by short name.
      counts: Number of images by split.
      agreeing: Number of test images for which most people chose the label.

    Returns:
      The labels by split, and the columns by split and feature. The labels are those that CIFAR-10N
      and label-errors state; CIFAR-10 itself is not read here.

    Raises:
      CorpusError: A file is damaged or foreign, or tells of other images than another file.
    """
    labels: dict[str, np.ndarray] = {}
    columns: dict[str, dict[str, Any]] = {"train": {}, "test": {}}
    with core.located(files["noisy_labels"], "", _REMEDY):
        noisy = parse_noisy_labels(files["noisy_labels"].read(), counts["train"])
        labels["train"] = noisy.pop("clean_label")
    with core.located(files["given_labels"], "", _REMEDY):
        given = _table(files["given_labels"], np.uint16, (), counts["test"]).astype(np.int64)
        labels["test"] = _classes(given, "label")
    with core.located(files["workers"], "", _REMEDY):
        columns["train"] |= noisy | parse_workers(files["workers"].read(), counts["train"])
    with core.located(files["label_errors"], "", _REMEDY):
        errors = _label_errors(files["label_errors"].read(), labels["test"])
        columns["test"]["label_error"] = errors
    with core.located(files["human_counts"], "", _REMEDY):
        votes = _table(files["human_counts"], np.int64, (_CLASSES,), counts["test"])
        _check_votes(votes, labels["test"], agreeing)
        columns["test"]["human_counts"] = votes.astype(np.int32)
        columns["test"]["human_total"] = votes.sum(axis=1).astype(np.int32)
    with core.located(files["human_probs"], "", _REMEDY):
        shares = _table(files["human_probs"], np.float64, (_CLASSES,), counts["test"])
        _check_rows(
            shares == votes / votes.sum(axis=1, keepdims=True), "not the shares of the votes"
        )
        columns["test"]["human_probs"] = shares
    with core.located(files["cv_pred_probs"], "", _REMEDY):
        shares = _table(files["cv_pred_probs"], np.float64, (_CLASSES,), counts["test"])
        columns["test"]["cv_pred_probs"] = shares
    for split, found in _duplicates(files, labels).items():
        columns[split]["duplicates"] = found
    for split, count in counts.items():
        columns[split] = _nothing_known(count) | columns[split]
    return labels, columns


def _nothing_known(count: int) -> dict[str, Any]:
    """Returns the columns of images that nobody looked at."""
    nobody = np.full(count, -1, np.int32)
    unknown = np.full((count, _CLASSES), np.nan)
    return {
        "human_counts": np.zeros((count, _CLASSES), np.int32),
        "human_total": np.zeros(count, np.int32),
        "human_probs": unknown,
        "cv_pred_probs": unknown,
        "annotation_batch": nobody,
        "label_error": [_NO_CANDIDATE] * count,
        **{name: nobody for name in NOISY_LABELS},
        **{f"worker{i}_id": nobody.astype(np.int64) for i in WORKERS},
        **{f"worker{i}_time": nobody.astype(np.float32) for i in WORKERS},
    }


# -------------------------------------------------------------------------------------- CIFAR-10N


def parse_noisy_labels(content: bytes, count: int) -> dict[str, np.ndarray]:
    """Returns the labels of `CIFAR-10_human.pt` by their names there, int64 of shape (count,).

    Raises:
      ValueError: It is something else, or damaged.
    """
    found = torch_file.load_dict(content)
    names = ("clean_label", *NOISY_LABELS)
    for name in names:
        labels = found.get(name)
        if type(labels) is not np.ndarray or labels.shape != (count,) or labels.dtype != np.int64:
            raise ValueError(f"{name}: not int64 labels of {count:,} images")
        _classes(labels, name)
    return {name: found[name] for name in names}


def parse_workers(content: bytes, count: int) -> dict[str, np.ndarray]:
    """Reads `side_info_cifar10N.csv`, which says for every ten images who labelled them.

    Raises:
      ValueError: It is something else, or damaged; the message names the line.
    """
    header = ["Image-batch"]
    for i in WORKERS:
        header += [f"Worker{i}-id", f"Work-time-in-seconds-{i}"]
    numbers: list[Any] = []
    for number, row in _lines(content, header):
        first = _GROUP * len(numbers)
        if row[0] != f"{first}--{first + _GROUP - 1}":
            raise ValueError(f"line {number}: images {row[0]}, expected those from {first} on")
        numbers.append([_whole(number, text) for text in row[1:]])
    if _GROUP * len(numbers) != count:
        raise ValueError(f"{_GROUP * len(numbers):,} images, expected {count:,}")
    table = np.repeat(np.array(numbers, np.int32), _GROUP, axis=0)
    columns = {"annotation_batch": np.arange(count, dtype=np.int32) // _GROUP}
    for i in WORKERS:
        columns[f"worker{i}_id"] = table[:, 2 * i - 2].astype(np.int64)
        columns[f"worker{i}_time"] = table[:, 2 * i - 1].astype(np.float32)
    return columns


# -------------------------------------------------------------------------------------- CIFAR-10H


def _check_votes(votes: np.ndarray, labels: np.ndarray, agreeing: int) -> None:
    """Raises unless the votes are about the images that have these labels."""
    _check_rows(votes >= 0, "fewer than no votes")
    _check_rows(votes.sum(axis=1) > 0, "no votes at all")
    found = int((votes.argmax(axis=1) == labels).sum())
    if found != agreeing:
        raise ValueError(
            f"most people chose the label of {found:,} images, and of {agreeing:,} in the published"
            " file: the rows are in another order"
        )


_VOTE_COLUMNS = {
    "annotator_id": pa.int32(),
    "trial_index": pa.int32(),
    "true_label": pa.int32(),
    "chosen_label": pa.int32(),
    # The publisher's README calls it cifar10_test_set_idx.
    "cifar10_test_test_idx": pa.int32(),
    "subcategory": pa.string(),
    "reaction_time": pa.float64(),
    "time_elapsed": pa.float64(),
}


def read_votes(file: core.Content, labels: np.ndarray) -> dict[str, Any]:
    """Reads `cifar10h-raw.zip`; returns the single votes on each test image, in its order.

    Votes of attention checks are about no image, and are left out.

    Args:
      file: The zip, or `cifar10h-raw.csv` unpacked.
      labels: Labels of the test images.

    Returns:
      Columns by feature: arrays of the votes on each image.

    Raises:
      CorpusError: It is something else, damaged, or about other images.
    """
    with core.located(file, "cifar10h-raw.csv", _REMEDY):
        options = arrow_csv.ConvertOptions(
            column_types=_VOTE_COLUMNS,
            include_columns=list(_VOTE_COLUMNS),
            strings_can_be_null=False,
        )
        try:
            table = arrow_csv.read_csv(io.BytesIO(_votes_csv(file)), convert_options=options)
        except pa.ArrowException as e:
            raise ValueError(str(e)) from e
        if nulls := [name for name in table.column_names if table[name].null_count]:
            raise ValueError(f"column {nulls[0]}: not a number in every line")
        table = table.filter(pc.not_equal(table["cifar10_test_test_idx"], _NO_IMAGE))
        columns = {n: table[n].to_numpy() for n in table.column_names if n != "subcategory"}
        rows = columns["cifar10_test_test_idx"]
        if not len(rows) or not (0 <= rows.min() and rows.max() < len(labels)):
            raise ValueError(f"a vote on none of {len(labels):,} images")
        chosen = _classes(columns["chosen_label"], "chosen_label")
        if (columns["true_label"] != labels[rows]).any():
            row = int(rows[np.flatnonzero(columns["true_label"] != labels[rows])[0]])
            raise ValueError(f"image {row}: true_label is not the label of CIFAR-10's test set")
        order = np.argsort(rows, kind="stable")
        totals = np.bincount(rows, minlength=len(labels))
        if not totals.all():
            raise ValueError(f"image {int(np.flatnonzero(totals == 0)[0])}: no votes")
        ends = np.cumsum(totals)[:-1]
        votes = np.zeros((len(labels), _CLASSES), np.int64)
        np.add.at(votes, (rows, chosen), 1)

    def by_image(name: str, dtype: type) -> list[np.ndarray]:
        return np.split(columns[name][order].astype(dtype), ends)

    first = order[np.concatenate([[0], ends])]
    return {
        "human_labels": by_image("chosen_label", np.int64),
        "annotator_ids": by_image("annotator_id", np.int32),
        "trial_indices": by_image("trial_index", np.int32),
        "reaction_times": by_image("reaction_time", np.float32),
        "times_elapsed": by_image("time_elapsed", np.float32),
        "subcategory": table["subcategory"].take(pa.array(first)).to_pylist(),
        "soft_label": (votes / totals[:, None]).astype(np.float32),
    }


def no_votes(labels: np.ndarray) -> dict[str, Any]:
    """Returns the columns of `read_votes` for images that nobody voted on."""
    nothing = {
        name: [np.zeros(0, dtype)] * len(labels)
        for name, dtype in (
            ("human_labels", np.int64),
            ("annotator_ids", np.int32),
            ("trial_indices", np.int32),
            ("reaction_times", np.float32),
            ("times_elapsed", np.float32),
        )
    }
    certain = np.eye(_CLASSES, dtype=np.float32)[labels]
    return {**nothing, "subcategory": [""] * len(labels), "soft_label": certain}


def _votes_csv(file: core.Content) -> bytes:
    with file.open() as content:
        if content.read(2) != b"PK":
            return file.read()
    for member in core.Tree(str(file)).members():
        if member.name == "cifar10h-raw.csv":
            return member.read()
    raise ValueError("the zip has no such file")


# ----------------------------------------------------------------------------- ciFAIR, label-errors


def _duplicates(
    files: Mapping[str, core.Content], labels: Mapping[str, np.ndarray]
) -> dict[str, list[list[dict[str, Any]]]]:
    """Returns the duplicates of every image, by split; each pair is listed at both images."""
    found: dict[str, list[list[dict[str, Any]]]] = {
        split: [[] for _ in labels[split]] for split in SPLITS
    }
    for name, split in (("train_duplicates", "train"), ("test_duplicates", "test")):
        with core.located(files[name], "", _REMEDY):
            pairs = parse_duplicates(files[name].read(), labels["test"], labels[split])
        for test_row, row, distance, judgment in pairs:
            how = {"distance": distance, "judgment": judgment}
            found["test"][test_row].append({"split": split, "index": row, **how})
            found[split][row].append({"split": "test", "index": test_row, **how})
    return found


def parse_duplicates(
    content: bytes, test_labels: np.ndarray, labels: np.ndarray
) -> list[tuple[int, int, float, str]]:
    """Reads a list of ciFAIR; returns test row, other row, distance and judgment of each pair.

    Args:
      content: `duplicates_cifar10.csv` or `duplicates_cifar10_test.csv`.
      test_labels: Labels of the test images.
      labels: Labels of the images that the second column is about.

    Raises:
      ValueError: It is something else, or pairs images of different classes; the message names the
        line.
    """
    pairs = []
    for number, row in _lines(content, ["TestID", "TrainID", "Distance", "Judgment"]):
        first, second, judgment = (_whole(number, row[i]) for i in (0, 1, 3))
        try:
            distance = float(row[2])
        except ValueError as e:
            raise ValueError(f"line {number}: {row[2]!r} is no distance") from e
        if first >= len(test_labels) or second >= len(labels) or judgment >= len(JUDGMENTS):
            raise ValueError(f"line {number}: no such image or judgment")
        if test_labels[first] != labels[second]:
            raise ValueError(f"line {number}: the two images have different labels")
        pairs.append((first, second, distance, JUDGMENTS[judgment]))
    return pairs


def _label_errors(content: bytes, given: np.ndarray) -> list[dict[str, Any]]:
    """Returns the feature `label_error` of each test image."""
    found = [_NO_CANDIDATE] * len(given)
    for row, candidate in label_errors.parse(content, given, _CHOICES).items():
        _classes(np.array(candidate["guessed_label"]), f"our_guessed_label of id {row}")
        found[row] = candidate
    return found


# ------------------------------------------------------------------------------------------ helpers


def _lines(content: bytes, header: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yields the rows of a CSV file below its header, with their line numbers."""
    rows = csv.reader(io.StringIO(content.decode("ascii"), newline=""))
    try:
        if next(rows, None) != header:
            raise ValueError(f"line 1: not the header {','.join(header)}")
        for number, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise ValueError(f"line {number}: {len(row)} cells, expected {len(header)}")
            yield number, row
    except csv.Error as e:
        raise ValueError(f"line {rows.line_num}: {e}") from e


def _whole(line: int, text: str) -> int:
    if not (text.isdecimal() and len(text) < 10):
        raise ValueError(f"line {line}: {text[:20]!r} is no whole number")
    return int(text)


def _table(file: core.Content, dtype: type, row_shape: tuple[int, ...], count: int) -> np.ndarray:
    table = npy.parse(file.read(), dtype, row_shape)
    if len(table) != count:
        raise ValueError(f"{len(table):,} rows, expected {count:,}")
    return table


def _classes(labels: np.ndarray, name: str) -> np.ndarray:
    if labels.size and not (0 <= labels.min() and labels.max() < _CLASSES):
        raise ValueError(f"{name}: not all of them are numbers from 0 to {_CLASSES - 1}")
    return labels


def _check_rows(fine: np.ndarray, problem: str) -> None:
    wrong = np.flatnonzero(~fine.reshape(len(fine), -1).all(axis=1))
    if len(wrong):
        raise ValueError(f"row {int(wrong[0]):,}: {problem}")
