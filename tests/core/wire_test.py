"""Tests of `tfds_extra.core.serializing.wire` against protobuf itself."""

from __future__ import annotations

import concurrent.futures

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow_datasets.proto import tf_example_pb2, tf_feature_pb2

from tfds_extra.core.serializing import wire

_SETTINGS = settings(deadline=None, max_examples=100, derandomize=True)
_INTS = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 300)


def _example(entries: dict) -> bytes:
    features = tf_feature_pb2.Features(feature=entries)
    return tf_example_pb2.Example(features=features).SerializeToString(deterministic=True)


@pytest.mark.parametrize("bits", range(64))
def test_varint_at_every_power_of_two(bits):
    for value in {2**bits - 1, 2**bits, 2**bits + 1, -(2**bits), -(2**bits) - 1}:
        if -(2**63) <= value < 2**63:
            expected = tf_feature_pb2.Int64List(value=[value]).SerializeToString()
            varint = wire.varint(value)
            assert wire.LIST_VALUE + wire.varint(len(varint)) + varint == expected
            assert wire.varints(np.array([value]))[0].tobytes() == varint


def test_varint_of_uint64_is_that_of_the_same_bits():
    assert wire.varint(2**64 - 1) == wire.varint(-1)
    array = np.array([0, 2**63, 2**64 - 1] * 50, np.uint64)
    assert wire.int_array(array) == wire.int_array(array.view(np.int64))


@_SETTINGS
@given(st.lists(_INTS, max_size=120))
def test_packed_ints(values):
    expected = tf_feature_pb2.Int64List(value=values).SerializeToString()
    assert wire.int_list(values) == expected
    assert wire.int_array(np.array(values, np.int64)) == expected
    if values:
        data, sizes = wire.varints(np.array(values, np.int64))
        assert data.tobytes() == b"".join(map(wire.varint, values))
        assert sizes.tolist() == [len(wire.varint(value)) for value in values]


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8"])
def test_packed_int_arrays_of_every_dtype(dtype):
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 200, 600, 2000, 2 * wire._INT_PIECE + 1):
        array = np.frombuffer(rng.bytes(8 * size), np.int64).astype(dtype)
        for kept in (array, *([array & 0x7F, array & np.iinfo(dtype).max] if dtype != "?" else [])):
            message = tf_feature_pb2.Int64List(value=kept.astype(np.int64))
            assert wire.int_array(kept) == message.SerializeToString()


def test_arrays_are_packed_in_c_order():
    ints = np.arange(600).reshape(20, 30)
    floats = ints.astype(np.float32)
    for view in (np.s_[:], np.s_[::2, ::3], np.s_[::-1]):
        assert wire.int_array(ints.T[view]) == wire.int_list(ints.T[view].ravel().tolist())
        assert wire.float_array(floats.T[view]) == wire.float_list(ints.T[view].ravel().tolist())


@_SETTINGS
@given(st.lists(st.floats() | st.floats(width=32), max_size=80))
def test_packed_floats(values):
    expected = tf_feature_pb2.FloatList(value=values).SerializeToString()
    assert wire.float_list(values) == expected
    assert wire.float_array(np.array(values, np.float64)) == expected


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("copies", [1, 50])
@_SETTINGS
@given(hnp.arrays(np.uint32, 4))
def test_packed_float32_of_any_bits(copies, bits):
    special = [0x7F800001, 0xFF812345, 0x7FC00001, 0x80000000, 0x00000001, 0x7F800000]
    array = np.tile(np.concatenate([bits, np.array(special, np.uint32)]), copies).view(np.float32)
    assert wire.float_array(array) == tf_feature_pb2.FloatList(value=array).SerializeToString()


@pytest.mark.filterwarnings("error")
def test_packed_float16_of_all_bits():
    array = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    for part in (array, *array.reshape(-1, 32)):
        assert wire.float_array(part) == tf_feature_pb2.FloatList(value=part).SerializeToString()


@pytest.mark.parametrize("size", [0, 1, 60, 120, 127, 128, 16_000, 16_400, 3_000_000])
@pytest.mark.parametrize("key", ["k", "", "é" * 70])
def test_header_of_one_byte_string(key, size):
    value = b"x" * size
    expected = _example({key: tf_feature_pb2.Feature(bytes_list={"value": [value]})})
    headers = wire.Headers(key, wire.BYTES_LIST)
    for _ in range(2):  # The second time from memory.
        assert wire.example([headers[size], value]) == expected


@pytest.mark.parametrize("size", [0, 1, 40, 4000, 20_000])
def test_headers_of_numeric_lists(size):
    for kind, message, content in (
        (wire.INT64_LIST, {"int64_list": {"value": [5] * size}}, wire.int_list([5] * size)),
        (wire.FLOAT_LIST, {"float_list": {"value": [0.5] * size}}, wire.float_list([0.5] * size)),
    ):
        expected = _example({"k": tf_feature_pb2.Feature(**message)})
        headers = wire.Headers("k", kind)
        assert wire.example([headers.around[len(content)], content]) == expected
        payload = content[len(content) - (size if kind == wire.INT64_LIST else 4 * size) :]
        assert wire.example([headers[len(payload)], payload]) == expected


@pytest.mark.parametrize(
    "values",
    [
        [], [b""], [b"", b"a"], [b"a" * 200] * 3, [b"a" * 5000, b""], [b""] * 20,
        [b"a" * k for k in range(300)], [b"a" * 300] * 20,
    ],
    ids=lambda values: str(len(values)),
)  # fmt: skip
def test_lists_of_byte_strings(values):
    content = wire.bytes_list(values)
    assert content == tf_feature_pb2.BytesList(value=values).SerializeToString()
    expected = _example({"k": tf_feature_pb2.Feature(bytes_list={"value": values})})
    assert wire.text_list(values) == wire.text_list([v.decode() for v in values]) == content
    header = wire.Headers("k", wire.BYTES_LIST).around[len(content)]
    assert wire.example([header, content]) == expected


@pytest.mark.parametrize("value", [0, 1, -1, 127, 128, 4095, 4096, 2**63 - 1, -(2**63)])
def test_whole_entries_of_integers(value):
    entries = wire.IntEntries(wire.Headers("k", wire.INT64_LIST))
    expected = _example({"k": tf_feature_pb2.Feature(int64_list={"value": [value]})})
    assert wire.example([entries[value]]) == wire.example([entries[value]]) == expected


def test_what_is_remembered_is_bounded():
    headers = wire.Headers("k", wire.BYTES_LIST)
    entries = wire.IntEntries(headers)
    for i in range(20_000):
        assert headers[i * 1000] and entries[i * 1000] and wire.varint(i * 1000)
    assert len(headers) + len(headers.around) + len(entries) < 100
    assert len(wire._varints) <= 4097


def test_many_numbers():
    values = [1 << 30] * (wire._MOST_KEPT + 1)
    expected = tf_feature_pb2.Int64List(value=values).SerializeToString()
    for pack in (wire.int_list, wire.int32_list, wire.uint32_list):
        assert pack(values) == expected
    assert wire.float_list(values) == tf_feature_pb2.FloatList(value=values).SerializeToString()


def test_lists_in_several_threads():
    def pack(k):
        values = [k] * 50
        expected = tf_feature_pb2.Int64List(value=values).SerializeToString()
        return all(wire.int_list(values) == expected for _ in range(2000))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(pack, [1, 300, 2**40, -1]))


def test_an_example_without_features():
    assert wire.example([]) == _example({})


@_SETTINGS
@given(st.sets(st.text(st.sampled_from("ab/\x00é\uffff😀"), max_size=4), max_size=7))
def test_map_order(keys):
    entries = {key: tf_feature_pb2.Feature(int64_list={"value": [1]}) for key in keys}
    ordered = sorted(keys, key=wire.map_order)
    parts = [wire.IntEntries(wire.Headers(key, wire.INT64_LIST))[1] for key in ordered]
    assert wire.example(parts) == _example(entries)
