"""Peeks at served archives: what they cost, what bad servers do to them, what is said."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import pathlib
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import generated_archives
import misbehaving_server
import numpy as np
import peeked_corpus
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import units

from tests import peeked
from tests.tiers import sampled
from tfds_extra import cli, core, registry
from tfds_extra.core import digests, downloads, peeking, pieces
from tfds_extra.core.downloads import transfer
from tfds_extra.core.peeking import costs, sources
from tfds_extra.core.peeking import purse as purses

_QUICK = transfer.Policy(
    connect_timeout=0.5, read_timeout=0.4, attempts=4, patience=4, backoff=0.01, longest_wait=2
)
_IMPATIENT = dataclasses.replace(_QUICK, patience=0.4, slowest=100_000)
_GIB = 1 << 30
_SIZE = 100_000


@pytest.fixture
def server() -> Iterator[misbehaving_server.Server]:
    with misbehaving_server.running() as running:
        yield running


@pytest.fixture(autouse=True)
def policy(monkeypatch):
    """Retries that take no time; a test may choose another policy."""

    def use(chosen: transfer.Policy) -> None:
        monkeypatch.setattr(transfer, "Policy", lambda: chosen)

    use(_QUICK)
    return use


@pytest.fixture
def peek_at(tmp_path):
    """Peeks at some files, and returns the builder."""

    def peek(
        files: dict[str, Any], *, examples: int = 20, budget: int = 50_000_000,
        manual_dir: pathlib.Path | None = None, **kwargs: Any,
    ) -> core.Builder:  # fmt: skip
        cls = peeked_corpus.corpus(files, **kwargs)
        builder = cls(data_dir=tmp_path / "data", peek=core.Peek(examples, budget))
        config = tfds.download.DownloadConfig(
            manual_dir=manual_dir, download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS
        )
        builder.download_and_prepare(download_config=config)
        return builder

    return peek


def names(builder: core.Builder, split: str = "train") -> set[str]:
    examples = tfds.as_numpy(builder.as_dataset(split=split))
    return {example["name"].decode() for example in examples}


def small_tar_gz(number: int = 40, prefix: str = "train/") -> bytes:
    """A compressed tar of 1 MB that is one stream, as archives are published."""
    rng = np.random.default_rng(number)
    members = [
        generated_archives.member(f"{prefix}{i:06}.bin", rng.bytes(25_000)) for i in range(number)
    ]
    return gzip.compress(b"".join([*members, bytes(10_240)]), compresslevel=1, mtime=0)


def published(content: Any, **kwargs: Any) -> digests.Published:
    sha256 = hashlib.sha256(content[:]).hexdigest() if "sha256" not in kwargs else kwargs["sha256"]
    return digests.Published(units.Size(len(content)), sha256, "corpus.bin", {"sha256": sha256})


# --------------------------------------------------------------------------------- what it costs

_KINDS = {
    "tar.gz": lambda: [generated_archives.tar_gz(2 * _GIB // _SIZE, _SIZE)],
    "zip": lambda: generated_archives.zipped(2 * _GIB // _SIZE, _SIZE),
    "bzip2 in zip": lambda: generated_archives.zipped(2 * _GIB // _SIZE, _SIZE, method=12),
    "split zip": lambda: generated_archives.zipped(2 * _GIB // _SIZE, _SIZE, parts=3),
    "tar of tars": lambda: [generated_archives.tar_of_tars(1100, 20, _SIZE)],
    "csv.gz": lambda: [generated_archives.csv_gz(2 * _GIB // 130_000)],
    "multistream bzip2": lambda: [generated_archives.lines_bz2(2 * _GIB // 190_000)],
}


@pytest.mark.parametrize("kind", sampled(_KINDS, ("tar.gz", "split zip")))
def test_peek_takes_a_hundredth_of_two_gigabytes(server, peek_at, kind):
    parts = _KINDS[kind]()
    total = sum(map(len, parts))
    assert total > 1.9 * _GIB
    urls = tuple(server.add(f"/part{i}", part) for i, part in enumerate(parts))
    is_file = kind in ("csv.gz", "multistream bzip2")
    file = core.File(urls[0]) if is_file else core.Archive(urls if len(urls) > 1 else urls[0])
    builder = peek_at({"data": file})
    routes = list(server.routes.values())
    found = builder.info.metadata["peek"]
    assert found["shown"] == {"train": 20}
    assert found["bytes"] == sum(route.sent for route in routes) < total / 100
    assert found["requests"] == sum(len(route.requests) for route in routes) < 40
    if not is_file:
        expected = zlib.crc32(generated_archives.noise(_SIZE))
        crcs = {int(one["crc"]) for one in tfds.as_numpy(builder.as_dataset(split="train"))}
        assert crcs == {expected}
    read = sum(one["bytes"] for one in found["read_in_part"].values())
    assert total > read > 0
    assert found["digest_not_checked"]


@pytest.mark.slow
def test_memory_does_not_grow_with_what_is_read(server, peek_at):
    """What has come waits in a temporary file."""
    url = server.add("/corpus.tar", generated_archives.tar(400, 100_000, prefix="other/"))
    tracemalloc.start()
    with pytest.raises(core.CorpusError, match="nothing of it can be shown"):
        peek_at({"data": core.Archive(url)}, budget=30_000_000, counts={"train": 1})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert server.routes["/corpus.tar"].sent > 20_000_000
    assert peak < 12_000_000


def test_split_that_lies_deep_is_named(server, peek_at, capsys):
    train = generated_archives.tar(4000, _SIZE)
    url = server.add("/corpus.tar", train)
    builder = peek_at(
        {"data": core.Archive(url)}, budget=5_000_000, counts={"train": 4000, "test": 100}
    )
    found = builder.info.metadata["peek"]
    assert found["shown"] == {"train": 20}
    assert found["bytes"] == server.routes["/corpus.tar"].sent <= 5_000_000
    assert "of the budget of 5 MB" in found["not_shown"]["test"]
    assert builder.info.metadata["missing"] == {"train": 3980, "test": 100}
    output = capsys.readouterr().out
    assert "Not shown, or fewer: test, since corpus.tar needs" in output
    assert "Not checked: the digests of corpus.tar" in output


def test_splits_of_pieces_that_are_full_are_not_read(server, tmp_path):
    files = {
        name: core.Archive(server.add(f"/{name}", generated_archives.tar(4000, _SIZE, f"{name}/")))
        for name in ("train", "test", "more")
    }

    class Apart(peeked_corpus.PeekedCorpus):
        def splits_of(self, piece):
            return (piece[0],) if piece[0] != "more" else ("train", "test")

    cls = type(
        "PeekedCorpus", (Apart,), {"files": files, "expected_counts": {"train": 0, "test": 0}}
    )
    builder = cls(data_dir=tmp_path, peek=core.Peek(3))
    builder.download_and_prepare()
    assert builder.info.metadata["peek"]["shown"] == {"train": 3, "test": 3}
    assert not server.requests("/more")
    assert all(server.routes[f"/{name}"].sent < 10 * _SIZE for name in ("train", "test"))


def test_split_that_does_not_come_leaves_something_to_the_others(server, tmp_path):
    names = {"train": "other/", "test": "test/"}
    files = {
        name: core.Archive(server.add(f"/{name}", generated_archives.tar(4000, _SIZE, prefix)))
        for name, prefix in names.items()
    }
    facts = {"files": files, "expected_counts": {"train": 0, "test": 0}}
    facts["splits_of"] = lambda self, piece: (piece[0],)
    cls = type("PeekedCorpus", (peeked_corpus.PeekedCorpus,), facts)
    builder = cls(data_dir=tmp_path, peek=core.Peek(5, 6_000_000))
    builder.download_and_prepare()
    found = builder.info.metadata["peek"]
    assert found["shown"] == {"test": 5} and list(found["not_shown"]) == ["train"]
    # In the end it has all that the other one has left.
    assert 5_800_000 < found["bytes"] <= 6_000_000
    assert server.routes["/train"].sent > 4_000_000


def test_members_that_are_needed_whole_are_not_begun(server, tmp_path):
    (content,) = generated_archives.zipped(100, _SIZE)
    url = server.add("/corpus.zip", content)
    builder = peeked_corpus.corpus({"data": core.Archive(url)})(
        data_dir=tmp_path, peek=core.Peek(budget=300_000)
    )
    config = tfds.download.DownloadConfig()
    tree = builder.fetch(builder.download_manager(tmp_path / "downloads", config))["data"]
    builder.needs_whole(tree, "train/000001.bin")
    spent = server.routes["/corpus.zip"].sent
    with pytest.raises(peeking.BeyondBudget, match="train/000002.bin of .*corpus.zip needs 200 kB"):
        builder.needs_whole(tree, "train/000001.bin", "train/000002.bin")
    assert server.routes["/corpus.zip"].sent == spent < 150_000


# ----------------------------------------------------------------------------------- bad servers

_TAR = small_tar_gz()
_BAD = {
    "no ranges": {"ranges": False},
    "another part": {"shifted": True},
    "no Content-Range": {"no_content_range": True},
    "chunked, no ranges": {"ranges": False, "chunked": True},
    "no validator": {"etag": None, "last_modified": False},
    "weak tag": {"etag": "weak", "last_modified": False},
    "busy": {"statuses": [(503, {"Retry-After": "0"}, b"")]},
    "cut": {"cuts": [20_000, 100_000]},
    "cut, no ranges": {"ranges": False, "cuts": [20_000, 90_000]},
    "silent": {"stalls": [20_000]},
    "wants to know who asks": {"wants_agent": True},
    "in drops": {"drip": (7_001, 0.001)},
}


@pytest.mark.parametrize("bad", sampled(_BAD, ("no ranges", "another part", "cut", "silent")))
@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_bad_servers(server, peek_at, kind, bad):
    content = _TAR if kind == "tar.gz" else generated_archives.zipped(40, 25_000)[0][:]
    url = server.add("/corpus", content, **_BAD[bad])
    builder = peek_at({"data": core.Archive(url)}, examples=10)
    assert names(builder) == {f"data/train/{i:06}.bin" for i in range(10)}
    assert builder.info.metadata["peek"]["bytes"] >= 250_000


def test_redirect(server, peek_at):
    away = server.add("/elsewhere", _TAR)
    url = server.add("/corpus", statuses=[(302, {"Location": away}, b"")] * 99)
    found = peek_at({"data": core.Archive(url)}).info.metadata["peek"]
    asked = len(server.requests("/corpus")) + len(server.requests("/elsewhere"))
    assert found["requests"] == asked
    assert found["shown"] == {"train": 20}


def test_redirects_to_several_servers(server, peek_at):
    """The first place is kept, since others tag the file otherwise; until it is refused there."""
    places = [
        server.add(f"/{i}", _TAR, headers={"ETag": f'"{i}"'}, if_range=False) for i in range(2)
    ]
    answers = [(302, {"Location": places[i > 0]}, b"") for i in range(9)]
    url = server.add("/corpus", statuses=answers)
    first = server.routes["/0"]

    class Expiring(list):
        def append(self, request):
            super().append(request)
            if len(self) == 3:
                first.statuses = [(403, {}, b"")]

    first.requests = Expiring()
    builder = peek_at({"data": core.Archive(url)})
    assert names(builder) == {f"data/train/{i:06}.bin" for i in range(20)}
    assert len(first.requests) == 3 and len(server.requests("/corpus")) == 2
    assert server.routes["/1"].sent < 0.8 * len(_TAR)


def test_directory_of_a_zip_without_ranges(server, peek_at):
    """It lies at the end, so that all before it would have to be fetched."""
    (content,) = generated_archives.zipped(20_000, _SIZE)
    url = server.add("/corpus.zip", content, ranges=False)
    with pytest.raises(
        core.CorpusError, match="its server gives no parts of corpus.zip.*2 GB more"
    ):
        peek_at({"data": core.Archive(url)})
    assert server.routes["/corpus.zip"].sent < 2_000_000


def test_changed_in_between(server, peek_at):
    """It is begun anew, so that no example is from the file before."""
    url = server.add("/corpus", _TAR, successor=small_tar_gz(prefix="train/new"))
    builder = peek_at({"data": core.Archive(url)})
    assert names(builder) == {f"data/train/new{i:06}.bin" for i in range(20)}


def test_changed_again_and_again(server, peek_at, tmp_path):
    class Fickle(dict):
        """Headers with another tag at each request."""

        number = 0

        def __iter__(self):
            return iter(["ETag"])

        def keys(self):
            return ["ETag"]

        def __getitem__(self, name):
            self.number += 1
            return f'"{self.number}"'

    url = server.add("/corpus", _TAR, headers=Fickle())
    with pytest.raises(downloads.DownloadError, match="was changed.*a second time"):
        peek_at({"data": core.Archive(url)})
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_mirrors(server, peek_at):
    gone = server.add("/gone", statuses=[(404, {}, b"")] * 9)
    page = server.add("/page.tar.gz", b"<!DOCTYPE html><title>Sign in</title>" + bytes(9000))
    good = server.add("/corpus.tar.gz", _TAR)
    files = {"data": core.Archive(core.Mirrors([gone, page, good]))}
    assert names(peek_at(files)) == {f"data/train/{i:06}.bin" for i in range(20)}
    with pytest.raises(downloads.DownloadError) as caught:
        peek_at({"data": core.Archive(core.Mirrors([gone, page]))})
    for part in (gone, "404 Not Found", page, "Sign in", "cannot be peeked at", "manual_dir"):
        assert part in str(caught.value)


def test_mirror_goes_on_where_another_breaks_off(server, peek_at):
    fails = [(500, {}, b"")] * 99
    first = server.add("/first", _TAR)
    route = server.routes["/first"]
    second = server.add("/second", _TAR)
    other = server.add("/other", small_tar_gz(prefix="other/"))
    files = {"data": core.Archive(core.Mirrors([first, other, second]))}
    sent = []

    class Breaking(list):
        def append(self, request):
            super().append(request)
            if len(self) == 3:
                route.statuses = list(fails)
            sent.append(request)

    route.requests = Breaking()
    builder = peek_at(files)
    assert names(builder) == {f"data/train/{i:06}.bin" for i in range(20)}
    assert server.routes["/second"].sent < len(_TAR)
    assert server.routes["/other"].sent <= sources.PAGE


def test_slow_server(server, peek_at, policy):
    policy(_IMPATIENT)
    slow = server.add("/slow", _TAR, drip=(500, 0.05))
    good = server.add("/good", _TAR)
    builder = peek_at({"data": core.Archive(core.Mirrors([slow, good]))})
    assert builder.info.metadata["peek"]["shown"] == {"train": 20}
    with pytest.raises(downloads.DownloadError, match="too slowly: .*TFDS_EXTRA_SLOWEST"):
        peek_at({"data": core.Archive(slow)})


def test_no_server(peek_at):
    with pytest.raises(downloads.DownloadError, match="127.0.0.1:9.*refused"):
        peek_at({"data": core.Archive("http://127.0.0.1:9/corpus.tar.gz")})


# ------------------------------------------------------------------------------ what is checked


def test_size_is_checked(server, peek_at):
    url = server.add("/corpus", _TAR)
    known = {url: published(_TAR + b"x")}
    with pytest.raises(downloads.DigestError, match="another file: it has .* bytes and not"):
        peek_at({"data": core.Archive(url)}, published=known)


def test_digest_is_checked_if_all_has_come(server, peek_at, monkeypatch):
    monkeypatch.setattr(costs, "SMALL", 0)
    url = server.add("/corpus", _TAR)
    builder = peek_at({"data": core.Archive(url)}, published={url: published(_TAR)}, examples=99)
    assert builder.info.metadata["peek"]["digest_not_checked"] == []
    known = {url: published(_TAR, sha256="0" * 64)}
    with pytest.raises(downloads.DigestError, match="came whole, and is another file: its sha256"):
        peek_at({"data": core.Archive(url)}, published=known, examples=99)
    builder = peek_at({"data": core.Archive(url)}, published=known, examples=2)
    assert builder.info.metadata["peek"]["digest_not_checked"] == ["corpus.bin"]


def test_members_of_a_zip_are_checked(server, peek_at):
    content = bytearray(generated_archives.zipped(40, 25_000)[0][:])
    content[3 * 25_100] ^= 1
    url = server.add("/corpus.zip", bytes(content))
    assert peek_at({"data": core.Archive(url)}, examples=2).info.metadata["peek"]["shown"]
    with pytest.raises(core.CorpusError, match=r"corpus.zip: train/000003.bin: its check sum"):
        peek_at({"data": core.Archive(url)}, examples=5)


def test_small_files_are_fetched_whole(server, peek_at, tmp_path):
    lines = generated_archives.gzipped([f"{i:010}" for i in range(30)])
    url, big = server.add("/small.gz", lines), server.add("/corpus.tar.gz", _TAR)
    known = {url: published(lines), big: dataclasses.replace(published(_TAR), filename="big")}
    files = {"small": core.File(url), "big": core.Archive(big)}
    found = peek_at(files, published=known, budget=700_000).info.metadata["peek"]
    assert found["fetched_whole"] == ["corpus.bin"]
    assert set(found["read_in_part"]) <= {"big"}
    known[url] = published(lines, sha256="0" * 64)
    with pytest.raises(downloads.DigestError, match="its sha256 is"):
        peek_at(files, published=known)


def test_whole_files_beyond_the_budget_are_named_at_once(server, peek_at, tmp_path):
    url = server.add("/corpus.tar.gz", _TAR)
    asked = {"published": {url: published(_TAR)}, "whole": ("data",)}
    with pytest.raises(core.CorpusError) as caught:
        peek_at({"data": core.Archive(url)}, budget=500_000, **asked)
    assert not server.requests("/corpus.tar.gz")
    for part in ("nothing of it can be shown", "corpus.bin", "budget of 500 kB", "--budget=2MB"):
        assert part in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    builder = peek_at({"data": core.Archive(url)}, budget=2_000_000, **asked)
    assert builder.info.metadata["peek"]["fetched_whole"] == ["corpus.bin"]


def test_by_hand_is_said_at_once(server, peek_at):
    url = server.add("/list.gz", b"")
    files = {
        "list": core.File(url),
        "data": core.Archive(core.ManualFile("corpus.tar.gz", "https://example.org/form", "Sign.")),
    }
    with pytest.raises(downloads.MissingFilesError, match="(?s)by hand.*corpus.tar.gz.*Sign"):
        peek_at(files)
    assert not server.requests("/list.gz")


def test_manual_file_is_read_where_it_lies(peek_at, tmp_path, monkeypatch):
    """Nobody reads it to its end, which is damaged, and nobody takes its digest."""
    monkeypatch.setattr(costs, "SMALL", 0)
    manual_dir = tmp_path / "manual"
    manual_dir.mkdir()
    path = manual_dir / "corpus.tar.gz"
    path.write_bytes(_TAR[:-40_000] + bytes(40_000))
    file = core.ManualFile("corpus.tar.gz", "https://example.org/form")
    known = {file.url: dataclasses.replace(published(_TAR), filename="corpus.tar.gz")}
    builder = peek_at({"data": core.Archive(file)}, published=known, manual_dir=manual_dir)
    found = builder.info.metadata["peek"]
    assert found["shown"] == {"train": 20} and not found["requests"] and not found["bytes"]
    assert found["digest_not_checked"] == ["corpus.tar.gz"]
    path.write_bytes(_TAR[:-1])
    with pytest.raises(downloads.DigestError, match="has .* bytes and not"):
        peek_at({"data": core.Archive(file)}, published=known, manual_dir=manual_dir)


def test_ctrl_c_leaves_nothing(server, peek_at, tmp_path, monkeypatch):
    lines = generated_archives.gzipped(["0" * 10])
    url, big = server.add("/small.gz", lines), server.add("/corpus.tar.gz", _TAR)
    files = {"big": core.Archive(big), "small": core.File(url)}
    read = pieces.one_by_one

    def stopped(piece, function):
        for number, example in enumerate(read(piece, function)):
            if number == 3:
                raise KeyboardInterrupt
            yield example

    monkeypatch.setattr(pieces, "one_by_one", stopped)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(KeyboardInterrupt):
        peek_at(files, published={url: published(lines)})
    assert server.requests("/small.gz") and server.requests("/corpus.tar.gz")
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not left and not before
    monkeypatch.undo()


# ------------------------------------------------------------------------------- what it is then


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> tuple[pathlib.Path, core.Builder]:
    """A peek at the miniature of a corpus."""
    data_dir = tmp_path_factory.mktemp("shown")
    builder = registry.builder_cls("free_spoken_digit")(data_dir=data_dir, peek=core.Peek(5))
    with peeked.served(builder):
        builder.download_and_prepare()
    return data_dir, builder


@pytest.fixture
def of_miniature(monkeypatch):
    monkeypatch.setattr(core.Builder, "of_miniature", True)


def test_peek_is_not_the_corpus(shown, of_miniature):
    data_dir, builder = shown
    name = "free_spoken_digit/v1.0.10-peek"
    assert builder.info.full_name == f"{name}/1.0.0"
    assert builder.info.description.startswith("PEEK: ")
    again = type(builder)(config="v1.0.10-peek", data_dir=data_dir)
    assert again.is_prepared() and again.variant == core.PEEK
    for kwargs in ({}, {"partial": True}, {"miniature": True}):
        assert not type(builder)(data_dir=data_dir, **kwargs).is_prepared()
    metadata = json.loads((pathlib.Path(builder.data_dir) / "metadata.json").read_text())
    assert metadata["variant"] == "peek"
    assert metadata["peek"]["shown"] == {"train": 5, "test": 5}
    loaded = tfds.load(name, data_dir=data_dir, split="train", as_supervised=True)
    assert len(list(loaded)) == 5


def test_arguments():
    cls = registry.builder_cls("free_spoken_digit")
    with pytest.raises(ValueError, match="choose one of"):
        cls(peek=True, partial=True)
    with pytest.raises(ValueError, match="peek is True or False .or a core.Peek., not 3"):
        cls(peek=3)
    with pytest.raises(ValueError, match="examples of a peek is a whole number from 1, not 0"):
        core.Peek(0)
    with pytest.raises(ValueError, match="budget of a peek"):
        core.Peek(budget=1.5)
    with pytest.raises(ValueError, match="no digest to register"):
        config = tfds.download.DownloadConfig(register_checksums=True)
        cls(peek=True)._make_download_manager(None, config)
    with pytest.raises(core.CorpusError, match="prepared in a folder of this machine"):
        cls(peek=True)._generate_splits(None, tfds.download.DownloadConfig())
    with pytest.raises(ValueError, match="core.Peek.examples=3"):
        config = tfds.download.DownloadConfig(max_examples_per_split=3)
        cls(peek=True)._download_and_prepare(None, config)


@pytest.mark.slow
def test_command(shown, of_miniature, capsys, tmp_path):
    data_dir, builder = shown
    picture = tmp_path / "peek.png"
    options = ("--examples=5", f"--data_dir={data_dir}", f"--output={picture}")
    assert cli.main(["peek", "free_spoken_digit", *options]) == 0
    output = capsys.readouterr().out
    assert "is here already" in output and "Shown: train 5, test 5." in output
    assert "tfds.load('free_spoken_digit/v1.0.10-peek')" in output
    assert picture.stat().st_size > 10_000
    assert cli.main(["info", "free_spoken_digit", "--peek", f"--data_dir={data_dir}"]) == 0
    assert "Shown: train 5" in capsys.readouterr().out
    # With other numbers it is done anew.
    with peeked.served(builder):
        done = cli.main(["peek", "free_spoken_digit", "--examples=3", f"--data_dir={data_dir}"])
    assert done == 0 and "Shown: train 3, test 3." in capsys.readouterr().out


def test_command_in_words(capsys, data_dir):
    option = f"--data_dir={data_dir}"
    assert cli.main(["show", "qmnist", "--peek", option]) == 1
    assert "First run: tfds-extra peek qmnist/qmnist" in capsys.readouterr().err
    assert cli.main(["peek", option]) == 1
    assert "which corpus?" in capsys.readouterr().err
    assert cli.main(["peek", "qmnist", "--budget=much", option]) == 1
    assert "'much' is no number of bytes, such as 50MB" in capsys.readouterr().err
    assert cli.main(["fetch", "qmnist", "--peek", option]) == 1
    assert "`tfds-extra peek` does both" in capsys.readouterr().err
    assert cli.main(["peek", "yelp_open", option]) == 1
    errors = capsys.readouterr().err
    assert "by hand" in errors and "yelp_dataset.tar" in errors


@pytest.mark.parametrize(
    ("text", "size"), [("50MB", 50_000_000), ("1.5 gb", 1_500_000_000), ("7", 7), ("2KiB", 2048)]
)
def test_budgets_are_written_with_units(text, size):
    assert cli._bytes(text) == size


def test_costs(capsys, data_dir, no_downloads):
    assert cli.main(["peek", "--costs", f"--data_dir={data_dir}"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    cells = {row.split("`")[1].partition("/")[0]: row for row in rows}
    assert list(cells) == list(registry.names())
    for name in ("imagenet_wordnet", "voxceleb_extended", "yelp_open"):
        assert "by hand" in cells[name]
    assert "aclImdb_v1.tar.gz, 84.1 MB" in cells["imdb_reviews_extended"]
    page = (pathlib.Path(__file__).parents[2] / "docs" / "peeking.md").read_text(encoding="utf-8")
    assert "\n".join(rows) in page, "docs/peeking.md: `tfds-extra peek --costs` says something else"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (50_000_000, "50 MB"),
        (2 << 30, "2.1 GB"),
    ],
)
def test_amounts(size, text):
    assert purses.amount(size) == text


def test_gaps_are_filled_with_few_requests(server):
    content = np.random.default_rng(0).bytes(1_000_001)
    purse = purses.Purse(3_000_000)
    url = server.add("/file", content)
    file = sources.Remote([url], digests.Published(units.Size(0), "", "file"), purse, policy=_QUICK)
    assert file.read_at(999_990, 100) == content[999_990:]
    assert file.size == len(content)
    assert file.read_at(500_000, 70_000) == content[500_000:570_000]
    assert file.read_at(490_000, 100_000) == content[490_000:590_000]
    assert b"".join(file.blocks()) == content
    assert file.read_at(len(content), 5) == b""
    assert purse.requests == len(server.requests("/file")) <= 14
    assert purse.spent == server.routes["/file"].sent < 1.2 * len(content)
    spent = purse.spent
    assert b"".join(file.blocks()) == content and purse.spent == spent
