"""The errors of the download manager; those that TFDS has are errors of TFDS, too."""

from __future__ import annotations

from tensorflow_datasets.core import download
from tensorflow_datasets.core.download import download_manager

from tfds_extra.core.errors import CorpusError


class DigestError(CorpusError, download_manager.NonMatchingChecksumError):
    """A file is not the one that was published."""


class DownloadError(CorpusError, download.DownloadError):
    """A file cannot be downloaded."""


class MissingFilesError(CorpusError):
    """Files have to be brought by hand, and are not there."""
