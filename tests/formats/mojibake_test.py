"""Mojibake is turned back, and other text is left alone."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from tfds_extra.formats import mojibake

_LETTERS = "caf\xe9 na\xefve \xa3 \u2019 \u266b \u0e01 \U0001f600"


def _damaged(text: str, encoding: str) -> str:
    """UTF-8 taken for something else; Windows-1252 leaves five bytes undefined."""
    chars = (bytes([byte]) for byte in text.encode())
    if encoding == "latin-1":
        return "".join(char.decode("latin-1") for char in chars)
    return "".join(char.decode("cp1252", "ignore") or char.decode("latin-1") for char in chars)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_turned_back(encoding, times):
    damaged = _LETTERS
    for _ in range(times):
        damaged = _damaged(damaged, encoding)
    assert damaged != _LETTERS
    assert mojibake.repair(damaged) == _LETTERS


@hypothesis.given(st.text(st.characters(min_codepoint=0x100, exclude_categories=["Cs"])))
def test_every_text_beyond_latin_1_comes_back(text):
    hypothesis.assume(mojibake.repair(text) == text)
    assert mojibake.repair(_damaged(text, "latin-1")) == text


@pytest.mark.parametrize(
    "text",
    ["", "plain", "caf\xe9", "\xc3 la carte", "\xe2\x82", "\xc2\u2026", "\ufffd\xc3", "\xbb\xc3"],
)
def test_left_alone(text):
    assert mojibake.repair(text) == text


def test_parts_of_a_text():
    assert mojibake.repair("\xe9t\xc3\xa9 \xc3") == "\xe9t\xe9 \xc3"


def test_unescape_once():
    assert (
        mojibake.unescape("&amp;lt; &lt;3 &copy; &nosuch; &#8217;")
        == "&lt; <3 \xa9 &nosuch; \u2019"
    )
