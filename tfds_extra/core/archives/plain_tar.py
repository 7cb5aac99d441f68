"""Reads a tar that is not compressed: it jumps from header to header, and opens members by name."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from tfds_extra.core.archives import tar_stream
from tfds_extra.core.archives.errors import FETCH_AGAIN, ArchiveError
from tfds_extra.core.archives.files import SourceFile
from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.reader import Content, Selection, no_such
from tfds_extra.core.archives.remembered import remembered
from tfds_extra.core.archives.sources import BLOCK_IN, Source, Window


class _PlainCursor:
    """A cursor that jumps from header to header in a seekable source."""

    def __init__(self, source: Source):
        self._source = source
        self.position = 0

    def take(self, count: int) -> bytes:
        data = self._source.read_at(self.position, count)
        self.position += len(data)
        return data

    def go_to(self, position: int) -> int:
        self.position = min(position, self._source.size)
        return self.position

    def expect(self, name: str, size: int) -> None:
        there = self._source.size - self.position
        if there < size:
            raise self.error(name, tar_stream.truncated(there, size))

    def error(self, place: str | None, wrong: str, todo: str = FETCH_AGAIN) -> ArchiveError:
        return self._source.error(self.position if place is None else place, wrong, todo)


class _SourceContent:
    def __init__(self, source: Source):
        self._source = source

    def open(self) -> BinaryIO:
        return io.BufferedReader(SourceFile(self._source), BLOCK_IN)

    def read(self) -> bytes:
        return self._source.read_at(0, self._source.size)


class PlainTar:
    """A tar that is not compressed, in a seekable source."""

    random_access = True

    def __init__(self, source: Source, limits: Limits):
        self.name = source.name
        self._source = source
        self._limits = limits
        self._index: dict[str, tuple[int, int]] | None = None
        # Of a remote source, files are looked at only up to the one that is asked for.
        self._found: dict[str, tuple[int, int]] = {}
        self._unscanned: Iterator[tar_stream.Entry] | None = None

    def _entries(self) -> Iterator[tar_stream.Entry]:
        return tar_stream.entries(_PlainCursor(self._source), self._limits)

    def members(self, selection: Selection) -> Iterator[tuple[str, int, Content]]:
        for entry in self._entries():
            if selection(entry.name):
                window = Window(self._source, entry.offset, entry.size, self.name)
                yield entry.name, entry.size, _SourceContent(window)

    def sizes(self, selection: Selection) -> Iterator[tuple[str, int]]:
        for name, (_, size) in self._scanned().items():
            if selection(name):
                yield name, size

    def find(self, name: str) -> tuple[int, Content]:
        window = self.source(name, self.name)
        return window.size, _SourceContent(window)

    def source(self, name: str, label: str) -> Source:
        known = self._scanned_to(name) if self._source.is_remote else self._scanned()
        if name not in known:
            raise no_such(self.name, name)
        return Window(self._source, *known[name], label)

    def _scanned_to(self, name: str) -> dict[str, tuple[int, int]]:
        """Returns offset and size of the files up to one of them, or of all if it is not there."""
        if self._unscanned is None:
            self._unscanned = self._entries()
        while name not in self._found:
            entry = next(self._unscanned, None)
            if entry is None:
                break
            self._found[entry.name] = (entry.offset, entry.size)
        return self._found

    def _scanned(self) -> dict[str, tuple[int, int]]:
        """Returns offset and size of each file by name."""
        if self._unscanned is not None:  # Only some were looked at so far.
            self._found |= {e.name: (e.offset, e.size) for e in self._unscanned}
            return self._found
        if self._index is None:
            self._index = remembered(
                "tar",
                self._source,
                self._limits,
                lambda: {e.name: (e.offset, e.size) for e in self._entries()},
            )
        return self._index
