"""A preparation that dies: what it has finished is kept, and what was lost is done again."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import resource
import subprocess
import sys
import threading
from concurrent import futures

import pytest
import tensorflow_datasets as tfds
from apache_beam.runners.portability import fn_api_runner
from engine_corpus import EngineCorpus
from tensorflow_datasets.core import file_adapters

from tfds_extra import core
from tfds_extra.core import disk
from tfds_extra.core.engines import blocks, journal, local, records, runs

_CRASHES = pathlib.Path(__file__).with_name("crashes.py")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks")


def crashes(repository: pathlib.Path, *arguments: str) -> None:
    """Runs the script, in a process that has not imported TensorFlow: forks of those hang."""
    result = subprocess.run(
        [sys.executable, str(_CRASHES), *arguments],
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr[-3000:]
    assert "kinds of loss" in result.stdout


def test_a_sample_of_crashes(repository):
    crashes(repository, "--every", "23")


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
@pytest.mark.parametrize("corpus", ["made_up", "free_spoken_digit"])
def test_more_crashes(repository, corpus, file_format):
    """Of every corpus and format; all of them take too long: CONTRIBUTING.md has the command."""
    crashes(repository, "--corpus", corpus, "--file_format", file_format, "--every", "11")


def prepare(data_dir: pathlib.Path, config=None, **kwargs) -> EngineCorpus:
    builder = EngineCorpus(data_dir=data_dir, num_workers=1, **kwargs)
    builder.download_and_prepare(download_config=config)
    return builder


def contents(data_dir: pathlib.Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (data_dir / "engine_corpus").rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """All files of a preparation that nothing has stopped."""
    data_dir = tmp_path_factory.mktemp("whole")
    prepare(data_dir)
    return contents(data_dir)


class Stopped(BaseException):
    """Stops a preparation somewhere."""


@contextlib.contextmanager
def stopped_at(monkeypatch, owner, name: str, call: int, error: BaseException):
    """Has a function raise when it is called for the nth time, which has to happen inside."""
    function, calls = getattr(owner, name), []

    def stopping(*args, **kwargs):
        calls.append(args)
        if len(calls) == call:
            raise error
        return function(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stopping)
        with pytest.raises(type(error)):
            yield


@pytest.mark.parametrize(
    "error, has_links",
    [
        (Stopped(), True),
        (Stopped(), False),
        (FileNotFoundError(2, "x"), True),
        (RuntimeError("x"), True),
        (ValueError("x"), False),
    ],
)
def test_shards_are_kept_until_they_are_published(tmp_path, monkeypatch, whole, error, has_links):
    log = tmp_path / "log"
    if not has_links:
        monkeypatch.setattr(os, "link", _no_links)
    with stopped_at(monkeypatch, disk, "put", 2, error):
        prepare(tmp_path, log=str(log))
    assert not EngineCorpus(data_dir=tmp_path).is_prepared()
    log.unlink()
    prepare(tmp_path, log=str(log))
    assert contents(tmp_path) == whole
    # Without links the shard that was moved went with TFDS's folder, and is made again.
    assert log.exists() == (not has_links)


def _no_links(*args):
    raise PermissionError(1, "Operation not permitted")


def test_what_tfds_fails_to_publish_is_kept(tmp_path, monkeypatch, whole):
    log = tmp_path / "log"
    with stopped_at(monkeypatch, disk, "sync_all", 1, OSError(5, "Input/output error")):
        prepare(tmp_path, log=str(log))
    log.unlink()
    prepare(tmp_path, log=str(log))
    assert contents(tmp_path) == whole and not log.exists()


def test_all_is_synced_before_it_is_published(tmp_path, monkeypatch):
    order = []
    sync, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda f: order.append(_name(f)) or sync(f))
    monkeypatch.setattr(
        os, "rename", lambda a, b, **k: order.append(f"-> {b}") or rename(a, b, **k)
    )
    builder = prepare(tmp_path)
    published = order.index(f"-> {builder.data_dir}")
    names = {pathlib.Path(name).name for name in order[:published]}
    assert {p.name for p in pathlib.Path(builder.data_dir).iterdir()} <= names
    folder = pathlib.Path(builder.data_dir).parent
    assert order[published + 1 :] == [str(folder), str(folder.parent)]


def _name(file: int) -> str:
    return os.readlink(f"/proc/self/fd/{file}")


@pytest.fixture
def slow_disk(monkeypatch):
    """Lets nothing come to the disk until it is set; it refuses what is called "bad"."""
    ready = threading.Event()

    def sync_and_close(file: int, name: str) -> None:
        ready.wait(10)
        os.close(file)
        if pathlib.Path(name).name == "bad":
            raise OSError(5, "Input/output error", name)

    monkeypatch.setattr(disk, "_sync_and_close", sync_and_close)
    monkeypatch.setattr(disk, "_BACKGROUND_BYTES", 1)
    yield ready
    ready.set()


def test_few_files_are_open_where_the_disk_is_slow(tmp_path, monkeypatch, slow_disk):
    monkeypatch.setattr(disk, "_MOST_PENDING", 5)
    before, most = len(os.listdir("/proc/self/fd")), 0
    timer = threading.Timer(0.5, slow_disk.set)
    timer.start()
    with (tmp_path / "x").open("wb") as file:
        writeback = disk.Writeback(file)
        for _ in range(100):
            file.write(b"x")
            writeback.go_on()
            most = max(most, len(os.listdir("/proc/self/fd")) - before)
    disk.wait()
    timer.join()
    assert most <= 1 + 5 + 1  # The file, what waits, and what has just been done.


def test_what_the_disk_refuses_is_told_once_to_who_wrote_it(tmp_path, slow_disk):
    for name in ("bad", "good", "bad"):
        with (tmp_path / name).open("wb") as file:
            file.write(b"x")
            disk.Writeback(file).go_on(to_end=True)
    slow_disk.set()
    with futures.ThreadPoolExecutor(1) as other:
        other.submit(disk.wait).result()
    with pytest.raises(OSError, match="bad"):
        disk.wait()
    disk.wait()


@pytest.mark.parametrize("remains", ["unfinished.1.0.0/x", "1.0.0.lock"])
def test_what_was_left_after_publishing_is_removed(tmp_path, whole, remains):
    prepare(tmp_path)
    left = tmp_path / "engine_corpus" / remains
    left.parent.mkdir(exist_ok=True)
    left.touch()
    assert prepare(tmp_path).info.splits.total_num_examples == 600
    assert contents(tmp_path) == whole


# What a power cut makes of a file that was not synced.
DAMAGE = {
    "shorter": lambda content: content[:-10],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "zeros at the end": lambda content: content[: len(content) // 2].ljust(len(content), b"\0"),
    "a flipped bit": lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:],
    "gone": lambda content: None,
}


def damage(path: pathlib.Path, how: str) -> None:
    content = DAMAGE[how](path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)


@pytest.mark.parametrize(
    "what, file_format, how",
    [
        *(pytest.param("shard", "tfrecord", how, marks=pytest.mark.slow) for how in DAMAGE),
        ("shard", "array_record", "zeros at the end"),
        ("shard", "array_record", "a flipped bit"),
        ("digests", "tfrecord", "shorter"),
        pytest.param("digests", "array_record", "gone", marks=pytest.mark.slow),
    ],
)
def test_damaged_shards_are_written_again(tmp_path, monkeypatch, what, file_format, how):
    kwargs = {"file_format": file_format}
    prepare(tmp_path / "whole", **kwargs)
    data_dir = tmp_path / "data"
    with stopped_at(monkeypatch, disk, "put", 1, Stopped()):
        prepare(data_dir, **kwargs)
    work = data_dir / "engine_corpus" / "unfinished.1.0.0"
    end = ".digests" if what == "digests" else "-of-00001"
    (path,) = [p for p in work.iterdir() if p.name.endswith(end) and "train" in p.name]
    damage(path, how)
    log = tmp_path / "log"
    prepare(data_dir, log=str(log), **kwargs)
    assert contents(data_dir) == contents(tmp_path / "whole")
    assert log.exists()  # The records of the shard were removed when it was written.


@pytest.mark.parametrize(
    "how, ordered", [*((how, False) for how in DAMAGE), ("zeros", True), ("zeros at the end", True)]
)
def test_damaged_records_are_read_again(tmp_path, monkeypatch, how, ordered):
    monkeypatch.setattr(blocks, "GROUP_BITS", 2)
    monkeypatch.setattr(runs, "WINDOW_BYTES", 0)  # Each piece is filed when it was read.
    whole = prepare(tmp_path / "whole", ordered=ordered)
    with stopped_at(monkeypatch, local, "_write_shards", 1, Stopped()):
        prepare(tmp_path / "data", ordered=ordered)
    work = tmp_path / "data" / "engine_corpus" / "unfinished.1.0.0"
    damage(sorted(work.glob("*.run"))[0], how)
    log = tmp_path / "log"
    builder = prepare(tmp_path / "data", ordered=ordered, log=str(log))
    assert builder.info.metadata == whole.info.metadata
    assert contents(tmp_path / "data") == contents(tmp_path / "whole")
    read = log.read_text().split()
    if how == "shorter":
        assert read == ["5"]  # The last piece in that file.
    else:
        assert 1 <= len(read) <= 6


@pytest.mark.parametrize("seconds", [0, 10])
def test_what_was_only_in_memory_is_read_again(tmp_path, monkeypatch, whole, seconds):
    monkeypatch.setattr(runs, "WINDOW_SECONDS", seconds)
    log = tmp_path / "log"
    with stopped_at(monkeypatch, local, "_write_shards", 1, Stopped()):
        prepare(tmp_path / "data", log=str(log))
    log.unlink()
    prepare(tmp_path / "data", log=str(log))
    assert contents(tmp_path / "data") == whole
    assert (log.read_text().split() if log.exists() else []) == (list("012345") if seconds else [])


def test_garbage_where_a_number_of_records_should_be_takes_no_memory(tmp_path):
    (tmp_path / "a.run").write_bytes(b"\xff" * 1000)
    segment = runs.Segment("train", 0, "a.run", 0, 1000, 5, 10)
    with pytest.raises(OSError, match=r"a\.run: cut short, or not what was written there"):
        list(runs.read_blocks(tmp_path, segment))
    assert not runs.is_whole(tmp_path, segment, blocks.Order(False))


def test_a_part_is_not_gone_on_with(tmp_path, monkeypatch):
    """Which examples are the first depends on what was read before."""
    config = tfds.download.DownloadConfig(max_examples_per_split=130)
    with stopped_at(monkeypatch, disk, "put", 1, Stopped()):
        prepare(tmp_path, config, partial=True)
    builder = prepare(tmp_path, config, partial=True)
    assert builder.info.splits["train"].num_examples == 130


def test_journal_forgets_what_is_not_there(tmp_path):
    folder = tmp_path / "work"
    book = journal.Journal(folder, "one")
    assert book.is_new
    segments = [runs.Segment("train", n % 2, f"{n}.run", 0, 10, 2, 8) for n in range(4)]
    for index, segment in enumerate(segments):
        book.add_pieces([index], [segment])
    shards = {name: records.Shard(9, name) for name in ("a", "b")}
    for name, shard in shards.items():
        book.add_shard(name, shard)
    book.close()

    def reopened(whole_shards, needed, whole_segments) -> journal.Journal:
        book = journal.Journal(folder, "one")
        assert not book.is_new and book.shards == shards and book.pieces == {0, 1, 2, 3}
        book.forget(
            is_shard_whole=lambda name, shard: name in whole_shards and shard == shards[name],
            needed=lambda: needed,
            is_segment_whole=lambda segment: segment.file in whole_segments,
        )
        return book

    book = reopened("ab", {}, [])
    assert book.pieces == {0, 1, 2, 3} and book.shards == shards
    book = reopened("a", {("train", 1)}, ["1.run"])
    assert book.pieces == {0, 1, 2} and list(book.shards) == ["a"]
    again = dataclasses.replace(segments[3], file="again.run")
    book.add_pieces([3], [again])
    book.add_shard("b", shards["b"])
    for one in (book, reopened("ab", {("train", 1)}, ["1.run", "again.run"])):
        assert list(one.segments()) == [*segments[:3], again]


@pytest.mark.parametrize(
    "content", [b"\0" * 100 + b"\n", b"\xff\n", b"[]\n", b'{"pieces": [1], "seg']
)
def test_journal_counts_up_to_what_is_damaged(tmp_path, content):
    folder = tmp_path / "work"
    book = journal.Journal(folder, "one")
    book.add_pieces([0], [])
    book.close()
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes() + content + b'{"pieces": [2], "segments": []}\n')
    assert journal.Journal(folder, "one").pieces == {0}
    book = journal.Journal(folder, "one")
    book.add_pieces([3], [])
    assert journal.Journal(folder, "one").pieces == {0, 3}


# ------------------------------------------------------------------------------ errors of the disk


def on_beam() -> tfds.download.DownloadConfig:
    return tfds.download.DownloadConfig(beam_runner=fn_api_runner.FnApiRunner())


@pytest.mark.slow
def test_an_error_on_beam_is_that_of_one_process(tmp_path, caplog):
    with pytest.raises(core.CorpusError) as here:
        prepare(tmp_path / "here", trouble="raise:3")
    log = tmp_path / "log"
    caplog.clear()
    with pytest.raises(core.CorpusError) as there:
        prepare(tmp_path / "there", on_beam(), trouble="raise:3", log=str(log))
    assert str(there.value) == str(here.value) == "piece 3: line 3: made trouble."
    assert log.read_text().split().count("3") == 1 and "made trouble" not in caplog.text
    assert contents(tmp_path / "there") == {}


def test_an_unexpected_error_on_beam_has_its_words_behind_it(tmp_path, monkeypatch):
    def fail(self, n):
        raise ZeroDivisionError("for once")

    monkeypatch.setattr(EngineCorpus, "_example", fail)
    with pytest.raises(ZeroDivisionError, match="^for once$") as caught:
        prepare(tmp_path, on_beam())
    assert "while running" in str(caught.value.__cause__)


@contextlib.contextmanager
def file_size_limit(num_bytes: int):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _large_example(self, n):
    return {"number": n, "text": os.urandom(5_000).hex(), "vector": [0.0, 0.0, 0.0]}


@pytest.mark.slow
@pytest.mark.parametrize("config", [None, on_beam()], ids=["here", "Beam"])
@pytest.mark.parametrize("file_format, limit, name", [
    ("tfrecord", 1_000_000, r"(\.run|-of-00001\.unfinished)"),
    ("array_record", 1_000_000, r"(\.run|-of-00001\.unfinished)"),
    ("tfrecord", 1_000, r"\.run"),
])  # fmt: skip
def test_file_too_large(tmp_path, monkeypatch, config, file_format, limit, name):
    monkeypatch.setattr(EngineCorpus, "_example", _large_example)
    if name == r"\.run":  # Here, the last records go to shards without being filed.
        monkeypatch.setattr(runs, "WINDOW_BYTES", 0)
    with pytest.raises(OSError, match=rf"^\[Errno 27\] File too large: '/.*{name}'$"):
        with file_size_limit(limit):
            prepare(tmp_path, config, file_format=file_format)


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 200 KB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("file_format", [file_adapters.FileFormat.TFRECORD.value, "array_record"])
@pytest.mark.parametrize("rows", [60, 600])
def test_full_disk_on_beam(tiny_disk, monkeypatch, file_format, rows):
    """In the second step, and in the first."""
    monkeypatch.setattr(EngineCorpus, "_example", _large_example if rows > 60 else _small_example)
    with pytest.raises(OSError, match=r"^\[Errno 28\] The disk is full;.*'/.*unfinished'$"):
        prepare(tiny_disk, on_beam(), rows=rows, num_pieces=3, file_format=file_format)
    assert contents(tiny_disk) == {}


def _small_example(self, n):
    return {"number": n, "text": os.urandom(1_000).hex(), "vector": [0.0, 0.0, 0.0]}


@pytest.mark.slow
def test_full_disk_of_temporary_files_on_beam(tiny_disk, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tiny_disk))
    monkeypatch.setattr(EngineCorpus, "_example", _large_example)
    with pytest.raises(OSError, match=rf"The disk is full;.*TMPDIR.*'{tiny_disk}/.*'$"):
        prepare(tmp_path / "data", on_beam())
