"""Prepares on this machine, in this process or in a pool of workers."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import download, file_adapters, naming, utils

from tfds_extra.core import disk, errors
from tfds_extra.core.archives import ArchiveError
from tfds_extra.core.engines import blocks, journal, pool, records, runs, tasks
from tfds_extra.core.engines.prepared import PreparedSplit, prepared_split
from tfds_extra.core.pieces import Chunked, SplitExamples, builder_of

# So many pieces or more are given to workers whole: that keeps more cores busy than one process can
# read for. Fewer, which often differ much in size, are read here, one after the other, and divided.
_WHOLE_PIECES = 8

_LASTING = errors.CorpusError, ArchiveError, runs.DuplicateKeyError


def prepare_locally(
    generators: Mapping[str, SplitExamples],
    *,
    features: tfds.features.FeaturesDict,
    filename_templates: Mapping[str, naming.ShardedFileTemplate],
    file_format: file_adapters.FileFormat,
    download_config: download.DownloadConfig,
    disable_shuffling: bool,
    check_counts: Callable[[dict[str, int]], Any],
    expected_counts: Mapping[str, int],
    work_folder: pathlib.Path,
    identity: Sequence[Any],
    num_workers: int | None,
    serial_bytes: int,
) -> list[PreparedSplit]:
    """Reads each piece once and writes all splits.

    Args:
      generators: From `_split_generators`.
      features: The builder's features.
      filename_templates: Paths of the shards of each split.
      file_format: Format of the shards.
      download_config: Shard sizes and `max_examples_per_split`.
      disable_shuffling: Whether examples keep the order of their integer keys.
      check_counts: Raises when the number of examples by split is wrong.
      expected_counts: Number of examples by split, for the progress bar.
      work_folder: Folder of unfinished work, on the same file system as the shards. A later call
        goes on from it, if this one was stopped or its result was not published. After publishing,
        the caller removes the folder.
      identity: All that, together with the pieces, decides what the shards hold.
      num_workers: Number of processes, this one included; None for one per core if that saves time.
      serial_bytes: For a raw corpus with fewer bytes, workers do not save time.

    Returns:
      The splits that have examples.

    Raises:
      CorpusError: Reading or `check_counts` raises it.
      WorkerDiedError: A worker died.
      OSError: The disk is full, or a file cannot be written or read.
    """
    first = next(iter(generators.values()))
    limit = download_config.max_examples_per_split
    shard_config = download_config.get_shard_config()
    raw_bytes = journal.size(first.pieces)
    order = blocks.Order.for_size(disable_shuffling, raw_bytes)
    state = journal.fingerprint(
        identity,
        first.pieces,
        file_format.value,
        # The limit counts what was read in this run, so that a limited preparation never goes on
        # from an earlier one: its fingerprint is unique.
        None if limit is None else uuid.uuid4().hex,
        dataclasses.astuple(shard_config),
        order,
        runs.FORMAT,
    )
    with errors.disk_full_named(work_folder):
        work = journal.Journal(work_folder, state)
        job = tasks.Job(
            read=first.read,
            features=features,
            file_format=file_format,
            order=order,
            folder=work_folder,
        )
        if limit is not None or (num_workers is None and raw_bytes < serial_bytes):
            num_workers = 1  # With a limit, the first examples are those of the first pieces.

        def plan() -> dict[str, list[tasks.ShardTask]]:
            counts, segments = work.counts(), list(work.segments())
            return {
                split: tasks.plan_shards(split, segments, filename_templates[split], shard_config)
                for split in generators
                if split in counts
            }

        try:
            if not work.is_new:
                _forget_lost(work, job, len(first.pieces), plan)
                _clear_unfinished(work)
            with _processes(job, len(first.pieces), num_workers) as processes:
                left = len(first.pieces) - len(work.pieces)
                is_divided = isinstance(job.read, Chunked) and left < _WHOLE_PIECES
                if is_divided and not processes.is_alone:
                    _read_divided(work, job, first.pieces, processes, expected_counts)
                else:
                    _read_pieces(work, first.pieces, processes, expected_counts, limit)
                check_counts(work.counts())
                shards = plan()
                _write_shards(work, shards, processes)
            sizes = {name: shard.num_bytes for name, shard in work.shards.items()}
            prepared = [
                prepared_split(split, shards[split], sizes, work.folder, filename_templates)
                for split in shards
            ]
        except BaseException as e:
            with contextlib.suppress(OSError):
                disk.wait()  # Its errors belong to this preparation, not to the next one.
            # Finished work goes if the corpus would be refused again, or if the disk is full.
            if isinstance(e, _LASTING) or errors.is_disk_full(e):
                work.remove()
            else:
                work.close()  # A later preparation goes on from the finished work.
            raise
        work.close()
    return prepared


def cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _forget_lost(
    work: journal.Journal,
    job: tasks.Job,
    num_pieces: int,
    plan: Callable[[], Mapping[str, list[tasks.ShardTask]]],
) -> None:
    """Forgets finished work of an earlier process that is not there or not whole any more.

    After a power cut, files that were not synced may have lost their end, or their whole content.
    """

    def needed() -> set[tuple[str, int]]:
        segments = work.segments()
        if len(work.pieces) == num_pieces:
            left = (t for split in plan().values() for t in split if t.name not in work.shards)
            segments = (segment for task in left for segment in task.segments)
        return {(segment.split, segment.group) for segment in segments}

    work.forget(
        is_shard_whole=lambda name, shard: records.is_whole(work.folder / name, shard),
        needed=needed,
        is_segment_whole=lambda segment: runs.is_whole(work.folder, segment, job.order),
    )


def _clear_unfinished(work: journal.Journal) -> None:
    """Removes the filed records of pieces that an earlier process has not finished.

    Nothing reads them, and a piece may be the whole corpus.
    """
    stops: dict[str, int] = {}
    for segment in work.segments():
        stop = segment.offset + segment.num_bytes
        stops[segment.file] = max(stop, stops.get(segment.file, 0))
    for path in work.folder.glob(f"*{runs.SUFFIX}"):
        if path.name not in stops:
            path.unlink()
        elif path.stat().st_size > stops[path.name]:
            os.truncate(path, stops[path.name])


def _processes(job: tasks.Job, num_pieces: int, num_workers: int | None) -> pool.Pool:
    """Returns what does tasks, in this process and perhaps in others."""
    if num_workers is None:
        num_workers = cores() if isinstance(job.read, Chunked) else min(cores(), num_pieces)
    pickled = tasks.pickled(job) if num_workers > 1 else None
    if pickled is None:
        return pool.Pool(b"", {}, 0, tasks.Doer(job, is_alone=True))
    module = type(builder_of(job.read) or job).__module__
    modules = {module: getattr(sys.modules[module], "__file__", None) or ""}
    return pool.Pool(pickled, modules, num_workers - 1, tasks.Doer(job))


def _read_divided(
    work: journal.Journal,
    job: tasks.Job,
    pieces: Sequence[Any],
    processes: pool.Pool,
    expected_counts: Mapping[str, int],
) -> None:
    """Reads in this process all pieces that are not finished, and has their records filed in all."""
    assert isinstance(job.read, Chunked)
    with _bar("Reading", sum(expected_counts.values())) as bar:
        bar.update(sum(work.counts().values()))
        for index, piece in enumerate(pieces):
            if index in work.pieces:
                continue
            chunks = (tasks.ChunkTask(piece, chunk) for chunk in job.read.read(piece))
            processes.do_stream(chunks, bar.update)
            # Records of many chunks are kept in memory before they are written, so that each
            # process is asked where its records lie only at the end.
            filed = processes.each(tasks.FinishTask())
            work.add_pieces([index], [segment for _, segments in filed for segment in segments])


def _read_pieces(
    work: journal.Journal,
    pieces: Sequence[Any],
    processes: pool.Pool,
    expected_counts: Mapping[str, int],
    limit: int | None,
) -> None:
    """Files the records of all pieces whose records are not filed yet."""
    counts = {split: 0 for split in expected_counts}

    def left() -> dict[str, int] | None:
        return None if limit is None else {s: limit - n for s, n in counts.items()}

    def is_enough() -> bool:
        rest = left()
        return rest is not None and not any(rest.values())

    def todo() -> Iterator[tasks.PieceTask]:
        for index, piece in enumerate(pieces):
            if index not in work.pieces and not is_enough():
                yield tasks.PieceTask(index, piece, left())

    def filed(told: tasks.Filed | None) -> None:
        if told is None:  # The records of a small piece are filed with those of the next one.
            return
        indices, segments = told
        work.add_pieces(indices, segments)
        for segment in segments:
            counts[segment.split] = counts.get(segment.split, 0) + segment.count

    with _bar("Reading", sum(expected_counts.values())) as bar:
        bar.update(sum(work.counts().values()))
        processes.do(todo(), bar.update, lambda task, told: filed(told))
        for told in processes.each(tasks.FinishTask()):
            filed(told)


def _write_shards(
    work: journal.Journal, shards: Mapping[str, list[tasks.ShardTask]], processes: pool.Pool
) -> None:
    """Writes all shards that are not written yet."""
    all_shards = [task for split in shards.values() for task in split]
    # A file of records is removed as soon as all shards that need it are written.
    needed_by: dict[str, set[str]] = {}
    for task in all_shards:
        for segment in task.segments:
            needed_by.setdefault(segment.file, set()).add(task.name)

    def written(task: tasks.ShardTask, shard: records.Shard) -> None:
        work.add_shard(task.name, shard)
        for segment in task.segments:
            waiting = needed_by.get(segment.file)
            if waiting is not None and not waiting - set(work.shards):
                (work.folder / segment.file).unlink(missing_ok=True)
                del needed_by[segment.file]

    todo = [task for task in all_shards if task.name not in work.shards]
    total, left = (sum(task.count for task in some) for some in (all_shards, todo))
    with _bar("Writing", total) as bar:
        bar.update(total - left)
        processes.do(todo, bar.update, written)


def _bar(what: str, total: int) -> Any:
    return utils.tqdm(
        total=total, desc=f"{what} examples...", unit=" examples", leave=False, mininterval=1.0
    )
