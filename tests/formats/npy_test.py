"""NumPy's files of plain numbers."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tfds_extra.formats import FormatError, npy

_MAGIC = b"\x93NUMPY\x01\x00"
_TABLE = np.arange(6, dtype=np.float64).reshape(3, 2) / 7


def _file(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


@pytest.mark.parametrize("array", [_TABLE, np.arange(5, dtype=np.uint16), np.zeros((0, 3))])
def test_reads_what_numpy_wrote(array):
    read = npy.parse(_file(array), array.dtype, array.shape[1:])
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "magic"),
        (b"[\n  {\n", "magic"),
        (_file(_TABLE)[:50], "array header"),
        (_file(_TABLE)[:6] + b"\2\0" + _file(_TABLE)[8:], r"byte 6: npy version \(2, 0\)"),
        (_file(_TABLE.astype(np.float32)), r"holds float32 of shape \(3, 2\), expected float64"),
        (_file(_TABLE[:, :1]), r"of shape \(3, 1\), expected float64 of shape \(n, 2\)"),
        (_file(np.array(1.0)), r"of shape \(\)"),
        (_file(np.asfortranarray(_TABLE)), "by columns"),
        (_file(np.array([[print, 1]], object)), "it holds object"),
        (_file(_TABLE)[:-1], "byte 175: the file ends here, and should have 176 bytes"),
        (_file(_TABLE) + b"x", "byte 177: the file ends here, and should have 176 bytes"),
        (_file(_TABLE).replace(b"(3, 2), ", b"(9999999999, 2), ")[:100], "array header"),
    ],
)
def test_all_else_is_refused(content, problem):
    with pytest.raises(ValueError, match=problem):
        npy.parse(content, np.float64, (2,))


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), ",  # tokenize.TokenError
        "{'descr': '<f8', 'fortran_order': False, [1]: (3, 2), }",  # TypeError
        "{'descr': " + "(" * 3000 + ", }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 9000 + ",), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 3000 + ", 2), }",
        "{'descr': [('" + "n" * 9000 + "', '<f8')], 'fortran_order': False, 'shape': (3, 2), }",
    ],
)
def test_damaged_headers(header):
    """Numpy reads them with Python's own parsers, which throw whatever comes to them."""
    content = _MAGIC + len(header).to_bytes(2, "little") + header.encode() + bytes(48)
    with pytest.raises(FormatError) as caught:
        npy.parse(content, np.float64, (2,))
    assert str(caught.value).startswith("byte ") and len(str(caught.value)) <= 500


def test_blocks():
    """They are the rows of the whole file, whose end is looked at before the last ones come."""
    array = np.arange(70, dtype=np.int16).reshape(7, 5, 2)
    content = _file(array)

    def blocks(content, count=7):
        return list(npy.read_blocks(io.BytesIO(content), np.int16, (5, 2), 3, count))

    assert [len(block) for block in blocks(content)] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(blocks(content)), array)
    for changed, problem in (
        (content[:-1], "the file ends here, and should have 268 bytes"),
        (content + b"x", "byte 268: the file goes on here"),
        (content[:5], "EOF"),
    ):
        with pytest.raises(FormatError, match=problem):
            blocks(changed)
    with pytest.raises(FormatError, match="7 rows, expected 8"):
        blocks(content, count=8)
