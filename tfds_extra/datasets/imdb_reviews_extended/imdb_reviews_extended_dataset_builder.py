"""IMDB reviews (Large Movie Review Dataset): ratings, films, bags of words, twins, label errors."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import html
import json
import re
import tempfile
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.imdb_reviews_extended import features
from tfds_extra.formats import label_errors, npy

_HOMEPAGE = "https://ai.stanford.edu/~amaas/data/sentiment/"
_ARCHIVE = "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
_LABEL_ERRORS = (
    "https://raw.githubusercontent.com/cleanlab/label-errors/"
    "6d5d6b31a13216290afc40e5c6319399c4d15c06/"
)
_ROOT = "aclImdb"

_REVIEW = re.compile(
    r"(?P<half>train|test)/(?P<folder>pos|neg|unsup)/(?P<id>[0-9]{1,5})_(?P<rating>10|[0-9])\.txt"
)
_URL = re.compile(r"http://www\.imdb\.com/title/(tt[0-9]{7})/usercomments")
_FOLDERS = ["train/pos", "train/neg", "train/unsup", "test/pos", "test/neg"]
_BAGS = {
    "train/labeledBow.feat": ["train/pos", "train/neg"],
    "train/unsupBow.feat": ["train/unsup"],
    "test/labeledBow.feat": ["test/pos", "test/neg"],
}
_VOCABULARY, _EXPECTED_RATINGS = "imdb.vocab", "imdbEr.txt"
_RATINGS = {"pos": range(7, 11), "neg": range(1, 5), "unsup": range(1)}
_CHOICES = ("given", "guessed", "neutral", "off-topic")
_BLOCK = 1000  # Reviews that are written at once.
_IN_MEMORY = 32 << 20  # Bytes of reviews; more wait on disk.

# Windows-1252 that was decoded as ISO 8859-1 before publication. Five of the bytes are no character.
_WINDOWS = {
    code: bytes([code]).decode("cp1252", "ignore") or chr(code) for code in range(0x80, 0xA0)
}


@dataclasses.dataclass
class Review:
    """What is known of a review before its text is read again.

    Attributes:
      path: Name of the published file.
      match: Its parts.
      digest: sha256 of its bytes.
      start: Where its bytes are in the file of those that wait.
      size: How many they are.
    """

    path: str
    match: re.Match[str]
    digest: bytes
    start: int
    size: int

    @property
    def folder(self) -> str:
        """Such as train/pos."""
        return f"{self.match['half']}/{self.match['folder']}"

    @property
    def id(self) -> int:
        """Its number in the folder."""
        return int(self.match["id"])

    @property
    def split(self) -> str:
        """The split that it belongs to."""
        return "unsupervised" if self.match["folder"] == "unsup" else self.match["half"]


class Builder(core.Builder):
    """Large Movie Review Dataset v1.0."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="plain_text", description="Reviews with rating and film."),
        tfds.core.BuilderConfig(
            name="bag_of_words", description="The same with the published bags of words."
        ),
        tfds.core.BuilderConfig(
            name="label_errors",
            description="The test reviews with what a model and five people thought of the labels.",
        ),
        tfds.core.BuilderConfig(
            name="vocabulary", description="The words of the bags, with their expected ratings."
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.base_config_name
        of_config = {
            "bag_of_words": features.of_bags,
            "label_errors": features.of_label_errors,
        }
        if config == "vocabulary":
            all_features = features.of_words()
        else:
            all_features = features.of_reviews() | of_config.get(config, dict)()
        return self.dataset_info(
            features=all_features,
            supervised_keys=None if config == "vocabulary" else ("text", "label"),
            disable_shuffling=config == "vocabulary",
            homepage=_HOMEPAGE,
            license="None stated; the publishers ask to be cited. Reviews belong to their authors and"
            " IMDb. Label errors: Apache-2.0.",
        )

    def published_files(self) -> dict[str, core.Archive | core.File]:
        files = {
            "corpus": core.Archive(
                _ARCHIVE,
                _ROOT,
                holds=("imdb.vocab", "*/urls_*.txt"),
                others=("README", *_BAGS),
            )
        }
        if self.base_config_name == "label_errors":
            for name, path in {
                "label_errors": "mturk/imdb_mturk.json",
                "index": "dataset_indexing/imdb_test_set_index_to_filename.json",
                "given_labels": "original_test_labels/imdb_test_set_original_labels.npy",
                "cv_pred_probs": "cross_validated_predicted_probabilities/imdb_test_set_pyx.npy",
            }.items():
                files[name] = core.File(_LABEL_ERRORS + path)
        return files

    def member_digests(self, file, tree, prefix=""):
        return {row["member"]: row["sha256"] for row in self.read_facts("members.tsv")}

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        return core.by_split(list(self.expected_counts), [files], self._generate_examples)

    def _generate_examples(self, files: Mapping[str, core.Tree]) -> Iterator[core.Rows]:
        """Yields all reviews, or all words."""
        if self.base_config_name == "vocabulary":
            yield self._words(files["corpus"])
            return
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as waiting:
            reviews, beside = self._read(files["corpus"], waiting)
            titles = self._titles(files["corpus"], reviews, beside)
            others = _others(reviews, [review.digest for review in reviews])
            title_others = _others(reviews, titles)
            copies = collections.Counter(review.digest for review in reviews)
            bags = self._bags(files["corpus"], reviews, beside)
            errors = self._label_errors(files) if "label_errors" in files else {}
            by_split: dict[str, list[int]] = {split: [] for split in self.expected_counts}
            for number, review in enumerate(reviews):
                if review.split in by_split:
                    by_split[review.split].append(number)
            for split, numbers in by_split.items():
                for start in range(0, len(numbers), _BLOCK):
                    chosen = numbers[start : start + _BLOCK]
                    some = [reviews[number] for number in chosen]
                    columns = _columns(some, waiting, files["corpus"])
                    columns |= {
                        "title_id": [(titles[n] or ("", ""))[0] for n in chosen],
                        "title_url": [(titles[n] or ("", ""))[1] for n in chosen],
                        "copies": np.array([copies[one.digest] for one in some], np.int32),
                        "in_other_split": others[chosen],
                        "title_in_other_split": title_others[chosen],
                    }
                    if bags:
                        columns["bow_index"] = [bags[n][0] for n in chosen]
                        columns["bow_count"] = [bags[n][1] for n in chosen]
                    if errors:
                        known = [errors.get(one.path.removeprefix("test/"), {}) for one in some]
                        columns["label_error"] = [
                            one.get("label_error", _NOT_ASKED) for one in known
                        ]
                        columns["cv_pred_probs"] = np.stack(
                            [one.get("probabilities", np.full(2, np.nan)) for one in known]
                        )
                    yield core.Rows(split, [f"{_ROOT}/{one.path}" for one in some], columns)

    def _read(
        self, tree: core.Tree, waiting: tempfile.SpooledTemporaryFile
    ) -> tuple[list[Review], dict[str, bytes]]:
        """Goes through the archive once.

        Args:
          tree: The archive.
          waiting: Takes the texts.

        Returns:
          The reviews in order, and the content of the files beside them.
        """
        wanted = [f"{folder.replace('/', '/urls_')}.txt" for folder in _FOLDERS]
        if self.base_config_name == "bag_of_words":
            wanted += _BAGS
        reviews, beside = [], {}
        members = self.members(
            "corpus", tree, wanted, pattern=_REVIEW, what="lists", checks_rest=False
        )
        for name, content in members.contents():
            if match := _REVIEW.fullmatch(name):
                if int(match["rating"]) not in _RATINGS[match["folder"]]:
                    problem = f"{match['rating']} stars are not {match['folder']}"
                    raise core.CorpusError(tree, name, problem, core.GET_AGAIN)
                digest = hashlib.sha256(content).digest()
                start = waiting.seek(0, 2)
                waiting.write(content)
                reviews.append(Review(name, match, digest, start, len(content)))
            elif name in wanted:
                beside[name] = content
        reviews.sort(key=lambda review: (_FOLDERS.index(review.folder), review.id))
        self._check_folders(tree, reviews)
        return reviews, beside

    def _check_folders(self, tree: core.Tree, reviews: list[Review]) -> None:
        """Holds the texts of each folder against the digest of them all, unless it is a part."""
        if self.variant == core.PARTIAL:
            return
        for row in self.read_facts("folders.tsv"):
            of_folder = sorted(
                (f"{_ROOT}/{one.path}", one.digest.hex())
                for one in reviews
                if one.folder == row["folder"]
            )
            lines = "".join(f"{digest}  {path}\n" for path, digest in of_folder)
            digest = hashlib.sha256(lines.encode()).hexdigest()
            if len(of_folder) != int(row["files"]) or digest != row["sha256"]:
                raise core.CorpusError(
                    tree,
                    row["folder"],
                    f"its {len(of_folder):,} reviews are not the {int(row['files']):,} published"
                    " ones",
                    f"{core.GET_AGAIN} {core.IF_PARTIAL}",
                )

    def _titles(
        self, tree: core.Tree, reviews: list[Review], beside: Mapping[str, bytes]
    ) -> list[tuple[str, str] | None]:
        """Id and address of the film of each review: line n, from 0, is of review n."""
        addresses = {}
        for folder in _FOLDERS:
            name = f"{folder.replace('/', '/urls_')}.txt"
            if name in beside:
                with core.located(tree, name, core.GET_AGAIN):
                    addresses[folder] = _parse_urls(beside[name])
        found = []
        for review in reviews:
            of_folder = addresses.get(review.folder)
            if of_folder is not None and review.id >= len(of_folder):
                problem = f"there is no line {review.id + 1:,} for {review.path}"
                name = f"{review.folder.replace('/', '/urls_')}.txt"
                raise core.CorpusError(tree, name, problem, core.GET_AGAIN)
            found.append(of_folder[review.id] if of_folder is not None else None)
        return found

    def _bags(
        self, tree: core.Tree, reviews: list[Review], beside: Mapping[str, bytes]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Words and counts of each review; none in the other configs.

        Lines are in the order of the reviews; each begins with the stars, which tells whether it is
        of the right one. In a part, reviews whose line is not there have no words.
        """
        if self.base_config_name != "bag_of_words":
            return []
        files = {row["member"]: row["gitblob"] for row in self.read_facts("bags.tsv")}
        counts = {row["folder"]: int(row["files"]) for row in self.read_facts("folders.tsv")}
        lines: dict[str, list[bytes]] = {}
        for name, folders in _BAGS.items():
            content = beside.get(name, b"")
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
            if self.variant != core.PARTIAL and blob.hexdigest() != files[name]:
                problem = f"altered: its git blob is {blob.hexdigest()}, not {files[name]}"
                raise core.CorpusError(tree, name, problem, core.GET_AGAIN)
            rest = content.split(b"\n")
            for folder in folders:
                lines[folder], rest = rest[: counts[folder]], rest[counts[folder] :]
        nothing = np.zeros(0, np.int32)
        bags = []
        for review in reviews:
            of_folder = lines[review.folder]
            line = of_folder[review.id] if review.id < len(of_folder) else b""
            if not line and self.variant == core.PARTIAL:
                bags.append((nothing, nothing))
                continue
            with core.located(tree, f"the bag of words of {review.path}", core.GET_AGAIN):
                bags.append(_parse_bag(line, int(review.match["rating"])))
        return bags

    def _label_errors(self, files: Mapping[str, core.Content]) -> dict[str, dict]:
        """What is known of the labels, by the path below test/.

        The publisher's index was made from texts: of reviews with the same text it may name one
        twice, and another one not at all. What it says of a name is taken from its first row.
        """
        with core.located(files["index"], "", core.GET_AGAIN):
            paths = [str(path) for path in json.loads(files["index"].read())]
        with core.located(files["given_labels"], "", core.GET_AGAIN):
            given = npy.parse(files["given_labels"].read(), np.uint16)
        in_paths = np.array([path.startswith("pos/") for path in paths], np.uint16)
        core.check_same_rows(files["given_labels"], given, in_paths)
        with core.located(files["cv_pred_probs"], "", core.GET_AGAIN):
            probabilities = npy.parse(files["cv_pred_probs"].read(), np.float64, (2,))
            if len(probabilities) != len(paths):
                raise ValueError(f"{len(probabilities):,} rows, expected {len(paths):,}")
        first = {path: row for row, path in reversed(list(enumerate(paths)))}
        found = {path: {"probabilities": probabilities[row]} for path, row in first.items()}
        with core.located(files["label_errors"], "", core.GET_AGAIN):
            candidates = label_errors.parse(
                _with_rows(files["label_errors"].read(), first), given, _CHOICES
            )
        for row, candidate in candidates.items():
            found[paths[row]]["label_error"] = {
                name.replace("-", "_"): value for name, value in candidate.items()
            }
        return found

    def _words(self, tree: core.Tree) -> core.Rows:
        """The vocabulary, with the expected rating of each word."""
        members = self.members("corpus", tree, [_VOCABULARY, _EXPECTED_RATINGS], checks_rest=False)
        found = {}
        for name, content in _without_reviews(members):
            with core.located(tree, name, core.GET_AGAIN):
                found[name] = content.decode("utf-8").removesuffix("\n").split("\n")
                if name == _EXPECTED_RATINGS:
                    found[name] = [float(line) for line in found[name]]
        words, ratings = found.get(_VOCABULARY, []), found.get(_EXPECTED_RATINGS, [])
        if len(words) != len(ratings):
            problem = f"{len(words):,} words, and {len(ratings):,} ratings"
            raise core.CorpusError(tree, _EXPECTED_RATINGS, problem, core.GET_AGAIN)
        columns = {
            "word": words,
            "index": np.arange(len(words), dtype=np.int32),
            "expected_rating": np.array(ratings, np.float64),
        }
        return core.Rows("vocabulary", range(len(words)), columns)


_NOT_ASKED = {
    **{name: value for name, value in label_errors.NO_CANDIDATE.items() if name != "votes_neither"},
    "votes_neutral": -1,
    "votes_off_topic": -1,
}


def _without_reviews(members: core.Members) -> Iterator[tuple[str, bytes]]:
    """Members that are wanted; the many reviews of the archive are known, and not read."""
    return dataclasses.replace(members, others=(*members.others, "*/*/*.txt")).contents()


def _columns(reviews: list[Review], waiting: tempfile.SpooledTemporaryFile, tree: core.Tree):
    """What a review says of itself, in columns."""
    texts = []
    for review in reviews:
        waiting.seek(review.start)
        with core.located(tree, review.path, core.GET_AGAIN):
            texts.append(waiting.read(review.size).decode("utf-8"))
    labels = {name: number for number, name in enumerate(features.CLASSES)}
    return {
        "text": texts,
        "text_clean": [clean(text) for text in texts],
        "label": np.array([labels.get(one.match["folder"], -1) for one in reviews]),
        "rating": np.array([int(one.match["rating"]) for one in reviews], np.int32),
        "review_id": np.array([one.id for one in reviews], np.int32),
        "path": [one.path for one in reviews],
    }


def clean(text: str) -> str:
    """A review as its author saw it: line breaks, Windows characters, entities unescaped."""
    return html.unescape(text.replace("<br />", "\n").translate(_WINDOWS))


def _others(reviews: list[Review], values: list) -> np.ndarray:
    """Whether the value of a review is one in the labelled train or test split as well.

    Args:
      reviews: The reviews.
      values: A value for each; None if it is not known.

    Returns:
      bool of shape (reviews,): of train and test, the other one; of unsupervised, either.
    """
    of_split = {split: set() for split in ("train", "test", "unsupervised")}
    for review, value in zip(reviews, values, strict=True):
        of_split[review.split].add(value)
    either = {
        "train": of_split["test"],
        "test": of_split["train"],
        "unsupervised": of_split["train"] | of_split["test"],
    }
    return np.array(
        [
            value is not None and value in either[review.split]
            for review, value in zip(reviews, values)
        ],
        bool,
    )


def _parse_urls(content: bytes) -> list[tuple[str, str]]:
    """Id and address of the film, line by line."""
    found = []
    for number, line in enumerate(content.decode("ascii").splitlines(), start=1):
        match = _URL.fullmatch(line)
        if not match:
            raise ValueError(f"line {number:,}: not the address of a film: {line[:80]!r}")
        found.append((match[1], line))
    return found


def _parse_bag(line: bytes, rating: int) -> tuple[np.ndarray, np.ndarray]:
    """Words and counts of one line: `<stars> <word>:<count> ...`, words ascending."""
    stars, *pairs = line.split()
    if int(stars) != rating:
        raise ValueError(f"it is of a review with {int(stars)} stars, and not with {rating}")
    numbers = np.array([pair.split(b":") for pair in pairs], np.int64).reshape(-1, 2)
    words, counts = numbers.astype(np.int32).T
    if (numbers != np.stack([words, counts], 1)).any() or (counts < 1).any():
        raise ValueError("a count or a word is no number that fits")
    if len(words) and (words[0] < 0 or (np.diff(words) <= 0).any()):
        raise ValueError("its words are not in ascending order")
    return words, counts


def _with_rows(content: bytes, rows: Mapping[str, int]) -> bytes:
    """The file of label errors with numbers for paths and labels, as it is for other corpora."""
    numbers = {"Negative": 0, "Positive": 1}
    entries = json.loads(content)
    if not isinstance(entries, list):
        raise ValueError("not a list of candidates")
    for number, entry in enumerate(entries):
        try:
            entry["id"] = rows[f"{entry['id'].removeprefix('test/')}.txt"]
            for key in ("given_original_label", "our_guessed_label"):
                entry[key] = numbers[entry[key]]
        except (TypeError, KeyError, AttributeError) as e:
            raise ValueError(f"entry {number}: not a candidate as published ({e!r})") from None
    return json.dumps(entries).encode()
