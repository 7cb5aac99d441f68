"""Sorts records on disk, on their way from pieces to shards, with bounded memory.

Pieces yield their examples in any order; a split's shards hold them in the order of their ranks,
usually hashes of their keys. In between, records are written to files (runs), where those of one
group lie together; the first bits of a record's rank tell its group. A group is sorted in memory
when its turn comes; if it is too large for that, it is first divided into smaller groups. TFDS's
own shuffler holds up to 1 GB in memory, and as much again while it sorts.

Many records are handled at once, in columns: Python code for each single record would take as long
as its serialization.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import struct
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

import google_crc32c
import numpy as np
from etils import epath

from tfds_extra.core import errors

SUFFIX = ".run"  # Of the files' names.
FORMAT = 3  # Version of the files' format; part of the journal's fingerprint.
BUFFER_BYTES = 32 << 20  # A worker gathers so many bytes before it writes.
SORT_BYTES = 64 << 20  # At most so many bytes are sorted in memory at once.
_RECORD_OVERHEAD = 128  # Python's objects take so many bytes for each record that is gathered.

# The number of records, the bytes of all keys and the bytes of all records. The columns of a
# `Block` follow.
_HEADER = struct.Struct("<QQQ")
_ROW_BYTES = 28  # Bytes of one record in the columns of numbers.
_LARGE = 1 << 14  # From this size in bytes on, copying a record costs more than a call.
_RANK_BITS = 64
_GROUP_BITS = 8  # There are 256 groups; a group that is too large is divided into 256 more.
_GROUP_BYTES = 4 << 20  # There is one group for about so many bytes of the raw corpus.
_ORDERED_SHIFT = 16  # In the order of integer keys, a group has 65,536 keys.


class DuplicateKeyError(ValueError):
    """Two examples of a split have the same key."""


@dataclasses.dataclass(frozen=True, slots=True)  # There may be many.
class Segment:
    """Consecutive blocks of records of one group in one file.

    Attributes:
      split: Split of the records.
      group: Number of their group; groups are numbered in the order of their records.
      file: Name of the file.
      offset: Byte offset of the first block.
      num_bytes: Number of bytes of the blocks in the file.
      count: Number of records.
      record_bytes: Number of bytes of the records alone.
    """

    split: str
    group: int
    file: str
    offset: int
    num_bytes: int
    count: int
    record_bytes: int

    def joined(self, other: Segment) -> Segment:
        """Returns this segment joined with the one that follows it in the same file."""
        return dataclasses.replace(
            self,
            num_bytes=self.num_bytes + other.num_bytes,
            count=self.count + other.count,
            record_bytes=self.record_bytes + other.record_bytes,
        )


@dataclasses.dataclass(frozen=True)
class Order:
    """The order of the examples of a split.

    TFDS orders by a hash of key and split, so that no reader gets all examples of one class in a
    row. If a dataset sets `disable_shuffling`, the order is that of the integer keys.

    Attributes:
      disable_shuffling: Whether the order is that of the integer keys.
      group_bits: How many bits of a hash tell the group.
    """

    disable_shuffling: bool
    group_bits: int = _GROUP_BITS

    @classmethod
    def for_size(cls, disable_shuffling: bool, raw_bytes: int) -> Order:
        """Creates an order with as many groups as a corpus needs.

        Each group is a file, and a small corpus should not be divided into hundreds of files.

        Args:
          disable_shuffling: As in `Order`.
          raw_bytes: Size of the raw corpus; 0 if it is not known.
        """
        wanted = max(raw_bytes // _GROUP_BYTES, 1).bit_length() if raw_bytes else _GROUP_BITS
        return cls(disable_shuffling, min(wanted, _GROUP_BITS))

    @property
    def shift(self) -> int:
        """Number of low bits of a rank that do not belong to the group."""
        return _ORDERED_SHIFT if self.disable_shuffling else _RANK_BITS - self.group_bits

    def ranks(
        self, split: str, keys: Sequence[str | int | bytes], names: Sequence[bytes]
    ) -> np.ndarray:
        """Returns the ranks of examples: numbers by which they are sorted.

        Args:
          split: Split of the examples.
          keys: Keys of the examples.
          names: The keys as bytes.

        Returns:
          uint64 of shape (keys, 2); the first column is the more significant one.

        Raises:
          ValueError: The order is that of the keys, and a key is no integer from 0 below 2**64.
        """
        if self.disable_shuffling:
            for key in keys:
                if not isinstance(key, int) or not 0 <= key < 1 << _RANK_BITS:
                    raise ValueError(
                        f"key {key!r}: examples in order of their keys need integer keys from 0"
                    )
            ranks = np.zeros((len(keys), 2), np.uint64)
            ranks[:, 0] = keys
            return ranks
        salt = hashlib.md5(split.encode())
        hashes = []
        for name in names:
            hashed = salt.copy()
            hashed.update(name)
            hashes.append(hashed.digest())
        return np.frombuffer(b"".join(hashes), ">u8").astype(np.uint64).reshape(-1, 2)


def _to_bytes(keys: Sequence[str | int | bytes]) -> list[bytes]:
    """Returns keys in the form of bytes that TFDS hashes."""
    return [key if isinstance(key, bytes) else str(key).replace("\\", "/").encode() for key in keys]


@dataclasses.dataclass
class Block:
    """Records of one split, in columns.

    Attributes:
      ranks: Rank of each record, uint64 of shape (records, 2).
      crcs: CRC-32C of each record, uint32.
      keys: Key of each record.
      records: The records.
    """

    ranks: np.ndarray
    crcs: np.ndarray
    keys: list[bytes]
    records: list[bytes]

    def take(self, indices: np.ndarray) -> Block:
        """Returns a block of the records at `indices`, in that order."""
        chosen = indices.tolist()
        return Block(
            self.ranks[indices],
            self.crcs[indices],
            [self.keys[i] for i in chosen],
            [self.records[i] for i in chosen],
        )

    def part(self, start: int, stop: int) -> Block:
        """Returns a block of the records from `start` to before `stop`."""
        some = slice(start, stop)
        return Block(self.ranks[some], self.crcs[some], self.keys[some], self.records[some])

    def is_whole(self, split: str, order: Order) -> bool:
        """Returns whether the keys fit the ranks, and the records fit the checksums."""
        try:
            keys = [int(key) for key in self.keys] if order.disable_shuffling else self.keys
            ranks = order.ranks(split, keys, self.keys)
        except ValueError:  # A key is no number.
            return False
        return np.array_equal(ranks, self.ranks) and np.array_equal(
            crcs_of(self.records), self.crcs
        )

    @property
    def sizes(self) -> np.ndarray:
        """Number of bytes of each record, int64."""
        return _sizes(self.records)

    def write(self, file: BinaryIO) -> tuple[int, int]:
        """Appends the block to a file.

        Returns:
          How many bytes were written, and how many of them are records.
        """
        keys, sizes = b"".join(self.keys), self.sizes
        record_bytes = int(sizes.sum())
        columns = (
            _HEADER.pack(len(self.records), len(keys), record_bytes),
            self.ranks.tobytes(),
            self.crcs.tobytes(),
            _sizes(self.keys).astype(np.uint32).tobytes(),
            sizes.astype(np.uint32).tobytes(),
            keys,
        )
        file.write(b"".join(columns))
        write_all(file, self.records)
        return sum(map(len, columns)) + record_bytes, record_bytes

    @classmethod
    def read(cls, file: BinaryIO, limit: int) -> Block:
        """Reads the block at the current position of a file.

        Args:
          file: The file.
          limit: The most bytes that the block may have.

        Raises:
          OSError: The file ends too early, or holds something else.
        """
        header = _read(file, _HEADER.size)
        count, key_bytes, record_bytes = _HEADER.unpack(header)
        if not count or _HEADER.size + _ROW_BYTES * count + key_bytes + record_bytes > limit:
            raise OSError("no block")
        columns = [
            np.frombuffer(_read(file, count * width * np.dtype(dtype).itemsize), dtype)
            for dtype, width in ((np.uint64, 2), (np.uint32, 1), (np.uint32, 1), (np.uint32, 1))
        ]
        ranks, crcs, key_sizes, sizes = columns
        if key_sizes.sum(dtype=np.int64) != key_bytes or sizes.sum(dtype=np.int64) != record_bytes:
            raise OSError("no block")
        keys = _cut(_read(file, key_bytes), key_sizes)
        if record_bytes > count * _LARGE:
            records = [_read(file, size) for size in sizes.tolist()]
        else:
            records = _cut(_read(file, record_bytes), sizes)
        return cls(ranks.reshape(-1, 2), crcs, keys, records)


def read_blocks(folder: epath.Path | pathlib.Path, segment: Segment) -> Iterator[Block]:
    """Yields the blocks of a segment.

    Args:
      folder: Folder of the segment's file.
      segment: The segment.

    Raises:
      OSError: The file is shorter than it was, or holds something else.
    """
    path = folder / segment.file
    count, left = 0, segment.num_bytes
    with errors.file_named(path), path.open("rb") as file:
        file.seek(segment.offset)
        while count < segment.count:
            try:
                block = Block.read(file, left)
            except OSError as e:
                if e.errno is not None:
                    raise
                raise OSError(f"{path}: cut short, or not what was written there") from e
            count += len(block.records)
            left = segment.offset + segment.num_bytes - file.tell()
            yield block
        if count != segment.count or left:
            raise OSError(f"{path}: not what was written there")


def is_whole(folder: pathlib.Path, segment: Segment, order: Order) -> bool:
    """Reads a segment; returns whether it holds what was written."""
    try:
        return all(block.is_whole(segment.split, order) for block in read_blocks(folder, segment))
    except OSError:
        return False


def _read(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise OSError("the file ends before")
    return content


def write_all(file: BinaryIO, strings: list[bytes]) -> None:
    """Appends byte strings to a file; only small ones are joined first, which copies them."""
    if sum(map(len, strings)) > _LARGE * len(strings):
        file.writelines(strings)
    else:
        file.write(b"".join(strings))


def _sizes(strings: list[bytes]) -> np.ndarray:
    return np.fromiter(map(len, strings), np.int64, len(strings))


def crcs_of(strings: Sequence[bytes]) -> np.ndarray:
    """Returns the CRC-32C of each byte string, uint32."""
    return np.fromiter(map(google_crc32c.value, strings), np.uint32, len(strings))


def _cut(content: bytes, sizes: np.ndarray) -> list[bytes]:
    """Cuts content into consecutive byte strings of the given sizes."""
    stops = np.cumsum(sizes, dtype=np.int64)
    return [content[a:b] for a, b in zip((stops - sizes).tolist(), stops.tolist())]


class RunWriter:
    """Takes the records of one piece after the other, and files them (writes them to run files)."""

    def __init__(self, folder: pathlib.Path, order: Order):
        """Prepares to write files in `folder`, with names that no other writer uses."""
        self._order = order
        self._filer = _Filer(folder, order.shift)
        self._buffers: dict[str, tuple[list[str | int | bytes], list[bytes]]] = {}
        self._buffered = 0

    def add(self, split: str, keys: Sequence[str | int | bytes], records: Sequence[bytes]) -> None:
        """Files some records."""
        if split not in self._buffers:
            self._buffers[split] = [], []
        all_keys, all_records = self._buffers[split]
        all_keys += keys
        all_records += records
        self._buffered += sum(map(len, records)) + _RECORD_OVERHEAD * len(records)
        if self._buffered > BUFFER_BYTES:
            self._flush()

    def finish_piece(self) -> list[Segment]:
        """Writes the records that are still in memory, and returns the segments of the piece."""
        self._flush()
        return self._filer.finish()

    def _flush(self) -> None:
        buffers, self._buffers, self._buffered = self._buffers, {}, 0
        for split, (keys, records) in buffers.items():
            names = _to_bytes(keys)
            ranks = self._order.ranks(split, keys, names)
            self._filer.add(split, Block(ranks, crcs_of(records), names, records))


class _Filer:
    """Appends blocks to files, one for each split and group."""

    def __init__(self, folder: pathlib.Path, shift: int):
        self._folder = folder
        self._shift = shift
        self._prefix = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._sizes: dict[str, int] = {}
        self._segments: dict[tuple[str, int], Segment] = {}

    def add(self, split: str, block: Block) -> None:
        """Divides a block among the files of its groups."""
        groups = block.ranks[:, 0] >> np.uint64(self._shift)
        order = np.argsort(groups, kind="stable")
        block, groups = block.take(order), groups[order]
        borders = np.flatnonzero(np.diff(groups, prepend=groups[:1] + np.uint64(1)))
        for start, stop in zip(borders.tolist(), [*borders[1:].tolist(), len(groups)]):
            group = int(groups[start])
            name = f"{self._prefix}-{split}-{group}{SUFFIX}"
            path = self._folder / name
            with errors.file_named(path), path.open("ab") as file:
                size, record_bytes = block.part(start, stop).write(file)
            offset = self._sizes.get(name, 0)
            self._sizes[name] = offset + size
            segment = Segment(split, group, name, offset, size, stop - start, record_bytes)
            before = self._segments.get((split, group))
            self._segments[split, group] = before.joined(segment) if before else segment

    def finish(self) -> list[Segment]:
        """Returns the segments that were written since the last call."""
        segments, self._segments = self._segments, {}
        return list(segments.values())


def read_in_order(
    folder: epath.Path | pathlib.Path, segments: Iterable[Segment], shift: int
) -> Iterator[Block]:
    """Yields the records of some groups of one split, in order.

    Args:
      folder: Folder of the files.
      segments: All segments of these groups.
      shift: `Order.shift` of the split.

    Yields:
      Blocks, one after the other.

    Raises:
      DuplicateKeyError: Two records have the same key.
    """
    groups: dict[int, list[Segment]] = {}
    for segment in segments:
        groups.setdefault(segment.group, []).append(segment)
    for group in sorted(groups):
        yield from _sort_group(folder, groups[group], shift)


def _sort_group(
    folder: epath.Path | pathlib.Path, segments: list[Segment], shift: int
) -> Iterator[Block]:
    size = sum(segment.num_bytes for segment in segments)
    filed = (block for segment in segments for block in read_blocks(folder, segment))
    if size > SORT_BYTES and shift > 0:
        yield from _deal_out(folder, segments[0].split, filed, max(0, shift - _GROUP_BITS))
        return
    blocks = list(filed)
    whole = Block(
        np.concatenate([block.ranks for block in blocks]),
        np.concatenate([block.crcs for block in blocks]),
        [key for block in blocks for key in block.keys],
        [record for block in blocks for record in block.records],
    )
    del blocks
    whole = whole.take(np.lexsort((whole.ranks[:, 1], whole.ranks[:, 0])))
    same = np.flatnonzero((whole.ranks[1:] == whole.ranks[:-1]).all(axis=1))
    if len(same):
        key = whole.keys[same[0]].decode()
        raise DuplicateKeyError(f"split {segments[0].split}: two examples have the key {key!r}")
    yield whole


def _deal_out(
    folder: epath.Path | pathlib.Path, split: str, blocks: Iterable[Block], shift: int
) -> Iterator[Block]:
    """Sorts a group that is too large for memory, by dividing it into smaller groups on disk."""
    # They go to the work folder, where there is room; if that is in a bucket, to a local disk.
    beside = folder if isinstance(folder, pathlib.Path) else None
    with tempfile.TemporaryDirectory(dir=beside) as made:
        below = pathlib.Path(made)
        filer = _Filer(below, shift)
        for block in blocks:
            filer.add(split, block)
        yield from read_in_order(below, filer.finish(), shift)
