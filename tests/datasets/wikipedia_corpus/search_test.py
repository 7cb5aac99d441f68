"""Search in a prepared wiki."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import preparing
import pytest

from tfds_extra import cli
from tfds_extra.datasets.wikipedia_corpus import search

_NAME = "wikipedia_corpus/20260901.simple"


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return preparing.prepared(_NAME, tmp_path_factory.mktemp("data"), miniature=True)


@pytest.fixture(scope="module")
def index(builder):
    with builder.search_index() as index:
        yield index


@pytest.mark.parametrize(
    "query, titles",
    {
        "glows": {"Zorp"},
        '"critter crawls"': {"Critter"},
        '"a critter of the plashes"': {"Zorp"},
        "plash*": {"Zorp", "Plash", "Ζορπ ゾルプ", "List of critters"},
        "NEAR(zorps tale, 3)": {"Fidd & Sons: a tale"},
        "zorp NOT pond": {"Zorp", "Ζορπ ゾルプ", "List of critters"},
        "glows OR shortened": {"Zorp", "Altered"},
        "tame AND plash": {"List of critters"},
        "ΖΟΡΠ": {"Ζορπ ゾルプ"},
        "cr\u00eftter": set(),
    }.items(),
)
def test_queries(index, query, titles):
    assert {hit.title for hit in index.search(query)} == titles
    assert index.count(query) == len(titles)


def test_hits_are_in_their_context(index):
    (hit,) = index.search('"zorp eats"')
    assert (hit.title, hit.section, hit.match) == ("Zorp", "Food", "zorp eats")
    assert hit.left.endswith("A ") and hit.right.startswith(" fidd.") and "\n" not in str(hit)
    assert hit.url == "https://simple.wikipedia.org/wiki/Zorp"
    assert str(hit).startswith("Zorp, Food: ")
    (heading,) = index.search("food")
    assert (heading.section, heading.match) == ("Food", "Food")


def test_restrictions(index):
    assert {hit.title for hit in index.search("zorp", title="list")} == {"List of critters"}
    assert {hit.title for hit in index.search("zorp", category="Critters")} == {"Zorp"}
    assert index.count("zorp", category="Nothing") == 0
    assert len(index.search("zorp OR plash", limit=2)) == 2


def test_frequencies_are_those_of_the_texts(builder, index):
    texts = [row["text"].decode().lower() for row in preparing.examples(builder, "title").values()]
    size = sum(int(r["word_count"]) for r in preparing.examples(builder, "title").values())
    for words in ("zorp", "a zorp", "the plash"):
        found = index.frequency(words)
        expected = [(f" {_words(text)} ").count(f" {words} ") for text in texts]
        assert found.occurrences == sum(expected)
        assert found.pages == sum(map(bool, expected))
        assert found.per_million == pytest.approx(found.occurrences / size * 1e6)
    begins = [w for text in texts for w in _words(text).split() if w.startswith("zorp")]
    assert index.frequency("zorp*").occurrences == len(begins)
    assert index.frequency("zorp", category="Critters").pages == 1
    (listed,) = [text for text in texts if text.startswith("critters")]
    for words in ("plash", "the plash", "pl*"):
        found = index.frequency(words, title="list NOT zorp")
        assert (found.occurrences, found.pages) == (1, 1)
        assert found.size == len(_words(listed).split())
    assert index.frequency("the plash", title="nowhere") == search.Frequency(0, 0, 0)
    with pytest.raises(ValueError, match="'list NOT' is no query"):
        index.frequency("the plash", title="list NOT")
    with pytest.raises(ValueError, match="no word"):
        index.frequency("!")


def _words(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())


@pytest.mark.parametrize("query", ['"open', "C++", "AND", "author:me", "", "NEAR("])
def test_queries_that_are_none(index, query):
    with pytest.raises(ValueError, match="is no query.*phrase in quotes"):
        index.search(query)


def test_languages_without_blanks(tmp_path):
    assert search.tokenizer_of("ja") == "trigram" and search.tokenizer_of("zh-yue") == "trigram"
    row = search.Row(1, "ゾルプ", "", "ゾルプは池の動物である。", [("", 12)], [], 12)
    path = tmp_path / "x.sqlite"
    search.build(path, [row], "state", tokenizer=search.tokenizer_of("ja"))
    with search.Index(path) as index:
        assert [hit.match for hit in index.search("池の動物")] == ["池の動物"]
        assert index.frequency("池の動物").occurrences == 1


def _rows(number: int) -> list[search.Row]:
    return [
        search.Row(i, f"Page {i}", "", f"word{i % 7} and the zorp", [("", 20)], ["All"], 4)
        for i in range(1, number + 1)
    ]


def _stopped_at(number: int, rows: list[search.Row]) -> Iterator[search.Row]:
    yield from rows[:number]
    raise KeyboardInterrupt


def test_an_index_that_was_not_finished(tmp_path, monkeypatch):
    """It is not used; what is there is gone on with, and no page is in it twice."""
    monkeypatch.setattr(search, "_AT_ONCE", 10)
    path = tmp_path / "x.sqlite"
    with pytest.raises(KeyboardInterrupt):
        search.build(path, _stopped_at(57, _rows(100)), "state")
    with pytest.raises(ValueError, match="no index for searching"):
        search.Index(path)
    added = []
    add = search._add
    monkeypatch.setattr(search, "_add", lambda f, rows: (added.extend(rows), add(f, rows)))
    search.build(path, _rows(100), "state")
    assert [row.id for row in added] == list(range(51, 101))
    _check_index(path, 100)


def test_an_index_of_other_data(tmp_path, monkeypatch):
    """It serves until the new one is whole, and what was begun of other data is not gone on with."""
    monkeypatch.setattr(search, "_AT_ONCE", 10)
    path = tmp_path / "x.sqlite"
    search.build(path, _rows(100), "state")
    with pytest.raises(KeyboardInterrupt):
        search.build(path, _stopped_at(20, _rows(40)), "another state")
    _check_index(path, 100)
    search.build(path, _rows(30), "state of today")
    _check_index(path, 30)


def _check_index(path: pathlib.Path, number: int) -> None:
    """That an index has just the pages of `_rows`."""
    with search.Index(path) as index:
        assert index.count("zorp") == number
        assert index.frequency("the zorp") == search.Frequency(number, number, 4 * number)
    assert not path.with_name(f"{path.name}-journal").exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the program forks")
def test_a_process_that_is_killed(tmp_path):
    """At any statement of SQL: there is no index, and the next one goes on and makes it whole."""
    program = pathlib.Path(__file__).with_name("killed_builds.py")
    done = subprocess.run(
        [sys.executable, program, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 50


@pytest.mark.slow
def test_a_process_that_has_imported_tensorflow():
    """Its library for Linux has an SQLite without full-text search."""
    program = (
        "import tensorflow\nfrom tfds_extra.datasets.wikipedia_corpus import search\n"
        "import pathlib, tempfile\npath = pathlib.Path(tempfile.mkdtemp(), 'x')\n"
        "search.build(path, [search.Row(1, 'Zorp', '', 'the zorp', [], [], 2)], 'state')\n"
        "print(search.Index(path).count('zorp'))\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert made.stdout.split() == ["1"]


def test_damaged_index(builder, tmp_path):
    """It is built anew."""
    index = search.Index.of(builder, tmp_path)
    index.close()
    (path,) = tmp_path.glob("*.sqlite")
    path.write_bytes(b"no database" * 100)
    with search.Index.of(builder, tmp_path) as index:
        assert index.count("glows") == 1
    (tmp_path / "other").write_bytes(b"no database" * 100)
    with pytest.raises(ValueError, match="other: no index for searching"):
        search.Index(tmp_path / "other")


def test_command(builder, capsys):
    options = ["--data_dir", str(builder.data_dir_root), "--miniature"]
    assert cli.main(["search", _NAME, '"zorp eats"', *options]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == "1 pages" and "[zorp eats] fidd" in printed
    assert cli.main(["search", _NAME, "zorp", "--frequency", *options]) == 0
    assert "per million" in capsys.readouterr().out
    assert cli.main(["search", _NAME, "zorp", "--frequency", "--title", "plash", *options]) == 0
    assert "0 times in 0 pages" in capsys.readouterr().out
    assert cli.main(["search", _NAME, '"zorp', *options]) == 1
    assert "is no query" in capsys.readouterr().err
    assert cli.main(["search", "qmnist", "zorp", *options]) == 1
    assert "no texts" in capsys.readouterr().err
    assert cli.main(["search", f"{_NAME}.redirects", "zorp", *options]) == 1
    assert "no text to search" in capsys.readouterr().err
