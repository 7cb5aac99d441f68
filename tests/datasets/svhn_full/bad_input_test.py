"""Street View House Numbers: each kind of bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import functools
import io
import pathlib
import tarfile
import tempfile

import miniature_scripts
import numpy as np
import preparing
import pytest
import scipy.io
import tampering
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.core import archives

_NAME = "svhn_full"
script = miniature_scripts.load(_NAME)
digit_struct_file = script.digit_struct_file

_RECORDS = [(f"{i}.png", digits) for i, (_, _, digits) in enumerate(script._NUMBERS["train"], 1)]


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = _NAME

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        super().__init__(folder, monkeypatch)
        self.train = script.members("train")

    def write_train(self) -> None:
        """Writes the archive of train."""
        self.write_vouched("train.tar.gz", script.archive(self.train))

    def write_boxes(self, records) -> None:
        """Writes the archive of train with other boxes."""
        self.train["train/digitStruct.mat"] = digit_struct_file.encode(records)
        self.write_train()

    def write_crops(self, **changes) -> None:
        """Writes the cropped digits of train with other variables."""
        path = self.folder / "train_32x32.mat"
        variables = {k: v for k, v in scipy.io.loadmat(path).items() if not k.startswith("__")}
        file = io.BytesIO()
        kept = {k: v for k, v in (variables | changes).items() if v is not None}
        scipy.io.savemat(file, kept, do_compression=True)
        self.write_vouched("train_32x32.mat", file.getvalue())


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "mini", monkeypatch)


def prepare(data_dir: pathlib.Path, config: str = "full_numbers"):
    return preparing.prepared(f"{_NAME}/{config}", data_dir, miniature=True)


refused = functools.partial(tampering.refused, _NAME, error=core.CorpusError)


def test_untouched_copy_is_prepared(miniature, data_dir):
    miniature.write_train()
    miniature.write_crops()
    assert prepare(data_dir).info.splits["train"].num_examples == 10
    assert prepare(data_dir, "cropped_digits").info.splits["train"].num_examples == 22


@pytest.mark.parametrize("position", ["first", "last"])
def test_boxes_anywhere_in_the_archive(position, miniature, data_dir):
    boxes = {"train/digitStruct.mat": miniature.train.pop("train/digitStruct.mat")}
    first, last = (boxes, miniature.train)[:: 1 if position == "first" else -1]
    miniature.train = {**first, **last}
    miniature.write_train()
    assert prepare(data_dir).info.splits["train"].num_examples == 10


def test_no_boxes(miniature, data_dir):
    del miniature.train["train/digitStruct.mat"]
    miniature.write_train()
    for config in ("full_numbers", "cropped_digits"):
        with refused(data_dir, "train.tar.gz", "digitStruct.mat", "there is no such file"):
            prepare(data_dir, config)


def test_boxes_that_are_no_hdf5(miniature, data_dir):
    miniature.train["train/digitStruct.mat"] = b"<html>Not found</html>" * 99
    miniature.write_train()
    for config in ("full_numbers", "cropped_digits"):
        with refused(data_dir, "train.tar.gz", "digitStruct.mat", "no HDF5 file"):
            prepare(data_dir, config)


def test_cut_boxes(miniature, data_dir):
    boxes = miniature.train["train/digitStruct.mat"]
    miniature.train["train/digitStruct.mat"] = boxes[: len(boxes) // 2]
    miniature.write_train()
    with refused(data_dir, "train.tar.gz", "digitStruct.mat", "truncated"):
        prepare(data_dir)


def test_missing_image(miniature, data_dir):
    for name in ("3.png", "7.png"):
        del miniature.train[f"train/{name}"]
    miniature.write_train()
    problem = "train.tar.gz: 2 published images are missing, the first is 3.png"
    with refused(data_dir, problem, "--partial"):
        prepare(data_dir)


def test_image_without_boxes(miniature, data_dir):
    miniature.train["train/11.png"] = miniature.train["train/2.png"]
    miniature.write_train()
    with refused(data_dir, "train.tar.gz", "11.png", "it is not one of the published files"):
        prepare(data_dir)


@pytest.mark.parametrize("name", ["../1.png", "/etc/1.png", "01.png", "1.PNG", "1.png\n", "a.png"])
def test_names_that_are_no_images(name, miniature, data_dir):
    miniature.write_boxes([(name, _RECORDS[0][1]), *_RECORDS[1:]])
    with refused(data_dir, "digitStruct.mat", "image 1", "no name of an image"):
        prepare(data_dir)


def test_image_named_twice(miniature, data_dir):
    miniature.write_boxes([*_RECORDS[:-1], ("1.png", _RECORDS[-1][1])])
    with refused(data_dir, "digitStruct.mat", "image 1: '1.png' is named twice"):
        prepare(data_dir)


def test_member_that_escapes(miniature, data_dir):
    miniature.train["train/../../1.png"] = b""
    miniature.write_train()
    problem = "its name climbs out of the archive"
    with refused(data_dir, "train.tar.gz", "1.png", problem, error=archives.ArchiveError):
        prepare(data_dir)


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda png: png[:-20], "cut off"),
        (lambda png: b"", "no PNG"),
        (lambda png: b"\xff\xd8\xff" + png, "no PNG"),
        (lambda png: png.replace(bytes(script._BACKGROUND), b"abc", 1), "wrong check sum"),
    ],
    ids=["truncated", "empty", "foreign", "altered"],
)
def test_bad_image(change, problem, miniature, data_dir):
    miniature.train["train/4.png"] = change(miniature.train["train/4.png"])
    miniature.write_train()
    with refused(data_dir, "train.tar.gz", "4.png", problem):
        prepare(data_dir)


def test_other_number_of_digits(miniature, data_dir):
    miniature.write_boxes([*_RECORDS[:-1], ("10.png", _RECORDS[0][1])])
    with refused(data_dir, "digitStruct.mat", "23 digits, the publisher has 22"):
        prepare(data_dir)


@pytest.mark.parametrize(
    "digit", [(2, 2, 8, 13, 11), (2, 2, 8, 13, 0), (float("inf"), 2, 8, 13, 4)]
)
def test_impossible_digits(digit, miniature, data_dir):
    miniature.write_boxes([*_RECORDS[:-1], ("10.png", [digit])])
    with refused(data_dir, "digitStruct.mat", "image 10 (10.png)", "labels are 1 to 10"):
        prepare(data_dir)


@pytest.mark.parametrize(
    "box", [(500, 2, 8, 13), (2, -80, 8, 13), (3, 3, -1, 5), (3, 3, 0, 0), (1e9, 1e9, 1e9, 1e9)]
)
def test_boxes_without_extent_are_kept(box, miniature, data_dir):
    """Odd boxes are the publisher's, and no reason to stop."""
    miniature.write_boxes([*_RECORDS[:-1], ("10.png", [(*box, 4)])])
    builder = prepare(data_dir)
    (example,) = (e for e in tfds.as_numpy(builder.as_dataset("train")) if e["index"] == 10)
    found = [example["digits"][f][0] for f in ("left", "top", "width", "height")]
    assert found == list(map(np.float32, box))
    ymin, xmin, ymax, xmax = example["digits"]["bbox"][0]
    assert 0 <= ymin <= ymax <= 1 and 0 <= xmin <= xmax <= 1


def test_cut_archive(miniature, data_dir):
    content = (miniature.folder / "train.tar.gz").read_bytes()
    miniature.write_vouched("train.tar.gz", content[: len(content) * 2 // 3])
    with refused(data_dir, "train.tar.gz"):
        prepare(data_dir)


def test_full_disk_for_the_boxes(miniature, data_dir, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with refused(data_dir, "digitStruct.mat", "No space left", "Point TMPDIR to a disk with"):
        builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True, num_workers=1)
        builder.download_and_prepare()


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"X": None}, "there is no X in it"),
        ({"y": None}, "there is no y in it"),
        ({"X": None, "y": None}, "there is no X and no y in it"),
        ({"y": np.ones((21, 1), np.uint8)}, "y is uint8 (21, 1); digitStruct.mat of train has 22"),
        ({"X": np.zeros((32, 32, 3, 21), np.uint8)}, "X is uint8 (32, 32, 3, 21)"),
        ({"X": np.zeros((32, 32, 22), np.uint8)}, "X is uint8 (32, 32, 22)"),
        ({"X": np.zeros((32, 32, 3, 22))}, "X is float64 (32, 32, 3, 22)"),
        ({"X": "text"}, "X is no array of real numbers"),
    ],
)
def test_bad_crops(changes, problem, miniature, data_dir):
    miniature.write_crops(**changes)
    with refused(data_dir, "train_32x32.mat", problem):
        prepare(data_dir, "cropped_digits")


def test_crops_in_another_order(miniature, data_dir):
    path = miniature.folder / "train_32x32.mat"
    labels = scipy.io.loadmat(path)["y"]
    labels[[3, 4]] = labels[[4, 3]]
    miniature.write_crops(y=labels)
    problem = "y: row 3: not the digit that digitStruct.mat of train has at this place, 10"
    with refused(data_dir, "train_32x32.mat", problem):
        prepare(data_dir, "cropped_digits")


def test_cut_crops(miniature, data_dir):
    content = (miniature.folder / "train_32x32.mat").read_bytes()
    miniature.write_vouched("train_32x32.mat", content[:-30])
    with refused(data_dir, "train_32x32.mat", "cut off"):
        prepare(data_dir, "cropped_digits")


def test_crops_of_another_format(miniature, data_dir):
    miniature.write_vouched("train_32x32.mat", miniature.train["train/digitStruct.mat"])
    with refused(data_dir, "train_32x32.mat", "no MATLAB v5 file"):
        prepare(data_dir, "cropped_digits")


def test_partial_takes_what_is_there(miniature, data_dir, tmp_path):
    """A part of the images, of the boxes too: what is missing is counted."""
    manual = tmp_path / "manual"
    for split in ("train", "test"):
        with tarfile.open(miniature.folder / f"{split}.tar.gz") as tar:
            tar.extractall(manual, filter="data")
    (manual / "train" / "2.png").unlink()
    builder = preparing.prepared(_NAME, data_dir, manual, partial=True)
    assert builder.info.splits["train"].num_examples == 9
    assert builder.info.metadata["missing"]["train"] == 33_402 - 9
