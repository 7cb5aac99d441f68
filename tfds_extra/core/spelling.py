"""What somebody may have meant by a name that there is not."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping


def meant(name: str, known: Mapping[str, str] | Iterable[str]) -> str | None:
    """The known name that comes closest to one that is not known.

    Upper case, underscores and hyphens make no difference: `UrbanSound8K` is `urban_sound_8k`.

    Args:
      name: As it was written.
      known: All names; or what each of them stands for, by name.

    Returns:
      The name, or what it stands for; None if nothing comes close.
    """
    known = known if isinstance(known, Mapping) else {one: one for one in known}
    plain = {_plain(one): target for one, target in reversed(list(known.items()))}
    close = difflib.get_close_matches(_plain(name), plain, n=1)
    return plain[close[0]] if close else None


def same(name: str, known: Mapping[str, str]) -> str | None:
    """What a name stands for that differs from a known one in no letter and digit, or None."""
    return {_plain(one): target for one, target in known.items()}.get(_plain(name))


def hint(name: str, known: Mapping[str, str] | Iterable[str]) -> str:
    """The question whether the closest name was meant, as a sentence; empty if nothing is close."""
    close = meant(name, known)
    return f"Did you mean {close!r}?" if close else ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
