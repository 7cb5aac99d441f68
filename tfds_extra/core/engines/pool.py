"""A bounded pool of worker processes on this machine."""

from __future__ import annotations

import collections
import contextlib
import math
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tfds_extra.core.engines.messages import SLOTS, Memory, receive, send

_PROGRAM = "tfds_extra.core.engines.worker"


class WorkerDiedError(RuntimeError):
    """A worker process ended without an answer; the message names what it was working on."""


class Pool:
    """Does tasks in worker processes; a context manager that leaves none of them behind."""

    def __init__(self, job: bytes, modules: dict[str, str], workers: int):
        """Starts the workers; they get ready while the caller goes on.

        Args:
          job: The pickled `tasks.Job`.
          modules: Names of modules to import for the job, and their files.
          workers: Number of workers.
        """
        self._answers: queue.SimpleQueue = queue.SimpleQueue()
        self._workers = [_Worker(job, modules, self._answers) for _ in range(workers)]
        # A worker is added only when its "ready" is taken from the queue, perhaps in a later call
        # of `do`.
        self._ready: list[_Worker] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        for one in self._workers:
            one.stop()

    def do(
        self,
        tasks: Iterable[Any],
        progress: Callable[[int], Any],
        *,
        is_stream: bool = False,
    ) -> Iterator[tuple[Any, Any]]:
        """Does tasks, each in whichever worker is free.

        Args:
          tasks: The tasks, which are taken one by one as workers become free.
          progress: Called with numbers of examples, as they are done.
          is_stream: Whether the tasks are small parts of one thing. Then a worker has the next one
            before it is done with the last, and of several errors, also of iterating over `tasks`,
            the one is raised that comes first in the order of the tasks.

        Yields:
          Each task and its result, when it is done.

        Raises:
          Exception: A task has raised it.
          WorkerDiedError: A worker died; the message names its task.
        """
        numbered = enumerate(tasks)
        failure: tuple[float, BaseException] | None = None

        def following() -> tuple[int, Any] | None:
            nonlocal failure
            try:
                return next(numbered, None)
            except Exception as e:
                if not is_stream:
                    raise
                failure = math.inf, e
                return None

        waiting = following()
        while True:
            while waiting is not None and (one := self._free(SLOTS if is_stream else 1)):
                one.give(*waiting)
                waiting = following()
            given = [number for one in self._ready for number, _ in one.tasks]
            if failure is not None and not any(number < failure[0] for number in given):
                raise failure[1]
            if waiting is None and not given:
                return
            one, kind, content = self._answers.get()
            if kind == "progress":
                progress(content)
            elif kind == "ready":
                self._ready.append(one)
            elif kind == "done":
                _, task = one.tasks.popleft()
                yield task, content
            elif kind == "failed":
                if not is_stream or not one.tasks:  # Without a task, it could not start.
                    raise content
                number, _ = one.tasks.popleft()
                if failure is None or number < failure[0]:
                    failure = number, content
                waiting = None
            else:
                raise WorkerDiedError(
                    f"{one.tasks[0][1] if one.tasks else 'starting'}: the process that worked on it"
                    f" died (exit status {one.exit_status()}; -9 mostly means that memory ran out)."
                    " Preparing again goes on from what was finished."
                )

    def each(self, task: Any) -> list[Any]:
        """Does a task in each worker that is ready, when nothing else is done; returns the results."""
        # None of them has a task, so that each is given one before the first is done.
        return [result for _, result in self.do([task] * len(self._ready), lambda count: None)]

    def _free(self, most: int) -> _Worker | None:
        """Returns the worker with the fewest tasks, if these are less than `most`."""
        one = min(self._ready, key=lambda one: len(one.tasks), default=None)
        return one if one is not None and len(one.tasks) < most else None


class _Worker:
    """One worker process, and the thread that listens to it."""

    def __init__(self, job: bytes, modules: dict[str, str], answers: queue.SimpleQueue):
        # Those that it was given, with their numbers, the one that it does first.
        self.tasks: collections.deque[tuple[int, Any]] = collections.deque()
        # A worker has its own session, so that Ctrl-C reaches only the parent, which stops the
        # workers.
        new_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        shared = Memory.create()
        self._memory = None if shared is None else Memory(shared)
        self._process = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=os.name == "posix",
            creationflags=new_group,
            pass_fds=() if shared is None else (shared,),
        )
        if shared is not None:
            os.close(shared)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._thread = threading.Thread(target=self._listen, args=(answers,), daemon=True)
        self._thread.start()
        self._send((sys.path, modules, job, shared))

    def give(self, number: int, task: Any) -> None:
        """Gives a task to a worker, which does it after those that it has."""
        self.tasks.append((number, task))
        self._send(task, self._memory)

    def exit_status(self) -> int:
        """Returns the exit status of a process that has ended or is about to end."""
        return self._process.wait()

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        for stream in (self._input, self._output):
            with contextlib.suppress(OSError):  # Bytes in the buffer cannot be written any more.
                stream.close()

    def _send(self, message: Any, memory: Memory | None = None) -> None:
        with contextlib.suppress(BrokenPipeError):  # `_listen` reports that the process died.
            send(self._input, message, memory)

    def _listen(self, answers: queue.SimpleQueue) -> None:
        with contextlib.suppress(EOFError, ValueError):
            while True:
                answers.put((self, *receive(self._output)))
        answers.put((self, "died", None))
