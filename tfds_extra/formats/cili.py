"""Maps of the Collaborative Interlingual Index (CILI): ids of concepts for the synsets of a wordnet."""

from __future__ import annotations

import re

from tfds_extra.formats import FormatError, parser

_ROW = re.compile(r"(i[0-9]{1,9})\t([0-9]{8}-[nvars])")


@parser
def parse_map(content: bytes) -> dict[str, list[str]]:
    """Reads a map such as `ili-map-pwn30.tab`, with rows such as `i1<TAB>00001740-a`.

    Returns:
      Ids such as "i1" by synset, such as "00001740-a"; "s" is the type of satellites. A synset of
      WordNet 3.1 has two ids if it was two synsets in 3.0.

    Raises:
      FormatError: A row has another form, or comes twice.
    """
    found: dict[str, list[str]] = {}
    text = content.decode("utf-8")
    if not text.endswith("\n"):
        raise FormatError("truncated: the last line has no end" if text else "the file is empty")
    for line, row in enumerate(text.split("\n")[:-1], 1):
        if not (match := _ROW.fullmatch(row.rstrip("\r"))):
            raise FormatError(f"line {line}: {row[:60]!r} is no id and synset")
        ids = found.setdefault(match[2], [])
        if match[1] in ids:
            raise FormatError(f"line {line}: {row!r} comes twice")
        ids.append(match[1])
    return found
