"""What survives a power cut: files and folders that are brought to the disk."""

from __future__ import annotations

import collections
import functools
import io
import os
import pathlib
import threading
from concurrent import futures
from typing import BinaryIO

from etils import epath

from tfds_extra.core import errors

_BACKGROUND_BYTES = 4 << 20  # Larger ones leave more to wait for (measured).
_MOST_PENDING = 64  # Files may be written faster than the disk takes them.


def sync(path: str | os.PathLike[str]) -> None:
    """Waits until a file is on the disk, or the names in a folder are.

    Args:
      path: The file or folder.

    Raises:
      OSError: The disk refuses what was written; it names the path.
    """
    is_folder = os.path.isdir(path)
    try:
        with errors.file_named(path):
            # Windows syncs only what may be written to.
            file = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
            try:
                os.fsync(file)
            finally:
                os.close(file)
    except OSError:
        if not is_folder:  # Windows opens no folders, some network file systems do not sync them.
            raise


def sync_all(folder: pathlib.Path) -> None:
    """Waits until a folder and all below it are on the disk."""
    wait()
    for below, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(os.path.join(below, name))
        sync(below)


def put(source: pathlib.Path | epath.Path, target: epath.Path) -> None:
    """Gives a file a second name, or, where the file system has but one for each, another name.

    Args:
      source: The file; it stays there if it can.
      target: The name, on the same file system.
    """
    if isinstance(source, pathlib.Path):
        try:
            os.link(source, target)
            return
        except OSError:  # Such as exFAT and some network file systems.
            pass
    source.replace(target)


class Writeback:
    """Syncs a file in the background while it is written, so that in the end there is less to do.

    Whoever has written it calls `wait` in the same thread before he relies on it: what a disk
    refuses, it tells once.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self._is_local = hasattr(os, "fdatasync") and isinstance(file, io.BufferedWriter)
        self._begun = 0

    def go_on(self, *, to_end: bool = False) -> None:
        """To be called after writing; does something every few megabytes, or at the end."""
        position = self._file.tell() if self._is_local else 0
        if position - self._begun >= _BACKGROUND_BYTES or (to_end and position):
            self._begun = position
            self._file.flush()
            pending = _pending()
            # Each holds a file open, of which a process may have but so many.
            while pending and (len(pending) >= _MOST_PENDING or pending[0].done()):
                pending.popleft().result()
            # Of its own, since the file may be closed before its turn comes.
            own = os.dup(self._file.fileno())
            pending.append(_background().submit(_sync_and_close, own, self._file.name))


_OF_THREAD = threading.local()


def _pending() -> collections.deque[futures.Future[None]]:
    """What this thread has begun to sync: another one may be preparing something else."""
    if not hasattr(_OF_THREAD, "pending"):
        _OF_THREAD.pending = collections.deque()
    return _OF_THREAD.pending


def wait() -> None:
    """Waits for what this thread has begun to sync in the background.

    Raises:
      OSError: The disk refuses something; it names the file.
    """
    pending = _pending()
    begun = list(pending)
    pending.clear()  # What is told of now is not told again by whoever comes next.
    futures.wait(begun)
    for one in begun:
        one.result()


@functools.cache
def _background() -> futures.Executor:
    return futures.ThreadPoolExecutor(1, thread_name_prefix="sync")


def _sync_and_close(file: int, name: str) -> None:
    try:
        with errors.file_named(name):
            os.fdatasync(file)
    finally:
        os.close(file)
