"""The base class of every builder in this package.

A builder's own module states what is peculiar to its corpus: configs, features, URLs, and how a raw
record becomes an example. What all builders share is in the layers of `builders`, of which this
module makes the class: variants, facts, peeks, published files, prepared data, preparing, and reading. Each
layer uses those below it.
"""

from __future__ import annotations

import abc
import inspect
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters

from tfds_extra.core import peeking, spelling
from tfds_extra.core.builders.declarations import Objects, Segments
from tfds_extra.core.builders.reading import ReadingLayer
from tfds_extra.core.builders.variants import MINIATURE, PARTIAL, PEEK, split_variant
from tfds_extra.core.pieces import Chunk, Chunked, ReadPiece, Rows, SplitExample

__all__ = ["MINIATURE", "PARTIAL", "PEEK", "Builder", "ChunkedBuilder", "Objects", "Segments"]


class Builder(ReadingLayer):
    """Base builder: a subclass declares one corpus.

    A subclass gives `VERSION`, `RELEASE_NOTES`, `BUILDER_CONFIGS`, `_info` (through
    `dataset_info`), `published_files`, `_split_generators` (through `fetch` and `by_split`) and
    `_generate_examples`. Its folder holds README.md, CITATIONS.bib, TAGS.txt, `counts.tsv` and
    `about.tsv`. `counts.tsv` is the publisher's number of examples by config (`*` for all configs)
    and split, with the word `unknown` where nobody states it; `about.tsv` describes the corpus in
    short.

    Attributes:
      DRAWN_TIMES: Two names, each as `outer/inner`: the feature with interesting times of a
        recording, such as beats, in seconds; and the feature that says which of them are strong.
        `tfds-extra show` draws them.
      DRAWN_DISTRIBUTIONS: Names of the features that hold a number for each class of the label,
        such as the share of people who chose it. `tfds-extra show` draws them as bars.
      DRAWN_SEGMENTS: Features of analyzed music that `tfds-extra show` draws over time, in configs that
        have them.
      DRAWN_OBJECTS: Features of objects that `tfds-extra show` draws over the first image, in configs
        that have them.
      DRAWN_FIRST: Names of the features that a person of the field wants to know first, each as
        `outer/inner` if it is nested. `tfds-extra show` prints them before the others.
      DRAWN_SPLIT: The split that `tfds-extra show` draws from if none is named, the first by default.
      SERIAL_BYTES: Of how many bytes on several processes prepare the corpus; see `PreparingLayer`.
      READ_AT_ONCE: Of how many examples at once as much is read as of one; see `PeeksLayer`.
    """

    DRAWN_TIMES: tuple[str, str] | None = None
    DRAWN_DISTRIBUTIONS: tuple[str, ...] = ()
    DRAWN_SEGMENTS: Segments | None = None
    DRAWN_OBJECTS: Objects | None = None
    DRAWN_FIRST: tuple[str, ...] = ()
    DRAWN_SPLIT: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Otherwise a subclass of a builder would show its parent's README.
        cls.pkg_dir_path = None

    def __init__(
        self,
        *,
        config: str | tfds.core.BuilderConfig | None = None,
        miniature: bool = False,
        partial: bool = False,
        peek: bool | peeking.Peek = False,
        num_workers: int | None = None,
        file_format: str | file_adapters.FileFormat | None = None,
        **kwargs: Any,
    ):
        """Creates a builder.

        Args:
          config: Name of a config, or a config. A name that ends in `-miniature`, `-partial` or
            `-peek`, as found under the data folder, means the same as the argument of that name.
          miniature: Prepare from the small made-up corpus that comes with this package, offline.
            The data lies under a config name of its own and is never taken for the corpus.
          partial: Prepare from whatever part of the published files there is. The data, too, lies
            under a config name of its own; `info.metadata` counts the missing examples.
          peek: Show the first examples of each split, and fetch only what they take. True means 20
            of each from at most 50 MB; a `core.Peek` has other numbers. The data lies under a config
            name of its own; `info.metadata` says what could not be checked or shown.
          num_workers: Number of processes that prepare the data: 1 for this process alone, None for
            one process per core where that saves time. The prepared bytes do not depend on it.
          file_format: Format of the record files, as in `tfds.core.GeneratorBasedBuilder`. None
            means the format of data that is already prepared, or else TFDS's default;
            `tfds.data_source` prepares `array_record`.
          **kwargs: Arguments of `tfds.core.GeneratorBasedBuilder`: `data_dir`, `version`.

        Raises:
          ValueError: There is no argument, config or version of that name, an argument has a wrong
            type, or two of `miniature`, `partial` and `peek` are set.
          CorpusError: The data is prepared in another format than `file_format`.
        """
        self._check_arguments(
            {
                MINIATURE: miniature,
                PARTIAL: partial,
                PEEK: bool(peek) if isinstance(peek, peeking.Peek) else peek,
                "num_workers": num_workers,
                **kwargs,
            }
        )
        chosen = {MINIATURE: miniature, PARTIAL: partial, PEEK: bool(peek)}
        if kwargs.get("data_dir"):
            kwargs["data_dir"] = os.path.expanduser(kwargs["data_dir"])
        config, named = split_variant(config)
        if named:
            chosen[named] = True
        if sum(map(bool, chosen.values())) > 1:
            raise ValueError(
                "A miniature is complete, and a peek or a part is not: choose one of `miniature`,"
                " `partial` and `peek`."
            )
        self.variant: str | None = next((name for name, on in chosen.items() if on), None)
        self._manual_dir: pathlib.Path | None = None
        self._num_workers = num_workers
        self._peek = peek if isinstance(peek, peeking.Peek) else peeking.Peek()
        self._work_folder: pathlib.Path | None = None
        self._unpublished = ""  # TFDS's temporary folder, before it gets its final name.
        self._sources: dict[str, str] = {}  # Paths that were read, by name in `published_files`.
        super().__init__(config=config, **kwargs)
        self._set_file_format(file_format)
        # Pickling rebuilds the builder from these arguments; TFDS leaves out file_format.
        self._remember_arguments(
            miniature=self.variant == MINIATURE,
            partial=self.variant == PARTIAL,
            peek=self.variant == PEEK and self._peek,
            num_workers=num_workers,
            file_format=file_format,
        )

    @classmethod
    def _check_arguments(cls, given: Mapping[str, Any]) -> None:
        """Raises a `ValueError` if an argument is wrong; it says what would be right."""
        known = _parameters(cls)
        for name, value in given.items():
            if name not in known:
                question = spelling.hint(name, list(known)) or f"There are: {', '.join(known)}."
                raise ValueError(f"{cls.name} has no argument {name!r}. {question}")
            if name in (MINIATURE, PARTIAL, PEEK) and not isinstance(value, (bool, np.bool_)):
                also = " (or a core.Peek)" if name == PEEK else ""
                raise ValueError(f"{name} is True or False{also}, not {value!r}.")
        workers = given["num_workers"]
        is_number = isinstance(workers, (int, np.integer)) and not isinstance(workers, bool)
        if workers is not None and not (is_number and workers > 0):
            raise ValueError(
                f"num_workers is a whole number from 1, or None for one a core, not {workers!r}."
            )


class ChunkedBuilder(Builder):
    """Base builder of a corpus whose pieces are read by one process and made examples of by any.

    A subclass gives `_read` and `_make` in place of `_generate_examples`, and passes `_by_chunks` to
    `by_split`; see `Chunked`.
    """

    @property
    def _by_chunks(self) -> ReadPiece[Any]:
        """What reads a piece in both steps."""
        return Chunked(self._read, self._make)

    def _generate_examples(self, piece: Any) -> Iterator[SplitExample | Rows]:
        yield from self._by_chunks(piece)

    @abc.abstractmethod
    def _read(self, piece: Any) -> Iterable[Chunk]:
        """Yields the chunks of a piece."""

    @abc.abstractmethod
    def _make(self, piece: Any, chunk: Chunk) -> Iterable[SplitExample | Rows]:
        """Yields the examples of a chunk."""


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Returns the keyword-only arguments that builders of a class take."""
    parameters = {}
    for base in reversed(cls.__mro__):
        for name, parameter in inspect.signature(
            vars(base).get("__init__", object.__init__)
        ).parameters.items():
            if parameter.kind == parameter.KEYWORD_ONLY:
                parameters[name] = parameter
    return parameters
