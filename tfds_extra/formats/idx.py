"""The idx format: type and sizes of one array, then its values, big-endian.

MNIST, QMNIST and Fashion-MNIST use it. A file is two zero bytes, a byte for the type of the values,
a byte for the number of dimensions, an int32 for the size of each dimension, and the values, the
last dimension running fastest.
Source: Yann LeCun's description on the page of MNIST.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from tfds_extra.formats import FormatError, parser

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_BLOCK = 6 << 20  # So many bytes are read at once by default.


@dataclasses.dataclass(frozen=True)
class Header:
    """The header of an idx file.

    Attributes:
      dtype: Type of the values, as they are in the file.
      shape: Sizes of the dimensions; the first one counts the rows.
      num_bytes: Length of the header.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    num_bytes: int

    @property
    def row_bytes(self) -> int:
        """Length of one row."""
        return self.dtype.itemsize * math.prod(self.shape[1:])


@parser
def read_header(file: BinaryIO) -> Header:
    """Reads the header at the beginning of a file.

    Raises:
      FormatError: It is no idx header; the message gives the byte offset.
    """
    magic = file.read(4)
    if len(magic) < 4:
        raise FormatError(f"byte 0: the file ends after {len(magic)} bytes, before its idx header")
    if magic[:2] != b"\0\0" or magic[2] not in _TYPES or not magic[3]:
        raise FormatError(f"byte 0: it begins with {magic.hex(' ')}, which is not how an idx does")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise FormatError(f"byte {4 + len(sizes)}: the file ends within its idx header")
    shape = struct.unpack(f">{magic[3]}i", sizes)
    if min(shape) < 0:
        at = 4 + 4 * shape.index(min(shape))
        raise FormatError(f"byte {at}: a dimension has the negative size {min(shape):,}")
    return Header(np.dtype(_TYPES[magic[2]]), shape, 4 + len(sizes))


@parser
def read_blocks(
    file: BinaryIO, dtype: str | type, row_shape: tuple[int, ...], rows: int | None = None
) -> Iterator[np.ndarray]:
    """Reads an idx file from its beginning to its end, a few rows at a time.

    Args:
      file: The file, which is read forwards only.
      dtype: Type that the values must have, such as uint8.
      row_shape: Sizes that all dimensions but the first must have.
      rows: Number of rows in a block (the last one may be shorter); by default about 6 MiB.

    Yields:
      Read-only arrays of shape (rows, *row_shape), in this machine's byte order. Only at the end of
      the iteration it is known that the file is whole.

    Raises:
      FormatError: It is another array, is cut short, or goes on after the array; the message gives
        the offset.
    """
    header = read_header(file)
    native = header.dtype.newbyteorder("=")
    if native != np.dtype(dtype) or header.shape[1:] != tuple(row_shape):
        raise FormatError(
            f"byte 0: it holds {native} of shape {header.shape}, expected {np.dtype(dtype)} of"
            f" shape {('n', *row_shape)}".replace("'n'", "n")
        )
    count, row_bytes = header.shape[0], header.row_bytes
    rows = rows or max(1, _MAX_BLOCK // max(1, row_bytes))
    for first in range(0, count, rows):
        number = min(rows, count - first)
        data = file.read(number * row_bytes)
        if len(data) < number * row_bytes:
            at = header.num_bytes + first * row_bytes + len(data)
            whole = header.num_bytes + count * row_bytes
            raise FormatError(
                f"byte {at:,}: the file ends in row {first + len(data) // row_bytes:,} of"
                f" {count:,}; it should have {whole:,} bytes"
            )
        block = np.frombuffer(data, header.dtype).reshape(number, *row_shape)
        yield block.astype(native, copy=False)
    if file.read(1):
        at = header.num_bytes + count * row_bytes
        raise FormatError(f"byte {at:,}: the file goes on after its {count:,} rows")


@parser
def read(file: BinaryIO, dtype: str | type, row_shape: tuple[int, ...] = ()) -> np.ndarray:
    """Reads a whole idx file; see `read_blocks`."""
    blocks = list(read_blocks(file, dtype, row_shape))
    return np.concatenate(blocks) if blocks else np.empty((0, *row_shape), dtype)
