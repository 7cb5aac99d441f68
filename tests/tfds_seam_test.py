"""TFDS is what `tfds_extra.tfds_seam` takes it for; where it is not, a test here says which name changed."""

from __future__ import annotations

import ast
import configparser
import functools
import importlib
import importlib.metadata
import inspect
import pathlib
import pkgutil
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import flags
from packaging import requirements
from tensorflow_datasets.core import (
    constants,
    dataset_builder,
    download,
    example_parser,
    reader,
    utils,
)
from tensorflow_datasets.core.data_sources import array_record
from tensorflow_datasets.core.download import checksums
from tensorflow_datasets.core.download import resource as resource_lib
from tensorflow_datasets.scripts.cli import build, cli_utils

import tfds_extra
from tfds_extra import registry, tfds_seam

_PACKAGE = pathlib.Path(tfds_extra.__file__).parent
_BUILDER = tfds.core.GeneratorBasedBuilder

# Names of the arguments of private functions that are called or overridden.
_ARGUMENTS = {
    (_BUILDER, "_create_builder_config"): "self builder_config version",
    (_BUILDER, "_pick_version"): "self requested_version",
    (_BUILDER, "_make_download_manager"): "self download_dir download_config",
    (_BUILDER, "_log_download_bytes"): "self",
    (_BUILDER, "_download_and_prepare"): "self dl_manager download_config",
    (_BUILDER, "_generate_splits"): "self dl_manager download_config",
    (_BUILDER, "_build_single_dataset"): (
        "self split batch_size shuffle_files decoders read_config as_supervised"
    ),
    (_BUILDER, "_as_dataset"): "self split decoders read_config shuffle_files",
    (_BUILDER, "_should_cache_ds"): "self split shuffle_files read_config",
    (_BUILDER, "_get_pkg_dir_path"): "",
    (_BUILDER, "_get_filename_template"): "self split_name",
    (download.DownloadManager, "_download_or_get_cache"): "self resource",
    (download.DownloadManager, "_record_url_infos"): "self",
    (download.DownloadManager, "_get_dl_path"): "self resource checksum legacy_mode",
    (reader, "_read_files"): (
        "file_instructions read_config shuffle_files disable_shuffling file_format"
    ),
    (example_parser, "_deserialize_single_field"): "example_data tensor_info",
    (array_record.ArrayRecordDataSource, "_deserialize"): "self record",
    (build, "_get_builder_cls_and_kwargs"): "ds_to_build has_imports",
    (build, "_make_builders"): "args builder_cls builder_kwargs",
    (build, "_make_download_config"): "args dataset_name",
}  # fmt: skip


@pytest.mark.parametrize("owner, name", _ARGUMENTS, ids=lambda o: getattr(o, "__name__", o))
def test_arguments_of_private_functions(owner, name):
    parameters = inspect.signature(getattr(owner, name)).parameters
    assert " ".join(parameters) == _ARGUMENTS[owner, name]


def test_all_that_is_overridden_is_there_and_in_the_table():
    for ours, theirs in (
        (tfds_seam.Builder, _BUILDER),
        (tfds_seam.DownloadManager, download.DownloadManager),
        (tfds_seam.DataSource, array_record.ArrayRecordDataSource),
    ):
        overridden = {
            name
            for name in vars(ours)
            if name.startswith("_") and not name.startswith("__") and hasattr(theirs, name)
        } - {"_abc_impl"}
        assert overridden
        listed = {name for owner, name in _ARGUMENTS if owner is theirs}
        # These two are a property and a class property.
        assert overridden <= listed | {"_checksums_path", "_downloader"}
    assert isinstance(inspect.getattr_static(download.DownloadManager, "_downloader"), property)
    static = inspect.getattr_static(dataset_builder.DatasetBuilder, "_checksums_path")
    assert isinstance(static, utils.classproperty)


def test_the_upper_bounds_are_what_is_tested(repository):
    config = configparser.ConfigParser()
    config.read(repository / "setup.cfg")
    lines = config["options"]["install_requires"].splitlines()
    needed = {
        one.name: one.specifier
        for one in map(requirements.Requirement, filter(lambda s: s and s[0] != "#", lines))
    }
    for name in ("tensorflow-datasets", "tensorflow", "apache-beam"):
        version = importlib.metadata.version(name)
        assert version in needed[name], f"{name} {version} is outside of {needed[name]}"
        assert any(bound.operator == "<" for bound in needed[name])
    # A release of TFDS may change any private name.
    assert "4.9.11" not in needed["tensorflow-datasets"]


# ------------------------------------------------------------------------------------- builders


class _Plain(_BUILDER, skip_registration=True):
    """A builder of TFDS alone, which notes what its private methods are called for."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="first"), tfds.core.BuilderConfig(name="other")]

    def __init__(self, **kwargs):
        self.seen = {}
        super().__init__(**kwargs)

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict({"n": np.int64})
        )

    def _split_generators(self, dl_manager):
        self.seen["manager"] = dl_manager
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        yield from ((str(n), {"n": n}) for n in range(5))

    def _log_download_bytes(self):
        self.seen["announced"] = True

    def _make_download_manager(self, download_dir, download_config):
        return super()._make_download_manager(download_dir, download_config)

    def _download_and_prepare(self, dl_manager, download_config):
        self.seen["folder"] = pathlib.Path(self.data_dir)
        update = self.info.update_data_dir

        def noted(data_dir):
            self.seen["there"] = pathlib.Path(data_dir).exists()
            self.seen["unfinished"] = self.seen["folder"].exists()
            update(data_dir)

        self.info.update_data_dir = noted
        super()._download_and_prepare(dl_manager, download_config)

    def _generate_splits(self, dl_manager, download_config):
        template = self._get_filename_template("train")
        self.seen["template"] = pathlib.Path(template.data_dir)
        return super()._generate_splits(dl_manager, download_config)

    def _as_dataset(self, split, decoders=None, read_config=None, shuffle_files=False):
        self.seen["reading"] = shuffle_files
        return super()._as_dataset(split, decoders, read_config, shuffle_files)

    def _build_single_dataset(self, split, **kwargs):
        self.seen["single"] = set(kwargs)
        return super()._build_single_dataset(split, **kwargs)

    def _should_cache_ds(self, split, shuffle_files, read_config):
        self.seen["cached"] = super()._should_cache_ds(split, shuffle_files, read_config)
        return self.seen["cached"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> _Plain:
    builder = _Plain(config="other", data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare()
    return builder


def test_preparing_goes_through_what_is_overridden(prepared):
    seen, final = prepared.seen, pathlib.Path(prepared.data_dir)
    assert seen["announced"] and isinstance(seen["manager"], download.DownloadManager)
    # A killed process leaves a folder of this name; it is removed by it.
    assert seen["folder"].parent == final.parent and seen["template"] == seen["folder"]
    assert seen["folder"].match(f"{constants.INCOMPLETE_PREFIX}*_{final.name}")
    # The last step before the folder gets its final name.
    assert seen["unfinished"] and not seen["there"]
    assert list((final.parent.parent / tfds_seam.CONFIG_FOLDER).iterdir())


def test_reading_goes_through_what_is_overridden(prepared):
    prepared.as_dataset("train", shuffle_files=True)
    assert prepared.seen["reading"] is True and prepared.seen["cached"] is True
    assert prepared.seen["single"] == {
        "batch_size", "shuffle_files", "decoders", "read_config", "as_supervised",
    }  # fmt: skip
    assert (
        tfds_seam.is_cached(prepared, "train", False, tfds.ReadConfig(try_autocache=False)) is False
    )


def test_a_version_that_does_not_exist_is_an_assertion(prepared):
    with pytest.raises(AssertionError):
        prepared._pick_version("7.0.0")


def test_pickling_is_by_the_arguments(prepared):
    assert prepared.__getstate__() == {"_original_state": prepared._original_state}
    assert {"data_dir", "config", "version"} <= prepared._original_state.keys()


def test_folder_of_a_builder():
    folder = registry.builder_cls("qmnist").folder()
    assert folder == _PACKAGE / "datasets" / "qmnist" and (folder / "counts.tsv").is_file()


# ------------------------------------------------------------------------------------ downloads


def test_a_download_goes_through_what_is_overridden(tmp_path):
    calls = []

    class Manager(tfds_seam.DownloadManager):
        def showing_progress(self):
            calls.append("opened")
            return _Noted(calls)

        def request(self, url):
            calls.append(url)
            return self

        def get(self):
            calls.append("got")
            return "path"

        def write_checksums(self):
            calls.append("written")

    url_infos = {"http://h/a": checksums.UrlInfo(size=1, checksum="00", filename="a")}
    manager = Manager(
        download_dir=tmp_path,
        manual_dir=tmp_path / "manual",
        manual_dir_instructions="Go there.",
        url_infos=url_infos,
        dataset_name="corpus",
        register_checksums=True,
        register_checksums_path=tmp_path / "table.tsv",
        force_download=True,
        force_checksums_validation=True,
        verify_ssl=False,
        max_simultaneous_downloads=3,
    )
    assert manager.download({"x": "a", "y": ["b"]}) == {"x": "path", "y": ["path"]}
    assert calls == ["opened", "entered", "a", "b", "got", "got", "left"]
    manager._record_url_infos()
    assert calls[-1] == "written"
    # What the manager was told, under the names of ours.
    assert manager.url_infos.items() >= url_infos.items()
    assert manager.url_infos.keys() >= checksums.get_all_url_infos().keys()
    assert manager.given_manual_dir == tmp_path / "manual"
    assert manager.manual_dir_instructions == "Go there."
    assert (manager.dataset_name, manager.max_simultaneous_downloads) == ("corpus", 3)
    assert manager.force_download and manager.force_checksums_validation
    assert manager.checksums_path == tmp_path / "table.tsv" and not manager.verify_ssl
    manager.recorded_url_infos["http://h/a"] = url_infos["http://h/a"]
    assert manager.downloaded_size == 1
    # Names in the cache, which must stay.
    resource = resource_lib.Resource(url="http://h/a.zip")
    with_digest = resource_lib.get_dl_fname(resource.url, "ab" * 32)
    assert manager.cache_path(resource, "ab" * 32, False) == tmp_path / "corpus" / with_digest
    assert manager.cache_path(resource, None, True).parent == tmp_path
    assert manager.cache_path(resource, None, True).name != with_digest


class _Noted:
    """A context that notes when it is entered and left."""

    def __init__(self, calls):
        self._calls = calls

    def __enter__(self):
        self._calls.append("entered")

    def __exit__(self, *error):
        self._calls.append("left")


# ------------------------------------------------------------------------- reading, and features


def test_parsed_values_become_what_tfds_parses():
    features = tfds.features.FeaturesDict({
        "a": {"n": np.int64, "flag": np.bool_},
        "matrix": tfds.features.Tensor(shape=(None, 2), dtype=np.float32),
    })  # fmt: skip
    example = {"a": {"n": 3, "flag": True}, "matrix": np.ones((2, 2), np.float32)}
    serialized = features.serialize_example(features.encode_example(example))
    parser = example_parser.ExampleParser(features.get_serialized_info())
    flat = tf.io.parse_single_example(serialized, parser.flat_feature_specs)
    found, expected = tfds_seam.as_parsed(parser, flat), parser.parse_example(serialized)
    tf.nest.map_structure(np.testing.assert_array_equal, found, expected)
    assert found["a"]["flag"].dtype == tf.bool


def test_records_of_files(prepared):
    records = tfds_seam.read_files(
        file_instructions=prepared.info.splits["train"].file_instructions,
        read_config=tfds.ReadConfig(),
        shuffle_files=False,
        disable_shuffling=False,
        file_format=prepared.info.file_format,
    )
    found = {int(prepared.info.features.deserialize_example(r)["n"]) for r in records}
    assert found == set(range(5))


def test_how_tensors_are_stored():
    def tensor(**kwargs):
        return tfds.features.Tensor(dtype=np.float32, **kwargs)

    assert tfds_seam.is_stored_as_bytes(tensor(shape=(2,), encoding="bytes"))
    assert not tfds_seam.is_stored_as_bytes(tensor(shape=(2,), encoding="zlib"))
    assert not tfds_seam.is_stored_as_bytes(tensor(shape=(2,)))
    assert not tfds_seam.is_stored_as_bytes(tensor(shape=(2,), encoding="bytes", optional=True))
    two = [tensor(shape=(None, None), encoding="bytes") for _ in range(2)]
    assert set(two[0].get_serialized_info()) == {"shape", "value"}
    tfds_seam.store_without_shape(two[1])
    assert two[1].get_serialized_info().shape == ()


def test_options_of_the_command(tmp_path):
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["test"])
    parse = cli_utils.make_flags_parser(build.Args, description="")
    args = parse(["build", "mnist", f"--data_dir={tmp_path}", "--max_examples_per_split=3"])
    (builder,) = tfds_seam.builders(args, "mnist")
    assert builder.name == "mnist" and pathlib.Path(builder.data_dir).is_relative_to(tmp_path)
    assert tfds_seam.download_config(args, "mnist").max_examples_per_split == 3


# ---------------------------------------------------------------------------------- nowhere else

# These are how TFDS's documentation says that a builder is written.
_EXTENSION_POINTS = {"_info", "_split_generators", "_generate_examples"}
# Public methods of named tuples, of Python, and the classes of TensorFlow that `core.reading` can do
# without.
_NOT_OF_TFDS = {"_asdict", "_replace", "_exit", "_getframe", "_MapDataset", "_UnbatchDataset"}


def _classes() -> dict[str, type]:
    """All classes of the package, by module and name."""
    found = {}
    for module in pkgutil.walk_packages([str(_PACKAGE)], "tfds_extra."):
        if module.ispkg or module.name.endswith("__main__") or ".formats." in module.name:
            continue
        loaded = importlib.import_module(module.name)
        for name, one in vars(loaded).items():
            if inspect.isclass(one) and one.__module__ == module.name:
                found[f"{module.name}.{name}"] = one
    return found


@functools.cache
def _private(module: object) -> set[str]:
    """Private names that a module of TFDS defines or assigns."""
    names = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        name = getattr(node, "attr", getattr(node, "name", ""))
        stores = isinstance(getattr(node, "ctx", None), ast.Store)
        if (stores or isinstance(node, ast.FunctionDef)) and isinstance(name, str):
            names |= {name} if name.startswith("_") and not name.startswith("__") else set()
    return names


def _defined(node: ast.AST) -> str:
    """The name that a node of a syntax tree defines or assigns; empty if it does neither."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name
    if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
        return node.id if isinstance(node, ast.Name) else node.attr
    return ""


def _outside() -> list[str]:
    """Private names of TFDS that are used or overridden outside of the seam."""
    # `formats` may not import TFDS.
    assert not [p for p in _PACKAGE.glob("formats/*.py") if "import tensorflow" in p.read_text()]
    paths = [p for p in _PACKAGE.rglob("*.py") if p.parent.name != "formats"]
    nodes = {path: list(ast.walk(ast.parse(path.read_text()))) for path in paths}
    own = {_defined(node) for all_of_it in nodes.values() for node in all_of_it}
    classes = _classes()
    found = []
    for path, all_of_it in nodes.items():
        if path.name == "tfds_seam.py":
            continue
        where = path.relative_to(_PACKAGE.parent).as_posix()
        for node in all_of_it:
            if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                if not node.attr.startswith("__") and node.attr not in own | _NOT_OF_TFDS:
                    found.append(f"{where}:{node.lineno}: {ast.unparse(node)}")
            made = isinstance(node, ast.ClassDef) and classes.get(
                f"{where[:-3].replace('/', '.')}.{node.name}"
            )
            theirs = {
                name
                for base in (made.__mro__ if made else ())
                if base.__module__.startswith("tensorflow_datasets.")
                for name in _private(sys.modules[base.__module__])
            } - _EXTENSION_POINTS
            for inner in ast.walk(node) if theirs else ():
                name = getattr(inner, "attr", getattr(inner, "name", ""))
                if isinstance(inner, (ast.Attribute, ast.FunctionDef)) and name in theirs:
                    found.append(f"{where}:{inner.lineno}: {name}")
    return found


def test_private_names_of_tfds_stand_in_the_seam_alone():
    assert _private(dataset_builder) >= {"_as_dataset", "_original_state"}
    assert _outside() == []
