"""WordNet: the database itself, in Princeton's editions and in those of Open English WordNet."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.core import tables
from tfds_extra.datasets.wordnet_synsets import features, open_english, princeton

_HOMEPAGE = "https://wordnet.princeton.edu/"
_PRINCETON = "https://wordnetcode.princeton.edu/"
_OPEN_ENGLISH = (
    "https://github.com/globalwordnet/english-wordnet/releases/download/{0}-edition/{1}.gz",
    "https://en-word.net/static/{1}.gz",
)
# The maps of 2024, by commit.
_CILI = (
    "https://raw.githubusercontent.com/globalwordnet/cili/dfc99e15e11e5b20e143f29386220d7b69805628/"
    "ili-map-{}.tab"
)


@dataclasses.dataclass(frozen=True)
class Edition:
    """One edition of WordNet.

    Attributes:
      description: Its name in full.
      archive: URL of the archive of database files; empty for WN-LMF.
      own_map: The map of CILI for the edition; WN-LMF has these ids itself.
      also_called: Folders that people have its database files in.
      year: Year of an edition in WN-LMF, as in its URL.
      file: Its file in WN-LMF, unpacked.
    """

    description: str
    archive: str = ""
    own_map: str = ""
    also_called: tuple[str, ...] = ()
    year: str = ""
    file: str = ""


# A later edition needs a line here, its numbers in counts.tsv, and its file in checksums/.
_EDITIONS = {
    "wn30": Edition(
        "WordNet 3.0 (2006), the edition of ImageNet, WN18 and most papers",
        archive=_PRINCETON + "3.0/WNdb-3.0.tar.gz",
        own_map="pwn30",
        also_called=("WNdb-3.0/dict", "WordNet-3.0/dict", "wordnet"),
    ),
    "wn31": Edition(
        "WordNet 3.1 (2011), Princeton's last",
        archive=_PRINCETON + "wn3.1.dict.tar.gz",
        own_map="pwn31",
        also_called=("wn3.1.dict/dict", "WordNet-3.1/dict", "wordnet31"),
    ),
    "oewn2024": Edition("Open English WordNet 2024", year="2024", file="english-wordnet-2024.xml"),
    "oewn2025": Edition(
        "Open English WordNet 2025, without most proper nouns",
        year="2025",
        file="english-wordnet-2025.xml",
    ),
    "oewn2025plus": Edition(
        "Open English WordNet 2025 with proper nouns of Open English Namenet",
        year="2025",
        file="english-wordnet-2025-plus.xml",
    ),
}
_VIEWS = {
    "synsets": "synsets with words, gloss, relations, frames and hypernyms",
    "senses": "words in one meaning each, with sense keys, tag counts, frames and sentences",
    "relations": "pointers between synsets and between words",
    "lemmas": "words with their synsets",
    "exceptions": "irregular inflected forms",
}
# Members that not all views use. People's copies hold more files than the publisher's.
_OTHERS = (
    "*.exc", "cntlist*", "*.vrb", "verb.Framestext", "lexnames", "log.grind.*", "dbfiles/*", "data.*",
    "index.*", "LICENSE*", "README*", "citation.bib", "Makefile*",
)  # fmt: skip


@dataclasses.dataclass
class ViewConfig(tfds.core.BuilderConfig):
    """One view of one edition.

    Attributes:
      edition: Name of the edition.
      view: Name of the view.
    """

    edition: str = ""
    view: str = ""


@dataclasses.dataclass(frozen=True)
class Files:
    """All published files of an edition. They refer to each other, so that they are one piece.

    Attributes:
      database: The folder of database files, or the file in WN-LMF.
      maps: CILI's maps by name; those of a part may be missing.
    """

    database: Any
    maps: dict[str, core.Content]


class Builder(core.Builder):
    """WordNet."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        ViewConfig(
            name=f"{name}_{view}",
            edition=name,
            view=view,
            description=f"{edition.description}: {what}.",
        )
        for name, edition in _EDITIONS.items()
        for view, what in _VIEWS.items()
    ]
    DRAWN_FIRST = ("name", "definitions", "hypernym_path", "max_depth")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info(
            features=getattr(features, f"of_{self.builder_config.view}")(),
            homepage=_HOMEPAGE if self._edition.archive else "https://en-word.net/",
            license="WordNet licence"
            if self._edition.archive
            else "CC BY 4.0, and the WordNet licence",
        )

    @property
    def _edition(self) -> Edition:
        return _EDITIONS[self.builder_config.edition]

    # ------------------------------------------------------------------------ published files

    def published_files(self) -> dict[str, core.Archive | core.File]:
        edition = self._edition
        files: dict[str, core.Archive | core.File] = {}
        if edition.archive:
            files["dict"] = core.Archive(
                edition.archive,
                "dict",
                holds=self._needed,
                also_called=edition.also_called,
                others=_OTHERS,
            )
        else:
            urls = [url.format(edition.year, edition.file) for url in _OPEN_ENGLISH]
            files["lmf"] = core.File(core.Mirrors(urls), root=edition.file)
        return files | self._maps

    @property
    def _needed(self) -> tuple[str, ...]:
        """The database files that this view is made of."""
        return princeton.NEEDS[self.builder_config.view]

    @property
    def _maps(self) -> dict[str, core.File]:
        """The needed maps of CILI: the edition's, and that of 3.0, from which ids in ImageNet come.

        A part needs only maps that lie there, because somebody may have only the database files.
        """
        if self.builder_config.view != "synsets":
            return {}
        names = dict.fromkeys(filter(None, (self._edition.own_map, "pwn30")))
        maps = {name: core.File(_CILI.format(name)) for name in names}
        if self.variant != core.PARTIAL:
            return maps
        return {name: file for name, file in maps.items() if self.is_here(file, only_packed=True)}

    def member_digests(self, file, tree, prefix=""):
        if file != "dict":
            return {}
        listed: dict[str, list[str]] = {}
        for row in self.read_facts("members.tsv"):
            if row["edition"] == self.builder_config.edition:
                listed.setdefault(row["member"], []).append(row["sha256"])
        return {name: self._of_copy(tree, name, known) for name, known in listed.items()}

    def _of_copy(self, tree: core.Tree | None, name: str, known: list[str]) -> str:
        """Returns the digest of a member; of several known copies, of the one that is there."""
        if len(known) > 1 and tree is not None and tree.random_access and tree.holds(name):
            found = hashlib.sha256(tree.read_member(name)).hexdigest()
            if found in known:
                return found
        return known[0]

    # -------------------------------------------------------------------------------- examples

    def whole_files(self, split):
        return list(self.published_files())  # The files refer to each other.

    def _split_generators(self, dl_manager):
        published = self.fetch(dl_manager)
        database = published.get("dict") or published["lmf"]
        files = Files(database, {name: published[name] for name in self._maps})
        return core.by_split(["train"], [files], self._generate_examples)

    def _generate_examples(self, files: Files) -> Iterator[core.SplitExample]:
        """Yields the rows of the view."""
        view, edition = self.builder_config.view, self._edition
        maps = {}
        for name, content in files.maps.items():
            with core.located(content, "", core.GET_AGAIN):
                maps[name] = content.read()
        if edition.archive:
            found = self._read_database(files.database)
            with core.located(files.database, "", core.GET_AGAIN):
                with _uncollected():
                    database = princeton.Database(found, self._frames)
                yield from _in_train(database.rows(view, maps, edition.own_map))
        else:
            with core.located(files.database, "", core.GET_AGAIN):
                with _uncollected(), contextlib.closing(files.database.open()) as file:
                    lmf = open_english.Database(file, is_part=self.variant == core.PARTIAL)
                yield from _in_train(lmf.rows(view, maps))

    def _read_database(self, tree: core.Tree) -> dict[str, bytes]:
        """Returns the database files that the view is made of, by name."""
        useful = re.compile("|".join(map(re.escape, (*self._needed, *princeton.USES))))
        members = self.members(
            "dict", tree, self._needed, pattern=useful, what="database files", checks_rest=False
        )
        return dict(members.contents())

    @property
    def _frames(self) -> dict[int, str]:
        """Texts of verb frames, for copies that come without them."""
        path = pathlib.Path(__file__).with_name("frames.tsv")
        return {int(row["frame"]): row["text"] for row in tables.read_tsv(path)}


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Turns off Python's search for cyclic garbage during the block.

    Parsing makes millions of objects without cycles, and takes half the time without the search.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _in_train(rows: Iterator[princeton.Row]) -> Iterator[core.SplitExample]:
    for key, example in rows:
        yield ("train", key), example
