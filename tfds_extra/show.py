"""Draws a handful of examples, for `tfds-extra show` and for notebooks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra.features import Audio, EncodedAudio

_WIDTH = 12  # Inches; matplotlib's default of 100 dots an inch makes it 1,200 pixels.
_ROW = 2.2
_LINES = 16  # Of text in a row.


def draw(info: tfds.core.DatasetInfo, examples: Iterable[dict[str, Any]], title: str = "") -> Any:
    """Draws one row for each example: its recordings, and what else is known of it.

    Args:
      info: Of the dataset.
      examples: As `as_dataset(...).as_numpy_iterator()` gives them.
      title: Above all rows; by default the full name of the dataset.

    Returns:
      A `matplotlib.figure.Figure`.

    Raises:
      ValueError: There is no example.
    """
    from matplotlib import figure

    examples = list(examples)
    if not examples:
        raise ValueError(f"{info.full_name}: no examples to draw")
    recordings = [
        name
        for name, feature in info.features.items()
        if isinstance(feature, (Audio, EncodedAudio))
    ]
    picture = figure.Figure(figsize=(_WIDTH, 0.6 + _ROW * len(examples)), layout="constrained")
    picture.suptitle(title or info.full_name)
    columns = 2 * len(recordings) + 1
    axes = picture.subplots(
        len(examples), columns, squeeze=False, width_ratios=[3] * (columns - 1) + [2]
    )
    for row, example in zip(axes, examples):
        for name, waveform, spectrogram in zip(recordings, row[0::2], row[1::2]):
            info.features[name].plot(
                example[name], waveform, spectrogram, sample_rate=example.get("sample_rate")
            )
        row[-1].axis("off")
        row[-1].text(0, 1, _describe(info.features, example, recordings), va="top", fontsize=8)
    return picture


def _describe(
    features: tfds.features.FeaturesDict, example: dict[str, Any], drawn: list[str]
) -> str:
    """The features that are not drawn, a line or two each, as many as there is room for."""
    lines = []
    leaves = [leaf for leaf in _leaves(features, example) if leaf[0] not in drawn]
    for shown, (name, feature, value) in enumerate(leaves):
        text = textwrap.wrap(
            f"{name}: {_text(feature, value)}", width=44, max_lines=2, placeholder=" ..."
        )
        if len(lines) + len(text) > _LINES - 1 and shown < len(leaves) - 1:
            return "\n".join([*lines, f"and {len(leaves) - shown} more"])
        lines += text
    return "\n".join(lines)


def _leaves(
    features: tfds.features.FeaturesDict, example: dict[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Name, feature and value of all that is known: first what stands alone, then the groups."""
    groups = []
    for name, feature in features.items():
        if isinstance(feature, tfds.features.FeaturesDict):
            groups.append(name)
        else:
            yield f"{prefix}{name}", feature, example[name]
    for name in groups:
        yield from _leaves(features[name], example[name], f"{prefix}{name}/")


def _text(feature: Any, value: Any) -> str:
    """A value as a person would write it."""
    if isinstance(feature, tfds.features.Sequence) and np.ndim(value) == 1:
        return ", ".join(_text(feature.feature, one) for one in value)
    if isinstance(feature, tfds.features.ClassLabel) and value >= 0:
        return feature.int2str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, (np.floating, float)):
        return f"{value:.4g}"
    return str(value)
