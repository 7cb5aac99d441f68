"""What was found out about files by reading them, so that a large one is not read again.

A file counts as the same, and its digests as known, while its size, the times of its last change
(mtime and ctime, in nanoseconds), its inode and its device are the same. Small ones are read anyway.
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

ALWAYS_READ = 4 << 20  # Bytes that are read in no time.
# Seconds in which a file may change twice without another time of its last change.
_TICK = 0.02

Record = dict[str, Any]  # What is remembered of a file, as it goes into JSON: `stamp`, `digests`.


def size_of(path: pathlib.Path) -> int | None:
    """Bytes of a file; None if there is none, be it that somebody takes it away at this moment."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def stamp_of(file: int | pathlib.Path) -> list[int]:
    """What is another when a file has changed."""
    found = os.stat(file)
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev]


def as_record(value: Any) -> Record:
    """What was read from JSON as a record, which remembers nothing if it is none."""
    if isinstance(value, dict) and isinstance(value.get("digests"), dict):
        return {"stamp": value.get("stamp"), "digests": value["digests"]}
    return {"stamp": None, "digests": {}}


def record_of(path: pathlib.Path, sums: Mapping[str, str]) -> Record:
    """What to remember of a file that was just written; whoever changes it later is noticed."""
    record = {"stamp": stamp_of(path), "digests": dict(sums)}
    if record["stamp"][0] > ALWAYS_READ:
        time.sleep(_TICK)
    return record


def read(
    path: pathlib.Path,
    published: digests.Published,
    record: Record,
    check: Callable[[], None],
) -> tuple[list[int], Record]:
    """The stamp of a file, which begins with its size, and what to remember of it.

    Args:
      path: The file.
      published: What it ought to be; its digests are of the kinds that this has, and sha256.
      record: What is remembered of it.
      check: May raise to stop the reading.
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
    """What is remembered of files in folders of others: in a table of our own.

    Without the right to write it, or if it is lost, it holds for this process.
    """

    def __init__(self, path: pathlib.Path):
        """Opens the table.

        Args:
          path: Where it is, or will be.
        """
        self._path = path
        self._guard = threading.Lock()
        self._records = self._load()

    def get(self, path: pathlib.Path) -> Record:
        """What is remembered of a file."""
        return as_record(self._records.get(os.path.abspath(path)))

    def put(self, path: pathlib.Path, record: Record) -> None:
        """Remembers it."""
        name = os.path.abspath(path)
        with self._guard:
            if self._records.get(name) == record:
                return
            self._records[name] = record
            if not record["stamp"] or record["stamp"][0] <= ALWAYS_READ:
                return
            with contextlib.suppress(OSError):
                with locks.alone(self._path.with_suffix(".lock"), time.sleep):
                    # Others may have added theirs.
                    table = {n: r for n, r in self._load().items() if os.path.exists(n)}
                    text = json.dumps({**table, name: record}, indent=1, sort_keys=True)
                    digests.replace_text(self._path, f"{text}\n")

    def _load(self) -> dict[str, Record]:
        try:
            table = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: as_record(record) for name, record in table.items()}
        except (OSError, ValueError, AttributeError):
            return {}
