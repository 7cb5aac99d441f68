"""Sentiment140: own copies, and bad input, which gives one clear error and leaves nothing behind."""

from __future__ import annotations

import hashlib

import miniature_scripts
import preparing
import pytest
import tampering
import tiers

from tfds_extra import core

_MADE = miniature_scripts.load("sentiment140_extended")
_NAME = "sentiment140_extended"
_ROWS = _MADE.rows()


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = _NAME

    def pack(self, members: dict[str, bytes]) -> None:
        """Has these files be the published archive."""
        self.write_vouched(_MADE.ARCHIVE, _MADE.archive(members))

    def extract(self, members: dict[str, bytes], folder: str = "") -> None:
        """Has these files be the user's extracted copy."""
        (self.folder / _MADE.ARCHIVE).unlink()
        (self.folder / folder).mkdir(exist_ok=True)
        for name, content in members.items():
            (self.folder / folder / name).write_bytes(content)


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def _with_row(file: str, row: int, **fields: bytes) -> dict[str, bytes]:
    """The published files, with other fields in a row of one of them."""
    names = ("polarity", "id", "date", "query", "user", "text")
    rows = list(_ROWS[file])
    rows[row] = tuple(fields.get(name, field) for name, field in zip(names, rows[row]))
    return {**_MADE.files(), file: _MADE.table(rows)}


def _unquoted(content: bytes) -> bytes:
    return content.replace(b'"', b"")


# What is done to the training file, and what the error says.
_DAMAGE = {
    "unquoted": (_unquoted, ("row 1", "quote")),
    "a header": (lambda c: b"target,ids,date,flag,user,text\n" + c, ("row 1", "target", "quote")),
    "a header in quotes": (
        lambda c: b'"target","ids","date","flag","user","text"\n' + c, ("row 1", "'target'"),
    ),
    "a byte order mark": (lambda c: b"\xef\xbb\xbf" + c, ("byte order mark",)),
    "cut in a field": (lambda c: c[:-20], ("row 21", "not closed")),
    "cut after a comma": (lambda c: c[: c.rindex(b',"lovely') + 1], ("row 21", "ends within")),
    "cut between rows": (lambda c: c[: c.rindex(b'"4","2147483653')], ("altered", "19 rows")),
    "a row more": (lambda c: c + c[:100].partition(b"\n")[0] + b"\n", ("altered", "22 rows")),
    "a field less": (lambda c: c.replace(b'"NO_QUERY",', b"", 1), ("row 1", "5 fields")),
    "a field more": (lambda c: c.replace(b'"NO_QUERY",', b'"NO_QUERY","",', 1), ("row 1", "7 fields")),
    "some fields unquoted": (lambda c: c.replace(b'"NO_QUERY"', b"NO_QUERY"), ("NO_QUERY", "quotes")),
    "a quote that is not doubled": (lambda c: c.replace(b"awful bus", b'awful "bus"'), ("doubled",)),
    "empty": (lambda c: b"", ("altered", "0 rows in 0 bytes")),
    "an empty line": (lambda c: c.replace(b'"\n"', b'"\n\n"', 1), ("row 1", "line end")),
    "a text altered": (lambda c: c.replace(b"cake", b"pear"), ("altered", "sha256")),
    "saved in another encoding": (lambda c: c.decode("latin-1").encode(), ("altered", "sha256")),
    "UTF-16": (lambda c: c.decode("latin-1").encode("utf-16"), ("row 1", "quote")),
}  # fmt: skip


@pytest.mark.parametrize("kind", tiers.sampled(_DAMAGE, ["unquoted", "a text altered"]))
def test_damaged_file(miniature, data_dir, kind):
    damage, parts = _DAMAGE[kind]
    content = damage(_MADE.files()[_MADE.TRAIN])
    assert content != _MADE.files()[_MADE.TRAIN]
    miniature.pack({**_MADE.files(), _MADE.TRAIN: content})
    tampering.prepare_refused(_NAME, data_dir, _MADE.ARCHIVE, _MADE.TRAIN, *parts)


_FIELDS = {
    "zone": ({"date": b"Mon Apr 06 22:19:45 PST 2009"}, ("PST", "zone", "PDT, UTC")),
    "long zone": ({"date": b"Mon Apr 06 22:19:45 CEST 2009"}, ("CEST", "zone")),
    "month": ({"date": b"Mon Avr 06 22:19:45 PDT 2009"}, ("Avr",)),
    "day": ({"date": b"Mon Apr 31 22:19:45 PDT 2009"}, ("Apr 31", "there is not")),
    "hour": ({"date": b"Mon Apr 06 24:19:45 PDT 2009"}, ("24:19", "there is not")),
    "date": ({"date": b"2009-04-06 22:19:45"}, ("no date such as",)),
    "polarity": ({"polarity": b"3"}, ("polarity 3", "0, 2 or 4")),
    "no polarity": ({"polarity": b""}, ("no number",)),
    "id": ({"id": b"1.4678e9"}, ("'1.4678e9' is no number",)),
    "large id": ({"id": b"1" * 30}, ("no number",)),
    "negative id": ({"id": b"-3"}, ("no number",)),
}


@pytest.mark.parametrize("kind", tiers.sampled(_FIELDS, ["zone"]))
def test_bad_field(miniature, data_dir, kind):
    """The message names the row, also where the digests vouch for the file."""
    fields, parts = _FIELDS[kind]
    members = _with_row(_MADE.TRAIN, 7, **fields)
    miniature.pack(members)
    _vouch_for(miniature, members)
    tampering.prepare_refused(_NAME, data_dir, _MADE.ARCHIVE, _MADE.TRAIN, "row 8", *parts)


def _vouch_for(miniature, members):
    lines = [
        f"{name}\t{hashlib.sha256(content).hexdigest()}\n" for name, content in members.items()
    ]
    (miniature.folder / "members.tsv").write_text("member\tsha256\n" + "".join(lines))


@pytest.mark.slow
def test_archive_that_is_cut(miniature, data_dir):
    content = (miniature.folder / _MADE.ARCHIVE).read_bytes()
    miniature.write_vouched(_MADE.ARCHIVE, content[:-20])
    tampering.prepare_refused(_NAME, data_dir, _MADE.ARCHIVE, error=ValueError)


@pytest.mark.slow
def test_members_missing_and_unknown(miniature, data_dir):
    miniature.pack({_MADE.TEST: _MADE.files()[_MADE.TEST]})
    tampering.prepare_refused(_NAME, data_dir, _MADE.ARCHIVE, _MADE.TRAIN, "missing", "partial")
    miniature.pack({**_MADE.files(), "other.csv": b"x"})
    tampering.prepare_refused(_NAME, data_dir, "other.csv", "not one of the published")


def _digest(builder) -> dict:
    return builder.info.metadata["order_digest"]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    builder = preparing.prepared(_NAME, tmp_path_factory.mktemp("expected"), miniature=True)
    return _digest(builder)


@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
@pytest.mark.parametrize("last", tiers.sampled([True, False], [True]))
def test_copies_that_were_saved_anew(miniature, data_dir, expected, end, last):
    """Other line ends, and a missing last one, are taken; the values are the published ones."""
    members = {name: _MADE.table(rows, end) for name, rows in _ROWS.items()}
    if not last:
        members = {name: content.removesuffix(end) for name, content in members.items()}
    miniature.extract(members)
    assert _digest(preparing.prepared(_NAME, data_dir, miniature=True)) == expected


@pytest.mark.slow
def test_one_file_with_other_line_ends_and_another_text(miniature, data_dir):
    members = _with_row(_MADE.TRAIN, 3, text=b"altered")
    members[_MADE.TRAIN] = members[_MADE.TRAIN].replace(b"\n", b"\r\n")
    miniature.extract(members)
    tampering.prepare_refused(_NAME, data_dir, _MADE.TRAIN, "altered", "sha256")


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["", "trainingandtestdata", "sentiment140"])
def test_beside_other_files(miniature, data_dir, expected, folder):
    """`manual_dir` may hold whatever else there is; a folder of the corpus may not."""
    miniature.extract(_MADE.files(), folder)
    (miniature.folder / "of another corpus.bin").write_bytes(b"x")
    assert _digest(preparing.prepared(_NAME, data_dir, miniature=True)) == expected


@pytest.mark.slow
def test_parts(tmp_path, monkeypatch, data_dir):
    """Some rows of one file are a part, and are prepared as one only where that is asked for."""
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / _MADE.TRAIN).write_bytes(_MADE.table(_ROWS[_MADE.TRAIN][:12]).removesuffix(b"\n"))
    builder = preparing.prepared(_NAME, data_dir, folder, partial=True)
    assert {name: split.num_examples for name, split in builder.info.splits.items()}["train"] == 12
    assert builder.info.metadata["missing"] == {"train": 1_600_000 - 12, "test": 498}
    (folder / _MADE.TEST).write_bytes(_MADE.files()[_MADE.TEST])
    with pytest.raises(core.CorpusError, match=r"altered: 12 rows.*partial"):
        preparing.prepared(_NAME, tmp_path / "whole", folder)
