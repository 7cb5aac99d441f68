"""Ours and what people would use instead, side by side, from the same files.

    python -m pip install torch torchvision torchcodec lhotse datasets pandas soundfile
    python benchmarks/peers.py images                 # 60,000 made-up images in packed idx files
    python benchmarks/peers.py audio --archive FSDD   # the tar.gz of release 1.0.10 with its top folder
    python benchmarks/peers.py text                   # 200,000 made-up rows of five text fields in csv
    python benchmarks/peers.py text --python PYTHON   # of an environment where the peers are installed

Every side prepares and reads in processes of its own, in turn, so that memory and imports are its own.
Preparing ends with what the side reads from later on; imports are not timed. The first batch comes so
many seconds after the start of a process, imports included. Then the rest of the epoch is read, in batches of
images (uint8) and classes, of padded samples (float32 or int16) and classes, or of five texts. Peak
memory is that of the largest process, with all libraries. Medians.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

_BATCH = {"images": 128, "audio": 100, "text": 256}
_FIELDS = ["title", "body", "author", "place", "remark"]
_ROOT = "free-spoken-digit-dataset-1.0.10"
_IMAGES, _ROWS = 60_000, 200_000

# Each side has two functions: `prepare(files, folder)` and `read(files, folder)`, which yields the number
# of examples of each batch. `files` are the published files, `folder` is where the side keeps its own.


class Ours:
    """The builders of this package."""

    prepares_with = ("tensorflow_datasets", "pyarrow.csv")
    reads_with = ("tensorflow", "tensorflow_datasets")
    corpora = ("images", "audio", "text")

    def _builder(self, corpus: str, files: pathlib.Path, folder: pathlib.Path):
        import generated_corpora
        import images
        import spoken_digit
        import tensorflow_datasets as tfds
        from absl import logging

        logging.set_verbosity(logging.ERROR)
        tfds.disable_progress_bar()
        if corpus == "text":
            return generated_corpora.TextRows(
                csv=str(files), rows=_ROWS, batched=True, data_dir=folder, num_workers=1
            )
        # These change the classes, so that what was generated is taken for what was published.
        if corpus == "images":
            paths = {path.stem: path for path in files.iterdir()}
            images.builders(paths, _IMAGES, folder)
            return tfds.builder("qmnist", data_dir=folder)
        spoken_digit.builders(files, folder)
        return tfds.builder("free_spoken_digit", data_dir=folder)

    def prepare(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> None:
        self._builder(corpus, files, folder).download_and_prepare()

    def read(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> Iterator[int]:
        import tensorflow_datasets as tfds

        builder = self._builder(corpus, files, folder)
        config = tfds.ReadConfig(try_autocache=False)
        for batch in builder.as_dataset(
            split="+".join(builder.info.splits),
            batch_size=_BATCH[corpus],
            as_supervised=corpus != "text",
            read_config=config,
        ):
            yield len(batch["title"] if corpus == "text" else batch[1])


class OursAsSource(Ours):
    """The same from ArrayRecord files through `tfds.data_source`, which needs no TensorFlow."""

    reads_with = ("tensorflow_datasets",)
    corpora = ("images", "audio")

    def prepare(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> None:
        self._builder(corpus, files, folder).download_and_prepare(file_format="array_record")

    def read(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> Iterator[int]:
        builder = self._builder(corpus, files, folder)
        data = "image" if corpus == "images" else "audio"
        for split in builder.info.splits:
            source = builder.as_data_source(split=split)
            for start in range(0, len(source), _BATCH[corpus]):
                stop = min(start + _BATCH[corpus], len(source))
                examples = source.__getitems__(list(range(start, stop)))
                yield len(_collated(examples, data)[1])


class Torchvision:
    """`torchvision.datasets.MNIST` through a `DataLoader`."""

    prepares_with = reads_with = ("torch", "torchvision")
    corpora = ("images",)
    workers = 0

    def prepare(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> None:
        from torchvision.datasets.utils import extract_archive

        raw = folder / "MNIST" / "raw"
        raw.mkdir(parents=True)
        names = {"images": "train-images-idx3-ubyte", "classes": "train-labels-idx1-ubyte"}
        for name, published in names.items():
            copy = raw / f"{published}.gz"
            shutil.copy(files / f"{name}.gz", copy)
            extract_archive(str(copy), str(raw))
            copy.unlink()
            # It looks for the test set before it believes that the corpus is there.
            (raw / published.replace("train", "t10k")).touch()

    def read(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> Iterator[int]:
        import torch
        import torchvision

        dataset = torchvision.datasets.MNIST(
            folder, train=True, transform=torchvision.transforms.PILToTensor()
        )
        for images, labels in torch.utils.data.DataLoader(
            dataset, batch_size=_BATCH[corpus], num_workers=self.workers
        ):
            assert images.shape[1:] == (1, 28, 28)
            yield len(labels)


class TorchvisionInWorkers(Torchvision):
    """The same with two worker processes."""

    workers = 2


class HuggingFace:
    """`datasets`: images and texts as it decodes them, recordings decoded by soundfile."""

    prepares_with = reads_with = ("datasets",)
    corpora = ("images", "audio", "text")

    def prepare(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> None:
        import datasets

        datasets.disable_progress_bars()
        options = {"cache_dir": str(folder / "cache"), "split": "train"}
        if corpus == "text":
            paths = [str(path) for path in sorted(files.iterdir())]
            made = datasets.load_dataset("csv", data_files=paths, **options)
        elif corpus == "images":
            features = datasets.Features(
                image=datasets.Image(), label=datasets.ClassLabel(num_classes=10)
            )
            made = datasets.Dataset.from_generator(
                _idx_images, features, gen_kwargs={"files": files}, cache_dir=options["cache_dir"]
            )
        else:
            _extract(files, folder)
            features = datasets.Features(
                audio=datasets.Audio(decode=False), label=datasets.ClassLabel(num_classes=10)
            )
            made = datasets.Dataset.from_generator(
                _recordings, features, gen_kwargs={"folder": folder}, cache_dir=options["cache_dir"]
            )
        made.save_to_disk(str(folder / "saved"))
        for copied in (folder / "cache", folder / _ROOT):
            shutil.rmtree(copied, ignore_errors=True)

    def read(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> Iterator[int]:
        import datasets
        import numpy as np

        saved = datasets.load_from_disk(str(folder / "saved"))
        for batch in saved.iter(batch_size=_BATCH[corpus]):
            if corpus == "text":
                yield len(batch["title"])
            elif corpus == "images":
                assert np.stack(batch["image"]).shape[1:] == (28, 28)
                yield len(batch["label"])
            else:
                yield len(_padded([_decoded(audio["bytes"]) for audio in batch["audio"]]))


class Lhotse:
    """lhotse's cuts, in batches of its own `collate_audio`."""

    prepares_with = reads_with = ("torch", "lhotse", "lhotse.dataset.collation")
    corpora = ("audio",)

    def prepare(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> None:
        import lhotse

        recordings = _extract(files, folder)
        cuts = []
        for path in sorted(recordings.iterdir()):
            recording = lhotse.Recording.from_file(path)
            cut = recording.to_cut()
            cut.supervisions = [
                lhotse.SupervisionSegment(
                    path.stem, recording.id, 0, recording.duration, text=path.name[0]
                )
            ]
            cuts.append(cut)
        lhotse.CutSet.from_cuts(cuts).to_file(folder / "cuts.jsonl.gz")

    def read(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> Iterator[int]:
        import lhotse
        from lhotse.dataset import SimpleCutSampler
        from lhotse.dataset.collation import collate_audio

        cuts = lhotse.CutSet.from_file(folder / "cuts.jsonl.gz")
        for batch in SimpleCutSampler(cuts, max_cuts=_BATCH[corpus]):
            audio, lengths = collate_audio(batch)
            labels = [int(cut.supervisions[0].text) for cut in batch]
            assert len(audio) == len(labels)
            yield len(lengths)


class Pandas:
    """`pandas.read_csv`, with nothing prepared, and slices of the frame."""

    prepares_with = reads_with = ("pandas",)
    corpora = ("text",)

    def prepare(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> None:
        """Prepares nothing: it reads the published files."""

    def read(self, corpus: str, files: pathlib.Path, folder: pathlib.Path) -> Iterator[int]:
        import pandas

        frame = pandas.concat(pandas.read_csv(path) for path in sorted(files.iterdir()))
        for start in range(0, len(frame), _BATCH[corpus]):
            batch = frame.iloc[start : start + _BATCH[corpus]].to_dict("list")
            yield len(batch["title"])


_SIDES = {
    "ours": Ours(),
    "ours, `data_source`": OursAsSource(),
    "torchvision": Torchvision(),
    "torchvision, two workers": TorchvisionInWorkers(),
    "lhotse": Lhotse(),
    "Hugging Face": HuggingFace(),
    "pandas": Pandas(),
}


def _idx_images(files: pathlib.Path) -> Iterator[dict]:
    import gzip

    import numpy as np

    arrays = {}
    for name, header in (("images", 16), ("classes", 8)):
        content = gzip.decompress((files / f"{name}.gz").read_bytes())
        arrays[name] = np.frombuffer(content, np.uint8, offset=header)
    for image, label in zip(arrays["images"].reshape(-1, 28, 28), arrays["classes"]):
        yield {"image": image, "label": int(label)}


def _extract(archive: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    import tarfile

    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / _ROOT / "recordings"


def _recordings(folder: pathlib.Path) -> Iterator[dict]:
    for path in sorted((folder / _ROOT / "recordings").iterdir()):
        audio = {"bytes": path.read_bytes(), "path": path.name}
        yield {"audio": audio, "label": int(path.name[0])}


def _decoded(content: bytes):
    import io

    import soundfile

    return soundfile.read(io.BytesIO(content), dtype="float32")[0]


def _padded(samples: list):
    import numpy as np

    batch = np.zeros((len(samples), max(map(len, samples))), samples[0].dtype)
    for row, one in zip(batch, samples):
        row[: len(one)] = one
    return batch


def _collated(examples: list[dict], data: str) -> tuple:
    import numpy as np

    values = [example[data] for example in examples]
    is_ragged = len({value.shape for value in values}) > 1
    stacked = _padded(values) if is_ragged else np.stack(values)
    return stacked, np.array([example["label"] for example in examples])


def _do(
    started: float, step: str, side: str, corpus: str, files: pathlib.Path, folder: pathlib.Path
) -> None:
    """Does one step in this process, which was started at `started`; prints what it took as JSON."""
    one, found = _SIDES[side], {}
    for module in one.prepares_with if step == "prepare" else one.reads_with:
        importlib.import_module(module)
    start = time.perf_counter()
    if step == "prepare":
        one.prepare(corpus, files, folder)
        found["prepare"] = time.perf_counter() - start
    else:
        batches = one.read(corpus, files, folder)
        first = next(batches)
        found["first"] = time.time() - started
        start = time.perf_counter()
        others = sum(batches)
        found["rate"] = others / (time.perf_counter() - start)
        found["count"] = first + others
    who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    found["memory"] = max(resource.getrusage(one).ru_maxrss for one in who) / 1024
    print(json.dumps(found), flush=True)


def _in_child(python: str, *arguments: object) -> dict[str, float]:
    command = [python, "-W", "ignore", __file__, "--step", *map(str, (time.time(), *arguments))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _write_files(corpus: str, folder: pathlib.Path, archive: pathlib.Path | None) -> pathlib.Path:
    if corpus == "audio":
        if archive is None:
            sys.exit("Give the archive of Free Spoken Digit: --archive")
        return archive.resolve()
    if corpus == "images":
        import images

        files = folder / "idx"
        files.mkdir()
        images.write_files(files, _IMAGES)
        return files
    import generated_corpora

    generated_corpora.write_csv(folder / "csv", _ROWS)
    return folder / "csv"


def _bytes_of(folder: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def compare(arguments: argparse.Namespace, work: pathlib.Path) -> None:
    corpus = arguments.corpus
    files = _write_files(corpus, work, arguments.archive)
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(arguments.repeat):
        for name, side in _SIDES.items():
            if corpus not in side.corpora:
                continue
            python = sys.executable if isinstance(side, Ours) else arguments.python
            taken = found.setdefault(name, collections.defaultdict(list))
            folder = work / "side"
            folder.mkdir()
            steps = {
                step: _in_child(python, step, name, corpus, files, folder)
                for step in ("prepare", "read")
            }
            taken["prepare"].append(steps["prepare"]["prepare"])
            taken["first"].append(steps["read"]["first"])
            taken["rate"].append(steps["read"]["rate"])
            taken["count"].append(steps["read"]["count"])
            taken["bytes"].append(_bytes_of(files if isinstance(side, Pandas) else folder) / 1e6)
            taken["preparing memory"].append(steps["prepare"]["memory"])
            taken["reading memory"].append(steps["read"]["memory"])
            shutil.rmtree(folder)
    counts = {count for one in found.values() for count in one["count"]}
    assert len(counts) == 1, f"the sides read different numbers of examples: {counts}"
    print(f"{corpus}, {int(counts.pop()):,} examples in batches of {_BATCH[corpus]}\n")
    print("| | prepare, s | first batch, s | examples/s | of ours | MB on disk | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    ours = statistics.median(found["ours"]["rate"])
    for name, one in found.items():
        middle = {key: statistics.median(values) for key, values in one.items()}
        print(
            f"| {name} | {middle['prepare']:.2f} | {middle['first']:.1f} | {middle['rate']:,.0f} |"
            f" {middle['rate'] / ours:.2f} | {middle['bytes']:.1f} |"
            f" {middle['preparing memory']:.0f} and {middle['reading memory']:.0f} |"
        )


def main() -> None:
    if sys.argv[1:2] == ["--step"]:
        started, step, side, corpus, files, folder = sys.argv[2:]
        _do(float(started), step, side, corpus, pathlib.Path(files), pathlib.Path(folder))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", choices=list(_BATCH))
    parser.add_argument("--archive", type=pathlib.Path, help="of Free Spoken Digit 1.0.10")
    parser.add_argument("--python", default=sys.executable, help="an interpreter for the peers")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        compare(arguments, pathlib.Path(work))


if __name__ == "__main__":
    main()
