"""Sources: sequences of bytes with a name, of which archives are read.

A `Source` is a file, several files read as one, a window of another source (a stored member), a
stream that can only be read forwards (a compressed member), or what was unpacked of a stream.
"""

from __future__ import annotations

import bisect
import io
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence

from tfds_extra.core.archives import errors
from tfds_extra.core.archives.errors import FETCH_AGAIN, ArchiveError
from tfds_extra.core.archives.limits import Limits

BLOCK_IN = 1 << 17  # Bytes that are read of a source at a time.


class Source:
    """Bytes with a name. `seekable` sources have `read_at`; all have `blocks` and `head`."""

    name: str
    size: int
    seekable = True
    # Whether each look at another place costs time, so that only what is needed is looked at.
    is_remote = False
    # Equal for sources with equal bytes, None if that cannot be told without reading them.
    identity: Hashable = None
    # Where each part begins; split zips count their offsets from there.
    part_starts: Sequence[int] = (0,)

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns `count` bytes at `offset`, fewer only at the end of the source."""
        raise io.UnsupportedOperation(f"{self.name} can only be read from its beginning")

    def announce(self, offset: int, count: int) -> None:
        """Is told that `count` bytes at `offset` are about to be read, all or hardly any more."""

    def blocks(self) -> Iterator[bytes]:
        """Yields all bytes from the beginning."""
        offset = 0
        while block := self.read_at(offset, BLOCK_IN):
            offset += len(block)
            yield block

    def head(self, count: int) -> bytes:
        """Returns the first `count` bytes."""
        return self.read_at(0, count)

    def error(self, place: str | int, wrong: str, todo: str = FETCH_AGAIN) -> ArchiveError:
        """Returns an error about a member (its name) or an offset of this source."""
        if isinstance(place, int):
            place = f"byte {place:,}"
        else:
            place = errors.shown(place)
        return errors.error(self.name, place, wrong, todo)


class Files(Source):
    """One file, or consecutive parts of one file, read as one without joining them on disk.

    Reads carry their own offset, so that threads, and processes after a fork, may share a source.
    """

    def __init__(self, paths: Sequence[str]):
        self._paths = list(paths)
        self._handles: list[int] = []
        self._ends: list[int] = []
        self._lock = threading.Lock()
        self.name = self._paths[0]
        if len(self._paths) > 1:
            self.name += f" (1 of {len(self._paths)} parts)"
        identity = []
        self.size = 0
        for path in self._paths:
            try:
                info = os.stat(path)
                if not stat.S_ISREG(info.st_mode):
                    raise errors.error(
                        path,
                        "byte 0",
                        "it is not a regular file",
                        "Give an archive, its parts in order, or one folder",
                    )
                self._handles.append(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)))
            except OSError as e:
                raise errors.os_error(path, "byte 0", e) from e
            self.size += info.st_size
            self._ends.append(self.size)
            identity.append(
                (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
            )
        self.part_starts = [0, *self._ends[:-1]]
        self.identity = tuple(identity)

    def __del__(
        self, close: Callable[[int], None] = os.close
    ) -> None:  # At exit, `os` may be gone before this object.
        for handle in self._handles:
            close(handle)

    def read_at(self, offset: int, count: int) -> bytes:
        part = bisect.bisect_right(self._ends, offset)
        pieces: list[bytes] = []
        while count > 0 and part < len(self._handles):
            start = offset - self.part_starts[part]
            try:
                piece = self._pread(self._handles[part], count, start)
            except OSError as e:
                raise errors.os_error(self._paths[part], f"byte {start:,}", e) from e
            if len(piece) == count and not pieces:
                return piece
            if piece:
                pieces.append(piece)
                offset += len(piece)
                count -= len(piece)
            elif offset < self._ends[part]:
                raise errors.error(
                    self._paths[part],
                    f"byte {start:,}",
                    "the file became shorter while it was read",
                    "Leave it alone until preparation has ended",
                )
            if offset >= self._ends[part]:
                part += 1
        return b"".join(pieces)

    def _pread(self, handle: int, count: int, offset: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(handle, count, offset)
        with self._lock:  # Windows has no positioned read.
            os.lseek(handle, offset, os.SEEK_SET)
            return os.read(handle, count)

    def error(self, place: str | int, wrong: str, todo: str = FETCH_AGAIN) -> ArchiveError:
        if len(self._paths) == 1:
            return super().error(place, wrong, todo)
        if todo == FETCH_AGAIN:
            todo = "Check that all parts are there, in order; then fetch them again"
        if isinstance(place, int):  # The message names the part that holds the byte.
            part = min(bisect.bisect_right(self._ends, place), len(self._paths) - 1)
            offset = place - self.part_starts[part]
            return errors.error(self._paths[part], f"byte {offset:,}", wrong, todo)
        return super().error(place, wrong, todo)


class Window(Source):
    """Consecutive bytes of another source: a member that was stored without compression."""

    def __init__(self, source: Source, start: int, size: int, name: str):
        self._source = source
        self._start = start
        self.size = size
        self.name = name
        self.is_remote = source.is_remote
        if source.identity is not None:
            self.identity = (source.identity, start, size)

    def read_at(self, offset: int, count: int) -> bytes:
        count = min(count, self.size - offset)
        return self._source.read_at(self._start + offset, count) if count > 0 else b""

    def announce(self, offset: int, count: int) -> None:
        self._source.announce(self._start + offset, count)


class Stream(Source):
    """A compressed member, which can only be read forwards, each time from its beginning."""

    seekable = False

    def __init__(self, open_blocks: Callable[[], Iterator[bytes]], size: int, name: str):
        self._open_blocks = open_blocks
        self.size = size
        self.name = name

    def blocks(self) -> Iterator[bytes]:
        return self._open_blocks()

    def head(self, count: int) -> bytes:
        # The iterator is closed at once, because it would keep its decompressor alive.
        blocks = self._open_blocks()
        got = b""
        for block in blocks:
            got += block
            if len(got) >= count:
                break
        if hasattr(blocks, "close"):
            blocks.close()
        return got[:count]


class Unpacked(Source):
    """The bytes of a stream, in memory while they are few, else in an unnamed temporary file."""

    def __init__(self, stream: Source, limits: Limits):
        self.name = stream.name
        self._lock = threading.Lock()
        self._file = tempfile.SpooledTemporaryFile(max_size=limits.nested_in_memory)
        self.size = 0
        try:
            for block in stream.blocks():
                self._file.write(block)
                self.size += len(block)
        except OSError as e:
            self._file.close()
            raise errors.error(
                stream.name,
                f"byte {self.size:,}",
                f"it cannot be unpacked to a temporary file ({e.strerror or e})",
                f"Point TMPDIR to a disk with {stream.size:,} free bytes",
            ) from e

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def read_at(self, offset: int, count: int) -> bytes:
        if offset >= self.size:
            return b""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(count)
