"""Hypernyms as a graph: paths, depths, similarities, and cycles."""

from __future__ import annotations

import pytest

from tfds_extra.core import taxonomy

_GRAPH = {
    "dog": ["canine", "pet"],
    "cat": ["feline"],
    "canine": ["beast"],
    "feline": ["beast"],
    "pet": ["thing"],
    "beast": ["being"],
    "being": ["thing"],
    "idea": ["thought"],
}


def test_ways_up():
    found = taxonomy.Taxonomy(_GRAPH)
    assert found.path("dog") == ["dog", "canine", "beast", "being", "thing"]
    assert list(found.paths("dog")) == [found.path("dog"), ["dog", "pet", "thing"]]
    assert list(found.paths("thing")) == [["thing"]]
    assert (found.min_depth("dog"), found.max_depth("dog")) == (2, 4)
    assert (found.min_depth("thing"), found.max_depth("thing")) == (0, 0)
    assert found.closure("dog") == ["canine", "pet", "beast", "thing", "being"]
    assert found.descendants("being") == ["beast", "canine", "feline", "dog", "cat"]
    assert found.hyponyms("beast") == ["canine", "feline"]
    assert found.lowest_common("dog", "cat") == ["beast"]


def test_similarities():
    found = taxonomy.Taxonomy(_GRAPH)
    assert found.path_distance("dog", "cat") == 4
    assert found.path_similarity("dog", "cat") == 1 / 5
    assert found.wup_similarity("dog", "cat") == 2 * 3 / (4 + 2 * 3)
    assert found.path_similarity("dog", "dog") == 1
    assert found.path_similarity("dog", "idea") is None
    assert found.wup_similarity("dog", "idea") is None
    assert found.path_distance("dog", "idea", one_root=True) == 3 + 1 + 2
    assert found.wup_similarity("dog", "idea", one_root=True) == 2 / (6 + 2)


def test_cycles():
    found = taxonomy.Taxonomy({"a": ["b"], "b": ["a"], "c": ["a"], "d": ["d", "e"]})
    assert found.path("a") == ["a", "b"] and found.path("b") == ["b", "a"]
    assert found.path("c") == ["c", "a", "b"] and list(found.paths("c")) == [["c", "a", "b"]]
    assert (found.min_depth("c"), found.max_depth("c")) == (2, 2)
    assert found.closure("a") == ["b"] and found.path("d") == ["d", "e"]
    assert found.wup_similarity("a", "c") == 2 * 2 / (1 + 2 * 2)


def test_many_cycles_end_in_an_error():
    every = [str(number) for number in range(12)]
    found = taxonomy.Taxonomy({one: [other for other in every if other != one] for one in every})
    with pytest.raises(ValueError, match="too many cycles"):
        found.min_depth("0")


def test_a_long_way_up():
    found = taxonomy.Taxonomy({number: [number + 1] for number in range(20_000)})
    assert found.max_depth(0) == 20_000 and len(found.path(0)) == 20_001
