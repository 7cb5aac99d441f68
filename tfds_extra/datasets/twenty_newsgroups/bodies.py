"""Divides the body of a message into parts, and strips texts as scikit-learn does."""

from __future__ import annotations

import itertools
import re

# ------------------------------------------------------------------------------------------ parts

PARTS = ("written", "quoted", "attribution", "signature")
_WRITTEN, _QUOTED, _ATTRIBUTION, _SIGNATURE = range(4)

# `>`, also after the initials of the quoted person, `|`, and `:` unless it begins a smiley.
_QUOTE = re.compile(r"[ \t]*(?:[A-Za-z]{0,4}>|\||:(?![-')(DP]))")
# `In article <id> name writes:`; either half may stand in a line of its own.
_SAYS_WHO = re.compile(
    r"In (?:article |message |news:)?<|Quoted from |.*\b(?:writes|wrote|says|said)(?: in .*)?:\s*$"
)
_LONGEST_SAYS_WHO = 200  # Characters.
_SEPARATORS = ("-- ", "--")
# The most lines of a signature. After an earlier separator, mostly something else follows.
_LONGEST_SIGNATURE = 20


def kinds(lines: list[str]) -> list[int]:
    """Returns the part that each line of a body belongs to.

    Args:
      lines: The body, split at line feeds.

    Returns:
      Indices of `PARTS`. The signature begins with the last line that is `-- ` or `--`, if at most
      20 lines follow.
    """
    end = len(lines)
    for number in range(end - 1, max(-1, end - 2 - _LONGEST_SIGNATURE), -1):
        if lines[number] in _SEPARATORS:
            end = number
            break
    return [_kind(line) for line in lines[:end]] + [_SIGNATURE] * (len(lines) - end)


def _kind(line: str) -> int:
    if _QUOTE.match(line):
        return _QUOTED
    if len(line) <= _LONGEST_SAYS_WHO and _SAYS_WHO.match(line):
        return _ATTRIBUTION
    return _WRITTEN


# --------------------------------------------------------------------------------------- stripping

REMOVABLE = ("headers", "footers", "quotes")
# Every choice of `remove` of scikit-learn's `fetch_20newsgroups`.
CHOICES = [chosen for count in range(1, 4) for chosen in itertools.combinations(REMOVABLE, count)]
_QUOTE_OF_SCIKIT_LEARN = re.compile(
    r"writes in|writes:|wrote:|says:|said:|^(?:In article|Quoted from|\||>)"
)


def stripped(text: str) -> dict[tuple[str, ...], str]:
    """Returns the text as `fetch_20newsgroups` of scikit-learn, for each choice of `remove`.

    scikit-learn first cuts the headers, then the footer from what is left, then the quotes.

    Args:
      text: The whole message.

    Returns:
      What is left for each of `CHOICES`.
    """
    found: dict[tuple[str, ...], str] = {(): text}
    is_quote = _Quotes()
    for chosen in CHOICES:
        before = found[chosen[:-1]]
        match chosen[-1]:
            case "headers":
                found[chosen] = before.partition("\n\n")[2]
            case "footers":
                found[chosen] = _without_footer(before)
            case "quotes":
                lines = before.split("\n")
                found[chosen] = "\n".join([line for line in lines if not is_quote[line]])
    del found[()]
    return found


def _without_footer(text: str) -> str:
    """Returns the text before the last line of blanks and hyphens; all if that is the first."""
    lines = text.strip().split("\n")
    for number in range(len(lines) - 1, 0, -1):
        if not lines[number].strip().strip("-"):
            return "\n".join(lines[:number])
    return text


class _Quotes(dict):
    """Maps a line to whether scikit-learn takes it for a quote or its introduction; a cache."""

    def __missing__(self, line: str) -> bool:
        self[line] = found = _QUOTE_OF_SCIKIT_LEARN.search(line) is not None
        return found
