"""Opens an archive with the reader for it, which its first bytes tell."""

from __future__ import annotations

from tfds_extra.core import magic
from tfds_extra.core.archives import foreign, tar_stream
from tfds_extra.core.archives.compressed_tar import StreamTar
from tfds_extra.core.archives.decompression import Inflated
from tfds_extra.core.archives.files import ForwardReader
from tfds_extra.core.archives.limits import Limits
from tfds_extra.core.archives.plain_tar import PlainTar
from tfds_extra.core.archives.reader import GIVE_THE_FILE, Reader
from tfds_extra.core.archives.sources import Source, Unpacked
from tfds_extra.core.archives.zip_archive import Zip

_HEAD = 1024


def open_archive(source: Source, limits: Limits) -> Reader:
    """Looks at the first bytes and opens what they announce."""
    head = source.head(_HEAD)
    kind = _kind(head)
    if kind == "zip":
        if not source.seekable:
            source = Unpacked(source, limits)
        return Zip(source, limits)
    if kind == "tar":
        return PlainTar(source, limits) if source.seekable else StreamTar(source, None, limits)
    if kind is None:
        raise source.error(0, f"this is {foreign.describe(head)}, not an archive", GIVE_THE_FILE)
    inflated = Inflated(source, kind, limits, block_out=_HEAD)
    first = ForwardReader(inflated).take(_HEAD)
    # Zeros are the end mark of a tar without members.
    if first.strip(b"\0") and not tar_stream.is_header(first):
        raise source.error(
            0,
            f"this is {foreign.describe(first)}, compressed with {kind}, not an archive",
            GIVE_THE_FILE,
        )
    return StreamTar(source, kind, limits)


def _kind(head: bytes) -> str | None:
    if magic.ZIP.fits(head):
        return "zip"
    return magic.compression(head) or ("tar" if tar_stream.is_header(head) else None)
