"""Shared by the readers of all archive formats: the error, limits, byte sources, decompression.

Nothing here depends on an archive format. A `Source` is a sequence of bytes with a name: a file,
several files read as one, a window of another source (a stored member), or a stream that can only
be read forwards (a compressed member). This module uses the standard library only.
"""

from __future__ import annotations

import bisect
import bz2
import dataclasses
import io
import itertools
import lzma
import os
import re
import stat
import tempfile
import threading
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

FETCH_AGAIN = "Fetch it again and check its digest"
NOT_SAFE = "Do not use this archive; fetch it from its publisher and check its digest"

# Limits. All are far beyond any published corpus; `Limits` overrides them.

# Decompressed bytes per compressed byte. Deflate cannot exceed 1032, text stays below 100.
MAX_RATIO = 1000
# The ratio says nothing about small data: it is checked from this many decompressed bytes on.
RATIO_FROM = 1 << 30
# A tar may announce a name or pax record of any length, which has to be held in memory.
MAX_HEADER_BYTES = 1 << 20
# The memory that an xz or LZMA stream may ask for its dictionary; `xz -9` needs 65 MiB.
MAX_LZMA_MEMORY = 512 << 20
# A compressed zip inside a zip has to be unpacked before it can be read: up to this size in memory,
# above it in an unnamed temporary file (in TMPDIR) that vanishes with its reader.
NESTED_IN_MEMORY = 64 << 20

# At most so many characters are quoted in messages. The first number fits any path of a file. The
# second one cuts the name of a member, which may be as long as an extended header.
_SHOWN_PATH = 5000
SHOWN_PLACE = 300

BLOCK_IN = 1 << 17
BLOCK_OUT = 1 << 18


class ArchiveError(ValueError):
    """An archive or folder that is missing, damaged, foreign or not safe.

    The message is always `<file>: <member or offset>: <what is wrong>. <what to do>.`
    """


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of a decompression bomb; the defaults are this module's constants."""

    ratio: int = MAX_RATIO
    ratio_from: int = RATIO_FROM
    header_bytes: int = MAX_HEADER_BYTES
    lzma_memory: int = MAX_LZMA_MEMORY
    nested_in_memory: int = NESTED_IN_MEMORY

    def exceeded_by(self, unpacked: int, packed: int) -> bool:
        """Returns whether `unpacked` bytes are too many to come from `packed` bytes."""
        return unpacked > self.ratio_from and unpacked > self.ratio * packed

    def explain(self, unpacked: int, packed: int) -> str:
        """Returns what is wrong, in words, when `exceeded_by` is true."""
        return (
            f"it is a decompression bomb: {packed:,} bytes expand to {unpacked:,} or more "
            f"(the limit is {self.ratio} times, above {self.ratio_from:,} bytes)"
        )


def error(file: str, place: str, wrong: str, todo: str = FETCH_AGAIN) -> ArchiveError:
    """Builds an error with the usual message, in which quoted names have a limited length."""
    file, place = cut(shown(file), _SHOWN_PATH), cut(place, SHOWN_PLACE)
    return ArchiveError(f"{file}: {place}: {wrong}. {todo}.")


def os_error(path: str, place: str, cause: OSError) -> ArchiveError:
    """Returns the error for a file that the operating system does not let us read."""
    reason = cause.strerror or str(cause)
    return error(path, place, reason, "Check that the path exists and that you may read it")


def shown(name: str) -> str:
    """Returns `name` in a printable form: control characters and undecodable bytes are escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def cut(text: str, limit: int) -> str:
    """Returns a text, without its middle if it is long: the end may say more than the middle."""
    return text if len(text) <= limit else f"{text[: limit - 55]} ... {text[-50:]}"


# ------------------------------------------------------------------------------------------ names


class UnsafeName(ValueError):
    """A member name that would leave its folder; `str()` says why."""


_DRIVE = re.compile(r"[A-Za-z]:")


def clean_name(name: str) -> str:
    """Returns `name` as a relative posix path without `.` and empty components.

    Backslashes are kept as published, but the checks take them for separators: the name may be
    joined to a path on Windows.

    Raises:
      UnsafeName: The name is empty, absolute, has a drive letter, a NUL or a `..` component.
    """
    if (
        name[:1] not in ("", ".", "/")
        and name[1:2] != ":"
        and "/." not in name
        and "//" not in name
        and "\\" not in name
        and "\0" not in name
        and name[-1] != "/"
    ):
        return name  # The common case, in a few substring searches.
    if "\0" in name:
        raise UnsafeName("its name holds a NUL byte")
    slashed = name.replace("\\", "/")
    if slashed.startswith("/"):
        raise UnsafeName("its name is absolute")
    if _DRIVE.match(slashed):
        raise UnsafeName("its name has a drive letter")
    if ".." in slashed.split("/"):
        raise UnsafeName("its name climbs out of the archive (..)")
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def name_key(name: str) -> int:
    """Returns a 64-bit key of a clean name, which is equal for names of the same file.

    The names themselves would cost ten times the memory in an archive of a million members. Python
    hashes text with a secret key, so nobody can prepare a collision, and the chance of an accident
    is below 1e-7 for a million names.
    """
    if "\\" in name:
        name = "/".join(p for p in name.replace("\\", "/").split("/") if p not in ("", "."))
    return hash(name)


# ---------------------------------------------------------------------------------------- sources


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
            place = shown(place)
        return error(self.name, place, wrong, todo)


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
                    raise error(
                        path,
                        "byte 0",
                        "it is not a regular file",
                        "Give an archive, its parts in order, or one folder",
                    )
                self._handles.append(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)))
            except OSError as e:
                raise os_error(path, "byte 0", e) from e
            self.size += info.st_size
            self._ends.append(self.size)
            identity.append(
                (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
            )
        self.part_starts = [0, *self._ends[:-1]]
        self.identity = tuple(identity)

    def __del__(self, close=os.close):  # At exit, `os` may be gone before this object.
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
                raise os_error(self._paths[part], f"byte {start:,}", e) from e
            if len(piece) == count and not pieces:
                return piece
            if piece:
                pieces.append(piece)
                offset += len(piece)
                count -= len(piece)
            elif offset < self._ends[part]:
                raise error(
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
            return error(self._paths[part], f"byte {offset:,}", wrong, todo)
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
            raise error(
                stream.name,
                f"byte {self.size:,}",
                f"it cannot be unpacked to a temporary file ({e.strerror or e})",
                f"Point TMPDIR to a disk with {stream.size:,} free bytes",
            ) from e

    def __del__(self):
        if hasattr(self, "_file"):
            self._file.close()

    def read_at(self, offset: int, count: int) -> bytes:
        if offset >= self.size:
            return b""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(count)


# ---------------------------------------------------------------------------------- decompression


class Decompressor(Protocol):
    """The interface of `bz2.BZ2Decompressor`, `lzma.LZMADecompressor` and `ZlibDecompressor`."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class ZlibDecompressor:
    """zlib with the interface of the other two decompressors."""

    def __init__(self, wbits: int):
        self._zlib = zlib.decompressobj(wbits)
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        tail = self._zlib.unconsumed_tail
        out = self._zlib.decompress(tail + data if tail else data, max_length)
        # A full block may mean that zlib holds more of it back although it took all input.
        self.needs_input = not self._zlib.unconsumed_tail and len(out) < max_length
        return out

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data


DECOMPRESSION_ERRORS = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)

_STREAMS: dict[str, Callable[[Limits], Decompressor]] = {
    "gzip": lambda limits: ZlibDecompressor(31),
    "bzip2": lambda limits: bz2.BZ2Decompressor(),
    "xz": lambda limits: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.lzma_memory),
}


def compression(head: bytes) -> str | None:
    """Returns the compression of data that begin with `head`: "gzip", "bzip2", "xz" or None."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "bzip2"
    if head.startswith(b"\xfd7zXZ\0"):
        return "xz"
    return None


class Inflated:
    """Iterates over the decompressed blocks of a gzip, bzip2 or xz source.

    Several streams in a row are read as one, as command-line tools do. The check sums of the
    formats are verified. It is an error if the source ends within a stream, or if anything else
    follows a stream.

    Attributes:
      place: What is being read, for messages.
    """

    def __init__(self, source: Source, kind: str, limits: Limits, block_out: int = BLOCK_OUT):
        self._source = source
        self._kind = kind
        self._limits = limits
        self._block_out = block_out
        self.place = ""

    def error(self, offset: int, wrong: str, todo: str = FETCH_AGAIN) -> ArchiveError:
        place = f"{self.place} (about byte {offset:,})" if self.place else offset
        return self._source.error(place, wrong, todo)

    def __iter__(self) -> Iterator[bytes]:
        limits = self._limits
        decompressor = None
        streams = read = produced = 0
        # After the end of the input, zlib may still hold output, which an empty block brings out.
        for block in itertools.chain(self._source.blocks(), (b"",)):
            at_end = not block
            read += len(block)
            while True:
                if decompressor is None:
                    if streams:
                        block = block.lstrip(b"\0")  # Tapes and xz pad with zeros.
                    if not block:
                        break
                    decompressor = _STREAMS[self._kind](limits)
                    streams += 1
                try:
                    out = decompressor.decompress(block, self._block_out)
                except DECOMPRESSION_ERRORS as e:
                    raise self.error(read, f"the {self._kind} data is damaged ({e})") from e
                block = b""
                if out:
                    produced += len(out)
                    if limits.exceeded_by(produced, read):
                        raise self.error(read, limits.explain(produced, read), NOT_SAFE)
                    yield out
                if decompressor.eof:
                    block = decompressor.unused_data
                    decompressor = None
                elif decompressor.needs_input:
                    if at_end:
                        raise self.error(
                            read, f"the {self._kind} data ends too early: the file is truncated"
                        )
                    break


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


# -------------------------------------------------------------------------------------- the cache

_T = TypeVar("_T")
_REMEMBERED: dict[Hashable, Any] = {}
_REMEMBER = 8


def remembered(kind: str, source: Source, limits: Limits, build: Callable[[], _T]) -> _T:
    """Returns `build()`; each process keeps the results for the last few archives.

    A worker process receives a new `Tree` with every task, but the index of a large archive should
    be built only once. A file that changes has another identity (inode, size, times).
    """
    if source.identity is None:
        return build()
    key = (kind, source.identity, limits)
    # There is no lock, since a fork could leave it held. At worst two threads build the same index.
    value = _REMEMBERED.get(key)
    if value is None:
        value = _REMEMBERED[key] = build()
        for oldest in list(_REMEMBERED)[:-_REMEMBER]:
            _REMEMBERED.pop(oldest, None)
    return value
