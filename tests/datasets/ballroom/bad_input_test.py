"""Ballroom: each kind of bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import pathlib
import shutil
import tarfile
import zipfile

import numpy as np
import preparing
import pytest
import tampering
import tensorflow_datasets as tfds
import wav_writer

from tfds_extra.core import validation

_NAME = "ballroom"
_COMMIT = "1db08914a8ae15edb01f104046e30bad88effe67"
_AUDIO = "data1.tar.gz"
_TEMPO = "data2.tar.gz"
_BEATS = f"BallroomAnnotations-{_COMMIT}.zip"
_OLDER = "BallroomAnnotations-1.1.tar.gz"
_FIRST = "BallroomAnnotations-ISMIR_2013_paper.tar.gz"
_ROOTS = {
    _AUDIO: "BallroomData",
    _TEMPO: "BallroomAnnotations/ballroomGroundTruth",
    _BEATS: f"BallroomAnnotations-{_COMMIT}",
    _OLDER: "BallroomAnnotations-1.1",
    _FIRST: "BallroomAnnotations-ISMIR_2013_paper",
}
_WAV = "Waltz/Media-900008.wav"
_TEXT = "Media-900008.beats"
_BPM = "Media-900008.bpm"
_PROMISE = "Get the published archive again, or remove what does not belong to it."


class Miniature(tampering.Miniature):
    """A copy of the miniature whose archives can be tampered with."""

    NAME = _NAME

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        super().__init__(folder, monkeypatch)
        self.files = {}
        for archive in (_AUDIO, _TEMPO, _OLDER, _FIRST):
            with tarfile.open(folder / archive) as tar:
                members = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}
            self.files[archive] = members
        with zipfile.ZipFile(folder / _BEATS) as packed:
            members = {n: packed.read(n) for n in packed.namelist() if not n.endswith("/")}
        self.files[_BEATS] = members

    def put(self, archive: str, name: str, content: bytes, *, vouched: bool = True) -> None:
        """Gives a member (other) content; by default the miniature's table vouches for it."""
        name = f"{_ROOTS[archive]}/{name}"
        old = self.files[archive].get(name)
        self.files[archive][name] = content
        if vouched and old is not None:
            facts = self.folder / "excerpts.tsv"
            digests = [hashlib.md5(c).hexdigest() for c in (old, content)]
            facts.write_text(facts.read_text().replace(*digests))
        self.write(archive)

    def drop(self, archive: str, part_of_name: str) -> None:
        """Leaves out members."""
        files = self.files[archive]
        self.files[archive] = {n: c for n, c in files.items() if part_of_name not in n}
        assert len(self.files[archive]) < len(files)
        self.write(archive)

    def write(self, archive: str, *extra: tarfile.TarInfo) -> None:
        """Writes an archive; in a tar, with more members."""
        packed = io.BytesIO()
        if archive == _BEATS:
            with zipfile.ZipFile(packed, "w") as target:
                for name, content in self.files[archive].items():
                    target.writestr(name, content)
        else:
            with tarfile.open(fileobj=packed, mode="w:gz") as target:
                for name, content in self.files[archive].items():
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    target.addfile(member, io.BytesIO(content))
                for member in extra:
                    target.addfile(member, io.BytesIO(bytes(member.size)))
        self.write_vouched(archive, packed.getvalue())

    def extract(self, *archives: str) -> None:
        """Puts folders in the place of archives, as a user does who has extracted them."""
        for archive in archives:
            for name, content in self.files[archive].items():
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            (self.folder / archive).unlink()

    def path(self, archive: str, name: str) -> pathlib.Path:
        """A file of an extracted archive."""
        return self.folder / _ROOTS[archive] / name


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "mini", monkeypatch)


def prepare(data_dir: pathlib.Path, config: str = "full", manual_dir=None, **kwargs):
    kwargs = {"miniature": True, **kwargs}
    return preparing.prepared(f"{_NAME}/{config}", data_dir, manual_dir, **kwargs)


refused = functools.partial(tampering.refused, _NAME)


def recording(frames: int = 100, rate: int = 44_100, channels: int = 1, dtype=np.int16) -> bytes:
    samples = np.arange(frames * channels).astype(dtype).reshape(frames, channels)
    return wav_writer.encode(samples[:, 0] if channels == 1 else samples, rate)


def test_untouched_copy_is_prepared(miniature, data_dir):
    for archive in miniature.files:
        miniature.write(archive)
    assert prepare(data_dir).info.splits["train"].num_examples == 12


# ----------------------------------------------------------------------------------- the archives


@pytest.mark.parametrize("archive", [_AUDIO, _TEMPO, _BEATS])
def test_wrong_digest(miniature, data_dir, archive):
    path = miniature.folder / archive
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    error = tfds.download.download_manager.NonMatchingChecksumError
    with refused(data_dir, archive, "it is another file", "Get it again from", error=error):
        prepare(data_dir)


@pytest.mark.parametrize("archive", [_AUDIO, _TEMPO, _BEATS])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.95, 0.999])
def test_truncated_archive(miniature, data_dir, archive, share):
    content = (miniature.folder / archive).read_bytes()
    miniature.write_vouched(archive, content[: int(len(content) * share)])
    with refused(data_dir, archive):
        prepare(data_dir)


@pytest.mark.parametrize("archive", [_AUDIO, _TEMPO, _BEATS])
def test_page_in_place_of_an_archive(miniature, data_dir, archive):
    miniature.write_vouched(archive, b"<!DOCTYPE html><title>403 Forbidden</title>")
    with refused(data_dir, archive):
        prepare(data_dir)


def test_damage_behind_the_last_excerpt(miniature, data_dir):
    plain = gzip.decompress((miniature.folder / _AUDIO).read_bytes())
    content = bytearray(gzip.compress(plain))
    content[-8] ^= 1  # Of the check sum.
    miniature.write_vouched(_AUDIO, bytes(content))
    with refused(data_dir, _AUDIO):
        prepare(data_dir)


def test_archive_of_another_version(miniature, data_dir):
    """The older beats under the name of the newest."""
    miniature.write_vouched(_BEATS, (miniature.folder / _OLDER).read_bytes())
    with refused(data_dir, _BEATS, "another one or another edition"):
        prepare(data_dir)


@pytest.mark.parametrize("name", ["BallroomData/../../evil.wav", "../evil.wav", "/tmp/evil.wav"])
def test_path_that_climbs_out(miniature, data_dir, tmp_path, name):
    miniature.write(_AUDIO, tarfile.TarInfo(name))
    with refused(data_dir, _AUDIO, "evil"):
        prepare(data_dir)
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_link_or_pipe(miniature, data_dir, kind):
    member = tarfile.TarInfo(f"BallroomData/{_WAV}")
    member.type, member.linkname = kind, "BallroomData/Waltz/Media-900009.wav"
    del miniature.files[_AUDIO][member.name]
    miniature.write(_AUDIO, member)
    with refused(data_dir, _AUDIO, _WAV):
        prepare(data_dir)


def test_duplicate_name(miniature, data_dir):
    miniature.write(_AUDIO, tarfile.TarInfo(f"BallroomData/{_WAV}"))
    with refused(data_dir, _AUDIO, _WAV):
        prepare(data_dir)


# ---------------------------------------------------------------------------------- their members


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "no RIFF/WAVE header"),
        (b"\0\0\0\x20ftypM4A ", "no RIFF/WAVE header"),
        (recording()[:-1], "(1 missing)"),
        (recording(rate=48_000), "48000 Hz, 1 channels of 16 bits are not how Ballroom"),
        (recording(channels=2), "44100 Hz, 2 channels of 16 bits are not how Ballroom"),
        (recording(dtype=np.uint8), "44100 Hz, 1 channels of 8 bits are not how Ballroom"),
    ],
)
def test_bad_recording(miniature, data_dir, content, problem):
    miniature.put(_AUDIO, _WAV, content)
    with refused(data_dir, _AUDIO, _WAV, problem, _PROMISE):
        prepare(data_dir)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "line 1: 0 beats"),
        (b"0.5 1\n1.0 2\n1.", "line 3: cut short"),
        (b"0.5 1\n1.0 2\n1.0 3\n", "line 3: 1.0 s is not later than 1.0 s"),
        (b"0.5 1\r\n1.0 2\r\n", "line 1: not the time and position of a beat"),
        (b"0.5\t1.1\n1.0\t2\n", "line 2: here the number of the bar"),
    ],
)
@pytest.mark.parametrize("archive, config", [(_BEATS, "dedup"), (_OLDER, "dedup_v1.1")])
def test_bad_beats(miniature, data_dir, archive, config, content, problem):
    miniature.put(archive, _TEXT, content)
    with refused(data_dir, archive, _TEXT, problem, _PROMISE):
        prepare(data_dir, config)


@pytest.mark.parametrize(
    "content", [b"", b"84", b"84.5\n", b"-84\n", b"0\n", b"84\n85\n", b"84\r\n"]
)
def test_bad_tempo(miniature, data_dir, content):
    miniature.put(_TEMPO, _BPM, content)
    with refused(data_dir, _TEMPO, _BPM, "line 1: not one whole number", _PROMISE):
        prepare(data_dir)


@pytest.mark.parametrize(
    "archive, name, content",
    [
        (_AUDIO, _WAV, recording()),
        (_TEMPO, _BPM, b"91\n"),
        (_BEATS, _TEXT, b"0.5 1\n1.0 2\n"),
    ],
)
def test_altered_file(miniature, data_dir, archive, name, content):
    miniature.put(archive, name, content, vouched=False)
    with refused(data_dir, archive, name, "altered: its md5", _PROMISE):
        prepare(data_dir)


@pytest.mark.parametrize(
    "archive, name",
    [
        (_AUDIO, "Tango/Media-900008.wav"),  # An excerpt, but of another genre.
        (_AUDIO, "Waltz/sub/Media-900008.wav"),
        (_AUDIO, "Foxtrot/Media-900010.wav"),
        (_TEMPO, "Media-900010.bpm"),
        (_BEATS, "Media-900010.beats"),
        (_BEATS, "sub/Media-900008.beats"),
    ],
)
def test_foreign_file(miniature, data_dir, archive, name):
    miniature.put(archive, name, b"foreign")
    with refused(data_dir, archive, name, "not one of the published files", _PROMISE):
        prepare(data_dir)


@pytest.mark.parametrize("archive, name", [(_AUDIO, _WAV), (_TEMPO, _BPM), (_BEATS, _TEXT)])
def test_missing_file(miniature, data_dir, archive, name):
    miniature.drop(archive, name)
    with refused(
        data_dir, archive, f"1 published files are missing, the first is {name}", "partial"
    ):
        prepare(data_dir)


@pytest.mark.parametrize("archive", [_AUDIO, _TEMPO, _BEATS])
def test_archive_without_the_excerpts(miniature, data_dir, archive):
    miniature.drop(archive, "-")
    miniature.put(archive, "README", b"nothing else")
    with refused(data_dir, archive):
        prepare(data_dir)


# ------------------------------------------------------------------------------ extracted folders


def test_extracted_folders_give_the_same_bytes(miniature, data_dir):
    archives = prepare(data_dir / "archives")
    miniature.extract(_AUDIO, _TEMPO, _BEATS)
    folders = prepare(data_dir / "folders")
    for path in pathlib.Path(archives.data_dir).glob("*tfrecord*"):
        assert path.read_bytes() == (pathlib.Path(folders.data_dir) / path.name).read_bytes()
    assert archives.info.metadata["order_digest"] == folders.info.metadata["order_digest"]


def test_extracted_folder_is_read_a_genre_a_piece(miniature, data_dir):
    miniature.extract(_AUDIO)
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    dl_manager = builder._make_download_manager(None, tfds.download.DownloadConfig())
    pieces = builder._split_generators(dl_manager)["train"].pieces
    found = [[key for (_, key), _ in builder._generate_examples(piece)] for piece in pieces]
    assert [len(keys) for keys in found] == [1, 1, 1, 1, 1, 1, 2, 1, 1, 2]


@pytest.mark.parametrize("archive, name", [(_AUDIO, _WAV), (_TEMPO, _BPM), (_BEATS, _TEXT)])
@pytest.mark.parametrize("how", ["missing", "altered", "a dangling link", "a folder"])
def test_bad_file_in_an_extracted_folder(miniature, data_dir, archive, name, how):
    miniature.extract(_AUDIO, _TEMPO, _BEATS)
    path = miniature.path(archive, name)
    content = path.read_bytes()
    path.unlink()
    if how == "altered":
        path.write_bytes(content[:-1])
    elif how == "a dangling link":
        path.symlink_to(path.with_name("nowhere"))
    elif how == "a folder":
        path.mkdir()
    with refused(data_dir, str(miniature.folder / _ROOTS[archive]), name):
        prepare(data_dir)


def test_older_beats_in_a_folder(miniature, data_dir):
    miniature.extract(_OLDER)
    assert prepare(data_dir, "full_v1.1").info.splits["train"].num_examples == 12


def test_newest_beats_in_the_folder_of_older_ones(miniature, data_dir):
    for name, content in miniature.files[_BEATS].items():
        miniature.files[_OLDER][name.replace(_COMMIT, "1.1")] = content
    miniature.extract(_OLDER)
    problem = "(written as in another version of the annotations)"
    with refused(data_dir, _ROOTS[_OLDER], ".beats: altered: its md5", problem):
        prepare(data_dir, "full_v1.1")


def test_older_beats_that_are_cut_in_a_folder(miniature, data_dir):
    miniature.extract(_OLDER)
    path = miniature.path(_OLDER, _TEXT)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    with refused(data_dir, _TEXT, "altered: its md5"):
        prepare(data_dir, "full_v1.1")


# ---------------------------------------------------------------------------------------- in part


class Part:
    """A manual_dir with a part of the published corpus, whose facts are the miniature's."""

    def __init__(self, miniature: Miniature, monkeypatch):
        tampering.use_facts(monkeypatch, _NAME, miniature.folder)
        miniature.extract(_AUDIO, _TEMPO, _BEATS)
        self.miniature = miniature

    def prepare(self, data_dir: pathlib.Path, config: str = "full"):
        manual_dir = self.miniature.folder
        return prepare(data_dir, config, manual_dir, miniature=False, partial=True)


@pytest.fixture
def part(miniature, monkeypatch) -> Part:
    return Part(miniature, monkeypatch)


def test_part_counts_what_is_missing(part, miniature, data_dir):
    shutil.rmtree(miniature.path(_AUDIO, "Tango"))
    miniature.path(_AUDIO, "Samba/Albums-Made_Up-02.wav").unlink()  # A replica.
    miniature.path(_BEATS, "Media-900001.beats").unlink()
    miniature.path(_TEMPO, _BPM).unlink()
    builder = part.prepare(data_dir)
    assert builder.info.metadata["missing"] == {"train": 4}
    found = {e["track_id"].decode() for e in tfds.as_numpy(builder.as_dataset(split="train"))}
    assert len(found) == 8
    gone = {"Media-900006", "Albums-Made_Up-02", "Media-900001", "Media-900008"}
    assert not found & gone
    builder = part.prepare(data_dir, "dedup")
    missing = builder.info.metadata["missing"]
    assert missing == {f"fold{i}": {1: 2, 7: 1}.get(i, 0) for i in range(8)}


def test_part_is_still_held_against_the_digests(part, miniature, data_dir):
    miniature.path(_AUDIO, _WAV).write_bytes(recording())
    with refused(data_dir, _WAV, "altered"):
        part.prepare(data_dir)


def test_part_of_nothing(part, miniature, data_dir):
    for genre in miniature.path(_AUDIO, "").iterdir():
        shutil.rmtree(genre) if genre.is_dir() else genre.unlink()
    with refused(data_dir, "not a single example"):
        part.prepare(data_dir)


def test_validate_tells_altered_and_missing_files_of_folders(part, miniature):
    def findings(config):
        builder = tfds.builder(f"{_NAME}/{config}", data_dir=miniature.folder, partial=True)
        found = validation.validate(builder, manual_dir=str(miniature.folder))
        return {finding.subject: finding.problem for finding in found if not finding.absent}

    roots = [str(miniature.folder / _ROOTS[archive]) for archive in (_AUDIO, _TEMPO, _BEATS)]
    expected = {f"{root} (12 files)": "" for root in roots}
    for root, other in ((roots[0], "allBallroomFiles"), (roots[2], "README.md")):
        expected[root] = f"no digest is known of {other}"
    assert findings("full") == expected
    path = miniature.path(_BEATS, _TEXT)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    path.write_bytes(b"0.5 1\n1.0 2\n")
    miniature.path(_TEMPO, _BPM).unlink()
    other = hashlib.md5(path.read_bytes()).hexdigest()
    del expected[f"{roots[1]} (12 files)"], expected[f"{roots[2]} (12 files)"]
    assert findings("full") == expected | {
        str(miniature.path(_TEMPO, _BPM)): "missing",
        str(path): f"altered: its md5 is {other}, not {md5}",
    }
    miniature.extract(_OLDER)
    folder = miniature.folder / _ROOTS[_OLDER]
    assert findings("full_v1.1")[f"{folder} (12 files)"] == ""
    miniature.extract(_FIRST)
    folder = miniature.folder / _ROOTS[_FIRST]
    assert findings("full_ismir2013")[str(folder)] == "no digests of its files are known"
