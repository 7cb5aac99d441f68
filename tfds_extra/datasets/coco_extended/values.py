"""What the features of a picture are made of: published annotations become values."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from tfds_extra.datasets.coco_extended import facts
from tfds_extra.formats import FormatError, coco_rle, reading

_NO_KEYPOINTS = np.zeros((len(facts.KEYPOINTS), 3), np.int32)
# A black pixel, where there is no panoptic picture: segment 0 is none.
NO_PANOPTIC = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000f49"
    "4441547801010400fbff00000000000400016549c3600000000049454e44ae426082"
)


def of_image(image: dict[str, Any]) -> dict[str, Any]:
    """What is known of a picture.

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
    image: dict[str, Any], instances: list[dict[str, Any]], keypoints: list[dict[str, Any]]
) -> dict[str, Any]:
    """Objects with masks and keypoints.

    Args:
      image: The picture.
      instances: Its annotations.
      keypoints: Those of keypoints, which belong to instances of the same id.

    Raises:
      FormatError: A mask is none of this picture, or keypoints are of no instance.
    """
    by_id = {one["id"]: one for one in keypoints}
    found = [by_id.pop(one["id"], None) for one in instances]
    if by_id:
        raise FormatError(
            f"annotation {min(by_id)} of keypoints is of none of the instances of picture"
            f" {image['id']}"
        )
    shape = _NO_KEYPOINTS.shape
    for one in filter(None, found):
        if len(one["keypoints"]) != _NO_KEYPOINTS.size:
            raise FormatError(
                f"annotation {one['id']} has {len(one['keypoints'])} numbers of keypoints"
            )
        if any(type(value) is not int for value in one["keypoints"]):
            raise FormatError(f"annotation {one['id']} has keypoints that are no whole numbers")
    return {
        "objects": {
            **_common(image, instances, "instances"),
            "area_published": [float(one["area"]) for one in instances],
            "segmentation": [json.dumps(one["segmentation"], separators=(",", ":")) for one in instances],
            "rle": masks(image, instances),
            "keypoints": [
                np.array(one["keypoints"], np.int32).reshape(shape) if one else _NO_KEYPOINTS
                for one in found
            ],
            "num_keypoints": [one["num_keypoints"] if one else 0 for one in found],
            "has_keypoints": [one is not None for one in found],
        }
    }  # fmt: skip


def of_captions(captions: list[dict[str, Any]]) -> dict[str, Any]:
    """Captions.

    Args:
      captions: Annotations of a picture.
    """
    return {
        "captions": {
            "text": [one["caption"] for one in captions],
            "id": [one["id"] for one in captions],
        }
    }


def of_stuff(image: dict[str, Any], stuff: list[dict[str, Any]]) -> dict[str, Any]:
    """Stuff.

    Args:
      image: The picture.
      stuff: Its annotations.

    Raises:
      FormatError: A mask is none of this picture.
    """
    return {"stuff": {**_common(image, stuff, "stuff"), "rle": masks(image, stuff)}}


def of_panoptic(
    image: dict[str, Any], panoptic: list[dict[str, Any]], content: bytes | None
) -> dict[str, Any]:
    """Panoptic segmentation.

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


def masks(image: dict[str, Any], annotations: list[dict[str, Any]]) -> list[bytes]:
    """Compressed masks of annotations, whatever form they are published in.

    Args:
      image: The picture.
      annotations: Of it.

    Raises:
      FormatError: A mask is none of this picture.
    """
    published = [one["segmentation"] for one in annotations]
    with reading(f"picture {image['id']}"):
        return coco_rle.from_segmentations(published, image["height"], image["width"])


def _common(image: dict[str, Any], annotations: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """What instances, stuff and segments have in common."""
    labels = facts.labels(kind)
    return {
        "id": [one["id"] for one in annotations],
        "area": [-1 if math.isnan(one["area"]) else int(one["area"]) for one in annotations],
        "bbox": [_shares(image, *one["bbox"]) for one in annotations],
        "bbox_published": [np.array(one["bbox"], np.float64) for one in annotations],
        "label": [labels[one["category_id"]] for one in annotations],
        "category_id": [one["category_id"] for one in annotations],
        "is_crowd": [one["iscrowd"] for one in annotations],
    }


def _shares(image: dict[str, Any], x: float, y: float, width: float, height: float) -> np.ndarray:
    """A box as TFDS has it; what lies outside of the picture is cut off."""
    edges = (
        y / image["height"],
        x / image["width"],
        (y + height) / image["height"],
        (x + width) / image["width"],
    )
    return np.clip(np.array(edges, np.float64), 0, 1).astype(np.float32)
