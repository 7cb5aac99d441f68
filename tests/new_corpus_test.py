"""The script that lays down a new corpus: what it writes works, and none of its hints is left here."""

from __future__ import annotations

import os
import re
import shlex
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
    # What the contract test serves peeks with is there.
    tests = shutil.ignore_patterns("__pycache__", "*_test.py")
    shutil.copytree(repository / "tests" / "core", folder / "tests" / "core", ignore=tests)
    for name in ("tfds_extra", "checksums", "dummy_data"):
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repository / name, folder / name, ignore=leave_out)
    shutil.copy(repository / "setup.cfg", folder)
    return folder


def run(checkout, *command):
    environment = {
        **os.environ, "PYTHONPATH": str(checkout), "TFDS_DATA_DIR": str(checkout / "data")
    }  # fmt: skip
    programs = {"python": [], "pytest": ["-m", "pytest"], "tfds-extra": ["-m", "tfds_extra"]}
    if command[0] in programs:
        command = [sys.executable, *programs[command[0]], *command[1:]]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_the_commands_that_lay_it_down_and_test_it(checkout, repository):
    """Those of the page on adding a corpus, in a checkout."""
    page = (repository / "docs" / "tasks" / "add_a_corpus.md").read_text("utf-8")
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    commands = [shlex.split(line) for line in block.splitlines()]
    assert [command[0] for command in commands] == ["python", "pytest", "tfds-extra", "grep"]
    done = [run(checkout, *command) for command in commands]
    for one in done:
        assert one.returncode == 0, one.stdout[-3000:] + one.stderr[-3000:]
    assert "tfds_extra/datasets/small_talk/small_talk_dataset_builder.py" in done[0].stdout.split()
    assert (checkout / "data" / "small_talk").is_dir()
    assert "small_talk/about.tsv" in done[3].stdout
    again = run(checkout, *commands[0])
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
