"""Extracted folders of songs, and summary files, as they lie on the disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from tfds_extra import core
from tfds_extra.core import own_copies
from tfds_extra.core.archives.system_files import is_system_file
from tfds_extra.datasets.million_song import published
from tfds_extra.formats import million_song


def prefixes(copy: own_copies.Copy, letter: str) -> list[str]:
    """Returns the beginning of the names in each piece of an extracted folder.

    A piece has the songs whose ids share the two letters after TR, or is a file that lies
    elsewhere.

    Args:
      copy: The folder.
      letter: First letter after TR, if only its songs are wanted.
    """
    # In this layout names are given without the folder.
    skipped = f"{published.FOLDER}/" if copy.renamed else ""
    found = []

    def look(prefix: str, depth: int) -> None:
        for entry in sorted(os.scandir(copy.path / prefix), key=lambda entry: entry.name):
            name = prefix + entry.name
            if is_system_file(name) or name == published.ADDITIONAL:
                continue
            if not entry.is_dir():
                found.append(name.removeprefix(skipped))
            elif depth == 1:
                found.append(f"{name}/".removeprefix(skipped))
            else:
                look(f"{name}/", depth if name == published.FOLDER else depth - 1)

    with core.located(copy.path, "", core.GET_AGAIN):
        look(f"{letter}/" if letter else "", 1 if letter else 2)
    return found


@contextlib.contextmanager
def open_summary(file: core.Content) -> Iterator[million_song.Songs]:
    """Yields the songs of a summary, which can be read in slices."""
    with core.located(file, "", core.GET_AGAIN):
        opened = file.open_as_published()
    with opened:
        with core.located(file, "", core.GET_AGAIN):
            songs = million_song.open_file(opened)
        with songs:
            yield songs
