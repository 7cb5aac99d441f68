"""HDF5 files, of which nothing is followed that leads out of them.

An HDF5 file can name other files of the machine: as the storage of a dataset, as the target of a
link, as the source of a virtual dataset. It can have a filter run that is loaded from a library, and
state shapes that no memory holds. The HDF5 library follows all of it without a word. So every object
is opened by one of the functions here, which looks first; once it is open it may be read by h5py's
means, except that members of a group and targets of references are opened by these functions again.
(HDF5 File Format Specification, version 3.0, sections III.C and IV.A.2.)
"""

from __future__ import annotations

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
    from h5py import h5l

    found: Any = group
    for name in names:
        if not hasattr(found, "keys"):
            raise FormatError(f"there is no {name}, since what should hold it is no group")
        key = name.encode()
        with reading(f"there is no {name}"):
            kind = found.id.links.get_info(key).type
        if kind == h5l.TYPE_EXTERNAL:
            target, path = (_text(part) for part in found.id.links.get_val(key))
            raise FormatError(f"{name} is an external link, to {path} of the file {target}")
        if kind == h5l.TYPE_SOFT:
            # It stays in the file as such, and yet its way may lead through an external link.
            target = _text(found.id.links.get_val(key))
            raise FormatError(f"{name} is a soft link, to {target}, which is not followed")
        if kind != h5l.TYPE_HARD:
            raise FormatError(f"{name} is a user-defined link (of type {kind})")
        with reading(name):
            found = found[name]
            _check(found)
    return found


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
    from h5py import h5d

    if isinstance(found, h5py.Group):
        return
    if not isinstance(found, h5py.Dataset):
        raise FormatError("neither a group nor a dataset")
    # Before anything else is asked for: the shape of a virtual dataset may come from its sources.
    stored = found.id.get_create_plist()
    if stored.get_layout() == h5d.VIRTUAL:
        raise FormatError("a virtual dataset, whose data lie in other files")
    if stored.get_layout() == h5d.CONTIGUOUS and stored.get_external_count():
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
    dtype, shape = found.dtype, found.shape
    if dtype.hasobject and h5py.check_ref_dtype(dtype) is not h5py.Reference:
        raise FormatError(f"data of varying length or kind ({dtype})")
    if shape is None:
        raise FormatError("a dataset without a shape")
    room = found.file.id.get_filesize() * (_MAX_RATIO if _DEFLATE in codes else 1)
    chunk: tuple[int, ...] = ()
    if stored.get_layout() == h5d.CHUNKED:
        chunk = stored.get_chunk()
        unpacked = math.prod(chunk) * found.id.get_type().get_size()
        _check_chunks(found, unpacked, _FLETCHER32 in codes)
    # HDF5 sets aside the memory of a whole chunk, even to read one value of it.
    for what, sizes in (("shape", shape), ("chunks of shape", chunk)):
        if math.prod(sizes) * found.id.get_type().get_size() > max(room, _ALWAYS):
            raise FormatError(
                f"{what} {tuple(sizes)} of {np.dtype(dtype)}, more than the file can hold"
            )


def _check_chunks(dataset: h5py.Dataset, unpacked: int, has_sums: bool) -> None:
    """Raises for a chunk that is not in the file, or is longer there than without its filters.

    The library's own filters take the length of a chunk on trust: fletcher32 reads on before the
    beginning of one that is shorter than a check sum, and the process dies; deflate unpacks all of
    one, whatever the size of a chunk should be.
    """
    end = dataset.file.id.get_filesize()
    least, most = 4 if has_sums else 1, unpacked + unpacked // 100 + 64  # More than deflate adds.
    wrong = []

    def look(chunk: Any) -> bool | None:
        at, size = chunk.byte_offset, chunk.size
        if at is None or not least <= size <= most or at + size > end:
            wrong.append(chunk)
            return True  # Ends the iteration.
        return None

    dataset.id.chunk_iter(look)
    for chunk in wrong:
        raise FormatError(
            f"its chunk at {tuple(chunk.chunk_offset)} has {chunk.size:,} bytes at byte"
            f" {chunk.byte_offset}, of a file of {end:,}"
        )


def _text(raw: bytes | str) -> str:
    """A name in the file as it can be printed."""
    raw = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
    return ascii(raw[:100].decode("latin-1"))[1:-1] + ("..." if len(raw) > 100 else "")
