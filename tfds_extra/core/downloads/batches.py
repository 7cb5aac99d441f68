"""Batches: the files of one call are looked for together, then fetched side by side.

TFDS's `download` requests one file after the other, and then waits for each. Here a request starts
nothing; the first result that somebody waits for starts all requests of the batch.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from tfds_extra.core.downloads import transfer
from tfds_extra.core.downloads.progress import Progress

MAX_SIMULTANEOUS = 16  # Files, over all hosts; `transfer` bounds the connections to one.
_LOOK = 0.5  # Seconds of one wait; on Windows, Ctrl-C does not interrupt a wait.


class Pending:
    """A future result, with the methods of a promise that TFDS's `download` and `extract` use."""

    def __init__(self, batch: Batch, future: concurrent.futures.Future[Any]):
        self._batch = batch
        self._future = future

    def get(self) -> Any:
        """Waits for the result."""
        self._batch.run()
        result = self._future.result()
        # TFDS's extractor gives a promise as the result.
        return result.get() if hasattr(result, "get") else result

    def then(self, function: Callable[[Any], Any]) -> Pending:
        """Returns the pending result of `function`, which is called with the result of this one."""
        derived: concurrent.futures.Future[Any] = concurrent.futures.Future()

        def call(future: concurrent.futures.Future[Any]) -> None:
            try:
                derived.set_result(function(future.result()))
            except BaseException as e:  # It is raised where somebody waits for the result.
                derived.set_exception(e)

        self._future.add_done_callback(call)
        return Pending(self._batch, derived)


class Batch:
    """The requests of one call of `download`."""

    def __init__(
        self,
        prepare: Callable[[Sequence[Any], Progress], None],
        obtain: Callable[[Any, threading.Event, Progress], Any],
        explain: Callable[[Sequence[tuple[Any, Any]], Sequence[Any]], BaseException],
        progress: Progress,
        max_simultaneous: int | None = None,
    ):
        """Creates an empty batch.

        Args:
          prepare: Is called once, with all requests, before the work; may raise.
          obtain: Brings the file of one request. It is called in several threads; the event is set
            when it should stop.
          explain: Takes the failed requests with their errors, and all requests; returns the error
            to raise.
          progress: Shows the progress.
          max_simultaneous: How many requests are worked on at a time.
        """
        self._prepare = prepare
        self._obtain = obtain
        self._explain = explain
        self._progress = progress
        self._workers = max_simultaneous or MAX_SIMULTANEOUS
        self._futures: dict[Hashable, concurrent.futures.Future[Any]] = {}
        self._requests: dict[Hashable, Any] = {}
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self.has_run = False

    def __contains__(self, key: Hashable) -> bool:
        return key in self._requests

    def add(self, key: Hashable, request: Any) -> None:
        """Adds a request under a key that the batch does not have yet."""
        self._futures[key] = concurrent.futures.Future()
        self._requests[key] = request

    def pending(self, key: Hashable) -> Pending:
        """Returns the pending result of the request with a key."""
        return Pending(self, self._futures[key])

    def run(self) -> None:
        """Does the work, if it is not done yet."""
        with self._lock:
            if self.has_run:
                return
            self.has_run = True
            try:
                self._run()
            except BaseException as e:
                # A thread in the middle of a file stops at the next block, and keeps what it has.
                self._cancelled.set()
                for future in self._futures.values():
                    with contextlib.suppress(concurrent.futures.InvalidStateError):
                        future.set_exception(e)
                if not isinstance(e, Exception):
                    raise

    def _run(self) -> None:
        requests = list(self._requests.values())
        self._prepare(requests, self._progress)
        executor = concurrent.futures.ThreadPoolExecutor(min(self._workers, len(requests)))
        try:
            work = {executor.submit(self._work, key): key for key in self._requests}
            pending = set(work)
            failed: list[concurrent.futures.Future[Any]] = []
            while pending and not failed:
                done, pending = concurrent.futures.wait(
                    pending, _LOOK, concurrent.futures.FIRST_EXCEPTION
                )
                failed = [future for future in done if future.exception()]
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        if failed:
            errors = [(self._requests[work[f]], f.exception()) for f in failed]
            raise self._explain(errors, requests) from None

    def _work(self, key: Hashable) -> None:
        if self._cancelled.is_set():
            raise transfer.Cancelled
        result = self._obtain(self._requests[key], self._cancelled, self._progress)
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # The batch has failed.
            self._futures[key].set_result(result)
        self._progress.file_done()
