"""Fashion-MNIST-C with the corruption of each image, and Fashion-MNIST with each of MNIST-C's."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.fashion_mnist_corrupted import features, recipes, recovery
from tfds_extra.formats import idx, npy

_HOMEPAGE = "https://github.com/testingautomated-usi/fashion-mnist-c"
_CORRUPTED = f"{_HOMEPAGE}/raw/v1.0.0/generated/npy/"
_ORIGINALS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/"
    "b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion/",
)

_FILES = {"train": "train", "test": "t10k"}  # What the original's files of a split begin with.
# Images that are corrupted at once (for fog, random numbers of 130 MB), and whose corruption is found.
_BLOCK, _MIXED_BLOCK = 500, 4000
_REMEDY = "Get the file again from its publisher."


@dataclasses.dataclass
class CorruptionConfig(tfds.core.BuilderConfig):
    """The published mixed set, or one corruption of all images.

    Attributes:
      corruption: Name of the corruption; empty for the mixed set.
      severity: 1 and more; 0 for the default, and where there are none.
    """

    corruption: str = ""
    severity: int = 0


def _configs() -> Iterator[CorruptionConfig]:
    yield CorruptionConfig(
        name="mixed", description="Fashion-MNIST-C as published, one corruption of 15 an image."
    )
    for name, recipe in recipes.RECIPES.items():
        strength = f" at severity {recipe.default} of 5" if recipe.severities else ""
        description = f"Fashion-MNIST, every image with {name}{strength}."
        if name == "identity":
            description = "Fashion-MNIST as it is."
        yield CorruptionConfig(name=name, corruption=name, description=description)
    for name, recipe in recipes.RECIPES.items():
        for severity in range(1, len(recipe.severities) + 1):
            yield CorruptionConfig(
                name=f"{name}_{severity}",
                corruption=name,
                severity=severity,
                description=f"Fashion-MNIST, every image with {name} at severity {severity} of 5.",
            )


class Builder(core.Builder):
    """Fashion-MNIST corrupted."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    READ_AT_ONCE = _BLOCK
    BUILDER_CONFIGS = list(_configs())

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info(
            features=features.features(),
            supervised_keys=("image", "label"),
            disable_shuffling=True,  # Rows stay beside those of `fashion_mnist`.
            homepage=_HOMEPAGE,
            license="Fashion-MNIST and Fashion-MNIST-C: MIT. The recipes of MNIST-C: Apache-2.0.",
        )

    def published_files(self) -> dict[str, core.File]:
        files = {}
        for split, prefix in _FILES.items():
            files[f"{split}_images"] = _original(f"{prefix}-images-idx3-ubyte")
            files[f"{split}_labels"] = _original(f"{prefix}-labels-idx1-ubyte")
            if not self.builder_config.corruption:
                name = f"{_CORRUPTED}fmnist-c-{split}"
                files[f"corrupted_{split}_images"] = core.File(f"{name}.npy")
                files[f"corrupted_{split}_labels"] = core.File(f"{name}-labels.npy")
        return files

    def whole_files(self, split):
        # An original may be there twice, in both splits, so that all are compared.
        return [name for name in self.published_files() if not name.startswith("corrupted")]

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        pieces = [core.SplitFiles(split, files) for split in _FILES]
        return core.by_split(list(_FILES), pieces, self._generate_examples)

    def _generate_examples(self, piece: core.SplitFiles) -> Iterator[core.Rows]:
        """Yields the images of one split, many at a time."""
        split, files = piece.split, piece.files
        labels = self._read_labels(files, split)
        # The originals of both splits are read, since an image may be in both.
        all_originals = {s: _read_images(files[f"{s}_images"]) for s in _FILES}
        originals = all_originals[split]
        if len(originals) != len(labels):
            problem = f"{len(originals):,} images for {len(labels):,} labels"
            raise core.CorpusError(files[f"{split}_images"], "", problem, _REMEDY)
        duplicates = _duplicates(all_originals, split)
        is_mixed = not self.builder_config.corruption
        size = _MIXED_BLOCK if is_mixed and self.variant != core.PEEK else _BLOCK
        published = _read_corrupted(files, split, labels, size) if is_mixed else None
        for start in range(0, len(originals), size):
            block = slice(start, start + size)
            if published is not None:
                columns = _recovered_columns(originals[block], next(published))
            else:
                columns = self._generated_columns(originals[block], split, start)
            yield core.Rows(
                split,
                range(start, start + len(labels[block])),
                {
                    "label": labels[block],
                    "original_image": originals[block][..., np.newaxis],
                    "index": np.arange(start, start + len(labels[block]), dtype=np.int32),
                    **{name: column[block] for name, column in duplicates.items()},
                    **columns,
                },
            )

    def _generated_columns(self, originals: np.ndarray, split: str, start: int) -> dict[str, Any]:
        """Returns the images that are corrupted here."""
        name, severity = self.builder_config.corruption, self.builder_config.severity
        images, angles = recipes.corrupt(name, originals, split, start, severity)
        return {
            "image": images[..., np.newaxis],
            "corruption": np.full(len(images), features.CORRUPTIONS.index(name)),
            "corruption_match": np.full(len(images), features.MATCHES.index(features.GENERATED)),
            "severity": np.full(len(images), severity or _default_severity(name), np.int32),
            "corruption_parameter": angles,
        }

    def _read_labels(self, files: Mapping[str, core.Content], split: str) -> np.ndarray:
        """Returns the original's labels of a split."""
        file = files[f"{split}_labels"]
        with core.located(file, "", _REMEDY), file.open() as content:
            labels = idx.read(content, np.uint8)
        counts = np.bincount(labels, minlength=len(features.CLASSES))
        expected = [
            int(row["images"]) for row in self.read_facts("classes.tsv") if row["split"] == split
        ]
        fits = len(counts) == len(expected) and (
            (counts <= expected).all()
            if self.variant == core.PARTIAL
            else (counts == expected).all()
        )
        # MNIST's files have the same names, and of an unpacked one there is no digest.
        if not fits:
            problem = f"its classes have {counts.tolist()} images, Fashion-MNIST's have {expected}"
            raise core.CorpusError(file, "", problem, _REMEDY)
        return labels


# ---------------------------------------------------------------------------- records to examples


def _recovered_columns(originals: np.ndarray, corrupted: np.ndarray) -> dict[str, Any]:
    """Returns published images, and what was done to them."""
    found = recovery.recover(originals, corrupted)
    return {
        "image": corrupted[..., np.newaxis],
        "corruption": np.array([features.CORRUPTIONS.index(name) for name in found.corruption]),
        "corruption_match": np.array([features.MATCHES.index(match) for match in found.match]),
        "severity": np.array([_default_severity(name) for name in found.corruption], np.int32),
        "corruption_parameter": found.angle,
    }


def _default_severity(corruption: str) -> int:
    """Returns the severity that the publishers use, -1 for corruptions without, or unknown."""
    recipe = recipes.RECIPES.get(corruption)
    return (recipe and recipe.default) or -1


def _duplicates(originals: dict[str, np.ndarray], split: str) -> dict[str, np.ndarray]:
    """Returns where else the pixels of each image of a split stand: in the other split first."""
    places: dict[bytes, list[tuple[str, int]]] = {}
    for name, images in originals.items():
        for row, image in enumerate(images):
            places.setdefault(hashlib.sha256(image).digest(), []).append((name, row))
    rows = np.full(len(originals[split]), -1, np.int32)
    splits = np.full(len(rows), features.SPLITS.index("none"))
    for same in places.values():
        for place in same if len(same) > 1 else ():
            if place[0] == split:
                others = [other for other in same if other != place]
                other_split, row = min(others, key=lambda other: (other[0] == split, other))
                rows[place[1]], splits[place[1]] = row, features.SPLITS.index(other_split)
    return {"duplicate_of": rows, "duplicate_split": splits}


# ---------------------------------------------------------------------------------- published files


def _original(name: str) -> core.File:
    return core.File(core.Mirrors([f"{url}{name}.gz" for url in _ORIGINALS]), root=name)


def _read_images(file: core.Content) -> np.ndarray:
    with core.located(file, "", _REMEDY), file.open() as content:
        return idx.read(content, np.uint8, features.SHAPE[:2])


def _read_corrupted(
    files: Mapping[str, core.Content], split: str, labels: np.ndarray, size: int
) -> Iterator[np.ndarray]:
    """Yields the published corrupted images of a split, which has these labels, `size` at a time."""
    file = files[f"corrupted_{split}_labels"]
    with core.located(file, "", _REMEDY):
        found = npy.parse(file.read(), np.int64)
    core.check_same_rows(file, found, labels)
    file = files[f"corrupted_{split}_images"]
    with core.located(file, "", _REMEDY), file.open() as content:
        yield from npy.read_blocks(content, np.uint8, features.SHAPE[:2], size, len(labels))
