"""Reads dumps of MediaWiki wikis: export XML, the index of multistream files, `dumpstatus.json`.

A dump is one XML document, `<mediawiki>`, with a `<siteinfo>` and pages. Versions 0.3 to 0.11 are
read. A multistream file is the same document, compressed in many bzip2 streams one after the other:
one with all that stands before the first page, then one for each hundred pages, then one with the
closing tag, then sometimes an empty one. Its index tells where each stream begins and which pages
are in it, so that a stream can be read without those before it.

The XML is read with expat, page by page. Dumps declare no document type. A dump that does is
refused, since entities could make a small XML file expand to gigabytes, or read other files.

Versions differ little: 0.4 brought the redirect flag, 0.6 its target, the number of the namespace
and the SHA-1, 0.8 the model, 0.9 the name of the database. Values that a version lacks are empty
here, or None.
"""

from __future__ import annotations

import bz2
import dataclasses
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast
from xml.parsers import expat

from tfds_extra.formats import FormatError, parser

_BLOCK = 1 << 18
MAX_TEXT = 64 << 20  # The most letters of one value. MediaWiki itself accepts 2 MiB of wikitext.
_LONGEST_TAG = 1 << 20  # The most bytes of a tag or comment, which expat keeps until it ends.
_SHOWN = 60
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHA1_DIGITS = 31

# Where values stand, as paths below <mediawiki>.
_SITE: dict[tuple[str, ...], str] = {
    ("siteinfo", "sitename"): "name",
    ("siteinfo", "dbname"): "database",
    ("siteinfo", "base"): "base",
    ("siteinfo", "generator"): "generator",
    ("siteinfo", "case"): "case",
}
_NAMESPACE = ("siteinfo", "namespaces", "namespace")
_OF_PAGE: dict[tuple[str, ...], str] = {
    ("page", "title"): "title",
    ("page", "ns"): "namespace",
    ("page", "id"): "id",
}
_OF_REVISION: dict[tuple[str, ...], str] = {
    ("page", "revision", "id"): "revision_id",
    ("page", "revision", "parentid"): "parent_id",
    ("page", "revision", "timestamp"): "timestamp",
    ("page", "revision", "model"): "model",
    ("page", "revision", "format"): "format",
    ("page", "revision", "sha1"): "sha1",
    ("page", "revision", "text"): "text",
}
_WANTED = {**_SITE, **_OF_PAGE, **_OF_REVISION, _NAMESPACE: ""}
_NUMBERS = frozenset(("namespace", "id", "revision_id", "parent_id"))
_DEEPEST = 32


@dataclasses.dataclass
class Site:
    """The site information of a dump.

    Attributes:
      version: Version of the export format: "0.11".
      language: Code of the language.
      name: "Wikipedia".
      database: "enwiki"; empty before version 0.9.
      base: Address of the main page.
      generator: "MediaWiki 1.45.0".
      case: "first-letter", where the first letter of a title counts as upper case, or
        "case-sensitive".
      namespaces: The wiki's names of namespaces by number; the name of number 0, articles, is
        empty.
    """

    version: str = ""
    language: str = ""
    name: str = ""
    database: str = ""
    base: str = ""
    generator: str = ""
    case: str = ""
    namespaces: dict[int, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Page:
    """A page with its last revision in the dump.

    Attributes:
      title: Title as published, with the name of the namespace before it.
      namespace: Number of the namespace; None before version 0.6.
      id: Id of the page.
      is_redirect: Whether the dump says that it leads to another page; None before version 0.4.
      redirect: Title of that page; empty if it is none, and before version 0.6.
      revision_id: Id of the revision; 0 if the page has none.
      parent_id: Id of the revision before it; 0 for the first one, and before version 0.7.
      timestamp: "2016-05-04T12:00:00Z".
      model: "wikitext", mostly; empty before version 0.8.
      format: "text/x-wiki", mostly.
      sha1: SHA-1 of the text as UTF-8, 31 digits of base 36; empty if none is published.
      text: The text; None if it is not published (it was hidden, or the dump is one of stubs).
      num_bytes: Bytes of the text as the wiki counts them; -1 if it does not state them.
      number: Number of the page in its document, from 0 on.
      num_revisions: How many revisions of the page the dump has.
    """

    title: str = ""
    namespace: int | None = None
    id: int = 0
    is_redirect: bool | None = None
    redirect: str = ""
    revision_id: int = 0
    parent_id: int = 0
    timestamp: str = ""
    model: str = ""
    format: str = ""
    sha1: str = ""
    text: str | None = None
    num_bytes: int = -1
    number: int = 0
    num_revisions: int = 0


@parser
def sha1_of(text: str) -> str:
    """Returns the SHA-1 of a text in the dumps' notation: base 36, 31 digits."""
    number = int.from_bytes(hashlib.sha1(text.encode(), usedforsecurity=False).digest(), "big")
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits.rjust(_SHA1_DIGITS, "0")


@parser
def read_site(file: BinaryIO) -> Site:
    """Reads the site information at the beginning of a dump.

    Args:
      file: XML, from its beginning.

    Raises:
      FormatError: It is no dump.
    """
    document = _Document()
    for _ in _read(document, file):
        break
    return document.site


@parser
def read_pages(
    file: BinaryIO, *, is_part: bool = False, first: int = 0, step: int = 1
) -> Iterator[Page]:
    """Yields the pages of a dump in their order.

    Args:
      file: XML, from its beginning.
      is_part: Whether the dump may end anywhere; the rest after its last whole page is passed over.
      first: Number of the first page to yield.
      step: From `first` on, every `step`-th page is yielded.

    Raises:
      FormatError: It is no dump, or ends too early.
    """
    document = _Document(is_part=is_part, first=first, step=step)
    for item in _read(document, file):
        if isinstance(item, Page):
            yield item


@parser
def read_streams(file: BinaryIO, streams: Iterable[Stream], stop: int | None) -> Iterator[Page]:
    """Yields the pages of some consecutive streams of a multistream file.

    Args:
      file: The compressed file, seekable.
      streams: Entries of the index for these streams.
      stop: Where the last of them ends; None for the end of the file.

    Raises:
      FormatError: A stream is damaged, or does not have the pages that the index lists.
    """
    streams = list(streams)
    ends = [stream.start for stream in streams[1:]] + [stop]
    for stream, end in zip(streams, ends):
        document = _Document(is_fragment=True)
        file.seek(stream.start)
        size = -1 if end is None else end - stream.start
        content = _Bounded(file, size)
        ids = []
        pages = []
        try:
            for item in _read(document, unpacked(content)):
                ids.append(item.id)
                pages.append(item)
        except FormatError as e:
            raise FormatError(f"stream at byte {stream.start:,}: {e}") from e
        found = Stream.of(stream.start, ids)
        if found != stream:
            named = f"begins with page {ids[0]}" if ids else "has none"
            raise FormatError(
                f"stream at byte {stream.start:,}: the index says {stream.num_pages:,} pages from"
                f" page {stream.first_id} on, the stream has {len(ids):,} and {named}: they do not"
                " belong together"
            )
        yield from pages


@dataclasses.dataclass(frozen=True)
class Stream:
    """The index's entry for a stream of pages.

    Attributes:
      start: Byte of the file at which it begins.
      num_pages: How many pages it has.
      first_id: Id of the first of them.
      ids_crc: CRC-32 of all ids, one a line.
    """

    start: int
    num_pages: int
    first_id: int
    ids_crc: int

    @classmethod
    def of(cls, start: int, ids: list[int]) -> Stream:
        """Makes the entry of a stream with these pages."""
        crc = zlib.crc32("".join(f"{one}\n" for one in ids).encode())
        return cls(start, len(ids), ids[0] if ids else 0, crc)


@parser
def read_index(file: BinaryIO) -> Iterator[Stream]:
    """Yields the entry of each stream in an index, in the order of the file.

    Args:
      file: The index, with lines `<byte>:<page id>:<title>`.

    Raises:
      FormatError: A line has another form, or streams are not in ascending order.
    """
    start = -1
    ids: list[int] = []
    for number, line in enumerate(file, 1):
        if len(line) > _BLOCK:
            raise FormatError(f"line {number:,}: no line of an index, it has {len(line):,} bytes")
        fields = line.split(b":", 2)
        if len(fields) != 3 or not (fields[0].isdigit() and fields[1].isdigit()):
            raise FormatError(f"line {number:,}: not byte:id:title: {line[:_SHOWN]!r}")
        if not line.endswith(b"\n"):
            raise FormatError(f"line {number:,}: truncated")
        begins = int(fields[0])
        if begins != start:
            if begins < start:
                raise FormatError(f"line {number:,}: byte {begins:,} comes after {start:,}")
            if ids:
                yield Stream.of(start, ids)
            start, ids = begins, []
        ids.append(int(fields[1]))
    if ids:
        yield Stream.of(start, ids)


@dataclasses.dataclass(frozen=True)
class Listed:
    """The entry of a file in `dumpstatus.json`.

    Attributes:
      job: Name of the job that makes it, such as "articlesmultistreamdump".
      state: State of the job: "done", "in-progress", "waiting".
      size: Number of bytes; 0 if it is not stated.
      digests: Digests of the file, by kind: "md5", "sha1".
    """

    job: str
    state: str
    size: int
    digests: dict[str, str]


@parser
def read_status(content: bytes) -> dict[str, Listed]:
    """Reads `dumpstatus.json`; returns its entries by file name.

    Raises:
      FormatError: It is no such file.
    """
    status = json.loads(content)
    if not isinstance(status, dict) or not isinstance(status.get("jobs"), dict):
        raise FormatError("no status of a dump: it has no jobs")
    found = {}
    for job, facts in status["jobs"].items():
        for name, file in (facts.get("files") or {}).items():
            digests = {kind: str(file[kind]) for kind in ("md5", "sha1") if file.get(kind)}
            found[name] = Listed(job, str(facts["status"]), int(file.get("size") or 0), digests)
    return found


@parser
def unpacked(file: BinaryIO | _Bounded, *, is_part: bool = False) -> BinaryIO:
    """Returns the content of consecutive bzip2 streams.

    Args:
      file: The file, at the beginning of a stream.
      is_part: Whether the file may end within a stream.

    Returns:
      A file that is read from its beginning to its end; a damaged or cut stream raises a
      `FormatError`.
    """
    return io.BufferedReader(_Unpacked(file, is_part), _BLOCK)


class _Bounded(io.RawIOBase):
    """A file over the next bytes of another file: a given number, or all if the number is -1."""

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._left >= 0:
            size = self._left if size < 0 else min(size, self._left)
        content = self._file.read(size)
        if self._left >= 0:
            self._left -= len(content)
        return content


class _Unpacked(io.RawIOBase):
    def __init__(self, file: BinaryIO | _Bounded, is_part: bool):
        self._file, self._is_part = file, is_part
        self._stream = bz2.BZ2Decompressor()
        self._pending = b""
        self._has_begun = False  # Whether the current stream has begun.

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._stream.eof:
                self._pending = self._stream.unused_data
                self._stream, self._has_begun = bz2.BZ2Decompressor(), False
            if self._stream.needs_input and not self._pending:
                self._pending = self._file.read(_BLOCK)
                if not self._pending:
                    if self._has_begun and not self._is_part:
                        raise FormatError("truncated: a bzip2 stream does not end")
                    return 0
            try:
                content = self._stream.decompress(self._pending, len(buffer))
            except (OSError, EOFError, ValueError) as e:
                raise FormatError(f"damaged bzip2 stream: {e}") from e
            self._has_begun = True
            self._pending = b""
            if content:
                buffer[: len(content)] = content
                return len(content)


def _read(document: _Document, file: BinaryIO) -> Iterator[Any]:
    """Feeds a file to a document, and yields the document's items."""
    while block := file.read(_BLOCK):
        document.feed(block)
        yield from document.take()
        if document.is_closed_fragment:
            break
    document.close()
    yield from document.take()


class _Document:
    """The content of a dump, as far as it has been fed.

    Attributes:
      site: The site information so far.
    """

    def __init__(
        self,
        *,
        is_part: bool = False,
        is_fragment: bool = False,
        first: int = 0,
        step: int = 1,
    ):
        """Begins.

        Args:
          is_part: Whether it may end anywhere.
          is_fragment: Whether it consists of pages only, without the parts before and after them.
          first: As in `read_pages`.
          step: As in `read_pages`.
        """
        self._is_part, self._is_fragment = is_part, is_fragment
        self._first, self._step = first, step
        self._path: list[str] = []
        self.site = Site()
        self._page: Page | None = None
        self._number = 0
        self._key: int | None = None  # Number of the current namespace.
        self._parts: list[str] | None = None  # Text of the current value, if it is wanted.
        self._length = 0
        self._made: list[Any] = []
        self._is_closed = False
        self._fed = 0
        self._xml = expat.ParserCreate("UTF-8" if is_fragment else None)
        self._xml.buffer_text = True
        self._xml.StartDoctypeDeclHandler = self._refuse_doctype
        self._xml.StartElementHandler = self._start
        self._xml.EndElementHandler = self._end
        self._xml.CharacterDataHandler = self._text
        if is_fragment:
            self._parse(b"<mediawiki>")

    @property
    def is_closed_fragment(self) -> bool:
        """Whether the closing tag of the whole document, which ends the last stream, has come."""
        return self._is_fragment and self._is_closed

    def take(self) -> list[Any]:
        """Returns what was read since the last call: the `Site`, and pages."""
        made, self._made = self._made, []
        return made

    def feed(self, block: bytes) -> None:
        if not self._fed and not self._is_fragment:
            _check_beginning(block)
        self._fed += len(block)
        self._parse(block)
        if self._fed - self._xml.CurrentByteIndex > _LONGEST_TAG:
            raise FormatError(f"a tag or comment of more than {_LONGEST_TAG:,} bytes")

    def close(self) -> None:
        if self._is_closed:
            if not self._is_fragment:
                self._parse(b"", is_last=True)
            return
        if self._is_part:
            return
        if not self._fed and not self._is_fragment:
            raise FormatError("it is empty")
        # A part of a dump that has no page has no closing tag either.
        has_only_head = self._path == ["mediawiki"] and not self._number and self.site.namespaces
        if self._is_fragment and len(self._path) == 1:
            return
        if has_only_head and not self._is_fragment:
            return
        inside = (
            f"within page {self._page.id} ({self._page.title[:_SHOWN]!r})"
            if self._page
            else (f"behind {self._number:,} pages")
        )
        raise FormatError(f"truncated: it ends {inside}, without its closing tag")

    def _parse(self, block: bytes, *, is_last: bool = False) -> None:
        try:
            self._xml.Parse(block, is_last)
        except expat.ExpatError as e:
            if self.is_closed_fragment:
                return  # Only the line end after the closing tag is left.
            where = f"page {self._number:,}" + (
                f", {self._page.title[:_SHOWN]!r}" if self._page and self._page.title else ""
            )
            raise FormatError(
                f"line {e.lineno:,}, {where}: not well-formed XML: {expat.ErrorString(e.code)}"
            ) from e

    def _refuse_doctype(self, *_: Any) -> None:
        raise FormatError("it declares a document type, which no dump does: entities could follow")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        path = self._path
        path.append(name)
        depth = len(path)
        if depth == 1:
            if name != "mediawiki":
                raise FormatError(f"no dump of a wiki: its root is <{name[:_SHOWN]}>")
            self.site.version = attributes.get("version", "")
            self.site.language = attributes.get("xml:lang", "")
            return
        if depth > _DEEPEST:
            raise FormatError(f"elements within each other {depth} deep")
        if depth == 2:
            if name == "page":
                self._page = Page(number=self._number)
            return
        below = tuple(path[1:])
        if below in _WANTED:
            self._parts, self._length = [], 0
            if below == _NAMESPACE:
                self._key = _number(attributes.get("key", ""), "key of a namespace")
            elif name == "text" and self._page is not None:
                self._start_text(self._page, attributes)
        elif name == "redirect" and depth == 3 and self._page is not None:
            self._page.is_redirect = True
            self._page.redirect = attributes.get("title", "")
        elif name == "revision" and depth == 3 and self._page is not None:
            count = self._page.num_revisions + 1
            for field in _OF_REVISION.values():
                setattr(self._page, field, getattr(Page, field))
            self._page.num_bytes, self._page.num_revisions = -1, count

    def _start_text(self, page: Page, attributes: dict[str, str]) -> None:
        size = attributes.get("bytes", "")
        if size:
            page.num_bytes = _number(size, "bytes of a text")
        page.sha1 = attributes.get("sha1", page.sha1)
        # A stub has only the location of the text, not the text.
        if "deleted" in attributes or "location" in attributes:
            self._parts = None

    def _text(self, text: str) -> None:
        if self._parts is not None:
            self._length += len(text)
            if self._length > MAX_TEXT:
                raise FormatError(f"a value of more than {MAX_TEXT:,} letters")
            self._parts.append(text)

    def _end(self, name: str) -> None:
        path = self._path
        if self._parts is not None:
            below = tuple(path[1:])
            self._take_value(below, "".join(self._parts))
            self._parts = None
        path.pop()
        depth = len(path)
        if depth == 0:
            self._is_closed = True
        elif depth == 1:
            if name == "siteinfo":
                self._made.append(self.site)
            elif name == "page":
                self._end_page()

    def _take_value(self, below: tuple[str, ...], value: str) -> None:
        if below in _SITE:
            setattr(self.site, _SITE[below], value)
        elif below == _NAMESPACE:
            self.site.namespaces[cast(int, self._key)] = value
        else:
            field = _OF_PAGE.get(below) or _OF_REVISION[below]
            if field in _NUMBERS:
                setattr(self._page, field, _number(value, f"<{below[-1]}>"))
            elif field != "sha1" or value:
                setattr(self._page, field, value)

    def _end_page(self) -> None:
        page, self._page = self._page, None
        assert page is not None  # It was made at the start of the element.
        number, self._number = self._number, self._number + 1
        if not page.id or not page.title:
            raise FormatError(f"page {number:,}: it has no {'title' if page.id else 'id'}")
        # A text that the dump leaves out is empty, although its stated size is not 0.
        if page.text == "" and page.num_bytes > 0:
            page.text = None
        if page.is_redirect is None and self._version >= (0, 4):
            page.is_redirect = False
        if number >= self._first and (number - self._first) % self._step == 0:
            self._made.append(page)

    @property
    def _version(self) -> tuple[int, ...]:
        """The version of the format; a fragment does not state it, but has one with indexes."""
        match = re.fullmatch(r"(\d{1,3})\.(\d{1,3})", self.site.version)
        return (int(match[1]), int(match[2])) if match else (0, 10) if self._is_fragment else (0, 3)


def _number(text: str, what: str) -> int:
    if not re.fullmatch(r"\s*-?[0-9]{1,18}\s*", text):
        raise FormatError(f"{what}: {text[:_SHOWN]!r} is no number")
    return int(text)


def _check_beginning(block: bytes) -> None:
    """Raises if the beginning of a file shows that it is no XML; the message says what it is."""
    head = block[:512].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\0", b"")
    if re.match(rb"<!doctype html|<html", head, re.IGNORECASE):
        raise FormatError("no dump of a wiki: an HTML page, such as servers send for errors")
    if not head.startswith(b"<"):
        raise FormatError(f"no dump of a wiki: it begins with {block[:16]!r}")
