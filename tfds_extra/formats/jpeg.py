"""Checks whether JPEG pictures can be decoded, mostly without decoding them."""

from __future__ import annotations

import contextlib
import io
import re
import threading
import warnings
from collections.abc import Iterator

import PIL.Image
import PIL.ImageFile

from tfds_extra.formats import FormatError, parser

_START, _END = b"\xff\xd8", b"\xff\xd9"
_BASELINE = (0xC0, 0xC1)  # SOF0 and SOF1: Huffman codes, each block complete in one scan.
_OTHER_FRAMES = (0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_SCAN = 0xDA
# In compressed data, 0xFF stands only before 0 or in the marker of a restart.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_MAX_PIXELS = 178_956_970  # Pillow refuses pictures with more pixels.

_lock = threading.Lock()


@contextlib.contextmanager
def _strict() -> Iterator[None]:
    """Makes Pillow refuse cut pictures during the block, whatever TFDS's `image_utils` has set.

    TFDS makes Pillow fill cut pictures with gray. The switch is one for the whole process, so that
    it is set back at the end.
    """
    with _lock:
        before = PIL.ImageFile.LOAD_TRUNCATED_IMAGES
        PIL.ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            PIL.ImageFile.LOAD_TRUNCATED_IMAGES = before


@parser
def check(content: bytes) -> tuple[int, int]:
    """Raises if a decoder would refuse a picture.

    A decoder refuses segments or scans that are cut off, and wrong tables. It does not refuse
    damaged codes, because libjpeg makes some pixels of them. So the codes of ordinary pictures are
    passed over, which takes an eighth of the time of decoding. Other pictures (progressive ones)
    are decoded.

    Args:
      content: The file.

    Returns:
      Its height and width.

    Raises:
      FormatError: It is no JPEG, or damaged.
    """
    if not content:
        raise FormatError("an empty file")
    if (found := _plain(content)) is None:
        return _decode(content)
    size, codes = found
    height, width = (int.from_bytes(content[at : at + 2], "big") for at in (size, size + 2))
    if height * width > _MAX_PIXELS:
        raise FormatError(f"a JPEG of {height} x {width} pixels")
    # libjpeg reads the tables here, before a single pixel without codes.
    _decode(content[:size] + b"\0\1\0\1" + content[size + 4 : codes] + _END)
    return height, width


def _plain(content: bytes) -> tuple[int, int] | None:
    """Goes from marker to marker of a baseline picture with one scan.

    Returns:
      Where its height and width stand, and where its codes begin; None for any other file.

    Raises:
      FormatError: The file ends among the codes.
    """
    if not content.startswith(_START):
        return None
    at, size, codes, components = len(_START), 0, 0, 0
    while content[at : at + 2] != _END:
        following = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at : at + 1] != b"\xff" or not at + 4 <= following < len(content):
            return None
        kind = content[at + 1]
        if kind in _OTHER_FRAMES or (kind in _BASELINE and size) or (kind == _SCAN and codes):
            return None
        if kind in _BASELINE:
            size, components = at + 5, content[at + 9]
            if b"\0\0" in (content[size : size + 2], content[size + 2 : size + 4]):
                return None
        if kind == _SCAN:
            if content[at + 4] != components:
                return None
            codes = following
            if not (marker := _MARKER.search(content, codes)):
                raise FormatError(f"the JPEG is cut off (at byte {len(content):,})")
            following = marker.start()
        at = following
    return (size, codes) if size and codes else None


def _decode(content: bytes) -> tuple[int, int]:
    """Decodes a picture at an eighth of its size, which reads all of it in a fraction of the time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large pictures, and refuses larger ones.
        picture = PIL.Image.open(io.BytesIO(content), formats=["JPEG"])
    with picture:
        width, height = picture.size
        picture.draft("RGB", (max(width // 8, 1), max(height // 8, 1)))
        with _strict():
            picture.load()
    return height, width
