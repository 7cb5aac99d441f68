"""QMNIST: each kind of bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import lzma
import pathlib

import idx_writer
import numpy as np
import pytest
import tampering

from tfds_extra.core.archives import Content
from tfds_extra.formats import idx, label_errors

_TRAIN = "qmnist-train-images-idx3-ubyte.gz"
_TRAIN_LABELS = "qmnist-train-labels-idx2-int.gz"
_TEST_LABELS = "qmnist-test-labels-idx2-int.gz"
_NIST_LABELS = "xnist-labels-idx2-int.xz"
_ERRORS = "mnist_mturk.json"
_GIVEN = "mnist_test_set_original_labels.npy"
_PROBABILITIES = "mnist_test_set_pyx.npy"


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with; its checksums vouch for what it holds."""

    NAME = "qmnist"

    def read(self, name: str) -> bytes:
        """The content of a file, unpacked."""
        return Content(self.folder / name).read()

    def write(self, name: str, content: bytes, *, packed: bool = False) -> None:
        """Replaces a file: by the content, packed as its name says, or as it is."""
        if not packed:
            pack = {".gz": gzip.compress, ".xz": lzma.compress}
            content = pack.get(pathlib.Path(name).suffix, bytes)(content)
        self.write_vouched(name, content)

    def change(self, name: str, row: tuple, value: int, dtype=np.int32, shape=(8,)) -> None:
        """Gives one value of an idx file."""
        with Content(self.folder / name).open() as file:
            array = idx.read(file, dtype, shape).copy()
        array[row] = value
        self.write(name, idx_writer.encode(array))


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "mini", monkeypatch)


@pytest.fixture
def refused(data_dir):
    """Prepares, and sees that it is refused with an error of the given parts."""

    def prepare(*parts: str, config: str = "qmnist", **kwargs) -> None:
        tampering.prepare_refused(f"qmnist/{config}", data_dir, *parts, **kwargs)

    return prepare


_WHOLE = 16 + 20 * 784


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda c: c[:-1], f"byte {_WHOLE - 1:,}: the file ends in row 19 of 20; it should have"),
        (lambda c: c[:1000], "byte 1,000: the file ends in row 1 of 20"),
        (lambda c: c[:10], "byte 10: the file ends within its idx header"),
        (lambda c: b"", "byte 0: the file ends after 0 bytes"),
        (lambda c: c + b"x", f"byte {_WHOLE:,}: the file goes on after its 20 rows"),
        (lambda c: b"<html>" + c, "byte 0: it begins with 3c 68 74 6d"),
        (lambda c: c[:7] + b"\x13" + c[8:-784], "19 images for 20 labels"),
        (lambda c: c[:7] + b"\x15" + c[8:] + bytes(784), "more than 20 images for 20 labels"),
        (lambda c: c[:4] + bytes(4) + c[8:16], "0 images for 20 labels"),
        (lambda c: c[:15] + b"\x1d" + c[16:], "uint8 of shape (20, 28, 29), expected uint8 of shape (n, 28, 28)"),
    ],
)  # fmt: skip
def test_images(miniature, refused, change, problem):
    miniature.write(_TRAIN, change(miniature.read(_TRAIN)))
    refused(_TRAIN, problem, "Get the file again")


@pytest.mark.parametrize("config", ["qmnist", "qmnist_mnist"])
def test_cut_gzip(miniature, refused, config):
    packed = (miniature.folder / _TRAIN).read_bytes()
    miniature.write(_TRAIN, packed[:-9], packed=True)
    refused(_TRAIN, "the gzip data ends too early: the file is truncated", config=config)


def test_damaged_xz(miniature, refused):
    name = "xnist-images-idx3-ubyte.xz"
    packed = bytearray((miniature.folder / name).read_bytes())
    packed[len(packed) // 2] ^= 1
    miniature.write(name, bytes(packed), packed=True)
    refused(name, "the xz data is damaged", config="nist")


def test_mnist_images(miniature, refused):
    name = "t10k-images-idx3-ubyte.gz"
    content = miniature.read(name)
    miniature.write(name, content[:-784])
    refused(name, "the file ends in row 11 of 12", config="qmnist_mnist")
    miniature.write(name, content[:7] + b"\x0b" + content[8:-784])
    refused(name, "11 images for 12 labels", config="qmnist_mnist")
    miniature.write(name, content[:7] + b"\x0d" + content[8:] + bytes(784))
    refused(name, "more than 12 images for 12 labels", config="qmnist_mnist")


def test_labels(miniature, refused):
    miniature.change(_TRAIN_LABELS, (3, 0), 10)
    refused(_TRAIN_LABELS, "row 3: 10 is no digit")
    content = miniature.read(_TRAIN_LABELS)
    miniature.write(_TRAIN_LABELS, content[:-5])
    refused(_TRAIN_LABELS, "the file ends in row 19 of 20; it should have 652 bytes")
    labels = idx.read(Content(miniature.folder / _TEST_LABELS).open(), np.int32, (8,))
    miniature.write(_TRAIN_LABELS, idx_writer.encode(labels[:, :7]))
    refused(_TRAIN_LABELS, "(20, 7), expected int32 of shape (n, 8)")


def test_twins_that_differ(miniature, refused):
    """The same classes stand in several published files."""
    name = "qmnist-test-labels-idx1-ubyte.gz"
    classes = idx.read(Content(miniature.folder / name).open(), np.uint8).copy()
    other = (int(classes[15]) + 1) % 10
    miniature.change(name, (15,), other, np.uint8, ())
    refused(name, "row 15", f"{other} in this file, and {classes[15]} in another")
    miniature.write(name, idx_writer.encode(classes[:-1]))
    refused(name, "19 rows, expected 20")


@pytest.mark.parametrize("name", ["train-labels-idx1-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
def test_mnist_labels_that_differ(miniature, refused, name):
    classes = idx.read(Content(miniature.folder / name).open(), np.uint8)
    miniature.change(name, (7,), (int(classes[7]) + 1) % 10, np.uint8, ())
    refused(f"{name}: row 7: ", "in another", config="qmnist_mnist")


def test_nist_that_does_not_fit(miniature, refused):
    original = miniature.read(_NIST_LABELS)
    miniature.change(_NIST_LABELS, (5, 5), 6)
    refused(_NIST_LABELS, "row 5", "6 in this file, and 5 in another", config="nist")
    miniature.write(_NIST_LABELS, original)
    train = idx.read(Content(miniature.folder / _TRAIN_LABELS).open(), np.int32, (8,)).copy()
    miniature.change(_TRAIN_LABELS, (2, 2), 4000)
    refused(_TRAIN_LABELS, "row 2", "4000", config="nist")
    for index in (-1, 60, 2_000_000_000):
        train[2, 5] = index
        miniature.write(_TRAIN_LABELS, idx_writer.encode(train))
        refused(_TRAIN_LABELS, "a NIST index is not one of 60 digits", config="nist")


def test_arrays_of_label_errors(miniature, refused):
    given, probabilities = miniature.read(_GIVEN), miniature.read(_PROBABILITIES)
    miniature.write(_GIVEN, given[:-1])
    refused(_GIVEN, "the file ends here, and should have 152 bytes")
    changed = given[:-2] + bytes([given[-2] ^ 1, 0])
    miniature.write(_GIVEN, changed)
    refused(_GIVEN, "row 11", "in another")
    miniature.write(_GIVEN, given)
    miniature.write(_PROBABILITIES, given)
    refused(_PROBABILITIES, "it holds uint16 of shape (12,), expected float64 of shape (n, 10)")
    short = probabilities.replace(b"(12, 10)", b"(11, 10)")[:-80]
    miniature.write(_PROBABILITIES, short)
    refused(_PROBABILITIES, "11 rows, expected 12")


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda e: e[0].update(id=12), "entry 0: row 12 with label"),
        (lambda e: e[0].update(id=-1), "entry 0: row -1 with label"),
        (lambda e: e[1].update(id=e[0]["id"]), "entry 1: row 1 with label"),
        (lambda e: e[2].update(given_original_label=11), "entry 2: row 7 with label 11"),
        (lambda e: e[0].pop("mturk"), "entry 0: not a candidate as published: KeyError: 'mturk'"),
        (lambda e: e[0].update(mturk=[1]), "entry 0: not a candidate as published: TypeError"),
        (lambda e: e[0]["mturk"].update(given=6), "entry 0: {'given': 6, 'guessed': 0, 'neither': 0} are not the votes of 5"),
        (lambda e: e[0]["mturk"].update(given=6, neither=-1), "are not the votes of 5 people"),
        (lambda e: e.append("x"), "entry 4: not a candidate as published"),
    ],
)  # fmt: skip
def test_label_errors(miniature, refused, change, problem):
    entries = json.loads(miniature.read(_ERRORS))
    change(entries)
    miniature.write(_ERRORS, json.dumps(entries).encode())
    refused(_ERRORS, problem)


@pytest.mark.parametrize(
    "content, problem",
    [(b"{}", "not a list"), (b"[{", "Expecting"), (b"<html>", "Expecting"), (b'["\xff"]', "decode")],
)  # fmt: skip
def test_no_label_errors(content, problem):
    with pytest.raises(ValueError, match=problem):
        label_errors.parse(content, [1, 2])


def test_other_file_than_listed(miniature, refused):
    (miniature.folder / _TRAIN).write_bytes(b"something else")
    refused(_TRAIN, "it is another file: it has 14 bytes")


def test_count_is_held_against_the_publishers(miniature, refused):
    table = miniature.folder / "counts.tsv"
    table.write_text(table.read_text().replace("qmnist\ttrain\t20", "qmnist\ttrain\t21"))
    refused("split train", "20 examples were read, the publisher has 21")
