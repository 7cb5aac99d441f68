"""Yelp reviews with plain TFDS, with ours, and with Hugging Face `datasets`, from the same generated rows.

    python -m pip install datasets     # else that side is left out
    python benchmarks/yelp.py          # a million reviews
    python benchmarks/yelp.py memory   # seven million reviews joined with two million users: an hour

The rows are made up, in the published layout and about as long as the published ones. Plain TFDS writes
the same examples as ours with its own engine, since its catalogue has no such corpus. `memory` prints
the time, the peak memory and the size of what is joined from, for a tenth of the rows and for all of
them: the peak must not grow with the rows.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import pathlib
import random
import resource
import shutil
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import tensorflow_datasets as tfds
from absl import logging

import tfds_extra

_PREFIX = "yelp_academic_dataset_"
_WORDS = (
    "the food was great and we loved it service slow but friendly place is nice back again menu"
    " really good prices a little high staff caf\N{LATIN SMALL LETTER E WITH ACUTE} pizza\n\n I ordered"
).split(" ")


def _id(kind: str, number: int) -> str:
    return f"{kind}{number:021}"


def _write(path: pathlib.Path, rows) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def _reviews(count: int, users: int, businesses: int):
    dice = random.Random(0)
    texts = [
        " ".join(dice.choices(_WORDS, k=int(dice.expovariate(1 / 110)) + 5)) for _ in range(999)
    ]
    for number in range(count):
        yield {
            "review_id": _id("r", number),
            "user_id": _id("u", dice.randrange(users)),
            "business_id": _id("b", int(dice.random() ** 2 * businesses)),
            "stars": float(dice.choice((1, 2, 3, 4, 4, 5, 5, 5))),
            "useful": dice.randrange(4),
            "funny": 0,
            "cool": number % 2,
            "text": texts[dice.randrange(999)],
            "date": f"20{10 + number % 12}-0{1 + number % 9}-1{number % 10} 22:09:{10 + number % 50}",
        }


def _users(count: int, friends: int):
    compliments = "hot more profile cute list note plain cool funny writer photos".split()
    for number in range(count):
        yield {
            "user_id": _id("u", number),
            "name": f"Name{number % 5000}",
            "review_count": number % 700,
            "yelping_since": "2007-01-25 16:47:26",
            "useful": number % 9000,
            "funny": 5,
            "cool": 7,
            "elite": "2018,2019,20,20" if number % 20 == 0 else "",
            "friends": ", ".join(_id("u", number + k) for k in range(friends)) or "None",
            "fans": number % 3,
            "average_stars": 3.91,
            **{f"compliment_{kind}": number % 2 for kind in compliments},
        }


def _businesses(count: int):
    for number in range(count):
        yield {
            "business_id": _id("b", number),
            "name": f"Place {number}",
            "address": f"{number} Main St",
            "city": "Springfield",
            "state": "IL",
            "postal_code": "62701",
            "latitude": 39.8 + number / 1e6,
            "longitude": -89.6,
            "stars": 3.5,
            "review_count": number % 500,
            "is_open": number % 2,
            "attributes": {"WiFi": "u'free'", "BusinessParking": "{'garage': False, 'lot': True}"},
            "categories": "Restaurants, Beer, Wine & Spirits, Food",
            "hours": {"Monday": "8:30-17:0"},
        }


def generate(folder: pathlib.Path, reviews: int, *, joined: bool, friends: int = 15) -> int:
    """Writes made-up tables, and returns the bytes of the reviews.

    Args:
      folder: Where they go.
      reviews: Number of reviews; of users and businesses there are as many for each as published.
      joined: Whether users and businesses are written, too.
      friends: Of each user; the published ones have some 60.
    """
    users, businesses = max(reviews * 2 // 7, 1), max(reviews // 46, 1)
    folder.mkdir(parents=True)
    path = folder / f"{_PREFIX}review.json"
    _write(path, _reviews(reviews, users, businesses))
    if joined:
        _write(folder / f"{_PREFIX}user.json", _users(users, friends))
        _write(folder / f"{_PREFIX}business.json", _businesses(businesses))
    return path.stat().st_size


def _prepare(manual_dir: pathlib.Path, folder: pathlib.Path, config: str, prepare=None, **kwargs):
    cls = tfds.builder_cls("yelp_open")
    data_dir = tempfile.mkdtemp(dir=folder)
    # Nobody published the sizes of what is made up.
    builder = cls(data_dir=data_dir, config=config, partial=True, **kwargs)
    (prepare or cls.download_and_prepare)(
        builder, download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )
    found = builder.info.splits["train"].num_examples
    size = builder.info.dataset_size
    shutil.rmtree(data_dir)
    return found, size


def compare(rows: int, repeat: int, folder: pathlib.Path) -> None:
    """Prints how long each side takes to prepare so many reviews."""
    import tensorflow  # noqa: F401  Loaded before anything is timed.

    manual_dir = folder / "json"
    size = generate(manual_dir, rows, joined=False)
    print(f"{rows:,} reviews, {size / 1e6:,.0f} MB")
    plain = tfds.core.GeneratorBasedBuilder.download_and_prepare

    def made(**kwargs) -> None:
        found, _ = _prepare(manual_dir, folder, "review", **kwargs)
        assert found == rows

    sides = {
        "TFDS writing ours": lambda: made(prepare=plain),
        "ours, 1 process": lambda: made(num_workers=1),
        "ours, 2 processes": lambda: made(num_workers=2),
        **common.hugging_face(
            folder, "json", data_files={"train": str(manual_dir / f"{_PREFIX}review.json")}
        ),
    }
    times = common.interleaved(sides, repeat, warm_up=0)
    common.report(f"{rows:,} reviews of Yelp", times, rows, "reviews")


def _measure(manual_dir: pathlib.Path, folder: pathlib.Path, answers) -> None:
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    started = time.perf_counter()
    found, size = _prepare(manual_dir, folder, "review_joined", num_workers=1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers.put((found, size, time.perf_counter() - started, peak))


def memory(rows: int, folder: pathlib.Path) -> None:
    """Prints time and peak memory of joined reviews, of a tenth of the rows and of all."""
    spawn = multiprocessing.get_context(
        "spawn"
    )  # A process of its own for each, whose peak is its.
    for number in (rows // 10, rows):
        manual_dir = folder / f"tables_{number}"
        generate(manual_dir, number, joined=True)
        size = sum(path.stat().st_size for path in manual_dir.iterdir())
        answers = spawn.Queue()
        process = spawn.Process(target=_measure, args=(manual_dir, folder, answers))
        process.start()
        found, prepared, seconds, peak = answers.get()
        process.join()
        shutil.rmtree(manual_dir)
        print(
            f"{found:,} joined reviews from {size / 1e6:,.0f} MB: {seconds:.0f} s,"
            f" peak {peak / 1024:.0f} MiB, prepared {prepared / 1e6:,.0f} MB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("compare", "memory"), default="compare")
    parser.add_argument("--rows", type=int, help="reviews; one or seven million by default")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--folder", help="where files go; the one of temporary files by default")
    arguments = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        if arguments.what == "memory":
            memory(arguments.rows or 7_000_000, pathlib.Path(folder))
        else:
            compare(arguments.rows or 1_000_000, arguments.repeat, pathlib.Path(folder))


if __name__ == "__main__":
    main()
