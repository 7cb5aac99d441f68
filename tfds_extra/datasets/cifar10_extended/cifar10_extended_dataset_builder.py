"""CIFAR-10 with all that was found out about its images: names, votes, noise, duplicates, errors."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.cifar10_extended import annotations as annotation_files
from tfds_extra.datasets.cifar10_extended import features
from tfds_extra.formats import cifar_batch, label_errors, safe_pickle

_HOMEPAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_CIFAR10 = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_GITHUB = "https://raw.githubusercontent.com/"
_CIFAR10H = _GITHUB + "jcpeterson/cifar-10h/48da312b193b82e6939ec20f23d1f09cbdd849c8/data/"
_CIFAR10N = _GITHUB + "UCSC-REAL/cifar-10-100n/49df7d8a69e355470c77c1c2f2424916325a394b/"
_CIFAIR = _GITHUB + "cvjena/cifair/4c2764277f5fda8fec6784a78c1818eab13236c5/"

# Split and number of each batch; the rows of a split are those of its batches, one after the other.
_BATCHES = {f"data_batch_{i}": ("train", i) for i in range(1, 6)} | {"test_batch": ("test", 0)}
_NAMES = "batches.meta"
_BLOCK = 1000  # Images that are handed on at once, 3 MB.


@dataclasses.dataclass(frozen=True)
class _Piece:
    """The archive, which is one compressed stream and so one piece, and the files joined to it.

    Attributes:
      batches: The archive.
      files: The other published files.
    """

    batches: core.Tree
    files: dict[str, core.Content]


class Builder(core.Builder):
    """CIFAR-10, extended."""

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {
        "1.0.0": "Initial release.",
        "2.0.0": "`worker1_id` to `worker3_id` are int64, as in TFDS's cifar10_n. The stored bytes are"
        " those of 1.0.0.",
    }
    READ_AT_ONCE = 10_000  # A batch is a pickle.
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(
            name="default",
            description="CIFAR-10 with file names, human and noisy labels, duplicates, label errors.",
        ),
        tfds.core.BuilderConfig(
            name="raw_votes",
            description="The same, and every single vote of CIFAR-10H: who, when, and how fast.",
        ),
        tfds.core.BuilderConfig(
            name="cifair",
            description="The same, and the images of ciFAIR-10, where test images that are"
            " duplicates were replaced. They are what as_supervised gives.",
        ),
    ]
    DRAWN_DISTRIBUTIONS = ("human_probs",)
    DRAWN_SPLIT = "test"  # CIFAR-10H asked people about these images only.

    def _info(self) -> tfds.core.DatasetInfo:
        is_cifair = self.base_config_name == "cifair"
        return self.dataset_info(
            features={
                **features.of_cifar10(),
                **(features.of_cifair() if is_cifair else {}),
                **features.of_cifar10h(),
                **(features.of_votes() if self.base_config_name == "raw_votes" else {}),
                **features.of_cifar10n(),
                **features.of_checks(),
            },
            supervised_keys=("cifair_image", "cifair_label") if is_cifair else ("image", "label"),
            disable_shuffling=True,  # Row i is row i of CIFAR-10, and of all that is joined to it.
            homepage=_HOMEPAGE,
            license="CIFAR-10: none stated, the publisher asks to be cited. CIFAR-10H: CC BY-NC-SA"
            " 4.0. CIFAR-10N: CC BY-NC 4.0. Label errors: Apache-2.0. ciFAIR: none stated for its"
            " lists and images. The non-commercial terms hold for every config.",
        )

    def published_files(self) -> dict[str, core.Archive | core.File]:
        probabilities = "cross_validated_predicted_probabilities/cifar10_test_set_pyx.npy"
        labels = "original_test_labels/cifar10_test_set_original_labels.npy"
        files: dict[str, core.Archive | core.File] = {
            "cifar10": core.Archive(_CIFAR10, "cifar-10-batches-py", holds=("data_batch_*",)),
            "human_counts": core.File(_CIFAR10H + "cifar10h-counts.npy"),
            "human_probs": core.File(_CIFAR10H + "cifar10h-probs.npy"),
            "noisy_labels": core.File(_CIFAR10N + "data/CIFAR-10_human.pt"),
            "workers": core.File(_CIFAR10N + "side_info_cifar10N.csv"),
            "train_duplicates": core.File(_CIFAIR + "meta/duplicates_cifar10.csv"),
            "test_duplicates": core.File(_CIFAIR + "meta/duplicates_cifar10_test.csv"),
            "label_errors": core.File(label_errors.PUBLISHED_AT + "mturk/cifar10_mturk.json"),
            "given_labels": core.File(label_errors.PUBLISHED_AT + labels),
            "cv_pred_probs": core.File(label_errors.PUBLISHED_AT + probabilities),
        }
        if self.base_config_name == "raw_votes":
            files["votes"] = core.File(_CIFAR10H + "cifar10h-raw.zip", root="cifar10h-raw.csv")
        if self.base_config_name == "cifair":
            files["cifair"] = core.File(_CIFAIR + "cifair-10/test_batch")
        return files

    def member_digests(self, file, tree, prefix=""):
        if file != "cifar10":
            return {}
        return {row["member"]: row["md5"] for row in self.read_facts("members.tsv")}

    def whole_files(self, split):
        return ("votes",) if self.base_config_name == "raw_votes" else ()

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        piece = _Piece(files.pop("cifar10"), files)
        return core.by_split(annotation_files.SPLITS, [piece], self._generate_examples)

    def _generate_examples(self, piece: _Piece) -> Iterator[core.Rows]:
        """Yields the images, many at a time."""
        facts = {row["fact"]: int(row["value"]) for row in self.read_facts("facts.tsv")}
        labels, columns = annotation_files.read(
            piece.files, self.expected_counts, facts["human_majority_is_label"]
        )
        if "votes" in piece.files:
            columns["train"] |= annotation_files.no_votes(labels["train"])
            columns["test"] |= annotation_files.read_votes(piece.files["votes"], labels["test"])

        def make(name: str, content: bytes) -> Iterator[core.Rows]:
            if name == _NAMES:
                _check_names(content)
                return
            split, number = _BATCHES[name]
            count = self._batch_size(split)
            first = count * max(0, number - 1)
            batch = cifar_batch.parse(content, count=count)
            _check_labels(batch.labels, labels[split][first : first + count])
            self._check_anchors(batch.rows, split, first)
            rows = _batch_columns(batch, split, number, first)
            rows |= {name: column[first : first + count] for name, column in columns[split].items()}
            rows["image"] = batch.images
            if "cifair" in piece.files:
                rows |= _cifair_columns(piece.files["cifair"], split, batch.images, batch.labels)
            for start in range(0, count, _BLOCK):
                block = slice(start, min(start + _BLOCK, count))
                keys = range(first + block.start, first + block.stop)
                yield core.Rows(split, keys, {name: rows[name][block] for name in rows})

        wanted = [*_BATCHES, _NAMES]
        batches = self.members(
            "cifar10",
            piece.batches,
            wanted,
            what="batches",
            split_of=lambda name: _BATCHES.get(name, ("",))[0],
        )
        yield from batches.make(make)

    def _batch_size(self, split: str) -> int:
        batches = [name for name, (in_split, _) in _BATCHES.items() if in_split == split]
        return self.expected_counts[split] // len(batches)

    def _check_anchors(self, rows: np.ndarray, split: str, first: int) -> None:
        """Raises if one of the images whose digests are known is another one."""
        for anchor in self.read_facts("anchors.tsv"):
            i = int(anchor["index"]) - first
            if anchor["split"] == split and 0 <= i < len(rows):
                if hashlib.sha256(rows[i].tobytes()).hexdigest() != anchor["sha256"]:
                    raise ValueError(f"row {i:,}: another image than in the published file")


# ---------------------------------------------------------------------------- records to examples


def _batch_columns(batch: cifar_batch.Batch, split: str, number: int, first: int) -> dict[str, Any]:
    """Returns the columns that a batch itself has."""
    count = len(batch.labels)
    if len(batch.file_names) != count:
        raise ValueError("the batch has no file names")
    return {
        "id": [f"{split}_{i:05d}" for i in range(first, first + count)],
        "label": batch.labels,
        "filename": batch.file_names,
        "keyword": [_keyword(name) for name in batch.file_names],
        "batch": np.full(count, number, np.int32),
        "batch_index": np.arange(count, dtype=np.int32),
        "index": np.arange(first, first + count, dtype=np.int32),
    }


def _keyword(file_name: str) -> str:
    """Returns the WordNet word that found an image: tabby_cat for tabby_cat_s_000001.png."""
    stem = file_name.removesuffix(".png")
    return stem.rpartition("_s_")[0] or stem


def _cifair_columns(
    file: core.Content, split: str, images: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """Returns ciFAIR's images for those of a batch; its training images are CIFAR-10's."""
    if split == "train":
        never = np.zeros(len(labels), np.bool_)
        return {"cifair_image": images, "cifair_label": labels, "cifair_replaced": never}
    with core.located(file, "", "Get the file again from its publisher."):
        fair = cifar_batch.parse(file.read(), count=len(labels))
        replaced = (fair.images != images).any(axis=(1, 2, 3))
        if 2 * replaced.sum() > len(replaced):
            raise ValueError(
                f"{replaced.sum():,} of {len(replaced):,} images are not CIFAR-10's: the rows are"
                " in another order"
            )
    return {"cifair_image": fair.images, "cifair_label": fair.labels, "cifair_replaced": replaced}


def _check_names(content: bytes) -> None:
    names = safe_pickle.load_dict(content).get("label_names")
    if names not in (features.CLASSES, [name.encode() for name in features.CLASSES]):
        raise ValueError("other classes than CIFAR-10's, or in another order")


def _check_labels(found: np.ndarray, expected: np.ndarray) -> None:
    differs = np.flatnonzero(found != expected)
    if len(differs):
        row = int(differs[0])
        raise ValueError(
            f"row {row:,}: label {found[row]} here, and {expected[row]} in what is joined to it"
        )
