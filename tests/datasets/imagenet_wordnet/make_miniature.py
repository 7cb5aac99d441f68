"""Makes dummy_data/imagenet_wordnet: drawn pictures of a few classes, with made-up boxes and lists.

Classes have their real wnids, since these are the labels; all else is made up. Run it as a script
after a change: `python tests/datasets/imagenet_wordnet/make_miniature.py`.
"""

from __future__ import annotations

import gzip
import io
import json
import pathlib
import sys
import tarfile
from collections.abc import Mapping
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files
import numpy as np
import scipy.io

PAGE = "https://image-net.org/download-images.php#"
ARCHIVE_PAGE = "https://www.image-net.org/archive/#"
REAL = (
    "https://raw.githubusercontent.com/google-research/reassessed-imagenet/"
    "bcd006fe12e929f055e0ec7fe39dbf4d64a6881a/real.json"
)
LABEL_ERRORS = (
    "https://raw.githubusercontent.com/cleanlab/label-errors/"
    "6d5d6b31a13216290afc40e5c6319399c4d15c06/mturk/imagenet_mturk.json"
)
# Wnid, label, drawing, colour, and number in the challenge, which is another one.
CLASSES = {
    "n01440764": (0, "fish", (60, 120, 200), 4),
    "n02099601": (207, "dog", (200, 160, 70), 2),
    "n02123045": (281, "cat", (150, 150, 150), 1),
    "n03126707": (517, "crane", (230, 120, 30), 5),
    "n04285008": (817, "car", (210, 40, 40), 3),
}
GLOSS = {wnid: f"made-up meaning of a {row[1]}" for wnid, row in CLASSES.items()}
_DRAWINGS = {
    "fish": (".......", "...##.#", ".#####.", "..####.", "...##.#", ".......", "......."),
    "dog": (".......", "#......", "##...#.", ".#####.", ".#####.", ".#..#..", ".#..#.."),
    "cat": ("#...#..", "#####..", "#.#.#..", "#####..", ".###..#", ".#####.", ".#.#..."),
    "crane": ("######.", "#....#.", "#.....#", "#......", "#......", "##.....", "###...."),
    "car": (".......", "..###..", ".#...#.", "#######", "#######", ".#...#.", "......."),
}
# Pictures of train by class: numbers that do not follow each other.
TRAIN = {
    "n01440764": (96, 10026, 293),
    "n02099601": (3, 127),
    "n02123045": (1, 22, 333, 4444),
    "n03126707": (5218,),
    "n04285008": (7, 88),
}
GREY, CMYK, PNG = "n02123045_22", "n03126707_5218", "n02099601_127"
VALIDATION = ("n02123045", "n01440764", "n04285008", "n02099601", "n02123045", "n03126707")
TEST = 3
# Boxes as published, by picture: size of the picture as it was shown, and objects.
BOXES: dict[str, tuple[int, int, list[tuple[str, tuple[int, int, int, int], int, int]]]] = {
    "n01440764_96": (112, 112, [("n01440764", (16, 16, 96, 80), 0, 0)]),
    # Partly outside, and with sides the wrong way round.
    "n01440764_10026": (56, 56, [("n01440764", (-5, 10, 60, 50), 1, 0), ("n01440764", (40, 30, 8, 2), 0, 1)]),
    # The one name that is no wnid, and one that nobody knows.
    "n02099601_3": (56, 56, [("Scottish_deerhound", (0, 0, 56, 56), 0, 0), ("thing", (70, 70, 90, 90), 0, 0)]),
    "n04285008_88": (56, 56, []),
    "ILSVRC2012_val_00000002": (56, 56, [("n01440764", (8, 8, 48, 40), 0, 0)]),
}  # fmt: skip
REAL_LABELS = [[281], [], [817, 207], [207], [281, 0], [517]]
CANDIDATES = [
    (3, 817, 207, {"given": 1, "guessed": 3, "neither": 0, "both": 1}),
    (5, 281, 0, {"given": 4, "guessed": 0, "neither": 1, "both": 0}),
]
# A hierarchy of ImageNet-21K, of which one class has no place.
IS_A = {
    "n00000003": ["n00000001", "n00000002"],
    "n00000002": ["n00000001"],
    "n00000004": ["n00000003"],
}
WORDS = {
    "n00000001": "zorp", "n00000002": "oomph", "n00000003": "glimpet, little glimp", "n00000004": "fidd",
    "n00000005": "plonk",
}  # fmt: skip
WHOLE = {"n00000003": (1, 20), "n00000004": (5,), "n00000005": (8,)}


def jpeg(drawing: str, colour: tuple[int, int, int], *, shift: int = 0, kind: str = "RGB") -> bytes:
    """A photograph of 56 x 56 pixels."""
    ground = (240 - 10 * (shift % 5), 245, 235)
    rows = _DRAWINGS[drawing]
    paint, paper = miniature_files.ycc(colour), miniature_files.ycc(ground)
    if kind == "L":
        paint, paper = paint[:1], paper[:1]
    if kind == "CMYK":
        paint, paper = (*(255 - c for c in colour), 0), (*(255 - c for c in ground), 0)
    return miniature_files.jpeg([[paint if p == "#" else paper for p in row] for row in rows])


def picture(wnid: str, stem: str, number: int) -> bytes:
    """The picture of a class, in one of the odd formats if its name says so."""
    _, drawing, colour, _ = CLASSES[wnid]
    if stem == PNG:
        pixels = np.full((56, 56, 3), (240, 245, 235), np.uint8)
        pixels[miniature_files.scaled(_DRAWINGS[drawing], 56, 56)] = colour
        return miniature_files.png(pixels)
    kind = {GREY: "L", CMYK: "CMYK"}.get(stem, "RGB")
    return jpeg(drawing, colour, shift=number, kind=kind)


def train() -> dict[str, dict[str, bytes]]:
    """Pictures of train by class and name."""
    return {
        wnid: {f"{wnid}_{n}.JPEG": picture(wnid, f"{wnid}_{n}", n) for n in numbers}
        for wnid, numbers in TRAIN.items()
    }


def validation() -> dict[str, bytes]:
    """Pictures of validation by name, not in the order of their names, as published."""
    made = {
        f"ILSVRC2012_val_{n:08}.JPEG": picture(wnid, "", n) for n, wnid in enumerate(VALIDATION, 1)
    }
    return {name: made[name] for name in sorted(made, key=lambda name: name[::-1])}


def test() -> dict[str, bytes]:
    """Pictures of test by name."""
    drawn = list(CLASSES.values())
    return {
        f"ILSVRC2012_test_{n:08}.JPEG": jpeg(*drawn[n][1:3], shift=n) for n in range(1, TEST + 1)
    }


def whole() -> dict[str, dict[str, bytes]]:
    """Pictures of ImageNet-21K by class and name."""
    drawn = list(CLASSES.values())
    return {
        wnid: {f"{wnid}_{n}.JPEG": jpeg(*drawn[n % 5][1:3], shift=n) for n in numbers}
        for wnid, numbers in WHOLE.items()
    }


def tar(files: Mapping[str, bytes]) -> bytes:
    """A tar without folders of their own, as ImageNet's are."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
        end = archive.offset
    # Two empty blocks are the end; tarfile fills up to twenty.
    return content.getvalue()[: end + 1024]


def nested(classes: Mapping[str, Mapping[str, bytes]]) -> bytes:
    """A tar of one tar a class."""
    return tar({f"{wnid}.tar": tar(files) for wnid, files in classes.items()})


def xml(stem: str) -> bytes:
    """The annotation of a picture."""
    height, width, objects = BOXES[stem]
    lines = [
        "<annotation>", "\t<folder>val</folder>", "\t<filename>%s</filename>",
        "\t<source>", "\t\t<database>ILSVRC_2012</database>", "\t</source>",
        "\t<size>", f"\t\t<width>{width}</width>", f"\t\t<height>{height}</height>",
        "\t\t<depth>3</depth>", "\t</size>", "\t<segmented>0</segmented>",
    ]  # fmt: skip
    for name, (xmin, ymin, xmax, ymax), truncated, difficult in objects:
        lines += [
            "\t<object>", f"\t\t<name>{name}</name>", "\t\t<pose>Unspecified</pose>",
            f"\t\t<truncated>{truncated}</truncated>", f"\t\t<difficult>{difficult}</difficult>",
            "\t\t<bndbox>", f"\t\t\t<xmin>{xmin}</xmin>", f"\t\t\t<ymin>{ymin}</ymin>",
            f"\t\t\t<xmax>{xmax}</xmax>", f"\t\t\t<ymax>{ymax}</ymax>", "\t\t</bndbox>", "\t</object>",
        ]  # fmt: skip
    return "\n".join([*lines, "</annotation>", ""]).encode()


def meta() -> bytes:
    """meta.mat: the classes, and one synset above them."""
    names = (
        "ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height",
        "num_train_images",
    )  # fmt: skip
    rows = sorted((row[3], wnid, row[1], GLOSS[wnid], 0) for wnid, row in CLASSES.items())
    rows.append((1001, "n00001740", "entity", "made-up meaning of all", len(rows)))
    synsets = np.zeros((len(rows), 1), [(name, "O") for name in names])
    for place, (number, wnid, words, gloss, children) in enumerate(rows):
        below = np.arange(1, children + 1, dtype=np.float64)
        synsets[place, 0] = (
            float(number), wnid, words, gloss, float(children), below, float(bool(children)),
            float(len(TRAIN.get(wnid, ()))),
        )  # fmt: skip
    content = io.BytesIO()
    scipy.io.savemat(content, {"synsets": synsets})
    # SciPy writes the time of day into the head.
    return b"MATLAB 5.0 MAT-file, made up".ljust(116) + content.getvalue()[116:]


def devkit() -> dict[str, bytes]:
    """Members of the devkit."""
    truth = "".join(f"{CLASSES[wnid][3]}\n" for wnid in VALIDATION).encode()
    root = "ILSVRC2012_devkit_t12"
    return {
        f"{root}/readme.txt": b"Made up.\n",
        f"{root}/data/meta.mat": meta(),
        f"{root}/data/ILSVRC2012_validation_ground_truth.txt": truth,
        f"{root}/evaluation/compute_flat_error.m": b"% made up\n",
    }


def candidates() -> list[dict[str, Any]]:
    """What people thought of some labels."""
    return [
        {
            "id": number,
            "url": f"https://example.org/ILSVRC2012_val_{number:08}.JPEG",
            "given_original_label": given,
            "given_original_label_name": "made up",
            "our_guessed_label": guessed,
            "our_guessed_label_name": "made up",
            "mturk": votes,
        }
        for number, given, guessed, votes in CANDIDATES
    ]


def lines(texts: Mapping[str, str]) -> bytes:
    """Lines of wnid and text, without an end of the last one, as words.txt has them."""
    return "\n".join(f"{wnid}\t{text}" for wnid, text in texts.items()).encode()


def files() -> dict[str, tuple[str, bytes]]:
    """The published files: name and content by URL."""
    boxes_train = {f"{stem[:9]}/{stem}.xml": xml(stem) for stem in BOXES if stem.startswith("n0")}
    boxes_val = {f"val/{stem}.xml": xml(stem) for stem in BOXES if stem.startswith("ILSVRC")}
    by_hand = {
        "ILSVRC2012_img_train.tar": nested(train()),
        "ILSVRC2012_img_val.tar": tar(validation()),
        "ILSVRC2012_img_test_v10102019.tar": tar(test()),
        "ILSVRC2012_devkit_t12.tar.gz": miniature_files.tar_gz(devkit()),
        "ILSVRC2012_bbox_train_v2.tar.gz": miniature_files.tar_gz(boxes_train),
        "ILSVRC2012_bbox_val_v3.tgz": miniature_files.tar_gz(boxes_val),
        "winter21_whole.tar.gz": gzip.compress(nested(whole()), mtime=0),
        "fall11_whole.tar": nested(whole()),
    }
    lists = {
        "words.txt": lines(WORDS),
        "gloss.txt": lines({wnid: f"meaning of {text}" for wnid, text in WORDS.items()}),
        "wordnet.is_a.txt": "".join(
            f"{up} {wnid}\n" for wnid in IS_A for up in IS_A[wnid]
        ).encode(),
    }
    return {
        **{PAGE + name: (name, content) for name, content in by_hand.items()},
        **{ARCHIVE_PAGE + name: (name, content) for name, content in lists.items()},
        REAL: ("real.json", json.dumps(REAL_LABELS).encode()),
        LABEL_ERRORS: ("imagenet_mturk.json", json.dumps(candidates()).encode()),
    }


def counts() -> dict[str, dict[str, int]]:
    """Number of pictures by config and split."""
    of_train = sum(map(len, TRAIN.values()))
    of_whole = sum(map(len, WHOLE.values()))
    return {
        "ilsvrc2012": {"train": of_train, "validation": len(VALIDATION)},
        "ilsvrc2012_validation": {"validation": len(VALIDATION)},
        "ilsvrc2012_with_test": {"train": of_train, "validation": len(VALIDATION), "test": TEST},
        "imagenet21k_winter21": {"train": of_whole},
        "imagenet21k_fall11": {"train": of_whole},
    }


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    miniature_files.write_files(folder, files())
    miniature_files.write_table(
        folder / "counts.tsv",
        ["config", "split", "examples"],
        [(config, *row) for config, splits in counts().items() for row in splits.items()],
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "imagenet_wordnet")
