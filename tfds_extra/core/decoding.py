"""Decodes serialized examples without TensorFlow, as `tfds.data_source` does, in less time.

TFDS flattens, parses and nests all features of each example by their names, which takes it ten
microseconds a feature. Here functions are made once for the features of a corpus; what they make is
the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.features import feature as feature_lib
from tensorflow_datasets.core.features import tensor_feature
from tensorflow_datasets.proto import tf_example_pb2

Parsed = Mapping[str, Any]  # The features of a `tf.train.Example`, by name.

_LISTS = {"i": "int64_list", "u": "int64_list", "b": "int64_list", "f": "float_list"}


def decoder(features: tfds.features.FeaturesDict) -> Callable[[bytes], dict[str, Any]]:
    """Returns a function that does what `features.deserialize_example_np` does.

    Args:
      features: The features.
    """
    decode_known, names = _dict_reader(features, "")
    others = tfds.features.FeaturesDict({k: f for k, f in features.items() if k not in names})

    def decode(record: bytes) -> dict[str, Any]:
        try:
            example = decode_known(tf_example_pb2.Example.FromString(record).features.feature)
            if others:
                example |= others.deserialize_example_np(record)
                example = {name: example[name] for name in sorted(example)}
            return example
        except Exception:  # TFDS tells what is wrong.
            return features.deserialize_example_np(record)

    return decode


def _dict_reader(
    features: Mapping[str, Any], path: str
) -> tuple[Callable[[Parsed], dict[str, Any]], set[str]]:
    """Returns what reads the features of a dict that are known here, and their names."""
    readers = {}
    for name, feature in sorted(features.items()):
        if isinstance(feature, tfds.features.FeaturesDict):
            reader, names = _dict_reader(feature, f"{path}{name}/")
            if names == set(feature):
                readers[name] = reader
        elif (known := _reader(feature, path + name)) is not None:
            readers[name] = known
    items = list(readers.items())
    return lambda parsed: {name: read(parsed) for name, read in items}, set(readers)


def _reader(feature: Any, key: str) -> Callable[[Parsed], Any] | None:
    """Returns what reads a feature that is stored under one name; None for others."""
    spec = feature.get_serialized_info()
    if not isinstance(spec, feature_lib.TensorInfo) or spec.dataset_lvl or spec.sequence_rank > 1:
        return None
    dtype = np.dtype(spec.np_dtype)
    kind = _LISTS.get(dtype.kind, "bytes_list")
    values = operator.attrgetter(f"{kind}.value")
    if type(feature) is tfds.features.Sequence:
        decode = feature.feature.decode_batch_example_np
    elif spec.sequence_rank:
        return None
    else:
        decode = feature.decode_example_np
    if spec.shape:
        if None in spec.shape[1:]:
            return None
        shape = [-1 if size is None else size for size in spec.shape]

        def read_array(parsed: Parsed) -> Any:
            if not parsed[key].HasField(kind):  # It would look like an empty list.
                raise KeyError(key)
            return decode(np.array(values(parsed[key]), dtype).reshape(shape))

        return read_array
    if dtype == np.uint64:  # Stored as the bits of an int64.
        return None
    tfds_own = type(feature).decode_example_np
    is_number = tfds_own is tensor_feature.Tensor.decode_example_np and dtype.kind in _LISTS
    is_plain = is_number or tfds_own is tfds.features.Text.decode_example_np

    def read(parsed: Parsed) -> Any:
        (value,) = values(parsed[key])
        return value

    if dtype.kind == "b":
        return lambda parsed: decode(bool(read(parsed)))
    return read if is_plain else lambda parsed: decode(read(parsed))
