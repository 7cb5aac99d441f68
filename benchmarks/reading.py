"""Reading as most people write it, without `batch_size=`: the standard builders against ours.

    python benchmarks/reading.py                    # images, pictures and others, which are made up
    python benchmarks/reading.py ARCHIVE            # recordings as well

ARCHIVE is a tar.gz of release 1.0.10 of Free Spoken Digit with its top folder.
Recordings are read as `as_supervised=True` and `padded_batch`, images through `map` and `batch`, by
the standard `spoken_digit` and `mnist` and by our `free_spoken_digit` and `qmnist`, which prepare the same
files; beside the images, a source that costs nothing tells what the caller's `map` and `batch` take. For
other kinds of features (JPEG, FLAC, sequences of sequences), put into batches, both sides read the same
prepared files: TFDS's own way, and ours. Nothing is cached. Sides run in turn; medians, and the ratio to
the first, by the clock and by the time of all processors.
"""

from __future__ import annotations

import argparse
import io
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import images
import numpy as np
import PIL.Image
import soundfile
import spoken_digit
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import logging

import tfds_extra
from tfds_extra import core
from tfds_extra.features import EncodedAudio

_UNCACHED = tfds.ReadConfig(try_autocache=False)


class Kinds(core.Builder):
    """Features that are decoded one by one: JPEG, FLAC, and sequences of sequences."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name) for name in ("jpeg", "flac", "sequences of sequences")
    ]
    COUNT = 4000
    url_infos: dict = {}

    @property
    def expected_counts(self):
        return {"train": self.COUNT}

    def facts_path(self, file_name):
        return pathlib.Path(__file__).parent / file_name

    def _info(self):
        features = {
            "jpeg": lambda: tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
            "flac": EncodedAudio,
            "sequences of sequences": lambda: tfds.features.Sequence(
                tfds.features.Sequence(tfds.features.Text())
            ),
        }[self.builder_config.name]()
        names = [f"name {number}" for number in range(6)]
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {"x": features, "y": np.int64, **dict.fromkeys(names, tfds.features.Text())}
            ),
            supervised_keys=("x", "y"),
            metadata=tfds.core.MetadataDict(),
        )

    def published_files(self):
        return {}

    def _split_generators(self, dl_manager):
        return core.by_split(["train"], [0], self._generate_examples)

    def _generate_examples(self, start):
        rng, name, content = np.random.default_rng(0), self.builder_config.name, io.BytesIO()
        if name == "jpeg":
            coarse = PIL.Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
            coarse.resize((64, 48)).save(content, "JPEG", quality=90)
        elif name == "flac":
            samples = rng.integers(-900, 900, 4000).cumsum().astype(np.int16) // 4
            soundfile.write(content, samples, 16_000, format="FLAC")
        for number in range(self.COUNT):
            x = content.getvalue() or [["word"] * k for k in range(number % 5)]
            others = {f"name {k}": f"text {number} {k}" for k in range(6)}
            yield ("train", number), {"x": x, "y": number, **others}


def compare(archive: pathlib.Path | None, repeat: int, folder: pathlib.Path) -> None:
    """Prints how many examples each side reads in a second."""
    corpora = [("images, map and batch", _images(folder), _scaled)]
    if archive:
        makers = spoken_digit.builders(archive.resolve(), folder)
        corpora.append(("recordings, shuffle and padded_batch", makers, _padded))
    for title, makers, finish in corpora:
        prepared = {name: make() for name, make in makers.items()}
        for builder in prepared.values():
            builder.download_and_prepare()
        sides = {
            name: lambda builder=builder, finish=finish: _read(builder, finish)
            for name, builder in prepared.items()
        }
        count = prepared[next(iter(makers))].info.splits.total_num_examples
        if finish is _scaled:
            sides["a source that costs nothing"] = lambda count=count: _count(_scaled(_free(count)))
        _report(title, sides, repeat, count)
    for config in Kinds.BUILDER_CONFIGS:
        builder = Kinds(data_dir=folder, config=config)
        builder.download_and_prepare()
        finish = _PADDED if config.name == "flac" else _BATCHED

        def theirs(builder=builder, finish=finish) -> None:
            dataset = tfds.core.GeneratorBasedBuilder._as_dataset(
                builder, split="train", read_config=_UNCACHED
            )
            keys = builder.info.supervised_keys
            dataset = dataset.map(lambda example: tuple(example[key] for key in keys))
            _count(finish(dataset.prefetch(tf.data.AUTOTUNE)))

        ours = lambda builder=builder, finish=finish: _read(builder, finish)  # noqa: E731
        sides = {"TFDS's way": theirs, "ours": ours}
        _report(f"{config.name}, as_supervised", sides, repeat, Kinds.COUNT)


def _report(title: str, sides: dict, repeat: int, count: int) -> None:
    for clock in (time.perf_counter, time.process_time):
        times = common.interleaved(sides, repeat, clock=clock)
        common.report(f"{title}, {clock.__name__}", times, count, "examples")


def _free(count: int) -> tf.data.Dataset:
    """As many images, which are neither read nor parsed."""
    chunk = np.zeros((100, 28, 28, 1), np.uint8), np.zeros(100, np.int64)
    return tf.data.Dataset.from_tensors(chunk).repeat(count // 100).unbatch()


def _images(folder: pathlib.Path, count: int = 20_000):
    return images.builders(images.write_files(folder, count), count, folder)


def _read(builder: tfds.core.DatasetBuilder, finish) -> None:
    split = "+".join(builder.info.splits)
    dataset = builder.as_dataset(split=split, as_supervised=True, read_config=_UNCACHED)
    _count(finish(dataset))


def _count(dataset: tf.data.Dataset) -> int:
    return sum(1 for _ in dataset)


_BATCHED = lambda dataset: dataset.batch(64)  # noqa: E731
_PADDED = lambda dataset: dataset.padded_batch(64)  # noqa: E731


def _padded(dataset: tf.data.Dataset) -> tf.data.Dataset:
    return dataset.shuffle(1000).padded_batch(64)


def _scaled(dataset: tf.data.Dataset) -> tf.data.Dataset:
    return dataset.map(lambda image, label: (tf.cast(image, tf.float32) / 255, label)).batch(64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=pathlib.Path, nargs="?")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        compare(arguments.archive, arguments.repeat, pathlib.Path(folder))


if __name__ == "__main__":
    main()
