"""WordNet's database files read with ours, with NLTK, and prepared, from the same folder.

    python benchmarks/wordnet.py FOLDER                  # of data.*, index.* and index.sense
    python benchmarks/wordnet.py FOLDER --edition wn31 --manual_dir FOLDER_WITH_MAPS

NLTK's side makes all synsets with their words, pointers, frames and glosses, which is what reading them with
`nltk.corpus.wordnet` does; ours parses the same files, holds them against each other and makes the examples
of the view `synsets`. With `--manual_dir` (which holds `dict/` and CILI's maps) the whole preparation is timed, too.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import tempfile
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import nltk
import tensorflow_datasets as tfds
from nltk.corpus.reader import wordnet as nltk_wordnet

import tfds_extra  # noqa: F401
from tfds_extra.core import tables
from tfds_extra.datasets.wordnet_synsets import princeton
from tfds_extra.formats import wndb


class _Reader(nltk_wordnet.WordNetCorpusReader):
    def map_wn(self, version="wordnet"):
        return None


def _ours(folder: pathlib.Path) -> int:
    frames = pathlib.Path(princeton.__file__).with_name("frames.tsv")
    texts = {int(row["frame"]): row["text"] for row in tables.read_tsv(frames)}
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return sum(1 for _ in princeton.Database(files, texts).rows("synsets", {}, "pwn30"))


def _nltk(folder: pathlib.Path) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = _Reader(str(folder), None)
    count = 0
    for pos in wndb.FILES:
        for synset in reader.all_eng_synsets(pos):
            synset.definition(), synset.examples(), synset.lemmas()
            count += 1
    return count


def _for_nltk(source: pathlib.Path, folder: pathlib.Path) -> None:
    """The files that NLTK wants to have, empty where there are none."""
    for name in _Reader._FILES:
        if (source / name).exists():
            shutil.copyfile(source / name, folder / name)
        elif name == "lexnames":
            lines = [f"{number:02}\t{name}\t1\n" for number, name in enumerate(wndb.LEXFILES)]
            (folder / "lexnames").write_text("".join(lines))
        else:
            (folder / name).write_bytes(b"")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--edition", default="wn31")
    parser.add_argument("--manual_dir")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        copy = pathlib.Path(name, "nltk")
        copy.mkdir()
        _for_nltk(arguments.folder, copy)
        nltk.data.path.append(name)
        counts = {_ours(arguments.folder), _nltk(copy)}
        assert len(counts) == 1, counts
        sides = {"NLTK": lambda: _nltk(copy), "ours": lambda: _ours(arguments.folder)}
        times = common.interleaved(sides, arguments.rounds, warm_up=0)
        common.report("all synsets of the files", times, counts.pop(), "synsets")
        if arguments.manual_dir:
            for view in ("synsets", "relations"):
                builder_name = f"wordnet_synsets/{arguments.edition}_{view}"

                def prepare(builder_name=builder_name) -> None:
                    builder = tfds.builder(builder_name, data_dir=tempfile.mkdtemp(dir=name))
                    config = tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
                    builder.download_and_prepare(download_config=config)

                times = common.interleaved({f"prepare {view}": prepare}, 1, warm_up=0)
                common.report(f"whole preparation of {view}", times, 1, "edition")


if __name__ == "__main__":
    main()
