"""PNG files from outside, held against Pillow."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from tfds_extra.formats import FormatError, png


def encoded(mode: str = "RGB", size: tuple[int, int] = (37, 21)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("mode, colour_type", [("RGB", 2), ("L", 0), ("RGBA", 6), ("P", 3)])
def test_header(mode, colour_type):
    header = png.check(encoded(mode))
    assert (header.width, header.height) == (37, 21)
    assert (header.bit_depth, header.colour_type) == (8, colour_type)


def test_every_cut_is_noticed():
    content = encoded(size=(9, 5))
    for size in range(len(content)):
        with pytest.raises(FormatError, match="PNG"):
            png.check(content[:size])


def test_every_changed_byte_is_noticed():
    content = bytearray(encoded(size=(9, 5)))
    for i in range(len(content)):
        content[i] ^= 16
        with pytest.raises(FormatError, match="PNG"):
            png.check(bytes(content))
        content[i] ^= 16
    png.check(bytes(content))


def test_no_header_and_no_pixels():
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    end = chunk(b"IEND", b"")
    with pytest.raises(FormatError, match="no header"):
        png.check(png._SIGNATURE + end)
    empty = chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 5, 8, 2, 0, 0, 0))
    with pytest.raises(FormatError, match="no pixels"):
        png.check(png._SIGNATURE + empty + end)
