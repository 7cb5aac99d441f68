"""Yelp Open Dataset: bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

import miniature_files
import miniature_scripts
import preparing
import pytest
import tampering
import tensorflow_datasets as tfds
import tiers

from tfds_extra.core import validation

_MADE = miniature_scripts.load("yelp_open")
_DATA, _PHOTOS = "yelp_dataset.tar", "yelp_photos.tar"


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = "yelp_open"

    def write_tables(
        self, tables: dict[str, bytes], *, known: bool = True, **others: bytes
    ) -> None:
        """Writes the archive of tables.

        Args:
          tables: Contents by member name.
          known: Whether their sizes and digests are what was published.
          **others: Contents by member name, of what is no table.
        """
        self.write_vouched(_DATA, miniature_files.tar_gz(tables | _MADE.AGREEMENT | others))
        if known:
            header = ["edition", "member", "bytes", "digest"]
            rows = _MADE.members_table(tables)
            miniature_files.write_table(self.folder / "members.tsv", header, rows)


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def _with(table: str, content: bytes) -> dict[str, bytes]:
    """The published tables with another content of one of them."""
    return _MADE.tables() | {f"{_MADE.PREFIX}{table}.json": content}


def _changed(table: str, row: int, **changes: Any) -> dict[str, bytes]:
    """The published tables with a row changed; a value of None takes the key away."""
    rows = [dict(one) for one in getattr(_MADE, {"review": "reviews", "user": "users"}.get(
        table, {"business": "businesses", "tip": "tips", "checkin": "checkins"}.get(table, ""))
    )()]  # fmt: skip
    rows[row].update(changes)
    rows[row] = {key: value for key, value in rows[row].items() if value is not ...}
    return _with(table, _MADE.lines(rows))


def _refused(data_dir, config: str, *parts: str, error=ValueError) -> None:
    tampering.prepare_refused(f"yelp_open/{config}", data_dir, *parts, error=error)


# Configuration, table, row and changes; what the error says.
_DAMAGES = {
    "half a surrogate pair": ("review", "review", 2, {"text": "\ud83d"}, "line 3", "surrogate"),
    "a number for a text": ("review", "review", 2, {"text": 5}, "line 3", "text is '5'"),
    "a text for a number": ("review", "review", 3, {"useful": "many"}, "line 4", "useful is"),
    "a fraction for a number": ("review", "review", 3, {"useful": 1.5}, "line 4", "useful is"),
    "too large a number": ("review", "review", 3, {"cool": 2**40}, "line 4", "out of range"),
    "far too large a number": ("review", "review", 3, {"cool": 10**30}, "line 4", "cool is"),
    "no date": ("review", "review", 4, {"date": "2018-02-30 10:00:00"}, "line 5", "is no date"),
    "a key that is missing": ("review", "review", 1, {"stars": ...}, "line 2", "no 'stars'"),
    "a key that is unknown": ("review", "review", 1, {"mood": 1}, "line 2", "unknown key 'mood'"),
    "years that are none": ("user", "user", 1, {"elite": "2018,19"}, "line 2", "no years"),
    "hours of no day": ("business", "business", 2, {"hours": {"Funday": "1:0-2:0"}}, "line 3", "Funday"),
    "hours that are a list": ("business", "business", 2, {"hours": ["1:0"]}, "line 3", "no object"),
    "an attribute that is a list": (
        "business", "business", 2, {"attributes": {"WiFi": [[]]}}, "line 3", "WiFi"
    ),
    "a latitude that is a text": (
        "business", "business", 1, {"latitude": "north"}, "line 2", "latitude is"
    ),
    "neither open nor closed": ("business", "business", 1, {"is_open": 2}, "line 2", "is_open is '2'"),
    "check-ins by hour": (
        "checkin", "checkin", 0, {"date": ..., "time": {"Fri-0": 2}}, "line 1", "up to 2018"
    ),
    "a date of a check-in": ("checkin", "checkin", 1, {"date": "2016-04-26, soon"}, "line 2", "'soon'"),
    "an academic edition": ("tip", "tip", 0, {"type": "tip"}, "line 1", "2014 to 2017"),
    "an unknown edition": ("tip", "tip", 0, {"mood": 1}, "line 1", "no edition", "mood"),
    "an id that comes twice": (
        "review_joined", "user", 1, {"user_id": _MADE.id_("u", 0)}, "user.json", "twice"
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    tiers.sampled(
        _DAMAGES,
        quick=("half a surrogate pair", "no date", "check-ins by hour", "an academic edition"),
    ),
)
def test_lines_that_are_damaged(miniature, data_dir, damage):
    config, table, row, changes, *parts = _DAMAGES[damage]
    if damage.startswith("half"):
        tables = _changed(table, row, text="HALF")
        name = f"{_MADE.PREFIX}{table}.json"
        tables[name] = tables[name].replace(b"HALF", b"\\ud83d")
    else:
        tables = _changed(table, row, **changes)
    miniature.write_tables(tables)
    _refused(data_dir, config, _DATA, f"{_MADE.PREFIX}{table}.json", *parts)


_NO_LINES = [
    (b"[1, 2]", "no JSON object"),
    (b'{"review_id": "x"', "no JSON"),
    (b'{"review_id": "x"} {}', "no JSON"),
    (b'{"review_id": "x", "review_id": "y"}', "comes twice"),
    (b'{"review_id": ' + b"[" * 100_000, "no JSON"),
    (b'{"stars": NaN}', "no JSON"),
    (b"\xff\xfe", "not UTF-8"),
    (b"\x1f\x8b\x08\0\0\0", "not UTF-8"),
]


@pytest.mark.parametrize("line, part", tiers.sampled(_NO_LINES, quick=_NO_LINES[4:5]))
def test_lines_that_are_none(miniature, data_dir, line, part):
    content = _MADE.tables()[f"{_MADE.PREFIX}review.json"]
    miniature.write_tables(_with("review", content + line + b"\n"))
    _refused(data_dir, "review", _DATA, f"{_MADE.PREFIX}review.json: line 16", part)


def test_a_table_that_is_cut(miniature, data_dir):
    content = _MADE.tables()[f"{_MADE.PREFIX}review.json"]
    miniature.write_tables(_with("review", content[:-40]))
    _refused(data_dir, "review", "line 15", "no JSON")
    miniature.write_tables(_with("review", content[: content.rindex(b"\n", 0, -1) + 1]))
    _refused(data_dir, "review", "14 examples were read, the publisher has 15")


def test_an_archive_that_is_cut(miniature, data_dir):
    content = (miniature.folder / _DATA).read_bytes()
    miniature.write_vouched(_DATA, content[:-20])
    _refused(data_dir, "tip", _DATA)


def test_a_table_of_another_edition(miniature, data_dir):
    content = _MADE.tables()[f"{_MADE.PREFIX}business.json"]
    miniature.write_tables(_with("business", content[:777]), known=False)
    for config in ("business", "photo_joined"):
        _refused(data_dir, config, "business.json", "777 bytes", "that of 2020", "partial")
    miniature.write_tables(_with("business", content[:100]), known=False)
    _refused(data_dir, "business", "it has 100 bytes", f"{len(content):,} in the edition of 2022")


@pytest.mark.slow
def test_a_table_that_is_altered(miniature, data_dir):
    name = f"{_MADE.PREFIX}tip.json"
    content = _MADE.tables()[name].replace(b"cake", b"cook", 1)
    miniature.write_tables(_with("tip", content), known=False)
    _refused(data_dir, "tip", name, "altered: its sha256 is")


@pytest.mark.slow
def test_tables_that_are_missing(miniature, data_dir):
    for table, config in {"review": "review", "user": "review_joined"}.items():
        tables = dict(_MADE.tables())
        del tables[f"{_MADE.PREFIX}{table}.json"]
        miniature.write_tables(tables)
        _refused(data_dir, config, f"{_MADE.PREFIX}{table}.json: it is missing")


@pytest.mark.slow
def test_tables_that_are_mixed_up(miniature, data_dir):
    tables = _MADE.tables()
    miniature.write_tables(_with("review", tables[f"{_MADE.PREFIX}tip.json"]))
    _refused(data_dir, "review", "line 1", "of the table tip, where review belongs")


def test_strangers(miniature, data_dir):
    miniature.write_tables(_MADE.tables(), **{"reviews.csv": b"a,b\n"})
    _refused(data_dir, "checkin", "reviews.csv", "not one of the published files")
    photos = miniature_files.tar_gz(_MADE.photo_files() | {"photos/a.png": b"x"})
    miniature.write_vouched(_PHOTOS, photos)
    _refused(data_dir, "photo", "photos/a.png", "not one of the published files")


def test_photos_without_their_table(miniature, data_dir):
    files = _MADE.photo_files()
    del files["photos.json"]
    miniature.write_vouched(_PHOTOS, miniature_files.tar_gz(files))
    _refused(data_dir, "photo", "photos.json: it is missing")
    assert not list(data_dir.rglob("*.sqlite*"))


@pytest.mark.slow
def test_a_photo_that_is_missing(miniature, data_dir):
    files = _MADE.photo_files()
    del files[f"photos/{_MADE.BROKEN}.jpg"]
    miniature.write_vouched(_PHOTOS, miniature_files.tar_gz(files))
    _refused(data_dir, "photo", "10 examples were read, the publisher has 11")


def test_nothing_is_there(tmp_path, data_dir):
    with tampering.refused("yelp_open", data_dir, "yelp_dataset.tar", "Yelp-JSON.zip", "terms"):
        preparing.prepared("yelp_open", data_dir, tmp_path)


# ------------------------------------------------------------------- parts, and older editions


def _prepared_part(
    tmp_path, data_dir, config: str, files: dict[str, bytes]
) -> list[dict[str, Any]]:
    folder = tmp_path / "files"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    builder = preparing.prepared(f"yelp_open/{config}", data_dir, folder, partial=True)
    return list(builder.as_dataset(split="train").as_numpy_iterator())


@pytest.mark.slow
def test_editions_of_2018(tmp_path, data_dir):
    tips = [dict(row) for row in _MADE.tips()]
    for number, row in enumerate(tips):
        row["likes"] = row.pop("compliment_count") + 5
        row["date"] = f"2012-05-1{number}"
    found = _prepared_part(tmp_path, data_dir, "tip", {"tip.json": _MADE.lines(tips)})
    assert sorted((e["likes"], e["date"]) for e in found) == [
        (5, b"2012-05-10"), (5, b"2012-05-11"), (6, b"2012-05-12"), (6, b"2012-05-13")
    ]  # fmt: skip
    assert {e["compliment_count"] for e in found} == {-1}
    businesses = [dict(row) for row in _MADE.businesses()]
    businesses[0] |= {
        "neighborhood": "Old Town",
        "categories": ["Bakeries", "Food"],
        "attributes": {"WiFi": "free", "HasTV": True, "BusinessParking": {"lot": False}},
    }
    for row in businesses[1:]:
        row["neighborhood"] = ""
    found = _prepared_part(
        tmp_path / "b", data_dir, "business", {"business.json": _MADE.lines(businesses)}
    )
    (first,) = [e for e in found if e["business_id"].decode() == _MADE.id_("b", 0)]
    assert first["neighborhood"] == b"Old Town"
    assert first["categories"].tolist() == [b"Bakeries", b"Food"]
    assert (first["attributes"]["HasTV"], first["attributes"]["WiFi"]) == (1, 1)
    assert first["attributes"]["BusinessParking"]["lot"] == 0
    assert first["attributes_raw"]["value"].tolist() == [b"free", b"True", b"{'lot': False}"]


@pytest.mark.slow
def test_a_whole_edition_with_more_rows(tmp_path, data_dir, monkeypatch):
    facts = tmp_path / "facts"
    facts.mkdir()
    (facts / "counts.tsv").write_text("config\tsplit\texamples\nbusiness\ttrain\t3\n")
    (facts / "members.tsv").write_text("edition\tmember\tbytes\tdigest\n")
    tampering.use_facts(monkeypatch, "yelp_open", facts)
    files = {f"{_MADE.PREFIX}business.json": _MADE.lines(_MADE.businesses())}
    assert len(_prepared_part(tmp_path, data_dir, "business", files)) == 4
    builder = tfds.builder("yelp_open/business", data_dir=data_dir, partial=True)
    assert builder.info.metadata["missing"] == {"train": -1}
    findings = list(validation.validate(builder, manual_dir=tmp_path / "files"))
    assert "(4 examples)" in findings[-1].subject
    assert not [finding for finding in findings if finding.is_wrong]


def test_tables_among_files_of_other_corpora(tmp_path, data_dir):
    name = f"{_MADE.PREFIX}review.json"
    lines = _MADE.tables()[name].splitlines(keepends=True)
    # Saved by Windows: a byte order mark, other line ends, none at the end.
    content = (
        b"\xef\xbb\xbf" + b"".join(lines[:7]).replace(b"\n", b"\r\n") + b"\r\n" + lines[7].rstrip()
    )
    files = {name: content, "other/corpus.bin": b"x", "notes.txt": b"x"}
    found = _prepared_part(tmp_path, data_dir, "review", files)
    expected = [json.loads(line) for line in lines[:8]]
    assert {e["text"].decode() for e in found} == {row["text"] for row in expected}


@pytest.mark.slow
def test_a_part_without_users(tmp_path, data_dir):
    files = {n: c for n, c in _MADE.tables().items() if "user" not in n and "tip" not in n}
    found = _prepared_part(tmp_path, data_dir, "review_joined", files)
    assert {bool(e["has_user"]) for e in found} == {False}
    assert sum(e["has_business"] for e in found) == 14
