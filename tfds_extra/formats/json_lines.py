"""Reads JSON lines (UTF-8, one object in each line) in blocks, without the whole file in memory.

Arrow reads tables, whose lines all have the same keys and plain values, many lines at a time. A
block that Arrow refuses, or whose result is doubtful, is read line by line by Python's `json`. That
decides what the values are, or says what is wrong in which line.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.json

from tfds_extra.formats import FormatError, parser

BLOCK = 4 << 20  # So many bytes are read at once.
MAX_LINE = 16 << 20  # The most bytes of a line.

TEXT, INTEGER, REAL = "text", "integer", "real"
# A text, or a list of texts and whole numbers; a list is joined with commas.
TEXTS = "texts"
_ARROW = {TEXT: pa.string(), TEXTS: pa.string(), INTEGER: pa.int64(), REAL: pa.float64()}
_NUMPY = {INTEGER: np.int64, REAL: np.float64}
_BOM = b"\xef\xbb\xbf"
_SHOWN = 60


@dataclasses.dataclass(frozen=True)
class Block:
    """Some consecutive lines of a file.

    Attributes:
      lines: Bytes of the lines; only the last line of a file may lack its end.
      offset: Where they begin in the file, in bytes.
      number: Number of the first line, from 1; None if the file was not read from its beginning.
    """

    lines: bytes
    offset: int
    number: int | None

    def split(self) -> Iterator[tuple[str, bytes]]:
        """Yields each line that is not blank, and where it is in the file, in words."""
        offset, number = self.offset, self.number
        for line in io.BytesIO(self.lines):  # Lazily, because often only the first line is wanted.
            if line.strip():
                yield f"line {number:,}" if number else f"the line at byte {offset:,}", line
            offset += len(line)
            number = number and number + 1


@parser
def read_blocks(
    file: BinaryIO, start: int = 0, stop: int | None = None, size: int = BLOCK
) -> Iterator[Block]:
    """Yields the lines that begin in a part of a file.

    Args:
      file: The file at its beginning; it has to be seekable if `start` is not 0.
      start: First byte of the part.
      stop: Byte after the part; None for the end of the file.
      size: About how many bytes a block has.

    Raises:
      FormatError: A line is longer than `MAX_LINE`.
    """
    number: int | None = 1
    if start:
        # A line that begins exactly at `start` belongs to this part, so that the byte before it is
        # read too.
        file.seek(start - 1)
        start += len(_read_line(file, start)) - 1
        number = None
    offset, rest = start, b""
    while stop is None or offset < stop:
        content = file.read(size)
        lines = rest + content
        if not offset and lines.startswith(_BOM):
            lines, offset = lines[len(_BOM) :], len(_BOM)
        if content:
            end = lines.rfind(b"\n") + 1
        else:
            end = len(lines)
        if stop is not None and offset + end > stop:
            # The line that reaches beyond the end of the part is its last one.
            end = lines.find(b"\n", max(stop - offset - 1, 0)) + 1 or end
        if end:
            yield Block(lines[:end], offset, number)
        number = number and number + lines.count(b"\n", 0, end)
        offset, rest = offset + end, lines[end:]
        if len(rest) > MAX_LINE:
            raise FormatError(f"byte {offset:,}: a line of more than {MAX_LINE:,} bytes")
        if not content:
            return


def _read_line(file: BinaryIO, start: int) -> bytes:
    line = file.readline(MAX_LINE)
    if len(line) == MAX_LINE:
        raise FormatError(f"byte {start:,}: a line of more than {MAX_LINE:,} bytes")
    return line


@parser
def objects(block: Block) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the object of each line, and where it is in the file, in words.

    Raises:
      FormatError: A line is no object, has a key twice, or has text with half of a surrogate pair.
    """
    for place, line in block.split():
        try:
            value = _DECODER.decode(line.decode())
        except UnicodeDecodeError as e:
            raise FormatError(f"{place}: not UTF-8 ({e.reason})") from e
        except (ValueError, RecursionError) as e:
            raise FormatError(f"{place}: no JSON ({_cut(str(e))})") from e
        if not isinstance(value, dict):
            raise FormatError(f"{place}: no JSON object, but {_cut(line.decode())}")
        yield place, value


@parser
def columns(block: Block, kinds: Mapping[str, str]) -> dict[str, pa.Array | np.ndarray]:
    """Returns the values of a block of a table, a column for each key.

    Args:
      block: The lines; each of them has these keys, and no others.
      kinds: `TEXT`, `TEXTS`, `INTEGER` (of 64 bits) or `REAL` by key.

    Returns:
      Arrays of numpy, int64 or float64; for text, arrays of pyarrow (string). Nothing is missing: a
      text that is null becomes empty.

    Raises:
      FormatError: A line has another form; the message says which line.
    """
    found = _by_arrow(block, kinds)
    if found is None:
        rows: list[list[Any]] = []
        for place, value in objects(block):
            _check_keys(place, value, kinds)
            rows.append([_plain(place, key, value[key], kind) for key, kind in kinds.items()])
        found = {}
        for i, (key, kind) in enumerate(kinds.items()):
            values = [row[i] for row in rows]
            found[key] = np.array(values, _NUMPY[kind]) if kind in _NUMPY else _texts(values)
    return found


def _by_arrow(block: Block, kinds: Mapping[str, str]) -> dict[str, pa.Array | np.ndarray] | None:
    """Returns the columns as Arrow reads them; None if it refuses them or is not sure."""
    count = block.lines.count(b"\n") + (not block.lines.endswith(b"\n"))
    try:
        block.lines.isascii() or block.lines.decode()  # Arrow does not check that it is UTF-8.
        table = pyarrow.json.read_json(
            pa.BufferReader(block.lines),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(block.lines) + 1),
            pyarrow.json.ParseOptions(
                pa.schema([(key, _ARROW[kind]) for key, kind in kinds.items()]),
                newlines_in_values=False,
                unexpected_field_behavior="error",
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    if len(table) != count:  # There are several objects in a line, or blank lines.
        return None
    found = {}
    for key, kind in kinds.items():
        column = table.column(key).combine_chunks()
        if column.null_count:  # The key may be missing, too.
            return None
        if kind in _NUMPY:
            # `to_numpy` and `pa.array` would import pandas, which takes a second.
            column = np.frombuffer(column.buffers()[1], _NUMPY[kind])[column.offset :][
                : len(column)
            ]
            if not np.isfinite(column).all():
                return None
        found[key] = column
    return found


def _texts(values: list[str]) -> pa.Array:
    encoded = [value.encode() for value in values]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def _check_keys(place: str, value: dict[str, Any], kinds: Mapping[str, str]) -> None:
    if missing := kinds.keys() - value.keys():
        raise FormatError(f"{place}: no {_cut(', '.join(sorted(missing)))}")
    if unknown := value.keys() - kinds.keys():
        raise FormatError(f"{place}: unknown key {_cut(min(unknown))}")


def _plain(place: str, key: str, value: Any, kind: str) -> Any:
    """Returns a value in the form of its kind; raises if it has another kind."""
    if kind in (TEXT, TEXTS):
        if value is None:
            return ""
        if kind == TEXTS and isinstance(value, list):
            if all(type(one) in (str, int) for one in value):
                value = ", ".join(map(str, value))
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise FormatError(f"{place}: {key} has half of a surrogate pair") from None
            return value
    elif type(value) is int and kind == INTEGER:
        if -(2**63) <= value < 2**63:
            return value
    elif type(value) in (int, float) and kind == REAL and math.isfinite(value):
        return float(value)
    raise FormatError(f"{place}: {key} is {shown(value)}, which is no {kind}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)


@parser
def shown(value: Any) -> str:
    """Returns a short, printable form of a value."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return _cut(value) if isinstance(value, str) else _cut(json.dumps(value))


def _cut(text: str) -> str:
    """Returns the beginning of a text in a printable form."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
