"""Shows the first examples of a corpus from as few bytes of its files as their formats allow.

The builder's own code reads the published files, where they are: `fetch` gives it trees and
contents over sources that ask for parts (`sources`). Its generators are closed when enough examples
of each split have come, or when the budget is spent. So the examples are those of the whole corpus,
and all checks of what is read are made; those of what is not read are named in the metadata.
"""

from __future__ import annotations

import contextlib
import glob
import os
import pathlib
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfds_extra import tfds_seam
from tfds_extra.core import archives, downloads, engines, pieces
from tfds_extra.core.digests import Published
from tfds_extra.core.errors import CorpusError
from tfds_extra.core.peeking import costs, sources
from tfds_extra.core.peeking import files as peeked_files
from tfds_extra.core.peeking.purse import BeyondBudget, Peek, Purse, amount
from tfds_extra.core.published import Archive, File

if TYPE_CHECKING:
    from tfds_extra.core.builder import Builder

# Reading a byte of this disk counts so much less than fetching one.
LOCAL = 20
_WIDTH = 80
_TFDS_EXTRACTED = "extracted"  # A folder that TFDS makes.


class Peeking:
    """One peek of one builder.

    Attributes:
      not_shown: Why a split has fewer examples than asked for, by split.
    """

    def __init__(self, builder: Builder, peek: Peek):
        self._builder, self._peek = builder, peek
        self._purse = Purse(peek.budget)
        self._on_disk = Purse(peek.budget * LOCAL)
        self.not_shown: dict[str, str] = {}
        self._counted: set[str] = set()  # URLs of files that were fetched whole.
        self._absent: list[pathlib.Path] = []  # Files of which nothing was there before.
        self._begin()

    def _begin(self) -> None:
        """Forgets what was read; what was spent stays spent."""
        self.not_shown = {}
        self._left = {split: self._peek.examples for split in self._builder.expected_counts}
        self._is_cut_short = False
        # What is read by parts: the name of the file, what was published of it, and its source.
        self._opened: list[tuple[str, Published, sources.Remote | sources.Local]] = []
        self._whole: list[downloads.PlannedFile] = []
        self._copies: list[str] = []

    def wants(self, split: str) -> bool:
        """Returns whether more examples of a split are wanted."""
        return self._left.get(split, 0) > 0

    # ------------------------------------------------------------------------------ the files

    def fetch(
        self, manager: downloads.DownloadManager
    ) -> dict[str, archives.Tree | archives.Content]:
        """Returns the published files as `Builder.fetch` does; most of them are not fetched yet.

        Raises:
          MissingFilesError: Files have to be brought by hand. Nothing was asked of any server.
          CorpusError: Nothing can be shown within the budget, or a file is not the published one.
        """
        builder = self._builder
        extracted = builder.extracted()
        wanted = builder.to_download(extracted)
        planned = {name: manager.plan(file) for name, file in wanted.items()}
        self._refuse_missing(manager, wanted, planned)
        whole = self._to_fetch_whole(planned)
        paths = self._fetched_whole(manager, {name: wanted[name] for name in whole}, planned)
        found: dict[str, archives.Tree | archives.Content] = {}
        for name, file in builder.published_files().items():
            if copy := extracted.get(name):
                self._copies.append(str(copy.path))
                found[name] = builder.opened_copy(file, copy)
            elif name in paths:
                found[name] = builder.opened(file, paths[name])
            elif name in planned:
                found[name] = self._by_parts(manager, file, planned[name])
        return found

    def _refuse_missing(
        self,
        manager: downloads.DownloadManager,
        wanted: Mapping[str, Any],
        planned: Mapping[str, Sequence[downloads.PlannedFile]],
    ) -> None:
        """Raises if files have to be brought by hand and are not there."""
        missing = {
            name: file
            for name, file in wanted.items()
            if any(one.state == downloads.MISSING for one in planned[name])
        }
        if missing:
            manager.download(missing)  # It names them all, before it asks any server.

    def _to_fetch_whole(self, planned: Mapping[str, Sequence[downloads.PlannedFile]]) -> list[str]:
        """Returns the names of files that are fetched whole; raises if no split can be shown."""
        builder = self._builder
        chosen, self.not_shown = costs.fetched_whole(
            builder, planned, self._peek.budget, costs.SMALL
        )
        for split in self.not_shown:
            self._left[split] = 0
        if not any(self._left.values()):
            least = min(costs.needed(builder, planned, split) for split in self._left)
            raise CorpusError(
                builder.info.full_name,
                "",
                f"nothing of it can be shown. {costs.reasons(self.not_shown)}",
                f"Nothing was fetched. The least budget is --budget={-(-least // 10**6)}MB.",
            )
        return chosen

    def _fetched_whole(
        self,
        manager: downloads.DownloadManager,
        wanted: Mapping[str, Any],
        planned: Mapping[str, Sequence[downloads.PlannedFile]],
    ) -> dict[str, Any]:
        """Fetches files in the ordinary way; leaves nothing unfinished behind if it is stopped."""
        self._whole = [one for name in wanted for one in planned[name]]
        paths = manager.download(dict(wanted)) if wanted else {}
        for one in self._whole:
            self._purse.spent += one.remaining.size
            self._purse.requests += not one.is_here
            if not one.is_here:
                self._counted.add(one.url)
        return paths

    def _by_parts(
        self,
        manager: downloads.DownloadManager,
        file: Archive | File,
        planned: Sequence[downloads.PlannedFile],
    ) -> archives.Tree | archives.Content:
        """Returns a file that is read where it is."""
        resources = file.files if isinstance(file.files, tuple) else (file.files,)
        parts = [
            self._open(manager, downloads.as_resource(resource), one)
            for resource, one in zip(resources, planned)
        ]
        source = parts[0] if len(parts) == 1 else sources.Joined(parts)
        if isinstance(file, File):
            return peeked_files.PeekContent(source, parts[0].name)
        return peeked_files.PeekTree(source, parts[0].name, file.root)

    def _open(
        self, manager: downloads.DownloadManager, resource: Any, planned: downloads.PlannedFile
    ) -> sources.Remote | sources.Local:
        if planned.is_here:
            size = planned.path.stat().st_size
            if difference := planned.published.difference(size, {}):
                remedy = f"Get it again from {planned.source}, or take it out of the folder."
                raise downloads.DigestError(
                    planned.path, "", f"it is another file: {difference}", remedy
                )
            source: sources.Remote | sources.Local
            source = sources.Local(os.fspath(planned.path), self._on_disk)
        else:
            urls = getattr(resource, "urls", (resource.url,))
            source = sources.Remote(
                urls, planned.published, self._purse, **manager.transfer_options()
            )
        self._opened.append((planned.file_name, planned.published, source))
        return source

    # --------------------------------------------------------------------------- the examples

    def prepare(
        self,
        manager: downloads.DownloadManager,
        check_counts: Callable[[dict[str, int]], Any],
        **kwargs: Any,
    ) -> list[engines.PreparedSplit]:
        """Prepares the examples that are shown.

        Args:
          manager: Fetches small files.
          check_counts: As in `engines.prepare_locally`.
          **kwargs: Arguments of `engines.prepare_locally`.

        Returns:
          The splits that have examples.

        Raises:
          CorpusError: Nothing can be shown, or a file is not the published one.
        """

        def check(counts: dict[str, int]) -> Any:
            if not sum(counts.values()):
                raise self._nothing()
            return check_counts(counts)

        everything = [file.files for file in self._builder.published_files().values()]
        absent = {o.url: o for o in manager.plan(everything) if o.state == downloads.TO_FETCH}
        self._absent = [one.path for one in absent.values()]
        if not manager.pins_path.exists():
            self._absent.append(manager.pins_path)
        for attempt in (1, 2):
            try:
                # A builder may need the lists of files before it knows its pieces.
                with self._explained():
                    generators = self._builder._split_generators(manager)
                self._count_fetched(absent, manager.plan(everything))
                first = next(iter(generators.values()))
                read = _Reading(self, first.pieces, first.read)
                shown = pieces.by_split(generators, [_Whole()], read)
                return engines.prepare_locally(shown, check_counts=check, num_workers=1, **kwargs)
            except sources.Changed as e:
                if attempt == 2:
                    raise downloads.DownloadError(
                        e, "", "it was changed a second time", "Try again later."
                    ) from e
                self._begin()
            finally:
                self.rest()
        raise AssertionError  # Unreachable.

    def _count_fetched(
        self,
        absent: Mapping[str, downloads.PlannedFile],
        planned: Sequence[downloads.PlannedFile],
    ) -> None:
        """Counts the lists that a builder has fetched before it knew its files."""
        for one in planned:
            if one.url in absent and one.is_here and one.url not in self._counted:
                self._counted.add(one.url)
                self._purse.spent += one.received
                self._purse.requests += 1

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Makes an error for the user of what exceeds the budget before the first example."""
        try:
            yield
        except Exception as e:
            if (beyond := self._beyond(e)) is None:
                raise
            for split in self._left:
                self.not_shown.setdefault(split, str(beyond))
            raise self._nothing() from e

    def _beyond(self, error: BaseException) -> BeyondBudget | None:
        """Returns what exceeded the budget, if that is why an error was raised."""
        if isinstance(error, BeyondBudget):
            return error
        return self._purse.exceeded or self._on_disk.exceeded

    def _nothing(self) -> CorpusError:
        reasons = costs.reasons(self.not_shown)
        return CorpusError(
            self._builder.info.full_name,
            "",
            f"nothing of it can be shown. {reasons or 'There are no examples'}",
            "Raise the budget with --budget (`tfds-extra peek --costs` says what is needed).",
        )

    def of_pieces(self, some: Sequence[Any], read: Callable[[Any], Any]) -> Iterator[Any]:
        """Yields the first examples of each split.

        Each split may spend its share of the budget, so that one whose examples do not come leaves
        something to the others. What these leave is spent in a second round, in which nothing is
        fetched again that has come.
        """
        seen: set[tuple[str, Any]] = set()
        again = []
        for piece in some:
            if wanted := self._wanted_of(piece):
                unread = [split for split in self._left if self.wants(split)]
                unread = [split for split in unread if split not in self.not_shown]
                share = len(set(wanted) & set(unread)) / max(1, len(unread))
                is_limited = self._purse.allow(share or 1)
                yield from self._of_piece(piece, wanted, read, seen)
                if is_limited and any(map(self.wants, wanted)) and self._is_cut_short:
                    again.append(piece)
        self._purse.allow(1)
        for piece in again:
            wanted = self._wanted_of(piece)
            for split in wanted:
                self.not_shown.pop(split, None)
            if wanted:
                yield from self._of_piece(piece, wanted, read, seen)
        self._check_what_came_whole()

    def _wanted_of(self, piece: Any) -> list[str]:
        """Returns the splits of a piece of which more examples are wanted."""
        return [split for split in self._builder.splits_of(piece) if self.wants(split)]

    def _of_piece(
        self,
        piece: Any,
        wanted: Sequence[str],
        read: Callable[[Any], Any],
        seen: set[tuple[str, Any]],
    ) -> Iterator[Any]:
        """Yields the examples of a piece that are wanted and were not seen."""
        try:
            with contextlib.closing(pieces.one_by_one(piece, read)) as examples:
                for (split, key), example in examples:
                    if self.wants(split) and (split, key) not in seen:
                        seen.add((split, key))
                        yield (split, key), example
                        self._left[split] -= 1
                    if not any(map(self.wants, wanted)):
                        break
        except Exception as e:
            beyond = self._beyond(e)
            # What was cut short once may be an error of another kind later.
            if isinstance(e, sources.Changed) or (beyond is None and not self._is_cut_short):
                raise
            self._is_cut_short = True
            for split in filter(self.wants, wanted):
                self.not_shown[split] = str(beyond or e).rstrip(".")
            self._purse.exceeded = self._on_disk.exceeded = None
        self.rest()

    def _check_what_came_whole(self) -> None:
        """Raises if the digest of a file that has come whole is not the published one."""
        for name, published, source in self._opened:
            if difference := source.difference(published):
                remedy = "Get it from another server, or tell its publisher."
                raise downloads.DigestError(
                    source.name, "", f"{name} came whole, and is another file: {difference}", remedy
                )

    def rest(self) -> None:
        """Drops answers that are being read."""
        for _, _, source in self._opened:
            source.rest()

    @contextlib.contextmanager
    def leaving_nothing(self, folder: pathlib.Path) -> Iterator[None]:
        """Removes, after an error in the block, what this peek began.

        After Ctrl-C, small files that it has downloaded go as well.

        Args:
          folder: Folder of this peek's config in the data folder.
        """
        try:
            yield
        except BaseException as e:
            stopped = isinstance(e, KeyboardInterrupt)
            for path in self._absent:
                for remains in path.parent.glob(glob.escape(path.name) + "*"):
                    if stopped or ".partial" in remains.name:
                        remains.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()
                if [path.name for path in folder.parent.iterdir()] == [tfds_seam.CONFIG_FOLDER]:
                    shutil.rmtree(folder.parent)  # TFDS has noted the name of the default config.
            if stopped:
                for parent in {path.parent for path in self._absent}:
                    for empty in (parent / _TFDS_EXTRACTED, parent):
                        with contextlib.suppress(OSError):
                            empty.rmdir()
            raise

    # ----------------------------------------------------------------------------- the report

    def metadata(self) -> dict[str, Any]:
        """Returns what was asked for, what it took, and what could not be checked or shown."""
        read = {
            name: {"bytes": source.received, "of": source.stated_size}
            for name, _, source in self._opened
            if source.received
        }
        unchecked = [
            name
            for name, published, source in self._opened
            if source.received and not (source.is_digested and published.digests)
        ]
        undigested = [one.file_name for one in self._whole if not one.published.digests]
        return {
            "examples": self._peek.examples,
            "budget": self._peek.budget,
            "bytes": self._purse.spent,
            "requests": self._purse.requests,
            "fetched_whole": [one.file_name for one in self._whole],
            "read_in_part": read,
            "digest_not_checked": [*unchecked, *undigested, *self._copies],
            "not_shown": self.not_shown,
        }


class _Reading:
    """Reads all pieces of a peek as one."""

    def __init__(self, peeking: Peeking, some: Sequence[Any], read: Callable[[Any], Any]):
        self._peeking, self._some, self._read = peeking, some, read

    def __call__(self, whole: _Whole) -> Iterator[Any]:
        return self._peeking.of_pieces(self._some, self._read)


class _Whole:
    """The only piece of a peek: never the same as that of another one."""

    def fingerprint(self) -> list[tuple[str, int, int]]:
        """Returns something that no unfinished work has."""
        return [(f"peek {os.urandom(16).hex()}", 1, 0)]


def described(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yields lines about a peek: what it took, and what was not checked or not shown.

    Args:
      metadata: From `Peeking.metadata`, with the numbers of examples in `shown`.
    """
    shown = ", ".join(f"{split} {count}" for split, count in metadata["shown"].items())
    yield from _wrapped(f"Shown: {shown or 'nothing'}.")
    requests = metadata["requests"]
    yield from _wrapped(
        f"Fetched: {amount(metadata['bytes'])} in {requests} request{'s' * (requests != 1)}."
    )
    for name, read in metadata["read_in_part"].items():
        if read["bytes"]:
            of = f" of {amount(read['of'])}" if read["of"] else ""
            yield from _wrapped(f"Read of {name}: {amount(read['bytes'])}{of}.")
    for split, why in metadata["not_shown"].items():
        yield from _wrapped(f"Not shown, or fewer: {split}, since {why}.")
    if unchecked := metadata["digest_not_checked"]:
        yield from _wrapped(
            f"Not checked: the digests of {', '.join(unchecked)}, and what was not read of them."
        )


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="  ", subsequent_indent="      ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
