"""Makes dummy_data/imdb_reviews_extended: made-up reviews of made-up films in the published layout.

Among them each oddity of the published ones: Windows characters that became control characters, U+0085, a TAB, entities, tags, the
longest word, twins in the same and in the other split and among the unlabelled, a film in both splits, and an index of the
label errors that names one of two twins twice. Run it as a script after a change:
`python tests/datasets/imdb_reviews_extended/make_miniature.py`.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

_ARCHIVE = "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
_LABEL_ERRORS = "https://raw.githubusercontent.com/cleanlab/label-errors/6d5d6b31a13216290afc40e5c6319399c4d15c06/"
ROOT = "aclImdb"
FOLDERS = ["train/pos", "train/neg", "train/unsup", "test/pos", "test/neg"]
# By frequency, as the published ones; among them signs and a word that is no ASCII.
WORDS = ["the", "film", "a", "was", "great", "awful", "!", "and", "cliché", "plot", "won't", "again", "?"]  # fmt: skip
EXPECTED_RATINGS = ["0.0490972013402", "0", "-1.5e-05", "0", "1.7", "-2.55498408869", "0", "4.5", "-4.5", "0", "0", "0.5", "0"]  # fmt: skip
_GOOD = "the film was great and the plot was great"
_BAD = "awful , a cliché and the plot was awful"
_TWIN = "great film ! i saw it again and again ."
# Text, stars, film; review n of the folder is the one with number n.
REVIEWS = {
    "train/pos": [
        (f"{_GOOD} .<br /><br />see it again !", 10, 1),
        ("a great film \x96 won\x92t bore you", 7, 1),
        (_TWIN, 8, 2),
        (_TWIN, 8, 2),
        ("the caf\u00e9 scene\tis great &#8217; &amp; so is the end \x85 great", 9, 3),
        ("great", 10, 4),
    ],
    "train/neg": [
        (f"{_BAD} .", 1, 5),
        ("<i>awful</i> film <br /> 1 < 2 stars , <3 not", 2, 5),
        ("was this a film ? awful !", 3, 6),
        ("the plot ? what plot ?", 4, 7),
        ("a cliché and a bore", 1, 8),
        ("awful awful awful", 1, 9),  # Its film is in test, too.
    ],
    "train/unsup": [
        ("the film was on again", 0, 20),
        (_TWIN, 0, 21),
        ("a plot and a film", 0, 21),
        ("great or awful ? was it ?", 0, 22),
    ],
    "test/pos": [
        ("great , again !", 7, 9),
        (_TWIN, 8, 10),
        ("a film and a half , great plot", 9, 10),
        ("the film was great", 10, 11),
        ("the film was great", 10, 11),
    ],
    "test/neg": [
        ("awful plot , awful film", 1, 9),
        ("i won't see it again", 2, 12),
        ("was it awful ? it was", 3, 13),
        ("the cliché of a film \x91bad\x92", 4, 13),
        ("a bore", 1, 14),
    ],
}


def path(folder: str, number: int) -> str:
    """Name of a review below the root."""
    return f"{folder}/{number}_{REVIEWS[folder][number][1]}.txt"


def contents() -> dict[str, bytes]:
    """Content of the reviews by name below the root."""
    return {
        path(folder, number): text.encode()
        for folder, reviews in REVIEWS.items()
        for number, (text, _, _) in enumerate(reviews)
    }


def bag(text: str) -> dict[int, int]:
    """Number of each word of the vocabulary that is in a text."""
    words = text.replace("<br />", " ").split()
    return {i: words.count(word) for i, word in enumerate(WORDS) if word in words}


def _beside() -> dict[str, bytes]:
    """The files beside the reviews."""
    urls = {
        f"{folder.replace('/', '/urls_')}.txt": "".join(
            f"http://www.imdb.com/title/tt{film:07}/usercomments\n" for _, _, film in reviews
        ).encode()
        for folder, reviews in REVIEWS.items()
    }
    return urls | {
        "imdb.vocab": "\n".join(WORDS).encode(),
        "imdbEr.txt": "".join(f"{rating}\n" for rating in EXPECTED_RATINGS).encode(),
    }


def _bags() -> dict[str, bytes]:
    """The bags of words, with the line ends of the published ones."""
    files = {
        "train/labeledBow.feat": ["train/pos", "train/neg"],
        "train/unsupBow.feat": ["train/unsup"],
        "test/labeledBow.feat": ["test/pos", "test/neg"],
    }
    return {
        name: "".join(
            f"{stars} {' '.join(f'{i}:{count}' for i, count in bag(text).items())}".rstrip()
            + "\r\n"
            for folder in folders
            for text, stars, _ in REVIEWS[folder]
        ).encode()
        for name, folders in files.items()
    }


def index() -> list[str]:
    """The publisher's index: made from texts, so that of the two twins in test/pos it has one twice."""
    names = [path(f, n) for f in ("test/neg", "test/pos") for n in range(len(REVIEWS[f]))]
    names[names.index("test/pos/4_10.txt")] = "test/pos/3_10.txt"
    return [name.removeprefix("test/") for name in names]


def probabilities() -> np.ndarray:
    """Of each row of the index, for negative and positive."""
    positive = np.linspace(0.05, 0.95, len(index()))
    return np.stack([1 - positive, positive], axis=1)


VOTES = [
    ("test/neg/1_2", "Negative", "Positive", (2, 1, 2, 0)),
    ("test/neg/3_4", "Negative", "Positive", (0, 4, 0, 1)),
    ("test/pos/3_10", "Positive", "Negative", (5, 0, 0, 0)),
]


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    everything = contents() | _beside() | _bags() | {"README": b"A miniature: all made up.\n"}
    archive = miniature_files.tar_gz({f"{ROOT}/{name}": c for name, c in everything.items()})
    votes = [
        {
            "id": name,
            "url": f"https://labelerrors.com/static/imdb/{name}.txt",
            "given_original_label": given,
            "our_guessed_label": guessed,
            "mturk": dict(zip(("given", "guessed", "neutral", "off-topic"), counts)),
        }
        for name, given, guessed, counts in VOTES
    ]
    given = np.array([name.startswith("pos") for name in index()], np.uint16)
    errors = {
        "mturk/imdb_mturk.json": json.dumps(votes, indent=2).encode(),
        "dataset_indexing/imdb_test_set_index_to_filename.json": json.dumps(index()).encode(),
        "original_test_labels/imdb_test_set_original_labels.npy": miniature_files.npy(given),
        "cross_validated_predicted_probabilities/imdb_test_set_pyx.npy": miniature_files.npy(
            probabilities()
        ),
    }
    files = {_ARCHIVE: ("aclImdb_v1.tar.gz", archive)}
    files |= {
        _LABEL_ERRORS + name: (name.rpartition("/")[2], content) for name, content in errors.items()
    }
    miniature_files.write_files(folder, files)
    halves = {
        "train": sum(len(REVIEWS[f]) for f in ("train/pos", "train/neg")),
        "test": sum(len(REVIEWS[f]) for f in ("test/pos", "test/neg")),
        "unsupervised": len(REVIEWS["train/unsup"]),
    }
    rows = [(c, split, n) for c in ("plain_text", "bag_of_words") for split, n in halves.items()]
    rows += [("label_errors", "test", halves["test"]), ("vocabulary", "vocabulary", len(WORDS))]
    miniature_files.write_table(folder / "counts.tsv", ["config", "split", "examples"], rows)
    miniature_files.write_table(
        folder / "members.tsv",
        ["member", "sha256"],
        [(name, hashlib.sha256(content).hexdigest()) for name, content in _beside().items()],
    )
    miniature_files.write_table(
        folder / "bags.tsv",
        ["member", "gitblob"],
        [
            (name, hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest())
            for name, content in _bags().items()
        ],
    )
    miniature_files.write_table(
        folder / "folders.tsv", ["folder", "files", "sha256"], map(manifest, FOLDERS)
    )


def manifest(folder: str) -> tuple[str, int, str]:
    """Name of a folder, number of its reviews, and the digest of them all."""
    digests = {
        f"{ROOT}/{name}": hashlib.sha256(content).hexdigest()
        for name, content in contents().items()
        if name.startswith(f"{folder}/")
    }
    lines = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
    return folder, len(digests), hashlib.sha256(lines.encode()).hexdigest()


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "imdb_reviews_extended")
