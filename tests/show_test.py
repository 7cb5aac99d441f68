"""Pictures of examples that hold images; recordings are in the tests of their builders."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow_datasets as tfds
from matplotlib import patches

from tfds_extra import core, show
from tfds_extra.features import Audio, PixelImage
from tfds_extra.formats import coco_rle

_RNG = np.random.default_rng(0)
_DIGITS = tfds.features.ClassLabel(names=[str(digit) for digit in range(10)])
_BOXES = {
    "image": tfds.features.Image(shape=(None, None, 3)),
    "digits": tfds.features.Sequence({"bbox": tfds.features.BBoxFeature(), "label": _DIGITS}),
    "name": tfds.features.Text(),
}
_SHARES = {
    "image": PixelImage(shape=(32, 32, 3)),
    "label": _DIGITS,
    "shares": tfds.features.Tensor(shape=(10,), dtype=np.float64, encoding="bytes"),
}


def _info(features, supervised_keys=None) -> tfds.core.DatasetInfo:
    class Pictures(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        pkg_dir_path = None

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=supervised_keys,
            )

        def _split_generators(self, dl_manager):
            return {}

        def _generate_examples(self):
            yield from ()

    return Pictures(data_dir="/none").info


def _with_boxes(boxes, height=20, width=40):
    return {
        "image": _RNG.integers(0, 256, (height, width, 3), np.uint8),
        "digits": {
            "bbox": np.array(boxes, np.float32).reshape(-1, 4),
            "label": np.arange(len(boxes)) + 1,
        },
        "name": b"1.png",
    }


def test_boxes_are_drawn_with_their_labels(tmp_path):
    examples = [_with_boxes([[0.5, 0.25, 1, 0.75], [0, 0, 0.5, 0.125]]), _with_boxes([])]
    picture = show.draw(_info(_BOXES), examples)
    picture.savefig(tmp_path / "boxes.png")
    image, text, other, _ = picture.axes
    np.testing.assert_array_equal(image.images[0].get_array(), examples[0]["image"])
    boxes = [p for p in image.patches if isinstance(p, patches.Rectangle)]
    assert [b.get_bbox().bounds for b in boxes] == [(9.5, 9.5, 20, 10), (-0.5, -0.5, 5, 10)]
    assert [t.get_text() for t in image.texts] == ["1", "2"]
    assert text.texts[0].get_text() == "name: 1.png"
    assert not other.patches


def test_objects_are_drawn_with_masks_keypoints_and_captions(tmp_path):
    features = {
        "image": tfds.features.Image(shape=(None, None, 3)),
        "objects": tfds.features.Sequence(
            {
                "bbox": tfds.features.BBoxFeature(),
                "rle": tfds.features.Text(),
                "points": tfds.features.Tensor(shape=(3, 3), dtype=np.int32),
            }
        ),
        "others": tfds.features.Sequence({"bbox": tfds.features.BBoxFeature()}),
        "captions": tfds.features.Sequence(tfds.features.Text()),
        "told": tfds.features.Sequence({"text": tfds.features.Text()}),
    }
    mask = np.zeros((1, 20, 40), np.uint8)
    mask[0, 5:15, 10:30] = 1
    example = {
        "image": _RNG.integers(0, 256, (20, 40, 3), np.uint8),
        "objects": {
            "bbox": np.array([[0.25, 0.25, 0.75, 0.75]], np.float32),
            "rle": coco_rle.encode(coco_rle.from_dense(mask)),
            "points": [np.array([[10, 5, 2], [20, 10, 1], [0, 0, 0]])],
        },
        "others": {"bbox": np.array([[0, 0, 1, 1]], np.float32)},
        "captions": [],
        "told": {"text": ["Café".encode() + b" on the grass" * 9, b"x"]},
    }
    objects = core.Objects("objects", "rle", "points", ((0, 1), (1, 2)), "told/text")
    picture = show.draw(_info(features), [example], objects=objects)
    picture.savefig(tmp_path / "objects.png")
    axis = picture.axes[0]
    picture_drawn, mask_drawn = (image.get_array() for image in axis.images)
    np.testing.assert_array_equal(picture_drawn, example["image"])
    np.testing.assert_array_equal(np.asarray(mask_drawn)[..., 3] > 0, mask[0] > 0)
    assert len(axis.patches) == 1  # The other sequence's box is not drawn.
    limb, hidden, visible = (line.get_xydata().tolist() for line in axis.lines)
    assert limb == [[10, 5], [20, 10]] and hidden == [[20, 10]] and visible == [[10, 5]]
    assert axis.texts[-1].get_text().startswith("Café on the grass")
    assert axis.get_xlim() == (-0.5, 39.5)
    # Without objects, all boxes are drawn and no masks.
    plain = show.draw(_info(features), [example]).axes[0]
    assert len(plain.images) == 1 and len(plain.patches) == 2


def test_distribution_is_drawn_with_the_names_of_the_classes(tmp_path):
    shares = np.arange(10) / 45
    image = _RNG.integers(0, 256, (32, 32, 3), np.uint8)
    example = {"image": image, "label": 7, "shares": shares}
    info = _info(_SHARES, ("image", "label"))
    picture = show.draw(info, [example] * 3, distributions=("shares",))
    picture.savefig(tmp_path / "shares.png")
    _, bars, text, *_ = picture.axes
    assert [bar.get_width() for bar in bars.patches] == shares.tolist()
    assert [t.get_text() for t in bars.get_yticklabels()] == _DIGITS.names
    assert text.texts[0].get_text() == "label: 7"
    assert bars.get_box_aspect() == 1
    # Where it is not to be drawn it is text.
    assert "shares:" in show.draw(info, [example]).axes[-1].texts[0].get_text()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_several_stand_in_a_row(count):
    features = {"image": PixelImage(shape=(28, 28, 1)), "label": _DIGITS}
    images = _RNG.integers(0, 256, (count, 28, 28, 1), np.uint8)
    picture = show.draw(
        _info(features), [{"image": image, "label": i} for i, image in enumerate(images)]
    )
    drawn = [axis.images[0] for axis in picture.axes if axis.images]
    np.testing.assert_array_equal([one.get_array() for one in drawn], images[..., 0])
    # A pale image has to look pale.
    assert all(one.get_clim() == (0, 255) for one in drawn)
    texts = [axis.texts[0].get_text() for axis in picture.axes if axis.texts]
    assert texts == [f"label: {i}" for i in range(count)]
    assert picture.axes[0].get_subplotspec().get_gridspec().nrows == -(-count // 3)


def _described(features, example, **kwargs) -> list[str]:
    """The lines of text beside an image of an example."""
    features = {"image": PixelImage(shape=(28, 28, 1)), **features}
    example = {"image": np.zeros((28, 28, 1), np.uint8), **example}
    supervised = kwargs.pop("supervised_keys", None)
    picture = show.draw(_info(features, supervised), [example], **kwargs)
    return picture.axes[-1].texts[0].get_text().splitlines()


def test_what_matters_comes_first_and_digests_last():
    features = {
        "audio_sha1": tfds.features.Text(),
        "comments": tfds.features.Scalar(np.int32),
        "label": _DIGITS,
        "track": {"id": tfds.features.Scalar(np.int32), "title": tfds.features.Text()},
    }
    example = {
        "audio_sha1": b"00ff", "comments": 3, "label": 7, "track": {"id": 1, "title": b"Air"},
    }  # fmt: skip
    options = {"supervised_keys": ("image", "label"), "first": ("track/title",)}
    assert _described(features, example, **options) == [
        "track/title: Air", "label: 7", "comments: 3", "track/id: 1", "audio_sha1: 00ff",
    ]  # fmt: skip


def test_missing_values_are_left_out():
    number = tfds.features.Scalar
    features = {
        "empty": tfds.features.Text(),
        "nothing": tfds.features.Sequence(tfds.features.Text()),
        "nan": number(np.float32),
        "unknown": number(np.int32, doc="Its number; -1 for none."),
        "height": number(np.int32, doc="Metres above the sea."),
        "late": number(np.float32, doc="In s, -1 if nobody knows."),
        "label": _DIGITS,
        "shares": tfds.features.Tensor(shape=(3,), dtype=np.float32),
        "counts": tfds.features.Tensor(shape=(3,), dtype=np.int32),
        "is_odd": number(np.bool_),
        "pairs": tfds.features.Sequence({"a": number(np.int32), "b": _DIGITS}),
    }
    example = {
        "empty": b"", "nothing": np.array([], object), "nan": np.float32("nan"),
        "unknown": np.int32(-1), "height": np.int32(-1), "late": np.float32(-1), "label": -1,
        "shares": np.full(3, np.nan, np.float32), "counts": np.zeros(3, np.int32),
        "is_odd": np.bool_(False), "pairs": {"a": np.array([4, 5]), "b": np.array([1, 2])},
    }  # fmt: skip
    assert _described(features, example) == [
        "height: -1", "is_odd: False", "pairs/a: 4, 5", "pairs/b: 1, 2",
    ]  # fmt: skip


def test_classes_are_named():
    features = {"image": PixelImage(shape=(28, 28, 1)), "label": _DIGITS}
    example = {"image": np.zeros((28, 28, 1), np.uint8), "label": 1}
    picture = show.draw(_info(features, ("image", "label")), [example], "title")
    classes = "label, 10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert picture.get_suptitle() == f"title\n{classes}"


def test_many_classes_take_two_lines():
    label = tfds.features.ClassLabel(names=[f"class number {i}" for i in range(99)])
    example = {"image": np.zeros((28, 28, 1), np.uint8), "label": 1}
    info = _info({"image": PixelImage(shape=(28, 28, 1)), "label": label}, ("image", "label"))
    title, first, second = show.draw(info, [example], "title").get_suptitle().split("\n")
    assert title == "title" and first.startswith("label, 99 classes: class number 0, class number")
    assert first.endswith(",") and second.startswith("class number") and second.endswith(" ...")


def test_long_values_take_two_lines_and_words_stay_whole():
    features = {"words": tfds.features.Text(), "url": tfds.features.Text()}
    words, url = "some words " * 40, "https://example.org/" + 400 * "x"
    lines = _described(features, {"words": words.encode(), "url": url.encode()})
    assert [line.partition(":")[0] for line in lines[::2]] == ["words", "url"] and len(lines) == 4
    assert lines[1].endswith(" ...") and lines[3].endswith("x ...")
    assert set(lines[0].split()[1:]) == {"some", "words"}
    assert 50 < min(map(len, lines[:2])) and lines[3].startswith("https://example.org/xxx")


def test_recording_without_sound_and_legend_of_times():
    features = {
        "audio": Audio(sample_rate=8000),
        "beats": tfds.features.Sequence(
            {
                "time": tfds.features.Scalar(np.float32),
                "is_downbeat": tfds.features.Scalar(np.bool_),
            }
        ),
    }
    beats = {"time": np.array([0.1, 0.2, 0.3]), "is_downbeat": np.array([True, False, False])}
    none = {"time": np.array([]), "is_downbeat": np.array([])}
    examples = [
        {"audio": np.ones(8000, np.int16), "beats": beats},
        {"audio": np.array([], np.int16), "beats": none},
    ]
    picture = show.draw(_info(features), examples, times=("beats/time", "beats/is_downbeat"))
    legend = picture.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["2 others", "1 downbeat"]
    assert picture.axes[3].texts[0].get_text() == "no sound in this clip"


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_examples_are_those_of_the_data_set(file_format, tmp_path):
    builder = tfds.builder(
        "free_spoken_digit", data_dir=tmp_path, miniature=True, file_format=file_format
    )
    builder.download_and_prepare()
    for split, number in (("train", 3), ("test[10:14]", 9), ("train[58:]+test", 5)):
        expected = [
            e["audio/filename"].decode()
            for e in tfds.as_numpy(builder.as_dataset(split=split).take(number))
        ] if file_format == "tfrecord" else None  # fmt: skip
        found = list(show.read(builder, split, number))
        names = [e["audio/filename"].decode() for e in found]
        assert len(names) == min(number, builder.info.splits[split].num_examples)
        assert expected in (None, names)
        assert all(e["audio"].dtype == np.int16 and len(e["audio"]) for e in found)
