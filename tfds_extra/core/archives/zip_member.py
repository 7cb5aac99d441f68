"""Reads one member of a zip: its record in the directory, and its bytes, unpacked and checked."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tfds_extra.core.archives.decompression import (
    BLOCK_OUT,
    DECOMPRESSION_ERRORS,
    Decompressor,
    inflater,
)
from tfds_extra.core.archives.errors import NOT_SAFE
from tfds_extra.core.archives.files import ForwardReader, ReadInto
from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.sources import BLOCK_IN, Source, Stream, Window

_LZMA_HAS_END = 0x2

STORED, _DEFLATED, _BZIP2, _LZMA = 0, 8, 12, 14
_OTHER_METHODS = {
    1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "xz", 96: "JPEG",
    97: "WavPack", 98: "PPMd", 99: "AES encryption",
}  # fmt: skip


class Entry(NamedTuple):
    """One record of the central directory."""

    name: str  # As published, "/" at the end for a folder.
    raw_name: bytes
    made_by: int
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    disk: int
    offset: int  # Offset of the local header on its disk.
    length: int  # Length of the record itself.

    @property
    def is_folder(self) -> bool:
        """Whether the member is a folder; old Windows tools end its name with a backslash."""
        return self.name.endswith(("/", "\\"))


class ZipContent:
    """The bytes of one member."""

    def __init__(self, source: Source, limits: Limits, entry: Entry, locate: Callable[[], int]):
        self._source = source
        self._limits = limits
        self._entry = entry
        self._locate = locate
        self._at: int | None = None

    @property
    def packed_size(self) -> int:
        """Number of bytes in the archive."""
        return self._entry.packed

    def locate(self) -> int:
        """Returns where the data begin."""
        if self._at is None:
            self._at = self._locate()
        return self._at

    def open(self) -> io.BufferedReader:
        reader = ForwardReader(self.blocks())
        return io.BufferedReader(ReadInto(reader.take_some), BLOCK_IN)

    def read(self) -> bytes:
        return b"".join(self.blocks())

    def source(self, name: str) -> Source:
        """Returns the member as a source for another archive reader; seekable only if stored."""
        if self._entry.method == STORED:
            return Window(self._source, self.locate(), self._entry.packed, name)
        return Stream(self.blocks, self._entry.size, name)

    def blocks(self) -> Iterator[bytes]:
        """Yields the decompressed bytes. The last block comes after length and CRC were checked."""
        entry = self._entry
        source = self._source
        decompressor, at, packed_left = self._decompressor()
        # An LZMA stream may have no end mark: then the recorded size tells where it ends.
        has_end = entry.method != _LZMA or bool(entry.flags & _LZMA_HAS_END)
        left = entry.size
        crc = 0
        last = b""
        while left or (has_end and entry.packed):
            data = b""
            if packed_left and decompressor.needs_input:
                data = source.read_at(at, min(packed_left, BLOCK_IN))
                at += len(data)
                packed_left -= len(data)
            try:
                # One byte more than expected is enough to catch a member that yields too much.
                block = decompressor.decompress(data, min(left + 1, BLOCK_OUT))
            except DECOMPRESSION_ERRORS as e:
                raise source.error(entry.name, f"its data are damaged ({e})") from e
            if len(block) > left:
                raise source.error(
                    entry.name,
                    f"it yields more than the {entry.size:,} bytes it declares",
                    NOT_SAFE,
                )
            left -= len(block)
            crc = zlib.crc32(block, crc)
            if last and block:
                yield last
            last = block or last
            if decompressor.eof:
                if left or packed_left or decompressor.unused_data:
                    wrong = f"its data end after {entry.size - left:,} of {entry.size:,} bytes"
                    if not left:
                        wrong = "its data end before their recorded end"
                    raise source.error(entry.name, wrong)
                break
            if not block and not packed_left and decompressor.needs_input:
                raise source.error(
                    entry.name, f"its data stop after {entry.size - left:,} of {entry.size:,} bytes"
                )
        if crc != entry.crc:
            raise source.error(
                entry.name, f"its check sum is {crc:08x}, and {entry.crc:08x} was recorded"
            )
        if last:
            yield last

    def _decompressor(self) -> tuple[Decompressor, int, int]:
        """Returns the member's decompressor, and position and number of the bytes to feed it."""
        entry = self._entry
        at, packed = self.locate(), entry.packed
        if entry.method == STORED:
            return _Copier(packed), at, packed
        if entry.method == _DEFLATED:
            return inflater(gzip=False), at, packed
        if entry.method == _BZIP2:
            return bz2.BZ2Decompressor(), at, packed
        if entry.method == _LZMA:
            return self._lzma(), at + 9, packed - 9
        name = _OTHER_METHODS.get(entry.method, "unknown")
        raise self._source.error(
            entry.name,
            f"it is compressed with method {entry.method} ({name}), which Python cannot read",
            "Extract the archive yourself and give the folder",
        )

    def _lzma(self) -> Decompressor:
        """Returns an LZMA decompressor.

        LZMA data begin with a version, the length of the properties (5), and the properties.
        """
        head = self._source.read_at(self.locate(), 9)
        if self._entry.packed < 9 or len(head) < 9 or head[2:4] != b"\5\0":
            raise self._source.error(self._entry.name, "its LZMA header is damaged")
        literal_bits, dictionary = head[4], int.from_bytes(head[5:], "little")
        # No data need a dictionary that is larger than the data.
        dictionary = max(min(dictionary, self._entry.size), 4096)
        if dictionary > self._limits.lzma_memory:
            raise self._source.error(
                self._entry.name,
                f"it needs {dictionary:,} bytes of memory (the limit is "
                f"{self._limits.lzma_memory:,})",
                NOT_SAFE,
            )
        try:
            return lzma.LZMADecompressor(
                lzma.FORMAT_RAW,
                filters=[{
                    "id": lzma.FILTER_LZMA1,
                    "lc": literal_bits % 9,
                    "lp": literal_bits // 9 % 5,
                    "pb": literal_bits // 45,
                    "dict_size": dictionary,
                }],
            )  # fmt: skip
        except (lzma.LZMAError, ValueError) as e:
            raise self._source.error(self._entry.name, f"its LZMA header is damaged ({e})") from e


class _Copier:
    """The decompressor of stored members."""

    unused_data = b""

    def __init__(self, size: int):
        self._left = size
        self._held = b""

    @property
    def needs_input(self) -> bool:
        return not self._held

    @property
    def eof(self) -> bool:
        return not self._left

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data = self._held + data if self._held else data
        self._held = data[max_length:]
        out = data[:max_length]
        self._left -= len(out)
        return out
