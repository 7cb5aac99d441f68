"""What worker processes of tests do; they import this module by its name, and no test module."""

from __future__ import annotations

import sys

# What a worker must not import: it would take seconds, or the GPU.
_HEAVY = {"tensorflow", "keras", "apache_beam", "matplotlib", "pandas"}


def read(source) -> tuple[int, dict[str, object], set[str]]:
    """Returns the number of examples, one of them, and which heavy packages have been imported."""
    one_by_one = [source[i] for i in range(len(source))]
    together = source.__getitems__(list(range(len(source))))
    assert len(one_by_one) == len(together)
    return len(one_by_one), one_by_one[-1], _HEAVY & set(sys.modules)
