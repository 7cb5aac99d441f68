"""Makes dummy_data/voxceleb_extended: a few made-up speakers who hum, each at a pitch of their own.

Run it as a script after a change: `python tests/datasets/voxceleb_extended/make_miniature.py`.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import pathlib
import struct
import sys
import zipfile
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files
import wav_writer

from tfds_extra import registry
from tfds_extra.core import digests
from tfds_extra.datasets.voxceleb_extended import features, sources

RATE = 16_000
_FRAME = (
    640  # Samples of a frame of the video; a recording has a whole number of them, and one sample.
)
_PACKET = 1024  # Samples of a packet of AAC.


class Speaker(NamedTuple):
    """A speaker with their videos, and the number of utterances in each."""

    id: str
    name: str
    gender: str
    nationality: str
    partition: str
    period: int  # Samples of a period of their hum; of VoxCeleb2, the line of their spectrum.
    videos: dict[str, int]

    def ids(self) -> list[str]:
        """Ids of their utterances."""
        return [
            f"{self.id}/{video}/{number:05}"
            for video, count in self.videos.items()
            for number in range(1, count + 1)
        ]


SHARED = "_shared-vid"  # A video with two speakers.
# Ids at both ends of each range that the corpus has.
VOX1 = (
    Speaker("id10001", "A._Adams", "m", "Ireland", "dev", 140, {"-aaaaaaaaa0": 2, SHARED: 1}),
    Speaker("id10150", "Bea_Brown", "f", "New Zealand", "dev", 80, {"bbbbbbbbbb0": 3}),
    Speaker("id10269", "Dan_Dale", "m", "USA", "dev", 128, {SHARED: 1, "dddddddddd0": 2}),
    Speaker("id10270", "Eve_Early", "f", "USA", "test", 72, {"e_e-eeeeee0": 3, "eeeeeeeeee1": 2}),
    Speaker("id10309", "Ezra_Easy", "m", "USA", "test", 116, {"ezezezezez0": 3, "ezezezezez1": 2}),
    Speaker("id10310", "Fay_Fair", "f", "UK", "dev", 88, {"ffffffffff0": 3}),
    Speaker("id10480", "Gus_Gray", "m", "UK", "dev", 152, {"gggggggggg0": 3}),
    Speaker("id11251", "Zoe_Zane", "f", "Trinidad and Tobago", "dev", 64, {"zzzzzzzzzz0": 3}),
)
CLEANED_OUT = "id10309/ezezezezez1/00002"
VOX2 = (
    Speaker("id00012", "Ann,_Princess", "f", "", "dev", 20, {"Annannannan": 2, "Annannannab": 1}),
    Speaker("id00017", "Bo_Björk", "m", "", "test", 12, {"Bobobobobob": 2}),
    Speaker("id01000", "Cy_Cole", "m", "", "dev", 10, {"-Cycycycycy": 2}),
    Speaker("id04170", "Di_Dumb", "f", "", "test", 0, {}),  # Of whom there are no recordings.
    Speaker("id09272", "Ed_Ende", "m", "", "test", 14, {"Ededededed_": 1}),
)


def utterances(*speakers: Speaker, partition: str = "") -> dict[str, Speaker]:
    """The speaker of each utterance by its id, of one partition or of both."""
    return {
        one: speaker
        for speaker in speakers
        if partition in ("", speaker.partition)
        for one in speaker.ids()
    }


def split_of(utterance: str) -> int:
    """Number of the identification split of an utterance of VoxCeleb1."""
    speaker = utterances(*VOX1)[utterance]
    return {1: 2, 2: 3}.get(speaker.ids().index(utterance), 1)


# ------------------------------------------------------------------------------------- sounds


@functools.cache
def samples(utterance: str) -> np.ndarray:
    """int16 samples of an utterance of VoxCeleb1, longer for those of test."""
    speaker, index = utterances(*VOX1)[utterance], int(utterance[-1])
    frames = (6 if speaker.partition == "test" else 1) + index % 2
    phase = 2 * np.pi * np.arange(_FRAME * frames + 1) / speaker.period
    # Louder harmonics in one utterance than in another.
    wave = np.sin(phase) + 0.2 * index * np.sin(2 * phase) + 0.3 * np.sin(3 * phase)
    return np.rint(5000 * wave).astype(np.int16)


def wav_file(utterance: str) -> bytes:
    """The published file of an utterance of VoxCeleb1."""
    return wav_writer.encode(samples(utterance), RATE)


def packets(utterance: str) -> int:
    """Number of packets of an utterance of VoxCeleb2, with the one that comes before the sound."""
    return 6 + 2 * int(utterance[-1])


def m4a_file(utterance: str) -> bytes:
    """The published file of an utterance of VoxCeleb2."""
    line = utterances(*VOX2)[utterance].period
    return m4a([aac_packet(line)] * packets(utterance))


def aac_packet(line: int, gain: int = 192) -> bytes:
    """A packet of AAC-LC of one channel at 16 kHz, with a single line of the spectrum.

    Args:
      line: Its number, below 88, of which each is 7.8125 Hz.
      gain: 4 more are twice the amplitude.
    """
    bands = 11  # Of 8 lines each.
    bits = "000" + "0000"  # A single channel element, number 0.
    bits += (
        f"{gain:08b}" + "0" + "00" + "0" + f"{bands:06b}" + "0"
    )  # One long window, no prediction.
    bits += f"{1:04b}" + f"{bands:05b}"  # All bands by the first codebook, of four lines a word.
    bits += "0" * bands  # Their scale factors do not differ,
    bits += "000"  # and there are neither pulses, nor noise shaping, nor gain control.
    # The words for a 1 at one of four places, of five bits; four zeros are the word 0.
    ones = ("10000", "10011", "10110", "10100")
    for first in range(0, 8 * bands, 4):
        bits += ones[line - first] if first <= line < first + 4 else "0"
    bits += "111"  # The end.
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + name + body


def _descriptor(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    return bytes([tag, len(body)]) + body


def m4a(
    audio: list[bytes], *, rate: int = RATE, channels: int = 1, codec: bytes = b"mp4a"
) -> bytes:
    """An MP4 file of packets of AAC, of which decoders leave out the first."""
    matrix = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    length = _PACKET * len(audio)
    # AAC-LC (2) at 16 kHz (8), one channel.
    specific = _descriptor(5, (2 << 11 | 8 << 7 | 1 << 3).to_bytes(2, "big"))
    decoder = _descriptor(4, struct.pack(">BB3xII", 0x40, 0x15, 64_000, 64_000), specific)
    esds = _box(b"esds", bytes(4), _descriptor(3, struct.pack(">HB", 1, 0), decoder, b"\6\1\2"))
    entry = _box(codec, struct.pack(">6xH8xHHHHI", 1, channels, 16, 0, 0, rate << 16), esds)
    ftyp = _box(b"ftyp", b"M4A \0\0\2\0M4A isomiso2")

    def moov(offset: int) -> bytes:
        table = _box(
            b"stbl",
            _box(b"stsd", struct.pack(">II", 0, 1), entry),
            _box(b"stts", struct.pack(">IIII", 0, 1, len(audio), _PACKET)),
            _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, len(audio), 1)),
            _box(b"stsz", struct.pack(f">III{len(audio)}I", 0, 0, len(audio), *map(len, audio))),
            _box(b"stco", struct.pack(">III", 0, 1, offset)),
        )
        media = _box(
            b"mdia",
            _box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, rate, length, 0x55C4, 0)),
            _box(b"hdlr", struct.pack(">II4s12x", 0, 0, b"soun"), b"SoundHandler\0"),
            _box(
                b"minf",
                _box(b"smhd", bytes(8)),
                _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1), _box(b"url ", b"\0\0\0\1"))),
                table,
            ),
        )
        edits = _box(b"elst", struct.pack(">IIIIHH", 0, 1, length - _PACKET, _PACKET, 1, 0))
        track = _box(
            b"trak",
            _box(
                b"tkhd",
                struct.pack(">IIIIII8xHHH2x", 7, 0, 0, 1, 0, length, 0, 0, 256),
                matrix,
                bytes(8),
            ),
            _box(b"edts", edits),
            media,
        )
        head = struct.pack(">IIIIIIH10x", 0, 0, 0, rate, length, 1 << 16, 256)
        return _box(b"moov", _box(b"mvhd", head, matrix, bytes(24), struct.pack(">I", 2)), track)

    offset = len(ftyp) + len(moov(0)) + 8
    return ftyp + moov(offset) + _box(b"mdat", *audio)


# ------------------------------------------------------------------------------------ archives


def members(part: str) -> dict[str, bytes]:
    """Content of the members of the archive of a part, by name."""
    stated = sources.PARTS[part]
    speakers, make, end = (VOX1, wav_file, "wav") if stated.corpus == 1 else (VOX2, m4a_file, "m4a")
    found = utterances(*speakers, partition=stated.partition)
    return {f"{stated.root}/{one}.{end}": make(one) for one in found}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip with folders, the same bytes with every zlib if nothing is compressed."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as packed:
        folders = {f"{p}/" for name in files for p in pathlib.PurePosixPath(name).parents} - {"./"}
        for name in sorted(folders | set(files)):
            member = zipfile.ZipInfo(name, date_time=(2018, 1, 1, 12, 0, 0))
            member.create_system, member.compress_type = 3, method
            packed.writestr(member, files.get(name, b""))
    return archive.getvalue()


def cut(content: bytes, count: int) -> list[bytes]:
    """Consecutive parts, cut anywhere."""
    size = -(-len(content) // count)
    return [content[i : i + size] for i in range(0, len(content), size)]


# --------------------------------------------------------------------------------------- lists


def vox1_meta() -> bytes:
    lines = ["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"]
    lines += ["\t".join((s.id, s.name, s.gender, s.nationality, s.partition)) for s in VOX1]
    return "".join(f"{line}\n" for line in lines).encode()


def vox2_meta(form: str) -> bytes:
    """The table of VoxCeleb2's speakers: "named", "plain" or "crlf"."""
    if form == "named":
        lines = ["Name \tVoxCeleb2 ID \tVGGFace2 ID \tGender \tSet "]
        lines += [
            f"{s.name} \t{s.id} \tn{s.id[2:]:>06} \t{s.gender} \t{s.partition} " for s in VOX2
        ]
        return "".join(f"{line}\n" for line in lines).encode()
    lines = ["VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set "]
    lines += [f"{s.id} ,n{s.id[2:]:>06} ,{s.gender} ,{s.partition} " for s in VOX2]
    return b"\xef\xbb\xbf" + ("\r\n" if form == "crlf" else "\n").join(lines).encode()


def identification() -> bytes:
    return "".join(f"{split_of(one)} {one}.wav\n" for one in utterances(*VOX1)).encode()


def trials(split: str) -> list[tuple[int, str, str]]:
    """The trials of a list: whether the speaker is the same, and both ids."""
    speakers = utterances(*VOX1, partition="test" if split[0] == "o" else "")
    found = []
    for number, (first, second) in enumerate(itertools.combinations(speakers, 2)):
        a, b = speakers[first], speakers[second]
        is_same = a == b
        if split[0] == "h" and (a.gender, a.nationality) != (b.gender, b.nationality):
            continue
        if split[0] != "o" and not is_same and number % 7:
            continue
        if split.endswith("_cleaned") and CLEANED_OUT in (first, second):
            continue
        found.append((int(is_same), first, second))
    return found


def trial_list(split: str) -> bytes:
    return "".join(f"{same} {a}.wav {b}.wav\n" for same, a, b in trials(split)).encode()


# -------------------------------------------------------------------------------- the miniature


def files() -> dict[str, bytes]:
    """Content of the published files by name; archives in one form each."""
    found = {}
    for part in ("vox1_dev", "vox2_dev"):
        pieces = cut(zipped(members(part)), len(sources.PARTS[part].parts))
        found |= dict(zip(sources.PARTS[part].part_names, pieces, strict=True))
    found["vox1_test_wav.zip"] = zipped(members("vox1_test"), zipfile.ZIP_DEFLATED)
    found["vox2_test_aac.zip"] = zipped(members("vox2_test"), zipfile.ZIP_DEFLATED)
    found |= {"vox1_meta.csv": vox1_meta(), "vox2_meta.csv": vox2_meta("named")}
    found[sources.IDENTIFICATION] = identification()
    return found | {name: trial_list(split) for split, (name, _) in sources.TRIALS.items()}


def joined() -> dict[str, bytes]:
    """Content of the archives that come in parts, as they are joined, by each of their names."""
    return {
        name: zipped(members(part))
        for part in ("vox1_dev", "vox2_dev")
        for name in sources.PARTS[part].joined
    }


def counts() -> dict[str, dict[str, int]]:
    """Examples by config and split."""
    ids = list(utterances(*VOX1))
    of_split = [[split_of(one) for one in ids].count(number) for number in (1, 2, 3)]
    sizes = {
        (corpus, partition): len(utterances(*speakers, partition=partition))
        for corpus, speakers in ((1, VOX1), (2, VOX2))
        for partition in features.PARTITIONS
    }
    return {
        "vox1_identification": dict(zip(features.SPLITS, of_split)),
        "vox1": {p: sizes[1, p] for p in features.PARTITIONS},
        "vox1_test": {"test": sizes[1, "test"]},
        "vox2": {p: sizes[2, p] for p in features.PARTITIONS},
        "vox2_test": {"test": sizes[2, "test"]},
        "vox1_trials": {split: len(trials(split)) for split in sources.TRIALS},
        "speakers": {"vox1": len(VOX1), "vox2": len(VOX2)},
    }


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    content = files()
    listed = digests.load_published(registry.builder_cls("voxceleb_extended")._checksums_path)
    # Of what has several forms the others are only listed, to be made by tests.
    forms = {"vox2_meta.csv": iter((vox2_meta("named"), vox2_meta("plain"), vox2_meta("crlf")))}
    also = content | joined()
    urls = {url: info.filename for url, info in listed.items()}
    miniature_files.write_files(
        folder, {url: (n, content[n]) for url, n in urls.items() if n in content}
    )
    lines = []
    for url, name in urls.items():
        found = next(forms[name]) if name in forms else also[name]
        lines.append(f"{url}\t{len(found)}\t{hashlib.sha256(found).hexdigest()}\t{name}\n")
    (folder / "checksums.tsv").write_text("".join(lines), encoding="utf-8")
    rows = [(config, *row) for config, splits in counts().items() for row in splits.items()]
    write = miniature_files.write_table
    write(folder / "counts.tsv", ["config", "split", "examples"], rows)
    write(folder / "cleaned_out.tsv", ["id"], [[CLEANED_OUT]])
    both = " ".join(s.id for s in VOX1 if SHARED in s.videos)
    write(folder / "shared_videos.tsv", ["youtube_id", "speakers"], [(SHARED, both)])
    heard = [(s.id, s.partition) for s in VOX2 if s.videos]
    write(folder / "vox2_speakers.tsv", ["speaker_id", "partition"], heard)


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "voxceleb_extended")
