"""Draws a synset in its hierarchy: hypernyms above it, hyponyms below it."""

from __future__ import annotations

import textwrap
from typing import Any

from tfds_extra.datasets.wordnet_synsets import lookup

_WIDTH, _HEIGHT = 2.3, 1.1  # Inches of a box with the space around it.
_LETTERS = 22  # Number of letters of a line in a box.


def draw(wordnet: lookup.WordNet, synset: lookup.Synset, below: int = 6) -> Any:
    """Draws a synset, everything above it, and some synsets directly below it.

    Each box has the first two words and the beginning of the definition; lines lead from a synset to
    what it is a kind, or an instance, of.

    Args:
      wordnet: The edition.
      synset: The synset.
      below: How many of the next level down are drawn; the last box tells how many more there are.

    Returns:
      A `matplotlib.figure.Figure`.
    """
    from matplotlib import figure

    rows = _rows_above(wordnet, synset)
    hyponyms = wordnet.hyponyms(synset)
    shown = hyponyms if len(hyponyms) <= below else hyponyms[: below - 1]
    boxes: list[list[Any]] = [*rows, [*shown]] if shown else rows
    more = len(hyponyms) - len(shown)
    if more:
        boxes[-1].append(f"and {more:,} more")
    columns = max(map(len, boxes))
    picture = figure.Figure(figsize=(_WIDTH * max(columns, 2), _HEIGHT * len(boxes) + 0.4))
    axes = picture.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, max(columns, 2)), ylim=(len(boxes) + 0.2, -0.2))
    axes.axis("off")
    places = {}
    for level, row in enumerate(boxes):
        for number, box in enumerate(row):
            x = (number + 0.5) * max(columns, 2) / len(row)
            places[box if isinstance(box, str) else box.synset_id] = x, level + 0.5
    for row in boxes:
        for box in row:
            if not isinstance(box, str):
                _draw_lines(axes, wordnet, box, places)
            elif boxes[-1] is row:
                _draw_line(axes, places[box], places[synset.synset_id])
    for row in boxes:
        for box in row:
            _draw_box(axes, box, places, is_it=box == synset)
    return picture


def _rows_above(wordnet: lookup.WordNet, synset: lookup.Synset) -> list[list[lookup.Synset]]:
    """Returns the synset and all above it, a row for each level, the roots first."""
    levels = {synset.synset_id: 0}
    for path in wordnet.taxonomy.paths(synset.synset_id):
        for level, one in enumerate(path):
            levels[one] = max(levels.get(one, 0), level)
    rows: dict[int, list[lookup.Synset]] = {}
    for above in wordnet.hypernym_closure(synset):
        rows.setdefault(levels[above.synset_id], []).append(above)
    return [*(rows[level] for level in sorted(rows, reverse=True)), [synset]]


def _draw_lines(axes: Any, wordnet: lookup.WordNet, synset: lookup.Synset, places: Any) -> None:
    for other in wordnet.hypernyms(synset):
        if other.synset_id in places:
            _draw_line(axes, places[synset.synset_id], places[other.synset_id])


def _draw_line(axes: Any, lower: tuple[float, float], upper: tuple[float, float]) -> None:
    axes.plot((lower[0], upper[0]), (lower[1], upper[1]), color="0.7", linewidth=1, zorder=1)


def _draw_box(axes: Any, box: Any, places: Any, *, is_it: bool) -> None:
    if isinstance(box, str):
        x, y = places[box]
        text, color = box, "white"
    else:
        x, y = places[box.synset_id]
        words = ", ".join(word.replace("_", " ") for word in box.words[:2])
        title = textwrap.shorten(words, _LETTERS, placeholder="...") or words[:_LETTERS]
        definition = textwrap.wrap(
            "; ".join(box.definitions), _LETTERS, max_lines=2, placeholder="..."
        )
        text = "\n".join([title, *definition])
        color = "#ffe9a8" if is_it else "#eef3fa"
    # A dollar sign would begin a formula.
    axes.text(
        x, y, text.replace("$", r"\$"), ha="center", va="center", fontsize=8, zorder=2,
        bbox={"boxstyle": "round,pad=0.4", "facecolor": color, "edgecolor": "0.6"},
    )  # fmt: skip
