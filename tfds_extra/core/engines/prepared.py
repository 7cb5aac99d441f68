"""The result of an engine."""

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
    """A split that was prepared.

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
    """Puts the finished shards of a split into the folder of the prepared data.

    If the file system has hard links, they stay in the work folder as well; the caller removes them
    there after the data is published.

    Args:
      split: The split.
      shards: Its shards in order.
      sizes: Number of bytes of each shard's records, by the shard's name.
      folder: The work folder.
      filename_templates: Paths of the shards in the prepared data, by split.
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
