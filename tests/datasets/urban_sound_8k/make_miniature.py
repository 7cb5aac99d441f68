"""Makes dummy_data/urban_sound_8k: ten folds of tones, in every kind of WAV file of the corpus.

Each class is a tone of its own pitch. Run it as a script after a change:
`python tests/datasets/urban_sound_8k/make_miniature.py`.
"""

from __future__ import annotations

import hashlib
import pathlib
import struct
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files
import wav_writer

from tfds_extra.formats import wav

_URL = "https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz?download=1"
_ROOT = "UrbanSound8K"
_CLASSES = [
    "air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling",
    "gun_shot", "jackhammer", "siren", "street_music",
]  # fmt: skip
_USERS = {106905: "tonemaker", 132016: "Ana de Ávila", 36429: "adpcm user", 203929: "float.user"}
_ANYONE = "someone_else"
_SECONDS = 0.08

# A recording as samples of full scale 1 (multiples of 1/32768) and its rate, written as a WAV file.
_Write = Callable[[np.ndarray, int], bytes]


class Slice(NamedTuple):
    """One file: the parts of its name, its fold, what the csv states, and how it is stored."""

    recording: int
    label: int
    occurrence: int
    slice: int
    fold: int
    start: str
    end: str
    salience: int
    rate: int
    channels: int
    write: _Write

    @property
    def name(self) -> str:
        return f"{self.recording}-{self.label}-{self.occurrence}-{self.slice}.wav"


def _riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _fmt(tag: int, samples: np.ndarray, rate: int, block: int, bits: int) -> bytes:
    return struct.pack("<HHIIHH", tag, samples.shape[1], rate, rate * block, block, bits)


def _fact(frames: int) -> bytes:
    return wav_writer.chunk(b"fact", struct.pack("<I", frames))


def _pcm8(samples: np.ndarray, rate: int) -> bytes:
    return wav_writer.encode((samples * 128 + 128).astype(np.uint8), rate)


def _pcm16(samples: np.ndarray, rate: int) -> bytes:
    return wav_writer.encode((samples * 32768).astype(np.int16), rate)


def _pcm24(samples: np.ndarray, rate: int) -> bytes:
    """With the extensible header, as all 24-bit files of the corpus have it."""
    values = (samples * 2**23).astype("<i4")
    data = values.reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    guid = struct.pack("<H", wav.PCM) + bytes.fromhex("000000001000800000aa00389b71")
    fmt = _fmt(0xFFFE, samples, rate, 3 * samples.shape[1], 24) + struct.pack("<HHI", 22, 24, 3)
    chunks = (
        wav_writer.chunk(b"fmt ", fmt + guid),
        _fact(len(samples)),
        wav_writer.chunk(b"data", data),
    )
    return _riff(*chunks)


def _float32(samples: np.ndarray, rate: int) -> bytes:
    """Louder than full scale, as float recordings may be."""
    fmt = _fmt(wav.FLOAT, samples, rate, 4 * samples.shape[1], 32) + struct.pack("<H", 0)
    data = (samples * 2).astype("<f4").tobytes()
    return _riff(
        wav_writer.chunk(b"fmt ", fmt), _fact(len(samples)), wav_writer.chunk(b"data", data)
    )


def _ms_adpcm(samples: np.ndarray, rate: int) -> bytes:
    """Mono; blocks of 256 bytes, each of a step up and a step down."""
    frames, block = 500, 256
    coefficients = (256, 0, 512, -256, 0, 0, 192, 64, 240, 0, 460, -208, 392, -232)
    fmt = _fmt(wav.MS_ADPCM, samples, rate, block, 4)
    fmt += struct.pack("<HHH14h", 32, frames, 7, *coefficients)
    one = struct.pack("<Bhhh", 0, 400, 900, 900) + (b"\x33" * 8 + b"\xcc" * 8) * 15 + b"\0" * 9
    blocks = len(samples) // frames
    data = wav_writer.chunk(b"data", one * blocks)
    # The published files state fewer frames than their blocks hold.
    return _riff(wav_writer.chunk(b"fmt ", fmt), _fact(frames * blocks - 100), data)


def _ima_adpcm(samples: np.ndarray, rate: int) -> bytes:
    """Mono; blocks of 256 bytes, each of a step up and a step down."""
    frames, block = 505, 256
    fmt = _fmt(wav.IMA_ADPCM, samples, rate, block, 4) + struct.pack("<HH", 2, frames)
    one = struct.pack("<hBB", 0, 40, 0) + (b"\x11" * 6 + b"\x99" * 6) * 21
    blocks = len(samples) // frames
    data = wav_writer.chunk(b"data", one * blocks)
    return _riff(wav_writer.chunk(b"fmt ", fmt), _fact(frames * blocks), data)


def slices() -> list[Slice]:
    """All files, in the order of their names as the csv has it."""
    kinds = [
        (44_100, 2, _pcm16), (48_000, 2, _pcm24), (44_100, 1, _pcm16), (48_000, 2, _float32),
        (11_025, 1, _pcm8), (22_050, 2, _pcm16), (96_000, 2, _pcm24), (8_000, 1, _pcm16),
        (48_000, 1, _pcm24), (192_000, 2, _float32),
    ]  # fmt: skip
    found = []
    for i in range(20):
        fold, label = i % 10 + 1, (i + i // 10 * 3) % 10
        span = str(i / 4), str(i / 4 + _SECONDS)
        found.append(Slice(5000 + i, label, i % 3, 0, fold, *span, 1 + i % 2, *kinds[i % 10]))
    stereo = (44_100, 2, _pcm16)
    found += [
        # One recording under two classes, in two folds.
        Slice(106905, 5, 0, 0, 1, "0.0", "0.317551", 1, *stereo),
        Slice(106905, 8, 0, 0, 8, "13.751408999999999", "14.1", 2, *stereo),
        # Overlapping slices of one occurrence.
        *(
            Slice(132016, 9, 2, n, 4, str(58.25 + n / 2), str(62.25 + n / 2), 1, *stereo)
            for n in (0, 3, 11)
        ),
        Slice(36429, 2, 0, 6, 8, "3.0", "7.0", 2, 11_024, 1, _ms_adpcm),
        Slice(19007, 4, 0, 0, 5, "0.5", "4.5", 2, 22_050, 1, _ima_adpcm),
        Slice(203929, 7, 0, 1, 2, "10.5", "14.5", 1, 48_000, 2, _float32),
    ]
    return sorted(found, key=lambda s: s.name)


def _recording(one: Slice) -> bytes:
    """A tone whose pitch tells the class; the second channel is softer."""
    frames = round(one.rate * _SECONDS) + one.occurrence + 250 * (one.rate < 12_000)
    # A whole number of samples a period compresses well.
    period = max(4, round(one.rate / (150 * (1 + one.label))))
    triangle = (
        np.abs((np.arange(frames) + one.slice) % period * 2 - period) * 20_000 // period - 10_000
    )
    loudness = np.array([1, 0.5])[: one.channels]
    return one.write(triangle[:, None] * loudness * 2 // 1 / 32768, one.rate)


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    rows = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    credits = {}
    files, known = {}, {}
    for one in slices():
        facts = one.recording, one.start, one.end, one.salience, one.fold, one.label
        rows.append(",".join(map(str, (one.name, *facts, _CLASSES[one.label]))))
        credits[one.recording] = _USERS.get(one.recording, _ANYONE)
        files[f"audio/fold{one.fold}/{one.name}"] = _recording(one)
        known[f"audio/fold{one.fold}/{one.name}"] = one.start, one.end, one.salience
    lines = [
        "This dataset uses the following sounds from Freesound:",
        "",
        "to access user page:  http://www.freesound.org/people/[username]",
        "to access sound page: http://www.freesound.org/people/[username]/sounds/[soundid]",
        "",
        "[soundid] by [username]",
        "",
        *(f"{recording} by {user}" for recording, user in credits.items()),
    ]
    files["metadata/UrbanSound8K.csv"] = "\n".join([*rows, ""]).encode("ascii")
    files["FREESOUNDCREDITS.txt"] = "\n".join([*lines, ""]).encode()
    files["UrbanSound8K_README.txt"] = b"A miniature of the published corpus:\r\ntones.\r\n"
    published = dict(files)
    for stray in (".DS_Store", "audio/.DS_Store", "audio/fold1/.DS_Store", "metadata/.DS_Store"):
        files[stray] = b"\0\0\0\1Bud1"
    archive = miniature_files.tar_gz(
        {f"{_ROOT}/{name}": content for name, content in files.items()}
    )
    miniature_files.write_files(folder, {_URL: ("UrbanSound8K.tar.gz", archive)})
    miniature_files.write_table(
        folder / "members.tsv",
        ["file", "bytes", "sha256", "start", "end", "salience"],
        [
            (name, len(content), hashlib.sha256(content).hexdigest(), *known.get(name, ("",) * 3))
            for name, content in published.items()
        ],
    )
    miniature_files.write_table(
        folder / "credits.tsv", ["freesound_id", "user"], sorted(credits.items())
    )
    counts = []
    for suffix in ("", "_mono_22k", "_mono_44k"):
        folds = [one.fold for one in slices()]
        counts += [("folds" + suffix, f"fold{n}", folds.count(n)) for n in range(1, 11)]
        train = sum(fold <= 6 for fold in folds)
        counts.append(("challenge" + suffix, "train", train))
        counts.append(("challenge" + suffix, "test", len(folds) - train))
    miniature_files.write_table(folder / "counts.tsv", ["config", "split", "examples"], counts)


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "urban_sound_8k")
