"""Prepared data in another file format, without preparing it again."""

from __future__ import annotations

import json

import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds

from tfds_extra import cli, converting, core, show
from tfds_extra.core import locks

_NAME = "ballroom/dedup"  # Audio, nested features, eight splits.


@pytest.fixture
def convert(data_dir, capsys):
    """Prepares the miniature; gives the command that converts it, and its folder."""
    preparing.prepared(_NAME, data_dir, miniature=True, num_workers=1)

    def run(*options: str) -> tuple[int, str, str]:
        capsys.readouterr()
        common = [_NAME, "--miniature", f"--data_dir={data_dir}"]
        status = cli.main(["convert", *common, *options])
        return (status, *capsys.readouterr())

    (folder,) = data_dir.glob("ballroom/dedup-miniature/*")
    return run, folder


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_there_and_back(convert, data_dir, tmp_path):
    run, folder = convert
    before = files(folder)
    status, output, _ = run("--to=array_record", "--replace")
    assert status == 0 and "now there as array_record; removed: tfrecord" in output
    # The same as if it had been prepared so.
    other = preparing.prepared(
        _NAME, tmp_path / "other", miniature=True, num_workers=1, file_format="array_record"
    )
    built, converted = files(tfds.core.Path(other.data_dir)), files(folder)
    assert built == converted and any("array_record" in name for name in built)
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    assert builder.is_prepared() and len(builder.as_data_source("fold0")) == 2
    status, output, _ = run("--to=tfrecord", "--replace")
    assert status == 0 and files(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_both_formats(convert, data_dir, capsys):
    run, folder = convert
    assert run("--to=array_record")[0] == 0
    info = json.loads((folder / "dataset_info.json").read_text())
    assert (info["fileFormat"], info["alternativeFileFormats"]) == ("tfrecord", ["array_record"])
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    source = builder.as_data_source("fold0")
    for found, expected in zip(source, show.read(builder, "fold0", 2), strict=True):
        np.testing.assert_array_equal(found["audio"], expected["audio"])
    another = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    assert another.info.file_format.value == "tfrecord"
    assert [e["tempo"] for e in show.read(another, "fold0", 2)] == [e["tempo"] for e in source]
    assert cli.main(["validate", _NAME, "--miniature", f"--data_dir={data_dir}"]) == 0
    assert "fold7 as array_record (1 examples)" in capsys.readouterr().out
    before = files(folder)
    status, output, _ = run("--to=array_record")
    assert status == 0 and "there as array_record already" in output and files(folder) == before


def test_what_cannot_be_converted(convert, data_dir):
    run, folder = convert
    shard = folder / "ballroom-fold3.tfrecord-00000-of-00001"
    content = shard.read_bytes()
    shard.write_bytes(content[:-9] + bytes(9))
    before = files(folder)
    status, _, errors = run("--to=array_record")
    assert status == 1 and str(shard) in errors and "damaged in the record at byte 0" in errors
    # Whole, but not what was prepared.
    other = folder / "ballroom-fold2.tfrecord-00000-of-00001"
    shard.write_bytes(other.read_bytes())
    status, _, errors = run("--to=array_record", "--replace")
    assert status == 1 and "fold3: its records are not the ones that were prepared" in errors
    shard.write_bytes(before[shard.name])
    assert files(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    shard.write_bytes(content)
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    with pytest.raises(ValueError, match="no file format 'parquet'. There are: tfrecord, array"):
        converting.convert(builder, "parquet")
    with locks.alone(folder.parent / f"{folder.name}.lock", lambda seconds: None):
        with pytest.raises(core.CorpusError, match="another process is preparing"):
            in_another_thread(converting.convert, builder, "array_record")
    status = cli.main(["convert", "qmnist", "--to=tfrecord", f"--data_dir={data_dir}"])
    assert status == 1


def in_another_thread(function, *arguments):
    """Locks belong to a thread, and the one of a test has it."""
    from concurrent import futures

    with futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()
