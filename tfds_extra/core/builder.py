"""The base class of every builder in this package.

A builder's own module states what is peculiar to its corpus: configs, features, URLs, and how a raw
record becomes an example. This module has what all builders share: where checksums and facts are
found, the miniature and the partial variant, files that the user brings in `manual_dir`, the check
of the number of examples against the publisher's, and how examples are written.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import errno
import functools
import inspect
import json
import os
import pathlib
import re
import shlex
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from etils import epath
from tensorflow_datasets.core import constants, download, file_adapters, utils
from tensorflow_datasets.core.utils.lazy_imports_utils import tree

from tfds_extra import registry
from tfds_extra.core import (
    archives,
    digests,
    disk,
    downloads,
    dtypes,
    engines,
    hooks,
    locks,
    own_copies,
    peeking,
    prepared,
    reading,
    spelling,
    tables,
)
from tfds_extra.core.downloads import by_hand
from tfds_extra.core.errors import CorpusError, require
from tfds_extra.core.members import IF_PARTIAL, Members
from tfds_extra.core.published import Archive, File

MINIATURE = "miniature"
PARTIAL = "partial"
PEEK = "peek"

_TFDS_INCOMPLETE = constants.INCOMPLETE_PREFIX
_TFDS_CONFIG = ".config"
_LISTED = 12  # An error names at most so many configs.
_SHOWN = 3  # An error names at most so many patterns of paths.
_UNKNOWN = "unknown"  # Stands in counts.tsv for a number that nobody states.

_NOTICES = {
    MINIATURE: "MINIATURE: made-up data in the published layout, to try a pipeline on. Not the"
    " corpus.",
    PARTIAL: "PARTIAL: prepared from a part of the published files. What is missing is counted in"
    " the metadata.",
    PEEK: "PEEK: the first examples only, read from a few bytes of the published files. What could not"
    " be checked stands in the metadata. Not the corpus.",
}


@dataclasses.dataclass(frozen=True)
class Segments:
    """Features of music that was analyzed in segments, as `tfds-extra show` draws them over time.

    Attributes:
      starts: Name of the feature with the start of each segment, in seconds.
      values: Names of the features with a row of values for each segment.
      marks: Names of the features with times in seconds, such as beats, bars and sections; the
        finest comes first.
      end: Name of the feature with the end of the last segment, in seconds.
    """

    starts: str
    values: tuple[str, ...]
    marks: tuple[str, ...]
    end: str


@dataclasses.dataclass(frozen=True)
class Objects:
    """Features of objects with masks, as `tfds-extra show` draws them over their picture.

    Attributes:
      name: Name of the sequence of objects, which has their boxes and classes.
      rle: Name, in that sequence, of the compressed mask in COCO's form (`formats.coco_rle`).
      keypoints: Name, in that sequence, of x, y and visibility of points, of shape (points, 3);
        empty if there are none.
      limbs: Pairs of points between which a line is drawn.
      captions: Name of the feature with sentences about the picture; empty if there is none.
    """

    name: str
    rle: str
    keypoints: str = ""
    limbs: tuple[tuple[int, int], ...] = ()
    captions: str = ""


class _UrlInfos:
    """What was published at each URL: all URLs of a builder class, or those of a builder's config.

    For a miniature, the values describe the miniature's files, under the same URLs.
    """

    def __get__(self, builder: Builder | None, cls: type[Builder]) -> dict[str, digests.Published]:
        if builder is None:
            return digests.load_published(cls._checksums_path)
        if builder.of_miniature:
            published = digests.load_published(builder.facts_path("checksums.tsv"))
        else:
            published = digests.load_published(cls._checksums_path)
        needed = [url for file in builder.published_files().values() for url in file.urls]
        for url, one in builder.also_published().items():
            if url not in published or (one.digests and not published[url].digests):
                published[url] = one
        return {url: published[url] for url in needed}


class _Info(tfds.core.DatasetInfo):
    """TFDS's info of a corpus, which reads prepared data only if it is whole (`Builder.fault`)."""

    def __init__(self, *, builder: Builder, **kwargs: Any):
        self._judge = builder.fault
        super().__init__(builder=builder, **kwargs)

    def read_from_directory(self, dataset_info_dir: epath.PathLike) -> None:
        if not self._judge(dataset_info_dir, features=self.features):
            super().read_from_directory(dataset_info_dir)


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Base builder: a subclass declares one corpus.

    A subclass gives `VERSION`, `RELEASE_NOTES`, `BUILDER_CONFIGS`, `_info` (through
    `dataset_info`), `published_files`, `_split_generators` (through `fetch` and `by_split`) and
    `_generate_examples`. Its folder holds README.md, CITATIONS.bib, TAGS.txt, `counts.tsv` and
    `about.tsv`. `counts.tsv` is the publisher's number of examples by config (`*` for all configs)
    and split, with the word `unknown` where nobody states it; `about.tsv` describes the corpus in
    short.

    Attributes:
      DRAWN_TIMES: Two names, each as `outer/inner`: the feature with interesting times of a
        recording, such as beats, in seconds; and the feature that says which of them are strong.
        `tfds-extra show` draws them.
      DRAWN_DISTRIBUTIONS: Names of the features that hold a number for each class of the label,
        such as the share of people who chose it. `tfds-extra show` draws them as bars.
      DRAWN_SEGMENTS: Features of analyzed music that `tfds-extra show` draws over time, in configs that
        have them.
      DRAWN_OBJECTS: Features of objects that `tfds-extra show` draws over the first image, in configs
        that have them.
      DRAWN_FIRST: Names of the features that a person of the field wants to know first, each as
        `outer/inner` if it is nested. `tfds-extra show` prints them before the others.
      DRAWN_SPLIT: The split that `tfds-extra show` draws from if none is named, the first by default.
      SERIAL_BYTES: No workers are started for fewer bytes of published files than this, which one
        process reads in the time that workers take to start. A corpus with much work for each byte
        has a lower number.
      READ_AT_ONCE: Number of examples for which as much is read as for one, because they lie in one
        block of the published file. It tells what a peek costs.
    """

    DRAWN_TIMES: tuple[str, str] | None = None
    DRAWN_DISTRIBUTIONS: tuple[str, ...] = ()
    DRAWN_SEGMENTS: Segments | None = None
    DRAWN_OBJECTS: Objects | None = None
    DRAWN_FIRST: tuple[str, ...] = ()
    DRAWN_SPLIT: str | None = None
    SERIAL_BYTES = 64 << 20
    READ_AT_ONCE = 1

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # The registry of classes holds stubs instead (tfds_extra.registry).
        super().__init_subclass__(skip_registration=True, **kwargs)
        # Otherwise a subclass of a builder would show its parent's README.
        cls.pkg_dir_path = None

    def __init__(
        self,
        *,
        config: str | tfds.core.BuilderConfig | None = None,
        miniature: bool = False,
        partial: bool = False,
        peek: bool | peeking.Peek = False,
        num_workers: int | None = None,
        file_format: str | file_adapters.FileFormat | None = None,
        **kwargs: Any,
    ):
        """Creates a builder.

        Args:
          config: Name of a config, or a config. A name that ends in `-miniature`, `-partial` or
            `-peek`, as found under the data folder, means the same as the argument of that name.
          miniature: Prepare from the small made-up corpus that comes with this package, offline.
            The data lies under a config name of its own and is never taken for the corpus.
          partial: Prepare from whatever part of the published files there is. The data, too, lies
            under a config name of its own; `info.metadata` counts the missing examples.
          peek: Show the first examples of each split, and fetch only what they take. True means 20
            of each from at most 50 MB; a `core.Peek` has other numbers. The data lies under a config
            name of its own; `info.metadata` says what could not be checked or shown.
          num_workers: Number of processes that prepare the data: 1 for this process alone, None for
            one process per core where that saves time. The prepared bytes do not depend on it.
          file_format: Format of the record files, as in `tfds.core.GeneratorBasedBuilder`. None
            means the format of data that is already prepared, or else TFDS's default;
            `tfds.data_source` prepares `array_record`.
          **kwargs: Arguments of `tfds.core.GeneratorBasedBuilder`: `data_dir`, `version`.

        Raises:
          ValueError: There is no argument, config or version of that name, an argument has a wrong
            type, or two of `miniature`, `partial` and `peek` are set.
          CorpusError: The data is prepared in another format than `file_format`.
        """
        self._check_arguments(
            {
                MINIATURE: miniature,
                PARTIAL: partial,
                PEEK: bool(peek) if isinstance(peek, peeking.Peek) else peek,
                "num_workers": num_workers,
                **kwargs,
            }
        )
        chosen = {MINIATURE: miniature, PARTIAL: partial, PEEK: bool(peek)}
        if kwargs.get("data_dir"):
            kwargs["data_dir"] = os.path.expanduser(kwargs["data_dir"])
        config, named = _split_variant(config)
        if named:
            chosen[named] = True
        if sum(map(bool, chosen.values())) > 1:
            raise ValueError(
                "A miniature is complete, and a peek or a part is not: choose one of `miniature`,"
                " `partial` and `peek`."
            )
        self.variant: str | None = next((name for name, on in chosen.items() if on), None)
        self._manual_dir: pathlib.Path | None = None
        self._num_workers = num_workers
        self._peek = peek if isinstance(peek, peeking.Peek) else peeking.Peek()
        self._work_folder: pathlib.Path | None = None
        self._unpublished = ""  # TFDS's temporary folder, before it gets its final name.
        self._sources: dict[str, str] = {}  # Paths that were read, by name in `published_files`.
        super().__init__(config=config, **kwargs)
        self._set_file_format(file_format)
        # Pickling rebuilds the builder from these arguments; TFDS leaves out file_format.
        self._original_state.update(
            miniature=self.variant == MINIATURE,
            partial=self.variant == PARTIAL,
            peek=self.variant == PEEK and self._peek,
            num_workers=num_workers,
            file_format=file_format,
        )

    @classmethod
    def _check_arguments(cls, given: Mapping[str, Any]) -> None:
        """Raises a `ValueError` if an argument is wrong; it says what would be right."""
        known = _parameters(cls)
        for name, value in given.items():
            if name not in known:
                question = spelling.hint(name, list(known)) or f"There are: {', '.join(known)}."
                raise ValueError(f"{cls.name} has no argument {name!r}. {question}")
            if name in (MINIATURE, PARTIAL, PEEK) and not isinstance(value, (bool, np.bool_)):
                also = " (or a core.Peek)" if name == PEEK else ""
                raise ValueError(f"{name} is True or False{also}, not {value!r}.")
        workers = given["num_workers"]
        is_number = isinstance(workers, (int, np.integer)) and not isinstance(workers, bool)
        if workers is not None and not (is_number and workers > 0):
            raise ValueError(
                f"num_workers is a whole number from 1, or None for one a core, not {workers!r}."
            )

    def _pick_version(self, requested_version: str | tfds.core.Version | None) -> Any:
        try:
            return super()._pick_version(requested_version)
        except AssertionError:
            known = ", ".join(map(str, self.versions))
            raise ValueError(
                f"{self.name} has no version {requested_version}. There is: {known}."
            ) from None

    def _set_file_format(self, file_format: str | file_adapters.FileFormat | None) -> None:
        """Chooses the format in which data is prepared, or, if it is there already, read."""
        info = self.info
        if not info.initialized:
            info.set_file_format(file_format, override=True)
            return
        # Formats that `tfds convert_format` added. TFDS restores them only for builders without
        # code.
        for other in info.as_proto.alternative_file_formats:
            other = file_adapters.FileFormat.from_value(other)
            if other not in info.alternative_file_formats:
                info.alternative_file_formats.append(other)
        if file_format:
            file_format = file_adapters.FileFormat.from_value(file_format)
            if not self._read_as({file_format}):
                raise self._clash(file_format)

    def _read_as(self, suitable: Collection[file_adapters.FileFormat]) -> bool:
        """Makes TFDS read the data in one of some formats; returns False if it has none of them."""
        info = self.info
        if info.file_format not in suitable:
            available = [f for f in info.alternative_file_formats if f in suitable]
            if not available:
                return False
            if info.file_format not in info.alternative_file_formats:
                info.alternative_file_formats.append(info.file_format)  # For a later call.
            info.set_file_format(available[0], override=True, override_if_initialized=True)
        return True

    def _clash(self, wanted: file_adapters.FileFormat) -> CorpusError:
        """Returns the error for data that is prepared in another format than the wanted one."""
        problem = f"prepared as {self.info.file_format.value}, not as {wanted.value}"
        remedy = (
            f"Choose another data_dir (downloads are used again if download_dir is"
            f" {self.data_dir_root / 'downloads'}), or remove that folder."
        )
        if self.info.file_format in file_adapters.FileFormat.with_tf_data():
            remedy = (
                "Have TFDS add that format from the same records, `tfds convert_format"
                f" --dataset_version_dir={shlex.quote(self.data_dir)} --out_file_format={wanted.value}`, or"
                f" {remedy[0].lower()}{remedy[1:]}"
            )
        return CorpusError(self.data_dir, "", problem, remedy)

    def _create_builder_config(
        self, builder_config: str | tfds.core.BuilderConfig | None, version: Any
    ) -> tfds.core.BuilderConfig | None:
        if isinstance(builder_config, str):
            name = builder_config.partition(":")[0]  # TFDS takes NAME:VERSION as well.
            if name not in self.builder_configs:
                raise ValueError(_no_config(type(self), name))
        config = super()._create_builder_config(builder_config, version)
        self.base_config_name = config.name if config else None
        if self.variant is None:
            return config
        if config is None:
            return tfds.core.BuilderConfig(name=self.variant, description=_NOTICES[self.variant])
        return dataclasses.replace(config, name=f"{config.name}-{self.variant}")

    # ----------------------------------------------------------------------------------- facts

    @utils.classproperty
    @classmethod
    def _checksums_path(cls) -> epath.Path:
        return epath.Path(registry.resource_dir("checksums") / f"{cls.name}.tsv")

    url_infos = _UrlInfos()

    @classmethod
    def miniature_dir(cls) -> pathlib.Path:
        """Returns the folder of the miniature, with files under published names and with facts."""
        return registry.resource_dir("dummy_data") / cls.name

    @property
    def of_miniature(self) -> bool:
        """Whether the published files and the facts are those of the miniature."""
        return self.variant == MINIATURE

    def facts_path(self, file_name: str) -> pathlib.Path:
        """Returns the path of a table of facts, of the miniature or in the builder's folder."""
        if self.of_miniature:
            return self.miniature_dir() / file_name
        return pathlib.Path(os.fspath(self._get_pkg_dir_path())) / file_name

    def read_facts(self, file_name: str) -> list[dict[str, str]]:
        """Returns the rows of a table of facts."""
        return tables.read_tsv(self.facts_path(file_name))

    @functools.cached_property
    def expected_counts(self) -> dict[str, int]:
        """Number of examples that the publisher states for each split of this config; 0 if unknown."""
        return self.counts_of(self.base_config_name or "")

    def counts_of(self, config: str) -> dict[str, int]:
        """Returns the publisher's number of examples for each split of a config; 0 if unknown."""
        return {
            row["split"]: 0 if row["examples"] == _UNKNOWN else int(row["examples"])
            for row in self.read_facts("counts.tsv")
            if row["config"] in (config, "*")
        }

    @classmethod
    def about(cls, fact: str, config: str | None = None) -> list[str]:
        """Returns what `about.tsv` says of the corpus, or of one of its configs.

        Args:
          fact: One of the facts that the file explains, such as `summary`.
          config: Name of a config, for facts that differ between them.

        Returns:
          The values: none, one, or several aliases. The list is empty for a builder without that
            file.
        """
        path = pathlib.Path(inspect.getfile(cls)).parent / "about.tsv"
        return [
            row["value"]
            for row in (tables.read_tsv(path) if path.exists() else [])
            if row["fact"] == fact and row["config"] in ("*", config)
        ]

    @property
    def download_amount(self) -> digests.Amount:
        """Size of all published files that this config needs, whether they are here or not."""
        return sum((info.amount for info in self.url_infos.values()), digests.Amount())

    @property
    def prepared_amount(self) -> digests.Amount:
        """Size of the prepared data, or, before it is prepared, about what it will take."""
        if self.info.dataset_size:
            return digests.Amount(int(self.info.dataset_size))
        if self.variant or not (size := self.about("bytes_per_example", self.base_config_name)):
            return digests.Amount(is_least=True)
        counts = self.expected_counts.values()
        return digests.Amount(int(size[0]) * sum(counts), is_about=True, is_least=not all(counts))

    def dataset_info(
        self,
        *,
        features: dict[str, Any],
        homepage: str,
        license: str,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> tfds.core.DatasetInfo:
        """Builds the return value of `_info`.

        Args:
          features: Feature connectors by name, each with a `doc`.
          homepage: The publisher's page.
          license: The publisher's terms.
          metadata: What goes into `info.metadata` from the start, such as the tree of classes.
          **kwargs: Arguments of `tfds.core.DatasetInfo`.

        Returns:
          The info, with description and citation read from the builder's folder.
        """
        texts = self.get_metadata()
        info = _Info(
            builder=self,
            description=texts.description,
            citation=texts.citation,
            features=tfds.features.FeaturesDict(features),
            homepage=homepage,
            license=license,
            metadata=tfds.core.MetadataDict(metadata or {}),
            **kwargs,
        )
        if self.variant:
            info.as_proto.description = f"{_NOTICES[self.variant]}\n\n{info.description}"
        return info

    # --------------------------------------------------------------------------- published files

    def _make_download_manager(
        self, download_dir: epath.PathLike | None, download_config: download.DownloadConfig
    ) -> downloads.DownloadManager:
        download_dir = epath.Path(download_dir or self.data_dir_root / "downloads").expanduser()
        given = download_config.manual_dir
        if self.variant == MINIATURE:
            if download_config.register_checksums:
                raise ValueError("A miniature's digests are not the corpus's: nothing to register.")
            given = self.miniature_dir()
        if self.variant == PEEK and download_config.register_checksums:
            raise ValueError("A peek reads no file to its end: there is no digest to register.")
        self._manual_dir = pathlib.Path(os.fspath(given or download_dir / "manual")).expanduser()
        if given is not None:
            _check_readable(self._manual_dir)
        mode = download_config.download_mode
        return downloads.DownloadManager(
            download_dir=download_dir,
            extract_dir=download_config.extract_dir
            and os.path.expanduser(download_config.extract_dir),
            manual_dir=self._manual_dir,
            manual_dir_instructions=self._manual_instructions(),
            url_infos=self.url_infos,
            dataset_name=self.name,
            force_download=mode.force_download,
            force_extraction=mode.force_download,
            force_checksums_validation=download_config.force_checksums_validation,
            register_checksums=download_config.register_checksums,
            register_checksums_path=self._checksums_path,
            verify_ssl=download_config.verify_ssl,
            max_simultaneous_downloads=download_config.override_max_simultaneous_downloads
            or self.MAX_SIMULTANEOUS_DOWNLOADS,
        )

    def _manual_instructions(self) -> str:
        instructions = [self.MANUAL_DOWNLOAD_INSTRUCTIONS]
        for kind, what in ((Archive, "folder that it extracts to"), (File, "unpacked file")):
            files = [f for f in self.published_files().values() if isinstance(f, kind) and f.root]
            if files:
                roots = ", ".join(dict.fromkeys(file.root for file in files))
                which = "an archive" if kind is Archive else "a compressed file"
                instructions.append(f"In place of {which}, the {what} will do: {roots}")
        if self.variant == PARTIAL:
            instructions.append(
                "A part may lack files of an extracted folder. What is published as one file is taken"
                " whole."
            )
        else:
            instructions += self._incomplete_folders()
        return "\n".join(filter(None, instructions))

    def _incomplete_folders(self) -> Iterator[str]:
        """Yields, for each folder in `manual_dir` with the name of a root, why it is not taken."""
        archives = {
            name: file
            for name, file in self.published_files().items()
            if isinstance(file, Archive) and own_copies.lacking(file, self._manual_dir)
        }
        extracted = self.extracted() if archives else {}  # Another folder may hold the archive.
        lacking: dict[str, list[str]] = {}
        for name, file in archives.items():
            if name not in extracted:
                lacking.setdefault(file.root, []).extend(own_copies.lacking(file, self._manual_dir))
        for root, patterns in lacking.items():
            more = f" and {len(patterns) - _SHOWN:,} more" if len(patterns) > _SHOWN else ""
            yield (
                f"The folder {root} there is not whole: it has no {', '.join(patterns[:_SHOWN])}{more}."
                f" {IF_PARTIAL}"
            )

    @abc.abstractmethod
    def published_files(self) -> dict[str, Archive | File]:
        """Returns the published files that this config needs, by short names that it chooses."""

    def also_published(self) -> Mapping[str, digests.Published]:
        """Returns what is known about URLs that follow from the config and are in no table."""
        return {}

    def member_digests(
        self, file: str, tree: archives.Tree | None, prefix: str = ""
    ) -> Mapping[str, str]:
        """Returns the published digests of the members of an archive, where somebody listed them.

        Building and `validate` use the same ones.

        Args:
          file: Short name of the archive.
          tree: The archive, for builders whose list of digests is one of its members.
          prefix: Only members whose name begins with it are asked for.

        Returns:
          Hexadecimal digests by member name. The length of a digest tells whether it is a sha256, a
          sha1 or an md5; it is empty for a known member whose digest nobody listed.
        """
        del file, tree, prefix
        return {}

    def members(
        self,
        file: str,
        tree: archives.Tree,
        wanted: Collection[str] = (),
        *,
        pattern: re.Pattern[str] | None = None,
        prefix: str = "",
        what: str | Callable[[Collection[str]], str] = "files",
        checks_rest: bool = True,
        split_of: Callable[[str], str] | None = None,
    ) -> Members:
        """Returns the members of a published archive, ready to be read.

        Args:
          file: Short name of the archive.
          tree: The archive.
          wanted: As in `Members`.
          pattern: As in `Members`.
          prefix: As in `Members`.
          what: As in `Members`.
          checks_rest: As in `Members`.
          split_of: Takes the name of a member that is asked for, and returns its split, for archives
            whose splits are mixed. A peek passes over members of splits of which it has enough.
        """
        return Members(
            tree,
            wanted=wanted,
            digests=self.member_digests(file, tree, prefix),
            pattern=pattern,
            others=self.published_files()[file].others,
            prefix=prefix,
            what=what,
            is_part=self.variant == PARTIAL,
            checks_rest=checks_rest,
            is_skipped=self._is_skipped(split_of),
            stops_early=self.variant == PEEK,
        )

    def _is_skipped(self, split_of: Callable[[str], str] | None) -> Callable[[str], bool] | None:
        if split_of is None or self.variant != PEEK:
            return None

        def is_skipped(name: str) -> bool:
            split = split_of(name)
            return split in self.expected_counts and not self.wants(split)

        return is_skipped

    # ---------------------------------------------------------------------------------- peeking

    @functools.cached_property
    def _peeking(self) -> peeking.Peeking:
        return peeking.Peeking(self, self._peek)

    @property
    def manual_folder(self) -> pathlib.Path | None:
        """The `manual_dir`; None before anything was looked for there."""
        return self._manual_dir

    def is_as_asked(self) -> bool:
        """Returns whether the prepared peek was as far as this one is asked to go."""
        done = self.info.metadata.get("peek") or {}
        return all(done.get(name) == value for name, value in vars(self._peek).items())

    def wants(self, split: str) -> bool:
        """Returns whether examples of a split are wanted: in a peek, not after there are enough."""
        return self.variant != PEEK or self._peeking.wants(split)

    def splits_of(self, piece: Any) -> Collection[str]:
        """Returns the splits of which a piece may have examples; all if it does not tell its split.

        A peek reads no piece of whose splits it has enough.
        """
        split = getattr(piece, "split", "")
        return (split,) if split in self.expected_counts else tuple(self.expected_counts)

    def whole_files(self, split: str) -> Collection[str]:
        """Returns the files, by short name, that are read to the end before the first example.

        A peek fetches them whole, if its budget allows it. Files that are read from the beginning,
        or by places, are not among them.

        Args:
          split: The split of the example.
        """
        del split
        return ()

    def needs_whole(self, tree: archives.Tree, *names: str) -> None:
        """Says, before they are read, that members are read to the end before the first example.

        Args:
          tree: An archive of random access.
          *names: Names of the members.

        Raises:
          peeking.BeyondBudget: This is a peek, and they exceed its budget.
        """
        if isinstance(tree, peeking.PeekTree):
            tree.reserve(names)

    def fetch(
        self, dl_manager: download.DownloadManager
    ) -> dict[str, archives.Tree | archives.Content]:
        """Returns the published files, ready to be read in place.

        If the user has extracted an archive in `manual_dir`, or unpacked a file there, that copy is
        used as it is. Otherwise the published file is taken from `manual_dir` or downloaded, and
        its digest is checked.

        Args:
          dl_manager: The download manager that `_split_generators` was given.

        Returns:
          The content of each of `published_files` that is extracted or in `to_download`: a `Tree` for
          an archive, with member names relative to its root, and a `Content` for a file.

        Raises:
          CorpusError: A file cannot be downloaded or is not the published one, or a manual folder
            cannot be read.
        """
        if self.variant == PEEK:
            return self._peeking.fetch(dl_manager)
        extracted = self.extracted()
        # One call for all files, so that an error names all that are missing, and the sum of their
        # sizes is compared with the free disk.
        paths = dl_manager.download(self.to_download(extracted))
        published: dict[str, archives.Tree | archives.Content] = {}
        for name, file in self.published_files().items():
            copy = extracted.get(name)
            if not copy and name not in paths:
                continue  # `to_download` has left it out.
            if isinstance(file, File):
                published[name] = archives.Content(copy.path if copy else os.fspath(paths[name]))
            elif copy:
                is_shared = copy.path == self._manual_dir
                published[name] = archives.Tree(
                    copy.path, renamed=copy.renamed, is_shared=is_shared
                )
            else:
                parts = paths[name] if isinstance(file.files, tuple) else (paths[name],)
                published[name] = archives.Tree(*map(os.fspath, parts), root=file.root)
        self._sources = {name: str(content) for name, content in published.items()}
        return published

    def extracted(self) -> dict[str, own_copies.Copy]:
        """Finds the archives that the user has extracted in `manual_dir`, and unpacked files.

        Returns:
          The folder of each such archive, or the unpacked file, by its name in `published_files`.
        """
        if self._manual_dir is None:
            return {}
        found = {}
        published = self.url_infos
        for name, file in self.published_files().items():
            names = [published[url].filename or "" for url in file.urls if url in published]
            is_part = self.variant == PARTIAL
            if copy := own_copies.find(file, names, self._manual_dir, is_part=is_part):
                found[name] = copy
        return found

    def is_here(self, file: Archive | File, *, only_packed: bool = False) -> bool:
        """Returns whether the user has brought a published file in `manual_dir`, packed or not.

        It serves for optional files, which `published_files` may leave out.

        Args:
          file: The file.
          only_packed: Whether only the file as it was published counts, and no extracted copy.
        """
        if self._manual_dir is None:
            return False
        listed = digests.load_published(type(self)._checksums_path)
        names = by_hand.packed_names(listed[file.urls[0]].filename, file.urls)
        if by_hand.packed(self._manual_dir, names):
            return True
        if only_packed:
            return False
        return own_copies.find(file, names, self._manual_dir, is_part=True) is not None

    def to_download(self, extracted: Collection[str]) -> dict[str, Any]:
        """Returns the `files` of all that is not extracted, by name in `published_files`.

        Args:
          extracted: Names of what the user has extracted, from `extracted`.
        """
        return {
            name: file.files
            for name, file in self.published_files().items()
            if name not in extracted
        }

    # --------------------------------------------------------------------------------- preparing

    def fault(
        self,
        folder: epath.PathLike | None = None,
        features: tfds.features.FeaturesDict | None = None,
    ) -> str:
        """Returns what is wrong with the prepared data, without reading its records.

        Args:
          folder: The folder of the data; `data_dir` by default.
          features: The features; those of `info` by default, which may not exist yet.

        Returns:
          The file and what is wrong with it. Empty if nothing is wrong, if nothing is prepared, or
          if somebody has replaced how TFDS reads data, as `tfds.testing.mock_data` does.
        """
        readers = (super().as_dataset, super()._as_dataset, super().as_data_source)
        if not all(map(hooks.is_tfds_own, readers)):
            return ""
        return prepared.fault(
            epath.Path(folder or self.data_dir),
            name=self.name,
            version=str(self.version),
            variant=self.variant or "complete",
            features=features or self.info.features,
            expected_counts=self.expected_counts,
        )

    def is_prepared(self) -> bool:
        """Returns whether the data is prepared, and whole as far as `fault` can tell."""
        return (self.data_path / constants.DATASET_INFO_FILENAME).exists() and not self.fault()

    def _check_whole(self) -> None:
        """Raises a `CorpusError` if there is prepared data that must not be read."""
        if fault := self.fault():
            name = "/".join(filter(None, (self.name, self.base_config_name)))
            variant = f" --{self.variant}" if self.variant else ""
            command = f"tfds-extra build {name}{variant} --overwrite"
            if self.variant == PEEK:
                command = f"tfds-extra peek {name}"
            raise CorpusError(
                self.data_dir,
                "",
                fault,
                f"Prepare it anew: {command}, or with the download_mode REUSE_CACHE_IF_EXISTS.",
            )

    def _log_download_bytes(self) -> None:
        """Prints what is about to be done; TFDS itself knows no sizes beforehand."""
        amount = self.download_amount
        published = f"{amount} of published files" if amount.size else "the published files"
        if self.variant == MINIATURE:
            source = f"from the miniature that comes along ({amount})"
        elif self.variant == PARTIAL:
            source = f"from a part of {published}"
        else:
            source = f"from {published}"
        if self.variant == PEEK:
            budget = peeking.amount(self._peek.budget)
            print(
                f"Peeking at {self.info.full_name}: at most {budget} of {published}, to"
                f" {self.data_dir}",
                flush=True,
            )
            return
        size = self.prepared_amount
        takes = "" if size.is_least else f", which takes {size}"
        # Printed, as TFDS does with its own line, so that the user can still stop the preparation.
        print(f"Preparing {self.info.full_name} {source}{takes}, in {self.data_dir}", flush=True)

    def _download_and_prepare(
        self, dl_manager: download.DownloadManager, download_config: download.DownloadConfig
    ) -> None:
        limit = download_config.max_examples_per_split
        if limit is not None and self.variant == MINIATURE:
            raise ValueError(
                f"{self.info.full_name} is small: leave max_examples_per_split out, and read a part of"
                " it with split='train[:5]', say."
            )
        if limit is not None and self.variant == PEEK:
            raise ValueError(
                f"How many examples of {self.info.full_name} are shown says"
                f" builder_kwargs={{'peek': core.Peek(examples={limit})}}; leave"
                " max_examples_per_split out."
            )
        if limit is not None and (self.variant != PARTIAL or limit < 1):
            # TFDS would store the first few examples where later calls look for the corpus.
            raise ValueError(
                f"max_examples_per_split={limit} makes a part of {self.info.full_name}. Say so with"
                " builder_kwargs={'partial': True}, or --partial, and take one or more."
            )
        self._unpublished = self.data_dir
        super()._download_and_prepare(dl_manager, download_config)

    def download_and_prepare(self, **kwargs: Any) -> None:
        """Prepares the data as TFDS does; of several such processes one works and the others wait.

        Args:
          **kwargs: Arguments of `tfds.core.DatasetBuilder.download_and_prepare`.
        """
        prepare = super().download_and_prepare
        if not hooks.is_tfds_own(inspect.unwrap(prepare)):
            prepare(**kwargs)
            return
        if not self.info.initialized and hooks.is_in_data_source():
            kwargs.setdefault("file_format", file_adapters.FileFormat.ARRAY_RECORD)
        config = kwargs.get("download_config") or download.DownloadConfig()
        if not config.download_mode.overwrite_dataset:
            self._check_whole()
        final = pathlib.Path(self.data_dir)
        if final.is_dir() and not any(final.iterdir()):
            final.rmdir()  # TFDS would take it for prepared.
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise CorpusError(
                final.parent,
                "",
                f"the folder cannot be made ({e.strerror})",
                "Choose another data_dir, or see to its rights.",
            ) from e
        work_folder = final.parent / f"unfinished.{final.name}"
        lock = final.parent / f"{final.name}.lock"
        reused = final.exists() and not config.download_mode.overwrite_dataset
        # The folder of data that is there may be read-only. A lock or a work folder beside it
        # belongs to a process that makes the data anew, or that was killed after it had made the
        # data.
        is_alone = not work_folder.exists() and not lock.exists()
        if (reused and is_alone) or not _is_local(self.data_dir):
            super().download_and_prepare(**kwargs)
            return
        left = contextlib.nullcontext()
        if self.variant == PEEK:
            left = self._peeking.leaving_nothing(final.parent)
        with left, locks.alone(lock, time.sleep) as locked:
            if locked:
                for remains in final.parent.glob(f"{_TFDS_INCOMPLETE}*_{final.name}"):
                    shutil.rmtree(remains, ignore_errors=True)  # A killed process left them.
            # Without a lock others may prepare the same data now. A read-only work folder belongs
            # to a killed process of another user.
            is_own = not locked or not _is_writable(work_folder)
            if is_own:
                given = work_folder
                work_folder = given.with_name(f"{given.name}.{uuid.uuid4().hex[:8]}")
                if not reused and not final.exists():
                    logging.warning(
                        "%s, so that unfinished work lies in a folder of this process alone, %s."
                        " If the process is killed, the folder stays: remove it.",
                        f"{given} is another user's" if locked else f"{lock} cannot be locked",
                        work_folder,
                    )
            self._work_folder = work_folder
            try:
                with self._synced_before_published():
                    super().download_and_prepare(**kwargs)
                for folder in final.parents:
                    disk.sync(folder)
                    if folder == pathlib.Path(self.data_dir_root):
                        break
            except BaseException as e:
                if is_own or self.variant == PEEK:
                    shutil.rmtree(work_folder, ignore_errors=True)
                is_there = isinstance(e, FileExistsError) or (
                    isinstance(e, OSError) and e.errno == errno.ENOTEMPTY
                )
                if locked or not is_there or not final.exists():
                    raise
                # Another process has published the same data in the meantime.
                self.info.read_from_directory(self.data_dir)
            shutil.rmtree(work_folder, ignore_errors=True)
        if not self.info.initialized:  # Somebody else has prepared it in the meantime.
            self.info.read_from_directory(self.data_dir)

    @contextlib.contextmanager
    def _synced_before_published(self) -> Iterator[None]:
        """Waits until all files are on the disk before TFDS gives its folder the final name.

        Otherwise a power cut may leave the final name with empty files under it. The last step of
        TFDS before it renames is to tell its `info` the new name.
        """
        update = self.info.update_data_dir

        def sync_and_update(data_dir: str) -> None:
            unpublished = pathlib.Path(self._unpublished)
            # TFDS keeps the name of the default config in a folder beside those of the configs.
            for folder in (unpublished.parent.parent / _TFDS_CONFIG, unpublished):
                disk.sync_all(folder)
            update(data_dir)

        with utils.temporary_assignment(self.info, "update_data_dir", sync_and_update):
            yield

    def _generate_splits(
        self, dl_manager: download.DownloadManager, download_config: download.DownloadConfig
    ) -> Sequence[tfds.core.SplitInfo]:
        if self.variant == PEEK and not self._work_folder:
            raise CorpusError(
                self.data_dir,
                "",
                "a peek is prepared in a folder of this machine",
                "Choose another data_dir.",
            )
        on_beam = bool(download_config.beam_runner or download_config.beam_options)
        if not (on_beam or self._work_folder):  # The data is in a bucket: TFDS prepares it alone.
            split_infos = super()._generate_splits(dl_manager, download_config)
            self._describe(
                {split.name: split.num_examples for split in split_infos},
                {split.name: self._order_digest(split) for split in split_infos},
            )
            return split_infos
        common = {
            "features": self.info.features,
            "filename_templates": {
                split: self._get_filename_template(split) for split in self.expected_counts
            },
            "file_format": self.info.file_format,
            "download_config": download_config,
            "disable_shuffling": self.info.disable_shuffling,
            "check_counts": self._check_counts,
        }
        if self.variant == PEEK:
            made = self._peeking.prepare(
                dl_manager,
                expected_counts=self.expected_counts,
                work_folder=self._work_folder,
                identity=self._identity(),
                serial_bytes=0,
                **common,
            )
            return self._described(made)
        generators = self._split_generators(dl_manager)
        if on_beam:
            path = pathlib.Path if _is_local(self.data_dir) else epath.Path
            made = engines.prepare_on_beam(
                generators, work_folder=path(self.data_dir) / "unfinished", **common
            )
        else:
            made = engines.prepare_locally(
                generators,
                expected_counts=self.expected_counts,
                work_folder=self._work_folder,
                identity=self._identity(),
                num_workers=self._num_workers,
                serial_bytes=self.SERIAL_BYTES,
                **common,
            )
        return self._described(made)

    def _described(self, made: Sequence[engines.PreparedSplit]) -> list[tfds.core.SplitInfo]:
        """Notes in the metadata what was made; prints it if it is a peek."""
        counts = {one.split_info.name: one.split_info.num_examples for one in made}
        self._describe(counts, {one.split_info.name: one.order_digest for one in made})
        if self.variant == PEEK:
            found = {**self._peeking.metadata(), "shown": counts}
            self.info.metadata["peek"] = found
            print(*peeking.described(found), sep="\n", flush=True)
        return [one.split_info for one in made]

    def _describe(self, counts: dict[str, int], order_digests: dict[str, str]) -> None:
        """Compares the number of examples with the publisher's, and notes it in the metadata."""
        self.info.metadata.update(
            variant=self.variant or "complete",
            missing=self._check_counts(counts),
            order_digest=order_digests,
        )

    def _order_digest(self, split: tfds.core.SplitInfo) -> str:
        """Reads the records of a split back, and returns their order digest."""
        digest = engines.OrderDigest()
        for shard in prepared.records(split.filepaths, self.info.file_format):
            for record in shard:
                digest.update(record)
        return digest.hexdigest()

    def _identity(self) -> list[Any]:
        """Returns everything that decides what is made of the published files."""
        folder = pathlib.Path(inspect.getfile(type(self))).parent
        code = {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))}
        features = json.dumps(self.info.features.to_json(), sort_keys=True)
        facts = {
            path.name: path.read_bytes()
            for path in sorted(self.facts_path("counts.tsv").parent.glob("*.tsv"))
        }
        return [self.info.full_name, code, features, facts]

    def _check_counts(self, found: dict[str, int]) -> dict[str, int]:
        """Compares the number of examples that were read with the publisher's.

        Args:
          found: Number of examples by split.

        Returns:
          How many are missing in each split; all zero unless the builder is partial or a peek.

        Raises:
          CorpusError: There are too many examples, or too few and the builder is complete.
        """
        if not sum(found.values()):
            raise CorpusError(
                self.info.full_name, "", "not a single example was read", self._where_it_looked()
            )
        is_part = self.variant in (PARTIAL, PEEK)
        missing = {s: n - found.get(s, 0) for s, n in self.expected_counts.items()}
        for split in [split for split, count in self.expected_counts.items() if not count]:
            # Nobody states how many there are, but a complete corpus has some.
            missing[split] = int(not is_part and not found.get(split))
        for split, short in missing.items():
            count = f"{self.expected_counts[split]:,}" if self.expected_counts[split] else "some"
            if short < 0 or (short and not is_part):
                raise CorpusError(
                    self.info.full_name,
                    f"split {split}",
                    f"{found.get(split, 0):,} examples were read, the publisher has {count}",
                    f"The files are not the complete corpus. {IF_PARTIAL}"
                    if short > 0
                    else "The files are not (only) the published ones.",
                )
        return missing

    def _where_it_looked(self) -> str:
        """Returns a text that says what was read, and what lies there instead of the corpus."""
        lines = []
        for name, file in self.published_files().items():
            source = self._sources.get(name, "")
            folder = pathlib.Path(source)
            lines.append(f"{name}: {source}")
            if folder.is_dir():
                lines[-1] += f". There lies: {downloads.described(folder)}"
                if isinstance(file, Archive) and file.holds:
                    lines[-1] += f". Looked for: {', '.join(file.holds)}"
        return "What was read: " + "; ".join(lines)

    # ----------------------------------------------------------------------------------- reading

    def as_dataset(self, *args: Any, **kwargs: Any) -> Any:
        """Reads the data as TFDS does; refuses data that is not whole.

        Args:
          *args: As in `tfds.core.DatasetBuilder.as_dataset`.
          **kwargs: As in `tfds.core.DatasetBuilder.as_dataset`.

        Raises:
          CorpusError: The prepared data is not whole; the message names the file.
          ImportError: There is no TensorFlow.
        """
        read = super().as_dataset
        if hooks.is_tfds_own(read):
            what = "tf.data (tfds.load, as_dataset; not tfds.data_source)"
            require("tensorflow", "tensorflow", what)
            if not self.info.splits:
                self._check_whole()
            dtypes.remember(self.info.features)
        return read(*args, **kwargs)

    def _build_single_dataset(self, split: Any, batch_size: int | None, **kwargs: Any) -> Any:
        whole = batch_size == -1
        if whole:
            batch_size = self.info.splits.total_num_examples or None
        if (
            batch_size
            and self._reads_itself()
            and reading.can_read_batches(self.info.features, **kwargs)
        ):
            self._check_read_as_dataset(kwargs["read_config"])
            return reading.read_batches(self, split, batch_size, whole=whole, **kwargs)
        keys = self.info.supervised_keys
        if kwargs["as_supervised"] and keys and kwargs["decoders"] is None and self._reads_itself():
            # Only the two supervised features are parsed.
            kwargs["decoders"] = tfds.decode.PartialDecoding(set(tree.flatten(keys)))
        return super()._build_single_dataset(
            split=split, batch_size=-1 if whole else batch_size, **kwargs
        )

    def _as_dataset(
        self,
        split: Any,
        decoders: Any = None,
        read_config: tfds.ReadConfig | None = None,
        shuffle_files: bool = False,
    ) -> Any:
        kwargs = {"decoders": decoders, "read_config": read_config, "shuffle_files": shuffle_files}
        if not hooks.is_tfds_own(super()._as_dataset):
            return super()._as_dataset(split=split, **kwargs)
        kwargs["read_config"] = read_config or tfds.ReadConfig()
        self._check_read_as_dataset(kwargs["read_config"])
        return reading.read_examples(self, split, **kwargs)

    def _should_cache_ds(self, split: Any, shuffle_files: bool, read_config: Any) -> bool:
        # With `shuffle_files`, the records of a corpus in published order are shuffled too, and a
        # cache would repeat the first order.
        reshuffles = read_config.shuffle_reshuffle_each_iteration is not False
        if shuffle_files and reshuffles and self.info.disable_shuffling:
            return False
        return super()._should_cache_ds(split, shuffle_files, read_config)

    def _reads_itself(self) -> bool:
        """Returns whether nobody has replaced how examples are read."""
        ours = type(self)._as_dataset is Builder._as_dataset
        return ours and hooks.is_tfds_own(super()._as_dataset)

    def _check_read_as_dataset(self, read_config: tfds.ReadConfig) -> None:
        formats = file_adapters.FileFormat.with_tf_data()
        if not read_config.file_format and not self._read_as(formats):
            raise NotImplementedError(str(self._clash(file_adapters.DEFAULT_FILE_FORMAT)))

    def as_data_source(self, split: Any = None, **kwargs: Any) -> Any:
        """Opens the data as TFDS does; decodes several slow items at a time, in threads.

        Args:
          split: As in TFDS.
          **kwargs: As in `tfds.core.DatasetBuilder.as_data_source`.

        Raises:
          CorpusError: The prepared data is not whole; the message names the file.
          NotImplementedError: The data is prepared in a format without random access; the message
            says what can be done.
          ValueError: A split has no examples.
        """
        open_source = super().as_data_source
        if not hooks.is_tfds_own(open_source):
            return open_source(split=split, **kwargs)
        if not self.info.splits:
            self._check_whole()
            return open_source(split=split, **kwargs)  # TFDS says that nothing is prepared.
        if not self._read_as(file_adapters.FileFormat.with_random_access()):
            raise NotImplementedError(str(self._clash(file_adapters.FileFormat.ARRAY_RECORD)))
        if split is None:
            split = {name: name for name in self.info.splits}

        def open_split(one: Any) -> Any:
            reading.check_has_data(self.info, one)
            return reading.in_threads(open_source(one, **kwargs))

        return tree.map_structure(open_split, split)


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Returns the keyword-only arguments that builders of a class take."""
    parameters = {}
    for base in reversed(cls.__mro__):
        for name, parameter in inspect.signature(base.__init__).parameters.items():
            if parameter.kind == parameter.KEYWORD_ONLY:
                parameters[name] = parameter
    return parameters


def _no_config(cls: type[Builder], config: str) -> str:
    """Returns the message for a config name that does not exist."""
    if not cls.builder_configs:
        return f"{cls.name} has no configs, hence no {config!r}."
    variants = [f"{name}-{variant}" for name in cls.builder_configs for variant in _NOTICES]
    known = [*cls.builder_configs, *variants]
    names = list(cls.builder_configs)
    listed = ", ".join(names[:_LISTED]) + (
        f" and {len(names) - _LISTED} more (tfds-extra info {cls.name})"
        if len(names) > _LISTED
        else ""
    )
    sentences = (f"{cls.name} has no config {config!r}.", spelling.hint(config, known))
    return " ".join(filter(None, sentences)) + f" There are: {listed}."


def _split_variant(
    config: str | tfds.core.BuilderConfig | None,
) -> tuple[str | tfds.core.BuilderConfig | None, str | None]:
    """Returns the config without the variant that its name ends in, and the variant."""
    name = config if isinstance(config, str) else getattr(config, "name", "")
    for variant in _NOTICES:
        if name == variant:
            return None, variant
        if name.endswith(f"-{variant}"):
            return name.removesuffix(f"-{variant}"), variant
    return config, None


def _check_readable(folder: pathlib.Path) -> None:
    try:
        next(os.scandir(folder), None)
    except OSError as e:
        raise CorpusError(
            folder,
            "",
            f"the manual_dir cannot be read ({e.strerror})",
            "Check its name and rights.",
        ) from e


def _is_writable(folder: pathlib.Path) -> bool:
    """Returns whether a folder and all files in it may be written to, or it does not exist."""
    if not folder.exists():
        return True
    rights = os.R_OK | os.W_OK | os.X_OK
    return os.access(folder, rights) and all(os.access(p, os.W_OK) for p in folder.iterdir())


def _is_local(folder: str) -> bool:
    return "://" not in folder and not folder.startswith(("/gs/", "/s3/"))
