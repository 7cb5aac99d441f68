"""The tables of fma_metadata.zip: what their columns hold, and how they are read in step."""

from __future__ import annotations

import functools
import hashlib
import io
import math
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.core import tables
from tfds_extra.formats import pandas_csv

REMEDY = "Get fma_metadata.zip again."

LEVELS = {"tracks.csv": 2, "raw_tracks.csv": 1, "features.csv": 3, "echonest.csv": 3}

_KINDS: dict[str, tuple[Callable[[str], Any], Callable[[str], Any], str]] = {
    "int": (
        pandas_csv.integer,
        lambda doc: tfds.features.Scalar(np.int64, doc=doc),
        " -1 if missing.",
    ),
    "real": (pandas_csv.real, lambda doc: float64((), doc), " NaN if missing."),
    "text": (str, lambda doc: tfds.features.Text(doc=doc), " Empty if missing."),
    "ints": (
        pandas_csv.int_list,
        lambda doc: tfds.features.Sequence(np.int64, doc=doc),
        " Empty if there are none.",
    ),
    "texts": (
        pandas_csv.text_list,
        lambda doc: tfds.features.Sequence(tfds.features.Text(), doc=doc),
        " Empty if there are none.",
    ),
}

# Of librosa, in the order of the columns: by feature, then statistic, then number.
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
_TEMPORAL = 224


def float64(shape: tuple[int, ...], doc: str) -> tfds.features.Tensor:
    """A feature of float64, which TFDS would narrow to float32 if it had no encoding."""
    return tfds.features.Tensor(shape=shape, dtype=np.float64, encoding="bytes", doc=doc)


# ------------------------------------------------------------------------------------ the columns


@functools.cache
def _columns(table: str) -> tuple[dict[str, str], ...]:
    # What columns hold is the same in the miniature, so this is no table of `read_facts`.
    rows = tables.read_tsv(pathlib.Path(__file__).with_name("columns.tsv"))
    return tuple(row for row in rows if row["table"] == table)


@functools.cache
def genres() -> tuple[dict[str, str], ...]:
    """The rows of genres.tsv. Class labels are the same in the miniature."""
    return tuple(tables.read_tsv(pathlib.Path(__file__).with_name("genres.tsv")))


def column_features(table: str) -> dict[str, Any]:
    """Features for the columns of a table, by group where it has groups."""
    found: dict[str, Any] = {}
    for column in _columns(table):
        _, make, missing = _KINDS[column["kind"]]
        group = found.setdefault(column["group"], {}) if column["group"] else found
        group[column["name"]] = make(column["doc"] + missing)
    return found


def librosa_features() -> dict[str, Any]:
    """Features for features.csv, an array for each kind of feature."""
    order = ", ".join(STATISTICS)
    return {
        name: tfds.features.Tensor(
            shape=(len(STATISTICS), size),
            dtype=np.float32,
            doc=f"librosa: {what}. A row for each statistic over the full recording, not the clip:"
            f" {order}. NaN where the publisher could not compute it.",
        )
        for name, (size, what) in LIBROSA.items()
    }


def echonest_features() -> dict[str, Any]:
    """Features for echonest.csv."""
    return {
        "available": tfds.features.Scalar(
            np.bool_,
            doc="Whether Echonest knew the track. If not, numbers are NaN and texts empty.",
        ),
        **column_features("echonest.csv"),
        "temporal_features": float64(
            (_TEMPORAL,), "Statistics of pitch, timbre, loudness and length of segments: 000 to 223."
        ),
    }


class Parser:
    """Turns the cells of a row into the values of `column_features`."""

    def __init__(self, table: str, columns: Sequence[pandas_csv.Column]):
        """Finds the columns.

        Raises:
          ValueError: One is missing.
        """
        at = {column[-2:]: number for number, column in enumerate(columns)}
        self._cells = []
        for column in _columns(table):
            group, name = column["group"], column["name"]
            key = (group, name) if group else (name,)
            if key not in at:
                raise ValueError(f"there is no column {'/'.join(key)}")
            self._cells.append((at[key], group, name, _KINDS[column["kind"]][0]))

    def __call__(self, cells: Sequence[str]) -> dict[str, Any]:
        """The values, by group where the table has groups."""
        found: dict[str, Any] = {}
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
    """Turns the cells of a row of features.csv into the values of `librosa_features`."""

    def __init__(self, columns: Sequence[pandas_csv.Column]):
        """Checks the columns.

        Raises:
          ValueError: They are others, or in another order.
        """
        expected = [
            (name, statistic, f"{number:02}")
            for name, (size, _) in LIBROSA.items()
            for statistic in STATISTICS
            for number in range(1, size + 1)
        ]
        _check_columns(columns, expected)

    def __call__(self, cells: Sequence[str]) -> dict[str, np.ndarray]:
        # Printed with 11 digits, of which float32, as which they were computed, needs nine.
        values = np.array([pandas_csv.real(cell) for cell in cells], np.float32)
        found, at = {}, 0
        for name, (size, _) in LIBROSA.items():
            stop = at + len(STATISTICS) * size
            found[name], at = values[at:stop].reshape(len(STATISTICS), size), stop
        return found


class EchonestParser:
    """Turns the cells of a row of echonest.csv into the values of `echonest_features`."""

    def __init__(self, columns: Sequence[pandas_csv.Column]):
        """Finds the columns.

        Raises:
          ValueError: One is missing.
        """
        self._columns = Parser("echonest.csv", columns)
        self._temporal = len(columns) - _TEMPORAL
        expected = [("temporal_features", f"{number:03}") for number in range(_TEMPORAL)]
        _check_columns([column[-2:] for column in columns[self._temporal :]], expected)

    def __call__(self, cells: Sequence[str] | None) -> dict[str, Any]:
        """The values; those of a missing row if there are no cells."""
        if cells is None:
            cells = [""] * (self._temporal + _TEMPORAL)
            temporal = [math.nan] * _TEMPORAL
            available = False
        else:
            temporal = [pandas_csv.real(cell) for cell in cells[self._temporal :]]
            available = True
        return {
            "available": available,
            **self._columns(cells),
            "temporal_features": np.array(temporal, np.float64),
        }


def _check_columns(columns: Sequence[pandas_csv.Column], expected: Sequence[Any]) -> None:
    if len(columns) != len(expected):
        raise ValueError(f"{len(columns)} columns, not {len(expected)}")
    for found, wanted in zip(columns, expected):
        if found != wanted:
            raise ValueError(f"column {'/'.join(found)} stands where {'/'.join(wanted)} belongs")


# ---------------------------------------------------------------------------------------- the rows


class SortedTable:
    """A table whose rows are in the order of their track ids, read by ranges of ids.

    It keeps its place between calls: who asks for one range after the other reads the table once,
    and holds one row of it. Whoever goes back begins anew. At the end of the table its number of
    rows and its digest are checked.
    """

    def __init__(self, tree: core.Tree, name: str, *, rows: int | None, sha1: str | None):
        """Names the table, without opening it.

        Args:
          tree: fma_metadata.zip.
          name: Of the table.
          rows: How many it has to have; None if anything will do.
          sha1: The digest that it has to have; None if anything will do.
        """
        self._tree, self.name = tree, name
        self._expected = rows, sha1
        self._rows: Iterator[pandas_csv.Row] | None = None
        self._next: pandas_csv.Row | None = None
        self._passed = -1

    def columns(self) -> list[pandas_csv.Column]:
        """Names of the columns."""
        if self._rows is None:
            self._open()
        return self._table.columns

    def between(self, first: int, stop: int) -> Iterator[pandas_csv.Row]:
        """Yields the rows with ids from `first` up to, but without, `stop`.

        Raises:
          CorpusError: The table is damaged, or its rows are not in order.
        """
        if self._rows is None or self._passed >= first:
            self._open()
        while self._next is not None and self._next.index < stop:
            row = self._next
            self._advance()
            if row.index >= first:
                yield row

    def at(self, row: pandas_csv.Row) -> Any:
        """Context in which a `ValueError` becomes a `CorpusError` about this row."""
        return core.located(self._tree, f"{self.name}: line {row.line}", REMEDY)

    def _open(self) -> None:
        with core.located(self._tree, self.name, REMEDY):
            self._sha1 = hashlib.sha1(usedforsecurity=False)
            file = io.BufferedReader(_Hashed(self._tree.open_member(self.name), self._sha1), 1 << 17)
            self._table = pandas_csv.Table(file, LEVELS[self.name])
            self._rows = iter(self._table)
            self._count, self._passed, self._next = 0, -1, None
        self._advance()

    def _advance(self) -> None:
        """Goes to the next row."""
        with core.located(self._tree, self.name, REMEDY):
            if self._next is not None:
                self._passed = self._next.index
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
        rows, sha1 = self._expected
        if rows is not None and self._count != rows:
            raise ValueError(f"it has {self._count:,} rows, and {rows:,} were published")
        if sha1 is not None and self._sha1.hexdigest() != sha1:
            raise ValueError(f"its sha1 is {self._sha1.hexdigest()}, and not {sha1}")


class _Hashed(io.RawIOBase):
    """A file whose bytes go into a digest as they are read."""

    def __init__(self, file: BinaryIO, digest: Any):
        self._file, self._digest = file, digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._digest.update(data)
        return len(data)
