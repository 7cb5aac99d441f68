"""MATLAB files of structures, against SciPy's reader."""

from __future__ import annotations

import io

import numpy as np
import pytest
import scipy.io

from tfds_extra.formats import FormatError, mat5_struct


def _synsets(count: int) -> np.ndarray:
    kinds = [("WNID", "O"), ("words", "O"), ("ILSVRC2012_ID", "O"), ("children", "O")]
    rows = np.zeros((count, 1), kinds)
    for number in range(count):
        children = np.arange(number, dtype=np.uint16)
        rows[number, 0] = (f"n{number:08}", "kit fox, é" * (number % 3), float(number), children)
    return rows


@pytest.mark.parametrize("do_compression", [False, True])
def test_structures(do_compression):
    content = io.BytesIO()
    scipy.io.savemat(content, {"synsets": _synsets(7)}, do_compression=do_compression)
    found = mat5_struct.parse(content.getvalue())
    theirs = scipy.io.loadmat(io.BytesIO(content.getvalue()), squeeze_me=False)["synsets"].ravel()
    assert list(found) == ["synsets"] and len(found["synsets"]) == len(theirs) == 7
    for mine, one in zip(found["synsets"], theirs):
        assert list(mine) == list(one.dtype.names)
        for name in ("WNID", "words"):
            assert mine[name] == "".join(one[name].ravel())
        for name in ("ILSVRC2012_ID", "children"):
            np.testing.assert_array_equal(mine[name], one[name])
            assert mine[name].dtype == one[name].dtype


@pytest.mark.parametrize("do_compression", [False, True])
def test_values(do_compression):
    content = io.BytesIO()
    values = {
        "numbers": np.arange(6, dtype=np.int16).reshape(2, 3),
        "small": np.array([[1.0]]),
        "cell": np.array([["a", np.array([[2]])]], object),
        "rows": np.array(["ab", "cd"]),
        "empty": np.zeros((0, 3)),
    }
    scipy.io.savemat(content, values, do_compression=do_compression)
    found = mat5_struct.parse(content.getvalue())
    np.testing.assert_array_equal(found["numbers"], values["numbers"])
    assert found["numbers"].dtype == np.int16
    assert found["small"].tolist() == [[1.0]]
    assert found["cell"][0] == "a" and found["cell"][1].tolist() == [[2]]
    assert found["rows"] == ["ab", "cd"]
    assert found["empty"].shape == (0, 3)


def test_damage():
    content = io.BytesIO()
    scipy.io.savemat(content, {"synsets": _synsets(3)})
    whole = content.getvalue()
    for size in [*range(0, len(whole), 37), len(whole) - 1]:
        if size == 128:
            continue  # A file without variables.
        with pytest.raises(FormatError):
            mat5_struct.parse(whole[:size])
    for other in (b"<html>", b"\x89HDF\r\n\x1a\n" + bytes(200)):
        with pytest.raises(FormatError, match="no MATLAB v5 file"):
            mat5_struct.parse(other)
    complex_ = io.BytesIO()
    scipy.io.savemat(complex_, {"c": np.array([[1j]])})
    with pytest.raises(FormatError, match="complex"):
        mat5_struct.parse(complex_.getvalue())


def test_bomb():
    content = io.BytesIO()
    scipy.io.savemat(content, {"x": np.zeros((1, 10 << 20))}, do_compression=True)
    assert len(content.getvalue()) < 1 << 20
    with pytest.raises(FormatError, match="of more than"):
        mat5_struct.parse(content.getvalue())
