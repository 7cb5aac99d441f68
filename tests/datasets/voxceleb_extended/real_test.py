"""VoxCeleb: the published files at hand, against independent readers."""

from __future__ import annotations

import collections
import csv
import gzip
import hashlib
import io
import pathlib
import shutil
import wave
import zipfile

import miniaudio
import numpy as np
import pandas as pd
import preparing
import pytest
import soundfile
import tampering
import tensorflow_datasets as tfds

from tfds_extra import core, registry, show
from tfds_extra.core import digests
from tfds_extra.datasets.voxceleb_extended import features, sources, verification
from tfds_extra.formats import voxceleb

_NAME = "voxceleb_extended"
_WITHOUT_AUDIO = {"id04170", "id05348"}


def durations(real: pathlib.Path, name: str) -> dict[str, float]:
    """Seconds of each file by its id, from somebody else's list of all files."""
    with gzip.open(real / "durations" / f"{name}_duration.txt.gz", "rt") as lines:
        return {one: float(seconds) for one, seconds in map(str.split, lines)}


@pytest.fixture(scope="module")
def vox1_durations(real) -> dict[str, float]:
    return durations(real, "vox1_dev") | durations(real, "vox1_tst")


@pytest.fixture(scope="module")
def vox1_meta(real) -> pd.DataFrame:
    """The table of VoxCeleb1's speakers, as pandas reads it."""
    return pd.read_csv(
        real / "meta" / "vox1_meta.csv", sep="\t", index_col=0, keep_default_na=False
    )


def clips(real: pathlib.Path) -> dict[str, pathlib.Path]:
    return {
        path.relative_to(path.parents[2]).as_posix().removesuffix(".wav"): path
        for path in real.glob("vox1_*_wav/wav/*/*/*.wav")
    }


def lists(real: pathlib.Path, folder: pathlib.Path, *names: str) -> pathlib.Path:
    """A manual_dir with some of the lists."""
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(real / "meta" / name, folder / pathlib.Path(name).name)
    return folder


# ----------------------------------------------------------------------------------- utterances


def test_every_utterance(real, tmp_path, vox1_meta, vox1_durations):
    folder = lists(real, tmp_path / "manual", "vox1_meta.csv")
    for part in ("vox1_dev_wav", "vox1_test_wav"):
        (folder / part).symlink_to(real / part)
    for config in ("vox1", "vox1_pcm"):
        builder = preparing.prepared(f"{_NAME}/{config}", tmp_path, folder, partial=True)
        found = preparing.examples(builder, "id")
        assert sorted(found) == sorted(clips(real)) and len(found) >= 3
        for one, path in clips(real).items():
            _check_utterance(builder, found[one], path, vox1_meta, vox1_durations)
        counts = collections.Counter(example["split"] for example in found.values())
        expected = {"dev": 148_642 - counts["dev"], "test": 4_874 - counts["test"]}
        assert builder.info.metadata["missing"] == expected


def _check_utterance(builder, example, path, vox1_meta, vox1_durations) -> None:
    one = example["id"].decode()
    samples, rate = soundfile.read(path, dtype="int16")
    theirs = np.frombuffer(miniaudio.wav_read_file_s16(str(path)).samples, np.int16)
    with wave.open(str(path)) as file:
        ours = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    for read in (samples, theirs, ours):
        np.testing.assert_array_equal(example["audio"], read)
    assert example["audio"].dtype == np.int16 and rate == features.SAMPLE_RATE
    assert example["num_samples"] == len(samples) and len(samples) % 640 == 1
    # The list is rounded to six decimals.
    assert round(len(samples) / rate, 6) == pytest.approx(vox1_durations[one], abs=1e-6)
    assert example["duration"] == np.float32(len(samples) / rate)
    speaker, video, index = one.split("/")
    row = vox1_meta.loc[speaker]
    assert example["speaker_id"].decode() == speaker
    assert example["speaker_name"].decode() == row["VGGFace1 ID"]
    assert features.GENDERS[example["gender"]] == row["Gender"]
    assert example["nationality"].decode() == row["Nationality"]
    assert example["split"] == features.PARTITIONS[example["partition"]] == row["Set"]
    assert builder.info.features["label"].int2str(example["label"]) == speaker
    assert example["label"] == list(vox1_meta.index).index(speaker)
    assert (example["youtube_id"].decode(), example["utterance_index"]) == (video, int(index))
    assert example["identification_split"] == -1  # iden_split.txt is not at hand.


def test_published_bytes(real, tmp_path):
    builder = preparing.prepared(f"{_NAME}/vox1", tmp_path, real, partial=True)
    decoders = {"audio": tfds.decode.SkipDecoding()}
    found = preparing.examples(builder, "id", decoders=decoders)
    assert {one: example["audio"] for one, example in found.items()} == {
        one: path.read_bytes() for one, path in clips(real).items()
    }
    # Nothing is known of the speakers: vox1_meta.csv is not where it would be looked for.
    assert {e["gender"] for e in found.values()} == {-1}
    assert {e["speaker_name"] for e in found.values()} == {b""}


@pytest.mark.parametrize("form", ["joined", "in parts"])
def test_clips_in_archives(real, tmp_path, monkeypatch, form):
    """As the publisher packs them, with iden_split.txt and counts for them alone."""
    miniature = tmp_path / "manual"
    shutil.copytree(registry.builder_cls(_NAME).miniature_dir(), miniature)
    tampering.use_miniature(monkeypatch, _NAME, miniature)
    packed = {part: io.BytesIO() for part in ("vox1_dev", "vox1_test")}
    for part, content in packed.items():
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for one, path in clips(real).items():
                if part in str(path):
                    archive.write(path, f"wav/{one}.wav")
    tampering.write_vouched(miniature, "vox1_test_wav.zip", packed["vox1_test"].getvalue())
    content = packed["vox1_dev"].getvalue()
    names = sources.PARTS["vox1_dev"].part_names
    if form == "joined":
        tampering.write_vouched(miniature, "vox1_dev_wav.zip", content)
    else:
        size = -(-len(content) // 4)
        for i, name in enumerate(names):
            tampering.write_vouched(miniature, name, content[i * size : (i + 1) * size])
    meta = (real / "meta" / "vox1_meta.csv").read_bytes()
    tampering.write_vouched(miniature, "vox1_meta.csv", meta)
    split = "".join(f"{i} {one}.wav\n" for i, one in enumerate(sorted(clips(real)), start=1))
    tampering.write_vouched(miniature, "iden_split.txt", split.encode())
    rows = "".join(f"vox1_identification\t{s}\t1\n" for s in features.SPLITS)
    (miniature / "counts.tsv").write_text(
        f"config\tsplit\texamples\n{rows}vox1\tdev\t1\nvox1\ttest\t2\n"
    )
    builder = preparing.prepared(f"{_NAME}/vox1_identification", tmp_path / "data", miniature=True)
    found = preparing.examples(builder, "id")
    assert [found[one]["split"] for one in sorted(found)] == list(features.SPLITS)
    for one, path in clips(real).items():
        np.testing.assert_array_equal(found[one]["audio"], soundfile.read(path, dtype="int16")[0])
    read_from = builder._sources["vox1_dev"]
    assert ("vox1_dev_wav.zip" in read_from) == (form == "joined")


# --------------------------------------------------------------------------------------- trials


@pytest.mark.parametrize(
    "split, trials, same, files",
    [("o", 37_720, 18_860, 4_715), ("o_cleaned", 37_611, 18_802, 4_708)],
)
def test_every_trial(real, tmp_path, vox1_meta, split, trials, same, files):
    name = sources.TRIALS[split][0]
    folder = lists(real, tmp_path / "manual", name, "vox1_meta.csv")
    builder = preparing.prepared(f"{_NAME}/vox1_trials_{split}", tmp_path, folder)
    table = pd.read_csv(real / "meta" / name, sep=" ", names=["label", "enrol", "test"])
    (read,) = builder.as_dataset(split=split, batch_size=trials)
    read = {feature: values.numpy() for feature, values in read.items()}
    assert len(read["label"]) == len(table) == trials == builder.expected_counts[split]
    np.testing.assert_array_equal(read["label"], table["label"])
    assert read["label"].sum() == same
    np.testing.assert_array_equal(read["trial_index"], np.arange(trials))
    for side in ("enrol", "test"):
        ids = read[f"{side}_id"].astype(str)
        np.testing.assert_array_equal(ids + np.array(".wav"), table[side].to_numpy(str))
        speakers = read[f"{side}_speaker_id"].astype(str)
        assert set(speakers) <= set(vox1_meta.index[vox1_meta["Set"] == "test"])
        rows = vox1_meta.loc[speakers]
        np.testing.assert_array_equal(
            np.array(features.GENDERS)[read[f"{side}_gender"]], rows["Gender"].to_numpy(str)
        )
        np.testing.assert_array_equal(
            read[f"{side}_nationality"].astype(str), rows["Nationality"].to_numpy(str)
        )
    assert len({*read["enrol_id"], *read["test_id"]}) == files
    is_same = read["enrol_speaker_id"] == read["test_speaker_id"]
    np.testing.assert_array_equal(is_same, read["label"] == 1)


def test_every_trial_is_of_files_that_there_are(real):
    test = durations(real, "vox1_tst")
    for name in ("veri_test.txt", "veri_test2.txt"):
        with (real / "meta" / name).open("rb") as file:
            for block in voxceleb.read_trials(file):
                assert {*block.enrol, *block.test} <= test.keys()


@pytest.mark.parametrize("split", ["o", "o_cleaned"])
def test_scores_of_every_trial(real, split):
    """With embeddings of all utterances of test, of which 159 are in no trial."""
    with (real / "meta" / sources.TRIALS[split][0]).open("rb") as file:
        blocks = list(voxceleb.read_trials(file))
    trials = {
        "label": np.concatenate([block.is_same for block in blocks]),
        "enrol_id": [one for block in blocks for one in block.enrol],
        "test_id": [one for block in blocks for one in block.test],
    }
    counts = registry.builder_cls(_NAME)(config=f"vox1_trials_{split}").expected_counts
    generator = np.random.default_rng(0)
    vectors = {one: generator.normal(size=192) for one in durations(real, "vox1_tst")}
    by_chance = verification.evaluate(trials, verification.cosine_scores(trials, vectors))
    assert (by_chance.trials, by_chance.targets) == (counts[split], trials["label"].sum())
    # VoxSRC 2020 states 49.975 % and 1.0 for its list.
    assert by_chance.eer == pytest.approx(0.5, abs=0.01)
    assert by_chance.min_dcf == pytest.approx(1, abs=0.01)
    of_speakers = {one[:7]: vector for one, vector in vectors.items()}
    near = {one: of_speakers[one[:7]] + 0.1 * vector for one, vector in vectors.items()}
    found = verification.evaluate(trials, verification.cosine_scores(trials, near))
    assert found.eer == found.min_dcf == found.min_dcf_001 == 0
    one = trials["test_id"][0]
    del near[one]
    with pytest.raises(ValueError, match=f"^1 of [0-9,]+ utterances have no embedding: {one}$"):
        verification.cosine_scores(trials, near)


def test_first_trial_is_of_two_clips_at_hand(real):
    with (real / "meta" / "veri_test.txt").open("rb") as file:
        first = next(voxceleb.read_trials(file))
    assert {first.enrol[0], first.test[0]} <= clips(real).keys() and first.is_same[0] == 1


# ------------------------------------------------------------------------------------- speakers

_FORMS = {
    "vox2_meta.csv": False,
    "variants/vox2_meta.crlf.csv": False,
    "variants/vox2_meta.with_names.tsv": True,
}


@pytest.mark.parametrize("form", _FORMS)
def test_every_speaker(real, tmp_path, vox1_meta, form):
    folder = lists(real, tmp_path / "manual", "vox1_meta.csv")
    shutil.copy(real / "meta" / form, folder / "vox2_meta.csv")
    builder = preparing.prepared(f"{_NAME}/speakers", tmp_path, folder)
    found = {s: list(show.read(builder, s, 9_999)) for s in ("vox1", "vox2")}
    counts = {split: len(rows) for split, rows in found.items()}
    assert counts == {"vox1": 1_251, "vox2": 6_114}
    for row in found["vox1"]:
        theirs = vox1_meta.loc[row["speaker_id"].decode()]
        assert row["name"].decode() == row["vggface_id"].decode() == theirs["VGGFace1 ID"]
        assert row["nationality"].decode() == theirs["Nationality"]
        assert features.GENDERS[row["gender"]] == theirs["Gender"]
        assert features.PARTITIONS[row["partition"]] == theirs["Set"]
        assert row["has_audio"] and row["label"] == int(row["speaker_id"][2:]) - 10_001
    separator = "\t" if _FORMS[form] else ","
    text = (real / "meta" / form).read_text("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    columns = [cell.strip() for cell in rows[0]]
    theirs = {}
    for row in rows[1:]:
        cells = dict(zip(columns, (cell.strip() for cell in row), strict=True))
        theirs[cells["VoxCeleb2 ID"]] = cells
    by_partition, audible = collections.Counter(), 0
    assert len(found["vox2"]) == len(theirs)
    for row in found["vox2"]:
        cells = theirs[row["speaker_id"].decode()]
        assert row["vggface_id"].decode() == cells["VGGFace2 ID"]
        assert row["name"].decode() == cells.get("Name", "")
        assert features.GENDERS[row["gender"]] == cells["Gender"]
        assert features.PARTITIONS[row["partition"]] == cells["Set"]
        assert row["has_audio"] == (cells["VoxCeleb2 ID"] not in _WITHOUT_AUDIO)
        by_partition[cells["Set"], cells["Gender"]] += 1
        audible += row["has_audio"]
    assert audible == 6_112
    assert by_partition == {
        ("dev", "m"): 3_682, ("dev", "f"): 2_312, ("test", "m"): 81, ("test", "f"): 39,
    }  # fmt: skip


def test_forms_say_the_same(real):
    tables = [voxceleb.parse_speakers((real / "meta" / form).read_bytes()) for form in _FORMS]
    assert tables[0] == tables[1]
    assert {s: row._replace(name="") for s, row in tables[2].items()} == tables[0]
    assert "," in "".join(row.name for row in tables[2].values())
    assert sum(not row.name.isascii() for row in tables[2].values()) == 668
    assert all(row.name for row in tables[2].values())


def test_table_that_a_spreadsheet_has_saved(real):
    """It is read, but is not the published file: rows in it differ."""
    published = voxceleb.parse_speakers((real / "meta" / "vox1_meta.csv").read_bytes())
    content = (real / "meta" / "variants" / "vox1_meta.quoted_rows.csv").read_bytes()
    saved = voxceleb.parse_speakers(content)
    assert list(saved) == list(published)
    assert sum(saved[s] != published[s] for s in saved) <= 3


def test_speakers_of_vox1(vox1_meta):
    genders = collections.Counter(vox1_meta["Gender"])
    assert genders == {"m": 690, "f": 561} and vox1_meta["Nationality"].nunique() == 36
    names = registry.builder_cls(_NAME)(config="vox1").info.features["label"].names
    assert names == list(vox1_meta.index)
    for part in ("vox1_dev", "vox1_test"):
        member, partition = sources.PARTS[part].member, sources.PARTS[part].partition
        own = [one for one in names if member.fullmatch(f"{one}/aaaaaaaaaaa/00001.wav")]
        assert own == list(vox1_meta.index[vox1_meta["Set"] == partition])
    test = vox1_meta.index[vox1_meta["VGGFace1 ID"].str.startswith("E")]
    assert list(test) == list(vox1_meta.index[vox1_meta["Set"] == "test"])


# ---------------------------------------------------------------------------------------- facts


def test_counts(real, vox1_durations, vox1_meta):
    counts = registry.builder_cls(_NAME)(config="vox1").expected_counts
    parts = collections.Counter(vox1_meta.loc[[one[:7] for one in vox1_durations], "Set"])
    assert parts == counts
    assert round(sum(vox1_durations.values()) / 3600, 1) == 351.6
    vox2 = durations(real, "vox2_tst")
    assert len(vox2) == registry.builder_cls(_NAME)(config="vox2_test").expected_counts["test"]
    names = registry.builder_cls(_NAME)(config="vox2").info.features["label"].names
    assert {one[:7] for one in vox2} == set(names[5_994:])


def test_utterances_are_as_the_documentation_says(vox1_durations, vox1_meta):
    rows = vox1_meta.loc[[one[:7] for one in vox1_durations]]
    genders = collections.Counter(zip(rows["Set"], rows["Gender"]))
    assert genders == {
        ("dev", "m"): 87_026, ("dev", "f"): 61_616, ("test", "m"): 3_424, ("test", "f"): 1_450,
    }  # fmt: skip
    assert all(round(seconds * 16_000) % 640 == 1 for seconds in vox1_durations.values())
    numbers = collections.defaultdict(set)
    for one in vox1_durations:
        speaker, video, index = one.split("/")
        numbers[speaker, video].add(int(index))
    assert len(numbers) == 22_496
    assert all(found == set(range(1, len(found) + 1)) for found in numbers.values())


def test_every_published_name_is_recognised(real, vox1_durations):
    for part, ids in (
        ("vox1_dev", durations(real, "vox1_dev")),
        ("vox1_test", durations(real, "vox1_tst")),
        ("vox2_test", durations(real, "vox2_tst")),
    ):
        end = "wav" if part.startswith("vox1") else "m4a"
        assert all(sources.PARTS[part].member.fullmatch(f"{one}.{end}") for one in ids)
    # Lists are read by the same rule.
    lines = "".join(f"1 {one}.wav\n" for one in vox1_durations).encode()
    assert voxceleb.parse_identification(lines) == dict.fromkeys(vox1_durations, 1)


def test_shared_videos(vox1_durations):
    speakers = collections.defaultdict(set)
    for one in vox1_durations:
        speaker, video, _ = one.split("/")
        speakers[video].add(speaker)
    shared = {video for video, found in speakers.items() if len(found) > 1}
    builder = registry.builder_cls(_NAME)(config="vox1")
    assert builder._shared_videos == shared and len(shared) == 324
    listed = {r["youtube_id"]: r["speakers"] for r in builder.read_facts("shared_videos.tsv")}
    assert all(listed[video].split() == sorted(speakers[video]) for video in shared)


def test_cleaned_out(real):
    used = []
    for name in ("veri_test.txt", "veri_test2.txt"):
        with (real / "meta" / name).open("rb") as file:
            used.append({one for b in voxceleb.read_trials(file) for one in (*b.enrol, *b.test)})
    gone = registry.builder_cls(_NAME)(config="vox1")._cleaned_out
    assert gone == used[0] - used[1] and len(gone) == 7 and used[1] < used[0]


def test_vox2_speakers(real):
    table = voxceleb.parse_speakers((real / "meta" / "vox2_meta.csv").read_bytes())
    listed = registry.builder_cls(_NAME)(config="vox2")._vox2
    expected = {s: row.partition for s, row in table.items() if s not in _WITHOUT_AUDIO}
    assert listed == expected


def test_digests_of_the_files_at_hand(real):
    listed = digests.load_published(registry.builder_cls(_NAME).checksums_path())
    known = {info.checksum: int(info.size) for info in listed.values() if info.checksum}
    for form in ("veri_test.txt", "veri_test2.txt", "vox1_meta.csv", *_FORMS):
        content = (real / "meta" / form).read_bytes()
        assert known[hashlib.sha256(content).hexdigest()] == len(content)


def test_a_part_is_refused_unless_asked_for(real, tmp_path):
    with pytest.raises(core.CorpusError, match="vox1_dev_wav_partaa") as caught:
        preparing.prepared(f"{_NAME}/vox1", tmp_path, real)
    assert sources.PAGE in str(caught.value) and "form" in str(caught.value)
    assert not list(tmp_path.rglob("dataset_info.json"))
