"""COCO with all annotations against the standard builder, and masks against pycocotools.

    python benchmarks/coco.py                    # 2,000 pictures; needs pycocotools, of the test extra
    python benchmarks/coco.py --pictures 200
    python benchmarks/coco.py memory             # peak memory of reading annotations of 20,000 pictures

Pictures and annotations are made up, about as large and as many as the published ones. The standard `coco` extracts the
archives and prepares the pictures with boxes alone, ours reads them in place and prepares all annotations; plain TFDS writes
the same examples as ours. Masks are made dense by pycocotools from what the published files have, object by
object (`annToMask`), and from run lengths (`decode`); by ours from what is prepared, picture by picture.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import pathlib
import resource
import shutil
import tempfile
import time
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import numpy as np
import PIL.Image
import tensorflow_datasets as tfds
from pycocotools import mask as pycocotools_mask

import tfds_extra
from tfds_extra import core
from tfds_extra.datasets.coco_extended import facts, joined, masks
from tfds_extra.formats import coco_rle

_HEIGHT, _WIDTH = 480, 640
_DISTINCT = 20  # Pictures; the others are these again.
_OBJECTS, _POINTS, _CAPTIONS, _STUFF = 7, 20, 5, 6
_BATCH = 32


def jpegs(rng: np.random.Generator) -> list[bytes]:
    """Pictures of about 160 KB."""
    found = []
    for _ in range(_DISTINCT):
        coarse = rng.integers(0, 256, (30, 40, 3)).repeat(16, axis=0).repeat(16, axis=1)
        pixels = np.clip(coarse + rng.normal(0, 18, coarse.shape), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        PIL.Image.fromarray(pixels).save(file, "JPEG", quality=88)
        found.append(file.getvalue())
    return found


def outline(rng: np.random.Generator) -> list[float]:
    """A polygon around a point, of two decimals; half of them cover less than half a percent."""
    size = np.exp(rng.normal(np.log(24), 1.0)).clip(4, 200)
    x, y = rng.uniform(0, _WIDTH), rng.uniform(0, _HEIGHT)
    angles = np.sort(rng.uniform(0, 2 * np.pi, _POINTS))
    far = size * rng.uniform(0.8, 1.2, _POINTS)
    points = np.stack([x + far * np.cos(angles), y + far * np.sin(angles)], axis=1)
    return points.clip(0, [_WIDTH, _HEIGHT]).round(2).ravel().tolist()


def documents(count: int) -> dict[str, dict]:
    """The annotation files of made-up pictures, by kind."""
    rng = np.random.default_rng(0)
    images, instances, people, captions, stuff, panoptic = [], [], [], [], [], []
    # Bands with a ragged upper border, of about a thousand letters, as the published ones have.
    tops = 80 * np.arange(_STUFF)[:, None] + rng.integers(0, 20, (_STUFF, _WIDTH))
    rows = np.arange(_HEIGHT)[:, None]
    bands = (rows >= tops[:, None]) & (rows < 80 * np.arange(1, _STUFF + 1)[:, None, None])
    bands[:, :, 480:] = False
    rles = [rle.decode() for rle in masks.from_dense(bands)]
    for image_id in range(1, count + 1):
        images.append(
            {
                "id": image_id, "file_name": f"{image_id:012d}.jpg", "height": _HEIGHT, "width": _WIDTH,
                "license": 1 + image_id % 8, "date_captured": "2013-11-14 17:02:52",
                "coco_url": f"http://images.cocodataset.org/val2017/{image_id:012d}.jpg",
                "flickr_url": f"http://farm7.staticflickr.com/6116/{image_id}_da26cf2c9e_z.jpg",
            }
        )  # fmt: skip
        for number in range(_OBJECTS):
            polygon = outline(rng)
            x, y = polygon[0::2], polygon[1::2]
            one = {
                "id": image_id * 10 + number, "image_id": image_id, "iscrowd": 0, "area": 5000.5,
                "category_id": 1 if number < 2 else facts.categories("instances")[number].id,
                "bbox": [min(x), min(y), max(x) - min(x), max(y) - min(y)], "segmentation": [polygon],
            }  # fmt: skip
            instances.append(one)
            if number < 2:
                points = [100, 100, 2] * len(facts.KEYPOINTS)
                people.append({**one, "keypoints": points, "num_keypoints": len(facts.KEYPOINTS)})
        for number in range(_CAPTIONS):
            text = f"A man is standing beside {number} things on a field of grass."
            captions.append({"id": image_id * 10 + number, "image_id": image_id, "caption": text})
        for number, rle in enumerate(rles):
            stuff.append(
                {
                    "id": image_id * 10 + number, "image_id": image_id, "iscrowd": 0, "area": 33000.0,
                    "category_id": 92 + number, "bbox": [0.0, 80.0 * number, 480.0, 80.0],
                    "segmentation": {"counts": rle, "size": [_HEIGHT, _WIDTH]},
                }
            )  # fmt: skip
        segment = {
            "id": 1,
            "category_id": 1,
            "iscrowd": 0,
            "bbox": [0, 0, 640, 480],
            "area": 307200,
        }
        name = f"{image_id:012d}.png"
        panoptic.append({"image_id": image_id, "file_name": name, "segments_info": [segment]})
    things = [{"id": one.id, "name": one.name} for one in facts.categories("instances")]
    return {
        "instances": {"images": images, "annotations": instances, "categories": things},
        "person_keypoints": {"images": images, "annotations": people, "categories": things[:1]},
        "captions": {"images": images, "annotations": captions},
        "stuff": {"images": images, "annotations": stuff},
        "panoptic": {"images": images, "annotations": panoptic},
    }


def generate(folder: pathlib.Path, count: int) -> dict[str, dict]:
    """Writes archives as the published ones, of val2017 alone; returns the annotations."""
    made = documents(count)
    file = io.BytesIO()
    ids = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    ids[::40, :, 0] = 1
    PIL.Image.fromarray(ids).save(file, "PNG")
    pictures = jpegs(np.random.default_rng(1))
    folder.mkdir()
    panoptic = io.BytesIO()
    with (
        zipfile.ZipFile(folder / "val2017.zip", "w") as of_pictures,
        zipfile.ZipFile(panoptic, "w") as of_segments,
    ):
        for number, image in enumerate(made["instances"]["images"]):
            name = image["file_name"]
            of_pictures.writestr(f"val2017/{name}", pictures[number % _DISTINCT])
            png = f"panoptic_val2017/{pathlib.PurePath(name).stem}.png"
            of_segments.writestr(png, file.getvalue())
    for prefix, kinds in (
        ("", ("instances", "person_keypoints", "captions")),
        ("stuff_", ("stuff",)),
        ("panoptic_", ("panoptic",)),
    ):
        path = folder / f"{prefix}annotations_trainval2017.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for kind in kinds:
                content = json.dumps(made[kind])
                archive.writestr(f"annotations/{kind}_val2017.json", content)
            if prefix == "panoptic_":
                archive.writestr("annotations/panoptic_val2017.zip", panoptic.getvalue())
    return made


def builder_classes(archives: pathlib.Path) -> tuple[type, type]:
    """Both builders, changed so that they take the archives in a folder for the published ones."""
    standard, ours = tfds.builder_cls("coco"), tfds.builder_cls("coco_extended")

    def split_generators(self, dl_manager):
        extracted = dl_manager.extract(
            {
                "image_dir": archives / "val2017.zip",
                "annotation_dir": archives / "annotations_trainval2017.zip",
            }
        )
        kwargs = {"split_name": "val2017", "annotation_type": "bboxes", "panoptic_dir": None}
        return [tfds.core.SplitGenerator(name="validation", gen_kwargs=extracted | kwargs)]

    standard._split_generators = split_generators
    ours.fetch = lambda self, dl_manager: {
        name: core.Tree(archives / f"{name}.zip", root=archive.root)
        for name, archive in self.published_files().items()
    }
    return standard, ours


def prepare_and_read(archives: pathlib.Path, count: int, repeat: int, folder: pathlib.Path) -> None:
    """Prints how long both builders take to prepare and to read."""
    import tensorflow  # noqa: F401  Loaded before anything is timed.

    standard, ours = builder_classes(archives)
    plain = tfds.core.GeneratorBasedBuilder.download_and_prepare
    prepared = {}

    def made(name: str, cls: type, config: str, prepare=None, **kwargs) -> None:
        for kind in ("data", "downloads"):
            shutil.rmtree(folder / kind / name, ignore_errors=True)
        prepared[name] = cls(data_dir=folder / "data" / name, config=config, **kwargs)
        prepare = prepare or cls.download_and_prepare
        prepare(prepared[name], download_dir=folder / "downloads" / name)
        assert prepared[name].info.splits["validation"].num_examples == count

    every = {"cls": ours, "config": "2017_validation", "partial": True}
    sides = {
        "standard coco, boxes": {"cls": standard, "config": "2017"},
        "TFDS writing ours": every | {"prepare": plain},
        "ours, all": every | {"num_workers": 1},
        "ours, objects": every | {"config": "2017_validation_objects", "num_workers": 1},
    }
    run = {name: lambda name=name, side=side: made(name, **side) for name, side in sides.items()}
    times = common.interleaved(run, repeat, warm_up=0, clock=time.process_time)
    title = f"Prepare {count:,} pictures with annotations, processor time of one process"
    common.report(title, times, count, "pictures")

    def read(name: str) -> None:
        wanted = tfds.decode.PartialDecoding({"image": True, "image/id": True, "objects": {"bbox"}})
        batches = prepared[name].as_dataset(
            split="validation",
            batch_size=_BATCH,
            read_config=tfds.ReadConfig(try_autocache=False),
            decoders=wanted,
        )
        assert sum(len(batch["image/id"]) for batch in batches) == count

    run = {name: lambda name=name: read(name) for name in list(sides) if "TFDS" not in name}
    title = f"Read and decode batches of {_BATCH} pictures with boxes"
    for what, clock in (("", time.perf_counter), (", processor time", time.process_time)):
        times = common.interleaved(run, 2 * repeat, clock=clock)
        common.report(title + what, times, count, "pictures")


def decode(made: dict[str, dict], repeat: int) -> None:
    """Prints how long it takes to make the masks of a batch dense."""
    import tensorflow as tf

    published = made["instances"]["annotations"][: 32 * _OBJECTS]
    size = _HEIGHT, _WIDTH
    rles = masks.from_segmentations([one["segmentation"] for one in published], *size)
    batch = [rles[start : start + _OBJECTS] for start in range(0, len(rles), _OBJECTS)]
    packed = [{"counts": rle, "size": list(size)} for rle in rles]

    def ann_to_mask() -> list[np.ndarray]:
        return [
            pycocotools_mask.decode(
                pycocotools_mask.merge(pycocotools_mask.frPyObjects(one["segmentation"], *size))
            )
            for one in published
        ]

    def mapped(function) -> tf.data.Dataset:
        graph = tf.function(function, autograph=False)
        return tf.data.Dataset.from_tensor_slices(batch).map(graph, tf.data.AUTOTUNE)

    def by_pycocotools(rles: np.ndarray) -> np.ndarray:
        return np.stack(
            [pycocotools_mask.decode({"counts": rle, "size": list(size)}) for rle in rles]
        )

    theirs = mapped(lambda rles: tf.numpy_function(by_pycocotools, [rles], tf.uint8))
    mine = mapped(lambda rles: masks.to_dense_tensor(rles, *size))
    expected = np.stack(ann_to_mask())
    for dense in (
        np.concatenate([masks.to_dense(some, *size) for some in batch]),
        *(np.concatenate(list(tfds.as_numpy(some))) for some in (theirs, mine)),
    ):
        assert (dense == expected).all()
    sides = {
        "pycocotools decode": lambda: [pycocotools_mask.decode(one) for one in packed],
        "pycocotools annToMask": ann_to_mask,
        "pycocotools in tf.data": lambda: [None for _ in theirs],
        "ours, NumPy": lambda: [masks.to_dense(some, *size) for some in batch],
        "ours, tf.data": lambda: [None for _ in mine],
    }
    times = common.interleaved(sides, repeat)
    common.report(f"Make {len(rles)} masks dense", times, len(rles), "masks")

    def polygons() -> None:
        coco_rle.from_segmentations([one["segmentation"] for one in published], *size)

    sides = {
        "pycocotools": lambda: [
            pycocotools_mask.merge(pycocotools_mask.frPyObjects(one["segmentation"], *size))
            for one in published
        ],
        "ours": polygons,
    }
    times = common.interleaved(sides, repeat)
    common.report("Polygons to run lengths", times, len(rles), "masks")


def memory(count: int) -> None:
    """Prints the peak of reading annotations of pictures."""
    with tempfile.TemporaryFile() as file:
        if not (child := os.fork()):  # What is generated must not count.
            file.write(json.dumps(documents(count)["instances"]).encode())
            file.flush()
            os._exit(0)
        os.waitpid(child, 0)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        before = _resident()
        found = joined.Joined(lambda image_id: True, is_part=False)
        found.read("instances", file)
        for _ in found:
            pass
    print(f"{size / 1e6:,.0f} MB of JSON, {count:,} pictures: {_resident() - before:,.0f} MiB more")


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("speed", "memory"), default="speed")
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    if arguments.what == "memory":
        memory(arguments.pictures or 20_000)
        return
    tfds.disable_progress_bar()
    count = arguments.pictures or 2_000
    with tempfile.TemporaryDirectory() as folder:
        archives = pathlib.Path(folder, "archives")
        made = generate(archives, count)
        decode(made, 3 * arguments.repeat)
        prepare_and_read(archives, count, arguments.repeat, pathlib.Path(folder))


if __name__ == "__main__":
    main()
