"""Prepares on Apache Beam, with which a corpus can be prepared on many machines.

It takes the same two steps as on one machine: every piece is read once and its records are filed,
then every shard is written. Only the tasks and their results go through Beam, a few bytes for
megabytes of records. So memory is bounded with every runner. If Beam sorted the records, its local
runner would hold all of them in memory. The shards are those of the other engines, byte for byte.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import pathlib
import pickle
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import download, file_adapters, naming
from tensorflow_datasets.core.utils import shard_utils

from tfds_extra.core import disk, errors, pieces
from tfds_extra.core.engines import blocks, journal, messages, runs, tasks
from tfds_extra.core.engines.prepared import PreparedSplit, prepared_split
from tfds_extra.core.errors import CorpusError

_COUNTS, _SHARDS = "counts.json", "shards.json"
_ERROR, _ATTEMPT = "error.pickle", "attempt.pickle"
_TEMPORARY = "point TMPDIR of the workers to another disk"
_COPIED_BYTES = 16 << 20
_COLUMNS = ("group", "offset", "num_bytes", "count", "record_bytes")


def prepare_on_beam(
    generators: Mapping[str, pieces.SplitExamples],
    *,
    features: tfds.features.FeaturesDict,
    filename_templates: Mapping[str, naming.ShardedFileTemplate],
    file_format: file_adapters.FileFormat,
    download_config: download.DownloadConfig,
    disable_shuffling: bool,
    check_counts: Callable[[dict[str, int]], Any],
    work_folder: pathlib.Path | epath.Path,
) -> list[PreparedSplit]:
    """Reads each piece once and writes all splits, in one Beam pipeline.

    Args:
      generators: From `_split_generators`; the pieces and the builder are pickled.
      features: The builder's features.
      filename_templates: Paths of the shards of each split, in a folder that all workers reach.
      file_format: Format of the shards.
      download_config: It has `beam_runner`, `beam_options` or both.
      disable_shuffling: Whether examples keep the order of their integer keys.
      check_counts: Raises when the number of examples by split is wrong.
      work_folder: Folder of unfinished work, which all workers reach, with room for all records. It
        is removed in the end.

    Returns:
      The splits that have examples.

    Raises:
      CorpusError: Reading or `check_counts` raises it.
      OSError: A disk is full, or a file cannot be written or read.
      ValueError: `max_examples_per_split` is set.
    """
    errors.require("apache_beam", "apache-beam", "A beam_runner or beam_options")
    import apache_beam as beam
    from apache_beam.options import pipeline_options

    if download_config.max_examples_per_split is not None:
        # If pieces are read at the same time, it is not known which examples come first.
        raise ValueError("max_examples_per_split does not go with Beam.")
    options = download_config.beam_options or pipeline_options.PipelineOptions()
    runner = download_config.beam_runner
    if runner is None and not options.view_as(pipeline_options.StandardOptions).runner:
        # Beam's default first tries to fetch a program from the network (apache/beam#34612).
        runner = "FnApiRunner"
    first = next(iter(generators.values()))
    raw_bytes = journal.size(first.pieces)
    job = tasks.Job(
        read=first.read,
        features=features,
        file_format=file_format,
        order=blocks.Order.for_size(disable_shuffling, raw_bytes),
        folder=work_folder,
    )
    shard_config = download_config.get_shard_config()
    _remove(work_folder)
    work_folder.mkdir(parents=True)
    try:
        try:
            with (
                errors.disk_full_named(work_folder),
                beam.Pipeline(runner=_named(runner), options=options) as pipeline,
            ):
                _ = (
                    pipeline
                    | "Pieces" >> beam.Create(list(first.pieces))
                    | "Pieces apart" >> beam.Reshuffle()
                    | "Read" >> beam.FlatMap(_noting_errors, _read_piece, job)
                    | "All pieces" >> beam.combiners.ToList()
                    | "Plan"
                    >> beam.FlatMap(
                        _plan, filename_templates, shard_config, check_counts, work_folder
                    )
                    | "Shards apart" >> beam.Reshuffle()
                    | "Write" >> beam.FlatMap(_noting_errors, _write_shard, job)
                    | "All shards" >> beam.combiners.ToList()
                    | "Note" >> beam.Map(_note, work_folder / _SHARDS)
                )
        except Exception as e:
            _raise_noted(work_folder, e)
            raise
        _raise_noted(work_folder)
        check_counts(json.loads((work_folder / _COUNTS).read_text()))
        written = json.loads((work_folder / _SHARDS).read_text())
        shards: dict[str, list[tasks.ShardTask]] = {}
        for split, name, count, _ in sorted(written):
            shards.setdefault(split, []).append(tasks.ShardTask(split, name, (), 0, count))
        sizes = {name: num_bytes for _, name, _, num_bytes in written}
        return [
            prepared_split(split, shards[split], sizes, work_folder, filename_templates)
            for split in generators
            if split in shards
        ]
    finally:
        _remove(work_folder)


def _named(runner: Any) -> Any:
    if runner == "FnApiRunner":
        from apache_beam.runners.portability import fn_api_runner

        return fn_api_runner.FnApiRunner()
    return runner


def _remove(folder: pathlib.Path | epath.Path) -> None:
    if isinstance(folder, pathlib.Path):
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.exists():
        folder.rmtree()


@dataclasses.dataclass(frozen=True)
class _Filed:
    """The segments of a piece in a compact form, because Beam holds those of all pieces.

    Attributes:
      file: Name of the file that they are in.
      groups: For each split, an int64 array with a row for each segment and columns `_COLUMNS`.
    """

    file: str
    groups: dict[str, np.ndarray]

    @classmethod
    def of(cls, file: str, segments: Sequence[runs.Segment]) -> _Filed:
        """Makes the compact form of segments that are all in one file."""
        groups: dict[str, list[tuple[int, ...]]] = {}
        for segment in segments:
            row = tuple(getattr(segment, name) for name in _COLUMNS)
            groups.setdefault(segment.split, []).append(row)
        return cls(file, {split: np.array(rows, np.int64) for split, rows in groups.items()})

    def segments(self) -> Iterator[runs.Segment]:
        """Yields the segments that `of` was given."""
        for split, rows in self.groups.items():
            for row in rows.tolist():
                yield runs.Segment(split=split, file=self.file, **dict(zip(_COLUMNS, row)))


def _noting_errors(task: Any, do: Callable[[Any, tasks.Job], Any], job: tasks.Job) -> Iterator[Any]:
    """Does a task, and notes its error in a file for the process that waits for the pipeline.

    Beam passes an error on with some hundred lines of its own, after it has tried the task several
    times. An error that would come again is therefore not raised, but noted, and all tasks that
    have not begun are skipped.

    Yields:
      The result of the task, if it has one.
    """
    note = job.folder / _ERROR
    if note.exists():
        return
    try:
        result = do(task, job)
    except Exception as e:
        lasting = isinstance(e, ValueError) or (
            isinstance(e, OSError) and e.errno in (errno.ENOSPC, errno.EFBIG)
        )
        # Another attempt may succeed after other errors, so the error of the last attempt is noted.
        note_or_attempt = note if lasting else job.folder / _ATTEMPT
        with contextlib.suppress(OSError):  # The folder may be on the full disk.
            note_or_attempt.write_bytes(pickle.dumps(messages.portable(e)))
            if lasting:
                return
        raise
    yield result


def _raise_noted(folder: pathlib.Path | epath.Path, of_beam: Exception | None = None) -> None:
    """Raises the error that `_noting_errors` has noted, with Beam's own error as its cause."""
    for name in (_ERROR, _ATTEMPT) if of_beam else (_ERROR,):
        if (folder / name).exists():
            raise pickle.loads((folder / name).read_bytes()) from of_beam


def _read_piece(piece: Any, job: tasks.Job) -> _Filed:
    """Files the records of a piece in one file, where those of each group lie together."""
    with tempfile.TemporaryDirectory() as made, errors.disk_full_named(made, _TEMPORARY):
        here = pathlib.Path(made)
        doer = tasks.Doer(dataclasses.replace(job, folder=here))
        # Each attempt has a file name of its own, so that files of failed attempts are never used.
        name = f"{uuid.uuid4().hex}.run"
        read = _count("examples_read")
        _, segments = doer.do(tasks.PieceTask(0, piece), read) or doer.do(tasks.FinishTask(), read)
        filed, offset = [], 0
        path = job.folder / name
        with _writing(path) as file:
            for segment in sorted(segments, key=lambda s: (s.split, s.group)):
                with (here / segment.file).open("rb") as part:
                    shutil.copyfileobj(part, file, _COPIED_BYTES)
                (here / segment.file).unlink()
                filed.append(dataclasses.replace(segment, file=name, offset=offset))
                offset += segment.num_bytes
    return _Filed.of(name, filed)


@contextlib.contextmanager
def _writing(path: pathlib.Path | epath.Path) -> Iterator[BinaryIO]:
    """Yields a new file in the work folder; an error names the file, which is then removed."""
    with errors.disk_full_named(path.parent), errors.file_named(path):
        try:
            with path.open("wb") as file:
                yield file
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _plan(
    filed: list[_Filed],
    filename_templates: Mapping[str, naming.ShardedFileTemplate],
    shard_config: shard_utils.ShardConfig,
    check_counts: Callable[[dict[str, int]], Any],
    work_folder: pathlib.Path | epath.Path,
) -> Iterator[tasks.ShardTask]:
    """Yields the shards of all splits; none if a piece was not read or a count is wrong."""
    if (work_folder / _ERROR).exists():
        return
    segments = [segment for one in filed for segment in one.segments()]
    counts = dict.fromkeys(filename_templates, 0)
    for segment in segments:
        counts[segment.split] += segment.count
    _note(counts, work_folder / _COUNTS)
    try:
        check_counts(counts)
    except CorpusError:
        return  # The waiting process checks the counts too, and raises without Beam's own words.
    for split, template in filename_templates.items():
        if counts[split]:
            yield from tasks.plan_shards(split, segments, template, shard_config)


def _write_shard(task: tasks.ShardTask, job: tasks.Job) -> tuple[str, str, int, int]:
    with errors.disk_full_named(job.folder):
        shard = tasks.Doer(job).do(task, _count("examples_written"))
        disk.wait()
    return task.split, task.name, task.count, shard.num_bytes


def _note(content: Any, path: pathlib.Path | epath.Path) -> None:
    """Writes a result to a file for the process that waits for the pipeline."""
    path.write_text(json.dumps(content))


def _count(what: str) -> tasks.Progress:
    """Returns a function that counts examples in a metric that the runner shows."""
    from apache_beam import metrics

    return metrics.Metrics.counter("tfds_extra", what).inc
