"""Published archives and compressed files, read in place."""

from tfds_extra.core.archives.archive_io import ArchiveError, Limits
from tfds_extra.core.archives.contents import Content
from tfds_extra.core.archives.tree import Member, Tree

__all__ = [
    "ArchiveError",
    "Content",
    "Limits",
    "Member",
    "Tree",
]
