"""IMDB reviews (Large Movie Review Dataset): ratings, films, bags of words, twins, label errors."""

from __future__ import annotations

import dataclasses
import functools
import html
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.imdb_reviews_extended import bags, features, reviews
from tfds_extra.formats import imdb_lists, label_errors, npy

_HOMEPAGE = "https://ai.stanford.edu/~amaas/data/sentiment/"
_ARCHIVE = "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
_ROOT = "aclImdb"

_VOCABULARY, _EXPECTED_RATINGS = "imdb.vocab", "imdbEr.txt"
_CHOICES = ("given", "guessed", "neutral", "off-topic")  # People who judged labels had these.
_NAMED_CLASSES = ("Negative", "Positive")  # The study of label errors has these names for CLASSES.
_BLOCK = 1000  # Reviews that are written at once.
_IN_MEMORY = 32 << 20  # So many bytes of reviews wait in memory; more wait on disk.

# Windows-1252 that was decoded as ISO 8859-1 before publication. Five bytes are no character.
_WINDOWS = {
    code: bytes([code]).decode("cp1252", "ignore") or chr(code) for code in range(0x80, 0xA0)
}


class Waiting(NamedTuple):
    """Some reviews as they wait on disk.

    Attributes:
      split: Their split.
      block: Columns of what is known without their texts.
      texts: Their texts.
      lines: Their bags of words, as `bags.Bags.line` returns them; empty if none are wanted.
    """

    split: str
    block: dict[str, Any]
    texts: list[bytes]
    lines: list[bytes | None]


class Builder(core.ChunkedBuilder):
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
            license="None stated; the publishers ask to be cited. Reviews belong to their authors"
            " and IMDb. Label errors: Apache-2.0.",
        )

    def published_files(self) -> dict[str, core.Archive | core.File]:
        files: dict[str, core.Archive | core.File] = {
            "corpus": core.Archive(
                _ARCHIVE,
                _ROOT,
                holds=("imdb.vocab", "*/urls_*.txt"),
                others=("README", *bags.FILES),
            )
        }
        if self.base_config_name == "label_errors":
            for name, path in {
                "label_errors": "mturk/imdb_mturk.json",
                "index": "dataset_indexing/imdb_test_set_index_to_filename.json",
                "given_labels": "original_test_labels/imdb_test_set_original_labels.npy",
                "cv_pred_probs": "cross_validated_predicted_probabilities/imdb_test_set_pyx.npy",
            }.items():
                files[name] = core.File(label_errors.PUBLISHED_AT + path)
        return files

    def member_digests(self, file, tree, prefix=""):
        return {row["member"]: row["sha256"] for row in self.read_facts("members.tsv")}

    def whole_files(self, split):
        # Whether a text is there again, and the digest of its folder, tells only the whole archive.
        return ("corpus",) if self.base_config_name != "vocabulary" else ()

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        return core.by_split(list(self.expected_counts), [files], self._by_chunks)

    def _read(self, files: Mapping[str, Any]) -> Iterator[core.Chunk]:
        """Yields all reviews, or all words."""
        if self.base_config_name == "vocabulary":
            yield core.Chunk("the vocabulary", self._words(files["corpus"]))
            return
        tree = files["corpus"]
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as waiting:
            found, lists, words = self._collect(tree, waiting)
            columns = _columns_of_all(found, reviews.titles(tree, found, lists))
            errors = self._label_errors(files) if "label_errors" in files else None
            for split in self.expected_counts:
                of_split = np.flatnonzero(found.split == split)
                for start in range(0, len(of_split), _BLOCK):
                    rows = of_split[start : start + _BLOCK]
                    paths = [found.path(row) for row in rows]
                    block: dict[str, Any] = {name: column[rows] for name, column in columns.items()}
                    block |= {
                        "path": paths,
                        "first_copy": [found.path(r) for r in block.pop("first")],
                    }
                    title = block.pop("title").tolist()
                    block["title_id"] = list(map(reviews.title_id, title))
                    block["title_url"] = list(map(reviews.title_url, title))
                    if errors is not None:
                        known = [errors.get(path.removeprefix("test/"), {}) for path in paths]
                        block["label_error"] = [o.get("label_error", _NOT_ASKED) for o in known]
                        block["cv_pred_probs"] = np.stack(
                            [one.get("probabilities", _NO_PROBABILITIES) for one in known]
                        )
                    texts = zip(found.start[rows].tolist(), found.size[rows].tolist())
                    raw = [_at(waiting, *text) for text in texts]
                    lines: list[bytes | None] = []
                    if self.base_config_name == "bag_of_words":
                        lines = [words.line(found, row) for row in rows.tolist()]
                    yield core.Chunk(
                        f"reviews from {paths[0]} on", Waiting(split, block, raw, lines)
                    )

    def _make(self, files: Mapping[str, Any], chunk: core.Chunk) -> Iterator[core.Rows]:
        if self.base_config_name == "vocabulary":
            yield chunk.content
            return
        split, block, texts, lines = chunk.content
        tree, paths = files["corpus"], block["path"]
        block["text"] = [_decoded(tree, *text) for text in zip(paths, texts)]
        block["text_clean"] = [clean(text) for text in block["text"]]
        if self.base_config_name == "bag_of_words":
            block |= _bags_of(tree, paths, lines, block["rating"].tolist(), self._vocabulary_size)
        yield core.Rows(split, [f"{_ROOT}/{path}" for path in paths], block)

    @functools.cached_property
    def _vocabulary_size(self) -> int:
        (size,) = (
            int(row["examples"])
            for row in self.read_facts("counts.tsv")
            if row["config"] == "vocabulary"
        )
        return size

    def _collect(
        self, tree: core.Tree, waiting: IO[bytes]
    ) -> tuple[reviews.Reviews, dict[str, bytes], bags.Bags]:
        """Reads the archive once.

        Args:
          tree: The archive.
          waiting: Takes the texts, and the bags of words.

        Returns:
          The reviews, the lists of films by name, and the bags of words.
        """
        folders = {row["folder"]: int(row["files"]) for row in self.read_facts("folders.tsv")}
        blobs = {row["member"]: row["gitblob"] for row in self.read_facts("bags.tsv")}
        words = bags.Bags(waiting, blobs, folders, self.variant == core.PARTIAL)
        collector, lists = reviews.Collector(waiting), {}
        wanted = [reviews.url_list(folder) for folder in reviews.FOLDERS]
        if self.base_config_name == "bag_of_words":
            wanted += bags.FILES
        members = self.members(
            "corpus", tree, wanted, pattern=reviews.FILE_NAME, what="lists", checks_rest=False
        )
        for name, content in members.contents():
            with core.located(tree, name, core.GET_AGAIN):
                if match := reviews.FILE_NAME.fullmatch(name):
                    collector.add(match, content)
                elif name in bags.FILES:
                    words.add(name, content)
                else:
                    lists[name] = content
        with core.located(tree, "", core.GET_AGAIN):
            found = collector.reviews()
        self._check_folders(tree, found)
        return found, lists, words

    def _check_folders(self, tree: core.Tree, found: reviews.Reviews) -> None:
        """Compares the texts of each folder with the digest of them all, unless it is a part."""
        if self.variant == core.PARTIAL:
            return
        for row in self.read_facts("folders.tsv"):
            count, digest = found.folder_digest(row["folder"], _ROOT)
            if count != int(row["files"]) or digest != row["sha256"]:
                raise core.CorpusError(
                    tree,
                    row["folder"],
                    f"its {count:,} reviews are not the {int(row['files']):,} published ones",
                    f"{core.GET_AGAIN} {core.IF_PARTIAL}",
                )

    def _label_errors(self, files: Mapping[str, core.Content]) -> dict[str, dict]:
        """Returns the features about wrong labels, by the path below test/.

        The publisher's index was made from texts: among reviews with the same text it may name one
        twice, and another not at all. If a name comes twice, its first row counts.
        """
        with core.located(files["index"], "", core.GET_AGAIN):
            paths = label_errors.parse_index(files["index"].read())
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
                files["label_errors"].read(),
                given,
                _CHOICES,
                rows={f"test/{path.removesuffix('.txt')}": row for path, row in first.items()},
                classes=_NAMED_CLASSES,
            )
        for row, candidate in candidates.items():
            found[paths[row]]["label_error"] = {
                name.replace("-", "_"): value for name, value in candidate.items()
            }
        return found

    def _words(self, tree: core.Tree) -> core.Rows:
        """Returns the vocabulary, with the expected rating of each word."""
        members = self.members("corpus", tree, [_VOCABULARY, _EXPECTED_RATINGS], checks_rest=False)
        # The many reviews are known, and not read.
        members = dataclasses.replace(members, others=(*members.others, "*/*/*.txt"))
        contents = dict(members.contents())
        for name in (_VOCABULARY, _EXPECTED_RATINGS):
            if name not in contents:  # It is a part, and one of the two files alone is useless.
                raise core.CorpusError(tree, name, "there is no such file", core.GET_AGAIN)
        with core.located(tree, _VOCABULARY, core.GET_AGAIN):
            words = imdb_lists.parse_words(contents[_VOCABULARY])
        with core.located(tree, _EXPECTED_RATINGS, core.GET_AGAIN):
            ratings = imdb_lists.parse_ratings(contents[_EXPECTED_RATINGS])
            if len(words) != len(ratings):
                raise ValueError(f"{len(words):,} words, and {len(ratings):,} ratings")
        columns = {
            "word": words,
            "index": np.arange(len(words), dtype=np.int32),
            "expected_rating": ratings,
        }
        return core.Rows("vocabulary", range(len(words)), columns)


_NOT_ASKED = {
    **{name: value for name, value in label_errors.NO_CANDIDATE.items() if name != "votes_neither"},
    "votes_neutral": -1,
    "votes_off_topic": -1,
}


_NO_PROBABILITIES = np.full(2, np.nan)


def _columns_of_all(found: reviews.Reviews, titles: np.ndarray) -> dict[str, np.ndarray]:
    """Returns columns of what is known of each review without its text.

    Two of them are no features: `title`, the film's number, and `first`, the first row with this
    text.
    """
    first, copies, texts = found.twins()
    films = np.unique(titles, return_inverse=True)[1]
    return {
        "label": reviews.LABELS[found.folder],
        "rating": found.stars,
        "review_id": found.id,
        "title": titles,
        "first": first,
        "copies": copies.astype(np.int32),
        "in_other_split": found.in_other_split(texts),
        "title_in_other_split": found.in_other_split(films) & (titles != reviews.UNKNOWN),
    }


def _bags_of(
    tree: core.Tree, paths: list[str], lines: list[bytes | None], stars: list[int], size: int
) -> dict[str, list[np.ndarray]]:
    """Returns some bags of words, as columns."""
    columns: dict[str, list[np.ndarray]] = {"bow_index": [], "bow_count": []}
    for path, line, of_review in zip(paths, lines, stars):
        with core.located(tree, f"the bag of words of {path}", core.GET_AGAIN):
            for column, values in zip(columns.values(), bags.parse(line, of_review, size)):
                column.append(values)
    return columns


def _at(waiting: IO[bytes], start: int, size: int) -> bytes:
    """Returns a text from the temporary file."""
    waiting.seek(start)
    return waiting.read(size)


def _decoded(tree: core.Tree, path: str, text: bytes) -> str:
    with core.located(tree, path, core.GET_AGAIN):
        return text.decode("utf-8")


def clean(text: str) -> str:
    """Returns a review as its author saw it: with line breaks and characters, without entities."""
    return html.unescape(text.replace("<br />", "\n").translate(_WINDOWS))
