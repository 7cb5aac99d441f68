"""Makes dummy_data/fashion_mnist_corrupted: woven shapes for articles, each corrupted in some way.

Run it as a script after a change: `python tests/datasets/fashion_mnist_corrupted/make_miniature.py`.
"""

from __future__ import annotations

import gzip
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import idx_writer
import miniature_files

from tfds_extra.datasets.fashion_mnist_corrupted import recipes

_CORRUPTED = "https://github.com/testingautomated-usi/fashion-mnist-c/raw/v1.0.0/generated/npy/"
_ORIGINAL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
COUNTS = {"train": 30, "test": 20}
_PREFIXES = {"train": "train", "test": "t10k"}
# In the order of the publisher's code.
PUBLISHED = (
    "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate",
    "brightness", "contrast", "saturate", "inverse", "flip_sides", "flip_up_down", "turn_right",
    "turn_left",
)  # fmt: skip
# Articles that stand there twice: split and row of one, and of the other.
TWINS = (
    (("train", 11), ("train", 21)),
    (("train", 11), ("test", 15)),
    (("train", 5), ("train", 20)),
    (("train", 7), ("test", 13)),
    (("train", 28), ("test", 8)),
)
# Rows of test that are peculiar in config mixed.
SYMMETRIC, ALTERED, FOREIGN = 18, 16, 17


def labels(split: str) -> np.ndarray:
    """All classes in turn."""
    return (np.arange(COUNTS[split]) * 7 % 10).astype(np.uint8)


def originals(split: str) -> np.ndarray:
    """Woven shapes, as wide at the top and at the bottom as the class says."""
    images = np.stack([_article(split, row) for row in range(COUNTS[split])])
    for first, second in TWINS:
        if second[0] == split:
            images[second[1]] = _article(*first)
    return images


def _article(split: str, row: int) -> np.ndarray:
    if (split, row) == ("test", SYMMETRIC):
        image = np.zeros((28, 28), np.uint8)
        image[8:20, 8:20] = 200
        image[12:16, 12:16] = 90
        return image
    label = int(labels(split)[row])
    generator = np.random.default_rng([ord(split[1]), row])
    rows, columns = np.mgrid[:28, :28]
    half_width = 3 + label % 5 + (rows - 4) * (label // 5 * 2 - 1) / 8
    shape = (abs(columns - 13.5 + label % 3) < half_width) & (3 < rows) & (rows < 25)
    weave = 150 + 40 * np.sin(rows * (1 + label) / 3) + 40 * np.cos(columns / (1 + row % 3))
    return np.where(shape, weave + generator.integers(-15, 16, (28, 28)), 0).astype(np.uint8)


def corruptions(split: str) -> list[str]:
    """What is done to each image in config mixed."""
    names = [PUBLISHED[row % len(PUBLISHED)] for row in range(COUNTS[split])]
    if split == "test":
        # Turned to the right or to the left, it is the same. Nobody published a translated one.
        names[SYMMETRIC], names[ALTERED], names[FOREIGN] = "turn_right", "contrast", "translate"
    return names


def corrupted(split: str) -> np.ndarray:
    """The published arrays."""
    images = originals(split)
    for row, name in enumerate(corruptions(split)):
        images[row : row + 1] = recipes.corrupt(name, images[row : row + 1], split, row)[0]
    if split == "test":
        images[ALTERED, 3, 5] += 1
    return images


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    files = {}
    for split, prefix in _PREFIXES.items():
        for name, content in (
            (f"{prefix}-images-idx3-ubyte.gz", originals(split)),
            (f"{prefix}-labels-idx1-ubyte.gz", labels(split)),
        ):
            files[_ORIGINAL + name] = (name, gzip.compress(idx_writer.encode(content), mtime=0))
        for name, content in (
            (f"fmnist-c-{split}.npy", corrupted(split)),
            (f"fmnist-c-{split}-labels.npy", labels(split).astype(np.int64)),
        ):
            files[_CORRUPTED + name] = (name, miniature_files.npy(content))
    miniature_files.write_files(folder, files)
    miniature_files.write_table(
        folder / "counts.tsv",
        ["config", "split", "examples"],
        [("*", split, count) for split, count in COUNTS.items()],
    )
    miniature_files.write_table(
        folder / "classes.tsv",
        ["split", "label", "images"],
        [
            (split, label, count)
            for split in COUNTS
            for label, count in enumerate(np.bincount(labels(split), minlength=10))
        ],
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "fashion_mnist_corrupted")
