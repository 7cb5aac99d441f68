"""Divides a raw corpus into independent pieces; each is read once, whichever splits it holds.

A builder's `_generate_examples(piece)` reads one piece (an archive, a range of its members, a file)
and yields `(split, key), example`, or `Rows` with many examples. TFDS wants a generator for each
split. `by_split` makes such generators; our engines take the pieces out of them, and read each
piece once for all splits together.

Most corpora are one piece, because they are one compressed stream, which only one process can read.
`Chunked` separates reading such a piece from making examples of what was read, so that one process
reads it, and several make the examples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

Key = str | int
Example = dict[str, Any]
SplitExample = tuple[tuple[str, Key], Example]  # Split, key, and the example.
PieceT = TypeVar("PieceT")
T = TypeVar("T")
ReadPiece = Callable[[PieceT], "Iterable[SplitExample | Rows]"]


# A chunk has about so many bytes: enough that handing it on takes little of the time, and so few that
# the last ones of a piece are done at about the same time.
CHUNK_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class SplitFiles:
    """A piece that is one split, of a corpus that has separate files for each split.

    Attributes:
      split: Name of the split.
      files: All published files of the config, as `core.Builder.fetch` gives them.
    """

    split: str
    files: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Many examples at once, with a column for each feature.

    A builder may yield it in place of single examples, because it is much faster to write.

    Attributes:
      split: The split of the examples.
      keys: The keys of the examples.
      columns: Values by the name of the top-level feature: lists, numpy or pyarrow arrays.
    """

    split: str
    keys: Sequence[Key]
    columns: Mapping[str, Any]

    def __iter__(self) -> Iterator[SplitExample]:
        for i, key in enumerate(self.keys):
            example = {name: _item(column, i) for name, column in self.columns.items()}
            yield (self.split, key), example


@dataclasses.dataclass(frozen=True)
class Chunk:
    """A part of a piece as it was read: consecutive lines, or members of an archive.

    Attributes:
      place: Where it is in the piece, for messages.
      content: What examples are made of; it can be pickled.
    """

    place: str
    content: Any


@dataclasses.dataclass(frozen=True)
class Chunked(Generic[PieceT]):
    """Reads a piece in two steps, of which several processes can do the second one.

    A call does both, as `_generate_examples` does.

    Attributes:
      read: A method of the builder. It takes a piece and yields chunks; it does what depends on the
        order of the stream, and little else, because one process does it for all.
      make: A method of the builder. It takes a piece and one of its chunks, and yields what
        `_generate_examples` yields. It knows nothing of other chunks.
    """

    read: Callable[[PieceT], Iterable[Chunk]]
    make: Callable[[PieceT, Chunk], Iterable[SplitExample | Rows]]

    def __call__(self, piece: PieceT) -> Iterator[SplitExample | Rows]:
        for chunk in self.read(piece):
            yield from self.make(piece, chunk)


def in_chunks(
    items: Iterable[T],
    size_of: Callable[[T], int],
    place_of: Callable[[T], str],
    *,
    one_by_one: bool = False,
) -> Iterator[Chunk]:
    """Gathers items, such as members of an archive, into chunks of about `CHUNK_BYTES`.

    Args:
      items: The items, each of which can be pickled.
      size_of: Returns about how many bytes an item has.
      place_of: Returns where an item is, for messages.
      one_by_one: Whether each item is a chunk of its own, so that none is read before it is needed.

    Yields:
      Chunks; their content is a list of items. If reading an item raises an error, those before it
      come first, as what is wrong with them is the earlier error.
    """
    gathered: list[T] = []
    size = 0

    def chunk() -> Chunk:
        places = dict.fromkeys((place_of(gathered[0]), place_of(gathered[-1])))
        return Chunk(" to ".join(places), gathered)

    try:
        for item in items:
            gathered.append(item)
            size += size_of(item)
            if one_by_one or size >= CHUNK_BYTES:
                yield chunk()
                gathered, size = [], 0
    except Exception:
        if gathered:
            yield chunk()
        raise
    if gathered:
        yield chunk()


def builder_of(read: ReadPiece) -> Any:
    """Returns the builder whose method reads pieces; None if it is no method."""
    return getattr(read.make if isinstance(read, Chunked) else read, "__self__", None)


def _item(column: Any, index: int) -> Any:
    """Returns a value of a column; of a pyarrow column, as a Python object."""
    value = column[index]
    return value.as_py() if hasattr(value, "as_py") else value


def one_by_one(piece: Any, read: ReadPiece) -> Generator[SplitExample, None, None]:
    """Yields the examples of a piece one after the other; takes `Rows` apart."""
    for item in read(piece):
        yield from item if isinstance(item, Rows) else (item,)


@dataclasses.dataclass(frozen=True)
class SplitExamples:
    """The examples of one split, as `_split_generators` returns them.

    TFDS iterates over it. That reads every piece, and leaves out the examples of other splits.

    Attributes:
      split: Name of the split.
      pieces: The whole corpus.
      read: Reads one piece.
    """

    split: str
    pieces: Sequence[Any]
    read: ReadPiece

    def __iter__(self) -> Iterator[tuple[Key, Example]]:
        for piece in self.pieces:
            for (split, key), example in one_by_one(piece, self.read):
                if split == self.split:
                    yield key, example


def by_split(
    splits: Iterable[str], pieces: Sequence[PieceT], read: ReadPiece
) -> dict[str, SplitExamples]:
    """Makes the return value of `_split_generators` for pieces that may mix splits.

    Args:
      splits: Names of all splits.
      pieces: Independent parts of the corpus; they are small and can be pickled.
      read: The builder's `_generate_examples`, or a `Chunked`, which does the same.

    Returns:
      The examples of each split.
    """
    return {split: SplitExamples(split, pieces, read) for split in splits}
