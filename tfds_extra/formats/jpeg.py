"""JPEG pictures, as far as it takes to know whether they can be decoded."""

from __future__ import annotations

import io

from tfds_extra.formats import FormatError, parser


@parser
def check(content: bytes) -> tuple[int, int]:
    """Decodes a picture at an eighth of its size, which reads all of it in a fraction of the time.

    Args:
      content: The file.

    Returns:
      Its height and width.

    Raises:
      FormatError: It is no JPEG, or damaged.
    """
    import PIL.Image  # Pictures are only a part of what formats read.

    if not content:
        raise FormatError("an empty file")
    with PIL.Image.open(io.BytesIO(content), formats=["JPEG"]) as picture:
        width, height = picture.size
        picture.draft("RGB", (max(width // 8, 1), max(height // 8, 1)))
        picture.load()
    return height, width
