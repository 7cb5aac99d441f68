"""Makes dummy_data/qmnist: drawn digits, and a small NIST that all of them are from.

Run it as a script after a change: `python tests/datasets/qmnist/make_miniature.py`.
"""

from __future__ import annotations

import gzip
import json
import lzma
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import idx_writer
import miniature_files

_QMNIST = "https://raw.githubusercontent.com/facebookresearch/qmnist/94061367ec2e099ea18c553c75727ecf849ddb9b/"  # fmt: skip
_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_LABEL_ERRORS = "https://raw.githubusercontent.com/cleanlab/label-errors/6d5d6b31a13216290afc40e5c6319399c4d15c06/"  # fmt: skip

_NIST = 60
_TRAIN, _TEST, _MNIST_TEST = 20, 20, 12
# NIST index of each digit of train, then of test.
_ORIGINS = np.random.default_rng(19).permutation(_NIST)[: _TRAIN + _TEST]


def nist_labels() -> np.ndarray:
    """The rows of xnist's labels: six writers, of all series, who write the digits in turn."""
    index = np.arange(_NIST)
    writer = index // 10
    labels = np.zeros((_NIST, 8), np.int32)
    labels[:, 0] = (index * 7) % 10
    labels[:, 1] = np.array([0, 1, 2, 3, 4, 6])[writer]
    labels[:, 2] = np.array([3, 501, 1004, 1502, 2101, 3102])[writer]
    labels[:, 3] = index % 10
    labels[:, 4] = 30 + labels[:, 0]
    labels[:, 5] = index
    labels[33, 6] = 32  # A copy.
    labels[33, [0, 4]] = labels[32, [0, 4]]
    return labels


def images(labels: np.ndarray) -> np.ndarray:
    """Drawn digits, as grey as their NIST index says."""
    pictures = np.zeros((len(labels), 28, 28), np.uint8)
    for picture, row in zip(pictures, labels):
        drawn = miniature_files.digit(int(row[0]), 20, 12)
        picture[4:24, 8:20][drawn] = 255 - row[5]
    return pictures


def label_errors(given: np.ndarray) -> list[dict]:
    """Candidates: kept, corrected, neither, and one whose votes are counted twice."""
    votes = {1: (5, 0, 0), 4: (0, 4, 1), 7: (1, 1, 3), 9: (4, 4, 1)}
    entries = []
    for row, (kept, changed, neither) in votes.items():
        label = int(given[row])
        guessed = label if row == 9 else (label + 1) % 10
        entries.append({
            "id": row,
            "url": f"https://example.org/mnist/{row}.png",
            "given_original_label": label,
            "given_original_label_name": str(label),
            "our_guessed_label": guessed,
            "our_guessed_label_name": str(guessed),
            "mturk": {"given": kept, "guessed": changed, "neither": neither},
        })  # fmt: skip
    return entries


def probabilities(given: np.ndarray) -> np.ndarray:
    """Sure of most labels, float64."""
    table = np.full((len(given), 10), 0.1 / 9)
    table[np.arange(len(given)), given] = 0.9
    return table


def _gz(array: np.ndarray) -> bytes:
    return gzip.compress(idx_writer.encode(array), mtime=0)


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    nist = nist_labels()
    train, test = nist[_ORIGINS[:_TRAIN]], nist[_ORIGINS[_TRAIN:]]
    given = test[:_MNIST_TEST, 0]
    # MNIST's images are a little lighter.
    mnist_train, mnist_test = (
        np.maximum(images(rows), 3) - 3 for rows in (train, test[: len(given)])
    )
    files = {
        _QMNIST: {
            "qmnist-train-images-idx3-ubyte.gz": _gz(images(train)),
            "qmnist-train-labels-idx2-int.gz": _gz(train),
            "qmnist-test-images-idx3-ubyte.gz": _gz(images(test)),
            "qmnist-test-labels-idx2-int.gz": _gz(test),
            "qmnist-test-labels-idx1-ubyte.gz": _gz(test[:, 0].astype(np.uint8)),
            "xnist-images-idx3-ubyte.xz": lzma.compress(idx_writer.encode(images(nist))),
            "xnist-labels-idx2-int.xz": lzma.compress(idx_writer.encode(nist)),
        },
        _MNIST: {
            "train-images-idx3-ubyte.gz": _gz(mnist_train),
            "train-labels-idx1-ubyte.gz": _gz(train[:, 0].astype(np.uint8)),
            "t10k-images-idx3-ubyte.gz": _gz(mnist_test),
            "t10k-labels-idx1-ubyte.gz": _gz(given.astype(np.uint8)),
        },
        _LABEL_ERRORS: {
            "mturk/mnist_mturk.json": json.dumps(label_errors(given), indent=2).encode(),
            "original_test_labels/mnist_test_set_original_labels.npy": miniature_files.npy(
                given.astype(np.uint16)
            ),
            "cross_validated_predicted_probabilities/mnist_test_set_pyx.npy": miniature_files.npy(
                probabilities(given)
            ),
        },
    }
    miniature_files.write_files(
        folder,
        {
            url + name: (name.split("/")[-1], content)
            for url, contents in files.items()
            for name, content in contents.items()
        },
    )
    miniature_files.write_table(
        folder / "counts.tsv",
        ["config", "split", "examples"],
        [
            ("qmnist", "train", _TRAIN),
            ("qmnist", "test", _TEST),
            ("qmnist_mnist", "train", _TRAIN),
            ("qmnist_mnist", "test", _TEST),
            ("nist", "nist", _NIST),
        ],
    )
    miniature_files.write_table(
        folder / "subsets.tsv",
        ["subset", "split", "start", "stop"],
        [("test10k", "test", 0, _MNIST_TEST), ("test50k", "test", _MNIST_TEST, _TEST)],
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "qmnist")
