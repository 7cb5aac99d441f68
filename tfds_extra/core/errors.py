"""The error that a user sees when a published file is not what it should be."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfds_extra.core.archives import ArchiveError
from tfds_extra.core.archives import errors as archive_errors

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
        place = archive_errors.cut(
            str(place), archive_errors.SHOWN_PLACE
        )  # Members can have long names.
        message = ": ".join(str(part) for part in (file, place, problem) if str(part))
        super().__init__(f"{message}. {remedy}".strip())

    def __reduce__(self) -> tuple[Any, ...]:
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
    except ArchiveError as e:  # Its message has file and place already.
        raise CorpusError("", "", str(e).rstrip(".")) from e
    except (ValueError, OSError) as e:
        raise CorpusError(file, place, str(e).rstrip("."), remedy) from e


def check_same_rows(file: object, found: np.ndarray, expected: np.ndarray) -> None:
    """Raises if two of the published files say different things about the same rows.

    Args:
      file: The file that `found` is from.
      found: What it says, one entry for each row.
      expected: What the other file says.

    Raises:
      CorpusError: The numbers of rows differ, or a row differs.
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
    """Raises if an optional package is not installed.

    Args:
      module: The package's module.
      package: The package's name for pip.
      what: What needs the package, as the beginning of a sentence.

    Raises:
      ImportError: The package is not installed; the message has the command that installs it.
    """
    if importlib.util.find_spec(module) is None:
        raise ImportError(f"{what} needs {package}: python -m pip install {package}", name=module)


@contextlib.contextmanager
def file_named(path: object) -> Iterator[None]:
    """Adds the file's name to an `OSError` of the operating system inside the block."""
    try:
        yield
    except OSError as e:
        if e.errno is None or e.filename is not None:
            raise
        raise OSError(e.errno, e.strerror, str(path)) from e
    except CorpusError:
        raise
    except Exception as e:  # ArrayRecord's writer has error classes of its own.
        if os.strerror(errno.EFBIG) not in str(e):
            raise
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path)) from e


def is_disk_full(error: BaseException) -> bool:
    """Returns whether an error of any writer says that there is no space left.

    TensorFlow's and ArrayRecord's writers raise error classes of their own.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOSPC
    return os.strerror(errno.ENOSPC) in str(error)


@contextlib.contextmanager
def disk_full_named(folder: object, remedy: str = "choose another data_dir") -> Iterator[None]:
    """Turns "no space left" of any writer inside the block into an `OSError` that names the folder.

    The original error has only the name of a temporary file.

    Args:
      folder: The folder on the full disk. If such blocks are nested, the innermost names its
        folder.
      remedy: What the user can do, other than freeing space.
    """
    try:
        yield
    except CorpusError:  # Its message names the full disk, that of temporary files.
        raise
    except Exception as e:
        if not is_disk_full(e) or (getattr(e, "strerror", None) or "").startswith(_DISK_FULL):
            raise
        problem = f"{_DISK_FULL}. Free some space, or {remedy}"
        raise OSError(errno.ENOSPC, problem, str(folder)) from e
