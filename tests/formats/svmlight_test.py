"""Lines of words and counts, against scikit-learn's reader."""

from __future__ import annotations

import io

import numpy as np
import pytest
from sklearn import datasets

from tfds_extra.formats import FormatError, svmlight


@pytest.mark.parametrize(
    "line", [b"9 0:9 1:1 22409:4 89526:1", b"0", b"10 999999999:999999999", b"7 3:1 ", b"7 3:1\r"]
)
def test_lines(line):
    label, features, counts = svmlight.parse_line(line)
    (row,), (expected,) = datasets.load_svmlight_file(
        io.BytesIO(line + b"\n"), zero_based=True, n_features=10**9
    )
    assert label == expected
    np.testing.assert_array_equal(features, row.indices)
    np.testing.assert_array_equal(counts, row.data)
    assert features.dtype == counts.dtype == np.int32


@pytest.mark.parametrize(
    "line, told",
    [
        (b"", "no line of"),
        (b"x", "no line of"),
        (b"-1 0:1", "no line of"),
        (b"1 0:1:1", "no line of"),
        (b"1 0:1 2", "no line of"),
        (b"1 0:1  2:1", "no line of"),
        (b"1 0:1.5", "no line of"),
        (b"1 0:1\n", "no line of"),
        (b"1\r0:1", "no line of"),
        (b"1 0:1\n2 0:1", "no line of"),
        (b"1 qid:3 0:1", "no line of"),
        (b"1 4294967296:1", "no line of"),
        (b"1 1:1 0:1", "ascending"),
        (b"1 1:1 1:1", "ascending"),
        (b"1 1:0", "a count of 0"),
    ],
)
def test_what_is_none(line, told):
    with pytest.raises(FormatError, match=told):
        svmlight.parse_line(line)
