"""The features of Yelp's tables, and their meaning."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow_datasets as tfds

from tfds_extra.datasets.yelp_open import attributes
from tfds_extra.features import flag, float32, float64, int32, int64, label, text

STARS = ("1", "2", "3", "4", "5")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PHOTO_LABELS = ("food", "inside", "outside", "drink", "menu")
VOTES = ("useful", "funny", "cool")
COMPLIMENTS = tuple(
    f"compliment_{kind}"
    for kind in "hot more profile cute list note plain cool funny writer photos".split()
)

_SECONDS = (
    "in seconds since 1970-01-01 00:00:00, taken for UTC: nobody published the zone. Midnight where"
    " there is no time of day."
)
_BUSINESS_ID = "Id of the business, 22 letters."
_USER_ID = "Id of the user, 22 letters."


def of_reviews() -> dict[str, Any]:
    """Returns the features of a row of review.json."""
    return {
        "text": text("The review, with the line breaks of its author."),
        "label": label(STARS, "Stars that the author gave, as a class; -1 if not 1 to 5."),
        "stars": float32("Stars that the author gave, as published: 1.0 to 5.0."),
        "review_id": text("Id of the review, 22 letters."),
        "user_id": text(_USER_ID),
        "business_id": text(_BUSINESS_ID),
        **{
            vote: int32(f"How many users voted it {vote}; negative in a few rows.")
            for vote in VOTES
        },
        "date": text("When it was written, as published: 2018-07-07 22:09:11."),
        "timestamp": int64(f"`date` {_SECONDS}"),
    }


def of_businesses() -> dict[str, Any]:
    """Returns the features of a row of business.json."""
    return {
        "business_id": text(_BUSINESS_ID),
        **_facts_of_business(),
        "neighborhood": text("Neighbourhood, of the editions up to 2018; empty in others."),
        "categories_raw": text(
            "Categories as published, joined by commas; empty if there are none."
        ),
        "hours": tfds.features.Sequence(
            {
                "day": label(DAYS, "Day of the week."),
                "open_min": int32("When it opens, in minutes since midnight; -1 if unreadable."),
                "close_min": int32(
                    "When it closes, in minutes since midnight, on the next day if that is less than"
                    " open_min. Both are 0 where it is open all day, or the hours are unknown."
                ),
                "raw": text("As published: 8:30-17:0."),
            },
            doc="Opening hours by day, in published order; none on days when it is closed.",
        ),
        "attributes": attributes.features(),
        "attributes_raw": tfds.features.Sequence(
            {"name": text("Name."), "value": text("Literal of Python, as published.")},
            doc="Attributes as published, in published order.",
        ),
    }


def _facts_of_business() -> dict[str, Any]:
    """Returns the features of a business that are joined to a review or photo, too."""
    return {
        "name": text("Name of the business."),
        "address": text("Street and number; may be empty."),
        "city": text("City, as its owner spelt it."),
        "state": text("Code of the state, or of the Canadian province."),
        "postal_code": text("ZIP, or the Canadian postal code; may be empty."),
        "latitude": float64("Latitude in degrees."),
        "longitude": float64("Longitude in degrees."),
        "stars": float32("Average of its stars, rounded to halves, as Yelp counts them."),
        "review_count": int32("Number of its reviews as Yelp counts them; not all are published."),
        "is_open": flag("Whether it is still in business."),
        "categories": tfds.features.Sequence(
            text("A category."), doc="Categories, in published order."
        ),
    }


def of_users(*, with_friends: bool = False) -> dict[str, Any]:
    """Returns the features of a row of user.json.

    Args:
      with_friends: Whether the ids of friends are there, and not only their number.
    """
    friends = tfds.features.Sequence(
        text(_USER_ID), doc="Ids of the friends; most of them have no row of their own."
    )
    return {
        "user_id": text(_USER_ID),
        **_facts_of_user(),
        "elite_raw": text("Elite years as published, where 2020 is 20,20."),
        **{name: int32("Number of compliments of this kind.") for name in COMPLIMENTS},
        **({"friends": friends} if with_friends else {}),
    }


def _facts_of_user() -> dict[str, Any]:
    """Returns the features of a user that are joined to a review, too."""
    return {
        "name": text("First name of the user."),
        "review_count": int32("Number of the user's reviews as Yelp counts them."),
        "yelping_since": text("When the user joined, as published: 2007-01-25 16:47:26."),
        "yelping_since_timestamp": int64(f"`yelping_since` {_SECONDS}"),
        **{vote: int32(f"Number of votes {vote} that the user has sent.") for vote in VOTES},
        "elite": tfds.features.Sequence(
            int32("A year."), doc="Years in which the user was of Yelp's elite squad."
        ),
        "num_friends": int32("Number of friends."),
        "fans": int32("Number of fans."),
        "average_stars": float32("Average of all stars that the user gave; 0 to 5."),
    }


def of_checkins() -> dict[str, Any]:
    """Returns the features of a row of checkin.json."""
    return {
        "business_id": text(_BUSINESS_ID),
        "dates": tfds.features.Sequence(
            text("A date."), doc="When people checked in, as published: 2016-04-26 19:49:16."
        ),
        "timestamps": tfds.features.Sequence(int64("A time."), doc=f"`dates` {_SECONDS}"),
        "count": int32("How many check-ins there are."),
    }


def of_tips() -> dict[str, Any]:
    """Returns the features of a row of tip.json."""
    return {
        "text": text("The tip."),
        "user_id": text(_USER_ID),
        "business_id": text(_BUSINESS_ID),
        "date": text("When it was written, as published: 2012-05-18 02:17:21."),
        "timestamp": int64(f"`date` {_SECONDS}"),
        "compliment_count": int32("Number of compliments; -1 in editions that have `likes`."),
        "likes": int32("Number of likes, of the editions up to 2018; -1 in others."),
        "row": int64("Row in the published file, from 0: tips have no id."),
    }


def of_photos() -> dict[str, Any]:
    """Returns the features of a picture, and its row of photos.json."""
    return {
        "image": tfds.features.Image(
            shape=(None, None, 3),
            encoding_format="jpeg",
            doc="The picture; one black pixel where image_ok is false.",
        ),
        "label": label(PHOTO_LABELS, "What is on it; -1 if it is none of these."),
        "caption": text("Caption; mostly empty."),
        "photo_id": text("Id of the picture, 22 letters."),
        "business_id": text(f"{_BUSINESS_ID} Empty where has_row is false."),
        "image_ok": flag("Whether the published file is a JPEG that can be decoded."),
        "image_bytes": text("The published file where image_ok is false, else empty."),
        "has_row": flag("Whether photos.json knows the picture."),
    }


def joined(table: str) -> dict[str, Any]:
    """Returns the joined features of a table: its facts, and whether it has them.

    Args:
      table: `business` or `user`.
    """
    facts = _facts_of_business() if table == "business" else _facts_of_user()
    has = f"Whether {table}.json has that {table}; if not, its texts are empty and its numbers 0."
    return {table: facts, f"has_{table}": flag(has)}


def names_of_facts(table: str) -> list[str]:
    """Returns the names of the joined features of `business`, `user` or `photo`."""
    return list(nothing(table))


@functools.cache
def nothing(table: str) -> dict[str, Any]:
    """Returns the values of a missing row of a table."""
    if table == "photo":
        return {"business_id": "", "caption": "", "label": -1}
    return {name: _blank(feature) for name, feature in joined(table)[table].items()}


def _blank(feature: Any) -> Any:
    if isinstance(feature, tfds.features.Sequence):
        return []
    return "" if isinstance(feature, tfds.features.Text) else feature.np_dtype(0)
