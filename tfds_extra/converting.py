"""Converts prepared data from one file format to the other, without preparing it again.

TFDS has `tfds convert_format`. It is not used because it cannot read array_record, needs TensorFlow and
Apache Beam, and neither waits for other processes nor looks whether the new files have the records
of the old ones. What it leaves and what this module leaves is the same to a reader.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Iterator

import numpy as np
from tensorflow_datasets.core import constants, file_adapters, utils

from tfds_extra import core
from tfds_extra.core import digests, disk, locks, prepared
from tfds_extra.core.engines import OrderDigest, blocks, records, strings

_FORMATS = {
    name: file_adapters.FileFormat.from_value(name) for name in ("tfrecord", "array_record")
}
FORMATS = tuple(_FORMATS)
_BLOCK_BYTES = 8 << 20


def convert(builder: core.Builder, to: str, *, replace: bool = False) -> str:
    """Adds a file format to prepared data, or replaces the one that is there.

    The records are copied shard by shard, with a few megabytes in memory. The new files get their
    names when all of them are whole and have the order digests that the metadata states, so that a
    reader, or a crash, finds the data as it was or with the new format. The files are the same to
    the byte as those of `tfds-extra build --file_format`.

    Args:
      builder: A builder whose data is prepared. It does not know of the new format: make another.
      to: `tfrecord` or `array_record`.
      replace: Whether the files of the other format are removed in the end.

    Returns:
      What was done, in a sentence.

    Raises:
      CorpusError: The data is damaged, or its folder cannot be written to.
      ValueError: There is no such format.
    """
    if to not in _FORMATS:
        raise ValueError(f"no file format {to!r}. There are: {', '.join(FORMATS)}.")
    folder = pathlib.Path(builder.data_dir)
    if not os.access(folder, os.W_OK):
        raise core.CorpusError(folder, "", "the folder cannot be written to", "See to its rights.")

    def refuse(seconds: float) -> None:
        del seconds
        raise core.CorpusError(
            folder, "", "another process is preparing or converting it", "Try again later."
        )

    with locks.alone(folder.parent / f"{folder.name}.lock", refuse):
        # Read now, because another process may just have converted it.
        builder.info.read_from_directory(builder.data_dir)
        added = map(
            file_adapters.FileFormat.from_value, builder.info.as_proto.alternative_file_formats
        )
        there = list(dict.fromkeys([builder.info.file_format, *added]))
        others = [file_format for file_format in there if file_format is not _FORMATS[to]]
        made = _FORMATS[to] not in there
        if made:
            _add(builder, there[0], _FORMATS[to])
        if replace and others:
            _describe(folder, [_FORMATS[to]])
            for file_format in others:
                for path in _paths(builder, file_format):
                    path.unlink()
        elif made:
            _describe(folder, [*there, _FORMATS[to]])
    removed = ", ".join(file_format.value for file_format in others) if replace else ""
    said = f"now there as {to}, too" if not replace else f"now there as {to}"
    if not made:
        said = f"there as {to} already"
    return f"{folder}: {said}" + (f"; removed: {removed}" if removed else "")


def _add(
    builder: core.Builder,
    source: file_adapters.FileFormat,
    target: file_adapters.FileFormat,
) -> None:
    """Writes all shards in another format into a work folder, and moves them from there."""
    folder = pathlib.Path(builder.data_dir)
    work_folder = folder.parent / f"unfinished.{folder.name}.convert"
    shutil.rmtree(work_folder, ignore_errors=True)  # A killed process left it.
    work_folder.mkdir()
    try:
        paths = []
        total = builder.info.splits.total_num_examples
        with utils.tqdm(total=total, desc=f"To {target.value}", unit=" examples") as bar:
            for split in builder.info.splits:
                digest = OrderDigest()
                new = [work_folder / path.name for path in _paths(builder, target, split)]
                old = _paths(builder, source, split)
                for path, shard in zip(new, prepared.records(old, source)):
                    records.write_shard(path, _blocks(shard, bar), target)
                    beside = records.digests_path(path)
                    digest.update_from_file(beside)
                    beside.unlink()
                paths += new
                if digest.hexdigest() != builder.info.metadata["order_digest"][split]:
                    raise core.CorpusError(
                        folder, split, "its records are not the ones that were prepared",
                        "See `tfds-extra validate`, and build it with --overwrite.",
                    )  # fmt: skip
        disk.sync_all(work_folder)
        for path in paths:
            path.replace(folder / path.name)
        disk.sync(folder)
    except OSError as e:
        raise core.CorpusError(folder, "", f"it was not converted: {e}", "It is as it was.") from e
    finally:
        shutil.rmtree(work_folder, ignore_errors=True)


def _paths(
    builder: core.Builder, file_format: file_adapters.FileFormat, split: str | None = None
) -> list[pathlib.Path]:
    """Returns the paths of the shards in a file format, of one split or of all."""
    found = []
    for name, info in builder.info.splits.items():
        if split in (None, name):
            template = info.filename_template.replace(filetype_suffix=file_format.file_suffix)
            paths = info.replace(filename_template=template).filepaths
            found += [pathlib.Path(os.fspath(path)) for path in paths]
    return found


def _blocks(shard: Iterator[bytes], bar: utils.tqdm) -> Iterator[blocks.Block]:
    """Yields the records of a shard in blocks of some megabytes."""
    block: list[bytes] = []
    size = 0
    for record in shard:
        block.append(record)
        size += len(record)
        bar.update()
        if size >= _BLOCK_BYTES:
            yield _block(block)
            block, size = [], 0
    yield _block(block)


def _block(found: list[bytes]) -> blocks.Block:
    # The records are in order already: nobody looks at ranks and keys.
    ranks = np.zeros((len(found), 2), np.uint64)
    return blocks.Block(ranks, blocks.crcs_of(found), [], strings.compact(found))


def _describe(folder: pathlib.Path, formats: list[file_adapters.FileFormat]) -> None:
    """Notes the file formats in dataset_info.json, at once or not at all."""
    path = folder / constants.DATASET_INFO_FILENAME
    stored = json.loads(path.read_text(encoding="utf-8"))
    first, *others = [file_format.value for file_format in formats]
    stored["fileFormat"] = first
    stored.pop("alternativeFileFormats", None)
    if others:
        stored["alternativeFileFormats"] = others
    # The form in which TFDS writes it.
    digests.replace_text(path, json.dumps(stored, indent=2, sort_keys=True))
    disk.sync(path)
    disk.sync(folder)
