"""Pages of a dump as examples."""

from __future__ import annotations

import datetime
import functools
import pathlib
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from tfds_extra.core import tables
from tfds_extra.datasets.wikipedia_corpus import features
from tfds_extra.formats import FormatError, mediawiki_dump, wikitext

_FOLDER = pathlib.Path(__file__).parent
_WIKITEXT = ("", "wikitext")  # Before version 0.8 of the format there is nothing else.
_OK, _TOO_COMPLEX, _NOT_PARSED = range(len(features.STATUSES))
_PARAGRAPH, _ITEM = range(len(features.KINDS))
_WORD = re.compile(r"\w+")
_BLANK_LINES = re.compile(r"\n\s*\n")
_SAFE_IN_URL = "/:@!$*(),;~"  # MediaWiki does not escape these.
# Words at the beginning of a redirect, for dumps before version 0.4, which have no flag: the
# English word, which works everywhere, and those of large wikis.
_REDIRECT_WORDS = (
    "REDIRECT", "WEITERLEITUNG", "REDIRECTION", "REDIRECCIÓN", "RINVIA", "RINVIO", "DOORVERWIJZING",
    "PATRZ", "PRZEKIERUJ", "TAM", "REDIRECIONAMENTO", "ПЕРЕНАПРАВЛЕНИЕ", "ПЕРЕНАПР", "OMDIRIGERING",
    "転送", "リダイレクト", "ΑΝΑΚΑΤΕΥΘΥΝΣΗ", "تحويل", "넘겨주기", "重定向", "OHJAUS", "ÁTIRÁNYÍTÁS",
    "PŘESMĚRUJ", "הפניה", "YÖNLENDİRME",
)  # fmt: skip
_REDIRECT = re.compile(
    rf"\s*#\s*(?:{'|'.join(_REDIRECT_WORDS)})\s*:?\s*\[\[(?P<target>[^\[\]|]+)", re.IGNORECASE
)
_LINK = re.compile(r"\[\[(?P<target>[^\[\]|]+)")


class Wiki:
    """Facts about a wiki that are needed to read its pages."""

    def __init__(self, site: mediawiki_dump.Site):
        """Puts together the names of its namespaces.

        Args:
          site: The dump's site information.
        """
        self.site = site
        self.prefixes = {**_english(), **_aliases(site.language)}
        self.prefixes |= {name.lower(): number for number, name in site.namespaces.items() if name}
        self.languages = _languages()
        # Titles of pages only begin with names of namespaces that the dump has.
        self._own = {name: number for number, name in site.namespaces.items() if name}
        self._marks = _marks(site.language)
        self._address = re.match(r"https?://[^/]+/(?:.*/)?", site.base)

    def split(self, page: mediawiki_dump.Page) -> tuple[int, str]:
        """Returns the number of the namespace of a page, and its title without its name."""
        prefix, colon, title = page.title.partition(":")
        if page.namespace is not None:
            name = self.site.namespaces.get(page.namespace, "")
            is_there = colon and page.namespace and prefix == name
            return page.namespace, title if is_there else page.title
        if colon and prefix in self._own:
            return self._own[prefix], title
        return 0, page.title

    def of_link(self, target: str) -> int:
        """Returns the number of the namespace that a link leads to."""
        prefix, colon, _ = target.partition(":")
        name = " ".join(prefix.replace("_", " ").split()).lower()
        return self.prefixes.get(name, 0) if colon else 0

    def url(self, title: str) -> str:
        """Returns the address of a page; empty if the dump does not say where the wiki is."""
        if not self._address:
            return ""
        name = urllib.parse.quote(title.replace(" ", "_"), safe=_SAFE_IN_URL)
        return self._address[0] + name

    def is_disambiguation(self, article: wikitext.Article, text: str) -> bool:
        """Returns whether a page is marked as a disambiguation page."""
        used = {name.lower() for name in article.templates}
        return bool(used & self._marks) or "__DISAMBIG__" in text


def is_article(page: mediawiki_dump.Page) -> bool:
    """Returns whether a page has text of its own: it is no redirect, not empty and no program."""
    return bool(page.text and page.model in _WIKITEXT and not is_redirect(page))


def is_redirect(page: mediawiki_dump.Page) -> bool:
    """Returns whether a page leads to another."""
    if page.is_redirect is None:
        return bool(_REDIRECT.match(page.text or ""))
    return page.is_redirect


def article(page: mediawiki_dump.Page, wiki: Wiki, *, with_wikitext: bool) -> dict[str, Any]:
    """Returns a page with text as an example."""
    raw = page.text or ""
    made, status = _parsed(raw, wiki)
    text = made.text
    example = {
        **_common(page, wiki),
        "text": text,
        "sections": [vars(section) for section in made.sections],
        "paragraphs": list(_paragraphs(made)),
        "links": [_link(link, wiki) for link in made.links],
        "external_links": [
            {"url": one.target, "begin": one.begin, "end": one.end} for one in made.external_links
        ],
        "categories": [{"name": name, "sort_key": key} for name, key in made.categories],
        "interlanguage": [{"language": code, "title": title} for code, title in made.interlanguage],
        "files": made.files,
        "templates": made.templates,
        "is_disambiguation": wiki.is_disambiguation(made, raw),
        "status": status,
        "word_count": sum(1 for _ in _WORD.finditer(text)),
        "char_count": len(text),
    }
    if with_wikitext:
        example["wikitext"] = raw
    return example


def redirect(page: mediawiki_dump.Page, wiki: Wiki) -> dict[str, Any]:
    """Returns a page that leads to another, as an example."""
    raw = page.text or ""
    match = _REDIRECT.match(raw) or _LINK.search(raw)
    written, _, fragment = (match["target"] if match else "").partition("#")
    return {
        **_common(page, wiki),
        "target": page.redirect or " ".join(written.replace("_", " ").split()).removeprefix(":"),
        "fragment": fragment.strip(),
        "is_marked": bool(page.is_redirect),
    }


def _common(page: mediawiki_dump.Page, wiki: Wiki) -> dict[str, Any]:
    namespace, title = wiki.split(page)
    raw = page.text or ""
    is_checked = bool(page.sha1) and page.text is not None and page.model in _WIKITEXT
    return {
        "id": page.id,
        "title": title,
        "namespace": namespace,
        "full_title": page.title,
        "url": wiki.url(page.title),
        "revision_id": page.revision_id,
        "parent_id": page.parent_id,
        "timestamp": page.timestamp,
        "timestamp_unix": _seconds(page.timestamp),
        "sha1": page.sha1,
        "sha1_ok": int(mediawiki_dump.sha1_of(raw) == page.sha1) if is_checked else -1,
        "num_bytes": page.num_bytes,
        "num_bytes_read": len(raw.encode()),
        "language": wiki.site.language,
    }


def _seconds(timestamp: str) -> int:
    try:
        moment = datetime.datetime.fromisoformat(timestamp.strip().replace("Z", "+00:00"))
        return int(moment.timestamp()) if moment.tzinfo else -1
    except (ValueError, OverflowError):
        return -1


def _parsed(raw: str, wiki: Wiki) -> tuple[wikitext.Article, int]:
    """Returns a page without markup, and its status."""
    status = _TOO_COMPLEX
    if wikitext.cost(raw) <= wikitext.MAX_COST:
        try:
            return wikitext.parse(raw, wiki.prefixes, wiki.languages), _OK
        except FormatError:
            status = _NOT_PARSED
    text = wikitext.plain(raw)
    lead = [wikitext.Section("", 0, 0, len(text))] if text else []
    return wikitext.Article(text=text, sections=lead), status


def _link(link: wikitext.Link, wiki: Wiki) -> dict[str, Any]:
    target, _, fragment = link.target.partition("#")
    return {
        "target": " ".join(target.replace("_", " ").split()),
        "fragment": fragment.strip(),
        "namespace": wiki.of_link(target),
        "begin": link.begin,
        "end": link.end,
    }


def _paragraphs(made: wikitext.Article) -> Iterator[dict[str, int]]:
    """Yields paragraphs and items of lists: an item is a line; an empty line ends a paragraph."""
    items = set(made.items)
    for number, section in enumerate(made.sections):
        begin = section.begin
        while begin < section.end:
            blank = _BLANK_LINES.search(made.text, begin, section.end)
            stop = blank.start() if blank else section.end
            yield from _in_block(made.text, begin, stop, items, number)
            begin = blank.end() if blank else section.end


def _in_block(
    text: str, begin: int, stop: int, items: set[int], section: int
) -> Iterator[dict[str, int]]:
    """Yields the paragraphs and items between empty lines."""
    waiting = -1  # Beginning of a paragraph that has not ended yet; -1 for none.
    at = begin
    while at < stop:
        end = text.find("\n", at, stop)
        end = stop if end < 0 else end
        is_item = at in items
        if is_item and waiting >= 0:
            yield _paragraph(text, _PARAGRAPH, section, waiting, at)
            waiting = -1
        if is_item:
            yield _paragraph(text, _ITEM, section, at, end)
        elif waiting < 0:
            waiting = at
        at = end + 1
    if waiting >= 0:
        yield _paragraph(text, _PARAGRAPH, section, waiting, stop)


def _paragraph(text: str, kind: int, section: int, begin: int, end: int) -> dict[str, int]:
    """Returns a paragraph without blanks at both ends."""
    shown = text[begin:end]
    begin += len(shown) - len(shown.lstrip())
    end = max(begin, end - len(shown) + len(shown.rstrip()))
    return {"kind": kind, "section": section, "begin": begin, "end": end}


@functools.cache
def _names() -> list[dict[str, str]]:
    return tables.read_tsv(_FOLDER / "namespaces.tsv")


def _english() -> dict[str, int]:
    return {row["name"].lower(): int(row["number"]) for row in _names() if row["language"] == "*"}


def _aliases(language: str) -> Mapping[str, int]:
    base = language.partition("-")[0]
    return {row["name"].lower(): int(row["number"]) for row in _names() if row["language"] == base}


@functools.cache
def _languages() -> frozenset[str]:
    """Returns the codes of languages that there is a Wikipedia in."""
    return frozenset((_FOLDER / "languages.txt").read_text(encoding="utf-8").split())


@functools.cache
def _marks(language: str) -> frozenset[str]:
    """Returns the templates that mark disambiguation pages."""
    rows = tables.read_tsv(_FOLDER / "disambiguation.tsv")
    return frozenset(
        row["template"] for row in rows if row["language"] in ("*", language.partition("-")[0])
    )
