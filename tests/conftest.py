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


@pytest.hookimpl(tryfirst=True)  # Before pytest takes out what is not of the chosen tier.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of published files are slow ones: the quick tier needs the repository only.

    Those that install the wheel come first: at the end, one process would wait minutes for the other.
    """
    for item in items:
        if item.path.name == "real_test.py":
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.name != "packaging_test.py")


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
