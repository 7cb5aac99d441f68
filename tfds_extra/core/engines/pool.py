"""A bounded pool of processes on this machine, of which this one is the first."""

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
from tfds_extra.core.engines.tasks import Doer

_PROGRAM = "tfds_extra.core.engines.worker"


class WorkerDiedError(RuntimeError):
    """A worker process ended without an answer; the message names what it was working on."""


class Pool:
    """Does tasks in this process and in others; a context manager that leaves none of them behind."""

    def __init__(self, job: bytes, modules: dict[str, str], workers: int, doer: Doer):
        """Starts the other processes, the workers; they get ready while this one goes on.

        Args:
          job: The pickled `tasks.Job`.
          modules: Names of modules to import for the job, and their files.
          workers: Number of other processes.
          doer: Does tasks of the job in this process.
        """
        self._doer = doer
        self._answers: queue.SimpleQueue = queue.SimpleQueue()
        self._tasks: Iterator[tuple[int, Any]] = iter(())  # Those that no process has begun yet.
        self._are_left = False  # Whether there may be such.
        self._lock = threading.Lock()  # Of these, and of giving them.
        self._workers = [_Worker(job, modules, self._heard) for _ in range(workers)]

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        for one in self._workers:
            one.stop()

    @property
    def is_alone(self) -> bool:
        """Whether there is no other process."""
        return not self._workers

    def do(
        self,
        tasks: Iterable[Any],
        progress: Callable[[int], Any],
        done: Callable[[Any, Any], Any],
    ) -> None:
        """Does tasks, each in whichever process is free.

        A worker is given the next task by the thread that listens to it, while this thread does a
        task of its own.

        Args:
          tasks: The tasks, which are taken one by one as processes become free.
          progress: Called with numbers of examples, as they are done.
          done: Called with each task and its result, when it is done.

        Raises:
          Exception: A task has raised it.
          WorkerDiedError: A worker died; the message names its task.
        """

        def hear() -> None:
            with contextlib.suppress(queue.Empty):
                while True:
                    self._take_answer(self._answers.get_nowait(), progress, done)

        def progress_here(count: int) -> None:
            progress(count)
            hear()

        with self._lock:
            self._tasks, self._are_left = enumerate(tasks), True
            for one in self._workers:
                if one.is_ready:
                    self._give_next(one)
        while True:
            with self._lock:
                mine = self._next() if self._is_free() else None
                left = self._are_left or any(one.tasks for one in self._workers)
            if mine is not None:
                done(mine[1], self._doer.do(mine[1], progress_here))
            elif left:
                self._take_answer(self._answers.get(), progress, done)
            else:
                return
            hear()

    def do_stream(self, tasks: Iterable[Any], progress: Callable[[int], Any]) -> None:
        """Does tasks that are small parts of one thing, and take time to be read.

        Workers have the next ones before they are done with the last. This process reads; it does
        what no worker has room for.

        Args:
          tasks: As in `do`; their results are left out.
          progress: As in `do`.

        Raises:
          Exception: A task has raised it, or iterating over `tasks`; of several errors it is the one
            that comes first in the order of the tasks.
          WorkerDiedError: A worker died; the message names its task.
        """
        numbered = enumerate(tasks)
        failure: tuple[float, BaseException] | None = None

        def following() -> tuple[int, Any] | None:
            nonlocal failure
            try:
                return next(numbered, None)
            except Exception as e:
                failure = math.inf, e
                return None

        waiting = following()

        def failed(number: float, error: BaseException) -> None:
            nonlocal failure, waiting
            if failure is None or number < failure[0]:
                failure = number, error
            waiting = None

        while True:
            while waiting is not None and (one := self._with_room()):
                one.give(*waiting)
                waiting = following()
            given = [number for one in self._workers for number, _ in one.tasks]
            if failure is not None and not any(number < failure[0] for number in given):
                raise failure[1]
            if waiting is not None and self._is_free():
                number, task = waiting
                try:
                    self._doer.do(task, progress)
                except Exception as e:
                    failed(number, e)
                else:
                    waiting = following()
            elif waiting is not None or given:
                answer = self._answers.get()
                one, kind, content = answer
                if kind == "failed" and one.tasks:
                    failed(one.tasks.popleft()[0], content)
                else:
                    self._take_answer(answer, progress, _ignore)
            else:
                return

    def each(self, task: Any) -> list[Any]:
        """Does a task in each process that has done anything, and returns the results."""
        results: list[Any] = []

        def done(task: Any, result: Any) -> None:
            results.append(result)

        ready = [one for one in self._workers if one.is_ready]
        for one in ready:
            one.give(0, task)
        done(task, self._doer.do(task, _ignore))
        while any(one.tasks for one in ready):
            self._take_answer(self._answers.get(), _ignore, done)
        return results

    def _heard(self, one: _Worker, kind: str, content: Any) -> None:
        """Takes what a worker says, in the thread that listens to it."""
        if kind in ("ready", "done"):
            try:
                with self._lock:
                    one.is_ready = True
                    self._give_next(one)
            except Exception as e:
                self._answers.put((one, "failed", e))
        self._answers.put((one, kind, content))

    def _next(self) -> tuple[int, Any] | None:
        following = next(self._tasks, None)
        self._are_left = following is not None
        return following

    def _give_next(self, one: _Worker) -> None:
        if (following := self._next()) is not None:
            one.give(*following)

    def _is_free(self) -> bool:
        """Returns whether this process does the next task, rather than to wait for an answer."""
        return self._answers.empty()

    def _with_room(self) -> _Worker | None:
        """Returns the worker with the fewest tasks, if there is room for another."""
        ready = (one for one in self._workers if one.is_ready)
        one = min(ready, key=lambda one: len(one.tasks), default=None)
        return one if one is not None and len(one.tasks) < SLOTS else None

    def _take_answer(
        self,
        answer: tuple[_Worker, str, Any],
        progress: Callable[[int], Any],
        done: Callable[[Any, Any], Any],
    ) -> None:
        one, kind, content = answer
        if kind == "progress":
            progress(content)
        elif kind == "done":
            _, task = one.tasks.popleft()
            done(task, content)
        elif kind == "failed":
            raise content
        elif kind == "died":
            raise WorkerDiedError(
                f"{one.tasks[0][1] if one.tasks else 'starting'}: the process that worked on it"
                f" died (exit status {one.exit_status()}; -9 mostly means that memory ran out)."
                " Preparing again goes on from what was finished."
            )


def _ignore(*what: Any) -> None:
    pass


class _Worker:
    """One worker process, and the thread that listens to it."""

    def __init__(
        self, job: bytes, modules: dict[str, str], heard: Callable[[_Worker, str, Any], Any]
    ):
        # Those whose answers were not taken yet, with their numbers, the one that it did first.
        self.tasks: collections.deque[tuple[int, Any]] = collections.deque()
        self.is_ready = False
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
        self._thread = threading.Thread(target=self._listen, args=(heard,), daemon=True)
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

    def _listen(self, heard: Callable[[_Worker, str, Any], Any]) -> None:
        with contextlib.suppress(EOFError, ValueError):
            while True:
                heard(self, *receive(self._output))
        heard(self, "died", None)
