"""COCO with all annotations against the standard builder, and masks against pycocotools.

    python benchmarks/coco.py                    # 2,000 pictures; needs pycocotools, of the test extra
    python benchmarks/coco.py --pictures 200
    python benchmarks/coco.py memory             # peak memory of reading annotations of 20,000 pictures

Pictures and annotations are made up, about as large and as many as the published ones. The standard `coco` prepares the
same pictures with boxes alone, ours with all annotations. Masks are made dense by pycocotools from
what the published files have, object by object (`annToMask`), and from run lengths (`decode`); by ours from what is
prepared, picture by picture.
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

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import numpy as np
import PIL.Image
import tensorflow_datasets as tfds
from pycocotools import mask as pycocotools_mask

import tfds_extra
from tfds_extra.datasets.coco_extended import facts, joined, masks
from tfds_extra.formats import coco_rle

_HEIGHT, _WIDTH = 480, 640
_DISTINCT = 20  # Pictures; the others are these again.
_OBJECTS, _POINTS, _CAPTIONS, _STUFF = 7, 20, 5, 6


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
    """Writes the folders that archives of val2017 extract to; returns the annotations."""
    made = documents(count)
    for name in ("annotations/panoptic_val2017", "val2017"):
        (folder / name).mkdir(parents=True)
    for kind, document in made.items():
        (folder / f"annotations/{kind}_val2017.json").write_text(json.dumps(document))
    file = io.BytesIO()
    ids = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    ids[::40, :, 0] = 1
    PIL.Image.fromarray(ids).save(file, "PNG")
    pictures = jpegs(np.random.default_rng(1))
    for number, image in enumerate(made["instances"]["images"]):
        (folder / "val2017" / image["file_name"]).write_bytes(pictures[number % _DISTINCT])
        png = f"annotations/panoptic_val2017/{image['id']:012d}.png"
        (folder / png).write_bytes(file.getvalue())
    return made


def prepare_and_read(
    manual_dir: pathlib.Path, count: int, repeat: int, folder: pathlib.Path
) -> None:
    """Prints how long both builders take to prepare and to read."""
    import tensorflow  # noqa: F401  Loaded before anything is timed.

    standard, ours = tfds.builder_cls("coco"), tfds.builder_cls("coco_extended")

    def split_generators(self, dl_manager):
        kwargs = {
            "image_dir": str(manual_dir), "annotation_dir": str(manual_dir), "split_name": "val2017",
            "annotation_type": "bboxes", "panoptic_dir": None,
        }  # fmt: skip
        return [tfds.core.SplitGenerator(name="validation", gen_kwargs=kwargs)]

    standard._split_generators = split_generators
    prepared = {}

    def made(name: str, cls, config: str, **kwargs) -> None:
        shutil.rmtree(folder / name, ignore_errors=True)
        prepared[name] = cls(data_dir=folder / name, config=config, **kwargs)
        prepared[name].download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
        )
        assert prepared[name].info.splits["validation"].num_examples == count

    every = {"cls": ours, "config": "2017_validation", "partial": True}
    some = every | {"config": "2017_validation_objects"}
    sides = {
        "standard coco, boxes": {"cls": standard, "config": "2017"},
        "ours, all, 1 process": every | {"num_workers": 1},
        "ours, all, 2 processes": every | {"num_workers": 2},
        "ours, objects, 1 process": some | {"num_workers": 1},
    }
    run = {name: lambda name=name, side=side: made(name, **side) for name, side in sides.items()}
    times = common.interleaved(run, repeat, warm_up=0)
    common.report(f"Prepare {count:,} pictures with annotations", times, count, "pictures")

    def read(name: str) -> None:
        wanted = tfds.decode.PartialDecoding({"image": True, "image/id": True, "objects": {"bbox"}})
        config = tfds.ReadConfig(try_autocache=False)
        pictures = prepared[name].as_dataset(
            split="validation", read_config=config, decoders=wanted
        )
        assert sum(1 for _ in pictures.prefetch(4)) == count

    run = {name: lambda name=name: read(name) for name in list(sides)[:2]}
    times = common.interleaved(run, repeat)
    common.report("Read and decode pictures with boxes", times, count, "pictures")


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

    graph = tf.function(lambda rles: masks.to_dense_tensor(rles, *size), autograph=False)
    pictures = tf.data.Dataset.from_tensor_slices(batch)
    mapped = pictures.map(graph, num_parallel_calls=tf.data.AUTOTUNE)
    dense = np.concatenate([masks.to_dense(some, *size) for some in batch])
    assert (np.stack(ann_to_mask()) == dense).all()
    assert (np.concatenate(list(tfds.as_numpy(mapped))) == dense).all()
    sides = {
        "pycocotools annToMask": ann_to_mask,
        "pycocotools decode": lambda: [pycocotools_mask.decode(one) for one in packed],
        "ours, NumPy": lambda: [masks.to_dense(some, *size) for some in batch],
        "ours, tf.data": lambda: [None for _ in mapped],
    }
    times = common.interleaved(sides, repeat)
    common.report(f"Make {len(rles)} masks dense", times, len(rles), "masks")

    def polygons() -> None:
        outlines = [one["segmentation"] for one in published]
        for start in range(0, len(outlines), _OBJECTS):
            coco_rle.from_segmentations(outlines[start : start + _OBJECTS], *size)

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
        manual_dir = pathlib.Path(folder, "manual")
        made = generate(manual_dir, count)
        decode(made, arguments.repeat)
        prepare_and_read(manual_dir, count, arguments.repeat, pathlib.Path(folder))


if __name__ == "__main__":
    main()
