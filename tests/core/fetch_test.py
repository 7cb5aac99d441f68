"""What a builder declares of its files, and what it gets."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import misbehaving_server
import pytest
import tensorflow_datasets as tfds
from engine_corpus import EngineCorpus

from tfds_extra import core
from tfds_extra.core import digests, downloads, validation

_PAGE = "https://example.org/form"
_PARTS = ("corpus.tar.gz_partaa", "corpus.tar.gz_partab")


@pytest.fixture
def archive() -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:gz") as tar:
        member = tarfile.TarInfo("top/a.txt")
        member.size = 5
        tar.addfile(member, io.BytesIO(b"hello"))
    return plain.getvalue()


@pytest.fixture
def builder(tmp_path, monkeypatch):
    """A builder whose files the test declares."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")

    def make(**files: core.Archive) -> EngineCorpus:
        monkeypatch.setattr(EngineCorpus, "published_files", lambda self: files)
        return EngineCorpus(data_dir=tmp_path / "data")

    return make


def manager(builder, tmp_path):
    (tmp_path / "manual").mkdir(parents=True, exist_ok=True)
    config = tfds.download.DownloadConfig(manual_dir=tmp_path / "manual")
    return builder._make_download_manager(tmp_path / "downloads", config)


def test_parts_that_come_by_hand(builder, archive, tmp_path):
    files = tuple(core.ManualFile(name, _PAGE, "Sign the form.") for name in _PARTS)
    corpus = builder(data=core.Archive(files, root="top"))
    with pytest.raises(downloads.MissingFilesError) as caught:
        corpus.fetch(manager(corpus, tmp_path))
    for part in (*_PARTS, _PAGE, "Sign the form.", str(tmp_path / "manual"), "top"):
        assert part in str(caught.value)
    for name, content in zip(_PARTS, (archive[:20], archive[20:])):
        (tmp_path / "manual" / name).write_bytes(content)
    tree = corpus.fetch(manager(corpus, tmp_path))["data"]
    assert {m.name: m.read() for m in tree} == {"a.txt": b"hello"}


def test_mirrors(builder, archive, tmp_path):
    with misbehaving_server.running() as server:
        dead = server.add("/dead.tar.gz", b"", statuses=[(404, {}, b"")] * 9)
        good = server.add("/corpus.tar.gz", archive)
        corpus = builder(data=core.Archive(core.Mirrors([dead, good]), root="top"))
        tree = corpus.fetch(manager(corpus, tmp_path))["data"]
        assert [m.name for m in tree] == ["a.txt"]


def test_folder_goes_before_archive_and_needs_no_download(builder, tmp_path):
    corpus = builder(data=core.Archive("https://example.org/corpus.tar.gz", root="top"))
    downloading = manager(corpus, tmp_path)
    (tmp_path / "manual" / "top").mkdir()
    (tmp_path / "manual" / "top" / "b.txt").write_text("there")
    assert [m.name for m in corpus.fetch(downloading)["data"]] == ["b.txt"]
    assert corpus.to_download(corpus.extracted()) == {}


def test_archive_without_a_folder_of_its_own(builder, archive, tmp_path):
    """The manual_dir itself is not taken for what was extracted from it."""
    corpus = builder(data=core.Archive("https://example.org/corpus.tar.gz", root=""))
    downloading = manager(corpus, tmp_path)
    (tmp_path / "manual" / "corpus.tar.gz").write_bytes(archive)
    assert [m.name for m in corpus.fetch(downloading)["data"]] == ["top/a.txt"]


def test_md5_alone(builder, archive, tmp_path, monkeypatch):
    table = tmp_path / "engine_corpus.tsv"
    with misbehaving_server.running() as server:
        url = server.add("/corpus.tar.gz", archive)
        table.write_text(f"{url}\t{len(archive)}\tmd5\tcorpus.tar.gz\n")
        digest = hashlib.md5(archive).hexdigest()
        for value, good in ((digest, True), (digest[::-1], False)):
            table.with_suffix(".md5").write_text(f"{value}  corpus.tar.gz\n")
            monkeypatch.setattr(EngineCorpus, "url_infos", digests.load_published(table))
            corpus = builder(data=core.Archive(url, root="top"))
            downloading = manager(corpus, tmp_path / str(good))
            if good:
                assert [m.name for m in corpus.fetch(downloading)["data"]] == ["a.txt"]
            else:
                with pytest.raises(downloads.DigestError, match=r"corpus\.tar\.gz.*md5"):
                    corpus.fetch(downloading)


def test_single_file_in_place(builder, tmp_path):
    content = b"some lines\n" * 1000
    name, url = "lines.txt.gz", "https://example.org/lines.txt.gz"
    files = {"lines": core.File(url, root="lines.txt"), "plain": core.File("https://example.org/x")}
    corpus = builder(**files)
    downloading = manager(corpus, tmp_path)
    assert corpus.to_download(corpus.extracted()) == {
        "lines": url,
        "plain": "https://example.org/x",
    }
    assert "In place of a compressed file, the unpacked file will do: lines.txt" in (
        corpus._manual_instructions()
    )
    (tmp_path / "manual" / "x").write_bytes(b"as it is")
    (tmp_path / "manual" / name).write_bytes(gzip.compress(content))
    fetched = corpus.fetch(downloading)
    assert {key: file.read() for key, file in fetched.items()} == {
        "lines": content,
        "plain": b"as it is",
    }
    # One that the user has unpacked goes first.
    (tmp_path / "manual" / "lines.txt").write_bytes(b"unpacked")
    assert corpus.fetch(downloading)["lines"].read() == b"unpacked"
    assert corpus.to_download(corpus.extracted()) == {"plain": "https://example.org/x"}
    found = {
        f.subject
        for f in validation.validate(corpus, manual_dir=tmp_path / "manual")
        if f.unchecked
    }
    assert str(tmp_path / "manual" / "lines.txt") in found
