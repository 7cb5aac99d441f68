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
"""

from __future__ import annotations

import math
import struct

import numpy as np
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

_UINT64_MASK = (1 << 64) - 1
# Only these are remembered: sizes of ordinary values, and integers as large as class labels.
_REMEMBERED_SIZES = 4096
_REMEMBERED_INTS = range(-1, 1 << 12)
# Up to this many integers are joined of remembered varints, or are bytes themselves: a message of
# protobuf has a higher fixed cost.
_FEW_INTS, _FEW_BYTES = 2, 48
# From this many on numpy is faster than protobuf, which takes Python's integers.
_MANY_INTS = 1536
# More byte strings than this are left to protobuf if they have fewer bytes than this on average; it
# copies long ones twice.
_FEW_TEXTS, _SHORT = 16, 256
# Longer arrays are packed in pieces of this size, so that the scratch space (about thirty
# bytes a value) stays in the processor's cache.
_INT_PIECE = 1 << 15
# Up to this many floats are packed by `struct`, for the same reason.
_FEW_FLOATS = 32


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
    """

    def __init__(self, key: str, kind: bytes):
        """Creates the headers.

        Args:
          key: Flat name of the feature.
          kind: Tag of its list in `Feature`.
        """
        super().__init__()
        name = key.encode("utf-8")
        self._key = delimited(ENTRY_KEY, len(name)) + name
        self._kind = kind
        if kind != BYTES_LIST:
            self[0] = self.around(0)

    def around(self, size: int) -> bytes:
        """Returns the header for `size` bytes that are the whole content of the list."""
        value = delimited(self._kind, size)
        entry = self._key + delimited(ENTRY_VALUE, len(value) + size) + value
        return delimited(FEATURES_ENTRY, len(entry) + size) + entry

    def __missing__(self, size: int) -> bytes:
        value = delimited(LIST_VALUE, size)
        header = self.around(len(value) + size) + value
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


def bytes_list(values: list[bytes]) -> bytes:
    """Returns the content of a BytesList of any length."""
    if len(values) > _FEW_TEXTS and sum(map(len, values)) < _SHORT * len(values):
        return tf_feature_pb2.BytesList(value=values).SerializeToString()
    parts = [b""] * (2 * len(values))
    parts[::2] = map(_value_prefixes.__getitem__, map(len, values))
    parts[1::2] = values
    return b"".join(parts)


def pack_ints(values: list[int]) -> bytes:
    """Returns the packed content of an Int64List.

    Args:
      values: Python integers of the int64 or the uint64 range.
    """
    if not values:
        return b""
    if len(values) <= _FEW_BYTES and min(values) >= 0 and max(values) < 0x80:
        return bytes(values)  # Such a varint is the value itself.
    if len(values) <= _FEW_INTS:
        return b"".join(map(_varints.__getitem__, values))
    try:
        message = tf_feature_pb2.Int64List(value=values)
    except ValueError:  # Beyond int64, which the message has for what is above it.
        wrapped = [v - (1 << 64) if v >> 63 > 0 else v for v in values]
        message = tf_feature_pb2.Int64List(value=wrapped)
    field = message.SerializeToString()
    start = 1  # Behind the tag and the varint of the size.
    while field[start] & 0x80:
        start += 1
    return field[start + 1 :]


def pack_int_array(array: np.ndarray) -> bytes:
    """Returns the packed content of an Int64List.

    Args:
      array: Array of any shape and any bool or integer dtype; written in C order. uint64 is
        written as the int64 of the same bits.
    """
    if array.dtype == np.bool_:
        return array.astype(np.uint8).tobytes()
    flat = array.ravel()
    if flat.size <= _FEW_BYTES:
        return pack_ints(flat.tolist())
    if flat.size < _MANY_INTS and not (flat.max() < 0x80 and flat.min() >= 0):
        return pack_ints(flat.tolist())
    pieces = range(0, flat.size, _INT_PIECE)
    return b"".join([varints(flat[i : i + _INT_PIECE])[0].tobytes() for i in pieces])


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


def pack_floats(values: list[float]) -> bytes:
    """Returns the packed content of a FloatList; see `pack_float_array`.

    Args:
      values: Python numbers, or numpy scalars that are a float32 or a float64.
    """
    # The sum is NaN if one of the values is; `struct` keeps a NaN signalling from
    # Python 3.14 on.
    if len(values) <= _FEW_FLOATS and not math.isnan(sum(values)):
        try:
            return struct.pack(f"<{len(values)}f", *values)
        except (OverflowError, struct.error):  # Some become infinite, or are refused below.
            pass
    return pack_float_array(np.array(values, np.float64))


def pack_float_array(array: np.ndarray) -> bytes:
    """Returns the packed content of a FloatList: little-endian float32.

    Protobuf for Python takes every number as a C double and narrows it to float. Seen in
    the bytes: too large a float64 becomes an infinity, and a signalling NaN becomes a
    quiet one with the rest of its payload kept. Both hold here too.

    Args:
      array: Array of any shape and any floating dtype; written in C order.
    """
    if array.dtype == np.float32:
        if array.size <= _FEW_FLOATS:
            return struct.pack(f"<{array.size}f", *array.ravel().tolist())
        if not np.isnan(array).any():
            return array.astype("<f4", copy=False).tobytes()
    with np.errstate(all="ignore"):
        return array.astype(np.float64, copy=False).astype("<f4").tobytes()
