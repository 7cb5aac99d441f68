"""Published images in any colours, read as RGB."""

from __future__ import annotations

import io

import numpy as np
import tensorflow_datasets as tfds


class RgbImage(tfds.features.Image):
    """A JPEG or PNG in any colours (gray, CMYK, a palette, with transparency), read as RGB.

    It differs from `tfds.features.Image` of shape (None, None, 3) only in `tfds.data_source`: TFDS
    decodes there by Pillow where OpenCV is missing, and gives the channels that are stored, such as
    four of CMYK. Here they are those that TensorFlow gives.
    """

    def decode_example_np(self, example: bytes) -> np.ndarray:
        """The image as uint8 of shape (height, width, 3), without TensorFlow."""
        import PIL.Image  # Only those who decode without TensorFlow need it.

        with PIL.Image.open(io.BytesIO(example)) as image:
            if image.mode != "CMYK":
                return np.array(image.convert("RGB"))
            channels = np.asarray(image).astype(np.uint32)
            # As TensorFlow computes it; Pillow rounds otherwise. Pillow gives 255 minus what is stored.
            # TensorFlow takes that only where Adobe's marker is missing, else what is stored.
            if "adobe" in image.info:
                channels = 255 - channels
        return (channels[..., :3] * channels[..., 3:] // 255).astype(np.uint8)
