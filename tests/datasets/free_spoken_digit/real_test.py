"""Free Spoken Digit: every published recording at hand, against independent readers."""

from __future__ import annotations

import csv
import functools
import hashlib
import pathlib
import shutil
import tarfile
import wave

import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds
from apache_beam.options import pipeline_options
from scipy.io import wavfile

from tfds_extra import core, registry

# Facts of the corpus's sheet: sha256 of all PCM payloads in order of their file names, first samples.
_PCM_DIGESTS = {
    "v1.0.8": "de8dfbfe8cd84d426d7b7a07a980f8912befa4f36effe34c0c84685266310afd",
    "v1.0.9": "3e3dcb4393f6ccff40874e8d7a30643f7a7c2b65db395018de77c76b1308d6a8",
    "v1.0.10": "6f643a7422de89763625dfc9aa79427e69f7a690223a5bc5752a2f56db5af465",
}
_FIRST_SAMPLES = {
    "0_george_0.wav": [-1489, -962, -606, 163, 1033, 1669, 2129, 2680, 3147, 3307],
    "7_jackson_32.wav": [307, -238, 265, -217, 140, -109, 27, -2, 17, 117],
}
_SPEAKER_FACTS = {
    "jackson": ("male", "USA/neutral", "english"),
    "nicolas": ("male", "BEL/French", "english"),
    "theo": ("male", "USA/neutral", "english"),
    "yweweler": ("male", "DEU/German", "english"),
    "george": ("male", "GRC/Greek", "english"),
    "lucas": ("male", "DEU/German", "english"),
}


@pytest.fixture(scope="module")
def manual_dir(real, tmp_path_factory) -> pathlib.Path:
    """The recordings of three releases as a user has them who extracted the archives."""
    folder = tmp_path_factory.mktemp("manual")
    for release in ("1.0.8", "1.0.10"):
        archive = real / f"free-spoken-digit-dataset-{release}.recordings.tar.gz"
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    # The members' digests say that v1.0.10 is v1.0.9 and one more speaker.
    newest = folder / "free-spoken-digit-dataset-1.0.10" / "recordings"
    before = folder / "free-spoken-digit-dataset-1.0.9" / "recordings"
    before.mkdir(parents=True)
    for path in newest.iterdir():
        if "lucas" not in path.name:
            shutil.copy(path, before)
    return folder


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("data")


def prepared(config: str, data_dir: pathlib.Path, manual_dir: pathlib.Path, **kwargs):
    return preparing.prepared(f"free_spoken_digit/{config}", data_dir, manual_dir, **kwargs)


examples = functools.partial(preparing.examples, name="audio/filename")


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param([], id="in memory"),
        pytest.param(
            ["--direct_running_mode=multi_processing", "--direct_num_workers=2"],
            id="two processes",
        ),
    ],
)
def test_beam(data_dir, manual_dir, tmp_path, flags):
    """Beam leaves the very files that one process leaves."""
    serial = prepared("v1.0.8", data_dir, manual_dir)
    builder = tfds.builder("free_spoken_digit/v1.0.8", data_dir=tmp_path)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=manual_dir,
            beam_runner="FnApiRunner",
            beam_options=pipeline_options.PipelineOptions(flags),
        )
    )
    ours, theirs = (
        {path.name: path.read_bytes() for path in pathlib.Path(b.data_dir).iterdir()}
        for b in (builder, serial)
    )
    assert ours == theirs and len(ours) > 3


@pytest.mark.parametrize("config", ["v1.0.8", "v1.0.9", "v1.0.10"])
def test_every_recording(config, data_dir, manual_dir):
    builder = prepared(config, data_dir, manual_dir)
    found = examples(builder)
    folder = manual_dir / f"free-spoken-digit-dataset-{config[1:]}" / "recordings"
    published = sorted(folder.iterdir())
    assert sorted(found) == [path.name for path in published]
    pcm = hashlib.sha256()
    for path in published:
        example = found[path.name]
        with wave.open(str(path)) as reader:
            assert reader.getparams()[:3] == (1, 2, 8000)
            payload = reader.readframes(reader.getnframes())
        rate, samples = wavfile.read(path)
        assert rate == builder.info.features["audio"].sample_rate
        assert example["audio"].dtype == np.int16
        np.testing.assert_array_equal(example["audio"], samples)
        assert example["audio"].astype("<i2").tobytes() == payload
        pcm.update(payload)
        digit, speaker, take = path.stem.split("_")
        names = builder.info.features["speaker"].names
        assert example["label"] == int(digit)
        assert names[example["speaker"]] == speaker
        assert example["index"] == int(take)
        assert example["split"] == ("test" if int(take) < 5 else "train")
        assert example["duration"] == np.float32(len(samples) / 8000)
        assert (example["source_channels"], example["source_bits"]) == (1, 16)
        if config != "v1.0.8":
            facts = tuple(example[f].decode() for f in ("gender", "accent", "language"))
            assert facts == _SPEAKER_FACTS[speaker]
    assert pcm.hexdigest() == _PCM_DIGESTS[config]
    for name, samples in _FIRST_SAMPLES.items():
        if name in found:
            assert found[name]["audio"][:10].tolist() == samples


@pytest.mark.parametrize(
    "config, train, test",
    [("v1.0.8", 1350, 150), ("v1.0.9", 2250, 250), ("v1.0.10", 2700, 300)],
)
def test_official_split(config, train, test, data_dir, manual_dir):
    builder = prepared(config, data_dir, manual_dir)
    assert {s: i.num_examples for s, i in builder.info.splits.items()} == {
        "train": train,
        "test": test,
    }
    assert builder.info.metadata["variant"] == "complete"
    frames = [len(e["audio"]) for e in tfds.as_numpy(builder.as_dataset(split="test"))]
    if config == "v1.0.10":
        assert sum(frames) == 1_034_030


def test_prepared_bytes_are_little_more_than_the_samples(data_dir, manual_dir):
    builder = prepared("v1.0.10", data_dir, manual_dir)
    assert builder.info.dataset_size < 1.1 * 2 * 10_498_424


def test_same_as_the_standard_builder(data_dir, manual_dir, tmp_path):
    """`spoken_digit` of the standard catalogue, run on the same folder, gives the same."""
    mine = examples(prepared("v1.0.10", data_dir, manual_dir))
    standard = tfds.builder("spoken_digit", data_dir=tmp_path)
    folder = manual_dir / "free-spoken-digit-dataset-1.0.10" / "recordings"
    compared = 0
    for key, raw in standard._generate_examples(str(folder)):
        theirs = standard.info.features.encode_example(raw)
        ours = mine[raw["audio/filename"]]
        assert key == raw["audio/filename"].removesuffix(".wav")
        np.testing.assert_array_equal(ours["audio"], theirs["audio"])
        assert ours["label"] == theirs["label"]
        compared += 1
    assert compared == 3000


def test_partial_release_with_8_bit_stereo_and_scraps(real, data_dir, manual_dir):
    source = real / "partial_1.0.6"
    builder = prepared("v1.0.6", data_dir, source, partial=True)
    found = examples(builder)
    later = examples(prepared("v1.0.8", data_dir, manual_dir))
    published = sorted(source.glob("*/recordings/*.wav"))
    assert len(published) == 15
    assert sorted(found) == [path.name for path in published]
    for path in published:
        example = found[path.name]
        with wave.open(str(path)) as reader:
            channels, width = reader.getnchannels(), reader.getsampwidth()
            payload = reader.readframes(reader.getnframes())
        assert (example["source_channels"], example["source_bits"]) == (channels, width * 8)
        if width == 1:
            assert channels == 2
            left = np.frombuffer(payload, np.uint8)[::2].astype(int)
            np.testing.assert_array_equal(example["audio"], (left - 128) * 256)
        else:
            np.testing.assert_array_equal(example["audio"], np.frombuffer(payload, "<i2"))
        if "jason" not in path.name:
            np.testing.assert_array_equal(example["audio"], later[path.name]["audio"])
    assert len(found["7_jason_44.wav"]["audio"]) == 14
    assert found["6_jackson_47.wav"]["audio"].min() == -32768
    counts = {s: i.num_examples for s, i in builder.info.splits.items()}
    missing = builder.info.metadata["missing"]
    assert {s: counts[s] + missing[s] for s in counts} == {"train": 1800, "test": 200}
    assert "partial" in builder.data_dir and "PARTIAL" in builder.info.description
    assert not tfds.builder("free_spoken_digit/v1.0.6", data_dir=data_dir).is_prepared()


def test_a_part_is_refused_unless_asked_for(real, tmp_path):
    with pytest.raises(
        core.CorpusError, match=r"1,985 published recordings \(of .* are missing.*partial"
    ):
        prepared("v1.0.6", tmp_path, real / "partial_1.0.6")
    assert not list(tmp_path.rglob("dataset_info.json"))


def test_other_archive_under_the_published_name_is_refused(real, tmp_path):
    name = "free-spoken-digit-dataset-1.0.8.tar.gz"
    shutil.copy(real / name.replace(".tar.gz", ".recordings.tar.gz"), tmp_path / name)
    with pytest.raises(tfds.download.download_manager.NonMatchingChecksumError, match=name):
        prepared("v1.0.8", tmp_path / "data", tmp_path)
    assert not list(tmp_path.rglob("dataset_info.json"))


def test_facts_agree_with_the_sheet(shared):
    """Digest of each recording of each release, and the counts that follow from them."""
    with open(shared / "corpora" / "free_spoken_digit.members.tsv", encoding="utf-8") as table:
        sheet = list(csv.DictReader(table, delimiter="\t"))
    total = 0
    for config in registry.builder_cls("free_spoken_digit").BUILDER_CONFIGS:
        builder = registry.builder_cls("free_spoken_digit")(config=config.name)
        release = _version(config.release)
        expected = {
            f"recordings/{row['file']}": row["sha256"]
            for row in sheet
            if _version(row["first_release"]) <= release <= _version(row["last_release"])
        }
        assert builder.member_digests("release", None) == expected
        test = sum(int(name.removesuffix(".wav").split("_")[-1]) < 5 for name in expected)
        assert builder.expected_counts == {"train": len(expected) - test, "test": test}
        total += len(expected)
    assert total == 501 + 501 + 1001 + 1501 + 1501 + 1500 + 2000 + 1500 + 1500 + 2500 + 3000


def _version(release: str) -> list[int]:
    return [int(part) for part in release.split(".")]
