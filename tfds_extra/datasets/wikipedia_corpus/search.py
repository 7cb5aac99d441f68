"""Searches in a prepared wiki: words, phrases, prefixes, NEAR and boolean queries, and frequencies.

The index is an SQLite file with full-text search (FTS5), which comes with Python. It lies beside
the folder of the prepared data. It is built once, page by page, in a file of another name, and gets
its name when it is whole. If the process is killed, the next one goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tfds_extra.core import disk, locks, prepared
from tfds_extra.core.sqlite import sqlite3

_FORMAT = 1
_AT_ONCE = 1000  # Number of pages in a transaction.
_CACHE = 64 << 10  # KiB of the index that SQLite keeps in memory.
# Languages without blanks between words: there, any three or more letters can be found.
_WITHOUT_BLANKS = frozenset(
    ("ja", "zh", "th", "lo", "km", "my", "bo", "dz", "wuu", "yue", "zh-classical", "gan")
)
_BEGIN, _END = "\x02", "\x03"
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value);
CREATE TABLE page (
    id INTEGER PRIMARY KEY, title TEXT, url TEXT, size INTEGER, sections TEXT, packed BLOB
);
CREATE TABLE category (name TEXT, page INTEGER);
CREATE VIEW readable AS SELECT id, title, unpacked(packed) AS text FROM page;
CREATE VIRTUAL TABLE words USING fts5(
    title, text, content='readable', content_rowid='id', tokenize='{tokenizer}'
);
CREATE VIRTUAL TABLE instances USING fts5vocab('words', 'instance');
"""
_HOW = (
    'A query is a word, a "phrase in quotes", a prefix*, NEAR(one another, 5), or several of these with AND,'
    " OR and NOT. What has other signs than letters and digits goes into quotes."
)


@dataclasses.dataclass(frozen=True)
class Hit:
    """A page that a query finds.

    Attributes:
      id: Id of the page.
      title: Title of the page.
      url: Url of the page.
      section: Heading of the section with the place, or of which it is part; empty for the lead.
      left: The text before the place.
      match: The text that was found; empty if only the title fits.
      right: The text after the place.
      begin: Where the place begins in the text, in letters.
      rank: The smaller it is, the better the page fits (BM25).
    """

    id: int
    title: str
    url: str
    section: str
    left: str
    match: str
    right: str
    begin: int
    rank: float

    def __str__(self) -> str:
        where = f"{self.title}, {self.section}" if self.section else self.title
        return f"{where}: {self.left}[{self.match}]{self.right}"


@dataclasses.dataclass(frozen=True)
class Frequency:
    """The frequency of a word or phrase.

    Attributes:
      occurrences: Number of places in texts.
      pages: Number of pages with such a place.
      size: Number of words of all texts; of letters, in languages without blanks between words.
    """

    occurrences: int
    pages: int
    size: int

    @property
    def per_million(self) -> float:
        """Number of occurrences in a million words, or letters."""
        return self.occurrences / self.size * 1e6 if self.size else 0.0

    def __str__(self) -> str:
        return f"{self.occurrences:,} times in {self.pages:,} pages, {self.per_million:,.2f} per million"


@dataclasses.dataclass(frozen=True)
class Row:
    """A page to be found.

    Attributes:
      id: Id of the page.
      title: Title of the page.
      url: Url of the page.
      text: Text of the page.
      sections: Title of each, and where it ends.
      categories: Names.
      size: Words of the text; letters, in languages that do not part words by blanks.
    """

    id: int
    title: str
    url: str
    text: str
    sections: Sequence[tuple[str, int]]
    categories: Sequence[str]
    size: int


class Index:
    """The index of a prepared wiki; only one thread may use it."""

    def __init__(self, path: str | os.PathLike[str]):
        """Opens an index that is whole.

        Args:
          path: The file.

        Raises:
          ValueError: It is no such index.
        """
        try:
            self._file = _connect(path, is_read_only=True)
            self._tokenizer = _meta(self._file)["tokenizer"]
        except (sqlite3.Error, KeyError) as e:
            raise ValueError(f"{path}: no index for searching: {e}") from e

    @classmethod
    def of(cls, builder: Any, folder: str | os.PathLike[str] | None = None) -> Index:
        """Returns the index of a builder's prepared articles; builds it if it is not there.

        Args:
          builder: A builder whose articles are prepared.
          folder: Folder of the index; by default beside the folder of the prepared data.

        Raises:
          ValueError: Nothing is prepared, or no articles.
        """
        if "text" not in builder.info.features:
            raise ValueError(f"{builder.info.full_name} has no text to search in: choose articles.")
        if not builder.is_prepared():
            raise ValueError(f"{builder.info.full_name} is not prepared in {builder.data_dir}.")
        data_dir = pathlib.Path(builder.data_dir)
        place = pathlib.Path(folder) if folder else data_dir.parent
        path = place / f"search-{data_dir.parent.name}-{data_dir.name}.sqlite"
        state = json.dumps([_FORMAT, builder.info.metadata["order_digest"]], sort_keys=True)
        if not _is_of(path, state):
            place.mkdir(parents=True, exist_ok=True)
            with locks.alone(path.with_suffix(".lock"), time.sleep):
                if not _is_of(path, state):
                    first = next(_examples(builder))["language"].decode()
                    build(path, _rows(builder), state, tokenizer=tokenizer_of(first))
        return cls(path)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        title: str = "",
        category: str = "",
        context: int = 60,
    ) -> list[Hit]:
        """Returns the pages that fit a query best, each with the first place that fits.

        Args:
          query: A word, a "phrase", a prefix*, NEAR(one another, 5), and these with AND, OR and NOT.
          limit: The most pages.
          title: A query that the title has to fit, too.
          category: Name of a category that the page has to be in.
          context: How many letters are shown before and behind the place.

        Raises:
          ValueError: The query has another form.
        """
        asked = f"({query}) AND title : ({title})" if title else query
        within, values = _within("rowid", category)
        found = self._ask(
            f"SELECT rowid, rank FROM words WHERE words MATCH ? {within} ORDER BY rank LIMIT ?",
            (asked, *values, limit),
        )
        return [self._hit(query, page, rank, context) for page, rank in found]

    def count(self, query: str, *, title: str = "", category: str = "") -> int:
        """Returns how many pages fit a query; the arguments are those of `search`."""
        asked = f"({query}) AND title : ({title})" if title else query
        within, values = _within("rowid", category)
        ((number,),) = self._ask(
            f"SELECT count(*) FROM words WHERE words MATCH ? {within}", (asked, *values)
        )
        return number

    def frequency(self, words: str, *, title: str = "", category: str = "") -> Frequency:
        """Returns how often a word or a phrase occurs in texts.

        Args:
          words: Words that follow each other, or the beginning of one (`walk*`).
          title: A query that titles of pages have to fit.
          category: Name of a category that pages have to be in.

        Raises:
          ValueError: There is no word, or the query of titles has a wrong form.
        """
        words = words.strip().strip('"')
        is_prefix = words.endswith("*")
        terms = self._terms(words.rstrip("*"))
        if not terms or (is_prefix and len(terms) > 1):
            raise ValueError(f"{words!r} is no word, no phrase and no beginning of a word.")
        within, values = _within("id", category, title)
        ((size,),) = self._ask(f"SELECT sum(size) FROM page WHERE true {within}", values, title)
        within, values = _within("doc", category, title)
        if len(terms) == 1:
            last = f"{terms[0]}\U0010ffff" if is_prefix else terms[0]
            ((occurrences, pages),) = self._ask(
                "SELECT count(*), count(DISTINCT doc) FROM instances"
                f" WHERE term BETWEEN ? AND ? AND col = 'text' {within}",
                (terms[0], last, *values),
            )
            return Frequency(occurrences, pages, size or 0)
        places = [self._places(term, -i, within, values) for i, term in enumerate(terms)]
        occurrences, pages, last_page = 0, 0, None
        for page, _ in _in_all(*places):
            occurrences += 1
            pages += page != last_page
            last_page = page
        return Frequency(occurrences, pages, size or 0)

    def _places(
        self, term: str, shift: int, within: str, values: Sequence[str]
    ) -> Iterator[tuple[int, int]]:
        """Returns pages with a word, and the word's place in each: its number, shifted.

        They are in ascending order, because FTS5 stores them so.
        """
        return self._file.execute(
            f"SELECT doc, offset + ? FROM instances WHERE term = ? AND col = 'text' {within}",
            (shift, term, *values),
        )

    def _terms(self, text: str) -> list[str]:
        """Returns the words of a text, as they are in the index."""
        with contextlib.closing(sqlite3.connect(":memory:")) as memory:
            schema = f"CREATE VIRTUAL TABLE one USING fts5(text, tokenize='{self._tokenizer}')"
            memory.execute(schema)
            memory.execute("CREATE VIRTUAL TABLE terms USING fts5vocab('one', 'instance')")
            memory.execute("INSERT INTO one VALUES (?)", (text,))
            return [term for (term,) in memory.execute("SELECT term FROM terms ORDER BY offset")]

    def _hit(self, query: str, page: int, rank: float, context: int) -> Hit:
        """Returns a page that fits, with its first place."""
        ((title, url, sections),) = self._ask(
            "SELECT title, url, sections FROM page WHERE id = ?", (page,)
        )
        ((marked,),) = self._ask(
            "SELECT highlight(words, 1, ?, ?) FROM words WHERE words MATCH ? AND rowid = ?",
            (_BEGIN, _END, query, page),
        )
        before, begin, rest = marked.partition(_BEGIN)
        match, _, behind = rest.partition(_END)
        if not begin:
            before, behind = "", marked
        behind = behind.replace(_BEGIN, "").replace(_END, "")
        place = len(before)
        section = next((name for name, end in json.loads(sections) if place < end), "")
        return Hit(
            id=page,
            title=title,
            url=url,
            section=section,
            left=_in_line(before[-context:]) if begin else "",
            match=_in_line(match) if begin else "",
            right=_in_line(behind[:context]),
            begin=place,
            rank=rank,
        )

    def _ask(self, question: str, values: Sequence[Any], query: str = "") -> list[tuple[Any, ...]]:
        """Asks the database; an error names the query, by default the first value."""
        try:
            return self._file.execute(question, values).fetchall()
        except sqlite3.OperationalError as e:
            if "fts5" in str(e) or "no such column" in str(e) or "unterminated" in str(e):
                raise ValueError(f"{query or values[0]!r} is no query: {e}. {_HOW}") from e
            raise


def build(path: pathlib.Path, rows: Iterable[Row], state: str, *, tokenizer: str = "") -> None:
    """Builds an index, or goes on with one that a killed process has begun from the same rows.

    Args:
      path: The file.
      rows: The pages, always in the same order.
      state: Identifies the prepared data; an index with another state is replaced.
      tokenizer: Tokenizer of FTS5; the default separates words, and keeps accents.

    Raises:
      OSError: The file cannot be written; the error names it.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with contextlib.closing(_begun(unfinished, state, tokenizer)) as file:
            done = _meta(file)["done"]
            rows = itertools.islice(rows, done, None)
            while some := list(itertools.islice(rows, _AT_ONCE)):
                _add(file, some)
            with file:
                file.execute("CREATE INDEX IF NOT EXISTS by_category ON category (name, page)")
                file.execute("INSERT INTO words (words) VALUES ('optimize')")
    except sqlite3.Error as e:
        raise OSError(
            f"{unfinished}: {e}. It is the unfinished index for searching; remove it to begin anew."
        ) from e
    os.replace(unfinished, path)
    disk.sync(path.parent)


def tokenizer_of(language: str) -> str:
    """Returns the tokenizer of FTS5 for a language."""
    parts = language in _WITHOUT_BLANKS or language.partition("-")[0] in _WITHOUT_BLANKS
    return "trigram" if parts else "unicode61 remove_diacritics 0"


def _begun(path: pathlib.Path, state: str, tokenizer: str) -> sqlite3.Connection:
    """Opens the unfinished index, if it has the same state, or else a new one."""
    if path.exists():
        with contextlib.suppress(sqlite3.Error):
            file = _connect(path)
            if _meta(file).get("state") == state:
                return file
            file.close()
        # The journal goes last: without it, a half-written file could not be repaired.
        for left in (path, path.with_name(f"{path.name}-journal")):
            left.unlink(missing_ok=True)
    file = _connect(path)
    tokenizer = tokenizer or "unicode61 remove_diacritics 0"
    file.executescript(f"BEGIN;{_SCHEMA.format(tokenizer=tokenizer)}")
    facts = {"state": state, "done": 0, "tokenizer": tokenizer}
    file.executemany("INSERT INTO meta VALUES (?, ?)", list(facts.items()))
    file.commit()
    return file


def _add(file: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Adds pages in one transaction, which also says how many there are."""
    with file:
        file.executemany(
            "INSERT INTO page VALUES (?, ?, ?, ?, ?, ?)",
            (
                (
                    row.id, row.title, row.url, row.size, json.dumps(row.sections, ensure_ascii=False),
                    zlib.compress(row.text.encode(), 6),
                )
                for row in rows
            ),
        )  # fmt: skip
        file.executemany(
            "INSERT INTO words (rowid, title, text) VALUES (?, ?, ?)",
            ((row.id, row.title, row.text) for row in rows),
        )
        file.executemany(
            "INSERT INTO category VALUES (?, ?)",
            ((name, row.id) for row in rows for name in dict.fromkeys(row.categories)),
        )
        file.execute("UPDATE meta SET value = value + ? WHERE key = 'done'", (len(rows),))


def _connect(path: str | os.PathLike[str], *, is_read_only: bool = False) -> sqlite3.Connection:
    mode = "ro&immutable=1" if is_read_only else "rwc"
    file = sqlite3.connect(f"{pathlib.Path(path).resolve().as_uri()}?mode={mode}", uri=True)
    file.execute(f"PRAGMA cache_size = -{_CACHE}")
    file.create_function("unpacked", 1, _unpacked, deterministic=True)
    return file


def _unpacked(packed: bytes) -> str:
    return zlib.decompress(packed).decode()


def _meta(file: sqlite3.Connection) -> dict[str, Any]:
    return dict(file.execute("SELECT key, value FROM meta"))


def _is_of(path: pathlib.Path, state: str) -> bool:
    """Returns whether there is an index with this state."""
    try:
        with contextlib.closing(_connect(path, is_read_only=True)) as file:
            return _meta(file).get("state") == state
    except sqlite3.Error:
        return False


def _within(column: str, category: str, title: str = "") -> tuple[str, tuple[str, ...]]:
    """Returns an SQL condition for the page in a column, and the values in it."""
    conditions = ""
    values: tuple[str, ...] = ()
    if category:
        conditions += f" AND {column} IN (SELECT page FROM category WHERE name = ?)"
        values += (category,)
    if title:
        conditions += f" AND {column} IN (SELECT rowid FROM words WHERE words MATCH ?)"
        values += (f"title : ({title})",)
    return conditions, values


def _in_all(*ascending: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yields the values that all of some ascending sequences have."""
    first, *others = ascending
    heads = [next(other, None) for other in others]
    for one in first:
        for number, other in enumerate(others):
            while (head := heads[number]) is not None and head < one:
                heads[number] = next(other, None)
            if heads[number] is None:
                return
        if all(head == one for head in heads):
            yield one


def _in_line(text: str) -> str:
    return text.replace("\n", " ")


def _examples(builder: Any) -> Iterator[dict[str, Any]]:
    """Yields the prepared articles, in the order of their files."""
    info = builder.info
    for split in info.splits.values():
        for records in prepared.records(split.filepaths, info.file_format):
            for record in records:
                yield info.features.deserialize_example_np(record)


def _rows(builder: Any) -> Iterator[Row]:
    return map(_row, _examples(builder))


def _row(example: dict[str, Any]) -> Row:
    sections = example["sections"]
    words = not tokenizer_of(example["language"].decode()).startswith("trigram")
    return Row(
        id=int(example["id"]),
        title=example["full_title"].decode(),
        url=example["url"].decode(),
        text=example["text"].decode(),
        sections=[
            (title.decode(), int(end)) for title, end in zip(sections["title"], sections["end"])
        ],
        categories=[name.decode() for name in example["categories"]["name"]],
        size=int(example["word_count" if words else "char_count"]),
    )
