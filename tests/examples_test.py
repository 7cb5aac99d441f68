"""The examples run, on miniatures and real slices, and what they write is a picture."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import image


def test_spoken_digit(repository, tmp_path):
    script = repository / "examples" / "spoken_digit.py"
    done = subprocess.run(
        [sys.executable, str(script), "--miniature", f"--data_dir={tmp_path}", "--epochs=20"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "free_spoken_digit/v1.0.10-miniature" in done.stdout
    accuracy = float(re.search(r"test accuracy: ([\d.]+)", done.stdout)[1])
    assert accuracy > 0.8  # The miniature's digits are tones; chance is 0.1.
    picture = image.imread(tmp_path / "spoken_digit.png")
    assert picture.shape == (800, 1200, 4)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 500


@pytest.mark.parametrize("which", ["miniature", "real slices"])
def test_urban_sound(repository, tmp_path, which, request):
    options, folds, slices = ["--miniature", "--folds=2"], 2, 6
    if which == "real slices":
        folder = request.getfixturevalue("shared") / "real" / "urban_sound_8k"
        options, folds, slices = ["--partial", f"--manual_dir={folder}"], 6, 18
    script = repository / "examples" / "urban_sound.py"
    done = subprocess.run(
        [sys.executable, str(script), *options, f"--data_dir={tmp_path}", "--epochs=1"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tested = re.findall(r"fold\d+: accuracy ([\d.]+) on (\d+) slice", done.stdout)
    assert len(tested) == folds and sum(int(count) for _, count in tested) == slices
    mean = float(re.search(r"mean accuracy over \d+ folds: ([\d.]+)", done.stdout)[1])
    np.testing.assert_allclose(mean, np.mean([float(one) for one, _ in tested]), atol=1e-4)
    picture = image.imread(tmp_path / "urban_sound.png")
    assert picture.shape == (600, 1200, 4)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 100
