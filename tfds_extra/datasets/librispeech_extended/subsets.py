"""LibriSpeech's published subsets, their archives, and the configs that choose among them."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator

import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.core.archives.system_files import is_system_file

_ROOT = "LibriSpeech"
_SERVERS = (
    "https://www.openslr.org", "https://us.openslr.org", "https://openslr.elda.org",
    "https://openslr.magicdatatech.com", "https://openslr.trmal.net",
)  # fmt: skip
_LIBRILIGHT = "https://dl.fbaipublicfiles.com/librilight/data/librispeech_finetuning.tgz"
_TEXTGRIDS = "https://zenodo.org/records/2619474/files/librispeech_alignments.zip"
_CONDENSED = "https://github.com/CorentinJ/librispeech-alignments"
_JSON = (
    "https://github.com/Tom-Brenner/librispeech-phone-alignments/releases/download/v1.0.0/"
    "LibriSpeech-aligned-{}.tar.gz"
)

# Split, number of OpenSLR's page, and the subset that the utterances come from, by published name.
SUBSETS = {
    "train-clean-100": ("train_clean100", 12, "train-clean-100"),
    "train-clean-360": ("train_clean360", 12, "train-clean-360"),
    "train-other-500": ("train_other500", 12, "train-other-500"),
    "dev-clean": ("dev_clean", 12, "dev-clean"),
    "dev-other": ("dev_other", 12, "dev-other"),
    "test-clean": ("test_clean", 12, "test-clean"),
    "test-other": ("test_other", 12, "test-other"),
    "train-clean-5": ("train_clean5", 31, "train-clean-100"),
    "dev-clean-2": ("dev_clean2", 31, "dev-clean"),
}
FINETUNING = "librispeech_finetuning"
OF_SUBSET = " alignments"  # Ending of the short names of archives with a subset's alignments.
_DEV_TEST = ("dev-clean", "dev-other", "test-clean", "test-other")
MINI = ("train-clean-5", "dev-clean-2")
# In the order of the configs: subsets, and their description.
_SELECTIONS = {
    "clean_100": (("train-clean-100", *_DEV_TEST), "100 hours of clean speech, with dev and test"),
    "clean_460": (
        ("train-clean-100", "train-clean-360", *_DEV_TEST),
        "460 hours of clean speech, with dev and test",
    ),
    "other_500": (("train-other-500", *_DEV_TEST), "500 hours of other speech, with dev and test"),
    "all": (tuple(SUBSETS)[:7], "All seven subsets, 960 hours to train on"),
    "dev_test": (_DEV_TEST, "dev and test alone"),
    "mini": (MINI, "Mini LibriSpeech, five hours of clean speech and two to develop on"),
    "librilight_10h": ((FINETUNING,), "Libri-light's limited supervision, one and nine hours"),
    **{
        split: ((subset,), f"Subset {subset} alone")
        for subset, (split, page, _) in SUBSETS.items()
        if page == 12
    },
}
_ALIGNED = {
    "": ("", ""),
    "_aligned": ("textgrid", "words and phones aligned (TextGrid, ARPAbet)"),
    "_aligned_condensed": ("condensed", "words aligned (condensed notation)"),
    "_aligned_json": ("json", "words and phones aligned (JSON, IPA)"),
}
_STORED = {"": "", "_pcm": "stored as int16 samples"}
ORIGIN_OF_KIND = {"clean": "train-clean-100", "other": "train-other-500"}  # Libri-light's folders.
# People put alignments beside the recordings.
_BESIDE = ("*.TextGrid", "*.alignment.txt", "*unaligned.txt")
_READERS_OF_A_PIECE = 16


@dataclasses.dataclass
class SubsetsConfig(tfds.core.BuilderConfig):
    """Some subsets, with a form of their recordings and alignments.

    Attributes:
      selection: The subsets: a key of `_SELECTIONS`.
      as_samples: Whether int16 samples are stored, rather than FLAC files.
      aligned: Source of the alignments, one of `alignments.SOURCES`; empty for none.
    """

    selection: str = ""
    as_samples: bool = False
    aligned: str = ""

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the archives."""
        return _SELECTIONS[self.selection][0]

    @property
    def splits(self) -> list[str]:
        """Names of the splits."""
        if self.subsets == (FINETUNING,):
            return ["train_1h", "train_9h"]
        return [SUBSETS[subset][0] for subset in self.subsets]

    @property
    def origins(self) -> list[str]:
        """The subsets of SLR12 that the utterances come from, and whose alignments they have."""
        if self.subsets == (FINETUNING,):
            return list(ORIGIN_OF_KIND.values())
        return [SUBSETS[subset][2] for subset in self.subsets]


def configs() -> Iterator[SubsetsConfig]:
    """Yields all configs, the default first."""
    # Each selection with all that belongs to it, the plain one first.
    for (name, (_, what)), (aligned, (source, how)), (stored, kept) in itertools.product(
        _SELECTIONS.items(), _ALIGNED.items(), _STORED.items()
    ):
        yield SubsetsConfig(
            name=f"{name}{stored}{aligned}",
            selection=name,
            as_samples=bool(stored),
            aligned=source,
            description=f"{'; '.join(filter(None, (what, how, kept)))}.",
        )


def audio(subset: str) -> core.Archive:
    """Returns the archive of a subset, or of Libri-light."""
    if subset == FINETUNING:
        others = (*_BESIDE, "phones/*", "README*", "LICENSE*")
        holds = ("1h/*/*/*/*/*.flac", "9h/*/*/*/*.flac")
        return core.Archive(_LIBRILIGHT, FINETUNING, holds=holds, others=others)
    path = f"/resources/{SUBSETS[subset][1]}/{subset}.tar.gz"
    return core.Archive(
        core.Mirrors(server + path for server in _SERVERS),
        _ROOT,
        holds=(f"{subset}/*/*/*.flac",),
        shares_root=True,
        others=_BESIDE,
    )


def aligned(source: str, origins: list[str]) -> dict[str, core.Archive]:
    """Returns the archives of alignments of some subsets."""
    if source == "textgrid":
        archive = core.Archive(
            _TEXTGRIDS,
            holds=tuple(f"{origin}/*/*/*.TextGrid" for origin in origins),
            also_called=(
                "librispeech_alignments",
                _ROOT,
            ),  # Many unpack them beside the recordings.
        )
        return {"alignments": archive}
    if source == "condensed":
        terms = "Google Drive serves it. Follow the link there to the condensed alignments."
        archive = core.Archive(
            core.ManualFile("LibriSpeech-Alignments.zip", _CONDENSED, terms),
            _ROOT,
            holds=tuple(f"{origin}/*/*/*.alignment.txt" for origin in origins),
            shares_root=True,
        )
        return {"alignments": archive}
    return {
        origin + OF_SUBSET: core.Archive(
            _JSON.format(origin),
            holds=("[0-9]*/[0-9]*-[0-9]*.json",),
            also_called=(f"LibriSpeech-aligned-{origin}",),
        )
        for origin in origins
    }


def prefixes(subset: str, folder: pathlib.Path | None) -> Iterator[tuple[str, ...]]:
    """Yields the beginnings of the names of recordings, piece by piece.

    Args:
      subset: Name of the archive.
      folder: The extracted folder, which workers can share; None for an archive, which is one
        stream.
    """
    if subset == FINETUNING:
        yield ("",)
    elif folder is None or not (folder / subset).is_dir():
        yield (f"{subset}/",)
    else:
        readers = [
            f"{subset}/{entry.name}{'/' if entry.is_dir() else ''}"
            for entry in sorted((folder / subset).iterdir())
            if not is_system_file(entry.name)
        ]
        for i in range(0, len(readers), _READERS_OF_A_PIECE):
            yield tuple(readers[i : i + _READERS_OF_A_PIECE])
