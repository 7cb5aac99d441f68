"""Images that were published as raw pixels, and are stored as raw pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils.lazy_imports_utils import tensorflow as tf


class PixelImage(tfds.features.Image):
    """An image of fixed shape that was published as raw pixels (idx files, CIFAR's batches).

    To users it is the `tfds.features.Image` of that shape. `_generate_examples` gives it as a uint8
    array of exactly the shape; a column of `core.Rows` is an array of many. It is stored as its bytes,
    row by row, and not as a PNG, whose coding takes most of the time of preparing small images. The
    price is disk: a digit of 28 x 28 takes 784 bytes in place of some 250.
    """

    def __init__(self, *, shape: tuple[int, int, int], doc: tfds.features.feature.DocArg = None):
        """Constructs the connector.

        Args:
          shape: (height, width, channels) of every image.
          doc: What the image is.

        Raises:
          ValueError: The shape is not fixed, or is no shape of an image.
        """
        if len(shape) != 3 or None in shape:
            raise ValueError(f"PixelImage has a fixed (height, width, channels), not {shape}.")
        super().__init__(shape=tuple(shape), dtype=np.uint8, doc=doc)

    def encode_example(self, example_data: np.ndarray) -> bytes:
        """Returns the pixels of an image, as bytes to be stored.

        Raises:
          ValueError: The image is no uint8 array of the feature's shape.
        """
        if not isinstance(example_data, np.ndarray):
            raise ValueError(f"an image is given as an array, not as {type(example_data).__name__}")
        if example_data.dtype != np.uint8 or example_data.shape != self.shape:
            raise ValueError(
                f"an image is given as uint8 of shape {self.shape}, not as {example_data.dtype} of"
                f" shape {example_data.shape}"
            )
        return example_data.tobytes()

    # --------------------------------------------------------------------------------- reading

    def decode_example(self, example: tf.Tensor) -> tf.Tensor:
        """Returns the image, of the feature's shape."""
        return tf.reshape(tf.io.decode_raw(example, tf.uint8), self.shape)

    def decode_example_np(self, example: bytes) -> np.ndarray:
        """Returns the image, without TensorFlow."""
        # It is copied, because an array over bytes cannot be written to.
        return np.frombuffer(example, np.uint8).reshape(self.shape).copy()

    def decode_batch_example(self, example_data: tf.Tensor) -> tf.Tensor:
        """Returns the images of a `Sequence`, of shape (images, height, width, channels)."""
        return self.decode_padded_batch(example_data)

    def decode_padded_batch(self, stored: tf.Tensor) -> tf.Tensor:
        """Returns a batch of images; they have one shape, so that nothing is padded.

        Args:
          stored: The stored bytes, of shape (batch,).

        Returns:
          The images, of shape (batch, height, width, channels).
        """
        return tf.reshape(tf.io.decode_raw(stored, tf.uint8), (-1, *self.shape))

    # ------------------------------------------------------------------------ as JSON, on disk

    def to_json_content(self) -> dict[str, Any]:
        """Returns a description from which `from_json_content` rebuilds the feature."""
        return {"shape": list(self.shape)}

    @classmethod
    def from_json_content(cls, value: dict[str, Any], doc: Any = None) -> PixelImage:
        """Rebuilds the feature from the result of `to_json_content`."""
        return cls(shape=tuple(value["shape"]), doc=doc)
