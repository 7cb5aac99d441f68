"""Published files: how a builder asks for them, and how they come to the disk."""

from tfds_extra.core.downloads.by_hand import described
from tfds_extra.core.downloads.errors import DigestError, DownloadError, MissingFilesError
from tfds_extra.core.downloads.manager import DownloadManager
from tfds_extra.core.downloads.plans import (
    CACHED,
    MANUAL,
    MISSING,
    TO_FETCH,
    UNFINISHED,
    PlannedFile,
)
from tfds_extra.core.downloads.sources import ManualFile, Mirrors, as_resource

__all__ = [
    "CACHED",
    "MANUAL",
    "MISSING",
    "TO_FETCH",
    "UNFINISHED",
    "DigestError",
    "DownloadError",
    "DownloadManager",
    "ManualFile",
    "Mirrors",
    "MissingFilesError",
    "PlannedFile",
    "as_resource",
    "described",
]
