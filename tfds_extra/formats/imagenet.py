"""ImageNet's lists: names, definitions and hypernyms of synsets, ground truth, reassessed labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tfds_extra.formats import FormatError, parser, reading

_WNID = re.compile(r"n[0-9]{8}")
_SHOWN = 60


@parser
def parse_texts(content: bytes) -> dict[str, str]:
    """Reads words.txt or gloss.txt; returns the texts by wnid.

    Args:
      content: The file: lines of wnid, tab and text, in UTF-8.

    Raises:
      FormatError: A line is something else, or a wnid comes twice.
    """
    found: dict[str, str] = {}
    for place, line in _lines(content):
        wnid, tab, text = line.partition("\t")
        if not tab or not _WNID.fullmatch(wnid) or wnid in found:
            raise FormatError(f"{place}: no wnid, tab and text, or one twice: {_shown(line)}")
        found[wnid] = text
    return found


@parser
def parse_is_a(content: bytes) -> dict[str, list[str]]:
    """Reads wordnet.is_a.txt, which says what each synset is a kind of.

    Args:
      content: The file: lines of the wnid of the more general synset, a blank, and the wnid of the
        synset that is a kind of it.

    Returns:
      The wnids of the more general synsets by wnid, in the order of the file.

    Raises:
      FormatError: A line is something else.
    """
    found: dict[str, list[str]] = {}
    for place, line in _lines(content):
        wnids = line.split(" ")
        if len(wnids) != 2 or not all(map(_WNID.fullmatch, wnids)):
            raise FormatError(f"{place}: no two wnids: {_shown(line)}")
        found.setdefault(wnids[1], []).append(wnids[0])
    return found


@parser
def parse_ground_truth(content: bytes, largest: int) -> list[int]:
    """Reads ILSVRC2012_validation_ground_truth.txt; returns the class of each picture.

    Args:
      content: The file, with a number in each line, in the order of the pictures' names.
      largest: The largest number of a class; the smallest is 1.

    Raises:
      FormatError: A line is something else.
    """
    found = []
    for place, line in _lines(content):
        if not (line.isascii() and line.isdigit() and len(line) < 10 and 1 <= int(line) <= largest):
            raise FormatError(f"{place}: no class from 1 to {largest:,}: {_shown(line)}")
        found.append(int(line))
    return found


@parser
def parse_real(content: bytes, classes: int) -> list[list[int]]:
    """Reads real.json (Beyer et al. 2020); returns the reassessed labels of each picture.

    Args:
      content: The file: a list of lists of labels, in the order of the pictures' names.
      classes: Number of classes.

    Raises:
      FormatError: It is something else.
    """
    with reading("not a list of lists"):
        found = json.loads(content)
    if not isinstance(found, list):
        raise FormatError("not a list of lists")
    for number, labels in enumerate(found):
        is_list = isinstance(labels, list)
        if not is_list or not all(type(one) is int and 0 <= one < classes for one in labels):
            raise FormatError(
                f"entry {number}: no labels from 0 to {classes - 1}: {_shown(labels)}"
            )
    return found


def _lines(content: bytes) -> Iterator[tuple[str, str]]:
    """Yields each line that is not empty, and its place in words."""
    for number, raw in enumerate(content.split(b"\n"), start=1):
        raw = raw.removesuffix(b"\r")
        if raw:
            with reading(f"line {number:,}"):
                yield f"line {number:,}", raw.decode("utf-8")


def _shown(value: object) -> str:
    return ascii(value)[:_SHOWN]
