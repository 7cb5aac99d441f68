"""Draws or writes a handful of examples, for `tfds-extra show` and for notebooks."""

from __future__ import annotations

import functools
import itertools
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.core import errors, prepared
from tfds_extra.features import Audio, EncodedAudio
from tfds_extra.formats import coco_rle

_WIDTH = 12  # Inches; matplotlib's default of 100 dots an inch makes it 1,200 pixels.
_ROW = 2.2
_LINE = 0.16  # Height in inches of a line of text.
_LINES = 24  # The most lines of a text.
_WRITTEN = 0.8  # Share of its place's width that a text may use; labels of axes may take the rest.
_LETTERS = 200  # No line has more letters.
_UNBROKEN = "\N{NO-BREAK SPACE}"
_HASHES = re.compile(r"(.*[/_])?(sha1|sha256|md5|crc32)")  # Programs need digests, people do not.
_COLUMNS = 80  # Width of a terminal.
_LINES_OF_VALUE = 6  # The most lines of one value in a terminal.
_CAPTION = 45  # Letters in a line of a caption.
_PLACES = 6  # So many images, charts and texts stand side by side.


def read(
    builder: core.Builder, split: str, number: int, seed: int | None = None
) -> Iterator[dict[str, Any]]:
    """Reads examples of a split, if possible without TensorFlow, whose import takes long.

    Args:
      builder: A builder whose data is prepared.
      split: Name of a split, or of a part of a split in TFDS's form.
      number: The most examples.
      seed: None for the first examples. Otherwise they are drawn at random: the same number gives
        the same examples again. They come in the order in which they are stored.

    Yields:
      Each example, decoded to numpy values.
    """
    info = builder.info
    files = info.splits[split].file_instructions
    total = sum(file.examples_in_shard if file.take == -1 else file.take for file in files)
    places = np.arange(min(number, total))
    if seed is not None:
        places = np.sort(np.random.default_rng(seed).choice(total, len(places), replace=False))
    begin = 0
    for file in files:
        end = begin + (file.examples_in_shard if file.take == -1 else file.take)
        here = places[(begin <= places) & (places < end)] - begin + file.skip
        if len(here):
            for record in prepared.chosen_records(file.filename, info.file_format, here.tolist()):
                yield info.features.deserialize_example_np(record)
        begin = end


def write(
    info: tfds.core.DatasetInfo,
    examples: Iterable[dict[str, Any]],
    title: str = "",
    first: Sequence[str] = (),
) -> Iterator[str]:
    """Yields lines of text about each example, at most 80 columns wide.

    Long texts and lists are cut, recordings and images are described by their size, and the features
    whose value is missing are only named (see `draw`).

    Args:
      info: Info of the dataset.
      examples: Examples from `read` or `as_dataset(...).as_numpy_iterator()`.
      title: The first line; by default the full name of the dataset.
      first: Names of the features to write first; see `core.Builder.DRAWN_FIRST`.
    """
    first = [*first, *(key for key in info.supervised_keys or () if isinstance(key, str))]
    yield title or info.full_name
    for number, example in enumerate(examples, start=1):
        yield ""
        yield f"--- {number} " + "-" * (_COLUMNS - len(f"--- {number} "))
        leaves = {
            name: (feature, value) for name, feature, value in _leaves(info.features, example)
        }
        known = [name for name, leaf in leaves.items() if not _is_missing(*leaf)]
        order = [name for name in dict.fromkeys(first) if name in known]
        order += sorted(set(known) - set(order), key=_place(list(leaves)))
        rate = example.get("sample_rate")
        for name in order:
            lines = textwrap.wrap(
                f"{name}: {_said(*leaves[name], rate)}",
                _COLUMNS,
                subsequent_indent="    ",
                max_lines=_LINES_OF_VALUE,
                placeholder=" ...",
            )
            yield from lines
        if missing := [name for name in leaves if name not in order]:
            yield from textwrap.wrap(
                f"(missing: {', '.join(missing)})", _COLUMNS, subsequent_indent="    "
            )


def _said(feature: Any, value: Any, sample_rate: int | None) -> str:
    """Returns a value in words: size of recordings and images, all else as in pictures."""
    if isinstance(feature, (Audio, EncodedAudio)):
        rate = feature.sample_rate or sample_rate
        seconds = f", {len(value) / rate:.2f} s at {rate:,} Hz" if rate else ""
        channels = f" in {value.shape[1]} channels" if value.ndim == 2 else ""
        return f"{len(value):,} {value.dtype} samples{channels}{seconds}"
    if isinstance(feature, tfds.features.Image):
        height, width, channels = value.shape
        return f"{width} x {height} pixels, {channels} channel{'s' * (channels != 1)}"
    if np.ndim(value) > 1:
        shape = " x ".join(map(str, np.shape(value)))
        return f"{shape}: {_text(feature, value)}"
    if np.ndim(value) == 1:  # What is behind these would be cut anyway.
        return _text(feature, value[:_LETTERS])
    return _text(feature, value)


def draw(
    info: tfds.core.DatasetInfo,
    examples: Iterable[dict[str, Any]],
    title: str = "",
    times: tuple[str, str] | None = None,
    distributions: Sequence[str] = (),
    first: Sequence[str] = (),
    segments: core.Segments | None = None,
    objects: core.Objects | None = None,
) -> Any:
    """Draws each example: its recordings or images, and its other features as text.

    Missing values (empty, NaN, or -1 if the feature's doc mentions it) are left out.

    An example with recordings takes a row; several examples with images stand in one row.

    Args:
      info: Info of the dataset.
      examples: Examples from `read` or `as_dataset(...).as_numpy_iterator()`.
      title: Title above all rows; by default the full name of the dataset.
      times: Names of the features that hold times to draw over the recordings, and which of them are
        strong; see `core.Builder.DRAWN_TIMES`.
      distributions: Names of the features to draw as bars beside an image; see
        `core.Builder.DRAWN_DISTRIBUTIONS`.
      first: Names of the features to print first; see `core.Builder.DRAWN_FIRST`.
      segments: Segments of music that was analyzed; see `core.Builder.DRAWN_SEGMENTS`.
      objects: Objects with masks to draw over the first image; see `core.Builder.DRAWN_OBJECTS`.

    Returns:
      A `matplotlib.figure.Figure`.

    Raises:
      ValueError: There is no example.
    """
    errors.require("matplotlib", "matplotlib", "A picture")
    examples = list(examples)
    if not examples:
        raise ValueError(f"{info.full_name}: no examples to draw")
    recordings = _names(info, (Audio, EncodedAudio))
    title = _with_classes(info, title or info.full_name)
    first = [*first, *(key for key in info.supervised_keys or () if isinstance(key, str))]
    if not recordings and _names(info, tfds.features.Image):
        return _draw_images(info, examples, title, distributions, first, objects)
    if segments and segments.starts in info.features:
        return _draw_segments(info, examples, title, segments, first)
    drawn = [*recordings, *(name.split("/")[0] for name in times or ())]
    columns = 2 * len(recordings) + 1
    shares = [3] * (columns - 1) + [2.3]
    width = _WRITTEN * _WIDTH * shares[-1] / sum(shares)
    texts = [_describe(info.features, example, drawn, first, width, 9) for example in examples]
    # The text of many features may be higher than the row of the picture.
    height = max(_ROW, 0.6 + _LINE * max(text.count("\n") + 1 for text in texts))
    picture = _figure(title, height * len(examples))
    axes = picture.subplots(len(examples), columns, squeeze=False, width_ratios=shares)
    for row, example, text in zip(axes, examples, texts):
        for name, waveform, spectrogram in zip(recordings, row[0::2], row[1::2]):
            if not np.size(example[name]):
                for axis in (waveform, spectrogram):
                    axis.axis("off")
                waveform.text(0.5, 0.5, "no sound in this clip", ha="center", va="center")
                continue
            info.features[name].plot(
                example[name], waveform, spectrogram, sample_rate=example.get("sample_rate")
            )
            if times:
                _draw_times(example, times, waveform, spectrogram)
        row[-1].axis("off")
        # It is not part of the layout, which would take room for it from the axes of all columns.
        row[-1].text(0, 1, text, va="top", fontsize=9, in_layout=False)
    return picture


def _names(info: tfds.core.DatasetInfo, kind: Any) -> list[str]:
    return [name for name, feature in info.features.items() if isinstance(feature, kind)]


def _figure(title: str, height: float) -> Any:
    """Returns an empty figure of `height` inches below its title."""
    from matplotlib import figure

    height += 0.5 + _LINE * (title.count("\n") + 1)
    picture = figure.Figure(figsize=(_WIDTH, height), layout="constrained")
    picture.suptitle(title, fontsize=10)
    return picture


def _draw_images(
    info: tfds.core.DatasetInfo,
    examples: list[dict[str, Any]],
    title: str,
    distributions: Sequence[str],
    first: Sequence[str],
    objects: core.Objects | None,
) -> Any:
    """Draws a grid of examples: the images of each, its distributions, and its text."""
    images = _names(info, tfds.features.Image)
    boxes = {name: key for name, f in info.features.items() if (key := _box_key(f)) is not None}
    if objects and objects.name in boxes:
        # Boxes of other sequences would hide these objects.
        boxes = {objects.name: boxes[objects.name]}
    else:
        objects = None
    # A distribution that is missing in all examples is not drawn.
    distributions = [
        name
        for name in distributions
        if name in info.features and not all(np.isnan(e[name]).all() for e in examples)
    ]
    drawn = [*images, *boxes, *distributions]
    places = len(images) + len(distributions) + 1  # Number of axes for an example.
    # Masks and keypoints need larger images.
    shares = [2 if objects and place < len(images) else 1 for place in range(places)]
    across = max(1, min(len(examples), _PLACES // sum(shares)))
    width = _WRITTEN * _WIDTH / (across * sum(shares))
    texts = [_describe(info.features, example, drawn, first, width, 8) for example in examples]
    rows = -(-len(examples) // across)
    height = max(_ROW, 0.4 + _LINE * max(text.count("\n") + 1 for text in texts))
    picture = _figure(title, height * rows)
    axes = picture.subplots(rows, across * places, squeeze=False, width_ratios=shares * across)
    axes = axes.reshape(-1, places)
    for cell in axes[len(examples) :]:
        for axis in cell:
            axis.axis("off")
    for cell, example, text in zip(axes, examples, texts):
        for axis, name in zip(cell, images):
            _draw_image(axis, name, example[name])
        for name, key in boxes.items():
            _draw_boxes(cell[0], info.features[name], key, example[name], example[images[0]])
        if objects:
            _draw_objects(cell[0], objects, example, example[images[0]])
        for axis, name in zip(cell[len(images) :], distributions):
            _draw_bars(axis, info, name, example[name])
        cell[-1].axis("off")
        cell[-1].text(0, 1, text, va="top", fontsize=8, in_layout=False)
    return picture


def _draw_image(axis: Any, name: str, image: np.ndarray) -> None:
    # Brightness is not stretched to the image's own darkest and lightest pixels.
    limits = {"vmin": 0, "vmax": 255} if image.dtype == np.uint8 else {}
    axis.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", **limits)
    axis.set_title(name, fontsize=9)
    axis.axis("off")
    axis.set_anchor("N")


def _box_key(feature: Any) -> str | None:
    """Returns the name of the boxes in a sequence of dicts; "" for a sequence of boxes, or None."""
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
    """Draws boxes, given as shares of height and width, and the class of each if it has one."""
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
        if words:  # With a background, they are legible on any image.
            axis.text(
                *corner, " ".join(words), va="bottom", fontsize=7,
                bbox={"facecolor": "tab:orange", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
            )  # fmt: skip


def _draw_objects(
    axis: Any, objects: core.Objects, example: dict[str, Any], image: np.ndarray
) -> None:
    """Draws masks over an image, each in another colour, then keypoints, and a caption below."""
    from matplotlib import colors

    height, width = image.shape[:2]
    limits = axis.get_xlim(), axis.get_ylim()
    values = example[objects.name]
    masks = coco_rle.to_dense(coco_rle.decode(values[objects.rle]), height, width)
    for number, mask in enumerate(masks):
        axis.imshow(mask[..., None] * np.array(colors.to_rgba(f"C{number % 10}", 0.55)))
    for points in values[objects.keypoints] if objects.keypoints else ():
        x, y, visible = np.asarray(points).T
        for a, b in objects.limbs:
            if visible[a] and visible[b]:
                axis.plot(x[[a, b]], y[[a, b]], color="white", linewidth=1.2)
        for kind, colour in ((1, "black"), (2, "white")):
            of_it = visible == kind
            axis.plot(x[of_it], y[of_it], "o", color=colour, markersize=2.5, markeredgewidth=0)
    axis.set_xlim(limits[0])
    axis.set_ylim(limits[1])
    outer, _, inner = objects.captions.partition("/")
    captions: Sequence[bytes] = example[outer][inner] if outer in example else ()
    if len(captions):
        caption = "\n".join(textwrap.wrap(captions[0].decode(), _CAPTION)[:2])
        axis.text(
            0.5, 0.02, caption, transform=axis.transAxes, ha="center", va="bottom", fontsize=7,
            color="white", bbox={"color": "black", "alpha": 0.6, "pad": 1.5},
        )  # fmt: skip


def _draw_bars(axis: Any, info: tfds.core.DatasetInfo, name: str, shares: np.ndarray) -> None:
    """Draws a bar for each class, with the names of the label's classes."""
    names = getattr(info.features[info.supervised_keys[1]], "names", None)
    numbers = np.arange(len(shares))
    axis.barh(numbers, shares)
    axis.set_yticks(numbers, names or numbers, fontsize=7)
    axis.invert_yaxis()
    axis.tick_params(axis="x", labelsize=7)
    axis.set_title(name, fontsize=9)
    axis.set_box_aspect(1)
    axis.set_anchor("N")


def _draw_times(example: dict[str, Any], names: tuple[str, str], *axes: Any) -> None:
    """Draws a line at each time; times that are not strong get a short line at the bottom."""
    found: list[Any] = [functools.reduce(lambda e, k: e[k], n.split("/"), example) for n in names]
    # A sequence of dicts is read as lists.
    seconds, strong = np.asarray(found[0]), np.asarray(found[1], bool)
    called = names[1].rpartition("/")[2].removeprefix("is_")
    for axis, color in zip(axes, ("tab:orange", "white")):
        height = axis.get_xaxis_transform()  # The height of the axis goes from 0 to 1.
        options = {"transform": height, "linewidth": 1}
        axis.vlines(seconds[~strong], 0, 0.3, color, label=f"{(~strong).sum()} others", **options)
        axis.vlines(seconds[strong], 0, 1, "red", label=f"{strong.sum()} {called}", **options)
        axis.set_title(f"{names[0].partition('/')[0]}: {len(seconds)}", fontsize=9, loc="left")
        axis.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=2, fontsize=8, facecolor="lightgrey",
            borderaxespad=0.2,
        )  # fmt: skip


def _draw_segments(
    info: tfds.core.DatasetInfo,
    examples: list[dict[str, Any]],
    title: str,
    segments: core.Segments,
    first: Sequence[str],
) -> Any:
    """Draws a row for each example: its values over time with its marks, and its text."""
    drawn = [segments.starts, *segments.values, *segments.marks]
    shares = [3] * len(segments.values) + [2.3]
    width = _WRITTEN * _WIDTH * shares[-1] / sum(shares)
    texts = [_describe(info.features, example, drawn, first, width, 9) for example in examples]
    height = max(_ROW, 0.6 + _LINE * max(text.count("\n") + 1 for text in texts))
    picture = _figure(title, height * len(examples))
    axes = picture.subplots(len(examples), len(shares), squeeze=False, width_ratios=shares)
    for row, example, text in zip(axes, examples, texts):
        starts = example[segments.starts]
        for axis, name in zip(row, segments.values):
            axis.set_title(f"{name}: {len(starts)}", fontsize=9, loc="left")
            if not len(starts):
                axis.axis("off")
                continue
            end = max(float(example[segments.end]), starts[-1] + 1e-3)
            lines = np.arange(example[name].shape[1] + 1) - 0.5
            axis.pcolormesh(np.append(starts, end), lines, example[name].T, rasterized=True)
            axis.set_xlim(0, end)
            axis.set_xlabel("seconds", fontsize=8)
            axis.tick_params(labelsize=8)
            _draw_marks(axis, example, segments.marks)
        row[-1].axis("off")
        row[-1].text(0, 1, text, va="top", fontsize=9, in_layout=False)
    return picture


def _draw_marks(axis: Any, example: dict[str, Any], names: Sequence[str]) -> None:
    """Draws lines at times, each kind in a strip at the bottom, the last over the whole height."""
    bottom, top = axis.get_ylim()
    strip = 0.07 * (top - bottom)
    axis.set_ylim(bottom - strip * len(names), top)
    for number, (name, color) in enumerate(zip(names, ("grey", "tab:orange", "red"))):
        first = bottom - strip * (number + 1)
        last = top if number == len(names) - 1 else first + strip
        label = f"{len(example[name])} {name.partition('_')[0]}"
        axis.vlines(example[name], first, last, color, label=label, linewidth=0.6)
    axis.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=7, borderaxespad=0.2,
        columnspacing=0.8, handlelength=1,
    )  # fmt: skip


def _with_classes(info: tfds.core.DatasetInfo, title: str) -> str:
    """Returns the title, followed by at most two lines with the classes of the label."""
    keys = info.supervised_keys
    name = keys[1] if keys else None
    label = info.features[name] if isinstance(name, str) else None
    if not isinstance(label, tfds.features.ClassLabel) or not label.num_classes:
        return title
    classes = ", ".join(one.replace(" ", _UNBROKEN) for one in label.names)
    lines = _two_lines(f"{name}, {label.num_classes} classes: {classes}", 0.9 * _WIDTH, 10)
    return "\n".join([title, *lines]).replace(_UNBROKEN, " ")


def _describe(
    features: tfds.features.FeaturesDict,
    example: dict[str, Any],
    drawn: Sequence[str],
    first: Sequence[str],
    width: float,
    size: float,
) -> str:
    """Returns a text of the known features that are not drawn, with at most two lines for each."""
    leaves = {
        name: (feature, value)
        for name, feature, value in _leaves(
            {k: f for k, f in features.items() if k not in drawn}, example
        )
        if not _is_missing(feature, value)
    }
    order = [name for name in dict.fromkeys(first) if name in leaves]
    order += sorted(leaves.keys() - set(order), key=_place(list(leaves)))
    lines: list[str] = []
    for shown, name in enumerate(order):
        text = _two_lines(f"{name}: {_text(*leaves[name])}", width, size)
        if len(lines) + len(text) > _LINES - 1 and shown < len(order) - 1:
            return "\n".join([*lines, f"and {len(order) - shown} more"])
        lines += text
    return "\n".join(lines)


def _two_lines(text: str, width: float, size: float) -> list[str]:
    """Wraps a text (`size` in points, `width` in inches) to at most two lines, cut with dots."""
    lines = list(itertools.islice(_wrapped(text, width, size), 3))
    if len(lines) > 2:
        while _inches(f"{lines[1]} ...", size) > width:
            lines[1] = lines[1][:-1]
        lines[1:] = [f"{lines[1]} ..."]
    return lines


def _wrapped(text: str, width: float, size: float) -> Iterator[str]:
    """Yields the lines of a text; a word that is wider than a line is cut."""
    line = ""
    for word in re.split(r"[\t\n\r ]+", text.strip()):
        longer = f"{line} {word}" if line else word
        if _inches(longer, size) <= width:
            line = longer
            continue
        if line:
            yield line
        while _inches(word, size) > width:
            widest = min(len(word), _LETTERS)
            cut = next((n for n in range(widest, 1, -1) if _inches(word[:n], size) <= width), 1)
            yield word[:cut]
            word = word[cut:]
        line = word
    yield line


def _inches(text: str, size: float) -> float:
    """Returns the width in inches of a text of `size` points."""
    from matplotlib import font_manager, textpath

    font = font_manager.FontProperties(size=size)
    return textpath.text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def _place(names: list[str]) -> Any:
    """Returns a sort key for names that keeps their order, but puts digests last."""
    return lambda name: (bool(_HASHES.fullmatch(name)), names.index(name))


def _is_missing(feature: Any, value: Any) -> bool:
    """Returns whether a value is missing: empty, NaN, or -1 if the feature's doc says so."""
    if isinstance(value, (bytes, str)) or not np.size(value):
        return not len(value)
    kind = np.asarray(value).dtype.kind
    if kind == "f" and np.isnan(value).all():
        return True
    if kind not in "if":
        return False
    if isinstance(feature, tfds.features.ClassLabel) or "-1" in (feature.doc.desc or ""):
        return bool(np.all(np.asarray(value) == -1))
    return np.ndim(value) > 0 and not np.any(value)  # All counts are 0.


def _leaves(
    features: Mapping[str, Any], example: dict[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yields name, feature and value of all features: first single ones, then those in groups."""
    groups = {}
    for name, feature in features.items():
        inner = getattr(feature, "feature", feature)  # A sequence's inner feature, or the feature.
        if isinstance(inner, tfds.features.FeaturesDict):
            groups[name] = inner
        else:
            yield f"{prefix}{name}", inner, example[name]
    for name, inner in groups.items():
        yield from _leaves(inner, example[name], f"{prefix}{name}/")


def _text(feature: Any, value: Any) -> str:
    """Returns a value in a form for people."""
    if np.ndim(value) == 1:
        return ", ".join(_text(feature, one) for one in value)
    if np.ndim(value) > 1:  # A few rows fill the two lines.
        return ", ".join(f"[{_text(feature, row)}]" for row in value[:9])
    if isinstance(feature, tfds.features.ClassLabel) and value >= 0:
        return feature.int2str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, (np.floating, float)):
        return f"{value:.4g}"
    return str(value)
