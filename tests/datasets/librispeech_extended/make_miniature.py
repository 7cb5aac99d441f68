"""Makes dummy_data/librispeech_extended: a few made-up readers who spell words in tones.

Each letter is a tone of its own, higher for women than for men, so that words are where their alignment
says. Run it as a script after a change: `python tests/datasets/librispeech_extended/make_miniature.py`.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

from tfds_extra import registry
from tfds_extra.core import digests
from tfds_extra.datasets.librispeech_extended import subsets as published

RATE = 16_000
_LETTER, _PAUSE = 40, 60  # Milliseconds.
_BLOCK = 4096
UNALIGNED = "210-2100-0002"  # Without an alignment of any kind.
LACKING = "230-2300-0001"  # Whose alignment lacks the last word.
UNKNOWN_WORDS = {"XYLO"}  # What the aligner's dictionary lacks.


class Chapter(NamedTuple):
    """A chapter with its reader, who has no other one."""

    subset: str
    speaker: int
    sex: str
    name: str
    chapter: int
    title: str
    project: str
    book: str
    texts: tuple[str, ...]
    transcript_at: int = -1  # Place of the transcript among the recordings.

    def ids(self) -> list[str]:
        return [f"{self.speaker}-{self.chapter}-{i:04}" for i in range(len(self.texts))]

    @property
    def folder(self) -> str:
        return f"{self.subset}/{self.speaker}/{self.chapter}"


CHAPTERS = (
    Chapter("train-clean-100", 200, "F", "Ada Reader", 2000, "In the Morning", "70", "7",
            ("RED SUN", "BLUE SUN RED", "RED RED BLUE", "IT'S BLUE")),
    Chapter("train-clean-100", 210, "M", "|abc|Bert", 2100, "At Noon", "70", "7",
            ("SUN BLUE", "RED XYLO", "BLUE BLUE SUN"), 0),
    Chapter("train-clean-100", 220, "F", "Zoë O'Nym", 2200, "Café | Evening", "71", "8",
            ("SUN SUN RED", "ZED'S SUN", "BLUE RED"), 1),
    Chapter("train-clean-360", 230, "M", "Carl", 2300, "Night", "71", "8", ("RED SUN", "SUN BLUE RED")),
    Chapter("train-other-500", 240, "F", "Dora", 2400, "Rain", "72", "", ("BLUE SUN", "RED"), 2),
    Chapter("train-other-500", 250, "M", "Emil", 2500, "Snow", "", "", ("SUN RED BLUE",)),
    Chapter("dev-clean", 300, "M", "Fay (listed as a man)", 3000, "One", "73", "9", ("BLUE", "RED SUN")),
    Chapter("dev-clean", 310, "M", "Gus", 3100, "Two", "73", "9", ("SUN BLUE",), 0),
    Chapter("dev-other", 320, "F", "Hanna", 3200, "Three", "73", "9", ("RED BLUE", "SUN")),
    Chapter("test-clean", 330, "F", "Ida", 3300, "Four", "73", "9", ("BLUE RED", "SUN RED")),
    Chapter("test-other", 340, "M", "Jan", 3400, "Five", "73", "9", ("SUN", "XYLO SUN")),
)  # fmt: skip
_MINI = {"train-clean-5": ("train-clean-100", 210), "dev-clean-2": ("dev-clean", 300)}
# Folder in Libri-light's archive of some utterances.
FINETUNING = {
    "200-2000-0000": "1h/0/clean", "200-2000-0001": "1h/1/clean", "200-2000-0003": "9h/clean",
    "210-2100-0000": "1h/3/clean", "240-2400-0001": "1h/5/other", "240-2400-0000": "9h/other",
}  # fmt: skip
CORRECTED = {300: "F"}
_BOOKS = {7: "A Day", 8: "Half a Day", 9: "Numbers"}


def _chapters(subset: str) -> list[Chapter]:
    """The chapters of an archive."""
    if subset in _MINI:
        origin, speaker = _MINI[subset]
        return [
            c._replace(subset=subset)
            for c in CHAPTERS
            if (c.subset, c.speaker) == (origin, speaker)
        ]
    return [c for c in CHAPTERS if c.subset == subset]


# ------------------------------------------------------------------------------------- sounds


def words(text: str) -> list[tuple[str, int, int]]:
    """The words of a text with start and end in ms."""
    found, at = [], _PAUSE
    for word in text.split():
        end = at + _LETTER * len(word)
        found.append((word, at, end))
        at = end + _PAUSE
    return found


def milliseconds(text: str) -> int:
    """Length of the recording of a text."""
    return words(text)[-1][2] + _PAUSE


@functools.cache
def samples(text: str, sex: str) -> np.ndarray:
    """int16 samples of a text."""
    recording = np.zeros(milliseconds(text) * RATE // 1000, np.int16)
    for word, start, _ in words(text):
        for i, letter in enumerate(word):
            # Whole samples a period, so that the archives are small.
            period = 14 + 2 * (ord(letter) - ord("A") + 8) // 2 + (30 if sex == "M" else 0)
            wave = 8000 * np.sin(2 * np.pi * (np.arange(_LETTER * RATE // 1000) % period) / period)
            at = (start + i * _LETTER) * RATE // 1000
            recording[at : at + len(wave)] = np.rint(wave)
    return recording


def _table(polynomial: int, bits: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 else 0)
            value &= (1 << bits) - 1
        table.append(value)
    return table


_CRC8, _CRC16 = _table(0x07, 8), _table(0x8005, 16)


def flac(recording: np.ndarray, md5: bytes | None = None) -> bytes:
    """A FLAC file whose frames hold the samples as they are.

    Args:
      recording: int16 samples of one channel.
      md5: What the file states in place of the MD5 of its samples.
    """
    md5 = md5 or hashlib.md5(recording.astype("<i2").tobytes(), usedforsecurity=False).digest()
    packed = RATE << 44 | 0 << 41 | 15 << 36 | len(recording)
    info = _BLOCK.to_bytes(2, "big") * 2 + bytes(6) + packed.to_bytes(8, "big") + md5
    vendor = b"made up"
    comment = len(vendor).to_bytes(4, "little") + vendor + bytes(4)
    blocks = [(0, info), (4, comment), (1, bytes(64))]
    content = b"fLaC" + b"".join(
        bytes([kind | (0x80 if block is blocks[-1][1] else 0)])
        + len(block).to_bytes(3, "big")
        + block
        for kind, block in blocks
    )
    for number, start in enumerate(range(0, len(recording), _BLOCK)):
        block = recording[start : start + _BLOCK]
        # 16 bits of block size follow; 16 kHz, one channel, 16 bits; the number of the frame.
        header = b"\xff\xf8\x75\x08" + bytes([number]) + (len(block) - 1).to_bytes(2, "big")
        header += bytes([functools.reduce(lambda crc, byte: _CRC8[crc ^ byte], header, 0)])
        frame = header + b"\x02" + block.astype(">i2").tobytes()  # A verbatim subframe.
        crc = 0
        for byte in frame:
            crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
        content += frame + crc.to_bytes(2, "big")
    return content


# ----------------------------------------------------------------------------------- archives


def _tar_gz(files: Sequence[tuple[str, bytes]]) -> bytes:
    """An archive with its members in this order."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)


def _zip(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def tables() -> dict[str, bytes]:
    """The files beside the recordings, the same in all archives."""
    minutes = {c.chapter: sum(map(milliseconds, c.texts)) / 60_000 for c in CHAPTERS}
    speakers = [";ID  |SEX| SUBSET           |MINUTES| NAME"]
    chapters = [
        ";ID    |READER|MINUTES| SUBSET           | PROJ.|BOOK ID| CH. TITLE | PROJECT TITLE"
    ]
    for c in CHAPTERS:
        speakers.append(
            f"{c.speaker:<4} | {c.sex} | {c.subset:<16} | {minutes[c.chapter]:.2f}  | {c.name}"
        )
        title = c.title.replace(" | ", " / ")
        chapters.append(
            f"{c.chapter:<6} | {c.speaker:<4} | {minutes[c.chapter]:.2f}  | {c.subset:<16} | {c.project:<4}"
            f" | {c.book:<5} | {title} | {_project(c)}"
        )
    books = ["; Made up.", *(f"{book} | {title} | Anon" for book, title in _BOOKS.items())]
    files = {
        "LICENSE.TXT": "Made up.",
        "README.TXT": "A miniature of the published corpus: made up.",
        "CHAPTERS.TXT": "\n".join(chapters),
        "SPEAKERS.TXT": "\n".join(["; Made up.", ";", *speakers]),
        "BOOKS.TXT": "\n".join(books),
    }
    # One table is in Latin-1.
    return {
        name: (text + "\n").encode("latin-1" if name == "CHAPTERS.TXT" else "utf-8")
        for name, text in files.items()
    }


def _project(chapter: Chapter) -> str:
    return (
        f"Project {chapter.project} | a part"
        if chapter.project == "71"
        else f"Project {chapter.project}".strip()
    )


def _transcript(ids: Sequence[str], texts: Sequence[str]) -> bytes:
    return "".join(f"{one} {text}\n" for one, text in zip(ids, texts)).encode()


def audio(subset: str) -> list[tuple[str, bytes]]:
    """Members of the archive of a subset, in order."""
    files = []
    for c in _chapters(subset):
        own = [
            (f"{c.folder}/{one}.flac", flac(samples(text, c.sex)))
            for one, text in zip(c.ids(), c.texts)
        ]
        at = c.transcript_at if c.transcript_at >= 0 else len(own)
        name = f"{c.folder}/{c.speaker}-{c.chapter}.trans.txt"
        own.insert(at, (name, _transcript(c.ids(), c.texts)))
        files += own
    beside = [(name, content) for name, content in tables().items()]
    # In one archive the tables stand behind the recordings.
    files = files + beside if subset == "train-other-500" else beside + files
    return [(f"LibriSpeech/{name}", content) for name, content in files]


def _finetuning() -> list[tuple[str, bytes]]:
    files, lines = [], {}
    for c in CHAPTERS:
        for one, text in zip(c.ids(), c.texts):
            if folder := FINETUNING.get(one):
                path = f"librispeech_finetuning/{folder}/{c.speaker}/{c.chapter}"
                files.append((f"{path}/{one}.flac", flac(samples(text, c.sex))))
                lines.setdefault(f"{path}/{c.speaker}-{c.chapter}.trans.txt", []).append(
                    (one, text)
                )
    files += [(name, _transcript(*zip(*rows))) for name, rows in lines.items()]
    return [*files, ("librispeech_finetuning/phones/phones_mapping.json", b"{}\n")]


# --------------------------------------------------------------------------------- alignments

_Rows = list[tuple[float, float, str]]


def tiers(utterance: str, text: str) -> dict[str, _Rows] | None:
    """Words and phones of an utterance, as an aligner gives them; None if it has none."""
    if utterance == UNALIGNED:
        return None
    found: dict[str, _Rows] = {"words": [], "phones": []}
    at = 0
    aligned = words(text)[:-1] if utterance == LACKING else words(text)

    def add(tier: str, start: int, end: int, label: str) -> None:
        found[tier].append((start / 1000, end / 1000, label))

    for word, start, end in aligned:
        add("words", at, start, "")
        add("phones", at, start, "sil" if not at else "sp")
        at = end
        if word in UNKNOWN_WORDS:
            add("words", start, end, "<unk>")
            add("phones", start, end, "spn")
            continue
        cut = start + _LETTER * word.index("'") if word == "ZED'S" else end
        add("words", start, cut, word[: (cut - start) // _LETTER].lower())
        if cut < end:
            add("words", cut, end, "s")
        for i, letter in enumerate(word):
            first = start + i * _LETTER
            add("phones", first, first + _LETTER, letter + "1")
    for tier in found:
        add(tier, at, milliseconds(text), "")
    return found


def textgrid(text: str, found: dict[str, _Rows]) -> bytes:
    """A TextGrid as the Montreal Forced Aligner writes it."""
    end = milliseconds(text) / 1000
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0.0", f"xmax = {end}",
             "tiers? <exists>", f"size = {len(found)}", "item []:"]  # fmt: skip
    for number, (name, rows) in enumerate(found.items(), start=1):
        lines += [f"\titem [{number}]:", '\t\tclass = "IntervalTier"', f'\t\tname = "{name}"',
                  "\t\txmin = 0.0", f"\t\txmax = {end}", f"\t\tintervals: size = {len(rows)}"]  # fmt: skip
        for i, (start, stop, label) in enumerate(rows, start=1):
            lines += [f"\t\t\tintervals [{i}]:", f"\t\t\t\txmin = {start}", f"\t\t\t\txmax = {stop}",
                      f'\t\t\t\ttext = "{label}"']  # fmt: skip
    return ("\n".join(lines) + "\n").encode()


def condensed(chapter: Chapter) -> bytes:
    """The alignments of a chapter as lines of words and ends."""
    lines = []
    for one, text in zip(chapter.ids(), chapter.texts):
        if found := tiers(one, text):
            rows = [row for row in found["words"]]
            spelled = ",".join(label.upper() for *_, label in rows)
            lines.append(f'{one} "{spelled}" "{",".join(f"{end:.3f}" for _, end, _ in rows)}" \n')
    return "".join(lines).encode()


def as_json(chapter: Chapter) -> bytes:
    """The alignments of a chapter as JSON."""
    found = {}
    for one, text in zip(chapter.ids(), chapter.texts):
        if rows := tiers(one, text):
            found[f"{one}.flac"] = {
                tier: {
                    str(i): {"xmin": a, "xmax": b, "text": label}
                    for i, (a, b, label) in enumerate(rows[tier])
                }
                for tier in rows
            }
    return json.dumps(found).encode()


# -------------------------------------------------------------------------------- the miniature


def files() -> dict[str, bytes]:
    """Content of the published files by name."""
    subsets = list(published.SUBSETS)
    found = {f"{subset}.tar.gz": _tar_gz(audio(subset)) for subset in subsets}
    found["librispeech_finetuning.tgz"] = _tar_gz(_finetuning())
    grids = {
        f"{c.folder}/{one}.TextGrid": textgrid(text, rows)
        for c in CHAPTERS
        for one, text in zip(c.ids(), c.texts)
        if (rows := tiers(one, text))
    }
    found["librispeech_alignments.zip"] = _zip(grids)
    lines = {
        f"LibriSpeech/{c.folder}/{c.speaker}-{c.chapter}.alignment.txt": condensed(c)
        for c in CHAPTERS
    }
    lines["LibriSpeech/unaligned.txt"] = f"{UNALIGNED}\n".encode()
    found["LibriSpeech-Alignments.zip"] = _zip(lines)
    for subset in subsets[:7]:
        members = [
            (f"{c.speaker}/{c.speaker}-{c.chapter}.json", as_json(c)) for c in _chapters(subset)
        ]
        found[f"LibriSpeech-aligned-{subset}.tar.gz"] = _tar_gz(members)
    return found


def counts() -> dict[str, int]:
    """Utterances by split."""
    found = {}
    for subset, (split, _, _) in published.SUBSETS.items():
        found[split] = sum(len(c.texts) for c in _chapters(subset))
    for part in ("1h", "9h"):
        found[f"train_{part}"] = sum(folder.startswith(part) for folder in FINETUNING.values())
    return found


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    content = files()
    listed = digests.load_published(registry.builder_cls("librispeech_extended").checksums_path())
    urls = {url: (info.filename, content[info.filename]) for url, info in listed.items()}
    miniature_files.write_files(folder, urls)
    rows = [("*", split, count) for split, count in counts().items()]
    miniature_files.write_table(folder / "counts.tsv", ["config", "split", "examples"], rows)
    miniature_files.write_table(
        folder / "sex_corrections.tsv", ["speaker_id", "sex"], sorted(CORRECTED.items())
    )
    speakers = [
        (c.speaker, c.sex, c.subset, "0.04", c.name)
        for c in CHAPTERS
        if any(one in FINETUNING for one in c.ids())
    ]
    miniature_files.write_table(
        folder / "librilight_speakers.tsv",
        ["speaker_id", "sex", "subset", "minutes", "name"],
        speakers,
    )
    lists: dict[tuple[str, str], list[int]] = {}
    for one, path in FINETUNING.items():
        chapter, _, index = one.rpartition("-")
        lists.setdefault((chapter, path[:2]), []).append(int(index))
    miniature_files.write_table(
        folder / "librilight.tsv",
        ["chapter", "part", "utterances"],
        [(*key, " ".join(map(str, indexes))) for key, indexes in sorted(lists.items())],
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "librispeech_extended")
