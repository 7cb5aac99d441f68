"""HINT: the name of the corpus: every published file at hand, against an independent reader."""

from __future__ import annotations

import pathlib

import preparing
import pytest


@pytest.fixture(scope="module")
def real(shared) -> pathlib.Path:
    folder = shared / "real" / "yelp_open"
    if not folder.is_dir():
        pytest.skip(f"the published files are not here: no {folder}")
    return folder


def test_every_example(real, tmp_path):
    builder = preparing.prepared("yelp_open", tmp_path, real, partial=True)
    found = preparing.examples(builder, "filename")
    # HINT: read the same files with a library that shares no code with the builder.
    for name, example in found.items():
        assert example["text"] == (real / "yelp_open-1.0" / name).read_bytes()
