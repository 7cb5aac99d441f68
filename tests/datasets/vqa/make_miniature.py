"""Makes dummy_data/vqa: made-up questions about drawn shapes, with ten made-up answers each.

The answer is the colour or the number of the shapes, so that a model learns something from them. Run
it as a script after a change: `python tests/datasets/vqa/make_miniature.py`.
"""

from __future__ import annotations

import collections
import json
import pathlib
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files
import numpy as np

SERVER = "https://s3.amazonaws.com/cvmlp/vqa/"
COCO = "http://images.cocodataset.org/zips/"
COLOURS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (40, 70, 220)}
_SHAPES = {
    1: (".......", ".......", "..###..", "..###..", "..###..", ".......", "......."),
    2: (".......", ".##.##.", ".##.##.", ".......", ".......", ".......", "......."),
    3: ("..##...", "..##...", ".......", ".......", "##..##.", "##..##.", "......."),
}
PEOPLE = 10

# By release and split: id of each picture, its colour and number of shapes.
PICTURES = {
    ("mscoco", "train2014"): [(9, "red", 1), (458752, "blue", 2), (25, "green", 3), (30, "blue", 1)],
    ("mscoco", "val2014"): [(42, "green", 1), (262148, "red", 3)],
    ("mscoco", "test2015"): [(1, "blue", 3), (2, "red", 2)],
    ("abstract", "train2015"): [(0, "red", 2), (11779, "green", 1)],
    ("abstract", "val2015"): [(20000, "blue", 1)],
    ("abstract", "test2015"): [(30000, "green", 2)],
    ("binary", "train2017"): [(900000000, "red", 1), (900000001, "red", 2)],
    ("binary", "val2017"): [(900100000, "blue", 3)],
}  # fmt: skip
_WORDS = {1: "one", 2: "2", 3: "three"}


def _people(*counted: tuple[str, int, str]) -> list[tuple[str, str]]:
    """Ten answers with confidence, from answer, number of people and confidence."""
    answers = [(answer, confidence) for answer, count, confidence in counted for _ in range(count)]
    assert len(answers) == PEOPLE
    return answers


def _asked(image_id: int, colour: str, count: int) -> list[tuple[str, str, str, Any]]:
    """Question, its type, the type of its answer, and the answers, of one picture."""
    other = "red" if colour != "red" else "blue"
    return [
        (
            "What color is the shape?", "what color is the", "other",
            _people((colour, 6, "yes"), (f"{colour}ish", 2, "maybe"), (f"{colour}\n", 1, "yes"),
                    (other, 1, "no")),
        ),
        (
            "How many shapes are there?", "how many", "number",
            _people((str(count), 3, "yes"), (_WORDS[count], 5, "yes"), (f" {count}. ", 2, "maybe")),
        ),
        (
            f"Is there a {colour} shape?" if image_id % 2 else f"Isn’t it {other}?",
            "is there a" if image_id % 2 else "none of the above", "yes/no",
            _people(("yes" if image_id % 2 else "no", 10, "yes")),
        ),
    ]  # fmt: skip


def _id(release: str, image_id: int, number: int) -> int:
    """Id of a question: v2 has three digits for the number, the others one."""
    return image_id * (1000 if release == "v2" else 10) + number


def questions(release: str, subset: str) -> list[dict[str, Any]]:
    """The questions of a release: v2 has them all, the others two or three of a picture."""
    pictures = {"v2": "mscoco", "v1": "mscoco"}.get(release, release)
    of = subset.replace("test-dev", "test")
    made = []
    for image_id, colour, count in PICTURES[pictures, of]:
        for number, (question, *_) in enumerate(_asked(image_id, colour, count)):
            if release == "binary" and number != 2:
                continue
            if "dev" in subset and number:
                continue
            made.append(
                {
                    "image_id": image_id,
                    "question": question,
                    "question_id": _id(release, image_id, number),
                }
            )
    return made


def choices(question: dict[str, Any]) -> list[str]:
    """18 answers to choose from."""
    words = "red green blue 1 2 3 yes no white man 4 tennis woman black down net pitcher 5".split()
    start = question["question_id"] % len(words)
    return words[start:] + words[:start]


def annotations(release: str, subset: str) -> list[dict[str, Any]]:
    """The answers, in another order than the questions."""
    pictures = {"v2": "mscoco", "v1": "mscoco"}.get(release, release)
    made = []
    for image_id, colour, count in PICTURES[pictures, subset]:
        for number, (_, question_type, answer_type, people) in enumerate(
            _asked(image_id, colour, count)
        ):
            if release == "binary" and number != 2:
                continue
            if release == "binary" and image_id == 900000001:
                question_type = "is the weather"  # In nobody's list.
            common = collections.Counter(answer for answer, _ in people).most_common(1)[0][0]
            made.append(
                {
                    "question_type": question_type,
                    "multiple_choice_answer": common,
                    "answers": [
                        {"answer": answer, "answer_confidence": confidence, "answer_id": person}
                        for person, (answer, confidence) in enumerate(people, start=1)
                    ],
                    "image_id": image_id,
                    "answer_type": answer_type,
                    "question_id": _id(release, image_id, number),
                }
            )
    return made[::-1]


def pairs(subset: str) -> list[list[int]]:
    """Pairs of questions that are the same about two pictures; one question is in two pairs."""
    ids = {
        "train2014": [(9, 25, 0), (25, 458752, 0), (9, 25, 1)],
        "val2014": [(42, 262148, 1)],
    }[subset]
    return [[_id("v2", a, number), _id("v2", b, number)] for a, b, number in ids]


def scene(subset: str, image_id: int, colour: str, count: int) -> dict[str, Any]:
    """What a scene is made of."""
    return {
        "file_name": f"abstract_v002_{subset}_{image_id:012d}.png",
        "id": image_id,
        "scene": {
            "sceneConfigFile": "abstract_v002_living_config.json",
            "sceneType": "Living" if image_id % 2 else "Park",
            "availableObject": [
                {
                    "numInstance": count,
                    "smallestUnusedInstanceIdx": count,
                    "instance": [
                        {"type": "smallObject", "name": f"{colour} ball é", "present": True,
                         "deformable": False, "flip": 0, "x": 100 + 40 * number, "y": 200, "z": 0,
                         "typeID": number}
                        for number in range(count)
                    ],
                }
            ],
        },
    }  # fmt: skip


def jpeg(colour: str, count: int) -> bytes:
    """A photograph, of 56 x 56 pixels."""
    paint, ground = miniature_files.ycc(COLOURS[colour]), miniature_files.ycc((235, 235, 225))
    drawing = _SHAPES[count]
    return miniature_files.jpeg([[paint if p == "#" else ground for p in row] for row in drawing])


def png(colour: str, count: int) -> bytes:
    """A drawing, of 28 x 42 pixels."""
    shape = miniature_files.scaled(_SHAPES[count], 28, 42)
    pixels = np.full((28, 42, 3), (250, 240, 220), np.uint8)
    pixels[shape] = COLOURS[colour]
    return miniature_files.png(pixels)


def dumped(value: Any) -> bytes:
    """As it is published: one line."""
    return json.dumps(value, ensure_ascii=False).encode()


def questions_file(release: str, subset: str, *, multiple: bool = False) -> bytes:
    """A file of questions."""
    made = questions(release, subset)
    if multiple:
        made = [{**one, "multiple_choices": choices(one)} for one in made]
    return dumped(
        {
            "info": {"description": "Made up.", "version": "1.0", "year": 2026},
            "task_type": "Multiple-Choice" if multiple else "Open-Ended",
            "data_type": "mscoco" if release in ("v2", "v1") else "abstract_v002",
            "questions": made,
            "license": {"url": "http://creativecommons.org/licenses/by/4.0/", "name": "CC BY 4.0"},
            "data_subtype": subset,
        }
    )


def annotations_file(release: str, subset: str) -> bytes:
    """A file of answers."""
    return dumped(
        {
            "info": {"description": "Made up."},
            "annotations": annotations(release, subset),
            "license": {"name": "CC BY 4.0"},
            "data_subtype": subset,
            "data_type": "mscoco" if release in ("v2", "v1") else "abstract_v002",
        }
    )


def archives() -> dict[str, dict[str, bytes]]:
    """The published archives, by URL: contents by member name."""
    made: dict[str, dict[str, bytes]] = {}
    splits = (("Train", "train2014"), ("Val", "val2014"), ("Test", "test2015"))
    for release, v in (("v2", "v2_"), ("v1", "")):
        for name, subset in splits:
            files = {}
            for one in (subset, "test-dev2015") if name == "Test" else (subset,):
                files[f"{v}OpenEnded_mscoco_{one}_questions.json"] = questions_file(release, one)
                if release == "v1":
                    files[f"MultipleChoice_mscoco_{one}_questions.json"] = questions_file(
                        release, one, multiple=True
                    )
            made[f"{SERVER}mscoco/vqa/{v}Questions_{name}_mscoco.zip"] = files
            if name == "Test":
                continue
            made[f"{SERVER}mscoco/vqa/{v}Annotations_{name}_mscoco.zip"] = {
                f"{v}mscoco_{subset}_annotations.json": annotations_file(release, subset)
            }
            if v:
                made[f"{SERVER}mscoco/vqa/v2_Complementary_Pairs_{name}_mscoco.zip"] = {
                    f"v2_mscoco_{subset}_complementary_pairs.json": dumped(pairs(subset))
                }
    for name, subset in (("Train", "train2015"), ("Val", "val2015"), ("Test", "test2015")):
        files = {}
        for task in ("OpenEnded", "MultipleChoice"):
            files[f"{task}_abstract_v002_{subset}_questions.json"] = questions_file(
                "abstract", subset, multiple=task == "MultipleChoice"
            )
        made[f"{SERVER}abstract_v002/vqa/Questions_{name}_abstract_v002.zip"] = files
        if name != "Test":
            made[f"{SERVER}abstract_v002/vqa/Annotations_{name}_abstract_v002.zip"] = {
                f"abstract_v002_{subset}_annotations.json": annotations_file("abstract", subset)
            }
    for name, subset in (("Train", "train2017"), ("Val", "val2017")):
        made[f"{SERVER}abstract_v002/vqa/Questions_Binary_{name}2017_abstract_v002.zip"] = {
            f"OpenEnded_abstract_v002_{subset}_questions.json": questions_file("binary", subset)
        }
        made[f"{SERVER}abstract_v002/vqa/Annotations_Binary_{name}2017_abstract_v002.zip"] = {
            f"abstract_v002_{subset}_annotations.json": annotations_file("binary", subset)
        }
    for (release, subset), pictures in PICTURES.items():
        if release == "mscoco":
            made[f"{COCO}{subset}.zip"] = {
                f"{subset}/COCO_{subset}_{image_id:012d}.jpg": jpeg(colour, count)
                for image_id, colour, count in pictures
            }
            continue
        named = f"binary_{subset}" if release == "binary" else subset
        made[f"{SERVER}abstract_v002/scene_img/scene_img_abstract_v002_{named}.zip"] = {
            f"abstract_v002_{subset}_{image_id:012d}.png": png(colour, count)
            for image_id, colour, count in pictures
        }
        if release == "abstract" and not subset.startswith("test"):
            made[f"{SERVER}abstract_v002/scene_json/scene_json_abstract_v002_{subset}.zip"] = {
                f"abstract_v002_{subset}_{one[0]:012d}.json": dumped(scene(subset, *one))
                for one in pictures
            }
    return made


SUBSETS = {
    "v2": ("train2014", "val2014", "test2015", "test-dev2015"),
    "v1": ("train2014", "val2014", "test2015", "test-dev2015"),
    "abstract": ("train2015", "val2015", "test2015"),
    "binary": ("train2017", "val2017"),
}
CONFIGS = {
    "v2": ("v2", "v2_images"),
    "v1": ("v1", "v1_images", "v1_multiple_choice", "v1_multiple_choice_images"),
    "abstract": (
        "abstract_v1", "abstract_v1_images", "abstract_v1_scenes", "abstract_v1_multiple_choice",
        "abstract_v1_multiple_choice_images",
    ),
    "binary": ("abstract_binary", "abstract_binary_images"),
}  # fmt: skip


def counts() -> dict[str, dict[str, int]]:
    """Number of questions by config and split."""
    return {
        config: {
            split: len(questions(release, subset))
            for split, subset in zip(("train", "validation", "test", "test_dev"), SUBSETS[release])
        }
        for release, configs in CONFIGS.items()
        for config in configs
    }


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
    make(miniature_files.DUMMY_DATA / "vqa")
