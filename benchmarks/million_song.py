"""Million Song: reading files of songs, and preparing them, against PyTables and Hugging Face `datasets`.

    python -m pip install tables                     # of the test extra
    python -m pip install datasets                   # else that side is left out
    python benchmarks/million_song.py FOLDER         # FOLDER holds published TR....h5 files, as deep as they are
    python benchmarks/million_song.py FOLDER --copies 20
    python benchmarks/million_song.py memory         # peaks of made-up summaries and Taste Profiles

Reading: every column and array of each file, once. Preparing: files that are on the disk become
prepared data, with all columns and arrays; each file is there several times, under other ids, so that a
round takes seconds. Hugging Face `datasets` writes the same values from a generator that reads with
PyTables (what people do), and from one that reads with our reader, which leaves its own share.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import h5py
import numpy as np
import tables
import tensorflow_datasets as tfds

from tfds_extra.datasets.million_song import joins
from tfds_extra.formats import million_song, msd_lists

_SONGS = 1024  # Of a summary that the builder reads at a time.
_GROUPS = ("metadata", "analysis", "musicbrainz")


def by_pytables(path: pathlib.Path) -> dict:
    """All columns and arrays of a song with PyTables; each table once, not column by column."""
    found = {}
    with tables.open_file(path) as file:
        for name in _GROUPS:
            group = file.root._f_get_child(name)
            for node in group:
                if node.name == "songs":
                    (row,) = node.read()
                    found.update({n: row[n] for n in row.dtype.names if not n.startswith("idx_")})
                else:
                    found[node.name] = node.read()
    return found


def by_us(path: pathlib.Path) -> dict:
    return million_song.read_song(path.read_bytes())


def _plain(song: dict) -> dict:
    """As Hugging Face's writer takes it: texts, numbers and lists."""
    return {
        name: value.decode() if isinstance(value, bytes)
        else [text.decode() for text in value] if isinstance(value, list)
        else [text.decode() for text in value.tolist()] if value.dtype.kind == "S"
        else value
        for name, value in song.items()
    }  # fmt: skip


def read_all(read, paths) -> None:
    for path in paths:
        read(path)


def time_reading(paths: list[pathlib.Path], repeat: int) -> None:
    times = common.interleaved(
        {
            "PyTables, all fields": lambda: read_all(by_pytables, paths),
            "ours": lambda: read_all(by_us, paths),
        },
        repeat,
    )
    common.report(f"Reading {len(paths)} files of songs", times, len(paths), "songs")


def time_preparing(
    paths: list[pathlib.Path], copies: int, repeat: int, folder: pathlib.Path
) -> None:
    manual_dir = folder / "manual"
    made = _copied(paths, copies, manual_dir / "MillionSongSubset")
    sides = {}
    with_hugging_face = _hugging_face(folder, made)
    sides.update(with_hugging_face)
    for workers in (1, 2):

        def prepare(workers: int = workers) -> None:
            data_dir = tempfile.mkdtemp(dir=folder)
            builder = tfds.builder(
                "million_song/subset", data_dir=data_dir, partial=True, num_workers=workers
            )
            # The lists are no part of what is compared.
            type(builder)._lists = lambda self, piece: joins.Lists({})
            type(builder).published_files = _songs_only
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
            )
            shutil.rmtree(data_dir)

        sides[f"ours, {workers} worker(s)"] = prepare
    times = common.interleaved(sides, repeat)
    common.report(f"Preparing {len(made)} songs", times, len(made), "songs")


def _songs_only(builder) -> dict:
    return builder._archives_of_songs()


def _copied(paths, copies: int, folder: pathlib.Path) -> list[pathlib.Path]:
    """Each file several times, each with an id of its own."""
    made = []
    for number, path in enumerate(path for _ in range(copies) for path in paths):
        track = f"TR{'AB'[number % 2]}{chr(65 + number // 2 % 26)}A128F{number:09}"
        target = folder / "/".join(track[2:5]) / f"{track}.h5"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o644)
        with h5py.File(target, "r+") as file:
            row = file["analysis/songs"][...]
            row["track_id"] = track.encode()
            file["analysis/songs"][...] = row
        made.append(target)
    return made


def _hugging_face(folder: pathlib.Path, paths: list[pathlib.Path]) -> dict:
    try:
        import datasets
    except ImportError:
        print("Hugging Face datasets is not here: python -m pip install datasets")
        return {}
    datasets.disable_progress_bars()
    example = _plain(by_us(paths[0]))
    kinds = {}
    for name, value in example.items():
        if isinstance(value, str):
            kinds[name] = datasets.Value("string")
        elif isinstance(value, list):
            kinds[name] = datasets.Sequence(datasets.Value("string"))
        else:
            kind = datasets.Value(str(value.dtype))
            for _ in value.shape:
                kind = datasets.Sequence(kind)
            kinds[name] = kind
    features = datasets.Features(kinds)

    def make(read) -> None:
        cache = tempfile.mkdtemp(dir=folder)

        def rows():
            for path in paths:
                yield _plain(read(path))

        datasets.Dataset.from_generator(rows, features=features, cache_dir=cache)
        shutil.rmtree(cache)

    return {
        "Hugging Face, PyTables": lambda: make(by_pytables),
        "Hugging Face, our reader": lambda: make(by_us),
    }


# ------------------------------------------------------------------------------------------ memory


def _summary(path: pathlib.Path, count: int) -> None:
    """A summary of as many made-up songs."""
    texts = {"artist_mbid": "S40"}
    with h5py.File(path, "w", libver="earliest") as file:
        for group, columns in million_song.COLUMNS.items():
            fields = [
                (name, dtype if dtype.kind != "S" else texts.get(name, _width(name)))
                for name, dtype in columns.items()
            ]
            indexed = {million_song._index_of(name) for name in million_song.ARRAYS[group]}
            fields += [(name, "<i4") for name in indexed]
            table = file.create_dataset(
                f"{group}/songs", (count,), np.dtype(fields), chunks=(64,), compression="gzip",
                compression_opts=1, shuffle=True,
            )  # fmt: skip
            for start in range(0, count, 8192):
                rows = np.zeros(min(8192, count - start), np.dtype(fields))
                for name, prefix in (("track_id", b"TR"), ("song_id", b"SO"), ("artist_id", b"AR")):
                    if name in rows.dtype.names:
                        rows[name] = [prefix + b"%016d" % (start + i) for i in range(len(rows))]
                if "title" in rows.dtype.names:
                    rows["title"] = [b"a title %d" % i for i in range(len(rows))]
                table[start : start + len(rows)] = rows


def _width(name: str) -> str:
    long = ("artist_location", "artist_name", "genre", "release", "title")
    return "S1024" if name in long else "S32"


def _triplets(path: pathlib.Path, count: int) -> None:
    with path.open("wb") as file:
        for user in range(count // 47):
            file.write(b"".join(b"%040x\tSO%016d\t%d\n" % (user, i, i + 1) for i in range(47)))


def _read_summary(path: pathlib.Path) -> None:
    with path.open("rb") as file, million_song.open_file(file) as songs:
        for start in range(0, len(songs), _SONGS):
            assert songs.read(start, min(start + _SONGS, len(songs)))


def _read_plays(path: pathlib.Path) -> None:
    with path.open("rb") as file:
        for plays in msd_lists.taste_profile(file):
            assert len(plays.users)


def _resident(peak: bool) -> int:
    """Bytes of memory that this process has, or had at the peak (of Linux)."""
    status = pathlib.Path("/proc/self/status").read_text()
    name = "VmHWM:" if peak else "VmRSS:"
    return 1024 * int(status.split(name)[1].split()[0])


def _peak(queue, read, path: pathlib.Path) -> None:
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # The peak begins anew.
    before = _resident(peak=False)
    start = time.perf_counter()
    read(path)
    seconds = time.perf_counter() - start
    queue.put((_resident(peak=True) - before, seconds))


def show_memory(folder: pathlib.Path, scale: int) -> None:
    context = multiprocessing.get_context("spawn")
    for name, write, read, count, unit in (
        ("summary", _summary, _read_summary, 10_000 * scale, "songs"),
        ("Taste Profile", _triplets, _read_plays, 470_000 * scale, "triplets"),
    ):
        for rows in (count, 10 * count):
            write(path := folder / "made", rows)
            queue = context.Queue()
            process = context.Process(target=_peak, args=(queue, read, path))
            process.start()
            peak, seconds = queue.get(timeout=600)
            process.join()
            print(
                f"{name}, {rows:,} {unit}: {path.stat().st_size:,} bytes, peak {peak >> 20} MiB"
                f" above the start, {rows / seconds:,.0f} {unit}/s"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", help="a folder with files of songs, or: memory")
    parser.add_argument("--copies", type=int, default=20, help="of each file, for preparing")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--scale", type=int, default=1, help="of what memory makes up")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.what == "memory":
            show_memory(pathlib.Path(folder), arguments.scale)
            return
        paths = sorted(pathlib.Path(arguments.what).rglob("TR*.h5"))
        if not paths:
            sys.exit(f"{arguments.what}: there are no files of songs")
        time_reading(paths, arguments.repeat)
        time_preparing(paths, arguments.copies, arguments.repeat, pathlib.Path(folder))


if __name__ == "__main__":
    main()
