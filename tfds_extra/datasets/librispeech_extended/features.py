"""The features of an utterance of LibriSpeech, and their meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow_datasets as tfds

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
SEXES = ("F", "M")
LIBRILIGHT = ("none", "1h", "9h")


def of_utterances(subsets: list[str], *, as_samples: bool) -> dict[str, Any]:
    """Returns the features of an utterance without an alignment.

    Args:
      subsets: Names of all subsets.
      as_samples: Whether its samples are stored, rather than its FLAC file.
    """
    return {
        "speech": speech("FLAC", as_samples=as_samples),
        "text": text(
            "What is read: capitals A-Z and apostrophes, words with one blank between them."
        ),
        "speaker_id": int64("LibriVox's number of the reader."),
        "chapter_id": int64("LibriVox's number of the chapter."),
        "id": text("speaker_id-chapter_id-utterance_index, the last of four digits."),
        "utterance_index": int32("Number of the utterance in its chapter, from 0."),
        "filename": text(
            "Path of the published file below the root of its archive, such as"
            " dev-clean/84/121123/84-121123-0000.flac."
        ),
        "subset": label(subsets, "The subset that the utterance is in, by its published name."),
        "speaker_sex": label(
            SEXES, "Sex of the reader as in SPEAKERS.TXT; -1 if that is missing, as in a part."
        ),
        "speaker_sex_corrected": label(
            SEXES,
            "The same, with eight readers corrected whom SPEAKERS.TXT has wrong; -1 as there.",
        ),
        "speaker_name": text("Name of the reader on LibriVox; empty if not known."),
        "speaker_minutes": float32("Minutes by this reader in the corpus; NaN if not known."),
        "chapter_title": text("Title of the chapter on LibriVox; empty if not known."),
        "chapter_minutes": float32("Minutes of the chapter in the corpus; NaN if not known."),
        "project_id": int64("LibriVox's number of the project; -1 if not known."),
        "project_title": text("Title of the LibriVox project; empty if not known."),
        "book_id": int64("Project Gutenberg's number of the book; -1 if not known."),
        "book_title": text("Title of the book in BOOKS.TXT; empty if not known."),
        "num_samples": int64("Number of samples, as the FLAC file states it."),
        "duration": float32("Length in seconds: num_samples / 16,000."),
        "pcm_md5": text("MD5 of the samples as little-endian int16, as the FLAC file states it."),
        "librilight_split": label(
            LIBRILIGHT,
            "Part of Libri-light's limited supervision: 1h, 9h (both together are its 10 hours), or"
            " none.",
        ),
    }


def of_folds() -> dict[str, Any]:
    """Returns the further features of Libri-light's own archive."""
    return {
        "librilight_fold": int32(
            "Fold of 10 minutes in the part 1h, 0 to 5, each a training set of its own; -1 in 9h."
        )
    }


def of_alignments(source: str) -> dict[str, Any]:
    """Returns the features of an alignment.

    Args:
      source: Where it is from, one of `alignments.SOURCES`.
    """
    interval = {
        "start": np.float32,
        "end": np.float32,
    }
    found = {
        "has_alignment": flag("Whether there is an alignment of this utterance."),
        "alignment_agrees": flag(
            "Whether words holds just the words of text; false if there is no alignment."
        ),
        "words": tfds.features.Sequence(
            {"word": np.str_, **interval, "is_oov": np.bool_},
            doc="The words of text with start and end in seconds, no silences. What the aligner has cut"
            " in two is one word again. is_oov: the aligner's dictionary lacks the word, which is"
            " published as <unk>. Empty if there is no alignment.",
        ),
        "word_tier": tfds.features.Sequence(
            {"text": np.str_, **interval},
            doc="The words as they were published: spelling, pieces and <unk>, silences as empty texts.",
        ),
    }
    if source != "condensed":
        kind = "ARPAbet with stress" if source == "textgrid" else "IPA"
        found["phones"] = tfds.features.Sequence(
            {"phone": np.str_, **interval},
            doc=f"The phones as published ({kind}), with start and end in seconds; silences are empty, or"
            " sil, sp and spn. Empty if there is no alignment.",
        )
    return found
