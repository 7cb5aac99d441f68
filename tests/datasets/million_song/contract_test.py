"""Million Song Dataset: the miniature."""

from __future__ import annotations

import builder_testing

from tfds_extra.datasets.million_song import million_song_dataset_builder as module
from tfds_extra.datasets.million_song import published

_LETTERS = ("A", "Z")
_LIKE_OTHERS = set(published.LETTERS) - set(_LETTERS)


class MillionSongTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    MINIATURE = {
        "subset": {"train": 6},
        "full": {"train": 4, "test": 2},
        "summary": {"train": 4, "test": 2},
        "subset_summary": {"train": 6},
        "subset_lastfm": {"train": 6},
        "subset_joined": {"train": 6},
        "full_joined": {"train": 4, "test": 2},
        "musixmatch": {"train": 4, "test": 2},
        "second_hand_songs": {"train": 4, "test": 1},
        "tagtraum_cd1": {"train": 3},
        "tagtraum_cd2": {"train": 3},
        "tagtraum_cd2c": {"train": 2},
        "taste_profile": {"train": 3},
    }

    def archives(self, config):
        """Of the 26 archives of the full set, two that have songs; the others are like them."""
        found = super().archives(config)
        return {name: archive for name, archive in found.items() if name not in _LIKE_OTHERS}

    def is_read_whole(self, name, config):
        """Of a zip, only the one file that is known by name is looked at."""
        return name == "songs" or name in _LETTERS
