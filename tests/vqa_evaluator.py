"""The steps of VQA's official evaluator (vqaEval.py), one after the other and without a thought for speed.

Its own code is for Python 2. These are its rules, written down once more from its text, as an oracle
of tests and as the other side of a benchmark.
"""

from __future__ import annotations

import re

from tfds_extra.datasets.vqa import accuracy

_PERIOD = re.compile(r"(?!<=\d)(\.)(?!\d)")
_COMMA = re.compile(r"(\d)(\,)(\d)")


class Evaluator:
    """The published rules of an edition.

    Called with the answers of people and a prediction, it returns how much that counts.
    """

    def __init__(self, edition: str):
        """Takes the edition, "2021" or "2015"."""
        self._edition = edition
        self._contractions = accuracy._contractions()
        names = "none zero one two three four five six seven eight nine ten".split()
        self._numbers = dict(zip(names, "0 0 1 2 3 4 5 6 7 8 9 10".split()))
        self._marks = list(';/[]"{}()=+\\_-><@`,?!')

    def punctuation(self, text: str) -> str:
        """An answer after the step about punctuation."""
        out = text
        for mark in self._marks:
            if mark + " " in text or " " + mark in text or re.search(_COMMA, text) is not None:
                out = out.replace(mark, "")
            else:
                out = out.replace(mark, " ")
        return _PERIOD.sub("", out, int(re.UNICODE))

    def words(self, text: str) -> str:
        """An answer after the step about numbers, articles and contractions."""
        words = [self._numbers.get(word, word) for word in text.lower().split()]
        words = [word for word in words if word not in ["a", "an", "the"]]
        return " ".join(self._contractions.get(word, word) for word in words)

    def __call__(self, answers: list[str], prediction: str) -> float:
        people = [{"answer": text, "answer_id": i + 1} for i, text in enumerate(answers)]
        prediction = prediction.replace("\n", " ").replace("\t", " ").strip()
        if self._edition == "2021":
            for one in people:
                one["answer"] = one["answer"].replace("\n", " ").replace("\t", " ").strip()
        else:
            prediction = self.words(self.punctuation(prediction))
        if len({one["answer"] for one in people}) > 1:
            for one in people:
                one["answer"] = self.punctuation(one["answer"])
                if self._edition == "2021":
                    one["answer"] = self.words(one["answer"])
            if self._edition == "2021":
                prediction = self.words(self.punctuation(prediction))
        found = []
        for one in people:
            others = [other for other in people if other != one]
            matching = [other for other in others if other["answer"] == prediction]
            found.append(min(1, float(len(matching)) / 3))
        return float(sum(found)) / len(found)
