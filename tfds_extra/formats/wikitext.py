"""Turns wikitext, the markup of MediaWiki, into plain text with sections, links and lists.

mwparserfromhell makes tokens of it, and this module goes through the tokens once:
mwparserfromhell's own tree and `strip_code` take five times as long. The text is the same as from
`strip_code` and the standard `wikipedia` builder: the label of a link, the content of a tag, and
nothing of a template; references, tables and files are left out.

After a template or tag that is never closed, the tokenizer begins anew, so that texts with many of
them take hours. `cost` estimates that from the text alone, so that the result does not depend on
the machine. `plain` is for such texts.
"""

from __future__ import annotations

import bisect
import dataclasses
import html
import re
from collections.abc import Callable, Mapping

from mwparserfromhell import definitions
from mwparserfromhell import parser as mwparser
from mwparserfromhell.parser import tokens as t

from tfds_extra.formats import FormatError, parser

FILE, CATEGORY, MEDIA = 6, 14, -2
# Reading so many letters again takes some two seconds; published pages need at most a million.
MAX_COST = 10_000_000

_DEEPEST = 40  # The tokenizer's own limit.
_OPENERS = {"{{": "}}", "{|": "|}", "[[": "]]", "<!--": "-->"}
_CLOSERS = {closer: opener for opener, closer in _OPENERS.items()}
_MARKS = re.compile(
    r"\{\{|\}\}|\{\||\|\}|\[\[|\]\]|<!--|-->|\[(?=[a-z]+:|//)|</?[a-z][^<>\n]{0,400}/?>|<[a-z][\w-]*",
    re.IGNORECASE,
)
_SINGLE = frozenset(definitions.SINGLE)
_LEFT_OUT = frozenset(("ref", "table"))
_LISTS = frozenset("*#:;")
_LINES = re.compile(r"\n{3,}")


@dataclasses.dataclass
class Section:
    """A section. The lead, before the first heading, is a section without a title.

    Attributes:
      title: Its heading; empty for the lead.
      level: Level of the heading, 1 to 6; 0 for the lead.
      begin: Where its text begins, after the heading, in letters of the whole text.
      end: Where its text ends, in letters of the whole text.
    """

    title: str
    level: int
    begin: int = 0
    end: int = 0


@dataclasses.dataclass
class Link:
    """A link to a page, or to another site.

    Attributes:
      target: Title of the page, or URL.
      begin: Where its label begins in the text.
      end: Where it ends.
    """

    target: str
    begin: int
    end: int


@dataclasses.dataclass
class Article:
    """A page without its markup.

    Attributes:
      text: The plain text. A heading is a line of its own.
      sections: The sections that have a heading or text, in order.
      links: Links to pages; the target includes a fragment after `#`.
      external_links: Links to other sites.
      items: Where items of lists begin in the text.
      categories: Name and sort key of each category; the key may be empty.
      interlanguage: Code of each language, and title of the page there.
      files: Names of files that are shown.
      templates: Names of templates, once for each use outside of other templates.
    """

    text: str = ""
    sections: list[Section] = dataclasses.field(default_factory=list)
    links: list[Link] = dataclasses.field(default_factory=list)
    external_links: list[Link] = dataclasses.field(default_factory=list)
    items: list[int] = dataclasses.field(default_factory=list)
    categories: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    interlanguage: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    files: list[str] = dataclasses.field(default_factory=list)
    templates: list[str] = dataclasses.field(default_factory=list)


@parser
def cost(text: str) -> int:
    """Estimates how many letters the tokenizer reads again because of unclosed markup."""
    open_: list[tuple[str, int]] = []
    wasted = 0
    tag_end = 0  # End of the last tag; marks inside of a tag are no markup.
    for mark in _MARKS.finditer(text):
        what, at = mark[0], mark.start()
        if wasted > MAX_COST:
            break
        if at < tag_end:
            continue
        if what in _CLOSERS:
            wasted += _close(open_, _CLOSERS[what], at)
            continue
        if what.startswith("</"):
            wasted += _close(open_, f"<{_name(what[2:])}", at)
            continue
        if what == "[":  # The label of such a link ends with the line at the latest.
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            wasted += end - at if text.find("]", at, end) < 0 else 0
            continue
        if what not in _OPENERS:
            if what.endswith(">"):
                tag_end = mark.end()
            elif (end := text.find(">", at)) >= 0:
                wasted += end - at
                tag_end = end + 1
            else:
                wasted += len(text) - at
                continue
            name = _name(what[1:])
            if name in _SINGLE or text[tag_end - 2] == "/":
                continue
            what = f"<{name}"
        if len(open_) < _DEEPEST * 50:
            open_.append((what, at))
        else:
            wasted += len(text) - at
    return wasted + sum(len(text) - at for _, at in open_)


def _close(open_: list[tuple[str, int]], opener: str, at: int) -> int:
    """Closes the last open mark of a kind; marks after it are never closed. Returns their cost."""
    for back in range(1, min(len(open_), _DEEPEST) + 1):
        if open_[-back][0] == opener:
            wasted = sum(at - begun for _, begun in open_[len(open_) - back + 1 :])
            if len(open_) > _DEEPEST:
                wasted += at - open_[-back][1]  # The tokenizer does not go so deep.
            del open_[len(open_) - back :]
            return wasted
    return 0


def _name(tag: str) -> str:
    return re.split(r"[^\w-]", tag, maxsplit=1)[0].lower()


@parser
def plain(text: str) -> str:
    """Removes the most frequent markup from a text that is too costly to be parsed."""
    # No pattern here may look further than some hundred letters from each place: see `cost`.
    first, *others = text.split("<!--")
    text = first + "".join(one.partition("-->")[2] or one for one in others)
    text = re.sub(r"\{\{[^{}]*\}\}", "", text)
    text = re.sub(r"<[^<>]{1,400}>|^[{|!].*$|^\|\}", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[\[(?:[^\[\]|]{0,400}\|)?([^\[\]|]{0,400})\]\]", r"\1", text)
    text = re.sub(r"'{2,5}|^[*#:;]+ ?|^={1,6} ?| ?={1,6}$", "", text, flags=re.MULTILINE)
    return _LINES.sub("\n\n", html.unescape(text)).strip()


@parser
def parse(text: str, prefixes: Mapping[str, int], languages: frozenset[str]) -> Article:
    """Returns a page without its markup.

    Args:
      text: Wikitext.
      prefixes: Numbers of namespaces by their names in lower case, the wiki's own and the English.
      languages: Codes of languages whose links lead to the same article there.

    Raises:
      FormatError: mwparserfromhell cannot read it.
    """
    return _Reader(text, prefixes, languages).article()


class _Buffer:
    """Text that is being written, with the places of links and items in it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.links: list[tuple[bool, Link]] = []  # Whether a link leads to a page, and the link.
        self.items: list[int] = []

    def write(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def add(self, other: _Buffer) -> None:
        """Appends the content of another buffer, without its blank lines."""
        text, at = other.finished(), self.length
        for _, link in other.links:
            link.begin, link.end = link.begin + at, link.end + at
        self.links += other.links
        self.items += [item + at for item in other.items]
        self.write(text)

    def finished(self, blanks: str | None = "\n") -> str:
        """Returns the text without blanks at both ends, and with single empty lines at most."""
        text = "".join(self.parts)
        stripped = text.lstrip(blanks)
        lead = len(text) - len(stripped)
        stripped = stripped.rstrip(blanks)
        if "\n\n\n" not in stripped:
            if lead or len(stripped) + lead < len(text):
                self._move(lambda at: min(max(at - lead, 0), len(stripped)))
            return stripped
        starts, removed, gone = [], [0], 0
        for run in _LINES.finditer(stripped):
            starts.append(run.start() + 2)
            gone += run.end() - run.start() - 2
            removed.append(gone)
        ends = [start + removed[i + 1] - removed[i] for i, start in enumerate(starts)]

        def moved(at: int) -> int:
            at = min(max(at - lead, 0), len(stripped))
            run = bisect.bisect_right(starts, at)
            if run and at < ends[run - 1]:  # The place is within a removed part.
                return starts[run - 1] - removed[run - 1]
            return at - removed[run]

        self._move(moved)
        return _LINES.sub("\n\n", stripped)

    def _move(self, moved: Callable[[int], int]) -> None:
        for _, link in self.links:
            link.begin, link.end = moved(link.begin), moved(link.end)
        self.items = [moved(item) for item in self.items]


class _Reader:
    """Goes through the tokens of a page."""

    def __init__(self, text: str, prefixes: Mapping[str, int], languages: frozenset[str]):
        self._article = Article()
        self._prefixes, self._languages = prefixes, languages
        if not mwparser.use_c:
            raise FormatError("mwparserfromhell was installed without its C extension")
        try:
            self._tokens = mwparser.CTokenizer().tokenize(text)  # type: ignore[attr-defined]  # It is in C.
        except mwparser.ParserError as e:
            raise FormatError(f"mwparserfromhell: {e}") from e
        self._at = 0

    def article(self) -> Article:
        made, done, length = self._article, [], 0
        level, title = 0, ""
        while True:
            out = _Buffer()
            if level:
                heading = _Buffer()
                self._until(heading, t.HeadingEnd)
                out.add(heading)
                title = "".join(out.parts).strip()
            ended = self._until(out, t.HeadingStart)
            if text := out.finished(None):
                begin = len(text) - len(text[len(title) :].lstrip())
                made.sections.append(Section(title, level, length + begin, length + len(text)))
                _take_over(made, out, length)
                done.append(text)
                length += len(text) + 2
            if ended is None:
                made.text = "\n\n".join(done)
                return made
            level = self._tokens[self._at - 1].level

    def _until(self, out: _Buffer, *ends: type) -> type | None:
        """Writes until one of the `ends` tokens, passes over it, and returns its type."""
        tokens = self._tokens
        while self._at < len(tokens):
            token = tokens[self._at]
            self._at += 1
            kind = type(token)
            if kind is t.Text:
                out.write(token.text)
            elif kind in ends:
                return kind
            else:
                handler = _HANDLERS.get(kind)
                if handler is None:
                    raise FormatError(f"unexpected {kind.__name__} of mwparserfromhell")
                handler(self, out, token)
        return None

    def _template(self, out: _Buffer, token: t.Token) -> None:
        tokens, depth, name, is_name = self._tokens, 1, [], True
        while depth:
            token = tokens[self._at]
            self._at += 1
            kind = type(token)
            if kind is t.TemplateOpen:
                depth += 1
            elif kind is t.TemplateClose:
                depth -= 1
            elif depth == 1 and is_name:
                if kind is t.TemplateParamSeparator:
                    is_name = False
                elif kind is t.CommentStart:
                    self._comment(out, token)
                elif kind is t.Text:
                    name.append(token.text)
        self._article.templates.append(_clean("".join(name)))

    def _comment(self, out: _Buffer, token: t.Token) -> None:
        while type(self._tokens[self._at]) is not t.CommentEnd:
            self._at += 1
        self._at += 1

    def _argument(self, out: _Buffer, token: t.Token) -> None:
        ended = self._until(_Buffer(), t.ArgumentSeparator, t.ArgumentClose)
        if ended is t.ArgumentSeparator:
            default = _Buffer()
            self._until(default, t.ArgumentClose)
            out.add(default)

    def _entity(self, out: _Buffer, token: t.Token) -> None:
        tokens, parts = self._tokens, []
        while type(tokens[self._at]) is not t.HTMLEntityEnd:
            parts.append(tokens[self._at])
            self._at += 1
        self._at += 1
        value = parts[-1].text
        if type(parts[0]) is not t.HTMLEntityNumeric:
            out.write(html.unescape(f"&{value};"))
            return
        number = int(value, 16 if len(parts) == 3 else 10)
        is_letter = number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
        is_letter &= number >= 32 or number in (9, 10, 13)
        out.write(chr(number) if is_letter else "\ufffd")

    def _wikilink(self, out: _Buffer, token: t.Token) -> None:
        title, label = _Buffer(), _Buffer()
        first = self._tokens[self._at]
        # `[[:Category:X]]` links to the category, but does not put the page into it.
        shown = type(first) is t.Text and first.text.lstrip().startswith(":")
        ended = self._until(title, t.WikilinkSeparator, t.WikilinkClose)
        if ended is t.WikilinkSeparator:
            self._until(label, t.WikilinkClose)
        else:
            label = title
        target = _clean("".join(title.parts))
        prefix, colon, rest = target.removeprefix(":").partition(":")
        made = self._article
        if colon and not shown:
            prefix = _clean(prefix)
            number = self._prefixes.get(prefix.lower())
            if number in (FILE, MEDIA):
                made.files.append(_clean(rest))
                return
            if number == CATEGORY:
                key = "".join(label.parts).strip() if label is not title else ""
                made.categories.append((_clean(rest), key))
                return
            if number is None and prefix.lower() in self._languages:
                made.interlanguage.append((prefix.lower(), _clean(rest)))
                return
        begin = out.length
        if label is title and shown:
            out.write("".join(title.parts).strip().removeprefix(":"))
        else:
            out.add(label)
        out.links.append((True, Link(target.removeprefix(":").strip(), begin, out.length)))

    def _external_link(self, out: _Buffer, token: t.Token) -> None:
        url, label = _Buffer(), _Buffer()
        ended = self._until(url, t.ExternalLinkSeparator, t.ExternalLinkClose)
        begin = out.length
        target = "".join(url.parts)
        if ended is t.ExternalLinkSeparator:
            self._until(label, t.ExternalLinkClose)
            out.add(label)
        elif not token.brackets:
            out.add(url)
        out.links.append((False, Link(target, begin, out.length)))

    def _heading(self, out: _Buffer, token: t.Token) -> None:
        """Writes a heading within something else, which begins no section."""
        title = _Buffer()
        self._until(title, t.HeadingEnd)
        out.add(title)

    def _tag(self, out: _Buffer, token: t.Token) -> None:
        tokens = self._tokens
        name = _Buffer()
        markup = token.wiki_markup
        while type(tokens[self._at]) not in _BEHIND_NAME:
            inner = tokens[self._at]
            self._at += 1
            if type(inner) is t.Text:
                name.write(inner.text)
            else:
                _HANDLERS[type(inner)](self, _Buffer(), inner)
        if self._to_content() is t.TagCloseSelfclose:
            if markup and markup in _LISTS:
                out.items.append(out.length)
            return
        tag = "".join(name.parts).lower().strip()
        content = _Buffer()
        if tag in _LEFT_OUT or not definitions.is_visible(tag):
            self._skip_content()
        else:
            self._until(content, t.TagOpenClose)
            out.add(content)
            self._until(_Buffer(), t.TagCloseClose)

    def _to_content(self) -> type:
        """Passes over the attributes of a tag; returns the type of the token that ended them."""
        depth = 0
        while True:
            kind = type(self._tokens[self._at])
            self._at += 1
            if kind is t.TagOpenOpen:
                depth += 1
            elif depth:
                depth -= kind in (t.TagCloseSelfclose, t.TagCloseClose)
            elif kind in (t.TagCloseSelfclose, t.TagCloseOpen):
                return kind

    def _skip_content(self) -> None:
        """Passes over the content of a tag."""
        depth = 1
        while depth:
            kind = type(self._tokens[self._at])
            self._at += 1
            if kind is t.TagOpenOpen:
                depth += 1
            elif kind in (t.TagCloseSelfclose, t.TagCloseClose):
                depth -= 1


_BEHIND_NAME = (t.TagAttrStart, t.TagCloseOpen, t.TagCloseSelfclose)
_HANDLERS = {
    t.TemplateOpen: _Reader._template,
    t.CommentStart: _Reader._comment,
    t.ArgumentOpen: _Reader._argument,
    t.HTMLEntityStart: _Reader._entity,
    t.WikilinkOpen: _Reader._wikilink,
    t.ExternalLinkOpen: _Reader._external_link,
    t.HeadingStart: _Reader._heading,
    t.TagOpenOpen: _Reader._tag,
}


def _clean(title: str) -> str:
    """Returns a title in MediaWiki's form, with single blanks for underscores."""
    return " ".join(title.replace("_", " ").split())


def _take_over(made: Article, buffer: _Buffer, at: int) -> None:
    """Adds the links and items of a buffer, which begins at letter `at`, to a page."""
    for is_page, link in buffer.links:
        link.begin, link.end = link.begin + at, link.end + at
        (made.links if is_page else made.external_links).append(link)
    made.items += [item + at for item in buffer.items]
