"""Dates as Twitter printed them."""

from __future__ import annotations

import datetime
import locale

import hypothesis
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from tfds_extra.formats import FormatError, ctime_date

_ZONES = {"PDT": -7 * 3600, "UTC": 0}


@hypothesis.given(
    st.lists(st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)), min_size=1),
    st.sampled_from(sorted(_ZONES)),
)
@hypothesis.settings(deadline=None)
def test_as_the_standard_library(times, zone):
    times = [time.replace(microsecond=0) for time in times]
    # asctime() has a blank for the zero of the day.
    texts = [
        f"{t:%a %b} {t.day:02} {t:%H:%M:%S} {zone} {t.year:04}".encode() for t in times
    ]  # fmt: skip
    zone = datetime.timezone(datetime.timedelta(seconds=_ZONES[zone]))
    expected = [
        (t.replace(tzinfo=zone) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc))
        // datetime.timedelta(seconds=1)
        for t in times
    ]
    found = ctime_date.parse(pa.array(texts), _ZONES)
    assert found.tolist() == expected and found.dtype == "int64"


def test_locale_does_not_matter(monkeypatch):
    monkeypatch.setattr(locale, "getlocale", lambda *_: ("de_DE", "UTF-8"))
    dates = pa.array([b"Tue May 05 00:00:00 UTC 2009", b"Tue Dec 01 00:00:00 UTC 2009"])
    assert ctime_date.parse(dates, _ZONES).tolist() == [1241481600, 1259625600]


@pytest.mark.parametrize(
    "date, message",
    [
        ("Mon Apr 06 22:19:45 PST 2009", "zone .* not known.*PDT, UTC"),
        ("Mon Apr 06 22:19:45 2009", "no date such as"),
        ("Mon Apr  6 22:19:45 PDT 2009", "no date such as"),
        ("Die Apr 07 22:19:45 PDT 2009", "no day or month of that name"),
        ("Mon Mai 06 22:19:45 PDT 2009", "no day or month of that name"),
        ("Sun Feb 29 22:19:45 PDT 2009", "there is not"),
        ("Mon Apr 00 22:19:45 PDT 2009", "there is not"),
        ("Mon Apr 06 22:60:45 PDT 2009", "there is not"),
        ("Mon Apr 06 22:19:45 PDT 0000", "no day or month"),
        ("", "no date such as"),
        ("\u0661" * 28, "no date such as"),
    ],
)
def test_others_are_refused(date, message):
    good = b"Mon Apr 06 22:19:45 PDT 2009"
    with pytest.raises(FormatError, match=f"^row 103: .*{message}"):
        ctime_date.parse(pa.array([good, good, date.encode(), b"x"]), _ZONES, 100)
