"""Makes dummy_data/coco_extended: drawn scenes with people, kites and dogs on grass, fully annotated.

The annotations have what the published ones have of odd things: crowds whose box is one too small, a
flat object, keypoints of some persons only, a picture without objects, gray pictures, captions that
end in blanks. Run it as a script after a change: `python tests/datasets/coco_extended/make_miniature.py`.
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files
import numpy as np

from tfds_extra.datasets.coco_extended import facts
from tfds_extra.formats import coco_rle

SERVER = "http://images.cocodataset.org/"
KARPATHY = "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip"
BLOCK = 8  # Pixels; pictures are made of squares of one colour.
PERSON, DOG, KITE, PIZZA = 1, 18, 38, 59
SKY, GRASS = 157, 124  # Of stuff.
PANOPTIC_SKY, PANOPTIC_GRASS = 187, 193
_COLOURS = {
    "sky": (120, 180, 250), "grass": (70, 160, 60), PERSON: (220, 60, 60), DOG: (120, 70, 30),
    KITE: (250, 220, 40), PIZZA: (230, 140, 60),
}  # fmt: skip

# By id: height and width in squares, and objects: class, then row, column, height and width of its box
# in squares.
SCENES: dict[int, tuple[tuple[int, int], list[tuple[int, tuple[int, int, int, int]]]]] = {
    9: ((6, 8), [(PERSON, (1, 1, 4, 2)), (KITE, (0, 5, 2, 2))]),
    25: ((8, 6), []),
    30: ((6, 8), [(PERSON, (2, 1, 3, 4)), (DOG, (4, 6, 1, 2))]),
    200365: ((6, 9), [(PIZZA, (4, 1, 1, 2)), (PIZZA, (3, 5, 0, 1))]),
    139: ((6, 8), [(PERSON, (1, 4, 5, 3)), (DOG, (3, 3, 2, 3)), (PERSON, (2, 0, 3, 1))]),
    397133: ((7, 8), [(KITE, (1, 2, 2, 3))]),
}
PEOPLE_WITHOUT_KEYPOINTS = {139: [2]}
CROWDS = {30: [0]}
GRAY = {200365, 3}
BARE = [1, 2, 3, 6, 4, 5]  # Pictures without annotations.
SUBSETS = {
    "train2017": [9, 25, 30, 200365],
    "val2017": [139, 397133],
    "test2017": [1, 2, 3],
    "test-dev2017": [1, 3],
    "unlabeled2017": [4, 5],
    "train2014": [9, 25, 200365],
    "val2014": [30, 139, 397133],
    "test2014": [6],
    "test2015": [1, 2, 3, 6],
    "test-dev2015": [1, 6],
}
KARPATHY_SPLITS = {9: "train", 25: "train", 200365: "train", 30: "val", 139: "test", 397133: "restval"}  # fmt: skip

_LICENSES = [
    {"url": url, "id": number, "name": name}
    for number, (name, url) in enumerate(
        ((one["name"], one["url"]) for one in facts.metadata()["licenses"]), start=1
    )
]


def size(image_id: int) -> tuple[int, int]:
    """Height and width in pixels."""
    (rows, columns), _ = SCENES.get(image_id, ((6, 7 + image_id % 2), []))
    return rows * BLOCK, columns * BLOCK


def file_name(subset: str, image_id: int) -> str:
    """Since 2017 the names are ids."""
    subset = subset.replace("test-dev", "test")
    return (
        f"{image_id:012d}.jpg" if subset.endswith("2017") else f"COCO_{subset}_{image_id:012d}.jpg"
    )


def jpeg(image_id: int) -> bytes:
    """The picture; the bytes are the same in all years."""
    height, width = size(image_id)
    rows, columns = height // BLOCK, width // BLOCK
    blocks = [[_COLOURS["sky" if row < rows // 2 else "grass"]] * columns for row in range(rows)]
    for category, (top, left, tall, wide) in SCENES.get(image_id, ((), []))[1]:
        for row in range(top, top + tall):
            blocks[row][left : left + wide] = [_COLOURS[category]] * wide
    squares = [[miniature_files.ycc(colour) for colour in row] for row in blocks]
    if image_id in GRAY:
        squares = [[square[:1] for square in row] for row in squares]
    return miniature_files.jpeg(squares)


def image(subset: str, image_id: int) -> dict[str, Any]:
    """What the files list of a picture."""
    height, width = size(image_id)
    name = file_name(subset, image_id)
    return {
        "license": image_id % 8 + 1,
        "file_name": name,
        "coco_url": f"{SERVER}{subset}/{name}",
        "height": height,
        "width": width,
        "date_captured": f"2013-11-{image_id % 28 + 1:02d} 17:02:52",
        "flickr_url": f"http://farm1.staticflickr.com/{image_id}/1_a_z.jpg",
        "id": image_id,
    }


def _outline(box: tuple[int, int, int, int], number: int) -> list[list[float]]:
    """Polygons of a box in squares: a cut corner, and of every second object two halves."""
    top, left, tall, wide = (side * BLOCK for side in box)
    right, bottom = left + wide, top + tall
    if not tall:
        return [[left + 0.65, top + 0.33, left + 3.5, top + 0.33, right - 0.32, top + 0.33]]
    cut = [left + 2.25, top + 0.0, right, top, right, bottom, left, bottom, left, top + 2.5]
    if number % 2:
        middle = left + wide / 2 - 1.13
        return [[left, top, middle, top, middle, bottom, left, bottom],
                [middle + 2, top, right, top, right, bottom - 0.5, middle + 2, bottom - 0.5]]  # fmt: skip
    return [cut]


def _area(polygon: list[float]) -> float:
    x, y = np.array(polygon[::2]), np.array(polygon[1::2])
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def instances(image_id: int) -> list[dict[str, Any]]:
    """The objects of a picture."""
    found = []
    height, width = size(image_id)
    for number, (category, box) in enumerate(SCENES[image_id][1]):
        top, left, tall, wide = (side * BLOCK for side in box)
        if number in CROWDS.get(image_id, []):
            mask = np.zeros((1, height, width), bool)
            mask[0, top : top + tall, left : left + wide] = True
            mask[0, top : top + 5, left + 9 : left + 15] = False
            counts = coco_rle.from_dense(mask).counts
            found.append(
                {
                    "segmentation": {"counts": counts.tolist(), "size": [height, width]},
                    "area": 700, "iscrowd": 1, "image_id": image_id,
                    "bbox": [left, top, wide - 1, tall - 1], "category_id": category,
                    "id": int(f"9{category:03d}{image_id:08d}"),
                }
            )  # fmt: skip
            continue
        polygons = _outline(box, number)
        xy = np.concatenate([np.reshape(one, (-1, 2)) for one in polygons])
        low, high = xy.min(axis=0), xy.max(axis=0)
        found.append(
            {
                "segmentation": polygons,
                "area": sum(map(_area, polygons)), "iscrowd": 0, "image_id": image_id,
                "bbox": [*map(float, low), *(round(float(v), 2) for v in high - low)],
                "category_id": category, "id": 10 * image_id + number,
            }
        )  # fmt: skip
    return found


def keypoints(image_id: int) -> list[dict[str, Any]]:
    """The persons of a picture with their keypoints; a crowd has none of them labelled."""
    found = []
    for number, one in enumerate(instances(image_id)):
        if one["category_id"] != PERSON or number in PEOPLE_WITHOUT_KEYPOINTS.get(image_id, []):
            continue
        points = [0] * 51
        if not one["iscrowd"]:
            x, y, wide, tall = map(round, one["bbox"])
            for joint in range(17):
                visible = (joint + number) % 3
                place = [x + wide * (1 + joint % 2) // 3, y + tall * (joint + 1) // 18]
                points[3 * joint : 3 * joint + 3] = [*place, visible] if visible else [0, 0, 0]
        found.append(
            {
                **one, "area": round(one["area"], 4), "keypoints": points,
                "num_keypoints": sum(visible > 0 for visible in points[2::3]),
            }
        )  # fmt: skip
    return found


def captions(image_id: int) -> list[dict[str, Any]]:
    """Five captions, of one picture six."""
    names = {one.id: one.name for one in facts.categories("instances")}
    things = [names[category] for category, _ in SCENES[image_id][1]] or ["nothing"]
    texts = [
        f"A drawing of {' and '.join(things)} on the grass.",
        f"There is {things[0]} below a blue sky. ",
        f"{things[-1].upper()} OUTDOORS",
        "a meadow that somebody has drawn\n",
        f"Café scene № {image_id}",
    ] + ["A sixth one"] * (image_id == 139)
    return [
        {"image_id": image_id, "id": 100 * image_id + number, "caption": text}
        for number, text in enumerate(texts)
    ]


def _grounds(image_id: int) -> dict[str, np.ndarray]:
    """Masks of sky and grass, where no object is."""
    height, width = size(image_id)
    free = np.ones((height, width), bool)
    for one in instances(image_id):
        free[_painted(image_id, one)] = False
    half = height // BLOCK // 2 * BLOCK
    sky, grass = free.copy(), free.copy()
    sky[half:], grass[:half] = False, False
    grass[-2:] = False  # Nobody said what the lowest rows are.
    return {"sky": sky, "grass": grass}


def _painted(image_id: int, one: dict[str, Any]) -> np.ndarray:
    height, width = size(image_id)
    segmentation = one["segmentation"]
    if isinstance(segmentation, dict):
        counts = np.array(segmentation["counts"])
        runs = coco_rle.Runs(counts, np.array([len(counts)]))
    else:
        runs = coco_rle.from_polygons([segmentation], height, width)
    return coco_rle.to_dense(runs, height, width)[0].astype(bool)


def _box(mask: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [
        int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)
    ]  # fmt: skip


def stuff(image_id: int) -> list[dict[str, Any]]:
    """Sky and grass of a picture."""
    found = []
    for number, (ground, category) in enumerate((("sky", SKY), ("grass", GRASS))):
        mask = _grounds(image_id)[ground]
        (rle,) = coco_rle.encode(coco_rle.from_dense(mask[None]))
        found.append(
            {
                "segmentation": {
                    "counts": rle.decode(), "size": list(size(image_id))
                },
                "area": float(mask.sum()), "iscrowd": 0, "image_id": image_id,
                "bbox": list(map(float, _box(mask))), "category_id": category,
                "id": 10_000_000 + 10 * image_id + number,
            }
        )  # fmt: skip
    return found


def panoptic(image_id: int) -> tuple[np.ndarray, dict[str, Any]]:
    """The panoptic picture, RGB, and its annotation."""
    ids = np.zeros(size(image_id), np.int64)
    categories = {}
    for number, (ground, category) in enumerate((("sky", PANOPTIC_SKY), ("grass", PANOPTIC_GRASS))):
        ids[_grounds(image_id)[ground]] = 70_000 + 300 * number
        categories[70_000 + 300 * number] = (category, 0)
    for number, one in enumerate(instances(image_id)):
        segment = 4_000_000 + 1000 * number
        ids[_painted(image_id, one)] = segment
        categories[segment] = (one["category_id"], one["iscrowd"])
    segments = [
        {
            "id": segment, "category_id": category, "iscrowd": crowd,
            "bbox": _box(ids == segment), "area": int((ids == segment).sum()),
        }
        for segment, (category, crowd) in categories.items()
        if (ids == segment).any()
    ]  # fmt: skip
    pixels = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)
    row = {"segments_info": segments, "file_name": f"{image_id:012d}.png", "image_id": image_id}
    return pixels, row


def dumped(value: Any) -> bytes:
    """As it is published: one line."""
    return json.dumps(value).encode()


def document(subset: str, kind: str) -> dict[str, Any]:
    """An annotation file; annotations come in another order than pictures."""
    ids = SUBSETS[subset]
    made: dict[str, Any] = {
        "info": {"description": "Made up.", "version": "1.0", "year": 2026},
        "licenses": _LICENSES,
        "images": [image(subset, one) for one in ids],
    }
    if kind == "image_info":
        return made | {"categories": _categories("instances")}
    rows = {
        "instances": instances, "person_keypoints": keypoints, "captions": captions, "stuff": stuff,
        "panoptic": lambda one: [panoptic(one)[1]],
    }[kind]  # fmt: skip
    by_image = [rows(one) for one in ids]
    # One of each picture after the other.
    longest = max(map(len, by_image))
    mixed = [some[n] for n in range(longest) for some in by_image[::-1] if n < len(some)]
    made["annotations"] = mixed
    if kind != "captions":
        made["categories"] = _categories(kind)
    return made


def _categories(kind: str) -> list[dict[str, Any]]:
    if kind == "person_keypoints":
        person = {"supercategory": "person", "id": 1, "name": "person"}
        limbs = [[a + 1, b + 1] for a, b in facts.SKELETON]
        return [{**person, "keypoints": list(facts.KEYPOINTS), "skeleton": limbs}]
    return [
        {"supercategory": one.supercategory, "id": one.id, "name": one.name}
        | ({"isthing": int(one.is_thing), "color": list(one.color)} if kind == "panoptic" else {})
        for one in facts.categories(kind)
    ]


def archives() -> dict[str, dict[str, bytes]]:
    """The published archives, by URL: contents by member name."""
    made: dict[str, dict[str, bytes]] = {}
    for subset, ids in SUBSETS.items():
        if "dev" not in subset:
            made[f"{SERVER}zips/{subset}.zip"] = {
                f"{subset}/{file_name(subset, one)}": jpeg(one) for one in ids
            }

    def add(archive: str, **files: bytes) -> None:
        url = f"{SERVER}annotations/{archive}.zip"
        for name, content in files.items():
            made.setdefault(url, {})[f"annotations/{name}.json"] = content

    for year in ("2014", "2017"):
        for subset in (f"train{year}", f"val{year}"):
            for kind in ("instances", "person_keypoints", "captions"):
                content = dumped(document(subset, kind))
                add(f"annotations_trainval{year}", **{f"{kind}_{subset}": content})
    for subset in ("train2017", "val2017"):
        for kind in ("stuff", "panoptic"):
            archive = f"{kind}_annotations_trainval2017"
            add(archive, **{f"{kind}_{subset}": dumped(document(subset, kind))})
        pictures = {
            f"panoptic_{subset}/{one:012d}.png": miniature_files.png(panoptic(one)[0])
            for one in SUBSETS[subset]
        }
        made[f"{SERVER}annotations/panoptic_annotations_trainval2017.zip"][
            f"annotations/panoptic_{subset}.zip"
        ] = miniature_files.plain_zip(pictures)
        # Nothing is made of these: they say what the masks of stuff say.
        made[f"{SERVER}annotations/stuff_annotations_trainval2017.zip"][
            f"annotations/stuff_{subset}_pixelmaps.zip"
        ] = miniature_files.plain_zip({"x.png": b""})
    for subset in ("test2014", "test2015", "test-dev2015", "test2017", "test-dev2017"):
        archive = f"image_info_{subset.replace('test-dev', 'test')}"
        add(archive, **{f"image_info_{subset}": dumped(document(subset, "image_info"))})
    subset = "unlabeled2017"
    add(f"image_info_{subset}", **{f"image_info_{subset}": dumped(document(subset, "image_info"))})
    made[KARPATHY] = {
        "dataset_coco.json": dumped(
            {
                "images": [
                    {"filepath": "val2014", "cocoid": one, "split": split, "sentences": []}
                    for one, split in KARPATHY_SPLITS.items()
                ],
                "dataset": "coco",
            }
        ),
        "readme.txt": b"Made up.",
    }
    return made


_2014 = {"train": "train2014", "validation": "val2014"}
_2017 = {"train": "train2017", "validation": "val2017"}
CONFIGS: dict[str, dict[str, str]] = {
    "2017": {**_2017, "test": "test2017"},
    "2017_objects": {**_2017, "test": "test2017"},
    "2017_panoptic": _2017,
    "2017_stuff": _2017,
    "2017_validation": {"validation": "val2017"},
    "2017_validation_objects": {"validation": "val2017"},
    "2017_annotations": {**_2017, "test": "test2017"},
    "2017_unlabeled": {"unlabeled": "unlabeled2017"},
    "2017_test_dev": {"test_dev": "test-dev2017"},
    "2014": {**_2014, "test": "test2014", "test2015": "test2015"},
    "2014_annotations": {**_2014, "test": "test2014", "test2015": "test2015"},
    "2014_karpathy": _2014,
    "2015_test_dev": {"test_dev": "test-dev2015"},
}


def counts() -> dict[str, dict[str, int]]:
    """Number of pictures by config and split."""
    made = {
        config: {split: len(SUBSETS[subset]) for split, subset in splits.items()}
        for config, splits in CONFIGS.items()
    }
    made["2014_karpathy"] = {
        split: list(KARPATHY_SPLITS.values()).count(split)
        for split in ("train", "val", "test", "restval")
    }
    return made


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    miniature_files.write_files(
        folder,
        {
            url: (url.rpartition("/")[2], miniature_files.plain_zip(files))
            for url, files in archives().items()
        },
    )
    miniature_files.write_table(
        folder / "counts.tsv",
        ["config", "split", "examples"],
        [(config, *row) for config, splits in counts().items() for row in splits.items()],
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "coco_extended")
