"""What the README says is so."""

from __future__ import annotations

import configparser
import functools
import re
import sys
import types
from unittest import mock

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import constants

import tfds_extra
from tfds_extra import core, registry


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
    rows = re.findall(r"^\| .*? \| `(\w+)` \| .* \|$", readme, re.MULTILINE)
    assert sorted(rows) == list(registry.names())


def test_folds(readme, data_dir, monkeypatch):
    monkeypatch.setattr(constants, "DATA_DIR", str(data_dir))
    read = mock.Mock()  # 20 pipelines of tf.data would take long.
    monkeypatch.setattr(core.Builder, "as_dataset", read)
    (snippet,) = re.findall(r"```python\n([^`]*tfds_extra\.folds[^`]*)```", readme)
    exec(snippet, {"tfds": tfds, "tfds_extra": tfds_extra})
    splits = [call.kwargs["split"] for call in read.call_args_list]
    names = [f"fold{number}" for number in range(1, 11)]
    assert splits[1::2] == names
    assert splits[::2] == ["+".join(n for n in names if n != name) for name in names]


def test_pytorch_recipe(readme, data_dir, monkeypatch):
    """With a stand-in for PyTorch that batches as its DataLoader does."""

    class DataLoader:
        def __init__(self, source, *, batch_size, shuffle, collate_fn, num_workers, **kwargs):
            # Given to workers by name, hence defined outside of the guard.
            assert shuffle and num_workers and kwargs["multiprocessing_context"] == "forkserver"
            self.source, self.size, self.collate = source, batch_size, collate_fn

        def __iter__(self):
            for first in range(0, len(self.source), self.size):
                keys = range(first, min(first + self.size, len(self.source)))
                yield self.collate(self.source.__getitems__(list(keys)))

    torch = types.SimpleNamespace(from_numpy=np.asarray, tensor=np.array)
    monkeypatch.setitem(sys.modules, "torch", torch)
    data = types.SimpleNamespace(DataLoader=DataLoader)
    monkeypatch.setitem(sys.modules, "torch.utils.data", data)
    monkeypatch.setattr(
        tfds,
        "data_source",
        functools.partial(tfds.data_source, data_dir=data_dir, builder_kwargs={"miniature": True}),
    )
    (recipe,) = re.findall(r"```python\n(import numpy.*?DataLoader.*?)\n```", readme, re.DOTALL)
    printed = []
    names = {"__name__": "__main__", "print": lambda *args: printed.append(args)}
    exec(compile(recipe, "README.md", "exec"), names)
    assert [shape[0] for shape, _ in printed] == [32, 28]
    audio, lengths, labels = next(iter(names["loader"]))
    assert audio.dtype == np.int16 and len(set(lengths)) > 1 and audio.shape[1] == max(lengths)
    for row, length, label, example in zip(audio, lengths, labels, names["source"]):
        assert np.array_equal(row[:length], example["audio"]) and not row[length:].any()
        assert label == example["label"]


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
