"""A bounded pool of worker processes on this machine."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tfds_extra.core.engines.messages import receive, send

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
        # of `do`. If it were added earlier, it would be here twice, and be given two tasks.
        self._idle: list[_Worker] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        for one in self._workers:
            one.stop()

    def do(self, tasks: Iterable[Any], progress: Callable[[int], Any]) -> Iterator[tuple[Any, Any]]:
        """Does tasks, each in whichever worker is free.

        Args:
          tasks: The tasks, which are taken one by one as workers become free.
          progress: Called with numbers of examples, as they are done.

        Yields:
          Each task and its result, when it is done.

        Raises:
          Exception: A task has raised it.
          WorkerDiedError: A worker died; the message names its task.
        """
        tasks = iter(tasks)
        busy = 0
        waiting = next(tasks, None)
        while waiting is not None or busy:
            while waiting is not None and self._idle:
                self._idle.pop().give(waiting)
                busy += 1
                waiting = next(tasks, None)
            one, kind, content = self._answers.get()
            if kind == "progress":
                progress(content)
            elif kind == "ready":
                self._idle.append(one)
            elif kind == "done":
                task, one.task = one.task, None
                self._idle.append(one)
                busy -= 1
                yield task, content
            elif kind == "failed":
                raise content
            else:
                task = one.task if one.task is not None else "starting"
                raise WorkerDiedError(
                    f"{task}: the process that worked on it died (exit status"
                    f" {one.exit_status()}; -9 mostly means that memory ran out). Preparing again"
                    " goes on from what was finished."
                )

    def each(self, task: Any) -> list[Any]:
        """Does a task in each worker that is ready, when nothing else is done; returns the results."""
        # None of them has a task, so that each is given one before the first is done.
        return [result for _, result in self.do([task] * len(self._idle), lambda count: None)]


class _Worker:
    """One worker process, and the thread that listens to it."""

    def __init__(self, job: bytes, modules: dict[str, str], answers: queue.SimpleQueue):
        self.task: Any = None
        # A worker has its own session, so that Ctrl-C reaches only the parent, which stops the
        # workers.
        new_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        self._process = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=os.name == "posix",
            creationflags=new_group,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._thread = threading.Thread(target=self._listen, args=(answers,), daemon=True)
        self._thread.start()
        self._send((sys.path, modules, job))

    def give(self, task: Any) -> None:
        """Gives a task to an idle worker."""
        self.task = task
        self._send(task)

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

    def _send(self, message: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # `_listen` reports that the process died.
            send(self._input, message)

    def _listen(self, answers: queue.SimpleQueue) -> None:
        with contextlib.suppress(EOFError, ValueError):
            while True:
                answers.put((self, *receive(self._output)))
        answers.put((self, "died", None))
