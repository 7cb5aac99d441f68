"""Sequences of byte strings: an Arrow column of small ones, a list of large ones.

Of small ones, Python's objects take longer to make and to go through than their bytes to copy. Of
large ones it is the copying that takes time, and an Arrow column copies when it is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO, Union

import numpy as np

from tfds_extra.core.serializing import binaries

if TYPE_CHECKING:
    import pyarrow as pa

Strings = Union[list[bytes], "pa.Array"]

_LARGE = 1 << 14  # From this size in bytes on, copying a string costs more than a call.


def are_large(count: int, num_bytes: int) -> bool:
    """Returns whether so many strings of so many bytes together are better kept in a list."""
    return num_bytes > _LARGE * count


def compact(strings: Strings) -> Strings:
    """Returns the same strings as a column if they are small, and else as a list."""
    if not are_large(len(strings), int(sizes(strings).sum())):
        return binaries.from_strings(strings) if isinstance(strings, list) else strings
    return as_list(strings)


def as_list(strings: Strings) -> list[bytes]:
    """Returns the strings as a list."""
    return strings if isinstance(strings, list) else list(binaries.each(strings))


def each(strings: Strings) -> Iterable[bytes]:
    """Returns the strings, to go through them once."""
    return strings if isinstance(strings, list) else binaries.each(strings)


def sizes(strings: Strings) -> np.ndarray:
    """Returns the number of bytes of each string, int64."""
    if isinstance(strings, list):
        return np.fromiter(map(len, strings), np.int64, len(strings))
    return binaries.sizes(strings)


def take(strings: Strings, indices: np.ndarray) -> Strings:
    """Returns the strings at `indices`, in that order."""
    if isinstance(strings, list):
        return [strings[i] for i in indices.tolist()]
    return binaries.take(strings, indices)


def part(strings: Strings, start: int, stop: int) -> Strings:
    """Returns the strings from `start` to before `stop`."""
    if isinstance(strings, list):
        return strings[start:stop]
    return strings.slice(start, stop - start)


def concatenated(some: Sequence[Strings]) -> Strings:
    """Returns all strings, one sequence after the other."""
    if any(isinstance(strings, list) for strings in some):
        return [string for strings in some for string in as_list(strings)]
    return binaries.concatenated(some)


def read(file: BinaryIO, sizes_: np.ndarray) -> Strings:
    """Reads consecutive strings of the given sizes from a file.

    Raises:
      OSError: The file ends before.
    """
    total = int(sizes_.sum(dtype=np.int64))
    if are_large(len(sizes_), total):
        return [read_bytes(file, size) for size in sizes_.tolist()]
    offsets = np.zeros(len(sizes_) + 1, np.int64)
    np.cumsum(sizes_, out=offsets[1:])
    return binaries.column(offsets, read_bytes(file, total))


def read_bytes(file: BinaryIO, size: int) -> bytes:
    """Reads so many bytes from a file; raises OSError if it ends before."""
    content = file.read(size)
    if len(content) != size:
        raise OSError("the file ends before")
    return content


def write(file: BinaryIO, strings: Strings) -> None:
    """Appends the strings to a file."""
    if isinstance(strings, list):
        file.writelines(strings)
    else:
        file.write(binaries.data(strings))
