"""The releases of VQA: which files belong together, and what they are called."""

from __future__ import annotations

import dataclasses
import functools
import pathlib

from tfds_extra.core import tables

COCO = "http://images.cocodataset.org/zips/"


@dataclasses.dataclass(frozen=True)
class Release:
    """The published files that belong together.

    Attributes:
      folder: Folder on the servers.
      archive: Pattern of its archives' names, with the kind of content and the split.
      questions: Pattern of the name of the file with questions, with the task and the subset.
      annotations: Pattern of the name of the file with answers, with the subset.
      subsets: Names of each split in the names of archives and files. The archive of test has
        test_dev, too.
      pictures: Pattern of a picture's name, with subset and id.
      archives_of_pictures: URL of the archive with the pictures of a subset.
      question_types: Which of the published lists of types of questions it has.
      pairs: Name of the file with complementary pairs; empty if there are none.
      people: How many people answer each question; None if this number, and the list of types of
        questions, are not documented.
    """

    folder: str
    archive: str
    questions: str
    annotations: str
    subsets: dict[str, tuple[str, str]]
    pictures: str
    archives_of_pictures: str
    question_types: str
    pairs: str = ""
    people: int | None = 10

    @property
    def encoding(self) -> str:
        """TFDS's name for the encoding of the pictures."""
        return "jpeg" if self.pictures.endswith(".jpg") else "png"


_MSCOCO_SUBSETS = {
    "train": ("Train", "train2014"),
    "validation": ("Val", "val2014"),
    "test": ("Test", "test2015"),
    "test_dev": ("Test", "test-dev2015"),
}
_ABSTRACT_PICTURES = "abstract_v002_{subset}_{id:012d}.png"
_V1 = Release(
    folder="mscoco/vqa/",
    archive="{kind}_{split}_mscoco.zip",
    questions="{task}_mscoco_{subset}_questions.json",
    annotations="mscoco_{subset}_annotations.json",
    subsets=_MSCOCO_SUBSETS,
    pictures="COCO_{subset}_{id:012d}.jpg",
    archives_of_pictures=COCO + "{subset}.zip",
    question_types="mscoco",
)
_ABSTRACT = Release(
    folder="abstract_v002/vqa/",
    archive="{kind}_{split}_abstract_v002.zip",
    questions="{task}_abstract_v002_{subset}_questions.json",
    annotations="abstract_v002_{subset}_annotations.json",
    subsets={
        "train": ("Train", "train2015"),
        "validation": ("Val", "val2015"),
        "test": ("Test", "test2015"),
    },
    pictures=_ABSTRACT_PICTURES,
    archives_of_pictures="abstract_v002/scene_img/scene_img_abstract_v002_{subset}.zip",
    question_types="abstract",
)
RELEASES = {
    "v2": dataclasses.replace(
        _V1,
        archive=f"v2_{_V1.archive}",
        questions=f"v2_{_V1.questions}",
        annotations=f"v2_{_V1.annotations}",
        pairs="v2_mscoco_{subset}_complementary_pairs.json",
    ),
    "v1": _V1,
    "abstract_v1": _ABSTRACT,
    "abstract_binary": dataclasses.replace(
        _ABSTRACT,
        archive="{kind}_Binary_{split}2017_abstract_v002.zip",
        subsets={"train": ("Train", "train2017"), "validation": ("Val", "val2017")},
        archives_of_pictures="abstract_v002/scene_img/scene_img_abstract_v002_binary_{subset}.zip",
        people=None,
    ),
}
SCENES = "abstract_v002/scene_json/scene_json_abstract_v002_{subset}.zip"
SCENE = "abstract_v002_{subset}_{id:012d}.json"
WITH_SCENES = ("train", "validation")


def of_pictures(subset: str) -> str:
    """Returns the subset that has a subset's pictures: test-dev is a part of test.

    Args:
      subset: Subset of questions.
    """
    return subset.replace("test-dev", "test")


@functools.cache
def question_types(pictures: str) -> list[str]:
    """Returns the classes of question_type, in published order.

    Args:
      pictures: What the questions are about, "mscoco" or "abstract".
    """
    rows = tables.read_tsv(pathlib.Path(__file__).with_name("question_types.tsv"))
    return [row["question_type"] for row in rows if row["pictures"] == pictures]
