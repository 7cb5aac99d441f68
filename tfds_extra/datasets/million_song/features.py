"""The features of the Million Song Dataset; those of files have the published names."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra.features import flag, float64, int32, int64, label, text
from tfds_extra.formats import million_song

SIDES = ("train", "test", "none")

_DOCS = {
    # Table /metadata/songs and the arrays beside it.
    "analyzer_version": "Version of the analyzer; empty in all published files.",
    "artist_7digitalid": "Id of the artist at 7digital; -1 if unknown.",
    "artist_familiarity": "How well known the artist was to The Echo Nest, 0 to 1.",
    "artist_hotttnesss": "How much the artist was talked of then, from 0; it can exceed 1.",
    "artist_id": "Id of the artist at The Echo Nest, AR and 16 letters.",
    "artist_latitude": "Latitude of where the artist is from, in degrees; NaN if unknown.",
    "artist_location": "Where the artist is from; empty if unknown.",
    "artist_longitude": "Longitude of where the artist is from, in degrees; NaN if unknown.",
    "artist_mbid": "Id of the artist at MusicBrainz; empty if unknown.",
    "artist_name": "Name of the artist as this track credits it; others of the same id may differ.",
    "artist_playmeid": "Id of the artist at playme.com; -1 if unknown.",
    "genre": "Genre; empty in all published files.",
    "release": "Name of the album.",
    "release_7digitalid": "Id of the album at 7digital; -1 if unknown.",
    "song_hotttnesss": "How much the song was talked of then, 0 to 1; NaN if unknown.",
    "song_id": "Id of the song at The Echo Nest, SO and 16 letters; several tracks may share it.",
    "title": "Title of the song.",
    "track_7digitalid": "Id of the track at 7digital; -1 if unknown.",
    "similar_artists": "Ids of similar artists, most similar first; 100 in all files seen.",
    "artist_terms": "Tags that The Echo Nest gave the artist, by descending weight.",
    "artist_terms_freq": "How frequent each of artist_terms is, 0 to 1.",
    "artist_terms_weight": "How much each of artist_terms weighs, 0 to 1.",
    # Table /analysis/songs and the arrays beside it.
    "analysis_sample_rate": "Rate of the audio that was analyzed, in Hz (22050).",
    "audio_md5": "MD5 of the audio that was analyzed.",
    "danceability": "0 in all published files, because of a bug in the program that wrote them.",
    "duration": "Duration of the track in seconds.",
    "end_of_fade_in": "Where the fade-in ends, in seconds; 0 if there is none.",
    "energy": "0 in all published files, because of a bug in the program that wrote them.",
    "key": "Estimated key, 0 (C) to 11 (B).",
    "key_confidence": "How sure the key is, 0 to 1.",
    "loudness": "Overall loudness in dB.",
    "mode": "Estimated mode: 0 minor, 1 major.",
    "mode_confidence": "How sure the mode is, 0 to 1.",
    "start_of_fade_out": "Where the fade-out begins, in seconds.",
    "tempo": "Estimated tempo in beats per minute; 0 if none was found.",
    "time_signature": "Estimated number of beats per bar.",
    "time_signature_confidence": "How sure the time signature is, 0 to 1.",
    "track_id": "Id of the track at The Echo Nest, TR and 16 letters; the name of its file.",
    **{
        f"{what}_{of}": doc.format(what)
        for what in ("bars", "beats", "sections", "tatums")
        for of, doc in (
            ("start", "Where the {} begin, in seconds, ascending."),
            ("confidence", "How sure each of the {} is, 0 to 1."),
        )
    },
    "segments_start": "Where the segments (notes or so) begin, in seconds, ascending.",
    "segments_confidence": "How sure each segment is, 0 to 1.",
    "segments_loudness_max": "Loudest point of each segment, in dB.",
    "segments_loudness_max_time": "Where it is, in seconds from the segment's start.",
    "segments_loudness_start": "Loudness at each segment's start, in dB.",
    "segments_pitches": "Chroma of each segment: 12 pitch classes from C on, 0 to 1.",
    "segments_timbre": "Timbre of each segment: 12 coefficients, like those of MFCC and PCA.",
    # Table /musicbrainz/songs and the arrays beside it.
    "year": "Year of release by MusicBrainz; 0 if unknown.",
    "artist_mbtags": "Tags of the artist at MusicBrainz.",
    "artist_mbtags_count": "How many people gave each of artist_mbtags.",
}


def _scalar(name: str, dtype: np.dtype) -> Any:
    return {"S": text, "i": int32, "f": float64}[dtype.kind](_DOCS[name])


def _array(name: str, dtype: np.dtype, width: int) -> Any:
    if dtype.kind == "S":
        return tfds.features.Sequence(text("One of them."), doc=_DOCS[name])
    shape = (None,) if width == 1 else (None, width)
    return {"i": int32, "f": float64}[dtype.kind](_DOCS[name], shape)


def of_tables() -> dict[str, Any]:
    """Returns the columns of the three tables, which a summary has as well."""
    return {
        name: _scalar(name, dtype)
        for columns in million_song.COLUMNS.values()
        for name, dtype in columns.items()
    }


def of_arrays() -> dict[str, Any]:
    """Returns the arrays, which only the files of songs have."""
    return {
        name: _array(name, dtype, width)
        for arrays in million_song.ARRAYS.values()
        for name, (dtype, width) in arrays.items()
    }


def of_files() -> dict[str, Any]:
    """Returns the features of the file of a song."""
    return {
        "file_md5": text("MD5 of the published file, in hexadecimal digits."),
        "source_path": text("Name of the file in the archive or folder that it was read from."),
    }


def of_track() -> dict[str, Any]:
    """Returns the features of a track from official lists, whatever it is joined to."""
    return {
        "song_track_mismatch": flag(
            "Whether sid_mismatches.txt lists the track: what was matched by song (Last.fm, the Taste"
            " Profile) is then of another recording."
        ),
        "duplicate_group": int64(
            "Number of the group of tracks of the same song in msd_duplicates.txt, from 0; -1 if the"
            " track is in none."
        ),
    }


def of_lists() -> dict[str, Any]:
    """Returns the features of a song from official lists."""
    return {
        "has_location": flag("Whether artist_latitude and artist_longitude are known."),
        "tagging_split": label(SIDES, "Side of the artist in the official split for tagging."),
        "year_split": label(SIDES, "Side of the artist in the official split for years."),
        **of_track(),
        "shs_split": label(SIDES, "Which list of SecondHandSongs (covers) has the track."),
        **_of_cover("shs_"),
    }


def _of_cover(prefix: str) -> dict[str, Any]:
    return {
        f"{prefix}clique": int64(
            "Number of the group of covers in its list, from 0; -1 if the track is in none."
        ),
        f"{prefix}works": int64(
            "Ids of the work at SecondHandSongs; negative where the work is unknown.", (None,)
        ),
        f"{prefix}performance": int64("Id of the performance there; -1 if unknown."),
    }


def of_covers() -> dict[str, Any]:
    """Returns the features of a row of the lists of SecondHandSongs."""
    return {
        "track_id": text("Id of the track."),
        "artist_id": text("Id of the artist."),
        **_of_cover(""),
        "title": text("Title that the publisher picked among those of the group."),
        **of_track(),
    }


def _of_words() -> dict[str, Any]:
    return {
        "mxm_id": int64("Id of the lyrics at musiXmatch; -1 if there are none."),
        "words": tfds.features.Sequence(text("A stem."), doc="The words that are in the lyrics."),
        "word_ids": int32("Place of each of them among the 5,000 most frequent, from 0.", (None,)),
        "word_counts": int32("How often each of them is there.", (None,)),
    }


def of_lyrics() -> dict[str, Any]:
    """Returns the features of a track of the musiXmatch dataset."""
    return {"track_id": text("Id of the track."), **_of_words(), **of_track()}


def of_genres() -> dict[str, Any]:
    """Returns the features of a track of the tagtraum genre annotations."""
    return {
        "track_id": text("Id of the track."),
        "genre": text("The genre."),
        "minority_genre": text("The genre of the minority of sources; empty if there is none."),
        **of_track(),
    }


def of_plays() -> dict[str, Any]:
    """Returns the features of a user of the Taste Profile."""
    return {
        "user_id": text("Id of the user, 40 hexadecimal digits."),
        "song_ids": tfds.features.Sequence(
            text("Id of a song."), doc="The songs that the user played, as published."
        ),
        "play_counts": int32("How often each of them was played.", (None,)),
        "song_mismatch": flag("Whether sid_mismatches.txt lists each of them.", (None,)),
    }


def of_enrichments() -> dict[str, dict[str, Any]]:
    """Returns the features that are joined to a song, by enrichment."""
    matched = "Whether the track is in it; if not, all else is empty."
    return {
        "lastfm": {
            "matched": flag(matched),
            "artist": text("The artist as Last.fm has it."),
            "title": text("The title as Last.fm has it."),
            "timestamp": text("When it was asked, such as 2011-08-02 20:13:25.674526."),
            "tags": tfds.features.Sequence(
                {
                    "name": text("The tag."),
                    "count": int32("How much it is used for the track, 0 to 100."),
                },
                doc="Tags of the track, most used first.",
            ),
            "similars": tfds.features.Sequence(
                {
                    "track_id": text("Id of a track."),
                    "score": float64("How similar it is, 0 to 1."),
                },
                doc="Similar tracks, most similar first.",
            ),
        },
        "musixmatch": {
            "matched": flag(matched),
            "split": label(SIDES, "Which of the two files has the track."),
            **_of_words(),
        },
        "tagtraum": {
            "cd1": text("Genre in CD1; empty if the track is not in it."),
            "cd1_minority": text("Genre of the minority in CD1; empty if there is none."),
            "cd2": text("Genre in CD2; empty if the track is not in it."),
            "cd2_minority": text("Genre of the minority in CD2; empty if there is none."),
            "cd2c": text("Genre in CD2C; empty if the track is not in it."),
        },
    }
