"""Street View House Numbers: the published images at hand, against independent readers."""

from __future__ import annotations

import hashlib
import io
import json
import pathlib
import shutil

import digit_struct_file
import h5py
import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from tfds_extra import core
from tfds_extra.datasets.svhn_full import svhn_full_dataset_builder as module
from tfds_extra.formats import digit_struct

_FIELDS = ("left", "top", "width", "height", "label")
# The sheet's: size of the image; left, top, width, height and published label of each digit.
_SHEET = {
    "train/1": ((741, 350), [(246, 77, 81, 219, 1), (323, 81, 96, 219, 9)]),
    "test/1": ((99, 47), [(43, 7, 19, 30, 5)]),
    "test/2": ((182, 48), [(99, 5, 14, 23, 2), (114, 8, 8, 23, 1), (121, 6, 12, 23, 10)]),
}
_ONE_DIGIT = {"train": {21, 35}, "test": {1, 3, 4, 5, 6, 15, 23, 25, 32, 39}}


@pytest.fixture(scope="module")
def builder(real, tmp_path_factory):
    return preparing.prepared("svhn_full", tmp_path_factory.mktemp("data"), real, partial=True)


def naive(path: pathlib.Path) -> dict[str, list[tuple[float, ...]]]:
    """Digits by file name, read with h5py the way that everybody writes down first."""
    records = {}
    with h5py.File(path) as file:
        names, boxes = (file["digitStruct"][field] for field in ("name", "bbox"))
        for (name,), (box,) in zip(names, boxes):
            group, columns = file[box], []
            for field in _FIELDS:
                values = group[field]
                if len(values) == 1:
                    columns.append([values[0, 0]])
                else:
                    columns.append([file[reference][0, 0] for (reference,) in values])
            records["".join(map(chr, file[name][:, 0]))] = list(zip(*columns))
    return records


@pytest.mark.parametrize("split, count", [("train", 39), ("test", 40)])
def test_every_record_as_h5py_has_it(split, count, real):
    path = real / split / "digitStruct.mat"
    expected = naive(path)
    with path.open("rb") as file:
        found = digit_struct.read(file)
    assert len(found) == len(expected) == count
    assert found.names == list(expected) == [f"{i}.png" for i in range(1, count + 1)]
    for i, name in enumerate(found.names):
        assert [tuple(row) for row in found.digits(i)] == expected[name]
    assert found.values.dtype == np.float64
    ones = {i for i in range(1, count + 1) if len(found.digits(i - 1)) == 1}
    assert ones == _ONE_DIGIT[split]
    with path.open("rb") as file:
        assert digit_struct_file.read_one_by_one(file).values.tolist() == found.values.tolist()


def test_no_record_needs_the_slow_way(real, monkeypatch):
    """MATLAB's own files are read in bulk."""
    for slow in ("_name", "_digits"):
        monkeypatch.delattr(digit_struct, slow)
    for split in ("train", "test"):
        with (real / split / "digitStruct.mat").open("rb") as file:
            assert len(digit_struct.read(file)) > 30


def test_test_records_as_the_json_has_them(real):
    records = json.loads((real / "annotations_json" / "test_digitStruct.json").read_text())
    with (real / "test" / "digitStruct.mat").open("rb") as file:
        found = digit_struct.read(file)
    by_name = {record["filename"]: record["boxes"] for record in records}
    assert len(by_name) == 13_068 and sum(map(len, by_name.values())) == 26_032
    for i, name in enumerate(found.names):
        boxes = [tuple(box[field] for field in _FIELDS) for box in by_name[name]]
        assert [tuple(row) for row in found.digits(i)] == boxes


def test_all_of_test_has_the_sheets_facts(real):
    """What is made of all 13,068 records of the JSON, where the archive is not at hand."""
    records = json.loads((real / "annotations_json" / "test_digitStruct.json").read_text())
    unordered, numbers, labels = set(), {}, []
    for record in records:
        boxes = record["boxes"]
        left, label = ([box[f] for box in boxes] for f in ("left", "label"))
        digits, order = module._in_reading_order(left, label)
        number = int(record["filename"].removesuffix(".png"))
        if order != sorted(order):
            unordered.add(number)
        numbers[number] = "".join(str(digits[j]) for j in order)
        labels += digits
    assert unordered == {7314, 10036, 12100}
    assert sum(number.startswith("0") for number in numbers.values()) == 20
    assert [sum(len(n) == k for n in numbers.values()) for k in range(1, 6)] == [
        2483, 8356, 2081, 146, 2
    ]  # fmt: skip
    assert np.bincount(labels).tolist() == [
        1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595
    ]  # fmt: skip
    assert labels[:5] == [5, 2, 1, 0, 6] and labels[-3:] == [7, 6, 7]


def test_every_image(real, builder):
    seen = {}
    for split in ("train", "test"):
        boxes = naive(real / split / "digitStruct.mat")
        rows = np.cumsum([0, *map(len, boxes.values())])
        for example in tfds.as_numpy(builder.as_dataset(split=split)):
            seen[example["id"].decode()] = example
            name = example["image/filename"].decode()
            assert example["id"].decode() == f"{split}/{name.removesuffix('.png')}"
            published = (real / split / name).read_bytes()
            with Image.open(io.BytesIO(published)) as image:
                assert (image.mode, image.size) == ("RGB", (example["width"], example["height"]))
                np.testing.assert_array_equal(example["image"], np.asarray(image))
            digits, expected = example["digits"], boxes[name]
            assert example["length"] == len(expected) == len(digits["label"])
            first = rows[list(boxes).index(name)]
            assert digits["cropped_index"].tolist() == list(range(first, first + len(expected)))
            width, height = example["width"], example["height"]
            for j, (left, top, w, h, label) in enumerate(expected):
                assert digits["label"][j] == label % 10
                assert (digits["left"][j], digits["top"][j]) == (left, top)
                assert (digits["width"][j], digits["height"][j]) == (w, h)
                assert not digits["clipped"][j]
                np.testing.assert_allclose(
                    digits["bbox"][j],
                    [top / height, left / width, (top + h) / height, (left + w) / width],
                    rtol=1e-6,
                )
            in_order = sorted(expected)
            number = "".join(str(int(label) % 10) for *_, label in in_order)
            assert example["number"].decode() == number
    assert sorted(seen) == [f"{split}/{i}" for split in ("test", "train") for i in (1, 2, 3)]
    for key, (size, digits) in _SHEET.items():
        assert (seen[key]["width"], seen[key]["height"]) == size
        columns = [seen[key]["digits"][field] for field in _FIELDS]
        assert list(zip(*columns)) == [(*box, label % 10) for *box, label in digits]
    assert seen["train/1"]["number"] == b"19" and seen["test/2"]["number"] == b"210"


def test_png_bytes_are_the_published_ones(real, builder):
    decoders = {"image": tfds.decode.SkipDecoding()}
    digests = set()
    for split in ("train", "test"):
        for example in tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)):
            path = real / split / example["image/filename"].decode()
            assert example["image"] == path.read_bytes()
            digests.add(hashlib.sha256(example["image"]).hexdigest())
    assert digests == {
        "b365d78675b80b09b38d0dad20d5e897cf976661c6a4365f84d5c89b2f7b9b33",
        "2b61a222158f41190de1d5d38118c568ba246a1f593372e016754b9cd8659e39",
        "a180a4c48858e37974af58872f6f41b5db6914195ed6cfdc1fe3b46d086e3010",
        "4468c82e521fd947598f9b5b7eed23139c827fc3471aeaff4711767487ae9d41",
        "e02c179a789f0d608eb352fa5ce5361fc42704ec1cad62f08b8b62b523690699",
        "f3a079158318e6fe150a04831cb0a5d2b96aab5165139d492cb92accb42580f7",
    }


def test_what_is_missing_is_counted(builder):
    counts = {s: i.num_examples for s, i in builder.info.splits.items()}
    missing = builder.info.metadata["missing"]
    assert {s: counts[s] + missing[s] for s in counts} == {"train": 33_402, "test": 13_068}
    assert counts == {"train": 3, "test": 3}


def test_a_part_is_refused_unless_asked_for(real, tmp_path):
    for split in ("train", "test"):
        shutil.copytree(real / split, tmp_path / "manual" / split)
    with pytest.raises(core.CorpusError, match="digits, the publisher has"):
        preparing.prepared("svhn_full", tmp_path / "data", tmp_path / "manual")
    assert not list(tmp_path.rglob("dataset_info.json"))
