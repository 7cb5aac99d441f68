"""Writes digitStruct.mat files as MATLAB lays them out, the same bytes everywhere.

h5py could write such files too, but other bytes with other releases of HDF5, and a file for as many
images as the split `extra` has in many minutes. Two things that nothing needs are left out: the links
in `/#refs#` by which MATLAB names the objects (references hold their places), and the attribute
MATLAB_fields.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

import numpy as np

from tfds_extra.formats import digit_struct, hdf5

USER_BLOCK = 512
_FIELDS = ("left", "top", "width", "height", "label")
_UNDEFINED = b"\xff" * 8
_UINT16 = bytes.fromhex("10000000 02000000 00001000 00000000")
_FLOAT64 = bytes.fromhex("11203f00 08000000 00004000 340b0034 ff030000 00000000")
_REFERENCE = bytes.fromhex("17000000 08000000")
_MAX_COMPACT = 60_000

Record = tuple[
    str, Sequence[Sequence[float]]
]  # Name; left, top, width, height, label of each digit.


def encode(records: Iterable[Record]) -> bytes:
    """The content of a digitStruct.mat."""
    return b"".join(blocks(list(records)))


def blocks(records: Sequence[Record]) -> Iterator[bytes]:
    """The same piece by piece, for large files."""
    text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024"
    yield (text + b" HDF5 schema 1.00 .").ljust(124) + b"\0\x02IM".ljust(USER_BLOCK - 124, b"\0")
    # What the superblock leads to has to be known first.
    position = 96
    names, boxes, sizes = [], [], []
    for name, digits in records:
        template = _template(len(name), len(digits))
        names.append(position)
        boxes.append(position + template.group)
        sizes.append(len(template.content))
        position += len(template.content)
    tail = _Block(position)
    name, bbox = (_reference_array(tail, places) for places in (names, boxes))
    fields = _group(tail, {"bbox": bbox, "name": name}, b"struct")
    refs = _group(tail, {}, b"")
    root = _group(tail, {"#refs#": refs, "digitStruct": fields}, b"")
    end = USER_BLOCK + tail.start + len(tail.content)
    yield b"\x89HDF\r\n\x1a\n" + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + struct.pack(
        "<HHIQ8sQ8sQQII16x", 4, 16, 0, USER_BLOCK, _UNDEFINED, end, _UNDEFINED, 0, root, 0, 0
    )  # fmt: skip
    for (name, digits), start in zip(records, names):
        yield _template(len(name), len(digits)).filled(start, name, digits)
    yield bytes(tail.content)


class _Block:
    """Bytes that will lie at `start`, and where in them addresses and data are."""

    def __init__(self, start: int = 0):
        self.start = start
        self.content = bytearray()
        self.addresses: list[int] = []  # Where in the content an address within it stands.
        self.data: list[int] = []  # Where the data of each compact dataset begin.
        self.group = 0

    def put(self, content: bytes, addresses: Iterable[int] = ()) -> int:
        """Appends something, in which addresses stand at some places, and returns its address."""
        place = len(self.content)
        self.addresses += (place + a for a in addresses)
        self.content += content + bytes(-len(content) % 8)
        return self.start + place

    def filled(self, start: int, name: str, digits: Sequence[Sequence[float]]) -> bytes:
        """The block of one image, moved to `start` and with its own data."""
        content = bytearray(self.content)
        for at in self.addresses:
            (address,) = struct.unpack_from("<Q", content, at)
            struct.pack_into("<Q", content, at, address + start)
        values = [digit[i] for i in range(len(_FIELDS)) for digit in digits]
        at = self.data[0]
        content[at : at + 2 * len(name)] = name.encode("utf-16-le")
        for at, value in zip(self.data[1:], values):
            struct.pack_into("<d", content, at, value)
        return bytes(content)


@functools.cache
def _template(name_length: int, digits: int) -> _Block:
    """The objects of one image with that many characters and digits."""
    block = _Block()
    _dataset(block, name_length, _UINT16, bytes(2 * name_length), b"char")
    members = {}
    for field in _FIELDS:
        places = [_dataset(block, 1, _FLOAT64, bytes(8), b"double") for _ in range(digits)]
        members[field] = places[0] if digits == 1 else _reference_array(block, places)
    block.group = _group(block, dict(sorted(members.items())), b"struct")
    return block


def _dataset(block: _Block, rows: int, datatype: bytes, data: bytes, matlab_class: bytes) -> int:
    messages = [
        (0x01, _dataspace(rows)),
        (0x03, datatype),
        (0x05, bytes.fromhex("0201020100000000")),
        (0x08, struct.pack("<BBH", 3, 0, len(data)) + data),
        (0x12, bytes.fromhex("01000000f5877e59")),
        (0x0C, _attribute(b"MATLAB_class", matlab_class)),
        (0x0C, _attribute(b"H5PATH", b"/#refs#/abcd")),
    ]
    header, places = _header(messages)
    address = block.put(header)
    block.data.append(address - block.start + places[3] + 4)
    return address


def _reference_array(block: _Block, addresses: Sequence[int]) -> int:
    data = struct.pack(f"<{len(addresses)}Q", *addresses)
    if len(data) <= _MAX_COMPACT:
        layout, inner = struct.pack("<BBH", 3, 0, len(data)) + data, range(4, 4 + len(data), 8)
    else:
        at = block.put(data)
        layout, inner = struct.pack("<BBQQ", 3, 1, at, len(data)), [2]
    fill = bytes.fromhex("0201020100000000")
    messages = [
        (0x01, _dataspace(len(addresses))), (0x03, _REFERENCE), (0x05, fill), (0x08, layout)
    ]  # fmt: skip
    header, places = _header(messages)
    return block.put(header, [places[3] + i for i in inner])


def _group(block: _Block, members: dict[str, int], matlab_class: bytes) -> int:
    texts, offsets = bytearray(8), []
    for name in members:
        offsets.append(len(texts))
        texts += (name.encode() + b"\0").ljust(-(-(len(name) + 1) // 8) * 8, b"\0")
    # What is free of the heap begins with the next free block (1: none) and its own size.
    free = len(texts)
    texts += struct.pack("<QQ", 1, 16)
    at = block.put(bytes(texts))
    heap = block.put(struct.pack("<4sB3xQQQ", b"HEAP", 0, len(texts), free, at), [24])
    entries = [struct.pack("<QQ24x", o, a) for o, a in zip(offsets, members.values())]
    node = struct.pack("<4sBBH", b"SNOD", 1, 0, len(members)) + b"".join(entries)
    at = block.put(node.ljust(8 + 8 * 40, b"\0"), [8 + 40 * i + 8 for i in range(len(members))])
    tree = struct.pack("<4sBBH", b"TREE", 0, 0, 1 if members else 0) + _UNDEFINED * 2
    tree += struct.pack("<QQQ", 0, at, offsets[-1] if offsets else 0)
    table = struct.pack("<QQ", block.put(tree.ljust(544, b"\0"), [32]), heap)
    messages = [(0x11, table)]
    if matlab_class:
        messages.append((0x0C, _attribute(b"MATLAB_class", matlab_class)))
    # MATLAB has room for one message in the first block of the header, and it leads to the rest.
    header, places = _header(messages)
    rest = header[16:]
    at = block.put(rest, [places[0] - 16, places[0] - 8])
    first = struct.pack("<BxHII4x", 1, 1 + len(messages), 1, 24)
    return block.put(first + struct.pack("<HHB3xQQ", 0x10, 16, 0, at, len(rest)), [24])


def _header(messages: Sequence[tuple[int, bytes]]) -> tuple[bytes, list[int]]:
    """An object header, and where in it the body of each message begins."""
    content, places = b"", []
    for kind, body in messages:
        body += bytes(-len(body) % 8)
        content += struct.pack("<HHB3x", kind, len(body), 0)
        places.append(16 + len(content))
        content += body
    return struct.pack("<BxHII4x", 1, len(messages), 1, len(content)) + content, places


def _dataspace(rows: int) -> bytes:
    return struct.pack("<BBB5xQQQQ", 1, 2, 1, rows, 1, rows, 1)


def _attribute(name: bytes, text: bytes) -> bytes:
    def padded(part: bytes) -> bytes:
        return part + bytes(-len(part) % 8)

    datatype = struct.pack("<BBBBI", 0x13, 0, 0, 0, len(text))
    space = struct.pack("<BBB5x", 1, 0, 0)
    head = struct.pack("<BxHHH", 1, len(name) + 1, len(datatype), len(space))
    return head + padded(name + b"\0") + datatype + space + padded(text)


def read_one_by_one(file: BinaryIO) -> digit_struct.DigitStruct:
    """Does the same as `digit_struct.read` with the HDF5 library alone, object by object."""
    with hdf5.open_file(file) as opened:
        names, boxes = (digit_struct._references(opened, field) for field in ("name", "bbox"))
        texts = [digit_struct._name(opened, names, i) for i in range(len(names))]
        digits = [digit_struct._digits(opened, boxes, i) for i in range(len(boxes))]
    starts = np.cumsum([0, *map(len, digits)])
    return digit_struct.DigitStruct(texts, starts, np.concatenate(digits))
