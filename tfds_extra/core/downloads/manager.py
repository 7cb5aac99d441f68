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
because `tfds.testing` replaces them in TFDS's class. The methods that they call are overridden, in
`tfds_extra.tfds_seam`.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tree
from etils import epath
from tensorflow_datasets.core import download
from tensorflow_datasets.core.download import checksums

from tfds_extra import tfds_seam
from tfds_extra.core import digests, locks
from tfds_extra.core.downloads import (
    batches,
    by_hand,
    cache,
    finding,
    partial,
    progress,
    transfer,
    verified,
)
from tfds_extra.core.downloads.errors import DigestError, DownloadError, MissingFilesError
from tfds_extra.core.downloads.pins import Pins
from tfds_extra.core.downloads.plans import MANUAL, MISSING, PlannedFile
from tfds_extra.core.downloads.sources import as_resource, key_of
from tfds_extra.core.downloads.wanted import Wanted
from tfds_extra.core.errors import CorpusError

_WORTH_A_BAR = 256 << 20  # Reading so many bytes takes a second or more.


class DownloadManager(tfds_seam.DownloadManager):
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
        super().__init__(url_infos=url_infos, **kwargs)
        self._policy = policy or transfer.Policy()
        self._live: _Live | None = None
        self._table_before = ""
        if self.register_checksums:
            table = self.checksums_path
            self._table_before = table.read_text(encoding="utf-8") if table.exists() else ""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_live": None}

    # ------------------------------------------------------------------------------- public

    def expect(self, url_infos: Mapping[str, checksums.UrlInfo]) -> None:
        """Adds what was published about URLs, for example in a file that was downloaded before."""
        self.url_infos.update(url_infos)

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
        return [self._find(self._wanted(resource)) for resource in resources.values()]

    def transfer_options(self) -> dict[str, Any]:
        """Returns how this manager talks to servers: arguments of `transfer.Transfer`."""
        return {"policy": self._policy, "verify_ssl": self.verify_ssl}

    @property
    def pins_path(self) -> pathlib.Path:
        """Where the digests are noted of files without published ones."""
        return self.pins.path

    def free_disk(self) -> int:
        """Returns how many bytes can be written to the download folder."""
        return shutil.disk_usage(self.download_dir).free

    # ------------------------------------------------------------------ what TFDS's methods call

    def showing_progress(self) -> contextlib.AbstractContextManager[None]:
        return self._state.showing_progress()

    def request(self, url: Any) -> batches.Pending:
        resource = as_resource(url)
        key = key_of(resource)
        batch = self._state.batch()
        if key not in batch:
            batch.add(key, self._wanted(resource))
        return batch.pending(key)

    # -------------------------------------------------------------------------------- planning

    @property
    def _state(self) -> _Live:
        if self._live is None:
            self._live = _Live(self)
        return self._live

    @property
    def manual_folder(self) -> pathlib.Path:
        """The folder in which files by hand are looked for, which need not exist."""
        return pathlib.Path(os.fspath(self.given_manual_dir or self.download_dir / "manual"))

    @property
    def pins(self) -> Pins:
        """The first seen digests of files without a published one."""
        folder = pathlib.Path(os.fspath(self.download_dir), self.dataset_name or "")
        return Pins(folder / "seen_first.tsv")

    def _wanted(self, resource: download.Resource) -> Wanted:
        return Wanted(
            resource,
            self.url_infos,
            pins=self.pins,
            path_of=self.cache_path,
            is_registering=self.register_checksums,
        )

    def _uses_cache(self, wanted: Wanted) -> bool:
        """Returns whether an earlier download of a file counts."""
        return not self.force_download or wanted.key in self._state.obtained

    def _find(self, wanted: Wanted) -> PlannedFile:
        return self._state.finder.find(wanted, use_cache=self._uses_cache(wanted))

    def _cached(
        self, wanted: Wanted, check: Callable[[], None]
    ) -> tuple[pathlib.Path, checksums.UrlInfo] | None:
        """Finds a file that was downloaded before, and verifies its digests."""
        return self._state.finder.cached(wanted, check) if self._uses_cache(wanted) else None

    # ------------------------------------------------------------------------------- a batch

    def _prepare(self, batch: Sequence[Wanted], bars: progress.Progress) -> None:
        """Looks for all files of a batch before anything is fetched."""
        finder = self._state.finder
        finder.forget_refused()
        planned = [
            finder.find_and_verify(wanted, use_cache=self._uses_cache(wanted)) for wanted in batch
        ]
        if self.force_checksums_validation and not self.register_checksums:
            for wanted in batch:
                if not wanted.is_listed:
                    raise CorpusError(
                        wanted.url,
                        "",
                        "is not listed in the checksum file, and force_checksums_validation is set",
                        "List it (register_checksums does).",
                    )
        missing = [wanted for wanted, file in zip(batch, planned) if file.state == MISSING]
        if missing:
            names = ", ".join(wanted.file_name for wanted in missing)
            problem = "cannot be downloaded: it has to be brought by hand"
            raise MissingFilesError(names, "", problem, self._how_to_bring(missing))
        if any(not file.is_here for file in planned) and "://" in os.fspath(self.download_dir):
            raise CorpusError(
                self.download_dir,
                "",
                "files can only be downloaded to a folder of this machine",
                "Pass another download_dir.",
            )
        needed = sum((file.remaining for file in planned), digests.Amount())
        if needed.size > (free := self.free_disk()):
            raise transfer.no_room(self.download_dir, needed, free)
        size = sum(file.amount.size for file in planned)
        # Checking small files that are here already is too fast for a progress bar.
        if size > _WORTH_A_BAR or any(not file.is_here for file in planned):
            bars.show(len(planned), size)

    def _obtain(
        self, wanted: Wanted, cancelled: threading.Event, bars: progress.Progress
    ) -> epath.Path:
        """Brings one file, and compares it with what was published."""

        def check() -> None:
            if cancelled.is_set():
                raise transfer.Cancelled

        obtained = self._state.obtained
        if wanted.key in obtained:
            bars.advance(self.recorded_url_infos[wanted.url].size)
            return obtained[wanted.key]
        planned = self._find(wanted)
        if planned.state == MANUAL:
            path = planned.path
            found = self._verified_by_hand(wanted, planned, check)
            bars.advance(planned.received)
        else:
            path, found = self._from_cache_or_urls(wanted, cancelled, bars)
        with self._state.lock:
            self.recorded_url_infos[wanted.url] = found
            if self.register_checksums:
                self.write_checksums()
            else:
                self.pins.hold_against(wanted, found, path)
            obtained[wanted.key] = epath.Path(path)
        return obtained[wanted.key]

    def write_checksums(self) -> None:
        digests.save_rows(self.checksums_path, self._table_before, self.recorded_url_infos)

    def _explain(self, failed: Sequence[tuple[Wanted, Any]], batch: Sequence[Wanted]) -> Exception:
        """Returns the error of a batch, which says what was tried and what to bring by hand."""
        failures: list[transfer.Failure] = []
        accepting = ""
        for wanted, error in failed:
            if not isinstance(error, transfer.TransferError):
                return error
            failures += error.failures
            if wanted.is_pinned and any(failure.differs for failure in error.failures):
                accepting += self.pins.how_to_accept(wanted.url)
        names = ", ".join(wanted.file_name for wanted, _ in failed)
        tried = "\n".join(f"  {failure.url}: {failure.reason}" for failure in failures)
        remedy = self._how_to_bring([w for w in batch if not self._find(w).is_here])
        kind = DigestError if any(failure.differs for failure in failures) else DownloadError
        return kind(names, "", f"cannot be downloaded. Tried:\n{tried}", remedy + accepting)

    # ------------------------------------------------------------------------------- one file

    def _verified_by_hand(
        self, wanted: Wanted, planned: PlannedFile, check: Callable[[], None]
    ) -> checksums.UrlInfo:
        """Compares a file in `manual_dir` with what was published, and raises if it differs."""
        difference, sums = self._state.finder.read_by_hand(wanted, planned, check)
        if difference:
            remedy = f"Get it again from {wanted.source}, or take it out of the folder."
            if wanted.is_pinned:
                remedy += self.pins.how_to_accept(wanted.url)
            if self.manual_dir_instructions:
                remedy += f"\n{self.manual_dir_instructions}"
            raise DigestError(planned.path, "", f"it is another file: {difference}", remedy)
        return digests.url_info(planned.received, sums["sha256"], wanted.file_name)

    def _from_cache_or_urls(
        self, wanted: Wanted, cancelled: threading.Event, bars: progress.Progress
    ) -> tuple[pathlib.Path, checksums.UrlInfo]:
        def check(seconds: float = 0) -> None:
            if cancelled.wait(seconds):
                raise transfer.Cancelled

        if cached := self._cached(wanted, check):
            bars.advance(int(cached[1].size))
            return cached
        target, part = wanted.target, wanted.part
        with locks.alone(target.with_name(f"{target.name}.lock"), check) as locked:
            # The process that held the lock may have downloaded the file.
            if cached := self._cached(wanted, check):
                bars.advance(int(cached[1].size))
                return cached
            if not locked:  # Without a lock, the file needs a name that no other process writes to.
                part = target.with_name(f"{target.name}.{os.getpid()}.partial")
            task = transfer.Transfer(
                wanted.expected,
                policy=self._policy,
                verify_ssl=self.verify_ssl,
                cancelled=cancelled,
                meter=bars,
            )
            try:
                digester = task.run(wanted.urls, part)
            except BaseException as e:
                if not locked:
                    partial.discard(part)
                if isinstance(e, transfer.TransferError):
                    e.failures = [*self._refused_downloads(wanted), *e.failures]
                raise
            name = wanted.file_name if wanted.is_listed else task.file_name or wanted.file_name
            sums = digester.digests()
            found = digests.url_info(digester.size, sums["sha256"], name)
            if self.register_checksums:
                path = self.cache_path(wanted.resource, found.checksum, False)
                target = pathlib.Path(os.fspath(path))
            cache.put(part, target, wanted.resource, self.dataset_name, found, sums)
            return target, found

    def _refused_downloads(self, wanted: Wanted) -> Iterator[transfer.Failure]:
        """Yields why files that were downloaded before are not used."""
        for path, (_, how) in self._state.finder.altered(wanted).items():
            yield transfer.Failure(os.fspath(path), f"it was downloaded before, but {how}")

    # -------------------------------------------------------------------------------- messages

    def _how_to_bring(self, files: Sequence[Wanted]) -> str:
        """Returns a text that tells the user which files to put where."""
        listed = "\n".join(f"  {self._find(wanted)}" for wanted in files)
        folder = self.manual_folder
        text = f"\nPut into {folder}, under exactly these names, and try again:\n{listed}"
        if folder.is_dir():
            text += f"\nWhat lies there now: {by_hand.described(folder)}"
        for wanted in files:
            for path, objection in self._state.finder.renamed(wanted):
                if objection:
                    text += f"\n{path.name} is not taken for {wanted.file_name}: {objection}"
        if self.manual_dir_instructions:
            text += f"\n{self.manual_dir_instructions}"
        return text


class _Live:
    """The state of a manager that cannot be pickled.

    Attributes:
      lock: Has to be held to change what several threads change.
      obtained: Paths of the files that this manager has obtained.
      finder: Looks for files on the disk.
    """

    def __init__(self, manager: DownloadManager):
        self._manager = manager
        self._open = threading.local()
        self.lock = threading.Lock()
        self.obtained: dict[Any, epath.Path] = {}
        memory = verified.Memory(manager.pins.path.with_name("by_hand.json"))
        self.finder = finding.Finder(manager.manual_folder, manager.cache_path, memory)

    def batch(self) -> batches.Batch:
        """Returns the batch of the call of `download` that this thread is executing."""
        batch = getattr(self._open, "batch", None)
        if batch is None or batch.has_run:
            bars = getattr(self._open, "progress", None) or progress.Progress()
            manager = self._manager
            batch = batches.Batch(
                manager._prepare,
                manager._obtain,
                manager._explain,
                bars,
                manager.max_simultaneous_downloads,
            )
            self._open.batch = batch
        return batch

    @contextlib.contextmanager
    def showing_progress(self) -> Iterator[None]:
        """Shows progress, and opens a batch."""
        with progress.shown() as self._open.progress:
            self._open.batch = None
            try:
                yield
            finally:
                self._open.batch = self._open.progress = None
