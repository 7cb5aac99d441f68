"""Keeps the boxes of all pictures of a split in memory, in few bytes each.

Half a million XML files come in one compressed stream, and the pictures in another order. As Python
objects the boxes would take a gigabyte; as bytes they take 80 MB in each process that reads
pictures.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from tfds_extra import core
from tfds_extra.formats import pascal_voc

_NAME = re.compile(r"(?:[^/]+/)*(?P<stem>(?:n[0-9]{8}|ILSVRC2012_val)_[^/]+)\.xml")
_WNID = re.compile(r"n[0-9]{8}")
# The one name that is no wnid, in many annotations of dogs (tensorflow/models,
# process_bounding_boxes.py).
_WNID_OF = {"Scottish_deerhound": "n02092002"}
_HEAD, _OBJECT = struct.Struct("<iiH"), struct.Struct("<Hiiii??")


class Boxes:
    """The annotations of some pictures."""

    def __init__(self, tree: core.Tree | None):
        """Reads them.

        Args:
          tree: The archive of annotations, or the folder that it was extracted to; None for none.

        Raises:
          CorpusError: There is another file, or a damaged one.
        """
        self._names: list[str] = []
        numbers: dict[str, int] = {}
        self._of: dict[str, bytes] = {}
        for member in tree.members() if tree else ():
            assert tree
            match = _NAME.fullmatch(member.name)
            if not match:
                raise core.stranger(tree, member.name)
            with core.located(tree, member.name, core.GET_AGAIN):
                found = pascal_voc.parse(member.read())
                parts = [_HEAD.pack(found.height, found.width, len(found.objects))]
                for one in found.objects:
                    number = numbers.setdefault(one.name, len(numbers))
                    parts.append(_OBJECT.pack(number, *one.box, one.truncated, one.difficult))
                if match["stem"] in self._of:
                    raise ValueError("there are two annotations of this picture")
                self._of[match["stem"]] = b"".join(parts)
        self._names = list(numbers)

    def of(self, stem: str) -> dict[str, Any]:
        """Returns the features of a picture's objects.

        Args:
          stem: Name of the picture without its ending.
        """
        packed = self._of.get(stem)
        if packed is None:
            return {"objects": [], "has_boxes": False, "annotated_size": [0, 0]}
        height, width, count = _HEAD.unpack_from(packed)
        objects = []
        for i in range(count):
            at = _HEAD.size + i * _OBJECT.size
            number, *box, truncated, difficult = _OBJECT.unpack_from(packed, at)
            name = self._names[number]
            objects.append(
                {
                    "bbox": _shares(box, height, width),
                    "bbox_raw": box,
                    "wnid": name if _WNID.fullmatch(name) else _WNID_OF.get(name, ""),
                    "name": name,
                    "truncated": truncated,
                    "difficult": difficult,
                }
            )
        return {"objects": objects, "has_boxes": True, "annotated_size": [height, width]}


def _shares(box: list[int], height: int, width: int) -> Any:
    """Returns a box in shares of the picture, its sides in order, cut at the edges."""
    from tensorflow_datasets.core.features import BBox

    def share(value: int, size: int) -> float:
        return min(max(value / size, 0.0), 1.0) if size > 0 else 0.0

    xs = sorted(share(box[i], width) for i in (0, 2))
    ys = sorted(share(box[i], height) for i in (1, 3))
    return BBox(ymin=ys[0], xmin=xs[0], ymax=ys[1], xmax=xs[1])
