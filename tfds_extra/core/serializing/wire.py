"""The wire format of `tf.train.Example`, as pure functions of bytes and numpy arrays.

A prepared TFDS corpus is a stream of serialized `tf.train.Example` messages. Building
each one out of protobuf objects is what makes the preparation of a corpus slow, and the
message is simple enough to write down directly. In the notation of
`tensorflow/core/example/{example,feature}.proto`:

    message Example   { Features features = 1; }
    message Features  { map<string, Feature> feature = 1; }
    message Feature   { oneof kind { BytesList bytes_list = 1;
                                     FloatList float_list = 2;
                                     Int64List int64_list = 3; } }
    message BytesList { repeated bytes value = 1; }
    message FloatList { repeated float value = 1 [packed = true]; }
    message Int64List { repeated int64 value = 1 [packed = true]; }

and, as https://protobuf.dev/programming-guides/encoding/ says, a map is a repeated
message `{ string key = 1; Feature value = 2; }`, and strings, bytes, messages and packed
lists are all written as `tag, varint length, content` (wire type LEN). There is no other
wire type in an Example, so one *entry* of the map is

    0A len ( 0A len key   12 len ( KIND len ( 0A len payload ) ) )

where KIND is one of the three lists below and the payload is one byte string or one
packed list. The bytes before the payload, called the *header* here, depend only on the key,
the kind and the size of the payload, so that they are computed once for each size.

What a list holds, `0A len payload` (of byte strings: one after the other), is called its
*content*. Nearly all of these are packed by protobuf's C library (upb), which is fast; what is
slow is to build the message around them. Single values and long arrays are packed here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow_datasets.proto import tf_feature_pb2

# Tags: field number << 3 | wire type LEN (2).
EXAMPLE_FEATURES = b"\x0a"
FEATURES_ENTRY = b"\x0a"
ENTRY_KEY = b"\x0a"
ENTRY_VALUE = b"\x12"
BYTES_LIST = b"\x0a"
FLOAT_LIST = b"\x12"
INT64_LIST = b"\x1a"
LIST_VALUE = b"\x0a"

_BYTES = bytes(range(0x80))
_UINT64_MASK = (1 << 64) - 1
# Only these are remembered: sizes of ordinary values, and integers as large as class labels.
_REMEMBERED_SIZES = 4096
_REMEMBERED_INTS = range(-1, 1 << 12)
# Arrays of fewer values are packed by protobuf, whose fixed cost is lower than numpy's. Of integers,
# numpy is sooner the faster one if each of them takes one byte.
_MANY_FLOATS, _MANY_BYTES, _MANY_INTS = 64, 256, 1536
# Longer arrays of integers are packed in pieces of this size, so that the scratch space (about thirty
# bytes a value) stays in the processor's cache.
_INT_PIECE = 1 << 15
# Messages that are used again have held at most so many values.
_MOST_KEPT = 1 << 16


def _encode_varint(value: int) -> bytes:
    if 0x80 <= value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    value &= _UINT64_MASK  # Negative numbers are sent as their two's complement.
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class _Varints(dict):
    """Varints by value; those of small integers are remembered."""

    def __missing__(self, value: int) -> bytes:
        encoded = _encode_varint(value)
        if value in _REMEMBERED_INTS:
            self[value] = encoded
        return encoded


_varints = _Varints()


def varint(value: int) -> bytes:
    """Returns the base-128 varint of an int64 or a uint64 (at most ten bytes)."""
    return _varints[value]


def delimited(tag: bytes, size: int) -> bytes:
    """Returns the bytes before the content of a LEN field with `size` bytes of content."""
    return tag + _varints[size]


def map_order(key: str) -> bytes:
    """Returns the sort key that puts the entries of the map in protobuf's order.

    Deterministic serialization sorts a map by key. The C library behind protobuf for
    Python (upb, `_upb_mapsorter_cmpstr`) compares byte by byte, but puts the longer one
    of two keys first where one begins with the other ("audio/rate" before "audio").
    A byte that UTF-8 never uses, and that is larger than any it does use, at the end of
    every key gives that order.
    """
    return key.encode("utf-8") + b"\xff"


class Headers(dict):
    """The headers of one entry of the feature map: payload size -> header bytes.

    A payload is one byte string, or the packed values of a numeric list. An empty packed
    list is not written at all, hence the header for size 0 of a numeric kind ends with
    the (empty) list itself.

    Attributes:
      around: What stands before the whole content of the list: content size -> bytes.
    """

    def __init__(self, key: str, kind: bytes):
        """Creates the headers.

        Args:
          key: Flat name of the feature.
          kind: Tag of its list in `Feature`.
        """
        super().__init__()
        self.around = _Surroundings(key, kind)
        if kind != BYTES_LIST:
            self[0] = self.around[0]

    def __missing__(self, size: int) -> bytes:
        value = delimited(LIST_VALUE, size)
        header = self.around[len(value) + size] + value
        if size < _REMEMBERED_SIZES:
            self[size] = header
        return header


class _Surroundings(dict):
    """See `Headers.around`."""

    def __init__(self, key: str, kind: bytes):
        super().__init__()
        name = key.encode("utf-8")
        self._key = delimited(ENTRY_KEY, len(name)) + name
        self._kind = kind

    def __missing__(self, size: int) -> bytes:
        value = delimited(self._kind, size)
        entry = self._key + delimited(ENTRY_VALUE, len(value) + size) + value
        header = delimited(FEATURES_ENTRY, len(entry) + size) + entry
        if size < _REMEMBERED_SIZES:
            self[size] = header
        return header


class IntEntries(dict):
    """Whole entries for a single integer: value -> header and varint."""

    def __init__(self, headers: Headers):
        super().__init__()
        self._headers = headers

    def __missing__(self, value: int) -> bytes:
        payload = _varints[value]
        entry = self._headers[len(payload)] + payload
        if value in _REMEMBERED_INTS:
            self[value] = entry
        return entry


class _Prefixes(dict):
    """Maps a size to the bytes that open a delimited field of this size: tag and length."""

    def __init__(self, tag: bytes):
        super().__init__()
        self._tag = tag

    def __missing__(self, size: int) -> bytes:
        prefix = delimited(self._tag, size)
        if size < _REMEMBERED_SIZES:
            self[size] = prefix
        return prefix


example_prefixes = _Prefixes(EXAMPLE_FEATURES)
_value_prefixes = _Prefixes(LIST_VALUE)


def example(parts: list[bytes]) -> bytes:
    """Returns the Example whose map consists of `parts`, in this order."""
    body = b"".join(parts)
    return example_prefixes[len(body)] + body


def _list_class(name: str, kind: Any) -> type:
    """Returns the class of a message with `repeated KIND value = 1`, as those of numbers are.

    Texts are encoded, and ranges checked, by upb if it knows of them; the bytes are the same.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"tfds_extra/{name}.proto", syntax="proto3")
    field = file.message_type.add(name=name).field
    repeated = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
    field.add(name="value", number=1, type=kind, label=repeated)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _list_packer(cls: Any) -> Callable[[Sequence], bytes]:
    """Returns a function that makes the content of a list of numbers; `cls`: class of the list.

    The function raises TypeError for what is no such number, and ValueError for what is out of range;
    a float that float32 cannot hold becomes an infinity.
    """

    class Kept(threading.local):
        """A message that is used again: making one takes longer than packing a few numbers."""

        def __init__(self) -> None:
            message = cls()
            self.values, self.pack = message.value, message.SerializeToString

    kept = Kept()

    def pack(values: Sequence) -> bytes:
        if len(values) > _MOST_KEPT:
            return cls(value=values).SerializeToString()
        kept.values[:] = values
        return kept.pack()

    return pack


_KINDS = descriptor_pb2.FieldDescriptorProto
_TextList: Any = _list_class("TextList", _KINDS.TYPE_STRING)
int_list = _list_packer(tf_feature_pb2.Int64List)
int32_list = _list_packer(_list_class("Int32List", _KINDS.TYPE_INT32))
uint32_list = _list_packer(_list_class("Uint32List", _KINDS.TYPE_UINT32))
float_list = _list_packer(tf_feature_pb2.FloatList)


def text_list(values: Sequence[str | bytes] | np.ndarray) -> bytes:
    """Returns the content of a BytesList.

    Args:
      values: Texts, or bytes that are UTF-8.

    Raises:
      TypeError: Some are neither.
      UnicodeError: Some cannot be encoded, or are not UTF-8.
    """
    message = _TextList()
    message.value.extend(values)
    return message.SerializeToString()


def bytes_list(values: Sequence[bytes]) -> bytes:
    """Returns the content of a BytesList."""
    parts = [b""] * (2 * len(values))
    parts[::2] = map(_value_prefixes.__getitem__, map(len, values))
    parts[1::2] = values
    return b"".join(parts)


def byte_list(values: Sequence[int], limit: int) -> bytes:
    """Returns the content of an Int64List of integers from 0 to below `limit`, at most 128.

    Raises:
      TypeError: Some values are no integers.
      ValueError: Some are out of range.
    """
    payload = bytes(values)  # The varint of such an integer is the integer itself.
    if payload.translate(None, _BYTES[:limit]):
        raise ValueError("out of range")
    return _value_prefixes[len(payload)] + payload if payload else b""


def int_array(array: np.ndarray) -> bytes:
    """Returns the content of an Int64List.

    Args:
      array: Array of any shape and any bool or integer dtype of the machine's byte order; written in C
        order. uint64 is written as the int64 of the same bits.
    """
    flat = array if array.ndim == 1 else array.ravel()
    kind, size = array.dtype.kind, len(flat)
    if kind == "b":
        return _packed(flat.astype(np.uint8)) if size else b""
    if kind == "u" and array.dtype.itemsize == 8:
        flat = flat.view(np.int64)
    # The first value tells most arrays with larger ones, before all are looked at.
    if size >= _MANY_BYTES and 0 <= flat[0] < 0x80 and flat.max() < 0x80 and flat.min() >= 0:
        return _packed(flat.astype(np.uint8))
    if size >= _MANY_INTS and flat.min() >= 0:
        pieces = range(0, size, _INT_PIECE)
        return _packed(np.concatenate([varints(flat[i : i + _INT_PIECE])[0] for i in pieces]))
    return int_list(flat.tolist())


def _packed(payload: np.ndarray) -> bytes:
    """Returns the content of a numeric list whose payload is given, as a contiguous array."""
    return b"".join((_value_prefixes[payload.nbytes], payload.data))


def varints(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Encodes many integers at once.

    Args:
      flat: integers, 1-D, not empty.

    Returns:
      The bytes of all varints, one after the other, and the size of each.
    """
    rest = flat if flat.dtype == np.uint64 else flat.astype(np.int64).view(np.uint64)
    width = len(_encode_varint(int(rest.max())))  # Negative numbers are the largest here.
    if width == 1:
        return rest.astype(np.uint8), np.ones(len(rest), np.uint8)
    # One row for each value, one column for each of the bytes it may have; `used` says
    # which bytes it really has. Selecting those walks row by row, as we need them.
    table = np.empty((len(rest), width), np.uint8)
    used = np.ones((len(rest), width), np.bool_)
    for column in range(width):
        low = rest.astype(np.uint8) & 0x7F
        rest = rest >> np.uint64(7)
        more = rest != 0
        table[:, column] = low | more.view(np.uint8) << 7
        if column + 1 < width:
            used[:, column + 1] = more
    return table[used], used.sum(axis=1, dtype=np.uint8)


def float_array(array: np.ndarray) -> bytes:
    """Returns the content of a FloatList.

    Args:
      array: Array of any shape and any floating dtype; written in C order.
    """
    if array.size < _MANY_FLOATS:
        return float_list(array.ravel().tolist())
    return _packed(float32(array).ravel())


def float32(array: np.ndarray) -> np.ndarray:
    """Returns numbers as protobuf stores them: as little-endian float32.

    Protobuf for Python takes every number as a C double and narrows it to float. Seen in
    the bytes: too large a float64 becomes an infinity, and a signalling NaN becomes a
    quiet one with the rest of its payload kept. Both hold here too.

    Args:
      array: Array of any shape and any floating dtype.
    """
    if array.dtype == np.float32 and not np.isnan(array).any():
        return array.astype("<f4", copy=False)
    with np.errstate(all="ignore"):
        return array.astype(np.float64, copy=False).astype("<f4")
