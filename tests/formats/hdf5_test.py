"""HDF5 files that name other files, or eat the machine, are refused before anything is followed."""

from __future__ import annotations

import io
import struct
import zlib

import digit_struct_file
import h5py
import numpy as np
import pytest

from tfds_extra.formats import FormatError, digit_struct, hdf5

_SECRET = "TOP SECRET WORDS"


@pytest.fixture
def outside(tmp_path):
    """A file of the machine that nobody gave us to read."""
    path = tmp_path / "outside.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.frombuffer(_SECRET.encode("utf-16-le"), "<u2")[:, None]
    return path


def made(change, **options) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w", **options) as file:
        change(file)
    return content.getvalue()


def opened(content: bytes, *names: str):
    return hdf5.member(hdf5.open_file(io.BytesIO(content)), *names)


def _external_storage(file, outside):
    file.create_dataset("x", (16, 1), "<u2", external=[(str(outside), 0, 32)])


def _external_link(file, outside):
    file["x"] = h5py.ExternalLink(str(outside), "/x")


def _soft_link_to_external(file, outside):
    file["out"] = h5py.ExternalLink(str(outside), "/")
    file["x"] = h5py.SoftLink("/out/x")


def _external_link_on_the_way(file, outside):
    file["x"] = h5py.ExternalLink(str(outside), "/")


def _virtual(file, outside):
    layout = h5py.VirtualLayout((16, 1), "<u2")
    layout[:] = h5py.VirtualSource(str(outside), "x", (16, 1))
    file.create_virtual_dataset("x", layout)


def _virtual_without_a_shape(file, outside):
    """Its shape is that of its source, so that asking for it opens the other file."""
    layout = h5py.VirtualLayout((16, 1), "<u2", maxshape=(None, 1))
    source = h5py.VirtualSource(str(outside), "x", (16, 1), maxshape=(None, 1))
    layout[: h5py.h5s.UNLIMITED, :] = source[: h5py.h5s.UNLIMITED, :]
    file.create_virtual_dataset("x", layout)


@pytest.mark.parametrize(
    "make, problem",
    [
        (_external_storage, "external storage: its data lie in the file .*outside.h5"),
        (_external_link, "x is an external link, to /x of the file .*outside.h5"),
        (_soft_link_to_external, "x is a soft link, to /out/x"),
        (_external_link_on_the_way, "x is an external link, to / of the file"),
        (_virtual, "x: a virtual dataset"),
        (_virtual_without_a_shape, "x: a virtual dataset"),
    ],
)
def test_other_files(make, problem, outside):
    content = made(lambda file: make(file, outside))
    names = ("x", "x") if make is _external_link_on_the_way else ("x",)
    with pytest.raises(FormatError, match=problem):
        opened(content, *names)
    outside.unlink()  # It would not have been looked for.
    with pytest.raises(FormatError, match=problem):
        opened(content, *names)


def test_user_defined_links():
    """Types of links from 64 on are the user's; 64 itself is taken by the external ones."""

    def change(file):
        file["x"] = h5py.ExternalLink("other.h5", "/x")

    content = bytearray(made(change, libver="latest"))
    # Between them: length of the name, the name, length of the target, its flags.
    at = content.index(b"other.h5") - (1 + 1 + 2 + 1) - 1
    assert content[at] == h5py.h5l.TYPE_EXTERNAL == 64
    content[at] = 187
    with pytest.raises(FormatError, match=r"x is a user-defined link \(of type 187\)"):
        opened(bytes(_with_check_sums(content)), "x")


def _with_check_sums(content: bytearray) -> bytearray:
    """Corrects the check sum of the header that holds the changed byte: the root's."""
    at = content.index(b"OHDR")
    size_bytes = 1 << (content[at + 5] & 3)
    start = at + 6 + (16 if content[at + 5] & 0x20 else 0)
    size = int.from_bytes(content[start : start + size_bytes], "little")
    end = start + size_bytes + size
    content[end : end + 4] = _lookup3(bytes(content[at:end])).to_bytes(4, "little")
    return content


def _lookup3(data: bytes) -> int:
    """Bob Jenkins' hash of that name, which HDF5 has for a check sum."""
    mask = 0xFFFFFFFF

    def rotated(x: int, n: int) -> int:
        return (x << n | x >> 32 - n) & mask

    a = b = c = (0xDEADBEEF + len(data)) & mask
    while len(data) > 12:
        x, y, z = np.frombuffer(data[:12], "<u4").tolist()
        a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
        for shift in (4, 6, 8, 16, 19, 4):
            a = (a - c) & mask ^ rotated(c, shift)
            c = (c + b) & mask
            a, b, c = b, c, a
        data = data[12:]
    if data:
        x, y, z = np.frombuffer(data.ljust(12, b"\0"), "<u4").tolist()
        a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
        for shift in (14, 11, 25, 16, 4, 14, 24):
            c = ((c ^ b) - rotated(b, shift)) & mask
            a, b, c = b, c, a
        # Seven steps turn the three around by one.
        a, b, c = c, a, b
    return c


@pytest.mark.parametrize(
    "options, problem",
    [
        ({"compression": "lzf"}, "filter 32000 .lzf."),
        ({"compression": "szip"}, "filter 4 "),
        ({"scaleoffset": 0}, "filter 6 "),
    ],
)
def test_filters(options, problem):
    if options.get("compression") == "szip" and not h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP):
        pytest.skip("this HDF5 has no szip")
    content = made(lambda f: f.create_dataset("x", data=np.arange(64), chunks=(64,), **options))
    with pytest.raises(FormatError, match=problem):
        opened(content, "x")


def test_the_standard_filters_and_layouts():
    values = np.arange(64.0)

    def change(file):
        group = file.create_group("a/b")
        group.create_dataset(
            "c", data=values, chunks=(16,), compression=9, shuffle=True, fletcher32=True
        )
        group["d"] = values
        group.create_dataset("none", (0,), "f8", maxshape=(None,), chunks=(1024,), compression=1)
        file["zero"] = np.zeros((1 << 20, 4))
        file.create_dataset("deflated", data=np.zeros((1 << 20, 4)), compression=9)
        file["to c"] = np.array([group["c"].ref], h5py.ref_dtype)

    content = made(change)
    np.testing.assert_array_equal(opened(content, "a", "b", "c")[()], values)
    np.testing.assert_array_equal(opened(content, "a", "b", "d")[()], values)
    assert opened(content, "a", "b", "none").shape == (0,)
    assert not opened(content, "zero")[()].any() and not opened(content, "deflated")[()].any()
    reference = opened(content, "to c")[0]
    found = hdf5.referred(hdf5.open_file(io.BytesIO(content)), reference)
    np.testing.assert_array_equal(found[()], values)


def _twice_deflated(file):
    stored = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    stored.set_chunk((16,))
    stored.set_filter(h5py.h5z.FILTER_DEFLATE, 0, (9,))
    stored.set_filter(h5py.h5z.FILTER_DEFLATE, 0, (9,))
    h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple((16,)), stored)


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda f: f.create_dataset("x", (1 << 40,), "f8", chunks=(8,)), "shape .1099511627776,"),
        (
            lambda f: f.create_dataset("x", (1,), "f8", maxshape=(None,), chunks=(1 << 28,)),
            "chunks of shape .268435456,",
        ),
        (lambda f: f.create_dataset("x", (1 << 20,), "f8", chunks=(8,)), "more than the file can"),
        (lambda f: f.update({"x": "text of any length"}), "data of varying length"),
        (lambda f: f.update({"x": h5py.Empty("f8")}), "without a shape"),
        (lambda f: f.update({"x": np.dtype("f8")}), "neither a group nor a dataset"),
        (_twice_deflated, "same filter twice"),
        (lambda f: f.update({"y": 1}), "there is no x: "),
        (lambda f: f.update({"x/y": np.zeros(3)}), None),
    ],
)
def test_other_datasets(change, problem):
    content = made(change)
    if problem is None:
        with pytest.raises(FormatError, match="there is no z, since what should hold it"):
            opened(content, "x", "y", "z")
        return
    with pytest.raises(FormatError, match=problem) as caught:
        opened(content, "x")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("what", ["../x", "/x", "a/x", ""])
def test_names_are_no_paths(what):
    with pytest.raises(FormatError, match="there is no"):
        opened(made(lambda file: file.update({"y": 1})), what)


def test_a_text_is_no_reference():
    content = made(lambda file: file.update({"x": 1}))
    with pytest.raises(FormatError, match="where a reference was expected"):
        hdf5.referred(hdf5.open_file(io.BytesIO(content)), "/x")


@pytest.mark.parametrize(
    "path, link",
    [
        ("digitStruct", False),
        ("digitStruct/name", False),
        ("digitStruct/bbox", True),
        ("#refs#/n", True),
        ("#refs#/b/left", True),
        ("#refs#/b/left", False),
    ],
)
def test_digit_struct_reads_no_other_file(path, link, tmp_path):
    """Whatever of digitStruct.mat lies in another file: a soft link, or an external one."""

    def fill(file):
        refs = file.create_group("#refs#")
        refs["n"] = np.frombuffer("1.png".encode("utf-16-le"), "<u2")[:, None]
        for field, value in zip(digit_struct.FIELDS, (1, 2, 3, 4, 5)):
            refs[f"b/{field}"] = np.array([[float(value)]])
        for field, target in (("name", "n"), ("bbox", "b")):
            made_ = file.create_dataset(f"digitStruct/{field}", (1, 1), h5py.ref_dtype)
            made_[0, 0] = refs[target].ref

    other = tmp_path / "other.h5"
    other.write_bytes(made(fill))

    def change(file):
        fill(file)
        if (
            path == "#refs#/n"
        ):  # A reference leads to it, so its storage has to be the other file's.
            del file["#refs#/n"]
            external = [(str(other), 0, 10)]
            file["#refs#"].create_dataset("n", (5, 1), "<u2", external=external)
            file["digitStruct/name"][0, 0] = file["#refs#/n"].ref
            return
        del file[path]
        file[path] = h5py.ExternalLink(str(other), path) if link else h5py.SoftLink("/elsewhere")

    with pytest.raises(FormatError, match="external|soft link"):
        digit_struct.read(io.BytesIO(made(change)))
    with pytest.raises(FormatError, match="external|soft link"):
        digit_struct_file.read_one_by_one(io.BytesIO(made(change)))


def test_as_matlab_writes_it():
    content = digit_struct_file.encode([("1.png", [(1, 2, 3, 4, 5)])])
    file = hdf5.open_file(io.BytesIO(content))
    for field in ("name", "bbox"):
        assert hdf5.member(file, "digitStruct", field).shape == (1, 1)


@pytest.mark.parametrize("size", [0, 3, 1 << 20, 0xFFFFFFFF])
def test_sizes_of_chunks(size):
    """The library reads before the beginning of a chunk that is shorter than its check sum."""
    content = io.BytesIO()
    with h5py.File(content, "w", libver="earliest") as file:
        options = {"chunks": (64,), "compression": "gzip", "fletcher32": True}
        chunk = file.create_dataset("data", data=np.zeros(64), **options).id.get_chunk_info(0)
    # As the index of the chunks has it: size, filters that were left out, place in the dataset.
    known = struct.pack("<IIQ", chunk.size, 0, 0)
    assert content.getvalue().count(known) == 1
    changed = content.getvalue().replace(known, struct.pack("<IIQ", size, 0, 0))
    with hdf5.open_file(io.BytesIO(changed)) as file:
        with pytest.raises(FormatError, match=rf"data: its chunk at \(0,\) has {size:,} bytes"):
            hdf5.member(file, "data")


def test_a_chunk_that_unpacks_to_more_than_a_chunk():
    """Deflate gives memory to all that is packed there, here 100 MB for a chunk of 512 bytes."""
    content, bomb = io.BytesIO(), zlib.compress(bytes(100 << 20), 9)
    with h5py.File(content, "w", libver="earliest") as file:
        made_ = file.create_dataset("x", data=np.zeros(64), chunks=(64,), compression="gzip")
        chunk = made_.id.get_chunk_info(0)
        file["bomb"] = np.frombuffer(bomb, np.uint8)
    # As the index of the chunks has it: size, filters left out, place in the dataset, end, address.
    known, at = (
        struct.pack("<IIQQQ", chunk.size, 0, 0, 0, chunk.byte_offset),
        content.getvalue().index(bomb),
    )
    assert content.getvalue().count(known) == 1
    changed = content.getvalue().replace(known, struct.pack("<IIQQQ", len(bomb), 0, 0, 0, at))
    with pytest.raises(FormatError, match=r"x: its chunk at \(0,\) has 1[0-9]{2},[0-9]{3} bytes"):
        opened(changed, "x")


def test_rows():
    """They are what h5py reads, whole and in slices; strings keep all their bytes."""
    values = np.array([(b"a\0b", 1.5), (b"", np.nan), (b"xyz", -0.0)], [("s", "S3"), ("x", "<f8")])
    content = made(
        lambda f: f.create_dataset("x", data=values, chunks=(2,), compression=1, shuffle=True)
    )
    with hdf5.open_content(content) as file:
        found = hdf5.rows(file, "x")
        assert len(found) == 3 and found.dtype == values.dtype
        assert found.read().tobytes() == values.tobytes()
        assert found.read(1, 3).tobytes() == values[1:].tobytes()
        assert len(found.read(2, 2)) == 0
        for start, stop in ((-1, 2), (2, 1), (0, 4)):
            with pytest.raises(FormatError, match="are asked for, of 3"):
                found.read(start, stop)


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda f: f.create_group("x"), "no dataset"),
        (lambda f: f.create_dataset("x", data=1.0), "a single value"),
        (lambda f: f.create_dataset("x", (9,), chunks=(2,)), "5 of its chunks are not in the file"),
        (lambda f: f.create_dataset("x", (2,), h5py.string_dtype()), "varying length"),
        (lambda f: f.__setitem__("y", 1), "there is no x"),
    ],
)
def test_rows_that_are_none(change, problem):
    with hdf5.open_content(made(change)) as file, pytest.raises(FormatError, match=problem):
        hdf5.rows(file, "x")


@pytest.mark.parametrize("refuse", [_external_storage, _external_link, _virtual])
def test_rows_elsewhere(refuse, outside):
    content = made(lambda file: refuse(file, outside))
    with hdf5.open_content(content) as file, pytest.raises(FormatError) as caught:
        hdf5.rows(file, "x")
    assert _SECRET not in str(caught.value)
