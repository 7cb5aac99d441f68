"""Turns one tensor of the feature spec into entries of the serialized feature map.

TFDS flattens the nested spec to one `TensorInfo` for each tensor. A `Field` is compiled
from it: it knows the dtype, the shape and the headers of its entries, and it writes a
value into `parts`, the list that is joined to the serialized example. Every entry owns
two neighbouring places in that list, one for its header and one for its payload, so that a
large payload is copied only once and fields can be written in any order.

A field has two ways to store a value:

* the plain way, for values of exactly the expected type (a `str`, an `int` in range, an
  array of the right dtype and shape, a list of those). It is short, and refuses all else;
* the general way (`prepare`, then `finish`), which accepts and rejects the same values as
  TFDS, by the same calls of numpy.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import utils

from tfds_extra.core.serializing import plain, wire
from tfds_extra.core.serializing.plain import NotPlain, Store


class Entry:
    """One entry of the feature map: its headers and its place among the parts."""

    def __init__(self, key: str, kind: bytes, slot: int):
        """Creates an entry.

        Args:
          key: As in `wire.Headers`.
          kind: As in `wire.Headers`.
          slot: Place of the header in `parts`.
        """
        self.headers = wire.Headers(key, kind)
        self.slot = slot
        self._has_bytes = kind == wire.BYTES_LIST

    def put(self, payload: bytes, parts: list) -> None:
        """Writes one byte string, or one packed list."""
        parts[self.slot] = self.headers[len(payload)]
        parts[self.slot + 1] = payload

    def put_list(self, content: bytes, parts: list) -> None:
        """Writes a list: packed numbers, or what `wire.bytes_list` returns."""
        if not self._has_bytes:
            return self.put(content, parts)
        parts[self.slot] = self.headers.around(len(content))
        parts[self.slot + 1] = content


class Field:
    """One tensor of the spec.

    Attributes:
      key: Flat name of the tensor.
      info: Its `TensorInfo`.
      rank: Number of `Sequence`s around the value. From the second on they are ragged:
        the lengths of the inner lists become entries of their own.
      dtype: Type of the value, `object` for text.
      shape: Shape of the value, without the dimensions that the sequences add.
      is_text: Whether the value is bytes (or str, stored as UTF-8).
      entry: Where the values go.
      length_entries: Where the lengths of the inner lists go, outermost first.
      store: Writes a value that `encode_example` of the feature has returned.
    """

    def __init__(self, key: str, info: tfds.features.TensorInfo, slots: Mapping[str, int]):
        """Compiles the field.

        Args:
          key: Flat name of the tensor.
          info: What TFDS says about it.
          slots: Place in `parts` of each entry.
        """
        self.key = key
        self.info = info
        self.rank = info.sequence_rank
        self.dtype = np.dtype(info.np_dtype)
        self.shape = tuple(info.shape[self.rank :])
        self.is_text = self.dtype == object
        self.fits = plain.shape_test(self.shape)
        kind, self.pack = _kind_and_packer(self.dtype)
        self._is_storable = self.is_text or self.dtype.kind in "biuf"
        value_key, *length_keys = entry_keys(key, info)
        # Depth and length of those sequences that have a fixed length.
        outer = info.shape[: self.rank]
        self._fixed_lengths = [(i, size) for i, size in enumerate(outer) if size is not None]
        self._int_range = plain.int_range(self.dtype) if self.dtype.kind in "biu" else (0, 0)
        self.entry = Entry(value_key, kind, slots[value_key])
        self.length_entries = [Entry(k, wire.INT64_LIST, slots[k]) for k in length_keys]
        self.store = self._sequence_store() if self.rank else self.plain_store(self._store_general)

    # The plain way.

    def plain_store(self, otherwise: Store) -> Store:
        """Returns a function that stores a value without a sequence around it.

        `Tensor.encode_example` does not change the values that this function stores, so that it
        can be used before as well as after `encode_example`.

        Args:
          otherwise: Called for every value that is not plain.
        """
        entry, dtype = self.entry, self.dtype
        if self.is_text and self.shape:
            store = plain.store_texts(entry.put_list, self.fits, otherwise)
        elif self.is_text:
            store = plain.store_text(entry.headers, entry.slot, otherwise)
        elif self.shape:
            store = plain.store_array(entry.put, dtype, self.fits, self.pack, otherwise)
        elif dtype.kind in "biu" and dtype.isnative:
            store = plain.store_int(entry.headers, entry.slot, dtype, otherwise)
        elif dtype in (np.float32, np.float64):
            store = plain.store_float(entry.headers, entry.slot, dtype, otherwise)
        else:
            store = otherwise
        if not self.info.optional:
            return store

        def store_optional(item: Any, parts: list) -> None:
            if item is not None:  # None has no entry at all.
                store(item, parts)

        return store_optional

    def put_rows(
        self,
        values: Sequence,
        lengths: list[list[int]],
        parts: list,
        pack: Callable[[Sequence], bytes] | None = None,
    ) -> None:
        """Stores the values of a (nested) sequence.

        Args:
          values: All values in a row, in a list, a tuple or an array.
          lengths: Lengths of the inner lists, one list of lengths for each level of nesting.
          parts: See above.
          pack: Turns the values into the content of the list, default `pack_rows`.

        Raises:
          NotPlain: The values are not all of the expected type, shape and number.
          Exception: numpy refuses the values.
        """
        if self._fixed_lengths:
            outer = [[len(lengths[0]) if lengths else len(values)], *lengths]
            for depth, expected in self._fixed_lengths:
                if any(n != expected for n in outer[depth]):
                    raise NotPlain
        if len(values):
            content = (pack or self.pack_rows)(values)
        elif None in self.shape or not self._is_storable:
            raise NotPlain  # TFDS cannot build the empty array of such a shape.
        else:
            content = b""
        self.entry.put_list(content, parts)
        for entry, level in zip(self.length_entries, lengths):
            entry.put(wire.pack_ints(level), parts)

    def pack_rows(self, values: Any) -> bytes:
        """Returns the content of the list that holds the values of a sequence.

        Args:
          values: In a list, a tuple or an array.

        Raises:
          NotPlain: The values are not all of the expected type and shape.
          Exception: Whatever numpy has to say against the values.
        """
        if self.is_text:
            if self.shape:
                raise NotPlain
            return wire.bytes_list(plain.utf8(plain.all_texts(values)))
        if type(values) is not np.ndarray and not self.shape:
            types = set(map(type, values))
            if types == {int} and self.dtype.kind in "iu":
                low, high = self._int_range
                if not (low <= min(values) and max(values) <= high):
                    raise NotPlain
                return wire.pack_ints(values)
            if types <= {float, int} and self.dtype in (np.float32, np.float64):
                return wire.pack_floats(values)
        return self.pack(self.rows_array(values))

    def rows_array(self, values: Sequence) -> np.ndarray:
        """Returns many values as one array, values along the first axis.

        Args:
          values: Values of a numeric field; in a list, a tuple or an array.

        Raises:
          NotPlain: The values are not all of the expected type and shape.
          Exception: Whatever numpy has to say against the values.
        """
        dtype = self.dtype
        if type(values) is np.ndarray:
            array = values
            # The elements of a 1-D array are numpy scalars: TFDS converts those.
            if array.dtype != dtype:
                if array.ndim != 1 or not plain.converts_exactly(array.dtype, dtype):
                    raise NotPlain
                array = array.astype(dtype)
        else:
            types = set(map(type, values))
            if types == {np.ndarray}:
                is_plain = all(value.dtype == dtype for value in values)
            elif self.shape:
                is_plain = types <= plain.LISTS
            elif dtype.kind == "f":
                is_plain = types <= {float, int} or types == {dtype.type}
            else:
                is_plain = types <= {bool if dtype.kind == "b" else int} or types == {dtype.type}
            if not is_plain:
                raise NotPlain
            array = np.array(values, dtype=dtype) if values else np.empty((0, *self.shape), dtype)
        if not self.fits(array.shape[1:]):
            raise NotPlain
        return array

    def _sequence_store(self) -> Store:
        """Returns `store` for a field inside of sequences."""
        depth = self.rank - 1

        def store(item: Any, parts: list) -> None:
            try:
                values, lengths = item, []
                for _ in range(depth):
                    values, sizes = plain.join_rows(values)
                    lengths.append(sizes)
                if type(values) not in plain.SEQUENCES:
                    raise NotPlain
                return self.put_rows(values, lengths, parts)
            except Exception:
                pass
            self._store_general(item, parts)

        return store

    # The general way.

    def _store_general(self, item: Any, parts: list) -> None:
        if plain.is_nested(item):
            raise NotPlain  # TFDS takes such a value apart before it looks at the fields.
        self.finish(self.prepare(item), parts)

    def prepare(self, item: Any) -> Any:
        """Takes a nested sequence apart, and returns any other value as it is.

        Args:
          item: Value as returned by `encode_example` of the feature.

        Returns:
          What `finish` takes.

        Raises:
          Exception: As TFDS, for what is not a sequence of such values.
        """
        if not self.rank:
            return item
        lengths: list[list[int]] = [[] for _ in range(self.rank)]
        values: list[np.ndarray] = []
        self._take_apart(item, lengths, values)
        if values:
            return np.stack(values), lengths[1:]
        return np.empty((0, *self.shape), self.dtype), lengths[1:]

    def _take_apart(self, item: Any, lengths: list[list[int]], values: list) -> None:
        depth = self.rank - len(lengths)
        expected = self.info.shape[depth]
        lengths[0].append(len(item))
        if expected is not None and expected != len(item):
            raise ValueError(f"Expected {expected} elements in {self.info}, got {len(item)}")
        if len(lengths) > 1:
            for inner in item:
                self._take_apart(inner, lengths[1:], values)
        else:
            values.extend(map(self._to_array, item))

    def _to_array(self, item: Any) -> np.ndarray:
        array = np.asanyarray(item, dtype=self.dtype)
        utils.assert_shape_match(array.shape, self.shape)
        if self.is_text and not _is_text(item):
            raise ValueError(f"Expected str or bytes, got {item!r}")
        return array

    def finish(self, prepared: Any, parts: list) -> None:
        """Stores a value.

        Args:
          prepared: What `prepare` has returned.
          parts: See above.

        Raises:
          Exception: As TFDS, for what is no value of this field.
        """
        lengths: list[list[int]] = []
        if self.rank:
            array, lengths = prepared
        elif prepared is None and self.info.optional:
            return
        else:
            array = self._to_array(prepared)
        if isinstance(array, np.ma.MaskedArray) and self.dtype.kind in "biuf":
            # Like protobuf, this reads a masked float as NaN, and refuses a masked integer.
            read = float if self.dtype.kind == "f" else operator.index
            numbers = array.astype(int) if self.dtype == np.bool_ else array
            array = np.array([read(value) for value in numbers.flat], self.dtype)
        array = np.asarray(array)  # The rows of an `np.matrix` are matrices, not 1-D arrays.
        if self.is_text:
            content = wire.bytes_list([_to_bytes(value) for value in array.flat])
        else:
            content = self.pack(array)
        self.entry.put_list(content, parts)
        for entry, level in zip(self.length_entries, lengths):
            entry.put(wire.pack_ints(level), parts)


def entry_keys(key: str, info: tfds.features.TensorInfo) -> list[str]:
    """Returns the keys of a tensor's map entries: that of its values, then those of its lengths."""
    if info.sequence_rank < 2:
        return [key]
    lengths = [f"{key}/ragged_row_lengths_{i}" for i in range(info.sequence_rank - 1)]
    return [f"{key}/ragged_flat_values", *lengths]


def compile_fields(
    flat_specs: Mapping[str, tfds.features.TensorInfo],
) -> tuple[dict[str, Field], list[bytes]]:
    """Compiles the fields of a spec.

    Args:
      flat_specs: The flattened spec.

    Returns:
      The fields by flat name, in the order of the spec, and the empty list of parts. The
      fields write into a copy of this list.

    Raises:
      ValueError: Two tensors would use the same entry.
    """
    keys = [k for key, info in flat_specs.items() for k in entry_keys(key, info)]
    slots = {key: 2 * i for i, key in enumerate(sorted(keys, key=wire.map_order))}
    if len(slots) != len(keys):
        raise ValueError(f"Two features are stored under the same name: {sorted(keys)}")
    fields = {key: Field(key, info, slots) for key, info in flat_specs.items()}
    return fields, [b""] * (2 * len(keys))


def compile_tree(tree: Any, fields: Mapping[str, Field], key: str | None = None) -> Store:
    """Returns a function that stores a value with exactly the nesting of the spec.

    The function raises an exception for any other value.

    Args:
      tree: Nested dict of `TensorInfo`, or one `TensorInfo`.
      fields: By flat name.
      key: Flat name of the tree, which may be empty; None for the whole spec.
    """
    if not isinstance(tree, dict):
        return fields[key or ""].store
    prefix = "" if key is None else f"{key}/"
    stores = [(k, compile_tree(sub, fields, prefix + k)) for k, sub in tree.items()]

    def store_dict(value: Any, parts: list) -> None:
        # If the number of keys is right and every key is found, there are no other keys.
        if type(value) is not dict or len(value) != len(stores):
            raise NotPlain
        for k, store in stores:
            store(value[k], parts)

    return store_dict


def store_checked(fields: Mapping[str, Field], flat_example: Mapping, parts: list) -> None:
    """Stores an example in TFDS's order, so that the first error is the one that TFDS raises.

    Args:
      fields: Fields of the whole spec, or of a part of it, in the order of the spec.
      flat_example: Flattened values; those without a field are ignored.
      parts: The list of parts, as far as these fields are concerned still empty.

    Raises:
      KeyError: A value is missing.
      Exception: As TFDS, for a bad value; the message names the feature.
    """
    prepared = {k: _named(f, f.prepare, flat_example[k]) for k, f in fields.items()}
    for key, field in fields.items():
        _named(field, field.finish, prepared[key], parts)


def _named(field: Field, function: Callable, *args: Any) -> Any:
    try:
        return function(*args)
    except Exception as e:
        utils.reraise(e, f"Error while serializing feature `{field.key}`: `{field.info}`: ")


def _no_array(array: np.ndarray) -> bytes:
    """Refuses an array of texts, which are packed one by one."""
    raise NotPlain(array.dtype)


def _kind_and_packer(dtype: np.dtype) -> tuple[bytes, Callable[[np.ndarray], bytes]]:
    """Returns the tag of the list that stores a dtype, and the function that packs an array."""
    if dtype.kind == "O":
        return wire.BYTES_LIST, _no_array
    if dtype.kind == "f":
        return wire.FLOAT_LIST, wire.pack_float_array
    if dtype.kind in "biu" and dtype.isnative:
        return wire.INT64_LIST, wire.pack_int_array
    if dtype.kind in "iu":
        return wire.INT64_LIST, _pack_foreign_ints

    # numpy counts time differences as integers, protobuf does not.
    error = TypeError if dtype.kind == "m" else ValueError

    def refuse(array: np.ndarray) -> bytes:
        if error is TypeError and not array.size:
            return b""
        raise error(f"A tf.train.Example cannot hold values of {dtype}: {array!r}")

    return wire.INT64_LIST, refuse


def _pack_foreign_ints(array: np.ndarray) -> bytes:
    """Packs integers of the other byte order, for which TFDS does not bitcast uint64."""
    if array.dtype.kind == "u" and array.size and array.max() >> 63:
        raise ValueError(f"Value out of range: {array.max()}")
    return wire.pack_int_array(array.astype(np.int64))


def _is_text(item: Any) -> bool:
    if isinstance(item, (list, tuple)):
        return all(map(_is_text, item))
    if isinstance(item, np.ndarray):
        return item.dtype.kind in "OUS"
    return isinstance(item, (str, bytes))


def _to_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    raise TypeError(f"Expected str or bytes, got {value!r}")
