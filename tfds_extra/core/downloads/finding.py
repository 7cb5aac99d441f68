"""Finds wanted files on the disk: in `manual_dir`, in the cache, or unfinished."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Callable, Iterator, Mapping

from tensorflow_datasets.core.download import checksums

from tfds_extra.core import errors
from tfds_extra.core.downloads import by_hand, cache, verified
from tfds_extra.core.downloads.plans import (
    CACHED,
    MANUAL,
    MISSING,
    TO_FETCH,
    UNFINISHED,
    PlannedFile,
)
from tfds_extra.core.downloads.wanted import Wanted

# Why a file in `manual_dir` is not taken for the wanted one.
_ONLY_ITS_NAME = "no digest is known, so that only its published name could tell it"


class Finder:
    """Looks for files, and remembers what it has found out about those on the disk."""

    def __init__(self, manual_folder: pathlib.Path, path_of: cache.PathOf, memory: verified.Memory):
        """Creates a finder.

        Args:
          manual_folder: The `manual_dir`, to which nothing is ever written.
          path_of: Returns TFDS's name for a file in its cache.
          memory: What is remembered of files in `manual_dir`.
        """
        self._manual_folder = manual_folder
        self._path_of = path_of
        self._memory = memory
        # Files in `manual_dir` under other names than published, and how they differ.
        self._refused: dict[pathlib.Path, str] = {}
        # Files in the cache that are not the published ones, as in `cache.find`, by `Wanted.key`.
        self._altered: dict[object, dict[pathlib.Path, tuple[list[int], str]]]
        self._altered = collections.defaultdict(dict)

    def forget_refused(self) -> None:
        """Forgets how files in `manual_dir` differ; the user may have replaced them since."""
        self._refused.clear()

    def altered(self, wanted: Wanted) -> dict[pathlib.Path, tuple[list[int], str]]:
        """Returns the files in the cache that are not the published one, as in `cache.find`."""
        return self._altered[wanted.key]

    def find(self, wanted: Wanted, *, use_cache: bool) -> PlannedFile:
        """Tells where a file is, without reading it.

        Args:
          wanted: The file.
          use_cache: Whether an earlier download counts.
        """
        path = self._manual_folder / wanted.file_name
        is_renamed = False
        if (received := verified.size_of(path)) is None:
            renamed = next((own for own, why in self.renamed(wanted) if not why), None)
            if renamed:
                path, received = renamed, verified.size_of(renamed)
                is_renamed = received is not None
        if received is not None:
            state = MANUAL
        elif wanted.is_manual:
            state, received = MISSING, 0
        elif cached := self.cached(wanted) if use_cache else None:
            state, path, received = CACHED, cached[0], int(cached[1].size)
        else:
            path, received = wanted.target, verified.size_of(wanted.part) or 0
            state = UNFINISHED if received else TO_FETCH
        return PlannedFile(
            url=wanted.url,
            file_name=wanted.file_name,
            published=wanted.published,
            state=state,
            path=path,
            received=received,
            source=wanted.source,
            terms=wanted.terms,
            is_renamed=is_renamed,
        )

    def find_and_verify(self, wanted: Wanted, *, use_cache: bool) -> PlannedFile:
        """Does what `find` does, after it has verified files under other names by digest."""
        while (planned := self.find(wanted, use_cache=use_cache)).is_renamed:
            difference, _ = self.read_by_hand(wanted, planned)
            if not difference:
                break
            self._refused[planned.path] = difference
        return planned

    def renamed(self, wanted: Wanted) -> Iterator[tuple[pathlib.Path, str]]:
        """Yields the files in `manual_dir` that may be the wanted file under another name.

        Yields:
          A path, and the reason why it is not taken; the reason is empty if it may be taken.
        """
        for path in by_hand.packed(self._manual_folder, wanted.names):
            if path.name == wanted.file_name or (size := verified.size_of(path)) is None:
                continue
            if not wanted.expected.digests:
                yield path, _ONLY_ITS_NAME
            else:
                yield path, self._refused.get(path, "") or wanted.expected.difference(size, {})

    def read_by_hand(
        self, wanted: Wanted, planned: PlannedFile, check: Callable[[], None] = lambda: None
    ) -> tuple[str, Mapping[str, str]]:
        """Returns how a file in `manual_dir` differs from the published one, and its digests."""
        if difference := wanted.expected.difference(planned.received, {}):
            return difference, {}
        path, memory = planned.path, self._memory
        with errors.located(path, "", "Check its rights."):
            stamp, record = verified.read(path, wanted.expected, memory.get(path), check)
        memory.put(path, record)
        return wanted.expected.difference(stamp[0], record["digests"]), record["digests"]

    def cached(
        self, wanted: Wanted, check: Callable[[], None] | None = None
    ) -> tuple[pathlib.Path, checksums.UrlInfo] | None:
        """Finds a file that was downloaded before; with `check`, its digests are verified."""
        return cache.find(
            wanted.resource, wanted.published, self._path_of, self.altered(wanted), check
        )
