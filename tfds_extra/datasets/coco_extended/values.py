"""Turns published annotations into the values of features."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfds_extra.datasets.coco_extended import facts
from tfds_extra.formats import FormatError, coco_rle, reading

_Annotations = list[dict[str, Any]]
_NUMBERS_OF_KEYPOINTS = 3 * len(facts.KEYPOINTS)
_as_json = json.JSONEncoder(separators=(",", ":")).encode
# A black pixel (segment 0, which is no segment) stands for a missing panoptic picture.
NO_PANOPTIC = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000f49"
    "4441547801010400fbff00000000000400016549c3600000000049454e44ae426082"
)


def of_image(image: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of the features of a picture.

    Args:
      image: As `coco_json.read` gives it.

    Raises:
      FormatError: Its licence is none of COCO's.
    """
    license_id = image["license"]
    if license_id is not None and not 1 <= license_id <= len(facts.licenses()):
        raise FormatError(
            f"picture {image['id']} has licence {license_id}, which COCO does not have"
        )
    return {
        "image/filename": image["file_name"],
        "image/id": image["id"],
        "image/height": image["height"],
        "image/width": image["width"],
        "image/license": -1 if license_id is None else license_id - 1,
        "image/coco_url": image["coco_url"],
        "image/flickr_url": image["flickr_url"],
        "image/date_captured": image["date_captured"],
    }


def of_instances(
    image: dict[str, Any], instances: _Annotations, keypoints: _Annotations, rles: list[bytes]
) -> dict[str, Any]:
    """Returns the objects with masks and keypoints.

    Args:
      image: The picture.
      instances: Its annotations.
      keypoints: Annotations of keypoints, which belong to the instances with the same id.
      rles: The masks of the instances.

    Raises:
      FormatError: Keypoints belong to no instance, or are damaged.
    """
    by_id = {one["id"]: one for one in keypoints}
    found = [by_id.pop(one["id"], None) for one in instances]
    if by_id:
        raise FormatError(
            f"annotation {min(by_id)} of keypoints is of none of the instances of picture"
            f" {image['id']}"
        )
    points = np.zeros((len(instances), _NUMBERS_OF_KEYPOINTS), np.int32)
    for row, one in zip(points, found):
        if one is None:
            continue
        if len(one["keypoints"]) != len(row):
            raise FormatError(
                f"annotation {one['id']} has {len(one['keypoints'])} numbers of keypoints"
            )
        if set(map(type, one["keypoints"])) != {int}:
            raise FormatError(f"annotation {one['id']} has keypoints that are no whole numbers")
        row[:] = one["keypoints"]
    return {
        "objects": {
            **_common(image, instances, "instances"),
            "area_published": np.array([one["area"] for one in instances], np.float64),
            "segmentation": [_as_json(one["segmentation"]) for one in instances],
            "rle": rles,
            "keypoints": points.reshape(-1, len(facts.KEYPOINTS), 3),
            "num_keypoints": [one["num_keypoints"] if one else 0 for one in found],
            "has_keypoints": [one is not None for one in found],
        }
    }


def of_captions(captions: _Annotations) -> dict[str, Any]:
    """Returns the captions.

    Args:
      captions: Annotations of a picture.
    """
    return {
        "captions": {
            "text": [one["caption"] for one in captions],
            "id": [one["id"] for one in captions],
        }
    }


def of_stuff(image: dict[str, Any], stuff: _Annotations, rles: list[bytes]) -> dict[str, Any]:
    """Returns the stuff.

    Args:
      image: The picture.
      stuff: Its annotations.
      rles: Their masks.
    """
    return {"stuff": {**_common(image, stuff, "stuff"), "rle": rles}}


def of_panoptic(
    image: dict[str, Any], panoptic: _Annotations, content: bytes | None
) -> dict[str, Any]:
    """Returns the panoptic segmentation.

    Args:
      image: The picture.
      panoptic: Its annotation, if there is one.
      content: The panoptic picture of it, if there is one.
    """
    segments = panoptic[0]["segments_info"] if panoptic else []
    common = _common(image, segments, "panoptic")
    del common["bbox_published"]
    return {
        "panoptic_image": content or NO_PANOPTIC,
        "panoptic_image/filename": panoptic[0]["file_name"] if panoptic else "",
        "panoptic_objects": common,
    }


def masks(pictures: Sequence[tuple[dict[str, Any], _Annotations]]) -> list[list[bytes]]:
    """Returns compressed masks of annotations, in whatever form they are published.

    Args:
      pictures: Pictures with their annotations; with many at once a mask takes a third of the time.

    Returns:
      The masks of each picture.

    Raises:
      FormatError: A mask does not fit its picture.
    """
    try:
        rles = iter(_masks(pictures))
    except FormatError:
        for image, annotations in pictures:  # This finds the picture for the message.
            with reading(f"picture {image['id']}"):
                _masks([(image, annotations)])
        raise
    return [list(itertools.islice(rles, len(annotations))) for _, annotations in pictures]


def _masks(pictures: Sequence[tuple[dict[str, Any], _Annotations]]) -> list[bytes]:
    published = [one["segmentation"] for _, annotations in pictures for one in annotations]
    numbers = [len(annotations) for _, annotations in pictures]
    heights, widths = (
        np.repeat([image[side] for image, _ in pictures], numbers) for side in ("height", "width")
    )
    return coco_rle.from_segmentations(published, heights, widths)


def _common(image: dict[str, Any], annotations: _Annotations, kind: str) -> dict[str, Any]:
    """Returns the values that instances, stuff and segments have in common."""
    labels = facts.labels(kind)
    boxes = np.array([one["bbox"] for one in annotations], np.float64).reshape(-1, 4)
    return {
        "id": [one["id"] for one in annotations],
        "area": [-1 if math.isnan(one["area"]) else int(one["area"]) for one in annotations],
        "bbox": _shares(image, boxes),
        "bbox_published": boxes,
        "label": [labels[one["category_id"]] for one in annotations],
        "category_id": [one["category_id"] for one in annotations],
        "is_crowd": [one["iscrowd"] for one in annotations],
    }


def _shares(image: dict[str, Any], boxes: np.ndarray) -> np.ndarray:
    """Returns the boxes as TFDS has them; what lies outside of the picture is cut off."""
    x, y, width, height = boxes.T
    edges = np.stack([y, x, y + height, x + width], axis=1)
    sides = [image["height"], image["width"]] * 2
    return np.clip(edges / sides, 0, 1).astype(np.float32)
