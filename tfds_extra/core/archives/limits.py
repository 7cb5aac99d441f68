"""Limits beyond which an archive is a decompression bomb."""

from __future__ import annotations

import dataclasses

# Limits. All are far beyond any published corpus; `Limits` overrides them.

# Decompressed bytes per compressed byte. Deflate cannot exceed 1032, text stays below 100.
MAX_RATIO = 1000
# The ratio says nothing about small data: it is checked from this many decompressed bytes on.
RATIO_FROM = 1 << 30
# A tar may announce a name or pax record of any length, which has to be held in memory.
MAX_HEADER_BYTES = 1 << 20
# The memory that an xz or LZMA stream may ask for its dictionary; `xz -9` needs 65 MiB.
MAX_LZMA_MEMORY = 512 << 20
# A compressed zip inside a zip has to be unpacked before it can be read: up to this size in memory,
# above it in an unnamed temporary file (in TMPDIR) that vanishes with its reader.
NESTED_IN_MEMORY = 64 << 20


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of a decompression bomb; the defaults are this module's constants."""

    ratio: int = MAX_RATIO
    ratio_from: int = RATIO_FROM
    header_bytes: int = MAX_HEADER_BYTES
    lzma_memory: int = MAX_LZMA_MEMORY
    nested_in_memory: int = NESTED_IN_MEMORY

    def exceeded_by(self, unpacked: int, packed: int) -> bool:
        """Returns whether `unpacked` bytes are too many to come from `packed` bytes."""
        return unpacked > self.ratio_from and unpacked > self.ratio * packed

    def explain(self, unpacked: int, packed: int) -> str:
        """Returns what is wrong, in words, when `exceeded_by` is true."""
        return (
            f"it is a decompression bomb: {packed:,} bytes expand to {unpacked:,} or more "
            f"(the limit is {self.ratio} times, above {self.ratio_from:,} bytes)"
        )
