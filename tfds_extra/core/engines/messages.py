"""Sends messages between processes: pickles in a stream, each with its length before it."""

from __future__ import annotations

import pickle
import traceback
from typing import IO, Any


def send(stream: IO[bytes], message: Any) -> None:
    """Writes one message."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(len(content).to_bytes(8, "little"))
    stream.write(content)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Reads one message; raises EOFError if the other side has ended."""
    size = stream.read(8)
    content = stream.read(int.from_bytes(size, "little")) if len(size) == 8 else b""
    if len(size) < 8 or len(content) < int.from_bytes(size, "little"):
        raise EOFError
    return pickle.loads(content)


def portable(error: BaseException) -> BaseException:
    """Returns the error if it survives pickling, or else a `RuntimeError` with its traceback."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
