"""Free Spoken Digit: the miniature, the real recordings, and bad input."""

from __future__ import annotations

import builder_testing
import pytest

from tfds_extra.datasets.free_spoken_digit import free_spoken_digit_dataset_builder

_COUNTS = {
    "v1.0.10": {"train": 60, "test": 60},
    "v1.0.9": {"train": 15, "test": 15},
    "v1.0.8": {"train": 9, "test": 9},
    "v1.0.7": {"train": 9, "test": 9},
    "v1.0.6": {"train": 12, "test": 12},
    "v1.0.5": {"train": 9, "test": 9},
    "v1.0.4": {"train": 10, "test": 9},
    "v1.0.3": {"train": 10, "test": 9},
    "v1.0.2": {"train": 7, "test": 6},
    "v1.0.1": {"train": 4, "test": 3},
    "v1.0": {"train": 4, "test": 3},
}


class FreeSpokenDigitTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = free_spoken_digit_dataset_builder.Builder
    OTHER_TYPES = {"audio": "int16, as published: the standard one stores each sample in 64 bits"}
    # The newest, the oldest, and two between them.
    BUILDER_CONFIG_NAMES_TO_TEST = ["v1.0.10", "v1.0.6", "v1.0.4", "v1.0"]
    MINIATURE = {config: _COUNTS[config] for config in BUILDER_CONFIG_NAMES_TO_TEST}

    @pytest.mark.slow
    def test_every_release(self):
        self.assertEqual(
            set(_COUNTS), {config.name for config in self.DATASET_CLASS.BUILDER_CONFIGS}
        )
        for config, counts in _COUNTS.items():
            with self.subTest(config):
                splits = self.prepare(config).info.splits
                self.assertEqual({name: splits[name].num_examples for name in splits}, counts)
                self.assertEqual(
                    set(self.DATASET_CLASS(config=config).expected_counts), set(counts)
                )
