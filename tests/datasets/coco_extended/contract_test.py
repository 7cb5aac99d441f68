"""COCO with all annotations: the miniature."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import builder_testing
import miniature_scripts
import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds
from pycocotools import mask as pycocotools_mask

from tfds_extra.datasets.coco_extended import coco_extended_dataset_builder as module

_MADE = miniature_scripts.load("coco_extended")
_LIGHT = "2017_validation_objects"
# Those that differ in kind: a light one, which the quick tier takes; all annotations; splits from a
# list; a part of an archive, without annotations. The others are held against "2017".
_CONFIGS = [_LIGHT, "2017", "2014_karpathy", "2017_test_dev"]


class CocoExtendedTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = _CONFIGS
    MINIATURE = {config: _MADE.counts()[config] for config in _CONFIGS}
    UNKNOWN_COUNTS = {"2017_test_dev": {"test_dev"}}
    OVERLAPPING_SPLITS = ["test2015"]  # It has the pictures of test.

    def is_read_whole(self, name, config):
        """Nobody says what else archives of annotations have, and which kinds have all pictures."""
        return name in _MADE.SUBSETS and not config.endswith(("panoptic", "stuff", "dev"))

    def is_read(self, name, member, config):
        return not member.endswith(("_pixelmaps.zip", ".txt"))

    def examples(self, config: str, **kwargs: Any) -> dict[tuple[str, int], dict[str, Any]]:
        """All examples of a config, by split and id of the picture."""
        builder = self.prepare(config)
        return {
            (split, int(example["image/id"])): example
            for split in builder.info.splits
            for example in tfds.as_numpy(builder.as_dataset(split=split, **kwargs))
        }

    def test_standard_configs(self):
        """Those of the standard builder are here, with its features, dtypes and splits."""
        for config in ("2014", "2017", "2017_panoptic"):
            theirs = tfds.builder(f"coco/{config}", data_dir=self.tmp_dir).info.features
            mine = self.DATASET_CLASS(config=config).info.features
            for name, feature in theirs.get_tensor_spec().items():
                spec = mine.get_tensor_spec()[name]
                if isinstance(feature, dict):
                    spec = {key: spec[key] for key in feature}
                self.assertEqual(spec, feature, name)

    def test_annotations_of_each_picture(self):
        found = self.examples("2017", decoders={"image": tfds.decode.SkipDecoding()})
        self.assertLen(found, 9)
        for (split, image_id), example in found.items():
            subset = _MADE.CONFIGS["2017"][split]
            made = _MADE.image(subset, image_id)
            self.assertEqual(example["image"], _MADE.jpeg(image_id))
            self.assertEqual(example["image/license"], made["license"] - 1)
            for name in ("height", "width"):
                self.assertEqual(example[f"image/{name}"], made[name])
            for name in ("coco_url", "flickr_url", "date_captured"):
                self.assertEqual(example[f"image/{name}"].decode(), made[name])
            if split == "test":
                for name in ("objects", "captions", "stuff", "panoptic_objects"):
                    self.assertEmpty(example[name]["id"])
                self.assertEqual(example["panoptic_image"].tolist(), [[[0, 0, 0]]])
                continue
            self._check_objects(image_id, example["objects"])
            captions = _MADE.captions(image_id)
            self.assertEqual(
                [text.decode() for text in example["captions"]["text"]],
                [one["caption"] for one in captions],
            )
            self.assertEqual(example["captions"]["id"].tolist(), [one["id"] for one in captions])
            stuff = _MADE.stuff(image_id)
            for mine, one in zip(example["stuff"]["rle"], stuff, strict=True):
                self.assertEqual(mine.decode(), one["segmentation"]["counts"])
            for name, key in (("category_id", "category_id"), ("area", "area"), ("id", "id")):
                self.assertEqual(example["stuff"][name].tolist(), [one[key] for one in stuff])
            pixels, row = _MADE.panoptic(image_id)
            np.testing.assert_array_equal(example["panoptic_image"], pixels)
            self.assertEqual(example["panoptic_image/filename"].decode(), row["file_name"])
            for name in ("id", "area", "category_id"):
                self.assertEqual(
                    example["panoptic_objects"][name].tolist(),
                    [one[name] for one in row["segments_info"]],
                )

    def _check_objects(self, image_id: int, objects: dict[str, np.ndarray]) -> None:
        instances = _MADE.instances(image_id)
        height, width = _MADE.size(image_id)
        keypoints = {one["id"]: one for one in _MADE.keypoints(image_id)}
        self.assertEqual(objects["id"].tolist(), [one["id"] for one in instances])
        self.assertEqual(objects["area_published"].tolist(), [one["area"] for one in instances])
        self.assertEqual(objects["area"].tolist(), [int(one["area"]) for one in instances])
        self.assertEqual(objects["category_id"].tolist(), [o["category_id"] for o in instances])
        self.assertEqual(objects["bbox_published"].tolist(), [one["bbox"] for one in instances])
        names = self.DATASET_CLASS().info.features["objects"]["label"].names
        for number, one in enumerate(instances):
            self.assertEqual(json.loads(objects["segmentation"][number]), one["segmentation"])
            rles = pycocotools_mask.frPyObjects(one["segmentation"], height, width)
            rle = pycocotools_mask.merge(rles) if isinstance(rles, list) else rles
            self.assertEqual(objects["rle"][number], rle["counts"])
            x, y, wide, tall = one["bbox"]
            np.testing.assert_allclose(
                objects["bbox"][number],
                [y / height, x / width, (y + tall) / height, (x + wide) / width],
                rtol=1e-6,
            )
            points = keypoints.get(one["id"])
            self.assertEqual(objects["has_keypoints"][number], points is not None)
            self.assertEqual(
                objects["keypoints"][number].ravel().tolist(),
                points["keypoints"] if points else [0] * 51,
            )
            count = points["num_keypoints"] if points else 0
            self.assertEqual(objects["num_keypoints"][number], count)
            self.assertEqual(
                names[objects["label"][number]],
                {1: "person", 18: "dog", 38: "kite", 59: "pizza"}[one["category_id"]],
            )

    @pytest.mark.slow
    def test_odd_cases(self):
        """What the miniature has of them, so that nobody takes it out."""
        found = self.examples("2017")
        objects = {key[1]: example["objects"] for key, example in found.items()}
        self.assertEmpty(objects[25]["id"])
        self.assertEqual(objects[30]["id"][0], 900100000030)
        self.assertEqual(objects[200365]["bbox_published"][1][3], 0)  # Flat.
        self.assertEqual(objects[200365]["bbox"][1][0], objects[200365]["bbox"][1][2])
        self.assertEqual(objects[139]["has_keypoints"].tolist(), [True, False, False])
        gray = found["train", 200365]["image"]
        self.assertEqual(gray.shape, (48, 72, 3))
        np.testing.assert_array_equal(gray[..., 0], gray[..., 2])

    @pytest.mark.slow
    def test_configs_agree(self):
        """What a narrower config has is the same as in the one that has all."""
        all_of = self.examples("2017")
        for config in _MADE.CONFIGS:
            if not config.startswith("2017_") or config.endswith(("unlabeled", "dev")):
                continue
            for (split, image_id), example in self.examples(config).items():
                whole = all_of[split, image_id]
                self.assert_same(example, {name: whole[name] for name in example})

    @pytest.mark.slow
    def test_years_agree(self):
        """Pictures and annotations are the same in both years, but for their names."""
        new = {key[1]: example for key, example in self.examples("2017_objects").items()}
        for config in ("2014", "2014_karpathy"):
            for (split, image_id), example in self.examples(config).items():
                if not example["captions"]["id"].size:
                    continue
                for name in ("image", "objects", "captions", "image/license"):
                    self.assert_same(example[name], new[image_id][name])
                if config == "2014_karpathy":
                    self.assertEqual(split, _MADE.KARPATHY_SPLITS[image_id])

    @pytest.mark.slow
    def test_pieces(self):
        """However many pieces a split is read in, the data are the same."""
        expected = self.prepare("2017").info.metadata["order_digest"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_PIECE", 1)
            made = self.prepare("2017", folder="pieces")
        self.assertEqual(made.info.metadata["order_digest"], expected)

    def test_every_config(self):
        """Each is in the miniature; of which nobody states the number of pictures is known."""
        names = [config.name for config in self.DATASET_CLASS.BUILDER_CONFIGS]
        self.assertEqual(names, list(_MADE.CONFIGS))
        unknown = {}
        for name in names:
            counts = self.DATASET_CLASS(config=name).expected_counts
            self.assertEqual(set(counts), set(_MADE.counts()[name]))
            unknown[name] = {split for split, count in counts.items() if count <= 0}
        expected = {
            "2017_stuff": {"train", "validation"},
            "2017_unlabeled": {"unlabeled"},
            "2017_test_dev": {"test_dev"},
            "2015_test_dev": {"test_dev"},
        }
        self.assertEqual({name: some for name, some in unknown.items() if some}, expected)

    @pytest.mark.slow
    def test_configs_without_annotations(self):
        for config in ("2017_unlabeled", "2015_test_dev"):
            found = self.examples(config, decoders={"image": tfds.decode.SkipDecoding()})
            self.assertLen(found, sum(_MADE.counts()[config].values()))
            for (_, image_id), example in found.items():
                self.assertEqual(example["image"], _MADE.jpeg(image_id))
                self.assertNotIn("objects", example)

    def test_official_counts(self):
        counts = self.DATASET_CLASS(config="2017").expected_counts
        self.assertEqual(counts, {"train": 118_287, "validation": 5_000, "test": 40_670})
        old = self.DATASET_CLASS(config="2014").expected_counts
        self.assertEqual(
            old, {"train": 82_783, "validation": 40_504, "test": 40_775, "test2015": 81_434}
        )
        self.assertEqual(old["train"] + old["validation"], 118_287 + 5_000)
        karpathy = self.DATASET_CLASS(config="2014_karpathy").expected_counts
        self.assertEqual(sum(karpathy.values()), old["train"] + old["validation"])

    def test_narrow_configs_fetch_less(self):
        sizes = {
            config: self.DATASET_CLASS(config=config).download_amount.size
            for config in _MADE.CONFIGS
        }
        self.assertLess(sizes["2017_objects"], sizes["2017"])
        self.assertLess(sizes["2017_validation_objects"], sizes["2017_validation"])
        self.assertLess(sizes["2017_annotations"], 3e9)
        self.assertEqual(sizes["2017_validation_objects"], 815_585_330 + 252_907_541)
        self.assertEqual(sizes["2014_annotations"], 252_872_794 + 763_464 + 1_887_164)

    def test_classes(self):
        features = self.DATASET_CLASS(config="2017").info.features
        for name, count in (("objects", 80), ("stuff", 92), ("panoptic_objects", 133)):
            self.assertEqual(features[name]["label"].num_classes, count)
        self.assertEqual(features["image/license"].num_classes, 8)
        metadata = self.prepare("2017").info.metadata
        self.assertEqual(metadata["categories"]["instances"][-1]["supercategory"], "indoor")
        self.assertLen(metadata["skeleton"], 19)

    @pytest.mark.slow
    def test_loose_files_beside_others(self):
        """Folders as most people have them: all JSON files in one, panoptic pictures unpacked."""
        expected = self.prepare("2017").info.metadata["order_digest"]
        folder = pathlib.Path(self._folder.name, "loose")
        for url, files in _MADE.archives().items():
            if url.startswith(_MADE.KARPATHY) or "2014" in url or "2015" in url:
                continue
            for name, content in files.items():
                path = folder / name
                if name.startswith("annotations/panoptic") and name.endswith(".zip"):
                    subset = path.stem.removeprefix("panoptic_")
                    for image_id in _MADE.SUBSETS[subset]:
                        png = path.with_suffix("") / f"{image_id:012d}.png"
                        png.parent.mkdir(parents=True, exist_ok=True)
                        png.write_bytes(_MADE.miniature_files.png(_MADE.panoptic(image_id)[0]))
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        for workers in (1, 2):
            with preparing.by_others():
                builder = preparing.prepared(
                    "coco_extended/2017", pathlib.Path(self._folder.name, f"of_loose_{workers}"), folder,
                    partial=True, num_workers=workers,
                )  # fmt: skip
            self.assertEqual(builder.info.metadata["order_digest"], expected)
            self.assertEqual(builder.info.metadata["missing"]["train"], 118_287 - 4)
