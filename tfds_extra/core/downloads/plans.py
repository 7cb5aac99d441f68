"""The plan of a download: where each file is, or how it can be had."""

from __future__ import annotations

import dataclasses
import pathlib

from tfds_extra.core import digests

# States of a file in a plan.
MANUAL = "manual"  # It lies in manual_dir.
CACHED = "cached"  # It was downloaded before.
UNFINISHED = "partial"  # A part is downloaded, and the rest is to be fetched.
TO_FETCH = "to fetch"
MISSING = "missing"  # It has to be brought by hand, and is not there.


@dataclasses.dataclass(frozen=True)
class PlannedFile:
    """One file of a plan: where it is, or how it can be had.

    Attributes:
      url: The URL under which it is listed.
      file_name: Its published name.
      published: Its size and digests, as far as known.
      state: `MANUAL`, `CACHED`, `UNFINISHED`, `TO_FETCH` or `MISSING`.
      path: Where it is, or will be; if `MISSING`, where it has to be put.
      received: Bytes of it that are here.
      is_renamed: Whether it lies in `manual_dir` under another name than the published one, so that
        it is only taken if its digest is the published one.
      source: Where people get it.
      terms: What they have to do first.
    """

    url: str
    file_name: str
    published: digests.Published
    state: str
    path: pathlib.Path
    received: int
    source: str
    terms: str = ""
    is_renamed: bool = False

    @property
    def amount(self) -> digests.Amount:
        """Size of the file, as far as known."""
        exact = int(self.published.size) or (self.received if self.is_here else 0)
        return digests.Amount(exact) if exact else self.published.amount

    @property
    def is_here(self) -> bool:
        """Whether nothing has to be fetched or brought."""
        return self.state in (MANUAL, CACHED)

    @property
    def remaining(self) -> digests.Amount:
        """Number of bytes to fetch, as far as known."""
        if self.is_here or self.state == MISSING:
            return digests.Amount()
        return self.amount.less(self.received)

    def __str__(self) -> str:
        """Returns name, size, digests, origin and terms as a text."""
        text = f"{self.file_name} ({self.published}) from {self.source}"
        return f"{text}\n    {self.terms}" if self.terms else text
