"""Words of transcripts and their times."""

from __future__ import annotations

import random

import pytest

from tfds_extra.datasets.librispeech_extended import alignments
from tfds_extra.formats.textgrid import Interval


def tier(*texts: str) -> list[Interval]:
    """Intervals of a second each."""
    return [Interval(float(i), i + 1.0, text) for i, text in enumerate(texts)]


@pytest.mark.parametrize(
    "texts, words, times",
    [
        (("", "a", "", "b", ""), "A B", [(1, 2), (3, 4)]),
        (("it's", "so"), "IT'S SO", [(0, 1), (1, 2)]),
        (("a", "<unk>", "b"), "A UNEX B", [(0, 1), (1, 2), (2, 3)]),
        (("cosette", "s", "doll"), "COSETTE'S DOLL", [(0, 2), (2, 3)]),
        (("the", "<unk>", "s", "", "doll"), "THE ARNEIL'S DOLL", [(0, 1), (1, 3), (4, 5)]),
        (("<unk>", "<unk>"), "ONE TWO", [(0, 1), (1, 2)]),
        (("o", "neill"), "O'NEILL", [(0, 2)]),
        ((), "", []),
    ],
)
def test_words_are_the_transcripts(texts, words, times):
    found = alignments.restore(tier(*texts), words)
    assert found.agrees
    assert " ".join(one.text for one in found.words) == words
    assert [(one.start, one.end) for one in found.words] == times
    assert sum(found.is_unknown) == texts.count("<unk>")


@pytest.mark.parametrize(
    "texts, words, expected",
    [
        (("a", "c"), "A B C", "A C"),  # One is missing.
        (("a", "x", "b"), "A B", "A X B"),  # One is too many.
        (("a", "x", "c"), "A B C", "A X C"),
        ((), "A B", ""),
        (("a",), "", "A"),
        (("", ""), "A", ""),
    ],
)
def test_words_that_differ(texts, words, expected):
    found = alignments.restore(tier(*texts), words)
    assert not found.agrees
    assert " ".join(one.text for one in found.words) == expected


def test_random_damage_is_undone():
    """Some words unknown, possessives cut: times of each word are those of its pieces."""
    chance = random.Random(0)
    vocabulary = ["THE", "CAT'S", "HAT", "DOG'S", "A", "ATE", "S"]
    for _ in range(200):
        words = chance.choices(vocabulary, k=chance.randint(1, 30))
        texts, spans = [], []
        for word in words:
            texts += [""] * chance.randint(0, 1)
            start = len(texts)
            if word.endswith("'S") and chance.random() < 0.3:
                texts += [word[:-2].lower(), "s"]
            else:
                texts.append("<unk>" if chance.random() < 0.1 else word.lower())
            spans.append((start, len(texts)))
        found = alignments.restore(tier(*texts), " ".join(words))
        assert found.agrees
        assert [one.text for one in found.words] == words
        assert sum(e - s for s, e in spans) == sum(one.end - one.start for one in found.words)


def test_long_utterances_take_no_time():
    """Also where hardly anything fits."""
    texts = ["<unk>", "x"] * 100
    found = alignments.restore(tier(*texts), "A B'S " * 100)
    assert len(found.words) >= 100
