"""Million Song Dataset: the miniature."""

from __future__ import annotations

import pathlib
import shutil
import tempfile
from typing import Any
from unittest import mock

import builder_testing
import miniature_files
import miniature_scripts
import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds
from apache_beam.options import pipeline_options

from tfds_extra import core
from tfds_extra.datasets.million_song import million_song_dataset_builder as module
from tfds_extra.datasets.million_song import published

_MADE = miniature_scripts.load("million_song")
_LETTERS = ("A", "Z")
_TEXT_ARRAYS = ("similar_artists", "artist_terms", "artist_mbtags")
_USED = ("A", "B", "M", "Z")  # Archives that have songs.
_LIKE_OTHERS = set(published.LETTERS) - set(_LETTERS)


class MillionSongTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    # Of configs that differ in nothing but their files, one.
    BUILDER_CONFIG_NAMES_TO_TEST = [
        "subset", "full", "summary", "subset_summary", "full_joined", "musixmatch",
        "second_hand_songs", "tagtraum_cd1", "taste_profile",
    ]  # fmt: skip
    MINIATURE = {
        "subset": {"train": 6},
        "full": {"train": 4, "test": 2},
        "summary": {"train": 4, "test": 2},
        "subset_summary": {"train": 6},
        "full_joined": {"train": 4, "test": 2},
        "musixmatch": {"train": 4, "test": 2},
        "second_hand_songs": {"train": 4, "test": 1},
        "tagtraum_cd1": {"train": 3},
        "taste_profile": {"train": 3},
    }

    def archives(self, config):
        """Of the 26 archives of the full set, two that have songs; the others are like them."""
        found = super().archives(config)
        return {name: archive for name, archive in found.items() if name not in _LIKE_OTHERS}

    def is_read_whole(self, name, config):
        """Of a zip, only the one file that is known by name is looked at."""
        return name == "songs" or name in _LETTERS

    # ------------------------------------------------------------------------------- values

    def examples(self, config: str, key: str = "track_id") -> dict[str, dict[str, Any]]:
        return preparing.examples(self.prepare(config), key)

    def assert_song(self, example: dict[str, Any], song: dict[str, Any], names: set[str]) -> None:
        """All columns and arrays of a song, float64 to the last bit."""
        for name in names:
            expected = song[name]
            if isinstance(expected, str):
                self.assertEqual(example[name].decode(), expected)
            elif name in _TEXT_ARRAYS:
                self.assertEqual([text.decode() for text in example[name]], expected)
            elif isinstance(expected, (int, float)):
                self.assertEqual(
                    example[name].dtype.kind, "i" if isinstance(expected, int) else "f"
                )
                np.testing.assert_array_equal(example[name], expected)
            else:
                wide = (-1, 12) if name in _MADE.WIDE else (-1,)
                kind = np.int32 if name == "artist_mbtags_count" else np.float64
                self.assertEqual(example[name].dtype, kind)
                np.testing.assert_array_equal(
                    example[name], np.array(expected, kind).reshape(wide), strict=True
                )

    def test_every_field_of_every_song(self):
        for config, songs in (("subset", _MADE.subset()), ("full", _MADE.full())):
            found = self.examples(config)
            self.assertEqual(set(found), {song["track_id"] for song in songs})
            for song in songs:
                example = found[song["track_id"]]
                self.assert_song(example, song, set(song))
                self.assertEqual(example["source_path"].decode(), _MADE.path(song))
                is_test = config == "full" and "TES" in song["artist_id"]
                self.assertEqual(example["split"], "test" if is_test else "train")

    @pytest.mark.slow
    def test_every_column_of_summaries(self):
        for config, songs in (("subset_summary", _MADE.subset()), ("summary", _MADE.full())):
            found = self.examples(config)
            self.assertLen(found, len(songs))
            columns = {n for group in _MADE.COLUMNS.values() for n in group if n[:4] != "idx_"}
            for song in songs:
                self.assert_song(found[song["track_id"]], song, columns)

    @pytest.mark.slow
    def test_official_lists(self):
        found = self.examples("full")
        tracks = [song["track_id"] for song in _MADE.full()]
        first, second, third, fifth, seventh, eighth = (found[track] for track in tracks)
        names = self.prepare("full").info.features["tagging_split"].names
        self.assertEqual(names, ["train", "test", "none"])
        facts = ("tagging_split", "year_split", "duplicate_group", "shs_split", "shs_clique")
        self.assertEqual([first[name] for name in facts], [0, 0, 0, 0, 0])
        self.assertEqual([second[name] for name in facts], [0, 0, -1, 2, -1])
        self.assertEqual([third[name] for name in facts], [0, 2, -1, 0, 1])
        self.assertEqual([seventh[name] for name in facts], [1, 1, -1, 1, 0])
        self.assertEqual([eighth[name] for name in facts], [1, 1, 1, 2, -1])
        sixth = self.examples("subset")[_MADE.subset()[5]["track_id"]]
        self.assertEqual([sixth[name] for name in facts], [2, 2, 1, 0, 1])
        self.assertEqual(first["shs_works"].tolist(), [12, -1])
        self.assertEqual([first["shs_performance"], fifth["shs_performance"]], [34, -1])
        wrong = [track for track in tracks if found[track]["song_track_mismatch"]]
        self.assertEqual(wrong, [tracks[1]])
        self.assertEqual([first["has_location"], second["has_location"]], [True, False])

    @pytest.mark.slow
    def test_joined(self):
        for config in ("subset_joined", "full_joined", "subset_lastfm"):
            plain = self.examples("full" if config == "full_joined" else "subset")
            songs = _MADE.full() if config == "full_joined" else _MADE.subset()
            found = self.examples(config)
            for song in songs:
                track = song["track_id"]
                example, number = dict(found[track]), int(track[-1])
                row = _MADE.last_fm(song)
                tags = example.pop("lastfm")
                self.assertEqual(tags["matched"], number != 4)
                if number != 4:
                    for name in ("artist", "title", "timestamp"):
                        self.assertEqual(tags[name].decode(), row[name])
                    names = [name.decode() for name in tags["tags"]["name"]]
                    self.assertEqual(
                        [list(tag) for tag in zip(names, map(str, tags["tags"]["count"]))],
                        row["tags"],
                    )
                    ids = [other.decode() for other in tags["similars"]["track_id"]]
                    self.assertEqual(
                        [list(p) for p in zip(ids, tags["similars"]["score"])], row["similars"]
                    )
                if config != "subset_lastfm":
                    self.assert_words(example.pop("musixmatch"), number)
                    genres = {n: text.decode() for n, text in example.pop("tagtraum").items()}
                    for cd, rows in _MADE.GENRES.items():
                        votes = {n: found for n, *found in rows}.get(number, ["", ""])
                        self.assertEqual(genres[cd], votes[0])
                        self.assertEqual(genres.get(f"{cd}_minority", ""), votes[1])
                self.assertEqual(set(example), set(plain[track]))
                for name, value in plain[track].items():
                    np.testing.assert_array_equal(example[name], value)

    def assert_words(self, example: dict[str, Any], number: int) -> None:
        lines = {n: line for side in _MADE.LYRICS.values() for n, line in side.items()}
        pairs = [pair.split(":") for pair in lines[number].split(",")] if number in lines else []
        self.assertEqual(example.get("matched", True), number in lines)
        self.assertEqual(example["mxm_id"], 4600 + number if number in lines else -1)
        self.assertEqual(example["word_ids"].tolist(), [int(word) - 1 for word, _ in pairs])
        self.assertEqual(example["word_counts"].tolist(), [int(count) for _, count in pairs])
        self.assertEqual(
            [word.decode() for word in example["words"]],
            [_MADE.WORDS[int(word) - 1] for word, _ in pairs],
        )

    def test_tables_of_their_own(self):
        found = self.examples("musixmatch")
        for side, rows in _MADE.LYRICS.items():
            for number in rows:
                example = found[_MADE._track(number)]
                self.assertEqual(example["split"], side)
                self.assert_words(example, number)
        found = self.examples("tagtraum_cd1")
        genres = [(e["genre"].decode(), e["minority_genre"].decode()) for e in found.values()]
        self.assertCountEqual(genres, [tuple(votes) for _, *votes in _MADE.GENRES["cd1"]])
        covers = self.examples("second_hand_songs")
        titles = {e["title"].decode() for e in covers.values()}
        self.assertEqual(titles, {"A song, with a comma", "Another", "Third"})

    def test_plays(self):
        found = self.examples("taste_profile", "user_id")
        plays = [
            (user, int(song[-2:]), int(count), bool(wrong))
            for user, example in found.items()
            for song, count, wrong in zip(
                example["song_ids"], example["play_counts"], example["song_mismatch"], strict=True
            )
        ]
        expected = [(user, song, count, song == 2) for user, song, count in _MADE.PLAYS]
        self.assertCountEqual(plays, expected)

    def test_official_counts(self):
        for config in ("full", "summary", "full_joined"):
            counts = self.DATASET_CLASS(config=config).expected_counts
            self.assertEqual(sum(counts.values()), 1_000_000)
            self.assertEqual(counts["test"], 122_125)

    # ----------------------------------------------------------------------- copies that people have

    def assert_prepared_with(self, config: str, change: Any, **kwargs: Any) -> core.Builder:
        """The config is prepared from a changed copy of the miniature.

        Args:
          config: The config.
          change: Takes the folder of the copy.
          **kwargs: Of `tfds.download.DownloadConfig`.
        """
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, "miniature")
            shutil.copytree(self.DATASET_CLASS.miniature_dir(), copy)
            change(copy)
            patch = classmethod(lambda cls: copy)
            with mock.patch.object(self.DATASET_CLASS, "miniature_dir", patch):
                builder = self.DATASET_CLASS(
                    data_dir=tempfile.mkdtemp(dir=self._folder.name), config=config, miniature=True
                )
                builder.download_and_prepare(download_config=tfds.download.DownloadConfig(**kwargs))
                return builder

    def test_original_archive(self):
        """The archive of the first publisher has another folder, and the summary."""

        def change(folder: pathlib.Path) -> None:
            (folder / "millionsongsubset.tar.gz").unlink()
            (folder / "subset_msd_summary_file.h5").unlink()
            content = _MADE.original_archive()
            (folder / "millionsongsubset_full.tar.gz").write_bytes(content)
            url = "http://static.echonest.com/millionsongsubset_full.tar.gz"
            with (folder / "checksums.tsv").open("a") as table:
                table.write(miniature_files.checksum_line(url, content))

        builder = self.assert_prepared_with("subset", change)
        found = preparing.examples(builder, "track_id")
        for track, example in self.examples("subset").items():
            self.assertEqual(found[track]["source_path"], b"data/" + example["source_path"])
            self.assertEqual(found[track]["file_md5"], example["file_md5"])
        builder = self.assert_prepared_with("subset_summary", change)
        expected = self.prepare("subset_summary").info.metadata["order_digest"]
        self.assertEqual(builder.info.metadata["order_digest"], expected)

    @pytest.mark.slow
    def test_engines_and_layouts_make_the_same(self):
        """Archives, and the folders of a letter, by workers and on Beam: one digest."""
        for config in ("full", "summary", "taste_profile"):
            expected = self.prepare(config).info.metadata["order_digest"]
            with preparing.by_others():
                workers = self.prepare(config, folder=f"workers_{config}", num_workers=2)
            self.assertEqual(workers.info.metadata["order_digest"], expected)

        def change(folder: pathlib.Path) -> None:
            for name, content in _MADE.song_files(_MADE.full()).items():
                path = folder / "data" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            for letter in _USED:
                (folder / f"{letter}.tar.gz").unlink()

        expected = self.prepare("full").info.metadata["order_digest"]
        builder = self.assert_prepared_with("full", change)
        self.assertEqual(builder.info.metadata["order_digest"], expected)
        options = pipeline_options.PipelineOptions(["--runner=FnApiRunner"])
        builder = self.assert_prepared_with("full", change, beam_options=options)
        self.assertEqual(builder.info.metadata["order_digest"], expected)
