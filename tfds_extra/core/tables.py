"""Small tables of facts: tab-separated, with a header line and `#` comments."""

from __future__ import annotations

import csv
import os
import pathlib


def read_tsv(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Reads the rows of a table, each as a dict by column name.

    Raises:
      ValueError: A row has more or fewer fields than the header; the message names file and line.
    """
    rows = []
    header = None
    with pathlib.Path(path).open(encoding="utf-8", newline="") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = next(csv.reader([line.rstrip("\r\n")], delimiter="\t", quoting=csv.QUOTE_NONE))
            if header is None:
                header = fields
            elif len(fields) != len(header):
                raise ValueError(f"{path}: line {number}: {len(fields)} fields, not {len(header)}")
            else:
                rows.append(dict(zip(header, fields)))
    return rows
