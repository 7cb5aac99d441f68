"""Shard files: records in order, with a digest of each beside them."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Iterable, Iterator

import google_crc32c
import numpy as np
from etils import epath
from tensorflow_datasets.core import file_adapters

from tfds_extra.core.engines import runs

_DIGEST = np.dtype([("size", "<u8"), ("crc", "<u4")])
_DIGESTS_SUFFIX = ".digests"

# A TFRecord file is a sequence of: length (8 bytes), its checksum (4), the record, its checksum (4),
# all little-endian. Source: tensorflow/core/lib/io/record_writer.h; the checksum is a CRC-32C,
# rotated and offset as in tensorflow/core/lib/hash/crc32c.h.
_CRC_OFFSET = 0xA282EAD8
_BUFFER_BYTES = 1 << 20
_RECORDS_AT_ONCE = 1024


class OrderDigest:
    """Digest of a sequence of records, whatever shards and file format they are stored in.

    It is the sha256 of the size (8 bytes, little-endian) and CRC-32C (4 bytes) of each record, one
    after the other, so that shards can be digested apart and put together in order. It tells
    corruption and confusion, not forgery.
    """

    def __init__(self):
        self._sha256 = hashlib.sha256()

    def update(self, record: bytes) -> None:
        """Appends one record."""
        self._sha256.update(record_digest(record))

    def update_from_file(self, path: epath.Path | pathlib.Path) -> None:
        """Appends the records whose digests `write_shard` has left in a file."""
        with path.open("rb") as digests:
            while block := digests.read(_BUFFER_BYTES):
                self._sha256.update(block)

    def hexdigest(self) -> str:
        """Digest of the records so far."""
        return self._sha256.hexdigest()


def record_digest(record: bytes) -> bytes:
    """What `OrderDigest` takes of one record, 12 bytes."""
    return len(record).to_bytes(8, "little") + google_crc32c.value(record).to_bytes(4, "little")


def digests_path(shard: epath.Path | pathlib.Path) -> epath.Path | pathlib.Path:
    """File with the digests of a shard's records."""
    return shard.with_name(shard.name + _DIGESTS_SUFFIX)


def write_shard(
    path: epath.Path | pathlib.Path,
    blocks: Iterable[runs.Block],
    file_format: file_adapters.FileFormat,
) -> tuple[int, int]:
    """Writes a shard, and the digests of its records beside it; both appear only when whole.

    Args:
      path: Of the shard.
      blocks: The records, in order.
      file_format: Any that TFDS has. TFRecord is written here, without TensorFlow.

    Returns:
      Number of records, and of their bytes.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    count = num_bytes = 0
    with digests_path(path).open("wb") as digest_file:

        def digested() -> Iterator[runs.Block]:
            nonlocal count, num_bytes
            for block in blocks:
                digests = np.empty(len(block.records), _DIGEST)
                digests["size"], digests["crc"] = block.sizes, block.crcs
                digest_file.write(digests.tobytes())
                count += len(digests)
                num_bytes += int(digests["size"].sum())
                yield block

        if file_format is file_adapters.FileFormat.TFRECORD:
            _write_tfrecord(unfinished, digested())
        else:
            examples = (item for block in digested() for item in enumerate(block.records))
            file_adapters.ADAPTER_FOR_FORMAT[file_format].write_examples(unfinished, examples)
    unfinished.replace(path)
    return count, num_bytes


def _write_tfrecord(path: epath.Path | pathlib.Path, blocks: Iterable[runs.Block]) -> None:
    lengths = _Lengths()
    with path.open("wb") as shard:
        for block in blocks:
            crcs = _masked(block.crcs).astype("<u4").view("V4").tolist()
            for start in range(0, len(crcs), _RECORDS_AT_ONCE):
                records = block.records[start : start + _RECORDS_AT_ONCE]
                frames = [b""] * (3 * len(records))
                frames[0::3] = [lengths[len(record)] for record in records]
                frames[1::3] = records
                frames[2::3] = crcs[start : start + _RECORDS_AT_ONCE]
                shard.write(b"".join(frames))


class _Lengths(dict):
    """Length and its checksum, as they stand before a record."""

    def __missing__(self, length: int) -> bytes:
        content = length.to_bytes(8, "little")
        crc = _masked(np.array([google_crc32c.value(content)], np.uint32))
        entry = self[length] = content + crc.astype("<u4").tobytes()
        return entry


def _masked(crcs: np.ndarray) -> np.ndarray:
    """Checksums (uint32) as TFRecord files have them."""
    return ((crcs >> np.uint32(15)) | (crcs << np.uint32(17))) + np.uint32(_CRC_OFFSET)
