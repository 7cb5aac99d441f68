"""VisualQA: questions about pictures with ten answers each, v2, v1 and abstract scenes."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import itertools
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.vqa import annotations as annotation_files
from tfds_extra.datasets.vqa import features, releases
from tfds_extra.datasets.vqa.named_files import NamedById

_HOMEPAGE = "https://visualqa.org/"
# The second server is the older one.
_SERVERS = ("https://s3.amazonaws.com/cvmlp/vqa/", "http://visualqa.org/data/")
_DATA = ("*_questions.json", "*_annotations.json", "*_complementary_pairs.json")

_ROWS = 2000  # Questions that are written at once.
_PICTURED = 50_000  # Questions with pictures that one process reads.


@dataclasses.dataclass
class VqaConfig(tfds.core.BuilderConfig):
    """One of the releases.

    Attributes:
      release: Its name in `releases.RELEASES`.
      choices: Whether each question has answers to choose from.
      pictures: Whether each question has its picture.
      scenes: Whether each question has the description of its scene.
    """

    release: str = ""
    choices: bool = False
    pictures: bool = False
    scenes: bool = False


def _configs() -> Iterator[VqaConfig]:
    """Yields each form of each release, with and without pictures."""
    for name, release, choices, what in (
        ("v2", "v2", False, "Balanced questions about COCO's pictures (2017)"),
        ("v1", "v1", False, "The first questions about COCO's pictures (2015)"),
        ("v1_multiple_choice", "v1", True, "The first questions, with 18 answers to choose from"),
        ("abstract_v1", "abstract_v1", False, "Questions about scenes of clip art (2015)"),
        ("abstract_v1_multiple_choice", "abstract_v1", True, "Questions about clip art, with 18 answers to choose from"),
        ("abstract_binary", "abstract_binary", False, "Balanced yes/no questions about clip art (2017)"),
    ):  # fmt: skip
        yield VqaConfig(name=name, release=release, choices=choices, description=f"{what}.")
        yield VqaConfig(
            name=f"{name}_images",
            release=release,
            choices=choices,
            pictures=True,
            description=f"{what}, each with the picture.",
        )
        if name == "abstract_v1":
            yield VqaConfig(
                name="abstract_v1_scenes",
                release=release,
                scenes=True,
                description=f"{what}, each with the JSON that the scene is made of.",
            )


@dataclasses.dataclass(frozen=True)
class Part:
    """The piece that is read at once: some of the questions of a split.

    Attributes:
      split: The split.
      files: All published files of the config.
      number: Number of the part, from 0.
      count: Number of parts; the last one has all questions that are left.
    """

    split: str
    files: dict[str, core.Tree]
    number: int
    count: int


class Builder(core.Builder):
    """VisualQA."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = list(_configs())
    DRAWN_FIRST = ("question", "multiple_choice_answer", "answers/answer", "question_type")

    @property
    def _release(self) -> releases.Release:
        return releases.RELEASES[self.builder_config.release]

    def _questions(self, subset: str) -> str:
        """Returns the name of the file with the questions of a subset."""
        task = "MultipleChoice" if self.builder_config.choices else "OpenEnded"
        return self._release.questions.format(task=task, subset=subset)

    def _info(self) -> tfds.core.DatasetInfo:
        config, release = self.builder_config, self._release
        made = features.of_questions(releases.question_types(release.question_types))
        if release.people is None:
            made |= features.of_other_types()
        if config.choices:
            made |= features.of_choices()
        if release.pairs:
            made |= features.of_pairs()
        if config.pictures:
            made = features.of_pictures(release.encoding) | made
        if config.scenes:
            made |= features.of_scenes()
        asked: Any = "question"
        if config.pictures:
            asked = {"image": "image", "question": "question"}
        return self.dataset_info(
            features=made,
            supervised_keys=(asked, "multiple_choice_answer"),
            homepage=_HOMEPAGE,
            license="Questions and answers: CC BY 4.0. COCO's pictures: each under its Flickr licence"
            " (https://cocodataset.org/#termsofuse).",
        )

    # ------------------------------------------------------------------------ published files

    def published_files(self) -> dict[str, core.Archive]:
        config, release = self.builder_config, self._release
        files = {}
        for split, (name, subset) in release.subsets.items():
            if split != "test_dev":
                json_file = self._questions(subset)
                files[f"questions_{name}"] = self._archive("Questions", name, json_file)
            if not split.startswith("test"):
                json_file = release.annotations.format(subset=subset)
                files[f"annotations_{name}"] = self._archive("Annotations", name, json_file)
                if release.pairs:
                    json_file = release.pairs.format(subset=subset)
                    files[f"pairs_{name}"] = self._archive("Complementary_Pairs", name, json_file)
            if config.pictures and split != "test_dev":
                url = release.archives_of_pictures.format(subset=subset)
                is_coco = url.startswith(releases.COCO)
                files[f"pictures_{name}"] = core.Archive(
                    url if is_coco else _mirrors(url),
                    subset if is_coco else "",
                    holds=(_any_id(release.pictures).format(subset=subset),),
                    also_called=(f"images/{subset}",),
                )
            if config.scenes and split in releases.WITH_SCENES:
                files[f"scenes_{name}"] = core.Archive(
                    _mirrors(releases.SCENES.format(subset=subset)),
                    holds=(_any_id(releases.SCENE).format(subset=subset),),
                    also_called=(f"scenes/{subset}",),
                )
        return files

    def _archive(self, kind: str, name: str, json_file: str) -> core.Archive:
        """Returns an archive of JSON files, of which one must be there."""
        path = self._release.folder + self._release.archive.format(kind=kind, split=name)
        # Many people have files of several releases in one folder.
        folder = {"Questions": "questions", "Annotations": "annotations"}.get(kind, "pairs")
        return core.Archive(_mirrors(path), holds=(json_file,), also_called=(folder,), others=_DATA)

    # ------------------------------------------------------------------------------ the pieces

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        pieces = []
        for split, expected in self.expected_counts.items():
            # Each part reads all questions and answers, which takes much less than its pictures.
            count = max(1, expected // _PICTURED) if self.builder_config.pictures else 1
            pieces += [Part(split, files, number, count) for number in range(count)]
        return core.by_split(self.expected_counts, pieces, self._generate_examples)

    def whole_files(self, split):
        # Answers may come in another order than the questions.
        name, _ = self._release.subsets[split]
        return [
            file
            for file in (f"annotations_{name}", f"pairs_{name}")
            if file in self.published_files()
        ]

    def _generate_examples(self, part: Part) -> Iterator[core.Rows | core.SplitExample]:
        """Yields the questions of a part."""
        examples = self._examples(part)
        if self.builder_config.pictures:
            yield from examples
            return
        while rows := [example for _, example in itertools.islice(examples, _ROWS)]:
            keys = [str(row["question_id"]) for row in rows]
            columns = {name: [row[name] for row in rows] for name in rows[0]}
            yield core.Rows(part.split, keys, columns)

    def _examples(self, part: Part) -> Iterator[core.SplitExample]:
        config, release = self.builder_config, self._release
        name, subset = release.subsets[part.split]
        answers = self._answers(part, name, subset)
        pairs = self._pairs(part, name, subset)
        pictures = self._named(
            part, f"pictures_{name}", release.pictures, releases.of_pictures(subset)
        )
        scenes = self._named(part, f"scenes_{name}", releases.SCENE, subset)
        with _open(part.files[f"questions_{name}"], self._questions(subset)) as file:
            questions = annotation_files.read_questions(file, choices=config.choices)
            for number, question in enumerate(questions):
                row = answers.find(question) if answers else None
                if row is None and answers and self.variant != core.PARTIAL:
                    raise ValueError(f"question {question['question_id']} has no answers")
                if min(number // _PICTURED, part.count - 1) != part.number:
                    continue  # It belongs to another part, but counts as asked.
                found = annotation_files.no_answers()
                if row is not None and answers is not None:
                    found = answers.of(row)
                if release.people is not None:
                    found.pop("question_type_published")
                image_id = question["image_id"]
                example = {
                    **question,
                    "image/filename": release.pictures.format(
                        subset=releases.of_pictures(subset), id=image_id
                    ),
                    **found,
                }
                if pairs:
                    example["complementary_question_ids"] = pairs.of(question["question_id"])
                if config.scenes:
                    example["scene"] = scenes.read(image_id) if scenes else ""
                if pictures:
                    example["image"] = pictures.read(image_id)
                if any(value is None for value in example.values()):
                    continue  # A partial corpus may lack its picture or scene.
                yield (part.split, str(question["question_id"])), example
        if answers and self.variant != core.PARTIAL and (left := answers.left()):
            raise core.CorpusError(
                part.files[f"annotations_{name}"],
                release.annotations.format(subset=subset),
                f"there are answers to {len(left):,} questions that are not there, as {min(left)}",
                core.GET_AGAIN,
            )

    def _answers(self, part: Part, name: str, subset: str) -> annotation_files.Answers | None:
        """Returns the answers to the questions of a part; None for those of test."""
        key, release = f"annotations_{name}", self._release
        if key not in part.files:
            return None
        answers = annotation_files.Answers(
            releases.question_types(release.question_types), people=release.people
        )
        with _open(part.files[key], release.annotations.format(subset=subset)) as file:
            answers.read(file)
        return answers

    def _pairs(self, part: Part, name: str, subset: str) -> annotation_files.Pairs | None:
        """Returns the complementary pairs (none for test); None for releases without pairs."""
        key, release = f"pairs_{name}", self._release
        if not release.pairs:
            return None
        if key not in part.files:
            return annotation_files.Pairs()
        with _open(part.files[key], release.pairs.format(subset=subset)) as file:
            return annotation_files.Pairs(file)

    def _named(self, part: Part, key: str, pattern: str, subset: str) -> NamedById | None:
        """Returns the pictures, or scenes, of a part; None if there are none."""
        if key not in part.files:
            return None
        return NamedById(part.files[key], pattern, subset, is_part=self.variant == core.PARTIAL)


@contextlib.contextmanager
def _open(tree: core.Tree, name: str) -> Iterator[BinaryIO]:
    """Yields a JSON file; errors inside the block get archive and name."""
    for other in () if tree.is_shared else tree.index():
        if not any(fnmatch.fnmatchcase(other, pattern) for pattern in _DATA):
            raise core.stranger(tree, other)
    with core.find_member(tree, name) as member:
        with core.located(tree, name, core.GET_AGAIN), member.open() as file:
            yield file


def _mirrors(path: str) -> core.Mirrors:
    return core.Mirrors([server + path for server in _SERVERS])


def _any_id(pattern: str) -> str:
    """Returns a pattern of file names with `*` in place of the id."""
    return re.sub(r"\{id.*\}", "*", pattern)
