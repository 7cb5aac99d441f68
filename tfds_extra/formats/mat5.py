"""Reads numeric arrays of MATLAB v5 files as a stream.

An array that is larger than the memory can be read in slices of its last axis (the slowest in
MATLAB's order), along which, for example, images are stacked. Compressed variables are unpacked on
the way. (MATLAB, "MAT-File Level 5 File Format". SciPy's `loadmat` reads such files whole.)
"""

from __future__ import annotations

import dataclasses
import math
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from tfds_extra.formats import FormatError, parser

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
# Types of stored numbers, and classes of arrays. They may differ: MATLAB may store doubles as
# bytes.
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}  # fmt: skip
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}  # fmt: skip
_COMPLEX = 0x0800
_MAX_NAME = 63
_MAX_DIMENSIONS = 32
_BLOCK = 1 << 16
_PIECE = 4 << 20
_MAX_AT_ONCE = 256 << 20  # The most bytes of a slice; a file of deflated zeros may claim more.


@dataclasses.dataclass
class Array:
    """A variable whose numbers are still to be read.

    Attributes:
      name: Name of the variable.
      shape: Shape in MATLAB.
      dtype: Type of its numbers.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    _stored: np.dtype
    _reader: _Reader

    @parser
    def slices(self, count: int) -> Iterator[np.ndarray]:
        """Reads the numbers, up to `count` entries of the last axis at a time.

        Args:
          count: Number of entries at a time.

        Yields:
          Arrays of the whole array's shape, except for the last axis. An array without numbers
          comes whole.

        Raises:
          FormatError: The file is cut off or damaged, or a slice has more than 256 MiB.
        """
        *inner, total = self.shape
        size = math.prod(inner)
        if not size:  # The shape may claim 2**31 entries that take no bytes.
            count = max(1, total)
        for start in range(0, total, count):
            n = min(count, total - start)
            if size * n * self.dtype.itemsize > _MAX_AT_ONCE:
                raise self._reader.error(
                    f"{size:,} x {n:,} numbers of {self.name} at once, more than {_MAX_AT_ONCE:,}"
                    " bytes"
                )
            content = self._reader.take(size * n * self._stored.itemsize)
            numbers = np.frombuffer(content, self._stored).astype(self.dtype, copy=False)
            yield numbers.reshape((*inner, n), order="F")

    @parser
    def read(self) -> np.ndarray:
        """Reads all numbers at once; see `slices`."""
        for whole in self.slices(max(1, self.shape[-1])):
            return whole
        return np.empty(self.shape, self.dtype)  # The last axis is empty.


@parser
def arrays(file: BinaryIO) -> Iterator[Array]:
    """Reads the variables of a file one after the other.

    Args:
      file: The file, at its first byte.

    Yields:
      Each variable. Its numbers can be read until the next variable is asked for; they need not be.

    Raises:
      FormatError: It is no such file, holds other things than arrays of real numbers, or is cut off
        or damaged. Check sums of compressed variables are verified.
    """
    header = file.read(_HEADER)
    if len(header) < _HEADER or header[124:126] not in (b"\0\1", b"\1\0"):
        raise FormatError("it is no MATLAB v5 file (at byte 0)")
    if header[126:128] != b"IM":
        raise FormatError("it is not little-endian, or no MATLAB file (at byte 126)")
    position = _HEADER
    while tag := file.read(8):
        if len(tag) < 8:
            raise FormatError(f"cut off in the tag of a variable (at byte {position:,})")
        kind, size = struct.unpack("<II", tag)
        if kind == _COMPRESSED:
            reader: _Reader = _Inflated(file, size, position)
            kind, _ = struct.unpack("<II", reader.take(8))
        else:
            reader = _Reader(file, size, position)
        if kind != _MATRIX:
            raise FormatError(f"an element of type {kind}, not an array (at byte {position:,})")
        yield _array(reader)
        reader.finish()
        position += 8 + size


def _array(reader: _Reader) -> Array:
    """Reads the description of an array, up to its first number."""
    flags = _small(reader, "flags", 6, 8)
    shape = _small(reader, "dimensions", 5, 4 * _MAX_DIMENSIONS)
    name = _small(reader, "name", 1, _MAX_NAME).decode("latin-1")
    (word,) = struct.unpack("<I", flags[:4].ljust(4, b"\0"))
    dtype = _CLASSES.get(word & 0xFF)
    if dtype is None or word & _COMPLEX:
        raise reader.error(f"{name} is no array of real numbers")
    dimensions = tuple(np.frombuffer(shape[: len(shape) // 4 * 4], "<i4").tolist())
    if len(dimensions) < 2 or min(dimensions) < 0:
        raise reader.error(f"{name} has the shape {dimensions}")
    kind, size = _tag(reader)
    stored = np.dtype(_STORED.get(kind, "V1"))
    if stored.kind == "V" or size != math.prod(dimensions) * stored.itemsize:
        raise reader.error(f"{name} of shape {dimensions} has {size:,} bytes of type {kind}")
    return Array(name, dimensions, np.dtype(f"<{dtype}"), stored.newbyteorder("<"), reader)


def _tag(reader: _Reader) -> tuple[int, int]:
    """Returns type and size of an element; up to 4 bytes of content lie in the tag itself."""
    (word,) = struct.unpack("<I", reader.take(4))
    if word >> 16:
        return word & 0xFFFF, word >> 16
    return word, struct.unpack("<I", reader.take(4))[0]


def _small(reader: _Reader, what: str, kind: int, limit: int) -> bytes:
    """Returns the content of an element that describes the array."""
    (word,) = struct.unpack("<I", reader.take(4))
    short = bool(word >> 16)
    found, size = (word & 0xFFFF, word >> 16) if short else (word, reader.number())
    if found != kind or size > (4 if short else limit):
        raise reader.error(f"{size:,} bytes of type {found} in place of its {what}")
    room = 4 if short else -(-size // 8) * 8
    return reader.take(room)[:size]


class _Reader:
    """The bytes of one variable, in order."""

    def __init__(self, file: BinaryIO, size: int, position: int):
        self._file = file
        self._left = size
        self._position = position

    def take(self, size: int) -> bytes:
        """Returns the next bytes."""
        content = self._next(size)
        if len(content) != size:
            raise self.error("cut off")
        return content

    def number(self) -> int:
        """Returns the next four bytes."""
        return struct.unpack("<I", self.take(4))[0]

    def _next(self, size: int) -> bytes:
        # A buffered file allocates all the memory before it reads, so that little is read at a
        # time.
        size, parts = min(size, self._left), []
        while size and (part := self._file.read(min(size, _PIECE))):
            parts.append(part)
            size -= len(part)
        content = parts[0] if len(parts) == 1 else b"".join(parts)
        self._left -= len(content)
        return content

    def finish(self) -> None:
        """Goes on to the end of the variable."""
        while self._left:
            self.take(min(self._left, _BLOCK))

    def error(self, problem: str) -> FormatError:
        return FormatError(f"{problem} (in the variable at byte {self._position:,})")


class _Inflated(_Reader):
    """The bytes of a compressed variable."""

    def __init__(self, file: BinaryIO, size: int, position: int):
        super().__init__(file, size, position)
        self._inflate = zlib.decompressobj()

    def take(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._inflated(min(size, 16 * _BLOCK))
            if not part:
                raise self.error("cut off")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _inflated(self, size: int) -> bytes:
        """Returns up to `size` bytes; none at the end."""
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._next(_BLOCK)
            try:
                part = self._inflate.decompress(packed, size)
            except zlib.error as e:
                raise self.error(f"damaged ({e})") from e
            if part:
                return part
            if not packed:
                break
        return b""

    def finish(self) -> None:
        while self._inflated(16 * _BLOCK):
            pass
        if not self._inflate.eof:
            raise self.error("cut off")
        while self._left and self._next(_BLOCK):
            pass
