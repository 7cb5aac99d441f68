"""Turns one tensor of the feature spec into entries of the serialized feature map.

TFDS flattens the nested spec to one `TensorInfo` for each tensor. A `Field` is compiled
from it: it knows the dtype, the shape and the headers of its entries, and it writes a
value into `parts`, the list that is joined to the serialized example. Every entry owns
two neighbouring places in that list, one for its header and one for its payload, so that a
large payload is copied only once and fields can be written in any order.

A field stores plain values: values of exactly the expected type (a `str`, an `int` in range, an
array of the right dtype and shape, a list of those). Nearly all values of a corpus are plain. All
others, bad ones too, are left to TFDS's own serializer (`by_tfds`).
"""

from __future__ import annotations

import array as arrays
import itertools
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_serializer

from tfds_extra.core.serializing import wire

# Writes one value into the list of parts.
Store = Callable[[Any, list], None]

SEQUENCES = frozenset({list, tuple, np.ndarray})
_LISTS = frozenset({list, tuple})
_TEXTS = frozenset({str, bytes})
_PYTHON_NUMBERS = frozenset({int, float})

_INT_LISTS = {"int64": wire.int_list, "int32": wire.int32_list, "uint32": wire.uint32_list}


class NotPlain(Exception):
    """The value is not plain."""


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

    def put(self, payload: bytes, parts: list) -> None:
        """Writes one byte string."""
        parts[self.slot] = self.headers[len(payload)]
        parts[self.slot + 1] = payload

    def put_list(self, content: bytes, parts: list) -> None:
        """Writes the content of a list, see `wire`."""
        parts[self.slot] = self.headers.around[len(content)]
        parts[self.slot + 1] = content


class Field:
    """One tensor of the spec.

    Attributes:
      info: Its `TensorInfo`.
      rank: Number of `Sequence`s around the value. From the second on they are ragged:
        the lengths of the inner lists become entries of their own.
      dtype: Type of the value, `object` for text.
      shape: Shape of the value, without the dimensions that the sequences add.
      is_text: Whether the value is bytes (or str, stored as UTF-8).
      entry: Where the values go.
      length_entries: Where the lengths of the inner lists go, outermost first.
    """

    def __init__(self, key: str, info: tfds.features.TensorInfo, slots: Mapping[str, int]):
        """Compiles the field.

        Args:
          key: Flat name of the tensor.
          info: What TFDS says about it.
          slots: Place in `parts` of each entry.
        """
        self.info = info
        self.rank = info.sequence_rank
        self.dtype = np.dtype(info.np_dtype)
        self.shape = tuple(info.shape[self.rank :])
        self.is_text = self.dtype == object
        self._fits = _shape_test(self.shape)
        value_key, *length_keys = entry_keys(key, info)
        # Depth and length of those sequences that have a fixed length.
        outer = info.shape[: self.rank]
        self._fixed_lengths = [(i, size) for i, size in enumerate(outer) if size is not None]
        kind, self._pack = _kind_and_packer(self.dtype)
        self._pack_ints = _INT_LISTS.get(self.dtype.name, self._pack_short_ints)
        self.entry = Entry(value_key, kind, slots[value_key])
        self.length_entries = [Entry(k, wire.INT64_LIST, slots[k]) for k in length_keys]

    def store(self, otherwise: Store) -> Store:
        """Returns a function that stores a value without a sequence around it.

        `Tensor.encode_example` does not change the values that this function stores, so that it
        can be used before as well as after `encode_example`.

        Args:
          otherwise: Called for every value that is not plain, and never inside of an `except` block,
            so that its errors are not shown as consequences of ours.
        """
        entry, dtype = self.entry, self.dtype
        if self.shape:
            store = self._store_array(otherwise)
        elif self.is_text:
            store = _store_text(entry.headers, entry.slot, otherwise)
        elif dtype.kind in "biu" and dtype.isnative:
            store = _store_int(entry.headers, entry.slot, dtype, otherwise)
        elif dtype in (np.float32, np.float64):
            store = _store_float(entry.headers, entry.slot, dtype, otherwise)
        else:
            store = otherwise
        if not self.info.optional:
            return store

        def store_optional(item: Any, parts: list) -> None:
            if item is not None:  # None has no entry at all.
                store(item, parts)

        return store_optional

    def _store_array(self, otherwise: Store) -> Store:
        """Returns a function that stores an array of the dtype, or a list that becomes one."""
        dtype, fits, pack, rank = self.dtype, self._fits, self._pack, len(self.shape)
        slot, around = self.entry.slot, self.entry.headers.around

        def pack_list(values: Any) -> bytes:
            if rank == 1:
                if not fits((len(values),)):
                    raise NotPlain
                return self._pack_scalars(values)
            array = np.array(values, dtype)
            if not fits(array.shape):
                raise NotPlain
            return pack(array)

        def store(item: Any, parts: list) -> None:
            content, kind = None, type(item)
            try:
                if kind is np.ndarray:
                    if item.dtype == dtype and fits(item.shape):
                        content = pack(item)
                elif kind in _LISTS:
                    content = pack_list(item)
            except Exception:
                pass
            if content is None:
                return otherwise(item, parts)
            parts[slot] = around[len(content)]
            parts[slot + 1] = content

        return store

    def put_rows(
        self,
        values: Sequence,
        lengths: list[list[int]],
        parts: list,
        pack: Callable[[Sequence], bytes],
    ) -> None:
        """Stores the values of a (nested) sequence.

        Args:
          values: All values in a row, in a list, a tuple or an array.
          lengths: Lengths of the inner lists, one list of lengths for each level of nesting.
          parts: See above.
          pack: Turns the values into the content of the list.

        Raises:
          NotPlain: The values are not all of the expected type, shape and number.
          Exception: The values are refused.
        """
        if self._fixed_lengths:
            outer = [[len(lengths[0]) if lengths else len(values)], *lengths]
            for depth, expected in self._fixed_lengths:
                if any(n != expected for n in outer[depth]):
                    raise NotPlain
        if len(values):
            content = pack(values)
        elif None in self.shape or not (self.is_text or self.dtype.kind in "biuf"):
            raise NotPlain  # TFDS cannot build the empty array of such a shape.
        else:
            content = b""
        self.entry.put_list(content, parts)
        for entry, level in zip(self.length_entries, lengths):
            entry.put_list(wire.int_list(level), parts)

    def pack_rows(self, values: Any) -> bytes:
        """Returns the content of the list that holds many values.

        Args:
          values: In a list, a tuple or an array.

        Raises:
          NotPlain: The values are not all of the expected type and shape.
          Exception: numpy or protobuf refuses the values.
        """
        if not self.shape and (self.is_text or type(values) is not np.ndarray):
            return self._pack_scalars(values)
        return self._pack(self.rows_array(values))

    def _pack_scalars(self, values: Any) -> bytes:
        """Does what `pack_rows` does, for a list or tuple of values without a shape."""
        dtype = self.dtype
        if not len(values):
            return b""
        if self.is_text:
            return self._pack(values)
        if dtype.kind in "iu" and dtype.isnative:
            return self._pack_ints(values)
        if dtype.kind == "b":
            return wire.byte_list(values, 2)
        # Of integers and floats of Python alone, protobuf makes the float32 that numpy makes.
        if dtype in (np.float32, np.float64) and type(values[0]) in _PYTHON_NUMBERS:
            return wire.float_list(values)
        types = set(map(type, values))
        if not types <= _PYTHON_NUMBERS and types != {dtype.type}:
            raise NotPlain
        return self._pack(np.array(values, dtype))

    def _pack_short_ints(self, values: Sequence[int]) -> bytes:
        arrays.array(self.dtype.char, values)  # This refuses what is out of range.
        return wire.int_list(values)

    def rows_array(self, values: Sequence) -> np.ndarray:
        """Returns many values as one array, values along the first axis.

        Args:
          values: Values of a numeric field; in a list, a tuple or an array.

        Raises:
          NotPlain: The values are not all of the expected type and shape.
          Exception: Whatever numpy has to say against the values.
        """
        dtype = self.dtype
        if self.is_text:
            raise NotPlain
        if type(values) is np.ndarray:
            array = values
            # The elements of a 1-D array are numpy scalars: TFDS converts those.
            if array.dtype != dtype:
                if array.ndim != 1 or not _converts_exactly(array.dtype, dtype):
                    raise NotPlain
                array = array.astype(dtype)
        else:
            types = set(map(type, values))
            if types == {np.ndarray}:
                is_plain = all(value.dtype == dtype for value in values)
            elif self.shape:
                is_plain = types <= _LISTS
            elif dtype.kind == "f":
                is_plain = types <= {float, int} or types == {dtype.type}
            else:
                is_plain = types <= {bool if dtype.kind == "b" else int} or types == {dtype.type}
            if not is_plain:
                raise NotPlain
            array = np.array(values, dtype=dtype) if values else np.empty((0, *self.shape), dtype)
        if not self._fits(array.shape[1:]):
            raise NotPlain
        return array


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


class TensorInfo(tfds.features.TensorInfo):
    """Keeps TFDS's serializer from importing TensorFlow, which the property `dtype` does."""

    @property
    def dtype(self) -> Any:
        return self.np_dtype


def by_tfds(
    flat_specs: Mapping[str, tfds.features.TensorInfo], fields: Mapping[str, Field]
) -> Store:
    """Returns a function that stores encoded values as TFDS's serializer does it.

    Args:
      flat_specs: The flattened spec of the values.
      fields: Fields of the whole spec, by flat name.
    """
    infos = {name: TensorInfo.copy_from(info) for name, info in flat_specs.items()}
    serializer = example_serializer.ExampleSerializer(infos)
    entries = {
        key: entry
        for name, info in flat_specs.items()
        for key, entry in zip(
            entry_keys(name, info), [fields[name].entry, *fields[name].length_entries]
        )
    }

    def store(tree: Mapping, parts: list) -> None:
        for key, feature in serializer.get_tf_example(tree).features.feature.items():
            kind = feature.WhichOneof("kind")
            entries[key].put_list(getattr(feature, kind).SerializeToString(), parts)

    return store


def _store_text(headers: wire.Headers, slot: int, otherwise: Store) -> Store:
    """Returns a function that stores one str or bytes; `slot`: place of the header."""
    payload_slot = slot + 1

    def store(item: Any, parts: list) -> None:
        data, kind = item, type(item)
        if kind is np.ndarray and item.dtype == object and not item.ndim:
            data = item.item()  # `Text.encode_example` wraps its str like this.
            kind = type(data)
        if kind is str:
            try:
                data = data.encode("utf-8")
            except UnicodeEncodeError:
                kind = type(None)
        if kind is not bytes and kind is not str:
            return otherwise(item, parts)
        parts[slot] = headers[len(data)]
        parts[payload_slot] = data

    return store


def _store_int(headers: wire.Headers, slot: int, dtype: np.dtype, otherwise: Store) -> Store:
    """Returns a function that stores one integer or bool, of Python or of the dtype."""
    python_type = bool if dtype == np.bool_ else int
    low, high = (0, 1) if dtype == np.bool_ else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    entries = wire.IntEntries(headers)

    def store(item: Any, parts: list) -> None:
        kind = type(item)
        if kind is not python_type:
            is_array = kind is np.ndarray and item.dtype == dtype and not item.ndim
            if not is_array and kind is not dtype.type:
                return otherwise(item, parts)
            item = item.item()
        if not low <= item <= high:
            return otherwise(item, parts)
        parts[slot] = entries[item]

    return store


def _store_float(headers: wire.Headers, slot: int, dtype: np.dtype, otherwise: Store) -> Store:
    """Returns a function that stores one float, of Python or of the dtype (float32, float64)."""
    header = headers[4]
    pack = struct.Struct("<f").pack

    def store(item: Any, parts: list) -> None:
        value, kind = item, type(item)
        if kind is not float and kind is not int:
            is_array = kind is np.ndarray and item.dtype == dtype and not item.ndim
            if not is_array and kind is not dtype.type:
                return otherwise(item, parts)
            value = item.item()
        if value != value:  # NaN: from Python 3.14 on, `struct` keeps it signalling.
            return otherwise(item, parts)
        try:
            parts[slot] = header + pack(value)
            return
        except (OverflowError, struct.error):
            pass  # The value becomes an infinity, or is refused.
        otherwise(item, parts)

    return store


def join_rows(rows: Any) -> tuple[Sequence, list[int]]:
    """Joins the rows of a nested sequence, which takes its outermost level away.

    Args:
      rows: List, tuple or array of lists, tuples or arrays.

    Returns:
      All elements of the rows, and the length of each row.

    Raises:
      NotPlain: `rows` is something else.
    """
    if type(rows) not in SEQUENCES:
        raise NotPlain
    types = set(map(type, rows))
    if not types <= SEQUENCES:
        raise NotPlain
    sizes = list(map(len, rows))
    if types == {np.ndarray} and len({(row.dtype, row.shape[1:]) for row in rows}) == 1:
        joined: Any = np.concatenate(rows)
        return joined, sizes
    return list(itertools.chain.from_iterable(rows)), sizes


def _kind_and_packer(dtype: np.dtype) -> tuple[bytes, Callable[[Any], bytes]]:
    """Returns the tag of the list that stores a dtype, and what makes its content of an array."""
    if dtype.kind == "O":
        return wire.BYTES_LIST, _pack_texts
    if dtype.kind == "f":
        return wire.FLOAT_LIST, wire.float_array
    if dtype.kind in "biu" and dtype.isnative:
        return wire.INT64_LIST, wire.int_array
    return wire.INT64_LIST, _refuse  # Other byte orders, and what an example cannot hold.


def _refuse(array: np.ndarray) -> bytes:
    raise NotPlain(array.dtype)


def _pack_texts(values: Any) -> bytes:
    """Returns the content of a list of str and bytes, given as a list, a tuple or an array."""
    try:
        return wire.text_list(values)
    except (TypeError, UnicodeDecodeError):
        pass  # Bytes that are not UTF-8, or something else.
    if not _TEXTS.issuperset(map(type, values)):
        raise NotPlain
    return wire.bytes_list([v if type(v) is bytes else v.encode("utf-8") for v in values])


def _converts_exactly(source: np.dtype, target: np.dtype) -> bool:
    """Returns whether a whole array converts as its elements do when TFDS converts them one by one.

    It does if no integer can go out of range; floats are rounded in the same way.
    """
    if source.kind not in "biuf" or target.kind not in "biuf":
        return False
    return source.kind == target.kind == "f" or np.can_cast(source, target, "safe")


def _shape_test(shape: tuple) -> Callable[[tuple], bool]:
    """Returns a function that tells whether an array's shape is the given one."""
    if None not in shape:
        return shape.__eq__
    rank = len(shape)
    fixed = [(i, size) for i, size in enumerate(shape) if size is not None]
    if not fixed:
        return lambda found: len(found) == rank

    def fits(found: tuple) -> bool:
        return len(found) == rank and all(found[i] == size for i, size in fixed)

    return fits
