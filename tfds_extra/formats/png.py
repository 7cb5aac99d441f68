"""Reads the size of PNG files and checks that they are whole, without decoding the picture."""

from __future__ import annotations

import dataclasses
import struct
import zlib

from tfds_extra.formats import FormatError, parser

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclasses.dataclass(frozen=True)
class Header:
    """The header, which is the first chunk.

    Attributes:
      width: Width in pixels.
      height: Height in pixels.
      bit_depth: Bits of each sample.
      colour_type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
    """

    width: int
    height: int
    bit_depth: int
    colour_type: int


@parser
def check(content: bytes) -> Header:
    """Verifies that all chunks are there and that their check sums are right.

    Args:
      content: Content of the file.

    Returns:
      The header.

    Raises:
      FormatError: It is no PNG, cut off, or damaged.
    """
    if not content.startswith(_SIGNATURE):
        raise FormatError("it is no PNG (at byte 0)")
    header, position, kind = None, len(_SIGNATURE), b""
    while kind != b"IEND":
        if len(content) < position + 12:
            raise FormatError(f"the PNG is cut off (at byte {len(content):,})")
        size, kind = struct.unpack_from(">I4s", content, position)
        end = position + 12 + size
        if len(content) < end:
            raise FormatError(f"the PNG is cut off (at byte {len(content):,})")
        body = memoryview(content)[position + 4 : end - 4]
        if zlib.crc32(body) != struct.unpack_from(">I", content, end - 4)[0]:
            raise FormatError(f"the PNG is damaged: wrong check sum (at byte {position:,})")
        if header is None:
            if kind != b"IHDR" or size != 13:
                raise FormatError(f"the PNG has no header (at byte {position:,})")
            header = Header(*struct.unpack_from(">IIBB", body, 4))
            if not header.width or not header.height:
                raise FormatError(f"the PNG has no pixels (at byte {position:,})")
        position = end
    assert header is not None  # Since the first chunk was not IEND.
    return header
