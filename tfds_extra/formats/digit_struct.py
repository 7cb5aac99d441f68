"""Reads digitStruct.mat of Street View House Numbers: boxes and labels of the digits of each image.

It is a MATLAB v7.3 file, which is HDF5 after a header of 512 bytes. For each image it holds:

    /digitStruct/name   (N, 1) references, each to the name as uint16 characters, (length, 1)
    /digitStruct/bbox   (N, 1) references, each to a group of height, left, top, width and label;
                        for one digit, each of these is the number itself, a (1, 1) float64;
                        for K digits, each is (K, 1) references to such numbers

Every number is thus an HDF5 object of its own. The split `extra` has some four million, and opening
them one by one takes the better part of an hour. But a reference is the place in the file of the
object's header, and small data lie inside the header. So the headers of thousands of images are
read here at the same time, with numpy. This works only for the form that MATLAB writes (version 1
of object headers, groups of one node; HDF5 File Format Specification, version 3.0, sections III.A,
III.B, III.D and IV.A). The HDF5 library reads everything else, and all that is damaged, image by
image.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
from typing import Any, BinaryIO

import numpy as np

from tfds_extra.formats import FormatError, hdf5, parser, reading

FIELDS = ("left", "top", "width", "height", "label")

_BATCH = 8192  # So many images are read at the same time.
_MAX_DIGITS = 1000  # The most digits of one image; published images have up to six.
_MAX_NAME = 255
_MAX_MESSAGES = 64  # At most so many messages of a header are looked at.
_LEAST_BYTES = 40  # The five numbers of a digit take at least so many bytes.

# Messages of an object header.
_DATASPACE, _DATATYPE, _LAYOUT, _CONTINUATION, _SYMBOL_TABLE = 0x01, 0x03, 0x08, 0x10, 0x11
_SHARED = 0x02  # Flag of a message that only says where the real message is.
_COMPACT, _CONTIGUOUS = 0, 1
# The first 8 bytes of a datatype, little-endian: class and version, bit fields, size.
_UINT16, _FLOAT64, _REFERENCE = 0x0000000200000010, 0x00000008003F2011, 0x0000000800000017
_ITEM_BYTES = {_UINT16: 2, _FLOAT64: 8, _REFERENCE: 8}
# The next bytes of a datatype: the places of sign, exponent and so on. A reference has none.
_PROPERTIES = {_UINT16: 0x0000000000100000, _FLOAT64: 0x34000B3400400000}
_SORTED_FIELDS = sorted(FIELDS)  # The order of the members in a group.


@dataclasses.dataclass(frozen=True)
class DigitStruct:
    """The digits of all images of a split.

    Attributes:
      names: File name of each image, in published order.
      starts: Where the digits of each image begin in `values`, and at the end where the last ones
        end: int64, one entry more than `names`.
      values: One row a digit, in published order, with the columns `FIELDS`: float64. Boxes are in
        pixels; labels are 1 to 9, and 10 for the digit 0.
    """

    names: list[str]
    starts: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def digits(self, image: int) -> np.ndarray:
        """Returns the rows of `values` that belong to an image, given by its place in `names`."""
        return self.values[self.starts[image] : self.starts[image + 1]]


@parser
def read(file: BinaryIO) -> DigitStruct:
    """Reads a digitStruct.mat.

    Args:
      file: The file, seekable. If it has a descriptor (`fileno`), it is mapped into memory.

    Returns:
      The digits of all images.

    Raises:
      FormatError: It is another file, or is damaged; the message names the image.
    """
    with hdf5.open_file(file) as opened:
        names, boxes = (_references(opened, field) for field in ("name", "bbox"))
        if len(names) != len(boxes):
            raise FormatError(f"{len(names):,} names, but boxes of {len(boxes):,} images")
        bulk = _Bulk(_content(file), opened.userblock_size)
        texts: list[str] = []
        counts, values = [np.zeros(1, np.int64)], [np.empty((0, len(FIELDS)))]
        name_addresses, box_addresses = (_addresses(bulk, field) for field in (names, boxes))
        for start in range(0, len(names), _BATCH):
            batch = slice(start, start + _BATCH)
            # The file is mapped anew each time, so that old pages do not count as our memory.
            bulk = _Bulk(_content(file), opened.userblock_size)
            for i, text in enumerate(bulk.texts(name_addresses[batch]), start):
                texts.append(_name(opened, names, i) if text is None else text)
            lengths, digits = bulk.digits(box_addresses[batch])
            odd = np.flatnonzero(lengths == 0)
            if len(odd):
                parts = np.split(digits, np.cumsum(lengths)[:-1])
                for i in odd.tolist():
                    parts[i] = _digits(opened, boxes, start + i)
                lengths, digits = np.array([len(p) for p in parts]), np.concatenate(parts)
            counts.append(lengths)
            values.append(digits)
            bulk.check_room(sum(map(len, values)))
    return _checked(DigitStruct(texts, np.cumsum(np.concatenate(counts)), np.concatenate(values)))


def _checked(digits: DigitStruct) -> DigitStruct:
    """Returns the digits; raises if one has a value that no digit can have."""
    labels = digits.values[:, FIELDS.index("label")]
    good = np.isfinite(digits.values).all(axis=1) & (labels >= 1) & (labels <= 10)
    good &= labels == np.floor(labels)
    bad = np.flatnonzero(~good)
    if len(bad):
        image = int(np.searchsorted(digits.starts, bad[0], "right")) - 1
        row = dict(zip(FIELDS, digits.values[bad[0]].tolist()))
        raise FormatError(
            f"image {image + 1} ({digits.names[image]}): a digit with {row}; labels are 1 to 10, and"
            " all are finite numbers"
        )
    return digits


# ----------------------------------------------------------------------------- the library's way


def _references(opened: Any, field: str) -> Any:
    """Returns the dataset of the references of all images to one field."""
    import h5py

    with reading(f"it has no digitStruct/{field} to read"):
        dataset = hdf5.member(opened, "digitStruct", field)
        shape, kind = dataset.shape, h5py.check_ref_dtype(dataset.dtype)
    if kind is not h5py.Reference or len(shape) != 2 or shape[1] != 1 or not shape[0]:
        raise FormatError(f"digitStruct/{field} is {dataset.dtype} {shape}, not (N, 1) references")
    # The number decides how much memory is asked for, so that a wrong one is refused.
    if shape[0] * _ITEM_BYTES[_REFERENCE] > opened.id.get_filesize():
        raise FormatError(
            f"digitStruct/{field} claims {shape[0]:,} images, more than the file holds"
        )
    return dataset


def _addresses(bulk: _Bulk, dataset: Any) -> np.ndarray:
    """Returns the places of the headers that a dataset refers to; -1 for a wrong reference."""
    from h5py import h5o, h5r

    found = bulk.references(h5o.get_info(dataset.id).addr)
    if len(found) == len(dataset):
        return found
    found = np.full(len(dataset), -1)  # The dataset has another storage, such as chunks.
    with contextlib.suppress(Exception):  # `_name` or `_digits` will say what is wrong.
        for i, reference in enumerate(dataset[:, 0]):
            found[i] = h5o.get_info(h5r.dereference(reference, dataset.id)).addr
    return found


def _name(opened: Any, references: Any, image: int) -> str:
    with reading(f"image {image + 1}: its name"):
        dataset = hdf5.referred(opened, references[image, 0])
        if dataset.dtype != np.uint16 or dataset.ndim != 2 or not 0 < dataset.size <= _MAX_NAME:
            raise FormatError(f"{dataset.dtype} {dataset.shape}, not a short row of characters")
        return dataset[()].astype("<u2").tobytes("F").decode("utf-16-le")


def _digits(opened: Any, references: Any, image: int) -> np.ndarray:
    """Returns the rows of `DigitStruct.values` for one image."""
    columns: list[Any] = []
    for field in FIELDS:
        with reading(f"image {image + 1}: {field} of its digits"):
            dataset = hdf5.member(hdf5.referred(opened, references[image, 0]), field)
            if dataset.ndim != 2 or dataset.shape[1] != 1 or not 0 < len(dataset) <= _MAX_DIGITS:
                raise FormatError(f"shape {dataset.shape}, not one number a digit")
            values = dataset[:, 0]
            if values.dtype == object:
                values = np.array([_number(hdf5.referred(opened, r)) for r in values])
            elif values.dtype.kind != "f":
                raise FormatError(f"{values.dtype}, not float64")
            if columns and len(values) != len(columns[0]):
                raise FormatError(f"of {len(values)} digits, others of {len(columns[0])}")
            columns.append(values.astype(np.float64))
    return np.stack(columns, axis=1)


def _number(dataset: Any) -> float:
    if dataset.dtype.kind != "f" or dataset.shape != (1, 1):
        raise FormatError(f"a reference to {dataset.dtype} {dataset.shape}, not to one number")
    return dataset[0, 0]


# -------------------------------------------------------------------------------- many at a time


def _content(file: BinaryIO) -> np.ndarray:
    """Returns all bytes of the file."""
    try:
        return np.memmap(file, np.uint8, "r")
    except (AttributeError, io.UnsupportedOperation):
        if isinstance(file, io.BytesIO):
            return np.frombuffer(file.getbuffer(), np.uint8)
        file.seek(0)
        return np.frombuffer(file.read(), np.uint8)


@dataclasses.dataclass
class _Data:
    """Place, item type and number of items of the data of many datasets.

    A dataset of another form than expected has the type 0.
    """

    at: np.ndarray
    type: np.ndarray
    count: np.ndarray


class _Bulk:
    """Reads many objects of the form that MATLAB writes at the same time."""

    def __init__(self, content: np.ndarray, base: int):
        """Takes a file.

        Args:
          content: Bytes of the file.
          base: Byte from which addresses in the file are counted.
        """
        self._size = len(content)
        self._base = base
        # Each view has the number that begins at each byte; the numbers may overlap.
        self._views = {
            n: np.ndarray(max(0, len(content) - n + 1), f"<u{n}", content, strides=(1,))
            for n in (2, 4, 8)
        }

    def references(self, address: int) -> np.ndarray:
        """Returns the addresses in a dataset of references; none if it has another form."""
        data = self._data(np.array([address]))
        count = np.where(data.type == _REFERENCE, data.count, 0)
        addresses = self._items(data.at, count, 8)
        return np.where(addresses < self._size, addresses, self._size).astype(np.int64)

    def texts(self, addresses: np.ndarray) -> list[str | None]:
        """Returns the texts at these addresses; None for one that has another form."""
        data = self._data(addresses)
        good = (data.type == _UINT16) & (data.count <= _MAX_NAME)
        texts: list[str | None] = [None] * len(addresses)
        lengths = np.where(good, data.count, 0)
        items = self._items(data.at, lengths, 2).astype("<u2").tobytes()
        end = 0
        for i, length in enumerate(lengths.tolist()):
            start, end = end, end + 2 * length
            if length:
                texts[i] = items[start:end].decode("utf-16-le", "replace")
        return texts

    def digits(self, addresses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the digits of the groups at these addresses.

        Args:
          addresses: Addresses of the groups.

        Returns:
          How many digits each group has, 0 for a group that has another form; and their values, one
          row for each digit.

        Raises:
          FormatError: There are more digits than the file has room for.
        """
        members, good = self._members(addresses)
        data = {f: self._data(members[:, i]) for i, f in enumerate(_SORTED_FIELDS)}
        count = data["label"].count
        for one in data.values():
            good &= (one.count == count) & ((one.type == _FLOAT64) | (one.type == _REFERENCE))
        good &= (count > 0) & (count <= _MAX_DIGITS)
        lengths = np.where(good, count, 0)
        self.check_room(int(lengths.sum()))
        owner = np.repeat(np.arange(len(lengths)), lengths)
        columns = []
        for field in FIELDS:
            one = data[field]
            numbers = self._items(one.at, lengths, 8)
            referred = np.flatnonzero(one.type[owner] == _REFERENCE)
            target = self._data(numbers[referred].astype(np.int64))
            fine = (target.type == _FLOAT64) & (target.count == 1)
            good[owner[referred[~fine]]] = False
            numbers[referred] = self._get(np.where(fine, target.at, 0), 8)
            columns.append(numbers.view(np.float64))
        kept = good[owner]
        return np.where(good, lengths, 0), np.stack(columns, axis=1)[kept]

    def check_room(self, digits: int) -> None:
        """Raises if there are more digits than the file has room for.

        With references that all lead to the same data, a small file could have any number of
        digits.
        """
        if digits * _LEAST_BYTES > self._size:
            raise FormatError(f"{digits:,} digits, more than the file can hold")

    def _get(self, at: np.ndarray, size: int) -> np.ndarray:
        """Returns the unsigned numbers of `size` bytes at these places; 0 outside of the file."""
        view = self._views[size]
        inside = (at >= 0) & (at < len(view))
        if not len(view):
            return np.zeros(len(at), np.uint64)
        return np.where(inside, view[np.where(inside, at, 0)], 0)

    def _address(self, at: np.ndarray) -> np.ndarray:
        """Returns the addresses that stand at these places; -1 for one outside of the file."""
        address = self._get(at, 8)
        return np.where(address < self._size, address.astype(np.int64) + self._base, -1)

    def _items(self, at: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
        """Returns `counts` numbers from each of these places on, one after the other."""
        first = np.cumsum(counts) - counts
        within = np.arange(counts.sum()) - np.repeat(first, counts)
        return self._get(np.repeat(at, counts) + size * within, size)

    def _data(self, addresses: np.ndarray) -> _Data:
        """Returns where the data of datasets with the shape (n, 1) lie."""
        found = self._messages(addresses, (_DATASPACE, _DATATYPE, _LAYOUT))
        space, datatype, layout = found[_DATASPACE], found[_DATATYPE], found[_LAYOUT]
        good = (space >= 0) & (datatype >= 0) & (layout >= 0)
        # The version has to be 1, with two dimensions, of which the second is 1.
        good &= (self._get(space, 2) == 0x0201) & (self._get(space + 16, 8) == 1)
        count = self._get(space + 8, 8)
        good &= count <= self._size
        kind = self._get(datatype, 8)
        for one, properties in _PROPERTIES.items():
            good &= (kind != one) | (self._get(datatype + 8, 8) == properties)
        item = np.select([kind == k for k in _ITEM_BYTES], list(_ITEM_BYTES.values()), 0)
        head = self._get(layout, 2)  # Version 3, and the class.
        compact = head == (_COMPACT << 8 | 3)
        contiguous = head == (_CONTIGUOUS << 8 | 3)
        at = np.where(compact, layout + 4, self._address(layout + 2))
        size = np.where(compact, self._get(layout + 2, 2), self._get(layout + 10, 8))
        count = np.where(good, count, 0).astype(np.int64)
        good &= (compact | contiguous) & (item > 0) & (size == (count * item).astype(np.uint64))
        good &= (at >= 0) & (at + count * item <= self._size)
        return _Data(at, np.where(good, kind, 0), np.where(good, count, 0))

    def _members(self, addresses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns addresses of groups' members, like `_SORTED_FIELDS`, and whether all are good."""
        table = self._messages(addresses, (_SYMBOL_TABLE,))[_SYMBOL_TABLE]
        tree, heap = self._address(table), self._address(table + 8)
        # A tree of one leaf has the signature, type 0, level 0 and one entry.
        good = (table >= 0) & (self._get(tree, 4) == _signature(b"TREE"))
        good &= self._get(tree + 4, 4) == 1 << 16
        node = self._address(tree + 32)
        good &= self._get(node, 4) == _signature(b"SNOD")
        good &= self._get(node + 4, 4) == len(FIELDS) << 16 | 1
        good &= self._get(heap, 4) == _signature(b"HEAP")
        texts = self._address(heap + 24)
        members = []
        for i, field in enumerate(_SORTED_FIELDS):
            entry = node + 8 + 40 * i
            name = np.frombuffer(f"{field}\0".encode().ljust(8, b"\0"), "<u8")[0]
            mask = np.uint64((1 << 8 * (len(field) + 1)) - 1)
            offset = self._get(entry, 8)
            good &= offset <= self._size
            text = self._get(texts + np.where(good, offset, 0).astype(np.int64), 8)
            good &= (texts >= 0) & (text & mask == name)
            members.append(np.where(good, self._address(entry + 8) - self._base, -1))
        return np.stack(members, axis=1), good

    def _messages(self, addresses: np.ndarray, wanted: tuple[int, ...]) -> dict[int, np.ndarray]:
        """Returns where the wanted messages of objects begin; -1 for a missing or another form.

        Args:
          addresses: Addresses of the objects' headers.
          wanted: Types of messages.

        Returns:
          Places of the messages' bodies by type, for each object.
        """
        found = {kind: np.full(len(addresses), -1) for kind in wanted}
        start = np.where(addresses >= 0, addresses + self._base, -1)
        live = np.flatnonzero((start >= 0) & (self._get(start, 2) == 1))  # Version 1, reserved.
        at = start[live] + 16
        end = at + self._get(start[live] + 8, 4).astype(np.int64)
        # The next block of messages; MATLAB's headers have at most one more.
        next_at, next_end = np.full(len(live), -1), np.full(len(live), -1)
        for _ in range(_MAX_MESSAGES):
            kind = self._get(at, 2)
            size = self._get(at + 2, 2).astype(np.int64)
            shared = self._get(at + 4, 2) & _SHARED
            body = at + 8
            for one in wanted:
                hit = (kind == one) & (shared == 0)
                found[one][live[hit]] = body[hit]
            goes_on = kind == _CONTINUATION
            next_at = np.where(goes_on, self._address(body), next_at)
            length = np.minimum(self._get(body + 8, 8), self._size).astype(np.int64)
            next_end = np.where(goes_on, next_at + length, next_end)
            at = body + size
            # At the end of a block, the object's next block is read.
            over = at + 8 > end
            at, end = np.where(over, next_at, at), np.where(over, next_end, end)
            next_at = np.where(over, -1, next_at)
            incomplete = np.any([found[one][live] < 0 for one in wanted], axis=0)
            kept = incomplete & (at >= 0) & (at + 8 <= end)
            if not kept.any():
                break
            live, at, end, next_at, next_end = (a[kept] for a in (live, at, end, next_at, next_end))
        return found


def _signature(name: bytes) -> int:
    return int.from_bytes(name, "little")
