"""Prepared data with random access, as `tfds.data_source` gives it, decoded in less time."""

from __future__ import annotations

import concurrent.futures
import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core.data_sources import array_record

from tfds_extra import tfds_seam
from tfds_extra.core import decoding
from tfds_extra.features.encoded_audio import EncodedAudio


def faster(source: Any) -> Any:
    """Makes a data source of TFDS one of ours, which gives the same examples; returns it."""
    if type(source) is array_record.ArrayRecordDataSource:
        source.__class__ = ArrayRecordDataSource
    return source


class ArrayRecordDataSource(tfds_seam.DataSource):
    """Decodes with functions that are made once; the recordings of one call on all cores."""

    def __getstate__(self) -> dict[str, Any]:
        # Functions that were made for the features cannot be pickled, for the processes of a loader.
        return {name: value for name, value in vars(self).items() if name != "_decode"}

    def __getitems__(self, keys: Sequence[int]) -> Any:
        if not keys or not self._is_slow:
            return super().__getitems__(keys)
        records = self.data_source.__getitems__(keys)
        # Each call has its own pool, because a pool that is kept would hang in a forked process.
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self.example, records))

    def decoded(self, record: bytes, by_tfds: Callable[[bytes], Any]) -> Any:
        """Returns what TFDS makes of a record.

        Args:
          record: The record.
          by_tfds: Makes it in TFDS's way.
        """
        is_usual = self.deserialize_method is tfds.decode.DeserializeMethod.DESERIALIZE_AND_DECODE
        return self._decode(record) if is_usual and self.decoders is None else by_tfds(record)

    @functools.cached_property
    def _decode(self) -> Callable[[bytes], dict[str, Any]]:
        return decoding.decoder(self.dataset_info.features)

    @functools.cached_property
    def _is_slow(self) -> bool:
        features = self.dataset_info.features
        return any(isinstance(one, EncodedAudio) for one in features.flat_features)
