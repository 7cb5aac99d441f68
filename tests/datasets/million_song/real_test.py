"""Million Song Dataset: every field of every published file at hand, against PyTables."""

from __future__ import annotations

import collections
import hashlib
import io
import pathlib
import shutil
from typing import Any

import numpy as np
import preparing
import pytest
import tables
import tampering

from tfds_extra.datasets.million_song import features
from tfds_extra.formats import FormatError, million_song, msd_lists

# What the publisher's hdf5_getters.py has a function for.
_GETTERS = """
    artist_familiarity artist_hotttnesss artist_id artist_mbid artist_playmeid artist_7digitalid
    artist_latitude artist_longitude artist_location artist_name release release_7digitalid song_id
    song_hotttnesss title track_7digitalid similar_artists artist_terms artist_terms_freq
    artist_terms_weight analysis_sample_rate audio_md5 danceability duration end_of_fade_in energy key
    key_confidence loudness mode mode_confidence start_of_fade_out tempo time_signature
    time_signature_confidence track_id segments_start segments_confidence segments_pitches
    segments_timbre segments_loudness_max segments_loudness_max_time segments_loudness_start
    sections_start sections_confidence beats_start beats_confidence bars_start bars_confidence
    tatums_start tatums_confidence artist_mbtags artist_mbtags_count year
""".split()
_GROUPS = ("metadata", "analysis", "musicbrainz")


def by_pytables(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Every column and array of the file of a song but those that say where arrays begin."""
    found = {}
    with tables.open_file(path) as file:
        for name in _GROUPS:
            group = file.root._f_get_child(name)
            for node in group:
                if node.name != "songs":
                    found[node.name] = node.read()
            (row,) = group.songs.read()
            for column in group.songs.colnames:
                if column.startswith("idx_"):
                    assert row[column] == 0
                else:
                    found[column] = row[column]
    return found


def assert_same(example: dict[str, Any], published: dict[str, np.ndarray]) -> None:
    """An example has every published value, to the last bit and in the published type."""
    for name, value in published.items():
        mine = example[name]
        if value.dtype.kind == "S":
            assert np.atleast_1d(mine).tolist() == np.atleast_1d(value).tolist(), name
            for text in np.atleast_1d(mine).tolist():
                text.decode("utf-8")
        else:
            mine = np.asarray(mine)
            assert (mine.dtype, mine.shape) == (value.dtype, value.shape), name
            assert mine.tobytes() == value.tobytes(), name


def song_files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.rglob("TR*.h5"))


@pytest.fixture(scope="module")
def subset(real, tmp_path_factory) -> dict[str, dict[str, Any]]:
    """The examples of the published files of the subset."""
    builder = preparing.prepared(
        "million_song/subset", tmp_path_factory.mktemp("subset"), real, partial=True
    )
    assert builder.info.metadata["missing"] == {"train": 10_000 - 21}
    return preparing.examples(builder, "track_id")


def test_every_field_of_every_song_of_the_subset(real, subset):
    files = song_files(real / "MillionSongSubset")
    assert len(files) == len(subset) == 21
    for path in files:
        example, published = subset[path.stem], by_pytables(path)
        assert_same(example, published)
        assert set(_GETTERS) < set(published) and len(published) == 35 + 21
        known = set(features.of_lists()) | set(features.of_files()) | {"split"}
        assert set(example) == set(published) | known
        assert example["file_md5"].decode() == hashlib.md5(path.read_bytes()).hexdigest()
        assert path.as_posix().endswith(example["source_path"].decode())


def test_lists_joined_to_the_subset(real, subset):
    """Each list is read anew, with nothing but split()."""

    def lines(path: str) -> list[str]:
        return (real / path).read_text("utf-8").removesuffix("\n").split("\n")

    wrong = {line.split()[2].rstrip(">") for line in lines("tasteprofile/sid_mismatches.txt")}
    covers = {}
    for side, number in (("train", 0), ("test", 1)):
        works, clique = [], -1
        for line in lines(f"Tasks_Demos/CoverSongs/shs_dataset_{side}.txt"):
            if line.startswith("%"):
                works, clique = (
                    [int(w) for w in line[1:].split(", ")[0].split(",") if w],
                    clique + 1,
                )
            elif not line.startswith("#"):
                track, _, performance = line.split("<SEP>")
                covers[track] = (number, clique, works, int(performance))
    artists = {}
    for task in ("Tagging", "YearPrediction"):
        for side in ("train", "test"):
            for artist in lines(f"Tasks_Demos/{task}/artists_{side}.txt"):
                artists[task, artist] = ("train", "test").index(side)
    for track, example in subset.items():
        artist = example["artist_id"].decode()
        assert example["tagging_split"] == artists["Tagging", artist] == 0
        assert example["year_split"] == artists.get(("YearPrediction", artist), 2)
        assert example["song_track_mismatch"] == (track in wrong)
        split, clique, works, performance = covers.get(track, (2, -1, [], -1))
        assert example["shs_split"] == split and example["shs_clique"] == clique
        assert example["shs_works"].tolist() == works
        assert example["shs_performance"] == performance
        assert example["has_location"] == ~np.isnan(example["artist_longitude"])
        assert example["duplicate_group"] == -1  # That list is not at hand.


def test_facts_of_the_sheet(subset, real, tmp_path):
    short = subset["TRBDXOD128F422C47B"]
    assert short["tempo"] == 0 and not len(short["bars_start"]) and not len(short["beats_start"])
    assert not len(short["sections_confidence"]) and short["segments_pitches"].shape[1] == 12
    assert subset["TRBDSQS128F930371C"]["title"] == b"I Won\x19t Let You Back In"
    assert round(float(subset["TRBDBIU128E0791595"]["artist_hotttnesss"]), 4) == 1.0825
    assert len(subset["TRBDXIM128F427ABDA"]["artist_mbtags"]) == 20
    assert len(subset["TRBDNHC128F933788E"]["artist_terms"]) == 1
    assert not any(example["danceability"] or example["energy"] for example in subset.values())
    song = million_song.read_song((real / "AdditionalFiles/TRAXLZU12903D05F94.h5").read_bytes())
    assert (song["artist_name"], song["title"]) == (b"Rick Astley", b"Never Gonna Give You Up")
    assert (song["year"], song["duration"], song["tempo"]) == (1987, 211.69587, 113.359)
    sizes = {name: len(song[name]) for name in ("segments_start", "beats_start", "bars_start")}
    assert sizes == {"segments_start": 935, "beats_start": 397, "bars_start": 99}
    assert len(song["artist_mbtags"]) == 4 and len(song["artist_terms"]) == 12


def test_artists_and_locations_of_the_subset(real, subset):
    """The publisher's lists of the subset agree with its files."""
    folder = real / "MillionSongSubset/AdditionalFiles"
    rows = (folder / "subset_unique_artists.txt").read_text("utf-8").split("\n")[:-1]
    mbids = {row.split("<SEP>")[0]: row.split("<SEP>")[1] for row in rows}
    assert len(mbids) == 3888 and sum(not mbid for mbid in mbids.values()) == 399
    places = {}
    for row in (folder / "subset_artist_location.txt").read_text("utf-8").split("\n")[:-1]:
        artist, latitude, longitude, *_ = row.split("<SEP>")
        places[artist] = float(latitude), float(longitude)
    assert len(places) == 1402
    compared = 0
    for example in subset.values():
        artist = example["artist_id"].decode()
        assert example["artist_mbid"].decode() == mbids[artist]
        if artist in places:  # One that has a place is not in the list.
            compared += 1
            place = example["artist_latitude"], example["artist_longitude"]
            np.testing.assert_allclose(place, places[artist], atol=1e-4)
    assert compared == 5


def _arranged(real: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """A manual_dir with the published files of two letters of the full set."""
    for source in (real / "full/data/A/A/A/TRAAAFP128F931B4E3.h5",
                   real / "AdditionalFiles/TRAXLZU12903D05F94.h5",
                   real / "MillionSongSubset/data/B/D/X/TRBDXOD128F422C47B.h5"):  # fmt: skip
        place = folder / "data" / "/".join(source.stem[2:5])
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)
    for name in ("Tasks_Demos", "tasteprofile"):
        (folder / name).symlink_to(real / name)
    return folder


def test_full(real, tmp_path):
    manual_dir = _arranged(real, tmp_path / "manual")
    builder = preparing.prepared("million_song/full", tmp_path / "data", manual_dir, partial=True)
    found = preparing.examples(builder, "track_id")
    assert len(found) == 3
    for path in song_files(manual_dir):
        assert_same(found[path.stem], by_pytables(path))
        assert (
            found[path.stem]["source_path"].decode() == f"{path.parent.as_posix()[-5:]}/{path.name}"
        )
    missing = sum(builder.info.metadata["missing"].values())
    assert missing == 1_000_000 - 3


# ------------------------------------------------------------------- files of many songs, by PyTables


def combined(path: pathlib.Path, files: list[pathlib.Path], *, with_arrays: bool) -> None:
    """Writes an aggregate or a summary of song files with PyTables, as the publisher's programs do."""
    filters = tables.Filters(complevel=1, complib="zlib", shuffle=True)
    with tables.open_file(path, "w", title="H5 Song File", filters=filters) as out:
        made: dict[str, Any] = {}
        for number, source in enumerate(files):
            with tables.open_file(source) as file:
                for name in _GROUPS:
                    group = file.root._f_get_child(name)
                    if not number:
                        out.create_group("/", name)
                        made[name] = out.create_table(f"/{name}", "songs", group.songs.description)
                    row = group.songs.read()
                    for node in group:
                        if node.name == "songs" or not with_arrays:
                            continue
                        if not number:
                            made[node.name] = out.create_earray(
                                f"/{name}", node.name, node.atom, (0, *node.shape[1:]), node.name
                            )
                        if (column := f"idx_{node.name}") in row.dtype.names:
                            row[column] = len(made[node.name])
                        made[node.name].append(node.read())
                    made[name].append(row)


@pytest.mark.parametrize("with_arrays", [True, False])
def test_files_of_many_songs(real, tmp_path, with_arrays):
    """The same values come from the files of songs and from those that PyTables makes of them."""
    files = song_files(real)
    assert len(files) == 23
    combined(path := tmp_path / "many.h5", files, with_arrays=with_arrays)
    singles = [million_song.read_song(file.read_bytes()) for file in files]
    with path.open("rb") as opened, million_song.open_file(opened) as songs:
        assert len(songs) == 23 and songs.has_arrays == with_arrays
        for start, stop in ((0, 23), (0, 1), (5, 11), (22, 23), (7, 7)):
            columns = songs.read(start, stop)
            assert {len(column) for column in columns.values()} == {stop - start}
            for i, single in enumerate(singles[start:stop]):
                for name, column in columns.items():
                    np.testing.assert_array_equal(column[i], single[name])
            if not with_arrays:
                continue
            same, arrays = songs.read_with_arrays(start, stop)
            for i, single in enumerate(singles[start:stop]):
                for name, column in same.items():
                    np.testing.assert_array_equal(column[i], single[name])
                for name, values in arrays.items():
                    assert len(values) == stop - start
                    np.testing.assert_array_equal(
                        values[i], np.asarray(single[name], values[i].dtype)
                    )
        if not with_arrays:
            with pytest.raises(FormatError, match="it is a summary"):
                songs.read_with_arrays()
    with pytest.raises(FormatError, match="it is of 23 songs, not of one"):
        million_song.read_song(path.read_bytes())


@pytest.mark.parametrize("config", ["summary", "subset_summary"])
def test_summaries(real, tmp_path, config):
    """A summary, or an aggregate in its place, gives every column of its songs."""
    manual_dir = _arranged(real, tmp_path / "manual")
    name = {"summary": "msd_summary_file.h5", "subset_summary": "subset_msd_summary_file.h5"}[
        config
    ]
    files = song_files(real)
    combined(manual_dir / name, files, with_arrays=config == "subset_summary")
    builder = preparing.prepared(
        f"million_song/{config}", tmp_path / "data", manual_dir, partial=True
    )
    found = preparing.examples(builder, "track_id")
    assert sorted(found) == sorted(path.stem for path in files)
    for path in files:
        published = by_pytables(path)
        columns = {
            name: published[name] for names in million_song.COLUMNS.values() for name in names
        }
        assert_same(found[path.stem], columns)


# ----------------------------------------------------------------------------------------- the lists


def test_official_counts(real, tmp_path):
    manual_dir = _arranged(real, tmp_path / "manual")
    builder = preparing.prepared(
        "million_song/second_hand_songs", tmp_path / "data", manual_dir, partial=True
    )
    assert builder.info.metadata["missing"] == {"train": 0, "test": 0}
    found = preparing.examples(builder, "track_id")
    sizes = {side: collections.Counter() for side in ("train", "test")}
    for example in found.values():
        sizes[example["split"]][int(example["clique"])] += 1
    assert [len(s) for s in sizes.values()] == [4128, 1726]
    assert [(min(s.values()), max(s.values())) for s in sizes.values()] == [(2, 47), (2, 25)]
    unknown = [
        sum(e["performance"] == -1 for e in found.values() if e["split"] == s) for s in sizes
    ]
    assert unknown == [2223, 852]
    lists = real / "Tasks_Demos"
    counts = {
        f"{task}/{side}": len(
            msd_lists.artist_ids((lists / task / f"artists_{side}.txt").read_bytes())
        )
        for task in ("Tagging", "YearPrediction")
        for side in ("train", "test")
    }
    assert counts == {
        "Tagging/train": 40_102, "Tagging/test": 4_643,
        "YearPrediction/train": 25_398, "YearPrediction/test": 2_822,
    }  # fmt: skip
    pairs = msd_lists.mismatches((real / "tasteprofile/sid_mismatches.txt").read_bytes())
    assert len(pairs) == 19_094
    songs, tracks = (collections.Counter(pair[i] for pair in pairs) for i in (0, 1))
    assert [sum(n > 1 for n in c.values()) for c in (songs, tracks)] == [57, 116]


# ----------------------------------------------------------------------------- wrong and cut files


def _prepare_with(real, tmp_path, content: bytes, *parts: str) -> None:
    manual_dir = _arranged(real, tmp_path / "manual")
    folder = manual_dir / "MillionSongSubset" / "A" / "A" / "A"
    folder.mkdir(parents=True)
    (folder / "TRAAAMO128F1481E7F.h5").write_bytes(content)
    tampering.prepare_refused(
        "million_song/subset", tmp_path / "data", "TRAAAMO128F1481E7F.h5", *parts,
        manual_dir=manual_dir, partial=True,
    )  # fmt: skip


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_cut_files(real, tmp_path, share):
    content = (real / "MillionSongSubset/data/A/A/A/TRAAAMO128F1481E7F.h5").read_bytes()
    _prepare_with(
        real, tmp_path, content[: int(share * len(content))], "no HDF5 file, or a truncated"
    )


def test_another_song(real, tmp_path):
    content = (real / "MillionSongSubset/data/A/A/A/TRAAAAW128F429D538.h5").read_bytes()
    _prepare_with(real, tmp_path, content, "it is of track TRAAAAW128F429D538")


def test_altered(real, tmp_path):
    content = bytearray((real / "MillionSongSubset/data/A/A/A/TRAAAAW128F429D538.h5").read_bytes())
    content[-1] ^= 1
    manual_dir = _arranged(real, tmp_path / "manual")
    folder = manual_dir / "MillionSongSubset/data/A/A/A"
    folder.mkdir(parents=True)
    (folder / "TRAAAAW128F429D538.h5").write_bytes(content)
    tampering.prepare_refused(
        "million_song/subset", tmp_path / "data", "TRAAAAW128F429D538.h5",
        manual_dir=manual_dir, partial=True,
    )  # fmt: skip


def test_one_table_or_array_less(real, tmp_path):
    """Whatever the file of a song lacks is named."""
    path = real / "MillionSongSubset/data/A/A/A/TRAAAMO128F1481E7F.h5"
    names = [f"{group}/{name}" for group, arrays in million_song.ARRAYS.items() for name in arrays]
    for name in [f"{group}/songs" for group in _GROUPS] + names + list(_GROUPS):
        shutil.copyfile(path, copy := tmp_path / "copy.h5")
        with tables.open_file(copy, "a") as file:
            file.remove_node(f"/{name}", recursive=True)
        with pytest.raises(FormatError, match=f"there is no {name}"):
            million_song.read_song(copy.read_bytes())
    with io.BytesIO(b"\x89HDF\r\n\x1a\n" + bytes(2000)) as file:
        with pytest.raises(FormatError, match="no HDF5 file"):
            million_song.open_file(file)
