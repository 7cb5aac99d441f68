"""What the scripts that make the miniatures share."""

from __future__ import annotations

import gzip
import hashlib
import io
import pathlib
import tarfile
import zipfile
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
