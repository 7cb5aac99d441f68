"""How patient downloads are: time-outs, retries, and the slowest server that is waited for."""

from __future__ import annotations

import dataclasses
import os

_SLOWEST = "TFDS_EXTRA_SLOWEST"


@dataclasses.dataclass(frozen=True)
class Policy:
    """Time-outs and retries.

    A host that does not answer is given up in less than a minute, and a name that does not resolve
    at once. A line that breaks now and then is tried again as often as it breaks.

    Attributes:
      connect_timeout: Seconds in which a connection must be made.
      read_timeout: The most seconds between two bytes.
      attempts: After so many failures in a row, without a mebibyte between them, a URL is given up.
      patience: After so many seconds without a byte, a URL is given up. The head of an answer, with
        the redirects that led to it, must also be complete so many seconds after its first byte.
      backoff: Seconds before the second attempt; twice as many before the third, and so on.
      longest_wait: The most seconds that a server may ask us to wait (Retry-After).
      slowest: Bytes a second, averaged over `patience` seconds of waiting. A slower connection
        counts as broken, and a URL that did not even give a mebibyte is given up. The default is
        the environment variable `TFDS_EXTRA_SLOWEST`, or else 1,000; a modem has some thousands.
    """

    connect_timeout: float = 10
    read_timeout: float = 30
    attempts: int = 5
    patience: float = 45
    backoff: float = 1
    longest_wait: float = 120
    slowest: float = dataclasses.field(default_factory=lambda: _slowest())


def _slowest() -> float:
    """Returns the speed in bytes a second below which a server is given up."""
    text = os.environ.get(_SLOWEST, "1000")
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{_SLOWEST}={text}: not a number of bytes a second") from None
