"""ImageNet's classes in WordNet's hierarchy of nouns: hypernyms, and distances between classes.

```python
from tfds_extra.datasets.imagenet_wordnet import hierarchy

tree = hierarchy.ilsvrc()
tree.words(tree.lowest_common(207, 208))     # of two labels: ('retriever',)
tree.distance(207, 281), tree.height(207, 281)
tree.cost_matrix()[labels, predictions].mean()  # hierarchical error of a batch
```

A synset is named by its wnid, or by its label if it is a class. Hypernyms are those of WordNet 3.0.
"""

from __future__ import annotations

import collections
import functools
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from tfds_extra.core import tables, taxonomy


class Hierarchy:
    """Synsets, and the classes among them."""

    def __init__(
        self,
        hypernyms: Mapping[str, Sequence[str]],
        words: Mapping[str, str],
        classes: Sequence[str],
    ):
        """Takes a hierarchy.

        Args:
          hypernyms: Wnids of a synset's hypernyms, by its wnid. A path may end anywhere.
          words: Words of each synset, joined by commas, by wnid.
          classes: Wnids in the order of their labels.
        """
        self.classes = tuple(classes)
        self._words = words
        self._graph = taxonomy.Taxonomy({wnid: sorted(up) for wnid, up in hypernyms.items()})

    def wnid(self, synset: int | str) -> str:
        """Returns the wnid of a synset.

        Raises:
          ValueError: There is no such label.
        """
        if isinstance(synset, str):
            return synset
        if not 0 <= synset < len(self.classes):
            raise ValueError(f"labels are 0 to {len(self.classes) - 1}, not {synset}")
        return self.classes[int(synset)]

    def words(self, synset: int | str) -> tuple[str, ...]:
        """Returns the words of a synset, the commonest first; none if it is unknown."""
        words = self._words.get(self.wnid(synset), "")
        return tuple(filter(None, words.split(", ")))

    def path(self, synset: int | str) -> list[str]:
        """Returns the shortest way from a synset's hypernym up to a root.

        Of several shortest ways it is the one with the smallest wnids, compared from the synset up.
        """
        start = self.wnid(synset)
        came_from = {start: ""}
        waiting = collections.deque([start])
        while waiting:
            wnid = waiting.popleft()
            above = self._graph.hypernyms(wnid)
            if not above:
                found = []
                while wnid != start:
                    found.append(wnid)
                    wnid = came_from[wnid]
                return found[::-1]
            for hypernym in above:
                if hypernym not in came_from:
                    came_from[hypernym] = wnid
                    waiting.append(hypernym)
        return []

    def paths(self, synset: int | str) -> list[list[str]]:
        """Returns all ways from the hypernyms of a synset up to a root, the shortest first."""
        found = [path[1:] for path in self._graph.paths(self.wnid(synset))]
        return sorted((path for path in found if path), key=lambda path: (len(path), path))

    def ancestors(self, synset: int | str) -> list[str]:
        """Returns all that a synset is a kind of, the nearest first."""
        return self._graph.closure(self.wnid(synset))

    def depth(self, synset: int | str) -> int:
        """Returns the levels up to a root by the shortest way."""
        return self._graph.min_depth(self.wnid(synset))

    def below(self, synset: int | str) -> list[int]:
        """Returns the labels of the classes that are kinds of a synset, or are it."""
        wnid = self.wnid(synset)
        found = {wnid, *self._graph.descendants(wnid)}
        return [label for label, one in enumerate(self.classes) if one in found]

    def lowest_common(self, a: int | str, b: int | str) -> str:
        """Returns the common hypernym that is deepest by the longest way, as in NLTK.

        One of the synsets may be the other's hypernym.

        Raises:
          ValueError: They have none.
        """
        found = self._graph.lowest_common(self.wnid(a), self.wnid(b), longest=True)
        if not found:
            raise ValueError(f"{self.wnid(a)} and {self.wnid(b)} have no hypernym in common")
        return found[0]

    def distance(self, a: int | str, b: int | str) -> int | None:
        """Returns the fewest levels up from a synset to a common hypernym and down to another.

        Returns:
          The number; 0 for the same synset, None if they have no common hypernym.
        """
        return self._graph.path_distance(self.wnid(a), self.wnid(b))

    def height(self, a: int | str, b: int | str) -> int:
        """Returns the cost of confusing two synsets: the height of their lowest common hypernym.

        The height is the longest way from it down to a class; 0 for the same class. Of several
        common hypernyms, the one with the least height counts (Deng, Berg, Li and Fei-Fei 2010).

        Raises:
          ValueError: They have none.
        """
        a, b = self.wnid(a), self.wnid(b)
        common = self._graph.distances(a).keys() & self._graph.distances(b).keys()
        if not common:
            raise ValueError(f"{a} and {b} have no hypernym in common")
        return min(self._heights.get(wnid, 0) for wnid in common)

    def cost_matrix(self) -> np.ndarray:
        """Returns the `height` of all pairs of classes.

        Returns:
          int32 of shape (classes, classes), symmetric, 0 on the diagonal. Classes without a common
          hypernym have the height of the highest synset, plus 1.
        """
        most = max(self._heights.values(), default=0) + 1
        found = np.full((len(self.classes),) * 2, most, np.int32)
        labels: dict[str, list[int]] = {}
        for label, wnid in enumerate(self.classes):
            for one in self._graph.distances(wnid):
                labels.setdefault(one, []).append(label)
        # From the highest down, so that the least height is set last.
        for wnid in sorted(labels, key=lambda wnid: -self._heights.get(wnid, 0)):
            found[np.ix_(labels[wnid], labels[wnid])] = self._heights.get(wnid, 0)
        return found

    @functools.cached_property
    def _heights(self) -> dict[str, int]:
        """The longest way down to a class, by wnid, of all that classes are kinds of."""
        heights = dict.fromkeys(self.classes, 0)
        waiting = collections.deque(self.classes)
        while waiting:
            wnid = waiting.popleft()
            for hypernym in self._graph.hypernyms(wnid):
                if heights.get(hypernym, -1) < heights[wnid] + 1:
                    heights[hypernym] = heights[wnid] + 1
                    waiting.append(hypernym)
        return heights


@functools.cache
def ilsvrc() -> Hierarchy:
    """Returns the hierarchy of the 1,000 classes of ILSVRC 2012 and the 860 synsets above them."""
    rows = tables.read_tsv(pathlib.Path(__file__).with_name("synsets.tsv"))
    hypernyms = {row["wnid"]: row["hypernyms"].split() for row in rows}
    above = {wnid for up in hypernyms.values() for wnid in up}
    classes = [wnid for wnid in hypernyms if wnid not in above]
    return Hierarchy(hypernyms, {row["wnid"]: row["words"] for row in rows}, sorted(classes))
