"""Word error rate: how speech recognition is measured on LibriSpeech.

    word_errors.rate(["THE CAT SAT", "ON IT"], ["THE CAT", "ON A MAT"])  # 3 errors in 5 words: 0.6

Blanks separate words, and words are compared as they are: transcripts of LibriSpeech are capitals
without punctuation, and papers normalise nothing. For each utterance the least number of
substitutions, deletions and insertions is counted that turns the reference into the hypothesis. The
sum over all utterances is divided by the words of all references, so that long utterances count for
more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class WordErrors(NamedTuple):
    """Counts of words; they can be summed with `total`.

    Attributes:
      hits: Words of the reference that were recognised.
      substitutions: Words for which another one was recognised.
      deletions: Words for which none was.
      insertions: Words that were recognised where there was none.
    """

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def words(self) -> int:
        """Words of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        """Edits that make the reference the hypothesis."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors by words of the reference; of a reference without words, the errors themselves."""
        return self.errors / (self.words or 1)


def count(reference: str, hypothesis: str) -> WordErrors:
    """Returns the errors in one utterance.

    Args:
      reference: What was said.
      hypothesis: What was recognised.

    Returns:
      The counts. Where several of them have as few errors, those that jiwer gives.
    """
    said, heard = reference.split(), hypothesis.split()
    start, end = 0, min(len(said), len(heard))
    while start < end and said[start] == heard[start]:
        start += 1
    tail = 0
    while tail < end - start and said[-1 - tail] == heard[-1 - tail]:
        tail += 1
    inner = _edits(said[start : len(said) - tail], heard[start : len(heard) - tail])
    return inner._replace(hits=inner.hits + start + tail)


def total(counts: Iterable[WordErrors]) -> WordErrors:
    """Returns the sum of the errors in several utterances."""
    return WordErrors(*map(sum, zip(WordErrors(), *counts)))


def rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Returns the word error rate over all utterances, from 0; with insertions it may exceed 1.

    Args:
      references: What was said in each.
      hypotheses: What was recognised in each, in the same order.

    Raises:
      ValueError: The numbers of texts differ, or one text was given in place of several.
    """
    if isinstance(references, str) or isinstance(hypotheses, str):
        raise ValueError("rate takes sequences of texts; of a single utterance: count(...).rate")
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references):,} references and {len(hypotheses):,} hypotheses")
    return total(map(count, references, hypotheses)).rate


def _edits(said: list[str], heard: list[str]) -> WordErrors:
    """Returns the errors between two lists of words."""
    # Distance of the first i words of one to the first j words of the other.
    distance = [list(range(len(heard) + 1))]
    for i, word in enumerate(said, start=1):
        above, row = distance[-1], [i]
        for j, other in enumerate(heard):
            same = above[j] if word == other else above[j] + 1
            row.append(min(same, above[j + 1] + 1, row[j] + 1))
        distance.append(row)
    hits = substitutions = deletions = insertions = 0
    i, j = len(said), len(heard)
    while i and j:
        here = distance[i][j]
        if here == distance[i - 1][j] + 1:
            deletions += 1
            i -= 1
        elif j > 1 and distance[i][j - 1] + 1 == distance[i - 1][j - 1]:
            insertions += 1
            j -= 1
        else:
            hit = said[i - 1] == heard[j - 1]
            hits += hit
            substitutions += not hit
            i -= 1
            j -= 1
    return WordErrors(hits, substitutions, deletions + i, insertions + j)
