"""The committed miniatures are what their scripts make, and small."""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile

import miniature_scripts
import pytest
import scipy.io

from tfds_extra import registry


@pytest.mark.parametrize("name", registry.names())
def test_script_makes_the_committed_files(name, tmp_path):
    miniature_scripts.load(name).make(tmp_path / name)
    committed = registry.builder_cls(name).miniature_dir()
    made = {p.relative_to(tmp_path / name) for p in (tmp_path / name).rglob("*")}
    assert made == {p.relative_to(committed) for p in committed.rglob("*")}
    for file in made:
        if file.name == "checksums.tsv":
            continue  # Of compressed files, which another zlib compresses otherwise.
        contents = [(folder / file).read_bytes() for folder in (tmp_path / name, committed)]
        if file.suffix == ".gz" or contents[0].startswith(b"\x1f\x8b"):
            contents = [gzip.decompress(content) for content in contents]
        elif file.suffix == ".xz":
            contents = [lzma.decompress(content) for content in contents]
        elif file.suffix == ".zip":
            contents = [_unzipped(content) for content in contents]
        elif file.suffix == ".mat":
            contents = [_arrays(content) for content in contents]
        assert contents[0] == contents[1], file
    assert sum(p.stat().st_size for p in committed.rglob("*")) < 100_000


def _unzipped(content: bytes) -> list[tuple[str, bytes]]:
    """Name and content of the members of a zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _arrays(content: bytes) -> dict[str, object]:
    """The variables of a MATLAB v5 file, and its header."""
    variables = scipy.io.loadmat(io.BytesIO(content))
    return {k: v.tolist() if hasattr(v, "tolist") else v for k, v in variables.items()}
