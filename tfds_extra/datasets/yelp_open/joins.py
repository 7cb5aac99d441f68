"""Keeps the facts for joins in an SQLite file, so that memory does not grow with the tables."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tfds_extra.core.sqlite import sqlite3

FORMAT = 1  # Version of the file's format; part of its name.
_CACHE = 32 << 10  # KiB of a table that SQLite keeps in memory.
_AT_ONCE = 500  # Number of ids in one query; older SQLites accept 999.


class Writer:
    """Makes a file; what is there under its name is replaced in one step when it is whole."""

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")

    def __enter__(self) -> Writer:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._unfinished.unlink(missing_ok=True)
        with _as_os_error(self._unfinished):
            self._file = sqlite3.connect(self._unfinished, isolation_level=None)
            # No journal is needed: if this process dies, the file is made anew.
            for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE}"):
                self._file.execute(f"PRAGMA {pragma}")
            self._file.execute("BEGIN")
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            with _as_os_error(self._path):
                if error is None:
                    self._file.execute("COMMIT")
                self._file.close()
                if error is None:
                    os.replace(self._unfinished, self._path)
        finally:
            self._unfinished.unlink(missing_ok=True)

    def add(self, table: str, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Makes a table.

        Args:
          table: Its name.
          rows: Id of each row, and its facts, as JSON has them.

        Raises:
          ValueError: An id is there twice.
          OSError: The file cannot be written, for example because the disk is full.
        """
        with _as_os_error(self._path):
            self._file.execute(f"CREATE TABLE {table} (id TEXT NOT NULL, facts TEXT NOT NULL)")
            self._file.executemany(
                f"INSERT INTO {table} VALUES (?, ?)",
                ((key, json.dumps(facts, separators=(",", ":"))) for key, facts in rows),
            )
            # An index that is made at the end is sorted on disk; otherwise each row would change
            # it.
            try:
                self._file.execute(f"CREATE UNIQUE INDEX {table}_id ON {table} (id)")
            except sqlite3.IntegrityError:
                twice = f"SELECT id FROM {table} GROUP BY id HAVING COUNT(*) > 1 LIMIT 1"
                (key,) = self._file.execute(twice).fetchone()
                raise ValueError(f"{key[:60]!r} is there twice") from None


class Reader:
    """Looks up facts."""

    def __init__(self, path: str | os.PathLike[str]):
        """Opens a file that nobody writes to any more."""
        uri = f"{pathlib.Path(path).resolve().as_uri()}?mode=ro&immutable=1"
        with _as_os_error(path):
            self._file = sqlite3.connect(uri, uri=True)
            self._file.execute(f"PRAGMA cache_size = -{_CACHE}")
        self._path = path

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._file.close()

    def look_up(self, table: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Returns the facts of those ids that there are, by id."""
        found: dict[str, dict[str, Any]] = {}
        for some in _in_parts(sorted(set(ids))):
            marks = ",".join("?" * len(some))
            with _as_os_error(self._path):
                rows = self._file.execute(
                    f"SELECT id, facts FROM {table} WHERE id IN ({marks})", some
                ).fetchall()
            found.update((key, json.loads(facts)) for key, facts in rows)
        return found


def _in_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]


@contextlib.contextmanager
def _as_os_error(path: object) -> Iterator[None]:
    """Turns an error of SQLite, such as a full disk, into one that names the file."""
    try:
        yield
    except sqlite3.Error as e:
        raise OSError(f"{path}: {e} (the file that is joined from)") from e
