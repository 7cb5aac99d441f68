"""Ways to run a builder: from pieces of the raw corpus to shards on disk.

Preparing has two steps: every piece is read once and its records are filed (`runs`); then every
shard is written. `prepare_locally` does this in one process or with local workers,
`prepare_on_beam` on many machines. All of them make the same bytes.
"""

from tfds_extra.core.engines.beam import prepare_on_beam
from tfds_extra.core.engines.local import cores, prepare_locally
from tfds_extra.core.engines.prepared import PreparedSplit
from tfds_extra.core.engines.records import OrderDigest

__all__ = ["OrderDigest", "PreparedSplit", "cores", "prepare_locally", "prepare_on_beam"]
