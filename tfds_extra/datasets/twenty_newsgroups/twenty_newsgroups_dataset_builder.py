"""Twenty Newsgroups: three editions, headers, quotes and signatures, cross-posts and duplicates."""

from __future__ import annotations

import collections
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.twenty_newsgroups import bodies, features, survey
from tfds_extra.formats import label_errors, netnews, npy

_HOMEPAGE = "http://qwone.com/~jason/20Newsgroups/"

# Folders of each edition, as they are in its archive.
_FOLDERS = {
    "bydate": ("20news-bydate-train", "20news-bydate-test"),
    "original": ("20_newsgroups",),
    "headers": ("20news-18828",),
}
_HOLDS = tuple(f"{group}/*" for group in features.GROUPS)
_ARCHIVES = {
    "bydate": core.Archive(
        # scikit-learn takes it from the second URL.
        core.Mirrors(
            [_HOMEPAGE + "20news-bydate.tar.gz", "https://ndownloader.figshare.com/files/5975967"]
        ),
        holds=tuple(f"{folder}/*/*" for folder in _FOLDERS["bydate"]),
        also_called=("20news-bydate",),
    ),
    "original": core.Archive(
        _HOMEPAGE + "20news-19997.tar.gz", root=_FOLDERS["original"][0], holds=_HOLDS
    ),
    "headers": core.Archive(
        _HOMEPAGE + "20news-18828.tar.gz", root=_FOLDERS["headers"][0], holds=_HOLDS
    ),
}
# The archives of each config; its messages are those of the first archive.
_ARCHIVES_OF = {
    "bydate": ("bydate", "original"),
    "bydate_only": ("bydate",),
    "original_19997": ("original",),
    "headers_18828": ("headers",),
    "label_errors": ("bydate",),
}
_STUDY = {
    "label_errors": "mturk/20news_mturk.json",
    "given_labels": "original_test_labels/20news_test_set_original_labels.npy",
    "cv_pred_probs": "cross_validated_predicted_probabilities/20news_test_set_pyx.npy",
}
_CHOICES = ("given", "guessed", "neither", "both")  # People who judged labels had these choices.
_NOT_ASKED = {**label_errors.NO_CANDIDATE, "votes_both": -1}

_GROUP_AND_ID = rf"(?:{'|'.join(map(re.escape, features.GROUPS))})/[0-9]{{1,9}}"


class Message(NamedTuple):
    """A message as it was read.

    Attributes:
      path: Name of the file in its archive.
      content: Its bytes.
      twin: The header of the same message in edition 19997, if that is known.
      facts: Features that depend on other messages and files.
    """

    path: str
    content: bytes
    twin: str | None
    facts: dict[str, Any]


class Builder(core.ChunkedBuilder):
    """Twenty Newsgroups."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(
            name="bydate",
            description="The edition in use, split by time, with the headers that it lacks.",
        ),
        tfds.core.BuilderConfig(name="bydate_only", description="The same from its archive alone."),
        tfds.core.BuilderConfig(
            name="original_19997", description="All messages with all headers, and duplicates."
        ),
        tfds.core.BuilderConfig(
            name="headers_18828", description="Without duplicates, From and Subject alone."
        ),
        tfds.core.BuilderConfig(
            name="label_errors",
            description="The test set of bydate with what a model and people thought of the labels.",
        ),
    ]
    # Telling the parts of more messages takes longer than starting workers.
    SERIAL_BYTES = 4 << 20
    DRAWN_FIRST = (
        "label", "subject", "from_name", "date", "written", "quoted", "signature", "newsgroups",
    )  # fmt: skip

    def __init__(self, *, remove: Collection[str] = (), **kwargs: Any):
        """Creates a builder.

        Args:
          remove: Parts that the text of `as_supervised=True` lacks, as in scikit-learn's
            `fetch_20newsgroups`: some of "headers", "footers" and "quotes". The prepared data are
            the same.
          **kwargs: Arguments of `core.Builder`.

        Raises:
          ValueError: `remove` is something else, or as in `core.Builder`.
        """
        self._text = features.without(remove) if remove else "text"
        super().__init__(**kwargs)
        self._remember_arguments(remove=tuple(remove))

    def _info(self) -> tfds.core.DatasetInfo:
        all_features = features.of_messages()
        if self.base_config_name == "label_errors":
            all_features |= features.of_label_errors()
        return self.dataset_info(
            features=all_features,
            supervised_keys=(self._text, "label"),
            homepage=_HOMEPAGE,
            license="None stated. Messages belong to those who posted them in public newsgroups,"
            " with their names and addresses. Label errors: Apache-2.0.",
            metadata={"topic_of": features.TOPIC_OF},
        )

    def published_files(self) -> dict[str, core.Archive | core.File]:
        files: dict[str, core.Archive | core.File] = {
            name: _ARCHIVES[name] for name in _ARCHIVES_OF[self.base_config_name]
        }
        if self.base_config_name == "label_errors":
            files |= {
                name: core.File(label_errors.PUBLISHED_AT + path) for name, path in _STUDY.items()
            }
        return files

    def whole_files(self, split):
        return _ARCHIVES_OF[self.base_config_name]  # Messages are compared with all others.

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        return core.by_split(list(self.expected_counts), [files], self._by_chunks)

    def _read(self, files: Mapping[str, Any]) -> Iterator[core.Chunk]:
        """Yields all messages. They are read twice, since some features depend on all messages."""
        return core.in_chunks(
            self._messages(files),
            lambda message: len(message.content),
            lambda message: message.path,
        )

    def _make(self, files: Mapping[str, Any], chunk: core.Chunk) -> Iterator[core.Rows]:
        edition = _ARCHIVES_OF[self.base_config_name][0]
        examples = collections.defaultdict(list)
        for message in chunk.content:
            with core.located(files[edition], message.path, core.GET_AGAIN):
                example = make_example(message.path, message.content, message.twin)
            examples[_split_of(message.path)].append(example | message.facts)
        for split, some in examples.items():
            yield _rows(split, some)

    def _messages(self, files: Mapping[str, Any]) -> Iterator[Message]:
        """Yields each message with what others tell about it."""
        edition, *others = _ARCHIVES_OF[self.base_config_name]
        own = self._survey(edition, files[edition])
        original = self._survey("original", files["original"], True) if others else None
        marks = Marks(own, original)
        errors = self._label_errors(files, own) if "label_errors" in files else None
        for path, content in self._contents(edition, files[edition]):
            if _split_of(path) in self.expected_counts:
                twin = original.header(twin_of(path)) if original else None
                facts = marks.of(path) | (errors[path] if errors is not None else {})
                yield Message(path, content, twin, facts)

    def _contents(self, edition: str, tree: core.Tree) -> Iterator[tuple[str, bytes]]:
        """Yields the path and content of each message of an edition."""
        root = _ARCHIVES[edition].root
        if root:
            pattern, prefix, before = _GROUP_AND_ID, "", f"{root}/"
        else:
            # Users may have extracted other archives to the same folder.
            pattern, prefix, before = (
                rf"(?:{'|'.join(_FOLDERS[edition])})/{_GROUP_AND_ID}",
                "20news-bydate-",
                "",
            )
        members = self.members(edition, tree, pattern=re.compile(pattern), prefix=prefix)
        for name, content in members.contents():
            yield before + name, content

    def _survey(self, edition: str, tree: core.Tree, keeps_headers: bool = False) -> survey.Survey:
        """Reads an edition, and compares it with its published digests, unless it is a part."""
        found = survey.Survey(keeps_headers=keeps_headers)
        for path, content in self._contents(edition, tree):
            with core.located(tree, path, core.GET_AGAIN):
                found.add(path, content)
        if self.variant == core.PARTIAL:
            return found
        counts = found.counts()
        for row in self.read_facts("groups.tsv"):
            for folder in _FOLDERS[edition]:
                count, expected = counts[folder, row["group"]], int(row[folder])
                if count != expected:
                    raise core.CorpusError(
                        tree,
                        f"{folder}/{row['group']}",
                        f"{count:,} messages, the publisher has {expected:,}",
                        f"{core.GET_AGAIN} {core.IF_PARTIAL}",
                    )
        for row in self.read_facts("folders.tsv"):
            if row["folder"] in _FOLDERS[edition] and found.digest(row["folder"]) != row["sha256"]:
                raise core.CorpusError(
                    tree, row["folder"], "some of its messages are not the published ones",
                    core.GET_AGAIN,
                )  # fmt: skip
        return found

    def _label_errors(
        self, files: Mapping[str, Any], own: survey.Survey
    ) -> dict[str, dict[str, Any]]:
        """Returns the features about wrong labels of the test set, by path.

        The study numbers the messages in scikit-learn's order.
        """
        folder = _FOLDERS["bydate"][1]
        paths = survey.scikit_learn_order(path for path in own.bodies if path.startswith(folder))
        expected = self.expected_counts["test"]
        if len(paths) != expected:
            raise core.CorpusError(
                files["bydate"],
                folder,
                f"of {expected:,} messages {len(paths):,} are there, and only the place among all"
                " tells what the study has found of one",
                "Take another config, or get the whole archive.",
            )
        labels = np.array([features.GROUPS.index(path.split("/")[1]) for path in paths], np.uint16)
        with core.located(files["given_labels"], "", core.GET_AGAIN):
            given = npy.parse(files["given_labels"].read(), np.uint16)
        core.check_same_rows(files["given_labels"], given, labels)
        with core.located(files["cv_pred_probs"], "", core.GET_AGAIN):
            probabilities = npy.parse(
                files["cv_pred_probs"].read(), np.float64, (len(features.GROUPS),)
            )
            if len(probabilities) != expected:
                raise ValueError(f"{len(probabilities):,} rows, expected {expected:,}")
        with core.located(files["label_errors"], "", core.GET_AGAIN):
            candidates = label_errors.parse(files["label_errors"].read(), given, _CHOICES)
        return {
            path: {
                "label_error": candidates.get(row, _NOT_ASKED),
                "cv_pred_probs": probabilities[row],
                "cv_pred_label": int(probabilities[row].argmax()),
            }
            for row, path in enumerate(paths)
        }


class Marks:
    """Finds messages of an edition that are like others."""

    def __init__(self, own: survey.Survey, original: survey.Survey | None):
        """Compares them.

        Args:
          own: The messages of the edition.
          original: The messages of edition 19997, if it is read as well.
        """
        self._own, self._original = own, original
        message_ids = own.message_ids
        if original is not None:
            message_ids = {path: original.message_ids.get(twin_of(path), "") for path in own.bodies}
        self._duplicates = survey.alike(message_ids)
        self._same_body = survey.alike(own.bodies)

    def of(self, path: str) -> dict[str, Any]:
        """Returns the features of a message about messages that are like it."""
        same_body = self._same_body.get(path, [])
        folder = path.partition("/")[0]
        twin = None if self._original is None else self._original.bodies.get(twin_of(path))
        return {
            "duplicates": self._duplicates.get(path, []),
            "same_body": same_body,
            "same_body_in_other_split": any(
                other.partition("/")[0] != folder for other in same_body
            ),
            "twin": "" if twin is None else twin_of(path),
            "body_altered": twin is not None and twin != self._own.bodies[path],
        }


def _split_of(path: str) -> str:
    return "test" if path.startswith(_FOLDERS["bydate"][1]) else "train"


def twin_of(path: str) -> str:
    """Returns the path of a message in edition 19997."""
    return f"{_FOLDERS['original'][0]}/{path.partition('/')[2]}"


def make_example(path: str, content: bytes, twin: str | None) -> dict[str, Any]:
    """Returns a message as an example, without the features that depend on other messages.

    Args:
      path: Name of the file in its archive.
      content: Its bytes.
      twin: The header of the same message in edition 19997, if that is known.

    Raises:
      ValueError: It is no message.
    """
    message = netnews.parse(content)
    group, _, number = path.partition("/")[2].partition("/")
    label = features.GROUPS.index(group)
    fields = survey.first(message.fields)
    if twin is not None:
        fields = survey.first(netnews.parse_fields(twin)) | fields
    name, address = netnews.parse_mailbox(fields.get("from", ""))
    time = netnews.parse_date(fields.get("date", ""))
    newsgroups = netnews.parse_newsgroups(fields.get("newsgroups", ""))
    lines = netnews.parse_lines(fields.get("lines", ""))
    body = message.body.split("\n")
    kinds = bodies.kinds(body)
    return {
        "text": message.text,
        "raw": content,
        "label": label,
        "topic": features.TOPICS.index(features.TOPIC_OF[group]),
        "hierarchy": features.HIERARCHIES.index(group.partition(".")[0]),
        "id": number,
        "path": path,
        "headers": {
            "name": [name for name, _ in message.fields],
            "value": [value for _, value in message.fields],
        },
        "header": message.header,
        "body": message.body,
        **{feature: fields.get(name.lower(), "") for feature, name in features.TEXT_FIELDS.items()},
        "from_name": name,
        "from_email": address,
        "timestamp": -1 if time is None else time,
        "references": netnews.parse_references(fields.get("references", "")),
        "newsgroups": newsgroups,
        "num_newsgroups": len(newsgroups),
        "cross_posted_labels": sorted(
            {features.GROUPS.index(one) for one in newsgroups if one in features.TOPIC_OF} - {label}
        ),
        "lines": -1 if lines is None else lines,
        "line_kinds": kinds,
        **{
            part: "\n".join(line for line, kind in zip(body, kinds) if kind == number)
            for number, part in enumerate(bodies.PARTS)
        },
        **{
            features.without(chosen): text for chosen, text in bodies.stripped(message.text).items()
        },
    }


def _rows(split: str, examples: list[dict[str, Any]]) -> core.Rows:
    keys = [example["path"].partition("/")[2] for example in examples]
    columns = {name: [example[name] for example in examples] for name in examples[0]}
    return core.Rows(split, keys, columns)
