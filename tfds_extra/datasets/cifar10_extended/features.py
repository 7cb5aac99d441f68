"""The features of CIFAR-10, grouped by who found them out."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra.datasets.cifar10_extended import annotations as annotation_files
from tfds_extra.features import PixelImage, flag, float32, float64, int32, int64, label, text

CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
SHAPE = (32, 32, 3)


def class_label(doc: str) -> tfds.features.ClassLabel:
    """Returns the feature for one of CIFAR-10's classes."""
    return label(CLASSES, doc)


def shares(doc: str) -> tfds.features.Tensor:
    """Returns the feature for a number for each class."""
    return float64(doc, shape=(10,))


def of_cifar10() -> dict[str, Any]:
    """Returns the features of CIFAR-10 itself."""
    return {
        "id": text("train_00000 to train_49999, test_00000 to test_09999, as in TFDS's cifar10."),
        "image": PixelImage(
            shape=SHAPE, doc="The image, 32 x 32 pixels in red, green and blue from 0 to 255."
        ),
        "label": class_label("What it shows, as published with CIFAR-10."),
        "filename": text("Name of the file that the image was, such as tabby_cat_s_000001.png."),
        "keyword": text(
            "What the image was searched with, a finer class than the label: `filename`"
            " without its number."
        ),
        "batch": int32("Published batch: 1-5 of the training images, 0 for the test images."),
        "batch_index": int32("Row in the batch, 0-9999."),
        "index": int32("Row in the split, 0-49999 or 0-9999."),
    }


def of_cifair() -> dict[str, Any]:
    """Returns the features of ciFAIR-10's images."""
    return {
        "cifair_image": PixelImage(
            shape=SHAPE,
            doc="The image of ciFAIR-10 in the same row: another one where `cifair_replaced`, else"
            " the same as `image`, as it always is in train.",
        ),
        "cifair_label": class_label("What `cifair_image` shows."),
        "cifair_replaced": flag("Whether `cifair_image` is another image."),
    }


def of_cifar10h() -> dict[str, Any]:
    """Returns the features of how many people chose each class (CIFAR-10H)."""
    return {
        "human_counts": int32(
            "CIFAR-10H: how many people chose each class, in its order. All 0 in train.",
            shape=(10,),
        ),
        "human_probs": shares(
            "CIFAR-10H: the same as published shares, float64, sum 1. All NaN in train."
        ),
        "human_total": int32("CIFAR-10H: how many people chose, 47-63. 0 in train."),
    }


def of_votes() -> dict[str, Any]:
    """Returns the features of the single votes of CIFAR-10H."""

    def of_each_vote(feature: Any, doc: str) -> tfds.features.Sequence:
        return tfds.features.Sequence(feature, doc=f"{doc} Empty in train.")

    return {
        "human_labels": of_each_vote(
            tfds.features.ClassLabel(names=CLASSES),
            "CIFAR-10H: the class that each person chose, in the order of the published table. 3,200"
            " more votes in all than in `human_counts`, which leaves some people out.",
        ),
        "annotator_ids": of_each_vote(np.int32, "Who chose; parallel to `human_labels`."),
        "trial_indices": of_each_vote(
            np.int32, "Which of that person's trials it was; parallel to `human_labels`."
        ),
        "reaction_times": of_each_vote(
            np.float32,
            "Milliseconds until the choice; parallel to `human_labels`. A few are negative, as"
            " published.",
        ),
        "times_elapsed": of_each_vote(
            np.float32, "Milliseconds since that person began; parallel to `human_labels`."
        ),
        "subcategory": text(
            "CIFAR-10H: finer class of the image as in the table of votes. Empty in train."
        ),
        "soft_label": float32(
            "Share of each class among `human_labels`; in train 1 for `label`. As in TFDS's"
            " cifar10_h; the published shares are `human_probs`.",
            shape=(10,),
        ),
    }


def of_cifar10n() -> dict[str, Any]:
    """Returns the features of noisy labels, and of who gave them (CIFAR-10N)."""
    docs = {
        "aggre_label": "the class that most of the three workers chose, one of the three if they"
        " all differ",
        "worse_label": "a wrong one of the three workers' classes if there is one",
        **{f"random_label{i}": f"choice {i} of the three" for i in annotation_files.WORKERS},
    }
    by_worker = {}
    for i in annotation_files.WORKERS:
        by_worker[f"worker{i}_id"] = int64(  # As in TFDS's cifar10_n.
            f"CIFAR-10N: worker {i} of the ten images, 0-746. The publisher does not say that this is"
            f" who gave `random_label{i}`. -1 in test."
        )
        by_worker[f"worker{i}_time"] = float32(
            f"CIFAR-10N: seconds that worker {i} took for the ten images. -1 in test."
        )
    return {
        **{name: class_label(f"CIFAR-10N: {docs[name]}. -1 in test.") for name in docs},
        "annotation_batch": int32(
            "CIFAR-10N: number of the ten images that were labelled together. -1 in test."
        ),
        **by_worker,
    }


def of_checks() -> dict[str, Any]:
    """Returns the features of duplicates and wrong labels."""
    return {
        "duplicates": tfds.features.Sequence(
            {
                "split": label(annotation_files.SPLITS, "Split of the other image."),
                "index": int32("Row of the other image in its split."),
                "distance": float32("In the feature space of a network, no unit."),
                "judgment": label(annotation_files.JUDGMENTS, "What a person thinks of the two."),
            },
            doc="ciFAIR: other images that show nearly the same. Pairs of a test image and any other"
            " were looked for; each is listed with both of its images.",
        ),
        "label_error": {
            "candidate": flag(
                "Whether cleanlab's model doubted the label, so that five people were asked. Only"
                " test images were looked at."
            ),
            "guessed_label": class_label(
                "The class that the model guessed, -1 if not a candidate."
            ),
            "votes_given": int32("People of five who chose `label`, -1 if not a candidate."),
            "votes_guessed": int32("Who chose `guessed_label`, -1 if not a candidate."),
            "votes_neither": int32("Who chose neither of them, -1 if not a candidate."),
            "votes_both": int32("Who chose both of them, -1 if not a candidate."),
            "is_error": flag(
                "Whether it is a candidate, and fewer than three chose `label` alone."
            ),
            "corrected_label": class_label(
                "`guessed_label` if three or more chose it alone, else -1."
            ),
        },
        "cv_pred_probs": shares(
            "Probability of each class by the model that cleanlab trained in cross-validation,"
            " float64. All NaN in train."
        ),
    }
