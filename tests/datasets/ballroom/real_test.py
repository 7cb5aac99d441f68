"""Ballroom: every beat of all published files of beats, and the recording at hand.

Independent readers are mirdata, mir_eval and the standard library's `wave`. The recordings are not at
hand but for one, so generated ones of the published names stand in for them; the annotations are the
real ones, all 698.
"""

from __future__ import annotations

import collections
import csv
import functools
import hashlib
import json
import pathlib
import re
import shutil
import tarfile
import wave
import zipfile

import numpy as np
import preparing
import pytest
import soundfile
import tensorflow_datasets as tfds
import wav_writer
from scipy.io import wavfile

from tfds_extra import cli, core, registry
from tfds_extra.formats import beats

_COMMIT = "1db08914a8ae15edb01f104046e30bad88effe67"
_NEWEST = f"BallroomAnnotations-{_COMMIT}.zip"
_OLDER = "BallroomAnnotations-1.1.tar.gz"
_GROUND_TRUTH = "BallroomAnnotations/ballroomGroundTruth"
# Facts of the corpus's sheet: beats, downbeats; number of files, sum of the nominal tempos.
_TOTALS = {"newest": (44_605, 12_222), "v1.1": (44_604, 12_222)}
_GENRES = {
    "ChaChaCha": 111, "Jive": 60, "Quickstep": 82, "Rumba-American": 7, "Rumba-International": 51,
    "Rumba-Misc": 40, "Samba": 86, "Tango": 86, "VienneseWaltz": 65, "Waltz": 110,
}  # fmt: skip
_DEDUP = {
    "ChaChaCha": 107, "Jive": 60, "Quickstep": 81, "Rumba": 95, "Samba": 83, "Tango": 86,
    "VienneseWaltz": 65, "Waltz": 108,
}  # fmt: skip
_BARS_NOT_COUNTED = {  # Files of v1.1 whose bars are not the running count of downbeats.
    "Albums-Chrisanne1-04", "Albums-Chrisanne1-12", "Albums-Chrisanne2-06", "Albums-Chrisanne3-15",
    "Albums-StrictlyDancing_Tango-03", "Media-103801", "Media-104502", "Media-104807",
    "Media-105904",
}  # fmt: skip
_FAR_OFF = {  # Nominal tempo more than 8% off the beats.
    "Albums-AnaBelen_Veneo-02", "Albums-Latino_Latino-03", "Albums-Step_By_Step-15",
    "Albums-Step_By_Step-16", "Albums-Step_By_Step-17", "Albums-Step_By_Step-18", "Albums-Fire-03",
    "Albums-Fire-09", "Albums-GloriaEstefan_MiTierra-06", "Albums-GloriaEstefan_MiTierra-08",
    "Albums-GloriaEstefan_MiTierra-11", "Albums-Secret_Garden-02", "Media-103417", "Media-105209",
    "Media-105210", "Media-105211", "Media-105213",
}  # fmt: skip


@pytest.fixture(scope="module")
def files(real) -> dict[str, dict[str, bytes]]:
    """Content of the files of beats by version and track_id."""
    with zipfile.ZipFile(real / "archives" / _NEWEST) as archive:
        newest = {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(real / "archives" / _OLDER) as archive:
        older = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}
    return {
        version: {
            pathlib.PurePosixPath(name).stem: content
            for name, content in members.items()
            if name.endswith(".beats")
        }
        for version, members in (("newest", newest), ("v1.1", older))
    }


@pytest.fixture(scope="module")
def index(real) -> dict[str, dict[str, list[str]]]:
    """mirdata's index: path and md5 of the files of each track."""
    path = real / "ballroom_index" / "ballroom_full_index_1.0.json"
    return json.loads(path.read_text())["tracks"]


@pytest.fixture(scope="module")
def folds(real) -> dict[str, int]:
    return {
        k: int(v) for k, v in _published_split(real / "splits/ballroom_8-fold_cv_dancestyle.folds")
    }


@pytest.fixture(scope="module")
def single(real) -> dict[str, str]:
    return dict(_published_split(real / "splits/beat_this_ballroom_single.split"))


def _published_split(path: pathlib.Path) -> list[list[str]]:
    lines = path.read_text().splitlines()
    return [line.removeprefix("ballroom_").split("\t") for line in lines]


@functools.cache
def sound(track_id: str) -> np.ndarray:
    """Samples that stand for those of a recording, other ones and another number for each."""
    digest = hashlib.sha512(track_id.encode()).digest()
    return np.frombuffer(digest * (1 + digest[0]), "<i2")


@pytest.fixture(scope="module")
def manual_dir(real, index, tmp_path_factory) -> pathlib.Path:
    """All 698 excerpts: generated recordings, the real tempos, and the real archives of beats."""
    folder = tmp_path_factory.mktemp("manual")
    for track in index.values():
        path = folder / "BallroomData" / track["audio"][0].removeprefix("B_1.0/audio/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav_writer.encode(sound(path.stem), 44_100))
    (folder / "BallroomData" / "allBallroomFiles").write_text("./ChaChaCha/...\n")
    shutil.copytree(real / "annotations" / _GROUND_TRUTH, folder / _GROUND_TRUTH)
    for name in (_NEWEST, _OLDER):
        shutil.copy(real / "archives" / name, folder)
    return folder


@pytest.fixture
def generated_digests():
    """The builder's table vouches for the generated recordings instead of the published ones."""
    cls = registry.builder_cls("ballroom")
    published = cls.read_facts

    def read_facts(self, file_name):
        rows = published(self, file_name)
        for row in rows:
            if "wav_md5" in row:
                content = wav_writer.encode(sound(row["track_id"]), 44_100)
                row["wav_md5"] = hashlib.md5(content).hexdigest()
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cls, "read_facts", read_facts)
        yield


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("data")


def prepared(config: str, data_dir: pathlib.Path, manual_dir: pathlib.Path, **kwargs):
    return preparing.prepared(f"ballroom/{config}", data_dir, manual_dir, **kwargs)


examples = functools.partial(preparing.examples, name="track_id")


def by_hand(content: bytes) -> list[tuple[float, int, int]]:
    """Time, bar and position of each line, without the parser that is tested; bar 0 if not given."""
    rows = []
    for line in content.decode("ascii").splitlines():
        time, place = line.split()
        bar, _, position = place.rpartition(".")
        rows.append((float(time), int(bar or 0), int(position)))
    return rows


# ------------------------------------------------------------------------------------- the parser


@pytest.mark.parametrize("version", ["newest", "v1.1"])
def test_every_file_of_beats(files, version):
    assert len(files[version]) == 698
    total = downbeats = 0
    for track_id, content in files[version].items():
        parsed = beats.parse(content)
        rows = by_hand(content)
        assert parsed.times.tolist() == [time for time, _, _ in rows], track_id
        assert parsed.positions.tolist() == [position for _, _, position in rows], track_id
        count = np.cumsum(parsed.positions == 1).tolist()
        if version == "newest":
            assert parsed.bars.tolist() == count
        else:
            assert parsed.bars.tolist() == [bar for _, bar, _ in rows]
            assert (parsed.bars.tolist() != count) == (track_id in _BARS_NOT_COUNTED)
        # Written out again, each beat is the published line.
        for line, time, bar, position in zip(
            content.split(b"\n"), parsed.times, parsed.bars, parsed.positions
        ):
            text, separator, _ = re.split(rb"([ \t])", line)
            place = position if version == "newest" else f"{bar}.{position}"
            decimals = len(text.split(b".")[1])
            assert f"{time:.{decimals}f}{separator.decode()}{place}".encode() == line
        total += len(parsed.times)
        downbeats += parsed.is_downbeat.sum()
        assert 13 <= len(parsed.times) <= 107
    assert (total, downbeats) == _TOTALS[version]


def test_the_one_file_that_is_formatted_differently(files):
    tabs = [track_id for track_id, content in files["newest"].items() if b"\t" in content]
    assert tabs == ["Media-103801"]
    parsed = beats.parse(files["newest"]["Media-103801"])
    assert len(parsed.times) == 60
    assert parsed.times[:3].tolist() == [1.116938775, 1.556938775, 2.076938775]
    assert parsed.positions[:5].tolist() == [1, 2, 3, 4, 1]


@pytest.mark.parametrize("version", ["newest", "v1.1"])
def test_beats_against_mir_eval(files, version, tmp_path):
    mir_eval_io = pytest.importorskip("mir_eval.io")
    path = tmp_path / "beats"
    for content in files[version].values():
        path.write_bytes(content)
        times, labels = mir_eval_io.load_labeled_events(str(path))
        parsed = beats.parse(content)
        np.testing.assert_array_equal(parsed.times, times)
        if version == "newest":
            assert parsed.positions.tolist() == [int(label) for label in labels]
        else:
            places = zip(parsed.bars, parsed.positions)
            assert [f"{bar}.{position}" for bar, position in places] == labels


def test_extracted_files_are_those_of_the_archive(files, real):
    folder = real / "annotations" / "BallroomAnnotations-master"
    assert {p.stem: p.read_bytes() for p in folder.glob("*.beats")} == files["newest"]


# ------------------------------------------------------------------------------------ the builder


@pytest.mark.parametrize("config, version", [("full", "newest"), ("full_v1.1", "v1.1")])
def test_all_excerpts(
    config, version, files, index, manual_dir, data_dir, generated_digests, folds, single
):
    found = examples(builder := prepared(config, data_dir, manual_dir, num_workers=1))
    assert sorted(found) == sorted(index)
    assert builder.info.metadata["variant"] == "complete"
    names = {k: f.names for k, f in builder.info.features.items() if hasattr(f, "names")}
    total = downbeats = bpm = 0
    for track_id, example in found.items():
        np.testing.assert_array_equal(example["audio"], sound(track_id))
        rows = by_hand(files[version][track_id])
        times = np.array([time for time, _, _ in rows])
        positions = np.array([position for _, _, position in rows])
        assert example["beats"]["time"].dtype == np.float64
        assert example["beats"]["time"].tobytes() == times.tobytes()
        np.testing.assert_array_equal(example["beats"]["position"], positions)
        np.testing.assert_array_equal(example["beats"]["is_downbeat"], positions == 1)
        if version == "v1.1":
            np.testing.assert_array_equal(example["beats"]["bar"], [bar for _, bar, _ in rows])
        else:
            np.testing.assert_array_equal(example["beats"]["bar"], np.cumsum(positions == 1))
        intervals = sorted(b - a for a, b in zip(times, times[1:]))
        middle = (intervals[(len(intervals) - 1) // 2] + intervals[len(intervals) // 2]) / 2
        assert example["tempo_from_beats"] == np.float32(60 / middle)
        assert example["beats_per_bar"] == positions.max()
        genre = names["genre"][example["genre"]]
        assert index[track_id]["audio"][0] == f"B_1.0/audio/{genre}/{track_id}.wav"
        assert example["beats_per_bar"] == (3 if "Waltz" in genre else 4)
        assert names["dance"][example["dance"]] == ("Rumba" if "Rumba" in genre else genre)
        published = (manual_dir / _GROUND_TRUTH / f"{track_id}.bpm").read_text()
        assert published == f"{example['tempo']:.0f}\n"
        assert hashlib.md5(published.encode()).hexdigest() == index[track_id]["tempo"][1]
        assert example["fold"] == folds.get(track_id, -1)
        split = {"train": 0, "val": 1}[single[track_id]] if track_id in single else -1
        assert example["single_split"] == split
        source, *album = track_id.split("-")
        if source == "Albums":
            assert example["album"].decode() == "-".join(album[:-1])
            assert example["track_number"] == int(album[-1])
        else:
            assert (example["album"], example["track_number"]) == (b"", -1)
        assert names["source"][example["source"]] == {"Albums": "album", "Media": "media"}[source]
        total, downbeats, bpm = (
            total + len(times),
            downbeats + (positions == 1).sum(),
            bpm + float(published),
        )
    assert (total, downbeats, bpm) == (*_TOTALS[version], 90_841)
    genres = collections.Counter(names["genre"][e["genre"]] for e in found.values())
    assert genres == _GENRES
    assert len({e["album"] for e in found.values()} - {b""}) == 23
    assert sum(e["source"] == 0 for e in found.values()) == 244


def test_odd_tempos_and_bars(manual_dir, data_dir, generated_digests):
    """What the README says of odd files."""
    found = examples(prepared("full", data_dir, manual_dir, num_workers=1))
    far_off = {
        track_id
        for track_id, e in found.items()
        if abs(e["tempo"] / e["tempo_from_beats"] - 1) > 0.08
    }
    assert far_off == _FAR_OFF
    fire = [found[f"Albums-Fire-0{i}"] for i in (8, 9)]
    assert [e["tempo"] for e in fire] == [124, 104]
    assert [round(float(e["tempo_from_beats"])) for e in fire] == [124, 124]
    broken = []
    for track_id, e in found.items():
        position, n = e["beats"]["position"], e["beats_per_bar"]
        if not np.array_equal(position[1:], position[:-1] % n + 1):
            broken.append(track_id)
    assert broken == ["Media-103905"]


def test_replicas_are_those_of_the_publisher(real, manual_dir, data_dir, generated_digests, folds):
    readme = (real / "annotations/BallroomAnnotations-master/README.md").read_text()
    expected = {}
    for kind, text in re.findall(r"### (\w+) replicas\n(.*?)\n(?=###|\n\n)", readme, re.DOTALL):
        for first, second in re.findall(r"/(\S+)\.wav matches \S+/(\S+)\.wav", text):
            expected[second] = first, kind.lower()
    assert len(expected) == 13
    builder = prepared("full", data_dir, manual_dir, num_workers=1)
    kinds = builder.info.features["replica_kind"].names
    found = examples(builder)
    assert expected == {
        track_id: (e["replica_of"].decode(), kinds[e["replica_kind"]])
        for track_id, e in found.items()
        if e["is_replica"]
    }
    assert collections.Counter(kind for _, kind in expected.values()) == {
        "exact": 4,
        "recording": 9,
    }
    assert set(found) - set(expected) == set(folds)
    groups = collections.Counter(e["canonical_id"] for e in found.values())
    assert collections.Counter(groups.values()) == {1: 672, 2: 13}


def test_published_folds(manual_dir, data_dir, generated_digests, folds):
    builder = prepared("dedup", data_dir, manual_dir, num_workers=1)
    sizes = {s: i.num_examples for s, i in builder.info.splits.items()}
    assert sizes == {f"fold{i}": 86 if i < 5 else 85 for i in range(8)}
    found = examples(builder)
    assert {k: e["split"] for k, e in found.items()} == {k: f"fold{v}" for k, v in folds.items()}
    dances = builder.info.features["dance"].names
    assert collections.Counter(dances[e["dance"]] for e in found.values()) == _DEDUP


def test_published_single_split(manual_dir, data_dir, generated_digests, single):
    builder = prepared("beat_this", data_dir, manual_dir, num_workers=1)
    sizes = {s: i.num_examples for s, i in builder.info.splits.items()}
    assert sizes == {"train": 582, "validation": 103}
    names = {"train": "train", "val": "validation"}
    assert {k: e["split"] for k, e in examples(builder).items()} == {
        k: names[v] for k, v in single.items()
    }


def test_same_as_mirdata(real, index, manual_dir, data_dir, generated_digests, tmp_path):
    """Beats and tempo of every track, as mirdata reads them from its own layout."""
    mirdata_ballroom = pytest.importorskip("mirdata.datasets.ballroom")
    found = examples(builder := prepared("full", data_dir, manual_dir, num_workers=1))
    annotations = tmp_path / "B_1.0" / "annotations"
    annotations.mkdir(parents=True)
    (annotations / "beats").symlink_to(real / "annotations" / "BallroomAnnotations-master")
    (annotations / "tempo").symlink_to(real / "annotations" / _GROUND_TRUTH)
    compared = 0
    for track_id, entry in index.items():
        track = mirdata_ballroom.Track(
            track_id, str(tmp_path), "ballroom", {"tracks": {track_id: entry}}, lambda: {}
        )
        ours = found[track_id]
        np.testing.assert_array_equal(ours["beats"]["time"], track.beats.times)
        np.testing.assert_array_equal(ours["beats"]["position"], track.beats.positions)
        assert ours["tempo"] == track.tempo
        compared += len(track.beats.times)
    assert compared == 44_605
    assert builder.info.splits["train"].num_examples == 698


# --------------------------------------------------------------------------------------- in part


@pytest.fixture(scope="module")
def part(real, manual_dir, tmp_path_factory) -> pathlib.Path:
    """The one published recording at hand, and all annotations."""
    folder = tmp_path_factory.mktemp("part")
    for path in manual_dir.iterdir():
        if path.name != "BallroomData":
            (folder / path.name).symlink_to(path)
    (folder / "BallroomData").symlink_to(real / "BallroomData")
    return folder


def test_published_recording(real, part, tmp_path):
    flags = ["--partial", f"--data_dir={tmp_path}"]
    assert cli.main(["build", "ballroom", *flags, f"--manual_dir={part}"]) == 0
    builder = tfds.builder("ballroom", data_dir=tmp_path, partial=True)
    found = examples(builder)
    assert list(found) == ["Media-105901"]
    path = real / "BallroomData" / "Waltz" / "Media-105901.wav"
    rate, samples = wavfile.read(path)
    with wave.open(str(path)) as reader:
        assert reader.getparams()[:4] == (1, 2, 44_100, 1_401_848)
        payload = reader.readframes(reader.getnframes())
    audio = found["Media-105901"]["audio"]
    assert rate == builder.info.features["audio"].sample_rate
    np.testing.assert_array_equal(audio, samples)
    assert audio.dtype == np.int16 and audio.astype("<i2").tobytes() == payload
    np.testing.assert_array_equal(audio, soundfile.read(path, dtype="int16")[0])
    assert found["Media-105901"]["tempo"] == 84
    assert builder.info.metadata["missing"] == {"train": 697}
    assert "PARTIAL" in builder.info.description
    assert not tfds.builder("ballroom", data_dir=tmp_path).is_prepared()
    picture = tmp_path / "picture.png"
    assert cli.main(["show", "ballroom", *flags, f"--output={picture}"]) == 0
    assert picture.stat().st_size > 10_000


def test_validate_checks_the_files_of_a_folder(part, tmp_path, capsys):
    arguments = ["ballroom/full", "--partial", f"--data_dir={tmp_path}", f"--manual_dir={part}"]
    assert cli.main(["validate", *arguments]) == 1  # 697 recordings are missing.
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.endswith(".wav: missing") for line in lines) == 697
    assert any(line.startswith("  ok") and _NEWEST in line for line in lines)
    assert any(line.endswith(f"{_GROUND_TRUTH} (698 files)") for line in lines)
    assert not any("altered" in line for line in lines)


def test_a_part_is_refused_unless_asked_for(part, tmp_path):
    with pytest.raises(core.CorpusError, match="published files are missing.*partial"):
        prepared("full", tmp_path, part)
    assert not list(tmp_path.rglob("dataset_info.json"))


# ------------------------------------------------------------------------------------- the facts


def test_facts_agree_with_mirdata_and_the_sheet(shared, index, files):
    """Digest of every file."""
    with open(shared / "corpora" / "ballroom.members.tsv", encoding="utf-8") as table:
        sheet = {row["id"]: row for row in csv.DictReader(table, delimiter="\t")}
    builder = registry.builder_cls("ballroom")()
    digests = {file: builder.member_digests(file, None) for file in ("audio", "tempo", "beats")}
    assert {len(of_file) for of_file in digests.values()} == {698}
    for track_id, track in index.items():
        genre = sheet[track_id]["genre"]
        assert track["audio"] == [
            f"B_1.0/audio/{genre}/{track_id}.wav", digests["audio"][f"{genre}/{track_id}.wav"],
        ]  # fmt: skip
        assert track["tempo"][1] == digests["tempo"][f"{track_id}.bpm"]
        assert track["beats"][1] == digests["beats"][f"{track_id}.beats"]
        assert hashlib.md5(files["newest"][track_id]).hexdigest() == track["beats"][1]


def test_published_archives_of_beats(real):
    builders = [registry.builder_cls("ballroom")(config=c) for c in ("full", "full_v1.1")]
    for builder, name in zip(builders, (_NEWEST, _OLDER)):
        (info,) = (i for i in builder.url_infos.values() if i.filename == name)
        content = (real / "archives" / name).read_bytes()
        assert info.size == len(content)
        assert info.checksum == hashlib.sha256(content).hexdigest()
