"""Reads the head of pictures that may be JPEG or PNG, in any colours, whatever their names say."""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

import PIL.Image

from tfds_extra.formats import FormatError, jpeg, parser, png


class Picture(NamedTuple):
    """The head of a picture.

    Attributes:
      format: "JPEG" or "PNG".
      mode: As Pillow calls it: L is grey, RGB, CMYK.
      height: Pixels.
      width: Pixels.
    """

    format: str
    mode: str
    height: int
    width: int


@parser
def look(content: bytes, *, whole: bool = False) -> Picture:
    """Reads the head of a picture.

    Args:
      content: The file.
      whole: Whether the rest is read as well, to know that it can be decoded.

    Raises:
      FormatError: It is no JPEG and no PNG, or damaged.
    """
    if not content:
        raise FormatError("an empty file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large pictures, and refuses larger ones.
        with PIL.Image.open(io.BytesIO(content), formats=["JPEG", "PNG"]) as picture:
            kind, mode, (width, height) = picture.format, picture.mode, picture.size
    if whole:
        (jpeg if kind == "JPEG" else png).check(content)
    return Picture(str(kind), mode, height, width)
