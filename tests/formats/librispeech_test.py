"""LibriSpeech's text files: values, and what is damaged."""

from __future__ import annotations

import json
import math

import pytest

from tfds_extra import formats
from tfds_extra.formats import librispeech
from tfds_extra.formats.librispeech import Chapter, Speaker
from tfds_extra.formats.textgrid import Interval

_SPEAKERS = b""";ID  |SEX| SUBSET           |MINUTES| NAME
14   | F | train-clean-360  | 25.03 | Kristin LeMoine
60   | M | train-clean-100  | 20.18 | |CBW|Simon

"""
_CHAPTERS = b""";ID    |READER|MINUTES| SUBSET | PROJ.|BOOK ID| CH. TITLE | PROJECT TITLE
7      | 14   | 1.5  | dev-clean | 12 | 345 | One | Two | three
8      | 14   | 2.25 | dev-clean |    |     |     |
"""


def test_speakers():
    assert librispeech.parse_speakers(_SPEAKERS) == {
        14: Speaker("F", "train-clean-360", 25.03, "Kristin LeMoine"),
        60: Speaker("M", "train-clean-100", 20.18, "|CBW|Simon"),
    }


def test_line_ends_and_encodings():
    content = b"\xef\xbb\xbf" + _SPEAKERS.replace(b"Kristin", "Zoë".encode())
    content = content.replace(b"Simon", "Zoë".encode("latin-1")).replace(b"\n", b"\r\n")
    found = librispeech.parse_speakers(content)
    assert (found[14].name, found[60].name) == ("Zoë LeMoine", "|CBW|Zoë")


def test_chapters():
    assert librispeech.parse_chapters(_CHAPTERS) == {
        (7, 14): Chapter(1.5, "dev-clean", 12, 345, "One", "Two | three"),
        (8, 14): Chapter(2.25, "dev-clean", -1, -1, "", ""),
    }


def test_chapter_of_two_readers_and_short_lines():
    content = _CHAPTERS + b"7 | 15 | | dev-clean | 12\n7 | 14 | 9 | again\n"
    found = librispeech.parse_chapters(content)
    assert found[7, 14].minutes == 1.5
    assert math.isnan(found[7, 15].minutes) and found[7, 15][1:] == ("dev-clean", 12, -1, "", "")


def test_books():
    assert librispeech.parse_books(b"12\n") == {12: ""}
    content = b"; comment\n12 | A Title | An Author\n13|Other\nno number | left out\n12 | again\n"
    assert librispeech.parse_books(content) == {12: "A Title", 13: "Other"}


def test_transcript():
    content = b"1-2-0000 AND SO\n1-2-0001 IT'S\r\n"
    assert librispeech.parse_transcript(content) == {"1-2-0000": "AND SO", "1-2-0001": "IT'S"}
    assert librispeech.parse_transcript(content.rstrip()) == librispeech.parse_transcript(content)


def test_condensed():
    # The README's own sample, and one whose line ends with a blank.
    content = (
        b'84-121123-0000 ",GO,,DO,YOU,HEAR," "0.490,0.890,1.270,1.380,1.490,1.890,2.09"\n'
        b'84-121123-0001 ",A," "0,0.5,0.5" \n'
    )
    found = librispeech.parse_condensed(content)
    assert found["84-121123-0000"][:3] == [
        Interval(0, 0.49, ""), Interval(0.49, 0.89, "GO"), Interval(0.89, 1.27, ""),
    ]  # fmt: skip
    assert len(found["84-121123-0000"]) == 7
    assert found["84-121123-0001"][-1] == Interval(0.5, 0.5, "")


def _json(**interval) -> bytes:
    one = {"xmin": 0.5, "xmax": 1, "text": "ɡ", **interval}
    tiers = {"words": {"0": {"xmin": 0, "xmax": 0.5, "text": ""}, "1": one}}
    return json.dumps({"84-121123-0000.flac": tiers}).encode()


def test_json():
    expected = [Interval(0.0, 0.5, ""), Interval(0.5, 1.0, "ɡ")]
    assert librispeech.parse_json(_json()) == {"84-121123-0000": {"words": expected, "phones": []}}
    rounded = librispeech.parse_json(_json(xmin=0.4995))["84-121123-0000"]["words"]
    assert rounded[1].start == 0.4995
    many = {str(i): {"xmin": i, "xmax": i + 1, "text": str(i)} for i in reversed(range(12))}
    content = json.dumps({"a/1-2-0003.wav": {"words": {}, "phones": many}}).encode()
    phones = librispeech.parse_json(content)["1-2-0003"]["phones"]
    assert [phone.text for phone in phones] == [str(i) for i in range(12)]


@pytest.mark.parametrize(
    "parse, content, problem",
    [
        ("speakers", _SPEAKERS.replace(b"| M |", b"| X |"), "line 3: sex 'X'"),
        ("speakers", _SPEAKERS.replace(b"60 ", b"14 "), "line 3: 14 is there twice"),
        ("speakers", _SPEAKERS.replace(b"60 ", b"6o "), "line 3: '6o' is no whole number"),
        ("speakers", _SPEAKERS.replace(b"20.18", b"20,18"), "line 3: '20,18' is no number"),
        ("speakers", b"14 | F | train-clean-360 | 25.03", "line 1: 4 fields, not 5"),
        ("chapters", b"7\n", "line 1: 1 fields, not 8"),
        ("chapters", _CHAPTERS.replace(b"8      | 14", b"8      | x"), "line 3: 'x'"),
        ("transcript", b"1-2-0000\n", "line 1: not the id and words"),
        ("transcript", b"1-2-0000 A\n1-2-0000 B\n", "line 2: 1-2-0000 is there twice"),
        ("transcript", b"1-2-00 A\n", "line 1: not the id"),
        ("transcript", b"<html>\n", "line 1: not the id"),
        ("condensed", b'1-2-0000 ",A" "0.1"', "line 1: 2 words, and 1 times"),
        ("condensed", b'1-2-0000 ",A" "0.2,0.1"', "line 1: 0.1 s comes after 0.2 s"),
        ("condensed", b'1-2-0000 ",A" "0.2,x"', "line 1: 'x' is no number"),
        ("condensed", b"1-2-0000 A", "line 1: no alignment"),
        ("condensed", b'1-2-0000 "A" "1"\n1-2-0000 "A" "1"', "line 2: 1-2-0000 is there twice"),
        ("json", b"[]", "the file: list in place of an object"),
        ("json", b"{", "Expecting"),
        ("json", b'{"x.flac": {}}', "'x.flac' is not the name of an utterance"),
        ("json", b'{"1-2-0000.flac": 3}', "1-2-0000: int in place of an object"),
        ("json", _json(xmin=0.25), "words 1: times run backwards at 0.25 s"),
        ("json", _json(xmax=0.25), "words 1: times run backwards"),
        ("json", _json(xmax=None), "words 1: not xmin, xmax and text"),
        ("json", _json(xmax=True), "words 1: not xmin, xmax and text"),
        ("json", _json(text=5), "words 1: not xmin, xmax and text"),
        ("json", _json().replace(b"0.5", b"NaN"), "not xmin, xmax and text"),
        ("json", _json().replace(b'"1"', b'"one"'), "words: 'one' is no whole number"),
        ("json", b"[" * 100_000, ""),
    ],
)
def test_damaged(parse, content, problem):
    with pytest.raises(formats.FormatError) as caught:
        getattr(librispeech, f"parse_{parse}")(content)
    assert problem in str(caught.value)
