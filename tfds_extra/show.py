"""Draws a handful of examples, for `tfds-extra show` and for notebooks."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra.features import Audio, EncodedAudio

_WIDTH = 12  # Inches; matplotlib's default of 100 dots an inch makes it 1,200 pixels.
_ROW = 2.2
_LINE = 0.16  # Inches of a line of text.
_LINES = 24  # At most.


def draw(
    info: tfds.core.DatasetInfo,
    examples: Iterable[dict[str, Any]],
    title: str = "",
    times: tuple[str, str] | None = None,
) -> Any:
    """Draws one row for each example: its recordings, and what else is known of it.

    Args:
      info: Of the dataset.
      examples: As `as_dataset(...).as_numpy_iterator()` gives them.
      title: Above all rows; by default the full name of the dataset.
      times: Names of the features that hold times to draw over the recordings, and which of them are
        strong; see `core.Builder.DRAWN_TIMES`.

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
    drawn = [*recordings, *(name.split("/")[0] for name in times or ())]
    texts = [_describe(info.features, example, drawn) for example in examples]
    # Of many features the text is higher than the picture has to be.
    height = max(_ROW, 0.4 + _LINE * max(text.count("\n") + 1 for text in texts))
    picture = figure.Figure(figsize=(_WIDTH, 0.6 + height * len(examples)), layout="constrained")
    picture.suptitle(title or info.full_name)
    columns = 2 * len(recordings) + 1
    axes = picture.subplots(
        len(examples), columns, squeeze=False, width_ratios=[3] * (columns - 1) + [2]
    )
    for row, example, text in zip(axes, examples, texts):
        for name, waveform, spectrogram in zip(recordings, row[0::2], row[1::2]):
            info.features[name].plot(
                example[name], waveform, spectrogram, sample_rate=example.get("sample_rate")
            )
            if times:
                _draw_times(example, times, waveform, spectrogram)
        row[-1].axis("off")
        # Outside of the layout, which would take room for it from the axes of all columns.
        row[-1].text(0, 1, text, va="top", fontsize=9, in_layout=False)
    return picture


def _draw_times(example: dict[str, Any], names: tuple[str, str], *axes: Any) -> None:
    """Draws a line at each time, a short one below the others at those that are not strong."""
    seconds, strong = (functools.reduce(lambda e, k: e[k], n.split("/"), example) for n in names)
    for axis, color in zip(axes, ("tab:orange", "white")):
        height = axis.get_xaxis_transform()  # Of the axis, from 0 to 1.
        axis.vlines(seconds[~strong], 0, 0.3, color, linewidth=0.8, transform=height)
        axis.vlines(seconds[strong], 0, 1, "red", linewidth=1, transform=height)
        axis.set_title(f"{names[0]}: {len(seconds)}; {names[1]}: {strong.sum()}, red", fontsize=9)


def _describe(
    features: tfds.features.FeaturesDict, example: dict[str, Any], drawn: list[str]
) -> str:
    """The features that are not drawn, a line or two each, as many as there is room for."""
    lines = []
    leaves = list(_leaves({k: f for k, f in features.items() if k not in drawn}, example))
    for shown, (name, feature, value) in enumerate(leaves):
        text = textwrap.wrap(
            f"{name}: {_text(feature, value)}", width=36, max_lines=2, placeholder=" ..."
        )
        if len(lines) + len(text) > _LINES - 1 and shown < len(leaves) - 1:
            return "\n".join([*lines, f"and {len(leaves) - shown} more"])
        lines += text
    return "\n".join(lines)


def _leaves(
    features: Mapping[str, Any], example: dict[str, Any], prefix: str = ""
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
