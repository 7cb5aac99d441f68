"""Million Song Dataset: bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import h5py
import miniature_scripts
import numpy as np
import pytest
import tampering
import tiers

_MADE = miniature_scripts.load("million_song")
_SUBSET, _SUMMARY = "millionsongsubset.tar.gz", "subset_msd_summary_file.h5"


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = "million_song"

    def write_songs(self, files: dict[str, bytes]) -> None:
        """Writes the archive of the subset, with some files changed or added."""
        files = _MADE.song_files(_MADE.subset()) | files
        self.write_vouched(_SUBSET, _MADE.subset_archive(files))


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def _refused(data_dir, config: str, *parts: str) -> None:
    tampering.prepare_refused(f"million_song/{config}", data_dir, *parts, error=ValueError)


_SONG = _MADE.subset()[1]  # The digest of the first one is known.
_PATH = _MADE.path(_SONG)


def _changed(change: Callable[[h5py.File], Any], content: bytes = b"") -> bytes:
    """The file of the song after a change."""
    file = io.BytesIO(content or _MADE.hdf5([_SONG]))
    with h5py.File(file, "r+") as opened:
        change(opened)
    return file.getvalue()


def _replaced(name: str, values: Any, **options: Any) -> bytes:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, data=values, **options)

    return _changed(change)


def _column(file: h5py.File, group: str, name: str, value: Any) -> None:
    row = file[f"{group}/songs"][...]
    row[name] = value
    file[f"{group}/songs"][...] = row


def _without_column(group: str, name: str) -> bytes:
    columns = _MADE.COLUMNS[group]
    row = np.zeros(1, [(n, dtype) for n, dtype in columns.items() if n != name])
    return _replaced(f"{group}/songs", row, chunks=(1,))


_OTHER = _MADE.subset()[2]
_DAMAGES = {
    "an empty file": (b"", "no HDF5 file, or a truncated one"),
    "a text": (b"404 Not Found", "no HDF5 file, or a truncated one"),
    "half a file": (_MADE.hdf5([_SONG])[:20_000], "no HDF5 file, or a truncated one"),
    "another song": (_MADE.hdf5([_OTHER]), f"it is of track {_OTHER['track_id']}"),
    "two songs": (_MADE.hdf5([_SONG, _OTHER]), "it is of 2 songs, not of one"),
    "a summary": (_MADE.hdf5([_SONG], with_arrays=False), "it is a summary, which has no arrays"),
    "no group": (_changed(lambda file: file.pop("analysis")), "there is no analysis"),
    "no table": (_changed(lambda file: file.pop("analysis/songs")), "there is no analysis/songs"),
    "no array": (
        _changed(lambda file: file.pop("analysis/segments_timbre")),
        "there is no analysis/segments_timbre",
    ),
    "foreign data": (
        _changed(lambda file: [file.pop(name) for name in list(file)]), "there is no metadata"
    ),
    "no column": (_without_column("metadata", "title"), "metadata/songs", "lacks the column: title"),
    "float32": (
        _replaced("analysis/bars_start", np.zeros(2, np.float32), chunks=(2,)),
        "analysis/bars_start", "values of float32, not float64",
    ),
    "texts of any length": (
        _replaced("metadata/artist_terms", ["a", "b"], dtype=h5py.string_dtype(), chunks=(2,)),
        "metadata/artist_terms", "varying length",
    ),
    "11 pitch classes": (
        _replaced("analysis/segments_pitches", np.zeros((12, 11)), chunks=(4, 11)),
        "analysis/segments_pitches", "not 12 values an item",
    ),
    "chunks that were never written": (
        _replaced("analysis/bars_start", None, shape=(40,), dtype="<f8", chunks=(4,)),
        "analysis/bars_start", "10 of its chunks are not in the file",
    ),
    "a huge array": (
        _replaced("analysis/bars_start", None, shape=(1 << 40,), dtype="<f8", chunks=(1 << 20,)),
        "analysis/bars_start", "more than the file can hold",
    ),
    "an array that begins late": (
        _changed(lambda file: _column(file, "analysis", "idx_bars_start", 1)),
        "analysis/bars_start", "begins at 1, not at 0",
    ),
    "an external link": (
        _changed(lambda file: (
            file.pop("analysis/bars_start"),
            file["analysis"].__setitem__("bars_start", h5py.ExternalLink("/etc/passwd", "x")),
        )),
        "external link",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", tiers.sampled(_DAMAGES, ["half a file", "no column"]))
def test_damaged_song(miniature, tmp_path, damage):
    content, *parts = _DAMAGES[damage]
    miniature.write_songs({_PATH: content})
    _refused(tmp_path / "data", "subset", _SUBSET, _PATH, *parts)


def test_altered_song(miniature, tmp_path):
    """One whose digest is known, and that can be read."""
    known = _MADE.subset()[0]
    content = _changed(lambda file: _column(file, "analysis", "tempo", 121.0), _MADE.hdf5([known]))
    miniature.write_songs({_MADE.path(known): content})
    _refused(tmp_path / "data", "subset", _MADE.path(known), "altered: its md5 is")


def test_one_song_less(miniature, tmp_path):
    files = _MADE.song_files(_MADE.subset())
    files.pop(_PATH)
    miniature.write_vouched(_SUBSET, _MADE.subset_archive(files))
    _refused(tmp_path / "data", "subset", "5 examples were read, the publisher has 6")


def test_the_same_song_twice(miniature, tmp_path):
    miniature.write_songs({f"X/{_PATH}": _MADE.hdf5([_SONG])})
    _refused(tmp_path / "data", "subset", "7 examples were read, the publisher has 6")


def test_cut_archive(miniature, tmp_path):
    content = (miniature.folder / _SUBSET).read_bytes()
    miniature.write_vouched(_SUBSET, content[: len(content) // 2])
    _refused(tmp_path / "data", "subset", _SUBSET)


_SUMMARIES = {
    "half a file": (lambda: _MADE.hdf5(_MADE.subset(), with_arrays=False)[:9000], "truncated"),
    "no HDF5": (lambda: b"<html>", "no HDF5 file"),
    "a table that is shorter": (
        lambda: _changed(
            lambda file: file["musicbrainz/songs"].resize((5,)),
            _MADE.hdf5(_MADE.subset(), with_arrays=False),
        ),
        "different numbers of songs",
    ),
    "one song less": (
        lambda: _MADE.hdf5(_MADE.subset()[1:], with_arrays=False), "5 examples were read",
    ),
    "a song twice": (
        lambda: _MADE.hdf5([*_MADE.subset()[1:], _SONG], with_arrays=False), _SONG["track_id"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", tiers.sampled(_SUMMARIES, ["a table that is shorter"]))
def test_damaged_summary(miniature, tmp_path, damage):
    content, *parts = _SUMMARIES[damage]
    miniature.write_vouched(_SUMMARY, content())
    _refused(tmp_path / "data", "subset_summary", *parts)


def _zip(name: str, content: bytes) -> bytes:
    return _MADE.zipped({name: content})


_TRACK = _SONG["track_id"].encode()
# Config, file, its content, and what the error says.
_LISTS = {
    "no artist": (
        "subset", "tagging_artists_test.txt", b"ARTES128F000000007\nSomebody\n", "line 2", "Somebody"
    ),
    "no pair": ("subset", "sid_mismatches.txt", b"ERROR: <x>\n", "line 1", "not of the form"),
    "no group": ("subset", "msd_duplicates.txt", b"#\n" + _TRACK, "line 2", "before the first group"),
    "no work": ("subset", "shs_dataset_train.txt", b"%x, title\n", "line 1", "%work,work, title"),
    "no performance": (
        "second_hand_songs", "shs_dataset_test.txt", b"%1, x\n" + _TRACK + b"<SEP>AR\n", "line 2"
    ),
    "no UTF-8": ("subset", "sid_mismatches.txt", b"ERROR: \xff\n", "line 1", "utf-8"),
    "three genres": (
        "tagtraum_cd1", "msd_tagtraum_cd1.cls.zip",
        _zip("msd_tagtraum_cd1.cls", _TRACK + b"\ta\tb\tc\n"), "line 1", "3 genres",
    ),
    "another file": (
        "tagtraum_cd1", "msd_tagtraum_cd1.cls.zip", _zip("x.cls", b""), "there is no such file"
    ),
    "no words": (
        "musixmatch", "mxm_dataset_test.txt.zip",
        _zip("mxm_dataset_test.txt", b"# x\n" + _TRACK + b",1,1:2\n"), "line 2", "words come first",
    ),
    "an unknown word": (
        "musixmatch", "mxm_dataset_test.txt.zip",
        _zip("mxm_dataset_test.txt", b"%a,b\n" + _TRACK + b",1,3:2\n"), "line 2", "none of the 2",
    ),
    "no plays": (
        "taste_profile", "train_triplets.txt.zip",
        _zip("train_triplets.txt", b"a" * 40 + b"\tSOAAA128F000000001\t0\n"), "line 1", "no user",
    ),
    "a user in two places": (
        "taste_profile", "train_triplets.txt.zip",
        _zip("train_triplets.txt", _MADE.triplets() + _MADE.triplets()),
        "6 examples were read",
    ),
    "no JSON": (
        "subset_lastfm", "lastfm_subset.zip",
        _zip(f"lastfm_subset/{_PATH.removesuffix('h5')}json", b"{"), "json",
    ),
    "JSON of another track": (
        "subset_lastfm", "lastfm_subset.zip",
        _zip(
            f"lastfm_subset/{_PATH.removesuffix('h5')}json",
            b'{"track_id": "TRAAA128F000000009", "artist": "", "title": "", "timestamp": "",'
            b' "tags": [], "similars": []}',
        ),
        "it is of track TRAAA128F000000009",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", tiers.sampled(_LISTS, ["no pair", "no plays"]))
def test_damaged_list(miniature, tmp_path, damage):
    config, name, content, *parts = _LISTS[damage]
    miniature.write_vouched(name, content)
    _refused(tmp_path / "data", config, *parts)


def test_list_of_another_folder(miniature, tmp_path):
    """Where somebody has the publisher's code, its lists are held against their digests, too."""
    folder = miniature.folder / "Tasks_Demos" / "Tagging"
    folder.mkdir(parents=True)
    (folder / "artists_test.txt").write_bytes(b"ARTES128F000000009\n")
    _refused(tmp_path / "data", "subset", "artists_test.txt", "altered: its sha256 is")
