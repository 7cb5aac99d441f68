"""The two progress bars that TFDS shows for a download: files, and bytes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from tensorflow_datasets.core import utils

from tfds_extra.core.downloads import transfer

_STEP = 1 << 20  # Bytes between two updates; each update draws the bars anew.


class Progress(transfer.Meter):
    """Counts files and bytes for the bars; after `close` they do not change any more."""

    def __init__(self, stack: contextlib.ExitStack | None = None):
        """Creates a count that nobody sees until `show` is called.

        Args:
          stack: Removes the bars when it is closed; without it no bars are shown.
        """
        self._stack = stack
        self._files: Any = None
        self._bytes: Any = None
        self._lock = threading.Lock()
        self._unseen = 0  # Bytes that the bar does not show yet.

    def show(self, files: int, size: int) -> None:
        """Shows the bars, or raises their totals by so many files and bytes that are to come."""
        with self._lock:
            if self._files is None and self._stack is not None:
                options = {"total": 0, "mininterval": 1.0}
                self._files = self._stack.enter_context(
                    utils.async_tqdm(desc="Dl Completed...", unit=" url", **options)
                )
                self._bytes = self._stack.enter_context(
                    utils.async_tqdm(
                        desc="Dl Size...", unit="B", unit_scale=True, unit_divisor=1024, **options
                    )
                )
            if self._files is not None:
                self._files.update_total(files)
                self._bytes.update_total(size)

    def file_done(self) -> None:
        """Counts a file that has come."""
        with self._lock:
            if self._files is not None:
                self._files.update(1)
                self._bytes.update(self._unseen)
                self._unseen = 0

    def expect(self, size: int) -> None:
        with self._lock:
            if self._bytes is not None:
                self._bytes.update_total(size)

    def advance(self, size: int) -> None:
        with self._lock:
            self._unseen += size
            if self._bytes is not None and self._unseen >= _STEP:
                self._bytes.update(self._unseen)
                self._unseen = 0

    def close(self) -> None:
        """Forgets the bars, because a transfer that was cancelled may still run for a moment."""
        with self._lock:
            self._files = self._bytes = self._stack = None


@contextlib.contextmanager
def shown() -> Iterator[Progress]:
    """Yields a progress with bars during the block, unless the user turned off TFDS's bars."""
    with contextlib.ExitStack() as stack:
        progress = Progress(stack)
        try:
            yield progress
        finally:
            progress.close()
