"""Reads the tables of fma_metadata.zip, several at a time in the order of their track ids."""

from __future__ import annotations

import functools
import hashlib
import io
import pathlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfds_extra import core
from tfds_extra.core import digests, tables
from tfds_extra.formats import pandas_csv

_REMEDY = "Get fma_metadata.zip again."

_LEVELS = {
    "tracks.csv": 2,
    "raw_tracks.csv": 1,
    "features.csv": 3,
    "echonest.csv": 3,
}  # Number of levels of the columns.
# Tables that become one feature as a whole.
_GROUPS = {"raw_tracks.csv": "raw_track", "features.csv": "features", "echonest.csv": "echonest"}

# The function that reads a cell, by the kind of its column in columns.tsv.
_READERS: dict[str, Callable[[str], Any]] = {
    "int": pandas_csv.integer,
    "real": pandas_csv.real,
    "text": str,
    "ints": pandas_csv.int_list,
    "texts": pandas_csv.text_list,
}

# librosa's statistics and features. Columns are in the order of feature, then statistic, then
# number.
STATISTICS = ("kurtosis", "max", "mean", "median", "min", "skew", "std")
LIBROSA = {
    "chroma_cens": (12, "chroma, energy normalized, of the constant-Q transform"),
    "chroma_cqt": (12, "chroma of the constant-Q transform"),
    "chroma_stft": (12, "chroma of the spectrogram"),
    "mfcc": (20, "mel-frequency cepstral coefficients"),
    "rmse": (1, "root mean square of the spectrogram"),
    "spectral_bandwidth": (1, "bandwidth of the spectrum in Hz"),
    "spectral_centroid": (1, "centroid of the spectrum in Hz"),
    "spectral_contrast": (7, "spectral contrast of octaves in dB"),
    "spectral_rolloff": (1, "roll-off frequency of the spectrum in Hz"),
    "tonnetz": (6, "tonal centroids"),
    "zcr": (1, "rate of zero crossings"),
}
TEMPORAL = 224


# ------------------------------------------------------------------------------------ the columns


@functools.cache
def columns(table: str) -> tuple[dict[str, str], ...]:
    """Returns the rows of columns.tsv about one table."""
    # What columns hold is the same in the miniature, so this is no table of `read_facts`.
    rows = tables.read_tsv(pathlib.Path(__file__).with_name("columns.tsv"))
    return tuple(row for row in rows if row["table"] == table)


class Parser:
    """Turns the cells of a row into the values that columns.tsv describes."""

    def __init__(self, table: str, found: Sequence[pandas_csv.Column]):
        """Finds the columns.

        Raises:
          ValueError: One is missing.
        """
        at = {column[-2:]: number for number, column in enumerate(found)}
        self._width = len(found)
        self._cells = []
        for column in columns(table):
            group, name = column["group"], column["name"]
            key = (group, name) if group else (name,)
            if key not in at:
                raise ValueError(f"there is no column {'/'.join(key)}")
            self._cells.append((at[key], group, name, _READERS[column["kind"]]))

    def __call__(self, cells: Sequence[str] | None) -> dict[str, Any]:
        """Returns the values, by group where the table has groups; without cells, missing ones."""
        found: dict[str, Any] = {}
        if cells is None:
            cells = [""] * self._width
        for at, group, name, parse in self._cells:
            try:
                value = parse(cells[at])
            except ValueError as e:
                raise ValueError(f"column {group}/{name}: {e}".replace(" /", " ")) from e
            if group:
                found.setdefault(group, {})[name] = value
            else:
                found[name] = value
        return found


class LibrosaParser:
    """Turns the cells of a row of features.csv into the values of `features.of_computed`."""

    def __init__(self, columns: Sequence[pandas_csv.Column]):
        """Checks the columns.

        Raises:
          ValueError: They are others, or in another order.
        """
        expected = _published_columns("features.csv")
        _check_columns(columns, expected)
        self._width = len(expected)

    def __call__(self, cells: Sequence[str] | None) -> dict[str, np.ndarray]:
        """Returns the values; without cells, missing ones."""
        if cells is None:
            cells = [""] * self._width
        # They were computed as float32, which needs nine digits, and are printed with eleven.
        values = np.array(pandas_csv.reals(cells), np.float32)
        found, at = {}, 0
        for name, (size, _) in LIBROSA.items():
            stop = at + len(STATISTICS) * size
            found[name], at = values[at:stop].reshape(len(STATISTICS), size), stop
        return found


class EchonestParser:
    """Turns the cells of a row of echonest.csv into the values of `features.of_computed`."""

    def __init__(self, columns: Sequence[pandas_csv.Column]):
        """Finds the columns.

        Raises:
          ValueError: One is missing.
        """
        self._columns = Parser("echonest.csv", columns)
        self._temporal = len(columns) - TEMPORAL
        expected = _published_columns("echonest.csv")[-TEMPORAL:]
        _check_columns([column[-2:] for column in columns[self._temporal :]], expected)

    def __call__(self, cells: Sequence[str] | None) -> dict[str, Any]:
        """Returns the values; without cells, missing ones."""
        available = cells is not None
        temporal = [""] * TEMPORAL if cells is None else cells[self._temporal :]
        return {
            "available": available,
            **self._columns(cells),
            "temporal_features": np.array(pandas_csv.reals(temporal), np.float64),
        }


def _published_columns(table: str) -> list[pandas_csv.Column]:
    """Returns the columns of a table that are read; for features and echonest in order."""
    if table == "features.csv":
        return [
            (name, statistic, f"{number:02}")
            for name, (size, _) in LIBROSA.items()
            for statistic in STATISTICS
            for number in range(1, size + 1)
        ]
    found: list[pandas_csv.Column] = [
        (c["group"], c["name"]) if c["group"] else (c["name"],) for c in columns(table)
    ]
    if table == "echonest.csv":
        found += [("temporal_features", f"{number:03}") for number in range(TEMPORAL)]
    return found


def _check_columns(columns: Sequence[pandas_csv.Column], expected: Sequence[Any]) -> None:
    if len(columns) != len(expected):
        raise ValueError(f"{len(columns)} columns, not {len(expected)}")
    for found, wanted in zip(columns, expected):
        if found != wanted:
            raise ValueError(f"column {'/'.join(found)} stands where {'/'.join(wanted)} belongs")


# ---------------------------------------------------------------------------------------- the rows


class SortedTable:
    """A table whose rows are in the order of their track ids, read by ranges of ids.

    It keeps its place between calls, so that ascending ranges read the table once, with one row in
    memory. A range that goes back makes it begin anew. At the end of the table its number of rows
    and its digest are checked.
    """

    def __init__(
        self,
        tree: core.Tree,
        name: str,
        make_parser: Callable[[Sequence[pandas_csv.Column]], Callable[[Sequence[str] | None], Any]],
        published: tuple[int, str] | None,
    ):
        """Names the table, without opening it.

        Args:
          tree: fma_metadata.zip.
          name: Name of the table.
          make_parser: Takes the columns; returns a function that turns cells of a row into values.
          published: Number of rows and digest of the published table; None if it may be a part.
        """
        self._tree, self._name, self._make_parser = tree, name, make_parser
        self._published = published
        self._rows: Iterator[pandas_csv.Row] | None = None
        self._next: pandas_csv.Row | None = None
        self._passed = -1

    def between(
        self, first: int, stop: int, wanted: Collection[int] | None = None
    ) -> Iterator[tuple[int, Any]]:
        """Yields id and values of the rows from id `first` up to, but without, `stop`.

        Args:
          first: The first id.
          stop: The id behind the last.
          wanted: Only rows with these ids; None for all.

        Raises:
          CorpusError: The table is damaged, or its rows are not in order.
        """
        if self._rows is None or self._passed >= first:
            self._open()
        while self._next is not None and self._next.index < stop:
            row = self._next
            self._advance()
            if row.index >= first and (wanted is None or row.index in wanted):
                with core.located(self._tree, f"{self._name}: line {row.line}", _REMEDY):
                    values = self._parse(row.cells)
                yield row.index, values

    def nothing(self) -> Any:
        """Returns the values that stand for a missing row."""
        return self._make_parser(_published_columns(self._name))(None)

    def missing(self, track_id: int) -> core.CorpusError:
        """Returns the error for a track that has no row."""
        return core.CorpusError(
            self._tree, self._name, f"there is no row of track {track_id}", _REMEDY
        )

    def _open(self) -> None:
        with core.located(self._tree, self._name, _REMEDY):
            kind = digests.kind_of(self._published[1]) if self._published else "md5"
            self._digest = hashlib.new(kind, usedforsecurity=False)
            file = io.BufferedReader(
                digests.Hashed(self._tree.open_member(self._name), self._digest), 1 << 17
            )
            table = pandas_csv.Table(file, _LEVELS[self._name])
            self._parse = self._make_parser(table.columns)
            self._rows = iter(table)
            self._count, self._passed, self._next = 0, -1, None
        self._advance()

    def _advance(self) -> None:
        """Goes to the next row."""
        with core.located(self._tree, self._name, _REMEDY):
            if self._next is not None:
                self._passed = self._next.index
            assert self._rows is not None  # `_open` was called.
            self._next = next(self._rows, None)
            if self._next is None:
                self._check()
                return
            self._count += 1
            if self._next.index <= self._passed:
                raise ValueError(
                    f"line {self._next.line}: track {self._next.index} comes after track"
                    f" {self._passed}; the published rows are in the order of the ids"
                )

    def _check(self) -> None:
        if self._published is None:
            return
        rows, digest = self._published
        if self._count != rows:
            raise ValueError(f"it has {self._count:,} rows, and {rows:,} were published")
        if (found := self._digest.hexdigest()) != digest:
            raise ValueError(f"altered: its {self._digest.name} is {found}, not {digest}")


class Reader:
    """Reads all tables together, by ranges of track ids."""

    def __init__(
        self,
        tree: core.Tree,
        rows: Mapping[str, int] | None,
        sums: Mapping[str, str],
        computed: bool,
    ):
        """Names the tables, without opening them.

        Args:
          tree: fma_metadata.zip.
          rows: Number of rows of each table; None if there may be only a part of the tables.
          sums: Digests of the tables by name.
          computed: Whether the features of librosa and Echonest are wanted.

        Raises:
          CorpusError: There is no tracks.csv, which a part needs, too.
        """
        self._is_part = rows is None
        makers: dict[str, Callable[..., Any]] = {
            name: functools.partial(Parser, name) for name in ("tracks.csv", "raw_tracks.csv")
        }
        if computed:
            makers |= {"features.csv": LibrosaParser, "echonest.csv": EchonestParser}
        self._tables = {
            name: SortedTable(tree, name, make, (rows[name], sums[name]) if rows else None)
            for name, make in makers.items()
        }
        self._absent = makers.keys() - tree.index().keys() if self._is_part else set()
        if "tracks.csv" in self._absent:
            problem = "there is no such file, and of a part it is the one that is needed"
            raise core.CorpusError(tree, "tracks.csv", problem, _REMEDY)

    def tracks(self, first: int, stop: int, subsets: Collection[str]) -> dict[int, dict[str, Any]]:
        """Returns the tracks from id `first` up to, but without, `stop`.

        Args:
          first: The first id.
          stop: The id behind the last.
          subsets: Only tracks whose smallest set is one of these.

        Returns:
          For each id, groups of values by name. In a part, rows of missing tables have missing
          values.

        Raises:
          CorpusError: A table is damaged or incomplete.
        """
        tracks = {
            track_id: values
            for track_id, values in self._tables["tracks.csv"].between(first, stop)
            if values["set"]["subset"] in subsets
        }
        for name, group in _GROUPS.items():
            table = self._tables.get(name)
            if table is None:
                continue
            if name not in self._absent:
                for track_id, values in table.between(first, stop, tracks):
                    tracks[track_id][group] = values
            for track_id, track in tracks.items():
                if group not in track:
                    if not self._is_part and name != "echonest.csv":
                        raise table.missing(track_id)
                    track[group] = table.nothing()
        return tracks
