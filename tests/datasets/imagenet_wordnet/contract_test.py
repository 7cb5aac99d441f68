"""ImageNet on WordNet: the miniature."""

from __future__ import annotations

import contextlib
import io
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any
from unittest import mock

import builder_testing
import miniature_scripts
import numpy as np
import PIL.Image
import pytest
import tampering
import tensorflow_datasets as tfds

from tfds_extra.datasets.imagenet_wordnet import hierarchy
from tfds_extra.datasets.imagenet_wordnet import imagenet_wordnet_dataset_builder as module

_MADE = miniature_scripts.load("imagenet_wordnet")
_TEST = "ILSVRC2012_img_test_v10102019.tar"


def _texts(values: Any) -> list[str]:
    return [value.decode() for value in values]


class ImagenetWordnetTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    # ILSVRC without and with pictures of test, classes packed in a stream and in a tar.
    BUILDER_CONFIG_NAMES_TO_TEST = [
        "ilsvrc2012", "ilsvrc2012_with_test", "imagenet21k_winter21", "imagenet21k_fall11"
    ]  # fmt: skip
    MINIATURE = {name: _MADE.counts()[name] for name in BUILDER_CONFIG_NAMES_TO_TEST}
    UNKNOWN_COUNTS = {name: {"train"} for name in ("imagenet21k_winter21", "imagenet21k_fall11")}

    def is_read(self, name, member, config):
        return name != "devkit" or member.startswith("data/")

    def is_read_whole(self, name, config):
        return name != "devkit"

    def raw(self, config: str) -> dict[str, dict[str, Any]]:
        """All examples of a config by name of the picture, which is left as published."""
        builder = self.prepare(config)
        decoders = {"image": tfds.decode.SkipDecoding()}
        return {
            example["file_name"].decode(): {**example, "split": split}
            for split in builder.info.splits
            for example in tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders))
        }

    def published(self, config: str) -> dict[str, tuple[str, str, bytes]]:
        """Split, class and content of the pictures of ILSVRC by name."""
        made = {}
        if config != "ilsvrc2012_validation":
            for wnid, pictures in _MADE.train().items():
                made |= {name: ("train", wnid, content) for name, content in pictures.items()}
        for name, content in _MADE.validation().items():
            made[name] = "validation", _MADE.VALIDATION[int(name[15:23]) - 1], content
        if config == "ilsvrc2012_with_test":
            for name, content in _MADE.test().items():
                made[name] = "test", "", content
        return made

    def test_every_picture(self):
        for config in ("ilsvrc2012_validation", "ilsvrc2012_with_test"):
            found, tree = self.raw(config), hierarchy.ilsvrc()
            published = self.published(config)
            self.assertEqual(set(found), set(published))
            for name, (split, wnid, content) in published.items():
                example = found[name]
                self.assertEqual(example["split"], split)
                self.assertEqual(example["image"], content)
                self.assertEqual(example["wnid"].decode(), wnid)
                label, _, _, number = _MADE.CLASSES.get(wnid, (-1, "", (), -1))
                self.assertEqual(example["label"], label)
                self.assertEqual(example["ilsvrc_id"], number)
                self.assertEqual(example["gloss"].decode(), _MADE.GLOSS.get(wnid, ""))
                if wnid:
                    self.assertEqual(_texts(example["words"]), list(tree.words(wnid)))
                    self.assertEqual(_texts(example["hypernyms"]), tree.path(wnid))
                    above = [tree.words(one)[0] for one in tree.path(wnid)]
                    self.assertEqual(_texts(example["hypernym_words"]), above)
                    self.assertEqual(above[-1], "entity")
                    self.assertEqual(_texts(example["ancestors"]), tree.ancestors(wnid))
                else:
                    self.assertEmpty(example["words"])
                    self.assertEmpty(example["hypernyms"])
                with PIL.Image.open(io.BytesIO(content)) as picture:
                    mode, kind = picture.mode, picture.format
                features = self.prepare(config).info.features
                self.assertEqual(features["color_mode"].int2str(example["color_mode"]), mode)
                self.assertEqual(
                    features["original_format"].int2str(example["original_format"]), kind
                )

    @pytest.mark.slow
    def test_odd_pictures(self):
        found = self.raw("ilsvrc2012")
        features = self.prepare("ilsvrc2012").info.features
        for stem, kind, mode in (
            (_MADE.GREY, "JPEG", "L"), (_MADE.CMYK, "JPEG", "CMYK"), (_MADE.PNG, "PNG", "RGB"),
            ("n01440764_96", "JPEG", "RGB"),
        ):  # fmt: skip
            example = found[f"{stem}.JPEG"]
            self.assertEqual(features["original_format"].int2str(example["original_format"]), kind)
            self.assertEqual(features["color_mode"].int2str(example["color_mode"]), mode)
        decoded = {
            example["file_name"].decode(): example["image"]
            for example in tfds.as_numpy(self.prepare("ilsvrc2012").as_dataset(split="train"))
        }
        for stem in (_MADE.GREY, _MADE.CMYK, _MADE.PNG):
            wnid = stem.partition("_")[0]
            image = decoded[f"{stem}.JPEG"]
            self.assertEqual(image.shape, (56, 56, 3))
            colour = _MADE.CLASSES[wnid][2]
            if stem == _MADE.GREY:
                colour = (150, 150, 150)
            # Colours of the drawing, which every decoder rounds in its own way.
            near = np.abs(image.astype(int) - np.array(colour)).max(axis=-1) < 16
            self.assertGreater(near.mean(), 0.1, stem)

    @pytest.mark.slow
    def test_boxes(self):
        for name, example in self.raw("ilsvrc2012").items():
            row = _MADE.BOXES.get(name.removesuffix(".JPEG"))
            objects = example["objects"]
            self.assertEqual(example["has_boxes"], row is not None)
            if row is None:
                self.assertEmpty(objects["name"])
                self.assertEqual(example["annotated_size"].tolist(), [0, 0])
                continue
            height, width, published = row
            self.assertEqual(example["annotated_size"].tolist(), [height, width])
            self.assertEqual(_texts(objects["name"]), [one for one, *_ in published])
            self.assertEqual(objects["bbox_raw"].tolist(), [list(box) for _, box, *_ in published])
            self.assertEqual(objects["truncated"].tolist(), [bool(t) for *_, t, _ in published])
            self.assertEqual(objects["difficult"].tolist(), [bool(d) for *_, d in published])
            for box, (_, (x1, y1, x2, y2), *_) in zip(objects["bbox"], published):
                expected = [min(y1, y2) / height, min(x1, x2) / width,
                            max(y1, y2) / height, max(x1, x2) / width]  # fmt: skip
                np.testing.assert_allclose(box, np.clip(expected, 0, 1), atol=1e-6)
        wnids = _texts(self.raw("ilsvrc2012")["n02099601_3.JPEG"]["objects"]["wnid"])
        self.assertEqual(wnids, ["n02092002", ""])

    @pytest.mark.slow
    def test_judgements(self):
        found = self.raw("ilsvrc2012_with_test")
        candidates = {number: (guessed, votes) for number, _, guessed, votes in _MADE.CANDIDATES}
        for name, example in found.items():
            number = int(name[15:23]) if example["split"] == "validation" else 0
            real = _MADE.REAL_LABELS[number - 1] if number else []
            self.assertEqual(example["real_labels"].tolist(), real)
            guessed, votes = candidates.get(number, (-1, {}))
            error = example["label_error"]
            self.assertEqual(error["candidate"], bool(votes))
            self.assertEqual(error["guessed_label"], guessed)
            for choice in ("given", "guessed", "neither", "both"):
                self.assertEqual(error[f"votes_{choice}"], votes.get(choice, -1))
        self.assertEqual(
            found["ILSVRC2012_val_00000003.JPEG"]["label_error"]["corrected_label"], 207
        )
        self.assertTrue(found["ILSVRC2012_val_00000003.JPEG"]["label_error"]["is_error"])
        self.assertFalse(found["ILSVRC2012_val_00000005.JPEG"]["label_error"]["is_error"])

    def test_all_classes_of_imagenet_21k(self):
        for config in ("imagenet21k_winter21", "imagenet21k_fall11"):
            found = self.raw(config)
            published = {n: (w, c) for w, files in _MADE.whole().items() for n, c in files.items()}
            self.assertEqual(set(found), set(published))
            for name, (wnid, content) in published.items():
                example = found[name]
                self.assertEqual(example["image"], content)
                self.assertEqual(example["wnid"].decode(), wnid)
                self.assertEqual(_texts(example["words"]), _MADE.WORDS[wnid].split(", "))
                self.assertEqual(example["gloss"].decode(), f"meaning of {_MADE.WORDS[wnid]}")
            paths = {n[:9]: _texts(e["hypernyms"]) for n, e in found.items()}
            self.assertEqual(paths["n00000003"], ["n00000001"])
            self.assertEqual(paths["n00000004"], ["n00000003", "n00000001"])
            self.assertEqual(paths["n00000005"], [])
            first = _MADE.WORDS["n00000003"].split(", ")[0], _MADE.WORDS["n00000001"].split(", ")[0]
            self.assertEqual(tuple(_texts(found["n00000004_5.JPEG"]["hypernym_words"])), first)
            self.assertEqual(
                _texts(found["n00000004_5.JPEG"]["ancestors"]),
                ["n00000003", "n00000001", "n00000002"],
            )

    def test_all_ways_up(self):
        expected = {
            "n00000003": ["n00000001", "n00000002 n00000001"],
            "n00000004": ["n00000003 n00000001", "n00000003 n00000002 n00000001"],
            "n00000005": [],
        }
        for example in self.raw("imagenet21k_fall11").values():
            paths = _texts(example["hypernym_paths"])
            self.assertEqual(paths, expected[example["wnid"].decode()])

    def test_official_counts(self):
        for config, counts in {
            "ilsvrc2012": {"train": 1_281_167, "validation": 50_000},
            "ilsvrc2012_validation": {"validation": 50_000},
            "ilsvrc2012_with_test": {"train": 1_281_167, "validation": 50_000, "test": 100_000},
            "imagenet21k_winter21": {"train": 0},
            "imagenet21k_fall11": {"train": 0},
        }.items():
            self.assertEqual(self.DATASET_CLASS(config=config).expected_counts, counts)

    @contextlib.contextmanager
    def without(self, *names: str) -> Iterator[pathlib.Path]:
        """Inside, the miniature is a folder that lacks some of its files."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for path in self.DATASET_CLASS.miniature_dir().iterdir():
                if path.name not in names:
                    (folder / path.name).write_bytes(path.read_bytes())
            patch = classmethod(lambda cls: folder)
            with mock.patch.object(self.DATASET_CLASS, "miniature_dir", patch):
                yield folder

    @pytest.mark.slow
    def test_pictures_of_test_in_a_folder_of_their_own(self):
        """Nobody states whether they are in one in the published archive."""
        with self.without(_TEST) as folder:
            moved = {f"test/{name}": content for name, content in _MADE.test().items()}
            tampering.write_vouched(folder, _TEST, _MADE.tar(moved))
            builder = self.prepare("ilsvrc2012_with_test", folder="in_test")
            found = tfds.as_numpy(builder.as_dataset("test"))
            self.assertEqual(
                {example["file_name"].decode() for example in found}, set(_MADE.test())
            )

    @pytest.mark.slow
    def test_what_is_not_at_hand_is_named(self):
        names = (
            "ILSVRC2012_bbox_train_v2.tar.gz", "ILSVRC2012_bbox_val_v3.tgz", "gloss.txt", "words.txt",
            "wordnet.is_a.txt",
        )  # fmt: skip
        with self.without(*names):
            builder = self.prepare("ilsvrc2012", folder="without")
            self.assertEqual(builder.info.metadata["not_at_hand"], sorted(names[:2]))
            for example in tfds.as_numpy(builder.as_dataset(split="train")):
                self.assertFalse(example["has_boxes"])
                self.assertGreater(example["ilsvrc_id"], 0)
            builder = self.prepare("imagenet21k_fall11", folder="without")
            self.assertEqual(builder.info.metadata["not_at_hand"], sorted(names[2:]))
            for example in tfds.as_numpy(builder.as_dataset(split="train")):
                self.assertEqual(len(example["words"]), 0)
        self.assertEqual(self.prepare("ilsvrc2012").info.metadata["not_at_hand"], [])

    def test_labels_without_the_devkit(self):
        """They are the list that comes with TFDS: 50 pictures of each class."""
        from tfds_extra.datasets.imagenet_wordnet import facts

        labels = facts.of_ilsvrc({}).validation_labels
        self.assertLen(labels, 50_000)
        self.assertEqual({labels.count(wnid) for wnid in hierarchy.ilsvrc().classes}, {50})
        self.assertEqual(labels[0], "n01751748")  # Of the devkit's first number, 490.
