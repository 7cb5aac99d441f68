"""Free Spoken Digit with the standard catalogue's `spoken_digit` and with ours, side by side.

    python benchmarks/spoken_digit.py ARCHIVE

ARCHIVE is a tar.gz of release 1.0.10 with its top folder. Both builders prepare the same 3,000
recordings from it (the standard one extracts it first, as it always does), and both results are read
in padded batches of 100 without caching. Neither side's time holds a download. Ours is also prepared by
two processes: one of them has done everything before the other is ready.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pathlib
import pstats
import shutil
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import tensorflow_datasets as tfds
from absl import logging

import tfds_extra
from tfds_extra import core

_ROOT = "free-spoken-digit-dataset-1.0.10"
_RECORDINGS = 3000
_PCM_BYTES = 2 * 10_498_424  # 16-bit samples of the release.


def builders(archive: pathlib.Path, folder: pathlib.Path):
    """Makers of both builders, each with a data folder that is empty again at every call.

    The classes are changed so that they take `archive` for the published file.
    """
    standard = tfds.builder_cls("spoken_digit")
    ours = tfds.builder_cls("free_spoken_digit")

    def split_generators(self, dl_manager):
        method = tfds.download.resource.ExtractMethod.TAR_GZ
        resource = tfds.download.Resource(path=archive, extract_method=method)
        path = dl_manager.extract(resource) / _ROOT / "recordings"
        return [tfds.core.SplitGenerator(name="train", gen_kwargs={"path": os.fspath(path)})]

    standard._split_generators = split_generators
    ours.fetch = lambda self, dl_manager: {"release": core.Tree(archive, root=_ROOT)}
    return common.makers(folder, standard, ours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=pathlib.Path)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--profile", action="store_true", help="where preparing spends its time")
    arguments = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        compare(arguments, pathlib.Path(folder))


def compare(arguments: argparse.Namespace, folder: pathlib.Path) -> None:
    makers = builders(arguments.archive.resolve(), folder)
    prepared = {}

    def prepare(name: str):
        prepared[name] = makers[name]()
        prepared[name].download_and_prepare()

    def two_processes():
        data_dir = folder / "two_processes"
        shutil.rmtree(data_dir, ignore_errors=True)
        tfds.builder("free_spoken_digit", data_dir=data_dir, num_workers=2).download_and_prepare()

    sides = {name: lambda name=name: prepare(name) for name in makers}
    times = common.interleaved({**sides, "ours, two processes": two_processes}, arguments.repeat)
    common.report("Prepare 3,000 recordings from the archive", times, _RECORDINGS, "examples")

    print("\nPrepared bytes, of the bytes of all samples")
    for name, builder in prepared.items():
        size = builder.info.dataset_size
        print(f"  {name:24} {size:12,} {size / _PCM_BYTES:6.2f} x")

    config = tfds.ReadConfig(try_autocache=False)

    def read(name: str, **kwargs):
        splits = "+".join(prepared[name].info.splits)
        dataset = prepared[name].as_dataset(
            split=splits, batch_size=100, read_config=config, **kwargs
        )
        assert sum(1 for _ in dataset) == _RECORDINGS // 100

    for title, kwargs in {"all features": {}, "audio and label": {"as_supervised": True}}.items():
        times = common.interleaved(
            {name: lambda name=name: read(name, **kwargs) for name in makers}, arguments.repeat
        )
        common.report(f"Read in padded batches of 100, {title}", times, _RECORDINGS, "examples")

    if arguments.profile:
        for name in makers:
            with cProfile.Profile() as profile:
                prepare(name)
            print(f"\nPreparing with {name}")
            pstats.Stats(profile).sort_stats("tottime").print_stats(15)


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
