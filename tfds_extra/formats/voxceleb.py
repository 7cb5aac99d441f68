"""The lists of VoxCeleb: speakers, the identification split, and verification trials.

Speakers come as a table with a header, in several published forms. VoxCeleb1's is tab-separated:

    VoxCeleb1 ID	VGGFace1 ID	Gender	Nationality	Set
    id10001	A.J._Buckley	m	Ireland	dev

VoxCeleb2's has a byte order mark, and commas with a blank before each; or tabs, and a name in the
first column. The header tells which. Copies that a spreadsheet has saved, with whole rows in quotes
and CRLF, are read as well.

The other lists have a line for each utterance, `1 id10006/nLEBBc9oIFs/00003.wav`, where 1, 2 and 3 are
train, validation and test, or for each trial, `1 <path> <path>`, where 1 is the same speaker twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tfds_extra.formats import FormatError, parser

_BOM = b"\xef\xbb\xbf"
_BLOCK = 1 << 20  # So many bytes of a list of trials are read at once.
_MAX_LINE = 1 << 10
_GENDERS, _PARTITIONS = ("m", "f"), ("dev", "test")
# Published names of columns, and our names for their content.
_COLUMNS = {
    "VoxCeleb1 ID": "id", "VoxCeleb2 ID": "id", "VGGFace1 ID": "vggface_id", "VGGFace2 ID": "vggface_id",
    "Name": "name", "Gender": "gender", "Nationality": "nationality", "Set": "partition",
}  # fmt: skip
_NEEDED = {"id", "vggface_id", "gender", "partition"}
_SPEAKER = re.compile(r"id[0-9]{5}")
_ID = r"id[0-9]{5}/[A-Za-z0-9_-]{11}/[0-9]{5}"
_UTTERANCES = re.compile(rf"^([1-3]) ({_ID})\.wav\r?$", re.MULTILINE)
_TRIALS = re.compile(rf"^([01]) ({_ID})\.wav ({_ID})\.wav\r?$", re.MULTILINE)


class Speaker(NamedTuple):
    """A row of a table of speakers.

    Attributes:
      name: Name with `_` for blanks; empty if the table has none.
      vggface_id: Id in VGGFace, which is the name, or in VGGFace2, such as n000012.
      gender: "m" or "f".
      nationality: A country; empty if the table has none.
      partition: "dev" or "test".
    """

    name: str
    vggface_id: str
    gender: str
    nationality: str
    partition: str


class Trials(NamedTuple):
    """Trials in order, with one entry for each trial.

    Attributes:
      is_same: Whether both utterances are of the same speaker, 0 or 1.
      enrol: Ids of the first utterances, such as id10270/x6uYqmx31kE/00001.
      test: Ids of the second utterances.
    """

    is_same: list[int]
    enrol: list[str]
    test: list[str]


@parser
def parse_speakers(content: bytes) -> dict[str, Speaker]:
    """Returns the rows of a table of speakers by their ids, in the table's order.

    Args:
      content: vox1_meta.csv or vox2_meta.csv, in any of its forms.

    Raises:
      FormatError: It has another header, or a row is not what it should be; the message says which.
    """
    lines = content.removeprefix(_BOM).decode("utf-8").splitlines()
    if not lines:
        raise FormatError("line 1: no header, the table is empty")
    separator = "\t" if "\t" in lines[0] else ","
    header = [_COLUMNS.get(cell, "") for cell in _cells(lines[0], separator)]
    if not _NEEDED <= set(header):
        raise FormatError(f"line 1: not the header of a table of speakers: {lines[0][:80]!r}")
    faces_are_names = "VGGFace1" in lines[0]
    found: dict[str, Speaker] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = _cells(line, separator)
        if len(cells) != len(header):
            raise FormatError(f"line {number}: {len(cells)} cells, not {len(header)}")
        row = dict(zip(header, cells))
        speaker = row["id"]
        if not _SPEAKER.fullmatch(speaker):
            raise FormatError(f"line {number}: {speaker[:20]!r} is no id of a speaker")
        if speaker in found:
            raise FormatError(f"line {number}: {speaker} is there twice")
        for column, values in (("gender", _GENDERS), ("partition", _PARTITIONS)):
            if row[column] not in values:
                raise FormatError(
                    f"line {number}: {column} {row[column][:20]!r} is not {' or '.join(values)}"
                )
        name = row["vggface_id"] if faces_are_names else row.get("name", "")
        found[speaker] = Speaker(
            name, row["vggface_id"], row["gender"], row.get("nationality", ""), row["partition"]
        )
    return found


@parser
def parse_identification(content: bytes) -> dict[str, int]:
    """Reads iden_split.txt; returns 1 (train), 2 (validation) or 3 (test) by utterance.

    Raises:
      FormatError: A line has another form, or an utterance is there twice; the message says which.
    """
    text = _ascii(content, 1)
    rows = _UTTERANCES.findall(text)
    _check_all_lines(text, _UTTERANCES, len(rows), 1)
    found = {utterance: int(part) for part, utterance in rows}
    if len(found) != len(rows):
        seen: set[str] = set()
        for number, (_, utterance) in enumerate(rows, start=1):
            if utterance in seen:
                raise FormatError(f"line {number}: {utterance} is there twice")
            seen.add(utterance)
    return found


@parser
def read_trials(file: BinaryIO) -> Iterator[Trials]:
    """Yields the trials of a list, many at a time.

    Args:
      file: The list, from its beginning. Of its methods, only `read` is called.

    Raises:
      FormatError: A line is no trial; the message says which.
    """
    held, number = b"", 1
    while True:
        more = file.read(_BLOCK)
        content = held + more
        end = content.rfind(b"\n") + 1 if more else len(content)
        held = content[end:]
        if len(held) > _MAX_LINE:
            raise FormatError(f"line {number}: it is longer than {_MAX_LINE:,} bytes")
        text = _ascii(content[:end], number)
        rows = _TRIALS.findall(text)
        _check_all_lines(text, _TRIALS, len(rows), number)
        if rows:
            same, enrol, test = zip(*rows)
            yield Trials([int(one) for one in same], list(enrol), list(test))
            number += len(rows)
        if not more:
            return


def _cells(line: str, separator: str) -> list[str]:
    """Returns the cells of a row without blanks around them; the whole row may be in quotes."""
    if len(line) > 1 and line.startswith('"') and line.endswith('"') and separator == "\t":
        line = line[1:-1]
    return [cell.strip() for cell in line.split(separator)]


def _ascii(content: bytes, number: int) -> str:
    """Returns lines as text; raises if they are not ASCII. `number` is that of the first line."""
    try:
        return content.decode("ascii")
    except UnicodeDecodeError as e:
        line = number + content.count(b"\n", 0, e.start)
        raise FormatError(f"line {line}: {content[e.start : e.start + 8]!r} is not ASCII") from e


def _check_all_lines(text: str, pattern: re.Pattern[str], matched: int, number: int) -> None:
    """Raises if the pattern does not match every line.

    Args:
      text: The lines.
      pattern: Pattern of one line.
      matched: Number of lines that it matches.
      number: Number of the first line.
    """
    if matched == text.count("\n") + (bool(text) and not text.endswith("\n")):
        return
    for line in text.split("\n"):
        if not pattern.fullmatch(line):
            raise FormatError(f"line {number}: not a line of this list: {line[:80]!r}")
        number += 1
