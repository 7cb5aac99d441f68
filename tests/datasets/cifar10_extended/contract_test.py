"""CIFAR-10, extended: the miniature, what each feature means, and the standard builders on the same rows."""

from __future__ import annotations

import csv
import io
import pathlib
import pickle
import tarfile
import tempfile
import zipfile
from unittest import mock

import builder_testing
import miniature_scripts
import numpy as np
import pytest
import tensorflow_datasets as tfds
from keras.src.datasets import cifar as keras_cifar

from tfds_extra import show
from tfds_extra.datasets.cifar10_extended import cifar10_extended_dataset_builder
from tfds_extra.features import PixelImage

_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
_COUNTS = {"train": 50, "test": 10}


_MADE = miniature_scripts.load("cifar10_extended")


class Cifar10ExtendedTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = cifar10_extended_dataset_builder.Builder
    MINIATURE = {"default": _COUNTS, "raw_votes": _COUNTS, "cifair": _COUNTS}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._rows = {}

    def rows(self, split: str, config: str = "default") -> list[dict]:
        """All examples of a split, in the order in which they are read."""
        if (config, split) not in self._rows:
            read = tfds.as_numpy(self.prepare(config).as_dataset(split=split))
            self._rows[config, split] = list(read)
        return self._rows[config, split]

    def column(self, name: str, split: str, config: str = "default") -> np.ndarray:
        return np.array([row[name] for row in self.rows(split, config)])

    def published(self, name: str) -> bytes:
        return (self.DATASET_CLASS.miniature_dir() / name).read_bytes()

    def test_official_numbers(self):
        for config in self.MINIATURE:
            builder = self.DATASET_CLASS(data_dir=self.tmp_dir, config=config)
            self.assertEqual(builder.expected_counts, {"train": 50_000, "test": 10_000})
            self.assertEqual(builder.info.features["label"].names, _CLASSES)

    def test_default_config(self):
        builder = self.DATASET_CLASS(data_dir=self.tmp_dir)
        self.assertEqual(builder.base_config_name, "default")
        self.assertNotIn("votes", builder.published_files())
        self.assertNotIn("cifair", builder.published_files())

    def test_images_as_keras_reads_them(self):
        archive = tarfile.open(self.DATASET_CLASS.miniature_dir() / "cifar-10-python.tar.gz")
        folder = tempfile.mkdtemp(dir=self._folder.name)
        archive.extractall(folder, filter="data")
        batches = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
        for split, names in batches.items():
            read = [
                keras_cifar.load_batch(f"{folder}/cifar-10-batches-py/{name}") for name in names
            ]
            images = np.concatenate([data for data, _ in read]).transpose(0, 2, 3, 1)
            labels = np.concatenate([labels for _, labels in read])
            np.testing.assert_array_equal(self.column("image", split), images)
            np.testing.assert_array_equal(self.column("label", split), labels)

    def test_names_and_places(self):
        train, test = self.rows("train"), self.rows("test")
        self.assertEqual([row["id"] for row in train], [b"train_%05d" % i for i in range(50)])
        self.assertEqual([row["id"] for row in test], [b"test_%05d" % i for i in range(10)])
        self.assertEqual([row["index"] for row in train], list(range(50)))
        self.assertEqual([row["batch"] for row in train], [1 + i // 10 for i in range(50)])
        self.assertEqual([row["batch_index"] for row in train], [i % 10 for i in range(50)])
        self.assertEqual({row["batch"] for row in test}, {0})
        for i, row in enumerate(train):
            keyword = _MADE._KEYWORDS[row["label"]].encode()
            self.assertEqual(row["keyword"], keyword)
            self.assertEqual(row["filename"], b"%s_s_%06d.png" % (keyword, i))

    def test_human_counts_and_shares(self):
        counts = np.load(io.BytesIO(self.published("cifar10h-counts.npy")))
        shares = np.load(io.BytesIO(self.published("cifar10h-probs.npy")))
        np.testing.assert_array_equal(self.column("human_counts", "test"), counts)
        np.testing.assert_array_equal(self.column("human_total", "test"), counts.sum(axis=1))
        found = self.column("human_probs", "test")
        self.assertEqual(found.dtype, np.float64)
        np.testing.assert_array_equal(found, shares)
        self.assertTrue((shares != shares.astype(np.float32)).any())
        predicted = np.load(io.BytesIO(self.published("cifar10_test_set_pyx.npy")))
        np.testing.assert_array_equal(self.column("cv_pred_probs", "test"), predicted)
        for name in ("human_probs", "cv_pred_probs"):
            self.assertTrue(np.isnan(self.column(name, "train")).all())
        for name in ("human_counts", "human_total"):
            self.assertFalse(self.column(name, "train").any())

    def test_noisy_labels_and_workers(self):
        with zipfile.ZipFile(io.BytesIO(self.published("CIFAR-10_human.pt"))) as archive:
            noisy = pickle.loads(archive.read("archive/data.pkl"))
        np.testing.assert_array_equal(self.column("label", "train"), noisy.pop("clean_label"))
        self.assertLen(noisy, 5)
        for name, labels in noisy.items():
            np.testing.assert_array_equal(self.column(name, "train"), labels)
            np.testing.assert_array_equal(self.column(name, "test"), -1)
            self.assertTrue((labels != self.column("label", "train")).any())
        text = self.published("side_info_cifar10N.csv").decode()
        workers = list(csv.DictReader(io.StringIO(text)))
        for row in self.rows("train"):
            line = workers[row["index"] // 10]
            self.assertEqual(row["annotation_batch"], row["index"] // 10)
            for i in (1, 2, 3):
                self.assertEqual(row[f"worker{i}_id"], int(line[f"Worker{i}-id"]))
                self.assertEqual(row[f"worker{i}_time"], int(line[f"Work-time-in-seconds-{i}"]))
        for row in self.rows("test"):
            self.assertEqual(
                {row[f"worker{i}_{x}"] for i in (1, 2, 3) for x in ("id", "time")}, {-1}
            )

    def test_duplicates_in_both_directions(self):
        splits, judgments = ["train", "test"], ["exact", "near_duplicate", "very_similar"]
        inner = self.prepare("default").info.features["duplicates"].feature
        self.assertEqual(inner["split"].names, splits)
        self.assertEqual(inner["judgment"].names, judgments)
        found = set()
        for split in splits:
            for row in self.rows(split):
                duplicates = row["duplicates"]
                for other, index, distance, judgment in zip(
                    *(duplicates[k].tolist() for k in ("split", "index", "distance", "judgment"))
                ):
                    found.add((split, int(row["index"]), splits[other], index, distance, judgment))
        expected = set()
        for other, name in (("train", "duplicates_cifar10"), ("test", "duplicates_cifar10_test")):
            for line in csv.DictReader(io.StringIO(self.published(f"{name}.csv").decode())):
                how = float(line["Distance"]), int(line["Judgment"])
                one, two = ("test", int(line["TestID"])), (other, int(line["TrainID"]))
                expected |= {(*one, *two, *how), (*two, *one, *how)}
        self.assertEqual(found, expected)
        self.assertEqual({len(found), len({f[0] for f in found})}, {8, 2})
        self.assertEqual({f[-1] for f in found}, {0, 1, 2})

    def test_label_errors(self):
        errors = [row["label_error"] for row in self.rows("test")]
        self.assertEqual([i for i, e in enumerate(errors) if e["candidate"]], [2, 5, 9])
        self.assertEqual([i for i, e in enumerate(errors) if e["is_error"]], [5, 9])
        votes = [[e[f"votes_{k}"] for k in ("given", "guessed", "neither", "both")] for e in errors]
        self.assertEqual(votes[2], [3, 0, 0, 2])
        self.assertEqual(votes[5], [1, 3, 1, 0])
        self.assertEqual(votes[0], [-1] * 4)
        guesses = [e["guessed_label"] for e in errors]
        labels = self.column("label", "test")
        self.assertEqual([guesses[i] for i in (2, 5, 9)], [(labels[i] + 1) % 10 for i in (2, 5, 9)])
        self.assertEqual([e["corrected_label"] for e in errors], [-1] * 5 + [guesses[5]] + [-1] * 4)
        for row in self.rows("train"):
            self.assertFalse(row["label_error"]["candidate"] or row["label_error"]["is_error"])
            self.assertEqual(row["label_error"]["votes_both"], -1)

    @pytest.mark.slow
    def test_cifair(self):
        train, test = self.rows("train", "cifair"), self.rows("test", "cifair")
        fair = pickle.loads(self.published("test_batch"))
        images = fair["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        np.testing.assert_array_equal([row["cifair_image"] for row in test], images)
        self.assertEqual([row["cifair_label"] for row in test], fair["labels"])
        self.assertEqual([i for i, row in enumerate(test) if row["cifair_replaced"]], [3])
        for row in train:
            np.testing.assert_array_equal(row["cifair_image"], row["image"])
            self.assertEqual(row["cifair_label"], row["label"])
            self.assertFalse(row["cifair_replaced"])
        supervised = self.prepare("cifair").as_dataset(split="test", as_supervised=True)
        for (image, label), row in zip(tfds.as_numpy(supervised), test, strict=True):
            np.testing.assert_array_equal(image, row["cifair_image"])
            self.assertEqual(label, row["label"])
        np.testing.assert_array_equal(self.column("image", "test"), [row["image"] for row in test])

    @pytest.mark.slow
    def test_single_votes(self):
        with zipfile.ZipFile(io.BytesIO(self.published("cifar10h-raw.zip"))) as archive:
            lines = list(csv.DictReader(io.StringIO(archive.read("cifar10h-raw.csv").decode())))
        self.assertLess(min(float(line["reaction_time"]) for line in lines), 0)
        for row in self.rows("test", "raw_votes"):
            votes = [v for v in lines if int(v["cifar10_test_test_idx"]) == row["index"]]
            for name, column in (
                ("human_labels", "chosen_label"),
                ("annotator_ids", "annotator_id"),
                ("trial_indices", "trial_index"),
                ("reaction_times", "reaction_time"),
                ("times_elapsed", "time_elapsed"),
            ):
                self.assertEqual(row[name].tolist(), [float(vote[column]) for vote in votes])
            self.assertEqual(row["subcategory"].decode(), votes[0]["subcategory"])
            self.assertTrue(
                (np.bincount(row["human_labels"], minlength=10) >= row["human_counts"]).all()
            )
        for row in self.rows("train", "raw_votes"):
            self.assertEmpty(row["human_labels"])
            self.assertEqual(row["subcategory"], b"")

    # ------------------------------------------------------- TFDS's builders on the same rows

    def _standard(self, name: str) -> tfds.core.DatasetBuilder:
        """A builder of the standard catalogue, prepared from the rows of the miniature."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self._folder.name))
        binary = folder / "cifar-10-batches-bin"
        binary.mkdir()
        (binary / "batches.meta.txt").write_text("\n".join([*_CLASSES, ""]))
        files = {"test_batch": ("test", 0)} | {
            f"data_batch_{i + 1}": ("train", i) for i in range(5)
        }
        for file, (split, number) in files.items():
            rows = slice(10 * number, 10 * number + 10)
            labels = _MADE.labels(split)[rows].astype(np.uint8)[:, None]
            records = np.concatenate([labels, _MADE._pixels(split)[rows]], axis=1)
            (binary / f"{file}.bin").write_bytes(records.tobytes())
        (folder / "cifar10h-raw.csv").write_bytes(_MADE._votes_csv())
        manager = tfds.download.DownloadManager
        builder = tfds.builder(name, data_dir=folder / "data")
        with mock.patch.object(manager, "download_and_extract", lambda self, url: str(folder)):
            builder.download_and_prepare()
        return builder

    def _assert_superset(self, config: str, standard: tfds.core.DatasetBuilder) -> None:
        """Every feature of the standard builder has the same value here."""
        names = self.prepare(config).info.features["label"].names
        self.assertEqual(names, standard.info.features["label"].names)
        for split, count in _COUNTS.items():
            theirs = {row["id"]: row for row in tfds.as_numpy(standard.as_dataset(split=split))}
            self.assertLen(theirs, count)
            for mine in self.rows(split, config):
                for name, value in theirs[mine["id"]].items():
                    self.assert_same(mine[name], value)

    def test_standard_builder_on_the_same_rows(self):
        self._assert_superset("default", self._standard("cifar10"))

    def test_pipeline_of_the_standard_builder(self):
        def batch(builder):
            dataset = builder.as_dataset(split="test", as_supervised=True)
            dataset = dataset.map(lambda image, label: (image / 255, label))
            return sorted((label, image.tobytes()) for image, label in tfds.as_numpy(dataset))

        self.assertEqual(batch(self.prepare("default")), batch(self._standard("cifar10")))

    @pytest.mark.slow
    def test_cifar10_h_on_the_same_rows(self):
        self._assert_superset("raw_votes", self._standard("cifar10_h"))

    def test_picture(self):
        builder = self.prepare("default")
        for split, bars in (("test", 3), ("train", 0)):
            examples = builder.as_dataset(split=split).take(3).as_numpy_iterator()
            picture = show.draw(builder.info, examples, distributions=builder.DRAWN_DISTRIBUTIONS)
            titles = [axis.get_title() for axis in picture.axes]
            self.assertEqual(titles.count("image"), 3)
            self.assertEqual(titles.count("human_probs"), bars)

    def test_images_are_stored_as_published(self):
        self.assertIsInstance(self.prepare("cifair").info.features["image"], PixelImage)
        self.assertIsInstance(self.prepare("cifair").info.features["cifair_image"], PixelImage)
        self.assertTrue(self.prepare("cifair").info.disable_shuffling)
