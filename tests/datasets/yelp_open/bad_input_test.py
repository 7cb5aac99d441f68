"""HINT: the name of the corpus: bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import miniature_files
import miniature_scripts
import pytest
import tampering

_MADE = miniature_scripts.load("yelp_open")
_ARCHIVE = "yelp_open-1.0.tar.gz"


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = "yelp_open"


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def test_archive_that_is_cut(miniature, data_dir):
    content = (miniature.folder / _ARCHIVE).read_bytes()
    miniature.write_vouched(_ARCHIVE, content[:-20])
    tampering.prepare_refused("yelp_open", data_dir, _ARCHIVE, error=ValueError)


def test_text_that_is_altered(miniature, data_dir):
    files = {**_MADE.texts(), "test/sad_2.txt": b"altered"}
    archive = miniature_files.tar_gz({f"yelp_open-1.0/{name}": c for name, c in files.items()})
    miniature.write_vouched(_ARCHIVE, archive)
    tampering.prepare_refused("yelp_open", data_dir, _ARCHIVE, "test/sad_2.txt", "sha256")


def test_text_that_is_missing(miniature, data_dir):
    files = _MADE.texts()
    del files["train/glad_1.txt"]
    archive = miniature_files.tar_gz({f"yelp_open-1.0/{name}": c for name, c in files.items()})
    miniature.write_vouched(_ARCHIVE, archive)
    tampering.prepare_refused("yelp_open", data_dir, _ARCHIVE, "train/glad_1.txt", "missing")


# HINT: each format of the corpus damaged: truncated, other encodings, numbers out of range, foreign
# and hostile files. /faults of the fact sheet, if there is one.
