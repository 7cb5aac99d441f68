"""Reading the members of an archive in place, against TFDS's download-and-extract.

    python benchmarks/archives.py [ARCHIVE]

ARCHIVE is a tar or zip, also compressed; without one, a tar.gz of 3,000 files of 8 KB is made. Both
sides read every byte of every member. The peak of the disk is what lies beside the archive.
"""

from __future__ import annotations

import argparse
import io
import os
import pathlib
import random
import shutil
import tarfile
import tempfile

import common
import tensorflow_datasets as tfds

from tfds_extra import core


def extract_and_read(archive: pathlib.Path, folder: pathlib.Path) -> int:
    """TFDS's way; returns the bytes read."""
    shutil.rmtree(folder, ignore_errors=True)
    manager = tfds.download.DownloadManager(download_dir=folder)
    extracted = pathlib.Path(os.fspath(manager.extract(archive)))
    return sum(len(path.read_bytes()) for path in extracted.rglob("*") if path.is_file())


def read_in_place(archive: pathlib.Path) -> int:
    """Ours; returns the bytes read."""
    return sum(len(member.read()) for member in core.Tree(archive))


def make(folder: pathlib.Path) -> pathlib.Path:
    """An archive of 3,000 files whose content half compresses."""
    noise = random.Random(0)
    path = folder / "made.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for i in range(3000):
            member = tarfile.TarInfo(f"top/{i:04}.bin")
            content = noise.randbytes(4096) * 2
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=pathlib.Path, nargs="?")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        archive = arguments.archive or make(folder)
        extracted = folder / "extracted"
        size = read_in_place(archive)
        assert extract_and_read(archive, extracted) == size
        taken = sum(p.stat().st_size for p in extracted.rglob("*") if p.is_file())
        sides = {
            "extract, then read": lambda: extract_and_read(archive, extracted),
            "in place": lambda: read_in_place(archive),
        }
        times = common.interleaved(sides, arguments.repeat)
        common.report(f"{archive.name}, {size:,} bytes in its members", times, size, "bytes")
        print(f"  disk beside the archive: {taken:,} bytes and 0")


if __name__ == "__main__":
    main()
