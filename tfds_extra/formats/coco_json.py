"""Reads COCO's annotation files: pictures, categories and annotations in JSON of any size.

Other corpora publish in this layout, too, and leave some of it out. Keys that a picture or
annotation must have are checked; a missing optional key gets a value that says so; other keys are
passed over, as pycocotools does.
"""

from __future__ import annotations

import array
import math
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from tfds_extra.formats import FormatError, json_stream, parser, reading

IMAGE, CATEGORY, ANNOTATION = "images", "categories", "annotations"
KINDS = ("instances", "keypoints", "captions", "stuff", "panoptic", "image_info")

_LISTS = (IMAGE, CATEGORY, ANNOTATION, "licenses")
_SHOWN = 60


@parser
def read(
    file: BinaryIO, kind: str, is_wanted: Callable[[int], bool] = lambda image_id: True
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the content of a file in its order; pictures may come before or after annotations.

    Args:
      file: The document.
      kind: Kind of the annotations, one of `KINDS`. Those of `stuff` are like `instances`, and
        those of `keypoints` have keypoints besides; a file of `image_info` has no annotations.
      is_wanted: Takes the id of a picture, and tells whether its annotations are wanted. Other
        annotations are not looked at.

    Yields:
      `IMAGE` with id, file_name (the end of coco_url if there is none), height, width, license
      (None if unknown), and the texts coco_url, flickr_url and date_captured (empty if unknown);
      `CATEGORY` with id, name and supercategory (empty if there is none);
      `ANNOTATION` with id, image_id and, of instances, category_id, bbox (x, y, width and height),
      area (NaN if unknown), iscrowd and segmentation as published ([] if there is none); of
      keypoints besides keypoints and num_keypoints; of captions the caption; of panoptic ones
      image_id, file_name and segments_info.

    Raises:
      FormatError: It is another file, or is damaged.
    """
    numbers = dict.fromkeys(_LISTS, 0)
    checks: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        IMAGE: _image, CATEGORY: _category, ANNOTATION: _ANNOTATIONS[kind]
    }  # fmt: skip
    for name, value in json_stream.read(file, _LISTS):
        if name not in checks:
            continue
        with reading(f"{name}[{numbers[name]}]"):
            if not isinstance(value, dict):
                raise FormatError(f"no object, but {_shown(value)}")
            is_left = name == ANNOTATION and not is_wanted(_int(value, "image_id"))
            row = {} if is_left else checks[name](value)
        numbers[name] += 1
        if not is_left:
            yield name, row
    if not numbers[IMAGE]:
        raise FormatError("there are no images: it is no annotation file of COCO")


def _image(row: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": _int(row, "id"),
        "file_name": _text(row, "file_name", _text(row, "coco_url", "").rpartition("/")[2]),
        "height": _int(row, "height", 31),
        "width": _int(row, "width", 31),
        "license": None if row.get("license") is None else _int(row, "license", 31),
        **{name: _text(row, name, "") for name in ("coco_url", "flickr_url", "date_captured")},
    }
    if not made["file_name"]:
        raise FormatError("no file_name")
    if not 0 < made["height"] * made["width"] < 1 << 31:
        raise FormatError(f"a picture of {made['height']} x {made['width']} pixels")
    return made


def _category(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": _int(row, "id", 31),
        "name": _text(row, "name"),
        "supercategory": _text(row, "supercategory", ""),
    }


def _instance(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": _int(row, "id"),
        "image_id": _int(row, "image_id"),
        "category_id": _int(row, "category_id", 31),
        "bbox": _numbers(row.get("bbox"), "bbox", 4),
        "area": math.nan if row.get("area") is None else _number(row["area"], "area"),
        "iscrowd": _flag(row),
        "segmentation": _segmentation(row.get("segmentation")),
    }


def _keypoints(row: dict[str, Any]) -> dict[str, Any]:
    keypoints = _numbers(row.get("keypoints"), "keypoints")
    if len(keypoints) % 3:
        raise FormatError(f"{len(keypoints)} numbers of keypoints, which have three each")
    count = sum(visible > 0 for visible in keypoints[2::3])
    if "num_keypoints" in row:
        count = _int(row, "num_keypoints", 31)
    return {
        "id": _int(row, "id"),
        "image_id": _int(row, "image_id"),
        "category_id": _int(row, "category_id", 31),
        "keypoints": keypoints,
        "num_keypoints": count,
    }


def _caption(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": _int(row, "id"),
        "image_id": _int(row, "image_id"),
        "caption": _text(row, "caption"),
    }


def _panoptic(row: dict[str, Any]) -> dict[str, Any]:
    segments = row.get("segments_info")
    if not isinstance(segments, list):
        raise FormatError(f"segments_info is {_shown(segments)}")
    made = []
    for number, segment in enumerate(segments):
        with reading(f"segments_info[{number}]"):
            if not isinstance(segment, dict):
                raise FormatError(f"no object, but {_shown(segment)}")
            made.append(
                {
                    "id": _int(segment, "id"),
                    "category_id": _int(segment, "category_id", 31),
                    "bbox": _numbers(segment.get("bbox"), "bbox", 4),
                    "area": _int(segment, "area"),
                    "iscrowd": _flag(segment),
                }
            )
    return {
        "image_id": _int(row, "image_id"),
        "file_name": _text(row, "file_name", _text(row, "coco_url", "").rpartition("/")[2]),
        "segments_info": made,
    }


def _no_annotation(row: dict[str, Any]) -> dict[str, Any]:
    raise FormatError("there are annotations, where only pictures should be listed")


_ANNOTATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "instances": _instance, "keypoints": _keypoints, "captions": _caption, "stuff": _instance,
    "panoptic": _panoptic, "image_info": _no_annotation,
}  # fmt: skip


def _segmentation(value: Any) -> Any:
    """Returns a segmentation as it is; its counts are checked when a mask is made of them."""
    if value is None:
        return []
    if isinstance(value, list):
        for polygon in value:
            _numbers(polygon, "a polygon")
            if not polygon or len(polygon) % 2:
                raise FormatError(f"a polygon of {len(polygon)} numbers")
        return value
    if isinstance(value, dict) and value.keys() == {"counts", "size"}:
        counts, size = value["counts"], value["size"]
        if not isinstance(size, list) or len(size) != 2 or not all(_is_int(n, 31) for n in size):
            raise FormatError(f"the size of a mask is {_shown(size)}")
        if isinstance(counts, str) and counts.isascii():
            return value
        if isinstance(counts, list) and all(_is_int(count, 31) for count in counts):
            return value
    raise FormatError(f"segmentation is {_shown(value)}, neither polygons nor run lengths")


def _int(row: dict[str, Any], name: str, bits: int = 63) -> int:
    value: Any = row.get(name)
    if not _is_int(value, bits):
        raise FormatError(f"{name} is {_shown(value)}" if name in row else f"no {name}")
    return value


def _is_int(value: Any, bits: int) -> bool:
    return type(value) is int and 0 <= value < 1 << bits


def _flag(row: dict[str, Any]) -> bool:
    value = row.get("iscrowd", 0)
    if value not in (0, 1):
        raise FormatError(f"iscrowd is {_shown(value)}, not 0 or 1")
    return bool(value)


def _number(value: Any, name: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise FormatError(f"{name} is {_shown(value)}, which is no number")
    return value


def _numbers(values: Any, name: str, count: int | None = None) -> Any:
    """Returns a list as it is; raises unless it holds finite numbers."""
    try:
        is_list = isinstance(values, list) and len(values) == (count or len(values))
        # `array` would take booleans for numbers, but no published file has them.
        if is_list and math.isfinite(sum(map(abs, array.array("d", values)))):
            return values
    except (TypeError, OverflowError):
        pass
    raise FormatError(f"{name} is {_shown(values)}, not {count or 'a list of'} numbers")


def _text(row: dict[str, Any], name: str, default: str | None = None) -> str:
    value = row.get(name, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise FormatError(f"{name} is {_shown(value)}" if name in row else f"no {name}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise FormatError(f"{name} has half of a surrogate pair") from None
    return value


def _shown(value: Any) -> str:
    return ascii(value)[:_SHOWN]
