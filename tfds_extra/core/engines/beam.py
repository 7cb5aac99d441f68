"""Preparing on Apache Beam, which is how a corpus leaves one machine.

The same pieces and the same reading as on one machine; sorting and sharding are TFDS's own, which
draws the borders of shards elsewhere. The order of all records is the same, and so is its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import download, file_adapters, naming, writer

from tfds_extra.core import pieces
from tfds_extra.core.engines import records
from tfds_extra.core.engines.prepared import PreparedSplit
from tfds_extra.core.serializer import ExampleEncoder


class _Encoder:
    """Lets TFDS's writer take examples as builders yield them."""

    def __init__(self, features: tfds.features.FeaturesDict):
        self.example_specs = features.get_serialized_info()
        self._features = features
        self._encode = ExampleEncoder(features).encode

    def __reduce__(self):
        return type(self), (self._features,)

    def serialize_example(self, example: dict[str, Any]) -> bytes:
        return self._encode(example)


class _DigestingWriter(writer.ExampleWriter):
    """Leaves the digests of a shard's records beside it, as `records.write_shard` does."""

    def write(self, path: Any, examples: Iterable[tuple[Any, bytes]]) -> Any:
        path = epath.Path(path)

        def digested() -> Iterator[tuple[Any, bytes]]:
            for key, record in examples:
                digests.write(records.record_digest(record))
                yield key, record

        with records.digests_path(_final(path)).open("wb") as digests:
            return super().write(path, digested())


def _final(path: epath.Path) -> epath.Path:
    """The name that a shard will have when it is whole; TFDS puts a prefix before it."""
    prefix, dot, rest = path.name.partition(".")
    return path.with_name(rest.partition(".")[2]) if prefix + dot == "incomplete." else path


def prepare_on_beam(
    generators: Mapping[str, pieces.SplitExamples],
    *,
    features: tfds.features.FeaturesDict,
    filename_templates: Mapping[str, naming.ShardedFileTemplate],
    file_format: file_adapters.FileFormat,
    download_config: download.DownloadConfig,
    disable_shuffling: bool,
    check_counts: Callable[[dict[str, int]], Any],
) -> list[PreparedSplit]:
    """Reads each piece once and writes all splits, in one Beam pipeline.

    Args:
      generators: From `_split_generators`; the pieces and the builder are pickled.
      features: Of the builder.
      filename_templates: Where the shards of each split go: a folder that all workers reach.
      file_format: Of the shards.
      download_config: With `beam_runner`, `beam_options` or both.
      disable_shuffling: Whether examples keep the order of their integer keys.
      check_counts: Raises when the number of examples by split is wrong.

    Returns:
      The splits.

    Raises:
      CorpusError: From reading, by way of Beam, or from `check_counts`.
    """
    import apache_beam as beam
    from apache_beam.options import pipeline_options

    options = download_config.beam_options or pipeline_options.PipelineOptions()
    # The outputs of the pipeline are of several types, which Beam's check does not follow.
    options.view_as(pipeline_options.TypeOptions).pipeline_type_check = False
    runner = download_config.beam_runner
    if runner is None and not options.view_as(pipeline_options.StandardOptions).runner:
        # Beam's default first tries to fetch a program from the network (apache/beam#34612).
        runner = "FnApiRunner"
    first = next(iter(generators.values()))
    writers = {
        split: writer.BeamWriter(
            serializer=_Encoder(features),
            filename_template=filename_templates[split],
            hash_salt=split,
            disable_shuffling=disable_shuffling,
            shard_config=download_config.get_shard_config(),
            example_writer=_DigestingWriter(file_format=file_format),
        )
        for split in generators
    }
    with beam.Pipeline(runner=_named(runner), options=options) as pipeline:
        examples = (
            pipeline
            | "Pieces" >> beam.Create(list(first.pieces))
            | "Apart" >> beam.Reshuffle()
            | "Read" >> beam.FlatMap(pieces.one_by_one, read=first.read)
        )
        for split in generators:
            one = (
                examples
                | f"{split}: filter" >> beam.Filter(_is_of, split=split)
                | f"{split}: key" >> beam.Map(_without_split)
            )
            one | f"{split}: write" >> beam.ptransform_fn(writers[split].write_from_pcollection)()
    prepared = []
    for split, written in writers.items():
        lengths, num_bytes = written.finalize()
        template = filename_templates[split]
        digest = records.OrderDigest()
        for shard in template.sharded_filepaths(len(lengths)):
            digests = records.digests_path(shard)
            digest.update_from_file(digests)
            digests.unlink()
        split_info = tfds.core.SplitInfo(
            name=split, shard_lengths=lengths, num_bytes=num_bytes, filename_template=template
        )
        prepared.append(PreparedSplit(split_info, digest.hexdigest()))
    check_counts({p.split_info.name: p.split_info.num_examples for p in prepared})
    return prepared


def _named(runner: Any) -> Any:
    if runner == "FnApiRunner":
        from apache_beam.runners.portability import fn_api_runner

        return fn_api_runner.FnApiRunner()
    return runner


def _is_of(item: pieces.SplitExample, split: str) -> bool:
    return item[0][0] == split


def _without_split(item: pieces.SplitExample) -> tuple[Any, Any]:
    (_, key), example = item
    return key, example
