"""TensorFlow Datasets builders for well-known corpora, complete and as published.

Importing this package registers its builders with TensorFlow Datasets, and does nothing else: no
builder module, decoder or TensorFlow is imported until a dataset is asked for.

    import tensorflow_datasets as tfds
    import tfds_extra

    ds = tfds.load("free_spoken_digit", split="train", as_supervised=True)

`tfds_extra.cite(name)` is how to cite a corpus, and `tfds_extra.folds(builder)` are the folds of one
that was published in folds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tfds_extra import registry

if TYPE_CHECKING:
    from tfds_extra.citing import cite
    from tfds_extra.folding import Fold, folds

__version__ = "0.1.0"
__all__ = ["Fold", "cite", "folds"]

_MODULES = {"cite": "citing", "Fold": "folding", "folds": "folding"}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, so that importing the package stays quick."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


registry.register()
