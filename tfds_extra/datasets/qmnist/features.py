"""The features of QMNIST, and their meaning."""

from __future__ import annotations

from typing import Any

from tfds_extra.features import PixelImage, digit, flag, float64, int32, label

SHAPE = (28, 28, 1)
SPLITS = ["none", "train", "test"]


def of_digits() -> dict[str, Any]:
    """Returns the features of a digit in every config."""
    return {
        "image": PixelImage(
            shape=SHAPE, doc="The digit: 28 x 28 grey levels, 0 is paper and 255 is ink."
        ),
        "label": digit("The digit that is written."),
        "hsf_series": int32(
            "Series of NIST's handwriting sample forms: 0 to 3 were written by NIST employees, 4 by"
            " high-school students; 2, 3, 6 and 7 are in config nist only (who wrote 6 and 7 is not"
            " said). There is no 5."
        ),
        "writer_id": int32("Who wrote it, 0-4099; NIST's number of the person."),
        "writer_digit_index": int32("Number of this digit among the writer's, from 0."),
        "nist_class_code": int32(
            "NIST's code of the class, 30-39: the hexadecimal digits of the character's ASCII code."
        ),
        "nist_index": int32("Row of this digit in config nist, 0-402952."),
        "duplicate_of": int32(
            "nist_index of the digit that this one is a copy of, -1 for none (where the publisher"
            " has 0). Three digits of config nist are copies."
        ),
        "reserved": int32("Not used by the publisher; 0."),
        "mnist_split": label(SPLITS, "Split of MNIST that has this digit, none if neither has."),
        "mnist_index": int32("Row of this digit in that split of MNIST, -1 for none."),
    }


def of_nist() -> dict[str, Any]:
    """Returns which QMNIST digit a NIST digit became."""
    return {
        "qmnist_split": label(
            SPLITS, "Split of config qmnist that has this digit, none if neither has."
        ),
        "qmnist_index": int32("Row of this digit in that split of QMNIST, -1 for none."),
    }


def of_mnist_images() -> dict[str, Any]:
    """Returns the feature of MNIST's image of the digit."""
    return {
        "mnist_image": PixelImage(
            shape=SHAPE,
            doc="The same digit as MNIST has it, 28 x 28 grey levels; all 0 where mnist_split is"
            " none.",
        )
    }


def of_label_errors() -> dict[str, Any]:
    """Returns the features of wrong labels."""
    return {
        "is_mnist_test": flag("Whether the digit is in MNIST's test set: true for test[:10000]."),
        "label_error": {
            "candidate": flag(
                "Whether cleanlab's model doubted the label, so that five people were asked."
                " Only digits of MNIST's test set were looked at."
            ),
            "guessed_label": int32("The digit that the model guessed, -1 if not a candidate."),
            "votes_given": int32("People of five who chose `label`, -1 if not a candidate."),
            "votes_guessed": int32(
                "People of five who chose `guessed_label`, -1 if not a candidate. 0 where both are"
                " the same digit (the publisher counts those votes twice)."
            ),
            "votes_neither": int32("People of five who chose neither, -1 if not a candidate."),
            "is_error": flag("Whether it is a candidate, and fewer than three chose `label`."),
            "corrected_label": int32(
                "`guessed_label` if three or more chose it and it is another digit, else -1."
            ),
        },
        "cv_pred_probs": float64(
            "Probability of each digit by the model that cleanlab trained in cross-validation,"
            " float64; NaN outside of MNIST's test set.",
            shape=(10,),
        ),
    }
