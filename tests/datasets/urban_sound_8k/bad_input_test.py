"""UrbanSound8K: each kind of bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import tarfile

import preparing
import pytest
import tampering
import tensorflow_datasets as tfds

from tfds_extra import core, registry
from tfds_extra.core import own_copies

_NAME = "urban_sound_8k"
_ARCHIVE = "UrbanSound8K.tar.gz"
_VICTIM = "audio/fold4/132016-9-2-3.wav"


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with, its archive extracted or not."""

    NAME = _NAME

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        super().__init__(folder / "facts", monkeypatch)
        with tarfile.open(self.folder / _ARCHIVE) as tar:
            tar.extractall(folder / "extracted", filter="data")
        self.root = folder / "extracted" / "UrbanSound8K"

    def pack(self) -> None:
        """Makes an archive of the folder, with the audio first, and has the checksums vouch for it."""
        with tarfile.open(self.folder / _ARCHIVE, "w:gz") as tar:
            for path in sorted(self.root.rglob("*"), key=lambda path: path.suffix != ".wav"):
                if path.is_file():
                    tar.add(path, f"UrbanSound8K/{path.relative_to(self.root)}")
        self.vouch()

    def vouch(self) -> None:
        """Has the checksums vouch for the archive as it is."""
        self.write_vouched(_ARCHIVE, (self.folder / _ARCHIVE).read_bytes())

    def replace(self, name: str, content: bytes) -> None:
        """Gives a file other content, and has the miniature's facts vouch for it."""
        facts = self.folder / "members.tsv"
        old = (self.root / name).read_bytes()
        rows = [f"{len(c)}\t{hashlib.sha256(c).hexdigest()}" for c in (old, content)]
        assert rows[0] in facts.read_text()
        facts.write_text(facts.read_text().replace(*rows))
        (self.root / name).write_bytes(content)


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path, monkeypatch)


@pytest.fixture(params=["archive", "folder"])
def prepare(request, miniature, tmp_path, monkeypatch):
    """Prepares the miniature as it has become, as an archive or as a folder."""

    def run(config: str = "folds"):
        if request.param == "archive":
            miniature.pack()
        else:
            copy = own_copies.Copy(miniature.root)
            monkeypatch.setattr(
                registry.builder_cls(_NAME), "extracted", lambda self: {"corpus": copy}
            )
        builder = tfds.builder(f"{_NAME}/{config}", data_dir=tmp_path / "data", miniature=True)
        builder.download_and_prepare()
        return builder

    return run


def refused(tmp_path: pathlib.Path, *parts: str, error=core.CorpusError, config: str = "folds"):
    return tampering.refused(f"{_NAME}/{config}", tmp_path / "data", *parts, error=error)


def test_untouched_copy_is_prepared(prepare):
    assert prepare().info.splits.total_num_examples == 28


def test_system_files_are_left_out(miniature, prepare):
    (miniature.root / "audio" / "fold4" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    assert prepare().info.splits.total_num_examples == 28


@pytest.mark.parametrize("name", ["audio/fold4/132016-9-2-3 copy.wav", "metadata/notes.txt"])
def test_stranger(miniature, prepare, tmp_path, name):
    (miniature.root / name).write_bytes(b"RIFF")
    with refused(tmp_path, name, "not one of the published files"):
        prepare()


def test_part_beside_a_csv_that_is_cut(miniature, tmp_path, monkeypatch):
    tampering.use_facts(monkeypatch, _NAME, miniature.folder)
    path = miniature.root / "metadata" / "UrbanSound8K.csv"
    path.write_bytes(path.read_bytes()[:200])
    shutil.rmtree(miniature.root / "audio" / "fold8")
    builder = preparing.prepared(_NAME, tmp_path / "data", miniature.root.parent, partial=True)
    assert builder.info.splits.total_num_examples == 24


def test_altered_slice(miniature, prepare, tmp_path):
    content = bytearray((miniature.root / _VICTIM).read_bytes())
    content[200] ^= 1
    (miniature.root / _VICTIM).write_bytes(content)
    with refused(tmp_path, _VICTIM, "altered", "sha256", "again"):
        prepare()


@pytest.mark.parametrize("left", [0, 20, 1000])
def test_truncated_slice(miniature, prepare, tmp_path, left):
    (miniature.root / _VICTIM).write_bytes((miniature.root / _VICTIM).read_bytes()[:left])
    with refused(tmp_path, _VICTIM, "altered", f"{left:,} bytes, the published file has 14,164"):
        prepare()


@pytest.mark.parametrize(
    "old, new",
    [
        (b"classID,class\n", b"classID,class_name\n"),  # Seen in the wild.
        (b",4,9,street_music", b",5,9,street_music"),
        (b"58.25,62.25", b"58.25,62.5"),
    ],
)
def test_altered_csv(miniature, prepare, tmp_path, old, new):
    path = miniature.root / "metadata" / "UrbanSound8K.csv"
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    with refused(tmp_path, "metadata/UrbanSound8K.csv", "altered"):
        prepare()


def test_missing_slice(miniature, prepare, tmp_path):
    (miniature.root / _VICTIM).unlink()
    with refused(tmp_path, "1 published files are missing", _VICTIM, "partial"):
        prepare()


def test_missing_fold(miniature, prepare, tmp_path):
    shutil.rmtree(miniature.root / "audio" / "fold8")
    with refused(tmp_path, "4 published files are missing, the first is audio/fold8/", "--partial"):
        prepare()


def test_slice_in_another_fold(miniature, prepare, tmp_path):
    (miniature.root / _VICTIM).rename(miniature.root / "audio/fold5/132016-9-2-3.wav")
    # It is missing from one fold, and a stranger in the other.
    with refused(tmp_path, "132016-9-2-3.wav", "published files"):
        prepare()


def test_no_wav_at_all(miniature, prepare, tmp_path):
    miniature.replace(_VICTIM, b"404: Not Found" * 4)
    with refused(tmp_path, _VICTIM, "no RIFF/WAVE header"):
        prepare()


def test_codec_that_libsndfile_does_not_decode(miniature, prepare, tmp_path):
    content = (miniature.root / _VICTIM).read_bytes()
    miniature.replace(_VICTIM, content[:20] + b"\x77\x77" + content[22:])
    with refused(tmp_path, _VICTIM, "libsndfile cannot decode it", config="folds_mono_22k"):
        prepare("folds_mono_22k")
    # The files themselves are kept, and the codec says that it is none of the known ones.
    codecs = [int(e["codec"]) for e in prepare().as_dataset(
        split="fold4", decoders={"audio": tfds.decode.SkipDecoding()})]  # fmt: skip
    assert codecs.count(-1) == 1


@pytest.mark.parametrize("share", [0.0, 0.01, 0.6, 0.999])
def test_truncated_archive(miniature, tmp_path, share):
    content = (miniature.folder / _ARCHIVE).read_bytes()
    (miniature.folder / _ARCHIVE).write_bytes(content[: int(len(content) * share)])
    miniature.vouch()
    with refused(tmp_path, _ARCHIVE, error=ValueError):
        tfds.builder(_NAME, data_dir=tmp_path / "data", miniature=True).download_and_prepare()


def test_wrong_digest(miniature, tmp_path):
    content = bytearray((miniature.folder / _ARCHIVE).read_bytes())
    content[100] ^= 1
    (miniature.folder / _ARCHIVE).write_bytes(content)
    error = tfds.download.download_manager.NonMatchingChecksumError
    with refused(tmp_path, _ARCHIVE, "it is another file", error=error):
        tfds.builder(_NAME, data_dir=tmp_path / "data", miniature=True).download_and_prepare()


def test_archive_with_another_root(miniature, tmp_path):
    with tarfile.open(miniature.folder / _ARCHIVE, "w:gz") as tar:
        tar.add(miniature.root, "UrbanSound")
    miniature.vouch()
    with refused(tmp_path, _ARCHIVE, "is not below UrbanSound8K/", error=ValueError):
        tfds.builder(_NAME, data_dir=tmp_path / "data", miniature=True).download_and_prepare()


def test_partial_of_nothing(tmp_path):
    (tmp_path / "manual" / "UrbanSound8K" / "audio").mkdir(parents=True)
    builder = tfds.builder(_NAME, data_dir=tmp_path / "data", partial=True)
    config = tfds.download.DownloadConfig(manual_dir=tmp_path / "manual")
    with pytest.raises(core.CorpusError, match="not a single example"):
        builder.download_and_prepare(download_config=config)


def test_layout_of_copies_on_kaggle(miniature, tmp_path, monkeypatch):
    """The folds and the table lie at the top there, whatever the folder is called."""
    tampering.use_facts(monkeypatch, _NAME, miniature.folder)
    manual = tmp_path / "versions" / "1"
    shutil.copytree(miniature.root / "audio", manual)
    shutil.copy(miniature.root / "metadata" / "UrbanSound8K.csv", manual)
    (manual / "fold1" / "._101415-3-0-2.wav").write_bytes(b"")
    flat = preparing.prepared(_NAME, tmp_path / "flat", manual, partial=True)
    same = preparing.prepared(_NAME, tmp_path / "same", miniature.root.parent, partial=True)
    assert flat.info.splits.total_num_examples == 28
    assert flat.info.metadata["order_digest"] == same.info.metadata["order_digest"]
