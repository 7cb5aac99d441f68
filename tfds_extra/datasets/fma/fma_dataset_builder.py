"""FMA: the Free Music Archive as it was in April 2017, with genres, tags and licences."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core, features
from tfds_extra.core import digests
from tfds_extra.datasets.fma import metadata
from tfds_extra.formats import mp3

_HOMEPAGE = "https://github.com/mdeff/fma"
_URL = "https://os.unil.cloud.switch.ch/fma/{}.zip"

# In the order of the configs: which of the nested subsets a set holds, and what its recordings are.
_SUBSETS = ("small", "medium", "large")
_SETS = {
    "small": (_SUBSETS[:1], "8,000 clips of 30 s, 1,000 of each of eight genres"),
    "medium": (_SUBSETS[:2], "25,000 clips of 30 s of 16 unbalanced genres"),
    "large": (_SUBSETS, "106,574 clips of 30 s of 161 genres"),
    "full": (_SUBSETS, "106,574 recordings of full length"),
    "metadata": (_SUBSETS, "What is known of all 106,574 tracks, without recordings"),
}
_SPLITS = {"training": "train", "validation": "validation", "test": "test"}
_FOLDERS = 156  # A thousand ids each; the last track is 155320.
_CLIP_SECONDS = 30
_TOLERANCE = 1.0  # Seconds that a clip may lack: cut between frames, it is never exactly 30 s.
_STATUSES = ["ok", "empty", "short", "undecodable"]
_RECORDING = re.compile(r"(?P<folder>[0-9]{3})/(?P<id>(?P=folder)[0-9]{3})\.mp3")
_REMEDY = "Get the archive again, or remove what does not belong to it."


@dataclasses.dataclass
class SetConfig(tfds.core.BuilderConfig):
    """One of the nested sets.

    Attributes:
      set: Name of the set.
      computed: Whether the features of librosa and Echonest are joined.
    """

    set: str = ""
    computed: bool = False

    @property
    def audio(self) -> str:
        """Name of the archive with the recordings; empty if there are none."""
        return "" if self.set == "metadata" else f"fma_{self.set}"


@dataclasses.dataclass(frozen=True)
class Folder:
    """The piece that is read at once: the tracks that share the first three of six digits.

    Attributes:
      metadata: fma_metadata.zip.
      audio: The archive with the recordings; None if there are none.
      number: 0 to 155.
    """

    metadata: core.Tree
    audio: core.Tree | None
    number: int

    @property
    def ids(self) -> tuple[int, int]:
        """The first id, and the one behind the last."""
        is_last = self.number == _FOLDERS - 1
        return 1000 * self.number, sys.maxsize if is_last else 1000 * (self.number + 1)


class Builder(core.Builder):
    """FMA: a dataset for music analysis."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        SetConfig(name=name, set=name, description=f"{what}.") for name, (_, what) in _SETS.items()
    ] + [
        SetConfig(
            name=f"{name}_features",
            set=name,
            computed=True,
            description=f"{what}; with the features that librosa and Echonest computed.",
        )
        for name, (_, what) in _SETS.items()
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        genres = tfds.features.ClassLabel(names=list(_genre_titles().values()))
        described = {
            "track_id": tfds.features.Scalar(np.int32, doc="Id of the track, 2 to 155320."),
            "genre_top": tfds.features.ClassLabel(
                names=_root_titles(),
                doc="Root genre, in the order of the ids. -1 if the genres have several roots, or"
                " there are none; never in small and medium.",
            ),
            "genres": tfds.features.Sequence(
                genres,
                doc="Genres that the artist chose, which may be none. Labels are in the order of"
                " the ids; info.metadata['genres'] has id, parent and more of each.",
            ),
            "genres_all": tfds.features.Sequence(
                genres, doc="These genres and all above them, in no particular order."
            ),
            **metadata.column_features("tracks.csv"),
            "raw_track": metadata.column_features("raw_tracks.csv"),
            "reported_defect": tfds.features.Text(
                doc="What the publisher or users say is wrong with the recording, and who says so;"
                " empty for nearly all. It is told as reported: audio_status is what was found."
            ),
        }
        if config.audio:
            described |= _recording_features()
        if config.computed:
            described["features"] = metadata.librosa_features()
            described["echonest"] = metadata.echonest_features()
        return self.dataset_info(
            features=described,
            supervised_keys=("audio", "genre_top") if config.set in ("small", "medium") else None,
            homepage=_HOMEPAGE,
            license="Metadata CC BY 4.0; each recording under the licence that its artist chose"
            " (track/license, raw_track/license_url)",
            metadata={"genres": _genre_tree()},
        )

    def published_files(self) -> dict[str, core.Archive]:
        names = {"metadata": "fma_metadata"}
        if self.builder_config.audio:
            names["audio"] = self.builder_config.audio
        return {short: core.Archive(_URL.format(name), name) for short, name in names.items()}

    def _split_generators(self, dl_manager):
        published = self.fetch(dl_manager)
        pieces = [
            Folder(published["metadata"], published.get("audio"), number)
            for number in range(_FOLDERS)
        ]
        return core.by_split(_SPLITS.values(), pieces, self._generate_examples)

    def _generate_examples(self, piece: Folder) -> Iterator[core.SplitExample]:
        """Yields the tracks of one folder."""
        tracks = self._read_tracks(piece)
        if piece.audio is None:
            for track_id, track in tracks.items():
                yield (_SPLITS[track["set"]["split"]], track_id), track
            return
        digest_of = self._recording_digests(piece)
        for member in piece.audio.members(f"{piece.number:03}/"):
            with core.located(piece.audio, member.name, _REMEDY):
                name = _RECORDING.fullmatch(member.name)
                track = tracks.pop(int(name["id"]), None) if name else None
                if track is None:
                    raise ValueError(f"tracks.csv lists no such track of {piece.audio}")
                content = member.read()
                sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
                if digest_of is not None and digest_of.get(member.name) != sha1:
                    raise ValueError(f"altered: its sha1 {sha1} is not the one in `checksums`")
                recording = self._recording(content, track["track"]["duration"])
            yield (
                (_SPLITS[track["set"]["split"]], track["track_id"]),
                {**track, "audio/filename": member.name, "sha1": sha1, **recording},
            )
        if tracks and self.variant != core.PARTIAL:
            raise _incomplete(piece, tracks)

    # ------------------------------------------------------------------------------- the metadata

    def _read_tracks(self, piece: Folder) -> dict[int, dict[str, Any]]:
        """The tracks of a folder that this set holds, by id, as far as tables tell of them."""
        subsets, _ = _SETS[self.builder_config.set]
        tables = self._tables(piece.metadata)
        tracks: dict[int, dict[str, Any]] = {}
        for row, values in tables["tracks.csv"].parsed(*piece.ids):
            if values["set"]["subset"] in subsets:
                tracks[row.index] = {**values}
        return tracks
