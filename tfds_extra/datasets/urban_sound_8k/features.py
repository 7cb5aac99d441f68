"""The features of UrbanSound8K, without its audio, and their meaning."""

from __future__ import annotations

from typing import Any

from tfds_extra.features import flag, float32, float64, int32, int64, label, text
from tfds_extra.formats import wav

# In the order of classID.
CLASSES = [
    "air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling",
    "gun_shot", "jackhammer", "siren", "street_music",
]  # fmt: skip
CODECS = {
    wav.PCM: "pcm", wav.FLOAT: "float", wav.MS_ADPCM: "ms_adpcm", wav.IMA_ADPCM: "ima_adpcm",
}  # fmt: skip


def features() -> dict[str, Any]:
    """Returns the features of a slice."""
    return {
        "label": label(CLASSES, "Class of the sound."),
        "slice_file_name": text(
            "Name of the published file: freesound_id-label-occurrence_id-slice_id.wav."
        ),
        "fold": int32("Official fold, 1-10."),
        "salience": label(
            ["foreground", "background"],
            "Whether the sound is in the foreground or the background (published as 1 and 2).",
        ),
        "start": float64("Where the slice begins in the Freesound recording, in s."),
        "end": float64(
            "Where it ends there, in s. The published file may be shorter: `duration` is the length"
            " of what is there."
        ),
        "occurrence_id": int32("Number of the occurrence of this class in the recording."),
        "slice_id": int32(
            "Half seconds from the onset of the occurrence to the start of the slice; slices of one"
            " occurrence overlap."
        ),
        "occurrence_start": float64(
            "Onset of the occurrence in the recording, in s: start - slice_id / 2."
        ),
        "freesound_id": int64(
            "Freesound's number of the recording. Slices of one recording belong together: never"
            " share them out over train and test."
        ),
        "group_spans_folds": flag(
            "Whether slices of this recording are in two folds, as those of five recordings of two"
            " classes are."
        ),
        "freesound_user": text("Who uploaded the recording."),
        "freesound_url": text("Page of the recording."),
        "duration": float32("Length of the published file in s."),
    }


def file_features() -> dict[str, Any]:
    """Returns the features from the header of the published file."""
    return {
        "sample_rate": int32("Rate of the published file in Hz, 8,000 to 192,000."),
        "channels": int32("Channels of the published file: 1 or 2."),
        "bits_per_sample": int32("Bits a sample of the published file: 4, 8, 16, 24 or 32."),
        "codec": label(
            list(CODECS.values()),
            "How the published file holds its samples; -1 if in none of these ways.",
        ),
        "num_frames": int32("Samples of each channel in the published file."),
    }
