"""The error of all archive readers: its usual message, and what is quoted in it."""

from __future__ import annotations

FETCH_AGAIN = "Fetch it again and check its digest"
NOT_SAFE = "Do not use this archive; fetch it from its publisher and check its digest"

# At most so many characters are quoted in messages. The first number fits any path of a file. The
# second one cuts the name of a member, which may be as long as an extended header.
_SHOWN_PATH = 5000
SHOWN_PLACE = 300


class ArchiveError(ValueError):
    """An archive or folder that is missing, damaged, foreign or not safe.

    The message is always `<file>: <member or offset>: <what is wrong>. <what to do>.`
    """


def error(file: str, place: str, wrong: str, todo: str = FETCH_AGAIN) -> ArchiveError:
    """Builds an error with the usual message, in which quoted names have a limited length."""
    file, place = cut(shown(file), _SHOWN_PATH), cut(place, SHOWN_PLACE)
    return ArchiveError(f"{file}: {place}: {wrong}. {todo}.")


def os_error(path: str, place: str, cause: OSError) -> ArchiveError:
    """Returns the error for a file that the operating system does not let us read."""
    reason = cause.strerror or str(cause)
    return error(path, place, reason, "Check that the path exists and that you may read it")


def shown(name: str) -> str:
    """Returns `name` in a printable form: control characters and undecodable bytes are escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def cut(text: str, limit: int) -> str:
    """Returns a text, without its middle if it is long: the end may say more than the middle."""
    return text if len(text) <= limit else f"{text[: limit - 55]} ... {text[-50:]}"
