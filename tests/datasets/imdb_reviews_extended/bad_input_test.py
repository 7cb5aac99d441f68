"""IMDB reviews: bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import tarfile

import miniature_files
import miniature_scripts
import numpy as np
import preparing
import pytest
import tampering

_NAME = "imdb_reviews_extended"
_MADE = miniature_scripts.load(_NAME)
_ARCHIVE = "aclImdb_v1.tar.gz"
_CONTENTS = _MADE.contents()


class Miniature(tampering.Miniature):
    """A copy of the miniature whose archive can be tampered with."""

    NAME = _NAME

    def __init__(self, folder, monkeypatch):
        super().__init__(folder, monkeypatch)
        with tarfile.open(folder / _ARCHIVE) as tar:
            self.members = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}

    def write(self, **members: bytes | None) -> None:
        """Changes members, removes those that are None, and has the checksums vouch for it."""
        for name, content in members.items():
            if content is None:
                del self.members[f"aclImdb/{name}"]
            else:
                self.members[f"aclImdb/{name}"] = content
        self.write_vouched(_ARCHIVE, miniature_files.tar_gz(self.members))

    def vouch(self, table: str, old: bytes, new: bytes, kind) -> None:
        """Has a table of facts take other content for the published one."""
        path = self.folder / table
        path.write_text(path.read_text().replace(kind(old), kind(new)))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def gitblob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def refused(data_dir, *parts, config="plain_text"):
    """Prepares a config, which has to be refused."""
    tampering.prepare_refused(f"{_NAME}/{config}", data_dir, *parts)


def test_archive_that_is_cut(miniature, data_dir):
    content = (miniature.folder / _ARCHIVE).read_bytes()
    miniature.write_vouched(_ARCHIVE, content[:-40])
    tampering.prepare_refused(_NAME, data_dir, _ARCHIVE, error=ValueError)


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("train/pos/0_10.txt", b"altered", "train/pos: its 6 reviews are not the 6 published"),
        ("train/unsup/2_0.txt", None, "train/unsup: its 3 reviews are not the 4 published"),
        ("test/neg/9_2.txt", b"one more", "test/neg: its 6 reviews are not the 5 published"),
        ("test/neg/9_7.txt", b"", "7 stars are not neg"),
        ("test/neg/3_1.txt", b"", "test/neg/3_1.txt and test/neg/3_4.txt have the same number"),
        ("test/neg/9_11.txt", b"", "not one of the published files"),
        ("test/neg/09_1.txt", b"", "not one of the published files"),
        ("test/neg/notes.txt", b"", "not one of the published files"),
        ("test/urls_neg.txt", None, "test/urls_neg.txt"),
        ("train/urls_pos.txt", b"http://www.imdb.com\n", "sha256"),
    ],
)
def test_files(miniature, data_dir, name, content, told):
    miniature.write(**{name: content})
    refused(data_dir, _ARCHIVE, told)


@pytest.mark.parametrize(
    "content, told",
    [
        (b"http://www.imdb.com/title/tt0000001/usercomments\n" * 5, "no line 6"),
        (b"http://www.imdb.com/title/tt01/usercomments\n" * 6, "line 1 is not as published"),
        (b"\xff\n" * 6, "train/urls_pos.txt"),
    ],
)
def test_addresses(miniature, data_dir, content, told):
    name = "train/urls_pos.txt"
    miniature.vouch("members.tsv", miniature.members[f"aclImdb/{name}"], content, sha256)
    miniature.write(**{name: content})
    refused(data_dir, _ARCHIVE, name, told)


def test_review_that_is_not_utf_8(miniature, data_dir, monkeypatch):
    name = "test/pos/0_7.txt"
    monkeypatch.setattr(_MADE, "contents", lambda: {**_CONTENTS, name: b"caf\xe9"})
    manifest = _MADE.manifest("test/pos")[2]
    table = miniature.folder / "folders.tsv"
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    rows = [[*row[:2], manifest] if row[0] == "test/pos" else row for row in rows]
    table.write_text("".join("\t".join(row) + "\n" for row in rows))
    miniature.write(**{name: b"caf\xe9"})
    refused(data_dir, _ARCHIVE, name, "utf-8")


_BAGS = "train/labeledBow.feat"


@pytest.mark.parametrize(
    "change, told",
    [
        # The last line is "1 5:3\r\n".
        (lambda bags: bags[: bags.rindex(b"\n1 ") + 1], "train/neg/5_1.txt: no line of"),
        (lambda bags: bags[: bags.rindex(b":")], "train/neg/5_1.txt: no line of"),
        (lambda bags: bags.replace(b"10 ", b"9 ", 1), "with 9 stars, and not with 10"),
        (lambda bags: bags.replace(b"0:2", b"0:0", 1), "a count of 0"),
        (lambda bags: bags.replace(b"0:2", b"5000000000:2", 1), "train/pos/0_10.txt: no line of"),
        (lambda bags: bags.replace(b"0:2", b"0:2 0:2", 1), "not in ascending order"),
        (lambda bags: bags.replace(b"0:2", b"0", 1), "train/pos/0_10.txt: no line of"),
        (lambda bags: bags.replace(b"0:2", b"0:x", 1), "train/pos/0_10.txt: no line of"),
        (lambda bags: bags.replace(b"\n", b"\n\n", 1), "13 lines, for 12 reviews"),
        (lambda bags: bags[bags.index(b"\n") + 1 :], "7 stars, and not with 10"),
        (lambda bags: bags + b"1 5:3\r\n", "13 lines, for 12 reviews"),
        (lambda bags: b"", "train/pos/0_10.txt: no line of"),
    ],
)
def test_bags(miniature, data_dir, change, told):
    old = miniature.members[f"aclImdb/{_BAGS}"]
    new = change(old)
    assert new != old
    miniature.write(**{_BAGS: new})
    refused(data_dir, _ARCHIVE, _BAGS, "git blob", config="bag_of_words")
    # Lines are looked at as well, and not only the digest of the file.
    miniature.vouch("bags.tsv", old, new, gitblob)
    refused(data_dir, _ARCHIVE, told, config="bag_of_words")


def test_words_beyond_the_vocabulary(miniature, data_dir):
    """The miniature has 13 words, so that there is no word 13."""
    old = miniature.members[f"aclImdb/{_BAGS}"]
    new = old.replace(b"1 5:3\r\n", b"1 5:3 13:1\r\n")
    assert new != old
    miniature.write(**{_BAGS: new})
    miniature.vouch("bags.tsv", old, new, gitblob)
    refused(data_dir, "train/neg/5_1.txt", "word 13 of 13", config="bag_of_words")


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("imdb.vocab", b"the\nfilm", "2 words, and 13 ratings"),
        ("imdb.vocab", b"\xff", "imdb.vocab"),
        ("imdbEr.txt", b"0.1\nx\n", "imdbEr.txt: line 2 is not as published"),
        ("imdb.vocab", b"the\nfilm\nthe", "imdb.vocab: a word is there twice"),
    ],
)
def test_vocabulary(miniature, data_dir, name, content, told):
    miniature.vouch("members.tsv", miniature.members[f"aclImdb/{name}"], content, sha256)
    miniature.write(**{name: content})
    refused(data_dir, _ARCHIVE, told, config="vocabulary")


@pytest.mark.parametrize(
    "file, content, told",
    [
        ("imdb_mturk.json", b"{}", "not a list of candidates"),
        ("imdb_mturk.json", b"[1]", "entry 0"),
        ("imdb_mturk.json", json.dumps([{"id": "test/pos/99_9"}]).encode(), "entry 0"),
        ("imdb_mturk.json", b"[", "imdb_mturk.json"),
        ("imdb_test_set_index_to_filename.json", b"[]", "imdb_test_set_original_labels.npy"),
        ("imdb_test_set_index_to_filename.json", b"7", "filename.json: not a list of names"),
        ("imdb_test_set_index_to_filename.json", b"[7]", "filename.json: not a list of names"),
        ("imdb_test_set_index_to_filename.json", b"[" * 100_000, "filename.json: not a list of"),
        ("imdb_mturk.json", b"[" * 100_000, "imdb_mturk.json: not a list of candidates"),
        (
            "imdb_test_set_original_labels.npy",
            miniature_files.npy(np.zeros(10, np.uint16)),
            "imdb_test_set_original_labels.npy",
        ),
        (
            "imdb_test_set_pyx.npy",
            miniature_files.npy(np.zeros((9, 2))),
            "9 rows, expected 10",
        ),
    ],
)
def test_label_errors(miniature, data_dir, file, content, told):
    miniature.write_vouched(file, content)
    refused(data_dir, told, config="label_errors")


def write_part(folder, **files: bytes):
    """An extracted copy with these files alone."""
    for name, content in files.items():
        path = folder / "aclImdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_part_of_reviews_alone(tmp_path, data_dir):
    files = {
        "train/pos/7_9.txt": b"great",
        "test/neg/3_1.txt": b"great",
        "test/neg/4_1.txt": b"bad",
    }
    folder = write_part(tmp_path / "manual", **files)
    tampering.prepare_refused(
        f"{_NAME}/plain_text",
        data_dir / "whole",
        "urls_",
        "'partial'",
        manual_dir=folder,
        partial=False,
    )
    for config in ("plain_text", "bag_of_words"):
        builder = preparing.prepared(f"{_NAME}/{config}", data_dir, folder, partial=True)
        missing = {"train": 24_999, "test": 24_998, "unsupervised": 50_000}
        assert builder.info.metadata["missing"] == missing
        found = preparing.examples(builder, "path")
        assert {name: e["text"] for name, e in found.items()} == files
        for name, e in found.items():
            assert e["title_id"] == e["title_url"] == b"" and not e["title_in_other_split"]
            assert (e["copies"], e["in_other_split"]) == ((1, 0) if "4_1" in name else (2, 1))
            assert e["first_copy"] == (
                b"test/neg/4_1.txt" if "4_1" in name else b"train/pos/7_9.txt"
            )
            assert not len(e.get("bow_index", ()))


@pytest.mark.parametrize(
    "config, files, told",
    [
        ("plain_text", {"README": b""}, "not a single example"),
        ("plain_text", {"train/pos/7_9.txt": b"", "train/pos/7_8.txt": b""}, "the same number"),
        ("vocabulary", {"train/pos/7_9.txt": b""}, "imdb.vocab: there is no such file"),
        ("vocabulary", {"imdb.vocab": b"the", "imdbEr.txt": b"0"}, "imdb.vocab: altered"),
    ],
)
def test_bad_part(tmp_path, data_dir, config, files, told):
    folder = write_part(tmp_path / "manual", **files)
    tampering.prepare_refused(f"{_NAME}/{config}", data_dir, told, manual_dir=folder, partial=True)
