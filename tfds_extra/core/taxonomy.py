"""The graph of hypernyms (what is a kind of what), with functions that are safe against cycles.

WordNet 3.0 has two verbs, restrain and inhibit, each of which is published as the other's hypernym. A path
therefore ends where its last synset has no hypernym that is not on the path already.

Nothing here depends on a file format: nodes are any hashable names, such as ids of synsets. Distances and
similarities are those of NLTK's `wordnet` reader, which took them from Perl's WordNet::Similarity.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)

# Where hypernyms form a cycle, at most so many paths of a node are followed. Published nodes have
# two.
_MAX_PATHS = 10_000


class Taxonomy(Generic[Node]):
    """A graph of nodes and of what each of them is a kind of."""

    def __init__(
        self,
        hypernyms: Mapping[Node, Sequence[Node]],
        order: Callable[[Node], Any] | None = None,
    ):
        """Takes a graph.

        Args:
          hypernyms: Hypernyms by node, in published order. A node that is no key has no hypernyms.
          order: Sorts nodes that are equally good lowest common hypernyms; NLTK sorts by name.
        """
        self._hypernyms = hypernyms
        self._order: Callable[[Any], Any] = order or (lambda node: node)

    def hypernyms(self, node: Node) -> Sequence[Node]:
        """Returns what a node is a kind of, one level up."""
        return self._hypernyms.get(node, ())

    @functools.cached_property
    def _hyponyms(self) -> dict[Node, list[Node]]:
        found: dict[Node, list[Node]] = {}
        for node, hypernyms in self._hypernyms.items():
            for hypernym in dict.fromkeys(hypernyms):
                found.setdefault(hypernym, []).append(node)
        return found

    def hyponyms(self, node: Node) -> Sequence[Node]:
        """Returns what is a kind of a node, one level down, in the order of the mapping."""
        return self._hyponyms.get(node, ())

    def closure(self, node: Node) -> list[Node]:
        """Returns all that a node is a kind of, the nearest first; without the node itself."""
        return list(self.distances(node))[1:]

    def descendants(self, node: Node) -> list[Node]:
        """Returns all that is a kind of a node, the nearest first; without the node itself."""
        return list(_distances(node, self.hyponyms))[1:]

    def distances(self, node: Node) -> dict[Node, int]:
        """Returns all that a node is a kind of, with the fewest levels up to it; itself with 0."""
        return _distances(node, self.hypernyms)

    def path(self, node: Node) -> list[Node]:
        """Returns the way from a node to a root, along the first hypernym of each node."""
        found = {node: None}
        while up := next((h for h in self.hypernyms(node) if h not in found), None):
            found[node := up] = None
        return list(found)

    def paths(self, node: Node) -> Iterator[list[Node]]:
        """Yields all ways from a node up to a root, each a list that begins with the node."""
        path = [node]
        above = [iter(self._above(node, ()))]
        if not self._above(node, ()):
            yield path
            return
        while above:
            up = next(above[-1], None)
            if up is None:
                above.pop()
                path.pop()
                continue
            path.append(up)
            further = self._above(up, path)
            if not further:
                yield list(path)
            above.append(iter(further))

    def _above(self, node: Node, path: Sequence[Node]) -> list[Node]:
        """Returns the hypernyms of a node that are not on a path that leads to it."""
        return [h for h in dict.fromkeys(self.hypernyms(node)) if h not in path and h != node]

    def min_depth(self, node: Node) -> int:
        """Returns the levels to the nearest root."""
        return self._depths(node)[0]

    def max_depth(self, node: Node) -> int:
        """Returns the levels to a root along the longest way."""
        return self._depths(node)[1]

    def _depths(self, node: Node) -> tuple[int, int]:
        known = self._all_depths.get(node)
        if known is None:
            lengths = []
            for path in self.paths(node):
                lengths.append(len(path) - 1)
                if len(lengths) > _MAX_PATHS:
                    raise ValueError(f"the hypernyms of {node} form too many cycles")
            known = self._all_depths[node] = min(lengths), max(lengths)
        return known

    @functools.cached_property
    def _all_depths(self) -> dict[Node, tuple[int, int]]:
        """Depths of all nodes that are not below, or in, a cycle; from the roots down."""
        nodes = dict.fromkeys(self._hypernyms) | dict.fromkeys(self._hyponyms)
        waiting = {node: len(set(self.hypernyms(node))) for node in nodes}
        done: dict[Node, tuple[int, int]] = {}
        ready = collections.deque(node for node, count in waiting.items() if not count)
        while ready:
            node = ready.popleft()
            above = [done[hypernym] for hypernym in self.hypernyms(node)]
            nearest = min((low for low, _ in above), default=-1)
            farthest = max((high for _, high in above), default=-1)
            done[node] = nearest + 1, farthest + 1
            for hyponym in self.hyponyms(node):
                waiting[hyponym] -= 1
                if not waiting[hyponym]:
                    ready.append(hyponym)
        return done

    def lowest_common(self, a: Node, b: Node, *, longest: bool = False) -> list[Node]:
        """Returns the deepest common hypernyms of two nodes, sorted.

        A node counts among its own hypernyms.

        Args:
          a: A node.
          b: Another.
          longest: Whether depth is measured along the longest way to a root, which is NLTK's
            default, and not along the shortest, which NLTK uses for Wu and Palmer's similarity.
        """
        depth = self.max_depth if longest else self.min_depth
        common = self.distances(a).keys() & self.distances(b).keys()
        deepest = max(map(depth, common), default=0)
        return sorted((c for c in common if depth(c) == deepest), key=self._order)

    def path_distance(self, a: Node, b: Node, *, one_root: bool = False) -> int | None:
        """Returns the fewest levels from a node up to a common hypernym and down to another node.

        Args:
          a: A node.
          b: Another node.
          one_root: Whether one more root is added above all roots. For each node it is one level
            above the farthest root of that node.

        Returns:
          The number; None if nothing is common to them.
        """
        if a == b:
            return 0
        up, down = self.distances(a), self.distances(b)
        ways = [up[node] + down[node] for node in up.keys() & down.keys()]
        if one_root:
            ways.append(max(up.values()) + max(down.values()) + 2)
        return min(ways, default=None)

    def path_similarity(self, a: Node, b: Node, *, one_root: bool = False) -> float | None:
        """Returns 1 / (1 + `path_distance`); None if two nodes have no common hypernym."""
        distance = self.path_distance(a, b, one_root=one_root)
        return None if distance is None else 1 / (distance + 1)

    def wup_similarity(self, a: Node, b: Node, *, one_root: bool = False) -> float | None:
        """Returns Wu and Palmer's similarity: how deep the lowest common hypernym lies.

        It is 2 d / (d_a + d_b). d counts the nodes from that hypernym to a root by the longest way;
        d_a and d_b are d plus the levels from a and b up to that hypernym.

        Args:
          a: A node.
          b: Another node.
          one_root: As in `path_distance`.

        Returns:
          The similarity; None if they have no common hypernym.
        """
        lowest = self.lowest_common(a, b)
        if one_root and (not lowest or self.min_depth(lowest[0]) == 0) and a not in lowest:
            # NLTK gives the added root the same depth as the roots, and sorts it before them.
            levels = max(self.distances(a).values()) + max(self.distances(b).values()) + 2
            return 2 / (levels + 2)
        if not lowest:
            return None
        subsumer = a if a in lowest else lowest[0]
        depth = self.max_depth(subsumer) + 1
        ways = [self.path_distance(node, subsumer, one_root=one_root) or 0 for node in (a, b)]
        return 2 * depth / (sum(ways) + 2 * depth)


def _distances(node: Node, next_to: Callable[[Node], Sequence[Node]]) -> dict[Node, int]:
    found = {node: 0}
    waiting = collections.deque([node])
    while waiting:
        node = waiting.popleft()
        for other in next_to(node):
            if other not in found:
                found[other] = found[node] + 1
                waiting.append(other)
    return found
