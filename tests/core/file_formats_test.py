"""File formats: a data source needs random access, `tf.data` needs it not to be array_record."""

from __future__ import annotations

import multiprocessing
import pathlib
import pickle
import re
import shlex

import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import constants
from tensorflow_datasets.scripts.cli import main as tfds_command

import tfds_extra  # noqa: F401
from tfds_extra import cli, core

_NAME = "free_spoken_digit/v1.0"
_FORMATS = {"tfrecord", "array_record"}


def load(function, data_dir, **kwargs):
    builder_kwargs = {"miniature": True, **kwargs}
    return function(_NAME, split="train", data_dir=data_dir, builder_kwargs=builder_kwargs)


def formats(data_dir) -> set[str]:
    """Of the record files below a folder."""
    return {f for f in _FORMATS if list(data_dir.rglob(f"*.{f}-*"))}


@pytest.mark.parametrize("as_string", [False, True])
def test_data_source_prepares_what_it_reads(data_dir, as_string):
    data_dir = str(data_dir) if as_string else data_dir
    source = load(tfds.data_source, data_dir)
    assert len(source) == 4 and source[0]["label"] in range(10)
    assert formats(pathlib.Path(data_dir)) == {"array_record"}
    # Again, from what is there; a builder knows what it reads, also after pickling.
    assert len(load(tfds.data_source, data_dir)) == 4
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    assert len(pickle.loads(pickle.dumps(builder)).as_data_source("train")) == 4


def test_data_source_in_the_default_folder(data_dir, monkeypatch):
    monkeypatch.setattr(constants, "DATA_DIR", str(data_dir))
    assert len(tfds.data_source(f"{_NAME}-miniature", split="train")) == 4
    assert formats(data_dir) == {"array_record"}


def test_tfds_load_prepares_tfrecord(data_dir):
    assert len(list(load(tfds.load, data_dir))) == 4
    assert formats(data_dir) == {"tfrecord"}


@pytest.mark.parametrize("explicit", [False, True])
def test_tfrecord_that_is_there_is_named_with_the_remedy(data_dir, capsys, explicit):
    load(tfds.load, data_dir)
    folder = data_dir / "free_spoken_digit" / "v1.0-miniature" / "1.0.0"
    kwargs = {"file_format": "array_record"} if explicit else {}
    error = core.CorpusError if explicit else NotImplementedError
    with pytest.raises(error, match="prepared as tfrecord, not as array_record") as caught:
        load(tfds.data_source, data_dir, **kwargs)
    as_it_is = {"miniature": True, "file_format": "tfrecord"}
    assert tfds.builder(_NAME, data_dir=data_dir, **as_it_is).is_prepared()
    message = str(caught.value)
    assert f"{folder}: prepared as" in message
    build = ["build", _NAME, "--miniature", f"--data_dir={data_dir}"]
    assert cli.main([*build, "--file_format=array_record"]) == 1
    assert message[message.index(str(folder)) :] in capsys.readouterr().err
    # The command does what the message says.
    command = re.search(r"`tfds-extra (.*?)`", message)[1]
    assert cli.main(shlex.split(command)) == 0
    assert formats(data_dir) == _FORMATS
    expected = list(tfds.as_numpy(load(tfds.load, data_dir)))
    source = load(tfds.data_source, data_dir, **kwargs)
    assert [e["audio/filename"] for e in source] == [e["audio/filename"] for e in expected]
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    for _ in range(2):  # One builder reads both.
        assert len(builder.as_data_source("train")) == 4
        assert len(list(builder.as_dataset(split="train"))) == 4
        assert len(list(builder.as_dataset(split="train", batch_size=4))) == 1


def test_what_was_added_is_held_against_what_was_prepared(data_dir, capsys):
    load(tfds.load, data_dir)
    (folder,) = data_dir.glob("*/v1.0-miniature/*")
    options = [f"--dataset_version_dir={folder}", "--out_file_format=array_record"]
    tfds_command.main(tfds_command._parse_flags(["tfds", "convert_format", *options]))
    (shard,) = folder.glob("*-train.array_record-*")
    (other,) = folder.glob("*-test.array_record-*")

    def validated() -> tuple[int, list[str]]:
        capsys.readouterr()
        status = cli.main(["validate", _NAME, "--miniature", f"--data_dir={data_dir}"])
        lines = capsys.readouterr().out.splitlines()
        return status, [line for line in lines if str(folder) in line]

    status, lines = validated()
    assert status == 0 and len(lines) == 4
    assert f"ok         {folder} train as array_record (4 examples)" in "\n".join(lines)
    content = shard.read_bytes()
    shard.write_bytes(other.read_bytes())
    status, lines = validated()
    (wrong,) = [line for line in lines if line.startswith("  WRONG")]
    assert status == 1 and f"{folder} train as array_record: " in wrong
    shard.write_bytes(content[:-1])
    status, lines = validated()
    assert status == 1 and f"{shard.name} cannot be read" in "\n".join(lines)
    shard.unlink()
    assert f"{shard.name} is missing" in validated()[1][0]
    with pytest.raises(core.CorpusError, match=f"{shard.name} is missing.*--overwrite"):
        load(tfds.data_source, data_dir)


def test_data_source_of_no_data(data_dir):
    load(tfds.data_source, data_dir)
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    with pytest.raises(ValueError, match="corresponds to no data"):
        builder.as_data_source("train[:0]")


@pytest.mark.parametrize("batch_size", [None, 2])
def test_tf_data_of_array_record(data_dir, batch_size):
    load(tfds.data_source, data_dir)
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    with pytest.raises(NotImplementedError, match="prepared as array_record, not as tf") as caught:
        builder.as_dataset(split="train", batch_size=batch_size)
    assert builder.data_dir in str(caught.value)
    with pytest.raises(core.CorpusError, match="prepared as array_record, not as tfrecord"):
        load(tfds.load, data_dir, file_format="tfrecord")
    command = re.search(r"`tfds-extra (.*?)`", str(caught.value))[1]
    assert cli.main(shlex.split(command)) == 0
    for kwargs in ({}, {"file_format": "tfrecord"}):
        assert len(list(load(tfds.load, data_dir, **kwargs))) == 4


def test_data_source_of_what_is_not_prepared(data_dir):
    builder = tfds.builder(_NAME, data_dir=data_dir, miniature=True)
    with pytest.raises(NotImplementedError, match="You have to run download_and_prepare"):
        builder.as_data_source("train")


def test_unknown_format(data_dir):
    with pytest.raises(ValueError, match="rubbish"):
        tfds.builder(_NAME, data_dir=data_dir, miniature=True, file_format="rubbish")


@pytest.mark.parametrize("method", ["spawn", pytest.param("forkserver", marks=pytest.mark.slow)])
def test_a_process_of_its_own_reads_the_source(data_dir, method):
    """As a DataLoader does. With "fork" array_record crashes if this process has used it."""
    source = load(tfds.data_source, data_dir)
    expected = [example["audio"].tolist() for example in source.__getitems__([2, 0])]
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        found = pool.apply_async(source.__getitems__, ([2, 0],)).get(timeout=120)
    assert [example["audio"].tolist() for example in found] == expected
