"""Peeks: what a builder tells of its pieces and files, so that only a few bytes need to be read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any

from tfds_extra.core import archives, peeking
from tfds_extra.core.builders.facts import FactsLayer
from tfds_extra.core.builders.variants import PEEK


class PeeksLayer(FactsLayer):
    """Has the declarations of a subclass for peeks.

    Attributes:
      READ_AT_ONCE: Number of examples for which as much is read as for one, because they lie in one
        block of the published file. It tells what a peek costs.
    """

    READ_AT_ONCE = 1

    _peek: peeking.Peek

    @functools.cached_property
    def _peeking(self) -> peeking.Peeking:
        return peeking.Peeking(self, self._peek)

    def is_as_asked(self) -> bool:
        """Returns whether the prepared peek was as far as this one is asked to go."""
        done = self.info.metadata.get("peek") or {}
        return all(done.get(name) == value for name, value in vars(self._peek).items())

    def wants(self, split: str) -> bool:
        """Returns whether examples of a split are wanted: in a peek, not after there are enough."""
        return self.variant != PEEK or self._peeking.wants(split)

    def splits_of(self, piece: Any) -> Collection[str]:
        """Returns the splits of which a piece may have examples; all if it does not tell its split.

        A peek reads no piece of whose splits it has enough.
        """
        split = getattr(piece, "split", "")
        return (split,) if split in self.expected_counts else tuple(self.expected_counts)

    def whole_files(self, split: str) -> Collection[str]:
        """Returns the files, by short name, that are read to the end before the first example.

        A peek fetches them whole, if its budget allows it. Files that are read from the beginning,
        or by places, are not among them.

        Args:
          split: The split of the example.
        """
        del split
        return ()

    def needs_whole(self, tree: archives.Tree, *names: str) -> None:
        """Says, before they are read, that members are read to the end before the first example.

        Args:
          tree: An archive of random access.
          *names: Names of the members.

        Raises:
          peeking.BeyondBudget: This is a peek, and they exceed its budget.
        """
        if isinstance(tree, peeking.PeekTree):
            tree.reserve(names)

    def _is_skipped(self, split_of: Callable[[str], str] | None) -> Callable[[str], bool] | None:
        """Returns what tells a peek which members of an archive it passes over.

        Args:
          split_of: Takes the name of a member, and returns its split; None if names do not tell it.
        """
        if split_of is None or self.variant != PEEK:
            return None

        def is_skipped(name: str) -> bool:
            split = split_of(name)
            return split in self.expected_counts and not self.wants(split)

        return is_skipped
