"""ImageNet on WordNet: bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
from typing import Any

import miniature_files
import miniature_scripts
import numpy as np
import pytest
import scipy.io
import tampering
import tiers

_MADE = miniature_scripts.load("imagenet_wordnet")
_TRAIN, _VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
_DEVKIT, _BOXES = "ILSVRC2012_devkit_t12.tar.gz", "ILSVRC2012_bbox_train_v2.tar.gz"
_ROOT = "ILSVRC2012_devkit_t12/data/"
_XML = "n01440764/n01440764_96.xml"


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = "imagenet_wordnet"


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def _refused(data_dir, *parts: str, config: str = "ilsvrc2012") -> None:
    tampering.prepare_refused(f"imagenet_wordnet/{config}", data_dir, *parts, error=ValueError)


def _with_picture(name: str, content: bytes | None) -> bytes:
    """The archive of train with a picture of the first class changed, added or taken away."""
    classes = {wnid: dict(files) for wnid, files in _MADE.train().items()}
    if content is None:
        del classes["n01440764"][name]
    else:
        classes["n01440764"][name] = content
    return _MADE.nested(classes)


def _devkit(**changes: bytes) -> bytes:
    names = {"meta": f"{_ROOT}meta.mat", "truth": f"{_ROOT}ILSVRC2012_validation_ground_truth.txt"}
    return miniature_files.tar_gz(
        _MADE.devkit() | {names[key]: content for key, content in changes.items()}
    )


def _boxes(content: bytes, name: str = _XML) -> bytes:
    files = {f"{stem[:9]}/{stem}.xml": _MADE.xml(stem) for stem in _MADE.BOXES if stem[0] == "n"}
    return miniature_files.tar_gz(files | {name: content})


def _mat(**fields: Any) -> bytes:
    """A meta.mat with one synset."""
    import io

    row = {
        "ILSVRC2012_ID": 1.0,
        "WNID": "n02123045",
        "words": "x",
        "gloss": "x",
        "num_children": 0.0,
    }
    row = {name: value for name, value in (row | fields).items() if value is not ...}
    synsets = np.zeros((1, 1), [(name, "O") for name in row])
    synsets[0, 0] = tuple(row.values())
    content = io.BytesIO()
    scipy.io.savemat(content, {"synsets": synsets})
    return content.getvalue()


_PICTURE = _MADE.picture("n01440764", "", 96)
_BOMB = b'<!DOCTYPE a [<!ENTITY x "xxxx">]><annotation>&x;</annotation>'
# File, its content, and what the error says.
_DAMAGES = {
    "an empty picture": (_TRAIN, lambda: _with_picture("n01440764_96.JPEG", b""), "n01440764_96.JPEG", "empty"),
    "no picture": (_TRAIN, lambda: _with_picture("n01440764_96.JPEG", b"<html>" * 9), "n01440764_96.JPEG", "identify"),
    "a GIF": (_TRAIN, lambda: _with_picture("n01440764_96.JPEG", b"GIF89a" + bytes(99)), "n01440764_96.JPEG"),
    "too few": (_TRAIN, lambda: _with_picture("n01440764_96.JPEG", None), "11 examples were read", "has 12"),
    "of another class": (_TRAIN, lambda: _with_picture("n02099601_9.JPEG", _PICTURE), "n02099601_9.JPEG", "published files"),
    "a stranger in a class": (_TRAIN, lambda: _with_picture("evil.sh", b"rm"), "evil.sh", "published files"),
    "a stranger": (_TRAIN, lambda: _MADE.tar({"x.txt": b"x"}), "x.txt", "not one of the published files"),
    "an unknown class": (_TRAIN, lambda: _MADE.nested({"n00000009": {"n00000009_1.JPEG": _PICTURE}}), "none of the 1,000 classes"),
    "a cut archive": (_TRAIN, lambda: _MADE.nested(_MADE.train())[:20_000], _TRAIN),
    "a stranger in validation": (_VAL, lambda: _MADE.tar({"ILSVRC2012_test_00000001.JPEG": _PICTURE}), "ILSVRC2012_test_00000001", "published files"),
    "too large a number": (_VAL, lambda: _MADE.tar({"ILSVRC2012_val_00000099.JPEG": _PICTURE}), "there are 6 pictures, and no number 99"),
    "the wrong folder": (_VAL, lambda: _MADE.tar({"n02099601/ILSVRC2012_val_00000001.JPEG": _PICTURE}), "its class is n02123045, and not n02099601"),
    "no meta.mat": (_DEVKIT, lambda: _devkit(meta=b"<html>"), "meta.mat", "no MATLAB v5 file"),
    "no synsets": (_DEVKIT, lambda: _devkit(meta=_mat()[:128]), "meta.mat", "no structures called synsets"),
    "a field that is missing": (_DEVKIT, lambda: _devkit(meta=_mat(gloss=...)), "synset 0 has no gloss"),
    "a synset of another corpus": (_DEVKIT, lambda: _devkit(meta=_mat(WNID="n00000009")), "n00000009 is none of the 1,000 classes"),
    "half a number": (_DEVKIT, lambda: _devkit(meta=_mat(ILSVRC2012_ID=0.5)), "synset 0: a number is missing"),
    "no class": (_DEVKIT, lambda: _devkit(truth=b"1\n6\n"), "ground_truth.txt", "line 2: no class from 1 to 5"),
    "an entity": (_BOXES, lambda: _boxes(_BOMB), _XML, "a document type"),
    "cut XML": (_BOXES, lambda: _boxes(_MADE.xml("n01440764_96")[:200]), _XML, "not well-formed XML"),
    "another root": (_BOXES, lambda: _boxes(b"<html></html>"), _XML, "its root is 'html'"),
    "no number": (_BOXES, lambda: _boxes(_MADE.xml("n01440764_96").replace(b">80<", b">8O<")), _XML, "object 0: bndbox/ymax is '8O'"),
    "no size": (_BOXES, lambda: _boxes(b"<annotation></annotation>"), _XML, "the picture has no size/width"),
    "a stranger among boxes": (_BOXES, lambda: _boxes(b"x", "n01440764/readme"), "n01440764/readme", "published files"),
    "no list of labels": ("real.json", lambda: b"{}", "real.json", "not a list of lists"),
    "a label too large": ("real.json", lambda: json.dumps([[1000]] + [[]] * 5).encode(), "entry 0: no labels from 0 to 999"),
    "labels of others": ("real.json", lambda: b"[[1]]", "labels of 1 pictures, not of 6"),
    "votes of others": ("imagenet_mturk.json", lambda: json.dumps([{**_MADE.candidates()[0], "given_original_label": 5}]).encode(), "entry 0", "is not in the test set"),
}  # fmt: skip
_QUICK = ("no picture", "an unknown class", "an entity", "a field that is missing")


@pytest.mark.parametrize("name", tiers.sampled(_DAMAGES, _QUICK))
def test_damages(miniature, data_dir, name):
    file, content, *parts = _DAMAGES[name]
    miniature.write_vouched(file, content())
    _refused(data_dir, *parts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"x", "no gzip"),
        (gzip.compress(_MADE.tar({"n00000003.tar": b"x" * 600})), "n00000003.tar"),
        (gzip.compress(_MADE.tar({"x.tar": b"x"})), "not one of the published files"),
        (
            gzip.compress(_MADE.nested({"n00000003": {"n00000004_1.JPEG": _PICTURE}})),
            "published files",
        ),
    ],
    ids=["no gzip", "no tar in it", "a stranger", "of another class"],
)
def test_damaged_stream(miniature, data_dir, content, part):
    miniature.write_vouched("winter21_whole.tar.gz", content)
    parts = ["winter21_whole.tar.gz"] if part == "no gzip" else [part]
    _refused(data_dir, *parts, config="imagenet21k_winter21")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "content", "part"),
    [
        ("words.txt", b"n00000001\tx\nn00000001\ty", "line 2: no wnid, tab and text, or one twice"),
        ("gloss.txt", b"n00000001 x", "line 1: no wnid, tab and text"),
        ("words.txt", b"n00000001\t\xff", "line 1: "),
        ("wordnet.is_a.txt", b"n00000001\n", "line 1: no two wnids"),
    ],
)
def test_damaged_lists(miniature, data_dir, file, content, part):
    miniature.write_vouched(file, content)
    _refused(data_dir, file, part, config="imagenet21k_fall11")
