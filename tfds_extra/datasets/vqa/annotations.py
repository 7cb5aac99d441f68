"""Keeps answers and pairs of questions, in a few bytes each, until their questions come.

The published files may have questions and answers in different orders. Half a million answered
questions would be 5 million Python objects; here each question takes 60 bytes, and each word is
kept once.
"""

from __future__ import annotations

import array
import collections
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import numpy as np

from tfds_extra.datasets.vqa import accuracy, features
from tfds_extra.formats import FormatError, json_stream, reading

_CONFIDENCES = {name: number for number, name in enumerate(features.CONFIDENCES)}
_ANSWER_TYPES = {name: number for number, name in enumerate(features.ANSWER_TYPES)}
_QUESTION_KEYS = {"image_id", "question", "question_id"}
_ANNOTATION_KEYS = {
    "question_type", "multiple_choice_answer", "answers", "image_id", "answer_type", "question_id"
}  # fmt: skip
_ANSWER_KEYS = {"answer", "answer_confidence", "answer_id"}
_NO_ANSWERS: dict[str, Any] = {
    "question_type": -1,
    "question_type_published": "",
    "answer_type": -1,
    "multiple_choice_answer": "",
    "answers": {"answer": [], "answer_confidence": [], "answer_id": []},
    "answer_scores": {"answer": [], "score": []},
}


def read_questions(file: BinaryIO, *, choices: bool) -> Iterable[dict[str, Any]]:
    """Yields the questions of a file.

    Args:
      file: File of questions.
      choices: Whether each question has a list of answers to choose from.

    Raises:
      FormatError: It is no such file, or a question is damaged.
    """
    wanted = _QUESTION_KEYS | ({"multiple_choices"} if choices else set())
    for number, question in _rows(file, "questions"):
        with reading(f"questions[{number}]"):
            _check_keys(question, wanted)
            _check_ids(question)
            _check_texts("question", [question["question"]])
            if choices:
                _check_texts("multiple_choices", question["multiple_choices"])
        yield question


class Answers:
    """The answers of people, by question."""

    def __init__(self, question_types: Sequence[str], *, people: int | None):
        """Begins without any.

        Args:
          question_types: Names of the classes.
          people: Number of answers to each question; None if any number, and any type, is allowed.
        """
        self._question_types = {name: number for number, name in enumerate(question_types)}
        self._people = people
        self._words: dict[str, int] = {}
        self._ids = array.array("q")
        self._images = array.array("q")
        self._types = array.array("h")  # Types of question and answer, in turn.
        self._published_types = array.array("l")  # Places in `_words`, like the next ones.
        self._common = array.array("l")  # Most common answers.
        self._starts = array.array("q", [0])  # Where each question's answers begin in the next two.
        self._answers = array.array("l")
        self._confidences = array.array("b")
        self._people_ids = array.array("l")
        self._order = self._sorted = np.zeros(0, np.int64)
        self._taken = np.zeros(0, bool)
        self._list: list[str] = []

    def read(self, file: BinaryIO) -> None:
        """Adds the answers of a file.

        Args:
          file: File of annotations.

        Raises:
          FormatError: It is no such file, answers are damaged, or a question is there twice.
        """
        for number, row in _rows(file, "annotations"):
            with reading(f"annotations[{number}]"):
                self._add(row)
        self._order = np.argsort(self._ids, kind="stable")
        self._sorted = np.array(self._ids, np.int64)[self._order]
        self._taken = np.zeros(len(self._ids), bool)
        twice = self._sorted[1:][self._sorted[1:] == self._sorted[:-1]]
        if len(twice):
            raise FormatError(f"question {twice[0]} is answered twice")
        self._list = list(self._words)

    def _add(self, row: dict[str, Any]) -> None:
        _check_keys(row, _ANNOTATION_KEYS)
        _check_ids(row)
        answers = row["answers"]
        if not isinstance(answers, list) or len(answers) != (self._people or len(answers)):
            raise FormatError(f"not the answers of {self._people or 'some'} people")
        _check_texts("question_type", [row["question_type"]])
        question_type = self._question_types.get(row["question_type"], -1)
        if question_type < 0 and self._people is not None:
            raise FormatError(f"unknown question_type {_shown(row['question_type'])}")
        _check_texts("answer_type", [row["answer_type"]])
        if row["answer_type"] not in _ANSWER_TYPES:
            raise FormatError(f"unknown answer_type {_shown(row['answer_type'])}")
        _check_texts("multiple_choice_answer", [row["multiple_choice_answer"]])
        for one in answers:
            _check_keys(one, _ANSWER_KEYS)
            _check_texts("an answer", [one["answer"], one["answer_confidence"]])
            if one["answer_confidence"] not in _CONFIDENCES:
                raise FormatError(f"unknown answer_confidence {_shown(one['answer_confidence'])}")
            if not _is_int(one["answer_id"], 31):
                raise FormatError(f"answer_id is {_shown(one['answer_id'])}")
        self._ids.append(row["question_id"])
        self._images.append(row["image_id"])
        self._types.extend((question_type, _ANSWER_TYPES[row["answer_type"]]))
        self._published_types.append(self._word(row["question_type"]))
        self._common.append(self._word(row["multiple_choice_answer"]))
        self._answers.extend(self._word(one["answer"]) for one in answers)
        self._confidences.extend(_CONFIDENCES[one["answer_confidence"]] for one in answers)
        self._people_ids.extend(one["answer_id"] for one in answers)
        self._starts.append(len(self._answers))

    def _word(self, word: str) -> int:
        return self._words.setdefault(word, len(self._words))

    def find(self, question: dict[str, Any]) -> int | None:
        """Returns the row of a question's answers, and notes that it was asked; None if none.

        Args:
          question: A question from `read_questions`.

        Raises:
          FormatError: The answers are about another picture.
        """
        wanted = question["question_id"]
        place = int(np.searchsorted(self._sorted, wanted)) if len(self._order) else 0
        if place == len(self._order) or self._sorted[place] != wanted:
            return None
        row = int(self._order[place])
        self._taken[row] = True
        if self._images[row] != question["image_id"]:
            raise FormatError(
                f"question {wanted} is about picture {question['image_id']}, its answers are about"
                f" {self._images[row]}"
            )
        return row

    def of(self, row: int) -> dict[str, Any]:
        """Returns the features of a question's answers.

        Args:
          row: From `find`.
        """
        some = slice(self._starts[row], self._starts[row + 1])
        answers = [self._list[word] for word in self._answers[some]]
        return {
            "question_type": self._types[2 * row],
            "question_type_published": self._list[self._published_types[row]],
            "answer_type": self._types[2 * row + 1],
            "multiple_choice_answer": self._list[self._common[row]],
            "answers": {
                "answer": answers,
                "answer_confidence": self._confidences[some].tolist(),
                "answer_id": self._people_ids[some].tolist(),
            },
            "answer_scores": _scores(answers),
        }

    def left(self) -> list[int]:
        """Returns the ids of the questions that were not asked."""
        return [self._ids[row] for row in np.flatnonzero(~self._taken)]


def no_answers() -> dict[str, Any]:
    """Returns the features of the answers to a question that nobody answered in public."""
    return dict(_NO_ANSWERS)


def _scores(answers: list[str]) -> dict[str, list[Any]]:
    counts = collections.Counter(map(accuracy.normalize, answers))
    return {"answer": list(counts), "score": [min(1.0, n / 3) for n in counts.values()]}


class Pairs:
    """Pairs of questions that complement each other."""

    def __init__(self, file: BinaryIO | None = None):
        """Reads them.

        Args:
          file: File of complementary pairs; None for no pairs.

        Raises:
          FormatError: It is no such file, or a pair is damaged.
        """
        pairs = array.array("q")
        for number, (_, pair) in enumerate(json_stream.read(file, ("",)) if file else ()):
            is_pair = isinstance(pair, list) and len(pair) == 2
            if not is_pair or not all(_is_int(one, 63) for one in pair):
                raise FormatError(f"[{number}]: no pair of ids of questions, but {_shown(pair)}")
            pairs.extend(pair)
        both = np.array(pairs, np.int64).reshape(-1, 2)
        both = np.concatenate([both, both[:, ::-1]])
        self._pairs = both[np.argsort(both[:, 0], kind="stable")]

    def of(self, question_id: int) -> list[int]:
        """Returns the questions that complement one, in published order.

        Args:
          question_id: Id of the question.
        """
        start, stop = np.searchsorted(self._pairs[:, 0], [question_id, question_id + 1])
        return list(dict.fromkeys(self._pairs[start:stop, 1].tolist()))


def _rows(file: BinaryIO, key: str) -> Iterable[tuple[int, Any]]:
    """Yields the elements of the list of a file, with their numbers."""
    number = 0
    found = False
    for name, value in json_stream.read(file, (key,)):
        if name != key:
            continue
        if not isinstance(value, dict):
            raise FormatError(f"{key}[{number}]: no object, but {_shown(value)}")
        found = True
        yield number, value
        number += 1
    if not found:
        raise FormatError(f"there are no {key}")


def _check_keys(value: Any, wanted: set[str]) -> None:
    if not isinstance(value, dict):
        raise FormatError(f"no object, but {_shown(value)}")
    if value.keys() != wanted:
        if missing := sorted(wanted - value.keys()):
            raise FormatError(f"no {', '.join(missing)}")
        raise FormatError(f"unknown key {_shown(min(value.keys() - wanted))}")


def _check_ids(row: dict[str, Any]) -> None:
    for name in ("question_id", "image_id"):
        if not _is_int(row[name], 63) or row[name] < 0:
            raise FormatError(f"{name} is {_shown(row[name])}")


def _check_texts(name: str, values: Any) -> None:
    if not isinstance(values, list):
        raise FormatError(f"{name} is {_shown(values)}")
    for value in values:
        if not isinstance(value, str):
            raise FormatError(f"{name} is {_shown(value)}, which is no text")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise FormatError(f"{name} has half of a surrogate pair") from None


def _is_int(value: Any, bits: int) -> bool:
    return type(value) is int and -(1 << bits) <= value < 1 << bits


def _shown(value: Any) -> str:
    return ascii(value)[:60]
