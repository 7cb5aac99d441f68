"""The two tiers of tests: the quick one of every change, and the slow one that CI runs as well."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def sampled(values: Iterable[Any], quick: Collection[Any]) -> list[Any]:
    """Values for `pytest.mark.parametrize`, of which only a few are tried in the quick tier.

    Args:
      values: All of them; a tuple where there are several parameters.
      quick: Those that stand for the others there.
    """
    return [
        value
        if value in quick
        else pytest.param(
            *(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow
        )
        for value in values
    ]
