"""What faster decompression gains in whole preparations: isal for zlib, and two cores for bzip2.

    python -m pip install isal indexed_bzip2
    python benchmarks/decompression.py                     # a tar.gz of WAV files, rows in csv.gz
    python benchmarks/decompression.py --dump DUMP.xml.bz2 # also a dump of Wikipedia

The WAV files and rows are made up; the WAV files pack as well as UrbanSound8K's (1.2 times). Both sides are
prepared in turn by one process: ours with isal, and as it is where isal is not installed. Of a dump, how
long it takes to be decompressed by the standard library and by indexed_bzip2 on two cores is set against
how long it takes to be prepared.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import hashlib
import io
import os
import pathlib
import tarfile
import tempfile
import time
import wave
from collections.abc import Callable
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import generated_corpora
import numpy as np
import tensorflow_datasets as tfds
import wikipedia
from absl import logging
from pyarrow import csv

from tfds_extra import core
from tfds_extra.core.archives import decompression
from tfds_extra.features import EncodedAudio


class Recordings(generated_corpora.Generated):
    """WAV files of a tar.gz, stored as they are, with their digests."""

    FEATURES = {
        "audio": EncodedAudio(),
        "filename": tfds.features.Text(),
        "sha256": tfds.features.Text(),
    }

    def __init__(self, *, archive: str, **kwargs):
        self.archive = archive
        super().__init__(**kwargs)

    def _split_generators(self, dl_manager):
        return core.by_split(["train"], [core.Tree(self.archive)], self._generate_examples)

    def _generate_examples(self, tree):
        for member in tree.members():
            content = member.read()
            yield (
                ("train", member.name),
                {
                    "audio": content,
                    "filename": member.name,
                    "sha256": hashlib.sha256(content).hexdigest(),
                },
            )


class PackedRows(generated_corpora.TextRows):
    """Rows in columns from csv files that are packed with gzip."""

    def _generate_examples(self, path):
        with core.Content(path).open() as file, csv.open_csv(file) as reader:
            for number, batch in enumerate(reader):
                keys = [f"{path.name} {number} {i}" for i in range(batch.num_rows)]
                yield core.Rows("train", keys, dict(zip(batch.schema.names, batch.columns)))


def write_recordings(path: pathlib.Path, count: int) -> None:
    """Writes recordings of four seconds at 44.1 kHz, with two channels of noise of 14 bits."""
    dice = np.random.default_rng(0)
    with tarfile.open(path, "w:gz", compresslevel=6) as archive:
        for number in range(count):
            samples = dice.normal(0, 2000, (4 * 44_100, 2)).astype("<i2")
            content = io.BytesIO()
            with wave.open(content, "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(2)
                file.setframerate(44_100)
                file.writeframes(samples.tobytes())
            member = tarfile.TarInfo(f"recordings/{number}.wav")
            member.size = len(content.getvalue())
            archive.addfile(member, io.BytesIO(content.getvalue()))


def compare(title: str, prepare: Callable[[], object], repeat: int, units: int, unit: str) -> None:
    """Prepares with zlib and with isal in turn; prints both by the clock and in processor time."""

    def prepare_with(library: object) -> None:
        with mock.patch.object(decompression, "igzip_lib", library):
            prepare()

    isal = decompression.igzip_lib
    assert isal, "python -m pip install isal"
    sides = {"zlib": lambda: prepare_with(None), "isal": lambda: prepare_with(isal)}
    clocks = {"by the clock": time.perf_counter, "in processor time": time.process_time}
    for how, clock in clocks.items():
        times = common.interleaved(sides, repeat, clock=clock)
        common.report(f"{title}, {how}", times, units, unit)


def recordings(folder: pathlib.Path, count: int, repeat: int) -> None:
    archive = folder / "recordings.tar.gz"
    write_recordings(archive, count)

    def prepare() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as data_dir:
            kwargs = {"archive": str(archive), "data_dir": data_dir, "num_workers": 1}
            Recordings(rows=count, **kwargs).download_and_prepare()

    size = archive.stat().st_size
    compare(f"{count:,} WAV files, {size / 1e6:,.0f} MB packed", prepare, repeat, count, "files")


def rows(folder: pathlib.Path, count: int, repeat: int) -> None:
    packed = folder / "packed"
    packed.mkdir()
    for file in generated_corpora.write_csv(folder / "csv", count):
        (packed / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), 6))

    def prepare() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as data_dir:
            kwargs = {"csv": str(packed), "data_dir": data_dir, "num_workers": 1}
            PackedRows(rows=count, **kwargs).download_and_prepare()

    compare(f"{count:,} rows", prepare, repeat, count, "rows")


def dump(path: pathlib.Path, repeat: int) -> None:
    """Compares decompressing a dump, in two ways, with making its articles."""
    import indexed_bzip2

    def on_two_cores() -> None:
        with indexed_bzip2.open(str(path), parallelization=2) as file:
            while file.read(1 << 20):
                pass

    def decompress() -> None:
        with bz2.open(path) as file:
            while file.read(1 << 20):
                pass

    sides = {
        "articles made": lambda: wikipedia.ours(path),
        "bz2 alone": decompress,
        "indexed_bzip2 alone": on_two_cores,
    }
    common.report(path.name, common.interleaved(sides, repeat), 1, "dumps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=600)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dump", type=pathlib.Path)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        recordings(pathlib.Path(folder), arguments.recordings, arguments.repeat)
        rows(pathlib.Path(folder), arguments.rows, arguments.repeat)
    if arguments.dump:
        dump(arguments.dump, arguments.repeat)


if __name__ == "__main__":
    main()
