"""Whoever replaces a method of TFDS's builders finds his own used, and nothing done beside it."""

from __future__ import annotations

import functools
import pathlib
import shutil
from unittest import mock

import engine_corpus
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import dataset_builder

import tfds_extra  # noqa: F401
from tfds_extra.core import hooks
from tfds_extra.core import prepared as whole

_PREPARE = dataset_builder.DatasetBuilder.download_and_prepare
_CORPUS = "free_spoken_digit/v1.0"
_READ = dataset_builder.FileReaderBuilder._as_dataset


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> engine_corpus.EngineCorpus:
    builder = engine_corpus.EngineCorpus(rows=30, data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare()
    return builder


@pytest.mark.parametrize("kind", ["mock", "autospec", "function"])
def test_replaced_download_and_prepare(tmp_path, kind):
    calls = []
    new = {
        "mock": {},
        "autospec": {"autospec": True},
        "function": {"new": lambda self, **kwargs: calls.append(kwargs)},
    }[kind]
    owner = tfds.core.DatasetBuilder
    with mock.patch.object(owner, "download_and_prepare", **new) as replaced:
        engine_corpus.EngineCorpus(data_dir=tmp_path).download_and_prepare(download_dir="x")
    assert calls == [{"download_dir": "x"}] if kind == "function" else replaced.call_count == 1
    assert not list(tmp_path.iterdir())


def test_a_spy_sees_the_data_prepared_our_way(tmp_path):
    calls = []

    @functools.wraps(_PREPARE)
    def spy(self, **kwargs):
        calls.append(kwargs)
        return _PREPARE(self, **kwargs)

    with mock.patch.object(tfds.core.DatasetBuilder, "download_and_prepare", spy):
        builder = engine_corpus.EngineCorpus(rows=30, data_dir=tmp_path)
        builder.download_and_prepare()
    assert calls and builder.info.metadata["order_digest"]


@pytest.mark.parametrize("batch_size", [None, 2, -1])
@pytest.mark.parametrize("owner", ["FileReaderBuilder", "GeneratorBasedBuilder"])
def test_replaced_reading(prepared, owner, batch_size):
    def replacement(self, split, **kwargs):
        assert split == "train" and set(kwargs) == {"decoders", "read_config", "shuffle_files"}
        return tf.data.Dataset.from_tensor_slices({"number": np.arange(3)})

    with mock.patch.object(getattr(dataset_builder, owner), "_as_dataset", replacement):
        found = prepared.as_dataset(split="train", batch_size=batch_size)
    batches = [found] if batch_size == -1 else list(found)
    assert [n for batch in batches for n in np.atleast_1d(batch["number"])] == [0, 1, 2]
    # And afterwards the data is read again.
    assert len(list(prepared.as_dataset(split="train"))) > 3


def test_a_spy_on_reading_is_called(prepared):
    @functools.wraps(_READ)
    def spy(self, *args, **kwargs):
        calls.append(kwargs)
        return _READ(self, *args, **kwargs)

    calls = []
    with mock.patch.object(dataset_builder.FileReaderBuilder, "_as_dataset", spy):
        assert list(prepared.as_dataset(split="train", batch_size=2))
    assert len(calls) == 1


def test_an_overridden_reading_is_used(tmp_path):
    class Other(engine_corpus.EngineCorpus):
        name = "engine_corpus"

        def _as_dataset(self, split, **kwargs):
            return super()._as_dataset(split, **kwargs).take(1)

    builder = Other(rows=30, data_dir=tmp_path)
    builder.download_and_prepare()
    assert len(list(builder.as_dataset(split="train", batch_size=1))) == 1


def test_replaced_data_source(prepared):
    """Whatever it gives back; the data itself has no random access."""
    with mock.patch.object(
        tfds.core.DatasetBuilder, "as_data_source", lambda self, split, **kwargs: [split, kwargs]
    ):
        assert prepared.as_data_source("train", decoders=None) == ["train", {"decoders": None}]


def test_replaced_as_dataset(prepared):
    with mock.patch.object(tfds.core.DatasetBuilder, "as_dataset") as replaced:
        assert prepared.as_dataset(split="train") is replaced.return_value


@pytest.fixture(scope="module")
def spoken_digit(tmp_path_factory) -> pathlib.Path:
    """A data folder with the miniature of Free Spoken Digit."""
    data_dir = tmp_path_factory.mktemp("spoken")
    tfds.builder(_CORPUS, data_dir=data_dir, miniature=True).download_and_prepare()
    return data_dir


@pytest.mark.parametrize("there", ["nothing", "all", "metadata", "an info that is not whole"])
@pytest.mark.parametrize("batch_size", [None, 2])
def test_mock_data(spoken_digit, tmp_path, monkeypatch, there, batch_size):
    """What lies in its folder is no prepared data to be read, and nobody judges whether it is whole."""
    data_dir = tmp_path / "data"
    if there != "nothing":
        shutil.copytree(spoken_digit, data_dir)
    if there in ("metadata", "an info that is not whole"):
        for shard in data_dir.rglob("*.tfrecord*"):
            shard.unlink()
    if there == "an info that is not whole":
        for path in data_dir.rglob("metadata.json"):
            path.unlink()
    monkeypatch.setattr(whole, "fault", mock.Mock(side_effect=AssertionError("it was judged")))
    files = sorted(tmp_path.rglob("*"))
    kwargs = {"split": "train", "builder_kwargs": {"miniature": True}}
    with tfds.testing.mock_data(num_examples=3, data_dir=str(data_dir)):
        dataset, info = tfds.load(_CORPUS, batch_size=batch_size, with_info=True, **kwargs)
        assert len(list(dataset.unbatch() if batch_size else dataset)) == 3
        assert len(tfds.data_source(_CORPUS, **kwargs)) == 3
        tfds.builder(_CORPUS, miniature=True).download_and_prepare()
    assert bool(info.splits) == (there != "nothing")
    assert sorted(tmp_path.rglob("*")) == files


def test_whether_tfds_own_is_there():
    assert hooks.is_tfds_own(tfds.core.GeneratorBasedBuilder.as_dataset)
    assert not hooks.is_tfds_own(engine_corpus.EngineCorpus.download_and_prepare)
    assert not hooks.is_tfds_own(mock.MagicMock())
    assert not hooks.is_in_data_source()
