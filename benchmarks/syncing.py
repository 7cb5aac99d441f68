"""What it costs that prepared data are on the disk before they are published.

    python benchmarks/syncing.py

200,000 rows of five text fields and 800 records of 500 kB, prepared in one process with and without
syncing, in turn; medians and ratios. It depends on how fast the disk is: for that, the time that
syncing alone takes of as many bytes, which nothing has begun to write.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import tempfile
import time
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import engines
import generated_corpora
import tensorflow_datasets as tfds
from absl import logging

from tfds_extra.core import disk


def unsynced(builder) -> None:
    """Prepares, and leaves it to the operating system when what was written comes to the disk."""
    with (
        mock.patch.object(disk, "sync", lambda path: None),
        mock.patch.object(disk.Writeback, "go_on", lambda self, to_end=False: None),
    ):
        engines.prepare(builder)


def measure(title: str, builder, repeat: int) -> None:
    def settled(prepare) -> float:
        os.sync()  # What the other side has left to write is none of this one's time.
        start = time.perf_counter()
        prepare(builder)
        return time.perf_counter() - start

    sides = {"not synced": unsynced, "synced": engines.prepare}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for round_ in range(repeat + 1):
        for name, prepare in sides.items():
            seconds = settled(prepare)
            if round_:
                times[name].append(seconds)
    num_bytes = builder.info.splits.total_num_examples and builder.info.dataset_size
    common.report(title, times, builder.rows, "examples")
    alone = statistics.median(sync_alone(pathlib.Path(builder.data_dir), num_bytes, repeat))
    print(f"  {num_bytes / 1e6:,.0f} MB, whose syncing alone takes {alone:.3f} s")


def sync_alone(folder: pathlib.Path, num_bytes: int, repeat: int) -> list[float]:
    """Seconds that it takes to sync a file of some size, after it was written."""
    block, times = os.urandom(1 << 20), []
    for _ in range(repeat):
        path = folder / "written"
        with path.open("wb") as file:
            for _ in range(num_bytes >> 20):
                file.write(block)
        start = time.perf_counter()
        disk.sync(path)
        times.append(time.perf_counter() - start)
        path.unlink()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--folder", help="on the disk to be measured; default: of temporary files")
    arguments = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        folder = pathlib.Path(folder)
        generated_corpora.write_csv(folder / "csv", 200_000)
        rows = generated_corpora.TextRows(
            csv=str(folder / "csv"), batched=True, rows=200_000, data_dir=folder, num_workers=1
        )
        measure("200,000 rows of five text fields", rows, arguments.repeat)
        large = generated_corpora.Large(rows=800, data_dir=folder, num_workers=1)
        measure("800 records of 500 kB", large, arguments.repeat)


if __name__ == "__main__":
    main()
