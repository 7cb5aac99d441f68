"""VisualQA: the miniature."""

from __future__ import annotations

import io
import json
import pathlib
from typing import Any

import builder_testing
import miniature_scripts
import numpy as np
import PIL.Image
import preparing
import pytest
import tensorflow_datasets as tfds

from tfds_extra.datasets.vqa import accuracy
from tfds_extra.datasets.vqa import vqa_dataset_builder as module

_MADE = miniature_scripts.load("vqa")
_RELEASES = {config: release for release, configs in _MADE.CONFIGS.items() for config in configs}
_SPLITS = ("train", "validation", "test", "test_dev")
# Each release, and each kind of config, at least once; what is in the others is tested here.
_CONFIGS = [
    "v2", "v2_images", "v1_multiple_choice", "abstract_v1_scenes", "abstract_binary_images"
]  # fmt: skip


class VqaTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = _CONFIGS
    MINIATURE = {config: _MADE.counts()[config] for config in _CONFIGS}
    OVERLAPPING_SPLITS = ["test_dev"]  # It is a part of test.
    UNKNOWN_COUNTS = {
        **{config: {"test_dev"} for config in ("v2", "v2_images", "v1_multiple_choice")},
        "abstract_binary_images": {"train", "validation"},
    }

    def is_read(self, name, member, config):
        """Of the archives with both tasks, a config reads one."""
        task = "MultipleChoice" if "multiple_choice" in config else "OpenEnded"
        return not name.startswith("questions_") or member.removeprefix("v2_").startswith(task)

    def examples(self, config: str) -> dict[tuple[str, int], dict[str, Any]]:
        """All examples of a config, by split and id of the question."""
        builder = self.prepare(config)
        return {
            (split, int(example["question_id"])): example
            for split in builder.info.splits
            for example in tfds.as_numpy(builder.as_dataset(split=split))
        }

    def assert_as_made(self, config: str) -> None:
        """Every value is what the script made."""
        release = _RELEASES[config]
        builder, found = self.prepare(config), self.examples(config)
        types = builder.info.features["question_type"].names
        left = dict(found)
        for split, subset in zip(_SPLITS, _MADE.SUBSETS[release]):
            is_test = split.startswith("test")
            answers = {
                row["question_id"]: row
                for row in ([] if is_test else _MADE.annotations(release, subset))
            }
            for question in _MADE.questions(release, subset):
                example = left.pop((split, question["question_id"]))
                row = answers.get(question["question_id"])
                self.assertEqual(example["question"].decode(), question["question"])
                self.assertEqual(example["image_id"], question["image_id"])
                self.assertEqual(is_test, row is None)
                people = row["answers"] if row else []
                texts = [one["answer"] for one in people]
                given = example["answers"]
                self.assertEqual([a.decode() for a in given["answer"]], texts)
                self.assertEqual(given["answer_id"].tolist(), [a["answer_id"] for a in people])
                self.assertEqual(
                    [["yes", "maybe", "no"][n] for n in given["answer_confidence"]],
                    [one["answer_confidence"] for one in people],
                )
                common = row["multiple_choice_answer"] if row else ""
                self.assertEqual(example["multiple_choice_answer"].decode(), common)
                kind = ["yes/no", "number", "other"].index(row["answer_type"]) if row else -1
                self.assertEqual(example["answer_type"], kind)
                number = example["question_type"]
                published = row["question_type"] if row else ""
                self.assertEqual(
                    types[number] if number >= 0 else "", published if number >= 0 else ""
                )
                self.assertEqual(number >= 0, row is not None and published in types)
                if release == "binary":
                    self.assertEqual(example["question_type_published"].decode(), published)
                scores = dict(
                    zip(
                        [a.decode() for a in example["answer_scores"]["answer"]],
                        example["answer_scores"]["score"].tolist(),
                    )
                )
                forms = list(map(accuracy.normalize, texts))
                self.assertEqual(list(scores), list(dict.fromkeys(forms)))
                for form, score in scores.items():
                    self.assertAlmostEqual(score, min(1, forms.count(form) / 3), places=6)
                if release == "v2":
                    pairs = [] if is_test else _MADE.pairs(subset)
                    mine = [b for pair in pairs for a, b in (pair, pair[::-1])
                            if a == question["question_id"]]  # fmt: skip
                    self.assertCountEqual(example["complementary_question_ids"], mine)
                if "multiple_choice" in config:
                    choices = [choice.decode() for choice in example["multiple_choices"]]
                    self.assertEqual(choices, _MADE.choices(question))
                    self.assertLen(choices, 18)
                self.assert_picture(config, subset.replace("-dev", ""), example)
        self.assertEmpty(left)

    def assert_picture(self, config: str, subset: str, example: dict[str, Any]) -> None:
        """The picture, its name, or the scene, is what the script made."""
        release = _RELEASES[config]
        coco = release in ("v2", "v1")
        image_id = int(example["image_id"])
        name = f"{'COCO' if coco else 'abstract_v002'}_{subset}_{image_id:012d}"
        name += ".jpg" if coco else ".png"
        self.assertEqual(example["image/filename"].decode(), name)
        pictures = _MADE.PICTURES["mscoco" if coco else release, subset]
        ((_, colour, count),) = [one for one in pictures if one[0] == image_id]
        if config.endswith("_images"):
            content = (_MADE.jpeg if coco else _MADE.png)(colour, count)
            with PIL.Image.open(io.BytesIO(content)) as picture:
                expected = np.asarray(picture.convert("RGB"), int)
            self.assertLessEqual(np.abs(example["image"] - expected).max(), 2 if coco else 0)
        if config.endswith("_scenes"):
            scene = _MADE.scene(subset, image_id, colour, count)
            if subset.startswith("test"):
                self.assertEqual(example["scene"], b"")
            else:
                self.assertEqual(json.loads(example["scene"]), scene)

    def test_questions(self):
        self.assert_as_made("v2")

    @pytest.mark.slow
    def test_questions_of_the_other_configs(self):
        for config in _MADE.counts():
            with self.subTest(config):
                self.assert_as_made(config)

    @pytest.mark.slow
    def test_pictures_are_stored_as_published(self):
        builder = self.prepare("v2_images")
        decoders = {"image": tfds.decode.SkipDecoding()}
        for example in tfds.as_numpy(builder.as_dataset(split="train", decoders=decoders)):
            ((_, colour, count),) = [
                one
                for one in _MADE.PICTURES["mscoco", "train2014"]
                if one[0] == example["image_id"]
            ]
            self.assertEqual(example["image"], _MADE.jpeg(colour, count))

    @pytest.mark.slow
    def test_supervised(self):
        builder = self.prepare("v2_images")
        asked, answer = next(iter(builder.as_dataset(split="train", as_supervised=True)))
        self.assertEqual(set(asked), {"image", "question"})
        self.assertEqual(answer.dtype, "string")

    @pytest.mark.slow
    def test_parts_of_pictures(self):
        """Several processes that read some questions each make the same."""
        expected = self.prepare("v2_images").info.metadata["order_digest"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_PICTURED", 5)
            made = self.prepare("v2_images", folder="parts")
        self.assertEqual(made.info.metadata["order_digest"], expected)

    def test_official_counts(self):
        expected = {
            "v2": (443_757, 214_354, 447_793, 0),
            "v1": (248_349, 121_512, 244_302, 0),
            "abstract_v1": (60_000, 30_000, 60_000),
            "abstract_binary": (0, 0),
        }
        for config in _MADE.counts():
            release = "abstract_v1" if config.startswith("abstract_v1") else config
            release = release.removesuffix("_images").removesuffix("_multiple_choice")
            counts = self.DATASET_CLASS(config=config).expected_counts
            self.assertEqual(counts, dict(zip(_SPLITS, expected[release])))

    def test_classes(self):
        for config, count in (("v2", 65), ("v1", 65), ("abstract_v1", 81), ("abstract_binary", 81)):
            features = self.DATASET_CLASS(config=config).info.features
            names = features["question_type"].names
            self.assertEqual(
                (len(names), names[0], names[-1]), (count, "how many", "none of the above")
            )
            self.assertEqual(features["answer_type"].names, ["yes/no", "number", "other"])
            confidence = features["answers"]["answer_confidence"]
            self.assertEqual(confidence.names, ["yes", "maybe", "no"])

    @pytest.mark.slow
    def test_loose_files_beside_others(self):
        """JSON files and pictures as they come out of their archives, all in one folder."""
        self.prepare("v2_images")
        expected = self.prepare("v2_images").info.metadata["order_digest"]
        folder = pathlib.Path(self._folder.name, "loose")
        (folder / "something else").mkdir(parents=True)
        (folder / "something else" / "x.bin").write_bytes(b"x")
        for url, files in _MADE.archives().items():
            if "v2_" in url or url.startswith(_MADE.COCO):
                for name, content in files.items():
                    (folder / name).parent.mkdir(exist_ok=True)
                    (folder / name).write_bytes(content)
        for workers in (1, 2):
            with preparing.by_others():
                builder = preparing.prepared(
                    "vqa/v2_images", pathlib.Path(self._folder.name, f"of_loose_{workers}"), folder,
                    partial=True, num_workers=workers,
                )  # fmt: skip
            self.assertEqual(builder.info.metadata["order_digest"], expected)
            self.assertEqual(builder.info.metadata["missing"]["train"], 443_757 - 12)
