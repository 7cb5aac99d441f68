"""Beat annotations of music as text, a beat a line: its time, and its place in the bar.

Two notations are in use (https://github.com/CPJKU/BallroomAnnotations, from tag v1.2 on, and before):

    1.8600000000 1              seconds, position in the bar
    0.194467120<TAB>0.4         seconds, number of the bar and position in it

The fields are separated by spaces or tabs, and position 1 is the downbeat. `0.4` is no decimal number:
bar 3 of a long piece may have a position `3.10`.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from tfds_extra.formats import FormatError, parser

_LINE = re.compile(
    rb"(?P<time>[0-9]{1,6}(?:\.[0-9]{1,18})?)[ \t]+(?:(?P<bar>[0-9]{1,6})\.)?(?P<position>[0-9]{1,6})"
)
_DOWNBEAT = 1


@dataclasses.dataclass(frozen=True)
class Beats:
    """The beats of one recording, in order.

    Attributes:
      times: Seconds from the beginning of the recording: float64, strictly increasing.
      positions: Place in the bar, counted from 1, the downbeat: int32.
      bars: Number of the bar: int32. It is the published number if the file numbers its bars, or
        else the number of downbeats so far. 0 is always the incomplete bar before the first
        downbeat.
      numbers_bars: Whether the file numbers its bars.
    """

    times: np.ndarray
    positions: np.ndarray
    bars: np.ndarray
    numbers_bars: bool

    @property
    def is_downbeat(self) -> np.ndarray:
        """Whether each beat is the first of its bar."""
        return self.positions == _DOWNBEAT

    @property
    def beats_per_bar(self) -> int:
        """The highest position, which is the number of beats of a complete bar."""
        return int(self.positions.max())

    @property
    def tempo(self) -> float:
        """Beats a minute: 60 s by the median of the intervals between neighbouring beats."""
        return float(60 / np.median(np.diff(self.times)))


@parser
def parse(content: bytes) -> Beats:
    """Reads a file of beats.

    Args:
      content: The whole file.

    Returns:
      The beats. Times are the double-precision numbers nearest to the published decimals.

    Raises:
      FormatError: A line is no beat, times do not increase, lines with and without the number of the
        bar are mixed, the last line has no end, or there are fewer than two beats.
    """
    *lines, rest = content.split(b"\n")
    if rest:
        raise FormatError(f"line {len(lines) + 1}: cut short: {_shown(rest)}")
    times, positions, bars = [], [], []
    for number, line in enumerate(lines, start=1):
        beat = _LINE.fullmatch(line)
        if beat is None or beat["position"].strip(b"0") == b"":
            raise FormatError(f"line {number}: not the time and position of a beat: {_shown(line)}")
        times.append(float(beat["time"]))
        positions.append(int(beat["position"]))
        if beat["bar"]:
            bars.append(int(beat["bar"]))
        if len(bars) not in (0, number):
            raise FormatError(f"line {number}: here the number of the bar is given, or left out,"
                              " unlike before")  # fmt: skip
        if number > 1 and times[-1] <= times[-2]:
            raise FormatError(f"line {number}: {times[-1]} s is not later than {times[-2]} s")
    if len(times) < 2:
        raise FormatError(f"line {len(lines) + 1}: {len(times)} beats, two are the least")
    in_bars = np.array(positions, np.int32)
    numbers_bars = bool(bars)
    if numbers_bars:
        numbers = np.array(bars, np.int32)
    else:
        numbers = np.cumsum(in_bars == _DOWNBEAT, dtype=np.int32)
    return Beats(np.array(times, np.float64), in_bars, numbers, numbers_bars)


def _shown(line: bytes) -> str:
    return repr(line[:40]) + ("..." if len(line) > 40 else "")
