"""The published bags of words: a line of words and counts for each review."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import IO

import numpy as np

from tfds_extra.datasets.imdb_reviews_extended.reviews import FOLDERS, Reviews
from tfds_extra.formats import svmlight

# The folders of the reviews to which the lines of each file belong, in order.
FILES = {
    "train/labeledBow.feat": ["train/pos", "train/neg"],
    "train/unsupBow.feat": ["train/unsup"],
    "test/labeledBow.feat": ["test/pos", "test/neg"],
}
_NO_WORDS = np.zeros(0, np.int32)


class Bags:
    """The bags of words, which wait on disk until their review is written.

    Args:
      waiting: Temporary file for the files' content.
      gitblobs: Git's hashes of the published files, by file name.
      counts: Number of published reviews by folder.
      is_part: Whether files may be cut between lines, or missing; reviews without a line have no
        words then.
    """

    def __init__(
        self,
        waiting: IO[bytes],
        gitblobs: Mapping[str, str],
        counts: Mapping[str, int],
        is_part: bool,
    ):
        self._waiting, self._gitblobs, self._counts = waiting, gitblobs, counts
        self._is_part = is_part
        # Where the lines of each folder begin, and at the end where the last one ends.
        self._starts: dict[str, np.ndarray] = {}

    def add(self, name: str, content: bytes) -> None:
        """Takes a file.

        Args:
          name: One of `FILES`.
          content: The file.

        Raises:
          ValueError: It is not the published one, or a part that has too many lines.
        """
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        if not self._is_part and blob.hexdigest() != self._gitblobs[name]:
            raise ValueError(
                f"altered: its git blob is {blob.hexdigest()}, not {self._gitblobs[name]}"
            )
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == ord("\n")) + 1
        if content and not content.endswith(b"\n"):
            ends = np.append(ends, len(content))
        reviews = sum(self._counts[folder] for folder in FILES[name])
        if len(ends) > reviews:
            raise ValueError(f"it has {len(ends):,} lines, for {reviews:,} reviews")
        starts, end = self._waiting.tell() + np.append(0, ends), 0
        self._waiting.write(content)
        for folder in FILES[name]:
            begin, end = end, end + self._counts[folder]
            self._starts[folder] = starts[begin : end + 1]

    def line(self, reviews: Reviews, row: int) -> bytes | None:
        """Returns the line of a review, that of its number; None if a part lacks it.

        Args:
          reviews: All reviews.
          row: Row of the review.
        """
        number, starts = int(reviews.id[row]), self._starts.get(FOLDERS[reviews.folder[row]], ())
        if number + 1 < len(starts):
            self._waiting.seek(starts[number])
            return self._waiting.read(int(starts[number + 1] - starts[number])).removesuffix(b"\n")
        return None if self._is_part else b""


def parse(line: bytes | None, stars: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the words and counts of a review.

    Args:
      line: Its line, from `Bags.line`.
      stars: The stars of the review.
      size: Number of words in the vocabulary.

    Returns:
      Words, as rows of the vocabulary, and how often each occurs, int32 of shape (n,).

    Raises:
      ValueError: There is no such line, it is damaged, or the stars at its beginning show that it
        belongs to another review.
    """
    if line is None:
        return _NO_WORDS, _NO_WORDS
    stated, words, counts = svmlight.parse_line(line)
    if stated != stars:
        raise ValueError(f"it is of a review with {stated} stars, and not with {stars}")
    if len(words) and words[-1] >= size:
        raise ValueError(f"it has word {words[-1]:,} of {size:,}, counted from 0")
    return words, counts
