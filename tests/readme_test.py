"""What the README says is so."""

from __future__ import annotations

import re

import pytest

from tfds_extra import registry


@pytest.fixture(scope="module")
def readme(repository) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_test_command(repository, readme):
    commands = re.findall(r"```sh\n(.*?)\n```", readme, re.DOTALL)
    main_job, tests = commands[:2]
    assert main_job.startswith("python -m pip install") and "examples/spoken_digit.py" in main_job
    assert tests.endswith("pytest")
    assert tests in (repository / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_table_of_corpora(readme):
    rows = dict(re.findall(r"^\| .*? \| `(\w+)` \| (.*) \|$", readme, re.MULTILINE))
    assert len(rows) == 20
    working = sorted(name for name, state in rows.items() if state != "planned")
    assert working == list(registry.names())
