"""Messages of Usenet, piece by piece."""

from __future__ import annotations

import email
import email.policy

import pytest

from tfds_extra.formats import FormatError, netnews


def test_parts_of_a_message():
    message = netnews.parse(b"A: x\nB: y\n z\n\nbody\n\nmore\xe9\x0c\n")
    assert (message.header, message.body) == ("A: x\nB: y\n z", "body\n\nmore\xe9\x0c\n")
    assert message.fields == [("A", "x"), ("B", "y z")]
    assert message.text == f"{message.header}\n\n{message.body}"
    assert netnews.parse(b"A: x").body == "" and netnews.parse(b"A: x\n\n").header == "A: x"
    # Of one that is cut, and of one that begins with an empty line.
    assert netnews.parse(b"A: x\n").fields == netnews.parse(b"\nA: x\n\n").fields == [("A", "x")]


@pytest.mark.parametrize("content", [b"", b"\n\nA: x", b"picture\xff", b" A: x\n\nB: y"])
def test_no_message(content):
    with pytest.raises(FormatError, match="no message: no header field"):
        netnews.parse(content)


def test_lines_of_a_header():
    header = (
        " left over\n\tagain\nName:value\nOdd-[x]:  1 \n\t 2\t\n  3\r\nno field\n also none\n"
        "Empty:\nWith: colon: x\n\x0cX: y\nA B: z"
    )
    assert netnews.parse_fields(header) == [
        ("", "left over"),
        ("", "again"),
        ("Name", "value"),
        ("Odd-[x]", "1 2 3"),
        ("", "no field"),
        ("", "also none"),
        ("Empty", ""),
        ("With", "colon: x"),
        ("", "\x0cX: y"),
        ("", "A B: z"),
    ]


def test_fields_against_email():
    header = "From: a@b.example\nREFERENCES: <1@b>\n <2@b>\n\t<3@b>\nLines: 8\n <9@b>\nX:y\n"
    expected = email.message_from_string(header + "\n", policy=email.policy.compat32).items()
    expected = [(name, " ".join(value.split())) for name, value in expected]
    assert netnews.parse(header.encode() + b"\n").fields == expected


@pytest.mark.parametrize(
    "value, name, address",
    [
        ("ann@host.example", "", "ann@host.example"),
        ("ann@host.example (Ann Author)", "Ann Author", "ann@host.example"),
        ('ann@host.example ("Ann" )', "Ann", "ann@host.example"),
        ("ann@host.example (Ann (the first) Author)", "Ann (the first) Author", "ann@host.example"),
        ("Ann Author <ann@host.example>", "Ann Author", "ann@host.example"),
        ('"Author, Ann" <ann@host.example>', "Author, Ann", "ann@host.example"),
        ("<ann@host.example>", "", "ann@host.example"),
        ("host!ann (Ann)", "Ann", "host!ann"),
        ("(Ann)", "Ann", ""),
        ("Ann", "Ann", ""),
        (" ", "", ""),
        (")", ")", ""),
        (">", ">", ""),
    ],
)
def test_mailboxes(value, name, address):
    assert netnews.parse_mailbox(value) == (name, address)


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("Tue, 20 Apr 1993 03:21:41 GMT", 735276101),
        ("20 Apr 93 03:21:41", 735276101),
        ("Mon, 19 Apr 1993 23:21:41 -0400", 735276101),
        ("19 Apr 93 23:21:41 EDT", 735276101),
        ("20 Apr 1993 03:21 UT", 735276060),
        ("20 Apr 1993 03:21:41 MET", 735276101),
        ("", None),
        ("yesterday", None),
        ("40 Apr 1993 03:21:41 GMT", 735276101 + 20 * 86400),
        ("20 Apr 99999 03:21:41 GMT", None),
        ("20 Apr 1993 03:21:41 +" + "9" * 30, None),
        ("20 Apr 1993 03:21:41 +" + "9" * 5000, None),
        ("9" * 5000 + " Apr 1993", None),
    ],
)
def test_dates(value, seconds):
    assert netnews.parse_date(value) == seconds


def test_references():
    assert netnews.parse_references("<1@b>  <2@b><3@b> word <4@cu") == [
        "<1@b>", "<2@b>", "<3@b>", "word", "<4@cu",
    ]  # fmt: skip
    assert netnews.parse_references("< <5@b>> <") == ["<5@b>"]
    assert netnews.parse_references("") == []


def test_newsgroups():
    assert netnews.parse_newsgroups("sci.med, sci.space,,") == ["sci.med", "sci.space"]
    assert netnews.parse_newsgroups(" ") == []


@pytest.mark.parametrize(
    "value, lines",
    [("12", 12), (" 8 <5@b>", 8), ("007", 7), ("", None), ("x", None), ("-1", None),
     ("1234567890", None), ("999999999", 999_999_999)],
)  # fmt: skip
def test_lines(value, lines):
    assert netnews.parse_lines(value) == lines
