"""LibriSpeech: bad input gives one clear error and leaves nothing behind; parts and folders work."""

from __future__ import annotations

import io
import math
import pathlib
import tarfile
import zipfile

import miniature_scripts
import numpy as np
import preparing
import pytest
import soundfile
import tampering
import tensorflow_datasets as tfds

from tfds_extra import core, show

_MADE = miniature_scripts.load("librispeech_extended")
_NAME = "librispeech_extended"
_VICTIM = "dev-clean/300/3000/300-3000-0001.flac"
_TRANSCRIPT = "dev-clean/300/3000/300-3000.trans.txt"


class Miniature(tampering.Miniature):
    """A copy of the miniature whose dev-clean can be tampered with."""

    NAME = _NAME

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        super().__init__(folder, monkeypatch)
        self.members = dict(_MADE.audio("dev-clean"))

    def write(self) -> None:
        """Writes the archive, and has the miniature's checksums vouch for it."""
        self.write_vouched("dev-clean.tar.gz", _MADE._tar_gz(list(self.members.items())))

    def replace(self, name: str, content: bytes) -> None:
        """Gives a member of the archive other content."""
        assert f"LibriSpeech/{name}" in self.members
        self.members[f"LibriSpeech/{name}"] = content
        self.write()

    def drop(self, name: str) -> None:
        """Leaves a member of the archive out."""
        del self.members[f"LibriSpeech/{name}"]
        self.write()

    def extract(self) -> pathlib.Path:
        """Writes the members of dev-clean into a folder, and removes its archive."""
        for name, content in self.members.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (self.folder / "dev-clean.tar.gz").unlink()
        return self.folder / "LibriSpeech"


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def refused(data_dir: pathlib.Path, *parts: str, config: str = "dev_clean", **kwargs) -> None:
    tampering.prepare_refused(f"{_NAME}/{config}", data_dir, *parts, **kwargs)


def prepared(data_dir: pathlib.Path, config: str = "dev_clean", **kwargs) -> dict[str, dict]:
    """Examples of dev-clean by id."""
    builder = preparing.prepared(f"{_NAME}/{config}", data_dir, **(kwargs or {"miniature": True}))
    return {e["id"].decode(): e for e in show.read(builder, "dev_clean", 9)}


def zipped(folder: pathlib.Path, name: str, member: str, content: bytes | None) -> bytes:
    """An archive of the miniature with one member replaced, or left out."""
    packed = io.BytesIO()
    with zipfile.ZipFile(folder / name) as old, zipfile.ZipFile(packed, "w") as new:
        assert member in old.namelist()
        for one in old.namelist():
            if one != member or content is not None:
                new.writestr(one, content if one == member else old.read(one))
    return packed.getvalue()


def test_untouched_copy_is_prepared(miniature, data_dir):
    miniature.write()
    assert len(prepared(data_dir)) == 3


# --------------------------------------------------------------------------------- the archive


@pytest.mark.parametrize("share", [0.0, 0.01, 0.6, 0.999])
def test_archive_that_is_cut(miniature, data_dir, share):
    content = (miniature.folder / "dev-clean.tar.gz").read_bytes()
    miniature.write_vouched("dev-clean.tar.gz", content[: int(len(content) * share)])
    refused(data_dir, "dev-clean.tar.gz", error=ValueError)


def test_older_archive(miniature, data_dir):
    """Older uploads have other sizes."""
    content = (miniature.folder / "dev-clean.tar.gz").read_bytes()
    (miniature.folder / "dev-clean.tar.gz").write_bytes(content + bytes(100))
    refused(data_dir, "dev-clean.tar.gz", "it is another file", error=ValueError)


def test_another_subset(miniature, data_dir):
    miniature.write_vouched("dev-clean.tar.gz", _MADE._tar_gz(_MADE.audio("dev-other")))
    refused(data_dir, "not a single example was read")


def test_recording_that_is_missing(miniature, data_dir):
    miniature.drop(_VICTIM)
    refused(data_dir, "1 recordings are missing, the first is 300-3000-0001", "partial")


def test_chapter_without_recordings(miniature, data_dir):
    miniature.drop("dev-clean/310/3100/310-3100-0000.flac")
    refused(data_dir, "1 recordings are missing, the first is 310-3100-0000")


def test_transcript_that_is_missing(miniature, data_dir):
    miniature.drop(_TRANSCRIPT)
    refused(data_dir, "300-3000-0000.flac", "the transcript of its chapter is missing")


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"300-3000-0000 BLUE\n", f"{_VICTIM}: the transcript of its chapter has no line for it"),
        (b"300-3000-0000 BLUE\n300-3000-0001\n", f"{_TRANSCRIPT}: line 2: not the id and words"),
        (b"300-3000-0000 BLUE\n" * 2, f"{_TRANSCRIPT}: line 2: 300-3000-0000 is there twice"),
        (b"<html>Sign in</html>", f"{_TRANSCRIPT}: line 1: not the id and words"),
        (b"", "300-3000-0000.flac: the transcript of its chapter has no line for it"),
    ],
)
def test_transcript_that_is_damaged(miniature, data_dir, content, problem):
    miniature.replace(_TRANSCRIPT, content)
    refused(data_dir, "dev-clean.tar.gz", problem)


def test_members_in_any_order(miniature, tmp_path):
    expected = prepared(tmp_path / "as it was")
    for seed in range(3):
        names = list(miniature.members)
        np.random.default_rng(seed).shuffle(names)
        miniature.members = {name: miniature.members[name] for name in names}
        miniature.write()
        found = prepared(tmp_path / str(seed))
        assert {k: v["text"] for k, v in found.items()} == {
            k: v["text"] for k, v in expected.items()
        }
        assert found["300-3000-0001"]["book_title"] == b"Numbers"


@pytest.mark.parametrize(
    "name",
    [
        "dev-clean/300/3000/300-3000-0001 copy.flac",
        "dev-clean/300/3000/310-3000-0002.flac",  # Of another reader.
        "dev-clean/300/3000/300-3000-2.flac",
        "dev-clean/readme.txt",
    ],
)
def test_stranger(miniature, data_dir, name):
    miniature.members[f"LibriSpeech/{name}"] = b"?"
    miniature.write()
    refused(data_dir, name, "not one of the published files")


def test_member_that_leaves_the_tree(miniature, data_dir):
    miniature.members["LibriSpeech/dev-clean/../../x.flac"] = b"?"
    miniature.write()
    refused(data_dir, "dev-clean.tar.gz", "x.flac", error=ValueError)


# ------------------------------------------------------------------------------- the recordings


def _encoded(rate: int = 16_000, channels: int = 1, subtype: str = "PCM_16") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, np.zeros((800, channels)), rate, format="FLAC", subtype=subtype)
    return content.getvalue()


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "byte 0: no FLAC file"),
        (b"RIFF\0\0\0\0WAVE", "byte 0: no FLAC file"),
        (_encoded()[:30], "a block of 34 bytes is cut short"),
        (
            _encoded(rate=8_000),
            "8000 Hz, 1 channels of 16 bits are not how LibriSpeech is recorded",
        ),
        (_encoded(channels=2), "16000 Hz, 2 channels of 16 bits"),
        (_encoded(subtype="PCM_24"), "1 channels of 24 bits"),
        (_MADE.flac(np.zeros(0, np.int16)), "no frame behind the metadata"),
        (_encoded()[:26] + bytes(16) + _encoded()[42:], "does not state the number and MD5"),
    ],
)
def test_recording_that_is_no_such(miniature, data_dir, content, problem):
    miniature.replace(_VICTIM, content)
    refused(data_dir, _VICTIM, problem)


_OTHER_MD5 = _MADE.flac(_MADE.samples("RED SUN", "M"), md5=b"0123456789abcdef")
_SHORT = _MADE.flac(_MADE.samples("RED SUN", "M"))[:-3_000]


@pytest.mark.parametrize(
    "content, problem",
    [(_OTHER_MD5, "altered: MD5 of its samples is"), (_SHORT, "libsndfile|samples, not")],
)
def test_samples_are_not_the_stated_ones(miniature, tmp_path, content, problem):
    """Where no digest vouches for the archive, and wherever it is asked for."""
    miniature.replace(_VICTIM, content)
    builder = preparing.prepared(f"{_NAME}/dev_clean", tmp_path / "vouched", miniature=True)
    assert builder.info.splits["dev_clean"].num_examples == 3
    for config, kwargs in (
        ("dev_clean", {"check_pcm": True}),
        ("dev_clean_pcm", {}),  # Which decodes anyway.
    ):
        with pytest.raises(core.CorpusError, match=problem) as caught:
            prepared(tmp_path / config, config, miniature=True, **kwargs)
        assert _VICTIM in str(caught.value)
    miniature.extract()
    refused(tmp_path / "extracted", _VICTIM)


# ----------------------------------------------------------------------------------- the tables


@pytest.mark.parametrize("name", ["SPEAKERS.TXT", "CHAPTERS.TXT", "BOOKS.TXT"])
def test_table_that_is_missing(miniature, data_dir, name):
    miniature.drop(name)
    refused(data_dir, name, "it is missing")


def test_table_that_is_damaged(miniature, data_dir):
    content = miniature.members["LibriSpeech/SPEAKERS.TXT"]
    miniature.replace("SPEAKERS.TXT", content.replace(b"| F |", b"|F"))
    refused(data_dir, "SPEAKERS.TXT: line 4: 4 fields, not 5")


def test_reader_that_nobody_knows(miniature, data_dir):
    content = miniature.members["LibriSpeech/SPEAKERS.TXT"]
    miniature.replace("SPEAKERS.TXT", content.replace(b"300 ", b"301 "))
    refused(data_dir, "300-3000-0000.flac: SPEAKERS.TXT has no reader 300")


def test_chapter_that_nobody_knows(miniature, data_dir):
    content = miniature.members["LibriSpeech/CHAPTERS.TXT"]
    miniature.replace("CHAPTERS.TXT", content.replace(b"3000 ", b"9999 "))
    example = prepared(data_dir)["300-3000-0000"]
    assert (example["project_id"], example["book_id"], example["chapter_title"]) == (-1, -1, b"")
    assert math.isnan(example["chapter_minutes"])


# ------------------------------------------------------------------------------- the alignments

_GRID = "dev-clean/300/3000/300-3000-0001.TextGrid"


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "line 1: cut short"),
        (b"404: Not Found", "cut short: the kind of file is missing"),
        (b'"ooTextFile"\n"TextGrid"\n0\n1\n<exists>\n0\n', "no tiers words and phones"),
    ],
)
def test_textgrid_that_is_damaged(miniature, data_dir, content, problem):
    packed = zipped(miniature.folder, "librispeech_alignments.zip", _GRID, content)
    miniature.write_vouched("librispeech_alignments.zip", packed)
    refused(data_dir, _GRID, problem, config="dev_clean_aligned")


def test_textgrid_that_is_missing(miniature, data_dir):
    packed = zipped(miniature.folder, "librispeech_alignments.zip", _GRID, None)
    miniature.write_vouched("librispeech_alignments.zip", packed)
    found = prepared(data_dir, "dev_clean_aligned")
    assert [e["has_alignment"] for _, e in sorted(found.items())] == [True, False, True]


def test_condensed_alignment_that_is_damaged(miniature, data_dir):
    name = "LibriSpeech/dev-clean/300/3000/300-3000.alignment.txt"
    packed = zipped(
        miniature.folder, "LibriSpeech-Alignments.zip", name, b'300-3000-0001 ",A" "1"\n'
    )
    miniature.write_vouched("LibriSpeech-Alignments.zip", packed)
    refused(
        data_dir, "300-3000.alignment.txt: line 1: 2 words, and 1 times",
        config="dev_clean_aligned_condensed",
    )  # fmt: skip


@pytest.mark.parametrize("content, problem", [(b"{", "Expecting"), (b"[]", "list in place of")])
def test_json_that_is_damaged(miniature, data_dir, content, problem):
    packed = _MADE._tar_gz([("top/300/300-3000.json", content)])
    miniature.write_vouched("LibriSpeech-aligned-dev-clean.tar.gz", packed)
    refused(data_dir, "300-3000.json", problem, config="dev_clean_aligned_json")


# ---------------------------------------------------------------------------------------- parts


def test_part_of_one_subset(tmp_path, no_downloads):
    """The other subsets are not fetched, and what is missing is counted."""
    manual = tmp_path / "manual"
    for name, content in _MADE.audio("dev-clean"):
        if "0001.flac" not in name and "300-3000.trans" not in name:
            path = manual / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    builder = preparing.prepared(f"{_NAME}/clean_100", tmp_path / "data", manual, partial=True)
    counts = {split: info.num_examples for split, info in builder.info.splits.items()}
    # Without its transcript no recording is an example.
    assert counts == {"dev_clean": 1}
    missing = builder.expected_counts
    assert builder.info.metadata["missing"] == missing | {"dev_clean": 2_702}
    (example,) = show.read(builder, "dev_clean", 9)
    assert (example["id"], example["text"]) == (b"310-3100-0000", b"SUN BLUE")
    assert example["speaker_name"] == b"Gus"


def test_part_without_tables(tmp_path, no_downloads):
    manual = tmp_path / "manual"
    for name, content in _MADE.audio("dev-clean"):
        if not name.endswith(".TXT"):
            path = manual / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    # The manual_dir may be the folder itself.
    for number, folder in enumerate((manual, manual / "LibriSpeech")):
        builder = preparing.prepared(
            f"{_NAME}/dev_test", tmp_path / str(number), folder, partial=True
        )
        found = list(show.read(builder, "dev_clean", 9))
        assert len(found) == 3
        for example in found:
            assert example["speaker_sex"] == example["speaker_sex_corrected"] == -1
            assert example["speaker_name"] == b"" and math.isnan(example["speaker_minutes"])


def test_part_of_nothing(tmp_path, no_downloads):
    """A chapter of transcripts alone."""
    manual = tmp_path / "manual"
    for name, content in _MADE.audio("dev-clean"):
        path = manual / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if name.endswith(".txt") else b"")
    for path in manual.rglob("*.flac"):
        path.rename(path.with_name(f"._{path.name}"))
    (manual / "LibriSpeech/dev-other/320/3200").mkdir(parents=True)
    recording = manual / "LibriSpeech/dev-other/320/3200/320-3200-0000.flac"
    recording.write_bytes(
        dict(_MADE.audio("dev-other"))["LibriSpeech/dev-other/320/3200/320-3200-0000.flac"]
    )
    with pytest.raises(core.CorpusError, match="not a single example was read"):
        preparing.prepared(f"{_NAME}/dev_test", tmp_path / "data", manual, partial=True)


def test_archive_that_is_packed_otherwise(miniature, data_dir):
    """A plain tar, as some servers and programs leave it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in miniature.members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    miniature.write_vouched("dev-clean.tar.gz", packed.getvalue())
    assert len(prepared(data_dir)) == 3


def test_check_pcm_is_kept_by_pickling(tmp_path):
    import pickle

    builder = tfds.builder(_NAME, data_dir=tmp_path, miniature=True, check_pcm=True)
    assert pickle.loads(pickle.dumps(builder))._check_pcm is True
