"""How fast articles are made of a dump, against the standard builder; and how fast searching is.

    python -m pip install mwxml                # the standard builder needs it
    python benchmarks/wikipedia.py DUMP.xml.bz2
    python benchmarks/wikipedia.py search --pages 200000

The standard builder's own parsing is what it runs in Beam: its functions are taken from it and called
one after the other, which is faster than Beam's local runner calls them; its counters are stand-ins.
Ours makes whole examples in this process, and then prepares the data besides, in one process and in two.
"""

from __future__ import annotations

import argparse
import bz2
import os
import pathlib
import random
import shutil
import tempfile
import time
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


def prepared(path: pathlib.Path, workers: int) -> None:
    """Prepares the data of a dump."""
    with bz2.open(path) as file:
        database = mediawiki_dump.read_site(file).database
    with tempfile.TemporaryDirectory() as folder:
        manual_dir = pathlib.Path(folder, "manual")
        manual_dir.mkdir()
        (manual_dir / path.name).symlink_to(path.resolve())
        builder = tfds.builder(
            f"wikipedia_corpus/20260901.{database}",
            data_dir=folder,
            partial=True,
            num_workers=workers,
        )
        config = tfds.download.DownloadConfig(manual_dir=manual_dir)
        builder.download_and_prepare(download_config=config)


def parsing(path: pathlib.Path, rounds: int) -> None:
    sides = {
        "standard wikipedia": lambda: standard(path),
        "ours": lambda: ours(path),
        "ours, prepared by one process": lambda: prepared(path, 1),
        "ours, prepared by two processes": lambda: prepared(path, 2),
    }
    times = common.interleaved(sides, rounds, warm_up=0)
    common.report(f"articles of {path.name}", times, ours(path), "articles")


def _made_up(count: int):
    """Pages of words as frequent as those of a language, with a phrase in some."""
    dice = random.Random(0)
    words = [f"w{number:x}" for number in range(50_000)]
    weights = [1 / (number + 10) for number in range(len(words))]
    for number in range(1, count + 1):
        found = dice.choices(words, weights, k=150)
        if number % 100 == 0:
            found[50:50] = ["once", "upon", "a", "time"]
        text = " ".join(found)
        yield search.Row(number, f"Page {number}", "", text, [("", 0, len(text))], ["All"], 150)


def searching(pages: int) -> None:
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        start = time.perf_counter()
        search.build(folder / "x.sqlite", _made_up(pages), "made up")
        print(f"built in {time.perf_counter() - start:.1f} s")
        with search.Index(folder / "x.sqlite") as index:
            for query in ('"once upon a time"', '"w0 w1"', "w0 AND w1", "NEAR(w5 w6, 3)", "w1f*"):
                times = common.interleaved({query: lambda: index.search(query)}, 5)[query]
                print(f"{query:22} {sorted(times)[2] * 1e3:8.1f} ms {index.count(query):8,} pages")
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dump", help="a dump packed with bzip2, or `search`")
    parser.add_argument("--pages", type=int, default=200_000, help="of the wiki to search in")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.dump == "search":
        searching(arguments.pages)
    else:
        parsing(pathlib.Path(arguments.dump), arguments.rounds)


if __name__ == "__main__":
    main()
