"""Makes dummy_data/yelp_open: HINT: what is made up, in the published layout.

Run it as a script after a change: `python tests/datasets/yelp_open/make_miniature.py`.
"""

from __future__ import annotations

import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

_HOMEPAGE = "https://example.org/yelp_open"
_ROOT = "yelp_open-1.0"
_WORDS = {"glad": "what a fine day", "sad": "nothing but rain"}
_NUMBERS = {"train": 4, "test": 2}


def texts() -> dict[str, bytes]:
    """Content of the texts by member name."""
    # HINT: as small as may be, with each oddity of the real files once: a model learns something from
    # it, and `tfds-extra show` gives a picture that says something. Nothing from the real corpus.
    return {
        f"{split}/{label}_{number}.txt": f"{words}, number {number}\n".encode()
        for split, count in _NUMBERS.items()
        for label, words in _WORDS.items()
        for number in range(1, count + 1)
    }


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    files = texts() | {"README": b"A miniature of the published corpus: made up.\n"}
    archive = miniature_files.tar_gz({f"{_ROOT}/{name}": c for name, c in files.items()})
    miniature_files.write_files(
        folder, {f"{_HOMEPAGE}/yelp_open-1.0.tar.gz": ("yelp_open-1.0.tar.gz", archive)}
    )
    miniature_files.write_table(
        folder / "counts.tsv",
        ["config", "split", "examples"],
        [("*", split, len(_WORDS) * count) for split, count in _NUMBERS.items()],
    )
    miniature_files.write_table(
        folder / "members.tsv",
        ["member", "sha256"],
        [(name, hashlib.sha256(content).hexdigest()) for name, content in texts().items()],
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "yelp_open")
