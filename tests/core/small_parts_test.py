"""Tables of facts, pieces, errors and digests."""

from __future__ import annotations

import errno
import hashlib
import itertools
import struct

import google_crc32c
import pytest

from tfds_extra import core
from tfds_extra.core import errors, tables
from tfds_extra.core.engines.records import OrderDigest


def test_table(tmp_path):
    path = tmp_path / "facts.tsv"
    path.write_text('# A comment.\nname\tcount\nä "b"\t1\n\n# Another.\nc\t\n', encoding="utf-8")
    assert tables.read_tsv(path) == [
        {"name": 'ä "b"', "count": "1"},
        {"name": "c", "count": ""},
    ]
    path.write_text("name\tcount\nonly one\n")
    with pytest.raises(ValueError, match=r"facts\.tsv: line 2: 1 fields, not 2"):
        tables.read_tsv(path)


def test_by_split_reads_each_split_of_every_piece():
    def read(piece):
        for i in range(4):
            yield ("even" if i % 2 == 0 else "odd", f"{piece}{i}"), {"i": i}

    splits = core.by_split(["odd", "even"], ["a", "b"], read)
    assert list(splits) == ["odd", "even"]
    assert [key for key, _ in splits["odd"]] == ["a1", "a3", "b1", "b3"]
    assert [e["i"] for _, e in splits["even"]] == [0, 2, 0, 2]
    assert list(splits["even"]) == list(splits["even"])


def test_corpus_error_names_file_place_problem_and_remedy():
    error = core.CorpusError("a.tar", "b.wav", "is short", "Fetch it again.")
    assert str(error) == "a.tar: b.wav: is short. Fetch it again."
    assert str(core.CorpusError("a.tar", "", "is short")) == "a.tar: is short."
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("cause", [ValueError("bad."), OSError("bad")])
def test_located(cause):
    with pytest.raises(core.CorpusError) as caught:
        with core.located("a.tar", "b.wav"):
            raise cause
    assert str(caught.value) == "a.tar: b.wav: bad."
    assert caught.value.__cause__ is cause


def test_located_leaves_other_errors_and_what_is_located_alone():
    inner = core.CorpusError("x", "y", "z")
    for error in (KeyError("k"), inner):
        with pytest.raises(type(error)) as caught:
            with core.located("a.tar", "b.wav"):
                raise error
        assert caught.value is error


def test_disk_full():
    for error in (OSError(errno.ENOSPC, "x"), RuntimeError("...; No space left on device")):
        with pytest.raises(OSError, match="disk is full.*data_dir.*'/data'") as caught:
            with errors.disk_full_named("/data"):
                raise error
        assert caught.value.errno == errno.ENOSPC
    with pytest.raises(OSError, match="other"):
        with errors.disk_full_named("/data"):
            raise OSError(errno.EACCES, "other")


def test_order_digest():
    def digest(*records):
        running = OrderDigest()
        for record in records:
            running.update(record)
        return running.hexdigest()

    of_each = [struct.pack("<QI", len(r), google_crc32c.value(r)) for r in (b"ab", b"c")]
    assert digest(b"ab", b"c") == hashlib.sha256(b"".join(of_each)).hexdigest()
    variants = [digest(*r) for r in itertools.permutations([b"ab", b"c", b""])]
    variants += [digest(b"a", b"bc"), digest(b"abc"), digest(b"abc", b""), digest()]
    assert len(set(variants)) == len(variants)
