"""VoxCeleb: bad input gives one clear error and leaves nothing behind; parts and folders work."""

from __future__ import annotations

import io
import pathlib
import zipfile

import miniature_scripts
import numpy as np
import preparing
import pytest
import tampering
import tiers
import wav_writer

from tfds_extra import core, registry
from tfds_extra.core import digests
from tfds_extra.datasets.voxceleb_extended import sources

_MADE = miniature_scripts.load("voxceleb_extended")
_NAME = "voxceleb_extended"
_VICTIM = "id10150/bbbbbbbbbb0/00002"  # Of VoxCeleb1's dev.
_OF_TEST = "id10270/e_e-eeeeee0/00003"
_OF_VOX2 = "id00012/Annannannan/00002"


class Miniature(tampering.Miniature):
    """A copy of the miniature whose archives can be tampered with."""

    NAME = _NAME

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        super().__init__(folder, monkeypatch)
        self.members = {part: dict(_MADE.members(part)) for part in sources.PARTS}

    def write(self, part: str) -> None:
        """Writes the archive of a part, and has the miniature's checksums vouch for it."""
        stated, content = sources.PARTS[part], _MADE.zipped(self.members[part])
        if not stated.parts:
            self.write_vouched(stated.joined[0], content)
            return
        pieces = _MADE.cut(content, len(stated.parts))
        for name, piece in zip(stated.part_names, pieces, strict=True):
            self.write_vouched(name, piece)

    def replace(self, part: str, name: str, content: bytes) -> None:
        """Gives a member other content, or adds it."""
        self.members[part][f"{sources.PARTS[part].root}/{name}"] = content
        self.write(part)

    def drop(self, part: str, *ids: str) -> None:
        """Leaves members out."""
        stated = sources.PARTS[part]
        for one in ids:
            del self.members[part][f"{stated.root}/{one}.{'wav' if stated.corpus == 1 else 'm4a'}"]
        self.write(part)

    def remove(self, *names: str) -> None:
        """Removes published files."""
        for name in names:
            (self.folder / name).unlink()

    def edit(self, name: str, old: bytes, new: bytes) -> None:
        """Changes a list."""
        content = (self.folder / name).read_bytes()
        assert old in content
        self.write_vouched(name, content.replace(old, new))


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def refused(data_dir: pathlib.Path, *parts: str, config: str = "vox1", **kwargs) -> None:
    tampering.prepare_refused(f"{_NAME}/{config}", data_dir, *parts, **kwargs)


def prepared(data_dir: pathlib.Path, config: str = "vox1", **kwargs) -> dict[str, dict]:
    """Examples by id."""
    builder = preparing.prepared(f"{_NAME}/{config}", data_dir, **(kwargs or {"miniature": True}))
    return preparing.examples(builder, "id")


def digest(data_dir: pathlib.Path, config: str = "vox1") -> str:
    """Of all examples in order, after they have been prepared."""
    builder = preparing.prepared(f"{_NAME}/{config}", data_dir, miniature=True)
    return builder.info.metadata["order_digest"]


# -------------------------------------------------------------------------- missing utterances


def test_missing_utterances_are_counted_and_named(miniature, tmp_path):
    """The standard builder leaves 4,874 out without a word."""
    miniature.drop("vox1_dev", _VICTIM, "id11251/zzzzzzzzzz0/00003")
    for config in ("vox1", "vox1_identification"):
        refused(
            tmp_path / config,
            "2 of 18 utterances are missing: id10150/bbbbbbbbbb0/00002, id11251/zzzzzzzzzz0/00003",
            "partial",
            config=config,
        )


def test_archive_of_other_utterances(miniature, data_dir):
    miniature.drop("vox1_test", *(one for one in _MADE.utterances(*_MADE.VOX1, partition="test")))
    refused(
        data_dir,
        "vox1_test_wav.zip",
        "10 of 10 utterances are missing: id10270/e_e-eeeeee0/00001, id10270/e_e-eeeeee0/00002,"
        " id10270/e_e-eeeeee0/00003, ...",
        config="vox1_test",
        error=ValueError,
    )


def test_missing_utterances_of_vox2(miniature, tmp_path):
    """Nobody lists them, but their number and speakers are known."""
    miniature.drop("vox2_dev", _OF_VOX2)
    refused(tmp_path / "one", "vox2_dev_aac_partaa", "1 of 5 utterances are missing", config="vox2")
    miniature.drop("vox2_dev", "id01000/-Cycycycycy/00001", "id01000/-Cycycycycy/00002")
    refused(tmp_path / "all", "3 of 5 utterances are missing: all of id01000", config="vox2")


def test_utterance_that_is_not_listed(miniature, data_dir):
    miniature.replace("vox1_test", "id10270/e_e-eeeeee0/00004.wav", _MADE.wav_file(_OF_TEST))
    refused(data_dir, "id10270/e_e-eeeeee0/00004.wav: iden_split.txt does not list it")


@pytest.mark.parametrize(
    "part, name",
    [
        ("vox1_dev", "readme.txt"),
        ("vox1_dev", f"{_VICTIM}.txt"),
        ("vox1_dev", f"{_VICTIM} (1).wav"),
        ("vox1_dev", "id10150/bbbbbbbbbb0/2.wav"),
        ("vox1_dev", f"{_OF_TEST}.wav"),  # Of the other part.
        ("vox1_test", f"{_VICTIM}.wav"),
        ("vox1_dev", "id11252/bbbbbbbbbb0/00001.wav"),  # There are no more speakers.
        ("vox2_dev", "id00017/Bobobobobob/00001.m4a"),  # Of the other part.
        ("vox2_test", "id04170/Bobobobobob/00001.m4a"),  # Of whom there is nothing.
    ],
)
def test_stranger(miniature, data_dir, part, name):
    miniature.replace(part, name, b"?")
    config = "vox1" if part.startswith("vox1") else "vox2"
    refused(data_dir, name, "not one of the published files", config=config)


def test_member_that_leaves_the_tree(miniature, data_dir):
    miniature.replace("vox1_test", "id10270/../../x.wav", b"?")
    refused(data_dir, "vox1_test_wav.zip", "climbs out of the archive", error=ValueError)


# --------------------------------------------------------------------------- archives and parts


@pytest.mark.parametrize("share", [0.0, 0.01, 0.6, 0.999])
def test_archive_that_is_cut(miniature, data_dir, share):
    content = (miniature.folder / "vox1_test_wav.zip").read_bytes()
    miniature.write_vouched("vox1_test_wav.zip", content[: int(len(content) * share)])
    refused(data_dir, "vox1_test_wav.zip", error=ValueError, config="vox1_test")


def test_part_that_is_altered(miniature, data_dir):
    path = miniature.folder / "vox1_dev_wav_partac"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(data_dir, "vox1_dev_wav_partac", "it is another file: its sha256 is", error=ValueError)


def test_parts_in_another_order(miniature, data_dir):
    names = ["vox1_dev_wav_partab", "vox1_dev_wav_partac"]
    contents = [(miniature.folder / name).read_bytes() for name in names]
    for name, content in zip(names, contents[::-1]):
        miniature.write_vouched(name, content)
    refused(data_dir, "vox1_dev_wav_partaa", error=ValueError)


def test_missing_files_are_named_with_the_form(miniature, tmp_path):
    miniature.remove("vox1_dev_wav_partab", "vox1_dev_wav_partad", "vox1_test_wav.zip")
    with pytest.raises(core.CorpusError) as caught:
        prepared(tmp_path)
    message = str(caught.value)
    for name in ("vox1_dev_wav_partab", "vox1_dev_wav_partad", "vox1_test_wav.zip"):
        assert name in message.partition(":")[0]
    assert "vox1_dev_wav_partaa" not in message.partition(":")[0]
    assert sources.PAGE in message and "Fill in the form on that page" in message


def test_folder_that_is_not_whole(miniature, tmp_path):
    """It is not passed over without a word, as it may be the reason why something is missing."""
    miniature.remove("vox1_test_wav.zip")
    (miniature.folder / "wav" / "id10270").mkdir(parents=True)
    with pytest.raises(core.CorpusError, match="vox1_test_wav.zip") as caught:
        preparing.prepared(f"{_NAME}/vox1_test", tmp_path, miniature=True)
    (line,) = [line for line in str(caught.value).splitlines() if "not whole" in line]
    assert line.startswith(
        "The folder wav there is not whole: it has no id102[7-9]*/*/*.wav, id1030*/*/*.wav. If you"
    )
    assert "partial" in line
    _write(miniature.folder, "vox1_test", "vox1_test_wav/wav")  # Found here, and no error.
    assert len(prepared(tmp_path, "vox1_test")) == 10


@pytest.mark.parametrize("name", tiers.sampled(list(_MADE.joined()), ["vox1_dev_wav.zip"]))
def test_joined_archive(miniature, tmp_path, name):
    """It is taken instead of the parts, under each of its names."""
    part = "vox1_dev" if "1" in name or name == "vox_dev_wav.zip" else "vox2_dev"
    config = part.partition("_")[0]
    expected = preparing.prepared(f"{_NAME}/{config}", tmp_path / "parts", miniature=True)
    miniature.remove(*sources.PARTS[part].part_names)
    (miniature.folder / name).write_bytes(_MADE.joined()[name])
    found = preparing.prepared(f"{_NAME}/{config}", tmp_path / "joined", miniature=True)
    assert found.info.metadata["order_digest"] == expected.info.metadata["order_digest"]
    assert name in found._sources[part]


def test_nothing_is_joined_or_extracted(miniature, tmp_path):
    before = {path.name: path.stat().st_mtime_ns for path in miniature.folder.iterdir()}
    preparing.prepared(f"{_NAME}/vox1", tmp_path / "data", miniature=True)
    assert before == {path.name: path.stat().st_mtime_ns for path in miniature.folder.iterdir()}
    assert not [p for p in (tmp_path / "data").rglob("*") if p.suffix in (".wav", ".zip")]


# ------------------------------------------------------------------------------ the recordings

_SILENCE = np.zeros(641, np.int16)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "byte 0: no RIFF/WAVE header"),
        (b"version https://git-lfs", "byte 0: no RIFF/WAVE header"),
        (_MADE.wav_file(_OF_TEST)[:-100], "the file holds"),
        (_MADE.wav_file(_OF_TEST) + b"\0\0", "too many"),
        (
            wav_writer.encode(_SILENCE, 8_000),
            "8000 Hz, 1 channels of codec 1 with 16 bits are not how",
        ),
        (wav_writer.encode(np.zeros((641, 2), np.int16), 16_000), "16000 Hz, 2 channels"),
        (wav_writer.encode(np.zeros(640, np.uint8), 16_000), "with 8 bits"),
    ],
)
def test_recording_that_is_no_such(miniature, data_dir, content, problem):
    miniature.replace("vox1_test", f"{_OF_TEST}.wav", content)
    refused(data_dir, f"{_OF_TEST}.wav", problem, config="vox1_test")


_M4A = _MADE.m4a_file(_OF_VOX2)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "byte 0: no MP4 file"),
        (wav_writer.encode(_SILENCE, 16_000), "byte 0: no MP4 file but b'RIFF"),
        (_M4A[:-20], "cut short"),
        (_MADE.m4a([b"\0"] * 3, rate=44_100), "codec mp4a at 44100 Hz with 1 channels is not how"),
        (_MADE.m4a([b"\0"] * 3, channels=2), "16000 Hz with 2 channels"),
        (_MADE.m4a([b"\0"] * 3, codec=b"alac"), "codec alac at 16000 Hz"),
    ],
)
def test_recording_of_vox2_that_is_no_such(miniature, data_dir, content, problem):
    miniature.replace("vox2_dev", f"{_OF_VOX2}.m4a", content)
    refused(data_dir, f"{_OF_VOX2}.m4a", problem, config="vox2")


# ------------------------------------------------------------------------------------ the lists


@pytest.mark.parametrize(
    "config, name, old, new, problem",
    [
        ("vox1", "vox1_meta.csv", b"id10150", b"id10151", "vox1_meta.csv has no speaker id10150"),
        ("vox1", "vox1_meta.csv", b"UK\tdev", b"UK\ttest", "vox1_meta.csv has id10310 in test"),
        ("vox1", "vox1_meta.csv", b"\tm\t", b"\tM\t", "vox1_meta.csv: line 2: gender 'M' is not"),
        ("vox1", "iden_split.txt", b"2 id10001", b"5 id10001", "iden_split.txt: line 2: not a line"),
        ("vox1", "iden_split.txt", b"1 id10001/-aaaaaaaaa0/00001", b"1 id10001/-aaaaaaaaa0/00002",
         "iden_split.txt: line 2: id10001/-aaaaaaaaa0/00002 is there twice"),
        ("vox2", "vox2_meta.csv", b"id00012", b"id00013", "vox2_meta.csv has no speaker id00012"),
        ("vox1_trials_o", "veri_test.txt", b"1 id", b"x id", "veri_test.txt: line 1: not a line"),
        ("vox1_trials_o", "vox1_meta.csv", b"id10309", b"id10308",
         "veri_test.txt: line 5: vox1_meta.csv has no speaker id10309"),
        ("speakers", "vox2_meta.csv", b"Set ", b"Part ", "vox2_meta.csv: line 1: not the header"),
    ],
)  # fmt: skip
def test_list_that_is_damaged(miniature, data_dir, config, name, old, new, problem):
    miniature.edit(name, old, new)
    refused(data_dir, problem, config=config)


@pytest.mark.parametrize("change", [lambda c: c[:-62], lambda c: c + c[:62]])
def test_list_of_another_length(miniature, data_dir, change):
    name = "list_test_hard.txt"
    miniature.write_vouched(name, change((miniature.folder / name).read_bytes()))
    refused(data_dir, "split h", "examples were read, the publisher has 41", config="vox1_trials_h")


def test_other_list_under_the_name(miniature, data_dir):
    """A user who has renamed the cleaned list is told."""
    (miniature.folder / "veri_test.txt").write_bytes(_MADE.trial_list("o_cleaned"))
    refused(
        data_dir, "veri_test.txt", "it is another file", config="vox1_trials_o", error=ValueError
    )


@pytest.mark.parametrize("form", tiers.sampled(["plain", "crlf"], ["plain"]))
def test_other_forms_of_the_speakers(miniature, tmp_path, form):
    named = prepared(tmp_path / "named", "vox2")
    (miniature.folder / "vox2_meta.csv").write_bytes(_MADE.vox2_meta(form))
    found = prepared(tmp_path / form, "vox2")
    for one, example in found.items():
        assert example["speaker_name"] == b"" != named[one]["speaker_name"]
        assert example["gender"] == named[one]["gender"]
        assert example["vggface2_id"] == named[one]["vggface2_id"]


# -------------------------------------------------------------------------- copies and parts


def _write(folder: pathlib.Path, part: str, root: str = "") -> None:
    """Extracts an archive of the miniature."""
    stated = sources.PARTS[part]
    for name, content in _MADE.members(part).items():
        path = folder / (root + name.removeprefix(stated.root) if root else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.mark.parametrize(
    "roots",
    [
        ("", ""),  # Both in the folder that both archives have.
        ("dev/wav", "test/wav"),
        ("vox1_dev_wav/wav", "vox1_test_wav/wav"),
        ("voxceleb1/dev/wav", "voxceleb1/test/wav"),
    ],
)
def test_both_parts_extracted(miniature, tmp_path, roots):
    expected = digest(tmp_path / "packed")
    miniature.remove("vox1_test_wav.zip", *sources.PARTS["vox1_dev"].part_names)
    for part, root in zip(("vox1_dev", "vox1_test"), roots):
        _write(miniature.folder, part, root)
    assert digest(tmp_path / "extracted") == expected


def test_one_part_extracted_and_one_packed(miniature, tmp_path):
    """Neither is taken for the other, although they share a root."""
    expected = digest(tmp_path / "packed")
    miniature.remove("vox1_test_wav.zip")
    _write(miniature.folder, "vox1_test")
    assert digest(tmp_path / "mixed") == expected
    (miniature.folder / "wav" / f"{_OF_TEST}.wav").unlink()
    refused(tmp_path / "missing", f"1 of 10 utterances are missing: {_OF_TEST}")


def test_vox2_extracted(miniature, tmp_path):
    expected = digest(tmp_path / "packed", "vox2")
    miniature.remove("vox2_test_aac.zip")
    _write(miniature.folder, "vox2_test")
    assert digest(tmp_path / "test", "vox2") == expected
    miniature.remove(*sources.PARTS["vox2_dev"].part_names)
    _write(miniature.folder, "vox2_dev")
    assert digest(tmp_path / "both", "vox2") == expected


def test_part_of_the_corpus(tmp_path, no_downloads):
    """What is missing is counted, and nothing is fetched for it."""
    manual = tmp_path / "manual"
    _write(manual, "vox1_test")
    (manual / "wav" / f"{_OF_TEST}.wav").unlink()
    builder = preparing.prepared(f"{_NAME}/vox1", tmp_path / "data", manual, partial=True)
    found = preparing.examples(builder, "id")
    assert len(found) == 9 and {e["split"] for e in found.values()} == {"test"}
    assert builder.info.metadata["missing"] == {"dev": 148_642, "test": 4_874 - 9}
    example = found["id10309/ezezezezez0/00001"]
    assert (example["gender"], example["identification_split"]) == (-1, -1)
    assert (example["speaker_name"], example["nationality"]) == (b"", b"")
    assert example["label"] == 308


def test_part_with_its_lists(tmp_path, no_downloads, monkeypatch):
    """Lists that lie there are used."""
    manual = tmp_path / "manual"
    _write(manual, "vox1_dev")
    # So that the made-up lists are the published ones.
    for name, content in (
        ("vox1_meta.csv", _MADE.vox1_meta()),
        ("iden_split.txt", _MADE.identification()),
    ):
        (manual / name).write_bytes(content)
    miniature = registry.builder_cls(_NAME).miniature_dir() / "checksums.tsv"
    monkeypatch.setattr(
        digests, "load_published", lambda path, load=digests.load_published: load(miniature)
    )
    builder = preparing.prepared(
        f"{_NAME}/vox1_identification", tmp_path / "data", manual, partial=True
    )
    found = preparing.examples(builder, "id")
    assert len(found) == 18
    for one, example in found.items():
        speaker = _MADE.utterances(*_MADE.VOX1)[one]
        assert example["speaker_name"].decode() == speaker.name
        assert example["identification_split"] == _MADE.split_of(one) - 1


def test_zip_within_which_folders_are_no_matter(tmp_path):
    """Members of other speakers, and folders of theirs, are not looked at."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for speaker in ("id10001", "id10150"):
            archive.writestr(f"wav/{speaker}/", b"")
            archive.writestr(f"wav/{speaker}/-aaaaaaaaa0/00001.wav", b"x")
    content = bytearray(packed.getvalue())
    at = content.index(b"wav/id10150/")
    content[at : at + 12] = b"wav/id10159/"  # In the header of the folder, not in the directory.
    path = tmp_path / "some.zip"
    path.write_bytes(content)
    tree = core.Tree(path, root="wav")
    assert [member.name for member in tree.members("id1000")] == ["id10001/-aaaaaaaaa0/00001.wav"]
    with pytest.raises(ValueError, match="id10150"):
        list(tree.members("id101"))
