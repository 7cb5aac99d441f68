"""Reads a JSON document of any size, an object with long lists, element by element.

COCO and VQA publish half a gigabyte as one object, nearly all of it the elements of one or two lists
on its top level. Only one element and a section of the text are in memory.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO

from tfds_extra.formats import FormatError, parser

BLOCK = 1 << 20  # So many bytes are read at once.
MAX_VALUE = 64 << 20  # The most letters of one element, or of any other value on the top level.

_BLANKS = re.compile(r"[ \t\r\n]*")
_DELIMITERS = set(" \t\r\n,]}:")
_SHOWN = 60


@parser
def read(file: BinaryIO, lists: Collection[str] = ("",)) -> Iterator[tuple[str, Any]]:
    """Yields the content of a document in its order.

    Args:
      file: The document in UTF-8, with or without a byte order mark.
      lists: Keys of the top level whose lists are read element by element; the empty key stands for
        a document that is itself a list.

    Yields:
      Key and element of these lists, and key and value of all else on the top level. An empty list
      yields nothing. If a key comes twice, both values are yielded.

    Raises:
      FormatError: It is no JSON, no object (or no list, if `lists` has ""), or an element is longer
        than `MAX_VALUE`.
    """
    text = _Text(file)
    first = text.peek()
    if first == "[" and "" in lists:
        for value in _elements(text, "list"):
            yield "", value
    elif first == "{" and set(lists) != {""}:
        yield from _members(text, lists)
    else:
        wanted = "list" if set(lists) == {""} else "object"
        raise text.error(f"no JSON {wanted}, it begins with {text.shown()}")
    if rest := text.peek():
        raise text.error(f"more than one JSON document: {rest!r} follows")


def _members(text: _Text, lists: Collection[str]) -> Iterator[tuple[str, Any]]:
    text.take("{")
    if text.peek() == "}":
        text.take("}")
        return
    while True:
        key = text.value("a key")
        if not isinstance(key, str):
            raise text.error(f"{key!r:.{_SHOWN}} is no key")
        text.take(":")
        if key in lists and text.peek() == "[":
            for value in _elements(text, key):
                yield key, value
        else:
            yield key, text.value(key)
        if text.take(",}") == "}":
            return


def _elements(text: _Text, name: str) -> Iterator[Any]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    number = 0
    while True:
        yield text.value(f"{name}[{number}]")
        number += 1
        if text.take(",]") == "]":
            return


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


class _Text:
    """The text of a file, of which only a section is in memory."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._scan = json.JSONDecoder(parse_constant=_no_number).raw_decode
        self._text = ""
        self._at = 0  # Position in `_text`.
        self._before = 0  # Number of letters that are not in memory any more.
        self._is_all = False

    def peek(self) -> str:
        """Returns the next letter that is not blank; empty at the end."""
        while True:
            blanks = _BLANKS.match(self._text, self._at)
            self._at = blanks.end() if blanks else self._at  # It matches also where there are none.
            if self._at < len(self._text) or not self._more(BLOCK):
                return self._text[self._at : self._at + 1]

    def take(self, wanted: str) -> str:
        """Takes the next letter, which has to be one of the wanted ones."""
        letter = self.peek()
        if not letter or letter not in wanted:
            expected = " or ".join(map(repr, wanted))
            raise self.error(f"{expected} expected, found {self.shown()}")
        self._at += 1
        return letter

    def value(self, name: str) -> Any:
        """Takes the next value."""
        self.peek()
        size = BLOCK
        while True:
            error = None
            try:
                value, end = self._scan(self._text, self._at)
                # A value is complete only if a delimiter follows: `1` may be the beginning of
                # `1.5`.
                if self._text[end : end + 1] in _DELIMITERS or self._is_all:
                    self._at = end
                    return value
            except (ValueError, RecursionError) as e:
                error = e
            if len(self._text) - self._at > MAX_VALUE:
                raise self.error(
                    f"{name}: no JSON value, or one of more than {MAX_VALUE:,} letters"
                )
            if not self._more(size):
                if error is not None:
                    problem = getattr(error, "msg", None) or str(error)
                    if self._at >= len(self._text):
                        problem = "the file ends too early"
                    raise self.error(f"{name}: {problem} ({self.shown()})") from error
            size *= 2  # With steps of one size, a long value would be scanned again and again.

    def _more(self, size: int) -> bool:
        """Reads on; returns False at the end of the file."""
        if self._is_all:
            return False
        content = self._file.read(size)
        try:
            text = self._decode(content, not content)
        except UnicodeDecodeError as e:
            raise self.error(f"not UTF-8 ({e.reason})") from e
        self._before += self._at
        self._text, self._at = self._text[self._at :] + text, 0
        self._is_all = not content
        return not self._is_all or bool(text)

    def shown(self) -> str:
        """Returns a short, printable form of the text that comes next."""
        text = self._text[self._at : self._at + _SHOWN]
        return ascii(text) if text else "the end of the file"

    def error(self, problem: str) -> FormatError:
        return FormatError(f"letter {self._before + self._at:,}: {problem}")
