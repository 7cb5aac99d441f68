"""QMNIST: MNIST with the writer of each digit, its lost test digits, and all of NIST's digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.qmnist import features
from tfds_extra.formats import idx, label_errors, npy

_HOMEPAGE = "https://github.com/facebookresearch/qmnist"
_QMNIST = (
    "https://raw.githubusercontent.com/facebookresearch/qmnist/"
    "94061367ec2e099ea18c553c75727ecf849ddb9b/"
)
_MNIST = ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/")  # fmt: skip

# Columns of the label files, in their order.
_COLUMNS = (
    "label",
    "hsf_series",
    "writer_id",
    "writer_digit_index",
    "nist_class_code",
    "nist_index",
    "duplicate_of",
    "reserved",
)
_NIST_INDEX = _COLUMNS.index("nist_index")
_BLOCK = 7840  # Images that are read at once, 6 MB.
_REMEDY = "Get the file again from its publisher."


class Builder(core.Builder):
    """QMNIST."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    READ_AT_ONCE = _BLOCK
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(
            name="qmnist",
            description="60,000 digits for training and 60,000 for testing, in published order.",
        ),
        tfds.core.BuilderConfig(
            name="qmnist_mnist", description="The same, each digit with its MNIST image beside it."
        ),
        tfds.core.BuilderConfig(
            name="nist", description="All 402,953 digits of NIST Special Database 19."
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        is_nist = self.base_config_name == "nist"
        return self.dataset_info(
            features={
                **features.of_digits(),
                **(features.of_nist() if is_nist else features.of_label_errors()),
                **(features.of_mnist_images() if self.base_config_name == "qmnist_mnist" else {}),
            },
            supervised_keys=("image", "label"),
            disable_shuffling=True,  # Slices of a split are the published subsets.
            homepage=_HOMEPAGE,
            license="QMNIST: BSD-style licence of Facebook, Inc. Label errors: Apache-2.0.",
            metadata={} if is_nist else {"subsets": self._subsets()},
        )

    def published_files(self) -> dict[str, core.File]:
        files = {
            "train_labels": _qmnist("qmnist-train-labels-idx2-int", "gz"),
            "test_labels": _qmnist("qmnist-test-labels-idx2-int", "gz"),
        }
        if self.base_config_name == "nist":
            return files | {
                "nist_images": _qmnist("xnist-images-idx3-ubyte", "xz"),
                "nist_labels": _qmnist("xnist-labels-idx2-int", "xz"),
            }
        errors, given, probabilities = (
            "mturk/mnist_mturk.json",
            "original_test_labels/mnist_test_set_original_labels.npy",
            "cross_validated_predicted_probabilities/mnist_test_set_pyx.npy",
        )
        files |= {
            "train_images": _qmnist("qmnist-train-images-idx3-ubyte", "gz"),
            "test_images": _qmnist("qmnist-test-images-idx3-ubyte", "gz"),
            "test_classes": _qmnist("qmnist-test-labels-idx1-ubyte", "gz"),
            "label_errors": core.File(label_errors.PUBLISHED_AT + errors),
            "given_labels": core.File(label_errors.PUBLISHED_AT + given),
            "probabilities": core.File(label_errors.PUBLISHED_AT + probabilities),
        }
        if self.base_config_name == "qmnist_mnist":
            files |= {
                "mnist_train_images": _mnist("train-images-idx3-ubyte"),
                "mnist_train_labels": _mnist("train-labels-idx1-ubyte"),
                "mnist_test_images": _mnist("t10k-images-idx3-ubyte"),
                "mnist_test_labels": _mnist("t10k-labels-idx1-ubyte"),
            }
        return files

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        splits = list(self.expected_counts)
        pieces = [core.SplitFiles(split, files) for split in splits]
        return core.by_split(splits, pieces, self._generate_examples)

    def _generate_examples(self, piece: core.SplitFiles) -> Iterator[core.Rows]:
        """Yields the digits of one split, many at a time."""
        split, files = piece.split, piece.files
        labels = _read_labels(files[f"{split}_labels"])
        columns = _digit_columns(labels)
        if self.base_config_name == "nist":
            columns |= self._origin_columns(labels, files)
            columns |= _mnist_columns(
                columns["qmnist_split"], columns["qmnist_index"], self._mnist_tests
            )
        else:
            in_split = np.full(len(labels), features.SPLITS.index(split))
            columns |= _mnist_columns(in_split, np.arange(len(labels)), self._mnist_tests)
            columns |= self._label_error_columns(split, labels, files)
        images = _read_images(files[f"{split}_images"], len(labels))
        if self.base_config_name == "qmnist_mnist":
            count = int((columns["mnist_index"] >= 0).sum())
            classes = _read_classes(files[f"mnist_{split}_labels"])
            core.check_same_rows(files[f"mnist_{split}_labels"], classes, labels[:count, 0])
            mnist_images = _with_blanks(
                _read_images(files[f"mnist_{split}_images"], count), count, len(labels)
            )
        start = 0
        for block in images:
            stop = start + len(block)
            batch = {name: column[start:stop] for name, column in columns.items()}
            batch["image"] = block
            if self.base_config_name == "qmnist_mnist":
                batch["mnist_image"] = next(mnist_images)
            yield core.Rows(split, range(start, stop), batch)
            start = stop

    def _subsets(self) -> dict[str, str]:
        """Returns the slices that are published subsets, by their name."""
        return {
            row["subset"]: f"{row['split']}[{row['start']}:{row['stop']}]"
            for row in self.read_facts("subsets.tsv")
        }

    @property
    def _mnist_tests(self) -> int:
        """Number of the test digits that are MNIST's; they come first."""
        subsets = {row["subset"]: row for row in self.read_facts("subsets.tsv")}
        return int(subsets["test10k"]["stop"])

    def _label_error_columns(
        self, split: str, labels: np.ndarray, files: Mapping[str, core.Content]
    ) -> dict[str, Any]:
        """Returns the columns about wrong labels: in test, of the digits that are MNIST's."""
        errors = [label_errors.NO_CANDIDATE] * len(labels)
        probabilities = np.full((len(labels), 10), np.nan)
        if split == "test":
            core.check_same_rows(
                files["test_classes"], _read_classes(files["test_classes"]), labels[:, 0]
            )
            count = self._mnist_tests
            with core.located(files["given_labels"], "", _REMEDY):
                given = npy.parse(files["given_labels"].read(), np.uint16)
            core.check_same_rows(files["given_labels"], given, labels[:count, 0])
            with core.located(files["label_errors"], "", _REMEDY):
                content = files["label_errors"].read()
                for row, candidate in label_errors.parse(content, given).items():
                    errors[row] = candidate
            with core.located(files["probabilities"], "", _REMEDY):
                parsed = npy.parse(files["probabilities"].read(), np.float64, (10,))
                if len(parsed) != count:
                    raise ValueError(f"{len(parsed):,} rows, expected {count:,}")
                probabilities[:count] = parsed
        return {
            "is_mnist_test": np.arange(len(labels)) < (self._mnist_tests if split == "test" else 0),
            "label_error": errors,
            "cv_pred_probs": probabilities,
        }

    def _origin_columns(
        self, labels: np.ndarray, files: Mapping[str, core.Content]
    ) -> dict[str, np.ndarray]:
        """Returns which QMNIST digit each NIST digit became."""
        core.check_same_rows(files["nist_labels"], labels[:, _NIST_INDEX], np.arange(len(labels)))
        splits = np.zeros(len(labels), np.int64)
        indices = np.full(len(labels), -1, np.int32)
        for split in ("train", "test"):
            rows = _read_labels(files[f"{split}_labels"])
            origins = rows[:, _NIST_INDEX]
            with core.located(files[f"{split}_labels"], "", _REMEDY):
                if rows.size and not (0 <= origins.min() and origins.max() < len(labels)):
                    raise ValueError(f"a NIST index is not one of {len(labels):,} digits")
            core.check_same_rows(files[f"{split}_labels"], rows, labels[origins])
            splits[origins] = features.SPLITS.index(split)
            indices[origins] = np.arange(len(rows))
        return {"qmnist_split": splits, "qmnist_index": indices}


# ---------------------------------------------------------------------------- records to examples


def _digit_columns(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the columns of a label file by name."""
    columns = dict(zip(_COLUMNS, labels.T))
    # The publisher's 0 means that it is no duplicate. There is a digit 0, but it has no duplicates.
    duplicate_of = columns["duplicate_of"]
    columns["duplicate_of"] = np.where(duplicate_of == 0, -1, duplicate_of).astype(np.int32)
    return columns


def _mnist_columns(
    splits: np.ndarray, indices: np.ndarray, mnist_tests: int
) -> dict[str, np.ndarray]:
    """Returns which MNIST digit is made from the same one, given the split and row in QMNIST."""
    test = features.SPLITS.index("test")
    has_one = (splits == features.SPLITS.index("train")) | (
        (splits == test) & (indices < mnist_tests)
    )
    return {
        "mnist_split": np.where(has_one, splits, 0),
        "mnist_index": np.where(has_one, indices, -1).astype(np.int32),
    }


# ---------------------------------------------------------------------------------- published files


def _qmnist(name: str, compression: str) -> core.File:
    return core.File(f"{_QMNIST}{name}.{compression}", root=name)


def _mnist(name: str) -> core.File:
    return core.File(core.Mirrors([f"{url}{name}.gz" for url in _MNIST]), root=name)


def _read_labels(file: core.Content) -> np.ndarray:
    """Returns the rows of a label file, int32 of shape (digits, 8)."""
    with core.located(file, "", _REMEDY), file.open() as content:
        labels = idx.read(content, np.int32, (len(_COLUMNS),))
        if labels.size and not (0 <= labels[:, 0].min() and labels[:, 0].max() < 10):
            row = int(np.flatnonzero((labels[:, 0] < 0) | (labels[:, 0] > 9))[0])
            raise ValueError(f"row {row:,}: {labels[row, 0]} is no digit")
        return labels


def _read_classes(file: core.Content) -> np.ndarray:
    with core.located(file, "", _REMEDY), file.open() as content:
        return idx.read(content, np.uint8)


def _read_images(file: core.Content, count: int) -> Iterator[np.ndarray]:
    """Yields the `count` images of a file in blocks of shape (images, 28, 28, 1)."""
    with core.located(file, "", _REMEDY), file.open() as content:
        found = 0
        for block in idx.read_blocks(content, np.uint8, features.SHAPE[:2], _BLOCK):
            found += len(block)
            if found > count:
                break
            yield block[..., np.newaxis]
        if found != count:
            more = "more than " if found > count else ""
            raise ValueError(f"{more}{min(found, count):,} images for {count:,} labels")


def _with_blanks(blocks: Iterator[np.ndarray], count: int, total: int) -> Iterator[np.ndarray]:
    """Yields the images in blocks of the same size, followed by blank ones up to `total`."""
    image = next(blocks, None)
    for start in range(0, total, _BLOCK):
        size = min(_BLOCK, total - start)
        batch = np.zeros((size, *features.SHAPE), np.uint8)
        if image is not None:
            batch[: len(image)] = image
            image = next(blocks, None)  # After the last one, this checks the end of the file.
        yield batch
