"""Makes the builders in `tfds_extra/datasets/` known to TensorFlow Datasets by name.

A builder is found by its folder, `datasets/<name>/<name>_dataset_builder.py`, and its module is
imported when it is asked for. TFDS has two places to look: providers, which answer `tfds.load`,
`tfds.builder` and `tfds build`, and the registry of imported classes, which answers
`tfds.list_builders`. The builder classes themselves stay out of that registry (see `core.Builder`),
because it refuses a name that it has already seen. That happens when a module is imported under two
names (`tfds build path/to/folder`, a test runner, a worker process). The registry has a stub for
each builder.
"""

from __future__ import annotations

import functools
import importlib
import pathlib
from typing import Any

import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core import registered

_PACKAGE = pathlib.Path(__file__).resolve().parent


@functools.cache
def names() -> tuple[str, ...]:
    """Returns the names of all builders of this package, sorted."""
    folders = (_PACKAGE / "datasets").iterdir()
    return tuple(sorted(f.name for f in folders if (f / f"{f.name}_dataset_builder.py").exists()))


def builder_cls(name: str) -> type[tfds.core.DatasetBuilder]:
    """Imports and returns the builder class called `name`."""
    return importlib.import_module(f"tfds_extra.datasets.{name}.{name}_dataset_builder").Builder


@functools.cache
def aliases() -> dict[str, str]:
    """Returns other names of the corpora, each with its builder's name, from `about.tsv`."""
    # This imports much, and is only needed for other names.
    from tfds_extra.core import tables

    return {
        row["value"]: name
        for name in names()
        for row in tables.read_tsv(_PACKAGE / "datasets" / name / "about.tsv")
        if row["fact"] == "alias"
    }


def find(given: str) -> str:
    """Returns the name of the corpus that somebody means: its name here, or another name of it.

    Args:
      given: A name as it was written; upper case, underscores and hyphens make no difference.

    Raises:
      ValueError: There is no such corpus; the message has the most similar name.
    """
    if given in names():
        return given
    from tfds_extra.core import spelling  # As in `aliases`.

    known = {**{one: one for one in names()}, **aliases()}
    if (name := spelling.same(given, known)) is None:
        sentences = (f"no corpus {given!r}.", spelling.hint(given, known))
        raise ValueError(" ".join(filter(None, sentences)) + " `tfds-extra list` shows them all.")
    return name


def resource_dir(kind: str) -> pathlib.Path:
    """Returns the folder `checksums` or `dummy_data`, in an installed package or a checkout."""
    installed = _PACKAGE / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind


class _Provider(tfds.core.DatasetBuilderProvider):
    """Answers when TFDS looks up one of our builders."""

    def has_dataset(self, name: str) -> bool:
        return name in names()

    def get_builder_cls(self, name: str) -> type[tfds.core.DatasetBuilder]:
        return builder_cls(name)


class _AliasProvider(tfds.core.DatasetBuilderProvider):
    """Answers when TFDS looks up another name of one of our corpora, and says its name here.

    It is asked last, so that data sets that really have that name, above all TFDS's own, come
    first.
    """

    def has_dataset(self, name: str) -> bool:
        return name in aliases()

    def get_builder_cls(self, name: str) -> type[tfds.core.DatasetBuilder]:
        logging.warning("%s is called %s in tfds_extra", name, aliases()[name])
        return builder_cls(aliases()[name])


def _stub(name: str) -> type:
    """Returns a class that stands for builder `name` in TFDS's registry and builds the real one."""

    def build(cls: type, *args: Any, **kwargs: Any) -> tfds.core.DatasetBuilder:
        del cls
        return builder_cls(name)(*args, **kwargs)

    attributes = {"name": name, "__module__": __name__, "__new__": build}
    return type(name, (registered.RegisteredDataset,), attributes)


@functools.cache  # A second call would register every name twice, which TFDS refuses.
def register() -> None:
    """Registers all builders with TFDS."""
    # It is asked first, because later providers import TFDS's own 22 packages of builders to
    # answer.
    tfds.core.add_dataset_builder_provider(_Provider(), index=0)
    tfds.core.add_dataset_builder_provider(_AliasProvider())
    for name in names():
        _stub(name)
