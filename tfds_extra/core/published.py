"""The published files of a corpus, as a builder declares them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tensorflow_datasets.core import download

from tfds_extra.core import downloads


@dataclasses.dataclass(frozen=True)
class Archive:
    """A published archive.

    Attributes:
      files: Its URL; `downloads.Mirrors` of it; a `downloads.ManualFile` where it only comes by
        hand; or a tuple of these, the consecutive parts of one archive. Sizes, digests and names are
        in the checksum file.
      root: Folder in the archive that holds the corpus; empty if the corpus has no folder there.
      holds: Patterns of paths below `root` (see `pathlib.Path.glob`) by which an extracted copy is
        recognised where its name is not enough. Each pattern must match something; in a part, one
        match is enough. A pattern may consist of alternatives with `|` between them.
      shares_root: Whether other archives have the same root, so that a folder of that name may come
        from another archive. Then only a folder that has all of `holds` is taken for this archive.
      also_called: Other names of the root in people's copies, such as the name of a clone.
      layouts: Other layouts that people's extracted copies have. Each maps the beginning of names
        in the archive to the beginning of the same names in the copy.
      others: Patterns (see `fnmatch`) of the members that no example is made of. A member that
        matches none of them and is not listed by the builder is refused.
    """

    files: str | download.Resource | tuple[str | download.Resource, ...]
    root: str = ""
    holds: tuple[str, ...] = ()
    shares_root: bool = False
    also_called: tuple[str, ...] = ()
    layouts: tuple[Mapping[str, str], ...] = ()
    others: tuple[str, ...] = ()

    @property
    def urls(self) -> list[str]:
        """The URL under which each of its files is listed."""
        parts = self.files if isinstance(self.files, tuple) else (self.files,)
        return [downloads.as_resource(part).url for part in parts]

    @property
    def is_recognisable(self) -> bool:
        """Whether an extracted copy can be told from other folders."""
        return bool(self.root or self.holds)


@dataclasses.dataclass(frozen=True)
class File:
    """A published file that is no archive, but may be compressed.

    Attributes:
      files: Its URL, `downloads.Mirrors` of it, or a `downloads.ManualFile`.
      root: Name of the file after it was unpacked; empty if it is not compressed.
      also_called: Other names of the unpacked file in copies that people have.
    """

    files: str | download.Resource
    root: str = ""
    also_called: tuple[str, ...] = ()

    @property
    def urls(self) -> list[str]:
        """The URL under which it is listed."""
        return [downloads.as_resource(self.files).url]

    @property
    def is_recognisable(self) -> bool:
        """Whether an unpacked copy can be told from other files."""
        return bool(self.root)
