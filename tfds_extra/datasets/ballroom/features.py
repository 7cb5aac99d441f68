"""The features of Ballroom, and their meaning."""

from __future__ import annotations

from typing import Any

from tfds_extra.features import Audio, flag, float32, float64, int32, label, text

SAMPLE_RATE = 44_100
# Each genre is a folder of the archive.
GENRES = ["ChaChaCha", "Jive", "Quickstep", "Rumba-American", "Rumba-International", "Rumba-Misc", "Samba", "Tango", "VienneseWaltz", "Waltz"]  # fmt: skip
DANCES = ["ChaChaCha", "Jive", "Quickstep", "Rumba", "Samba", "Tango", "VienneseWaltz", "Waltz"]


def features() -> dict[str, Any]:
    """Returns the features of every config."""
    return {
        "audio": Audio(
            sample_rate=SAMPLE_RATE,
            doc="The excerpt, about 30 s: int16 samples at 44,100 Hz, one channel, full scale"
            " 32,768.",
        ),
        "track_id": text(
            "Name of the published file, without .wav: Albums-<album>-<number> or Media-<number>."
        ),
        "dance": label(
            DANCES,
            "The dance: `genre` with the three kinds of Rumba as one, the eight classes of the"
            " ISMIR 2004 contest (which calls Waltz SlowWaltz).",
        ),
        "genre": label(GENRES, "The folder of the published file, one of ten."),
        "tempo": float32(
            "Nominal tempo in beats a minute, a whole number: that of BallroomDancers.com, checked"
            " by a person. In 17 excerpts it is over 8% off the beats."
        ),
        "tempo_from_beats": float32(
            "Tempo in beats a minute as computed from the beats: 60 s by the median interval"
            " between neighbouring beats."
        ),
        "beats": {
            "time": float64(
                "Time of each beat in seconds, of shape (beats,), increasing.", shape=(None,)
            ),
            "position": int32(
                "Place of each beat in its bar, 1 to 3 or 1 to 4, of shape (beats,).",
                shape=(None,),
            ),
            "bar": int32(
                "Number of the bar of each beat, of shape (beats,); 0 before the first downbeat."
                " As published in v1.1 and ismir2013, otherwise the number of downbeats so far.",
                shape=(None,),
            ),
            "is_downbeat": flag(
                "Whether each beat is the first of its bar, of shape (beats,).", shape=(None,)
            ),
        },
        "beats_per_bar": int32("The highest position in a bar: 3 for both waltzes, 4 otherwise."),
        "is_replica": flag(
            "Whether it is one of the 13 excerpts that are customarily left out, the second of each"
            " pair of replicas."
        ),
        "replica_of": text(
            "track_id of the first of the pair if this is a replica, otherwise empty."
        ),
        "replica_kind": label(
            ["none", "exact", "recording"],
            "Whether a replica is of the very same excerpt or of the same recording; none if it is"
            " no replica.",
        ),
        "canonical_id": text(
            "replica_of of a replica, track_id of any other: the same for both of a pair."
        ),
        "fold": int32("Fold of the 8-fold cross-validation, 0 to 7; -1 for replicas."),
        "single_split": label(
            ["train", "validation"],
            "Part in the single split of Beat This!; -1 for replicas.",
        ),
        "source": label(
            ["album", "media"],
            "What track_id begins with: Albums, or Media where no album is known.",
        ),
        "album": text("Name of the album; empty if of no album."),
        "track_number": int32("Number of the track on the album; -1 if of no album."),
    }
