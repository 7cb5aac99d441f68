"""Shard files: records in order, with a digest of each beside them."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import struct
from collections.abc import Iterable, Iterator

import google_crc32c
from etils import epath
from tensorflow_datasets.core import file_adapters

_DIGEST_BYTES = 16
_DIGESTS_SUFFIX = ".digests"

# A TFRecord file is a sequence of: length (8 bytes), its checksum (4), the record, its checksum (4),
# all little-endian. Source: tensorflow/core/lib/io/record_writer.h; the checksum is a CRC-32C,
# rotated and offset as in tensorflow/core/lib/hash/crc32c.h.
_CRC_OFFSET = 0xA282EAD8
_CRC = struct.Struct("<I")
_BLOCK = 1 << 20


class OrderDigest:
    """Digest of a sequence of records, whatever shards and file format they are stored in.

    It is the sha256 of the records' own digests (BLAKE2b of 16 bytes), one after the other, so that
    shards can be digested apart and put together in order.
    """

    def __init__(self):
        self._sha256 = hashlib.sha256()

    def update(self, record: bytes) -> None:
        """Appends one record."""
        self._sha256.update(record_digest(record))

    def update_from_file(self, path: epath.Path | pathlib.Path) -> None:
        """Appends the records whose digests `write_shard` has left in a file."""
        with path.open("rb") as digests:
            while block := digests.read(_BLOCK):
                self._sha256.update(block)

    def hexdigest(self) -> str:
        """Digest of the records so far."""
        return self._sha256.hexdigest()


def record_digest(record: bytes) -> bytes:
    """Digest of one record, of 16 bytes."""
    return hashlib.blake2b(record, digest_size=_DIGEST_BYTES).digest()


def digests_path(shard: epath.Path | pathlib.Path) -> epath.Path | pathlib.Path:
    """File with the digests of a shard's records."""
    return shard.with_name(shard.name + _DIGESTS_SUFFIX)


@dataclasses.dataclass
class _Counted:
    """Counts what passes through it."""

    records: int = 0
    num_bytes: int = 0


def write_shard(
    path: pathlib.Path, records: Iterable[tuple[int, bytes]], file_format: file_adapters.FileFormat
) -> tuple[int, int]:
    """Writes a shard, and the digests of its records beside it; both appear only when whole.

    Args:
      path: Of the shard.
      records: Place in the order, and record, in order.
      file_format: Any that TFDS has. TFRecord is written here, without TensorFlow.

    Returns:
      Number of records, and of their bytes.
    """
    counted = _Counted()
    unfinished = path.with_name(f"{path.name}.unfinished")
    digests = digests_path(path)
    with digests.open("wb") as digest_file:

        def digested() -> Iterator[tuple[int, bytes]]:
            for order, record in records:
                digest_file.write(record_digest(record))
                counted.records += 1
                counted.num_bytes += len(record)
                yield order, record

        if file_format is file_adapters.FileFormat.TFRECORD:
            _write_tfrecord(unfinished, digested())
        else:
            file_adapters.ADAPTER_FOR_FORMAT[file_format].write_examples(unfinished, digested())
    os.replace(unfinished, path)
    return counted.records, counted.num_bytes


def _write_tfrecord(path: pathlib.Path, records: Iterable[tuple[int, bytes]]) -> None:
    with path.open("wb", buffering=_BLOCK) as shard:
        for _, record in records:
            length = len(record).to_bytes(8, "little")
            shard.write(b"".join((length, _masked_crc(length), record, _masked_crc(record))))


def _masked_crc(content: bytes) -> bytes:
    crc = google_crc32c.value(content)
    return _CRC.pack((((crc >> 15) | (crc << 17)) + _CRC_OFFSET) & 0xFFFFFFFF)
