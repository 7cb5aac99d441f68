"""Unfinished downloads: the bytes so far, and a journal of the server's answer that they are from.

Both survive the process, and the next process goes on from there.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from tfds_extra.core import digests


class Partial:
    """The bytes received so far, and their digests.

    Attributes:
      path: The file.
      source: The answer that the bytes came from: url, etag, last_modified, length, encoding.
      mixed: Whether the bytes may be from several answers, which perhaps do not fit together.
      digester: Size and digests of the bytes.
    """

    def __init__(
        self,
        path: pathlib.Path,
        published: digests.Published,
        check: Callable[[], None] = lambda: None,
    ):
        """Opens the file, and takes the digests of its bytes; `check` may raise to stop."""
        self.path = path
        self._journal = journal_path(path)
        self._published = published
        self._file = path.open("ab+", buffering=0)
        self.source: dict[str, Any] = {}
        self.digester = self._published.digester()
        with contextlib.suppress(OSError, ValueError, TypeError):
            self.source = dict(json.loads(self._journal.read_text(encoding="utf-8")))
        if self.source:
            self._file.seek(0)
            self.digester.read(self._file, check)
        else:
            self._file.truncate(0)
        self.mixed = self.size > 0

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.digester.size

    def begin(self, source: Mapping[str, Any]) -> None:
        """Forgets all bytes; the bytes to come are from `source`."""
        # The bytes go first: if the process is killed in between, no old bytes are left under the
        # new source.
        self._file.truncate(0)
        self.source = dict(source)
        self.mixed = False
        self.digester = self._published.digester()
        digests.replace_text(self._journal, json.dumps(self.source))

    def write(self, block: bytes) -> None:
        """Adds bytes at the end."""
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.digester.update(block)

    def sync(self) -> None:
        """Waits until the bytes are on the disk, before the file gets its final name."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def journal_path(partial: pathlib.Path) -> pathlib.Path:
    """Returns the path of the journal of an unfinished download."""
    return partial.with_name(f"{partial.name}.json")


def discard(partial: pathlib.Path) -> None:
    """Deletes an unfinished download, and then its journal, without which the bytes are useless."""
    partial.unlink(missing_ok=True)
    journal_path(partial).unlink(missing_ok=True)
