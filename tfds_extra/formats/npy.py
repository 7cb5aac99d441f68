"""Reads NumPy's .npy files of plain numbers; nothing is ever unpickled."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from tfds_extra.formats import FormatError, parser, reading

_BEFORE_HEADER = 10  # Magic, version, and the length of the header as two bytes.


@parser
def parse(content: bytes, dtype: str | type, row_shape: tuple[int, ...] = ()) -> np.ndarray:
    """Returns the array of a file (version 1.0, C order).

    Args:
      content: The file.
      dtype: Type that the values must have.
      row_shape: Sizes that all dimensions but the first must have.

    Returns:
      A read-only array of shape (rows, *row_shape).

    Raises:
      FormatError: It is another array, or its length differs from the one in its header.
    """
    file = io.BytesIO(content)
    shape, row_bytes = _read_header(file, np.dtype(dtype), row_shape)
    if len(content) - file.tell() != shape[0] * row_bytes:
        raise FormatError(
            f"byte {len(content):,}: the file ends here, and should have"
            f" {file.tell() + shape[0] * row_bytes:,} bytes"
        )
    return np.frombuffer(content, dtype, offset=file.tell()).reshape(shape)


@parser
def read_blocks(
    file: BinaryIO, dtype: str | type, row_shape: tuple[int, ...], rows: int, count: int
) -> Iterator[np.ndarray]:
    """Reads a file from its beginning to its end, a few rows at a time.

    Args:
      file: The file, which is read forwards only.
      dtype: As in `parse`.
      row_shape: As in `parse`.
      rows: Number of rows in a block; the last one may be shorter.
      count: Number of rows that the file must have.

    Yields:
      Read-only arrays of shape (rows, *row_shape). Only at the end of the iteration it is known that
      the file is whole.

    Raises:
      FormatError: As in `parse`.
    """
    start = io.BytesIO(file.read(_BEFORE_HEADER))
    length = int.from_bytes(start.getvalue()[-2:], "little")
    start = io.BytesIO(start.getvalue() + file.read(length))
    shape, row_bytes = _read_header(start, np.dtype(dtype), row_shape)
    if shape[0] != count:
        raise FormatError(f"byte 10: {shape[0]:,} rows, expected {count:,}")
    at, whole = start.tell(), start.tell() + count * row_bytes
    for first in range(0, count, rows):
        number = min(rows, count - first)
        data = file.read(number * row_bytes)
        at += len(data)
        if len(data) < number * row_bytes:
            raise FormatError(f"byte {at:,}: the file ends here, and should have {whole:,} bytes")
        if first + number == count and file.read(1):
            raise FormatError(f"byte {at:,}: the file goes on here, and should end")
        yield np.frombuffer(data, dtype).reshape(number, *row_shape)


def _read_header(
    file: BinaryIO, expected: np.dtype, row_shape: tuple[int, ...]
) -> tuple[tuple[int, ...], int]:
    """Returns the shape, and the number of bytes of a row; the file stands behind its header."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise FormatError(f"byte 6: npy version {version}, not (1, 0)")
    with reading("byte 8: its npy header cannot be read"):
        shape, by_columns, found = np.lib.format.read_array_header_1_0(file)
    if found != expected or shape[1:] != tuple(row_shape) or not shape or by_columns:
        raise FormatError(
            f"byte 10: it holds {found} of shape {shape}{' by columns' if by_columns else ''},"
            f" expected {expected} of shape {('n', *row_shape)}".replace("'n'", "n")
        )
    return shape, expected.itemsize * int(np.prod(row_shape, dtype=int))
