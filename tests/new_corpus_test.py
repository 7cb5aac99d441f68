"""The script that lays down a new corpus: what it writes works, and none of its hints is left here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import new_corpus
import pytest


@pytest.fixture
def checkout(repository, tmp_path):
    """A copy of what a contributor works in, without the other corpora's tests."""
    folder = tmp_path / "checkout"
    unneeded = shutil.ignore_patterns("__pycache__", "core", "features", "formats", "datasets")
    shutil.copytree(repository / "tests", folder / "tests", ignore=unneeded)
    for name in ("tfds_extra", "checksums", "dummy_data"):
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repository / name, folder / name, ignore=leave_out)
    shutil.copy(repository / "setup.cfg", folder)
    return folder


def run(checkout, *command):
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, *map(str, command)]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_what_it_lays_down_passes_its_tests(checkout):
    made = run(checkout, checkout / "tests" / "new_corpus.py", "small_talk")
    assert made.returncode == 0, made.stderr
    assert "tfds_extra/datasets/small_talk/small_talk_dataset_builder.py" in made.stdout.split()
    tested = run(checkout, "-m", "pytest", "-n", "0", "-m", "", "-q", "tests/datasets/small_talk")
    assert tested.returncode == 0, tested.stdout[-3000:]
    again = run(checkout, checkout / "tests" / "new_corpus.py", "small_talk")
    assert again.returncode == 2 and "is there already" in again.stderr


def test_refuses_what_is_no_name_and_what_is_there(checkout):
    before = sorted(checkout.rglob("*"))
    for name in ("Small-Talk", "class", "9lives", "../x"):
        with pytest.raises(ValueError, match="free_spoken_digit"):
            new_corpus.lay_down(name, checkout)
    with pytest.raises(FileExistsError, match="fma"):
        new_corpus.lay_down("fma", checkout)
    assert sorted(checkout.rglob("*")) == before


def test_no_hint_is_left(repository):
    mark = "HINT" + ":"
    for folder in ("tfds_extra", "checksums", "tests/datasets", "dummy_data"):
        for path in (repository / folder).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".tsv", ".md", ".bib", ".txt", ".about"):
                assert mark not in path.read_text("utf-8"), path
