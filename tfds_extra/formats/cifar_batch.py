"""The batches of CIFAR's Python version: pickled dicts of images, labels and file names."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tfds_extra.formats import FormatError, parser, safe_pickle

_SIDE = 32
_ROW_BYTES = 3 * _SIDE * _SIDE


@dataclasses.dataclass(frozen=True)
class Batch:
    """The content of a batch.

    Attributes:
      rows: Pixels as published, uint8 of shape (n, 3072): of each image the 1,024 red values row by
        row, then the green, then the blue ones.
      labels: Number of the class, int64 of shape (n,).
      file_names: File names of the images; empty where the batch has none (ciFAIR's).
    """

    rows: np.ndarray
    labels: np.ndarray
    file_names: list[str]

    @property
    def images(self) -> np.ndarray:
        """The images, uint8 of shape (n, 32, 32, 3)."""
        return self.rows.reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)


@parser
def parse(content: bytes, *, count: int, num_classes: int = 10) -> Batch:
    """Reads a batch.

    Args:
      content: The file, such as `data_batch_1`.
      count: How many images it has to have.
      num_classes: Number of classes.

    Raises:
      FormatError: It is something else, or damaged.
    """
    values = safe_pickle.load_dict(content)
    rows: Any = values.get("data")
    labels: Any = values.get("labels")
    if type(rows) is not np.ndarray or rows.dtype != np.uint8 or rows.shape != (count, _ROW_BYTES):
        is_array = type(rows) is np.ndarray
        found = f"{rows.dtype} of shape {rows.shape}" if is_array else type(rows).__name__
        raise FormatError(f"data: {found}, expected uint8 of shape {(count, _ROW_BYTES)}")
    if type(labels) is np.ndarray and labels.shape == (count,):
        labels = labels.tolist()
    if type(labels) is not list or len(labels) != count:
        raise FormatError(f"labels: not a list of {count:,}")
    if not all(type(label) is int and 0 <= label < num_classes for label in labels):
        raise FormatError(f"labels: not all of them are numbers from 0 to {num_classes - 1}")
    return Batch(rows, np.array(labels, np.int64), _file_names(values.get("filenames", []), count))


def _file_names(names: object, count: int) -> list[str]:
    if type(names) is not list or (names and len(names) != count):
        raise FormatError(f"filenames: not a list of {count:,}")
    if not all(type(name) in (bytes, str) for name in names):
        raise FormatError("filenames: not all of them are names")
    return [name.decode("ascii") if type(name) is bytes else name for name in names]
