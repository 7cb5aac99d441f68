"""The download layer, against a server on the loopback address that misbehaves on purpose."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import email.utils
import gzip
import hashlib
import json
import logging
import os
import pathlib
import pickle
import random
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import misbehaving_server
import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import units
from tensorflow_datasets.core.download import checksums, download_manager
from tensorflow_datasets.core.download import resource as resource_lib

from tfds_extra import registry
from tfds_extra.core import digests, downloads, locks, tables
from tfds_extra.core.downloads import ManualFile, Mirrors, connections, transfer
from tfds_extra.core.errors import CorpusError

QUICK = transfer.Policy(
    connect_timeout=0.5,
    read_timeout=0.4,
    attempts=4,
    patience=4,
    backoff=0.01,
    longest_wait=2,
)
# Larger than every buffer on the way, so that a cut is a cut; and not compressible.
CONTENT = random.Random(1).randbytes(3_000_000)
OTHER = random.Random(2).randbytes(3_000_000)
LOGIN = b"<!DOCTYPE html>\n<html><head><title>Sign in -\n Files</title></head><body></body></html>"


@pytest.fixture
def server() -> Iterator[misbehaving_server.Server]:
    with misbehaving_server.running() as running:
        yield running


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch) -> Iterator[None]:
    """No bars, and no proxy between us and ourselves."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    tfds.disable_progress_bar()
    yield
    tfds.enable_progress_bar()


@pytest.fixture
def manager(tmp_path: pathlib.Path) -> Callable[..., downloads.DownloadManager]:
    """Makes managers on one download folder."""

    def make(
        url_infos: dict[str, checksums.UrlInfo] | None = None, **kwargs: Any
    ) -> downloads.DownloadManager:
        kwargs = {"dataset_name": "corpus", "policy": QUICK, **kwargs}
        return downloads.DownloadManager(
            download_dir=tmp_path / "downloads", url_infos=url_infos, **kwargs
        )

    return make


def published(
    content: bytes, *kinds: str, name: str = "corpus.bin", size: bool = True
) -> digests.Published:
    """What a publisher says who takes digests of these kinds; sha256 unless told."""
    sums = {kind: digest(kind, content) for kind in kinds or ("sha256",)}
    return digests.Published(
        units.Size(len(content) if size else 0), sums.get("sha256", ""), name, sums
    )


def digest(kind: str, content: bytes) -> str:
    """A digest as a publisher takes it."""
    if kind == "gitblob":
        return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
    return hashlib.new(kind, content).hexdigest()


def unpublished(name: str = "corpus.bin") -> digests.Published:
    return digests.Published(units.Size(0), "", name)


def cached_files(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    """Everything in the cache that a later call could take for a file."""
    folder = tmp_path / "downloads" / "corpus"
    return [p for p in folder.glob("*") if resource_lib.is_locally_cached(p)]


# --------------------------------------------------------------------------------- misbehaviour

SOON = email.utils.formatdate(time.time() - 5, usegmt=True)

# Behaviour; then number of requests, and how many times its size may be sent.
ENDS_WELL = {
    "nothing wrong": ({}, 1, 1),
    "403 without a user agent": ({"wants_agent": True}, 1, 1),
    "500 twice": ({"statuses": [(500, {}, b""), (502, {}, LOGIN)]}, 3, 1),
    "429 with Retry-After": ({"statuses": [(429, {"Retry-After": "1"}, b"")]}, 2, 1),
    "503 with a date": ({"statuses": [(503, {"Retry-After": SOON}, b"")]}, 2, 1),
    "slow drip": ({"drip": (700_000, 0.1)}, 1, 1),
    "silence": ({"stalls": [1_000_000]}, 2, 1.1),
    "cut": ({"cuts": [2_900_000]}, 2, 1.01),
    "cut again and again": ({"cuts": [2_000_000, 2_500_000, 2_900_000]}, 4, 1.01),
    "cut, chunked": ({"cuts": [2_900_000], "chunked": True}, 2, 1.05),
    "cut, without Range": ({"cuts": [2_900_000], "ranges": False}, 2, 2),
    "cut, a weak etag": ({"cuts": [2_900_000], "etag": "weak"}, 2, 1.01),
    "cut, only a weak etag": (
        {"cuts": [2_900_000], "etag": "weak", "last_modified": False},
        2,
        1.01,
    ),
    "cut, no validator": ({"cuts": [2_900_000], "etag": None, "last_modified": False}, 2, 1.01),
    "cut, then another part than asked": ({"cuts": [2_900_000], "shifted": True}, 3, 2.1),
    "cut, then no word which part": ({"cuts": [2_900_000], "no_content_range": True}, 3, 2.1),
    "too long a Content-Length": ({"length": 5000, "chunked": False, "cuts": []}, 1, 1),
    "no Content-Length": ({"length": "none"}, 1, 1),
    "no Content-Length, cut": ({"length": "none", "cuts": [2_900_000]}, 2, 1.01),
    "chunked": ({"chunked": True}, 1, 1),
    "called compressed": ({"mislabel": True}, 1, 1),
    "called compressed, cut": ({"mislabel": True, "cuts": [2_900_000]}, 2, 1.01),
    "called a web page": ({"content_type": "text/html"}, 1, 1),
}


@pytest.mark.parametrize("kind", ["sha256", "md5"])
@pytest.mark.parametrize("case", ENDS_WELL)
def test_ends_in_the_right_file(server, manager, tmp_path, case, kind):
    behaviour, requests, times = ENDS_WELL[case]
    url = server.add("/corpus.bin", CONTENT, **behaviour)
    expected = published(CONTENT, kind)
    if case == "too long a Content-Length":
        # A server that says 5,000 more than it sends, of a file whose size was not published.
        expected = published(CONTENT, kind, size=False)
        requests = 2
    begun = time.monotonic()
    path = manager({url: expected}).download(url)
    assert path.read_bytes() == CONTENT
    assert len(server.requests("/corpus.bin")) == requests
    assert server.routes["/corpus.bin"].sent <= times * len(CONTENT)
    assert [p for p in cached_files(tmp_path) if p != pathlib.Path(path)] == []
    assert not list((tmp_path / "downloads" / "corpus").glob("*.partial*"))
    assert not list((tmp_path / "downloads" / "corpus").glob("*.lock"))
    if case == "429 with Retry-After":
        assert time.monotonic() - begun >= 1
    if case == "slow drip":
        assert time.monotonic() - begun >= 0.4


ENDS_WELL_UNPUBLISHED = [
    "nothing wrong",
    "500 twice",
    "silence",
    "cut",
    "cut, chunked",
    "cut, without Range",
    "cut, no validator",
    "cut, then another part than asked",
    "chunked",
]


@pytest.mark.parametrize("case", ENDS_WELL_UNPUBLISHED)
def test_ends_in_the_right_file_without_a_digest(server, manager, case):
    behaviour, _, _ = ENDS_WELL[case]
    url = server.add("/corpus.bin", CONTENT, **behaviour)
    path = manager({url: unpublished()}).download(url)
    assert path.read_bytes() == CONTENT


# Behaviour; then number of requests, whether it is another file, and what the error says.
WRONG = {
    "404": ({"statuses": [(404, {}, LOGIN)] * 9}, 1, False, "404 Not Found"),
    "401": ({"statuses": [(401, {}, b"")] * 9}, 1, False, "401 Unauthorized: it wants a login"),
    "403": ({"statuses": [(403, {}, b"")] * 9}, 1, False, "403 Forbidden"),
    "410": ({"statuses": [(410, {}, b"")] * 9}, 1, False, "410 Gone"),
    "500 for ever": ({"statuses": [(500, {}, b"")] * 9}, 4, False, "500 Internal Server Error"),
    "429 for an hour": (
        {"statuses": [(429, {"Retry-After": "3600"}, b"")] * 9},
        1,
        False,
        "asks to come back in 3,600 seconds",
    ),
    "wrong bytes": ({"content": OTHER}, 1, True, "its {kind} is "),
    "other size": ({"content": OTHER + b"x"}, 1, True, "it has 3,000,001 bytes and not 3,000,000"),
    "too much, without a length": (
        {"content": OTHER + b"x", "length": "none"},
        1,
        True,
        "more than 3,000,000 bytes",
    ),
    "too short a Content-Length": ({"length": -9}, 1, True, "it has 2,999,991 bytes and not"),
    "a login page": (
        {"content": LOGIN, "content_type": "text/html"},
        1,
        False,
        "a web page, 'Sign in - Files', instead of the file",
    ),
    "a login page in chunks": ({"content": LOGIN, "chunked": True}, 1, False, "a web page"),
    "a compressed login page": ({"content": LOGIN, "encode": True}, 1, False, "a web page"),
    "compressed on the way": (
        {"encode": True},
        1,
        False,
        "encoded as 'gzip', although it was asked",
    ),
    "called compressed, in chunks": (
        {"mislabel": True, "chunked": True},
        1,
        False,
        "encoded as 'gzip', although it was asked",
    ),
    "an error in words": (
        {"content": b"Quota exceeded", "content_type": "text/html"},
        1,
        True,
        "begins with 'Quota exceeded'",
    ),
    "nothing": ({"content": b"", "length": "none"}, 4, False, "the answer is empty"),
    "always cut": ({"cuts": [500_000] * 9, "ranges": False}, 4, False, "broke off"),
    "always silent": ({"stalls": [500_000] * 9, "ranges": False}, 4, False, "fell silent"),
    "always in parts, of another file": (
        {"content": OTHER, "cuts": [1_000_000] * 9, "etag": None, "last_modified": False},
        4,
        True,
        "its {kind} is ",
    ),
    "changed and If-Range honoured": (
        {"cuts": [1_000_000], "successor": OTHER},
        2,
        True,
        "its {kind} is ",
    ),
}


@pytest.mark.parametrize("kind", ["sha256", "md5"])
@pytest.mark.parametrize("case", WRONG)
def test_ends_in_the_right_error(server, manager, tmp_path, case, kind):
    behaviour, requests, differs, message = WRONG[case]
    url = server.add("/corpus.bin", **{"content": CONTENT, **behaviour})
    infos = {url: published(CONTENT, kind)}
    with pytest.raises(CorpusError) as raised:
        manager(infos).download(url)
    text = str(raised.value)
    assert message.format(kind=kind) in text
    assert url in text and "corpus.bin (3,000,000 bytes, " in text
    assert infos[url].digests[kind] in text and str(tmp_path / "downloads" / "manual") in text
    assert isinstance(raised.value, download_manager.NonMatchingChecksumError) == differs
    assert isinstance(raised.value, tfds.download.DownloadError) != differs
    assert len(server.requests("/corpus.bin")) == requests
    # Nothing is there that could be taken for the file; and when all is well, the file comes.
    assert not cached_files(tmp_path)
    assert manager(infos).plan(url)[0].state in (downloads.TO_FETCH, downloads.UNFINISHED)
    server.add("/corpus.bin", CONTENT)
    assert manager(infos).download(url).read_bytes() == CONTENT


WRONG_UNPUBLISHED = {
    "no end": ({"length": "none"}, "neither the server nor the publisher says how long"),
    "a login page": ({"content": LOGIN}, "a web page"),
    "not what its name says": ({"content": b"quota exceeded"}, "not what corpus.zip should be"),
    "cut without Range": ({"cuts": [500_000] * 9, "ranges": False}, "broke off"),
    "404": ({"statuses": [(404, {}, b"")]}, "404"),
    "called compressed": ({"mislabel": True}, "encoded as 'gzip'"),
}


@pytest.mark.parametrize("case", WRONG_UNPUBLISHED)
def test_ends_in_the_right_error_without_a_digest(server, manager, tmp_path, case):
    behaviour, message = WRONG_UNPUBLISHED[case]
    url = server.add("/corpus.zip", **{"content": b"PK" + CONTENT, **behaviour})
    with pytest.raises(downloads.DownloadError, match=message):
        manager({url: unpublished("corpus.zip")}).download(url)
    assert not cached_files(tmp_path)


@pytest.mark.parametrize("if_range", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_changes_between_two_parts_is_begun_again(server, manager, if_range, known):
    url = server.add("/corpus.bin", OTHER, cuts=[1_000_000], successor=CONTENT, if_range=if_range)
    infos = {url: published(CONTENT) if known else unpublished()}
    assert manager(infos).download(url).read_bytes() == CONTENT
    assert server.requests("/corpus.bin")[1]["If-Range"]


def test_a_change_that_nobody_tells_is_found_by_the_digest(server, manager):
    url = server.add(
        "/corpus.bin",
        OTHER,
        cuts=[1_000_000],
        successor=CONTENT,
        etag=None,
        last_modified=False,
    )
    assert manager({url: published(CONTENT)}).download(url).read_bytes() == CONTENT
    assert len(server.requests("/corpus.bin")) == 3


def test_a_line_may_break_as_often_as_it_likes_if_something_comes(server, manager):
    url = server.add("/corpus.bin", CONTENT, cuts=[1_100_000, 2_200_000])
    policy = transfer.Policy(attempts=2, backoff=0.01)
    assert manager({url: published(CONTENT)}, policy=policy).download(url).read_bytes() == CONTENT


def test_gzip_that_is_the_file_stays_as_it_is(server, manager):
    """Also where the server calls it compressed on the way, as Apache did for years."""
    packed = gzip.compress(CONTENT)
    for number, info in enumerate([published(packed, name="c.gz"), unpublished("c.gz")]):
        url = server.add(f"/{number}/c.gz", packed, mislabel=True)
        assert manager({url: info}).download(url).read_bytes() == packed
        url = server.add(f"/{number}/chunked/c.gz", packed, mislabel=True, chunked=True)
        assert manager({url: info}).download(url).read_bytes() == packed
        url = server.add(f"/{number}/encoded/c.gz", packed, encode=True)
        with pytest.raises(downloads.DownloadError, match="encoded as 'gzip'"):
            manager({url: info}).download(url)


def test_a_page_that_is_the_file_is_taken(server, manager):
    infos = {"page": published(LOGIN, name="page"), "p.html": unpublished("p.html")}
    for name, info in infos.items():
        url = server.add(f"/{name}", LOGIN, content_type="text/html")
        assert manager({url: info}).download(url).read_bytes() == LOGIN


def test_redirects_are_followed_also_to_another_host(server, manager):
    target = server.add("/there/corpus.bin", CONTENT, cuts=[1_000_000])
    other_host = server.url("/there/corpus.bin", host="localhost")
    for number, location in enumerate([target, other_host]):
        moved = [(302, {"Location": location}, LOGIN)] * 2
        url = server.add(f"/{number}/corpus.bin", statuses=moved)
        assert manager({url: published(CONTENT)}).download(url).read_bytes() == CONTENT
    loop = server.add("/loop.bin", statuses=[(302, {"Location": "/loop.bin"}, b"")] * 99)
    with pytest.raises(downloads.DownloadError, match="Exceeded 30 redirects"):
        manager({loop: published(CONTENT)}).download(loop)
    nowhere = server.add("/nowhere", statuses=[(302, {"Location": "gopher://x/"}, b"")] * 9)
    with pytest.raises(downloads.DownloadError, match="it leads nowhere"):
        manager({nowhere: published(CONTENT)}).download(nowhere)
    assert len(server.requests("/nowhere")) == 1


def test_who_asks_says_who_he_is_and_wants_no_encoding(server, manager):
    url = server.add("/corpus.bin", CONTENT)
    manager({url: published(CONTENT)}).download(url)
    headers = server.requests("/corpus.bin")[0]
    assert headers["User-Agent"].startswith("tfds_extra/0.")
    assert headers["Accept-Encoding"] == "identity"
    assert "Range" not in headers


def test_hosts_that_do_not_answer_are_given_up(manager, monkeypatch):
    def no_such_host(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with socket.socket() as closed, socket.socket() as deaf:
        closed.bind(("127.0.0.1", 0))
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        urls = {
            f"http://127.0.0.1:{closed.getsockname()[1]}/a": "Connection refused) (4 attempts)",
            f"http://127.0.0.1:{deaf.getsockname()[1]}/b": "(time-out)",
        }
        for url, reason in urls.items():
            with pytest.raises(downloads.DownloadError) as raised:
                manager({url: published(CONTENT)}).download(url)
            assert reason in str(raised.value)
    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    begun = time.monotonic()
    slow = transfer.Policy()
    with pytest.raises(downloads.DownloadError, match="the host is not found"):
        manager(policy=slow).download("http://no-such-host.invalid/c")
    assert time.monotonic() - begun < 1


def test_patience_ends_where_nothing_comes(tmp_path, monkeypatch):
    """A dead host fails within about a minute by default: counted, not waited for."""
    now = [0.0]
    policy = transfer.Policy()
    monkeypatch.setattr(transfer.time, "monotonic", lambda: now[0])

    class Clock(threading.Event):
        def wait(self, timeout=None):
            now[0] += timeout
            return False

    def time_out(*args, **kwargs):
        now[0] += policy.connect_timeout
        raise transfer.requests.ConnectTimeout("timed out")

    monkeypatch.setattr(transfer.requests.Session, "get", time_out)
    task = transfer.Transfer(published(CONTENT), policy=policy, cancelled=Clock())
    with pytest.raises(transfer.TransferError):
        task.run(["http://127.0.0.1/x"], tmp_path / "x.partial")
    assert 30 < now[0] < 60
    assert not list(tmp_path.iterdir())


def test_a_drip_that_leads_nowhere_is_a_broken_connection(server, manager):
    policy = transfer.Policy(
        connect_timeout=1, read_timeout=1, attempts=2, patience=0.5, backoff=0.01, slowest=10_000
    )
    url = server.add("/corpus.bin", CONTENT, drip=(1, 0.05), ranges=False)
    with pytest.raises(downloads.DownloadError, match="the file comes too slowly: "):
        manager({url: published(CONTENT)}, policy=policy).download(url)


def test_certificates_are_verified_unless_told(manager):
    seen = []

    def get(session, url, **kwargs):
        seen.append(kwargs["verify"])
        raise transfer.requests.exceptions.SSLError(
            transfer.urllib3.exceptions.MaxRetryError(None, url, _certificate_error())
        )

    with mock.patch.object(transfer.requests.Session, "get", get):
        for verify in (True, False):
            with pytest.raises(downloads.DownloadError, match=r"certificate .* \(self-signed"):
                manager(verify_ssl=verify).download("https://127.0.0.1/x")
    assert seen == [True, False]


def _certificate_error() -> Exception:
    import ssl

    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def test_few_connections_to_one_host(server, manager):
    urls = [server.add(f"/{n}.bin", OTHER[:1000], drip=(500, 0.02)) for n in range(12)]
    manager({url: published(OTHER[:1000], name=f"{n}.bin") for n, url in enumerate(urls)}).download(
        urls
    )
    assert 1 < server.most_connections <= connections.PER_HOST


# ------------------------------------------------------------------------- what does not end

IMPATIENT = transfer.Policy(
    connect_timeout=1, read_timeout=1, attempts=2, patience=0.4, backoff=0.01, slowest=1000
)
OK = b"HTTP/1.1 200 OK\r\n"
IN_CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HEAD_ENDS_NOT = r"the head of the answer does not end: [\d,]+ bytes a second over \d seconds"
TOO_SLOW = r"the file comes too slowly: \d+ bytes a second over \d seconds, where 1,000 are "

# What the server sends, then sends again and again, with seconds between; what the error says.
ENDLESS = {
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02, HEAD_ENDS_NOT),
    "100 Continue, fast": (
        b"",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 99,
        0,
        "bytes came, and no answer",
    ),
    "a drip of a header": (OK + b"X-A: ", b"a", 0.02, HEAD_ENDS_NOT),
    "a drip": (OK + b"Content-Length: 3000000\r\n\r\n", b"abc", 0.02, TOO_SLOW),
    "a drip of chunks": (IN_CHUNKS, b"1\r\na\r\n", 0.02, TOO_SLOW),
    "a trailer": (IN_CHUNKS + b"0\r\n", b"X-A: a\r\n", 0.02, TOO_SLOW),
    "the page of a redirect": (
        b"HTTP/1.1 302 Found\r\nLocation: /corpus.bin\r\n\r\n",
        bytes(10_000),
        0,
        "bytes came, and no answer",
    ),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_who_does_not_come_to_an_end_is_left_for_the_next_mirror(server, manager, case):
    *behaviour, message = ENDLESS[case]
    slow = server.add("/slow/corpus.bin", endless=[tuple(behaviour)] * 9)
    gone = server.url("/gone/corpus.bin")
    begun = time.monotonic()
    with pytest.raises(downloads.DownloadError, match=message) as raised:
        manager({slow: published(CONTENT)}, policy=IMPATIENT).download(Mirrors([slow, gone]))
    assert time.monotonic() - begun < 5
    host = slow.split("/")[2]
    assert f"  {slow}: {host}: " in str(raised.value)
    assert f"  {gone}: the server answers 404" in str(raised.value)
    assert len(server.requests("/slow/corpus.bin")) == 1


def test_a_line_that_was_good_may_be_slow_once(server, manager):
    content = CONTENT[:1_500_000] + b"a" * 100 + CONTENT[1_500_100:]
    slow = (OK + b"Content-Length: 3000000\r\n\r\n" + content[:1_500_000], b"a", 0.05)
    url = server.add("/corpus.bin", content, endless=[slow], etag=None, last_modified=False)
    infos = {url: published(content)}
    policy = dataclasses.replace(IMPATIENT, patience=0.25)
    assert manager(infos, policy=policy).download(url).read_bytes() == content
    first, second = server.requests("/corpus.bin")
    assert int(second["Range"][6:-1]) > 1_500_000


def test_who_has_a_slow_line_says_so(monkeypatch):
    assert transfer.Policy().slowest == 1000
    monkeypatch.setenv("TFDS_EXTRA_SLOWEST", "20.5")
    assert transfer.Policy().slowest == 20.5
    monkeypatch.setenv("TFDS_EXTRA_SLOWEST", "slow")
    with pytest.raises(ValueError, match="TFDS_EXTRA_SLOWEST=slow: not a number of bytes a second"):
        transfer.Policy()


@pytest.fixture
def most_written(monkeypatch) -> list[int]:
    """The size of each partial file after each writing."""
    sizes = [0]
    write = transfer.Partial.write

    def noting(self, block):
        write(self, block)
        sizes.append(os.path.getsize(self.path))

    monkeypatch.setattr(transfer.Partial, "write", noting)
    monkeypatch.setattr(transfer, "_UNANNOUNCED", 2_500_000)
    return sizes


def about(size: int, name: str = "corpus.bin") -> digests.Published:
    """What is known of a file whose exact size nobody states."""
    return digests.Published(units.Size(0), "", name, {"md5": "0" * 32}, size)


GZIPPED = OK + b"Content-Encoding: gzip\r\n\r\n"
# Head of an endless answer, what was published, what the error says, bytes that may be written.
TOO_MUCH = {
    "encoded": (GZIPPED, published(CONTENT), "encoded as 'gzip'", 0),
    "encoded, of unknown size": (GZIPPED, unpublished(), "encoded as 'gzip'", 0),
    "br": (OK + b"Content-Encoding: br\r\n\r\n", published(CONTENT), "encoded as 'br'", 0),
    "called so": (
        GZIPPED,
        published(CONTENT, name="corpus.gz"),
        "it has more than 3,000,000 bytes",
        3_000_000,
    ),
    "of about a size": (
        OK + b"\r\n",
        about(1_000_000),
        "more than 2,000,000 bytes, and about 1,000,000 bytes were expected",
        2_000_000,
    ),
    "of unknown size": (
        OK + b"\r\n",
        published(CONTENT, size=False),
        "more than 2,500,000 bytes, and nobody says how many there are",
        2_500_000,
    ),
    "of unknown size, without a digest": (
        OK + b"\r\n",
        unpublished(),
        "more than 2,500,000 bytes, and nobody says how many there are",
        2_500_000,
    ),
    "of a length that is too much": (
        OK + b"Content-Length: 2000001\r\n\r\n",
        about(1_000_000),
        "more than 2,000,000 bytes, and about 1,000,000 bytes were expected",
        0,
    ),
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_no_more_is_written_than_the_file_can_have(server, manager, most_written, case):
    head, info, message, most = TOO_MUCH[case]
    url = server.add("/corpus.bin", endless=[(head, OTHER[:65_536], 0)] * 9)
    good = server.add("/good.bin", CONTENT, statuses=[(404, {}, b"")])
    with pytest.raises(CorpusError, match=message) as raised:
        manager({url: info}).download(Mirrors([url, good]))
    assert f"{good}: the server answers 404" in str(raised.value)
    assert max(most_written) <= most


@pytest.mark.parametrize("digits", [19, 4000, 5000])
@pytest.mark.parametrize("header", ["Content-Length", "Content-Range"])
@pytest.mark.parametrize("known", [True, False])
def test_numbers_without_end_are_the_servers_fault(server, manager, header, digits, known):
    number = "9" * digits
    value = f"bytes 1000000-2999999/{number}" if header == "Content-Range" else number
    behaviour = {"cuts": [1_000_000]} if header == "Content-Range" else {}
    url = server.add("/corpus.bin", CONTENT, headers={header: value}, **behaviour)
    gone = server.url("/gone.bin")
    infos = {url: published(CONTENT) if known else unpublished()}
    with pytest.raises(downloads.DownloadError) as raised:
        manager(infos).download(Mirrors([url, gone]))
    text = str(raised.value)
    assert f"{url}: the server states a {header} of {digits:,} digits" in text
    assert f"{gone}: the server answers 404" in text and len(text) < 1500


def _endless(block: bytes, pause: float) -> Callable[[socket.socket], None]:
    def send(connection: socket.socket) -> None:
        while True:
            connection.sendall(block)
            time.sleep(pause)

    return send


# The size that the server tells, what it sends, and what the error says.
FTP = {
    "nothing wrong": (b"3000000", lambda c: c.sendall(CONTENT), None),
    "cut": (b"3000000", lambda c: c.sendall(CONTENT[:999]), "broke off after 999 of 3,000,000"),
    "no size": (
        b"some",
        lambda c: c.sendall(CONTENT[:999]),
        "nobody could tell the whole from a part",
    ),
    "a drip": (b"3000000", _endless(b"a", 0.02), TOO_SLOW),
    "a flood": (b"some", _endless(bytes(65_536), 0), "more than 2,500,000 bytes, and nobody says"),
    "a size of 19 digits": (b"9" * 19, _endless(b"a", 0.02), "a Content-Length of 19 digits"),
    "a size of 5,000 digits": (b"9" * 5000, _endless(b"a", 0.02), "can be understood"),
}


@pytest.mark.parametrize("case", FTP)
def test_ftp(manager, most_written, case):
    said, send, message = FTP[case]
    policy = dataclasses.replace(IMPATIENT, read_timeout=0.3)
    with misbehaving_server.running_ftp(said, send) as url:
        if message:
            with pytest.raises(downloads.DownloadError, match=message):
                manager({url: unpublished()}, policy=policy).download(url)
        else:
            assert manager({url: unpublished()}).download(url).read_bytes() == CONTENT
    assert max(most_written) <= 3_000_000


# -------------------------------------------------------------------------------- mirrors, batch


def test_mirrors_are_tried_in_order_and_named_in_the_error(server, manager, tmp_path):
    gone = server.url("/gone/corpus.bin")
    page = server.add("/page/corpus.bin", LOGIN)
    wrong = server.add("/wrong/corpus.bin", OTHER)
    infos = {gone: published(CONTENT)}
    with pytest.raises(downloads.DigestError) as raised:
        manager(infos).download({"x": [Mirrors([gone, page, wrong])]})
    text = str(raised.value)
    places = [text.index(f"  {url}: ") for url in (gone, page, wrong)]
    assert places == sorted(places)
    assert "404 Not Found" in text and "a web page" in text and "its sha256 is " in text

    good = server.add("/good/corpus.bin", CONTENT)
    path = manager(infos).download(Mirrors([gone, page, wrong, good]))
    assert path.read_bytes() == CONTENT
    # In the cache it is the first URL's file.
    assert pathlib.Path(path).name == resource_lib.get_dl_fname(gone, infos[gone].checksum)
    assert manager(infos).download(gone) == path


def test_a_mirror_goes_on_where_another_broke_off(server, manager):
    dying = server.add("/a/corpus.bin", CONTENT, cuts=[2_000_000] * 9)
    whole = server.add("/b/corpus.bin", CONTENT)
    policy = transfer.Policy(attempts=1)
    manager({dying: published(CONTENT)}, policy=policy).download(Mirrors([dying, whole]))
    assert server.routes["/b/corpus.bin"].sent == 1_000_000
    # One that gave something else up to there costs a fresh start, and no more.
    lying = server.add("/c/corpus.bin", OTHER, cuts=[2_000_000] * 9)
    whole = server.add("/d/corpus.bin", CONTENT)
    policy = transfer.Policy(attempts=2, backoff=0.01)
    path = manager({lying: published(CONTENT)}, policy=policy).download(Mirrors([lying, whole]))
    assert path.read_bytes() == CONTENT


def test_one_failure_stops_the_batch_and_all_that_lacks_is_listed(server, manager):
    slow = server.add("/slow.bin", CONTENT, speed=1_000_000)
    fast = server.add("/fast.bin", OTHER)
    gone = server.url("/gone.bin")
    infos = {
        slow: published(CONTENT, name="slow.bin"),
        fast: published(OTHER, name="fast.bin"),
        gone: published(OTHER, "md5", name="gone.bin"),
    }
    dl_manager = manager(infos)
    assert dl_manager.download(fast).read_bytes() == OTHER
    begun = time.monotonic()
    with pytest.raises(downloads.DownloadError) as raised:
        dl_manager.download([slow, fast, gone])
    assert time.monotonic() - begun < 1.5
    text = str(raised.value)
    assert f"slow.bin ({infos[slow]}) from {slow}" in text
    assert f"gone.bin ({infos[gone]}) from {gone}" in text
    assert "fast.bin" not in text
    # The same manager can be asked again; what was cut short goes on.
    server.add("/gone.bin", OTHER)
    server.routes["/slow.bin"].speed = None
    assert [p.read_bytes() for p in dl_manager.download([slow, gone])] == [CONTENT, OTHER]
    assert server.routes["/slow.bin"].sent < 1.2 * len(CONTENT)


def test_ctrl_c_stops_the_transfers(server, manager):
    url = server.add("/corpus.bin", CONTENT, speed=500_000)
    begun = time.monotonic()
    before = threading.active_count()
    with mock.patch.object(
        concurrent.futures, "wait", side_effect=lambda *_: time.sleep(0.3) or 1 / 0
    ):
        with pytest.raises(ZeroDivisionError):
            manager({url: published(CONTENT)}).download(url)
    deadline = begun + 2
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert time.monotonic() < deadline
    assert 0 < server.routes["/corpus.bin"].sent < len(CONTENT)


# ------------------------------------------------------------------------------ digests and pins


def write_checksums(folder: pathlib.Path, rows: list[tuple[str, int, str, str]], **sums: str):
    """A `corpus.tsv` and its companions."""
    folder.mkdir(exist_ok=True)
    lines = ["# where the digests are from\n", *("\t".join(map(str, row)) + "\n" for row in rows)]
    (folder / "corpus.tsv").write_text("".join(lines))
    for kind, text in sums.items():
        (folder / f"corpus.{kind}").write_text(text)
    return folder / "corpus.tsv"


def test_checksum_files_are_those_of_tfds_and_coreutils(tmp_path):
    md5, sha1, sha256 = (hashlib.new(k, CONTENT).hexdigest() for k in ("md5", "sha1", "sha256"))
    tsv = write_checksums(
        tmp_path / "checksums",
        [
            ("http://h/a", 3_000_000, sha256, "a.bin"),
            ("http://h/b?x=1", 0, "md5", "b.bin"),
            ("http://h/page#c c.bin", 3_000_000, "sha1", "c c.bin"),
            ("http://h/d", 0, "unpublished", "d.bin"),
            ("http://h/e", 3_000_000, "gitblob", "e.bin"),
        ],
        md5=f"# of the README\n{md5}  a.bin\n{md5} *b.bin\n",
        sha1=f"{sha1}  c c.bin\n",
        gitblob=f"{sha1}  e.bin\n",
    )
    found = digests.load_published(tsv)
    assert {url: info.digests for url, info in found.items()} == {
        "http://h/a": {"sha256": sha256, "md5": md5},
        "http://h/b?x=1": {"md5": md5},
        "http://h/page#c c.bin": {"sha1": sha1},
        "http://h/d": {},
        "http://h/e": {"gitblob": sha1},
    }
    assert [str(info) for info in found.values()] == [
        f"3,000,000 bytes, sha256 {sha256}, md5 {md5}",
        f"size not published, md5 {md5}",
        f"3,000,000 bytes, sha1 {sha1}",
        "size not published, no digest published",
        f"3,000,000 bytes, gitblob {sha1}",
    ]
    assert list(checksums.load_url_infos(tsv)) == list(found)
    if shutil.which("md5sum"):
        for name in ("a.bin", "b.bin"):
            (tmp_path / name).write_bytes(CONTENT)
        listed = tmp_path / "checksums" / "corpus.md5"
        subprocess.run(["md5sum", "-c", listed], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("rows", "sums", "message"),
    [
        ([("u", 1, "md5", "a")], {}, "a is not listed in corpus.md5"),
        ([("u", 1, "md5", "a")], {"md5": "0" * 32 + "  b\n"}, "a is not listed in corpus.md5"),
        ([("u", 1, "0" * 64, "a")], {"md5": "0" * 32 + "  b\n"}, "has no row for b"),
        ([("u", 1, "unpublished", "a")], {"md5": "0" * 32 + "  a\n"}, "is marked unpublished"),
        ([("u", 1, "sha512", "a")], {}, "'sha512' is no sha256 and no known word"),
        ([("u", 1, "md5", "a")], {"md5": "0" * 31 + "  a\n"}, "corpus.md5: line 1: not `<md5>"),
        ([("u", 0, "gitblob", "a")], {"gitblob": "0" * 40 + "  a\n"}, "needs the number of bytes"),
        (
            [("u", 1, "md5", "a")],
            {"md5": f"{'0' * 32}  a\n{'1' * 32}  a\n"},
            "line 2: a has two digests",
        ),
    ],
)
def test_checksum_files_that_do_not_fit_together(tmp_path, rows, sums, message):
    with pytest.raises(ValueError, match=message):
        digests.load_published(write_checksums(tmp_path, rows, **sums))


def test_git_blobs_are_what_git_says(server, manager, tmp_path):
    expected = published(CONTENT, "gitblob")
    (tmp_path / "corpus.bin").write_bytes(CONTENT)
    if shutil.which("git"):
        command = ["git", "hash-object", "--no-filters", tmp_path / "corpus.bin"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        assert expected.digests == {"gitblob": said}
    url = server.add("/corpus.bin", CONTENT)
    assert manager({url: expected}).download(url).read_bytes() == CONTENT
    requests = len(server.requests("/corpus.bin"))
    assert manager({url: expected}).download(url).read_bytes() == CONTENT  # From the cache.
    assert len(server.requests("/corpus.bin")) == requests
    altered = published(OTHER[:1] + CONTENT[1:], "gitblob")
    with pytest.raises(downloads.DigestError, match="its gitblob is .* and not "):
        manager({url: altered}).download(url)


def test_all_digests_of_a_file_must_match(server, manager):
    info = published(CONTENT, "sha256", "md5")
    info.digests["md5"] = "0" * 32
    url = server.add("/corpus.bin", CONTENT)
    with pytest.raises(downloads.DigestError, match="its md5 is .* and not 0000"):
        manager({url: info}).download(url)


def test_a_published_file_is_equal_to_what_tfds_makes_of_it():
    """Or else TFDS's own manager could not fetch it (`tfds build --download_only`)."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    seen = checksums.UrlInfo(units.Size(len(CONTENT)), sha256, "other name")
    for info in (published(CONTENT), published(CONTENT, "md5"), unpublished()):
        assert info == seen and seen == info and not info != seen and not seen != info
    for info in (published(OTHER), published(CONTENT[1:], "md5")):
        assert info != seen and seen != info
    assert published(CONTENT) != 1


def test_registering_keeps_comments_and_order(server, manager, tmp_path):
    urls = [server.add(f"/{name}.bin", CONTENT) for name in "abcd"]
    md5 = hashlib.md5(CONTENT).hexdigest()
    rows = [
        (urls[2], 7, "0" * 64, "c.bin"),
        (urls[0], 0, "md5", "a.bin"),
        ("http://h/x", 0, "unpublished", "x.bin"),
    ]
    tsv = write_checksums(tmp_path / "checksums", rows, md5=f"{md5}  a.bin\n")
    dl_manager = manager(
        digests.load_published(tsv), register_checksums=True, register_checksums_path=tsv
    )
    dl_manager.download(urls)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert tsv.read_text().splitlines() == [
        "# where the digests are from",
        f"{urls[2]}\t3000000\t{sha256}\tc.bin",
        f"{urls[0]}\t3000000\t{sha256}\ta.bin",
        "http://h/x\t0\tunpublished\tx.bin",
        f"{urls[1]}\t3000000\t{sha256}\tb.bin",
        f"{urls[3]}\t3000000\t{sha256}\td.bin",
    ]
    assert dl_manager.downloaded_size == 4 * len(CONTENT)
    requests = sum(len(server.requests(f"/{name}.bin")) for name in "abcd")
    manager(digests.load_published(tsv)).download(urls)
    assert sum(len(server.requests(f"/{name}.bin")) for name in "abcd") == requests
    # A digest that the publisher states is not overruled by what came.
    server.add("/a.bin", OTHER)
    with pytest.raises(downloads.DigestError, match="its md5 is"):
        manager(
            digests.load_published(tsv),
            register_checksums=True,
            register_checksums_path=tsv,
            force_download=True,
        ).download(urls[0])


def test_what_was_seen_first_is_pinned(server, manager, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    url = server.add("/corpus.bin", CONTENT)
    infos = {url: unpublished()}
    told = "no digest was published for this file"
    assert manager(infos).download(url).read_bytes() == CONTENT
    assert [told in record.getMessage() for record in caplog.records] == [True]
    pins = tmp_path / "downloads" / "corpus" / "seen_first.tsv"
    assert hashlib.sha256(CONTENT).hexdigest() in pins.read_text()
    caplog.clear()
    manager(infos).download(url)
    manager(infos, force_download=True).download(url)
    assert not caplog.records

    # A new file of the same size, and one of another, downloaded or brought by hand.
    for content in (OTHER, OTHER + b"x"):
        server.add("/corpus.bin", content)
        with pytest.raises(downloads.DigestError) as raised:
            manager(infos, force_download=True).download(url)
        assert f"remove the line of {url} from {pins}" in str(raised.value)
    by_hand = tmp_path / "downloads" / "manual" / "corpus.bin"
    by_hand.parent.mkdir()
    by_hand.write_bytes(OTHER)
    with pytest.raises(downloads.DigestError, match="remove the line of") as raised:
        manager(infos).download(url)
    assert str(by_hand) in str(raised.value)
    by_hand.unlink()
    # The file of the first time is still there.
    assert manager(infos).download(url).read_bytes() == CONTENT

    # Nor is a file in the cache taken that is not the pinned one.
    text = pins.read_text()
    pins.write_text(text.replace(hashlib.sha256(CONTENT).hexdigest(), "0" * 64))
    with pytest.raises(downloads.DigestError, match="remove the line of"):
        manager(infos).download(url)
    pins.write_text(text)

    # Accepted as the message says.
    pins.write_text("".join(x for x in pins.read_text().splitlines(True) if url not in x))
    assert manager(infos, force_download=True).download(url).read_bytes() == OTHER + b"x"
    assert len(cached_files(tmp_path)) == 1
    with pytest.raises(downloads.DigestError, match="remove the line of"):
        server.add("/corpus.bin", CONTENT)
        manager(infos, force_download=True).download(url)


def test_a_url_that_is_not_listed(server, manager, tmp_path):
    url = server.add("/corpus.bin", CONTENT)
    with pytest.raises(CorpusError, match="not listed .* force_checksums_validation"):
        manager(force_checksums_validation=True).download(url)
    assert manager().download(url).read_bytes() == CONTENT
    assert url in (tmp_path / "downloads" / "corpus" / "seen_first.tsv").read_text()


# ------------------------------------------------------------------------- cache, TFDS, pickling


@pytest.mark.parametrize("listed", ["sha256", "md5", "unpublished", "not at all"])
@pytest.mark.parametrize("tfds_lists_it", [True, False])
def test_what_tfds_has_downloaded_is_not_downloaded_again(
    server, manager, tmp_path, listed, tfds_lists_it
):
    url = server.add("/corpus.tar.gz", CONTENT)
    plain = {url: checksums.UrlInfo(*dataclass_values(published(CONTENT)))}
    theirs = tfds.download.DownloadManager(
        download_dir=tmp_path / "downloads",
        dataset_name="corpus",
        url_infos=plain if tfds_lists_it else None,
    )
    # TFDS keeps what it is told in a dict of the whole process.
    checksums.get_all_url_infos().pop(url, None)
    if not tfds_lists_it:
        theirs._url_infos = {}
    path = theirs.download(url)
    infos = {
        "sha256": {url: published(CONTENT)},
        "md5": {url: published(CONTENT, "md5")},
        "unpublished": {url: unpublished()},
        "not at all": {},
    }[listed]
    for _ in range(2):
        assert manager(infos).plan(url)[0].state == downloads.CACHED
        assert manager(infos).download(url) == path
    assert len(server.requests("/corpus.tar.gz")) == 1

    # One that is not the published one is not taken, nor one that was cut short since.
    if listed == "md5":
        wrong = {url: published(OTHER, "md5")}
        server.add("/corpus.tar.gz", OTHER)
        assert manager(wrong).download(url).read_bytes() == OTHER
    if listed == "sha256":
        os.truncate(path, 1000)
        assert manager(infos).download(url).read_bytes() == CONTENT
        assert len(server.requests("/corpus.tar.gz")) == 2


@pytest.mark.parametrize("kind", ["md5", "unpublished"])
def test_a_file_in_the_cache_that_was_cut_short_is_fetched_again(server, manager, kind):
    url = server.add("/corpus.bin", CONTENT)
    infos = {url: unpublished() if kind == "unpublished" else published(CONTENT, kind, size=False)}
    path = manager(infos).download(url)
    os.truncate(path, 1000)
    assert manager(infos).plan(url)[0].state == downloads.TO_FETCH
    assert manager(infos).download(url).read_bytes() == CONTENT


def test_a_new_edition_under_the_same_url_and_an_md5(server, manager, tmp_path):
    url = server.add("/corpus.bin", CONTENT)
    manager({url: published(CONTENT, "md5")}).download(url)
    server.add("/corpus.bin", OTHER)
    infos = {url: published(OTHER, "md5")}
    assert manager(infos).plan(url)[0].state == downloads.TO_FETCH
    assert manager(infos).download(url).read_bytes() == OTHER
    assert len(cached_files(tmp_path)) == 1


def dataclass_values(info: digests.Published) -> tuple[Any, ...]:
    return info.size, info.checksum, info.filename


def test_tfds_finds_what_was_downloaded(server, manager, tmp_path):
    infos = {
        server.add("/a.bin", CONTENT): published(CONTENT, name="a.bin"),
        server.add("/b.bin", CONTENT): published(CONTENT, "md5", name="b.bin"),
        server.add("/c.bin", CONTENT): unpublished("c.bin"),
    }
    ours = manager(infos).download(list(infos))
    theirs = tfds.download.DownloadManager(
        download_dir=tmp_path / "downloads", dataset_name="corpus", url_infos=infos
    )
    assert theirs.download(list(infos)) == ours
    assert all(len(route.requests) == 1 for route in server.routes.values())
    note = json.loads(resource_lib.get_info_path(ours[0]).read_text())
    assert note["dataset_names"] == ["corpus"] and note["original_fname"] == "a.bin"


def test_tfds_fetches_what_we_list(server, tmp_path):
    """As `tfds build --download_only` does, with TFDS's own manager; then ours verifies."""
    infos = {
        server.add("/a.bin", CONTENT): published(CONTENT, name="a.bin"),
        server.add("/b.bin", OTHER): published(CONTENT, "md5", name="b.bin"),
        server.add("/c.bin", CONTENT): unpublished("c.bin"),
    }
    theirs = tfds.download.DownloadManager(
        download_dir=tmp_path, dataset_name="corpus", url_infos=infos
    )
    theirs.download(list(infos))
    ours = downloads.DownloadManager(
        download_dir=tmp_path, dataset_name="corpus", url_infos=infos, policy=QUICK
    )
    with pytest.raises(downloads.DigestError, match="its md5 is"):
        ours.download(list(infos))
    server.add("/b.bin", CONTENT)
    assert [path.read_bytes() for path in ours.download(list(infos))] == [CONTENT] * 3
    assert len(server.requests("/a.bin")) == len(server.requests("/c.bin")) == 1


def test_force_download_downloads_once_a_manager(server, manager):
    url = server.add("/corpus.bin", CONTENT)
    infos = {url: published(CONTENT)}
    manager(infos).download(url)
    forced = manager(infos, force_download=True)
    assert forced.plan(url)[0].state == downloads.TO_FETCH
    forced.download([url, url])
    forced.download(url)
    assert len(server.requests("/corpus.bin")) == 2


def test_what_one_manager_knows_is_not_known_to_another(manager):
    manager({"http://h/mine": published(CONTENT)})
    assert "http://h/mine" not in manager()._url_infos
    assert "http://h/mine" not in checksums.get_all_url_infos()


def test_digests_that_come_with_a_download(server, manager):
    """A dump mirror lists its digests beside the files."""
    sums = f"{hashlib.md5(CONTENT).hexdigest()}  corpus.bin\n".encode()
    listing = server.add("/md5sums.txt", sums)
    url = server.add("/corpus.bin", OTHER)
    dl_manager = manager()
    text = dl_manager.download(listing).read_text()
    for name, md5 in digests.parse_coreutils(text, "md5").items():
        dl_manager.expect(
            {server.url(f"/{name}"): digests.Published(units.Size(0), "", name, {"md5": md5})}
        )
    with pytest.raises(downloads.DigestError, match="its md5 is"):
        dl_manager.download(url)


def test_extraction_and_nested_structures_work_as_in_tfds(server, manager):
    packed = gzip.compress(b"a line")
    url, other = server.add("/a.gz", packed), server.add("/b.gz", gzip.compress(b"another"))
    dl_manager = manager({url: published(packed, name="a.gz")})
    resource = tfds.download.Resource(url=other)
    found = dl_manager.download_and_extract({"x": [url, url], "y": resource})
    assert [p.read_text() for p in [*found["x"], found["y"]]] == ["a line", "a line", "another"]
    assert dl_manager.extract(dl_manager.download(url)).read_text() == "a line"
    with pytest.raises(downloads.DownloadError, match="404"):
        dl_manager.download_and_extract([url, server.url("/c.gz")])


def test_pickling(server, manager):
    url = server.add("/corpus.bin", CONTENT)
    dl_manager = manager({url: published(CONTENT, "md5")})
    dl_manager.download(url)
    copy = pickle.loads(pickle.dumps(dl_manager))
    assert copy.download(url).read_bytes() == CONTENT
    assert copy._policy == QUICK


def test_other_schemes(manager, tmp_path):
    file = tmp_path / "local.bin"
    file.write_bytes(CONTENT)
    infos = {os.fspath(file): published(CONTENT, name="local.bin")}
    assert manager(infos).download(os.fspath(file)).read_bytes() == CONTENT
    with pytest.raises(downloads.DownloadError, match="there is no such file"):
        manager().download(os.fspath(tmp_path / "none.bin"))


def test_bars_are_shown(server, manager, capsys):
    url = server.add("/corpus.bin", CONTENT)
    tfds.enable_progress_bar()
    manager({url: published(CONTENT)}).download(url)
    shown = capsys.readouterr().err
    assert "Dl Completed...: 100%" in shown and "1/1" in shown
    assert "2.86M/2.86M" in shown and "B/s" in shown


def test_bar_of_a_small_file(server, manager, capsys):
    """It has a length, and reaches it."""
    url = server.add("/corpus.bin", CONTENT[:3000])
    tfds.enable_progress_bar()
    manager({url: published(CONTENT[:3000])}).download(url)
    assert "2.93k/2.93k" in capsys.readouterr().err


def test_no_bars_where_nothing_is_to_do(server, manager, tmp_path, capsys):
    url = server.add("/corpus.bin", CONTENT)
    (tmp_path / "manual").mkdir()
    (tmp_path / "manual" / "corpus.bin").write_bytes(CONTENT)
    tfds.enable_progress_bar()
    manager({url: published(CONTENT)}, manual_dir=tmp_path / "manual").download(url)
    assert capsys.readouterr().err == ""


class _Corpus(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder that makes one example of each byte of a file."""

    VERSION = tfds.core.Version("1.0.0")
    URL = ""
    INFOS: dict[str, checksums.UrlInfo] = {}
    name = "corpus"

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict({"byte": np.int64})
        )

    def _make_download_manager(self, download_dir, download_config):
        return downloads.DownloadManager(
            download_dir=download_dir or self.data_dir_root / "downloads",
            manual_dir=download_config.manual_dir,
            url_infos=self.INFOS,
            dataset_name=self.name,
            policy=QUICK,
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(dl_manager.download({"a": Mirrors([self.URL])}))}

    def _generate_examples(self, paths):
        for index, byte in enumerate(paths["a"].read_bytes()):
            yield index, {"byte": byte}


def test_a_builder_prepares_and_can_be_mocked(server, tmp_path):
    url = server.add("/corpus.bin", b"abc")
    builder_cls = type(
        "Corpus",
        (_Corpus,),
        {"URL": url, "INFOS": {url: published(b"abc", "md5")}, "__module__": __name__},
        skip_registration=True,
    )
    builder = builder_cls(data_dir=tmp_path / "data")
    builder.download_and_prepare()
    assert builder.info.splits["train"].num_examples == 3
    assert builder.info.download_size == 3
    # As tfds.testing.DatasetBuilderTestCase does.
    (tmp_path / "mine").write_bytes(b"mock")
    asked = []

    def mocked(urls):
        asked.append(urls["a"].url)
        return {"a": tmp_path / "mine"}

    with mock.patch.multiple(
        "tensorflow_datasets.core.download.DownloadManager",
        download=staticmethod(mocked),
        download_and_extract=staticmethod(mocked),
        manual_dir=tmp_path,
        download_dir=tmp_path,
    ):
        builder = builder_cls(data_dir=tmp_path / "mocked")
        builder.download_and_prepare()
    assert builder.info.splits["train"].num_examples == 4
    assert asked == [url] and len(server.requests("/corpus.bin")) == 1


# ----------------------------------------------------------------------- held against the digest

LARGE = CONTENT + OTHER  # Not read again each time.


def flip(path: os.PathLike, at: int = 12_345) -> None:
    """Alters one bit of a file, and leaves size and time of change as they were."""
    times = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def what_is_known(content: bytes, kind: str) -> digests.Published:
    return unpublished() if kind == "unpublished" else published(content, kind)


@pytest.mark.parametrize("kind", ["sha256", "md5", "unpublished"])
@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
def test_one_altered_bit_in_the_cache(server, manager, kind, content, caplog):
    url = server.add("/corpus.bin", content)
    infos = {url: what_is_known(content, kind)}
    path = manager(infos).download(url)
    flip(path)
    found = digest("sha256" if kind == "unpublished" else kind, path.read_bytes())
    # Where it cannot be fetched again, the error says what is wrong with the copy.
    server.routes["/corpus.bin"].statuses = [(404, {}, b"")]
    with pytest.raises(downloads.DownloadError) as raised:
        manager(infos).download(url)
    text = str(raised.value)
    assert f"{path}: it was downloaded before, but its " in text
    assert found in text and "404" in text and f"  corpus.bin ({infos[url]})" in text
    caplog.clear()
    caplog.set_level(logging.WARNING)
    assert manager(infos).download(url).read_bytes() == content
    (told,) = [record.getMessage() for record in caplog.records]
    assert str(path) in told and "not used" in told and found in told
    caplog.clear()
    assert manager(infos).download(url) == path
    assert len(server.requests("/corpus.bin")) == 3 and not caplog.records


@pytest.mark.parametrize("kind", ["sha256", "md5", "unpublished"])
def test_one_altered_bit_of_what_tfds_downloaded(server, manager, tmp_path, kind):
    url = server.add("/corpus.bin", CONTENT)
    infos = {url: what_is_known(CONTENT, kind)}
    theirs = tfds.download.DownloadManager(
        download_dir=tmp_path / "downloads", dataset_name="corpus", url_infos=infos
    )
    flip(theirs.download(url))
    assert manager(infos).download(url).read_bytes() == CONTENT
    assert len(server.requests("/corpus.bin")) == 2


@contextlib.contextmanager
def nothing_read() -> Iterator[None]:
    """Whoever takes the digest of a file fails."""
    with mock.patch.object(digests.Digester, "read", side_effect=AssertionError("it is read")):
        yield


@pytest.mark.parametrize("kind", ["sha256", "md5", "unpublished"])
@pytest.mark.parametrize("by_hand", [True, False])
def test_a_large_file_is_read_once(server, manager, tmp_path, kind, by_hand):
    url = server.add("/corpus.bin", LARGE)
    infos = {url: what_is_known(LARGE, kind)}
    mine = tmp_path / "mine"
    mine.mkdir()
    if by_hand:
        (mine / "corpus.bin").write_bytes(LARGE)
        time.sleep(0.05)  # A file that changed a moment ago may change again unnoticed.
    path = pathlib.Path(manager(infos, manual_dir=mine).download(url))
    before = {p: p.stat() for p in mine.iterdir()}
    with nothing_read():
        assert pathlib.Path(manager(infos, manual_dir=mine).download(url)) == path
        # What somebody else writes in its place is read, also at the same size and time.
        flip(path)
        for _ in range(2):
            with pytest.raises(AssertionError, match="it is read"):
                manager(infos, manual_dir=mine).download(url)
    if by_hand:
        with pytest.raises(downloads.DigestError, match="it is another file: its "):
            manager(infos, manual_dir=mine).download(url)
        assert list(mine.iterdir()) == list(before)
        assert (tmp_path / "downloads" / "corpus" / "by_hand.json").exists()
    else:
        note = json.loads(resource_lib.get_info_path(path).read_text())["verified"]
        assert len(note["stamp"]) == 5 and digest("sha256", LARGE) in note["digests"].values()


def test_another_digest_than_the_remembered_ones_is_taken(manager, tmp_path):
    url = "http://127.0.0.1:9/corpus.bin"
    by_hand = tmp_path / "downloads" / "manual" / "corpus.bin"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(LARGE)
    time.sleep(0.05)
    manager({url: published(LARGE, "md5")}).download(url)
    with pytest.raises(downloads.DigestError, match="its sha1 is"):
        manager({url: published(OTHER + CONTENT, "sha1")}).download(url)
    memory = tmp_path / "downloads" / "corpus" / "by_hand.json"
    assert {"md5", "sha1", "sha256"} >= json.loads(memory.read_text())[str(by_hand)][
        "digests"
    ].keys()
    lists = json.dumps({str(by_hand): {"digests": ["md5"], "stamp": 5}})
    for damage in ("", "[1]", '{"a": 1}', lists, memory.read_text()[:-9]):
        memory.write_text(damage)
        manager({url: published(LARGE, "md5")}).download(url)
        with nothing_read():
            manager({url: published(LARGE, "md5")}).download(url)
    # Without the right to write there, all is read.
    memory.unlink()
    with mock.patch.object(digests, "replace_text", side_effect=PermissionError):
        for _ in range(2):
            manager({url: published(LARGE, "md5")}).download(url)
    assert not memory.exists()


# --------------------------------------------------------------------------- manual and offline


@contextlib.contextmanager
def no_network() -> Iterator[None]:
    """Whoever so much as makes a socket fails."""
    with mock.patch.object(socket, "socket", side_effect=AssertionError("a socket was made")):
        yield


@pytest.mark.parametrize("kind", ["sha256", "md5", "sha1", "gitblob", "unpublished"])
def test_files_brought_by_hand_are_verified(manager, tmp_path, kind):
    url = "http://127.0.0.1:9/corpus.bin"
    infos = {url: unpublished() if kind == "unpublished" else published(CONTENT, kind)}
    by_hand = tmp_path / "mine" / "corpus.bin"
    by_hand.parent.mkdir()
    by_hand.write_bytes(CONTENT)
    with no_network():
        dl_manager = manager(infos, manual_dir=by_hand.parent)
        assert dl_manager.plan(url)[0].state == downloads.MANUAL
        assert pathlib.Path(dl_manager.download(url)) == by_hand
        assert dl_manager.downloaded_size == len(CONTENT)
        with mock.patch.object(digests.Digester, "read", side_effect=AssertionError("again")):
            dl_manager.download([url])
        by_hand.write_bytes(OTHER)
        message = "remove the line" if kind == "unpublished" else f"its {kind} is "
        with pytest.raises(downloads.DigestError, match=message) as raised:
            manager(infos, manual_dir=by_hand.parent).download(url)
        assert str(by_hand) in str(raised.value)


VOXCELEB = "https://h/voxceleb/"
TERMS = "Fill in the form at https://h/form; CC BY-SA 4.0."


def test_split_archives_are_brought_in_parts_and_all_that_lack_are_named(manager, tmp_path):
    names = [f"vox1_dev_wav_parta{letter}" for letter in "abcd"]
    parts = [ManualFile(name, VOXCELEB, TERMS) for name in names]
    whole = ManualFile("vox1_dev_wav.zip", f"{VOXCELEB}vox1_dev_wav.zip", TERMS)
    content = dict(zip(names, (b"PK", b"two", b"three", b"four")))
    infos = {part.url: published(content[part.name], "md5", name=part.name) for part in parts}
    infos[whole.url] = published(b"".join(content.values()), "md5", name=whole.name)
    assert list(infos) == [f"{VOXCELEB}#{n}" for n in names] + [f"{VOXCELEB}vox1_dev_wav.zip"]
    manual = tmp_path / "mine"
    manual.mkdir()
    for name in names[:2]:
        (manual / name).write_bytes(content[name])
    (manual / "vox1_dev_wav_partac (1)").write_bytes(content[names[2]])

    with no_network():
        dl_manager = manager(infos, manual_dir=manual)
        with pytest.raises(downloads.MissingFilesError) as raised:
            dl_manager.download(parts)
        text = str(raised.value)
        assert f"{names[3]} ({infos[parts[3].url]}) from {VOXCELEB}\n    {TERMS}" in text
        assert not any(name in text.split("What lies there now: ")[0] for name in names[:3])
        assert "What lies there now: " in text and "vox1_dev_wav_partac (1)" in text
        assert str(manual) in text

        for name in names[2:]:
            (manual / name).write_bytes(content[name])
        paths = dl_manager.download(parts)
        assert [pathlib.Path(p).name for p in paths] == names
        (manual / names[3]).write_bytes(b"fear")
        with pytest.raises(downloads.DigestError, match=names[3]):
            manager(infos, manual_dir=manual).download(parts)
        (manual / whole.name).write_bytes(b"PKtwothreefour")
        manager(infos, manual_dir=manual).download(whole)


RENAMED = {
    "end of the URL": "v1.0.tar.gz",
    "end of a mirror's URL": "corpus of 1.0.tar.gz",
    "downloaded again": "corpus-1.0.tar (1).gz",
    "downloaded again by another browser": "corpus-1.0(2).tar.gz",
    "end of the URL, again": "v1.0.tar (3).gz",
}


@pytest.mark.parametrize("kind", ["sha256", "md5"])
@pytest.mark.parametrize("case", RENAMED)
def test_a_download_under_the_name_that_a_program_gave_it(manager, tmp_path, kind, case):
    url = "http://127.0.0.1:9/archive/v1.0.tar.gz?download=1"
    files = Mirrors([url, "http://127.0.0.1:9/corpus%20of%201.0.tar.gz"])
    infos = {url: published(CONTENT, kind, name="corpus-1.0.tar.gz", size=kind == "sha256")}
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / RENAMED[case]).write_bytes(CONTENT)
    with no_network():
        dl_manager = manager(infos, manual_dir=mine)
        (planned,) = dl_manager.plan(files)
        assert planned.state == downloads.MANUAL and planned.path.name == RENAMED[case]
        assert pathlib.Path(dl_manager.download(files)) == planned.path
    # Another file of such a name is not taken, whether its size tells or its digest.
    for content in (OTHER, OTHER + b"x"):
        (mine / RENAMED[case]).write_bytes(content)
        with pytest.raises(downloads.DownloadError) as raised:
            manager(infos, manual_dir=mine, policy=transfer.Policy(attempts=1)).download(files)
        text = str(raised.value)
        assert f"What lies there now: {RENAMED[case]}" in text
        by_size = infos[url].difference(len(content), {})
        difference = by_size or infos[url].difference(len(content), {kind: digest(kind, content)})
        assert f"{RENAMED[case]} is not taken for corpus-1.0.tar.gz: {difference}" in text
    # Under the published name it is an error.
    (mine / "corpus-1.0.tar.gz").write_bytes(OTHER)
    with pytest.raises(downloads.DigestError, match="it is another file") as raised:
        will_do = "The folder will do: corpus"
        manager(infos, manual_dir=mine, manual_dir_instructions=will_do).download(files)
    assert will_do in str(raised.value)


def test_the_first_of_several_copies_that_is_the_file_is_taken(server, manager, tmp_path):
    url = server.add("/corpus.bin", CONTENT)
    infos = {url: published(CONTENT, "md5", size=False)}
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "corpus (1).bin").write_bytes(OTHER)
    (mine / "corpus (2).bin").write_bytes(CONTENT)
    (mine / "corpus (3).bin").write_bytes(CONTENT)
    path = manager(infos, manual_dir=mine).download(url)
    assert pathlib.Path(path) == mine / "corpus (2).bin"
    for name in ("corpus (2).bin", "corpus (3).bin"):
        (mine / name).write_bytes(OTHER)
    assert manager(infos, manual_dir=mine).download(url).read_bytes() == CONTENT
    assert len(server.requests("/corpus.bin")) == 1


def test_without_a_digest_only_the_published_name_counts(server, manager, tmp_path):
    url = server.add("/corpus.bin", CONTENT, statuses=[(404, {}, b"")])
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "corpus (1).bin").write_bytes(CONTENT)
    with pytest.raises(downloads.DownloadError) as raised:
        manager({url: unpublished()}, manual_dir=mine).download(url)
    assert "corpus (1).bin is not taken for corpus.bin: no digest is known" in str(raised.value)
    # What was seen first is one.
    (mine / "corpus.bin").write_bytes(CONTENT)
    manager({url: unpublished()}, manual_dir=mine).download(url)
    (mine / "corpus.bin").unlink()
    path = manager({url: unpublished()}, manual_dir=mine).download(url)
    assert pathlib.Path(path) == mine / "corpus (1).bin"


def test_files_that_come_by_hand_under_other_names(manager, tmp_path):
    form = ManualFile("corpus.zip", "http://h/form", TERMS)
    infos = {form.url: published(CONTENT, name="corpus.zip")}
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "corpus (1).zip").write_bytes(OTHER)
    with pytest.raises(downloads.MissingFilesError) as raised:
        manager(infos, manual_dir=mine).download(form)
    assert "corpus (1).zip is not taken for corpus.zip: its sha256 is " in str(raised.value)
    assert TERMS in str(raised.value)
    (mine / "corpus (2).zip").write_bytes(CONTENT)
    path = manager(infos, manual_dir=mine).download(form)
    assert pathlib.Path(path) == mine / "corpus (2).zip"


def test_offline_with_everything_there_no_socket_is_touched(server, manager, tmp_path):
    infos = {
        server.add("/a.bin", CONTENT): published(CONTENT, name="a.bin"),
        server.add("/b.bin", CONTENT): published(CONTENT, "md5", name="b.bin"),
        server.add("/c.bin", CONTENT): unpublished("c.bin"),
        server.add("/d.bin", CONTENT): published(CONTENT, "sha1", name="d.bin"),
    }
    urls = list(infos)
    manager(infos).download(urls[:3])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "d.bin").write_bytes(CONTENT)
    with no_network():
        paths = manager(infos, manual_dir=tmp_path / "mine").download(urls)
        assert [path.read_bytes() for path in paths] == [CONTENT] * 4


def test_offline_without_the_files_the_error_says_which_to_bring(manager, tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    infos = {f"http://h/{n}": published(CONTENT, name=f"{n}.bin") for n in range(3)}
    with pytest.raises(downloads.DownloadError) as raised:
        manager(
            infos, manual_dir=tmp_path / "mine", manual_dir_instructions="Ask the publisher."
        ).download(list(infos))
    text = str(raised.value)
    assert f"Put into {tmp_path / 'mine'}, under exactly these names" in text
    assert all(f"  {info.filename} ({info}) from {url}" in text for url, info in infos.items())
    assert "Ask the publisher." in text and "Temporary failure in name resolution" in text


# -------------------------------------------------------------------------------- plan and disk


def test_plan(server, manager, tmp_path):
    infos = {
        server.add("/a.bin", CONTENT): published(CONTENT, name="a.bin"),
        server.add("/b.bin", CONTENT, cuts=[1_000_000] * 9): published(CONTENT, name="b.bin"),
        server.add("/c.bin", CONTENT): published(CONTENT, "md5", name="c.bin"),
        server.add("/d.bin", CONTENT): unpublished("d.bin"),
    }
    a, b, c, d = infos
    form = ManualFile("e.bin", "http://h/form", "Sign it.")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "c.bin").write_bytes(CONTENT)
    dl_manager = manager(infos, manual_dir=tmp_path / "mine")
    dl_manager.download(a)
    with pytest.raises(downloads.DownloadError):
        manager(infos, policy=transfer.Policy(attempts=1)).download(b)
    with no_network():
        plan = dl_manager.plan({"x": [a, b], "y": (c, Mirrors([d, a])), "z": form, "again": a})
        by_name = {file.file_name: file for file in plan}
    seen = {n: (f.state, str(f.amount), str(f.remaining)) for n, f in by_name.items()}
    assert seen == {
        "a.bin": (downloads.CACHED, "2.86 MiB", "0 bytes"),
        "b.bin": (downloads.UNFINISHED, "2.86 MiB", "1.91 MiB"),
        "c.bin": (downloads.MANUAL, "2.86 MiB", "0 bytes"),
        "d.bin": (downloads.TO_FETCH, "unknown", "unknown"),
        "e.bin": (downloads.MISSING, "unknown", "0 bytes"),
    }
    assert by_name["c.bin"].path == tmp_path / "mine" / "c.bin"
    assert by_name["e.bin"].path == tmp_path / "mine" / "e.bin"
    assert by_name["a.bin"].path.read_bytes() == CONTENT
    assert len(server.requests("/d.bin")) == 0
    server.routes["/b.bin"].cuts = []
    assert pathlib.Path(dl_manager.download(b)) == by_name["b.bin"].path


def test_too_little_disk_is_said_before_the_first_byte(server, manager, monkeypatch):
    urls = [server.add(f"/{n}.bin", CONTENT) for n in range(2)]
    infos = {url: published(CONTENT, name=url[-5:]) for url in urls}
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5_999_999))
    message = "6,000,000 bytes are to be fetched, 5,999,999 are free. Free some space"
    with pytest.raises(CorpusError, match=message):
        manager(infos).download(urls)
    assert not any(route.requests for route in server.routes.values())
    manager(infos).download(urls[0])
    # What is there already is not counted, in whole or in part.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2_000_000))
    with pytest.raises(CorpusError, match="3,000,000 bytes are to be fetched"):
        manager(infos).download(urls)
    # Where the size was not published, the server's word is as good.
    with pytest.raises(CorpusError, match="3,000,000 bytes are to be fetched"):
        manager({urls[1]: unpublished()}).download(urls[1])
    assert server.routes["/1.bin"].sent <= len(CONTENT)
    monkeypatch.undo()


def test_approximate_sizes_are_counted_and_said(server, manager, tmp_path, monkeypatch):
    names = ("full.bin", "small.bin", "other.bin")
    md5 = f"{hashlib.md5(CONTENT).hexdigest()}  full.bin\n"
    full, small, other = (server.add(f"/{name}", CONTENT) for name in names)
    rows = [
        (full, 0, "md5", "full.bin"),
        (small, len(CONTENT), digest("sha256", CONTENT), "small.bin"),
        (other, 0, "unpublished", "other.bin"),
    ]
    tsv = write_checksums(
        tmp_path,
        rows,
        md5=md5,
        about="# Why.\nfile\tbytes\tsource\nfull.bin\t943819063296\t879 GiB in the README\n",
    )
    assert list(checksums.load_url_infos(tsv)) == [full, small, other]  # TFDS's reader.
    infos = digests.load_published(tsv)
    assert str(infos[full]).startswith("about 943,819,063,296 bytes, md5 ")
    dl_manager = manager(infos)
    planned = dl_manager.plan([full, small, other])
    assert [str(file.amount) for file in planned] == ["about 879.00 GiB", "2.86 MiB", "unknown"]
    sums = [sum((f.remaining for f in some), digests.Amount()) for some in (planned, planned[:2])]
    assert list(map(str, sums)) == ["at least about 879.00 GiB", "about 879.00 GiB"]
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**11))
    with pytest.raises(CorpusError, match="free disk: at least about 943,822,063,296 bytes are to"):
        dl_manager.download([full, small, other])
    assert not any(route.requests for route in server.routes.values())
    # What is there already is no more about anything.
    (tmp_path / "downloads" / "manual").mkdir(parents=True)
    (tmp_path / "downloads" / "manual" / "full.bin").write_bytes(CONTENT)
    assert [str(file.amount) for file in dl_manager.plan(full)] == ["2.86 MiB"]
    assert str(digests.Amount(5).less(7)) == "0 bytes"
    # A row whose exact size was found out since is that.
    rows[0] = (full, len(CONTENT), "md5", "full.bin")
    infos = digests.load_published(write_checksums(tmp_path, rows, md5=md5))
    assert infos[full].amount == digests.Amount(len(CONTENT))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("b\t5\tx", "corpus.tsv has no row for b"),
        ("a\t5 GB\tx", "not a file, a number of bytes and a source"),
        ("a\t5\t", "not a file, a number of bytes and a source"),
    ],
)
def test_approximate_sizes_that_are_none(tmp_path, row, message):
    about = f"file\tbytes\tsource\n{row}\n"
    tsv = write_checksums(tmp_path, [("u", 0, "unpublished", "a")], about=about)
    with pytest.raises(ValueError, match=message):
        digests.load_published(tsv)


def test_every_published_file_has_a_size_or_nobody_says_it():
    for tsv in sorted(registry.resource_dir("checksums").glob("*.tsv")):
        infos = digests.load_published(tsv)
        rows = []
        if tsv.with_suffix(".about").exists():
            rows = tables.read_tsv(tsv.with_suffix(".about"))
            exact = {info.filename for info in infos.values() if info.size}
            assert rows and not exact & {row["file"] for row in rows}, tsv
        unknown = {info.filename for info in infos.values() if not info.amount.size}
        # Of these it is said, for all to see, that nobody says how large they are.
        assert unknown == {row["file"] for row in rows if row["bytes"] == "0"}, tsv


def test_a_partial_file_that_is_taken_away_in_between(server, manager, monkeypatch):
    """The message is about what failed, not about a file that another thread removes."""
    url = server.add("/corpus.bin", CONTENT, statuses=[(404, {}, b"")] * 9)
    infos = {url: published(CONTENT)}
    target = manager(infos).plan(url)[0].path
    part = target.with_name(f"{target.name}.partial")
    stat = pathlib.Path.stat

    def stat_once(self, **kwargs):
        found = stat(self, **kwargs)
        if self == part:
            part.unlink()
        return found

    monkeypatch.setattr(pathlib.Path, "stat", stat_once)
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"begun")
    (planned,) = manager(infos).plan(url)
    assert (planned.state, planned.received) == (downloads.UNFINISHED, 5)
    assert [file.state for file in manager(infos).plan(url)] == [downloads.TO_FETCH]
    explain = downloads.DownloadManager._explain

    def explain_late(self, *args):
        part.write_bytes(b"begun by another")
        return explain(self, *args)

    monkeypatch.setattr(downloads.DownloadManager, "_explain", explain_late)
    with pytest.raises(downloads.DownloadError, match="404 Not Found"):
        manager(infos).download(url)


def test_a_full_disk_keeps_what_was_fetched(server, manager):
    url = server.add("/corpus.bin", CONTENT)
    infos = {url: published(CONTENT)}
    write = transfer.Partial.write

    def full(self, block):
        if self.size > 1_000_000:
            raise OSError(28, "No space left on device")
        write(self, block)

    with mock.patch.object(transfer.Partial, "write", full):
        with pytest.raises(CorpusError, match="What was fetched is kept"):
            manager(infos).download(url)
    assert manager(infos).plan(url)[0].state == downloads.UNFINISHED
    assert manager(infos).download(url).read_bytes() == CONTENT
    assert int(server.requests("/corpus.bin")[1]["Range"][6:-1]) > 1_000_000


# ---------------------------------------------------------------------------- several processes

_WORKER = """
    import json, os, sys
    sys.path[:0] = json.loads(sys.argv[1])
    from tensorflow_datasets.core import units
    import tensorflow_datasets as tfds
    from tfds_extra.core import digests, downloads
    tfds.disable_progress_bar()
    for line in sys.stdin:  # Imported once; each line is one process that downloads.
        child = os.fork()
        if not child:
            try:
                url, size, digest, folder = json.loads(line)
                info = digests.Published(
                    units.Size(size), digest.get("sha256", ""), "corpus.bin", digest
                )
                dl_manager = downloads.DownloadManager(
                    download_dir=folder, dataset_name="corpus", url_infos={url: info}
                )
                print("done", dl_manager.download(url), flush=True)
            except Exception as e:
                print("failed", repr(str(e)), flush=True)
            os._exit(0)
        print("pid", child, flush=True)
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")


class Workers:
    """Makes processes that download a file, quickly."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_WORKER), json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._lines: list[str] = []

    def start(self, url: str, content: bytes, kind: str, folder: pathlib.Path) -> int:
        """Starts a download; returns the id of its process."""
        digest = {kind: hashlib.new(kind, content).hexdigest()}
        task = json.dumps([url, len(content), digest, os.fspath(folder)])
        self._process.stdin.write(f"{task}\n")
        self._process.stdin.flush()
        return int(self.line("pid"))

    def line(self, kind: str) -> str:
        """The next line of output of a kind."""
        while True:
            for line in self._lines:
                if line.startswith(kind):
                    self._lines.remove(line)
                    return line.partition(" ")[2]
            line = self._process.stdout.readline().strip()
            assert line and not line.startswith("failed"), line
            self._lines.append(line)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.close()


@pytest.mark.slow
@needs_fork
@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_two_processes_that_want_the_same_file(server, workers, tmp_path, kind):
    url = server.add("/corpus.bin", CONTENT, speed=3_000_000)
    for _ in range(2):
        workers.start(url, CONTENT, kind, tmp_path / "downloads")
    paths = {workers.line("done") for _ in range(2)}
    assert len(paths) == 1 and pathlib.Path(paths.pop()).read_bytes() == CONTENT
    assert len(server.requests("/corpus.bin")) == 1
    assert len(cached_files(tmp_path)) == 1
    assert not list((tmp_path / "downloads" / "corpus").glob("*.lock"))


# Bytes received, journal; then number of requests, and the first byte of the first.
LEFT_BEHIND = {
    "all but the name": (CONTENT, {"length": 3_000_000}, 0, None),
    "a part": (CONTENT[:2_000_000], {"length": 3_000_000}, 1, 2_000_000),
    "a part of another file": (OTHER[:2_000_000], {"length": 3_000_000}, 2, 2_000_000),
    "all of another file": (OTHER, {"length": 3_000_000}, 1, 0),
    "more than the file": (CONTENT + b"x", {"length": 3_000_001}, 1, 0),
    "a part of who knows what": (CONTENT[:2_000_000], None, 1, 0),
    "a part and half a journal": (CONTENT[:2_000_000], "half", 1, 0),
    "nothing but a journal": (b"", {"length": 3_000_000}, 1, 0),
}


@pytest.mark.parametrize("kind", ["sha256", "md5"])
@pytest.mark.parametrize("case", LEFT_BEHIND)
def test_what_a_killed_process_left(server, manager, tmp_path, case, kind):
    content, journal, requests, first = LEFT_BEHIND[case]
    url = server.add("/corpus.bin", CONTENT, etag=None, last_modified=False)
    infos = {url: published(CONTENT, kind)}
    target = manager(infos).plan(url)[0].path
    part = target.with_name(f"{target.name}.partial")
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(content)
    if journal:
        text = '{"url": "' if journal == "half" else json.dumps({"url": url, **journal})
        part.with_name(f"{part.name}.json").write_text(text)
    target.with_name(f"{target.name}.lock").touch()
    # It may also have had the time to note what it was about to put there.
    resource_lib.write_info_file(
        url=url,
        path=resource_lib.epath.Path(target),
        dataset_name="corpus",
        original_fname="corpus.bin",
        url_info=digests.url_info(*dataclass_values(published(CONTENT))),
    )
    assert not cached_files(tmp_path)
    assert manager(infos).download(url).read_bytes() == CONTENT
    asked = [int(r.get("Range", "bytes=0-")[6:-1]) for r in server.requests("/corpus.bin")]
    assert len(asked) == requests and asked[:1] == ([] if first is None else [first])
    assert {p.name for p in target.parent.iterdir()} == {target.name, f"{target.name}.INFO"}


@needs_fork
@pytest.mark.slow
def test_a_transfer_that_is_killed_ten_times_goes_on(server, workers, tmp_path):
    content = os.urandom(200 << 20)
    chance = random.Random(1)
    goals = [int(len(content) * n / 11 * chance.uniform(0.95, 1.05)) for n in range(1, 11)]
    # Killed in the middle of it; only the last one waits to be, lest it be done before.
    stalls = [len(content) + 1] * 9 + goals[-1:]
    url = server.add("/corpus.bin", content, speed=80e6, stalls=stalls)
    route = server.routes["/corpus.bin"]
    for goal in goals:
        process = workers.start(url, content, "sha256", tmp_path / "downloads")
        deadline = time.monotonic() + 10
        while route.sent < goal:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        os.kill(process, signal.SIGKILL)
        assert not cached_files(tmp_path)
    workers.start(url, content, "sha256", tmp_path / "downloads")
    path = pathlib.Path(workers.line("done"))
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(content).digest()
    assert len(route.requests) == 11
    assert all("If-Range" in headers for headers in route.requests[1:])
    assert route.sent < 1.2 * len(content)


def test_threads_of_one_process_take_turns(server, manager, tmp_path):
    url = server.add("/corpus.bin", CONTENT, speed=6_000_000)
    infos = {url: published(CONTENT)}
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        paths = list(pool.map(lambda _: manager(infos).download(url), range(3)))
    assert len(set(paths)) == 1 and paths[0].read_bytes() == CONTENT
    assert len(server.requests("/corpus.bin")) == 1


def test_a_lock_whose_file_its_last_holder_deleted_is_none(tmp_path, monkeypatch):
    path = tmp_path / "x.lock"
    acquire, deleted = locks.fasteners.InterProcessLock.acquire, []

    def acquire_and_lose(self, **kwargs):
        got = acquire(self, **kwargs)
        if not deleted:
            deleted.append(os.unlink(path))
        return got

    monkeypatch.setattr(locks.fasteners.InterProcessLock, "acquire", acquire_and_lose)
    with locks.alone(path, time.sleep) as locked:
        assert locked and path.exists() and deleted
    assert not path.exists()


def test_a_file_system_without_locks(server, manager, tmp_path, monkeypatch):
    def no_locks(*args, **kwargs):
        raise threading.ThreadError("No locks available")

    monkeypatch.setattr("fasteners.InterProcessLock.acquire", no_locks)
    url = server.add("/corpus.bin", CONTENT, cuts=[1_000_000] * 9, ranges=False)
    infos = {url: published(CONTENT)}
    with pytest.raises(downloads.DownloadError):
        manager(infos).download(url)
    assert not [p for p in (tmp_path / "downloads" / "corpus").glob("*") if "partial" in p.name]
    server.routes["/corpus.bin"].cuts = []
    assert manager(infos).download(url).read_bytes() == CONTENT
