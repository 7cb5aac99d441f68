"""Makes columns of features from the published rows."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from tfds_extra.datasets.sentiment140_extended import features
from tfds_extra.formats import ctime_date, mojibake, quoted_csv

_WIDTH = 6
_POLARITY, _ID, _DATE, _QUERY, _USER, _TEXT = range(_WIDTH)
# Seconds ahead of UTC. The training set has Pacific daylight time.
_ZONES = {"PDT": -7 * 3600, "UTC": 0}
_NO_QUERY = b"NO_QUERY"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class AsPublished:
    """A file that is digested while it is read: as it is, and with LF at the end of every line.

    Copies in circulation have CRLF or CR where the publisher has LF, and may lack the last line end.
    """

    def __init__(self, file: BinaryIO, *, normalize: bool = False):
        """Wraps a file.

        Args:
          file: The file, at its beginning.
          normalize: Whether `read` returns LF for CRLF and CR.
        """
        self._file = file
        self._normalize = normalize
        self._digest = hashlib.sha256()
        self._normal: Any = None  # None while all line ends are LF, and both digests are the same.
        self._last = b"\n"
        self.size = 0

    def read(self, size: int) -> bytes:
        """Returns at most `size` bytes; none at the end of the file."""
        block = self._file.read(size)
        self.size += len(block)
        if self._normal is None and b"\r" in block:
            self._normal = self._digest.copy()
        self._digest.update(block)
        if self._normal is None:
            self._last = block[-1:] or self._last
            return block
        after_cr, self._last = self._last == b"\r", block[-1:] or self._last
        normal = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if after_cr and block.startswith(b"\n"):
            normal = normal[1:]
        self._normal.update(normal)
        if not self._normalize:
            return block
        return normal or (self.read(size) if block else b"")

    def digests(self) -> tuple[str, str]:
        """Returns the sha256 of the bytes so far: as they are, and with LF at every line's end."""
        normal = (self._normal or self._digest).copy()
        if self._last not in b"\r\n":
            normal.update(b"\n")
        return self._digest.hexdigest(), normal.hexdigest()


@dataclasses.dataclass(frozen=True)
class Repeats:
    """Features that depend on all rows of the file.

    Attributes:
      columns: One value for each row, by the name of the feature.
    """

    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.columns["id_count"])


def count_rows(file: quoted_csv.Readable) -> int:
    """Reads a file to its end, and returns its number of rows."""
    return sum(len(columns[0]) for columns in quoted_csv.read_blocks(file, _WIDTH))


def find_repeats(file: quoted_csv.Readable) -> Repeats:
    """Reads a file to its end and tells which ids and texts are there more than once.

    Memory is some 60 bytes a row.
    """
    ids, texts, polarities = [], [], []
    for block in _read_blocks(file):
        ids.append(block.ids)
        polarities.append(block.polarities.astype(np.int8))
        # With 64 bits, two of 1.6 million texts have the same digest by a chance of 1 in 10 million.
        digests = (
            hashlib.blake2b(t, digest_size=8).digest() for t in block.columns[_TEXT].to_pylist()
        )
        texts.append(np.frombuffer(b"".join(digests), np.int64))
    polarity = np.concatenate([np.zeros(0, np.int8), *polarities])
    id_count, is_conflicting, _ = _repeated(ids, polarity)
    text_count, is_text_conflicting, first_row = _repeated(texts, polarity)
    return Repeats(
        {
            "id_count": id_count,
            "is_conflicting": is_conflicting,
            "text_count": text_count,
            "text_first_row": first_row,
            "is_text_conflicting": is_text_conflicting,
        }
    )


def _repeated(
    blocks: list[np.ndarray], polarity: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns each value's count, whether it has several polarities, and its first row."""
    values = np.concatenate([np.zeros(0, np.int64), *blocks])
    if not len(values):
        return np.zeros(0, np.int32), np.zeros(0, np.bool_), np.zeros(0, np.int64)
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=~values[order[0]]))
    counts = np.diff(starts, append=len(values))
    low, high = (f.reduceat(polarity[order], starts) for f in (np.minimum, np.maximum))
    found = []
    for by_value in (counts.astype(np.int32), low != high, order[starts].astype(np.int64)):
        column = np.empty(len(values), by_value.dtype)
        column[order] = np.repeat(by_value, counts)
        found.append(column)
    return found[0], found[1], found[2]


@dataclasses.dataclass(frozen=True)
class Block:
    """Some rows of a file.

    Attributes:
      first_row: Number of rows before them.
      columns: The six fields, bytes as published.
      ids: The second field as numbers.
      polarities: The first field as numbers.
    """

    first_row: int
    columns: list[pa.Array]
    ids: np.ndarray
    polarities: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def keys(self) -> list[str]:
        """Returns the keys of the standard builder; some ids occur twice there."""
        ids = self.columns[_ID].to_pylist()
        return [f"{row}_{id_.decode()}" for row, id_ in enumerate(ids, self.first_row)]


def _read_blocks(file: quoted_csv.Readable) -> Iterator[Block]:
    first_row = 0
    for columns in quoted_csv.read_blocks(file, _WIDTH):
        polarities = quoted_csv.integers(columns[_POLARITY], first_row)
        unknown = np.flatnonzero(~np.isin(polarities, list(features.CLASSES)))
        if len(unknown):
            row = int(unknown[0])
            raise ValueError(
                f"row {first_row + row + 1:,}: polarity {polarities[row]}, not 0, 2 or 4"
            )
        ids = quoted_csv.integers(columns[_ID], first_row)
        yield Block(first_row, columns, ids, polarities.astype(np.int32))
        first_row += len(ids)


def read_as_standard(file: quoted_csv.Readable) -> Iterator[tuple[Block, dict[str, Any]]]:
    """Yields rows with the columns that the standard builder makes of them."""
    for block in _read_blocks(file):
        names = {"date": _DATE, "query": _QUERY, "user": _USER, "text": _TEXT}
        columns = {name: _latin_1(block.columns[field]) for name, field in names.items()}
        yield block, {"polarity": block.polarities, **columns}


def read(
    file: quoted_csv.Readable, repeats: Repeats, classes: list[str]
) -> Iterator[tuple[Block, dict[str, Any]]]:
    """Yields rows with all columns that can be made of them.

    Args:
      file: The file, at its beginning.
      repeats: The repeats of the same file.
      classes: Names of the classes; another class has the label -1.
    """
    numbers = np.full(max(features.CLASSES) + 1, -1, np.int64)
    for polarity, name in features.CLASSES.items():
        if name in classes:
            numbers[polarity] = classes.index(name)
    for block in _read_blocks(file):
        stop = block.first_row + len(block)
        queries = block.columns[_QUERY].to_pylist()
        yield (
            block,
            {
                **_texts(block.columns[_TEXT]),
                "label": numbers[block.polarities],
                "polarity": block.polarities,
                "id": block.ids,
                "date": _decoded(block.columns[_DATE]),
                "timestamp": ctime_date.parse(block.columns[_DATE], _ZONES, block.first_row),
                "query": _decoded(block.columns[_QUERY]),
                "has_query": np.array([query != _NO_QUERY for query in queries]),
                "user": _decoded(block.columns[_USER]),
                "row": np.arange(block.first_row, stop),
                **{name: c[block.first_row : stop] for name, c in repeats.columns.items()},
            },
        )


def _latin_1(column: pa.Array) -> list[bytes]:
    """Returns a column of ISO-8859-1 as one of UTF-8."""
    values = column.to_pylist()
    for row in quoted_csv.rows_beyond_ascii(column).tolist():
        values[row] = values[row].decode("latin-1").encode()
    return values


def _decoded(column: pa.Array) -> list[bytes]:
    """Returns a column as UTF-8; values that are not UTF-8 are read as ISO-8859-1."""
    values = column.to_pylist()
    for row in quoted_csv.rows_beyond_ascii(column).tolist():
        values[row] = _decode(values[row])[0].encode()
    return values


def _decode(value: bytes) -> tuple[str, bool]:
    """Decodes a text from UTF-8, or else ISO-8859-1; returns it, and whether it is valid UTF-8."""
    try:
        return value.decode(), True
    except UnicodeDecodeError:
        return value.decode("latin-1"), False


def _texts(column: pa.Array) -> dict[str, Any]:
    """Returns the columns that are made of the texts."""
    published = column.to_pylist()
    texts, raw = published.copy(), [b""] * len(published)
    flags = {
        name: np.zeros(len(published), np.bool_)
        for name in ("has_replacement", "has_mojibake", "has_entities")
    }
    is_valid = np.ones(len(published), np.bool_)
    turned_back = {}
    for row in quoted_csv.rows_beyond_ascii(column).tolist():
        text, is_valid[row] = _decode(published[row])
        if not is_valid[row]:
            raw[row], texts[row] = published[row], text.encode()
        flags["has_replacement"][row] = _REPLACEMENT in text
        turned_back[row] = mojibake.repair(text)
        flags["has_mojibake"][row] = turned_back[row] != text
    unescaped, repaired = texts.copy(), texts.copy()
    for row, text in turned_back.items():
        repaired[row] = text.encode()
    for row, text in enumerate(texts):
        if b"&" in text:
            unescaped[row] = _unescape(text)
            repaired[row] = _unescape(repaired[row])
            flags["has_entities"][row] = unescaped[row] != text
    return {
        "text": texts,
        "text_unescaped": unescaped,
        "text_repaired": repaired,
        "text_bytes": raw,
        "utf8_valid": is_valid,
        **flags,
    }


def _unescape(text: bytes) -> bytes:
    return mojibake.unescape(text.decode()).encode()
