"""Street View House Numbers: the miniature, the standard builder, and what the links say."""

from __future__ import annotations

import collections
import io
import pathlib
import tarfile

import builder_testing
import miniature_scripts
import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from tfds_extra.core import archives
from tfds_extra.datasets.svhn_full import svhn_full_dataset_builder as module

script = miniature_scripts.load("svhn_full")

_SPLITS = ["train", "test", "extra"]


class SvhnFullTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    MINIATURE = {
        "full_numbers": {"train": 10, "test": 3},
        "full_numbers_extra": {"train": 10, "test": 3, "extra": 3},
        "cropped_digits": {"train": 22, "test": 6},
        "cropped_digits_extra": {"train": 22, "test": 6, "extra": 6},
    }

    def is_read_whole(self, name: str, config: str) -> bool:
        """Cropped digits need the boxes alone of the archives of whole numbers."""
        return config.startswith("full_numbers")

    def test_superset_of_standard_builder(self):
        self.builder = self._make_builder("cropped_digits")  # The config that replaces it.
        super().test_superset_of_standard_builder()


def prepared(config: str, folder: pathlib.Path, **kwargs) -> tfds.core.DatasetBuilder:
    builder = tfds.builder(f"svhn_full/{config}", data_dir=folder, miniature=True, **kwargs)
    builder.download_and_prepare()
    return builder


def examples(builder, split: str) -> dict[str, dict]:
    found = {e["id"].decode(): e for e in tfds.as_numpy(builder.as_dataset(split=split))}
    assert len(found) == builder.info.splits[split].num_examples
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def full(folder):
    return prepared("full_numbers_extra", folder)


@pytest.fixture(scope="module")
def cropped(folder):
    return prepared("cropped_digits_extra", folder)


@pytest.mark.parametrize("split", _SPLITS)
def test_same_as_the_standard_builder(split, cropped, tmp_path):
    """`svhn_cropped` of the standard catalogue, fed with the same file, gives the same."""
    standard = tfds.builder("svhn_cropped", data_dir=tmp_path)
    path = cropped.miniature_dir() / f"{split}_32x32.mat"
    theirs = dict(standard._generate_examples(f"{split}_", str(path)))
    ours = examples(cropped, split)
    assert len(theirs) == len(ours)
    for row, raw in theirs.items():
        mine = ours[raw["id"]]
        np.testing.assert_array_equal(mine["image"], raw["image"])
        assert mine["label"] == raw["label"]
        assert mine["index"] == row
    info = cropped.info.features
    for name, feature in standard.info.features.items():
        assert info[name].shape == feature.shape
        assert np.dtype(info[name].np_dtype) == np.dtype(feature.np_dtype)
    assert cropped.info.supervised_keys == standard.info.supervised_keys


@pytest.mark.parametrize("split", _SPLITS)
def test_links_lead_there_and_back(split, full, cropped):
    numbers, digits = examples(full, split), examples(cropped, split)
    linked = set()
    for number in numbers.values():
        columns = number["digits"]
        for j, row in enumerate(columns["cropped_index"]):
            digit = digits[f"{split}_{row:06d}"]
            linked.add(row)
            assert digit["full_id"] == number["id"]
            assert digit["full_index"] == number["index"]
            assert digit["digit_position"] == j
            assert digit["number"] == number["number"]
            assert digit["label"] == columns["label"][j]
            assert digit["reading_position"] == columns["reading_position"][j]
            assert chr(digit["number"][digit["reading_position"]]) == str(digit["label"])
    assert linked == set(range(len(digits)))


@pytest.mark.parametrize("split", _SPLITS)
def test_every_number(split, full):
    found = examples(full, split)
    for i, (width, height, digits) in enumerate(script._NUMBERS[split], start=1):
        example = found[f"{split}/{i}"]
        pixels = script.image(width, height, digits)
        np.testing.assert_array_equal(example["image"], pixels)
        assert (example["index"], example["image/filename"]) == (i, f"{i}.png".encode())
        assert (example["width"], example["height"]) == (width, height)
        assert example["length"] == len(digits)
        columns = example["digits"]
        for j, (left, top, w, h, label) in enumerate(digits):
            assert columns["label"][j] == label % 10
            assert [columns[f][j] for f in ("left", "top", "width", "height")] == [left, top, w, h]
            inside = np.array(
                [max(top, 0), max(left, 0), min(top + h, height), min(left + w, width)]
            )
            np.testing.assert_allclose(
                columns["bbox"][j], inside / [height, width, height, width], rtol=1e-6
            )
            outside = left < 0 or top < 0 or left + w > width or top + h > height
            assert columns["clipped"][j] == outside
        boxes = columns["bbox"]
        np.testing.assert_array_equal(
            example["number_bbox"], [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
        )


def test_numbers_are_in_reading_order(full):
    numbers = {k: e["number"].decode() for s in _SPLITS for k, e in examples(full, s).items()}
    assert numbers["train/1"] == "19"
    assert numbers["train/3"] == "027"  # 10 is published for 0, and it comes first.
    assert numbers["train/4"] == "246"  # Published as 4, 6, 2.
    assert numbers["train/5"] == "358"  # 5 and 8 begin at the same pixel.
    assert numbers["train/6"] == "135458"
    assert numbers["test/2"] == "210"
    assert numbers["extra/3"] == "0"
    fourth = examples(full, "train")["train/4"]["digits"]
    assert fourth["label"].tolist() == [4, 6, 2]
    assert fourth["reading_position"].tolist() == [1, 2, 0]


def test_odd_boxes_are_told(full):
    clipped = {
        (key, j)
        for split in _SPLITS
        for key, example in examples(full, split).items()
        for j in np.flatnonzero(example["digits"]["clipped"])
    }
    assert clipped == {("train/3", 0), ("train/3", 2), ("test/3", 1)}
    first = examples(full, "train")["train/3"]["digits"]
    assert first["left"][0] == -1 and first["bbox"][0][1] == 0
    assert first["bbox"][2][2] == 1


def test_published_png_is_kept(full):
    for split in _SPLITS:
        with tarfile.open(full.miniature_dir() / f"{split}.tar.gz") as tar:
            published = {m.name: tar.extractfile(m).read() for m in tar}
        decoders = {"image": tfds.decode.SkipDecoding()}
        stored = tfds.as_numpy(full.as_dataset(split=split, decoders=decoders))
        for example in stored:
            png = published[f"{example['id'].decode()}.png"]
            assert example["image"] == png
            assert Image.open(io.BytesIO(png)).size == (example["width"], example["height"])


def test_only_what_is_asked_for_is_fetched():
    def files(config: str) -> set[str]:
        builder = tfds.builder(f"svhn_full/{config}")
        return {pathlib.PurePosixPath(url).name for url in builder.url_infos}

    assert files("full_numbers") == {"train.tar.gz", "test.tar.gz"}
    assert files("full_numbers_extra") == files("full_numbers") | {"extra.tar.gz"}
    mats = {"train_32x32.mat", "test_32x32.mat"}
    assert files("cropped_digits") == files("full_numbers") | mats
    assert files("cropped_digits_extra") == files("full_numbers_extra") | mats | {"extra_32x32.mat"}
    assert module.Builder.BUILDER_CONFIGS[0].name == "full_numbers"


def test_archive_is_read_twice_only_to_the_boxes(full, monkeypatch, tmp_path):
    seen = collections.defaultdict(list)
    members = archives.Tree.members

    def counted(tree, prefix=""):
        names = []
        seen[pathlib.PurePosixPath(str(tree)).name].append(names)
        for member in members(tree, ""):
            names.append(member.name)
            if member.name.startswith(prefix):
                yield member

    monkeypatch.setattr(archives.Tree, "members", counted)
    prepared("full_numbers_extra", tmp_path, num_workers=1)
    # Their digitStruct.mat is the first, the last, and in the middle.
    for name in ("test.tar.gz", "train.tar.gz", "extra.tar.gz"):
        to_boxes, whole = seen[name]
        assert to_boxes == whole[: whole.index("digitStruct.mat") + 1], name
    assert seen["test.tar.gz"][0] == ["digitStruct.mat"]
    assert len(seen["train.tar.gz"][0]) > 1 and len(seen["extra.tar.gz"][0]) > 1


@pytest.mark.parametrize("at_once", [1, 4, 7])
def test_crops_read_in_portions(at_once, cropped, monkeypatch, tmp_path):
    """The links do not depend on how many digits are read at once."""
    monkeypatch.setattr(module, "_CROPS_AT_ONCE", at_once)
    again = prepared("cropped_digits", tmp_path, num_workers=1)
    mine, whole = (examples(builder, "train") for builder in (again, cropped))
    assert list(mine) == list(whole)
    for key, example in mine.items():
        for name, value in example.items():
            np.testing.assert_array_equal(value, whole[key][name])


def test_official_counts():
    """Images of the archives and digits of the publisher's page."""
    counts = {
        c.name: tfds.builder(f"svhn_full/{c.name}").expected_counts
        for c in module.Builder.BUILDER_CONFIGS
    }
    images = {"train": 33_402, "test": 13_068, "extra": 202_353}
    digits = {"train": 73_257, "test": 26_032, "extra": 531_131}
    assert counts["full_numbers_extra"] == images and counts["cropped_digits_extra"] == digits
    for config in ("full_numbers", "cropped_digits"):
        whole = counts[f"{config}_extra"]
        assert counts[config] == {split: whole[split] for split in ("train", "test")}
