"""What is wanted of a file: all that is known about it before anybody looks for it.

The manager makes one object for each file of a call, and all steps of that call go by it.
"""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Mapping, Sequence

from tensorflow_datasets.core import download, units
from tensorflow_datasets.core.download import checksums

from tfds_extra.core import digests
from tfds_extra.core.downloads import by_hand
from tfds_extra.core.downloads.cache import PathOf
from tfds_extra.core.downloads.pins import Pins
from tfds_extra.core.downloads.sources import ManualFile, key_of, name_in

_UNKNOWN = "unknown_name"  # TFDS's name for a file whose URL has no file name.


class Wanted:
    """A file that a builder asks for.

    Attributes:
      resource: What the builder asked with.
      key: Equal for two requests of the same file.
      url: The URL under which it is listed.
      urls: The URLs in the order in which they are tried; none if it only comes by hand.
      is_manual: Whether it only comes by hand.
      is_listed: Whether anything is known about its URL beforehand.
      published: What was published about it, at least its name.
      source: Where people get it.
      terms: What they have to do first.
    """

    def __init__(
        self,
        resource: download.Resource,
        url_infos: Mapping[str, checksums.UrlInfo],
        *,
        pins: Pins,
        path_of: PathOf,
        is_registering: bool,
    ):
        """Collects what is known.

        Args:
          resource: What the builder asks with.
          url_infos: What was published about each URL.
          pins: The first seen digests of files without a published one.
          path_of: Returns TFDS's name for the file in its cache.
          is_registering: Whether the user wants to find out size and sha256 himself.

        Raises:
          ValueError: A file that comes by hand is listed under another name.
        """
        self.resource = resource
        self.key = key_of(resource)
        self.url: str = resource.url
        self.is_manual = isinstance(resource, ManualFile)
        self.urls: Sequence[str] = ()
        if not self.is_manual:
            self.urls = getattr(resource, "urls", (resource.url,))
        self.is_listed = resource.url in url_infos
        self.source: str = getattr(resource, "page", resource.url)
        self.terms: str = getattr(resource, "terms", "")
        self._pins = pins
        self._path_of = path_of
        self._is_registering = is_registering
        name = getattr(resource, "name", "") or name_in(resource.url) or _UNKNOWN
        self.published = digests.Published(units.Size(0), "", name)
        if self.is_listed:
            self.published = digests.Published.of(url_infos[resource.url], name)
        if self.is_manual and self.file_name != name:
            raise ValueError(f"{self.url} is listed as {self.file_name}, not as {name}")

    @property
    def file_name(self) -> str:
        """Its published name."""
        return self.published.filename

    @functools.cached_property
    def names(self) -> list[str]:
        """The names that it may have in `manual_dir`, the published one first."""
        return by_hand.packed_names(self.file_name, self.urls)

    @functools.cached_property
    def expected(self) -> digests.Published:
        """What a file is compared with: what was published, or else what was seen first."""
        published = self.published
        if self._is_registering:
            others = {k: v for k, v in published.digests.items() if k != "sha256"}
            return digests.Published(units.Size(0), "", self.file_name, others, published.about)
        pinned = None if published.digests else self._pins.get(self.url)
        return pinned.renamed(self.file_name) if pinned else published

    @property
    def is_pinned(self) -> bool:
        """Whether it is compared with what was seen first, since no digest was published."""
        return not self.published.digests and bool(self.expected.digests)

    @functools.cached_property
    def target(self) -> pathlib.Path:
        """Its path in the cache."""
        path = self._path_of(self.resource, self.published.checksum or None, False)
        return pathlib.Path(os.fspath(path))

    @property
    def part(self) -> pathlib.Path:
        """Its path while it is being downloaded."""
        return self.target.with_name(f"{self.target.name}.partial")
