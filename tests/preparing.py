"""What tests of published files and of bad input share: preparing a corpus, and reading it back."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any
from unittest import mock

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.image_classification import mnist

from tfds_extra import core
from tfds_extra.core.engines import pool


def prepared(
    name: str, data_dir: pathlib.Path, manual_dir: pathlib.Path | None = None, **kwargs: Any
) -> core.Builder:
    """A builder, after it has prepared its data.

    Args:
      name: Of the builder, with or without a config.
      data_dir: Where the data go.
      manual_dir: Where files lie that were brought by hand.
      **kwargs: Of the builder.
    """
    builder = tfds.builder(name, data_dir=data_dir, **kwargs)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )
    return builder


def by_others() -> Any:
    """A context in which this process does nothing that another one could do.

    With a small corpus it would be done before the others are ready.
    """
    return mock.patch.object(pool.Pool, "_is_free", lambda self: self.is_alone)


def examples(builder: core.Builder, name: str, **kwargs: Any) -> dict[str, dict[str, Any]]:
    """All examples of a builder.

    Args:
      builder: It has prepared its data.
      name: Of a text feature that tells each example from all others.
      **kwargs: Of `as_dataset`.

    Returns:
      Each example by that text, with its split under "split".
    """
    found: dict[str, dict[str, Any]] = {}
    for split, info in builder.info.splits.items():
        if info.num_examples:  # Of a partial corpus, a split may have none.
            for example in tfds.as_numpy(builder.as_dataset(split=split, **kwargs)):
                text = example[name].decode()
                assert text not in found
                found[text] = {**example, "split": split}
    return found


def standard_mnist(
    folder: pathlib.Path, train: int, test: int, builder_cls: type = mnist.MNIST
) -> dict[str, dict[str, np.ndarray]]:
    """What the standard `mnist` makes of unpacked idx files.

    Args:
      folder: Where they are.
      train: Number of images for training.
      test: Number of images for testing.
      builder_cls: `mnist.MNIST`, or a subclass of it.

    Returns:
      `image` and `label` by split, in the files' order.
    """
    found = {}
    with tempfile.TemporaryDirectory() as data_dir:
        builder = builder_cls(data_dir=data_dir)
        manager = mock.Mock()
        manager.download_and_extract = lambda urls: {
            k: folder / url.split("/")[-1].removesuffix(".gz") for k, url in urls.items()
        }
        counts = mock.patch.multiple(mnist, _TRAIN_EXAMPLES=train, _TEST_EXAMPLES=test)
        with counts:
            generators = builder._split_generators(manager)
        for generator in generators:
            examples = list(builder._generate_examples(**generator.gen_kwargs))
            features = builder.info.features
            read = [
                tfds.as_numpy(features.deserialize_example(features.serialize_example(example)))
                for _, example in examples
            ]
            found[generator.name] = {
                name: np.stack([one[name] for one in read]) for name in ("image", "label")
            }
    return found
