"""UrbanSound8K: the published files at hand, against independent readers."""

from __future__ import annotations

import collections
import csv
import json
import pathlib

import numpy as np
import preparing
import pytest
import soundfile
import soxr
import tensorflow_datasets as tfds
from scipy.io import wavfile

from tfds_extra import core, registry
from tfds_extra.core import tables

# Counted in the publisher's csv (the corpus's sheet, section 1): slices, foreground, recordings.
_CLASSES = {
    "air_conditioner": (1000, 569, 64),
    "car_horn": (429, 153, 125),
    "children_playing": (1000, 588, 158),
    "dog_bark": (1000, 645, 337),
    "drilling": (1000, 902, 119),
    "engine_idling": (1000, 916, 97),
    "gun_shot": (374, 304, 117),
    "jackhammer": (1000, 731, 45),
    "siren": (929, 269, 74),
    "street_music": (1000, 625, 166),
}
_FOLDS = [873, 888, 925, 990, 936, 823, 838, 806, 816, 837]
_BY_FOLD = {
    "car_horn": [36, 42, 43, 59, 98, 28, 28, 30, 32, 33],
    "engine_idling": [96, 100, 107, 107, 107, 107, 106, 88, 89, 93],
    "gun_shot": [35, 35, 36, 38, 40, 46, 51, 30, 31, 32],
    "jackhammer": [120, 120, 120, 120, 120, 68, 76, 78, 82, 96],
    "siren": [86, 91, 119, 166, 71, 74, 77, 80, 82, 83],
}
_LEAKAGE = {
    106905: {1, 8}, 132016: {1, 4}, 176638: {1, 4}, 180937: {1, 9}, 77751: {2, 7},
}  # fmt: skip
# Decoded values that the sheet states: frames, rate, channels, peak, frame 1000.
_VALUES = {
    "71171-4-1-2": (384_000, 96_000, 2, 0.1990562677, (-0.0068552494, -0.0131641626)),
    "176783-3-0-11": (192_000, 48_000, 2, 0.1594315767, (0.0006176233, -0.0014647245)),
    "100032-3-0-0": (14_004, 44_100, 2, 0.9999694824, None),
}
_CODEC = {"PCM_16": ("pcm", 16), "PCM_24": ("pcm", 24), "FLOAT": ("float", 32)}


@pytest.fixture(scope="module")
def rows(real) -> dict[str, dict[str, str]]:
    """The publisher's csv by name of the slice."""
    with (real / "UrbanSound8K" / "metadata" / "UrbanSound8K.csv").open(encoding="ascii") as lines:
        return {row["slice_file_name"]: row for row in csv.DictReader(lines)}


@pytest.fixture(scope="module")
def prepared(real, tmp_path_factory):
    """Builders of the part that is at hand, by config."""
    builders = {}

    def prepare(config: str):
        if config not in builders:
            name, data_dir = f"urban_sound_8k/{config}", tmp_path_factory.mktemp("data")
            builders[config] = preparing.prepared(name, data_dir, real, partial=True)
        return builders[config]

    return prepare


def examples(builder, **kwargs) -> dict[str, dict]:
    """All examples by name of the slice, with the split under "split"."""
    found = preparing.examples(builder, "slice_file_name", **kwargs)
    return {name.removesuffix(".wav"): example for name, example in found.items()}


def paths(real: pathlib.Path) -> dict[str, pathlib.Path]:
    return {path.stem: path for path in (real / "UrbanSound8K" / "audio").glob("fold*/*.wav")}


def test_every_slice_against_soundfile_and_the_csv(real, rows, prepared):
    builder = prepared("folds")
    found = examples(builder)
    undecoded = examples(builder, decoders={"audio": tfds.decode.SkipDecoding()})
    assert sorted(found) == sorted(paths(real)) and len(found) == 18
    for name, path in paths(real).items():
        example, row = found[name], rows[f"{name}.wav"]
        assert undecoded[name]["audio"] == path.read_bytes()
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        np.testing.assert_array_equal(example["audio"], samples)
        info = soundfile.info(path)
        assert (example["sample_rate"], example["channels"]) == (rate, info.channels)
        assert example["num_frames"] == info.frames == len(samples)
        codec = builder.info.features["codec"].int2str(example["codec"])
        assert (codec, example["bits_per_sample"]) == _CODEC[info.subtype]
        assert example["duration"] == np.float32(info.frames / rate)
        assert example["split"] == path.parent.name == f"fold{row['fold']}"
        assert (example["start"], example["end"]) == (float(row["start"]), float(row["end"]))
        assert example["start"].dtype == np.float64
        assert builder.info.features["label"].int2str(example["label"]) == row["class"]
        assert example["label"] == int(row["classID"])
        assert example["salience"] == int(row["salience"]) - 1
        assert example["fold"] == int(row["fold"])
        recording, label, occurrence, slice_ = map(int, name.split("-"))
        assert example["freesound_id"] == recording == int(row["fsID"])
        assert (example["occurrence_id"], example["slice_id"]) == (occurrence, slice_)
        assert example["occurrence_start"] == float(row["start"]) - slice_ / 2
        assert example["group_spans_folds"] == (recording in _LEAKAGE)
        credit = f"{recording} by {example['freesound_user'].decode()}\n"
        assert credit in (real / "UrbanSound8K" / "FREESOUNDCREDITS.txt").read_text("utf-8")


def test_values_of_the_sheet(prepared):
    found = examples(prepared("folds"))
    for name, (frames, rate, channels, peak, at_1000) in _VALUES.items():
        audio = found[name]["audio"]
        assert audio.shape == (frames, channels) and found[name]["sample_rate"] == rate
        assert np.abs(audio).max() == pytest.approx(peak, abs=1e-9)
        if at_1000:
            assert audio[1000].tolist() == pytest.approx(at_1000, abs=1e-9)


def test_every_slice_against_scipy(real, prepared):
    """A reader that shares no code with libsndfile."""
    for name, example in examples(prepared("folds")).items():
        rate, samples = wavfile.read(paths(real)[name])
        scale = 1 if samples.dtype.kind == "f" else 2.0 ** (8 * samples.itemsize - 1)
        expected = (samples / scale).reshape(len(samples), -1)
        np.testing.assert_array_equal(example["audio"], expected.astype(np.float32))
        assert example["sample_rate"] == rate


def test_every_slice_against_soundata(real, prepared):
    """The loader of the publisher's group, offline, with its index."""
    soundata = pytest.importorskip("soundata", reason="soundata is not installed")
    dataset = soundata.initialize("urbansound8k", data_home=str(real / "UrbanSound8K"))
    index = json.loads((real / "index" / "urbansound8k_index_1.0.json").read_text())
    dataset.__dict__["_index"] = index  # Else it would be downloaded.
    found, at_common_rate = examples(prepared("folds")), examples(prepared("folds_mono_44k"))
    for name, example in found.items():
        clip = dataset.clip(name)
        assert (clip.fold, clip.class_id, clip.salience) == (
            example["fold"], example["label"], example["salience"] + 1,
        )  # fmt: skip
        assert clip.class_label == prepared("folds").info.features["label"].int2str(
            example["label"]
        )
        assert (clip.slice_file_name, clip.freesound_id) == (
            f"{name}.wav",
            str(example["freesound_id"]),
        )
        assert (clip.freesound_start_time, clip.freesound_end_time) == (example["start"], example["end"])  # fmt: skip
        # It gives one channel at 44,100 Hz, and nothing else.
        mono, rate = clip.audio
        ours = at_common_rate[name]["audio"]
        assert rate == 44_100
        np.testing.assert_allclose(ours / 32768, mono[: len(ours)].clip(-1, 1), atol=2 / 32768)


@pytest.mark.parametrize("suffix, rate", [("22k", 22_050), ("44k", 44_100)])
def test_common_rate_against_soxr_and_librosa(real, prepared, suffix, rate):
    found = examples(prepared(f"challenge_mono_{suffix}"))
    native = examples(prepared("folds"))
    assert len(found) == 18
    for name, example in found.items():
        samples, published_rate = soundfile.read(paths(real)[name], always_2d=True)
        mono = soxr.resample(samples.mean(axis=1), published_rate, rate, quality="HQ")
        expected = np.clip(np.rint(mono * 32768), -32768, 32767)
        assert example["audio"].dtype == np.int16
        np.testing.assert_array_equal(example["audio"], expected)
        assert example["split"] == ("train" if example["fold"] <= 6 else "test")
        assert example["source_sample_rate"] == native[name]["sample_rate"]
        try:
            import librosa
        except ImportError:
            continue
        theirs, _ = librosa.load(paths(real)[name], sr=rate, mono=True)
        np.testing.assert_allclose(
            example["audio"] / 32768, theirs[: len(example["audio"])].clip(-1, 1), atol=2 / 32768
        )


def test_a_part_is_refused_unless_asked_for(real, tmp_path):
    with pytest.raises(core.CorpusError, match="published files are missing.*partial"):
        preparing.prepared("urban_sound_8k", tmp_path, real)
    assert not list(tmp_path.rglob("dataset_info.json"))


def test_missing_slices_are_counted(prepared):
    builder = prepared("challenge_mono_22k")
    counts = {split: info.num_examples for split, info in builder.info.splits.items()}
    assert counts == {"train": 12, "test": 6}
    assert builder.info.metadata["missing"] == {"train": 5435 - 12, "test": 3297 - 6}


# ------------------------------------------------------------------------------------ the facts


def test_counts_of_the_sheet(rows):
    by_class, by_fold = collections.Counter(), collections.Counter()
    foreground, recordings = collections.Counter(), collections.defaultdict(set)
    for row in rows.values():
        by_class[row["class"]] += 1
        by_fold[row["class"], int(row["fold"])] += 1
        foreground[row["class"]] += row["salience"] == "1"
        recordings[row["class"]].add(row["fsID"])
    assert {c: (by_class[c], foreground[c], len(recordings[c])) for c in by_class} == _CLASSES
    for name in _CLASSES:
        expected = _BY_FOLD.get(name, [100] * 10)
        assert [by_fold[name, fold] for fold in range(1, 11)] == expected
    assert sum(foreground.values()) == 5702 and len(rows) == 8732


def test_tables_agree_with_the_csv_and_the_sheet(shared, real, rows):
    builder = registry.builder_cls("urban_sound_8k")()
    members = {row["file"]: row for row in builder.read_facts("members.tsv")}
    with open(shared / "corpora" / "urban_sound_8k.members.tsv", encoding="utf-8") as table:
        sheet = {row["path"]: row for row in csv.DictReader(table, delimiter="\t")}
    assert {f"UrbanSound8K/{file}" for file in members} == set(sheet) and len(members) == 8735
    for file, member in members.items():
        published = sheet[f"UrbanSound8K/{file}"]
        assert (member["bytes"], member["sha256"]) == (published["bytes"], published["sha256"])
    for name, row in rows.items():
        member = members[f"audio/fold{row['fold']}/{name}"]
        assert [member[k] for k in ("start", "end", "salience")] == [
            row[k] for k in ("start", "end", "salience")
        ]
        assert name.split("-")[:2] == [row["fsID"], row["classID"]]
    text_files = {file for file, member in members.items() if not member["start"]}
    assert text_files == {
        "metadata/UrbanSound8K.csv", "FREESOUNDCREDITS.txt", "UrbanSound8K_README.txt",
    }  # fmt: skip
    folds = [sum(f"/fold{n}/" in file for file in members) for n in range(1, 11)]
    assert folds == _FOLDS == list(builder.expected_counts.values())
    challenge = registry.builder_cls("urban_sound_8k")(config="challenge").expected_counts
    assert challenge == {"train": sum(folds[:6]), "test": sum(folds[6:])}


def test_credits_agree_with_the_published_file(real, rows):
    builder = registry.builder_cls("urban_sound_8k")()
    users = {row["freesound_id"]: row["user"] for row in builder.read_facts("credits.tsv")}
    lines = (real / "UrbanSound8K" / "FREESOUNDCREDITS.txt").read_text("utf-8").splitlines()[7:]
    assert len(lines) == 1302
    assert {f"{recording} by {user}" for recording, user in users.items()} == set(lines)
    assert set(users) == {row["fsID"] for row in rows.values()} and len(users) == 1297


def test_leakage_and_occurrences(rows):
    """What the README and the features' docs say of the recordings and their slices."""
    folds = collections.defaultdict(set)
    onsets = collections.defaultdict(list)
    for name, row in rows.items():
        recording, label, occurrence, slice_ = name.removesuffix(".wav").split("-")
        folds[int(recording)].add(int(row["fold"]))
        onsets[recording, label, occurrence].append(float(row["start"]) - int(slice_) / 2)
    assert {recording: f for recording, f in folds.items() if len(f) > 1} == _LEAKAGE
    assert len(onsets) == 2642 and sum(len(found) > 1 for found in onsets.values()) == 995
    assert all(max(found) - min(found) < 1e-5 for found in onsets.values())


def test_index_of_soundata_agrees(shared, real):
    index = json.loads((real / "index" / "urbansound8k_index_1.0.json").read_text())["clips"]
    with open(shared / "corpora" / "urban_sound_8k.members.tsv", encoding="utf-8") as table:
        sheet = {row["path"]: row["md5"] for row in csv.DictReader(table, delimiter="\t")}
    builder = registry.builder_cls("urban_sound_8k")()
    slices = {f for f in builder.member_digests("corpus", None) if f.startswith("audio/")}
    assert {clip["audio"][0] for clip in index.values()} == slices
    assert all(
        sheet[f"UrbanSound8K/{path}"] == md5 for path, md5 in (c["audio"] for c in index.values())
    )


def test_facts_are_read_without_the_builder():
    folder = pathlib.Path(registry.__file__).parent / "datasets" / "urban_sound_8k"
    total = sum(int(row["bytes"]) for row in tables.read_tsv(folder / "members.tsv"))
    assert total == 7_088_643_558 + 494_104 + 26_155 + 4_932
