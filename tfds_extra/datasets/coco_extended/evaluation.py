"""The official evaluation of detections, masks and keypoints, from predictions by image id.

pycocotools does the evaluation (`python -m pip install pycocotools`). This module brings prepared
examples and predictions into its form. The results are the same as from the published files.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tfds_extra.core import errors
from tfds_extra.datasets.coco_extended import facts, masks

KINDS = ("bbox", "segm", "keypoints")

_BOXES = (
    "AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR1", "AR10", "AR100", "AR_small",
    "AR_medium", "AR_large",
)  # fmt: skip
_KEYPOINTS = (
    "AP", "AP50", "AP75", "AP_medium", "AP_large", "AR", "AR50", "AR75", "AR_medium", "AR_large"
)  # fmt: skip


def results(
    predictions: Mapping[int, Mapping[str, Any]], sizes: Mapping[int, tuple[int, int]]
) -> list[dict[str, Any]]:
    """Returns predictions in the form of COCO's server and pycocotools, ready for `json.dump`.

    Args:
      predictions: Predictions by the id of the picture. Each has `score`, and `label` (0 to 79) or
        `category_id` (published ids), of shape (objects,). It may have `bbox` (ymin, xmin, ymax,
        xmax as shares, of shape (objects, 4)) or `bbox_published` (x, y, width, height in pixels),
        `rle` (compressed masks) or `mask` (of shape (objects, height, width)), and `keypoints` (of
        shape (objects, 17, 3)).
      sizes: Height and width of each picture.

    Returns:
      A dict for each object.

    Raises:
      ValueError: A picture has no size here, or its values are of different length.
    """
    found = []
    for image_id, one in predictions.items():
        if image_id not in sizes:
            raise ValueError(
                f"there are predictions of picture {image_id}, which is not among the examples"
            )
        height, width = map(int, sizes[image_id])
        columns = _columns(one, height, width)
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"predictions of picture {image_id} are of different length: {lengths}"
            )
        for values in zip(*columns.values()):
            found.append({"image_id": int(image_id), **dict(zip(columns, values))})
    return found


def _columns(one: Mapping[str, Any], height: int, width: int) -> dict[str, list[Any]]:
    """Returns the predictions of a picture in COCO's form."""
    if "category_id" in one:
        ids = np.asarray(one["category_id"]).tolist()
    else:
        classes = facts.categories("instances")
        ids = [classes[label].id for label in np.asarray(one["label"]).tolist()]
    columns = {"category_id": ids, "score": np.asarray(one["score"], np.float64).tolist()}
    if "bbox_published" in one:
        columns["bbox"] = np.asarray(one["bbox_published"], np.float64).tolist()
    elif "bbox" in one:
        top, left, bottom, right = np.asarray(one["bbox"], np.float64).reshape(-1, 4).T
        box = [left * width, top * height, (right - left) * width, (bottom - top) * height]
        columns["bbox"] = np.stack(box, axis=1).tolist()
    if "rle" in one or "mask" in one:
        rles = one["rle"] if "rle" in one else masks.from_dense(one["mask"])
        columns["segmentation"] = [
            {"size": [height, width], "counts": rle.decode() if isinstance(rle, bytes) else rle}
            for rle in rles
        ]
    if "keypoints" in one:
        points = np.asarray(one["keypoints"], np.float64)
        columns["keypoints"] = points.reshape(-1, 3 * len(facts.KEYPOINTS)).tolist()
    return columns


def evaluate(
    examples: Iterable[Mapping[str, Any]],
    predictions: Mapping[int, Mapping[str, Any]],
    kind: str = "bbox",
) -> dict[str, float]:
    """Returns the official figures of some predictions.

    Args:
      examples: The examples of a split as numpy values (`tfds.as_numpy(dataset)`). The pictures are
        not needed: a config without them is faster.
      predictions: As in `results`; in a picture without predictions, nothing was found.
      kind: "bbox", "segm" (masks) or "keypoints".

    Returns:
      The published figures by name: AP (of IoU or OKS from 0.5 to 0.95), AP50, AR100 and so on,
      0.0 to 1.0; -1 where there is nothing to be found.

    Raises:
      ValueError: There is no such kind, predictions lack the values that it needs, or belong to
        pictures that are not among the examples.
      ImportError: pycocotools is not installed.
    """
    if kind not in KINDS:
        raise ValueError(f"there is no evaluation of {kind!r}, but of {', '.join(KINDS)}")
    errors.require("pycocotools", "pycocotools", "COCO's evaluation")
    from pycocotools import coco, cocoeval

    truth = coco.COCO()
    truth.dataset = _dataset(examples, kind)
    sizes = {one["id"]: (one["height"], one["width"]) for one in truth.dataset["images"]}
    found = results(predictions, sizes)
    key = {"segm": "segmentation"}.get(kind, kind)
    if any(key not in one for one in found):
        raise ValueError(f"predictions have no {key}, which {kind} is about")
    # If there is a box, pycocotools would evaluate that.
    found = [
        {name: one[name] for name in ("image_id", "category_id", "score", key)} for one in found
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        if found:
            detected = truth.loadRes(found)
        else:  # pycocotools would fail.
            detected = coco.COCO()
            detected.dataset = {**truth.dataset, "annotations": []}
            detected.createIndex()
        run = cocoeval.COCOeval(truth, detected, kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
    names = _KEYPOINTS if kind == "keypoints" else _BOXES
    return dict(zip(names, map(float, run.stats), strict=True))


def _dataset(examples: Iterable[Mapping[str, Any]], kind: str) -> dict[str, Any]:
    """Returns the examples as an annotation file."""
    images, annotations = [], []
    for example in examples:
        height, width = int(example["image/height"]), int(example["image/width"])
        image_id, objects = int(example["image/id"]), example["objects"]
        images.append({"id": image_id, "height": height, "width": width})
        for number in range(len(objects["id"])):
            if kind == "keypoints" and not objects["has_keypoints"][number]:
                continue
            rle = objects["rle"][number].decode()
            annotations.append(
                {
                    "id": int(objects["id"][number]),
                    "image_id": image_id,
                    "category_id": int(objects["category_id"][number]),
                    "bbox": np.asarray(objects["bbox_published"][number]).tolist(),
                    "area": float(objects["area_published"][number]),
                    "iscrowd": int(objects["is_crowd"][number]),
                    "segmentation": {"size": [height, width], "counts": rle},
                    "keypoints": np.asarray(objects["keypoints"][number]).ravel().tolist(),
                    "num_keypoints": int(objects["num_keypoints"][number]),
                }
            )
    classes = facts.categories("instances")
    classes = classes[:1] if kind == "keypoints" else classes
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": one.id, "name": one.name} for one in classes],
    }
