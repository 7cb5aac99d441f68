"""Turns examples into serialized `tf.train.Example` bytes, fast and without TensorFlow.

TFDS does it in two steps: `features.encode_example`, and `ExampleSerializer`, which builds
protobuf objects. Both are slow because general Python code handles every field of every
example. Here both are compiled once from the features, to one pass over the example; and whole
columns of a table can be taken at once. Values that are not plain go TFDS's own way.

The bytes are those of TFDS with deterministic protobuf serialization (TFDS itself writes
the map entries in arbitrary order), and so are the errors. See `wire` for the format,
`fields` for single tensors, `shortcuts` for features, `columns` for columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import utils

from tfds_extra.core.serializing import fields as fields_lib
from tfds_extra.core.serializing import shortcuts, wire

if TYPE_CHECKING:
    import pyarrow as pa


class ExampleEncoder:
    """`features.encode_example` and serialization in one pass.

    Attributes:
      features: The features, as given.
    """

    def __init__(self, features: tfds.features.FeaturesDict):
        """Compiles the features.

        Args:
          features: Features of the dataset (`builder.info.features`).
        """
        self.features = features
        specs = features.get_serialized_info()
        fields, self._blank = fields_lib.compile_fields(utils.flatten_nest_dict(specs))
        self._encode, items = shortcuts.compile_features(features, fields)
        self._items = items
        self._fields = fields
        self._columns: Any = None  # A `columns.ColumnsEncoder`, made when it is first needed.

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.features,)

    def encode(self, example: Any) -> bytes:
        """Encodes and serializes one example.

        Args:
          example: As `_generate_examples` yields it.

        Returns:
          The serialized `tf.train.Example`.

        Raises:
          Exception: As TFDS; the message names the feature. Where several features are
            bad, it is any of theirs (TFDS itself goes through them in random order).
        """
        parts = self._blank.copy()
        try:
            self._encode(example, parts)
        except shortcuts.SerializationError as e:
            error = e.error
        else:
            return wire.example(parts)
        raise error

    def encode_batch(self, columns: Mapping[str, Any], n: int) -> list[bytes]:
        """Encodes and serializes `n` examples given as columns.

        Scalar text, numbers and class labels, and numeric tensors of fixed shape, are
        handled a column at a time; all other features one value after the other.

        Args:
          columns: For each top-level feature its `n` values: a list, a tuple, a numpy
            array (values along the first axis), or a `pyarrow.Array` or
            `ChunkedArray`.
          n: Number of examples.

        Returns:
          What `encode` returns for each example.

        Raises:
          KeyError: The columns are not those of the features.
          ValueError: A column does not have `n` values.
          Exception: As `encode`.
        """
        encoded = self.encode_columns(columns, n)
        if isinstance(encoded, list):
            return encoded
        from tfds_extra.core.serializing import binaries

        return list(binaries.each(encoded))

    def encode_columns(self, columns: Mapping[str, Any], n: int) -> pa.Array | list[bytes]:
        """Does the same as `encode_batch`; the result is an Arrow column if that takes less time."""
        if self._items is None:  # This is no plain `FeaturesDict`: columns cannot be split up.
            return [self.encode({k: c[i] for k, c in columns.items()}) for i in range(n)]
        if self._columns is None:
            # This imports pyarrow, which is needed only for columns.
            from tfds_extra.core.serializing import columns as columns_lib

            self._columns = columns_lib.ColumnsEncoder(
                self.features, self._fields, self._items, self._blank
            )
        try:
            return self._columns.encode(columns, n)
        except shortcuts.SerializationError as e:
            error = e.error
        raise error
