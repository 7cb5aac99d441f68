"""Pickles that are read, and hostile ones that are refused and run nothing."""

from __future__ import annotations

import io
import os
import pathlib
import pickle
import pickletools
import struct
import subprocess
import zipfile

import numpy as np
import pytest

from tfds_extra.formats import cifar_batch, safe_pickle, torch_file

_IMAGES = (np.arange(2 * 3072) % 251).astype(np.uint8).reshape(2, 3072)
_BATCH = {"labels": [3, 9], "data": _IMAGES, "filenames": ["cat_s_000001.png", "van_s_000002.png"]}


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_reads_what_pickle_wrote(protocol):
    value = {
        "numbers": np.arange(6, dtype=np.int64).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
        "nothing": np.zeros((0, 4), np.uint16),
        "flags": np.array([True, False]),
        "list": ["a", b"\xff", -1, 70_000, 2**40, None, True, (1, 2, 3, 4)],
    }
    if protocol == 2:
        value.pop("nothing")  # Python writes no bytes as a call of `bytes`.
    read = safe_pickle.load_dict(pickle.dumps(value, protocol=protocol))
    assert read.pop("list") == value.pop("list")
    assert read.keys() == value.keys()
    for name, array in read.items():
        assert array.dtype == value[name].dtype
        np.testing.assert_array_equal(array, value[name])


def test_batch():
    batch = cifar_batch.parse(pickle.dumps(_BATCH, protocol=2), count=2)
    np.testing.assert_array_equal(batch.rows, _IMAGES)
    assert batch.images.shape == (2, 32, 32, 3)
    # Pixel at row 2, column 5 of the second image: 1,024 bytes a colour.
    at = 3072 + 2 * 32 + 5
    assert batch.images[1, 2, 5].tolist() == _IMAGES.ravel()[[at, at + 1024, at + 2048]].tolist()
    assert batch.labels.tolist() == [3, 9]
    assert batch.file_names == _BATCH["filenames"]


@pytest.mark.parametrize(
    "change, problem",
    [
        ({"data": _IMAGES[:1]}, r"data: uint8 of shape \(1, 3072\), expected uint8 of shape"),
        ({"data": _IMAGES.astype(np.int8)}, "data: int8"),
        ({"data": [1]}, "data: list, expected"),
        ({"labels": [3]}, "labels: not a list of 2"),
        ({"labels": np.zeros((2, 1), np.int64)}, "labels: not a list of 2"),
        ({"labels": [3, 10]}, "labels: not all of them are numbers from 0 to 9"),
        ({"labels": [3, "cat"]}, "labels: not all of them are numbers"),
        ({"filenames": ["a"]}, "filenames: not a list of 2"),
        ({"filenames": [1, 2]}, "filenames: not all of them are names"),
    ],
)
def test_no_batch(change, problem):
    with pytest.raises(ValueError, match=problem):
        cifar_batch.parse(pickle.dumps(_BATCH | change, protocol=2), count=2)


class _Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *args):
        self._call = function, args

    def __reduce__(self):
        return self._call


def _evil(protocol: int, function, *args) -> bytes:
    return pickle.dumps({"data": _Call(function, *args)}, protocol=protocol)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("number", range(7))
def test_nothing_is_run(number, protocol, tmp_path):
    trace = tmp_path / "trace"
    function, args, name = [
        (os.system, (f"touch {trace}",), "system"),
        (eval, (f"open({str(trace)!r}, 'w')",), "eval"),
        (exec, (f"open({str(trace)!r}, 'w')",), "exec"),
        (open, (str(trace), "w"), "open"),
        (subprocess.Popen, (["touch", str(trace)],), "Popen"),
        (pathlib.Path, (str(trace),), "pathlib"),
        (np.fromfile, (str(trace),), "numpy"),
    ][number]
    content = _evil(protocol, function, *args)
    for load in (safe_pickle.load_dict, lambda c: torch_file.load_dict(_torch(c))):
        with pytest.raises(ValueError, match=f"names .*({name}).*, which is refused"):
            load(content)
    assert not trace.exists()
    if function is not np.fromfile:
        # They are real: Python's own reader runs them.
        result = pickle.loads(content)["data"]
        if isinstance(result, subprocess.Popen):
            result.wait()
        if function is not pathlib.Path:
            assert trace.exists()


def test_every_test_of_hostility_is_a_pickle():
    for content in (*_HOSTILE.values(), _nested_key(50)):
        assert content.startswith(b"\x80")


def _nested_key(depth: int) -> bytes:
    """A dict with a tuple in a tuple in a tuple ... as its key: hashing it eats the stack."""
    return b"\x80\x02})" + b"\x85" * depth + b"K\x01s."


_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
_UINT8 = (
    b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
)
_HOSTILE = {
    "tuples in tuples": _nested_key(200_000),
    "lists in lists": b"\x80\x02}U\x01a" + b"]" * 200_000 + b"a" * 199_999 + b"s.",
    "a memo of 16 GB": b"\x80\x02}r\xff\xff\xff\x7f.",
    "many objects": b"\x80\x02}U\x01a](" + b"N" * 600_000 + b"es.",
    "a text of 4 GB": b"\x80\x02}X\xff\xff\xff\xffabc",
    "a text of many EB": b"\x80\x04}\x8d" + b"\xff" * 7 + b"\x7fabc",
    "bytes of negative length": b"\x80\x02}T\xff\xff\xff\xffabc",
    "a frame of many EB": b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f}.",
    "an array of 10**18 numbers": b"\x80\x02}U\x01a" + _ARRAY + b"(K\x01\x8a\x08" + struct.pack("<q", 10**18) + b"\x85" + _UINT8 + b"\x89U\x01xtbs.",
    "an array made large": b"\x80\x02}U\x01acnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x8a\x08" + struct.pack("<q", 10**18) + b"\x85U\x01b\x87Rs.",
    "an array by its class": b"\x80\x02}U\x01acnumpy\nndarray\n\x8a\x08" + struct.pack("<q", 10**18) + b"\x85Rs.",
    "an array of objects": b"\x80\x02}U\x01a" + _ARRAY + b"(K\x01K\x01\x85" + _UINT8.replace(b"U\x02u1", b"U\x01O") + b"\x89](Netbs.",
    "an altered function": b"\x80\x02}U\x01acnumpy.core.multiarray\n_reconstruct\n}U\x08__code__Nsbs.",
    "an altered class": b"\x80\x02}U\x01acnumpy\nndarray\nN}U\x01aNs\x86bs.",
    "an altered list": b"\x80\x02}U\x01a]}U\x01aNsbs.",
    "an array that is not finished": b"\x80\x02}U\x01a" + _ARRAY + b"s.",
    "a dtype alone": b"\x80\x02}U\x01a" + _UINT8 + b"s.",
    "a function alone": b"\x80\x02}U\x01acnumpy\ndtype\ns.",
    "the same text again and again": b"\x80\x02}U\x01ac_codecs\nencode\nX\x40\x00\x00\x00" + b"a" * 64 + b"q\x01X\x06\x00\x00\x00latin1\x86Rs" + b"U\x01ac_codecs\nencode\nh\x01X\x06\x00\x00\x00latin1\x86Rs" * 100 + b".",
    "another codec": b"\x80\x02}U\x01ac_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86Rs.",
    "a name from outside": b"\x80\x02}U\x01aU\x01bQs.",
    "a name from an extension": b"\x80\x02}U\x01a\x82\x01s.",
    "an instance": b"\x80\x02}U\x01a(ios\nsystem\ns.",
    "a new object": b"\x80\x02}U\x01acnumpy\nndarray\n)\x81s.",
    "protocol 0": pickle.dumps({"a": 1}, protocol=0).join([b"\x80\x02", b""]),
    "a list": b"\x80\x02].",
    "a number as key": b"\x80\x02}K\x01K\x01s.",
    "two pickles": b"\x80\x02}.\x80\x02}.",
    "an unknown protocol": b"\x80\xff}.",
    "a byte that is no operation": b"\x80\x02\xfe.",
    "an entry that was never made": b"\x80\x02}U\x01ah\x07s.",
    "an empty stack": b"\x80\x02s.",
}  # fmt: skip


@pytest.mark.parametrize("content", _HOSTILE.values(), ids=_HOSTILE)
def test_hostile_pickle(content):
    with pytest.raises(ValueError):
        safe_pickle.load_dict(content)


def test_names_are_not_altered_by_a_hostile_pickle():
    for content in _HOSTILE.values():
        with pytest.raises(ValueError):
            safe_pickle.load_dict(content)
    test_batch()
    assert np.ndarray is type(np.zeros(1))


def test_every_cut_is_noticed():
    content = pickle.dumps({**_BATCH, "data": _IMAGES[:, :4]}, protocol=2)
    for end in range(len(content)):
        with pytest.raises(ValueError):
            safe_pickle.load_dict(content[:end])
    safe_pickle.load_dict(content)


def test_no_altered_byte_runs_anything():
    """Whatever a byte becomes, it is read as plain values or is refused."""
    content = bytearray(pickle.dumps({**_BATCH, "data": _IMAGES[:, :2]}, protocol=2))
    for at in range(len(content)):
        for operation in b"\x00cRbi\x81o\x92Qt.)]}\xff":
            altered = content.copy()
            altered[at] = operation
            try:
                read = safe_pickle.load_dict(bytes(altered))
            except ValueError:
                continue
            kinds = (list, tuple, dict, str, bytes, int, bool, type(None), np.ndarray)
            assert all(isinstance(value, kinds) for value in read.values())


def _torch(pickled: bytes, compression: int = zipfile.ZIP_STORED, name: str = "archive") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(f"{name}/data.pkl", pickled)
        archive.writestr(f"{name}/version", "3\n")
    return file.getvalue()


def test_torch_file():
    value = {"clean_label": np.arange(5), "more": np.arange(300, 400)}
    content = pickle.dumps(value, protocol=2)
    assert b"_codecs" in content  # As in the published file.
    for name in ("archive", "CIFAR-10_human"):
        read = torch_file.load_dict(_torch(content, name=name))
        assert read.keys() == value.keys()
        for key, array in read.items():
            np.testing.assert_array_equal(array, value[key])


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "no file of torch.save"),
        (pickle.dumps({}, protocol=2), "no file of torch.save"),
        (_torch(b"\x80\x02}.")[:-3], "no file of torch.save"),
        (_torch(b"\x80\x02}.").replace(b"\x80\x02}.", b"\x80\x02].", 1), "Bad CRC-32"),
        (_torch(b"\x80\x02}." + b"." * 9999, zipfile.ZIP_DEFLATED), "is compressed"),
        (_torch(b"\x80\x02}.", name="a").replace(b"data.pkl", b"data.pkx"), "0 members are called"),
        (_torch(_evil(2, os.system, "true")), "archive/data.pkl: .*system, which is refused"),
        # How torch pickles a tensor.
        (_torch(b"\x80\x02}U\x01a(U\x07storageQs."), "byte 16: operation BINPERSID is refused"),
    ],
)
def test_no_torch_file_of_arrays(content, problem):
    with pytest.raises(ValueError, match=problem):
        torch_file.load_dict(content)


def test_operations_are_known():
    """Each operation that is let through is one of pickle's."""
    assert safe_pickle._OPERATIONS <= {operation.name for operation in pickletools.opcodes}
    harmful = {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4"}
    assert not safe_pickle._OPERATIONS & harmful
