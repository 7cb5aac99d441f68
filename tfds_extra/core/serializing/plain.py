"""Stores plain values: values of exactly the expected type.

Nearly all values of a corpus are plain, and can be stored in a few steps. The functions here
do that for the values of one tensor without a sequence around it, and test the values of
sequences. They accept less than TFDS does; what they accept, they store as TFDS does.

Other values go to the function `otherwise`. It is never called inside of an `except` block, so
that its errors are not shown as consequences of ours.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfds_extra.core.serializing import wire

# Writes one value into the list of parts; see `fields`.
Store = Callable[[Any, list], None]

SEQUENCES = frozenset({list, tuple, np.ndarray})
LISTS = frozenset({list, tuple})
_TEXTS = frozenset({str, bytes})


class NotPlain(Exception):
    """The value is not plain."""


def store_text(headers: wire.Headers, slot: int, otherwise: Store) -> Store:
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


def store_texts(
    put_list: Callable[[bytes, list], None], fits: Callable[[tuple], bool], otherwise: Store
) -> Store:
    """Returns a function that stores a list or array of str or bytes."""

    def store(item: Any, parts: list) -> None:
        kind = type(item)
        if kind is np.ndarray and item.ndim == 1 and item.dtype == object:
            values = item.tolist()
        elif kind in LISTS:
            values = item
        else:
            return otherwise(item, parts)
        if not fits((len(values),)):
            return otherwise(item, parts)
        try:
            return put_list(wire.bytes_list(utf8(all_texts(values))), parts)
        except (NotPlain, UnicodeEncodeError):
            pass
        otherwise(item, parts)

    return store


def store_int(headers: wire.Headers, slot: int, dtype: np.dtype, otherwise: Store) -> Store:
    """Returns a function that stores one integer or bool, of Python or of the dtype."""
    python_type = bool if dtype == np.bool_ else int
    low, high = int_range(dtype)
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


def store_float(headers: wire.Headers, slot: int, dtype: np.dtype, otherwise: Store) -> Store:
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


def store_array(
    put: Callable[[bytes, list], None],
    dtype: np.dtype,
    fits: Callable[[tuple], bool],
    pack: Callable[[np.ndarray], bytes],
    otherwise: Store,
) -> Store:
    """Returns a function that stores an array of the dtype, or a list that becomes one."""

    def store(item: Any, parts: list) -> None:
        array, kind = None, type(item)
        if kind is np.ndarray and item.dtype == dtype:
            array = item
        elif kind in LISTS and not is_nested(item):
            try:
                array = np.array(item, dtype=dtype)
            except Exception:
                pass
        if array is None or not fits(array.shape):
            return otherwise(item, parts)
        put(pack(array), parts)

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


def all_texts(values: Sequence) -> Sequence:
    """Returns the values if all of them are str or bytes.

    Raises:
      NotPlain: Some are not.
    """
    if type(values) is np.ndarray and values.ndim == 1 and values.dtype.kind in "OUS":
        values = values.tolist()
    if not _TEXTS.issuperset(map(type, values)):
        raise NotPlain
    return values


def utf8(values: Sequence) -> list[bytes]:
    """Returns str and bytes as bytes."""
    return [v if type(v) is bytes else v.encode("utf-8") for v in values]


def int_range(dtype: np.dtype) -> tuple[int, int]:
    """Returns the smallest and the largest value of a bool or integer dtype."""
    if dtype == np.bool_:
        return 0, 1
    if dtype.kind == "u" and dtype.itemsize == 8 and not dtype.isnative:
        return 0, 2**63 - 1  # TFDS does not see that this is the dtype that it bitcasts.
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def converts_exactly(source: np.dtype, target: np.dtype) -> bool:
    """Returns whether a whole array converts as its elements do when TFDS converts them one by one.

    It does if no integer can go out of range; floats are rounded in the same way.
    """
    if source.kind not in "biuf" or target.kind not in "biuf":
        return False
    return source.kind == target.kind == "f" or np.can_cast(source, target, "safe")


def shape_test(shape: tuple) -> Callable[[tuple], bool]:
    """Returns a function that tells whether an array's shape is the given one."""
    if None not in shape:
        return shape.__eq__
    rank = len(shape)
    fixed = [(i, size) for i, size in enumerate(shape) if size is not None]

    def fits(found: tuple) -> bool:
        return len(found) == rank and all(found[i] == size for i, size in fixed)

    return fits


def is_nested(item: Any) -> bool:
    """Returns whether `utils.flatten_nest_dict` would take the value apart."""
    return isinstance(item, dict) or bool(
        isinstance(item, list) and item and isinstance(item[0], dict)
    )
