"""WordNet: the miniature."""

from __future__ import annotations

from typing import Any

import builder_testing
import miniature_scripts
import preparing
import pytest

from tfds_extra.datasets.wordnet_synsets import lookup, relations
from tfds_extra.datasets.wordnet_synsets import wordnet_synsets_dataset_builder as module

_MADE = miniature_scripts.load("wordnet_synsets")
# Each view of both formats, and each edition, at least once.
_CONFIGS = [
    "wn30_synsets", "wn31_senses", "wn30_relations", "wn31_lemmas", "wn31_exceptions",
    "oewn2024_synsets", "oewn2025plus_senses", "oewn2025_relations",
]  # fmt: skip
_NEEDED = {
    "synsets": ("data.", "index."),
    "senses": ("data.", "index.", "sent"),
    "relations": ("data.",),
    "lemmas": ("data.", "index.noun", "index.verb", "index.a", "noun.exc", "verb.exc", "ad"),
    "exceptions": ("noun.exc", "verb.exc", "adj.exc", "adv.exc"),
}


def _texts(values: Any) -> list[str]:
    return [value.decode() for value in values]


class WordnetSynsetsTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    # The standard `wordnet` has the triples of WN18 and WN18RR, with splits made for a benchmark.
    BUILDER_CONFIG_NAMES_TO_TEST = _CONFIGS
    MINIATURE = {
        config: {split: count} for config, split, count in _MADE.counts() if config in _CONFIGS
    }
    UNKNOWN_COUNTS = {config: {"train"} for config in ("wn31_exceptions", "oewn2025plus_senses")}

    def is_read(self, name, member, config):
        return member.startswith(_NEEDED[config.partition("_")[2]])

    def examples(self, config: str, key: str) -> dict[str, dict[str, Any]]:
        """Examples by a text of theirs."""
        return preparing.examples(self.prepare(config), key)

    def test_every_synset_of_wndb(self):
        for edition in ("wn30", "wn31"):
            found = self.examples(f"{edition}_synsets", "synset_id")
            synsets, at = _MADE.world(edition), _MADE.offsets(_MADE.world(edition))
            ids = {s.key: f"{at[s.key]:08}-{s.pos}" for s in synsets}
            self.assertEqual(set(found), set(ids.values()))
            numbers = {}
            for pos in _MADE.FILES:
                for lemma, senses in _MADE.lemmas(synsets, pos).items():
                    numbers |= {(lemma, s.key): n for n, s in enumerate(senses, 1)}
            for synset in synsets:
                example = found[ids[synset.key]]
                lemmas = example["lemmas"]
                words = [_MADE.word(text) for text in synset.words]
                self.assertEqual(_texts(lemmas["word"]), [text for text, _, _ in words])
                self.assertEqual(list(lemmas["lex_id"]), [lex_id for _, lex_id, _ in words])
                self.assertEqual(_texts(lemmas["marker"]), [marker for _, _, marker in words])
                keys = _MADE.sense_keys(synset)
                self.assertEqual(_texts(lemmas["sense_key"]), keys)
                self.assertEqual(list(lemmas["tag_count"]), [_MADE.TAGGED.get(k, 0) for k in keys])
                expected = [numbers[text.lower(), synset.key] for text, _, _ in words]
                self.assertEqual(list(lemmas["sense_number"]), expected)
                name = f"{words[0][0].lower()}.{synset.pos}.{expected[0]:02}"
                self.assertEqual(example["name"].decode(), name)
                self.assertEqual(example["offset"], at[synset.key])
                self.assertEqual(example["gloss"].decode(), synset.gloss)
                pointers = example["relations"]
                self.assertEqual(
                    [
                        (symbol.decode(), target.decode(), source, to)
                        for symbol, target, source, to in zip(
                            pointers["symbol"], pointers["target_id"],
                            pointers["source_word"], pointers["target_word"],
                        )
                    ],
                    [(s, ids[key], source, to) for s, key, source, to in synset.pointers],
                )  # fmt: skip
                frames = zip(example["frames"]["number"], example["frames"]["word"])
                self.assertEqual(list(frames), list(synset.frames))
                texts = [_MADE.FRAMES[number] for number, _ in synset.frames]
                self.assertEqual(_texts(example["frames"]["text"]), texts)
                ilis = [synset.ili] if synset.ili else []
                if (edition, synset.key) == ("wn31", "pond"):
                    ilis.append("i99")
                self.assertEqual(_texts(example["ilis"]), ilis)
                # Ids in ImageNet have the offset in 3.0.
                old = _MADE.offsets(_MADE.WORLD).get(synset.key)
                wnid = f"n{old:08}" if synset.pos == "n" and old else ""
                self.assertEqual(example["wnid"].decode(), wnid)

    def test_parts_of_glosses(self):
        found = self.examples("wn30_synsets", "name")
        pet = found["glimpet.n.01"]
        self.assertEqual(_texts(pet["definitions"]), ["a tame zorp"])
        self.assertEqual(_texts(pet["examples"]["text"]), ["my glimpet sleeps", "two glimpeese"])
        self.assertEqual(_texts(pet["examples"]["source"]), ["Ann Onymous", ""])
        irregular = {name for name, example in found.items() if example["gloss_irregular"]}
        self.assertEqual(irregular, {"plash.n.01", "zorple.v.01"})
        self.assertEqual(_texts(found["oodle.n.01"]["definitions"]), [])
        self.assertEqual(_texts(found["tammy.a.01"]["definitions"]), ["used to people"])

    def test_hypernyms(self):
        """The nearest first; two verbs that are each other's hypernym end a path."""
        found = self.examples("wn30_synsets", "synset_id")
        names = {key: example["name"].decode() for key, example in found.items()}
        by_name = {example["name"].decode(): example for example in found.values()}

        def path(name):
            return [names[key] for key in _texts(by_name[name]["hypernym_path"])]

        expected = ["glimpet.n.01", "zorp.n.01", "oomph.n.01"]
        self.assertEqual(path("glimpet.n.01"), expected)
        self.assertEqual(by_name["glimpet.n.01"]["min_depth"], 2)
        self.assertEqual(by_name["glimpet.n.01"]["max_depth"], 3)  # By way of fidd and dabber.
        self.assertEqual(path("oodle.n.01"), ["oodle.n.01", "plash.n.01", "oomph.n.01"])
        self.assertEqual(path("dab.v.01"), ["dab.v.01", "nop.v.01"])
        self.assertEqual(path("nop.v.01"), ["nop.v.01", "dab.v.01"])
        self.assertEqual(by_name["nop.v.01"]["max_depth"], 1)
        later = self.examples("wn31_synsets", "name")
        self.assertLen(later["nop.v.01"]["hypernym_path"], 1)

    def test_every_sense_of_wndb(self):
        found = self.examples("wn30_senses", "sense_key")
        expected = {}
        for synset in _MADE.WORLD:
            for text, key in zip(synset.words, _MADE.sense_keys(synset)):
                expected.setdefault(key, []).append(_MADE.word(text)[0])
        self.assertEqual({k: _texts(e["words"]) for k, e in found.items()}, expected)
        twins = [words for words in expected.values() if len(words) > 1]
        self.assertEqual(twins, [["glimpet", "Glimpet"], ["zorpish", "Zorpish"]])
        crawl = found["zorple%2:38:00::"]
        self.assertEqual(
            _texts(crawl["sentences"]), ["The zorps zorple to the pond", "They zorple it"]
        )
        self.assertEqual(list(crawl["frames"]["number"]), [2, 8])
        self.assertEqual(
            _texts(crawl["frames"]["filled"]), ["Somebody zorple", "Somebody zorple something"]
        )
        self.assertEqual(_texts(found["ba%2:38:00::"]["frames"]["filled"]), ["It is baing"])
        self.assertEqual(list(found["crawp%2:38:00::"]["frames"]["number"]), [2])
        lull = found["ever_so_lull%5:00:00:tammy:00"]
        self.assertEqual((lull["head"], lull["head_id"], lull["marker"]), (b"tammy", 0, b"ip"))
        self.assertEqual(lull["word_number"], 2)

    def test_every_relation_of_wndb(self):
        builder = self.prepare("wn30_relations")
        (found,) = self.raw_examples(builder).values()
        at = _MADE.offsets(_MADE.WORLD)
        ids = {s.key: f"{at[s.key]:08}-{s.pos}" for s in _MADE.WORLD}
        keys = {s.key: ["", *_MADE.sense_keys(s)] for s in _MADE.WORLD}
        expected = [
            (ids[s.key], symbol, ids[to], source, target, keys[s.key][source], keys[to][target])
            for s in _MADE.WORLD
            for symbol, to, source, target in s.pointers
        ]
        names = (
            "source_id", "symbol", "target_id", "source_word", "target_word", "source_sense",
            "target_sense",
        )  # fmt: skip
        self.assertCountEqual([tuple(e[name] for name in names) for _, e in found], expected)
        self.assertEqual([e["occurrence"] for _, e in found].count(1), 1)
        for _, example in found:
            name = relations.NAMES[example["relation"]]
            self.assertEqual(name, relations.OF_SYMBOL[example["symbol"]])
            self.assertEqual(example["kind"], "lexical" if example["source_word"] else "semantic")
            self.assertEqual(example["wn18_name"], relations.WN18.get(name, ""))

    def test_every_lemma_and_exception_of_wndb(self):
        found = self.raw_examples(self.prepare("wn30_lemmas"))["train"]
        at = _MADE.offsets(_MADE.WORLD)
        expected = {
            f"{lemma}%{pos}": [f"{at[s.key]:08}-{s.pos}" for s in synsets]
            for pos in _MADE.FILES
            for lemma, synsets in _MADE.lemmas(_MADE.WORLD, pos).items()
        }
        self.assertEqual({key: e["synset_ids"] for key, e in found}, expected)
        by_key = dict(found)
        self.assertEqual(by_key["fidd%n"]["forms"], ["fiddae"])
        self.assertEqual(by_key["glimpet%n"]["tagged_senses"], 0)
        self.assertEqual(by_key["zorple%v"]["tagged_senses"], 1)
        found = self.raw_examples(self.prepare("wn30_exceptions"))["train"]
        lines = [" ".join([e["form"], *e["bases"]]) for _, e in found]
        self.assertCountEqual(lines, sum(_MADE.EXCEPTIONS.values(), []))

    @pytest.mark.slow
    def test_every_synset_and_sense_of_lmf(self):
        for edition in ("oewn2024", "oewn2025", "oewn2025plus"):
            found = self.examples(f"{edition}_synsets", "synset_id")
            synsets = _MADE.lmf_world(edition)
            self.assertEqual(set(found), {_MADE.synset_id(s) for s in synsets})
            for synset in synsets:
                example = found[_MADE.synset_id(synset)]
                words = [_MADE.word(text)[0].replace("_", " ") for text in synset.words]
                self.assertEqual(_texts(example["lemmas"]["word"]), words)
                if synset.key != "pet" and synset.key != "of zorps":  # These have twins.
                    self.assertEqual(
                        _texts(example["lemmas"]["sense_key"]), _MADE.sense_keys(synset)
                    )
                self.assertEqual(_texts(example["definitions"]), _MADE.lmf_definitions(synset))
                examples = zip(
                    _texts(example["examples"]["text"]), _texts(example["examples"]["source"])
                )
                self.assertEqual(list(examples), _MADE.lmf_examples(synset))
                self.assertEqual(example["ili"].decode(), synset.ili or "in")
                expected = sorted(
                    (further or kind, _MADE.synset_id(target), source, to)
                    for source, kind, further, target, to in _MADE.lmf_relations(synset, edition)
                )
                pointers = example["relations"]
                related = zip(
                    _texts(pointers["symbol"]), _texts(pointers["target_id"]),
                    pointers["source_word"], pointers["target_word"],
                )  # fmt: skip
                self.assertEqual(sorted(related), expected)
                numbers = [relations.number(symbol) for symbol in _texts(pointers["symbol"])]
                self.assertEqual(list(pointers["type"]), numbers)
                self.assertNotIn(-1, numbers)
                old = _MADE.offsets(_MADE.WORLD).get(synset.key)
                wnid = f"n{old:08}" if synset.pos == "n" and old else ""
                self.assertEqual(example["wnid"].decode(), wnid)
            crawl = found[_MADE.synset_id(next(s for s in synsets if s.key == "to crawl"))]
            self.assertEqual(_texts(crawl["frames"]["id"]), ["via", "vtai", "via"])
            self.assertEqual(list(crawl["frames"]["word"]), [1, 1, 2])

    def test_every_entry_of_lmf(self):
        for edition in ("oewn2024", "oewn2025plus"):
            expected = _MADE.entries(edition)
            found = self.raw_examples(self.prepare(f"{edition}_lemmas"))["train"]
            self.assertEqual({(e["lemma"], e["pos"]) for _, e in found}, set(expected))
            senses = dict(self.raw_examples(self.prepare(f"{edition}_senses"))["train"])
            for _, example in found:
                ids = [
                    (_MADE.synset_id(synset), _MADE.sense_id(synset, number, edition))
                    for synset, number in expected[example["lemma"], example["pos"]]
                ]
                self.assertEqual(list(zip(example["synset_ids"], example["sense_ids"])), ids)
                for number, (synset_id, sense_id) in enumerate(ids, 1):
                    self.assertEqual(senses[sense_id]["synset_id"], synset_id)
                    self.assertEqual(senses[sense_id]["sense_number"], number)
                    self.assertEqual(senses[sense_id]["words"], [example["lemma"]])
            said = {e["lemma"]: e["pronunciations"] for _, e in found}["zorp"]
            self.assertEqual(said["variety"], ["GB", ""])
            found = self.raw_examples(self.prepare(f"{edition}_exceptions"))["train"]
            self.assertIn(("glimpeese", ["glimpet"]), [(e["form"], e["bases"]) for _, e in found])

    def test_relations_of_lmf(self):
        found = self.raw_examples(self.prepare("oewn2025_relations"))["train"]
        expected = sum(len(s.pointers) for s in _MADE.lmf_world("oewn2025"))
        self.assertLen(found, expected)
        (event,) = [e for _, e in found if e["symbol"] == "event" and not e["occurrence"]]
        self.assertEqual(relations.NAMES[event["relation"]], "event")
        self.assertEqual(event["source_sense"], "oewn-glimpet__1.05.00..")
        self.assertEqual(event["target_sense"], "oewn-zorple__2.38.00..")

    def test_lookup(self):
        for edition in ("wn30", "oewn2025"):
            for view in ("synsets", "exceptions"):
                self.prepare(f"{edition}_{view}")
            wordnet = lookup.WordNet.load(edition, self._folder.name, miniature=True)
            pet = wordnet["glimpet.n.01"]
            self.assertIs(wordnet[pet.wnid], pet)
            self.assertIs(wordnet[pet.synset_id], pet)
            self.assertEqual(wordnet.synsets("Glimpeese"), [pet])
            self.assertEqual(wordnet.synsets("little zorps", "n"), [pet])
            self.assertEqual(wordnet.morphy("zorplt"), "zorple")
            self.assertEqual(
                wordnet.base_forms("fiddae", "n"), [] if edition == "wn30" else ["fidd"]
            )
            self.assertEqual([s.name for s in wordnet.synsets("lull", "s")], ["lull.s.01"])
            self.assertEqual(wordnet.synsets("wildo", "s"), [])
            toy = wordnet["fidd.n.01"]
            self.assertIn(toy, wordnet.hypernyms(pet))
            self.assertEqual(wordnet.hyponyms(toy), [pet])
            self.assertEqual(wordnet.path_similarity(pet, toy), 1 / 2)
            self.assertEqual(wordnet.wup_similarity(pet, toy), 6 / 7)
            self.assertLen(wordnet.hypernym_paths(pet), 2)

    def test_official_counts(self):
        unknown = {
            config.name
            for config in self.DATASET_CLASS.BUILDER_CONFIGS
            if self.DATASET_CLASS(config=config.name).expected_counts == {"train": 0}
        }
        self.assertEqual(
            unknown,
            {"wn31_exceptions", "oewn2025_exceptions", "oewn2025plus_exceptions",
             "oewn2025plus_senses"},
        )  # fmt: skip
        counts = {"wn30": 117_659, "wn31": 117_791, "oewn2024": 120_630, "oewn2025": 107_519}
        for edition, count in counts.items():
            builder = self.DATASET_CLASS(config=f"{edition}_synsets")
            self.assertEqual(builder.expected_counts, {"train": count})
            self.assertLen(builder.info.features["lexfile"].names, 45)
        senses = self.DATASET_CLASS(config="wn30_senses")
        self.assertEqual(senses.expected_counts, {"train": 206_941})
