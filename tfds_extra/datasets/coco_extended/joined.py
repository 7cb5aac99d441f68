"""Brings annotations of several published files together by picture, in bounded memory.

Each file lists annotations in its own order. Annotations wait in a temporary file until their
picture comes. Memory holds some numbers for each annotation, and the data of the pictures of one
piece.
"""

from __future__ import annotations

import array
import marshal
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from tfds_extra.datasets.coco_extended import facts
from tfds_extra.formats import FormatError, coco_json

ByKind = dict[str, list[dict[str, Any]]]  # Annotations of a picture.

_IN_MEMORY = 32 << 20  # Bytes of annotations of one kind that wait in memory; more wait on disk.
# The kind of classes that each kind of annotations has.
_CLASSES = {
    "instances": "instances", "keypoints": "instances", "stuff": "stuff", "panoptic": "panoptic"
}  # fmt: skip


class _ByPicture:
    """Annotations of one kind, which can be read picture by picture."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)
        self._pictures = array.array("q")
        self._starts = array.array("q", [0])
        self._ids = array.array("q")
        self._order = self._sorted = np.zeros(0, np.int64)

    def add(self, row: dict[str, Any]) -> None:
        self._file.write(content := marshal.dumps(row))
        self._pictures.append(row["image_id"])
        self._starts.append(self._starts[-1] + len(content))
        self._ids.append(row.get("id", row["image_id"]))

    def sort(self) -> None:
        """Sorts the annotations; it is called once, after the last one was added."""
        ids, times = np.unique(np.array(self._ids, np.int64), return_counts=True)
        if len(twice := ids[times > 1]):
            raise FormatError(f"annotation {twice[0]} is there twice")
        pictures = np.array(self._pictures, np.int64)
        self._order = np.argsort(pictures, kind="stable")
        self._sorted = pictures[self._order]

    def pictures(self) -> list[int]:
        """Returns the ids of the pictures that have annotations."""
        return np.unique(self._sorted).tolist()

    def of(self, picture: int) -> list[dict[str, Any]]:
        """Returns the annotations of a picture, in published order."""
        found = []
        start, stop = np.searchsorted(self._sorted, [picture, picture + 1])
        for number in self._order[start:stop].tolist():
            self._file.seek(self._starts[number])
            found.append(
                marshal.loads(self._file.read(self._starts[number + 1] - self._starts[number]))
            )
        return found


class Joined:
    """Pictures with their annotations from all files that were read.

    Attributes:
      names: Names of the files of all pictures in the first file, whether they are wanted or not.
      left_out: In a part, pictures that have annotations but are not listed in the first file.
    """

    def __init__(self, is_wanted: Callable[[int], bool], *, is_part: bool):
        """Begins without pictures.

        Args:
          is_wanted: Takes the id of a picture, and tells whether it belongs to the piece.
          is_part: Whether there may be annotations of other pictures.
        """
        self.names: set[str] = set()
        self.left_out: set[int] = set()
        self._is_wanted, self._is_part = is_wanted, is_part
        self._pictures: dict[int, dict[str, Any]] = {}
        self._kinds: dict[str, _ByPicture] = {}

    def read(self, kind: str, file: BinaryIO) -> None:
        """Adds the content of a file. The first file says which pictures there are.

        Args:
          kind: As in `coco_json.read`.
          file: The document.

        Raises:
          FormatError: It is damaged, has classes that are not COCO's, has pictures or annotations
            twice, or has annotations of pictures that the first file should list, but does not.
        """
        is_first = not self._kinds
        found = self._kinds[kind] = _ByPicture()
        for what, row in coco_json.read(file, kind, self._is_wanted):
            if what == coco_json.IMAGE:
                if is_first:
                    self._add_picture(row)
            elif what == coco_json.CATEGORY:
                _check_category(kind, row)
            else:
                _check_classes(kind, row)
                found.add(row)
        found.sort()
        if others := [one for one in found.pictures() if one not in self._pictures]:
            if not self._is_part:
                raise FormatError(
                    f"there are annotations of {len(others):,} pictures that are not listed, as"
                    f" {others[0]}"
                )
            self.left_out.update(others)

    def _add_picture(self, row: dict[str, Any]) -> None:
        if row["file_name"] in self.names:
            raise FormatError(f"the picture {row['file_name']!r:.60} is there twice")
        self.names.add(row["file_name"])
        if self._is_wanted(row["id"]):
            if row["id"] in self._pictures:
                raise FormatError(f"picture {row['id']} is there twice")
            self._pictures[row["id"]] = row

    def __iter__(self) -> Iterator[tuple[dict[str, Any], ByKind]]:
        """Yields the wanted pictures, each with its annotations by kind."""
        for picture, row in self._pictures.items():
            yield row, {kind: found.of(picture) for kind, found in self._kinds.items()}


def _check_category(kind: str, row: dict[str, Any]) -> None:
    if kind in _CLASSES:
        classes = facts.categories(_CLASSES[kind])
        expected = next((one.name for one in classes if one.id == row["id"]), None)
        if row["name"] != expected:
            raise FormatError(
                f"category {row['id']} is {row['name']!r:.60}, of COCO it is {expected!r}:"
                " these are annotations of another corpus"
            )


def _check_classes(kind: str, row: dict[str, Any]) -> None:
    if kind in _CLASSES:
        labels = facts.labels(_CLASSES[kind])
        for one in row["segments_info"] if kind == "panoptic" else (row,):
            if one["category_id"] not in labels:
                raise FormatError(
                    f"an annotation of picture {row['image_id']} has category {one['category_id']},"
                    " which COCO does not have"
                )
