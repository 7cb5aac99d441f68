"""Ballroom: excerpts of dance music with tempo, beats and bars (ISMIR 2004 tempo contest)."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core, features
from tfds_extra.formats import beats, wav

_HOMEPAGE = "https://github.com/CPJKU/BallroomAnnotations"
_CONTEST = "https://mtg.upf.edu/ismir2004/contest/tempoContest"
_AUDIO = core.Archive(f"{_CONTEST}/data1.tar.gz", "BallroomData")
_TEMPO = core.Archive(f"{_CONTEST}/data2.tar.gz", "BallroomAnnotations/ballroomGroundTruth")
_AUDIO_LIST = "allBallroomFiles"  # Names of the recordings, in the archive beside their folders.

_NEWEST = "1db08914a8ae15edb01f104046e30bad88effe67"
# Archive of each version of the beats: name in its URL, its root, and what is said of it.
_ANNOTATIONS = {
    "": (f"{_NEWEST}.zip", _NEWEST, "the newest beats (of 2021)"),
    "v1.1": ("v1.1.tar.gz", "1.1", "the beats of tag v1.1"),
    "ismir2013": (
        "ISMIR_2013_paper.tar.gz",
        "ISMIR_2013_paper",
        "the beats of tag ISMIR_2013_paper, the first version",
    ),
}
_VIEWS = {
    "full": "All 698 excerpts",
    "dedup": "The 685 excerpts without replicas, in the 8 folds of cross-validation",
    "beat_this": "The 685 excerpts without replicas, in the single split of Beat This!",
}

# Each genre is a folder of the archive.
_GENRES = ["ChaChaCha", "Jive", "Quickstep", "Rumba-American", "Rumba-International", "Rumba-Misc", "Samba", "Tango", "VienneseWaltz", "Waltz"]  # fmt: skip
_DANCES = ["ChaChaCha", "Jive", "Quickstep", "Rumba", "Samba", "Tango", "VienneseWaltz", "Waltz"]
_SAMPLE_RATE = 44_100
_REMEDY = "Get the published archive again, or remove what does not belong to it."
_BPM = re.compile(rb"([0-9]{1,3})\n")
_TRACK_ID = re.compile(r"Albums-(?P<album>.+)-(?P<number>[0-9]+)|Media-[0-9]+")


@dataclasses.dataclass
class ViewConfig(tfds.core.BuilderConfig):
    """A choice of excerpts with one version of their beats.

    Attributes:
      view: Which excerpts, and how they are split: `full`, `dedup` or `beat_this`.
      annotations: Version of the beats; empty for the newest.
    """

    view: str = ""
    annotations: str = ""


@dataclasses.dataclass(frozen=True)
class _Piece:
    """A part of the recordings, and the annotations of all of them.

    Attributes:
      audio: All recordings.
      folder: What the names of this piece's recordings begin with.
      tempo: Nominal tempos.
      beats: Beats.
    """

    audio: core.Tree
    folder: str
    tempo: core.Tree
    beats: core.Tree


class Builder(core.Builder):
    """Ballroom."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        ViewConfig(
            name=f"{view}_{version}" if version else view,
            view=view,
            annotations=version,
            description=f"{about_view}; {about_version}.",
        )
        for version, (_, _, about_version) in _ANNOTATIONS.items()
        for view, about_view in _VIEWS.items()
    ]
    DRAWN_TIMES = ("beats/time", "beats/is_downbeat")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info(
            features={
                "audio": features.Audio(
                    sample_rate=_SAMPLE_RATE,
                    doc="The excerpt, about 30 s: int16 samples at 44,100 Hz, one channel, full scale"
                    " 32,768.",
                ),
                "track_id": tfds.features.Text(
                    doc="Name of the published file, without .wav: Albums-<album>-<number> or"
                    " Media-<number>."
                ),
                "dance": tfds.features.ClassLabel(
                    names=_DANCES,
                    doc="The dance: `genre` with the three kinds of Rumba as one, the eight classes"
                    " of the ISMIR 2004 contest (which calls Waltz SlowWaltz).",
                ),
                "genre": tfds.features.ClassLabel(
                    names=_GENRES, doc="The folder of the published file, one of ten."
                ),
                "tempo": tfds.features.Scalar(
                    np.float32,
                    doc="Nominal tempo in beats a minute, a whole number: that of BallroomDancers.com,"
                    " checked by a person. In 17 excerpts it is over 8% off the beats.",
                ),
                "tempo_from_beats": tfds.features.Scalar(
                    np.float32,
                    doc="Tempo in beats a minute as computed from the beats: 60 s by the median"
                    " interval between neighbouring beats.",
                ),
                "beats": {
                    "time": tfds.features.Tensor(
                        shape=(None,),
                        dtype=np.float64,
                        encoding=tfds.features.Encoding.BYTES,
                        doc="Time of each beat in seconds, of shape (beats,), increasing. Stored as"
                        " bytes: TFDS would narrow it to float32.",
                    ),
                    "position": tfds.features.Tensor(
                        shape=(None,),
                        dtype=np.int32,
                        doc="Place of each beat in its bar, 1 to 3 or 1 to 4, of shape (beats,).",
                    ),
                    "bar": tfds.features.Tensor(
                        shape=(None,),
                        dtype=np.int32,
                        doc="Number of the bar of each beat, of shape (beats,); 0 before the first"
                        " downbeat. As published in v1.1 and ismir2013, otherwise the number of"
                        " downbeats so far.",
                    ),
                    "is_downbeat": tfds.features.Tensor(
                        shape=(None,),
                        dtype=np.bool_,
                        doc="Whether each beat is the first of its bar, of shape (beats,).",
                    ),
                },
                "beats_per_bar": tfds.features.Scalar(
                    np.int32, doc="The highest position in a bar: 3 for both waltzes, 4 otherwise."
                ),
                "is_replica": tfds.features.Scalar(
                    np.bool_,
                    doc="Whether it is one of the 13 excerpts that are customarily left out, the"
                    " second of each pair of replicas.",
                ),
                "replica_of": tfds.features.Text(
                    doc="track_id of the first of the pair if this is a replica, otherwise empty."
                ),
                "replica_kind": tfds.features.ClassLabel(
                    names=["none", "exact", "recording"],
                    doc="Whether a replica is of the very same excerpt or of the same recording; none"
                    " if it is no replica.",
                ),
                "canonical_id": tfds.features.Text(
                    doc="replica_of of a replica, track_id of any other: the same for both of a pair."
                ),
                "fold": tfds.features.Scalar(
                    np.int32, doc="Fold of the 8-fold cross-validation, 0 to 7; -1 for replicas."
                ),
                "single_split": tfds.features.ClassLabel(
                    names=["train", "validation"],
                    doc="Part in the single split of Beat This!; -1 for replicas.",
                ),
                "source": tfds.features.ClassLabel(
                    names=["album", "media"],
                    doc="What track_id begins with: Albums, or Media where no album is known.",
                ),
                "album": tfds.features.Text(doc="Name of the album; empty if of no album."),
                "track_number": tfds.features.Scalar(
                    np.int32, doc="Number of the track on the album; -1 if of no album."
                ),
            },
            supervised_keys=("audio", "dance"),
            homepage=_HOMEPAGE,
            license="not stated",
        )

    def published_files(self) -> dict[str, core.Archive]:
        name, ref, _ = _ANNOTATIONS[self.builder_config.annotations]
        annotations = core.Archive(f"{_HOMEPAGE}/archive/{name}", f"BallroomAnnotations-{ref}")
        return {"audio": _AUDIO, "tempo": _TEMPO, "beats": annotations}

    def member_digests(self, file: str) -> dict[str, str]:
        excerpts = self.read_facts("excerpts.tsv")
        if file == "audio":
            return {_audio_name(row): row["wav_md5"] for row in excerpts}
        if file == "tempo":
            return {f"{row['track_id']}.bpm": row["bpm_md5"] for row in excerpts}
        if self.builder_config.annotations:
            return {}  # Nobody listed those of the older versions.
        return {f"{row['track_id']}.beats": row["beats_md5"] for row in excerpts}

    def _split_generators(self, dl_manager):
        trees = self.fetch(dl_manager)
        # A compressed tar can only be read from end to end.
        folders = [f"{g}/" for g in _GENRES] if trees["audio"].random_access else [""]
        pieces = [_Piece(folder=folder, **trees) for folder in folders]
        return core.by_split(self.expected_counts, pieces, self._generate_examples)

    def _generate_examples(self, piece: _Piece) -> Iterator[core.SplitExample]:
        """Yields the excerpts of one piece."""
        excerpts = {_audio_name(row): row for row in self.read_facts("excerpts.tsv")}
        missing = {
            name: row
            for name, row in excerpts.items()
            if name.startswith(piece.folder) and self._split_of(row)
        }
        track_ids = {row["track_id"] for row in missing.values()}
        tempo = self._annotations(piece.tempo, "tempo", ".bpm", _parse_bpm, track_ids)
        bars = self._annotations(piece.beats, "beats", ".beats", beats.parse, track_ids)
        digests = self.member_digests("audio")
        for member in piece.audio.members(piece.folder):
            if member.name == _AUDIO_LIST:
                continue
            with core.located(piece.audio, member.name, _REMEDY):
                if member.name not in excerpts:
                    raise ValueError("no excerpt of the corpus")
                if member.name not in missing:
                    continue  # A replica, and not wanted.
                row = missing.pop(member.name)
                track_id = row["track_id"]
                if track_id not in tempo or track_id not in bars:
                    continue  # In a partial corpus.
                samples = _samples(_checked(member, wav.parse, digests))
                example = _example(row, samples, tempo[track_id], bars[track_id])
                yield (self._split_of(row), track_id), example
        self.check_complete(piece.audio, "", missing)

    def _annotations(
        self,
        tree: core.Tree,
        file: str,
        suffix: str,
        parse: Callable[[bytes], Any],
        track_ids: set[str],
    ) -> dict[str, Any]:
        """The parsed annotations of some excerpts, by track_id.

        Args:
          tree: Annotations, a file each.
          file: Short name of the published file that the tree is.
          suffix: Of the names of the annotations; others are ignored.
          parse: What to parse one with.
          track_ids: The excerpts whose annotations are wanted.
        """
        known = {f"{row['track_id']}{suffix}" for row in self.read_facts("excerpts.tsv")}
        digests = self.member_digests(file)
        missing = {f"{track_id}{suffix}" for track_id in track_ids}
        found = {}
        for member in tree.members():
            if not member.name.endswith(suffix):
                continue
            with core.located(tree, member.name, _REMEDY):
                if member.name not in known:
                    raise ValueError("no annotation of an excerpt of the corpus")
                if member.name in missing:
                    missing.remove(member.name)
                    found[member.name.removesuffix(suffix)] = _checked(member, parse, digests)
        self.check_complete(tree, "", missing)
        return found

    def _split_of(self, row: dict[str, str]) -> str:
        """Split of an excerpt in this config; empty if it is left out."""
        view = self.builder_config.view
        if view == "full":
            return "train"
        if view == "beat_this":
            return row["single_split"]
        return f"fold{row['fold']}" if row["fold"] else ""


def _audio_name(row: dict[str, str]) -> str:
    return f"{row['genre']}/{row['track_id']}.wav"


def _checked(member: core.Member, parse: Callable[[bytes], Any], digests: dict[str, str]) -> Any:
    """The parsed content of a published file, which must have its digest if that is known."""
    content = member.read()
    parsed = parse(content)  # First: what is wrong with it says more than a digest.
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digests.get(member.name, md5) != md5:
        raise ValueError("altered: its md5 is not that of the published file")
    return parsed


def _parse_bpm(content: bytes) -> int:
    """Beats a minute, which is all that a .bpm file holds."""
    bpm = _BPM.fullmatch(content)
    if bpm is None or not int(bpm[1]):
        raise ValueError(f"line 1: not one whole number of beats a minute: {content[:40]!r}")
    return int(bpm[1])


def _samples(recording: wav.Wav) -> np.ndarray:
    """int16 samples of shape (frames,)."""
    source = (recording.sample_rate, recording.channels, recording.bits_per_sample)
    if source != (_SAMPLE_RATE, 1, 16):
        raise ValueError(
            "{} Hz, {} channels of {} bits are not how Ballroom is recorded".format(*source)
        )
    return recording.samples()[:, 0]


def _example(
    row: dict[str, str], samples: np.ndarray, tempo: int, bars: beats.Beats
) -> dict[str, Any]:
    """One excerpt, of what the table of excerpts and the published files say."""
    name = _TRACK_ID.fullmatch(row["track_id"])
    return {
        "audio": samples,
        "track_id": row["track_id"],
        "dance": row["genre"].split("-")[0],
        "genre": row["genre"],
        "tempo": float(tempo),
        "tempo_from_beats": bars.tempo,
        "beats": {
            "time": bars.times,
            "position": bars.positions,
            "bar": bars.bars,
            "is_downbeat": bars.is_downbeat,
        },
        "beats_per_bar": bars.beats_per_bar,
        "is_replica": bool(row["replica_of"]),
        "replica_of": row["replica_of"],
        "replica_kind": row["replica_kind"] or "none",
        "canonical_id": row["replica_of"] or row["track_id"],
        "fold": int(row["fold"] or -1),
        "single_split": row["single_split"] or -1,
        "source": "album" if name["album"] else "media",
        "album": name["album"] or "",
        "track_number": int(name["number"] or -1),
    }
