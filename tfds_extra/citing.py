"""Citations of corpora, in BibTeX, as their publishers ask for them."""

from __future__ import annotations

import pathlib

from tfds_extra import registry

_FOLDER = pathlib.Path(__file__).resolve().parent / "datasets"


def cite(name: str) -> str:
    """Returns the BibTeX entries to cite for a corpus; the corpus's own comes first.

    No builder is imported, so that this takes milliseconds.

    Args:
      name: Name of a corpus, or one of its other names. What follows a slash or a colon, such as a
        config, is passed over: all configs of a corpus have the same entries.

    Raises:
      ValueError: There is no such corpus; the message has the most similar name.
    """
    path = _FOLDER / registry.find(name.partition("/")[0].partition(":")[0]) / "CITATIONS.bib"
    return path.read_text(encoding="utf-8").strip()
