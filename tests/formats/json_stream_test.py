"""Large JSON documents, element by element."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
from typing import Any

import pytest

from tfds_extra.formats import FormatError, json_stream


def _read(content: bytes | str, *lists: str) -> list[tuple[str, Any]]:
    content = content.encode() if isinstance(content, str) else content
    return list(json_stream.read(io.BytesIO(content), lists or ("",)))


def _some(generator: random.Random, depth: int = 0) -> Any:
    kind = generator.randrange(8 if depth < 3 else 6)
    if kind == 6:
        return [_some(generator, depth + 1) for _ in range(generator.randrange(4))]
    if kind == 7:
        return {f"k{i} {{]": _some(generator, depth + 1) for i in range(generator.randrange(4))}
    return [
        generator.randrange(-(10**20), 10**20), generator.random() * 10**9, None, True,
        'é"\\\n漢字}],', -1.5e-7,
    ][kind]  # fmt: skip


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_equals_json(monkeypatch, indent, block):
    monkeypatch.setattr(json_stream, "BLOCK", block)
    generator = random.Random(5)
    for _ in range(20):
        document = {
            "info": _some(generator),
            "annotations": [_some(generator) for _ in range(generator.randrange(9))],
            "empty": [],
            "n": 12345,
            "images": [_some(generator) for _ in range(generator.randrange(9))],
        }
        content = json.dumps(document, indent=indent, ensure_ascii=generator.random() < 0.5)
        expected = [
            (key, value)
            for key, values in document.items()
            for value in (values if key in ("annotations", "images", "empty") else [values])
        ]
        for start in ("", "\ufeff", " \n"):
            assert _read(start + content + "\n", "annotations", "images", "empty") == expected
        assert _read(content, "none") == list(document.items())


def test_a_list():
    assert _read("[[1, 2], [3, 4]]") == [("", [1, 2]), ("", [3, 4])]
    assert _read(" [ ] ") == []
    assert _read("{}", "a") == []
    assert _read("[12345]") == [("", 12345)]


def test_no_list_where_one_is_asked_for():
    assert _read('{"a": {"b": 1}, "c": null}', "a") == [("a", {"b": 1}), ("c", None)]


@pytest.mark.parametrize("block", [3, 1 << 20])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it begins with the end of the file"),
        (b"<html>", "letter 0: no JSON object, it begins with '<ht"),
        ('{"a": [1, 2}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": [1, \xff]}', "not UTF-8"),
        (b'{"a": [1, 2', "the end of the file"),
        (b'{"a": [1, 2}', "letter 11: ',' or ']' expected, found '}'"),
        (b'{"a": [1,, 2]}', "a[1]"),
        (b'{"a": [1, 2]} {', "more than one JSON document"),
        (b'{"a": [{"b": "c]}', "letter 7: a[0]"),
        (b'{"a": [NaN]}', "NaN is no number"),
        (b'{"a": [' + b"1" * 5000 + b"]}", "a[0]"),
        (b'{"a" [', "':' expected"),
        (b'{5: 6}', "5 is no key"),
        (b'{"a": [' + b"[" * 100_000, "a[0]"),
        (b'{"a": [1], }', "a key"),
    ],
)  # fmt: skip
def test_damage(monkeypatch, content, problem, block):
    monkeypatch.setattr(json_stream, "BLOCK", block)
    with pytest.raises(FormatError) as e:
        _read(content, "a")
    assert problem in str(e.value)
    assert len(str(e.value)) < 600


def test_a_list_where_an_object_is_wanted():
    with pytest.raises(FormatError, match="no JSON object"):
        _read("[1]", "a")
    with pytest.raises(FormatError, match="no JSON list"):
        _read("{}")


def test_too_long_a_value(monkeypatch):
    monkeypatch.setattr(json_stream, "BLOCK", 100)
    monkeypatch.setattr(json_stream, "MAX_VALUE", 1000)
    assert len(_read(json.dumps(["x" * 900]))) == 1
    with pytest.raises(FormatError, match="more than 1,000 letters"):
        _read(json.dumps(["x" * 100_000]))


@pytest.mark.slow
def test_memory_is_flat():
    class Endless(io.RawIOBase):
        """Many elements that are nowhere as a whole."""

        def __init__(self):
            self.left, self.rest = 200_000, b'{"a": ['

        def read(self, size):
            while len(self.rest) < size and self.left:
                self.left -= 1
                self.rest += b'{"id": %d, "x": [1.5, 2.5]}' % self.left + b",]"[not self.left :][:1]
                if not self.left:
                    self.rest += b"}"
            taken, self.rest = self.rest[:size], self.rest[size:]
            return taken

    tracemalloc.start()
    count = sum(1 for _ in json_stream.read(Endless(), ("a",)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 200_000
    assert peak < 12 * json_stream.BLOCK
