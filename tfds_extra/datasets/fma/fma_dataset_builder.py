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
        missing = [f"{track_id:06}.mp3" for track_id in tracks]
        self.check_complete(piece.audio, f"{piece.number:03}", missing, "recordings")

    def _read_tracks(self, piece: Folder) -> dict[int, dict[str, Any]]:
        """The tracks of a folder that this set holds, without their recordings, by id."""
        reader = self._readers.get(str(piece.metadata))
        if reader is None:
            published = None if self.variant == core.PARTIAL else self.read_facts("tables.tsv")
            reader = metadata.Reader(piece.metadata, published, self.builder_config.computed)
            self._readers[str(piece.metadata)] = reader
        subsets, _ = _SETS[self.builder_config.set]
        tracks = reader.tracks(*piece.ids, subsets)
        for track_id, track in tracks.items():
            with core.located(piece.metadata, f"tracks.csv: track {track_id}", _REMEDY):
                if track["set"]["split"] not in _SPLITS:
                    raise ValueError(f"there is no split {track['set']['split']!r}")
                track["track_id"] = track_id
                track |= _genre_labels(track["track"])
            track["reported_defect"] = self._defects.get(track_id, "")
        return tracks

    @functools.cached_property
    def _readers(self) -> dict[str, metadata.Reader]:
        """Tables that are open, in this process, so that one piece goes on where another ended."""
        return {}

    @functools.cached_property
    def _defects(self) -> dict[int, str]:
        """What is reported of the recordings of this set, by track."""
        kinds = {"full": ("full",), "metadata": ("clip", "full")}
        wanted = kinds.get(self.builder_config.set, ("clip",))
        found: dict[int, list[str]] = {}
        for row in self.read_facts("defects.tsv"):
            if row["recording"] in wanted:
                found.setdefault(int(row["track_id"]), []).append(row["report"])
        return {track_id: "; ".join(reports) for track_id, reports in found.items()}

    def _recording_digests(self, piece: Folder) -> dict[str, str] | None:
        """The publisher's sha1 of the recordings of a folder, by name; None if a part has no list."""
        for member in piece.audio.members("checksums"):
            with core.located(piece.audio, member.name, _REMEDY):
                wanted = f"  {piece.number:03}/"
                with io.TextIOWrapper(member.open(), encoding="utf-8") as lines:
                    text = "".join(line for line in lines if line[40:46] == wanted)
                return digests.parse_coreutils(text, "sha1", member.name)
        if self.variant == core.PARTIAL:
            return None
        raise core.CorpusError(piece.audio, "checksums", "there is no such file", _REMEDY)

    def _recording(self, content: bytes, duration: int) -> dict[str, Any]:
        """What a recording says of itself.

        Args:
          content: The published bytes.
          duration: Of the full recording in seconds, as the website has it.
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
    """Whether libsndfile, which `audio` is read by, gives any samples.

    It opens whatever has frames where it looks for them. Only what has something else between the
    frames needs to be decoded to know.
    """
    import soundfile

    if not stream.num_samples:
        return False
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as recording:
            return not stream.stray_bytes or len(recording.read(dtype="float32")) > 0
    except (RuntimeError, TypeError):  # soundfile's errors are RuntimeErrors.
        return False


def _recording_features() -> dict[str, Any]:
    return {
        "audio": features.EncodedAudio(
            undecodable="empty",
            doc="The recording: stored as the published mp3, read as float32 samples of shape"
            " (samples, channels), full scale 1. No samples if audio_status is empty or"
            " undecodable.",
        ),
        "audio/filename": tfds.features.Text(
            doc="Name of the published file in its archive, such as 000/000002.mp3."
        ),
        "sha1": tfds.features.Text(doc="Publisher's sha1 of the file, to which it was held."),
        "audio_status": tfds.features.ClassLabel(
            names=_STATUSES,
            doc="What was found in the bytes. empty: tags, and no sound. short: a clip that lacks"
            " more than a second of 30 s, or of track/duration where that is less; not told of full"
            " recordings. undecodable: libsndfile finds no sound in it. Else ok.",
        ),
        "sample_rate": tfds.features.Scalar(
            np.int32, doc="Samples of a channel a second, in Hz; 0 without sound."
        ),
        "num_channels": tfds.features.Scalar(np.int32, doc="1 or 2; 0 without sound."),
        "num_samples": tfds.features.Scalar(
            np.int64,
            doc="Samples of each channel, counted in the headers of the frames: what reading gives,"
            " except that libsndfile may give more or less where the bit rate varies and the file"
            " does not say how long it is.",
        ),
        "duration": tfds.features.Scalar(
            np.float32, doc="Length in seconds: num_samples / sample_rate; 0 without sound."
        ),
        "bit_rate": tfds.features.Scalar(
            np.int32, doc="Mean bit rate of the frames in bit/s; 0 without sound."
        ),
    }


def _genre_labels(track: dict[str, Any]) -> dict[str, Any]:
    """Class labels for the genres of a track."""
    titles = _genre_titles()
    unknown = {*track["genres"], *track["genres_all"]} - titles.keys()
    if unknown:
        raise ValueError(f"there is no genre {min(unknown)}")
    top = track["genre_top"]
    if top and top not in _root_titles():
        raise ValueError(f"there is no root genre {top!r}")
    return {
        "genre_top": top or -1,
        "genres": [titles[genre] for genre in track["genres"]],
        "genres_all": [titles[genre] for genre in track["genres_all"]],
    }


@functools.cache
def _genre_titles() -> dict[int, str]:
    """Titles of the genres by id, in the order of the ids; without the one that was merged."""
    return {int(g["genre_id"]): g["title"] for g in metadata.genres() if g["tracks"]}


@functools.cache
def _root_titles() -> list[str]:
    return [genre["title"] for genre in metadata.genres() if genre["parent"] == "0"]


def _genre_tree() -> list[dict[str, Any]]:
    """The genres for `info.metadata`."""
    return [
        {
            "id": int(genre["genre_id"]),
            "title": genre["title"],
            "parent": int(genre["parent"]),  # 0 for a root.
            "top_level": int(genre["top_level"]),
            "tracks": int(genre["tracks"]),
            "color": genre["color"],
            "handle": genre["handle"],
        }
        for genre in metadata.genres()
        if genre["tracks"]
    ]
