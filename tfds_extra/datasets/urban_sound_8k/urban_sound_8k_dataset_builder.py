"""UrbanSound8K: 8,732 labelled excerpts of urban field recordings in ten folds."""

from __future__ import annotations

import collections
import dataclasses
import functools
import hashlib
import io
import re
import urllib.parse
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core, features
from tfds_extra.features import sound
from tfds_extra.formats import wav

_HOMEPAGE = "https://urbansounddataset.weebly.com/urbansound8k.html"
_ARCHIVE = "https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz?download=1"
_ROOT = "UrbanSound8K"
# As the publisher's FREESOUNDCREDITS.txt says that addresses are made.
_SOUND_PAGE = "http://www.freesound.org/people/{user}/sounds/{freesound_id}"

# In the order of classID.
_CLASSES = [
    "air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling",
    "gun_shot", "jackhammer", "siren", "street_music",
]  # fmt: skip
_SALIENCE = {"1": "foreground", "2": "background"}
_CODECS = {
    wav.PCM: "pcm", wav.FLOAT: "float", wav.MS_ADPCM: "ms_adpcm", wav.IMA_ADPCM: "ima_adpcm",
}  # fmt: skip
_FOLDS = range(1, 11)
_TRAIN_FOLDS = range(1, 7)  # Of the challenge; see README.md.
# sliceID counts steps of so many seconds from the onset of the occurrence.
_SLICE_STEP = 0.5
_REMEDY = "Get UrbanSound8K.tar.gz again."
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
    """What is known of a published file before it is read: a row of `members.tsv`."""

    bytes: str
    sha256: str
    start: str
    end: str
    salience: str


class Builder(core.Builder):
    """UrbanSound8K."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = list(_configs())

    def _info(self) -> tfds.core.DatasetInfo:
        rate = self.builder_config.sample_rate
        scalar, text = tfds.features.Scalar, tfds.features.Text
        # With an encoding, because TFDS otherwise narrows float64 to float32.
        seconds = functools.partial(
            tfds.features.Tensor, shape=(), dtype=np.float64, encoding="bytes"
        )
        if rate is None:
            audio = features.EncodedAudio(
                doc="The published WAV file, read as float32 of shape (frames, channels), full scale"
                " 1, at its own rate; one or two channels. Float files may exceed full scale."
            )
        else:
            audio = features.Audio(
                sample_rate=rate,
                doc=f"The slice: int16 samples at {rate:,} Hz, the mean of all channels, resampled"
                " by soxr in its quality HQ where the published rate is another, rounded and"
                " clipped to full scale 32,768.",
            )
        return self.dataset_info(
            features={
                "audio": audio,
                "label": tfds.features.ClassLabel(names=_CLASSES, doc="Class of the sound."),
                "slice_file_name": text(doc="Name of the published file: freesound_id-label-"
                    "occurrence_id-slice_id.wav."),
                "fold": scalar(np.int32, doc="Official fold, 1-10."),
                "salience": tfds.features.ClassLabel(
                    names=list(_SALIENCE.values()),
                    doc="Whether the sound is in the foreground or the background (published as 1"
                    " and 2).",
                ),
                "start": seconds(doc="Where the slice begins in the Freesound recording, in s."),
                "end": seconds(doc="Where it ends there, in s. The published file may be shorter:"
                    " `duration` is the length of what is there."),
                "occurrence_id": scalar(np.int32, doc="Number of the occurrence of this class in"
                    " the recording."),
                "slice_id": scalar(np.int32, doc="Half seconds from the onset of the occurrence to"
                    " the start of the slice; slices of one occurrence overlap."),
                "occurrence_start": seconds(doc="Onset of the occurrence in the recording, in s:"
                    " start - slice_id / 2."),
                "freesound_id": scalar(np.int64, doc="Freesound's number of the recording. Slices"
                    " of one recording belong together: never share them out over train and test."),
                "group_spans_folds": scalar(np.bool_, doc="Whether slices of this recording are in"
                    " two folds, as those of five recordings of two classes are."),
                "freesound_user": text(doc="Who uploaded the recording."),
                "freesound_url": text(doc="Page of the recording."),
                "duration": scalar(np.float32, doc="Length of the published file in s."),
                **{self._of_file(name): feature for name, feature in _file_facts().items()},
            },
            supervised_keys=("audio", "label"),
            homepage=_HOMEPAGE,
            license="CC BY-NC 3.0; attribution of the recordings in freesound_user.",
        )  # fmt: skip

    def _of_file(self, name: str) -> str:
        """Name of a feature about the published file, not to be taken for one of resampled audio."""
        return name if self.builder_config.sample_rate is None else f"source_{name}"

    def published_files(self) -> dict[str, core.Archive]:
        return {"corpus": core.Archive(_ARCHIVE, _ROOT)}

    @functools.cached_property
    def _members(self) -> dict[str, Slice]:
        """All published files; of those that are no slices only the digest."""
        return {
            row["file"]: Slice(*(row[field] for field in Slice._fields))
            for row in self.read_facts("members.tsv")
        }

    def member_digests(self, file: str) -> dict[str, str]:
        return {name: member.sha256 for name, member in self._members.items()}

    def _split_generators(self, dl_manager):
        tree = self.fetch(dl_manager)["corpus"]
        # The archive is one stream; of a folder, workers can take a fold each.
        prefixes = [""]
        if tree.random_access:
            prefixes = [*(f"audio/fold{fold}/" for fold in _FOLDS), "metadata/"]
        pieces = [(tree, prefix) for prefix in prefixes]
        return core.by_split(self.expected_counts, pieces, self._generate_examples)

    def _generate_examples(self, piece: tuple[core.Tree, str]) -> Iterator[core.SplitExample]:
        """Yields the slices whose names begin with a prefix."""
        tree, prefix = piece
        users = {row["freesound_id"]: row["user"] for row in self.read_facts("credits.tsv")}
        folds = collections.defaultdict(set)
        for slice_ in filter(None, map(_SLICE.fullmatch, self._members)):
            folds[slice_["recording"]].add(slice_["fold"])
        missing = {n for n in self._members if n.startswith(prefix) and _SLICE.fullmatch(n)}
        for member in tree.members(prefix):
            published = self._members.get(member.name)
            if published is None:
                continue  # Such as the .DS_Store files of the publisher's own archive.
            with core.located(tree, member.name, _REMEDY):
                content = member.read()
                if len(content) != int(published.bytes):
                    raise ValueError(
                        f"altered: {len(content):,} bytes, the published file has"
                        f" {int(published.bytes):,}"
                    )
                if hashlib.sha256(content).hexdigest() != published.sha256:
                    raise ValueError("altered: its sha256 is not that of the published file")
                if slice_ := _SLICE.fullmatch(member.name):
                    missing.remove(member.name)
                    recording = slice_["recording"]
                    spans_folds = len(folds[recording]) > 1
                    yield self._example(slice_, published, content, users[recording], spans_folds)
        self.check_complete(tree, prefix or "audio", missing)

    def _example(
        self, slice_: re.Match, published: Slice, content: bytes, user: str, spans_folds: bool
    ) -> core.SplitExample:
        """One slice as an example, with its split and key."""
        header = wav.read_header(content)
        rate = self.builder_config.sample_rate
        start, slice_id = float(published.start), int(slice_["slice"])
        page = {"user": urllib.parse.quote(user), "freesound_id": slice_["recording"]}
        facts = {
            "sample_rate": header.sample_rate,
            "channels": header.channels,
            "bits_per_sample": header.bits_per_sample,
            "codec": _CODECS.get(header.format_tag, -1),
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
            "group_spans_folds": spans_folds,
            "freesound_user": user,
            "freesound_url": _SOUND_PAGE.format(**page),
            "duration": header.frames / header.sample_rate,
            **{self._of_file(name): value for name, value in facts.items()},
        }
        split = f"fold{slice_['fold']}"
        if self.builder_config.challenge:
            split = "train" if int(slice_["fold"]) in _TRAIN_FOLDS else "test"
        return (split, slice_["key"]), example


def _file_facts() -> dict[str, Any]:
    """Features about the published file, read from its header."""
    scalar = functools.partial(tfds.features.Scalar, np.int32)
    return {
        "sample_rate": scalar(doc="Rate of the published file in Hz, 8,000 to 192,000."),
        "channels": scalar(doc="Channels of the published file: 1 or 2."),
        "bits_per_sample": scalar(doc="Bits a sample of the published file: 4, 8, 16, 24 or 32."),
        "codec": tfds.features.ClassLabel(
            names=list(_CODECS.values()),
            doc="How the published file holds its samples; -1 if in none of these ways.",
        ),
        "num_frames": scalar(doc="Samples of each channel in the published file."),
    }


def _resampled(content: bytes, sample_rate: int) -> np.ndarray:
    """A recording as int16 samples of one channel at a common rate."""
    import soxr  # Only those configs need it.

    samples, published_rate = sound.decode(io.BytesIO(content), np.dtype(np.float64))
    mono = soxr.resample(samples.mean(axis=1), published_rate, sample_rate, quality="HQ")
    return sound.to_integer(mono, np.dtype(np.int16))
