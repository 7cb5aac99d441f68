"""QMNIST: all published rows, the real images of MNIST's test set, and independent readers of both.

The publisher's image files are not at hand: generated ones stand in, in each of which the row is
written, so that a row and its image cannot get apart without notice.
"""

from __future__ import annotations

import csv
import gzip
import json
import lzma
import pathlib
import struct

import idx2numpy
import idx_writer
import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds

from tfds_extra import core, registry
from tfds_extra.core.archives import Content
from tfds_extra.formats import idx

_NAMES = [
    "label", "hsf_series", "writer_id", "writer_digit_index", "nist_class_code", "nist_index",
    "duplicate_of", "reserved",
]  # fmt: skip
# The corpus's sheet: digits of each class, rows and writers by series.
_CLASSES = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "test": [5952, 6791, 6026, 6084, 5780, 5454, 5957, 6231, 5890, 5835],
    "test10k": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    "nist": [40363, 44704, 40072, 41112, 39154, 36606, 39937, 41893, 39579, 39533],
}
_SERIES = {
    "train": {0: 30950, 4: 29050},
    "test": {0: 18449, 1: 11956, 4: 29595},
    "test10k": {0: 4999, 4: 5001},
    "nist": {0: 53449, 1: 53312, 2: 52467, 3: 63896, 4: 58646, 6: 61094, 7: 60089},
}
_WRITERS = {"train": 539, "test": 535, "test10k": 297, "nist": 3579}
_COPIES = {95988: 95890, 158235: 158226, 223125: 223124}
_ERRORS = {  # Row of test: given, guess, correction.
    947: (8, 9, 9), 1621: (0, 6, 6), 1901: (9, 4, 4), 2130: (4, 9, -1), 2462: (2, 0, 0),
    2597: (5, 3, 3), 2654: (6, None, -1), 3520: (6, None, -1), 3558: (5, 0, 0), 5937: (5, 3, 3),
    6651: (0, 6, 6), 6783: (1, 6, 6), 8527: (4, 9, -1), 9679: (6, None, -1), 9729: (5, 6, 6),
}  # fmt: skip


def numbered(count: int, start: int = 0) -> np.ndarray:
    """Images in whose first pixels their number is written, and some ink."""
    images = np.zeros((count, 28, 28), np.uint8)
    numbers = np.arange(start, start + count, dtype=">u4")
    images[:, 0, :4] = numbers.view(np.uint8).reshape(count, 4)
    images[:, 14, 14] = 255
    return images


def numbers(images: np.ndarray) -> np.ndarray:
    """What is written in images of `numbered`."""
    return np.ascontiguousarray(images[:, 0, :4, 0]).view(">u4")[:, 0]


def write_images(path: pathlib.Path, count: int, start: int = 0) -> None:
    """An unpacked idx file of numbered images."""
    with path.open("wb") as file:
        file.write(struct.pack(">iiii", 2051, count, 28, 28))
        for first in range(0, count, 20_000):
            file.write(numbered(min(20_000, count - first), start + first).tobytes())


@pytest.fixture(scope="module")
def manual_dir(real, tmp_path_factory) -> pathlib.Path:
    """All files as a user has them, the images unpacked (and generated)."""
    folder = tmp_path_factory.mktemp("manual")
    for pattern in ("*labels-idx*", "mnist/*", "label-errors/*/*"):
        for path in real.glob(pattern):
            (folder / path.name).symlink_to(path.resolve())
    write_images(folder / "qmnist-train-images-idx3-ubyte", 60_000)
    write_images(folder / "qmnist-test-images-idx3-ubyte", 60_000, start=100_000)
    write_images(folder / "train-images-idx3-ubyte", 60_000, start=200_000)
    return folder


def published(real: pathlib.Path, which: str) -> np.ndarray:
    """The publisher's twin of a label file as text, read by the standard library."""
    name, opened = {
        "train": ("qmnist-train-labels.tsv.gz", gzip.open),
        "test": ("qmnist-test-labels.tsv.gz", gzip.open),
        "nist": ("xnist-labels.tsv.xz", lzma.open),
    }[which]
    with opened(real / name, "rt", encoding="ascii", newline="\n") as file:
        return np.array([[int(cell) for cell in row] for row in csv.reader(file, delimiter="\t")])


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def prepared(manual_dir, data_dir):
    """Config qmnist_mnist, which has all that qmnist has, complete."""
    builder = tfds.builder("qmnist/qmnist_mnist", data_dir=data_dir)
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder.download_and_prepare(download_dir=data_dir / "downloads", download_config=config)
    assert builder.info.metadata["variant"] == "complete"
    return {
        split: tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        for split in ("train", "test")
    }


def assert_rows(found: dict, rows: np.ndarray) -> None:
    """Every cell of the publisher's text is in the feature of its name."""
    assert len(found["label"]) == len(rows)
    for i, name in enumerate(_NAMES):
        expected = np.where(rows[:, i] == 0, -1, rows[:, i]) if i == 6 else rows[:, i]
        np.testing.assert_array_equal(found[name], expected, name)


def assert_facts(found: dict, which: str) -> None:
    """What is known of a part of the corpus."""
    assert np.bincount(found["label"]).tolist() == _CLASSES[which]
    series, counts = np.unique(found["hsf_series"], return_counts=True)
    assert dict(zip(series.tolist(), counts.tolist())) == _SERIES[which]
    assert len(np.unique(found["writer_id"])) == _WRITERS[which]


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_row(prepared, real, split):
    found = prepared[split]
    assert_rows(found, published(real, split))
    assert_facts(found, split)
    start = {"train": 0, "test": 100_000}[split]
    np.testing.assert_array_equal(numbers(found["image"]), np.arange(60_000) + start)
    assert (found["image"] == numbered(60_000, start)[..., None]).all()


def test_subsets_and_writers(prepared):
    train, test = prepared["train"], prepared["test"]
    first = {name: test[name][:10_000] for name in _NAMES}
    assert_facts(first, "test10k")
    writers = [set(x["writer_id"].tolist()) for x in (train, test, first)]
    rest = set(test["writer_id"][10_000:].tolist())
    assert not writers[0] & writers[1] and len(writers[2] & rest) == 250
    assert test["is_mnist_test"].tolist() == [True] * 10_000 + [False] * 50_000


def test_nobody_wrote_for_both_splits(real):
    """What examples/digit_writers.py relies on, from the publisher's text alone."""
    writers, series = {}, {}
    for which in ("train", "test", "nist"):
        rows = published(real, which)
        writers[which] = set(rows[:, 2].tolist())
        series[which] = set(map(tuple, rows[:, 2:0:-1].tolist()))
        assert len(writers[which]) == _WRITERS[which]
        assert len(series[which]) == _WRITERS[which]  # Each writer is of one series.
    assert not writers["train"] & writers["test"]
    assert series["train"] | series["test"] <= series["nist"]


def test_mnist_beside(prepared, real):
    train, test = prepared["train"], prepared["test"]
    np.testing.assert_array_equal(numbers(train["mnist_image"]), np.arange(60_000) + 200_000)
    # By hand, as Keras and torchvision do it.
    with gzip.open(real / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(10_000, 28, 28, 1)
    np.testing.assert_array_equal(test["mnist_image"][:10_000], pixels)
    assert not test["mnist_image"][10_000:].any()
    np.testing.assert_array_equal(test["mnist_index"][:10_000], np.arange(10_000))
    assert (test["mnist_index"][10_000:] == -1).all() and (test["mnist_split"][10_000:] == 0).all()
    for split, name in ((train, "train"), (test, "t10k")):
        with gzip.open(real / "mnist" / f"{name}-labels-idx1-ubyte.gz") as file:
            classes = np.frombuffer(file.read(), np.uint8, offset=8)
        np.testing.assert_array_equal(split["label"][: len(classes)], classes)


def test_label_errors(prepared, real):
    test, train = prepared["test"], prepared["train"]
    errors = test["label_error"]
    assert errors["candidate"].sum() == 100 and not train["label_error"]["candidate"].any()
    found = {
        row: tuple(int(v) for v in (
            test["label"][row], errors["guessed_label"][row], errors["corrected_label"][row]
        ))
        for row in np.flatnonzero(errors["is_error"]).tolist()
    }  # fmt: skip
    assert set(found) == set(_ERRORS)
    for row, (given, guess, correction) in _ERRORS.items():
        assert found[row][0] == given and found[row][2] == correction
        assert guess is None or found[row][1] == guess
    assert (errors["corrected_label"] >= 0).sum() == 10
    votes = [errors[f"votes_{k}"] for k in ("given", "guessed", "neither")]
    candidates = errors["candidate"]
    assert set(sum(votes)[candidates].tolist()) == {5} and (votes[0][~candidates] == -1).all()
    for entry in json.loads((real / "label-errors/mturk/mnist_mturk.json").read_bytes()):
        row, people = entry["id"], entry["mturk"]
        assert errors["guessed_label"][row] == entry["our_guessed_label"]
        assert votes[0][row] == people["given"] and votes[2][row] == people["neither"]
        twice = entry["our_guessed_label"] == entry["given_original_label"]
        assert votes[1][row] == (0 if twice else people["guessed"])


def test_probabilities(prepared, real):
    folder = real / "label-errors"
    kind = "cross_validated_predicted_"
    expected = np.load(folder / f"{kind}probabilities" / "mnist_test_set_pyx.npy")
    argmax = np.load(folder / f"{kind}labels" / "mnist_test_set_pyx_argmax_predicted_labels.npy")
    found = prepared["test"]["cv_pred_probs"]
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found[:10_000], expected)
    np.testing.assert_array_equal(found[:10_000].argmax(axis=1), argmax)
    assert (argmax != prepared["test"]["label"][:10_000]).sum() == 87
    assert np.isnan(found[10_000:]).all() and np.isnan(prepared["train"]["cv_pred_probs"]).all()


def test_default_config_is_the_same_without_mnist(manual_dir, prepared):
    """`qmnist`, as the builder yields it."""
    with_mnist = prepared["test"]
    for rows in generated("qmnist", manual_dir):
        if rows.split == "test":
            part = slice(rows.keys[0], rows.keys[-1] + 1)
            assert set(rows.columns) == set(with_mnist) - {"mnist_image"}
            for name in (*_NAMES, "mnist_split", "mnist_index", "is_mnist_test", "image"):
                np.testing.assert_array_equal(rows.columns[name], with_mnist[name][part])


def generated(config: str, manual_dir: pathlib.Path):
    """What the builder yields of all pieces."""
    builder = registry.builder_cls("qmnist")(config=config, data_dir="/none")
    files = {
        name: Content(next(p for p in (manual_dir / f.root, manual_dir / f.urls[0].split("/")[-1])
                           if p.is_file()))
        for name, f in builder.published_files().items()
    }  # fmt: skip
    for split in builder.expected_counts:
        yield from builder._generate_examples(core.SplitFiles(split, files))


def test_nist(manual_dir, real):
    """All 402,953 rows, and what became of them, in a little memory."""
    images = manual_dir / "xnist-images-idx3-ubyte"
    with images.open("wb") as file:  # With holes: zeros that take no room.
        file.write(struct.pack(">iiii", 2051, 402_953, 28, 28))
        file.truncate(16 + 402_953 * 784)
    rows = list(generated_columns(manual_dir))
    found = {name: np.concatenate([r[name] for r in rows]) for name in rows[0]}
    np.testing.assert_array_equal(found.pop("keys"), np.arange(402_953))
    text = published(real, "nist")
    assert_rows(found, text)
    assert_facts(found, "nist")
    copies = np.flatnonzero(found["duplicate_of"] >= 0).tolist()
    assert {row: int(found["duplicate_of"][row]) for row in copies} == _COPIES
    assert (found["qmnist_index"][copies] == -1).all()
    for code, split in ((1, "train"), (2, "test")):
        origins = published(real, split)[:, 5]
        became = np.flatnonzero(found["qmnist_split"] == code)
        assert set(became.tolist()) == set(origins.tolist())
        np.testing.assert_array_equal(found["qmnist_index"][origins], np.arange(60_000))
        in_mnist = 60_000 if split == "train" else 10_000
        assert (found["mnist_split"][origins[:in_mnist]] == code).all()
        np.testing.assert_array_equal(found["mnist_index"][origins[:in_mnist]], range(in_mnist))
        assert (found["mnist_index"][origins[in_mnist:]] == -1).all()
    assert (found["qmnist_index"] == -1).sum() == 402_953 - 120_000
    assert (found["mnist_split"] == 0).sum() == 402_953 - 70_000


def generated_columns(manual_dir: pathlib.Path):
    """Columns of config nist without the images, which are too many to keep."""
    for rows in generated("nist", manual_dir):
        images = rows.columns["image"]
        assert images.shape == (len(rows.keys), 28, 28, 1) and images.nbytes < 7e6
        yield {k: v for k, v in rows.columns.items() if k != "image"} | {"keys": list(rows.keys)}


@pytest.mark.parametrize("name", ["t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
def test_idx_of_mnist(real, name):
    path = real / "mnist" / f"{name}.gz"
    with gzip.open(path) as file:
        content = file.read()
    shape = (28, 28) if "images" in name else ()
    found = idx.read(Content(path).open(), np.uint8, shape)
    header = 16 if shape else 8
    assert found.shape == (10_000, *shape)
    assert found.tobytes() == content[header:] and idx_writer.encode(found) == content
    np.testing.assert_array_equal(found, idx2numpy.convert_from_string(content))


@pytest.mark.parametrize("name", ["qmnist-train", "qmnist-test", "xnist"])
def test_idx_of_qmnist(real, name):
    (path,) = real.glob(f"{name}-labels-idx2-int.*")
    content = Content(path)
    found = idx.read(content.open(), np.int32, (8,))
    theirs = idx2numpy.convert_from_string(content.read())
    np.testing.assert_array_equal(found, theirs)
    assert idx_writer.encode(found) == content.read()


def test_idx1_is_the_first_column(real, prepared):
    found = idx.read(Content(real / "qmnist-test-labels-idx1-ubyte.gz").open(), np.uint8)
    np.testing.assert_array_equal(found, prepared["test"]["label"])


def test_standard_mnist_of_the_real_test_set(real, prepared, tmp_path):
    """The same rows through the standard builder, as far as its PNGs let a test be quick."""
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(gzip.decompress((real / "mnist" / f"{name}.gz").read_bytes()))
        train = name.replace("t10k", "train")
        (tmp_path / train).write_bytes((tmp_path / name).read_bytes()[: 16 + 784])
    standard = preparing.standard_mnist(tmp_path, train=1, test=2_000)["test"]
    mine = prepared["test"]
    np.testing.assert_array_equal(mine["mnist_image"][:2_000], standard["image"])
    np.testing.assert_array_equal(mine["label"][:2_000], standard["label"])
    assert mine["image"].dtype == standard["image"].dtype
    assert mine["label"].dtype == standard["label"].dtype


def test_files_are_the_listed_ones(real):
    """Size, sha256 and md5 of each published file at hand are those of the checksum files."""
    listed = {info.filename: info for info in registry.builder_cls("qmnist").url_infos.values()}
    at_hand = [p for p in real.rglob("*") if p.name in listed]
    assert len(at_hand) == 4 + 3 + 3
    from tfds_extra.core import digests

    for path in at_hand:
        with path.open("rb") as file:
            digester = digests.Digester(listed[path.name].digests).read(file)
        assert listed[path.name].difference(digester.size, digester.digests()) == "", path


def test_images_that_are_not_the_published_ones(manual_dir, tmp_path):
    """A packed file is held against its md5."""
    for path in manual_dir.iterdir():
        if "images" not in path.name:
            (tmp_path / path.name).symlink_to(path.resolve())
    packed = gzip.compress(idx_writer.encode(numbered(10)))
    (tmp_path / "qmnist-train-images-idx3-ubyte.gz").write_bytes(packed)
    write_images(tmp_path / "qmnist-test-images-idx3-ubyte", 10)
    builder = tfds.builder("qmnist", data_dir=tmp_path / "data")
    config = tfds.download.DownloadConfig(manual_dir=tmp_path)
    with pytest.raises(
        core.CorpusError, match="it is another file: it has .* bytes and not 9,704,059"
    ):
        builder.download_and_prepare(download_config=config)
    assert not builder.is_prepared()
