"""Sentiment140: every published row at hand, against pandas and Python's csv, value by value."""

from __future__ import annotations

import collections
import csv
import datetime
import hashlib
import html
import zoneinfo

import miniature_scripts
import numpy as np
import pandas as pd
import preparing
import pytest
import tampering
import tensorflow_datasets as tfds
from tensorflow_datasets.datasets.sentiment140 import sentiment140_dataset_builder

_MADE = miniature_scripts.load("sentiment140_extended")
_FILES = {"train": _MADE.TRAIN, "test": _MADE.TEST}
# Of the files at hand; test is complete.
_COUNTS = {"train": 20_000, "test": 498}
_PACIFIC = zoneinfo.ZoneInfo("America/Los_Angeles")


@pytest.fixture(scope="module")
def prepared(real, tmp_path_factory):
    return preparing.prepared(
        "sentiment140_extended", tmp_path_factory.mktemp("real"), real, partial=True
    )


def by_row(builder, split):
    """All examples of a split, a column for each feature, in the order of the file."""
    columns = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
    order = np.argsort(columns["row"])
    return {name: column[order] for name, column in columns.items()}


def independent_rows(path):
    """Fields of each row as Python's csv reads them, strictly."""
    with path.open(encoding="latin-1", newline="") as file:
        return [[field.encode("latin-1") for field in row] for row in csv.reader(file, strict=True)]


@pytest.mark.parametrize("split", _FILES)
def test_every_value(real, prepared, split):
    found = by_row(prepared, split)
    expected = independent_rows(real / _FILES[split])
    assert len(expected) == _COUNTS[split] == len(found["row"])
    assert found["row"].tolist() == list(range(len(expected)))
    polarity, ids, date, query, user, text = map(list, zip(*expected))

    frame = pd.read_csv(real / _FILES[split], header=None, encoding="latin-1", na_filter=False)
    assert [str(value).encode("latin-1") for value in frame[5]] == text
    assert found["polarity"].tolist() == frame[0].tolist() == list(map(int, polarity))
    assert found["id"].tolist() == frame[1].tolist() == list(map(int, ids))
    for name, column in (("date", date), ("query", query), ("user", user), ("text", text)):
        assert found[name].tolist() == column, name
        column[0].decode()
    assert found["has_query"].tolist() == [value != b"NO_QUERY" for value in query]
    names = {0: "negative", 2: "neutral", 4: "positive"}
    label = prepared.info.features["label"]
    assert [label.int2str(int(n)) for n in found["label"]] == [names[int(p)] for p in polarity]
    assert found["timestamp"].tolist() == [_timestamp(one.decode()) for one in date]

    # All rows at hand are valid UTF-8, without mojibake that could be turned back.
    texts = [value.decode() for value in text]
    assert found["utf8_valid"].all() and not found["has_mojibake"].any()
    assert set(found["text_bytes"].tolist()) == {b""}
    unescaped = [html.unescape(value).encode() for value in texts]
    assert found["text_unescaped"].tolist() == found["text_repaired"].tolist() == unescaped
    assert found["has_entities"].tolist() == [u != t for u, t in zip(unescaped, text)]
    assert found["has_replacement"].tolist() == ["\ufffd" in value for value in texts]

    for prefix, values in (("", ids), ("text_", text)):
        rows = collections.defaultdict(list)
        for row, value in enumerate(values):
            rows[value].append(row)
        same = [rows[value] for value in values]
        count, conflict = ("id_count", "is_conflicting") if not prefix else (
            "text_count", "is_text_conflicting"
        )  # fmt: skip
        assert found[count].tolist() == [len(one) for one in same]
        assert found[conflict].tolist() == [len({polarity[i] for i in one}) > 1 for one in same]
    assert found["text_first_row"].tolist() == [one[0] for one in same]


def _timestamp(date: str) -> int:
    """Seconds by the standard library, with the zone's rules of the time zone database."""
    zone = {"PDT": _PACIFIC, "UTC": datetime.timezone.utc}[date[20:23]]
    naive = datetime.datetime.strptime(date[:20] + date[24:], "%a %b %d %H:%M:%S %Y")
    assert date[:3] == naive.strftime("%a")
    return int(naive.replace(tzinfo=zone).timestamp())


def test_counts_of_the_sheet(real, prepared):
    test, train = by_row(prepared, "test"), by_row(prepared, "train")
    assert np.unique(test["polarity"], return_counts=True)[1].tolist() == [177, 139, 182]
    queries = collections.Counter(test["query"].tolist())
    assert len(queries) == 81 and len(set(test["user"].tolist())) == 490
    assert queries.most_common(1) == [(b"time warner", 35)]
    assert queries[b'"night at the museum"'] == 25
    assert test["timestamp"][[0, -1]].tolist() == [1242011860, 1245015377]
    assert train["timestamp"][[0, -1]].tolist() == [1239081585, 1245166850]
    assert train["id"][[0, -1]].tolist() == [1467810369, 2193602129]
    assert train["text"][194].decode().count("\ufffd") >= 1
    assert prepared.info.metadata["missing"] == {"train": 1_580_000, "test": 0}


def test_configs(real, prepared, tmp_path):
    """The others are what the first one says they are."""
    full = {split: by_row(prepared, split) for split in _FILES}
    for config in ("clean", "binary"):
        builder = preparing.prepared(
            f"sentiment140_extended/{config}", tmp_path, real, partial=True
        )
        for split in _FILES:
            found, of_all = by_row(builder, split), full[split]
            kept = ~of_all["is_conflicting"] if config == "clean" else of_all["polarity"] != 2
            for name in found:
                expected = of_all[name][kept]
                if (config, name) == ("binary", "label"):
                    expected = expected // 2
                np.testing.assert_array_equal(found[name], expected)


def test_compat_is_the_standard_builder(real, tmp_path):
    builder = preparing.prepared("sentiment140_extended/tfds_compat", tmp_path, real, partial=True)
    standard = sentiment140_dataset_builder.Builder(data_dir=tmp_path / "standard")
    for split, file in _FILES.items():
        examples = standard._generate_examples(str(real / file))
        theirs = sorted(tuple(e[n].encode() for n in sorted(e)) for _, e in examples)
        columns = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        columns["polarity"] = columns["polarity"].astype("S")
        mine = sorted(zip(*(columns[name].tolist() for name in sorted(columns))))
        assert mine == theirs


@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
def test_other_line_ends(real, prepared, tmp_path, monkeypatch, end):
    """The published digest vouches for copies that only have other line ends."""
    name = _FILES["test"]
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / name).write_bytes((real / name).read_bytes().replace(b"\n", end))
    builder = preparing.prepared("sentiment140_extended", tmp_path / "data", copy, partial=True)
    found, expected = by_row(builder, "test"), by_row(prepared, "test")
    for column in expected:
        np.testing.assert_array_equal(found[column], expected[column])
    # Anything else that is altered is noticed where the file is complete.
    (copy / name).write_bytes((real / name).read_bytes().replace(b"kindle2", b"kindle3", 1))
    tampering.prepare_refused(
        "sentiment140_extended", tmp_path / "again", name, "sha256", manual_dir=copy, partial=True
    )


def test_digest_of_the_test_file(real):
    digest = hashlib.sha256((real / _FILES["test"]).read_bytes()).hexdigest()
    assert digest.startswith("c77669cc86ae85d3")
