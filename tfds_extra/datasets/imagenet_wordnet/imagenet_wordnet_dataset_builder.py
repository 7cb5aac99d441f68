"""ImageNet: pictures of ILSVRC 2012 and ImageNet-21K with what WordNet says of their classes."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow_datasets as tfds
from absl import logging

from tfds_extra import core
from tfds_extra.datasets.imagenet_wordnet import boxes, facts, features, hierarchy
from tfds_extra.formats import imagenet, label_errors, pictures

_HOMEPAGE = "https://image-net.org/"
_PAGE = "https://image-net.org/download-images.php"
_TERMS = (
    "ImageNet gives it to those who register and accept its terms, at {page}. Its extracted folder"
    " will do, too."
)
_ARCHIVE_PAGE = "https://www.image-net.org/archive/"
_REAL = (
    "https://raw.githubusercontent.com/google-research/reassessed-imagenet/"
    "bcd006fe12e929f055e0ec7fe39dbf4d64a6881a/real.json"
)
_LABEL_ERRORS = label_errors.PUBLISHED_AT + "mturk/imagenet_mturk.json"

_WNID = re.compile(r"n[0-9]{8}")
_OF_CLASS = re.compile(r"(?:(?P<folder>n[0-9]{8})/)?(?P<name>(?P<wnid>n[0-9]{8})_[^/]+\.JPEG)")
_NUMBERED = re.compile(
    r"(?:(?P<folder>n[0-9]{8}|test|val)/)?(?P<name>ILSVRC2012_(?:val|test)_(?P<number>[0-9]{8})\.JPEG)"
)
_CHOICES = ("given", "guessed", "neither", "both")
_NOT_ASKED = {**label_errors.NO_CANDIDATE, "votes_both": -1}
# Optional files, and what each adds: if a file is not there, that is left out.
_OPTIONAL = {
    "devkit": ("ILSVRC2012_devkit_t12.tar.gz", "numbers of classes, and definitions"),
    "boxes_train": ("ILSVRC2012_bbox_train_v2.tar.gz", "boxes of train"),
    "boxes_validation": ("ILSVRC2012_bbox_val_v3.tgz", "boxes of validation"),
    "words": ("words.txt", "words of classes"),
    "gloss": ("gloss.txt", "definitions"),
    "is_a": ("wordnet.is_a.txt", "hypernyms"),
}


@dataclasses.dataclass
class PicturesConfig(tfds.core.BuilderConfig):
    """A choice of pictures.

    Attributes:
      splits: Splits of ILSVRC 2012.
      whole: Name of the archive of ImageNet-21K; empty for ILSVRC.
    """

    splits: tuple[str, ...] = ("train",)
    whole: str = ""


@dataclasses.dataclass(frozen=True)
class Piece:
    """The data that one call of `_generate_examples` reads.

    Attributes:
      split: The split.
      files: All published files of the config, by name.
      wnid: In train, the class; empty for an archive that is read as one stream.
    """

    split: str
    files: dict[str, Any]
    wnid: str = ""


class Builder(core.Builder):
    """ImageNet on WordNet."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        PicturesConfig(
            name="ilsvrc2012",
            splits=("train", "validation"),
            description="The 1,000 classes of the challenge, train and validation.",
        ),
        PicturesConfig(
            name="ilsvrc2012_validation",
            splits=("validation",),
            description="Its validation pictures alone, 6.3 GiB, to test models on.",
        ),
        PicturesConfig(
            name="ilsvrc2012_with_test",
            splits=("train", "validation", "test"),
            description="The same with the test pictures, whose labels are secret.",
        ),
        PicturesConfig(
            name="imagenet21k_winter21",
            whole="winter21_whole.tar.gz",
            description="All classes of the edition of winter 2021.",
        ),
        PicturesConfig(
            name="imagenet21k_fall11",
            whole="fall11_whole.tar",
            description="All classes of the edition of fall 2011.",
        ),
    ]
    DRAWN_FIRST = ("words", "hypernym_words", "gloss", "wnid")

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        classes = None if config.whole else hierarchy.ilsvrc().classes
        made = features.of_pictures(classes)
        if classes:
            made |= features.of_objects()
        if "validation" in config.splits:
            made |= features.of_judgements(classes or ())
        return self.dataset_info(
            features=made,
            supervised_keys=("image", "label") if classes else None,
            homepage=_HOMEPAGE,
            license="Terms of access of ImageNet (non-commercial research and education, not to be"
            " passed on). Words, definitions and hypernyms: WordNet 3.0.",
        )

    # ------------------------------------------------------------------------ published files

    def published_files(self) -> dict[str, core.Archive | core.File]:
        config = self.builder_config
        files: dict[str, core.Archive | core.File] = {}
        if config.whole:
            files["train"] = core.Archive(_by_hand(config.whole), holds=("n[0-9]*",))
        else:
            files |= {split: _pictures(split) for split in config.splits}
        if "validation" in config.splits:
            files["real"] = core.File(_REAL)
            files["label_errors"] = core.File(_LABEL_ERRORS)
        optional: dict[str, core.Archive | core.File] = {
            "devkit": core.Archive(
                _by_hand(_OPTIONAL["devkit"][0]), "ILSVRC2012_devkit_t12", others=("*",)
            ),
            "boxes_train": _annotations("train", "n[0-9]*/*.xml"),
            "boxes_validation": _annotations(
                "val", "ILSVRC2012_val_*.xml|val/ILSVRC2012_val_*.xml"
            ),
            **{
                name: core.File(_by_hand(_OPTIONAL[name][0], _ARCHIVE_PAGE))
                for name in ("words", "gloss", "is_a")
            },
        }
        wanted: tuple[str, ...]
        if config.whole:
            wanted = ("words", "gloss", "is_a")
        else:
            wanted = ("devkit", *(f"boxes_{split}" for split in config.splits if split != "test"))
        files |= {name: optional[name] for name in wanted if self.is_here(optional[name])}
        if self.variant in (core.PARTIAL, core.PEEK):
            # In a part, splits and lists that are not there are left out.
            kept = {name: file for name, file in files.items() if self.is_here(file)}
            return kept if kept.keys() & {"train", "validation", "test"} else files
        return files

    # ------------------------------------------------------------------------------ the pieces

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        self._say_what_is_not_here(files)
        pieces = []
        for split in self.builder_config.splits:
            if split == "train" and split in files:
                pieces += [Piece(split, files, wnid) for wnid in self._classes_of(files[split])]
            elif split in files:
                pieces.append(Piece(split, files))
        return core.by_split(list(self.expected_counts), pieces, self._generate_examples)

    def _say_what_is_not_here(self, files: dict[str, Any]) -> None:
        config = self.builder_config
        wanted: tuple[str, ...] = (
            ("words", "gloss", "is_a")
            if config.whole
            else ("devkit", "boxes_train", "boxes_validation")
        )
        if "train" not in config.splits:
            wanted = tuple(name for name in wanted if name != "boxes_train")
        missing = {_OPTIONAL[name][0]: _OPTIONAL[name][1] for name in wanted if name not in files}
        self.info.metadata["not_at_hand"] = sorted(missing)
        for file, what in missing.items():
            logging.warning("%s is not in the manual_dir, so that there are no %s.", file, what)

    def _classes_of(self, tree: core.Tree) -> list[str]:
        """Returns the wnids of the classes in a tree; [""] for a stream, which is read whole."""
        if not tree.random_access:
            return [""]
        found = set()
        for member in tree.members("n" if tree.is_shared else ""):
            name = member.name.removesuffix(".tar")
            match = _OF_CLASS.fullmatch(name)
            if match is None and not _WNID.fullmatch(name):
                raise core.stranger(tree, member.name)
            found.add(match["folder"] or match["wnid"] if match else name)
        return sorted(found)

    # ---------------------------------------------------------------------------- the examples

    def _generate_examples(self, piece: Piece) -> Iterator[core.SplitExample]:
        """Yields the pictures of a piece."""
        tree = piece.files[piece.split]
        # The digest of an archive was checked; the files of a folder have not been checked.
        whole = pathlib.Path(str(tree)).is_dir()
        if piece.split == "train":
            found = _of_class(tree, piece.wnid) if piece.wnid else _streamed(tree)
        else:
            found = self._numbered(piece)
        for place, name, wnid, number, content in found:
            with core.located(tree, place, core.GET_AGAIN):
                example = self._example(piece, name, wnid, content, whole)
                if "validation" in self.builder_config.splits:
                    example |= self._judgements(piece, number)
            yield (piece.split, name), example

    def _numbered(self, piece: Piece) -> Iterator[Found]:
        """Yields the pictures of validation or test, which may lie in folders of their classes."""
        tree, split = piece.files[piece.split], piece.split
        start = {"validation": "ILSVRC2012_val", "test": "ILSVRC2012_test"}[split]
        labels = self._facts(piece).validation_labels
        for member in tree.members(start if tree.is_shared else ""):
            match = _NUMBERED.fullmatch(member.name)
            if match is None or not match["name"].startswith(f"{start}_"):
                raise core.stranger(tree, member.name)
            number, wnid = int(match["number"]), ""
            with core.located(tree, member.name, core.GET_AGAIN):
                if split == "validation":
                    if not 1 <= number <= len(labels):
                        raise ValueError(
                            f"there are {len(labels):,} pictures, and no number {number}"
                        )
                    wnid = labels[number - 1]
                    folder = match["folder"] or "val"
                    if folder not in ("val", wnid):
                        raise ValueError(f"its class is {wnid}, and not {folder}")
                content = member.read()
            yield member.name, match["name"], wnid, number, content

    def _example(
        self, piece: Piece, name: str, wnid: str, content: bytes, whole: bool
    ) -> dict[str, Any]:
        picture = pictures.look(content, whole=whole)
        example = {
            "image": content,
            "file_name": name,
            "wnid": wnid,
            "original_format": picture.format,
            "color_mode": picture.mode if picture.mode in features.MODES else -1,
            **self._facts(piece).of(wnid),
        }
        if not self.builder_config.whole:
            facts = self._facts(piece)
            if wnid and wnid not in facts.labels:
                raise ValueError(f"{wnid} is none of the {len(facts.labels):,} classes")
            example["label"] = facts.labels[wnid] if wnid else -1
            example["ilsvrc_id"] = facts.ilsvrc_ids.get(wnid, -1)
            example |= self._boxes(piece).of(name.removesuffix(".JPEG"))
        return example

    def _judgements(self, piece: Piece, number: int) -> dict[str, Any]:
        """Returns the features of others' judgements of a validation picture; empty for others."""
        if piece.split != "validation":
            return {"real_labels": [], "label_error": _NOT_ASKED}
        real, errors = self._lists(piece)
        if real and number > len(real):
            raise ValueError(f"there are reassessed labels of {len(real):,} pictures alone")
        return {
            "real_labels": real[number - 1] if real else [],
            "label_error": errors.get(number - 1, _NOT_ASKED),
        }

    # ------------------------------------------------- what a process reads once, for all its pieces

    @functools.cached_property
    def _read(self) -> dict[Any, Any]:
        return {}

    def _once(self, key: str, piece: Piece, make: Callable[[], Any]) -> Any:
        """Returns what was made of the files of a piece, made when it is first asked for."""
        made_of = (key, *(str(file) for file in piece.files.values()))
        if made_of not in self._read:
            self._read[made_of] = make()
        return self._read[made_of]

    def _facts(self, piece: Piece) -> facts.Facts:
        of = facts.of_all_nouns if self.builder_config.whole else facts.of_ilsvrc
        return self._once("facts", piece, lambda: of(piece.files))

    def _boxes(self, piece: Piece) -> boxes.Boxes:
        name = f"boxes_{piece.split}"
        return self._once(name, piece, lambda: boxes.Boxes(piece.files.get(name)))

    def _lists(self, piece: Piece) -> tuple[list[list[int]], dict[int, dict[str, Any]]]:
        """Returns the reassessed labels, and people's votes on labels that a model doubted."""

        def read() -> Any:
            known = self._facts(piece)
            labels = [known.labels[wnid] for wnid in known.validation_labels]
            rows = {number: number - 1 for number in range(1, len(labels) + 1)}
            real: list[list[int]] = []
            errors: dict[int, dict[str, Any]] = {}
            if file := piece.files.get("real"):
                with core.located(file, "", core.GET_AGAIN):
                    real = imagenet.parse_real(file.read(), len(known.labels))
                    if len(real) != len(labels):
                        raise ValueError(
                            f"labels of {len(real):,} pictures, not of {len(labels):,}"
                        )
            if file := piece.files.get("label_errors"):
                with core.located(file, "", core.GET_AGAIN):
                    errors = label_errors.parse(file.read(), labels, _CHOICES, rows=rows)
            return real, errors

        return self._once("lists", piece, read)


def _pictures(split: str) -> core.Archive:
    """Returns the archive of the pictures of a split of ILSVRC."""
    name, folder, holds = {
        "train": ("ILSVRC2012_img_train.tar", "train", "n[0-9]*"),
        "validation": (
            "ILSVRC2012_img_val.tar",
            "val",
            "ILSVRC2012_val_*.JPEG|n*/ILSVRC2012_val_*.JPEG",
        ),
        "test": ("ILSVRC2012_img_test_v10102019.tar", "test", "ILSVRC2012_test_*.JPEG"),
    }[split]
    return core.Archive(
        _by_hand(name), holds=(holds,), also_called=(folder, f"ILSVRC/Data/CLS-LOC/{folder}")
    )


def _annotations(folder: str, holds: str) -> core.Archive:
    name = {"train": "boxes_train", "val": "boxes_validation"}[folder]
    return core.Archive(
        _by_hand(_OPTIONAL[name][0]),
        holds=(holds,),
        also_called=(f"bbox_{folder}", f"ILSVRC/Annotations/CLS-LOC/{folder}"),
    )


def _by_hand(name: str, page: str = _PAGE) -> core.ManualFile:
    return core.ManualFile(name, page, _TERMS.format(page=page))


# Place in the archive, name, class, number (0 in train) and content of a picture.
Found = tuple[str, str, str, int, bytes]


def _of_class(tree: core.Tree, wnid: str) -> Iterator[Found]:
    """Yields the pictures of a class: in an archive of their own, in a folder, or beside others."""
    if tree.holds(f"{wnid}.tar"):
        places = [(tree.nested(f"{wnid}.tar"), "")]
    else:
        places = [(tree, f"{wnid}/"), (tree, f"{wnid}_")]
    for one, prefix in places:
        for member in one.members(prefix):
            with core.located(one, member.name, core.GET_AGAIN):
                name = _name_in_class(member.name, wnid)
                yield member.name, name, wnid, 0, member.read()


def _streamed(tree: core.Tree) -> Iterator[Found]:
    """Yields the pictures of archives in a compressed archive, one after the other."""
    for member in tree.members():
        wnid = pathlib.PurePosixPath(member.name).stem
        if not member.name.endswith(".tar") or not _WNID.fullmatch(wnid):
            raise core.stranger(tree, member.name)
        with core.located(tree, member.name, core.GET_AGAIN):
            try:
                with member.open() as file, tarfile.open(fileobj=file, mode="r|") as inner:
                    for one in inner:
                        if one.isfile():
                            name = _name_in_class(one.name, wnid)
                            opened = inner.extractfile(one)
                            content = opened.read() if opened else b""
                            yield f"{member.name}/{one.name}", name, wnid, 0, content
            except tarfile.TarError as e:
                raise ValueError(f"damaged: {e}") from e


def _name_in_class(name: str, wnid: str) -> str:
    """Returns the name of a picture without its folder; raises for another class or file."""
    match = _OF_CLASS.fullmatch(name.removeprefix("./"))
    if match is None or match["wnid"] != wnid or match["folder"] not in (None, wnid):
        raise ValueError("it is not one of the published files")
    return match["name"]
