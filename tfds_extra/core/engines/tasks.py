"""The kinds of task in a preparation, and how a process does them."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import file_adapters, naming
from tensorflow_datasets.core.utils import shard_utils

from tfds_extra.core import pieces
from tfds_extra.core.engines import blocks, records, runs
from tfds_extra.core.serializing import ExampleEncoder

Progress = Callable[[int], None]  # Called now and then with the number of examples since last time.
_REPORT_RECORDS = 256
_REPORT_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Job:
    """The settings that all tasks of a preparation share.

    Attributes:
      read: The builder's `_generate_examples`, or its `Chunked`.
      features: The builder's features.
      file_format: Format of the shards.
      order: Order of the examples of each split.
      folder: The work folder; to read a piece, it has to be on a disk of this machine.
    """

    read: pieces.ReadPiece
    features: tfds.features.FeaturesDict
    file_format: file_adapters.FileFormat
    order: blocks.Order
    folder: pathlib.Path | epath.Path


@dataclasses.dataclass(frozen=True)
class PieceTask:
    """The task to read a piece, and file its records.

    Attributes:
      index: Number of the piece.
      piece: The piece.
      limit: The most examples to take, by split; None for all.
    """

    index: int
    piece: Any
    limit: dict[str, int] | None = None

    def __str__(self) -> str:
        return str(self.piece)


@dataclasses.dataclass(frozen=True)
class ChunkTask:
    """The task to make examples of a chunk, and file their records.

    Attributes:
      piece: The piece that the chunk is from.
      chunk: The chunk.
    """

    piece: Any
    chunk: pieces.Chunk

    def __str__(self) -> str:
        return f"{self.piece}: {self.chunk.place}"


@dataclasses.dataclass(frozen=True)
class FinishTask:
    """The task to file the records that a process still has.

    It comes when all pieces are read, and at the end of a piece that is divided.
    """


Filed = tuple[list[int], list[runs.Segment]]  # Numbers of pieces, and where their records lie.


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """The task to write a shard.

    Attributes:
      split: Split of the shard.
      name: File name of the shard.
      segments: The segments of all groups of which the shard has records.
      skip: How many records of these groups come before the shard's first one.
      count: How many records the shard holds.
    """

    split: str
    name: str
    segments: tuple[runs.Segment, ...]
    skip: int
    count: int

    def __str__(self) -> str:
        return self.name


def plan_shards(
    split: str,
    segments: Iterable[runs.Segment],
    template: naming.ShardedFileTemplate,
    shard_config: shard_utils.ShardConfig,
) -> list[ShardTask]:
    """Returns the shards of a split, with the same borders as TFDS's own writer.

    Args:
      split: The split.
      segments: Segments of all pieces and splits.
      template: Names of the shards.
      shard_config: TFDS's settings of shard sizes.
    """
    by_group: dict[int, list[runs.Segment]] = {}
    for segment in segments:
        if segment.split == split:
            by_group.setdefault(segment.group, []).append(segment)
    counts = {group: sum(s.count for s in by_group[group]) for group in sorted(by_group)}
    total = sum(counts.values())
    num_bytes = sum(s.record_bytes for some in by_group.values() for s in some)
    number = shard_config.get_number_shards(num_bytes, total)
    shards, start = [], 0
    for index, stop in enumerate(shard_utils.get_shard_boundaries(total, number)):
        needed, before, skip = [], 0, 0
        for group, count in counts.items():
            if before + count <= start:
                skip = before + count
            elif before < stop:
                needed += by_group[group]
            before += count
        name = os.path.basename(template.sharded_filepath(shard_index=index, num_shards=number))
        shards.append(ShardTask(split, name, tuple(needed), start - skip, stop - start))
        start = stop
    return shards


class Doer:
    """Does tasks of one job."""

    def __init__(self, job: Job, *, is_alone: bool = False):
        """Gets ready.

        Args:
          job: The job.
          is_alone: Whether this `Doer` does all tasks, so that records may stay in its memory.
        """
        self._job = job
        self._encode = ExampleEncoder(job.features)
        self._filed = runs.RunWriter(job.folder, job.order, is_alone=is_alone)
        self._read: list[int] = []  # Pieces of which was not told yet where their records lie.

    def do(self, task: PieceTask | ChunkTask | FinishTask | ShardTask, progress: Progress) -> Any:
        """Does a task.

        Returns:
          `Filed` or None for a piece, since small ones are filed together; nothing for a chunk;
          `Filed` for a `FinishTask`; a `records.Shard`.
        """
        if isinstance(task, ChunkTask):
            assert isinstance(self._job.read, pieces.Chunked)
            return self._file(self._job.read.make(task.piece, task.chunk), None, progress)
        if isinstance(task, PieceTask):
            self._file(self._job.read(task.piece), task.limit, progress)
            self._read.append(task.index)
            if not self._filed.is_due and task.limit is None:
                return None
        if isinstance(task, ShardTask):
            return self._write_shard(task, progress)
        read, self._read = self._read, []
        return read, self._filed.finish(is_last=isinstance(task, FinishTask))

    def _file(
        self,
        items: Iterable[pieces.SplitExample | pieces.Rows],
        limit: dict[str, int] | None,
        progress: Progress,
    ) -> None:
        left = dict(limit) if limit is not None else None
        report = _Report(progress)
        for item in items:
            if isinstance(item, pieces.Rows):
                self._file_rows(item)
                report.add(len(item.keys))
                continue
            (split, key), example = item
            if left is not None:
                if not left[split]:
                    if not any(left.values()):
                        break
                    continue
                left[split] -= 1
            self._filed.add(split, (key,), [self._encode_one(split, key, example)])
            report.add(1)
        report.send()

    def _encode_one(self, split: str, key: Any, example: Any) -> bytes:
        try:
            return self._encode.encode(example)
        except Exception as e:
            tfds.core.utils.reraise(e, prefix=f"Split {split}, example {key!r}: ")
            raise  # Never reached, which a type checker cannot know.

    def _file_rows(self, rows: pieces.Rows) -> None:
        try:
            encoded = self._encode.encode_columns(rows.columns, len(rows.keys))
        except Exception as e:
            where = f"Split {rows.split}, one of the examples from {rows.keys[0]!r} on: "
            tfds.core.utils.reraise(e, prefix=where)
            raise  # As above.
        self._filed.add(rows.split, rows.keys, encoded)

    def _write_shard(self, task: ShardTask, progress: Progress) -> records.Shard:
        report = _Report(progress)

        def part() -> Iterator[blocks.Block]:
            ordered = self._filed.read_in_order(task.segments)
            # The first and the last group are sorted as a whole, so that a key that is also in the
            # neighbouring shard is noticed.
            before = -task.skip
            for block in ordered:
                size = len(block)
                start, stop = max(0, -before), min(size, task.count - before)
                before += size
                if start < stop:
                    yield block.part(start, stop)
                    report.add(stop - start)
            report.send()

        path = self._job.folder / task.name
        count, shard = records.write_shard(path, part(), self._job.file_format)
        if count != task.count:
            raise OSError(f"{path}: {count} records were found, not {task.count}")
        return shard


class _Report:
    """Adds up numbers of examples, so that progress is reported only now and then."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._count = 0
        self._sent = time.monotonic()

    def add(self, count: int) -> None:
        """Counts examples."""
        self._count += count
        if self._count >= _REPORT_RECORDS or time.monotonic() - self._sent > _REPORT_SECONDS:
            self.send()

    def send(self) -> None:
        """Reports the examples that were not reported yet."""
        self._progress(self._count)
        self._count = 0
        self._sent = time.monotonic()


def pickled(job: Job) -> bytes | None:
    """Returns the pickled job for a worker process, or None if it cannot be passed to one.

    Builders that are defined in a notebook or script, and patched builders, cannot be passed.
    """
    builder = pieces.builder_of(job.read)
    if builder is not None and type(builder).__module__ == "__main__":
        return None
    try:
        return pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
