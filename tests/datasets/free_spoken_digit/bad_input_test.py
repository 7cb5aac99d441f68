"""Free Spoken Digit: each kind of bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import errno
import functools
import gzip
import hashlib
import io
import os
import pathlib
import shutil
import struct
import subprocess
import tarfile

import numpy as np
import preparing
import pytest
import tampering
import tensorflow_datasets as tfds
import wav_writer
from tensorflow_datasets.core import file_adapters

from tfds_extra import core, registry
from tfds_extra.core.engines import records

_NAME = "free_spoken_digit"
_ARCHIVE = "free-spoken-digit-dataset-1.0.10.tar.gz"
_ROOT = "free-spoken-digit-dataset-1.0.10"
_VICTIM = f"{_ROOT}/recordings/3_theo_0.wav"


class Miniature(tampering.Miniature):
    """A copy of the miniature whose archive of v1.0.10 can be tampered with."""

    NAME = _NAME

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        super().__init__(folder, monkeypatch)
        with tarfile.open(folder / _ARCHIVE) as tar:
            self.members = [
                (member, tar.extractfile(member).read() if member.isfile() else None)
                for member in tar
            ]

    def replace(self, name: str, content: bytes) -> None:
        """Gives a member other content, and has the miniature's facts vouch for it."""
        for i, (member, old) in enumerate(self.members):
            if member.name == name:
                member.size = len(content)
                self.members[i] = member, content
                facts = self.folder / "recordings.tsv"
                digests = [hashlib.sha256(c).hexdigest() for c in (old, content)]
                facts.write_text(facts.read_text().replace(*digests))
                return
        raise KeyError(name)

    def add(self, name: str, content: bytes = b"", **fields) -> None:
        """Appends a member."""
        member = tarfile.TarInfo(name)
        member.size = len(content)
        for field, value in fields.items():
            setattr(member, field, value)
        self.members.append((member, content))

    def drop(self, part_of_name: str) -> None:
        """Leaves out members."""
        self.members = [(m, c) for m, c in self.members if part_of_name not in m.name]

    def write(self) -> None:
        """Writes the archive."""
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for member, content in self.members:
                tar.addfile(member, io.BytesIO(content) if content is not None else None)
        self.write_bytes(gzip.compress(plain.getvalue(), mtime=0))

    def write_bytes(self, content: bytes) -> None:
        """Writes the archive's bytes, and has the miniature's checksums vouch for them."""
        self.write_vouched(_ARCHIVE, content)


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "mini", monkeypatch)


def prepare(data_dir: pathlib.Path, *, manual_dir: pathlib.Path | None = None, **kwargs) -> None:
    preparing.prepared(_NAME, data_dir, manual_dir, **(kwargs or {"miniature": True}))


refused = functools.partial(tampering.refused, _NAME)


def test_untouched_copy_is_prepared(miniature, data_dir):
    miniature.write()
    prepare(data_dir)
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    assert builder.info.splits["train"].num_examples == 60


def test_wrong_digest(miniature, data_dir):
    path = miniature.folder / _ARCHIVE
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with refused(
        data_dir, _ARCHIVE, "it is another file", "Get it again from",
        error=tfds.download.download_manager.NonMatchingChecksumError,
    ):  # fmt: skip
        prepare(data_dir)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.95, 0.999])
def test_truncated_archive(miniature, data_dir, share):
    content = (miniature.folder / _ARCHIVE).read_bytes()
    miniature.write_bytes(content[: int(len(content) * share)])
    with refused(data_dir, _ARCHIVE):
        prepare(data_dir)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><html>Sign in</html>", b"404: Not Found"])
def test_page_in_place_of_the_archive(miniature, data_dir, page):
    miniature.write_bytes(page)
    with refused(data_dir, _ARCHIVE):
        prepare(data_dir)


def _header(**changes) -> bytes:
    """A recording whose header lies: fields by their offset in the plain 44-byte header."""
    content = bytearray(wav_writer.encode(np.arange(300, dtype=np.int16), 8000))
    for field, value in changes.items():
        offset, form = {
            "riff_size": (4, "<I"),
            "tag": (20, "<H"),
            "channels": (22, "<H"),
            "rate": (24, "<I"),
            "byte_rate": (28, "<I"),
            "block": (32, "<H"),
            "bits": (34, "<H"),
            "data_size": (40, "<I"),
        }[field]
        struct.pack_into(form, content, offset, value)
    return bytes(content)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "no RIFF/WAVE header"),
        (b"ID3\x03 an mp3", "no RIFF/WAVE header"),
        (_header()[:30], "byte 4: RIFF states 636 bytes, the file holds 22 (614 missing)"),
        (_header()[:-1], "(1 missing)"),
        (_header() + b"\0\0", "(2 too many)"),
        (_header(data_size=598), "byte 642: chunk header cut short"),
        (_header(data_size=602), "states 602 bytes, 600 are left"),
        (_header(data_size=0xFFFFFFFF), "states 4294967295 bytes, 600 are left"),
        (_header(byte_rate=8000), "byte 28: 8000 bytes a second"),
        (_header(block=4), "byte 32: frames of 4 bytes"),
        (_header(bits=12), "byte 34: PCM of 12 bits"),
        (_header(channels=0), "0 channels"),
        (_header(tag=2), "codec 0x0002"),
        (_header(rate=16000, byte_rate=32000), "16000 Hz, 1 channels of 16 bits"),
        (_header(channels=2, byte_rate=32000, block=4), "8000 Hz, 2 channels of 16 bits"),
        (_header(bits=8, byte_rate=8000, block=1), "8000 Hz, 1 channels of 8 bits"),
    ],
)
def test_bad_recording(miniature, data_dir, content, problem):
    miniature.replace(_VICTIM, content)
    miniature.write()
    with refused(data_dir, _ARCHIVE, "recordings/3_theo_0.wav", problem, error=core.CorpusError):
        prepare(data_dir)


def test_altered_recording(miniature, data_dir):
    for i, (member, content) in enumerate(miniature.members):
        if member.name == _VICTIM:
            miniature.members[i] = member, content[:-1] + b"\x55"
    miniature.write()
    with refused(data_dir, _ARCHIVE, "recordings/3_theo_0.wav", "altered"):
        prepare(data_dir)


@pytest.mark.parametrize(
    "name", ["3_theo_0.wav.bak", "3_theo_7.wav", "3_nobody_0.wav", "sub/3_theo_1.wav"]
)
def test_foreign_file(miniature, data_dir, name):
    miniature.add(f"{_ROOT}/recordings/{name}", _header())
    miniature.write()
    with refused(
        data_dir,
        _ARCHIVE,
        f"recordings/{name}",
        "it is not one of the published files. Get the published archive again, or",
    ):
        prepare(data_dir)


@pytest.mark.parametrize("name", [_VICTIM, _VICTIM.replace("recordings", "./recordings")])
def test_duplicate_name(miniature, data_dir, name):
    content = next(c for m, c in miniature.members if m.name == _VICTIM)
    miniature.add(name, content)
    miniature.write()
    with refused(data_dir, _ARCHIVE, "3_theo_0.wav"):
        prepare(data_dir)


@pytest.mark.parametrize(
    "name",
    [f"{_ROOT}/recordings/../../../evil.wav", "../evil.wav", "/tmp/evil.wav", f"{_ROOT}/../evil"],
)
def test_path_that_climbs_out(miniature, data_dir, name, tmp_path):
    miniature.add(name, b"evil")
    miniature.write()
    with refused(data_dir, _ARCHIVE, "evil"):
        prepare(data_dir)
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_link_or_device(miniature, data_dir, kind):
    miniature.drop("3_theo_0.wav")
    miniature.add(_VICTIM, type=kind, linkname=f"{_ROOT}/recordings/3_theo_5.wav")
    miniature.write()
    with refused(data_dir, _ARCHIVE, "recordings/3_theo_0.wav"):
        prepare(data_dir)


def test_missing_speaker(miniature, data_dir):
    miniature.drop("_theo_")
    miniature.write()
    with refused(data_dir, _ARCHIVE, "20 published recordings (of theo) are missing", "0_theo_0"):
        prepare(data_dir)


def test_empty_release(miniature, data_dir):
    miniature.drop("/recordings/")
    miniature.write()
    with refused(data_dir, _ARCHIVE, "120 published recordings (of "):
        prepare(data_dir)


def test_partial_of_nothing(data_dir, tmp_path):
    (tmp_path / "manual" / _ROOT / "recordings").mkdir(parents=True)
    with refused(data_dir, "not a single example", partial=True):
        prepare(data_dir, manual_dir=tmp_path / "manual", partial=True)


def _unreadable(folder: pathlib.Path, how: str) -> str:
    """Makes a manual_dir that cannot be read, and returns the reason."""
    if how == "absent":
        return os.strerror(errno.ENOENT)
    if how == "a file":
        folder.write_text("")
        return os.strerror(errno.ENOTDIR)
    folder.symlink_to(folder)
    return os.strerror(errno.ELOOP)


@pytest.mark.parametrize("how", ["absent", "a file", "a loop"])
def test_unreadable_manual_dir(data_dir, tmp_path, how):
    manual_dir = tmp_path / "manual"
    reason = _unreadable(manual_dir, how)
    with refused(data_dir, str(manual_dir), reason, error=core.CorpusError, partial=True):
        prepare(data_dir, manual_dir=manual_dir, partial=True)


def test_manual_dir_without_rights(data_dir, tmp_path, monkeypatch):
    manual_dir = tmp_path / "manual"
    manual_dir.mkdir()

    def scandir(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(core.CorpusError, match="manual.*Permission denied"):
        prepare(data_dir, manual_dir=manual_dir, partial=True)


def test_unreadable_recording_in_manual_dir(data_dir, tmp_path):
    recordings = tmp_path / "manual" / _ROOT / "recordings"
    recordings.mkdir(parents=True)
    (recordings / "3_theo_0.wav").symlink_to(recordings / "nowhere.wav")
    with refused(data_dir, "3_theo_0.wav", partial=True):
        prepare(data_dir, manual_dir=tmp_path / "manual", partial=True)


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_full_disk_in_the_writer(data_dir, monkeypatch, file_format):
    """Each writer says it in its own way."""

    def write(error):
        def write_examples(path, iterator):
            next(iter(iterator))
            pathlib.Path(path).write_bytes(b"the first few bytes")
            raise error

        return write_examples

    if file_format == "tfrecord":
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        monkeypatch.setattr(records, "_write_tfrecord", write(error))
    else:
        cls = file_adapters.ADAPTER_FOR_FORMAT[file_adapters.FileFormat(file_format)]
        error = RuntimeError("UNKNOWN: No space left on device; writing x")
        monkeypatch.setattr(cls, "write_examples", staticmethod(write(error)))
    kwargs = {"miniature": True, "file_format": file_format}
    with refused(data_dir, "disk is full", str(data_dir), error=OSError, **kwargs):
        prepare(data_dir, **kwargs)


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 KB; the miniature takes about 110."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_full_disk(tiny_disk, file_format):
    kwargs = {"miniature": True, "file_format": file_format}
    with refused(tiny_disk, "disk is full", str(tiny_disk), error=OSError, **kwargs):
        prepare(tiny_disk, **kwargs)


def test_first_few_examples_are_not_stored_as_the_corpus(data_dir):
    for limit, kwargs, told in (
        (0, {"miniature": True}, "split='train[:5]'"),
        (5, {"miniature": True}, "split='train[:5]'"),
        (0, {"partial": True}, "take one or more"),
        (5, {}, "--partial"),
    ):
        with refused(data_dir, "max_examples_per_split", told, **kwargs):
            tfds.builder(_NAME, data_dir=data_dir, **kwargs).download_and_prepare(
                download_config=tfds.download.DownloadConfig(max_examples_per_split=limit)
            )


def test_miniature_digests_are_not_registered(data_dir):
    checksums = registry.resource_dir("checksums") / f"{_NAME}.tsv"
    before = checksums.read_bytes()
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    with pytest.raises(ValueError, match="nothing to register"):
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(register_checksums=True)
        )
    assert checksums.read_bytes() == before


def test_miniature_is_complete():
    with pytest.raises(ValueError, match="choose one of"):
        registry.builder_cls(_NAME)(miniature=True, partial=True)
