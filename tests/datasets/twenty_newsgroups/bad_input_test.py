"""Twenty Newsgroups: bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import json

import miniature_files
import miniature_scripts
import numpy as np
import preparing
import pytest
import tampering
import tensorflow_datasets as tfds

from tfds_extra import registry

_NAME = "twenty_newsgroups"
_MADE = miniature_scripts.load(_NAME)
_EDITIONS = _MADE.editions()
_OF_CONFIG = {
    "bydate": "bydate", "bydate_only": "bydate",
    "original_19997": "19997", "headers_18828": "18828",
}  # fmt: skip


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = _NAME

    def write(self, edition: str, **files: bytes | None) -> None:
        """Changes files of an edition, removes those that are None, and has the checksums vouch."""
        changed = {**_EDITIONS[edition], **files}
        changed = {path: content for path, content in changed.items() if content is not None}
        self.write_vouched(f"20news-{edition}.tar.gz", miniature_files.tar_gz(changed))


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def refused(data_dir, *parts, config="bydate", **kwargs):
    """Prepares a config, which has to be refused."""
    tampering.prepare_refused(f"{_NAME}/{config}", data_dir, *parts, **kwargs)


@pytest.mark.parametrize("edition", ["bydate", "19997"])
def test_archive_that_is_cut(miniature, data_dir, edition):
    name = f"20news-{edition}.tar.gz"
    content = (miniature.folder / name).read_bytes()
    miniature.write_vouched(name, content[:-40])
    refused(data_dir, name, error=ValueError)


def test_archive_of_another_edition(miniature, data_dir):
    content = (miniature.folder / "20news-18828.tar.gz").read_bytes()
    miniature.write_vouched("20news-19997.tar.gz", content)
    refused(
        data_dir, "20news-19997.tar.gz", "20_newsgroups", config="original_19997", error=ValueError
    )


@pytest.mark.parametrize(
    "config, path, content, told",
    [
        ("bydate", "20news-bydate-test/sci.med/103", b"Lines: 1\n\naltered", "20news-bydate-test: some of"),
        ("bydate", "20news-bydate-train/sci.med/102", None, "20news-bydate-train/sci.med: 1 messages, the"),
        ("bydate", "20news-bydate-train/sci.med/9", b"Lines: 1\n\n", "sci.med: 3 messages, the publisher has 2"),
        ("bydate", "20news-bydate-train/sci.med/9.txt", b"", "sci.med/9.txt: it is not one of the pub"),
        ("bydate", "20news-bydate-train/sci.fi/9", b"", "sci.fi/9: it is not one of the published files"),
        ("bydate", "20news-bydate-train/sci.med/-9", b"", "not one of the published files"),
        ("bydate_only", "20news-bydate-train/sci.med/102", b"", "sci.med/102: no message: no header"),
        ("original_19997", "20_newsgroups/sci.med/102", b"\n\nSubject: x", "sci.med/102: no message"),
        ("original_19997", "20_newsgroups/sci.med/102", b"\xff\xd8\xff\xe0 picture", "no message"),
        ("original_19997", "20_newsgroups/sci.med/102", b"From: x", "20_newsgroups: some of its messages"),
        ("headers_18828", "20news-18828/sci.med/102", None, "20news-18828/sci.med: 2 messages, the"),
        ("headers_18828", "20news-18828/sci.med/102", b"\0" * 99, "sci.med/102: no message"),
    ],
)  # fmt: skip
def test_files(miniature, data_dir, config, path, content, told):
    edition = _OF_CONFIG[config]
    miniature.write(edition, **{path: content})
    refused(data_dir, f"20news-{edition}.tar.gz", told, config=config)


def test_joined_edition_is_checked_as_well(miniature, data_dir):
    miniature.write("19997", **{"20_newsgroups/sci.med/102": b"Date: now\n\n"})
    refused(data_dir, "20news-19997.tar.gz", "20_newsgroups: some of its messages")


@pytest.mark.parametrize(
    "file, content, told",
    [
        ("20news_mturk.json", b"{}", "not a list of candidates"),
        ("20news_mturk.json", b"[" * 100_000, "not a list of candidates"),
        ("20news_mturk.json", b"[1]", "entry 0"),
        ("20news_mturk.json", json.dumps([{"id": 20}]).encode(), "entry 0"),
        (
            "20news_mturk.json",
            _MADE.judged().replace(b'"both": 1', b'"both": 2'),
            "not the votes of 5 people",
        ),
        ("20news_test_set_original_labels.npy", b"\x93NUMPY", "original_labels.npy"),
        (
            "20news_test_set_original_labels.npy",
            miniature_files.npy(np.zeros(20, np.uint16)),
            "original_labels.npy: row ",
        ),
        (
            "20news_test_set_original_labels.npy",
            miniature_files.npy(np.zeros(7532, np.uint16)),
            "7,532 rows, expected 20",
        ),
        (
            "20news_test_set_pyx.npy",
            miniature_files.npy(np.zeros((19, 20))),
            "19 rows, expected 20",
        ),
        ("20news_test_set_pyx.npy", miniature_files.npy(np.zeros((20, 19))), "pyx.npy"),
    ],
)
def test_label_errors(miniature, data_dir, file, content, told):
    miniature.write_vouched(file, content)
    refused(data_dir, told, config="label_errors")


def write_part(folder, **files: bytes):
    """Extracted files alone."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def test_part(tmp_path, data_dir):
    header = b"From: ann@host.example\nSubject: part"
    dated = b"Date: Tue, 6 Apr 1993 03:21:41 GMT\nNewsgroups: sci.med,sci.space\n" + header
    files = {
        "20news-bydate-train/sci.med/57110": header + b"\n\nthe same\n",
        "20news-bydate-test/sci.space/1": header + b"\n\nthe same\n",
        "20news-bydate-test/sci.space/2": header,
        "20_newsgroups/sci.med/57110": dated + b"\n\nthe same, once\n",
    }
    folder = write_part(tmp_path / "manual", **files)
    whole = {"manual_dir": folder, "partial": False}
    refused(
        data_dir / "whole", "alt.atheism: 0 messages, the publisher has 480", "'partial'", **whole
    )
    builder = preparing.prepared(f"{_NAME}/bydate", data_dir, folder, partial=True)
    assert builder.info.metadata["missing"] == {"train": 11_313, "test": 7_530}
    names = (
        "path", "raw", "header", "body", "timestamp", "num_newsgroups", "twin", "body_altered",
        "same_body", "same_body_in_other_split", "without_headers",
    )  # fmt: skip
    decoders = tfds.decode.PartialDecoding(dict.fromkeys(names, True))
    found = preparing.examples(builder, "path", decoders=decoders)
    assert {path: e["raw"] for path, e in found.items()} == dict(list(files.items())[:3])
    assert sorted(found) == sorted(files)[1:]
    with_twin = found["20news-bydate-train/sci.med/57110"]
    assert with_twin["twin"] == b"20_newsgroups/sci.med/57110" and with_twin["body_altered"]
    assert with_twin["timestamp"] == 734066501 and with_twin["num_newsgroups"] == 2
    assert with_twin["same_body"].tolist() == [b"20news-bydate-test/sci.space/1"]
    assert with_twin["same_body_in_other_split"]
    without_twin = found["20news-bydate-test/sci.space/1"]
    assert (without_twin["twin"], without_twin["timestamp"]) == (b"", -1)
    assert not without_twin["body_altered"] and not without_twin["num_newsgroups"]
    only_header = found["20news-bydate-test/sci.space/2"]
    assert (only_header["header"], only_header["body"]) == (header, b"")
    assert only_header["without_headers"] == b"" and only_header["same_body"].size == 0


@pytest.mark.parametrize(
    "config, files, told",
    [
        ("original_19997", {"20_newsgroups/sci.med/1": b"picture"}, "sci.med/1: no message"),
        ("original_19997", {"20_newsgroups/readme": b""}, "not one of the published files"),
        ("headers_18828", {"20news-18828/sci.med/x": b""}, "sci.med/x: it is not one of"),
    ],
)
def test_bad_part(tmp_path, data_dir, config, files, told):
    folder = write_part(tmp_path / "manual", **files)
    refused(data_dir, told, config=config, manual_dir=folder, partial=True)


def test_label_errors_of_a_part(tmp_path, miniature, data_dir, monkeypatch):
    """Rows of the study tell messages only if all of them are there."""
    folder = write_part(
        tmp_path / "manual", **{"20news-bydate-test/sci.med/103": b"Subject: x\n\nbody\n"}
    )
    for name in (
        "20news_mturk.json",
        "20news_test_set_original_labels.npy",
        "20news_test_set_pyx.npy",
    ):
        (folder / name).write_bytes((miniature.folder / name).read_bytes())
    cls = registry.builder_cls(_NAME)
    path = staticmethod(lambda: miniature.folder / "checksums.tsv")
    monkeypatch.setattr(cls, "checksums_path", path)
    refused(
        data_dir,
        "of 7,532 messages 1 are there",
        "Take another config",
        config="label_errors",
        manual_dir=folder,
        partial=True,
    )
