"""Tells whether somebody has replaced a method of TFDS that this package overrides.

Tests replace methods of `tfds.core.DatasetBuilder` (`tfds.testing.mock_data` does), and such a
replacement has to be used instead of this package's method.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from tensorflow_datasets.core import dataset_builder, load


def is_tfds_own(method: Any) -> bool:
    """Returns whether a method is the one that TFDS's builders came with, and no replacement.

    Args:
      method: What a builder class inherits from TFDS. TFDS's decorators pass on where the function
        beneath was defined; the wrapper that somebody else puts around it counts as a replacement.
    """
    # Comparing with the method of import time would be wrong: imports often happen under a mock.
    return getattr(method, "__globals__", None) is vars(dataset_builder)


def is_in_data_source() -> bool:
    """Returns whether `tfds.data_source` is among the callers.

    `tfds.data_source` passes `file_format` to a builder only if it gets neither `data_dir` nor
    `builder_kwargs`.
    """
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals is vars(load) and frame.f_code.co_name == "data_source":
            return True
        frame = frame.f_back
    return False
