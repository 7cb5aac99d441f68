"""Parses editions in WN-LMF, and makes the rows of each view."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from tfds_extra.core import taxonomy
from tfds_extra.datasets.wordnet_synsets import princeton, relations
from tfds_extra.datasets.wordnet_synsets.princeton import Row
from tfds_extra.formats import FormatError, wn_lmf, wndb

_POS = frozenset("nvars")


class Database:
    """A file of an edition, parsed.

    Unless the file is a part, everything that it refers to has to be in it.
    """

    def __init__(self, file: BinaryIO, *, is_part: bool):
        """Parses and checks.

        Args:
          file: The XML.
          is_part: Whether senses, synsets and entries to which others refer may be missing.

        Raises:
          FormatError: It is damaged, or something is missing.
        """
        self._is_part = is_part
        self.entries: dict[str, wn_lmf.Entry] = {}
        self.synsets: dict[str, wn_lmf.Synset] = {}
        self._frames: dict[str, str] = {}
        self._frames_of: dict[str, list[str]] = {}  # In old versions, frames by sense or entry.
        self._lexicon = wn_lmf.Lexicon("", "", "")
        for item in wn_lmf.read(file):
            if isinstance(item, wn_lmf.Entry):
                _check_pos(item.line, item.pos)
                self.entries[item.id] = item
            elif isinstance(item, wn_lmf.Synset):
                _check_pos(item.line, item.pos)
                self.synsets[item.id] = item
            elif isinstance(item, wn_lmf.Lexicon):
                if self._lexicon.id:
                    raise FormatError(f"two lexicons, {self._lexicon.id} and {item.id}")
                self._lexicon = item
            elif item.id:
                self._frames[item.id] = item.frame
            else:
                self._add_frame(item)
        self.senses: dict[str, wn_lmf.Sense] = {}
        self._entry_of: dict[str, wn_lmf.Entry] = {}
        self._numbers: dict[str, int] = {}
        of_synset: dict[str, list[str]] = {}
        for entry in self.entries.values():
            for number, sense in enumerate(_in_order(entry), 1):
                self.senses[sense.id] = sense
                self._entry_of[sense.id] = entry
                self._numbers[sense.id] = number if sense.number < 0 else sense.number
                of_synset.setdefault(sense.synset, []).append(sense.id)
                if sense.synset not in self.synsets:
                    self._missing(entry.line, "synset", sense.synset)
        # Numbers begin with 0 in 2019 and 2020, and with 1 in WN-LMF 1.4.
        if 0 in self._numbers.values():
            self._numbers = {sense: number + 1 for sense, number in self._numbers.items()}
        self.members = {
            synset.id: self._members(synset, of_synset.get(synset.id, []))
            for synset in self.synsets.values()
        }

    def _add_frame(self, behaviour: wn_lmf.Behaviour) -> None:
        """Adds a frame of old versions, which names its senses, or holds for all of its entry."""
        for name in behaviour.senses or [behaviour.entry]:
            self._frames_of.setdefault(name, []).append(behaviour.frame)

    def _missing(self, line: int, what: str, name: str) -> None:
        if not self._is_part:
            raise FormatError(f"line {line}: there is no {what} {name!r}")

    def _members(self, synset: wn_lmf.Synset, senses: list[str]) -> list[str]:
        """Returns the senses of a synset in the order of its words."""
        if not synset.members:
            if not senses:
                self._missing(synset.line, "sense of synset", synset.id)
            return senses
        by_entry: dict[str, list[str]] = {}
        for sense in senses:
            by_entry.setdefault(self._entry_of[sense].id, []).append(sense)
        found = []
        for member in synset.members:
            if member in by_entry:
                found += by_entry.pop(member)
            elif member in senses:
                found.append(member)
            else:
                self._missing(synset.line, "sense for member", member)
        found += [sense for sense in senses if sense not in found]
        return found

    # ------------------------------------------------------------------------------------- facts

    @functools.cached_property
    def hierarchy(self) -> taxonomy.Taxonomy[str]:
        """Hypernyms, and what synsets are instances of, by id."""
        return taxonomy.Taxonomy(
            {
                synset.id: [
                    relation.target
                    for kind in relations.HYPERNYMS
                    for relation in synset.relations
                    if relation.type == kind
                ]
                for synset in self.synsets.values()
            }
        )

    def key(self, sense_id: str) -> str:
        """Returns the sense key; empty if the file does not say."""
        stated = self.senses[sense_id].identifier
        return stated or wn_lmf.sense_key(sense_id, self._lexicon)

    def _frames_of_sense(self, sense: wn_lmf.Sense) -> list[tuple[str, str]]:
        """Returns the ids and texts of the frames of a sense."""
        found = []
        for frame in sense.frames:
            if frame not in self._frames and not self._is_part:
                raise FormatError(f"sense {sense.id}: there is no frame {frame!r}")
            found.append((frame, self._frames.get(frame, "")))
        entry = self._entry_of[sense.id].id
        texts = self._frames_of.get(sense.id, []) + self._frames_of.get(entry, [])
        return found + [("", text) for text in dict.fromkeys(texts)]

    def _related(self, synset: wn_lmf.Synset) -> Iterator[tuple[str, str, str, str, str]]:
        """Yields the relations of a synset and its words.

        Those of the synset come first, then those of its words in their order.

        Yields:
          Type of the relation; the senses that it goes from and to, each empty for none; the synset
          that it goes to; and, for a relation of a word, its target as published, else an empty
          text.
        """
        for relation in synset.relations:
            if relation.target not in self.synsets:
                self._missing(synset.line, "synset", relation.target)
            yield relation.type, "", "", relation.target, ""
        for sense_id in self.members[synset.id]:
            for relation in self.senses[sense_id].relations:
                target = self.senses.get(relation.target)
                if target:
                    yield relation.type, sense_id, relation.target, target.synset, relation.target
                else:
                    if relation.target not in self.synsets:
                        line = self._entry_of[sense_id].line
                        self._missing(line, "sense or synset", relation.target)
                    yield relation.type, sense_id, "", relation.target, relation.target

    def _place(self, sense_id: str, target: str = "") -> int:
        """Returns the number of a sense among the words of its synset.

        Args:
          sense_id: The sense; empty for none.
          target: What the file names in its place.

        Returns:
          The number; 0 for the synset itself, -1 for a sense that is not here.
        """
        if not sense_id:
            return 0 if not target or target in self.synsets else -1
        members = self.members.get(self.senses[sense_id].synset, [])
        return members.index(sense_id) + 1 if sense_id in members else -1

    # ------------------------------------------------------------------------------------- views

    def rows(self, view: str, own_map: Mapping[str, bytes]) -> Iterator[Row]:
        """Yields keys and examples of a view.

        Args:
          view: Its name.
          own_map: The map of CILI for WordNet 3.0 under `pwn30`, which ids in ImageNet come from.
        """
        if view == "synsets":
            return self._synset_rows(princeton.nouns_of_imagenet(own_map.get("pwn30", b"")))
        return getattr(self, f"_{view.removesuffix('s')}_rows")()

    def _synset_rows(self, wnids: Mapping[str, str]) -> Iterator[Row]:
        for synset in self.synsets.values():
            members = self.members[synset.id]
            keys = [self.key(sense) for sense in members]
            related = list(self._related(synset))
            frames = [
                (*frame, word)
                for word, sense in enumerate(members, 1)
                for frame in self._frames_of_sense(self.senses[sense])
            ]
            yield (
                synset.id,
                {
                    "synset_id": synset.id,
                    "name": self._name(synset),
                    "offset": -1,
                    "pos": synset.pos,
                    "wnid": wnids.get(synset.ili, "") if synset.pos == "n" else "",
                    "ili": synset.ili,
                    "ilis": [synset.ili] if synset.ili else [],
                    "lexfile": _lexfile(synset),
                    "lemmas": {
                        "word": [self._entry_of[sense].lemma for sense in members],
                        "lex_id": [_lex_id(key) for key in keys],
                        "sense_key": keys,
                        "sense_number": [self._numbers[sense] for sense in members],
                        "tag_count": [self.senses[sense].count for sense in members],
                        "marker": [self.senses[sense].marker for sense in members],
                    },
                    "gloss": "",
                    "definitions": synset.definitions,
                    "examples": {
                        "text": [text for text, _ in synset.examples],
                        "source": [source for _, source in synset.examples],
                    },
                    "gloss_irregular": False,
                    "relations": {
                        "type": [relations.number(kind) for kind, *_ in related],
                        "symbol": [kind for kind, *_ in related],
                        "target_id": [target for *_, target, _ in related],
                        "source_word": [self._place(source) for _, source, *_ in related],
                        "target_word": [self._place(to, raw) for _, _, to, _, raw in related],
                    },
                    "frames": {
                        "number": [-1] * len(frames),
                        "id": [name for name, *_ in frames],
                        "text": [text for _, text, _ in frames],
                        "word": [word for *_, word in frames],
                    },
                    "hypernym_path": self.hierarchy.path(synset.id),
                    "min_depth": self.hierarchy.min_depth(synset.id),
                    "max_depth": self.hierarchy.max_depth(synset.id),
                    "line": synset.line,
                },
            )

    def _name(self, synset: wn_lmf.Synset) -> str:
        if not (members := self.members[synset.id]):
            return ""
        lemma = _lower(self._entry_of[members[0]].lemma)
        return f"{lemma}.{synset.pos}.{self._numbers[members[0]]:02}"

    def _sense_rows(self) -> Iterator[Row]:
        for sense in self.senses.values():
            entry, key = self._entry_of[sense.id], self.key(sense.id)
            synset = self.synsets.get(sense.synset)
            frames, head = self._frames_of_sense(sense), key.split(":")
            texts = [text for _, text in frames]
            yield (
                sense.id,
                {
                    "sense_id": sense.id,
                    "sense_key": key,
                    "lemma": _lower(entry.lemma),
                    "words": [entry.lemma],
                    "synset_id": sense.synset,
                    "word_number": max(self._place(sense.id), 0),
                    "pos": synset.pos if synset else entry.pos,
                    "lexfile": _lexfile(synset) if synset else -1,
                    "lex_id": _lex_id(key),
                    "head": ":".join(head[3:-1]),
                    "head_id": int(head[-1]) if head[-1].isdigit() else -1,
                    "sense_number": self._numbers[sense.id],
                    "tag_count": sense.count,
                    "marker": sense.marker,
                    "frames": {
                        "number": [-1] * len(frames),
                        "id": [name for name, _ in frames],
                        "text": texts,
                        "filled": [princeton.filled(text, entry.lemma) for text in texts],
                    },
                    "sentences": [],
                    "pronunciations": _pronunciations(entry),
                    "forms": entry.forms,
                    "entry_id": entry.id,
                    "line": entry.line,
                },
            )

    def _relation_rows(self) -> Iterator[Row]:
        seen: dict[tuple[str, ...], int] = {}
        for synset in self.synsets.values():
            for kind, source, target, target_id, raw in self._related(synset):
                place = (source or synset.id, kind, raw or target_id)
                occurrence = seen[place] = seen.get(place, -1) + 1
                yield (
                    f"{'|'.join(place)}|{occurrence}",
                    {
                        "source_id": synset.id,
                        "relation": relations.number(kind),
                        "symbol": kind,
                        "target_id": target_id,
                        "kind": "lexical" if source else "semantic",
                        "source_word": self._place(source),
                        "target_word": self._place(target, raw),
                        "source_sense": source,
                        "target_sense": target,
                        "wn18_name": relations.WN18.get(kind, ""),
                        "occurrence": occurrence,
                    },
                )

    def _lemma_rows(self) -> Iterator[Row]:
        for entry in self.entries.values():
            senses = _in_order(entry)
            yield (
                entry.id,
                {
                    "lemma": entry.lemma,
                    "pos": entry.pos,
                    "entry_id": entry.id,
                    "synset_ids": [sense.synset for sense in senses],
                    "sense_ids": [sense.id for sense in senses],
                    "symbols": [],
                    "tagged_senses": sum(sense.count > 0 for sense in senses),
                    "forms": entry.forms,
                    "pronunciations": _pronunciations(entry),
                    "line": entry.line,
                },
            )

    def _exception_rows(self) -> Iterator[Row]:
        for entry in self.entries.values():
            for number, form in enumerate(entry.forms):
                yield (
                    f"{entry.id}|{form}|{number}",
                    {
                        "form": form,
                        "pos": entry.pos,
                        "bases": [entry.lemma],
                        "entry_id": entry.id,
                        "line": entry.line,
                    },
                )


def _in_order(entry: wn_lmf.Entry) -> list[wn_lmf.Sense]:
    """Returns the senses of an entry, the commonest first."""
    if any(sense.number < 0 for sense in entry.senses):
        return entry.senses
    return sorted(entry.senses, key=lambda sense: sense.number)


def _check_pos(line: int, pos: str) -> None:
    if pos not in _POS:
        raise FormatError(f"line {line}: the part of speech {pos!r}, expected one of n v a r s")


def _lexfile(synset: wn_lmf.Synset) -> str | int:
    if synset.lexfile and synset.lexfile not in wndb.LEXFILES:
        raise FormatError(f"line {synset.line}: there is no lexicographer file {synset.lexfile!r}")
    return synset.lexfile or -1


def _lex_id(key: str) -> int:
    return int(key.rsplit("%", 1)[1].split(":")[2]) if key.count(":") > 2 else -1


def _lower(lemma: str) -> str:
    return lemma.lower().replace(" ", "_")


def _pronunciations(entry: wn_lmf.Entry) -> dict[str, list[str]]:
    return {
        "text": [one.text for one in entry.pronunciations],
        "variety": [one.variety for one in entry.pronunciations],
    }
