"""Fashion-MNIST corrupted: all published labels, the real images at hand, and independent readers.

Of the images there are the first 100 corrupted ones of each split, and the first five originals.
"""

from __future__ import annotations

import gzip
import hashlib
import pathlib
import shutil

import idx2numpy
import idx_writer
import miniature_files
import numpy as np
import preparing
import pytest
import tampering
import tensorflow as tf
import tensorflow_datasets as tfds

from tfds_extra import registry
from tfds_extra.core import tables
from tfds_extra.formats import idx, npy

_PREFIXES = {"train": "train", "test": "t10k"}
_COUNTS = {"train": 60_000, "test": 10_000}
# The corpus's sheet: the first labels, and the corruptions of the first images, which were found by
# another implementation of the recipes.
_LABELS = {"train": [9, 0, 0, 3, 0, 2, 7, 2, 5, 5], "test": [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]}
_CORRUPTIONS = {
    "train": ["impulse_noise", "shear", "contrast", "inverse", "saturate"],
    "test": ["turn_left", "motion_blur", "contrast", "impulse_noise", "shot_noise"],
}
_FIRST_100 = {
    "train": "29232784bf771a3b3ac251362bf6f6fcaa5b9754d8081fb97372a411d24fd36f",
    "test": "6b0364e33eacd5f9c356d49c5ee87e8a6a595cbb60c2ff06c602334bf8032f58",
}


def original_labels(real: pathlib.Path, split: str) -> pathlib.Path:
    """The original's label file."""
    return real / "fashion-mnist/data/fashion" / f"{_PREFIXES[split]}-labels-idx1-ubyte.gz"


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels(real, split):
    """The same in both forms of Fashion-MNIST-C and in Fashion-MNIST, by two readers each."""
    path = real / f"generated/npy/fmnist-c-{split}-labels.npy"
    labels = npy.parse(path.read_bytes(), np.int64)
    np.testing.assert_array_equal(labels, np.load(path))
    twin = real / f"generated/ubyte/fmnist-c-{split}-labels-ubyte.gz"  # Not compressed.
    with twin.open("rb") as file:
        np.testing.assert_array_equal(idx.read(file, np.uint8), labels)
    np.testing.assert_array_equal(idx2numpy.convert_from_file(str(twin)), labels)
    with gzip.open(original_labels(real, split)) as file:
        np.testing.assert_array_equal(idx2numpy.convert_from_file(file), labels)
    assert len(labels) == _COUNTS[split] and labels[:10].tolist() == _LABELS[split]
    classes = tables.read_tsv(tfds.builder("fashion_mnist_corrupted").facts_path("classes.tsv"))
    expected = [int(row["images"]) for row in classes if row["split"] == split]
    assert np.bincount(labels).tolist() == expected


def published_images(real: pathlib.Path, split: str) -> np.ndarray:
    """The first 100 published images, uint8 of shape (100, 28, 28)."""
    return np.fromfile(
        real / f"generated/dummy/fmnist-c-{split}-ubyte.gz", np.uint8, offset=16
    ).reshape(100, 28, 28)


def original_images(real: pathlib.Path, split: str) -> np.ndarray:
    """The first five originals."""
    path = real / f"fashion-mnist/first5/{_PREFIXES[split]}-images-idx3-ubyte.gz"
    return np.fromfile(path, np.uint8, offset=16).reshape(5, 28, 28)


@pytest.mark.parametrize("split", ["train", "test"])
def test_first_images(real, split):
    images = published_images(real, split)
    assert hashlib.sha256(images.tobytes()).hexdigest() == _FIRST_100[split]
    path = real / f"generated/dummy/fmnist-c-{split}-ubyte.gz"
    with path.open("rb") as file:
        np.testing.assert_array_equal(idx.read(file, np.uint8, (28, 28)), images)
    np.testing.assert_array_equal(idx2numpy.convert_from_file(str(path)), images)


def test_png_examples(real):
    """The publisher's pictures of the first test images: inverted, from black to white."""
    for i, image in enumerate(published_images(real, "test")[:4].astype(float)):
        content = (real / f"generated/png-examples/single_{i}.png").read_bytes()
        picture = tf.io.decode_png(content).numpy()[..., 0]
        stretched = (image - image.min()) / (image.max() - image.min()) * 255
        assert picture.shape == (28, 28)
        # They went through a colour map of 256 steps.
        assert np.abs(255 - picture - stretched).max() < 2


@pytest.fixture
def five(real, tmp_path, monkeypatch) -> pathlib.Path:
    """A miniature of the real images of which there are both: five of each split."""
    folder = tmp_path / "five"
    shutil.copytree(registry.builder_cls("fashion_mnist_corrupted").miniature_dir(), folder)
    counts, classes = [], []
    for split, prefix in _PREFIXES.items():
        labels = np.array(_LABELS[split][:5])
        for name, content in {
            f"{prefix}-images-idx3-ubyte.gz": idx_writer.encode(original_images(real, split)),
            f"{prefix}-labels-idx1-ubyte.gz": idx_writer.encode(labels.astype(np.uint8)),
        }.items():
            tampering.write_vouched(folder, name, gzip.compress(content))
        for name, array in {
            f"fmnist-c-{split}.npy": published_images(real, split)[:5],
            f"fmnist-c-{split}-labels.npy": labels.astype(np.int64),
        }.items():
            tampering.write_vouched(folder, name, miniature_files.npy(array))
        counts.append(("*", split, 5))
        classes += [(split, i, n) for i, n in enumerate(np.bincount(labels, minlength=10))]
    miniature_files.write_table(folder / "counts.tsv", ["config", "split", "examples"], counts)
    miniature_files.write_table(folder / "classes.tsv", ["split", "label", "images"], classes)
    tampering.use_miniature(monkeypatch, "fashion_mnist_corrupted", folder)
    return folder


def test_corruptions_are_found(real, five, data_dir):
    builder = preparing.prepared("fashion_mnist_corrupted", data_dir, miniature=True)
    features = builder.info.features
    for split in _PREFIXES:
        rows = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        np.testing.assert_array_equal(rows["image"][..., 0], published_images(real, split)[:5])
        np.testing.assert_array_equal(rows["original_image"][..., 0], original_images(real, split))
        assert rows["label"].tolist() == _LABELS[split][:5]
        found = [features["corruption"].int2str(i) for i in rows["corruption"]]
        assert found == _CORRUPTIONS[split]
        matches = [features["corruption_match"].int2str(i) for i in rows["corruption_match"]]
        assert matches == ["rule" if name.endswith("noise") else "exact" for name in found]
        angles = dict(zip(found, rows["corruption_parameter"]))
        if split == "train":
            assert angles["shear"] == np.float32(-0.4)
        else:  # The sheet: between -18 and -17.5 by its search.
            assert -18.2 < angles["motion_blur"] < -17.5
        assert (rows["duplicate_of"] == -1).all()


def test_part_of_the_real_images(real, tmp_path, data_dir):
    """The first five of each split, unpacked, as a partial corpus."""
    manual_dir = tmp_path / "manual"
    manual_dir.mkdir()
    for split, prefix in _PREFIXES.items():
        images, labels = original_images(real, split), np.array(_LABELS[split][:5], np.uint8)
        (manual_dir / f"{prefix}-images-idx3-ubyte").write_bytes(idx_writer.encode(images))
        (manual_dir / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_writer.encode(labels))
    name = "fashion_mnist_corrupted/turn_left"
    tampering.prepare_refused(
        name, data_dir, "its classes have [3, 0", manual_dir=manual_dir, partial=False
    )
    builder = preparing.prepared(name, data_dir, manual_dir, partial=True)
    assert builder.info.metadata["missing"] == {"train": 59_995, "test": 9_995}
    for split in _PREFIXES:
        rows = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        turned = np.rot90(original_images(real, split), axes=(1, 2))
        np.testing.assert_array_equal(rows["image"][..., 0], turned)
    # The first test image is one that its publishers turned.
    np.testing.assert_array_equal(rows["image"][0, ..., 0], published_images(real, "test")[0])


def test_all_labels_through_the_builder(real, tmp_path, data_dir):
    """The real labels with images in which their row is written, 70,000 of them."""
    manual_dir = tmp_path / "manual"
    manual_dir.mkdir()
    for split, prefix in _PREFIXES.items():
        path = original_labels(real, split)
        (manual_dir / path.name).symlink_to(path.resolve())
        rows = np.arange(_COUNTS[split]) + (split == "test") * 100_000
        images = np.zeros((len(rows), 28, 28), np.uint8)
        images[:, 0, :4] = rows.astype(">u4").view(np.uint8).reshape(-1, 4)
        images[:2, 0, :4] = 7  # Two of each split are the same.
        (manual_dir / f"{prefix}-images-idx3-ubyte").write_bytes(idx_writer.encode(images))
    builder = preparing.prepared("fashion_mnist_corrupted/inverse", data_dir, manual_dir)
    assert builder.info.metadata["variant"] == "complete"
    for split, count in _COUNTS.items():
        rows = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        np.testing.assert_array_equal(
            rows["label"], np.load(real / f"generated/npy/fmnist-c-{split}-labels.npy")
        )
        np.testing.assert_array_equal(rows["index"], np.arange(count))
        written = np.ascontiguousarray(rows["original_image"][2:, 0, :4, 0]).view(">u4")[:, 0]
        np.testing.assert_array_equal(written, np.arange(2, count) + (split == "test") * 100_000)
        np.testing.assert_array_equal(rows["image"], 255 - rows["original_image"])
        # Of four that are the same, the first one of the other split.
        assert rows["duplicate_of"][:3].tolist() == [0, 0, -1]
        other = "test" if split == "train" else "train"
        assert builder.info.features["duplicate_split"].int2str(rows["duplicate_split"][1]) == other
        assert (rows["duplicate_of"][2:] == -1).all()
