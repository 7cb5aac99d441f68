"""Guesses which name somebody meant who wrote a name that does not exist."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping


def meant(name: str, known: Mapping[str, str] | Iterable[str]) -> str | None:
    """Returns the known name that is most similar to an unknown name.

    Upper case, underscores and hyphens make no difference: `UrbanSound8K` is `urban_sound_8k`.

    Args:
      name: The name as it was written.
      known: All known names; or a mapping from each of them to what it stands for.

    Returns:
      The name, or what it stands for; None if no name is similar.
    """
    known = known if isinstance(known, Mapping) else {one: one for one in known}
    plain = {_plain(one): target for one, target in reversed(list(known.items()))}
    close = difflib.get_close_matches(_plain(name), plain, n=1)
    return plain[close[0]] if close else None


def same(name: str, known: Mapping[str, str]) -> str | None:
    """Returns what the known name with the same letters and digits stands for, or None."""
    return {_plain(one): target for one, target in known.items()}.get(_plain(name))


def hint(name: str, known: Mapping[str, str] | Iterable[str]) -> str:
    """Returns the question whether the most similar name was meant; empty if none is similar."""
    close = meant(name, known)
    return f"Did you mean {close!r}?" if close else ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
