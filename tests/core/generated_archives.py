"""Archives of any size whose bytes are made when a server is asked for them."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import random
import struct
import tarfile
import zlib
from collections.abc import Callable, Sequence

Content = "Generated | Part"
_PAD = 512
_ROWS = 1000


class Generated:
    """Bytes that consist of a head, many records of the same length, and a tail."""

    def __init__(
        self, count: int, record: Callable[[int], bytes], tail: bytes = b"", head: bytes = b""
    ):
        self._record = functools.lru_cache(maxsize=4)(record)
        self._count, self._size = count, len(record(0))
        self._head, self._tail = head, tail
        self._stop = len(head) + count * self._size

    def __len__(self) -> int:
        return self._stop + len(self._tail)

    def __getitem__(self, place: slice) -> bytes:
        start, stop, _ = place.indices(len(self))
        pieces = [self._head[start:stop]]
        first = max(0, start - len(self._head)) // self._size
        last = -(-max(0, min(stop, self._stop) - len(self._head)) // self._size)
        for number in range(first, min(last, self._count)):
            at = len(self._head) + number * self._size
            pieces.append(self._record(number)[max(0, start - at) : max(0, stop - at)])
        pieces.append(self._tail[max(0, start - self._stop) : max(0, stop - self._stop)])
        return b"".join(pieces)

    def part(self, start: int, stop: int) -> Part:
        """A part of it, as a file of its own."""
        return Part(self, start, stop)


class Part:
    """Consecutive bytes of what is generated."""

    def __init__(self, whole: Generated, start: int, stop: int):
        self._whole, self._start, self._stop = whole, start, stop

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, place: slice) -> bytes:
        start, stop, _ = place.indices(len(self))
        return self._whole[self._start + start : self._start + max(start, stop)]


@functools.cache
def noise(size: int) -> bytes:
    """Bytes that hardly compress."""
    return random.Random(size).randbytes(size)


def member(name: str, content: bytes) -> bytes:
    """A member of a tar, with its header."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % _PAD)


def tar(count: int, size: int, prefix: str = "train/") -> Generated:
    """A tar of `count` files of `size` bytes."""
    record = lambda number: member(f"{prefix}{number:06}.bin", noise(size))  # noqa: E731
    return Generated(count, record, tail=bytes(20 * _PAD))


def tar_gz(count: int, size: int) -> Generated:
    """A compressed tar; gzip's data may consist of any number of streams, and is stored here."""
    plain = tar(count, size)
    length = len(member("train/000000.bin", noise(size)))

    def packed(data: bytes) -> bytes:
        stored = zlib.compressobj(0, zlib.DEFLATED, 31)
        return stored.compress(data) + stored.flush()

    return Generated(
        count,
        lambda number: packed(plain[number * length : (number + 1) * length]),
        tail=packed(bytes(20 * _PAD)),
    )


def tar_of_tars(count: int, inner: int, size: int) -> Generated:
    """A tar of `count` tars, each of `inner` files."""

    def record(number: int) -> bytes:
        content = tar(inner, size, prefix=f"train/{number:04}/")
        return member(f"{number:04}.tar", content[:])

    return Generated(count, record, tail=bytes(20 * _PAD))


def zipped(count: int, size: int, method: int = 0, parts: int = 1) -> list[Part]:
    """A zip of `count` files: stored (0) or by bzip2 (12), in one or several parts."""
    data = bz2.compress(noise(size)) if method == 12 else noise(size)
    crc = zlib.crc32(noise(size))
    head = b"PK\7\x08" if parts > 1 else b""

    def name(number: int) -> bytes:
        return b"train/%06d.bin" % number

    def record(number: int) -> bytes:
        fields = (46, 0, method, 0, 0, crc, len(data), size, len(name(number)), 0)
        return struct.pack("<4s5H3L2H", b"PK\3\4", *fields) + name(number) + data

    length = len(record(0))
    stop = len(head) + count * length
    cut = -(-(stop + 1) // parts)  # The directory lies in the last part.
    entries = io.BytesIO()
    for number in range(count):
        disk, offset = divmod(len(head) + number * length, cut)
        fields = (
            0x32E,
            46,
            0,
            method,
            0,
            0,
            crc,
            len(data),
            size,
            len(name(number)),
            0,
            0,
            disk,
            0,
        )
        entries.write(struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields, 0o100644 << 16, offset))
        entries.write(name(number))
    disk, offset = divmod(stop, cut)
    end = (disk, disk, count, count, entries.tell(), offset, 0)
    tail = entries.getvalue() + struct.pack("<4s4H2LH", b"PK\5\6", *end)
    whole = Generated(count, record, tail, head)
    starts = [*range(0, cut * parts, cut)]
    return [whole.part(a, b) for a, b in zip(starts, [*starts[1:], len(whole)])]


def csv_gz(count: int) -> Generated:
    """Compressed rows: `count` thousand lines."""

    def record(number: int) -> bytes:
        rows = noise(60 * _ROWS).hex()
        lines = (
            f"{number * _ROWS + i:010},{rows[i * 120 : (i + 1) * 120]}\n" for i in range(_ROWS)
        )
        stored = zlib.compressobj(0, zlib.DEFLATED, 31)
        return stored.compress("".join(lines).encode()) + stored.flush()

    return Generated(count, record)


def lines_bz2(count: int) -> Generated:
    """Streams of bzip2 in a row, as in a multistream dump, which all hold the same lines."""
    rows = noise(3000 * 60).hex()
    lines = "".join(f"{i:010},{rows[i * 120 : (i + 1) * 120]}\n" for i in range(3000))
    packed = bz2.compress(lines.encode())
    return Generated(count, lambda number: packed)


def gzipped(lines: Sequence[str]) -> bytes:
    """A small file of lines."""
    return gzip.compress("\n".join(lines).encode(), mtime=0)
