"""Reads pictures, whose file names the annotations state, from an archive or a user's folder."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Callable, Collection

from absl import logging

from tfds_extra import core
from tfds_extra.formats import FormatError, jpeg, png

WITHOUT_PICTURES = "The configs whose names end in `_annotations` need no pictures."


class Pictures:
    """The files of an archive of pictures."""

    def __init__(self, tree: core.Tree, named: Collection[str] = (), *, is_part: bool):
        """Finds the files.

        Args:
          tree: The archive or folder of the pictures.
          named: Names of files that the annotations state.
          is_part: Whether some may be missing.
        """
        self._tree, self._named, self._is_part = tree, set(named), is_part
        if tree.is_shared:  # The folder may hold anything else, which is not looked at.
            self._names = {name for name in named if "/" not in name and tree.holds(name)}
        else:
            self._names = set(tree.index())

    def check_names(self, source: str, *, is_all: bool) -> None:
        """Compares the files with those that the annotations name, and raises if they do not fit.

        Args:
          source: Name of the file that has the annotations.
          is_all: Whether there should be no other files.

        Raises:
          CorpusError: There are other files, or, in a part, none of the named ones.
        """
        others = self._names - self._named if is_all else set()
        missing = self._named - self._names
        if self._is_part and len(missing) == len(self._named):
            raise core.CorpusError(
                self._tree,
                "",
                f"of the {len(missing):,} pictures in {source} none is here, as {min(missing)}; there"
                f" are {len(self._names):,} files, as {min(self._names, default='none')}",
                f"Pictures and annotations have to be of the same subset. {WITHOUT_PICTURES}",
            )
        if others and not self._is_part:
            raise core.stranger(self._tree, min(others))
        for names, what in (
            (missing, f"pictures in {source} are not in {self._tree} and left out"),
            (others, f"pictures in {self._tree} have no annotations in {source} and are left out"),
        ):
            if names and self._is_part:
                logging.warning("%s %s, as %s", f"{len(names):,}", what, min(names))

    def read(self, name: str, size: tuple[int, int]) -> bytes | None:
        """Returns a picture; None if it is not there, in a part.

        Args:
          name: Name of its file.
          size: Height and width that it must have.

        Raises:
          CorpusError: It is missing, damaged, or of another size.
        """
        if name not in self._names:
            if self._is_part:
                return None
            remedy = f"{core.IF_PARTIAL} {WITHOUT_PICTURES}"
            raise core.CorpusError(self._tree, name, "it is missing", remedy)
        with core.located(self._tree, name, core.GET_AGAIN):
            content = self._tree.read_member(name)
            found = _SIZES[pathlib.PurePosixPath(name).suffix](content)
            if found != size:
                raise FormatError(
                    f"the picture is {found[0]} x {found[1]} pixels, annotated are"
                    f" {size[0]} x {size[1]}"
                )
        return content


def _png_size(content: bytes) -> tuple[int, int]:
    header = png.check(content)
    if (header.bit_depth, header.colour_type) != (8, 2):
        raise FormatError("the PNG is not of RGB, 8 bits each")
    return header.height, header.width


_SIZES: dict[str, Callable[[bytes], tuple[int, int]]] = collections.defaultdict(
    lambda: jpeg.check, {".png": _png_size}
)
