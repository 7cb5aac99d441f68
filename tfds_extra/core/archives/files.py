"""Python's files over sources and over blocks of bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from tfds_extra.core.archives.decompression import BLOCK_OUT
from tfds_extra.core.archives.sources import Source


class ForwardReader:
    """Reads bytes from an iterator of blocks, with `take` and `skip`, and counts the position."""

    def __init__(self, blocks: Iterable[bytes]):
        self._blocks = iter(blocks)
        self._buffer = b""
        self._at = 0
        self._before = 0  # Position of the buffer's first byte.

    @property
    def position(self) -> int:
        return self._before + self._at

    def _refill(self) -> bool:
        """Replaces a used-up buffer; returns False at the end."""
        block = next(self._blocks, b"")
        self._before += len(self._buffer)
        self._buffer = block
        self._at = 0
        return bool(block)

    def take(self, count: int) -> bytes:
        """Returns `count` bytes, fewer only at the end."""
        at = self._at
        end = at + count
        if end <= len(self._buffer):
            self._at = end
            return self._buffer[at:end]
        pieces: list[bytes] = []
        while count:
            piece = self.take_some(count)
            if not piece:
                break
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def take_some(self, count: int) -> bytes:
        """Returns 1 to `count` bytes, none only at the end."""
        if self._at == len(self._buffer) and not self._refill():
            return b""
        piece = self._buffer[self._at : self._at + count]
        self._at += len(piece)
        return piece

    def skip(self, count: int) -> int:
        """Passes over up to `count` bytes; returns how many there were."""
        left = count
        while left:
            step = min(left, len(self._buffer) - self._at)
            self._at += step
            left -= step
            if left and not self._refill():
                break
        return count - left


class ReadInto(io.RawIOBase):
    """A raw file over a function that returns 1 to n bytes, or none at the end."""

    def __init__(self, take_some: Callable[[int], bytes]):
        self._take_some = take_some

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._take_some(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self._take_some(BLOCK_OUT), b""))


class SourceFile(io.RawIOBase):
    """A raw, seekable file over a seekable source."""

    def __init__(self, source: Source):
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._source.read_at(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        data = self._source.read_at(self._at, max(0, self._source.size - self._at))
        self._at += len(data)
        return data
