"""Parses editions in WNDB, whose files belong together, and makes the rows of each view."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfds_extra.core import taxonomy
from tfds_extra.datasets.wordnet_synsets import relations
from tfds_extra.formats import FormatError, cili, wndb

Row = tuple[str, dict[str, Any]]  # Key and example.

DATA = {f"data.{name}": pos for pos, name in wndb.FILES.items()}
INDEX = {f"index.{name}": pos for pos, name in wndb.FILES.items()}
EXCEPTIONS = {f"{name}.exc": pos for pos, name in wndb.FILES.items()}
# The files that each view needs, and those that it uses if they are there.
NEEDS: dict[str, tuple[str, ...]] = {
    "synsets": (*DATA, *INDEX, "index.sense"),
    "senses": (*DATA, *INDEX, "index.sense", "sents.vrb", "sentidx.vrb"),
    "relations": (*DATA,),
    "lemmas": (*DATA, *INDEX, *EXCEPTIONS),
    "exceptions": (*EXCEPTIONS,),
}
USES = ("cntlist.rev", "verb.Framestext", "frames.vrb")


class Database:
    """The files of an edition, parsed.

    All files that are there are compared with each other: pointers and index have to lead to
    synsets, words have to be in the index, and sense keys in `index.sense`.
    """

    def __init__(self, files: Mapping[str, bytes], frames: Mapping[int, str]):
        """Parses and checks.

        Args:
          files: Contents by name; of a part of an edition, some are missing.
          frames: Texts of verb frames, for editions that come without them.

        Raises:
          FormatError: A file is damaged, or does not fit the others.
        """

        def parsed(names: Mapping[str, str], parse: Callable[..., Any]) -> dict[str, Any]:
            return {
                pos: _named(name, parse, files[name], pos)
                for name, pos in names.items()
                if name in files
            }

        def parsed_alone(name: str, parse: Callable[..., Any]) -> Any:
            return _named(name, parse, files[name]) if name in files else {}

        self.data: dict[str, list[wndb.Synset]] = parsed(DATA, wndb.parse_data)
        self.index: dict[str, list[wndb.IndexEntry]] = parsed(INDEX, wndb.parse_index)
        self.exceptions: dict[str, list[wndb.Exceptions]] = parsed(
            EXCEPTIONS, lambda content, pos: wndb.parse_exceptions(content)
        )
        self._counts = parsed_alone("cntlist.rev", wndb.parse_counts)
        self._listed = parsed_alone("index.sense", wndb.parse_senses)
        self._sentences = parsed_alone("sents.vrb", wndb.parse_texts)
        self._sentence_index = parsed_alone("sentidx.vrb", wndb.parse_sentence_index)
        self._frames = dict(frames)
        for name in ("frames.vrb", "verb.Framestext"):
            self._frames |= parsed_alone(name, wndb.parse_texts)
        self._synsets = {
            (pos, synset.offset): synset for pos, found in self.data.items() for synset in found
        }
        self._numbers = {
            pos: {
                (entry.lemma, offset): number
                for entry in entries
                for number, offset in enumerate(entry.offsets, 1)
            }
            for pos, entries in self.index.items()
        }
        self._check_index()
        if self._listed:
            self._check_senses()

    # ------------------------------------------------------------------------------------ checks

    def _check_index(self) -> None:
        """Raises if words and index do not lead to each other."""
        for pos in self.data.keys() & self.index.keys():
            numbers, seen = self._numbers[pos], set()
            for synset in self.data[pos]:
                for word in synset.words:
                    if (place := (word.text.lower(), synset.offset)) not in numbers:
                        raise FormatError(
                            f"data.{wndb.FILES[pos]}: line {synset.line}: {word.text!r} does not"
                            f" lead here from index.{wndb.FILES[pos]}"
                        )
                    seen.add(place)
            if len(seen) < len(numbers):
                lemma, offset = next(place for place in numbers if place not in seen)
                raise FormatError(
                    f"index.{wndb.FILES[pos]}: {lemma!r} leads to {offset:08}, where no synset has it"
                )

    def _check_senses(self) -> None:
        """Raises if `index.sense` says other things than data and index."""
        count = 0
        for pos, synsets in self.data.items():
            for synset in synsets:
                for key, words in self.keys(synset).items():
                    found = self._listed.get(key)
                    number = self.number(pos, words[0].text, synset.offset)
                    count += 1
                    if not found or found[0] != synset.offset or number not in (0, found[1]):
                        raise FormatError(
                            f"index.sense: {key!r} is {found}, and in data.{wndb.FILES[pos]} it is"
                            f" sense {number} at {synset.offset:08}"
                        )
        if len(self.data) == len(wndb.FILES) and count != len(self._listed):
            raise FormatError(f"index.sense: {len(self._listed):,} senses, in data.* {count:,}")

    # ------------------------------------------------------------------------------------- facts

    def id_of(self, pos: str, offset: int) -> str:
        """Returns the id of a synset that may not be here."""
        synset = self._synsets.get((pos, offset))
        return synset.id if synset else f"{offset:08}-{pos}"

    def number(self, pos: str, word: str, offset: int) -> int:
        """Returns the sense number; 0 if the index is not here."""
        return self._numbers.get(pos, {}).get((word.lower(), offset), 0)

    def head(self, synset: wndb.Synset) -> wndb.Word | None:
        """Returns the first word of the adjective that a satellite belongs to; else None.

        Raises:
          FormatError: It belongs to none.
        """
        if synset.ss_type != "s":
            return None
        for pointer in synset.pointers:
            if pointer.symbol == "&":
                head = self._synsets.get(("a", pointer.offset))
                if head and head.ss_type == "a":
                    return head.words[0]
        raise FormatError(f"data.adj: line {synset.line}: a satellite without its adjective")

    def keys(self, synset: wndb.Synset) -> dict[str, list[wndb.Word]]:
        """Returns the words of a synset by sense key.

        As in `index.sense`, words that differ only by case are one sense, with the key of the first
        word, even if their `lex_id` differs (ddC and DDC).
        """
        head = self.head(synset)
        end = f"{head.text.lower()}:{head.lex_id:02}" if head else ":"
        spelled: dict[str, list[wndb.Word]] = {}
        for word in synset.words:
            spelled.setdefault(word.text.lower(), []).append(word)
        start = f"%{wndb.SS_TYPES[synset.ss_type]}:{synset.lexfile:02}"
        return {
            f"{lemma}{start}:{words[0].lex_id:02}:{end}": words for lemma, words in spelled.items()
        }

    def count(self, key: str) -> int:
        """Returns how often a sense was tagged."""
        listed = self._listed.get(key)
        return listed[2] if listed else self._counts.get(key, 0)

    def target(self, synset: wndb.Synset, pointer: wndb.Pointer) -> wndb.Synset | None:
        """Returns the synset that a pointer leads to; None if its file is not here.

        Raises:
          FormatError: There is none, or it has no such word.
        """
        found = self._synsets.get((pointer.pos, pointer.offset))
        if pointer.pos in self.data and (not found or pointer.target > len(found.words)):
            raise FormatError(
                f"data.{_file_of(synset)}: line {synset.line}: pointer {pointer.symbol} to"
                f" {pointer.offset:08} {pointer.pos}, word {pointer.target}: there is none"
            )
        return found

    @functools.cached_property
    def hierarchy(self) -> taxonomy.Taxonomy[str]:
        """Hypernyms, and what synsets are instances of, by id."""
        return taxonomy.Taxonomy(
            {
                synset.id: [self.id_of(pointer.pos, pointer.offset) for pointer in synset.hypernyms]
                for synset in self._synsets.values()
            }
        )

    # ------------------------------------------------------------------------------------- views

    def rows(self, view: str, ilis: Mapping[str, bytes], own_map: str) -> Iterator[Row]:
        """Yields keys and examples of a view.

        Args:
          view: Its name.
          ilis: Maps of CILI by name, for `synsets`: `pwn30`, and that of the edition.
          own_map: Which of them is the edition's.
        """
        if view == "synsets":
            return self._synset_rows(ilis, own_map)
        return getattr(self, f"_{view.removesuffix('s')}_rows")()

    def _synset_rows(self, maps: Mapping[str, bytes], own_map: str) -> Iterator[Row]:
        ilis = _named(own_map, cili.parse_map, maps[own_map]) if own_map in maps else {}
        wnids = {} if own_map == "pwn30" else nouns_of_imagenet(maps.get("pwn30", b""))
        for synset in self._synsets.values():
            synset_id = synset.id
            own = ilis.get(synset_id, [])
            if own_map == "pwn30":
                wnid = synset.wnid
            else:
                wnid = next((wnids[ili] for ili in own if ili in wnids), "")
            pos, gloss = _pos(synset), wndb.parse_gloss(synset.gloss)
            words, keys = synset.words, self.keys(synset)
            key_of = {word: key for key, spelled in keys.items() for word in spelled}
            numbers = [self.number(pos, word.text, synset.offset) for word in words]
            pointers = synset.pointers
            targets = [(p, self.target(synset, p)) for p in pointers]
            yield (
                synset_id,
                {
                    "synset_id": synset_id,
                    "name": self._name(synset),
                    "offset": synset.offset,
                    "pos": synset.ss_type,
                    "wnid": wnid,
                    "ili": own[0] if own else "",
                    "ilis": own,
                    "lexfile": wndb.LEXFILES[synset.lexfile],
                    "lemmas": {
                        "word": [word.text for word in words],
                        "lex_id": [word.lex_id for word in words],
                        "sense_key": [key_of[word] for word in words],
                        "sense_number": numbers,
                        "tag_count": [self.count(key_of[word]) for word in words],
                        "marker": [word.marker for word in words],
                    },
                    "gloss": synset.gloss,
                    "definitions": [gloss.definition] if gloss.definition else [],
                    "examples": {
                        "text": [example for example, _ in gloss.examples],
                        "source": [source for _, source in gloss.examples],
                    },
                    "gloss_irregular": gloss.is_irregular,
                    "relations": {
                        "type": [relations.number(_relation(p)) for p in pointers],
                        "symbol": [p.symbol for p in pointers],
                        "target_id": [t.id if t else f"{p.offset:08}-{p.pos}" for p, t in targets],
                        "source_word": [p.source for p in pointers],
                        "target_word": [p.target for p in pointers],
                    },
                    "frames": {
                        "number": [frame for frame, _ in synset.frames],
                        "id": [""] * len(synset.frames),
                        "text": [self._frame(synset, frame) for frame, _ in synset.frames],
                        "word": [word for _, word in synset.frames],
                    },
                    "hypernym_path": self.hierarchy.path(synset_id),
                    "min_depth": self.hierarchy.min_depth(synset_id),
                    "max_depth": self.hierarchy.max_depth(synset_id),
                    "line": synset.line,
                },
            )

    def _name(self, synset: wndb.Synset) -> str:
        """Returns its name in NLTK, which numbers satellites separately since release 3.10."""
        lemma = synset.words[0].text.lower()
        number = self.number(_pos(synset), lemma, synset.offset)
        if number and synset.ss_type == "s":
            offsets = self._adjectives[lemma][:number]
            number = sum(self._synsets["a", offset].ss_type == "s" for offset in offsets)
        return f"{lemma}.{synset.ss_type}.{number:02}" if number else ""

    @functools.cached_property
    def _adjectives(self) -> dict[str, list[int]]:
        return {entry.lemma: entry.offsets for entry in self.index["a"]}

    def _frame(self, synset: wndb.Synset, number: int) -> str:
        if number not in self._frames:
            raise FormatError(f"data.verb: line {synset.line}: there is no frame {number}")
        return self._frames[number]

    def _sense_rows(self) -> Iterator[Row]:
        for synset in self._synsets.values():
            head, pos = self.head(synset), _pos(synset)
            for key, words in self.keys(synset).items():
                word = words[0]
                place = synset.words.index(word) + 1
                frames = [n for n, of in synset.frames if of in (0, place)]
                texts = [self._frame(synset, number) for number in frames]
                lemma = word.text.lower()
                yield (
                    key,
                    {
                        "sense_id": key,
                        "sense_key": key,
                        "lemma": lemma,
                        "words": [one.text for one in words],
                        "synset_id": synset.id,
                        "word_number": place,
                        "pos": synset.ss_type,
                        "lexfile": wndb.LEXFILES[synset.lexfile],
                        "lex_id": word.lex_id,
                        "head": head.text.lower() if head else "",
                        "head_id": head.lex_id if head else -1,
                        "sense_number": self.number(pos, word.text, synset.offset),
                        "tag_count": self.count(key),
                        "marker": word.marker,
                        "frames": {
                            "number": frames,
                            "id": [""] * len(frames),
                            "text": texts,
                            "filled": [filled(text, word.text) for text in texts],
                        },
                        "sentences": [self._sentence(key, n, lemma) for n in self._of_key(key)],
                        "pronunciations": {"text": [], "variety": []},
                        "forms": [],
                        "entry_id": "",
                        "line": synset.line,
                    },
                )

    def _of_key(self, key: str) -> list[int]:
        return self._sentence_index.get(key, []) if self._sentences else []

    def _sentence(self, key: str, number: int, lemma: str) -> str:
        if number not in self._sentences:
            raise FormatError(f"sentidx.vrb: {key}: sents.vrb has no sentence {number}")
        return self._sentences[number].replace("%s", lemma.replace("_", " "))

    def _relation_rows(self) -> Iterator[Row]:
        for synset in self._synsets.values():
            source_id = synset.id
            seen: dict[Any, Any] = {}
            for pointer in synset.pointers:
                target = self.target(synset, pointer)
                target_id = self.id_of(pointer.pos, pointer.offset)
                occurrence = seen[pointer] = seen.get(pointer, -1) + 1
                name = _relation(pointer)
                words = f"{pointer.source}.{pointer.target}"
                yield (
                    f"{source_id}|{pointer.symbol}|{target_id}|{words}|{occurrence}",
                    {
                        "source_id": source_id,
                        "relation": relations.number(name),
                        "symbol": pointer.symbol,
                        "target_id": target_id,
                        "kind": "lexical" if pointer.source else "semantic",
                        "source_word": pointer.source,
                        "target_word": pointer.target,
                        "source_sense": self._key_at(synset, pointer.source),
                        "target_sense": self._key_at(target, pointer.target),
                        "wn18_name": relations.WN18.get(name, ""),
                        "occurrence": occurrence,
                    },
                )

    def _key_at(self, synset: wndb.Synset | None, number: int) -> str:
        """Returns the sense key of a synset's word; empty for number 0 or a missing synset."""
        if not synset or not number:
            return ""
        word = synset.words[number - 1]
        return next(key for key, words in self.keys(synset).items() if word in words)

    def _lemma_rows(self) -> Iterator[Row]:
        for pos, entries in self.index.items():
            forms: dict[str, list[str]] = {}
            for exception in self.exceptions.get(pos, []):
                for base in exception.bases:
                    forms.setdefault(base, []).append(exception.form)
            for entry in entries:
                ids = [self.id_of(pos, offset) for offset in entry.offsets]
                synsets = [self._synsets.get((pos, offset)) for offset in entry.offsets]
                yield (
                    f"{entry.lemma}%{pos}",
                    {
                        "lemma": entry.lemma,
                        "pos": pos,
                        "entry_id": "",
                        "synset_ids": ids,
                        "sense_ids": [self._key_of(s, entry.lemma) for s in synsets if s],
                        "symbols": entry.symbols,
                        "tagged_senses": entry.tagged,
                        "forms": list(dict.fromkeys(forms.get(entry.lemma, []))),
                        "pronunciations": {"text": [], "variety": []},
                        "line": entry.line,
                    },
                )

    def _key_of(self, synset: wndb.Synset, lemma: str) -> str:
        return next(k for k, words in self.keys(synset).items() if words[0].text.lower() == lemma)

    def _exception_rows(self) -> Iterator[Row]:
        for pos, lines in self.exceptions.items():
            for form, bases, line in lines:
                yield (
                    f"{form}%{pos}|{line}",
                    {"form": form, "pos": pos, "bases": bases, "entry_id": "", "line": line},
                )


def filled(frame: str, word: str) -> str:
    """Returns a verb frame with a word in it; the word gets no ending except -ing."""
    return frame.replace("----ing", f"{word}ing").replace("----s", word)


def nouns_of_imagenet(own_map: bytes) -> dict[str, str]:
    """Returns the ids in ImageNet of CILI's concepts; empty without the map of WordNet 3.0."""
    found = _named("pwn30", cili.parse_map, own_map) if own_map else {}
    return {
        ili: f"n{synset[:8]}"
        for synset, ilis in found.items()
        if synset.endswith("-n")
        for ili in ilis
    }


def _named(name: str, parse: Callable[..., Any], *args: Any) -> Any:
    """Parses a file; an error names the file."""
    try:
        return parse(*args)
    except FormatError as e:
        raise FormatError(f"{name}: {e}") from e


def _pos(synset: wndb.Synset) -> str:
    return "a" if synset.ss_type == "s" else synset.ss_type


def _file_of(synset: wndb.Synset) -> str:
    return wndb.FILES[_pos(synset)]


def _relation(pointer: wndb.Pointer) -> str:
    return relations.OF_SYMBOL.get(pointer.symbol, pointer.symbol)
