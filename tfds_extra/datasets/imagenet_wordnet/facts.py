"""Facts about the classes: labels, numbers, definitions, and their place in WordNet."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.imagenet_wordnet import hierarchy
from tfds_extra.formats import imagenet, mat5_struct

_META, _TRUTH = "data/meta.mat", "data/ILSVRC2012_validation_ground_truth.txt"
_FIELDS = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children")


class Facts:
    """Facts about each class, by its wnid.

    Attributes:
      labels: Number of a class in the order of the wnids; empty for ImageNet-21K.
      ilsvrc_ids: Number of a class in the challenge, 1 to 1000; empty without the devkit.
      validation_labels: Wnid of each picture of validation, in the order of their names.
    """

    def __init__(
        self,
        tree: hierarchy.Hierarchy,
        gloss: Mapping[str, str],
        ilsvrc_ids: Mapping[str, int] | None = None,
        validation_labels: Sequence[str] = (),
    ):
        """Takes the facts.

        Args:
          tree: Words and hypernyms.
          gloss: Definitions.
          ilsvrc_ids: As in `Facts`.
          validation_labels: As in `Facts`.
        """
        self._tree, self._gloss = tree, gloss
        self.labels = {wnid: label for label, wnid in enumerate(tree.classes)}
        self.ilsvrc_ids = ilsvrc_ids or {}
        self.validation_labels = validation_labels

    @functools.lru_cache(None)  # noqa: B019  One for each process, and few classes.
    def of(self, wnid: str) -> dict[str, Any]:
        """Returns the features of a class; for the empty wnid (no class) they are empty."""
        hypernyms = self._tree.path(wnid)
        return {
            "words": list(self._tree.words(wnid)),
            "gloss": self._gloss.get(wnid, ""),
            "hypernyms": hypernyms,
            "hypernym_words": [next(iter(self._tree.words(one)), "") for one in hypernyms],
            "ancestors": self._tree.ancestors(wnid),
            "hypernym_paths": [" ".join(path) for path in self._tree.paths(wnid)],
        }


def of_ilsvrc(files: Mapping[str, Any]) -> Facts:
    """Returns the facts about the 1,000 classes.

    Args:
      files: The published files that are there.

    Raises:
      CorpusError: The devkit is damaged, or is not about these classes.
    """
    tree = hierarchy.ilsvrc()
    if devkit := files.get("devkit"):
        with core.find_member(devkit, _META) as member:
            meta = member.read()
        with core.find_member(devkit, _TRUTH) as member:
            truth = member.read()
        with core.located(devkit, _META, core.GET_AGAIN):
            numbers, gloss = _synsets(meta, tree)
        with core.located(devkit, _TRUTH, core.GET_AGAIN):
            ids = imagenet.parse_ground_truth(truth, max(numbers))
            labels = [numbers[one] for one in ids]
        return Facts(tree, gloss, {wnid: number for number, wnid in numbers.items()}, labels)
    # TFDS comes with the same list, by wnid.
    path = tfds.core.tfds_path("datasets/imagenet2012/validation_labels.txt")
    return Facts(tree, {}, None, path.read_text().split())


def _synsets(content: bytes, tree: hierarchy.Hierarchy) -> tuple[dict[int, str], dict[str, str]]:
    """Reads meta.mat; returns wnids of the classes by number, and definitions by wnid."""
    synsets = mat5_struct.parse(content).get("synsets")
    if not isinstance(synsets, list) or not all(isinstance(one, dict) for one in synsets):
        raise ValueError("it has no structures called synsets")
    numbers, gloss = {}, {}
    for place, row in enumerate(synsets):
        if missing := [name for name in _FIELDS if name not in row]:
            raise ValueError(f"synset {place} has no {missing[0]}")
        number, children = (_whole(row[name], place) for name in ("ILSVRC2012_ID", "num_children"))
        if not isinstance(row["WNID"], str) or not isinstance(row["gloss"], str):
            raise ValueError(f"synset {place}: WNID and gloss are no texts")
        gloss[row["WNID"]] = row["gloss"]
        if not children:
            numbers[number] = row["WNID"]
    if unknown := set(numbers.values()) - set(tree.classes):
        raise ValueError(f"{min(unknown)} is none of the {len(tree.classes):,} classes")
    if len(set(numbers.values())) != len(numbers):
        raise ValueError("a class has two numbers")
    return numbers, gloss


def _whole(value: Any, place: int) -> int:
    if getattr(value, "size", 0) != 1 or value.item() != int(value.item()):
        raise ValueError(f"synset {place}: a number is missing")
    return int(value.item())


def of_all_nouns(files: Mapping[str, Any]) -> Facts:
    """Returns the facts about all nouns.

    Args:
      files: The published files that are there.

    Raises:
      CorpusError: One is damaged.
    """
    found: dict[str, Any] = {}
    parsers: tuple[tuple[str, Callable[[bytes], Any]], ...] = (
        ("words", imagenet.parse_texts),
        ("gloss", imagenet.parse_texts),
        ("is_a", imagenet.parse_is_a),
    )
    for name, parse in parsers:
        found[name] = {}
        if file := files.get(name):
            with core.located(file, "", core.GET_AGAIN):
                found[name] = parse(file.read())
    return Facts(hierarchy.Hierarchy(found["is_a"], found["words"], ()), found["gloss"])
