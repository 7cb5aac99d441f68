"""Makes dummy_data/million_song: made-up songs in the published HDF5 layout, with all lists and joins.

Timbre follows the year of a song, so that a model learns something. Run it as a script after a change:
`python tests/datasets/million_song/make_miniature.py`.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import pathlib
import string
import sys
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import h5py
import miniature_files
import numpy as np

SITE = "http://millionsongdataset.com/sites/default/files/"
CODE = (
    "https://raw.githubusercontent.com/tbertinmahieux/MSongsDB/"
    "0c276e289606d5bd6f3991f713e7e9b1d4384e44/Tasks_Demos/"
)
MISMATCHES = (
    "https://raw.githubusercontent.com/PrecipiceBlades/"
    "Recommendation-System-with-Million-Song-Dataset/"
    "9eb015a4b4230f0f42b5566f7583403743cfad6d/sid_mismatches.txt"
)
PAGE = "http://millionsongdataset.com/pages/getting-dataset/#"
TMP = "http://labrosa.ee.columbia.edu/~dpwe/tmp/"
TAGTRAUM = "http://www.tagtraum.com/genres/"
NAN = float("nan")

_INT, _REAL = "<i4", "<f8"
COLUMNS = {
    "metadata": {
        "analyzer_version": "S32", "artist_7digitalid": _INT, "artist_familiarity": _REAL,
        "artist_hotttnesss": _REAL, "artist_id": "S32", "artist_latitude": _REAL,
        "artist_location": "S1024", "artist_longitude": _REAL, "artist_mbid": "S40",
        "artist_name": "S1024", "artist_playmeid": _INT, "genre": "S1024",
        "idx_artist_terms": _INT, "idx_similar_artists": _INT, "release": "S1024",
        "release_7digitalid": _INT, "song_hotttnesss": _REAL, "song_id": "S32", "title": "S1024",
        "track_7digitalid": _INT,
    },
    "analysis": {
        "analysis_sample_rate": _INT, "audio_md5": "S32", "danceability": _REAL,
        "duration": _REAL, "end_of_fade_in": _REAL, "energy": _REAL,
        **{
            f"idx_{name}": _INT
            for name in (
                "bars_confidence", "bars_start", "beats_confidence", "beats_start",
                "sections_confidence", "sections_start", "segments_confidence",
                "segments_loudness_max", "segments_loudness_max_time", "segments_loudness_start",
                "segments_pitches", "segments_start", "segments_timbre", "tatums_confidence",
                "tatums_start",
            )
        },
        "key": _INT, "key_confidence": _REAL, "loudness": _REAL, "mode": _INT,
        "mode_confidence": _REAL, "start_of_fade_out": _REAL, "tempo": _REAL,
        "time_signature": _INT, "time_signature_confidence": _REAL, "track_id": "S32",
    },
    "musicbrainz": {"idx_artist_mbtags": _INT, "year": _INT},
}  # fmt: skip
ARRAYS = {
    "metadata": {
        "similar_artists": "S20", "artist_terms": "S256", "artist_terms_freq": _REAL,
        "artist_terms_weight": _REAL,
    },
    "analysis": {
        name.removeprefix("idx_"): _REAL for name in COLUMNS["analysis"] if name.startswith("idx_")
    },
    "musicbrainz": {"artist_mbtags": "S256", "artist_mbtags_count": _INT},
}  # fmt: skip
WIDE = ("segments_pitches", "segments_timbre")


def id_(kind: str, letters: str, number: int) -> str:
    """An id of 18 letters, such as TRAAB and some digits."""
    return f"{kind}{letters}128F{number:018}"[: 18 - len(f"{number}")] + f"{number}"


def _coarse(values: np.ndarray) -> np.ndarray:
    return np.round(values * 16) / 16


def _song(letters: str, number: int, **changed: Any) -> dict[str, Any]:
    """A song; 120 beats a minute, chords of C, F, G and C by turns, and a timbre of its year."""
    rng = np.random.default_rng(number)
    seconds = 4.5
    # Coarse numbers, which take little room in the archive; a few in the tables are not.
    beats = _coarse(0.25 + 0.5 * np.arange(8) + rng.uniform(0, 0.1, 8))
    starts = _coarse(np.arange(0, seconds, 0.375) + rng.uniform(0, 0.1, 12))
    count = len(starts)
    chords = np.array([[0, 4, 7], [5, 9, 0], [7, 11, 2], [0, 4, 7]])
    pitches = _coarse(rng.uniform(0, 0.3, (count, 12)))
    for row, start in zip(pitches, starts):
        row[chords[int(start / 1.125) % 4]] = _coarse(rng.uniform(0.7, 1, 3))
    year = 1960 + 4 * number
    slope = np.linspace(1, -1, 12)
    timbre = _coarse((year - 1985) * 2 * slope + rng.normal(0, 5, (count, 12)).round())
    terms = ["pop rock", "ballad", "80s", "café"][: 1 + number % 4]

    def sure(size: int) -> np.ndarray:
        return _coarse(rng.uniform(0, 1, size))

    song = {
        "analyzer_version": "",
        "artist_7digitalid": 100 + number,
        "artist_familiarity": float(rng.uniform()),
        "artist_hotttnesss": float(rng.uniform()),
        "artist_id": id_("AR", "AAA", number),
        "artist_latitude": 52.51607,
        "artist_location": "Zürich",
        "artist_longitude": 13.37698,
        "artist_mbid": f"00000000-0000-4000-8000-{number:012}",
        "artist_name": f"The Made-Ups {number}",
        "artist_playmeid": 7 + number,
        "genre": "",
        "release": "Nothing_ really",
        "release_7digitalid": 1000 + number,
        "song_hotttnesss": float(rng.uniform()),
        "song_id": id_("SO", "AAA", number),
        "title": f"Song of {year}",
        "track_7digitalid": 10_000 + number,
        "similar_artists": [id_("AR", "SIM", 100 * number + i) for i in range(5)],
        "artist_terms": terms,
        "artist_terms_freq": sure(len(terms)),
        "artist_terms_weight": np.sort(sure(len(terms)))[::-1],
        "analysis_sample_rate": 22050,
        "audio_md5": f"{number:032x}",
        "danceability": 0.0,
        "duration": seconds + number / 7,
        "end_of_fade_in": 0.187,
        "energy": 0.0,
        "bars_start": beats[::4],
        "bars_confidence": sure(len(beats[::4])),
        "beats_start": beats,
        "beats_confidence": sure(8),
        "sections_start": np.array([0.0, 2.25]),
        "sections_confidence": sure(2),
        "tatums_start": np.sort(np.concatenate([beats, beats + 0.25])),
        "tatums_confidence": sure(16),
        "segments_start": starts,
        "segments_confidence": sure(count),
        "segments_loudness_max": _coarse(rng.uniform(-30, -5, count)),
        "segments_loudness_max_time": _coarse(rng.uniform(0, 0.1, count)),
        "segments_loudness_start": _coarse(rng.uniform(-60, -30, count)),
        "segments_pitches": pitches,
        "segments_timbre": timbre,
        "key": number % 12,
        "key_confidence": 0.5,
        "loudness": -7.75,
        "mode": number % 2,
        "mode_confidence": 0.6,
        "start_of_fade_out": 4.25,
        "tempo": 120.0 + number / 3,
        "time_signature": 4,
        "time_signature_confidence": 1.0,
        "track_id": id_("TR", letters, number),
        "year": year,
        "artist_mbtags": ["uk", "british"],
        "artist_mbtags_count": np.array([2, 1], np.int32),
    }
    assert changed.keys() <= song.keys()
    return song | changed


_NOTHING = {
    f"{what}_{of}": [] for what in ("bars", "beats", "sections") for of in ("start", "confidence")
}


@functools.cache
def subset() -> list[dict[str, Any]]:
    """The songs of the subset, with the odd cases of the published ones."""
    return [
        _song("AAA", 1, artist_hotttnesss=1.0825, song_hotttnesss=0.0, artist_terms=["blues"],
              artist_terms_freq=[1.0], artist_terms_weight=[1.0]),
        _song("AAA", 2, title="I Won\x19t Let You Back In", artist_latitude=NAN,
              artist_longitude=NAN, artist_location="", artist_playmeid=-1, song_hotttnesss=NAN),
        _song("AAB", 3, title="Ça plane — Ελλάδα", year=0, artist_mbid="", artist_mbtags=[],
              artist_mbtags_count=[]),
        # Too short for anything.
        _song("ABC", 4, **_NOTHING, tempo=0.0, duration=1.2, key=0, time_signature=1,
              artist_familiarity=0.0, track_7digitalid=-1),
        _song("BDX", 5, key=11, time_signature=7, mode=1, artist_familiarity=1.0,
              song_id=id_("SO", "AAA", 1), artist_id=id_("AR", "AAA", 1)),
        _song("BIZ", 6, artist_mbtags=["a tag", "rock & roll"], artist_latitude=0.0,
              artist_longitude=0.0),
    ]  # fmt: skip


@functools.cache
def full() -> list[dict[str, Any]]:
    """The songs of the full set: some of those of the subset, and two of an artist for testing."""
    return [
        *(song for number, song in enumerate(subset(), start=1) if number not in (4, 6)),
        _song("MNO", 7, artist_id=id_("AR", "TES", 7)),
        _song("ZZZ", 8, artist_id=id_("AR", "TES", 7), year=0),
    ]


# ------------------------------------------------------------------------------------------ HDF5


def hdf5(
    songs: Sequence[Mapping[str, Any]], *, with_arrays: bool = True, stored: bool = True
) -> bytes:
    """A file as PyTables 2.0 wrote them: of one song, of several, or a summary.

    Args:
      songs: What is in it.
      with_arrays: Whether it has the arrays; a summary has none.
      stored: Whether chunks are in the format of deflate but not any smaller, so that the bytes do
        not depend on who compresses; for files that go into a compressed archive.
    """
    content = io.BytesIO()
    with h5py.File(content, "w", libver="earliest") as file:
        file.attrs["TITLE"] = np.bytes_(b"H5 Song File")
        file.attrs["CLASS"] = np.bytes_(b"GROUP")
        file.attrs["PYTABLES_FORMAT_VERSION"] = np.bytes_(b"2.0")
        for name, columns in COLUMNS.items():
            group = file.create_group(name)
            starts = {}
            if with_arrays:
                for array, dtype in ARRAYS[name].items():
                    parts = [_values(song[array], dtype, array) for song in songs]
                    ends = np.cumsum([0, *map(len, parts)])
                    starts[f"idx_{array}"] = ends[:-1]
                    _write(group, array, np.concatenate(parts), stored)
            table = np.zeros(len(songs), list(columns.items()))
            for column in columns:
                if column.startswith("idx_"):
                    table[column] = starts.get(column, 0)
                else:
                    table[column] = [_encoded(song[column]) for song in songs]
            _write(group, "songs", table, stored)
    return content.getvalue()


def _encoded(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def _values(values: Any, dtype: str, name: str) -> np.ndarray:
    shape = (-1, 12) if name in WIDE else (-1,)
    return np.array([_encoded(v) for v in values], dtype).reshape(shape)


def _write(group: h5py.Group, name: str, values: np.ndarray, stored: bool) -> None:
    chunk = (10, 12) if values.ndim == 2 else (3 if stored and name == "songs" else 16,)
    dataset = group.create_dataset(
        name, values.shape, values.dtype, chunks=chunk, maxshape=(None, *values.shape[1:]),
        compression="gzip", compression_opts=1, shuffle=True,
    )  # fmt: skip
    if not stored:
        dataset[...] = values
        return
    for start in range(0, len(values), chunk[0]):
        block = np.zeros(chunk, values.dtype)
        part = values[start : start + chunk[0]]
        block[: len(part)] = part
        size = values.dtype.itemsize
        shuffled = np.frombuffer(block.tobytes(), np.uint8).reshape(-1, size).T.tobytes()
        offset = (start, *(0 for _ in chunk[1:]))
        dataset.id.write_direct_chunk(offset, zlib.compress(shuffled, 0))


def path(song: Mapping[str, Any]) -> str:
    """Where the file of a song lies, by letters of its id."""
    track = song["track_id"]
    return f"{'/'.join(track[2:5])}/{track}.h5"


def song_files(songs: Iterable[Mapping[str, Any]]) -> dict[str, bytes]:
    """The file of each song by its path."""
    return {path(song): hdf5([song]) for song in songs}


# ------------------------------------------------------------------------------ lists and joins


def _track(number: int) -> str:
    songs = subset() + full()
    return next(song["track_id"] for song in songs if song["track_id"].endswith(f"0{number}"))


def lists() -> dict[str, bytes]:
    """The official lists by URL."""
    artists = [id_("AR", "AAA", number) for number in (1, 2, 3, 4)]
    sixth = id_("AR", "AAA", 6)  # In no split.
    tester = [id_("AR", "TES", 7)]
    song = id_("SO", "AAA", 2)
    covers = (
        "# TRAINING SET\n# made up\n"
        f"%12,-1, A song, with a comma\n{_track(1)}<SEP>{artists[0]}<SEP>34\n"
        f"{_track(5)}<SEP>{artists[0]}<SEP>-1\n"
        f"%7, Another\n{_track(3)}<SEP>{artists[2]}<SEP>8\n{_track(6)}<SEP>{sixth}<SEP>9\n"
    )
    tests = f"# TEST SET\n%99, Third\n{_track(7)}<SEP>{tester[0]}<SEP>5\n"
    wrong = (
        f"ERROR: <{song} {_track(2)}> A  -  B  !=  C  -  Ünlike\n"
        f"ERROR: <{song} {_track(2)}> A  -  B  !=  C  -  Ünlike\n"
        f"ERROR: <{id_('SO', 'ZZZ', 1)} {id_('TR', 'QQQ', 1)}> D  -  E  !=  F  -  G\n"
    )
    same = f"# made up\n%1,2\n{_track(1)}\n{_track(5)}\n%3\n{_track(8)}<SEP>x\n{_track(6)}\n"
    found = {
        f"{CODE}Tagging/artists_train.txt": "\n".join(artists) + "\n",
        f"{CODE}Tagging/artists_test.txt": "\n".join(tester) + "\n",
        f"{CODE}YearPrediction/artists_train.txt": "\n".join(artists[:2]) + "\n",
        f"{CODE}YearPrediction/artists_test.txt": "\n".join(tester) + "\n",
        f"{CODE}CoverSongs/shs_dataset_train.txt": covers,
        f"{CODE}CoverSongs/shs_dataset_test.txt": tests,
        MISMATCHES: wrong,
        f"{SITE}AdditionalFiles/msd_duplicates.txt": same,
    }
    return {url: text.encode() for url, text in found.items()}


def last_fm(song: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a song in the Last.fm dataset."""
    number = int(song["track_id"][-1])
    return {
        "artist": song["artist_name"],
        "timestamp": "2011-08-02 20:13:25.674526",
        "similars": [[_track(1), 0.987654321], [_track(7), 1]][: number % 3],
        "tags": [["größte hits", "100"], ["rock", "7"]][: number % 3],
        "track_id": song["track_id"],
        "title": song["title"],
    }


WORDS = ("i", "the", "you", "to", "and", "caf\u00e9")


def _lyrics(rows: Mapping[int, str]) -> bytes:
    lines = ["# made up", "%" + ",".join(WORDS)]
    lines += [f"{_track(number)},{4600 + number},{words}" for number, words in rows.items()]
    return ("\n".join(lines) + "\n").encode()


LYRICS = {
    "train": {1: "1:6,2:4,6:1", 3: "4:2", 5: "1:1", 6: "3:12"},
    "test": {7: "1:2,5:1", 8: "2:9"},
}
GENRES = {
    "cd1": [(1, "Pop_Rock", "Blues"), (3, "Folk", ""), (7, "Rap", "")],
    "cd2": [(1, "Rock", "Pop"), (2, "Metal", ""), (3, "World", "")],
    "cd2c": [(2, "Metal", ""), (3, "World", "")],
}
USERS = [f"{number:040x}" for number in range(1, 4)]
PLAYS = [
    (USERS[0], 1, 1), (USERS[0], 2, 12), (USERS[1], 1, 3), (USERS[2], 3, 1), (USERS[2], 2, 9667),
    (USERS[2], 7, 2),
]  # fmt: skip


def _genres(rows: Iterable[tuple[int, str, str]]) -> bytes:
    lines = ["# made up"]
    lines += ["\t".join(filter(None, (_track(number), *votes))) for number, *votes in rows]
    return ("\n".join(lines) + "\n").encode()


def triplets() -> bytes:
    """The Taste Profile."""
    rows = [f"{user}\t{id_('SO', 'AAA', song)}\t{count}\n" for user, song, count in PLAYS]
    return "".join(rows).encode()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of some files, the same every time."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2011, 8, 2, 0, 0, 0)), data)
    return content.getvalue()


def joins() -> dict[str, bytes]:
    """The archives of what is joined, by URL."""

    def rows(part: str, songs: Sequence[Mapping[str, Any]]) -> bytes:
        return zipped({
            f"lastfm_{part}/{path(song).removesuffix('h5')}json": json.dumps(last_fm(song)).encode()
            for song in songs
        })  # fmt: skip

    found = {
        f"{SITE}lastfm/lastfm_subset.zip": rows("subset", subset()[:3] + subset()[4:]),
        f"{SITE}lastfm/lastfm_train.zip": rows("train", full()[:-2]),
        f"{SITE}lastfm/lastfm_test.zip": rows("test", full()[-2:]),
        f"{TMP}train_triplets.txt.zip": zipped({"train_triplets.txt": triplets()}),
    }
    for side, tracks in LYRICS.items():
        name = f"mxm_dataset_{side}.txt"
        found[f"{SITE}AdditionalFiles/{name}.zip"] = zipped({name: _lyrics(tracks)})
    for cd, votes in GENRES.items():
        name = f"msd_tagtraum_{cd}.cls"
        found[f"{TAGTRAUM}{name}.zip"] = zipped({name: _genres(votes)})
    return found


def subset_archive(songs: Mapping[str, bytes]) -> bytes:
    """The archive of the subset, as it is to be had today."""
    return miniature_files.tar_gz({f"MillionSongSubset/{name}": c for name, c in songs.items()})


def original_archive() -> bytes:
    """The archive of the subset as it was first, with another folder and more files."""
    files = {f"data/{name}": content for name, content in song_files(subset()).items()}
    files["AdditionalFiles/subset_msd_summary_file.h5"] = hdf5(subset(), with_arrays=False)
    files["AdditionalFiles/LICENSE"] = files["AdditionalFiles/README"] = b"made up\n"
    return miniature_files.tar_gz({f"MillionSongSubset/{name}": c for name, c in files.items()})


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into a folder."""
    in_full = song_files(full())
    in_subset = song_files(subset())
    urls = {
        f"{TMP}millionsongsubset.tar.gz": ("millionsongsubset.tar.gz", subset_archive(in_subset)),
        f"{PAGE}subset_msd_summary_file.h5": (
            "subset_msd_summary_file.h5",
            hdf5(subset()[::-1], with_arrays=False, stored=False),
        ),
        f"{SITE}AdditionalFiles/msd_summary_file.h5": (
            "msd_summary_file.h5",
            hdf5(full()[::-1], with_arrays=False, stored=False),
        ),
    }
    for letter in string.ascii_uppercase:
        songs = {name: c for name, c in in_full.items() if name.startswith(f"{letter}/")}
        urls[f"{PAGE}{letter}.tar.gz"] = (f"{letter}.tar.gz", miniature_files.tar_gz(songs))
    for url, content in (lists() | joins()).items():
        name = url.rpartition("/")[2]
        if name.startswith("artists_"):
            name = f"{'tagging' if '/Tagging/' in url else 'year'}_{name}"
        urls[url] = (name, content)
    miniature_files.write_files(folder, urls)
    both = [("train", len(full()) - 2), ("test", 2)]
    counts = {
        "subset": [("train", len(subset()))],
        "full": both,
        "summary": both,
        "subset_summary": [("train", len(subset()))],
        "subset_lastfm": [("train", len(subset()))],
        "subset_joined": [("train", len(subset()))],
        "full_joined": both,
        "musixmatch": [(side, len(tracks)) for side, tracks in LYRICS.items()],
        "second_hand_songs": [("train", 4), ("test", 1)],
        **{f"tagtraum_{cd}": [("train", len(votes))] for cd, votes in GENRES.items()},
        "taste_profile": [("train", len(USERS))],
    }
    miniature_files.write_table(
        folder / "counts.tsv",
        ["config", "split", "examples"],
        [(config, *split) for config, splits in counts.items() for split in splits],
    )
    listed = subset()[0]
    digest = hashlib.md5(in_subset[path(listed)], usedforsecurity=False).hexdigest()
    miniature_files.write_table(
        folder / "digests.tsv", ["track_id", "md5"], [(listed["track_id"], digest)]
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "million_song")
