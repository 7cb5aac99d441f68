"""Where a user's own copy of a published file lies in `manual_dir`.

People have archives as they were downloaded, under the name that their browser gave them; or what
the archives extract to, in a folder of the archive's own, one folder deeper, or in the layout of
somebody else's copy. Everything that is found here is held against the published digests later.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tfds_extra.core.archives.system_files import is_system_file
from tfds_extra.core.published import Archive, File

# What a browser adds to the name of a file that it downloads again.
_AGAIN = re.compile(r" ?\([0-9]{1,3}\)")
_SHOWN = 10  # Names in a message.


@dataclasses.dataclass(frozen=True)
class Copy:
    """An extracted or unpacked copy.

    Attributes:
      path: The folder that stands for the root of the archive, or the unpacked file.
      renamed: How the layout differs from the archive's, as in `Archive.layouts`.
    """

    path: pathlib.Path
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)


def find(
    published: Archive | File, file_names: Sequence[str], folder: pathlib.Path, *, is_part: bool
) -> Copy | None:
    """The user's extracted or unpacked copy of a published file.

    Args:
      published: The file.
      file_names: Names of its archive, or of the parts of it.
      folder: The `manual_dir`.
      is_part: Whether a part of the archive's content is enough.

    Returns:
      The copy; None if there is none that can be told from other folders.
    """
    for place in places(published, file_names, folder):
        if isinstance(published, File):
            if place.is_file():
                return Copy(place)
        elif place.is_dir():
            for renamed in ({}, *published.layouts):
                if _holds(place, published, renamed, is_part):
                    return Copy(place, renamed)
    if isinstance(published, Archive) and published.root and not published.shares_root:
        # What a folder of this very name lacks is told when it is read.
        if (folder / published.root).is_dir():
            return Copy(folder / published.root)
    return None


def places(
    published: Archive | File, file_names: Sequence[str], folder: pathlib.Path
) -> Iterator[pathlib.Path]:
    """Where an extracted or unpacked copy is looked for, the likeliest place first.

    Args:
      published: As in `find`, like the others.
      file_names: As there.
      folder: As there.
    """
    if not published.is_recognisable:
        return
    last = published.root.rpartition("/")[2]
    names = [name for name in dict.fromkeys((published.root, last, *published.also_called)) if name]
    # Programs that extract into a folder name it after the archive.
    stems = [_stem(name) for name in file_names[:1]]
    yield from (folder / name for name in names)
    yield from (folder / name / name for name in names)
    yield from (folder / stem / name for stem in stems for name in names)
    if isinstance(published, File):
        return
    if not published.root:
        yield from (folder / stem for stem in stems)
    if published.holds or folder.name in names:
        yield folder


def _stem(file_name: str) -> str:
    """Name of an archive without its suffixes: `UrbanSound8K` of `UrbanSound8K.tar.gz`."""
    return re.sub(r"(\.tar)?\.[A-Za-z0-9]{1,4}$", "", file_name)


def _holds(
    folder: pathlib.Path, archive: Archive, renamed: Mapping[str, str], is_part: bool
) -> bool:
    """Whether a folder is the root of an extracted archive, in one of its layouts."""
    if not archive.holds:
        return True  # Its name is enough.
    found = (
        next(folder.glob(_in_layout(pattern, renamed).rstrip("/")), None) is not None
        for pattern in archive.holds
    )
    return any(found) if is_part else all(found)


def _in_layout(pattern: str, renamed: Mapping[str, str]) -> str:
    for published, own in renamed.items():
        if pattern.startswith(published):
            return own + pattern.removeprefix(published)
    return pattern


def packed_names(file_name: str, urls: Iterable[str]) -> list[str]:
    """Names under which people have a published file, the published one first.

    Args:
      file_name: The published name.
      urls: Where it is published. Programs that do not ask the server for a name call the file by
        the last part of its URL.
    """
    ends = (urllib.parse.urlsplit(url).path.rpartition("/")[2] for url in urls)
    return list(dict.fromkeys(filter(None, (file_name, *map(urllib.parse.unquote, ends)))))


def packed(folder: pathlib.Path, names: Sequence[str]) -> list[pathlib.Path]:
    """Files in a folder that have one of some names, or that a browser has downloaded again.

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
    """What lies in a folder, for a message."""
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
