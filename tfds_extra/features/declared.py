"""Short forms of the features that every corpus has; most take the feature's `doc` first.

They make TFDS's own connectors, so that prepared data can be read where this package is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra.features.audio import Audio
from tfds_extra.features.encoded_audio import EncodedAudio

Shape = tuple[int | None, ...]


def text(doc: str) -> tfds.features.Text:
    """Returns the feature for a text: an id, the name of a file, words."""
    return tfds.features.Text(doc=doc)


def label(names: Sequence[str], doc: str) -> tfds.features.ClassLabel:
    """Returns the feature for one of some classes, int64; -1 for none of them.

    Args:
      names: Names of the classes, in the order of their numbers.
      doc: What the feature means.
    """
    return tfds.features.ClassLabel(names=list(names), doc=doc)


def digit(doc: str) -> tfds.features.ClassLabel:
    """Returns the feature for a class from 0 to 9, named by its number; -1 for none of them."""
    return tfds.features.ClassLabel(num_classes=10, doc=doc)


def flag(doc: str, shape: Shape = ()) -> Any:
    """Returns the feature for true or false."""
    return _numbers(np.bool_, doc, shape)


def int32(doc: str, shape: Shape = ()) -> Any:
    """Returns the feature for whole numbers of 32 bits; by default a single number."""
    return _numbers(np.int32, doc, shape)


def int64(doc: str, shape: Shape = ()) -> Any:
    """Returns the feature for whole numbers of 64 bits; by default a single number."""
    return _numbers(np.int64, doc, shape)


def float32(doc: str, shape: Shape = ()) -> Any:
    """Returns the feature for numbers of 32 bits; by default a single number."""
    return _numbers(np.float32, doc, shape)


def float64(doc: str, shape: Shape = ()) -> tfds.features.Tensor:
    """Returns the feature for numbers of 64 bits, kept exactly; by default a single number.

    They are stored as bytes, because TFDS narrows float64 to float32 if there is no encoding.
    """
    return tfds.features.Tensor(
        shape=shape, dtype=np.float64, encoding=tfds.features.Encoding.BYTES, doc=doc
    )


def speech(published: str, *, as_samples: bool) -> Audio | EncodedAudio:
    """A recording of speech with one channel, read as int16 samples at 16,000 Hz.

    Args:
      published: Format of the published file.
      as_samples: Whether its samples are stored, rather than the published file.
    """
    rate, what = 16_000, "The recording: int16 samples at 16,000 Hz, one channel, full scale 32,768"
    if as_samples:
        return Audio(sample_rate=rate, doc=f"{what}.")
    doc = f"{what}. Stored as the published {published} file."
    return EncodedAudio(sample_rate=rate, dtype=np.int16, mono=True, doc=doc)


def _numbers(dtype: Any, doc: str, shape: Shape) -> Any:
    if shape == ():
        return tfds.features.Scalar(dtype, doc=doc)
    return tfds.features.Tensor(shape=shape, dtype=dtype, doc=doc)
