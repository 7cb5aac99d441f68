"""Exports prepared data to formats that other tools read: Parquet, CSV, or a folder of files.

Recordings and images leave as files, in the bytes that were published wherever these are stored; the
rest is a table. Nested features are columns with names such as `beats/time`; a sequence is a list.
The data is read without TensorFlow, a few megabytes at a time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import itertools
import json
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow_datasets as tfds
from pyarrow import csv, parquet
from tensorflow_datasets.core import example_parser, utils

from tfds_extra import core
from tfds_extra.core import prepared, spelling
from tfds_extra.features import Audio, EncodedAudio, PixelImage, sound
from tfds_extra.formats import mp4

FORMATS = ("parquet", "csv", "folder")

_BATCH_ROWS, _BATCH_BYTES = 1000, 16 << 20  # The most rows, and bytes of records, in memory.
_FILE_BYTES = 512 << 20  # A Parquet file is ended when so many bytes of records are in it.
_PER_FOLDER = 1000  # So many files lie in one folder.
_MARK = "tfds_extra_export.json"  # Only a folder with this file is replaced.
# Beginning of the files of each kind.
_SUFFIXES = (
    (b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"GIF8", ".gif"), (b"RIFF", ".wav"),
    (b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"ID3", ".mp3"),
)  # fmt: skip
_MEDIA = (Audio, EncodedAudio, PixelImage, tfds.features.Image)


class _NoText(ValueError):
    """A column of texts has a value that is not UTF-8; `name` is the column."""

    def __init__(self, name: str):
        super().__init__(name)
        self.name = name


@dataclasses.dataclass(frozen=True)
class _Column:
    """A column of the table.

    Attributes:
      name: Its name, with slashes where the feature is nested.
      path: Names of the feature and of those that it is in.
      feature: The feature of a single value.
      depth: How many lists are around a value.
    """

    name: str
    path: tuple[str, ...]
    feature: Any
    depth: int

    @property
    def is_text(self) -> bool:
        """Whether values are bytes."""
        return np.dtype(self.feature.np_dtype).kind == "O"

    def value(self, example: dict[str, Any]) -> Any:
        """Returns the value in an example."""
        return functools.reduce(lambda value, key: value[key], self.path, example)


def export(
    builder: core.Builder,
    to: str,
    output: str | os.PathLike[str],
    *,
    splits: Sequence[str] = (),
    without: Sequence[str] = (),
    overwrite: bool = False,
) -> dict[str, int]:
    """Exports prepared data into a new folder, which appears when it is complete.

    Args:
      builder: A builder whose data is prepared.
      to: `parquet`: tables with recordings and images inside, as Hugging Face `datasets` has them.
        `csv`: a table for each split, with the paths of the files beside it; lists are JSON.
        `folder`: the files, and a table `metadata.parquet` beside them, which `datasets` reads as
        an `imagefolder` or `audiofolder`.
      output: The folder to make.
      splits: Names of splits, or parts of them in TFDS's form; all splits by default.
      without: Names of the features, or columns of the table, that are left out.
      overwrite: Whether a folder of an earlier export may be replaced.

    Returns:
      Number of examples by split.

    Raises:
      ValueError: The folder is there already, the data cannot be in this format, or there is no
        such split.
    """
    output = pathlib.Path(output)
    _check_output(output, overwrite)
    columns, media = _columns(builder.info.features, without)
    if to not in FORMATS:
        raise ValueError(f"no format {to!r}. There are: {', '.join(FORMATS)}.")
    if to == "folder" and not media:
        raise ValueError(
            f"{builder.info.full_name} has no recordings or images that could lie in a folder:"
            " choose --to parquet or --to csv."
        )
    binary: set[str] = set()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        made = pathlib.Path(
            tempfile.mkdtemp(prefix=f".{output.name}.unfinished-", dir=output.parent)
        )
    except OSError as e:
        raise ValueError(f"{output}: it cannot be made ({e.strerror}). Choose --output.") from e
    try:
        while True:
            try:
                counts = _write(builder, to, made, splits, columns, media, binary)
                break
            except _NoText as e:  # Rare, so that it is worth beginning again.
                if to == "csv":
                    raise ValueError(
                        f"{builder.info.full_name}: {e.name} has bytes that are not UTF-8, which csv"
                        f" cannot hold: choose --to parquet, or leave it out with --without={e.name}."
                    ) from None
                binary.add(e.name)
                shutil.rmtree(made)
                made.mkdir()
        made.chmod(0o777 & ~_umask())  # `mkdtemp` makes it for this user alone.
        if hasattr(os, "sync"):
            os.sync()  # A power cut must not leave the name with empty files.
        if output.exists():
            old = pathlib.Path(tempfile.mkdtemp(prefix=f".{output.name}.old-", dir=output.parent))
            output.replace(old / output.name)
            made.replace(output)
            shutil.rmtree(old, ignore_errors=True)
        else:
            made.replace(output)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return counts


def _check_output(output: pathlib.Path, overwrite: bool) -> None:
    if output.is_dir() and not any(output.iterdir()):
        return
    if os.path.lexists(output):
        if not overwrite:
            raise ValueError(f"{output} is there already. Choose --output, or --overwrite it.")
        if not (output / _MARK).is_file():
            raise ValueError(
                f"{output} is no export of this command (it has no {_MARK}), so that it is not"
                " overwritten. Choose --output, or remove it yourself."
            )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _columns(
    features: tfds.features.FeaturesDict, without: Sequence[str]
) -> tuple[list[_Column], dict[str, Any]]:
    """Returns the columns of the table, and the features of recordings and images by name."""
    known = [column.name for column in _leaves(features, (), 0)]
    for name in without:
        if not any(one == name or one.startswith(f"{name}/") for one in known):
            hint = spelling.hint(name, known) or f"There are: {', '.join(known)}."
            raise ValueError(f"no feature {name!r} to leave out. {hint}")
    features = {name: feature for name, feature in features.items() if name not in without}
    media = {name: feature for name, feature in features.items() if isinstance(feature, _MEDIA)}
    for name, feature in media.items():
        if isinstance(feature, PixelImage) and feature.shape[-1] not in (1, 3, 4):
            raise ValueError(f"{name}: no image file has {feature.shape[-1]} channels.")
    rest = {name: feature for name, feature in features.items() if name not in media}
    # A feature's own name may have slashes in it, too.
    columns = [
        column
        for column in _leaves(rest, (), 0)
        if not any(column.name == name or column.name.startswith(f"{name}/") for name in without)
    ]
    return columns, media


def _leaves(features: Any, path: tuple[str, ...], depth: int) -> Iterator[_Column]:
    for name, feature in features.items():
        inner, deeper = feature, depth
        while isinstance(inner, tfds.features.Sequence):
            inner, deeper = inner.feature, deeper + 1
        here = (*path, name)
        if isinstance(inner, tfds.features.FeaturesDict):
            yield from _leaves(inner, here, deeper)
        elif isinstance(inner, _MEDIA) and deeper:
            raise ValueError(f"{'/'.join(here)}: recordings and images in lists are not exported.")
        else:
            yield _Column("/".join(here), here, inner, deeper + len(inner.shape))


def _write(
    builder: core.Builder,
    to: str,
    folder: pathlib.Path,
    splits: Sequence[str],
    columns: list[_Column],
    media: dict[str, Any],
    binary: set[str],
) -> dict[str, int]:
    """Writes everything into a folder, and returns the number of examples by split."""
    info = builder.info
    chosen = splits or [name for name, split in info.splits.items() if split.num_examples]
    names = {split: re.sub(r"\W+", "_", split).strip("_") for split in chosen}
    counts = {}
    for split, name in names.items():
        total = info.splits[split].num_examples
        with utils.tqdm(total=total, desc=f"{name} to {to}", unit=" examples") as bar:
            examples = _examples(builder, split, media, bar)
            writer: Callable[..., Any] = {"parquet": _Parquet, "csv": _Csv, "folder": _Folder}[to]
            with writer(folder, name, columns, media, binary) as table:
                for rows, size in _batches(examples):
                    table.write(rows, size)
        counts[name] = bar.n if total is None else total
    (folder / "README.md").write_text(_readme(builder, to, counts, binary), encoding="utf-8")
    mark = {"dataset": info.full_name, "to": to, "examples": counts, "binary": sorted(binary)}
    (folder / _MARK).write_text(json.dumps(mark, indent=2), encoding="utf-8")
    return counts


def _examples(
    builder: core.Builder, split: str, media: dict[str, Any], bar: Any
) -> Iterator[tuple[dict[str, Any], int]]:
    """Yields the examples of a split, recordings and images as files, and the size of each."""
    info = builder.info
    parser = example_parser.ExampleParserNp(info.features.get_serialized_info())
    others = tfds.features.FeaturesDict(
        {name: feature for name, feature in info.features.items() if name not in media}
    )
    for file in info.splits[split].file_instructions:
        for shard in prepared.records([file.filename], info.file_format):
            stop = None if file.take == -1 else file.skip + file.take
            for record in itertools.islice(shard, file.skip, stop):
                parsed = parser.parse_example(record)
                example = others.decode_example_np({name: parsed[name] for name in others})
                for name, feature in media.items():
                    example[name] = _file(feature, parsed[name])
                yield example, len(record)
                bar.update()


def _file(feature: Any, stored: Any) -> bytes:
    """Returns the file of a recording or image; empty if it is missing."""
    if isinstance(feature, Audio):
        samples = np.asarray(feature.decode_example_np(stored))
        return sound.to_wav(samples[:, None] if samples.ndim == 1 else samples, feature.sample_rate)
    if isinstance(feature, PixelImage):
        import PIL.Image

        pixels, file = feature.decode_example_np(stored), io.BytesIO()
        PIL.Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
        return file.getvalue()
    return bytes(stored)


def _suffix(content: bytes) -> str:
    """Returns the suffix of a file of this content."""
    for beginning, suffix in _SUFFIXES:
        if content.startswith(beginning):
            return suffix
    if mp4.is_mp4(content[:12]):
        return ".m4a"
    # The first frame of an MPEG stream begins with eleven bits that are set.
    is_mpeg = len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0
    return ".mp3" if is_mpeg else ".bin"


def _batches(
    examples: Iterator[tuple[dict[str, Any], int]],
) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Yields examples in batches, and the size of each batch."""
    rows: list[dict[str, Any]] = []
    size = 0
    for example, length in examples:
        rows.append(example)
        size += length
        if len(rows) >= _BATCH_ROWS or size >= _BATCH_BYTES:
            yield rows, size
            rows, size = [], 0
    if rows:
        yield rows, size


# ----------------------------------------------------------------------------------- the writers


class _Writer(contextlib.AbstractContextManager):
    """Writes the examples of one split."""

    _writer: Any = None  # Arrow's, made for the first examples, whose schema it takes.

    def __init__(
        self,
        folder: pathlib.Path,
        split: str,
        columns: list[_Column],
        media: dict[str, Any],
        binary: set[str],
    ):
        self._folder, self._split = folder, split
        self._columns, self._media, self._binary = columns, media, binary
        self._files = 0

    def __exit__(self, *error: object) -> None:
        if self._writer:
            self._writer.close()

    def _table(self, rows: list[dict[str, Any]]) -> dict[str, pa.Array]:
        """Returns the columns of some examples."""
        return {
            column.name: _array(
                column, [column.value(row) for row in rows], column.name in self._binary
            )
            for column in self._columns
        }

    def _save(self, rows: list[dict[str, Any]], below: pathlib.Path) -> dict[str, list[str | None]]:
        """Writes the files of some examples; returns their paths, relative to `below`."""
        paths: dict[str, list[str | None]] = {name: [] for name in self._media}
        for number, row in enumerate(rows, start=self._files):
            for name, found in paths.items():
                if not row[name]:
                    found.append(None)
                    continue
                part = f"{number // _PER_FOLDER:05}"
                path = self._folder / self._split / name.replace("/", "_") / part
                path.mkdir(parents=True, exist_ok=True)
                path /= f"{number:08}{_suffix(row[name])}"
                path.write_bytes(row[name])
                found.append(path.relative_to(below).as_posix())
        self._files += len(rows)
        return paths


class _Parquet(_Writer):
    """Writes Parquet files that have recordings and images in them."""

    _bytes = _number = 0

    def write(self, rows: list[dict[str, Any]], size: int) -> None:
        arrays = self._table(rows)
        for name in self._media:
            contents = [row[name] or None for row in rows]
            paths = [
                content and f"{self._split}-{number:08}{_suffix(content)}"
                for number, content in enumerate(contents, start=self._files)
            ]
            arrays[name] = pa.StructArray.from_arrays(
                [pa.array(contents, pa.binary()), pa.array(paths, pa.string())],
                ["bytes", "path"],
                mask=pa.array([content is None for content in contents]),
            )
        self._files += len(rows)
        described = _described(self._columns, self._media, self._binary)
        table = pa.table(arrays).replace_schema_metadata({"huggingface": described})
        if self._writer is None:
            path = self._folder / f"{self._split}-{self._number:05}.parquet"
            self._writer = parquet.ParquetWriter(path, table.schema)
        self._writer.write_table(table)
        self._bytes += size
        if self._bytes >= _FILE_BYTES:
            self._writer.close()
            self._writer, self._bytes, self._number = None, 0, self._number + 1


class _Folder(_Writer):
    """Writes files, and a table of Parquet beside them."""

    def write(self, rows: list[dict[str, Any]], size: int) -> None:
        del size
        below = self._folder / self._split
        paths = self._save(rows, below)
        # `datasets` takes each column of such a name for paths of files.
        arrays = {
            re.sub(r"(^|_)file_name$", r"\1filename", name): array
            for name, array in self._table(rows).items()
        }
        for name, found in paths.items():
            arrays[f"{name}_file_name"] = pa.array(found, pa.string())
        table = pa.table(arrays)
        if self._writer is None:
            below.mkdir(parents=True, exist_ok=True)
            self._writer = parquet.ParquetWriter(below / "metadata.parquet", table.schema)
        self._writer.write_table(table)


class _Csv(_Writer):
    """Writes files, and a table of CSV with their paths."""

    def write(self, rows: list[dict[str, Any]], size: int) -> None:
        del size
        arrays = self._table(rows)
        for column in self._columns:
            if column.depth:
                lists = arrays[column.name].to_pylist()
                texts = [json.dumps(one, ensure_ascii=False) for one in lists]
                arrays[column.name] = pa.array(texts, pa.string())
        for name, found in self._save(rows, self._folder).items():
            arrays[name] = pa.array(found, pa.string())
        table = pa.table(arrays)
        if self._writer is None:
            self._writer = csv.CSVWriter(self._folder / f"{self._split}.csv", table.schema)
        self._writer.write_table(table)


def _array(column: _Column, values: list[Any], is_binary: bool) -> pa.Array:
    """Returns a column of some examples.

    Raises:
      _NoText: A text is not UTF-8, and the column is not one of bytes.
    """
    try:
        return _nested(column, values, column.depth, pa.binary() if is_binary else pa.string())
    except pa.ArrowInvalid:
        if not column.is_text or is_binary:
            raise
        raise _NoText(column.name) from None


def _nested(column: _Column, values: Sequence[Any], depth: int, text: pa.DataType) -> pa.Array:
    if depth:
        offsets = np.zeros(len(values) + 1, np.int32)
        np.cumsum([len(value) for value in values], out=offsets[1:])
        flat = list(itertools.chain.from_iterable(values))
        return pa.ListArray.from_arrays(offsets, _nested(column, flat, depth - 1, text))
    if column.is_text:
        return pa.array(list(values), pa.binary()).cast(text)
    # NaN stays NaN, and is no missing value.
    return pa.array(np.asarray(values, column.feature.np_dtype), from_pandas=False)


# ------------------------------------------------------------------------------------- described


def _described(columns: list[_Column], media: dict[str, Any], binary: set[str]) -> str:
    """Returns the features in the form in which Hugging Face `datasets` finds them in a file."""
    features: dict[str, Any] = {}
    for column in columns:
        if isinstance(column.feature, tfds.features.ClassLabel) and column.feature.num_classes:
            one: Any = {"names": column.feature.names, "_type": "ClassLabel"}
        elif column.is_text:
            kind = "binary" if column.name in binary else "string"
            one = {"dtype": kind, "_type": "Value"}
        else:
            one = {"dtype": np.dtype(column.feature.np_dtype).name, "_type": "Value"}
        for _ in range(column.depth):
            one = [one]  # All releases read this form of a list.
        features[column.name] = one
    for name, feature in media.items():
        is_image = isinstance(feature, tfds.features.Image)
        features[name] = {"_type": "Image" if is_image else "Audio"}
    return json.dumps({"info": {"features": features}})


def _readme(builder: core.Builder, to: str, counts: dict[str, int], binary: set[str]) -> str:
    """Returns a README whose head tells Hugging Face `datasets` which files are which split."""
    pattern = {"parquet": "{}-*.parquet", "csv": "{}.csv", "folder": "{}/**"}[to]
    files = "\n".join(
        f"  - split: {split}\n    path: {json.dumps(pattern.format(split))}" for split in counts
    )
    first = next(iter(counts))
    reading = {
        "parquet": f'pandas.read_parquet("{first}-00000.parquet")',
        "csv": f'pandas.read_csv("{first}.csv", keep_default_na=False, float_precision="round_trip")',
        "folder": f'pandas.read_parquet("{first}/metadata.parquet")',
    }[to]
    notes = []
    if to == "csv":
        notes.append(
            "Lists are JSON texts (`json.loads`), recordings and images are paths from this folder."
            " An empty cell is an empty text."
        )
    if binary:
        notes.append(f"Not all of it is UTF-8, so these are bytes: {', '.join(sorted(binary))}.")
    info = builder.info
    return f"""---
configs:
- config_name: default
  data_files:
{files}
---

# {info.full_name}

{"".join(builder.about("summary")) or builder.name}: exported by tfds_extra, {", ".join(f"{split} {n:,}" for split, n in counts.items())} examples.

    datasets.load_dataset("THIS FOLDER")
    {reading}

{" ".join(notes)}

Homepage: {info.homepage}

Licence: {info.redistribution_info.license}

Citation:

```bibtex
{info.citation}
```
"""
