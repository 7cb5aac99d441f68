"""Answers the usual questions to WordNet: synsets, base forms, hypernyms and similarities.

```python
from tfds_extra.datasets.wordnet_synsets import lookup

wordnet = lookup.WordNet.load("wn30", data_dir)  # prepares two views, if they are not there yet
dog, cat = wordnet["dog.n.01"], wordnet["cat.n.01"]
wordnet.synsets("geese", "n")  # by way of the exception lists
wordnet.hypernym_closure(dog)
wordnet.path_similarity(dog, cat), wordnet.wup_similarity(dog, cat)
```

Results are the same as from NLTK's `wordnet` reader on the same edition; NLTK is not needed.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from tfds_extra import registry
from tfds_extra.core import prepared, taxonomy
from tfds_extra.datasets.wordnet_synsets import relations

POS = ("n", "v", "a", "r")
# Endings that rules of inflection remove, and the endings that replace them: morphy(7WN).
_RULES = {
    "n": (
        ("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"), ("ches", "ch"),
        ("shes", "sh"), ("men", "man"), ("ies", "y"),
    ),
    "v": (
        ("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"),
        ("ing", ""),
    ),
    "a": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "r": (),
}  # fmt: skip
# Features of the view `synsets` that are read, single values first.
_OF_SYNSETS = (
    "synset_id", "name", "pos", "wnid", "min_depth", "max_depth",
    "definitions", "lemmas/word", "lemmas/sense_number", "relations/type", "relations/target_id",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Synset:
    """A synset, as in the view `synsets`.

    Attributes:
      synset_id: Its id.
      name: Its name, such as dog.n.01.
      pos: n, v, a, r or s.
      wnid: Its id in ImageNet; empty if it has none.
      words: As written.
      definitions: Its definitions.
      hypernyms: Ids of what it is a kind, or an instance, of.
      min_depth: Levels up to the nearest root.
      max_depth: Levels up to a root along the longest way.
    """

    synset_id: str
    name: str
    pos: str
    wnid: str
    words: tuple[str, ...]
    definitions: tuple[str, ...]
    hypernyms: tuple[str, ...]
    min_depth: int
    max_depth: int

    def __str__(self) -> str:
        return self.name or self.synset_id


class WordNet:
    """An edition in memory."""

    def __init__(
        self,
        synsets: Iterable[Synset],
        senses: Mapping[tuple[str, str], list[str]],
        exceptions: Mapping[str, Mapping[str, list[str]]],
    ):
        """Takes the data that `load` reads.

        Args:
          synsets: All synsets.
          senses: Ids of synsets by lemma, in lower case with `_` for a space, and by part of speech n,
            v, a or r; in the order of sense numbers.
          exceptions: Base forms by part of speech and inflected form.
        """
        self._synsets = {synset.synset_id: synset for synset in synsets}
        self._names = {
            name: synset
            for synset in self._synsets.values()
            for name in (synset.name, synset.wnid)
            if name
        }
        self._senses = senses
        self._exceptions = exceptions
        self.taxonomy = taxonomy.Taxonomy(
            {synset_id: synset.hypernyms for synset_id, synset in self._synsets.items()},
            order=lambda synset_id: str(self._synsets.get(synset_id, synset_id)),
        )

    @classmethod
    def load(
        cls,
        edition: str = "wn30",
        data_dir: str | os.PathLike[str] | None = None,
        *,
        manual_dir: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> WordNet:
        """Reads an edition, and prepares its views `synsets` and `exceptions` first if need be.

        Args:
          edition: Its name, such as "wn30".
          data_dir: As in `tfds.load`.
          manual_dir: Folder of files that were brought by hand.
          **kwargs: Arguments of the builder: `partial`, `miniature`. A part may have no exception
            lists.
        """
        builders = {}
        for view in ("synsets", "exceptions"):
            builder_cls = registry.builder_cls("wordnet_synsets")
            builder = builder_cls(config=f"{edition}_{view}", data_dir=data_dir, **kwargs)
            config = tfds.download.DownloadConfig(manual_dir=manual_dir)
            try:
                builder.download_and_prepare(download_config=config)
            except ValueError:
                if view == "synsets" or not kwargs.get("partial"):
                    raise
                continue
            builders[view] = builder
        exceptions: dict[str, dict[str, list[str]]] = {pos: {} for pos in POS}
        if "exceptions" in builders:
            names = builders["exceptions"].info.features["pos"].names
            rows = _records(builders["exceptions"], ("form", "bases", "pos", "entry_id", "line"))
            for (form,), bases, (pos,), (entry,), _ in sorted(rows, key=lambda row: row[-1]):
                known = exceptions[_main(names[pos])]
                found = [_lower(base) for base in bases]
                if entry:  # In Open English WordNet each has one base form.
                    found = known.get(_lower(form), []) + found
                # If a form comes twice in a list of Princeton, NLTK takes the last one.
                known[_lower(form)] = found
        return cls(*_read_synsets(builders["synsets"]), exceptions)

    def __getitem__(self, name: str) -> Synset:
        """Returns the synset of an id, of a name such as dog.n.01, or of an id in ImageNet."""
        return self._synsets.get(name) or self._names[name]

    def __iter__(self) -> Iterator[Synset]:
        return iter(self._synsets.values())

    def __len__(self) -> int:
        return len(self._synsets)

    # ------------------------------------------------------------------------------------ lookup

    def base_forms(self, form: str, pos: str) -> list[str]:
        """Returns the lemmas of a form: itself, then those by the exception lists or rules.

        Args:
          form: In lower case, with `_` or spaces.
          pos: n, v, a, r, or s for satellites, which inflect as adjectives.
        """
        form = form.replace(" ", "_")
        exceptions = self._exceptions.get(_main(pos), {})
        if form in exceptions:
            found = [form, *exceptions[form]]
        else:
            rules = _RULES[_main(pos)]
            found = [form, *(form[: -len(a)] + b for a, b in rules if form.endswith(a))]
        return [one for one in dict.fromkeys(found) if (one, _main(pos)) in self._senses]

    def morphy(self, form: str, pos: str | None = None) -> str | None:
        """Returns the first base form of a form; None if there is none.

        Args:
          form: In lower case.
          pos: n, v, a, r or s; if None they are tried in this order.
        """
        for one in (pos,) if pos else POS:
            if found := self.base_forms(form, one):
                return found[0]
        return None

    def synsets(self, word: str, pos: str | None = None) -> list[Synset]:
        """Returns the synsets of a word in any inflection, the commonest sense of a form first.

        Args:
          word: In any case, with `_` or spaces.
          pos: n, v, a (with satellites), r, or s for satellites alone; all if None.
        """
        return [
            self._synsets[synset_id]
            for one in ((pos,) if pos else POS)
            for lemma in self.base_forms(word.lower(), one)
            for synset_id in self._senses[lemma, _main(one)]
            if one != "s" or self._synsets[synset_id].pos == "s"
        ]

    # --------------------------------------------------------------------------------- hierarchy

    def hypernyms(self, synset: Synset) -> list[Synset]:
        """Returns what a synset is a kind, or an instance, of, one level up."""
        return self._known(self.taxonomy.hypernyms(synset.synset_id))

    def hyponyms(self, synset: Synset) -> list[Synset]:
        """Returns what is a kind, or an instance, of a synset, one level down."""
        return self._known(self.taxonomy.hyponyms(synset.synset_id))

    def hypernym_closure(self, synset: Synset) -> list[Synset]:
        """Returns all that a synset is a kind of, the nearest first."""
        return self._known(self.taxonomy.closure(synset.synset_id))

    def hypernym_paths(self, synset: Synset) -> list[list[Synset]]:
        """Returns all ways from a root down to a synset."""
        return [self._known(path[::-1]) for path in self.taxonomy.paths(synset.synset_id)]

    def lowest_common_hypernyms(self, a: Synset, b: Synset) -> list[Synset]:
        """Returns the deepest common hypernyms of two synsets, by their nearest root."""
        return self._known(self.taxonomy.lowest_common(a.synset_id, b.synset_id))

    def path_similarity(self, a: Synset, b: Synset) -> float | None:
        """Returns 1 / (1 + levels up to a common hypernym and down again); None if there is none.

        As in NLTK, one root is added above all roots of synsets that are not nouns.
        """
        return self._similarity(self.taxonomy.path_similarity, a, b)

    def wup_similarity(self, a: Synset, b: Synset) -> float | None:
        """Returns Wu and Palmer's similarity (`taxonomy.Taxonomy.wup_similarity`), or None."""
        return self._similarity(self.taxonomy.wup_similarity, a, b)

    def _similarity(self, measure: Any, a: Synset, b: Synset) -> float | None:
        one_root = a.pos != "n" or b.pos != "n"
        return measure(a.synset_id, b.synset_id, one_root=one_root)

    def _known(self, ids: Iterable[str]) -> list[Synset]:
        """Returns the synsets with these ids; a part may lack some."""
        return [self._synsets[synset_id] for synset_id in ids if synset_id in self._synsets]


def _main(pos: str) -> str:
    return "a" if pos == "s" else pos


def _lower(text: str) -> str:
    return text.lower().replace(" ", "_")


def _records(builder: Any, names: Iterable[str]) -> Iterator[list[list[Any]]]:
    """Yields the values of some features of all records, as they are stored; without TensorFlow."""
    paths = builder.info.splits["train"].filepaths
    for shard in prepared.records(paths, builder.info.file_format):
        for record in shard:
            stored = tf_example_pb2.Example.FromString(record).features.feature
            yield [_stored(stored[name]) for name in names]


def _stored(feature: Any) -> list[Any]:
    if feature.bytes_list.value:
        return [value.decode() for value in feature.bytes_list.value]
    return list(feature.int64_list.value)


def _read_synsets(builder: Any) -> tuple[list[Synset], dict[tuple[str, str], list[str]]]:
    """Returns the synsets, and ids of them by lemma and part of speech."""
    poses = builder.info.features["pos"].names
    kinds = [relations.number(name) for name in relations.HYPERNYMS]
    found: list[Synset] = []
    places: dict[tuple[str, str], dict[str, int]] = {}
    for *single, texts, words, numbers, types, targets in _records(builder, _OF_SYNSETS):
        synset_id, name, number, wnid, low, high = (value[0] for value in single)
        pos = poses[number]
        hypernyms = tuple(t for kind in kinds for k, t in zip(types, targets) if k == kind)
        found.append(
            Synset(synset_id, name, pos, wnid, tuple(words), tuple(texts), hypernyms, low, high)
        )
        for word, number in zip(words, numbers):
            places.setdefault((_lower(word), _main(pos)), {})[synset_id] = number
    senses = {place: sorted(ids, key=ids.__getitem__) for place, ids in places.items()}
    return found, senses
