"""Classes and licences of COCO: tables, as `categories.tsv` and `licenses.tsv` have them."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

from tfds_extra.core import tables

KEYPOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
# Pairs of keypoints between which there is a limb, from 0; the published ones count from 1.
SKELETON = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
    (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Category:
    """A class.

    Attributes:
      id: The published id, which has gaps.
      name: Its name.
      supercategory: The group that it belongs to.
      is_thing: Whether it can be counted; what cannot is stuff.
      color: Red, green and blue in panoptic pictures; None for others.
    """

    id: int
    name: str
    supercategory: str
    is_thing: bool
    color: tuple[int, int, int] | None


def _color(text: str) -> tuple[int, int, int]:
    red, green, blue = map(int, text.split(","))
    return red, green, blue


@functools.cache
def categories(kind: str) -> tuple[Category, ...]:
    """Returns the classes in published order: a label is a place in it.

    Args:
      kind: "instances" (80), "stuff" (92) or "panoptic" (133).
    """
    return tuple(
        Category(
            int(row["id"]),
            row["name"],
            row["supercategory"],
            row["is_thing"] == "1",
            _color(row["color"]) if row["color"] else None,
        )
        for row in tables.read_tsv(pathlib.Path(__file__).with_name("categories.tsv"))
        if row["kind"] == kind
    )


@functools.cache
def labels(kind: str) -> Mapping[int, int]:
    """Returns the label of each published id.

    Args:
      kind: As in `categories`.
    """
    return {category.id: label for label, category in enumerate(categories(kind))}


@functools.cache
def licenses() -> tuple[str, ...]:
    """Returns the names of the licences; the published ids count from 1."""
    rows = tables.read_tsv(pathlib.Path(__file__).with_name("licenses.tsv"))
    return tuple(row["name"] for row in rows)


def metadata() -> dict[str, Any]:
    """Returns the facts that go into `info.metadata`."""
    kinds = ("instances", "stuff", "panoptic")
    return {
        "categories": {k: [dataclasses.asdict(one) for one in categories(k)] for k in kinds},
        "licenses": tables.read_tsv(pathlib.Path(__file__).with_name("licenses.tsv")),
        "keypoints": list(KEYPOINTS),
        "skeleton": [list(pair) for pair in SKELETON],
    }
