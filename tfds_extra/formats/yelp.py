"""Reads values of the Yelp Open Dataset that are texts of a form of their own inside of JSON.

Attributes are Python literals in a text (`"u'free'"`, `"{'garage': False, 'lot': None}"`), or plain
words in the editions of 2018. Opening hours are `8:30-17:0`. Categories are joined by commas,
although some of their names contain commas, and years are joined by commas, too.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfds_extra.formats import FormatError, parser

MAX_LITERAL = 4096  # The most characters; the longest literal in a sample of 40,606 has some 160.

_WORD = re.compile(r"[A-Za-z0-9_]+")
_HOURS = re.compile(r"([0-9]{1,2}):([0-9]{1,2})-([0-9]{1,2}):([0-9]{1,2})")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
# Names of Yelp's categories with a comma, as they come out when they are cut at commas: the first
# three are in business.json, the fourth is in Yelp's list of categories.
_CUT_NAMES = (
    ("Beer", "Wine & Spirits"),
    ("Books", "Mags", "Music & Video"),
    ("Used", "Vintage & Consignment"),
    ("Wills", "Trusts", "& Probates"),
)


@parser
def literal(text: str) -> None | bool | int | str | dict[str, None | bool | int | str]:
    """Returns the value of an attribute, without running it as a program.

    Args:
      text: A Python literal, or a plain word.

    Raises:
      FormatError: It is neither, or a literal of another type.
    """
    if len(text) > MAX_LITERAL:
        raise FormatError(f"a literal of {len(text):,} characters")
    if _WORD.fullmatch(text) and not text.isdecimal() and text not in ("True", "False", "None"):
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of strange escapes in the text.
            value = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        # Too deep nesting makes Python's parser raise one of these.
        raise FormatError(f"{_shown(text)} is no literal") from None
    if _is_plain(value):
        return value
    if type(value) is dict and all(type(k) is str and _is_plain(v) for k, v in value.items()):
        return value
    raise FormatError(f"{_shown(text)} is no truth value, number, word or dict of these")


def _is_plain(value: Any) -> bool:
    return value is None or type(value) in (bool, int, str)


@parser
def hours(text: str) -> tuple[int, int]:
    """Returns when a business opens and closes, in minutes since midnight.

    Args:
      text: Hours such as `8:30-17:0`. If the second number is smaller, it closes on the next day.

    Raises:
      FormatError: It is something else.
    """
    found = _HOURS.fullmatch(text)
    numbers = [int(one) for one in found.groups()] if found else []
    if not numbers or max(numbers[::2]) > 24 or max(numbers[1::2]) > 59:
        raise FormatError(f"{_shown(text)} are no opening hours")
    return 60 * numbers[0] + numbers[1], 60 * numbers[2] + numbers[3]


@parser
def elite_years(text: str) -> list[int]:
    """Returns the years in which a user belonged to the elite squad.

    Args:
      text: Years joined by commas, where 2020 is published as `20,20`; empty or `None` for none.

    Raises:
      FormatError: It is something else.
    """
    if text in ("", "None"):
        return []
    parts = [part.strip() for part in text.split(",")]
    years, at = [], 0
    while at < len(parts):
        year = parts[at]
        if parts[at : at + 2] == ["20", "20"]:
            year, at = "2020", at + 1
        if not _YEAR.fullmatch(year):
            raise FormatError(f"{_shown(text)} are no years")
        years.append(int(year))
        at += 1
    return years


@parser
def categories(text: str) -> list[str]:
    """Returns the names of categories that are joined by a comma and a space."""
    parts = [part.strip() for part in text.split(",")]
    found, at = [], 0
    while at < len(parts):
        size = next((len(n) for n in _CUT_NAMES if tuple(parts[at : at + len(n)]) == n), 1)
        found.append(", ".join(parts[at : at + size]))
        at += size
    return [name for name in found if name]


@parser
def listed(text: str) -> list[str]:
    """Returns the ids that are joined by a comma and a space; none for `None`."""
    return [one for part in text.split(",") if (one := part.strip()) and one != "None"]


@parser
def timestamps(dates: pa.Array) -> np.ndarray:
    """Returns the dates as seconds since 1970-01-01 00:00:00, as if they were in UTC.

    Args:
      dates: Texts such as `2018-07-07 22:09:11`, or `2018-07-07` for its midnight.

    Returns:
      int64.

    Raises:
      FormatError: One is no date.
    """
    try:
        times = pc.cast(dates, pa.timestamp("s"))
    except pa.ArrowInvalid:
        for row in range(len(dates)):
            date = dates.slice(row, 1)
            try:
                pc.cast(date, pa.timestamp("s"))
            except pa.ArrowInvalid:
                raise FormatError(f"{_shown(date[0].as_py())} is no date") from None
        raise
    return np.frombuffer(times.buffers()[1], np.int64)[times.offset :][: len(times)]


@parser
def listed_dates(texts: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Splits texts of dates that are joined by commas.

    Args:
      texts: Texts such as `2016-04-26 19:49:16, 2016-08-30 18:36:57`.

    Returns:
      How many dates each text has, int64, and all dates, one after the other.
    """
    parts = pc.split_pattern(texts, ",")
    dates = pc.utf8_trim_whitespace(parts.flatten())
    # Comparing with "" would make a scalar of pyarrow, which imports pandas and takes a second.
    is_date = pc.cast(pc.binary_length(dates), pa.bool_())
    rows = pc.list_parent_indices(parts).filter(is_date)
    rows = np.frombuffer(rows.buffers()[1], np.int64)[rows.offset :][: len(rows)]
    return np.bincount(rows, minlength=len(texts)), dates.filter(is_date)


def _shown(text: str) -> str:
    """Returns the beginning of a text in a printable form."""
    return ascii(text if len(text) <= 40 else text[:40] + "...")
