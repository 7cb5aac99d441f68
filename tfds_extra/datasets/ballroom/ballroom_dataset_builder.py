"""Ballroom: excerpts of dance music with tempo, beats and bars (ISMIR 2004 tempo contest)."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.ballroom.features import GENRES, SAMPLE_RATE, features
from tfds_extra.formats import beats, wav

_HOMEPAGE = "https://github.com/CPJKU/BallroomAnnotations"
_CONTEST = "https://mtg.upf.edu/ismir2004/contest/tempoContest"
_AUDIO = core.Archive(
    f"{_CONTEST}/data1.tar.gz",
    "BallroomData",
    holds=("*/*.wav",),
    others=("allBallroomFiles",),  # Names of the recordings.
)
_TEMPO = core.Archive(
    f"{_CONTEST}/data2.tar.gz", "BallroomAnnotations/ballroomGroundTruth", holds=("*.bpm",)
)

_NEWEST = "1db08914a8ae15edb01f104046e30bad88effe67"
# Archive of each version of the beats: name in its URL, its root, and its description.
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

_BPM = re.compile(rb"([0-9]{1,3})\n")
_TRACK_ID = re.compile(r"Albums-(?P<album>.+)-(?P<number>[0-9]+)|Media-[0-9]+")


@dataclasses.dataclass
class ViewConfig(tfds.core.BuilderConfig):
    """A choice of excerpts with one version of their beats.

    Attributes:
      view: Which excerpts there are, and how they are split: `full`, `dedup` or `beat_this`.
      annotations: Version of the beats; empty for the newest.
    """

    view: str = ""
    annotations: str = ""


@dataclasses.dataclass(frozen=True)
class _Piece:
    """A part of the recordings, and the annotations of all of them.

    Attributes:
      audio: All recordings.
      folder: Beginning of the names of this piece's recordings.
      tempo: Nominal tempos.
      beats: Beats.
    """

    audio: core.Tree
    folder: str
    tempo: core.Tree
    beats: core.Tree


class Builder(core.ChunkedBuilder):
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
    DRAWN_FIRST = ("dance", "tempo", "tempo_from_beats", "beats_per_bar")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info(
            features=features(),
            supervised_keys=("audio", "dance"),
            homepage=_HOMEPAGE,
            license="not stated",
        )

    def published_files(self) -> dict[str, core.Archive]:
        name, ref, _ = _ANNOTATIONS[self.builder_config.annotations]
        annotations = core.Archive(
            f"{_HOMEPAGE}/archive/{name}",
            f"BallroomAnnotations-{ref}",
            holds=("*.beats",),
            also_called=() if self.builder_config.annotations else ("BallroomAnnotations",),
            others=("README.md",),
        )
        return {"audio": _AUDIO, "tempo": _TEMPO, "beats": annotations}

    def member_digests(self, file, tree, prefix=""):
        version = f"_{self.builder_config.annotations}" if self.builder_config.annotations else ""
        name_of, column = {
            "audio": (_audio_name, "wav_md5"),
            "tempo": (_tempo_name, "bpm_md5"),
            "beats": (_beats_name, f"beats{version}_md5"),
        }[file]
        # Nobody listed the digests of the first beats.
        return {name_of(row): row.get(column, "") for row in self._excerpts}

    @functools.cached_property
    def _excerpts(self) -> list[dict[str, str]]:
        return self.read_facts("excerpts.tsv")

    def _split_generators(self, dl_manager):
        trees = self.fetch(dl_manager)
        # A compressed tar can only be read from end to end.
        folders = [f"{g}/" for g in GENRES] if trees["audio"].random_access else [""]
        pieces = [_Piece(folder=folder, **trees) for folder in folders]
        return core.by_split(self.expected_counts, pieces, self._by_chunks)

    def _read(self, piece: _Piece) -> Iterator[core.Chunk]:
        """Yields recordings with the tempo and beats of each."""
        rows = {name: row for name, row in self._rows.items() if name.startswith(piece.folder)}
        tempo = self.members(
            "tempo", piece.tempo, list(map(_tempo_name, rows.values())), checks_rest=False
        ).parsed(_parse_bpm)
        bars = self.members(
            "beats", piece.beats, list(map(_beats_name, rows.values())), checks_rest=False
        ).parsed(self._parse_beats)
        recordings = self.members(
            "audio",
            piece.audio,
            rows,
            prefix=piece.folder,
            split_of=lambda name: self._split_of(rows[name]),
        )
        for chunk in recordings.chunks():
            annotations = {
                name: (tempo.get(_tempo_name(rows[name])), bars.get(_beats_name(rows[name])))
                for name in (member.name for member in chunk.content)
                if name in rows
            }
            yield core.Chunk(chunk.place, (chunk, annotations))

    def _make(self, piece: _Piece, chunk: core.Chunk) -> Iterator[core.SplitExample]:
        recordings, annotations = chunk.content

        def make(name: str, content: bytes) -> Iterator[core.SplitExample]:
            row, (tempo, bars) = self._rows[name], annotations[name]
            # In a part, annotations may be missing.
            if tempo is not None and bars is not None:
                example = _example(row, _samples(content), tempo, bars)
                yield (self._split_of(row), row["track_id"]), example

        return core.make_of_chunk(piece.audio, recordings, make)

    @functools.cached_property
    def _rows(self) -> dict[str, dict[str, str]]:
        """The excerpts of this config, by the names of their recordings."""
        return {_audio_name(row): row for row in self._excerpts if self._split_of(row)}

    def _parse_beats(self, content: bytes) -> beats.Beats:
        found = beats.parse(content)
        if found.numbers_bars != bool(self.builder_config.annotations):
            raise ValueError("written as in another version of the annotations")
        return found

    def _split_of(self, row: dict[str, str]) -> str:
        """Returns the split of an excerpt in this config; empty if it is left out."""
        view = self.builder_config.view
        if view == "full":
            return "train"
        if view == "beat_this":
            return row["single_split"]
        return f"fold{row['fold']}" if row["fold"] else ""


def _audio_name(row: dict[str, str]) -> str:
    return f"{row['genre']}/{row['track_id']}.wav"


def _tempo_name(row: dict[str, str]) -> str:
    return f"{row['track_id']}.bpm"


def _beats_name(row: dict[str, str]) -> str:
    return f"{row['track_id']}.beats"


def _parse_bpm(content: bytes) -> int:
    """Returns the beats a minute, the only content of a .bpm file."""
    bpm = _BPM.fullmatch(content)
    if bpm is None or not int(bpm[1]):
        raise ValueError(f"line 1: not one whole number of beats a minute: {content[:40]!r}")
    return int(bpm[1])


def _samples(content: bytes) -> np.ndarray:
    """Returns the int16 samples of a recording, of shape (frames,)."""
    recording = wav.parse(content)
    source = (recording.sample_rate, recording.channels, recording.bits_per_sample)
    if source != (SAMPLE_RATE, 1, 16):
        raise ValueError(
            "{} Hz, {} channels of {} bits are not how Ballroom is recorded".format(*source)
        )
    return recording.samples()[:, 0]


def _example(
    row: dict[str, str], samples: np.ndarray, tempo: int, bars: beats.Beats
) -> dict[str, Any]:
    """Makes an example from a row of the table of excerpts and the published files."""
    name = _TRACK_ID.fullmatch(row["track_id"])
    assert name  # All ids of the table are of that form.
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
