"""Records on their way from pieces to shards, sorted on disk with memory for a window only.

Pieces yield their examples in any order; a split's shards hold them in the order of their keys'
hashes. In between, records go into files by the first bits of their rank in the order (groups). A
group is sorted in memory when its turn comes, and dealt out to smaller groups first if it is too
large for that. TFDS's own shuffler holds up to 1 GB in memory, and as much again while it sorts.

All that is done to many records at once is done on columns of them: what a record costs in Python
here is as much as its serialization.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import struct
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

import google_crc32c
import numpy as np
from etils import epath

from tfds_extra.core import errors

FORMAT = 3  # Of the files; part of the journal's fingerprint.
BUFFER_BYTES = 32 << 20  # What a worker gathers before it writes.
SORT_BYTES = 64 << 20  # What is sorted in memory at once.
_RECORD_OVERHEAD = 128  # Bytes that Python's objects take for each record that is gathered.

# Count, bytes of all keys, bytes of all records; then the columns of a `Block`.
_HEADER = struct.Struct("<QQQ")
_ROW_BYTES = 28  # Of the columns of numbers.
_LARGE = 1 << 14  # Bytes of a record from which on copying it costs more than a call.
_RANK_BITS = 64
_GROUP_BITS = 8  # Hashes are dealt out to 256 groups, and those that are too large to 256 more.
_GROUP_BYTES = 4 << 20  # Of raw corpus for which a group is worthwhile.
_ORDERED_SHIFT = 16  # Integer keys: groups of 65,536 examples.


class DuplicateKeyError(ValueError):
    """Two examples of a split have the same key."""


@dataclasses.dataclass(frozen=True, slots=True)  # There may be many.
class Segment:
    """Consecutive blocks of records of one group in one file.

    Attributes:
      split: Their split.
      group: Their group; groups are in the order of their records.
      file: The file's name.
      offset: Where the first block begins.
      num_bytes: How many bytes of the file they take.
      count: How many records there are.
      record_bytes: How many bytes of the prepared data they will be.
    """

    split: str
    group: int
    file: str
    offset: int
    num_bytes: int
    count: int
    record_bytes: int

    def joined(self, other: Segment) -> Segment:
        """This one, and another of the same file that begins where it ends."""
        return dataclasses.replace(
            self,
            num_bytes=self.num_bytes + other.num_bytes,
            count=self.count + other.count,
            record_bytes=self.record_bytes + other.record_bytes,
        )


@dataclasses.dataclass(frozen=True)
class Order:
    """The order of the examples of a split.

    TFDS orders by a hash of key and split, so that no reader meets all of one class in a row; where
    a dataset asks for it, by the integer key itself.

    Attributes:
      disable_shuffling: Whether it is the key itself.
      group_bits: Of a hash, how many bits tell the group.
    """

    disable_shuffling: bool
    group_bits: int = _GROUP_BITS

    @classmethod
    def for_size(cls, disable_shuffling: bool, raw_bytes: int) -> Order:
        """With as many groups as a corpus of some size needs; 0 where its size is not known.

        Each group is a file, so that few small records are not dealt out to hundreds of them.
        """
        wanted = max(raw_bytes // _GROUP_BYTES, 1).bit_length() if raw_bytes else _GROUP_BITS
        return cls(disable_shuffling, min(wanted, _GROUP_BITS))

    @property
    def shift(self) -> int:
        """How many bits of a rank do not tell the group."""
        return _ORDERED_SHIFT if self.disable_shuffling else _RANK_BITS - self.group_bits

    def ranks(
        self, split: str, keys: Sequence[str | int | bytes], names: Sequence[bytes]
    ) -> np.ndarray:
        """What the order goes by.

        Args:
          split: Of the examples.
          keys: Of the examples.
          names: The keys as bytes.

        Returns:
          uint64 of shape (keys, 2), the first column more significant.

        Raises:
          ValueError: The order is that of the keys, and one is not a number that fits.
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
    """Keys as TFDS hashes them."""
    return [key if isinstance(key, bytes) else str(key).replace("\\", "/").encode() for key in keys]


@dataclasses.dataclass
class Block:
    """Records of one split, in columns.

    Attributes:
      ranks: uint64 of shape (records, 2).
      crcs: CRC-32C of each record, uint32.
      keys: Of each record.
      records: The records.
    """

    ranks: np.ndarray
    crcs: np.ndarray
    keys: list[bytes]
    records: list[bytes]

    def take(self, indices: np.ndarray) -> Block:
        """Some of the records, in another order."""
        chosen = indices.tolist()
        return Block(
            self.ranks[indices],
            self.crcs[indices],
            [self.keys[i] for i in chosen],
            [self.records[i] for i in chosen],
        )

    def part(self, start: int, stop: int) -> Block:
        """Consecutive records."""
        some = slice(start, stop)
        return Block(self.ranks[some], self.crcs[some], self.keys[some], self.records[some])

    def is_whole(self, split: str, order: Order) -> bool:
        """Whether its keys and records are those that its ranks and checksums were made of."""
        try:
            keys = [int(key) for key in self.keys] if order.disable_shuffling else self.keys
            ranks = order.ranks(split, keys, self.keys)
        except ValueError:  # No number.
            return False
        return np.array_equal(ranks, self.ranks) and np.array_equal(_crcs(self.records), self.crcs)

    @property
    def sizes(self) -> np.ndarray:
        """Bytes of each record, int64."""
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
        """The block at the position of a file.

        Args:
          file: The file.
          limit: How many bytes it takes at most.

        Raises:
          OSError: The file ends before, or holds something else.
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
    """The blocks of a segment.

    Args:
      folder: Of the segment's file.
      segment: The segment.

    Raises:
      OSError: The file is shorter than it was, or something else.
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
    """Whether a segment is what was filed; reads all of it."""
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
    """Appends byte strings: large ones as they are, without copying them together first."""
    if sum(map(len, strings)) > _LARGE * len(strings):
        file.writelines(strings)
    else:
        file.write(b"".join(strings))


def _sizes(strings: list[bytes]) -> np.ndarray:
    return np.fromiter(map(len, strings), np.int64, len(strings))


def _crcs(strings: Sequence[bytes]) -> np.ndarray:
    return np.fromiter(map(google_crc32c.value, strings), np.uint32, len(strings))


def _cut(content: bytes, sizes: np.ndarray) -> list[bytes]:
    """Consecutive byte strings of some sizes."""
    stops = np.cumsum(sizes, dtype=np.int64)
    return [content[a:b] for a, b in zip((stops - sizes).tolist(), stops.tolist())]


class RunWriter:
    """Takes the records of one piece after the other, and files them by group."""

    def __init__(self, folder: pathlib.Path, order: Order):
        """Creates files with names of their own in `folder`."""
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
        """Writes what is still in memory, and returns where the piece's records are."""
        self._flush()
        return self._filer.finish()

    def _flush(self) -> None:
        buffers, self._buffers, self._buffered = self._buffers, {}, 0
        for split, (keys, records) in buffers.items():
            names = _to_bytes(keys)
            ranks = self._order.ranks(split, keys, names)
            self._filer.add(split, Block(ranks, _crcs(records), names, records))


class _Filer:
    """Appends blocks to files, one for each split and group."""

    def __init__(self, folder: pathlib.Path, shift: int):
        self._folder = folder
        self._shift = shift
        self._prefix = f"{os.getpid()}-{next(tempfile._get_candidate_names())}"
        self._sizes: dict[str, int] = {}
        self._segments: dict[tuple[str, int], Segment] = {}

    def add(self, split: str, block: Block) -> None:
        """Deals a block out to the files."""
        groups = block.ranks[:, 0] >> np.uint64(self._shift)
        order = np.argsort(groups, kind="stable")
        block, groups = block.take(order), groups[order]
        borders = np.flatnonzero(np.diff(groups, prepend=groups[:1] + np.uint64(1)))
        for start, stop in zip(borders.tolist(), [*borders[1:].tolist(), len(groups)]):
            group = int(groups[start])
            name = f"{self._prefix}-{split}-{group}.run"
            path = self._folder / name
            with errors.file_named(path), path.open("ab") as file:
                size, record_bytes = block.part(start, stop).write(file)
            offset = self._sizes.get(name, 0)
            self._sizes[name] = offset + size
            segment = Segment(split, group, name, offset, size, stop - start, record_bytes)
            before = self._segments.get((split, group))
            self._segments[split, group] = before.joined(segment) if before else segment

    def finish(self) -> list[Segment]:
        """Where the blocks since the last call are."""
        segments, self._segments = self._segments, {}
        return list(segments.values())


def read_in_order(
    folder: epath.Path | pathlib.Path, segments: Iterable[Segment], shift: int
) -> Iterator[Block]:
    """Records of some groups of one split, in order.

    Args:
      folder: Where the files are.
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
    blocks = (block for segment in segments for block in read_blocks(folder, segment))
    if size > SORT_BYTES and shift > 0:
        yield from _deal_out(folder, segments[0].split, blocks, max(0, shift - _GROUP_BITS))
        return
    blocks = list(blocks)
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
    """Sorts a group that is too large for memory by way of smaller groups on disk."""
    # Beside the rest, where there is room; on a disk of this machine if that is on none.
    beside = folder if isinstance(folder, pathlib.Path) else None
    with tempfile.TemporaryDirectory(dir=beside) as below:
        below = pathlib.Path(below)
        filer = _Filer(below, shift)
        for block in blocks:
            filer.add(split, block)
        yield from read_in_order(below, filer.finish(), shift)
