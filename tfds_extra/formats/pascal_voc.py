"""Reads boxes of objects from XML files in the form of PASCAL VOC, which ImageNet uses."""

from __future__ import annotations

from typing import NamedTuple
from xml.parsers import expat

from tfds_extra.formats import FormatError, parser

MAX_SIZE = 1 << 20  # The most bytes of a file; published files have a few hundred.
_LARGEST = 1 << 30


class Object(NamedTuple):
    """An object with its box, in pixels as published.

    Attributes:
      name: What it is.
      box: xmin, ymin, xmax, ymax; they may be in another order, or outside of the picture.
      truncated: Whether a part of it is outside of the picture.
      difficult: Whether it is hard to recognize.
    """

    name: str
    box: tuple[int, int, int, int]
    truncated: bool
    difficult: bool


class Annotation(NamedTuple):
    """The annotation of a picture.

    Attributes:
      filename: The stated file name, which need not be the name of the picture.
      width: Width of the picture as it was shown to the people who drew the boxes, in pixels.
      height: Height of that picture, in pixels.
      objects: The objects, in published order.
    """

    filename: str
    width: int
    height: int
    objects: list[Object]


@parser
def parse(content: bytes) -> Annotation:
    """Reads a file.

    Args:
      content: The file.

    Raises:
      FormatError: It is no such file, or a number or an element is missing. Entities and document
        types, which could make it expand to anything, are refused.
    """
    if len(content) > MAX_SIZE:
        raise FormatError(f"{len(content):,} bytes, which no such file has")
    reader = _Reader()
    try:
        reader.expat.Parse(content, True)
    except expat.ExpatError as e:
        what = expat.errors.messages.get(e.code, "an error")
        raise FormatError(f"line {e.lineno}: not well-formed XML ({what})") from None
    return reader.annotation()


class _Reader:
    """Handlers of expat, which collect the texts of elements by their path."""

    def __init__(self) -> None:
        self.expat = expat.ParserCreate()
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self._start
        self.expat.EndElementHandler = self._end
        self.expat.CharacterDataHandler = self._characters
        self.expat.StartDoctypeDeclHandler = self._doctype
        self._path: list[str] = []
        self._text: list[str] = []
        self._top: dict[str, str] = {}
        self._objects: list[dict[str, str]] = []

    def _doctype(self, *_: object) -> None:
        raise FormatError(f"line {self.expat.CurrentLineNumber}: a document type, which none has")

    def _start(self, name: str, _: dict[str, str]) -> None:
        if not self._path and name != "annotation":
            raise FormatError(f"its root is {name[:40]!r}, not 'annotation'")
        self._path.append(name)
        self._text = []
        if self._path == ["annotation", "object"]:
            self._objects.append({})

    def _characters(self, text: str) -> None:
        self._text.append(text)

    def _end(self, _: str) -> None:
        inside = "/".join(self._path[1:])
        text = "".join(self._text).strip()
        if inside.startswith("object/"):
            self._objects[-1].setdefault(inside.removeprefix("object/"), text)
        else:
            self._top.setdefault(inside, text)
        self._path.pop()
        self._text = []

    def annotation(self) -> Annotation:
        objects = []
        for number, found in enumerate(self._objects):
            place = f"object {number}"
            box = [
                _number(found, f"bndbox/{side}", place) for side in ("xmin", "ymin", "xmax", "ymax")
            ]
            objects.append(
                Object(
                    _wanted(found, "name", place),
                    (box[0], box[1], box[2], box[3]),
                    _flag(found, "truncated", place),
                    _flag(found, "difficult", place),
                )
            )
        return Annotation(
            self._top.get("filename", ""),
            _number(self._top, "size/width", "the picture"),
            _number(self._top, "size/height", "the picture"),
            objects,
        )


def _wanted(found: dict[str, str], name: str, place: str) -> str:
    if name not in found:
        raise FormatError(f"{place} has no {name}")
    return found[name]


def _number(found: dict[str, str], name: str, place: str) -> int:
    text = _wanted(found, name, place)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 11 and int(digits) < _LARGEST):
        raise FormatError(f"{place}: {name} is {text[:40]!r}")
    return int(text)


def _flag(found: dict[str, str], name: str, place: str) -> bool:
    text = found.get(name, "0")
    if text not in ("0", "1"):
        raise FormatError(f"{place}: {name} is {text[:40]!r}")
    return text == "1"
