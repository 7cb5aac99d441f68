"""Makes dummy_data/ballroom: clicks for music, a pitch for each dance, and beats where they click.

Run it as a script after a change: `python tests/datasets/ballroom/make_miniature.py`.
"""

from __future__ import annotations

import hashlib
import pathlib
import sys
import typing

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files
import wav_writer

_CONTEST = "https://mtg.upf.edu/ismir2004/contest/tempoContest"
_ANNOTATIONS = "https://github.com/CPJKU/BallroomAnnotations/archive"
_COMMIT = "1db08914a8ae15edb01f104046e30bad88effe67"
_RATE = 44_100
_SECONDS = 3
_CLICK = 882  # Samples, 20 ms.


class Excerpt(typing.NamedTuple):
    """What is made up of one excerpt.

    Attributes:
      genre: Its folder.
      track_id: Its name.
      bpm: Nominal tempo.
      meter: Beats of a bar.
      interval: Between beats, in seconds.
      first: Position of the first beat.
      fold: Of the 8 folds; none for a replica.
      single_split: Part of the single split.
      replica: track_id of the twin, and kind.
    """

    genre: str
    track_id: str
    bpm: int
    meter: int
    interval: float
    first: int
    fold: int | str = ""
    single_split: str = "train"
    replica: tuple[str, str] = ("", "")


_REPLICA = {"fold": "", "single_split": ""}
EXCERPTS = [
    Excerpt("ChaChaCha", "Albums-Made_Up-01", 120, 4, 0.5, 1, 0),
    Excerpt("Jive", "Media-900001", 172, 4, 0.35, 4, 1),
    Excerpt("Quickstep", "Albums-Made_Up-Again-11", 200, 4, 0.3, 1, 2, "validation"),
    Excerpt("Rumba-American", "Media-900002", 120, 4, 0.5, 3, 3),
    Excerpt("Rumba-International", "Media-900003", 100, 4, 0.6, 1, 4),
    Excerpt("Rumba-Misc", "Media-900004", 96, 4, 0.625, 2, 5),
    Excerpt("Samba", "Media-900005", 224, 4, 0.55, 1, 6),  # Twice the tempo of its beats.
    Excerpt(  # Of the same sound as the first, and with another label.
        "Samba", "Albums-Made_Up-02", 104, 4, 0.5, 1, replica=("Albums-Made_Up-01", "exact"), **_REPLICA
    ),
    Excerpt("Tango", "Media-900006", 128, 4, 0.47, 1, 7),
    Excerpt("VienneseWaltz", "Media-900007", 180, 3, 0.334, 3, 0),
    Excerpt("Waltz", "Media-900008", 90, 3, 0.67, 1, 1, "validation"),
    Excerpt("Waltz", "Media-900009", 89, 3, 0.67, 2, replica=("Media-900008", "recording"), **_REPLICA),
]  # fmt: skip
_TABS = "Media-900007"  # Its newest file has tabs and fewer decimals, like Media-103801.
_SHORT_BAR = "Media-900006"  # Has a bar of three beats among its bars of four, like Media-103905.
_MID_BAR = "Media-900004"  # Its old files begin in the middle of bar 1, like Media-105904.
_LATE_BEAT = "Media-900005"  # Its last beat was added after the first version.


def beat_list(excerpt: Excerpt) -> list[tuple[float, int, int]]:
    """Time, bar as the old files number it, and position of the beats of an excerpt."""
    found, time = [], 0.125
    position, bar = excerpt.first, int(excerpt.first == 1 or excerpt.track_id == _MID_BAR)
    while time < _SECONDS - 0.05:
        found.append((round(time, 9), bar, position))
        time += excerpt.interval
        last = 3 if excerpt.track_id == _SHORT_BAR and bar == 1 else excerpt.meter
        position, bar = (1, bar + 1) if position == last else (position + 1, bar)
    return found


def recording(excerpt: Excerpt) -> bytes:
    """The sound of an excerpt: a click at each beat, a louder one at downbeats."""
    frames = _SECONDS * _RATE - (4410 if excerpt.replica[0] else 0)
    samples = np.zeros(frames, np.int16)
    # Whole numbers of samples a period compress well.
    period = 20 + 10 * sorted({e.genre for e in EXCERPTS}).index(excerpt.genre)
    click = np.where(np.arange(_CLICK) % period < period // 2, 1, -1)
    for time, _, position in beat_list(excerpt):
        start = round(time * _RATE)
        part = samples[start : start + _CLICK]
        part[:] = (click * (20000 if position == 1 else 8000))[: len(part)]
    samples[:2] = -32768, 32767
    return wav_writer.encode(samples, _RATE)


def beats_file(excerpt: Excerpt, version: str) -> bytes:
    """The beats of an excerpt as one of the versions writes them."""
    lines = []
    for number, (time, bar, position) in enumerate(beat_list(excerpt)):
        if version == "newest" and excerpt.track_id == _TABS:
            lines.append(f"{time:.9f}\t{position}\n")
        elif version == "newest":
            lines.append(f"{time:.10f} {position}\n")
        else:
            decimals = (2, 3, 9)[(EXCERPTS.index(excerpt) + number // 4) % 3]
            lines.append(f"{time:.{decimals}f}\t{bar}.{position}\n")
    if version == "ismir2013" and excerpt.track_id == _LATE_BEAT:
        lines.pop()
    return "".join(lines).encode()


def _annotations(version: str, root: str) -> dict[str, bytes]:
    files = {f"{root}/{e.track_id}.beats": beats_file(e, version) for e in EXCERPTS}
    return {**files, f"{root}/README.md": b"A miniature of the published beats: made up.\n"}


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    audio = {f"BallroomData/{e.genre}/{e.track_id}.wav": recording(e) for e in EXCERPTS}
    names = "".join(f".{name.removeprefix('BallroomData')}\n" for name in audio)
    bpm = {f"{e.track_id}.bpm": f"{e.bpm}\n".encode() for e in EXCERPTS}
    tempo = {f"BallroomAnnotations/ballroomGroundTruth/{name}": text for name, text in bpm.items()}
    newest = f"BallroomAnnotations-{_COMMIT}"
    files = {
        f"{_CONTEST}/data1.tar.gz": (
            "data1.tar.gz",
            miniature_files.tar_gz({**audio, "BallroomData/allBallroomFiles": names.encode()}),
        ),
        f"{_CONTEST}/data2.tar.gz": ("data2.tar.gz", miniature_files.tar_gz(tempo)),
        f"{_ANNOTATIONS}/{_COMMIT}.zip": (
            f"{newest}.zip",
            miniature_files.git_zip(_annotations("newest", newest), comment=_COMMIT),
        ),
    }
    for version, tag, root in (
        ("v1.1", "v1.1", "BallroomAnnotations-1.1"),
        ("ismir2013", "ISMIR_2013_paper", "BallroomAnnotations-ISMIR_2013_paper"),
    ):
        commit = hashlib.sha1(tag.encode()).hexdigest()
        archive = miniature_files.tar_gz(_annotations(version, root), comment=commit)
        files[f"{_ANNOTATIONS}/{tag}.tar.gz"] = f"{root}.tar.gz", archive
    miniature_files.write_files(folder, files)
    miniature_files.write_table(
        folder / "excerpts.tsv",
        ["track_id", "genre", "replica_of", "replica_kind", "fold", "single_split", "wav_md5",
         "beats_md5", "beats_v1.1_md5", "bpm_md5"],
        [
            (e.track_id, e.genre, *e.replica, e.fold, e.single_split, _md5(recording(e)),
             _md5(beats_file(e, "newest")), _md5(beats_file(e, "v1.1")), _md5(bpm[f"{e.track_id}.bpm"]))
            for e in EXCERPTS
        ],
    )  # fmt: skip
    counts = []
    for version in ("", "_v1.1", "_ismir2013"):
        counts.append((f"full{version}", "train", len(EXCERPTS)))
        for fold in range(8):
            number = sum(e.fold == fold for e in EXCERPTS)
            counts.append((f"dedup{version}", f"fold{fold}", number))
        for split in ("train", "validation"):
            number = sum(e.single_split == split for e in EXCERPTS)
            counts.append((f"beat_this{version}", split, number))
    miniature_files.write_table(folder / "counts.tsv", ["config", "split", "examples"], counts)


def _md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "ballroom")
