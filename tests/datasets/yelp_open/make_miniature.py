"""Makes dummy_data/yelp_open: made-up businesses, reviews, users, check-ins, tips and photos.

Words tell the stars of a review, and colours the label of a photo, so that a model learns something
from them. Run it as a script after a change: `python tests/datasets/yelp_open/make_miniature.py`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import pathlib
import sys
from collections.abc import Iterable
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

PAGE = "https://business.yelp.com/data/resources/open-dataset/"
PREFIX = "yelp_academic_dataset_"
PUBLISHED = ("business", "checkin", "tip")  # Tables of which somebody noted a digest.


def id_(kind: str, number: int) -> str:
    """An id of 22 letters."""
    return f"{kind}-{number}_".ljust(22, "0")


# ---------------------------------------------------------------------------------------- the tables

ATTRIBUTES = {
    "BikeParking": "True",
    "HasTV": "False",
    "DriveThru": "None",
    "WiFi": "u'free'",
    "Alcohol": "'full_bar'",
    "NoiseLevel": "very_loud",  # As in 2018.
    "Smoking": "u'pipes'",  # No word of the list.
    "RestaurantsPriceRange2": "2",
    "BusinessParking": "{'garage': False, 'street': True, 'validated': None, 'lot': False}",
    "Ambience": "{u'romantic': True, 'casual': False}",
    "Music": "None",
    "AgesAllowed": "u'21plus'",
    "DietaryRestrictions": "{'vegan': True, 'halal': False, 'kosher': True}",
    "GoodForMoonlight": "True",  # Nobody knows it.
    "HairSpecializesIn": "{'curly': ",  # Damaged.
}
HOURS = {
    "Monday": "0:0-0:0",
    "Tuesday": "8:30-17:0",
    "Friday": "17:0-2:30",  # Past midnight.
    "Saturday": "by appointment",
}


@functools.cache
def businesses() -> list[dict[str, Any]]:
    """Rows of business.json."""
    facts = [
        ("Bäckerei Löwe", "1 Main St", "Springfield ", "IL", "62701", 4.5, 1, ATTRIBUTES,
         "Bakeries, Food, Beer, Wine & Spirits", HOURS),
        ("Law & More", "", "Edmonton", "AB", "T5J 1B9", 1.0, 0, None, None, None),
        ("Books/Etc", "22 Hill Rd, Ste 2", "Springfield", "IL", "", 3.0, 1, {"ByAppointmentOnly": "True"},
         "Books, Mags, Music & Video, Used, Vintage & Consignment, Wills, Trusts, & Probates, Shopping", None),
        ("寿司", "5 Elm St", "Reno", "NV", "89501", 5.0, 1, {}, "Sushi Bars", {"Sunday": "11:0-23:59"}),
    ]  # fmt: skip
    return [
        {
            "business_id": id_("b", number),
            "name": name,
            "address": address,
            "city": city,
            "state": state,
            "postal_code": code,
            "latitude": 39.8017 + number / 7,
            "longitude": -89.6436 - number / 3,
            "stars": stars,
            "review_count": 5 + number,
            "is_open": is_open,
            "attributes": attributes,
            "categories": categories,
            "hours": hours,
        }
        for number, (
            name, address, city, state, code, stars, is_open, attributes, categories, hours
        ) in enumerate(facts)
    ]  # fmt: skip


_OPINIONS = ["awful, never again", "rather bad", "it was okay", "good food", "great, I love it"]


@functools.cache
def reviews() -> list[dict[str, Any]]:
    """Rows of review.json."""
    texts = [f"{'The place: ' * (n % 3)}{_OPINIONS[n % 5]}." for n in range(15)]
    texts[3] = 'good food:\n\n- crème brûlée\r\n- tea \N{HOT BEVERAGE}\tand "cake" \\ pie w/ cream'
    texts[4] = "great, I love it \N{SMILING FACE WITH SUNGLASSES}"
    texts[7] = ""
    return [
        {
            "review_id": id_("r", number),
            # The last author has no row, and neither has the last business.
            "user_id": id_("u", number % 5),
            "business_id": id_("b", number % 4 + (number == 14) * 9),
            "stars": float(number % 5 + 1),
            "useful": number * number,
            "funny": -1 if number == 6 else 0,
            "cool": number % 2,
            "text": text,
            "date": f"20{number + 6:02}-0{number % 9 + 1}-28 2{number % 4}:59:0{number % 10}",
        }
        for number, text in enumerate(texts)
    ]


@functools.cache
def users() -> list[dict[str, Any]]:
    """Rows of user.json."""
    elite = ["2018,2019,20,20,2021", "", "None", "20,20"]
    friends = ["None", f"{id_('u', 3)}, {id_('f', 1)}, {id_('f', 2)}", "", id_("u", 0)]
    kinds = "hot more profile cute list note plain cool funny writer photos".split()
    return [
        {
            "user_id": id_("u", number),
            "name": name,
            "review_count": 100 * number,
            "yelping_since": f"200{number + 4}-02-29 16:47:26".replace("-29", f"-{29 - number}"),
            "useful": 7 * number,
            "funny": number,
            "cool": 3,
            "elite": elite[number],
            "friends": friends[number],
            "fans": number,
            "average_stars": [3.91, 5.0, 0.0, 2.5][number],
            **{f"compliment_{kind}": n * number for n, kind in enumerate(kinds)},
        }
        for number, name in enumerate(["Walker", "Zoë", "", "Li"])
    ]


@functools.cache
def checkins() -> list[dict[str, Any]]:
    """Rows of checkin.json."""
    dates = ["2016-04-26 19:49:16, 2016-08-30 18:36:57, 2022-01-19 00:00:00", "2010-01-01 23:59:59"]
    return [{"business_id": id_("b", number), "date": date} for number, date in enumerate(dates)]


@functools.cache
def tips() -> list[dict[str, Any]]:
    """Rows of tip.json, of which two are the same."""
    texts = ["Get the cake!", "Get the cake!", "Ask for the view \N{SUNRISE OVER MOUNTAINS}", ""]
    return [
        {
            "user_id": id_("u", 1),
            "business_id": id_("b", 0),
            "text": text,
            "date": "2012-05-18 02:17:21",
            "compliment_count": number // 2,
        }
        for number, text in enumerate(texts)
    ]


@functools.cache
def photos() -> list[dict[str, Any]]:
    """Rows of photos.json; the last one is of a business that is not in the table."""
    labels = ["food", "inside", "outside", "drink", "menu"]
    return [
        {
            # So the two photos without a class come last when they are prepared (a hash of the id
            # decides), and a model can be trained on the first ones.
            "photo_id": id_("pP_-a"[number % 5], number if number < 9 else 14),
            "business_id": id_("b", number % 4 if number < 9 else 8),
            "caption": "Crème brûlée" if number == 5 else "",
            "label": labels[number % 5] if number < 9 else "none",
        }
        for number in range(10)
    ]


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Rows as they are published."""
    texts = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return "".join(text.replace("/", "\\/") + "\n" for text in texts).encode()


@functools.cache
def tables() -> dict[str, bytes]:
    """The published tables by the name of their member."""
    made = {
        "business": businesses(),
        "checkin": checkins(),
        "review": reviews(),
        "tip": tips(),
        "user": users(),
    }
    return {f"{PREFIX}{table}.json": lines(rows) for table, rows in made.items()}


# ---------------------------------------------------------------------------------------- the photos

_COLOURS = {
    "food": (200, 80, 40),
    "inside": (120, 100, 90),
    "outside": (90, 160, 230),
    "drink": (160, 40, 120),
    "menu": (240, 240, 225),
    "none": (20, 20, 20),
}
_DRAWINGS = {
    "food": (".....", ".###.", "#####", ".###.", "....."),
    "inside": ("#####", "#...#", "#.#.#", "#.#.#", "#####"),
    "outside": ("..#..", ".###.", "#####", ".#.#.", ".###."),
    "drink": ("#...#", ".###.", "..#..", "..#..", ".###."),
    "menu": (".###.", ".#.#.", ".###.", ".#.#.", ".###."),
    "none": (".....", ".....", "..#..", ".....", "....."),
}


def _drawn(label: str, number: int) -> bytes:
    red, green, blue = _COLOURS[label]
    luma = round(0.299 * red + 0.587 * green + 0.114 * blue)
    paint = miniature_files.ycc(_COLOURS[label])
    ground = (max(luma - 60 - 5 * number, 0), 128, 128)
    drawing = ["." * 7, *(f".{row}." for row in _DRAWINGS[label]), "." * 7]
    if number == 6:  # A grey one.
        return miniature_files.jpeg(
            [[(paint[0] if p == "#" else 128,) for p in row] for row in drawing]
        )
    return miniature_files.jpeg([[paint if p == "#" else ground for p in row] for row in drawing])


BROKEN, EMPTY = (photos()[number]["photo_id"] for number in (7, 8))
WITHOUT_ROW = id_("z", 99)


@functools.cache
def pictures() -> dict[str, bytes]:
    """The published pictures by id: one that breaks off, an empty one, and one without a row."""
    made = {row["photo_id"]: _drawn(row["label"], n) for n, row in enumerate(photos())}
    made[BROKEN] = made[BROKEN][:200]
    made[EMPTY] = b""
    made[WITHOUT_ROW] = _drawn("none", 0)
    return made


def photo_files() -> dict[str, bytes]:
    """Members of the archive of photos."""
    files = {f"photos/{photo_id}.jpg": content for photo_id, content in pictures().items()}
    return {"photos.json": lines(photos()), **files}


AGREEMENT = {"Dataset_User_Agreement.pdf": b"%PDF-1.4\n% A miniature: made up.\n"}


def members_table(made: dict[str, bytes]) -> list[tuple[str, str, int, str]]:
    """Rows of members.tsv for some tables, and for a table of another edition."""
    rows = [
        (
            "2022",
            name,
            len(content),
            hashlib.sha256(content).hexdigest()
            if name[len(PREFIX) : -len(".json")] in PUBLISHED
            else "",
        )
        for name, content in made.items()
    ]
    return [*rows, ("2020", f"{PREFIX}business.json", 777, "")]


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    archives = {
        "yelp_dataset.tar": miniature_files.tar_gz(tables() | AGREEMENT),
        "yelp_photos.tar": miniature_files.tar_gz(photo_files() | AGREEMENT),
    }
    miniature_files.write_files(
        folder, {f"{PAGE}#{name}": (name, content) for name, content in archives.items()}
    )
    counts = {
        "review": 15, "review_joined": 15, "business": 4, "user": 4, "user_friends": 4,
        "checkin": 2, "tip": 4, "photo": 11, "photo_joined": 11,
    }  # fmt: skip
    miniature_files.write_table(
        folder / "counts.tsv",
        ["config", "split", "examples"],
        [(config, "train", count) for config, count in counts.items()],
    )
    miniature_files.write_table(
        folder / "members.tsv", ["edition", "member", "bytes", "digest"], members_table(tables())
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "yelp_open")
