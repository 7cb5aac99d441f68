"""Judges whether a folder of prepared data is whole, and reads its records one by one."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from etils import epath
from tensorflow_datasets.core import features as tfds_features
from tensorflow_datasets.core import file_adapters, naming

from tfds_extra.core.engines import records as tfrecord

_INFO = "dataset_info.json"
_FEATURES = "features.json"
_METADATA = "metadata.json"
# Feature classes may only come from these packages.
_OURS = ("tensorflow_datasets.", "tfds_extra.")
_DIGEST = re.compile(r"[0-9a-f]{32,64}")


def fault(
    folder: epath.Path,
    *,
    name: str,
    version: str,
    variant: str,
    features: tfds_features.FeaturesDict,
    expected_counts: Mapping[str, int],
) -> str:
    """Returns what is wrong with a folder of prepared data, without reading its records.

    Args:
      folder: The folder of one version of one config.
      name: The builder's name.
      version: The builder's version.
      variant: The variant that the metadata has to state.
      features: The builder's features.
      expected_counts: The publisher's number of examples by split; 0 if unknown.

    Returns:
      The file and what is wrong with it. Empty if nothing is wrong, or the folder does not exist or
      is empty.
    """
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return ""
        info = _object(folder / _INFO)
        metadata = _object(folder / _METADATA)
        if info.get("version") != version:
            raise ValueError(f"{_INFO}: its version is {info.get('version')!r}, not {version!r}")
        if metadata.get("variant") != variant:
            raise ValueError(f"{_METADATA}: the variant is {metadata.get('variant')!r}")
        _check_features(folder, features)
        template = naming.ShardedFileTemplate(data_dir=folder, dataset_name=name)
        _check_splits(template, info, metadata, expected_counts)
    except (OSError, ValueError) as e:
        return str(e)
    return ""


def _object(path: epath.Path) -> dict[str, Any]:
    """Returns the object in a JSON file.

    Raises:
      ValueError: The file is missing, or holds something else.
    """
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"{path.name} is missing") from None
    except (OSError, ValueError, RecursionError) as e:
        raise ValueError(f"{path.name} cannot be read ({e})") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no JSON object")
    return found


def _check_features(folder: epath.Path, features: tfds_features.FeaturesDict) -> None:
    """Compares features.json and the names of classes with those of the code.

    Raises:
      ValueError: They differ.
    """
    stored = _object(folder / _FEATURES)
    for name in _class_names(stored):  # `from_json` would import any class that is named there.
        if not name.startswith(_OURS):
            raise ValueError(f"{_FEATURES}: no feature is of the class {name}")
    try:
        same = (
            tfds_features.FeaturesDict.from_json(stored).get_serialized_info()
            == features.get_serialized_info()
        )
    except Exception as e:  # TFDS reads it without checks.
        raise ValueError(f"{_FEATURES} cannot be read ({e})") from None
    if not same:
        raise ValueError(f"{_FEATURES}: these are not the features of this version")
    with tempfile.TemporaryDirectory() as expected:
        features.save_metadata(expected, feature_name=None)
        for path in epath.Path(expected).iterdir():
            if path.name == _FEATURES:
                continue
            try:
                content = (folder / path.name).read_bytes()
            except FileNotFoundError:
                raise ValueError(f"{path.name} is missing") from None
            if content != path.read_bytes():
                raise ValueError(f"{path.name}: these are not the names of this version")


def _class_names(stored: Any) -> Iterator[str]:
    """Yields the names of the classes of all features, however deep they lie."""
    if isinstance(stored, dict):
        for key, value in stored.items():
            if key == "pythonClassName":
                yield str(value)
            else:
                yield from _class_names(value)
    elif isinstance(stored, list):
        for value in stored:
            yield from _class_names(value)


def _check_splits(
    template: naming.ShardedFileTemplate,
    info: dict[str, Any],
    metadata: dict[str, Any],
    expected_counts: Mapping[str, int],
) -> None:
    """Compares the stated numbers of examples and shards with each other and with the files.

    Raises:
      ValueError: They differ, or are no numbers.
    """
    lengths = {}
    try:
        # A format that `tfds convert_format` added has as many shards, of the same lengths.
        added = info.get("alternativeFileFormats", [])
        file_formats = [info.get("fileFormat", "tfrecord"), *added]
        for split in info.get("splits", []):
            file_names = split.get("filepathTemplate", naming.DEFAULT_FILENAME_TEMPLATE)
            if file_names != naming.DEFAULT_FILENAME_TEMPLATE:
                raise ValueError(f"files are called {file_names!r}")
            lengths[split["name"]] = [int(length) for length in split["shardLengths"]]
        missing = {split: int(metadata["missing"].get(split, 0)) for split in expected_counts}
        digests = {split: metadata["order_digest"][split] for split in lengths}
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise ValueError(f"{_INFO} or {_METADATA}: {type(e).__name__} {e}") from None
    for file_format in file_formats:
        if file_format not in [known.value for known in file_adapters.FileFormat]:
            raise ValueError(f"{_INFO}: no file format is called {file_format!r}")
    for split, digest in digests.items():
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise ValueError(f"{_METADATA}: the order digest of {split} is none")
    if unknown := set(lengths) - set(expected_counts):
        raise ValueError(f"{_INFO}: there is no split {min(unknown)}")
    for split, expected in expected_counts.items():
        count = sum(lengths.get(split, []))
        is_as_stated = count + missing[split] == expected if expected else not missing[split]
        if min(lengths.get(split, [0]), default=0) < 0 or not is_as_stated:
            stated = f"{expected:,}" if expected else "unknown number"
            raise ValueError(
                f"{_INFO}: {count:,} examples in split {split}, and {missing[split]:,} missing ones"
                f" in {_METADATA}, are not the {stated} of the publisher"
            )
    for split, shards in lengths.items():
        for file_format in file_formats:
            files = template.replace(split=split, filetype_suffix=file_format)
            for path in files.sharded_filepaths(len(shards)):
                if not path.exists():
                    raise ValueError(f"{path.name} is missing")


def records(
    paths: Iterable[epath.PathLike], file_format: file_adapters.FileFormat
) -> Iterator[Iterator[bytes]]:
    """Yields the serialized examples of each shard, in order.

    Args:
      paths: Paths of the shards.
      file_format: Their file format.
    """
    for path in map(os.fspath, paths):
        if file_format is file_adapters.FileFormat.ARRAY_RECORD:
            from array_record.python import array_record_data_source

            with array_record_data_source.ArrayRecordDataSource([path]) as source:
                yield (source[index] for index in range(len(source)))
        elif file_format is file_adapters.FileFormat.TFRECORD and pathlib.Path(path).exists():
            yield tfrecord.read_tfrecord(pathlib.Path(path))
        else:
            yield (
                file_adapters.ADAPTER_FOR_FORMAT[file_format].make_tf_data(path).as_numpy_iterator()
            )


def chosen_records(
    path: epath.PathLike, file_format: file_adapters.FileFormat, places: Sequence[int]
) -> Iterator[bytes]:
    """Yields some serialized examples of a shard.

    Args:
      path: Path of the shard.
      file_format: Its file format.
      places: Numbers of the examples in the shard, from 0, in increasing order.
    """
    if file_format is file_adapters.FileFormat.TFRECORD and pathlib.Path(path).exists():
        # The last one ends the reading; what is between them is passed over unread.
        found = tfrecord.read_tfrecord(pathlib.Path(path), frozenset(places))
        yield from itertools.islice(found, len(places))
        return
    if file_format is file_adapters.FileFormat.ARRAY_RECORD:
        from array_record.python import array_record_data_source

        with array_record_data_source.ArrayRecordDataSource([os.fspath(path)]) as source:
            yield from (source[place] for place in places)
        return
    for shard in records([path], file_format):
        before = 0
        for place in places:
            yield next(itertools.islice(shard, place - before, None))
            before = place + 1
