"""VisualQA: bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

import miniature_files
import miniature_scripts
import preparing
import pytest
import tampering
import tiers

_MADE = miniature_scripts.load("vqa")
_QUESTIONS, _ANSWERS = "v2_Questions_Train_mscoco.zip", "v2_Annotations_Train_mscoco.zip"
_PAIRS, _PICTURES = "v2_Complementary_Pairs_Val_mscoco.zip", "train2014.zip"
_FILES = {url.rpartition("/")[2]: files for url, files in _MADE.archives().items()}


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = "vqa"

    def rewrite(self, archive: str, change: Any) -> None:
        """Writes an archive whose first member is changed, and has the checksums vouch for it.

        Args:
          archive: Its name.
          change: Takes the JSON of the member and returns it, or bytes, changed.
        """
        (name, content), *others = _FILES[archive].items()
        changed = change(json.loads(content))
        if not isinstance(changed, bytes):
            changed = json.dumps(changed).encode()
        files = {name: changed, **dict(others)}
        self.write_vouched(archive, miniature_files.plain_zip(files))


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def _row(key: str, number: int, **changes: Any) -> Any:
    """Changes a row of a list; a value of ... takes the key away."""

    def change(document: dict[str, Any]) -> dict[str, Any]:
        row = document[key][number]
        row.update(changes)
        document[key][number] = {k: v for k, v in row.items() if v is not ...}
        return document

    return change


def _answer(**changes: Any) -> Any:
    """Changes an answer of the second row."""

    def change(document: dict[str, Any]) -> dict[str, Any]:
        document["annotations"][1]["answers"][4].update(changes)
        return document

    return change


def _cut(key: str, number: int) -> Any:
    """Takes a row away."""

    def change(document: dict[str, Any]) -> dict[str, Any]:
        del document[key][number]
        return document

    return change


def _twice(key: str) -> Any:
    return lambda document: {**document, key: [*document[key], document[key][0]]}


def _refused(data_dir, config: str, *parts: str) -> None:
    tampering.prepare_refused(f"vqa/{config}", data_dir, *parts, error=ValueError)


_HTML = b"<!DOCTYPE html><html>Not found</html>"
# Archive, what is done to its JSON, and what the error says.
_DAMAGES = {
    "an error page": (_QUESTIONS, lambda _: _HTML, "train2014_questions.json", "letter 0: no JSON object"),
    "cut off": (_ANSWERS, lambda d: json.dumps(d).encode()[:3000], "annotations[3]: Unterminated string"),
    "UTF-16": (_ANSWERS, lambda d: json.dumps(d).encode("utf-16"), "not UTF-8"),
    "another file": (_ANSWERS, lambda _: {"questions": []}, "there are no annotations"),
    "a list of numbers": (_QUESTIONS, lambda _: {"questions": [5]}, "questions[0]: no object, but 5"),
    "a key that is missing": (_QUESTIONS, _row("questions", 2, image_id=...), "questions[2]: no image_id"),
    "a key that is unknown": (_QUESTIONS, _row("questions", 2, mood=1), "questions[2]: unknown key 'mood'"),
    "a text for an id": (_QUESTIONS, _row("questions", 1, question_id="7"), "question_id is '7'"),
    "too large an id": (_QUESTIONS, _row("questions", 1, image_id=2**70), "image_id is 1180"),
    "a number for a question": (_QUESTIONS, _row("questions", 1, question=5), "question is 5"),
    "half a surrogate pair": (_QUESTIONS, _row("questions", 1, question="\ud83d"), "surrogate"),
    "a question without answers": (_ANSWERS, _cut("annotations", 0), "has no answers"),
    "answers without a question": (_QUESTIONS, _cut("questions", 0), "there are answers to 1 questions"),
    "answers that come twice": (_ANSWERS, _twice("annotations"), "is answered twice"),
    "answers about another picture": (_ANSWERS, _row("annotations", 1, image_id=8), "its answers are about 8"),
    "an unknown type": (_ANSWERS, _row("annotations", 1, question_type="wo"), "unknown question_type 'wo'"),
    "an unknown kind": (_ANSWERS, _row("annotations", 1, answer_type="y"), "unknown answer_type 'y'"),
    "nine people": (_ANSWERS, _row("annotations", 1, answers=[]), "not the answers of 10 people"),
    "no texts": (_ANSWERS, _answer(answer=None), "annotations[1]: an answer is None"),
    "unknown confidence": (_ANSWERS, _answer(answer_confidence="so so"), "unknown answer_confidence 'so so'"),
    "no number of a person": (_ANSWERS, _answer(answer_id=True), "answer_id is True"),
    "no pair": (_PAIRS, lambda _: [[1, 2, 3]], "[0]: no pair of ids"),
    "an object for pairs": (_PAIRS, lambda _: {"a": 1}, "no JSON list"),
    "a question that comes twice": (_QUESTIONS, _twice("questions"), "13 examples were read"),
}  # fmt: skip


_QUICK = ("cut off", "a key that is missing", "answers about another picture")


@pytest.mark.parametrize("name", tiers.sampled(_DAMAGES, _QUICK))
def test_damages(miniature, data_dir, name):
    archive, change, *parts = _DAMAGES[name]
    miniature.rewrite(archive, change)
    _refused(data_dir, "v2", *parts)


def test_strangers(miniature, data_dir):
    files = _FILES[_ANSWERS] | {"evil.sh": b"rm"}
    miniature.write_vouched(_ANSWERS, miniature_files.plain_zip(files))
    _refused(data_dir, "v2", "evil.sh", "not one of the published files")


def test_an_archive_without_its_file(miniature, data_dir):
    miniature.write_vouched(_ANSWERS, miniature_files.plain_zip({"x_annotations.json": b"{}"}))
    _refused(data_dir, "v2", "v2_mscoco_train2014_annotations.json", "there is no such file")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ["COCO_train2014_000000458752.jpg", "it is missing", "partial"]),
        (b"", ["COCO_train2014_000000458752.jpg", "an empty file"]),
        (_HTML, ["COCO_train2014_000000458752.jpg", "not identify"]),
        (_MADE.jpeg("red", 1)[:150], ["COCO_train2014_000000458752.jpg"]),
    ],
)
def test_pictures(miniature, data_dir, content, parts):
    files = dict(_FILES[_PICTURES])
    name = "train2014/COCO_train2014_000000458752.jpg"
    if content is None:
        del files[name]
    else:
        files[name] = content
    miniature.write_vouched(_PICTURES, miniature_files.plain_zip(files))
    _refused(data_dir, "v2_images", *parts)


@pytest.mark.slow
def test_other_pictures(miniature, data_dir):
    files = _FILES[_PICTURES] | {"train2014/COCO_val2014_000000000042.jpg": b"x"}
    miniature.write_vouched(_PICTURES, miniature_files.plain_zip(files))
    _refused(data_dir, "v2_images", "COCO_val2014_000000000042.jpg", "not one of the published")


@pytest.mark.slow
def test_scenes(miniature, data_dir):
    archive = "scene_json_abstract_v002_train2015.zip"
    for content, problem in ((b"[1]", "no JSON object"), (b"{", "no JSON"), (b"\xff", "no JSON")):
        files = {name: content for name in _FILES[archive]}
        miniature.write_vouched(archive, miniature_files.plain_zip(files))
        _refused(data_dir, "abstract_v1_scenes", "abstract_v002_train2015_0000", problem)


@pytest.mark.slow
def test_a_part_is_told(miniature, tmp_path):
    """Questions whose picture is not there are left out of a part, and counted."""
    folder = tmp_path / "manual"
    for archive, files in _FILES.items():
        if archive.startswith("v2_") or "2014" in archive or archive == "test2015.zip":
            for name, content in files.items():
                if "000000458752" not in name:
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(content)
    builder = preparing.prepared("vqa/v2_images", tmp_path / "data", folder, partial=True)
    assert builder.info.splits["train"].num_examples == 9
    assert builder.info.metadata["missing"]["train"] == 443_757 - 9
