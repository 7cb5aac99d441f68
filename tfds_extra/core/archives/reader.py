"""What all readers of archives and folders have in common: their interface, and the selection of members."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Protocol

from tfds_extra.core.archives import errors
from tfds_extra.core.archives.errors import ArchiveError
from tfds_extra.core.archives.sources import Source
from tfds_extra.core.archives.system_files import is_system_file

GIVE_THE_FILE = "Give the archive as its publisher serves it, or the extracted folder"


class Content(Protocol):
    """The bytes of a member, wherever they are."""

    def open(self) -> BinaryIO: ...

    def read(self) -> bytes: ...


class Selection:
    """Tells which names are wanted, and remembers whether files below the root were seen."""

    def __init__(self, top: str, prefix: str):
        self.top = top
        self._wanted = top + prefix
        self._met = not top
        self._stray = ""

    def __call__(self, name: str) -> bool:
        if self._met or name.startswith(self.top):
            self._met = True
            return name.startswith(self._wanted) and not is_system_file(name)
        if not is_system_file(name):
            self._stray = self._stray or name
        return False

    def below(self, folder: str) -> bool:
        """Returns whether the folder, whose name ends with a slash, may hold wanted files."""
        return folder.startswith(self._wanted) or self._wanted.startswith(folder)

    def check(self, file: str) -> None:
        """Raises if there were files, and none below the root."""
        if not self._met and self._stray:
            raise errors.error(
                file,
                errors.shown(self._stray),
                f"this file is not below {self.top}, and no other is: the archive is another one "
                "or another edition",
                GIVE_THE_FILE,
            )


class Reader(Protocol):
    """The interface of folders and archives; names are the published ones, root included."""

    name: str
    random_access: bool

    def members(self, selection: Selection) -> Iterator[tuple[str, int, Content]]:
        """Yields name, size and content."""

    def sizes(self, selection: Selection) -> Iterator[tuple[str, int]]:
        """Yields name and size."""

    def find(self, name: str) -> tuple[int, Content]:
        """Returns size and content."""

    def source(self, name: str, label: str) -> Source:
        """Returns a member as the source of a nested archive, to be called `label`."""


class NoSuchMember(ArchiveError):
    """There is no file of a name."""


def no_such(file: str, name: str) -> ArchiveError:
    """Returns the error for a name that no file of an archive has."""
    problem = "there is no such file"
    return NoSuchMember(str(errors.error(file, errors.shown(name), problem, GIVE_THE_FILE)))
