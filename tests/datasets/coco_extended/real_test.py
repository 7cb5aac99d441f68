"""COCO: every picture and annotation at hand, against pycocotools and Pillow."""

from __future__ import annotations

import io
import json
import pathlib
import shutil
from typing import Any

import numpy as np
import PIL.Image
import preparing
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from pycocotools import coco, cocoeval
from pycocotools import mask as oracle

from tfds_extra.datasets.coco_extended import evaluation, facts, masks

_SIGNATURE = [tf.TensorSpec([None], tf.string), *[tf.TensorSpec([], tf.int32)] * 2]


@pytest.fixture(scope="module")
def prepared(shared, tmp_path_factory):
    """The part of val2017 with objects, keypoints and captions."""
    return preparing.prepared(
        "coco_extended/2017_validation_objects",
        tmp_path_factory.mktemp("data"),
        shared / "real" / "coco_extended",
        partial=True,
    )


@pytest.fixture(scope="module")
def examples(prepared) -> dict[int, dict[str, Any]]:
    """All examples by the id of the picture, with the bytes of the picture under "bytes"."""
    raw = prepared.as_dataset(split="validation", decoders={"image": tfds.decode.SkipDecoding()})
    content = {int(e["image/id"]): e["image"] for e in tfds.as_numpy(raw)}
    return {
        int(e["image/id"]): {**e, "bytes": content[int(e["image/id"])]}
        for e in tfds.as_numpy(prepared.as_dataset(split="validation"))
    }


def _truth(real: pathlib.Path, kind: str) -> coco.COCO:
    return coco.COCO(str(real / f"annotations/{kind}_val2017.json"))


def test_pictures(real, examples):
    truth = _truth(real, "instances")
    assert sorted(examples) == sorted(truth.imgs) and len(examples) == 79
    licenses = {one["id"]: one["name"] for one in truth.dataset["licenses"]}
    assert list(licenses.values()) == list(facts.licenses())
    for image_id, example in examples.items():
        published = truth.imgs[image_id]
        content = (real / "val2017" / published["file_name"]).read_bytes()
        assert example["bytes"] == content
        with PIL.Image.open(io.BytesIO(content)) as picture:
            expected = np.asarray(picture.convert("RGB"), int)
        np.testing.assert_array_equal(example["image"], tf.io.decode_jpeg(content, channels=3))
        # TensorFlow smooths colours in another way.
        assert np.abs(example["image"] - expected).mean() < 4
        assert example["image"].shape == (published["height"], published["width"], 3)
        assert example["image/filename"].decode() == published["file_name"]
        for name in ("height", "width"):
            assert example[f"image/{name}"] == published[name]
        for name in ("coco_url", "flickr_url", "date_captured"):
            assert example[f"image/{name}"].decode() == published[name]
        assert facts.licenses()[example["image/license"]] == licenses[published["license"]]


def test_objects(real, examples):
    truth, keypoints = _truth(real, "instances"), _truth(real, "person_keypoints")
    names = {one["id"]: one["name"] for one in truth.dataset["categories"]}
    categories = facts.categories("instances")
    assert [(one.id, one.name, one.supercategory) for one in categories] == [
        (one["id"], one["name"], one["supercategory"]) for one in truth.dataset["categories"]
    ]
    (person,) = keypoints.dataset["categories"]
    assert person["keypoints"] == list(facts.KEYPOINTS)
    assert person["skeleton"] == [[a + 1, b + 1] for a, b in facts.SKELETON]
    decode = tf.function(masks.to_dense_tensor, input_signature=_SIGNATURE)
    seen = crowds = people = 0
    for image_id, example in examples.items():
        objects, published = example["objects"], truth.imgToAnns[image_id]
        assert objects["id"].tolist() == [one["id"] for one in published]
        height, width = int(example["image/height"]), int(example["image/width"])
        dense = masks.to_dense(objects["rle"], height, width)
        in_graph = decode(tf.constant(objects["rle"], tf.string, [len(published)]), height, width)
        np.testing.assert_array_equal(in_graph, dense)
        assert masks.from_dense(dense) == objects["rle"].tolist()
        assert (
            masks.from_segmentations(objects["segmentation"], height, width)
            == objects["rle"].tolist()
        )
        for number, one in enumerate(published):
            assert json.loads(objects["segmentation"][number]) == one["segmentation"]
            assert objects["rle"][number] == truth.annToRLE(one)["counts"]
            np.testing.assert_array_equal(dense[number], truth.annToMask(one))
            assert objects["area_published"][number] == one["area"]
            assert objects["area"][number] == int(one["area"])
            assert objects["bbox_published"][number].tolist() == one["bbox"]
            x, y, wide, tall = one["bbox"]
            shares = [y / height, x / width, (y + tall) / height, (x + wide) / width]
            assert objects["bbox"][number].tolist() == np.array(shares, np.float32).tolist()
            assert objects["category_id"][number] == one["category_id"]
            assert categories[objects["label"][number]].name == names[one["category_id"]]
            assert objects["is_crowd"][number] == one["iscrowd"]
            points = keypoints.anns.get(one["id"])
            assert objects["has_keypoints"][number] == (points is not None)
            expected = points["keypoints"] if points else [0] * 51
            assert objects["keypoints"][number].ravel().tolist() == expected
            count = points["num_keypoints"] if points else 0
            assert objects["num_keypoints"][number] == count
            seen, crowds, people = seen + 1, crowds + one["iscrowd"], people + bool(points)
    assert (seen, people) == (624, 118) and crowds


def test_captions(real, examples):
    truth = _truth(real, "captions")
    for image_id, example in examples.items():
        published = truth.imgToAnns[image_id]
        texts = [text.decode() for text in example["captions"]["text"]]
        assert texts == [one["caption"] for one in published] and len(texts) >= 5
        assert example["captions"]["id"].tolist() == [one["id"] for one in published]
    assert sum(len(one["captions"]["id"]) for one in examples.values()) == 395


@pytest.mark.parametrize("kind", evaluation.KINDS)
def test_evaluation(real, examples, kind, tmp_path):
    """Predictions beside the truth get the figures that pycocotools makes of the published files."""
    dice = np.random.default_rng(0)
    predictions = {}
    for image_id, example in examples.items():
        objects = example["objects"]
        kept = np.flatnonzero(dice.random(len(objects["id"])) < 0.8)
        height, width = example["image/height"], example["image/width"]
        dense = masks.to_dense(objects["rle"][kept], height, width)
        moved = dice.integers(0, 4)
        predictions[image_id] = {
            "category_id": objects["category_id"][kept],
            "score": dice.random(len(kept)),
            "bbox_published": objects["bbox_published"][kept] + dice.normal(0, 3, (len(kept), 4)),
            "mask": np.roll(dense, moved, axis=2),
            "keypoints": objects["keypoints"][kept] + dice.integers(-3, 4, (len(kept), 17, 3)),
        }
    truth = _truth(real, "person_keypoints" if kind == "keypoints" else "instances")
    sizes = {one["id"]: (one["height"], one["width"]) for one in truth.imgs.values()}
    found = evaluation.results(predictions, sizes)
    # As the formats of results have it.
    kept = ("image_id", "category_id", "score", "segmentation" if kind == "segm" else kind)
    found = [{name: one[name] for name in kept} for one in found]
    (tmp_path / "found.json").write_text(json.dumps(found))
    run = cocoeval.COCOeval(truth, truth.loadRes(str(tmp_path / "found.json")), kind)
    run.evaluate(), run.accumulate(), run.summarize()
    mine = evaluation.evaluate(examples.values(), predictions, kind)
    assert list(mine.values()) == run.stats.tolist()
    assert 0.1 < mine["AP"] < 1


def test_panoptic(shared, tmp_path):
    folder = shared / "real" / "coco_extended" / "panoptic_sample"
    builder = preparing.prepared("coco_extended/2017_panoptic", tmp_path, folder, partial=True)
    document = json.loads((folder / "annotations/panoptic_val2017.json").read_bytes())
    assert document["categories"] == [
        {
            "supercategory": one.supercategory, "color": list(one.color), "isthing": int(one.is_thing),
            "id": one.id, "name": one.name,
        }
        for one in facts.categories("panoptic")
    ]  # fmt: skip
    raw = builder.as_dataset(
        split="validation",
        decoders={name: tfds.decode.SkipDecoding() for name in ("image", "panoptic_image")},
    )
    content = {int(e["image/id"]): e for e in tfds.as_numpy(raw)}
    published = {one["image_id"]: one for one in document["annotations"]}
    assert sorted(content) == sorted(published) and len(content) == 2
    total = 0
    for example in tfds.as_numpy(builder.as_dataset(split="validation")):
        image_id = int(example["image/id"])
        one = published[image_id]
        png = folder / "annotations/panoptic_val2017" / one["file_name"]
        assert content[image_id]["panoptic_image"] == png.read_bytes()
        jpeg = folder / "val2017" / f"{image_id:012d}.jpg"
        assert content[image_id]["image"] == jpeg.read_bytes()
        with PIL.Image.open(png) as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        np.testing.assert_array_equal(example["panoptic_image"], pixels)
        ids = pixels[..., 0] + 256 * pixels[..., 1] + 65536 * pixels[..., 2]
        np.testing.assert_array_equal(masks.segment_ids(example["panoptic_image"]), ids)
        segments = example["panoptic_objects"]
        height, width = ids.shape
        for number, segment in enumerate(one["segments_info"]):
            assert segments["id"][number] == segment["id"]
            assert segments["area"][number] == segment["area"] == (ids == segment["id"]).sum()
            assert segments["category_id"][number] == segment["category_id"]
            assert segments["is_crowd"][number] == segment["iscrowd"]
            x, y, wide, tall = segment["bbox"]
            shares = [y / height, x / width, (y + tall) / height, (x + wide) / width]
            assert segments["bbox"][number].tolist() == np.array(shares, np.float32).tolist()
        assert len(segments["id"]) == len(one["segments_info"])
        total += len(segments["id"])
    assert total == 50


def test_stuff(shared, tmp_path):
    """Stuff of two pictures that are not at hand, by the config that needs none."""
    folder = shared / "real" / "coco_extended" / "stuff_sample"
    builder = preparing.prepared("coco_extended/2017_annotations", tmp_path, folder, partial=True)
    truth = coco.COCO(str(folder / "annotations/stuff_train2017.json"))
    categories = facts.categories("stuff")
    assert [(one.id, one.name, one.supercategory) for one in categories] == [
        (one["id"], one["name"], one["supercategory"]) for one in truth.dataset["categories"]
    ]
    found = list(tfds.as_numpy(builder.as_dataset(split="train")))
    assert len(found) == 2
    for example in found:
        stuff, published = example["stuff"], truth.imgToAnns[int(example["image/id"])]
        height, width = int(example["image/height"]), int(example["image/width"])
        dense = masks.to_dense(stuff["rle"], height, width)
        for number, one in enumerate(published):
            assert stuff["rle"][number].decode() == one["segmentation"]["counts"]
            np.testing.assert_array_equal(dense[number], truth.annToMask(one))
            assert stuff["area"][number] == one["area"] == dense[number].sum()
            assert stuff["bbox_published"][number].tolist() == one["bbox"]
            assert oracle.toBbox(truth.annToRLE(one)).tolist() == one["bbox"]
            assert stuff["category_id"][number] == one["category_id"]
            assert categories[stuff["label"][number]].id == one["category_id"]
            assert stuff["id"][number] == one["id"]
        assert len(stuff["id"]) == len(published)


def test_missing_sides_are_told(shared, tmp_path, caplog):
    """Pictures without annotations, annotations without pictures, and none that fit."""
    real = shared / "real" / "coco_extended"
    folder = tmp_path / "manual"
    shutil.copytree(real / "annotations", folder / "annotations")
    (folder / "val2017").mkdir()
    for path in sorted((real / "val2017").iterdir())[:3]:
        shutil.copy(path, folder / "val2017")
    (folder / "val2017" / "000000999999.jpg").write_bytes(b"x")
    name = "coco_extended/2017_validation_objects"
    builder = preparing.prepared(name, tmp_path / "data", folder, partial=True)
    assert builder.info.splits["validation"].num_examples == 3
    assert builder.info.metadata["missing"] == {"validation": 4997}
    assert "76 pictures in instances_val2017.json are not in" in caplog.text
    assert "1 pictures in" in caplog.text and "have no annotations" in caplog.text
    for path in (folder / "val2017").glob("000000[01]*"):
        path.unlink()
    with pytest.raises(
        ValueError, match="of the 79 pictures in instances_val2017.json none is here"
    ):
        preparing.prepared(name, tmp_path / "none", folder, partial=True)
