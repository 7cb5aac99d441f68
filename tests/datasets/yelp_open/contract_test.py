"""HINT: the name of the corpus: the miniature."""

from __future__ import annotations

import builder_testing
import miniature_scripts
import tensorflow_datasets as tfds

from tfds_extra.datasets.yelp_open import yelp_open_dataset_builder

_MADE = miniature_scripts.load("yelp_open")


class YelpOpenTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = yelp_open_dataset_builder.Builder
    STANDARD_BUILDER = None  # HINT: the builder of TFDS that this one extends, if any.
    MINIATURE = {"": {"train": 8, "test": 4}}  # HINT: by config.

    def test_every_value(self):
        builder = self.prepare("")
        found = {}
        for split in ("train", "test"):
            for example in tfds.as_numpy(builder.as_dataset(split=split)):
                found[example["filename"].decode()] = example
        self.assertEqual(sorted(found), sorted(_MADE.texts()))
        for name, content in _MADE.texts().items():
            self.assertEqual(found[name]["text"], content)
            label = builder.info.features["label"].int2str(found[name]["label"])
            self.assertEqual(name.split("/")[1], f"{label}_{found[name]['number']}.txt")

    def test_official_counts(self):
        # HINT: the publisher's numbers, written out, and the names of the classes.
        self.assertEqual(self.DATASET_CLASS().expected_counts, {"train": 8, "test": 4})
