"""Reads pictures and scenes, each from a file that is named by its id."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any

from tfds_extra import core
from tfds_extra.formats import FormatError, jpeg, png


class NamedById:
    """Files that are named by the id of a picture."""

    def __init__(self, tree: core.Tree, pattern: str, subset: str, *, is_part: bool):
        """Finds the files.

        Args:
          tree: The archive or folder of the files.
          pattern: Pattern of file names, with subset and id.
          subset: Subset of the pictures.
          is_part: Whether some may be missing.

        Raises:
          CorpusError: There are other files.
        """
        self._tree, self._is_part = tree, is_part
        self._pattern = functools.partial(pattern.format, subset=subset)
        prefix, _, suffix = self._pattern(id=0).partition(f"{0:012d}")
        if tree.is_shared:
            self._names = {member.name for member in tree.members(prefix)}
        else:
            self._names = set(tree.index())
            known = re.compile(re.escape(prefix) + "[0-9]{12}" + re.escape(suffix))
            for name in sorted(self._names):
                if not known.fullmatch(name):
                    raise core.stranger(tree, name)
        self._last: tuple[int, bytes] | None = None

    def read(self, image_id: int) -> bytes | None:
        """Returns the file of a picture; None if it is not there, in a part.

        Args:
          image_id: Id of the picture.

        Raises:
          CorpusError: It is missing or damaged.
        """
        # Questions about one picture follow each other.
        if self._last is None or self._last[0] != image_id:
            name = self._pattern(id=image_id)
            if name not in self._names:
                if self._is_part:
                    return None
                raise core.CorpusError(self._tree, name, "it is missing", core.IF_PARTIAL)
            with core.located(self._tree, name, core.GET_AGAIN):
                content = self._tree.read_member(name)
                _CHECKS[name.rpartition(".")[2]](content)
            self._last = image_id, content
        return self._last[1]


def _check_json(content: bytes) -> None:
    try:
        scene = json.loads(content.decode())
    except (ValueError, RecursionError) as e:
        raise FormatError(f"no JSON ({e})") from e
    if not isinstance(scene, dict):
        raise FormatError("no JSON object")


_CHECKS: dict[str, Callable[[bytes], Any]] = {
    "jpg": jpeg.check, "png": png.check, "json": _check_json
}  # fmt: skip
