"""Sorts records on disk, on their way from pieces to shards, with bounded memory.

Pieces yield their examples in any order; a split's shards hold them in the order of their ranks,
usually hashes of their keys. In between, records are written to files (runs), where those of one
group lie together; the first bits of a record's rank tell its group. A group is sorted in memory
when its turn comes; if it is too large for that, it is first divided into smaller groups. TFDS's
own shuffler holds up to 1 GB in memory, and as much again while it sorts.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import tempfile
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent import futures

import numpy as np
from etils import epath

from tfds_extra.core import errors
from tfds_extra.core.engines import blocks, strings

SUFFIX = ".run"  # Of the files' names.
FORMAT = 4  # Version of the files' and the journal's format; part of the journal's fingerprint.
# Records are filed when there are so many bytes of them, or after so many seconds: what was read
# since then is lost when the process dies. A worker files often, since that is little work if
# there is much to file. A process that does everything alone keeps what it read last in memory.
BUFFER_BYTES, BUFFER_SECONDS = 32 << 20, 1.0
WINDOW_BYTES, WINDOW_SECONDS = 128 << 20, 10.0
SORT_BYTES = 64 << 20  # At most so many bytes are sorted in memory at once.
_BLOCK_BYTES = 8 << 20  # About so many bytes of records are gathered in a block.
# Python's objects take so many bytes for each record that is gathered: a key, and bytes in a list.
_KEY_OVERHEAD, _LIST_OVERHEAD = 64, 64


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


def read_blocks(folder: epath.Path | pathlib.Path, segment: Segment) -> Iterator[blocks.Block]:
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
                block = blocks.Block.read(file, left)
            except OSError as e:
                if e.errno is not None:
                    raise
                raise OSError(f"{path}: cut short, or not what was written there") from e
            count += len(block.records)
            left = segment.offset + segment.num_bytes - file.tell()
            yield block
        if count != segment.count or left:
            raise OSError(f"{path}: not what was written there")


def is_whole(folder: pathlib.Path, segment: Segment, order: blocks.Order) -> bool:
    """Reads a segment; returns whether it holds what was written."""
    try:
        return all(block.is_whole(segment.split, order) for block in read_blocks(folder, segment))
    except OSError:
        return False


def _background() -> futures.Executor:
    return _thread_of(os.getpid())


@functools.cache
def _thread_of(process: int) -> futures.Executor:
    """Returns a thread of this process; that of the process that it was forked from is not here."""
    del process
    return futures.ThreadPoolExecutor(1, thread_name_prefix="records")


def _ahead(made: Generator[blocks.Block, None, None]) -> Iterator[blocks.Block]:
    """Yields the same blocks; another thread makes the next one meanwhile."""
    following = _background().submit(next, made, None)
    try:
        while (block := following.result()) is not None:
            following = _background().submit(next, made, None)
            yield block
    finally:
        futures.wait([following])
        made.close()


class RunWriter:
    """Takes the records of one piece after the other, and files them (writes them to run files)."""

    def __init__(self, folder: pathlib.Path, order: blocks.Order, *, is_alone: bool = False):
        """Prepares to write files in `folder`, with names that no other writer uses.

        Args:
          folder: Folder of the files.
          order: Order of the records.
          is_alone: Whether all records of the corpus come here, and are read back from here.
        """
        self._folder = folder
        self._order = order
        self._filer = _Filer(folder, order.shift)
        self._is_alone = is_alone
        self._most = WINDOW_BYTES if is_alone else BUFFER_BYTES
        self._finished = time.monotonic()  # When `finish` was called ...
        self._taken = 0  # ... and how many bytes have come since then.
        self._buffers: dict[str, _Buffer] = {}
        self._buffered = 0  # Bytes in the buffers.
        self._waiting = 0  # Bytes in blocks that are not written.
        self._making: futures.Future[None] | None = None

    def add(self, split: str, keys: Sequence[str | int | bytes], records: strings.Strings) -> None:
        """Takes some records; they are filed at the latest when `finish` is called."""
        buffer = self._buffers.get(split)
        if buffer is None:
            buffer = self._buffers[split] = _Buffer()
        size = buffer.add(keys, records) + _KEY_OVERHEAD * len(keys)
        self._buffered += size
        self._taken += size
        if self._buffered > min(_BLOCK_BYTES, self._most):
            self._flush()
            if self._waiting > self._most:
                self._write()

    @property
    def is_due(self) -> bool:
        """Whether `finish` should be called after a piece; else the next one is filed with it."""
        seconds = WINDOW_SECONDS if self._is_alone else BUFFER_SECONDS
        is_much = 4 * self._taken > 3 * self._most  # More might have to be filed amid a piece.
        return is_much or time.monotonic() - self._finished > seconds

    def finish(self, *, is_last: bool = False) -> list[Segment]:
        """Files all records.

        Args:
          is_last: Whether no more records will come. If all came here, the last ones stay in
            memory: the segments tell where they would lie.

        Returns:
          The segments of the records since the last call.
        """
        self._flush()
        self._wait()
        if not (is_last and self._is_alone):
            self._write()
        self._finished, self._taken = time.monotonic(), 0
        return self._filer.finish()

    def read_in_order(self, segments: Iterable[Segment]) -> Iterator[blocks.Block]:
        """Yields the records of some groups of one split, in order, as `read_in_order` does."""
        return _ahead(read_in_order(self._folder, segments, self._order.shift, self._filer.waiting))

    def _flush(self) -> None:
        """Has another thread make blocks of what is gathered; NumPy and Arrow work side by side."""
        self._wait()
        buffers, self._buffers = self._buffers, {}
        self._waiting, self._buffered = self._waiting + self._buffered, 0
        self._making = _background().submit(self._make_blocks, buffers)

    def _make_blocks(self, buffers: Mapping[str, _Buffer]) -> None:
        for split, buffer in buffers.items():
            if buffer.keys:
                self._filer.add(split, buffer.block(split, self._order))

    def _wait(self) -> None:
        """Waits for the other thread, and raises its error."""
        making, self._making = self._making, None
        if making is not None:
            making.result()

    def _write(self) -> None:
        self._wait()
        self._filer.write()
        self._waiting = 0


class _Buffer:
    """Gathers records of one split."""

    def __init__(self) -> None:
        self.keys: list[str | int | bytes] = []
        self._records: list[strings.Strings] = []

    def add(self, keys: Sequence[str | int | bytes], records: strings.Strings) -> int:
        """Gathers some records; returns how many bytes of memory they take."""
        self.keys += keys
        if not isinstance(records, list):
            records = strings.compact(records)
        if not isinstance(records, list):
            self._records.append(records)
            return int(strings.sizes(records).sum())
        if not self._records or not isinstance(self._records[-1], list):
            self._records.append([])
        self._records[-1] += records
        return sum(map(len, records)) + _LIST_OVERHEAD * len(records)

    def block(self, split: str, order: blocks.Order) -> blocks.Block:
        """Returns all records in columns."""
        names = blocks.to_bytes(self.keys)
        ranks = order.ranks(split, self.keys, names)
        crcs = np.concatenate([blocks.crcs_of(records) for records in self._records])
        records = strings.concatenated([strings.compact(some) for some in self._records])
        return blocks.Block(ranks, crcs, strings.compact(names), records)


@dataclasses.dataclass
class _Waiting:
    """Records of one group that are to be written to a file, as one block.

    Attributes:
      parts: Blocks with records of this group alone.
      count: Number of records.
      record_bytes: Number of bytes of the records alone.
      num_bytes: Number of bytes of the block in the file.
      offset: Its place in the file; -1 before it is known.
    """

    parts: list[blocks.Block] = dataclasses.field(default_factory=list)
    count: int = 0
    record_bytes: int = 0
    num_bytes: int = blocks.HEADER.size
    offset: int = -1

    def block(self) -> blocks.Block:
        """Returns the records."""
        return blocks.Block.concatenated(self.parts)


class _Filer:
    """Appends records to files, one for each split and group.

    Attributes:
      waiting: Records that are not written yet, by the name of the file.
    """

    def __init__(self, folder: pathlib.Path, shift: int):
        self.waiting: dict[str, _Waiting] = {}
        self._folder = folder
        self._shift = shift
        self._prefix = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._names: dict[tuple[str, int], str] = {}
        self._sizes: dict[str, int] = {}
        self._segments: dict[str, Segment] = {}

    def add(self, split: str, block: blocks.Block) -> None:
        """Divides a block among the files of its groups; `write` writes it there."""
        groups = block.ranks[:, 0] >> np.uint64(self._shift)
        order = np.argsort(groups, kind="stable")
        block, groups = block.take(order), groups[order]
        starts = np.flatnonzero(np.diff(groups, prepend=groups[:1] + np.uint64(1)))
        record_bytes = np.add.reduceat(block.sizes, starts)
        key_bytes = np.add.reduceat(strings.sizes(block.keys), starts)
        for group, start, stop, of_records, of_keys in zip(
            groups[starts].tolist(),
            starts.tolist(),
            [*starts[1:].tolist(), len(block)],
            record_bytes.tolist(),
            key_bytes.tolist(),
        ):
            name = f"{self._prefix}-{split}-{group}{SUFFIX}"
            self._names[split, group] = name
            waiting = self.waiting.setdefault(name, _Waiting())
            waiting.parts.append(block.part(start, stop))
            waiting.count += stop - start
            waiting.record_bytes += of_records
            waiting.num_bytes += blocks.ROW_BYTES * (stop - start) + of_keys + of_records

    def write(self) -> None:
        """Writes what waits."""
        self._place()
        for name, waiting in self.waiting.items():
            path = self._folder / name
            with errors.file_named(path), path.open("ab") as file:
                waiting.block().write(file)
        self.waiting = {}

    def finish(self) -> list[Segment]:
        """Returns the segments of all records since the last call, written or waiting."""
        self._place()
        segments, self._segments = self._segments, {}
        return list(segments.values())

    def _place(self) -> None:
        """Sets the places of what waits in the files."""
        for (split, group), name in self._names.items():
            waiting = self.waiting[name]
            waiting.offset = self._sizes.get(name, 0)
            self._sizes[name] = waiting.offset + waiting.num_bytes
            segment = Segment(
                split, group, name, waiting.offset, waiting.num_bytes, waiting.count,
                waiting.record_bytes,
            )  # fmt: skip
            before = self._segments.get(name)
            self._segments[name] = before.joined(segment) if before else segment
        self._names = {}


def read_in_order(
    folder: epath.Path | pathlib.Path,
    segments: Iterable[Segment],
    shift: int,
    waiting: Mapping[str, _Waiting] | None = None,
) -> Generator[blocks.Block, None, None]:
    """Yields the records of some groups of one split, in order.

    Args:
      folder: Folder of the files.
      segments: All segments of these groups.
      shift: `Order.shift` of the split.
      waiting: What is not written yet, by the name of the file.

    Yields:
      Blocks without keys, one after the other.

    Raises:
      DuplicateKeyError: Two records have the same key.
    """
    groups: dict[int, list[Segment]] = {}
    for segment in segments:
        groups.setdefault(segment.group, []).append(segment)
    for group in sorted(groups):
        yield from _sort_group(folder, groups[group], shift, waiting or {})


def _blocks(
    folder: epath.Path | pathlib.Path, segment: Segment, waiting: Mapping[str, _Waiting]
) -> Iterator[blocks.Block]:
    last = waiting.get(segment.file)
    if last is None or last.offset >= segment.offset + segment.num_bytes:
        yield from read_blocks(folder, segment)
        return
    if last.offset > segment.offset:  # The rest was written.
        yield from read_blocks(
            folder,
            dataclasses.replace(
                segment, num_bytes=last.offset - segment.offset, count=segment.count - last.count
            ),
        )
    yield last.block()


def _sort_group(
    folder: epath.Path | pathlib.Path,
    segments: list[Segment],
    shift: int,
    waiting: Mapping[str, _Waiting],
) -> Iterator[blocks.Block]:
    size = sum(segment.num_bytes for segment in segments)
    filed = (block for segment in segments for block in _blocks(folder, segment, waiting))
    if size > SORT_BYTES and shift > 0:
        yield from _deal_out(folder, segments[0].split, filed, max(0, shift - blocks.GROUP_BITS))
        return
    parts = list(filed)
    whole = blocks.Block.concatenated(parts)
    del parts
    # Hashes hardly ever have the same first half, so that both halves are seldom looked at.
    first = whole.ranks[:, 0]
    order = np.argsort(first)
    if not (np.diff(first[order]) != 0).all():
        order = np.lexsort((whole.ranks[:, 1], first))
    ranks = whole.ranks[order]
    same = np.flatnonzero((ranks[1:] == ranks[:-1]).all(axis=1))
    if len(same):
        key = strings.as_list(whole.keys)[order[same[0]]].decode()
        raise DuplicateKeyError(f"split {segments[0].split}: two examples have the key {key!r}")
    yield blocks.Block(ranks, whole.crcs[order], [], strings.take(whole.records, order))


def _deal_out(
    folder: epath.Path | pathlib.Path, split: str, filed: Iterable[blocks.Block], shift: int
) -> Iterator[blocks.Block]:
    """Sorts a group that is too large for memory, by dividing it into smaller groups on disk."""
    # They go to the work folder, where there is room; if that is in a bucket, to a local disk.
    beside = folder if isinstance(folder, pathlib.Path) else None
    with tempfile.TemporaryDirectory(dir=beside) as made:
        below = pathlib.Path(made)
        filer = _Filer(below, shift)
        for block in filed:
            filer.add(split, block)
            filer.write()
        yield from read_in_order(below, filer.finish(), shift)
