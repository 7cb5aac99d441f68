"""Recordings kept as they were published, decoded on reading: ours, TFDS's lazy Audio, librosa, bare.

    python benchmarks/audio_decoding.py [--clips 200]

The same stereo clips of 30 s at 44.1 kHz (made here), as MP3 and as WAV, decoded to float32. `bare`
is `soundfile` called on the bytes, in one thread and in one a core: no pipeline can be faster. TFDS's
lazy `Audio` decodes with pydub, which runs ffmpeg for MP3; it and librosa are left out, saying so,
where they are not installed.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import importlib.util
import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import numpy as np
import soundfile
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import logging

from tfds_extra import core, features

_RATE = 44_100
_SECONDS = 30
_DISTINCT = 8  # Encoding MP3 takes longer than all the rest.


def clips(number: int, form: str, subtype: str) -> list[bytes]:
    """Encoded recordings: a tone and noise in each of two channels."""
    noise = np.random.default_rng(0)
    time = np.arange(_SECONDS * _RATE)[:, None] / _RATE
    distinct = []
    for i in range(min(number, _DISTINCT)):
        tone = 0.3 * np.sin(2 * np.pi * (220 + 40 * i) * np.array([1, 1.5]) * time)
        content = io.BytesIO()
        samples = tone + noise.normal(scale=0.05, size=tone.shape)
        soundfile.write(content, samples, _RATE, format=form, subtype=subtype)
        distinct.append(content.getvalue())
    return [distinct[i % len(distinct)] for i in range(number)]


def bare(content: bytes) -> np.ndarray:
    samples, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    return samples


def bare_in_threads(contents: list[bytes]) -> Iterator[np.ndarray]:
    """In as many threads as cores; keeps no more results than there are threads."""
    waiting: collections.deque = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for content in contents:
            waiting.append(pool.submit(bare, content))
            if len(waiting) > 2 * os.cpu_count():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def with_librosa(content: bytes) -> np.ndarray:
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples, _ = librosa.load(io.BytesIO(content), sr=None, mono=False)
    return samples


def pipeline(feature: tfds.features.FeatureConnector, stored: tf.data.Dataset) -> tf.data.Dataset:
    """Decodes as `as_dataset` does: a parallel map under TFDS's defaults."""
    calls = tfds.ReadConfig().num_parallel_calls_for_decode
    return stored.map(feature.decode_example, num_parallel_calls=calls).prefetch(tf.data.AUTOTUNE)


def sides(contents: list[bytes], form: str) -> dict[str, Callable[[], object]]:
    """What is timed, by name; each decodes all clips and keeps none."""

    def drain(results) -> None:
        frames = sum(len(samples) for samples in results)
        # MP3 comes in whole frames, and decoders differ in what they cut off at the ends.
        assert frames >= 0.99 * len(contents) * _SECONDS * _RATE

    stored = tf.data.Dataset.from_tensor_slices(contents)  # Copies them all: not timed.
    ours = features.EncodedAudio(channels=2)
    lazy = tfds.features.Audio(
        file_format=form.lower(),
        shape=(None, 2),
        sample_rate=_RATE,
        lazy_decode=True,
        dtype=np.int32,
    )
    found = {
        "bare, one thread": lambda: drain(map(bare, contents)),
        "bare, a thread a core": lambda: drain(bare_in_threads(contents)),
        "EncodedAudio": lambda: drain(pipeline(ours, stored)),
    }
    if importlib.util.find_spec("pydub") and (form == "WAV" or shutil.which("ffmpeg")):
        found["TFDS's lazy Audio"] = lambda: drain(pipeline(lazy, stored))
    else:
        print("TFDS's lazy Audio is left out: pydub or ffmpeg is not installed")
    if importlib.util.find_spec("librosa"):
        found["librosa, one thread"] = lambda: drain(with_librosa(c).T for c in contents)
    else:
        print("librosa is left out: it is not installed")
    return found


class Clips(core.Builder):
    """The clips as a prepared corpus, of `EncodedAudio`."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos = {}
    contents: list[bytes] = []

    @property
    def expected_counts(self) -> dict[str, int]:
        return {"train": len(self.contents)}

    def _info(self) -> tfds.core.DatasetInfo:
        audio = features.EncodedAudio(sample_rate=_RATE, channels=2)
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict({"audio": audio, "label": np.int64}),
            metadata=tfds.core.MetadataDict(),
        )

    def published_files(self):
        return {}

    def _identity(self) -> list[object]:
        return [len(self.contents)]

    def _split_generators(self, dl_manager):
        return core.by_split(["train"], [0], self._generate_examples)

    def _generate_examples(self, piece):
        for i, content in enumerate(self.contents):
            yield ("train", i), {"audio": content, "label": i}


def batches(folder: str, contents: list[bytes], batch_size: int, repeat: int) -> None:
    """Padded batches of a prepared corpus, against the same with bare `soundfile` and numpy."""
    Clips.contents = contents
    builder = Clips(data_dir=folder, num_workers=1)
    builder.download_and_prepare()
    config = tfds.ReadConfig(try_autocache=False)

    def ours() -> None:
        dataset = builder.as_dataset(split="train", batch_size=batch_size, read_config=config)
        assert sum(len(batch["label"]) for batch in dataset) == len(contents)

    def by_hand() -> None:
        results = bare_in_threads(contents)
        for start in range(0, len(contents), batch_size):
            recordings = [next(results) for _ in contents[start : start + batch_size]]
            batch = np.zeros((len(recordings), max(map(len, recordings)), 2), np.float32)
            for row, recording in zip(batch, recordings):
                row[: len(recording)] = recording

    times = common.interleaved({"bare, a thread a core": by_hand, "as_dataset": ours}, repeat)
    title = f"Padded batches of {batch_size}, {len(contents)} prepared MP3 clips"
    common.report(title, times, -(-len(contents) // batch_size), "batches")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    print(f"{os.cpu_count()} cores, {arguments.clips} clips of {_SECONDS} s")
    mp3 = clips(arguments.clips, "MP3", "MPEG_LAYER_III")
    wav = clips(arguments.clips, "WAV", "PCM_16")
    for form, contents in {"MP3": mp3, "WAV": wav}.items():
        times = common.interleaved(sides(contents, form), arguments.repeat)
        common.report(f"Decode {form}", times, len(contents), "clips")
        theirs = times.get("TFDS's lazy Audio", [])
        for name, others in {"TFDS's lazy Audio": theirs, "bare, a thread a core": times["bare, a thread a core"]}.items():  # fmt: skip
            ratios = [other / own for other, own in zip(others, times["EncodedAudio"])]
            if ratios:
                print(f"  EncodedAudio is {np.median(ratios):.2f} times as fast as {name}")
    with tempfile.TemporaryDirectory() as folder:
        batches(folder, mp3, arguments.batch_size, arguments.repeat)


if __name__ == "__main__":
    main()
