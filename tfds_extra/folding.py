"""The folds of corpora that were published in folds, for cross-validation."""

from __future__ import annotations

import pathlib
import re
from typing import NamedTuple

import tensorflow_datasets as tfds

from tfds_extra import registry

_FOLDER = pathlib.Path(__file__).resolve().parent / "datasets"
_FOLD = re.compile(r"fold\d+")


class Fold(NamedTuple):
    """One round of a cross-validation.

    Attributes:
      name: Name of the split that is tested on, such as `fold1`.
      train: All other folds, in TFDS's form for splits: `fold2+fold3+...`.
      test: The fold that is tested on.
    """

    name: str
    train: str
    test: str


def folds(builder: tfds.core.DatasetBuilder) -> list[Fold]:
    """Returns the rounds of a cross-validation over published folds, each fold tested on once.

    `train` and `test` go where TFDS takes a split: `builder.as_dataset(split=fold.train)`. A figure
    is comparable with published ones if it is the mean over all rounds, and the examples are not
    dealt out anew. Of a partial corpus only the folds that have examples are used.

    Args:
      builder: A builder of this package, prepared or not.

    Raises:
      ValueError: The corpus, or this config of it, was not published in folds; the message says
        which were.
    """
    found = published_in = names(builder)
    if builder.info.splits:
        found = [name for name in found if name in builder.info.splits]
        found = [name for name in found if builder.info.splits[name].num_examples]
    if len(found) < 2:
        if published_in:
            problem = f"of its folds there are only {', '.join(found) or 'none'}"
        else:
            problem = "it was not published in folds, or this config has other splits"
        where = "; ".join(f"{name}: {', '.join(configs)}" for name, configs in published().items())
        raise ValueError(f"{builder.info.full_name}: {problem}. Configs with folds: {where}.")
    return [Fold(name, "+".join(n for n in found if n != name), name) for name in found]


def names(builder: tfds.core.DatasetBuilder) -> list[str]:
    """Returns the splits of a builder that are folds, in order; none if it has none."""
    splits = filter(_FOLD.fullmatch, getattr(builder, "expected_counts", {}))
    return sorted(splits, key=lambda name: int(name.removeprefix("fold")))


def published() -> dict[str, list[str]]:
    """Returns the configs that were published in folds, by the name of the corpus."""
    # This imports much, and is only needed when somebody asks.
    from tfds_extra.core import tables

    found: dict[str, list[str]] = {}
    for name in registry.names():
        for row in tables.read_tsv(_FOLDER / name / "counts.tsv"):
            if _FOLD.fullmatch(row["split"]) and row["config"] not in found.get(name, []):
                found.setdefault(name, []).append(row["config"])
    return found
