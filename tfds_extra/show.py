"""Draws a handful of examples, for `tfds-extra show` and for notebooks."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra.core import errors
from tfds_extra.features import Audio, EncodedAudio

_WIDTH = 12  # Inches; matplotlib's default of 100 dots an inch makes it 1,200 pixels.
_ROW = 2.2
_LINE = 0.16  # Inches of a line of text.
_LINES = 24  # At most.
_PLACES = 6  # Images, charts and texts that stand side by side.


def draw(
    info: tfds.core.DatasetInfo,
    examples: Iterable[dict[str, Any]],
    title: str = "",
    times: tuple[str, str] | None = None,
    distributions: Sequence[str] = (),
) -> Any:
    """Draws each example: its recordings or images, and what else is known of it.

    An example with recordings takes a row; of those with images several stand in one.

    Args:
      info: Of the dataset.
      examples: As `as_dataset(...).as_numpy_iterator()` gives them.
      title: Above all rows; by default the full name of the dataset.
      times: Names of the features that hold times to draw over the recordings, and which of them are
        strong; see `core.Builder.DRAWN_TIMES`.
      distributions: Names of the features to draw as bars beside an image; see
        `core.Builder.DRAWN_DISTRIBUTIONS`.

    Returns:
      A `matplotlib.figure.Figure`.

    Raises:
      ValueError: There is no example.
    """
    errors.require("matplotlib", "matplotlib", "A picture")
    from matplotlib import figure

    examples = list(examples)
    if not examples:
        raise ValueError(f"{info.full_name}: no examples to draw")
    recordings = _names(info, (Audio, EncodedAudio))
    if not recordings and _names(info, tfds.features.Image):
        return _draw_images(info, examples, title or info.full_name, distributions)
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


def _names(info: tfds.core.DatasetInfo, kind: Any) -> list[str]:
    return [name for name, feature in info.features.items() if isinstance(feature, kind)]


def _draw_images(
    info: tfds.core.DatasetInfo,
    examples: list[dict[str, Any]],
    title: str,
    distributions: Sequence[str],
) -> Any:
    """Draws a grid of examples: the images of each, its distributions, and its text."""
    from matplotlib import figure

    images = _names(info, tfds.features.Image)
    boxes = {name: key for name, f in info.features.items() if (key := _box_key(f)) is not None}
    # Where nothing is known of a whole split (of its examples at least), there is nothing to draw.
    distributions = [
        name
        for name in distributions
        if name in info.features and not all(np.isnan(e[name]).all() for e in examples)
    ]
    drawn = [*images, *boxes, *distributions]
    texts = [_describe(info.features, example, drawn, width=32) for example in examples]
    places = len(images) + len(distributions) + 1  # Axes of an example.
    across = max(1, min(len(examples), _PLACES // places))
    rows = -(-len(examples) // across)
    height = max(_ROW, 0.4 + _LINE * max(text.count("\n") + 1 for text in texts))
    picture = figure.Figure(figsize=(_WIDTH, 0.6 + height * rows), layout="constrained")
    picture.suptitle(title)
    axes = picture.subplots(rows, across * places, squeeze=False).reshape(-1, places)
    for cell in axes[len(examples) :]:
        for axis in cell:
            axis.axis("off")
    for cell, example, text in zip(axes, examples, texts):
        for axis, name in zip(cell, images):
            _draw_image(axis, name, example[name])
        for name, key in boxes.items():
            _draw_boxes(cell[0], info.features[name], key, example[name], example[images[0]])
        for axis, name in zip(cell[len(images) :], distributions):
            _draw_bars(axis, info, name, example[name])
        cell[-1].axis("off")
        cell[-1].text(0, 1, text, va="top", fontsize=8, in_layout=False)
    return picture


def _draw_image(axis: Any, name: str, image: np.ndarray) -> None:
    # Not stretched to the image's own darkest and lightest.
    limits = {"vmin": 0, "vmax": 255} if image.dtype == np.uint8 else {}
    axis.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", **limits)
    axis.set_title(name, fontsize=9)
    axis.axis("off")
    axis.set_anchor("N")


def _box_key(feature: Any) -> str | None:
    """Where in a sequence the boxes are: their name in its dicts, "" if it is one of boxes."""
    if not isinstance(feature, tfds.features.Sequence):
        return None
    if isinstance(feature.feature, tfds.features.BBoxFeature):
        return ""
    if isinstance(feature.feature, tfds.features.FeaturesDict):
        for name, inner in feature.feature.items():
            if isinstance(inner, tfds.features.BBoxFeature):
                return name
    return None


def _draw_boxes(axis: Any, feature: Any, key: str, value: Any, image: np.ndarray) -> None:
    """Draws boxes, as shares of the height and width, and the class of each if it has one."""
    from matplotlib import patches

    height, width = image.shape[:2]
    classes = (
        {}
        if not key
        else {
            name: inner
            for name, inner in feature.feature.items()
            if isinstance(inner, tfds.features.ClassLabel)
        }
    )
    for i, (top, left, bottom, right) in enumerate(value[key] if key else value):
        # The middle of the first pixel is at 0, its border at -0.5.
        corner = (left * width - 0.5, top * height - 0.5)
        size = ((right - left) * width, (bottom - top) * height)
        axis.add_patch(patches.Rectangle(corner, *size, fill=False, color="tab:orange"))
        words = [_text(inner, value[name][i]) for name, inner in classes.items()]
        axis.text(*corner, " ".join(words), va="bottom", color="tab:orange", fontsize=8)


def _draw_bars(axis: Any, info: tfds.core.DatasetInfo, name: str, shares: np.ndarray) -> None:
    """Draws a number for each class, by the names of the label's classes."""
    names = getattr(info.features[info.supervised_keys[1]], "names", None)
    numbers = np.arange(len(shares))
    axis.barh(numbers, shares)
    axis.set_yticks(numbers, names or numbers, fontsize=7)
    axis.invert_yaxis()
    axis.tick_params(axis="x", labelsize=7)
    axis.set_title(name, fontsize=9)


def _draw_times(example: dict[str, Any], names: tuple[str, str], *axes: Any) -> None:
    """Draws a line at each time, a short one below the others at those that are not strong."""
    seconds, strong = (functools.reduce(lambda e, k: e[k], n.split("/"), example) for n in names)
    for axis, color in zip(axes, ("tab:orange", "white")):
        height = axis.get_xaxis_transform()  # Of the axis, from 0 to 1.
        axis.vlines(seconds[~strong], 0, 0.3, color, linewidth=0.8, transform=height)
        axis.vlines(seconds[strong], 0, 1, "red", linewidth=1, transform=height)
        axis.set_title(f"{names[0]}: {len(seconds)}; {names[1]}: {strong.sum()}, red", fontsize=9)


def _describe(
    features: tfds.features.FeaturesDict,
    example: dict[str, Any],
    drawn: list[str],
    width: int = 36,
) -> str:
    """The features that are not drawn, a line or two each, as many as there is room for."""
    lines = []
    leaves = list(_leaves({k: f for k, f in features.items() if k not in drawn}, example))
    for shown, (name, feature, value) in enumerate(leaves):
        text = textwrap.wrap(
            f"{name}: {_text(feature, value)}", width=width, max_lines=2, placeholder=" ..."
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
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind == "f":
        return ", ".join(f"{one:.2g}" for one in value)
    if isinstance(value, (np.floating, float)):
        return f"{value:.4g}"
    return str(value)
