"""Reads tables that pandas wrote with `DataFrame.to_csv` and its defaults.

They are UTF-8, with commas, minimal quoting with doubled quotes, and an index in the first column.
A header of one row names the index and the columns. Columns of several levels have a row for each
level, and then a row that names only the index:

    ,album,album,track
    ,id,title,duration
    track_id,,,
    2,1,AWOL - A Way Of Life,168

An empty cell is a missing value. Lists have the form in which Python prints them (`[21]`, `['a',
'b']`).
"""

from __future__ import annotations

import ast
import csv
import dataclasses
import math
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from tfds_extra.formats import FormatError, parser

MAX_LINE = 1 << 22  # The most bytes of a line; no artist's biography is longer.
MAX_LIST = 1 << 20  # The most characters of a cell that holds a list.

_INTEGER = re.compile(r"(-?[0-9]{1,19})(?:\.0+)?")
_INT_LIST = re.compile(r"\[(?:-?[0-9]{1,18}(?:, -?[0-9]{1,18})*)?\]")

Column = tuple[str, ...]  # The name of a column at each level.


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
      index: The cell of the first column, which has to be an integer.
      line: Number of the line that it ends in; quoted cells may hold line breaks.
      cells: The other cells as published.
    """

    index: int
    line: int
    cells: list[str]


class Table:
    """The rows of a table, one after the other.

    Attributes:
      columns: Names of all columns but the index.
    """

    @parser
    def __init__(self, file: BinaryIO, levels: int = 1):
        """Reads the header.

        Args:
          file: The table, from its beginning.
          levels: Number of levels of the columns.

        Raises:
          FormatError: It is no such table; the message names the line.
        """
        # The limit holds for the whole process, so that it is only raised. Some biographies are
        # longer than the default of 128 KiB.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))
        self._line = 0
        self._file = file
        self._reader = csv.reader(self._lines(), strict=True)
        rows = [self._next() for _ in range(levels)]
        header = [cells for cells in rows if cells is not None]
        if len(header) != levels or len({len(cells) for cells in header}) != 1:
            raise FormatError(
                f"line {self._line}: the header has not {levels} rows of equal length"
            )
        self.columns: list[Column] = list(zip(*(cells[1:] for cells in header)))
        if len(set(self.columns)) != len(self.columns):
            raise FormatError(f"line {self._line}: a column comes twice")
        self._first = None
        if levels > 1:
            self._first = self._next()
            if self._first is not None and not any(self._first[1:]):
                self._first = None  # This row only names the index.

    @parser
    def __iter__(self) -> Iterator[Row]:
        """Yields the rows.

        Raises:
          FormatError: A row is damaged; the message names the line.
        """
        cells = self._first or self._next()
        width = len(self.columns) + 1
        while cells is not None:
            if len(cells) != width:
                raise FormatError(f"line {self._line}: {len(cells)} cells, not {width}")
            if not _INTEGER.fullmatch(cells[0]):
                raise FormatError(f"line {self._line}: {_shown(cells[0])} is no integer index")
            yield Row(int(cells[0]), self._line, cells[1:])
            cells = self._next()

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as e:
            raise FormatError(f"line {self._line}: {e}") from e

    def _lines(self) -> Iterator[str]:
        while True:
            line = self._file.readline(MAX_LINE)
            if not line:
                return
            self._line += 1
            if len(line) == MAX_LINE:
                raise FormatError(f"line {self._line}: {MAX_LINE:,} bytes or more")
            try:
                yield line.decode()
            except UnicodeDecodeError as e:
                raise FormatError(f"line {self._line}: not UTF-8 ({e.reason})") from e


# ------------------------------------------------------------------------------------------- cells


@parser
def integer(cell: str, missing: int = -1) -> int:
    """Returns a cell of integers, which pandas prints as `3.0` where a column has missing values.

    Raises:
      FormatError: It is no 64-bit integer.
    """
    if not cell:
        return missing
    found = _INTEGER.fullmatch(cell)
    if not found or not -(2**63) <= int(found[1]) < 2**63:
        raise FormatError(f"{_shown(cell)} is no integer")
    return int(found[1])


@parser
def real(cell: str) -> float:
    """Returns a cell of floating-point numbers; NaN if it is missing.

    Raises:
      FormatError: It is no number.
    """
    return reals((cell,))[0]


@parser
def reals(cells: Sequence[str]) -> list[float]:
    """Returns many cells of floating-point numbers of a row; see `real`."""
    try:
        return [float(cell) if cell else math.nan for cell in cells]
    except ValueError:
        cell = next(cell for cell in cells if cell and not _is_number(cell))
        raise FormatError(f"{_shown(cell)} is no number") from None


@parser
def int_list(cell: str) -> list[int]:
    """Returns a cell with a list of integers; empty if it is missing.

    Raises:
      FormatError: It is no such list.
    """
    if not cell or cell == "[]":
        return []
    if not _INT_LIST.fullmatch(cell):
        raise FormatError(f"{_shown(cell)} is no list of integers")
    return [int(number) for number in cell[1:-1].split(", ")]


@parser
def text_list(cell: str) -> list[str]:
    """Returns a cell with a list of texts; empty if it is missing.

    Raises:
      FormatError: It is no such list.
    """
    if not cell or cell == "[]":
        return []
    values = None
    if len(cell) <= MAX_LIST and cell.startswith("[") and cell.endswith("]"):
        try:
            values = ast.literal_eval(cell)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            pass  # Too deep nesting makes Python's parser raise one of these.
    if type(values) is not list or any(type(value) is not str for value in values):
        raise FormatError(f"{_shown(cell)} is no list of texts")
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _shown(cell: str) -> str:
    """Returns the beginning of a cell in a printable form."""
    return ascii(cell if len(cell) <= 40 else cell[:40] + "...")
