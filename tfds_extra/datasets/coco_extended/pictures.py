"""Pictures in files that annotations name, looked up in an archive or in a folder of the user."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Collection
from typing import Any

from absl import logging

from tfds_extra import core
from tfds_extra.formats import FormatError, jpeg, png

_WITHOUT = "The configs whose names end in `_annotations` need no pictures."


class Pictures:
    """The files of an archive of pictures."""

    def __init__(self, tree: core.Tree, *, is_part: bool):
        """Finds them.

        Args:
          tree: Where they are.
          is_part: Whether some may be missing.
        """
        self._tree, self._is_part = tree, is_part
        self._names = set(tree.index())

    def check_names(self, names: Collection[str], source: str, *, is_all: bool) -> None:
        """Holds the files against those that the annotations name, and tells how they differ.

        Args:
          names: Of the pictures that the annotations name.
          source: Name of the file that has the annotations.
          is_all: Whether there should be no others.

        Raises:
          CorpusError: There are others, or, in a part, none of those that are named.
        """
        others = self._names.difference(names) if is_all else set()
        missing = set(names).difference(self._names)
        if self._is_part and len(missing) == len(names):
            raise core.CorpusError(
                self._tree,
                "",
                f"of the {len(names):,} pictures in {source} none is here, as {min(missing)}; there are"
                f" {len(self._names):,} files, as {min(self._names, default='none')}",
                f"Pictures and annotations have to be of the same subset. {_WITHOUT}",
            )
        if others and not (self._is_part or self._tree.is_shared):
            raise core.stranger(self._tree, min(others))
        for count, what in (
            (missing, f"pictures in {source} are not in {self._tree} and left out"),
            (others, f"pictures in {self._tree} have no annotations in {source} and are left out"),
        ):
            if count and self._is_part:
                logging.warning("%s %s, as %s", f"{len(count):,}", what, min(count))

    def read(self, name: str, size: tuple[int, int]) -> bytes | None:
        """A picture; None if it is not there, in a part.

        Args:
          name: Of its file.
          size: Height and width that it must have.

        Raises:
          CorpusError: It is missing, damaged, or of another size.
        """
        if name not in self._names:
            if self._is_part:
                return None
            remedy = f"{core.IF_PARTIAL} {_WITHOUT}"
            raise core.CorpusError(self._tree, name, "it is missing", remedy)
        with core.located(self._tree, name, core.GET_AGAIN):
            content = self._tree.read_member(name)
            found = _SIZES[pathlib.PurePosixPath(name).suffix.lower()](content)
            if found != size:
                raise FormatError(
                    f"the picture is {found[0]} x {found[1]} pixels, annotated are {size[0]} x {size[1]}"
                )
        return content


def _png_size(content: bytes) -> tuple[int, int]:
    header = png.check(content)
    if (header.bit_depth, header.colour_type) != (8, 2):
        raise FormatError("the PNG is not of RGB, 8 bits each")
    return header.height, header.width


_SIZES: dict[str, Callable[[bytes], Any]] = {".jpg": jpeg.check, ".jpeg": jpeg.check, ".png": _png_size}  # fmt: skip
