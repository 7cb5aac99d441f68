"""Reads messages of Usenet: lines `Name: value`, an empty line, and the body.

Source: RFC 1036, "Standard for Interchange of USENET Messages", 1987, which builds on RFC 822. The
messages were posted in 1993 by programs that followed it more or less. They declare no character
set, so that every byte is read as the character of ISO 8859-1 with that number, and nothing is
lost. Only LF ends a line: CR, form feed and other control characters stand inside of lines.
"""

from __future__ import annotations

import dataclasses
import email.utils
import re

from tfds_extra.formats import FormatError, parser

# Printable ASCII without the colon (RFC 822), which `Nntp-Posting-Host-[nntpd-23809]` fits as well.
_FIELD = re.compile(r"([!-9;-~]+):(.*)")
_BLANKS = (" ", "\t", "\r")
_TOKEN = re.compile(r"<[^<>\s]+>?|[^<>\s]+")
_LEADING_NUMBER = re.compile(r"[0-9]{1,9}(?![0-9])")  # Such a number has 32 bits.
_MAX_DATE = 200  # The most characters of a date: Python's parser accepts numbers of any length.


@dataclasses.dataclass(frozen=True)
class Message:
    """A message.

    Attributes:
      text: The whole text.
      header: The text before the first empty line, without the line break before that; the whole
        text if no line is empty.
      body: The text after the empty line.
      fields: Name and value of each header field, in order, as `parse_fields` gives them.
    """

    text: str
    header: str
    body: str
    fields: list[tuple[str, str]]


@parser
def parse(content: bytes) -> Message:
    """Splits a message.

    Args:
      content: The file.

    Returns:
      The message.

    Raises:
      FormatError: It has no header field, or begins with an empty line.
    """
    text = content.decode("latin-1")
    header, _, body = text.partition("\n\n")
    fields = parse_fields(header)
    if not any(name for name, _ in fields):
        raise FormatError(f"no message: no header field before the empty line: {text[:40]!r}")
    return Message(text, header, body, fields)


@parser
def parse_fields(header: str) -> list[tuple[str, str]]:
    """Returns the names and values of the fields of a header.

    Args:
      header: The header, without the empty line after it.

    Returns:
      Name and value of each field, in order. The lines of a value that goes on in lines with blanks
      at the beginning are joined with one blank. A line that belongs to no field, such as the rest
      of a removed field, has an empty name.
    """
    fields: list[tuple[str, list[str]]] = []
    for line in header.split("\n"):
        if match := _FIELD.fullmatch(line):
            fields.append((match[1], [match[2]]))
        elif line.startswith(_BLANKS) and fields and fields[-1][0]:
            fields[-1][1].append(line)
        elif line:
            fields.append(("", [line]))
    return [(name, " ".join(part.strip(" \t\r") for part in parts)) for name, parts in fields]


@parser
def parse_mailbox(value: str) -> tuple[str, str]:
    """Returns full name and address from a field such as From.

    Args:
      value: One of `address`, `address (Full Name)` and `Full Name <address>` (RFC 1036, 2.1.1).

    Returns:
      The name and the address, each empty if it is missing. A value of another form is an address
      if it has an @, else a name.
    """
    value = value.strip()
    if value.endswith(">") and "<" in value:
        name, _, address = value[:-1].rpartition("<")
    elif value.endswith(")") and "(" in value:
        address, _, name = value[:-1].partition("(")
    elif "@" in value:
        name, address = "", value
    else:
        name, address = value, ""
    return name.strip().strip('"'), address.strip()


@parser
def parse_date(value: str) -> int | None:
    """Returns the time that a field Date states, in seconds from 1970 in UTC.

    Args:
      value: Such as `Tue, 20 Apr 1993 03:21:41 GMT` or `20 Apr 93 03:21 -0400`.

    Returns:
      The time; None if it is no date. A time zone that is missing, or unknown to RFC 822, counts as
      UTC.
    """
    if len(value) > _MAX_DATE:
        return None
    try:
        parsed = email.utils.parsedate_tz(value)
        seconds = None if parsed is None else email.utils.mktime_tz(parsed)
    # The releases of Python raise different errors for a wrong date.
    except (ArithmeticError, IndexError, TypeError, ValueError):
        return None
    return seconds if seconds is not None and abs(seconds) < 2**40 else None


@parser
def parse_references(value: str) -> list[str]:
    """Returns the ids of other messages that a field such as References names, in order.

    Args:
      value: Ids in angle brackets; posting programs have cut some of them.

    Returns:
      The ids with their brackets, and the words outside of brackets.
    """
    return _TOKEN.findall(value)


@parser
def parse_newsgroups(value: str) -> list[str]:
    """Returns the groups that a field Newsgroups names, in order.

    Args:
      value: Names with commas between them.

    Returns:
      The names.
    """
    return [name for part in value.split(",") if (name := part.strip())]


@parser
def parse_lines(value: str) -> int | None:
    """Returns the number that a field Lines begins with.

    Args:
      value: Digits, perhaps followed by the rest of another field.

    Returns:
      The number; None if the value does not begin with a number of at most nine digits.
    """
    match = _LEADING_NUMBER.match(value.strip())
    return int(match[0]) if match else None
