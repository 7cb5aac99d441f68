"""One at a time, also with other users, and where there are no locks."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from engine_corpus import EngineCorpus

from tfds_extra.core import locks

needs_users = pytest.mark.skipif(
    not hasattr(os, "setuid") or os.getuid() != 0, reason="only root becomes two other users"
)

# What `alone` does in a process of its own, which may be of another user.
_SCRIPT = """
import os, pathlib, runpy, sys, time
module, path, user, umask, then = sys.argv[1:]
alone = runpy.run_path(module)["alone"]  # Without all else that the package imports.
os.umask(int(umask, 8))
if int(user):
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))
print("begun", flush=True)
with alone(pathlib.Path(path), time.sleep) as locked:
    print("locked" if locked else "no lock", flush=True)
    if then == "hold":
        sys.stdin.readline()
"""


@pytest.fixture
def shared_folder():
    """A folder that every user may write to."""
    # Not below `tmp_path`: whoever starts pytest takes the rights to that from all other users.
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o755)
        folder = pathlib.Path(parent, "shared")
        folder.mkdir()
        folder.chmod(0o777)
        yield folder


@pytest.fixture
def holder():
    """Starts processes that want the lock; they end with the test."""
    with contextlib.ExitStack() as stack:

        def start(path: pathlib.Path, user: int = 0, umask: str = "022", then: str = "hold"):
            process = subprocess.Popen(
                [sys.executable, "-c", _SCRIPT, locks.__file__, str(path), str(user), umask, then],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout.readline().strip() == "begun", process.stderr.read()
            return process

        yield start


def said(process: subprocess.Popen) -> str:
    """What a process says of the lock, once it has it or knows that there is none."""
    return process.stdout.readline().strip() or process.stderr.read()


def ends(process: subprocess.Popen) -> None:
    process.stdin.close()
    assert process.wait(timeout=30) == 0


@needs_users
@pytest.mark.parametrize("umask", ["022", "077"])
def test_a_lock_left_by_a_killed_user_stops_nobody(holder, shared_folder, umask):
    path = shared_folder / "x.lock"
    first = holder(path, 1001, umask)
    assert said(first) == "locked"
    first.kill()
    first.wait()
    assert path.exists()
    second = holder(path, 1002)
    assert said(second) == "locked"
    ends(second)
    assert list(shared_folder.iterdir()) == []


@needs_users
@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_lock_file_that_must_not_be_written_to(holder, shared_folder, mode):
    """Nobody holds it: it is removed, or, where that cannot be found out, done without."""
    path = shared_folder / "x.lock"
    path.touch()
    path.chmod(mode)
    process = holder(path, 1002)
    assert said(process) == ("locked" if mode == 0o644 else "no lock")
    ends(process)
    assert path.exists() == (mode == 0o600)


@needs_users
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o755], ids=oct)
def test_another_user_waits(holder, shared_folder, mode):
    path = shared_folder / "x.lock"
    first = holder(path, 1001)
    assert said(first) == "locked"
    os.chown(shared_folder, 1001, 1001)
    shared_folder.chmod(mode)
    second = holder(path, 1002)
    time.sleep(0.5)
    assert second.poll() is None
    ends(first)
    # In a folder that must not be written to, what the other has made is there by now.
    assert said(second) == ("no lock" if mode == 0o755 else "locked")
    ends(second)
    assert list(shared_folder.iterdir()) == []


@needs_users
def test_waits_for_who_holds_a_file_that_must_not_be_written_to(holder, shared_folder):
    path = shared_folder / "x.lock"
    first = holder(path)
    assert said(first) == "locked"
    path.chmod(0o644)
    second = holder(path, 1002)
    time.sleep(0.5)
    assert second.poll() is None
    ends(first)
    assert said(second) == "locked"
    ends(second)


def test_a_folder_that_vanishes(tmp_path):
    path = tmp_path / "a" / "b" / "x.lock"
    with locks.alone(path, time.sleep) as locked:
        assert locked and path.exists()
    assert list(path.parent.iterdir()) == []


def no_locks(*args, **kwargs):
    raise threading.ThreadError("No locks available")


def test_no_lock_file_stays_where_there_are_no_locks(tmp_path, monkeypatch):
    def no_lock_of_the_system(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.lockf", no_lock_of_the_system)
    with locks.alone(tmp_path / "x.lock", time.sleep) as locked:
        assert not locked
    assert list(tmp_path.iterdir()) == []


_PREPARE = """
import errno, fcntl, os, sys, tempfile
def no_locks(*args):
    raise OSError(errno.ENOLCK, "No locks available")
if not {has_locks}:
    fcntl.lockf = no_locks
sys.path.insert(0, {tests!r})
import engine_corpus
os.umask(0o022)
if {user}:
    # What is imported when it is needed may not be for this user to read.
    with tempfile.TemporaryDirectory() as folder:
        engine_corpus.EngineCorpus(data_dir=folder, num_workers=1).download_and_prepare()
    os.setgroups([]); os.setgid({user}); os.setuid({user})
print("ready", flush=True)
sys.stdin.readline()
builder = engine_corpus.EngineCorpus(
    data_dir={data_dir!r}, trouble="slow", log={log!r}, num_workers=1
)
builder.download_and_prepare()
print(sum(1 for _ in builder.info.splits["train"].filepaths), builder.info.splits.total_num_examples)
print(builder.info.splits["train"].filepaths[0].exists())
"""


def preparing(repository, data_dir, log, *, has_locks=True, user=0) -> subprocess.Popen:
    script = _PREPARE.format(
        has_locks=has_locks,
        user=user,
        tests=str(pathlib.Path(__file__).parent),
        data_dir=str(data_dir),
        log=str(log),
    )
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(repository)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def go(process: subprocess.Popen) -> None:
    """Lets a process begin to prepare, once it is ready."""
    lines = iter(process.stdout.readline, "")  # TFDS prints, too.
    assert "ready\n" in lines, process.stderr.read()
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.slow
def test_two_processes_where_there_are_no_locks(repository, tmp_path):
    """Each has a folder of its own, and the first to be done has made the data for both."""
    data_dir, log = tmp_path / "data", tmp_path / "log"
    two = [preparing(repository, data_dir, log, has_locks=False) for _ in range(2)]
    for process in two:
        go(process)
    for process in two:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert output.split()[-3:] == ["1", "600", "True"]
        assert "1.0.0.lock cannot be locked" in errors and "unfinished.1.0.0." in errors
    assert sorted(log.read_text().split()) == sorted("012345" * 2)
    assert [p.name for p in (data_dir / "engine_corpus").iterdir()] == ["1.0.0"]
    assert EngineCorpus(data_dir=data_dir).info.splits.total_num_examples == 600


def test_an_error_where_there_are_no_locks_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("fasteners.InterProcessLock.acquire", no_locks)
    monkeypatch.setattr(EngineCorpus, "_example", lambda self, n: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        EngineCorpus(data_dir=tmp_path, num_workers=1).download_and_prepare()
    assert list((tmp_path / "engine_corpus").iterdir()) == []


@needs_users
@pytest.mark.slow
def test_users_that_wait_in_a_fresh_shared_folder(repository, shared_folder):
    """The folder of the corpus becomes that of the first, who alone may write to it."""
    log = shared_folder.parent / "log"
    log.touch()
    log.chmod(0o666)
    first, *others = (
        preparing(repository, shared_folder, log, user=user) for user in (1001, 1002, 1003)
    )
    go(first)
    while not log.read_text():
        time.sleep(0.05)
        assert first.poll() is None, first.communicate()
    for process in others:
        go(process)
    assert first.poll() is None  # They had to wait.
    for process in (first, *others):
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert output.split()[-3:] == ["1", "600", "True"]
    assert sorted(log.read_text().split()) == list("012345")
    assert [p.name for p in (shared_folder / "engine_corpus").iterdir()] == ["1.0.0"]


@needs_users
@pytest.mark.slow
def test_unfinished_work_of_a_killed_user_stops_nobody(repository, shared_folder):
    """Who may write beside it, but not into it, works in a folder of its own."""
    log = shared_folder.parent / "log"
    log.touch()
    log.chmod(0o666)
    folder = shared_folder / "engine_corpus"
    folder.mkdir()
    folder.chmod(0o777)
    first, second = (preparing(repository, shared_folder, log, user=u) for u in (1001, 1002))
    go(first)
    while not log.read_text():
        time.sleep(0.05)
        assert first.poll() is None, first.communicate()
    first.kill()
    first.communicate()
    assert (folder / "unfinished.1.0.0").stat().st_uid == 1001
    go(second)
    output, errors = second.communicate(timeout=300)
    assert second.returncode == 0, errors
    assert output.split()[-3:] == ["1", "600", "True"]
    assert "unfinished.1.0.0 is another user's" in errors
    # The user whose work it is removes it when the data is used next.
    assert {p.name for p in folder.iterdir()} >= {"1.0.0", "unfinished.1.0.0"}
    third = preparing(repository, shared_folder, log, user=1001)
    go(third)
    output, errors = third.communicate(timeout=300)
    assert third.returncode == 0 and output.split()[-3:] == ["1", "600", "True"], errors
    left = {p.name for p in folder.iterdir()}
    assert "unfinished.1.0.0" not in left and "1.0.0.lock" not in left
