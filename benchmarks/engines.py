"""Preparing generated corpora with plain TFDS, with our engines, and with Hugging Face `datasets`.

    python -m pip install datasets
    python benchmarks/engines.py rows        # 200,000 rows of five text fields, from CSV files
    python benchmarks/engines.py many_rows   # 2,000,000 of them, without plain TFDS
    python benchmarks/engines.py mixed       # 20,000 examples of image bytes, ragged boxes and text
    python benchmarks/engines.py large       # 2,000 examples of half a megabyte each
    python benchmarks/engines.py memory      # peak memory at 1x and 10x rows, each in its own process
    python benchmarks/engines.py scaling     # two processes against one, where decoding is the work

All sides run in turn in one process; medians and ratios. Two processes are this one and one that it starts.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import generated_corpora
import tensorflow_datasets as tfds
from absl import logging


def prepare(builder) -> None:
    """Prepares from scratch."""
    shutil.rmtree(builder.data_dir, ignore_errors=True)
    builder.download_and_prepare()


def plain_tfds(builder) -> None:
    """Prepares with TFDS's own code, as it would any builder."""
    shutil.rmtree(builder.data_dir, ignore_errors=True)
    tfds.core.GeneratorBasedBuilder.download_and_prepare(builder)


def rows(folder: pathlib.Path, repeat: int, count: int = 200_000) -> None:
    files = generated_corpora.write_csv(folder / "csv", count)
    make = generated_corpora.TextRows

    def builder(name: str, **kwargs):
        return make(csv=str(folder / "csv"), rows=count, data_dir=str(folder / name), **kwargs)

    sides = {
        "plain TFDS": lambda: plain_tfds(builder("tfds")),
        "serial, row by row": lambda: prepare(builder("one", num_workers=1)),
        "serial, columns": lambda: prepare(builder("columns", num_workers=1, batched=True)),
        "two processes, columns": lambda: prepare(builder("two", num_workers=2, batched=True)),
        **common.hugging_face(folder, "csv", data_files=[str(f) for f in files]),
    }
    if count > 200_000:
        del sides["plain TFDS"], sides["serial, row by row"]
    times = common.interleaved(sides, repeat, warm_up=0)
    common.report(f"{count:,} rows of five text fields", times, count, "rows")
    if "plain TFDS" in sides:
        read_back(builder("tfds"), builder("two"), count)


def many_rows(folder: pathlib.Path, repeat: int) -> None:
    rows(folder, repeat, 2_000_000)


def read_back(theirs, ours, count: int) -> None:
    """An epoch over files of TFDS and of ours, through the same code of TFDS."""
    config = tfds.ReadConfig(try_autocache=False)

    def epoch(builder) -> None:
        ds = tfds.core.GeneratorBasedBuilder._as_dataset(
            builder, split="train", shuffle_files=False, decoders=None, read_config=config
        )
        assert sum(1 for _ in ds.batch(256)) == -(-count // 256)

    sides = {"files of TFDS": lambda: epoch(theirs), "our files": lambda: epoch(ours)}
    common.report("Read in batches of 256", common.interleaved(sides, 3), count, "rows")


def mixed(folder: pathlib.Path, repeat: int) -> None:
    count = 20_000

    def builder(name: str):
        return generated_corpora.Mixed(rows=count, data_dir=str(folder / name), num_workers=1)

    sides = {
        "plain TFDS": lambda: plain_tfds(builder("tfds")),
        "serial": lambda: prepare(builder("one")),
    }
    times = common.interleaved(sides, repeat, warm_up=0)
    common.report(f"{count:,} mixed examples", times, count, "examples")


def large(folder: pathlib.Path, repeat: int) -> None:
    count = 2_000

    def builder(name: str, **kwargs):
        return generated_corpora.Large(rows=count, data_dir=str(folder / name), **kwargs)

    sides = {
        "plain TFDS": lambda: plain_tfds(builder("tfds")),
        "serial": lambda: prepare(builder("one", num_workers=1)),
        "two processes": lambda: prepare(builder("two", num_workers=2)),
    }
    times = common.interleaved(sides, repeat, warm_up=0)
    common.report(f"{count:,} examples of 500 kB", times, count // 2, "MB")


def scaling(folder: pathlib.Path, repeat: int) -> None:
    count = 96

    def builder(workers: int):
        data_dir = str(folder / str(workers))
        return generated_corpora.Decoded(rows=count, data_dir=data_dir, num_workers=workers)

    sides = {f"{n} processes": lambda n=n: prepare(builder(n)) for n in (1, 2)}
    times = common.interleaved(sides, repeat, warm_up=0)
    common.report(f"{count} pieces of decoding", times, count, "pieces")


_MEMORY = """
import resource, sys
sys.path.insert(0, {here!r})
import generated_corpora, tensorflow_datasets as tfds
builder = generated_corpora.Generated(rows={rows}, data_dir={data_dir!r}, num_workers={workers})
config = tfds.download.DownloadConfig()
if {beam}:
    from apache_beam.runners.portability import fn_api_runner
    config.beam_runner = fn_api_runner.FnApiRunner()
builder.download_and_prepare(download_config=config)
who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
print(max(resource.getrusage(w).ru_maxrss for w in who) // 1024)
"""


def memory(folder: pathlib.Path, repeat: int) -> None:
    del repeat
    here = str(pathlib.Path(__file__).parent)
    print("\nPeak memory in MiB of the largest process, at 1x and 10x rows")
    for name, workers, beam in (
        ("serial", 1, False),
        ("two processes", 2, False),
        ("Beam", 1, True),
    ):
        peaks = []
        # One process keeps up to 128 MB of records in memory, which more rows have to exceed.
        few = 100_000 if beam else 300_000
        for rows_ in (few, 10 * few):
            script = _MEMORY.format(
                here=here, rows=rows_, data_dir=tempfile.mkdtemp(dir=folder), workers=workers,
                beam=beam,
            )  # fmt: skip
            output = subprocess.run(
                [sys.executable, "-c", script], check=True, capture_output=True, text=True
            ).stdout
            peaks.append(int(output.split()[-1]))
        print(f"  {name:12} {peaks[0]:6} {peaks[1]:6}  {peaks[1] / peaks[0]:5.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", choices=["rows", "many_rows", "mixed", "large", "memory", "scaling"]
    )
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        globals()[arguments.what](pathlib.Path(folder), arguments.repeat)


if __name__ == "__main__":
    main()
