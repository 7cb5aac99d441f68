"""Reads WordNet's database files (WNDB): `data.*`, `index.*`, `index.sense`, `*.exc` and others.

The formats are those of the manual pages wndb(5WN), senseidx(5WN) and cntlist(5WN). Princeton's
files are ASCII; later ones in the same format are UTF-8. In `data.*`, the byte at which a line
begins identifies the synset. Each line is checked for that, so that files whose bytes somebody
changed are refused.

Two uses of the format are not in its manual pages and are read as well: lexicographer ids of two
hexadecimal digits, which Open English WordNet has, and files without the header of licence lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tfds_extra.formats import FormatError, parser, reading

# Lexicographer files, in the order of their numbers (lexnames(5WN)).
LEXFILES = (
    "adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact",
    "noun.attribute", "noun.body", "noun.cognition", "noun.communication", "noun.event",
    "noun.feeling", "noun.food", "noun.group", "noun.location", "noun.motive", "noun.object",
    "noun.person", "noun.phenomenon", "noun.plant", "noun.possession", "noun.process",
    "noun.quantity", "noun.relation", "noun.shape", "noun.state", "noun.substance", "noun.time",
    "verb.body", "verb.change", "verb.cognition", "verb.communication", "verb.competition",
    "verb.consumption", "verb.contact", "verb.creation", "verb.emotion", "verb.motion",
    "verb.perception", "verb.possession", "verb.social", "verb.stative", "verb.weather", "adj.ppl",
)  # fmt: skip
# The suffix of file names, by part of speech.
FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
# The number that a sense key has for a type of synset; "s" are satellites of adjectives.
SS_TYPES = {"n": 1, "v": 2, "a": 3, "r": 4, "s": 5}
# Pointers to what a synset is a kind, or an instance, of.
HYPERNYMS = ("@", "@i")

_OFFSET = re.compile(r"[0-9]{8}")
_MARKER = re.compile(r"(.+)\((a|p|ip)\)", re.DOTALL)
_KEY = re.compile(r"\S+%[1-5]:[0-9]{2}:[0-9]{2,3}:\S*:(?:[0-9]{2,3})?")
_LONGEST_KEY = 500  # Published ones have up to 100 letters.


class Word(NamedTuple):
    """A word of a synset.

    Attributes:
      text: As written, with `_` for a space.
      lex_id: Number that distinguishes it from the same word elsewhere in its lexicographer file.
      marker: Where an adjective may stand: "a" before a noun, "p" in a predicate, "ip" right behind a
        noun; else empty.
    """

    text: str
    lex_id: int
    marker: str


class Pointer(NamedTuple):
    """A relation of a synset, or of one of its words.

    Attributes:
      symbol: Its kind, such as "@" for hypernym.
      offset: Offset of the other synset.
      pos: Part of speech of the other synset: n, v, a or r.
      source: Number of the word in this synset, from 1; 0 for the synset.
      target: Number of the word in the other synset, from 1; 0 for the synset.
    """

    symbol: str
    offset: int
    pos: str
    source: int
    target: int


class Synset(NamedTuple):
    """A line of `data.*`.

    Attributes:
      offset: The byte that its line begins at.
      lexfile: Number of its lexicographer file, see `LEXFILES`.
      ss_type: n, v, a, r, or s for a satellite of an adjective.
      words: In published order.
      pointers: In published order.
      frames: Numbers of verb frames, each with the number of the word it holds for; 0 for all.
      gloss: As published, without the spaces at its end.
      line: Number of the line, from 1.
    """

    offset: int
    lexfile: int
    ss_type: str
    words: list[Word]
    pointers: list[Pointer]
    frames: list[tuple[int, int]]
    gloss: str
    line: int

    @property
    def id(self) -> str:
        """Its usual name, such as `00001740-n`."""
        return f"{self.offset:08}-{self.ss_type}"

    @property
    def wnid(self) -> str:
        """Of a noun of WordNet 3.0, its name in ImageNet, such as `n01440764`; else empty."""
        return f"n{self.offset:08}" if self.ss_type == "n" else ""

    @property
    def hypernyms(self) -> list[Pointer]:
        """Pointers to the synsets that it is a kind of, then to those that it is an instance of."""
        return [p for symbol in HYPERNYMS for p in self.pointers if p.symbol == symbol]


class IndexEntry(NamedTuple):
    """A line of `index.*`.

    Attributes:
      lemma: In lower case, with `_` for a space.
      symbols: Kinds of pointers that its synsets have.
      tagged: How many of its senses were found in tagged texts; they come first.
      offsets: Offsets of its synsets, in the order of sense numbers.
      line: Number of the line, from 1.
    """

    lemma: str
    symbols: list[str]
    tagged: int
    offsets: list[int]
    line: int


class Exceptions(NamedTuple):
    """A line of `*.exc`: an inflected form and its base forms."""

    form: str
    bases: list[str]
    line: int


class Gloss(NamedTuple):
    """A gloss taken apart.

    Attributes:
      definition: The text outside of quotation marks.
      examples: The texts in quotation marks, each with the name of its author, or an empty text.
      is_irregular: Whether quotation marks do not pair, or text stands where none is expected, so that
        definition and examples may be cut wrongly.
    """

    definition: str
    examples: list[tuple[str, str]]
    is_irregular: bool


@parser
def parse_data(content: bytes, pos: str) -> list[Synset]:
    """Returns the synsets of `data.noun`, `data.verb`, `data.adj` or `data.adv`.

    Args:
      content: The file.
      pos: Part of speech of the file: n, v, a or r.

    Raises:
      FormatError: A line does not follow the format, or does not begin where it says.
    """
    kinds = {"a": ("a", "s")}.get(pos, (pos,))
    return [_synset(text, line, offset, kinds) for line, offset, text in _lines(content, True)]


def _lines(content: bytes, ends_in_newline: bool = False) -> Iterator[tuple[int, int, str]]:
    """Yields number, first byte and text of each line after the header."""
    if not content:
        raise FormatError("the file is empty")
    if ends_in_newline and not content.endswith(b"\n"):
        raise FormatError("truncated: the last line has no end")
    at, is_header = 0, True
    for number, raw in enumerate(content.split(b"\n"), 1):
        is_header = is_header and raw.startswith(b"  ")
        if raw and not is_header:
            try:
                yield number, at, raw.decode("utf-8")
            except UnicodeDecodeError:
                raise FormatError(f"line {number}: not UTF-8") from None
        elif not raw and at < len(content):
            raise FormatError(f"line {number}: it is empty")
        at += len(raw) + 1


def _synset(text: str, line: int, at: int, kinds: tuple[str, ...]) -> Synset:
    with reading(f"line {line}"):
        head, separator, gloss = text.partition(" |")
        if not separator:
            raise FormatError("there is no gloss, which begins with |")
        fields = iter(head.split(" "))
        try:
            synset = _fields(fields, gloss.removeprefix(" ").rstrip(" \r"), line, at, kinds, text)
        except StopIteration:
            raise FormatError("it is shorter than its counts say") from None
        if next(fields, None) is not None:
            raise FormatError("it is longer than its counts say")
    return synset


def _fields(
    fields: Iterator[str], gloss: str, line: int, at: int, kinds: tuple[str, ...], text: str
) -> Synset:
    """Returns a synset from the fields before its gloss."""
    offset = next(fields)
    if not _OFFSET.fullmatch(offset):
        raise FormatError(f"{offset!r} is no offset of 8 digits")
    if int(offset) != at:
        hint = "; line ends were converted" if text.endswith("\r") else ""
        raise FormatError(
            f"it says that it begins at byte {int(offset)}, and begins at {at}: bytes before it were"
            f" changed{hint}"
        )
    lexfile, ss_type = _number(next(fields), 2, len(LEXFILES) - 1), next(fields)
    if ss_type not in kinds:
        raise FormatError(f"a synset of type {ss_type!r}, expected {' or '.join(kinds)}")
    words = [_word(next(fields), next(fields), ss_type) for _ in range(_hex(next(fields), 2))]
    if not words:
        raise FormatError("there is no word in it")
    pointers = []
    for _ in range(_number(next(fields), 3)):
        symbol, target, pos, numbers = next(fields), next(fields), next(fields), next(fields)
        if not _OFFSET.fullmatch(target) or pos not in FILES:
            # Files of Open English WordNet give satellites their own letter.
            if pos != "s" or not _OFFSET.fullmatch(target):
                raise FormatError(f"pointer {symbol} to {target!r}, {pos!r}")
        both = _hex(numbers, 4)
        if both >> 8 > len(words):
            raise FormatError(f"pointer {symbol} from word {both >> 8}, of {len(words)}")
        pos = "a" if pos == "s" else pos
        pointers.append(Pointer(symbol, int(target), pos, both >> 8, both & 255))
    frames = []
    if ss_type == "v" and (count := next(fields, None)) is not None:
        for _ in range(_number(count, 2)):
            if (plus := next(fields)) != "+":
                raise FormatError(f"{plus!r} before a frame, expected +")
            frame, word = _number(next(fields), 2), _hex(next(fields), 2)
            if word > len(words):
                raise FormatError(f"frame {frame} of word {word}, of {len(words)}")
            frames.append((frame, word))
    return Synset(int(offset), lexfile, ss_type, words, pointers, frames, gloss, line)


def _word(text: str, lex_id: str, ss_type: str) -> Word:
    marker = ""
    if ss_type in "as" and (match := _MARKER.fullmatch(text)):
        text, marker = match[1], match[2]
    if not text:
        raise FormatError("a word is empty")
    return Word(text, _hex(lex_id, len(lex_id) if len(lex_id) == 2 else 1), marker)


def _number(text: str, digits: int, largest: int | None = None) -> int:
    """Reads a decimal number of at least `digits` digits."""
    if not (text.isascii() and text.isdigit() and digits <= len(text) <= 9):
        raise FormatError(f"{text!r} is no number" + (f" of {digits} digits" if digits else ""))
    value = int(text)
    if largest is not None and value > largest:
        raise FormatError(f"{text!r} is above {largest}")
    return value


def _hex(text: str, digits: int) -> int:
    if len(text) == digits and text.isalnum():  # Python's int takes signs and underscores, too.
        try:
            return int(text, 16)
        except ValueError:
            pass
    raise FormatError(f"{text!r} is no hexadecimal number of {digits} digits")


@parser
def parse_index(content: bytes, pos: str) -> list[IndexEntry]:
    """Returns the lemmas of `index.noun`, `index.verb`, `index.adj` or `index.adv`.

    Args:
      content: The file.
      pos: Part of speech of the file: n, v, a or r.

    Raises:
      FormatError: A line does not follow the format, or a lemma comes twice.
    """
    found: dict[str, IndexEntry] = {}
    for line, _, text in _lines(content, True):
        with reading(f"line {line}"):
            lemma, kind, *fields = text.split()
            if kind != pos:
                raise FormatError(f"a lemma of type {kind!r}, expected {pos}")
            count, symbols = _number(fields[0], 0), _number(fields[1], 0)
            rest = fields[2 + symbols :]
            offsets = rest[2:]
            if not count or _number(rest[0], 0) != count or len(offsets) != count:
                raise FormatError(f"{count} synsets, {rest[0]} senses and {len(offsets)} offsets")
            if not all(map(_OFFSET.fullmatch, offsets)) or len(set(offsets)) != count:
                raise FormatError("its offsets are not different numbers of 8 digits")
            if lemma in found:
                raise FormatError(f"{lemma!r} comes twice")
            tagged = _number(rest[1], 0, count)
            symbols_found = fields[2 : 2 + symbols]
            found[lemma] = IndexEntry(lemma, symbols_found, tagged, list(map(int, offsets)), line)
    return list(found.values())


@parser
def parse_senses(content: bytes) -> dict[str, tuple[int, int, int]]:
    """Reads `index.sense`; returns offset, sense number and tag count by sense key.

    Raises:
      FormatError: A line does not follow the format, or a key comes twice.
    """
    found: dict[str, tuple[int, int, int]] = {}
    for line, _, text in _lines(content, True):
        with reading(f"line {line}"):
            key, offset, number, count = text.split()
            _check_key(key, found)
            if not _OFFSET.fullmatch(offset):
                raise FormatError(f"{offset!r} is no offset of 8 digits")
            found[key] = int(offset), _number(number, 0), _number(count, 0)
    return found


@parser
def parse_counts(content: bytes) -> dict[str, int]:
    """Reads `cntlist.rev`; returns how often a sense was tagged, by sense key.

    Raises:
      FormatError: A line does not follow the format, or a key comes twice.
    """
    found: dict[str, int] = {}
    for line, _, text in _lines(content, True):
        with reading(f"line {line}"):
            key, number, count = text.split()
            _check_key(key, found)
            _number(number, 0)
            found[key] = _number(count, 0)
    return found


def _check_key(key: str, found: Mapping[str, object]) -> None:
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise FormatError(f"{key!r} is no sense key")
    if key in found:
        raise FormatError(f"{key!r} comes twice")


@parser
def parse_exceptions(content: bytes) -> list[Exceptions]:
    """Returns the lines of `noun.exc`, `verb.exc`, `adj.exc` or `adv.exc`; some forms have several.

    Raises:
      FormatError: A line has no base form.
    """
    found = []
    for line, _, text in _lines(content, True):
        form, *bases = text.split()
        if not bases:
            raise FormatError(f"line {line}: {form!r} has no base form")
        found.append(Exceptions(form, bases, line))
    return found


@parser
def parse_texts(content: bytes) -> dict[int, str]:
    """Reads verb frames (`verb.Framestext`, `frames.vrb`) or sentences (`sents.vrb`), by number.

    Raises:
      FormatError: A line has no number, or one that comes twice.
    """
    found: dict[int, str] = {}
    for line, _, text in _lines(content, True):
        number, _, rest = text.partition(" ")
        with reading(f"line {line}"):
            if (key := _number(number, 0)) in found:
                raise FormatError(f"number {key} comes twice")
            if not rest.strip():
                raise FormatError("there is no text")
            found[key] = rest.strip()
    return found


@parser
def parse_sentence_index(content: bytes) -> dict[str, list[int]]:
    """Reads `sentidx.vrb`; returns numbers of example sentences by sense key; a list may be empty.

    Raises:
      FormatError: A line does not follow the format, or a key comes twice.
    """
    found: dict[str, list[int]] = {}
    for line, _, text in _lines(content, True):
        with reading(f"line {line}"):
            key, _, numbers = text.strip().partition(" ")
            _check_key(key, found)
            found[key] = [_number(number, 0) for number in numbers.replace(",", " ").split()]
    return found


@parser
def parse_gloss(gloss: str) -> Gloss:
    """Takes a gloss apart: a definition, then examples in quotation marks.

    In an irregular gloss, quotation marks are paired from the left, as NLTK does it, and the result
    says that it is irregular. An attribution after an example ("- Thomas Paine") belongs to the
    example.
    """
    outside, examples = [], []
    parts = gloss.split('"')
    irregular = len(parts) % 2 == 0
    for number, part in enumerate(parts):
        if number % 2 and number == len(parts) - 1:
            outside.append(f'"{part}')  # This mark is never closed.
        elif number % 2:
            before = parts[number - 1].strip()
            irregular |= number == 1 and bool(before) and before[-1] not in ";:,."
            examples.append((part, ""))
        elif number and (source := _attribution(part)):
            examples[-1] = (examples[-1][0], source)
        else:
            irregular |= number > 0 and bool(part.strip(" ;,:."))
            outside.append(part)
    return Gloss("".join(outside).strip().strip("; "), examples, irregular)


def _attribution(text: str) -> str:
    """Returns the author whom the text after an example names; empty if there is none."""
    text = text.strip().removesuffix(";").rstrip()
    name = text.lstrip("-").strip()
    return name if text.startswith("-") and ";" not in name else ""
