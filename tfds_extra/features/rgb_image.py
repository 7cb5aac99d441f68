"""Published images in any colours, read as RGB."""

from __future__ import annotations

import io

import numpy as np
import tensorflow_datasets as tfds


class RgbImage(tfds.features.Image):
    """A JPEG or PNG in any colours (gray, CMYK, a palette, with transparency), read as RGB.

    It differs from `tfds.features.Image` of shape (None, None, 3) only in `tfds.data_source`. If
    OpenCV is missing, TFDS decodes there with Pillow, and returns the stored channels, such as four
    of CMYK. This feature returns the same channels as TensorFlow.
    """

    def decode_example_np(self, example: bytes) -> np.ndarray:
        """Returns the image as uint8 of shape (height, width, 3), without TensorFlow."""
        import PIL.Image  # Only decoding without TensorFlow needs it.

        with PIL.Image.open(io.BytesIO(example)) as image:
            if image.mode != "CMYK":
                return np.array(image.convert("RGB"))
            channels = np.asarray(image).astype(np.uint32)
            # This is TensorFlow's computation; Pillow rounds otherwise. Pillow returns 255 minus
            # the stored value. TensorFlow uses that only if Adobe's marker is missing, else the
            # stored value.
            if "adobe" in image.info:
                channels = 255 - channels
        return (channels[..., :3] * channels[..., 3:] // 255).astype(np.uint8)
