"""Reads small MATLAB v5 files of structures, texts and numbers, such as a devkit's meta.mat.

`mat5` streams arrays of numbers; here the whole file is in memory, and its content becomes Python
values. Functions, objects and sparse arrays are refused. (MATLAB, "MAT-File Level 5 File Format".)
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

import numpy as np

from tfds_extra.formats import FormatError, parser

MAX_SIZE = 64 << 20  # The most bytes of an unpacked variable.
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMBERS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}  # fmt: skip
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}  # fmt: skip
_TEXTS = {16: "utf-8", 17: "utf-16-le", 18: "utf-32-le", 4: "utf-16-le", 2: "latin-1", 1: "latin-1"}
_COMPLEX = 0x0800
_MAX_DEPTH = 16


@parser
def parse(content: bytes) -> dict[str, Any]:
    """Reads all variables.

    Args:
      content: The file.

    Returns:
      The value of each variable by name: for numbers, an array in MATLAB's shape; for texts, a text
        or
      a list of texts, one for each row; for cells, a list; for structures, a list of dicts by
      field. Lists are in MATLAB's order, the first index fastest.

    Raises:
      FormatError: It is no such file, is cut off or damaged, or holds something else.
    """
    if len(content) < _HEADER or content[124:126] not in (b"\0\1", b"\1\0"):
        raise FormatError("it is no MATLAB v5 file (at byte 0)")
    if content[126:128] != b"IM":
        raise FormatError("it is not little-endian, or no MATLAB file (at byte 126)")
    found = {}
    position = _HEADER
    while position < len(content):
        kind, body, position = _element(content, position, f"at byte {position:,}")
        place = f"in the variable before byte {position:,}"
        if kind == _COMPRESSED:
            kind, body, _ = _element(_inflated(body, place), 0, place)
        if kind != _MATRIX:
            raise FormatError(f"an element of type {kind}, not an array ({place})")
        name, value = _matrix(body, place, 0)
        found[name] = value
    return found


def _inflated(packed: bytes, place: str) -> bytes:
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(packed, MAX_SIZE)
    except zlib.error as e:
        raise FormatError(f"damaged: {e} ({place})") from e
    if not inflate.eof:
        problem = f"of more than {MAX_SIZE:,} bytes" if inflate.unconsumed_tail else "cut off"
        raise FormatError(f"{problem} ({place})")
    return content


def _element(content: bytes, at: int, place: str) -> tuple[int, bytes, int]:
    """Returns type and bytes of an element, and where the next element begins."""
    if len(content) < at + 8:
        raise FormatError(f"cut off ({place})")
    (word,) = struct.unpack_from("<I", content, at)
    if word >> 16:  # Up to four bytes stand in the tag itself.
        size = word >> 16
        if size > 4:
            raise FormatError(f"{size} bytes where four fit ({place})")
        return word & 0xFFFF, content[at + 4 : at + 4 + size], at + 8
    kind, size = struct.unpack_from("<II", content, at)
    body = content[at + 8 : at + 8 + size]
    if len(body) != size:
        raise FormatError(f"cut off: {len(body):,} of {size:,} bytes ({place})")
    # All elements but compressed variables are padded to a multiple of eight bytes.
    return kind, body, at + 8 + (size if kind == _COMPRESSED else -(-size // 8) * 8)


def _matrix(body: bytes, place: str, depth: int) -> tuple[str, Any]:
    """Returns the name and value of an array."""
    if depth > _MAX_DEPTH:
        raise FormatError(f"arrays in more than {_MAX_DEPTH} others ({place})")
    if not body:
        return "", np.zeros((0, 0))
    _, flags, at = _element(body, 0, place)
    _, dimensions, at = _element(body, at, place)
    _, raw_name, at = _element(body, at, place)
    name = raw_name.decode("latin-1")
    place = f"{name or 'a value'}, {place}" if depth == 0 else place
    (word,) = struct.unpack("<I", flags[:4].ljust(4, b"\0"))
    kind = word & 0xFF
    shape = tuple(np.frombuffer(dimensions[: len(dimensions) // 4 * 4], "<i4").tolist())
    if len(shape) < 2 or min(shape) < 0:
        raise FormatError(f"it has the shape {shape} ({place})")
    if word & _COMPLEX:
        raise FormatError(f"it holds complex numbers ({place})")
    if kind == _CELL:
        return name, [value for _, value in _matrices(body, at, math.prod(shape), place, depth)]
    if kind == _STRUCT:
        return name, _structures(body, at, math.prod(shape), place, depth)
    if kind == _CHAR:
        return name, _text(body, at, shape, place)
    if kind not in _NUMBERS:
        raise FormatError(f"an array of class {kind} ({place})")
    return name, _numbers(body, at, shape, _NUMBERS[kind], place)


def _matrices(body: bytes, at: int, count: int, place: str, depth: int) -> list[tuple[str, Any]]:
    if count > len(body):  # Each value takes at least eight bytes.
        raise FormatError(f"{count:,} values in {len(body):,} bytes ({place})")
    found = []
    for _ in range(count):
        kind, inner, at = _element(body, at, place)
        if kind != _MATRIX:
            raise FormatError(f"an element of type {kind}, not an array ({place})")
        found.append(_matrix(inner, place, depth + 1))
    return found


def _structures(body: bytes, at: int, count: int, place: str, depth: int) -> list[dict[str, Any]]:
    _, raw_length, at = _element(body, at, place)
    _, raw_names, at = _element(body, at, place)
    length = int.from_bytes(raw_length[:4], "little")
    if not length or len(raw_names) % length:
        raise FormatError(f"names of fields of {length} letters ({place})")
    names = [
        raw_names[start : start + length].partition(b"\0")[0].decode("latin-1")
        for start in range(0, len(raw_names), length)
    ]
    values = _matrices(body, at, count * len(names), place, depth)
    return [
        {name: value for name, (_, value) in zip(names, values[i * len(names) :])}
        for i in range(count)
    ]


def _text(body: bytes, at: int, shape: tuple[int, ...], place: str) -> str | list[str]:
    kind, raw, _ = _element(body, at, place)
    if kind not in _TEXTS:
        raise FormatError(f"a text of type {kind} ({place})")
    try:
        letters = raw.decode(_TEXTS[kind])
    except UnicodeDecodeError as e:
        raise FormatError(f"a text that is none: {e.reason} ({place})") from e
    if len(letters) != math.prod(shape) or len(shape) != 2:
        raise FormatError(f"{len(letters):,} letters for the shape {shape} ({place})")
    rows = ["".join(letters[row :: shape[0]]) for row in range(shape[0])]
    return rows[0] if len(rows) == 1 else rows if rows else ""


def _numbers(body: bytes, at: int, shape: tuple[int, ...], dtype: str, place: str) -> np.ndarray:
    kind, raw, _ = _element(body, at, place)
    if kind not in _STORED:
        raise FormatError(f"numbers of type {kind} ({place})")
    stored = np.dtype(f"<{_STORED[kind]}")
    if len(raw) != math.prod(shape) * stored.itemsize:
        raise FormatError(f"{len(raw):,} bytes for the shape {shape} ({place})")
    numbers = np.frombuffer(raw, stored).astype(f"<{dtype}", copy=False)
    return numbers.reshape(shape, order="F")
