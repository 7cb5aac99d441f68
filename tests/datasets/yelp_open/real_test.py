"""Yelp Open Dataset: every published row at hand, against json, pandas and literals read anew."""

from __future__ import annotations

import ast
import json
import pathlib
import re
from typing import Any

import numpy as np
import pandas as pd
import preparing
import pytest
import tampering

_COMMAS = ("Beer, Wine & Spirits", "Books, Mags, Music & Video", "Used, Vintage & Consignment")


def _lines(path: pathlib.Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def test_every_review(real, tmp_path):
    folder = real / "edition_2022"
    builder = preparing.prepared("yelp_open/review", tmp_path, folder, partial=True)
    found = preparing.examples(builder, "review_id")
    path = folder / "yelp_academic_dataset_review.json"
    rows = _lines(path)
    table = pd.read_json(path, lines=True, convert_dates=["date"], dtype={"stars": float})
    assert len(found) == len(rows) == len(table) == 500
    assert builder.info.metadata["missing"] == {"train": 6_990_280 - 500}
    for row, (_, read) in zip(rows, table.iterrows()):
        example = dict(found[row["review_id"]])
        assert example.pop("split") == "train"
        assert example.pop("timestamp") == int(read["date"].timestamp())
        assert example.pop("label") == row["stars"] - 1
        assert read["text"] == row["text"] and read["stars"] == row["stars"]
        for name, value in example.items():
            value = value.decode() if isinstance(value, bytes) else value
            assert value == row.pop(name), name
        assert not row


@pytest.mark.parametrize("edition, count", [("2022", 1000), ("2018", 249)])
def test_every_business(real, tmp_path, edition, count):
    folder = real / f"edition_{edition}"
    builder = preparing.prepared("yelp_open/business", tmp_path, folder, partial=True)
    found = preparing.examples(builder, "business_id")
    path = folder / "yelp_academic_dataset_business.json"
    rows = _lines(path)
    table = pd.read_json(path, lines=True, dtype={"postal_code": str}).set_index("business_id")
    assert len(found) == len(rows) == count
    days = builder.info.features["hours"]["day"]
    for row in rows:
        example, read = found[row["business_id"]], table.loc[row["business_id"]]
        for name in ("name", "address", "city", "state", "postal_code"):
            assert example[name].decode() == row[name] == read[name]
        for name in ("latitude", "longitude", "stars"):
            assert example[name] == row[name]  # Of float64, and halves.
        assert (example["review_count"], example["is_open"]) == (
            row["review_count"],
            row["is_open"],
        )
        assert example["neighborhood"].decode() == row.get("neighborhood", "")
        _check_categories(example, row["categories"])
        opening = example["hours"]
        raw = {
            days.int2str(day): text.decode() for day, text in zip(opening["day"], opening["raw"])
        }
        assert raw == (row["hours"] or {})
        for text, opens, closes in zip(raw.values(), opening["open_min"], opening["close_min"]):
            h, m, to_h, to_m = map(int, re.split("[:-]", text))
            assert (opens, closes) == (60 * h + m, 60 * to_h + to_m)
        raw = example["attributes_raw"]
        assert {n.decode(): v.decode() for n, v in zip(raw["name"], raw["value"])} == (
            row["attributes"] or {}
        )
        _check_attributes(builder.info.features["attributes"], example["attributes"], row)


def _check_categories(example: dict[str, Any], published: str | None) -> None:
    assert example["categories_raw"].decode() == (published or "")
    names = [name.decode() for name in example["categories"]]
    assert ", ".join(names) == (published or "")
    text = published or ""
    for number, name in enumerate(_COMMAS):
        text = text.replace(name, f"<{number}>")
    assert len(names) == (len(text.split(", ")) if text else 0)


def _check_attributes(features: Any, found: dict[str, Any], row: dict[str, Any]) -> None:
    """Each published attribute has its typed value, and every other feature says that it is missing."""
    values = {}
    for name, text in (row["attributes"] or {}).items():
        try:
            values[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            values[name] = text  # A word, in 2018.
    assert values.keys() <= found.keys()
    for name, typed in found.items():
        value = values.get(name)
        if isinstance(typed, dict):
            assert (value or {}).keys() <= typed.keys()
            for key, truth in typed.items():
                one = (value or {}).get(key)
                assert truth == (-1 if one is None else int(one)), (name, key)
        elif hasattr(features[name], "names"):
            assert typed == (-1 if value is None else features[name].str2int(value)), name
        elif isinstance(typed, bytes):
            assert typed.decode() == (value or "")
        elif isinstance(typed, np.ndarray):
            assert [diet.decode() for diet in typed] == [
                d for d, yes in (value or {}).items() if yes
            ]
        else:
            assert typed == (-1 if value is None else int(value)), name


def test_reviews_joined_with_their_businesses(real, tmp_path):
    """The first businesses and the first reviews have few ids in common; those are joined."""
    folder = real / "edition_2022"
    builder = preparing.prepared("yelp_open/review_joined", tmp_path, folder, partial=True)
    found = preparing.examples(builder, "review_id")
    businesses = {
        r["business_id"]: r for r in _lines(folder / "yelp_academic_dataset_business.json")
    }
    reviews = _lines(folder / "yelp_academic_dataset_review.json")
    assert len(found) == len(reviews) == 500
    for review in reviews:
        example = found[review["review_id"]]
        business = businesses.get(review["business_id"])
        assert example["has_business"] == (business is not None)
        assert not example["has_user"]  # There is no user.json here.
        assert example["text"].decode() == review["text"]
        facts = example["business"]
        for name in ("name", "address", "city", "state", "postal_code"):
            assert facts[name].decode() == (business[name] if business else "")
        for name in ("latitude", "longitude", "stars", "review_count", "is_open"):
            assert facts[name] == (business[name] if business else 0)
        published = (business["categories"] or "") if business else ""
        assert ", ".join(name.decode() for name in facts["categories"]) == published
    assert any(example["has_business"] for example in found.values())


def test_the_heads_are_not_the_corpus(real, tmp_path):
    for config, size, whole in (
        ("review", 375_993, "5,341,868,833"), ("business", 793_182, "118,863,795")
    ):  # fmt: skip
        tampering.prepare_refused(
            f"yelp_open/{config}", tmp_path / config, f"{config}.json", f"{size:,} bytes", whole,
            "partial", manual_dir=real / "edition_2022", num_workers=1,
        )  # fmt: skip


@pytest.mark.parametrize("config, part", [("tip", "2014 to 2017"), ("checkin", "2014 to 2017")])
def test_the_edition_of_2014_is_refused_by_name(real, tmp_path, config, part):
    tampering.prepare_refused(
        f"yelp_open/{config}", tmp_path, f"{config}.json: line 1", part,
        manual_dir=real / "edition_legacy_2014", partial=True,
    )  # fmt: skip
