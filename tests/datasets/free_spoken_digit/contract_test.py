"""Free Spoken Digit: the miniature, the real recordings, and bad input."""

from __future__ import annotations

import builder_testing

from tfds_extra.datasets.free_spoken_digit import free_spoken_digit_dataset_builder


class FreeSpokenDigitTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = free_spoken_digit_dataset_builder.Builder
    STANDARD_BUILDER = "spoken_digit"
    OTHER_TYPES = {"audio": "int16, as published: the standard one stores each sample in 64 bits"}
    MINIATURE = {
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
