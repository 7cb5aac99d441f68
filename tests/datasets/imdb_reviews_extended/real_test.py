"""IMDB reviews: every published file at hand, against scikit-learn, json and numpy."""

from __future__ import annotations

import hashlib
import html
import json
import pathlib
import re
import shutil
from typing import Any

import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds
from sklearn import datasets

from tfds_extra import core, registry
from tfds_extra.datasets.imdb_reviews_extended import reviews

_NAME = "imdb_reviews_extended"


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


@pytest.fixture(scope="module")
def plain_text(manual_dir, tmp_path_factory) -> dict[str, dict]:
    """The reviews by name, as the default config prepares them."""
    return examples("plain_text", manual_dir, tmp_path_factory.mktemp("data"))


def examples(config, manual_dir, tmp_path):
    builder = preparing.prepared(f"{_NAME}/{config}", tmp_path, manual_dir, partial=True)
    return preparing.examples(builder, "path")


def place(name: str) -> tuple[int, int]:
    """Where a review is among all: by folder, and in it by number."""
    folder, _, file = name.rpartition("/")
    folders = ["train/pos", "train/neg", "train/unsup", "test/pos", "test/neg"]
    return folders.index(folder), int(file.partition("_")[0])


def test_every_review(plain_text, texts, real):
    found = plain_text
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
        same = [other for other, text in texts.items() if text == content]
        assert example["copies"] == len(same)
        assert example["first_copy"].decode() == min(same, key=place)
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


def test_a_film_in_both_splits(plain_text, real):
    found = plain_text
    marked = {name for name, e in found.items() if e["title_in_other_split"]}
    assert marked == {name for name, e in found.items() if e["title_id"] == b"tt0406816"}
    # All its reviews are among the files here.
    places = {"train/neg": (12_498, 12_499), "test/pos": range(17), "test/neg": range(6)}
    expected = {
        path.relative_to(real / "aclImdb").as_posix()
        for folder, numbers in places.items()
        for path in (real / "aclImdb" / folder).glob("*.txt")
        if int(path.name.partition("_")[0]) in numbers
    }
    assert marked == expected and len(marked) == 25


def test_titles_of_the_whole_corpus(real):
    """Of all 100,000 reviews, whose lists are all here: the published counts of films."""
    counts = [12_500, 12_500, 50_000, 12_500, 12_500]
    folder = np.repeat(np.arange(5), counts)
    unknown = np.zeros(100_000, np.int64)
    everything = reviews.Reviews(
        folder=folder,
        id=np.concatenate([np.arange(count) for count in counts]),
        stars=unknown,
        digest=unknown,
        start=unknown,
        size=unknown,
    )
    lists = {
        path.relative_to(real / "aclImdb").as_posix(): path.read_bytes()
        for path in (real / "aclImdb").glob("*/urls_*.txt")
    }
    titles = reviews.titles(real, everything, lists)
    films = {name: set(titles[everything.split == name]) for name in set(everything.split)}
    sizes = {name: len(of_split) for name, of_split in films.items()}
    assert sizes == {"train": 3_456, "test": 3_581, "unsupervised": 7_091}
    assert len(set(titles)) == 14_127 and films["train"] & films["test"] == {406_816}
    marked = everything.in_other_split(np.unique(titles, return_inverse=True)[1])
    rows = np.flatnonzero(marked)
    expected = [12_500 + 12_498, 12_500 + 12_499, *range(75_000, 75_017), *range(87_500, 87_506)]
    assert rows.tolist() == expected
    assert np.unique(titles, return_counts=True)[1].max() <= 30
    for number in range(5):
        text = "".join(f"{reviews.title_url(title)}\n" for title in titles[folder == number])
        assert lists[reviews.url_list(reviews.FOLDERS[number])] == text.encode()


def test_bags_against_scikit_learn(manual_dir, real, texts, tmp_path):
    found = examples("bag_of_words", manual_dir, tmp_path)
    assert found.keys() == texts.keys()
    expected = {}
    for name in ("train/labeledBow.feat", "train/unsupBow.feat", "test/labeledBow.feat"):
        # Only the first lines are here, which are of pos, and of unsup.
        folder = name.replace("labeledBow.feat", "pos").replace("unsupBow.feat", "unsup")
        bags, stars = datasets.load_svmlight_file(
            str(real / "aclImdb" / name), zero_based=True, n_features=89_527
        )
        for number, (bag, star) in enumerate(zip(bags, stars)):
            expected[f"{folder}/{number}_{star:.0f}.txt"] = bag
    compared = 0
    for name, example in found.items():
        bag = expected.get(name)
        np.testing.assert_array_equal(example["bow_index"], [] if bag is None else bag.indices)
        np.testing.assert_array_equal(example["bow_count"], [] if bag is None else bag.data)
        compared += bag is not None
    assert compared == len(found.keys() & expected.keys()) >= 350
    # The film of this one is Bromwell High.
    words = (real / "aclImdb" / "imdb.vocab").read_text(encoding="utf-8").split("\n")
    first = found["train/pos/0_9.txt"]
    count = dict(zip(first["bow_index"].tolist(), first["bow_count"].tolist()))
    assert count[words.index("bromwell")] == texts["train/pos/0_9.txt"].count(b"Bromwell") == 4


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


@pytest.fixture(scope="module")
def study(real) -> dict[str, Any]:
    """The files of the study of label errors, read with json and numpy."""
    folder = real / "label-errors"
    predicted = "cross_validated_predicted_"
    return {
        "asked": json.loads((folder / "mturk" / "imdb_mturk.json").read_text()),
        "index": json.loads(
            (folder / "dataset_indexing" / "imdb_test_set_index_to_filename.json").read_text()
        ),
        "probabilities": np.load(folder / f"{predicted}probabilities" / "imdb_test_set_pyx.npy"),
        "guesses": np.load(
            folder / f"{predicted}labels" / "imdb_test_set_pyx_argmax_predicted_labels.npy"
        ),
    }


def test_label_errors(manual_dir, texts, study, tmp_path):
    found = examples("label_errors", manual_dir, tmp_path)
    assert found.keys() == {name for name in texts if name.startswith("test/")}
    asked = {f"{entry['id']}.txt": entry for entry in study["asked"]}
    rows = {name: row for row, name in reversed(list(enumerate(study["index"])))}
    compared = 0
    for name, example in found.items():
        error, entry = example["label_error"], asked.get(name)
        if entry is None:
            expected = dict.fromkeys(error, -1) | {"candidate": False, "is_error": False}
        else:
            votes = {key.replace("-", "_"): count for key, count in entry["mturk"].items()}
            guess = {"Negative": 0, "Positive": 1}[entry["our_guessed_label"]]
            expected = {f"votes_{key}": count for key, count in votes.items()} | {
                "candidate": True,
                "guessed_label": guess,
                "is_error": votes["given"] < 3,
                "corrected_label": guess if votes["guessed"] >= 3 else -1,
            }
            compared += 1
        assert error == expected
        row = rows.get(name.removeprefix("test/"))
        shares = np.full(2, np.nan) if row is None else study["probabilities"][row]
        np.testing.assert_array_equal(example["cv_pred_probs"], shares)
    assert compared == 179


def test_label_errors_of_the_whole_corpus(real, study):
    """The study's own counts, of all 25,000 test reviews."""
    names = ("label_errors", "index", "given_labels", "cv_pred_probs")
    builder = registry.builder_cls(_NAME)(config="label_errors", partial=True)
    published = builder.published_files()
    paths = {path.name: path for path in (real / "label-errors").rglob("*.*")}
    files = {
        name: core.Content(paths[published[name].urls[0].rpartition("/")[2]]) for name in names
    }
    found = builder._label_errors(files)
    assert len(found) == 24_799 == 25_000 - 201
    errors = [one["label_error"] for one in found.values() if "label_error" in one]
    assert len(errors) == 1_310 == len(study["asked"])
    assert sum(error["is_error"] for error in errors) == 725
    assert sum(error["guessed_label"] == 1 for error in errors) == 706
    assert sum(error["corrected_label"] >= 0 for error in errors) == 173
    for choice, count in {"given": 585, "guessed": 173, "neutral": 200, "off_topic": 8}.items():
        assert sum(error[f"votes_{choice}"] >= 3 for error in errors) == count
    # Negative comes first: the study's own guess is the larger of both.
    assert (study["probabilities"].argmax(1) == study["guesses"]).all()
    for path, one in found.items():
        if "label_error" in one:
            assert one["label_error"]["guessed_label"] == one["probabilities"].argmax(), path


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
