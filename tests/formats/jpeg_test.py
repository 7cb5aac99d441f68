"""JPEG pictures that can be decoded, and those that cannot."""

from __future__ import annotations

import io

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
