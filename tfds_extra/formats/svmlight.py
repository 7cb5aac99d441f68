"""Reads bags of words in the form of SVMlight and LIBSVM: lines `<label> <feature>:<value> ...`.

Here labels and values are whole numbers, as in the Large Movie Review Dataset, and features are
counted from 0. Source: https://www.csie.ntu.edu.tw/~cjlin/libsvm/, whose README also says that
features ascend.
"""

from __future__ import annotations

import re

import numpy as np

from tfds_extra.formats import FormatError, parser

# Nine digits at most: such numbers are integers of 32 bits.
_LINE = re.compile(rb"[0-9]{1,9}(?: [0-9]{1,9}:[0-9]{1,9})* ?\r?")
_AS_NUMBERS = bytes.maketrans(b":\r", b"  ")


@parser
def parse_line(line: bytes) -> tuple[int, np.ndarray, np.ndarray]:
    """Returns the label, features and their counts of one line.

    Args:
      line: The line without its line feed; a carriage return may be left.

    Returns:
      The label; the features, ascending, int32 of shape (n,); how often each of them occurs, 1 or
      more, int32 of shape (n,).

    Raises:
      FormatError: It is something else.
    """
    if not _LINE.fullmatch(line):
        raise FormatError(f"no line of <label> <feature>:<count> ...: {line[:40]!r}")
    numbers = np.fromstring(line.translate(_AS_NUMBERS), np.int32, sep=" ")
    features, counts = numbers[1::2], numbers[2::2]
    if (features[1:] <= features[:-1]).any():
        raise FormatError("its features are not in ascending order")
    if not counts.all():
        raise FormatError("it has a count of 0")
    return int(numbers[0]), features, counts
