"""What every builder stands on."""

from tfds_extra.core.archives import Content, Member, Tree
from tfds_extra.core.builder import IF_PARTIAL, MINIATURE, PARTIAL, Archive, Builder, File
from tfds_extra.core.downloads import ManualFile, Mirrors
from tfds_extra.core.errors import CorpusError, check_same_rows, located
from tfds_extra.core.pieces import Rows, SplitExample, SplitFiles, by_split

__all__ = [
    "IF_PARTIAL",
    "MINIATURE",
    "PARTIAL",
    "Archive",
    "Builder",
    "Content",
    "CorpusError",
    "File",
    "ManualFile",
    "Member",
    "Mirrors",
    "Rows",
    "SplitExample",
    "SplitFiles",
    "Tree",
    "by_split",
    "check_same_rows",
    "located",
]
