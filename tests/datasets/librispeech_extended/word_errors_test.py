"""Word error rate, against jiwer."""

from __future__ import annotations

import random

import jiwer
import pytest

from tfds_extra.datasets.librispeech_extended import word_errors
from tfds_extra.datasets.librispeech_extended.word_errors import WordErrors


def texts(chance: random.Random, vocabulary: int, longest: int) -> tuple[str, str]:
    """A reference, and a hypothesis that is something else or the reference with errors."""
    words = [f"W{i}" for i in range(vocabulary)]
    said = chance.choices(words, k=chance.randint(0, longest))
    if chance.random() < 0.3:
        heard = chance.choices(words, k=chance.randint(0, longest))
    else:
        heard = []
        for word in said:
            kind = chance.random()
            heard += [chance.choice(words)] if kind < 0.1 else [] if kind < 0.2 else [word]
            heard += [chance.choice(words)] if chance.random() < 0.1 else []
    return " ".join(said), " ".join(heard)


@pytest.mark.parametrize("vocabulary, longest", [(2, 8), (3, 30), (12, 20), (1000, 80)])
def test_random_pairs(vocabulary, longest):
    chance = random.Random(vocabulary)
    pairs = [texts(chance, vocabulary, longest) for _ in range(300)]
    for reference, hypothesis in pairs:
        found, theirs = (
            word_errors.count(reference, hypothesis),
            jiwer.process_words(reference, hypothesis),
        )
        expected = (theirs.hits, theirs.substitutions, theirs.deletions, theirs.insertions)
        assert found == expected, (reference, hypothesis)
        assert found.rate == theirs.wer
    references, hypotheses = map(list, zip(*pairs))
    assert word_errors.rate(references, hypotheses) == jiwer.wer(references, hypotheses)


def test_known_values():
    assert word_errors.count("A B C D", "A X C") == WordErrors(2, 1, 1, 0)
    assert word_errors.count("A B", "A B") == WordErrors(2, 0, 0, 0)
    assert word_errors.count(" A  B ", "A B").rate == 0
    assert word_errors.rate(["THE CAT SAT", "ON IT"], ["THE CAT", "ON A MAT"]) == 0.6
    assert word_errors.rate(["A"], ["B C D"]) == 3
    assert word_errors.rate(["a"], ["A"]) == 1


@pytest.mark.parametrize("reference, hypothesis", [("", ""), ("", "A B"), ("A B", ""), ("A", "A")])
def test_without_words(reference, hypothesis):
    assert word_errors.count(reference, hypothesis).rate == jiwer.wer(reference, hypothesis)
    assert word_errors.rate([reference], [hypothesis]) == jiwer.wer(reference, hypothesis)


def test_nothing():
    assert word_errors.rate([], []) == 0
    assert word_errors.total([]) == WordErrors()


def test_wrong_arguments():
    with pytest.raises(ValueError, match="2 references and 1 hypotheses"):
        word_errors.rate(["A", "B"], ["A"])
    with pytest.raises(ValueError, match="sequences of texts"):
        word_errors.rate("A B", "A C")
