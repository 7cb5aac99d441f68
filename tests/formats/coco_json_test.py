"""Annotation files in COCO's layout, COCO's own and those of others."""

from __future__ import annotations

import io
import json
import math

import pytest

from tfds_extra.formats import FormatError, coco_json

_IMAGE = {"id": 7, "file_name": "a/b.png", "height": 2, "width": 3}
_BOX = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [0, 0.5, 1, 1]}


def _read(kind: str, document) -> list:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return list(coco_json.read(io.BytesIO(content), kind))


def test_what_others_leave_out():
    document = {
        "annotations": [{**_BOX, "segmentation": None, "attributes": {"occluded": True}}],
        "images": [{**_IMAGE, "flickr_url": None, "license": None, "extra": 1}],
        "categories": [{"id": 3, "name": "ship"}],
        "type": "instances",
    }
    (a, annotation), (b, image), (c, category) = _read("instances", document)
    assert (a, b, c) == ("annotations", "images", "categories")
    assert image == {
        **_IMAGE, "license": None, "coco_url": "", "flickr_url": "", "date_captured": ""
    }  # fmt: skip
    assert math.isnan(annotation.pop("area"))
    assert annotation == {**_BOX, "iscrowd": False, "segmentation": []}
    assert category == {"id": 3, "name": "ship", "supercategory": ""}


def test_names_of_lvis():
    """It has the URLs alone."""
    image = {**_IMAGE, "coco_url": "http://images.cocodataset.org/train2017/000000391895.jpg"}
    del image["file_name"]
    (_, found) = _read("image_info", {"images": [image]})[0]
    assert found["file_name"] == "000000391895.jpg"


def test_values_stay_as_they_are():
    polygons = [[1, 2.5, 3.25, 4, 5.125, 6]]
    rows = [
        {**_BOX, "segmentation": polygons, "area": 2.000000000000001, "iscrowd": 0},
        {**_BOX, "id": 2, "segmentation": {"size": [2, 3], "counts": [0, 6]}, "iscrowd": 1},
        {**_BOX, "id": 3, "segmentation": {"size": [2, 3], "counts": "06"}},
    ]
    found = _read("instances", {"images": [_IMAGE], "annotations": rows})[1:]
    assert [one["segmentation"] for _, one in found] == [one["segmentation"] for one in rows]
    assert [repr(n) for n in found[0][1]["segmentation"][0]] == list(map(repr, polygons[0]))
    assert found[0][1]["area"] == 2.000000000000001
    assert [one["iscrowd"] for _, one in found] == [False, True, False]


def test_unwanted_annotations_are_not_looked_at():
    rows = [_BOX, {"image_id": 8, "bbox": "?"}, {**_BOX, "id": 2}]
    document = json.dumps({"images": [_IMAGE], "annotations": rows}).encode()
    found = list(coco_json.read(io.BytesIO(document), "instances", lambda image_id: image_id == 7))
    assert [row["id"] for name, row in found if name == "annotations"] == [1, 2]
    with pytest.raises(FormatError, match=r"annotations\[1\]: no id"):
        _read("instances", document)


_ROWS = {
    "instances": _BOX,
    "captions": {"id": 1, "image_id": 7, "caption": "x"},
    "keypoints": {"id": 1, "image_id": 7, "category_id": 1, "keypoints": [1, 2, 2]},
    "panoptic": {
        "image_id": 7, "file_name": "x.png",
        "segments_info": [{"id": 5, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1}],
    },
}  # fmt: skip


def test_kinds():
    for kind, row in _ROWS.items():
        (_, found) = _read(kind, {"images": [_IMAGE], "annotations": [row]})[1]
        assert found["image_id"] == 7
    (_, found) = _read("keypoints", {"images": [_IMAGE], "annotations": [_ROWS["keypoints"]]})[1]
    assert found["num_keypoints"] == 1


@pytest.mark.parametrize(
    ("kind", "changes", "problem"),
    [
        ("instances", {"id": "x"}, r"annotations\[0\]: id is 'x'"),
        ("instances", {"id": 2**63}, "id is 9223"),
        ("instances", {"image_id": -1}, "image_id is -1"),
        ("instances", {"image_id": True}, "image_id is True"),
        ("instances", {"image_id": ...}, "no image_id"),
        ("instances", {"bbox": [1, 2, 3]}, "bbox is .*not 4 numbers"),
        ("instances", {"bbox": [1, 2, 3, "4"]}, "bbox is"),
        ("instances", {"bbox": [1, 2, 3, 10**400]}, "bbox is"),
        ("instances", {"area": "big"}, "area is 'big'"),
        ("instances", {"iscrowd": 2}, "iscrowd is 2"),
        ("instances", {"segmentation": [[1, 2, 3]]}, "a polygon of 3 numbers"),
        ("instances", {"segmentation": [[]]}, "a polygon of 0 numbers"),
        ("instances", {"segmentation": [[1, 2, None, 4]]}, "a polygon is"),
        ("instances", {"segmentation": "x"}, "neither polygons nor run lengths"),
        ("instances", {"segmentation": {"size": [2, 3]}}, "neither polygons nor run lengths"),
        ("instances", {"segmentation": {"size": [2], "counts": []}}, "the size of a mask"),
        ("captions", {"caption": None}, "caption is None"),
        ("captions", {"caption": "\ud83d"}, "half of a surrogate pair"),
        ("keypoints", {"keypoints": [1, 2]}, "2 numbers of keypoints"),
        ("keypoints", {"keypoints": [1, 2, "x"]}, "not a list of numbers"),
        ("panoptic", {"segments_info": 5}, "segments_info is 5"),
        ("panoptic", {"segments_info": [5]}, r"segments_info\[0\]: no object"),
    ],
)
def test_damaged_annotations(kind, changes, problem):
    row = {key: value for key, value in (_ROWS[kind] | changes).items() if value is not ...}
    with pytest.raises(FormatError, match=problem):
        _read(kind, {"images": [_IMAGE], "annotations": [row]})


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"[]", "no JSON object"),
        (b'{"images": []}', "no images"),
        (b'{"images": [5]}', r"images\[0\]: no object, but 5"),
        ({"images": [{**_IMAGE, "height": 0}]}, "a picture of 0 x 3"),
        ({"images": [{**_IMAGE, "height": 1 << 30}]}, "a picture of"),
        ({"images": [{**_IMAGE, "file_name": ""}]}, "no file_name"),
        ({"images": [_IMAGE], "categories": [{"id": 1}]}, "no name"),
        ({"images": [_IMAGE], "annotations": [_BOX]}, "only pictures"),
    ],
)
def test_damaged_documents(document, problem):
    with pytest.raises(FormatError, match=problem):
        _read("image_info", document)
