"""The first bytes by which kinds of files are told; archives and downloads both go by this table."""

from __future__ import annotations

import dataclasses
import os


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
      what: What a message calls it.
      begins: How its files begin; more than one where the format has several beginnings.
      suffixes: How the names of such files end; empty where nobody publishes files of that kind.
    """

    what: str
    begins: tuple[bytes, ...]
    suffixes: tuple[str, ...] = ()

    def fits(self, head: bytes) -> bool:
        """Returns whether a file that begins with `head` is of this kind."""
        return head.startswith(self.begins)


ZIP = Kind(
    "a zip",
    # A member, the end record of an empty zip, and the marks of a split one.
    (b"PK\3\4", b"PK\5\6", b"PK\7\x08PK\3\4", b"PK00PK\3\4"),
    (".zip",),
)
GZIP = Kind("gzip data", (b"\x1f\x8b",), (".gz", ".tgz"))
BZIP2 = Kind("bzip2 data", (b"BZh",), (".bz2", ".tbz2"))
XZ = Kind("xz data", (b"\xfd7zXZ\0",), (".xz", ".txz"))
KINDS = (
    Kind("a 7-Zip archive (which Python cannot read)", (b"7z\xbc\xaf\x27\x1c",), (".7z",)),
    Kind("a RAR archive (which Python cannot read)", (b"Rar!",)),
    Kind("Zstandard data (unpack them with zstd -d)", (b"\x28\xb5\x2f\xfd",)),
    Kind("LZ4 data (unpack them with lz4 -d)", (b"\x04\x22\x4d\x18",)),
    Kind("compress (.Z) data (unpack them with gzip -d)", (b"\x1f\x9d",)),
    GZIP,
    BZIP2,
    XZ,
    ZIP,
    Kind("a PDF document", (b"%PDF",)),
    Kind("an HDF5 file", (b"\x89HDF",), (".h5", ".hdf5")),
    Kind("a PNG image", (b"\x89PNG",)),
    Kind("a JPEG image", (b"\xff\xd8\xff",)),
    Kind("a RIFF (WAV, AVI) file", (b"RIFF",)),
    Kind("a Git LFS pointer, which stands for the real file", (b"version https://git-lfs",)),
)

# What follows `BZh` and a digit: the first block, or the end of an empty file.
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")


def kind_of(head: bytes) -> Kind | None:
    """Returns the kind of a file that begins with `head`; None if it is none of the table."""
    return next((kind for kind in KINDS if kind.fits(head)), None)


def compression(head: bytes) -> str | None:
    """Returns the compression of data that begin with `head`: "gzip", "bzip2", "xz" or None."""
    if GZIP.fits(head):
        return "gzip"
    if BZIP2.fits(head) and head[4:10] in _BZIP2_BLOCKS:
        return "bzip2"
    if XZ.fits(head):
        return "xz"
    return None


def expected(name: str) -> bytes:
    """Returns the bytes with which any file of a name begins.

    Args:
      name: The file's name, in lower case.

    Returns:
      The bytes; empty if the name tells nothing. They are what all beginnings of the kind share,
        because the last part of a split zip begins otherwise than a whole one.
    """
    for kind in KINDS:
        if kind.suffixes and name.endswith(kind.suffixes):
            return bytes(os.path.commonprefix(kind.begins) or b"")
    return b""
