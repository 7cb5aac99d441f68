"""Reads the tar format, from bytes to members, in one forward pass.

It reads the formats in use since 1979: old v7, POSIX ustar and pax (`path` and `size` records, also
in global headers), and GNU (long names, base-256 numbers). Every header's check sum is verified,
and the end-of-archive mark has to be there, so that a truncated archive is never taken for a short
one.

The standard library's `tarfile` is not used, because it builds a large object for each member and
takes damage in the middle of an archive for its end.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from tfds_extra.core.archives import names
from tfds_extra.core.archives.errors import FETCH_AGAIN, NOT_SAFE, ArchiveError
from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.sources import BLOCK_IN

BLOCK = 512
# Tar was made for tapes: an archive is padded to whole records of 20 blocks. POSIX does not define
# the bytes after the end mark within its record.
RECORD = 20 * BLOCK

_ZEROS = bytes(BLOCK)
_FILES = frozenset((b"0", b"\0", b"7"))  # 7 is a contiguous file, today the same as a regular one.
_EXTENDED = frozenset((b"x", b"X", b"g", b"L", b"K"))
_SKIPPED = frozenset((b"V", b"D"))  # GNU volume label and directory listing.
# The pax records that replace a field of the header. Of others there may be any number; none is
# kept.
_PAX_KEYS = frozenset((b"path", b"size"))
_SPARSE = b"GNU.sparse."
_LONGEST_NUMBER = 20  # Digits; 2**64 has as many.
_DIRECTORY = b"5"
_REFUSED = {
    b"1": "it is a hard link",
    b"2": "it is a symbolic link",
    b"3": "it is a character device",
    b"4": "it is a block device",
    b"6": "it is a named pipe",
    b"S": "it is a sparse file",
    b"M": "it is the continuation of another volume",
}


class Damaged(ValueError):
    """A block is no valid header; `str()` says why."""


class Header(NamedTuple):
    """The fields of a header block that are used here; names are bytes as published."""

    name: bytes
    size: int
    kind: bytes


class Entry(NamedTuple):
    """A regular file in a tar."""

    name: str
    size: int
    offset: int  # Offset of its first byte in the (uncompressed) archive.


class Cursor(Protocol):
    """A source for `entries`: `take` advances, `go_to` moves (in a stream only forwards)."""

    @property
    def position(self) -> int: ...

    def take(self, count: int) -> bytes:
        """Returns `count` bytes, fewer only at the end."""

    def go_to(self, position: int) -> int:
        """Moves to `position`, or to the end if that comes first; returns where it is."""

    def expect(self, name: str, size: int) -> None:
        """Is told that `size` bytes of a member follow; raises if there are fewer."""

    def error(self, place: str | None, wrong: str, todo: str = FETCH_AGAIN) -> ArchiveError:
        """Returns an error about a member; if `place` is None, about the current position."""


def parse_header(block: bytes) -> Header:
    """Reads a header block of 512 bytes.

    Raises:
      Damaged: The check sum or a number is wrong.
    """
    try:
        expected = _number(block[148:156])
    except ValueError:
        expected = -1
    # The sum of all bytes, with blanks (8 x 32) in place of the sum itself.
    if _sum(block[:256]) + _sum(block[256:]) - sum(block[148:156]) + 256 != expected:
        # Some old tars added the bytes as signed characters.
        signed = sum(b - 256 if b > 127 else b for b in block[:148] + block[156:]) + 256
        if signed != expected:
            raise Damaged("this is not a tar header (its check sum is wrong)")
    try:
        size = _number(block[124:136])
    except ValueError as e:
        raise Damaged("the tar header has no readable size") from e
    if size < 0:
        raise Damaged("the tar header has a negative size")
    name = block[:100].partition(b"\0")[0]
    # Only POSIX has a prefix field. GNU tar writes blanks after "ustar", and times in that place.
    if block[257:263] == b"ustar\0" and block[345] != 0:
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    return Header(name, size, block[156:157])


def _sum(data: bytes) -> int:
    """Returns the sum of up to 256 bytes, four times faster than `sum`.

    The lower half of Adler-32 is 1 + the sum, modulo 65521; the sum of 256 bytes is smaller than
    that.
    """
    return (zlib.adler32(data) & 0xFFFF) - 1


def _number(field: bytes) -> int:
    """Reads an octal number, or a base-256 number in two's complement if the first byte says so."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    return int(field.partition(b"\0")[0].strip(b" ") or b"0", 8)


def is_header(block: bytes) -> bool:
    """Returns whether a tar may begin with `block`."""
    if len(block) < BLOCK or block[:BLOCK] == _ZEROS:
        return False
    try:
        parse_header(block[:BLOCK])
    except Damaged:
        return False
    return True


def parse_pax(data: bytes) -> dict[bytes, bytes]:
    """Reads pax records, `<length> <key>=<value>` and a line feed each.

    Returns:
      The records `path` and `size`, and the key `GNU.sparse.` if any name begins with that.

    Raises:
      Damaged: The records do not add up.
    """
    records = {}
    at = 0
    while at < len(data):
        digits, blank, _ = data[at : at + 24].partition(b" ")
        if not blank or not digits.isdigit():
            raise Damaged("the pax header has a record without a length")
        end = at + int(digits)
        key, equals, value = data[at + len(digits) + 1 : end].partition(b"=")
        if end > len(data) or not equals or not value.endswith(b"\n"):
            raise Damaged("the pax header has a broken record")
        if key in _PAX_KEYS:
            records[key] = value[:-1]
        elif key.startswith(_SPARSE):
            records[_SPARSE] = b""
        at = end
    return records


def entries(cursor: Cursor, limits: Limits) -> Iterator[Entry]:
    """Yields the regular files of the tar at `cursor`, which stands at its beginning.

    When an entry is yielded the cursor stands at its first byte; the reader may take what it wants
    of its `size` bytes. Directories are checked and passed over.

    Raises:
      ArchiveError: The archive is damaged or truncated, a name is unsafe or comes twice, or a
        member is neither a file nor a directory.
    """
    seen: set[int] = set()
    everywhere: dict[bytes, bytes] = {}
    records: dict[bytes, bytes] = {}
    long_name: bytes | None = None
    prefixed = False  # Whether an extended header waits for its member.
    waiting = shared = 0  # Bytes of extended headers for the next member, and for all of them.
    while True:
        block = cursor.take(BLOCK)
        if block == _ZEROS:
            if prefixed:
                raise cursor.error(None, "the member that a header announces is missing")
            _check_end(cursor)
            return
        if len(block) < BLOCK:
            raise cursor.error(None, "the archive stops without its end mark: it is truncated")
        try:
            header = parse_header(block)
            if header.kind in _EXTENDED:
                if header.kind == b"g":
                    shared += header.size
                else:
                    waiting += header.size
                # One limit holds for all of them together: many headers could exceed any memory.
                data = _extension(cursor, header.size, max(waiting, shared), limits)
                if header.kind == b"L":
                    long_name = data.rstrip(b"\0")
                elif header.kind == b"g":
                    everywhere.update(parse_pax(data))
                elif header.kind != b"K":  # K is the target of a link; the link is refused below.
                    records.update(parse_pax(data))
                prefixed = header.kind != b"g"
                continue
            raw, size, kind = header
            if everywhere or records:
                records = {**everywhere, **records}
                raw = records.get(b"path") or raw
                size = _pax_size(records.get(b"size"), size)
                if _SPARSE in records:
                    kind = b"S"
            if long_name is not None and not records.get(b"path"):
                raw = long_name
        except Damaged as e:
            raise cursor.error(None, str(e)) from e
        name = raw.decode("utf-8", "surrogateescape")
        records = {}
        long_name = None
        prefixed = False
        waiting = 0

        if kind in _SKIPPED:
            _pass_over(cursor, name, size)
            continue
        is_file = kind in _FILES
        if not is_file and kind != _DIRECTORY:
            wrong = _REFUSED.get(kind, f"it has the unknown type {kind!r}")
            raise cursor.error(
                name,
                f"{wrong}, and only files and folders are read in place",
                "Extract the archive yourself and give the folder, if you trust it",
            )
        if is_file and name[-1:] == "/":  # v7 marks a directory so.
            if size:
                raise cursor.error(name, "it is a folder that holds data")
            is_file = False
        try:
            clean = names.clean_name(name)
        except names.UnsafeName as e:
            raise cursor.error(name, str(e), NOT_SAFE) from e
        if not is_file:
            # No data follow the header of a directory, whatever its size field says.
            continue
        if not clean:
            raise cursor.error(None, "a member has no name")
        key = names.name_key(clean)
        if key in seen:
            raise cursor.error(clean, "this name comes twice", NOT_SAFE)
        seen.add(key)
        cursor.expect(clean, size)
        offset = cursor.position
        yield Entry(clean, size, offset)
        _pass_over(cursor, clean, size, offset)


def _extension(cursor: Cursor, size: int, together: int, limits: Limits) -> bytes:
    """Returns the content of an extended header; raises if they are too large together."""
    if together > limits.header_bytes:
        raise Damaged(
            f"an extended header of {together:,} bytes (the limit is {limits.header_bytes:,})"
        )
    data = cursor.take(-(-size // BLOCK) * BLOCK)
    if len(data) < size:
        raise Damaged("the archive stops within an extended header: it is truncated")
    return data[:size]


def _pax_size(value: bytes | None, otherwise: int) -> int:
    if not value:
        return otherwise
    if not value.isdigit():
        raise Damaged("the pax header has no readable size")
    if len(value) > _LONGEST_NUMBER:
        raise Damaged(f"the pax header has a size of {len(value):,} digits")
    return int(value)


def _pass_over(cursor: Cursor, name: str, size: int, offset: int | None = None) -> None:
    """Moves behind the data of a member, from anywhere in the data."""
    if offset is None:
        offset = cursor.position
    end = offset + size
    reached = cursor.go_to(-(-end // BLOCK) * BLOCK)
    if reached < end:
        raise cursor.error(name, truncated(reached - offset, size))


def truncated(got: int, expected: int) -> str:
    """Returns what is wrong with a member that stops too early."""
    return f"it is truncated: {max(got, 0):,} of {expected:,} bytes"


def _check_end(cursor: Cursor) -> None:
    """Reads from behind the first zero block to the end of the file.

    A second zero block completes the end mark. If the file ends right after the first one, nothing
    can be missing, and some writers write only one.
    """
    block = cursor.take(BLOCK)
    if block.strip(b"\0"):
        raise cursor.error(None, "a block of zeros stands in the middle of the archive")
    # Reading to the end makes a compressed stream verify its check sum.
    cursor.go_to(-(-cursor.position // RECORD) * RECORD)
    while block := cursor.take(BLOCK_IN):
        if block.strip(b"\0"):
            raise cursor.error(
                None,
                "more data follows the end of the archive (several tars in a row?)",
                "Split the file, or fetch it again",
            )
