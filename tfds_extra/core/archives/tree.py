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
import io
import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Protocol

from tfds_extra.core.archives import archive_io, tar_stream, zip_stream
from tfds_extra.core.archives.archive_io import ArchiveError, Limits
from tfds_extra.core.archives.system_files import is_system_file

_HEAD = 1024
_MAX_NESTED = 32  # Levels of archives in archives; nobody publishes more than three.
_GIVE_THE_FILE = "Give the archive as its publisher serves it, or the extracted folder"


class _Content(Protocol):
    """The bytes of a member, wherever they are."""

    def open(self) -> BinaryIO: ...

    def read(self) -> bytes: ...


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
    _content: _Content = dataclasses.field(repr=False, compare=False)

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
            raise archive_io.error(
                self.source,
                archive_io.shown(self.name),
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
        self._archive: _Archive | None = None

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
            raise archive_io.error(
                self._paths[0],
                archive_io.shown(name),
                f"it is an archive in {self._depth} others (the limit is {_MAX_NESTED})",
                archive_io.NOT_SAFE,
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
                found = _Folder(path, self._renamed).states(_Selection("", ""))
                states += ((os.path.join(path, name), state) for name, state in found)
            else:
                try:
                    states.append((path, os.stat(path)))
                except OSError as e:
                    raise archive_io.os_error(path, "byte 0", e) from e
        return [(path, state.st_size, state.st_mtime_ns) for path, state in states]

    @property
    def random_access(self) -> bool:
        """Whether `open_member` works: in folders, zips and plain tars."""
        return self._open().random_access

    def __iter__(self) -> Iterator[Member]:
        return self.members()

    def members(self, prefix: str = "") -> Iterator[Member]:
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
        except _NoSuchMember:
            return False
        return True

    def _find(self, name: str) -> Member:
        archive = self._open()
        size, content = archive.find(self._top() + name)
        return Member(name, size, archive.name, content)

    def _open(self) -> _Archive:
        if self._archive is None:
            if self._parent is not None:
                parent, name = self._parent
                self._archive = parent._open_nested(name, self._paths[0], self._limits)
            elif len(self._paths) == 1 and os.path.isdir(self._paths[0]):
                self._archive = _Folder(self._paths[0], self._renamed)
            else:
                self._archive = _open_archive(self._source(), self._limits)
        return self._archive

    def _source(self) -> archive_io.Source:
        """Returns the bytes of the archive; `core.peeking` takes them from elsewhere."""
        return archive_io.Files(self._paths)

    def _open_nested(self, name: str, label: str, limits: Limits) -> _Archive:
        archive = self._open()
        if isinstance(archive, _Folder) and os.path.isdir(archive.path_of(name)):
            return _Folder(archive.path_of(name))
        return _open_archive(archive.source(self._top() + name, label), limits)

    def _top(self) -> str:
        """Returns what the archive's own names have before the names relative to the root."""
        return f"{self._root}/" if self._root and not isinstance(self._open(), _Folder) else ""

    def _select(self, prefix: str) -> _Selection:
        return _Selection(self._top(), prefix)


class _Selection:
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
            raise archive_io.error(
                file,
                archive_io.shown(self._stray),
                f"this file is not below {self.top}, and no other is: the archive is another one "
                "or another edition",
                _GIVE_THE_FILE,
            )


class _Archive(Protocol):
    """The interface of folders and archives; names are the published ones, root included."""

    name: str
    random_access: bool

    def members(self, selection: _Selection) -> Iterator[tuple[str, int, _Content]]:
        """Yields name, size and content."""

    def sizes(self, selection: _Selection) -> Iterator[tuple[str, int]]:
        """Yields name and size."""

    def find(self, name: str) -> tuple[int, _Content]:
        """Returns size and content."""

    def source(self, name: str, label: str) -> archive_io.Source:
        """Returns a member as the source of a nested archive, to be called `label`."""


# ----------------------------------------------------------------------------------------- folders


class _FileContent:
    def __init__(self, folder: str, name: str):
        self._folder = folder
        self._name = name

    def open(self) -> BinaryIO:
        try:
            return open(os.path.join(self._folder, self._name), "rb")
        except OSError as e:
            raise archive_io.os_error(self._folder, archive_io.shown(self._name), e) from e

    def read(self) -> bytes:
        try:
            with self.open() as file:
                return file.read()
        except OSError as e:
            raise archive_io.os_error(self._folder, archive_io.shown(self._name), e) from e


class _Folder:
    """A folder of the user. Links in it are followed, but not in circles."""

    random_access = True

    def __init__(self, path: str, renamed: Mapping[str, str] | None = None):
        self.name = path
        self._renamed = renamed or {}
        self._published = {own: published for published, own in self._renamed.items()}

    def members(self, selection: _Selection) -> Iterator[tuple[str, int, _Content]]:
        for name, size in self.sizes(selection):
            yield name, size, _FileContent(self.name, rename(name, self._renamed))

    def sizes(self, selection: _Selection) -> Iterator[tuple[str, int]]:
        for name, state in self.states(selection):
            yield name, state.st_size

    def states(self, selection: _Selection) -> Iterator[tuple[str, os.stat_result]]:
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
                    raise archive_io.error(
                        self.name,
                        archive_io.shown(name),
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
            raise archive_io.os_error(self.name, archive_io.shown(name) or ".", e) from e
        found.sort(key=lambda f: f[0] + "/" if stat.S_ISDIR(f[1].st_mode) else f[0])
        return found

    def _irregular(self, name: str) -> ArchiveError:
        return archive_io.error(
            self.name,
            archive_io.shown(name),
            "it is not a regular file",
            "Take it out of the folder",
        )

    def path_of(self, name: str) -> str:
        """Returns the path of a member, which has to be in the folder."""
        try:
            clean = archive_io.clean_name(rename(name, self._renamed))
        except archive_io.UnsafeName as e:
            raise archive_io.error(
                self.name, archive_io.shown(name), str(e), "Ask for a name within the folder"
            ) from e
        return os.path.join(self.name, clean)

    def find(self, name: str) -> tuple[int, _Content]:
        try:
            info = os.stat(self.path_of(name))
        except OSError as e:
            error = archive_io.os_error(self.name, archive_io.shown(name), e)
            if isinstance(e, (FileNotFoundError, NotADirectoryError)):
                error = _NoSuchMember(str(error))
            raise error from e
        if not stat.S_ISREG(info.st_mode):
            raise self._irregular(name)
        return info.st_size, _FileContent(self.name, rename(name, self._renamed))

    def source(self, name: str, label: str) -> archive_io.Source:
        return archive_io.Files([self.path_of(name)])


def rename(name: str, renamed: Mapping[str, str]) -> str:
    """Returns a name with its beginning replaced.

    Args:
      name: Name of a file, or a pattern of names.
      renamed: Maps beginnings to their replacements; the first that fits is used.
    """
    for begins, instead in renamed.items():
        if name.startswith(begins):
            return instead + name.removeprefix(begins)
    return name


def _identity(info: os.stat_result) -> tuple[int, int]:
    return info.st_dev, info.st_ino


# -------------------------------------------------------------------------------------------- tars


class _PlainCursor:
    """A cursor that jumps from header to header in a seekable source."""

    def __init__(self, source: archive_io.Source):
        self._source = source
        self.position = 0

    def take(self, count: int) -> bytes:
        data = self._source.read_at(self.position, count)
        self.position += len(data)
        return data

    def go_to(self, position: int) -> int:
        self.position = min(position, self._source.size)
        return self.position

    def expect(self, name: str, size: int) -> None:
        there = self._source.size - self.position
        if there < size:
            raise self.error(name, tar_stream.truncated(there, size))

    def error(
        self, place: str | None, wrong: str, todo: str = archive_io.FETCH_AGAIN
    ) -> ArchiveError:
        return self._source.error(self.position if place is None else place, wrong, todo)


class _SourceContent:
    def __init__(self, source: archive_io.Source):
        self._source = source

    def open(self) -> BinaryIO:
        return io.BufferedReader(archive_io.SourceFile(self._source), archive_io.BLOCK_IN)

    def read(self) -> bytes:
        return self._source.read_at(0, self._source.size)


class _PlainTar:
    """A tar that is not compressed, in a seekable source."""

    random_access = True

    def __init__(self, source: archive_io.Source, limits: Limits):
        self.name = source.name
        self._source = source
        self._limits = limits
        self._index: dict[str, tuple[int, int]] | None = None
        self._unscanned: Iterator[tar_stream.Entry] | None = None  # Of a remote source.

    def _entries(self) -> Iterator[tar_stream.Entry]:
        return tar_stream.entries(_PlainCursor(self._source), self._limits)

    def members(self, selection: _Selection) -> Iterator[tuple[str, int, _Content]]:
        for entry in self._entries():
            if selection(entry.name):
                window = archive_io.Window(self._source, entry.offset, entry.size, self.name)
                yield entry.name, entry.size, _SourceContent(window)

    def sizes(self, selection: _Selection) -> Iterator[tuple[str, int]]:
        for name, (_, size) in self._scanned().items():
            if selection(name):
                yield name, size

    def find(self, name: str) -> tuple[int, _Content]:
        window = self.source(name, self.name)
        return window.size, _SourceContent(window)

    def source(self, name: str, label: str) -> archive_io.Source:
        known = self._scanned_to(name) if self._source.is_remote else self._scanned()
        if name not in known:
            raise _no_such(self.name, name)
        return archive_io.Window(self._source, *known[name], label)

    def _scanned_to(self, name: str) -> dict[str, tuple[int, int]]:
        """Returns offset and size of the files up to one of them, or of all if it is not there."""
        if self._unscanned is None:
            self._index, self._unscanned = {}, self._entries()
        while name not in self._index:
            entry = next(self._unscanned, None)
            if entry is None:
                break
            self._index[entry.name] = (entry.offset, entry.size)
        return self._index

    def _scanned(self) -> dict[str, tuple[int, int]]:
        """Returns offset and size of each file by name."""
        if self._unscanned is not None:  # Only some were looked at so far.
            for entry in self._unscanned:
                self._index[entry.name] = (entry.offset, entry.size)
            return self._index
        if self._index is None:
            self._index = archive_io.remembered(
                "tar",
                self._source,
                self._limits,
                lambda: {e.name: (e.offset, e.size) for e in self._entries()},
            )
        return self._index


class _StreamCursor:
    """A cursor that reads forwards. `current` is the only content that may be read now."""

    def __init__(self, source: archive_io.Source, kind: str | None, limits: Limits):
        self._source = source
        self._inflated = archive_io.Inflated(source, kind, limits) if kind else None
        self.reader = archive_io.ForwardReader(self._inflated or source.blocks())
        self.take = self.reader.take
        self.current: _StreamContent | None = None

    @property
    def position(self) -> int:
        return self.reader.position

    def go_to(self, position: int) -> int:
        self.reader.skip(position - self.reader.position)
        return self.reader.position

    def expect(self, name: str, size: int) -> None:
        if self._inflated:
            self._inflated.place = name

    def error(
        self, place: str | None, wrong: str, todo: str = archive_io.FETCH_AGAIN
    ) -> ArchiveError:
        if place is None:
            place = f"byte {self.position:,} of the unpacked data"
        return self._source.error(place, wrong, todo)


class _StreamContent:
    """The content of a member of a stream, which can be read only while the stream is there."""

    def __init__(self, cursor: _StreamCursor, entry: tar_stream.Entry):
        self._cursor = cursor
        self._entry = entry

    def open(self) -> BinaryIO:
        self._check_unread()
        return _StreamFile(self)

    def read(self) -> bytes:
        self._check_unread()
        return self._cursor.reader.take(self._entry.size)

    def check(self) -> None:
        """Raises if the stream is not at this member any more."""
        if self._cursor.current is not self:
            raise self._cursor.error(
                self._entry.name,
                "it was to be read after the iteration had moved on",
                "In a compressed tar, read each member before you take the next one",
            )

    def _check_unread(self) -> None:
        self.check()
        if self._cursor.position != self._entry.offset:
            raise self._cursor.error(
                self._entry.name,
                "it was to be read a second time",
                "In a compressed tar, members can be read once; keep what you need",
            )

    def take_some(self, count: int) -> bytes:
        left = self._entry.offset + self._entry.size - self._cursor.position
        data = self._cursor.reader.take_some(min(count, left)) if left else b""
        if left and not data:
            raise self._cursor.error(
                self._entry.name, tar_stream.truncated(self._entry.size - left, self._entry.size)
            )
        return data


class _StreamFile(io.BufferedReader):
    """A file over a member of a stream; it refuses to serve its buffer after the stream went on."""

    def __init__(self, content: _StreamContent):
        super().__init__(archive_io.ReadInto(content.take_some), archive_io.BLOCK_IN)
        self._content = content

    def read(self, size: int | None = -1, /) -> bytes:
        self._content.check()
        return super().read(size)

    def read1(self, size: int = -1, /) -> bytes:
        self._content.check()
        return super().read1(size)

    def readinto(self, buffer: Any, /) -> int:
        self._content.check()
        return super().readinto(buffer)

    def readinto1(self, buffer: Any, /) -> int:
        self._content.check()
        return super().readinto1(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        self._content.check()
        return super().readline(size)

    def peek(self, size: int = 0, /) -> bytes:
        self._content.check()
        return super().peek(size)


class _StreamTar:
    """A compressed tar, or a plain one in a compressed member of a zip."""

    random_access = False

    def __init__(self, source: archive_io.Source, kind: str | None, limits: Limits):
        self.name = source.name
        self._source = source
        self._kind = kind
        self._limits = limits

    def members(self, selection: _Selection) -> Iterator[tuple[str, int, _Content]]:
        cursor = _StreamCursor(self._source, self._kind, self._limits)
        try:
            for entry in tar_stream.entries(cursor, self._limits):
                if selection(entry.name):
                    cursor.current = content = _StreamContent(cursor, entry)
                    yield entry.name, entry.size, content
                    cursor.current = None
        finally:
            cursor.current = None

    def sizes(self, selection: _Selection) -> Iterator[tuple[str, int]]:
        for name, size, _ in self.members(selection):
            yield name, size

    def find(self, name: str) -> tuple[int, _Content]:
        raise self._sequential(name)

    def source(self, name: str, label: str) -> archive_io.Source:
        raise self._sequential(name)

    def _sequential(self, name: str) -> ArchiveError:
        return archive_io.error(
            self.name,
            archive_io.shown(name),
            "a compressed tar is sequential, its members cannot be opened by name",
            "Iterate over members(), or extract the archive and give the folder",
        )


# -------------------------------------------------------------------------------------------- zips


class _Zip:
    """A zip in a seekable source."""

    random_access = True

    def __init__(self, source: archive_io.Source, limits: Limits):
        self.name = source.name
        self._is_remote = source.is_remote
        self._reader = zip_stream.ZipReader(source, limits)

    def members(self, selection: _Selection) -> Iterator[tuple[str, int, _Content]]:
        for number, name, entry in self._reader.entries():
            if entry.is_folder:
                # Only its header tells a folder from a file whose name was damaged. Each check
                # takes a seek, so that only folders that belong to the selection are checked.
                if selection.below(f"{name}/") and not self._is_remote:
                    self._reader.locate(number, entry)
            elif selection(name):
                yield name, entry.size, self._reader.content(number, entry)

    def sizes(self, selection: _Selection) -> Iterator[tuple[str, int]]:
        for _, name, entry in self._reader.entries():
            if not entry.is_folder and selection(name):
                yield name, entry.size

    def find(self, name: str) -> tuple[int, _Content]:
        number, entry = self._reader.find(name) or (0, None)
        if entry is None:
            raise _no_such(self.name, name)
        return entry.size, self._reader.content(number, entry)

    def source(self, name: str, label: str) -> archive_io.Source:
        number, entry = self._reader.find(name) or (0, None)
        if entry is None:
            raise _no_such(self.name, name)
        return self._reader.content(number, entry).source(label)


# ------------------------------------------------------------------------------------- recognition


class _NoSuchMember(ArchiveError):
    """There is no file of a name."""


def _no_such(file: str, name: str) -> ArchiveError:
    problem = "there is no such file"
    return _NoSuchMember(
        str(archive_io.error(file, archive_io.shown(name), problem, _GIVE_THE_FILE))
    )


def _open_archive(source: archive_io.Source, limits: Limits) -> _Archive:
    """Looks at the first bytes and opens what they announce."""
    head = source.head(_HEAD)
    kind = _kind(head)
    if kind == "zip":
        if not source.seekable:
            source = archive_io.Unpacked(source, limits)
        return _Zip(source, limits)
    if kind == "tar":
        return _PlainTar(source, limits) if source.seekable else _StreamTar(source, None, limits)
    if kind is None:
        raise source.error(0, f"this is {_describe(head)}, not an archive", _GIVE_THE_FILE)
    inflated = archive_io.Inflated(source, kind, limits, block_out=_HEAD)
    first = archive_io.ForwardReader(inflated).take(_HEAD)
    # Zeros are the end mark of a tar without members.
    if first.strip(b"\0") and not tar_stream.is_header(first):
        raise source.error(
            0, f"this is {_describe(first)}, compressed with {kind}, not an archive", _GIVE_THE_FILE
        )
    return _StreamTar(source, kind, limits)


def _kind(head: bytes) -> str | None:
    if head.startswith((b"PK\3\4", b"PK\5\6", b"PK\7\x08PK\3\4", b"PK00PK\3\4")):
        return "zip"
    return archive_io.compression(head) or ("tar" if tar_stream.is_header(head) else None)


_MAGIC = (
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive (which Python cannot read)"),
    (b"Rar!", "a RAR archive (which Python cannot read)"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data (unpack them with zstd -d)"),
    (b"\x04\x22\x4d\x18", "LZ4 data (unpack them with lz4 -d)"),
    (b"\x1f\x9d", "compress (.Z) data (unpack them with gzip -d)"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\0", "xz data"),
    (b"PK\3\4", "a zip"),
    (b"%PDF", "a PDF document"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"RIFF", "a RIFF (WAV, AVI) file"),
    (b"version https://git-lfs", "a Git LFS pointer, which stands for the real file"),
)


def _describe(head: bytes) -> str:
    """Returns what a file that is not an archive looks like."""
    if not head:
        return "an empty file"
    if not head.strip(b"\0"):
        return "a file that begins with zeros only, as an interrupted download leaves it"
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return "an HTML page (a login, licence or error page in place of the file)"
    if text.startswith((b"<?xml", b"<error")):
        return "an XML document (storage servers send their errors so)"
    if text.startswith((b"{", b"[")) and _is_text(head):
        return "JSON text (perhaps the error of a server)"
    if _is_text(head):
        return "a text file"
    return f"a file of unknown kind (it begins with {head[:8].hex(' ')})"


def _is_text(head: bytes) -> bool:
    return not any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
