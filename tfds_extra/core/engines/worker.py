"""The worker process `python -m tfds_extra.core.engines.worker`, which `pool` starts.

It is a program of its own rather than a fork or a `multiprocessing` child. A fork after the import
of TensorFlow hangs. A child imports the caller's script again, and a script without an `if __name__
== "__main__"` would start preparing again.

Tasks come on standard input, and answers go to standard output; see `messages`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pickle
import queue
import sys
import threading
from typing import BinaryIO

from tfds_extra.core.engines.messages import Memory, portable, receive, send


def main() -> None:
    """Does tasks until the other side ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Text that builders print must not mix with the answers, and goes to standard error.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    tasks = sys.stdin.buffer
    path, modules, job, shared = receive(tasks)
    memory = None if shared is None else Memory(shared)
    sys.path[:] = path
    try:
        _import(modules)
        from tfds_extra.core import disk
        from tfds_extra.core.engines.tasks import Doer

        doer = Doer(pickle.loads(job))
    except BaseException as e:
        send(answers, ("failed", portable(e)))
        return
    send(answers, ("ready", None))
    inbox: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks, inbox, memory), daemon=True).start()
    while True:
        task = inbox.get()
        try:
            result = doer.do(task, lambda count: send(answers, ("progress", count)))
            disk.wait()
        except BaseException as e:
            send(answers, ("failed", portable(e)))
        else:
            send(answers, ("done", result))


def _listen(tasks: BinaryIO, inbox: queue.SimpleQueue, memory: Memory | None) -> None:
    """Passes tasks on, and ends this process when the process that sends them has ended."""
    while True:
        try:
            inbox.put(receive(tasks, memory))
        except EOFError:
            os._exit(0)


def _import(modules: dict[str, str]) -> None:
    """Imports modules by name, or from their file if there is no module of that name.

    `tfds build path/to/folder` imports a builder under a name that only that process can resolve.
    """
    for name, file in modules.items():
        try:
            importlib.import_module(name)
        except ImportError:
            spec = importlib.util.spec_from_file_location(name, file)
            if spec is None or spec.loader is None:
                raise
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)


if __name__ == "__main__":
    main()
