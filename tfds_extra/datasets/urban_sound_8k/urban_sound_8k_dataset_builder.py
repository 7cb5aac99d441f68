"""UrbanSound8K: 8,732 labelled excerpts of urban field recordings in ten folds."""

from __future__ import annotations

import collections
import dataclasses
import functools
import io
import re
import urllib.parse
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.urban_sound_8k import features
from tfds_extra.features import Audio, EncodedAudio, sound
from tfds_extra.formats import wav

_HOMEPAGE = "https://urbansounddataset.weebly.com/urbansound8k.html"
_CORPUS = core.Archive(
    "https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz?download=1",
    "UrbanSound8K",
    holds=("audio/fold*/*.wav",),
    # Copies on Kaggle have the folds, and the table, at the top.
    layouts=({"audio/fold": "fold", "metadata/UrbanSound8K.csv": "UrbanSound8K.csv"},),
)
# The form of the addresses, from the publisher's FREESOUNDCREDITS.txt.
_SOUND_PAGE = "http://www.freesound.org/people/{user}/sounds/{freesound_id}"

_SALIENCE = {"1": "foreground", "2": "background"}
_FOLDS = range(1, 11)
_TRAIN_FOLDS = range(1, 7)  # Of the challenge; see README.md.
# sliceID counts steps of so many seconds from the onset of the occurrence.
_SLICE_STEP = 0.5
_SLICE = re.compile(
    r"audio/fold(?P<fold>[0-9]+)/"
    r"(?P<key>(?P<recording>[0-9]+)-(?P<label>[0-9])-(?P<occurrence>[0-9]+)-(?P<slice>[0-9]+))\.wav"
)


@dataclasses.dataclass
class SliceConfig(tfds.core.BuilderConfig):
    """A way to split the slices, and to give their audio.

    Attributes:
      challenge: Whether folds 1-6 are `train` and 7-10 `test`, rather than each fold a split.
      sample_rate: Common rate of one-channel audio in Hz; None for the files as published.
    """

    challenge: bool = False
    sample_rate: int | None = None


def _configs() -> Iterator[SliceConfig]:
    splits = {
        "folds": "Splits `fold1` to `fold10`.",
        "challenge": "Folds 1-6 are train, 7-10 test.",
    }
    audio = {
        "": (None, "The published files."),
        "_mono_22k": (22_050, "One channel at 22,050 Hz."),
        "_mono_44k": (44_100, "One channel at 44,100 Hz."),
    }
    for suffix, (sample_rate, how) in audio.items():
        for name, which in splits.items():
            yield SliceConfig(
                name=name + suffix,
                description=f"{which} {how}",
                challenge=name == "challenge",
                sample_rate=sample_rate,
            )


class Slice(NamedTuple):
    """A row of `members.tsv`: the known facts about a published file."""

    bytes: str
    sha256: str
    start: str
    end: str
    salience: str


class Builder(core.ChunkedBuilder):
    """UrbanSound8K."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = list(_configs())
    DRAWN_FIRST = ("label", "salience", "fold", "duration")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info(
            features={
                "audio": _audio(self.builder_config.sample_rate),
                **features.features(),
                **{self._of_file(n): feature for n, feature in features.file_features().items()},
            },
            supervised_keys=("audio", "label"),
            homepage=_HOMEPAGE,
            license="CC BY-NC 3.0; attribution of the recordings in freesound_user.",
        )

    def _of_file(self, name: str) -> str:
        """Returns the name of a feature about the published file, with a prefix if resampled."""
        return name if self.builder_config.sample_rate is None else f"source_{name}"

    def published_files(self) -> dict[str, core.Archive]:
        return {"corpus": _CORPUS}

    @functools.cached_property
    def _members(self) -> dict[str, Slice]:
        """All published files; those that are no slices have only a digest."""
        return {
            row["file"]: Slice(*(row[field] for field in Slice._fields))
            for row in self.read_facts("members.tsv")
        }

    def member_digests(self, file, tree, prefix=""):
        return {name: member.sha256 for name, member in self._members.items()}

    def _split_generators(self, dl_manager):
        tree = self.fetch(dl_manager)["corpus"]
        # The archive is one stream; in a folder, each worker can take a fold.
        prefixes = [""]
        if tree.random_access:
            prefixes = [*(f"audio/fold{fold}/" for fold in _FOLDS), "metadata/"]
        pieces = [(tree, prefix) for prefix in prefixes]
        return core.by_split(self.expected_counts, pieces, self._by_chunks)

    def _read(self, piece: tuple[core.Tree, str]) -> Iterator[core.Chunk]:
        """Yields the slices whose names begin with a prefix."""
        tree, prefix = piece
        wanted = [n for n in self._members if n.startswith(prefix) and _SLICE.fullmatch(n)]
        return self.members("corpus", tree, wanted, prefix=prefix).chunks()

    def _make(self, piece: tuple[core.Tree, str], chunk: core.Chunk) -> Iterator[core.SplitExample]:
        return core.make_of_chunk(piece[0], chunk, lambda *member: [self._example(*member)])

    @functools.cached_property
    def _users(self) -> dict[str, str]:
        return {row["freesound_id"]: row["user"] for row in self.read_facts("credits.tsv")}

    @functools.cached_property
    def _folds(self) -> dict[str, set[str]]:
        """Folds of the slices of each recording."""
        folds = collections.defaultdict(set)
        for slice_ in filter(None, map(_SLICE.fullmatch, self._members)):
            folds[slice_["recording"]].add(slice_["fold"])
        return folds

    def _example(self, name: str, content: bytes) -> core.SplitExample:
        """Returns one slice as an example, with its split and key."""
        slice_, published = _SLICE.fullmatch(name), self._members[name]
        if len(content) != int(published.bytes):
            raise ValueError(
                f"{len(content):,} bytes, the published file has {int(published.bytes):,}"
            )
        assert slice_  # Only such members are asked for.
        user = self._users[slice_["recording"]]
        header = wav.read_header(content)
        rate = self.builder_config.sample_rate
        start, slice_id = float(published.start), int(slice_["slice"])
        page = {"user": urllib.parse.quote(user), "freesound_id": slice_["recording"]}
        facts = {
            "sample_rate": header.sample_rate,
            "channels": header.channels,
            "bits_per_sample": header.bits_per_sample,
            "codec": features.CODECS.get(header.format_tag, -1),
            "num_frames": header.frames,
        }
        example = {
            "audio": content if rate is None else _resampled(content, rate),
            "label": int(slice_["label"]),
            "slice_file_name": f"{slice_['key']}.wav",
            "fold": int(slice_["fold"]),
            "salience": _SALIENCE[published.salience],
            "start": start,
            "end": float(published.end),
            "occurrence_id": int(slice_["occurrence"]),
            "slice_id": slice_id,
            "occurrence_start": start - _SLICE_STEP * slice_id,
            "freesound_id": int(slice_["recording"]),
            "group_spans_folds": len(self._folds[slice_["recording"]]) > 1,
            "freesound_user": user,
            "freesound_url": _SOUND_PAGE.format(**page),
            "duration": header.frames / header.sample_rate,
            **{self._of_file(name): value for name, value in facts.items()},
        }
        split = f"fold{slice_['fold']}"
        if self.builder_config.challenge:
            split = "train" if int(slice_["fold"]) in _TRAIN_FOLDS else "test"
        return (split, slice_["key"]), example


def _audio(sample_rate: int | None) -> Any:
    """Returns the recording, as published or at a common rate."""
    if sample_rate is None:
        return EncodedAudio(
            doc="The published WAV file, read as float32 of shape (frames, channels), full scale 1,"
            " at its own rate; one or two channels. Float files may exceed full scale."
        )
    return Audio(
        sample_rate=sample_rate,
        doc=f"The slice: int16 samples at {sample_rate:,} Hz, the mean of all channels, resampled"
        " by soxr in its quality HQ where the published rate is another, rounded and clipped to"
        " full scale 32,768.",
    )


def _resampled(content: bytes, sample_rate: int) -> np.ndarray:
    """Returns a recording as int16 samples of one channel at a common rate."""
    import soxr  # Only configs with a common rate need it.

    samples, published_rate = sound.decode(io.BytesIO(content), np.dtype(np.float64))
    mono = soxr.resample(samples.mean(axis=1), published_rate, sample_rate, quality="HQ")
    return sound.to_integer(mono, np.dtype(np.int16))
