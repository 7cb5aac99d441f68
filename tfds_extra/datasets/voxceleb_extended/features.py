"""The features of utterances, trials and speakers of VoxCeleb, and their meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfds_extra.features import (
    flag,
    float32,
    int32,
    int64,
    label,
    speech,
    text,
)

SAMPLE_RATE = 16_000
GENDERS = ("m", "f")
PARTITIONS = ("dev", "test")
SPLITS = ("train", "validation", "test")  # In iden_split.txt they are 1, 2 and 3.
ANSWERS = ("different", "same")
_GENDER = "Gender as published; -1 if {} is not there, as in a part."


def of_utterances(
    corpus: int, speakers: Sequence[str], *, as_samples: bool = False
) -> dict[str, Any]:
    """Returns the features of an utterance.

    Args:
      corpus: 1 or 2, for VoxCeleb1 or VoxCeleb2.
      speakers: Ids of all speakers, which are the classes.
      as_samples: Whether its samples are stored, rather than the published file.
    """
    meta, end = f"vox{corpus}_meta.csv", "wav" if corpus == 1 else "m4a"
    order = "int(speaker_id[2:]) - 10001" if corpus == 1 else "those of dev first, 0 to 5,993"
    number = "; TFDS's `voxceleb` takes 10000 from it to have its label" if corpus == 1 else ""
    made = {
        "audio": speech("WAV" if corpus == 1 else "M4A (AAC)", as_samples=as_samples),
        "label": label(speakers, f"The speaker, by their id: {order}."),
        "id": text(
            "speaker_id/youtube_id/number, such as id10270/x6uYqmx31kE/00001: unique in the corpus."
        ),
        "filename": text(f"Path of the published file below the root of its archive: id.{end}."),
        "speaker_id": text("VoxCeleb's id of the speaker, such as id10270."),
        "speaker_number": int32(f"The number in it{number}."),
        "speaker_name": text(f"Name of the speaker, with _ for blanks; empty if {meta} has none."),
        "gender": label(GENDERS, _GENDER.format(meta)),
        "youtube_id": text("YouTube's id of the video. It may have other speakers, too."),
        "utterance_index": int32("Number of the utterance in its video and speaker, from 1."),
        "partition": label(PARTITIONS, "The archive that it is in. No speaker is in both."),
        "num_samples": int64(
            "Number of samples."
            if corpus == 1
            else "Number of samples that the M4A file states; decoding gives up to 1,023 more, which"
            " fill up its last packet."
        ),
        "duration": float32("Length in seconds: num_samples / 16,000."),
    }
    if corpus == 2:
        return made | {
            "vggface2_id": text(
                "VGGFace2's id of the speaker, such as n000012; empty if not known."
            )
        }
    return made | {
        "nationality": text("Of the speaker, in English, such as New Zealand; empty if not known."),
        "identification_split": label(
            SPLITS, "Its split in iden_split.txt; -1 if that is not there, as in a part."
        ),
        "cleaned_out": flag(
            "Whether it is one of the seven that the cleaned lists of trials avoid."
        ),
        "shares_video": flag("Whether utterances of another speaker are from the same video."),
    }


def of_trials() -> dict[str, Any]:
    """Returns the features of a trial."""
    made = {"label": label(ANSWERS, "Whether both utterances are of the same speaker.")}
    for side in ("enrol", "test"):
        order = "first" if side == "enrol" else "second"
        made |= {
            f"{side}_id": text(f"`id` of the {order} utterance."),
            f"{side}_speaker_id": text("Its speaker."),
            f"{side}_gender": label(GENDERS, _GENDER.format("vox1_meta.csv")),
            f"{side}_nationality": text("Nationality of its speaker; empty if not known."),
        }
    return made | {"trial_index": int32("Number of the trial in its list, from 0.")}


def of_speakers() -> dict[str, Any]:
    """Returns the features of a speaker."""
    return {
        "speaker_id": text("VoxCeleb's id, such as id10270."),
        "label": int32("The class that the speaker's utterances have; -1 if there are none."),
        "name": text("With _ for blanks; empty where vox2_meta.csv is of the form without names."),
        "vggface_id": text("In VGGFace the name, in VGGFace2 such as n000012."),
        "gender": label(GENDERS, "Gender as published."),
        "nationality": text("In English; only VoxCeleb1 has it."),
        "partition": label(PARTITIONS, "Where the speaker's utterances are."),
        "has_audio": flag("Whether there are any: of two speakers of VoxCeleb2 there are none."),
    }
