"""One at a time, among the threads of this process and all processes that share a folder."""

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
    fcntl = None

_POLL = 0.1  # Seconds between two looks.
_NOT_ALLOWED = errno.EACCES, errno.EPERM, errno.EROFS

# A lock of the operating system belongs to the process: it does not hold threads apart.
_IN_PROCESS: dict[str, threading.Lock] = collections.defaultdict(threading.Lock)
_GUARD = threading.Lock()


@contextlib.contextmanager
def alone(path: pathlib.Path, wait: Callable[[float], None]) -> Iterator[bool]:
    """Holds the lock file at `path` during the block.

    The operating system releases the lock of a process that dies, so that none is ever stale. Its
    file may be left by one; whoever comes next takes it over or removes it.

    Args:
      path: The lock file; it vanishes with the lock.
      wait: Called with a number of seconds to wait, again and again until the lock is free; it may
        raise in order to give up.

    Yields:
      Whether the lock is held. It is not where there cannot be one: on a file system that has no
      locks, or in a folder that must not be written to (where it was waited for whoever held it).
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
            lock.lockfile = os.fdopen(file, "r+b", buffering=0)  # It would open it in its own way.
            try:
                if lock.acquire(blocking=False):
                    with contextlib.suppress(FileNotFoundError):
                        if os.path.samestat(os.fstat(file), os.stat(path)):
                            return lock
                    lock.release()  # Of a file that somebody has deleted: not the lock any more.
                    continue
            except threading.ThreadError:  # How fasteners passes on ENOLCK and the like.
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
    """The lock file, open, and whether it was made now."""
    while True:
        # Apart from making it: Linux does not let O_CREAT open another user's file in a folder
        # like /tmp (fs.protected_regular).
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR), False
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            if hasattr(os, "fchmod"):
                # Whatever the umask: if this process is killed, other users take the file over.
                with contextlib.suppress(OSError):
                    os.fchmod(file, 0o666)
            return file, True


def _freed(path: pathlib.Path) -> bool | None:
    """Removes a lock file that must not be written to, if nobody holds it.

    Returns:
      Whether nobody holds it; None if that cannot be found out, or it cannot be removed.
    """
    if fcntl is None:
        return None
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:  # It is not there, and must not be made, or it must not be read.
        return None
    try:
        # A shared lock needs no right to write, and is not had while somebody holds the file. While
        # it is held nobody else takes the file, so that what is removed is free.
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
