"""Damages small published files at random and reads them with every parser and archive reader.

    python benchmarks/fuzz.py                            # five minutes on all cores, about a million inputs
    python benchmarks/fuzz.py --seconds 20 --only npy    # the targets that have this in their name
    python benchmarks/fuzz.py --again npy.parse 0 1234   # one input of a seed: writes it, and reads it

Whatever is read has to end in a value or in the one error that readers of its kind raise, with a short
message, in bounded memory (`RLIMIT_AS`) and time. What ends otherwise is printed, and its input written
beside the others in a temporary folder; then the exit status is 1. Input `number` of a target depends on
the seed and the number alone.

Parsers are found by the decorator `tfds_extra.formats.parser`. Each has to be read by a target: for a new
one, add a `Target` to `parser_targets`, with a few small samples from `dummy_data/` or made here.
"""

from __future__ import annotations

import argparse
import bz2
import collections
import contextlib
import dataclasses
import functools
import gzip
import importlib
import io
import json
import lzma
import mmap
import multiprocessing
import os
import pathlib
import pkgutil
import random
import resource
import signal
import struct
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import h5py
import numpy as np
import pyarrow as pa

from tfds_extra import formats
from tfds_extra.core.archives import ArchiveError, Content, Limits, Tree, remembered
from tfds_extra.formats import (
    beats,
    cifar_batch,
    cili,
    coco_json,
    coco_rle,
    ctime_date,
    digit_struct,
    flac,
    hdf5,
    idx,
    imagenet,
    imdb_lists,
    jpeg,
    json_lines,
    json_stream,
    label_errors,
    librispeech,
    mat5,
    mat5_struct,
    mediawiki_dump,
    million_song,
    mojibake,
    mp3,
    mp4,
    msd_lists,
    netnews,
    npy,
    pandas_csv,
    pascal_voc,
    pictures,
    png,
    quoted_csv,
    safe_pickle,
    svmlight,
    textgrid,
    torch_file,
    voxceleb,
    wav,
    wikitext,
    wn_lmf,
    wndb,
    yelp,
)

_MINIATURES = pathlib.Path(__file__).resolve().parents[1] / "dummy_data"
_WIKI = "simplewiki-20260901-pages-articles-multistream"
_MEMORY = 512 << 20  # What reading one small file may add to what the process has already.
_SECONDS = 2.0  # What reading one small file may take; it mostly takes less than a millisecond.
_STUCK = 20.0  # When a process that no signal reaches is killed.
_LONGEST_MESSAGE = 1000
_TURN = 0.2  # Seconds that a target has before the next one has its turn.

Seal = Callable[[bytes, random.Random], bytes]


@dataclasses.dataclass(frozen=True)
class Target:
    """Something that reads files.

    Attributes:
      name: Of it.
      samples: Small good files.
      read: Reads one to its end.
      parsers: The names in `formats.PARSERS` that it runs.
      error: What it raises for a file that it does not like.
      seal: Makes check sums right, or packs; else hardly any damage gets behind them.
    """

    name: str
    samples: Sequence[bytes]
    read: Callable[[bytes], object]
    parsers: tuple[str, ...] = ()
    error: type[Exception] = formats.FormatError
    seal: Seal | None = None


class _TooSlow(BaseException):
    """Reading took too long. No handler of errors catches it."""


# ---------------------------------------------------------------------------------------- samples


def _sample(corpus: str, file: str) -> bytes:
    """A published file of a miniature, unpacked if it is compressed."""
    return Content(_MINIATURES / corpus / file).read()


def _members(corpus: str, archive: str, suffix: str, count: int = 3) -> list[bytes]:
    """The smallest members of an archive whose names end so."""
    found = [m.read() for m in Tree(_MINIATURES / corpus / archive) if m.name.endswith(suffix)]
    return sorted(found, key=len)[:count]


def _lines(content: bytes, count: int) -> bytes:
    """The first lines of a table, and those that finish a cell of several lines."""
    lines = content.splitlines(keepends=True)
    while b"".join(lines[:count]).count(b'"') % 2:
        count += 1
    return b"".join(lines[:count])


def _hdf5() -> bytes:
    """A file with each kind of storage."""
    content = io.BytesIO()
    with h5py.File(content, "w", libver="earliest") as file:
        group = file.create_group("group")
        numbers = np.arange(200, dtype=np.float64)
        chunked = group.create_dataset(
            "chunked", data=numbers, chunks=(64,), shuffle=True, fletcher32=True, compression="gzip"
        )
        group["plain"] = numbers.astype(np.int32).reshape(20, 10)
        table = np.array([(b"name", 1, 0.5)], [("text", "S8"), ("number", "<i4"), ("real", "<f8")])
        group.create_dataset("table", data=table, chunks=(4,), maxshape=(None,), compression="gzip")
        references = group.create_dataset("references", (2, 1), h5py.ref_dtype)
        references[0, 0], references[1, 0] = chunked.ref, group.ref
    return content.getvalue()


def _inflated_mat(content: bytes) -> bytes:
    """A MATLAB v5 file with its variables not compressed."""
    parts, at = [content[:128]], 128
    while at < len(content):
        kind, size = struct.unpack_from("<II", content, at)
        body = content[at + 8 : at + 8 + size]
        parts.append(zlib.decompress(body) if kind == 15 else content[at : at + 8 + size])
        at += 8 + size
    return b"".join(parts)


# ---------------------------------------------------------------------------------------- targets


def parser_targets() -> list[Target]:
    """What reads with the parsers of `tfds_extra.formats`."""
    digits = [
        _sample("qmnist", "qmnist-test-labels-idx2-int.gz"),
        _sample("qmnist", "t10k-labels-idx1-ubyte.gz"),
        _sample("qmnist", "t10k-images-idx3-ubyte.gz")[: 16 + 784],
    ]
    batches = _members("cifar10_extended", "cifar-10-python.tar.gz", "_1", 1)
    count = len(safe_pickle.load_dict(batches[0])["labels"])
    meta = _members("cifar10_extended", "cifar-10-python.tar.gz", ".meta", 1)
    human = _sample("cifar10_extended", "CIFAR-10_human.pt")
    arrays = [_sample("svhn_full", f"{split}_32x32.mat") for split in ("test", "train")]
    boxes = _members("svhn_full", "test.tar.gz", "digitStruct.mat")
    sounds = [
        *_members("free_spoken_digit", "free-spoken-digit-dataset-1.0.10.tar.gz", ".wav", 2),
        *_members("urban_sound_8k", "UrbanSound8K.tar.gz", ".wav", 3),
    ]
    music = [m[:4000] for m in _members("fma", "fma_full.zip", ".mp3", 8)]
    doubts = _sample("qmnist", "mnist_mturk.json")
    given = _sample("qmnist", "mnist_test_set_original_labels.npy")
    labels = npy.parse(given, np.uint16)
    names = _sample("imdb_reviews_extended", "imdb_test_set_index_to_filename.json")
    rows = {f"test/{name.removesuffix('.txt')}": row for row, name in enumerate(json.loads(names))}
    named = npy.parse(
        _sample("imdb_reviews_extended", "imdb_test_set_original_labels.npy"), np.uint16
    )
    films, words, ratings, bags = (
        _members("imdb_reviews_extended", "aclImdb_v1.tar.gz", end)
        for end in ("s_pos.txt", "imdb.vocab", "imdbEr.txt", "Bow.feat")
    )
    messages = _members("twenty_newsgroups", "20news-19997.tar.gz", "/101", 20)
    tables = [
        _lines(_members("fma", "fma_metadata.zip", f"/{name}.csv", 1)[0], count)
        for name, count in (("tracks", 8), ("genres", 9))
    ]
    summary = _sample("million_song", "subset_msd_summary_file.h5")
    artists = [_sample("million_song", "tagging_artists_train.txt")]
    genres, plays, lyrics, tags = (
        _members("million_song", f"{name}.zip", "", 2)
        for name in (
            "msd_tagtraum_cd1.cls", "train_triplets.txt", "mxm_dataset_test.txt", "lastfm_train"
        )
    )  # fmt: skip
    tweets = _members("sentiment140_extended", "trainingandtestdata.zip", ".csv")
    celebrities = [_sample("voxceleb_extended", f"vox{number}_meta.csv") for number in (1, 2)]
    devkit = "ILSVRC2012_devkit_t12.tar.gz"
    structures = _members("imagenet_wordnet", devkit, "meta.mat")
    dates = [b"Mon Apr 06 22:19:45 PDT 2009", b"Sun Feb 28 23:59:59 UTC 2010"]
    return [
        Target(
            "beats.parse",
            _members("ballroom", "BallroomAnnotations-1.1.tar.gz", ".beats")
            + _members("ballroom", "BallroomAnnotations-ISMIR_2013_paper.tar.gz", ".beats"),
            beats.parse,
            ("beats.parse",),
        ),
        Target(
            "cifar_batch.parse",
            batches,
            lambda content: cifar_batch.parse(content, count=count).images,
            ("cifar_batch.parse",),
        ),
        Target(
            "cili.parse_map",
            [_sample("wordnet_synsets", "ili-map-pwn31.tab")],
            cili.parse_map,
            ("cili.parse_map",),
        ),
        Target(
            "coco_json.read",
            [content for name in _COCO for content in _members("coco_extended", name, "val2017.json")],
            _read_coco_json,
            ("coco_json.read",),
        ),
        Target(
            "coco_rle",
            [
                json.dumps([{"counts": "PY28X100000000000P30PM00000000000PO", "size": [48, 64]}] * 2).encode(),
                json.dumps([{"counts": [0, 5, 3, 4], "size": [3, 4]}] * 2).encode(),
                b"[[[48,32,54.87,32,54.87,40,48,40],[56.87,32,64,32,64,39.5]],[]]",
            ],
            _read_coco_rle,
            tuple(
                f"coco_rle.{name}" for name in ("check", "decode", "from_polygons", "from_segmentations")
            ),
        ),
        Target("ctime_date.parse", dates, _read_date, ("ctime_date.parse",)),
        Target(
            "digit_struct.read",
            boxes,
            lambda content: digit_struct.read(io.BytesIO(content)),
            ("digit_struct.read",),
        ),
        Target(
            "flac.parse",
            _members("librispeech_extended", "dev-clean.tar.gz", ".flac", 2),
            flac.parse,
            ("flac.parse",),
        ),
        Target("hdf5", [_hdf5()], _read_hdf5, ("hdf5.open_file", "hdf5.member", "hdf5.referred")),
        Target(
            "idx.read", digits, _read_idx, ("idx.read", "idx.read_blocks", "idx.read_header")
        ),
        *(
            Target(f"imagenet.{parse.__name__}", samples, read, (f"imagenet.{parse.__name__}",))
            for parse, samples, read in (
                (imagenet.parse_texts, [_sample("imagenet_wordnet", "words.txt")], imagenet.parse_texts),
                (imagenet.parse_is_a, [_sample("imagenet_wordnet", "wordnet.is_a.txt")], imagenet.parse_is_a),
                (
                    imagenet.parse_ground_truth,
                    _members("imagenet_wordnet", devkit, "ground_truth.txt"),
                    lambda content: imagenet.parse_ground_truth(content, 1000),
                ),
                (
                    imagenet.parse_real,
                    [_sample("imagenet_wordnet", "real.json")],
                    lambda content: imagenet.parse_real(content, 1000),
                ),
            )
        ),
        Target("imdb_lists.parse_titles", films, imdb_lists.parse_titles, ("imdb_lists.parse_titles",)),
        Target("imdb_lists.parse_words", words, imdb_lists.parse_words, ("imdb_lists.parse_words",)),
        Target(
            "imdb_lists.parse_ratings", ratings, imdb_lists.parse_ratings, ("imdb_lists.parse_ratings",)
        ),
        Target(
            "jpeg.check",
            _members("yelp_open", "yelp_photos.tar", ".jpg", 11)[2:],
            jpeg.check,
            ("jpeg.check",),
        ),
        Target(
            "json_stream.read",
            [content for name in _VQA for content in _members("vqa", name, ".json", 1)],
            _read_json_stream,
            ("json_stream.read",),
        ),
        Target(
            "json_lines",
            [_lines(table, 2) for table in _members("yelp_open", "yelp_dataset.tar", ".json", 2)],
            _read_json_lines,
            tuple(f"json_lines.{name}" for name in ("read_blocks", "objects", "columns", "shown")),
        ),
        Target(
            "label_errors.parse",
            [doubts, json.dumps(json.loads(doubts)).encode()],
            lambda content: label_errors.parse(content, labels),
            ("label_errors.parse",),
        ),
        Target(
            "label_errors.parse of names",
            [_sample("imdb_reviews_extended", "imdb_mturk.json")],
            lambda content: label_errors.parse(
                content,
                named,
                ("given", "guessed", "neutral", "off-topic"),
                rows=rows,
                classes=("Negative", "Positive"),
            ),
        ),
        Target(
            "label_errors.parse_index", [names], label_errors.parse_index, ("label_errors.parse_index",)
        ),
        *(
            Target(
                f"librispeech.{parse.__name__}",
                _members("librispeech_extended", archive, suffix),
                parse,
                (f"librispeech.{parse.__name__}",),
            )
            for parse, archive, suffix in (
                (librispeech.parse_speakers, "dev-clean.tar.gz", "SPEAKERS.TXT"),
                (librispeech.parse_chapters, "dev-clean.tar.gz", "CHAPTERS.TXT"),
                (librispeech.parse_books, "dev-clean.tar.gz", "BOOKS.TXT"),
                (librispeech.parse_transcript, "train-clean-100.tar.gz", ".trans.txt"),
                (librispeech.parse_condensed, "LibriSpeech-Alignments.zip", ".alignment.txt"),
                (librispeech.parse_json, "LibriSpeech-aligned-train-clean-100.tar.gz", ".json"),
            )
        ),
        Target(
            "mat5.arrays",
            [*arrays, *map(_inflated_mat, arrays)],
            _read_mat5,
            ("mat5.arrays", "mat5.Array.slices", "mat5.Array.read"),
            seal=_deflate_mat,
        ),
        Target(
            "mat5_struct.parse",
            [one for meta in structures for one in (meta, _inflated_mat(meta))],
            mat5_struct.parse,
            ("mat5_struct.parse",),
            seal=_deflate_mat,
        ),
        Target(
            "million_song",
            [*_members("million_song", "Z.tar.gz", ".h5", 1), summary],
            _read_songs,
            (
                *(f"million_song.{name}" for name in (
                    "read_song", "open_file", "Songs.read", "Songs.read_with_arrays"
                )),
                "hdf5.open_content", "hdf5.rows", "hdf5.Rows.read",
            ),
        ),
        *(
            Target(f"msd_lists.{name}", samples, read, (f"msd_lists.{name}",))
            for name, samples, read in (
                ("artist_ids", artists, msd_lists.artist_ids),
                ("mismatches", [_sample("million_song", "sid_mismatches.txt")], msd_lists.mismatches),
                ("duplicates", [_sample("million_song", "msd_duplicates.txt")], msd_lists.duplicates),
                ("covers", [_sample("million_song", "shs_dataset_train.txt")], msd_lists.covers),
                ("genres", genres, msd_lists.genres),
                ("last_fm", tags, msd_lists.last_fm),
                ("taste_profile", plays, _read_plays),
            )
        ),
        Target(
            "msd_lists.Lyrics",
            lyrics,
            lambda content: collections.deque(msd_lists.Lyrics(io.BytesIO(content)).tracks(), 0),
            ("msd_lists.Lyrics.__init__", "msd_lists.Lyrics.tracks"),
        ),
        Target(
            "mojibake",
            ["caf\xc3\xa9 &lt;3 \xe2\u20ac\u2122s".encode(), b"&amp;amp; &#8217;"],
            lambda content: mojibake.unescape(mojibake.repair(content.decode("utf-8", "replace"))),
            ("mojibake.repair", "mojibake.unescape"),
        ),
        Target(
            "mp4.parse",
            _members("voxceleb_extended", "vox2_test_aac.zip", ".m4a"),
            lambda content: mp4.is_mp4(content) and mp4.parse(content),
            ("mp4.is_mp4", "mp4.parse"),
        ),
        Target("mp3.parse", music, _read_mp3, ("mp3.parse", "mp3.parse_header")),
        Target(
            "netnews",
            messages,
            _read_message,
            ("netnews.parse", *(f"netnews.{parse.__name__}" for parse in _OF_FIELDS)),
        ),
        Target(
            "npy.parse",
            [given, _sample("qmnist", "mnist_test_set_pyx.npy")],
            lambda content: _any_of(
                lambda: npy.parse(content, np.float64, (10,)), lambda: npy.parse(content, np.uint16)
            ),
            ("npy.parse",),
        ),
        Target(
            "npy.read_blocks",
            [given],
            lambda content: collections.deque(
                npy.read_blocks(io.BytesIO(content), np.uint16, (), 5, 12), 0
            ),
            ("npy.read_blocks",),
        ),
        Target(
            "pandas_csv.Table",
            tables,
            _read_table,
            ("pandas_csv.Table.__init__", "pandas_csv.Table.__iter__"),
        ),
        Target(
            "pandas_csv cells",
            [b"3.0", b"-12", b"1e-05", b"[21, 10]", b"['it''s', \"a\\n\"]", b""],
            _read_cell,
            tuple(
                f"pandas_csv.{name}" for name in ("integer", "real", "reals", "int_list", "text_list")
            ),
        ),
        Target(
            "pascal_voc.parse",
            _members("imagenet_wordnet", "ILSVRC2012_bbox_train_v2.tar.gz", ".xml"),
            pascal_voc.parse,
            ("pascal_voc.parse",),
        ),
        Target(
            "pictures.look",
            _members("imagenet_wordnet", "ILSVRC2012_img_val.tar", ".JPEG"),
            lambda content: pictures.look(content, whole=True),
            ("pictures.look",),
        ),
        Target(
            "png.check",
            _members("svhn_full", "test.tar.gz", ".png"),
            png.check,
            ("png.check",),
            seal=_seal_png,
        ),
        Target(
            "quoted_csv.read_blocks",
            tweets,
            _read_quoted,
            (
                "quoted_csv.read_blocks",
                "quoted_csv.measured_blocks",
                "quoted_csv.split",
                "quoted_csv.integers",
                "quoted_csv.rows_beyond_ascii",
            ),
        ),
        Target(
            "safe_pickle.load_dict",
            [*meta, zipfile.ZipFile(io.BytesIO(human)).read("archive/data.pkl")],
            safe_pickle.load_dict,
            ("safe_pickle.load_dict",),
        ),
        Target(
            "svmlight.parse_line",
            [line for file in bags for line in file.splitlines()],
            svmlight.parse_line,
            ("svmlight.parse_line",),
        ),
        Target(
            "textgrid.parse",
            _members("librispeech_extended", "librispeech_alignments.zip", ".TextGrid"),
            textgrid.parse,
            ("textgrid.parse",),
        ),
        Target("torch_file.load_dict", [human], torch_file.load_dict, ("torch_file.load_dict",)),
        Target(
            "voxceleb.parse_speakers",
            [*celebrities, b"\xef\xbb\xbfVoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000012 ,m ,dev "],
            voxceleb.parse_speakers,
            ("voxceleb.parse_speakers",),
        ),
        Target(
            "voxceleb.parse_identification",
            [_sample("voxceleb_extended", "iden_split.txt")],
            voxceleb.parse_identification,
            ("voxceleb.parse_identification",),
        ),
        Target(
            "voxceleb.read_trials",
            [_sample("voxceleb_extended", "veri_test.txt")[: 10 * 62]],
            lambda content: collections.deque(voxceleb.read_trials(io.BytesIO(content)), 0),
            ("voxceleb.read_trials",),
        ),
        Target(
            "wav", sounds, _read_wav, ("wav.parse", "wav.read_header", "wav.Wav.samples")
        ),
        Target(
            "mediawiki_dump.read_pages",
            [_sample("wikipedia_corpus", f"{_WIKI}.xml.bz2")],
            _read_dump,
            ("mediawiki_dump.read_pages", "mediawiki_dump.read_site", "mediawiki_dump.sha1_of"),
        ),
        Target(
            "mediawiki_dump.read_index",
            [_sample("wikipedia_corpus", f"{_WIKI}-index.txt.bz2")],
            lambda content: list(mediawiki_dump.read_index(io.BytesIO(content))),
            ("mediawiki_dump.read_index",),
        ),
        Target(
            "mediawiki_dump.read_status",
            [_sample("wikipedia_corpus", "dumpstatus.json")],
            mediawiki_dump.read_status,
            ("mediawiki_dump.read_status",),
        ),
        Target(
            "mediawiki_dump.read_streams",
            [(_MINIATURES / "wikipedia_corpus" / f"{_WIKI}.xml.bz2").read_bytes()],
            _read_streams,
            ("mediawiki_dump.read_streams", "mediawiki_dump.unpacked"),
        ),
        Target(
            "wikitext.parse",
            [page.text.encode() for page in _pages_of_wiki() if page.text],
            _read_wikitext,
            ("wikitext.parse", "wikitext.cost", "wikitext.plain"),
        ),
        Target(
            "wn_lmf.read",
            [_sample("wordnet_synsets", "english-wordnet-2025.xml.gz")],
            _read_lmf,
            ("wn_lmf.read", "wn_lmf.sense_key"),
        ),
        *(
            Target(
                f"wndb {ends}",
                _members("wordnet_synsets", "WNdb-3.0.tar.gz", ends, 4),
                read,
                tuple(f"wndb.{name}" for name in names.split()),
            )
            for ends, read, names in (
                ("data.noun", lambda content: _read_synsets(content, "n"), "parse_data parse_gloss"),
                ("data.verb", lambda content: _read_synsets(content, "v"), "parse_data"),
                ("data.adj", lambda content: _read_synsets(content, "a"), "parse_data"),
                ("index.noun", lambda content: wndb.parse_index(content, "n"), "parse_index"),
                ("index.sense", wndb.parse_senses, "parse_senses"),
                ("cntlist.rev", wndb.parse_counts, "parse_counts"),
                (".exc", wndb.parse_exceptions, "parse_exceptions"),
                ("sents.vrb", wndb.parse_texts, "parse_texts"),
                ("sentidx.vrb", wndb.parse_sentence_index, "parse_sentence_index"),
            )
        ),
        Target(
            "yelp values",
            [
                b"{'garage': False, 'street': None, u'lot': 'yes'}", b"u'free'", b"8:30-17:0",
                b"2018,2019,20,20",
                b"2016-04-26 19:49:16, 2016-08-30 18:36:57", b"2016-04-26",
            ],
            _read_yelp,
            tuple(
                f"yelp.{name}"
                for name in (
                    "literal", "hours", "elite_years", "categories", "listed", "timestamps",
                    "listed_dates",
                )
            ),
        ),
    ]  # fmt: skip


def _any_of(*readers: Callable[[], object]) -> None:
    """Runs all, and raises what one of them raises if none can read it."""
    errors = []
    for read in readers:
        try:
            read()
        except formats.FormatError as e:
            errors.append(e)
    if len(errors) == len(readers):
        # One that a library noticed, if there is any, since those are counted.
        raise max(errors, key=lambda e: e.__cause__ is not None)


def _read_hdf5(content: bytes) -> None:
    with hdf5.open_file(io.BytesIO(content)) as file:
        _any_of(
            lambda: _read_data(file, "chunked"),
            lambda: _read_data(file, "plain"),
            lambda: _read_data(file, "table"),
            lambda: [hdf5.referred(file, one) for one in _read_data(file, "references").flat],
        )


def _read_data(file: h5py.File, name: str) -> np.ndarray:
    with formats.reading(name):
        return np.asarray(hdf5.member(file, "group", name)[()])


def _read_songs(content: bytes) -> None:
    def read_many() -> None:
        with million_song.open_file(io.BytesIO(content)) as songs:
            songs.read()
            if songs.has_arrays:
                songs.read_with_arrays()

    _any_of(lambda: million_song.read_song(content), read_many)


def _read_plays(content: bytes) -> None:
    collections.deque(msd_lists.taste_profile(io.BytesIO(content), 200), 0)


def _read_idx(content: bytes) -> None:
    _any_of(
        lambda: idx.read_header(io.BytesIO(content)),
        lambda: idx.read(io.BytesIO(content), np.int32, (8,)),
        lambda: idx.read(io.BytesIO(content), np.uint8),
        lambda: collections.deque(idx.read_blocks(io.BytesIO(content), "u1", (28, 28), 7), 0),
    )


# Each takes a header, or the value of a field.
_OF_FIELDS = (
    netnews.parse_fields,
    netnews.parse_mailbox,
    netnews.parse_date,
    netnews.parse_references,
    netnews.parse_newsgroups,
    netnews.parse_lines,
)


def _read_message(content: bytes) -> None:
    for parse in _OF_FIELDS:
        parse(content.decode("latin-1"))
    for _, value in netnews.parse(content).fields:
        for parse in _OF_FIELDS[1:]:
            parse(value)


def _read_mat5(content: bytes) -> None:
    for array in mat5.arrays(io.BytesIO(content)):
        collections.deque(array.slices(3), 0)
    for array in mat5.arrays(io.BytesIO(content)):
        array.read()


def _read_mp3(content: bytes) -> None:
    mp3.parse_header(content)
    mp3.parse(content)


def _read_table(content: bytes) -> None:
    _any_of(
        lambda: collections.deque(pandas_csv.Table(io.BytesIO(content), 2), 0),
        lambda: collections.deque(pandas_csv.Table(io.BytesIO(content)), 0),
    )


def _read_cell(content: bytes) -> None:
    cell = content.decode("utf-8", "replace")
    _any_of(
        lambda: pandas_csv.integer(cell),
        lambda: pandas_csv.real(cell),
        lambda: pandas_csv.reals([cell]),
        lambda: pandas_csv.int_list(cell),
        lambda: pandas_csv.text_list(cell),
    )


def _read_date(content: bytes) -> None:
    # Not pa.array, which imports pandas, and that takes longer than a file may.
    offsets = np.array([0, len(content)], np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    dates = pa.Array.from_buffers(pa.binary(), 1, buffers)
    ctime_date.parse(dates, {"PDT": -7 * 3600, "UTC": 0})


def _read_quoted(content: bytes) -> None:
    def read(size: int) -> None:
        for columns in quoted_csv.read_blocks(io.BytesIO(content), 6, size):
            quoted_csv.rows_beyond_ascii(columns[5])
            quoted_csv.integers(columns[1])

    _any_of(
        lambda: quoted_csv.split(content, 6),
        lambda: read(200),
        lambda: read(quoted_csv.BLOCK),
    )


_VQA = ("v2_Annotations_Train_mscoco.zip", "v2_Complementary_Pairs_Train_mscoco.zip")


def _read_json_stream(content: bytes) -> None:
    _any_of(
        lambda: collections.deque(json_stream.read(io.BytesIO(content), ("annotations",)), 0),
        lambda: collections.deque(json_stream.read(io.BytesIO(content)), 0),
    )


_COCO = (
    "annotations_trainval2017.zip", "stuff_annotations_trainval2017.zip",
    "panoptic_annotations_trainval2017.zip",
)  # fmt: skip


def _read_coco_json(content: bytes) -> None:
    kinds = ("instances", "keypoints", "captions", "panoptic", "image_info")
    _any_of(
        *(
            functools.partial(
                lambda kind: collections.deque(coco_json.read(io.BytesIO(content), kind), 0), kind
            )
            for kind in kinds
        )
    )


def _read_coco_rle(content: bytes) -> None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = content
    sizes = [(48, 64), (3, 4), (64, 64)]
    _any_of(
        lambda: coco_rle.check(coco_rle.decode([content]), 3, 4),
        *(functools.partial(coco_rle.from_segmentations, value, *size) for size in sizes),
        *(functools.partial(coco_rle.from_polygons, value, *size) for size in sizes),
    )


def _read_json_lines(content: bytes) -> None:
    kinds = {"business_id": json_lines.TEXT, "date": json_lines.TEXTS}
    tip = kinds | {"user_id": json_lines.TEXT, "text": json_lines.TEXT}
    tip |= {"compliment_count": json_lines.INTEGER}
    for size in (100, json_lines.BLOCK):
        for block in json_lines.read_blocks(io.BytesIO(content), size=size):
            for _, line in json_lines.objects(block):
                json_lines.shown(next(iter(line.values()), None))
            _any_of(*(lambda kinds=k: json_lines.columns(block, kinds) for k in (kinds, tip, {})))
    collections.deque(json_lines.read_blocks(io.BytesIO(content), len(content) // 2, 100), 0)


def _read_yelp(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    texts = _texts(text)
    yelp.categories(text)
    yelp.listed(text)
    _any_of(
        lambda: yelp.literal(text),
        lambda: yelp.hours(text),
        lambda: yelp.elite_years(text),
        lambda: yelp.timestamps(texts),
        lambda: yelp.timestamps(yelp.listed_dates(texts)[1]),
    )


def _texts(text: str) -> pa.Array:
    """One text as an array. Not by `pa.array`, which imports pandas: that takes too long here."""
    content = text.encode()
    buffers = [None, pa.py_buffer(np.array([0, len(content)], np.int32)), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.string(), 1, buffers)


def _pages_of_wiki() -> list[mediawiki_dump.Page]:
    """Pages of the miniature that are not too complex."""
    content = _sample("wikipedia_corpus", f"{_WIKI}.xml.bz2")
    pages = mediawiki_dump.read_pages(io.BytesIO(content))
    return [page for page in pages if page.text and len(page.text) < 5000]


def _read_dump(content: bytes) -> None:
    mediawiki_dump.read_site(io.BytesIO(content))
    for page in mediawiki_dump.read_pages(io.BytesIO(content)):
        mediawiki_dump.sha1_of(page.text or "")


def _read_streams(content: bytes) -> None:
    """The pages that its own index, which is whole, tells of."""
    with io.BytesIO(_sample("wikipedia_corpus", f"{_WIKI}-index.txt.bz2")) as index:
        streams = list(mediawiki_dump.read_index(index))
    for _ in mediawiki_dump.read_streams(io.BytesIO(content), streams, None):
        pass


def _read_wikitext(content: bytes) -> None:
    """As the builder does: what is too complex is only cleaned."""
    text = content.decode("utf-8", "replace")
    wikitext.plain(text)
    if wikitext.cost(text) <= wikitext.MAX_COST:
        wikitext.parse(text, {"file": 6, "category": 14}, frozenset(("de",)))


def _read_lmf(content: bytes) -> None:
    for item in wn_lmf.read(io.BytesIO(content)):
        if isinstance(item, wn_lmf.Entry):
            for sense in item.senses:
                wn_lmf.sense_key(sense.id, wn_lmf.Lexicon("oewn", "2025", ""))


def _read_synsets(content: bytes, pos: str) -> None:
    for synset in wndb.parse_data(content, pos):
        wndb.parse_gloss(synset.gloss)


def _read_wav(content: bytes) -> None:
    _any_of(lambda: wav.read_header(content).frames, lambda: wav.parse(content).samples())


def archive_targets() -> list[Target]:
    """What reads archives and compressed files, each from a file on disk."""
    files = {"top/a.txt": b"a" * 700, "top/b/ümlaut.bin": bytes(range(256)) * 3, "top/empty": b""}
    long = {f"top/{'d' * 90}/{'n' * 90}": b"long"}
    tars = [
        _tar(files, tarfile.USTAR_FORMAT),
        _tar(files | long, tarfile.PAX_FORMAT),
        _tar(files | long, tarfile.GNU_FORMAT),
    ]
    zips = {
        name: _zip(files, method)
        for name, method in (
            ("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED),
            ("bzip2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA),
        )
    }  # fmt: skip
    nested = {
        "tar.gz in tar": _tar({"top/in": gzip.compress(tars[1], 1, mtime=0)}, tarfile.PAX_FORMAT),
        "zip in stored zip": _zip({"top/in": zips["deflated"]}, zipfile.ZIP_STORED),
        "tar in deflated zip": _zip({"top/in": tars[0]}, zipfile.ZIP_DEFLATED),
        "zip in deflated zip": _zip({"top/in": zips["stored"]}, zipfile.ZIP_DEFLATED),
    }
    published = _MINIATURES / "ballroom"
    targets = [
        ("tar", [*tars, gzip.decompress((published / "data2.tar.gz").read_bytes())], _seal_tar),
        ("tar.gz packed after damage", tars, _pack(lambda data: gzip.compress(data, 1, mtime=0))),
        ("tar.bz2 packed after damage", tars[:2], _pack(_bz2)),
        ("tar.xz packed after damage", tars[:2], _pack(lambda data: lzma.compress(data, preset=0))),
        ("tar.gz", [gzip.compress(tar, mtime=0) for tar in tars], None),
        ("tar.bz2", [_bz2(tar) for tar in tars], None),
        ("tar.xz", [lzma.compress(tar) for tar in tars], None),
        *((f"{name} zip", [content], None) for name, content in zips.items()),
        ("published zip", [next(published.glob("*.zip")).read_bytes()], None),
        *((name, [content], None) for name, content in nested.items()),
    ]
    found = [
        Target(f"Tree of {name}", samples, _read_tree, error=ArchiveError, seal=seal)
        for name, samples, seal in targets
    ]
    packed = [gzip.compress(b"abc" * 99, mtime=0), _bz2(b"abc" * 99), lzma.compress(b"abc" * 99)]
    return [*found, Target("Content", packed, _read_content, error=ArchiveError)]


@functools.cache
def _scratch(process: int) -> pathlib.Path:
    """A file of a process that is written for each input."""
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    handle, path = tempfile.mkstemp(prefix="fuzz-", dir=folder)
    os.close(handle)
    return pathlib.Path(path)


def _on_disk(content: bytes) -> pathlib.Path:
    path = _scratch(os.getpid())
    path.write_bytes(content)
    remembered._REMEMBERED.clear()  # The clock of a file system may be too coarse to tell two apart.
    return path


def _read_tree(content: bytes) -> None:
    path, limits, names = _on_disk(content), Limits(ratio_from=1 << 22), set()
    for member in Tree(path, limits=limits):
        names.add(member.name)
        with member.open() as file:
            while file.read(1 << 16):
                pass
    tree = Tree(path, limits=limits)
    tree.index()
    if tree.random_access and "top/in" in names:
        inner = tree.nested("top/in", root="top")
        for member in inner:
            member.read()
        inner.index()


def _read_content(content: bytes) -> None:
    content_of = Content(_on_disk(content), Limits(ratio_from=1 << 22))
    with content_of.open() as file:
        while file.read(1 << 16):
            pass


# ----------------------------------------------------------------------------- packing and sealing


def _tar(files: dict[str, bytes], kind: int) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=kind) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return content.getvalue()


def _zip(files: dict[str, bytes], method: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, data in files.items():
            file.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data, method)
    return content.getvalue()


def _bz2(data: bytes) -> bytes:
    return bz2.compress(data, 1)


def _seal_tar(content: bytes, rng: random.Random) -> bytes:
    """With the right check sum in each header."""
    data = bytearray(content)
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar":
            data[at + 148 : at + 156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    return bytes(data)


def _pack(compress: Callable[[bytes], bytes]) -> Seal:
    return lambda content, rng: compress(_seal_tar(content, rng))


def _seal_png(content: bytes, rng: random.Random) -> bytes:
    """With the right check sum behind each chunk."""
    data, at = bytearray(content), 8
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        end = at + 8 + size
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(data)


def _deflate_mat(content: bytes, rng: random.Random) -> bytes:
    """With all behind the header as one compressed variable."""
    body = zlib.compress(content[128:], 1)
    return content[:128] + struct.pack("<II", 15, len(body)) + body


# --------------------------------------------------------------------------------------- damaging

_NUMBERS = (
    0, 1, 2, 7, 8, 127, 128, 255, 256, 511, 512, 1000, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF,
    0x80000000, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF,
)  # fmt: skip
_TEXTS = (
    b"", b"-1", b"0", b"1e999", b"nan", b"0.9", b"true", b"null", b'"', b"'", b"\\", b"\n", b"\r", b"\0",
    b"../", b"/", b"%s", b"\xff\xfe", b"\xed\xa0\x80", b"[" * 300, b"(" * 300, b"{" * 300, b",", b" ",
    b"9" * 40, b"9" * 5000, b"[]", b"{}", b"()", b"__import__('os')",
)  # fmt: skip


def damaged(target: Target, seed: int, number: int) -> bytes:
    """Input `number` of a target."""
    rng = random.Random(f"{seed} {target.name} {number}")
    data = bytearray(rng.choice(target.samples))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 9))):
        _damage(data, rng, target.samples)
    content = bytes(data)
    # Damage from here on is noticed by check sums; a part of the inputs has that.
    if target.seal is not None and rng.random() < 0.9:
        content = target.seal(content, rng)
    return content


def _damage(data: bytearray, rng: random.Random, samples: Sequence[bytes]) -> None:
    """Changes one place. Headers are where the most can go wrong, so every second one is early."""
    size = len(data)
    at = rng.randrange(size + 1) if rng.random() < 0.5 else rng.randrange(min(size, 300) + 1)
    kind = rng.randrange(11)
    if kind == 0 and at < size:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1 and at < size:
        data[at] = rng.randrange(256)
    elif kind in (2, 3):
        width = rng.choice((1, 2, 4, 8))
        number = rng.choice(_NUMBERS) & ((1 << 8 * width) - 1)
        data[at : at + width] = number.to_bytes(width, rng.choice(("little", "big")))
    elif kind == 4:  # A number that is there becomes slightly, or very different.
        width = rng.choice((1, 2, 4, 8))
        order = rng.choice(("little", "big"))
        old = int.from_bytes(data[at : at + width], order)
        new = rng.choice((old + 1, old - 1, 2 * old, size, size - at, old ^ 1 << 8 * width - 1))
        data[at : at + width] = (new & ((1 << 8 * width) - 1)).to_bytes(width, order)
    elif kind == 5:
        data[at:] = b""
    elif kind == 6:
        del data[at : at + rng.choice((1, 2, 4, 8, rng.randrange(1, 600)))]
    elif kind == 7:
        part = data[at : at + rng.choice((1, 4, 16, 512, rng.randrange(1, 600)))]
        data[at:at] = part * rng.choice((1, 1, 2, 20))
    elif kind == 8:
        data[at : at + rng.choice((0, 0, 1, 2, 8))] = rng.choice(_TEXTS)
    elif kind == 9:
        other = rng.choice(samples)
        start = rng.randrange(len(other) + 1)
        data[at : at + rng.choice((0, 64, 512))] = other[
            start : start + rng.choice((8, 64, 512, 4096))
        ]
    else:  # In text, a digit becomes another text.
        places = [i for i in range(at, min(size, at + 200)) if 48 <= data[i] < 58]
        if places:
            i = rng.choice(places)
            data[i : i + 1] = rng.choice((b"9" * rng.choice((1, 3, 20, 5000)), *_TEXTS[:8]))


# ---------------------------------------------------------------------------------------- reading


@dataclasses.dataclass
class Tally:
    """What became of the inputs of a target.

    Attributes:
      values: Those that were read.
      refused: Those that ended in the one error.
      by_library: Those of them that a library noticed, by what it threw.
      failures: By what and where: number of the first input, how many, and the traceback.
    """

    values: int = 0
    refused: int = 0
    by_library: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    failures: dict[str, tuple[int, int, str]] = dataclasses.field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """How many there were."""
        return self.values + self.refused + sum(count for _, count, _ in self.failures.values())

    def failed(self, what: str, number: int, trace: str) -> None:
        first, count, known = self.failures.get(what, (number, 0, trace))
        self.failures[what] = (first, count + 1, known)

    def add(self, other: Tally) -> None:
        """Adds those of another process."""
        self.values += other.values
        self.refused += other.refused
        self.by_library += other.by_library
        for what, (number, count, trace) in other.failures.items():
            first, before, trace = self.failures.get(what, (number, 0, trace))
            self.failures[what] = (first, before + count, trace)


def read_one(target: Target, seed: int, number: int, tally: Tally) -> None:
    """Makes and reads one input, inside of `limited`."""
    content = damaged(target, seed, number)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        target.read(content)
        signal.setitimer(signal.ITIMER_REAL, 0)
        tally.values += 1
    except target.error as e:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not 0 < len(str(e)) <= _LONGEST_MESSAGE:
            tally.failed(f"a message of {len(str(e)):,} characters", number, str(e)[:200])
            return
        tally.refused += 1
        if e.__cause__ is not None:
            tally.by_library[type(e.__cause__).__name__] += 1
    except (Exception, _TooSlow) as e:
        signal.setitimer(signal.ITIMER_REAL, 0)
        frame = traceback.extract_tb(e.__traceback__)[-1]
        what = f"{type(e).__name__} in {pathlib.Path(frame.filename).name}:{frame.name}"
        tally.failed(what, number, "".join(traceback.format_exception(e))[-3000:])


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Has the process fail if it takes more memory or, inside of `read_one`, time."""

    def too_slow(*args: object) -> None:
        raise _TooSlow(f"more than {_SECONDS} s")

    handler = signal.signal(signal.SIGALRM, too_slow)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    statm = pathlib.Path("/proc/self/statm")  # Other systems than Linux do not keep to the limit.
    if statm.exists():
        now = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + _MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, handler)


def targets() -> dict[str, Target]:
    """All targets by name.

    Raises:
      LookupError: There is a parser that no target reads with.
    """
    for module in pkgutil.iter_modules(formats.__path__, f"{formats.__name__}."):
        importlib.import_module(module.name)
    found = parser_targets()
    read = {name for target in found for name in target.parsers}
    unread, gone = set(formats.PARSERS) - read, read - set(formats.PARSERS)
    if unread or gone:
        raise LookupError(
            f"no target reads with the parsers {sorted(unread)}; parsers that are gone:"
            f" {sorted(gone)}. Give each parser a Target with small samples in parser_targets of"
            f" {__file__}"
        )
    return {target.name: target for target in [*found, *archive_targets()]}


# -------------------------------------------------------------------------------------- processes


class _Progress:
    """What a process is at, for the parent to see: target, number, time."""

    def __init__(self) -> None:
        # Numbers of eight bytes are written at once; a half-written time would look like a hang.
        self._memory = memoryview(mmap.mmap(-1, 24)).cast("d")

    def set(self, target: int, number: int) -> None:
        self._memory[0], self._memory[1], self._memory[2] = target, number, time.monotonic()

    def get(self) -> tuple[int, int, float]:
        target, number, since = self._memory
        return int(target), int(number), since


def _work(
    found: Sequence[Target], seed: int, numbers: Sequence[int], step: int, until: float,
    progress: _Progress, pipe,
) -> None:  # fmt: skip
    """Reads inputs of all targets in turn: for each, every `step`-th number from that in `numbers`."""
    tallies = [Tally() for _ in found]
    numbers = list(numbers)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = time.monotonic() + 5
    with limited():
        while time.monotonic() < until:
            for i, target in enumerate(found):
                end = min(until, time.monotonic() + _TURN)
                while time.monotonic() < end:
                    progress.set(i, numbers[i])
                    read_one(target, seed, numbers[i], tallies[i])
                    numbers[i] += step
            if time.monotonic() > report:
                pipe.send((tallies, numbers, 0))
                tallies = [Tally() for _ in found]
                report = time.monotonic() + 5
    with contextlib.suppress(OSError):
        _scratch(os.getpid()).unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    pipe.send((tallies, numbers, peak))


def run(found: Sequence[Target], seed: int, seconds: float, processes: int) -> list[Tally]:
    """Reads damaged inputs for a time, in several processes."""
    context = multiprocessing.get_context("fork")
    until = time.monotonic() + seconds
    totals = [Tally() for _ in found]
    workers = {}

    def start(place: int, numbers: Sequence[int]) -> None:
        progress, (ours, theirs) = _Progress(), context.Pipe(duplex=False)
        progress.set(0, numbers[0])
        process = context.Process(
            target=_work, args=(found, seed, numbers, processes, until, progress, theirs)
        )
        process.start()
        theirs.close()
        workers[place] = (process, progress, ours, numbers)

    peak = 0
    for place in range(processes):
        start(place, [place] * len(found))
    while workers:
        for place, (process, progress, pipe, numbers) in list(workers.items()):
            with contextlib.suppress(EOFError):
                while pipe.poll(0.2):
                    tallies, numbers, more = pipe.recv()
                    peak = max(peak, more)
                    for total, tally in zip(totals, tallies):
                        total.add(tally)
                    workers[place] = (process, progress, pipe, numbers)
            at, number, since = progress.get()
            stuck = process.is_alive() and time.monotonic() - since > _STUCK
            if stuck:
                process.kill()
                process.join()
            if not process.is_alive():
                process.join()
                del workers[place]
                if process.exitcode:
                    what = "no end" if stuck else f"the process ended with {process.exitcode}"
                    totals[at].failed(what, number, what)
                    # What it had read since its last report is read again, without that input.
                    after = [*numbers]
                    after[at] = number + processes
                    start(place, after)
    print(f"peak of memory of a process: {peak / 1024:,.0f} MB above its start")
    return totals


# ------------------------------------------------------------------------------------------ output


def _print(found: Sequence[Target], totals: Sequence[Tally], seed: int, seconds: float) -> int:
    print(f"{'':32}{'inputs':>10}{'values':>9}{'refused':>9}  thrown by libraries, and made ours")
    for target, tally in zip(found, totals):
        causes = ", ".join(f"{name} {n:,}" for name, n in tally.by_library.most_common(6))
        print(f"{target.name:32}{tally.inputs:10,}{tally.values:9,}{tally.refused:9,}  {causes}")
    print(f"{sum(tally.inputs for tally in totals):,} inputs in {seconds:.0f} s")
    failures = [(t, w, *f) for t, y in zip(found, totals) for w, f in y.failures.items()]
    if failures:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="fuzz-failures-"))
        for i, (target, what, number, count, trace) in enumerate(failures):
            (folder / f"{i}").write_bytes(damaged(target, seed, number))
            print(f"\n{target.name}, {count:,} times: {what}\n{trace.rstrip()}")
            print(f"  {folder / str(i)}; --again '{target.name}' {seed} {number}")
    return len(failures)


def main(arguments: Iterable[str] | None = None) -> int:
    """Runs the script."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=300)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="", help="a part of the names of the targets")
    options.add_argument("--processes", type=int, default=os.cpu_count())
    options.add_argument("--again", nargs=3, metavar=("TARGET", "SEED", "NUMBER"))
    given = options.parse_args(arguments)
    try:
        known = targets()
    except LookupError as e:
        print(e.args[0], file=sys.stderr)
        return 1
    if given.again:
        target, seed, number = known[given.again[0]], *map(int, given.again[1:])
        content = damaged(target, seed, number)
        path = pathlib.Path(tempfile.mkdtemp(prefix="fuzz-")) / "input"
        path.write_bytes(content)
        print(f"{path}: {len(content):,} bytes")
        with limited():
            signal.setitimer(signal.ITIMER_REAL, _SECONDS)
            print(target.read(content))
        return 0
    found = [target for name, target in known.items() if given.only in name]
    start = time.monotonic()
    totals = run(found, given.seed, given.seconds, given.processes)
    return 1 if _print(found, totals, given.seed, time.monotonic() - start) else 0


if __name__ == "__main__":
    sys.exit(main())
