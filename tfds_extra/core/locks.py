"""Locks that one thread holds at a time, among all processes that share a folder."""

from __future__ import annotations

import collections
import contextlib
import errno
import os
import pathlib
import threading
from collections.abc import Callable, Iterator

import fasteners
from absl import logging

try:
    import fcntl
except ImportError:  # Windows, whose files have no rights that a umask takes away.
    fcntl = None  # type: ignore[assignment]  # It stands for a module.

_POLL = 0.1  # Seconds between two looks.
_NOT_ALLOWED = errno.EACCES, errno.EPERM, errno.EROFS

# A lock of the operating system belongs to the process, so that each path has a lock for threads
# too.
_IN_PROCESS: dict[str, threading.Lock] = collections.defaultdict(threading.Lock)
_GUARD = threading.Lock()


@contextlib.contextmanager
def alone(path: pathlib.Path, wait: Callable[[float], None]) -> Iterator[bool]:
    """Holds the lock file at `path` during the block.

    The operating system releases the lock of a process that dies, so that no lock is ever stale.
    The file of such a lock may stay; the next process takes it over or removes it.

    Args:
      path: The lock file; it is removed with the lock.
      wait: Called with a number of seconds to wait, again and again until the lock is free; it may
        raise in order to give up.

    Yields:
      Whether the lock is held. It is not held where no lock is possible: on a file system without
      locks, or in a read-only folder (after waiting for the process that holds the lock there).
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
                # The file is removed while the lock is held, so that it is still ours. Windows
                # refuses to delete an open file, and an empty file stays.
                with contextlib.suppress(OSError):
                    os.unlink(path)
                lock.release()
    finally:
        in_process.release()


def _acquired(
    path: pathlib.Path, wait: Callable[[float], None]
) -> fasteners.InterProcessLock | None:
    """Waits for the lock and returns it; returns None where no lock is possible."""
    told = False
    while True:
        try:
            file, is_new = _opened(path)
        except OSError as e:
            if e.errno not in _NOT_ALLOWED:
                raise
            free = _freed(path)
            if free is None:
                return None
            if free:
                continue
        else:
            lock = fasteners.InterProcessLock(path)
            # Otherwise fasteners would open the file in its own way.
            lock.lockfile = os.fdopen(file, "r+b", buffering=0)
            try:
                if lock.acquire(blocking=False):
                    with contextlib.suppress(FileNotFoundError):
                        if os.path.samestat(os.fstat(file), os.stat(path)):
                            return lock
                    lock.release()  # Somebody has deleted the file, so that it locks nothing.
                    continue
            except threading.ThreadError:  # fasteners turns ENOLCK and the like into this.
                if is_new:
                    with contextlib.suppress(OSError):
                        os.unlink(path)
                return None
            finally:
                if not lock.acquired and lock.lockfile is not None:
                    lock.lockfile.close()
        if not told:
            logging.info("Waiting for another process that holds %s", path)
            told = True
        wait(_POLL)


def _opened(path: pathlib.Path) -> tuple[int, bool]:
    """Returns the open lock file, and whether this call made it."""
    while True:
        # Opening and making it are two steps, because Linux does not let O_CREAT open another
        # user's file in a folder like /tmp (fs.protected_regular).
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR), False
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            if hasattr(os, "fchmod"):
                # Other users may write to it whatever the umask is, so that they can take it over
                # if this process is killed.
                with contextlib.suppress(OSError):
                    os.fchmod(file, 0o666)
            return file, True


def _freed(path: pathlib.Path) -> bool | None:
    """Removes a read-only lock file, if nobody holds the lock.

    Returns:
      Whether nobody holds the lock; None if that cannot be found out, or the file cannot be
      removed.
    """
    if fcntl is None:
        return None
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:  # The file does not exist and cannot be made, or it cannot be read.
        return None
    try:
        # A shared lock needs no right to write, and fails while somebody holds the lock. While we
        # have it nobody else can take the lock, so that the file that is removed below is free.
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as e:
        os.close(file)
        return False if e.errno in (errno.EACCES, errno.EAGAIN) else None
    try:
        if os.path.samestat(os.fstat(file), os.stat(path)):
            os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        return None
    finally:
        os.close(file)
    return True
