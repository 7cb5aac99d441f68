"""Files of beats: both notations, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from tfds_extra import formats
from tfds_extra.formats import beats


def test_times_and_positions():
    parsed = beats.parse(b"0.2000000000 3\n1.8600000000 1\n2.6270000000 2\n3.3330000000 3\n4.1 1\n")
    assert parsed.times.dtype == np.float64
    assert parsed.positions.dtype == parsed.bars.dtype == np.int32
    assert parsed.times.tolist() == [0.2, 1.86, 2.627, 3.333, 4.1]
    assert parsed.positions.tolist() == [3, 1, 2, 3, 1]
    assert parsed.bars.tolist() == [0, 1, 1, 1, 2]
    assert parsed.is_downbeat.tolist() == [False, True, False, False, True]
    assert parsed.beats_per_bar == 3


def test_numbered_bars_are_not_decimal_numbers():
    parsed = beats.parse(b"0.194467120\t0.4\n0.849977324\t1.1\n1.5\t1.10\n2.25\t7.1\n")
    assert parsed.times.tolist() == [0.194467120, 0.849977324, 1.5, 2.25]
    assert parsed.bars.tolist() == [0, 1, 1, 7]
    assert parsed.positions.tolist() == [4, 1, 10, 1]


@pytest.mark.parametrize("space", [b" ", b"\t", b"  ", b" \t"])
def test_spaces_and_tabs(space):
    parsed = beats.parse(b"1" + space + b"1\n2" + space + b"2\n")
    assert (parsed.times.tolist(), parsed.positions.tolist()) == ([1, 2], [1, 2])


def test_times_are_exact():
    parsed = beats.parse(b"0.1000000000 1\n12345.1234567890 2\n")
    assert parsed.times.tolist() == [0.1, 12345.123456789]


@pytest.mark.parametrize(
    "times, tempo", [([0, 0.5, 1, 3], 120), ([0, 0.5, 1.5], 80), ([1, 1.25], 240)]
)
def test_tempo_is_that_of_the_median_interval(times, tempo):
    content = "".join(f"{time} 1\n" for time in times).encode()
    assert beats.parse(content).tempo == tempo


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "line 1: 0 beats"),
        (b"1.0 1\n", "line 2: 1 beats"),
        (b"1.0 1\n2.0 2", "line 2: cut short: b'2.0 2'"),
        (b"1.0 1\n2.0 2\n3", "line 3: cut short"),
        (b"1.0 1\n\n2.0 2\n", "line 2: not the time and position"),
        (b"1.0 1\r\n2.0 2\r\n", "line 1: not the time and position"),
        (b"1.0,1\n2.0,2\n", "line 1: not the time and position"),
        (b"1.0 1 1\n2.0 2 1\n", "line 1: not the time and position"),
        (b"1.0\n2.0\n", "line 1: not the time and position"),
        (b" 1.0 1\n2.0 2\n", "line 1: not the time and position"),
        (b"-1.0 1\n2.0 2\n", "line 1: not the time and position"),
        (b"1.0 1\n2.0 0\n", "line 2: not the time and position"),
        (b"1.0 1.0\n2.0 1.1\n", "line 1: not the time and position"),
        (b"1.0 1\nnan 2\n", "line 2: not the time and position"),
        (b"1.0 1\ninf 2\n", "line 2: not the time and position"),
        (b"1.0 1\n1e3 2\n", "line 2: not the time and position"),
        (b"1.0 1\n" + b"9" * 400 + b" 2\n", "line 2: not the time and position"),
        (b"1.0 1\n2.0 4294967297\n", "line 2: not the time and position"),
        ("1.0 1\n٢.0 2\n".encode(), "line 2: not the time and position"),
        (b"1.0 1\n1.0 2\n", "line 2: 1.0 s is not later than 1.0 s"),
        (b"1.0 1\n3.0 2\n2.0 3\n", "line 3: 2.0 s is not later than 3.0 s"),
        (b"1.0 1.1\n2.0 2\n", "line 2: here the number of the bar is given, or left out"),
        (b"1.0 1\n2.0 1.2\n", "line 2: here the number of the bar is given, or left out"),
        (b"<!DOCTYPE html>\n", "line 1: not the time and position of a beat: b'<!DOCTYPE"),
    ],
)
def test_what_is_no_file_of_beats(content, problem):
    with pytest.raises(formats.FormatError) as caught:
        beats.parse(content)
    assert problem in str(caught.value)
    assert len(str(caught.value)) < 200
