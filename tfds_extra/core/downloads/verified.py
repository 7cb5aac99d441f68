"""Remembers the digests of files that were read, so that a large file is not read again.

A file counts as unchanged, and its digests as known, while its size, the times of its last change
(mtime and ctime, in nanoseconds), its inode and its device are the same. Small files are read again
in any case.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import stat
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from absl import logging

from tfds_extra.core import digests, locks

ALWAYS_READ = 4 << 20  # Files of at most so many bytes are read each time: it takes no time.
# Within so many seconds a file may change twice, and keep the time of the first change.
_TICK = 0.02

Record = dict[str, Any]  # What is remembered of a file, ready for JSON: `stamp` and `digests`.


def size_of(path: pathlib.Path) -> int | None:
    """Returns the size of a file in bytes; None if there is no such file (any more)."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def stamp_of(file: int | pathlib.Path) -> list[int]:
    """Returns numbers of which at least one differs after a file has changed."""
    found = os.stat(file)
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev]


def as_record(value: Any) -> Record:
    """Makes a record of a value from JSON; an empty record if the value is no record."""
    if isinstance(value, dict) and isinstance(value.get("digests"), dict):
        return {"stamp": value.get("stamp"), "digests": value["digests"]}
    return {"stamp": None, "digests": {}}


def record_of(path: pathlib.Path, sums: Mapping[str, str]) -> Record:
    """Returns the record of a file that was just written; a later change will be noticed."""
    stamp = stamp_of(path)
    if stamp[0] > ALWAYS_READ:
        time.sleep(_TICK)
    return {"stamp": stamp, "digests": dict(sums)}


def read(
    path: pathlib.Path,
    published: digests.Published,
    record: Record,
    check: Callable[[], None],
) -> tuple[list[int], Record]:
    """Reads a file, unless its record shows that it is unchanged.

    Args:
      path: The file.
      published: What the file ought to be. Digests of the same kinds are taken, and the sha256.
      record: What is remembered of the file.
      check: May raise to stop the reading.

    Returns:
      The stamp of the file, which begins with its size, and its new record.
    """
    kinds = {"sha256", *published.digests}
    with path.open("rb") as file:
        stamp = stamp_of(file.fileno())
        if stamp[0] > ALWAYS_READ:
            if record["stamp"] == stamp and kinds <= record["digests"].keys():
                return stamp, record
            logging.info("Reading %s, to hold it against its digest", path)
        settled = time.time_ns() - max(stamp[1:3]) > _TICK * 1e9
        digester = published.digester().read(file, check)
        settled &= stamp == stamp_of(file.fileno())
    return stamp, {"stamp": stamp if settled else None, "digests": digester.digests()}


class Memory:
    """A table, in a file of ours, of what is remembered about files in folders of other people.

    If the file cannot be written, or is lost, the table holds for this process only.
    """

    def __init__(self, path: pathlib.Path):
        """Opens the table.

        Args:
          path: The file of the table, which need not exist yet.
        """
        self._path = path
        self._guard = threading.Lock()
        self._records = self._load()

    def get(self, path: pathlib.Path) -> Record:
        """Returns what is remembered of a file."""
        return as_record(self._records.get(os.path.abspath(path)))

    def put(self, path: pathlib.Path, record: Record) -> None:
        """Remembers the record of a file."""
        name = os.path.abspath(path)
        with self._guard:
            if self._records.get(name) == record:
                return
            self._records[name] = record
            if not record["stamp"] or record["stamp"][0] <= ALWAYS_READ:
                return
            with contextlib.suppress(OSError):
                with locks.alone(self._path.with_suffix(".lock"), time.sleep):
                    # Other processes may have added records.
                    table = {n: r for n, r in self._load().items() if os.path.exists(n)}
                    text = json.dumps({**table, name: record}, indent=1, sort_keys=True)
                    digests.replace_text(self._path, f"{text}\n")

    def _load(self) -> dict[str, Record]:
        try:
            table = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: as_record(record) for name, record in table.items()}
        except (OSError, ValueError, AttributeError):
            return {}
