"""IMDB reviews: every published file at hand, against scikit-learn, json and numpy."""

from __future__ import annotations

import hashlib
import html
import json
import pathlib
import re
import shutil

import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds
from sklearn import datasets

from tfds_extra import registry

_NAME = "imdb_reviews_extended"


@pytest.fixture(scope="module")
def real(shared) -> pathlib.Path:
    folder = shared / "real" / _NAME
    if not folder.is_dir():
        pytest.skip(f"the published files are not here: no {folder}")
    return folder


@pytest.fixture(scope="module")
def manual_dir(real, tmp_path_factory) -> pathlib.Path:
    """The part of the corpus, and the files of label errors side by side."""
    folder = tmp_path_factory.mktemp("manual")
    (folder / "aclImdb").symlink_to(real / "aclImdb")
    for path in (real / "label-errors").rglob("*"):
        if path.is_file():
            shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def texts(real) -> dict[str, bytes]:
    """Content of the reviews by name below the root."""
    root = real / "aclImdb"
    found = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for half in ("train", "test")
        for path in (root / half).glob("*/*.txt")
    }
    assert len(found) == 1126
    return found


def examples(config, manual_dir, tmp_path):
    builder = preparing.prepared(f"{_NAME}/{config}", tmp_path, manual_dir, partial=True)
    return preparing.examples(builder, "path")


def test_every_review(manual_dir, texts, real, tmp_path):
    found = examples("plain_text", manual_dir, tmp_path)
    assert found.keys() == texts.keys()
    urls = {
        path.relative_to(real / "aclImdb").as_posix(): path.read_text().split("\n")
        for path in (real / "aclImdb").glob("*/urls_*.txt")
    }
    sets = {half: set() for half in ("train", "test")}
    for name, content in texts.items():
        if "unsup" not in name:
            sets[name.split("/")[0]].add(content)
    for name, content in texts.items():
        example = found[name]
        half, folder, file = name.split("/")
        number, stars = map(int, file.removesuffix(".txt").split("_"))
        assert example["text"] == content
        assert example["review_id"] == number and example["rating"] == stars
        assert example["label"] == {"neg": 0, "pos": 1, "unsup": -1}[folder]
        assert example["split"] == ("unsupervised" if folder == "unsup" else half)
        url = urls[f"{half}/urls_{folder}.txt"][number]
        assert example["title_url"].decode() == url
        assert example["title_id"].decode() == url.split("/")[4]
        assert example["copies"] == sum(other == content for other in texts.values())
        others = {"train": ["test"], "test": ["train"], "unsupervised": ["train", "test"]}
        elsewhere = any(content in sets[other] for other in others[example["split"]])
        assert example["in_other_split"] == elsewhere
        clean = content.decode().replace("<br />", "\n")
        clean = re.sub(
            "[\x80-\x9f]",
            lambda c: c[0].encode("latin-1").decode("cp1252", "ignore") or c[0],
            clean,
        )
        assert example["text_clean"].decode() == html.unescape(clean)
    assert sum(e["in_other_split"] for e in found.values() if e["split"] == "test") >= 40


def test_a_film_in_both_splits(real, manual_dir, tmp_path):
    found = examples("plain_text", manual_dir, tmp_path)
    marked = {name for name, e in found.items() if e["title_in_other_split"]}
    assert marked == {name for name, e in found.items() if e["title_id"] == b"tt0406816"}
    # What the fact sheet has of it, as far as it is among the files here.
    places = {"train/neg": (12_498, 12_499), "test/pos": range(17), "test/neg": range(6)}
    expected = {
        path.relative_to(real / "aclImdb").as_posix()
        for folder, numbers in places.items()
        for path in (real / "aclImdb" / folder).glob("*.txt")
        if int(path.name.partition("_")[0]) in numbers
    }
    assert marked == expected and len(marked) == 25


def test_titles_of_the_whole_corpus(real):
    titles = {
        path.name if path.parent.name == "train" else f"test_{path.name}": set(
            re.findall(r"tt\d{7}", path.read_text())
        )
        for path in (real / "aclImdb").glob("*/urls_*.txt")
    }
    train = titles["urls_pos.txt"] | titles["urls_neg.txt"]
    test = titles["test_urls_pos.txt"] | titles["test_urls_neg.txt"]
    assert (len(train), len(test)) == (3_456, 3_581) and train & test == {"tt0406816"}


@pytest.mark.slow
def test_bags_against_scikit_learn(manual_dir, real, texts, tmp_path):
    found = examples("bag_of_words", manual_dir, tmp_path)
    compared = 0
    for name, folders in {
        "train/labeledBow.feat": ["train/pos"],
        "train/unsupBow.feat": ["train/unsup"],
        "test/labeledBow.feat": ["test/pos"],
    }.items():
        bags, stars = datasets.load_svmlight_file(
            str(real / "aclImdb" / name), zero_based=True, n_features=89_527
        )
        for (folder,) in [folders]:
            of_folder = {e["review_id"]: e for n, e in found.items() if n.startswith(f"{folder}/")}
            for number in range(bags.shape[0]):
                example = of_folder.pop(number, None)
                if example is None:
                    continue
                row = bags[number]
                np.testing.assert_array_equal(example["bow_index"], row.indices)
                np.testing.assert_array_equal(example["bow_count"], row.data)
                assert example["rating"] == stars[number]
                compared += 1
            assert all(not len(example["bow_index"]) for example in of_folder.values())
    assert compared >= 300


def test_vocabulary(manual_dir, real, tmp_path):
    builder = preparing.prepared(f"{_NAME}/vocabulary", tmp_path, manual_dir, partial=True)
    columns = tfds.as_numpy(builder.as_dataset(split="vocabulary", batch_size=-1))
    words = (real / "aclImdb" / "imdb.vocab").read_bytes().split(b"\n")
    assert columns["word"].tolist() == words and len(words) == 89_527
    ratings = np.loadtxt(real / "aclImdb" / "imdbEr.txt")
    np.testing.assert_array_equal(columns["expected_rating"], ratings)
    assert (ratings == 0).sum() == 33_326
    np.testing.assert_array_equal(columns["index"], np.arange(89_527))
    assert builder.info.metadata["missing"] == {"vocabulary": 0}


def test_label_errors(manual_dir, real, tmp_path):
    found = examples("label_errors", manual_dir, tmp_path)
    folder = real / "label-errors"
    entries = json.loads((folder / "mturk" / "imdb_mturk.json").read_text())
    assert len(entries) == 1310
    asked = {f"{entry['id']}.txt": entry for entry in entries}
    index = json.loads(
        (folder / "dataset_indexing" / "imdb_test_set_index_to_filename.json").read_text()
    )
    probabilities = np.load(
        folder / "cross_validated_predicted_probabilities" / "imdb_test_set_pyx.npy"
    )
    compared = 0
    for name, example in found.items():
        error = example["label_error"]
        entry = asked.get(name)
        assert error["candidate"] == (entry is not None)
        if entry is not None:
            votes = entry["mturk"]
            assert [error[f"votes_{k.replace('-', '_')}"] for k in votes] == list(votes.values())
            assert error["is_error"] == (votes["given"] < 3)
            assert error["guessed_label"] == (entry["our_guessed_label"] == "Positive")
            compared += 1
        else:
            assert error["guessed_label"] == error["votes_off_topic"] == -1
        short = name.removeprefix("test/")
        if short in index:
            np.testing.assert_array_equal(
                example["cv_pred_probs"], probabilities[index.index(short)]
            )
        else:
            assert np.isnan(example["cv_pred_probs"]).all()
    assert compared > 20


def test_listed_digests(real):
    cls = registry.builder_cls(_NAME)
    for row in cls().read_facts("members.tsv"):
        content = (real / "aclImdb" / row["member"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
    published = {info.filename: info for info in cls.url_infos.values()}
    for path in (real / "label-errors").rglob("*"):
        if path.name in published:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert published.pop(path.name).checksum == digest
    assert set(published) == {"aclImdb_v1.tar.gz"}
