"""Names of members: which are safe, which are equal, and what they are called in another layout."""

from __future__ import annotations

import re
from collections.abc import Mapping


class UnsafeName(ValueError):
    """A member name that would leave its folder; `str()` says why."""


_DRIVE = re.compile(r"[A-Za-z]:")


def clean_name(name: str) -> str:
    """Returns `name` as a relative posix path without `.` and empty components.

    Backslashes are kept as published, but the checks take them for separators: the name may be
    joined to a path on Windows.

    Raises:
      UnsafeName: The name is empty, absolute, has a drive letter, a NUL or a `..` component.
    """
    if (
        name[:1] not in ("", ".", "/")
        and name[1:2] != ":"
        and "/." not in name
        and "//" not in name
        and "\\" not in name
        and "\0" not in name
        and name[-1] != "/"
    ):
        return name  # The common case, in a few substring searches.
    if "\0" in name:
        raise UnsafeName("its name holds a NUL byte")
    slashed = name.replace("\\", "/")
    if slashed.startswith("/"):
        raise UnsafeName("its name is absolute")
    if _DRIVE.match(slashed):
        raise UnsafeName("its name has a drive letter")
    if ".." in slashed.split("/"):
        raise UnsafeName("its name climbs out of the archive (..)")
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def name_key(name: str) -> int:
    """Returns a 64-bit key of a clean name, which is equal for names of the same file.

    The names themselves would cost ten times the memory in an archive of a million members. Python
    hashes text with a secret key, so nobody can prepare a collision, and the chance of an accident
    is below 1e-7 for a million names.
    """
    if "\\" in name:
        name = "/".join(p for p in name.replace("\\", "/").split("/") if p not in ("", "."))
    return hash(name)


def rename(name: str, renamed: Mapping[str, str]) -> str:
    """Returns a name with its beginning replaced.

    Args:
      name: Name of a file, or a pattern of names.
      renamed: Maps beginnings to their replacements; the first that fits is used.
    """
    for begins, instead in renamed.items():
        if name.startswith(begins):
            return instead + name.removeprefix(begins)
    return name
