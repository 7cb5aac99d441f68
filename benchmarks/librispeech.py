"""LibriSpeech prepared and read back: ours, TFDS's librispeech, and bare libsndfile.

    python benchmarks/librispeech.py [--recordings FOLDER] [--copies 20] [--repeat 3] [--memory]

The recordings are all FLAC files below FOLDER, such as those of an extracted subset; without one, a few are
made here. Each is there so many times, under other readers. What is read is given in seconds of audio per
second. `bare` is `soundfile` called on the bytes, in one thread and in one a core: no pipeline can be
faster. TFDS's builder decodes with ffmpeg when it prepares; here it is given the same samples by libsndfile,
so that its prepared files are what they would be, and its time to prepare is not compared. With torchaudio
installed, its reading of the extracted files is another side.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import importlib.util
import io
import os
import pathlib
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import numpy as np
import soundfile
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.datasets.librispeech import librispeech_dataset_builder as standard

import tfds_extra

_RATE = 16_000
_SPLIT, _SUBSET = "train_clean100", "train-clean-100"
_NO_CACHE = tfds.ReadConfig(try_autocache=False)


def made(number: int = 8) -> list[bytes]:
    """Recordings of 14 s: tones that come and go, in noise."""
    chance = np.random.default_rng(0)
    time = np.arange(14 * _RATE) / _RATE
    found = []
    for i in range(number):
        tone = np.sin(2 * np.pi * (150 + 30 * i) * time) * np.sin(2 * np.pi * 3 * time) ** 2
        samples = 0.2 * tone + chance.normal(scale=0.01, size=len(time))
        content = io.BytesIO()
        soundfile.write(content, samples, _RATE, format="FLAC", subtype="PCM_16")
        found.append(content.getvalue())
    return found


def lay_out(folder: pathlib.Path, recordings: list[bytes], copies: int) -> list[pathlib.Path]:
    """Writes the corpus as it is extracted; returns its recordings."""
    paths = []
    for reader in range(1, copies + 1):
        chapter = folder / "LibriSpeech" / _SUBSET / str(reader) / "7"
        chapter.mkdir(parents=True)
        lines = []
        for i, content in enumerate(recordings):
            paths.append(chapter / f"{reader}-7-{i:04}.flac")
            paths[-1].write_bytes(content)
            lines.append(f"{reader}-7-{i:04} SOME WORDS THAT ARE READ ALOUD\n")
        (chapter / f"{reader}-7.trans.txt").write_text("".join(lines))
    return paths


def ours(config: str, folder: pathlib.Path, data_dir: pathlib.Path, **kwargs):
    """Our builder, prepared."""
    kwargs = {"check_pcm": False, "num_workers": 1, **kwargs}
    builder = tfds.builder(
        f"librispeech_extended/{config}", data_dir=data_dir, partial=True, **kwargs
    )
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=folder))
    return builder


class Standard(standard.Builder, skip_registration=True):
    """TFDS's librispeech, of our recordings, decoded by libsndfile in place of ffmpeg."""

    name = "librispeech"
    pkg_dir_path = pathlib.Path(standard.__file__).parent
    url_infos = {}
    folder: pathlib.Path

    def _split_generators(self, dl_manager):
        return {_SPLIT: self._generate_examples(self.folder)}

    def _generate_examples(self, directory):
        for key, example in super()._generate_examples(directory):
            example["speech"] = soundfile.read(example["speech"], dtype="int16")[0]
            yield key, example


def theirs(folder: pathlib.Path, data_dir: pathlib.Path):
    """The standard builder, prepared."""
    Standard.folder = folder
    builder = Standard(data_dir=data_dir, config="default")
    builder.download_and_prepare()
    return builder


def drain(builder, count: int) -> Callable[[], None]:
    """Reads all samples of a prepared corpus, as `as_dataset` gives them."""

    def run() -> None:
        dataset = builder.as_dataset(split=_SPLIT, as_supervised=True, read_config=_NO_CACHE)
        lengths = dataset.map(lambda speech, _: tf.size(speech, tf.int64))
        assert int(lengths.reduce(tf.constant(0, tf.int64), lambda a, b: a + b)) == count

    return run


def drain_source(builder, count: int) -> Callable[[], None]:
    """Reads all samples by random access, 64 utterances at a time."""

    def run() -> None:
        source = builder.as_data_source(split=_SPLIT)
        found = 0
        for start in range(0, len(source), 64):
            keys = list(range(start, min(start + 64, len(source))))
            found += sum(len(one["speech"]) for one in source.__getitems__(keys))
        assert found == count

    return run


def bare(content: bytes) -> int:
    return len(soundfile.read(io.BytesIO(content), dtype="int16")[0])


def bare_in_threads(contents: list[bytes]) -> int:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(pool.map(bare, contents))


def with_torchaudio(paths: list[pathlib.Path]) -> int:
    import torchaudio

    return sum(torchaudio.load(str(path))[0].shape[1] for path in paths)


def read_back(folder: pathlib.Path, paths: list[pathlib.Path], seconds: float, repeat: int) -> None:
    contents = [path.read_bytes() for path in paths]
    count = round(seconds * _RATE)
    flac = ours(_SPLIT, folder, folder / "flac")
    pcm = ours(f"{_SPLIT}_pcm", folder, folder / "pcm")
    source = ours(_SPLIT, folder, folder / "random", file_format="array_record")
    librispeech = theirs(folder, folder / "theirs")
    published = sum(map(len, contents))
    for name, builder in {"FLAC": flac, "int16": pcm, "librispeech": librispeech}.items():
        size = int(builder.info.dataset_size)
        print(f"prepared as {name}: {size:,} bytes, {size / published:.3f} of the FLAC files'")
    sides: dict[str, Callable[[], object]] = {
        "librispeech of TFDS": drain(librispeech, count),
        "bare, one thread": lambda: sum(map(bare, contents)),
        "bare, a thread a core": lambda: bare_in_threads(contents),
        "ours, FLAC": drain(flac, count),
        "ours, int16": drain(pcm, count),
        "ours, random access": drain_source(source, count),
    }
    if importlib.util.find_spec("torchaudio"):
        sides["torchaudio"] = lambda: with_torchaudio(paths)
    else:
        print("torchaudio is left out: it is not installed")
    # On a machine that others use, too, this says more than the time on the clock.
    work = common.interleaved(sides, repeat, clock=time.process_time)
    common.report("Read back, processor time of all threads", work, round(seconds), "s of audio")
    times = common.interleaved(sides, repeat)
    common.report("Read back", times, round(seconds), "s of audio")
    cores = os.cpu_count()
    pairs = zip(times["bare, one thread"], times["ours, FLAC"])
    share = np.median([one / cores / own for one, own in pairs])
    print(f"  ours, FLAC, is {share:.2f} of bare in one thread times {cores} cores")
    pairs = zip(times["bare, a thread a core"], times["ours, FLAC"])
    print(f"  and {np.median([one / own for one, own in pairs]):.2f} of bare in a thread a core")


def preparing(folder: pathlib.Path, paths: list[pathlib.Path], repeat: int) -> None:
    data_dir = folder / "again"

    def prepare(**kwargs) -> None:
        shutil.rmtree(data_dir, ignore_errors=True)
        ours(_SPLIT, folder, data_dir, **kwargs)

    def copy() -> None:
        shutil.rmtree(data_dir, ignore_errors=True)
        shutil.copytree(folder / "LibriSpeech", data_dir)
        for path in data_dir.rglob("*.flac"):  # What is prepared is on the disk, too.
            with path.open("rb") as file:
                os.fsync(file.fileno())

    sides = {
        "copying, synced": copy,
        "preparing": prepare,
        "and checking samples": lambda: prepare(check_pcm=True),
    }
    megabytes = sum(path.stat().st_size for path in paths) >> 20
    common.report("Prepare", common.interleaved(sides, repeat), megabytes, "MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=pathlib.Path, help="a folder with FLAC files")
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="only prepare, and print the peak")
    arguments = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    recordings = made()
    if arguments.recordings:
        recordings = [path.read_bytes() for path in sorted(arguments.recordings.rglob("*.flac"))]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        paths = lay_out(folder, recordings, arguments.copies)
        frames = sum(soundfile.info(io.BytesIO(one)).frames for one in recordings)
        seconds = frames * arguments.copies / _RATE
        print(f"{os.cpu_count()} cores, {len(paths):,} recordings of {seconds:,.0f} s together")
        if arguments.memory:
            ours(_SPLIT, folder, folder / "flac")
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(f"peak of memory: {peak >> (20 if sys.platform == 'darwin' else 10):,} MiB")
            return
        read_back(folder, paths, seconds, arguments.repeat)
        preparing(folder, paths, arguments.repeat)


if __name__ == "__main__":
    main()
