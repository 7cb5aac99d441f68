"""The examples run, on the miniature, and what they write is a picture."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
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
