"""The lists beside the reviews of the Large Movie Review Dataset: films, words, and ratings of words.

Source: README of http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz, and the files.
"""

from __future__ import annotations

import re

import numpy as np

from tfds_extra.formats import FormatError, parser

_TITLE = re.compile(rb"http://www\.imdb\.com/title/tt([0-9]{7})/usercomments")
_RATING = re.compile(rb"-?[0-9]{1,3}(?:\.[0-9]{1,20})?(?:e-[0-9]{1,3})?")


@parser
def parse_titles(content: bytes) -> np.ndarray:
    """Returns the film of each review of a folder: line n, counted from 0, belongs to review n.

    Args:
      content: The file, `urls_pos.txt` or such.

    Returns:
      Numbers of IMDb's ids, 453418 for tt0453418, int32 of shape (lines,).

    Raises:
      FormatError: It is something else; the message names the line.
    """
    return np.array([int(match[1]) for match in _matches(content, _TITLE)], np.int32)


@parser
def parse_ratings(content: bytes) -> np.ndarray:
    """Returns the expected rating of each word.

    Args:
      content: The file, `imdbEr.txt`.

    Returns:
      float64 of shape (lines,).

    Raises:
      FormatError: It is something else; the message names the line.
    """
    return np.array([float(match[0]) for match in _matches(content, _RATING)], np.float64)


@parser
def parse_words(content: bytes) -> list[str]:
    """Returns the words of the vocabulary.

    Args:
      content: The file, `imdb.vocab`.

    Returns:
      The words, all different.

    Raises:
      FormatError: It is something else.
    """
    words = content.decode("utf-8").removesuffix("\n").split("\n")
    if len(set(words)) < len(words) or "" in words:
        raise FormatError("a word is there twice, or is empty")
    return words


def _matches(content: bytes, pattern: re.Pattern[bytes]) -> list[re.Match[bytes]]:
    matches = []
    for number, line in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1):
        match = pattern.fullmatch(line)
        if not match:
            raise FormatError(f"line {number:,} is not as published: {line[:80]!r}")
        matches.append(match)
    return matches
