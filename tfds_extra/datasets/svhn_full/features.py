"""The features of SVHN: of a whole number, or of a cropped digit."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds

from tfds_extra.features import PixelImage, digit, flag, float32, int32, text

CROP = (32, 32, 3)


def of_numbers() -> dict[str, Any]:
    """Returns the features of a whole number."""
    published = "as published: pixels, the first of which is 0; may lie outside of the image."
    digits = {
        "label": digit("The digit."),
        "bbox": tfds.features.BBoxFeature(
            doc="Its box, clipped to the image: ymin, xmin, ymax, xmax as shares of the height and"
            " width."
        ),
        "clipped": flag("Whether the published box leaves the image."),
        "left": float32(f"Left edge of its box, {published}"),
        "top": float32(f"Upper edge of its box, {published}"),
        "width": float32("Width of its box in pixels, as published."),
        "height": float32("Height of its box in pixels, as published."),
        "reading_position": int32(
            "Its place in `number`, from 0. Digits are read by the left edge of their boxes; of"
            " equal ones, the one that was published first."
        ),
        "cropped_index": int32(
            "Its `index` in the same split of cropped_digits: row of the published file of cropped"
            " digits, from 0."
        ),
    }
    return {
        "image": tfds.features.Image(
            shape=(None, None, 3), encoding_format="png", doc="The published PNG, RGB."
        ),
        "image/filename": text("Name of the published file, such as 1.png."),
        "id": text("Split and number of the published file, such as train/1."),
        "index": int32("Number of the published file, from 1 in each split."),
        "height": int32("Height of the image in pixels."),
        "width": int32("Width of the image in pixels."),
        "number": text("The house number: its digits from left to right, such as 19 or 027."),
        "length": int32("How many digits it has."),
        "digits": tfds.features.Sequence(
            digits,
            doc="The digits in published order, which for a few images is not from left to right.",
        ),
        "number_bbox": tfds.features.BBoxFeature(
            doc="The smallest box around the clipped boxes of all digits: ymin, xmin, ymax, xmax as"
            " shares of the height and width."
        ),
    }


def of_digits() -> dict[str, Any]:
    """Returns the features of a cropped digit."""
    return {
        "image": PixelImage(
            shape=CROP, doc="The digit, RGB: a square around its box, as 32x32 pixels."
        ),
        "label": digit("The digit."),
        "id": text(
            "Split and row of the published file, such as train_000000; as in svhn_cropped."
        ),
        "index": int32("Row of the published file, from 0."),
        "full_id": text("`id` of the image in full_numbers that the digit was cropped from."),
        "full_index": int32("`index` of that image: number of its file, from 1."),
        "digit_position": int32("Place of the digit among the `digits` of that image, from 0."),
        "reading_position": int32("Place of the digit in the number, from left to right, from 0."),
        "number": text("The whole number that the digit belongs to."),
    }
