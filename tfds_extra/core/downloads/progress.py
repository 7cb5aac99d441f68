"""The two bars that TFDS shows of a download: files, and mebibytes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from tensorflow_datasets.core import utils

from tfds_extra.core.downloads import transfer

_MEBIBYTE = 1 << 20


class Progress(transfer.Meter):
    """Counts for the bars, which stay as they are after `close`."""

    def __init__(self, files: Any = None, mebibytes: Any = None):
        self._files = files
        self._mebibytes = mebibytes
        self._lock = threading.Lock()
        self._bytes = {"total": 0, "done": 0}

    def expect_files(self, number: int) -> None:
        """So many more files are to come."""
        with self._lock:
            if self._files is not None:
                self._files.update_total(number)

    def file_done(self) -> None:
        """One file is there."""
        with self._lock:
            if self._files is not None:
                self._files.update(1)

    def expect(self, size: int) -> None:
        with self._lock:
            if self._mebibytes is not None and (more := self._whole("total", size)):
                self._mebibytes.update_total(more)

    def advance(self, size: int) -> None:
        with self._lock:
            if self._mebibytes is not None and (more := self._whole("done", size)):
                self._mebibytes.update(more)

    def _whole(self, count: str, size: int) -> int:
        """By how many whole mebibytes a count grows with `size` more bytes."""
        before = self._bytes[count] // _MEBIBYTE
        self._bytes[count] += size
        return self._bytes[count] // _MEBIBYTE - before

    def close(self) -> None:
        """Lets go of the bars: a transfer that was cancelled may still run for a moment."""
        with self._lock:
            self._files = self._mebibytes = None


@contextlib.contextmanager
def shown() -> Iterator[Progress]:
    """Shows the bars during the block, unless the user has turned off those of TFDS."""
    options = {"total": 0, "mininterval": 1.0}
    with (
        utils.async_tqdm(desc="Dl Completed...", unit=" url", **options) as files,
        utils.async_tqdm(desc="Dl Size...", unit=" MiB", **options) as mebibytes,
    ):
        progress = Progress(files, mebibytes)
        try:
            yield progress
        finally:
            progress.close()
