"""The parts that this package makes itself, each against the library that would take its place.

    python benchmarks/own_parts.py [PART ...]

Parts are tar, zip, downloads, serializer, workers, locks and sorting; all of them without an argument.
`pip install filelock stream-unzip` has more to compare with; pooch and joblib (which has loky) come
with the test extra.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import importlib.util
import io
import os
import pathlib
import pickle
import random
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import common
import numpy as np

_MEMBERS = 20_000
_BYTES = 500
_TESTS = pathlib.Path(__file__).parents[1] / "tests" / "core"


def _kept(make: Callable[[], object]) -> int:
    """Bytes of memory that what `make` returns takes."""
    tracemalloc.start()
    kept = make()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return size


def _contents() -> dict[str, bytes]:
    noise = random.Random(0)
    return {f"top/{i % 50:02}/{i:06}.bin": noise.randbytes(_BYTES) for i in range(_MEMBERS)}


def tar(folder: pathlib.Path, repeat: int) -> None:
    from tfds_extra.core.archives import ArchiveError, Tree

    for suffix in ("tar", "tar.gz"):
        path = folder / f"made.{suffix}"
        with tarfile.open(path, f"w:{suffix[4:]}") as archive:
            for name, content in _contents().items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))

        def by_tarfile(path: pathlib.Path = path) -> int:
            with tarfile.open(path, "r|*") as archive:
                return sum(len(archive.extractfile(m).read()) for m in archive if m.isfile())

        def ours(path: pathlib.Path = path) -> int:
            return sum(len(member.read()) for member in Tree(path))

        assert by_tarfile() == ours() == _MEMBERS * _BYTES
        sides = {"tarfile": by_tarfile, "ours": ours}
        times = common.interleaved(sides, repeat)
        common.report(
            f"{suffix}, {_MEMBERS:,} members of {_BYTES} bytes", times, _MEMBERS, "members"
        )
    # What each makes of damage: a header in the middle, and an archive that is cut.
    whole = (folder / "made.tar").read_bytes()
    middle = whole.index(b"top/", len(whole) // 2)
    for kind, content in {
        "a header in the middle is damaged": whole[:middle] + b"x" + whole[middle + 1 :],
        "cut between two members": whole[:middle],
    }.items():
        path = folder / "damaged.tar"
        path.write_bytes(content)
        try:
            with tarfile.open(path) as archive:
                theirs = f"{len(archive.getnames()):,} of {_MEMBERS:,} members, no error"
        except tarfile.TarError as e:
            theirs = f"{type(e).__name__}"
        try:
            found = f"{len(list(Tree(path))):,} members, no error"
        except ArchiveError as e:
            found = str(e).partition(": ")[2]
        print(f"  {kind}: tarfile: {theirs}; ours: {found[:90]}")


def zip_(folder: pathlib.Path, repeat: int) -> None:
    from tfds_extra.core.archives import Tree, remembered

    path = folder / "made.zip"
    contents = _contents()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    some = random.Random(1).sample(sorted(contents), 200)

    def opened() -> Tree:
        remembered._REMEMBERED.clear()
        tree = Tree(path)
        tree.holds(some[0])
        return tree

    def by_zipfile() -> int:
        with zipfile.ZipFile(path) as archive:
            return sum(len(archive.read(name)) for name in archive.namelist())

    def ours() -> int:
        remembered._REMEMBERED.clear()
        return sum(len(member.read()) for member in Tree(path))

    sides: dict[str, Callable[[], object]] = {"zipfile": by_zipfile, "ours": ours}
    if importlib.util.find_spec("stream_unzip"):
        from stream_unzip import stream_unzip

        def streamed() -> int:
            with path.open("rb") as file:
                blocks = iter(lambda: file.read(1 << 16), b"")
                return sum(len(b) for _, _, found in stream_unzip(blocks) for b in found)

        sides["stream-unzip"] = streamed
    assert len({side() for side in sides.values()}) == 1
    title = f"zip, {_MEMBERS:,} members of {_BYTES} bytes"
    common.report(f"{title}, all read", common.interleaved(sides, repeat), _MEMBERS, "members")
    sides = {
        "zipfile": lambda: [zipfile.ZipFile(path).read(some[0])],
        "ours": lambda: opened().read_member(some[0]),
    }
    common.report(f"{title}, opened, one read", common.interleaved(sides, repeat), 1, "opened")
    # A second reading of the same tree in a process, as each task of a worker does it.
    tree = opened()
    sides = {
        "zipfile": lambda: [zipfile.ZipFile(path).read(name) for name in some[:1]],
        "ours": lambda: pickle.loads(pickle.dumps(tree)).read_member(some[0]),
    }
    common.report(f"{title}, opened again", common.interleaved(sides, repeat), 1, "opened")
    theirs = _kept(lambda: zipfile.ZipFile(path)) / _MEMBERS
    found = _kept(opened) / _MEMBERS
    print(f"  memory of the index, bytes a member: zipfile {theirs:,.0f}, ours {found:,.0f}")


# Behaviours of servers, as tests/core/misbehaving_server.py has them.
_SERVERS = {
    "nothing wrong": {},
    "500 twice": {"statuses": [(500, {}, b""), (502, {}, b"")]},
    "429 with Retry-After": {"statuses": [(429, {"Retry-After": "1"}, b"")]},
    "the line breaks": {"cuts": [2_900_000]},
    "the line breaks three times": {"cuts": [2_000_000, 2_500_000, 2_900_000]},
    "another part than asked": {"cuts": [2_900_000], "shifted": True},
    "the server falls silent": {"stalls": [1_000_000]},
    "a second URL is needed": {"statuses": [(404, {}, b"")] * 9},
    "500 bytes a second": {"drip": (500, 1.0)},
}


def downloads(folder: pathlib.Path, repeat: int) -> None:
    del repeat
    sys.path.insert(0, str(_TESTS))
    import misbehaving_server
    import pooch
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import units

    from tfds_extra.core import digests
    from tfds_extra.core import downloads as ours

    tfds.disable_progress_bar()
    content = random.Random(1).randbytes(3_000_000)
    sha256 = hashlib.sha256(content).hexdigest()
    quick = ours.transfer.Policy(connect_timeout=0.5, read_timeout=2, backoff=0.05, patience=6)
    print(f"\ndownloads of {len(content):,} bytes: seconds, and bytes sent")
    with misbehaving_server.running() as server:
        mirror = server.add("/mirror.bin", content)
        for case, behaviour in _SERVERS.items():
            row = [f"  {case:30}"]
            for side in ("pooch", "ours"):
                name = f"/{side}/{case.replace(' ', '_').replace('/', '_')}.bin"
                url = server.add(name, content, **{k: _copied(v) for k, v in behaviour.items()})
                start = time.perf_counter()
                if side == "pooch":
                    left = folder / "pooch"
                    got = _within(
                        20,
                        lambda url=url, left=left, name=name: pooch.retrieve(
                            url, f"sha256:{sha256}", path=left, fname=os.path.basename(name),
                            downloader=pooch.HTTPDownloader(timeout=2),
                        ),
                    )  # fmt: skip
                else:
                    one = digests.Published(
                        units.Size(len(content)), sha256, os.path.basename(name), {"sha256": sha256}
                    )
                    manager = ours.DownloadManager(
                        download_dir=folder / "ours", url_infos={url: one}, policy=quick
                    )
                    wanted = ours.Mirrors([url, mirror])
                    got = _within(20, lambda m=manager, w=wanted: m.download(w))
                seconds = time.perf_counter() - start
                sent = server.routes[name].sent
                row.append(f"{side} {got:12} {seconds:5.1f} s {sent:>10,}")
            print("   ".join(row))


def _copied(value: object) -> object:
    return list(value) if isinstance(value, list) else value


def _within(seconds: float, call: Callable[[], object]) -> str:
    """How a call ends within so many seconds."""
    executor = concurrent.futures.ThreadPoolExecutor(1)
    future = executor.submit(call)
    executor.shutdown(wait=False)
    try:
        future.result(seconds)
        return "the file"
    except concurrent.futures.TimeoutError:
        return "no end"
    except Exception as e:
        return type(e).__name__[:12]


def serializer(folder: pathlib.Path, repeat: int) -> None:
    del folder
    import tensorflow as tf
    import tensorflow_datasets as tfds

    from tfds_extra.core.serializing.serializer import ExampleEncoder

    features = tfds.features.FeaturesDict({
        **{f"text{i}": tfds.features.Text() for i in range(4)},
        "label": tfds.features.ClassLabel(num_classes=5),
    })  # fmt: skip
    rows = [
        {**{f"text{i}": f"some words of row {n}, {i}" for i in range(4)}, "label": n % 5}
        for n in range(10_000)
    ]
    plain = tfds.core.example_serializer.ExampleSerializer(features.get_serialized_info())
    fast = ExampleEncoder(features)
    columns = {name: [row[name] for row in rows] for name in rows[0]}

    def by_upb() -> list[bytes]:
        made = []
        for row in rows:
            example = tf.train.Example()
            entries = example.features.feature
            for name, value in row.items():
                if isinstance(value, str):
                    entries[name].bytes_list.value.append(value.encode())
                else:
                    entries[name].int64_list.value.append(value)
            made.append(example.SerializeToString(deterministic=True))
        return made

    sides = {
        "protobuf (upb) alone": by_upb,
        "TFDS": lambda: [plain.serialize_example(features.encode_example(row)) for row in rows],
        "ours, row by row": lambda: [fast.encode(row) for row in rows],
        "ours, columns": lambda: fast.encode_batch(columns, len(rows)),
    }
    assert by_upb() == sides["ours, row by row"]() == list(sides["ours, columns"]())
    times = common.interleaved(sides, repeat)
    common.report(f"{len(rows):,} rows of four texts and a label", times, len(rows), "rows")


# What a user's script looks like: it imports TensorFlow before anything else.
_SCRIPT = """\
import time
import tensorflow as tf, tensorflow_datasets as tfds, tfds_extra

def main():
    start = time.perf_counter()
{start}
    print(time.perf_counter() - start)

if __name__ == "__main__":
    main()
"""
_POOLS = {
    "concurrent.futures, spawn": """
        import concurrent.futures, multiprocessing
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
            list(pool.map(len, ["ab", "c"]))""",
    "loky (of joblib)": """
        from joblib.externals import loky
        pool = loky.get_reusable_executor(max_workers=2)
        list(pool.map(len, ["ab", "c"]))
        pool.shutdown()""",
    "ours": """
        import pathlib, pickle
        from tfds_extra.core.engines import blocks, pool, tasks
        from tensorflow_datasets.core import file_adapters
        job = tasks.Job(read=len, features=tfds.features.FeaturesDict(dict(n=tf.int64)),
                        file_format=file_adapters.FileFormat.TFRECORD,
                        order=blocks.Order.for_size(False, 1), folder=pathlib.Path("."))
        with pool.Pool(pickle.dumps(job), {"tfds_extra": ""}, 2) as workers:
            while len(workers._idle) < 2:
                one, kind, content = workers._answers.get()
                assert kind == "ready", content
                workers._idle.append(one)""",
}


def workers(folder: pathlib.Path, repeat: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in _POOLS}
    for _ in range(repeat):
        for name, start in _POOLS.items():
            script = folder / "script.py"
            body = textwrap.indent(textwrap.dedent(start).strip("\n"), "    ")
            script.write_text(_SCRIPT.format(start=body))
            done = subprocess.run([sys.executable, script], capture_output=True, text=True)
            if done.returncode:
                print(done.stderr[-600:])
                return
            times[name].append(float(done.stdout.split()[-1]))
    common.report(
        "two workers, until both are ready, of a script with TensorFlow", times, 2, "workers"
    )


def locks(folder: pathlib.Path, repeat: int) -> None:
    from tfds_extra.core import locks as ours

    path = folder / "x.lock"

    def own() -> None:
        for _ in range(500):
            with ours.alone(path, time.sleep):
                pass

    sides: dict[str, Callable[[], object]] = {"ours, on fasteners": own}
    if importlib.util.find_spec("filelock"):
        import filelock

        def other() -> None:
            for _ in range(500):
                with filelock.FileLock(folder / "y.lock"):
                    pass

        sides = {"filelock": other, **sides}
    common.report(
        "a free lock, taken and released", common.interleaved(sides, repeat), 500, "locks"
    )
    # What a killed process leaves, and whether another user can take it over.
    previous = os.umask(0o022)
    if "filelock" in sides:
        lock = filelock.FileLock(folder / "z.lock")
        lock.acquire()
        print(f"  rights of the file while it is held: filelock {_rights(folder / 'z.lock')}")
        lock.release()
        print(f"  left after it was released: filelock {(folder / 'z.lock').exists()}")
    with ours.alone(path, time.sleep):
        print(f"  rights of the file while it is held: ours {_rights(path)}")
    print(f"  left after it was released: ours {path.exists()}")
    os.umask(previous)


def _rights(path: pathlib.Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def sorting(folder: pathlib.Path, repeat: int) -> None:
    """Sorts 64 MB of records, the most that are sorted at once, by their 128-bit ranks."""
    del folder
    import pyarrow as pa

    from tfds_extra.core.engines import blocks, strings

    count = 160_000
    chance = np.random.default_rng(0)
    ranks = chance.integers(0, 2**63, (count, 2)).astype(np.uint64)
    keys = strings.compact([b"%d" % n for n in range(count)])
    records = strings.compact([chance.bytes(400) for _ in range(count)])
    block = blocks.Block(ranks, np.zeros(count, np.uint32), keys, records)
    table = pa.table({
        "high": ranks[:, 0], "low": ranks[:, 1], "crc": block.crcs, "key": keys, "record": records
    })  # fmt: skip
    sides = {
        "Arrow": lambda: table.sort_by([("high", "ascending"), ("low", "ascending")]),
        "ours (order by NumPy)": lambda: block.take(np.argsort(ranks[:, 0])),
    }
    times = common.interleaved(sides, repeat)
    common.report(f"{count:,} records of 400 bytes", times, count, "records")


PARTS = {
    "tar": tar, "zip": zip_, "downloads": downloads, "serializer": serializer, "workers": workers,
    "locks": locks, "sorting": sorting,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    for name in arguments.parts or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](pathlib.Path(folder), arguments.repeat)


if __name__ == "__main__":
    main()
