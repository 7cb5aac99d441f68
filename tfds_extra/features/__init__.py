"""Feature connectors that TFDS lacks, and short forms of those that it has."""

from tfds_extra.features.audio import Audio
from tfds_extra.features.declared import (
    digit,
    flag,
    float32,
    float64,
    int32,
    int64,
    label,
    speech,
    text,
)
from tfds_extra.features.encoded_audio import EncodedAudio
from tfds_extra.features.pixel_image import PixelImage
from tfds_extra.features.rgb_image import RgbImage

__all__ = [
    "Audio",
    "EncodedAudio",
    "PixelImage",
    "RgbImage",
    "digit",
    "flag",
    "float32",
    "float64",
    "int32",
    "int64",
    "label",
    "speech",
    "text",
]
