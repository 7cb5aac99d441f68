"""Repairs text that was decoded with the wrong encoding, or escaped for a web page.

Mojibake is UTF-8 that somebody took for ISO-8859-1 or Windows-1252: `cafÃ©` for `café`.
"""

from __future__ import annotations

import html
import re

from tfds_extra.formats import parser

# Characters of Windows-1252 for the bytes 80 to 9F, where ISO-8859-1 has control characters.
_BYTES = {bytes([b]).decode("cp1252", "ignore"): b for b in range(0x80, 0xA0)}
_BYTES = {char: byte for char, byte in _BYTES.items() if char} | {
    chr(byte): byte for byte in range(0x80, 0x100)
}
_TAIL = "[" + "".join(re.escape(char) for char, byte in _BYTES.items() if byte < 0xC0) + "]"
# A byte that begins a character of two, three or four bytes, with the bytes that continue it.
_SEQUENCE = re.compile(f"[\xc2-\xdf]{_TAIL}|[\xe0-\xef]{_TAIL}{{2}}|[\xf0-\xf4]{_TAIL}{{3}}")


@parser
def repair(text: str) -> str:
    """Returns the text with each run of mojibake replaced by the original characters.

    It looks for characters whose bytes are exactly one character of UTF-8, and repeats this with
    the result, since text may be damaged twice. Other characters stay. A genuine `Â£` cannot be
    told from a damaged pound sign, and is rare, so that it is replaced.
    """
    while True:
        repaired = _SEQUENCE.sub(_decoded, text)
        if repaired == text:
            return text
        text = repaired


@parser
def unescape(text: str) -> str:
    """Returns the text with its HTML entities replaced, once: `&amp;lt;` becomes `&lt;`."""
    return html.unescape(text)


def _decoded(found: re.Match[str]) -> str:
    try:
        char = bytes(_BYTES[char] for char in found[0]).decode()
    except UnicodeDecodeError:
        return found[0]
    # Nobody writes control characters; they are bytes of text that was damaged twice.
    is_control = "\x80" <= char < "\xa0"
    return found[0] if is_control and found[0][1] > "\xff" else char
