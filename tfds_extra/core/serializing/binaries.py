"""Makes Arrow columns of byte strings, and takes them apart, without importing pandas.

`pyarrow.array`, `pyarrow.scalar` and `to_numpy` import pandas, which takes a second in each worker
process. Buffers do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TYPE = pa.large_binary()
# The table of headers has payload sizes below this; larger ones are looked up only if they occur.
_TABLE_SIZES = 4096


def column(offsets: np.ndarray, data: bytes | np.ndarray) -> pa.Array:
    """Returns a column of the byte strings of `data` between each two neighbouring offsets."""
    buffers = [None, pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(data)]
    return pa.Array.from_buffers(TYPE, len(offsets) - 1, buffers)


def from_strings(values: Sequence[str] | Sequence[bytes]) -> pa.Array:
    """Returns a column of byte strings, or of texts as UTF-8.

    Raises:
      TypeError: The values are neither byte strings nor texts, or both are mixed.
      UnicodeEncodeError: A text holds lone surrogates.
    """
    given: Any = values  # `join` tells whether all are of one type.
    if not given or type(given[0]) is bytes:
        data = b"".join(given)
    else:
        text = "".join(given)
        if text.isascii():
            data = text.encode()
        else:
            given = [value.encode() for value in given]
            data = b"".join(given)
    offsets = np.zeros(len(given) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, given), np.int64, len(given)), out=offsets[1:])
    return column(offsets, data)


def from_column(strings: pa.Array) -> pa.Array:
    """Returns a column of texts or byte strings, of any of Arrow's types of these, as byte strings."""
    _, offsets, content = strings.buffers()
    is_small = strings.type in (pa.string(), pa.binary())
    if not is_small or strings.null_count or offsets is None or content is None:
        return strings.cast(TYPE)
    # `cast` makes each string anew.
    offsets = np.frombuffer(offsets, np.int32, len(strings) + 1, 4 * strings.offset)
    buffers = [None, pa.py_buffer(offsets.astype(np.int64)), content]
    return pa.Array.from_buffers(TYPE, len(strings), buffers)


def each(strings: pa.Array) -> Iterator[bytes]:
    """Yields the byte strings of a column; to make each one when it is needed takes less time."""
    offsets = _offsets(strings)
    content = data(strings).to_pybytes()
    borders = (offsets - offsets[0]).tolist()
    return map(content.__getitem__, map(slice, borders, borders[1:]))


def data(strings: pa.Array) -> pa.Buffer:
    """Returns the bytes of all strings of a column, one after the other."""
    offsets, content = _offsets(strings), strings.buffers()[2]
    if content is None:
        return pa.py_buffer(b"")
    return content.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))


def sizes(strings: pa.Array) -> np.ndarray:
    """Returns the number of bytes of each string, int64; the column has no nulls."""
    offsets = _offsets(strings)
    return offsets[1:] - offsets[:-1]


def _offsets(strings: pa.Array) -> np.ndarray:
    offsets = strings.buffers()[1]
    if offsets is None or not len(strings):
        return np.zeros(1, np.int64)
    return np.frombuffer(offsets, np.int64, len(strings) + 1, 8 * strings.offset)


def take(strings: pa.Array, indices: np.ndarray) -> pa.Array:
    """Returns a column of the strings at `indices`."""
    indices = np.ascontiguousarray(indices, np.int64)
    return strings.take(
        pa.Array.from_buffers(pa.int64(), len(indices), [None, pa.py_buffer(indices)])
    )


def concatenated(columns: Sequence[pa.Array]) -> pa.Array:
    """Returns the strings of all columns, one column after the other."""
    if len(columns) == 1:
        return columns[0]
    return pa.concat_arrays(columns) if columns else from_strings([])


def join(columns: Sequence[pa.Array]) -> pa.Array:
    """Returns the concatenation of columns, row by row."""
    nothing = column(np.zeros(len(columns[0]) + 1, np.int64), b"")
    return pc.binary_join_element_wise(*columns, nothing)


def numbers(column: pa.Array) -> np.ndarray:
    """Returns the numbers or truth values of an Arrow column without nulls.

    Raises:
      TypeError: The column holds something else, or has nulls.
    """
    if column.null_count:
        raise TypeError("nulls")
    data = column.buffers()[1]
    if pa.types.is_boolean(column.type):
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        return bits[column.offset : column.offset + len(column)].astype(bool)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise TypeError(f"no numbers: {column.type}")
    kind = "f" if pa.types.is_floating(column.type) else str(column.type)[0]
    width = column.type.bit_width // 8
    return np.frombuffer(data, f"{kind}{width}", len(column), width * column.offset)


class Table:
    """An Arrow column of headers, in which they are looked up by the size of the payload."""

    def __init__(self, headers: Mapping[int, bytes]):
        """Makes the table.

        Args:
          headers: Header for each size.
        """
        self._headers = headers
        self._table = from_strings([])

    def take(self, sizes: np.ndarray) -> pa.Array:
        """Returns the header for each size."""
        largest = int(sizes.max())
        if largest >= _TABLE_SIZES:
            distinct, sizes = np.unique(sizes, return_inverse=True)
            return take(self._made(distinct.tolist()), sizes)
        if largest >= len(self._table):
            self._table = self._made(range(2 * largest + 1))
        return take(self._table, sizes)

    def _made(self, sizes: Sequence[int]) -> pa.Array:
        return from_strings([self._headers[size] for size in sizes])
