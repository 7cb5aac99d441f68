"""FMA: each kind of bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import functools
import hashlib
import io
import pathlib
import zipfile

import numpy as np
import preparing
import pytest
import tampering
import tensorflow_datasets as tfds

from tfds_extra import core

_TRACKS, _RAW, _FEATURES, _ECHONEST = "tracks.csv", "raw_tracks.csv", "features.csv", "echonest.csv"


class Miniature(tampering.Miniature):
    """A copy of the miniature whose archives can be tampered with; its facts vouch for them."""

    NAME = "fma"

    def members(self, archive: str) -> dict[str, bytes]:
        """Content by name, below the root."""
        with zipfile.ZipFile(self.folder / f"{archive}.zip") as source:
            return {
                name.removeprefix(f"{archive}/"): source.read(name) for name in source.namelist()
            }

    def write(self, archive: str, members: dict[str, bytes], root: str | None = None) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as target:
            for name, data in members.items():
                target.writestr(f"{root or archive}/{name}", data, zipfile.ZIP_BZIP2)
        self.write_bytes(archive, content.getvalue())

    def write_bytes(self, archive: str, content: bytes) -> None:
        self.write_vouched(f"{archive}.zip", content)

    def replace_table(self, table: str, old: str, new: str, rows: int = 0) -> None:
        """Edits a table, which then has more or fewer rows by a number."""
        members = self.members("fma_metadata")
        before = members[table]
        assert before.count(old.encode()) >= 1, old
        members[table] = before.replace(old.encode(), new.encode(), 1)
        facts = self.folder / "tables.tsv"
        text = facts.read_text()
        for line in text.splitlines():
            name, number = line.split("\t")
            if name == table:
                text = text.replace(line, f"{name}\t{int(number) + rows}")
        facts.write_text(text)
        facts = self.folder / "metadata_members.tsv"
        text = facts.read_text()
        for kind in ("sha1", "sha256"):
            sums = [hashlib.new(kind, c).hexdigest() for c in (before, members[table])]
            text = text.replace(*sums)
        facts.write_text(text)
        self.write("fma_metadata", members)


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "mini", monkeypatch)


def prepare(data_dir: pathlib.Path, config: str = "small") -> core.Builder:
    return preparing.prepared(f"fma/{config}", data_dir, miniature=True)


refused = functools.partial(tampering.refused, "fma")


# -------------------------------------------------------------------------------------- archives


def test_untouched_copy_is_prepared(miniature, data_dir):
    for archive in ("fma_metadata", "fma_small"):
        miniature.write(archive, miniature.members(archive))
    assert prepare(data_dir).info.splits["train"].num_examples == 8


@pytest.mark.parametrize("archive", ["fma_metadata", "fma_small"])
def test_wrong_digest(miniature, data_dir, archive):
    path = miniature.folder / f"{archive}.zip"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with refused(data_dir, f"{archive}.zip", "it is another file"):
        prepare(data_dir)


@pytest.mark.parametrize("archive", ["fma_metadata", "fma_small"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_truncated_archive(miniature, data_dir, archive, share):
    content = (miniature.folder / f"{archive}.zip").read_bytes()
    miniature.write_bytes(archive, content[: int(len(content) * share)])
    with refused(data_dir, f"{archive}.zip"):
        prepare(data_dir)


def test_page_in_place_of_the_archive(miniature, data_dir):
    miniature.write_bytes("fma_small", b"<!DOCTYPE html><html>Sign in</html>")
    with refused(data_dir, "fma_small.zip", "HTML page"):
        prepare(data_dir)


def test_archive_of_another_set(miniature, data_dir):
    miniature.write("fma_small", miniature.members("fma_medium"), root="fma_medium")
    with refused(data_dir, "fma_small.zip", "not below fma_small/"):
        prepare(data_dir)


def test_damaged_member(miniature, data_dir):
    """The archive's own check sum of a member, should its digest not have been compared."""
    content = bytearray((miniature.folder / "fma_small.zip").read_bytes())
    at = content.index(b"fma_small/098/098565.mp3") + len(b"fma_small/098/098565.mp3") + 60
    content[at] ^= 0x55
    miniature.write_bytes("fma_small", bytes(content))
    with refused(data_dir, "fma_small.zip", "098/098565.mp3"):
        prepare(data_dir)


# ------------------------------------------------------------------------------------ recordings


def test_altered_recording(miniature, data_dir):
    members = miniature.members("fma_small")
    members["000/000005.mp3"] = members["000/000005.mp3"][:-1] + b"\x55"
    miniature.write("fma_small", members)
    with refused(data_dir, "000/000005.mp3: altered: its sha1", "Get the published archive again"):
        prepare(data_dir)


def test_recording_without_digest(miniature, data_dir):
    members = miniature.members("fma_small")
    lines = members["checksums"].decode().splitlines(keepends=True)
    members["checksums"] = "".join(line for line in lines if "000005" not in line).encode()
    miniature.write("fma_small", members)
    with refused(data_dir, "000/000005.mp3: altered"):
        prepare(data_dir)


@pytest.mark.parametrize("line", ["x" * 40 + "  000/000005.mp3", "0" * 39 + "   000/000005.mp3"])
def test_damaged_list_of_digests(miniature, data_dir, line):
    members = miniature.members("fma_small")
    members["checksums"] = line.encode() + b"\n"
    miniature.write("fma_small", members)
    with refused(data_dir, "fma_small.zip"):
        prepare(data_dir)


def test_no_list_of_digests(miniature, data_dir):
    members = miniature.members("fma_small")
    del members["checksums"]
    miniature.write("fma_small", members)
    with refused(data_dir, "fma_small.zip: checksums: there is no such file"):
        prepare(data_dir)


def test_missing_recording(miniature, data_dir):
    members = miniature.members("fma_small")
    del members["000/000005.mp3"], members["000/000140.mp3"]
    miniature.write("fma_small", members)
    with refused(
        data_dir, "000: 2 published recordings are missing, the first is 000/000005.mp3", "partial"
    ):
        prepare(data_dir)


@pytest.mark.parametrize(
    "name",
    [
        "000/000200.mp3",  # Of medium.
        "000/000004.mp3",  # Of no set.
        "000/001005.mp3",  # In the folder of others.
        "000/5.mp3",
        "000/000005.mp3.bak",
    ],
)
def test_foreign_file(miniature, data_dir, name):
    members = miniature.members("fma_small")
    members[name] = members["000/000005.mp3"]
    members["checksums"] += (
        hashlib.sha1(members[name]).hexdigest().encode() + f"  {name}\n".encode()
    )
    miniature.write("fma_small", members)
    with refused(
        data_dir, name, "it is not one of the published files", "remove what does not belong"
    ):
        prepare(data_dir)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 5000, b"\xff" * 5000, b"RIFF\0\0\0\0WAVE", b"ID3\4\0\0\x7f\x7f\x7f\x7f", b"\xff\xfb\x90\x00"],
)  # fmt: skip
def test_recording_that_is_none(miniature, data_dir, content):
    """Whatever the publisher has put there becomes an example, with a status."""
    members = miniature.members("fma_small")
    old = hashlib.sha1(members["000/000005.mp3"]).hexdigest().encode()
    members["000/000005.mp3"] = content
    members["checksums"] = members["checksums"].replace(
        old, hashlib.sha1(content).hexdigest().encode()
    )
    miniature.write("fma_small", members)
    builder = prepare(data_dir)
    statuses = builder.info.features["audio_status"]
    (example,) = (e for e in tfds.as_numpy(builder.as_dataset("train")) if e["track_id"] == 5)
    status = statuses.int2str(example["audio_status"])
    assert status == ("empty" if content[:3] in (b"", b"ID3") else "undecodable")
    assert example["audio"].shape[0] == example["num_samples"] == example["duration"] == 0


# ---------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize(
    "table, old, new, problem",
    [
        (_TRACKS, "track_id,", "track_id,x", "is no integer index"),
        (_TRACKS, ",training,small,", ",training,small,,", "54 cells, not 53"),
        (_TRACKS, ",training,small,", ",dev,small,", "there is no split 'dev'"),
        (_TRACKS, ",album,album", ",albums,album", "there is no column album/comments"),
        (_TRACKS, "Hip-Hop", "Hip-Hopp", "there is no root genre 'Hip-Hopp'"),
        (_TRACKS, "[21]", "[806]", "there is no genre 806"),
        (_TRACKS, "[21]", "[21", "column track/genres: '[21' is no list of integers"),
        (_TRACKS, "[21]", "[" * 100_000, "is no list of integers"),
        (_TRACKS, "[\"\"don't\"\"", "[__import__('os')", "is no list of texts"),
        (_TRACKS, "training,small,", 'training,"small,', "tracks.csv: "),
        (_RAW, "track_id,", "id,", ""),
        (_RAW, ",license_url,", ",licence_url,", "there is no column license_url"),
        (_FEATURES, "chroma_cens", "chroma", "column chroma/kurtosis/01 stands where"),
        (_FEATURES, "e+00", "e+", "is no number"),
        (_FEATURES, ",mean,", ",median,", "a column comes twice"),
        (_ECHONEST, "acousticness", "loudness", "there is no column audio_features/acousticness"),
        (_ECHONEST, ",223\n", ",224\n", "column temporal_features/224 stands where"),
        (_ECHONEST, "0.3333333333", "0.3.3", "is no number"),
    ],
)  # fmt: skip
def test_damaged_table(miniature, data_dir, table, old, new, problem):
    miniature.replace_table(table, old, new)
    if not problem:  # How the index is called is nobody's business.
        prepare(data_dir, "metadata_features")
        return
    with refused(data_dir, "fma_metadata.zip", table if "genre" not in problem else "", problem):
        prepare(data_dir, "metadata_features")


def test_bad_cell_is_named_by_line(miniature, data_dir):
    miniature.replace_table(_TRACKS, "[21]", "[21")
    text = miniature.members("fma_metadata")[_TRACKS].decode()
    # The row ends where its title is, behind the line breaks in its biography.
    line = text[: text.index('Track ""2""')].count("\n") + 1
    with refused(data_dir, f"tracks.csv: line {line}: column track/genres", "Get fma_metadata"):
        prepare(data_dir, "metadata")


def test_not_utf_8(miniature, data_dir):
    members = miniature.members("fma_metadata")
    members[_TRACKS] = members[_TRACKS].replace("päрт".encode(), b"p\xe4rt", 1)
    miniature.write("fma_metadata", members)
    with refused(data_dir, "tracks.csv: line ", "not UTF-8"):
        prepare(data_dir, "metadata")


def _row(miniature: Miniature, table: str, track_id: int) -> str:
    """A row of a table without line breaks in cells."""
    lines = miniature.members("fma_metadata")[table].decode().split("\n")
    return next(line for line in lines if line.startswith(f"{track_id},")) + "\n"


def test_rows_out_of_order(miniature, data_dir):
    row = _row(miniature, _FEATURES, 10)
    after = _row(miniature, _FEATURES, 140)
    miniature.replace_table(_FEATURES, row + after, after + row)
    with refused(data_dir, "features.csv", "track 10 comes after track 140"):
        prepare(data_dir, "metadata_features")


def test_track_that_comes_twice(miniature, data_dir):
    row = _row(miniature, _FEATURES, 10)
    miniature.replace_table(_FEATURES, row, row + row, rows=1)
    with refused(data_dir, "features.csv", "track 10 comes after track 10"):
        prepare(data_dir, "metadata_features")


@pytest.mark.parametrize("table", [_FEATURES, _ECHONEST])
def test_missing_row(miniature, data_dir, table):
    miniature.replace_table(table, _row(miniature, table, 10), "", rows=-1)
    if table == _ECHONEST:  # It never had all tracks.
        assert prepare(data_dir, "metadata_features").is_prepared()
        return
    with refused(data_dir, "features.csv: there is no row of track 10"):
        prepare(data_dir, "metadata_features")


@pytest.mark.parametrize("table", [_FEATURES, _ECHONEST])
def test_wrong_number_of_rows(miniature, data_dir, table):
    row = _row(miniature, table, 10)
    miniature.replace_table(table, row, "9" + row[2:] + row)
    with refused(data_dir, table, "rows, and", "were published"):
        prepare(data_dir, "metadata_features")


@pytest.mark.parametrize("table", [_TRACKS, _RAW, _FEATURES, _ECHONEST])
def test_altered_table(miniature, data_dir, table):
    """Each is held against its published digest, though it is only read piece by piece."""
    members = miniature.members("fma_metadata")
    at = members[table].rindex(b"0")
    members[table] = members[table][:at] + b"1" + members[table][at + 1 :]
    miniature.write("fma_metadata", members)
    with refused(data_dir, f"{table}: altered: its sha", "Get fma_metadata.zip again"):
        prepare(data_dir, "metadata_features")


@pytest.mark.parametrize("table", [_TRACKS, _RAW])
def test_no_such_table(miniature, data_dir, table):
    members = miniature.members("fma_metadata")
    del members[table]
    miniature.write("fma_metadata", members)
    with refused(data_dir, "fma_metadata.zip", f"{table}: there is no such file"):
        prepare(data_dir)


def test_tracks_that_are_left_out(miniature, data_dir):
    """A track that is in no split of the counts is noticed, whatever the tables agree upon."""
    miniature.replace_table(_TRACKS, ",training,large,", ",training,other,")
    with refused(data_dir, "split train", "14 examples were read, the publisher has 15"):
        prepare(data_dir, "metadata")


# ---------------------------------------------------------------------------------------- in part


@pytest.fixture
def prepare_part(miniature, data_dir, tmp_path, monkeypatch):
    """Prepares a part in which there is one table, and what an operating system left."""

    def run(config: str, table: str) -> core.Builder:
        tampering.use_facts(monkeypatch, "fma", miniature.folder)
        folder = tmp_path / "manual" / "fma_metadata"
        folder.mkdir(parents=True)
        (folder / table).write_bytes(miniature.members("fma_metadata")[table])
        (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        return preparing.prepared(f"fma/{config}", data_dir, tmp_path / "manual", partial=True)

    return run


def test_part_with_tracks_alone(prepare_part):
    """Of the other tables everything is missing, and said to be."""
    builder = prepare_part("metadata_features", _TRACKS)
    assert builder.info.splits.total_num_examples == 26
    for example in tfds.as_numpy(builder.as_dataset("train")):
        assert example["raw_track"]["license_url"] == b""
        assert not example["echonest"]["available"]
        assert np.isnan(example["features"]["mfcc"]).all()


def test_part_without_tracks(prepare_part):
    with pytest.raises(core.CorpusError, match="tracks.csv: there is no such file"):
        prepare_part("metadata", _RAW)
