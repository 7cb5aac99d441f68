"""Writes idx files, for miniatures and tests."""

from __future__ import annotations

import struct

import numpy as np

_CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def encode(array: np.ndarray) -> bytes:
    """Returns an idx file that holds an array.

    Raises:
      ValueError: Its dtype has no idx type.
    """
    code = _CODES.get(f"{array.dtype.kind}{array.dtype.itemsize}")
    if not code or not array.ndim:
        raise ValueError(f"idx has no {array.dtype} of {array.ndim} dimensions")
    header = struct.pack(f">2xBB{array.ndim}i", code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()
