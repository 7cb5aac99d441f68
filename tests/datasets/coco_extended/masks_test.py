"""Masks in NumPy and inside tf.data, and the evaluation, on made-up masks and the miniature."""

from __future__ import annotations

import json

import miniature_scripts
import numpy as np
import preparing
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from pycocotools import coco, cocoeval
from pycocotools import mask as oracle

from tfds_extra.datasets.coco_extended import evaluation, masks
from tfds_extra.formats import FormatError

_SIGNATURE = [tf.TensorSpec([None], tf.string), *[tf.TensorSpec([], tf.int32)] * 2]
_MADE = miniature_scripts.load("coco_extended")


def _made_up(dice: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    """Masks from empty to full, with runs of all lengths."""
    shares = np.linspace(0, 1, count)[:, None, None] if count > 1 else 0.5
    coarse = dice.random((count, -(-height // 3), -(-width // 3))) < shares
    return coarse.repeat(3, axis=1).repeat(3, axis=2)[:, :height, :width].astype(np.uint8)


def test_to_dense():
    dice = np.random.default_rng(0)
    decode = tf.function(masks.to_dense_tensor, input_signature=_SIGNATURE)
    for count, height, width in (
        (5, 40, 30),
        (1, 1, 1),
        (7, 3, 200),
        (0, 4, 5),
        (3, 480, 640),
        (2, 1, 9),
    ):
        made = _made_up(dice, count, height, width)
        rles = masks.from_dense(made)
        expected = [oracle.encode(np.asfortranarray(mask))["counts"] for mask in made]
        assert rles == expected
        found = masks.to_dense(rles, height, width)
        assert found.dtype == np.uint8 and found.shape == made.shape
        np.testing.assert_array_equal(found, made)
        tensor = decode(tf.constant(rles, tf.string, [count]), height, width)
        assert tensor.dtype == tf.uint8
        np.testing.assert_array_equal(tensor, made)
    # Runs of nothing between others.
    rle = oracle.frPyObjects({"counts": [5, 3, 0, 2, 20], "size": [5, 6]}, 5, 6)["counts"]
    np.testing.assert_array_equal(
        decode(tf.constant([rle]), 5, 6), masks.to_dense([rle], 5, 6)
    )  # fmt: skip
    # Batches are filled up with empty texts.
    padded = decode(tf.constant([rle, b""]), 5, 6)
    np.testing.assert_array_equal(padded[0], masks.to_dense([rle], 5, 6)[0])
    assert not np.any(padded[1])
    with pytest.raises(FormatError, match="mask 1: it is of 30 pixels, the picture has 6 x 6"):
        masks.to_dense([masks.from_dense(np.ones((1, 6, 6)))[0], rle], 6, 6)


def test_segmentations():
    triangle, crowd = [[1, 1, 5, 1, 5, 5]], {"size": [6, 8], "counts": [4, 44]}
    expected = [
        oracle.merge(oracle.frPyObjects(triangle, 6, 8))["counts"],
        oracle.frPyObjects(crowd, 6, 8)["counts"],
    ]
    assert masks.from_segmentations([triangle, crowd], 6, 8) == expected
    texts = [json.dumps(triangle).encode(), json.dumps(crowd)]
    assert masks.from_segmentations(texts, 6, 8) == expected
    (outline,) = masks.polygons(texts[0])
    assert outline.tolist() == [[1, 1], [5, 1], [5, 5]] and outline.dtype == np.float64
    assert masks.polygons(texts[1]) == [] and masks.polygons(b"[]") == []


def test_label_map():
    made = np.zeros((2, 3, 4), np.uint8)
    made[0, 0], made[1, :, 1] = 1, 1
    found = masks.label_map(masks.from_dense(made), [7, 0], 3, 4)
    assert found.tolist() == [[7, 0, 7, 7], [255, 0, 255, 255], [255, 0, 255, 255]]


def test_segment_ids():
    pixels, row = _MADE.panoptic(139)
    ids = masks.segment_ids(pixels)
    assert set(np.unique(ids)) - {0} == {one["id"] for one in row["segments_info"]}
    np.testing.assert_array_equal(masks.segment_ids(tf.constant(pixels)), ids)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return preparing.prepared(
        "coco_extended/2017_validation_objects", tmp_path_factory.mktemp("data"), miniature=True
    )


def _predictions(examples) -> dict:
    """Everything, the boxes and keypoints a little off, and one object too many."""
    made = {}
    for example in examples:
        objects = example["objects"]
        count = len(objects["id"])
        boxes = objects["bbox_published"] + np.arange(count)[:, None] * 0.4
        dense = masks.to_dense(
            objects["rle"], example["image/height"], example["image/width"]
        ).copy()
        dense[:, ::5] = 0
        made[int(example["image/id"])] = {
            "label": np.append(objects["label"], 3),
            "score": np.append(np.linspace(0.9, 0.4, count), 0.3),
            "bbox_published": np.concatenate([boxes, [[1, 2, 5, 5]]]),
            "mask": np.concatenate([dense, np.ones_like(dense[:1])]),
            "keypoints": np.concatenate([objects["keypoints"] + 1, np.ones((1, 17, 3), np.int32)]),
        }
    return made


@pytest.mark.parametrize("kind", evaluation.KINDS)
def test_evaluation(prepared, kind, tmp_path):
    """The figures are pycocotools' own, from files in the published form."""
    examples = list(tfds.as_numpy(prepared.as_dataset(split="validation")))
    predictions = _predictions(examples)
    name = "person_keypoints" if kind == "keypoints" else "instances"
    (tmp_path / "truth.json").write_text(json.dumps(_MADE.document("val2017", name)))
    sizes = {i: _MADE.size(i) for i in predictions}
    # As the formats of results have it.
    kept = ("image_id", "category_id", "score", "segmentation" if kind == "segm" else kind)
    found = [{k: one[k] for k in kept} for one in evaluation.results(predictions, sizes)]
    (tmp_path / "found.json").write_text(json.dumps(found))
    truth = coco.COCO(str(tmp_path / "truth.json"))
    run = cocoeval.COCOeval(truth, truth.loadRes(str(tmp_path / "found.json")), kind)
    run.evaluate(), run.accumulate(), run.summarize()
    mine = evaluation.evaluate(examples, predictions, kind)
    np.testing.assert_allclose(list(mine.values()), run.stats, rtol=1e-12)
    assert 0 < mine["AP"] < 1
    assert len(mine) == (10 if kind == "keypoints" else 12)


def test_shares_are_boxes(prepared):
    examples = list(tfds.as_numpy(prepared.as_dataset(split="validation")))
    perfect = {
        int(e["image/id"]): {
            "category_id": e["objects"]["category_id"], "score": np.ones(len(e["objects"]["id"])),
            "bbox": e["objects"]["bbox"],
        }
        for e in examples
    }  # fmt: skip
    assert evaluation.evaluate(examples, perfect)["AP"] == pytest.approx(1)
    assert evaluation.evaluate(examples, {})["AP"] == 0
    with pytest.raises(ValueError, match="no segmentation, which segm is about"):
        evaluation.evaluate(examples, perfect, "segm")
    with pytest.raises(ValueError, match="picture 5, which is not among the examples"):
        evaluation.evaluate(examples, {5: perfect[139]})
    with pytest.raises(ValueError, match="different length"):
        evaluation.evaluate(examples, {139: {**perfect[139], "score": [1.0]}})
    with pytest.raises(ValueError, match="no evaluation of 'boxes', but of bbox, segm, keypoints"):
        evaluation.evaluate(examples, perfect, "boxes")
