"""Files of the Million Song Dataset, and the lists around it."""

from __future__ import annotations

import io

import miniature_scripts
import numpy as np
import pytest

from tfds_extra.datasets.million_song import features
from tfds_extra.formats import FormatError, million_song, msd_lists

_MADE = miniature_scripts.load("million_song")


def test_every_published_column_is_read():
    """Those of the files but the beginnings of arrays, and no other; each has a doc."""
    for group, columns in _MADE.COLUMNS.items():
        read = {name for name in columns if not name.startswith("idx_")}
        assert set(million_song.COLUMNS[group]) == read
        assert set(million_song.ARRAYS[group]) == set(_MADE.ARRAYS[group])
    names = [*million_song.COLUMNS.values(), *million_song.ARRAYS.values()]
    assert {name for group in names for name in group} == set(features._DOCS)


def test_aggregate():
    """Arrays of different lengths, none among them, are taken apart again."""
    songs = _MADE.subset()
    with million_song.open_file(io.BytesIO(_MADE.hdf5(songs))) as opened:
        for start in range(len(songs)):
            for stop in range(start + 1, len(songs) + 1):
                columns, arrays = opened.read_with_arrays(start, stop)
                assert len(columns["title"]) == stop - start
                for i, song in enumerate(songs[start:stop]):
                    assert columns["track_id"][i].decode() == song["track_id"]
                    assert arrays["segments_timbre"][i].shape == (12, 12)
                    for name in ("bars_start", "segments_timbre", "artist_terms_weight"):
                        np.testing.assert_array_equal(arrays[name][i], song[name])
                    tags = [tag.decode() for tag in arrays["artist_mbtags"][i]]
                    assert tags == song["artist_mbtags"]
        with pytest.raises(FormatError, match="rows 3 to 9 are asked for, of 6"):
            opened.read(3, 9)


@pytest.mark.parametrize("starts", [[0, 9, 4, 5, 6, 7], [0, 1, 2, 3, 4, 99], [0, -1, 2, 3, 4, 5]])
def test_beginnings_that_are_wrong(starts):
    import h5py

    content = io.BytesIO(_MADE.hdf5(_MADE.subset()))
    with h5py.File(content, "r+") as file:
        table = file["analysis/songs"][...]
        table["idx_beats_start"] = starts
        file["analysis/songs"][...] = table
    with million_song.open_file(content) as opened:
        with pytest.raises(FormatError, match="analysis/beats_start"):
            opened.read_with_arrays()


@pytest.mark.parametrize("block", [100, 250, 1 << 20])
def test_users_in_blocks(block):
    """Users reach from one block into the next."""
    rows = [
        (f"{user:040x}", f"SO{song:016}", user + 1) for user in range(9) for song in range(user + 1)
    ]
    content = "".join(f"{user}\t{song}\t{count}\n" for user, song, count in rows).encode()
    found = []
    for plays in msd_lists.taste_profile(io.BytesIO(content), block):
        for user, start, stop in zip(plays.users, plays.starts, plays.starts[1:]):
            songs = plays.songs[start:stop].tolist()
            found += [(user, s.decode(), n) for s, n in zip(songs, plays.counts[start:stop])]
    assert found == rows


def test_only_the_tracks_asked_for():
    content = b"%a,b\nTRAAA128F000000001,1,1:2\nTRBBB128F000000002,2\nTRAAA128F000000003,3,2:1\n"
    tracks = [track.mxm_id for track in msd_lists.Lyrics(io.BytesIO(content)).tracks("TRAA")]
    assert tracks == [1, 3]
    none = list(msd_lists.Lyrics(io.BytesIO(content)).tracks("TRB"))[0]
    assert not len(none.words) and none.counts.dtype == np.int32
