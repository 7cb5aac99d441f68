"""CIFAR-10, extended: the real annotations of all 60,000 images, against independent readers.

Of the images there are the first hundred test images, from a project that has them as text. The batches
are put together from these and from blank ones, under the real labels, so that every row of every other
published file goes through the builder as it will with the real archive.
"""

from __future__ import annotations

import csv
import hashlib
import json
import pathlib
import pickle
import shutil
import zipfile

import miniature_scripts
import numpy as np
import pandas as pd
import preparing
import pytest
import tensorflow_datasets as tfds

from tfds_extra import registry
from tfds_extra.formats import safe_pickle

_NAME = "cifar10_extended"
_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
# Facts of the corpus's sheet: the 54 test rows whose label is wrong, by the rule of the paper.
_ERRORS = [
    165, 792, 882, 1227, 1300, 1684, 1718, 1969, 2010, 2128, 2232, 2405, 2532, 2592, 2804, 2840,
    2940, 3113, 3168, 3183, 3192, 3490, 3600, 3753, 3977, 4055, 4198, 4614, 4643, 4794, 4910, 4965,
    5166, 5191, 5211, 5468, 5632, 5690, 5882, 5960, 6522, 6792, 6877, 6966, 7311, 7657, 7846, 8058,
    8296, 8620, 9227, 9352, 9643, 9793,
]  # fmt: skip
_WRONG_OF_50_000 = {
    "aggre_label": 4505, "worse_label": 20104, "random_label1": 8617, "random_label2": 9061,
    "random_label3": 8820,
}  # fmt: skip


@pytest.fixture(scope="module")
def pixels(real) -> np.ndarray:
    """The first hundred test images, of shape (100, 32, 32, 3)."""
    table = np.loadtxt(real / "first100_test_pixels" / "cifar10_test.csv", np.int64, delimiter=",")
    assert table.shape == (100, 1 + 3072)
    return table[:, 1:].reshape(100, 32, 32, 3)


@pytest.fixture(scope="module")
def noisy(real) -> dict[str, np.ndarray]:
    """CIFAR-10N's labels as Python reads them."""
    with zipfile.ZipFile(real / "cifar-10-100n" / "data" / "CIFAR-10_human.pt") as archive:
        return pickle.loads(archive.read("archive/data.pkl"))


@pytest.fixture(scope="module")
def test_labels(real) -> np.ndarray:
    folder = real / "label-errors" / "original_test_labels"
    return np.load(folder / "cifar10_test_set_original_labels.npy")


_python2_pickle = miniature_scripts.load(_NAME).python2_pickle


@pytest.fixture(scope="module")
def manual_dir(real, pixels, noisy, test_labels, tmp_path_factory) -> pathlib.Path:
    """The published files side by side, and the batches that stand for the archive."""
    folder = tmp_path_factory.mktemp("manual")
    for path in real.rglob("*"):
        if path.suffix in (".npy", ".pt", ".csv", ".json") and "CIFAR-10.1" not in str(path):
            shutil.copy(path, folder)
    batches = folder / "cifar-10-batches-py"
    batches.mkdir()
    for name in ("batches.meta", "readme.html"):
        shutil.copy(real / "cifar-10-batches-py" / name, batches)
    labels = {f"data_batch_{i + 1}": noisy["clean_label"][10_000 * i :][:10_000] for i in range(5)}
    for name, classes in ({"test_batch": test_labels} | labels).items():
        rows = np.zeros((10_000, 3072), np.uint8)
        if name == "test_batch":
            rows[:100] = pixels.transpose(0, 3, 1, 2).reshape(100, 3072)
        files = [f"{_CLASSES[label]}_s_{i:06d}.png" for i, label in enumerate(classes)]
        batch = {"labels": classes.tolist(), "data": rows, "filenames": files}
        (batches / name).write_bytes(_python2_pickle(batch))
    return folder


@pytest.fixture(scope="module")
def builder(manual_dir, tmp_path_factory):
    """The builder prepared; it takes the blank batches for published ones, and all else as it is."""
    cls = registry.builder_cls(_NAME)
    read_facts = cls.read_facts

    def with_these_batches(self, file_name):
        rows = read_facts(self, file_name)
        if file_name == "members.tsv":
            for row in rows:
                content = (manual_dir / "cifar-10-batches-py" / row["member"]).read_bytes()
                if "batch_" in row["member"] or "_batch" in row["member"]:
                    row["md5"] = hashlib.md5(content).hexdigest()
        if file_name == "anchors.tsv":
            rows = [row for row in rows if row["split"] == "test"]
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cls, "read_facts", with_these_batches)
        data_dir = tmp_path_factory.mktemp("data")
        return preparing.prepared(_NAME, data_dir, manual_dir, num_workers=1)


@pytest.fixture(scope="module")
def rows(builder) -> dict[str, dict]:
    """All examples as columns by split; the duplicates are padded with zeros."""
    splits = ("train", "test")
    return {s: tfds.as_numpy(builder.as_dataset(split=s, batch_size=-1)) for s in splits}


def test_counts(builder):
    assert builder.info.splits["train"].num_examples == 50_000
    assert builder.info.splits["test"].num_examples == 10_000
    assert builder.info.metadata["missing"] == {"train": 0, "test": 0}


def test_names_of_the_classes(real, builder):
    meta = pickle.loads((real / "cifar-10-batches-py" / "batches.meta").read_bytes())
    assert builder.info.features["label"].names == meta["label_names"] == _CLASSES
    ours = safe_pickle.load_dict((real / "cifar-10-batches-py" / "batches.meta").read_bytes())
    assert [name.decode() for name in ours.pop("label_names")] == meta.pop("label_names")
    assert ours == meta == {"num_cases_per_batch": 10_000, "num_vis": 3072}


def test_first_hundred_images(real, builder, pixels):
    table = (real / "first100_test_pixels" / "cifar10_test.csv").read_text().splitlines()
    examples = tfds.as_numpy(builder.as_dataset(split="test[:100]"))
    for i, (example, line) in enumerate(zip(examples, table, strict=True)):
        np.testing.assert_array_equal(example["image"], pixels[i])
        assert example["image"].dtype == np.uint8
        assert example["label"] == int(line.split(",")[0])
        assert example["id"] == b"test_%05d" % i


def test_rows_are_in_published_order(rows):
    for split, columns in rows.items():
        count = len(columns["index"])
        assert columns["index"].tolist() == list(range(count))
        assert columns["id"].tolist() == [b"%s_%05d" % (split.encode(), i) for i in range(count)]
        assert columns["batch_index"].tolist() == [i % 10_000 for i in range(count)]
    assert rows["train"]["batch"].tolist() == [1 + i // 10_000 for i in range(50_000)]
    assert not rows["test"]["batch"].any()
    for columns in rows.values():
        names = [_CLASSES[label].encode() for label in columns["label"]]
        assert columns["keyword"].tolist() == names


def test_cifar_10h(real, rows):
    counts = np.load(real / "cifar-10h" / "data" / "cifar10h-counts.npy")
    shares = np.load(real / "cifar-10h" / "data" / "cifar10h-probs.npy")
    test = rows["test"]
    np.testing.assert_array_equal(test["human_counts"], counts)
    np.testing.assert_array_equal(test["human_probs"], shares)
    assert test["human_probs"].dtype == np.float64
    np.testing.assert_array_equal(test["human_total"], counts.sum(axis=1))
    assert (test["human_total"].min(), test["human_total"].max()) == (47, 63)
    assert test["human_total"].sum() == 511_000
    assert (test["human_counts"].argmax(axis=1) == test["label"]).sum() == 9921
    mean = test["human_probs"][np.arange(10_000), test["label"]].mean()
    assert round(mean, 5) == 0.95235
    assert not rows["train"]["human_counts"].any() and not rows["train"]["human_total"].any()
    assert np.isnan(rows["train"]["human_probs"]).all()


def test_cifar_10n(rows, noisy):
    train = rows["train"]
    np.testing.assert_array_equal(train["label"], noisy["clean_label"])
    assert np.bincount(train["label"]).tolist() == [5000] * 10
    for name, wrong in _WRONG_OF_50_000.items():
        np.testing.assert_array_equal(train[name], noisy[name])
        assert (train[name] != train["label"]).sum() == wrong
        assert (rows["test"][name] == -1).all()
    three = np.stack([train[f"random_label{i}"] for i in (1, 2, 3)])
    agree = three == train["label"]
    wrong_votes = np.bincount(3 - agree.sum(axis=0)).tolist()
    assert wrong_votes == [29_896, 14_777, 4_260, 1_067]
    # The worst of the three is right when all of them are.
    np.testing.assert_array_equal(train["worse_label"] == train["label"], agree.all(axis=0))
    two_agree = (three[0] == three[1]) | (three[0] == three[2]) | (three[1] == three[2])
    majority = np.where(three[0] == three[1], three[0], three[2])
    np.testing.assert_array_equal(train["aggre_label"][two_agree], majority[two_agree])


def test_workers_of_cifar_10n(real, rows):
    table = pd.read_csv(real / "cifar-10-100n" / "side_info_cifar10N.csv")
    train = rows["train"]
    for i in (1, 2, 3):
        ids, seconds = table[f"Worker{i}-id"], table[f"Work-time-in-seconds-{i}"]
        np.testing.assert_array_equal(train[f"worker{i}_id"], np.repeat(ids, 10))
        np.testing.assert_array_equal(train[f"worker{i}_time"], np.repeat(seconds, 10))
        assert (rows["test"][f"worker{i}_id"] == -1).all()
        assert (rows["test"][f"worker{i}_time"] == -1).all()
    ids = np.stack([train[f"worker{i}_id"] for i in (1, 2, 3)])
    assert sorted(set(ids.ravel().tolist())) == list(range(747))
    times = np.stack([train[f"worker{i}_time"] for i in (1, 2, 3)])
    assert (times.min(), times.max()) == (2, 118)
    firsts = table["Image-batch"].str.split("--").str[0].astype(int).to_numpy()
    np.testing.assert_array_equal(train["annotation_batch"], np.repeat(firsts // 10, 10))


def test_cifair(real, rows):
    splits, found = ["train", "test"], set()
    for split in splits:
        for row, duplicates in enumerate(_as_rows(rows[split]["duplicates"])):
            for other, index, distance, judgment in duplicates:
                found.add((split, row, splits[other], index, distance, judgment))
                assert rows[split]["label"][row] == rows[splits[other]]["label"][index]
    expected = set()
    for other, name, pairs in (("train", "", 286), ("test", "_test", 39)):
        with open(real / "cifair" / "meta" / f"duplicates_cifar10{name}.csv") as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == pairs
        for line in lines:
            how = float(line["Distance"]), int(line["Judgment"])
            one, two = ("test", int(line["TestID"])), (other, int(line["TrainID"]))
            expected |= {(*one, *two, *how), (*two, *one, *how)}
    assert found == expected
    assert len(found) == 2 * 325
    assert len({row for split, row, *_ in found if split == "train"}) == 279
    assert len({row for split, row, *_ in found if split == "test"}) == 329
    assert sum(f[-1] == 1 for f in found) == 2 * (249 + 30)
    assert sum(f[-1] == 2 for f in found) == 2 * (37 + 9)


def _as_rows(duplicates):
    """Those of each image; a distance of zero is padding, as the published ones are all larger."""
    names = ("split", "index", "distance", "judgment")
    columns = zip(*(duplicates[name].tolist() for name in names), strict=True)
    return [[one for one in zip(*row) if one[2]] for row in columns]


def test_label_errors(real, rows):
    test, errors = rows["test"], rows["test"]["label_error"]
    entries = json.loads((real / "label-errors" / "mturk" / "cifar10_mturk.json").read_text())
    assert len(entries) == 275
    assert np.flatnonzero(errors["candidate"]).tolist() == sorted(e["id"] for e in entries)
    for entry in entries:
        row, votes = entry["id"], entry["mturk"]
        assert test["label"][row] == entry["given_original_label"]
        assert _CLASSES[test["label"][row]] == entry["given_original_label_name"]
        guessed = entry["our_guessed_label"]
        assert errors["guessed_label"][row] == guessed
        assert {k: errors[f"votes_{k}"][row] for k in votes} == votes
        assert errors["corrected_label"][row] == (guessed if votes["guessed"] >= 3 else -1)
    assert np.flatnonzero(errors["is_error"]).tolist() == _ERRORS
    assert (errors["corrected_label"] >= 0).sum() == 18
    assert (errors["votes_given"] >= 3).sum() == 221
    rest = ~errors["candidate"]
    for name in ("guessed_label", "votes_given", "votes_guessed", "votes_neither", "votes_both"):
        assert (errors[name][rest] == -1).all()
        assert (rows["train"]["label_error"][name] == -1).all()
    assert not rows["train"]["label_error"]["is_error"].any()


def test_probabilities_of_the_model(real, rows):
    folder = real / "label-errors"
    shares = np.load(
        folder / "cross_validated_predicted_probabilities" / "cifar10_test_set_pyx.npy"
    )
    np.testing.assert_array_equal(rows["test"]["cv_pred_probs"], shares)
    labels = np.load(
        folder
        / "cross_validated_predicted_labels"
        / "cifar10_test_set_pyx_argmax_predicted_labels.npy"
    )
    np.testing.assert_array_equal(rows["test"]["cv_pred_probs"].argmax(axis=1), labels)
    assert (labels != rows["test"]["label"]).sum() == 706
    assert np.isnan(rows["train"]["cv_pred_probs"]).all()
    candidates = np.flatnonzero(rows["test"]["label_error"]["candidate"])
    guessed = rows["test"]["label_error"]["guessed_label"][candidates]
    np.testing.assert_array_equal(guessed, labels[candidates])


def test_order_is_checked_against_classifiers_of_others(real, rows):
    """Published predictions of three networks, in the order of the test set, are mostly right."""
    folder = real / "CIFAR-10.1" / "model_predictions" / "original_predictions"
    for name, right in (("cudaconvnet", 8854), ("shake_drop", 9687), ("wrn_28_10", 9593)):
        predicted = json.loads((folder / f"{name}_predictions.json").read_text())
        assert (np.array(predicted) == rows["test"]["label"]).sum() == right


def test_checksums_are_those_of_the_real_files(real):
    infos = registry.builder_cls(_NAME).url_infos
    by_name = {path.name: path for path in real.rglob("*") if path.is_file()}
    compared = 0
    for info in infos.values():
        if path := by_name.get(info.filename):
            content = path.read_bytes()
            assert hashlib.sha256(content).hexdigest() == info.checksum
            assert len(content) == info.size
            compared += 1
    assert compared == 9
