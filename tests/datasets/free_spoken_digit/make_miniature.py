"""Makes dummy_data/free_spoken_digit: archives of all releases, with tones for voices.

Each digit is a tone of its own pitch and each speaker has its own loudness, so that a model learns
something from them. Run it as a script after a change: `python tests/datasets/free_spoken_digit/make_miniature.py`.
"""

from __future__ import annotations

import hashlib
import pathlib
import struct
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files
import wav_writer

_HOMEPAGE = "https://github.com/Jakobovski/free-spoken-digit-dataset"
_RELEASES = ["1.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5", "1.0.6", "1.0.7", "1.0.8", "1.0.9", "1.0.10"]  # fmt: skip
# First and last release with the speaker, accent in them.
_SPEAKERS = [
    ("jackson", "1.0", "1.0.10", "USA/neutral"),
    ("nicolas", "1.0.2", "1.0.8", "BE/French"),
    ("nicolas", "1.0.9", "1.0.10", "BEL/French"),
    ("theo", "1.0.3", "1.0.10", "USA/neutral"),
    ("jason", "1.0.6", "1.0.6", "USA/neutral"),
    ("yweweler", "1.0.9", "1.0.10", "DEU/German"),
    ("george", "1.0.9", "1.0.10", "GRC/Greek"),
    ("lucas", "1.0.10", "1.0.10", "DEU/German"),
]
_TAKES = [0, 5]  # One of each split.
_NEWEST_DIGITS = range(10)
_OLDER_DIGITS = [0, 6, 7]  # Enough for the odd takes below, and small.
_STEREO_TRAILER = wav_writer.chunk(
    b"LIST", b"INFO" + wav_writer.chunk(b"INAM", b"sans titre\0")
) + wav_writer.chunk(b"id3 ", b"ID3\3\0\0" + struct.pack(">I", 0) + b"\0")


def recordings(release: str) -> dict[str, bytes]:
    """Content of the recordings of one release, by file name."""
    files = {}
    for speaker in _speakers(release):
        for digit in _NEWEST_DIGITS if release == _RELEASES[-1] else _OLDER_DIGITS:
            for take in _TAKES:
                files[f"{digit}_{speaker}_{take}.wav"] = _recording(digit, speaker, take, release)
    if _index(release) <= _index("1.0.4"):
        files["6_jackson_50.wav"] = _recording(6, "jackson", 50, release)
    return files


def _recording(digit: int, speaker: str, take: int, release: str) -> bytes:
    voice = [name for name, *_ in _SPEAKERS].index(speaker)
    frames = 240 + 24 * voice + 8 * take
    if (digit, speaker, take) == (7, "jason", 0):
        frames = 14  # A scrap, like 7_jason_44.
    # Whole numbers of samples a period compress well.
    period = 36 - 3 * digit
    wave = np.where(np.arange(frames) % period < period // 2, 1, -1)
    if speaker == "nicolas":
        eight_bit = (128 + wave * (10 + digit)).astype(np.uint8)
        if _index(release) <= _index("1.0.7"):
            right = (128 - wave * 3).astype(np.uint8)
            return wav_writer.encode(np.stack([eight_bit, right], 1), 8000, trailer=_STEREO_TRAILER)
        return wav_writer.encode((eight_bit.astype(np.int16) - 128) * 256, 8000)
    samples = (wave * (500 + 2000 * voice + 10 * take)).astype(np.int16)
    if (digit, speaker, take) == (6, "jackson", 0):
        samples[:2] = -32768, 32767
    return wav_writer.encode(samples, 8000)


def _speakers(release: str) -> dict[str, str]:
    """Accent by speaker of one release."""
    here = _index(release)
    return {s: accent for s, a, b, accent in _SPEAKERS if _index(a) <= here <= _index(b)}


def _index(release: str) -> int:
    return _RELEASES.index(release)


def _archive(release: str) -> bytes:
    root = f"free-spoken-digit-dataset-{release}"
    metadata = ",\n".join(
        f'\t"{name}": {{"gender": "male", "accent": "{accent}", "language": "english"}}'
        for name, accent in _speakers(release).items()
    )
    files = {
        f"{root}/README.md": b"A miniature of the published corpus: tones, no speech.\n",
        f"{root}/metadata.py": f"metadata = {{\n{metadata}\n}}\n".encode(),
    }
    for name, content in recordings(release).items():
        files[f"{root}/recordings/{name}"] = content
    return miniature_files.tar_gz(files, comment=hashlib.sha1(release.encode()).hexdigest())


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    miniature_files.write_files(
        folder,
        {
            f"{_HOMEPAGE}/archive/v{release}.tar.gz": (
                f"free-spoken-digit-dataset-{release}.tar.gz",
                _archive(release),
            )
            for release in _RELEASES
        },
    )
    counts, releases_of = [], {}
    for release in _RELEASES:
        files = recordings(release)
        test = sum(int(name.removesuffix(".wav").split("_")[2]) < 5 for name in files)
        counts += [(f"v{release}", "train", len(files) - test), (f"v{release}", "test", test)]
        for name, content in files.items():
            releases_of.setdefault((name, hashlib.sha256(content).hexdigest()), []).append(release)
    miniature_files.write_table(folder / "counts.tsv", ["config", "split", "examples"], counts)
    miniature_files.write_table(
        folder / "recordings.tsv",
        ["file", "first_release", "last_release", "sha256"],
        _runs(releases_of),
    )
    miniature_files.write_table(
        folder / "speakers.tsv",
        ["speaker", "first_release", "last_release", "gender", "accent", "language"],
        [(s, a, b, "male", accent, "english") for s, a, b, accent in _SPEAKERS],
    )


def _runs(releases_of: dict[tuple[str, str], list[str]]) -> list[tuple[str, str, str, str]]:
    """Rows of file, first and last release, digest, one for each run of releases without a gap."""
    rows = []
    for (name, digest), releases in sorted(releases_of.items()):
        run = [releases[0]]
        for release in releases[1:]:
            if _index(release) != _index(run[-1]) + 1:
                rows.append((name, run[0], run[-1], digest))
                run = []
            run.append(release)
        rows.append((name, run[0], run[-1], digest))
    return rows


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "free_spoken_digit")
