"""Makes the builders in `tfds_extra/datasets/` known to TensorFlow Datasets by name.

A builder is found by its folder, `datasets/<name>/<name>_dataset_builder.py`, and its module is
imported when it is asked for. TFDS has two places to look: providers, which answer `tfds.load`,
`tfds.builder` and `tfds build`, and the registry of imported classes, which answers
`tfds.list_builders`. The builder classes themselves stay out of that registry (`core.Builder` sees
to it), because it refuses a name that it has already seen, as happens when a module is imported
under two names (`tfds build path/to/folder`, a test runner, a worker process). A stub stands there
for each.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pathlib

import tensorflow_datasets as tfds
from tensorflow_datasets.core import registered

_PACKAGE = pathlib.Path(__file__).resolve().parent


@functools.cache
def names() -> tuple[str, ...]:
    """Names of all builders of this package, sorted."""
    folders = (_PACKAGE / "datasets").iterdir()
    return tuple(sorted(f.name for f in folders if (f / f"{f.name}_dataset_builder.py").exists()))


def closest(name: str) -> str | None:
    """The builder whose name comes closest to a misspelt one; None if nothing comes close.

    Case and underscores make no difference: `UrbanSound8K` is `urban_sound_8k`.
    """
    plain = {known.replace("_", ""): known for known in names()}
    found = difflib.get_close_matches(name.replace("_", "").lower(), plain, n=1)
    return plain[found[0]] if found else None


def builder_cls(name: str) -> type[tfds.core.DatasetBuilder]:
    """Imports and returns the builder class called `name`."""
    return importlib.import_module(f"tfds_extra.datasets.{name}.{name}_dataset_builder").Builder


def resource_dir(kind: str) -> pathlib.Path:
    """Folder `checksums` or `dummy_data`: inside an installed package, beside it in a checkout."""
    installed = _PACKAGE / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind


class _Provider(tfds.core.DatasetBuilderProvider):
    """Answers TFDS's look-ups of our names."""

    def has_dataset(self, name: str) -> bool:
        return name in names()

    def get_builder_cls(self, name: str) -> type[tfds.core.DatasetBuilder]:
        return builder_cls(name)


def _stub(name: str) -> type:
    """A class that stands for builder `name` in TFDS's registry and builds the real one."""

    def build(cls, *args, **kwargs):
        del cls
        return builder_cls(name)(*args, **kwargs)

    attributes = {"name": name, "__module__": __name__, "__new__": build}
    return type(name, (registered.RegisteredDataset,), attributes)


@functools.cache  # A second call would register every name twice, which TFDS refuses.
def register() -> None:
    """Registers all builders with TFDS."""
    # First in line: the providers behind import TFDS's own 22 packages of builders to answer.
    tfds.core.add_dataset_builder_provider(_Provider(), index=0)
    for name in names():
        _stub(name)
