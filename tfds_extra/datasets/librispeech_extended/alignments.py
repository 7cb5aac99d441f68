"""Alignments of LibriSpeech from three sources, and the words of a transcript with their times."""

from __future__ import annotations

import dataclasses
import functools
import re
import tempfile
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from tfds_extra import core
from tfds_extra.formats import FormatError, librispeech, textgrid
from tfds_extra.formats.textgrid import Interval

UNKNOWN = "<unk>"
_MAX_PIECES = 4  # The most intervals of one word of a transcript.
_IN_MEMORY = 32 << 20  # Bytes of packed JSON; more lies in an unnamed temporary file.
_JSON_NAME = re.compile(r"(?:.*/)?(?P<chapter>[0-9]+-[0-9]+)\.json")


class Utterance(NamedTuple):
    """The place of an utterance in the corpus.

    Attributes:
      subset: Subset of SLR12, such as train-clean-100, also for Mini LibriSpeech and Libri-light.
      speaker_id: Its reader.
      chapter_id: Its chapter.
      id: Such as 4088-158079-0000.
    """

    subset: str
    speaker_id: str
    chapter_id: str
    id: str


class Alignment(NamedTuple):
    """The tiers of an utterance, as published, silences included.

    Attributes:
      words: Its words.
      phones: Its phones; none in the condensed notation.
    """

    words: list[Interval]
    phones: list[Interval]


class TextGrids:
    """A TextGrid for each utterance, by subset, reader and chapter."""

    def __init__(self, tree: core.Tree):
        self._tree = tree

    def find(self, utterance: Utterance) -> Alignment | None:
        """Returns the alignment of an utterance; None if there is none."""
        subset, speaker, chapter, name = utterance
        name = f"{subset}/{speaker}/{chapter}/{name}.TextGrid"
        if not self._tree.holds(name):
            return None
        with core.located(self._tree, name, core.GET_AGAIN):
            tiers = {
                tier.name: tier.intervals for tier in textgrid.parse(self._tree.read_member(name))
            }
            if not {"words", "phones"} <= tiers.keys():
                raise FormatError(f"no tiers words and phones, but {', '.join(tiers)[:60]}")
        return Alignment(tiers["words"], tiers["phones"])


class Condensed:
    """A file of words and their ends for each chapter."""

    def __init__(self, tree: core.Tree):
        self._tree = tree
        # Recordings come chapter by chapter.
        self._chapter = functools.lru_cache(maxsize=2)(self._read)

    def find(self, utterance: Utterance) -> Alignment | None:
        """Returns the alignment of an utterance; None if there is none."""
        subset, speaker, chapter, name = utterance
        words = self._chapter(
            f"{subset}/{speaker}/{chapter}/{speaker}-{chapter}.alignment.txt"
        ).get(name)
        return None if words is None else Alignment(words, [])

    def _read(self, name: str) -> dict[str, list[Interval]]:
        if not self._tree.holds(name):
            return {}
        with core.located(self._tree, name, core.GET_AGAIN):
            return librispeech.parse_condensed(self._tree.read_member(name))


class Json:
    """A file of JSON for each chapter, in an archive that can only be read from its beginning.

    Its files wait, packed, in memory or on disk.
    """

    def __init__(self, tree: core.Tree):
        self._tree = tree
        self._places: dict[str, tuple[int, int]] = {}
        self._packed = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
        self._chapter = functools.lru_cache(maxsize=2)(self._read)
        for member in tree.members():
            if match := _JSON_NAME.fullmatch(member.name):
                with core.located(tree, member.name, core.GET_AGAIN):
                    packed = zlib.compress(member.read(), 1)
                    if match["chapter"] in self._places:
                        raise ValueError(f"chapter {match['chapter']} is there twice")
                self._places[match["chapter"]] = self._packed.tell(), len(packed)
                self._packed.write(packed)

    def find(self, utterance: Utterance) -> Alignment | None:
        """Returns the alignment of an utterance; None if there is none."""
        tiers = self._chapter(f"{utterance.speaker_id}-{utterance.chapter_id}").get(utterance.id)
        return None if tiers is None else Alignment(tiers["words"], tiers["phones"])

    def _read(self, chapter: str) -> dict[str, dict[str, list[Interval]]]:
        if chapter not in self._places:
            return {}
        start, size = self._places[chapter]
        self._packed.seek(start)
        with core.located(self._tree, f"{chapter}.json", core.GET_AGAIN):
            return librispeech.parse_json(zlib.decompress(self._packed.read(size)))


SOURCES = {"textgrid": TextGrids, "condensed": Condensed, "json": Json}


# --------------------------------------------------------------------------------- restoring words


@dataclasses.dataclass(frozen=True)
class Words:
    """The words of a transcript with their times.

    Attributes:
      words: In order, spelled as in the transcript.
      is_unknown: For each word, whether the aligner had `<unk>` for it.
      agrees: Whether these are all words of the transcript, and no others.
    """

    words: list[Interval]
    is_unknown: list[bool]
    agrees: bool


def restore(tier: Sequence[Interval], text: str) -> Words:
    """Gives the words of a tier the spelling of the transcript.

    Aligners write `<unk>` for words that their dictionary lacks, and some cut a possessive in two
    (`cosette`, `s`). Such a word of the transcript gets the time of all its pieces. If tier and
    transcript differ in another way, words that only the tier has are kept, in capitals, and words
    that only the transcript has are left out, because nobody knows their time.

    Args:
      tier: The words, and silences, whose text is empty.
      text: The transcript.

    Returns:
      The words.
    """
    tokens = [one for one in tier if one.text.strip()]
    words = text.split()
    pieces = [_letters(one.text) for one in tokens]
    spelled = [_letters(word) for word in words]
    if len(pieces) == len(spelled) and all(map(_is_same, pieces, spelled)):
        steps = [(i + 1, i + 1) for i in range(len(words))]
        agrees = True
    else:
        steps, agrees = _aligned(pieces, spelled)
    found: list[Interval] = []
    is_unknown: list[bool] = []
    i = j = 0
    for next_i, next_j in steps:
        if next_i > i:
            own = next_j == j
            word = tokens[i].text.upper() if own else words[j]
            found.append(Interval(tokens[i].start, tokens[next_i - 1].end, word))
            is_unknown.append(any(piece is None for piece in pieces[i:next_i]))
        i, j = next_i, next_j
    return Words(found, is_unknown, agrees)


def _letters(word: str) -> str | None:
    """Returns a word without case and apostrophes; None for `<unk>`."""
    return None if word.lower() == UNKNOWN else word.upper().replace("'", "")


def _is_same(piece: str | None, word: str | None) -> bool:
    return piece is None or piece == word


def _aligned(
    pieces: list[str | None], words: list[str | None]
) -> tuple[list[tuple[int, int]], bool]:
    """Aligns the aligner's pieces with the transcript's words at the least cost.

    Args:
      pieces: The aligner's words, from `_letters`.
      words: The transcript's words, from `_letters`.

    Returns:
      How many pieces and words are used up after each step, and whether all fit.
    """
    # The cost (first the number of misfits, then of words in pieces), and the step that led here.
    worst = (len(pieces) + len(words) + 1, 0)
    best = [[(worst, (0, 0))] * (len(words) + 1) for _ in range(len(pieces) + 1)]
    best[0][0] = ((0, 0), (0, 0))
    for i in range(len(pieces) + 1):
        for j in range(len(words) + 1):
            (wrong, cut), _ = best[i][j]
            ways = []
            if i < len(pieces):
                ways.append((i + 1, j, 1, 0))
            if j < len(words):
                ways.append((i, j + 1, 1, 0))
                for k in range(1, min(_MAX_PIECES, len(pieces) - i) + 1):
                    if _fits(pieces[i : i + k], words[j]):
                        ways.append((i + k, j + 1, 0, k - 1))
            for next_i, next_j, costs, cuts in ways:
                cost = (wrong + costs, cut + cuts)
                if cost < best[next_i][next_j][0]:
                    best[next_i][next_j] = cost, (i, j)
    steps = []
    at = len(pieces), len(words)
    while at != (0, 0):
        steps.append(at)
        at = best[at[0]][at[1]][1]
    return steps[::-1], best[-1][-1][0][0] == 0


def _fits(pieces: list[str | None], word: str | None) -> bool:
    """Returns whether some pieces make up a word; an unknown piece may be any letters."""
    if word is None:
        return False
    known = [piece for piece in pieces if piece is not None]
    if len(known) == len(pieces):
        return "".join(known) == word
    if len(pieces) == 1:
        return True
    pattern = "".join(".+" if piece is None else re.escape(piece) for piece in pieces)
    return re.fullmatch(pattern, word) is not None
