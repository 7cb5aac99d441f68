"""Opens HDF5 files safely: nothing is followed that leads out of them.

An HDF5 file can name other files of the machine: as the storage of a dataset, as the target of a
link, as the source of a virtual dataset. It can demand a filter that is loaded from a library, and
state shapes that no memory holds. The HDF5 library follows all of this without a warning. So every
object is opened by one of the functions here, which checks it first. An open object may be read
with h5py; only members of a group and targets of references have to be opened by these functions
again. (HDF5 File Format Specification, version 3.0, sections III.C and IV.A.2.)
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from tfds_extra.formats import FormatError, parser, reading

if TYPE_CHECKING:
    import h5py  # Few corpora need it, and only to prepare, so that each function imports it.

# Filters that come with HDF5 and change only the bytes of a chunk.
_DEFLATE, _FLETCHER32 = 1, 3
_FILTERS = {_DEFLATE: "deflate", 2: "shuffle", _FLETCHER32: "fletcher32"}
_MAX_RATIO = 1032  # The largest ratio of deflate.
# Any dataset may have so many bytes, because values that were never written take no room in the
# file.
_ALWAYS = 1 << 20


@parser
def open_file(file: BinaryIO) -> h5py.File:
    """Opens a file for reading.

    Args:
      file: The file, seekable, with an optional user block before the HDF5 data.

    Returns:
      The file, to be closed by the caller.

    Raises:
      FormatError: It is no HDF5 file, or its end is missing.
    """
    import h5py

    with reading("it is no HDF5 file, or a truncated one"):
        return h5py.File(file, "r")


@parser
def open_content(content: bytes) -> h5py.File:
    """Opens a small file whose bytes are in memory, several times as fast as `open_file`."""
    import h5py

    with reading("it is no HDF5 file, or a truncated one"):
        return h5py.File(h5py.h5f.open_file_image(content), "r")


@parser
def member(group: h5py.Group, *names: str) -> Any:
    """Opens a member of a group, or of a group in it, and so on.

    Args:
      group: Group of this file.
      *names: Names of the groups on the way, and of the member. A name is not read as a path.

    Returns:
      A group or dataset.

    Raises:
      FormatError: There is no such member; it is no part of this file (a soft, external or
        user-defined link, external storage, a virtual dataset); or it has another filter than
        deflate, shuffle and fletcher32, data of varying length, or a shape that the file has no
        room for.
    """
    found: Any = group
    for name in names:
        if not hasattr(found, "keys"):
            raise FormatError(f"there is no {name}, since what should hold it is no group")
        _check_link(found.id, name)
        with reading(name):
            found = found[name]
            _check(found)
    return found


@parser
def rows(group: h5py.Group, name: str) -> Rows:
    """Opens a dataset of a group as rows, faster than `member`.

    h5py's own classes take longer to open and describe a small dataset than HDF5 takes to read it.

    Args:
      group: Group of this file.
      name: Name of the dataset.

    Returns:
      The dataset.

    Raises:
      FormatError: As in `member`; also if it is a group or a single value.
    """
    from h5py import h5d, h5i, h5o

    _check_link(group.id, name)
    with reading(name):
        found = h5o.open(group.id, name.encode())
        if not isinstance(found, h5d.DatasetID):
            raise FormatError("no dataset")
        end = h5i.get_file_id(group.id).get_filesize()
        kind = found.get_type()
        dtype = _dtype(kind.encode())
        chunks_missing = _check_dataset(found, dtype, end)
        if not found.shape:
            raise FormatError("a single value, not rows")
        if chunks_missing:
            raise FormatError(f"{chunks_missing:,} of its chunks are not in the file")
    return Rows(found, kind, dtype, found.shape)


@dataclasses.dataclass(frozen=True)
class Rows:
    """A dataset, to be read in slices along its first axis.

    Attributes:
      id: h5py's id of the dataset.
      stored: HDF5's type of a value.
      dtype: Type of a value.
      shape: Shape of the dataset.
    """

    id: Any
    stored: Any
    dtype: np.dtype
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    @parser
    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Reads rows.

        Args:
          start: Number of the first row.
          stop: Number of the row after the last; None for all that follow.

        Raises:
          FormatError: They cannot be unpacked, or there are no rows with these numbers.
        """
        from h5py import h5s

        stop = len(self) if stop is None else stop
        if not 0 <= start <= stop <= len(self):
            raise FormatError(f"rows {start:,} to {stop:,} are asked for, of {len(self):,}")
        found = np.empty((stop - start, *self.shape[1:]), self.dtype)
        if found.size:
            # With the stored type nothing is converted, and a text keeps all its bytes.
            kind = self.stored if self.stored.get_size() == self.dtype.itemsize else None
            if len(found) == len(self):
                self.id.read(h5s.ALL, h5s.ALL, found, mtype=kind)
            else:
                space = self.id.get_space()
                space.select_hyperslab((start, *(0 for _ in self.shape[1:])), found.shape)
                self.id.read(h5s.create_simple(found.shape), space, found, mtype=kind)
        return found


@functools.lru_cache(64)
def _dtype(encoded: bytes) -> np.dtype:
    """Returns NumPy's type for a type of HDF5; cached, because that of a table takes long."""
    from h5py import h5t

    return h5t.decode(encoded).dtype


def _check_link(group: Any, name: str) -> None:
    """Raises unless a group (by h5py's id) has a member of this name that is part of this file."""
    from h5py import h5l

    key = name.encode()
    with reading(f"there is no {name}"):
        kind = group.links.get_info(key).type
    if kind == h5l.TYPE_EXTERNAL:
        target, path = (_text(part) for part in group.links.get_val(key))
        raise FormatError(f"{name} is an external link, to {path} of the file {target}")
    if kind == h5l.TYPE_SOFT:
        # A soft link itself stays in the file, but its path may lead through an external link.
        target = _text(group.links.get_val(key))
        raise FormatError(f"{name} is a soft link, to {target}, which is not followed")
    if kind != h5l.TYPE_HARD:
        raise FormatError(f"{name} is a user-defined link (of type {kind})")


@parser
def referred(hdf5: h5py.File, reference: h5py.Reference) -> Any:
    """Opens the target of an object reference, which is always an object of the same file.

    Args:
      hdf5: The file.
      reference: A reference in the file.

    Returns:
      A group or dataset.

    Raises:
      FormatError: The reference leads nowhere; or as in `member`.
    """
    import h5py

    if type(reference) is not h5py.Reference:  # h5py would take a text for a path.
        raise FormatError(f"a {type(reference).__name__}, where a reference was expected")
    found = hdf5[reference]
    _check(found)
    return found


def _check(found: Any) -> None:
    """Raises unless it is a group, or a dataset whose data lie in this file and fit into it."""
    import h5py

    if isinstance(found, h5py.Group):
        return
    if not isinstance(found, h5py.Dataset):
        raise FormatError("neither a group nor a dataset")
    _check_dataset(found.id, None, found.file.id.get_filesize())


def _check_dataset(dataset: Any, dtype: np.dtype | None, end: int) -> int:
    """Raises unless the data of a dataset lie in this file and fit into it.

    Args:
      dataset: h5py's id of the dataset.
      dtype: Type of a value, if it is known already.
      end: Number of bytes of the file.

    Returns:
      How many of its chunks were never written.
    """
    import h5py
    from h5py import h5d

    # This is checked first, because even the shape of a virtual dataset may come from its sources.
    stored = dataset.get_create_plist()
    layout = stored.get_layout()
    if layout == h5d.VIRTUAL:
        raise FormatError("a virtual dataset, whose data lie in other files")
    if layout == h5d.CONTIGUOUS and stored.get_external_count():
        target = _text(stored.get_external(0)[0])
        raise FormatError(f"a dataset with external storage: its data lie in the file {target}")
    filters = [stored.get_filter(i) for i in range(stored.get_nfilters())]
    for code, _, _, label in filters:
        if code not in _FILTERS:
            raise FormatError(
                f"it needs filter {code} ({_text(label)}); only {', '.join(_FILTERS.values())} are"
                " run"
            )
    codes = [code for code, *_ in filters]
    if len(set(codes)) < len(codes):
        raise FormatError("it has the same filter twice")
    dtype, shape = dataset.dtype if dtype is None else dtype, dataset.shape
    if dtype.hasobject and h5py.check_ref_dtype(dtype) is not h5py.Reference:
        raise FormatError(f"data of varying length or kind ({dtype})")
    if shape is None:
        raise FormatError("a dataset without a shape")
    size = dataset.get_type().get_size()
    room = end * (_MAX_RATIO if _DEFLATE in codes else 1)
    chunk: tuple[int, ...] = ()
    missing = 0
    if layout == h5d.CHUNKED:
        chunk = stored.get_chunk()
        there = _check_chunks(dataset, math.prod(chunk) * size, _FLETCHER32 in codes, end)
        missing = max(0, math.prod(-(-n // per) for n, per in zip(shape, chunk)) - there)
    # HDF5 allocates the memory of a whole chunk, even to read one value of it.
    for what, sizes in (("shape", shape), ("chunks of shape", chunk)):
        if math.prod(sizes) * size > max(room, _ALWAYS):
            raise FormatError(f"{what} {tuple(sizes)} of {dtype}, more than the file can hold")
    return missing


def _check_chunks(dataset: Any, unpacked: int, has_sums: bool, end: int) -> int:
    """Raises if a chunk is not in the file, or is longer there than without its filters.

    The library's own filters do not check the length of a chunk. If a chunk is shorter than a check
    sum, fletcher32 reads before its beginning, and the process dies. deflate unpacks a chunk
    completely, whatever its size should be.

    Returns:
      How many chunks there are.
    """
    # deflate adds less than is added here.
    least, most = 4 if has_sums else 1, unpacked + unpacked // 100 + 64
    wrong = []
    count = 0

    def look(chunk: Any) -> bool | None:
        nonlocal count
        count += 1
        at, size = chunk.byte_offset, chunk.size
        if at is None or not least <= size <= most or at + size > end:
            wrong.append(chunk)
            return True  # This ends the iteration.
        return None

    dataset.chunk_iter(look)
    for chunk in wrong:
        raise FormatError(
            f"its chunk at {tuple(chunk.chunk_offset)} has {chunk.size:,} bytes at byte"
            f" {chunk.byte_offset}, of a file of {end:,}"
        )
    return count


def _text(raw: bytes | str) -> str:
    """Returns a name in the file in a printable form."""
    raw = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
    return ascii(raw[:100].decode("latin-1"))[1:-1] + ("..." if len(raw) > 100 else "")
