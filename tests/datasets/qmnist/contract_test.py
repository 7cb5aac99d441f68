"""QMNIST: the miniature, what each feature means, and the standard `mnist` fed the same rows."""

from __future__ import annotations

import gzip
import pathlib
import shutil
import tempfile

import builder_testing
import miniature_scripts
import numpy as np
import preparing
import tensorflow_datasets as tfds

from tfds_extra import show
from tfds_extra.datasets.qmnist import qmnist_dataset_builder
from tfds_extra.features import PixelImage

_MADE = miniature_scripts.load("qmnist")


class QmnistTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = qmnist_dataset_builder.Builder
    MINIATURE = {
        "qmnist": {"train": 20, "test": 20},
        "qmnist_mnist": {"train": 20, "test": 20},
        "nist": {"nist": 60},
    }

    def rows(self, config: str, split: str) -> dict:
        """All examples of a split as columns."""
        return tfds.as_numpy(self.prepare(config).as_dataset(split=split, batch_size=-1))

    def test_official_numbers(self):
        for config, counts in (
            ("qmnist", {"train": 60_000, "test": 60_000}),
            ("qmnist_mnist", {"train": 60_000, "test": 60_000}),
            ("nist", {"nist": 402_953}),
        ):
            builder = self.DATASET_CLASS(data_dir=self.tmp_dir, config=config)
            self.assertEqual(builder.expected_counts, counts)
        subsets = self.DATASET_CLASS(data_dir=self.tmp_dir).info.metadata["subsets"]
        self.assertEqual(subsets, {"test10k": "test[0:10000]", "test50k": "test[10000:60000]"})

    def test_default_config(self):
        self.assertEqual(self.DATASET_CLASS(data_dir=self.tmp_dir).base_config_name, "qmnist")

    def test_labels_in_published_order(self):
        nist = _MADE.nist_labels()
        origins = {"train": _MADE._ORIGINS[:20], "test": _MADE._ORIGINS[20:], "nist": np.arange(60)}
        for config, splits in self.MINIATURE.items():
            for split in splits:
                rows, labels = self.rows(config, split), nist[origins[split]]
                np.testing.assert_array_equal(rows["label"], labels[:, 0])
                for i, name in enumerate(
                    ["hsf_series", "writer_id", "writer_digit_index", "nist_class_code"], 1
                ):
                    np.testing.assert_array_equal(rows[name], labels[:, i], name)
                    self.assertEqual(rows[name].dtype, np.int32)
                np.testing.assert_array_equal(rows["nist_index"], origins[split])
                copies = np.where(labels[:, 6] == 0, -1, labels[:, 6])
                np.testing.assert_array_equal(rows["duplicate_of"], copies)
                np.testing.assert_array_equal(rows["reserved"], 0)
                self.assertEqual(rows["image"].shape, (len(labels), 28, 28, 1))
                np.testing.assert_array_equal(rows["image"][..., 0], _MADE.images(labels))
        self.assertEqual(self.rows("nist", "nist")["duplicate_of"].max(), 32)

    def test_slices_are_the_published_subsets(self):
        builder, made = self.prepare("qmnist"), _MADE.nist_labels()[_MADE._ORIGINS[20:]]
        first = tfds.as_numpy(builder.as_dataset(split="test[:12]", batch_size=-1))
        rest = tfds.as_numpy(builder.as_dataset(split="test[12:]", batch_size=-1))
        np.testing.assert_array_equal(first["label"], made[:12, 0])
        np.testing.assert_array_equal(rest["label"], made[12:, 0])
        self.assertTrue(first["is_mnist_test"].all() and not rest["is_mnist_test"].any())
        self.assertTrue(builder.info.disable_shuffling)
        self.assertEqual(builder.info.metadata["subsets"]["test10k"], "test[0:12]")

    def test_rows_of_mnist(self):
        names = self.prepare("qmnist").info.features["mnist_split"].names
        self.assertEqual(names, ["none", "train", "test"])
        for config in ("qmnist", "qmnist_mnist"):
            train, test = (self.rows(config, split) for split in ("train", "test"))
            np.testing.assert_array_equal(train["mnist_split"], [1] * 20)
            np.testing.assert_array_equal(train["mnist_index"], range(20))
            np.testing.assert_array_equal(test["mnist_split"], [2] * 12 + [0] * 8)
            np.testing.assert_array_equal(test["mnist_index"], [*range(12), *[-1] * 8])
            self.assertFalse(train["is_mnist_test"].any())

    def test_mnist_image_stands_beside_its_digit(self):
        train, test = (self.rows("qmnist_mnist", split) for split in ("train", "test"))
        lighter = np.maximum(train["image"], 3) - 3
        np.testing.assert_array_equal(train["mnist_image"], lighter)
        lighter = np.maximum(test["image"], 3) - 3
        np.testing.assert_array_equal(test["mnist_image"][:12], lighter[:12])
        self.assertFalse(test["mnist_image"][12:].any())

    def test_nist_tells_what_became_of_its_digits(self):
        nist = self.rows("nist", "nist")
        origin = {int(o): ("train", i) for i, o in enumerate(_MADE._ORIGINS[:20])}
        origin |= {int(o): ("test", i) for i, o in enumerate(_MADE._ORIGINS[20:])}
        names = ["none", "train", "test"]
        for row in range(60):
            split, index = origin.get(row, ("none", -1))
            self.assertEqual(names[nist["qmnist_split"][row]], split)
            self.assertEqual(nist["qmnist_index"][row], index)
            if split == "test" and index >= 12:
                split, index = "none", -1
            self.assertEqual(names[nist["mnist_split"][row]], split)
            self.assertEqual(nist["mnist_index"][row], index)

    def test_label_errors(self):
        test, train = self.rows("qmnist", "test"), self.rows("qmnist", "train")
        errors, labels = test["label_error"], test["label"]
        expected = {  # guess, votes, is_error, correction
            1: ((labels[1] + 1) % 10, 5, 0, 0, False, -1),
            4: ((labels[4] + 1) % 10, 0, 4, 1, True, (labels[4] + 1) % 10),
            7: ((labels[7] + 1) % 10, 1, 1, 3, True, -1),
            9: (labels[9], 4, 0, 1, False, -1),  # Published with 4 votes under both.
        }
        for row in range(20):
            found = tuple(
                errors[k][row]
                for k in ("guessed_label", "votes_given", "votes_guessed", "votes_neither",
                          "is_error", "corrected_label")
            )  # fmt: skip
            self.assertEqual(found, expected.get(row, (-1, -1, -1, -1, False, -1)))
            self.assertEqual(errors["candidate"][row], row in expected)
        self.assertFalse(train["label_error"]["candidate"].any())

    def test_probabilities_stay_float64(self):
        test, train = self.rows("qmnist", "test"), self.rows("qmnist", "train")
        made = _MADE.probabilities(test["label"][:12])
        self.assertEqual(test["cv_pred_probs"].dtype, np.float64)
        np.testing.assert_array_equal(test["cv_pred_probs"][:12], made)
        self.assertTrue(np.isnan(test["cv_pred_probs"][12:]).all())
        self.assertTrue(np.isnan(train["cv_pred_probs"]).all())

    def test_standard_mnist_of_the_same_files(self):
        """The same published rows through the standard builder and through ours."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self._folder.name))
        miniature = self.DATASET_CLASS.miniature_dir()
        ours = {
            "train-images-idx3-ubyte": "qmnist-train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte": "train-labels-idx1-ubyte.gz",
            "t10k-images-idx3-ubyte": "qmnist-test-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte": "qmnist-test-labels-idx1-ubyte.gz",
        }
        for standard, published in ours.items():
            with gzip.open(miniature / published) as packed, (folder / standard).open("wb") as out:
                shutil.copyfileobj(packed, out)
        found = preparing.standard_mnist(folder, train=20, test=20)
        for split in ("train", "test"):
            mine = self.rows("qmnist", split)
            for name in ("image", "label"):
                np.testing.assert_array_equal(mine[name], found[split][name])
                self.assertEqual(mine[name].dtype, found[split][name].dtype)
                self.assertEqual(mine[name].shape, found[split][name].shape)
        self.assertIsInstance(self.prepare("qmnist").info.features["image"], PixelImage)

    def test_show(self):
        for config, pictures in (("qmnist", 1), ("qmnist_mnist", 2), ("nist", 1)):
            builder = self.prepare(config)
            split = list(self.MINIATURE[config])[-1]
            examples = list(tfds.as_numpy(builder.as_dataset(split=split).take(2)))
            axes = show.draw(builder.info, examples).axes
            self.assertLen([a for a in axes if a.images], 2 * pictures)
            texts = [a.texts[0].get_text() for a in axes if a.texts]
            self.assertIn(f"writer_id: {examples[0]['writer_id']}\n", texts[0])
