"""The official accuracy of answers to questions about pictures.

Each of the ten people is left out in turn: then an answer counts 1 if at least three of the others
gave it, and a third for each of them if fewer did. The accuracy is the mean of that. The official
evaluator (GT-Vision-Lab/VQA, vqaEval.py) changes answers before it compares them. That is done
here, too, with its oddities, since published figures depend on them. It exists in two editions:

*   "2021" (commit a013f00 of March 2021): answers of people and the prediction are brought into
    normal form, unless all people gave the same answer. Then the prediction has to be exactly that
    answer.
*   "2015" (all versions before): the prediction is always brought into normal form. The answers of
    people only lose their punctuation, and not even that if they are all the same.

`keras_accuracy` has metrics of Keras for it.
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
# The evaluator should spare periods between digits, but looks only at the next letter.
_PERIOD = re.compile(r"\.(?!\d)")
# It passes a flag as the maximal number of replacements; the flag is this number.
_MOST_PERIODS = int(re.UNICODE)
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten".split()
    )
} | {"none": "0"}  # fmt: skip
_ARTICLES = {"a", "an", "the"}
_CACHED = 1 << 17  # The normal forms of so many answers are remembered; few answers are frequent.


@functools.cache
def _contractions() -> dict[str, str]:
    rows = tables.read_tsv(pathlib.Path(__file__).with_name("contractions.tsv"))
    return {row["word"]: row["contraction"] for row in rows}


def _cleaned(answer: str | bytes) -> str:
    """Returns an answer without blanks around it."""
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
    """Returns the normal form of an answer: lower case, without punctuation and articles.

    Words for numbers up to ten become digits, and missing apostrophes are added.

    Args:
      answer: Answer of a person or a model.
    """
    return _normal(_cleaned(answer))


def accuracy(
    answers: Sequence[str | bytes], prediction: str | bytes, edition: str = EDITIONS[0]
) -> float:
    """Returns how right an answer to one question is.

    Args:
      answers: The answers of people, ten in the published questions.
      prediction: The answer of a model.
      edition: Edition of the evaluator, "2021" or "2015".

    Returns:
      0.0 to 1.0, to the last bit what the evaluator computes before it rounds.

    Raises:
      ValueError: There are no answers, or no such edition.
    """
    forms, own = _compared(answers, edition)
    return _share([form == own(prediction) for form in forms])


def accuracies(
    answers: Sequence[Sequence[str | bytes]] | np.ndarray,
    predictions: Sequence[str | bytes] | np.ndarray,
    edition: str = EDITIONS[0],
) -> np.ndarray:
    """Returns how right the answers to several questions are.

    Args:
      answers: The answers of people for each question: lists, or an array of shape (questions, 10).
      predictions: One answer of a model for each question.
      edition: Edition of the evaluator, "2021" or "2015".

    Returns:
      float64 of shape (questions,), each as in `accuracy`.

    Raises:
      ValueError: As in `accuracy`, or the numbers of questions differ.
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
    """Returns how right each answer of a list would be, for models that choose one from a list.

    Args:
      answers: As in `accuracies`.
      vocabulary: The answers that the model can give.
      edition: Edition of the evaluator, "2021" or "2015".

    Returns:
      float32 of shape (questions, answers of the vocabulary). Many train such models with these
      values as targets.

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
    """Returns means in percent, rounded to two places like the published ones.

    Args:
      found: Results of `accuracies`.
      **groups: Values to group by, one for each question, such as `question_type=...`.

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
    """Returns people's answers in the form for comparing, and a function for predictions."""
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
    # Blanks around an answer stay here, so that answers may differ by them alone.
    forms = [answer.decode() if isinstance(answer, bytes) else answer for answer in answers]
    if len(set(forms)) > 1:
        forms = [_without_punctuation(form) for form in forms]
    return forms, normalize


def _share(matches: list[bool]) -> float:
    """Returns the mean over the people, each of whom is left out in turn."""
    count, people = sum(matches), len(matches)
    if count > 3:
        return 1.0
    # In the evaluator's order, for the sum of fractions depends on it.
    return sum(min(1, (count - match) / 3) for match in matches) / people if count else 0.0


def _listed(values: Any) -> Any:
    """Returns the values of a tensor or array as Python objects."""
    if hasattr(values, "numpy"):
        values = values.numpy()
    return values.tolist() if isinstance(values, np.ndarray) else values
