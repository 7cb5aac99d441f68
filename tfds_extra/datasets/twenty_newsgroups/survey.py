"""Collects what has to be known of all messages of an edition before the first can be written."""

from __future__ import annotations

import collections
import hashlib
import tempfile
from collections.abc import Iterable, Mapping

import numpy as np

from tfds_extra.core import digests
from tfds_extra.formats import netnews

_IN_MEMORY = 32 << 20  # So many bytes of headers wait in memory; more wait on disk.


class Survey:
    """The messages of an edition, read once.

    Attributes:
      bodies: Digest of each body by path; empty if the body is blank.
      message_ids: Message-ID of each message by path; empty if the file does not state it.
    """

    def __init__(self, *, keeps_headers: bool = False):
        """Begins without messages.

        Args:
          keeps_headers: Whether `header` will be called.
        """
        self.bodies: dict[str, bytes] = {}
        self.message_ids: dict[str, str] = {}
        self._files: dict[str, bytes] = {}  # sha256 by path.
        self._headers = tempfile.SpooledTemporaryFile(_IN_MEMORY) if keeps_headers else None
        self._places: dict[str, tuple[int, int]] = {}  # Places in `_headers`.

    def add(self, path: str, content: bytes) -> None:
        """Takes in a file.

        Args:
          path: Name of the file in its archive.
          content: Its bytes.
        """
        message = netnews.parse(content)
        self.bodies[path] = body_digest(message.body)
        self.message_ids[path] = first(message.fields).get("message-id", "")
        self._files[path] = hashlib.sha256(content).digest()
        if self._headers:
            header = message.header.encode("latin-1")
            self._places[path] = self._headers.tell(), len(header)
            self._headers.write(header)

    def header(self, path: str) -> str | None:
        """Returns the header of a message; None if there is no such message."""
        if path not in self._places or self._headers is None:
            return None
        start, size = self._places[path]
        self._headers.seek(start)
        return self._headers.read(size).decode("latin-1")

    def counts(self) -> collections.Counter[tuple[str, str]]:
        """Returns the number of files by folder and group."""
        return collections.Counter((p.split("/")[0], p.split("/")[1]) for p in self._files)

    def digest(self, folder: str) -> str:
        """Returns the digest of all files of a folder, as `digests.of_listing` has it."""
        return digests.of_listing(
            {path: one for path, one in self._files.items() if path.startswith(f"{folder}/")}
        )


def body_digest(body: str) -> bytes:
    """Returns a digest that identifies a body; empty if it is blank."""
    return hashlib.sha256(body.encode("latin-1")).digest() if body.strip() else b""


def first(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Returns the first value of each header field by its name in lower case."""
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name.lower(), value)
    return found


def alike(of_each: Mapping[str, str | bytes | None]) -> dict[str, list[str]]:
    """Returns, for each file that has any, the other files with the same value, by path.

    Args:
      of_each: The value of each file by path; empty or None if it is not compared.
    """
    by_value = collections.defaultdict(list)
    for path, value in of_each.items():
        if value:
            by_value[value].append(path)
    return {
        path: sorted(other for other in paths if other != path)
        for paths in by_value.values()
        if len(paths) > 1
        for path in paths
    }


def scikit_learn_order(paths: Iterable[str]) -> list[str]:
    """Returns the files in the order of `sklearn.datasets.fetch_20newsgroups` with its defaults.

    scikit-learn sorts the groups, sorts the numbers in a group as texts, and shuffles twice.

    Args:
      paths: Paths of all files of one split.
    """
    ordered = sorted(paths, key=lambda path: path.split("/"))
    for seed in (0, 42):  # The seeds of `load_files` and of `fetch_20newsgroups`.
        order = np.arange(len(ordered))
        np.random.RandomState(seed).shuffle(order)
        ordered = [ordered[i] for i in order]
    return ordered
