"""What the scripts that make the miniatures share."""

from __future__ import annotations

import gzip
import hashlib
import io
import pathlib
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
DUMMY_DATA = REPOSITORY / "dummy_data"


def tar_gz(files: Mapping[str, bytes], *, comment: str = "") -> bytes:
    """An archive such as `git archive | gzip -n` makes, the same bytes every time.

    Args:
      files: Content by member name; folders are added.
      comment: Goes into a pax global header, where git puts the commit id.

    Returns:
      The archive.
    """
    archive = io.BytesIO()
    headers = {"comment": comment} if comment else {}
    with tarfile.open(
        fileobj=archive, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers
    ) as tar:
        folders = {str(p) for name in files for p in pathlib.PurePosixPath(name).parents} - {"."}
        for name in sorted(folders | set(files)):
            member = tarfile.TarInfo(name)
            if name in files:
                member.size, member.mode = len(files[name]), 0o664
                tar.addfile(member, io.BytesIO(files[name]))
            else:
                member.type, member.mode = tarfile.DIRTYPE, 0o775
                tar.addfile(member)
    return gzip.compress(archive.getvalue(), mtime=0)


def git_zip(files: Mapping[str, bytes], *, comment: str) -> bytes:
    """A zip such as `git archive --format=zip` makes, the same bytes every time.

    Args:
      files: Content by member name; folders are added.
      comment: Of the archive, where git puts the commit id.

    Returns:
      The archive.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.comment = comment.encode()
        folders = {f"{p}/" for name in files for p in pathlib.PurePosixPath(name).parents} - {"./"}
        for name in sorted(folders | set(files)):
            member = zipfile.ZipInfo(name, date_time=(2021, 2, 18, 21, 1, 0))
            member.create_system, member.compress_type = 0, zipfile.ZIP_DEFLATED
            packed.writestr(member, files.get(name, b""))
    return archive.getvalue()


def plain_zip(files: Mapping[str, bytes]) -> bytes:
    """A zip such as people make by hand, the same bytes every time.

    Args:
      files: Content by member name; there are no folders of their own.

    Returns:
      The archive.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, date_time=(2017, 4, 26, 12, 0, 0))
            member.create_system, member.compress_type = 3, zipfile.ZIP_DEFLATED
            packed.writestr(member, content)
    return archive.getvalue()


def png(pixels: np.ndarray) -> bytes:
    """An RGB image as a PNG, the same bytes with every zlib: nothing in it is compressed."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    assert len(rows) < 1 << 16  # One stored block of deflate.
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(rows), len(rows) ^ 0xFFFF) + rows
    stored += struct.pack(">I", zlib.adler32(rows))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in ((b"IHDR", header), (b"IDAT", stored), (b"IEND", b""))
    )


_DC_LENGTHS = bytes([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0])


def ycc(colour: Sequence[int]) -> tuple[int, int, int]:
    """Y, Cb and Cr of a colour that is given as red, green and blue, each 0 to 255."""
    red, green, blue = colour
    luma = round(0.299 * red + 0.587 * green + 0.114 * blue)
    return luma, round(128 + 0.564 * (blue - luma)), round(128 + 0.713 * (red - luma))


def jpeg(blocks: Sequence[Sequence[Sequence[int]]]) -> bytes:
    """A JPEG of squares of 8 x 8 pixels, each of one colour.

    Args:
      blocks: Rows of squares; a square is its Y, Cb and Cr, or its Y alone.
    """
    height, width, channels = len(blocks), len(blocks[0]), len(blocks[0][0])
    codes, code = [], 0  # Of the sizes of differences, 0 to 11.
    for length, count in enumerate(_DC_LENGTHS, start=1):
        for _ in range(count):
            codes.append(f"{code:0{length}b}")
            code += 1
        code <<= 1
    bits, last = "", [128] * channels
    for row in blocks:
        for square in row:
            for channel, value in enumerate(square):
                difference, last[channel] = value - last[channel], value
                size = abs(difference).bit_length()
                bits += codes[size]
                if size:
                    number = difference if difference > 0 else difference + (1 << size) - 1
                    bits += f"{number:0{size}b}"
                bits += "0"  # No other coefficient.
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    frame = struct.pack(">BHHB", 8, 8 * height, 8 * width, channels)
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            segment(0xDB, b"\0" + bytes([8] * 64)),
            segment(0xC0, frame + b"".join(bytes([n + 1, 0x11, 0]) for n in range(channels))),
            segment(0xC4, b"\x00" + _DC_LENGTHS + bytes(range(12))),
            segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0"),
            segment(
                0xDA,
                bytes([channels]) + b"".join(bytes([n + 1, 0]) for n in range(channels)) + b"\0?\0",
            ),
            scan,
            b"\xff\xd9",
        ]
    )


def npy(array: np.ndarray) -> bytes:
    """An npy file of version 1.0."""
    content = io.BytesIO()
    np.lib.format.write_array(content, array, version=(1, 0))
    return content.getvalue()


def write_files(folder: pathlib.Path, urls: Mapping[str, tuple[str, bytes]]) -> None:
    """Writes a miniature's published files and its `checksums.tsv`.

    Args:
      folder: Of the miniature; what lies there already is removed first.
      urls: File name and content by URL.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    lines = []
    for url, (name, content) in urls.items():
        (folder / name).write_bytes(content)
        lines.append(checksum_line(url, content, name))
    (folder / "checksums.tsv").write_text("".join(lines), encoding="utf-8")


def checksum_line(url: str, content: bytes, name: str = "") -> str:
    """The row of a published file in `checksums.tsv`; its name is the end of the URL by default."""
    name = name or url.rpartition("/")[2]
    return f"{url}\t{len(content)}\t{hashlib.sha256(content).hexdigest()}\t{name}\n"


def write_table(
    path: pathlib.Path, header: Iterable[str], rows: Iterable[Iterable[object]]
) -> None:
    """Writes a table of facts, tab-separated."""
    lines = ["\t".join(map(str, row)) + "\n" for row in [header, *rows]]
    path.write_text("".join(lines), encoding="utf-8")


_DIGITS = """
### .#. ### ### #.# ### ### ### ### ###
#.# ##. ..# ..# #.# #.. #.. ..# #.# #.#
#.# .#. ### ### ### ### ### .#. ### ###
#.# .#. #.. ..# ..# ..# #.# .#. #.# ..#
### ### ### ### ..# ### ### .#. ### ###
"""


def digit(label: int, height: int, width: int) -> np.ndarray:
    """A drawn digit that fills the shape, as booleans."""
    rows = [line.split()[label] for line in _DIGITS.split("\n") if line]
    return scaled(rows, height, width)


def scaled(rows: Sequence[str], height: int, width: int) -> np.ndarray:
    """A drawing of `#` and other letters at another size, as booleans."""
    drawing = np.array([[letter == "#" for letter in row] for row in rows])
    lines = np.arange(height) * drawing.shape[0] // height
    columns = np.arange(width) * drawing.shape[1] // width
    return drawing[np.ix_(lines, columns)]
