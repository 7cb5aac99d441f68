"""IMDB reviews: the miniature."""

from __future__ import annotations

import pathlib
import tempfile
from unittest import mock

import builder_testing
import miniature_scripts
import numpy as np
import preparing
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfds_extra.datasets.imdb_reviews_extended import (
    imdb_reviews_extended_dataset_builder as module,
)

_MADE = miniature_scripts.load("imdb_reviews_extended")
_COUNTS = {"train": 12, "test": 10, "unsupervised": 4}


class ImdbReviewsExtendedTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    MINIATURE = {
        "plain_text": _COUNTS,
        "bag_of_words": _COUNTS,
        "label_errors": {"test": 10},
        "vocabulary": {"vocabulary": 13},
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._examples = {}

    def examples(self, config: str) -> dict[str, dict]:
        """Examples by path, with the split under "split", read back once for all tests."""
        builder = self.prepare(config)
        if config not in self._examples:
            self._examples[config] = preparing.examples(builder, "path")
        return self._examples[config]

    def test_every_value(self):
        found = self.examples("plain_text")
        self.assertEqual(set(found), set(_MADE.contents()))
        for folder, reviews in _MADE.REVIEWS.items():
            half, kind = folder.split("/")
            for number, (text, stars, film) in enumerate(reviews):
                example = found[_MADE.path(folder, number)]
                self.assertEqual(example["text"], text.encode())
                self.assertEqual(example["rating"], stars)
                self.assertEqual(example["label"], {"neg": 0, "pos": 1}.get(kind, -1))
                self.assertEqual(example["review_id"], number)
                self.assertEqual(example["title_id"].decode(), f"tt{film:07}")
                url = f"http://www.imdb.com/title/tt{film:07}/usercomments"
                self.assertEqual(example["title_url"].decode(), url)
                self.assertEqual(example["split"], "unsupervised" if kind == "unsup" else half)

    def test_clean_text(self):
        found = self.examples("plain_text")
        for name, text in {
            "train/pos/0_10.txt": "the film was great and the plot was great .\n\nsee it again !",
            "train/pos/1_7.txt": "a great film – won’t bore you",
            "train/pos/4_9.txt": "the café scene\tis great ’ & so is the end … great",
            "train/neg/1_2.txt": "<i>awful</i> film \n 1 < 2 stars , <3 not",
        }.items():
            self.assertEqual(found[name]["text_clean"].decode(), text)
        # The five bytes that are nothing in Windows-1252 stay what they are.
        self.assertEqual(module.clean("\x81\x8d\x8f\x90\x9d"), "\x81\x8d\x8f\x90\x9d")

    def test_twins_and_films_in_both_splits(self):
        found = self.examples("plain_text")
        self.assertEqual(
            {name: e["copies"] for name, e in found.items() if e["copies"] > 1},
            {
                "train/pos/2_8.txt": 4, "train/pos/3_8.txt": 4, "train/unsup/1_0.txt": 4,
                "test/pos/1_8.txt": 4, "test/pos/3_10.txt": 2, "test/pos/4_10.txt": 2,
            },
        )  # fmt: skip
        first = {name: e["first_copy"].decode() for name, e in found.items()}
        twins = {
            "train/pos/3_8.txt": "train/pos/2_8.txt",
            "train/unsup/1_0.txt": "train/pos/2_8.txt",
            "test/pos/1_8.txt": "train/pos/2_8.txt",
            "test/pos/4_10.txt": "test/pos/3_10.txt",
        }
        self.assertEqual(first, {name: twins.get(name, name) for name in found})
        self.assertEqual(
            {name for name, e in found.items() if e["in_other_split"]},
            {"train/pos/2_8.txt", "train/pos/3_8.txt", "train/unsup/1_0.txt", "test/pos/1_8.txt"},
        )
        self.assertEqual(
            {name for name, e in found.items() if e["title_in_other_split"]},
            {"train/neg/5_1.txt", "test/pos/0_7.txt", "test/neg/0_1.txt"},
        )

    def test_bags(self):
        examples = self.raw_examples(self.prepare("bag_of_words"))
        found = {e["path"]: e for of_split in examples.values() for _, e in of_split}
        self.assertEqual(set(found), set(_MADE.contents()))
        for folder, reviews in _MADE.REVIEWS.items():
            for number, (text, _, _) in enumerate(reviews):
                example = found[_MADE.path(folder, number)]
                bag = dict(zip(example["bow_index"].tolist(), example["bow_count"].tolist()))
                self.assertEqual(bag, _MADE.bag(text))

    def test_vocabulary(self):
        builder = self.prepare("vocabulary")
        rows = list(tfds.as_numpy(builder.as_dataset(split="vocabulary")))
        self.assertEqual([row["word"].decode() for row in rows], _MADE.WORDS)
        self.assertEqual([row["index"] for row in rows], list(range(13)))
        ratings = [row["expected_rating"] for row in rows]
        self.assertEqual(ratings, [float(rating) for rating in _MADE.EXPECTED_RATINGS])

    def test_label_errors(self):
        found = self.examples("label_errors")
        asked = {n: e["label_error"] for n, e in found.items() if e["label_error"]["candidate"]}
        self.assertEqual(set(asked), {f"{name}.txt" for name, *_ in _MADE.VOTES})
        for name, given, _, votes in _MADE.VOTES:
            error = asked[f"{name}.txt"]
            told = [error[f"votes_{k}"] for k in ("given", "guessed", "neutral", "off_topic")]
            self.assertEqual(told, list(votes))
            self.assertEqual(error["is_error"], votes[0] < 3)
            self.assertEqual(error["guessed_label"], int(given == "Negative"))
        self.assertEqual(asked["test/neg/3_4.txt"]["corrected_label"], 1)
        self.assertEqual(asked["test/neg/1_2.txt"]["corrected_label"], -1)
        rows = {name: row for row, name in reversed(list(enumerate(_MADE.index())))}
        for name, example in found.items():
            row = rows.get(name.removeprefix("test/"))
            expected = np.full(2, np.nan) if row is None else _MADE.probabilities()[row]
            np.testing.assert_array_equal(example["cv_pred_probs"], expected)
        self.assertTrue(np.isnan(found["test/pos/4_10.txt"]["cv_pred_probs"]).all())

    @pytest.mark.slow
    def test_values_and_order_of_the_standard_builder(self):
        """`imdb_reviews` is prepared from the same archive. Its order tells its keys."""
        archive = pathlib.Path(self.DATASET_CLASS.miniature_dir(), "aclImdb_v1.tar.gz")
        standard = tfds.builder("imdb_reviews", data_dir=tempfile.mkdtemp(dir=self._folder.name))
        with mock.patch.object(
            tfds.download.DownloadManager, "download", lambda self, url: archive
        ):
            standard.download_and_prepare()
        ours = self.prepare("plain_text")
        self.assertEqual(set(standard.info.splits), set(ours.info.splits))
        for split in standard.info.splits:
            self.assert_same_examples(
                ours.as_dataset(split=split, as_supervised=True),
                standard.as_dataset(split=split, as_supervised=True),
            )

    @pytest.mark.slow
    def test_shuffled_files(self):
        builder = self.prepare("plain_text")
        shuffled = builder.as_dataset(split="train", shuffle_files=True, batch_size=5)
        paths = [path for batch in tfds.as_numpy(shuffled) for path in batch["path"].tolist()]
        expected = {name.encode() for name in _MADE.contents() if name.startswith("train/")}
        self.assertEqual(set(paths), {name for name in expected if b"unsup" not in name})

    def test_official_counts(self):
        reviews = {"train": 25_000, "test": 25_000, "unsupervised": 50_000}
        for config, counts in {
            "plain_text": reviews,
            "bag_of_words": reviews,
            "label_errors": {"test": 25_000},
            "vocabulary": {"vocabulary": 89_527},
        }.items():
            self.assertEqual(self.DATASET_CLASS(config=config).expected_counts, counts)
        self.assertEqual(self.DATASET_CLASS.BUILDER_CONFIGS[0].name, "plain_text")

    def test_dtypes_and_classes(self):
        reviews = {
            "text": "str", "text_clean": "str", "label": "int64", "rating": "int32",
            "review_id": "int32", "path": "str", "title_id": "str", "title_url": "str",
            "copies": "int32", "first_copy": "str", "in_other_split": "bool",
            "title_in_other_split": "bool",
        }  # fmt: skip
        votes = dict.fromkeys(
            ("votes_given", "votes_guessed", "votes_neutral", "votes_off_topic"), "int32"
        )
        of_errors = {"candidate": "bool", "guessed_label": "int64", **votes}
        of_errors |= {"is_error": "bool", "corrected_label": "int64"}
        more = {
            "bag_of_words": {"bow_index": "int32", "bow_count": "int32"},
            "label_errors": {"label_error": of_errors, "cv_pred_probs": "float64"},
        }
        expected = {name: reviews | more.get(name, {}) for name in self.MINIATURE}
        expected["vocabulary"] = {"word": "str", "index": "int32", "expected_rating": "float64"}
        for config, dtypes in expected.items():
            features = self.DATASET_CLASS(config=config).info.features
            named = tf.nest.map_structure(
                lambda dtype: "str" if dtype == np.object_ else np.dtype(dtype).name,
                dict(features.np_dtype),
            )
            self.assertEqual(named, dtypes)
            if config != "vocabulary":
                self.assertEqual(features["label"].names, ["neg", "pos"])
        errors = self.DATASET_CLASS(config="label_errors").info.features["label_error"]
        self.assertEqual(errors["guessed_label"].names, ["neg", "pos"])
        self.assertEqual(errors["corrected_label"].names, ["neg", "pos"])
