"""The lists beside IMDB's reviews."""

from __future__ import annotations

import numpy as np
import pytest

from tfds_extra.formats import FormatError, imdb_lists

_LINE = b"http://www.imdb.com/title/tt%07d/usercomments\n"


@pytest.mark.parametrize("end", [b"\n", b""])
def test_titles(end):
    content = b"".join(_LINE % number for number in (453418, 0, 9999999)).removesuffix(b"\n") + end
    titles = imdb_lists.parse_titles(content)
    assert titles.dtype == np.int32 and titles.tolist() == [453418, 0, 9999999]


@pytest.mark.parametrize(
    "line", [b"", b"http://www.imdb.com/", _LINE[:-1] % 12345678, b"\xff", (_LINE % 1)[:-1] + b"\r"]
)
def test_no_titles(line):
    with pytest.raises(FormatError, match="line 2 is not as published"):
        imdb_lists.parse_titles(_LINE % 1 + line + b"\n" + _LINE % 2)


def test_ratings():
    published = ["0.0490972013402", "0", "-2.55498408869", "4.5", "-4.5", "-3.1e-05", "1e-17"]
    ratings = imdb_lists.parse_ratings("".join(f"{one}\n" for one in published).encode())
    assert ratings.dtype == np.float64 and ratings.tolist() == [float(one) for one in published]


@pytest.mark.parametrize("line", [b"", b"nan", b"1e999", b"1_0", b" 1", b"0x1", b"1" * 5000])
def test_no_ratings(line):
    with pytest.raises(FormatError, match="line 2 is not as published") as caught:
        imdb_lists.parse_ratings(b"0\n" + line + b"\n0\n")
    assert len(str(caught.value)) < 200


def test_words():
    words = ["the", "!", "won't", "clich\N{LATIN SMALL LETTER E WITH ACUTE}", "\x85"]
    assert imdb_lists.parse_words("\n".join(words).encode()) == words
    for content in (b"", b"a\nb\na", b"a\n\nb", b"\xff"):
        with pytest.raises(FormatError):
            imdb_lists.parse_words(content)
