"""The splits of Karpathy and Li (2015), which most work on captions uses."""

from __future__ import annotations

from typing import Any

from tfds_extra import core
from tfds_extra.formats import FormatError, json_stream

URL = "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip"
FILE = "dataset_coco.json"
SPLITS = ("train", "val", "test", "restval")


def read(tree: core.Tree) -> dict[int, str]:
    """Returns the split of each picture.

    Args:
      tree: The archive with the lists.

    Returns:
      Split by the id of the picture.

    Raises:
      CorpusError: The list is damaged.
    """
    found: dict[Any, Any] = {}
    with core.find_member(tree, FILE) as member:
        with core.located(tree, FILE, core.GET_AGAIN), member.open() as file:
            for key, row in json_stream.read(file, ("images",)):
                if key != "images":
                    continue
                place = f"images[{len(found)}]"
                if not isinstance(row, dict) or type(row.get("cocoid")) is not int:
                    raise FormatError(f"{place}: no cocoid")
                if row.get("split") not in SPLITS:
                    raise FormatError(f"{place}: no split of COCO")
                if row["cocoid"] in found:
                    raise FormatError(f"{place}: picture {row['cocoid']} is there twice")
                found[row["cocoid"]] = row["split"]
    return found
