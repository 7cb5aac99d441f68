"""Single published files: read as they are or unpacked, refused when damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle

import numpy as np
import pytest

from tfds_extra.core.archives import ArchiveError, Content, Limits
from tfds_extra.core.engines import journal

_DATA = np.random.default_rng(0).integers(0, 50, 700_000, np.uint8).tobytes()
_PACKED = {"plain": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("kind", _PACKED)
@pytest.mark.parametrize("data", [_DATA, b"", b"x"], ids=["much", "nothing", "a byte"])
def test_is_read_unpacked(tmp_path, kind, data):
    path = tmp_path / "file"
    path.write_bytes(_PACKED[kind](data))
    content = pickle.loads(pickle.dumps(Content(path)))
    assert content.read() == data
    with content.open() as file:
        assert (file.read(10), file.read(300_000)) == (data[:10], data[10:300_010])
        assert file.read() == data[300_010:]
    with content.open() as file:  # Again.
        assert b"".join(iter(lambda: file.read(4096), b"")) == data
    assert str(content) == str(path)
    assert journal.size([{"a": content}]) == path.stat().st_size


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_damage(tmp_path, kind):
    path = tmp_path / "file"
    packed = _PACKED[kind](_DATA)
    path.write_bytes(packed[:-100])
    with pytest.raises(ArchiveError, match=rf"file: byte .*the {kind} data ends too early"):
        Content(path).read()
    path.write_bytes(packed[:5000] + bytes(50) + packed[5050:])
    with pytest.raises(ArchiveError, match=rf"file: byte .*the {kind} data is damaged"):
        Content(path).read()
    path.write_bytes(packed + b"more")
    with pytest.raises(ArchiveError, match=rf"file: byte .*the {kind} data"):
        Content(path).read()


def test_bomb(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(bytes(10_000_000)))
    with pytest.raises(ArchiveError, match="decompression bomb"):
        Content(path, Limits(ratio=100, ratio_from=1_000_000)).read()


def test_absent(tmp_path):
    for use in (Content.read, Content.open, Content.fingerprint):
        with pytest.raises(ArchiveError, match="absent: byte 0: No such file"):
            use(Content(tmp_path / "absent"))


def test_change_is_noticed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    before = Content(path).fingerprint()
    path.write_bytes(b"other")
    assert Content(path).fingerprint() != before
