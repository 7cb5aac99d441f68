"""Peeking: real examples of a corpus before it is fetched."""

from tfds_extra.core.peeking.files import PeekTree
from tfds_extra.core.peeking.peeking import Peeking, described
from tfds_extra.core.peeking.purse import BUDGET, EXAMPLES, BeyondBudget, Peek, amount

__all__ = [
    "BUDGET",
    "EXAMPLES",
    "BeyondBudget",
    "Peek",
    "PeekTree",
    "Peeking",
    "amount",
    "described",
]
