"""VoxCeleb's lists: values, and what is damaged."""

from __future__ import annotations

import io

import pytest

from tfds_extra import formats
from tfds_extra.formats import voxceleb
from tfds_extra.formats.voxceleb import Speaker

_ADAMS = Speaker("A._Adams", "A._Adams", "m", "New Zealand", "dev")
_VOX1 = b"""VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet
id10001\tA._Adams\tm\tNew Zealand\tdev
id10270\tEve\tf\tUSA\ttest
"""
_PLAIN = b"\xef\xbb\xbfVoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000012 ,f ,dev \nid00017 ,n000017 ,m ,test "
_NAMED = (
    "Name \tVoxCeleb2 ID \tVGGFace2 ID \tGender \tSet \nAnne,_Zoë \tid00012 \tn000012 \tf \tdev \n"
)
_ONE = "id10270/x6uYqmx31kE/00001"
_OTHER = "id10300/-_eiCFEg0ab/00123"


def test_vox1():
    found = voxceleb.parse_speakers(_VOX1)
    assert found == {"id10001": _ADAMS, "id10270": Speaker("Eve", "Eve", "f", "USA", "test")}


def test_forms_of_vox2():
    plain = {
        "id00012": Speaker("", "n000012", "f", "", "dev"),
        "id00017": Speaker("", "n000017", "m", "", "test"),
    }
    assert voxceleb.parse_speakers(_PLAIN) == plain
    assert voxceleb.parse_speakers(_PLAIN.replace(b"\n", b"\r\n") + b"\r\n\r\n") == plain
    named = plain["id00012"]._replace(name="Anne,_Zoë")
    assert voxceleb.parse_speakers(_NAMED.encode()) == {"id00012": named}


def test_table_that_a_spreadsheet_has_saved():
    lines = "".join(f'"{line}"\r\n' for line in _VOX1.decode().splitlines())
    assert voxceleb.parse_speakers(lines.encode()) == voxceleb.parse_speakers(_VOX1)
    commas = _VOX1.replace(b"\t", b",")
    assert voxceleb.parse_speakers(commas) == voxceleb.parse_speakers(_VOX1)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "line 1: no header, the table is empty"),
        (b"<html>Sign in</html>\n", "line 1: not the header of a table of speakers: '<html>"),
        (_VOX1.replace(b"\tUSA", b""), "line 3: 4 cells, not 5"),
        (_VOX1.replace(b"id10270", b"10270"), "line 3: '10270' is no id of a speaker"),
        (_VOX1.replace(b"id10270", b"id10001"), "line 3: id10001 is there twice"),
        (_VOX1.replace(b"\tf\t", b"\tw\t"), "line 3: gender 'w' is not m or f"),
        (_VOX1.replace(b"\ttest", b"\ttesto"), "line 3: partition 'testo' is not dev or test"),
        (b"\xff\xfe", "can't decode byte 0xff"),
    ],
)
def test_damaged_tables(content, problem):
    with pytest.raises(formats.FormatError, match=problem):
        voxceleb.parse_speakers(content)


def test_identification():
    content = f"1 {_ONE}.wav\n3 {_OTHER}.wav\n".encode()
    assert voxceleb.parse_identification(content) == {_ONE: 1, _OTHER: 3}
    # Other line ends, and none at the end.
    assert voxceleb.parse_identification(content.replace(b"\n", b"\r\n")[:-2]) == {
        _ONE: 1,
        _OTHER: 3,
    }
    assert voxceleb.parse_identification(b"") == {}


@pytest.mark.parametrize(
    "line, problem",
    [
        (f"4 {_ONE}.wav", "line 2: not a line of this list: '4 id10270"),
        (f"1 {_ONE}.m4a", "line 2: not a line"),
        (f"1  {_ONE}.wav", "line 2: not a line"),
        ("1 Eartha_Kitt/x6uYqmx31kE_0000001.wav", "line 2: not a line"),
        ("", "line 2: not a line of this list: ''"),
        (f"2 {_ONE}.wav", f"line 2: {_ONE} is there twice"),
        ("1 id10270/x6uYqmx31kÉ/00001.wav", "line 2: .* is not ASCII"),
    ],
)
def test_damaged_identification(line, problem):
    content = f"1 {_ONE}.wav\n{line}\n3 {_OTHER}.wav\n".encode()
    with pytest.raises(formats.FormatError, match=problem):
        voxceleb.parse_identification(content)


def _trials(content: bytes) -> list[tuple[int, str, str]]:
    blocks = voxceleb.read_trials(io.BytesIO(content))
    return [trial for block in blocks for trial in zip(*block, strict=True)]


@pytest.mark.parametrize("block", [1, 61, 62, 63, 100, 1 << 20])
def test_trials(monkeypatch, block):
    monkeypatch.setattr(voxceleb, "_BLOCK", block)
    content = f"1 {_ONE}.wav {_OTHER}.wav\n0 {_OTHER}.wav {_ONE}.wav\n".encode() * 3
    expected = [(1, _ONE, _OTHER), (0, _OTHER, _ONE)] * 3
    assert _trials(content) == expected
    assert _trials(content.replace(b"\n", b"\r\n")) == expected
    assert _trials(content[:-1]) == expected
    assert _trials(b"") == []
    with pytest.raises(formats.FormatError, match=r"line 7: not a line of this list: '2 id"):
        _trials(content + content.replace(b"1 id", b"2 id"))


@pytest.mark.parametrize(
    "content, problem",
    [
        (f"1 {_ONE}.wav", "line 1: not a line"),
        (f"1 {_ONE}.wav {_OTHER}.wav {_OTHER}.wav", "line 1: not a line"),
        (f"1 {_ONE}.wav {_OTHER}.wav\n\n", "line 2: not a line of this list: ''"),
        ("x" * 3_000_000, "line 1: it is longer than 1,024 bytes"),
    ],
)
def test_damaged_trials(content, problem):
    with pytest.raises(formats.FormatError, match=problem):
        _trials(content.encode())
