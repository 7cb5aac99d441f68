"""Reads HDF5 files of the Million Song Dataset: of one song, of many (aggregate), and summaries.

All have the same three groups, each with a table `songs` that has one row for each song. Beside the
table lie arrays for values of variable length, one song after the other. A column `idx_NAME` of the
table says where a song's part of the array NAME begins; it ends where the next song's part begins.
A summary has only the tables, with zeros in these columns.

PyTables wrote these files. Tables and arrays are chunked, so that rows can be read without the
others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from tfds_extra.formats import FormatError, hdf5, parser, reading

if TYPE_CHECKING:
    import h5py  # It is needed only to prepare, and `hdf5` imports it then.

_TEXT, _INT, _REAL = np.dtype("S"), np.dtype("<i4"), np.dtype("<f8")
_TABLE = "songs"
_INDEX = "idx_"

# Type and number of columns of the arrays in each group that have a column `idx_NAME` of their own.
ARRAYS: dict[str, dict[str, tuple[np.dtype, int]]] = {
    "metadata": {
        "similar_artists": (_TEXT, 1),
        "artist_terms": (_TEXT, 1),
        "artist_terms_freq": (_REAL, 1),
        "artist_terms_weight": (_REAL, 1),
    },
    "analysis": {
        **{
            f"{what}_{of}": (_REAL, 1)
            for what in ("bars", "beats", "sections", "tatums")
            for of in ("start", "confidence")
        },
        "segments_start": (_REAL, 1),
        "segments_confidence": (_REAL, 1),
        "segments_loudness_max": (_REAL, 1),
        "segments_loudness_max_time": (_REAL, 1),
        "segments_loudness_start": (_REAL, 1),
        "segments_pitches": (_REAL, 12),
        "segments_timbre": (_REAL, 12),
    },
    "musicbrainz": {"artist_mbtags": (_TEXT, 1), "artist_mbtags_count": (_INT, 1)},
}
# Each of these arrays shares the column of another array.
_SHARES = {
    "artist_terms_freq": "artist_terms",
    "artist_terms_weight": "artist_terms",
    "artist_mbtags_count": "artist_mbtags",
}
COLUMNS: dict[str, dict[str, np.dtype]] = {
    "metadata": {
        "analyzer_version": _TEXT,
        "artist_7digitalid": _INT,
        "artist_familiarity": _REAL,
        "artist_hotttnesss": _REAL,
        "artist_id": _TEXT,
        "artist_latitude": _REAL,
        "artist_location": _TEXT,
        "artist_longitude": _REAL,
        "artist_mbid": _TEXT,
        "artist_name": _TEXT,
        "artist_playmeid": _INT,
        "genre": _TEXT,
        "release": _TEXT,
        "release_7digitalid": _INT,
        "song_hotttnesss": _REAL,
        "song_id": _TEXT,
        "title": _TEXT,
        "track_7digitalid": _INT,
    },
    "analysis": {
        "analysis_sample_rate": _INT,
        "audio_md5": _TEXT,
        "danceability": _REAL,
        "duration": _REAL,
        "end_of_fade_in": _REAL,
        "energy": _REAL,
        "key": _INT,
        "key_confidence": _REAL,
        "loudness": _REAL,
        "mode": _INT,
        "mode_confidence": _REAL,
        "start_of_fade_out": _REAL,
        "tempo": _REAL,
        "time_signature": _INT,
        "time_signature_confidence": _REAL,
        "track_id": _TEXT,
    },
    "musicbrainz": {"year": _INT},
}
# A song may take so many times the bytes of its file in memory, or so many bytes in any case. A
# file of text and numbers exceeds this only if it is damaged or made to harm.
_MAX_RATIO, _ALWAYS = 100, 4 << 20


def _index_of(array: str) -> str:
    return _INDEX + _SHARES.get(array, array)


class Songs:
    """The songs of an open file of any of the three kinds; a context manager, which closes it.

    Attributes:
      has_arrays: Whether there are arrays; a summary has none.
    """

    def __init__(self, file: h5py.File):
        """Looks at the tables and arrays; see `open_file`."""
        self._file = file
        self._tables: dict[str, hdf5.Rows] = {}
        self._arrays: dict[str, hdf5.Rows] = {}
        missing = ""
        for group_name, columns in COLUMNS.items():
            group = hdf5.member(file, group_name)
            present = set(group) if hasattr(group, "keys") else set()
            place = f"{group_name}/{_TABLE}"
            if _TABLE not in present:
                raise FormatError(f"there is no {place}: it is no file of the Million Song Dataset")
            with reading(place):
                table = self._tables[group_name] = hdf5.rows(group, _TABLE)
                _check_columns(table, group_name, columns)
            for name, (kind, width) in ARRAYS[group_name].items():
                if name not in present:
                    missing = missing or f"{group_name}/{name}"
                    continue
                with reading(f"{group_name}/{name}"):
                    array = self._arrays[name] = hdf5.rows(group, name)
                    _check_array(array, kind, width)
        if missing and self._arrays:
            raise FormatError(f"there is no {missing}")
        self.has_arrays = bool(self._arrays)
        lengths = {f"{name}/{_TABLE}": len(table) for name, table in self._tables.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {n:,}" for name, n in lengths.items())
            raise FormatError(f"its tables are of different numbers of songs: {told}")

    def __enter__(self) -> Songs:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        """Returns the number of songs."""
        return len(self._tables["metadata"])

    @property
    def unpacked_bytes(self) -> int:
        """Number of bytes of all unpacked tables and arrays."""
        parts = (*self._tables.values(), *self._arrays.values())
        return sum(math.prod(part.shape) * part.dtype.itemsize for part in parts)

    @parser
    def read(self, start: int = 0, stop: int | None = None) -> dict[str, np.ndarray]:
        """Reads some songs without their arrays.

        Args:
          start: Number of the first song.
          stop: Number of the song after the last; None for all that follow.

        Returns:
          Each column by its published name, without those that only say where arrays begin. Texts
          are bytes of fixed width; NumPy removes the NULs at the end when it returns a single
          value.

        Raises:
          FormatError: They cannot be unpacked, or there are no songs with these numbers.
        """
        return _columns(self._read_tables(start, len(self) if stop is None else stop))

    @parser
    def read_with_arrays(
        self, start: int = 0, stop: int | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, list[np.ndarray]]]:
        """Reads some songs with their arrays, each table and array at once.

        Args:
          start: As in `read`.
          stop: As in `read`.

        Returns:
          The result of `read`; and, by published name, one array for each song. Those of
          `segments_pitches` and `segments_timbre` have a row for each segment and 12 columns, the
          others a value for each item.

        Raises:
          FormatError: There are none, or they cannot be unpacked.
        """
        if not self.has_arrays:
            raise FormatError("it is a summary, which has no arrays of the songs")
        stop = len(self) if stop is None else stop
        # The last song's part ends where that of the next song begins, so that this is read too.
        tables = self._read_tables(start, min(stop + 1, len(self)))
        arrays = {}
        for group, names in ARRAYS.items():
            for name in names:
                array = self._arrays[name]
                with reading(f"{group}/{name}"):
                    bounds = tables[group][_index_of(name)].tolist()
                    if stop >= len(self):
                        bounds.append(len(array))
                    _check_bounds(bounds, len(array), starts_file=not start)
                    values = array.read(bounds[0], bounds[-1])
                    arrays[name] = [
                        values[first - bounds[0] : last - bounds[0]]
                        for first, last in zip(bounds, bounds[1:])
                    ]
        whole = _columns(tables)
        return {name: column[: stop - start] for name, column in whole.items()}, arrays

    def _read_tables(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """Returns the rows of each table, by group."""
        tables = {}
        for group, table in self._tables.items():
            with reading(f"{group}/{_TABLE}"):
                tables[group] = table.read(start, stop)
        return tables


def _columns(tables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: tables[group][name] for group, names in COLUMNS.items() for name in names}


@parser
def open_file(file: BinaryIO) -> Songs:
    """Opens a file of any number of songs.

    Args:
      file: The file, seekable.

    Returns:
      Its songs, to be closed by the caller.

    Raises:
      FormatError: It is no HDF5 file, a truncated one, or not of this format.
    """
    opened = hdf5.open_file(file)
    try:
        return Songs(opened)
    except BaseException:
        opened.close()
        raise


@parser
def read_song(content: bytes) -> dict[str, Any]:
    """Reads the file of one song.

    Args:
      content: All bytes of the file.

    Returns:
      Each column (a text as bytes, or a number) and each array (texts as a list of bytes) by its
      published name.

    Raises:
      FormatError: It is no HDF5 file, a truncated one, not of this format, or not of one song.
    """
    with hdf5.open_content(content) as file:
        songs = Songs(file)
        if len(songs) != 1:
            raise FormatError(f"it is of {len(songs):,} songs, not of one")
        if songs.unpacked_bytes > max(_ALWAYS, _MAX_RATIO * len(content)):
            raise FormatError(f"{songs.unpacked_bytes:,} bytes are said to be in {len(content):,}")
        columns, arrays = songs.read_with_arrays()
    song: dict[str, Any] = {name: column[0] for name, column in columns.items()}
    for name, (values,) in arrays.items():
        song[name] = values.tolist() if values.dtype.kind == "S" else values
    return song


def _check_columns(table: hdf5.Rows, group: str, columns: Mapping[str, np.dtype]) -> None:
    """Raises unless a table has the published columns."""
    fields = table.dtype.fields
    if fields is None or len(table.shape) != 1:
        raise FormatError(f"no table, but {table.dtype} {table.shape}")
    starts = {_index_of(name): _INT for name in ARRAYS[group]}
    expected = {**columns, **starts}
    for name in fields.keys() ^ expected.keys():
        problem = "a column that was not published" if name in fields else "it lacks the column"
        raise FormatError(f"{problem}: {name}")
    for name, kind in expected.items():
        _check_kind(f"column {name}", fields[name][0], kind)


def _check_array(array: hdf5.Rows, kind: np.dtype, width: int) -> None:
    if array.shape[1:] != (() if width == 1 else (width,)):
        per_item = "one value" if width == 1 else f"{width} values"
        raise FormatError(f"shape {array.shape}, not {per_item} an item")
    _check_kind("values", array.dtype, kind)


def _check_kind(what: str, found: np.dtype, expected: np.dtype) -> None:
    """Raises if the types differ; texts may have any width."""
    same = found.kind == "S" if expected.kind == "S" else found == expected
    if not same or not found.itemsize:
        wanted = "texts of fixed width" if expected.kind == "S" else expected.name
        raise FormatError(f"{what} of {found}, not {wanted}")


def _check_bounds(bounds: Sequence[int], length: int, *, starts_file: bool) -> None:
    """Raises unless songs follow each other without a gap."""
    if starts_file and bounds[0] != 0:
        raise FormatError(f"the first song's part begins at {bounds[0]:,}, not at 0")
    if bounds[0] < 0 or bounds[-1] > length or sorted(bounds) != list(bounds):
        raise FormatError(f"the parts of the songs do not lie one after the other in {length:,}")
