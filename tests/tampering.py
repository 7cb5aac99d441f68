"""What the tests of bad input share: miniatures that are tampered with, and refused."""

from __future__ import annotations

import contextlib
import hashlib
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import preparing
import pytest
import tensorflow_datasets as tfds

from tfds_extra import core, registry


def use_miniature(monkeypatch: pytest.MonkeyPatch, name: str, folder: pathlib.Path) -> None:
    """Has a builder take a folder for its miniature."""
    cls = registry.builder_cls(name)
    monkeypatch.setattr(cls, "miniature_dir", classmethod(lambda cls: folder))


def use_facts(monkeypatch: pytest.MonkeyPatch, name: str, folder: pathlib.Path) -> None:
    """Has a builder, in every variant, take its tables of facts from a folder."""
    cls = registry.builder_cls(name)
    monkeypatch.setattr(cls, "facts_path", lambda self, file_name: folder / file_name)


def write_vouched(folder: pathlib.Path, file_name: str, content: bytes) -> None:
    """Writes a published file of a miniature, and has its checksums vouch for it."""
    (folder / file_name).write_bytes(content)
    table = folder / "checksums.tsv"
    lines = table.read_text().splitlines()
    for i, line in enumerate(lines):
        url, _, _, name = line.split("\t")
        if name == file_name:
            digest = hashlib.sha256(content).hexdigest()
            lines[i] = f"{url}\t{len(content)}\t{digest}\t{name}"
    table.write_text("\n".join(lines) + "\n")


class Miniature:
    """A copy of a miniature that can be tampered with, and that its builder takes for its own.

    Attributes:
      NAME: Of the builder.
      folder: Where the copy lies.
    """

    NAME: str

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        shutil.copytree(registry.builder_cls(self.NAME).miniature_dir(), folder)
        use_miniature(monkeypatch, self.NAME, folder)
        self.folder = folder

    def write_vouched(self, file_name: str, content: bytes) -> None:
        """Writes a published file, and has the checksums vouch for it."""
        write_vouched(self.folder, file_name, content)


@contextlib.contextmanager
def refused(
    name: str,
    data_dir: pathlib.Path,
    *parts: str,
    error: type[Exception] = ValueError,
    **kwargs: Any,
) -> Iterator[None]:
    """Inside, something is prepared and refused in one clear error; nothing is left to be loaded.

    Args:
      name: Of the builder, with or without a config.
      data_dir: Where it is prepared.
      *parts: What the error says.
      error: Its class.
      **kwargs: Of the builder; by default those of the miniature.
    """
    with pytest.raises(error) as caught:
        yield
    for part in parts:
        assert part in str(caught.value), str(caught.value)
    assert "\n\n" not in str(caught.value) and len(str(caught.value)) < 1000
    left = [p for p in data_dir.rglob("*") if p.is_file() and "downloads" not in p.parts]
    assert {path.name for path in left} <= {"metadata.json"}, left  # The name of a config.
    assert not list(data_dir.rglob("*incomplete*"))
    with pytest.raises(AssertionError, match="could not find data"):
        tfds.builder(name, data_dir=data_dir, **(kwargs or {"miniature": True})).as_dataset()


def prepare_refused(
    name: str,
    data_dir: pathlib.Path,
    *parts: str,
    error: type[Exception] = core.CorpusError,
    manual_dir: pathlib.Path | None = None,
    **kwargs: Any,
) -> None:
    """Prepares a corpus, which has to be `refused`.

    Args:
      name: As there, like `data_dir`, `parts`, `error` and `kwargs`.
      manual_dir: Where files lie that were brought by hand.
    """
    kwargs = kwargs or {"miniature": True}
    with refused(name, data_dir, *parts, error=error, **kwargs):
        preparing.prepared(name, data_dir, manual_dir, **kwargs)
