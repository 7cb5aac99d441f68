"""Batched reading, against TFDS's own example-by-example way on the same files."""

from __future__ import annotations

import io
from unittest import mock

import engine_corpus
import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tensorflow_datasets as tfds
import tiers

from tfds_extra.core import reading
from tfds_extra.features import Audio, EncodedAudio, PixelImage

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


# ------------------------------------------------------------------------------------ one by one

_OTHERS = {
    "picture": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
    "recording": EncodedAudio(),
    "mono": EncodedAudio(mono=True, dtype=np.int16),
    "stereo": Audio(sample_rate=8000, shape=(None, 2), dtype=np.float32),
    "lists": tfds.features.Sequence(tfds.features.Sequence(np.int64)),
    "deeper": tfds.features.Sequence(tfds.features.Sequence(tfds.features.Sequence(np.int32))),
    "texts": tfds.features.Sequence(tfds.features.Sequence(tfds.features.Text())),
    "boxes": tfds.features.Sequence(tfds.features.Sequence(tfds.features.BBoxFeature())),
    "objects": tfds.features.Sequence({"name": tfds.features.Text(), "at": np.float32}),
    "pictures": tfds.features.Sequence(PixelImage(shape=(2, 3, 1))),
    "wide": tfds.features.Tensor(shape=(2, None), dtype=np.int32),
    "unsigned": tfds.features.Scalar(np.uint64),
    "packed": tfds.features.Tensor(shape=(3,), dtype=np.int32, encoding="zlib"),
    "tokens": tfds.features.Dataset({"a": np.int64}),
    "deep": {
        "label": tfds.features.ClassLabel(num_classes=3),
        "words": {"x": tfds.features.Text()},
    },
    "number": np.int64,
    "no numbers": tfds.features.Tensor(shape=(2, 0), dtype=np.int64),
}


def _other(i: int) -> dict:
    sound = io.BytesIO()
    soundfile.write(sound, np.arange(i * 5 + 1, dtype=np.int16), 8000, format="FLAC")
    box = tfds.features.BBox(0.0, 0.0, 0.5, 0.5 + i / 100)
    return {
        "picture": np.full((i % 3 + 1, 2, 3), i, np.uint8),
        "recording": sound.getvalue(),
        "mono": sound.getvalue() if i % 4 else b"",
        "stereo": np.full((i % 3, 2), i / 9, np.float32),
        "lists": [[i] * k for k in range(i % 4)],
        "deeper": [[[k] * i, []] for k in range(i % 3)],
        "texts": [["x" * k] * k for k in range(i % 4)],
        "boxes": [[box] * k for k in range(i % 3)],
        "objects": [{"name": f"object {k}", "at": k / 7} for k in range(i % 5)],
        "pictures": [np.full((2, 3, 1), k, np.uint8) for k in range(i % 3)],
        "wide": np.full((2, i % 4), i, np.int32),
        "unsigned": 2**64 - 1 - i,
        "packed": np.full(3, i, np.int32),
        "tokens": [{"a": k} for k in range(i % 3)],
        "deep": {"label": i % 3, "words": {"x": "x" * i}},
        "number": i,
        "no numbers": np.zeros((2, 0), np.int64),
    }


class _Others(_Builder, skip_registration=True):
    """The same of features that are decoded one by one."""

    def _info(self):
        features = tfds.features.FeaturesDict(_OTHERS)
        keys = ("picture", ("number", "lists"))
        return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=keys)

    def _generate_examples(self):
        for i in range(self.count):
            yield i, _other(i)


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> _Others:
    builder = _Others(data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=3))
    return builder


@pytest.fixture(params=["batchable", "others"])
def any_builder(request) -> _Builder:
    return request.getfixturevalue("builder" if request.param == "batchable" else "others")


@pytest.fixture(params=tiers.sampled([4, 128], [4]))
def chunk(request, monkeypatch) -> int:
    """Records of a chunk: fewer than there are, and all of them."""
    monkeypatch.setattr(reading, "_CHUNK", request.param)
    return request.param


def _both(builder, split="train", **kwargs):
    """What is read by ours, and by TFDS."""
    kwargs = {"decoders": None, "read_config": tfds.ReadConfig(), "shuffle_files": False, **kwargs}
    return reading.read_examples(builder, split, **kwargs), builder._as_dataset(split, **kwargs)


def _assert_same_examples(mine, theirs) -> int:
    assert mine.element_spec == theirs.element_spec
    assert mine.cardinality() == theirs.cardinality()
    assert str(mine.element_spec) == str(theirs.element_spec)  # In the same order.
    count = 0
    for a, b in zip(mine, theirs, strict=True):
        tf.nest.assert_same_structure(a, b)
        for x, y in zip(tf.nest.flatten(a), tf.nest.flatten(b)):
            assert type(x) is type(y)
            if isinstance(x, tf.data.Dataset):
                assert list(tfds.as_numpy(x)) == list(tfds.as_numpy(y))
                continue
            if isinstance(x, tf.RaggedTensor):
                assert x.to_list() == y.to_list()
                x, y = x.flat_values, y.flat_values
            assert x.dtype == y.dtype and x.shape == y.shape
            np.testing.assert_array_equal(x, y)
        count += 1
    return count


_CONFIGS = {
    "default": {},
    "with ids": {"add_tfds_id": True},
    "one file at a time": {"interleave_cycle_length": 1},
    "two files, two each": {"interleave_cycle_length": 2, "interleave_block_length": 2},
    "decoded in turn": {"num_parallel_calls_for_decode": None},
    "files in reverse": {"experimental_interleave_sort_fn": lambda files: files[::-1]},
    "unknown number": {"assert_cardinality": False},
    "a part of the files": {"input_context": tf.distribute.InputContext(2, 1, 2)},
    "small buffer": {"override_buffer_size": 64},
}


@pytest.mark.parametrize("config", tiers.sampled(_CONFIGS, ["default", "with ids"]))
def test_examples_are_the_same(any_builder, chunk, config):
    mine, theirs = _both(any_builder, read_config=tfds.ReadConfig(**_CONFIGS[config]))
    assert _assert_same_examples(mine, theirs) == (7 if "part" in config else 23)


@pytest.mark.parametrize("try_autocache", [True, False])
def test_supervised_examples_are_the_same(any_builder, try_autocache):
    config = tfds.ReadConfig(try_autocache=try_autocache)
    keys = any_builder.info.supervised_keys
    options = {"decoders": None, "read_config": config, "shuffle_files": False}
    mine = reading.read_examples(any_builder, "train", structure=keys, cache=True, **options)
    theirs = any_builder.as_dataset("train", as_supervised=True, read_config=config)
    assert _assert_same_examples(mine, theirs) == 23
    assert _assert_same_examples(mine, mine) == 23  # The second time from the cache.


def test_a_recording_that_cannot_be_decoded(others, monkeypatch):
    monkeypatch.setattr(EncodedAudio, "decode", mock.Mock(side_effect=ValueError("recording of")))
    with pytest.raises(tf.errors.InvalidArgumentError, match="recording of"):
        next(iter(_both(others)[0]))


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train[3:17]", "train[:50%]+train[90%:]", "train[22:]"])
def test_slices_are_the_same(any_builder, chunk, split):
    assert _assert_same_examples(*_both(any_builder, split)) in (14, 14, 1)


def test_files_are_shuffled_the_same(any_builder, chunk):
    config = tfds.ReadConfig(shuffle_seed=5, shuffle_reshuffle_each_iteration=False)
    assert _assert_same_examples(*_both(any_builder, shuffle_files=True, read_config=config)) == 23


def test_options_of_the_user_are_kept(builder):
    options = tf.data.Options()
    options.deterministic = False
    options.autotune.enabled = False
    for dataset in _both(builder, read_config=tfds.ReadConfig(options=options)):
        assert dataset.options().deterministic is False
        assert dataset.options().autotune.enabled is False


@pytest.mark.parametrize(
    "decoders",
    [
        {"picture": tfds.decode.SkipDecoding(), "recording": tfds.decode.SkipDecoding()},
        {"deep": {"label": tfds.decode.SkipDecoding()}},
        tfds.decode.PartialDecoding(["number", "objects"]),
        tfds.decode.PartialDecoding({"deep": {"words": True}, "picture": True}),
        tfds.decode.PartialDecoding(["picture"], {"picture": tfds.decode.SkipDecoding()}),
    ],
    ids=["published bytes", "a number", "some", "parts of some", "some published bytes"],
)
def test_decoders_are_the_same(others, chunk, decoders):
    assert _assert_same_examples(*_both(others, decoders=decoders)) == 23


def test_reading_goes_on_where_it_was_saved(any_builder, chunk, tmp_path):
    for dataset in _both(any_builder):
        iterator = iter(dataset.map(lambda example: example.get("number", example.get("int64"))))
        before = [int(next(iterator)) for _ in range(6)]
        path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "saved"))
        rest = [int(number) for number in iterator]
        tf.train.Checkpoint(iterator=iterator).read(path)
        assert [int(number) for number in iterator] == rest
        assert len(before + rest) == len({*before, *rest}) == 23


def test_examples_without_a_shape_are_not_padded(builder):
    lengths = {example["audio"].shape[0] for example in _both(builder)[0]}
    assert lengths == {i * 3 % 7 for i in range(23)}


def test_only_what_is_asked_for_is_parsed(ordered, monkeypatch):
    """Of other features there may be nothing in the records."""
    asked = []
    read = reading.read_examples

    def spy(builder, split, **kwargs):
        asked.append(kwargs["decoders"])
        return read(builder, split, **kwargs)

    monkeypatch.setattr(reading, "read_examples", spy)
    keys = mock.PropertyMock(return_value=("number", "number"))
    monkeypatch.setattr(tfds.core.DatasetInfo, "supervised_keys", keys)
    pairs = list(tfds.as_numpy(ordered.as_dataset(split="train", as_supervised=True)))
    assert len(pairs) == 480 and all(a == b for a, b in pairs)
    assert asked[0].extract_features(ordered.info.features).keys() == {"number"}
