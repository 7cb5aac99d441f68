"""Encodes whole columns of a table at once.

Python code for a single value takes longer than the work on the value. Arrow does that work
for a column in one call: it turns a list of str into UTF-8, looks headers up in a table by
the size of the payloads, and joins binary columns row by row. So the entries of each feature
become Arrow columns, and the rows of their concatenation are the serialized examples.

Only features that are one scalar or one tensor of fixed shape can be vectorised. The values
of all others are encoded one by one, and the results become columns like the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_datasets as tfds
from tensorflow_datasets.core import utils

from tfds_extra.core.serializing import binaries, shortcuts, wire
from tfds_extra.core.serializing.fields import Field, NotPlain, Store

# At most so many rows, and so many values of the largest tensor, are handled at once. More
# would need too much scratch space, and less would make the calls too expensive.
_MAX_ROWS = 4096
_MAX_VALUES = 1 << 20
# Larger pieces of large values leave the processor's cache: three times as slow.
_MAX_BYTES = 2 << 20
# Fewer rows are encoded one by one, since Arrow's calls cost as much.
_FEW_ROWS = 200

# Takes the values of a feature; returns columns of parts, each with its place among the parts.
_Vector = Callable[[Any], list[tuple[int, pa.Array]]]


class ColumnsEncoder:
    """Encodes examples that are given as columns; see `ExampleEncoder.encode_batch`."""

    def __init__(
        self,
        features: tfds.features.FeaturesDict,
        fields: Mapping[str, Field],
        items: list[tuple[str, Store, str]],
        blank: list[bytes],
    ):
        """Compiles the features.

        Args:
          features: Features of the example.
          fields: Fields of all features, by flat name.
          items: Items of the features, see `shortcuts.compile_items`.
          blank: The empty list of parts.
        """
        self._items = items
        self._blank = blank
        self._vectors = {
            name: vector
            for name, feature in features.items()
            if (vector := _compile_vector(feature, fields.get(name)))
        }
        self._slots = {
            name: [
                slot
                for key in utils.flatten_nest_dict({name: feature.get_serialized_info()})
                for entry in [fields[key].entry, *fields[key].length_entries]
                for slot in (entry.slot, entry.slot + 1)
            ]
            for name, feature in features.items()
        }
        sizes = [
            # Values that are stored raw have the stored shape (), so the feature's shape is used.
            math.prod(feature.shape if shortcuts.is_stored_raw(feature) else fields[name].shape)
            for name, feature in features.items()
            if name in self._vectors
        ]
        self._rows = max(1, min(_MAX_ROWS, _MAX_VALUES // max([1, *sizes])))
        self._prefixes = binaries.Table(wire.example_prefixes)

    def encode(self, columns: Mapping[str, Any], n: int) -> pa.Array:
        """See `ExampleEncoder.encode_columns`."""
        names = {name for name, _, _ in self._items}
        if columns.keys() != names:
            raise KeyError(f"Not both columns and features: {sorted(columns.keys() ^ names)}")
        columns = {name: _sliceable(column) for name, column in columns.items()}
        for name, column in columns.items():
            if len(column) != n:
                raise ValueError(f"Column {name!r} has {len(column)} values, expected {n}")
        firsts = [column[0] for column in columns.values()] if n else []
        size = sum(len(value) for value in firsts if isinstance(value, (str, bytes)))
        rows = min(self._rows, max(64, _MAX_BYTES // max(1, size)))
        examples = []
        for start in range(0, n, rows):
            stop = min(n, start + rows)
            piece = {name: _slice(column, start, stop) for name, column in columns.items()}
            examples.append(self._encode_piece(piece, stop - start))
        return binaries.concatenated(examples)

    def _encode_piece(self, columns: Mapping[str, Any], n: int) -> pa.Array:
        if n < _FEW_ROWS or not self._vectors:
            rows = self._encode_rows(self._items, columns, n)
            return binaries.from_strings(list(map(wire.example, rows)))
        pieces: dict[int, pa.Array] = {}
        one_by_one = []
        for item in self._items:
            name = item[0]
            try:
                if name not in self._vectors:
                    raise NotPlain
                pieces.update(self._vectors[name](columns[name]))
            except Exception:  # A bad value, too, is encoded alone, which raises the right error.
                one_by_one.append(item)
        if one_by_one:
            rows = self._encode_rows(one_by_one, columns, n)
            slots = [slot for name, _, _ in one_by_one for slot in self._slots[name]]
            pieces |= {slot: binaries.from_strings([row[slot] for row in rows]) for slot in slots}
        bodies = [pieces[slot] for slot in sorted(pieces)]
        sizes = np.sum([binaries.sizes(body) for body in bodies], axis=0)
        return binaries.join([self._prefixes.take(sizes), *bodies])

    def _encode_rows(
        self, items: list[tuple[str, Store, str]], columns: Mapping[str, Any], n: int
    ) -> list[list[bytes]]:
        """Encodes some features one value after the other; returns the parts of each row."""
        rows = [self._blank.copy() for _ in range(n)]
        for name, store, place in items:
            column = columns[name]
            values = column.to_pylist() if isinstance(column, pa.Array) else column
            shortcuts.store_each(store, place, values, rows)
        return rows


def _compile_vector(feature: tfds.features.FeatureConnector, field: Field | None) -> _Vector | None:
    """Returns a function for whole columns of a feature, or None if it cannot be vectorised."""
    if field is None or field.rank or None in field.shape:
        return None
    if shortcuts.takes_published_bytes(feature):
        return _text_vector(field, {bytes})
    if shortcuts.is_stored_raw(feature):
        return _raw_vector(feature, field)
    if type(feature) is tfds.features.ClassLabel:
        return _number_vector(field, lambda values: shortcuts.class_numbers(feature, values))
    if not shortcuts.is_plain_tensor(feature):
        return None
    if field.is_text:
        return None if field.shape else _text_vector(field, {str, bytes})
    if field.dtype.kind not in "biuf" or not field.dtype.isnative:
        return None
    return _number_vector(field, lambda values: values)


def _text_vector(field: Field, kinds: set[type]) -> _Vector:
    slot, table = field.entry.slot, binaries.Table(field.entry.headers)
    if field.info.optional:
        kinds = kinds | {type(None)}

    def vector(column: Any) -> list[tuple[int, pa.Array]]:
        texts = _text_array(column, kinds)
        if not texts.null_count:
            return [(slot, table.take(binaries.sizes(texts))), (slot + 1, texts)]
        if not field.info.optional:
            raise NotPlain
        nothing = binaries.column(np.zeros(len(texts) + 1), b"")
        filled = pc.coalesce(texts, nothing)
        headers = pc.if_else(texts.is_valid(), table.take(binaries.sizes(filled)), nothing)
        return [(slot, headers), (slot + 1, filled)]

    return vector


def _raw_vector(feature: tfds.features.FeatureConnector, field: Field) -> _Vector:
    slot, headers = field.entry.slot, field.entry.headers

    def vector(column: Any) -> list[tuple[int, pa.Array]]:
        rows = shortcuts.raw_rows(feature, column)
        n, size = rows.shape
        header = binaries.column(np.arange(n + 1) * len(headers[size]), headers[size] * n)
        return [(slot, header), (slot + 1, binaries.column(np.arange(n + 1) * size, rows))]

    return vector


def _text_array(column: Any, kinds: set[type]) -> pa.Array:
    if not isinstance(column, pa.Array):
        if type(column) is np.ndarray:
            column = column.tolist()
        found = set(map(type, column))
        if not kinds.issuperset(found):
            raise NotPlain  # Only `encode` can handle values of other types.
        if len(found) < 2:
            return binaries.from_strings(column)
        column = pa.array(column, binaries.TYPE)  # It mixes texts, bytes and missing values.
    text_types = {
        pa.string(): str, pa.large_string(): str, pa.binary(): bytes, binaries.TYPE: bytes
    }  # fmt: skip
    if text_types.get(column.type) not in kinds:
        raise NotPlain
    return binaries.from_column(column)


def _number_vector(field: Field, convert: Callable[[Any], Any]) -> _Vector:
    slot, headers = field.entry.slot, field.entry.headers
    table = binaries.Table(headers)
    width = math.prod(field.shape)

    def vector(column: Any) -> list[tuple[int, pa.Array]]:
        if isinstance(column, pa.Array):
            column = binaries.numbers(column)
        array = field.rows_array(convert(column))
        n = len(array)
        if field.dtype.kind == "f" or not width:
            # All rows have the same size: header and payload in one column.
            header = headers[4 * width]
            rows = np.empty((n, len(header) + 4 * width), np.uint8)
            rows[:, : len(header)] = np.frombuffer(header, np.uint8)
            payload = np.ascontiguousarray(wire.float32(array)).reshape(n, width)
            rows[:, len(header) :] = payload.view(np.uint8)
            return [(slot, binaries.column(np.arange(n + 1) * rows.shape[1], rows))]
        data, sizes = wire.varints(array.ravel())
        sizes = sizes.reshape(n, width).sum(axis=1, dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        return [(slot, table.take(sizes)), (slot + 1, binaries.column(offsets, data))]

    return vector


def _sliceable(column: Any) -> Any:
    if isinstance(column, (list, tuple, np.ndarray, pa.Array, pa.ChunkedArray)):
        return column
    return list(column)


def _slice(column: Any, start: int, stop: int) -> Any:
    if isinstance(column, pa.ChunkedArray):
        return column.slice(start, stop - start).combine_chunks()
    if isinstance(column, pa.Array):
        return column.slice(start, stop - start)
    return column[start:stop]
