"""What a peek costs, as far as it can be known before anything is fetched."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tfds_extra.core import downloads
from tfds_extra.core.peeking.purse import Peek, amount
from tfds_extra.core.published import Archive

if TYPE_CHECKING:
    from tfds_extra.core.builder import Builder

SMALL = 4 << 20  # Files of at most so many bytes are fetched whole, and verified as always.

_IS_FILE = 2000  # An example with more bytes than this in an archive is a file there, not a row.
_ENTRY = 100  # About so many bytes of the directory of a zip tell of one member.
_FIRST = 1 << 16  # So much of a file is asked for first,
_STEP = 1 << 20  # and so much at a time when it is read on.

Files = Mapping[str, Sequence[downloads.PlannedFile]]


def needed(builder: Builder, planned: Files, split: str) -> int:
    """Returns how many bytes have to be fetched before the first example of a split can be made."""
    return _to_fetch(planned, builder.whole_files(split))


def _to_fetch(planned: Files, names: Collection[str]) -> int:
    return sum(one.remaining.size for name in names for one in planned.get(name, ()))


def fetched_whole(
    builder: Builder, planned: Files, budget: int, small: int = SMALL
) -> tuple[list[str], dict[str, str]]:
    """Chooses the files that are fetched whole: the small ones, and those that are needed whole.

    Args:
      builder: The builder.
      planned: The files that are not extracted, by name.
      budget: Bytes that may be fetched.
      small: Files of at most so many bytes are small.

    Returns:
      Their names, and why splits cannot be shown whose files would exceed the budget.
    """
    chosen: list[str] = []
    not_shown: dict[str, str] = {}
    for split in builder.expected_counts:
        wanted = [name for name in builder.whole_files(split) if name in planned]
        more = list(dict.fromkeys([*chosen, *wanted]))
        if _to_fetch(planned, more) <= budget:
            chosen = more
            continue
        names = ", ".join(one.file_name for name in wanted for one in planned[name])
        rest = "what is left of " if _to_fetch(planned, wanted) <= budget else ""
        not_shown[split] = (
            f"it needs the whole of {names}, {amount(_to_fetch(planned, wanted))}, which is more than"
            f" {rest}the budget of {amount(budget)}"
        )
    for name, files in planned.items():
        is_small = all(0 < one.amount.size <= small for one in files)
        if name not in chosen and is_small and _to_fetch(planned, [*chosen, name]) <= budget:
            chosen.append(name)
    # The digest of a file of unknown size could only be checked after any number of bytes.
    return [n for n in chosen if all(one.amount.size for one in planned[n])], not_shown


def reasons(not_shown: Mapping[str, str]) -> str:
    """Returns why splits are not shown as one text, in which no reason stands twice."""
    by_reason: dict[str, list[str]] = {}
    for split, why in not_shown.items():
        by_reason.setdefault(why, []).append(split)
    return "; ".join(f"{', '.join(splits)}: {why}" for why, splits in by_reason.items())


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a peek at one config takes, computed from published sizes and counts.

    Attributes:
      by_hand: Files that have to be brought by hand; then nothing is fetched before they are there.
      whole: Names of the files that are fetched whole.
      in_part: Names of the files that are read in part.
      size: About so many bytes are fetched.
      requests: About so many requests are made.
      is_least: Whether sizes are missing in it that nobody has published.
      budget: The budget, at which a peek stops.
      not_shown: Why a split cannot be shown, by split.
      notes: What else cannot be shown, and why, from `about.tsv`.
    """

    by_hand: tuple[str, ...]
    whole: tuple[str, ...]
    in_part: tuple[str, ...]
    size: int
    requests: int
    is_least: bool
    budget: int
    not_shown: Mapping[str, str]
    notes: tuple[str, ...]

    def cells(self) -> tuple[str, str, str]:
        """Returns bytes, requests, and what is not shown, as texts."""
        missing = [reasons(self.not_shown)] if self.not_shown else []
        if self.size > self.budget:
            missing.append("what lies beyond the budget")
        if self.by_hand:
            return (
                "none",
                "0",
                "; ".join(["nothing before its files are brought by hand", *self.notes]),
            )
        if not self.size:
            size = "none"
        elif self.size > self.budget:
            size = f"the budget, {amount(self.budget)}"
        else:
            size = f"{'at least ' * self.is_least}about {amount(self.size)}"
        return size, str(self.requests), "; ".join([*missing, *self.notes])


def cost(builder: Builder, manager: downloads.DownloadManager, peek: Peek) -> Cost:
    """Estimates what a peek takes; no server is asked.

    Args:
      builder: The builder, with the config.
      manager: Tells which files are here.
      peek: How far it goes.
    """
    extracted = builder.extracted()
    published = builder.published_files()
    planned = {n: manager.plan(f) for n, f in builder.to_download(extracted).items()}
    by_hand = [
        one.file_name
        for files in planned.values()
        for one in files
        if one.state == downloads.MISSING
    ]
    whole, not_shown = fetched_whole(builder, planned, peek.budget)
    parts = [n for n in planned if n not in whole and any(one.remaining.size for one in planned[n])]
    unknown = [n for n in planned if any(not o.is_here and not o.amount.size for o in planned[n])]
    counts = builder.expected_counts
    asked = max(peek.examples, builder.READ_AT_ONCE)
    shown = sum(min(asked, n or asked) for split, n in counts.items() if split not in not_shown)
    total = sum(counts.values())
    in_all = sum(_to_fetch(planned, [name]) for name in parts)
    if not total:  # Nobody states how many there are: no example is larger than it is unpacked.
        per_example = float("".join(builder.about("bytes_per_example", builder.base_config_name)))
    else:
        per_example = in_all / total
    size, requests = _to_fetch(planned, whole), len(whole)
    for name in parts if shown else ():
        packed = _to_fetch(planned, [name])
        share = math.ceil(per_example * shown * packed / max(in_all, 1))
        directory = 0
        if _is_zip(published[name], planned[name]) and per_example > _IS_FILE:
            directory = math.ceil(packed / per_example * _ENTRY)
            requests += math.ceil(shown * packed / in_all)
        read = min(packed, share + directory + _FIRST)
        size += read
        requests += 1 + math.ceil(read / _STEP)
    requests += 2 * len(unknown)
    if size > peek.budget:
        requests = math.ceil(requests * peek.budget / size)
    return Cost(
        by_hand=tuple(by_hand),
        whole=tuple(one.file_name for name in whole for one in planned[name]),
        in_part=tuple(one.file_name for n in (*parts, *unknown) for one in planned[n]),
        size=size,
        requests=requests,
        is_least=bool(unknown),
        budget=peek.budget,
        not_shown=not_shown,
        notes=tuple(builder.about("peek", builder.base_config_name)),
    )


def _is_zip(file: object, planned: Sequence[downloads.PlannedFile]) -> bool:
    return isinstance(file, Archive) and planned[-1].file_name.endswith(".zip")


def table(rows: Sequence[tuple[str, Cost]]) -> Iterator[str]:
    """Yields a table in Markdown with a row for each config.

    Args:
      rows: Name and cost of each.
    """
    yield "| corpus | bytes | requests | not shown |"
    yield "|---|---|---|---|"
    for name, one in rows:
        yield f"| `{name}` | {' | '.join(one.cells())} |"
