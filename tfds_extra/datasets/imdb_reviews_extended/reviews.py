"""Collects what has to be known of all reviews before the first can be written."""

from __future__ import annotations

import array
import dataclasses
import hashlib
import re
from collections.abc import Mapping
from typing import IO

import numpy as np

from tfds_extra import core
from tfds_extra.core import digests
from tfds_extra.formats import imdb_lists

# Reviews, and bags of words, are numbered in this order.
FOLDERS = ("train/pos", "train/neg", "train/unsup", "test/pos", "test/neg")
SPLITS = ("train", "train", "unsupervised", "test", "test")  # Split of each folder.
LABELS = np.array([1, 0, -1, 1, 0])  # Label of each folder, as number of `features.CLASSES`.
_STARS = (range(7, 11), range(1, 5), range(1), range(7, 11), range(1, 5))  # Stars in each folder.

FILE_NAME = re.compile(
    r"(?P<folder>train/(?:pos|neg|unsup)|test/(?:pos|neg))"
    r"/(?P<id>0|[1-9][0-9]{0,4})_(?P<stars>10|[0-9])\.txt"
)
UNKNOWN = -1  # The title if a part lacks the list.


def url_list(folder: str) -> str:
    """Returns the name of the file that has the films of a folder."""
    return f"{folder.replace('/', '/urls_')}.txt"


def title_id(title: int) -> str:
    """Returns IMDb's id of a film with this number."""
    return "" if title == UNKNOWN else f"tt{title:07}"


def title_url(title: int) -> str:
    """Returns a line of the published lists, by the number of the film."""
    return "" if title == UNKNOWN else f"http://www.imdb.com/title/tt{title:07}/usercomments"


@dataclasses.dataclass(frozen=True)
class Reviews:
    """Reviews in the order of their folders and, in these, of their numbers.

    All arrays are of shape (reviews,).

    Attributes:
      folder: Place in `FOLDERS`.
      id: Number of the review in its folder.
      stars: 0 where they are withheld.
      digest: sha256 of the text, as 32 bytes.
      start: Where its text begins in the temporary file.
      size: Bytes of its text.
    """

    folder: np.ndarray
    id: np.ndarray
    stars: np.ndarray
    digest: np.ndarray
    start: np.ndarray
    size: np.ndarray

    def path(self, row: int) -> str:
        """Returns the name of the published file."""
        return f"{FOLDERS[self.folder[row]]}/{self.id[row]}_{self.stars[row]}.txt"

    @property
    def split(self) -> np.ndarray:
        """Name of the split that each belongs to."""
        return np.array(SPLITS)[self.folder]

    def in_other_split(self, group: np.ndarray) -> np.ndarray:
        """Returns whether a review's group has members in another labelled split.

        Args:
          group: Number of each review's group, from 0.

        Returns:
          bool of shape (reviews,). For a review of train or test the other one of these counts, for
          an unsupervised one both.
        """
        split = self.split
        in_train, in_test = (
            np.bincount(group, split == name).astype(bool)[group] for name in ("train", "test")
        )
        return np.select(
            [split == "train", split == "test"], [in_test, in_train], in_train | in_test
        )

    def twins(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns which reviews have the same text.

        Returns:
          The first row with the same text, how many there are, and a number for each text.
        """
        _, first, group, counts = np.unique(
            self.digest, return_index=True, return_inverse=True, return_counts=True
        )
        return first[group], counts[group], group

    def folder_digest(self, folder: str, root: str) -> tuple[int, str]:
        """Returns the number of reviews in a folder, and their `digests.of_listing`."""
        of_folder = {
            f"{root}/{self.path(row)}": self.digest[row].tobytes()
            for row in np.flatnonzero(self.folder == FOLDERS.index(folder)).tolist()
        }
        return len(of_folder), digests.of_listing(of_folder)


class Collector:
    """Takes reviews as they come in the archive; their texts wait on disk.

    Args:
      waiting: Takes the texts.
    """

    def __init__(self, waiting: IO[bytes]):
        self._waiting = waiting
        self._rows = array.array("q")
        self._digests = bytearray()

    def add(self, match: re.Match[str], content: bytes) -> None:
        """Takes a review.

        Args:
          match: Match of `FILE_NAME` with its name.
          content: The file.

        Raises:
          ValueError: Such a review cannot have so many stars.
        """
        folder, stars = FOLDERS.index(match["folder"]), int(match["stars"])
        if stars not in _STARS[folder]:
            raise ValueError(f"{stars} stars are not {match['folder'].partition('/')[2]}")
        start = self._waiting.tell()
        self._waiting.write(content)
        self._rows.extend((folder, int(match["id"]), stars, start, len(content)))
        self._digests += hashlib.sha256(content).digest()

    def reviews(self) -> Reviews:
        """Returns all that were taken.

        Raises:
          ValueError: A folder has two of one number.
        """
        folder, number, stars, start, size = np.array(self._rows, np.int64).reshape(-1, 5).T
        order = np.lexsort([number, folder])
        digests = np.frombuffer(bytes(self._digests), "V32")
        columns = (folder, number.astype(np.int32), stars.astype(np.int32), digests, start, size)
        found = Reviews(*(column[order] for column in columns))
        again = np.flatnonzero((np.diff(found.folder) == 0) & (np.diff(found.id) == 0))
        if len(again):
            first, second = found.path(again[0]), found.path(again[0] + 1)
            raise ValueError(f"{first} and {second} have the same number")
        return found


def titles(tree: core.Tree, reviews: Reviews, lists: Mapping[str, bytes]) -> np.ndarray:
    """Returns the film of each review, as a number.

    Args:
      tree: The archive, for messages.
      reviews: The reviews.
      lists: The published lists that are there, by name.

    Returns:
      int32 of shape (reviews,), `UNKNOWN` where the list is not there.

    Raises:
      CorpusError: A list is damaged, or too short.
    """
    found = np.full(len(reviews.id), UNKNOWN, np.int32)
    for number, folder in enumerate(FOLDERS):
        name = url_list(folder)
        if name not in lists:
            continue
        with core.located(tree, name, core.GET_AGAIN):
            of_folder = imdb_lists.parse_titles(lists[name])
            rows = np.flatnonzero(reviews.folder == number)
            beyond = rows[reviews.id[rows] >= len(of_folder)]
            if len(beyond):
                row = beyond[0]
                raise ValueError(
                    f"there is no line {reviews.id[row] + 1:,} for {reviews.path(row)}"
                )
            found[rows] = of_folder[reviews.id[rows]]
    return found
