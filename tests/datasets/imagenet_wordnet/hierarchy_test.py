"""ImageNet's classes among the nouns of WordNet."""

from __future__ import annotations

import collections
import itertools
import random

import numpy as np
import pytest

from tfds_extra.core import taxonomy
from tfds_extra.datasets.imagenet_wordnet import hierarchy

ROOT = "n00001740"


@pytest.fixture(scope="module")
def tree() -> hierarchy.Hierarchy:
    return hierarchy.ilsvrc()


def test_numbers_of_the_sheet(tree):
    ancestors = [tree.ancestors(wnid) for wnid in tree.classes]
    above = set().union(*ancestors)
    assert len(tree.classes) == 1000 and len(above) == 860
    assert list(tree.classes) == sorted(tree.classes)
    sizes = list(map(len, ancestors))
    assert (min(sizes), max(sizes), sum(sizes)) == (4, 19, 11_547)
    paths = collections.Counter(len(tree.paths(wnid)) for wnid in tree.classes)
    assert paths == {1: 696, 2: 278, 3: 17, 4: 5, 5: 4}
    assert all(path[-1] == ROOT for wnid in tree.classes for path in tree.paths(wnid))
    depths = [tree.depth(wnid) for wnid in tree.classes]
    assert (min(depths), max(depths)) == (4, 17)
    longest = [len(tree.paths(wnid)[-1]) for wnid in tree.classes]
    assert (min(longest), max(longest)) == (4, 18)
    assert depths == [len(tree.path(wnid)) for wnid in tree.classes]


@pytest.mark.parametrize(
    ("wnid", "count"),
    [
        ("n00015388", 398), ("n02084071", 118), ("n01503061", 59), ("n01861778", 218),
        ("n00021939", 522), ("n04524313", 67), ("n07555863", 27), ("n02121620", 7), (ROOT, 1000),
        ("n01440764", 1),
    ],
)  # fmt: skip
def test_classes_below(tree, wnid, count):
    assert len(tree.below(wnid)) == count


def test_golden_retriever(tree):
    label = tree.classes.index("n02099601")
    assert label == 207 and tree.words(label) == ("golden retriever",)
    words = [tree.words(wnid)[0] for wnid in tree.path(label)]
    assert words == [
        "retriever", "sporting dog", "hunting dog", "dog", "domestic animal", "animal", "organism",
        "living thing", "whole", "object", "physical entity", "entity",
    ]  # fmt: skip
    assert tree.lowest_common(207, 208) == "n02099029"
    assert tree.words(tree.lowest_common(207, 281)) == ("carnivore",)
    assert tree.distance(207, 208) == 2 and tree.height(207, 208) == 1
    assert tree.height(207, 207) == 0 and tree.distance(207, 207) == 0


def test_names_that_are_not_unique(tree):
    assert tree.words("n02012849") == tree.words("n03126707") == ("crane",)


def test_equals_the_taxonomy_of_wordnet(tree):
    """Which `wordnet_synsets` holds against NLTK."""
    graph = taxonomy.Taxonomy(
        {wnid: sorted(tree._graph.hypernyms(wnid)) for wnid in tree._graph._hypernyms}
    )
    generator = random.Random(3)
    for _ in range(200):
        a, b = generator.choices(tree.classes, k=2)
        assert tree.distance(a, b) == graph.path_distance(a, b)
        assert tree.lowest_common(a, b) == graph.lowest_common(a, b, longest=True)[0]


def test_cost_matrix(tree):
    costs = tree.cost_matrix()
    assert costs.shape == (1000, 1000) and costs.dtype == np.int32
    np.testing.assert_array_equal(costs, costs.T)
    assert not costs.diagonal().any() and costs.max() == tree._heights[ROOT]
    generator = random.Random(4)
    for _ in range(300):
        a, b = generator.randrange(1000), generator.randrange(1000)
        assert costs[a, b] == tree.height(a, b)


def test_a_small_one_by_hand():
    #        r       x
    #       / \      |
    #      s   t     y
    #     / \ / \
    #    a   b   c
    small = hierarchy.Hierarchy(
        {"s": ["r"], "t": ["r"], "a": ["s"], "b": ["t", "s"], "c": ["t"], "y": ["x"]},
        {"a": "an a, the a"},
        ["a", "b", "c", "y"],
    )
    assert small.words("a") == ("an a", "the a") and small.words("b") == ()
    assert small.path("b") == ["s", "r"] and small.paths("b") == [["s", "r"], ["t", "r"]]
    assert small.ancestors("b") == ["s", "t", "r"]
    assert [small.height(a, b) for a, b in itertools.combinations("abc", 2)] == [1, 2, 1]
    assert small.distance("a", "c") == 4 and small.distance("a", "y") is None
    assert small.below("s") == [0, 1] and small.below("r") == [0, 1, 2]
    assert small.cost_matrix().tolist() == [[0, 1, 2, 3], [1, 0, 1, 3], [2, 1, 0, 3], [3, 3, 3, 0]]
    for call in (lambda: small.height("a", "y"), lambda: small.lowest_common("a", "y")):
        with pytest.raises(ValueError, match="a and y have no hypernym in common"):
            call()
    with pytest.raises(ValueError, match="labels are 0 to 3, not 4"):
        small.words(4)
