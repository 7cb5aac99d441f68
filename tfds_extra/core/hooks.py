"""Whether TFDS's own code is at work where this package does something in its place.

Tests replace methods of `tfds.core.DatasetBuilder` (`tfds.testing.mock_data` does), and whoever
replaces one wants his own to be used.
"""

from __future__ import annotations

import sys
from typing import Any

from tensorflow_datasets.core import dataset_builder, load


def is_tfds_own(method: Any) -> bool:
    """Whether a method is the one that TFDS's builders came with, and no replacement.

    Args:
      method: What a builder class inherits from TFDS. TFDS's decorators pass on where the function
        beneath was defined; the wrapper that somebody else puts around it counts as a replacement.
    """
    # Not held against the method that was there at import time: that is often under a mock.
    return getattr(method, "__globals__", None) is vars(dataset_builder)


def is_in_data_source() -> bool:
    """Whether `tfds.data_source` is among the callers.

    It tells a builder what it is for only if it is given neither `data_dir` nor `builder_kwargs`.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals is vars(load) and frame.f_code.co_name == "data_source":
            return True
        frame = frame.f_back
    return False
