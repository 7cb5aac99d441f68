"""What an engine gives back."""

from __future__ import annotations

import dataclasses

import tensorflow_datasets as tfds


@dataclasses.dataclass(frozen=True)
class PreparedSplit:
    """What preparing one split came to.

    Attributes:
      split_info: Shards and sizes, for TFDS.
      order_digest: `records.OrderDigest` of all its records.
    """

    split_info: tfds.core.SplitInfo
    order_digest: str
