"""What an engine gives back."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import naming

from tfds_extra.core import disk
from tfds_extra.core.engines import records, tasks


@dataclasses.dataclass(frozen=True)
class PreparedSplit:
    """What preparing one split came to.

    Attributes:
      split_info: Shards and sizes, for TFDS.
      order_digest: `records.OrderDigest` of all its records.
    """

    split_info: tfds.core.SplitInfo
    order_digest: str


def prepared_split(
    split: str,
    shards: Sequence[tasks.ShardTask],
    sizes: Mapping[str, int],
    folder: pathlib.Path | epath.Path,
    filename_templates: Mapping[str, naming.ShardedFileTemplate],
) -> PreparedSplit:
    """Puts the finished shards of a split where they belong.

    They stay where they lie, too, if the file system lets a file have two names: the caller removes
    them when what was made of them is published.

    Args:
      split: The split.
      shards: Its shards in order.
      sizes: Bytes of the records of each shard, by its name.
      folder: Where they lie.
      filename_templates: Where they belong, by split.
    """
    template = filename_templates[split]
    digest = records.OrderDigest()
    for task in shards:
        digest.update_from_file(records.digests_path(folder / task.name))
        disk.put(folder / task.name, epath.Path(template.data_dir) / task.name)
    split_info = tfds.core.SplitInfo(
        name=split,
        shard_lengths=[task.count for task in shards],
        num_bytes=sum(sizes[task.name] for task in shards),
        filename_template=template,
    )
    return PreparedSplit(split_info, digest.hexdigest())
