"""Limits how many connections to each host are open, over all threads of the process."""

from __future__ import annotations

import collections
import contextlib
import threading
import urllib.parse
from collections.abc import Callable, Iterator

PER_HOST = 3

_GUARD = threading.Lock()
_SLOTS: dict[str, threading.Semaphore] = collections.defaultdict(
    lambda: threading.Semaphore(PER_HOST)
)


@contextlib.contextmanager
def one_for(url: str, check: Callable[[], None]) -> Iterator[None]:
    """Reserves a connection to the host of `url`; `check` may raise to stop waiting for it."""
    with _GUARD:
        slot = _SLOTS[urllib.parse.urlsplit(url).netloc]
    while not slot.acquire(timeout=0.1):
        check()
    try:
        yield
    finally:
        slot.release()
