"""One at a time, among the threads of this process and all processes that share a folder."""

from __future__ import annotations

import collections
import contextlib
import os
import pathlib
import threading
from collections.abc import Callable, Iterator

import fasteners
from absl import logging

_POLL = 0.1  # Seconds between two looks.

# A lock of the operating system belongs to the process: it does not hold threads apart.
_IN_PROCESS: dict[str, threading.Lock] = collections.defaultdict(threading.Lock)
_GUARD = threading.Lock()


@contextlib.contextmanager
def alone(path: pathlib.Path, wait: Callable[[float], None]) -> Iterator[bool]:
    """Holds the lock file at `path` during the block.

    The operating system releases the lock of a process that dies, so that none is ever stale.

    Args:
      path: The lock file; it vanishes with the lock.
      wait: Called with a number of seconds to wait, again and again until the lock is free; it may
        raise in order to give up.

    Yields:
      Whether the lock is held: false on a file system that has no locks.
    """
    with _GUARD:
        in_process = _IN_PROCESS[os.path.abspath(path)]
    if not in_process.acquire(blocking=False):
        logging.info("Waiting for another thread that holds %s", path)
        while not in_process.acquire(blocking=False):
            wait(_POLL)
    try:
        lock = _acquired(path, wait)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                # While it is still held: nobody else may have made a new one. Windows refuses to
                # delete an open file, where an empty file stays.
                with contextlib.suppress(OSError):
                    os.unlink(path)
                lock.release()
    finally:
        in_process.release()


def _acquired(
    path: pathlib.Path, wait: Callable[[float], None]
) -> fasteners.InterProcessLock | None:
    """The lock, held; None if there cannot be one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = False
    while True:
        lock = fasteners.InterProcessLock(path)
        try:
            if lock.acquire(blocking=False):
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(lock.lockfile.fileno()), os.stat(path)):
                        return lock
                lock.release()  # Of a file that its last holder has deleted: not the lock any more.
                continue
        except threading.ThreadError:
            return None  # How fasteners passes on ENOLCK and the like.
        finally:
            if not lock.acquired and lock.lockfile is not None:
                lock.lockfile.close()
        if not told:
            logging.info("Waiting for another process that holds %s", path)
            told = True
        wait(_POLL)
