"""Wikipedia, and any other Wikimedia wiki, of any date: articles and redirects of its dump."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import tensorflow_datasets as tfds
from tensorflow_datasets.core import units

from tfds_extra import core
from tfds_extra.core import digests, engines
from tfds_extra.core.archives.system_files import is_system_file
from tfds_extra.datasets.wikipedia_corpus import articles, dump_files, features, search
from tfds_extra.formats import FormatError, mediawiki_dump

_HOMEPAGE = "https://dumps.wikimedia.org/"
_LICENSE = (
    "CC BY-SA 4.0 and GFDL (dumps before June 2023: CC BY-SA 3.0 and GFDL), by address of the page"
)
_DATE = "20260901"  # The date of the listed configs.
_VIEWS = ("articles", "redirects")
# A piece of a multistream file has at most so many streams of 100 pages. A small file has smaller
# pieces, so that no process waits long for the last one.
_MOST_STREAMS, _PIECES = 20, 64
# A file that cannot be cut is unpacked, and its XML is read, for each of its pieces. That takes a
# fifth of the time of its pages, so that there is only one piece for each process, and few for
# small files.
_BYTES_PER_PIECE = 1 << 20
_MOST_PIECES = 8
_CONFIG = re.compile(
    r"(?P<date>\d{8}|\d{4}-\d\d-\d\d|latest)\.(?P<wiki>[a-z][a-z0-9_-]*)"
    r"(?:\.(?P<view>articles|redirects))?(?:\.ns(?P<namespaces>_all|-?\d+(?:\+-?\d+)*))?"
    r"(?P<wikitext>\.wikitext)?"
)
_GRAMMAR = (
    "A config is written DATE.WIKI, such as 20260901.simple or 20260901.elwikivoyage, and then, where"
    " wanted, .redirects, .ns0+14 or .ns_all (namespaces), and .wikitext (markup as well)"
)


@dataclasses.dataclass
class WikiConfig(tfds.core.BuilderConfig):
    """A view of a wiki at a date.

    Attributes:
      wiki: Code of the language of a Wikipedia, or name of the database of another wiki.
      date: Date of the dump, as in the names of its files.
      view: "articles" or "redirects".
      namespaces: Numbers of those whose pages are wanted; None for all.
      with_wikitext: Whether articles have their markup, too.
    """

    wiki: str = ""
    date: str = ""
    view: str = "articles"
    namespaces: tuple[int, ...] | None = (0,)
    with_wikitext: bool = False

    @property
    def database(self) -> str:
        """Name of the database, such as "simplewiki"."""
        is_code = "wik" not in self.wiki
        return self.wiki.replace("-", "_") + "wiki" if is_code else self.wiki


def _config(name: str) -> WikiConfig:
    """Makes the config with a name.

    Raises:
      ValueError: It is no such name.
    """
    if not (match := _CONFIG.fullmatch(name)):
        raise ValueError(f"wikipedia_corpus has no config {name!r}. {_GRAMMAR}.")
    view, listed = match["view"] or "articles", match["namespaces"]
    namespaces: tuple[int, ...] | None = (0,)
    if listed:
        numbers = [] if listed == "_all" else sorted({int(n) for n in listed.split("+")})
        namespaces = tuple(numbers) or None
    config = WikiConfig(
        name=name,
        wiki=match["wiki"],
        date=match["date"],
        view=view,
        namespaces=namespaces,
        with_wikitext=bool(match["wikitext"]),
    )
    config.name = _name(config)
    where = "" if namespaces == (0,) else f", namespaces {listed.lstrip('_').replace('+', ', ')}"
    config.description = f"{view.capitalize()} of {config.database}, dump of {config.date}{where}."
    return config


def _name(config: WikiConfig) -> str:
    """Returns the name of a config, without its default values."""
    parts = [config.date, config.wiki]
    if config.view != "articles":
        parts.append(config.view)
    if config.namespaces is None:
        parts.append("ns_all")
    elif config.namespaces != (0,):
        parts.append("ns" + "+".join(map(str, config.namespaces)))
    if config.with_wikitext:
        parts.append("wikitext")
    return ".".join(parts)


@dataclasses.dataclass(frozen=True)
class Piece:
    """The part of a dump file that is read at once.

    Attributes:
      file: The file.
      site: The file's site information.
      streams: The streams of a multistream file; empty for any other file.
      stop: Where the last of them ends; None for the end of the file.
      first: In a file that cannot be cut, the number of the first page.
      step: In such a file, every `step`-th page from `first` on belongs to the piece.
    """

    file: core.Content
    site: mediawiki_dump.Site
    streams: tuple[mediawiki_dump.Stream, ...] = ()
    stop: int | None = None
    first: int = 0
    step: int = 1


class Builder(core.Builder):
    """Wikipedia and other Wikimedia wikis, from their dumps."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "The host keeps a dump for some months. One that you have, whole or in parts, plain or multistream"
        " with its index, is used from manual_dir, under its published names."
    )
    MAX_SIMULTANEOUS_DOWNLOADS = 2  # The host allows three connections.
    BUILDER_CONFIGS = [
        _config(f"{_DATE}.{wiki}{view}") for wiki in ("simple", "en") for view in ("", ".redirects")
    ]
    DRAWN_FIRST = ("title", "text", "categories/name")
    SERIAL_BYTES = 4 << 20

    def __init__(
        self,
        *,
        config: str | tfds.core.BuilderConfig | None = None,
        wiki: str | None = None,
        date: str | None = None,
        view: str = "articles",
        namespaces: Sequence[int] | None = (0,),
        with_wikitext: bool = False,
        **kwargs: Any,
    ):
        """Creates a builder from a config, or from the values that its name would state.

        Args:
          config: Name of a config. Any date and wiki will do: `20260901.de`, `20260901.elwikivoyage`.
          wiki: Code of the language of a Wikipedia, or name of the database of another wiki.
          date: Date of the dump: `20260901`, or `2026-09-01` for the content file export.
          view: `articles` or `redirects`.
          namespaces: Numbers of those whose pages are wanted; None for all.
          with_wikitext: Whether articles have their markup, too.
          **kwargs: Arguments of `core.Builder`.

        Raises:
          ValueError: There is no such config, or both a config and a wiki are given.
        """
        if wiki is not None or date is not None:
            if config is not None or wiki is None or date is None:
                raise ValueError("Pass either a config, or both wiki and date.")
            numbers = None if namespaces is None else tuple(sorted(set(namespaces)))
            given = WikiConfig(
                name="",
                wiki=wiki,
                date=date,
                view=view,
                namespaces=numbers,
                with_wikitext=with_wikitext,
            )
            config = _name(given)
        self._listed: tuple[str, ...] | None = None  # Names of the files of the newer product.
        super().__init__(config=config, **kwargs)
        if self.variant == core.MINIATURE and self._dump != self._dump_of(self.BUILDER_CONFIGS[0]):
            raise ValueError(
                f"The miniature is one of {self.BUILDER_CONFIGS[0].name}, not of"
                f" {self.builder_config.name}."
            )

    def _choose_config(self, config, create):
        if isinstance(config, str):
            name = config.partition(":")[0]
            if name not in self.builder_configs:
                config = _config(name)
                # Two names of the same config give the same config.
                config = self.builder_configs.get(config.name, config)
        return super()._choose_config(config, create)

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        if config.view == "redirects":
            made = features.of_redirects()
        else:
            made = features.of_articles(with_wikitext=config.with_wikitext)
        return self.dataset_info(features=made, homepage=_HOMEPAGE, license=_LICENSE)

    # ------------------------------------------------------------------------ published files

    @staticmethod
    def _dump_of(config: WikiConfig) -> tuple[str, str]:
        return config.database, config.date

    @property
    def _dump(self) -> tuple[str, str]:
        """Name of the database, and date."""
        return self._dump_of(self.builder_config)

    def published_files(self) -> dict[str, core.File]:
        if own := self._own_files():
            names = [name for file in own for name in (file.name, file.index) if name]
            # The files that are there are taken, and nothing is fetched.
            return {name: core.File(core.ManualFile(name, self._url(name))) for name in names}
        return {name: core.File(dump_files.url(*self._dump, name)) for name in self._remote_names()}

    def to_download(self, extracted):
        files = super().to_download(extracted)
        if self.variant == core.PEEK:  # It reads from the beginning, and needs no index.
            files = {n: file for n, file in files.items() if "multistream-index" not in n}
        return files

    def _url(self, name: str) -> str:
        """Returns the URL of a file of the dump, or the path of a part with another name."""
        wiki, date = self._dump
        is_published = name in self._remote_names() or name.startswith(f"{wiki}-{date}-")
        if is_published:
            return dump_files.url(wiki, date, name)
        assert self._manual_dir
        return (self._manual_dir / name).absolute().as_uri()

    def _own_files(self) -> list[dump_files.DumpFile]:
        """Returns the files of the dump that lie in the `manual_dir`."""
        if self._manual_dir is None or not self._manual_dir.is_dir():
            return []
        names = [
            path.name
            for path in self._manual_dir.iterdir()
            if path.is_file() and not is_system_file(path.name)
        ]
        return dump_files.choose(names, *self._dump, is_part=self.variant == core.PARTIAL)

    def _remote_names(self) -> tuple[str, ...]:
        """Returns the names of the dump's files on the host, the list of files first."""
        wiki, date = self._dump
        if "-" in date:
            return ("SHA256SUMS", *(self._listed or ()))
        start = f"{wiki}-{date}-pages-articles-multistream"
        return (dump_files.STATUS, f"{start}.xml.bz2", f"{start}-index.txt.bz2")

    def also_published(self):
        """Returns digests from the lists in the `manual_dir`, for the files there."""
        known = {}
        if (own := self._own_files()) and self._manual_dir:
            known = dump_files.read_lists(self._manual_dir, *self._dump)
            for name in [name for file in own for name in (file.name, file.index) if name]:
                known.setdefault(name, digests.Published(units.Size(0), "", name))
        for name in self._remote_names():
            known.setdefault(name, digests.Published(units.Size(0), "", name))
        return {self._url(name): one for name, one in known.items()}

    # ------------------------------------------------------------------------------ the pieces

    def _split_generators(self, dl_manager):
        own = self._own_files()
        if own:
            published = self.fetch(dl_manager)
        else:
            self._learn_digests(dl_manager)
            published = self.fetch(dl_manager)
            own = dump_files.choose(published, *self._dump, is_part=False)
        if self.variant != core.PARTIAL and (gap := dump_files.missing_part(own)):
            raise core.CorpusError(
                self._manual_dir, "", f"a part of the dump is missing: {gap}", core.IF_PARTIAL
            )
        pieces = [piece for file in own for piece in self._pieces(file, published)]
        return core.by_split(["train"], pieces, self._generate_examples)

    def _learn_digests(self, dl_manager: Any) -> None:
        """Fetches the list of the dump's files, so that downloads are compared with it."""
        wiki, date = self._dump
        if date == "latest":
            raise core.CorpusError(
                self._manual_dir,
                "",
                f"there is no {wiki}-latest-pages-articles*.xml.bz2",
                f"It has to be brought by hand, since what it is changes; or choose a date of"
                f" {_HOMEPAGE}{wiki}/.",
            )
        listing = self._remote_names()[0]
        url = dump_files.url(wiki, date, listing)
        path = pathlib.Path(os.fspath(dl_manager.download(url)))
        if listing == dump_files.STATUS:
            wanted = self._remote_names()[1:]
            known = dump_files.read_status(path, wanted)
            if missing := [name for name in wanted if name not in known]:
                raise core.CorpusError(
                    path, "", f"it has no {missing[0]}", f"See {_HOMEPAGE}{wiki}/{date}/."
                )
        else:
            sums = dump_files.read_sums(path)
            self._listed = tuple(sorted(name for name in sums if name.endswith(".xml.bz2")))
            known = {
                name: digests.Published(units.Size(0), sums[name], name, {"sha256": sums[name]})
                for name in self._listed
            }
        if self.variant != core.MINIATURE:
            dl_manager.expect(
                {dump_files.url(wiki, date, name): one for name, one in known.items()}
            )

    def _pieces(self, file: dump_files.DumpFile, published: dict[str, Any]) -> Iterator[Piece]:
        """Yields the parts of a file that are read independently of each other."""
        content = published[file.name]
        is_part = self.variant == core.PARTIAL
        with core.located(content, "", core.GET_AGAIN), _open(content, is_part=is_part) as opened:
            site = mediawiki_dump.read_site(opened)
        self._check_site(content, site)
        if self.variant == core.PEEK:
            yield Piece(content, site)
            return
        streams = self._streams(file, published) if file.index else []
        if not streams:
            size = os.path.getsize(str(content))
            workers = self._num_workers or engines.cores()
            step = min(workers, 1 + size // _BYTES_PER_PIECE, _MOST_PIECES)
            for first in range(step):
                yield Piece(content, site, first=first, step=step)
            return
        number = max(1, min(len(streams) // _PIECES, _MOST_STREAMS))
        for start in range(0, len(streams), number):
            behind = start + number
            stop = streams[behind].start if behind < len(streams) else None
            yield Piece(content, site, tuple(streams[start:behind]), stop)

    def _streams(
        self, file: dump_files.DumpFile, published: dict[str, Any]
    ) -> list[mediawiki_dump.Stream]:
        """Returns the streams in the index of a multistream file; none for a part that is cut."""
        content, index = published[file.name], published[file.index]
        with core.located(index, "", core.GET_AGAIN), _open(index) as opened:
            streams = list(mediawiki_dump.read_index(opened))
        if self.variant == core.PARTIAL and streams:
            try:
                with open(str(content), "rb") as opened:
                    for _ in mediawiki_dump.read_streams(opened, streams[-1:], None):
                        pass
            except FormatError:  # The file is read from its beginning on, as far as it goes.
                return []
        size = os.path.getsize(str(content))
        if streams and streams[-1].start >= size:
            raise core.CorpusError(
                index,
                "",
                f"it names byte {streams[-1].start:,}, {file.name} has {size:,} bytes: they do not"
                " belong together",
                core.GET_AGAIN,
            )
        return streams

    def _check_site(self, content: core.Content, site: mediawiki_dump.Site) -> None:
        database = self.builder_config.database
        if site.database and site.database != database:
            raise core.CorpusError(
                content,
                "",
                f"it is a dump of {site.database}, not of {database}",
                f"Choose the config {self.builder_config.date}.{site.database}.",
            )

    # ------------------------------------------------------------------------------ the examples

    def _generate_examples(self, piece: Piece) -> Iterator[core.SplitExample]:
        """Yields articles, or redirects, of a part of a dump."""
        config = self.builder_config
        wiki = articles.Wiki(piece.site)
        with core.located(piece.file, "", core.GET_AGAIN):
            for page in self._pages(piece):
                if config.namespaces is not None:
                    if wiki.split(page)[0] not in config.namespaces:
                        continue
                if config.view == "redirects":
                    if articles.is_redirect(page):
                        yield ("train", page.id), articles.redirect(page, wiki)
                elif articles.is_article(page):
                    example = articles.article(page, wiki, with_wikitext=config.with_wikitext)
                    yield ("train", page.id), example

    def _pages(self, piece: Piece) -> Iterator[mediawiki_dump.Page]:
        if piece.streams:
            with open(str(piece.file), "rb") as file:
                yield from mediawiki_dump.read_streams(file, piece.streams, piece.stop)
            return
        is_part = self.variant == core.PARTIAL
        with _open(piece.file, is_part=is_part) as file:
            yield from mediawiki_dump.read_pages(
                file, is_part=is_part, first=piece.first, step=piece.step
            )

    # ---------------------------------------------------------------------------------- search

    def search_index(self, folder: str | os.PathLike[str] | None = None) -> search.Index:
        """Returns the index to search in the prepared articles; it is built if it is not there.

        Args:
          folder: Folder of the index; by default beside the folder of the prepared data.

        Raises:
          ValueError: No articles are prepared.
        """
        return search.Index.of(self, folder)


def _open(content: core.Content, *, is_part: bool = False) -> BinaryIO:
    """Opens the content of a file; with `is_part`, a bzip2 file may end too early."""
    if is_part:
        with open(str(content), "rb") as file:
            is_bzip2 = file.read(3) == b"BZh"
        if is_bzip2:
            return mediawiki_dump.unpacked(open(str(content), "rb"), is_part=True)
    return content.open()
