"""Masks of objects and stuff: dense, compressed, and as polygons, in NumPy and inside `tf.data`.

Prepared examples have each mask as compressed run lengths (`objects/rle`, `stuff/rle`), whatever
form it was published in. They are those of pycocotools (`annToRLE`) to the last bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from tensorflow_datasets.core.utils.lazy_imports_utils import tensorflow as tf

from tfds_extra.formats import coco_rle

_ALIGNMENT = 64  # Alignment in bytes: the size of the largest registers of today's processors.


def to_dense(rles: Iterable[bytes | str], height: int, width: int) -> np.ndarray:
    """Returns the masks as pixels.

    Args:
      rles: Compressed masks of one picture.
      height: Height of the picture, in pixels.
      width: Width of the picture, in pixels.

    Returns:
      uint8 of shape (masks, height, width), 1 in the mask.

    Raises:
      FormatError: A mask is damaged, or none of a picture of this size.
    """
    runs = coco_rle.decode(list(rles))
    coco_rle.check(runs, height, width)
    return coco_rle.to_dense(runs, int(height), int(width))


def to_dense_tensor(rles: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Does the same as `to_dense`, for `map` of `tf.data`.

    Args:
      rles: Compressed masks of one picture, strings of shape (masks,), as prepared. Empty strings,
        which batches are filled up with, are empty masks.
      height: Height of the picture, in pixels.
      width: Width of the picture, in pixels.

    Returns:
      uint8 of shape (masks, height, width), 1 in the mask.
    """
    # With TensorFlow's own operations, adding up the runs at each pixel would take many times as
    # long.
    dense = tf.numpy_function(_padded_to_dense, [rles, height, width], tf.uint8, stateful=False)
    dense.set_shape([None, None, None])
    return dense


def _padded_to_dense(rles: np.ndarray, height: np.ndarray, width: np.ndarray) -> np.ndarray:
    rows, columns = int(height), int(width)
    runs = coco_rle.decode(rles.tolist())
    is_missing = runs.lengths == 0
    coco_rle.check(runs, rows * ~is_missing, columns)
    return coco_rle.to_dense(runs, rows, columns, _aligned_zeros)


def _aligned_zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Returns zeros at an address from which TensorFlow takes them without a copy."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def from_dense(masks: np.ndarray) -> list[bytes]:
    """Returns compressed masks of masks that are given as pixels.

    Args:
      masks: Array of shape (masks, height, width); values other than 0 are in the mask.
    """
    return coco_rle.encode(coco_rle.from_dense(masks))


def from_segmentations(segmentations: Iterable[Any], height: int, width: int) -> list[bytes]:
    """Returns compressed masks of segmentations in any form that annotation files have.

    Args:
      segmentations: Polygons, run lengths or compressed run lengths, or their JSON, as in
        `objects/segmentation`.
      height: Height of the picture, in pixels.
      width: Width of the picture, in pixels.

    Raises:
      FormatError: A segmentation has another form, or does not fit the size of the picture.
    """
    values = [json.loads(one) if isinstance(one, (bytes, str)) else one for one in segmentations]
    return coco_rle.from_segmentations(values, height, width)


def polygons(segmentation: bytes | str) -> list[np.ndarray]:
    """Returns the outlines of an object.

    Args:
      segmentation: A value of `objects/segmentation`.

    Returns:
      float64 of shape (points, 2) for each polygon: x and y in pixels. A crowd, which is published
      as run lengths, has no polygons.
    """
    value = json.loads(segmentation)
    if isinstance(value, dict):
        return []
    return [np.array(one, np.float64).reshape(-1, 2) for one in value]


def label_map(
    rles: Sequence[bytes], labels: Sequence[int], height: int, width: int, nothing: int = 255
) -> np.ndarray:
    """Returns one label for each pixel (semantic segmentation); later masks cover earlier ones.

    Args:
      rles: Compressed masks of one picture.
      labels: Label of each mask, 0 to 255.
      height: Height of the picture, in pixels.
      width: Width of the picture, in pixels.
      nothing: Label of pixels in no mask.

    Returns:
      uint8 of shape (height, width).

    Raises:
      FormatError: As in `to_dense`.
    """
    found = np.full((height, width), nothing, np.uint8)
    for mask, label in zip(to_dense(rles, height, width), labels, strict=True):
        found[mask.astype(bool)] = label
    return found


def segment_ids(panoptic_image: Any) -> Any:
    """Returns the id of the segment of each pixel: those of `panoptic_objects/id`, 0 for none.

    Args:
      panoptic_image: uint8 of shape (..., 3), an array or a tensor.

    Returns:
      int64, or a tensor of it, of the shape without the last dimension.
    """
    if tf.is_tensor(panoptic_image):
        parts = tf.cast(panoptic_image, tf.int64)
    else:
        parts = np.asarray(panoptic_image).astype(np.int64)
    return parts[..., 0] + 256 * parts[..., 1] + 65536 * parts[..., 2]
