"""Imports Python's `sqlite3` so that it uses the SQLite that it was built for.

Use it as `from tfds_extra.core.sqlite import sqlite3`. TensorFlow's library for Linux contains an
SQLite without full-text search. Libraries that are loaded later use its functions, and so would
Python's module, unless it is told to look for its own SQLite first.
"""

from __future__ import annotations

import os
import sys

_OWN_FIRST = getattr(os, "RTLD_DEEPBIND", 0)  # Only Linux has, and needs, this flag.

if _OWN_FIRST:
    _flags = sys.getdlopenflags()
    sys.setdlopenflags(_flags | _OWN_FIRST)
try:
    import sqlite3
finally:
    if _OWN_FIRST:
        sys.setdlopenflags(_flags)

__all__ = ["sqlite3"]
