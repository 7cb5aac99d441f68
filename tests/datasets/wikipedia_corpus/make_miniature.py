"""Makes dummy_data/wikipedia_corpus: a made-up wiki as a multistream dump, with each oddity once.

Run it as a script after a change: `python tests/datasets/wikipedia_corpus/make_miniature.py`.
"""

from __future__ import annotations

import bz2
import dataclasses
import hashlib
import json
import pathlib
import sys
from collections.abc import Sequence
from xml.sax import saxutils

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

WIKI, DATE = "simplewiki", "20260901"
URL = f"https://dumps.wikimedia.org/{WIKI}/{DATE}/"
DUMP = f"{WIKI}-{DATE}-pages-articles-multistream.xml.bz2"
INDEX = f"{WIKI}-{DATE}-pages-articles-multistream-index.txt.bz2"
STATUS = "dumpstatus.json"
PER_STREAM = 5
NAMESPACES = {
    -2: "Media", -1: "Special", 0: "", 1: "Talk", 2: "User", 4: "Zorpedia", 6: "Bildo", 10: "Template",
    14: "Kategorio", 828: "Module",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Page:
    """A made-up page.

    Attributes:
      title: With the name of its namespace.
      text: Wikitext; None if it is hidden.
      namespace: Number.
      redirect: Title of the page that it leads to.
      model: Of its content.
      is_altered: Whether its text is not the one of the published SHA-1.
    """

    title: str
    text: str | None = ""
    namespace: int = 0
    redirect: str = ""
    model: str = "wikitext"
    is_altered: bool = False


_ZORP = """{{Infobox critter|name=Zorp|legs={{num|7}}}}
[[Bildo:Zorp.jpg|thumb|A '''zorp''' in the [[plash|pond]]]]
'''Zorp''' ({{lang|xx|zorpus}}) is a [[Critter#Legs|critter]] of the [[plash]]es.<ref name="a">Ann, ''Zorps''.</ref> It \
has&nbsp;7 legs &amp; 2 tails.<ref name="a"/> It glows.

== Life ==
It crawls:
* by ''day'',
* by [https://example.org/night night]
** or at dusk.
[[de:Zorp]]

=== Food ===

{| class="wikitable"
|-
| Fidd || 3
|}
A zorp eats [[fidd]].


Nothing else. <!-- Or does it? -->

==  Notes ==
{{reflist}}
[[Kategorio:Critters|zorp]]
[[Category:Glowing things]]
"""
_COMPLEX = "A page of templates that never end. " + "{{a|" * 4000

PAGES = [
    Page("Zorp", _ZORP),
    Page("zorp (pond)", "#REDIRECT [[Zorp#Life]]", redirect="Zorp"),
    Page(
        "Critter",
        "A '''critter''' crawls. See [[:Kategorio:Critters]] and https://example.org/c.\n",
    ),
    Page("Fidd & Sons: a tale", "''Fidd & Sons'' is a tale of [[Zorp|zorps]] < 3.\n\nThe end."),
    Page("Plash", "{{disambig}}\n'''Plash''' may be:\n# [[Pond|a pond]]\n# a [[sound]]\n: or both"),
    Page("Bildo:Zorp.jpg", "A zorp.", 6),
    Page("Zorpedia:Rules", "Be '''kind'''. Zorps are.", 4),
    Page("Kategorio:Critters", "What crawls.\n[[Kategorio:Things]]", 14),
    Page("Template:Num", "<includeonly>{{{1|0}}}</includeonly>", 10),
    Page("Module:Num", "return { n = 7 }", 828, model="Scribunto"),
    Page("Zorps", "#ALIDIREKTU [[Zorp]]", redirect="Zorp"),
    Page("Empty"),
    Page("Hidden", None),
    Page("Altered", "Somebody has shortened this page.", is_altered=True),
    Page("Complex", _COMPLEX),
    Page("Ζορπ ゾルプ", "'''Ζορπ''' — ゾルプ, 𝔷𝔬𝔯𝔭. The zorp in other scripts, of the plash."),
    Page("Template:Zorp", "#REDIRECT [[Template:Num]]", 10, redirect="Template:Num"),
    Page("Style.css", "b { color: red }", 0, model="css"),
    Page("List of critters", "== Critters ==\n* [[Zorp]]\n* [[Glimpet]]: a tame zorp of the plash"),
]
SHA1_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def ids() -> list[int]:
    """Ids of the pages."""
    return [3 + 2 * number for number in range(len(PAGES))]


def sha1(text: str) -> str:
    """In base 36, as dumps have it."""
    number = int(hashlib.sha1(text.encode()).hexdigest(), 16)
    digits = ""
    for _ in range(31):
        number, digit = divmod(number, 36)
        digits = SHA1_DIGITS[digit] + digits
    return digits


def header(database: str = WIKI, version: str = "0.11") -> str:
    """What stands before the first page."""
    names = "".join(
        f'      <namespace key="{key}" case="first-letter">{name}</namespace>\n'
        if name
        else f'      <namespace key="{key}" case="first-letter" />\n'
        for key, name in NAMESPACES.items()
    )
    return (
        f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-{version}/" version="{version}"'
        ' xml:lang="en">\n  <siteinfo>\n    <sitename>Zorpedia</sitename>\n'
        f"    <dbname>{database}</dbname>\n    <base>https://simple.wikipedia.org/wiki/Main_Page</base>\n"
        "    <generator>MediaWiki 1.45.0</generator>\n    <case>first-letter</case>\n"
        f"    <namespaces>\n{names}    </namespaces>\n  </siteinfo>\n"
    )


def page(one: Page, id_: int) -> str:
    """A page as XML."""
    text = one.text or ""
    digest = sha1(text + "more" if one.is_altered else text)
    size = len(text.encode())
    redirect = (
        f"    <redirect title={saxutils.quoteattr(one.redirect)} />\n" if one.redirect else ""
    )
    content = (
        f'<text bytes="{size}" sha1="{digest}" xml:space="preserve">{saxutils.escape(text)}</text>'
    )
    if one.text is None:
        content = '<text bytes="120" deleted="deleted" />'
    elif not text:
        content = f'<text bytes="0" sha1="{digest}" />'
    format_ = "text/x-wiki" if one.model == "wikitext" else "text/plain"
    return (
        f"  <page>\n    <title>{saxutils.escape(one.title)}</title>\n    <ns>{one.namespace}</ns>\n"
        f"    <id>{id_}</id>\n{redirect}    <revision>\n      <id>{id_ + 1000}</id>\n"
        f"      <parentid>{id_ + 900}</parentid>\n      <timestamp>2026-08-{id_ % 28 + 1:02}T12:00:00Z</timestamp>\n"
        "      <contributor>\n        <username>Ann &amp; Bo</username>\n        <id>7</id>\n      </contributor>\n"
        f"      <comment>so</comment>\n      <origin>{id_ + 1000}</origin>\n      <model>{one.model}</model>\n"
        f"      <format>{format_}</format>\n      {content}\n      <sha1>{digest}</sha1>\n"
        "    </revision>\n  </page>\n"
    )


def xml(pages: Sequence[Page] = (), **kwargs: str) -> bytes:
    """The dump as one document."""
    body = "".join(page(one, id_) for one, id_ in zip(pages or PAGES, ids()))
    return f"{header(**kwargs)}{body}</mediawiki>\n".encode()


def multistream() -> tuple[bytes, bytes]:
    """The dump in streams, and the text of its index."""
    streams = [header()]
    lines, at = [], len(bz2.compress(header().encode()))
    for start in range(0, len(PAGES), PER_STREAM):
        some = list(zip(PAGES, ids()))[start : start + PER_STREAM]
        streams.append("".join(page(one, id_) for one, id_ in some))
        lines += [f"{at}:{id_}:{saxutils.escape(one.title)}\n" for one, id_ in some]
        at += len(bz2.compress(streams[-1].encode()))
    # The official tool leaves an empty stream at the end.
    streams += ["</mediawiki>\n", ""]
    return b"".join(bz2.compress(s.encode()) for s in streams), "".join(lines).encode()


def status(files: dict[str, bytes], state: str = "done") -> bytes:
    """`dumpstatus.json`."""
    listed = {
        name: {
            "size": len(content),
            "url": f"/{WIKI}/{DATE}/{name}",
            "md5": hashlib.md5(content).hexdigest(),
            "sha1": hashlib.sha1(content).hexdigest(),
        }
        for name, content in files.items()
    }
    jobs = {
        "articlesmultistreamdump": {"status": state, "updated": "2026-09-03", "files": listed},
        "metahistory7zdump": {"status": "waiting", "updated": ""},
    }
    return json.dumps({"version": "0.8", "jobs": jobs}, indent=1).encode()


def articles() -> dict[int, Page]:
    """Pages with text of their own among articles, by id."""
    return {
        id_: one
        for one, id_ in zip(PAGES, ids())
        if one.text and not one.redirect and one.model == "wikitext" and not one.namespace
    }


def redirects() -> dict[int, Page]:
    """Pages that lead to others among articles, by id."""
    return {id_: one for one, id_ in zip(PAGES, ids()) if one.redirect and not one.namespace}


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into a folder."""
    dump, index = multistream()
    files = {DUMP: dump, INDEX: bz2.compress(index)}
    files[STATUS] = status(files)
    miniature_files.write_files(folder, {URL + name: (name, files[name]) for name in files})
    rows = [
        (f"{DATE}.simple", "train", len(articles())),
        (f"{DATE}.simple.redirects", "train", len(redirects())),
    ]
    miniature_files.write_table(folder / "counts.tsv", ["config", "split", "examples"], rows)


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "wikipedia_corpus")
