"""JPEG pictures that can be decoded, and those that cannot."""

from __future__ import annotations

import io
import random

import numpy as np
import PIL.Image
import PIL.ImageFile
import pytest

from tfds_extra.formats import FormatError, jpeg


def _jpeg(mode: str, **options) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (61, 47, 3), np.uint8)
    content = io.BytesIO()
    PIL.Image.fromarray(pixels).convert(mode).save(content, "JPEG", **options)
    return content.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lenient", [False, True])
def test_pictures(mode, progressive, lenient, monkeypatch):
    # TFDS switches this on for the whole process when it decodes an image.
    monkeypatch.setattr(PIL.ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    content = _jpeg(mode, progressive=progressive)
    assert jpeg.check(content) == (61, 47)
    for size in (0, 1, 20, len(content) // 2, len(content) - 200):
        with pytest.raises(FormatError):
            jpeg.check(content[:size])
    assert PIL.ImageFile.LOAD_TRUNCATED_IMAGES == lenient


def test_other_files():
    content = io.BytesIO()
    PIL.Image.new("RGB", (3, 3)).save(content, "PNG")
    for other in (content.getvalue(), b"GIF89a", b"<html>", b"\0" * 1000):
        with pytest.raises(FormatError):
            jpeg.check(other)


def _is_refused(read, content: bytes) -> bool:
    try:
        read(content)
    except Exception:
        return True
    return False


def test_refuses_what_decoding_refuses():
    """Although codes of plain pictures are passed over."""
    dice = random.Random(0)
    whole = _jpeg("RGB", quality=90)
    refused = 0
    for _ in range(1500):
        content = bytearray(whole)
        kind = dice.randrange(4)
        if kind == 0:
            del content[dice.randrange(len(content)) :]
        elif kind == 1:
            start = dice.randrange(len(content))
            del content[start : start + dice.randrange(1, 900)]
        else:  # Tables and header, or anywhere.
            for _ in range(dice.randrange(1, 4)):
                content[dice.randrange(630 if kind == 2 else len(content))] = dice.randrange(256)
        if _is_refused(jpeg._decode, bytes(content)):
            refused += 1
            assert _is_refused(jpeg.check, bytes(content))
    assert 300 < refused < 1300


def test_end_of_zeros():
    """Which decoders take for codes."""
    content = _jpeg("L", quality=90)
    with pytest.raises(FormatError, match="cut off"):
        jpeg.check(content[:1000] + bytes(len(content) - 1000))


def test_huge():
    content = _jpeg("L")
    size = content.index(b"\xff\xc0") + 5
    huge = content[:size] + b"\xff\xff\xff\xff" + content[size + 4 :]
    with pytest.raises(FormatError, match="65535 x 65535 pixels"):
        jpeg.check(huge)
    nothing = content[:size] + bytes(4) + content[size + 4 :]
    with pytest.raises(FormatError):
        jpeg.check(nothing)
