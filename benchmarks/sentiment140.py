"""Sentiment140 with plain TFDS, with ours, and with Hugging Face `datasets`, from the same generated rows.

    python -m pip install datasets              # else that side is left out
    python benchmarks/sentiment140.py           # 1.6 million rows: half an hour, most of it plain TFDS
    python benchmarks/sentiment140.py --rows 20000

The rows are made up, in the published layout and about as long as the published ones: one in 80 is not
ASCII, one in 17 has HTML entities, one in 500 has an id twice. Plain TFDS is its standard builder
`sentiment140`, which has five features. Ours is timed with these five (`tfds_compat`), and with all
features of the default config. Plain TFDS writing all of ours is timed, too, of at most 100,000 rows. All sides run in turn in
one process; medians and ratios. Two workers include starting them.

What is prepared is then read: the five features of each row one by one, and in batches of 256, by TFDS,
by ours, and from Hugging Face's Arrow file, as rows of Python and through its `to_tf_dataset`.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import pathlib
import random
import shutil
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import tensorflow  # noqa: F401  Loaded before anything is timed.
import tensorflow_datasets as tfds
from absl import logging

import tfds_extra

TRAIN = "training.1600000.processed.noemoticon.csv"
TEST = "testdata.manual.2009.06.14.csv"
# One fewer than were published, so that they are taken for a part.
_ROWS, TESTED = 1_599_999, 497
_READ, _BATCH = 100_000, 256  # Rows that are read, and rows of a batch.
_SLOW = 100_000  # More rows are an hour's work for TFDS writing all features.
_WORDS = "i you the to a it my and is in so just not good sad work today day love http://bit.ly/x2".split()


def write_rows(path: pathlib.Path, rows: int) -> None:
    """Writes made-up rows, the first half negative and the second positive."""
    dice = random.Random(0)
    start = datetime.datetime(2009, 4, 6, 22, 19, 45)
    with path.open("wb") as file:
        for row in range(rows):
            words = " ".join(dice.choices(_WORDS, k=dice.randint(4, 26)))
            if row % 80 == 0:
                words += " caf\N{LATIN SMALL LETTER E WITH ACUTE}"
            if row % 17 == 0:
                words += " &lt;3 &quot;yes&quot;"
            id_ = 1467810369 + 400 * (row - row % 500 // 499)
            date = start + datetime.timedelta(seconds=4 * row)
            file.write(
                f'"{0 if 2 * row < rows else 4}","{id_}","{date:%a %b %d %H:%M:%S} PDT 2009",'
                f'"NO_QUERY","user_{dice.randrange(600_000)}","{words} "\n'.encode()
            )


def write_files(folder: pathlib.Path, rows: int) -> tuple[pathlib.Path, type, type]:
    """Writes both files; returns their folder, our builder and the standard one, which reads them."""
    manual_dir = folder / "csv"
    manual_dir.mkdir()
    write_rows(manual_dir / TRAIN, rows)
    write_rows(manual_dir / TEST, TESTED)
    size = (manual_dir / TRAIN).stat().st_size
    print(f"{rows:,} rows, {size / 1e6:,.0f} MB")
    ours, standard = tfds.builder_cls("sentiment140_extended"), tfds.builder_cls("sentiment140")
    standard._split_generators = lambda self, dl_manager: [
        tfds.core.SplitGenerator(name=name, gen_kwargs={"path": os.fspath(manual_dir / file)})
        for name, file in (("train", TRAIN), ("test", TEST))
    ]
    return manual_dir, ours, standard


def compare(rows: int, repeat: int, folder: pathlib.Path) -> None:
    """Prints how long each side takes to prepare so many rows."""
    manual_dir, ours, standard = write_files(folder, rows)
    config_of_files = tfds.download.DownloadConfig(manual_dir=manual_dir)

    def made(cls: type, prepare=None, **kwargs) -> None:
        data_dir = tempfile.mkdtemp(dir=folder)
        builder = cls(data_dir=data_dir, **kwargs)
        (prepare or cls.download_and_prepare)(builder, download_config=config_of_files)
        assert builder.info.splits["train"].num_examples == rows
        shutil.rmtree(data_dir)

    def made_of_part(config: str, num_workers: int = 1, prepare=None) -> None:
        # Nobody published the digest of what is made up.
        made(ours, prepare, config=config, num_workers=num_workers, partial=True)

    plain = tfds.core.GeneratorBasedBuilder.download_and_prepare
    sides = {
        "TFDS sentiment140": lambda: made(standard),
        "ours, the same, 1 process": lambda: made_of_part("tfds_compat"),
        "ours, full, 1 process": lambda: made_of_part("full"),
        "ours, full, 2 processes": lambda: made_of_part("full", 2),
        **common.hugging_face(folder, "csv", **_hugging_face_options(manual_dir)),
    }
    if rows <= _SLOW:
        sides["TFDS writing ours, full"] = lambda: made_of_part("full", prepare=plain)
    times = common.interleaved(sides, repeat, warm_up=0)
    common.report(f"{rows:,} rows of Sentiment140", times, rows, "rows")


def _hugging_face_options(manual_dir: pathlib.Path) -> dict:
    return {
        "data_files": {"train": str(manual_dir / TRAIN), "test": str(manual_dir / TEST)},
        "column_names": ["polarity", "id", "date", "query", "user", "text"],
        "encoding": "ISO-8859-1",
    }


def read(rows: int, repeat: int, folder: pathlib.Path) -> None:
    """Prints how fast prepared rows are read, one by one and in batches."""
    manual_dir, ours, standard = write_files(folder, rows)
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builders = {
        "TFDS sentiment140": standard(data_dir=folder / "standard"),
        "ours": ours(data_dir=folder / "ours", config="tfds_compat", partial=True),
    }
    for builder in builders.values():
        builder.download_and_prepare(download_config=config)
    uncached = tfds.ReadConfig(try_autocache=False)

    def count(dataset, of_batch: bool) -> None:
        found = sum(len(one["text"]) if of_batch else 1 for one in dataset)
        assert found == rows, found

    def from_builder(name: str, batch_size: int | None) -> None:
        dataset = builders[name].as_dataset(
            split="train", batch_size=batch_size, read_config=uncached
        )
        count(tfds.as_numpy(dataset), batch_size is not None)

    one_by_one = {name: lambda name=name: from_builder(name, None) for name in builders}
    in_batches = {name: lambda name=name: from_builder(name, _BATCH) for name in builders}
    if importlib.util.find_spec("datasets"):
        import datasets

        table = datasets.load_dataset(
            "csv",
            cache_dir=str(folder / "arrow"),
            split="train",
            **_hugging_face_options(manual_dir),
        )
        one_by_one["Hugging Face, Arrow"] = lambda: count(table, False)
        in_batches["Hugging Face, Arrow"] = lambda: count(table.iter(_BATCH), True)
        in_batches["the same by to_tf_dataset"] = lambda: count(
            table.to_tf_dataset(batch_size=_BATCH, drop_remainder=False), True
        )
    for title, sides in (("one by one", one_by_one), (f"in batches of {_BATCH}", in_batches)):
        common.report(f"reading {title}", common.interleaved(sides, repeat), rows, "rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=_ROWS)
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        compare(arguments.rows, arguments.repeat, pathlib.Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        read(min(arguments.rows, _READ), 3, pathlib.Path(folder))


if __name__ == "__main__":
    main()
