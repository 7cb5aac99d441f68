"""The base of all builders."""

from tfds_extra.core.archives import Content, Member, Tree
from tfds_extra.core.builder import (
    MINIATURE,
    PARTIAL,
    PEEK,
    Builder,
    ChunkedBuilder,
    Objects,
    Segments,
)
from tfds_extra.core.downloads import ManualFile, Mirrors
from tfds_extra.core.errors import CorpusError, check_same_rows, located
from tfds_extra.core.members import (
    GET_AGAIN,
    IF_PARTIAL,
    Members,
    find_member,
    make_of_chunk,
    stranger,
    with_companions,
)
from tfds_extra.core.peeking import Peek
from tfds_extra.core.pieces import (
    CHUNK_BYTES,
    Chunk,
    Chunked,
    ReadPiece,
    Rows,
    SplitExample,
    SplitFiles,
    by_split,
    in_chunks,
)
from tfds_extra.core.published import Archive, File

__all__ = [
    "CHUNK_BYTES",
    "GET_AGAIN",
    "IF_PARTIAL",
    "MINIATURE",
    "PARTIAL",
    "PEEK",
    "Archive",
    "Builder",
    "Chunk",
    "Chunked",
    "ChunkedBuilder",
    "Content",
    "CorpusError",
    "File",
    "ManualFile",
    "Member",
    "Members",
    "Mirrors",
    "Objects",
    "Peek",
    "ReadPiece",
    "Rows",
    "Segments",
    "SplitExample",
    "SplitFiles",
    "Tree",
    "by_split",
    "check_same_rows",
    "find_member",
    "in_chunks",
    "located",
    "make_of_chunk",
    "stranger",
    "with_companions",
]
