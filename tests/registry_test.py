"""How TFDS finds the builders, and what importing the package costs."""

from __future__ import annotations

import importlib
import pathlib
import pickle
import re
import subprocess
import sys
import textwrap
from unittest import mock

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import registered

import tfds_extra
from tfds_extra import registry

_NAMES = registry.names()


def run(script: str, cwd: pathlib.Path, *arguments: str) -> str:
    """Output of a script in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        cwd=cwd, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_names(repository):
    folders = (repository / "tfds_extra" / "datasets").glob("*/README.md")
    assert list(_NAMES) == sorted(path.parent.name for path in folders)
    assert "free_spoken_digit" in _NAMES


def test_import_loads_no_builder_decoder_or_tensorflow(tmp_path):
    loaded = run(
        """
        import sys
        import tensorflow_datasets
        before = set(sys.modules)
        import tfds_extra
        print(*sorted(set(sys.modules) - before))
        """,
        tmp_path,
    )
    assert loaded.split() == ["tfds_extra", "tfds_extra.registry"]
    assert not run(
        "import sys, tfds_extra; print(*{'tensorflow', 'soundfile', 'pydub', 'matplotlib',"
        " 'apache_beam'} & set(sys.modules))",
        tmp_path,
    ).strip()


@pytest.mark.parametrize("name", _NAMES)
def test_tfds_finds_it(name):
    assert tfds.list_builders().count(name) == 1
    cls = tfds.builder_cls(name)
    assert cls is registry.builder_cls(name) and issubclass(cls, tfds.core.GeneratorBasedBuilder)
    assert cls.name == name
    assert isinstance(tfds.builder(name), cls)


@pytest.mark.slow
def test_no_name_of_the_standard_catalogue_is_lost(tmp_path):
    """A plugin that reuses a standard name makes half of the standard catalogue vanish."""
    count = "import tensorflow_datasets as tfds; print(len(set(tfds.list_builders())))"
    alone = int(run(count, tmp_path))
    assert alone > 400
    assert int(run(f"import tfds_extra; {count}", tmp_path)) == alone + len(_NAMES)


@pytest.mark.parametrize("name", _NAMES)
def test_importing_the_module_again_collides_with_nothing(name, repository, monkeypatch):
    module = importlib.import_module(f"tfds_extra.datasets.{name}.{name}_dataset_builder")
    for attribute, value in list(vars(module).items()):
        # Put back in the end: other tests in this process have the first builder.
        monkeypatch.setattr(module, attribute, value)
    assert importlib.reload(module).Builder.name == name
    importlib.reload(tfds_extra)
    assert tfds.builder_cls(name) is module.Builder
    folder = str(pathlib.Path(module.__file__).parents[1])
    sys.path.insert(0, folder)
    try:
        other = importlib.import_module(f"{name}.{name}_dataset_builder").Builder
    finally:
        sys.path.remove(folder)
    assert other.name == name and other is not module.Builder
    assert other().info.description == module.Builder().info.description


def test_stub_builds_the_real_one_when_providers_are_reset(tmp_path):
    providers = list(registered._DATASET_PROVIDER_REGISTRY)
    try:
        registered.reset_dataset_builder_providers()
        builder = tfds.builder(_NAMES[0], data_dir=tmp_path, miniature=True)
        assert isinstance(builder, registry.builder_cls(_NAMES[0]))
        assert builder.variant == "miniature"
    finally:
        registered._DATASET_PROVIDER_REGISTRY = providers


@pytest.mark.slow
@pytest.mark.parametrize("by", ["path", "name"])
def test_tfds_builds_every_corpus(by, tmp_path):
    """In one process, which takes a tenth of the time of one for each."""
    script = """
        import ast, sys
        from absl import flags
        from tensorflow_datasets.scripts.cli import build, cli_utils
        flags.FLAGS(["tfds"])
        parse = cli_utils.make_flags_parser(build.Args, description="")
        for arguments in ast.literal_eval(sys.argv[1]):
            parse(["tfds build", *arguments]).execute()
        """
    commands = []
    for name in _NAMES:
        folder = pathlib.Path(registry.__file__).parent / "datasets" / name
        config = registry.builder_cls(name).BUILDER_CONFIGS[0].name
        options = [f"--data_dir={tmp_path / 'data'}"]
        if by == "path":
            commands.append([str(folder), f"--config={config}-miniature", *options])
        else:
            options += [f"--config={config}", "--imports=tfds_extra"]
            if name == _NAMES[0]:
                options.append("--num_processes=2")
            commands.append([f"{name}/miniature=True", *options])
    run(script, tmp_path, repr(commands))
    for name in _NAMES:
        builder = tfds.builder(name, data_dir=tmp_path / "data", miniature=True)
        assert builder.is_prepared() and builder.info.splits.total_num_examples > 0


def test_other_names_of_corpora(tmp_path, caplog):
    """In Python, too; but a data set of TFDS that has the name comes first."""
    builder = tfds.builder("fsdd", data_dir=tmp_path, miniature=True)
    assert builder.name == "free_spoken_digit"
    assert "fsdd is called free_spoken_digit in tfds_extra" in caplog.text
    assert "fsdd" not in tfds.list_builders()
    assert not set(registry.aliases()) & set(_NAMES)
    with mock.patch.object(registry, "aliases", lambda: {"mnist": "qmnist"}):
        assert tfds.builder_cls("mnist").__module__.startswith("tensorflow_datasets.")


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"num_workers": "4"}, "num_workers is a whole number from 1, or None"),
        ({"num_workers": 0}, "not 0"),
        ({"num_workers": True}, "not True"),
        ({"miniature": "yes"}, "miniature is True or False, not 'yes'"),
        ({"partial": 1}, "partial is True or False, not 1"),
        ({"minature": True}, "has no argument 'minature'. Did you mean 'miniature'?"),
        ({"data_directory": "/x"}, "Did you mean 'data_dir'?"),
        ({"config": "v1.0.99"}, "has no config 'v1.0.99'. Did you mean 'v1.0.9'?"),
        ({"config": "v1.0.9-minature"}, "Did you mean 'v1.0.9-miniature'?"),
        ({"config": "other"}, "There are: v1.0.10, v1.0.9, "),
    ],
)
def test_wrong_arguments_say_what_is_right(kwargs, message, tmp_path):
    kwargs = {"data_dir": str(tmp_path), **kwargs}
    with pytest.raises(ValueError, match=re.escape(message)):
        registry.builder_cls("free_spoken_digit")(**kwargs)
    with pytest.raises(ValueError, match=re.escape(message)):
        tfds.builder("free_spoken_digit", **kwargs)


def test_right_arguments_are_taken(tmp_path):
    cls = registry.builder_cls("free_spoken_digit")
    builder = cls(
        data_dir=tmp_path, config="v1.0.9", version="1.0.0", file_format="array_record",
        miniature=np.bool_(True), partial=False, num_workers=np.int64(2),
    )  # fmt: skip
    assert builder.info.full_name == "free_spoken_digit/v1.0.9-miniature/1.0.0"
    assert cls(data_dir=tmp_path, config="v1.0.8:1.0.0").base_config_name == "v1.0.8"


@pytest.mark.parametrize("kwargs", [{}, {"miniature": True}, {"partial": True}])
def test_builders_pickle(kwargs, tmp_path):
    builder = tfds.builder(_NAMES[0], data_dir=tmp_path, file_format="array_record", **kwargs)
    again = pickle.loads(pickle.dumps(builder))
    assert again.info.full_name == builder.info.full_name
    assert again.data_dir == builder.data_dir and again.variant == builder.variant
    assert again.info.file_format == builder.info.file_format
    assert again.builder_config == builder.builder_config or again.base_config_name
