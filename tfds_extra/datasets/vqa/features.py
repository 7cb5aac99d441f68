"""The features of VisualQA, and their meaning."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds

from tfds_extra.features import float32, int32, int64, label, text

ANSWER_TYPES = ("yes/no", "number", "other")
CONFIDENCES = ("yes", "maybe", "no")


def of_questions(question_types: list[str]) -> dict[str, Any]:
    """Returns the features of a question with its answers.

    Args:
      question_types: Names of the classes.
    """
    return {
        "question": text("The question."),
        "question_id": int64("Id of the question."),
        "image_id": int64("Id of the picture; in COCO's pictures, COCO's id."),
        "image/filename": text("Name of the picture's file, such as COCO_val2014_000000262148.jpg."),
        "question_type": label(
            question_types, "What the question begins with; -1 in test, and where it is none of these."
        ),
        "answer_type": label(ANSWER_TYPES, "Kind of the answer; -1 in test."),
        "multiple_choice_answer": text("The answer given most often; empty in test."),
        "answers": tfds.features.Sequence(
            {
                "answer": text("What a person answered, as typed."),
                "answer_confidence": label(CONFIDENCES, "Whether the person was sure."),
                "answer_id": int32("Number of the person for this question, from 1."),
            },
            doc="Answers of ten people; empty in test.",
        ),
        "answer_scores": tfds.features.Sequence(
            {
                "answer": text("A distinct answer, in the normal form of the official metric."),
                "score": float32("A third for each person who gave it, at most 1.0."),
            },
            doc="Distinct answers, the first given first; empty in test.",
        ),
    }  # fmt: skip


def of_other_types() -> dict[str, Any]:
    """Returns the features of releases whose types of questions nobody listed."""
    return {"question_type_published": text("Type of the question, as published.")}


def of_choices() -> dict[str, Any]:
    """Returns the features that multiple choice adds."""
    return {
        "multiple_choices": tfds.features.Sequence(
            text("A possible answer."),
            doc="Answers to choose from, 18 as published: right, plausible, popular and random ones,"
            " of which nobody says which is which.",
        )
    }


def of_pairs() -> dict[str, Any]:
    """Returns the features that the balanced questions of v2 add."""
    return {
        "complementary_question_ids": tfds.features.Sequence(
            int64("Id of a question."),
            doc="The same question about a similar picture that has another answer; empty where no"
            " such pair was published, and in test.",
        )
    }


def of_pictures(encoding: str) -> dict[str, Any]:
    """Returns the features that pictures add.

    Args:
      encoding: Encoding of their files, "jpeg" or "png".
    """
    return {
        "image": tfds.features.Image(
            shape=(None, None, 3),
            encoding_format=encoding,
            doc="The picture, in the published bytes.",
        )
    }


def of_scenes() -> dict[str, Any]:
    """Returns the features that descriptions of scenes add."""
    return {
        "scene": text("What the scene is made of, the published JSON; empty in test."),
    }
