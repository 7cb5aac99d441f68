"""What a peek may spend, and what it has spent."""

from __future__ import annotations

import dataclasses
import numbers

_UNITS = ("bytes", "kB", "MB", "GB", "TB")

EXAMPLES = 20
BUDGET = 50_000_000


@dataclasses.dataclass(frozen=True)
class Peek:
    """How far a peek goes.

    Attributes:
      examples: So many examples of each split are shown, or all if there are fewer.
      budget: At most so many bytes are taken from servers.
    """

    examples: int = EXAMPLES
    budget: int = BUDGET

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            is_number = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            if not is_number or value < 1:
                raise ValueError(f"{name} of a peek is a whole number from 1, not {value!r}.")


def amount(size: int) -> str:
    """Returns a number of bytes as a text, in the decimal units in which a budget is given."""
    number, unit = float(size), 0
    while number >= 999.5 and unit + 1 < len(_UNITS):
        number /= 1000
        unit += 1
    return f"{number:.1f}".removesuffix(".0") + f" {_UNITS[unit]}"


class BeyondBudget(Exception):
    """What comes next would exceed the budget; `str()` says what that is.

    It is no `ValueError` and no `OSError`, so that no reader takes it for a damaged file.
    """


class Purse:
    """Counts what is taken, and stops before the budget is exceeded.

    Attributes:
      budget: Bytes that may be taken.
      spent: Bytes that were taken.
      requests: Requests that were made; each redirect is one more.
      exceeded: The last error, for libraries that raise another one in its place.
    """

    def __init__(self, budget: int):
        self.budget = self._limit = budget
        self.spent = 0
        self.requests = 0
        self.exceeded: BeyondBudget | None = None

    @property
    def left(self) -> int:
        """Bytes that may still be taken."""
        return max(0, self._limit - self.spent)

    def allow(self, share: float) -> bool:
        """Allows to spend a share of what is left of the budget; returns whether it is not all."""
        self._limit = self.spent + int(share * max(0, self.budget - self.spent))
        return self._limit < self.budget

    def check(self, wanted: int, what: str) -> None:
        """Raises if `wanted` more bytes are too many.

        Args:
          wanted: Number of bytes.
          what: What they are, for the message.

        Raises:
          BeyondBudget: They exceed the budget.
        """
        if wanted > self.left:
            self.exceeded = BeyondBudget(
                f"{what} {amount(wanted)} more, and of the budget of {amount(self.budget)}"
                f" {amount(self.left)} are left"
            )
            raise self.exceeded
