"""Published files: downloads, files in `manual_dir`, and how they are handed to a builder."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from etils import epath
from tensorflow_datasets.core import download

from tfds_extra.core import archives, digests, downloads, own_copies
from tfds_extra.core.builders.peeks import PeeksLayer
from tfds_extra.core.builders.variants import MINIATURE, PARTIAL, PEEK
from tfds_extra.core.downloads import by_hand
from tfds_extra.core.errors import CorpusError
from tfds_extra.core.members import IF_PARTIAL, Members
from tfds_extra.core.published import Archive, File

_SHOWN = 3  # An error names at most so many patterns of paths.


class FetchingLayer(PeeksLayer):
    """Brings the published files."""

    _manual_dir: pathlib.Path | None
    _sources: dict[str, str]  # Paths that were read, by name in `published_files`.

    def download_manager(
        self, download_dir: epath.PathLike | None, download_config: download.DownloadConfig
    ) -> downloads.DownloadManager:
        """Returns a download manager for this builder's files.

        Args:
          download_dir: As in `download_and_prepare`.
          download_config: As in `download_and_prepare`.
        """
        download_dir = epath.Path(download_dir or self.data_dir_root / "downloads").expanduser()
        given = download_config.manual_dir
        if self.variant == MINIATURE:
            if download_config.register_checksums:
                raise ValueError("A miniature's digests are not the corpus's: nothing to register.")
            given = self.miniature_dir()
        if self.variant == PEEK and download_config.register_checksums:
            raise ValueError("A peek reads no file to its end: there is no digest to register.")
        self._manual_dir = pathlib.Path(os.fspath(given or download_dir / "manual")).expanduser()
        if given is not None:
            _check_readable(self._manual_dir)
        mode = download_config.download_mode
        return downloads.DownloadManager(
            download_dir=download_dir,
            extract_dir=download_config.extract_dir
            and os.path.expanduser(download_config.extract_dir),
            manual_dir=self._manual_dir,
            manual_dir_instructions=self._manual_instructions(),
            url_infos=self.url_infos,
            dataset_name=self.name,
            force_download=mode.force_download,
            force_extraction=mode.force_download,
            force_checksums_validation=download_config.force_checksums_validation,
            register_checksums=download_config.register_checksums,
            register_checksums_path=self.checksums_path(),
            verify_ssl=download_config.verify_ssl,
            max_simultaneous_downloads=download_config.override_max_simultaneous_downloads
            or self.MAX_SIMULTANEOUS_DOWNLOADS,
        )

    def _manual_instructions(self) -> str:
        instructions = [self.MANUAL_DOWNLOAD_INSTRUCTIONS]
        for kind, what in ((Archive, "folder that it extracts to"), (File, "unpacked file")):
            files = [f for f in self.published_files().values() if isinstance(f, kind) and f.root]
            if files:
                roots = ", ".join(dict.fromkeys(file.root for file in files))
                which = "an archive" if kind is Archive else "a compressed file"
                instructions.append(f"In place of {which}, the {what} will do: {roots}")
        if self.variant == PARTIAL:
            instructions.append(
                "A part may lack files of an extracted folder. What is published as one file is taken"
                " whole."
            )
        else:
            instructions += self._incomplete_folders()
        return "\n".join(filter(None, instructions))

    def _incomplete_folders(self) -> Iterator[str]:
        """Yields, for each folder in `manual_dir` with the name of a root, why it is not taken."""
        folder = self._manual_dir
        if folder is None:
            return
        archives = {
            name: file
            for name, file in self.published_files().items()
            if isinstance(file, Archive) and own_copies.lacking(file, folder)
        }
        extracted = self.extracted() if archives else {}  # Another folder may hold the archive.
        lacking: dict[str, list[str]] = {}
        for name, file in archives.items():
            if name not in extracted:
                lacking.setdefault(file.root, []).extend(own_copies.lacking(file, folder))
        for root, patterns in lacking.items():
            more = f" and {len(patterns) - _SHOWN:,} more" if len(patterns) > _SHOWN else ""
            yield (
                f"The folder {root} there is not whole: it has no {', '.join(patterns[:_SHOWN])}{more}."
                f" {IF_PARTIAL}"
            )

    def members(
        self,
        file: str,
        tree: archives.Tree,
        wanted: Collection[str] = (),
        *,
        pattern: re.Pattern[str] | None = None,
        prefix: str = "",
        what: str | Callable[[Collection[str]], str] = "files",
        checks_rest: bool = True,
        split_of: Callable[[str], str] | None = None,
    ) -> Members:
        """Returns the members of a published archive, ready to be read.

        Args:
          file: Short name of the archive.
          tree: The archive.
          wanted: As in `Members`.
          pattern: As in `Members`.
          prefix: As in `Members`.
          what: As in `Members`.
          checks_rest: As in `Members`.
          split_of: Takes the name of a member that is asked for, and returns its split, for archives
            whose splits are mixed. A peek passes over members of splits of which it has enough.
        """
        return Members(
            tree,
            wanted=wanted,
            digests=self.member_digests(file, tree, prefix),
            pattern=pattern,
            others=_as_archive(self.published_files()[file]).others,
            prefix=prefix,
            what=what,
            is_part=self.variant == PARTIAL,
            checks_rest=checks_rest,
            is_skipped=self._is_skipped(split_of),
            stops_early=self.variant == PEEK,
        )

    def fetch(self, dl_manager: download.DownloadManager) -> dict[str, Any]:
        """Returns the published files, ready to be read in place.

        If the user has extracted an archive in `manual_dir`, or unpacked a file there, that copy is
        used as it is. Otherwise the published file is taken from `manual_dir` or downloaded, and
        its digest is checked.

        Args:
          dl_manager: The download manager that `_split_generators` was given.

        Returns:
          The content of each of `published_files` that is extracted or in `to_download`: a `Tree` for
          an archive, with member names relative to its root, and a `Content` for a file.

        Raises:
          CorpusError: A file cannot be downloaded or is not the published one, or a manual folder
            cannot be read.
        """
        if self.variant == PEEK:
            return self._peeking.fetch(dl_manager)
        extracted = self.extracted()
        # One call for all files, so that an error names all that are missing, and the sum of their
        # sizes is compared with the free disk.
        paths = dl_manager.download(self.to_download(extracted))
        published: dict[str, Any] = {}
        for name, file in self.published_files().items():
            if copy := extracted.get(name):
                published[name] = self.opened_copy(file, copy)
            elif name in paths:  # Otherwise `to_download` has left it out.
                published[name] = self.opened(file, paths[name])
        self._sources = {name: str(content) for name, content in published.items()}
        return published

    def opened_copy(
        self, file: Archive | File, copy: own_copies.Copy
    ) -> archives.Tree | archives.Content:
        """Returns what the user has extracted or unpacked, ready to be read."""
        if isinstance(file, File):
            return archives.Content(copy.path)
        is_shared = copy.path == self._manual_dir
        return archives.Tree(copy.path, renamed=copy.renamed, is_shared=is_shared)

    @staticmethod
    def opened(file: Archive | File, paths: Any) -> archives.Tree | archives.Content:
        """Returns a published file that is on the disk, ready to be read.

        Args:
          file: The file.
          paths: Where it is, in the structure of `file.files`: one path, or a tuple of them.
        """
        parts = paths if isinstance(file.files, tuple) else (paths,)
        if isinstance(file, File):
            return archives.Content(os.fspath(parts[0]))
        return archives.Tree(*map(os.fspath, parts), root=file.root)

    def extracted(self) -> dict[str, own_copies.Copy]:
        """Finds the archives that the user has extracted in `manual_dir`, and unpacked files.

        Returns:
          The folder of each such archive, or the unpacked file, by its name in `published_files`.
        """
        if self._manual_dir is None:
            return {}
        found = {}
        published = self.url_infos
        for name, file in self.published_files().items():
            names = [published[url].filename or "" for url in file.urls if url in published]
            is_part = self.variant == PARTIAL
            if copy := own_copies.find(file, names, self._manual_dir, is_part=is_part):
                found[name] = copy
        return found

    def is_here(self, file: Archive | File, *, only_packed: bool = False) -> bool:
        """Returns whether the user has brought a published file in `manual_dir`, packed or not.

        It serves for optional files, which `published_files` may leave out.

        Args:
          file: The file.
          only_packed: Whether only the file as it was published counts, and no extracted copy.
        """
        if self._manual_dir is None:
            return False
        listed = digests.load_published(self.checksums_path())
        names = by_hand.packed_names(listed[file.urls[0]].filename, file.urls)
        if by_hand.packed(self._manual_dir, names):
            return True
        if only_packed:
            return False
        return own_copies.find(file, names, self._manual_dir, is_part=True) is not None

    def to_download(self, extracted: Collection[str]) -> dict[str, Any]:
        """Returns the `files` of all that is not extracted, by name in `published_files`.

        Args:
          extracted: Names of what the user has extracted, from `extracted`.
        """
        return {
            name: file.files
            for name, file in self.published_files().items()
            if name not in extracted
        }


def _as_archive(file: Archive | File) -> Archive:
    if not isinstance(file, Archive):
        raise TypeError(f"{file.urls[0]} is no archive, and has no members")
    return file


def _check_readable(folder: pathlib.Path) -> None:
    try:
        next(os.scandir(folder), None)
    except OSError as e:
        raise CorpusError(
            folder,
            "",
            f"the manual_dir cannot be read ({e.strerror})",
            "Check its name and rights.",
        ) from e
