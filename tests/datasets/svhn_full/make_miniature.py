"""Makes dummy_data/svhn_full: archives of drawn numbers, and their cropped digits.

Each digit is drawn in a colour of its own, so that a model learns something from them. The three
archives differ in where the boxes lie among the images, which nobody documents. Run it as a script
after a change: `python tests/datasets/svhn_full/make_miniature.py`.
"""

from __future__ import annotations

import gzip
import io
import pathlib
import sys
import tarfile

import numpy as np
import scipy.io

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import digit_struct_file
import miniature_files

_HOMEPAGE = "http://ufldl.stanford.edu/housenumbers/"
_BACKGROUND = (96, 104, 112)
_SCRIPT = b"% The publisher's script to draw the boxes is left out of this miniature.\n"

# Width and height of the image; left, top, width, height, label of each digit as published.
_NUMBERS = {
    "train": [
        (40, 24, [(8, 4, 8, 16, 1), (18, 5, 9, 15, 9)]),
        (30, 20, [(10, 3, 8, 14, 2)]),
        # Leaves the image on the left, and at the bottom.
        (48, 22, [(-1, 4, 10, 14, 10), (12, 3, 9, 15, 2), (24, 8, 9, 16, 7)]),
        # Not published from left to right.
        (44, 26, [(16, 5, 8, 16, 4), (28, 5, 8, 16, 6), (4, 5, 8, 16, 2)]),
        # Two boxes with the same left edge, one of them a pixel wide.
        (36, 24, [(6, 4, 8, 15, 3), (18, 4, 1, 15, 5), (18, 4, 9, 15, 8)]),
        (96, 24, [(4 + 15 * i, 4, 11, 16, d) for i, d in enumerate((1, 3, 5, 4, 5, 8))]),
        # File names that sort otherwise than their numbers.
        *((24 + i, 18, [(6, 2, 8, 13, i + 1)]) for i in range(4)),
    ],
    "test": [
        (30, 20, [(9, 3, 8, 14, 5)]),
        (46, 22, [(6, 3, 8, 15, 2), (18, 3, 8, 15, 1), (30, 3, 9, 15, 10)]),
        # Leaves the image on the right.
        (34, 22, [(4, 3, 10, 15, 6), (22, 3, 13, 15, 9)]),
    ],
    "extra": [
        (44, 24, [(6, 8, 9, 14, 4), (18, 5, 9, 14, 7), (30, 2, 9, 14, 8)]),
        (40, 24, [(8, 4, 8, 16, 3), (20, 4, 8, 16, 1)]),
        (28, 20, [(8, 3, 9, 14, 10)]),
    ],
}
# How many images come before digitStruct.mat.
_BEFORE = {"train": 10, "test": 0, "extra": 2}


def image(width: int, height: int, digits: list[tuple[int, ...]]) -> np.ndarray:
    """The pixels of a number."""
    pixels = np.full((height, width, 3), _BACKGROUND, np.uint8)
    for left, top, w, h, label in digits:
        drawn = miniature_files.digit(label % 10, h, w)[max(-top, 0) :, max(-left, 0) :]
        box = pixels[max(top, 0) : top + h, max(left, 0) : left + w]
        box[drawn[: box.shape[0], : box.shape[1]]] = _color(label)
    return pixels


def crop(label: int) -> np.ndarray:
    """The pixels of a digit."""
    pixels = np.full((32, 32, 3), _BACKGROUND, np.uint8)
    pixels[4:28, 8:23][miniature_files.digit(label % 10, 24, 15)] = _color(label)
    return pixels


def _color(label: int) -> tuple[int, int, int]:
    return (255 - 20 * label, 25 * label, 60 + 97 * label % 190)


def mat(crops: np.ndarray, labels: np.ndarray) -> bytes:
    """A file of cropped digits; the time of its making is taken out of it."""
    file = io.BytesIO()
    scipy.io.savemat(
        file, {"X": np.asfortranarray(np.moveaxis(crops, 0, -1)), "y": labels[:, None]},
        do_compression=True,
    )  # fmt: skip
    header = b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024"
    return header.ljust(116) + file.getvalue()[116:]


def members(split: str) -> dict[str, bytes]:
    """Content of an archive by member name, in order."""
    numbers = _NUMBERS[split]
    images = {
        f"{i}.png": miniature_files.png(image(*number)) for i, number in enumerate(numbers, start=1)
    }
    boxes = digit_struct_file.encode(
        [(name, digits) for name, (_, _, digits) in zip(images, numbers)]
    )
    others = {"digitStruct.mat": boxes, "see_bboxes.m": _SCRIPT}
    names = sorted(images)
    names[_BEFORE[split] : _BEFORE[split]] = others
    return {f"{split}/{name}": {**images, **others}[name] for name in names}


def archive(files: dict[str, bytes]) -> bytes:
    """A tar.gz with members in the given order, which here matters."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(content.getvalue(), mtime=0)


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    files, counts = {}, []
    for split, numbers in _NUMBERS.items():
        name = f"{split}.tar.gz"
        files[_HOMEPAGE + name] = name, archive(members(split))
        labels = [digit[-1] for _, _, digits in numbers for digit in digits]
        name = f"{split}_32x32.mat"
        crops = np.stack([crop(label) for label in labels])
        files[_HOMEPAGE + name] = name, mat(crops, np.array(labels, np.uint8))
        for config, number in (("full_numbers", len(numbers)), ("cropped_digits", len(labels))):
            if split != "extra":
                counts.append((config, split, number))
            counts.append((f"{config}_extra", split, number))
    miniature_files.write_files(folder, files)
    miniature_files.write_table(
        folder / "counts.tsv", ["config", "split", "examples"], sorted(counts)
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "svhn_full")
