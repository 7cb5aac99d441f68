"""The features of FMA: a track with all that is known about it, and its recording."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra.datasets.fma import genres, metadata
from tfds_extra.features import (
    EncodedAudio,
    flag,
    float32,
    float64,
    int32,
    int64,
    label,
    text,
)

# By the kind of a column in columns.tsv: its feature, and what a missing value looks like.
_KINDS = {
    "int": (int64, " -1 if missing."),
    "real": (float64, " NaN if missing."),
    "text": (text, " Empty if missing."),
    "ints": (lambda doc: tfds.features.Sequence(np.int64, doc=doc), " Empty if there are none."),
    "texts": (
        lambda doc: tfds.features.Sequence(tfds.features.Text(), doc=doc),
        " Empty if there are none.",
    ),
}


def of_tracks() -> dict[str, Any]:
    """Returns the features of a track from the tables."""
    genre = tfds.features.ClassLabel(names=list(genres.titles().values()))
    return {
        "track_id": int32("Id of the track, 2 to 155320."),
        "genre_top": label(
            genres.root_titles(),
            "Root genre, in the order of the ids. -1 if the genres have several roots, or there are"
            " none; never in small and medium.",
        ),
        "genres": tfds.features.Sequence(
            genre,
            doc="Genres that the artist chose, which may be none. Labels are in the order of the"
            " ids; info.metadata['genres'] has id, parent and more of each.",
        ),
        "genres_all": tfds.features.Sequence(
            genre, doc="These genres and all above them, in no particular order."
        ),
        **_of_columns("tracks.csv"),
        "raw_track": _of_columns("raw_tracks.csv"),
        "reported_defect": text(
            "What the publisher or users say is wrong with the recording, and who says so; empty for"
            " nearly all. It is told as reported: audio_status is what was found."
        ),
    }


def of_recordings() -> dict[str, Any]:
    """Returns the features of a recording, and what its bytes say."""
    return {
        "audio": EncodedAudio(
            undecodable="empty",
            doc="The recording: stored as the published mp3, read as float32 samples of shape"
            " (samples, channels), full scale 1. No samples if audio_status is empty or"
            " undecodable.",
        ),
        "audio/filename": text(
            "Name of the published file in its archive, such as 000/000002.mp3."
        ),
        "sha1": text("Publisher's sha1 of the file, to which it was held."),
        "audio_status": label(
            ["ok", "empty", "short", "undecodable"],
            "What was found in the bytes. empty: tags, and no sound. short: a clip that lacks more"
            " than a second of 30 s, or of track/duration where that is less; not told of full"
            " recordings. undecodable: libsndfile finds no sound in it. Else ok.",
        ),
        "sample_rate": int32("Samples of a channel a second, in Hz; 0 without sound."),
        "num_channels": int32("1 or 2; 0 without sound."),
        "num_samples": int64(
            "Samples of each channel, counted in the headers of the frames: what reading gives,"
            " except that libsndfile may give more or less where the bit rate varies and the file"
            " does not say how long it is."
        ),
        "duration": float32("Length in seconds: num_samples / sample_rate; 0 without sound."),
        "bit_rate": int32("Mean bit rate of the frames in bit/s; 0 without sound."),
    }


def of_computed() -> dict[str, Any]:
    """Returns the features of a track that librosa and Echonest computed."""
    order = ", ".join(metadata.STATISTICS)
    return {
        "features": {
            name: float32(
                f"librosa: {what}. A row for each statistic over the full recording, not the clip:"
                f" {order}. NaN where the publisher could not compute it.",
                shape=(len(metadata.STATISTICS), size),
            )
            for name, (size, what) in metadata.LIBROSA.items()
        },
        "echonest": {
            "available": flag(
                "Whether Echonest knew the track. If not, numbers are NaN and texts empty."
            ),
            **_of_columns("echonest.csv"),
            "temporal_features": float64(
                "Statistics of pitch, timbre, loudness and length of segments: 000 to 223.",
                shape=(metadata.TEMPORAL,),
            ),
        },
    }


def _of_columns(table: str) -> dict[str, Any]:
    """Returns the features for the columns of a table, by group where it has groups."""
    found: dict[str, Any] = {}
    for column in metadata.columns(table):
        make, missing = _KINDS[column["kind"]]
        group = found.setdefault(column["group"], {}) if column["group"] else found
        group[column["name"]] = make(column["doc"] + missing)
    return found
