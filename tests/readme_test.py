"""What the README says is so."""

from __future__ import annotations

import functools
import re
import sys
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds

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
