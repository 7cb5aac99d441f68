"""The published files: songs, summaries, lists, and the data sets that are joined to them."""

from __future__ import annotations

import string

from tfds_extra import core

_SITES = (
    "http://millionsongdataset.com/sites/default/files/",
    "http://labrosa.ee.columbia.edu/millionsong/sites/default/files/",
)
_PAGE = "http://millionsongdataset.com/pages/getting-dataset/"
_CODE = (
    "https://raw.githubusercontent.com/tbertinmahieux/MSongsDB/"
    "0c276e289606d5bd6f3991f713e7e9b1d4384e44/"
)
_COPY_OF_MISMATCHES = (
    "https://raw.githubusercontent.com/PrecipiceBlades/"
    "Recommendation-System-with-Million-Song-Dataset/"
    "9eb015a4b4230f0f42b5566f7583403743cfad6d/sid_mismatches.txt"
)
_TAGTRAUM = "http://www.tagtraum.com/genres/"

ROOT = "MillionSongSubset"
FOLDER = "data"  # Some copies have the songs in this folder.
ADDITIONAL = "AdditionalFiles"
# What lies beside the songs in the archive, of the first publisher only.
_OTHERS = (f"{ADDITIONAL}/*", "LICENSE", "README", "README.txt", "README.md")
SUBSET_SUMMARY = "subset_msd_summary_file.h5"
_ORIGINAL_SUBSET = "millionsongsubset_full.tar.gz"
LETTERS = string.ascii_uppercase


def _on_the_site(path: str) -> core.Mirrors:
    return core.Mirrors(site + path for site in _SITES)


def _list(name: str, folder: str = "Tasks_Demos/") -> core.File:
    return core.File(_CODE + folder + name, folder + name)


# Official lists, by the name that they have here.
LISTS = {
    "tagging_train": _list("Tagging/artists_train.txt"),
    "tagging_test": _list("Tagging/artists_test.txt"),
    "year_train": _list("YearPrediction/artists_train.txt"),
    "year_test": _list("YearPrediction/artists_test.txt"),
    "shs_train": _list("CoverSongs/shs_dataset_train.txt"),
    "shs_test": _list("CoverSongs/shs_dataset_test.txt"),
    "mismatches": core.File(
        core.Mirrors(
            (_COPY_OF_MISMATCHES, *(f"{s}tasteprofile/sid_mismatches.txt" for s in _SITES))
        ),
        "tasteprofile/sid_mismatches.txt",
    ),
    "duplicates": core.File(
        _on_the_site(f"{ADDITIONAL}/msd_duplicates.txt"), f"{ADDITIONAL}/msd_duplicates.txt"
    ),
}
OF_TRACKS = ("mismatches", "duplicates")
OF_SONGS = tuple(LISTS)


def _zip(path: str, holds: str, folder: str) -> core.Archive:
    """Returns an archive of one file, on the publisher's site if the path is no URL."""
    where = path if "://" in path else _on_the_site(path)
    return core.Archive(where, holds=(holds,), also_called=(folder,))


def _last_fm(part: str) -> core.Archive:
    return core.Archive(
        _on_the_site(f"lastfm/lastfm_{part}.zip"),
        f"lastfm_{part}",
        holds=("[A-Z]/[A-Z]/[A-Z]/TR*.json",),
    )


# The data sets that are joined, by the name that they have here.
ENRICHMENTS = {
    "lastfm_subset": _last_fm("subset"),
    "lastfm_train": _last_fm("train"),
    "lastfm_test": _last_fm("test"),
    **{
        f"mxm_{side}": _zip(
            f"{ADDITIONAL}/mxm_dataset_{side}.txt.zip", f"mxm_dataset_{side}.txt", "musixmatch"
        )
        for side in ("train", "test")
    },
    **{
        cd: _zip(f"{_TAGTRAUM}msd_tagtraum_{cd}.cls.zip", f"msd_tagtraum_{cd}.cls", "tagtraum")
        for cd in ("cd1", "cd2", "cd2c")
    },
}
PLAYS = _zip(
    "http://labrosa.ee.columbia.edu/~dpwe/tmp/train_triplets.txt.zip",
    "train_triplets.txt",
    "tasteprofile",
)

# This archive is available; the first published one has the songs in a folder `data`.
SUBSET = core.Archive(
    "http://labrosa.ee.columbia.edu/~dpwe/tmp/millionsongsubset.tar.gz",
    ROOT,
    holds=("[A-Z]/[A-Z]/[A-Z]/TR*.h5",),
    layouts=({"": f"{FOLDER}/"},),
    others=_OTHERS,
)
ORIGINAL_SUBSET = core.Archive(
    core.ManualFile(
        _ORIGINAL_SUBSET,
        f"http://static.echonest.com/{_ORIGINAL_SUBSET}",
        "Its server is gone; copies that people have will do.",
    ),
    ROOT,
    others=_OTHERS,
)
SUMMARY = core.File(
    _on_the_site(f"{ADDITIONAL}/msd_summary_file.h5"), f"{ADDITIONAL}/msd_summary_file.h5"
)
SUMMARY_OF_SUBSET = core.File(
    core.ManualFile(
        SUBSET_SUMMARY,
        _PAGE,
        f"It is in the folder {ADDITIONAL} of {_ORIGINAL_SUBSET}, which will do, too.",
    ),
    f"{ROOT}/{ADDITIONAL}/{SUBSET_SUMMARY}",
    also_called=(f"{ADDITIONAL}/{SUBSET_SUMMARY}",),
)


def letter(name: str) -> core.Archive:
    """Returns the archive of the songs whose ids have this letter behind TR."""
    return core.Archive(
        core.ManualFile(
            f"{name}.tar.gz", _PAGE, "There is no public download; the page says whom to ask."
        ),
        holds=(f"{name}/[A-Z]/[A-Z]/TR*.h5",),
        shares_root=True,
        also_called=("data", "MillionSong/data", "MillionSong", "millionsong/data", "millionsong"),
        others=_OTHERS,
    )
