"""FMA: the published files at hand, against independent readers.

Of the tables only the genres are at hand, and one clip. The rows that its preparation needs are
written here in the published layout, from what the publisher's notebooks print of track 2.
"""

from __future__ import annotations

import csv
import hashlib
import io
import pathlib
import shutil

import numpy as np
import pandas as pd
import preparing
import pytest
import soundfile
import tensorflow_datasets as tfds

from tfds_extra import core, registry
from tfds_extra.datasets.fma import genres as fma_genres
from tfds_extra.datasets.fma import metadata
from tfds_extra.formats import mp3

_CLIP = "000/000002.mp3"
_CLIP_SHA1 = "6976e70271234351250ada3fc49c5afd69ba9864"


def csv_bytes(rows) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@pytest.fixture(scope="module")
def manual_dir(real, tmp_path_factory) -> pathlib.Path:
    """The published folders, with one row in each table that is not at hand."""
    folder = tmp_path_factory.mktemp("manual")
    shutil.copytree(real / "fma_small", folder / "fma_small")
    shutil.copytree(real / "fma_metadata", folder / "fma_metadata")
    known = {
        ("set", "split"): "training",
        ("set", "subset"): "small",
        ("track", "duration"): "168",
        ("track", "genre_top"): "Hip-Hop",
        ("track", "genres"): "[21]",
        ("track", "genres_all"): "[21]",
        ("track", "title"): "Food",
        ("artist", "latitude"): "40.0583238",
    }
    columns = [(c["group"], c["name"]) for c in metadata.columns("tracks.csv")]
    header = [["", *level] for level in zip(*columns)] + [["track_id"] + [""] * 52]
    row = ["2", *(known.get(column, "") for column in columns)]
    (folder / "fma_metadata" / "tracks.csv").write_bytes(csv_bytes([*header, row]))
    names = [c["name"] for c in metadata.columns("raw_tracks.csv")]
    url = "http://creativecommons.org/licenses/by-nc-sa/3.0/"
    row = ["2", *(url if name == "license_url" else "" for name in names)]
    content = csv_bytes([["track_id", *names], row])
    (folder / "fma_metadata" / "raw_tracks.csv").write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def example(manual_dir, tmp_path_factory) -> dict:
    builder = preparing.prepared("fma", tmp_path_factory.mktemp("data"), manual_dir, partial=True)
    missing = {"train": 6_399, "validation": 800, "test": 800}
    assert builder.info.metadata["missing"] == missing
    assert {s: info.num_examples for s, info in builder.info.splits.items()} == {"train": 1}
    (example,) = tfds.as_numpy(builder.as_dataset(split="train"))
    decoders = {"audio": tfds.decode.SkipDecoding()}
    (stored,) = tfds.as_numpy(builder.as_dataset(split="train", decoders=decoders))
    return {**example, "stored": stored["audio"], "features": builder.info.features}


def test_clip(real, example):
    content = (real / "fma_small" / _CLIP).read_bytes()
    assert example["stored"] == content
    assert example["sha1"].decode() == hashlib.sha1(content).hexdigest() == _CLIP_SHA1
    samples, sample_rate = soundfile.read(io.BytesIO(content), dtype="float32")
    np.testing.assert_array_equal(example["audio"], samples)
    # NB_AUDIO_SAMPLES and SAMPLING_RATE of the publisher's code.
    assert example["audio"].shape == (1_321_967, 2)
    assert example["num_samples"] == 1_321_967
    assert example["sample_rate"] == sample_rate == 44_100
    assert example["num_channels"] == 2
    assert example["duration"] == np.float32(1_321_967 / 44_100)
    assert example["bit_rate"] == 256_000  # As tracks.csv has it for this track.
    assert example["features"]["audio_status"].int2str(example["audio_status"]) == "ok"
    assert example["audio/filename"].decode() == _CLIP
    assert example["reported_defect"] == b""


def test_clip_with_another_decoder(real, example):
    miniaudio = pytest.importorskip("miniaudio")
    other = miniaudio.mp3_read_f32((real / "fma_small" / _CLIP).read_bytes())
    samples = np.reshape(other.samples, (-1, 2))
    assert (len(samples), other.sample_rate) == (1_320_815, 44_100)
    # It goes by way of int16: rounded, and limited to full scale.
    mine = np.clip(example["audio"][1_152:], -1, 1)
    np.testing.assert_allclose(mine, samples, rtol=0, atol=2 / 32_768)


def test_frames_of_the_clip(real):
    content = (real / "fma_small" / _CLIP).read_bytes()
    stream = mp3.parse(content)
    # An ID3 tag, an Info frame that says that 1,148 frames (0x47c) follow, and these.
    assert content.count(b"Info\0\0\0\x0f\0\0\x04\x7c") == 1
    assert (stream.num_frames, stream.stray_bytes) == (0x47C, 0)
    assert stream.tag_bytes == content.index(b"\xff\xfb")
    assert stream.num_samples == 1_148 * 1_152 - 529


def test_what_is_told_of_the_clip(example):
    assert example["track"]["title"] == b"Food"
    assert example["track"]["duration"] == 168
    assert example["track"]["listens"] == -1 and example["artist"]["name"] == b""
    assert example["artist"]["latitude"] == 40.0583238 and np.isnan(example["artist"]["longitude"])
    assert example["raw_track"]["license_url"].endswith(b"/by-nc-sa/3.0/")
    features = example["features"]
    assert features["genre_top"].int2str(example["genre_top"]) == "Hip-Hop"
    assert [features["genres"].feature.int2str(g) for g in example["genres"]] == ["Hip-Hop"]


def test_altered_clip(manual_dir, tmp_path):
    """The list of digests in the archive is what vouches for a clip, also in a part."""
    folder = tmp_path / "manual"
    shutil.copytree(manual_dir, folder)
    (folder / "fma_small" / "checksums").write_text(f"{_CLIP_SHA1}  {_CLIP}\n")
    preparing.prepared("fma", tmp_path / "one", folder, partial=True)
    clip = folder / "fma_small" / _CLIP
    content = clip.read_bytes()
    clip.chmod(0o644)
    clip.write_bytes(content[:-1] + b"\0")
    with pytest.raises(core.CorpusError, match=f"{_CLIP}: altered"):
        preparing.prepared("fma", tmp_path / "two", folder, partial=True)


def test_without_tables(real, tmp_path):
    """What is at hand here is not enough: the error names what is missing."""
    with pytest.raises(ValueError, match="tracks.csv"):
        preparing.prepared("fma", tmp_path, real, partial=True)
    assert not list(tmp_path.rglob("dataset_info.json"))


def test_every_genre(real):
    """All 163 and 164 rows, field by field, and the files that follow from them byte by byte."""
    tree = {g["id"]: g for g in registry.builder_cls("fma")().info.metadata["genres"]}
    genres = pd.read_csv(real / "fma_metadata" / "genres.csv", index_col=0)
    raw = pd.read_csv(real / "fma_metadata" / "raw_genres.csv", index_col=0)
    assert (len(genres), len(raw)) == (163, 164)
    assert list(tree) == list(genres.index)
    for genre_id, row in genres.iterrows():
        found = tree[genre_id]
        assert found["title"] == row["title"] == raw.loc[genre_id, "genre_title"]
        assert found["parent"] == row["parent"]
        assert found["top_level"] == row["top_level"]
        assert found["tracks"] == row["#tracks"]
        assert found["color"] == raw.loc[genre_id, "genre_color"]
        assert found["handle"] == raw.loc[genre_id, "genre_handle"]
    facts = fma_genres.rows()
    names = ["genre_id", "tracks", "parent", "title", "top_level"]
    header = ["genre_id", "#tracks", "parent", "title", "top_level"]
    content = csv_bytes([header, *([g[n] for n in names] for g in facts if g["tracks"])])
    assert content == (real / "fma_metadata" / "genres.csv").read_bytes()
    names = ["genre_id", "color", "handle", "raw_parent", "title"]
    header = ["genre_id", "genre_color", "genre_handle", "genre_parent_id", "genre_title"]
    content = csv_bytes([header, *([g[n] for n in names] for g in facts)])
    assert content == (real / "fma_metadata" / "raw_genres.csv").read_bytes()


def test_digests_of_the_tables(real):
    lines = (real / "fma_metadata" / "checksums").read_text().splitlines()
    published = {name: sha1 for sha1, name in (line.split("  ") for line in lines)}
    facts = registry.builder_cls("fma")().read_facts("metadata_members.tsv")
    assert {row["member"]: row["sha1"] for row in facts} == published
    for name in ("genres.csv", "raw_genres.csv", "not_found.pickle"):
        content = (real / "fma_metadata" / name).read_bytes()
        assert hashlib.sha1(content).hexdigest() == published[name]
