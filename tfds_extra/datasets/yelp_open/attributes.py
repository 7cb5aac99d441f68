"""The attributes of businesses: which there are, and their published literals as typed values."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra.features import int32, label, text
from tfds_extra.formats import FormatError, yelp

_MISSING = -1

# Names, words and keys as they occur in business.json of 2022 (its first 5,000 lines) and of 2018.
_FLAGS = (
    "AcceptsInsurance", "BikeParking", "BusinessAcceptsBitcoin", "BusinessAcceptsCreditCards", "BYOB",
    "ByAppointmentOnly", "Caters", "CoatCheck", "Corkage", "DogsAllowed", "DriveThru",
    "GoodForDancing", "GoodForKids", "HappyHour", "HasTV", "Open24Hours", "OutdoorSeating",
    "RestaurantsCounterService", "RestaurantsDelivery", "RestaurantsGoodForGroups",
    "RestaurantsReservations", "RestaurantsTableService", "RestaurantsTakeOut",
    "WheelchairAccessible",
)  # fmt: skip
_WORDS = {
    "Alcohol": ("none", "beer_and_wine", "full_bar"),
    "BYOBCorkage": ("no", "yes_free", "yes_corkage"),
    "NoiseLevel": ("quiet", "average", "loud", "very_loud"),
    "RestaurantsAttire": ("casual", "dressy", "formal"),
    "Smoking": ("no", "outdoor", "yes"),
    "WiFi": ("no", "free", "paid"),
}
_GROUPS = {
    "Ambience": (
        "romantic", "intimate", "touristy", "hipster", "divey", "classy", "trendy", "upscale",
        "casual",
    ),
    "BestNights": (
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
    ),
    "BusinessParking": ("garage", "street", "validated", "lot", "valet"),
    "GoodForMeal": ("breakfast", "brunch", "lunch", "dinner", "dessert", "latenight"),
    "HairSpecializesIn": (
        "straightperms", "coloring", "extensions", "africanamerican", "curly", "kids", "perms",
        "asian",
    ),
    "Music": (
        "dj", "background_music", "no_music", "jukebox", "live", "video", "karaoke"
    ),
}  # fmt: skip
# The words and keys of these are not known well enough for classes.
_FREE_WORD, _FREE_GROUP = "AgesAllowed", "DietaryRestrictions"
_PRICE = "RestaurantsPriceRange2"


def features() -> dict[str, Any]:
    """Returns one feature for each attribute."""
    return {
        **{name: _flag(f"Attribute {name}") for name in _FLAGS},
        **{
            name: label(words, f"Attribute {name}; -1 if it is missing, None or another word.")
            for name, words in _WORDS.items()
        },
        **{
            name: {key: _flag(f"{key} of attribute {name}") for key in keys}
            for name, keys in _GROUPS.items()
        },
        _FREE_WORD: text(f"Attribute {_FREE_WORD} as a word (18plus); empty if it is missing."),
        _FREE_GROUP: tfds.features.Sequence(
            text("A diet."), doc=f"The diets that attribute {_FREE_GROUP} says yes to."
        ),
        _PRICE: int32("Price range from 1 (cheap) to 4; -1 if it is missing or None."),
    }


def _flag(what: str) -> tfds.features.Scalar:
    return tfds.features.Scalar(np.int8, doc=f"{what}: 1 yes, 0 no, -1 missing or None.")


def typed(raw: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Returns the published attributes of a business as values of `features`.

    Args:
      raw: Name and literal of each attribute. Unknown names are passed over, and values that do not
        fit their feature count as missing; both are still in the raw attributes.
    """
    values = {name: _literal(literal) for name, literal in raw}
    word, diets = values.get(_FREE_WORD), values.get(_FREE_GROUP)
    price = values.get(_PRICE)
    return {
        **{name: _truth(values.get(name)) for name in _FLAGS},
        **{
            name: words.index(values[name]) if values.get(name) in words else _MISSING
            for name, words in _WORDS.items()
        },
        **{name: _truths(values.get(name), keys) for name, keys in _GROUPS.items()},
        _FREE_WORD: word if isinstance(word, str) else "",
        _FREE_GROUP: [d for d, yes in diets.items() if yes] if isinstance(diets, dict) else [],
        _PRICE: price if type(price) is int and 1 <= price <= 4 else _MISSING,
    }


def _truth(value: Any) -> int:
    return int(value) if isinstance(value, bool) else _MISSING


def _truths(value: Any, keys: tuple[str, ...]) -> dict[str, int]:
    found = value if isinstance(value, dict) else {}
    return {key: _truth(found.get(key)) for key in keys}


@functools.lru_cache(1 << 14)  # A few hundred literals make up nearly all.
def _literal(text: str) -> Any:
    """Returns the value of a literal; None if the text is no literal."""
    try:
        return yelp.literal(text)
    except FormatError:
        return None
