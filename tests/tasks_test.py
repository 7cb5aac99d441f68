"""What the pages by task tell to type works: their code and commands run, on miniatures."""

from __future__ import annotations

import functools
import pathlib
import re
import shlex
import shutil
from collections.abc import Iterator

import pytest
from tensorflow_datasets.core import constants

from tfds_extra import cli, core, registry

_TASKS = pathlib.Path(__file__).resolve().parents[1] / "docs" / "tasks"
_BLOCK = re.compile(r"^( *)```(\S[^\n]*)?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_PAGES = ("load", "look", "train", "own_copy", "offline", "cluster", "verify")
_LINES = 80  # A page that is longer is no short one.


def _blocks(page: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Language and text of each block of code that runs."""
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        assert block[2], f"{page.name}: a block without a language: {block[3]}"
        if ".no-run" not in block[2]:
            yield block[2], block[3]


def test_each_page_is_short_and_run_here():
    pages = {path.stem for path in _TASKS.glob("*.md")}
    # tests/new_corpus_test.py runs its commands, in a checkout.
    assert pages == {*_PAGES, "add_a_corpus"}
    for path in _TASKS.glob("*.md"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("# ") and len(lines) < _LINES, path
        kinds = [language for language, _ in _blocks(path)]
        assert kinds and set(kinds) <= {"python", "sh"}, path


@pytest.fixture
def on_miniatures(tmp_path, monkeypatch):
    """Every builder that is made is one of a miniature; data lies in a home folder of its own."""
    made = core.Builder.__init__

    @functools.wraps(made)
    def make(self, *, miniature=False, **kwargs):
        del miniature
        made(self, miniature=True, **kwargs)

    monkeypatch.setattr(core.Builder, "__init__", make)
    monkeypatch.setattr(constants, "DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(registry.builder_cls("free_spoken_digit").miniature_dir(), tmp_path / "corpora")
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", _PAGES)
def test_code_and_commands(name, on_miniatures, capsys):
    names: dict[str, object] = {"__name__": "__main__"}
    for language, text in _blocks(_TASKS / f"{name}.md"):
        if language == "python":  # Blocks of a page go on from each other.
            exec(compile(text, f"{name}.md", "exec"), names)
            continue
        for line in text.replace("\\\n", "").splitlines():
            program, *arguments = shlex.split(line)
            assert program == "tfds-extra"
            # A shell does the first; TFDS reads the folder by default once, when it is imported.
            arguments = [re.sub("^~", str(pathlib.Path.home()), one) for one in arguments]
            arguments.append(f"--data_dir={constants.DATA_DIR}")
            assert not cli.main(arguments), capsys.readouterr().out
    said = capsys.readouterr().out
    assert "WRONG" not in said
