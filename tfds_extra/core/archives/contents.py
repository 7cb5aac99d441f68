"""Reads published single files in place; compressed files are unpacked while they are read."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from tfds_extra.core import magic
from tfds_extra.core.archives import errors
from tfds_extra.core.archives.decompression import BLOCK_OUT, Inflated
from tfds_extra.core.archives.files import ForwardReader, ReadInto, SourceFile
from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.sources import BLOCK_IN, Files, Source

_HEAD = 16


class Content:
    """The content of a file that may be compressed; its first bytes tell (gzip, bzip2 or xz).

    It can be pickled and sent to workers, and be opened as often as wanted.
    """

    def __init__(self, path: str | os.PathLike[str], limits: Limits = Limits()):
        """Names a file, without touching it.

        Args:
          path: The file.
          limits: Limits beyond which the file is a decompression bomb.
        """
        self._path = os.fspath(path)
        self._limits = limits

    def __str__(self) -> str:
        return self._path

    def __repr__(self) -> str:
        return f"Content({self._path!r})"

    def fingerprint(self) -> list[tuple[str, int, int]]:
        """Returns the path, bytes and time of change (ns) of the file on disk."""
        try:
            state = os.stat(self._path)
        except OSError as e:
            raise errors.os_error(self._path, "byte 0", e) from e
        return [(self._path, state.st_size, state.st_mtime_ns)]

    def open(self) -> BinaryIO:
        """Returns the content as a binary file that is read from its beginning to its end.

        Raises:
          ArchiveError: The file cannot be read. Reading raises it too, also if the file is damaged
            or cut short.
        """
        source = self._source()
        kind = magic.compression(source.head(_HEAD))
        blocks = Inflated(source, kind, self._limits) if kind else source.blocks()
        reader = ForwardReader(blocks)
        return io.BufferedReader(ReadInto(reader.take_some), BLOCK_OUT)

    def open_as_published(self) -> BinaryIO:
        """Returns the file as it lies, not unpacked; it is seekable."""
        return io.BufferedReader(SourceFile(self._source()), BLOCK_IN)

    def _source(self) -> Source:
        """Returns the bytes of the file; `core.peeking` takes them from elsewhere."""
        return Files([self._path])

    def read(self) -> bytes:
        """Returns the whole content; see `open`."""
        with self.open() as file:
            return file.read()
