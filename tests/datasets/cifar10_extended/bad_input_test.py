"""CIFAR-10, extended: every kind of damage ends in one clear error, and in nothing that can be loaded."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import pathlib
import pickle
import shutil
import tarfile
import zipfile

import miniature_files
import miniature_scripts
import numpy as np
import preparing
import pytest
import tampering
import tensorflow_datasets as tfds

from tfds_extra import registry

_NAME = "cifar10_extended"
_ARCHIVE = "cifar-10-python.tar.gz"
_ROOT = "cifar-10-batches-py"


_MADE = miniature_scripts.load(_NAME)


class Miniature(tampering.Miniature):
    """A copy of the miniature whose files can be tampered with."""

    NAME = _NAME

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        super().__init__(folder, monkeypatch)
        with tarfile.open(folder / _ARCHIVE) as tar:
            self.members = {
                m.name.removeprefix(f"{_ROOT}/"): tar.extractfile(m).read()
                for m in tar
                if m.isfile()
            }

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def write_members(self, *, vouch: bool = True) -> None:
        """Writes the archive; with `vouch`, the miniature's facts vouch for its members."""
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            for name, content in self.members.items():
                member = tarfile.TarInfo(f"{_ROOT}/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        self.write_vouched(_ARCHIVE, gzip.compress(plain.getvalue(), mtime=0))
        if vouch:
            rows = [line.split("\t") for line in self.read("members.tsv").decode().splitlines()]
            for row in rows:
                if row[0] in self.members:
                    row[1] = hashlib.md5(self.members[row[0]]).hexdigest()
            table = "".join("\t".join(row) + "\n" for row in rows)
            (self.folder / "members.tsv").write_text(table)

    def batch(self, name: str) -> dict:
        return pickle.loads(self.members[name], encoding="latin1")


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "mini", monkeypatch)


@pytest.fixture
def refused(data_dir):
    """Prepares a config, which has to be refused with an error that says all of the words."""

    def check(*words: str, config: str = "default", **kwargs):
        tampering.prepare_refused(f"{_NAME}/{config}", data_dir, *words, **kwargs)

    return check


def test_untouched_copy_is_prepared(miniature, tmp_path):
    miniature.write_members()
    builder = tfds.builder(_NAME, data_dir=tmp_path / "data", miniature=True)
    builder.download_and_prepare()
    assert builder.info.splits["train"].num_examples == 50


class _Call:
    def __init__(self, function, *args):
        self._call = function, args

    def __reduce__(self):
        return self._call


def test_hostile_batch(miniature, refused, tmp_path):
    trace = tmp_path / "trace"
    evil = _Call(os.system, f"touch {trace}")
    miniature.members["data_batch_2"] = pickle.dumps({"data": evil}, protocol=2)
    miniature.write_members()
    refused(_ARCHIVE, "data_batch_2", "system, which is refused", "Get the published archive again")
    assert not trace.exists()


def test_hostile_torch_file(miniature, refused, tmp_path):
    trace = tmp_path / "trace"
    call = f"open({str(trace)!r}, 'w')"
    miniature.write_vouched(
        "CIFAR-10_human.pt", _MADE.torch_file({"clean_label": _Call(eval, call)})
    )
    refused("CIFAR-10_human.pt", "eval, which is refused")
    assert not trace.exists()


def test_hostile_fair_images(miniature, refused, tmp_path):
    evil = pickle.dumps(_Call(os.mkdir, str(tmp_path / "trace")))
    miniature.write_vouched("test_batch", evil)
    refused("test_batch", "refused", config="cifair")
    assert not (tmp_path / "trace").exists()


def test_wrong_digest(miniature, refused):
    (miniature.folder / "cifar10h-probs.npy").write_bytes(b"x")
    error = tfds.download.download_manager.NonMatchingChecksumError
    refused("cifar10h-probs.npy", "it is another file", error=error)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_archive(miniature, refused, share):
    content = miniature.read(_ARCHIVE)
    miniature.write_vouched(_ARCHIVE, content[: int(len(content) * share)])
    refused(_ARCHIVE, error=ValueError)


def _changed_batch(change):
    def alter(miniature):
        batch = miniature.batch("data_batch_3")
        change(batch)
        miniature.members["data_batch_3"] = _MADE.python2_pickle(batch)

    return alter


def _swap_images(batch):
    batch["data"] = batch["data"][::-1].copy()


def _swap_rows(batch):
    _swap_images(batch)
    batch["labels"] = batch["labels"][::-1]


def _drop(name):
    return lambda miniature: miniature.members.pop(name)


def _add(name):
    return lambda miniature: miniature.members.update({name: b"x"})


@pytest.mark.parametrize(
    "alter, words",
    [
        (_changed_batch(_swap_images), ("data_batch_3: row 0: another image than",)),
        (_changed_batch(_swap_rows), ("data_batch_3: row 0: label 3 here, and 0 in what is",)),
        (_changed_batch(lambda b: b.pop("filenames")), ("data_batch_3", "no file names")),
        (_changed_batch(lambda b: b.pop("labels")), ("data_batch_3: labels: not a list of 10",)),
        (_changed_batch(lambda b: b["labels"].pop()), ("data_batch_3: labels: not a list of 10",)),
        (_changed_batch(lambda b: b.update(data=b["data"][:9])), ("uint8 of shape (9, 3072)",)),
        (_drop("data_batch_4"), ("1 published batches are missing, the first is data_batch_4",)),
        (_drop("test_batch"), ("batches are missing, the first is test_batch", "--partial")),
        (_add("data_batch_6"), ("data_batch_6: it is not one of the published files",)),
        (_add("sub/data_batch_1"), ("sub/data_batch_1: it is not one of the published files",)),
        (
            lambda m: m.members.update({"batches.meta": _MADE.python2_pickle({"label_names": []})}),
            ("batches.meta: other classes than CIFAR-10's",),
        ),
    ],
)
def test_bad_archive(miniature, refused, alter, words):
    alter(miniature)
    miniature.write_members()
    refused(_ARCHIVE, *words)


def test_altered_batch(miniature, refused):
    miniature.members["data_batch_5"] += b"\0"
    miniature.write_members(vouch=False)
    refused(_ARCHIVE, "data_batch_5: altered: its md5")


def test_altered_batch_in_an_extracted_folder(refused, tmp_path):
    folder = tmp_path / "manual" / _ROOT
    folder.mkdir(parents=True)
    (folder / "data_batch_1").write_bytes(pickle.dumps({}, protocol=2))
    mini = registry.builder_cls(_NAME).miniature_dir()
    builder = tfds.builder(_NAME, data_dir=tmp_path / "data", partial=True)
    rows = builder.url_infos.values()
    assert {row.filename for row in rows} <= {path.name for path in mini.iterdir()}
    for row in rows:
        if row.filename != _ARCHIVE:
            shutil.copy(mini / row.filename, tmp_path / "manual")
    # The other files of the miniature are not the published ones.
    error = tfds.download.download_manager.NonMatchingChecksumError
    refused("it is another file", partial=True, manual_dir=tmp_path / "manual", error=error)


def _npy(array: np.ndarray) -> bytes:
    return miniature_files.npy(array)


_COUNTS = _MADE._human_counts()
_NOISY = _MADE._noisy_labels()


def _line(old: bytes, new: bytes):
    return lambda content: content.replace(old, new, 1)


def _entry(number: int, **changes):
    def alter(content: bytes) -> bytes:
        entries = json.loads(content)
        entries[number].update(changes)
        return json.dumps(entries).encode()

    return alter


@pytest.mark.parametrize(
    "name, alter, problem",
    [
        # Rows in another order, or of another corpus.
        ("cifar10h-counts.npy", lambda c: _npy(_COUNTS[::-1]), "label of 1 images, and of 9 in"),
        ("cifar10h-counts.npy", lambda c: _npy(_COUNTS[:9]), "9 rows, expected 10"),
        ("cifar10h-counts.npy", lambda c: _npy(_COUNTS * 1.0), "it holds float64"),
        ("cifar10h-counts.npy", lambda c: _npy(_COUNTS * 0), "row 0: no votes at all"),
        ("cifar10h-counts.npy", lambda c: _npy(_COUNTS - 1), "row 0: fewer than no votes"),
        ("cifar10h-counts.npy", lambda c: c[:-1], "the file ends here"),
        ("cifar10h-probs.npy", lambda c: _npy(_COUNTS / 4), "row 0: not the shares of the votes"),
        ("cifar10_test_set_pyx.npy", lambda c: _npy(np.zeros((10, 9))), "of shape (10, 9)"),
        ("cifar10_test_set_original_labels.npy", lambda c: _npy(np.full(10, 10, np.uint16)), "label: not all of them are numbers from 0 to 9"),
        ("CIFAR-10_human.pt", lambda c: c[:100], "no file of torch.save"),
        ("CIFAR-10_human.pt", lambda c: _MADE.torch_file({"clean_label": np.arange(3)}), "clean_label: not int64 labels of 50 images"),
        ("CIFAR-10_human.pt", lambda c: _MADE.torch_file(_NOISY | {"worse_label": _NOISY["worse_label"] + 5}), "worse_label: not all of them"),
        ("side_info_cifar10N.csv", _line(b"10--19", b"20--29"), "line 3: images 20--29, expected those from 10 on"),
        ("side_info_cifar10N.csv", _line(b"10--19,1,", b"10--19,x,"), "line 3: 'x' is no whole number"),
        ("side_info_cifar10N.csv", _line(b"10--19,1,", b"10--19,"), "line 3: 6 cells, expected 7"),
        ("side_info_cifar10N.csv", _line(b"Image-batch", b"Batch"), "line 1: not the header"),
        ("side_info_cifar10N.csv", lambda c: c[: c.index(b"40--49") - 2], "40 images, expected 50"),
        ("duplicates_cifar10.csv", _line(b"\r\n3,", b"\r\n4,"), "line 2: the two images have different labels"),
        ("duplicates_cifar10.csv", _line(b"\r\n3,", b"\r\n10,"), "line 2: no such image or judgment"),
        ("duplicates_cifar10.csv", _line(b"0.0625", b"near"), "line 2: 'near' is no distance"),
        ("duplicates_cifar10_test.csv", _line(b"0,9,", b"0,-9,"), "line 2: '-9' is no whole number"),
        ("duplicates_cifar10_test.csv", lambda c: b"\xff" + c, "codec can't decode"),
        ("cifar10_mturk.json", _entry(1, id=10), "entry 1: row 10 with label"),
        ("cifar10_mturk.json", _entry(1, id=2), "entry 1: row 2 with label"),
        ("cifar10_mturk.json", _entry(1, our_guessed_label=10), "our_guessed_label of id 5: not all"),
        ("cifar10_mturk.json", _entry(2, mturk={"given": 5}), "entry 2: not a candidate"),
        ("cifar10_mturk.json", lambda c: b"[" * 100_000, "not a list of candidates"),
        ("cifar10_mturk.json", lambda c: b"404: Not Found", "cifar10_mturk.json: "),
    ],
)  # fmt: skip
def test_bad_annotations(miniature, refused, name, alter, problem):
    miniature.write_vouched(name, alter(miniature.read(name)))
    refused(name, problem, "Get the file again from its publisher")


def _zipped(content: bytes, name: str = "cifar10h-raw.csv") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


_VOTES = _MADE._votes_csv()
_VOTES_BUT_OF_4 = b"\n".join(line for line in _VOTES.split(b"\n") if b"_000004.png" not in line)


@pytest.mark.parametrize(
    "content, problem",
    [
        (_zipped(_VOTES, "other.csv"), "the zip has no such file"),
        (_zipped(_VOTES)[:300], "cifar10h-raw.zip"),
        (_zipped(_VOTES.replace(b"cifar10_test_test_idx", b"idx")), "cifar10_test_test_idx"),
        (_zipped(_VOTES.replace(b"\n0,1,", b"\n0,x,")), "invalid value 'x'"),
        (_zipped(_VOTES.replace(b"\n0,1,", b"\n0,,")), "trial_index: not a number in every line"),
        (_zipped(_VOTES.replace(b"\n0,1,", b"\n0,1,1,")), "Expected 13 columns, got 14"),
        (_zipped(_VOTES.replace(b",-99999,", b",10,")), "a vote on none of 10 images"),
        (_zipped(_VOTES.replace(b",1,1,1,0,", b",1,1,1,3,")), "image 3: true_label is not the label"),
        (_zipped(_VOTES.replace(b",1,1,1,0,", b",1,10,1,0,")), "chosen_label: not all of them"),
        (_zipped(_VOTES_BUT_OF_4), "image 4: no votes"),
        (_zipped(b""), "cifar10h-raw.csv"),
    ],
)  # fmt: skip
def test_bad_votes(miniature, refused, content, problem):
    miniature.write_vouched("cifar10h-raw.zip", content)
    refused("cifar10h-raw.zip", problem, config="raw_votes")


def test_fair_images_in_another_order(miniature, refused):
    fair = pickle.loads(miniature.read("test_batch"))
    fair["data"] = fair["data"][::-1].copy()
    miniature.write_vouched("test_batch", pickle.dumps(fair, protocol=3))
    refused("test_batch", "10 of 10 images are not CIFAR-10's: the rows are", config="cifair")


def test_partial(miniature, monkeypatch, tmp_path):
    """Who has only some batches can prepare these."""
    manual_dir = tmp_path / "manual"
    (manual_dir / _ROOT).mkdir(parents=True)
    for name in ("data_batch_2", "test_batch"):
        (manual_dir / _ROOT / name).write_bytes(miniature.members[name])
    cls = registry.builder_cls(_NAME)
    for path in miniature.folder.iterdir():
        if path.name != _ARCHIVE:
            shutil.copy(path, manual_dir)
    facts = lambda self, file_name: miniature.folder / file_name  # noqa: E731
    monkeypatch.setattr(cls, "facts_path", facts)
    path = staticmethod(lambda: miniature.folder / "checksums.tsv")
    monkeypatch.setattr(cls, "checksums_path", path)
    builder = preparing.prepared(_NAME, tmp_path / "data", manual_dir, partial=True)
    assert builder.info.metadata["missing"] == {"train": 40, "test": 0}
    rows = tfds.as_numpy(builder.as_dataset(split="train"))
    assert [row["index"] for row in rows] == list(range(10, 20))
