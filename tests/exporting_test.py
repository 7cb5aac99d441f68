"""Prepared data as Parquet, CSV and folders: the values are equal, and all of it or nothing is there."""

from __future__ import annotations

import functools
import io
import json
import pathlib

import numpy as np
import pandas as pd
import PIL.Image
import preparing
import pyarrow as pa
import pytest
import soundfile
import tensorflow_datasets as tfds
import tiers
from pyarrow import parquet

from tfds_extra import cli, exporting, registry, show
from tfds_extra.features import Audio, EncodedAudio, PixelImage

_QUICK = ["ballroom", "cifar10_extended", "fma", "sentiment140_extended"]
_SOME = [
    "coco_extended/2017",
    "imagenet_wordnet",
    "urban_sound_8k/challenge_mono_22k",
    "yelp_open/photo",
]
# Columns whose bytes are no UTF-8.
_NO_TEXT = {
    "sentiment140_extended": "text_bytes", "twenty_newsgroups": "raw", "yelp_open/photo": "image_bytes",
}  # fmt: skip
_IMAGES = (PixelImage, tfds.features.Image)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Prepares a miniature once for all tests here."""
    data_dir = tmp_path_factory.mktemp("data")
    return functools.cache(
        lambda name: preparing.prepared(name, data_dir, miniature=True, num_workers=1)
    )


def leaves(features, example, name="") -> dict[str, tuple]:
    """Feature of a single value, and the value, of all features, by the name of their column."""
    found = {}
    for key, feature in features.items():
        inner = feature.feature if isinstance(feature, tfds.features.Sequence) else feature
        if isinstance(inner, tfds.features.FeaturesDict):
            found |= leaves(inner, example[key], f"{name}{key}/")
        else:
            found[f"{name}{key}"] = (inner, example[key])
    return found


def plain(value, as_text: bool):
    """A value as lists of numbers, or of texts in which bytes that are no text stay bytes."""
    if isinstance(value, bytes):
        return value.decode() if as_text else value
    if isinstance(value, list) or np.ndim(value):
        return [plain(one, as_text) for one in value]
    return np.asarray(value).item()


def same(found, expected) -> bool:
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return found == expected or (found != found and expected != expected)  # NaN.


def check_media(feature, content: bytes | None, expected: np.ndarray) -> None:
    """The file holds what is read back."""
    if content is None:
        assert not expected.size
    elif isinstance(feature, _IMAGES):
        with PIL.Image.open(io.BytesIO(content)) as image:
            found = np.asarray(image)
        if found.shape == expected.shape[:2]:
            found = found[..., None]
        if found.shape == expected.shape:  # Gray pictures and CMYK are read as RGB.
            np.testing.assert_array_equal(found, expected)
        assert found.shape[:2] == expected.shape[:2]
    elif isinstance(feature, EncodedAudio) and not expected.size:
        assert content  # It was published, and cannot be decoded.
    elif content[4:8] != b"ftyp":  # libsndfile does not read MP4.
        found, rate = soundfile.read(io.BytesIO(content), dtype=expected.dtype.name, always_2d=True)
        np.testing.assert_array_equal(found[:, 0] if expected.ndim == 1 else found, expected)
        assert feature.sample_rate in (None, rate)


def check(builder, rows_of, contents_of, columns=lambda names: names) -> None:
    """Compares all splits.

    Args:
      builder: The builder.
      rows_of: Returns the rows of a split, each a dict, and the columns that hold bytes.
      contents_of: Returns the content of a file from a row and the name of the feature.
      columns: Renames the columns as the format does.
    """
    for split, info in builder.info.splits.items():
        if not info.num_examples:
            continue
        rows, binary = rows_of(split)
        examples = list(show.read(builder, split, 10**6))
        assert len(rows) == len(examples) == info.num_examples
        for row, example in zip(rows, examples):
            for name, (feature, value) in leaves(builder.info.features, example).items():
                if isinstance(feature, (Audio, EncodedAudio, *_IMAGES)):
                    check_media(feature, contents_of(row, name), value)
                    continue
                expected = plain(value, columns(name) not in binary)
                assert same(row[columns(name)], expected), (split, name)


@pytest.mark.parametrize("name", tiers.sampled([*registry.names(), *_SOME], _QUICK))
def test_parquet(name, prepared, tmp_path):
    builder = prepared(name)
    exporting.export(builder, "parquet", tmp_path / "out")

    def rows(split: str):
        table = parquet.read_table(tmp_path / "out" / f"{split}-00000.parquet")
        binary = {
            f.name for f in table.schema if "binary" in str(f.type) and "struct" not in str(f.type)
        }
        for field in table.schema:  # The dtypes are those of the features.
            feature, _ = leaves(builder.info.features, first)[field.name]
            inner = field.type
            while pa.types.is_list(inner):
                inner = inner.value_type
            if np.dtype(feature.np_dtype).kind != "O" and not pa.types.is_struct(inner):
                assert inner.to_pandas_dtype() == np.dtype(feature.np_dtype).type
        # pandas reads the same.
        frame = pd.read_parquet(tmp_path / "out" / f"{split}-00000.parquet")
        assert list(frame.columns) == table.column_names and len(frame) == len(table)
        return table.to_pylist(), binary

    first = next(show.read(builder, next(iter(builder.info.splits)), 1))
    check(builder, rows, lambda row, name: row[name] and row[name]["bytes"])


@pytest.mark.parametrize("name", tiers.sampled([*registry.names(), *_SOME], _QUICK))
def test_csv(name, prepared, tmp_path):
    builder = prepared(name)
    without = []
    if column := _NO_TEXT.get(name):
        with pytest.raises(ValueError, match=f"{column} has bytes .* --without={column}"):
            exporting.export(builder, "csv", tmp_path / "out")
        assert not list(tmp_path.iterdir())
        without = [column]
    exporting.export(builder, "csv", tmp_path / "out", without=without)
    columns, _ = exporting._columns(builder.info.features, ())
    lists = {column.name for column in columns if column.depth}
    texts = {c.name for c in columns if not c.depth and c.is_text}

    def rows(split: str):
        frame = pd.read_csv(
            tmp_path / "out" / f"{split}.csv",
            keep_default_na=False, float_precision="round_trip",
            na_values={c.name: ["nan"] for c in columns if c.name not in texts | lists},
            dtype={c.name: str if c.depth or c.is_text else c.feature.np_dtype for c in columns},
        )  # fmt: skip
        found = frame.to_dict("records")
        for row in found:
            row |= {name: json.loads(row[name]) for name in lists & row.keys()}
            # What was left out is not compared.
            row |= {name: Anything() for name in without}
        return found, set(without)

    def content(row, name):
        return (tmp_path / "out" / row[name]).read_bytes() if row[name] else None

    check(builder, rows, content)


class Anything:
    """Is equal to anything."""

    def __eq__(self, other: object) -> bool:
        return True


@pytest.mark.parametrize(
    "name", tiers.sampled([*registry.names(), *_SOME], ["ballroom", "cifar10_extended"])
)
def test_folder(name, prepared, tmp_path):
    builder = prepared(name)
    features = builder.info.features
    if not any(isinstance(f, (Audio, EncodedAudio, *_IMAGES)) for f in features.values()):
        with pytest.raises(ValueError, match="has no recordings or images"):
            exporting.export(builder, "folder", tmp_path / "out")
        return
    exporting.export(builder, "folder", tmp_path / "out")

    def rows(split: str):
        table = parquet.read_table(tmp_path / "out" / split / "metadata.parquet")
        return table.to_pylist(), {f.name for f in table.schema if "binary" in str(f.type)}

    def path(row, name) -> pathlib.Path | None:
        return (
            row[f"{name}_file_name"]
            and tmp_path / "out" / split_of[id(row)] / row[f"{name}_file_name"]
        )

    split_of = {}
    everything = []

    def rows_with_split(split: str):
        found, binary = rows(split)
        everything.append(found)
        split_of.update({id(row): split for row in found})
        return found, binary

    def content(row, name):
        return path(row, name).read_bytes() if path(row, name) else None

    def renamed(name: str) -> str:
        is_path = name == "file_name" or name.endswith("_file_name")
        return name[: -len("file_name")] + "filename" if is_path else name

    check(builder, rows_with_split, content, renamed)
    used = {
        path(row, n)
        for rows in everything
        for row in rows
        for n in features
        if f"{n}_file_name" in row
    }
    files = {p for p in (tmp_path / "out").rglob("*/0*/*") if p.is_file()}
    assert used - {None} == files and files


@pytest.mark.slow
@pytest.mark.parametrize("to", ["parquet", "folder"])
@pytest.mark.parametrize("name", ["cifar10_extended", "urban_sound_8k", "imagenet_wordnet"])
def test_hugging_face(name, to, prepared, tmp_path, monkeypatch):
    """The splits, classes and kinds of features are found, and the values are equal."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    if not hasattr(
        datasets, "load_dataset"
    ):  # Where it is missing, the folder of that name is found.
        pytest.skip("pip install datasets")
    if to == "folder" and name == "urban_sound_8k":
        pytest.importorskip("torchcodec", reason="`datasets` reads audio with torchcodec")
    builder = prepared(name)
    exporting.export(builder, to, tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {
        split: info.num_examples for split, info in builder.info.splits.items() if info.num_examples
    }
    media = [n for n, f in builder.info.features.items() if isinstance(f, (EncodedAudio, *_IMAGES))]
    for split, rows in loaded.items():
        kind = datasets.Audio if media == ["audio"] else datasets.Image
        for column in media:
            assert isinstance(rows.features[column], kind)
            rows = rows.cast_column(column, kind(decode=False))
        if to == "parquet":
            assert rows.features["label"].names == builder.info.features["label"].names
        for row, example in zip(rows, show.read(builder, split, 10**6), strict=True):
            assert row["label"] == example["label"]
            for column in media:
                content = row[column]["bytes"] or pathlib.Path(row[column]["path"]).read_bytes()
                check_media(builder.info.features[column], content, example[column])


def test_few_rows_at_a_time_and_several_files(prepared, tmp_path, monkeypatch):
    """What waits in memory does not depend on the size of the corpus."""
    monkeypatch.setattr(exporting, "_BATCH_ROWS", 7)
    monkeypatch.setattr(exporting, "_FILE_BYTES", 60_000)
    builder = prepared("cifar10_extended")
    exporting.export(builder, "parquet", tmp_path / "out", splits=["train[:30]", "test"])
    files = sorted((tmp_path / "out").glob("train_30-*.parquet"))
    assert len(files) > 1
    groups = [parquet.ParquetFile(file).metadata for file in files]
    sizes = [g.row_group(i).num_rows for g in groups for i in range(g.num_row_groups)]
    assert sizes == [7, 7, 7, 7, 2]
    labels = [e["label"] for e in show.read(builder, "train", 30)]
    assert pd.concat(map(pd.read_parquet, files))["label"].tolist() == labels


def test_all_or_nothing(prepared, tmp_path, monkeypatch):
    builder = prepared("ballroom")
    saved = exporting._file
    calls = []

    def fail(feature, stored):
        calls.append(stored)
        if len(calls) == 5:
            raise OSError(28, "No space left on device")
        return saved(feature, stored)

    monkeypatch.setattr(exporting, "_file", fail)
    for to in exporting.FORMATS:
        calls.clear()
        with pytest.raises(OSError, match="No space left"):
            exporting.export(builder, to, tmp_path / "out")
        assert not list(tmp_path.iterdir())


def test_command(prepared, tmp_path, monkeypatch, capsys):
    builder = prepared("ballroom")
    monkeypatch.chdir(tmp_path)
    command = ["export", "ballroom", "--miniature", f"--data_dir={builder.data_dir_root}"]

    def run(*options: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return (cli.main([*command, *options]), *capsys.readouterr())

    assert run("--to=csv")[:2] == (0, "ballroom-full-miniature-csv: train 12 examples\n")
    folder = tmp_path / "ballroom-full-miniature-csv"
    before = (folder / "train.csv").read_bytes()
    status, _, errors = run("--to=csv")
    assert status == 1 and "is there already. Choose --output, or --overwrite it." in errors
    (folder / "old").touch()
    assert run("--to=csv", "--overwrite", "--split=train[:50%]")[0] == 0
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "tfds_extra_export.json", "train_50.csv", "train_50",
    }  # fmt: skip
    half = before.replace(b'"train/', b'"train_50/')
    assert half.startswith((folder / "train_50.csv").read_bytes()) and half != before
    assert "@article{gouyon2006tempo" in (folder / "README.md").read_text()
    # A folder of somebody else is not replaced.
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    status, _, errors = run("--to=csv", "--output=mine", "--overwrite")
    assert status == 1 and "mine is no export of this command" in errors
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    status, _, errors = run("--to=parquet", "--without=beets/time")
    assert (
        status == 1 and "no feature 'beets/time' to leave out. Did you mean 'beats/time'?" in errors
    )
    assert run("--to=parquet", "--without=beats", "--without=audio")[0] == 0
    columns = parquet.read_schema(
        tmp_path / "ballroom-full-miniature-parquet" / "train-00000.parquet"
    )
    assert "audio" not in columns.names and not [n for n in columns.names if n.startswith("beats/")]
    status, _, errors = run("--to=csv", "--output=x", "--split=tran")
    assert status == 1 and "Unknown split 'tran'" in errors
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".", "x"))]
