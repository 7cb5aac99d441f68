"""The download manager of all builders: TFDS's, with transfers that survive the real web.

It is used like TFDS's and keeps its cache, so that files that TFDS has downloaded are not
downloaded again. It looks for a file in `manual_dir`, then in the cache, and then at its URLs, and
each time compares it with the published size and digests (`digests`, `verified`). Where TFDS's
manager takes a URL, this one also takes

    Mirrors([url, ...])             several URLs of the same bytes, tried in order
    ManualFile(name, page, terms)   a file that only comes by hand

A call of `download` is one batch. Before the first byte is fetched, all files are looked for, all
that have to be brought by hand are named together, and the sum of the rest is compared with the
free disk.

`download`, `extract`, `manual_dir` and the other public parts of TFDS's manager are not overridden,
because `tfds.testing` replaces them in TFDS's class. The methods that they call are overridden.
"""

from __future__ import annotations

import collections
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
from tfds_extra.core.downloads import (
    batches,
    by_hand,
    cache,
    partial,
    progress,
    transfer,
    verified,
)
from tfds_extra.core.downloads.sources import (
    CACHED,
    MANUAL,
    MISSING,
    TO_FETCH,
    UNFINISHED,
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

_WORTH_A_BAR = 256 << 20  # Reading so many bytes takes a second or more.
_UNKNOWN = "unknown_name"  # TFDS's name for a file whose URL has no file name.


class DownloadManager(download.DownloadManager):
    """TFDS's download manager, with the transfers of `transfer` and the checks of `digests`."""

    def __init__(
        self,
        *,
        url_infos: Mapping[str, checksums.UrlInfo] | None = None,
        policy: transfer.Policy | None = None,
        **kwargs: Any,
    ):
        """Creates a manager.

        Args:
          url_infos: What was published about each URL, from `digests.load_published` or from TFDS.
          policy: Time-outs and retries.
          **kwargs: Arguments of `tfds.download.DownloadManager`.
        """
        super().__init__(**kwargs)
        # A dict of our own, because TFDS's is shared by all managers of the process: what one
        # builder (a miniature, for example) adds to it would hold for the URLs of another.
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
        """Adds what was published about URLs, for example in a file that was downloaded before."""
        self._url_infos.update(url_infos)

    def plan(self, urls: Any) -> list[PlannedFile]:
        """Returns what `download(urls)` would do, without reading a file or using the network.

        A file in `manual_dir` under another name than the published one is planned if its size may
        be right; `download` takes it only if its digest is the published one.

        Args:
          urls: What `download` takes.

        Returns:
          Each file once, in the order of `urls`.
        """
        resources = {key_of(r): r for r in map(as_resource, tree.flatten(urls))}
        return [self._planned(resource) for resource in resources.values()]

    def transfer_options(self) -> dict[str, Any]:
        """Returns how this manager talks to servers: arguments of `transfer.Transfer`."""
        return {"policy": self._policy, "verify_ssl": self._verify_ssl}

    @property
    def pins_path(self) -> pathlib.Path:
        """Where the digests are noted of files without published ones."""
        return self._pins.path

    def free_disk(self) -> int:
        """Returns how many bytes can be written to the download folder."""
        return shutil.disk_usage(self._download_dir).free

    def choose(self, *alternatives: Any) -> Any:
        """Chooses, of several forms of the same data, the one of which most files are here.

        Args:
          *alternatives: Arguments for `download`, such as a joined archive, and the list of its
            parts. The first is preferred.

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
        target, part = self._target(resource, published)
        path = self._manual_folder / published.filename
        is_renamed = False
        if (received := verified.size_of(path)) is None:
            renamed = (
                own for own, objection in self._renamed(resource, published) if not objection
            )
            if renamed := next(renamed, None):
                path, received = renamed, verified.size_of(renamed)
                is_renamed = received is not None
        if received is not None:
            state = MANUAL
        elif isinstance(resource, ManualFile):
            state, received = MISSING, 0
        elif cached := self._cached(resource, published):
            state, path, received = CACHED, cached[0], int(cached[1].size)
        else:
            path, received = target, verified.size_of(part) or 0
            state = UNFINISHED if received else TO_FETCH
        return PlannedFile(
            url=resource.url,
            file_name=published.filename,
            published=published,
            state=state,
            path=path,
            received=received,
            source=getattr(resource, "page", resource.url),
            terms=getattr(resource, "terms", ""),
            is_renamed=is_renamed,
        )

    def _renamed(
        self, resource: download.Resource, published: digests.Published
    ) -> Iterator[tuple[pathlib.Path, str]]:
        """Yields the files in `manual_dir` that may be the wanted file under another name.

        Yields:
          A path, and the reason why it is not taken; the reason is empty if it may be taken.
        """
        urls = () if isinstance(resource, ManualFile) else _urls(resource)
        names = by_hand.packed_names(published.filename, urls)
        expected = self._expected(resource, published)
        for path in by_hand.packed(self._manual_folder, names):
            if path.name == published.filename or (size := verified.size_of(path)) is None:
                continue
            if not expected.digests:
                yield path, "no digest is known, so that only its published name could tell it"
            else:
                refused = self._downloader.refused.get(path, "")
                yield path, refused or expected.difference(size, {})

    def _published(self, resource: download.Resource) -> digests.Published:
        """Returns what was published about a file, at least its name."""
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
        """Returns what a file is compared with: what was published, or else what was seen first."""
        if self._register_checksums:  # The user wants to find out size and sha256.
            others = {k: v for k, v in published.digests.items() if k != "sha256"}
            return digests.Published(units.Size(0), "", published.filename, others, published.about)
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
        """Returns the path of a file in the cache, and its path while it is being downloaded."""
        target = pathlib.Path(os.fspath(self._get_dl_path(resource, published.checksum or None)))
        return target, target.with_name(f"{target.name}.partial")

    def _cached(
        self,
        resource: download.Resource,
        published: digests.Published,
        check: Callable[[], None] | None = None,
    ) -> tuple[pathlib.Path, checksums.UrlInfo] | None:
        """Finds a file that was downloaded before; with `check`, its digests are verified."""
        if self._force_download and key_of(resource) not in self._downloader.obtained:
            return None
        altered = self._downloader.altered[key_of(resource)]
        return cache.find(resource, published, self._get_dl_path, altered, check)

    # ------------------------------------------------------------------------------- a batch

    def _prepare(self, resources: Sequence[download.Resource], bars: progress.Progress) -> None:
        """Looks for all files of a batch before anything is fetched."""
        self._downloader.refused.clear()  # The user may have replaced these files since.
        planned = [self._settled(resource) for resource in resources]
        if self._force_checksums_validation and not self._register_checksums:
            for file in planned:
                if file.url not in self._url_infos:
                    raise CorpusError(
                        file.url,
                        "",
                        "is not listed in the checksum file, and force_checksums_validation is set",
                        "List it (register_checksums does).",
                    )
        missing = [r for r, file in zip(resources, planned) if file.state == MISSING]
        if missing:
            names = ", ".join(self._published(resource).filename for resource in missing)
            problem = "cannot be downloaded: it has to be brought by hand"
            raise MissingFilesError(names, "", problem, self._how_to_bring(missing))
        if any(not file.is_here for file in planned) and "://" in os.fspath(self._download_dir):
            raise CorpusError(
                self._download_dir,
                "",
                "files can only be downloaded to a folder of this machine",
                "Pass another download_dir.",
            )
        needed = sum((file.remaining for file in planned), digests.Amount())
        if needed.size > (free := self.free_disk()):
            raise transfer.no_room(self._download_dir, needed, free)
        size = sum(file.amount.size for file in planned)
        # Checking small files that are here already is too fast for a progress bar.
        if size > _WORTH_A_BAR or any(not file.is_here for file in planned):
            bars.show(len(planned), size)

    def _settled(self, resource: download.Resource) -> PlannedFile:
        """Returns the plan of a file, after it has verified files under other names by digest."""
        while (planned := self._planned(resource)).is_renamed:
            difference, _ = self._read_by_hand(resource, planned)
            if not difference:
                break
            self._downloader.refused[planned.path] = difference
        return planned

    def _obtain(
        self, resource: download.Resource, cancelled: threading.Event, bars: progress.Progress
    ) -> epath.Path:
        """Brings one file, and compares it with what was published."""

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
            bars.advance(planned.received)
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
        """Returns the error of a batch, which says what was tried and what to bring by hand."""
        for _, error in failed:
            if not isinstance(error, transfer.TransferError):
                return error
        names = ", ".join(self._published(resource).filename for resource, _ in failed)
        failures = [failure for _, error in failed for failure in error.failures]
        tried = "\n".join(f"  {failure.url}: {failure.reason}" for failure in failures)
        remedy = self._how_to_bring([r for r in resources if not self._planned(r).is_here])
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
        """Compares a file in `manual_dir` with what was published, and raises if it differs."""
        difference, sums = self._read_by_hand(resource, planned, check)
        if difference:
            remedy = f"Get it again from {planned.source}, or take it out of the folder."
            if (
                not planned.published.digests
                and self._expected(resource, planned.published).digests
            ):
                remedy += self._how_to_accept(resource)
            if self._manual_dir_instructions:
                remedy += f"\n{self._manual_dir_instructions}"
            raise DigestError(planned.path, "", f"it is another file: {difference}", remedy)
        return digests.url_info(planned.received, sums["sha256"], planned.file_name)

    def _read_by_hand(
        self,
        resource: download.Resource,
        planned: PlannedFile,
        check: Callable[[], None] = lambda: None,
    ) -> tuple[str, Mapping[str, str]]:
        """Returns how a file in `manual_dir` differs from the published one, and its digests."""
        expected = self._expected(resource, planned.published)
        if difference := expected.difference(planned.received, {}):
            return difference, {}
        memory = self._downloader.by_hand
        with errors.located(planned.path, "", "Check its rights."):
            stamp, record = verified.read(planned.path, expected, memory.get(planned.path), check)
        memory.put(planned.path, record)
        return expected.difference(stamp[0], record["digests"]), record["digests"]

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
            # The process that held the lock may have downloaded the file.
            if cached := self._cached(resource, published, check):
                bars.advance(int(cached[1].size))
                return cached
            if not locked:  # Without a lock, the file needs a name that no other process writes to.
                part = target.with_name(f"{target.name}.{os.getpid()}.partial")
            task = transfer.Transfer(
                self._expected(resource, published),
                policy=self._policy,
                verify_ssl=self._verify_ssl,
                cancelled=cancelled,
                meter=bars,
            )
            try:
                digester = task.run(_urls(resource), part)
            except BaseException as e:
                if not locked:
                    partial.discard(part)
                if isinstance(e, transfer.TransferError):
                    altered = self._downloader.altered[key_of(resource)]
                    e.failures = [
                        *(
                            transfer.Failure(
                                os.fspath(path), f"it was downloaded before, but {how}"
                            )
                            for path, (_, how) in altered.items()
                        ),
                        *e.failures,
                    ]
                raise
            listed = resource.url in self._url_infos
            name = published.filename if listed else task.file_name or published.filename
            sums = digester.digests()
            found = digests.url_info(digester.size, sums["sha256"], name)
            if self._register_checksums:
                target = pathlib.Path(self._get_dl_path(resource, found.checksum))
            cache.put(part, target, resource, self._dataset_name, found, sums)
            return target, found

    def _hold_against_pin(
        self,
        resource: download.Resource,
        published: digests.Published,
        found: checksums.UrlInfo,
        path: pathlib.Path,
    ) -> None:
        """Pins a file without a published digest; raises if another file was pinned before."""
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

    def _how_to_bring(self, resources: Sequence[download.Resource]) -> str:
        """Returns a text that tells the user which files to put where."""
        listed = "\n".join(f"  {self._planned(resource)}" for resource in resources)
        folder = self._manual_folder
        text = f"\nPut into {folder}, under exactly these names, and try again:\n{listed}"
        if folder.is_dir():
            text += f"\nWhat lies there now: {by_hand.described(folder)}"
        for resource in resources:
            published = self._published(resource)
            for path, objection in self._renamed(resource, published):
                if objection:
                    text += f"\n{path.name} is not taken for {published.filename}: {objection}"
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
    """The state of a manager that cannot be pickled. TFDS's methods use it as their downloader.

    Attributes:
      lock: Has to be held to change what several threads change.
      obtained: Paths of the files that this manager has obtained.
      by_hand: What is remembered of files in `manual_dir`, a folder that we never write to.
      refused: Files in `manual_dir` under other names than published, and how they differ.
      altered: Files in the cache that are not the published ones, as in `cache.find`.
    """

    def __init__(self, manager: DownloadManager, max_simultaneous: int | None):
        self._manager = manager
        self._max_simultaneous = max_simultaneous
        self._open = threading.local()
        self.lock = threading.Lock()
        self.obtained: dict[Any, epath.Path] = {}
        self.by_hand = verified.Memory(manager._pins.path.with_name("by_hand.json"))
        self.refused: dict[pathlib.Path, str] = {}
        self.altered: dict[Any, dict[pathlib.Path, tuple[list[int], str]]]
        self.altered = collections.defaultdict(dict)

    def batch(self) -> batches.Batch:
        """Returns the batch of the call of `download` that this thread is executing."""
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


def _urls(resource: download.Resource) -> Sequence[str]:
    """Returns the URLs of a file, in the order in which they are tried."""
    return getattr(resource, "urls", (resource.url,))
