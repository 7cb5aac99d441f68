"""Reads the text files of LibriSpeech: three tables, transcripts, and two notations of alignments.

Tables (SPEAKERS.TXT, CHAPTERS.TXT, BOOKS.TXT) have comments that begin with `;`, and lines of fields
with `|` between them, padded with blanks:

    14   | F | train-clean-360  | 25.03 | Kristin LeMoine

The last field may hold `|` itself. Fields that are not needed to find a row may be missing.
Transcripts have a line for each utterance of a chapter, with its id and its words:
`4088-158079-0000 AUGUST RIOTS ...`.

Alignments are published as lines of words and the times in seconds at which they end, where an
empty word is silence (https://github.com/CorentinJ/librispeech-alignments):

    84-121123-0000 ",GO,,DO," "0.490,0.890,1.270,1.380,1.490"

and as JSON by utterance (https://github.com/Tom-Brenner/librispeech-phone-alignments):

    {"84-121123-0000.flac": {"words": {"0": {"xmin": 0.0, "xmax": 0.49, "text": ""}, ...}, "phones": ...}}
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

from tfds_extra.formats import FormatError, parser
from tfds_extra.formats.textgrid import RESOLUTION, Interval

_COMMENT = ";"
_UTTERANCE = r"[0-9]{1,9}-[0-9]{1,9}-[0-9]{4,6}"
_TRANSCRIPT_LINE = re.compile(rf"(?P<id>{_UTTERANCE}) (?P<text>\S.*)")
_ALIGNMENT_LINE = re.compile(rf'(?P<id>{_UTTERANCE}) "(?P<words>[^"]*)" "(?P<ends>[^"]*)"\s*')
_NUMBER = re.compile(r"[0-9]{1,12}")
_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,20})?")
_SEXES = ("F", "M")


class Speaker(NamedTuple):
    """A line of SPEAKERS.TXT.

    Attributes:
      sex: "F" or "M".
      subset: Subset of the reader's recordings, such as train-clean-100.
      minutes: Total length of the recordings.
      name: The reader's name on LibriVox.
    """

    sex: str
    subset: str
    minutes: float
    name: str


class Chapter(NamedTuple):
    """A line of CHAPTERS.TXT.

    Attributes:
      minutes: How many minutes of it are used; NaN if the field is missing.
      subset: Subset of the chapter.
      project_id: LibriVox's number of the project; -1 if there is none.
      book_id: Project Gutenberg's number of the book; -1 if there is none.
      title: Title of the chapter.
      project_title: Title of the project.
    """

    minutes: float
    subset: str
    project_id: int
    book_id: int
    title: str
    project_title: str


@parser
def parse_speakers(content: bytes) -> dict[int, Speaker]:
    """Returns the lines of SPEAKERS.TXT by the reader's id.

    Raises:
      FormatError: A line has too few fields, or a field is not what it should be.
    """
    found: dict[int, Speaker] = {}
    for line, fields in _rows(content, 5):
        speaker, sex, subset, minutes, name = fields
        if sex not in _SEXES:
            raise FormatError(f"line {line}: sex {sex[:20]!r} is neither F nor M")
        _add(found, line, speaker, Speaker(sex, subset, _decimal(minutes, line), name))
    return found


@parser
def parse_chapters(content: bytes) -> dict[tuple[int, int], Chapter]:
    """Returns the lines of CHAPTERS.TXT by chapter and reader: several may read a chapter.

    Raises:
      FormatError: A line does not begin with these two ids.
    """
    found: dict[tuple[int, int], Chapter] = {}
    for line, fields in _rows(content, 8, least=2):
        chapter, speaker, minutes, subset, project, book, title, project_title = fields
        row = Chapter(
            float(minutes) if _DECIMAL.fullmatch(minutes) else math.nan,
            subset,
            _optional(project),
            _optional(book),
            title,
            project_title,
        )
        found.setdefault((_integer(chapter, line), _integer(speaker, line)), row)
    return found


@parser
def parse_books(content: bytes) -> dict[int, str]:
    """Returns the titles of BOOKS.TXT by Project Gutenberg's number of the book.

    The text after the title is left out, and so are lines that do not begin with a number.
    """
    found: dict[int, str] = {}
    for _, fields in _rows(content, 2, least=1):
        if (book := _optional(fields[0])) >= 0:
            found.setdefault(book, fields[1].partition("|")[0].strip())
    return found


@parser
def parse_transcript(content: bytes) -> dict[str, str]:
    """Returns the words of each utterance of a chapter, by its id, in order.

    Raises:
      FormatError: A line has no id, or no words, or the id of another line.
    """
    found: dict[str, str] = {}
    for number, line in _lines(content):
        match = _TRANSCRIPT_LINE.fullmatch(line.rstrip())
        if match is None:
            raise FormatError(f"line {number}: not the id and words of an utterance: {line[:60]!r}")
        if match["id"] in found:
            raise FormatError(f"line {number}: {match['id']} is there twice")
        found[match["id"]] = match["text"]
    return found


@parser
def parse_condensed(content: bytes) -> dict[str, list[Interval]]:
    """Reads alignments as lines of words and ends; returns them by utterance, with silences.

    Raises:
      FormatError: A line is something else, or has more words than times, or times that decrease.
    """
    found: dict[str, list[Interval]] = {}
    for number, line in _lines(content):
        match = _ALIGNMENT_LINE.fullmatch(line)
        if match is None:
            raise FormatError(f"line {number}: no alignment of an utterance: {line[:60]!r}")
        words, ends = match["words"].split(","), match["ends"].split(",")
        if len(words) != len(ends):
            raise FormatError(f"line {number}: {len(words)} words, and {len(ends)} times")
        if match["id"] in found:
            raise FormatError(f"line {number}: {match['id']} is there twice")
        start, intervals = 0.0, []
        for word, end in zip(words, ends):
            interval = Interval(start, _decimal(end, number), word)
            if interval.end < start:
                raise FormatError(f"line {number}: {interval.end} s comes after {start} s")
            intervals.append(interval)
            start = interval.end
        found[match["id"]] = intervals
    return found


@parser
def parse_json(content: bytes) -> dict[str, dict[str, list[Interval]]]:
    """Reads alignments as JSON; returns the intervals of `words` and `phones` by utterance.

    Raises:
      FormatError: It is something else, or times decrease.
    """
    found = {}
    for name, tiers in _object(json.loads(content), "the file").items():
        # Ids are file names with any suffix.
        utterance = name.rpartition("/")[2].partition(".")[0]
        if not re.fullmatch(_UTTERANCE, utterance):
            raise FormatError(f"{name[:60]!r} is not the name of an utterance")
        found[utterance] = {
            tier: _intervals(_object(tiers, utterance).get(tier, {}), f"{utterance}: {tier}")
            for tier in ("words", "phones")
        }
    return found


def _intervals(tier: Any, place: str) -> list[Interval]:
    """Returns the intervals of a tier; its keys are their numbers."""
    numbered = _object(tier, place)
    found: list[Interval] = []
    for key in sorted(numbered, key=lambda key: _integer(key, place)):
        one = _object(numbered[key], f"{place} {key}")
        values: list[Any] = [one.get(name) for name in ("xmin", "xmax", "text")]
        start, end, text = values
        times = (start, end)
        if not isinstance(text, str) or not all(
            isinstance(t, (int, float)) and not isinstance(t, bool) and math.isfinite(t)
            for t in times
        ):
            raise FormatError(f"{place} {key[:20]}: not xmin, xmax and text")
        if end < start or (found and start < found[-1].end - RESOLUTION):
            raise FormatError(f"{place} {key[:20]}: times run backwards at {start} s")
        found.append(Interval(float(start), float(end), text))
    return found


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormatError(f"{place}: {type(value).__name__} in place of an object")
    return value


def _lines(content: bytes) -> list[tuple[int, str]]:
    """Returns number and text of all lines that are not empty, from UTF-8 or else Latin-1."""
    found = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            text = line.decode("latin-1")
        if text := text.strip("\r"):
            found.append((number, text))
    return found


def _rows(content: bytes, count: int, least: int | None = None) -> list[tuple[int, list[str]]]:
    """Returns line number and fields of each row; further `|` belong to the last field.

    Args:
      content: The table.
      count: Number of fields.
      least: How many fields there must be, by default all; missing ones are empty.
    """
    found = []
    for number, line in _lines(content.removeprefix(b"\xef\xbb\xbf")):
        if line.startswith(_COMMENT) or not line.strip():
            continue
        fields = [field.strip() for field in line.split("|", count - 1)]
        if len(fields) < (least or count):
            raise FormatError(f"line {number}: {len(fields)} fields, not {count}: {line[:60]!r}")
        found.append((number, fields + [""] * (count - len(fields))))
    return found


def _add(found: dict[int, Any], line: int, key: str, row: Any) -> None:
    number = _integer(key, line)
    if number in found:
        raise FormatError(f"line {line}: {number} is there twice")
    found[number] = row


def _integer(text: str, place: int | str) -> int:
    if not _NUMBER.fullmatch(text):
        place = f"line {place}" if isinstance(place, int) else place
        raise FormatError(f"{place}: {text[:20]!r} is no whole number")
    return int(text)


def _optional(text: str) -> int:
    """Returns a number; -1 for anything else."""
    return int(text) if _NUMBER.fullmatch(text) else -1


def _decimal(text: str, line: int) -> float:
    if not _DECIMAL.fullmatch(text):
        raise FormatError(f"line {line}: {text[:20]!r} is no number")
    return float(text)
