"""Pins: the first seen sha256 of files for which nobody published a digest."""

from __future__ import annotations

import pathlib
import time
from typing import TYPE_CHECKING

from absl import logging
from tensorflow_datasets.core.download import checksums

from tfds_extra.core import digests, locks
from tfds_extra.core.downloads.errors import DigestError

if TYPE_CHECKING:
    from tfds_extra.core.downloads.wanted import Wanted


class Pins:
    """A table in the download folder: the first seen sha256 of files without a published one."""

    _HEADER = (
        "# No digest was published for these files. This is what each was when first seen here; a\n"
        "# file that differs is refused. To accept a new one, remove its line.\n"
    )

    def __init__(self, path: pathlib.Path):
        self.path = path

    def get(self, url: str) -> digests.Published | None:
        """Returns what is pinned for a URL."""
        if not self.path.exists():
            return None
        row = checksums.load_url_infos(self.path).get(url)
        return row and digests.Published.of(row, "")

    def add(self, url: str, url_info: checksums.UrlInfo) -> None:
        """Pins a file; the caller makes sure that nobody else writes at the same time."""
        before = self.path.read_text(encoding="utf-8") if self.path.exists() else self._HEADER
        digests.save_rows(self.path, before, {url: url_info})

    def hold_against(self, wanted: Wanted, found: checksums.UrlInfo, path: pathlib.Path) -> None:
        """Pins a file without a published digest, or compares it with what was pinned before.

        Args:
          wanted: The file.
          found: Its size and sha256.
          path: Where it lies, for the message.

        Raises:
          DigestError: Another file was pinned.
        """
        if wanted.published.digests:
            return
        url = wanted.url
        if not self.get(url):
            with locks.alone(self.path.with_suffix(".lock"), time.sleep):
                if not self.get(url):
                    self.add(url, found)
                    logging.warning(
                        "%s: no digest was published for this file. What came now (sha256 %s) is"
                        " noted in %s, and a file that differs will be refused.",
                        wanted.file_name,
                        found.checksum,
                        self.path,
                    )
        pinned = self.get(url) or digests.Published.of(found, "")
        if difference := pinned.difference(found.size, {"sha256": found.checksum}):
            remedy = self.how_to_accept(url).lstrip()
            raise DigestError(path, "", f"it is another file: {difference}", remedy)

    def how_to_accept(self, url: str) -> str:
        """Returns a text that tells how to accept a file that differs from the pinned one."""
        return (
            f"\nNo digest was published for this file; it is held against the one that was seen"
            f" first. To accept the new one, remove the line of {url} from"
            f" {self.path} and try again."
        )
