"""Yelp Open Dataset: businesses, reviews, users, check-ins, tips and photos."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import fnmatch
import hashlib
import io
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.core import digests
from tfds_extra.datasets.yelp_open import features, joins, rows
from tfds_extra.formats import FormatError, jpeg, json_lines

_HOMEPAGE = "https://business.yelp.com/data/resources/open-dataset/"
_KAGGLE = "https://www.kaggle.com/datasets/yelp-dataset/yelp-dataset"
_TERMS = (
    "Yelp gives it to those who accept its terms (Dataset_User_Agreement.pdf), at {page}. {archive},"
    " as it is downloaded there, will do, too."
)
_EDITION = "2022"  # A complete corpus has the numbers and digests of this edition.
_AGREEMENT = "Dataset_User_Agreement.pdf"
# Some archives have the files in one of these folders; the publisher's have no folder.
_FOLDERS = ("yelp_dataset", "yelp_photos")

# Names of the archive, the publisher's tar first. The publisher's zip has the tar in a folder;
# Kaggle's has the tables themselves.
_DATA_ARCHIVES = {
    "yelp_dataset.tar": _HOMEPAGE,
    "Yelp-JSON.zip": _HOMEPAGE,
    "yelp_dataset.tgz": _HOMEPAGE,
    "yelp_dataset.tar.gz": _HOMEPAGE,
    "yelp-dataset.zip": _KAGGLE,
    "archive.zip": _KAGGLE,
}
_PHOTO_ARCHIVES = {
    "yelp_photos.tar": _HOMEPAGE,
    "Yelp-Photos.zip": _HOMEPAGE,
    "yelp_photos.tgz": _HOMEPAGE,
    "yelp_photos.tar.gz": _HOMEPAGE,
}
_PREFIX = "yelp_academic_dataset_"  # The tables have it; that of photos only in some editions.
_TABLES = ("business", "review", "user", "checkin", "tip")
_PHOTO_TABLES = ("photos.json", f"{_PREFIX}photo.json")
_PHOTO = re.compile(r"(?P<folder>photos/)(?P<id>[A-Za-z0-9_-]{1,64})\.jpg")
_RANGE = 64 << 20  # A piece of a table that can be cut has so many bytes.
# One black pixel, as PNG.
_BLACK = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNgYGAAAAAEAAHI6uv5AAAAAElFTkSuQmCC"
)


@dataclasses.dataclass
class TableConfig(tfds.core.BuilderConfig):
    """One of the tables.

    Attributes:
      table: The table whose rows, or the pictures of its rows, are the examples.
      joined: Tables whose facts are joined to each example.
      with_friends: For users, whether the ids of friends are there.
    """

    table: str = ""
    joined: tuple[str, ...] = ()
    with_friends: bool = False


@dataclasses.dataclass(frozen=True)
class Part:
    """The piece of a table that is read at once: the lines that begin in some bytes of a file.

    Attributes:
      tree: The archive or folder that the table is in.
      member: The file; empty if it has to be searched, in an archive that is read from its
        beginning.
      start: The first byte.
      stop: The byte after the last; None for all that follow.
      facts: The file with the facts to join; empty for no join.
    """

    tree: core.Tree
    member: str = ""
    start: int = 0
    stop: int | None = None
    facts: str = ""


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The piece of the photos that is read at once: those whose names begin alike.

    Attributes:
      tree: The archive or folder.
      prefix: Beginning of the names; empty for all.
      facts: The file with the facts to join.
    """

    tree: core.Tree
    prefix: str
    facts: str


class Photo(NamedTuple):
    """A photo as it was read."""

    name: str
    photo_id: str
    content: bytes


class Builder(core.ChunkedBuilder):
    """Yelp Open Dataset."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        TableConfig(name="review", table="review", description="Reviews with stars and votes."),
        TableConfig(
            name="review_joined",
            table="review",
            joined=("business", "user"),
            description="Reviews, each beside the facts of its business and of its author.",
        ),
        TableConfig(
            name="business",
            table="business",
            description="Businesses with categories, opening hours and typed attributes.",
        ),
        TableConfig(
            name="user", table="user", description="Users with counters, and number of friends."
        ),
        TableConfig(
            name="user_friends",
            table="user",
            with_friends=True,
            description="Users with the ids of their friends.",
        ),
        TableConfig(
            name="checkin", table="checkin", description="Times of check-ins, by business."
        ),
        TableConfig(name="tip", table="tip", description="Tips: short advice of users."),
        TableConfig(name="photo", table="photo", description="Photos with label and caption."),
        TableConfig(
            name="photo_joined",
            table="photo",
            joined=("business",),
            description="Photos, each beside the facts of its business.",
        ),
    ]
    _facts = ""  # The file with the facts to join, while there is one.
    DRAWN_FIRST = ("stars", "date", "useful", "funny", "cool")

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        made = {
            "review": features.of_reviews,
            "business": features.of_businesses,
            "user": lambda: features.of_users(with_friends=config.with_friends),
            "checkin": features.of_checkins,
            "tip": features.of_tips,
            "photo": features.of_photos,
        }[config.table]()
        for table in config.joined:
            made |= features.joined(table)
        supervised = {"review": ("text", "label"), "photo": ("image", "label")}
        return self.dataset_info(
            features=made,
            supervised_keys=supervised.get(config.table),
            homepage=_HOMEPAGE,
            license="Yelp Dataset Terms of Use (Dataset_User_Agreement.pdf, in the archives)",
        )

    # ------------------------------------------------------------------------ published files

    @property
    def _needed(self) -> tuple[str, ...]:
        """The tables of yelp_dataset.tar that this config reads."""
        config = self.builder_config
        return tuple(t for t in dict.fromkeys((config.table, *config.joined)) if t in _TABLES)

    def published_files(self) -> dict[str, core.Archive]:
        files = {}
        if self._needed:
            files["data"] = core.Archive(
                self._archive(_DATA_ARCHIVES, "Yelp-JSON.zip"),
                holds=tuple(f"{_PREFIX}{table}.json" for table in self._needed),
                also_called=("yelp_dataset", "Yelp JSON", "Yelp JSON/yelp_dataset"),
                # The names of the tables in 2018.
                layouts=({f"{_PREFIX}{table}.json": f"{table}.json" for table in _TABLES},),
                others=(_AGREEMENT, f"{_PREFIX}covid_features.json"),
            )
        if self.builder_config.table == "photo":
            files["photos"] = core.Archive(
                self._archive(_PHOTO_ARCHIVES, "Yelp-Photos.zip"),
                holds=("photos/*.jpg",),
                also_called=("yelp_photos", "Yelp Photos", "Yelp Photos/yelp_photos"),
                others=(_AGREEMENT,),
            )
        return files

    def _archive(self, names: Mapping[str, str], published: str) -> core.ManualFile:
        """Returns the archive under the name that it has in `manual_dir`, by default the first."""
        here = [name for name in names if self._manual_dir and (self._manual_dir / name).is_file()]
        name = (here or list(names))[0]
        terms = _TERMS.format(page=_HOMEPAGE, archive=published)
        return core.ManualFile(name, names[name], terms)

    def member_digests(self, file, tree, prefix=""):
        published = self._editions().get(_EDITION, {})
        return (
            {member: digest for member, (_, digest) in published.items()} if file == "data" else {}
        )

    def _editions(self) -> dict[str, dict[str, tuple[int, str]]]:
        """Returns the bytes and digest of the tables, by edition and member."""
        found: dict[str, dict[str, tuple[int, str]]] = {}
        for row in self.read_facts("members.tsv"):
            found.setdefault(row["edition"], {})[row["member"]] = int(row["bytes"]), row["digest"]
        return found

    # ------------------------------------------------------------------------------ the pieces

    def _split_generators(self, dl_manager):
        published = self.fetch(dl_manager)
        trees = {name: self._inner(tree) for name, tree in published.items()}
        facts = self._joined_from(dl_manager, trees)
        config = self.builder_config
        pieces: Sequence[Part | Pictures]
        if config.table == "photo":
            pieces = self._pieces_of_photos(trees["photos"], facts)
        else:
            pieces = self._pieces_of_table(trees["data"], facts)
        return core.by_split(["train"], pieces, self._by_chunks)

    def _inner(self, tree: core.Tree) -> core.Tree:
        """Returns the tar in the publisher's zip; any other archive, or a folder, as it is."""
        if tree.is_shared or not tree.random_access:
            return tree
        tars = [n for n in tree.index() if re.fullmatch(r".*yelp_(?:dataset|photos)\.tar", n)]
        return tree.nested(tars[0]) if len(tars) == 1 else tree

    def _pieces_of_table(self, tree: core.Tree, facts: str) -> list[Part]:
        """Returns the parts of the table of this config."""
        table = self.builder_config.table
        if not tree.random_access:
            return [Part(tree, facts=facts)]
        names = self._names(tree)
        if table not in names:
            raise core.CorpusError(tree, f"{_PREFIX}{table}.json", "it is missing", core.GET_AGAIN)
        name, size = names[table]
        self._check_size(tree, table, size)
        with core.located(tree, name, core.GET_AGAIN), tree.open_member(name) as file:
            is_whole = not file.seekable() or table == "tip"  # Tips are numbered from the first on.
        if is_whole or self._digest(table):
            return [Part(tree, name, facts=facts)]
        return [
            Part(tree, name, start, min(start + _RANGE, size), facts)
            for start in range(0, size, _RANGE) or [0]
        ]

    def _names(self, tree: core.Tree) -> dict[str, tuple[str, int]]:
        """Returns the name and bytes of each table in a tree of random access.

        Raises:
          CorpusError: There is a stranger, or a table twice.
        """
        if tree.is_shared:
            wanted = {f"{start}{table}.json" for start in (_PREFIX, "") for table in _TABLES}
            members = [m for name in sorted(wanted) for m in tree.members(name) if m.name == name]
            sizes = {member.name: member.size for member in members}
        else:
            sizes = tree.index()
        found: dict[str, tuple[str, int]] = {}
        for name, size in sizes.items():
            if table := self._table_of(tree, name):
                if table in found:
                    raise core.CorpusError(tree, name, f"{table} is there twice", core.GET_AGAIN)
                found[table] = name, size
        return found

    def _table_of(self, tree: core.Tree, name: str) -> str:
        """Returns the table that a member holds; empty if it is of no use.

        Raises:
          CorpusError: It is a stranger.
        """
        base = _without_folder(name)
        table = base.removeprefix(_PREFIX).removesuffix(".json")
        if table in _TABLES and base.endswith(".json"):
            return table
        others = self.published_files()["data"].others
        if any(fnmatch.fnmatchcase(base, pattern) for pattern in others):
            return ""
        raise core.stranger(tree, name)

    def _pieces_of_photos(self, tree: core.Tree, facts: str) -> list[Pictures]:
        if not tree.random_access:
            return [Pictures(tree, "", facts)]
        beginnings = set()
        for name in self._photo_names(tree):
            if match := _PHOTO.fullmatch(_without_folder(name)):
                beginnings.add(name.removesuffix(f"{match['id']}.jpg") + match["id"][0])
        return [Pictures(tree, beginning, facts) for beginning in sorted(beginnings)]

    def _photo_names(self, tree: core.Tree) -> list[str]:
        """Returns all files of a tree of random access, or those that belong to the corpus."""
        if not tree.is_shared:
            names = list(tree.index())
        else:
            names = [m.name for m in tree.members("photos") if m.name.startswith("photos/")]
        for name in names:
            self._check_photo_name(tree, name)
        return names

    def _check_photo_name(self, tree: core.Tree, name: str) -> None:
        base = _without_folder(name)
        if base not in (*_PHOTO_TABLES, _AGREEMENT) and not _PHOTO.fullmatch(base):
            raise core.stranger(tree, name)

    # ------------------------------------------------------------------------------ what is joined

    def _joined_from(self, dl_manager: Any, trees: Mapping[str, core.Tree]) -> str:
        """Makes the file with the facts to join, if it is not there; returns "" for no join."""
        config = self.builder_config
        if not config.joined and config.table != "photo":
            return ""
        if config.joined and trees["data"].random_access:
            names = self._names(trees["data"])
            self.needs_whole(trees["data"], *(names[t][0] for t in config.joined if t in names))
        path = self._facts_path(dl_manager, trees)
        self._facts = os.fspath(path)
        if not path.exists():
            with joins.Writer(path) as writer:
                if config.joined:
                    self._write_facts(writer, trees["data"])
                if config.table == "photo":
                    self._write_photo_facts(writer, trees["photos"])
        return self._facts

    def _facts_path(self, dl_manager: Any, trees: Mapping[str, core.Tree]) -> pathlib.Path:
        """Returns its path beside the downloads, where all preparing processes can read it."""
        known = [
            self.info.full_name,
            joins.FORMAT,
            *(tree.fingerprint() for tree in trees.values()),
        ]
        name = f"joined-{hashlib.sha256(repr(known).encode()).hexdigest()[:16]}.sqlite"
        folder = pathlib.Path(os.fspath(dl_manager.download_dir))
        # SQLite cannot read a file in a bucket.
        if "://" in str(folder) or not os.access(folder, os.W_OK):
            folder = pathlib.Path(tempfile.gettempdir())
        return folder / self.name / name

    def _check_counts(self, found):
        """Does the same as in `core.Builder`, but a part may have more rows than that of 2022.

        Other editions do. Then the number of missing rows is negative.
        """
        most = self.expected_counts
        if self.variant != core.PARTIAL:
            return super()._check_counts(found)
        super()._check_counts({s: min(count, most[s]) for s, count in found.items()})
        return {split: most[split] - found.get(split, 0) for split in most}

    def _prepare(self, dl_manager, download_config, prepare):
        try:
            super()._prepare(dl_manager, download_config, prepare)
        finally:
            if self._facts:
                with contextlib.suppress(OSError):  # A file that stays only takes room.
                    pathlib.Path(self._facts).unlink()
                    pathlib.Path(self._facts).parent.rmdir()  # If there is nothing else in it.

    def _write_facts(self, writer: joins.Writer, tree: core.Tree) -> None:
        """Writes the facts of businesses and users."""
        wanted = self.builder_config.joined
        found = set()
        for table, name, file in self._open_tables(tree, wanted):
            found.add(table)
            with core.located(tree, name, core.GET_AGAIN):
                writer.add(table, _facts(table, file))
        if (missing := sorted(set(wanted) - found)) and self.variant != core.PARTIAL:
            name = f"{_PREFIX}{missing[0]}.json"
            raise core.CorpusError(tree, name, "it is missing", core.IF_PARTIAL)
        for table in missing:
            writer.add(table, ())

    def _open_tables(
        self, tree: core.Tree, wanted: tuple[str, ...]
    ) -> Iterator[tuple[str, str, BinaryIO]]:
        """Yields some tables with their name and content, each of which is checked as it is read."""
        if tree.random_access:
            for table, (name, size) in self._names(tree).items():
                if table in wanted:
                    with core.located(tree, name, core.GET_AGAIN), tree.open_member(name) as file:
                        yield table, name, self._checked(tree, table, size, file)
            return
        for member in tree.members():
            table = self._table_of(tree, member.name)
            if table in wanted:
                with core.located(tree, member.name, core.GET_AGAIN), member.open() as file:
                    yield table, member.name, self._checked(tree, table, member.size, file)

    def _write_photo_facts(self, writer: joins.Writer, tree: core.Tree) -> None:
        """Writes label, caption and business of each photo."""
        found = False
        prefixes = _PHOTO_TABLES if tree.is_shared else ("",)
        for member in (m for prefix in prefixes for m in tree.members(prefix)):
            if not tree.is_shared:
                self._check_photo_name(tree, member.name)
            if _without_folder(member.name) in _PHOTO_TABLES:
                found = True
                with core.located(tree, member.name, core.GET_AGAIN), member.open() as file:
                    writer.add("photo", _facts("photo", file))
        if not found:
            if self.variant != core.PARTIAL:
                raise core.CorpusError(tree, _PHOTO_TABLES[0], "it is missing", core.IF_PARTIAL)
            writer.add("photo", ())

    # ------------------------------------------------------------------------------ the examples

    def _read(self, piece: Part | Pictures) -> Iterator[core.Chunk]:
        """Yields the rows of a part of a table, or photos."""
        if isinstance(piece, Part):
            return self._lines(piece)
        return core.in_chunks(
            self._photos(piece),
            lambda photo: len(photo.content),
            lambda photo: photo.name,
            one_by_one=self.variant == core.PEEK,
        )

    def _make(
        self, piece: Part | Pictures, chunk: core.Chunk
    ) -> Iterator[core.Rows | core.SplitExample]:
        facts: Any  # Nothing is looked up where there are none.
        with joins.Reader(piece.facts) if piece.facts else contextlib.nullcontext() as facts:
            if isinstance(piece, Part):
                yield from self._rows(piece.tree, chunk.content, facts)
                return
            for photo in chunk.content:
                with core.located(piece.tree, photo.name, core.GET_AGAIN):
                    yield self._photo(photo, facts)

    def _lines(self, part: Part) -> Iterator[core.Chunk]:
        """Yields the lines of a part of a table."""
        row = 0
        for name, file in self._open_part(part):
            with core.located(part.tree, name, core.GET_AGAIN):
                for block in json_lines.read_blocks(file, part.start, part.stop, core.CHUNK_BYTES):
                    yield core.Chunk(f"{name} from byte {block.offset:,} on", (name, block, row))
                    if self.builder_config.table == "tip":
                        row += sum(1 for _ in block.split())

    def _rows(
        self, tree: core.Tree, lines: tuple[str, json_lines.Block, int], facts: Any
    ) -> Iterator[core.Rows]:
        config = self.builder_config
        name, block, row = lines
        with core.located(tree, name, core.GET_AGAIN):
            for keys, columns in rows.made(
                config.table, block, row, with_friends=config.with_friends
            ):
                for table in config.joined:
                    columns |= _joined_columns(table, columns[f"{table}_id"], facts)
                yield core.Rows("train", keys, columns)

    def _open_part(self, part: Part) -> Iterator[tuple[str, BinaryIO]]:
        """Yields the file of a part; an archive is then read to its end."""
        table = self.builder_config.table
        if not part.member:
            found = False
            for _, name, file in self._open_tables(part.tree, (table,)):
                found = True
                yield name, file
            if not found:
                name = f"{_PREFIX}{table}.json"
                raise core.CorpusError(part.tree, name, "it is missing", core.GET_AGAIN)
            return
        with core.located(part.tree, part.member, core.GET_AGAIN):
            with part.tree.open_member(part.member) as file:
                is_whole = not part.start and part.stop is None
                yield part.member, self._checked(part.tree, table, None, file) if is_whole else file

    def _digest(self, table: str) -> str:
        """Returns the digest that a table must have; empty if none is known or it may be a part."""
        if self.variant == core.PARTIAL:
            return ""
        return self._editions()[_EDITION].get(f"{_PREFIX}{table}.json", (0, ""))[1]

    def _check_size(self, tree: core.Tree, table: str, size: int) -> None:
        """Raises if a table does not have the published size, before it is read."""
        if self.variant == core.PARTIAL:
            return
        member = f"{_PREFIX}{table}.json"
        published = {e: tables.get(member, (0, ""))[0] for e, tables in self._editions().items()}
        expected = published.pop(_EDITION)
        if not expected or size == expected:
            return
        editions = [edition for edition, bytes_ in published.items() if bytes_ == size]
        problem = f"it has {size:,} bytes, and {expected:,} in the edition of {_EDITION}"
        if editions:
            problem += f" (it is that of {editions[0]})"
        raise core.CorpusError(tree, member, problem, core.IF_PARTIAL)

    def _checked(self, tree: core.Tree, table: str, size: int | None, file: BinaryIO) -> BinaryIO:
        """Returns a file that is compared with the published digest while it is read."""
        if size is not None:
            self._check_size(tree, table, size)
        digest = self._digest(table)
        return io.BufferedReader(_Verified(file, digest), 1 << 17) if digest else file

    def _photos(self, piece: Pictures) -> Iterator[Photo]:
        for member in piece.tree.members(piece.prefix):
            self._check_photo_name(piece.tree, member.name)
            if match := _PHOTO.fullmatch(_without_folder(member.name)):
                with core.located(piece.tree, member.name, core.GET_AGAIN):
                    content = member.read()
                yield Photo(member.name, match["id"], content)

    def _photo(self, photo: Photo, facts: joins.Reader) -> core.SplitExample:
        example = _photo(photo.photo_id, photo.content, facts)
        for table in self.builder_config.joined:
            joined = _joined_columns(table, [example["business_id"]], facts)
            example |= {name: column[0] for name, column in joined.items()}
        return ("train", photo.photo_id), example


class _Verified(digests.Hashed):
    """A file that is compared with its digest at its end."""

    def __init__(self, file: BinaryIO, digest: str):
        super().__init__(file, hashlib.new(digests.kind_of(digest), usedforsecurity=False))
        self._expected = digest

    def readinto(self, buffer: Any) -> int:
        size = super().readinto(buffer)
        if not size and (found := self._digest.hexdigest()) != self._expected:
            kind = self._digest.name
            raise FormatError(f"altered: its {kind} is {found}, not {self._expected}")
        return size


def _without_folder(name: str) -> str:
    """Returns the name of a member without the folder around all files that some archives have."""
    folder, _, base = name.partition("/")
    return base if folder in _FOLDERS else name


def _facts(table: str, file: BinaryIO) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the id of each row of a table, and its facts to join."""
    wanted = features.names_of_facts(table)
    for keys, columns in rows.read(table, file):
        lists = [_as_list(columns[name]) for name in wanted]
        for key, *values in zip(keys, *lists):
            yield key, dict(zip(wanted, values))


def _as_list(column: Any) -> list[Any]:
    if isinstance(column, list):
        return column
    return column.tolist() if hasattr(column, "tolist") else column.to_pylist()


def _joined_columns(table: str, ids: Any, facts: joins.Reader) -> dict[str, list[Any]]:
    """Returns the facts of some ids, as columns."""
    ids = _as_list(ids)
    found = facts.look_up(table, ids)
    nothing = features.nothing(table)
    return {
        table: [found.get(key, nothing) for key in ids],
        f"has_{table}": [key in found for key in ids],
    }


def _photo(photo_id: str, content: bytes, facts: joins.Reader) -> dict[str, Any]:
    """Returns a photo as an example."""
    row = facts.look_up("photo", [photo_id]).get(photo_id)
    try:
        jpeg.check(content)
        is_ok = True
    except FormatError:
        is_ok = False
    return {
        "image": content if is_ok else _BLACK,
        "photo_id": photo_id,
        "image_ok": is_ok,
        "image_bytes": b"" if is_ok else content,
        "has_row": row is not None,
        **(row or features.nothing("photo")),
    }
