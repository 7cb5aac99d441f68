"""FMA: the miniature, against pandas, soundfile and miniaudio."""

from __future__ import annotations

import ast
import hashlib
import io
import pathlib
import pickle
import zipfile

import builder_testing
import numpy as np
import pandas as pd
import preparing
import pytest
import soundfile
import tensorflow_datasets as tfds
import tiers

from tfds_extra import core, registry
from tfds_extra.datasets.fma import fma_dataset_builder, metadata

_COUNTS = {
    "small": {"train": 8, "validation": 2, "test": 2},
    "medium": {"train": 12, "validation": 3, "test": 4},
    "large": {"train": 15, "validation": 5, "test": 6},
    "full": {"train": 15, "validation": 5, "test": 6},
    "metadata": {"train": 15, "validation": 5, "test": 6},
}
_READ: dict = {}  # Of `examples`: what it has read already.
_MINIATURE = registry.resource_dir("dummy_data") / "fma"


class FmaTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = fma_dataset_builder.Builder
    # Sizes differ in which tracks they have, which other tests here are about.
    BUILDER_CONFIG_NAMES_TO_TEST = ["small", "full_features", "metadata", "metadata_features"]
    MINIATURE = {
        config: _COUNTS[config.removesuffix("_features")] for config in BUILDER_CONFIG_NAMES_TO_TEST
    }


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("data")


def prepared(config: str, data_dir: pathlib.Path, **kwargs) -> core.Builder:
    download_config = kwargs.pop("download_config", None)
    builder = tfds.builder(f"fma/{config}", data_dir=data_dir, miniature=True, **kwargs)
    builder.download_and_prepare(download_config=download_config)
    return builder


def examples(builder: core.Builder, decoders=None) -> dict[int, dict]:
    """All examples by track, with the TFDS split under "in_split"."""
    key = (builder.data_dir, decoders is None)
    if key in _READ:
        return _READ[key]
    found = _READ[key] = {}
    for split in builder.info.splits:
        dataset = builder.as_dataset(split=split, decoders=decoders)
        for example in tfds.as_numpy(dataset):
            assert example["track_id"] not in found
            found[int(example["track_id"])] = {**example, "in_split": split}
    return found


def published(name: str, levels: int, **kwargs) -> pd.DataFrame:
    """A table as the publisher's own utils.load reads it; texts and numbers as they stand."""
    with zipfile.ZipFile(_MINIATURE / "fma_metadata.zip") as archive:
        content = archive.read(f"fma_metadata/{name}")
    header = list(range(levels)) if levels > 1 else 0
    table = pd.read_csv(
        io.BytesIO(content), index_col=0, header=header, float_precision="round_trip", **kwargs
    )
    return table.set_index(table.index.astype(int))


# -------------------------------------------------------------------------------------- metadata


@pytest.mark.slow
@pytest.mark.parametrize("config", tiers.sampled(["small", "full", "metadata"], ["small"]))
def test_every_cell_of_tracks(config, data_dir):
    builder = prepared(config, data_dir)
    found = examples(builder)
    texts = published("tracks.csv", 2, dtype=str, keep_default_na=False)
    numbers = published("tracks.csv", 2)  # Missing cells and numbers as pandas sees them.
    subsets = {"small": ["small"]}.get(config, ["small", "medium", "large"])
    assert sorted(found) == list(texts.index[texts["set", "subset"].isin(subsets)])
    compared = 0
    kinds = {"missing": 0, "list": 0, "int": 0, "float": 0}
    for track_id, example in found.items():
        for group, name in texts.columns:
            value, cell = example[group][name], texts.loc[track_id, (group, name)]
            compared += 1
            if isinstance(value, bytes):
                assert value.decode() == cell
            elif isinstance(value, np.ndarray):
                values = [v.decode() if isinstance(v, bytes) else int(v) for v in value]
                assert values == ast.literal_eval(cell)
                kinds["list"] += 1
            elif value.dtype == np.int64:
                assert value == int(numbers.loc[track_id, (group, name)])
                kinds["int"] += 1
            else:
                assert value.dtype == np.float64
                np.testing.assert_array_equal(value, numbers.loc[track_id, (group, name)])
                kinds["float"] += 1
                kinds["missing"] += bool(np.isnan(value))
    assert compared == 52 * len(found)
    assert all(kinds.values()) or config == "small", kinds
    assert len(texts.columns) == 52


@pytest.mark.slow
def test_labels(data_dir):
    builder = prepared("metadata", data_dir)
    numbers = published("tracks.csv", 2)
    titles = published("genres.csv", 1)["title"]
    info = builder.info.features
    for track_id, example in examples(builder).items():
        row = numbers.loc[track_id]
        top = row["track", "genre_top"]
        if isinstance(top, float):  # Missing.
            assert example["genre_top"] == -1 and example["track"]["genre_top"] == b""
        else:
            assert info["genre_top"].int2str(example["genre_top"]) == top
        for name in ("genres", "genres_all"):
            ids = ast.literal_eval(row["track", name])
            labels = [info[name].feature.int2str(label) for label in example[name]]
            assert labels == [titles[i] for i in ids]
            assert example["track"][name].tolist() == ids
        split = {"training": "train"}.get(row["set", "split"], row["set", "split"])
        assert example["in_split"] == split
    # Unsorted as published, and missing because of two roots or none.
    assert ast.literal_eval(numbers.loc[10]["track", "genres_all"]) == [76, 10]
    assert {204, 203, 155320} <= set(numbers.index[numbers["track", "genre_top"].isna()])


@pytest.mark.slow
def test_every_chosen_column_of_raw_tracks(data_dir):
    found = examples(prepared("metadata", data_dir))
    raw = published("raw_tracks.csv", 1, dtype=str, keep_default_na=False)
    assert set(raw.index) > set(found)
    for track_id, example in found.items():
        assert len(example["raw_track"]) == 15
        for name, value in example["raw_track"].items():
            assert value.decode() == raw.loc[track_id, name]


@pytest.mark.slow
def test_every_librosa_feature(data_dir):
    builder = prepared("small_features", data_dir)
    table = published("features.csv", 3)
    assert table.shape[1] == 518
    for track_id, example in examples(builder).items():
        for name, values in example["features"].items():
            assert values.dtype == np.float32
            columns = table.loc[track_id, name]
            np.testing.assert_array_equal(values.ravel(), columns.to_numpy(np.float32))
            for row, statistic in zip(values, metadata.STATISTICS):
                np.testing.assert_array_equal(row, columns[statistic].to_numpy(np.float32))
        # All arrays in a row are the published row; float32 holds all that was printed.
        row = np.concatenate([example["features"][name].ravel() for name in metadata.LIBROSA])
        np.testing.assert_array_equal(row, table.loc[track_id].to_numpy(np.float32))
        np.testing.assert_allclose(row, table.loc[track_id].to_numpy(), rtol=1e-10)


@pytest.mark.slow
def test_every_echonest_feature(data_dir):
    found = examples(prepared("metadata_features", data_dir))
    table = published("echonest.csv", 3, dtype=str, keep_default_na=False)["echonest"]
    assert table.shape[1] == 249
    known = [track_id for track_id, e in found.items() if e["echonest"]["available"]]
    assert sorted(known) == list(table.index)
    for track_id, example in found.items():
        joined = example["echonest"]
        assert joined["temporal_features"].dtype == np.float64
        if track_id not in known:
            assert np.isnan(joined["temporal_features"]).all()
            assert np.isnan(joined["audio_features"]["tempo"])
            assert joined["metadata"]["release"] == b""
            continue
        row = table.loc[track_id]
        for (group, name), cell in row.items():
            if group == "temporal_features":
                assert joined[group][int(name)] == float(cell)
            elif isinstance(joined[group][name], bytes):
                assert joined[group][name].decode() == cell
            else:
                assert joined[group][name].dtype == np.float64
                expected = np.nan if cell == "" else float(cell)
                np.testing.assert_array_equal(joined[group][name], expected)


@pytest.mark.slow
def test_features_that_could_not_be_computed(data_dir):
    found = examples(prepared("metadata_features", data_dir))
    assert np.isnan(found[3284]["features"]["mfcc"]).all()
    assert not np.isnan(found[2]["features"]["mfcc"]).any()


def test_a_track_called_na(data_dir):
    assert examples(prepared("metadata", data_dir))[140]["track"]["title"] == b"NA"


# ------------------------------------------------------------------------------------- recordings


@pytest.mark.slow
@pytest.mark.parametrize("config", tiers.sampled(["medium", "large", "full"], ["medium"]))
def test_every_recording(config, data_dir):
    builder = prepared(config, data_dir)
    decoded = examples(builder)
    stored = examples(builder, decoders={"audio": tfds.decode.SkipDecoding()})
    with zipfile.ZipFile(_MINIATURE / f"fma_{config}.zip") as archive:
        root = f"fma_{config}/"
        contents = {
            name.removeprefix(root): archive.read(name)
            for name in archive.namelist()
            if name.endswith(".mp3")
        }
        sums = archive.read(f"{root}checksums").decode().splitlines()
    sha1 = dict(reversed(line.split("  ")) for line in sums)
    assert len(contents) == len(decoded)
    statuses = builder.info.features["audio_status"]
    for track_id, example in decoded.items():
        name = example["audio/filename"].decode()
        assert name == f"{track_id // 1000:03}/{track_id:06}.mp3"
        content = contents[name]
        assert stored[track_id]["audio"] == content
        assert example["sha1"].decode() == sha1[name] == hashlib.sha1(content).hexdigest()
        try:
            samples, sample_rate = soundfile.read(
                io.BytesIO(content), dtype="float32", always_2d=True
            )
        except soundfile.LibsndfileError:
            samples, sample_rate = np.zeros((0, 1), np.float32), 0
        np.testing.assert_array_equal(example["audio"], samples)
        assert example["sample_rate"] == sample_rate
        assert example["num_samples"] == len(samples)
        assert example["num_channels"] == (samples.shape[1] if len(samples) else 0)
        seconds = len(samples) / sample_rate if sample_rate else 0
        assert example["duration"] == np.float32(seconds)
        status = statuses.int2str(example["audio_status"])
        assert (len(samples) == 0) == (status in ("empty", "undecodable"))
        told = 30 if config != "full" else 0
        expected = min(told, int(example["track"]["duration"]))
        assert (status == "short") == (len(samples) > 0 and seconds < expected - 1)


@pytest.mark.slow
def test_statuses(data_dir):
    def found(config):
        builder = prepared(config, data_dir)
        names = builder.info.features["audio_status"]
        return {i: names.int2str(e["audio_status"]) for i, e in examples(builder).items()}

    bad = {1486: "empty", 98565: "short", 98566: "short", 99134: "empty", 108924: "short"}
    bad |= {133297: "empty", 2624: "empty", 3284: "undecodable"}
    assert {i: s for i, s in found("large").items() if s != "ok"} == bad
    # The full recordings are sound, whatever the website says of their length.
    assert {i: s for i, s in found("full").items() if s != "ok"} == {3284: "undecodable"}


@pytest.mark.slow
def test_forms(data_dir):
    found = examples(prepared("large", data_dir))
    forms = {i: (e["sample_rate"], e["num_channels"], e["bit_rate"]) for i, e in found.items()}
    assert forms[140][:2] == (48000, 2) and 32000 < forms[140][2] < 40000  # Two bit rates.
    assert forms[141][:2] == (22050, 1)
    assert forms[204][:2] == (44100, 1)
    assert found[2]["num_samples"] == 1_321_967  # As in the published code.
    assert found[2]["audio"].shape == (1_321_967, 2)


@pytest.mark.slow
def test_same_samples_as_another_decoder(data_dir):
    miniaudio = pytest.importorskip("miniaudio")
    builder = prepared("small", data_dir)
    stored = examples(builder, decoders={"audio": tfds.decode.SkipDecoding()})
    compared = 0
    for track_id, example in examples(builder).items():
        if not len(example["audio"]):
            continue
        other = miniaudio.mp3_read_f32(stored[track_id]["audio"])
        samples = np.reshape(other.samples, (-1, other.nchannels))
        assert other.sample_rate == example["sample_rate"]
        # It leaves out up to a frame more at the beginning.
        skipped = len(example["audio"]) - len(samples)
        assert skipped in (0, 576, 1152)
        np.testing.assert_allclose(example["audio"][skipped:], samples, atol=1e-4)
        compared += 1
    assert compared == 10


def test_batch_of_recordings_without_sound(data_dir):
    builder = prepared("medium", data_dir)
    dataset = builder.as_dataset(split="train", batch_size=12)
    batch = next(iter(tfds.as_numpy(dataset)))
    assert batch["audio"].shape == (12, 1_321_967, 2)


# ------------------------------------------------------------------------------------------ facts


def test_official_counts():
    cls = registry.builder_cls("fma")
    large = {"train": 84_353, "validation": 10_958, "test": 11_263}
    expected = {
        "small": {"train": 6_400, "validation": 800, "test": 800},
        "medium": {"train": 19_922, "validation": 2_505, "test": 2_573},
        "large": large,
        "full": large,
        "metadata": large,
    }
    assert cls.BUILDER_CONFIGS[0].name == "small"
    for config in cls.BUILDER_CONFIGS:
        counts = cls(config=config.name).expected_counts
        assert counts == expected[config.set]
    assert sum(large.values()) == 106_574


def test_genre_labels_and_tree():
    builder = registry.builder_cls("fma")()
    roots = builder.info.features["genre_top"].names
    assert roots == [
        "International", "Blues", "Jazz", "Classical", "Old-Time / Historic", "Country", "Pop",
        "Rock", "Easy Listening", "Soul-RnB", "Electronic", "Folk", "Spoken", "Hip-Hop",
        "Experimental", "Instrumental",
    ]  # fmt: skip
    tree = builder.info.metadata["genres"]
    assert len(tree) == 163
    assert [genre["title"] for genre in tree] == builder.info.features["genres"].feature.names
    assert [genre["title"] for genre in tree if not genre["parent"]] == roots
    by_id = {genre["id"]: genre for genre in tree}
    depths = []
    for genre in tree:
        above, depth = genre, 0
        while above["parent"]:
            above, depth = by_id[above["parent"]], depth + 1
        assert above["id"] == genre["top_level"]
        depths.append(depth)
    assert [depths.count(depth) for depth in range(5)] == [16, 106, 37, 3, 1]
    assert [genre["id"] for genre in tree if not genre["tracks"]] == [175, 178]
    assert by_id[38]["tracks"] == 38_154 and by_id[13]["tracks"] == 730


def test_genre_tree_is_stored_with_the_data(data_dir):
    prepared("metadata", data_dir)
    again = tfds.builder("fma/metadata", data_dir=data_dir, miniature=True)
    assert again.info.metadata["variant"] == "miniature"
    assert len(again.info.metadata["genres"]) == 163


def test_supervised_keys():
    for config in registry.builder_cls("fma").BUILDER_CONFIGS:
        keys = registry.builder_cls("fma")(config=config.name).info.supervised_keys
        expected = ("audio", "genre_top") if config.set in ("small", "medium") else None
        assert keys == expected


def test_known_defects():
    """The publisher's list for small and medium; what users say is there, and marked as such."""
    builder = registry.builder_cls("fma")()
    rows = [row for row in builder.read_facts("defects.tsv") if row["recording"] == "clip"]
    listed = {int(row["track_id"]): float(row["seconds"]) for row in rows if row["seconds"]}
    assert len(listed) == 21 and sum(seconds == 0 for seconds in listed.values()) == 15
    assert listed[98565] == 1.6 and listed[108924] == 27.4 and listed[133297] == 0
    told = builder._defects
    assert "listed by the publisher" in told[98565]
    assert "not confirmed" in told[3284] and 2624 in told
    assert told.keys() == {int(row["track_id"]) for row in rows}
    full = registry.builder_cls("fma")(config="full")._defects
    assert full[133297] == "lasts 113.58 s and not 600 s (listed by the publisher)"
    assert 3284 not in full and 108925 in full
    both = registry.builder_cls("fma")(config="metadata")._defects
    assert "a clip of 0 s" in both[133297] and "lasts 113.58 s" in both[133297]


def test_tables_that_are_checked():
    facts = registry.builder_cls("fma")().read_facts("tables.tsv")
    rows = {row["table"]: int(row["rows"]) for row in facts}
    assert rows == {
        "tracks.csv": 106_574,
        "raw_tracks.csv": 109_727,
        "features.csv": 106_574,
        "echonest.csv": 13_129,
    }


def test_only_what_is_needed_is_fetched():
    cls = registry.builder_cls("fma")
    for config in cls.BUILDER_CONFIGS:
        names = {file.root for file in cls(config=config.name).published_files().values()}
        assert names == {"fma_metadata"} | ({f"fma_{config.set}"} - {"fma_metadata"})


# ----------------------------------------------------------------------------------------- engines


@pytest.mark.slow
def test_beam_gives_the_same(data_dir, tmp_path):
    local = prepared("full_features", data_dir)
    beam = prepared(
        "full_features",
        tmp_path,
        download_config=tfds.download.DownloadConfig(beam_runner="FnApiRunner"),
    )
    assert beam.info.metadata["order_digest"] == local.info.metadata["order_digest"]
    assert len(beam.info.metadata["order_digest"]) == 3
    assert beam.info.metadata["genres"] == local.info.metadata["genres"]


@pytest.mark.slow
def test_workers_give_the_same_bytes(data_dir, tmp_path):
    local = prepared("large_features", data_dir)
    with preparing.by_others():
        pooled = prepared("large_features", tmp_path, num_workers=2)
    for path in pathlib.Path(local.data_dir).iterdir():
        assert (pathlib.Path(pooled.data_dir) / path.name).read_bytes() == path.read_bytes()


def _pieces(config: str, tmp_path) -> tuple[core.Builder, list]:
    builder = tfds.builder(f"fma/{config}", data_dir=tmp_path, miniature=True)
    dl_manager = builder._make_download_manager(None, tfds.download.DownloadConfig())
    return builder, list(builder._split_generators(dl_manager)["train"].pieces)


def test_pieces_are_small_and_read_one_recording_at_a_time(tmp_path, monkeypatch):
    builder, pieces = _pieces("large", tmp_path)
    assert len(pieces) == 156
    assert max(len(pickle.dumps(piece)) for piece in pieces) < 2000
    read = []
    content = core.Member.read
    monkeypatch.setattr(core.Member, "read", lambda m: read.append(m.name) or content(m))
    yielded = 0
    for piece in pieces:
        for _ in builder._generate_examples(piece):
            yielded += 1
            assert len(read) == yielded
    assert yielded == len(set(read)) == 26


def test_each_table_is_read_once_by_a_process(tmp_path, monkeypatch):
    builder, pieces = _pieces("metadata_features", tmp_path)
    opened = []
    open_member = core.Tree.open_member
    monkeypatch.setattr(
        core.Tree, "open_member", lambda tree, name: opened.append(name) or open_member(tree, name)
    )
    forwards = [e for piece in pieces for e in builder._generate_examples(piece)]
    assert sorted(opened) == ["echonest.csv", "features.csv", "raw_tracks.csv", "tracks.csv"]
    # In another order, as Beam deals them out, they are opened again, and say the same.
    backwards = [
        e for piece in reversed(pieces) for e in list(builder._generate_examples(piece))[::-1]
    ]
    assert [key for key, _ in backwards] == [key for key, _ in forwards][::-1]
    assert repr(backwards[::-1]) == repr(forwards)
    assert len(forwards) == 26


def test_pieces_that_share_an_archive_are_measured_once(tmp_path, monkeypatch):
    from tfds_extra.core.engines import journal

    _, pieces = _pieces("small", tmp_path)
    asked = []
    fingerprint = core.Tree.fingerprint
    monkeypatch.setattr(
        core.Tree, "fingerprint", lambda tree: asked.append(str(tree)) or fingerprint(tree)
    )
    sizes = [(_MINIATURE / f"fma_{name}.zip").stat().st_size for name in ("metadata", "small")]
    assert journal.size(pieces) == sum(sizes)
    assert len(asked) == 2
    assert journal.fingerprint(pieces) != journal.fingerprint(pieces[:-1])
    assert len(asked) == 6


def test_the_pickle_is_never_loaded(data_dir):
    """It lies in the archive and would fail; see the miniature."""
    with zipfile.ZipFile(_MINIATURE / "fma_metadata.zip") as archive:
        with pytest.raises(ModuleNotFoundError, match="must_not_be_unpickled"):
            pickle.loads(archive.read("fma_metadata/not_found.pickle"))
    assert prepared("metadata_features", data_dir).is_prepared()
