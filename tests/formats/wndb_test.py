"""WordNet's database files, and CILI's maps: what they mean, and what is refused."""

from __future__ import annotations

import pytest

from tfds_extra.formats import FormatError, cili, wndb

_HEADER = b"  1 A licence.  \n"
_LINE = (
    b"%08d 29 v 03 Ab 0 cd 1 ef a 002 * 00005041 v 0000 + 00000099 n 0201 02 + 02 00 + 08 03"
    b' | draw air;  "so"  \n'
)


def _file(line: bytes = _LINE) -> bytes:
    return _HEADER + line % len(_HEADER) + line % (len(_HEADER) + len(line % 0))


def test_synsets():
    first, second = wndb.parse_data(_file(), "v")
    assert (first.offset, second.offset) == (17, 17 + len(_LINE % 0))
    assert (first.line, second.line) == (2, 3)
    assert first.words == [("Ab", 0, ""), ("cd", 1, ""), ("ef", 10, "")]
    assert first.pointers == [("*", 5041, "v", 0, 0), ("+", 99, "n", 2, 1)]
    assert first.frames == [(2, 0), (8, 3)]
    assert first.gloss == 'draw air;  "so"' and wndb.LEXFILES[first.lexfile] == "verb.body"
    assert first.hypernyms == []


def test_markers_and_satellites():
    line = b"%08d 00 s 02 cut(ip) 0 (a) 0 002 & 00004413 a 0000 @i 00000001 a 0000 |  x|y  \n"
    (synset,) = wndb.parse_data(line % 0, "a")
    assert synset.words == [("cut", 0, "ip"), ("(a)", 0, "")]
    assert synset.gloss == " x|y" and [p.offset for p in synset.hypernyms] == [1]
    assert (synset.id, synset.wnid) == ("00000000-s", "")
    assert synset._replace(ss_type="n", offset=1440764).wnid == "n01440764"


def test_two_digits_of_lexicographer_id_and_utf8():
    (synset,) = wndb.parse_data("%08d 05 n 01 né 1f 000 | ÿ  \n".encode() % 0, "n")
    assert synset.words == [("né", 31, "")]


@pytest.mark.parametrize(
    "old, new, told",
    [
        (b"draw", b"draaw", "line 3: it says that it begins at byte"),
        (b"  \n", b"  \r\n", "line ends were converted"),
        (b" | ", b" : ", "line 2: there is no gloss"),
        (b"29 v", b"45 v", "above 44"),
        (b"29 v", b"29 n", "type 'n', expected v"),
        (b" 03 Ab", b" 04 Ab", "line 2"),
        (b" 03 Ab", b" 00 Ab", "no word"),
        (b" 03 Ab", b" 3 Ab", "no hexadecimal number of 2"),
        (b" 03 Ab", b" +3 Ab", "no hexadecimal number of 2"),
        (b"002 *", b"003 *", "line 2"),
        (b"0201", b"0401", "word 4, of 3"),
        (b"02 + 02", b"03 + 02", "shorter than its counts"),
        (b"02 + 02", b"01 + 02", "longer than its counts"),
        (b"08 03", b"08 04", "word 4, of 3"),
        (b"+ 08", b"- 08", "before a frame"),
        (b"air", b"a\xffr", "not UTF-8"),
        (b"* 00005041 v", b"* 00005041 x", "pointer"),
        (b"* 00005041 v", b"* 0005041 v", "pointer"),
    ],
)
def test_lines_that_are_refused(old, new, told):
    content = _file().replace(old, new)
    with pytest.raises(FormatError, match=told):
        wndb.parse_data(content, "v")


def test_files_that_are_refused():
    for content, told in (
        (b"", "empty"),
        (_file()[:-1], "truncated"),
        (_HEADER + b"\n" + _file(), "line 2: it is empty"),
        (b"<html>\n", "no gloss"),
        (_file().decode().encode("utf-16"), "truncated|UTF-8"),
    ):
        with pytest.raises(FormatError, match=told):
            wndb.parse_data(content, "v")


def test_index():
    content = _HEADER + b"a_b n 2 1 @ 2 1 00000017 00000099  \nx n 1 0 1 0 00000017          \n"
    assert wndb.parse_index(content, "n") == [
        ("a_b", ["@"], 1, [17, 99], 2),
        ("x", [], 0, [17], 3),
    ]
    for old, new, told in (
        (b"n 2 1 @ 2", b"n 2 1 @ 3", "2 synsets, 3 senses"),
        (b"n 2 1 @", b"n 2 2 @", "line 2"),
        (b"00000099", b"00000017", "different"),
        (b"00000099", b"99", "8 digits"),
        (b"x n", b"x v", "type 'v'"),
        (b"x n", b"a_b n", "comes twice"),
    ):
        with pytest.raises(FormatError, match=told):
            wndb.parse_index(content.replace(old, new), "n")


def test_lists():
    assert wndb.parse_senses(b"a%1:03:00:: 00000017 2 5\n") == {"a%1:03:00::": (17, 2, 5)}
    assert wndb.parse_counts(b"0%5:00:00:cardinal:00 1 3\n") == {"0%5:00:00:cardinal:00": 3}
    assert wndb.parse_exceptions(b"geese goose\nmice mouse meece\n") == [
        ("geese", ["goose"], 1),
        ("mice", ["mouse", "meece"], 2),
    ]
    assert wndb.parse_texts(b"1  Something ----s\n170 They %s\n") == {
        1: "Something ----s",
        170: "They %s",
    }
    # Of one verb of 3.0 no sentence is listed.
    assert wndb.parse_sentence_index(b"abash%2:37:00:: 126,127\npet%2:35:00:: \n") == {
        "abash%2:37:00::": [126, 127],
        "pet%2:35:00::": [],
    }
    for parse, content, told in (
        (wndb.parse_senses, b"a%6:03:00:: 00000017 2 5\n", "no sense key"),
        (wndb.parse_senses, b"a%1:03:00:: 00000017 2\n", "line 1"),
        (wndb.parse_counts, b"a%1:03:00:: 1 2\na%1:03:00:: 1 2\n", "line 2.*twice"),
        (wndb.parse_counts, b"%1:" * 9999 + b" 1 2\n", "no sense key"),
        (wndb.parse_exceptions, b"geese\n", "no base form"),
        (wndb.parse_texts, b"one text\n", "no number"),
        (wndb.parse_texts, b"1 a\n1 b\n", "twice"),
        (wndb.parse_sentence_index, b"abash%2:37:00:: 1;2\n", "no number"),
    ):
        with pytest.raises(FormatError, match=told):
            parse(content)


@pytest.mark.parametrize(
    "gloss, definition, examples, irregular",
    [
        ("a thing", "a thing", [], False),
        ('go; "he goes"; "gone"', "go", [("he goes", ""), ("gone", "")], False),
        ('go: "he goes", "gone" ', "go: ,", [("he goes", ""), ("gone", "")], False),
        ('go; "he goes"- Ann B.; "gone"--C', "go", [("he goes", "Ann B."), ("gone", "C")], False),
        ('"only this"', "", [("only this", "")], False),
        ('as in "this"', "as in", [("this", "")], True),
        ('go; "this" (that)', "go; (that)", [("this", "")], True),
        ('go; "cut', 'go; "cut', [], True),
        ("", "", [], False),
    ],
)
def test_glosses(gloss, definition, examples, irregular):
    found = wndb.parse_gloss(gloss)
    assert (found.examples, found.is_irregular) == (examples, irregular)
    assert " ".join(found.definition.split()) == definition


def test_maps_of_cili():
    assert cili.parse_map(b"i1\t00001740-a\ni2\t00001740-a\ni3\t00002098-s\n") == {
        "00001740-a": ["i1", "i2"],
        "00002098-s": ["i3"],
    }
    for content, told in (
        (b"", "empty"),
        (b"i1\t00001740-a", "truncated"),
        (b"i1 00001740-a\n", "line 1"),
        (b"i1\t00001740-x\n", "line 1"),
        (b"i1\t00001740-a\ni1\t00001740-a\n", "twice"),
    ):
        with pytest.raises(FormatError, match=told):
            cili.parse_map(content)
