"""Makes columns of features from the lines of the published tables."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from tfds_extra.datasets.yelp_open import attributes, features
from tfds_extra.formats import FormatError, json_lines, yelp
from tfds_extra.formats.json_lines import INTEGER, REAL, TEXT, TEXTS

Columns = dict[str, Any]

_ID = dict.fromkeys(("user_id", "business_id"), TEXT)
_VOTES = dict.fromkeys(features.VOTES, INTEGER)
# The keys of each table, and what their values are.
_KINDS: dict[str, dict[str, Any]] = {
    "review": {"review_id": TEXT, **_ID, "stars": REAL, **_VOTES, "text": TEXT, "date": TEXT},
    "user": {
        "user_id": TEXT,
        "name": TEXT,
        "review_count": INTEGER,
        "yelping_since": TEXT,
        **_VOTES,
        "elite": TEXTS,
        "friends": TEXTS,
        "fans": INTEGER,
        "average_stars": REAL,
        **dict.fromkeys(features.COMPLIMENTS, INTEGER),
    },
    "checkin": {"business_id": TEXT, "date": TEXT},
    "tip": {**_ID, "text": TEXT, "date": TEXT, "compliment_count": INTEGER},
    "photo": {"photo_id": TEXT, "business_id": TEXT, "caption": TEXT, "label": TEXT},
    # Its attributes and hours are objects: their kinds are not asked for.
    "business": dict.fromkeys(
        "business_id name address city state postal_code latitude longitude stars review_count"
        " is_open attributes categories hours".split()
    ),
}
# Keys of older editions that can be read, and what they stand for: up to 2018 tips had likes, and
# businesses a neighbourhood.
_OLDER: dict[str, tuple[dict[str, Any], set[str]]] = {
    "tip": ({"likes": INTEGER}, {"compliment_count"}),
    "business": ({"neighborhood": None}, set()),
}
_INT32 = np.iinfo(np.int32)
_OF_LITERALS = (type(None), bool, int, str)


def kinds_of(table: str, keys: Collection[str]) -> Mapping[str, Any]:
    """Returns the kinds of a line's values; the keys tell its edition.

    Args:
      table: Table of the line.
      keys: Keys of the line.

    Raises:
      FormatError: They are of an edition that lacks what the features need, or of another table.
    """
    current = _KINDS[table]
    if keys == current.keys():
        return current
    added, removed = _OLDER.get(table, ({}, set()))
    older = {key: kind for key, kind in current.items() if key not in removed} | added
    if keys == older.keys():
        return older
    if "type" in keys:
        raise FormatError(
            "a line of the academic editions of 2014 to 2017 (it has a key type), which lack what"
            f" later ones have. {_KNOWN}"
        )
    if table == "checkin" and "time" in keys:
        raise FormatError(
            "a line of an edition up to 2018, which counts check-ins by hour of the week and has no"
            f" dates (it has a key time). {_KNOWN}"
        )
    for other, kinds in _KINDS.items():
        if keys == kinds.keys():
            raise FormatError(f"a line of the table {other}, where {table} belongs")
    lacks, has = sorted(current.keys() - keys)[:5], sorted(set(keys) - older.keys())[:5]
    raise FormatError(
        f"a line of no edition that is known here: it lacks {_cut(lacks) or 'nothing'}, and has"
        f" {_cut(has) or 'nothing'} besides. {_KNOWN}"
    )


_KNOWN = "Tables are read as published from 2018 to 2022"


def _cut(names: Sequence[str]) -> str:
    return ", ".join(name[:40] for name in names)


def read(table: str, file: BinaryIO) -> Iterator[tuple[Sequence[Any], Columns]]:
    """Yields keys and columns of features of all rows of a file, which is at its beginning.

    Raises:
      FormatError: A line is damaged, or of another edition; the message says which line.
    """
    for block in json_lines.read_blocks(file):
        yield from made(table, block)


def made(
    table: str, block: json_lines.Block, row: int = 0, *, with_friends: bool = False
) -> Iterator[tuple[Sequence[Any], Columns]]:
    """Yields keys and columns of features of a block of lines; nothing if all lines are blank.

    Args:
      table: A table of `kinds_of`.
      block: The lines.
      row: For tips, how many come before them.
      with_friends: For users, whether the ids of their friends are wanted.

    Raises:
      FormatError: A line is damaged, or of another edition; the message says which line.
    """
    first = next(json_lines.objects(block), None)
    if first is None:
        return
    place, line = first  # It tells the keys; the other lines must have the same.
    with _located(place):
        kinds = kinds_of(table, line.keys())
    keys: Sequence[Any]
    if table == "business":
        keys, columns = _businesses(block)
    else:
        keys, columns = _made(table, block, kinds)
    if table == "tip":
        keys = range(row, row + len(keys))  # There is no id.
        columns["row"] = np.arange(keys.start, keys.stop)
    if table == "user" and not with_friends:
        del columns["friends"]
    yield keys, columns


def _made(
    table: str, block: json_lines.Block, kinds: Mapping[str, Any]
) -> tuple[list[Any], Columns]:
    """Returns the keys and columns of a block of a flat table."""
    make = _MADE_OF[table]
    found = json_lines.columns(block, kinds)
    try:
        return make(found)
    except FormatError:
        for place, line in block.split():  # Line by line, so that the message names the line.
            with _located(place):
                make(json_lines.columns(json_lines.Block(line, 0, None), kinds))
        raise


@contextlib.contextmanager
def _located(place: str) -> Iterator[None]:
    try:
        yield
    except FormatError as e:
        raise FormatError(f"{place}: {e}") from None


def _int32(columns: Mapping[str, Any], name: str) -> np.ndarray:
    """Returns a column of whole numbers.

    Raises:
      FormatError: One is too large for 32 bits.
    """
    values = columns[name]
    beyond = values[(values < _INT32.min) | (values > _INT32.max)]
    if len(beyond):
        raise FormatError(f"{name} is {beyond[0]}, which is out of range")
    return values.astype(np.int32)


def _reviews(found: Mapping[str, Any]) -> tuple[list[Any], Columns]:
    stars = found["stars"]
    label = np.where(np.isin(stars, (1, 2, 3, 4, 5)), stars - 1, -1).astype(np.int64)
    return found["review_id"].to_pylist(), {
        **{key: found[key] for key in ("review_id", "user_id", "business_id", "text", "date")},
        "label": label,
        "stars": stars.astype(np.float32),
        **{vote: _int32(found, vote) for vote in features.VOTES},
        "timestamp": yelp.timestamps(found["date"]),
    }


def _users(found: Mapping[str, Any]) -> tuple[list[Any], Columns]:
    friends = [yelp.listed(one) for one in found["friends"].to_pylist()]
    numbers = ("review_count", "fans", *features.VOTES, *features.COMPLIMENTS)
    return found["user_id"].to_pylist(), {
        **{key: found[key] for key in ("user_id", "name", "yelping_since")},
        **{key: _int32(found, key) for key in numbers},
        "yelping_since_timestamp": yelp.timestamps(found["yelping_since"]),
        "elite": [yelp.elite_years(one) for one in found["elite"].to_pylist()],
        "elite_raw": found["elite"],
        "num_friends": np.array([len(one) for one in friends], np.int32),
        "average_stars": found["average_stars"].astype(np.float32),
        "friends": friends,
    }


def _checkins(found: Mapping[str, Any]) -> tuple[list[Any], Columns]:
    counts, dates = yelp.listed_dates(found["date"])
    ends = np.cumsum(counts)
    flat, times = dates.to_pylist(), yelp.timestamps(dates)
    return found["business_id"].to_pylist(), {
        "business_id": found["business_id"],
        "dates": [flat[end - count : end] for count, end in zip(counts, ends)],
        "timestamps": [times[end - count : end] for count, end in zip(counts, ends)],
        "count": counts.astype(np.int32),
    }


def _tips(found: Mapping[str, Any]) -> tuple[list[Any], Columns]:
    absent = np.full(len(found["date"]), -1, np.int32)
    return found["date"], {
        **{key: found[key] for key in ("text", "user_id", "business_id", "date")},
        **{
            key: _int32(found, key) if key in found else absent
            for key in ("compliment_count", "likes")
        },
        "timestamp": yelp.timestamps(found["date"]),
    }


def _photos(found: Mapping[str, Any]) -> tuple[list[Any], Columns]:
    numbers = {name: number for number, name in enumerate(features.PHOTO_LABELS)}
    return found["photo_id"].to_pylist(), {
        "business_id": found["business_id"],
        "caption": found["caption"],
        "label": [numbers.get(name, -1) for name in found["label"].to_pylist()],
    }


_MADE_OF: dict[str, Callable[[Mapping[str, Any]], tuple[list[Any], Columns]]] = {
    "review": _reviews,
    "user": _users,
    "checkin": _checkins,
    "tip": _tips,
    "photo": _photos,
}


# -------------------------------------------------------------------------------------- businesses


def _businesses(block: json_lines.Block) -> tuple[list[str], Columns]:
    made = []
    for place, line in json_lines.objects(block):
        with _located(place):
            kinds_of("business", line.keys())
            made.append(_business(line))
    columns = {name: [one[name] for one in made] for name in made[0]}
    return columns["business_id"], columns


def _business(line: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the features of a line of business.json."""
    names = ("business_id", "name", "address", "city", "state", "postal_code")
    categories = line["categories"]
    if isinstance(categories, list):  # Up to 2018.
        categories = ", ".join(map(str, categories))
    raw = [
        (_text(name, "attributes"), _text_of_literal(name, value))
        for name, value in _object(line, "attributes").items()
    ]
    return {
        **{name: _text(line.get(name), name) for name in (*names, "neighborhood")},
        **{name: _real(line, name) for name in ("latitude", "longitude", "stars")},
        "review_count": _whole(line, "review_count", _INT32.max),
        "is_open": bool(_whole(line, "is_open", 1)),
        "categories": yelp.categories(_text(categories, "categories")),
        "categories_raw": categories or "",
        "hours": [_hours(day, text) for day, text in _object(line, "hours").items()],
        "attributes": attributes.typed(raw),
        "attributes_raw": [{"name": name, "value": value} for name, value in raw],
    }


def _hours(day: str, text: Any) -> dict[str, Any]:
    if day not in features.DAYS:
        raise FormatError(f"hours of {json_lines.shown(day)}")
    text = _text(text, "hours")
    try:
        opens, closes = yelp.hours(text)
    except FormatError:
        opens = closes = -1
    return {
        "day": features.DAYS.index(day),
        "open_min": opens,
        "close_min": closes,
        "raw": text,
    }


def _text_of_literal(name: str, value: Any) -> str:
    """Returns an attribute as the text of a literal, also from an edition of 2018."""
    values = value.values() if isinstance(value, dict) else (value,)
    if not isinstance(value, str) and all(type(one) in _OF_LITERALS for one in values):
        return _text(repr(value), name)
    return _text(value, name)


def _object(line: Mapping[str, Any], key: str) -> dict[str, Any]:
    if line[key] is None:
        return {}
    if not isinstance(line[key], dict):
        raise FormatError(f"{key} is {json_lines.shown(line[key])}, which is no object")
    return line[key]


def _text(value: Any, key: str) -> str:
    if value is None:
        return ""
    try:
        if isinstance(value, str) and value.encode() is not None:
            return value
    except UnicodeEncodeError:
        pass  # Half of a surrogate pair.
    raise FormatError(f"{key[:40]} is {json_lines.shown(value)}, which is no text")


def _real(line: Mapping[str, Any], key: str) -> float:
    if type(line[key]) in (int, float) and abs(line[key]) < 1e6:
        return float(line[key])
    raise FormatError(f"{key} is {json_lines.shown(line[key])}, which is no number of that kind")


def _whole(line: Mapping[str, Any], key: str, largest: int) -> int:
    if type(line[key]) is int and 0 <= line[key] <= largest:
        return line[key]
    raise FormatError(f"{key} is {json_lines.shown(line[key])}, which is no number of that kind")
