"""Batched reading, against TFDS's own example-by-example way on the same files."""

from __future__ import annotations

import engine_corpus
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
import tiers

from tfds_extra.core import reading
from tfds_extra.features import Audio, PixelImage

_INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64]
_FEATURES = {
    **{np.dtype(t).name: tfds.features.Scalar(t) for t in (*_INTEGERS, np.float32, np.bool_)},
    "text": tfds.features.Text(),
    "label": tfds.features.ClassLabel(names=["a", "b"]),
    "box": tfds.features.BBoxFeature(),
    "matrix": tfds.features.Tensor(shape=(2, 3), dtype=np.float32),
    "growing": tfds.features.Tensor(shape=(None, 2), dtype=np.int32),
    "nothing": tfds.features.Tensor(shape=(None,), dtype=np.float32),
    "words": tfds.features.Sequence(tfds.features.Text()),
    "pairs": tfds.features.Sequence(tfds.features.Tensor(shape=(2,), dtype=np.int16)),
    "audio": Audio(sample_rate=8000),
    "audio/name": tfds.features.Text(),
    "stereo": Audio(sample_rate=8000, shape=(None, 2), dtype=np.float32),
    "nested": {"deep": {"number": np.int64}, "text": tfds.features.Text()},
    "image": PixelImage(shape=(2, 3, 1)),
    "exact": tfds.features.Tensor(shape=(2, 2), dtype=np.float64, encoding="bytes"),
    "exact_one": tfds.features.Tensor(shape=(), dtype=np.float64, encoding="bytes"),
}


def _example(i: int) -> dict:
    example = {np.dtype(t).name: np.iinfo(t).max - i for t in _INTEGERS}
    return {
        **example,
        "float32": i / 7,
        "bool": i % 2 == 0,
        "text": "ä" * i,
        "label": i % 2,
        "box": tfds.features.BBox(0.1, 0.2, 0.3, 0.4 + i / 100),
        "matrix": np.full((2, 3), i, np.float32),
        "growing": np.full((i % 3, 2), i, np.int32),
        "nothing": [],
        "words": ["w" * j for j in range(i % 4)],
        "pairs": np.full((i % 5, 2), i, np.int16),
        "audio": np.arange(i * 3 % 7, dtype=np.int16),
        "audio/name": f"recording {i}",
        "stereo": np.full((i % 2, 2), i / 9, np.float32),
        "nested": {"deep": {"number": -i}, "text": str(i)},
        "image": np.full((2, 3, 1), i, np.uint8),
        "exact": np.full((2, 2), i / 7),
        "exact_one": np.array(i / 7),
    }


class _Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Prepares `count` examples in several shards."""

    VERSION = tfds.core.Version("1.0.0")
    count = 23

    def _info(self):
        features = tfds.features.FeaturesDict(_FEATURES)
        return tfds.core.DatasetInfo(
            builder=self, features=features, supervised_keys=("audio", "label")
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in range(self.count):
            yield i, _example(i)


@pytest.fixture(scope="module")
def builder(tmp_path_factory) -> _Builder:
    builder = _Builder(data_dir=tmp_path_factory.mktemp("data"))
    config = tfds.download.DownloadConfig(num_shards=3)
    builder.download_and_prepare(download_config=config)
    return builder


def _batched(builder, split="train", batch_size=5, whole=False, **kwargs):
    options = {
        "shuffle_files": False, "decoders": None, "read_config": tfds.ReadConfig(),
        "as_supervised": False, **kwargs,
    }  # fmt: skip
    assert reading.can_read_batches(builder.info.features, **options)
    return reading.read_batches(builder, split, batch_size, whole=whole, **options)


def _assert_same(mine, theirs) -> int:
    batches = 0
    for a, b in zip(mine, theirs, strict=True):
        tf.nest.assert_same_structure(a, b)
        for x, y in zip(tf.nest.flatten(a), tf.nest.flatten(b)):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)
        batches += 1
    return batches


@pytest.mark.parametrize("batch_size", tiers.sampled([1, 5, 23, 100], [5]))
@pytest.mark.parametrize("split", ["train", "train[3:17]", "train[:50%]+train[90%:]"])
@pytest.mark.parametrize("as_supervised", [False, True])
def test_batches_are_the_same(builder, batch_size, split, as_supervised):
    options = {"split": split, "batch_size": batch_size, "as_supervised": as_supervised}
    assert _assert_same(_batched(builder, **options), builder.as_dataset(**options)) > 0


@pytest.mark.parametrize(
    "asked_for",
    [
        ["label", "image"],
        {"nested": {"deep": True}, "audio": True, "text": False},
        {"nested": {"text"}, "words": tfds.features.Sequence(tfds.features.Text())},
    ],
    ids=str,
)
def test_some_features_only(builder, asked_for):
    decoders = tfds.decode.PartialDecoding(asked_for)
    options = {"split": "train", "batch_size": 5, "decoders": decoders}
    mine = _batched(builder, **options)
    assert set(mine.element_spec) == {k for k in asked_for if k != "text"}
    assert _assert_same(mine, builder.as_dataset(**options)) == 5


def test_some_supervised_features(builder):
    decoders = tfds.decode.PartialDecoding(["audio", "label"])
    options = {"split": "train", "batch_size": 5, "decoders": decoders, "as_supervised": True}
    assert _assert_same(_batched(builder, **options), builder.as_dataset(**options)) == 5


def test_shapes_and_types_are_known(builder):
    mine, theirs = (
        ds.element_spec for ds in (_batched(builder), builder.as_dataset("train", batch_size=5))
    )
    tf.nest.assert_same_structure(mine, theirs)
    for a, b in zip(tf.nest.flatten(mine), tf.nest.flatten(theirs)):
        assert a.dtype == b.dtype and a.shape.rank == b.shape.rank
        assert a.is_compatible_with(b)


@pytest.mark.parametrize("try_autocache", [False, True])
def test_epochs_agree(builder, try_autocache):
    dataset = _batched(builder, read_config=tfds.ReadConfig(try_autocache=try_autocache))
    assert _assert_same(dataset, dataset) == 5


def test_all_at_once(builder):
    mine = _batched(builder, batch_size=23, whole=True)
    _assert_same([mine], [builder.as_dataset(split="train", batch_size=-1)])


def test_shuffled_files_hold_the_same_examples(builder):
    config = tfds.ReadConfig(shuffle_seed=3)
    options = {"shuffle_files": True, "read_config": config}
    numbers = [
        n
        for batch in _batched(builder, **options)
        for n in batch["nested"]["deep"]["number"].numpy()
    ]
    assert sorted(numbers) == list(range(-22, 1))


@pytest.fixture(scope="module")
def ordered(tmp_path_factory) -> engine_corpus.EngineCorpus:
    """A corpus in published order."""
    builder = engine_corpus.EngineCorpus(ordered=True, data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare()
    return builder


def _numbers(dataset) -> list[int]:
    return [n for example in tfds.as_numpy(dataset) for n in np.ravel(example["number"]).tolist()]


@pytest.mark.parametrize("batch_size", [None, 7])
def test_published_order_is_shuffled_if_asked_for(ordered, batch_size):
    kwargs = {"split": "train", "batch_size": batch_size}
    in_order = _numbers(ordered.as_dataset(**kwargs))
    assert in_order == [n for n in range(600) if n % 5]
    seeded = {"shuffle_files": True, "read_config": tfds.ReadConfig(shuffle_seed=3)}
    dataset = ordered.as_dataset(**kwargs, **seeded)
    first, second = _numbers(dataset), _numbers(dataset)
    assert sorted(first) == sorted(second) == in_order
    assert len({tuple(numbers) for numbers in (first, second, in_order)}) == 3
    assert _numbers(ordered.as_dataset(**kwargs, **seeded)) == first
    assert _numbers(ordered.as_dataset(**kwargs)) == in_order


@pytest.mark.parametrize("batch_size", [None, 7])
def test_published_order_is_guarded(ordered, batch_size):
    mixing = tfds.ReadConfig(interleave_cycle_length=4)
    with pytest.raises(ValueError, match="is an ordered dataset"):
        ordered.as_dataset(split="train", batch_size=batch_size, read_config=mixing)


def test_shuffled_examples_with_ids(ordered):
    with_ids = tfds.ReadConfig(add_tfds_id=True)
    dataset = ordered.as_dataset(split="test", shuffle_files=True, read_config=with_ids)
    assert len({example["tfds_id"] for example in tfds.as_numpy(dataset)}) == 120


def test_no_supervised_keys(builder, monkeypatch):
    info = tfds.core.DatasetInfo(builder=builder, features=builder.info.features)
    monkeypatch.setattr(_Builder, "info", info)
    with pytest.raises(ValueError, match="as_supervised=True but"):
        _batched(builder, as_supervised=True)


@pytest.mark.parametrize(
    "feature",
    [
        tfds.features.Image(),
        tfds.features.Scalar(np.uint64),
        tfds.features.Tensor(shape=(None, None), dtype=np.int32, encoding="bytes"),
        tfds.features.Tensor(shape=(3,), dtype=np.int32, encoding="zlib"),
        tfds.features.Sequence(tfds.features.Sequence(np.int64)),
        tfds.features.Sequence({"a": np.int64}),
        tfds.features.Sequence(Audio(sample_rate=8000)),
        tfds.features.Dataset({"a": np.int64}),
        tfds.features.Tensor(shape=(2, None), dtype=np.int32),
    ],
    ids=str,
)
def test_others_are_left_to_tfds(feature):
    features = tfds.features.FeaturesDict({"x": np.int64, "nested": {"feature": feature}})
    options = {"decoders": None, "read_config": tfds.ReadConfig()}
    assert not reading.can_read_batches(features, **options)
    # Unless they are not asked for.
    options["decoders"] = tfds.decode.PartialDecoding(["x"])
    assert reading.can_read_batches(features, **options)


def test_decoders_and_ids_are_left_to_tfds(builder):
    features = builder.info.features
    assert not reading.can_read_batches(
        features, decoders={"audio": tfds.decode.SkipDecoding()}, read_config=tfds.ReadConfig()
    )
    some = tfds.decode.PartialDecoding(["audio"], {"audio": tfds.decode.SkipDecoding()})
    assert not reading.can_read_batches(features, decoders=some, read_config=tfds.ReadConfig())
    assert not reading.can_read_batches(
        features, decoders=None, read_config=tfds.ReadConfig(add_tfds_id=True)
    )
