"""TextGrids: both text formats, against praatio, and what is damaged."""

from __future__ import annotations

import miniature_scripts
import pytest
from praatio import textgrid as praat

from tfds_extra import formats
from tfds_extra.formats import textgrid
from tfds_extra.formats.textgrid import Interval

_MADE = miniature_scripts.load("librispeech_extended")
_LONG = _MADE.textgrid("RED SUN", _MADE.tiers("1-1-0001", "RED SUN"))
_SHORT = b'''File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"words"
0
1.5
2
0
0.5e0
""
0.5
1.5
"say ""so"""
"TextTier"
"clicks"
0
1.5
2
0.25
"a"
0.25
"b"
'''


def test_long_format(tmp_path):
    (tmp_path / "a.TextGrid").write_bytes(_LONG)
    theirs = praat.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=True)
    tiers = textgrid.parse(_LONG)
    assert [tier.name for tier in tiers] == list(theirs.tierNames) == ["words", "phones"]
    for tier in tiers:
        assert tier.intervals == [tuple(e) for e in theirs.getTier(tier.name).entries]
        assert (tier.start, tier.end) == (0, theirs.maxTimestamp)


def test_short_format():
    words, clicks = textgrid.parse(_SHORT)
    assert words.intervals == [Interval(0, 0.5, ""), Interval(0.5, 1.5, 'say "so"')]
    assert clicks.intervals == [Interval(0.25, 0.25, "a"), Interval(0.25, 0.25, "b")]
    assert (clicks.name, clicks.start, clicks.end) == ("clicks", 0, 1.5)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings(encoding):
    content = _LONG.decode().replace('"red"', '"röd"').encode(encoding)
    if encoding == "utf-16-le":
        content = b"\xff\xfe" + content
    assert textgrid.parse(content)[0].intervals[1].text == "röd"


def test_line_ends_and_comments():
    content = _LONG.replace(b"\n", b"\r\n").replace(b"item []:", b'item []: ! of "two" 5')
    assert textgrid.parse(content) == textgrid.parse(_LONG)


def test_rounded_times():
    """Neighbours overlap or leave a gap, and the last one ends behind its tier."""
    content = _SHORT.replace(b'0.5\n1.5\n"say', b'0.4995\n1.5004\n"say')
    assert textgrid.parse(content)[0].intervals[1][:2] == (0.4995, 1.5004)
    content = _SHORT.replace(b'0.5\n1.5\n"say', b'0.75\n1.5\n"say')
    assert textgrid.parse(content)[0].intervals[1][:2] == (0.75, 1.5)


def test_without_tiers():
    assert textgrid.parse(_SHORT.replace(b"<exists>", b"<absent>")) == []


@pytest.mark.parametrize(
    "old, new, problem",
    [
        (b"TextGrid", b"PitchTier", "line 2: no TextGrid"),
        (b"<exists>\n2", b"<exists>\n2.5", "line 7: 2.5 tiers"),
        (b"<exists>\n2", b"<exists>\n3", "cut short: the class of the tier is missing"),
        (b"<exists>\n2\n", b"", "whether there are tiers should stand here, not \"IntervalTier\""),
        (b'"words"\n0\n1.5\n2', b'"words"\n0\n1.5\n3', "xmin should stand here, not \"TextTier\""),
        (b'"words"\n0\n1.5\n2', b'"words"\n0\n1.5\n-2', "-2 intervals"),
        (b"0.5\n1.5\n\"say", b"0.25\n1.5\n\"say", "0.25 to 1.5 s does not lie between 0.5 and 1.5 s"),
        (b"0.5\n1.5\n\"say", b"0.5\n1.75\n\"say", "0.5 to 1.75 s does not lie between"),
        (b"0.5\n1.5\n\"say", b"0.5\n0.25\n\"say", "it ends at 0.25 s and begins at 0.5 s"),
        (b"0.5\n1.5\n\"say", b"0.5\n1e999\n\"say", "xmax is not a time"),
        (b"IntervalTier", b"SpellTier", "there is no class of tiers 'SpellTier'"),
        (b'"b"\n', b"", "cut short: a mark is missing"),
        (b'"b"\n', b'"b', "cut short: a mark is missing"),
        (b"0.25\n\"b\"", b"0.2\n\"b\"", "0.2 to 0.2 s does not lie between 0.25 and 1.5 s"),
        (b'"say', b"\xff\xfe", "utf-8"),
    ],
)  # fmt: skip
def test_damaged(old, new, problem):
    assert old in _SHORT
    with pytest.raises(formats.FormatError) as caught:
        textgrid.parse(_SHORT.replace(old, new, 1))
    assert problem in str(caught.value)


def test_every_cut_is_noticed():
    end = _LONG.rindex(b'"')
    for size in range(0, end, 7):
        with pytest.raises(formats.FormatError):
            textgrid.parse(_LONG[:size])
