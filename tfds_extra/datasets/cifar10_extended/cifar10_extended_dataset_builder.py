"""CIFAR-10 with all that was found out about its images: names, votes, noise, duplicates, errors."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core, features
from tfds_extra.datasets.cifar10_extended import annotations
from tfds_extra.formats import cifar_batch, safe_pickle

_HOMEPAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_CIFAR10 = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_GITHUB = "https://raw.githubusercontent.com/"
_CIFAR10H = _GITHUB + "jcpeterson/cifar-10h/48da312b193b82e6939ec20f23d1f09cbdd849c8/data/"
_CIFAR10N = _GITHUB + "UCSC-REAL/cifar-10-100n/49df7d8a69e355470c77c1c2f2424916325a394b/"
_CIFAIR = _GITHUB + "cvjena/cifair/4c2764277f5fda8fec6784a78c1818eab13236c5/"
_LABEL_ERRORS = _GITHUB + "cleanlab/label-errors/6d5d6b31a13216290afc40e5c6319399c4d15c06/"

_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
# Split and number of each batch; the rows of a split are those of its batches, one after the other.
_BATCHES = {f"data_batch_{i}": ("train", i) for i in range(1, 6)} | {"test_batch": ("test", 0)}
_SHAPE = (32, 32, 3)
_BLOCK = 1000  # Images that are handed on at once, 3 MB.
_REMEDY = "Get cifar-10-python.tar.gz again from its publisher."


@dataclasses.dataclass(frozen=True)
class _Piece:
    """The archive, which is compressed as one stream and so is read as one, and what is joined to it.

    Attributes:
      batches: The archive.
      files: The other published files.
    """

    batches: core.Tree
    files: dict[str, core.Content]


class Builder(core.Builder):
    """CIFAR-10, extended."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(
            name="default",
            description="CIFAR-10 with file names, human and noisy labels, duplicates, label errors.",
        ),
        tfds.core.BuilderConfig(
            name="raw_votes",
            description="The same, and every single vote of CIFAR-10H: who, when, and how fast.",
        ),
        tfds.core.BuilderConfig(
            name="cifair",
            description="The same, and the images of ciFAIR-10, where test images that are"
            " duplicates were replaced. They are what as_supervised gives.",
        ),
    ]
    DRAWN_DISTRIBUTIONS = ("human_probs",)

    def _info(self) -> tfds.core.DatasetInfo:
        is_cifair = self.base_config_name == "cifair"
        return self.dataset_info(
            features={
                **_cifar10_features(),
                **(_cifair_features() if is_cifair else {}),
                **_human_features(),
                **(_vote_features() if self.base_config_name == "raw_votes" else {}),
                **_noisy_features(),
                **_checked_features(),
            },
            supervised_keys=("cifair_image", "cifair_label") if is_cifair else ("image", "label"),
            disable_shuffling=True,  # Row i is row i of CIFAR-10, and of all that is joined to it.
            homepage=_HOMEPAGE,
            license="CIFAR-10: none stated, the publisher asks to be cited. CIFAR-10H: CC BY-NC-SA"
            " 4.0. CIFAR-10N: CC BY-NC 4.0. Label errors: Apache-2.0. ciFAIR: none stated for its"
            " lists and images. The non-commercial terms hold for every config.",
        )

    def published_files(self) -> dict[str, core.Archive | core.File]:
        probabilities = "cross_validated_predicted_probabilities/cifar10_test_set_pyx.npy"
        labels = "original_test_labels/cifar10_test_set_original_labels.npy"
        files = {
            "cifar10": core.Archive(_CIFAR10, "cifar-10-batches-py"),
            "human_counts": core.File(_CIFAR10H + "cifar10h-counts.npy"),
            "human_probs": core.File(_CIFAR10H + "cifar10h-probs.npy"),
            "noisy_labels": core.File(_CIFAR10N + "data/CIFAR-10_human.pt"),
            "workers": core.File(_CIFAR10N + "side_info_cifar10N.csv"),
            "train_duplicates": core.File(_CIFAIR + "meta/duplicates_cifar10.csv"),
            "test_duplicates": core.File(_CIFAIR + "meta/duplicates_cifar10_test.csv"),
            "label_errors": core.File(_LABEL_ERRORS + "mturk/cifar10_mturk.json"),
            "given_labels": core.File(_LABEL_ERRORS + labels),
            "cv_pred_probs": core.File(_LABEL_ERRORS + probabilities),
        }
        if self.base_config_name == "raw_votes":
            files["votes"] = core.File(_CIFAR10H + "cifar10h-raw.zip", root="cifar10h-raw.csv")
        if self.base_config_name == "cifair":
            files["cifair"] = core.File(_CIFAIR + "cifair-10/test_batch")
        return files

    def member_digests(self, file: str) -> dict[str, str]:
        if file != "cifar10":
            return {}
        return {row["member"]: row["md5"] for row in self.read_facts("members.tsv")}

    def _split_generators(self, dl_manager):
        files = self.fetch(dl_manager)
        piece = _Piece(files.pop("cifar10"), files)
        return core.by_split(annotations.SPLITS, [piece], self._generate_examples)

    def _generate_examples(self, piece: _Piece) -> Iterator[core.Rows]:
        """Yields the images, many at a time."""
        facts = {row["fact"]: int(row["value"]) for row in self.read_facts("facts.tsv")}
        labels, columns = annotations.read(
            piece.files, self.expected_counts, facts["human_majority_is_label"]
        )
        if "votes" in piece.files:
            columns["train"] |= annotations.no_votes(labels["train"])
            columns["test"] |= annotations.read_votes(piece.files["votes"], labels["test"])
        missing = self.member_digests("cifar10")
        for member in piece.batches.members():
            with core.located(piece.batches, member.name, _REMEDY):
                if member.name not in missing:
                    raise ValueError("not one of CIFAR-10's files")
                content = member.read()
                if hashlib.md5(content, usedforsecurity=False).hexdigest() != missing.pop(
                    member.name
                ):
                    raise ValueError("altered: its md5 is not that of the published file")
                if member.name == "batches.meta":
                    _check_names(content)
                if member.name not in _BATCHES:
                    continue
                split, number = _BATCHES[member.name]
                count = self._batch_size(split)
                first = count * max(0, number - 1)
                batch = cifar_batch.parse(content, count=count)
                _check_labels(batch.labels, labels[split][first : first + count])
                self._check_anchors(batch.rows, split, first)
                known = _batch_columns(batch, split, number, first)
            images = batch.images
            for name, column in columns[split].items():
                known[name] = column[first : first + count]
            if "cifair" in piece.files:
                known |= _cifair_columns(piece.files["cifair"], split, images, batch.labels)
            for start in range(0, count, _BLOCK):
                block = slice(start, min(start + _BLOCK, count))
                rows = {name: column[block] for name, column in known.items()}
                rows["image"] = images[block]
                yield core.Rows(split, range(first + block.start, first + block.stop), rows)
        absent = [name for name in _BATCHES if name in missing]
        self.check_complete(piece.batches, "", absent, "batches")

    def _batch_size(self, split: str) -> int:
        batches = [name for name, (in_split, _) in _BATCHES.items() if in_split == split]
        return self.expected_counts[split] // len(batches)

    def _check_anchors(self, rows: np.ndarray, split: str, first: int) -> None:
        """Raises if one of the images whose digests are known is another one."""
        for anchor in self.read_facts("anchors.tsv"):
            i = int(anchor["index"]) - first
            if anchor["split"] == split and 0 <= i < len(rows):
                if hashlib.sha256(rows[i].tobytes()).hexdigest() != anchor["sha256"]:
                    raise ValueError(f"row {i:,}: another image than in the published file")


# ---------------------------------------------------------------------------- records to examples


def _batch_columns(batch: cifar_batch.Batch, split: str, number: int, first: int) -> dict[str, Any]:
    """What a batch tells of its images."""
    count = len(batch.labels)
    if len(batch.file_names) != count:
        raise ValueError("the batch has no file names")
    return {
        "id": [f"{split}_{i:05d}" for i in range(first, first + count)],
        "label": batch.labels,
        "filename": batch.file_names,
        "keyword": [_keyword(name) for name in batch.file_names],
        "batch": np.full(count, number, np.int32),
        "batch_index": np.arange(count, dtype=np.int32),
        "index": np.arange(first, first + count, dtype=np.int32),
    }


def _keyword(file_name: str) -> str:
    """The WordNet word that an image was searched with: tabby_cat of tabby_cat_s_000001.png."""
    stem = file_name.removesuffix(".png")
    return stem.rpartition("_s_")[0] or stem


def _cifair_columns(
    file: core.Content, split: str, images: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """ciFAIR's images beside those of a batch; its training images are CIFAR-10's."""
    if split == "train":
        never = np.zeros(len(labels), np.bool_)
        return {"cifair_image": images, "cifair_label": labels, "cifair_replaced": never}
    with core.located(file, "", "Get the file again from its publisher."):
        fair = cifar_batch.parse(file.read(), count=len(labels))
        replaced = (fair.images != images).any(axis=(1, 2, 3))
        if 2 * replaced.sum() > len(replaced):
            raise ValueError(
                f"{replaced.sum():,} of {len(replaced):,} images are not CIFAR-10's: the rows are"
                " in another order"
            )
    return {"cifair_image": fair.images, "cifair_label": fair.labels, "cifair_replaced": replaced}


def _check_names(content: bytes) -> None:
    names = safe_pickle.load_dict(content).get("label_names")
    if names not in (_CLASSES, [name.encode() for name in _CLASSES]):
        raise ValueError("other classes than CIFAR-10's, or in another order")


def _check_labels(found: np.ndarray, expected: np.ndarray) -> None:
    differs = np.flatnonzero(found != expected)
    if len(differs):
        row = int(differs[0])
        raise ValueError(
            f"row {row:,}: label {found[row]} here, and {expected[row]} in what is joined to it"
        )


# ------------------------------------------------------------------------------------------ features


def _class(doc: str) -> tfds.features.ClassLabel:
    return tfds.features.ClassLabel(names=_CLASSES, doc=doc)


def _number(doc: str, dtype: type = np.int32) -> tfds.features.Scalar:
    return tfds.features.Scalar(dtype, doc=doc)


def _shares(doc: str) -> tfds.features.Tensor:
    # Without the encoding TFDS would store float32.
    return tfds.features.Tensor(shape=(10,), dtype=np.float64, encoding="bytes", doc=doc)


def _cifar10_features() -> dict[str, Any]:
    return {
        "id": tfds.features.Text(
            doc="train_00000 to train_49999, test_00000 to test_09999, as in TFDS's cifar10."
        ),
        "image": features.PixelImage(
            shape=_SHAPE, doc="The image, 32 x 32 pixels in red, green and blue from 0 to 255."
        ),
        "label": _class("What it shows, as published with CIFAR-10."),
        "filename": tfds.features.Text(
            doc="Name of the file that the image was, such as tabby_cat_s_000001.png."
        ),
        "keyword": tfds.features.Text(
            doc="What the image was searched with, a finer class than the label: `filename`"
            " without its number."
        ),
        "batch": _number("Published batch: 1-5 of the training images, 0 for the test images."),
        "batch_index": _number("Row in the batch, 0-9999."),
        "index": _number("Row in the split, 0-49999 or 0-9999."),
    }


def _cifair_features() -> dict[str, Any]:
    return {
        "cifair_image": features.PixelImage(
            shape=_SHAPE,
            doc="The image of ciFAIR-10 in the same row: another one where `cifair_replaced`, else"
            " the same as `image`, as it always is in train.",
        ),
        "cifair_label": _class("What `cifair_image` shows."),
        "cifair_replaced": _number("Whether `cifair_image` is another image.", np.bool_),
    }


def _human_features() -> dict[str, Any]:
    return {
        "human_counts": tfds.features.Tensor(
            shape=(10,),
            dtype=np.int32,
            doc="CIFAR-10H: how many people chose each class, in its order. All 0 in train.",
        ),
        "human_probs": _shares(
            "CIFAR-10H: the same as published shares, float64, sum 1. All NaN in train."
        ),
        "human_total": _number("CIFAR-10H: how many people chose, 47-63. 0 in train."),
    }


def _vote_features() -> dict[str, Any]:
    def of_each_vote(feature: Any, doc: str) -> tfds.features.Sequence:
        return tfds.features.Sequence(feature, doc=f"{doc} Empty in train.")

    return {
        "human_labels": of_each_vote(
            tfds.features.ClassLabel(names=_CLASSES),
            "CIFAR-10H: the class that each person chose, in the order of the published table. 3,200"
            " more votes in all than in `human_counts`, which leaves some people out.",
        ),
        "annotator_ids": of_each_vote(np.int32, "Who chose; parallel to `human_labels`."),
        "trial_indices": of_each_vote(
            np.int32, "Which of that person's trials it was; parallel to `human_labels`."
        ),
        "reaction_times": of_each_vote(
            np.float32,
            "Milliseconds until the choice; parallel to `human_labels`. A few are negative, as"
            " published.",
        ),
        "times_elapsed": of_each_vote(
            np.float32, "Milliseconds since that person began; parallel to `human_labels`."
        ),
        "subcategory": tfds.features.Text(
            doc="CIFAR-10H: finer class of the image as in the table of votes. Empty in train."
        ),
        "soft_label": tfds.features.Tensor(
            shape=(10,),
            dtype=np.float32,
            doc="Share of each class among `human_labels`; in train 1 for `label`. As in TFDS's"
            " cifar10_h; the published shares are `human_probs`.",
        ),
    }


def _noisy_features() -> dict[str, Any]:
    docs = {
        "aggre_label": "the class that most of the three workers chose, one of the three if they"
        " all differ",
        "worse_label": "a wrong one of the three workers' classes if there is one",
        **{f"random_label{i}": f"choice {i} of the three" for i in annotations.WORKERS},
    }
    by_worker = {}
    for i in annotations.WORKERS:
        by_worker[f"worker{i}_id"] = _number(
            f"CIFAR-10N: worker {i} of the ten images, 0-746. The publisher does not say that this is"
            f" who gave `random_label{i}`. -1 in test."
        )
        by_worker[f"worker{i}_time"] = _number(
            f"CIFAR-10N: seconds that worker {i} took for the ten images. -1 in test.", np.float32
        )
    return {
        **{name: _class(f"CIFAR-10N: {docs[name]}. -1 in test.") for name in docs},
        "annotation_batch": _number(
            "CIFAR-10N: number of the ten images that were labelled together. -1 in test."
        ),
        **by_worker,
    }


def _checked_features() -> dict[str, Any]:
    return {
        "duplicates": tfds.features.Sequence(
            {
                "split": tfds.features.ClassLabel(
                    names=annotations.SPLITS, doc="Split of the other image."
                ),
                "index": _number("Row of the other image in its split."),
                "distance": _number("In the feature space of a network, no unit.", np.float32),
                "judgment": tfds.features.ClassLabel(
                    names=annotations.JUDGMENTS, doc="What a person thinks of the two."
                ),
            },
            doc="ciFAIR: other images that show nearly the same. Pairs of a test image and any other"
            " were looked for; each is listed with both of its images.",
        ),
        "label_error": {
            "candidate": _number(
                "Whether cleanlab's model doubted the label, so that five people were asked. Only"
                " test images were looked at.",
                np.bool_,
            ),
            "guessed_label": _class("The class that the model guessed, -1 if not a candidate."),
            "votes_given": _number("People of five who chose `label`, -1 if not a candidate."),
            "votes_guessed": _number("Who chose `guessed_label`, -1 if not a candidate."),
            "votes_neither": _number("Who chose neither of them, -1 if not a candidate."),
            "votes_both": _number("Who chose both of them, -1 if not a candidate."),
            "is_error": _number(
                "Whether it is a candidate, and fewer than three chose `label` alone.", np.bool_
            ),
            "corrected_label": _class("`guessed_label` if three or more chose it alone, else -1."),
        },
        "cv_pred_probs": _shares(
            "Probability of each class by the model that cleanlab trained in cross-validation,"
            " float64. All NaN in train."
        ),
    }
