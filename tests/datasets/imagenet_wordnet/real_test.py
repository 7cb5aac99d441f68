"""ImageNet on WordNet: published pictures and lists at hand, against Pillow, json and NLTK's rules.

No box, devkit or gloss.txt is at hand; these are tested on made-up ones alone.
"""

from __future__ import annotations

import collections
import hashlib
import io
import json
import pathlib
import shutil

import numpy as np
import PIL.Image
import preparing
import pytest
import tensorflow_datasets as tfds

from tfds_extra.datasets.imagenet_wordnet import facts, hierarchy
from tfds_extra.formats import imagenet, label_errors

_LABELS = tfds.core.tfds_path("datasets/imagenet2012/labels.txt")


def _manual(real: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir()
    shutil.copytree(real / "ILSVRC2012_img_train", folder / "train")
    return folder


def test_every_picture(real, tmp_path):
    """Class folders, as many people keep them."""
    folder = _manual(real, tmp_path / "manual")
    builder = preparing.prepared("imagenet_wordnet", tmp_path / "data", folder, partial=True)
    decoders = {"image": tfds.decode.SkipDecoding()}
    raw = builder.as_dataset(split="train", decoders=decoders)
    found = {e["file_name"].decode(): e for e in tfds.as_numpy(raw)}
    paths = {path.name: path for path in folder.rglob("*.JPEG")}
    assert set(found) == set(paths) and len(found) == 60
    labels = _LABELS.read_text().split()
    words = dict(
        line.split("\t") for line in (real / "archive/words.txt").read_text("utf-8").split("\n")
    )
    modes = collections.Counter()
    for name, example in found.items():
        content, wnid = paths[name].read_bytes(), paths[name].parent.name
        assert hashlib.sha256(example["image"]).digest() == hashlib.sha256(content).digest()
        assert example["wnid"].decode() == wnid == labels[example["label"]]
        assert ", ".join(w.decode() for w in example["words"]) == words[wnid]
        with PIL.Image.open(io.BytesIO(content)) as picture:
            mode = picture.mode
            assert picture.format == "JPEG"
        modes[mode] += 1
        assert builder.info.features["color_mode"].int2str(example["color_mode"]) == mode
        assert example["ilsvrc_id"] == -1 and not example["has_boxes"] and not example["gloss"]
    assert modes == {"RGB": 54, "L": 6}
    for example in tfds.as_numpy(builder.as_dataset(split="train")):
        with PIL.Image.open(paths[example["file_name"].decode()]) as picture:
            expected = np.asarray(picture.convert("RGB"), int)
        assert example["image"].shape == expected.shape
        # Decoders of JPEG may round in other ways.
        assert np.abs(example["image"] - expected).mean() < 2
    assert builder.info.metadata["missing"]["train"] == 1_281_167 - 60


def test_flat_pictures_and_a_cut_one(real, tmp_path):
    folder = tmp_path / "manual"
    (folder / "train").mkdir(parents=True)
    for path in sorted((real / "ILSVRC2012_img_train").rglob("*.JPEG"))[:8]:
        (folder / "train" / path.name).write_bytes(path.read_bytes())
    builder = preparing.prepared("imagenet_wordnet", tmp_path / "data", folder, partial=True)
    assert builder.info.splits["train"].num_examples == 8
    path = sorted((folder / "train").iterdir())[3]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=path.name):
        preparing.prepared("imagenet_wordnet", tmp_path / "again", folder, partial=True)


def _graph(real: pathlib.Path) -> dict[str, list[str]]:
    graph = collections.defaultdict(list)
    for line in (real / "archive/wordnet.is_a.txt").read_text("ascii").split("\n"):
        if line:
            graph[line[10:]].append(line[:9])
    return graph


def test_synsets_are_those_of_the_lists(real):
    """The table beside the builder, against words.txt and wordnet.is_a.txt read anew."""
    tree, graph = hierarchy.ilsvrc(), _graph(real)
    words = dict(
        line.split("\t") for line in (real / "archive/words.txt").read_text("utf-8").split("\n")
    )
    assert list(tree.classes) == _LABELS.read_text().split()
    above = set()
    for wnid in tree.classes:
        todo, found = [wnid], set()
        while todo:
            for up in graph[todo.pop()]:
                todo += [up] if up not in found else []
                found.add(up)
        assert set(tree.ancestors(wnid)) == found
        assert ", ".join(tree.words(wnid)) == words[wnid]
        above |= found
    assert len(above) == 860 and not above & set(tree.classes)


def test_every_list(real):
    content = (real / "archive/words.txt").read_bytes()
    assert len(imagenet.parse_texts(content)) == 82_115
    assert b"\r" not in content
    found = imagenet.parse_is_a((real / "archive/wordnet.is_a.txt").read_bytes())
    assert found == _graph(real) and sum(map(len, found.values())) == 75_850
    definitions = (real / "annotations_extra/imagenet_synset_to_definition.txt").read_bytes()
    assert len(imagenet.parse_texts(definitions)) == 21_844


def test_judgements(real):
    content = (real / "annotations_extra/real.json").read_bytes()
    labels = imagenet.parse_real(content, 1000)
    assert labels == json.loads(content) and len(labels) == 50_000
    assert sum(map(bool, labels)) == 46_837 and sum(map(len, labels)) == 57_553
    known = facts.of_ilsvrc({})
    given = [known.labels[wnid] for wnid in known.validation_labels]
    share = np.mean([label in real for label, real in zip(given, labels) if real])
    assert round(100 * share, 2) == 90.02
    content = (real / "annotations_extra/imagenet_mturk.json").read_bytes()
    rows = {number: number - 1 for number in range(1, 50_001)}
    found = label_errors.parse(content, given, ("given", "guessed", "neither", "both"), rows=rows)
    entries = {entry["id"]: entry for entry in json.loads(content)}
    assert len(found) == len(entries) == 5_440
    for number, entry in entries.items():
        row = found[number - 1]
        assert row["guessed_label"] == entry["our_guessed_label"]
        for choice in ("given", "neither", "both"):
            assert row[f"votes_{choice}"] == entry["mturk"][choice]
    assert sum(row["is_error"] for row in found.values()) == 2_916


def test_imagenet_21k(real, tmp_path):
    """Pictures with the lists of all nouns."""
    folder = _manual(real, tmp_path / "manual")
    (folder / "train").rename(folder / "fall11_whole")
    for name in ("words.txt", "wordnet.is_a.txt"):
        shutil.copy(real / "archive" / name, folder / name)
    shutil.copy(real / "annotations_extra/imagenet_synset_to_definition.txt", folder / "gloss.txt")
    builder = preparing.prepared(
        "imagenet_wordnet/imagenet21k_fall11", tmp_path / "data", folder, partial=True
    )
    graph, tree = _graph(real), hierarchy.ilsvrc()
    count = 0
    for example in tfds.as_numpy(builder.as_dataset(split="train")):
        wnid = example["wnid"].decode()
        assert [one.decode() for one in example["hypernyms"]] == tree.path(wnid)
        assert len(example["hypernym_paths"]) == len(tree.paths(wnid))
        assert example["gloss"] and example["words"][0].decode() == tree.words(wnid)[0]
        assert set(graph[wnid]) <= {one.decode() for one in example["ancestors"]}
        count += 1
    assert count == 60
