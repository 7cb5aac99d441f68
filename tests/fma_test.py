"""FMA: the miniature."""

from __future__ import annotations

import builder_testing

from tfds_extra.datasets.fma import fma_dataset_builder

_COUNTS = {
    "small": {"train": 8, "validation": 2, "test": 2},
    "medium": {"train": 12, "validation": 3, "test": 4},
    "large": {"train": 15, "validation": 5, "test": 6},
    "full": {"train": 15, "validation": 5, "test": 6},
    "metadata": {"train": 15, "validation": 5, "test": 6},
}


class FmaTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = fma_dataset_builder.Builder
    MINIATURE = {
        name + suffix: counts for name, counts in _COUNTS.items() for suffix in ("", "_features")
    }
