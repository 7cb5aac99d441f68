"""COCO's masks as run lengths, also from polygons, as `maskApi.c` of cocoapi makes them.

Pixels run down the columns, the first column first. A mask is a list of counts: pixels outside of
it, pixels inside of it, and so on in turn. Published JSON has the counts as a list, or as a text.
In the text, each count from the fourth on is the difference from the count two places before. A
count is cut into groups of five bits, the lowest first; a sixth bit says whether another group
follows, and 48 is added to make the group a letter. The fifth bit of the last group is the sign.

A picture has few masks and a mask few runs, so that a call of NumPy for each would cost more than
the work. All functions take many masks at once, of any number of pictures.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfds_extra.formats import FormatError, parser, reading

_MAX_GROUPS = 7  # Seven groups of five bits are enough for 32 bits and a sign.
_MAX_PIXELS = 1 << 31
_SCALE = 5  # A polygon's boundary lies on a grid that is so many times finer than the pixels.
_FARTHEST = 1 << 24  # A point of a polygon may lie at most so many pixels away.
_TILE = 64  # So many columns are transposed at once, so that they stay in the fastest cache.


class Runs(NamedTuple):
    """Masks as run lengths, one mask after the other.

    Attributes:
      counts: int64 of shape (runs of all masks,).
      lengths: int64 of shape (masks,): the number of runs of each.
    """

    counts: np.ndarray
    lengths: np.ndarray


@parser
def decode(texts: Sequence[bytes | str]) -> Runs:
    """Unpacks compressed masks.

    Args:
      texts: The compressed form of each mask.

    Raises:
      FormatError: A letter is none of the 64, the last group is missing, or a count is negative.
    """
    content = [text.encode() if isinstance(text, str) else text for text in texts]
    sizes = np.array([len(text) for text in content], np.int64)
    # Letters below 48 wrap around to large numbers, so that one comparison finds all wrong ones.
    letters = np.frombuffer(b"".join(content), np.uint8) - np.uint8(48)
    if not len(letters):
        return Runs(np.zeros(0, np.int64), sizes)
    ends = np.cumsum(sizes)
    if letters.max() > 63:
        wrong = np.argmax(letters > 63)
        number = int(np.searchsorted(ends, wrong, "right"))
        place = int(wrong - ends[number] + sizes[number])
        raise FormatError(
            f"mask {number}: letter {place} of it is {content[number][place : place + 1]!r}"
        )
    is_last = (letters & 0x20) == 0
    _refuse((sizes > 0) & ~is_last[ends - 1], "it is cut off")
    before = np.concatenate([[0], np.cumsum(is_last)])
    lengths = before[ends] - before[ends - sizes]
    lasts = np.flatnonzero(is_last)
    starts = np.concatenate([[0], lasts[:-1] + 1])
    groups = lasts - starts + 1
    numbers = np.repeat(np.arange(len(sizes)), lengths)
    _refuse(groups > _MAX_GROUPS, "a count has more than 32 bits", numbers)
    counts = (letters[starts] & 0x1F).astype(np.int64)
    for nth in range(1, int(groups.max())):
        longer = np.flatnonzero(groups > nth)
        group = (letters[starts[longer] + nth] & 0x1F).astype(np.int64)
        counts[longer] += group << (5 * nth)
    negative = np.flatnonzero(letters[lasts] & 0x10)
    counts[negative] -= np.int64(1) << (5 * groups[negative])
    # Undoes the differences: each count is a running sum over every second count of its mask.
    places = _places(lengths)
    for first in (1, 2):
        chain = np.flatnonzero((places >= first) & (places % 2 == first % 2))
        counts[chain] = _sums(counts[chain], np.maximum(lengths + 1 - first, 0) // 2)
    _refuse((counts < 0) | (counts > _MAX_PIXELS), "a count is negative, or too large", numbers)
    return Runs(counts, lengths)


def encode(runs: Runs) -> list[bytes]:
    """Compresses masks.

    Args:
      runs: The masks; each count is below 2**31.

    Returns:
      The compressed form of each mask.
    """
    counts, lengths = runs
    left = counts.copy()
    late = np.flatnonzero(_places(lengths) >= 3)
    left[late] -= counts[late - 2]
    groups = []
    which = np.arange(len(left))  # The counts that still have a group at this place.
    while len(which):
        group = left & 0x1F
        left = left >> 5
        more = np.where(group & 0x10, left != -1, left != 0)
        groups.append((which, group + 0x20 * more + 48))
        which, left = which[more], left[more]
    used = np.zeros(len(counts), np.int64)
    for which, _ in groups:
        used[which] += 1
    starts = _starts(used)
    letters = np.empty(int(used.sum()), np.uint8)
    for place, (which, group) in enumerate(groups):
        letters[starts[which] + place] = group
    text = letters.tobytes()
    ends = np.concatenate([[0], np.cumsum(used)])[np.cumsum(lengths)].tolist()
    return [text[start:end] for start, end in zip([0, *ends], ends)]


@parser
def check(runs: Runs, heights: Any, widths: Any) -> None:
    """Compares masks with the sizes of their pictures.

    Args:
      runs: The masks.
      heights: Height of the picture of each mask, or one for all, in pixels.
      widths: Width of the picture of each mask, or one for all, in pixels.

    Raises:
      FormatError: A count is negative, or the counts of a mask do not add up to all pixels.
    """
    counts, lengths = runs
    numbers = np.repeat(np.arange(len(lengths)), lengths)
    _refuse((counts < 0) | (counts > _MAX_PIXELS), "a count is negative, or too large", numbers)
    sums = np.concatenate([[0], np.cumsum(counts)])
    ends = np.cumsum(lengths)
    found, heights, widths = np.broadcast_arrays(sums[ends] - sums[ends - lengths], heights, widths)
    for number in np.flatnonzero(found != heights.astype(np.int64) * widths)[:1]:
        raise FormatError(
            f"mask {number}: it is of {found[number]:,} pixels, the picture has"
            f" {heights[number]} x {widths[number]} of them"
        )


def _refuse(wrong: np.ndarray, problem: str, numbers: np.ndarray | None = None) -> None:
    """Raises if a value is wrong; `numbers` has the mask of each value, by default its index."""
    if wrong.any():
        place = int(np.argmax(wrong))
        raise FormatError(f"mask {place if numbers is None else numbers[place]}: {problem}")


@parser
def from_segmentations(segmentations: Sequence[Any], heights: Any, widths: Any) -> list[bytes]:
    """Returns compressed masks of segmentations in all forms that annotation files have.

    Args:
      segmentations: For each object a list of polygons, or {"size": ..., "counts": ...} with the
        counts as a list or compressed.
      heights: Height of the picture of each object, or one for all, in pixels.
      widths: Width of the picture of each object, or one for all, in pixels.

    Returns:
      The compressed mask of each object, as from pycocotools' `annToRLE`.

    Raises:
      FormatError: A segmentation has another form, or does not fit the size of its picture.
    """
    count = len(segmentations)
    heights, widths, _ = np.broadcast_arrays(heights, widths, np.empty(count))
    # Each object is in one of these lists, and has no runs in the other two.
    texts = [b""] * count
    lists: list[list] = [[]] * count
    outlines: list[list] = [[]] * count
    is_text, is_list = np.zeros(count, bool), np.zeros(count, bool)
    for number, (one, *size) in enumerate(zip(segmentations, heights.tolist(), widths.tolist())):
        if isinstance(one, list):
            outlines[number] = one
            continue
        with reading(f"mask {number}"):
            if list(one["size"]) != size:
                raise FormatError(f"it is of {one['size']} pixels, the picture of {size}")
            counts = one["counts"]
            if isinstance(counts, (bytes, str)):
                texts[number] = counts.encode() if isinstance(counts, str) else counts
                is_text[number] = True
            elif any(type(one) is not int or one > _MAX_PIXELS for one in counts):
                raise FormatError("a count is no whole number, or too large")
            else:
                lists[number] = counts
                is_list[number] = True
    check(decode(texts), heights * is_text, widths)
    listed = Runs(
        np.array(list(itertools.chain.from_iterable(lists)), np.int64),
        np.array([len(counts) for counts in lists], np.int64),
    )
    check(listed, heights * is_list, widths)
    is_drawn = ~(is_text | is_list)
    drawn = encode(from_polygons(outlines, heights, widths))
    found = zip(texts, encode(listed), drawn, is_drawn.tolist())
    return [
        outline if is_outline else text or counts for text, counts, outline, is_outline in found
    ]


@parser
def from_polygons(
    objects: Sequence[Sequence[Sequence[float] | np.ndarray]], heights: Any, widths: Any
) -> Runs:
    """Returns the masks of objects that are given as polygons; an object's polygons are joined.

    Args:
      objects: For each object its polygons, each with x and y in turn, in pixels. An object without
        polygons has an empty mask.
      heights: Height of the picture of each object, or one for all, in pixels.
      widths: Width of the picture of each object, or one for all, in pixels.

    Returns:
      The masks, as from `frPyObjects` and `merge` of pycocotools.

    Raises:
      FormatError: A polygon has no points, half a point, or one that is too far away.
    """
    heights, widths, _ = np.broadcast_arrays(heights, widths, np.empty(len(objects)))
    heights, widths = heights.astype(np.int64), widths.astype(np.int64)
    pixels = heights * widths
    if len(pixels) and pixels.max() > _MAX_PIXELS:
        raise FormatError(f"a picture of {pixels.max():,} pixels")
    points = [polygon for polygons in objects for polygon in polygons]
    sizes = np.array([len(one) for one in points], np.int64)
    if not points:
        return Runs(pixels, np.ones_like(pixels))
    if (wrong := sizes[(sizes % 2 > 0) | (sizes == 0)]).size:
        raise FormatError(f"a polygon of {wrong[0]} numbers")
    owners = np.repeat(np.arange(len(objects)), [len(polygons) for polygons in objects])
    if all(isinstance(one, list) for one in points):
        xy = np.array(list(itertools.chain.from_iterable(points)), np.float64)
    else:
        xy = np.concatenate([np.asarray(one, np.float64) for one in points])
    if not (np.abs(xy) < _FARTHEST).all():
        raise FormatError("a point of a polygon is no number, or too far from the picture")
    edges = _boundaries(xy, sizes // 2, heights[owners], widths[owners])
    return _joined(*edges, owners, pixels)


def _boundaries(
    xy: np.ndarray, lengths: np.ndarray, heights: np.ndarray, widths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns where the pixels of polygons begin and end.

    cocoapi walks along each edge on a grid of fifths of pixels. Only those steps matter that cross
    the middle of a column of pixels. They are computed here, without the walk.

    Args:
      xy: Points of all polygons, x and y in turn.
      lengths: Number of points of each polygon.
      heights: Height of the picture of each polygon.
      widths: Width of the picture of each polygon.

    Returns:
      Numbers of polygons, and of pixels at which they begin or end, in no order.
    """
    # This rounds towards zero, like a cast in C.
    x = (_SCALE * xy[0::2] + 0.5).astype(np.int64)
    y = (_SCALE * xy[1::2] + 0.5).astype(np.int64)
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

    # The steps from 5 * column + 2 to the next point, or back.
    polygon = np.repeat(np.arange(len(lengths)), lengths)
    left, right = np.minimum(x0, x1), np.maximum(x0, x1)
    first = np.maximum(-((2 - left) // _SCALE), 0)
    last = np.minimum((right - 3) // _SCALE, widths[polygon] - 1)
    counts = np.maximum(last - first + 1, 0)
    edge = np.repeat(np.arange(len(x)), counts)
    column = _places(counts) + first[edge]
    place = _SCALE * column + 2

    x0, y0, slope = x0[edge], y0[edge], slope[edge]
    row = np.empty(len(edge))
    # On a flat edge, each step goes one to the right.
    flat = np.flatnonzero(is_flat[edge])
    start, pitch, step = y0[flat], slope[flat], (place - x0)[flat]
    before = np.trunc(start + pitch * step + 0.5)
    behind = np.trunc(start + pitch * (step + 1) + 0.5)
    row[flat] = np.minimum(before, behind)
    # On a steep edge, each step goes one down, and the first step beyond the middle is wanted.
    steep = np.flatnonzero(~is_flat[edge])
    start, pitch, middle = x0[steep], slope[steep], place[steep]
    step = np.ceil((middle + 0.5 - start) / pitch) - 2
    is_rising = pitch > 0
    for _ in range(4):
        reached = np.trunc(start + pitch * step + 0.5)
        step += np.where(is_rising, reached <= middle, reached > middle)
    row[steep] = y0[steep] + step - 1

    polygon = polygon[edge]
    height = heights[polygon]
    row = np.ceil(np.clip((row + 0.5) / _SCALE - 0.5, 0, height)).astype(np.int64)
    return polygon, column * height + row


def _joined(polygon: np.ndarray, pixel: np.ndarray, owners: np.ndarray, pixels: np.ndarray) -> Runs:
    """Makes the masks of objects from the pixels at which their polygons begin and end.

    Args:
      polygon: Numbers of polygons.
      pixel: The pixel at which each of them begins or ends.
      owners: The object of each polygon.
      pixels: Number of pixels of the picture of each object.
    """
    # Each pixel of each polygon, and later of each object, gets a number.
    first = _starts(pixels[owners] + 1)
    # A pixel that occurs an even number of times is no border.
    keys, times = np.unique(first[polygon] + pixel, return_counts=True)
    keys = keys[times % 2 == 1]
    polygon = np.searchsorted(first, keys, "right") - 1
    owner, pixel = owners[polygon], keys - first[polygon]
    change = np.where(_places(np.bincount(polygon, minlength=len(owners))) % 2, -1, 1)
    # A polygon that reaches the last pixel ends with the picture.
    is_inside = pixel < pixels[owner]
    owner, pixel, change = owner[is_inside], pixel[is_inside], change[is_inside]
    first = _starts(pixels + 1)
    keys = first[owner] + pixel
    order = np.argsort(keys, kind="stable")
    keys, owner = keys[order], owner[order]
    borders = np.bincount(owner, minlength=len(pixels))
    covered = _sums(change[order], borders) > 0
    # Of several changes at the same pixel, the last one has the sum.
    is_last = np.diff(keys, append=-1) != 0
    keys, owner, covered = keys[is_last], owner[is_last], covered[is_last]
    is_covered_before = np.zeros_like(covered)
    is_covered_before[1:] = covered[:-1] & (owner[1:] == owner[:-1])
    is_border = covered != is_covered_before
    keys, owner = keys[is_border], owner[is_border]
    # The picture ends after the last border.
    lengths = np.bincount(owner, minlength=len(pixels)) + 1
    stops = np.empty(len(keys) + len(pixels), np.int64)
    last = np.cumsum(lengths) - 1
    stops[last] = pixels
    stops[np.arange(len(keys)) + owner] = keys - first[owner]
    counts = np.diff(stops, prepend=0)
    counts[last[:-1] + 1] = stops[last[:-1] + 1]
    return Runs(counts, lengths)


def to_dense(
    runs: Runs, height: int, width: int, zeros: Callable[..., np.ndarray] = np.zeros
) -> np.ndarray:
    """Returns masks as pixels.

    Args:
      runs: The masks; the counts of each add up to all pixels.
      height: Height of the picture in pixels.
      width: Width of the picture in pixels.
      zeros: Makes an array of zeros from shape and type.

    Returns:
      uint8 of shape (masks, height, width), 1 in the mask.
    """
    counts, lengths = runs
    # Most of it is never written, because the operating system provides memory full of zeros.
    dense = zeros((len(lengths), height, width), np.uint8)
    stops = _sums(counts, lengths)
    is_in = (_places(lengths) % 2 == 1) & (counts > 0)
    starts, stops = (stops - counts)[is_in], stops[is_in]
    number = np.repeat(np.arange(len(lengths)), lengths)[is_in]
    runs_of_mask = np.bincount(number, minlength=len(lengths))
    drawn = np.flatnonzero(runs_of_mask)
    if not len(drawn):
        return dense
    # The box of each mask. It has all rows if a run of the mask goes on in the next column.
    first = _starts(runs_of_mask)[drawn]
    last = first + runs_of_mask[drawn] - 1
    first_column, last_column = starts // height, (stops - 1) // height
    left, right = first_column[first], last_column[last] + 1
    goes_on = np.logical_or.reduceat(first_column != last_column, first)
    top = np.where(goes_on, 0, np.minimum.reduceat(starts % height, first))
    bottom = np.where(goes_on, height, np.maximum.reduceat((stops - 1) % height, first) + 1)
    # For each mask: where its columns begin, where its runs begin and end in turn, and where its
    # columns end.
    number = np.arange(len(drawn))
    place = 2 * (np.arange(len(starts)) + np.repeat(number, runs_of_mask[drawn])) + 1
    borders = np.empty(2 * (len(starts) + len(drawn)), np.int64)
    borders[place], borders[place + 1] = starts, stops
    begin, end = 2 * (first + number), 2 * (last + number) + 3
    borders[begin], borders[end] = left * height, right * height
    spans = np.diff(borders)
    values = np.arange(len(spans), dtype=np.uint8) & 1
    boxes = np.stack([drawn, begin, end, top, bottom, left, right], axis=1)
    for mask, begin, end, top, bottom, left, right in boxes.tolist():
        columns = np.repeat(values[: end - begin], spans[begin:end]).reshape(right - left, height)
        for column in range(left, right, _TILE):
            tile = columns[column - left : column - left + _TILE, top:bottom]
            dense[mask, top:bottom, column : column + len(tile)] = tile.T
    return dense


def from_dense(masks: np.ndarray) -> Runs:
    """Returns masks that are given as pixels.

    Args:
      masks: Array of shape (masks, height, width); values other than 0 are in the mask.
    """
    found = [np.zeros(0, np.int64)]
    for mask in masks:
        flat = (np.asarray(mask) != 0).ravel(order="F")
        borders = np.flatnonzero(np.diff(flat, prepend=False))
        found.append(np.diff(borders, prepend=0, append=flat.size))
    lengths = np.array([len(counts) for counts in found[1:]], np.int64)
    return Runs(np.concatenate(found), lengths)


def _places(lengths: np.ndarray) -> np.ndarray:
    """Returns the numbers 0, 1, 2 and so on for each length, one after the other."""
    return np.arange(int(lengths.sum())) - np.repeat(_starts(lengths), lengths)


def _starts(lengths: np.ndarray) -> np.ndarray:
    """Returns, for each length, the sum of the lengths before it."""
    return np.cumsum(lengths) - lengths


def _sums(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns running sums, which begin anew after each length."""
    sums = np.cumsum(values)
    before = np.concatenate([[0], sums])[_starts(lengths)]
    return sums - np.repeat(before, lengths)
