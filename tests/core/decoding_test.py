"""Examples decoded without TensorFlow, against TFDS's own function on the same records."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
import soundfile
import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from tfds_extra.core import data_sources, decoding
from tfds_extra.features import Audio, EncodedAudio, PixelImage

F = tfds.features
_INTEGERS = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64)


class Doubled(F.Scalar):
    """A number that is read as twice what was stored."""

    def decode_example_np(self, example_data):
        return 2 * example_data


def _recording() -> bytes:
    sound = io.BytesIO()
    soundfile.write(sound, np.arange(40, dtype=np.int16), 8000, format="FLAC")
    return sound.getvalue()


# Of each kind of feature some values.
_CASES = {
    **{
        np.dtype(t).name: (F.Scalar(t), [np.iinfo(t).min, 0, np.iinfo(t).max]) for t in _INTEGERS
    },
    "uint64": (F.Scalar(np.uint64), [0, 2**64 - 1]),
    "bool": (F.Scalar(np.bool_), [True, False]),
    "float32": (F.Scalar(np.float32), [0.1, np.nan, np.inf, -0.0]),
    "float64": (F.Scalar(np.float64), [0.1]),
    "float16": (F.Scalar(np.float16), [0.1]),
    "text": (F.Text(), ["", "ä\0b\0", "x" * 70_000]),
    "optional": (F.Scalar(np.int64, optional=True), [1, None]),
    "label": (F.ClassLabel(names=["a", "b"]), ["b", -1]),
    "box": (F.BBoxFeature(), [F.BBox(0.1, 0.2, 0.3, 0.4)]),
    "matrix": (F.Tensor(shape=(2, 3), dtype=np.float32), [np.arange(6, dtype=np.float32).reshape(2, 3)]),
    "bools": (F.Tensor(shape=(3,), dtype=np.bool_), [[True, False, True]]),
    "texts of a shape": (F.Tensor(shape=(2,), dtype=np.str_), [["a", "b\0"]]),
    "growing": (F.Tensor(shape=(None, 2), dtype=np.int32), [np.ones((n, 2), np.int32) for n in (0, 3)]),
    "wide": (F.Tensor(shape=(2, None), dtype=np.int32), [np.ones((2, 3), np.int32)]),
    "any": (F.Tensor(shape=(None, None), dtype=np.int32, encoding="bytes"),
            [np.ones((2, 3), np.int32)]),
    "unsigned": (F.Tensor(shape=(2,), dtype=np.uint64), [np.array([1, 2**64 - 1], np.uint64)]),
    "exact": (F.Tensor(shape=(2,), dtype=np.float64, encoding="bytes"), [np.array([0.1, 2])]),
    "exact one": (F.Tensor(shape=(), dtype=np.float64, encoding="bytes"), [np.array(0.1)]),
    "packed": (F.Tensor(shape=(3,), dtype=np.int32, encoding="zlib"), [np.arange(3, dtype=np.int32)]),
    "words": (F.Sequence(F.Text()), [[], ["a"], ["", "b", "ä"]]),
    "numbers": (F.Sequence(np.int64), [[], [1, -2]]),
    "three": (F.Sequence(np.float32, length=3), [[1, 2, 3]]),
    "labels": (F.Sequence(F.ClassLabel(num_classes=3)), [[], [2, 0]]),
    "flags": (F.Sequence(np.bool_), [[], [True, False]]),
    "boxes": (F.Sequence(F.BBoxFeature()), [[], [F.BBox(0.0, 0.0, 1.0, 1.0)] * 2]),
    "lists": (F.Sequence(F.Sequence(np.int64)), [[[1], [2, 3]]]),
    "objects": (F.Sequence({"name": F.Text(), "at": np.float32}), [[{"name": "a", "at": 0.5}]]),
    "dataset": (F.Dataset({"a": np.int64}), [[{"a": 1}, {"a": 2}]]),
    "picture": (F.Image(shape=(None, None, 3)), [np.full((2, 3, 3), 7, np.uint8)]),
    "pixels": (PixelImage(shape=(2, 2, 1)), [np.full((2, 2, 1), 7, np.uint8)]),
    "samples": (Audio(sample_rate=8000), [np.arange(n, dtype=np.int16) for n in (0, 3)]),
    "stereo": (Audio(sample_rate=8000, shape=(None, 2), dtype=np.float32), [np.ones((3, 2), np.float32)]),
    "recording": (EncodedAudio(), [_recording()]),
    "doubled": (Doubled(np.int32), [4]),
    "many doubled": (F.Sequence(Doubled(np.int32)), [[1, 2]]),
    "dict": ({"b": np.int64, "a": {"y": F.Text(), "x": F.Scalar(np.bool_)}},
             [{"b": 1, "a": {"y": "t", "x": True}}]),
    "dict with others": ({"b": np.int64, "a": F.Sequence(F.Sequence(np.int64))},
                         [{"b": 1, "a": [[1]]}]),
}  # fmt: skip


# What TFDS cannot read without TensorFlow.
_UNREADABLE = {"uint64", "unsigned"}


def _assert_same(mine, theirs) -> None:
    assert type(mine) is type(theirs)
    if isinstance(mine, dict):
        assert list(mine) == list(theirs)
        for name in mine:
            _assert_same(mine[name], theirs[name])
    elif isinstance(mine, list):
        assert len(mine) == len(theirs)
        for one, other in zip(mine, theirs):
            _assert_same(one, other)
    elif isinstance(mine, np.ndarray):
        assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
        np.testing.assert_array_equal(mine, theirs)
    elif type(mine).__name__ == "PythonDataSource":
        _assert_same(list(mine), list(theirs))
    else:
        np.testing.assert_equal(mine, theirs)


def _assert_as_tfds(features, record) -> None:
    try:
        expected = features.deserialize_example_np(record)
    except Exception as e:
        with pytest.raises(type(e)) as caught:
            decoding.decoder(features)(record)
        assert str(caught.value) == str(e)
    else:
        _assert_same(decoding.decoder(features)(record), expected)


@pytest.mark.parametrize("name", _CASES)
def test_each_kind_is_the_same(name):
    feature, values = _CASES[name]
    features = F.FeaturesDict({"z": F.Text(), "x/y": feature, "a": np.int64})
    for value in values:
        _assert_as_tfds(features, features.serialize_example({"z": "z", "x/y": value, "a": 1}))


def test_all_kinds_together():
    cases = {name: case for name, case in _CASES.items() if name not in _UNREADABLE}
    features = F.FeaturesDict({name: feature for name, (feature, _) in cases.items()})
    example = {name: values[-1] for name, (_, values) in cases.items()}
    _assert_as_tfds(features, features.serialize_example(example))


def test_most_features_are_decoded_here(monkeypatch):
    names = ("int64", "bool", "float32", "text", "label", "box", "matrix", "words", "pixels",
             "samples", "recording", "dict")  # fmt: skip
    features = F.FeaturesDict({name: _CASES[name][0] for name in names})
    example = {name: _CASES[name][1][-1] for name in names}
    record = features.serialize_example(example)
    expected = features.deserialize_example_np(record)
    monkeypatch.setattr(F.FeaturesDict, "deserialize_example_np", None, raising=False)
    _assert_same(decoding.decoder(features)(record), expected)


def _damaged() -> dict[str, bytes]:
    features = F.FeaturesDict({"n": np.int64, "t": F.Text(), "l": F.Sequence(np.int64)})
    whole = features.serialize_example({"n": 1, "t": "t", "l": [1]})
    damaged = {"cut short": whole[:-3], "something else": b"\xff" * 20, "nothing": b""}
    for name in "ntl":
        example = tf_example_pb2.Example.FromString(whole)
        del example.features.feature[name]
        damaged[f"without {name}"] = example.SerializeToString()
        example.features.feature[name].float_list.value.extend([0.5])
        damaged[f"another {name}"] = example.SerializeToString()
        example.features.feature[name].Clear()
        damaged[f"no kind of {name}"] = example.SerializeToString()
    two = tf_example_pb2.Example.FromString(whole)
    two.features.feature["n"].int64_list.value.append(2)
    return {**damaged, "two numbers": two.SerializeToString()}


@pytest.mark.parametrize("name", _damaged())
def test_damaged_records(name):
    """They are refused in TFDS's words, or read as TFDS reads them."""
    features = F.FeaturesDict({"n": np.int64, "t": F.Text(), "l": F.Sequence(np.int64)})
    _assert_as_tfds(features, _damaged()[name])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    kwargs = {"file_format": "array_record", "miniature": True, "num_workers": 1}
    return tfds.data_source(
        "qmnist", split="train", data_dir=tmp_path_factory.mktemp("data"), builder_kwargs=kwargs
    )


def test_items_of_a_source(source):
    assert type(source) is data_sources.ArrayRecordDataSource
    features = source.dataset_info.features
    expected = [
        features.deserialize_example_np(record)
        for record in source.data_source.__getitems__(list(range(len(source))))
    ]
    for items in ([source[i] for i in range(len(source))],
                  source.__getitems__(list(range(len(source)))),
                  list(pickle.loads(pickle.dumps(source)))):  # fmt: skip
        _assert_same(items, expected)


def test_what_a_user_asks_for_is_left_to_tfds(source):
    raw = pickle.loads(pickle.dumps(source))
    raw.deserialize_method = tfds.decode.DeserializeMethod.RAW_BYTES
    assert raw[0] == source.data_source.__getitems__([0])[0]
    undecoded = pickle.loads(pickle.dumps(source))
    undecoded.decoders = {"image": tfds.decode.SkipDecoding()}
    assert type(undecoded[0]["image"]) is bytes and undecoded[0]["label"] == source[0]["label"]
