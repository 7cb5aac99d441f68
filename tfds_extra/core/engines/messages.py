"""Sends messages between processes: pickles in a stream, each with its length before it.

What is large in a task goes through memory that both processes have, where the system has such. A
pipe holds 64 KB, so that its writer would wait for its reader over and over, and whatever goes
through it is copied four times.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import traceback
from typing import IO, Any

# Messages that may be on their way to a process: enough for the time in which the other is busy.
SLOTS = 4
_SLOT_BYTES = 4 << 20  # What is larger goes through the pipe. Only memory that is used is taken.
_LARGE = 1 << 12  # Smaller byte strings go through the pipe.


class Memory:
    """Memory that two processes share, for messages in one direction.

    It has a slot for each message that may be on its way, which are used in turn: a message may be
    sent when the one that had its slot before was received. It has no name, so that nothing is left
    of it when both processes have ended.
    """

    def __init__(self, descriptor: int):
        """Opens the memory in one of the processes.

        Args:
          descriptor: Its file, of which the other process has a descriptor as well.
        """
        self._bytes = memoryview(mmap.mmap(descriptor, SLOTS * _SLOT_BYTES))
        self._count = 0

    @staticmethod
    def create() -> int | None:
        """Returns the descriptor of new memory; None where the system has none without a name."""
        if not hasattr(os, "memfd_create"):
            return None
        descriptor = os.memfd_create("tfds_extra")
        os.truncate(descriptor, SLOTS * _SLOT_BYTES)
        return descriptor

    def next_slot(self) -> memoryview:
        """Returns the bytes for the next message."""
        start = self._count % SLOTS * _SLOT_BYTES
        self._count += 1
        return self._bytes[start : start + _SLOT_BYTES]


class _Pickler(pickle.Pickler):
    """Puts large byte strings into a slot, and only their places into the pickle."""

    def __init__(self, file: IO[bytes], slot: memoryview):
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._slot = slot
        self._used = 0

    def persistent_id(self, value: Any) -> tuple[int, int] | None:
        if type(value) is not bytes or not _LARGE <= len(value) <= len(self._slot) - self._used:
            return None
        start, self._used = self._used, self._used + len(value)
        self._slot[start : self._used] = value
        return start, self._used


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], slot: memoryview):
        super().__init__(file)
        self._slot = slot

    def persistent_load(self, place: tuple[int, int]) -> bytes:
        return bytes(self._slot[slice(*place)])


def send(stream: IO[bytes], message: Any, memory: Memory | None = None) -> None:
    """Writes one message."""
    content = io.BytesIO()
    if memory is None:
        pickle.dump(message, content, pickle.HIGHEST_PROTOCOL)
    else:
        _Pickler(content, memory.next_slot()).dump(message)
    stream.write(content.tell().to_bytes(8, "little"))
    stream.write(content.getbuffer())
    stream.flush()


def receive(stream: IO[bytes], memory: Memory | None = None) -> Any:
    """Reads one message; raises EOFError if the other side has ended."""
    size = stream.read(8)
    content = stream.read(int.from_bytes(size, "little")) if len(size) == 8 else b""
    if len(size) < 8 or len(content) < int.from_bytes(size, "little"):
        raise EOFError
    if memory is None:
        return pickle.loads(content)
    return _Unpickler(io.BytesIO(content), memory.next_slot()).load()


def portable(error: BaseException) -> BaseException:
    """Returns the error if it survives pickling, or else a `RuntimeError` with its traceback."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
