"""Tables whose fields are all in quotes, against Python's csv."""

from __future__ import annotations

import csv
import io

import hypothesis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from tfds_extra.formats import FormatError, quoted_csv

_FIELD = st.text(st.sampled_from('ab",\\\n\r \tä'), max_size=6)


def read(content: bytes, width: int, block: int = quoted_csv.BLOCK) -> list[list[bytes]]:
    blocks = quoted_csv.read_blocks(io.BytesIO(content), width, block)
    return [list(row) for b in blocks for row in zip(*(column.to_pylist() for column in b))]


@hypothesis.given(
    st.lists(st.lists(_FIELD, min_size=3, max_size=3), max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 60),
    st.booleans(),
)
@hypothesis.settings(deadline=None, max_examples=300)
def test_as_python_writes_and_reads_them(rows, end, block, has_last_end):
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator=end).writerows(rows)
    text = written.getvalue() if has_last_end else written.getvalue().removesuffix(end)
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows
    expected = [[field.encode() for field in row] for row in rows]
    assert read(text.encode(), 3, block) == expected


@pytest.mark.parametrize(
    "content, message",
    [
        (b"1,2\n", "row 1, byte 0: it begins with '1,2.n', not with a quote"),
        (b'\xef\xbb\xbf"1","2"\n', "row 1, byte 0: it begins with a byte order mark"),
        (b'"1","2"\n"3"\n', "row 2, byte 10: 1 fields end here, not 2"),
        (b'"1","2","3"\n', "row 1, byte 10: 3 fields end here, not 2"),
        (b'"1","2"\n"3",', "row 2, byte 12: the file ends within the row"),
        (b'"1","2"\n"3","4', "row 2, byte 12: this quote is not closed"),
        (b'"1","2"\n\n"3","4"', "row 1, byte 7: '.n.n' between two quotes"),
        (b'"1","2"\n"3" ,"4"', "row 2, byte 11: ' ,' between two quotes"),
        (b'"1",2,"3"\n', "row 1, byte 3: ',2,' between two quotes"),
        (b'"1"\t"2"\n', "row 1, byte 3: '.t' between two quotes"),
        (b'"1","2"\n ', "row 1, byte 7: '.n ' between two quotes"),
    ],
)
def test_damage(content, message):
    for block in (5, 100):
        with pytest.raises(FormatError, match="^" + message.replace("..", ".")):
            read(content, 2, block)


def test_a_row_without_end():
    with pytest.raises(FormatError, match=r"row 2, byte 8: it is longer than 1,048,576 bytes"):
        read(b'"1","2"\n"' + b"a" * (3 << 20), 2, 1 << 20)


def test_integers():
    column = pa.array([b"x", b"0", b"012", b"9" * 18])[1:]
    np.testing.assert_array_equal(quoted_csv.integers(column), [0, 12, 10**18 - 1])
    for bad in (b"", b"-1", b"+1", b"1 ", b"1.0", b"0x1", b"1" * 19, "\u0661".encode()):
        with pytest.raises(FormatError, match="^row 12: .* is no number"):
            quoted_csv.integers(pa.array([b"1", bad]), 10)


def test_rows_beyond_ascii():
    column = pa.array([b"\xff", b"a", b"", b"b\xc3\xa9\xc3\xa9", b"", b"\x80"])[1:]
    assert quoted_csv.rows_beyond_ascii(column).tolist() == [2, 4]
