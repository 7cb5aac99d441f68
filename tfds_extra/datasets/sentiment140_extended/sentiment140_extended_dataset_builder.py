"""Sentiment140: 1.6 million tweets with the sentiment of their emoticons, and 498 judged by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.sentiment140_extended import features, tweets

_HOMEPAGE = "http://help.sentiment140.com/home"
_ARCHIVE = "http://cs.stanford.edu/people/alecmgo/trainingandtestdata.zip"
_MEMBERS = {
    "train": "training.1600000.processed.noemoticon.csv",
    "test": "testdata.manual.2009.06.14.csv",
}
_ALL = "full"
_COMPAT = "tfds_compat"


@dataclasses.dataclass(frozen=True)
class _Piece:
    """The file of one split.

    Attributes:
      tree: The archive, or the folder that the file is in.
      split: The split.
    """

    tree: core.Tree
    split: str


class Builder(core.ChunkedBuilder):
    """Sentiment140, extended."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=_ALL, description="Every published row."),
        tfds.core.BuilderConfig(
            name="clean",
            description="Without the tweets that are there twice, once as negative and once as"
            " positive.",
        ),
        tfds.core.BuilderConfig(
            name="binary",
            description="Classes negative and positive only: the paper's protocol, where the 139"
            " neutral tweets of test are left out.",
        ),
        tfds.core.BuilderConfig(
            name=_COMPAT,
            description="The features, values and order of the standard builder sentiment140.",
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        is_compat = self.base_config_name == _COMPAT
        return self.dataset_info(
            features=features.of_standard_builder()
            if is_compat
            else features.of_tweets(self._classes()),
            supervised_keys=("text", "polarity" if is_compat else "label"),
            homepage=_HOMEPAGE,
            license="None stated. Tweets belong to their authors, and name people.",
        )

    def _classes(self) -> list[str]:
        is_binary = self.base_config_name == "binary"
        return features.BINARY if is_binary else list(features.CLASSES.values())

    def published_files(self) -> dict[str, core.Archive]:
        archive = core.Archive(
            _ARCHIVE,
            holds=tuple(_MEMBERS.values()),
            also_called=("trainingandtestdata", "sentiment140"),
        )
        return {"tweets": archive}

    def member_digests(self, file, tree, prefix=""):
        return {row["member"]: row["sha256"] for row in self.read_facts("members.tsv")}

    def whole_files(self, split):
        # The training set is most of the archive, and is read to its end for what is there twice.
        return ("tweets",) if split == "train" else ()

    def _split_generators(self, dl_manager):
        tree = self.fetch(dl_manager)["tweets"]
        found = self._found_members(tree)
        pieces = [_Piece(tree, split) for split, member in _MEMBERS.items() if member in found]
        return core.by_split(_MEMBERS, pieces, self._by_chunks)

    def _found_members(self, tree: core.Tree) -> set[str]:
        """Returns the published files that are there.

        Raises:
          CorpusError: One is missing, or there is an unknown file.
        """
        prefixes = list(_MEMBERS.values()) if tree.is_shared else [""]
        found = {member.name for prefix in prefixes for member in tree.members(prefix)}
        strangers = sorted(found - set(_MEMBERS.values()))
        if strangers and not tree.is_shared:
            raise core.stranger(tree, strangers[0])
        missing = sorted(set(_MEMBERS.values()) - found)
        if missing and self.variant != core.PARTIAL:
            raise core.CorpusError(tree, missing[0], "it is missing", core.IF_PARTIAL)
        return found

    def _read(self, piece: _Piece) -> Iterator[core.Chunk]:
        """Yields the rows of one split.

        The file is read twice: first for its digest, and to find ids and texts that occur several
        times.
        """
        member = _MEMBERS[piece.split]
        is_compat = self.base_config_name == _COMPAT
        with core.located(piece.tree, member, core.GET_AGAIN):
            with core.find_member(piece.tree, member) as found, found.open() as file:
                published = tweets.AsPublished(file)
                look = tweets.survey if is_compat else tweets.survey_repeats
                survey = look(published, core.CHUNK_BYTES)
                normalize = self._is_saved_anew(piece.split, published, len(survey))
            with core.find_member(piece.tree, member) as found, found.open() as file:
                for lines in survey.cut(file, normalize=normalize):
                    yield core.Chunk(f"{member} from row {lines.first_row + 1:,} on", lines)

    def _make(self, piece: _Piece, chunk: core.Chunk) -> Iterator[core.Rows]:
        with core.located(piece.tree, _MEMBERS[piece.split], core.GET_AGAIN):
            if self.base_config_name == _COMPAT:
                yield core.Rows(piece.split, *tweets.make_as_standard(chunk.content))
                return
            keys, columns = tweets.make(chunk.content, self._classes())
            if self.base_config_name == "clean":
                kept = ~columns["is_conflicting"]
            else:
                kept = columns["label"] >= 0
            if not kept.all():
                rows = np.flatnonzero(kept)
                keys = _chosen(keys, rows)
                columns = {name: _chosen(column, rows) for name, column in columns.items()}
            if keys:
                yield core.Rows(piece.split, keys, columns)

    def _is_saved_anew(self, split: str, file: tweets.AsPublished, rows: int) -> bool:
        """Returns whether a file has the published rows with other line ends.

        Args:
          split: Split of the file.
          file: The file, after it was read.
          rows: Number of its rows.

        Raises:
          ValueError: It is not the published file.
        """
        expected = self.member_digests("tweets", None)[_MEMBERS[split]]
        found, normal = file.digests()
        if expected in (found, normal):
            return expected != found
        official = {
            row["split"]: int(row["examples"])
            for row in self.read_facts("counts.tsv")
            if row["config"] in (_ALL, "*")
        }
        if self.variant == core.PARTIAL and rows < official[split]:
            return False  # Nobody knows the digest of a part.
        raise ValueError(
            f"altered: {rows:,} rows in {file.size:,} bytes with sha256 {found}, the publisher has"
            f" {official[split]:,} rows with {expected} (other line ends would do, too)"
            + (f". {core.IF_PARTIAL}" if rows < official[split] else "")
        )


def _chosen(column: Any, rows: np.ndarray) -> Any:
    """Returns some rows of a column."""
    if isinstance(column, list):
        return [column[row] for row in rows.tolist()]
    return column[rows]
