"""Serial and pooled preparation: the same bytes, whatever happens on the way."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import io
import itertools
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import psutil
import pytest
import tensorflow_datasets as tfds
import tiers
from apache_beam.options import pipeline_options
from apache_beam.runners.portability import fn_api_runner
from engine_corpus import EngineCorpus
from preparing import by_others
from tensorflow_datasets.core import file_adapters, hashing

from tfds_extra import core
from tfds_extra.core import locks
from tfds_extra.core.builders import preparing
from tfds_extra.core.engines import beam as beam_engine
from tfds_extra.core.engines import (
    blocks,
    journal,
    local,
    messages,
    pool,
    records,
    runs,
    strings,
    tasks,
)


def prepare(data_dir: pathlib.Path, *, config=None, **kwargs) -> EngineCorpus:
    builder = EngineCorpus(data_dir=data_dir, **kwargs)
    builder.download_and_prepare(download_config=config)
    return builder


def digests(builder) -> dict[str, str]:
    return {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in pathlib.Path(builder.data_dir).iterdir()
    }


def numbers(builder, split) -> list[int]:
    return [int(e["number"]) for e in tfds.as_numpy(builder.as_dataset(split=split))]


def remains(data_dir: pathlib.Path) -> list[str]:
    """Names of all that lies beside the prepared data."""
    return [p.name for p in (data_dir / "engine_corpus").iterdir() if p.name != "1.0.0"]


@pytest.fixture(scope="module")
def serial(tmp_path_factory) -> EngineCorpus:
    return prepare(tmp_path_factory.mktemp("serial"), num_workers=1)


@pytest.fixture
def no_process_left():
    """Fails where a process that the test has started outlives it."""
    before = {p.pid for p in psutil.process_iter() if "engines.worker" in _command(p)}
    yield
    for _ in range(50):
        left = [p for p in psutil.process_iter() if "engines.worker" in _command(p)]
        left = [p for p in left if p.pid not in before and p.status() != psutil.STATUS_ZOMBIE]
        if not left:
            return
        time.sleep(0.1)
    pytest.fail(f"still there: {left}")


@pytest.fixture
def idle_here():
    """This process does nothing that others could do."""
    with by_others():
        yield


def _command(process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.mark.slow
def test_every_example_in_the_order_of_tfds(serial, tmp_path, monkeypatch):
    assert sorted(numbers(serial, "test")) == list(range(0, 600, 5))
    assert sorted(numbers(serial, "train")) == [n for n in range(600) if n % 5]
    reference = EngineCorpus(data_dir=tmp_path)
    monkeypatch.setattr(preparing.engines, "prepare_locally", None)  # It must not be called.
    tfds.core.GeneratorBasedBuilder.download_and_prepare(reference)
    for split in ("train", "test"):
        assert numbers(reference, split) == numbers(serial, split)


@pytest.mark.parametrize("how", [{}, {"batched": True}, {"chunked": True}])
@pytest.mark.parametrize("num_workers", tiers.sampled([1, 2, 3], [2]))
def test_same_bytes(serial, tmp_path, num_workers, how, no_process_left):
    builder = prepare(tmp_path, num_workers=num_workers, **how)
    assert digests(builder) == digests(serial)
    assert remains(tmp_path) == []


@pytest.mark.parametrize("how", [{}, {"batched": True}, {"chunked": True}])
@pytest.mark.parametrize("num_workers", tiers.sampled([2, 3], [3]))
def test_same_bytes_of_others(serial, tmp_path, num_workers, how, idle_here, no_process_left):
    log = tmp_path / "log"
    builder = prepare(tmp_path / "data", num_workers=num_workers, log=str(log), **how)
    assert digests(builder) == digests(serial)
    assert sorted(log.read_text().split()) == list("012345")


@pytest.mark.parametrize("how", [{}, {"chunked": True}])
def test_all_processes_take_part(serial, tmp_path, monkeypatch, how):
    """The caller's process begins, and the other one joins it when it is ready."""
    log, here, of = tmp_path / "log", [], EngineCorpus._of

    def wait_for_the_other(self, index):
        here.append(index)
        if not log.exists() or len(log.read_text().split()) < len(here):
            time.sleep(0.2)
        return of(self, index)

    monkeypatch.setattr(EngineCorpus, "_of", wait_for_the_other)
    how = {"num_workers": 2, "num_pieces": 100, "log": str(log), **how}
    assert digests(prepare(tmp_path / "data", **how)) == digests(serial)
    assert 0 < len(here) < 100
    assert sorted(map(int, log.read_text().split())) == list(range(100))


def test_progress_within_a_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "_REPORT_RECORDS", 10)
    seen = []
    job = tasks.Job(
        read=EngineCorpus(data_dir=tmp_path)._generate_examples,
        features=EngineCorpus(data_dir=tmp_path).info.features,
        file_format=file_adapters.FileFormat.TFRECORD,
        order=blocks.Order(disable_shuffling=False),
        folder=tmp_path,
    )
    tasks.Doer(job).do(tasks.PieceTask(0, "piece 0"), seen.append)
    assert sum(seen) == 100 and len(seen) > 5


def test_a_forked_process_has_a_thread_of_its_own():
    assert runs._background().submit(os.getpid).result() == os.getpid()
    child = os.fork()
    if not child:
        # Without one of its own it would wait for ever.
        signal.alarm(20)
        os._exit(int(runs._background().submit(os.getpid).result() != os.getpid()))
    assert os.waitpid(child, 0)[1] == 0


def test_without_progress_bar(serial, tmp_path):
    tfds.disable_progress_bar()
    try:
        assert digests(prepare(tmp_path, num_workers=1)) == digests(serial)
    finally:
        tfds.enable_progress_bar()


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_shards_as_tfds_draws_them(serial, tmp_path, file_format, monkeypatch):
    config = tfds.download.DownloadConfig(num_shards=7)
    ours = prepare(tmp_path / "ours", config=config, num_workers=2, file_format=file_format)
    theirs = EngineCorpus(data_dir=tmp_path / "theirs", file_format=file_format)
    monkeypatch.setattr(preparing.engines, "prepare_locally", None)  # It must not be called.
    tfds.core.GeneratorBasedBuilder.download_and_prepare(theirs, download_config=config)
    for split in ("train", "test"):
        assert ours.info.splits[split].shard_lengths == theirs.info.splits[split].shard_lengths
        assert ours.info.splits[split].num_bytes == theirs.info.splits[split].num_bytes
        assert ours.info.splits[split].filenames == theirs.info.splits[split].filenames
    assert ours.info.metadata == serial.info.metadata  # With the order digest.


@pytest.mark.slow
def test_groups_too_large_for_memory(serial, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "GROUP_BITS", 4)
    monkeypatch.setattr(runs, "SORT_BYTES", 150)  # A record has less.
    monkeypatch.setattr(runs, "WINDOW_BYTES", 20_000)
    assert digests(prepare(tmp_path, num_workers=1)) == digests(serial)


class Filed(Exception):
    """Records were written to a run file."""


def _refuse(self):
    if self.waiting:
        raise Filed


@pytest.mark.parametrize(
    "kwargs", [{}, {"batched": True}, {"ordered": True}, {"file_format": "array_record"}]
)
def test_same_bytes_whatever_waits_in_memory(tmp_path, monkeypatch, kwargs):
    monkeypatch.setattr(blocks, "GROUP_BITS", 3)
    whole = prepare(tmp_path / "whole", num_workers=1, **kwargs)
    monkeypatch.setattr(runs, "_BLOCK_BYTES", 4_000)
    for window, is_filed in (0, True), (60_000, True), (1 << 20, False):
        monkeypatch.setattr(runs, "WINDOW_BYTES", window)
        builder = prepare(tmp_path / str(window), num_workers=1, **kwargs)
        assert digests(builder) == digests(whole)
        with monkeypatch.context() as patch:
            patch.setattr(runs._Filer, "write", _refuse)
            with pytest.raises(Filed) if is_filed else contextlib.nullcontext():
                prepare(tmp_path / f"{window} again", num_workers=1, **kwargs)


@pytest.mark.parametrize("seconds, window", [(0, 1 << 20), (10, 0)])
def test_what_took_long_or_much_is_filed(tmp_path, monkeypatch, seconds, window):
    monkeypatch.setattr(runs, "WINDOW_SECONDS", seconds)
    monkeypatch.setattr(runs, "WINDOW_BYTES", window)
    writer = runs.RunWriter(tmp_path, blocks.Order(disable_shuffling=False), is_alone=True)
    writer.add("train", ["a"], [b"record"])
    assert writer.is_due
    (segment,) = writer.finish()
    assert (tmp_path / segment.file).stat().st_size == segment.num_bytes
    assert not runs.RunWriter(tmp_path, blocks.Order(False)).is_due  # That is of a worker.


def test_what_waits_in_memory_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "WINDOW_BYTES", 100_000)
    monkeypatch.setattr(runs, "_BLOCK_BYTES", 10_000)
    writer = runs.RunWriter(tmp_path, blocks.Order(disable_shuffling=False), is_alone=True)
    most = 0
    for number in range(1_000):
        writer.add("train", [number], [b"x" * 1_000])
        writer._wait()
        waiting = sum(one.record_bytes for one in writer._filer.waiting.values())
        assert waiting < 110_000
        most = max(most, waiting)
    assert most > 80_000
    # Some are in files, and some in memory.
    segments = writer.finish(is_last=True)
    assert list(tmp_path.iterdir()) and writer._filer.waiting
    found = [
        record for block in writer.read_in_order(segments) for record in strings.each(block.records)
    ]
    assert found == [b"x" * 1_000] * 1_000


def test_small_strings_are_a_column_and_large_ones_a_list(tmp_path):
    small, large = [b"a", b"", b"cc", b"a"], [b"b" * 20_000, b"", b"c" * 50_000]
    for given, other in (small, large), (large, small):
        compact = strings.compact(given)
        assert isinstance(compact, list) == (given is large)
        assert strings.as_list(compact) == list(strings.each(compact)) == given
        assert strings.sizes(compact).tolist() == [len(one) for one in given]
        part = strings.part(compact, 1, 3)
        assert strings.as_list(part) == given[1:3]
        assert strings.as_list(strings.take(part, np.array([1, 0]))) == [given[2], given[1]]
        for some in ([part], [part, compact], [part, strings.compact(other)]):
            expected = [one for one_part in some for one in strings.as_list(one_part)]
            assert strings.as_list(strings.concatenated(some)) == expected
        with (tmp_path / "x").open("wb") as file:
            strings.write(file, part)
        with (tmp_path / "x").open("rb") as file:
            assert strings.as_list(strings.read(file, strings.sizes(part))) == given[1:3]


@pytest.mark.parametrize(
    "keys", [["a", "b\\c", "ä"], ["a", "ä"], [0, 12, 2**70, -1], [True, "x", b"y", 3], []]
)
def test_keys_are_hashed_as_tfds_does(keys):
    names = blocks.to_bytes(keys)
    found = blocks.Order(disable_shuffling=False).ranks("train", keys, names)
    hasher = hashing.Hasher("train")
    expected = [hasher.hash_key(key) for key in keys]
    assert [(int(high) << 64) + int(low) for high, low in found] == expected


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", tiers.sampled([1, 2], [1]))
@pytest.mark.parametrize("shift", [16, 3])
def test_order_of_keys(tmp_path, monkeypatch, num_workers, shift):
    monkeypatch.setattr(blocks, "_ORDERED_SHIFT", shift)
    if num_workers > 1 and shift != 16:
        pytest.skip("workers do not see the change")
    builder = prepare(tmp_path, ordered=True, num_workers=num_workers)
    assert numbers(builder, "test") == list(range(0, 600, 5))


def test_ordered_needs_integer_keys(tmp_path, monkeypatch):
    monkeypatch.setattr(EngineCorpus, "_key", lambda self, n: str(n))
    with pytest.raises(ValueError, match="integer keys"):
        prepare(tmp_path, ordered=True, num_workers=1)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_duplicate_key_is_named(tmp_path, num_workers, no_process_left):
    with pytest.raises((runs.DuplicateKeyError, core.CorpusError)) as caught:
        prepare(tmp_path, trouble="twice", num_workers=num_workers)
    # One example too many is noticed first.
    assert "split train" in str(caught.value)


@pytest.mark.parametrize("window", [0, 1 << 20])
def test_duplicate_key_in_the_right_number(tmp_path, monkeypatch, window):
    monkeypatch.setattr(runs, "WINDOW_BYTES", window)
    monkeypatch.setattr(EngineCorpus, "expected_counts", {"train": 481, "test": 120})
    with pytest.raises(runs.DuplicateKeyError, match="split train: two examples.*'row 41'"):
        prepare(tmp_path, trouble="twice", num_workers=1)
    assert remains(tmp_path) == []


@pytest.mark.parametrize("num_workers", [1, 2])
def test_error_of_a_piece(tmp_path, num_workers, no_process_left):
    with pytest.raises(core.CorpusError, match=r"^piece 3: line 3: made trouble\.$"):
        prepare(tmp_path, trouble="raise:3", num_workers=num_workers)
    assert remains(tmp_path) == []
    assert not EngineCorpus(data_dir=tmp_path).is_prepared()


def test_bad_value_names_split_and_key(tmp_path, monkeypatch):
    bad = {"number": "x", "text": "text", "vector": [0.0, 0.0, 0.0]}
    monkeypatch.setattr(EngineCorpus, "_example", lambda self, n: bad)
    with pytest.raises(ValueError, match="Split test, example 'row 0': "):
        prepare(tmp_path, num_workers=1)


@pytest.mark.slow
def test_death_of_a_worker_and_going_on(serial, tmp_path, idle_here, no_process_left):
    log = tmp_path / "log"
    with pytest.raises(pool.WorkerDiedError, match=r"^piece 4: the process .*exit status -9"):
        prepare(tmp_path, trouble="die:4", log=str(log), num_workers=3)
    assert not EngineCorpus(data_dir=tmp_path).is_prepared()
    assert remains(tmp_path) == ["unfinished.1.0.0"]
    before = log.read_text().split()
    assert set("0123") <= set(before)
    builder = prepare(tmp_path, log=str(log), num_workers=2)
    after = log.read_text().split()[len(before) :]
    # The other worker may have been in the middle of one.
    assert "4" in after and len(set("0123") & set(after)) <= 1
    assert digests(builder) == digests(serial)
    assert remains(tmp_path) == []


class InstantWorker:
    """Stands for a worker process: answers at once, with the task itself."""

    def __init__(self, job, modules, heard):
        self.tasks, self.is_ready, self._heard = collections.deque(), False, heard

    def get_ready(self):
        self._heard(self, "ready", None)

    def give(self, number, task):
        self.tasks.append((number, task))
        # A real worker answers later, in another thread.
        threading.Thread(target=self._heard, args=(self, "done", task)).start()

    def stop(self):
        pass


class Here:
    """Does tasks in this process, or raises the one called "wrong"."""

    def __init__(self):
        self.tasks = []

    def do(self, task, progress):
        self.tasks.append(task)
        if task == "wrong":
            raise ValueError("here")
        return task


def _results(workers, tasks) -> list:
    results = []
    workers.do(tasks, print, lambda *both: results.append(both))
    return sorted(results)


@pytest.mark.parametrize("is_free", [True, False])
def test_worker_that_is_ready_when_others_have_done_all(monkeypatch, is_free):
    """It must not be given two tasks: their results would be taken for each other's."""
    monkeypatch.setattr(pool, "_Worker", InstantWorker)
    how = contextlib.nullcontext() if is_free else by_others()
    with how, pool.Pool(b"", {}, 2, Here()) as workers:
        early, late = workers._workers
        early.get_ready()
        assert _results(workers, "ab") == [("a", "a"), ("b", "b")]
        late.get_ready()
        assert _results(workers, "cdefg") == [(task, task) for task in "cdefg"]
        assert _results(workers, "hij") == [(task, task) for task in "hij"]
        assert _results(workers, "") == []


def test_tasks_that_cannot_be_had(monkeypatch, idle_here):
    """Whoever asks for the next one, the caller gets the error."""
    monkeypatch.setattr(pool, "_Worker", InstantWorker)

    def unreadable():
        yield "a"
        raise OSError("cannot be read")

    with pool.Pool(b"", {}, 1, Here()) as workers:
        workers._workers[0].get_ready()
        with pytest.raises(OSError, match="cannot be read"):
            _results(workers, unreadable())


class LateWorker(InstantWorker):
    """Answers when it is asked to."""

    def give(self, number, task):
        self.tasks.append((number, task))


class LateAnswers:
    """Answers of workers, of whom the one always comes first that does the latest task.

    Tasks called "stuck" are never done, and when nothing else is left, somebody presses Ctrl-C.
    """

    def __init__(self, workers):
        self._workers = workers

    def empty(self):
        return False

    def get(self):
        busy = [one for one in self._workers if one.tasks and one.tasks[0][1] != "stuck"]
        if not busy:
            raise KeyboardInterrupt
        one = max(busy, key=lambda one: one.tasks[0])
        number, task = one.tasks[0]
        return (one, "failed", ValueError(number)) if task == "wrong" else (one, "done", task)


@pytest.fixture
def late(monkeypatch) -> pool.Pool:
    """Two workers that are ready, and give such answers; this process only reads."""
    monkeypatch.setattr(pool, "_Worker", LateWorker)
    with pool.Pool(b"", {}, 2, Here()) as workers:
        workers._answers = LateAnswers(workers._workers)
        for one in workers._workers:
            one.is_ready = True
        yield workers


def test_few_chunks_are_in_flight(late):
    """Four for each worker, and the next one: memory is bounded however slow the workers are."""
    taken = itertools.count()
    with pytest.raises(KeyboardInterrupt):
        late.do_stream(("stuck" for _ in taken), print)
    assert next(taken) == 9


def test_what_workers_have_no_room_for(late, monkeypatch):
    """It is done here, while they are busy."""
    monkeypatch.setattr(LateAnswers, "empty", lambda self: True)
    with pytest.raises(KeyboardInterrupt):
        late.do_stream(["stuck"] * 8 + ["mine", "mine, too"], print)
    assert late._doer.tasks == ["mine", "mine, too"]


def test_the_earliest_error_of_a_stream(late, monkeypatch):
    """It is not the first one that comes; what follows after an error is not begun."""

    def refused(stream, match, error=ValueError):
        with pytest.raises(error, match=match):
            late.do_stream(stream, print)
        for one in late._workers:
            one.tasks.clear()

    taken = iter(["right"] * 5 + ["wrong"] * 3 + ["right"] * 10)
    refused(taken, "^5$")
    assert list(taken) == ["right"] * 7

    def unreadable(*before):
        yield from before
        raise OSError("cannot be read")

    refused(unreadable("right", "right"), "cannot be read", OSError)
    refused(unreadable("right", "wrong"), "^1$")
    # The ninth task is done here.
    monkeypatch.setattr(LateAnswers, "empty", lambda self: True)
    refused(["right"] * 3 + ["wrong"] + ["right"] * 4 + ["wrong"], "^3$")
    refused(["right"] * 8 + ["wrong"] * 2, "^here$")


def test_each_process_is_asked_once(late):
    asked = []
    for one in late._workers:
        one.give = lambda number, task, give=one.give, one=one: (
            asked.append(one) or give(number, task)
        )
    assert late.each("finish") == ["finish"] * 3
    assert asked == late._workers and late._doer.tasks == ["finish"]


@pytest.mark.parametrize("num_workers", [1, 2])
def test_error_of_a_chunk(tmp_path, num_workers, no_process_left):
    """What is wrong before the place that cannot be read is the earlier error."""
    with pytest.raises(core.CorpusError, match=r"^piece 3: line 3: made trouble\.$"):
        prepare(tmp_path, chunked=True, trouble="raise:3", num_workers=num_workers)
    with pytest.raises(core.CorpusError, match=r"^stream: piece 3: cannot be read\.$"):
        prepare(tmp_path, chunked=True, trouble="unreadable:3", num_workers=num_workers)
    assert remains(tmp_path) == []


@pytest.mark.slow
def test_death_of_a_worker_in_a_stream(serial, tmp_path, idle_here, no_process_left):
    """The stream is read again, and what was filed of it before is gone."""
    with pytest.raises(pool.WorkerDiedError, match=r"^stream: piece 4: the process .*status -9"):
        prepare(tmp_path, chunked=True, trouble="die:4", num_workers=3)
    assert remains(tmp_path) == ["unfinished.1.0.0"]
    left = tmp_path / "engine_corpus" / "unfinished.1.0.0"
    (left / "12-ab-train-0.run").write_bytes(b"of a process that was killed")
    builder = prepare(tmp_path, chunked=True, num_workers=2)
    assert digests(builder) == digests(serial)
    assert remains(tmp_path) == []


def test_records_of_what_was_not_finished_are_removed(tmp_path):
    work = journal.Journal(tmp_path / "work", "one")
    work.add_pieces([0], [runs.Segment("train", 3, "a.run", 0, 10, 2, 8)])
    for name in ("a.run", "b.run"):
        (work.folder / name).write_bytes(bytes(17))
    local._clear_unfinished(work)
    found = {path.name: path.stat().st_size for path in work.folder.glob("*.run")}
    assert found == {"a.run": 10}


def test_large_bytes_go_through_shared_memory():
    descriptor = messages.Memory.create()
    if descriptor is None:
        pytest.skip("this system has no memory without a name")
    ours, theirs = messages.Memory(descriptor), messages.Memory(descriptor)
    os.close(descriptor)
    sent = [
        {"large": [b"a" * 5000, b"b" * 70_000], "small": b"c"},
        b"d" * (3 << 20),
        [b"e" * (3 << 20), b"f" * (3 << 20), b"g" * 5000],  # More than there is room for.
    ]
    for message in sent:
        stream = io.BytesIO()
        messages.send(stream, message, ours)
        stream.seek(0)
        assert messages.receive(stream, theirs) == message
        assert len(stream.getvalue()) < 300 or message is sent[2]
    # Two messages may be on their way.
    stream = io.BytesIO()
    messages.send(stream, b"h" * 5000, ours)
    messages.send(stream, b"i" * 5000, ours)
    stream.seek(0)
    assert [messages.receive(stream, theirs)[:1] for _ in range(2)] == [b"h", b"i"]


@pytest.mark.slow
def test_without_shared_memory(serial, tmp_path, monkeypatch, idle_here, no_process_left):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert digests(prepare(tmp_path, chunked=True, num_workers=2)) == digests(serial)


def test_workers_do_not_import_tensorflow(tmp_path, idle_here, no_process_left):
    log = tmp_path / "log"
    prepare(tmp_path, trouble="modules:0", log=str(log), num_workers=2)
    modules = log.read_text().split()
    assert "tensorflow_datasets" in modules and "tensorflow" not in modules


@pytest.mark.slow
def test_changed_input_starts_afresh(tmp_path, idle_here, no_process_left):
    log = tmp_path / "log"
    with pytest.raises(pool.WorkerDiedError):
        prepare(tmp_path, trouble="die:4", log=str(log), num_workers=2)
    log.unlink()
    prepare(tmp_path, rows=900, num_pieces=9, log=str(log), num_workers=2)
    assert sorted(log.read_text().split()) == [str(i) for i in range(9)]


@pytest.mark.parametrize("limit, train, test", [(10, 10, 10), (100, 100, 100), (130, 130, 120)])
def test_first_examples_only(tmp_path, limit, train, test):
    config = tfds.download.DownloadConfig(max_examples_per_split=limit)
    log = tmp_path / "log"
    builder = prepare(tmp_path, config=config, partial=True, log=str(log))
    assert sorted(numbers(builder, "test")) == list(range(0, 600, 5))[:test]
    assert sorted(numbers(builder, "train")) == [n for n in range(600) if n % 5][:train]
    assert len(log.read_text().split()) == {10: 1, 100: 5, 130: 6}[limit]


# --------------------------------------------------------------------------------- Apache Beam


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param([], id="in memory"),
        pytest.param(
            ["--direct_running_mode=multi_processing", "--direct_num_workers=2"],
            id="two processes",
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.parametrize("how", [{}, {"batched": True, "chunked": True}])
def test_beam_writes_the_same_bytes(tmp_path, flags, how, monkeypatch):
    # Beam's own worker processes have to find the corpus of these tests.
    monkeypatch.setenv("PYTHONPATH", str(pathlib.Path(__file__).parent))
    options = pipeline_options.PipelineOptions(flags)
    config = tfds.download.DownloadConfig(
        beam_runner=fn_api_runner.FnApiRunner(), beam_options=options, num_shards=3
    )
    builder = prepare(tmp_path / "beam", config=config, **how)
    config = tfds.download.DownloadConfig(num_shards=3)
    assert digests(builder) == digests(prepare(tmp_path, config=config, num_workers=1))


@pytest.mark.slow
def test_beam_on_another_file_system(serial, tmp_path, monkeypatch):
    """Through the paths of TFDS, which lead to buckets as well; here to this disk."""
    monkeypatch.setattr(preparing, "_is_local", lambda folder: False)
    monkeypatch.setattr(runs, "SORT_BYTES", 150)  # A record has less.
    config = tfds.download.DownloadConfig(beam_runner=fn_api_runner.FnApiRunner())
    assert digests(prepare(tmp_path, config=config)) == digests(serial)
    assert remains(tmp_path) == []


@pytest.mark.slow
def test_only_tasks_go_through_beam(tmp_path, monkeypatch):
    """Beam's local runner holds in memory what it groups."""
    log = tmp_path / "log"

    def watched(function):
        def call(*args):
            result = function(*args)
            with log.open("a") as lines:
                lines.write(f"{len(pickle.dumps(result))}\n")
            return result

        return call

    for name in ("_read_piece", "_write_shard"):
        monkeypatch.setattr(beam_engine, name, watched(getattr(beam_engine, name)))
    monkeypatch.setattr(EngineCorpus, "_example", _large_example)
    config = tfds.download.DownloadConfig(beam_runner=fn_api_runner.FnApiRunner())
    builder = prepare(tmp_path, config=config, num_pieces=2)
    assert builder.info.splits["train"].num_bytes > 4_000_000
    seen = [int(line) for line in log.read_text().split()]
    assert len(seen) == 4 and max(seen) < 100_000


def _large_example(self, n):
    return {"number": n, "text": "x" * 10_000, "vector": np.zeros(3, np.float32)}


def test_beam_takes_no_part(tmp_path):
    config = tfds.download.DownloadConfig(
        beam_runner=fn_api_runner.FnApiRunner(), max_examples_per_split=1
    )
    with pytest.raises(ValueError, match="max_examples_per_split does not go with Beam"):
        prepare(tmp_path, config=config, partial=True)


@pytest.mark.slow
def test_beam_options_alone_choose_a_runner_that_needs_no_network(serial, tmp_path):
    config = tfds.download.DownloadConfig(
        beam_options=pipeline_options.PipelineOptions(["--direct_num_workers=1"])
    )
    assert prepare(tmp_path, config=config).info.metadata == serial.info.metadata


def test_split_of_which_nobody_states_the_number(tmp_path, monkeypatch):
    """It has as many examples as were read, but some; all others are counted."""
    counts = {"train": 480, "test": 0}
    monkeypatch.setattr(EngineCorpus, "expected_counts", counts)
    builder = prepare(tmp_path)
    assert builder.info.splits["test"].num_examples == 120
    assert builder.info.metadata["missing"] == {"train": 0, "test": 0}
    assert EngineCorpus(data_dir=tmp_path).is_prepared()
    counts["more"] = 0
    with pytest.raises(core.CorpusError, match="split more: 0 examples were read.* has some"):
        prepare(tmp_path / "other")
    builder = prepare(tmp_path / "part", partial=True)
    assert builder.info.metadata["missing"] == {"train": 0, "test": 0, "more": 0}


@pytest.mark.slow
def test_beam_passes_errors_on(tmp_path):
    config = tfds.download.DownloadConfig(beam_runner=fn_api_runner.FnApiRunner())
    with pytest.raises(Exception, match="piece 3: line 3: made trouble"):
        prepare(tmp_path, config=config, trouble="raise:3")
    assert not EngineCorpus(data_dir=tmp_path).is_prepared()
    with pytest.raises(core.CorpusError, match="examples were read, the publisher has"):
        prepare(tmp_path, config=config, rows=600, num_pieces=7)
    assert not EngineCorpus(data_dir=tmp_path).is_prepared()


# ------------------------------------------------------------------- processes that are stopped

_SCRIPT = """
    # No `if __name__ == "__main__"`: a script must not be run again by its workers.
    import sys
    sys.path.insert(0, {tests!r})
    import engine_corpus
    builder = engine_corpus.EngineCorpus(
        data_dir={data_dir!r}, trouble={trouble!r}, log={log!r}, num_workers=2
    )
    print("begin", flush=True)
    builder.download_and_prepare()
    print(builder.info.splits.total_num_examples)
"""


def start(data_dir: pathlib.Path, log: pathlib.Path, trouble: str = "slow") -> subprocess.Popen:
    """Starts a script that prepares slowly, with two workers."""
    tests = str(pathlib.Path(__file__).parent)
    script = textwrap.dedent(_SCRIPT).format(
        tests=tests, data_dir=str(data_dir), log=str(log), trouble=trouble
    )
    path = log.with_suffix(".py")
    path.write_text(script)
    return subprocess.Popen(
        [sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_pieces(log: pathlib.Path, count: int) -> None:
    """Waits until so many pieces were begun."""
    for _ in range(600):
        if log.exists() and len(log.read_text().split()) >= count:
            return
        time.sleep(0.05)
    pytest.fail("the pieces were not begun")


@pytest.mark.parametrize("begun", tiers.sampled([1, 3, 5], [5]))
def test_kill_9_at_any_moment(serial, tmp_path, begun, no_process_left):
    log = tmp_path / "log"
    process = start(tmp_path / "data", log)
    wait_for_pieces(log, begun)
    process.kill()
    process.communicate()
    assert not EngineCorpus(data_dir=tmp_path / "data").is_prepared()
    with pytest.raises(AssertionError, match="could not find data"):
        EngineCorpus(data_dir=tmp_path / "data").as_dataset()
    finished = len(log.read_text().split())
    builder = prepare(tmp_path / "data", log=str(log), num_workers=1)
    assert digests(builder) == digests(serial)
    assert remains(tmp_path / "data") == []
    # Those are read again that were at work, and what the worker told of meanwhile: the caller's
    # process hears it when its own piece goes on, which here is at its end.
    assert len(log.read_text().split()) <= 6 + 4 and finished >= begun


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_control_c(tmp_path, no_process_left):
    log = tmp_path / "log"
    process = start(tmp_path / "data", log, "stuck")
    wait_for_pieces(log, 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0 and "KeyboardInterrupt" in errors
    assert not EngineCorpus(data_dir=tmp_path / "data").is_prepared()


def test_two_processes_at_the_same_time(serial, tmp_path, no_process_left):
    log = tmp_path / "log"
    processes = [start(tmp_path / "data", log) for _ in range(2)]
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert output.split()[-1] == "600"
    assert sorted(log.read_text().split()) == list("012345")
    assert digests(EngineCorpus(data_dir=tmp_path / "data")) == digests(serial)
    assert remains(tmp_path / "data") == []


def test_prepared_data_is_reused_without_writing(tmp_path, monkeypatch):
    prepare(tmp_path)

    def refuse(*args):
        raise PermissionError("read-only")

    monkeypatch.setattr(locks, "alone", refuse)
    assert prepare(tmp_path).info.splits.total_num_examples == 600


def test_remains_of_tfds_are_cleared(serial, tmp_path):
    left = tmp_path / "engine_corpus" / "incomplete.ABCDEF_1.0.0"
    left.mkdir(parents=True)
    (left / "file").write_text("of a process that was killed")
    other = tmp_path / "engine_corpus" / "incomplete.ABCDEF_2.0.0"
    other.mkdir()
    assert digests(prepare(tmp_path)) == digests(serial)
    assert remains(tmp_path) == [other.name]


# -------------------------------------------------------------------------------------- journal


def test_journal(tmp_path):
    folder = tmp_path / "work"
    segment = runs.Segment("train", 3, "a.run", 0, 10, 2, 8)
    first = journal.Journal(folder, "one")
    first.add_pieces([0], [segment])
    shard = records.Shard(99, "of its records")
    first.add_shard("train-0", shard)
    first.close()
    with (folder / "journal.jsonl").open("a") as file:
        file.write('{"pieces": [1], "segm')  # Killed while it wrote.
    again = journal.Journal(folder, "one")
    assert again.pieces == {0} and again.shards == {"train-0": shard}
    assert list(again.segments()) == [segment] and again.counts() == {"train": 2}
    again.add_pieces([1], [])
    again.close()
    assert journal.Journal(folder, "one").pieces == {0, 1}
    assert journal.Journal(folder, "two").pieces == set()
    (folder / "journal.jsonl").write_text("garbage\n")
    assert journal.Journal(folder, "two").pieces == set()


def test_pieces_that_were_filed_together_are_lost_together(tmp_path):
    folder = tmp_path / "work"
    book = journal.Journal(folder, "one")
    whole, lost = (runs.Segment("train", 3, name, 0, 10, 2, 8) for name in ("a.run", "b.run"))
    book.add_pieces([0, 1], [whole])
    book.add_pieces([2, 3, 4], [whole, lost])
    book.close()
    book = journal.Journal(folder, "one")
    assert book.pieces == {0, 1, 2, 3, 4}
    book.forget(
        is_shard_whole=lambda name, shard: True,
        needed=lambda: {("train", 3)},
        is_segment_whole=lambda segment: segment.file == "a.run",
    )
    assert book.pieces == {0, 1} and list(book.segments()) == [whole]
    again = runs.Segment("train", 3, "c.run", 0, 10, 2, 8)
    book.add_pieces([3], [again])  # Killed before the others were read again.
    for one in (book, journal.Journal(folder, "one")):
        assert one.pieces == {0, 1, 3} and list(one.segments()) == [whole, again]


def test_journal_joins_what_lies_together(tmp_path):
    """Its memory must not grow with the number of pieces."""
    book = journal.Journal(tmp_path / "work", "one")
    for piece in range(100):
        book.add_pieces([piece], [runs.Segment("train", 3, "a.run", 10 * piece, 10, 2, 8)])
    # What a process that died had in hand lies in between.
    book.add_pieces([100], [runs.Segment("train", 3, "a.run", 1005, 10, 1, 9)])
    book.add_pieces([101], [runs.Segment("test", 3, "b.run", 0, 10, 4, 9)])
    for again in (book, journal.Journal(tmp_path / "work", "one")):
        assert list(again.segments()) == [
            runs.Segment("train", 3, "a.run", 0, 1000, 200, 800),
            runs.Segment("train", 3, "a.run", 1005, 10, 1, 9),
            runs.Segment("test", 3, "b.run", 0, 10, 4, 9),
        ]
        assert again.counts() == {"train": 201, "test": 4}


def test_fingerprint_tells_files_apart(tmp_path):
    path = tmp_path / "file"
    path.write_text("a")
    one = journal.fingerprint(path, core.Tree(tmp_path), {"a": [1]})
    assert journal.fingerprint(path, core.Tree(tmp_path), {"a": [1]}) == one
    assert journal.fingerprint(path, core.Tree(tmp_path), {"a": [2]}) != one
    os.utime(path, (1, 1))
    assert journal.fingerprint(path, core.Tree(tmp_path), {"a": [1]}) != one
    assert journal.size((core.Tree(tmp_path), [path, 3])) == 2


def test_tree_that_many_pieces_share_is_looked_at_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a")
    asked = []
    fingerprint = core.Tree.fingerprint
    monkeypatch.setattr(
        core.Tree, "fingerprint", lambda tree: asked.append(tree) or fingerprint(tree)
    )
    tree, other = core.Tree(tmp_path), core.Tree(tmp_path)
    pieces = [(tree, number) for number in range(9)]
    assert journal.size(pieces) == 1
    one = journal.fingerprint(pieces)
    assert asked == [tree, tree]
    # Which piece has which tree makes a difference.
    assert journal.fingerprint([(tree, 0), (other, 1), (tree, 2)]) != journal.fingerprint(
        [(tree, 0), (other, 1), (other, 2)]
    )
    assert journal.fingerprint(pieces[:-1]) != one
