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
      holds: How a copy that the user has extracted is recognised where its name does not tell:
        patterns of paths below `root` (see `pathlib.Path.glob`), each of which there must be; of a
        part, one is enough. A pattern may be several, with `|` between them, of which one will do.
      shares_root: Whether other archives have the same root, so that a folder of that name may be
        theirs alone. Only a copy that `holds` what it must is then this archive's.
      also_called: Other names that the root has in copies that people have, such as that of a clone.
      layouts: Other ways in which people have the extracted files. Each says what the names of files
        begin with in the archive, and what instead in the copy.
      others: Patterns (see `fnmatch`) of the members that no example is made of. What is neither one
        of them nor listed by the builder is refused.
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
    """A published file that is no archive: as it is, or one file that was compressed.

    Attributes:
      files: Its URL, `downloads.Mirrors` of it, or a `downloads.ManualFile`.
      root: Name that it has when a user has unpacked it; empty for one that is not compressed.
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
