"""Generated corpora for the benchmarks of the engines, importable by worker processes."""

from __future__ import annotations

import hashlib
import io
import pathlib
import random
import re
import zlib

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.core import digests
from tfds_extra.features import sound
from tfds_extra.formats import flac

_FIELDS = ["title", "body", "author", "place", "remark"]


class Generated(core.Builder):
    """Rows of five text fields, made on the spot, in pieces of 10,000."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos: dict = {}
    FEATURES = {field: tfds.features.Text() for field in _FIELDS}
    PIECE = 10_000

    def __init__(self, *, rows: int, **kwargs):
        self.rows = rows
        super().__init__(**kwargs)
        self._original_state.update(rows=rows)

    @property
    def expected_counts(self):
        return {"train": self.rows}

    def facts_path(self, file_name):
        return pathlib.Path(__file__).parent / file_name

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(self.FEATURES),
            metadata=tfds.core.MetadataDict(),
        )

    def published_files(self):
        return {}

    def _split_generators(self, dl_manager):
        return core.by_split(["train"], range(0, self.rows, self.PIECE), self._generate_examples)

    def _generate_examples(self, start):
        for i in range(start, min(start + self.PIECE, self.rows)):
            yield ("train", i), self._example(i)

    def _example(self, i):
        return {field: f"{field} of row {i} " + "lorem ipsum " * (i % 7) for field in _FIELDS}


class TextRows(Generated):
    """The same from CSV files, row by row or in columns."""

    def __init__(self, *, csv: str, batched: bool = False, **kwargs):
        self.csv, self.batched = csv, batched
        super().__init__(**kwargs)
        self._original_state.update(csv=csv, batched=batched)

    def _split_generators(self, dl_manager):
        files = sorted(pathlib.Path(self.csv).iterdir())
        return core.by_split(["train"], files, self._generate_examples)

    def _generate_examples(self, path):
        first = int(path.stem)  # A row's key is its number.
        if self.batched:
            from pyarrow import csv

            for batch in csv.read_csv(path).to_batches():
                columns = dict(zip(batch.schema.names, batch.columns))
                yield core.Rows("train", range(first, first + batch.num_rows), columns)
                first += batch.num_rows
            return
        import csv as plain

        with path.open(newline="") as lines:
            for number, row in enumerate(plain.DictReader(lines), first):
                yield ("train", number), row


class Mixed(Generated):
    """Small image bytes, ragged boxes and text."""

    FEATURES = {
        "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
        "boxes": tfds.features.Sequence(
            {"box": tfds.features.BBoxFeature(), "label": tfds.features.ClassLabel(num_classes=9)}
        ),
        "words": tfds.features.Sequence(tfds.features.Sequence(tfds.features.Text())),
        "caption": tfds.features.Text(),
    }
    # A PNG header and noise: nothing decodes it here.
    _PNG = b"\x89PNG\r\n\x1a\n" + random.Random(0).randbytes(3000)

    def _example(self, i):
        box = tfds.features.BBox(0.1, 0.2, 0.3, 0.4)
        return {
            "image": io.BytesIO(self._PNG),
            "boxes": [{"box": box, "label": j} for j in range(i % 5)],
            "words": [["word"] * j for j in range(i % 4)],
            "caption": f"caption of image {i}",
        }


class Large(Generated):
    """Recordings or pictures as published: half a megabyte that nothing decodes."""

    FEATURES = {"content": tfds.features.Tensor(shape=(), dtype=np.str_)}
    PIECE = 100
    _CONTENT = random.Random(0).randbytes(500_000)

    def _example(self, i):
        return {"content": self._CONTENT}


class Decoded(Generated):
    """Pieces whose reading is work: each decompresses what a few hundred pictures hold."""

    FEATURES = {"total": np.int64}
    PIECE = 1
    _COMPRESSED = zlib.compress(bytes(random.Random(0).choices(range(16), k=1 << 18)))

    def _generate_examples(self, start):
        total = sum(zlib.adler32(zlib.decompress(self._COMPRESSED)) for _ in range(600))
        yield ("train", start), {"total": total}


class Recordings(Generated):
    """FLAC files in a tar.gz, with a list of their digests beside it; all may be decoded as well."""

    FEATURES = {
        "speech": tfds.features.Tensor(shape=(), dtype=np.str_),
        "num_samples": np.int64,
        "pcm_md5": tfds.features.Text(),
    }
    _MEMBER = re.compile(r"recordings/[0-9]+\.flac")

    def __init__(self, *, archive: str, decoded: bool = False, **kwargs):
        self.archive, self.decoded = archive, decoded
        super().__init__(**kwargs)
        self._original_state.update(archive=archive, decoded=decoded)

    def _split_generators(self, dl_manager):
        chunked = core.Chunked(self._read, self._make)
        return core.by_split(["train"], [core.Tree(self.archive)], chunked)

    def _read(self, tree):
        listed = pathlib.Path(self.archive).with_suffix(".sha256").read_text()
        by_name = digests.parse_coreutils(listed, "sha256")
        return core.Members(tree, digests=by_name, pattern=self._MEMBER).chunks()

    def _make(self, tree, chunk):
        return core.make_of_chunk(tree, chunk, self._recording)

    def _recording(self, name, content):
        stated = flac.parse(content)
        samples, md5 = stated.num_samples, stated.pcm_md5
        if self.decoded:
            found = sound.decode(io.BytesIO(content), np.dtype(np.int16))[0].astype("<i2")
            if hashlib.md5(found.tobytes(), usedforsecurity=False).hexdigest() != md5:
                raise ValueError("altered")
        yield ("train", name), {"speech": content, "num_samples": samples, "pcm_md5": md5}


def write_csv(folder: pathlib.Path, rows: int) -> list[pathlib.Path]:
    """Writes the rows of `Generated` into files of 10,000."""
    import csv

    folder.mkdir()
    paths = []
    for start in range(0, rows, Generated.PIECE):
        path = folder / f"{start:09}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, _FIELDS)
            writer.writeheader()
            stop = min(start + Generated.PIECE, rows)
            writer.writerows(Generated._example(None, i) for i in range(start, stop))
        paths.append(path)
    return paths
