"""The features of ImageNet, and their meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow_datasets as tfds

from tfds_extra.features import RgbImage, flag, int32, label, text

FORMATS = ("JPEG", "PNG")
MODES = ("L", "RGB", "CMYK", "RGBA", "P")


def _texts(doc: str, item: str) -> tfds.features.Sequence:
    return tfds.features.Sequence(text(item), doc=doc)


def of_pictures(classes: Sequence[str] | None) -> dict[str, Any]:
    """Returns the features of a picture, and of its class and place in WordNet.

    Args:
      classes: Wnids in the order of their labels; None if they are not known beforehand.
    """
    made = {
        "image": RgbImage(
            shape=(None, None, 3), encoding_format="jpeg", doc="The picture, in the published bytes."
        ),
        "file_name": text("Name of the picture's file, such as n01440764_10026.JPEG."),
        "wnid": text("Id of the class in WordNet 3.0, n and an offset; empty in test."),
        "words": _texts("Words of the class, the commonest first; none in test.", "A word, or several."),
        "gloss": text("What the class means; empty in test, and where no definitions were at hand."),
        "hypernyms": _texts(
            "What the class is a kind of, level by level up to a root, by the shortest way.", "A wnid."
        ),
        "hypernym_words": _texts(
            "Of each of `hypernyms` the commonest word; empty where no words were at hand.", "A word."
        ),
        "ancestors": _texts("All that the class is a kind of, the nearest first.", "A wnid."),
        # Not a sequence of sequences: `tfds.data_source` cannot read those of different length.
        "hypernym_paths": _texts(
            "All ways up, the shortest first; a few classes have up to five.",
            "Wnids level by level up to a root, with a blank between them.",
        ),
        "original_format": label(FORMATS, "Format of the file, whatever its name says."),
        "color_mode": label(
            MODES, "How colours are stored: L is grey. `image` is read as RGB; -1 for any other mode."
        ),
    }  # fmt: skip
    if classes is not None:
        made["label"] = label(classes, "Class, by its wnid; -1 in test.")
        made["ilsvrc_id"] = int32(
            "Number of the class in the challenge, 1 to 1000, which is not the label; -1 in test, and"
            " where the devkit was not at hand."
        )
    return made


def of_objects() -> dict[str, Any]:
    """Returns the features of the boxes of a picture."""
    return {
        "objects": tfds.features.Sequence(
            {
                "bbox": tfds.features.BBoxFeature(
                    doc="Box in shares of the annotated size, its sides put in order, cut at the edges."
                ),
                "bbox_raw": int32("xmin, ymin, xmax and ymax as published, in pixels.", (4,)),
                "wnid": text("What it is; empty if the name is no wnid."),
                "name": text("What it is, as published: a wnid, or Scottish_deerhound for n02092002."),
                "truncated": flag("Whether a part of it is outside of the picture."),
                "difficult": flag("Whether it is hard to recognize."),
            },
            doc="Objects of the class with boxes; none where nobody drew any, or the boxes were not at"
            " hand (metadata).",
        ),
        "has_boxes": flag("Whether there is a file of boxes for the picture."),
        "annotated_size": int32(
            "Height and width of the picture as those saw it who drew the boxes; 0 without boxes.", (2,)
        ),
    }  # fmt: skip


def of_judgements(classes: Sequence[str]) -> dict[str, Any]:
    """Returns the features of others' judgements of validation labels.

    Args:
      classes: Wnids in the order of their labels.
    """
    return {
        "real_labels": tfds.features.Sequence(
            label(classes, "A class."),
            doc="Reassessed labels (ReaL, Beyer et al. 2020). Of validation; a picture without any is"
            " not counted there.",
        ),
        "label_error": {
            "candidate": flag("Whether people were asked about the label (Northcutt et al. 2021)."),
            "guessed_label": label(classes, "What the model guessed; -1 if nobody was asked."),
            **{
                f"votes_{choice}": int32(f"Of five people, how many chose {what}; -1 if not asked.")
                for choice, what in (
                    ("given", "the given label"), ("guessed", "the guessed one"),
                    ("neither", "neither"), ("both", "both"),
                )
            },
            "is_error": flag("Whether fewer than three of five chose the given label alone."),
            "corrected_label": label(classes, "Another label that three or more chose; -1 if none."),
        },
    }  # fmt: skip
