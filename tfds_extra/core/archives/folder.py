"""Reads an extracted copy: a folder of the user."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from tfds_extra.core.archives import errors, names
from tfds_extra.core.archives.errors import ArchiveError
from tfds_extra.core.archives.names import rename
from tfds_extra.core.archives.reader import Content, NoSuchMember, Selection
from tfds_extra.core.archives.sources import Files, Source
from tfds_extra.core.archives.system_files import is_system_file


class _FileContent:
    def __init__(self, folder: str, name: str):
        self._folder = folder
        self._name = name

    def open(self) -> BinaryIO:
        try:
            return open(os.path.join(self._folder, self._name), "rb")
        except OSError as e:
            raise errors.os_error(self._folder, errors.shown(self._name), e) from e

    def read(self) -> bytes:
        try:
            with self.open() as file:
                return file.read()
        except OSError as e:
            raise errors.os_error(self._folder, errors.shown(self._name), e) from e


class Folder:
    """A folder of the user. Links in it are followed, but not in circles."""

    random_access = True

    def __init__(self, path: str, renamed: Mapping[str, str] | None = None):
        self.name = path
        self._renamed = renamed or {}
        self._published = {own: published for published, own in self._renamed.items()}

    def members(self, selection: Selection) -> Iterator[tuple[str, int, Content]]:
        for name, size in self.sizes(selection):
            yield name, size, _FileContent(self.name, rename(name, self._renamed))

    def sizes(self, selection: Selection) -> Iterator[tuple[str, int]]:
        for name, state in self.states(selection):
            yield name, state.st_size

    def states(self, selection: Selection) -> Iterator[tuple[str, os.stat_result]]:
        """Yields name and state of the regular files, sorted by their name in the folder."""
        # Memory holds the list of names of each folder on the way down, not the whole tree.
        listings = [iter(self._listing(""))]
        way = [_identity(os.stat(self.name))]
        while listings:
            name, info = next(listings[-1], ("", None))
            if info is None:
                listings.pop()
                way.pop()
            elif stat.S_ISDIR(info.st_mode):
                # If the layout differs, the published names below a folder may begin with anything.
                if not self._renamed and not selection.below(name + "/"):
                    continue
                if _identity(info) in way:
                    raise errors.error(
                        self.name,
                        errors.shown(name),
                        "it is a link to a folder above itself",
                        "Remove the link",
                    )
                listings.append(iter(self._listing(name + "/")))
                way.append(_identity(info))
            elif not selection(rename(name, self._published)):
                continue
            elif stat.S_ISREG(info.st_mode):
                yield rename(name, self._published), info
            else:
                raise self._irregular(name)

    def _listing(self, prefix: str) -> list[tuple[str, os.stat_result]]:
        """Returns the entries of a folder, in an order in which all file names come out sorted."""
        name = prefix
        try:
            found = []
            with os.scandir(os.path.join(self.name, prefix)) as items:
                for item in items:
                    name = prefix + item.name
                    if not is_system_file(name):
                        found.append((name, item.stat()))
        except OSError as e:
            raise errors.os_error(self.name, errors.shown(name) or ".", e) from e
        found.sort(key=lambda f: f[0] + "/" if stat.S_ISDIR(f[1].st_mode) else f[0])
        return found

    def _irregular(self, name: str) -> ArchiveError:
        return errors.error(
            self.name,
            errors.shown(name),
            "it is not a regular file",
            "Take it out of the folder",
        )

    def path_of(self, name: str) -> str:
        """Returns the path of a member, which has to be in the folder."""
        try:
            clean = names.clean_name(rename(name, self._renamed))
        except names.UnsafeName as e:
            raise errors.error(
                self.name, errors.shown(name), str(e), "Ask for a name within the folder"
            ) from e
        return os.path.join(self.name, clean)

    def find(self, name: str) -> tuple[int, Content]:
        try:
            info = os.stat(self.path_of(name))
        except OSError as e:
            error = errors.os_error(self.name, errors.shown(name), e)
            if isinstance(e, (FileNotFoundError, NotADirectoryError)):
                error = NoSuchMember(str(error))
            raise error from e
        if not stat.S_ISREG(info.st_mode):
            raise self._irregular(name)
        return info.st_size, _FileContent(self.name, rename(name, self._renamed))

    def source(self, name: str, label: str) -> Source:
        return Files([self.path_of(name)])


def _identity(info: os.stat_result) -> tuple[int, int]:
    return info.st_dev, info.st_ino
