"""IMDB reviews with the standard catalogue's `imdb_reviews` and with ours, from one made-up archive.

    python benchmarks/imdb_reviews_extended.py                 # 100,000 reviews: some ten minutes
    python benchmarks/imdb_reviews_extended.py --reviews 8000 --repeat 3
    python benchmarks/imdb_reviews_extended.py --memory        # peak memory of preparing, instead

The archive has the published layout, as many words a review as the published one (230 on average),
and words as frequent as in English (Zipf). Every tenth text is there twice. Both sides prepare all
three splits from it: the standard builder text and label, ours all of `plain_text`, and of
`bag_of_words`. Ours also holds the members against their digests. Then texts and labels are read in
batches. Sides run in turn in one process; medians and ratios.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import numpy as np
import tensorflow  # noqa: F401  Loaded before anything is timed.
import tensorflow_datasets as tfds
from absl import logging

import tfds_extra
from tfds_extra import core

_NAME = "imdb_reviews_extended"
_ROOT = "aclImdb"
_FOLDERS = {  # As many of 100,000, and their stars.
    "train/pos": (12_500, (7, 11)),
    "train/neg": (12_500, (1, 5)),
    "train/unsup": (50_000, (0, 1)),
    "test/pos": (12_500, (7, 11)),
    "test/neg": (12_500, (1, 5)),
}
_WORDS = 20_000  # Of the vocabulary.
_LENGTH = 230  # Words of a review, on average.


def members(reviews: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a made-up archive.

    Args:
      reviews: How many; a multiple of 8.
    """
    dice = np.random.default_rng(0)
    letters = np.array([f"{number:x}" for number in range(1, _WORDS + 1)], object)
    frequency = 1 / np.arange(1, _WORDS + 1)
    frequency /= frequency.sum()
    bags: dict[str, list[str]] = {}
    for folder, (share, (low, high)) in _FOLDERS.items():
        count = share * reviews // 100_000
        stars = dice.integers(low, high, count)
        half, kind = folder.split("/")
        lines = bags.setdefault(f"{half}/{'unsup' if kind == 'unsup' else 'labeled'}Bow.feat", [])
        for number in range(count):
            if number % 10 != 1:
                words = dice.choice(_WORDS, dice.geometric(1 / _LENGTH), p=frequency)
                text = " ".join(letters[words]).encode()
                pairs = np.stack(np.unique(words, return_counts=True), 1).ravel().tolist()
                bag = ("%d:%d " * (len(pairs) // 2)) % tuple(pairs)
            yield f"{folder}/{number}_{stars[number]}.txt", text
            lines.append(f"{stars[number]} {bag.rstrip()}\n")
        urls = "".join(
            f"http://www.imdb.com/title/tt{number // 9:07}/usercomments\n"
            for number in range(count)
        )
        yield f"{half}/urls_{kind}.txt", urls.encode()
    for name, lines in bags.items():
        yield name, "".join(lines).encode()
    yield "imdb.vocab", "\n".join(letters).encode()
    yield "imdbEr.txt", b"0.5\n" * _WORDS


def write(folder: pathlib.Path, reviews: int) -> pathlib.Path:
    """Writes the archive, and tables of facts that vouch for it, into a folder."""
    archive, digests, blobs = folder / "aclImdb_v1.tar.gz", {}, {}
    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for name, content in members(reviews):
            member = tarfile.TarInfo(f"{_ROOT}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
            digests[name] = hashlib.sha256(content).hexdigest()
            if name.endswith(".feat"):
                blobs[name] = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def table(name: str, *rows: tuple) -> None:
        (folder / name).write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))

    counts = {folder: share * reviews // 100_000 for folder, (share, _) in _FOLDERS.items()}
    splits = {"train": reviews // 4, "test": reviews // 4, "unsupervised": reviews // 2}
    of_folders = []
    for name, count in counts.items():
        paths = sorted(f"{_ROOT}/{path}" for path in digests if path.startswith(f"{name}/"))
        lines = "".join(f"{digests[path.removeprefix(f'{_ROOT}/')]}  {path}\n" for path in paths)
        of_folders.append((name, count, hashlib.sha256(lines.encode()).hexdigest()))
    beside = [(n, d) for n, d in digests.items() if "/urls_" in n or n.startswith("imdb")]
    rows = [(c, *row) for c in ("plain_text", "bag_of_words") for row in splits.items()]
    rows.append(("vocabulary", "vocabulary", _WORDS))
    table("counts.tsv", ("config", "split", "examples"), *rows)
    table("members.tsv", ("member", "sha256"), *beside)
    table("bags.tsv", ("member", "gitblob"), *blobs.items())
    table("folders.tsv", ("folder", "files", "sha256"), *of_folders)
    return archive


def builder_classes(folder: pathlib.Path) -> tuple[type, type]:
    """Both builders, changed so that they take what is in a folder for the published files."""
    archive = folder / "aclImdb_v1.tar.gz"
    standard, ours = tfds.builder_cls("imdb_reviews"), tfds.builder_cls(_NAME)
    split_generators = standard._split_generators

    def of_archive(self, dl_manager):
        with mock.patch.object(dl_manager, "download", lambda url: archive):
            return split_generators(self, dl_manager)

    standard._split_generators = of_archive
    ours.facts_path = lambda self, file_name: folder / file_name
    ours.fetch = lambda self, dl_manager: {"corpus": core.Tree(archive, root=_ROOT)}
    return standard, ours


def compare(reviews: int, repeat: int, folder: pathlib.Path) -> None:
    """Prints how long each side takes."""
    archive = write(folder, reviews)
    print(f"{reviews:,} reviews, {archive.stat().st_size / 1e6:,.0f} MB packed")
    standard, ours = builder_classes(folder)
    prepared = {}

    def prepare(side: str, cls: type, **kwargs) -> None:
        data_dir = tempfile.mkdtemp(dir=folder)
        builder = cls(data_dir=data_dir, **kwargs)
        builder.download_and_prepare()
        assert builder.info.splits.total_num_examples == reviews
        prepared[side] = builder

    plain, bags = {"config": "plain_text"}, {"config": "bag_of_words"}
    sides = {
        "TFDS imdb_reviews": (standard, {}),
        "ours, plain_text": (ours, plain | {"num_workers": 1}),
        "ours, bag_of_words": (ours, bags | {"num_workers": 1}),
    }
    times = common.interleaved(
        {name: lambda n=name, s=side: prepare(n, s[0], **s[1]) for name, side in sides.items()},
        repeat,
        warm_up=0,
    )
    common.report(f"Prepare {reviews:,} reviews", times, reviews, "reviews")
    _check_same(*(prepared[name] for name in list(sides)[:2]))

    print("\nPrepared bytes")
    for name, builder in prepared.items():
        print(f"  {name:24} {builder.info.dataset_size:12,}")

    def read(side: str) -> None:
        config = tfds.ReadConfig(try_autocache=False)
        batches = prepared[side].as_dataset(
            split="train", batch_size=128, as_supervised=True, read_config=config
        )
        assert sum(len(texts) for texts, _ in batches) == reviews // 4

    times = common.interleaved({name: lambda n=name: read(n) for name in sides}, repeat)
    common.report("Read (text, label) of train in batches of 128", times, reviews // 4, "reviews")


def _check_same(standard: tfds.core.DatasetBuilder, ours: tfds.core.DatasetBuilder) -> None:
    """Raises if texts, labels or their order are not the same."""
    for split in standard.info.splits:
        sides = (
            tfds.as_numpy(builder.as_dataset(split=split, as_supervised=True))
            for builder in (standard, ours)
        )
        for theirs, mine in zip(*sides, strict=True):
            if theirs[0] != mine[0] or theirs[1] != mine[1]:
                raise AssertionError(f"{split}: the two sides differ")


def print_memory(folder: pathlib.Path, reviews: list[int]) -> None:
    """Prints the peak memory of processes that prepare so many reviews, less that of 80 reviews."""
    found = {}
    for count in [80, *reviews]:
        of_count = folder / str(count)
        of_count.mkdir()
        write(of_count, count)
        for config in ("plain_text", "bag_of_words"):
            command = [sys.executable, __file__, "--measure", config, str(of_count)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[config, count] = json.loads(done.stdout.splitlines()[-1])
    print("\nPeak memory above that of 80 reviews, MiB")
    for (config, count), peak in found.items():
        if count != 80:
            print(f"  {config:14} {count:10,} reviews  {peak - found[config, 80]:7,.0f}")


def measure(config: str, folder: pathlib.Path) -> None:
    """Prepares one config in this process, and prints its peak memory in MiB."""
    _, ours = builder_classes(folder)
    data_dir = tempfile.mkdtemp(dir=folder)
    ours(data_dir=data_dir, config=config, num_workers=1).download_and_prepare()
    # Not `ru_maxrss`, which begins with the memory of the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reviews", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument(
        "--memory", action="store_true", help="of so many reviews, and ten times as many"
    )
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    if arguments.measure:
        measure(arguments.measure[0], pathlib.Path(arguments.measure[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        if arguments.memory:
            print_memory(pathlib.Path(folder), [arguments.reviews, 10 * arguments.reviews])
        else:
            compare(arguments.reviews, arguments.repeat, pathlib.Path(folder))


if __name__ == "__main__":
    main()
