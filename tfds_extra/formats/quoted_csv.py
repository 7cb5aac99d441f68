"""Reads tables without a header whose fields are all in quotes, such as exports of PHP and MySQL.

    "4","46","Thu May 14 02:58:07 UTC 2009","a ""quoted"" word","somebody","Way cool!"

A quote inside a field is doubled. No other character is special there: a backslash is a backslash,
and commas and line ends belong to the field. Rows end in LF, CRLF or CR; the last one may end with
the file.

Rows are read in blocks, as Arrow columns of bytes in no particular encoding. Since all fields are
in quotes, every second quote opens. Between a closing and the next opening quote stands nothing (a
doubled quote), a comma, or a line end; anything else is an error. So a block is split without
looking at its rows one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfds_extra.formats import FormatError, parser

BLOCK = 1 << 22  # So many bytes are split at once.
MAX_ROW = 1 << 20  # The most bytes of a row.

_QUOTE, _COMMA, _LF, _CR = b'",\n\r'
_BOM = b"\xef\xbb\xbf"


class Readable(Protocol):
    """A file of bytes, of which nothing but `read` is needed."""

    def read(self, size: int, /) -> bytes: ...


@parser
def read_blocks(file: Readable, width: int, block: int = BLOCK) -> Iterator[list[pa.Array]]:
    """Yields the rows, many at a time.

    Args:
      file: The table, from its beginning. Of its methods, only `read` is called.
      width: Number of fields in a row.
      block: Bytes to read at once.

    Yields:
      `width` columns of type binary, with equal lengths of at least 1.

    Raises:
      FormatError: The table is damaged, or not all of its fields are in quotes; the message names the
        row, counted from 1, and the byte.
    """
    for columns, _ in measured_blocks(file, width, block):
        yield columns


@parser
def measured_blocks(
    file: Readable, width: int, block: int = BLOCK
) -> Iterator[tuple[list[pa.Array], int]]:
    """Yields the same as `read_blocks`, each block with how many bytes of the file it takes."""
    held, at, rows = b"", 0, 0
    while True:
        more = file.read(block)
        content = held + more
        if not content:
            return
        columns, used = _split(content, width, is_last=not more, at=at, rows=rows)
        if columns:
            yield columns, used
            rows += len(columns[0])
        elif len(content) > MAX_ROW:
            raise FormatError(f"row {rows + 1:,}, byte {at:,}: it is longer than {MAX_ROW:,} bytes")
        held, at = content[used:], at + used
        if not more:
            return


@parser
def split(content: bytes, width: int) -> list[pa.Array]:
    """Returns the rows of a whole table, such as a block of one that was read before.

    Args:
      content: The table; it has at least one row.
      width: Number of fields in a row.

    Returns:
      `width` columns of type binary.

    Raises:
      FormatError: The table is damaged.
    """
    columns, _ = _split(content, width, is_last=True, at=0, rows=0)
    return columns


@parser
def integers(column: pa.Array, first_row: int = 0) -> np.ndarray:
    """Returns a column of digits as int64.

    Args:
      column: Column of type binary.
      first_row: Number of the rows before it, for messages.

    Raises:
      FormatError: A field is no number of at most 18 digits.
    """
    sizes, content = _sizes_and_content(column)
    is_digit = (content >= ord("0")) & (content <= ord("9"))
    if not is_digit.all() or ((sizes < 1) | (sizes > 18)).any():
        for row, value in enumerate(column.to_pylist(), first_row + 1):
            if not value.isdigit() or len(value) > 18:
                raise FormatError(f"row {row:,}: {ascii(value[:40])[1:]} is no number")
    found = column.cast(pa.string()).cast(pa.int64())
    return np.frombuffer(found.buffers()[1] or b"", np.int64, len(found))


@parser
def rows_beyond_ascii(column: pa.Array) -> np.ndarray:
    """Returns the rows of a column of type binary that hold bytes beyond ASCII."""
    sizes, content = _sizes_and_content(column)
    others = np.flatnonzero(content >= 0x80)
    return np.unique(np.searchsorted(np.cumsum(sizes), others, side="right"))


def _sizes_and_content(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Returns the bytes in each row of a column, and all of its bytes."""
    _, offsets, content = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    found = np.frombuffer(content or b"", np.uint8)
    return np.diff(ends), found[ends[0] : ends[-1]]


def _split(
    content: bytes, width: int, *, is_last: bool, at: int, rows: int
) -> tuple[list[pa.Array], int]:
    """Returns the columns of all rows that are complete, and how many bytes they take.

    Args:
      content: A block of the file, which begins with a row.
      width: Number of fields in a row.
      is_last: Whether it is the end of the file.
      at: Number of bytes before it.
      rows: Number of rows before it.
    """

    def refuse(row: int, byte: int, problem: str) -> NoReturn:
        raise FormatError(f"row {rows + row + 1:,}, byte {at + byte:,}: {problem}")

    if content[0] != _QUOTE:
        mark = "a byte order mark" if content.startswith(_BOM) else ascii(content[:20])[1:]
        refuse(0, 0, f"it begins with {mark}, not with a quote: not all fields are in quotes")
    data = np.frombuffer(content, np.uint8)
    quotes = np.flatnonzero(data == _QUOTE)
    opening, closing, following = quotes[::2], quotes[1::2], quotes[2::2]
    if is_last:
        if len(quotes) % 2:
            refuse(
                _lines_before(content, opening[-1]), int(opening[-1]), "this quote is not closed"
            )
        following = np.append(following, len(content))
    closing = closing[: len(following)]  # The bytes after the last quote may not have been read.

    # The number of bytes between a closing and the next opening quote.
    gap = following - closing - 1
    first = data[np.minimum(closing + 1, len(data) - 1)]
    second = data[np.minimum(closing + 2, len(data) - 1)]
    is_double = gap == 0
    is_comma = (gap == 1) & (first == _COMMA)
    is_line = (gap == 1) & ((first == _LF) | (first == _CR))
    is_line |= (gap == 2) & (first == _CR) & (second == _LF)
    if is_last:
        is_line[-1] |= is_double[-1]
        is_double[-1] = False
        if is_comma[-1]:
            refuse(int(is_line.sum()), len(content), "the file ends within the row")
    bad = ~(is_double | is_comma | is_line)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        byte = int(closing[i]) + 1
        between = ascii(content[byte : int(following[i])][:20])[1:]
        refuse(
            int(is_line[:i].sum()),
            byte,
            f"{between} between two quotes, where only a comma or a line end may be: not all"
            " fields are in quotes, or a quote in one is not doubled",
        )

    field_ends = np.flatnonzero(~is_double)
    row_ends = np.flatnonzero(is_line[field_ends])
    fields_in_row = np.diff(row_ends, prepend=-1)
    if (fields_in_row != width).any():
        row = int(np.flatnonzero(fields_in_row != width)[0])
        end = int(closing[field_ends[row_ends[row]]])
        refuse(row, end, f"{fields_in_row[row]} fields end here, not {width}")
    if not len(row_ends):
        return [], 0
    field_ends = field_ends[: row_ends[-1] + 1]
    field_starts = np.concatenate([[0], field_ends[:-1] + 1])
    used = int(following[field_ends[-1]])

    # An Arrow array over the block itself: a field, the bytes between, the next field, and so on.
    edges = np.column_stack([opening[field_starts] + 1, closing[field_ends]])
    offsets = edges.astype(np.int32).ravel()
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    pieces = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
    has_doubles = np.any((field_ends > field_starts).reshape(-1, width), axis=0).tolist()
    columns = []
    for i in range(width):
        places = np.arange(2 * i, len(offsets) - 1, 2 * width)
        column = pieces.take(
            pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)])
        )
        if has_doubles[i]:
            column = pc.replace_substring(column, '""', '"')
        columns.append(column)
    return columns, used


def _lines_before(content: bytes, byte: int) -> int:
    """Returns about how many rows end before a byte, in a block whose quotes are wrong."""
    return content.count(b'"\n"', 0, byte) or content.count(b'"\r', 0, byte)
