"""Reads a zip: members in published order, or by name."""

from __future__ import annotations

from collections.abc import Iterator

from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.reader import Content, Selection, no_such
from tfds_extra.core.archives.sources import Source
from tfds_extra.core.archives.zip_directory import Directory


class Zip:
    """A zip in a seekable source."""

    random_access = True

    def __init__(self, source: Source, limits: Limits):
        self.name = source.name
        self._is_remote = source.is_remote
        self._reader = Directory(source, limits)

    def members(self, selection: Selection) -> Iterator[tuple[str, int, Content]]:
        for number, name, entry in self._reader.entries():
            if entry.is_folder:
                # Only its header tells a folder from a file whose name was damaged. Each check
                # takes a seek, so that only folders that belong to the selection are checked.
                if selection.below(f"{name}/") and not self._is_remote:
                    self._reader.locate(number, entry)
            elif selection(name):
                yield name, entry.size, self._reader.content(number, entry)

    def sizes(self, selection: Selection) -> Iterator[tuple[str, int]]:
        for _, name, entry in self._reader.entries():
            if not entry.is_folder and selection(name):
                yield name, entry.size

    def find(self, name: str) -> tuple[int, Content]:
        number, entry = self._reader.find(name) or (0, None)
        if entry is None:
            raise no_such(self.name, name)
        return entry.size, self._reader.content(number, entry)

    def source(self, name: str, label: str) -> Source:
        number, entry = self._reader.find(name) or (0, None)
        if entry is None:
            raise no_such(self.name, name)
        return self._reader.content(number, entry).source(label)
