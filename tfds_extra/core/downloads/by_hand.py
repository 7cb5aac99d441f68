"""Finds files that were downloaded by hand, under the names that they have in `manual_dir`."""

from __future__ import annotations

import os
import pathlib
import re
import urllib.parse
from collections.abc import Iterable, Sequence

from tfds_extra.core.archives.system_files import is_system_file

# A browser adds this to the name of a file that it downloads again.
_AGAIN = re.compile(r" ?\([0-9]{1,3}\)")
_SHOWN = 10  # A message has at most so many names.


def packed_names(file_name: str, urls: Iterable[str]) -> list[str]:
    """Returns the names that a published file may have on people's disks, the published one first.

    Args:
      file_name: The published name.
      urls: URLs of the file. Programs that do not ask the server for a name call the file by the
        last part of its URL.
    """
    ends = (urllib.parse.urlsplit(url).path.rpartition("/")[2] for url in urls)
    return list(dict.fromkeys(filter(None, (file_name, *map(urllib.parse.unquote, ends)))))


def packed(folder: pathlib.Path, names: Sequence[str]) -> list[pathlib.Path]:
    """Returns the files in a folder that have one of some names, or a browser's variant of it.

    Args:
      folder: The `manual_dir`.
      names: From `packed_names`.

    Returns:
      The files, in the order of the names; `name (1).zip` comes after `name.zip`.
    """
    try:
        there = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError:
        return []
    found = [folder / name for name in names if name in there]
    found += [
        folder / n for name in names for n in there if n != name and _AGAIN.sub("", n) == name
    ]
    return found


def described(folder: pathlib.Path) -> str:
    """Returns the names in a folder as a text, for a message."""
    try:
        there = sorted(
            entry.name + ("/" if entry.is_dir() else "")
            for entry in os.scandir(folder)
            if not is_system_file(entry.name)
        )
    except OSError as e:
        return f"cannot be read ({e.strerror})"
    more = f" and {len(there) - _SHOWN:,} more" if len(there) > _SHOWN else ""
    return ", ".join(there[:_SHOWN]) + more if there else "nothing"
