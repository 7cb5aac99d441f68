"""LibriSpeech: a thousand hours of read English, one subset at a time."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.librispeech_extended import alignments, features, subsets
from tfds_extra.features import sound
from tfds_extra.formats import flac, librispeech

_HOMEPAGE = "https://www.openslr.org/12"
_TABLES = {
    "SPEAKERS.TXT": librispeech.parse_speakers,
    "CHAPTERS.TXT": librispeech.parse_chapters,
    "BOOKS.TXT": librispeech.parse_books,
}
_UTTERANCE = r"(?P<speaker>[0-9]+)/(?P<chapter>[0-9]+)/(?P=speaker)-(?P=chapter)"
_MEMBER = re.compile(
    rf"(?:(?:{'|'.join(subsets.SUBSETS)})|(?P<part>1h/(?P<fold>[0-5])|9h)/(?P<kind>clean|other))/"
    rf"{_UTTERANCE}(?:-(?P<index>[0-9]{{4,6}})\.flac|(?P<transcript>\.trans\.txt))"
)
_TRANSCRIPT = ".trans.txt"


@dataclasses.dataclass(frozen=True)
class Part:
    """The piece that is read at once.

    Attributes:
      subset: Name of its archive.
      audio: The archive.
      prefixes: Beginnings of the names of its recordings.
      is_vouched: Whether the digest of the archive has been checked.
      aligned: Trees with the alignments of its utterances, by subset; empty for none.
    """

    subset: str
    audio: core.Tree
    prefixes: tuple[str, ...]
    is_vouched: bool
    aligned: Mapping[str, core.Tree]


@dataclasses.dataclass(frozen=True)
class Tables:
    """An archive's tables of readers, chapters and books, by their ids."""

    speakers: Mapping[int, librispeech.Speaker]
    chapters: Mapping[tuple[int, int], librispeech.Chapter]  # By chapter and reader.
    books: Mapping[int, str]


class Utterance(NamedTuple):
    """A recording as it was read.

    Attributes:
      name: Name of the member.
      content: The FLAC file.
      text: Its line of the transcript.
      facts: Features that the archive's tables tell.
    """

    name: str
    content: bytes
    text: str
    facts: dict[str, Any]


class Builder(core.ChunkedBuilder):
    """LibriSpeech."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = list(subsets.configs())
    MAX_SIMULTANEOUS_DOWNLOADS = 5  # OpenSLR asks for this limit.
    DRAWN_FIRST = (
        "text",
        "speaker_name",
        "speaker_sex",
        "duration",
        "project_title",
        "chapter_title",
    )

    def __init__(self, *, check_pcm: bool | None = None, **kwargs: Any):
        """Creates a builder.

        Args:
          check_pcm: Whether each recording is decoded when it is prepared, to compare its samples
            with the MD5 that its file states. None means only recordings from folders that you have
            extracted, for which no digest of an archive was checked. The prepared data are the
            same.
          **kwargs: Arguments of `core.Builder`.
        """
        self._check_pcm = check_pcm
        super().__init__(**kwargs)
        self._remember_arguments(check_pcm=check_pcm)

    @property
    def DRAWN_TIMES(self) -> tuple[str, str] | None:  # type: ignore[override]
        """The times at which words begin; words that the aligner knows are strong."""
        return ("words/start", "words/is_oov") if self.builder_config.aligned else None

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        made = features.of_utterances(list(subsets.SUBSETS), as_samples=config.as_samples)
        if config.selection == "librilight_10h":
            made |= features.of_folds()
        if config.aligned:
            made |= features.of_alignments(config.aligned)
        return self.dataset_info(
            features=made,
            supervised_keys=("speech", "text"),
            homepage=_HOMEPAGE,
            license="CC BY 4.0",
            metadata={"sample_rate": features.SAMPLE_RATE},
        )

    def counts_of(self, config: str) -> dict[str, int]:
        counts = super().counts_of("*")
        return {split: counts[split] for split in self.builder_configs[config].splits}

    # ------------------------------------------------------------------------ published files

    def published_files(self) -> dict[str, core.Archive]:
        files = {subset: subsets.audio(subset) for subset in self.builder_config.subsets}
        if self.builder_config.aligned:
            files |= subsets.aligned(self.builder_config.aligned, self.builder_config.origins)
        return files

    def to_download(self, extracted):
        files = super().to_download(extracted)
        if self.variant == core.PARTIAL:
            wanted, published = self.builder_config.subsets, self.published_files()
            here = {one for one in wanted if self.is_here(published[one], only_packed=True)}
            # A part takes the subsets that are there; others are not fetched for it.
            if here or not set(extracted).isdisjoint(wanted):
                files = {n: f for n, f in files.items() if n in here or n not in wanted}
        return files

    def _split_generators(self, dl_manager):
        extracted = self.extracted()
        published = self.fetch(dl_manager)
        config, aligned, parts = self.builder_config, {}, []
        if config.aligned:
            by_subset = {o: published.get(o + subsets.OF_SUBSET) for o in config.origins}
            aligned = {o: tree or published["alignments"] for o, tree in by_subset.items()}
        for subset in config.subsets:
            if subset in published:
                copy = extracted.get(subset)
                for prefixes in subsets.prefixes(subset, copy.path if copy else None):
                    parts.append(Part(subset, published[subset], prefixes, copy is None, aligned))
        return core.by_split(self.expected_counts, parts, self._by_chunks)

    def splits_of(self, piece):
        known = subsets.SUBSETS.get(piece.subset)
        return known[:1] if known else super().splits_of(piece)

    # ------------------------------------------------------------------------------ utterances

    def _read(self, part: Part) -> Iterator[core.Chunk]:
        """Yields the utterances of some readers."""
        return core.in_chunks(
            (one for prefix in part.prefixes for one in self._utterances(part, prefix)),
            lambda utterance: len(utterance.content),
            lambda utterance: utterance.name,
            one_by_one=self.variant == core.PEEK,
        )

    def _make(self, part: Part, chunk: core.Chunk) -> Iterator[core.SplitExample]:
        for utterance in chunk.content:
            with core.located(part.audio, utterance.name, core.GET_AGAIN):
                yield self._example(part, utterance)

    def _utterances(self, part: Part, prefix: str) -> Iterator[Utterance]:
        """Yields the recordings with what other files of the archive say about each."""
        tables = self._tables(part)
        is_part = self.variant == core.PARTIAL
        parse = functools.lru_cache(maxsize=4)(librispeech.parse_transcript)
        unmatched: set[str] = set()  # Ids without a recording, or without a line, so far.

        def noted() -> Iterator[tuple[str, bytes]]:
            for name, content in self.members(
                part.subset, part.audio, pattern=_MEMBER, prefix=prefix
            ).contents():
                ids = [_id(name)]
                if name.endswith(_TRANSCRIPT):
                    with core.located(part.audio, name, core.GET_AGAIN):
                        ids = list(parse(content))
                unmatched.symmetric_difference_update(ids)
                yield name, content

        for name, content, transcript in core.with_companions(
            noted(), lambda name: name.rpartition("/")[0], lambda name: name.endswith(_TRANSCRIPT)
        ):
            with core.located(part.audio, name, core.GET_AGAIN):
                if transcript is not None:
                    texts = parse(transcript)
                    if _id(name) not in texts:
                        raise ValueError("the transcript of its chapter has no line for it")
                    named = _MEMBER.fullmatch(name)
                    assert named  # Only such members are asked for.
                    facts = self._facts(tables, int(named["speaker"]), int(named["chapter"]))
                    yield Utterance(name, content, texts[_id(name)], facts)
                elif not is_part:
                    raise ValueError("the transcript of its chapter is missing")
        # Transcripts of Libri-light may have lines of recordings that it leaves out.
        if unmatched and not is_part and part.subset != subsets.FINETUNING:
            raise core.CorpusError(
                part.audio,
                prefix.rstrip("/"),
                f"{len(unmatched):,} recordings are missing, the first is {min(unmatched)}",
                core.IF_PARTIAL,
            )

    def _example(self, part: Part, utterance: Utterance) -> core.SplitExample:
        """Returns one utterance as an example, with its split and key."""
        name, content, text = _MEMBER.fullmatch(utterance.name), utterance.content, utterance.text
        assert name  # Only such members are asked for.
        utterance_id = f"{name['speaker']}-{name['chapter']}-{name['index']}"
        stated = flac.parse(content)
        source = (stated.sample_rate, stated.channels, stated.bits_per_sample)
        if source != (features.SAMPLE_RATE, 1, 16):
            raise ValueError(
                "{} Hz, {} channels of {} bits are not how LibriSpeech is recorded".format(*source)
            )
        if not (stated.num_samples and stated.pcm_md5):
            raise ValueError("it does not state the number and MD5 of its samples")
        as_samples = self.builder_config.as_samples
        checks = not part.is_vouched if self._check_pcm is None else self._check_pcm
        samples = _samples(content, stated) if as_samples or checks else None
        subset = subsets.ORIGIN_OF_KIND[name["kind"]] if name["kind"] else part.subset
        example = {
            "speech": samples if as_samples else content,
            "text": text,
            "speaker_id": int(name["speaker"]),
            "chapter_id": int(name["chapter"]),
            "id": utterance_id,
            "utterance_index": int(name["index"]),
            "filename": name[0],
            "subset": subset,
            **utterance.facts,
            "num_samples": stated.num_samples,
            "duration": stated.num_samples / features.SAMPLE_RATE,
            "pcm_md5": stated.pcm_md5,
            "librilight_split": self._librilight.get(utterance_id, "none"),
        }
        split = subsets.SUBSETS[part.subset][0] if part.subset in subsets.SUBSETS else ""
        if part.subset == subsets.FINETUNING:
            in_part = name["part"].partition("/")[0]
            split = f"train_{in_part}"
            example["librilight_split"] = in_part
            example["librilight_fold"] = int(name["fold"] or -1)
        if self.builder_config.aligned:
            origin = (
                subset if part.subset == subsets.FINETUNING else subsets.SUBSETS[part.subset][2]
            )
            wanted = alignments.Utterance(origin, name["speaker"], name["chapter"], utterance_id)
            found = self._aligner(part.aligned[origin]).find(wanted)
            example |= _of_alignment(found, text, self.builder_config.aligned)
        return (split, utterance_id), example

    # ----------------------------------------------------------------------------------- facts

    def _facts(self, tables: Tables, speaker_id: int, chapter_id: int) -> dict[str, Any]:
        """Returns what the tables tell of a reader, a chapter and its book."""
        speaker = tables.speakers.get(speaker_id)
        if speaker is None and self.variant != core.PARTIAL:
            raise ValueError(f"SPEAKERS.TXT has no reader {speaker_id}")
        chapter = tables.chapters.get((chapter_id, speaker_id))
        sex = speaker.sex if speaker else -1
        return {
            "speaker_sex": sex,
            "speaker_sex_corrected": self._corrections.get(speaker_id, sex) if speaker else -1,
            "speaker_name": speaker.name if speaker else "",
            "speaker_minutes": speaker.minutes if speaker else math.nan,
            "chapter_title": chapter.title if chapter else "",
            "chapter_minutes": chapter.minutes if chapter else math.nan,
            "project_id": chapter.project_id if chapter else -1,
            "project_title": chapter.project_title if chapter else "",
            "book_id": chapter.book_id if chapter else -1,
            "book_title": tables.books.get(chapter.book_id, "") if chapter else "",
        }

    def _tables(self, part: Part) -> Tables:
        """Returns the tables of an archive, read once in each process."""
        if part.subset == subsets.FINETUNING:  # This archive has no tables.
            rows = self.read_facts("librilight_speakers.tsv")
            speakers = {
                int(r["speaker_id"]): librispeech.Speaker(
                    r["sex"], r["subset"], float(r["minutes"]), r["name"]
                )
                for r in rows
            }
            return Tables(speakers, {}, {})
        key = str(part.audio)
        if key not in self._read_tables:
            found = {}
            for name, content in _beside(part.audio):
                with core.located(part.audio, name, core.GET_AGAIN):
                    found[name] = _TABLES[name](content)
            # It is not documented that Mini LibriSpeech has all tables.
            required = list(_TABLES) if subsets.SUBSETS[part.subset][1] == 12 else ["SPEAKERS.TXT"]
            for name in required:
                if name not in found and self.variant != core.PARTIAL:
                    raise core.CorpusError(part.audio, name, "it is missing", core.GET_AGAIN)
            self._read_tables[key] = Tables(*[cast(Any, found.get(name, {})) for name in _TABLES])
        return self._read_tables[key]

    @functools.cached_property
    def _read_tables(self) -> dict[str, Tables]:
        return {}

    @functools.cached_property
    def _corrections(self) -> dict[int, str]:
        rows = self.read_facts("sex_corrections.tsv")
        return {int(row["speaker_id"]): row["sex"] for row in rows}

    @functools.cached_property
    def _librilight(self) -> dict[str, str]:
        """Part of each utterance of Libri-light's 10 hours."""
        return {
            f"{row['chapter']}-{int(index):04}": row["part"]
            for row in self.read_facts("librilight.tsv")
            for index in row["utterances"].split()
        }

    def _aligner(self, tree: core.Tree) -> Any:
        """Returns an object that finds the alignments in a tree; each process makes it once."""
        if str(tree) not in self._aligners:
            self._aligners[str(tree)] = alignments.SOURCES[self.builder_config.aligned](tree)
        return self._aligners[str(tree)]

    @functools.cached_property
    def _aligners(self) -> dict[str, Any]:
        return {}


def _beside(tree: core.Tree) -> Iterator[tuple[str, bytes]]:
    """Yields name and content of the tables, which may stand anywhere among the recordings."""
    if tree.random_access:
        yield from ((name, tree.read_member(name)) for name in _TABLES if tree.holds(name))
        return
    missing = set(_TABLES)
    for member in tree.members():
        if member.name in missing:
            missing.remove(member.name)
            yield member.name, member.read()
            if not missing:
                return


# --------------------------------------------------------------------------------- utterances


def _id(name: str) -> str:
    """Returns the id of the utterance of a recording."""
    return name.rpartition("/")[2].removesuffix(".flac")


def _samples(content: bytes, stated: flac.Flac) -> np.ndarray:
    """Returns the int16 samples of a recording; raises if its own number or MD5 does not fit."""
    samples = sound.decode(io.BytesIO(content), np.dtype(np.int16))[0][:, 0]
    if len(samples) != stated.num_samples:
        raise ValueError(f"{len(samples):,} samples, not {stated.num_samples:,} as it states")
    digest = hashlib.md5(samples.astype("<i2").tobytes(), usedforsecurity=False).hexdigest()
    if digest != stated.pcm_md5:
        raise ValueError(
            f"altered: MD5 of its samples is {digest}, not {stated.pcm_md5} as it states"
        )
    return samples


def _of_alignment(found: alignments.Alignment | None, text: str, source: str) -> dict[str, Any]:
    """Returns the features of an alignment, or of none."""
    tiers = found or alignments.Alignment([], [])
    restored = alignments.restore(tiers.words, text)
    example = {
        "has_alignment": found is not None,
        "alignment_agrees": found is not None and restored.agrees,
        "words": {**_columns(restored.words, "word"), "is_oov": restored.is_unknown},
        "word_tier": _columns(tiers.words, "text"),
    }
    if source != "condensed":
        example["phones"] = _columns(tiers.phones, "phone")
    return example


def _columns(intervals: list[Any], name: str) -> dict[str, list[Any]]:
    return {
        name: [one.text for one in intervals],
        "start": [one.start for one in intervals],
        "end": [one.end for one in intervals],
    }
