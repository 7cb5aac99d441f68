"""MATLAB v5 arrays as a stream, held against SciPy."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import scipy.io

from tfds_extra.formats import FormatError, mat5

_RNG = np.random.default_rng(5)
_VARIABLES = {
    "X": _RNG.integers(0, 256, (4, 3, 3, 17), np.uint8),
    "y": _RNG.integers(1, 11, (17, 1), np.uint8),
    "doubles": _RNG.normal(size=(5, 2)),
    "a_longer_name_of_a_variable": _RNG.integers(-9, 9, (2, 7), np.int16),
    "one": np.array([[3]], np.uint8),
    "none": np.zeros((3, 0), np.float32),
}


def saved(variables=_VARIABLES, compressed=True) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, variables, do_compression=compressed)
    return file.getvalue()


@pytest.mark.parametrize("compressed", [True, False])
def test_as_scipy_reads_it(compressed):
    content = saved(compressed=compressed)
    expected = scipy.io.loadmat(io.BytesIO(content))
    names = []
    for array in mat5.arrays(io.BytesIO(content)):
        found = array.read()
        names.append(array.name)
        assert found.dtype == array.dtype and found.shape == array.shape
        np.testing.assert_array_equal(found, expected[array.name])
        assert found.dtype == expected[array.name].dtype
    assert names == list(_VARIABLES)


@pytest.mark.parametrize("count", [1, 5, 17, 100])
def test_slices(count):
    for array in mat5.arrays(io.BytesIO(saved())):
        if array.name == "X":
            slices = list(array.slices(count))
            assert max(s.shape[-1] for s in slices) <= count
            np.testing.assert_array_equal(np.concatenate(slices, axis=-1), _VARIABLES["X"])


def test_what_is_not_read_is_skipped():
    names = [array.name for array in mat5.arrays(io.BytesIO(saved()))]
    assert names == list(_VARIABLES)


def test_doubles_stored_as_bytes():
    """MATLAB stores whole numbers in the smallest type that holds them."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    body = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<ii", 3, 1))
    body += struct.pack("<HH4s", 1, 1, b"y\0\0\0") + struct.pack("<HH4s", 2, 3, b"\1\2\12\0")
    content = saved({})[:128] + element(14, body)
    (array,) = [(a.name, a.read()) for a in mat5.arrays(io.BytesIO(content))]
    assert array[0] == "y" and array[1].dtype == np.float64
    assert array[1].tolist() == [[1], [2], [10]]
    np.testing.assert_array_equal(array[1], scipy.io.loadmat(io.BytesIO(content))["y"])


def read_all(content: bytes) -> None:
    for array in mat5.arrays(io.BytesIO(content)):
        for _ in array.slices(3):
            pass


@pytest.mark.parametrize("compressed", [True, False])
def test_cut_files(compressed):
    content = saved(compressed=compressed)
    with pytest.raises(FormatError):
        read_all(b"")
    borders, position = {128}, 128
    while position < len(content):
        position += 8 + struct.unpack_from("<I", content, position + 4)[0]
        borders.add(position)
    assert len(borders) == len(_VARIABLES) + 1
    for size in range(len(content)):
        if size not in borders:
            with pytest.raises(FormatError):
                read_all(content[:size])


def test_damaged_check_sum():
    content = bytearray(saved({"X": _VARIABLES["X"]}))
    content[-1] ^= 1
    with pytest.raises(FormatError, match="damaged"):
        read_all(bytes(content))


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM", "no MATLAB v5 file"),
        (b"<html>" * 40, "no MATLAB v5 file"),
        (saved()[:126] + b"MI", "not little-endian"),
        (saved({})[:128] + struct.pack("<II", 9, 8) + bytes(8), "element of type 9"),
        (saved({"z": np.array([[1j]])}), "z is no array of real numbers"),
        (saved({"s": "text"}), "s is no array of real numbers"),
        (saved({})[:128] + struct.pack("<II", 15, 9) + zlib.compress(b"")[:9].ljust(9), "cut off"),
    ],
)
def test_foreign_files(content, problem):
    with pytest.raises(FormatError, match=problem):
        read_all(content)


def test_claimed_shape():
    """A shape that the stored bytes do not fill is not believed."""
    content = bytearray(saved({"y": np.ones((17, 1), np.uint8)}, compressed=False))
    at = bytes(content).index(struct.pack("<ii", 17, 1))
    content[at : at + 4] = struct.pack("<i", 1 << 30)
    with pytest.raises(FormatError, match=r"y of shape \(1073741824, 1\) has 17 bytes"):
        read_all(bytes(content))


def claiming(shape: tuple[int, ...], stored: int, claimed: int, data: bytes = b"") -> bytes:
    """An array of doubles, stored as another type, whose header states more than follows."""
    dimensions = struct.pack(f"<{len(shape)}i", *shape)
    body = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<II", 5, len(dimensions)) + dimensions
    body += bytes(-len(dimensions) % 8) + struct.pack("<HH4s", 1, 1, b"y\0\0\0")
    body += struct.pack("<II", stored, claimed) + data
    return saved({})[:128] + struct.pack("<II", 14, (1 << 32) - 1) + body


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("read", [lambda a: a.read(), lambda a: list(a.slices(1 << 30))])
@pytest.mark.parametrize("shape", [(1, (1 << 31) - 1), ((1 << 31) - 1, 1), (1 << 24, 2)])
def test_claimed_numbers_take_no_memory(shape, read, buffered, tmp_path):
    content = claiming(shape, 2, shape[0] * shape[1])
    path = tmp_path / "x.mat"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with path.open("rb") if buffered else io.BytesIO(content) as file:
            with pytest.raises(FormatError, match="cut off|at once, more than"):
                read(next(mat5.arrays(file)))
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(0, (1 << 31) - 1), (3, 0, (1 << 31) - 1)])
def test_slices_without_numbers_come_at_once(shape):
    (array,) = [next(mat5.arrays(io.BytesIO(claiming(shape, 9, 0))))]
    assert [s.shape for s in array.slices(1)] == [shape]
    assert array.read().shape == shape


def test_zeros_by_the_gigabyte():
    """A small file unpacks to a thousand times its size, and doubles stored as bytes to 8,000."""
    zeros = bytes(40 << 20)
    body = claiming((1, len(zeros)), 2, len(zeros), zeros)[128 + 8 :]
    packed = zlib.compress(struct.pack("<II", 14, len(body)) + body)
    content = saved({})[:128] + struct.pack("<II", 15, len(packed)) + packed
    assert len(content) < 50_000
    with pytest.raises(FormatError, match="numbers of y at once, more than 268,435,456 bytes"):
        next(mat5.arrays(io.BytesIO(content))).read()
    array = next(mat5.arrays(io.BytesIO(content)))
    assert sum(s.shape[1] for s in array.slices(1 << 20)) == len(zeros)
