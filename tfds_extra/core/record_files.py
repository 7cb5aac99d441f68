"""Reads the records of TFRecord files as TFDS does, with less that has to be built.

TFDS reads a file through three functions of `tf.data`, one within the other. To build them and to
optimize their graph takes longer than to read a small corpus, and every record of a corpus of one file
goes through the buffers of an interleave that has nothing to interleave.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters
from tensorflow_datasets.core.utils import shard_utils
from tensorflow_datasets.core.utils.lazy_imports_utils import tensorflow as tf

from tfds_extra import tfds_seam

_CYCLE = 16  # So many files TFDS interleaves.


def read(
    file_instructions: Sequence[shard_utils.FileInstruction],
    *,
    read_config: tfds.ReadConfig,
    shuffle_files: bool,
    disable_shuffling: bool,
    file_format: file_adapters.FileFormat,
) -> Any:
    """Returns the serialized examples of files as a `tf.data.Dataset`, in TFDS's order.

    Args:
      file_instructions: The files, and which of their records.
      read_config: As in `as_dataset`.
      shuffle_files: As in `as_dataset`.
      disable_shuffling: Whether the order of the files has to be kept.
      file_format: Format of the files.
    """
    if not _is_usual(read_config, file_format):
        return tfds_seam.read_files(
            file_instructions=file_instructions,
            read_config=read_config,
            shuffle_files=shuffle_files,
            disable_shuffling=disable_shuffling,
            file_format=file_format,
        )
    if read_config.experimental_interleave_sort_fn is not None:
        file_instructions = read_config.experimental_interleave_sort_fn(file_instructions)
    records_of = functools.partial(
        _records_of,
        buffer_size=read_config.override_buffer_size
        or file_adapters.TfRecordFileAdapter.BUFFER_SIZE,
        do_skip=any(file.skip > 0 for file in file_instructions),
        do_take=any(not file.takes_all for file in file_instructions),
    )
    columns = [
        tf.constant([os.fspath(file.filename) for file in file_instructions], tf.string),
        tf.constant([file.skip for file in file_instructions], tf.int64),
        tf.constant([file.take for file in file_instructions], tf.int64),
    ]
    if len(file_instructions) == 1:
        records = records_of(*(column[0] for column in columns))
    else:
        files = tf.data.Dataset.from_tensor_slices(tuple(columns))
        if shuffle_files:
            files = files.shuffle(
                len(file_instructions),
                seed=read_config.shuffle_seed,
                reshuffle_each_iteration=read_config.shuffle_reshuffle_each_iteration,
            )
        in_any_order = (
            shuffle_files
            and read_config.shuffle_seed is None
            and read_config.options.deterministic is None
        )
        records = files.interleave(
            records_of,
            cycle_length=1 if disable_shuffling else _CYCLE,
            block_length=read_config.interleave_block_length,
            num_parallel_calls=read_config.num_parallel_calls_for_interleave_files,
            deterministic=not in_any_order,
        )
    if read_config.assert_cardinality:
        count = sum(file.take for file in file_instructions)
        records = records.apply(tf.data.experimental.assert_cardinality(count))
    return records.with_options(read_config.options)


def _is_usual(read_config: tfds.ReadConfig, file_format: file_adapters.FileFormat) -> bool:
    """Returns whether nothing is asked for that TFDS has to do."""
    return (
        file_format == file_adapters.FileFormat.TFRECORD
        and read_config.interleave_cycle_length == tfds.ReadConfig.interleave_cycle_length
        and not read_config.input_context
        and not read_config.repeat_filenames
        and not read_config.add_tfds_id
    )


def _records_of(
    path: Any, skip: Any, take: Any, *, buffer_size: int, do_skip: bool, do_take: bool
) -> Any:
    # `tf.data.TFRecordDataset` wraps this in a function for a list of files.
    source = tf.raw_ops.TFRecordDataset(
        filenames=path, compression_type="", buffer_size=buffer_size
    )
    records = tf.data.experimental.from_variant(source, tf.TensorSpec((), tf.string))
    if do_skip:
        records = records.skip(skip)
    return records.take(take) if do_take else records
