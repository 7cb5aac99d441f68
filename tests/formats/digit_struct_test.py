"""digitStruct.mat: in bulk as one by one, and whatever is not as MATLAB writes it."""

from __future__ import annotations

import io
import random
import struct

import digit_struct_file
import h5py
import numpy as np
import pytest

from tfds_extra.formats import FormatError, digit_struct

_RECORDS = [
    ("1.png", [(246.0, 77, 81, 219, 1), (323, 81, 96, 219, 9)]),
    ("2.png", [(-1, 3.5, 8, 14, 10)]),
    ("333.png", [(4, 5, 8, 16, d) for d in (4, 6, 2)]),
]


def records(count: int) -> list:
    rng = random.Random(7)
    return [
        (f"{i}.png", [(*(rng.randrange(-5, 900) for _ in range(4)), rng.randrange(1, 11))
                      for _ in range(rng.choice([1, 2, 2, 3, 6]))])
        for i in range(1, count + 1)
    ]  # fmt: skip


def by_h5py(entries, *, libver="earliest", chunks=None, one_by_reference=False) -> bytes:
    """The same with h5py, which lays objects out in other ways than MATLAB."""
    content = io.BytesIO()
    with h5py.File(content, "w", libver=libver, userblock_size=512) as file:
        refs, names, boxes = file.create_group("#refs#"), [], []
        for i, (name, digits) in enumerate(entries):
            characters = np.frombuffer(name.encode("utf-16-le"), "<u2")[:, None]
            names.append(refs.create_dataset(f"n{i}", data=characters).ref)
            group = refs.create_group(f"b{i}")
            for field, values in zip(digit_struct.FIELDS, zip(*digits)):
                if len(values) == 1 and not one_by_reference:
                    group[field] = np.array([values], np.float64)
                    continue
                numbers = [
                    refs.create_dataset(f"{field}{i}_{j}", data=np.array([[v]], np.float64)).ref
                    for j, v in enumerate(values)
                ]
                group.create_dataset(field, (len(values), 1), h5py.ref_dtype)[:, 0] = numbers
            boxes.append(group.ref)
        for field, references in (("name", names), ("bbox", boxes)):
            shape = (len(entries), 1)
            made = file.create_dataset(f"digitStruct/{field}", shape, h5py.ref_dtype, chunks=chunks)
            made[:, 0] = references
    return content.getvalue()


def assert_holds(found: digit_struct.DigitStruct, entries) -> None:
    assert found.names == [name for name, _ in entries]
    assert len(found) == len(entries)
    for i, (_, digits) in enumerate(entries):
        assert found.digits(i).tolist() == [list(map(float, digit)) for digit in digits]


@pytest.fixture
def only_bulk(monkeypatch):
    """Makes an error of reading anything object by object."""
    for slow in ("_name", "_digits"):
        monkeypatch.delattr(digit_struct, slow)


def test_as_matlab_writes_it(only_bulk):
    content = digit_struct_file.encode(_RECORDS)
    assert_holds(digit_struct.read(io.BytesIO(content)), _RECORDS)


def test_one_by_one_gives_the_same():
    entries = records(60)
    content = digit_struct_file.encode(entries)
    assert_holds(digit_struct_file.read_one_by_one(io.BytesIO(content)), entries)


def test_more_than_a_batch(only_bulk, tmp_path):
    entries = records(digit_struct._BATCH + 300)
    path = tmp_path / "digitStruct.mat"
    path.write_bytes(digit_struct_file.encode(entries))
    with path.open("rb") as file:
        assert_holds(digit_struct.read(file), entries)


@pytest.mark.parametrize(
    "options",
    [{}, {"one_by_reference": True}, {"chunks": (2, 1)}],
    ids=["contiguous data", "single digits by reference", "references in chunks"],
)
def test_other_layouts_in_bulk(options, only_bulk):
    assert_holds(digit_struct.read(io.BytesIO(by_h5py(_RECORDS, **options))), _RECORDS)


def test_new_layouts_by_the_library():
    content = by_h5py(_RECORDS, libver="latest")
    assert_holds(digit_struct.read(io.BytesIO(content)), _RECORDS)


def test_one_odd_image_among_others(monkeypatch):
    """Only what is not as expected is left to the library, and stays in its place."""

    def change(file):
        top = file["#refs#/b1/top"][()]
        del file["#refs#/b1/top"]
        file.create_dataset("#refs#/b1/top", data=top, chunks=(1, 1))

    one_by_one, slow = digit_struct._digits, []
    monkeypatch.setattr(digit_struct, "_digits", lambda *a: slow.append(a[-1]) or one_by_one(*a))
    assert_holds(digit_struct.read(io.BytesIO(changed(change))), _RECORDS)
    assert slow == [1]


def changed(change) -> bytes:
    content = io.BytesIO(by_h5py(_RECORDS))
    with h5py.File(content, "r+") as file:
        change(file)
    return content.getvalue()


def replace(path: str, value) -> bytes:
    def change(file):
        del file[path]
        file[path] = value

    return changed(change)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "no HDF5 file"),
        (b"<html>Not found</html>" * 50, "no HDF5 file"),
        (by_h5py(_RECORDS)[:3000], "no HDF5 file, or a truncated one"),
        (digit_struct_file.encode(_RECORDS)[:-1], "no HDF5 file, or a truncated one"),
        (changed(lambda f: f.pop("digitStruct")), "no digitStruct/name"),
        (changed(lambda f: f.pop("digitStruct/bbox")), "no digitStruct/bbox"),
        (replace("digitStruct/name", np.zeros((3, 1))), r"digitStruct/name is float64 \(3, 1\)"),
        (replace("digitStruct/bbox", 5), r"digitStruct/bbox is int64 \(\)"),
        (replace("#refs#/n1", np.zeros((6, 1))), "image 2: its name: float64"),
        (replace("#refs#/n1", np.zeros((300, 1), "u2")), r"image 2: its name: uint16 \(300, 1\)"),
        (replace("#refs#/b2/left", np.zeros((2, 1))), "image 3: top of its digits: of 3"),
        (replace("#refs#/b2/left", np.zeros((3, 2))), r"image 3: left .* shape \(3, 2\)"),
        (replace("#refs#/b2/left", np.zeros((0, 1))), r"image 3: left .* shape \(0, 1\)"),
        (replace("#refs#/b2/left", np.full((3, 1), b"x")), "image 3: left .* not float64"),
        (replace("#refs#/b1/label", np.array([[0.0]])), "image 2 .2.png.: a digit with .*0.0"),
        (replace("#refs#/b1/label", np.array([[11.0]])), "image 2 .2.png.: a digit with"),
        (replace("#refs#/b1/label", np.array([[1.5]])), "image 2 .2.png.: a digit with"),
        (replace("#refs#/b1/top", np.array([[np.nan]])), "image 2 .2.png.: a digit with .*nan"),
        (changed(lambda f: f["#refs#/b0"].pop("height")), "image 1: height of its digits"),
    ],
)
def test_bad_files(content, problem):
    with pytest.raises(FormatError, match=problem):
        digit_struct.read(io.BytesIO(content))


def test_more_boxes_than_names():
    def change(file):
        references = file["digitStruct/bbox"][:, 0]
        del file["digitStruct/bbox"]
        made = file.create_dataset("digitStruct/bbox", (2, 1), h5py.ref_dtype)
        made[:, 0] = references[:2]

    with pytest.raises(FormatError, match="3 names, but boxes of 2 images"):
        digit_struct.read(io.BytesIO(changed(change)))


def test_claimed_number_of_images():
    def change(file):
        del file["digitStruct/name"]
        file.create_dataset("digitStruct/name", (1 << 40, 1), h5py.ref_dtype, chunks=(1, 1))

    with pytest.raises(
        FormatError, match=r"\(1099511627776, 1\) of object, more than the file can hold"
    ):
        digit_struct.read(io.BytesIO(changed(change)))


@pytest.mark.parametrize("target", [0, 8, 1 << 20, (1 << 63) + 5, (1 << 64) - 1])
def test_references_to_nowhere(target):
    content = digit_struct_file.encode(_RECORDS)
    with h5py.File(io.BytesIO(content)) as file:
        address = h5py.h5o.get_info(h5py.h5r.dereference(file["digitStruct/bbox"][1, 0], file.id))
    old = struct.pack("<Q", address.addr)
    assert content.count(old) == 1
    with pytest.raises(FormatError, match="image 2: left of its digits"):
        digit_struct.read(io.BytesIO(content.replace(old, struct.pack("<Q", target))))


def test_the_same_digits_again_and_again():
    """Few bytes cannot make many digits."""
    content = io.BytesIO(by_h5py([("1.png", [(1, 1, 1, 1, 1)] * 500)]))
    with h5py.File(content, "r+") as file:
        for field in ("name", "bbox"):
            reference = file["digitStruct"][field][0, 0]
            del file["digitStruct"][field]
            made = file.create_dataset(f"digitStruct/{field}", (9000, 1), h5py.ref_dtype)
            made[:, 0] = [reference] * 9000
    with pytest.raises(FormatError, match="digits, more than the file can hold"):
        digit_struct.read(content)


@pytest.mark.slow
def test_bulk_never_fails():
    """Whatever the bytes are, it finds digits or leaves them to the library."""
    content = digit_struct_file.encode(_RECORDS)
    with h5py.File(io.BytesIO(content)) as file:
        fields = (file["digitStruct"][field] for field in ("name", "bbox"))
        whole = digit_struct._Bulk(np.frombuffer(content, np.uint8), 512)
        names, boxes = (digit_struct._addresses(whole, field) for field in fields)
    assert whole.digits(boxes)[0].tolist() == [2, 1, 3]
    rng = random.Random(3)
    left_out = 0
    for _ in range(400):
        bad = bytearray(content[: rng.choice([len(content), rng.randrange(len(content))])])
        for _ in range(min(len(bad), rng.choice([0, 1, 8]))):
            bad[rng.randrange(len(bad))] = rng.choice([0, 1, 2, 127, 128, 255])
        bulk = digit_struct._Bulk(np.frombuffer(bytes(bad), np.uint8), 512)
        assert len(bulk.texts(names)) == 3
        lengths, digits = bulk.digits(boxes)
        assert lengths.sum() == len(digits) and digits.shape[1] == len(digit_struct.FIELDS)
        left_out += int((lengths == 0).any())
    assert left_out > 100


def test_an_item_size_that_overflows():
    """h5py counts the bytes of an item in an int, which this one does not fit into."""
    content = bytearray(by_h5py(_RECORDS))
    with h5py.File(io.BytesIO(bytes(content))) as file:
        address = h5py.h5o.get_info(file["#refs#/n1"].id).addr
    at = content.index(bytes([0x10, 0, 0, 0, 2, 0, 0, 0]), 512 + address)
    for size in (0x80000000, 0xFFFFFFFF, 0):
        content[at + 4 : at + 8] = size.to_bytes(4, "little")
        with pytest.raises(FormatError, match="image 2: its name: "):
            digit_struct.read(io.BytesIO(bytes(content)))


def test_an_address_that_overflows():
    """The place of the driver's information is asked of the file as Python's number."""
    content = bytearray(digit_struct_file.encode(_RECORDS))
    content[512 + 48 : 512 + 56] = bytes.fromhex("ffffffffffff80ff")
    with pytest.raises(FormatError, match="no HDF5 file, or a truncated one: OverflowError"):
        digit_struct.read(io.BytesIO(bytes(content)))
