"""HDF5 files, of which nothing is followed that leads out of them.

An HDF5 file can name other files of the machine: as the storage of a dataset, as the target of a
link, as the source of a virtual dataset. It can have a filter run that is loaded from a library, and
state shapes that no memory holds. The HDF5 library follows all of it without a word. So every object
is opened by one of the functions here, which looks first; once it is open it may be read by h5py's
means, except that members of a group and targets of references are opened by these functions again.
(HDF5 File Format Specification, version 3.0, sections III.C and IV.A.2.)
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from tfds_extra.formats import FormatError, parser, reading

if TYPE_CHECKING:
    import h5py  # Else only needed to prepare a few corpora, so each function imports it.

# The filters that come with HDF5 and undo no more than their own bytes.
_DEFLATE, _FLETCHER32 = 1, 3
_FILTERS = {_DEFLATE: "deflate", 2: "shuffle", _FLETCHER32: "fletcher32"}
_MAX_RATIO = 1032  # Of deflate.
# Bytes that any dataset may have: values that were never written take none of the file.
_ALWAYS = 1 << 20


@parser
def open_file(file: BinaryIO) -> h5py.File:
    """Opens a file for reading.

    Args:
      file: Seekable, with an optional user block before the HDF5 data.

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
    """As `open_file`, for a small file whose bytes are in memory: several times as fast."""
    import h5py

    with reading("it is no HDF5 file, or a truncated one"):
        return h5py.File(h5py.h5f.open_file_image(content), "r")


@parser
def member(group: h5py.Group, *names: str) -> Any:
    """Opens a member of a group, or of a group in it, and so on.

    Args:
      group: Of this file.
      *names: Of the groups on the way, and of the member. No name is a path.

    Returns:
      A group or dataset.

    Raises:
      FormatError: There is none, it is no part of this file (a soft, external or user-defined link,
        external storage, a virtual dataset), has another filter than deflate, shuffle and
        fletcher32, data of varying length, or a shape that the file has no room for.
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
    """Opens a dataset of a group as rows, with less ado than `member`.

    h5py's own classes take longer to open and describe a small dataset than HDF5 takes to read it.

    Args:
      group: Of this file.
      name: Of the dataset.

    Returns:
      The dataset.

    Raises:
      FormatError: As in `member`; or it is a group, or a single value.
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
      id: h5py's of it.
      stored: HDF5's type of a value.
      dtype: Of a value.
      shape: Of the dataset.
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
          start: The first one.
          stop: The one behind the last; None for all that follow.

        Raises:
          FormatError: They cannot be unpacked, or there are none of these numbers.
        """
        from h5py import h5s

        stop = len(self) if stop is None else stop
        if not 0 <= start <= stop <= len(self):
            raise FormatError(f"rows {start:,} to {stop:,} are asked for, of {len(self):,}")
        found = np.empty((stop - start, *self.shape[1:]), self.dtype)
        if found.size:
            # As it is stored: nothing is converted, and a text has all its bytes.
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
    """NumPy's type for one of HDF5's; making one of a table takes long."""
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
        # It stays in the file as such, and yet its way may lead through an external link.
        target = _text(group.links.get_val(key))
        raise FormatError(f"{name} is a soft link, to {target}, which is not followed")
    if kind != h5l.TYPE_HARD:
        raise FormatError(f"{name} is a user-defined link (of type {kind})")


@parser
def referred(hdf5: h5py.File, reference: h5py.Reference) -> Any:
    """Opens what an object reference leads to, which is always an object of the same file.

    Args:
      hdf5: The file.
      reference: Of it.

    Returns:
      A group or dataset.

    Raises:
      FormatError: It leads nowhere; or see `member`.
    """
    import h5py

    if type(reference) is not h5py.Reference:  # A text would be taken for a path.
        raise FormatError(f"a {type(reference).__name__}, where a reference was expected")
    found = hdf5[reference]
    _check(found)
    return found


def _check(found: Any) -> None:
    """Raises unless a group, or a dataset whose data lie in this file and fit into it."""
    import h5py

    if isinstance(found, h5py.Group):
        return
    if not isinstance(found, h5py.Dataset):
        raise FormatError("neither a group nor a dataset")
    _check_dataset(found.id, None, found.file.id.get_filesize())


def _check_dataset(dataset: Any, dtype: np.dtype | None, end: int) -> int:
    """Raises unless the data of a dataset lie in this file and fit into it.

    Args:
      dataset: h5py's id of it.
      dtype: Of a value, if it is known already.
      end: Bytes of the file.

    Returns:
      How many of its chunks were never written.
    """
    import h5py
    from h5py import h5d

    # Before anything else is asked for: the shape of a virtual dataset may come from its sources.
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
    # HDF5 sets aside the memory of a whole chunk, even to read one value of it.
    for what, sizes in (("shape", shape), ("chunks of shape", chunk)):
        if math.prod(sizes) * size > max(room, _ALWAYS):
            raise FormatError(f"{what} {tuple(sizes)} of {dtype}, more than the file can hold")
    return missing


def _check_chunks(dataset: Any, unpacked: int, has_sums: bool, end: int) -> int:
    """Raises for a chunk that is not in the file, or is longer there than without its filters.

    The library's own filters take the length of a chunk on trust: fletcher32 reads on before the
    beginning of one that is shorter than a check sum, and the process dies; deflate unpacks all of
    one, whatever the size of a chunk should be.

    Returns:
      How many chunks there are.
    """
    least, most = 4 if has_sums else 1, unpacked + unpacked // 100 + 64  # More than deflate adds.
    wrong = []
    count = 0

    def look(chunk: Any) -> bool | None:
        nonlocal count
        count += 1
        at, size = chunk.byte_offset, chunk.size
        if at is None or not least <= size <= most or at + size > end:
            wrong.append(chunk)
            return True  # Ends the iteration.
        return None

    dataset.chunk_iter(look)
    for chunk in wrong:
        raise FormatError(
            f"its chunk at {tuple(chunk.chunk_offset)} has {chunk.size:,} bytes at byte"
            f" {chunk.byte_offset}, of a file of {end:,}"
        )
    return count


def _text(raw: bytes | str) -> str:
    """A name in the file as it can be printed."""
    raw = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
    return ascii(raw[:100].decode("latin-1"))[1:-1] + ("..." if len(raw) > 100 else "")
