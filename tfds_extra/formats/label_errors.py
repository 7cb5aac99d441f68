"""Reads the JSON files of cleanlab/label-errors: labels that a model doubted and people checked.

Each entry of `<corpus>_mturk.json` has a row of a test set, the given label, the label that the
model guessed, and what five people chose: `given`, `guessed`, `neither` or, in some of the files,
`both`. Source: Northcutt, Athalye and Mueller, "Pervasive Label Errors in Test Sets Destabilize
Machine Learning Benchmarks", 2021; https://github.com/cleanlab/label-errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfds_extra.formats import FormatError, parser, reading

# The beginning of the URLs of one version of the study's files; names of files follow.
PUBLISHED_AT = (
    "https://raw.githubusercontent.com/cleanlab/label-errors/"
    "6d5d6b31a13216290afc40e5c6319399c4d15c06/"
)

_VOTERS = 5
_MAJORITY = 3
_CHOICES = ("given", "guessed", "neither")

# The values of a row that nobody was asked about.
NO_CANDIDATE = {
    "candidate": False,
    "guessed_label": -1,
    "votes_given": -1,
    "votes_guessed": -1,
    "votes_neither": -1,
    "is_error": False,
    "corrected_label": -1,
}


@parser
def parse(
    content: bytes,
    given_labels: Sequence[int] | np.ndarray,
    choices: Sequence[str] = _CHOICES,
    *,
    rows: Mapping[Any, int] | None = None,
    classes: Sequence[str] | None = None,
) -> dict[int, dict[str, Any]]:
    """Returns people's votes on the labels that the model doubted.

    Args:
      content: The file.
      given_labels: All labels of the test set, in order; they show whether the file is about it.
      choices: What people could choose.
      rows: The row of each id, if ids are names and not rows.
      classes: Names of the classes, if labels are names and not numbers.

    Returns:
      For each row of the test set a dict of the keys of `NO_CANDIDATE`, with `votes_...` for each
      of the choices. `is_error` says that fewer than three of five chose the given label;
      `corrected_label` is another label that three or more chose.

    Raises:
      FormatError: It is something else, or does not fit the labels; the message names the entry.
    """
    with reading("not a list of candidates"):
        entries = json.loads(content)
    if not isinstance(entries, list):
        raise FormatError("not a list of candidates")
    candidates = {}
    for number, entry in enumerate(entries):
        with reading(f"entry {number}: not a candidate as published"):
            row = _integer(entry["id"]) if rows is None else rows[entry["id"]]
            given, guessed = (
                _integer(entry[k]) if classes is None else classes.index(entry[k])
                for k in ("given_original_label", "our_guessed_label")
            )
            votes = {k: _integer(entry["mturk"][k]) for k in choices}
        if not 0 <= row < len(given_labels) or row in candidates or given != given_labels[row]:
            raise FormatError(
                f"entry {number}: row {row} with label {given} is not in the test set"
            )
        if guessed == given:
            votes["guessed"] = 0  # The publisher counts the same votes under both choices.
        if sum(votes.values()) != _VOTERS or min(votes.values()) < 0:
            raise FormatError(f"entry {number}: {votes} are not the votes of {_VOTERS} people")
        candidates[row] = {
            "candidate": True,
            "guessed_label": guessed,
            **{f"votes_{choice}": count for choice, count in votes.items()},
            "is_error": votes["given"] < _MAJORITY,
            "corrected_label": guessed if votes["guessed"] >= _MAJORITY else -1,
        }
    return candidates


@parser
def parse_index(content: bytes) -> list[str]:
    """Returns the names of the rows of a test set, from a file of `dataset_indexing`.

    Args:
      content: The file.

    Returns:
      A name for each row; a name may come twice.

    Raises:
      FormatError: It is something else.
    """
    with reading("not a list of names"):
        names = json.loads(content)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FormatError("not a list of names")
    return names


def _integer(value: object) -> int:
    """Returns a published integer of 32 bits; raises for 1.0, true, "1" and others."""
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise FormatError(f"{str(value)[:40]} is no integer of 32 bits")
    return value
