"""Tells what a file looks like that is no archive, for the message that refuses it."""

from __future__ import annotations

from tfds_extra.core import magic


def describe(head: bytes) -> str:
    """Returns what a file that is not an archive looks like."""
    if not head:
        return "an empty file"
    if not head.strip(b"\0"):
        return "a file that begins with zeros only, as an interrupted download leaves it"
    if kind := magic.kind_of(head):
        return kind.what
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return "an HTML page (a login, licence or error page in place of the file)"
    if text.startswith((b"<?xml", b"<error")):
        return "an XML document (storage servers send their errors so)"
    if text.startswith((b"{", b"[")) and _is_text(head):
        return "JSON text (perhaps the error of a server)"
    if _is_text(head):
        return "a text file"
    return f"a file of unknown kind (it begins with {head[:8].hex(' ')})"


def _is_text(head: bytes) -> bool:
    return not any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
