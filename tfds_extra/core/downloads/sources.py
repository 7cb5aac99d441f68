"""Files that a builder requests of the download manager, the plan that it gets, and the errors."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import urllib.parse
from collections.abc import Iterable
from typing import Any

from tensorflow_datasets.core import download
from tensorflow_datasets.core.download import download_manager

from tfds_extra.core import digests
from tfds_extra.core.downloads import answers
from tfds_extra.core.errors import CorpusError

# States of a file in a plan.
MANUAL = "manual"  # It lies in manual_dir.
CACHED = "cached"  # It was downloaded before.
UNFINISHED = "partial"  # A part is downloaded, and the rest is to be fetched.
TO_FETCH = "to fetch"
MISSING = "missing"  # It has to be brought by hand, and is not there.


class DigestError(CorpusError, download_manager.NonMatchingChecksumError):
    """A file is not the one that was published."""


class DownloadError(CorpusError, download.DownloadError):
    """A file cannot be downloaded."""


class MissingFilesError(CorpusError):
    """Files have to be brought by hand, and are not there."""


class Mirrors(download.Resource):
    """Several URLs of the same bytes, tried in order.

    The first URL names the file in the cache and in the checksum file. The other servers need not
    be trusted, because the file is checked by its digest.
    """

    def __init__(self, urls: Iterable[str], **kwargs: Any):
        """Takes the URLs, and the other arguments of `tfds.download.Resource`."""
        self.urls = (urls,) if isinstance(urls, str) else tuple(urls)
        super().__init__(url=self.urls[0], **kwargs)


class ManualFile(download.Resource):
    """A file that only comes by hand: the publisher wants a form, a login or a promise first.

    Its row in the checksum file stands under `url`: the given URL if that ends in the name of the
    file, else `<page>#<name>`.
    """

    def __init__(self, name: str, url_or_page: str, terms: str = "", **kwargs: Any):
        """Declares the file.

        Args:
          name: The published name. In `manual_dir` the file has this name, or, if a digest is
            known, the name that a browser gives to a second download.
          url_or_page: Where people get the file.
          terms: What they have to do first: the licence, the form, whom to ask.
          **kwargs: Arguments of `tfds.download.Resource`.
        """
        at_page = name_in(url_or_page) != name
        super().__init__(url=f"{url_or_page}#{name}" if at_page else url_or_page, **kwargs)
        self.name = name
        self.page = url_or_page
        self.terms = terms


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


def as_resource(resource: Any) -> download.Resource:
    """Makes a resource of a URL; returns a resource as it is."""
    if isinstance(resource, download.Resource):
        return resource
    return download.Resource(url=os.fspath(resource))


def key_of(resource: download.Resource) -> tuple[str, str]:
    """Returns a key that is equal for two resources of the same file."""
    return resource.url, os.fspath(resource.relative_download_dir)


def name_in(url: str) -> str:
    """Returns the file name at the end of a URL; empty if there is none."""
    return answers.last_part(urllib.parse.urlsplit(url).path)
