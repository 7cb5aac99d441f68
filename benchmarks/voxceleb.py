"""VoxCeleb prepared and read back: ours, TFDS's voxceleb, and bare readers; trials scored.

    python benchmarks/voxceleb.py [--recordings FOLDER] [--speakers 20] [--repeat 3] [--memory]

Recordings are all WAV files below FOLDER, or made here. They are packed as the publisher does, the archive of
dev in four parts, as utterances of so many speakers, six each. TFDS's builder gets the same recordings in an archive
of its name, which it extracts first. M4A files are made of them by PyAV (`tfds_extra[aac]`).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import multiprocessing
import os
import pathlib
import resource
import shutil
import sys
import tempfile
import time
import wave
import zipfile
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import av
import common
import numpy as np
import soundfile
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.audio import voxceleb as standard

import tfds_extra
from tfds_extra import registry
from tfds_extra.core import digests
from tfds_extra.datasets.voxceleb_extended import sources, verification

_RATE = 16_000
_EACH = 6  # Utterances of a speaker.
_NO_CACHE = tfds.ReadConfig(try_autocache=False)


def made(number: int = 6) -> list[bytes]:
    """Recordings of about 8 s: tones that come and go, in noise."""
    chance = np.random.default_rng(0)
    found = []
    for i in range(number):
        at = np.arange(640 * (195 + 3 * i) + 1) / _RATE
        tone = np.sin(2 * np.pi * (150 + 30 * i) * at) * np.sin(2 * np.pi * 3 * at) ** 2
        samples = 6_000 * tone + chance.normal(scale=400, size=len(at))
        file = io.BytesIO()
        soundfile.write(file, np.rint(samples).astype(np.int16), _RATE, "PCM_16", format="WAV")
        found.append(file.getvalue())
    return found


def m4a(content: bytes) -> bytes:
    """A recording as AAC."""
    packed = io.BytesIO()
    with av.open(packed, "w", format="ipod") as file:
        stream = file.add_stream("aac", rate=_RATE, layout="mono")
        samples = bare(content).astype(np.float32) / 32_768
        frame = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
        frame.rate = _RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return packed.getvalue()


class World:
    """A corpus in the published layout, which our builder takes for its miniature.

    Attributes:
      folder: Where its files are.
      vox1: Content of the WAV files of dev, by id.
      vox2: Content of the M4A files of test, by id.
    """

    def __init__(self, folder: pathlib.Path, recordings: list[bytes], speakers: int):
        self.folder = folder
        folder.mkdir()
        coded = [m4a(one) for one in recordings[:_EACH]]
        self.vox1, self.vox2 = {}, {}
        for speaker in range(speakers):
            for i in range(_EACH):
                name = f"aaaaaaaaaaa/{i + 1:05}"
                recording = recordings[(speaker * _EACH + i) % len(recordings)]
                # Of dev: numbers below 269, and those above 309.
                number = speaker if speaker < 268 else speaker + 50
                self.vox1[f"id{10_001 + number}/{name}"] = recording
                self.vox2[f"id{1 + speaker:05}/{name}"] = coded[i % len(coded)]
        test = {f"id10270/aaaaaaaaaaa/{i:05}": recordings[0] for i in (1, 2)}
        files = {"vox1_test_wav.zip": _zipped({f"wav/{k}.wav": v for k, v in test.items()})}
        dev = _zipped({f"wav/{k}.wav": v for k, v in self.vox1.items()})
        size = -(-len(dev) // 4)
        for i, name in enumerate(sources.PARTS["vox1_dev"].part_names):
            files[name] = dev[i * size : (i + 1) * size]
        files["vox2_test_aac.zip"] = _zipped({f"aac/{k}.m4a": v for k, v in self.vox2.items()})
        ids = {one: one[:7] for one in (*self.vox1, *test)}
        rows = ["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"]
        rows += [
            f"{one}\tName\tf\tUSA\t{'test' if one == 'id10270' else 'dev'}"
            for one in dict.fromkeys(ids.values())
        ]
        files["vox1_meta.csv"] = "".join(f"{row}\n" for row in rows).encode()
        heard = list(dict.fromkeys(one[:7] for one in self.vox2))
        rows = ["Name \tVoxCeleb2 ID \tVGGFace2 ID \tGender \tSet "]
        rows += [f"Name \t{one} \tn0{one[2:]} \tf \ttest " for one in heard]
        files["vox2_meta.csv"] = "".join(f"{row}\n" for row in rows).encode()
        files[sources.IDENTIFICATION] = "".join(f"1 {one}.wav\n" for one in ids).encode()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        self._write_facts(len(test), heard)

    def _write_facts(self, test: int, heard: list[str]) -> None:
        cls = registry.builder_cls("voxceleb_extended")
        lines = []
        for url, info in digests.load_published(cls._checksums_path).items():
            path = self.folder / info.filename
            content = path.read_bytes() if path.exists() else b""
            digest = hashlib.sha256(content).hexdigest()
            lines.append(f"{url}\t{len(content)}\t{digest}\t{info.filename}\n")
        tables = {
            "checksums.tsv": "".join(lines),
            "counts.tsv": "config\tsplit\texamples\n"
            f"vox1\tdev\t{len(self.vox1)}\nvox1\ttest\t{test}\n"
            f"vox2\ttest\t{len(self.vox2)}\nvox2_test\ttest\t{len(self.vox2)}\n",
            "cleaned_out.tsv": "id\n",
            "shared_videos.tsv": "youtube_id\tspeakers\n",
            "vox2_speakers.tsv": "speaker_id\tpartition\n"
            + "".join(f"{one}\ttest\n" for one in heard),
        }
        for name, text in tables.items():
            (self.folder / name).write_text(text)


def _zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in files.items():
            archive.writestr(name, one)
    return content.getvalue()


class Standard(standard.Voxceleb, skip_registration=True):
    """TFDS's voxceleb with one split of our recordings, from an archive that it extracts."""

    name = "voxceleb"
    url_infos = {}
    archive: pathlib.Path
    file_names: list[str]

    def _split_generators(self, dl_manager):
        folder = dl_manager.extract(self.archive)
        return {"train": self._generate_examples(folder, self.file_names)}


def ours(world: pathlib.Path, config: str, data_dir: pathlib.Path) -> tfds.core.DatasetBuilder:
    """Our builder, prepared from the files in a folder."""
    registry.builder_cls("voxceleb_extended").miniature_dir = classmethod(lambda cls: world)
    name = f"voxceleb_extended/{config}"
    builder = tfds.builder(name, data_dir=data_dir, miniature=True, num_workers=1)
    builder.download_and_prepare()
    return builder


def theirs(world: World, data_dir: pathlib.Path) -> tfds.core.DatasetBuilder:
    """The standard builder, prepared."""
    names = sources.PARTS["vox1_dev"].part_names
    joined = world.folder / "vox_dev_wav.zip"
    joined.write_bytes(b"".join((world.folder / name).read_bytes() for name in names))
    Standard.archive, Standard.file_names = joined, [f"{one}.wav" for one in world.vox1]
    builder = Standard(data_dir=data_dir)
    builder.download_and_prepare()
    joined.unlink()
    return builder


def bare(content: bytes) -> np.ndarray:
    """Samples of a WAV file, by the standard library and numpy."""
    with wave.open(io.BytesIO(content)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def bare_aac(content: bytes) -> int:
    with av.open(io.BytesIO(content)) as file:
        return sum(frame.to_ndarray().shape[1] for frame in file.decode(audio=0))


def drain(builder: tfds.core.DatasetBuilder, split: str, count: int) -> Callable[[], None]:
    """Reads all samples of a split, as `as_dataset` gives them."""

    def run() -> None:
        dataset = builder.as_dataset(split=split, as_supervised=True, read_config=_NO_CACHE)
        lengths = dataset.map(lambda audio, _: tf.size(audio, tf.int64))
        assert int(lengths.reduce(tf.constant(0, tf.int64), lambda a, b: a + b)) == count

    return run


def preparing(world: World, folder: pathlib.Path, repeat: int) -> None:
    data_dir = folder / "again"

    def anew(prepare: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            shutil.rmtree(data_dir, ignore_errors=True)
            prepare()

        return run

    def unpack() -> None:
        for name in ("wav", "zip"):
            shutil.rmtree(folder / name, ignore_errors=True)
        names = sources.PARTS["vox1_dev"].part_names
        (folder / "joined.zip").write_bytes(
            b"".join((world.folder / name).read_bytes() for name in names)
        )
        with zipfile.ZipFile(folder / "joined.zip") as archive:
            archive.extractall(folder / "zip")

    sides = {
        "voxceleb of TFDS": anew(lambda: theirs(world, data_dir)),
        "ours, WAV": anew(lambda: ours(world.folder, "vox1", data_dir)),
        "ours, int16": anew(lambda: ours(world.folder, "vox1_pcm", data_dir)),
        "joining and unzipping": unpack,
    }
    megabytes = sum(map(len, world.vox1.values())) >> 20
    common.report("Prepare", common.interleaved(sides, repeat), megabytes, "MB")


def read_back(world: World, folder: pathlib.Path, repeat: int) -> None:
    contents, coded = list(world.vox1.values()), list(world.vox2.values())
    count = sum(len(bare(one)) for one in contents)
    published = sum(map(len, contents))
    sides: dict[str, Callable[[], object]] = {}
    for name, builder, split in (
        ("voxceleb of TFDS", theirs(world, folder / "theirs"), "train"),
        ("ours, WAV", ours(world.folder, "vox1", folder / "wav_bytes"), "dev"),
        ("ours, int16", ours(world.folder, "vox1_pcm", folder / "pcm"), "dev"),
    ):
        size = int(builder.info.splits[split].num_bytes)
        print(f"prepared as {name}: {size:,} bytes, {size / published:.3f} of the WAV files'")
        sides[name] = drain(builder, split, count)
    sides["bare, one thread"] = lambda: [bare(one).sum() for one in contents]
    work = common.interleaved(sides, repeat, clock=time.process_time)
    seconds = round(count / _RATE)
    common.report("Read back, processor time of all threads", work, seconds, "s of audio")
    common.report("Read back", common.interleaved(sides, repeat), seconds, "s of audio")
    count = sum(map(bare_aac, coded))
    sides = {
        "bare PyAV, one thread": lambda: sum(map(bare_aac, coded)),
        "ours, AAC": drain(ours(world.folder, "vox2_test", folder / "aac"), "test", count),
    }
    times = common.interleaved(sides, repeat)
    common.report("Read back AAC", times, round(count / _RATE), "s of audio")


def scoring(repeat: int) -> None:
    chance = np.random.default_rng(0)
    ids = [f"id{10_270 + i % 40}/aaaaaaaaaaa/{i:05}" for i in range(4_715)]
    embeddings = dict(zip(ids, chance.normal(size=(len(ids), 192)).astype(np.float32)))
    rows = chance.integers(len(ids), size=(2, 37_720))
    trials = {"label": rows[0] % 40 == rows[1] % 40}
    for side, of_side in zip(("enrol_id", "test_id"), rows):
        trials[side] = np.array([ids[row].encode() for row in of_side], object)
    scores = verification.cosine_scores(trials, embeddings)
    sides = {
        "scored": lambda: verification.cosine_scores(trials, embeddings),
        "evaluated": lambda: verification.evaluate(trials, scores),
    }
    title = "Trials of embeddings of 192 numbers"
    common.report(title, common.interleaved(sides, repeat), len(scores), "trials")


def memory(folder: pathlib.Path, recordings: list[bytes], speakers: int) -> None:
    """Prepares the WAV files, and prints the peak of memory."""
    # Archives are made in memory: another process does it, whose peak is its own.
    published = folder / "published"
    maker = multiprocessing.get_context("spawn").Process(
        target=World, args=(published, recordings, speakers)
    )
    maker.start()
    maker.join()
    ours(published, "vox1", folder / "data")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak of memory: {peak >> (20 if sys.platform == 'darwin' else 10):,} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=pathlib.Path, help="a folder with WAV files")
    parser.add_argument("--speakers", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="only prepare, and print the peak")
    arguments = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    recordings = made()
    if arguments.recordings:
        recordings = [path.read_bytes() for path in sorted(arguments.recordings.rglob("*.wav"))]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        print(f"{os.cpu_count()} cores, {arguments.speakers * _EACH:,} recordings")
        if arguments.memory:
            memory(folder, recordings, arguments.speakers)
            return
        world = World(folder / "published", recordings, arguments.speakers)
        scoring(arguments.repeat)
        read_back(world, folder, arguments.repeat)
        preparing(world, folder, arguments.repeat)


if __name__ == "__main__":
    main()
