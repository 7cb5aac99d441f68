"""Makes the lines that `tfds-extra list` and `tfds-extra info` print."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import folding, registry

if TYPE_CHECKING:
    from tfds_extra.core import Builder, digests, downloads, own_copies

_WIDTH = 80  # Columns of a terminal.
_MANY = 12  # Up to so many configs have a line each.
_ALIKE = 4  # If on average so many configs have the same splits, they are named together.
_LEGEND = """
*      something of it is prepared here: `tfds-extra info NAME` says what
h      files have to be brought by hand
COUNT  examples of the first config; FETCH what is downloaded for it, and
DISK   what it takes when it is prepared; ~ is about
All configs, features and the terms in full: tfds-extra info NAME"""


def corpora(data_dir: str | None) -> Iterator[str]:
    """Yields the lines about all corpora, one for each, of at most 80 columns.

    Args:
      data_dir: Folder of prepared data; TFDS's default if None.
    """
    rows = [("", "NAME", "WHAT", "KIND", "COUNT", "FETCH", "DISK", "LICENCE")]
    for name in registry.names():
        cls = registry.builder_cls(name)
        builder = cls(data_dir=data_dir)
        marks = ("*" if prepared(builder) else " ") + ("h" if by_hand(builder) else " ")
        rows.append(
            (
                marks,
                name,
                "".join(cls.about("summary")),
                (kinds(cls) or ["-"])[0],
                _short(sum(builder.expected_counts.values()), 1000),
                _short_amount(builder.download_amount),
                _short_amount(builder.prepared_amount),
                "".join(cls.about("licence")),
            )
        )
    yield from table(rows, gap=1)
    yield _LEGEND


def corpus(
    builder: Builder,
    extracted: Mapping[str, own_copies.Copy],
    planned: Sequence[downloads.PlannedFile],
) -> Iterator[str]:
    """Yields the lines about one corpus, in its config.

    Args:
      builder: Builder of the corpus.
      extracted: What the user has extracted of it.
      planned: The other files that it needs.
    """
    info = builder.info
    from tfds_extra.core import peeking

    config = builder.builder_config.name if builder.builder_config else "yes"
    summary = "".join(builder.about("summary"))
    yield f"{info.full_name}: {summary} ({', '.join(kinds(type(builder)))})"
    yield f"\n{info.description}\n"
    yield from _paragraph("Homepage", info.homepage)
    yield from _paragraph("Licence", info.redistribution_info.license)
    yield from _paragraph("Other names", ", ".join(builder.about("alias")) or "none")
    yield from _paragraph("Examples", _splits(builder.expected_counts))
    if numbered := folding.names(builder):
        yield from _paragraph("Folds", f"{len(numbered)}, as published: tfds_extra.folds(builder)")
    keys = info.supervised_keys
    yield from _paragraph("as_supervised", f"({', '.join(map(str, keys))})" if keys else "no pair")
    yield from _paragraph("Prepared", builder.data_dir if builder.is_prepared() else "no")
    if builder.is_prepared() and (peek := builder.info.metadata.get("peek")):
        yield from peeking.described(peek)
    if others := [name for name in prepared(builder) if name != config]:
        yield from _paragraph("Prepared as well", ", ".join(others))
    if not builder.prepared_amount.is_least:
        yield f"Disk: {builder.prepared_amount}"
    yield f"Download: {builder.download_amount}"
    yield from (f"  {line}" for line in files(extracted, planned))
    if builder.BUILDER_CONFIGS:
        yield "\nConfigs:"
        yield from _configs(builder)
    if classes := list(_classes(info.features)):
        yield "\nClasses:"
        yield from classes
    yield "\nFeatures:"
    for name, feature, spec in leaves(info.features):
        kind = type(feature).__name__
        if isinstance(feature, tfds.features.Sequence):
            kind += f" of {type(feature.feature).__name__}"
        if isinstance(spec, dict):  # The feature has several tensors, but is no dict of features.
            yield f"  {name}  {kind}"
        else:
            dtype = (
                "string" if np.dtype(spec.np_dtype).kind == "O" else np.dtype(spec.np_dtype).name
            )
            yield f"  {name}  {kind} {dtype} {spec.shape or ''}".rstrip()
        if feature.doc.desc:
            yield from textwrap.wrap(
                feature.doc.desc, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6
            )
    yield f"\n{info.citation}"


def files(
    extracted: Mapping[str, own_copies.Copy], planned: Sequence[downloads.PlannedFile]
) -> Iterator[str]:
    """Yields lines about files: name, size, state, and where they are or come from."""
    for copy in extracted.values():
        yield f"{copy.path}: used as it is"
    rows = [("FILE", "SIZE", "STATE", "")]
    for file in planned:
        place = str(file.path) if file.is_here else file.url
        rows.append((file.file_name, str(file.amount), file.state, place))
    yield from table(rows)


def prepared(builder: Builder) -> list[str]:
    """Returns the names of prepared configs with variants; for no configs, the corpus's name."""
    folder = builder.data_dir_root / builder.name
    found = folder.glob(f"*/{builder.version}/dataset_info.json")
    names = sorted(path.parent.parent.name for path in found)
    if (folder / str(builder.version) / "dataset_info.json").exists():
        names.insert(0, "yes")
    return names


def by_hand(builder: Builder) -> bool:
    """Returns whether a file has to be brought by hand."""
    from tfds_extra.core import ManualFile

    return any(
        isinstance(file.files, ManualFile)
        or (isinstance(file.files, tuple) and any(isinstance(f, ManualFile) for f in file.files))
        for file in builder.published_files().values()
    )


def kinds(cls: type[Builder]) -> list[str]:
    """Returns the kinds of the data (audio, image, text, ...) from TAGS.txt."""
    tags = cls.get_metadata().tags or []
    prefix = "content.data-type."
    found = [tag.partition(" ")[0].removeprefix(prefix) for tag in tags if tag.startswith(prefix)]
    return ["table" if kind == "tabular" else kind for kind in found]


def leaves(features: Any, specs: Any = None, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yields names and features; nested features have names such as `outer/inner`.

    Args:
      features: A dict of features, such as `info.features`.
      specs: Shape and type of each feature; in a sequence, of all its elements together.
      prefix: Beginning of all names.

    Yields:
      Name, feature, and its `tfds.features.TensorInfo`.
    """
    specs = specs or features.get_tensor_info()
    for name, feature in features.items():
        inner = getattr(feature, "feature", feature)  # The feature inside of a sequence, or itself.
        if isinstance(inner, tfds.features.FeaturesDict):
            yield from leaves(inner, specs[name], f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", feature, specs[name]


def table(rows: Sequence[Sequence[str]], gap: int = 2) -> Iterator[str]:
    """Yields the rows with their columns aligned; the last column may be of any length."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        yield (" " * gap).join([*cells, row[-1]]).rstrip()


# ----------------------------------------------------------------------------------------- helpers


def _paragraph(name: str, text: str) -> list[str]:
    """Returns the lines of a text with its name before it; words are never cut."""
    return textwrap.wrap(
        f"{name}: {text}",
        _WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _classes(features: tfds.features.FeaturesDict) -> Iterator[str]:
    """Yields a line for each label, with as many classes as there is room for."""
    for name, feature, _ in leaves(features):
        label = getattr(feature, "feature", feature)  # The feature inside of a sequence, or itself.
        if isinstance(label, tfds.features.ClassLabel) and label.num_classes:
            names = ", ".join(one.replace(" ", "\N{NO-BREAK SPACE}") for one in label.names)
            line = textwrap.fill(
                f"{name} ({label.num_classes}): {names}",
                _WIDTH,
                initial_indent="  ",
                break_on_hyphens=False,
                max_lines=1,
                placeholder=" ...",
            )
            yield line.replace("\N{NO-BREAK SPACE}", " ")


def _splits(counts: dict[str, int]) -> str:
    return ", ".join(
        f"{split} {f'{examples:,}' if examples else 'of unknown number'}"
        for split, examples in counts.items()
    )


def _configs(builder: Builder) -> Iterator[str]:
    """Yields lines about the configs with splits and description; for very many, mostly names."""
    configs = builder.BUILDER_CONFIGS
    counts = {c.name: _splits(builder.counts_of(c.name)) for c in configs}
    if len(configs) > _MANY and len(set(counts.values())) == 1:
        yield from _indented(f"{configs[0].name}, the default: {configs[0].description}")
        names = ", ".join(_folded([c.name for c in configs[1:]]))
        yield from _indented(f"with the same splits, each described by its name: {names}")
        return
    alike: dict[str, list[tfds.core.BuilderConfig]] = {}
    for config in configs:
        alike.setdefault(counts[config.name], []).append(config)
    if len(configs) > _MANY and len(configs) > _ALIKE * len(alike):
        for splits, group in alike.items():
            yield from _indented(f"{group[0].name}: {group[0].description} {splits}.")
            if len(group) > 1:
                names = ", ".join(c.name for c in group[1:])
                yield from _indented(f"with the same splits: {names}")
        return
    for config in configs:
        yield from _indented(f"{config.name}: {config.description} {counts[config.name]}.")


def _indented(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _folded(names: Sequence[str]) -> list[str]:
    """Returns the names; names that differ only by a number at the end are joined to one."""
    numbers: dict[str, list[str]] = {}
    for name in names:
        match = re.fullmatch(r"(.+_)(\d+)", name)
        stem, number = match.groups() if match else (name, "")
        numbers.setdefault(stem, []).append(number)
    return [
        f"{stem}{found[0]}..{found[-1]}" if len(found) > 1 else f"{stem}{found[0]}"
        for stem, found in numbers.items()
    ]


def _short_amount(amount: digests.Amount) -> str:
    return ("~" if amount.is_about else "") + _short(amount.size, 1024) if amount.size else "?"


def _short(number: float, base: int) -> str:
    """Returns a number in at most four characters: 698, 3.0k, 107k, 1.2M."""
    for unit in ("", "k", "M", "G", "T"):
        if number < 999.5 or unit == "T":
            break
        number /= base
    return f"{number:.0f}{unit}" if number >= 9.95 or not unit else f"{number:.1f}{unit}"
