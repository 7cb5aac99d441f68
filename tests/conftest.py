"""Fixtures of all tests."""

from __future__ import annotations

import os
import pathlib

import pytest

# Before TensorFlow is imported: its start-up messages would bury the tests' own.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# Oracles import `sqlite3`: of whatever was imported first, all get the same (see `tfds_extra.core.sqlite`).
from tfds_extra.core.sqlite import sqlite3  # noqa: E402, F401

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"

# The test files that take several minutes, the longest first.
_LONGEST = (
    "packaging_test.py",
    "examples_test.py",
    "datasets/wordnet_synsets/real_test.py",
    "site_test.py",
    "tasks_test.py",
)


@pytest.hookimpl(tryfirst=True)  # Before pytest takes out what is not of the chosen tier.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of published files are slow ones: the quick tier needs the repository only.

    The files that take longest come first: begun at the end, they would keep one process busy while the
    others have nothing to do.
    """
    for item in items:
        if item.path.name == "real_test.py":
            item.add_marker(pytest.mark.slow)
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """The place of a test's file: those of `_LONGEST`, then the contracts, then all others."""
    path = item.path.relative_to(REPOSITORY / "tests").as_posix()
    if path in _LONGEST:
        return _LONGEST.index(path)
    return len(_LONGEST) + (item.path.name != "contract_test.py")


@pytest.fixture(scope="session")
def repository() -> pathlib.Path:
    """Root of the checkout."""
    return REPOSITORY


@pytest.fixture
def data_dir(tmp_path) -> pathlib.Path:
    """Folder for prepared data, not made yet."""
    return tmp_path / "data"


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """Folder `../shared` with published files and facts; skips the test where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the published files are not here: no {SHARED}")
    return SHARED


@pytest.fixture(scope="module")
def real(shared, request) -> pathlib.Path:
    """Folder of the published files of the corpus whose tests these are; skips where it is absent."""
    folder = shared / "real" / request.path.parent.name
    if not folder.is_dir():
        pytest.skip(f"the published files are not here: no {folder}")
    return folder


@pytest.fixture
def no_downloads(monkeypatch) -> None:
    """Nothing is fetched from anywhere."""

    def fetch(*args, **kwargs):
        raise AssertionError("something was to be downloaded")

    monkeypatch.setattr("requests.Session.get", fetch)
