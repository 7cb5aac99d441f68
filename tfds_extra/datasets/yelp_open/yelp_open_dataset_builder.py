"""HINT: the corpus in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.features import int32, label, text

# HINT: the publisher's page, and where the files are. Several servers are `core.Mirrors`, a file that
# only comes by hand is a `core.ManualFile`. Each URL has a row in checksums/yelp_open.tsv.
_HOMEPAGE = "https://example.org/yelp_open"
_ARCHIVE = _HOMEPAGE + "/yelp_open-1.0.tar.gz"
_ROOT = "yelp_open-1.0"

_CLASSES = ["glad", "sad"]  # HINT: in the publisher's order, with the source of that order.
_FILE_NAME = re.compile(r"(?P<split>train|test)/(?P<label>[a-z]+)_(?P<number>[0-9]+)\.txt")


class Builder(core.Builder):
    """HINT: the name of the corpus in full."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    # HINT: configs, the default first, if there is more than one form of the corpus:
    # BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=..., description=...), ...]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info(
            # HINT: every field that was published, each with what it means, its unit and its range.
            # More than a screen of them go into features.py beside this file.
            features={
                "text": text("The text, decoded from UTF-8."),
                "label": label(_CLASSES, "What the author felt."),
                "number": int32("Number of the text, from 1, for each split and label."),
                "filename": text("Name of the published file, such as train/glad_1.txt."),
            },
            supervised_keys=("text", "label"),
            homepage=_HOMEPAGE,
            license="CC BY 4.0",  # HINT: the publisher's terms.
        )

    def published_files(self) -> dict[str, core.Archive]:
        # HINT: a `core.File` is no archive. `others` are members that no example is made of; `holds`
        # tells an extracted copy from other folders.
        archive = core.Archive(_ARCHIVE, _ROOT, holds=("train/*.txt",), others=("README",))
        return {"corpus": archive}

    def member_digests(self, file, tree, prefix=""):
        # HINT: leave this method out if nobody listed the members.
        return {row["member"]: row["sha256"] for row in self.read_facts("members.tsv")}

    def _split_generators(self, dl_manager):
        published = self.fetch(dl_manager)
        # HINT: a piece is what one process reads: an archive, a range of its members, a file.
        return core.by_split(["train", "test"], [published["corpus"]], self._generate_examples)

    def _generate_examples(self, tree: core.Tree) -> Iterator[core.SplitExample]:
        """Yields the texts."""
        wanted = [row["member"] for row in self.read_facts("members.tsv")]
        yield from self.members("corpus", tree, wanted, what="texts").make(_examples)


def _examples(name: str, content: bytes) -> Iterator[core.SplitExample]:
    """One text as an example, with its split and key.

    A `ValueError` from here becomes one message that names the archive and the member.
    """
    # HINT: parsers of a format go into tfds_extra/formats/, with the mark `@parser`.
    match = _FILE_NAME.fullmatch(name)
    example = {
        "text": content.decode("utf-8"),
        "label": match["label"],
        "number": int(match["number"]),
        "filename": name,
    }
    yield (match["split"], name), example
