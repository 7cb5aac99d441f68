"""MS-COCO with all published annotations of a picture in one example."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from absl import logging

from tfds_extra import core
from tfds_extra.datasets.coco_extended import facts, features, karpathy, values
from tfds_extra.datasets.coco_extended.joined import ByKind, Joined
from tfds_extra.datasets.coco_extended.pictures import WITHOUT_PICTURES, Pictures

_SERVER = "http://images.cocodataset.org/"
_LICENSE = (
    "Annotations: CC BY 4.0, COCO Consortium. Pictures: each under its Flickr licence"
    " (image/license; https://cocodataset.org/#termsofuse)."
)
# Archives of annotations by kind; files of other kinds only list pictures.
_ARCHIVES = {
    "instances": "annotations_trainval{year}",
    "keypoints": "annotations_trainval{year}",
    "captions": "annotations_trainval{year}",
    "stuff": "stuff_annotations_trainval{year}",
    "panoptic": "panoptic_annotations_trainval{year}",
    "image_info": "image_info_{pictures}",
}
_FILES = {
    "instances": "instances_{subset}.json",
    "keypoints": "person_keypoints_{subset}.json",
    "captions": "captions_{subset}.json",
    "stuff": "stuff_{subset}.json",
    "panoptic": "panoptic_{subset}.json",
    "image_info": "image_info_{subset}.json",
}
_OBJECTS = ("instances", "keypoints", "captions")
_ALL = (*_OBJECTS, "stuff", "panoptic")
_TRAIN_VAL = {
    year: {"train": f"train{year}", "validation": f"val{year}"} for year in ("2014", "2017")
}
_TESTS = {"2014": {"test": "test2014", "test2015": "test2015"}, "2017": {"test": "test2017"}}
_KARPATHY = "karpathy"
_COMPLETE = ("instances", "image_info")  # Kinds whose files list all pictures of a subset.

# The most pictures of a piece. Each piece reads all annotations, which takes less than reading so
# many pictures.
_PIECE = 30_000
_AT_ONCE = 32  # Pictures whose masks are made together.
_UNKNOWN = 100_000  # The assumed number of pictures in a split whose number nobody states.


@dataclasses.dataclass
class CocoConfig(tfds.core.BuilderConfig):
    """Some subsets with some kinds of annotations.

    Attributes:
      subsets: Names of the splits in the names of published files, by split.
      kinds: Kinds of annotations, those that tell which pictures there are first.
      pictures: Whether the pictures themselves are there.
    """

    subsets: dict[str, str] = dataclasses.field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    pictures: bool = True


def _configs() -> Iterator[CocoConfig]:
    train_val, test = _TRAIN_VAL["2017"], _TESTS["2017"]
    validation = {"validation": "val2017"}
    old, old_tests = _TRAIN_VAL["2014"], _TESTS["2014"]
    for name, subsets, kinds, pictures, description in (
        ("2017", train_val | test, _ALL, True, "Pictures of 2017 with all annotations"),
        ("2017_objects", train_val | test, _OBJECTS, True, "Pictures of 2017 with objects, keypoints and captions"),
        ("2017_panoptic", train_val, ("panoptic",), True, "Pictures of 2017 with panoptic segmentation"),
        ("2017_stuff", train_val, ("stuff",), True, "Pictures of 2017 with stuff"),
        ("2017_validation", validation, _ALL, True, "The 5,000 pictures of val2017 with all annotations"),
        ("2017_validation_objects", validation, _OBJECTS, True, "The 5,000 pictures of val2017 with objects, keypoints and captions"),
        ("2017_annotations", train_val | test, _ALL, False, "All annotations of 2017 without the pictures"),
        ("2017_unlabeled", {"unlabeled": "unlabeled2017"}, (), True, "Pictures that nobody annotated"),
        ("2017_test_dev", {"test_dev": "test-dev2017"}, (), True, "The pictures of test2017 that results are evaluated on by test-dev"),
        ("2014", old | old_tests, _OBJECTS, True, "Pictures of 2014 with objects, keypoints and captions"),
        ("2014_annotations", old | old_tests, _OBJECTS, False, "Objects, keypoints and captions of 2014 without the pictures"),
        ("2014_karpathy", old, _OBJECTS, True, "Pictures of 2014 in the splits of Karpathy and Li (2015)"),
        ("2015_test_dev", {"test_dev": "test-dev2015"}, (), True, "The pictures of test2015 that results are evaluated on by test-dev"),
    ):  # fmt: skip
        yield CocoConfig(
            name=name,
            subsets=subsets,
            kinds=kinds,
            pictures=pictures,
            description=f"{description}.",
        )


@dataclasses.dataclass(frozen=True)
class Piece:
    """Some pictures of a subset.

    Attributes:
      split: The split.
      subset: Name of the split in names of files.
      kinds: Kinds of annotations that the subset has.
      files: All published files of the config that are there.
      number: Number of the piece, from 0.
      count: Number of pieces; the remainder of a picture's id tells its piece.
    """

    split: str
    subset: str
    kinds: tuple[str, ...]
    files: dict[str, core.Tree]
    number: int
    count: int

    def annotations(self, kind: str) -> tuple[core.Tree, str]:
        """Returns the archive and name of a file of annotations."""
        return self.files[_archive(kind, self.subset)], _file(kind, self.subset)

    def panoptic(self) -> core.Tree:
        """Returns the panoptic pictures, in an archive of their own or extracted from it."""
        tree, name = self.files[_archive("panoptic", self.subset)], f"panoptic_{self.subset}"
        return tree.nested(f"{name}.zip", name) if tree.holds(f"{name}.zip") else tree.nested(name)


class Builder(core.Builder):
    """MS-COCO."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = list(_configs())
    DRAWN_FIRST = (
        "captions/text", "stuff/label", "panoptic_objects/label", "image/filename", "image/license",
        "image/date_captured",
    )  # fmt: skip
    DRAWN_OBJECTS = core.Objects(
        "objects", "rle", "keypoints", facts.SKELETON, captions="captions/text"
    )

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        made = features.of_pictures() if config.pictures else {}
        made |= features.of_images()
        for kind, declare in (
            ("instances", features.of_instances),
            ("captions", features.of_captions),
            ("stuff", features.of_stuff),
            ("panoptic", features.of_panoptic),
        ):
            if kind in config.kinds:
                made |= declare()
        return self.dataset_info(
            features=made,
            homepage="https://cocodataset.org/",
            license=_LICENSE,
            metadata=facts.metadata(),
        )

    @property
    def _is_karpathy(self) -> bool:
        return self.base_config_name.endswith(_KARPATHY)

    # ------------------------------------------------------------------------ published files

    def published_files(self) -> dict[str, core.Archive]:
        config = self.builder_config
        needed: dict[str, list[str]] = {}
        for subset in config.subsets.values():
            for kind in self._kinds(subset):
                needed.setdefault(_archive(kind, subset), []).append(_file(kind, subset))
        files = {
            name: core.Archive(
                f"{_SERVER}annotations/{name}.zip",
                "annotations",
                holds=tuple(json_files),
                shares_root=True,
                others=("*",),  # Nobody lists what else is in these archives.
            )
            for name, json_files in needed.items()
        }
        if self._is_karpathy:
            files[_KARPATHY] = core.Archive(
                karpathy.URL,
                holds=(karpathy.FILE,),
                also_called=("caption_datasets",),
                others=("*",),
            )
        if config.pictures:
            for subset in dict.fromkeys(map(_pictures, config.subsets.values())):
                files[subset] = core.Archive(
                    f"{_SERVER}zips/{subset}.zip",
                    subset,
                    holds=("[0-9]*.jpg" if subset.endswith("2017") else f"COCO_{subset}_*.jpg",),
                    also_called=(f"images/{subset}",),
                )
        return files

    def _kinds(self, subset: str) -> tuple[str, ...]:
        """Returns the kinds of annotations of a subset."""
        return self.builder_config.kinds if subset.startswith(("train", "val")) else ("image_info",)

    def to_download(self, extracted):
        files = super().to_download(extracted)
        if self.variant == core.PARTIAL:
            published = self.published_files()
            here = {name for name in files if self.is_here(published[name], only_packed=True)}
            # A part takes the files that are there: no 20 GB of other pictures are fetched for it.
            if here or extracted:
                files = {name: file for name, file in files.items() if name in {*here, _KARPATHY}}
        return files

    # ------------------------------------------------------------------------------ the pieces

    def splits_of(self, piece):
        return tuple(self.expected_counts) if self._is_karpathy else super().splits_of(piece)

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        pieces, told = [], []
        for split, subset in self.builder_config.subsets.items():
            kinds = self._kinds(subset)
            if self.variant == core.PARTIAL:
                kinds, problem = self._what_is_here(files, subset)
                if problem:
                    logging.warning(problem)
                    told.append(problem)
            if not kinds:
                continue
            expected = self.expected_counts.get(split) or _UNKNOWN
            count = math.ceil(expected / _PIECE)
            pieces += [Piece(split, subset, kinds, files, number, count) for number in range(count)]
        if not pieces:
            remedy = f"Pictures and annotations come from different archives. {WITHOUT_PICTURES}"
            raise core.CorpusError(self._manual_dir, "", "; ".join(told), remedy)
        return core.by_split(self.expected_counts, pieces, self._generate_examples)

    def _what_is_here(
        self, files: dict[str, core.Tree], subset: str
    ) -> tuple[tuple[str, ...], str]:
        """Returns the kinds of annotations of a subset that a part has, and a message about it.

        A subset whose pictures are missing, although the config has pictures, has no kinds.
        """
        wanted = self._kinds(subset)
        here = tuple(kind for kind in wanted if self._is_here(files, kind, subset))
        has_pictures = _pictures(subset) in files or not self.builder_config.pictures
        if here and not has_pictures:
            return (), f"annotations of {subset} are here, and not its pictures"
        if not here and has_pictures and self.builder_config.pictures:
            return (), f"pictures of {subset} are here, and not {_file(wanted[0], subset)}"
        missing = ", ".join(kind for kind in wanted if kind not in here)
        return here, f"of {subset} there are no {missing} here" if missing else ""

    def _is_here(self, files: dict[str, core.Tree], kind: str, subset: str) -> bool:
        tree = files.get(_archive(kind, subset))
        return tree is not None and tree.holds(_file(kind, subset))

    def _generate_examples(self, piece: Piece) -> Iterator[core.SplitExample]:
        """Yields the pictures of a piece."""
        is_part = self.variant == core.PARTIAL
        for archive in dict.fromkeys(piece.annotations(kind)[0] for kind in piece.kinds):
            named = (piece.annotations(kind) for kind in piece.kinds)
            self.needs_whole(archive, *(name for tree, name in named if tree is archive))
        joined = Joined(lambda image_id: image_id % piece.count == piece.number, is_part=is_part)
        for kind in piece.kinds:
            tree, name = piece.annotations(kind)
            with core.find_member(tree, name) as member:
                with core.located(tree, name, core.GET_AGAIN), member.open() as file:
                    joined.read(kind, file)
        tree, name = piece.annotations(piece.kinds[0])
        if joined.left_out:
            logging.warning(
                "annotations of %d pictures are left out, which %s does not list, as %d",
                len(joined.left_out), name, min(joined.left_out),
            )  # fmt: skip
        pictures: Pictures | None = None
        segments: Pictures | None = None
        if self.builder_config.pictures:
            archive = piece.files[_pictures(piece.subset)]
            pictures = Pictures(archive, joined.names, is_part=is_part)
            if piece.number == 0:
                # Nobody states that the other kinds have all pictures.
                is_all = piece.kinds[0] in _COMPLETE and _pictures(piece.subset) == piece.subset
                pictures.check_names(name, is_all=is_all)
        if "panoptic" in piece.kinds:
            segments = Pictures(piece.panoptic(), is_part=is_part)
        splits = karpathy.read(piece.files[_KARPATHY]) if self._is_karpathy else None
        for image, by_kind, example in self._annotated(joined, tree, name):
            size = (image["height"], image["width"])
            if "panoptic" in self.builder_config.kinds:
                found = by_kind.get("panoptic", [])
                content = None
                if found and segments is not None:
                    content = segments.read(found[0]["file_name"], size)
                example |= values.of_panoptic(image, found if content else [], content)
            if pictures:
                example["image"] = pictures.read(image["file_name"], size)
                if example["image"] is None:
                    continue  # A part may lack pictures.
            split = piece.split if splits is None else splits.get(image["id"])
            if split is None:
                if is_part:
                    continue
                raise core.CorpusError(
                    piece.files[_KARPATHY],
                    karpathy.FILE,
                    f"picture {image['id']} has no split",
                    core.GET_AGAIN,
                )
            yield (split, image["file_name"]), example

    def _annotated(
        self, joined: Joined, tree: core.Tree, name: str
    ) -> Iterator[tuple[dict[str, Any], ByKind, dict[str, Any]]]:
        """Yields pictures, their annotations, and the examples without features that are pictures.

        Args:
          joined: All pictures.
          tree: The archive with the file that lists the pictures.
          name: Name of that file.
        """
        kinds = self.builder_config.kinds
        pictures = iter(joined)
        while some := list(itertools.islice(pictures, _AT_ONCE)):
            with core.located(tree, name, core.GET_AGAIN):
                masks = {
                    kind: values.masks([(image, by_kind.get(kind, [])) for image, by_kind in some])
                    for kind in ("instances", "stuff")
                    if kind in kinds
                }
                examples = []
                for number, (image, by_kind) in enumerate(some):
                    example = values.of_image(image)
                    if "instances" in kinds:
                        instances, keypoints = (
                            by_kind.get(k, []) for k in ("instances", "keypoints")
                        )
                        rles = masks["instances"][number]
                        example |= values.of_instances(image, instances, keypoints, rles)
                    if "captions" in kinds:
                        example |= values.of_captions(by_kind.get("captions", []))
                    if "stuff" in kinds:
                        rles = masks["stuff"][number]
                        example |= values.of_stuff(image, by_kind.get("stuff", []), rles)
                    examples.append((image, by_kind, example))
            yield from examples


def _archive(kind: str, subset: str) -> str:
    """Returns the archive that has a kind of annotations of a subset."""
    return _ARCHIVES[kind].format(year=subset[-4:], pictures=_pictures(subset))


def _file(kind: str, subset: str) -> str:
    return _FILES[kind].format(subset=subset)


def _pictures(subset: str) -> str:
    """Returns the subset whose archive has a subset's pictures: test-dev is a part of test."""
    return subset.replace("test-dev", "test")
