"""Wikipedia: what the host says of a dump is what its files are held against."""

from __future__ import annotations

import bz2
import functools
import hashlib
import http.server
import pathlib
import threading

import miniature_scripts
import preparing
import pytest
import tampering

from tfds_extra.datasets.wikipedia_corpus import dump_files

_MADE = miniature_scripts.load("wikipedia_corpus")
_ARTICLES = len(_MADE.articles())


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def host(tmp_path, monkeypatch) -> pathlib.Path:
    """A folder that is served in place of the dumps' host."""
    folder = tmp_path / "host"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setattr(dump_files, "url", lambda wiki, date, name: f"{address}/{name}")
        yield folder
        server.shutdown()


def _publish(folder: pathlib.Path, **changed: bytes) -> None:
    dump, index = _MADE.multistream()
    files = {_MADE.DUMP: dump, _MADE.INDEX: bz2.compress(index)}
    (folder / "dumpstatus.json").write_bytes(changed.get("status", _MADE.status(files)))
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_a_dump_is_downloaded(host, data_dir):
    _publish(host)
    builder = preparing.prepared("wikipedia_corpus/20260901.simple", data_dir)
    assert builder.info.splits["train"].num_examples == _ARTICLES


def test_a_dump_that_differs_from_its_status(host, data_dir):
    dump, index = _MADE.multistream()
    other = {_MADE.DUMP: dump[:-1] + b"x", _MADE.INDEX: bz2.compress(index)}
    _publish(host, status=_MADE.status(other))
    name = "wikipedia_corpus/20260901.simple"
    with pytest.raises(ValueError, match=f"{_MADE.DUMP}.*md5"):
        preparing.prepared(name, data_dir)


def test_a_dump_that_is_not_done_or_not_there(host, data_dir):
    dump, index = _MADE.multistream()
    files = {_MADE.DUMP: dump, _MADE.INDEX: bz2.compress(index)}
    _publish(host, status=_MADE.status(files, "in-progress"))
    name = "wikipedia_corpus/20260901.simple"
    tampering.prepare_refused(name, data_dir / "a", "in-progress", error=ValueError, partial=False)
    _publish(host, status=_MADE.status({_MADE.DUMP: dump}))
    tampering.prepare_refused(name, data_dir / "b", _MADE.INDEX, error=ValueError, partial=False)


def test_the_newer_product(host, data_dir):
    """Its list is SHA256SUMS, and its files are parts without index."""
    lines = []
    for number, pages in enumerate((_MADE.PAGES[:9], _MADE.PAGES[9:])):
        name = f"simplewiki-2026-09-01-p{number * 21 + 1}p{number * 21 + 21}.xml.bz2"
        body = "".join(_MADE.page(p, 3 + 2 * _MADE.PAGES.index(p)) for p in pages)
        content = bz2.compress(f"{_MADE.header()}{body}</mediawiki>\n".encode())
        (host / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (host / "SHA256SUMS").write_text("".join(lines))
    builder = preparing.prepared("wikipedia_corpus/2026-09-01.simple", data_dir)
    assert builder.info.splits["train"].num_examples == _ARTICLES


def test_latest_is_brought_by_hand(host, data_dir):
    name = "wikipedia_corpus/latest.simple"
    parts = ("by hand", "simplewiki-latest-pages-articles")
    tampering.prepare_refused(name, data_dir, *parts, error=ValueError, partial=False)
