"""Divides a raw corpus into independent pieces; each is read once, whichever splits it holds.

A builder's `_generate_examples(piece)` reads one piece (an archive, a range of its members, a file)
and yields `(split, key), example`, or `Rows` with many examples. TFDS wants a generator for each
split. `by_split` makes such generators; our engines take the pieces out of them, and read each
piece once for all splits together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

Key = str | int
Example = dict[str, Any]
SplitExample = tuple[tuple[str, Key], Example]  # Split, key, and the example.
PieceT = TypeVar("PieceT")
ReadPiece = Callable[[PieceT], "Iterable[SplitExample | Rows]"]


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
      read: The builder's `_generate_examples`.

    Returns:
      The examples of each split.
    """
    return {split: SplitExamples(split, pieces, read) for split in splits}
