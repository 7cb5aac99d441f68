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
          modules: Modules to import for it, and their files.
          workers: How many.
        """
        self._answers: queue.SimpleQueue = queue.SimpleQueue()
        self._workers = [_Worker(job, modules, self._answers) for _ in range(workers)]
        # A worker comes here when its "ready" is taken from the queue, and only then: it may come as
        # late as in a later call of `do`, and in this list twice it would be given two tasks.
        self._idle: list[_Worker] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        for one in self._workers:
            one.stop()

    def do(self, tasks: Iterable[Any], progress: Callable[[int], Any]) -> Iterator[tuple[Any, Any]]:
        """Does tasks, each in whichever worker is free.

        Args:
          tasks: Taken one by one, as workers become free.
          progress: Called with numbers of examples, as they are done.

        Yields:
          A task and its result, as it is done.

        Raises:
          Exception: What a task has raised.
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


class _Worker:
    """One worker process, and the thread that listens to it."""

    def __init__(self, job: bytes, modules: dict[str, str], answers: queue.SimpleQueue):
        self.task = None
        # A session of its own: Ctrl-C is for the parent, which stops its workers itself.
        new_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        self._process = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=os.name == "posix",
            creationflags=new_group,
        )
        self._thread = threading.Thread(target=self._listen, args=(answers,), daemon=True)
        self._thread.start()
        self._send((sys.path, modules, job))

    def give(self, task: Any) -> None:
        """Gives a task to an idle worker."""
        self.task = task
        self._send(task)

    def exit_status(self) -> int:
        """Of a process that has ended or is about to."""
        return self._process.wait()

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # What was still to be written to it.
                stream.close()

    def _send(self, message: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # The listener tells of its death.
            send(self._process.stdin, message)

    def _listen(self, answers: queue.SimpleQueue) -> None:
        with contextlib.suppress(EOFError, ValueError):
            while True:
                answers.put((self, *receive(self._process.stdout)))
        answers.put((self, "died", None))
