"""The test that every builder takes; a builder's own test states only its facts.

On top of `tfds.testing.DatasetBuilderTestCase` it checks what DESIGN calls the contracts. Everything
is prepared from the miniature, for each config.
"""

from __future__ import annotations

import functools
import hashlib
import pathlib
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from apache_beam.options import pipeline_options

from tfds_extra import core, registry
from tfds_extra.core import downloads, pieces
from tfds_extra.features import Audio, EncodedAudio


class BuilderTestCase(tfds.testing.DatasetBuilderTestCase):
    """Inherit from it and set what follows.

    Attributes:
      DATASET_CLASS: The builder.
      MINIATURE: Number of examples in the miniature by config and split; the config is "" for a
        builder without configs. Of a builder with very many, those in TFDS's
        `BUILDER_CONFIG_NAMES_TO_TEST` will do.
      STANDARD_BUILDER: Name of the builder in the standard catalogue that this one extends, if any.
      ALSO_STANDARD: Names of further ones whose features it has, too, with the config that has them.
      OTHER_TYPES: Shared features whose dtype or shape is another one on purpose, and why.
    """

    MINIATURE: dict[str, dict[str, int]] = {}
    STANDARD_BUILDER: str | None = None
    ALSO_STANDARD: dict[str, str] = {}
    OTHER_TYPES: dict[str, str] = {}

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = str(cls.DATASET_CLASS.miniature_dir())
        super().setUpClass()
        cls._folder = tempfile.TemporaryDirectory()
        cls._prepared = {}

    @classmethod
    def tearDownClass(cls):
        cls._folder.cleanup()
        super().tearDownClass()

    # ------------------------------------------------ fitting TFDS's test case to our miniatures

    def _make_builder(self, config=None):
        return self.DATASET_CLASS(data_dir=self.tmp_dir, config=config, miniature=True)

    def _get_dl_download_result(self, url):
        tf.nest.map_structure(self._add_url, url)
        infos = self.DATASET_CLASS.url_infos
        return tf.nest.map_structure(
            lambda u: self.dummy_data / infos[downloads.as_resource(u).url].filename, url
        )

    def _test_key_not_local_path(self, builder):
        # It looks at one example after the other, and knows no `Rows`.
        builder._generate_examples = functools.partial(
            pieces.one_by_one, read=builder._generate_examples
        )
        return super()._test_key_not_local_path(builder)

    def _download_and_prepare_as_dataset(self, builder):
        self.SPLITS = self.MINIATURE[builder.base_config_name or ""]
        super()._download_and_prepare_as_dataset(builder)

    # ----------------------------------------------------------------------------------- helpers

    def prepare(self, config: str, folder: str = "", **kwargs: Any) -> core.Builder:
        """The builder of one config with its miniature prepared, once for each set of arguments."""
        key = (config, folder, *sorted(kwargs.items()))
        if key not in self._prepared:
            data_dir = pathlib.Path(self._folder.name) / folder
            builder = self.DATASET_CLASS(
                data_dir=data_dir, config=config or None, miniature=True, **kwargs
            )
            builder.download_and_prepare()
            self._prepared[key] = builder
        return self._prepared[key]

    def few_configs(self) -> list[str]:
        """The first and the last config, for what depends little on them."""
        configs = list(self.MINIATURE)
        return list(dict.fromkeys([configs[0], configs[-1]]))

    def largest_split(self, config: str) -> str:
        """The split with most examples in the miniature."""
        counts = self.MINIATURE[config]
        return max(counts, key=counts.get)

    def raw_examples(self, builder: core.Builder) -> dict[str, list[tuple[Any, dict[str, Any]]]]:
        """Keys and examples as the builder yields them, by split."""
        dl_manager = builder._make_download_manager(None, tfds.download.DownloadConfig())
        generators = builder._split_generators(dl_manager)
        return {split: list(examples) for split, examples in generators.items()}

    # ------------------------------------------------------------------------------------- tests

    def test_miniature_covers_all_configs(self):
        names = self.BUILDER_CONFIG_NAMES_TO_TEST
        names = names or [c.name for c in self.DATASET_CLASS.BUILDER_CONFIGS] or [""]
        self.assertEqual(sorted(self.MINIATURE), sorted(names))

    def test_name_is_free_in_the_standard_catalogue(self):
        standard = set(tfds.list_builders()) - set(registry.names())
        self.assertGreater(len(standard), 400)
        self.assertNotIn(self.DATASET_CLASS.name, standard)

    def test_official_counts_for_every_config(self):
        for config in self.MINIATURE:
            with self.subTest(config=config):
                builder = self.DATASET_CLASS(data_dir=self.tmp_dir, config=config or None)
                self.assertEqual(set(builder.expected_counts), set(self.MINIATURE[config]))
                self.assertTrue(all(count > 0 for count in builder.expected_counts.values()))

    def test_metadata_files(self):
        metadata = self.DATASET_CLASS.get_metadata()
        self.assertGreater(len(metadata.description), 100)
        self.assertRegex(metadata.citation, r"(?s)^@\w+\{[\w:-]+,.*\btitle\s*=.*\}\s*$")
        self.assertEqual(metadata.citation.count("{"), metadata.citation.count("}"))
        self.assertNotEmpty(metadata.tags)
        info = self.builder.info
        self.assertRegex(info.homepage, r"^https?://(?!www\.tensorflow\.org)")
        self.assertTrue(info.redistribution_info.license)
        self.assertIn(str(self.builder.version), self.DATASET_CLASS.RELEASE_NOTES)

    def test_every_feature_is_documented(self):
        def check(features, path):
            for name, feature in features.items():
                if isinstance(feature, tfds.features.FeaturesDict):
                    check(feature, f"{path}{name}/")
                else:
                    self.assertTrue(feature.doc.desc, f"{path}{name} has no doc")

        check(self.builder.info.features, "")

    def test_superset_of_standard_builder(self):
        if self.STANDARD_BUILDER is None:
            self.skipTest("the standard catalogue has no such corpus")
        standard = tfds.builder(self.STANDARD_BUILDER, data_dir=self.tmp_dir).info
        self.assertEqual(self.builder.info.supervised_keys, standard.supervised_keys)
        different = self._assert_superset_of(standard.features, self.builder.info.features)
        for name, config in self.ALSO_STANDARD.items():
            standard = tfds.builder(name, data_dir=self.tmp_dir).info
            ours = self._make_builder(config).info
            different |= self._assert_superset_of(standard.features, ours.features)
        self.assertEqual(different, set(self.OTHER_TYPES))

    def _assert_superset_of(self, standard: Any, ours: Any) -> set[str]:
        """All features of the standard builder are there; returns those of another dtype or shape."""
        different = set()
        for name, feature in standard.items():
            self.assertIn(name, ours)
            mine, theirs = ours[name].get_tensor_info(), feature.get_tensor_info()
            self.assertEqual(len(mine.shape), len(theirs.shape), name)
            self.assertEqual(np.dtype(mine.np_dtype).kind, np.dtype(theirs.np_dtype).kind, name)
            if (mine.np_dtype, mine.shape) != (theirs.np_dtype, theirs.shape):
                different.add(name)
            if isinstance(feature, tfds.features.ClassLabel):
                self.assertEqual(ours[name].num_classes, feature.num_classes)
                # Some builders read the names from the published files, when they prepare them.
                if feature._int2str is not None:
                    self.assertEqual(ours[name].names, feature.names)
        return different

    def test_every_url_has_a_digest(self):
        for config in self.MINIATURE:
            with self.subTest(config=config):
                builder = self.DATASET_CLASS(data_dir=self.tmp_dir, config=config or None)
                files = builder.published_files().values()
                self.assertNotEmpty(list(files))
                for url in [url for file in files for url in file.urls]:
                    info = builder.url_infos[url]
                    # With md5 or sha1 alone a digest of that kind; "unpublished" leaves it empty,
                    # and stands in the checksum file for all to see.
                    listed = self.DATASET_CLASS._checksums_path.read_text()
                    unpublished = f"{url}\t0\tunpublished\t" in listed
                    self.assertEqual(bool(info.digests), not unpublished)
                    self.assertTrue(info.filename)

    def test_every_file_of_the_miniature_has_a_sha256(self):
        """Without one, TFDS's URL would be pinned to the miniature's bytes."""
        for config in self.MINIATURE:
            with self.subTest(config=config):
                builder = self.DATASET_CLASS(config=config or None, miniature=True)
                for info in builder.url_infos.values():
                    self.assertRegex(info.checksum, r"^[0-9a-f]{64}$")

    def test_keys_are_unique_and_published(self):
        for config in self.MINIATURE:
            with self.subTest(config=config):
                for examples in self.raw_examples(self.prepare(config)).values():
                    keys = [key for key, _ in examples]
                    self.assertLen(set(keys), len(keys))
                    self.assertFalse([k for k in keys if str(self.dummy_data) in str(k)])

    def test_engine_agrees_with_tfds(self):
        """One pass over the pieces gives what TFDS's own code makes of the same builder."""
        for config in self.MINIATURE:
            with self.subTest(config=config):
                ours = self.prepare(config)
                theirs = self.DATASET_CLASS(
                    data_dir=tempfile.mkdtemp(dir=self._folder.name),
                    config=config or None,
                    miniature=True,
                )
                dl_manager = theirs._make_download_manager(None, tfds.download.DownloadConfig())
                pathlib.Path(theirs.data_dir).mkdir(parents=True)
                splits = super(core.Builder, theirs)._generate_splits(
                    dl_manager, tfds.download.DownloadConfig()
                )
                theirs.info.set_splits(tfds.core.SplitDict(splits))
                for split in self.MINIATURE[config]:
                    self.assert_same_examples(ours.as_dataset(split), theirs.as_dataset(split))

    def test_two_preparations_give_the_same_bytes(self):
        for config in self.MINIATURE:
            with self.subTest(config=config):
                first, second = self.prepare(config), self.prepare(config, folder="again")
                self.assertNotEqual(first.data_dir, second.data_dir)
                self.assertEqual(_digests(first.data_dir), _digests(second.data_dir))

    def test_beam_and_workers_make_the_same(self):
        config = next(iter(self.MINIATURE))
        expected = self.prepare(config).info.metadata["order_digest"]
        workers = self.prepare(config, folder="workers", num_workers=2)
        self.assertEqual(workers.info.metadata["order_digest"], expected)
        beam = self.DATASET_CLASS(
            data_dir=tempfile.mkdtemp(dir=self._folder.name), config=config or None, miniature=True
        )
        options = pipeline_options.PipelineOptions(["--runner=FnApiRunner"])
        beam.download_and_prepare(
            download_config=tfds.download.DownloadConfig(beam_options=options)
        )
        self.assertEqual(beam.info.metadata["order_digest"], expected)
        self.assertEqual(_digests(beam.data_dir), _digests(self.prepare(config).data_dir))

    def test_batches_are_padded_examples(self):
        for config in self.MINIATURE:
            with self.subTest(config=config):
                builder = self.prepare(config)
                for split in self.MINIATURE[config]:
                    one_by_one = builder.as_dataset(split=split).padded_batch(7)
                    self.assert_same_examples(
                        builder.as_dataset(split=split, batch_size=7), one_by_one
                    )

    def test_random_access(self):
        for config in self.MINIATURE:
            with self.subTest(config=config):
                name = "/".join(filter(None, [self.DATASET_CLASS.name, config]))
                data_dir = pathlib.Path(self._folder.name) / "random"
                # It prepares them, as what has random access.
                sources = tfds.data_source(
                    name, data_dir=data_dir, builder_kwargs={"miniature": True}
                )
                for split, count in self.MINIATURE[config].items():
                    source = sources[split]
                    self.assertLen(source, count)
                    expected = tfds.as_numpy(self.prepare(config).as_dataset(split=split))
                    for mine, theirs in zip(source, expected, strict=True):
                        # TFDS's numpy parser gives scalars as Python's own int and float.
                        self.assert_same(mine, theirs, exact_dtype=False)
                    self.assert_same(source[count - 1], mine)
        self.assertEmpty(list(data_dir.rglob("*.tfrecord*")))

    def test_shuffle_files(self):
        """It works, and shuffles examples too where they are in published order."""
        config = self.few_configs()[-1]
        builder, split = self.prepare(config), self.largest_split(config)
        in_order = _digested(builder.as_dataset(split=split, batch_size=1))
        is_ordered = builder.info.disable_shuffling
        seeded = {"shuffle_files": True, "read_config": tfds.ReadConfig(shuffle_seed=3)}
        for kwargs in [{}, {"batch_size": 1}] if is_ordered else [{"batch_size": 1}]:
            kwargs["split"] = split
            shuffled = builder.as_dataset(**kwargs, **seeded)
            first = _digested(shuffled)
            self.assertCountEqual(first, in_order)
            if is_ordered:
                self.assertLen({tuple(x) for x in (in_order, first, _digested(shuffled))}, 3)
                self.assertEqual(_digested(builder.as_dataset(**kwargs, **seeded)), first)
                mixing = tfds.ReadConfig(interleave_cycle_length=4)
                with self.assertRaisesRegex(ValueError, "is an ordered dataset"):
                    builder.as_dataset(**kwargs, read_config=mixing)
        if is_ordered:
            self.assertEqual(_digested(builder.as_dataset(split=split)), in_order)
            with_ids = tfds.ReadConfig(add_tfds_id=True)
            dataset = builder.as_dataset(split=split, shuffle_files=True, read_config=with_ids)
            ids = {example["tfds_id"] for example in tfds.as_numpy(dataset)}
            self.assertLen(ids, len(in_order))

    def test_no_data(self):
        config = self.few_configs()[0]
        builder, split = self.prepare(config), self.largest_split(config)
        for batch_size in None, 2, -1:
            for name in f"{split}[:0]", f"{split}[1:1]":
                with self.assertRaisesRegex(ValueError, "corresponds to no data"):
                    builder.as_dataset(split=name, batch_size=batch_size)

    def test_mock_data(self):
        """`tfds.testing.mock_data` gives its own examples, whether there are real ones or not."""
        name = self.DATASET_CLASS.name
        shipped = pathlib.Path(tfds.testing.__file__).parent / "metadata" / name
        self.assertFalse(shipped.exists())
        config = self.few_configs()[0]
        kwargs = {"name": "/".join(filter(None, [name, config])), "split": self.largest_split(config)}
        with tfds.testing.mock_data(num_examples=5):
            self._check_mocked(kwargs)
        kwargs["builder_kwargs"] = {"miniature": True}
        with tfds.testing.mock_data(num_examples=5, data_dir=self.prepare(config).data_dir_root):
            self._check_mocked(kwargs)
        self.assertFalse(shipped.exists())

    def _check_mocked(self, kwargs: dict[str, Any]) -> None:
        dataset, info = tfds.load(**kwargs, with_info=True)
        self.assertLen(list(dataset), 5)
        batches = list(tfds.load(**kwargs, batch_size=3))
        self.assertEqual([len(tf.nest.flatten(batch)[0]) for batch in batches], [3, 2])
        source = tfds.data_source(**kwargs)
        self.assertLen(source, 5)
        self.assertEqual(set(source[0]), set(info.features))
        for feature_name, feature in info.features.items():
            if isinstance(feature, (tfds.features.Image, Audio, EncodedAudio)):
                # TFDS makes up no sequences of dicts that could be encoded, so these are left out.
                decoders = tfds.decode.PartialDecoding(
                    [feature_name], {feature_name: tfds.decode.SkipDecoding()}
                )
                for example in tfds.as_numpy(tfds.load(**kwargs, decoders=decoders)):
                    self.assertIsInstance(example[feature_name], bytes)

    def test_miniature_is_not_taken_for_the_corpus(self):
        for config in self.MINIATURE:
            with self.subTest(config=config):
                miniature = self.prepare(config)
                self.assertIn("miniature", miniature.data_dir)
                self.assertIn("MINIATURE", miniature.info.description)
                self.assertEqual(miniature.info.metadata["variant"], "miniature")
                corpus = self.DATASET_CLASS(data_dir=self._folder.name, config=config or None)
                self.assertFalse(corpus.is_prepared())
                self.assertNotIn("MINIATURE", corpus.info.description)

    def test_one_step_of_training(self):
        builders = {config: self.prepare(config) for config in self.MINIATURE}
        supervised = {c: b for c, b in builders.items() if b.info.supervised_keys}
        if not supervised:
            self.skipTest("no supervised keys")
        for config, builder in supervised.items():
            with self.subTest(config=config):
                split = next(iter(self.MINIATURE[config]))
                batches = builder.as_dataset(split=split, batch_size=8, as_supervised=True)
                model = _model(builder.info)
                model.compile(
                    "adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                )
                history = model.fit(batches, steps_per_epoch=1, verbose=0)
                self.assertTrue(np.isfinite(history.history["loss"][0]))

    # -------------------------------------------------------------------------------- comparing

    def assert_same_examples(self, mine: Any, theirs: Any) -> None:
        """Both datasets hold the same examples in the same order."""
        for a, b in zip(tfds.as_numpy(mine), tfds.as_numpy(theirs), strict=True):
            self.assert_same(a, b)

    def assert_same(self, mine: Any, theirs: Any, *, exact_dtype: bool = True) -> None:
        """Two examples are the same to the last bit, and of the same dtype."""
        # TFDS's numpy parser gives sequences as lists.
        mine, theirs = _without_lists(mine), _without_lists(theirs)
        tf.nest.assert_same_structure(mine, theirs)
        for a, b in zip(tf.nest.flatten(mine), tf.nest.flatten(theirs)):
            a, b = np.asarray(a), np.asarray(b)
            if a.size or exact_dtype:
                self.assertEqual(a.dtype.kind, b.dtype.kind)
            if exact_dtype and a.dtype.kind not in "OS":
                self.assertEqual(a.dtype, b.dtype)
            np.testing.assert_array_equal(a.astype(b.dtype), b)


def _digested(dataset: Any) -> list[bytes]:
    """A digest of each example, or batch of one, in the dataset's order."""
    digests = []
    for example in tfds.as_numpy(dataset):
        digest = hashlib.sha256()
        for value in tf.nest.flatten(example):
            value = np.asarray(value)
            is_text = value.dtype.kind in "OS"
            digest.update(repr(value.ravel().tolist()).encode() if is_text else value.tobytes())
        digests.append(digest.digest())
    return digests


def _without_lists(value: Any) -> Any:
    """A nested value with arrays in place of lists."""
    if isinstance(value, dict):
        return {name: _without_lists(one) for name, one in value.items()}
    if isinstance(value, list):
        return np.array(value, object if value and isinstance(value[0], bytes) else None)
    return value


def _digests(folder: str) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in pathlib.Path(folder).iterdir()
    }


def _model(info: tfds.core.DatasetInfo) -> tf.keras.Model:
    """A small model for the supervised keys."""
    name, label = info.supervised_keys
    feature = info.features[name]
    layers = tf.keras.layers
    if isinstance(feature, Audio):
        body = [
            layers.Rescaling(1 / 32768),
            layers.Reshape((-1, 1)),
            layers.Conv1D(4, 16, 8, padding="same"),
            layers.GlobalAveragePooling1D(),
        ]
        shape = feature.shape
    elif isinstance(feature, EncodedAudio):
        body = [
            layers.Lambda(lambda samples: tf.reduce_mean(samples, axis=2, keepdims=True)),
            layers.Conv1D(4, 16, 8, padding="same"),
            layers.GlobalAveragePooling1D(),
        ]
        shape = feature.shape
    elif isinstance(feature, tfds.features.Image):
        body = [
            layers.Resizing(16, 16),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ]
        shape = feature.shape
    else:
        raise TypeError(f"no model for {feature}")
    classes = info.features[label].num_classes
    return tf.keras.Sequential([layers.Input(shape), *body, layers.Dense(classes)])
