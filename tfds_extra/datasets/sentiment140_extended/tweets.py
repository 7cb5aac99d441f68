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

    def __init__(self, file: BinaryIO):
        """Wraps a file, which is at its beginning."""
        self._file = file
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
        normal = _with_lf(block)
        if after_cr and block.startswith(b"\n"):
            normal = normal[1:]
        self._normal.update(normal)
        return block

    def digests(self) -> tuple[str, str]:
        """Returns the sha256 of the bytes so far: as they are, and with LF at every line's end."""
        normal = (self._normal or self._digest).copy()
        if self._last not in b"\r\n":
            normal.update(b"\n")
        return self._digest.hexdigest(), normal.hexdigest()


@dataclasses.dataclass(frozen=True)
class Lines:
    """Consecutive rows of a file, as they stand there.

    Attributes:
      first_row: Number of rows before them.
      content: The rows.
      repeats: Features that depend on all rows of the file: arrays by name.
    """

    first_row: int
    content: bytes
    repeats: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Survey:
    """What only a file as a whole tells, found by a first reading.

    Attributes:
      blocks: Into which blocks the file can be cut: the bytes and rows of each.
      repeats: Features that depend on all rows: one value for each row, by the name of the feature.
    """

    blocks: list[tuple[int, int]]
    repeats: dict[str, np.ndarray]

    def __len__(self) -> int:
        return sum(rows for _, rows in self.blocks)

    def cut(self, file: BinaryIO, *, normalize: bool) -> Iterator[Lines]:
        """Reads the same file again, and yields its blocks.

        Args:
          file: The file, at its beginning.
          normalize: Whether lines get LF for CRLF and CR.

        Raises:
          ValueError: The file is shorter than it was.
        """
        first_row = 0
        for size, rows in self.blocks:
            content = file.read(size)
            if len(content) != size:
                raise ValueError("it has become shorter while it was read")
            if normalize:
                content = _with_lf(content)
            stop = first_row + rows
            repeats = {name: column[first_row:stop] for name, column in self.repeats.items()}
            yield Lines(first_row, content, repeats)
            first_row = stop


def _with_lf(content: bytes) -> bytes:
    """Returns content with LF for CRLF and CR."""
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def survey(file: quoted_csv.Readable, block_bytes: int) -> Survey:
    """Reads a file to its end, and tells only where its rows lie.

    Args:
      file: The file.
      block_bytes: About how many bytes a block has.
    """
    found = quoted_csv.measured_blocks(file, _WIDTH, block_bytes)
    return Survey([(size, len(columns[0])) for columns, size in found], {})


def survey_repeats(file: quoted_csv.Readable, block_bytes: int) -> Survey:
    """Reads a file to its end, and tells which ids and texts are there more than once.

    Memory is some 60 bytes a row.

    Args:
      file: The file.
      block_bytes: About how many bytes a block has.
    """
    blocks, ids, texts, polarities = [], [], [], []
    rows = 0
    for columns, size in quoted_csv.measured_blocks(file, _WIDTH, block_bytes):
        block = _block(columns, rows)
        rows += len(block)
        blocks.append((size, len(block)))
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
    return Survey(
        blocks,
        {
            "id_count": id_count,
            "is_conflicting": is_conflicting,
            "text_count": text_count,
            "text_first_row": first_row,
            "is_text_conflicting": is_text_conflicting,
        },
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


def _block(columns: list[pa.Array], first_row: int) -> Block:
    polarities = quoted_csv.integers(columns[_POLARITY], first_row)
    unknown = np.flatnonzero(~np.isin(polarities, list(features.CLASSES)))
    if len(unknown):
        row = int(unknown[0])
        raise ValueError(f"row {first_row + row + 1:,}: polarity {polarities[row]}, not 0, 2 or 4")
    ids = quoted_csv.integers(columns[_ID], first_row)
    return Block(first_row, columns, ids, polarities.astype(np.int32))


def _parsed(lines: Lines) -> Block:
    return _block(quoted_csv.split(lines.content, _WIDTH), lines.first_row)


def make_as_standard(lines: Lines) -> tuple[list[str], dict[str, Any]]:
    """Returns keys of rows, and the columns that the standard builder makes of them."""
    block = _parsed(lines)
    names = {"date": _DATE, "query": _QUERY, "user": _USER, "text": _TEXT}
    columns = {name: _latin_1(block.columns[field]) for name, field in names.items()}
    return block.keys(), {"polarity": block.polarities, **columns}


def make(lines: Lines, classes: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Returns keys of rows, and all columns that can be made of them.

    Args:
      lines: The rows, of a file of which the repeats were surveyed.
      classes: Names of the classes; another class has the label -1.
    """
    numbers = np.full(max(features.CLASSES) + 1, -1, np.int64)
    for polarity, name in features.CLASSES.items():
        if name in classes:
            numbers[polarity] = classes.index(name)
    block = _parsed(lines)
    queries = block.columns[_QUERY].to_pylist()
    return block.keys(), {
        **_texts(block.columns[_TEXT]),
        "label": numbers[block.polarities],
        "polarity": block.polarities,
        "id": block.ids,
        "date": _decoded(block.columns[_DATE]),
        "timestamp": ctime_date.parse(block.columns[_DATE], _ZONES, block.first_row),
        "query": _decoded(block.columns[_QUERY]),
        "has_query": np.array([query != _NO_QUERY for query in queries]),
        "user": _decoded(block.columns[_USER]),
        "row": np.arange(block.first_row, block.first_row + len(block)),
        **lines.repeats,
    }


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
