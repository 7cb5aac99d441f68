"""Brings files and folders to the disk, so that they survive a power cut."""

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

_BACKGROUND_BYTES = 4 << 20  # With larger steps more is left to wait for in the end (measured).
_MOST_PENDING = 64  # Files may be written faster than the disk takes them.


def sync(path: str | os.PathLike[str]) -> None:
    """Waits until a file, or the list of names in a folder, is on the disk.

    Args:
      path: The file or folder.

    Raises:
      OSError: The disk refuses what was written; the error names the path.
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
        if not is_folder:  # Windows opens no folders, and some network file systems sync none.
            raise


def sync_all(folder: pathlib.Path) -> None:
    """Waits until a folder and all below it are on the disk."""
    wait()
    for below, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(os.path.join(below, name))
        sync(below)


def put(source: pathlib.Path | epath.Path, target: epath.Path) -> None:
    """Gives a file a second name, or renames it where the file system has no hard links.

    Args:
      source: The file; it keeps this name if it can.
      target: The new name, on the same file system.
    """
    if isinstance(source, pathlib.Path):
        try:
            os.link(source, target)
            return
        except OSError:  # exFAT and some network file systems have no links.
            pass
    source.replace(target)


class Writeback:
    """Syncs a file in the background while it is written, so that less is left to do in the end.

    The thread that writes the file has to call `wait` before it relies on the file, because the
    operating system reports what a disk refuses only once.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self._is_local = hasattr(os, "fdatasync") and isinstance(file, io.BufferedWriter)
        self._begun = 0

    def go_on(self, *, to_end: bool = False) -> None:
        """Begins to sync, every few megabytes and at the end; to be called after each writing."""
        position = self._file.tell() if self._is_local else 0
        if position - self._begun >= _BACKGROUND_BYTES or (to_end and position):
            self._begun = position
            self._file.flush()
            pending = _pending()
            # Each pending sync holds a file open, and the number of open files is limited.
            while pending and (len(pending) >= _MOST_PENDING or pending[0].done()):
                pending.popleft().result()
            # A descriptor of its own, since the file may be closed before its turn comes.
            own = os.dup(self._file.fileno())
            pending.append(_background().submit(_sync_and_close, own, self._file.name))


_OF_THREAD = threading.local()


def _pending() -> collections.deque[futures.Future[None]]:
    """Returns the syncs that this thread has begun; other threads may prepare something else."""
    if not hasattr(_OF_THREAD, "pending"):
        _OF_THREAD.pending = collections.deque()
    return _OF_THREAD.pending


def wait() -> None:
    """Waits for what this thread has begun to sync in the background.

    Raises:
      OSError: The disk refuses something; the error names the file.
    """
    pending = _pending()
    begun = list(pending)
    pending.clear()  # An error that is raised now is not raised again by a later call.
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
