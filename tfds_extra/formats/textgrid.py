"""Reads Praat's TextGrid: intervals and points in time with labels, in tiers.

Source: Praat's manual, "TextGrid file formats". The long and the short text format hold the same
values in the same order. Like Praat itself, this module reads numbers that stand alone, texts in
double quotes (in which `""` is one quote) and flags such as `<exists>`, and takes everything else
for a
comment: `xmin =`, `intervals [1]:`. Files are UTF-8, or UTF-16 with a byte order mark.
"""

from __future__ import annotations

import codecs
import dataclasses
import math
import re
from typing import NamedTuple

from tfds_extra.formats import FormatError, parser

# A comment goes to the end of its line; any other word that is no value is passed over as a whole.
_VALUE = re.compile(
    r"""!.*|"(?P<text>(?:[^"]|"")*)"|<(?P<flag>[a-z]+)>(?=\s|$)
    |(?P<number>[-+]?[0-9]{1,20}(?:\.[0-9]{0,40})?(?:[eE][-+]?[0-9]{1,3})?)(?=\s|$)|[^\s"]+""",
    re.VERBOSE,
)
RESOLUTION = 1e-3  # Seconds by which neighbours may differ or overlap, since programs round times.
_HEAD = ("ooTextFile", "TextGrid")
_INTERVALS, _POINTS = "IntervalTier", "TextTier"
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip


class Interval(NamedTuple):
    """An interval of time with a label.

    Attributes:
      start: Where it begins, in seconds.
      end: Where it ends, in seconds; for a point, the same as `start`.
      text: Its label.
    """

    start: float
    end: float
    text: str


@dataclasses.dataclass(frozen=True)
class Tier:
    """A row of intervals, or of points.

    Attributes:
      name: Its name.
      start: Where it begins, in seconds.
      end: Where it ends, in seconds.
      intervals: The intervals or points, in order. Intervals follow each other, mostly without a
        gap.
    """

    name: str
    start: float
    end: float
    intervals: list[Interval]


@parser
def parse(content: bytes) -> list[Tier]:
    """Reads a TextGrid of either text format.

    Args:
      content: The file.

    Returns:
      Its tiers, in order.

    Raises:
      FormatError: It is no TextGrid, is cut short, or its times run backwards; the message names
        the line.
    """
    encoding = next(
        (name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8"
    )
    values = _Values(content.decode(encoding))
    if (values.text("the kind of file"), values.text("the class")) != _HEAD:
        raise values.error('no TextGrid: it does not begin with "ooTextFile" and "TextGrid"')
    values.span()
    if values.next("flag", "whether there are tiers") != "exists":
        return []
    return [values.tier() for _ in range(values.count("tiers"))]


class _Values:
    """The values of a file, one after the other."""

    def __init__(self, text: str):
        self._text = text
        self._matches = (m for m in _VALUE.finditer(text) if m.lastgroup)
        self._at = 0

    def error(self, problem: str) -> FormatError:
        line = self._text.count("\n", 0, self._at) + 1
        return FormatError(f"line {line}: {problem}")

    def next(self, kind: str, what: str) -> str:
        match = next(self._matches, None)
        if match is None:
            self._at = len(self._text)
            raise self.error(f"cut short: {what} is missing")
        self._at = match.start()
        if match.lastgroup != kind:
            raise self.error(f"{what} should stand here, not {match[0][:40]}")
        return match[kind]

    def text(self, what: str) -> str:
        return self.next("text", what).replace('""', '"')

    def time(self, what: str) -> float:
        time = float(self.next("number", what))
        if not math.isfinite(time):
            raise self.error(f"{what} is not a time")
        return time

    def span(self) -> tuple[float, float]:
        start, end = self.time("xmin"), self.time("xmax")
        if end < start:
            raise self.error(f"it ends at {end} s and begins at {start} s")
        return start, end

    def count(self, what: str) -> int:
        number = self.next("number", f"the number of {what}")
        if not number.isdigit():
            raise self.error(f"{number[:40]} {what}")
        return int(number)

    def tier(self) -> Tier:
        kind, name = self.text("the class of the tier"), self.text("the name of the tier")
        if kind not in (_INTERVALS, _POINTS):
            raise self.error(f"there is no class of tiers {kind[:40]!r}")
        start, end = self.span()
        intervals: list[Interval] = []
        for _ in range(self.count("intervals")):
            if kind == _POINTS:
                time = self.time("the time of a point")
                found = Interval(time, time, self.text("a mark"))
            else:
                found = Interval(*self.span(), self.text("a text"))
            before = intervals[-1].end if intervals else start
            if found.start < before - RESOLUTION or found.end > end + RESOLUTION:
                raise self.error(
                    f"{found.start} to {found.end} s does not lie between {before} and {end} s"
                )
            intervals.append(found)
        return Tier(name, start, end, intervals)
