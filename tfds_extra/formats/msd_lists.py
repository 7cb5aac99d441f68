"""Reads the lists around the Million Song Dataset, all of them text in UTF-8.

Ids have 18 letters: `TR` (a track), `SO` (a song) or `AR` (an artist), and 16 capitals or digits. A
song may have several tracks.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from tfds_extra.formats import FormatError, parser, reading

_ID = {kind: re.compile(f"{kind}[A-Z0-9]{{16}}") for kind in ("TR", "SO", "AR")}
_MISMATCH = re.compile(r"ERROR: <(SO[A-Z0-9]{16}) (TR[A-Z0-9]{16})> ?(.*)")
_WORKS = re.compile(r"%((?:-?[0-9]{1,18},)+) ?(.*)")
_SEP = "<SEP>"
_SHOWN = 60
_BLOCK = (
    1 << 20
)  # Bytes of the Taste Profile that are parsed at once; Arrow reads some dozens ahead.
_MAX_ITEMS = 1 << 16  # The most items of one track or user, where the format sets no limit.


def _lines(content: bytes) -> Iterator[tuple[int, str]]:
    """Yields the number and text of each line that is neither empty nor a comment."""
    for number, line in enumerate(content.split(b"\n"), start=1):
        line = line.removesuffix(b"\r")
        if line and not line.startswith(b"#"):
            with reading(f"line {number:,}"):
                text = line.decode("utf-8")
            yield number, text


def _id(kind: str, text: str, number: int) -> str:
    if not _ID[kind].fullmatch(text):
        raise FormatError(f"line {number:,}: {text[:_SHOWN]!r} is no id of the kind {kind}...")
    return text


@parser
def artist_ids(content: bytes) -> list[str]:
    """Returns the artists of one side of an official split: one id a line."""
    return [_id("AR", line, number) for number, line in _lines(content)]


@parser
def mismatches(content: bytes) -> list[tuple[str, str]]:
    """Returns the song and track of the pairs that do not belong together (sid_mismatches.txt)."""
    found = []
    for number, line in _lines(content):
        match = _MISMATCH.match(line)
        if not match:
            raise FormatError(f"line {number:,}: not of the form ERROR: <song track> ...")
        found.append((match[1], match[2]))
    return found


@parser
def duplicates(content: bytes) -> list[list[str]]:
    """Returns the groups of tracks of the same song (msd_duplicates.txt).

    A line with % begins a group; each line after it begins with the id of a track. The rest of a
    line is not looked at, because no published copy was at hand.
    """
    groups: list[list[str]] = []
    for number, line in _lines(content):
        if line.startswith("%"):
            groups.append([])
        elif not groups:
            raise FormatError(f"line {number:,}: a track before the first group")
        else:
            groups[-1].append(_id("TR", re.split(r"<SEP>|\s", line, maxsplit=1)[0], number))
    return groups


@dataclasses.dataclass(frozen=True)
class Cover:
    """A track that is a performance of a work.

    Attributes:
      track_id: Id of the track.
      artist_id: Id of the artist.
      works: Ids of the work at SecondHandSongs; negative ones stand for unknown works.
      performance: Id of the performance there; -1 if unknown.
      clique: Number of the group of covers in the list, from 0 on.
      title: Title of a track of the group, picked at random by the publisher.
    """

    track_id: str
    artist_id: str
    works: tuple[int, ...]
    performance: int
    clique: int
    title: str


@parser
def covers(content: bytes) -> list[Cover]:
    """Returns the groups of covers (shs_dataset_train.txt, shs_dataset_test.txt).

    `%a,b, title` begins a group of the works a and b; `track<SEP>artist<SEP>performance` is one of
    its tracks.
    """
    found: list[Cover] = []
    works: tuple[int, ...] = ()
    clique, title = -1, ""
    for number, line in _lines(content):
        if line.startswith("%"):
            match = _WORKS.fullmatch(line)
            if not match:
                raise FormatError(f"line {number:,}: not of the form %work,work, title")
            works = tuple(int(work) for work in match[1].split(",") if work)
            clique, title = clique + 1, match[2]
            continue
        fields = line.split(_SEP)
        if clique < 0 or len(fields) != 3:
            raise FormatError(
                f"line {number:,}: not of the form track{_SEP}artist{_SEP}performance"
            )
        with reading(f"line {number:,}"):
            performance = _int(fields[2])
        track, artist = _id("TR", fields[0], number), _id("AR", fields[1], number)
        found.append(Cover(track, artist, works, performance, clique, title))
    return found


@parser
def genres(content: bytes) -> list[tuple[str, str, str]]:
    """Returns track, genre and the minority's genre or "" (msd_tagtraum_cd1.cls and others)."""
    found = []
    for number, line in _lines(content):
        track, *votes = line.split("\t")
        if not 1 <= len(votes) <= 2 or not votes[0]:
            raise FormatError(f"line {number:,}: {len(votes)} genres, not one or two")
        found.append((_id("TR", track, number), votes[0], votes[1] if len(votes) > 1 else ""))
    return found


@dataclasses.dataclass(frozen=True)
class Words:
    """The words of the lyrics of a track.

    Attributes:
      track_id: Id of the track.
      mxm_id: Id of the lyrics at musiXmatch.
      words: The track's words, as indices into the list of words, from 0 on; int32.
      counts: How often each of them occurs; int32.
    """

    track_id: str
    mxm_id: int
    words: np.ndarray
    counts: np.ndarray


class Lyrics:
    """A file of the musiXmatch dataset (mxm_dataset_train.txt, mxm_dataset_test.txt).

    `%word,word,...` are the words, most frequent first, then comes a line for each track:
    `track,mxm id,word:count,...` with words numbered from 1 on.

    Attributes:
      words: The words, which are stems.
    """

    @parser
    def __init__(self, file: BinaryIO):
        """Reads the words.

        Args:
          file: The file, at its beginning.
        """
        self.words: list[str] = []
        self._file = file
        self._number = 0
        for line in file:
            self._number += 1
            if line.startswith(b"%"):
                self.words = line[1:].rstrip(b"\r\n").decode("utf-8").split(",")
                return
            if line.strip() and not line.startswith(b"#"):
                break
        raise FormatError(
            f"line {self._number:,}: the words come first, in a line that begins with %"
        )

    @parser
    def tracks(self, begin: str = "") -> Iterator[Words]:
        """Yields the tracks whose ids begin with `begin`, in the file's order; works once."""
        beginning = begin.encode()
        for line in self._file:
            self._number += 1
            if not line.startswith(beginning) or not line.strip() or line.startswith(b"#"):
                continue
            with reading(f"line {self._number:,}"):
                track, mxm_id, *pairs = line.decode("ascii").strip().split(",")
                _id("TR", track, self._number)
                numbers = np.array([pair.split(":") for pair in pairs], np.int64).reshape(-1, 2)
                words, counts = numbers[:, 0] - 1, numbers[:, 1]
                if len(words) > len(self.words) or not _within(words, 0, len(self.words) - 1):
                    raise FormatError(f"a word that is none of the {len(self.words):,}")
                if not _within(counts, 1, np.iinfo(np.int32).max):
                    raise FormatError("a count that is none")
                yield Words(track, _int(mxm_id), words.astype(np.int32), counts.astype(np.int32))


def _within(values: np.ndarray, least: int, most: int) -> bool:
    return not values.size or (least <= values.min() and values.max() <= most)


def _int(text: str) -> int:
    if not re.fullmatch("-?[0-9]{1,18}", text):
        raise FormatError(f"{text[:_SHOWN]!r} is no whole number")
    return int(text)


@parser
def last_fm(content: bytes) -> dict[str, Any]:
    """Returns a track of the Last.fm dataset: JSON with its tags and similar tracks.

    Returns:
      `track_id`, `artist`, `title`, `timestamp`; `tags`, a list of names with their counts (0 to
      100); and `similars`, a list of ids of tracks with how similar they are (0 to 1).
    """
    try:
        row = json.loads(content)
    except RecursionError as e:
        raise FormatError("JSON that is nested too deeply") from e
    if not isinstance(row, dict):
        raise FormatError("it is no JSON object")
    found: dict[str, Any] = {}
    for name in ("track_id", "artist", "title", "timestamp"):
        if not isinstance(row.get(name), str):
            raise FormatError(f"{name} is missing, or no text")
        found[name] = row[name]
    _id("TR", found["track_id"], 1)
    for name in ("tags", "similars"):
        pairs = row.get(name)
        if not isinstance(pairs, list) or len(pairs) > _MAX_ITEMS:
            raise FormatError(f"{name} is missing, or no list")
        found[name] = []
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
                raise FormatError(f"{name}: {str(pair)[:_SHOWN]} is no pair of text and number")
            # Counts were published as texts.
            value = _int(str(pair[1])) if name == "tags" else float(pair[1])
            found[name].append((pair[0], value))
    return found


@dataclasses.dataclass(frozen=True)
class Plays:
    """The songs that some users have played, one user after the other.

    Attributes:
      users: Ids of the users.
      starts: Where the songs of each user begin, and at the end where the last ones end.
      songs: Ids of songs, as NumPy's bytes of 18 letters.
      counts: How often each song was played; int32.
    """

    users: list[str]
    starts: np.ndarray
    songs: np.ndarray
    counts: np.ndarray


@parser
def taste_profile(file: BinaryIO, block: int = _BLOCK) -> Iterator[Plays]:
    """Reads the Taste Profile (train_triplets.txt), with user, song and count in each line.

    Memory does not depend on the length of the file.

    Args:
      file: The file, at its beginning. The lines of a user follow each other.
      block: Number of bytes that are parsed at once.

    Yields:
      The users in the file's order, some ten thousand triplets at a time.

    Raises:
      FormatError: A line is of another form.
    """
    import pyarrow as pa
    from pyarrow import csv

    kinds = {"user": pa.string(), "song": pa.string(), "count": pa.int32()}
    reader = csv.open_csv(
        file,
        read_options=csv.ReadOptions(column_names=list(kinds), block_size=block, use_threads=False),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=csv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
    )
    done = 0
    rest: list[np.ndarray] = []  # Rows of a user who may go on in the next block.
    for batch in reader:
        found = _triplets(batch, done)
        done += batch.num_rows
        columns = [np.concatenate(pair) for pair in zip(rest, found)] if rest else found
        starts = np.flatnonzero(columns[0][1:] != columns[0][:-1]) + 1
        if len(starts):
            yield _plays([column[: starts[-1]] for column in columns], starts)
            columns = [column[starts[-1] :] for column in columns]
        rest = columns
    if rest and len(rest[0]):
        yield _plays(rest, np.array([len(rest[0])]))


def _plays(columns: list[np.ndarray], stops: np.ndarray) -> Plays:
    users, songs, counts = columns
    starts = np.concatenate([[0], stops])
    return Plays([user.decode("ascii") for user in users[starts[:-1]]], starts, songs, counts)


def _triplets(batch: Any, done: int) -> list[np.ndarray]:
    """Returns the users, songs and counts of Arrow's rows.

    Args:
      batch: The rows.
      done: Rows before them.

    Raises:
      FormatError: One of them is of another form.
    """
    user, song, count = batch.columns
    # The numbers come from Arrow's buffers, since `to_numpy` imports pandas, which takes a second.
    counts = np.frombuffer(count.buffers()[1] or b"", np.int32)[count.offset :][: len(count)]
    good = counts > 0 if not count.null_count else np.zeros(len(count), bool)
    users, fits = _fixed_texts(user, 40, _HEX, b"")
    good &= fits
    songs, fits = _fixed_texts(song, 18, _CAPITALS, b"SO")
    wrong = np.flatnonzero(~(good & fits))
    if count.null_count:
        wrong = np.array([i for i, value in enumerate(count.to_pylist()) if value is None])
    if len(wrong):
        row = batch.slice(int(wrong[0]), 1).to_pylist()[0]
        shown = ", ".join(str(value)[:_SHOWN] for value in row.values())
        raise FormatError(f"line {done + int(wrong[0]) + 1:,}: no user, song and count: {shown}")
    return [users, songs, counts]


def _letters(of: bytes) -> np.ndarray:
    return np.isin(np.arange(256), list(of))


_HEX, _CAPITALS = _letters(b"0123456789abcdef"), _letters(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _fixed_texts(
    column: Any, width: int, letters: np.ndarray, begin: bytes
) -> tuple[np.ndarray, np.ndarray]:
    """Returns texts of one length as NumPy's bytes, and which of them have the expected form.

    If a text has another length, the bytes must not be used.
    """
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets or b"", np.int32)[column.offset :][: len(column) + 1]
    fits = np.diff(ends) == width
    if not fits.all():
        return np.zeros(len(column), f"S{width}"), fits
    content = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]].reshape(-1, width)
    fits = letters[content].all(axis=1)
    for place, letter in enumerate(begin):
        fits &= content[:, place] == letter
    return np.ascontiguousarray(content).view(f"S{width}")[:, 0], fits
