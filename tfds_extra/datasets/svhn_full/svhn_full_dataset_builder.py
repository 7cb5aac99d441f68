"""Street View House Numbers: whole numbers with a box for each digit, and the cropped digits."""

from __future__ import annotations

import dataclasses
import itertools
import re
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.svhn_full import features
from tfds_extra.formats import digit_struct, mat5, png

_HOMEPAGE = "http://ufldl.stanford.edu/housenumbers/"
_BOXES = "digitStruct.mat"
_IMAGE = re.compile(r"(?P<number>[1-9][0-9]{0,6})\.png")
_CROPS_AT_ONCE = 4096

# A split, its images, and its cropped digits.
_Piece = tuple[str, core.Tree, core.Content | None]


@dataclasses.dataclass
class SvhnConfig(tfds.core.BuilderConfig):
    """Whole numbers or cropped digits.

    Attributes:
      cropped: Whether an example is a cropped digit.
      splits: The splits that are fetched and prepared.
    """

    cropped: bool = False
    splits: tuple[str, ...] = ("train", "test")


class Builder(core.ChunkedBuilder):
    """Street View House Numbers (SVHN), formats 1 and 2."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        SvhnConfig(
            name="full_numbers",
            description="Images of whole numbers with a box for each digit: train and test.",
        ),
        SvhnConfig(
            name="full_numbers_extra",
            description="full_numbers and the 202,353 easier images of extra, 1.96 GB more.",
            splits=("train", "test", "extra"),
        ),
        SvhnConfig(
            name="cropped_digits",
            description="The digits as 32x32 images, as in svhn_cropped of the standard catalogue,"
            " with links to the whole numbers: train and test.",
            cropped=True,
        ),
        SvhnConfig(
            name="cropped_digits_extra",
            description="cropped_digits and the 531,131 easier digits of extra, 3.28 GB more.",
            cropped=True,
            splits=("train", "test", "extra"),
        ),
    ]
    DRAWN_FIRST = ("number", "length")

    def _info(self) -> tfds.core.DatasetInfo:
        cropped = self.builder_config.cropped
        return self.dataset_info(
            features=features.of_digits() if cropped else features.of_numbers(),
            supervised_keys=("image", "label") if cropped else None,
            homepage=_HOMEPAGE,
            license="For non-commercial use only",
        )

    def published_files(self) -> dict[str, core.Archive | core.File]:
        files: dict[str, core.Archive | core.File] = {}
        for split in self.builder_config.splits:
            files[split] = core.Archive(
                f"{_HOMEPAGE}{split}.tar.gz", split, holds=(_BOXES,), others=(_BOXES, "*.m")
            )
            if self.builder_config.cropped:
                crops = f"{split}_32x32.mat"
                files[crops] = core.File(f"{_HOMEPAGE}{crops}")
        return files

    def _split_generators(self, dl_manager):
        published = self.fetch(dl_manager)
        splits = self.builder_config.splits
        pieces = [(s, published[s], published.get(f"{s}_32x32.mat")) for s in splits]
        return core.by_split(splits, pieces, self._by_chunks)

    def splits_of(self, piece):
        return (piece[0],)

    def whole_files(self, split):
        return (f"{split}_32x32.mat",) if self.builder_config.cropped else ()

    @property
    def _by_chunks(self) -> core.ReadPiece[_Piece]:
        # Cropped digits take little time.
        return self._crops if self.builder_config.cropped else super()._by_chunks

    def _crops(self, piece: _Piece) -> Iterator[core.Rows]:
        split, numbers, crops = piece
        assert crops is not None
        yield from _crops(split, crops, self._boxes(split, numbers))

    def _read(self, piece: _Piece) -> Iterator[core.Chunk]:
        """Yields images with the boxes of each."""
        split, numbers, _ = piece
        boxes = self._boxes(split, numbers)
        # The boxes may lie anywhere among the images, so that the archive is read again.
        rows = {name: i for i, name in enumerate(boxes.names)}
        for chunk in self.members(split, numbers, rows, what="images").chunks():
            names = [member.name for member in chunk.content if member.name in rows]
            yield core.Chunk(chunk.place, (chunk, {n: _boxes_of(boxes, rows[n]) for n in names}))

    def _make(self, piece: _Piece, chunk: core.Chunk) -> Iterator[core.SplitExample]:
        split, numbers, _ = piece
        images, boxes = chunk.content
        return core.make_of_chunk(
            numbers, images, lambda name, content: [_number(split, name, content, boxes[name])]
        )

    def _boxes(self, split: str, tree: core.Tree) -> digit_struct.DigitStruct:
        with core.find_member(tree, _BOXES) as member:
            return self._read_boxes(split, tree, member)

    def _read_boxes(
        self, split: str, tree: core.Tree, member: core.Member
    ) -> digit_struct.DigitStruct:
        """Reads digitStruct.mat, and compares it with the publisher's number of digits."""
        with core.located(tree, member.name, core.GET_AGAIN):
            with tempfile.TemporaryFile() as unpacked:
                _unpack(tree, member, unpacked)
                boxes = digit_struct.read(unpacked)
            twice = {n for n, group in itertools.groupby(sorted(boxes.names)) if len([*group]) > 1}
            for i, name in enumerate(boxes.names):
                if not _IMAGE.fullmatch(name) or name in twice:
                    problem = "named twice" if name in twice else "no name of an image"
                    raise ValueError(f"image {i + 1}: {name!r} is {problem}")
            digits = {
                row["split"]: int(row["examples"])
                for row in self.read_facts("counts.tsv")
                if row["config"] == "cropped_digits_extra"
            }[split]
            if len(boxes.values) != digits and self.variant != core.PARTIAL:
                problem = f"{len(boxes.values):,} digits, the publisher has {digits:,}"
                raise core.CorpusError(tree, member.name, problem, core.IF_PARTIAL)
            return boxes


def _unpack(tree: core.Tree, member: core.Member, file: BinaryIO) -> None:
    """Writes digitStruct.mat to a file, because HDF5 needs random access, and `extra` is large."""
    with member.open() as packed:
        while block := packed.read(1 << 20):
            try:
                file.write(block)
            except OSError as e:
                raise core.CorpusError(
                    tree,
                    member.name,
                    f"it cannot be unpacked to a temporary file ({e.strerror})",
                    f"Point TMPDIR to a disk with {member.size:,} free bytes.",
                ) from e
    file.flush()


# ------------------------------------------------------------------------------- whole numbers


def _boxes_of(boxes: digit_struct.DigitStruct, image: int) -> tuple[int, dict[str, list[float]]]:
    """Returns the number of an image's first digit, and columns of the boxes of its digits."""
    columns = dict(zip(digit_struct.FIELDS, boxes.digits(image).T.tolist()))
    return int(boxes.starts[image]), columns


def _number(
    split: str, name: str, content: bytes, boxes: tuple[int, dict[str, list[float]]]
) -> core.SplitExample:
    """Returns one image as an example, with its split and key."""
    header = png.check(content)
    example = {
        "image": content,
        "image/filename": name,
        **_digits(*boxes, header.height, header.width),
        **_identity(split, name),
    }
    return (split, example["id"]), example


def _identity(split: str, file_name: str) -> dict[str, Any]:
    number = file_name.removesuffix(".png")
    return {"id": f"{split}/{number}", "index": int(number)}


def _digits(first: int, columns: dict[str, list[float]], height: int, width: int) -> dict[str, Any]:
    """Returns the features of the digits of an image of that size."""
    labels, order = _in_reading_order(columns["left"], columns["label"])
    clipped, is_clipped = [], []
    for left, top, w, h in zip(*(columns[name] for name in ("left", "top", "width", "height"))):
        edges = (top, left, top + h, left + w)
        inside = [min(max(e, 0.0), float(m)) for e, m in zip(edges, (height, width) * 2)]
        is_clipped.append(inside != list(edges))
        ymin, xmin, ymax, xmax = inside
        # A box of negative size, which no document excludes, becomes an empty box.
        ymax, xmax = max(ymin, ymax), max(xmin, xmax)
        clipped.append((ymin / height, xmin / width, ymax / height, xmax / width))
    tops, lefts, bottoms, rights = zip(*clipped)
    return {
        "height": height,
        "width": width,
        "number": "".join(str(labels[j]) for j in order),
        "length": len(labels),
        "digits": {
            "label": labels,
            "bbox": [tfds.features.BBox(*box) for box in clipped],
            "clipped": is_clipped,
            **{name: columns[name] for name in ("left", "top", "width", "height")},
            "reading_position": [order.index(j) for j in range(len(order))],
            "cropped_index": [first + j for j in range(len(labels))],
        },
        "number_bbox": tfds.features.BBox(min(tops), min(lefts), max(bottoms), max(rights)),
    }


def _in_reading_order(left: list[float], label: list[float]) -> tuple[list[int], list[int]]:
    """Returns the digits in published order, and their places in the order of their left edges."""
    labels = [int(one) % 10 for one in label]  # 0 is published as 10.
    return labels, sorted(range(len(left)), key=left.__getitem__)


# ------------------------------------------------------------------------------ cropped digits


def _crops(split: str, crops: core.Content, boxes: digit_struct.DigitStruct) -> Iterator[core.Rows]:
    """Yields the cropped digits of a split.

    They are in the order of digitStruct.mat. Nobody documented that, but otherwise the labels in
    both files would not be the same, which is verified.
    """
    labels = boxes.values[:, digit_struct.FIELDS.index("label")]
    with core.located(crops, "", "Get the file again."), crops.open() as file:
        expected = {"X": (*features.CROP, len(labels)), "y": (len(labels), 1)}
        for array in mat5.arrays(file):
            if array.name not in expected:
                continue
            is_odd = array.name == "X" and array.dtype != np.uint8
            if array.shape != expected.pop(array.name) or is_odd:
                raise ValueError(
                    f"{array.name} is {array.dtype} {array.shape}; {_BOXES} of {split} has"
                    f" {len(labels):,} digits"
                )
            if array.name == "y":
                differs = np.flatnonzero(array.read()[:, 0] != labels)
                if len(differs):
                    row = int(differs[0])
                    raise ValueError(
                        f"y: row {row}: not the digit that {_BOXES} of {split} has at this place,"
                        f" {labels[row]:.0f}"
                    )
                continue
            start = 0
            for pixels in array.slices(_CROPS_AT_ONCE):
                images = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
                links = _links(split, boxes, start, start + len(images))
                start += len(images)
                yield core.Rows(split, links["id"], {"image": images, **links})
        if expected:
            raise ValueError(f"there is no {' and no '.join(expected)} in it")


def _links(
    split: str, boxes: digit_struct.DigitStruct, start: int, stop: int
) -> dict[str, list[Any]]:
    """Returns columns of what digitStruct.mat says of the cropped digits `start` to `stop`."""
    names = ("id", "index", "label", "full_id", "full_index", "digit_position", "reading_position")
    rows = []
    first = int(np.searchsorted(boxes.starts, start, "right")) - 1
    last = int(np.searchsorted(boxes.starts, stop, "left"))
    for image in range(first, last):
        digits = boxes.digits(image)
        left, label = (digits[:, digit_struct.FIELDS.index(n)].tolist() for n in ("left", "label"))
        labels, order = _in_reading_order(left, label)
        number = "".join(str(labels[j]) for j in order)
        full = _identity(split, boxes.names[image])
        for j, row in enumerate(range(int(boxes.starts[image]), int(boxes.starts[image + 1]))):
            if start <= row < stop:
                link = (full["id"], full["index"], j, order.index(j), number)
                rows.append((f"{split}_{row:06d}", row, labels[j], *link))
    return dict(zip((*names, "number"), map(list, zip(*rows))))
