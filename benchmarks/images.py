"""Small images from idx files with the standard catalogue's `mnist` and with our `qmnist`, side by side.

    python benchmarks/images.py [--images 60000] [--repeat 3]

The images are generated: strokes of about as much ink as MNIST's digits. Both builders prepare one
split from the same packed idx file (the standard one unpacks it to disk first, as it always does);
ours has more features to write. Both results are read in batches without caching: image and class,
then all features (the standard one has only these two). Runs alternate; medians are printed, and how
many times as fast as the standard one ours is.
"""

from __future__ import annotations

import argparse
import gzip
import os
import pathlib
import struct
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import numpy as np
import tensorflow_datasets as tfds
from absl import logging

import tfds_extra
from tfds_extra import core

_DISTINCT = 6000  # The others are these, moved by a pixel or more.
_POINTS = 24  # Of a stroke.


def strokes(count: int) -> np.ndarray:
    """Images of a thick curve each, uint8 of shape (count, 28, 28)."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, _POINTS, dtype=np.float32)[:, np.newaxis]
    bend = np.hstack([(1 - t) ** 2, 2 * t * (1 - t), t**2])
    centres = np.einsum("pk,nkc->npc", bend, rng.uniform(6, 22, (_DISTINCT, 3, 2)))
    grid = np.arange(28, dtype=np.float32)
    images = np.zeros((_DISTINCT, 28, 28), np.float32)
    for point in range(_POINTS):
        y, x = (np.exp(-((centres[:, point, c, None] - grid) ** 2) / 2) for c in (0, 1))
        np.maximum(images, y[:, :, None] * x[:, None, :], out=images)
    images = np.where(images > 0.1, images * 255, 0).astype(np.uint8)
    moved = [np.roll(images, (i % 3, i // 3), (1, 2)) for i in range(-(-count // _DISTINCT))]
    return np.concatenate(moved)[:count]


def write_files(folder: pathlib.Path, count: int) -> dict[str, pathlib.Path]:
    """Packed idx files of images, of classes, and of rows as QMNIST's label files have them."""
    rows = np.random.default_rng(1).integers(0, 4000, (count, 8)).astype(np.int32)
    rows[:, 0] %= 10
    contents = {"images": strokes(count), "classes": rows[:, 0].astype(np.uint8), "rows": rows}
    paths = {}
    for name, array in contents.items():
        paths[name] = folder / f"{name}.gz"
        code = {"uint8": 8, "int32": 12}[array.dtype.name]
        header = struct.pack(f">2xBB{array.ndim}i", code, array.ndim, *array.shape)
        content = header + array.astype(array.dtype.newbyteorder(">")).tobytes()
        paths[name].write_bytes(gzip.compress(content, 6))
    return paths


def builders(paths: dict[str, pathlib.Path], count: int, folder: pathlib.Path):
    """Makers of both builders, each with a data folder that is empty again at every call.

    The classes are changed so that they take the generated files for the published ones.
    """
    standard, ours = tfds.builder_cls("mnist"), tfds.builder_cls("qmnist")

    def split_generators(self, dl_manager):
        method = tfds.download.resource.ExtractMethod.GZIP
        unpacked = {
            name: dl_manager.extract(tfds.download.Resource(path=path, extract_method=method))
            for name, path in paths.items()
        }
        kwargs = {
            "num_examples": count,
            "data_path": unpacked["images"],
            "label_path": unpacked["classes"],
        }
        return [tfds.core.SplitGenerator(name="train", gen_kwargs=kwargs)]

    standard._split_generators = split_generators
    ours.expected_counts = {"train": count}
    ours.fetch = lambda self, dl_manager: {
        "train_images": core.Content(paths["images"]),
        "train_labels": core.Content(paths["rows"]),
    }
    return common.makers(folder, standard, ours)


def compare(arguments: argparse.Namespace, folder: pathlib.Path) -> None:
    count = arguments.images
    makers = builders(write_files(folder, count), count, folder)
    prepared = {}

    def prepare(name: str):
        prepared[name] = makers[name]()
        prepared[name].download_and_prepare()

    times = common.interleaved(
        {name: lambda name=name: prepare(name) for name in makers}, arguments.repeat
    )
    common.report(f"Prepare {count:,} images from packed idx files", times, count, "images")

    print("\nPrepared bytes")
    for name, builder in prepared.items():
        print(f"  {name:24} {builder.info.dataset_size:12,}")

    def batches(name: str, **kwargs):
        config = tfds.ReadConfig(try_autocache=False)
        return prepared[name].as_dataset(
            split="train", batch_size=128, read_config=config, **kwargs
        )

    def pairs(name: str):
        assert sum(len(images) for images, _ in batches(name, as_supervised=True)) == count

    def everything(name: str):
        assert sum(len(batch["image"]) for batch in batches(name)) == count

    check_same(*(batches(name, as_supervised=True) for name in makers))
    for read, what in ((pairs, "(image, label)"), (everything, "all features")):
        times = common.interleaved(
            {name: lambda name=name: read(name) for name in makers}, arguments.repeat
        )
        common.report(f"Read {what} in batches of 128", times, count, "images")


def check_same(*sides) -> None:
    """Raises if what is compared are not the same images of the same classes, in whatever order."""
    found = [
        sorted(
            (int(label), image.tobytes())
            for images, labels in tfds.as_numpy(side)
            for image, label in zip(images, labels)
        )
        for side in sides
    ]
    if found[0] != found[1]:
        raise AssertionError("the two sides have different images or classes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        compare(arguments, pathlib.Path(folder))


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
