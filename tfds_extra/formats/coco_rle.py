"""Masks of COCO as run lengths, and polygons turned into them: as `maskApi.c` of cocoapi does it.

Pixels run down the columns, the first column first. A mask is its counts: pixels that are not in
it, pixels that are, and so on in turn. Published JSON has them as a list, or as a text: of each count
from the fourth on the count two before is taken away, then it is cut into groups of five bits, the
lowest first, each with a sixth bit if another group follows; 48 is added to make a letter of it. The
fifth bit of the last group is the sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfds_extra.formats import FormatError, parser, reading

_MAX_GROUPS = 7  # Of five bits: enough for 32 bits and a sign.
_MAX_PIXELS = 1 << 31
_SCALE = 5  # Points of a polygon's boundary lie on a grid so many times as fine as the pixels.
_FARTHEST = 1 << 24  # Pixels from the picture at which a point of a polygon may lie.


@parser
def decode(text: bytes | str) -> np.ndarray:
    """The counts of a compressed mask.

    Args:
      text: The letters.

    Returns:
      int64 of shape (runs,).

    Raises:
      FormatError: A letter is none of the 64, the last group is missing, or a count is negative.
    """
    if isinstance(text, str):
        text = text.encode()
    letters = np.frombuffer(text, np.uint8).astype(np.int64) - 48
    if not len(letters):
        return np.zeros(0, np.int64)
    if letters.min() < 0 or letters.max() > 63:
        wrong = int(np.flatnonzero((letters < 0) | (letters > 63))[0])
        raise FormatError(f"letter {wrong} of a compressed mask is {text[wrong : wrong + 1]!r}")
    is_last = (letters & 0x20) == 0
    if not is_last[-1]:
        raise FormatError("a compressed mask is cut off")
    lasts = np.flatnonzero(is_last)
    starts = np.concatenate([[0], lasts[:-1] + 1])
    lengths = lasts - starts + 1
    if lengths.max() > _MAX_GROUPS:
        raise FormatError("a compressed mask has a count of more than 32 bits")
    places = np.arange(len(letters)) - np.repeat(starts, lengths)
    differences = np.add.reduceat((letters & 0x1F) << (5 * places), starts)
    differences -= ((letters[lasts] & 0x10) != 0) * (np.int64(1) << (5 * lengths))
    counts = differences
    counts[1::2] = np.cumsum(differences[1::2])
    counts[2::2] = np.cumsum(differences[2::2])
    if counts.min() < 0 or counts.max() > _MAX_PIXELS:
        raise FormatError(f"a compressed mask has a run of {counts.min() or counts.max()} pixels")
    return counts


def encode(counts: Sequence[int] | np.ndarray) -> bytes:
    """The compressed form of a mask.

    Args:
      counts: Of shape (runs,), each below 2**31.

    Returns:
      The letters.
    """
    left = np.array(counts, np.int64)
    if not len(left):
        return b""
    left[3:] -= np.asarray(counts, np.int64)[1:-2]
    letters = np.zeros((len(left), _MAX_GROUPS), np.uint8)
    used = np.zeros((len(left), _MAX_GROUPS), bool)
    more = np.ones(len(left), bool)
    for place in range(_MAX_GROUPS):
        used[:, place] = more
        group = left & 0x1F
        left >>= 5
        more = more & np.where(group & 0x10, left != -1, left != 0)
        letters[:, place] = group + 0x20 * more + 48
        if not more.any():
            break
    return letters[used].tobytes()


@parser
def checked(counts: Sequence[int] | np.ndarray, height: int, width: int) -> np.ndarray:
    """The counts of a mask, if they are those of a picture of this size.

    Args:
      counts: Whole numbers.
      height: Pixels.
      width: Pixels.

    Returns:
      int64 of shape (runs,).

    Raises:
      FormatError: A count is no whole number or negative, or they are not all pixels together.
    """
    if isinstance(counts, list) and any(type(count) is not int for count in counts):
        raise FormatError("a count of a mask is no whole number")
    found = np.asarray(counts, np.int64).reshape(-1)
    if len(found) and (found.min() < 0 or found.max() > _MAX_PIXELS):
        raise FormatError("a count of a mask is negative, or too large")
    if found.sum() != height * width:
        raise FormatError(
            f"a mask of {found.sum():,} pixels, the picture has {height} x {width} of them"
        )
    return found


@parser
def from_segmentations(segmentations: Sequence[Any], height: int, width: int) -> list[bytes]:
    """Compressed masks of all forms in which annotation files have them.

    Args:
      segmentations: Of each object a list of polygons, or {"size": ..., "counts": ...} with the counts
        as a list or compressed.
      height: Of the picture, in pixels.
      width: Of the picture, in pixels.

    Returns:
      The compressed mask of each: what pycocotools' `annToRLE` has.

    Raises:
      FormatError: One is none of these, or none of a picture of this size.
    """
    found = [b""] * len(segmentations)
    outlines = {}
    for number, one in enumerate(segmentations):
        if isinstance(one, list):
            outlines[number] = one
            continue
        with reading(f"mask {number}"):
            if list(one["size"]) != [height, width]:
                raise FormatError(
                    f"it is of {one['size']} pixels, the picture of {[height, width]}"
                )
            counts = one["counts"]
            if isinstance(counts, (bytes, str)):
                checked(decode(counts), height, width)
                found[number] = counts.encode() if isinstance(counts, str) else counts
            else:
                found[number] = encode(checked(counts, height, width))
    for number, counts in zip(outlines, from_polygons(list(outlines.values()), height, width)):
        found[number] = encode(counts)
    return found


@parser
def from_polygons(
    objects: Sequence[Sequence[Sequence[float] | np.ndarray]], height: int, width: int
) -> list[np.ndarray]:
    """The masks of objects that are given as polygons, those of an object joined.

    Args:
      objects: Of each its polygons, each x and y in turn, in pixels. None at all is an empty mask.
      height: Of the picture, in pixels.
      width: Of the picture, in pixels.

    Returns:
      Counts of each object, int64 of shape (runs,): those of `frPyObjects` and `merge` of pycocotools.

    Raises:
      FormatError: A polygon has no points, half a point, or one that is too far away.
    """
    pixels = height * width
    if pixels > _MAX_PIXELS:
        raise FormatError(f"a picture of {height} x {width} pixels")
    owners, points, lengths = [], [], []
    for owner, polygons in enumerate(objects):
        for polygon in polygons:
            if not len(polygon) or len(polygon) % 2:
                raise FormatError(f"a polygon of {len(polygon)} numbers")
            owners.append(owner)
            lengths.append(len(polygon) // 2)
            points.append(polygon)
    if not points:
        return [np.array([pixels], np.int64) for _ in objects]
    xy = np.concatenate([np.asarray(one, np.float64) for one in points])
    if not (np.abs(xy) < _FARTHEST).all():
        raise FormatError("a point of a polygon is no number, or too far from the picture")
    edges = _boundaries(xy, np.array(lengths), height, width)
    return _joined(*edges, np.array(owners), len(objects), pixels)


def _boundaries(
    xy: np.ndarray, lengths: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of polygons begin and end.

    cocoapi walks along each edge on a grid of fifths of pixels. What counts of that is where the walk
    steps over the middle of a column of pixels: these steps are computed, without the walk.

    Args:
      xy: Points of all polygons, x and y in turn.
      lengths: Number of points of each polygon.
      height: Of the picture.
      width: Of the picture.

    Returns:
      Numbers of polygons, and of pixels at which they begin or end, in no order.
    """
    # Like a cast in C, towards zero.
    x = np.trunc(_SCALE * xy[0::2] + 0.5).astype(np.int64)
    y = np.trunc(_SCALE * xy[1::2] + 0.5).astype(np.int64)
    ends = np.cumsum(lengths)
    following = np.arange(1, len(x) + 1)
    following[ends - 1] = ends - lengths
    x1, y1 = x[following], y[following]
    dx, dy = np.abs(x1 - x), np.abs(y1 - y)
    is_flat = dx >= dy
    flip = np.where(is_flat, x > x1, y > y1)
    x0, x1 = np.where(flip, x1, x), np.where(flip, x, x1)
    y0, y1 = np.where(flip, y1, y), np.where(flip, y, y1)
    along, across = np.where(is_flat, dx, dy), np.where(is_flat, y1 - y0, x1 - x0)
    slope = across / np.maximum(along, 1)

    # Steps from 5 * column + 2 to the next, or back.
    left, right = np.minimum(x0, x1), np.maximum(x0, x1)
    first = np.maximum(-((2 - left) // _SCALE), 0)
    last = np.minimum((right - 3) // _SCALE, width - 1)
    counts = np.maximum(last - first + 1, 0)
    edge = np.repeat(np.arange(len(x)), counts)
    column = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    place = _SCALE * column + 2

    x0, y0, slope = x0[edge], y0[edge], slope[edge]
    is_flat = is_flat[edge]
    # On a flat edge each step is one to the right.
    step = place - x0
    before = np.trunc(y0 + slope * step + 0.5)
    behind = np.trunc(y0 + slope * (step + 1) + 0.5)
    row = np.minimum(before, behind)
    # On a steep one each step is one down; the first that is beyond the middle is looked for.
    is_rising = slope > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = np.where(is_flat, 0, np.ceil((place + 0.5 - x0) / slope))
    step = guess - 2
    for _ in range(4):
        reached = np.trunc(x0 + slope * step + 0.5)
        is_beyond = np.where(is_rising, reached > place, reached <= place)
        step += ~is_beyond
    row = np.where(is_flat, row, y0 + step - 1)
    row = np.ceil(np.clip((row + 0.5) / _SCALE - 0.5, 0, height)).astype(np.int64)
    polygon = np.repeat(np.arange(len(lengths)), lengths)[edge]
    return polygon, column * height + row


def _joined(
    polygon: np.ndarray, pixel: np.ndarray, owners: np.ndarray, count: int, pixels: int
) -> list[np.ndarray]:
    """Counts of each object from where its polygons begin and end."""
    # What comes an even number of times is no border.
    keys, times = np.unique(polygon * (pixels + 1) + pixel, return_counts=True)
    keys = keys[times % 2 == 1]
    polygon, pixel = keys // (pixels + 1), keys % (pixels + 1)
    is_inside = pixel < pixels
    polygon, pixel = polygon[is_inside], pixel[is_inside]
    number = np.arange(len(polygon)) - np.searchsorted(polygon, polygon)
    change = np.where(number % 2, -1, 1)
    # Where a polygon reaches the last pixel it ends with the picture.
    owner = owners[polygon]
    order = np.lexsort((pixel, owner))
    owner, pixel, change = owner[order], pixel[order], change[order]
    found = []
    for one in range(count):
        start, stop = np.searchsorted(owner, [one, one + 1])
        borders, place = np.unique(pixel[start:stop], return_inverse=True)
        changes = np.bincount(place, change[start:stop], len(borders))
        covered = np.cumsum(changes) > 0
        is_border = covered != np.concatenate([[False], covered[:-1]])
        borders = borders[is_border]
        found.append(np.diff(np.concatenate([[0], borders, [pixels]])).astype(np.int64))
    return found


def to_dense(masks: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Masks as pixels.

    Args:
      masks: Counts of each, of all pixels together.
      height: Pixels.
      width: Pixels.

    Returns:
      uint8 of shape (masks, height, width), 1 in the mask. Columns lie one behind the other, as
      in pycocotools' arrays.
    """
    shape = (len(masks), width, height)
    if not len(masks):
        return np.zeros(shape, np.uint8).transpose(0, 2, 1)
    runs = np.concatenate([np.arange(len(counts), dtype=np.int64) & 1 for counts in masks])
    dense = np.repeat(runs.astype(np.uint8), np.concatenate(masks))
    return dense.reshape(shape).transpose(0, 2, 1)


def from_dense(masks: np.ndarray) -> list[np.ndarray]:
    """Counts of masks that are given as pixels.

    Args:
      masks: Of shape (masks, height, width); what is not 0 is in the mask.

    Returns:
      Counts of each, int64 of shape (runs,).
    """
    found = []
    for mask in masks:
        flat = (np.asarray(mask) != 0).ravel(order="F")
        borders = np.flatnonzero(np.diff(flat, prepend=False))
        found.append(np.diff(np.concatenate([[0], borders, [flat.size]])).astype(np.int64))
    return found
