"""COCO: bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

import miniature_files
import miniature_scripts
import preparing
import pytest
import tampering
import tiers

_MADE = miniature_scripts.load("coco_extended")
_FILES = {url.rpartition("/")[2]: files for url, files in _MADE.archives().items()}
_ANNOTATIONS, _PICTURES = "annotations_trainval2017.zip", "val2017.zip"
_STUFF, _PANOPTIC = "stuff_annotations_trainval2017.zip", "panoptic_annotations_trainval2017.zip"
_LIGHT = "2017_validation_objects"


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = "coco_extended"

    def rewrite(self, archive: str, name: str, change: Any) -> None:
        """Writes an archive one of whose members is changed, and has the checksums vouch for it.

        Args:
          archive: Its name.
          name: Of the member, below `annotations/`, without suffix.
          change: Takes the JSON of the member and returns it, or bytes, changed; None takes it away.
        """
        member = f"annotations/{name}.json"
        changed = change(json.loads(_FILES[archive][member]))
        if changed is not None and not isinstance(changed, bytes):
            changed = json.dumps(changed).encode()
        files = {**_FILES[archive], member: changed}
        files = {key: content for key, content in files.items() if content is not None}
        self.write_vouched(archive, miniature_files.plain_zip(files))


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def _row(key: str, number: int, **changes: Any) -> Any:
    """Changes a row of a list; a value of ... takes the key away."""

    def change(document: dict[str, Any]) -> dict[str, Any]:
        row = {**document[key][number], **changes}
        document[key][number] = {k: v for k, v in row.items() if v is not ...}
        return document

    return change


def _cut(key: str, number: int) -> Any:
    def change(document: dict[str, Any]) -> dict[str, Any]:
        del document[key][number]
        return document

    return change


def _twice(key: str) -> Any:
    return lambda document: {**document, key: [*document[key], document[key][0]]}


_HTML = b"<!DOCTYPE html><html>Not found</html>"
_ROW = "annotations"
_BAD_RLE = {"counts": "oooooooo", "size": [56, 64]}
# File, what is done to its JSON, and what the error says. Of val2017 the first picture is 139, 48 x 64, and
# the first annotation is of 397133, 56 x 64.
_DAMAGES = {
    "an error page": ("instances", lambda _: _HTML, "instances_val2017.json", "no JSON object"),
    "cut off": ("instances", lambda d: json.dumps(d).encode()[:3000], "instances_val2017.json"),
    "cut off among annotations": ("captions", lambda d: json.dumps(d).encode()[:-5000], "captions_val2017.json"),
    "missing": ("captions", lambda _: None, "captions_val2017.json", "there is no such file"),
    "no pictures": ("instances", lambda d: d | {"images": []}, "there are no images"),
    "a list of results": ("instances", lambda _: [{"image_id": 1}], "no JSON object"),
    "another corpus": ("instances", _row("categories", 0, name="helmet"), "category 1 is 'helmet', of COCO it is 'person'"),
    "an unknown category": ("instances", _row("categories", 0, id=12), "category 12 is 'person', of COCO it is None"),
    "a category nobody has": ("instances", _row(_ROW, 0, category_id=12), "picture 397133 has category 12"),
    "a picture twice": ("instances", _twice("images"), "is there twice"),
    "an annotation twice": ("instances", _twice(_ROW), "is there twice"),
    "a picture that is not listed": ("instances", _row(_ROW, 0, image_id=5), "1 pictures that are not listed, as 5"),
    "captions of another picture": ("captions", _row(_ROW, 0, image_id=5), "captions_val2017.json", "not listed, as 5"),
    "keypoints of nobody": ("person_keypoints", _row(_ROW, 0, id=5), "annotation 5 of keypoints is of none"),
    "half a pixel": ("person_keypoints", _row(_ROW, 0, keypoints=[0.5] * 51), "no whole numbers"),
    "sixteen keypoints": ("person_keypoints", _row(_ROW, 0, keypoints=[1] * 48), "48 numbers of keypoints"),
    "no bbox": ("instances", _row(_ROW, 0, bbox=...), "annotations[0]: bbox is None"),
    "a mask of another size": ("instances", _row(_ROW, 0, segmentation={"counts": [6], "size": [2, 3]}), "picture 397133", "[2, 3] pixels"),
    "a mask that is too short": ("instances", _row(_ROW, 0, segmentation={"counts": [6], "size": [56, 64]}), "6 pixels, the picture has 56 x 64"),
    "a damaged mask": ("instances", _row(_ROW, 0, segmentation=_BAD_RLE), "cut off"),
    "a point far away": ("instances", _row(_ROW, 0, segmentation=[[0, 0, 1e30, 0, 1, 1]]), "too far"),
    "a licence nobody has": ("instances", _row("images", 0, license=9), "picture 139 has licence 9"),
    "a height of another picture": ("instances", _row("images", 0, height=47), "000000000139.jpg", "48 x 64 pixels, annotated are 47 x 64"),
    "a picture that is gone": ("instances", _cut("images", 0), "instances_val2017.json", "not listed, as 139"),
    "a name that leads elsewhere": ("instances", _row("images", 0, file_name="../../etc/passwd"), "not one of the published files"),
}  # fmt: skip

_QUICK = ("cut off", "another corpus", "a mask that is too short", "captions of another picture")


def _refused(data_dir, config: str, *parts: str) -> None:
    tampering.prepare_refused(f"coco_extended/{config}", data_dir, *parts, error=ValueError)


@pytest.mark.parametrize("name", tiers.sampled(_DAMAGES, _QUICK))
def test_damages(miniature, data_dir, name):
    kind, change, *parts = _DAMAGES[name]
    miniature.rewrite(_ANNOTATIONS, f"{kind}_val2017", change)
    _refused(data_dir, _LIGHT, *parts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("archive", "name", "change", "parts"),
    [
        (_STUFF, "stuff_val2017", _row(_ROW, 0, category_id=1), ["stuff_val2017", "category 1"]),
        (_STUFF, "stuff_val2017", _row("categories", 5, name="x"), ["another corpus"]),
        (_STUFF, "stuff_val2017", _row(_ROW, 0, segmentation=_BAD_RLE), ["cut off"]),
        (_PANOPTIC, "panoptic_val2017", _row(_ROW, 0, segments_info=[{}]), ["no id"]),
        (_PANOPTIC, "panoptic_val2017", _row(_ROW, 0, file_name="x.png"), ["x.png", "missing"]),
        (_PANOPTIC, "panoptic_val2017", _twice(_ROW), ["there twice"]),
    ],
)  # fmt: skip
def test_stuff_and_panoptic(miniature, data_dir, archive, name, change, parts):
    miniature.rewrite(archive, name, change)
    _refused(data_dir, "2017_validation", *parts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ["000000000139.jpg", "it is missing", "partial", "need no pictures"]),
        (b"", ["000000000139.jpg", "an empty file"]),
        (_HTML, ["000000000139.jpg", "not identify"]),
        (_MADE.jpeg(139)[:200], ["000000000139.jpg"]),
        (_MADE.jpeg(397133), ["000000000139.jpg", "56 x 64 pixels, annotated are 48 x 64"]),
    ],
)
def test_pictures(miniature, data_dir, content, parts):
    name = "val2017/000000000139.jpg"
    files = {**_FILES[_PICTURES], name: content}
    files = {key: value for key, value in files.items() if value is not None}
    miniature.write_vouched(_PICTURES, miniature_files.plain_zip(files))
    _refused(data_dir, _LIGHT, *parts)


@pytest.mark.slow
def test_panoptic_pictures(miniature, data_dir):
    name = "annotations/panoptic_val2017.zip"
    good = _MADE.miniature_files.png(_MADE.panoptic(139)[0])
    other = _MADE.miniature_files.png(_MADE.panoptic(397133)[0])
    for content, problem in ((b"x", "no PNG"), (good[:-9], "cut off"), (other, "56 x 64 pixels")):
        inner = {
            "panoptic_val2017/000000000139.png": content,
            "panoptic_val2017/000000397133.png": other,
        }
        files = {**_FILES[_PANOPTIC], name: miniature_files.plain_zip(inner)}
        miniature.write_vouched(_PANOPTIC, miniature_files.plain_zip(files))
        _refused(data_dir, "2017_validation", "000000000139.png", problem)


@pytest.mark.slow
def test_karpathy(miniature, data_dir):
    archive = "caption_datasets.zip"
    rows = json.loads(_FILES[archive]["dataset_coco.json"])["images"]
    for changed, problem in (
        (rows[1:], "picture 9 has no split"),
        ([*rows, rows[0]], "picture 9 is there twice"),
        ([{**rows[0], "split": "x"}], "images[0]: no split of COCO"),
        ([{"split": "val"}], "images[0]: no cocoid"),
    ):
        files = {"dataset_coco.json": json.dumps({"images": changed}).encode()}
        miniature.write_vouched(archive, miniature_files.plain_zip(files))
        _refused(data_dir, "2014_karpathy", "dataset_coco.json", problem)


@pytest.mark.slow
def test_a_part(tmp_path, caplog):
    """What is not there is left out, counted and told; what is there is not mixed up."""
    folder = tmp_path / "manual"
    for name in ("instances_val2017", "captions_val2017"):
        path = folder / f"annotations/{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_FILES[_ANNOTATIONS][f"annotations/{name}.json"])
    for name, content in list(_FILES[_PICTURES].items())[:1]:
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(content)
    builder = preparing.prepared("coco_extended/2017", tmp_path / "data", folder, partial=True)
    assert builder.info.metadata["missing"] == {
        "train": 118_287, "validation": 4_999, "test": 40_670
    }  # fmt: skip
    (example,) = builder.as_dataset(split="validation").as_numpy_iterator()
    assert len(example["objects"]["id"]) == 3 and len(example["captions"]["id"]) == 6
    assert not len(example["stuff"]["id"]) and not example["objects"]["has_keypoints"].any()
    assert "of val2017 there are no keypoints, stuff, panoptic here" in caplog.text
    assert "1 pictures in instances_val2017.json are not in" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "problem"),
    [
        ("annotations", "annotations of val2017 are here, and not its pictures"),
        ("val2017", "pictures of val2017 are here, and not instances_val2017.json"),
    ],
)
def test_one_side_alone(tmp_path, data_dir, folder, problem):
    """Who has annotations and no pictures, or pictures and no annotations, is told so."""
    for files in (_FILES[_ANNOTATIONS], _FILES[_PICTURES]):
        for name, content in files.items():
            if name.startswith(folder):
                path = tmp_path / "manual" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    tampering.prepare_refused(
        f"coco_extended/{_LIGHT}", data_dir, problem, "_annotations", "different archives",
        manual_dir=tmp_path / "manual", partial=True,
    )  # fmt: skip


@pytest.mark.slow
def test_pictures_among_other_things(tmp_path):
    """All in one folder, where anything else may lie."""
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / "notes.txt").write_text("x")
    for files in (_FILES[_ANNOTATIONS], _FILES[_PICTURES]):
        for name, content in files.items():
            (folder / name.rpartition("/")[2]).write_bytes(content)
    builder = preparing.prepared(
        f"coco_extended/{_LIGHT}", tmp_path / "data", folder, partial=True
    )  # fmt: skip
    assert builder.info.splits["validation"].num_examples == 2
