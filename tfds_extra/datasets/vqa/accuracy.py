"""The official accuracy of answers to questions about pictures.

An answer counts as much as there are people who gave it: three of the ten are enough for all of it,
and each person in turn is left out. What the official evaluator (GT-Vision-Lab/VQA, vqaEval.py) does
to answers before it compares them is done here, too, with its oddities, since published figures
depend on them. It exists in two editions:

*   "2021" (commit a013f00 of March 2021): answers of people and the prediction are brought into
    normal form, unless all people gave the same answer. Then the prediction has to be that very
    answer.
*   "2015" (all versions before): the prediction is always brought into normal form. The answers of
    people only lose their punctuation, and not even that if they are all the same.

`keras_accuracy` has the same as metrics of Keras.
"""

from __future__ import annotations

import collections
import functools
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfds_extra.core import tables

EDITIONS = ("2021", "2015")

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_HAS_PUNCTUATION = re.compile(f"[{re.escape(_PUNCTUATION)}]")
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
# The evaluator means to spare periods between digits, but looks only at what follows.
_PERIOD = re.compile(r"\.(?!\d)")
# It passes a flag where the number of periods belongs, which happens to be this number.
_MOST_PERIODS = int(re.UNICODE)
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten".split()
    )
} | {"none": "0"}  # fmt: skip
_ARTICLES = {"a", "an", "the"}
_CACHED = 1 << 17  # Answers whose normal form is remembered; few others make up most of them.


@functools.cache
def _contractions() -> dict[str, str]:
    rows = tables.read_tsv(pathlib.Path(__file__).with_name("contractions.tsv"))
    return {row["word"]: row["contraction"] for row in rows}


def _cleaned(answer: str | bytes) -> str:
    """Without what is blank around it."""
    if isinstance(answer, bytes):
        answer = answer.decode()
    return answer.replace("\n", " ").replace("\t", " ").strip()


@functools.lru_cache(_CACHED)
def _without_punctuation(answer: str) -> str:
    changed = answer
    if _HAS_PUNCTUATION.search(answer):
        in_number = bool(_COMMA_IN_NUMBER.search(answer))
        for mark in _PUNCTUATION:
            apart = f"{mark} " in answer or f" {mark}" in answer
            changed = changed.replace(mark, "" if apart or in_number else " ")
    return _PERIOD.sub("", changed, count=_MOST_PERIODS) if "." in changed else changed


@functools.lru_cache(_CACHED)
def _normal(answer: str) -> str:
    contractions = _contractions()
    words = (_NUMBERS.get(word, word) for word in _without_punctuation(answer).lower().split())
    return " ".join(contractions.get(word, word) for word in words if word not in _ARTICLES)


def normalize(answer: str | bytes) -> str:
    """The normal form of an answer: lower case, without punctuation and articles.

    Words for numbers up to ten are digits, and apostrophes that were left out are put in.

    Args:
      answer: Of a person or a model.
    """
    return _normal(_cleaned(answer))


def accuracy(
    answers: Sequence[str | bytes], prediction: str | bytes, edition: str = EDITIONS[0]
) -> float:
    """How right an answer to one question is.

    Args:
      answers: Those of people, ten in the published questions.
      prediction: The answer of a model.
      edition: Of the evaluator, "2021" or "2015".

    Returns:
      0.0 to 1.0, to the last bit what the evaluator computes before it rounds.

    Raises:
      ValueError: There are no answers, or no such edition.
    """
    forms, own = _compared(answers, edition)
    return _share([form == own(prediction) for form in forms])


def accuracies(
    answers: Sequence[Sequence[str | bytes]],
    predictions: Sequence[str | bytes],
    edition: str = EDITIONS[0],
) -> np.ndarray:
    """How right the answers to several questions are.

    Args:
      answers: Those of people, by question: lists, or an array of shape (questions, 10).
      predictions: One for each question.
      edition: Of the evaluator, "2021" or "2015".

    Returns:
      float64 of shape (questions,), each as in `accuracy`.

    Raises:
      ValueError: As there, or the numbers of questions differ.
    """
    answers, predictions = _listed(answers), _listed(predictions)
    if len(answers) != len(predictions):
        raise ValueError(f"{len(predictions)} predictions for {len(answers)} questions")
    return np.array(
        [accuracy(one, prediction, edition) for one, prediction in zip(answers, predictions)],
        np.float64,
    )


def of_vocabulary(
    answers: Sequence[Sequence[str | bytes]],
    vocabulary: Sequence[str | bytes],
    edition: str = EDITIONS[0],
) -> np.ndarray:
    """How right each answer of a list would be, for models that choose one from a list.

    Args:
      answers: As in `accuracies`.
      vocabulary: What the model can answer.
      edition: Of the evaluator, "2021" or "2015".

    Returns:
      float32 of shape (questions, answers of the vocabulary): also what many train such models on.

    Raises:
      ValueError: As in `accuracies`.
    """
    exact = collections.defaultdict(list)
    normal = collections.defaultdict(list)
    for number, answer in enumerate(_listed(vocabulary)):
        exact[_cleaned(answer)].append(number)
        normal[normalize(answer)].append(number)
    found = np.zeros((len(answers), len(vocabulary)), np.float32)
    for row, one in zip(found, _listed(answers)):
        forms, own = _compared(one, edition)
        numbers = exact if own is _cleaned else normal
        for form in set(forms):
            if form in numbers:
                row[numbers[form]] = _share([other == form for other in forms])
    return found


def summary(found: Sequence[float], **groups: Sequence[Any]) -> dict[str, float | dict[Any, float]]:
    """Means in percent, rounded to two places like the published ones.

    Args:
      found: Of `accuracies`.
      **groups: What to group by, a value for each question: `question_type=...`, say.

    Returns:
      "overall", and for each of the groups the mean by value.

    Raises:
      ValueError: There are no questions, or a group has another number of them.
    """
    found = list(map(float, found))
    if not found:
        raise ValueError("no questions to take the mean of")
    means: dict[str, Any] = {"overall": _percent(found)}
    for name, values in groups.items():
        values = _listed(values)
        if len(values) != len(found):
            raise ValueError(f"{name} has {len(values)} values for {len(found)} questions")
        by_value: Mapping[Any, list[float]] = collections.defaultdict(list)
        for value, one in zip(values, found):
            by_value[value].append(one)
        means[name] = {value: _percent(some) for value, some in by_value.items()}
    return means


def _percent(found: list[float]) -> float:
    return round(100 * sum(found) / len(found), 2)


def _compared(
    answers: Sequence[str | bytes], edition: str
) -> tuple[list[str], Callable[[str | bytes], str]]:
    """The answers of people as they are compared, and what is done to a prediction before."""
    if edition not in EDITIONS:
        raise ValueError(
            f"there is no edition {edition!r} of the metric, but {', '.join(EDITIONS)}"
        )
    if not len(answers):
        raise ValueError("no answers of people to compare with")
    if edition == "2021":
        forms = [_cleaned(answer) for answer in answers]
        if len(set(forms)) == 1:
            return forms, _cleaned
        return [_normal(form) for form in forms], normalize
    # Blanks around an answer stay here, and tell it from others.
    forms = [answer.decode() if isinstance(answer, bytes) else answer for answer in answers]
    if len(set(forms)) > 1:
        forms = [_without_punctuation(form) for form in forms]
    return forms, normalize


def _share(matches: list[bool]) -> float:
    """The mean over the people, each of whom is left out in turn."""
    count, people = sum(matches), len(matches)
    if count > 3:
        return 1.0
    # In the evaluator's order, for the sum of fractions depends on it.
    return sum(min(1, (count - match) / 3) for match in matches) / people if count else 0.0


def _listed(values: Any) -> Any:
    """Python's own values of a tensor or array."""
    if hasattr(values, "numpy"):
        values = values.numpy()
    return values.tolist() if isinstance(values, np.ndarray) else values
