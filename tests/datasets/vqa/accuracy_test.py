"""The official accuracy, against the evaluator's rules written down once more, word by word."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import vqa_evaluator

from tfds_extra.datasets.vqa import accuracy

_PEOPLE = 10


_PARTS = [
    "yes", "no", "Yes", "red", "the", "a", "An", "one", "none", "ten", "2", "1,000", "3.5", "3.5.",
    "U.S.A.", "dont", "don't", "Im", "im", "somebody'd", "youd've", "let's", "o'clock", "10:30", "50%",
    "red/white", "red / white", "t-shirt", "-", "?", "!", "x-y", ".", "..", "(left)", "[", "]", '"', "\\",
    "café", "ｆull", "\u00a0", "straße", "İ", "#1", "$5", "a&b", "@home", "`", "_", "=", "+", ";", "{}",
]  # fmt: skip
_GLUE = [" ", "", ",", ", ", " ,", "\n", "\t", "  ", ".", "-", "/"]


def _text(generator: random.Random) -> str:
    text = ""
    for _ in range(generator.randrange(1, 4)):
        text += generator.choice(_GLUE) + generator.choice(_PARTS)
    return text + generator.choice(["", "", " ", "\n", "." * generator.randrange(40)])


def _questions(count: int) -> list[tuple[list[str], str]]:
    generator = random.Random(7)
    made = []
    for _ in range(count):
        pool = [_text(generator) for _ in range(generator.choice([1, 1, 2, 3, 5, 10]))]
        pool += [one.upper() for one in pool[:1]] * generator.randrange(2)
        answers = [generator.choice(pool) for _ in range(_PEOPLE)]
        made.append((answers, generator.choice([*pool, _text(generator), f" {pool[0]} "])))
    return made


@pytest.mark.parametrize("edition", accuracy.EDITIONS)
def test_equals_the_evaluator(edition):
    evaluator, questions = vqa_evaluator.Evaluator(edition), _questions(4000)
    expected = [evaluator(answers, prediction) for answers, prediction in questions]
    assert len(set(expected)) >= 5
    found = [accuracy.accuracy(answers, prediction, edition) for answers, prediction in questions]
    assert found == expected
    many = accuracy.accuracies(*map(list, zip(*questions)), edition)
    assert many.dtype == np.float64
    np.testing.assert_array_equal(many, expected)
    arrays = np.array([[a.encode() for a in answers] for answers, _ in questions], object)
    predictions = np.array([prediction.encode() for _, prediction in questions], object)
    np.testing.assert_array_equal(accuracy.accuracies(arrays, predictions, edition), expected)


@pytest.mark.parametrize("edition", accuracy.EDITIONS)
def test_vocabulary(edition):
    questions = _questions(300)
    vocabulary = list(dict.fromkeys(prediction for _, prediction in questions))[:80]
    answers = [one for one, _ in questions]
    found = accuracy.of_vocabulary(answers, vocabulary, edition)
    assert found.shape == (300, len(vocabulary)) and found.dtype == np.float32
    for row, one in zip(found, answers):
        expected = [accuracy.accuracy(one, word, edition) for word in vocabulary]
        np.testing.assert_array_equal(row, np.float32(expected))
    assert np.count_nonzero(found)


# Picked by hand; what was found when the official code was run on them stands in the fact sheet.
@pytest.mark.parametrize(
    ("answer", "normal"),
    [
        ("1,000", "1000"), ("red/white", "red white"), ("red / white", "red white"),
        ("one,two", "1 2"), ("1,2,3", "123"), ("x-y 1,0", "xy 10"), ("U.S.A.", "usa"),
        ("a b, c", "b c"), ("the", ""), ("3.5.", "3.5"), (".5", ".5"), ("None", "0"), ("Dont", "don't"),
        ("I dont", "i don't"), ("Id've", "id've"), ("somebody'd", "somebodyd"), (" yes\n", "yes"),
        (b"Two", "2"), ("." * 40, "." * 8), ("10:30", "10:30"), ("50%", "50%"),
    ],
)  # fmt: skip
def test_normal_form(answer, normal):
    assert accuracy.normalize(answer) == normal


def test_how_many_people_are_needed():
    for edition in accuracy.EDITIONS:
        for count, expected in enumerate([0, 0.3, 0.6, 0.9, 1, 1, 1, 1, 1, 1]):
            answers = ["net"] * count + [f"other {i}" for i in range(_PEOPLE - count)]
            assert accuracy.accuracy(answers, "net", edition) == pytest.approx(expected, abs=1e-15)


def test_editions_differ():
    # All people agree: only 2021 asks for the very answer.
    assert accuracy.accuracy(["Net."] * 10, "Net.", "2021") == 1
    assert accuracy.accuracy(["Net."] * 10, "net", "2021") == 0
    assert accuracy.accuracy(["net"] * 10, "The net.", "2021") == 0
    assert accuracy.accuracy(["net"] * 10, "The net.", "2015") == 1
    # They do not: only 2021 brings their answers into normal form.
    assert accuracy.accuracy(["Net"] * 9 + ["mesh"], "net", "2021") == 1
    assert accuracy.accuracy(["Net"] * 9 + ["mesh"], "net", "2015") == 0


def test_summary():
    found = accuracy.summary(
        [1, 0.3, 0.9], question_type=["what", "how", "what"], answer_type=np.array([0, 0, 1])
    )
    assert found == {
        "overall": 73.33, "question_type": {"what": 95.0, "how": 30.0}, "answer_type": {0: 65.0, 1: 90.0}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: accuracy.accuracy([], "x"), "no answers"),
        (lambda: accuracy.accuracy(["x"], "x", "2017"), "no edition '2017'"),
        (lambda: accuracy.accuracies([["x"]], []), "0 predictions for 1 questions"),
        (lambda: accuracy.summary([]), "no questions"),
        (lambda: accuracy.summary([1.0], question_type=[]), "question_type has 0 values"),
    ],
)
def test_refused(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("edition", accuracy.EDITIONS)
def test_keras(edition):
    import keras
    import tensorflow as tf

    from tfds_extra.datasets.vqa import keras_accuracy

    questions = _questions(500)
    answers, predictions = map(list, zip(*questions))
    expected = accuracy.accuracies(answers, predictions, edition).mean()
    metric = keras_accuracy.VqaAccuracy(edition=edition)
    update = tf.function(metric.update_state)
    for start in range(0, 500, 64):
        stop = start + 64
        update(tf.constant(answers[start:stop]), tf.constant(predictions[start:stop]))
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    copy = keras_accuracy.VqaAccuracy.from_config(metric.get_config())
    assert copy.get_config() == metric.get_config()
    with pytest.raises(ValueError, match="2017"):
        keras_accuracy.VqaAccuracy(edition="2017")

    vocabulary = list(dict.fromkeys(predictions))
    scores = accuracy.of_vocabulary(answers, vocabulary, edition)
    chosen = tf.one_hot([vocabulary.index(one) for one in predictions], len(vocabulary))
    metric = keras_accuracy.VqaVocabularyAccuracy()
    metric.update_state(scores, chosen)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    model = keras.Sequential([keras.Input([len(vocabulary)]), keras.layers.Activation("linear")])
    model.compile("sgd", "mse", metrics=[keras_accuracy.VqaVocabularyAccuracy()])
    results: dict[str, Any] = model.evaluate(chosen, scores, verbose=0, return_dict=True)
    assert results["vqa_accuracy"] == pytest.approx(expected, abs=1e-6)
