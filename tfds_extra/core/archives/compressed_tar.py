"""Reads a compressed tar, from its beginning to its end: a member is read before the next one comes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from tfds_extra.core.archives import errors, tar_stream
from tfds_extra.core.archives.decompression import Inflated
from tfds_extra.core.archives.errors import FETCH_AGAIN, ArchiveError
from tfds_extra.core.archives.files import ForwardReader, ReadInto
from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.reader import Content, Selection
from tfds_extra.core.archives.sources import BLOCK_IN, Source


class _StreamCursor:
    """A cursor that reads forwards. `current` is the only content that may be read now."""

    def __init__(self, source: Source, kind: str | None, limits: Limits):
        self._source = source
        self._inflated = Inflated(source, kind, limits) if kind else None
        self.reader = ForwardReader(self._inflated or source.blocks())
        self.take = self.reader.take
        self.current: _StreamContent | None = None

    @property
    def position(self) -> int:
        return self.reader.position

    def go_to(self, position: int) -> int:
        self.reader.skip(position - self.reader.position)
        return self.reader.position

    def expect(self, name: str, size: int) -> None:
        if self._inflated:
            self._inflated.place = name

    def error(self, place: str | None, wrong: str, todo: str = FETCH_AGAIN) -> ArchiveError:
        if place is None:
            place = f"byte {self.position:,} of the unpacked data"
        return self._source.error(place, wrong, todo)


class _StreamContent:
    """The content of a member of a stream, which can be read only while the stream is there."""

    def __init__(self, cursor: _StreamCursor, entry: tar_stream.Entry):
        self._cursor = cursor
        self._entry = entry

    def open(self) -> BinaryIO:
        self._check_unread()
        return _StreamFile(self)

    def read(self) -> bytes:
        self._check_unread()
        return self._cursor.reader.take(self._entry.size)

    def check(self) -> None:
        """Raises if the stream is not at this member any more."""
        if self._cursor.current is not self:
            raise self._cursor.error(
                self._entry.name,
                "it was to be read after the iteration had moved on",
                "In a compressed tar, read each member before you take the next one",
            )

    def _check_unread(self) -> None:
        self.check()
        if self._cursor.position != self._entry.offset:
            raise self._cursor.error(
                self._entry.name,
                "it was to be read a second time",
                "In a compressed tar, members can be read once; keep what you need",
            )

    def take_some(self, count: int) -> bytes:
        left = self._entry.offset + self._entry.size - self._cursor.position
        data = self._cursor.reader.take_some(min(count, left)) if left else b""
        if left and not data:
            raise self._cursor.error(
                self._entry.name, tar_stream.truncated(self._entry.size - left, self._entry.size)
            )
        return data


class _StreamFile(io.BufferedReader):
    """A file over a member of a stream; it refuses to serve its buffer after the stream went on."""

    def __init__(self, content: _StreamContent):
        super().__init__(ReadInto(content.take_some), BLOCK_IN)
        self._content = content

    def read(self, size: int | None = -1, /) -> bytes:
        self._content.check()
        return super().read(size)

    def read1(self, size: int = -1, /) -> bytes:
        self._content.check()
        return super().read1(size)

    def readinto(self, buffer: Any, /) -> int:
        self._content.check()
        return super().readinto(buffer)

    def readinto1(self, buffer: Any, /) -> int:
        self._content.check()
        return super().readinto1(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        self._content.check()
        return super().readline(size)

    def peek(self, size: int = 0, /) -> bytes:
        self._content.check()
        return super().peek(size)


class StreamTar:
    """A compressed tar, or a plain one in a compressed member of a zip."""

    random_access = False

    def __init__(self, source: Source, kind: str | None, limits: Limits):
        self.name = source.name
        self._source = source
        self._kind = kind
        self._limits = limits

    def members(self, selection: Selection) -> Iterator[tuple[str, int, Content]]:
        cursor = _StreamCursor(self._source, self._kind, self._limits)
        try:
            for entry in tar_stream.entries(cursor, self._limits):
                if selection(entry.name):
                    cursor.current = content = _StreamContent(cursor, entry)
                    yield entry.name, entry.size, content
                    cursor.current = None
        finally:
            cursor.current = None

    def sizes(self, selection: Selection) -> Iterator[tuple[str, int]]:
        for name, size, _ in self.members(selection):
            yield name, size

    def find(self, name: str) -> tuple[int, Content]:
        raise self._sequential(name)

    def source(self, name: str, label: str) -> Source:
        raise self._sequential(name)

    def _sequential(self, name: str) -> ArchiveError:
        return errors.error(
            self.name,
            errors.shown(name),
            "a compressed tar is sequential, its members cannot be opened by name",
            "Iterate over members(), or extract the archive and give the folder",
        )
