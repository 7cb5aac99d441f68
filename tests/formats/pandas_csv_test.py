"""Tables of pandas: what pandas itself writes and reads is the measure."""

from __future__ import annotations

import ast
import io
import math

import numpy as np
import pandas as pd
import pytest

from tfds_extra.formats import pandas_csv

_TEXTS = [
    "plain",
    'say "hi"',
    "a, b",
    "two\nlines",
    "dos\r\nline",
    '"',
    '"",\n""',
    "päрт 音楽",
    "NA",
    "nan",
    " blank ",
    "x" * 200_000,
    "\t",
    "'",
]


def table(text: str | bytes, levels: int = 1) -> pandas_csv.Table:
    content = text.encode() if isinstance(text, str) else text
    return pandas_csv.Table(io.BytesIO(content), levels)


def test_texts_of_every_kind():
    written = pd.DataFrame({"a": _TEXTS, "b": _TEXTS[::-1]}, index=range(5, 5 + len(_TEXTS)))
    content = written.to_csv()
    found = table(content)
    assert found.columns == [("a",), ("b",)]
    rows = list(found)
    assert [row.index for row in rows] == list(written.index)
    assert [row.cells for row in rows] == written.to_numpy().tolist()
    # The number of the line, as an editor counts.
    ends = np.cumsum([1, *(1 + sum(c.count("\n") for c in row.cells) for row in rows)])
    assert [row.line for row in rows] == ends[1:].tolist()


@pytest.mark.parametrize("names", [None, ["group", "name"]])
def test_two_levels(names):
    columns = pd.MultiIndex.from_tuples([("album", "id"), ("album", "title"), ("track", "id")])
    columns.names = names or [None, None]
    written = pd.DataFrame([[1, "x", 2.5], [-1, None, None]], index=[2, 10], columns=columns)
    written.index.name = "track_id"
    content = written.to_csv()
    assert "track_id,,,\n" in content
    found = table(content, levels=2)
    assert found.columns == list(columns)
    read = pd.read_csv(io.StringIO(content), index_col=0, header=[0, 1])
    assert [row.index for row in list(found)] == list(read.index)
    # Without the row that names the index, as pandas writes an index without a name.
    unnamed = content.replace("track_id,,,\n", "")
    assert [row.cells for row in table(unnamed, levels=2)] == [["1", "x", "2.5"], ["-1", "", ""]]


def test_three_levels():
    columns = pd.MultiIndex.from_product([["b"], ["mean", "std"], ["01", "02"]])
    values = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    written = pd.DataFrame(values, columns=columns, index=pd.Index([2, 3, 5], name="track_id"))
    found = table(written.to_csv(float_format="%.10e"), levels=3)
    assert found.columns == list(columns)
    cells = [[pandas_csv.real(cell) for cell in row.cells] for row in found]
    np.testing.assert_array_equal(np.array(cells, np.float32), values)


def test_numbers_with_gaps():
    column = pd.Series([3, None, -7], index=[1, 2, 3])
    rows = list(table(column.to_frame("n").to_csv()))
    assert [pandas_csv.integer(row.cells[0]) for row in rows] == [3, -1, -7]
    values = pd.Series([0.1, None, 1e300, -5e-324, np.inf], index=range(5))
    cells = [row.cells[0] for row in table(values.to_frame("x").to_csv())]
    np.testing.assert_array_equal([pandas_csv.real(cell) for cell in cells], values)


@pytest.mark.parametrize("values", [[], [21], [17, 10, 76, 103], [-1, 0]])
def test_int_list(values):
    assert pandas_csv.int_list(repr(values)) == ast.literal_eval(repr(values)) == values


@pytest.mark.parametrize("values", [[], ["philly", "kurt vile"], ["don't", 'a "b"', "\\", "é", ""]])
def test_text_list(values):
    assert pandas_csv.text_list(repr(values)) == values


def test_missing_cells():
    assert pandas_csv.integer("") == -1 and pandas_csv.integer("", missing=0) == 0
    assert math.isnan(pandas_csv.real(""))
    assert pandas_csv.int_list("") == pandas_csv.text_list("") == []


@pytest.mark.parametrize("cell", ["x", "1.5", "1e3", "٣", "1_0", " 1", "9" * 19, "9" * 5000, "--1"])
def test_bad_integer(cell):
    with pytest.raises(ValueError, match="is no integer"):
        pandas_csv.integer(cell)


def test_largest_integers():
    for value in (2**63 - 1, -(2**63)):
        assert pandas_csv.integer(str(value)) == value
        with pytest.raises(ValueError, match="is no integer"):
            pandas_csv.integer(str(value + (1 if value > 0 else -1)))


@pytest.mark.parametrize("cell", ["x", "1,5", "0x10", "1 2"])
def test_bad_real(cell):
    with pytest.raises(ValueError, match="is no number"):
        pandas_csv.real(cell)


@pytest.mark.parametrize(
    "cell", ["1", "[", "[1,2]", "[1, ]", "['1']", "[1.0]", "[" * 9999, "[1, x]"]
)
def test_bad_int_list(cell):
    with pytest.raises(ValueError, match="is no list of integers"):
        pandas_csv.int_list(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "x",
        "[1]",
        "['a'",
        "('a',)",
        "['a', None]",
        "[__import__('os').system('true')]",
        "[" * 100_000 + "]" * 100_000,
        "[" + "-" * 100_000 + "1]",
        "[" + "(" * 150 + ")" * 150 + "]",
        "['" + "a" * (1 << 20) + "']",
        "['\\ud800'",
    ],
)
def test_bad_text_list(cell):
    with pytest.raises(ValueError, match="is no list of texts") as caught:
        pandas_csv.text_list(cell)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    "content, levels, problem",
    [
        ("", 1, "line 0: the header has not 1 rows"),
        ("id,a\n", 2, "the header has not 2 rows"),
        (",a,b\n,c\n", 2, "line 2: the header has not 2 rows of equal length"),
        ("id,a,a\n1,2,3\n", 1, "line 1: a column comes twice"),
        ("id,a\n1,2,3\n", 1, "line 2: 3 cells, not 2"),
        ('id,a\n1,"x\ny"\n2\n', 1, "line 4: 1 cells, not 2"),
        ("id,a\nx,1\n", 1, "line 2: 'x' is no integer index"),
        ('id,a\n1,"x\n', 1, "line 2: unexpected end of data"),
        ('id,a\n1,"x"y\n', 1, "line 2: ',' expected after '\"'"),
        (b"id,a\n1,b\n2,\xff\n3,c\n", 1, "line 3: not UTF-8"),
        ("id,a\n1," + "x" * (1 << 22) + "\n", 1, "line 2: 4,194,304 bytes or more"),
        ("x" * (1 << 22), 1, "line 1: 4,194,304 bytes or more"),
        ('id,a\n1,"' + "x\n" * (1 << 22) + '"\n', 1, "field larger than field limit"),
    ],
)
def test_damaged(content, levels, problem):
    with pytest.raises(ValueError) as caught:
        list(table(content, levels))
    assert problem in str(caught.value)
    assert "line" in str(caught.value)


def test_rows_come_one_by_one():
    """The table is not read ahead of its rows."""

    class Endless(io.RawIOBase):
        read_bytes = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            line = b"id,a\n" if not self.read_bytes else b"%09d,x\n" % self.read_bytes
            buffer[: len(line)] = line
            self.read_bytes += len(line)
            return len(line)

    endless = Endless()
    rows = iter(pandas_csv.Table(io.BufferedReader(endless, 1 << 10)))
    for _ in range(10_000):
        next(rows)
    assert endless.read_bytes < 10_000 * 12 + (1 << 16)
