"""Writes and reads shard files: records in order, with a file of their digests beside them."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Container, Iterable, Iterator

import google_crc32c
import numpy as np
from etils import epath
from tensorflow_datasets.core import file_adapters

from tfds_extra.core import disk, errors
from tfds_extra.core.engines import blocks, strings
from tfds_extra.core.serializing import binaries

_DIGEST = np.dtype([("size", "<u8"), ("crc", "<u4")])
_DIGESTS_SUFFIX = ".digests"

# A TFRecord file is a sequence of: length (8 bytes), its checksum (4), the record, its checksum (4),
# all little-endian. Source: tensorflow/core/lib/io/record_writer.h; the checksum is a CRC-32C,
# rotated and offset as in tensorflow/core/lib/hash/crc32c.h.
_CRC_OFFSET = 0xA282EAD8
_FRAME_HEAD, _FRAME_TAIL = 12, 4
_BUFFER_BYTES = 1 << 20
_RECORDS_AT_ONCE = 1024


class OrderDigest:
    """Digest of a sequence of records, which does not depend on shards and file format.

    It is the sha256 of the size (8 bytes, little-endian) and the CRC-32C (4 bytes) of each record,
    one after the other. Each shard's sizes and CRCs can be computed apart, and digested in order
    later. It detects damage and mixed-up records, but not forgery.
    """

    def __init__(self) -> None:
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
        """Returns the digest of all records so far."""
        return self._sha256.hexdigest()


def record_digest(record: bytes) -> bytes:
    """Returns the 12 bytes of one record that go into `OrderDigest`."""
    return len(record).to_bytes(8, "little") + google_crc32c.value(record).to_bytes(4, "little")


@dataclasses.dataclass(frozen=True)
class Shard:
    """A shard that is written.

    Attributes:
      num_bytes: Number of bytes of its records.
      digest: `OrderDigest` of its records.
      file_crc: CRC-32C of its file; None for TFRecord, which has checksums of all its content.
    """

    num_bytes: int
    digest: str
    file_crc: int | None = None


def digests_path(shard: epath.Path | pathlib.Path) -> epath.Path | pathlib.Path:
    """Returns the path of the file with the digests of a shard's records."""
    return shard.with_name(shard.name + _DIGESTS_SUFFIX)


def write_shard(
    path: epath.Path | pathlib.Path,
    ordered: Iterable[blocks.Block],
    file_format: file_adapters.FileFormat,
) -> tuple[int, Shard]:
    """Writes a shard, and the digests of its records beside it; both appear only when whole.

    Neither is sure to survive a power cut: see `is_whole` and `disk.sync`.

    Args:
      path: Path of the shard.
      ordered: The records, in order.
      file_format: Any format of TFDS. TFRecord is written here, without TensorFlow.

    Returns:
      The number of records, and the shard.

    Raises:
      OSError: A file cannot be written; the error names it.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    is_tfrecord = file_format is file_adapters.FileFormat.TFRECORD
    count = num_bytes = 0
    digest = hashlib.sha256()
    beside = digests_path(path)
    with errors.file_named(beside), beside.open("wb") as digest_file:

        def digested() -> Iterator[blocks.Block]:
            nonlocal count, num_bytes
            for block in ordered:
                digests = np.empty(len(block), _DIGEST)
                digests["size"], digests["crc"] = block.sizes, block.crcs
                content = digests.tobytes()
                digest.update(content)
                digest_file.write(content)
                count += len(digests)
                num_bytes += int(digests["size"].sum())
                yield block

        try:
            with errors.file_named(unfinished):
                if is_tfrecord:
                    _write_tfrecord(unfinished, digested())
                else:
                    adapter = file_adapters.ADAPTER_FOR_FORMAT[file_format]
                    examples = (
                        item
                        for block in digested()
                        for item in enumerate(strings.as_list(block.records))
                    )
                    adapter.write_examples(unfinished, examples)
        except BaseException:
            unfinished.unlink(missing_ok=True)  # The disk may be full.
            raise
    # A bucket loses nothing in a power cut, so that no checksum is needed there.
    needs_crc = isinstance(path, pathlib.Path) and not is_tfrecord
    file_crc = _file_crc(unfinished) if needs_crc else None
    unfinished.replace(path)
    return count, Shard(num_bytes, digest.hexdigest(), file_crc)


def is_whole(path: pathlib.Path, shard: Shard) -> bool:
    """Reads a shard and its digests; returns whether they are what `write_shard` has written."""
    beside, found = OrderDigest(), OrderDigest()
    try:
        beside.update_from_file(digests_path(path))
        if beside.hexdigest() != shard.digest:
            return False
        if shard.file_crc is not None:
            return _file_crc(path) == shard.file_crc
        for record in read_tfrecord(path):
            found.update(record)
    except OSError:
        return False
    return found.hexdigest() == shard.digest


def _file_crc(path: epath.Path | pathlib.Path) -> int:
    crc = 0
    with errors.file_named(path), path.open("rb") as file:
        while block := file.read(_BUFFER_BYTES):
            crc = google_crc32c.extend(crc, block)
    return crc


def read_tfrecord(path: pathlib.Path, wanted: Container[int] | None = None) -> Iterator[bytes]:
    """Yields the records of a TFRecord file, without TensorFlow.

    Args:
      path: Path of the file.
      wanted: Numbers of the records that are wanted, from 0; the others are passed over unread. None
        for all.

    Raises:
      OSError: The file cannot be read, or is damaged.
    """
    lengths = _Lengths()
    left = path.stat().st_size
    with path.open("rb") as shard:
        start, number = 0, -1
        while head := shard.read(_FRAME_HEAD):
            number += 1
            length = int.from_bytes(head[:8], "little")
            left -= _FRAME_HEAD + length + _FRAME_TAIL
            if left < 0 or lengths[length] != head:  # A damaged length would ask for any memory.
                raise OSError(f"{path}: damaged in the record at byte {start:,}")
            if wanted is not None and number not in wanted:
                start = shard.seek(length + _FRAME_TAIL, os.SEEK_CUR)
                continue
            record, tail = shard.read(length), shard.read(_FRAME_TAIL)
            crc = np.array([google_crc32c.value(record)], np.uint32)
            if _masked(crc).astype("<u4").tobytes() != tail:
                raise OSError(f"{path}: damaged in the record at byte {start:,}")
            start = shard.tell()
            yield record


def _write_tfrecord(path: epath.Path | pathlib.Path, ordered: Iterable[blocks.Block]) -> None:
    lengths = _Lengths()
    table = binaries.Table(lengths)
    with path.open("wb") as shard:
        writeback = disk.Writeback(shard)
        for block in ordered:
            crcs = _masked(block.crcs).astype("<u4").view("V4")
            for start in range(0, len(block), _RECORDS_AT_ONCE):
                part = block.part(start, start + _RECORDS_AT_ONCE)
                tails = crcs[start : start + _RECORDS_AT_ONCE]
                if isinstance(part.records, list):
                    frames: strings.Strings = [b""] * (3 * len(part))
                    frames[0::3] = [lengths[len(record)] for record in part.records]
                    frames[1::3], frames[2::3] = part.records, tails.tolist()
                else:
                    borders = _FRAME_TAIL * np.arange(len(part) + 1)
                    columns = table.take(part.sizes), part.records, binaries.column(borders, tails)
                    frames = binaries.join(columns)
                strings.write(shard, frames)
                writeback.go_on()
        writeback.go_on(to_end=True)


class _Lengths(dict):
    """Maps a length to the bytes before such a record: the length and its checksum."""

    def __missing__(self, length: int) -> bytes:
        content = length.to_bytes(8, "little")
        crc = _masked(np.array([google_crc32c.value(content)], np.uint32))
        entry = self[length] = content + crc.astype("<u4").tobytes()
        return entry


def _masked(crcs: np.ndarray) -> np.ndarray:
    """Converts CRC-32Cs (uint32) to the form that TFRecord files have."""
    return ((crcs >> np.uint32(15)) | (crcs << np.uint32(17))) + np.uint32(_CRC_OFFSET)
