"""Decompression of gzip, bzip2 and xz data, block by block, with checks of length and check sums."""

from __future__ import annotations

import bz2
import itertools
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from tfds_extra.core.archives.errors import FETCH_AGAIN, NOT_SAFE, ArchiveError
from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.sources import Source

try:
    from isal import igzip_lib
except ImportError:  # It comes with the extra `fast`; zlib gives the same, more slowly.
    igzip_lib = None  # type: ignore[assignment]

BLOCK_OUT = 1 << 18  # The most bytes that are unpacked at a time.


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


def inflater(*, gzip: bool) -> Decompressor:
    """Returns a decompressor of a gzip stream, or of raw deflate data, which zip members are.

    That is isal's where it is installed: benchmarks/decompression.py shows what it gains.
    """
    if igzip_lib is None:
        return ZlibDecompressor(31 if gzip else -15)
    flag = igzip_lib.DECOMP_GZIP if gzip else igzip_lib.DECOMP_DEFLATE
    return igzip_lib.IgzipDecompressor(flag)


DECOMPRESSION_ERRORS: tuple[type[Exception], ...] = (
    *(zlib.error, lzma.LZMAError, OSError, EOFError, ValueError),
    *((igzip_lib.error,) if igzip_lib else ()),
)

_STREAMS: dict[str, Callable[[Limits], Decompressor]] = {
    "gzip": lambda limits: inflater(gzip=True),
    "bzip2": lambda limits: bz2.BZ2Decompressor(),
    "xz": lambda limits: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.lzma_memory),
}


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
