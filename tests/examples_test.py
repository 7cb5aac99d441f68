"""The examples run, on miniatures and real slices, and what they write is a picture.

Most of them run in the tests' own process, which saves importing TensorFlow for each. Two run as their users
run them: that of the README, and the one that reads an index of SQLite (see `tfds_extra.core.sqlite`).
"""

from __future__ import annotations

import collections
import contextlib
import gzip
import io
import math
import re
import runpy
import subprocess
import sys

import keras
import miniature_scripts
import numpy as np
import pytest
from matplotlib import image

pytestmark = pytest.mark.slow


@pytest.fixture
def run(repository, tmp_path, monkeypatch):
    """Runs an example in this process, and gives what it prints."""

    def run(name: str, *options: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, f"--data_dir={tmp_path}", *options])
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(repository / "examples" / name), run_name="__main__")
        keras.backend.clear_session()
        return printed.getvalue()

    return run


@pytest.fixture
def run_alone(repository, tmp_path):
    """Runs an example in a process of its own, and gives what it prints."""

    def run(name: str, *options: str) -> str:
        command = [sys.executable, str(repository / "examples" / name), f"--data_dir={tmp_path}"]
        done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_spoken_digit(run_alone, tmp_path):
    printed = run_alone("spoken_digit.py", "--miniature", "--epochs=20")
    assert "free_spoken_digit/v1.0.10-miniature" in printed
    accuracy = float(re.search(r"test accuracy: ([\d.]+)", printed)[1])
    assert accuracy > 0.8  # The miniature's digits are tones; chance is 0.1.
    picture = image.imread(tmp_path / "spoken_digit.png")
    assert picture.shape == (800, 1200, 4)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 500


@pytest.mark.parametrize(
    "name, needed", [("torch_spoken_digit.py", "torch"), ("jax_spoken_digit.py", "jax grain")]
)
def test_spoken_digit_without_tensorflow(run, name, needed):
    """CONTRIBUTING.md has the commands that make an environment in which these run."""
    for package in needed.split():
        pytest.importorskip(package, reason=f"python -m pip install {needed}")
    printed = run(name, "--miniature")
    assert "free_spoken_digit/v1.0.10-miniature/1.0.0: 60 recordings to train on" in printed
    assert float(re.search(r"test accuracy: ([\d.]+)", printed)[1]) > 0.8


@pytest.mark.parametrize("which", ["miniature", "real slices"])
def test_urban_sound(run, tmp_path, which, request):
    options, folds, slices = ["--miniature", "--folds=2"], 2, 6
    if which == "real slices":
        folder = request.getfixturevalue("shared") / "real" / "urban_sound_8k"
        options, folds, slices = ["--partial", f"--manual_dir={folder}"], 6, 18
    printed = run("urban_sound.py", *options, "--epochs=1")
    tested = re.findall(r"fold\d+: accuracy ([\d.]+) on (\d+) slice", printed)
    assert len(tested) == folds and sum(int(count) for _, count in tested) == slices
    mean = float(re.search(r"mean accuracy over \d+ folds: ([\d.]+)", printed)[1])
    np.testing.assert_allclose(mean, np.mean([float(one) for one, _ in tested]), atol=1e-4)
    picture = image.imread(tmp_path / "urban_sound.png")
    assert picture.shape == (600, 1200, 4)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 100


def miniature_rows(repository, split):
    """The label rows of QMNIST's miniature, read by hand."""
    path = repository / "dummy_data" / "qmnist" / f"qmnist-{split}-labels-idx2-int.gz"
    return np.frombuffer(gzip.decompress(path.read_bytes()), ">i4", offset=12).reshape(-1, 8)


def test_digit_writers(run, repository, tmp_path):
    printed = run("digit_writers.py", "--miniature", "--epochs=20")
    assert "20 digits to train on, 20 to test; 6 writer(s) in both" in printed

    # A digit of the miniature is a block that says which; two digits of test are not in train.
    train, test = (miniature_rows(repository, split) for split in ("train", "test"))
    wrong = ~np.isin(test[:, 0], train[:, 0])
    assert wrong.sum() == 6
    expected = {}
    for writer in np.unique(test[:, 2]):
        of_it = test[:, 2] == writer
        row = f"{writer} {test[of_it, 1][0]} {of_it.sum()} {wrong[of_it].sum()}"
        expected[row] = 1 - wrong[of_it].mean()
    table = re.findall(r"^ +(\d+) +(\d+) +(\d+) +(\d+) +([\d.]+)$", printed, re.MULTILINE)
    assert {" ".join(row[:4]): float(row[4]) for row in table} == expected
    errors = [int(row[3]) for row in table]
    assert errors == sorted(errors, reverse=True) and sum(int(row[2]) for row in table) == len(test)

    accuracies = list(expected.values())
    assert "test accuracy: 0.7000" in printed
    for part, name in ((wrong[:12], "12 of MNIST's"), (wrong[12:], "8 other")):
        assert f"{name} test digits: {1 - part.mean():.4f}" in printed
    mean, median = np.mean(accuracies), np.median(accuracies)
    assert f"accuracy per writer: mean {mean:.4f}, median {median:.4f}" in printed
    without = accuracies.count(1) / 6
    assert f"6 writers, {without:.1%} of them without an error" in printed
    by_chance = float(re.search(r"\(([\d.]+)% if the same errors", printed)[1])
    assert abs(by_chance / 100 - error_free_by_chance(test[:, 2], wrong.sum())) < 0.05

    picture = image.imread(tmp_path / "digit_writers.png")
    assert picture.shape == (900, 1200, 4)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 100


def error_free_by_chance(writers, errors):
    """Expected share of writers none of whose digits is among so many that are drawn."""
    total = len(writers)
    shares = [
        math.comb(total - count, errors) / math.comb(total, errors)
        for count in np.unique(writers, return_counts=True)[1].tolist()
    ]
    return np.mean(shares)


def test_corrupted_fashion(run, tmp_path):
    configs = ["mixed", "identity", "fog", "rotate_1"]
    printed = run("corrupted_fashion.py", "--miniature", "--epochs=10", "--configs", *configs)
    assert "mixed-miniature/1.0.0: 30 clean images to train on, 20 to test" in printed
    clean = float(re.search(r"test accuracy on clean images: ([\d.]+)", printed)[1])
    assert clean >= 0.7  # The miniature's articles are blocks that say which; chance is 0.1.

    table = re.findall(
        r"^ +(published|generated) +(\w+) +(\d+) +([\d.]+) +(-?[\d.]+)$", printed, re.MULTILINE
    )
    rows = {
        (origin, name): (int(images), float(accuracy), float(drop))
        for origin, name, images, accuracy, drop in table
    }
    # One image of test is translated, which nobody published; one is the same when mirrored or turned.
    made = miniature_scripts.load("fashion_mnist_corrupted")
    corruptions = made.corruptions("test")
    corruptions[made.FOREIGN], corruptions[made.SYMMETRIC] = "unknown", "flip_sides"
    counts = collections.Counter(("published", name) for name in corruptions)
    counts |= {("generated", name): 20 for name in ("identity", "fog", "rotate_1")}
    assert len(table) == len(counts) == 19
    assert {row: images for row, (images, _, _) in rows.items()} == counts
    for origin in ("published", "generated"):
        accuracies = [float(row[3]) for row in table if row[0] == origin]
        assert accuracies == sorted(accuracies)

    # Nothing is done to the images of identity, and what is turned by a little is like it.
    assert rows["generated", "identity"] == (20, clean, 0)
    assert rows["generated", "rotate_1"][1] >= rows["generated", "fog"][1]
    # A drop is from the clean images of the same rows, and all rows of mixed are the test split.
    known = sum(
        images * (accuracy + drop)
        for (origin, _), (images, accuracy, drop) in rows.items()
        if origin == "published"
    )
    np.testing.assert_allclose(known / 20, clean, atol=1e-3)
    # An image alone is known or not.
    alone = [row for row in rows.values() if row[0] == 1]
    assert all(accuracy + drop in (0, 1) for _, accuracy, drop in alone)
    for origin, others in (("published", "unknown"), ("generated", "identity")):
        accuracies = [row[1] for name, row in rows.items() if name[0] == origin]
        accuracies.remove(rows[origin, others][1])
        expected = f"{origin}: mean accuracy {np.mean(accuracies):.4f} over {len(accuracies)} corr"
        assert expected in printed

    picture = image.imread(tmp_path / "corrupted_fashion.png")
    assert picture.shape == (940, 1200, 4)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 100


@pytest.mark.parametrize("which", ["miniature", "real rows"])
def test_tweet_sentiment(run, which, request):
    options, trained, tested, least = ["--miniature", "--epochs=30"], "21", "4", 0.75
    if which == "real rows":
        folder = request.getfixturevalue("shared") / "real" / "sentiment140_extended"
        options = ["--partial", f"--manual_dir={folder}"]
        trained, tested, least = "20,000", "359", 0.65
    printed = run("tweet_sentiment.py", *options)
    assert f"{trained} tweets to train on, {tested} to test" in printed
    accuracy, count = re.search(r"test accuracy: ([\d.]+) on (\d+) tweets", printed).groups()
    share = float(re.search(r"share of the larger class: ([\d.]+)", printed)[1])
    assert count == tested and 0.5 <= share < 0.6
    assert float(accuracy) >= least  # Words of the miniature tell; real ones take a training set.
    assert len(re.findall(r"^  (?:negative|positive), said [\d.]+ positive: ", printed, re.M)) == 3


@pytest.mark.parametrize("which", ["miniature", "real reviews"])
def test_review_words(run, which, request):
    options, trained, tested, seen, least = ["--miniature", "--epochs=150"], 12, 10, 1, 0.7
    if which == "real reviews":
        folder = request.getfixturevalue("shared") / "real" / "imdb_reviews_extended"
        options = ["--partial", f"--manual_dir={folder}"]
        trained, tested, seen, least = 397, 550, 41, 0.6
    printed = run("review_words.py", *options, "--shown=3")
    assert f"{trained} reviews to train on, {tested} to test" in printed
    accuracy = float(re.search(r"test accuracy: ([\d.]+), published 0.8780 \(Maas", printed)[1])
    # Words of the miniature tell; of the real corpus this is a hundredth.
    assert accuracy >= least
    of_others = re.search(r"without the (\d+) whose text is in training, too: ([\d.]+)", printed)
    assert int(of_others[1]) == seen and float(of_others[2]) <= accuracy
    words = re.findall(r"^most (\w+), with published rating:\n  (.*)$", printed, re.MULTILINE)
    assert [which for which, _ in words] == ["positive", "negative"]
    published = {"great": "+1.70", "awful": "-2.55"}  # Of the miniature.
    if which == "miniature":
        for (_, row), word in zip(words, published, strict=True):
            assert f"{word} {published[word]}" in row.split(", ")
    else:
        mean = [np.mean([float(word.split()[1]) for word in row.split(", ")]) for _, row in words]
        assert mean[1] < -1 < mean[0]


@pytest.mark.parametrize("which", ["miniature", "real messages"])
def test_newsgroup_words(run, which, request):
    options, counts, least = ["--miniature"], [(8, 4), (40, 20)], (0.9, 0.8)
    if which == "real messages":
        folder = request.getfixturevalue("shared") / "real" / "twenty_newsgroups"
        options = ["--partial", f"--manual_dir={folder}"]
        counts, least = [(93, 88), (421, 431)], (0.5, 0.3)
    printed = run("newsgroup_words.py", *options)
    found = re.findall(
        r"^  (?:four|all) groups: (\d+) messages to train on, (\d+) to test, ([\d,]+) words: accuracy"
        r" ([\d.]+), macro F1 ([\d.]+)",
        printed,
        re.MULTILINE,
    )
    assert [(int(train), int(test)) for train, test, *_ in found] == counts * 2
    whole, stripped = found[:2], found[2:]
    for more, less in zip(whole, stripped, strict=True):
        # What is stripped tells the groups apart, and has words of its own.
        assert int(more[2].replace(",", "")) > int(less[2].replace(",", ""))
        assert float(more[3]) >= float(less[3]) and float(more[4]) >= float(less[4])
    # Of the real corpus this is a twentieth.
    assert all(float(one[4]) >= expected for one, expected in zip(stripped, least))
    assert "four groups" in printed and "scikit-learn documents 0.88213\n" in printed
    assert "scikit-learn documents 0.76995\n" in printed
    words = dict(re.findall(r"^  most (\S+): (.*)$", printed, re.MULTILINE))
    assert set(words) == {"alt.atheism", "comp.graphics"}
    told = {"miniature": ("belief", "raytracer"), "real messages": ("atheism", "graphics")}[which]
    assert all(word in of_group.split() for word, of_group in zip(told, words.values()))


@pytest.mark.parametrize("which", ["miniature", "real rows"])
def test_review_stars(run, which, request):
    options, trained, tested = ["--miniature", "--epochs=40"], "12", "3"
    if which == "real rows":
        folder = request.getfixturevalue("shared") / "real" / "yelp_open" / "edition_2022"
        options, trained, tested = (
            ["--partial", f"--manual_dir={folder}", "--epochs=15"],
            "450",
            "50",
        )
    printed = run("review_stars.py", *options)
    assert f"{trained} reviews to train on, {tested} to test" in printed
    found = re.search(r"test accuracy: ([\d.]+) \(always \d: ([\d.]+)\)", printed).groups()
    polarity = re.search(r"polarity accuracy: ([\d.]+) on (\d+) .*: ([\d.]+)\)", printed).groups()
    error = re.search(
        r"mean error in stars: ([\d.]+) \(always [\d.]+: ([\d.]+)\)", printed
    ).groups()
    accuracy, share = map(float, found)
    assert share <= accuracy or which == "miniature"  # Of three reviews, any may be missed.
    assert float(error[0]) < float(error[1]) or which == "miniature"
    assert 0 <= float(polarity[0]) <= 1 and int(polarity[1]) <= int(tested)


@pytest.mark.parametrize("which", ["miniature", "real pictures"])
def test_coco_masks(run, which, request):
    options, counts = ["--miniature", "--config=2017_objects", "--epochs=150"], (4, 2)
    if which == "real pictures":
        folder = request.getfixturevalue("shared") / "real" / "coco_extended"
        options, counts = ["--partial", f"--manual_dir={folder}", "--epochs=3"], (63, 16)
    printed = run("coco_masks.py", *options)
    found = re.search(r"loss ([\d.]+) to ([\d.]+) on (\d+) pictures, tested on (\d+)", printed)
    assert float(found[2]) < float(found[1]) and tuple(map(int, found.groups()[2:])) == counts
    scores = {kind: float(ap) for kind, ap in re.findall(r"^(\w+): AP ([\d.]+)", printed, re.M)}
    assert list(scores) == ["segm", "bbox"] and all(0 <= score <= 1 for score in scores.values())
    if which == "miniature":  # A class has a colour, and two of the pictures' objects stand alone.
        assert scores["segm"] > 0.1


def test_vqa_baseline(run):
    printed = run("vqa_baseline.py", "--miniature", "--epochs=60")
    assert "vqa/v2_images-miniature/1.0.0: 12 questions to train on, 6 to test" in printed
    found = dict(re.findall(r"^(\w[\w ]+): ([\d.]+) \(2021\), [\d.]+ \(2015\)$", printed, re.M))
    assert list(found) == [
        "always the commonest", "commonest of the type", "without the picture", "with the picture"
    ]  # fmt: skip
    scores = list(map(float, found.values()))
    assert 0 < scores[0] < scores[1] <= 100
    best = float(re.search(r"the best of which reach ([\d.]+)", printed)[1])
    assert max(scores) <= 100 * best + 0.01


@pytest.mark.parametrize("which", ["miniature", "real chapter"])
def test_libri_keywords(run, tmp_path, which, request):
    options, keywords = (
        ["--miniature", "--config=clean_100_aligned", "--keywords=3"],
        "BLUE RED SUN",
    )
    if which == "real chapter":
        folder = request.getfixturevalue("shared") / "real" / "librispeech_extended"
        options = ["--partial", "--config=train_clean100_aligned", f"--manual_dir={folder}"]
        keywords = "THE AND TO OF IN WAS A ON THEIR THIS"
    printed = run("libri_keywords.py", *options)
    assert f"keywords: {keywords}\n" in printed
    words = "21 words in 12 utterances to train on, 11 in 7 to test"
    if which == "real chapter":
        words = "162 words in 15 utterances to train on, 41 in 4 to test"
    assert words in printed
    found = re.search(r"test accuracy: ([\d.]+) \(always \w+: ([\d.]+)\)", printed).groups()
    accuracy, always = map(float, found)
    assert accuracy > always + 0.1
    picture = image.imread(tmp_path / "libri_keywords.png")
    assert picture.shape == (700, 1200, 4)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 100


@pytest.mark.parametrize("which", ["miniature", "real songs"])
def test_song_year(run, which, request):
    options, trained, tested = ["--miniature"], "3", "2"
    if which == "real songs":
        folder = request.getfixturevalue("shared") / "real" / "million_song"
        options, trained, tested = ["--partial", f"--manual_dir={folder}"], "6", "4"
    printed = run("song_year.py", *options)
    assert f"{trained} songs with a year to train on, {tested} to test" in printed
    errors = re.findall(r": off by ([\d.]+) years, root mean square ([\d.]+)", printed)
    (model, _), (always, _) = errors
    # Ten songs with a year are too few to learn from, and yet what is told stays near their years.
    assert float(model) < (1 if which == "miniature" else 2) * float(always)


def test_wiki_phrases(run_alone):
    printed = run_alone("wiki_phrases.py", "--miniature")
    assert "20260901.simple-miniature/1.0.0: 8 articles" in printed
    assert "Zorp, Food: " in printed and "[zorp eats] fidd" in printed
    assert '"zorp eats": 1 pages' in printed and "1 times in 1 pages" in printed
    # "Zorp" by two articles: what one links to twice counts once.
    assert re.search(r"linked to by most articles:\n  Zorp: 2\n", printed)


def test_wordnet_words(run, tmp_path):
    printed = run("wordnet_words.py", "--miniature")
    assert "wn30: 20 synsets, 9 of nouns" in printed
    assert "glimpeese: 1 sense(s), base form glimpet" in printed
    assert "zorplt: 1 sense(s), base form zorple" in printed
    assert "oomph.n.01 > zorp.n.01 > glimpet.n.01" in printed
    rows = re.findall(r"^(\w+, \w+) +([\d.]+) +([\d.]+)  (\S+)$", printed, re.MULTILINE)
    # By hand: a glimpet is a fidd, at depth 3 by the longest way of both.
    assert rows[0] == ("glimpeese, fidd", "0.5000", "0.8571", "fidd.n.01")
    assert len(rows) == 3
    picture = image.imread(tmp_path / "wordnet_words.png")
    assert picture.ndim == 3 and len(np.unique(picture.reshape(-1, 4), axis=0)) > 100


@pytest.mark.parametrize(
    "which", ["miniature", pytest.param("real pictures", marks=pytest.mark.slow)]
)
def test_hierarchical_accuracy(run, tmp_path, which, request):
    options, counted = (
        ["--miniature", "--epochs=60"],
        "12 pictures to train on, 6 of validation to test",
    )
    if which == "real pictures":
        folder = tmp_path / "manual"
        real = request.getfixturevalue("shared") / "real" / "imagenet_wordnet"
        (folder).mkdir()
        (folder / "train").symlink_to(real / "ILSVRC2012_img_train")
        options = ["--partial", f"--manual_dir={folder}", "--epochs=40"]
        counted = "60 pictures to train on, 60 of train to test"
    printed = run("hierarchical_accuracy.py", *options)
    assert counted in printed
    found = re.findall(
        r"^([\w ]+): accuracy ([\d.]+), mean height ([\d.]+), gravest", printed, re.M
    )
    assert [name for name, *_ in found] == ["chance", "one class is right", "near ones count"]
    (_, chance, far), *trained = [(name, float(a), float(h)) for name, a, h in found]
    assert all(accuracy > chance + 0.3 and height < far for _, accuracy, height in trained)


def test_voxceleb_verification(run, tmp_path):
    printed = run("voxceleb_verification.py", "--miniature", "--steps=40", "--seconds=0.3")
    assert "voxceleb_extended/vox1-miniature/1.0.0: 9 utterances in 36 trials" in printed
    found = dict(
        re.findall(r"^(average spectra|the model): EER ([\d.]+)%.*36 trials$", printed, re.M)
    )
    # The miniature's speakers hum, each at a pitch of their own; by chance it is 50.
    assert float(found["average spectra"]) == 0 and float(found["the model"]) < 20
    picture = image.imread(tmp_path / "voxceleb_verification.png")
    assert picture.shape == (800, 1200, 4)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 100
