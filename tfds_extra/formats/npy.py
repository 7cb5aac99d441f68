"""Reads NumPy's .npy files of plain numbers; nothing is ever unpickled."""

from __future__ import annotations

import io

import numpy as np

from tfds_extra.formats import FormatError, parser, reading


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
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise FormatError(f"byte 6: npy version {version}, not (1, 0)")
    with reading("byte 8: its npy header cannot be read"):
        shape, by_columns, found = np.lib.format.read_array_header_1_0(file)
    expected = np.dtype(dtype)
    if found != expected or shape[1:] != tuple(row_shape) or not shape or by_columns:
        raise FormatError(
            f"byte 10: it holds {found} of shape {shape}{' by columns' if by_columns else ''},"
            f" expected {expected} of shape {('n', *row_shape)}".replace("'n'", "n")
        )
    row_bytes = expected.itemsize * int(np.prod(row_shape, dtype=int))
    if len(content) - file.tell() != shape[0] * row_bytes:
        raise FormatError(
            f"byte {len(content):,}: the file ends here, and should have"
            f" {file.tell() + shape[0] * row_bytes:,} bytes"
        )
    return np.frombuffer(content, expected, offset=file.tell()).reshape(shape)
