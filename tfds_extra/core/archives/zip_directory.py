"""Reads the zip format: the central directory becomes a compact index, members are read in place.

It reads stored, deflated, bzip2 and LZMA members, zip64, true split archives (`.z01`, `.z02`, ...,
`.zip`), and archives above 4 GiB of the macOS Finder, whose numbers lack everything beyond 32 bits.
Each statement in a file is checked against another: the directory has to end where the end record
begins, members may not overlap, and the local header has to name the same member as the directory.

The standard library's `zipfile` checks less. It keeps an object of about 700 bytes for each member,
too much for a corpus of a million members that is opened in every worker; here it is 32 bytes.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import stat
import struct
from array import array
from collections.abc import Iterator

from tfds_extra.core.archives import names
from tfds_extra.core.archives.errors import NOT_SAFE
from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.remembered import remembered
from tfds_extra.core.archives.sources import Source
from tfds_extra.core.archives.zip_member import STORED, Entry, ZipContent

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 0xFFFF
_LONGEST_ENTRY = _ENTRY.size + 3 * 0xFFFF

_ENCRYPTED = 0x2041  # Flags of classic and strong encryption, and of a masked directory.
_UTF8 = 0x800
_UNIX = (3, 19)  # "Made by" systems that store a file mode; 19 is macOS.

_FILE_TYPES = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFSOCK: "a socket",
}

_SMALL = 4 << 20
_EXTRA = 128  # More bytes than extra fields of a local header have, as a rule.
_LEAST_DEFLATE = 0.99  # No deflate encoder needs more than 1 % on top of what it cannot compress.


@dataclasses.dataclass(frozen=True)
class _End:
    """The content of the end record."""

    start: int  # Where the central directory begins.
    stop: int  # Where the central directory ends.
    count: int
    count_wraps: bool
    wraps: bool  # Sizes and offsets are modulo 4 GiB.


@dataclasses.dataclass(frozen=True)
class _Index:
    """The places of all members. `records` and `starts` are in the order of the directory."""

    records: array[int]  # Where each record stands in the file.
    starts: array[int]  # Where each local header stands in the file.
    sorted_keys: array[int]  # The keys of the names, sorted.
    order: array[int]  # The number of the member to which each of `sorted_keys` belongs.


class Directory:
    """The members of a zip in a seekable source."""

    def __init__(self, source: Source, limits: Limits):
        self._source = source
        self._limits = limits
        self._end, self._index = remembered("zip", source, limits, self._read_index)

    # ---------------------------------------------------------------------------------- finding

    def entries(self) -> Iterator[tuple[int, str, Entry]]:
        """Yields (number, clean name, entry) of all records, folders too, in published order."""
        for number, entry in enumerate(self._read_directory(self._end)):
            yield number, names.clean_name(entry.name), self._unwrapped(number, entry)

    def find(self, name: str) -> tuple[int, Entry] | None:
        """Returns (number, entry) of the regular file with this clean name."""
        keys = self._index.sorted_keys
        key = names.name_key(name)
        at = bisect.bisect_left(keys, key)
        while at < len(keys) and keys[at] == key:
            number = self._index.order[at]
            entry = self._entry_at(self._index.records[number])
            if names.clean_name(entry.name) == name:
                return number, self._unwrapped(number, entry)
            at += 1
        return None

    # ------------------------------------------------------------------------------ the directory

    def _read_end(self) -> _End:
        """Finds the end record, and from it the central directory."""
        source = self._source
        tail_at = max(0, source.size - _END.size - _LONGEST_COMMENT)
        tail = source.read_at(tail_at, source.size - tail_at)
        at = len(tail)
        seen = False
        while True:
            at = tail.rfind(b"PK\5\6", 0, at)
            if at < 0:
                wrong = "it is truncated: a zip has its directory at the end, and it is not there"
                if seen:
                    wrong = "bytes are missing or added behind its end record"
                raise source.error(source.size, wrong)
            seen = True
            if at + _END.size <= len(tail):
                _, disk, cd_disk, _, count, size, offset, comment = _END.unpack_from(tail, at)
                if at + _END.size + comment == len(tail):
                    break
        stop = tail_at + at
        wide = False
        located = source.read_at(max(0, stop - _LOCATOR64.size), _LOCATOR64.size)
        if len(located) == _LOCATOR64.size and located.startswith(b"PK\6\7"):
            _, end_disk, end_offset, disks = _LOCATOR64.unpack(located)
            disk = max(disks, 1) - 1
            stop = self._absolute(end_disk, end_offset, disk)
            record = source.read_at(stop, _END64.size)
            if len(record) < _END64.size or not record.startswith(b"PK\6\6"):
                raise source.error(stop, "the zip64 end record is missing")
            *_, cd_disk, _, count, size, offset = _END64.unpack(record)
            wide = True
        start = self._absolute(cd_disk, offset, disk)
        missing = stop - size - start
        # The Finder of macOS writes large archives without zip64 and drops the upper bits.
        wraps = not wide and disk == 0 and missing > 0 and missing % 2**32 == 0
        if wraps:
            start += missing
        elif missing:
            raise source.error(
                stop,
                f"the directory is not where the end record says: {abs(missing):,} bytes are "
                f"{'added' if missing > 0 else 'missing'} before it",
            )
        return _End(start, stop, count, count_wraps=not wide, wraps=wraps)

    def _absolute(self, disk: int, offset: int, last_disk: int) -> int:
        """Returns the position in the source of `offset` in part number `disk`."""
        if last_disk == 0 and disk == 0:
            return offset  # One archive, perhaps cut at arbitrary bytes.
        parts = self._source.part_starts
        if disk > last_disk:
            raise self._source.error(
                self._source.size, f"it refers to part {disk + 1} of {last_disk + 1}"
            )
        if last_disk + 1 != len(parts):
            raise self._source.error(
                self._source.size,
                f"it is the last of {last_disk + 1} parts of a split zip, and {len(parts)} "
                f"{'was' if len(parts) == 1 else 'were'} given",
                "Give all parts in order (.z01, .z02, ..., .zip)",
            )
        return parts[disk] + offset

    def _read_directory(self, end: _End) -> Iterator[Entry]:
        """Yields the records of the central directory, reading it in blocks."""
        at = end.start  # Position of the buffer's first byte.
        buffer = b""
        offset = 0
        while at + offset < end.stop:
            entry = self._parse(buffer, offset, at + offset)
            if entry is not None:
                yield entry
                offset += entry.length
                continue
            at += offset
            buffer = self._source.read_at(at, min(end.stop - at, _LONGEST_ENTRY))
            offset = 0
            if self._parse(buffer, 0, at) is None:
                raise self._source.error(at, "the central directory is damaged")

    def _entry_at(self, record: int) -> Entry:
        """Returns the record at a position in the file."""
        for count in (512, _LONGEST_ENTRY):  # Most are short.
            entry = self._parse(self._source.read_at(record, count), 0, record)
            if entry is not None:
                return entry
        raise self._source.error(record, "the central directory is damaged")

    def _parse(self, data: bytes, at: int, position: int) -> Entry | None:
        """Returns the record at `data[at:]`, or None if it goes on behind the end of `data`."""
        if at + _ENTRY.size > len(data):
            return None
        (
            signature, made_by, _, flags, method, _, _, crc, packed, size, name_length,
            extra_length, comment_length, disk, _, attributes, offset,
        ) = _ENTRY.unpack_from(data, at)  # fmt: skip
        if signature != b"PK\1\2":
            raise self._source.error(position, "the central directory is damaged")
        name_at = at + _ENTRY.size
        extra_at = name_at + name_length
        length = _ENTRY.size + name_length + extra_length + comment_length
        if at + length > len(data):
            return None
        raw_name = data[name_at:extra_at]
        name = _decode(raw_name, flags)
        if 0xFFFFFFFF in (packed, size, offset) or disk == 0xFFFF:
            values = iter(_zip64_values(data[extra_at : extra_at + extra_length]))
            try:
                size = next(values) if size == 0xFFFFFFFF else size
                packed = next(values) if packed == 0xFFFFFFFF else packed
                offset = next(values) if offset == 0xFFFFFFFF else offset
                disk = next(values) & 0xFFFFFFFF if disk == 0xFFFF else disk
            except StopIteration:
                raise self._source.error(name, "its zip64 sizes are missing") from None
        return Entry(
            name, raw_name, made_by >> 8, flags, method, crc, packed, size, attributes >> 16,
            disk, offset, length,
        )  # fmt: skip

    def _read_index(self) -> tuple[_End, _Index]:
        """Reads the whole directory once and checks all that can be checked without the data."""
        source = self._source
        end = self._read_end()
        last_disk = len(source.part_starts) - 1
        records, starts, stops, keys, files = (array(c) for c in "QQQqQ")
        record = end.start
        expected = reached = 0
        in_order = True
        for entry in self._read_directory(end):
            name = self._checked(entry)
            start = self._absolute(entry.disk, entry.offset, last_disk if entry.disk else 0)
            if end.wraps:
                start = self._find_local(entry, start, reached)
            stop = start + _LOCAL.size + len(entry.raw_name) + entry.packed
            if stop > end.start:
                raise source.error(name, "it reaches beyond the end of the members")
            in_order = in_order and start >= reached
            reached = stop
            if not entry.is_folder:
                keys.append(names.name_key(name))
                files.append(len(records))
            records.append(record)
            starts.append(start)
            stops.append(stop)
            record += entry.length
            expected += entry.size
        if self._limits.exceeded_by(expected, source.size):
            raise source.error(end.start, self._limits.explain(expected, source.size), NOT_SAFE)
        if len(records) != end.count and not (
            end.count_wraps and len(records) % 2**16 == end.count
        ):
            raise source.error(
                end.stop, f"it lists {len(records):,} members and announces {end.count:,}"
            )
        if not in_order:
            self._check_overlap(records, starts, stops)
        order = sorted(range(len(keys)), key=keys.__getitem__)
        sorted_keys = array("q", [keys[i] for i in order])
        for i in range(1, len(order)):
            if sorted_keys[i] == sorted_keys[i - 1]:
                name = self._entry_at(records[files[order[i]]]).name
                raise source.error(name, "this name comes twice", NOT_SAFE)
        return end, _Index(records, starts, sorted_keys, array("Q", [files[i] for i in order]))

    def _checked(self, entry: Entry) -> str:
        """Refuses what must not be read; returns the clean name."""
        source = self._source
        try:
            name = names.clean_name(entry.name)
        except names.UnsafeName as e:
            raise source.error(entry.name, str(e), NOT_SAFE) from e
        if entry.flags & _ENCRYPTED:
            raise source.error(
                entry.name,
                "it is encrypted",
                "Extract the archive yourself with its password and give the folder",
            )
        file_type = stat.S_IFMT(entry.mode) if entry.made_by in _UNIX else 0
        if file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise source.error(
                entry.name,
                f"it is {_FILE_TYPES.get(file_type, 'of an unknown type')}, and only files and "
                "folders are read in place",
                "Extract the archive yourself and give the folder, if you trust it",
            )
        if entry.is_folder or file_type == stat.S_IFDIR:
            if entry.size:
                raise source.error(entry.name, "it is a folder that holds data")
        elif not name:
            raise source.error("a member", "it has no name")
        if self._limits.exceeded_by(entry.size, entry.packed):
            raise source.error(entry.name, self._limits.explain(entry.size, entry.packed), NOT_SAFE)
        if entry.method == STORED and entry.packed != entry.size:
            raise source.error(entry.name, "it is stored, but its two sizes differ")
        return name

    def _check_overlap(self, records: array[int], starts: array[int], stops: array[int]) -> None:
        """Raises if members share bytes: such a bomb has no suspicious ratio in any one member."""
        reached = 0
        for i in sorted(range(len(starts)), key=starts.__getitem__):
            if starts[i] < reached:
                raise self._source.error(
                    self._entry_at(records[i]).name,
                    "it overlaps another member: it is a decompression bomb or damaged",
                    NOT_SAFE,
                )
            reached = stops[i]

    # ----------------------------------------------------------------- macOS archives above 4 GiB

    def _find_local(self, entry: Entry, start: int, reached: int) -> int:
        """Returns the true place of a local header, known modulo 4 GiB and not before `reached`."""
        if start < reached:
            start += -((start - reached) // 2**32) * 2**32
        while start < self._source.size:
            head = self._source.read_at(start, _LOCAL.size + len(entry.raw_name))
            if head.startswith(b"PK\3\4") and head[_LOCAL.size :] == entry.raw_name:
                return start
            start += 2**32
        raise self._source.error(entry.name, "its local header is not found")

    def _unwrapped(self, number: int, entry: Entry) -> Entry:
        """Returns an entry with completed sizes, which are only known modulo 4 GiB.

        The packed size follows from where the next member begins. For stored members, the size is
        the same. For others it is the smallest size that fits, which is right for data that hardly
        compress, such as the archives and images that make a zip so large. Reading the member finds
        out a wrong guess.
        """
        if not self._end.wraps:
            return entry
        starts = self._index.starts
        stop = starts[number + 1] if number + 1 < len(starts) else self._end.start
        room = stop - starts[number] - _LOCAL.size - len(entry.raw_name)
        packed = entry.packed + (room - entry.packed) // 2**32 * 2**32
        least = packed if entry.method == STORED else int(packed * _LEAST_DEFLATE)
        size = entry.size + max(0, -((entry.size - least) // 2**32)) * 2**32
        return entry._replace(packed=packed, size=size)

    # ------------------------------------------------------------------------------- the content

    def locate(self, number: int, entry: Entry) -> int:
        """Checks the local header of a member; returns where its data begin."""
        source = self._source
        start = self._index.starts[number]
        name_length = len(entry.raw_name)
        if entry.packed <= _SMALL:  # Of a larger member perhaps only the beginning is read.
            source.announce(start, _LOCAL.size + name_length + _EXTRA + entry.packed)
        head = source.read_at(start, _LOCAL.size + name_length)
        if len(head) < _LOCAL.size or not head.startswith(b"PK\3\4"):
            raise source.error(entry.name, f"its local header is missing at byte {start:,}")
        _, _, flags, method, _, _, _, _, _, local_length, extra_length = _LOCAL.unpack_from(head)
        if (
            local_length != name_length
            or head[_LOCAL.size :] != entry.raw_name
            or method != entry.method
            or (flags ^ entry.flags) & 1
            # The flag decides how a name is spelt if it is not plain ASCII.
            or ((flags ^ entry.flags) & _UTF8 and not entry.raw_name.isascii())
        ):
            raise source.error(entry.name, "its local header differs from the directory")
        data = start + _LOCAL.size + name_length + extra_length
        if data + entry.packed > self._end.start:
            raise source.error(entry.name, "it reaches beyond the end of the members")
        return data

    def content(self, number: int, entry: Entry) -> ZipContent:
        """Returns the content of a member, after a check of its local header.

        In a source that is remote, its local header is checked when it is read.
        """
        locate = functools.partial(self.locate, number, entry)
        content = ZipContent(self._source, self._limits, entry, locate)
        if not self._source.is_remote:
            content.locate()
        return content


def _decode(raw: bytes, flags: int) -> str:
    """Returns a name as text.

    Without the UTF-8 flag, the format prescribes code page 437, but Linux and macOS tools write
    UTF-8 even so. A name that is valid UTF-8 is read as UTF-8: beyond ASCII that is hardly an
    accident.
    """
    if flags & _UTF8:
        return raw.decode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _zip64_values(extra: bytes) -> list[int]:
    """Returns the 64-bit numbers in the extra fields of a record (the last may have 32 bits)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        data = extra[at + 4 : at + 4 + length]
        if kind == 1:
            return [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]
        at += 4 + length
    return []
