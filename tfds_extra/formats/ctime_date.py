"""Dates as C's `ctime` prints them with a zone, such as `Mon Apr 06 22:19:45 PDT 2009`.

Twitter's first interfaces had this form. Names of days and months are English whatever the locale
is, so that they are looked up here and not read by `strptime`.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tfds_extra.formats import FormatError, parser

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FORM = re.compile(
    rb"([A-Z][a-z]{2}) ([A-Z][a-z]{2}) ([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([A-Z]{1,5}) ([0-9]{4})"
)


@parser
def parse(dates: pa.Array, zones: Mapping[str, int], first_row: int = 0) -> np.ndarray:
    """Returns dates as seconds since 1970-01-01 00:00:00 UTC, int64.

    Args:
      dates: Column of type binary.
      zones: Seconds that each zone is ahead of UTC.
      first_row: Number of rows before these, for messages.

    Raises:
      FormatError: A row is no such date, or has another zone; the message names the row.
    """
    # Dates come in order, and many are of the same second, so each is parsed once.
    encoded = dates.dictionary_encode()
    seconds = [_seconds(date, zones) for date in encoded.dictionary.to_pylist()]
    indices = np.frombuffer(encoded.indices.buffers()[1], np.int32, len(dates))
    for i, found in enumerate(seconds):
        if isinstance(found, str):
            row = int(np.flatnonzero(indices == i)[0])
            raise FormatError(f"row {first_row + row + 1:,}: {found}")
    return np.array(seconds, np.int64)[indices]


def _seconds(date: bytes, zones: Mapping[str, int]) -> int | str:
    """Returns one date in seconds, or a text that says what is wrong with it."""
    shown = ascii(date[:40])[1:]
    found = _FORM.fullmatch(date)
    if not found:
        return f"{shown} is no date such as 'Mon Apr 06 22:19:45 PDT 2009'"
    weekday, month, zone = (found[i].decode() for i in (1, 2, 7))
    day, hour, minute, second, year = (int(found[i]) for i in (3, 4, 5, 6, 8))
    if zone not in zones:
        known = ", ".join(zones)
        return f"the zone of {shown} is not known, so neither is its time (known: {known})"
    if weekday not in _DAYS or month not in _MONTHS or not year:
        return f"{shown} has no day or month of that name"
    number = _MONTHS.index(month) + 1
    if (
        not 1 <= day <= calendar.monthrange(year, number)[1]
        or hour > 23
        or max(minute, second) > 59
    ):
        return f"{shown} is a day or a time that there is not"
    return calendar.timegm((year, number, day, hour, minute, second)) - zones[zone]
