"""Records of files, against TFDS's own function on the same files."""

from __future__ import annotations

import dataclasses

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters
from tensorflow_datasets.core.utils import shard_utils

from tfds_extra import tfds_seam
from tfds_extra.core import record_files

_PER_FILE = 37  # More than the 16 records that TFDS takes from a file at a time.


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[shard_utils.FileInstruction]:
    """Files of which some have a record less."""
    folder, files = tmp_path_factory.mktemp("files"), []
    for index in range(20):
        count = _PER_FILE - index % 3
        path = folder / f"{index}.tfrecord"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for number in range(count):
                writer.write(f"{index} {number}".encode())
        files.append(shard_utils.FileInstruction(str(path), 0, count, count))
    return files


def _both(files, monkeypatch=None, shuffle_files=False, disable_shuffling=False, **config):
    kwargs = {
        "read_config": tfds.ReadConfig(**config),
        "shuffle_files": shuffle_files,
        "disable_shuffling": disable_shuffling,
        "file_format": file_adapters.FileFormat.TFRECORD,
    }
    theirs = tfds_seam.read_files(file_instructions=files, **kwargs)
    if monkeypatch is not None:
        monkeypatch.delattr(tfds_seam, "read_files")  # Ours does without.
    return record_files.read(files, **kwargs), theirs


def _records(dataset) -> list[bytes]:
    return list(dataset.as_numpy_iterator())


@pytest.mark.parametrize("count", [1, 2, 16, 20])
@pytest.mark.parametrize("disable_shuffling", [False, True])
def test_records_are_in_tfds_order(files, count, disable_shuffling, monkeypatch):
    mine, theirs = _both(files[:count], monkeypatch, disable_shuffling=disable_shuffling)
    assert mine.cardinality() == theirs.cardinality() == sum(f.take for f in files[:count])
    assert _records(mine) == _records(theirs)


@pytest.mark.parametrize("count", [1, 3])
def test_parts_of_files(files, count, monkeypatch):
    parts = [dataclasses.replace(file, skip=5, take=20) for file in files[:count]]
    mine, theirs = _both(parts, monkeypatch)
    assert _records(mine) == _records(theirs) and len(_records(mine)) == 20 * count


def test_files_are_shuffled_by_the_seed(files, monkeypatch):
    mine, theirs = _both(files, monkeypatch, shuffle_files=True, shuffle_seed=7)
    first = _records(mine)
    assert first == _records(theirs)
    assert _records(mine) == _records(theirs) != first  # Another order in each epoch.


def test_files_are_shuffled_without_a_seed(files, monkeypatch):
    mine, theirs = _both(files, monkeypatch, shuffle_files=True)
    first = _records(mine)
    assert sorted(first) == sorted(_records(theirs)) and first != _records(mine)


@pytest.mark.parametrize("config", [{"interleave_cycle_length": 3}, {"add_tfds_id": True}])
def test_what_only_tfds_can_do_is_left_to_it(files, config):
    mine, theirs = _both(files, **config)
    assert _records(mine) == _records(theirs)
    assert len(_records(mine)) == sum(file.take for file in files)


@pytest.mark.parametrize("count", [1, 2])
def test_missing_and_damaged_files(files, count, tmp_path):
    """Each is refused as TFDS refuses it."""
    content = open(files[0].filename, "rb").read()
    damages = {
        "gone": None,
        "short": content[:-9],
        "one record less": content[: -16 - len("0 36")],
        "altered": content[:100] + bytes([content[100] ^ 1]) + content[101:],
    }
    for name, damaged in damages.items():
        path = tmp_path / name
        if damaged is not None:
            path.write_bytes(damaged)
        some = [dataclasses.replace(files[0], filename=str(path)), *files[1:count]]
        errors = []
        for dataset in _both(some):
            with pytest.raises(tf.errors.OpError) as error:
                _records(dataset)
            errors.append(error.value)
        assert type(errors[0]) is type(errors[1]), name
        if name == "gone":
            assert str(path) in str(errors[0])
