"""VoxCeleb: celebrities speaking in interviews, to be told apart and recognised by their voices."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds

from tfds_extra import core
from tfds_extra.datasets.voxceleb_extended import features, rows, sources
from tfds_extra.formats import voxceleb

_HOMEPAGE = sources.PAGE
_FIRST, _COUNT = 10_001, 1_251  # Number in the first id of VoxCeleb1, and how many there are.
_SHOWN = 3  # An error names at most so many missing utterances or speakers.
_UNKNOWN = voxceleb.Speaker("", "", "", "", "")


@dataclasses.dataclass(frozen=True)
class Piece:
    """The recordings that are read at once: those of speakers whose ids begin alike.

    Attributes:
      part: Key of `sources.PARTS`.
      tree: Its archive, or the extracted folder.
      prefix: Beginning of the speakers' ids.
      lists: The tables and lists that are there, by their short names.
    """

    part: str
    tree: core.Tree
    prefix: str
    lists: Mapping[str, core.Content]


class Builder(core.Builder):
    """VoxCeleb."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = list(sources.configs())
    DRAWN_FIRST = (
        "speaker_name",
        "gender",
        "nationality",
        "duration",
        "id",
        "identification_split",
    )

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        if config.parts:
            made = features.of_utterances(
                config.corpus, self._classes(config.corpus), as_samples=config.as_samples
            )
        else:
            made = features.of_trials() if config.trials else features.of_speakers()
        return self.dataset_info(
            features=made,
            supervised_keys=("audio", "label") if config.parts else None,
            disable_shuffling=bool(config.trials),  # Scores of a list come in its order.
            homepage=_HOMEPAGE,
            license="Metadata CC BY 4.0; the copyright of the recordings stays with the owners of the"
            " videos",
            metadata={"sample_rate": features.SAMPLE_RATE} if config.parts else None,
        )

    def counts_of(self, config: str) -> dict[str, int]:
        counts = super().counts_of(config.removesuffix("_pcm"))
        if trials := self.builder_configs[config].trials:
            counts = super().counts_of("vox1_trials")
            return {split: counts[split] for split in trials}
        return counts

    # ------------------------------------------------------------------------ published files

    def published_files(self) -> dict[str, core.Archive | core.File]:
        config, manual_dir = self.builder_config, self._manual_dir
        files: dict[str, core.Archive | core.File] = {
            part: sources.recordings(part, manual_dir, self._found_by(part))
            for part in config.parts
        }
        for corpus in (config.corpus,) if config.corpus else (1, 2):
            files[f"speakers_{corpus}"] = sources.speakers(corpus, manual_dir)
        if config.parts and config.corpus == 1:
            files["identification"] = sources.identification()
        return files | {split: sources.trials(split) for split in config.trials}

    def _found_by(self, part: str) -> list[str]:
        """Returns ids of speakers that distinguish a copy of a part of VoxCeleb2 from the other."""
        if sources.PARTS[part].corpus == 1:
            return []
        partition = sources.PARTS[part].partition
        ids = [speaker for speaker, where in self._vox2.items() if where == partition]
        return ids if self.variant == core.PARTIAL else ids[:1]  # A whole copy has each speaker.

    def to_download(self, extracted):
        files = super().to_download(extracted)
        config, published = self.builder_config, self.published_files()
        is_part = self.variant in (core.PARTIAL, core.PEEK)
        if not is_part or self._manual_dir is None or not config.parts:
            return files
        here = {
            name
            for name in files
            if all(
                (self._manual_dir / self.url_infos[url].filename).is_file()
                for url in published[name].urls
            )
        }
        if here.isdisjoint(config.parts) and not extracted:
            return files
        # A part takes the files that are there; only files that it needs are fetched.
        needed = {"identification"} if config.by_identification else set()
        return {name: file for name, file in files.items() if name in here | needed}

    # --------------------------------------------------------------------------- the pieces

    def _split_generators(self, dl_manager):
        extracted = self.extracted()
        published = self.fetch(dl_manager)
        config = self.builder_config
        if not config.parts:
            read = self._trials if config.trials else self._speakers_of
            names = config.trials or ("vox1", "vox2")
            lists_of = [core.SplitFiles(name, published) for name in names]
            return core.by_split(self.expected_counts, lists_of, read)
        lists = {name: file for name, file in published.items() if name not in config.parts}
        pieces = [
            Piece(part, published[part], prefix, lists)
            for part in config.parts
            if part in published
            for prefix in self._prefixes(part, published[part], lists, is_copy=part in extracted)
        ]
        return core.by_split(self.expected_counts, pieces, self._generate_examples)

    def _prefixes(
        self, name: str, tree: core.Tree, lists: Mapping[str, core.Content], *, is_copy: bool
    ) -> list[str]:
        """Returns the beginnings of the ids of an archive's speakers, after looking for gaps.

        Args:
          name: Name of the part.
          tree: Its archive, or the extracted folder.
          lists: As in `Piece`.
          is_copy: Whether it is a folder, which may hold the other part as well.

        Raises:
          CorpusError: Utterances are missing, or there is a stranger.
        """
        part, pattern = sources.PARTS[name], sources.PARTS[name].member
        listed = self._identification(lists.get("identification"))
        missing = {one for one in listed if pattern.fullmatch(f"{one}.wav")}
        speakers, count = set(), 0
        # If the copy lies in the `manual_dir` itself, anything may lie beside it.
        for member, _ in tree.sizes("id" if tree.is_shared else ""):
            match = pattern.fullmatch(member)
            if match is None or not self._is_of(part, match["speaker"]):
                if is_copy:
                    continue  # Pieces refuse strangers.
                raise core.stranger(tree, member)
            if listed and match["id"] not in listed:
                problem = f"{sources.IDENTIFICATION} does not list it"
                raise core.CorpusError(tree, member, problem, core.GET_AGAIN)
            missing.discard(match["id"])
            speakers.add(match["speaker"])
            count += 1
        if self.variant != core.PARTIAL:
            self._check_all_there(part, tree, count, sorted(missing), speakers)
        return sorted({speaker[: part.prefix_length] for speaker in speakers})

    def _check_all_there(
        self,
        part: sources.Part,
        tree: core.Tree,
        count: int,
        missing: list[str],
        speakers: Collection[str],
    ) -> None:
        """Raises if utterances are missing; the message counts and names them.

        Args:
          part: The part.
          tree: Its archive, or the extracted folder.
          count: Number of utterances that it has.
          missing: Utterances that it lacks, as far as they are known.
          speakers: Speakers of whom it has utterances.

        Raises:
          CorpusError: It lacks some.
        """
        expected = self.counts_of(f"vox{part.corpus}")[part.partition]
        if count >= expected:  # Too many examples are an error at the end of the preparation.
            return
        if part.corpus == 2:  # Nobody lists its utterances.
            silent = (s for s in self._vox2 if self._is_of(part, s) and s not in speakers)
            missing = [f"all of {speaker}" for speaker in silent]
        problem = f"{expected - count:,} of {expected:,} utterances are missing"
        if missing:
            more = ", ..." if len(missing) > _SHOWN else ""
            problem += f": {', '.join(missing[:_SHOWN])}{more}"
        raise core.CorpusError(tree, "", problem, core.IF_PARTIAL)

    def _is_of(self, part: sources.Part, speaker: str) -> bool:
        """Returns whether a speaker belongs to a part; `Part.member` decides that for VoxCeleb1."""
        if part.corpus == 1:
            return 0 <= int(speaker[2:]) - _FIRST < _COUNT
        return self._vox2.get(speaker) == part.partition

    def splits_of(self, piece):
        if isinstance(piece, Piece) and not self.builder_config.by_identification:
            return (sources.PARTS[piece.part].partition,)
        return super().splits_of(piece)

    # ----------------------------------------------------------------------------- utterances

    def _generate_examples(self, piece: Piece) -> Iterator[core.SplitExample]:
        """Yields the utterances of some speakers."""
        part = sources.PARTS[piece.part]
        speakers = self._speakers(piece.lists.get(f"speakers_{part.corpus}"))
        listed = self._identification(piece.lists.get("identification"))

        def make(name: str, content: bytes) -> Iterator[core.SplitExample]:
            match = part.member.fullmatch(name)
            assert match  # Only such members are asked for.
            if self._is_of(part, match["speaker"]):
                yield self._example(part, match, content, speakers, listed)
            elif part.corpus == 1 or match["speaker"] not in self._vox2:
                raise core.stranger(piece.tree, name)

        members = self.members(piece.part, piece.tree, pattern=part.member, prefix=piece.prefix)
        yield from members.make(make)

    def _example(
        self,
        part: sources.Part,
        name: re.Match[str],
        content: bytes,
        speakers: Mapping[str, voxceleb.Speaker],
        listed: Mapping[str, int],
    ) -> core.SplitExample:
        """Returns one utterance as an example, with its split and key."""
        config, speaker_id = self.builder_config, name["speaker"]
        speaker = speakers.get(speaker_id, _UNKNOWN)
        if speakers and speaker is _UNKNOWN:
            raise ValueError(f"vox{part.corpus}_meta.csv has no speaker {speaker_id}")
        if speakers and speaker.partition != part.partition:
            raise ValueError(f"vox{part.corpus}_meta.csv has {speaker_id} in {speaker.partition}")
        if part.corpus == 1:
            audio, num_samples = rows.of_wav(content, as_samples=config.as_samples)
        else:
            audio, num_samples = content, rows.samples_of_m4a(content)
        example = {
            "audio": audio,
            "label": speaker_id,
            "id": name["id"],
            "filename": name[0],
            "speaker_id": speaker_id,
            "speaker_number": int(speaker_id[2:]),
            "speaker_name": speaker.name,
            "gender": speaker.gender or -1,
            "youtube_id": name["video"],
            "utterance_index": int(name["index"]),
            "partition": part.partition,
            "num_samples": num_samples,
            "duration": num_samples / features.SAMPLE_RATE,
        }
        if part.corpus == 2:
            example["vggface2_id"] = speaker.vggface_id
            return (part.partition, name["id"]), example
        split = listed.get(name["id"], 0) - 1
        example |= {
            "nationality": speaker.nationality,
            "identification_split": split,
            "cleaned_out": name["id"] in self._cleaned_out,
            "shares_video": name["video"] in self._shared_videos,
        }
        if config.by_identification:
            if split < 0:
                raise ValueError(f"{sources.IDENTIFICATION} does not list it")
            return (features.SPLITS[split], name["id"]), example
        return (part.partition, name["id"]), example

    # --------------------------------------------------------------------- trials and speakers

    def _trials(self, piece: core.SplitFiles) -> Iterator[core.Rows]:
        """Yields the trials of a list."""
        split, first = piece.split, 0
        speakers = self._speakers(piece.files["speakers_1"])
        with (
            core.located(piece.files[split], "", core.GET_AGAIN),
            piece.files[split].open() as file,
        ):
            for block in voxceleb.read_trials(file):
                columns = rows.of_trials(block, first, speakers)
                yield core.Rows(split, columns["trial_index"], columns)
                first += len(block.is_same)

    def _speakers_of(self, piece: core.SplitFiles) -> Iterator[core.SplitExample]:
        """Yields the speakers of VoxCeleb1 or VoxCeleb2."""
        corpus = int(piece.split[-1])
        labels = {speaker: label for label, speaker in enumerate(self._classes(corpus))}
        for speaker_id, speaker in self._speakers(piece.files[f"speakers_{corpus}"]).items():
            made = rows.of_speaker(speaker_id, speaker, labels.get(speaker_id, -1))
            yield (piece.split, speaker_id), made

    # ----------------------------------------------------------------------------------- facts

    def _classes(self, corpus: int) -> list[str]:
        """Returns the ids of the speakers with utterances, in the order of their labels."""
        if corpus == 1:
            return [f"id{_FIRST + i}" for i in range(_COUNT)]
        return sorted(self._vox2, key=lambda one: (self._vox2[one] != "dev", one))

    @functools.cached_property
    def _vox2(self) -> dict[str, str]:
        """Partition of VoxCeleb2's speakers of whom there are utterances, by their ids."""
        return {row["speaker_id"]: row["partition"] for row in self.read_facts("vox2_speakers.tsv")}

    @functools.cached_property
    def _cleaned_out(self) -> set[str]:
        return {row["id"] for row in self.read_facts("cleaned_out.tsv")}

    @functools.cached_property
    def _shared_videos(self) -> set[str]:
        return {row["youtube_id"] for row in self.read_facts("shared_videos.tsv")}

    def _speakers(self, table: core.Content | None) -> dict[str, voxceleb.Speaker]:
        """Returns the rows of a table of speakers by id; none if it is not there."""
        return self._parsed(table, voxceleb.parse_speakers)

    def _identification(self, table: core.Content | None) -> dict[str, int]:
        """Returns the identification split by utterance; empty if it is not there."""
        return self._parsed(table, voxceleb.parse_identification)

    def _parsed(self, table: core.Content | None, parse: Any) -> dict[str, Any]:
        """Returns a list, parsed once in each process."""
        if table is None:
            return {}
        if str(table) not in self._lists:
            with core.located(table, "", core.GET_AGAIN):
                self._lists[str(table)] = parse(table.read())
        return self._lists[str(table)]

    @functools.cached_property
    def _lists(self) -> dict[str, dict[str, Any]]:
        return {}
