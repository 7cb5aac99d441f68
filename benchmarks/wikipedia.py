"""How fast articles are made of a dump, against the standard builder; and how fast searching is.

    python -m pip install mwxml                # the standard builder needs it
    python benchmarks/wikipedia.py DUMP.xml.bz2
    python benchmarks/wikipedia.py DUMP.xml.bz2 --search
    python benchmarks/wikipedia.py --search --pages 200000    # of a made-up wiki

The standard builder's own parsing is what it runs in Beam: its functions are taken from it and called
one after the other, which is faster than Beam's local runner calls them; its counters are stand-ins.
Ours makes whole examples in this process, and then prepares a multistream dump, in one process and in two:
some copies of DUMP with other page ids, so that starting processes does not count. Processor time is told,
too, since programs beside these disturb it less.
"""

from __future__ import annotations

import argparse
import bz2
import collections
import itertools
import os
import pathlib
import random
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import tensorflow_datasets as tfds
from tensorflow_datasets.core import lazy_imports_lib
from tensorflow_datasets.text import wikipedia

import tfds_extra  # noqa: F401  Registers the builders.
from tfds_extra.datasets.wikipedia_corpus import articles, search
from tfds_extra.formats import mediawiki_dump


def standard(path: pathlib.Path) -> int:
    """Parses a dump as the standard builder does; returns how many articles it has."""
    steps = []

    class Create:
        """Stands for Beam: keeps the functions of the pipeline."""

        def __init__(self, *_):
            pass

        def __or__(self, other):
            steps.append(other)
            return self

    beam = mock.Mock()
    beam.Create, beam.Reshuffle, beam.FlatMap = Create, lambda: None, lambda function: function
    builder = mock.Mock()
    with mock.patch.object(lazy_imports_lib.LazyImporter, "apache_beam", beam):
        wikipedia.Wikipedia._generate_examples(builder, [str(path)], "en")
    pages, parse = [step for step in steps if step is not None]
    return sum(1 for page in pages(str(path)) for _ in parse(page))


def ours(path: pathlib.Path) -> int:
    """Makes the examples of a dump, with all their features."""
    with bz2.open(path) as file:
        wiki = articles.Wiki(mediawiki_dump.read_site(file))
    count = 0
    with open(path, "rb") as file:
        for page in mediawiki_dump.read_pages(mediawiki_dump.unpacked(file)):
            if wiki.split(page)[0] == 0 and articles.is_article(page):
                articles.article(page, wiki, with_wikitext=False)
                count += 1
    return count


def _multistream(path: pathlib.Path, folder: pathlib.Path, copies: int) -> str:
    """Writes a multistream dump with its index; returns the name of its wiki."""
    with bz2.open(path) as file:
        site = mediawiki_dump.read_site(file)
    # What stands behind the last whole page of a piece is passed over.
    with open(path, "rb") as file:
        xml = mediawiki_dump.unpacked(file, is_part=True).read()
    head, *pages = re.split(rb"(?=<page>)", xml)
    pages = [page[: page.index(b"</page>") + 7] + b"\n" for page in pages if b"</page>" in page]
    content, index = bytearray(bz2.compress(head)), []
    for copy in range(copies):
        for start in range(0, len(pages), 100):
            some = pages[start : start + 100]
            for number, page in enumerate(some):
                id_ = int(re.search(rb"<id>(\d+)</id>", page)[1]) * copies + copy
                some[number] = re.sub(rb"<id>\d+</id>", b"<id>%d</id>" % id_, page, count=1)
                index.append(f"{len(content)}:{id_}:x\n")
            content += bz2.compress(b"".join(some))
    content += bz2.compress(b"</mediawiki>\n")
    start = f"{site.database}-20260901-pages-articles-multistream"
    (folder / f"{start}.xml.bz2").write_bytes(content)
    (folder / f"{start}-index.txt.bz2").write_bytes(bz2.compress("".join(index).encode()))
    return site.database


def _builder(wiki: str, manual_dir: pathlib.Path, data_dir: str, workers: int):
    """A builder that has prepared its articles."""
    builder = tfds.builder(
        f"wikipedia_corpus/20260901.{wiki}", data_dir=data_dir, partial=True, num_workers=workers
    )
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder.download_and_prepare(download_config=config)
    return builder


def _processor_time() -> float:
    """Seconds that this process has worked, and those that it started and that have ended."""
    return sum(os.times()[:4])


def parsing(path: pathlib.Path, rounds: int, copies: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wiki = _multistream(path, pathlib.Path(folder), copies)
        in_piece, times = ours(path), collections.defaultdict(list)

        def prepared(workers: int) -> None:
            with tempfile.TemporaryDirectory() as data_dir:
                _builder(wiki, pathlib.Path(folder), data_dir, workers)

        sides = {
            "standard wikipedia": (lambda: standard(path), in_piece),
            "ours": (lambda: ours(path), in_piece),
            "ours, prepared by one process": (lambda: prepared(1), in_piece * copies),
            "ours, prepared by two processes": (lambda: prepared(2), in_piece * copies),
        }
        for _ in range(rounds):
            for name, (run, count) in sides.items():
                start = time.perf_counter(), _processor_time()
                run()
                spent = time.perf_counter() - start[0], _processor_time() - start[1]
                times[name].append([seconds / count for seconds in spent])
    print(f"{path.name}: {in_piece:,} articles, {copies} copies prepared")
    for number, clock in enumerate(("elapsed", "processor")):
        print(f"milliseconds of {clock} time for each article; times as fast")
        first = [seconds[number] for seconds in times["standard wikipedia"]]
        for name, rows in times.items():
            one = [seconds[number] for seconds in rows]
            ratio = statistics.median(a / b for a, b in zip(first, one))
            spread = f"{min(one) * 1e3:.2f}-{max(one) * 1e3:.2f}"
            print(f"  {name:34} {statistics.median(one) * 1e3:7.2f} ({spread})  {ratio:6.2f}")


def _made_up(count: int) -> Iterator[search.Row]:
    """Pages of words as frequent as those of a language, with a phrase in some."""
    dice = random.Random(0)
    words = [f"w{number:x}" for number in range(50_000)]
    frequencies = list(itertools.accumulate(1 / (number + 10) for number in range(len(words))))
    for number in range(1, count + 1):
        found = dice.choices(words, cum_weights=frequencies, k=150)
        if number % 100 == 0:
            found[50:50] = ["once", "upon", "a", "time"]
        text = " ".join(found)
        yield search.Row(number, f"Page {number}", "", text, [("", len(text))], ["All"], 150)


def searching_made_up(pages: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "x.sqlite")
        start = time.perf_counter()
        search.build(path, _made_up(pages), "made up")
        print(
            f"{pages:,} pages: {time.perf_counter() - start:.1f} s, {path.stat().st_size:,} bytes"
        )
        with search.Index(path) as index:
            _ask(index, '"once upon a time"', '"w0 w1"', "w0 AND w1", "NEAR(w5 w6, 3)", "w1f*")


def searching(path: pathlib.Path) -> None:
    """Searches in a dump for phrases of its most frequent words, and for one that is rare."""
    with tempfile.TemporaryDirectory() as folder:
        builder = _builder(_multistream(path, pathlib.Path(folder), 1), folder, folder, 1)
        start = time.perf_counter()
        with builder.search_index() as index:
            print(f"index of {path.name}: {time.perf_counter() - start:.1f} s")
            pairs: collections.Counter[str] = collections.Counter()
            for example in tfds.as_numpy(builder.as_dataset(split="train")):
                words = re.findall(r"\w+", example["text"].decode().lower())
                pairs.update(map(" ".join, zip(words, words[1:])))
            ordered = [pair for pair, _ in pairs.most_common()]
            _ask(index, *(f'"{ordered[number]}"' for number in (0, 1, 100, len(ordered) // 2)))


def _ask(index: search.Index, *queries: str) -> None:
    for query in queries:
        times = common.interleaved({query: lambda: index.search(query)}, 5)[query]
        print(f"{query:22} {sorted(times)[2] * 1e3:8.1f} ms {index.count(query):8,} pages")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dump", nargs="?", type=pathlib.Path, help="packed with bzip2")
    parser.add_argument("--search", action="store_true", help="how fast searching is")
    parser.add_argument("--pages", type=int, default=200_000, help="of the made-up wiki")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copies", type=int, default=4, help="of the dump that are prepared")
    arguments = parser.parse_args()
    if arguments.dump is None:
        searching_made_up(arguments.pages)
    elif arguments.search:
        searching(arguments.dump)
    else:
        parsing(arguments.dump, arguments.rounds, arguments.copies)


if __name__ == "__main__":
    main()
