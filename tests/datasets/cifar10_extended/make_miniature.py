"""Makes dummy_data/cifar10_extended: ten drawn images a batch, and made-up votes on them.

The classes have colours of their own, so that a model learns something from them. Run it as a script after a
change: `python tests/datasets/cifar10_extended/make_miniature.py`.
"""

from __future__ import annotations

import hashlib
import io
import json
import pathlib
import pickle
import struct
import sys
import zipfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

_GITHUB = "https://raw.githubusercontent.com/"
_CIFAR10H = _GITHUB + "jcpeterson/cifar-10h/48da312b193b82e6939ec20f23d1f09cbdd849c8/data/"
_CIFAR10N = _GITHUB + "UCSC-REAL/cifar-10-100n/49df7d8a69e355470c77c1c2f2424916325a394b/"
_CIFAIR = _GITHUB + "cvjena/cifair/4c2764277f5fda8fec6784a78c1818eab13236c5/"
_LABEL_ERRORS = _GITHUB + "cleanlab/label-errors/6d5d6b31a13216290afc40e5c6319399c4d15c06/"
_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
_KEYWORDS = "plane wagon finch tabby_cat elk pug toad pony barge dump_truck".split()
_BATCH = 10
_TRAIN, _TEST = 5 * _BATCH, _BATCH
_REPLACED = 3  # A duplicate among the test images.


def python2_pickle(value: object) -> bytes:
    """A pickle as Python 2 writes it: protocol 2, text and bytes both as `str`.

    Args:
      value: A dict, list, str, bytes, int or array of uint8.
    """
    return b"\x80\x02" + _python2(value) + b"."


def _python2(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        shape = b"(" + b"".join(map(_python2, value.shape)) + b"t"
        dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        return empty + b"(K\x01" + shape + dtype + b"\x89" + _python2(value.tobytes()) + b"tb"
    if isinstance(value, dict):
        return b"}(" + b"".join(_python2(k) + _python2(v) for k, v in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(_python2, value)) + b"e"
    if isinstance(value, int):
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)
    content = value.encode() if isinstance(value, str) else value
    if len(content) < 256:
        return b"U" + bytes([len(content)]) + content
    return b"T" + struct.pack("<i", len(content)) + content


def torch_file(value: dict[str, np.ndarray]) -> bytes:
    """A dict of arrays as `torch.save` writes it: a zip of a pickle and a version, stored."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as stored:
        pickled = pickle.dumps(value, protocol=2)
        # From NumPy 2 on the module has another name.
        pickled = pickled.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        for name, content in (("data.pkl", pickled), ("version", b"3\n")):
            stored.writestr(zipfile.ZipInfo(f"archive/{name}"), content)
    return archive.getvalue()


def labels(split: str) -> np.ndarray:
    """The classes of a split: all of them in train; in test the last image shows what the first does."""
    if split == "train":
        return np.arange(_TRAIN) * 7 % 10
    return (np.arange(_TEST) % (_TEST - 1) * 7 + 1) % 10


_DRAWINGS = [
    drawing.split()
    for drawing in (
        "....#..... ....##.... .#..###... ########## .#..###... ....##.... ....#..... ..........",
        ".......... ...#####.. ..#...#.#. .######### ########## ########## .##....##. ..........",
        ".......... .##....... ###....... .#######.. ..######## ...####... ....#..... ...##.....",
        "#..#...... ####...... #..#...... ####....## .#######.# .#######.. .##..##... .#...#....",
        "#.#.#.#... .#####.... ..###..... ..##....#. ..#######. ..#######. ..#....#.. ..#....#..",
        ".......... ##........ ####.....# ##.#####.# ...######. ...######. ...#...#.. ...#...#..",
        ".......... .##....##. .##.##.##. .########. ########## ##.####.## #.######.# ##......##",
        "..#....... .##....... ####...... ##.####### ...#####.# ...#####.# ...#...#.. ...#...#..",
        "....#..... ....##.... ....###... ....####.. ....#..... ########## .########. ..######..",
        ".......... ######.... ######.##. ######.#.# ########## ########## .##....##. ..........",
    )
]  # An airplane, an automobile, a bird, a cat, and so on.


def _pixels(split: str) -> np.ndarray:
    """Rows of 1,024 red, 1,024 green and 1,024 blue values."""
    rows = []
    for i, label in enumerate(labels(split)):
        color = np.array([25 * label, 250 - 25 * label, 80 * (label % 4)], np.uint8)
        image = np.empty((3, 32, 32), np.uint8)
        image[:] = (155 + color // 3)[:, None, None]
        image[:, 4:28, 2:32][:, miniature_files.scaled(_DRAWINGS[label], 24, 30)] = (
            color[:, None] // 2
        )
        image[:, 30:] = i  # No two are the same.
        image[:, :, 0] = 255  # So that left and right, and up and down, differ.
        rows.append(image.ravel())
    return np.stack(rows)


def _members() -> dict[str, bytes]:
    files = {
        "batches.meta": python2_pickle(
            {"num_cases_per_batch": _BATCH, "label_names": _CLASSES, "num_vis": 3072}
        ),
        "readme.html": b"<p>A miniature of CIFAR-10: drawings.</p>\n",
        "test_batch": _batch("testing batch 1 of 1", "test", 0),
    }
    for i in range(5):
        files[f"data_batch_{i + 1}"] = _batch(f"training batch {i + 1} of 5", "train", i)
    return files


def _batch(title: str, split: str, number: int) -> bytes:
    rows = slice(number * _BATCH, (number + 1) * _BATCH)
    classes = labels(split)[rows].tolist()
    names = [f"{_KEYWORDS[c]}_s_{i + rows.start:06d}.png" for i, c in enumerate(classes)]
    content = {"batch_label": title, "labels": classes, "data": _pixels(split)[rows]}
    return python2_pickle({**content, "filenames": names})


def _fair_test_batch() -> bytes:
    """ciFAIR's has no file names, and was written by Python 3."""
    pixels = _pixels("test")
    pixels[_REPLACED] ^= 0x55
    content = {"labels": labels("test").tolist(), "data": pixels}
    pickled = pickle.dumps(content, protocol=3)
    return pickled.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def _votes() -> list[tuple[int, int, int, int, float]]:
    """Annotator, trial, image (-99999 for attention checks), class and reaction time of votes."""
    votes = []
    for annotator in range(4):
        for trial in range(_TEST):
            image = (trial * 3 + annotator) % _TEST
            choice = int(labels("test")[image])
            if annotator == 3 and image % 3 == 0:
                choice = (choice + 1) % 10
            if image == 9 and annotator > 0:
                choice = 2  # Most people see something else than the label.
            votes.append((annotator, trial, image, choice, 1000.5 + 13 * trial + annotator))
        votes.append((annotator, _TEST, -99999, 1, 900.0))
    votes[5] = (*votes[5][:4], -12.0)  # A few are negative.
    return votes


def _votes_csv() -> bytes:
    header = (
        "annotator_id,trial_index,is_attn_check,true_category,chosen_category,true_label,chosen_label,"
        "correct_guess,cifar10_test_test_idx,image_filename,subcategory,reaction_time,time_elapsed"
    )
    lines = [header]
    for annotator, trial, image, choice, reaction in _votes():
        true = int(labels("test")[image]) if image >= 0 else 1
        name = f"{_KEYWORDS[true]}_s_{max(image, 0):06d}.png"
        lines.append(
            f"{annotator},{trial},{int(image < 0)},{_CLASSES[true]},{_CLASSES[choice]},{true},{choice},"
            f"{int(true == choice)},{image},{name},{_KEYWORDS[true]},{reaction},{2000 * (trial + 1)}"
        )
    return "\n".join([*lines, ""]).encode()


def _votes_zip() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        member = zipfile.ZipInfo("cifar10h-raw.csv")
        member.compress_type = zipfile.ZIP_DEFLATED
        packed.writestr(member, _votes_csv())
    return archive.getvalue()


def _human_counts() -> np.ndarray:
    """The votes of all but one annotator, whom the publisher left out."""
    counts = np.zeros((_TEST, 10), np.int64)
    for annotator, _, image, choice, _ in _votes():
        if image >= 0 and annotator != 2:
            counts[image, choice] += 1
    return counts


def _noisy_labels() -> dict[str, np.ndarray]:
    clean = labels("train")
    chosen = [np.where(np.arange(_TRAIN) % n == 0, (clean + n) % 10, clean) for n in (3, 4, 5)]
    worse, aggre = clean.copy(), clean.copy()
    for i, three in enumerate(zip(*chosen)):
        wrong = [c for c in three if c != clean[i]]
        worse[i] = wrong[0] if wrong else clean[i]
        aggre[i] = max(three, key=three.count)
    named = {f"random_label{i + 1}": noisy for i, noisy in enumerate(chosen)}
    return {"clean_label": clean, "aggre_label": aggre, "worse_label": worse, **named}


def _workers_csv() -> bytes:
    header = "Image-batch,Worker1-id,Work-time-in-seconds-1,Worker2-id,Work-time-in-seconds-2,Worker3-id,Work-time-in-seconds-3"  # fmt: skip
    lines = [header]
    for i in range(_TRAIN // 10):
        lines.append(f"{10 * i}--{10 * i + 9},{i},{20 + i},{i + 1},{30 + i},{i + 2},{40 + i}")
    return "\r\n".join(lines).encode()  # Without a line end at the end of the file.


def _duplicates_csv(split: str) -> bytes:
    lines = ["TestID,TrainID,Distance,Judgment"]
    if split == "test":
        lines.append(f"0,{_TEST - 1},0.15625,0")
    else:
        # Train images are paired with a test image of their class.
        for test, distance, judgment in ((_REPLACED, 0.0625, 1), (8, 0.21875, 2), (8, 0.25, 1)):
            same = np.flatnonzero(labels("train") == labels("test")[test])
            lines.append(f"{test},{same[judgment]},{distance},{judgment}")
    return "\r\n".join([*lines, ""]).encode()


def _label_errors() -> bytes:
    entries = []
    for row, votes in ((2, (3, 0, 0, 2)), (5, (1, 3, 1, 0)), (9, (0, 2, 2, 1))):
        given, guessed = int(labels("test")[row]), int(labels("test")[row] + 1) % 10
        entries.append(
            {
                "id": row,
                "url": f"https://example.org/{row}.png",
                "given_original_label": given,
                "given_original_label_name": _CLASSES[given],
                "our_guessed_label": guessed,
                "our_guessed_label_name": _CLASSES[guessed],
                "mturk": dict(zip(("given", "guessed", "neither", "both"), votes)),
            }
        )
    return json.dumps(entries, indent=2).encode()


def _predicted() -> np.ndarray:
    scores = np.full((_TEST, 10), 1 / 3 / 16)
    scores[np.arange(_TEST), labels("test")] = 1 - 9 / 3 / 16
    return scores


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    members, counts = _members(), _human_counts()
    errors, probabilities = (
        "original_test_labels/cifar10_test_set_original_labels.npy",
        "cross_validated_predicted_probabilities/cifar10_test_set_pyx.npy",
    )
    contents = {
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz": miniature_files.tar_gz(
            {f"cifar-10-batches-py/{name}": content for name, content in members.items()}
        ),
        _CIFAR10H + "cifar10h-counts.npy": miniature_files.npy(counts),
        _CIFAR10H + "cifar10h-probs.npy": miniature_files.npy(
            counts / counts.sum(axis=1, keepdims=True)
        ),
        _CIFAR10H + "cifar10h-raw.zip": _votes_zip(),
        _CIFAR10N + "data/CIFAR-10_human.pt": torch_file(_noisy_labels()),
        _CIFAR10N + "side_info_cifar10N.csv": _workers_csv(),
        _CIFAIR + "meta/duplicates_cifar10.csv": _duplicates_csv("train"),
        _CIFAIR + "meta/duplicates_cifar10_test.csv": _duplicates_csv("test"),
        _CIFAIR + "cifair-10/test_batch": _fair_test_batch(),
        _LABEL_ERRORS + "mturk/cifar10_mturk.json": _label_errors(),
        _LABEL_ERRORS + errors: miniature_files.npy(labels("test").astype(np.uint16)),
        _LABEL_ERRORS + probabilities: miniature_files.npy(_predicted()),
    }
    miniature_files.write_files(
        folder, {url: (url.split("/")[-1], content) for url, content in contents.items()}
    )
    configs = ("default", "raw_votes", "cifair")
    rows = [(c, s, n) for c in configs for s, n in (("train", _TRAIN), ("test", _TEST))]
    miniature_files.write_table(folder / "counts.tsv", ["config", "split", "examples"], rows)
    agree = int((counts.argmax(axis=1) == labels("test")).sum())
    miniature_files.write_table(
        folder / "facts.tsv", ["fact", "value"], [("human_majority_is_label", agree)]
    )
    miniature_files.write_table(
        folder / "members.tsv",
        ["member", "md5"],
        [(name, hashlib.md5(content).hexdigest()) for name, content in members.items()],
    )
    anchors = [
        (split, i, hashlib.sha256(_pixels(split)[i].tobytes()).hexdigest())
        for split, i in (("train", 0), ("train", 20), ("test", 0), ("test", 1))
    ]
    miniature_files.write_table(folder / "anchors.tsv", ["split", "index", "sha256"], anchors)


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "cifar10_extended")
