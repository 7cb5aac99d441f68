"""Wikipedia: bad input gives one clear error, or a status of its page, and leaves nothing behind."""

from __future__ import annotations

import bz2
import dataclasses
import gzip
import hashlib
import io
import json
import lzma
import pathlib
from unittest import mock

import miniature_scripts
import preparing
import pytest
import tampering
import tiers

from tfds_extra.datasets.wikipedia_corpus import dump_files
from tfds_extra.datasets.wikipedia_corpus import wikipedia_corpus_dataset_builder as module
from tfds_extra.formats import FormatError, mediawiki_dump, wikitext

_MADE = miniature_scripts.load("wikipedia_corpus")
_NAME = f"wikipedia_corpus/{_MADE.DATE}.simple"
_PLAIN = f"{_MADE.WIKI}-{_MADE.DATE}-pages-articles.xml.bz2"
_ARTICLES = len(_MADE.articles())


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = "wikipedia_corpus"


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


@pytest.fixture
def manual_dir(tmp_path) -> pathlib.Path:
    folder = tmp_path / "manual"
    folder.mkdir()
    return folder


def _refused(data_dir: pathlib.Path, *parts: str, **kwargs) -> None:
    tampering.prepare_refused(_NAME, data_dir, *parts, error=ValueError, **kwargs)


def _plain_refused(data_dir, manual_dir, content: bytes, *parts: str) -> None:
    (manual_dir / _PLAIN).write_bytes(content)
    _refused(data_dir, _PLAIN, *parts, manual_dir=manual_dir, partial=False)


_ENTITIES = b'<!DOCTYPE x [<!ENTITY a "zorp"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>\n<mediawiki'
_DAMAGES = {
    "entities": (b"<mediawiki", _ENTITIES, "document type"),
    "an open tag": (b"</title>", b"</titel>", "mismatched tag"),
    "an error page": (b"<mediawiki", b"<!DOCTYPE html>\n<html", "HTML"),
    "another root": (b"<mediawiki", b"<feed", "<feed>"),
    "no id": (b"<id>3</id>", b"", "no id"),
    "an id of letters": (b"<id>3</id>", b"<id>three</id>", "'three' is no number"),
    "another wiki": (b"simplewiki</dbname>", b"elwiki</dbname>", "elwiki", "simplewiki"),
    "a control character": (b"crawls", b"cr\x01wls", "invalid token"),
    "not UTF-8": ("Ζορπ".encode(), b"\xff\xfe", "invalid token"),
    "an entity": (b"&amp;", b"&amq;", "undefined entity"),
    "the end": (b"</mediawiki>", b"", "truncated"),
    "half": (_MADE.xml()[-900:], b"", "truncated: it ends within page"),
    "nothing": (_MADE.xml(), b"", "empty"),
}


@pytest.mark.parametrize(
    "damage", tiers.sampled(_DAMAGES, quick=("entities", "an error page", "another wiki", "half"))
)
def test_dumps_that_are_damaged(data_dir, manual_dir, damage):
    old, new, *parts = _DAMAGES[damage]
    assert old in _MADE.xml()
    content = _MADE.xml().replace(old, new, 1)
    _plain_refused(data_dir, manual_dir, bz2.compress(content), *parts)


def test_a_dump_that_is_cut(data_dir, manual_dir):
    """Of a part, the pages before the cut are taken."""
    _plain_refused(data_dir / "a", manual_dir, bz2.compress(_MADE.xml())[:-300], "truncated")
    cut = _MADE.xml()[: _MADE.xml().index(b"<title>Template:Zorp")]
    (manual_dir / _PLAIN).write_bytes(bz2.compress(cut))
    builder = preparing.prepared(_NAME, data_dir / "b", manual_dir, partial=True)
    assert builder.info.splits["train"].num_examples == _ARTICLES - 1
    assert builder.info.metadata["variant"] == "partial"


def test_a_multistream_dump_that_is_cut(data_dir, manual_dir):
    """Of a part, it is read as far as it goes, in spite of its index."""
    content, index = _MADE.multistream()
    (manual_dir / _MADE.INDEX).write_bytes(bz2.compress(index))
    (manual_dir / _MADE.DUMP).write_bytes(content[:3000])
    builder = preparing.prepared(_NAME, data_dir, manual_dir, partial=True)
    assert 0 < builder.info.splits["train"].num_examples < _ARTICLES


def test_no_bzip2(data_dir, manual_dir):
    content = bytearray(bz2.compress(_MADE.xml()))
    content[len(content) // 2] ^= 0xFF
    _plain_refused(data_dir / "a", manual_dir, bytes(content), "byte")
    _plain_refused(data_dir / "b", manual_dir, b"<html><body>404</body></html>", "HTML")


@pytest.mark.parametrize(
    "content",
    [_MADE.xml(), _MADE.xml().decode().encode("utf-16"), _MADE.xml().replace(b"\n", b"\r\n")],
    ids=["plain", "UTF-16", "line ends"],
)
def test_dumps_that_were_packed_again(data_dir, manual_dir, content):
    """They are read all the same: XML says by itself how it is encoded."""
    (manual_dir / _PLAIN.removesuffix(".bz2")).write_bytes(content)
    builder = preparing.prepared(_NAME, data_dir, manual_dir)
    assert builder.info.splits["train"].num_examples == _ARTICLES


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gz", "xz"])
def test_dumps_that_were_packed_otherwise(data_dir, manual_dir, pack):
    """What systems leave beside them is passed over, in a part as well."""
    name = f"{_PLAIN.removesuffix('.bz2')}.{'gz' if pack is gzip.compress else 'xz'}"
    (manual_dir / name).write_bytes(pack(_MADE.xml()))
    (manual_dir / f"._{name}").write_bytes(b"\0\5\x16\7")
    (manual_dir / "Thumbs.db").write_bytes(b"\xd0\xcf")
    for partial in (False, True):
        builder = preparing.prepared(_NAME, data_dir, manual_dir, partial=partial)
        assert builder.info.splits["train"].num_examples == _ARTICLES


def test_old_versions(data_dir, manual_dir):
    """Before 0.4 redirects are told from the text, before 0.6 namespaces from the title."""
    content = _MADE.xml(version="0.3")
    lines = content.decode().split("\n")
    new = ("<ns>", "<redirect", "<sha1>", "<parentid>", "<model>", "<format>", "<dbname>")
    content = "\n".join(line for line in lines if not line.strip().startswith(new))
    content = content.replace("ALIDIREKTU", "redirect")
    (manual_dir / _PLAIN).write_bytes(bz2.compress(content.encode()))
    builder = preparing.prepared(_NAME, data_dir / "articles", manual_dir)
    # Nothing says that a page is a program.
    assert builder.info.splits["train"].num_examples == _ARTICLES + 1
    redirects = preparing.prepared(f"{_NAME}.redirects", data_dir / "redirects", manual_dir)
    rows = preparing.examples(redirects, "title")
    assert {t: row["target"].decode() for t, row in rows.items()} == {
        page.title: page.redirect for page in _MADE.redirects().values()
    }
    assert not any(row["is_marked"] for row in rows.values())


def _index(miniature, change) -> None:
    lines = _MADE.multistream()[1].decode().splitlines(keepends=True)
    miniature.write_vouched(_MADE.INDEX, bz2.compress("".join(change(lines)).encode()))


_INDEXES = {
    "of other pages": (lambda lines: [line.replace(":7:", ":8:") for line in lines], "belong"),
    "too short": (lambda lines: [lines[0], *lines[2:]], "the index says"),
    "of other bytes": (
        lambda lines: [f"{int(x.split(':')[0]) + 3}:{x.split(':', 1)[1]}" for x in lines],
        "stream at byte",
    ),
    "of a longer file": (lambda lines: [*lines, "999999:99:Zorp\n"], "999,999"),
    "not in order": (lambda lines: [*lines[5:], *lines[:5]], "comes after"),
    "no index": (lambda lines: ["<html>\n"], "not byte:id:title"),
    "cut": (lambda lines: [*lines[:-1], lines[-1][:-1]], "truncated"),
}


@pytest.mark.parametrize("kind", tiers.sampled(_INDEXES, quick=("of other pages", "no index")))
def test_indexes_that_are_wrong(miniature, data_dir, kind):
    change, part = _INDEXES[kind]
    _index(miniature, change)
    _refused(data_dir, _MADE.WIKI, part)


def test_a_stream_that_is_damaged(miniature, data_dir):
    content = bytearray((miniature.folder / _MADE.DUMP).read_bytes())
    miniature.write_vouched(_MADE.DUMP, bytes(content[:-300]))
    _refused(data_dir, _MADE.DUMP, "truncated")
    content[2000] ^= 0xFF
    miniature.write_vouched(_MADE.DUMP, bytes(content))
    _refused(data_dir, _MADE.DUMP, "damaged")


def test_a_file_that_is_altered(miniature, data_dir):
    path = miniature.folder / _MADE.DUMP
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    _refused(data_dir, _MADE.DUMP, "it is another file", "sha256")


@pytest.mark.parametrize("listing", ["dumpstatus.json", "md5sums", "sha1sums"])
def test_lists_of_digests_beside_a_dump(data_dir, manual_dir, listing):
    content = bz2.compress(_MADE.xml())
    (manual_dir / _PLAIN).write_bytes(content)
    if listing == "dumpstatus.json":
        (manual_dir / listing).write_bytes(_MADE.status({_PLAIN: content + b"x"}))
    else:
        digest = hashlib.new(listing.removesuffix("sums"), content + b"x").hexdigest()
        list_name = f"{_MADE.WIKI}-{_MADE.DATE}-{listing}.txt"
        (manual_dir / list_name).write_text(f"{digest}  {_PLAIN}\n")
    _refused(data_dir, _PLAIN, "it is another file", manual_dir=manual_dir, partial=False)


def test_status_of_a_dump(tmp_path):
    path = tmp_path / "dumpstatus.json"
    path.write_bytes(_MADE.status({"a.bz2": b"a"}, state="in-progress"))
    with pytest.raises(ValueError, match="in-progress"):
        dump_files.read_status(path, ("a.bz2",))
    file_is_number = b'{"jobs": {"a": {"status": "done", "files": {"b": 3}}}}'
    job_is_number = b'{"jobs": {"a": 7}}'
    for wrong in (b"<html>", b"[]", b'{"jobs": 7}', job_is_number, file_is_number, b"[" * 100_000):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="dumpstatus.json"):
            dump_files.read_status(path, ("b",))
    path.write_bytes(_MADE.status({"a.bz2": b"a"}))
    found = dump_files.read_status(path, ("a.bz2",))["a.bz2"]
    assert found.size == 1 and set(found.digests) == {"md5", "sha1"}
    assert json.loads(path.read_bytes())["jobs"]["metahistory7zdump"]["status"] == "waiting"


def test_which_files_are_a_dump():
    """The fastest form of the same pages is chosen."""

    def chosen(*names, is_part=False):
        found = dump_files.choose(names, "enwiki", "20260901", is_part=is_part)
        return [file.name.removeprefix("enwiki-20260901-") for file in found]

    start = "enwiki-20260901-pages-"
    plain, whole = f"{start}articles.xml.bz2", f"{start}articles-multistream.xml.bz2"
    index = f"{start}articles-multistream-index.txt.bz2"
    parts = [f"{start}articles-multistream{n}.xml-p{a}p{b}.bz2" for n, a, b in (
        (1, 1, 99), (2, 100, 400), (10, 401, 500),
    )]  # fmt: skip
    stub = "enwiki-20260901-stub-articles.xml.gz"
    assert chosen(plain, whole, index, stub, "x.txt") == ["pages-articles-multistream.xml.bz2"]
    assert chosen(plain, stub) == ["pages-articles.xml.bz2"]
    assert chosen(*parts, plain) == [part.removeprefix("enwiki-20260901-") for part in parts]
    assert chosen(plain.replace("20260901", "20260801")) == []
    assert chosen(f"{start}meta-current.xml.bz2", plain) == ["pages-articles.xml.bz2"]
    assert chosen("a.xml.bz2", "b.xml", is_part=True) == ["a.xml.bz2", "b.xml"]
    assert chosen("testdata.bz2", is_part=True) == ["testdata.bz2"]
    files = dump_files.choose(parts, "enwiki", "20260901", is_part=False)
    assert dump_files.missing_part(files) == ""
    assert "100 to 400" in dump_files.missing_part([files[0], files[2]])
    newer = ["enwiki-2026-03-01-p10p1147431.xml.bz2", "enwiki-2026-03-01-p1147432p99999999.xml.bz2"]
    files = dump_files.choose(newer, "enwiki", "2026-03-01", is_part=False)
    assert [(file.first, file.last) for file in files] == [(10, 1147431), (1147432, 99999999)]


def test_stubs_have_no_text():
    """A stub says how long a text is, and not the text."""
    page = '<page><title>A</title><ns>0</ns><id>1</id><revision><id>2</id><text id="5" bytes="9" /></revision></page>'
    content = f'<mediawiki version="0.10"><siteinfo></siteinfo>{page}</mediawiki>'
    (found,) = mediawiki_dump.read_pages(_file(content))
    assert found.text is None and found.num_bytes == 9


def test_a_dump_that_says_nothing_of_its_wiki():
    content = '<mediawiki version="0.10" xml:lang="el"><page><title>A</title><id>1</id></page></mediawiki>'
    site = mediawiki_dump.read_site(_file(content))
    assert (site.version, site.language, site.namespaces) == ("0.10", "el", {})
    (page,) = mediawiki_dump.read_pages(_file(content))
    assert (page.text, page.is_redirect, page.revision_id) == (None, False, 0)


@pytest.mark.parametrize(
    "content, problem",
    [
        (f'<mediawiki><page a="{"x" * (2 << 20)}"', "a tag or comment of more than"),
        (f"<mediawiki><page><title>{'x' * (65 << 20)}", "a value of more than"),
        (f"<mediawiki>{'<a>' * 40}", "within each other"),
    ],
    ids=["tag", "value", "depth"],
)
def test_what_would_fill_the_memory(content, problem):
    with pytest.raises(FormatError, match=problem):
        list(mediawiki_dump.read_pages(_file(content)))


def test_only_the_last_revision_is_taken():
    revisions = "".join(
        f"<revision><id>{n}</id><text>{'x' * n}</text></revision>" for n in (5, 6, 9)
    )
    page = f"<page><title>A</title><id>1</id>{revisions}</page>"
    (found,) = mediawiki_dump.read_pages(_file(f"<mediawiki>{page}</mediawiki>"))
    assert (found.revision_id, found.text, found.num_revisions) == (9, "x" * 9, 3)


def _file(content: str) -> io.BytesIO:
    return io.BytesIO(content.encode())


def test_texts_that_would_take_hours():
    """They are known beforehand, and what is closed is not among them."""
    for opener in (
        "{{a|",
        "{|\n",
        "<b>",
        "[[a|",
        "<!--",
        "<ref>",
        "[http://a ",
        "{{<a b=c}}",
        "</a><a b=c ",
    ):
        assert wikitext.cost(opener * 30_000) > wikitext.MAX_COST, opener
    usual = (
        "{{a|b}} [[c|d]] <b>e</b> <br> {|\n|}\n <ref name=x/> <!-- f --><ref\nname=x>g</ref><i\n/>"
        * 3_000
    )
    assert wikitext.cost(usual) < wikitext.MAX_COST / 100
    deep = "{{a|" * 3000 + "}}" * 3000
    assert wikitext.cost(deep) > 0
    assert wikitext.plain("'''A''' [[b|c]] {{d}}<br>\n== E ==\n* f") == "A c \nE\nf"


@pytest.mark.parametrize(
    "text", ["", "\0", "[[", "&#x110000; &#0; &#xD800;", "</b>", "<ref", "==", "{{{a|"]
)
def test_odd_wikitext(text):
    made = wikitext.parse(text, {}, frozenset())
    assert isinstance(made, wikitext.Article)
    made.text.encode()


def test_pages_that_the_parser_refuses(data_dir, manual_dir, monkeypatch):
    """They are there, cleaned roughly, with a status."""

    def refuse(*_):
        raise FormatError("no")

    monkeypatch.setattr(wikitext, "parse", refuse)
    (manual_dir / _PLAIN).write_bytes(bz2.compress(_MADE.xml()))
    builder = preparing.prepared(_NAME, data_dir, manual_dir, num_workers=1)
    rows = preparing.examples(builder, "title")
    assert len(rows) == _ARTICLES
    assert {row["status"] for title, row in rows.items() if title != "Complex"} == {2}
    assert b"critter" in rows["Zorp"]["text"]


def test_a_page_that_is_there_twice(data_dir, manual_dir):
    pages = [*_MADE.PAGES[:2], dataclasses.replace(_MADE.PAGES[0], title="Again")]
    content = _MADE.xml(pages).replace(b"<id>7</id>\n    <revision>", b"<id>3</id>\n    <revision>")
    (manual_dir / _PLAIN).write_bytes(bz2.compress(content))
    with pytest.raises(Exception, match="3"):
        preparing.prepared(_NAME, data_dir, manual_dir)


@pytest.mark.slow
def test_pieces_of_a_file_that_cannot_be_cut(data_dir, manual_dir, monkeypatch):
    """One for each process, which makes no difference to what is prepared."""
    monkeypatch.setattr(module, "_BYTES_PER_PIECE", 1000)
    (manual_dir / _PLAIN).write_bytes(bz2.compress(_MADE.xml()))
    digests = []
    for workers in (1, 2):
        read = mock.Mock(wraps=mediawiki_dump.read_pages)
        with mock.patch.object(mediawiki_dump, "read_pages", read), preparing.by_others():
            builder = preparing.prepared(
                _NAME, data_dir / str(workers), manual_dir, num_workers=workers
            )
        assert read.call_count == (workers == 1)
        digests.append(builder.info.metadata["order_digest"])
    assert digests[0] == digests[1]


def test_pieces_of_a_multistream_dump(data_dir, manual_dir):
    """So many that processes end at about the same time, whatever the size of the wiki."""
    content, index = bytearray(bz2.compress(_MADE.header().encode())), []
    for number in range(130):
        index.append(f"{len(content)}:{number + 1}:x\n")
        content += bz2.compress(_MADE.page(_MADE.PAGES[0], number + 1).encode())
    content += bz2.compress(b"</mediawiki>\n")
    (manual_dir / _MADE.DUMP).write_bytes(content)
    (manual_dir / _MADE.INDEX).write_bytes(bz2.compress("".join(index).encode()))
    streams = mock.Mock(wraps=mediawiki_dump.read_streams)
    with mock.patch.object(mediawiki_dump, "read_streams", streams):
        builder = preparing.prepared(_NAME, data_dir, manual_dir, num_workers=1)
    assert builder.info.splits["train"].num_examples == 130
    assert streams.call_count == 65


def test_a_part_that_is_missing(data_dir, manual_dir):
    for number, (first, last) in enumerate([(1, 9), (20, 99)], 1):
        name = f"{_MADE.WIKI}-{_MADE.DATE}-pages-articles{number}.xml-p{first}p{last}.bz2"
        (manual_dir / name).write_bytes(bz2.compress(_MADE.xml(_MADE.PAGES[:1])))
    _refused(data_dir, "10 to 19", "partial", manual_dir=manual_dir, partial=False)
