"""FMA: the Free Music Archive as it was in April 2017, with genres, tags and licences."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import sys
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.core import digests
from tfds_extra.datasets.fma import features, genres, metadata
from tfds_extra.formats import mp3

_HOMEPAGE = "https://github.com/mdeff/fma"
_URL = "https://os.unil.cloud.switch.ch/fma/{}.zip"

# In the order of the configs: the nested subsets that a set holds, and the kind of its recordings.
_SUBSETS = ("small", "medium", "large")
_SETS = {
    "small": (_SUBSETS[:1], "8,000 clips of 30 s, 1,000 of each of eight genres"),
    "medium": (_SUBSETS[:2], "25,000 clips of 30 s of 16 unbalanced genres"),
    "large": (_SUBSETS, "106,574 clips of 30 s of 161 genres"),
    "full": (_SUBSETS, "106,574 recordings of full length"),
    "metadata": (_SUBSETS, "What is known of all 106,574 tracks, without recordings"),
}
_SPLITS = {"training": "train", "validation": "validation", "test": "test"}
_FOLDERS = 156  # Each folder has a thousand ids; the last track is 155320.
_CLIP_SECONDS = 30
_TOLERANCE = 1.0  # Seconds that a clip may lack: cut between frames, it is never exactly 30 s.
_DIGESTS = "checksums"  # The file with the publisher's sha1 of each recording, in their archive.
_BESIDE = (_DIGESTS, "README.txt")


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
        """The first id, and the id after the last."""
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
    DRAWN_FIRST = ("track/title", "artist/name", "genre_top", "genres", "album/title", "duration")

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        return self.dataset_info(
            features={
                **features.of_tracks(),
                **(features.of_recordings() if config.audio else {}),
                **(features.of_computed() if config.computed else {}),
            },
            supervised_keys=("audio", "genre_top") if config.set in ("small", "medium") else None,
            homepage=_HOMEPAGE,
            license="Metadata CC BY 4.0; each recording under the licence that its artist chose"
            " (track/license, raw_track/license_url)",
            metadata={"genres": genres.tree()},
        )

    def published_files(self) -> dict[str, core.Archive]:
        files = {
            "metadata": core.Archive(
                _URL.format("fma_metadata"),
                "fma_metadata",
                holds=("tracks.csv",),
                others=_BESIDE,
            )
        }
        if name := self.builder_config.audio:
            files["audio"] = core.Archive(
                _URL.format(name), name, holds=("[01][0-9][0-9]/*.mp3",), others=_BESIDE
            )
        return files

    def member_digests(self, file, tree, prefix=""):
        if file == "metadata":
            rows = self.read_facts("metadata_members.tsv")
            return {row["member"]: row["sha256"] or row["sha1"] for row in rows}
        listed = io.StringIO()
        for member in tree.members(_DIGESTS):
            with core.located(tree, member.name, core.GET_AGAIN):
                with io.TextIOWrapper(member.open(), encoding="utf-8") as lines:
                    # Only the wanted ones of all 106,574 lines are kept.
                    listed.writelines(line for line in lines if line[42:].startswith(prefix))
                return digests.parse_coreutils(listed.getvalue(), "sha1", member.name)
        if self.variant == core.PARTIAL:
            return {}
        raise core.CorpusError(tree, _DIGESTS, "there is no such file", core.GET_AGAIN)

    def _split_generators(self, dl_manager):
        published = self.fetch(dl_manager)
        # Each table is read separately; here the archive is only searched for strangers.
        tables = self.members("metadata", published["metadata"], checks_rest=False)
        for _ in tables.contents():
            pass
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
        prefix = f"{piece.number:03}/"
        by_name = {f"{prefix}{track_id:06}.mp3": track for track_id, track in tracks.items()}
        recordings = self.members(
            "audio",
            piece.audio,
            by_name,
            prefix=prefix,
            what="recordings",
            checks_rest=False,
            split_of=lambda name: _SPLITS[by_name[name]["set"]["split"]],
        )
        # The tracks of this set are those that tracks.csv lists; `checksums` may list more.
        listed = {name: sha1 for name, sha1 in recordings.digests.items() if name in by_name}

        def make(name: str, content: bytes) -> Iterator[core.SplitExample]:
            if name not in listed and self.variant != core.PARTIAL:
                raise ValueError(f"altered: `{_DIGESTS}` does not list it")
            track = by_name[name]
            sha1 = listed.get(name) or hashlib.sha1(content, usedforsecurity=False).hexdigest()
            recording = self._recording(content, track["track"]["duration"])
            yield (
                (_SPLITS[track["set"]["split"]], track["track_id"]),
                {**track, "audio/filename": name, "sha1": sha1, **recording},
            )

        yield from dataclasses.replace(recordings, digests=listed).make(make)

    def _read_tracks(self, piece: Folder) -> dict[int, dict[str, Any]]:
        """Returns the tracks of a folder that this set holds, without their recordings, by id."""
        reader = self._readers.get(str(piece.metadata))
        if reader is None:
            rows = {row["table"]: int(row["rows"]) for row in self.read_facts("tables.tsv")}
            reader = metadata.Reader(
                piece.metadata,
                None if self.variant == core.PARTIAL else rows,
                self.member_digests("metadata", piece.metadata),
                self.builder_config.computed,
            )
            self._readers[str(piece.metadata)] = reader
        subsets, _ = _SETS[self.builder_config.set]
        tracks = reader.tracks(*piece.ids, subsets)
        for track_id, track in tracks.items():
            with core.located(piece.metadata, f"tracks.csv: track {track_id}", core.GET_AGAIN):
                if track["set"]["split"] not in _SPLITS:
                    raise ValueError(f"there is no split {track['set']['split']!r}")
                track["track_id"] = track_id
                track |= genres.labels(track["track"])
            track["reported_defect"] = self._defects.get(track_id, "")
        return tracks

    @functools.cached_property
    def _readers(self) -> dict[str, metadata.Reader]:
        """Open tables of this process, in which a piece goes on where the last one ended."""
        return {}

    @functools.cached_property
    def _defects(self) -> dict[int, str]:
        """Reported defects of the recordings of this set, by track."""
        kinds = {"full": ("full",), "metadata": ("clip", "full")}
        wanted = kinds.get(self.builder_config.set, ("clip",))
        found: dict[int, list[str]] = {}
        for row in self.read_facts("defects.tsv"):
            if row["recording"] in wanted:
                found.setdefault(int(row["track_id"]), []).append(row["report"])
        return {track_id: "; ".join(reports) for track_id, reports in found.items()}

    def _recording(self, content: bytes, duration: int) -> dict[str, Any]:
        """Returns the features that follow from a recording's bytes.

        Args:
          content: The published bytes.
          duration: Duration of the full recording in seconds, as the website has it.
        """
        stream = mp3.parse(content)
        num_samples = stream.num_samples
        seconds = num_samples / stream.sample_rate if stream.first else 0.0
        expected = min(duration, _CLIP_SECONDS) if self.builder_config.set != "full" else 0
        if not stream.first and not stream.stray_bytes:
            status = "empty"
        elif not _is_decodable(content, stream):
            status, num_samples, seconds = "undecodable", 0, 0.0
        else:
            status = "short" if seconds < expected - _TOLERANCE else "ok"
        return {
            "audio": content,
            "audio_status": status,
            "sample_rate": stream.sample_rate,
            "num_channels": stream.channels,
            "num_samples": num_samples,
            "duration": seconds,
            "bit_rate": stream.bit_rate,
        }


def _is_decodable(content: bytes, stream: mp3.Stream) -> bool:
    """Returns whether libsndfile, by which `audio` is read, gives any samples.

    It opens files that have frames where it looks for them. Only files with other bytes between the
    frames have to be decoded to find out.
    """
    import soundfile

    if not stream.num_samples:
        return False
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as recording:
            return not stream.stray_bytes or len(recording.read(dtype="float32")) > 0
    except (RuntimeError, TypeError):  # soundfile's errors are RuntimeErrors.
        return False
