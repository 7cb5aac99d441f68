"""Feature connectors that TFDS lacks."""

from tfds_extra.features.audio import Audio
from tfds_extra.features.encoded_audio import EncodedAudio
from tfds_extra.features.pixel_image import PixelImage

__all__ = ["Audio", "EncodedAudio", "PixelImage"]
