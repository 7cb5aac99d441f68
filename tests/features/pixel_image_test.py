"""The PixelImage feature: what it accepts, what it stores, how it is read back and shown."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from tfds_extra.core import reading
from tfds_extra.core.serializing import ExampleEncoder
from tfds_extra.features import PixelImage

_SHAPES = [(28, 28, 1), (32, 32, 3), (2, 3, 4)]
_RNG = np.random.default_rng(0)


def _images(count: int, shape: tuple[int, ...]) -> np.ndarray:
    return _RNG.integers(0, 256, (count, *shape), np.uint8)


def _features(shape: tuple[int, ...]) -> tfds.features.FeaturesDict:
    return tfds.features.FeaturesDict({"image": PixelImage(shape=shape), "number": np.int64})


@pytest.mark.parametrize("shape", _SHAPES)
@pytest.mark.parametrize("numpy", [False, True])
def test_round_trip_is_exact(shape, numpy):
    features, (image,) = _features(shape), _images(1, shape)
    record = features.serialize_example({"image": image, "number": 1})
    if numpy:
        read = features.deserialize_example_np(record)["image"]
        read[0, 0, 0] ^= 1  # It can be written to.
        read[0, 0, 0] ^= 1
    else:
        tensor = features.deserialize_example(record)["image"]
        assert tensor.shape == shape
        read = tensor.numpy()
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, image)


def test_is_the_standard_image_to_others():
    mine, standard = PixelImage(shape=(28, 28, 1)), tfds.features.Image(shape=(28, 28, 1))
    assert isinstance(mine, tfds.features.Image)
    assert mine.get_tensor_info() == standard.get_tensor_info()
    assert mine.get_serialized_info() == standard.get_serialized_info()


def test_stores_nothing_but_the_pixels():
    (image,) = _images(1, (4, 5, 3))
    assert PixelImage(shape=(4, 5, 3)).encode_example(image) == image.tobytes()
    turned = image[::-1]
    assert PixelImage(shape=(4, 5, 3)).encode_example(turned) == turned.copy().tobytes()


@pytest.mark.parametrize(
    "value, problem",
    [
        (np.zeros((28, 28), np.uint8), r"uint8 of shape \(28, 28, 1\), not as uint8 of .*28, 28\)"),
        (np.zeros((1, 28, 28), np.uint8), r"of shape \(1, 28, 28\)"),
        (np.zeros((28, 28, 1), np.int64), "as int64"),
        (np.zeros((28, 28, 1), np.float32), "as float32"),
        (np.zeros((28, 28, 1), np.int8), "as int8"),
        (bytes(784), "not as bytes"),
        ("image.png", "not as str"),
        ([[[0]] * 28] * 28, "not as list"),
        (None, "not as NoneType"),
    ],
)
def test_refuses_all_else(value, problem):
    with pytest.raises(ValueError, match=problem):
        PixelImage(shape=(28, 28, 1)).encode_example(value)
    encoder = ExampleEncoder(_features((28, 28, 1)))
    with pytest.raises(ValueError, match=problem):
        encoder.encode({"image": value, "number": 1})
    with pytest.raises(ValueError, match=problem):
        encoder.encode_batch({"image": [value], "number": [1]}, 1)


@pytest.mark.parametrize("shape", [(None, None, 3), (28, 28), (None, 28, 1), (1, 28, 28, 1)])
def test_shape_is_fixed(shape):
    with pytest.raises(ValueError, match="PixelImage has a fixed"):
        PixelImage(shape=shape)


@pytest.mark.parametrize("shape", _SHAPES)
@pytest.mark.parametrize("count", [1, 5, 3000])
def test_columns_are_the_same_bytes(shape, count):
    features, images = _features(shape), _images(count, shape)
    numbers = np.arange(count)
    expected = [
        features.serialize_example({"image": image, "number": number})
        for image, number in zip(images[:5], numbers)
    ]
    encoder = ExampleEncoder(features)
    for column in (images, list(images), tuple(images), np.asfortranarray(images)):
        encoded = encoder.encode_batch({"image": column, "number": numbers}, count)
        parsed = [tf.train.Example.FromString(record) for record in encoded]
        assert [tf.train.Example.FromString(record) for record in expected] == parsed[:5]
        stored = [example.features.feature["image"].bytes_list.value[0] for example in parsed]
        assert stored == [image.tobytes() for image in images]
        one_by_one = [
            encoder.encode({"image": image, "number": int(n)})
            for image, n in zip(images[:50], numbers)
        ]
        assert one_by_one == encoded[:50]


def test_columns_go_without_python_loops(monkeypatch):
    monkeypatch.setattr(PixelImage, "encode_example", None)
    images = _images(300, (28, 28, 1))
    encoder = ExampleEncoder(_features((28, 28, 1)))
    assert len(encoder.encode_batch({"image": images, "number": np.arange(300)}, 300)) == 300


def test_column_with_an_image_of_another_shape():
    images = [*_images(2, (28, 28, 1)), np.zeros((27, 28, 1), np.uint8)]
    encoder = ExampleEncoder(_features((28, 28, 1)))
    with pytest.raises(ValueError, match=r"not as uint8 of shape \(27, 28, 1\)"):
        encoder.encode_batch({"image": images, "number": [1, 2, 3]}, 3)


def test_sequence_of_images():
    images = _images(3, (4, 5, 1))
    features = tfds.features.FeaturesDict(
        {"images": tfds.features.Sequence(PixelImage(shape=(4, 5, 1)))}
    )
    for value in (images, images[:1], images[:0]):
        expected = features.serialize_example({"images": list(value)})
        parsed = tf.train.Example.FromString(expected)
        for given in (value, list(value)):
            record = ExampleEncoder(features).encode({"images": given})
            assert tf.train.Example.FromString(record) == parsed
        read = features.deserialize_example(record)["images"]
        np.testing.assert_array_equal(read, value)
        if len(value):
            read = features.deserialize_example_np(record)["images"]
            np.testing.assert_array_equal(read, value)


def test_batches():
    features, images = _features((28, 28, 1)), _images(5, (28, 28, 1))
    read_config = tfds.ReadConfig()
    assert reading.can_read_batches(features, decoders=None, read_config=read_config)
    stored = tf.constant([image.tobytes() for image in images])
    feature = features["image"]
    np.testing.assert_array_equal(feature.decode_padded_batch(stored), images)
    assert feature.decode_padded_batch(stored[:0]).shape == (0, 28, 28, 1)
    dataset = tf.data.Dataset.from_tensors(stored).map(feature.decode_padded_batch)
    assert dataset.element_spec.shape.as_list() == [None, 28, 28, 1]


def test_json_round_trip(tmp_path):
    features = tfds.features.FeaturesDict({"image": PixelImage(shape=(2, 3, 4), doc="A picture.")})
    features.save_config(tmp_path)
    read = tfds.features.FeatureConnector.from_config(tmp_path)["image"]
    assert type(read) is PixelImage
    assert read.shape == (2, 3, 4) and read.doc.desc == "A picture."


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_shown_in_notebooks(shape):
    (image,) = _images(1, shape)
    shown = PixelImage(shape=shape).repr_html(image)
    png = base64.b64decode(re.search('base64,([^"]+)', shown)[1])
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    np.testing.assert_array_equal(pixels.reshape(shape), image)


def test_encoding_and_reading_need_no_tensorflow():
    script = """
import sys
import numpy as np
import tensorflow_datasets as tfds
from tfds_extra.core.serializing import ExampleEncoder
from tfds_extra.features import PixelImage
features = tfds.features.FeaturesDict({"image": PixelImage(shape=(28, 28, 1))})
image = np.arange(784, dtype=np.uint8).reshape(28, 28, 1)
encoder = ExampleEncoder(features)
record = encoder.encode({"image": image})
assert encoder.encode_batch({"image": image[None]}, 1) == [record]
assert (features["image"].decode_example_np(image.tobytes()) == image).all()
assert "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
