"""Ways to run a builder: from pieces of the raw corpus to shards on disk."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import download, naming, utils, writer

from tfds_extra.core import errors
from tfds_extra.core.pieces import SplitExamples
from tfds_extra.core.serializer import ExampleEncoder


@dataclasses.dataclass(frozen=True)
class PreparedSplit:
    """What preparing one split came to.

    Attributes:
      split_info: Shards and sizes, for TFDS.
      num_examples: Number of examples.
      order_digest: sha256 over the records in order, see `OrderDigest`.
    """

    split_info: tfds.core.SplitInfo
    num_examples: int
    order_digest: str


class OrderDigest:
    """Digest of a sequence of records, whatever shards and file format they are stored in.

    It is the sha256 of each record's length (8 bytes, little-endian) followed by the record.
    """

    def __init__(self):
        self._sha256 = hashlib.sha256()

    def update(self, record: bytes) -> None:
        """Appends one record."""
        self._sha256.update(len(record).to_bytes(8, "little"))
        self._sha256.update(record)

    def hexdigest(self) -> str:
        """Digest of the records so far."""
        return self._sha256.hexdigest()


class _DigestingWriter(writer.ExampleWriter):
    """Writes shards as `inner` does, and digests their records on the way."""

    def __init__(self, inner: writer.ExampleWriter):
        super().__init__(file_format=inner.file_format)
        self._inner = inner
        self.digest = OrderDigest()

    def write(self, path: os.PathLike[str], examples: Iterable[tuple[Any, bytes]]) -> Any:
        def digested() -> Iterator[tuple[Any, bytes]]:
            for key, record in examples:
                self.digest.update(record)
                yield key, record

        return self._inner.write(path, digested())


class _EncodingSerializer:
    """Lets TFDS's `Writer` take examples as `_generate_examples` yields them.

    It encodes and serializes in one pass, with the same input always giving the same bytes (TFDS's
    own serializer stores the features of an example in arbitrary order).
    """

    def __init__(self, features: tfds.features.FeaturesDict):
        self.example_specs = features.get_serialized_info()
        self._encode = ExampleEncoder(features).encode

    def serialize_example(self, example: dict[str, Any]) -> bytes:
        """Record of one example that has not been encoded yet."""
        return self._encode(example)


def prepare_serially(
    generators: Mapping[str, SplitExamples],
    *,
    features: tfds.features.FeaturesDict,
    filename_templates: Mapping[str, naming.ShardedFileTemplate],
    example_writer: writer.ExampleWriter,
    download_config: download.DownloadConfig,
    disable_shuffling: bool,
    check_counts: Callable[[dict[str, int]], Any],
    expected_counts: Mapping[str, int],
) -> list[PreparedSplit]:
    """Reads each piece once, in this process, and writes all splits.

    Args:
      generators: From `_split_generators`.
      features: Of the builder.
      filename_templates: Where the shards of each split go.
      example_writer: Writes one shard.
      download_config: Shard sizes, `max_examples_per_split`, `ignore_duplicates`.
      disable_shuffling: Whether examples keep the order of their integer keys.
      check_counts: Raises when the number of examples by split is wrong.
      expected_counts: Number of examples by split, for the progress bar.

    Returns:
      The splits that have examples.

    Raises:
      CorpusError: From reading, or from `check_counts`.
      OSError: The disk is full.
    """
    serializer = _EncodingSerializer(features)
    digesters = {split: _DigestingWriter(example_writer) for split in generators}
    writers = {
        split: writer.Writer(
            serializer=serializer,
            filename_template=filename_templates[split],
            hash_salt=split,
            disable_shuffling=disable_shuffling,
            example_writer=digesters[split],
            shard_config=download_config.get_shard_config(),
            ignore_duplicates=download_config.ignore_duplicates,
        )
        for split in generators
    }
    counts = dict.fromkeys(generators, 0)
    limit = download_config.max_examples_per_split
    first = next(iter(generators.values()))
    with errors.disk_full_named(first_folder(filename_templates)):
        for split, key, example in utils.tqdm(
            _read_all(first, counts, limit),
            desc="Generating examples...",
            unit=" examples",
            total=sum(expected_counts.values()),
            leave=False,
            mininterval=1.0,
        ):
            try:
                writers[split].write(key, example)
            except OSError:
                raise
            except Exception as e:
                utils.reraise(e, prefix=f"Failed to encode example {key!r} of split {split}: ")
        check_counts(counts)
        prepared = []
        for split in generators:
            if not counts[split]:
                continue  # Only a partial corpus comes here.
            try:
                shard_lengths, num_bytes = writers[split].finalize()
            except AssertionError as e:
                utils.reraise(e, prefix=f"Split {split}: ")
            split_info = tfds.core.SplitInfo(
                name=split,
                shard_lengths=shard_lengths,
                num_bytes=num_bytes,
                filename_template=filename_templates[split],
            )
            digest = digesters[split].digest.hexdigest()
            prepared.append(PreparedSplit(split_info, counts[split], digest))
    return prepared


def first_folder(filename_templates: Mapping[str, naming.ShardedFileTemplate]) -> str:
    """Folder that the shards are written to."""
    return os.fspath(next(iter(filename_templates.values())).data_dir)


def _read_all(
    generator: SplitExamples, counts: dict[str, int], limit: int | None
) -> Iterator[tuple[str, Any, Any]]:
    """Examples of all splits, at most `limit` of each; counts them in `counts`."""
    for piece in generator.pieces:
        for (split, key), example in generator.read(piece):
            if limit is not None and counts[split] >= limit:
                if all(count >= limit for count in counts.values()):
                    return
                continue
            counts[split] += 1
            yield split, key, example
