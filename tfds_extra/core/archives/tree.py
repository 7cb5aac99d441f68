"""Published archives read in place: members one by one, nothing extracted to disk.

```python
tree = Tree("free-spoken-digit-dataset-1.0.10.tar.gz", root="free-spoken-digit-dataset-1.0.10")
for member in tree.members("recordings/"):
    name, data = member.name, member.read()
```

A `Tree` is a folder, an archive, or the consecutive parts of one archive. Its first bytes tell
which format it has, never its suffix: tar (plain, gzip, bzip2, xz), zip (stored, deflated, bzip2
and LZMA members, zip64, split), and archives inside those (`Tree.nested`). Memory does not depend
on the size of the archive or of its members, apart from the index: 32 bytes a member for a zip.

Trust. All that could write outside the tree or exhaust the machine is refused with the member's
name: absolute names, drive letters, `..`, NUL, the same name twice, links and devices, encrypted
members, sparse members, overlapping members, and decompression bombs (`Limits`). Damage is noticed
wherever the format has a check sum. In compressed tars that is only at the end of the iteration, so
that results from members are not complete before. A plain tar has check sums for its headers only.

Files that operating systems and cloud folders leave among the others (`system_files`) are passed
over, in folders and in archives.

Names are text, as published: they are decoded as UTF-8 (in zips without the UTF-8 flag, as code
page 437 if they are not valid UTF-8). Bytes that are not UTF-8 become lone surrogates
(`surrogateescape`), so that `name.encode("utf-8", "surrogateescape")` gives back the published
bytes.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Generator, Iterator, Mapping
from typing import Any, BinaryIO

from tfds_extra.core.archives import errors, opening, tar_stream
from tfds_extra.core.archives.errors import NOT_SAFE
from tfds_extra.core.archives.folder import Folder
from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.reader import Content, NoSuchMember, Reader, Selection
from tfds_extra.core.archives.sources import Files, Source

_MAX_NESTED = 32  # Levels of archives in archives; nobody publishes more than three.


@dataclasses.dataclass(frozen=True)
class Member:
    """A regular file in a tree.

    Attributes:
      name: Posix path below the root of the tree, as published, without a leading "./".
      size: Number of (uncompressed) bytes.
      source: Path of the archive or folder, for messages.
    """

    name: str
    size: int
    source: str
    _content: Content = dataclasses.field(repr=False, compare=False)

    def open(self) -> BinaryIO:
        """Returns the content as a binary file.

        A member of a compressed tar can be read once, in order, and only until the iteration goes
        on; after that the file and the member raise `ArchiveError`. Members of other trees may be
        opened at any time and as often as wanted. The file is seekable in folders and plain tars.
        The last bytes of a zip member come only after its check sum was found right.
        """
        return self._content.open()

    def read(self) -> bytes:
        """Returns the whole content.

        Raises:
          ArchiveError: It is damaged, or has not exactly `size` bytes.
        """
        data = self._content.read()
        if len(data) != self.size:
            raise errors.error(
                self.source,
                errors.shown(self.name),
                tar_stream.truncated(len(data), self.size),
            )
        return data


class Tree:
    """The files of a folder or an archive.

    A tree can be pickled and sent to workers. It opens its files when it is first used, and closes
    them when it is deleted.

    Attributes:
      is_shared: As in `__init__`. Then builders look only for files whose names they know.
    """

    def __init__(
        self,
        *paths: str | os.PathLike[str],
        root: str = "",
        renamed: Mapping[str, str] | None = None,
        is_shared: bool = False,
        limits: Limits = Limits(),
    ):
        """Names a folder or an archive, without touching it.

        Args:
          *paths: One folder, one archive, or the parts of one archive in their order, which are
            read as one file: cut at arbitrary bytes (`..._partaa`, `..._partab`) or a true
            split zip (`.z01`, `.zip`).
          root: The top folder in the archive, say "free-spoken-digit-dataset-1.0.10". Names are
            given relative to it; files outside it are checked like all others and left out. An
            archive that has files, but none below its root, is an error. A folder is the root
            already.
          renamed: For a folder with another layout than the archive: maps the beginning of names
            in the archive to the beginning of the same names in the folder. Names are given as in
            the archive.
          is_shared: Whether the path is a folder that may hold anything else, too, of any size.
          limits: Limits beyond which an archive is a decompression bomb.
        """
        if not paths:
            raise ValueError("Tree() needs a path")
        self._paths = tuple(os.fspath(path) for path in paths)
        self._root = root.strip("/")
        self._renamed = dict(renamed or {})
        self.is_shared = is_shared
        self._limits = limits
        self._parent: tuple[Tree, str] | None = None  # Set by `nested`, with the member's name.
        self._depth = 0
        self._archive: Reader | None = None

    def nested(self, name: str, root: str = "") -> Tree:
        """Returns the tree of an archive that is a member (or of a folder in a folder).

        Stored members, and members of plain tars, are read where they are. A compressed tar in a
        zip is streamed. A compressed zip in a zip has to be unpacked: in memory up to
        `Limits.nested_in_memory` bytes, else to an unnamed temporary file that goes with the tree.
        Of a member that is read where it is, only the check sums within the nested archive are
        verified. Compressed tars have no nested trees, since nothing in them can be reached directly.

        Raises:
          ArchiveError: This tree is nested too deep already.
        """
        if self._depth >= _MAX_NESTED:
            raise errors.error(
                self._paths[0],
                errors.shown(name),
                f"it is an archive in {self._depth} others (the limit is {_MAX_NESTED})",
                NOT_SAFE,
            )
        tree = Tree(f"{self._paths[0]}/{name}", root=root, limits=self._limits)
        tree._parent = (self, name)
        tree._depth = self._depth + 1
        return tree

    def __str__(self) -> str:
        if len(self._paths) > 2:
            return f"{self._paths[0]} to {os.path.basename(self._paths[-1])}"
        return ", ".join(self._paths)

    def __repr__(self) -> str:
        root = f", root={self._root!r}" if self._root else ""
        return f"Tree({', '.join(map(repr, self._paths))}{root})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_archive": None}  # Open files stay in their process.

    def fingerprint(self) -> list[tuple[str, int, int]]:
        """Returns path, bytes and time of change (ns) of each file on disk that makes up the tree.

        For a nested tree these are the files of the outer tree, with the member's name after the
        path.
        """
        if self._parent is not None:
            parent, name = self._parent
            return [(f"{path}/{name}", size, at) for path, size, at in parent.fingerprint()]
        states: list[tuple[str, os.stat_result]] = []
        for path in self._paths:
            if os.path.isdir(path):
                found = Folder(path, self._renamed).states(Selection("", ""))
                states += ((os.path.join(path, name), state) for name, state in found)
            else:
                try:
                    states.append((path, os.stat(path)))
                except OSError as e:
                    raise errors.os_error(path, "byte 0", e) from e
        return [(path, state.st_size, state.st_mtime_ns) for path, state in states]

    @property
    def random_access(self) -> bool:
        """Whether `open_member` works: in folders, zips and plain tars."""
        return self._open().random_access

    def __iter__(self) -> Iterator[Member]:
        return self.members()

    def members(self, prefix: str = "") -> Generator[Member, None, None]:
        """Yields the regular files whose name begins with `prefix`.

        Archives give them in published order, folders sorted by name. Only after the end of the
        iteration it is known that the archive is whole.

        Raises:
          ArchiveError: The archive is damaged or not safe; see the module.
        """
        archive = self._open()
        selection = self._select(prefix)
        skip = len(selection.top)
        for name, size, content in archive.members(selection):
            yield Member(name[skip:], size, archive.name, content)
        selection.check(archive.name)

    def index(self) -> dict[str, int]:
        """Returns the size of each file by name.

        It reads the directory of a zip, or the headers of a plain tar; a compressed tar has to be
        decompressed from beginning to end. Damage to the members is found when they are read.
        """
        return dict(self.sizes())

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Yields name and size of the files whose name begins with `prefix`; see `index`."""
        archive = self._open()
        selection = self._select(prefix)
        skip = len(selection.top)
        for name, size in archive.sizes(selection):
            yield name[skip:], size
        selection.check(archive.name)

    def open_member(self, name: str) -> BinaryIO:
        """Opens a file by its name.

        Raises:
          ArchiveError: There is no such file, or the format has no random access.
        """
        return self._find(name).open()

    def read_member(self, name: str) -> bytes:
        """Returns the content of a file, see `open_member`."""
        return self._find(name).read()

    def packed_size(self, name: str) -> int:
        """Returns how many bytes a file takes in the archive; see `open_member`."""
        size, content = self._open().find(self._top() + name)
        return getattr(content, "packed_size", size)

    def holds(self, name: str) -> bool:
        """Returns whether there is a file of this name.

        Raises:
          ArchiveError: The format has no random access, or what is there is no regular file.
        """
        try:
            self._find(name)
        except NoSuchMember:
            return False
        return True

    def _find(self, name: str) -> Member:
        archive = self._open()
        size, content = archive.find(self._top() + name)
        return Member(name, size, archive.name, content)

    def _open(self) -> Reader:
        if self._archive is None:
            if self._parent is not None:
                parent, name = self._parent
                self._archive = parent._open_nested(name, self._paths[0], self._limits)
            elif len(self._paths) == 1 and os.path.isdir(self._paths[0]):
                self._archive = Folder(self._paths[0], self._renamed)
            else:
                self._archive = opening.open_archive(self._source(), self._limits)
        return self._archive

    def _source(self) -> Source:
        """Returns the bytes of the archive; `core.peeking` takes them from elsewhere."""
        return Files(self._paths)

    def _open_nested(self, name: str, label: str, limits: Limits) -> Reader:
        archive = self._open()
        if isinstance(archive, Folder) and os.path.isdir(archive.path_of(name)):
            return Folder(archive.path_of(name))
        return opening.open_archive(archive.source(self._top() + name, label), limits)

    def _top(self) -> str:
        """Returns what the archive's own names have before the names relative to the root."""
        return f"{self._root}/" if self._root and not isinstance(self._open(), Folder) else ""

    def _select(self, prefix: str) -> Selection:
        return Selection(self._top(), prefix)
