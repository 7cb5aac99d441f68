"""The idx format: what was written is read, and nothing else is taken for it."""

from __future__ import annotations

import io
import struct

import idx_writer
import numpy as np
import pytest

from tfds_extra.formats import idx

_RNG = np.random.default_rng(0)
_LABELS = np.arange(24, dtype=np.int32).reshape(3, 8) * 70_000 - 5


def _blocks(content: bytes, *args, **kwargs) -> list[np.ndarray]:
    return list(idx.read_blocks(io.BytesIO(content), *args, **kwargs))


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(5,), (4, 8), (3, 28, 28), (0, 2), (2, 0)])
def test_round_trip(dtype, shape):
    array = _RNG.integers(0, 100, shape).astype(dtype) - np.array(1, dtype)
    read = idx.read(io.BytesIO(idx_writer.encode(array)), dtype, shape[1:])
    assert read.dtype == np.dtype(dtype) and read.dtype.isnative
    np.testing.assert_array_equal(read, array)


def test_bytes_are_those_of_the_description():
    assert idx_writer.encode(np.array([[1, -2]], np.int32)) == bytes.fromhex(
        "00000c02 00000001 00000002 00000001 fffffffe"
    )
    labels = bytes.fromhex("00000801 00000003 050004")
    assert idx.read(io.BytesIO(labels), np.uint8).tolist() == [5, 0, 4]
    pictures = struct.pack(">iiii", 2051, 1, 28, 28) + bytes(783) + b"\xff"
    assert idx.read_header(io.BytesIO(pictures)).shape == (1, 28, 28)
    (block,) = _blocks(pictures, np.uint8, (28, 28))
    assert block[0, 27, 27] == 255 and block.sum() == 255


@pytest.mark.parametrize("rows", [1, 2, 3, 4, None])
def test_blocks(rows):
    blocks = _blocks(idx_writer.encode(_LABELS), np.int32, (8,), rows)
    assert [len(b) for b in blocks] == {1: [1, 1, 1], 2: [2, 1]}.get(rows, [3])
    np.testing.assert_array_equal(np.concatenate(blocks), _LABELS)


def test_blocks_are_small_by_default():
    pictures = idx_writer.encode(np.zeros((20_000, 28, 28), np.uint8))
    assert max(block.nbytes for block in _blocks(pictures, np.uint8, (28, 28))) <= 6 << 20


_WHOLE = idx_writer.encode(_LABELS)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "byte 0: the file ends after 0 bytes, before its idx header"),
        (_WHOLE[:3], "byte 0: the file ends after 3 bytes"),
        (_WHOLE[:9], "byte 9: the file ends within its idx header"),
        (b"<htm" + _WHOLE[4:], "byte 0: it begins with 3c 68 74 6d"),
        (b"\0\0\x0a\2" + _WHOLE[4:], "byte 0: it begins with 00 00 0a 02"),
        (b"\0\0\x0c\0" + _WHOLE[4:], "byte 0: it begins with 00 00 0c 00"),
        (b"\2\x0c\0\0" + _WHOLE[4:], "byte 0: it begins with 02 0c 00 00"),
        (_WHOLE[:4] + b"\xff" * 4 + _WHOLE[8:], "byte 4: a dimension has the negative size -1"),
        (_WHOLE[:8] + b"\xff" * 4 + _WHOLE[12:], "byte 8: a dimension has the negative size -1"),
        (idx_writer.encode(_LABELS[:, :7]), r"of shape \(3, 7\), expected int32 of shape \(n, 8\)"),
        (idx_writer.encode(_LABELS.astype("i2")), r"it holds int16 of shape \(3, 8\), expected int32"),
        (idx_writer.encode(_LABELS[0]), r"it holds int32 of shape \(8,\)"),
        (_WHOLE[:-1], "byte 107: the file ends in row 2 of 3; it should have 108 bytes"),
        (_WHOLE[:44], "byte 44: the file ends in row 1 of 3"),
        (_WHOLE[:12], "byte 12: the file ends in row 0 of 3"),
        (_WHOLE + b"\0", "byte 108: the file goes on after its 3 rows"),
        # Nothing is allocated that is not there.
        (_WHOLE[:4] + b"\x7f" + b"\xff" * 3 + _WHOLE[8:], "byte 108: the file ends in row 3 of 2,147"),
    ],
)  # fmt: skip
def test_all_else_is_refused_with_its_place(content, problem):
    for rows in (1, 2, None):
        with pytest.raises(ValueError, match=problem):
            _blocks(content, np.int32, (8,), rows)


def test_encode_refuses_what_idx_has_not():
    for array in (np.zeros(3, np.int64), np.zeros(3, np.uint16), np.array(1, np.int32)):
        with pytest.raises(ValueError, match="idx has no"):
            idx_writer.encode(array)
