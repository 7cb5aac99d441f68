"""A made-up corpus to peek at, whose files a test declares."""

from __future__ import annotations

import itertools
import pathlib
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.core import digests


class PeekedCorpus(core.Builder):
    """Members of archives, or lines of files, each an example; folders are splits."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos: dict[str, Any] = {}
    files: dict[str, core.Archive | core.File] = {}
    whole: tuple[str, ...] = ()
    expected_counts = {"train": 1_000_000}

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {"name": tfds.features.Text(), "size": np.int64, "crc": np.int64}
            ),
            metadata=tfds.core.MetadataDict(),
        )

    def facts_path(self, file_name):
        return pathlib.Path(__file__).parent / file_name

    def published_files(self):
        return self.files

    def whole_files(self, split):
        return self.whole

    def _split_generators(self, dl_manager):
        pieces = list(self.fetch(dl_manager).items())
        return core.by_split(self.expected_counts, pieces, self._generate_examples)

    def _generate_examples(self, piece: tuple[str, Any]) -> Iterator[core.SplitExample]:
        name, file = piece
        if isinstance(file, core.Content):
            with core.located(file, "", core.GET_AGAIN), file.open() as lines:
                for line in lines:
                    yield _example("train", line[:10].decode(), line)
            return
        for tree in _trees(file):
            for member in tree.members():
                with core.located(tree, member.name, core.GET_AGAIN):
                    split = member.name.partition("/")[0]
                    yield _example(split, f"{name}/{member.name}", member.read())


def _trees(tree: core.Tree) -> Iterator[core.Tree]:
    first = next(iter(tree.members()))
    if not first.name.endswith(".tar"):
        yield tree
        return
    for member in itertools.islice(tree.members(), 100):
        yield tree.nested(member.name)


def _example(split: str, name: str, content: bytes) -> core.SplitExample:
    return (split, name), {"name": name, "size": len(content), "crc": zlib.crc32(content)}


def corpus(
    files: Mapping[str, core.Archive | core.File],
    published: Mapping[str, digests.Published] | None = None,
    counts: Mapping[str, int] | None = None,
    whole: tuple[str, ...] = (),
) -> type[PeekedCorpus]:
    """A class of builders with some files.

    Args:
      files: The published files.
      published: What was published of them, by URL.
      counts: Number of examples by split.
      whole: Names of files that are read to the end before the first example.
    """
    facts = {"files": dict(files), "url_infos": dict(published or {}), "whole": whole}
    if counts is not None:
        facts["expected_counts"] = dict(counts)
    return type("PeekedCorpus", (PeekedCorpus,), {**facts, "__module__": __name__})
