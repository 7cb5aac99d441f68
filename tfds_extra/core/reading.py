"""Reads prepared data in batches, parsing whole batches of records at once.

TFDS's `as_dataset(batch_size=n)` parses and decodes one example after the other, each in a call of
its own through `tf.data`, and pads them into batches afterwards. For examples of a few kilobytes the
calls cost more than the work. Here n serialized records go through one call of
`tf.io.parse_example`, which pads values of variable length as it parses. The batches are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import (
    example_parser,
    file_adapters,
    tf_compat,
    utils,
)
from tensorflow_datasets.core.features import feature as feature_lib
from tensorflow_datasets.core.features import tensor_feature
from tensorflow_datasets.core.utils.lazy_imports_utils import tensorflow as tf
from tensorflow_datasets.core.utils.lazy_imports_utils import tree

from tfds_extra import tfds_seam
from tfds_extra.core import record_files
from tfds_extra.core.serializing import fields, shortcuts
from tfds_extra.features.audio import Audio
from tfds_extra.features.encoded_audio import EncodedAudio
from tfds_extra.features.pixel_image import PixelImage

# Size of the records that are shuffled together: about the 60,000 examples of `qmnist`.
_SHUFFLED_BYTES = 64 << 20

# At most so many records, and so many bytes of records, are parsed in one call.
_CHUNK, _CHUNK_BYTES = 128, 256 << 10

# Features that have `decode_padded_batch`.
_BATCH_DECODERS = (Audio, PixelImage)


def can_read_batches(
    features: tfds.features.FeaturesDict,
    *,
    decoders: Any,
    read_config: tfds.ReadConfig,
    **kwargs: Any,
) -> bool:
    """Returns whether all requested features, and no others, can be decoded a batch at a time."""
    del kwargs
    features, decoders = _asked_for(features, decoders)
    if decoders is not None or read_config.add_tfds_id:
        return False
    return all(_is_batchable(feature) for _, feature in _leaves(features))


def read_batches(
    builder: tfds.core.GeneratorBasedBuilder,
    split: Any,
    batch_size: int,
    *,
    whole: bool,
    shuffle_files: bool,
    decoders: Any,
    read_config: tfds.ReadConfig,
    as_supervised: bool,
) -> Any:
    """Does what TFDS's `_build_single_dataset` does, for the cases that `can_read_batches` allows.

    Args:
      builder: The prepared builder.
      split: One split or subsplit.
      batch_size: Examples in a batch; the last batch may be shorter.
      whole: Whether to return the one batch that holds all examples rather than a dataset.
      shuffle_files: As in `as_dataset`.
      decoders: None, or a `PartialDecoding` without decoders of its own.
      read_config: As in `as_dataset`.
      as_supervised: As in `as_dataset`.

    Returns:
      A `tf.data.Dataset` of padded batches, or the content of the only one.
    """
    info = builder.info
    features, _ = _asked_for(info.features, decoders)
    if as_supervised and not info.supervised_keys:
        raise ValueError(
            f"as_supervised=True but {builder.name} does not support a supervised structure."
        )
    wanted = set(tree.flatten(info.supervised_keys)) if as_supervised else set(features)
    specs = _flat_specs(features, wanted)
    records = _read_records(builder, split, read_config, shuffle_files)
    batches = records.batch(batch_size).map(
        lambda records: _decode(tf.io.parse_example(records, specs), features, wanted),
        num_parallel_calls=read_config.num_parallel_calls_for_decode,
    )
    if tfds_seam.is_cached(builder, split, shuffle_files, read_config):
        batches = batches.cache()
    if as_supervised:
        batches = batches.map(
            lambda batch: tree.map_structure(lambda key: batch[key], info.supervised_keys)
        )
    if not read_config.skip_prefetch:
        batches = batches.prefetch(tf.data.experimental.AUTOTUNE)
    return tf_compat.get_single_element(batches) if whole else batches


def read_examples(
    builder: tfds.core.GeneratorBasedBuilder,
    split: Any,
    *,
    decoders: Any,
    read_config: tfds.ReadConfig,
    shuffle_files: bool,
    structure: Any = None,
    cache: bool = False,
) -> Any:
    """Does what TFDS's `_as_dataset` does, but parses many records in one call.

    Records are parsed in chunks, which are taken apart again. Features with the same shape in all
    examples, nested sequences and encoded recordings are decoded in the chunk, too; the others as
    TFDS does it, one example after the other.

    Args:
      builder: The prepared builder.
      split: One split or subsplit.
      decoders: As in `as_dataset`.
      read_config: As in `as_dataset`.
      shuffle_files: As in `as_dataset`.
      structure: Supervised keys, in place of which the examples have these features; None for dicts
        of all features.
      cache: Whether to cache and to prefetch them, too, as `as_dataset` does.

    Returns:
      A `tf.data.Dataset` of examples.
    """
    info = builder.info
    features, decoders = _asked_for(info.features, decoders)
    whole = {} if decoders else {k: f for k, f in features.items() if _is_of_one_shape(f)}
    nested = {} if decoders else {k: f for k, f in features.items() if _is_nested(f)}
    recordings = {} if decoders else {k: f for k, f in features.items() if _is_encoded(f)}
    samples = {} if decoders else {k: f for k, f in features.items() if _is_samples(f)}
    in_chunks = {*whole, *nested, *recordings, *samples}
    others = tfds.features.FeaturesDict({k: f for k, f in features.items() if k not in in_chunks})
    parser = example_parser.ExampleParser(others.get_serialized_info())
    specs = {name: _ragged(spec) for name, spec in parser.flat_feature_specs.items()}
    specs |= _flat_specs(features, {*whole, *recordings, *samples})
    specs |= {name: _nested_spec(name, feature) for name, feature in nested.items()}

    def parse(records: Any) -> Any:
        ready = {}
        if read_config.add_tfds_id:
            ready["tfds_id"], records = records.id, records.example
        parsed = tf.io.parse_example(records, specs)
        ready |= _decode(parsed, features, set(whole))
        for name, feature in nested.items():
            ready[name] = tf.cast(parsed[name], feature.tf_dtype)
        values = {name: parsed[name] for name in samples}
        shapes = {}
        for name, feature in recordings.items():
            values[name], shapes[name] = feature.decode_several(parsed[name])
        for name in parser.flat_feature_specs:
            values[name] = parsed[name]
            if isinstance(parsed[name], tf.RaggedTensor):
                values[name] = parsed[name].to_tensor()
                shapes[name] = parsed[name].row_lengths()[:, None]
        for name in shapes:
            # One padding value more than needed: `unbatch` of TensorFlow 2.20 crashes on rows
            # without values.
            values[name] = tf.pad(values[name], ((0, 0), (0, 1)))
        return (ready, values, shapes) if values else finish(ready)

    def decode(ready: dict[str, Any], values: dict[str, Any], shapes: dict[str, Any]) -> Any:
        flat = {}
        for name, value in values.items():
            if name in samples:
                # The few steps of `decode_example` that these need.
                value = tf.io.decode_raw(value, samples[name].tf_dtype)
                inner = samples[name].shape[1:]
                ready[name] = tf.reshape(value, (-1, *inner)) if inner else value
                continue
            if name in shapes:
                value = value[: tf.reduce_prod(shapes[name])]
            if name in recordings:
                value = tf.reshape(value, shapes[name])
                ready[name] = tf.ensure_shape(value, recordings[name].shape)
                continue
            if inner := _inner_shape(parser.flat_feature_specs[name]):
                value = tf.reshape(value, (-1, *inner))
            flat[name] = value
        if others:
            parsed = tfds_seam.as_parsed(parser, flat)
            ready |= others.decode_example(parsed, decoders=decoders)
        return finish(ready)

    def finish(example: dict[str, Any]) -> Any:
        if structure is None:
            return _in_order(example)
        return tree.map_structure(lambda name: example[name], structure)

    # AutoGraph takes a quarter of the time of building all this, and only TFDS's features may need it.
    unconverted = tf.autograph.experimental.do_not_convert
    parse, finish = unconverted(parse), unconverted(finish)
    if not others:
        decode = unconverted(decode)
    records = _read_records(builder, split, read_config, shuffle_files)
    parallel = read_config.num_parallel_calls_for_decode
    examples = records.batch(_chunk_size(info)).map(parse, num_parallel_calls=parallel)
    # Chunks are handed to another thread rather than examples: that is once for many.
    inline = not decoders and all(_is_batchable(feature) for _, feature in _leaves(others))
    if inline and not read_config.skip_prefetch:
        examples = examples.prefetch(tf.data.AUTOTUNE)
    examples = _taken_apart(examples)
    if not inline:
        examples = examples.map(decode, num_parallel_calls=parallel)
    elif others or recordings or samples:
        examples = _map_inline(examples, decode)
    if read_config.assert_cardinality and not read_config.input_context:
        examples = examples.apply(tf.data.experimental.assert_cardinality(records.cardinality()))
    is_cached = cache and tfds_seam.is_cached(builder, split, shuffle_files, read_config)
    if is_cached:
        examples = examples.cache()
    if cache and not read_config.skip_prefetch and (is_cached or not inline):
        examples = examples.prefetch(tf.data.AUTOTUNE)
    return examples


def check_has_data(info: tfds.core.DatasetInfo, split: Any) -> None:
    """Raises, in TFDS's words, if a split or subsplit has no examples.

    Raises:
      ValueError: It has none.
    """
    if not info.splits[split].file_instructions:
        raise ValueError(f"Instruction {split} corresponds to no data!")


def _read_records(
    builder: tfds.core.GeneratorBasedBuilder,
    split: Any,
    read_config: tfds.ReadConfig,
    shuffle_files: bool,
) -> Any:
    """Returns the serialized examples of a split, as a `tf.data.Dataset`.

    If `shuffle_files` is set for a corpus in published order, records are shuffled too: a new order
    of its few files alone would keep, for example, the order of classes. Without `shuffle_files`,
    TFDS's checks that keep the order stay.
    """
    info = builder.info
    check_has_data(info, split)
    split_info = info.splits[split]
    file_format = read_config.file_format or info.file_format
    records = record_files.read(
        split_info.file_instructions,
        read_config=read_config,
        shuffle_files=shuffle_files,
        disable_shuffling=info.disable_shuffling and not shuffle_files,
        file_format=file_adapters.FileFormat.from_value(file_format),
    )
    if shuffle_files and info.disable_shuffling:
        fitting = _SHUFFLED_BYTES // max(1, _bytes_per_example(info))
        records = records.shuffle(
            max(1, min(split_info.num_examples, fitting)),
            seed=read_config.shuffle_seed,
            reshuffle_each_iteration=read_config.shuffle_reshuffle_each_iteration,
        )
    return records


def _asked_for(
    features: tfds.features.FeaturesDict, decoders: Any
) -> tuple[tfds.features.FeaturesDict, Any]:
    """Returns the features that are to be read, and what is left of the decoders."""
    if isinstance(decoders, tfds.decode.PartialDecoding):
        return decoders.extract_features(features), decoders.decoders
    return features, decoders


def _leaves(features: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields name in the serialized example and feature of all features that are no dicts."""
    for name, feature in features.items():
        if isinstance(feature, tfds.features.FeaturesDict):
            yield from _leaves(feature, f"{path}{name}/")
        else:
            yield path + name, feature


def _chunk_size(info: tfds.core.DatasetInfo) -> int:
    """Returns how many records are parsed in one call: few large ones, so that none waits long."""
    return max(1, min(_CHUNK, _CHUNK_BYTES // max(1, _bytes_per_example(info))))


def _bytes_per_example(info: tfds.core.DatasetInfo) -> int:
    return info.dataset_size // (info.splits.total_num_examples or 1)


def _ragged(spec: Any) -> Any:
    """Returns the spec to parse a batch: values of variable length become ragged, not padded."""
    if isinstance(spec, tf.io.FixedLenFeature) and 0 not in spec.shape:
        return spec
    return tf.io.RaggedFeature(spec.dtype)


def _inner_shape(spec: Any) -> tuple[int, ...]:
    """Returns the shape of the items of a sequence that was parsed flat; () for single values."""
    return () if isinstance(spec, tf.io.FixedLenFeature) else tuple(spec.shape)


def _taken_apart(dataset: Any) -> Any:
    """Does `dataset.unbatch()`, which maps elements to dense tensors first even if they are dense.

    TensorFlow may change the class that it uses then.
    """
    if any(isinstance(spec, tf.RaggedTensorSpec) for spec in tf.nest.flatten(dataset.element_spec)):
        return dataset.unbatch()
    try:
        from tensorflow.python.data.ops import unbatch_op

        return unbatch_op._UnbatchDataset(dataset)
    except (ImportError, AttributeError, TypeError):
        return dataset.unbatch()


def _map_inline(dataset: Any, function: Any) -> Any:
    """Does `dataset.map(function)`, but each call runs in the thread that asks for an example.

    Handing a call to another thread takes several times as long as giving an array its shape.
    `tf.data.Dataset.map` has no argument for this, so that a class is used that TensorFlow may
    change.
    """
    try:
        from tensorflow.python.data.ops import map_op

        options = {"use_inter_op_parallelism": False, "force_synchronous": True}
        return map_op._MapDataset(dataset, function, **options)
    except (ImportError, AttributeError, TypeError):
        return dataset.map(function)


def _in_order(example: dict[str, Any]) -> dict[str, Any]:
    """Returns an example with its names in TFDS's order: sorted, with the id at the end."""
    names = sorted(example, key=lambda name: (name == "tfds_id", name))
    return {
        name: _in_order(example[name]) if isinstance(example[name], dict) else example[name]
        for name in names
    }


def _is_of_one_shape(feature: Any) -> bool:
    """Returns whether a feature is decoded in a batch without padding."""
    if isinstance(feature, tfds.features.FeaturesDict):
        return all(_is_of_one_shape(one) for one in feature.values())
    return _is_batchable(feature) and not {None, 0} & set(feature.get_tensor_info().shape)


def _is_batchable(feature: Any) -> bool:
    if isinstance(feature, _BATCH_DECODERS) or shortcuts.is_stored_raw(feature):
        return True
    is_sequence = isinstance(feature, tfds.features.Sequence)
    if is_sequence:
        feature = feature.feature
    if type(feature).decode_example is not tensor_feature.Tensor.decode_example:
        return False
    stored, read = feature.get_serialized_info(), feature.get_tensor_info()
    return (
        # It is stored as it is read (uint64 is not: it is stored as the bits of an int64) ...
        isinstance(stored, feature_lib.TensorInfo)
        and (stored.shape, stored.np_dtype) == (read.shape, read.np_dtype)
        and stored.np_dtype != np.uint64
        # ... and only the first dimension may need padding.
        and None not in (stored.shape if is_sequence else stored.shape[1:])
    )


def _is_nested(feature: Any) -> bool:
    """Returns whether a feature is a sequence of sequences of values that are stored as they are read."""
    leaf, depth = feature, 0
    while type(leaf) is tfds.features.Sequence:
        leaf, depth = leaf.feature, depth + 1
    return (
        depth > 1
        and type(leaf) in (tfds.features.Scalar, tfds.features.Text, tfds.features.ClassLabel)
        and _is_batchable(leaf)
        and set(feature.get_tensor_info().shape) == {None}
    )


def _nested_spec(name: str, feature: Any) -> Any:
    """Returns the spec to parse a feature that `_is_nested`."""
    spec = feature.get_serialized_info()
    values, *lengths = fields.entry_keys(name, spec)
    return tf.io.RaggedFeature(
        example_parser.ExampleParser({name: spec}).flat_feature_specs[values].dtype,
        value_key=values,
        partitions=[tf.io.RaggedFeature.RowLengths(key) for key in lengths],
        row_splits_dtype=tf.int64,
    )


def _is_encoded(feature: Any) -> bool:
    return type(feature) is EncodedAudio


def _is_samples(feature: Any) -> bool:
    return type(feature) is Audio and feature.shape[0] is None


def _flat_specs(features: tfds.features.FeaturesDict, wanted: set[str]) -> dict[str, Any]:
    """Returns the specs to parse a batch of the wanted top-level features."""
    specs = {k: v for k, v in features.get_serialized_info().items() if k in wanted}
    return example_parser.ExampleParser(specs).flat_feature_specs


def _decode(
    parsed: dict[str, Any], features: tfds.features.FeaturesDict, wanted: set[str]
) -> dict[str, Any]:
    """Decodes the wanted top-level features of a batch that was parsed as `_flat_specs` says."""
    decoded = {}
    wanted_features = {name: feature for name, feature in features.items() if name in wanted}
    for name, feature in _leaves(wanted_features):
        value = parsed[name]
        if isinstance(feature, _BATCH_DECODERS):
            value = feature.decode_padded_batch(value)
        elif shortcuts.is_stored_raw(feature):
            value = tf.reshape(tf.io.decode_raw(value, feature.tf_dtype), (-1, *feature.shape))
        elif value.dtype != feature.tf_dtype:
            value = tf.cast(value, feature.tf_dtype)
        decoded[name] = value
    specs = {k: v for k, v in features.get_serialized_info().items() if k in wanted}
    return utils.pack_as_nest_dict(decoded, specs)
