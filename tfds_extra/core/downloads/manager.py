"""The download manager of all builders: TFDS's, with transfers that survive the real web.

It is used like TFDS's and keeps its cache, so that what TFDS has downloaded is not downloaded
again. It differs in how a file is come by: from `manual_dir`, else from the cache, else from its
URLs, and each time held against what was published about it (`digests`). Wherever TFDS's manager
takes a URL, there may also stand

    Mirrors([url, ...])             several URLs of the same bytes, tried in order
    ManualFile(name, page, terms)   a file that only comes by hand

A call of `download` is one batch: before the first byte, all files are looked for, all that have to
be brought by hand are named at once, and the sum of the rest is held against the free disk.

`download`, `extract`, `manual_dir` and the other public parts of TFDS's manager are not overridden
but what they call is: `tfds.testing` replaces the former in TFDS's class.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tree
from absl import logging
from etils import epath
from tensorflow_datasets.core import download, units
from tensorflow_datasets.core.download import checksums

from tfds_extra.core import digests, errors, locks
from tfds_extra.core.downloads import batches, cache, partial, progress, transfer
from tfds_extra.core.downloads.sources import (
    CACHED,
    MANUAL,
    MISSING,
    PARTIAL,
    TO_FETCH,
    DigestError,
    DownloadError,
    ManualFile,
    MissingFilesError,
    PlannedFile,
    as_resource,
    key_of,
    name_in,
)
from tfds_extra.core.errors import CorpusError

_UNKNOWN = "unknown_name"  # As TFDS calls what a URL without a file name leads to.


class DownloadManager(download.DownloadManager):
    """TFDS's download manager, on the feet of `transfer` and `digests`."""

    def __init__(
        self,
        *,
        url_infos: Mapping[str, checksums.UrlInfo] | None = None,
        policy: transfer.Policy | None = None,
        **kwargs: Any,
    ):
        """Creates a manager.

        Args:
          url_infos: What was published about each URL: from `digests.load_published`, or TFDS's.
          policy: Time-outs and retries.
          **kwargs: Of `tfds.download.DownloadManager`.
        """
        super().__init__(**kwargs)
        # A dict of our own: TFDS's is shared by all managers of the process, and what one builder
        # (a miniature, say) adds to it would hold for the URLs of another.
        self._url_infos = {**self._url_infos, **(url_infos or {})}
        self._policy = policy or transfer.Policy()
        self._live: _Live | None = None
        self._table_before = ""
        if self._register_checksums:
            table = pathlib.Path(os.fspath(self._register_checksums_path))
            self._table_before = table.read_text(encoding="utf-8") if table.exists() else ""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_live": None}

    # ------------------------------------------------------------------------------- public

    def expect(self, url_infos: Mapping[str, checksums.UrlInfo]) -> None:
        """Adds what was published about URLs, as read from a file that was downloaded before."""
        self._url_infos.update(url_infos)

    def plan(self, urls: Any) -> list[PlannedFile]:
        """What `download(urls)` would do. Reads no file and touches no network.

        Args:
          urls: What `download` takes.

        Returns:
          Each file once, in the order of `urls`.
        """
        resources = {key_of(r): r for r in map(as_resource, tree.flatten(urls))}
        return [self._planned(resource) for resource in resources.values()]

    def free_disk(self) -> int:
        """Bytes that can be written to the download folder."""
        return shutil.disk_usage(self._download_dir).free

    def choose(self, *alternatives: Any) -> Any:
        """The one of several forms of the same data of which most is here.

        Args:
          *alternatives: Each something that `download` takes, such as a joined archive, and the
            list of its parts. The first is preferred.

        Returns:
          The first alternative that is complete, else the one with the most files here.
        """

        def presence(alternative: Any) -> float:
            here = [planned.is_here for planned in self.plan(alternative)]
            return float("inf") if all(here) else sum(here)

        return max(alternatives, key=presence)

    # ------------------------------------------------------------------ what TFDS's methods call

    @property
    def _downloader(self) -> _Live:
        if self._live is None:
            self._live = _Live(self, self._max_simultaneous_downloads)
        return self._live

    def _download_or_get_cache(self, resource: Any) -> batches.Pending:
        resource = as_resource(resource)
        return self._downloader.batch().add(key_of(resource), resource)

    def _record_url_infos(self) -> None:
        table = pathlib.Path(os.fspath(self._register_checksums_path))
        digests.save_rows(table, self._table_before, self._recorded_url_infos)

    # -------------------------------------------------------------------------------- planning

    def _planned(self, resource: download.Resource) -> PlannedFile:
        published = self._published(resource)
        by_hand = self._manual_folder / published.filename
        target, part = self._target(resource, published)
        state, path, received = TO_FETCH, target, 0
        if by_hand.is_file():
            state, path, received = MANUAL, by_hand, by_hand.stat().st_size
        elif isinstance(resource, ManualFile):
            state, path = MISSING, by_hand
        elif cached := self._cached(resource, published):
            state, path, received = CACHED, cached[0], int(cached[1].size)
        elif part.exists() and part.stat().st_size:
            state, received = PARTIAL, part.stat().st_size
        return PlannedFile(
            url=resource.url,
            file_name=published.filename,
            published=published,
            state=state,
            path=path,
            received=received,
            source=getattr(resource, "page", resource.url),
            terms=getattr(resource, "terms", ""),
        )

    def _published(self, resource: download.Resource) -> digests.Published:
        """What is known about a file; its name at least."""
        name = getattr(resource, "name", "") or name_in(resource.url) or _UNKNOWN
        listed = self._url_infos.get(resource.url)
        if listed is None:
            return digests.Published(units.Size(0), "", name)
        published = digests.Published.of(listed, name)
        if isinstance(resource, ManualFile) and published.filename != name:
            raise ValueError(f"{resource.url} is listed as {published.filename}, not as {name}")
        return published

    def _expected(
        self, resource: download.Resource, published: digests.Published
    ) -> digests.Published:
        """What the file is held against: what was published, or else what was seen first."""
        if self._register_checksums:  # The row is what is to be found out.
            others = {k: v for k, v in published.digests.items() if k != "sha256"}
            return digests.Published(units.Size(0), "", published.filename, others)
        pinned = None if published.digests else self._pins.get(resource.url)
        return dataclasses.replace(pinned, filename=published.filename) if pinned else published

    @property
    def _manual_folder(self) -> pathlib.Path:
        return pathlib.Path(os.fspath(self._manual_dir or self._download_dir / "manual"))

    @property
    def _pins(self) -> digests.Pins:
        folder = pathlib.Path(os.fspath(self._download_dir), self._dataset_name or "")
        return digests.Pins(folder / "seen_first.tsv")

    def _target(
        self, resource: download.Resource, published: digests.Published
    ) -> tuple[pathlib.Path, pathlib.Path]:
        """Where a file goes in the cache, and where it lies while it is on its way."""
        target = pathlib.Path(os.fspath(self._get_dl_path(resource, published.checksum or None)))
        return target, target.with_name(f"{target.name}.partial")

    def _cached(
        self,
        resource: download.Resource,
        published: digests.Published,
        check: Callable[[], None] | None = None,
    ) -> tuple[pathlib.Path, checksums.UrlInfo] | None:
        """A file that was downloaded before; with `check`, one that is sure to be the published."""
        if self._force_download and key_of(resource) not in self._downloader.obtained:
            return None
        return cache.find(resource, published, self._get_dl_path, check)

    # ------------------------------------------------------------------------------- a batch

    def _prepare(self, resources: Sequence[download.Resource], bars: progress.Progress) -> None:
        """Looks for all files of a batch before anything is fetched."""
        planned = [self._planned(resource) for resource in resources]
        if self._force_checksums_validation and not self._register_checksums:
            for file in planned:
                if file.url not in self._url_infos:
                    raise CorpusError(
                        file.url,
                        "",
                        "is not listed in the checksum file, and force_checksums_validation is set",
                        "List it (register_checksums does).",
                    )
        if missing := [file for file in planned if file.state == MISSING]:
            names = ", ".join(file.file_name for file in missing)
            problem = "cannot be downloaded: it has to be brought by hand"
            raise MissingFilesError(names, "", problem, self._how_to_bring(missing))
        if any(not file.is_here for file in planned) and "://" in os.fspath(self._download_dir):
            raise CorpusError(
                self._download_dir,
                "",
                "files can only be downloaded to a folder of this machine",
                "Pass another download_dir.",
            )
        needed = sum(file.remaining for file in planned)
        if needed > (free := self.free_disk()):
            raise transfer.no_room(self._download_dir, needed, free)
        bars.expect_files(len(planned))
        bars.expect(sum(file.size or 0 for file in planned))

    def _obtain(
        self, resource: download.Resource, cancelled: threading.Event, bars: progress.Progress
    ) -> epath.Path:
        """Brings one file, and holds it against what was published."""

        def check() -> None:
            if cancelled.is_set():
                raise transfer.Cancelled

        obtained = self._downloader.obtained
        key = key_of(resource)
        if key in obtained:
            bars.advance(self._recorded_url_infos[resource.url].size)
            return obtained[key]
        planned = self._planned(resource)
        if planned.state == MANUAL:
            path = planned.path
            found = self._verified_by_hand(resource, planned, check)
        else:
            path, found = self._from_cache_or_urls(resource, planned.published, cancelled, bars)
        with self._downloader.lock:
            self._recorded_url_infos[resource.url] = found
            if self._register_checksums:
                self._record_url_infos()
            else:
                self._hold_against_pin(resource, planned.published, found, path)
            obtained[key] = epath.Path(path)
        return obtained[key]

    def _explain(
        self,
        failed: Sequence[tuple[download.Resource, Exception]],
        resources: Sequence[download.Resource],
    ) -> Exception:
        """The error of a batch: what was tried, and what to bring instead."""
        for _, error in failed:
            if not isinstance(error, transfer.TransferError):
                return error
        names = ", ".join(self._published(resource).filename for resource, _ in failed)
        failures = [failure for _, error in failed for failure in error.failures]
        tried = "\n".join(f"  {failure.url}: {failure.reason}" for failure in failures)
        planned = [self._planned(resource) for resource in resources]
        remedy = self._how_to_bring([file for file in planned if not file.is_here])
        for resource, error in failed:
            pinned = self._expected(resource, self._published(resource)).checksum
            if pinned and not self._published(resource).digests:
                if any(failure.differs for failure in error.failures):
                    remedy += self._how_to_accept(resource)
        kind = DigestError if any(failure.differs for failure in failures) else DownloadError
        return kind(names, "", f"cannot be downloaded. Tried:\n{tried}", remedy)

    # ------------------------------------------------------------------------------- one file

    def _verified_by_hand(
        self, resource: download.Resource, planned: PlannedFile, check: Callable[[], None]
    ) -> checksums.UrlInfo:
        """Holds a file in `manual_dir` against what was published."""
        expected = self._expected(resource, planned.published)
        difference = expected.difference(planned.received, {})
        if not difference:
            with errors.located(planned.path, "", "Check its rights."):
                with planned.path.open("rb") as file:
                    digester = expected.digester().read(file, check)
            difference = expected.difference(digester.size, digester.digests())
        if difference:
            remedy = f"Get it again from {planned.source}, or take it out of the folder."
            if expected.digests and not planned.published.digests:
                remedy += self._how_to_accept(resource)
            raise DigestError(planned.path, "", f"it is another file: {difference}", remedy)
        sha256 = digester.digests()["sha256"]
        return digests.url_info(digester.size, sha256, planned.file_name)

    def _from_cache_or_urls(
        self,
        resource: download.Resource,
        published: digests.Published,
        cancelled: threading.Event,
        bars: progress.Progress,
    ) -> tuple[pathlib.Path, checksums.UrlInfo]:
        def check(seconds: float = 0) -> None:
            if cancelled.wait(seconds):
                raise transfer.Cancelled

        if cached := self._cached(resource, published, check):
            bars.advance(int(cached[1].size))
            return cached
        target, part = self._target(resource, published)
        with locks.alone(target.with_name(f"{target.name}.lock"), check) as locked:
            # Whoever held the lock may have brought the file.
            if cached := self._cached(resource, published, check):
                bars.advance(int(cached[1].size))
                return cached
            if not locked:  # Nobody else may write to a file of this name.
                part = target.with_name(f"{target.name}.{os.getpid()}.partial")
            task = transfer.Transfer(
                self._expected(resource, published),
                policy=self._policy,
                verify_ssl=self._verify_ssl,
                cancelled=cancelled,
                meter=bars,
            )
            try:
                digester = task.run(getattr(resource, "urls", (resource.url,)), part)
            except BaseException:
                if not locked:
                    partial.discard(part)
                raise
            listed = resource.url in self._url_infos
            name = published.filename if listed else task.file_name or published.filename
            sums = digester.digests()
            found = digests.url_info(digester.size, sums["sha256"], name)
            if self._register_checksums:
                target = pathlib.Path(self._get_dl_path(resource, found.checksum))
            verified = {kind: sums[kind] for kind in published.digests}
            cache.put(part, target, resource, self._dataset_name, found, verified)
            return target, found

    def _hold_against_pin(
        self,
        resource: download.Resource,
        published: digests.Published,
        found: checksums.UrlInfo,
        path: pathlib.Path,
    ) -> None:
        """Pins a file without a published digest, or makes sure that it is the pinned one."""
        if published.digests:
            return
        pins = self._pins
        if not pins.get(resource.url):
            with locks.alone(pins.path.with_suffix(".lock"), time.sleep):
                if not pins.get(resource.url):
                    pins.add(resource.url, found)
                    logging.warning(
                        "%s: no digest was published for this file. What came now (sha256 %s) is"
                        " noted in %s, and a file that differs will be refused.",
                        published.filename,
                        found.checksum,
                        pins.path,
                    )
        difference = pins.get(resource.url).difference(found.size, {"sha256": found.checksum})
        if difference:
            remedy = self._how_to_accept(resource).lstrip()
            raise DigestError(path, "", f"it is another file: {difference}", remedy)

    # -------------------------------------------------------------------------------- messages

    def _how_to_bring(self, files: Sequence[PlannedFile]) -> str:
        """Tells which files to put where."""
        listed = "\n".join(f"  {file}" for file in files)
        folder = self._manual_folder
        text = f"\nPut into {folder}, under exactly these names, and try again:\n{listed}"
        with contextlib.suppress(OSError):
            if there := sorted(entry.name for entry in os.scandir(folder)):
                more = f" and {len(there) - 10:,} more" if len(there) > 10 else ""
                text += f"\nWhat lies there now: {', '.join(there[:10])}{more}"
        if self._manual_dir_instructions:
            text += f"\n{self._manual_dir_instructions}"
        return text

    def _how_to_accept(self, resource: download.Resource) -> str:
        return (
            f"\nNo digest was published for this file; it is held against the one that was seen"
            f" first. To accept the new one, remove the line of {resource.url} from"
            f" {self._pins.path} and try again."
        )


class _Live:
    """What a manager has that cannot be pickled. To TFDS's methods it is the downloader.

    Attributes:
      lock: Held to change what several threads change.
      obtained: Paths of the files that this manager has come by.
    """

    def __init__(self, manager: DownloadManager, max_simultaneous: int | None):
        self._manager = manager
        self._max_simultaneous = max_simultaneous
        self._open = threading.local()
        self.lock = threading.Lock()
        self.obtained: dict[Any, epath.Path] = {}

    def batch(self) -> batches.Batch:
        """The batch of the call of `download` that this thread is in."""
        batch = getattr(self._open, "batch", None)
        if batch is None or batch.has_run:
            bars = getattr(self._open, "progress", None) or progress.Progress()
            manager = self._manager
            batch = batches.Batch(
                manager._prepare, manager._obtain, manager._explain, bars, self._max_simultaneous
            )
            self._open.batch = batch
        return batch

    @contextlib.contextmanager
    def tqdm(self) -> Iterator[None]:
        """Shows progress, and opens a batch."""
        with progress.shown() as self._open.progress:
            self._open.batch = None
            try:
                yield
            finally:
                self._open.batch = self._open.progress = None
