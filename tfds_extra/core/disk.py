"""What survives a power cut: files and folders that are brought to the disk."""

from __future__ import annotations

import os
import pathlib
from typing import BinaryIO

from etils import epath

from tfds_extra.core import errors

_HINT_BYTES = 8 << 20


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
    """Has the disk begin with what is written to a file, so that syncing it has less to wait for."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._works = hasattr(os, "posix_fadvise") and hasattr(file, "fileno")
        self._begun = 0

    def go_on(self, *, to_end: bool = False) -> None:
        """To be called after writing; does something every few megabytes, or at the end."""
        if not self._works:
            return
        size = self._file.tell() - self._begun
        if size >= _HINT_BYTES or (to_end and size):
            self._file.flush()
            # Of pages that are not on the disk yet, Linux begins to write them and keeps them.
            os.posix_fadvise(self._file.fileno(), self._begun, size, os.POSIX_FADV_DONTNEED)
            self._begun += size
