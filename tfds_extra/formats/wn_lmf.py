"""Reads WN-LMF, the XML in which wordnets of the Global WordNet Association are published.

It is read element by element with expat, so that only the caller's objects take memory. A document
type is allowed, as published files have one; it is never fetched. A document type with entities is
refused, since they could make a small XML file expand to gigabytes, or read other files.

Versions 1.0 to 1.4 and the "relaxed" one of 2019 and 2020 are read. Elements that no version has are refused;
attributes of no use here are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple
from xml.parsers import expat

from tfds_extra.formats import FormatError, parser

_BLOCK = 1 << 18
# All other entities need a declaration. Expat silently passes over an unknown entity in an
# attribute, because the document type, which is not read, might declare it.
_ENTITY = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z_:][-\w.:]{0,60};")
_OVERLAP = 64
# Elements whose text is wanted.
_TEXTS = frozenset(("Definition", "ILIDefinition", "Example", "Pronunciation", "Count"))
# The parents that each element may have. Other elements of the published DTDs hold nothing of use
# here, and are in `_PASSED`.
_INSIDE = {
    "LexicalResource": ("",),
    "Lexicon": ("LexicalResource",),
    "LexicalEntry": ("Lexicon",),
    "Synset": ("Lexicon",),
    "SyntacticBehaviour": ("Lexicon", "LexicalEntry"),
    "Lemma": ("LexicalEntry",),
    "Form": ("LexicalEntry",),
    "Sense": ("LexicalEntry",),
    "Pronunciation": ("Lemma", "Form"),
    "SenseRelation": ("Sense",),
    "Count": ("Sense",),
    "Definition": ("Synset",),
    "ILIDefinition": ("Synset",),
    "SynsetRelation": ("Synset",),
    "Example": ("Synset", "Sense"),
}
_PASSED = frozenset(("Tag", "Requires", "Extends"))


class Lexicon(NamedTuple):
    """A wordnet of the file.

    Attributes:
      id: Such as "oewn", which ids of its synsets begin with.
      version: Such as "2025".
      label: Its name.
    """

    id: str
    version: str
    label: str


class Relation(NamedTuple):
    """A relation of a synset or a sense.

    Attributes:
      type: Its type, such as "hypernym". For "other" it is the value of dc:type, if that is stated.
      target: Id of the synset or sense.
    """

    type: str
    target: str


class Sense(NamedTuple):
    """A sense of an entry.

    Attributes:
      id: Unique in the file.
      synset: Id of its synset.
      identifier: The stated sense key (dc:identifier); empty for none.
      number: The stated position (`n`), from 0 or 1; -1 for none.
      marker: Where an adjective may stand (`adjposition`): a, p or ip.
      frames: Ids of verb frames (`subcat`).
      relations: In published order.
      count: Sum of the stated counts.
    """

    id: str
    synset: str
    identifier: str
    number: int
    marker: str
    frames: list[str]
    relations: list[Relation]
    count: int  # type: ignore[assignment]  # Nobody counts values in a sense.


class Pronunciation(NamedTuple):
    """The pronunciation of a word, mostly in IPA, and the variety of English ("GB"), if stated."""

    text: str
    variety: str


class Entry(NamedTuple):
    """A lexical entry: a lemma, one part of speech, and its senses.

    Attributes:
      id: Unique in the file.
      lemma: As written, with spaces.
      pos: n, v, a, r, s, or another letter of the format.
      forms: Irregular inflections.
      pronunciations: Pronunciations of the lemma.
      senses: In published order.
      line: Number of the line that it begins at, from 1.
    """

    id: str
    lemma: str
    pos: str
    forms: list[str]
    pronunciations: list[Pronunciation]
    senses: list[Sense]
    line: int


class Synset(NamedTuple):
    """A synset.

    Attributes:
      id: Such as "oewn-00001740-n".
      ili: Id in CILI; "in" for one that is proposed; empty for none.
      pos: n, v, a, r, s, or another letter of the format.
      lexfile: Name of its lexicographer file (`lexfile`, or `dc:subject`); empty for none.
      members: Ids of its entries, or senses, in order; empty where the file does not say.
      definitions: In published order; like all texts without white space at their ends.
      proposed: Its definition for CILI; empty for none.
      examples: Texts, each with its source (`dc:source`), or an empty text.
      source: Source of the synset (`dc:source`).
      relations: In published order.
      line: Number of the line that it begins at, from 1.
    """

    id: str
    ili: str
    pos: str
    lexfile: str
    members: list[str]
    definitions: list[str]
    proposed: str
    examples: list[tuple[str, str]]
    source: str
    relations: list[Relation]
    line: int


class Behaviour(NamedTuple):
    """A verb frame.

    Attributes:
      id: Such as "vtai"; empty in old versions.
      frame: Such as "Somebody ----s something".
      senses: In old versions, ids of the senses that it holds for.
      entry: In old versions, id of the entry that contains it; empty for none.
    """

    id: str
    frame: str
    senses: list[str]
    entry: str


@parser
def read(file: BinaryIO) -> Iterator[Lexicon | Entry | Synset | Behaviour]:
    """Yields the content of a file, in its order.

    Args:
      file: The XML, not compressed.

    Raises:
      FormatError: It is not well-formed, is cut, is not WN-LMF, or declares entities.
    """
    reader = _Reader()
    while block := file.read(_BLOCK):
        reader.feed(block)
        yield from reader.taken()
    reader.feed(b"", is_last=True)
    yield from reader.taken()


class _Reader:
    """Handlers of expat, which collect complete elements."""

    def __init__(self) -> None:
        self._expat = expat.ParserCreate("UTF-8")
        self._expat.XmlDeclHandler = self._declaration
        self._expat.buffer_text = True
        self._expat.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters
        self._expat.EntityDeclHandler = self._entity
        self._expat.ExternalEntityRefHandler = self._entity  # type: ignore[assignment]  # It raises.
        self._expat.SkippedEntityHandler = self._entity
        self._open: list[tuple[str, dict[str, str], int]] = []
        self._text: list[str] = []
        self._parts: dict[str, list[Any]] = {}  # Parts of the open entry or synset.
        self._of_sense: dict[str, list[Any]] = {}
        self._found: list[Any] = []
        self._ids: set[str] = set()
        self._tail = b""

    def feed(self, block: bytes, is_last: bool = False) -> None:
        if _ENTITY.search(self._tail + block):
            raise self._error("the file uses entities, which no published file does")
        self._tail = block[-_OVERLAP:]
        try:
            self._expat.Parse(block, is_last)
        except expat.ExpatError as e:
            what = expat.errors.messages.get(e.code, "an error")
            raise FormatError(f"line {e.lineno}: not well-formed XML ({what})") from None

    def taken(self) -> list[Any]:
        found, self._found = self._found, []
        return found

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding and encoding.lower() not in ("utf-8", "us-ascii"):
            raise self._error(f"the encoding {encoding[:40]!r}, WN-LMF is UTF-8")

    def _entity(self, *_: Any) -> None:
        raise self._error("the file declares entities, which no published file does")

    def _error(self, problem: str) -> FormatError:
        return FormatError(f"line {self._expat.CurrentLineNumber}: {problem}")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        inside = self._open[-1][0] if self._open else ""
        if name not in _PASSED and inside not in _INSIDE.get(name, ()):
            where = f"in {inside}" if inside else "at the root"
            raise self._error(f"an element {name} {where}: not WN-LMF")
        if name in _PASSED and not inside:
            raise self._error(f"an element {name} at the root: not WN-LMF")
        self._open.append((name, attributes, self._expat.CurrentLineNumber))
        if name in _TEXTS:
            self._text = []
        elif name == "Lexicon":
            get = attributes.get
            self._add(Lexicon(self._wanted("id"), get("version", ""), get("label", "")))
        elif name in ("LexicalEntry", "Synset"):
            self._parts = {}
        elif name == "Sense":
            self._of_sense = {}

    def _characters(self, text: str) -> None:
        if self._open and self._open[-1][0] in _TEXTS:
            self._text.append(text)

    def _wanted(self, attribute: str) -> str:
        """Returns an attribute that the innermost element must have."""
        name, attributes, _ = self._open[-1]
        if not (value := attributes.get(attribute)):
            raise self._error(f"{name} has no {attribute}")
        return value

    def _id(self) -> str:
        value = self._wanted("id")
        if value in self._ids:
            raise self._error(f"the id {value!r} comes twice")
        self._ids.add(value)
        return value

    def _add(self, item: Any) -> None:
        self._found.append(item)

    def _part(self, kind: str, value: Any) -> None:
        of_sense = any(name == "Sense" for name, *_ in self._open)
        (self._of_sense if of_sense else self._parts).setdefault(kind, []).append(value)

    def _end(self, name: str) -> None:
        attributes, line = self._open[-1][1:]
        if name == "Lemma":
            self._part(name, (self._wanted("writtenForm"), self._wanted("partOfSpeech")))
        elif name == "Form":
            self._part(name, self._wanted("writtenForm"))
        elif name == "Pronunciation":
            if self._open[-2][0] == "Lemma":
                text = "".join(self._text).strip()
                self._part(name, Pronunciation(text, attributes.get("variety", "")))
        elif name in ("SenseRelation", "SynsetRelation"):
            kind = self._wanted("relType")
            kind = (_dc(attributes, "type") or kind) if kind == "other" else kind
            self._part("Relation", Relation(kind, self._wanted("target")))
        elif name == "Count":
            self._part(name, self._number("".join(self._text).strip()))
        elif name == "Example":
            # A few wordnets have examples of single senses; those do not belong to the synset.
            self._part(name, ("".join(self._text).strip(), _dc(attributes, "source")))
        elif name in _TEXTS:
            self._part(name, "".join(self._text).strip())
        elif name == "Sense":
            sense = self._sense(attributes)
            self._open.pop()
            self._part(name, sense)
            return
        elif name == "LexicalEntry":
            self._add(self._entry(line))
        elif name == "Synset":
            self._add(self._synset(attributes, line))
        elif name == "SyntacticBehaviour":
            outer = self._open[-2]
            entry = outer[1].get("id", "") if outer[0] == "LexicalEntry" else ""
            frame = self._wanted("subcategorizationFrame")
            senses = attributes.get("senses", "").split()
            self._add(Behaviour(attributes.get("id", ""), frame, senses, entry))
        self._open.pop()

    def _number(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise self._error(f"{text[:40]!r} is no number")
        return int(text)

    def _sense(self, attributes: dict[str, str]) -> Sense:
        number = attributes.get("n", "")
        return Sense(
            self._id(),
            self._wanted("synset"),
            _dc(attributes, "identifier"),
            self._number(number) if number else -1,
            attributes.get("adjposition", ""),
            attributes.get("subcat", "").split(),
            self._of_sense.get("Relation", []),
            sum(self._of_sense.get("Count", [])),
        )

    def _entry(self, line: int) -> Entry:
        if len(lemmas := self._parts.get("Lemma", [])) != 1:
            raise self._error(f"an entry with {len(lemmas)} lemmas")
        parts = self._parts
        forms, sounds = parts.get("Form", []), parts.get("Pronunciation", [])
        lemma, pos = lemmas[0]
        return Entry(self._id(), lemma, pos, forms, sounds, parts.get("Sense", []), line)

    def _synset(self, attributes: dict[str, str], line: int) -> Synset:
        return Synset(
            self._id(),
            attributes.get("ili", ""),
            self._wanted("partOfSpeech"),
            attributes.get("lexfile", "") or _dc(attributes, "subject"),
            attributes.get("members", "").split(),
            self._parts.get("Definition", []),
            "".join(self._parts.get("ILIDefinition", [])),
            self._parts.get("Example", []),
            _dc(attributes, "source"),
            self._parts.get("Relation", []),
            line,
        )


def _dc(attributes: dict[str, str], name: str) -> str:
    """Returns an attribute of Dublin Core."""
    return attributes.get(f"dc:{name}", "")


# How ids of Open English WordNet spell characters that XML does not allow in an id: until 2024, and
# since 2025.
_ESCAPES = {"ap": "'", "ex": "!", "cm": ",", "cn": ":", "pl": "+", "sl": "/", "lb": "(", "rb": ")"}
_ESCAPES_2025 = {
    "apos": "'", "colon": ":", "excl": "!", "num": "#", "dollar": "$", "percnt": "%", "amp": "&",
    "lpar": "(", "rpar": ")", "ast": "*", "plus": "+", "comma": ",", "sol": "/", "lbrace": "{",
    "vert": "|", "rbrace": "}", "tilde": "~", "cent": "\N{CENT SIGN}", "pound": "\N{POUND SIGN}",
    "sect": "\N{SECTION SIGN}", "copy": "\N{COPYRIGHT SIGN}", "reg": "\N{REGISTERED SIGN}",
    "deg": "\N{DEGREE SIGN}", "acute": "\N{ACUTE ACCENT}", "para": "\N{PILCROW SIGN}",
    "ordm": "\N{MASCULINE ORDINAL INDICATOR}", "": "-",
}  # fmt: skip
_ESCAPE = re.compile("-(" + "|".join(_ESCAPES) + ")-")
_ESCAPE_2025 = re.compile("-(" + "|".join(_ESCAPES_2025) + ")-")
_FIELDS = re.compile(r"([1-5])\.([0-9]{2})\.([0-9]{2,3})\.(.*)\.((?:[0-9]{2,3})?)")


@parser
def sense_key(sense_id: str, lexicon: Lexicon) -> str:
    """Returns the sense key in an id of Open English WordNet, from 2021 on.

    Args:
      sense_id: Such as "oewn-abandon__2.40.01..".
      lexicon: Lexicon of the sense.

    Returns:
      The key, such as "abandon%2:40:01::"; empty if the id contains none.
    """
    lemma, _, fields = sense_id.removeprefix(f"{lexicon.id}-").partition("__")
    if not (match := _FIELDS.fullmatch(fields)):
        return ""
    kind, lexfile, lex_id, head, head_id = match.groups()
    is_new = lexicon.version[:4].isdigit() and lexicon.version[:4] >= "2025"
    pattern, escapes = (_ESCAPE_2025, _ESCAPES_2025) if is_new else (_ESCAPE, _ESCAPES)
    lemma, head = (
        pattern.sub(lambda m: escapes[m[1]], text) for text in (lemma, head.replace("-sp-", "_"))
    )
    return f"{lemma}%{kind}:{lexfile}:{lex_id}:{head}:{head_id}"
