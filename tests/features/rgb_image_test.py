"""The RgbImage feature: what is stored, and the same RGB with and without TensorFlow."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds

from tfds_extra.core.serializing import ExampleEncoder
from tfds_extra.features import RgbImage

_FEATURE = {"image": RgbImage(shape=(None, None, 3), encoding_format="jpeg")}
_FEATURES = tfds.features.FeaturesDict(_FEATURE)


def _published(mode: str, kind: str, *, adobe: bool = True) -> bytes:
    """A picture of 16 x 24 in blocks of 8 x 8, which JPEG's decoders agree on, each of one colour."""
    colours = np.random.default_rng(3).integers(0, 256, (2, 3, 4), np.uint8)
    pixels = colours.repeat(8, axis=0).repeat(8, axis=1)
    if mode in ("CMYK", "RGBA"):
        picture = PIL.Image.fromarray(pixels, mode)
    else:
        picture = PIL.Image.fromarray(pixels[..., :3]).convert(mode)
    file = io.BytesIO()
    picture.save(file, kind, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))
    content = file.getvalue()
    if adobe:
        return content
    start = content.index(b"\xff\xee\x00\x0eAdobe")
    return content[:start] + content[start + 16 :]


def test_same_cmyk_without_the_marker_of_adobe():
    """What is stored is then no upside-down amount of ink, as TensorFlow has it."""
    published = _published("CMYK", "JPEG", adobe=False)
    record = _FEATURES.serialize_example({"image": published})
    tensorflow = _FEATURES.deserialize_example(record)["image"].numpy()
    numpy = _FEATURES.deserialize_example_np(record)["image"]
    np.testing.assert_allclose(numpy.astype(int), tensorflow, atol=2)
    with_marker = _FEATURE["image"].decode_example_np(_published("CMYK", "JPEG"))
    assert np.abs(numpy.astype(int) - with_marker).max() > 50


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"),
     ("RGB", "PNG"), ("L", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("LA", "PNG")],
)  # fmt: skip
def test_same_rgb_with_and_without_tensorflow(mode, kind):
    published = _published(mode, kind)
    record = _FEATURES.serialize_example({"image": published})
    tensorflow = _FEATURES.deserialize_example(record)["image"].numpy()
    numpy = _FEATURES.deserialize_example_np(record)["image"]
    assert numpy.dtype == np.uint8 and numpy.shape == (16, 24, 3)
    # A JPEG in colours is decoded by two releases of libjpeg.
    np.testing.assert_allclose(numpy.astype(int), tensorflow, atol=kind == "JPEG" and 2)
    numpy[0, 0, 0] ^= 1  # It can be written to.


def test_stores_the_published_bytes_and_is_read_from_its_json():
    published = _published("CMYK", "JPEG")
    assert _FEATURE["image"].encode_example(published) == published
    encoded = ExampleEncoder(_FEATURES).encode({"image": published})
    assert encoded == _FEATURES.serialize_example({"image": published})
    again = tfds.features.FeaturesDict.from_json(_FEATURES.to_json())["image"]
    assert type(again) is RgbImage
    assert again.get_tensor_info() == _FEATURE["image"].get_tensor_info()
