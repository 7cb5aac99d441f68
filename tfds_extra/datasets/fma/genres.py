"""The genres of FMA: a tree of 163, and the titles that class labels have."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

from tfds_extra.core import tables


@functools.cache
def rows() -> tuple[dict[str, str], ...]:
    """Returns the rows of genres.tsv. Class labels are the same in the miniature."""
    return tuple(tables.read_tsv(pathlib.Path(__file__).with_name("genres.tsv")))


@functools.cache
def titles() -> dict[int, str]:
    """Returns the titles of the genres by id, in the order of the ids, without the merged one."""
    return {int(genre["genre_id"]): genre["title"] for genre in rows() if genre["tracks"]}


@functools.cache
def root_titles() -> list[str]:
    """Returns the titles of the genres that have no parent."""
    return [genre["title"] for genre in rows() if genre["parent"] == "0"]


def labels(track: dict[str, Any]) -> dict[str, Any]:
    """Returns the class labels for the genres of a track.

    Raises:
      ValueError: It has a genre that is not in the table.
    """
    unknown = {*track["genres"], *track["genres_all"]} - titles().keys()
    if unknown:
        raise ValueError(f"there is no genre {min(unknown)}")
    top = track["genre_top"]
    if top and top not in root_titles():
        raise ValueError(f"there is no root genre {top!r}")
    return {
        "genre_top": top or -1,
        "genres": [titles()[genre] for genre in track["genres"]],
        "genres_all": [titles()[genre] for genre in track["genres_all"]],
    }


def tree() -> list[dict[str, Any]]:
    """Returns the genres for `info.metadata`."""
    return [
        {
            "id": int(genre["genre_id"]),
            "title": genre["title"],
            "parent": int(genre["parent"]),  # 0 for a root.
            "top_level": int(genre["top_level"]),
            "tracks": int(genre["tracks"]),
            "color": genre["color"],
            "handle": genre["handle"],
        }
        for genre in rows()
        if genre["tracks"]
    ]
