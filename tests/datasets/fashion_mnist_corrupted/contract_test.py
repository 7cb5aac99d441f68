"""Fashion-MNIST corrupted: the miniature, the configs and their pixels, and the standard builders."""

from __future__ import annotations

import gzip
import hashlib
import pathlib
import shutil
import tempfile
from unittest import mock

import builder_testing
import miniature_scripts
import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.image_classification import mnist, mnist_corrupted

from tfds_extra import show
from tfds_extra.core import tables
from tfds_extra.datasets.fashion_mnist_corrupted import (
    corruptions,
    fashion_mnist_corrupted_dataset_builder,
    recipes,
)
from tfds_extra.features import PixelImage

_MADE = miniature_scripts.load("fashion_mnist_corrupted")
_ONLY_HERE = [
    "contrast", "saturate", "inverse", "flip_sides", "flip_up_down", "turn_right", "turn_left",
]  # fmt: skip
_SEVERITIES = {  # The publishers' code: corruptions with severities, and the one they use.
    "shot_noise": 5, "impulse_noise": 4, "glass_blur": 1, "motion_blur": 1, "shear": 2, "scale": 3,
    "rotate": 2, "brightness": 5, "translate": 3, "fog": 5, "spatter": 4, "contrast": 4,
    "saturate": 5,
}  # fmt: skip
_GOLDEN = pathlib.Path(__file__).with_name("golden.tsv")


def digest(images: np.ndarray) -> str:
    """Begin of the sha256 of pixels."""
    return hashlib.sha256(np.ascontiguousarray(images)).hexdigest()[:16]


class FashionMnistCorruptedTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = fashion_mnist_corrupted_dataset_builder.Builder
    # The published set, one config of each kind that is made here, and one with a severity.
    BUILDER_CONFIG_NAMES_TO_TEST = ["mixed", "identity", "shot_noise", "rotate_1"]
    MINIATURE = {name: dict(_MADE.COUNTS) for name in BUILDER_CONFIG_NAMES_TO_TEST}

    def rows(self, config: str, split: str) -> dict:
        """All examples of a split as columns."""
        return tfds.as_numpy(self.prepare(config).as_dataset(split=split, batch_size=-1))

    def made(self, config: str, split: str) -> dict:
        """The same as the builder yields them, without preparing."""
        builder = self.DATASET_CLASS(data_dir=self.tmp_dir, config=config, miniature=True)
        examples = [example for _, example in self.raw_examples(builder)[split]]
        return {name: np.stack([example[name] for example in examples]) for name in examples[0]}

    def names(self, feature: str, values: np.ndarray) -> list[str]:
        """Names of the classes of a feature."""
        return [self.builder.info.features[feature].int2str(value) for value in values.tolist()]

    def test_configs(self):
        names = [config.name for config in self.DATASET_CLASS.BUILDER_CONFIGS]
        self.assertEqual(names[0], "mixed")
        standard = [config.name for config in mnist_corrupted.MNISTCorrupted.BUILDER_CONFIGS]
        self.assertLen(standard, 16)
        self.assertEqual(names[1:24], [*standard, *_ONLY_HERE])
        severities = [f"{name}_{i}" for name in _SEVERITIES for i in range(1, 6)]
        self.assertCountEqual(names[24:], severities)
        self.assertEqual(self.DATASET_CLASS(data_dir=self.tmp_dir).base_config_name, "mixed")
        for config in self.DATASET_CLASS.BUILDER_CONFIGS:
            if config.corruption in _SEVERITIES:
                severity = config.severity or _SEVERITIES[config.corruption]
                self.assertIn(
                    f"{config.corruption} at severity {severity} of 5", config.description
                )
            else:
                self.assertNotIn("severity", config.description)

    def test_official_numbers(self):
        for config in self.DATASET_CLASS.BUILDER_CONFIGS:
            builder = self.DATASET_CLASS(data_dir=self.tmp_dir, config=config.name)
            self.assertEqual(builder.expected_counts, {"train": 60_000, "test": 10_000})
        classes = builder.read_facts("classes.tsv")
        self.assertEqual(
            [(row["split"], row["label"], row["images"]) for row in classes],
            [("train", str(i), "6000") for i in range(10)]
            + [("test", str(i), "1000") for i in range(10)],
        )

    def test_classes(self):
        features = self.builder.info.features
        self.assertEqual(features["corruption"].names, [*recipes.RECIPES, "unknown"])
        self.assertEqual(
            features["corruption_match"].names,
            ["generated", "exact", "ambiguous", "rule", "closest", "none"],
        )
        self.assertEqual(features["duplicate_split"].names, ["none", "train", "test"])
        for name in ("image", "original_image"):
            self.assertIsInstance(features[name], PixelImage)
            self.assertEqual(features[name].shape, (28, 28, 1))

    def test_published_files(self):
        for config, images in (("mixed", 4), ("fog", 2)):
            builder = self.DATASET_CLASS(data_dir=self.tmp_dir, config=config)
            files = builder.published_files()
            self.assertLen(files, 2 * images)
            for name, file in files.items():
                published = builder.url_infos[file.urls[0]]
                corrupted = name.startswith("corrupted")
                self.assertEqual(
                    list(published.digests),
                    ["gitblob"] if corrupted and name.endswith("images") else ["sha256"],
                )
                self.assertGreater(published.size, 5000)

    def test_rows_are_those_of_fashion_mnist(self):
        for config in self.MINIATURE:
            for split, count in _MADE.COUNTS.items():
                rows = self.rows(config, split)
                np.testing.assert_array_equal(rows["label"], _MADE.labels(split))
                np.testing.assert_array_equal(rows["index"], np.arange(count))
                originals = _MADE.originals(split)[..., None]
                np.testing.assert_array_equal(rows["original_image"], originals)
                self.assertEqual(rows["index"].dtype, np.int32)
                self.assertEqual(rows["severity"].dtype, np.int32)
                self.assertEqual(rows["corruption_parameter"].dtype, np.float32)
                self.assertEqual(rows["duplicate_of"].dtype, np.int32)
        self.assertTrue(self.builder.info.disable_shuffling)

    def test_duplicates(self):
        expected = {
            # The other split comes first.
            ("train", 11): ("test", 15), ("train", 21): ("test", 15), ("test", 15): ("train", 11),
            ("train", 5): ("train", 20), ("train", 20): ("train", 5),
            ("train", 7): ("test", 13), ("test", 13): ("train", 7),
            ("train", 28): ("test", 8), ("test", 8): ("train", 28),
        }  # fmt: skip
        for config in ("mixed", "rotate_1"):
            for split, count in _MADE.COUNTS.items():
                rows = self.rows(config, split)
                splits = self.names("duplicate_split", rows["duplicate_split"])
                for row in range(count):
                    found = splits[row], int(rows["duplicate_of"][row])
                    self.assertEqual(found, expected.get((split, row), ("none", -1)))

    def test_mixed(self):
        matches = dict.fromkeys(_MADE.PUBLISHED, "exact")
        matches |= dict.fromkeys(("shot_noise", "impulse_noise", "glass_blur"), "rule")
        for split in _MADE.COUNTS:
            rows, names = self.rows("mixed", split), _MADE.corruptions(split)
            np.testing.assert_array_equal(rows["image"][..., 0], _MADE.corrupted(split))
            expected = [(name, matches.get(name)) for name in names]
            if split == "test":
                # Turned or flipped it is the same, and flips are tried before turns.
                expected[_MADE.SYMMETRIC] = ("flip_sides", "ambiguous")
                expected[_MADE.ALTERED] = ("contrast", "closest")
                expected[_MADE.FOREIGN] = ("unknown", "none")
            found = self.names("corruption", rows["corruption"])
            found = list(zip(found, self.names("corruption_match", rows["corruption_match"])))
            self.assertEqual(found, expected)
            for row, (name, _) in enumerate(expected):
                self.assertEqual(rows["severity"][row], _SEVERITIES.get(name, -1))
                angle, original = rows["corruption_parameter"][row], _MADE.originals(split)[[row]]
                if name in ("shear", "rotate"):
                    self.assertEqual(abs(angle), np.float32(0.4))
                elif name == "motion_blur":
                    again = corruptions.motion_blur(original, np.array([angle]), 10, 3)[0]
                    np.testing.assert_array_equal(again, _MADE.corrupted(split)[row])
                else:
                    self.assertTrue(np.isnan(angle), name)

    @pytest.mark.slow
    def test_generated(self):
        """Pixels of every config are those that its recipe makes, and those they always were."""
        golden = {row.pop("config"): row for row in tables.read_tsv(_GOLDEN)}
        self.assertCountEqual(golden, [c.name for c in self.DATASET_CLASS.BUILDER_CONFIGS])
        found = {}
        for config in self.DATASET_CLASS.BUILDER_CONFIGS:
            columns = {split: self.made(config.name, split) for split in _MADE.COUNTS}
            found[config.name] = {s: digest(made["image"]) for s, made in columns.items()}
            if not config.corruption:
                continue
            made, name = columns["test"], config.corruption
            expected, angles = recipes.corrupt(
                name, _MADE.originals("test"), "test", 0, config.severity
            )
            np.testing.assert_array_equal(made["image"][..., 0], expected)
            np.testing.assert_array_equal(made["corruption_parameter"], angles)
            self.assertEqual(set(self.names("corruption", made["corruption"])), {name})
            matches = self.names("corruption_match", made["corruption_match"])
            self.assertEqual(set(matches), {"generated"})
            severity = config.severity or _SEVERITIES.get(name, -1)
            self.assertEqual(set(made["severity"].tolist()), {severity})
        self.assertEqual(found, golden)
        self.assertEqual(golden["fog"], golden["fog_5"])
        self.assertNotEqual(golden["fog"], golden["fog_4"])

    def test_blocks_make_no_difference(self):
        builder = self.DATASET_CLASS(data_dir=self.tmp_dir, config="shot_noise", miniature=True)
        whole = self.rows("shot_noise", "train")["image"]
        with mock.patch.object(fashion_mnist_corrupted_dataset_builder, "_BLOCK", 7):
            parts = [example["image"] for _, example in self.raw_examples(builder)["train"]]
        np.testing.assert_array_equal(np.stack(parts), whole)

    def test_standard_fashion_mnist_of_the_same_files(self):
        """The same published rows through the standard builder and through ours."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self._folder.name))
        for packed in self.DATASET_CLASS.miniature_dir().glob("*-ubyte.gz"):
            with gzip.open(packed) as content, (folder / packed.stem).open("wb") as out:
                shutil.copyfileobj(content, out)
        found = preparing.standard_mnist(folder, **_MADE.COUNTS, builder_cls=mnist.FashionMNIST)
        for split in _MADE.COUNTS:
            mine = self.rows("identity", split)
            for name in ("image", "label"):
                np.testing.assert_array_equal(mine[name], found[split][name])
                self.assertEqual(mine[name].dtype, found[split][name].dtype)
                self.assertEqual(mine[name].shape, found[split][name].shape)
            np.testing.assert_array_equal(mine["original_image"], mine["image"])

    def test_show(self):
        builder = self.prepare("mixed")
        examples = list(tfds.as_numpy(builder.as_dataset(split="train").take(2)))
        axes = show.draw(builder.info, examples).axes
        self.assertLen([axis for axis in axes if axis.images], 4)
        texts = [axis.texts[0].get_text() for axis in axes if axis.texts]
        self.assertIn("label: T-shirt/top\n", texts[0])
        self.assertIn("corruption: shot_noise\n", texts[0])
