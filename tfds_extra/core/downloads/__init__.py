"""Published files: what a builder asks for, and how it comes to the disk."""

from tfds_extra.core.downloads.by_hand import described
from tfds_extra.core.downloads.manager import DownloadManager
from tfds_extra.core.downloads.sources import (
    CACHED,
    MANUAL,
    MISSING,
    PARTIAL,
    TO_FETCH,
    DigestError,
    DownloadError,
    ManualFile,
    Mirrors,
    MissingFilesError,
    PlannedFile,
    as_resource,
)

__all__ = [
    "CACHED",
    "MANUAL",
    "MISSING",
    "PARTIAL",
    "TO_FETCH",
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
