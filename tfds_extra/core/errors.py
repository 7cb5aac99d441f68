"""The error that a user sees when a published file is not what it should be."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
from collections.abc import Iterator

import numpy as np

from tfds_extra.core.archives import ArchiveError, archive_io

_DISK_FULL = "The disk is full; nothing was kept of this preparation"


class CorpusError(ValueError):
    """A file of the corpus is missing, damaged or foreign.

    The message names the file, the place in it, what is wrong there, and what to do.
    """

    def __init__(self, file: object, place: object, problem: str, remedy: str = ""):
        """Builds the message.

        Args:
          file: The file or folder.
          place: Where in it: a member, a line, a byte offset; empty for the file as a whole.
          problem: What is wrong, without a full stop.
          remedy: What the user can do about it, as a sentence.
        """
        place = archive_io.cut(str(place), archive_io.SHOWN_PLACE)  # Members can have long names.
        message = ": ".join(str(part) for part in (file, place, problem) if str(part))
        super().__init__(f"{message}. {remedy}".strip())

    def __reduce__(self):
        return _corpus_error, (type(self), str(self))


def _corpus_error(cls: type[CorpusError], message: str) -> CorpusError:
    """Rebuilds a pickled error."""
    error = cls.__new__(cls)
    ValueError.__init__(error, message)
    return error


@contextlib.contextmanager
def located(file: object, place: object, remedy: str = "") -> Iterator[None]:
    """Turns a `ValueError` or `OSError` inside the block into a `CorpusError` that says where."""
    try:
        yield
    except CorpusError:
        raise
    except ArchiveError as e:  # Which says where by itself.
        raise CorpusError("", "", str(e).rstrip(".")) from e
    except (ValueError, OSError) as e:
        raise CorpusError(file, place, str(e).rstrip("."), remedy) from e


def check_same_rows(file: object, found: np.ndarray, expected: np.ndarray) -> None:
    """Raises if two of the published files do not tell the same about the same rows.

    Args:
      file: The file that `found` is from.
      found: What it tells, a row an entry.
      expected: What the other file tells.

    Raises:
      CorpusError: There are more or fewer, or a row differs.
    """
    remedy = "Get the file again from its publisher."
    if len(found) != len(expected):
        problem = f"{len(found):,} rows, expected {len(expected):,}"
        raise CorpusError(file, "", problem, remedy)
    differs = np.flatnonzero((found != expected).reshape(len(found), -1).any(axis=1))
    if len(differs):
        row = int(differs[0])
        problem = f"{found[row]} in this file, and {expected[row]} in another"
        raise CorpusError(file, f"row {row:,}", problem, remedy)


def require(module: str, package: str, what: str) -> None:
    """Raises if a package is missing that a light environment leaves out.

    Args:
      module: Its module.
      package: Its name for pip.
      what: What needs it, as the beginning of a sentence.

    Raises:
      ImportError: It is not installed; the message has the command that installs it.
    """
    if importlib.util.find_spec(module) is None:
        raise ImportError(f"{what} needs {package}: python -m pip install {package}", name=module)


@contextlib.contextmanager
def file_named(path: object) -> Iterator[None]:
    """Has an `OSError` of the operating system inside the block say which file it is about."""
    try:
        yield
    except OSError as e:
        if e.errno is None or e.filename is not None:
            raise
        raise OSError(e.errno, e.strerror, str(path)) from e
    except CorpusError:
        raise
    except Exception as e:  # ArrayRecord's writer has classes of its own.
        if os.strerror(errno.EFBIG) not in str(e):
            raise
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path)) from e


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of any writer says that there is no space left.

    TensorFlow's and ArrayRecord's writers each raise a class of their own.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOSPC
    return os.strerror(errno.ENOSPC) in str(error)


@contextlib.contextmanager
def disk_full_named(folder: object, remedy: str = "choose another data_dir") -> Iterator[None]:
    """Turns "no space left" of any writer inside the block into an `OSError` that says where.

    Otherwise it has only the name of a temporary file.

    Args:
      folder: Where there is no space; an inner block knows better.
      remedy: What can be done about it, other than freeing some.
    """
    try:
        yield
    except CorpusError:  # It says which disk: that of temporary files.
        raise
    except Exception as e:
        if not is_disk_full(e) or (getattr(e, "strerror", None) or "").startswith(_DISK_FULL):
            raise
        problem = f"{_DISK_FULL}. Free some space, or {remedy}"
        raise OSError(errno.ENOSPC, problem, str(folder)) from e
