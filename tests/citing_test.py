"""How corpora are cited, and which of them have folds."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tensorflow_datasets as tfds

import tfds_extra
from tfds_extra import cli, registry


@pytest.mark.parametrize("name", registry.names())
def test_cite_is_the_citation_of_the_info(name):
    cited = tfds_extra.cite(name)
    assert cited.startswith("@") and cited.endswith("}")
    assert cited == registry.builder_cls(name)().info.citation


def test_cite_other_names_and_none(capsys):
    with pytest.raises(AttributeError, match="no attribute 'quote'"):
        tfds_extra.quote  # noqa: B018
    assert tfds_extra.cite("UrbanSound8K") == tfds_extra.cite("urban_sound_8k/challenge:1.0.0")
    assert tfds_extra.cite("fsdd") == tfds_extra.cite("free_spoken_digit")
    with pytest.raises(ValueError, match="no corpus 'balroom'. Did you mean 'ballroom'?"):
        tfds_extra.cite("balroom")
    assert cli.main(["cite", "fsdd"]) == 0
    output, errors = capsys.readouterr()
    assert output.strip() == tfds_extra.cite("free_spoken_digit")
    assert "fsdd is called free_spoken_digit here" in errors
    assert cli.main(["cite", "balroom"]) == 1
    assert "Did you mean 'ballroom'?" in capsys.readouterr().err


@pytest.mark.slow
def test_citing_imports_no_builder():
    script = (
        "import sys, tfds_extra; tfds_extra.cite('fma'); print('tfds_extra.core' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize(
    "name, first, number", [("urban_sound_8k/folds", 1, 10), ("ballroom/dedup", 0, 8)]
)
def test_folds(name, first, number, data_dir):
    builder = tfds.builder(name, data_dir=data_dir, miniature=True)
    folds = tfds_extra.folds(builder)
    names = [f"fold{first + i}" for i in range(number)]
    assert [fold.test for fold in folds] == [fold.name for fold in folds] == names
    for fold in folds:
        assert sorted([*fold.train.split("+"), fold.test]) == sorted(names)
    # They are splits that TFDS reads, and each example is tested on once.
    builder.download_and_prepare()
    assert tfds_extra.folds(builder) == folds
    sizes = [
        (builder.info.splits[f.train].num_examples, builder.info.splits[f.test].num_examples)
        for f in folds
    ]
    total = builder.info.splits.total_num_examples
    assert sum(test for _, test in sizes) == total
    assert all(train + test == total and train and test for train, test in sizes)


def test_folds_of_corpora_without(data_dir):
    for name in ("urban_sound_8k/challenge", "ballroom", "qmnist"):
        with pytest.raises(ValueError, match="not published in folds") as caught:
            tfds_extra.folds(tfds.builder(name, data_dir=data_dir))
        assert "ballroom: dedup," in str(caught.value)
        assert "urban_sound_8k: folds," in str(caught.value)


def test_folds_of_a_part(data_dir):
    builder = tfds.builder("ballroom/dedup", data_dir=data_dir, miniature=True)
    builder.download_and_prepare()
    proto = builder.info.splits["fold3"]
    kept = [split for split in builder.info.splits.values() if split.name in ("fold3", "fold5")]
    builder.info.set_splits(tfds.core.splits.SplitDict(kept))
    assert tfds_extra.folds(builder) == [("fold3", "fold5", "fold3"), ("fold5", "fold3", "fold5")]
    builder.info.set_splits(tfds.core.splits.SplitDict([proto]))
    with pytest.raises(ValueError, match="of its folds there are only fold3"):
        tfds_extra.folds(builder)
