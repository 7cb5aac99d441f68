"""Yelp Open Dataset: the miniature."""

from __future__ import annotations

import datetime
import gzip
import io
import pathlib
import shutil
import tempfile
import zipfile
from typing import Any
from unittest import mock

import builder_testing
import miniature_files
import miniature_scripts
import numpy as np
import PIL.Image
import preparing
import pytest
import tensorflow_datasets as tfds

from tfds_extra.datasets.yelp_open import yelp_open_dataset_builder as module

_MADE = miniature_scripts.load("yelp_open")
_KEYS = {
    "review": "review_id",
    "review_joined": "review_id",
    "business": "business_id",
    "user": "user_id",
    "user_friends": "user_id",
    "checkin": "business_id",
    "photo": "photo_id",
    "photo_joined": "photo_id",
}


def _seconds(date: str) -> int:
    """A published date in seconds since 1970, taken for UTC."""
    return int(datetime.datetime.fromisoformat(f"{date}+00:00").timestamp())


def _texts(values: Any) -> list[str]:
    return [value.decode() for value in values]


class YelpOpenTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    # In about.tsv there is no `standard`: yelp_polarity_reviews has other rows (a sample of 2015), other classes.
    MINIATURE = {
        config: {"train": count}
        for config, count in (
            ("review", 15),
            ("review_joined", 15),
            ("business", 4),
            ("user", 4),
            ("user_friends", 4),
            ("checkin", 2),
            ("tip", 4),
            ("photo", 11),
            ("photo_joined", 11),
        )
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._examples = {}

    def examples(self, config: str) -> dict[str, dict[str, Any]]:
        """Examples by id, read back once for all tests."""
        builder = self.prepare(config)
        if config not in self._examples:
            self._examples[config] = preparing.examples(builder, _KEYS[config])
        return self._examples[config]

    def assert_texts(self, found: dict[str, Any], row: dict[str, Any], *names: str) -> None:
        for name in names:
            self.assertEqual(found[name].decode(), row[name], name)

    def test_reviews(self):
        found = self.examples("review")
        for row in _MADE.reviews():
            example = found[row["review_id"]]
            self.assert_texts(example, row, "text", "date", "user_id", "business_id")
            self.assertEqual(example["stars"], row["stars"])
            self.assertEqual(example["label"], row["stars"] - 1)
            for vote in ("useful", "funny", "cool"):
                self.assertEqual(example[vote], row[vote])
            self.assertEqual(example["timestamp"], _seconds(row["date"]))
        self.assertEqual(self.builder.info.features["label"].names, ["1", "2", "3", "4", "5"])

    def test_joined_reviews(self):
        plain, found = self.examples("review"), self.examples("review_joined")
        users = {row["user_id"]: row for row in _MADE.users()}
        businesses = {row["business_id"]: row for row in _MADE.businesses()}
        without = {"user": 0, "business": 0}
        for review_id, example in found.items():
            for name, value in plain[review_id].items():
                np.testing.assert_array_equal(example[name], value)
            for table, rows in (("user", users), ("business", businesses)):
                row = rows.get(example[f"{table}_id"].decode())
                facts = example[table]
                self.assertEqual(example[f"has_{table}"], row is not None)
                if row is None:
                    without[table] += 1
                    self.assertEqual(facts["name"], b"")
                    self.assertEqual(facts["review_count"], 0)
                else:
                    self.assert_texts(facts, row, "name")
                    self.assertEqual(facts["review_count"], row["review_count"])
            if example["has_business"]:
                business = businesses[example["business_id"].decode()]
                self.assert_texts(example["business"], business, "city", "state", "postal_code")
                self.assertEqual(example["business"]["latitude"], business["latitude"])
                self.assertEqual(example["business"]["is_open"], business["is_open"])
        self.assertEqual(without, {"user": 3, "business": 1})
        first = found[_MADE.reviews()[0]["review_id"]]
        self.assertEqual(
            _texts(first["business"]["categories"]), ["Bakeries", "Food", "Beer, Wine & Spirits"]
        )
        self.assertEqual(first["user"]["elite"].tolist(), [2018, 2019, 2020, 2021])
        self.assertEqual(first["user"]["average_stars"], np.float32(3.91))
        # In folders of their own, other tests call only a step of what prepares.
        self.assertFalse(list(pathlib.Path(self._folder.name, "downloads").rglob("*.sqlite")))

    @pytest.mark.slow
    def test_joined_by_workers_and_on_beam(self):
        self.assert_workers_make_the_same("review_joined")
        self.assert_beam_makes_the_same("review_joined")

    def test_businesses(self):
        found = self.examples("business")
        for row in _MADE.businesses():
            example = found[row["business_id"]]
            self.assert_texts(example, row, "name", "address", "city", "state", "postal_code")
            for name in ("latitude", "longitude", "stars", "review_count", "is_open"):
                self.assertEqual(example[name], row[name])
            self.assertEqual(example["latitude"].dtype, np.float64)
            self.assertEqual(example["categories_raw"].decode(), row["categories"] or "")
            raw = example["attributes_raw"]
            self.assertEqual(
                dict(zip(_texts(raw["name"]), _texts(raw["value"]))), row["attributes"] or {}
            )
            days = self.prepare("business").info.features["hours"]["day"]
            self.assertEqual(
                dict(
                    zip(map(days.int2str, example["hours"]["day"]), _texts(example["hours"]["raw"]))
                ),
                row["hours"] or {},
            )
        hours = found[_MADE.id_("b", 0)]["hours"]
        self.assertEqual(hours["open_min"].tolist(), [0, 510, 1020, -1])
        self.assertEqual(hours["close_min"].tolist(), [0, 1020, 150, -1])
        self.assertEqual(
            _texts(found[_MADE.id_("b", 2)]["categories"]),
            [
                "Books, Mags, Music & Video",
                "Used, Vintage & Consignment",
                "Wills, Trusts, & Probates",
                "Shopping",
            ],
        )
        self.assertEqual(len(found[_MADE.id_("b", 1)]["categories"]), 0)

    def test_attributes(self):
        found = self.examples("business")
        named = self.prepare("business").info.features["attributes"]
        typed = found[_MADE.id_("b", 0)]["attributes"]
        flags = {"BikeParking": 1, "HasTV": 0, "DriveThru": -1, "GoodForKids": -1}
        for name, value in flags.items():
            self.assertEqual(typed[name], value)
        for name, word in {
            "WiFi": "free",
            "Alcohol": "full_bar",
            "NoiseLevel": "very_loud",
        }.items():
            self.assertEqual(named[name].int2str(typed[name]), word)
        self.assertEqual(typed["Smoking"], -1)
        self.assertEqual(typed["RestaurantsPriceRange2"], 2)
        self.assertEqual(
            typed["BusinessParking"],
            {"garage": 0, "street": 1, "validated": -1, "lot": 0, "valet": -1},
        )
        self.assertEqual(typed["Ambience"]["romantic"], 1)
        self.assertEqual(set(typed["Music"].values()), {-1})
        self.assertEqual(set(typed["HairSpecializesIn"].values()), {-1})
        self.assertEqual(typed["AgesAllowed"], b"21plus")
        self.assertEqual(_texts(typed["DietaryRestrictions"]), ["vegan", "kosher"])
        without = found[_MADE.id_("b", 1)]["attributes"]
        self.assertEqual(without["WiFi"], -1)
        self.assertEqual(without["RestaurantsPriceRange2"], -1)

    @pytest.mark.slow
    def test_users(self):
        found, with_friends = self.examples("user"), self.examples("user_friends")
        for row in _MADE.users():
            example = found[row["user_id"]]
            self.assert_texts(example, row, "name", "yelping_since")
            self.assertEqual(example["elite_raw"].decode(), row["elite"])
            self.assertEqual(example["yelping_since_timestamp"], _seconds(row["yelping_since"]))
            for name in ("review_count", "useful", "funny", "cool", "fans", "compliment_photos"):
                self.assertEqual(example[name], row[name])
            self.assertEqual(example["average_stars"], np.float32(row["average_stars"]))
            more = dict(with_friends[row["user_id"]])
            friends = _texts(more.pop("friends"))
            self.assertEqual(friends, [f for f in row["friends"].split(", ") if len(f) == 22])
            self.assertEqual(example["num_friends"], len(friends))
            self.assertEqual(set(more), set(example))
        years = [found[_MADE.id_("u", n)]["elite"].tolist() for n in range(4)]
        self.assertEqual(years, [[2018, 2019, 2020, 2021], [], [], [2020]])

    @pytest.mark.slow
    def test_checkins(self):
        found = self.examples("checkin")
        for row in _MADE.checkins():
            example, dates = found[row["business_id"]], row["date"].split(", ")
            self.assertEqual(_texts(example["dates"]), dates)
            self.assertEqual(example["timestamps"].tolist(), [_seconds(date) for date in dates])
            self.assertEqual(example["count"], len(dates))

    @pytest.mark.slow
    def test_tips(self):
        examples = tfds.as_numpy(self.prepare("tip").as_dataset(split="train"))
        found = {int(example["row"]): example for example in examples}
        self.assertEqual(set(found), set(range(4)))
        for number, row in enumerate(_MADE.tips()):
            example = found[number]
            self.assert_texts(example, row, "text", "user_id", "business_id", "date")
            self.assertEqual(example["compliment_count"], row["compliment_count"])
            self.assertEqual(example["likes"], -1)
            self.assertEqual(example["timestamp"], _seconds(row["date"]))

    @pytest.mark.slow
    def test_photos(self):
        found, joined = self.examples("photo"), self.examples("photo_joined")
        rows = {row["photo_id"]: row for row in _MADE.photos()}
        label = self.prepare("photo").info.features["label"]
        self.assertEqual(set(found), set(_MADE.pictures()))
        for photo_id, example in found.items():
            content = _MADE.pictures()[photo_id]
            is_ok = photo_id not in (_MADE.BROKEN, _MADE.EMPTY)
            self.assertEqual(example["image_ok"], is_ok)
            self.assertEqual(example["image_bytes"], b"" if is_ok else content)
            if is_ok:
                with PIL.Image.open(io.BytesIO(content)) as picture:
                    expected = np.asarray(picture.convert("RGB"), int)
                self.assertLess(np.abs(example["image"] - expected).max(), 3)
            else:
                self.assertEqual(example["image"].tolist(), [[[0, 0, 0]]])
            row = rows.get(photo_id)
            self.assertEqual(example["has_row"], row is not None)
            if row:
                self.assert_texts(example, row, "caption", "business_id")
                expected = row["label"] if row["label"] != "none" else None
                named = label.int2str(example["label"]) if example["label"] >= 0 else None
                self.assertEqual(named, expected)
            has = row is not None and row["business_id"] != _MADE.id_("b", 8)
            self.assertEqual(joined[photo_id]["has_business"], has)
            names = {b["business_id"]: b["name"] for b in _MADE.businesses()}
            name = names[row["business_id"]] if has else ""
            self.assertEqual(joined[photo_id]["business"]["name"].decode(), name)

    def test_official_counts(self):
        for config, count in {
            "review": 6_990_280, "review_joined": 6_990_280, "business": 150_346,
            "user": 1_987_897, "user_friends": 1_987_897, "checkin": 131_930, "tip": 908_915,
            "photo": 200_100, "photo_joined": 200_100,
        }.items():  # fmt: skip
            builder = self.DATASET_CLASS(config=config)
            self.assertEqual(builder.expected_counts, {"train": count})

    # --------------------------------------------------------------------- archives that people have

    def assert_prepared_from(self, files: dict[str, bytes], config: str) -> None:
        """The same is made of archives of other names and forms, brought by hand."""
        self.prepare(config)
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, "miniature")
            shutil.copytree(self.DATASET_CLASS.miniature_dir(), copy)
            for old in copy.glob("*.tar"):
                old.unlink()
            urls = {
                url: (info.filename, files[info.filename])
                for url, info in self.DATASET_CLASS.url_infos.items()
                if info.filename in files
            }
            tables = {path.name: path.read_bytes() for path in copy.glob("*.tsv")}
            miniature_files.write_files(copy, urls)
            # The published names stay known, although there are no such files.
            tables["checksums.tsv"] += (copy / "checksums.tsv").read_bytes()
            for name, content in tables.items():
                (copy / name).write_bytes(content)
            patch = classmethod(lambda cls: copy)
            with mock.patch.object(self.DATASET_CLASS, "miniature_dir", patch):
                self.assert_prepared_as_before(config)

    def test_publishers_zip(self):
        tar = miniature_files.tar_gz(_MADE.tables() | _MADE.AGREEMENT)
        photos = miniature_files.tar_gz(
            {f"yelp_photos/{n}": c for n, c in (_MADE.photo_files() | _MADE.AGREEMENT).items()}
        )
        files = {
            "Yelp-JSON.zip": _zip({
                "Yelp JSON/yelp_dataset.tar": tar,
                "__MACOSX/Yelp JSON/._yelp_dataset.tar": b"left",
                "Yelp JSON/Yelp Dataset Documentation.pdf": b"%PDF",
            }),
            "Yelp-Photos.zip": _zip({"Yelp Photos/yelp_photos.tar": photos}),
        }  # fmt: skip
        self.assert_prepared_from(files, "photo_joined")

    def test_kaggles_zip_and_a_plain_tar(self):
        for name in ("archive.zip", "yelp-dataset.zip"):
            self.assert_prepared_from({name: _zip(_MADE.tables() | _MADE.AGREEMENT)}, "review")
        plain = _tar({f"yelp_dataset/{name}": c for name, c in _MADE.tables().items()})
        with mock.patch.object(
            module, "_RANGE", 500
        ):  # Lines that reach from one part into the next.
            self.assert_prepared_from({"yelp_dataset.tar": plain}, "review")

    @pytest.mark.slow
    def test_plain_tar_of_photos(self):
        self.assert_prepared_from({"yelp_photos.tgz": _tar(_MADE.photo_files())}, "photo")


def _zip(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    """A tar that is not compressed."""
    return gzip.decompress(miniature_files.tar_gz(files))
