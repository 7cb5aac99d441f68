"""What tests of published files and of bad input share: preparing a corpus, and reading it back."""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow_datasets as tfds

from tfds_extra import core


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
