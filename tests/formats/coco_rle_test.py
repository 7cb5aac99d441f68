"""Masks as run lengths, against pycocotools."""

from __future__ import annotations

import random

import numpy as np
import pytest
from pycocotools import mask as oracle

from tfds_extra.formats import FormatError, coco_rle

_SIZES = [(1, 1), (7, 9), (40, 30), (480, 640), (3, 200)]


def _polygons(dice: random.Random, height: int, width: int) -> list[list[float]]:
    """Polygons of all kinds: whole numbers, on borders, outside, with points twice."""
    made = []
    for _ in range(dice.randrange(1, 4)):
        kind = dice.randrange(5)
        polygon = []
        for _ in range(dice.choice([3, 3, 4, 5, 10, 30])):
            for side in (width, height):
                value = dice.uniform(-0.3, 1.3) * side
                if kind == 0:
                    value = round(value)
                elif kind == 1:
                    value = round(value * 2) / 2
                elif kind == 2:
                    value = min(max(round(value, 2), 0), side)
                polygon.append(value)
        if kind == 3:
            polygon = polygon[:2] + polygon
        if kind == 4:  # Flat.
            polygon[1::2] = [polygon[1]] * (len(polygon) // 2)
        made.append(polygon)
    return made


@pytest.mark.parametrize("seed", range(4))
def test_polygons(seed):
    dice = random.Random(seed)
    for _ in range(200):
        height, width = dice.choice(_SIZES)
        objects = [_polygons(dice, height, width) for _ in range(dice.randrange(1, 5))]
        runs = coco_rle.from_polygons(objects, height, width)
        coco_rle.check(runs, height, width)
        for found, one in zip(coco_rle.encode(runs), objects, strict=True):
            expected = oracle.merge(oracle.frPyObjects(one, height, width))
            assert found == expected["counts"], one


def test_two_points():
    """A line covers nothing, beside polygons or alone, which pycocotools refuses."""
    polygons = [[1, 1, 5, 1, 5, 5], [6, 6, 8, 9]]
    found = coco_rle.encode(coco_rle.from_polygons([polygons], 12, 10))
    expected = oracle.merge(oracle.frPyObjects(polygons, 12, 10))
    assert found == [expected["counts"]]
    assert coco_rle.from_polygons([polygons[1:]], 12, 10).counts.tolist() == [120]


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 1])
def test_dense(share):
    dice = np.random.default_rng(0)
    for height, width in _SIZES:
        masks = (dice.random((3, height, width)) < share).astype(np.uint8)
        found = coco_rle.from_dense(masks)
        expected = [oracle.encode(np.asfortranarray(mask))["counts"] for mask in masks]
        assert coco_rle.encode(found) == expected
        for texts in (expected, [text.decode() for text in expected]):
            for mine, ours in zip(coco_rle.decode(texts), found, strict=True):
                np.testing.assert_array_equal(mine, ours)
        dense = coco_rle.to_dense(found, height, width)
        assert dense.flags.c_contiguous and dense.dtype == np.uint8
        np.testing.assert_array_equal(dense, masks)


def test_published_counts_stay_as_they_are():
    """Also such as nobody needs: runs of nothing between."""
    for counts in ([0, 30], [5, 0, 25], [5, 3, 0, 2, 20], [30], [1, 29, 0]):
        size = [5, 6]
        expected = oracle.frPyObjects({"counts": counts, "size": size}, *size)["counts"]
        found = coco_rle.from_segmentations([{"counts": counts, "size": size}], *size)
        assert found == [expected]
        text = {"counts": expected.decode(), "size": size}
        assert coco_rle.from_segmentations([text], *size) == [expected]


def test_nothing():
    assert coco_rle.from_polygons([[], []], 2, 3).counts.tolist() == [6, 6]
    for nothing in (coco_rle.from_polygons([], 2, 3), coco_rle.decode([])):
        assert coco_rle.to_dense(nothing, 2, 3).shape == (0, 2, 3)
        assert coco_rle.encode(nothing) == []
    empty = coco_rle.decode([b"", ""])
    assert empty.lengths.tolist() == [0, 0] and coco_rle.encode(empty) == [b"", b""]
    assert coco_rle.from_segmentations([], 2, 3) == []
    with pytest.raises(FormatError, match="mask 1: it is of 0 pixels, the picture has 2 x 3"):
        coco_rle.from_segmentations([[], {"size": [2, 3], "counts": ""}], 2, 3)


def test_pictures_of_different_size():
    """Masks of all forms, of several pictures at once, are what they are alone."""
    dice = random.Random(9)
    values, sizes = [], []
    for _ in range(60):
        height, width = dice.choice(_SIZES)
        polygons = _polygons(dice, height, width)
        packed = oracle.merge(oracle.frPyObjects(polygons, height, width))
        kind = dice.randrange(4)
        if kind == 0:
            polygons = []
        elif kind == 1:
            polygons = {"size": [height, width], "counts": packed["counts"].decode()}
        elif kind == 2:
            counts = coco_rle.decode([packed["counts"]]).counts.tolist()
            polygons = {"size": [height, width], "counts": counts}
        values.append(polygons)
        sizes.append((height, width))
    heights, widths = np.transpose(sizes)
    found = coco_rle.from_segmentations(values, heights, widths)
    alone = [coco_rle.from_segmentations([v], *size)[0] for v, size in zip(values, sizes)]
    assert found == alone
    coco_rle.check(coco_rle.decode(found), heights, widths)


def test_huge_coordinates_take_no_memory():
    square = [-1e7, -1e7, 1e7, -1e7, 1e7, 1e7, -1e7, 1e7]
    found = coco_rle.from_polygons([[square]], 4, 5)
    assert found.counts.tolist() == [0, 20]


_SIZE = {"size": [2, 3]}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({**_SIZE, "counts": [1, 2]}, "it is of 3 pixels, the picture has 2 x 3"),
        ({**_SIZE, "counts": [-1, 7]}, "negative"),
        ({**_SIZE, "counts": [1.0, 5.0]}, "no whole number"),
        ({**_SIZE, "counts": [True, 5]}, "no whole number"),
        ({**_SIZE, "counts": "1"}, "it is of 1 pixels"),
        ({**_SIZE, "counts": "Q"}, "cut off"),
        ({**_SIZE, "counts": "6 "}, "letter 1"),
        ({**_SIZE, "counts": "oooooooo0"}, "more than 32 bits"),
        ({**_SIZE, "counts": "\xff"}, "letter 0"),
        ({"size": [3, 2], "counts": [6]}, "the picture of"),
        ({"size": [2, 3]}, "counts"),
        (5, "int"),
        ([[1, 2, 3]], "a polygon of 3 numbers"),
        ([[]], "a polygon of 0 numbers"),
        ([[1, 2, 3, float("nan"), 5, 6]], "no number"),
        ([[1, 2, 3, 1e99, 5, 6]], "too far"),
        ([[1, 2, 3, "x", 5, 6]], "x"),
        ([5], "int"),
    ],
)
def test_damaged(value, problem):
    with pytest.raises(FormatError, match=problem):
        coco_rle.from_segmentations([value], 2, 3)
