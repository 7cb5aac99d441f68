"""Python's `sqlite3`, with the SQLite that it was built for: `from tfds_extra.core.sqlite import sqlite3`.

TensorFlow's library for Linux has an SQLite in it, without full-text search, and lends its functions to every
library that is loaded later. Python's module is one of those unless it looks for its own SQLite first.
"""

from __future__ import annotations

import os
import sys

_OWN_FIRST = getattr(os, "RTLD_DEEPBIND", 0)  # Elsewhere libraries do not mix up their functions.

if _OWN_FIRST:
    _flags = sys.getdlopenflags()
    sys.setdlopenflags(_flags | _OWN_FIRST)
try:
    import sqlite3
finally:
    if _OWN_FIRST:
        sys.setdlopenflags(_flags)

__all__ = ["sqlite3"]
