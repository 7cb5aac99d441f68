"""Reading: `as_dataset` and `as_data_source`, as TFDS has them and faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters
from tensorflow_datasets.core.utils.lazy_imports_utils import tree

from tfds_extra.core import data_sources, dtypes, hooks, reading
from tfds_extra.core.builders.preparing import PreparingLayer
from tfds_extra.core.errors import require


class ReadingLayer(PreparingLayer):
    """Reads prepared data."""

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

    def _read_split(
        self,
        build: Callable[..., Any],
        *,
        split: Any = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> Any:
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
        if batch_size or not self._reads_itself() or kwargs["as_supervised"] and not keys:
            return build(split=split, batch_size=-1 if whole else batch_size, **kwargs)
        self._check_read_as_dataset(kwargs["read_config"])
        structure = keys if kwargs.pop("as_supervised") else None
        return reading.read_examples(self, split, structure=structure, cache=True, **kwargs)

    def _read_examples(
        self,
        read: Callable[..., Any],
        *,
        split: Any = None,
        decoders: Any = None,
        read_config: tfds.ReadConfig | None = None,
        shuffle_files: bool = False,
        **kwargs: Any,
    ) -> Any:
        if not hooks.is_tfds_own(read):
            return read(
                split=split,
                decoders=decoders,
                read_config=read_config,
                shuffle_files=shuffle_files,
            )
        read_config = read_config or tfds.ReadConfig()
        self._check_read_as_dataset(read_config)
        return reading.read_examples(
            self,
            split,
            decoders=decoders,
            read_config=read_config,
            shuffle_files=shuffle_files,
        )

    def _is_cached(
        self,
        judge: Callable[[Any, bool, Any], bool],
        split: Any,
        shuffle_files: bool,
        config: tfds.ReadConfig,
    ) -> bool:
        # With `shuffle_files`, the records of a corpus in published order are shuffled too, and a
        # cache would repeat the first order.
        reshuffles = config.shuffle_reshuffle_each_iteration is not False
        if shuffle_files and reshuffles and self.info.disable_shuffling:
            return False
        return judge(split, shuffle_files, config)

    def _reads_itself(self) -> bool:
        """Returns whether nobody has replaced how examples are read."""
        _, tfds_own, _ = self._tfds_readers()
        return self._reads_by_seam() and hooks.is_tfds_own(tfds_own)

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
            return data_sources.faster(open_source(one, **kwargs))

        return tree.map_structure(open_split, split)
