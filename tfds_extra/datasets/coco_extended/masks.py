"""Masks of objects and stuff: dense, compressed, and as polygons, in NumPy and inside `tf.data`.

Prepared examples have each mask as compressed run lengths (`objects/rle`, `stuff/rle`), whatever
form it was published in. They are those of pycocotools (`annToRLE`) to the last bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from tensorflow_datasets.core.utils.lazy_imports_utils import tensorflow as tf

from tfds_extra.formats import coco_rle, reading


def to_dense(rles: Iterable[bytes | str], height: int, width: int) -> np.ndarray:
    """Masks as pixels.

    Args:
      rles: Compressed masks of one picture.
      height: Of the picture, in pixels.
      width: Of the picture, in pixels.

    Returns:
      uint8 of shape (masks, height, width), 1 in the mask.

    Raises:
      FormatError: A mask is damaged, or none of a picture of this size.
    """
    counts = []
    for number, rle in enumerate(rles):
        with reading(f"mask {number}"):
            counts.append(coco_rle.checked(coco_rle.decode(rle), height, width))
    return coco_rle.to_dense(counts, int(height), int(width))


def to_dense_tensor(rles: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """As `to_dense`, of operations of TensorFlow: for `map` of `tf.data`.

    Args:
      rles: Compressed masks of one picture, strings of shape (masks,), as prepared. Empty strings,
        which batches are filled up with, are empty masks.
      height: Of the picture, in pixels.
      width: Of the picture, in pixels.

    Returns:
      uint8 of shape (masks, height, width), 1 in the mask.
    """
    height, width = tf.cast(height, tf.int64), tf.cast(width, tf.int64)
    pixels, masks = height * width, tf.size(rles, out_type=tf.int64)
    letters = tf.strings.length(rles)
    groups = tf.cast(tf.io.decode_raw(tf.strings.reduce_join(rles), tf.uint8), tf.int64) - 48
    groups = tf.reshape(groups, [-1])
    is_last = tf.equal(tf.bitwise.bitwise_and(groups, 0x20), 0)
    lasts = tf.reshape(tf.where(is_last), [-1])
    starts = tf.concat([tf.zeros_like(lasts[:1]), lasts[:-1] + 1], 0)
    number = tf.cumsum(tf.cast(is_last, tf.int64), exclusive=True)
    place = tf.range(tf.size(groups, out_type=tf.int64)) - tf.gather(starts, number)
    shifted = tf.bitwise.left_shift(tf.bitwise.bitwise_and(groups, 0x1F), 5 * place)
    is_negative = tf.not_equal(tf.bitwise.bitwise_and(tf.gather(groups, lasts), 0x10), 0)
    above = tf.bitwise.left_shift(tf.ones_like(lasts), 5 * (lasts - starts + 1))
    differences = tf.math.segment_sum(shifted, number) - tf.where(is_negative, above, 0)

    # A row for each mask. From the fourth on, a count is a difference to that two before.
    runs = tf.RaggedTensor.from_row_lengths(tf.cast(is_last, tf.int64), letters)
    lengths = tf.reduce_sum(runs, axis=1)
    rows = tf.RaggedTensor.from_row_lengths(differences, lengths).to_tensor()
    rows = tf.pad(rows, [[0, 0], [0, 1 - tf.shape(rows)[1] % 2]])  # To one and pairs.
    pairs = tf.cumsum(tf.reshape(rows[:, 1:], [masks, -1, 2]), axis=1)
    counts = tf.concat([rows[:, :1], tf.reshape(pairs, [masks, -1])], 1)
    # Where a run ends the mask begins or ends; where the last one does so does the picture.
    is_border = tf.sequence_mask(lengths - 1, tf.shape(counts)[1])
    borders = tf.cumsum(counts, axis=1) + tf.range(masks)[:, None] * pixels
    borders = tf.boolean_mask(borders, is_border)
    borders = tf.boolean_mask(borders, borders < masks * pixels)
    changes = tf.scatter_nd(borders[:, None], tf.ones_like(borders, tf.uint8), [masks * pixels])
    dense = tf.bitwise.bitwise_and(tf.cumsum(tf.reshape(changes, [masks, pixels]), axis=1), 1)
    return tf.transpose(tf.reshape(dense, [masks, width, height]), [0, 2, 1])


def from_dense(masks: np.ndarray) -> list[bytes]:
    """Compressed masks of pixels.

    Args:
      masks: Of shape (masks, height, width); what is not 0 is in the mask.
    """
    return [coco_rle.encode(counts) for counts in coco_rle.from_dense(masks)]


def from_segmentations(segmentations: Iterable[Any], height: int, width: int) -> list[bytes]:
    """Compressed masks of any form that annotation files have, of any corpus.

    Args:
      segmentations: Polygons, run lengths or compressed run lengths, or their JSON, as in
        `objects/segmentation`.
      height: Of the picture, in pixels.
      width: Of the picture, in pixels.

    Raises:
      FormatError: One is none of these, or none of a picture of this size.
    """
    values = [json.loads(one) if isinstance(one, (bytes, str)) else one for one in segmentations]
    return coco_rle.from_segmentations(values, height, width)


def polygons(segmentation: bytes | str) -> list[np.ndarray]:
    """The outlines of an object.

    Args:
      segmentation: Of `objects/segmentation`.

    Returns:
      float64 of shape (points, 2) for each polygon: x and y in pixels. None of a crowd, which is
      published as run lengths.
    """
    value = json.loads(segmentation)
    if isinstance(value, dict):
        return []
    return [np.array(one, np.float64).reshape(-1, 2) for one in value]


def label_map(
    rles: Sequence[bytes], labels: Sequence[int], height: int, width: int, nothing: int = 255
) -> np.ndarray:
    """One label a pixel, as semantic segmentation wants it; the later mask covers the earlier.

    Args:
      rles: Compressed masks of one picture.
      labels: Of each mask, 0 to 255.
      height: Of the picture, in pixels.
      width: Of the picture, in pixels.
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
    """Id of the segment of each pixel: those of `panoptic_objects/id`, 0 for none.

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
