"""What peeks at archives of several gigabytes cost: bytes, requests, seconds and memory.

A server on this machine makes the bytes of the archives when they are asked for, so that they take
no disk. Each line is a peek at 20 examples of 100 kB (of lines, 130 bytes).

    python benchmarks/peek.py [--gigabytes 2]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import pathlib
import sys
import tempfile
import time
import tracemalloc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "core"))

import generated_archives
import misbehaving_server
import peeked_corpus

from tfds_extra import core

_SIZE = 100_000


def archives(size: int) -> dict[str, list[generated_archives.Content]]:
    """The files of each kind, of about `size` bytes together."""
    count = size // _SIZE
    return {
        "tar": [generated_archives.tar(count, _SIZE)],
        "tar.gz": [generated_archives.tar_gz(count, _SIZE)],
        "zip": generated_archives.zipped(count, _SIZE),
        "bzip2 in zip": generated_archives.zipped(count, _SIZE, method=12),
        "split zip": generated_archives.zipped(count, _SIZE, parts=3),
        "tar of tars": [generated_archives.tar_of_tars(count // 20, 20, _SIZE)],
        "csv.gz": [generated_archives.csv_gz(size // 133_000)],
        "multistream bzip2": [generated_archives.lines_bz2(size // 190_000)],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=2.0)
    size = int(parser.parse_args().gigabytes * 1e9)
    print(f"{'archive':18} {'GB':>5} {'ranges':>7} {'MB':>6} {'share':>8} requests seconds  memory")
    for kind, parts in archives(size).items():
        for ranges in (True, False):
            _peek(kind, parts, ranges)


def _peek(kind: str, parts: list[generated_archives.Content], ranges: bool) -> None:
    is_file = kind in ("csv.gz", "multistream bzip2")
    with misbehaving_server.running() as server, tempfile.TemporaryDirectory() as data_dir:
        urls = tuple(server.add(f"/part{i}", part, ranges=ranges) for i, part in enumerate(parts))
        file = core.File(urls[0]) if is_file else core.Archive(urls if len(urls) > 1 else urls[0])
        builder = peeked_corpus.corpus({"data": file})(data_dir=data_dir, peek=True)
        total = sum(map(len, parts))
        tracemalloc.start()
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            try:
                builder.download_and_prepare()
                note = ""
            except core.CorpusError as e:
                note = f"  {str(e).partition('shown. ')[2].partition('. Raise')[0]}"
        seconds = time.perf_counter() - start
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        routes = server.routes.values()
        sent = sum(route.sent for route in routes)
        requests = sum(len(route.requests) for route in routes)
    print(
        f"{kind:18} {total / 1e9:5.1f} {'yes' if ranges else 'no':>7} {sent / 1e6:6.2f}"
        f" {sent / total:8.3%} {requests:8} {seconds:7.2f} {peak / 1e6:5.1f} MB{note}"
    )


if __name__ == "__main__":
    main()
