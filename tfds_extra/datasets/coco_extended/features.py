"""The features of COCO, and their meaning."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds

from tfds_extra.datasets.coco_extended import facts
from tfds_extra.features import flag, float64, int32, int64, label, text

_SHARES = "ymin, xmin, ymax and xmax, as shares of the picture's height and width."
_RLE = "Run lengths of the mask, compressed, as in COCO's results; its size is that of the picture."


def of_pictures() -> dict[str, Any]:
    """Returns the feature of the picture itself."""
    return {
        "image": tfds.features.Image(
            shape=(None, None, 3),
            encoding_format="jpeg",
            doc="The picture, in the published bytes.",
        )
    }


def of_images() -> dict[str, Any]:
    """Returns the features of a picture."""
    return {
        "image/filename": text("Name of the picture's file, such as 000000397133.jpg."),
        "image/id": int64("COCO's id of the picture."),
        "image/height": int32("Height in pixels."),
        "image/width": int32("Width in pixels."),
        "image/license": label(facts.licenses(), "Licence of the picture; -1 if unknown."),
        "image/coco_url": text("Where COCO has the picture; empty if unknown."),
        "image/flickr_url": text("Where Flickr had it; empty if unknown."),
        "image/date_captured": text("When it was taken, such as 2013-11-14 17:02:52; empty if unknown."),
    }  # fmt: skip


def of_instances() -> dict[str, Any]:
    """Returns the features of objects with masks; those of persons have keypoints."""
    return {
        "objects": tfds.features.Sequence(
            {
                "id": int64("COCO's id of the annotation."),
                "area": int64("Area in pixels, without its fraction, as the standard builder has it; -1 if unknown."),
                "area_published": float64("Area in pixels, as published; NaN if unknown."),
                "bbox": tfds.features.BBoxFeature(doc=_SHARES),
                "bbox_published": float64("x, y, width and height in pixels, as published.", (4,)),
                "label": label([one.name for one in facts.categories("instances")], "Class."),
                "category_id": int32("Published id of the class, 1 to 90 with gaps."),
                "is_crowd": flag("Whether it is a group of objects that are not told apart."),
                "segmentation": text(
                    "The mask as published, JSON: polygons [[x1, y1, x2, y2, ...], ...] in pixels, or of a"
                    ' crowd run lengths {"counts": [...], "size": [height, width]}.'
                ),
                "rle": text(_RLE),
                "keypoints": int32(
                    "x, y and visibility of the 17 keypoints of a person: 0 not labelled, 1 hidden,"
                    " 2 visible. Zeros where there are none.",
                    (len(facts.KEYPOINTS), 3),
                ),
                "num_keypoints": int32("Number of labelled keypoints."),
                "has_keypoints": flag("Whether there is an annotation of keypoints."),
            },
            doc="Objects in published order; empty where a picture has none, and in test.",
        )
    }  # fmt: skip


def of_captions() -> dict[str, Any]:
    """Returns the features of captions."""
    return {
        "captions": tfds.features.Sequence(
            {
                "text": text("What a person wrote, as typed."),
                "id": int64("COCO's id of the caption."),
            },
            doc="Captions in published order, five or more; empty in test.",
        )
    }


def of_stuff() -> dict[str, Any]:
    """Returns the features of stuff, which cannot be counted."""
    return {
        "stuff": tfds.features.Sequence(
            {
                "id": int64("COCO's id of the annotation."),
                "area": int64("Pixels of the mask; -1 if unknown."),
                "bbox": tfds.features.BBoxFeature(doc=_SHARES),
                "bbox_published": float64("x, y, width and height in pixels, as published.", (4,)),
                "label": label([one.name for one in facts.categories("stuff")], "Class."),
                "category_id": int32("Published id of the class, 92 to 182; 183 for all that are things."),
                "is_crowd": flag("Not used in published files."),
                "rle": text(_RLE),
            },
            doc="One mask a class; empty where a picture has none, and in test.",
        )
    }  # fmt: skip


def of_panoptic() -> dict[str, Any]:
    """Returns the features of panoptic segmentation: what each pixel is."""
    return {
        "panoptic_image": tfds.features.Image(
            shape=(None, None, 3),
            encoding_format="png",
            doc="Id of the segment of each pixel, as R + 256 G + 65536 B, 0 for none, in the published"
            " bytes. A single black pixel where a picture has none, and in test.",
        ),
        "panoptic_image/filename": text("Name of that file; empty where a picture has none."),
        "panoptic_objects": tfds.features.Sequence(
            {
                "id": int64("Id of the segment in the panoptic picture."),
                "area": int64("Pixels of the segment."),
                "bbox": tfds.features.BBoxFeature(doc=_SHARES),
                "label": label([one.name for one in facts.categories("panoptic")], "Class."),
                "category_id": int32("Published id of the class, 1 to 200 with gaps."),
                "is_crowd": flag("Whether it is a group of objects that are not told apart."),
            },
            doc="Segments; empty where a picture has none, and in test.",
        ),
    }
