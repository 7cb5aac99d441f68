"""The seam to TFDS: every private name of TFDS that this package uses or overrides stands here.

TFDS promises to keep its public names only. What is here may change with any of its releases, so
`tests/tfds_seam_test.py` compares signatures and behaviour with what this module relies on, and
`setup.cfg` allows the releases that this was tested with. Everything else in the package uses public
names of TFDS, and the classes and functions of this module.

A private method that TFDS calls, and that has to do something else here, hands on to a method of
ours with another name. It gets TFDS's own method as an argument where it still needs that.
"""

from __future__ import annotations

import abc
import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import download, example_parser, reader, utils
from tensorflow_datasets.core.data_sources import array_record
from tensorflow_datasets.core.download import checksums

# --------------------------------------------------------------------------------------- builders

# TFDS keeps the name of the default config in a folder of this name beside those of the configs.
CONFIG_FOLDER = ".config"


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """TFDS's builder, with private methods that hand on to the methods of `core.Builder`."""

    def __init_subclass__(cls, skip_registration: bool = True, **kwargs: Any) -> None:
        """Keeps the class out of TFDS's registry, which has stubs instead (`registry`)."""
        del skip_registration  # TFDS itself passes it for some classes.
        super().__init_subclass__(skip_registration=True, **kwargs)

    # ------------------------------------------------------------------ methods that TFDS calls

    def _create_builder_config(self, builder_config: Any, version: Any) -> Any:
        """A config name that does not exist is answered with those that do; variants have names."""

        def create(config: Any) -> Any:
            return super(Builder, self)._create_builder_config(config, version)

        return self._choose_config(builder_config, create)

    def _pick_version(self, requested_version: Any) -> Any:
        """TFDS answers a version that does not exist with an assertion, without those that do."""
        return self._choose_version(requested_version, super()._pick_version)

    @utils.classproperty
    @classmethod
    def _checksums_path(cls) -> epath.Path:
        """TFDS looks beside the builder; our tables lie together."""
        return epath.Path(cls.checksums_path())

    def _make_download_manager(
        self, download_dir: Any, download_config: download.DownloadConfig
    ) -> Any:
        """Ours survives what servers do, and knows mirrors and files by hand."""
        return self.download_manager(download_dir, download_config)

    def _log_download_bytes(self) -> None:
        """TFDS knows no sizes before it has prepared, so that its line says "Unknown size"."""
        self._announce()

    def _download_and_prepare(self, dl_manager: Any, download_config: Any = None) -> None:
        """Between this call and its end the data lies in a temporary folder, `data_dir`."""
        self._prepare(dl_manager, download_config, super()._download_and_prepare)

    def _generate_splits(self, dl_manager: Any, download_config: Any) -> Sequence[Any]:
        """Our engines write the shards."""
        return self._make_splits(dl_manager, download_config, super()._generate_splits)

    def _build_single_dataset(
        self,
        split: Any,
        batch_size: int | None,
        shuffle_files: bool,
        decoders: Any,
        read_config: Any,
        as_supervised: bool,
    ) -> Any:
        """Batches are parsed as a whole, which no public method of TFDS allows."""
        return self._read_split(
            super()._build_single_dataset,
            split=split,
            batch_size=batch_size,
            shuffle_files=shuffle_files,
            decoders=decoders,
            read_config=read_config,
            as_supervised=as_supervised,
        )

    def _as_dataset(
        self,
        split: Any,
        decoders: Any = None,
        read_config: Any = None,
        shuffle_files: bool = False,
    ) -> Any:
        """Records are parsed in chunks."""
        return self._read_examples(
            super()._as_dataset,
            split=split,
            decoders=decoders,
            read_config=read_config,
            shuffle_files=shuffle_files,
        )

    def _should_cache_ds(self, split: Any, shuffle_files: bool, read_config: Any) -> bool:
        """What is shuffled anew each time must not be cached in one order."""
        return self._is_cached(super()._should_cache_ds, split, shuffle_files, read_config)

    # ------------------------------------------------------------- methods of ours that they call

    @abc.abstractmethod
    def _choose_config(self, config: Any, create: Callable[[Any], Any]) -> Any:
        """Returns the config that the builder gets; `create` is TFDS's way to find it."""

    @abc.abstractmethod
    def _choose_version(self, requested: Any, pick: Callable[[Any], Any]) -> Any:
        """Returns the version that was asked for; `pick` is TFDS's way to find it."""

    @classmethod
    @abc.abstractmethod
    def checksums_path(cls) -> pathlib.Path:
        """Returns the path of the table of URLs, sizes and digests."""

    @abc.abstractmethod
    def download_manager(
        self, download_dir: Any, download_config: download.DownloadConfig
    ) -> DownloadManager:
        """Returns a download manager for this builder's files."""

    @abc.abstractmethod
    def _announce(self) -> None:
        """Prints what is about to be prepared."""

    @abc.abstractmethod
    def _prepare(
        self, dl_manager: Any, download_config: Any, prepare: Callable[[Any, Any], None]
    ) -> None:
        """Prepares the data in the temporary folder; `prepare` is TFDS's way to do it."""

    @abc.abstractmethod
    def _make_splits(
        self, dl_manager: Any, download_config: Any, make: Callable[[Any, Any], Sequence[Any]]
    ) -> Sequence[Any]:
        """Writes the shards, and describes the splits; `make` is TFDS's way to do it."""

    @abc.abstractmethod
    def _read_split(self, build: Callable[..., Any], **kwargs: Any) -> Any:
        """Returns what `as_dataset` gives for one split; `build` is TFDS's way to read it."""

    @abc.abstractmethod
    def _read_examples(self, read: Callable[..., Any], **kwargs: Any) -> Any:
        """Returns the examples of one split, one by one; `read` is TFDS's way to do it."""

    @abc.abstractmethod
    def _is_cached(
        self, judge: Callable[[Any, bool, Any], bool], split: Any, shuffle_files: bool, config: Any
    ) -> bool:
        """Returns whether `tf.data` keeps what it has read; `judge` is TFDS's way to tell."""

    # --------------------------------------------------- what ours needs of TFDS's private names

    @classmethod
    def folder(cls) -> pathlib.Path:
        """Returns the folder of the builder's module, with its README and its tables."""
        return pathlib.Path(os.fspath(cls._get_pkg_dir_path()))

    def _remember_arguments(self, **kwargs: Any) -> None:
        """Adds arguments to those from which TFDS makes the builder anew after pickling."""
        self._original_state.update(kwargs)

    def _shard_template(self, split: str) -> Any:
        """Returns the template of the names of a split's shards, in the folder being written."""
        return self._get_filename_template(split)

    def _reads_by_seam(self) -> bool:
        """Returns whether no subclass overrides how examples are read."""
        return type(self)._as_dataset is Builder._as_dataset

    def _tfds_readers(self) -> tuple[Callable[..., Any], ...]:
        """Returns TFDS's own methods of reading, or whatever has replaced them."""
        return super().as_dataset, super()._as_dataset, super().as_data_source


def is_cached(
    builder: tfds.core.DatasetBuilder, split: Any, shuffle_files: bool, config: Any
) -> bool:
    """Returns whether `tf.data` keeps what it has read of a split.

    Args:
      builder: Any builder of TFDS.
      split: As in `as_dataset`.
      shuffle_files: As in `as_dataset`.
      config: `read_config` of `as_dataset`.
    """
    return builder._should_cache_ds(split, shuffle_files, config)


# ---------------------------------------------------------------------------------------- reading


def read_files(**kwargs: Any) -> Any:
    """Returns the records of files as a `tf.data.Dataset`.

    TFDS's public `Reader` parses each record in a call of its own.

    Args:
      **kwargs: Arguments of TFDS's function: `file_instructions`, `read_config`, `shuffle_files`,
        `disable_shuffling`, `file_format`.
    """
    return reader._read_files(**kwargs)


def as_parsed(parser: example_parser.ExampleParser, flat: dict[str, Any]) -> Any:
    """Returns what `ExampleParser.parse_example` makes of the parsed values of an example.

    TFDS does both in one method, for one record.
    """
    nested = utils.pack_as_nest_dict(flat, parser._nested_feature_specs)
    return utils.pack_as_nest_dict(
        {
            name: example_parser._deserialize_single_field(value, spec)
            for name, (value, spec) in utils.zip_dict(nested, parser._flat_example_specs)
        },
        parser._example_specs,
    )


class DataSource(array_record.ArrayRecordDataSource):
    """TFDS's data source, with a private method that hands on to `decoded`."""

    def example(self, record: Any) -> Any:
        """Returns the example that a record holds, decoded as the user asked for."""
        return self._deserialize(record)

    def _deserialize(self, record: Any) -> Any:
        """TFDS decodes one record after the other, and each feature by its name."""
        return self.decoded(record, super()._deserialize)


# --------------------------------------------------------------------------------------- features


def is_stored_as_bytes(feature: tfds.features.Tensor) -> bool:
    """Returns whether a tensor that cannot be missing is stored as its bytes, not compressed.

    No public property tells the encoding of a tensor.
    """
    return feature._encoding is tfds.features.Encoding.BYTES and not feature._optional


def store_without_shape(feature: tfds.features.Tensor) -> None:
    """Keeps a tensor with two unknown dimensions from storing its shape: its bytes have it.

    No argument of `Tensor` says so.
    """
    feature._dynamic_shape = False


# ------------------------------------------------------------------------------------ the command


def builders(args: Any, name: str) -> Iterator[tfds.core.DatasetBuilder]:
    """Yields the builders that a name and the options of `tfds build` stand for.

    `tfds build` offers only the whole command, which imports Beam and prints everything.
    """
    from tensorflow_datasets.scripts.cli import build  # It takes a second.

    cls, kwargs = build._get_builder_cls_and_kwargs(name, has_imports=True)
    yield from build._make_builders(args, cls, kwargs)


def download_config(args: Any, dataset_name: str) -> download.DownloadConfig:
    """Returns the config that the options of `tfds build` stand for."""
    from tensorflow_datasets.scripts.cli import build

    return build._make_download_config(args, dataset_name=dataset_name)


# -------------------------------------------------------------------------------------- downloads


class DownloadManager(download.DownloadManager):
    """TFDS's download manager, with private methods that hand on to `core.downloads`.

    `download` of TFDS opens `_downloader.tqdm()`, calls `_download_or_get_cache` for each URL in it,
    and then `get()` of each result.
    """

    def __init__(self, *, url_infos: Mapping[str, checksums.UrlInfo] | None, **kwargs: Any):
        """Creates a manager.

        Args:
          url_infos: What was published about each URL.
          **kwargs: Arguments of `tfds.download.DownloadManager`.
        """
        super().__init__(**kwargs)
        # A dict of our own, because TFDS's is shared by all managers of the process: what one
        # builder (a miniature, for example) adds to it would hold for the URLs of another.
        self._url_infos: dict[str, checksums.UrlInfo]
        self._url_infos = {**self._url_infos, **(url_infos or {})}

    # ------------------------------------------------------------------ methods that TFDS calls

    @property
    def _downloader(self) -> Any:
        """TFDS's methods use nothing of it but `tqdm`, which opens a batch here."""
        return _Downloader(self)

    def _download_or_get_cache(self, resource: Any) -> Any:
        """TFDS begins to download at once; here all files of a call are looked for first."""
        return self.request(resource)

    def _record_url_infos(self) -> None:
        """TFDS would lose the comments of the table, and digests that are not sha256."""
        self.write_checksums()

    # ------------------------------------------------------------- methods of ours that they call

    @abc.abstractmethod
    def showing_progress(self) -> contextlib.AbstractContextManager[None]:
        """Shows progress, and opens a batch."""

    @abc.abstractmethod
    def request(self, url: Any) -> Any:
        """Adds a URL to the open batch; returns an object whose `get` gives the path."""

    @abc.abstractmethod
    def write_checksums(self) -> None:
        """Writes sizes and digests of what was downloaded to the table of checksums."""

    # --------------------------------------------------- what ours needs of TFDS's private names

    @property
    def url_infos(self) -> dict[str, checksums.UrlInfo]:
        """What is known of each URL; `download_checksums` of TFDS adds to it."""
        return self._url_infos

    @property
    def recorded_url_infos(self) -> dict[str, checksums.UrlInfo]:
        """What has come, by URL; `downloaded_size` of TFDS is its sum."""
        return self._recorded_url_infos

    def cache_path(self, resource: download.Resource, sha256: str | None, legacy: bool) -> Any:
        """Returns TFDS's path of a file in the cache, which is kept.

        Args:
          resource: The file.
          sha256: Its digest, if known.
          legacy: Whether to return the path that it had before TFDS 4.9.
        """
        return self._get_dl_path(resource, sha256, legacy)

    # TFDS has no public names for these arguments of its own; its `manual_dir` raises if there is
    # nothing in the folder.

    @property
    def given_manual_dir(self) -> Any:
        return self._manual_dir

    @property
    def manual_dir_instructions(self) -> str:
        return self._manual_dir_instructions

    @property
    def dataset_name(self) -> str | None:
        return self._dataset_name

    @property
    def force_download(self) -> bool:
        return self._force_download

    @property
    def force_checksums_validation(self) -> bool:
        return self._force_checksums_validation

    @property
    def checksums_path(self) -> pathlib.Path:
        return pathlib.Path(os.fspath(self._register_checksums_path))

    @property
    def verify_ssl(self) -> bool:
        return self._verify_ssl

    @property
    def max_simultaneous_downloads(self) -> int | None:
        return self._max_simultaneous_downloads


class _Downloader:
    """Stands for TFDS's downloader."""

    def __init__(self, manager: DownloadManager):
        self._manager = manager

    def tqdm(self) -> contextlib.AbstractContextManager[None]:
        """Shows progress; TFDS's methods open it around their requests."""
        return self._manager.showing_progress()
