"""Published archives and compressed files, read in place."""

from tfds_extra.core.archives.contents import Content
from tfds_extra.core.archives.errors import ArchiveError
from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.tree import Member, Tree

__all__ = [
    "ArchiveError",
    "Content",
    "Limits",
    "Member",
    "Tree",
]
