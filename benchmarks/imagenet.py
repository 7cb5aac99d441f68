"""ImageNet with what WordNet says of its classes against the standard builder, preparing and reading.

    python benchmarks/imagenet.py                # 2,000 pictures of train

Pictures are made up, as large as the published ones (500 x 375, about 110 KB), in tars of their classes
in a tar, as ImageNet publishes them. The standard `imagenet2012` prepares the same archive: picture, label
and file name. Ours adds words, hypernyms and boxes. Reading decodes and resizes to 224 x 224 on
both sides, once of what models take and once of all features.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import pathlib
import random
import shutil
import tarfile
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import numpy as np
import PIL.Image
import tensorflow as tf
import tensorflow_datasets as tfds

import tfds_extra
from tfds_extra.core import digests
from tfds_extra.datasets.imagenet_wordnet import hierarchy

_CLASSES = 40
_TRAIN, _BOXES = "ILSVRC2012_img_train.tar", "ILSVRC2012_bbox_train_v2.tar.gz"
_VALIDATION = "ILSVRC2012_img_val.tar"
_XML = """<annotation><size><width>500</width><height>375</height><depth>3</depth></size>
<object><name>{wnid}</name><truncated>0</truncated><difficult>0</difficult>
<bndbox><xmin>13</xmin><ymin>22</ymin><xmax>461</xmax><ymax>356</ymax></bndbox></object></annotation>"""


def _pictures() -> list[bytes]:
    """A few JPEGs with the detail of photographs."""
    rng, made = np.random.default_rng(0), []
    for _ in range(16):
        coarse = PIL.Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8))
        smooth = np.asarray(coarse.resize((500, 375), PIL.Image.Resampling.BICUBIC), np.int16)
        pixels = (smooth + rng.integers(-28, 29, smooth.shape)).clip(0, 255).astype(np.uint8)
        content = io.BytesIO()
        PIL.Image.fromarray(pixels).save(content, "JPEG", quality=87)
        made.append(content.getvalue())
    return made


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def generate(folder: pathlib.Path, count: int) -> int:
    """Writes train and its boxes; returns the bytes of a picture on average."""
    dice, pictures = random.Random(0), _pictures()
    wnids = hierarchy.ilsvrc().classes[:: 1000 // _CLASSES][:_CLASSES]
    size = 0
    with (
        tarfile.open(folder / _TRAIN, "w") as train,
        tarfile.open(folder / _BOXES, "w:gz") as boxes,
    ):
        for wnid in wnids:
            content = io.BytesIO()
            with tarfile.open(fileobj=content, mode="w") as of_class:
                for number in range(count // _CLASSES):
                    picture = dice.choice(pictures)
                    size += len(picture)
                    _add(of_class, f"{wnid}_{number}.JPEG", picture)
                    if number % 2:
                        xml = _XML.format(wnid=wnid).encode()
                        _add(boxes, f"{wnid}/{wnid}_{number}.xml", xml)
            _add(train, f"{wnid}.tar", content.getvalue())
    # Both builders want this archive, and ours what others thought of its labels.
    with tarfile.open(folder / _VALIDATION, "w") as validation:
        _add(validation, "ILSVRC2012_val_00000001.JPEG", pictures[0])
    (folder / "real.json").write_text(json.dumps([[]] * 50_000))
    (folder / "imagenet_mturk.json").write_text("[]")
    _vouch(folder, count // _CLASSES * _CLASSES)
    return size // (count // _CLASSES * _CLASSES)


def _vouch(folder: pathlib.Path, count: int) -> None:
    """Writes the tables of a miniature, since the digests of the corpus are not those of its files."""
    cls = tfds.builder_cls("imagenet_wordnet")
    rows = []
    for url, published in digests.load_published(cls.checksums_path()).items():
        path = folder / published.filename
        if path.exists():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            rows.append(f"{url}\t{path.stat().st_size}\t{digest}\t{path.name}\n")
    counts = [f"ilsvrc2012\ttrain\t{count}\n", "ilsvrc2012\tvalidation\t1\n"]
    (folder / "counts.tsv").write_text("config\tsplit\texamples\n" + "".join(counts))
    (folder / "checksums.tsv").write_text("".join(rows))
    cls.miniature_dir = classmethod(lambda cls: folder)


def compare(count: int, repeat: int, folder: pathlib.Path) -> None:
    """Prints how long preparing and reading takes on each side."""
    manual_dir = folder / "manual"
    manual_dir.mkdir()
    size = generate(manual_dir, count)
    count = count // _CLASSES * _CLASSES
    print(f"{count:,} pictures of {size:,} bytes on average")
    kept: dict[str, tfds.core.DatasetBuilder] = {}

    def make(name: str, cls, **kwargs) -> None:
        data_dir = folder / name.replace(" ", "_")
        shutil.rmtree(data_dir, ignore_errors=True)
        builder = cls(data_dir=data_dir, **kwargs)
        config = tfds.download.DownloadConfig(manual_dir=manual_dir)
        builder.download_and_prepare(download_config=config)
        assert builder.info.splits["train"].num_examples == count
        kept[name] = builder

    standard, ours = tfds.builder_cls("imagenet2012"), tfds.builder_cls("imagenet_wordnet")
    part = {"config": "ilsvrc2012", "miniature": True}
    sides = {
        "standard imagenet2012": lambda: make("standard", standard),
        "ours, 1 process": lambda: make("ours", ours, num_workers=1, **part),
        "ours, 2 processes": lambda: make("ours in two", ours, num_workers=2, **part),
    }
    common.report("preparing", common.interleaved(sides, repeat, warm_up=0), count, "pictures")

    def read(name: str, **kwargs) -> None:
        dataset = kept[name].as_dataset(split="train", **kwargs)

        def resized(*example):
            picture, label = (
                example if len(example) == 2 else map(example[0].get, ("image", "label"))
            )
            return tf.image.resize(picture, (224, 224)), label

        dataset = dataset.map(resized, num_parallel_calls=tf.data.AUTOTUNE)
        assert sum(1 for _ in dataset.batch(64).prefetch(2)) == -(-count // 64)

    sides = {
        "standard imagenet2012": lambda: read("standard", as_supervised=True),
        "ours, as_supervised": lambda: read("ours", as_supervised=True),
        "ours, all features": lambda: read("ours"),
    }
    common.report("reading, decoded", common.interleaved(sides, repeat), count, "pictures")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        compare(arguments.pictures, arguments.repeat, pathlib.Path(folder))


if __name__ == "__main__":
    main()
