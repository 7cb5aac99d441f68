"""The features of corrupted Fashion-MNIST, and their meaning."""

from __future__ import annotations

from typing import Any

from tfds_extra.datasets.fashion_mnist_corrupted import recipes, recovery
from tfds_extra.features import PixelImage, float32, int32, label

GENERATED = "generated"
SHAPE = (28, 28, 1)
# Those of the standard builder `fashion_mnist`.
CLASSES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip
CORRUPTIONS = [*recipes.RECIPES, recovery.UNKNOWN]
MATCHES = [
    GENERATED, recovery.EXACT, recovery.AMBIGUOUS, recovery.RULE, recovery.CLOSEST, recovery.NONE,
]  # fmt: skip
SPLITS = ["none", "train", "test"]


def features() -> dict[str, Any]:
    """Returns the features of every config."""
    return {
        "image": PixelImage(
            shape=SHAPE, doc="The corrupted image: 28 x 28 grey levels, 0 is background."
        ),
        "label": label(CLASSES, "What the article is."),
        "original_image": PixelImage(
            shape=SHAPE, doc="The image of Fashion-MNIST that it was made from."
        ),
        "index": int32("Row in that split of Fashion-MNIST, from 0; the standard builder's, too."),
        "corruption": label(
            CORRUPTIONS,
            "What was done to it. In config mixed it is found by comparing both images, unknown"
            " where none fits; turn_right and turn_left are what the publisher's code calls"
            " flip_left_right and flip_top_bottom.",
        ),
        "corruption_match": label(
            MATCHES,
            "How that is known. generated: it was done here. exact: it makes these very pixels"
            " and no other of the 15 does. ambiguous: another does so as well. rule: these are"
            " pixels such as only this random corruption makes. closest: none makes them, and what"
            " this one makes differs by less than half a grey level on average. none: it is unknown.",
        ),
        "severity": int32(
            "Severity in MNIST-C's tables, 1-5; -1 for corruptions without, or unknown."
        ),
        "corruption_parameter": float32(
            "Angle of shear and rotate in radians (rotate: positive is counter-clockwise),"
            " direction in which motion_blur gathers pixels in degrees (0 is right, 90 down), NaN"
            " for other corruptions. In config mixed a direction is one that makes these pixels;"
            " others do so as well, some degrees apart."
        ),
        "duplicate_of": int32(
            "Row of another image of Fashion-MNIST with the very same pixels, in the other split"
            " if there is one, -1 for none."
        ),
        "duplicate_split": label(
            SPLITS, "Split of Fashion-MNIST that duplicate_of is in, or none."
        ),
    }
