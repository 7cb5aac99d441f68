"""What the README says is so."""

from __future__ import annotations

import configparser
import re

import pytest
from tensorflow_datasets.core import constants

from tfds_extra import registry


@pytest.fixture(scope="module")
def readme(repository) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_test_command(repository, readme):
    section = readme[readme.index("## Try it") :]
    main_job, tests = re.findall(r"```sh\n(.*?)\n```", section, re.DOTALL)[:2]
    assert main_job.startswith("python -m pip install") and "examples/spoken_digit.py" in main_job
    assert tests.endswith("pytest")
    assert tests in (repository / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_table_of_corpora(readme):
    rows = dict(re.findall(r"^\| .*? \| `(\w+)` \| (.*) \|$", readme, re.MULTILINE))
    assert len(rows) == 20
    working = sorted(name for name, state in rows.items() if state != "planned")
    assert working == list(registry.names())


def test_first_snippet_prints_what_it_says(readme, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    snippet, printed = re.search(
        r"```python\n(.*?)```\n\n```\n(.*?)```", readme, re.DOTALL
    ).groups()
    monkeypatch.setattr(constants, "DATA_DIR", str(tmp_path))
    exec(compile(snippet, "README.md", "exec"), {})
    assert capsys.readouterr().out.endswith(printed)


def test_no_link_needs_a_checkout(readme):
    """An index shows the README without the files beside it."""
    links = re.findall(r"\]\(([^)]*)\)", readme)
    assert len(links) > 8
    for link in links:
        assert link.startswith(("http://", "https://", "#")), link
        if link.startswith("#"):
            title = link.removeprefix("#").replace("-", " ")
            assert f"\n## {title}\n" in readme.lower()


def test_light_environment_is_all_but_the_heavy_packages(repository, readme):
    names = re.search(r"pip install (tensorflow-datasets .*)", readme)[1].split()
    config = configparser.ConfigParser()
    config.read(repository / "setup.cfg")
    required = {
        re.match(r"[\w-]+", line)[0]
        for line in config["options"]["install_requires"].splitlines()
        if line and not line.startswith("#") and "python_version" not in line
    }
    heavy = {"tensorflow", "apache-beam", "matplotlib", "mlcroissant"}
    assert set(names) == required - heavy and heavy < required
