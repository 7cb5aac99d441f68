"""Makes connections that check that an answer's head ends and that its body comes fast enough.

requests has only the time-outs of sockets, which begin anew with every byte.
"""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Callable
from typing import Any

import requests

# The most bytes that the head of an answer may have, with the redirects that lead to it.
_LONGEST_HEAD = 1 << 18


class TooSlow(Exception):
    """An answer comes too slowly, or its head does not end."""


class Watch:
    """Counts the bytes of one answer, and the time that was spent on waiting for them."""

    def __init__(self, patience: float, slowest: float):
        """Begins with the head.

        Args:
          patience: Seconds of waiting, from the first byte on, in which the head must be complete;
            also the seconds over which the speed of the body is averaged.
          slowest: Bytes a second that have to come of the body.
        """
        self._patience = patience
        self._slowest = slowest
        self._received = 0
        self._waited = 0.0
        self._in_body = False

    def body_begins(self) -> None:
        """Is called when the head is complete."""
        self._in_body = True
        self._received, self._waited = 0, 0.0

    def timed(self, read: Callable[..., Any], *args: Any) -> Any:
        """Calls `read`, which returns bytes or a number of them.

        Raises:
          TooSlow: The answer is not worth waiting for.
        """
        begun = time.monotonic()
        result = read(*args)
        # Only the waiting counts, because a slow disk or a suspended machine is not the server's
        # fault. For the very first byte, the socket has its own time-out.
        if self._in_body or self._received:
            self._waited += time.monotonic() - begun
        self._received += result if isinstance(result, int) else len(result or b"")
        if not self._in_body and self._received > _LONGEST_HEAD:
            raise TooSlow(f"{self._received:,} bytes came, and no answer")
        if self._waited > self._patience:
            self._judge()
        return result

    def _judge(self) -> None:
        speed = self._received / self._waited
        over = f"{speed:,.0f} bytes a second over {self._waited:,.0f} seconds"
        if not self._in_body:
            raise TooSlow(f"the head of the answer does not end: {over}")
        if speed < self._slowest:
            raise TooSlow(
                f"the file comes too slowly: {over}, where {self._slowest:,.0f} are the least. If it is"
                " your line that is slow, set TFDS_EXTRA_SLOWEST to fewer bytes a second"
            )
        self._received, self._waited = 0, 0.0


def session(watch: Watch) -> requests.Session:
    """Returns a session whose connections are watched; it is good for one answer."""
    watched = requests.Session()
    for scheme in ("http://", "https://"):
        watched.mount(scheme, _Adapter(watch))
    return watched


class _Adapter(requests.adapters.HTTPAdapter):
    """Makes connections whose answers are watched, with a proxy or without."""

    def __init__(self, watch: Watch):
        super().__init__()
        self._watch = watch

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        watch = self._watch

        class Response(http.client.HTTPResponse):
            def __init__(self, sock: Any, *args: Any, **kwargs: Any):
                super().__init__(sock, *args, **kwargs)
                self.fp.close()
                self.fp = io.BufferedReader(_Watched(sock.makefile("rb", buffering=0), watch))

        class Connection(pool.ConnectionCls):  # type: ignore[name-defined]  # A class in a variable.
            response_class = Response

        pool.ConnectionCls = Connection
        return pool


class _Watched(io.RawIOBase):
    """A raw file over a socket that tells a `Watch` of all bytes."""

    def __init__(self, raw: io.RawIOBase, watch: Watch):
        self._raw = raw
        self._watch = watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return self._watch.timed(self._raw.readinto, buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()
