"""Fashion-MNIST corrupted: each kind of bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import gzip
import pickle
import struct

import idx_writer
import miniature_files
import miniature_scripts
import numpy as np
import pytest
import tampering

from tfds_extra.core.archives import Content

_MADE = miniature_scripts.load("fashion_mnist_corrupted")
_CORRUPTED = "fmnist-c-train.npy"
_CORRUPTED_LABELS = "fmnist-c-train-labels.npy"
_IMAGES = "train-images-idx3-ubyte.gz"
_LABELS = "train-labels-idx1-ubyte.gz"


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with; its checksums vouch for what it holds."""

    NAME = "fashion_mnist_corrupted"

    def read(self, name: str) -> bytes:
        """The content of a file, unpacked."""
        return Content(self.folder / name).read()

    def write(self, name: str, content: bytes) -> None:
        """Replaces a file by the content, packed as its name says."""
        self.write_vouched(name, gzip.compress(content) if name.endswith(".gz") else content)


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "mini", monkeypatch)


@pytest.fixture
def refused(data_dir):
    """Prepares, and sees that it is refused with an error of the given parts."""

    def prepare(*parts: str, config: str = "mixed", **kwargs) -> None:
        tampering.prepare_refused(f"fashion_mnist_corrupted/{config}", data_dir, *parts, **kwargs)

    return prepare


_WHOLE = 16 + 30 * 784


@pytest.mark.parametrize("config", ["mixed", "identity"])
@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda c: c[:-1], f"byte {_WHOLE - 1:,}: the file ends in row 29 of 30"),
        (lambda c: b"", "byte 0: the file ends after 0 bytes"),
        (lambda c: c + b"x", f"byte {_WHOLE:,}: the file goes on after its 30 rows"),
        (lambda c: b"<html>" + c, "byte 0: it begins with 3c 68 74 6d"),
        (lambda c: c[:7] + b"\x1d" + c[8:-784], "29 images for 30 labels"),
        (lambda c: c[:4] + bytes(4) + c[8:16], "0 images for 30 labels"),
        (lambda c: c[:15] + b"\x1d" + c[16:], "expected uint8 of shape (n, 28, 28)"),
    ],
)
def test_originals(miniature, refused, config, change, problem):
    miniature.write(_IMAGES, change(miniature.read(_IMAGES)))
    refused(_IMAGES, problem, "Get the file again", config=config)


def test_cut_gzip(miniature, refused):
    miniature.write_vouched(_IMAGES, (miniature.folder / _IMAGES).read_bytes()[:-100])
    refused(_IMAGES, "the file is truncated")


def _header(content: bytes, **changes) -> bytes:
    """An npy file with other words in its header, which keeps its length."""
    header = content[10:128].decode()
    for old, new in changes.values():
        assert old in header
        header = header.replace(old, new)
    return content[:10] + header.rstrip().ljust(117).encode() + b"\n" + content[128:]


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda c: c[:-1], "the file ends here, and should have 23,648 bytes"),
        (lambda c: c + b"x", "byte 23,648: the file goes on here, and should end"),
        (lambda c: c[:50], "byte 8: its npy header cannot be read: EOF"),
        (lambda c: b"", "EOF: reading magic string"),
        (lambda c: b"<html>" + c, "the magic string is not correct"),
        (lambda c: c[:6] + b"\x02" + c[7:], "npy version (2, 0), not (1, 0)"),
        (lambda c: _header(c, shape=("(30,", "(29,"))[:-784], "29 rows, expected 30"),
        (lambda c: _header(c, shape=("(30,", "(31,")) + bytes(784), "31 rows, expected 30"),
        (lambda c: _header(c, shape=("(30,", "(9999999999,")), "9,999,999,999 rows, expected 30"),
        (lambda c: _header(c, order=("False", "True")), "by columns, expected uint8"),
        (lambda c: _header(c, dtype=("|u1", "|i1")), "it holds int8 of shape (30, 28, 28)"),
        (lambda c: _header(c, dtype=("'|u1'", "'|O'")), "it holds object"),
        (lambda c: _header(c, dtype=("'|u1'", "__import__('os').abort()")), "byte 8: its npy header cannot"),
    ],
)  # fmt: skip
def test_published_arrays(miniature, refused, change, problem):
    miniature.write(_CORRUPTED, change(miniature.read(_CORRUPTED)))
    refused(_CORRUPTED, problem, "Get the file again")


class Hostile:
    """Leaves a file behind where it is unpickled."""

    def __reduce__(self):
        return open, ("unpickled", "w")


def test_pickled_array(miniature, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = np.array([Hostile()] * 30, object)
    content = miniature_files.npy(np.zeros((30, 28, 28), np.uint8))[:128]
    content = _header(content, dtype=("|u1", "|O")) + pickle.dumps(objects)
    miniature.write(_CORRUPTED, content)
    refused(_CORRUPTED, "it holds object")
    assert not (tmp_path / "unpickled").exists()


def test_labels_of_another_order(miniature, refused):
    labels = _MADE.labels("train").astype(np.int64)
    miniature.write(_CORRUPTED_LABELS, miniature_files.npy(np.roll(labels, 1)))
    refused(_CORRUPTED_LABELS, "row 0", "3 in this file, and 0 in another")


def test_labels_of_the_other_split(miniature, refused):
    miniature.write(_CORRUPTED_LABELS, miniature.read("fmnist-c-test-labels.npy"))
    refused(_CORRUPTED_LABELS, "20 rows, expected 30")


def test_labels_of_another_type(miniature, refused):
    miniature.write(_CORRUPTED_LABELS, miniature_files.npy(_MADE.labels("train")))
    refused(_CORRUPTED_LABELS, "it holds uint8 of shape (30,), expected int64")


@pytest.mark.parametrize("config", ["mixed", "inverse"])
@pytest.mark.parametrize(
    "labels, problem",
    [
        (np.arange(30) % 9, "its classes have [4, 4, 4, 3, 3, 3, 3, 3, 3, 0] images"),
        (np.arange(30) % 11, "its classes have [3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2] images"),
        (np.arange(20) % 10, "its classes have [2, 2, 2, 2, 2, 2, 2, 2, 2, 2] images"),
        (np.arange(0), "its classes have [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] images"),
    ],
)
def test_labels_of_another_corpus(miniature, refused, config, labels, problem):
    """MNIST's files have the same names, and not the same number of each class."""
    miniature.write(_LABELS, idx_writer.encode(labels.astype(np.uint8)))
    refused(_LABELS, problem, "Fashion-MNIST's have [3, 3,", config=config)


def test_unpacked_files_of_mnist(miniature, refused, tmp_path):
    """Of an unpacked file there is no digest."""
    labels = np.arange(30) % 9
    (miniature.folder / "train-labels-idx1-ubyte").write_bytes(
        idx_writer.encode(labels.astype(np.uint8))
    )
    refused("train-labels-idx1-ubyte", "its classes have", config="fog")


def test_part_of_another_corpus(refused, tmp_path):
    """A part may have fewer images of a class, and not more."""
    for split in ("train", "t10k"):
        for name, array in (
            ("images-idx3", np.zeros((0, 28, 28), np.uint8)),
            ("labels-idx1", np.full(6001, 3, np.uint8)),
        ):
            (tmp_path / f"{split}-{name}-ubyte").write_bytes(idx_writer.encode(array))
    problem = "its classes have [0, 0, 0, 6001, 0, 0, 0, 0, 0, 0] images"
    refused("labels-idx1-ubyte", problem, config="fog", partial=True, manual_dir=tmp_path)


def test_missing(miniature, refused):
    (miniature.folder / _CORRUPTED).unlink()
    refused(_CORRUPTED)


def test_altered_download(miniature, refused):
    """One pixel of a file that the checksums vouch for."""
    content = bytearray((miniature.folder / _CORRUPTED).read_bytes())
    content[5000] ^= 1
    (miniature.folder / _CORRUPTED).write_bytes(content)
    refused(_CORRUPTED, "sha256")


def test_idx_in_place_of_npy(miniature, refused):
    """The publisher has the arrays as idx files, too."""
    images = _MADE.corrupted("train")
    miniature.write(_CORRUPTED, struct.pack(">iiii", 2051, 30, 28, 28) + images.tobytes())
    refused(_CORRUPTED, "the magic string is not correct")
