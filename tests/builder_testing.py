"""The test that every builder takes; a builder's own test states only its facts.

On top of `tfds.testing.DatasetBuilderTestCase` it checks what DESIGN calls the contracts. Everything
is prepared from the miniature, for each config.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import hashlib
import inspect
import json
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import preparing
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from apache_beam.options import pipeline_options
from matplotlib.backends import backend_agg

from tests import peeked
from tfds_extra import core, listing, registry, show
from tfds_extra.core import downloads, own_copies, pieces, prepared, tables, validation
from tfds_extra.core.archives.names import rename
from tfds_extra.features import Audio, EncodedAudio

_OTHERS = "_in_the_other_configs"
_SMALL_CHUNK = 512  # Bytes, so that even a miniature has several.
_PEEKED = 4  # So many examples of each split are peeked at.


class each_config:
    """Makes two tests of a check that is called with the name of each config.

    The check is made of the first config in the quick tier, of all others in the slow tier, so that
    a corpus with many configs does not hold up the tests of every change. A check that is marked as
    slow itself is so for the first config, too.
    """

    def __init__(self, check: Callable[[Any, str], None]):
        self._check = check

    def __set_name__(self, owner: type, name: str) -> None:
        check = self._check

        def test_first(case):
            check(case, next(iter(case.MINIATURE)))

        def test_others(case):
            for config in self._others(case):
                with case.subTest(config=config):
                    check(case, config)

        test_first.__doc__ = test_others.__doc__ = check.__doc__
        test_first.pytestmark = getattr(check, "pytestmark", [])
        setattr(owner, name, test_first)
        setattr(owner, name + _OTHERS, pytest.mark.slow(test_others))

    def _others(self, case: Any) -> list[str]:
        return list(case.MINIATURE)[1:]


class each_set_of_features(each_config):
    """The same, but of configs whose features are the same only the first is taken.

    It is for checks of how examples are read: that is decided by the features, and making TensorFlow's
    graphs for each config would take most of the time of the slow tier.
    """

    def _others(self, case: Any) -> list[str]:
        first: dict[Any, str] = {}
        for config in case.MINIATURE:
            info = case.DATASET_CLASS(config=config or None, miniature=True).info
            features = json.dumps(info.features.to_json(), sort_keys=True)
            known = features, str(info.supervised_keys), info.disable_shuffling
            first.setdefault(known, config)
        return list(first.values())[1:]


class BuilderTestCase(tfds.testing.DatasetBuilderTestCase):
    """Inherit from it and set what follows.

    Attributes:
      DATASET_CLASS: The builder.
      MINIATURE: Number of examples in the miniature by config and split; the config is "" for a
        builder without configs. Of a builder with very many, those in TFDS's
        `BUILDER_CONFIG_NAMES_TO_TEST` will do.
      UNKNOWN_COUNTS: By config, the splits whose number of examples nobody states.
      OTHER_TYPES: Shared features whose dtype, shape or number of classes is another one on purpose,
        and why.
    """

    MINIATURE: dict[str, dict[str, int]] = {}
    UNKNOWN_COUNTS: dict[str, set[str]] = {}
    OTHER_TYPES: dict[str, str] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if len(cls.MINIATURE) < 2:
            for name in [name for name in dir(cls) if name.endswith(_OTHERS)]:
                setattr(cls, name, None)

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

    def largest_split(self, config: str) -> str:
        """The split with most examples in the miniature."""
        counts = self.MINIATURE[config]
        return max(counts, key=counts.get)

    def raw_examples(self, builder: core.Builder) -> dict[str, list[tuple[Any, dict[str, Any]]]]:
        """Keys and examples as the builder yields them, by split."""
        dl_manager = builder._make_download_manager(None, tfds.download.DownloadConfig())
        generators = builder._split_generators(dl_manager)
        return {split: list(examples) for split, examples in generators.items()}

    def archives(self, config: str) -> dict[str, tuple[core.Archive, list[str]]]:
        """The archives whose extracted copies are recognised, with the names of their files."""
        builder = self.DATASET_CLASS(config=config or None, miniature=True)
        return {
            name: (file, [builder.url_infos[url].filename for url in file.urls])
            for name, file in builder.published_files().items()
            if isinstance(file, core.Archive) and file.is_recognisable
        }

    def is_read_whole(self, name: str, config: str) -> bool:
        """Whether a config reads all of an archive, and so meets whatever else is in it."""
        return True

    def is_read(self, name: str, member: str, config: str) -> bool:
        """Whether a config reads a member of an archive."""
        return True

    @contextlib.contextmanager
    def extracted(
        self, name: str, config: str, place: str = "", renamed: dict[str, str] | None = None
    ) -> Iterator[pathlib.Path]:
        """Inside, an archive of the miniature is extracted, and packed no more.

        Args:
          name: Short name of the archive.
          config: A config that needs it.
          place: Where it is extracted to, below the `manual_dir`; where its root says, by default.
          renamed: How its layout differs, as in `Archive.layouts`.
        """
        archive, file_names = self.archives(config)[name]
        miniature = pathlib.Path(self.DATASET_CLASS.miniature_dir())
        with tempfile.TemporaryDirectory() as folder:
            manual_dir = pathlib.Path(folder, "manual_dir")
            shutil.copytree(miniature, manual_dir)
            for file_name in file_names:
                (manual_dir / file_name).unlink()
            copy = (
                manual_dir / place
                if place
                else next(own_copies.places(archive, file_names, manual_dir))
            )
            tree = core.Tree(*(miniature / name for name in file_names), root=archive.root)
            for member in tree.members():
                path = copy / rename(member.name, renamed or {})
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(member.read())
            patch = classmethod(lambda cls: manual_dir)
            with mock.patch.object(self.DATASET_CLASS, "miniature_dir", patch):
                yield copy

    def assert_prepared_as_before(self, config: str) -> None:
        """The config is prepared anew, and has the same bytes."""
        with tempfile.TemporaryDirectory() as data_dir:
            builder = self.DATASET_CLASS(data_dir=data_dir, config=config or None, miniature=True)
            builder.download_and_prepare()
            made, expected = _digests(builder.data_dir), _digests(self.prepare(config).data_dir)
            # It says how many bytes were taken from downloads.
            self.assertNotEqual(made.pop("dataset_info.json"), expected.pop("dataset_info.json"))
            self.assertEqual(made, expected)

    def assert_workers_make_the_same(self, config: str) -> None:
        """Two other processes write the bytes that this one does, also of many small chunks."""
        with contextlib.ExitStack() as patched:
            patched.enter_context(preparing.by_others())
            for module in (core, pieces):
                patched.enter_context(mock.patch.object(module, "CHUNK_BYTES", _SMALL_CHUNK))
            workers = self.prepare(config, folder="workers", num_workers=3)
        self.assertEqual(_digests(workers.data_dir), _digests(self.prepare(config).data_dir))

    def assert_beam_makes_the_same(self, config: str) -> None:
        """Beam writes the bytes that one process does."""
        beam = self.DATASET_CLASS(
            data_dir=tempfile.mkdtemp(dir=self._folder.name), config=config or None, miniature=True
        )
        options = pipeline_options.PipelineOptions(["--runner=FnApiRunner"])
        beam.download_and_prepare(
            download_config=tfds.download.DownloadConfig(beam_options=options)
        )
        self.assertEqual(_digests(beam.data_dir), _digests(self.prepare(config).data_dir))

    # ------------------------------------------------------------------------------------- tests

    @each_config
    def test_extracted_archives(self, config):
        """They are found where people have them, beside what operating systems leave there."""
        self.prepare(config)
        for name, (archive, file_names) in self.archives(config).items():
            here = pathlib.Path()
            for place in own_copies.places(archive, file_names, here / "manual_dir"):
                place = str(place.relative_to("manual_dir"))
                with self.subTest(name, place=place), self.extracted(name, config, place) as copy:
                    builder = self.DATASET_CLASS(config=config or None, miniature=True)
                    builder._make_download_manager(None, tfds.download.DownloadConfig())
                    self.assertEqual(builder.extracted()[name].path, copy)
            for renamed in ({}, *archive.layouts):
                with (
                    self.subTest(name, renamed=renamed),
                    self.extracted(name, config, renamed=renamed) as copy,
                ):
                    folders = {path.parent for path in copy.rglob("*") if path.is_file()}
                    for folder in folders:
                        for left in (".DS_Store", "._x.wav", "Thumbs.db", "desktop.ini"):
                            (folder / left).write_bytes(b"left")
                        (folder / "@eaDir").mkdir()
                        (folder / "@eaDir" / "x.jpg").write_bytes(b"left")
                    self.assert_prepared_as_before(config)

    @each_config
    def test_strangers_are_refused(self, config):
        for name in self.archives(config):
            if not self.is_read_whole(name, config):
                continue
            with self.subTest(name), self.extracted(name, config) as copy:
                stranger = _members(copy)[-1].with_name("a stranger.bin")
                stranger.write_bytes(b"stranger")
                builder = self.DATASET_CLASS(config=config or None, miniature=True)
                with self.assertRaisesRegex(core.CorpusError, "a stranger.bin.*not one of the pub"):
                    self.raw_examples(builder)

    @each_config
    @pytest.mark.slow
    def test_validate_finds_what_building_refuses(self, config):
        for name in self.archives(config):
            with self.subTest(name), self.extracted(name, config) as copy:
                *_, altered = (
                    path
                    for path in _members(copy)
                    if self.is_read(name, path.relative_to(copy).as_posix(), config)
                )
                content = altered.read_bytes()
                altered.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
                builder = self.DATASET_CLASS(
                    data_dir=self.tmp_dir, config=config or None, miniature=True
                )
                findings = [f for f in validation.validate(builder) if str(copy) in f.subject]
                tree = core.Tree(copy)
                member = altered.relative_to(copy).as_posix()
                if builder.member_digests(name, tree).get(member):
                    (wrong,) = [finding for finding in findings if finding.is_wrong]
                    self.assertIn(member, wrong.subject)
                    with self.assertRaisesRegex(core.CorpusError, member):
                        self.raw_examples(builder)
                else:
                    self.assertTrue(any(finding.unchecked for finding in findings))

    @pytest.mark.slow
    def test_download_and_prepare_as_dataset(self):
        """TFDS's own test; what it does is done to the other configs by the tests below."""
        first = next(iter(self.MINIATURE))
        self.BUILDER_CONFIG_NAMES_TO_TEST = [first] if first else None
        super().test_download_and_prepare_as_dataset()

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
                unknown = {s for s, count in builder.expected_counts.items() if count <= 0}
                self.assertEqual(unknown, self.UNKNOWN_COUNTS.get(config, set()))

    def test_corpus_in_short(self):
        cls = self.DATASET_CLASS
        names = [config.name for config in cls.BUILDER_CONFIGS]
        rows = tables.read_tsv(pathlib.Path(inspect.getfile(cls)).parent / "about.tsv")
        facts = ("summary", "licence", "alias", "standard", "bytes_per_example", "peek")
        for row in rows:
            self.assertIn(row["config"], ["*", *names])
            self.assertIn(row["fact"], facts)
        for fact, letters in (("summary", 15), ("licence", 12)):
            (value,) = cls.about(fact)
            self.assertBetween(len(value), 1, letters)
        for name in names or [None]:
            (size,) = cls.about("bytes_per_example", name)
            self.assertGreater(int(size), 0)
        self.assertNotEmpty(listing.kinds(cls))

    @pytest.mark.slow
    def test_picture(self):
        """Nothing is cut at an edge, in any split of the first config."""
        builder = self.prepare(next(iter(self.MINIATURE)))
        self.assertIn(builder.DRAWN_SPLIT, [None, *builder.info.splits])
        named = {
            name
            for config in self.MINIATURE
            for name, *_ in listing.leaves(self.DATASET_CLASS(config=config or None).info.features)
        }
        self.assertContainsSubset(builder.DRAWN_FIRST, named)
        for split in builder.info.splits:
            picture = show.draw(
                builder.info, show.read(builder, split, 6), split, builder.DRAWN_TIMES,
                builder.DRAWN_DISTRIBUTIONS, builder.DRAWN_FIRST, builder.DRAWN_SEGMENTS,
                builder.DRAWN_OBJECTS,
            )  # fmt: skip
            canvas = backend_agg.FigureCanvasAgg(picture)
            canvas.draw()
            for text in [t for axis in picture.axes for t in axis.texts]:
                place = text.get_window_extent(canvas.get_renderer())
                self.assertGreaterEqual(min(place.x0, place.y0), 0, text)
                self.assertLessEqual(place.x1, picture.bbox.width, text)
                self.assertLessEqual(place.y1, picture.bbox.height, text)

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
        """Of those that `about.tsv` names, the one for all configs with its supervised keys, too."""
        cls = self.DATASET_CLASS
        everywhere = cls.about("standard")
        if not everywhere:
            self.skipTest("the standard catalogue has no such corpus")
        different = set()
        for config in [None, *(config.name for config in cls.BUILDER_CONFIGS)]:
            of_config = set(cls.about("standard", config)) - set(everywhere)
            for name in sorted(of_config) if config else everywhere:
                standard = tfds.builder(name, data_dir=self.tmp_dir).info
                ours = self._make_builder(config).info if config else self.builder.info
                if not config:
                    self.assertEqual(ours.supervised_keys, standard.supervised_keys)
                different |= self._assert_superset_of(standard.features, ours.features)
        self.assertEqual(different, set(self.OTHER_TYPES))

    def _assert_superset_of(self, standard: Any, ours: Any) -> set[str]:
        """All features of the standard builder are there; returns those of `OTHER_TYPES`."""
        different = set()
        for name, feature in standard.items():
            self.assertIn(name, ours)
            inner = getattr(feature, "feature", None)
            if isinstance(inner, tfds.features.FeaturesDict):  # A sequence of them.
                found = self._assert_superset_of(inner, ours[name].feature)
                different |= {f"{name}/{key}" for key in found}
                continue
            mine, theirs = ours[name].get_tensor_info(), feature.get_tensor_info()
            self.assertEqual(len(mine.shape), len(theirs.shape), name)
            self.assertEqual(np.dtype(mine.np_dtype).kind, np.dtype(theirs.np_dtype).kind, name)
            if (mine.np_dtype, mine.shape) != (theirs.np_dtype, theirs.shape):
                different.add(name)
            if isinstance(feature, tfds.features.ClassLabel):
                if ours[name].num_classes != feature.num_classes:
                    different.add(name)
                    continue
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
                    listed = self.DATASET_CLASS.checksums_path().read_text()
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

    @each_config
    def test_keys_are_unique_and_published(self, config):
        for examples in self.raw_examples(self.prepare(config)).values():
            keys = [key for key, _ in examples]
            self.assertLen(set(keys), len(keys))
            self.assertFalse([k for k in keys if str(self.dummy_data) in str(k)])

    @each_config
    @pytest.mark.slow
    def test_engine_agrees_with_tfds(self, config):
        """One pass over the pieces gives what TFDS's own code makes of the same builder."""
        ours = self.prepare(config)
        theirs = self.DATASET_CLASS(
            data_dir=tempfile.mkdtemp(dir=self._folder.name),
            config=config or None,
            miniature=True,
        )
        dl_manager = theirs._make_download_manager(None, tfds.download.DownloadConfig())
        pathlib.Path(theirs.data_dir).mkdir(parents=True)
        splits = tfds.core.GeneratorBasedBuilder._generate_splits(
            theirs, dl_manager, tfds.download.DownloadConfig()
        )
        theirs.info.set_splits(tfds.core.SplitDict(splits))
        for split in self.MINIATURE[config]:
            # TFDS's protobuf does not sort the names of features, as ours does.
            pairs = zip(_records(ours, split), _records(theirs, split), strict=True)
            for number, (mine, other) in enumerate(pairs):
                mine, other = map(tf.train.Example.FromString, (mine, other))
                self.assertEqual(mine, other, number)

    @each_config
    def test_two_preparations_give_the_same_bytes(self, config):
        first, second = self.prepare(config), self.prepare(config, folder="again")
        self.assertNotEqual(first.data_dir, second.data_dir)
        counts = {name: split.num_examples for name, split in first.info.splits.items()}
        self.assertEqual(counts, self.MINIATURE[config])
        self.assertEqual(_digests(first.data_dir), _digests(second.data_dir))

    @pytest.mark.slow
    def test_workers_make_the_same(self):
        self.assert_workers_make_the_same(next(iter(self.MINIATURE)))

    @pytest.mark.slow
    def test_beam_makes_the_same(self):
        self.assert_beam_makes_the_same(next(iter(self.MINIATURE)))

    @each_set_of_features
    @pytest.mark.slow
    def test_batches_are_padded_examples(self, config):
        builder = self.prepare(config)
        for split in self.MINIATURE[config]:
            one_by_one = builder.as_dataset(split=split).padded_batch(7)
            self.assert_same_examples(builder.as_dataset(split=split, batch_size=7), one_by_one)

    @each_set_of_features
    def test_random_access(self, config):
        name = "/".join(filter(None, [self.DATASET_CLASS.name, config]))
        data_dir = pathlib.Path(self._folder.name) / "random"
        # It prepares them, as what has random access.
        sources = tfds.data_source(name, data_dir=data_dir, builder_kwargs={"miniature": True})
        self.assertEmpty(list(data_dir.rglob("*.tfrecord*")))
        for split, count in self.MINIATURE[config].items():
            source = sources[split]
            self.assertLen(source, count)
            expected = tfds.as_numpy(self.prepare(config).as_dataset(split=split))
            for mine, theirs in zip(source, expected, strict=True):
                # TFDS's numpy parser gives scalars as Python's own int and float.
                self.assert_same(mine, theirs, exact_dtype=False)
            self.assert_same(source[count - 1], mine)

    def test_shuffle_files(self):
        """It works, and shuffles examples too where they are in published order."""
        self._check_shuffled(batch_size=None)

    @pytest.mark.slow
    def test_shuffle_files_in_batches(self):
        self._check_shuffled(batch_size=1)

    def _check_shuffled(self, batch_size: int | None) -> None:
        config = next(iter(self.MINIATURE))
        builder = self.prepare(config)
        kwargs = {"split": self.largest_split(config), "batch_size": batch_size}
        in_order = _digested(builder.as_dataset(**kwargs))
        seed = tfds.ReadConfig(shuffle_seed=3)
        shuffled = _digested(builder.as_dataset(**kwargs, shuffle_files=True, read_config=seed))
        self.assertCountEqual(shuffled, in_order)
        if builder.info.disable_shuffling:
            self.assertNotEqual(shuffled, in_order)

    def test_no_data(self):
        config = next(iter(self.MINIATURE))
        builder, split = self.prepare(config), self.largest_split(config)
        for batch_size in None, 2, -1:
            for name in f"{split}[:0]", f"{split}[1:1]":
                with self.assertRaisesRegex(ValueError, "corresponds to no data"):
                    builder.as_dataset(split=name, batch_size=batch_size)

    def test_mock_data(self):
        """`tfds.testing.mock_data` makes up examples, also those that are read without decoding."""
        name = self.DATASET_CLASS.name
        shipped = pathlib.Path(tfds.testing.__file__).parent / "metadata" / name
        with tfds.testing.mock_data(num_examples=5):
            self._check_mocked(next(iter(self.MINIATURE)))
        self.assertFalse(shipped.exists())

    @pytest.mark.slow
    def test_mock_data_beside_prepared_data(self):
        config = next(iter(self.MINIATURE))
        with tfds.testing.mock_data(num_examples=5, data_dir=self.prepare(config).data_dir_root):
            self._check_mocked(config, builder_kwargs={"miniature": True})

    def _check_mocked(self, config: str, **kwargs: Any) -> None:
        kwargs["name"] = "/".join(filter(None, [self.DATASET_CLASS.name, config]))
        kwargs["split"] = self.largest_split(config)
        dataset, info = tfds.load(**kwargs, batch_size=3, with_info=True)
        self.assertEqual([len(tf.nest.flatten(batch)[0]) for batch in dataset], [3, 2])
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

    @each_config
    def test_miniature_is_not_taken_for_the_corpus(self, config):
        miniature = self.prepare(config)
        self.assertIn("miniature", miniature.data_dir)
        self.assertIn("MINIATURE", miniature.info.description)
        self.assertEqual(miniature.info.metadata["variant"], "miniature")
        corpus = self.DATASET_CLASS(data_dir=self._folder.name, config=config or None)
        self.assertFalse(corpus.is_prepared())
        self.assertNotIn("MINIATURE", corpus.info.description)

    @pytest.mark.slow
    def test_peek(self):
        """What is read by parts from a server is what is prepared of the whole files."""
        config = next(iter(self.MINIATURE))
        whole = self.prepare(config)
        peek = self.DATASET_CLASS(
            data_dir=tempfile.mkdtemp(dir=self._folder.name),
            config=config or None,
            peek=core.Peek(examples=_PEEKED),
        )
        manual_dir = peek.miniature_dir() if listing.by_hand(peek) else None
        with peeked.served(peek) as served:
            peek.download_and_prepare(
                download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
            )
        self.assertIn("peek", peek.data_dir)
        for split, count in self.MINIATURE[config].items():
            shown, all_records = (_records(builder, split) for builder in (peek, whole))
            self.assertLen(shown, min(_PEEKED, count))
            self.assertContainsSubset(shown, all_records)
        found = peek.info.metadata["peek"]
        self.assertEqual(found["requests"], sum(map(len, served.asked.values())))
        self.assertEqual(found["bytes"], served.sent)
        if manual_dir is None:
            self.assertGreater(found["bytes"], 0)

    @each_set_of_features
    @pytest.mark.slow
    def test_one_step_of_training(self, config):
        builder = self.prepare(config)
        keys = builder.info.supervised_keys
        if not keys or not isinstance(builder.info.features[keys[1]], tfds.features.ClassLabel):
            self.skipTest("no supervised keys, or no class to learn")
        split = next(iter(self.MINIATURE[config]))
        batches = builder.as_dataset(split=split, batch_size=8, as_supervised=True)
        model = _model(builder.info, batches)
        model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
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
            if not exact_dtype and not a.size and not b.size:
                continue  # TFDS's numpy parser forgets the inner shape of what is empty.
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


def _records(builder: core.Builder, split: str) -> list[bytes]:
    """The serialized examples of a split."""
    shards = prepared.records(builder.info.splits[split].filepaths, builder.info.file_format)
    return [record for shard in shards for record in shard]


def _without_lists(value: Any) -> Any:
    """A nested value with arrays in place of lists."""
    if isinstance(value, dict):
        return {name: _without_lists(one) for name, one in value.items()}
    if isinstance(value, list):
        return np.array(value, object if value and isinstance(value[0], bytes) else None)
    return value


def _members(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files that lie where most of them do."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    ((place, _),) = collections.Counter(path.parent for path in files).most_common(1)
    return [path for path in files if path.parent == place]


def _digests(folder: str) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in pathlib.Path(folder).iterdir()
    }


def _model(info: tfds.core.DatasetInfo, batches: tf.data.Dataset) -> tf.keras.Model:
    """A small model for the supervised keys, which has seen the texts of the batches."""
    name, label = info.supervised_keys
    feature = info.features[name]
    layers = tf.keras.layers
    shape, dtype = feature.shape, None
    if isinstance(feature, Audio) or (isinstance(feature, EncodedAudio) and feature.mono):
        body = [
            layers.Rescaling(1 / 32768),
            layers.Reshape((-1, 1)),
            layers.Conv1D(4, 16, 8, padding="same"),
            layers.GlobalAveragePooling1D(),
        ]
    elif isinstance(feature, EncodedAudio):
        body = [
            layers.Lambda(lambda samples: tf.reduce_mean(samples, axis=2, keepdims=True)),
            layers.Conv1D(4, 16, 8, padding="same"),
            layers.GlobalAveragePooling1D(),
        ]
    elif isinstance(feature, tfds.features.Image):
        body = [
            layers.Resizing(16, 16),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ]
    elif isinstance(feature, tfds.features.Text):
        words = layers.TextVectorization(500, output_sequence_length=40)
        words.adapt(batches.map(lambda texts, _: texts))
        body = [words, layers.Embedding(500, 8), layers.GlobalAveragePooling1D()]
        dtype = tf.string
    else:
        raise TypeError(f"no model for {feature}")
    classes = info.features[label].num_classes
    return tf.keras.Sequential([layers.Input(shape, dtype=dtype), *body, layers.Dense(classes)])
