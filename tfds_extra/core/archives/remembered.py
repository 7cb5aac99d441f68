"""Remembers the indexes of the last few archives that this process has opened."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.sources import Source

_T = TypeVar("_T")
_REMEMBERED: dict[Hashable, Any] = {}
_REMEMBER = 8


def remembered(kind: str, source: Source, limits: Limits, build: Callable[[], _T]) -> _T:
    """Returns `build()`; each process keeps the results for the last few archives.

    A worker process receives a new `Tree` with every task, but the index of a large archive should
    be built only once. A file that changes has another identity (inode, size, times).
    """
    if source.identity is None:
        return build()
    key = (kind, source.identity, limits)
    # There is no lock, since a fork could leave it held. At worst two threads build the same index.
    value = _REMEMBERED.get(key)
    if value is None:
        value = _REMEMBERED[key] = build()
        for oldest in list(_REMEMBERED)[:-_REMEMBER]:
            _REMEMBERED.pop(oldest, None)
    return value
