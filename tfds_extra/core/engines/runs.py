"""Records on their way from pieces to shards, sorted on disk with memory for a window only.

Pieces yield their examples in any order; a split's shards hold them in the order of their keys'
hashes. In between, records go into files by the first bits of their place in the order (groups). A
group is sorted in memory when its turn comes, and dealt out to smaller groups first if it is too
large for that. TFDS's own shuffler holds up to 1 GB in memory, and as much again while it sorts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import struct
import tempfile
from collections.abc import Iterable, Iterator

BUFFER_BYTES = 32 << 20  # What a worker gathers before it writes.
SORT_BYTES = 64 << 20  # What is sorted in memory at once.

# Place in the order (of 16 bytes, big-endian), length of the key, length of the record.
_HEADER = struct.Struct("<16sII")
_SHUFFLED_SHIFT = 120  # Places are 128-bit hashes: 256 groups.
_ORDERED_SHIFT = 16  # Places are the integer keys themselves: groups of 65,536 examples.
_LEVEL = 8  # A group that is too large is dealt out to 256 smaller ones.

Entry = tuple[int, bytes, bytes]  # Place in the order, key, record.


class DuplicateKeyError(ValueError):
    """Two examples of a split have the same key."""


@dataclasses.dataclass(frozen=True)
class Segment:
    """Consecutive records of one group in one file.

    Attributes:
      split: Their split.
      group: Their group; groups are in the order of their records.
      file: The file's name.
      offset: Where they begin.
      num_bytes: How many bytes of the file they take.
      count: How many they are.
      record_bytes: How many bytes of the prepared data they will be.
    """

    split: str
    group: int
    file: str
    offset: int
    num_bytes: int
    count: int
    record_bytes: int


class Order:
    """The place of an example in its split.

    TFDS orders by a hash of key and split, so that no reader meets all of one class in a row; where
    a dataset asks for it, by the integer key itself.
    """

    def __init__(self, split: str, disable_shuffling: bool):
        self._hash = None if disable_shuffling else hashlib.md5(split.encode())
        self.shift = _ORDERED_SHIFT if disable_shuffling else _SHUFFLED_SHIFT

    def place(self, key: str | int | bytes) -> bytes:
        """16 bytes, whose order as big-endian numbers is the order of examples."""
        if self._hash is None:
            if not isinstance(key, int):
                raise ValueError(f"key {key!r}: examples in order of their keys need integer keys")
            return key.to_bytes(16, "big")
        hashed = self._hash.copy()
        hashed.update(to_bytes(key))
        return hashed.digest()


def to_bytes(key: str | int | bytes) -> bytes:
    """A key as TFDS hashes it."""
    if isinstance(key, bytes):
        return key
    return str(key).replace("\\", "/").encode()


class RunWriter:
    """Takes the records of one piece after the other, and files them by group."""

    def __init__(self, folder: pathlib.Path, disable_shuffling: bool):
        """Creates files with names of their own in `folder`."""
        self._folder = folder
        self._disable_shuffling = disable_shuffling
        self._prefix = f"{os.getpid()}-{next(tempfile._get_candidate_names())}"
        self._orders: dict[str, Order] = {}
        self._buffers: dict[tuple[str, int], list[bytes]] = {}
        self._buffered = 0
        self._sizes: dict[str, int] = {}
        self._segments: list[Segment] = []

    def add(self, split: str, key: str | int | bytes, record: bytes) -> None:
        """Files one record."""
        order = self._orders.get(split)
        if order is None:
            order = self._orders[split] = Order(split, self._disable_shuffling)
        place = order.place(key)
        group = int.from_bytes(place, "big") >> order.shift
        name = to_bytes(key)
        buffer = self._buffers.get((split, group))
        if buffer is None:
            buffer = self._buffers[split, group] = []
        buffer += (_HEADER.pack(place, len(name), len(record)), name, record)
        self._buffered += _HEADER.size + len(name) + len(record)
        if self._buffered > BUFFER_BYTES:
            self._flush()

    def finish_piece(self) -> list[Segment]:
        """Writes what is still in memory, and returns where the piece's records are."""
        self._flush()
        segments, self._segments = self._segments, []
        return segments

    def _flush(self) -> None:
        for (split, group), parts in self._buffers.items():
            name = f"{self._prefix}-{split}-{group}.run"
            content = b"".join(parts)
            with (self._folder / name).open("ab") as file:
                file.write(content)
            offset = self._sizes.get(name, 0)
            self._sizes[name] = offset + len(content)
            count = len(parts) // 3
            records = sum(map(len, parts[2::3]))
            self._segments.append(Segment(split, group, name, offset, len(content), count, records))
        self._buffers.clear()
        self._buffered = 0


def read_in_order(folder: pathlib.Path, segments: Iterable[Segment], shift: int) -> Iterator[Entry]:
    """Records of some groups of one split, in order.

    Args:
      folder: Where the files are.
      segments: All segments of these groups.
      shift: `Order.shift` of the split.

    Yields:
      Place, key and record.

    Raises:
      DuplicateKeyError: Two records have the same key.
    """
    groups: dict[int, list[Segment]] = {}
    for segment in segments:
        groups.setdefault(segment.group, []).append(segment)
    for group in sorted(groups):
        yield from _sort_group(folder, groups[group], shift)


def _sort_group(folder: pathlib.Path, segments: list[Segment], shift: int) -> Iterator[Entry]:
    size = sum(segment.num_bytes for segment in segments)
    if size > SORT_BYTES and shift > 0:
        yield from _deal_out(folder, segments, max(0, shift - _LEVEL))
        return
    entries = [entry for segment in segments for entry in _read(folder, segment)]
    entries.sort(key=lambda entry: entry[0])
    previous = None
    for entry in entries:
        if entry[0] == previous:
            raise DuplicateKeyError(
                f"split {segments[0].split}: two examples have the key {entry[1].decode()!r}"
            )
        previous = entry[0]
        yield entry


def _deal_out(folder: pathlib.Path, segments: list[Segment], shift: int) -> Iterator[Entry]:
    """Sorts a group that is too large for memory by way of smaller groups on disk."""
    with tempfile.TemporaryDirectory(dir=folder) as below:
        writer = _Dealer(pathlib.Path(below), segments[0].split, shift)
        for segment in segments:
            for entry in _read(folder, segment):
                writer.add(entry)
        yield from read_in_order(pathlib.Path(below), writer.finish(), shift)


class _Dealer:
    """Writes entries into files by the bits of their place from `shift` up."""

    def __init__(self, folder: pathlib.Path, split: str, shift: int):
        self._folder, self._split, self._shift = folder, split, shift
        self._counts: dict[int, int] = {}
        self._files: dict[int, object] = {}
        self._stack = contextlib.ExitStack()

    def add(self, entry: Entry) -> None:
        place, name, record = entry
        group = place >> self._shift
        file = self._files.get(group)
        if file is None:
            file = self._stack.enter_context((self._folder / f"{group}.run").open("wb"))
            self._files[group] = file
        file.write(_HEADER.pack(place.to_bytes(16, "big"), len(name), len(record)))
        file.write(name)
        file.write(record)
        self._counts[group] = self._counts.get(group, 0) + 1

    def finish(self) -> list[Segment]:
        self._stack.close()
        return [
            Segment(self._split, group, path.name, 0, path.stat().st_size, self._counts[group], 0)
            for group, path in ((g, self._folder / f"{g}.run") for g in self._files)
        ]


def _read(folder: pathlib.Path, segment: Segment) -> Iterator[Entry]:
    """The records of a segment as they were filed; reads a window of it at a time."""
    header_size = _HEADER.size
    with (folder / segment.file).open("rb", buffering=1 << 20) as file:
        file.seek(segment.offset)
        for _ in range(segment.count):
            place, key_size, record_size = _HEADER.unpack(file.read(header_size))
            key, record = file.read(key_size), file.read(record_size)
            if len(record) != record_size:
                raise OSError(f"{folder / segment.file}: cut short")
            yield int.from_bytes(place, "big"), key, record
