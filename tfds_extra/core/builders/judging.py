"""Prepared data: what it says of itself, in which formats it is there, and whether it is whole."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection
from typing import Any

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import constants, file_adapters

from tfds_extra.core import hooks, prepared
from tfds_extra.core.builders.fetching import FetchingLayer
from tfds_extra.core.builders.variants import NOTICES, PEEK
from tfds_extra.core.errors import CorpusError


class _Info(tfds.core.DatasetInfo):
    """TFDS's info of a corpus, which reads prepared data only if it is whole (`JudgingLayer.fault`)."""

    def __init__(self, *, builder: JudgingLayer, **kwargs: Any):
        self._judge = builder.fault
        super().__init__(builder=builder, **kwargs)

    def read_from_directory(self, dataset_info_dir: epath.PathLike) -> None:
        if not self._judge(dataset_info_dir, features=self.features):
            super().read_from_directory(dataset_info_dir)


class JudgingLayer(FetchingLayer):
    """Describes prepared data, and judges it before it is read."""

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
            info.as_proto.description = f"{NOTICES[self.variant]}\n\n{info.description}"
        return info

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
        formats = (file_adapters.FileFormat.TFRECORD, file_adapters.FileFormat.ARRAY_RECORD)
        if wanted in formats and self.info.file_format in formats:
            name = self.name_with_config
            variant = f" --{self.variant}" if self.variant else ""
            remedy = (
                f"Add that format from the same records, `tfds-extra convert {name}{variant}"
                f" --to={wanted.value} --data_dir={shlex.quote(os.fspath(self.data_dir_root))}`, or"
                f" {remedy[0].lower()}{remedy[1:]}"
            )
        return CorpusError(self.data_dir, "", problem, remedy)

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
        if not all(map(hooks.is_tfds_own, self._tfds_readers())):
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
            name = self.name_with_config
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
