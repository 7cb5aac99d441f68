"""Records of a split in columns, and their order.

Many records are handled at once: Python code for each single record would take as long as its
serialization.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

import google_crc32c
import numpy as np

from tfds_extra.core.engines import strings

try:
    # CPython's own takes half the time of OpenSSL's for a few bytes, and is not switched off where
    # OpenSSL's is.
    from _md5 import md5
except ImportError:
    from hashlib import md5

# The number of records, the bytes of all keys and the bytes of all records. The columns of a
# `Block` follow.
HEADER = struct.Struct("<QQQ")
ROW_BYTES = 28  # Bytes of one record in the columns of numbers.
_RANK_BITS = 64
GROUP_BITS = 8  # There are 256 groups; a group that is too large is divided into 256 more.
_GROUP_BYTES = 8 << 20  # There is one group for about so many bytes of the raw corpus.
_ORDERED_SHIFT = 16  # In the order of integer keys, a group has 65,536 keys.


@dataclasses.dataclass(frozen=True)
class Order:
    """The order of the examples of a split.

    TFDS orders by a hash of key and split, so that no reader gets all examples of one class in a
    row. If a dataset sets `disable_shuffling`, the order is that of the integer keys.

    Attributes:
      disable_shuffling: Whether the order is that of the integer keys.
      group_bits: How many bits of a hash tell the group.
    """

    disable_shuffling: bool
    group_bits: int = GROUP_BITS

    @classmethod
    def for_size(cls, disable_shuffling: bool, raw_bytes: int) -> Order:
        """Creates an order with as many groups as a corpus needs.

        Each group is a file, and a small corpus should not be divided into hundreds of files.

        Args:
          disable_shuffling: As in `Order`.
          raw_bytes: Size of the raw corpus; 0 if it is not known.
        """
        wanted = max(raw_bytes // _GROUP_BYTES, 1).bit_length() if raw_bytes else GROUP_BITS
        return cls(disable_shuffling, min(wanted, GROUP_BITS))

    @property
    def shift(self) -> int:
        """Number of low bits of a rank that do not belong to the group."""
        return _ORDERED_SHIFT if self.disable_shuffling else _RANK_BITS - self.group_bits

    def ranks(
        self, split: str, keys: Sequence[str | int | bytes], names: Sequence[bytes]
    ) -> np.ndarray:
        """Returns the ranks of examples: numbers by which they are sorted.

        Args:
          split: Split of the examples.
          keys: Keys of the examples.
          names: The keys as bytes.

        Returns:
          uint64 of shape (keys, 2); the first column is the more significant one.

        Raises:
          ValueError: The order is that of the keys, and a key is no integer from 0 below 2**64.
        """
        if self.disable_shuffling:
            for key in keys:
                if not isinstance(key, int) or not 0 <= key < 1 << _RANK_BITS:
                    raise ValueError(
                        f"key {key!r}: examples in order of their keys need integer keys from 0"
                    )
            ranks = np.zeros((len(keys), 2), np.uint64)
            ranks[:, 0] = keys
            return ranks
        salt = split.encode()
        hashes = b"".join([md5(salt + name).digest() for name in names])
        return np.frombuffer(hashes, ">u8").astype(np.uint64).reshape(-1, 2)


def to_bytes(keys: Sequence[str | int | bytes]) -> list[bytes]:
    """Returns keys in the form of bytes that TFDS hashes."""
    given: Any = keys
    kinds = set(map(type, keys))
    if kinds == {int}:
        return [b"%d" % key for key in given]
    if kinds == {str} and "\\" not in "".join(given):
        return list(map(str.encode, given))
    return [key if isinstance(key, bytes) else str(key).replace("\\", "/").encode() for key in keys]


@dataclasses.dataclass
class Block:
    """Records of one split, in columns.

    Attributes:
      ranks: Rank of each record, uint64 of shape (records, 2).
      crcs: CRC-32C of each record, uint32.
      keys: Key of each record.
      records: The records.
    """

    ranks: np.ndarray
    crcs: np.ndarray
    keys: strings.Strings
    records: strings.Strings

    def __len__(self) -> int:
        """Returns the number of records."""
        return len(self.records)

    @classmethod
    def concatenated(cls, blocks: Sequence[Block]) -> Block:
        """Returns the records of all blocks in one."""
        return cls(
            np.concatenate([block.ranks for block in blocks]),
            np.concatenate([block.crcs for block in blocks]),
            strings.concatenated([block.keys for block in blocks]),
            strings.concatenated([block.records for block in blocks]),
        )

    def take(self, indices: np.ndarray) -> Block:
        """Returns a block of the records at `indices`, in that order."""
        return Block(
            self.ranks[indices],
            self.crcs[indices],
            strings.take(self.keys, indices),
            strings.take(self.records, indices),
        )

    def part(self, start: int, stop: int) -> Block:
        """Returns a block of the records from `start` to before `stop`."""
        some = slice(start, stop)
        keys, records = (strings.part(s, start, stop) for s in (self.keys, self.records))
        return Block(self.ranks[some], self.crcs[some], keys, records)

    def is_whole(self, split: str, order: Order) -> bool:
        """Returns whether the keys fit the ranks, and the records fit the checksums."""
        names = strings.as_list(self.keys)
        try:
            keys = [int(key) for key in names] if order.disable_shuffling else names
            ranks = order.ranks(split, keys, names)
        except ValueError:  # A key is no number.
            return False
        return np.array_equal(ranks, self.ranks) and np.array_equal(
            crcs_of(self.records), self.crcs
        )

    @property
    def sizes(self) -> np.ndarray:
        """Number of bytes of each record, int64."""
        return strings.sizes(self.records)

    def write(self, file: BinaryIO) -> None:
        """Appends the block to a file."""
        key_sizes, sizes = strings.sizes(self.keys), self.sizes
        columns = (
            HEADER.pack(len(self), key_sizes.sum(), sizes.sum()),
            self.ranks.tobytes(),
            self.crcs.tobytes(),
            key_sizes.astype(np.uint32).tobytes(),
            sizes.astype(np.uint32).tobytes(),
        )
        file.write(b"".join(columns))
        strings.write(file, self.keys)
        strings.write(file, self.records)

    @classmethod
    def read(cls, file: BinaryIO, limit: int) -> Block:
        """Reads the block at the current position of a file.

        Args:
          file: The file.
          limit: The most bytes that the block may have.

        Raises:
          OSError: The file ends too early, or holds something else.
        """
        header = strings.read_bytes(file, HEADER.size)
        count, key_bytes, record_bytes = HEADER.unpack(header)
        if not count or HEADER.size + ROW_BYTES * count + key_bytes + record_bytes > limit:
            raise OSError("no block")
        columns = [
            np.frombuffer(strings.read_bytes(file, count * width * np.dtype(dtype).itemsize), dtype)
            for dtype, width in ((np.uint64, 2), (np.uint32, 1), (np.uint32, 1), (np.uint32, 1))
        ]
        ranks, crcs, key_sizes, sizes = columns
        if key_sizes.sum(dtype=np.int64) != key_bytes or sizes.sum(dtype=np.int64) != record_bytes:
            raise OSError("no block")
        keys, records = strings.read(file, key_sizes), strings.read(file, sizes)
        return cls(ranks.reshape(-1, 2), crcs, keys, records)


def crcs_of(records: strings.Strings) -> np.ndarray:
    """Returns the CRC-32C of each record, uint32."""
    return np.fromiter(map(google_crc32c.value, strings.each(records)), np.uint32, len(records))
