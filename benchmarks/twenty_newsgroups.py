"""Twenty Newsgroups: preparing and reading made-up messages, beside plain TFDS and scikit-learn.

    python benchmarks/twenty_newsgroups.py                  # as many as bydate has: some minutes
    python benchmarks/twenty_newsgroups.py --messages 4000 --repeat 3
    python benchmarks/twenty_newsgroups.py --memory         # peak memory of preparing, instead

The archive has the layout of bydate, messages of the size of the published ones (36 lines, a third of
them quotes), and words as frequent as in English (Zipf). Sides: our engine in one process; TFDS's own
writer with the same builder; and scikit-learn's `load_files` of the extracted archive, with which
`fetch_20newsgroups` reads, and its functions for the seven choices of `remove`, which is what it offers
of all this. Then texts and labels are read in batches. Sides run in turn in one process; medians
and ratios.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import numpy as np
import tensorflow  # noqa: F401  Loaded before anything is timed.
import tensorflow_datasets as tfds
from absl import logging
from sklearn import datasets
from sklearn.datasets import _twenty_newsgroups as scikit_learn

import tfds_extra
from tfds_extra import core
from tfds_extra.datasets.twenty_newsgroups import features

_NAME = "twenty_newsgroups"
_WORDS = 20_000  # Of the vocabulary.
_LINES, _LENGTH = 36, 8  # Of a message, and words of a line.
_BY_BATCH = 128
_STRIP = {
    "headers": scikit_learn.strip_newsgroup_header,
    "footers": scikit_learn.strip_newsgroup_footer,
    "quotes": scikit_learn.strip_newsgroup_quoting,
}


def messages(count: int) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of a made-up edition, three fifths of it in train."""
    dice = np.random.default_rng(0)
    words = np.array([f"{number:x}" for number in range(1, _WORDS + 1)], object)
    frequency = 1 / np.arange(1, _WORDS + 1)
    frequency /= frequency.sum()
    for number in range(count):
        lines = []
        for drawn in dice.choice(_WORDS, (dice.poisson(_LINES), _LENGTH), p=frequency):
            mark = "> " * (dice.random() < 0.3)
            lines.append(mark + " ".join(words[drawn]))
        group = features.GROUPS[number % len(features.GROUPS)]
        header = (
            f"From: {number:x}@host.example (Writer {number})\nSubject: Re: {words[number % _WORDS]}\n"
            f"Organization: Friends of {group}\nNNTP-Posting-Host: host.example\nLines: {len(lines)}\n\n"
            f"In article <{number}@host.example> writer@host.example writes:\n"
        )
        split = "train" if number % 5 < 3 else "test"
        text = f"{header}{chr(10).join(lines)}\n\n--\nwriter {number}\n"
        yield f"20news-bydate-{split}/{group}/{number}", text.encode()


def write(folder: pathlib.Path, count: int) -> None:
    """Writes the archive, packed and extracted, and a table that has as many messages."""
    train = count // 5 * 3 + min(count % 5, 3)
    rows = [
        f"bydate_only\t{split}\t{n}\n" for split, n in (("train", train), ("test", count - train))
    ]
    (folder / "counts.tsv").write_text("config\tsplit\texamples\n" + "".join(rows))
    with tarfile.open(folder / "20news-bydate.tar.gz", "w:gz", compresslevel=6) as tar:
        for path, content in messages(count):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
            place = folder / "extracted" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def made_up(folder: pathlib.Path) -> core.Builder:
    """A builder that takes what is in a folder for a part of the published files."""
    cls = tfds.builder_cls(_NAME)
    cls.facts_path = lambda self, file_name: folder / file_name
    cls.fetch = lambda self, dl_manager: {"bydate": core.Tree(folder / "20news-bydate.tar.gz")}
    return cls(
        config="bydate_only", data_dir=tempfile.mkdtemp(dir=folder), partial=True, num_workers=1
    )


def with_tfds(builder: core.Builder) -> None:
    """Prepares with the writer of TFDS, and nothing else of ours."""
    pathlib.Path(builder.data_dir).mkdir(parents=True)
    config = tfds.download.DownloadConfig()
    dl_manager = builder._make_download_manager(None, config)
    splits = tfds.core.GeneratorBasedBuilder._generate_splits(builder, dl_manager, config)
    builder.info.set_splits(tfds.core.SplitDict(splits))


def with_scikit_learn(folder: pathlib.Path) -> int:
    """Reads the extracted files, strips each text in seven ways, and counts them."""
    count = 0
    for split in ("train", "test"):
        read = datasets.load_files(
            folder / "extracted" / f"20news-bydate-{split}", encoding="latin1"
        )
        for size in (1, 2, 3):
            for chosen in itertools.combinations(_STRIP, size):
                texts = read.data
                for part in chosen:
                    texts = [_STRIP[part](text) for text in texts]
        count += len(read.data)
    return count


def compare(count: int, repeat: int, folder: pathlib.Path) -> None:
    """Prints how long each side takes."""
    write(folder, count)
    prepared = {}

    def prepare(side: str) -> None:
        prepared[side] = builder = made_up(folder)
        with_tfds(builder) if side == "plain TFDS" else builder.download_and_prepare()
        assert builder.info.splits.total_num_examples == count

    def strip() -> None:
        assert with_scikit_learn(folder) == count

    sides = {name: lambda n=name: prepare(n) for name in ("plain TFDS", "ours")}
    times = common.interleaved({**sides, "scikit-learn, in memory": strip}, repeat, warm_up=0)
    common.report(f"Prepare {count:,} messages, one process", times, count, "messages")
    print(f"\nPrepared bytes: {prepared['ours'].info.dataset_size:,}")

    ours = prepared["ours"]
    for which, text in (("whole", "text"), ("stripped", "without_headers_footers_quotes")):
        decoding = tfds.decode.PartialDecoding({text: True, "label": True})
        config = tfds.ReadConfig(try_autocache=False)

        def read(decoding=decoding, config=config, text=text) -> None:
            batches = ours.as_dataset(
                split="train", batch_size=_BY_BATCH, decoders=decoding, read_config=config
            )
            assert sum(len(batch[text]) for batch in batches)

        def read_plainly(decoding=decoding, config=config, text=text) -> None:
            batches = ours.as_dataset(split="train", decoders=decoding, read_config=config)
            assert sum(len(batch[text]) for batch in batches.batch(_BY_BATCH))

        times = common.interleaved({"plain TFDS": read_plainly, "ours": read}, repeat)
        read_count = ours.info.splits["train"].num_examples
        common.report(f"Read {which} texts in batches", times, read_count, "messages")


def print_memory(folder: pathlib.Path, counts: list[int]) -> None:
    """Prints the peak memory of processes that prepare so many messages, less that of 80."""
    found = {}
    for count in [80, *counts]:
        of_count = folder / str(count)
        of_count.mkdir()
        write(of_count, count)
        command = [sys.executable, __file__, "--measure", str(of_count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[count] = json.loads(done.stdout.splitlines()[-1])
    print("\nPeak memory above that of 80 messages, MiB")
    for count in counts:
        print(f"  {count:10,} messages  {found[count] - found[80]:7,.0f}")


def measure(folder: pathlib.Path) -> None:
    """Prepares in this process, and prints its peak memory in MiB."""
    made_up(folder).download_and_prepare()
    # Not `ru_maxrss`, which begins with the memory of the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=18_846)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument(
        "--memory", action="store_true", help="of so many messages, and ten times as many"
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    if arguments.measure:
        measure(pathlib.Path(arguments.measure))
        return
    with tempfile.TemporaryDirectory() as folder:
        if arguments.memory:
            print_memory(pathlib.Path(folder), [arguments.messages, 10 * arguments.messages])
        else:
            compare(arguments.messages, arguments.repeat, pathlib.Path(folder))


if __name__ == "__main__":
    main()
