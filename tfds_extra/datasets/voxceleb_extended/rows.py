"""Makes examples, or their columns, from recordings, trials and speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfds_extra.datasets.voxceleb_extended import features
from tfds_extra.formats import mp4, voxceleb, wav


def of_wav(content: bytes, *, as_samples: bool) -> tuple[Any, int]:
    """Returns what is stored of a WAV file, and the number of its samples.

    Args:
      content: The file.
      as_samples: Whether its samples are stored, rather than the file.

    Raises:
      ValueError: It is damaged, or not how VoxCeleb1 is recorded.
    """
    sound = wav.parse(content)
    kind = (sound.sample_rate, sound.channels, sound.format_tag, sound.bits_per_sample)
    if kind != (features.SAMPLE_RATE, 1, wav.PCM, 16):
        raise ValueError(
            "{} Hz, {} channels of codec {} with {} bits are not how VoxCeleb1 is recorded".format(
                *kind
            )
        )
    return sound.samples()[:, 0] if as_samples else content, sound.frames


def samples_of_m4a(content: bytes) -> int:
    """Returns the number of samples that an M4A file states.

    Raises:
      ValueError: It is damaged, or not how VoxCeleb2 is recorded.
    """
    sound = mp4.parse(content)
    kind = (sound.codec, sound.sample_rate, sound.channels)
    if kind != (mp4.AAC, features.SAMPLE_RATE, 1):
        raise ValueError(
            "codec {} at {} Hz with {} channels is not how VoxCeleb2 is recorded".format(*kind)
        )
    return sound.num_samples


def of_trials(
    trials: voxceleb.Trials, first: int, speakers: Mapping[str, voxceleb.Speaker]
) -> dict[str, Sequence[Any]]:
    """Returns the columns of some trials.

    Args:
      trials: Consecutive trials of a list.
      first: Number of trials before them.
      speakers: Speakers of VoxCeleb1, by id.

    Raises:
      ValueError: A speaker is not known; the message says in which line.
    """
    of_sides = {
        side: [one.partition("/")[0] for one in ids]
        for side, ids in (("enrol", trials.enrol), ("test", trials.test))
    }
    for number, pair in enumerate(zip(*of_sides.values()), start=first + 1):
        for one in pair:
            if one not in speakers:
                raise ValueError(f"line {number}: vox1_meta.csv has no speaker {one}")
    columns: dict[str, Sequence[Any]] = {
        "label": trials.is_same,
        "trial_index": range(first, first + len(trials.is_same)),
        "enrol_id": trials.enrol,
        "test_id": trials.test,
    }
    for side, of_side in of_sides.items():
        genders = [features.GENDERS.index(speakers[one].gender) for one in of_side]
        columns[f"{side}_speaker_id"] = of_side
        columns[f"{side}_gender"] = genders
        columns[f"{side}_nationality"] = [speakers[one].nationality for one in of_side]
    return columns


def of_speaker(speaker_id: str, speaker: voxceleb.Speaker, label: int) -> dict[str, Any]:
    """Returns a speaker as an example.

    Args:
      speaker_id: Id in VoxCeleb.
      speaker: The speaker's row of the table.
      label: The class; -1 if there are no utterances.
    """
    return {
        "speaker_id": speaker_id,
        "label": label,
        "has_audio": label >= 0,
        **speaker._asdict(),
    }
