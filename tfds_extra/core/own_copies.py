"""Finds own copies: archives that the user has extracted, and files that he has unpacked.

An own copy lies in `manual_dir`: in a folder of the archive's name, one folder deeper, or in the
layout of somebody else's copy. All that is found here is compared with the published digests later.
`downloads.by_hand` finds files as they were downloaded.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence

from tfds_extra.core.archives.names import rename
from tfds_extra.core.archives.system_files import is_system_file
from tfds_extra.core.published import Archive, File


@dataclasses.dataclass(frozen=True)
class Copy:
    """An extracted or unpacked copy.

    Attributes:
      path: The folder that corresponds to the root of the archive, or the unpacked file.
      renamed: How the layout differs from the archive's, as in `Archive.layouts`.
    """

    path: pathlib.Path
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)


def find(
    published: Archive | File, file_names: Sequence[str], folder: pathlib.Path, *, is_part: bool
) -> Copy | None:
    """Returns the user's extracted or unpacked copy of a published file.

    Args:
      published: The file.
      file_names: Names of its archive, or of the archive's parts.
      folder: The `manual_dir`.
      is_part: Whether a part of the archive's content is enough.

    Returns:
      The copy; None if there is no folder or file that is surely a copy.
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
        # A folder with the root's name is taken even if it lacks files: reading it will name them.
        if (folder / published.root).is_dir():
            return Copy(folder / published.root)
    return None


def lacking(archive: Archive, folder: pathlib.Path) -> list[str]:
    """Returns what an archive `holds` and the folder with the name of its shared root does not.

    Args:
      archive: An archive without a copy.
      folder: The `manual_dir`.

    Returns:
      Patterns of `Archive.holds`; none if there is no such folder, or no other archive of that root.
    """
    root = folder / archive.root
    if not (archive.root and archive.shares_root and root.is_dir()):
        return []
    return [one for one in archive.holds if not _holds_any(root, one, {})]


def places(
    published: Archive | File, file_names: Sequence[str], folder: pathlib.Path
) -> Iterator[pathlib.Path]:
    """Yields where an extracted or unpacked copy is looked for, the likeliest place first.

    Args:
      published: As in `find`.
      file_names: As in `find`.
      folder: As in `find`.
    """
    if not published.is_recognisable:
        return
    last = published.root.rpartition("/")[2]
    names = [name for name in dict.fromkeys((published.root, last, *published.also_called)) if name]
    # Programs that make a folder to extract into name it after the archive.
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
    """Returns the name of an archive without suffixes: `UrbanSound8K` for `UrbanSound8K.tar.gz`."""
    return re.sub(r"(\.tar)?\.[A-Za-z0-9]{1,4}$", "", file_name)


def _holds(
    folder: pathlib.Path, archive: Archive, renamed: Mapping[str, str], is_part: bool
) -> bool:
    """Returns whether a folder is the root of an extracted archive, in one of its layouts."""
    if not archive.holds:
        return True  # Its name is enough.
    found = (_holds_any(folder, pattern, renamed) for pattern in archive.holds)
    return any(found) if is_part else all(found)


def _holds_any(folder: pathlib.Path, pattern: str, renamed: Mapping[str, str]) -> bool:
    """Returns whether something in a folder matches a pattern of `Archive.holds`."""
    return any(
        # `._1.wav` is no recording.
        not is_system_file(path.relative_to(folder).as_posix())
        for one in pattern.split("|")
        for path in folder.glob(rename(one, renamed).rstrip("/"))
    )
