"""A made-up corpus for the tests of the engines, importable by worker processes."""

from __future__ import annotations

import os
import pathlib
import signal
import sys
import time

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.core.engines import runs

_SECONDS = {"slow": 0.3, "stuck": 60.0}  # That a piece takes.


class EngineCorpus(core.Builder):
    """Numbered rows in several pieces that mix two splits.

    If they are chunked, these pieces are the chunks of the only one.

    Trouble, as "what:piece": the piece raises, cannot be read, kills its process, is slow, is stuck, or
    repeats a key.
    """

    VERSION = tfds.core.Version("1.0.0")
    url_infos = {}

    def __init__(
        self, *, rows=600, num_pieces=6, batched=False, chunked=False, ordered=False, trouble="",
        log="", **kwargs,
    ):  # fmt: skip
        self.rows, self.num_pieces, self.batched, self.ordered = rows, num_pieces, batched, ordered
        self.chunked = chunked
        self.trouble, _, self.troubled = trouble.partition(":")
        self.log = log
        super().__init__(**kwargs)
        self._original_state.update(
            rows=rows, num_pieces=num_pieces, batched=batched, chunked=chunked, ordered=ordered,
            trouble=trouble, log=log,
        )  # fmt: skip

    @property
    def expected_counts(self):
        test = len(range(0, self.rows, 5))
        return {"train": self.rows - test, "test": test}

    def facts_path(self, file_name):
        return pathlib.Path(__file__).parent / file_name

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "number": np.int64,
                    "text": tfds.features.Text(),
                    "vector": tfds.features.Tensor(shape=(3,), dtype=np.float32),
                }
            ),
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=self.ordered,
        )

    def published_files(self):
        return {}

    def _split_generators(self, dl_manager):
        pieces = [f"piece {i}" for i in range(self.num_pieces)]
        if self.chunked:
            return core.by_split(["train", "test"], ["stream"], self._by_chunks)
        return core.by_split(["train", "test"], pieces, self._generate_examples)

    @property
    def _by_chunks(self):
        return core.Chunked(self._read, self._make)

    def _read(self, piece):
        for i in range(self.num_pieces):
            if self.trouble == "unreadable" and str(i) == self.troubled:
                raise core.CorpusError(piece, f"piece {i}", "cannot be read")
            yield core.Chunk(f"piece {i}", i)

    def _make(self, piece, chunk):
        yield from self._of(chunk.content)

    def _generate_examples(self, piece):
        yield from self._by_chunks(piece) if self.chunked else self._of(int(piece.split()[1]))

    def _of(self, index):
        if self.log:
            with open(self.log, "a") as log:
                log.write(f"{index}\n")
        size = self.rows // self.num_pieces
        numbers = range(index * size, (index + 1) * size)
        if self.trouble in ("slow", "die"):  # As if it took so long that each piece is filed alone.
            runs.BUFFER_SECONDS = 0
        if str(index) == self.troubled:
            self._make_trouble()
        if self.trouble in _SECONDS:
            time.sleep(_SECONDS[self.trouble])
        if self.batched:
            for split in ("train", "test"):
                mine = [n for n in numbers if (n % 5 == 0) == (split == "test")]
                columns = {
                    "number": np.array(mine),
                    "text": [f"text {n}" for n in mine],
                    "vector": np.array([[n, n / 2, n / 3] for n in mine], np.float32),
                }
                yield core.Rows(split, [self._key(n) for n in mine], columns)
            return
        for n in numbers:
            if self.trouble == "twice" and n == 42:
                yield ("train", self._key(41)), self._example(41)
            yield ("test" if n % 5 == 0 else "train", self._key(n)), self._example(n)

    def _key(self, n):
        return n if self.ordered else f"row {n}"

    def _example(self, n):
        return {"number": n, "text": f"text {n}", "vector": np.array([n, n / 2, n / 3], np.float32)}

    def _make_trouble(self):
        if self.trouble == "raise":
            raise core.CorpusError(f"piece {self.troubled}", "line 3", "made trouble")
        if self.trouble == "modules":
            with open(self.log, "a") as log:
                log.write("\n".join(sys.modules))
        if self.trouble == "die":
            os.kill(os.getpid(), signal.SIGKILL)
