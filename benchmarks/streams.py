"""Corpora that are one compressed stream, prepared by one process and by two.

    python benchmarks/streams.py                  # all four: about 4 GB of disk, ten minutes
    python benchmarks/streams.py recordings rows  # also: decoded, lines
    python benchmarks/streams.py --size 0.1 --repeat 3

recordings: a tar.gz of 1 GB with 20,000 FLAC files, each of which is parsed and compared with its sha256.
decoded: the same, and each is decoded, to compare its samples with the MD5 that it states.
rows: 1.6 million rows of CSV, which Sentiment140's builder reads twice.
lines: 1 GB of JSON lines in a tar.gz, which Yelp's builder reads.

One process reads the stream and makes all examples. Of two, the caller's process reads, and makes examples
when the other has enough to do. Both run in turn in one process; starting the other is part of the time.
Beside the time by the clock, the processor time of all processes is given: what two use up more is the
price of starting one and of handing chunks on.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import pathlib
import resource
import shutil
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import generated_corpora
import numpy as np
import sentiment140
import soundfile
import tensorflow  # noqa: F401  Loaded before anything is timed.
import tensorflow_datasets as tfds
import yelp
from absl import logging

import tfds_extra
from tfds_extra import core

_RECORDINGS, _ROWS, _REVIEWS = 20_000, 1_599_999, 1_300_000
_RATE = 16_000
_DISTINCT = 100  # Recordings that differ; they come again too far apart for gzip to notice.

Prepare = Callable[[int], None]


def _recording(dice: np.random.Generator) -> bytes:
    """Returns about 50 KB of FLAC that gzip makes hardly smaller, as it is with speech."""
    seconds = np.arange(int(2.2 * _RATE)) / _RATE
    sound = dice.normal(0, 0.01, len(seconds))
    for pitch in dice.integers(80, 2000, 6):
        sound += 0.05 * dice.random() * np.sin(2 * np.pi * pitch * seconds)
    file = io.BytesIO()
    soundfile.write(file, sound.astype(np.float32), _RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def decoded(folder: pathlib.Path, size: float) -> tuple[Prepare, int, str]:
    """Does the same as `recordings`, which are then decoded, too."""
    return recordings(folder, size, decoded=True)


def recordings(
    folder: pathlib.Path, size: float, *, decoded: bool = False
) -> tuple[Prepare, int, str]:
    """Makes the archive; returns what prepares it, with how many examples, and what they are."""
    dice = np.random.default_rng(0)
    distinct = [_recording(dice) for _ in range(_DISTINCT)]
    count = int(_RECORDINGS * size)
    path = folder / "recordings.tar.gz"
    digests = []
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for number in range(count):
            content = distinct[number % _DISTINCT]
            member = tarfile.TarInfo(f"recordings/{number:06}.flac")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
            digests.append(f"{hashlib.sha256(content).hexdigest()}  {member.name}\n")
    path.with_suffix(".sha256").write_text("".join(digests))
    print(f"{count:,} recordings, {path.stat().st_size / 1e6:,.0f} MB")

    def prepare(num_workers: int) -> None:
        _prepared(
            generated_corpora.Recordings,
            folder,
            archive=str(path),
            rows=count,
            decoded=decoded,
            num_workers=num_workers,
        )

    return prepare, count, "recordings"


def rows(folder: pathlib.Path, size: float) -> tuple[Prepare, int, str]:
    """Makes Sentiment140's files; returns as `recordings` does."""
    count = int(_ROWS * size)
    sentiment140.write_rows(folder / sentiment140.TRAIN, count)
    sentiment140.write_rows(folder / sentiment140.TEST, sentiment140.TESTED)
    num_bytes = (folder / sentiment140.TRAIN).stat().st_size
    print(f"{count:,} rows, {num_bytes / 1e6:,.0f} MB")
    return _of_builder("sentiment140_extended", folder, config="full"), count, "rows"


def lines(folder: pathlib.Path, size: float) -> tuple[Prepare, int, str]:
    """Makes Yelp's archive; returns as `recordings` does."""
    count = int(_REVIEWS * size)
    made = folder / "json"
    num_bytes = yelp.generate(made, count, joined=False)
    archive = folder / "yelp_dataset.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in made.iterdir():
            tar.add(path, path.name)
    shutil.rmtree(made)
    print(f"{count:,} reviews, {num_bytes / 1e6:,.0f} MB of JSON lines")
    return _of_builder("yelp_open", folder, config="review"), count, "reviews"


def _of_builder(name: str, manual_dir: pathlib.Path, **kwargs) -> Prepare:
    def prepare(num_workers: int) -> None:
        # Nobody published the digests of what is made up.
        _prepared(
            tfds.builder_cls(name), manual_dir, partial=True, num_workers=num_workers, **kwargs
        )

    return prepare


def _prepared(cls: type[core.Builder], manual_dir: pathlib.Path, **kwargs) -> None:
    data_dir = tempfile.mkdtemp(dir=manual_dir.parent)
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    cls(data_dir=data_dir, **kwargs).download_and_prepare(download_config=config)
    shutil.rmtree(data_dir)


def _processor_time() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def compare(make: Callable, size: float, repeat: int, folder: pathlib.Path) -> None:
    """Prints how long one process and two take."""
    made = folder / "published"
    made.mkdir()
    prepare, count, unit = make(made, size)
    sides = {"one process": lambda: prepare(1), "two processes": lambda: prepare(2)}
    clock: dict[str, list[float]] = {name: [] for name in sides}
    processor: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeat):
        for name, run in sides.items():
            before = time.perf_counter(), _processor_time()
            run()
            clock[name].append(time.perf_counter() - before[0])
            processor[name].append(_processor_time() - before[1])
    common.report(f"{count:,} {unit}", clock, count, unit)
    for name, seconds in processor.items():
        print(f"  {name:24} {statistics.median(seconds):8.3f} s of processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = {one.__name__: one for one in (recordings, decoded, rows, lines)}
    parser.add_argument("what", nargs="*", help=f"of {', '.join(kinds)}; all by default")
    parser.add_argument("--size", type=float, default=1.0, help="1 for 1 GB, 0.1 for a tenth")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", help="where files go; the one of temporary files by default")
    arguments = parser.parse_args()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    for name in arguments.what or kinds:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            compare(kinds[name], arguments.size, arguments.repeat, pathlib.Path(folder))


if __name__ == "__main__":
    main()
