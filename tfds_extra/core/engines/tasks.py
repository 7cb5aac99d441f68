"""The two kinds of work that preparing consists of, as a worker process or this one does them."""

from __future__ import annotations

import dataclasses
import pathlib
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters

from tfds_extra.core import pieces
from tfds_extra.core.engines import records, runs
from tfds_extra.core.serializer import ExampleEncoder

Progress = Callable[[int], None]  # Called now and then with the number of examples since.
_REPORT_EVERY = 256


@dataclasses.dataclass(frozen=True)
class Job:
    """What does not change from task to task.

    Attributes:
      read: The builder's `_generate_examples`.
      features: Of the builder.
      file_format: Of the shards.
      disable_shuffling: Whether examples keep the order of their integer keys.
      folder: Where unfinished work lies.
    """

    read: pieces.ReadPiece
    features: tfds.features.FeaturesDict
    file_format: file_adapters.FileFormat
    disable_shuffling: bool
    folder: pathlib.Path


@dataclasses.dataclass(frozen=True)
class PieceTask:
    """Read a piece, and file its records.

    Attributes:
      index: Number of the piece.
      piece: The piece.
      limit: At most so many examples of each split; None for all.
    """

    index: int
    piece: Any
    limit: dict[str, int] | None = None

    def __str__(self) -> str:
        return str(self.piece)


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """Write a shard.

    Attributes:
      split: Its split.
      name: Its file name.
      segments: The records of all groups that have a part in it.
      skip: How many of these come before the shard's first one.
      count: How many it holds.
    """

    split: str
    name: str
    segments: tuple[runs.Segment, ...]
    skip: int
    count: int

    def __str__(self) -> str:
        return self.name


class Doer:
    """Does tasks of one job."""

    def __init__(self, job: Job):
        self._job = job
        self._encode = ExampleEncoder(job.features)
        self._filed = runs.RunWriter(job.folder, job.disable_shuffling)

    def do(self, task: PieceTask | ShardTask, progress: Progress) -> Any:
        """Does a task: segments of a piece, or number of bytes of the records of a shard."""
        if isinstance(task, PieceTask):
            return self._read_piece(task, progress)
        return self._write_shard(task, progress)

    def _read_piece(self, task: PieceTask, progress: Progress) -> list[runs.Segment]:
        left = dict(task.limit) if task.limit is not None else None
        unreported = 0
        for item in self._job.read(task.piece):
            if isinstance(item, pieces.Rows):
                split, keys = item.split, item.keys
                encoded = self._encode_rows(item)
            else:
                (split, key), example = item
                if left is not None:
                    if not left[split]:
                        if not any(left.values()):
                            break
                        continue
                    left[split] -= 1
                keys, encoded = (key,), (self._encode_one(split, key, example),)
            for key, record in zip(keys, encoded, strict=True):
                self._filed.add(split, key, record)
            unreported += len(keys)
            if unreported >= _REPORT_EVERY:
                progress(unreported)
                unreported = 0
        progress(unreported)
        return self._filed.finish_piece()

    def _encode_one(self, split: str, key: Any, example: Any) -> bytes:
        try:
            return self._encode.encode(example)
        except Exception as e:
            tfds.core.utils.reraise(e, prefix=f"Split {split}, example {key!r}: ")

    def _encode_rows(self, rows: pieces.Rows) -> list[bytes]:
        try:
            return self._encode.encode_batch(rows.columns, len(rows.keys))
        except Exception as e:
            where = f"Split {rows.split}, one of the examples from {rows.keys[0]!r} on: "
            tfds.core.utils.reraise(e, prefix=where)

    def _write_shard(self, task: ShardTask, progress: Progress) -> int:
        def part() -> Iterator[tuple[int, bytes]]:
            unreported = 0
            shift = runs.Order(task.split, self._job.disable_shuffling).shift
            ordered = runs.read_in_order(self._job.folder, task.segments, shift)
            # The whole of the first and last group is sorted, so that a key which the shard before
            # or after has too is noticed.
            for number, (place, _, record) in enumerate(ordered, start=-task.skip):
                if 0 <= number < task.count:
                    yield place, record
                    unreported += 1
                    if unreported >= _REPORT_EVERY:
                        progress(unreported)
                        unreported = 0
            progress(unreported)

        path = self._job.folder / task.name
        count, num_bytes = records.write_shard(path, part(), self._job.file_format)
        if count != task.count:
            raise OSError(f"{path}: {count} records were found, not {task.count}")
        return num_bytes


def pickled(job: Job) -> bytes | None:
    """The job for a worker process, or None if it cannot be passed to one.

    That is so of builders that are defined in a notebook or script, and of patched ones.
    """
    builder = getattr(job.read, "__self__", None)
    if builder is not None and type(builder).__module__ == "__main__":
        return None
    try:
        return pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
