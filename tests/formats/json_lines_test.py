"""JSON lines, against Python's json."""

from __future__ import annotations

import io
import json
import random

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from tfds_extra.formats import FormatError, json_lines
from tfds_extra.formats.json_lines import INTEGER, REAL, TEXT, TEXTS, Block

_KINDS = {"text": TEXT, "number": INTEGER, "real": REAL}
_ROWS = [
    {"text": 'caf\N{LATIN SMALL LETTER E WITH ACUTE}\n/\\"\0', "number": -(2**63), "real": 0.1},
    {"text": "", "number": 2**63 - 1, "real": -3.0},
    {"text": "\N{SMILING FACE WITH SUNGLASSES}" * 40, "number": 0, "real": 1e300},
]


def _lines(rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _values(columns) -> list[dict]:
    lists = {
        name: column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()
        for name, column in columns.items()
    }
    return [dict(zip(lists, row)) for row in zip(*lists.values())]


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_blocks_are_lines(size):
    content = _lines(_ROWS * 3)
    found, number = b"", 1
    for block in json_lines.read_blocks(io.BytesIO(content), size=size):
        assert (block.offset, block.number) == (len(found), number)
        assert block.lines.endswith(b"\n")
        found += block.lines
        number += block.lines.count(b"\n")
    assert found == content
    without_end = [b.lines for b in json_lines.read_blocks(io.BytesIO(content[:-1]), size=size)]
    assert b"".join(without_end) == content[:-1]


def test_parts_have_each_line_once():
    content = _lines(_ROWS * 20)
    dice = random.Random(0)
    starts = {0} | {at + 1 for at, byte in enumerate(content[:-1]) if byte == 10}
    for _ in range(60):
        cuts = sorted(
            {
                0,
                len(content),
                *dice.choices(range(len(content)), k=5),
                *dice.sample(sorted(starts), 3),
            }
        )
        parts = [
            b"".join(
                b.lines for b in json_lines.read_blocks(
                    io.BytesIO(content), start, stop, size=dice.choice([1, 50, 1 << 20])
                )
            )
            for start, stop in zip(cuts, cuts[1:])
        ]  # fmt: skip
        assert b"".join(parts) == content
        for start, stop, part in zip(cuts, cuts[1:], parts):
            assert part.count(b"\n") == sum(start <= at < stop for at in starts)


def test_byte_order_mark_and_other_line_ends():
    content = b"\xef\xbb\xbf" + _lines(_ROWS).replace(b"\n", b"\r\n") + b"\r\n  \n"
    (block,) = json_lines.read_blocks(io.BytesIO(content))
    assert _values(json_lines.columns(block, _KINDS)) == _ROWS


@hypothesis.settings(max_examples=30, deadline=None)
@hypothesis.given(
    strategies.lists(
        strategies.fixed_dictionaries(
            {
                "text": strategies.text(),
                "number": strategies.integers(-(2**63), 2**63 - 1),
                "real": strategies.floats(allow_nan=False, allow_infinity=False),
            }
        ),
        min_size=1,
    ),
    strategies.booleans(),
)
def test_arrow_and_python_agree(rows, is_ascii):
    hypothesis.assume(all("\ud800" > c or c > "\udfff" for row in rows for c in row["text"]))
    content = "".join(json.dumps(row, ensure_ascii=is_ascii) + "\n" for row in rows).encode()
    expected = [json.loads(json.dumps(row)) for row in rows]
    assert _values(json_lines.columns(Block(content, 0, 1), _KINDS)) == expected
    # A blank line is what Arrow leaves to Python.
    assert _values(json_lines.columns(Block(content + b"\n", 0, 1), _KINDS)) == expected
    assert [line for _, line in json_lines.objects(Block(content, 0, 1))] == expected


def test_missing_texts_lists_and_whole_reals():
    lines = b'{"text":null,"number":1,"real":2}\n{"real":3,"number":1,"text":"a"}\n'
    assert _values(json_lines.columns(Block(lines, 0, 1), _KINDS)) == [
        {"text": "", "number": 1, "real": 2.0}, {"text": "a", "number": 1, "real": 3.0}
    ]  # fmt: skip
    lists = b'{"a":["x","y"]}\n{"a":[2015,2016]}\n{"a":"z"}\n{"a":[]}\n'
    found = json_lines.columns(Block(lists, 0, 1), {"a": TEXTS})["a"].to_pylist()
    assert found == ["x, y", "2015, 2016", "z", ""]


@pytest.mark.parametrize("line, part", [
    (b'{"a":1}{"a":2}', "no JSON"), (b'{"a":1,"a":2}', "comes twice"), (b"[1]", "no JSON object"),
    (b'{"a":"1"}', "no integer"), (b'{"a":1.0}', "no integer"), (b'{"a":true}', "no integer"),
    (b'{"a":9223372036854775808}', "no integer"), (b'{"a":null}', "no integer"),
    (b'{"a":NaN}', "no JSON"), (b'{"b":1}', "no 'a'"), (b'{"a":1,"b":1}', "unknown key 'b'"),
    (b'{"a":' + b"[" * 99_999, "no JSON"), (b'{"a":"\xff"}', "not UTF-8"), (b"\0", "no JSON"),
    (b'{"a":' + b"9" * 5000 + b"}", "JSON"), (b'{"a":[[]]}', "a list"),
])  # fmt: skip
def test_bad_lines(line, part):
    block = Block(b'{"a":1}\n' + line + b"\n", 10, 5)
    with pytest.raises(FormatError, match="^line 6: ") as caught:
        json_lines.columns(block, {"a": INTEGER})
    assert part in str(caught.value)
    unnumbered = Block(block.lines, 10, None)
    with pytest.raises(FormatError, match="^the line at byte 18: "):
        json_lines.columns(unnumbered, {"a": INTEGER})


def test_bad_texts_and_reals():
    for kind, value in (
        (TEXT, "1"),
        (TEXT, '"\\ud800"'),
        (TEXTS, "[1.5]"),
        (REAL, "1e999"),
        (REAL, '"1"'),
    ):
        with pytest.raises(FormatError, match="^line 1: "):
            json_lines.columns(Block(f'{{"a":{value}}}\n'.encode(), 0, 1), {"a": kind})


def test_a_line_without_end(monkeypatch):
    monkeypatch.setattr(json_lines, "MAX_LINE", 1000)
    content = b'{"a":1}\n' + b"x" * 3000
    with pytest.raises(FormatError, match="byte 8: a line of more than 1,000 bytes"):
        list(json_lines.read_blocks(io.BytesIO(content), size=100))
    with pytest.raises(FormatError, match="byte 9: a line of more than 1,000 bytes"):
        list(json_lines.read_blocks(io.BytesIO(content), start=9, size=100))
