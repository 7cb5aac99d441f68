"""Kills the building of an index for searching at many a statement of SQL, and goes on with what is left.

    python tests/datasets/wikipedia_corpus/killed_builds.py FOLDER

A program of its own, because it forks, which does not go well with TensorFlow. Prints how many it has killed.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import sys

from tfds_extra.core.sqlite import sqlite3
from tfds_extra.datasets.wikipedia_corpus import search

_PAGES = 120


def _rows() -> list[search.Row]:
    """Pages of different words, so that not all of the index fits into the cache."""
    texts = (" ".join(f"w{i * j}" for j in range(99)) + " the zorp" for i in range(1, _PAGES + 1))
    return [
        search.Row(i, f"Page {i}", "", text, [("", 20)], ["All"], 101)
        for i, text in enumerate(texts, 1)
    ]


def _build(path: pathlib.Path, stop: int) -> int:
    """Builds an index; kills this process at a step, and otherwise returns how many there were."""
    steps = 0

    def step(_: str) -> None:
        nonlocal steps
        steps += 1
        if steps == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    connect, replace = search._connect, os.replace

    def connect_traced(path, **options):
        file = connect(path, **options)
        file.execute("PRAGMA synchronous = OFF")  # A kill loses nothing that was written.
        file.set_trace_callback(step)
        return file

    def replace_traced(old, new):
        step("before")
        replace(old, new)
        step("behind")

    search._connect, os.replace = connect_traced, replace_traced
    try:
        search.build(path, _rows(), "state")
    finally:
        search._connect, os.replace = connect, replace
    return steps


def _check(path: pathlib.Path) -> None:
    """That an index is whole."""
    with search.Index(path) as index:
        assert index.count("zorp") == _PAGES
        assert index.frequency("the zorp").occurrences == _PAGES
        assert index.count("zorp", category="All") == _PAGES
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = [id_ for (id_,) in file.execute("SELECT id FROM page ORDER BY id")]
    assert found == list(range(1, _PAGES + 1))
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def main() -> None:
    path = pathlib.Path(sys.argv[1], "x.sqlite")
    # Pages of the file are written in the middle of transactions, too.
    search._AT_ONCE, search._CACHE = 40, 16
    steps = _build(path, 0)
    _check(path)
    path.unlink()
    for stop in sorted({*range(1, steps, 1 + steps // 60), *range(steps - 5, steps + 1)}):
        child = os.fork()
        if not child:
            _build(path, stop)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"step {stop}: it was not killed"
        assert path.exists() == (stop == steps), f"step {stop}"
        if not path.exists():
            _build(path, 0)
        _check(path)
        path.unlink()
        print(stop)


if __name__ == "__main__":
    main()
