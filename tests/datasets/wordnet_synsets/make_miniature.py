"""Makes dummy_data/wordnet_synsets: a made-up language in the published formats.

Two editions of database files and three in WN-LMF tell of the same few words, with each oddity of the
published files once. Run it as a script after a change:
`python tests/datasets/wordnet_synsets/make_miniature.py`.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import pathlib
import sys
from collections.abc import Iterator
from xml.sax import saxutils

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import miniature_files

_PRINCETON = "https://wordnetcode.princeton.edu/"
_CILI = (
    "https://raw.githubusercontent.com/globalwordnet/cili/dfc99e15e11e5b20e143f29386220d7b69805628/"
    "ili-map-{}.tab"
)
_OEWN = "https://github.com/globalwordnet/english-wordnet/releases/download/{}-edition/{}.gz"
FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_TYPES = {"n": 1, "v": 2, "a": 3, "r": 4, "s": 5}
LEXFILES = {"n": 5, "v": 38, "a": 0, "s": 0, "r": 2}
LEXNAMES = {5: "noun.animal", 38: "verb.motion", 0: "adj.all", 2: "adv.all", 44: "adj.ppl"}
FRAMES = {
    1: "Something ----s",
    2: "Somebody ----s",
    3: "It is ----ing",
    8: "Somebody ----s something",
}
FRAME_IDS = {1: "vii", 2: "via", 3: "nonreferential", 8: "vtai"}
SENTENCES = {1: "The zorps %s to the pond", 10: "They %s it"}


@dataclasses.dataclass(frozen=True)
class Synset:
    """A made-up synset.

    Attributes:
      key: What the others call it.
      pos: n, v, a, r or s.
      words: Each with lex_id and marker behind it, where it has one: "word/1", "word(p)".
      gloss: With its examples.
      pointers: Symbol, key of the target, and the words it goes from and to.
      frames: Number, and the word that it holds for.
      ili: Id in CILI for 3.0; more of them, or none, for 3.1.
    """

    key: str
    pos: str
    words: tuple[str, ...]
    gloss: str
    pointers: tuple[tuple[str, str, int, int], ...] = ()
    frames: tuple[tuple[int, int], ...] = ()
    ili: str = ""


def _up(*keys: str) -> tuple[tuple[str, str, int, int], ...]:
    return tuple(("@", key, 0, 0) for key in keys)


WORLD = [
    Synset("thing", "n", ("oomph",), "whatever there is", ili="i1",
           pointers=(("~", "critter", 0, 0), ("~", "tool", 0, 0))),
    Synset("critter", "n", ("zorp", "zorp-kin"), 'what crawls; "a zorp in the pond"', _up("thing"), ili="i2"),
    Synset("tool", "n", ("dabber",), "what one holds", _up("thing"), ili="i3"),
    Synset("pet", "n", ("glimpet", "little_zorp", "Glimpet/1"),
           'a tame zorp; "my glimpet sleeps"- Ann Onymous; "two glimpeese"', (
               *_up("critter", "toy"), ("#p", "pond", 0, 0), ("+", "to crawl", 1, 1), ("+", "to crawl", 1, 1),
           ), ili="i4"),
    Synset("toy", "n", ("fidd",), "a dabber to play with", _up("tool"), ili="i5"),
    Synset("pond", "n", ("plash",), 'a water as in "plash and splash"; "a deep plash"',
           (*_up("thing"), ("%p", "pet", 0, 0), (";c", "study", 0, 0)), ili="i6"),
    Synset("Oodle", "n", ("Oodle", "o'odle's_pond"), "", (("@i", "pond", 0, 0),), ili="i7"),
    Synset("study", "n", ("zorpology",), "the study of zorps", (*_up("thing"), ("-c", "pond", 0, 0)), ili="i8"),
    Synset("many", "n", tuple(f"nam{letter}" for letter in "abcdefghijklmnopqr"), "a thing of 18 names",
           _up("thing"), ili="i9"),
    Synset("to crawl", "v", ("zorple", "crawp"), 'go like a zorp; "it zorpled',
           (("*", "to be", 0, 0), ("+", "pet", 1, 1), ("$", "to wade", 2, 1)), ((2, 0), (8, 1)), ili="i10"),
    Synset("to wade", "v", ("plashle",), "zorple in a plash", (("@", "to crawl", 0, 0),), ((1, 0),), ili="i11"),
    Synset("to hold", "v", ("dab",), "hold back", (("@", "to stop", 0, 0),), ((8, 0),), ili="i12"),
    Synset("to stop", "v", ("nop",), "hold; stop", (("@", "to hold", 0, 0),), ((8, 0),), ili="i13"),
    Synset("to be", "v", ("ba",), "be", (), ((3, 0),), ili="i14"),
    Synset("tame", "a", ("tammy",), ' used to people; "a tammy zorp"', (
        ("!", "wild", 1, 1), ("&", "calm", 0, 0), ("=", "thing", 0, 0),
    ), ili="i15"),
    Synset("wild", "a", ("wildo(a)", "untammy(p)"), "not tammy", (("!", "tame", 1, 1),), ili="i16"),
    Synset("calm", "s", ("lull", "ever_so_lull(ip)"), 'tammy and slow; "lull, lull zorps"', (("&", "tame", 0, 0),),
           ili="i17"),
    Synset("of zorps", "a", ("zorpish", "Zorpish"), "of zorps", (("\\", "critter", 1, 1),), ili="i18"),
    Synset("tamely", "r", ("tammily",), "in a tammy way", (("\\", "tame", 1, 1), (";u", "study", 1, 1)), ili="i19"),
    Synset("wildly", "r", ("wildoly",), "", (("\\", "wild", 1, 1),), ili="i20"),
]  # fmt: skip
_NEW = Synset("newt", "n", ("newtling",), "a new zorp", _up("critter"))
EXCEPTIONS = {
    "noun": ["glimpeese glimpet", "fiddae fidd fiddum", "fiddae foo", "glimpet glimp"],
    "verb": ["zorplt zorple"],
    "adj": ["tammier tammy"],
    "adv": ["betty tammily"],
}
# How often a sense was tagged; the first sense of a word is the commonest.
TAGGED = {"oomph%1:05:00::": 7, "zorple%2:38:00::": 12, "lull%5:00:00:tammy:00": 1}


def world(edition: str) -> list[Synset]:
    """The synsets of an edition."""
    if edition in ("wn30",):
        return list(WORLD)
    # Later editions have no cycle, and one synset more.
    later = [dataclasses.replace(s, pointers=()) if s.key == "to stop" else s for s in WORLD]
    return [*later[:9], _NEW, *later[9:]]


def word(text: str) -> tuple[str, int, str]:
    """A word, its lex_id and its marker."""
    text, _, marker = text.rstrip(")").partition("(")
    text, _, lex_id = text.partition("/")
    return text, int(lex_id or 0), marker


def sense_keys(synset: Synset) -> list[str]:
    """Of each word; those that differ by case only have one."""
    head = ":"
    if synset.pos == "s":
        target = next(s for s in WORLD if s.key == synset.pointers[0][1])
        text, lex_id, _ = word(target.words[0])
        head = f"{text}:{lex_id:02}"
    first: dict[str, str] = {}
    for text, lex_id, _ in map(word, synset.words):
        start = f"{text.lower()}%{_TYPES[synset.pos]}:{LEXFILES[synset.pos]:02}"
        first.setdefault(text.lower(), f"{start}:{lex_id:02}:{head}")
    return [first[word(one)[0].lower()] for one in synset.words]


# -------------------------------------------------------------------------------------------- WNDB


def _header() -> str:
    return "".join(f"  {n} A miniature of the published file: made up.  \n" for n in range(1, 4))


def _line(synset: Synset, offsets: dict[str, int], poses: dict[str, str]) -> str:
    words = []
    for text in synset.words:
        text, lex_id, marker = word(text)
        words.append(f"{text}({marker}) {lex_id:x}" if marker else f"{text} {lex_id:x}")
    pointers = [
        f"{symbol} {offsets.get(key, 0):08} {poses[key]} {source:02x}{target:02x}"
        for symbol, key, source, target in synset.pointers
    ]
    frames = [f"+ {number:02} {of:02x}" for number, of in synset.frames]
    fields = [
        f"{offsets.get(synset.key, 0):08}", f"{LEXFILES[synset.pos]:02}", synset.pos,
        f"{len(words):02x}", *words, f"{len(pointers):03}", *pointers,
    ]  # fmt: skip
    if synset.pos == "v":
        fields += [f"{len(frames):02}", *frames]
    return f"{' '.join(fields)} | {synset.gloss}  \n"


def offsets(synsets: list[Synset]) -> dict[str, int]:
    """Where the line of each begins."""
    poses, found = _poses(synsets), {}
    for pos in FILES:
        at = len(_header())
        for synset in [s for s in synsets if poses[s.key] == pos]:
            found[synset.key] = at
            at += len(_line(synset, {}, poses).encode())
    return found


def _poses(synsets: list[Synset]) -> dict[str, str]:
    return {s.key: "a" if s.pos == "s" else s.pos for s in synsets}


def lemmas(synsets: list[Synset], pos: str) -> dict[str, list[Synset]]:
    """The synsets of each word of a file, in lower case, in order."""
    found: dict[str, list[Synset]] = {}
    poses = _poses(synsets)
    for synset in synsets:
        if poses[synset.key] == pos:
            for text in dict.fromkeys(word(one)[0].lower() for one in synset.words):
                found.setdefault(text, []).append(synset)
    return dict(sorted(found.items()))


def database(synsets: list[Synset]) -> dict[str, bytes]:
    """The database files of an edition."""
    at, poses, texts = offsets(synsets), _poses(synsets), {}
    senses, counted = [], []
    for pos, name in FILES.items():
        own = [s for s in synsets if poses[s.key] == pos]
        texts[f"data.{name}"] = _header() + "".join(_line(s, at, poses) for s in own)
        lines = []
        for lemma, found in lemmas(synsets, pos).items():
            symbols = dict.fromkeys(
                p[0][0] if p[0][0] in ";-" else p[0] for s in found for p in s.pointers
            )
            keys = [dict(zip(_lower_words(s), sense_keys(s)))[lemma] for s in found]
            tagged = sum(key in TAGGED for key in keys)
            fields = [lemma, pos, len(found), len(symbols), *symbols, len(found), tagged]
            lines.append(" ".join(map(str, [*fields, *(f"{at[s.key]:08}" for s in found)])) + "  ")
            for number, (key, synset) in enumerate(zip(keys, found), 1):
                senses.append(f"{key} {at[synset.key]:08} {number} {TAGGED.get(key, 0)}")
                if key in TAGGED:
                    counted.append(f"{key} {number} {TAGGED[key]}")
        # The last line of index.adj has some more spaces at its end.
        texts[f"index.{name}"] = (
            _header() + "\n".join(lines) + ("        " if pos == "a" else "") + "\n"
        )
        texts[f"{name}.exc"] = "\n".join(EXCEPTIONS[name]) + "\n"
    texts["index.sense"] = "\n".join(sorted(senses)) + "\n"
    texts["cntlist.rev"] = "\n".join(sorted(counted)) + "\n"
    texts["verb.Framestext"] = "".join(f"{n:<3}{text}\n" for n, text in FRAMES.items())
    texts["sents.vrb"] = "".join(f"{n} {text}\n" for n, text in SENTENCES.items())
    texts["sentidx.vrb"] = "nop%2:38:00:: \nplashle%2:38:00:: 1\nzorple%2:38:00:: 1,10\n"
    texts["lexnames"] = "".join(f"{n:02}\t{name}\t1\n" for n, name in sorted(LEXNAMES.items()))
    return {name: text.encode() for name, text in texts.items()}


def _lower_words(synset: Synset) -> list[str]:
    return [word(one)[0].lower() for one in reversed(synset.words)][::-1]


def ili_map(synsets: list[Synset], *, joined: bool) -> bytes:
    """A map of CILI; in that of 3.1 a synset has two ids."""
    at, rows = offsets(synsets), []
    for synset in synsets:
        ids = [synset.ili] if synset.ili else []
        ids += ["i99"] if joined and synset.key == "pond" else []
        rows += [f"{one}\t{at[synset.key]:08}-{synset.pos}\n" for one in ids]
    return "".join(rows).encode()


# --------------------------------------------------------------------------------------------- LMF

_NAMES = {
    "@": "hypernym", "@i": "instance_hypernym", "~": "hyponym", "#p": "holo_part", "%p": "mero_part",
    "+": "derivation", ";c": "domain_topic", "-c": "has_domain_topic", "*": "entails", "$": "similar",
    "!": "antonym", "&": "similar", "=": "attribute", "\\": "pertainym", ";u": "exemplifies",
}  # fmt: skip


def lmf(edition: str) -> bytes:
    """An edition in WN-LMF."""
    version = edition.removeprefix("oewn").removesuffix("plus")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.3.dtd">',
        '<LexicalResource xmlns:dc="https://globalwordnet.github.io/schemas/dc/">',
        f'  <Lexicon id="oewn" label="Miniature" language="en" email="nobody@example.org" license="none" '
        f'version="{version}{"+" if edition.endswith("plus") else ""}" url="https://example.org">',
        *_entries(edition),
        *(_synset_lines(s, edition) for s in lmf_world(edition)),
        *(
            f'    <SyntacticBehaviour id="{FRAME_IDS[n]}" subcategorizationFrame={_q(text)}/>'
            for n, text in FRAMES.items()
        ),
        "  </Lexicon>",
        "</LexicalResource>",
    ]
    return ("\n".join(lines) + "\n").encode()


def lmf_world(edition: str) -> list[Synset]:
    """The synsets of an edition in WN-LMF: the plus has one more."""
    synsets = world(edition)
    if edition.endswith("plus"):
        synsets.append(
            Synset("Zed", "n", ("Zed\N{LATIN SMALL LETTER E WITH ACUTE}",), "a name", _up("thing"))
        )
    return synsets


def _q(text: str) -> str:
    return saxutils.quoteattr(text)


def synset_id(synset: Synset) -> str:
    """Of WN-LMF: a new one has a number above all offsets."""
    number = offsets(WORLD).get(synset.key) if synset.ili else 90000000 + len(synset.words[0])
    return f"oewn-{number:08}-{synset.pos}"


def entry_id(text: str, pos: str) -> str:
    """Of a word."""
    return f"oewn-{text.replace(' ', '_').replace(chr(39), '-ap-')}-{pos}"


def sense_id(synset: Synset, number: int, edition: str) -> str:
    """Of a word of a synset, by its number from 0."""
    key = sense_keys(synset)[number]
    lemma, _, fields = key.partition("%")
    text, _, _ = word(synset.words[number])
    if text != text.lower() and text.lower() in map(str.lower, synset.words[:number]):
        fields = fields.replace(":00:", ":01:", 1)  # Each spelling is a sense of its own there.
    if edition == "oewn2024":
        lemma = lemma.replace("'", "-ap-")
    else:
        lemma = lemma.replace("-", "--").replace("'", "-apos-")
    return f"oewn-{lemma}__{fields.replace(':', '.').replace('_', '-sp-')}"


def entries(edition: str) -> dict[tuple[str, str], list[tuple[Synset, int]]]:
    """Synsets of each word as written and part of speech, and its number in them from 0."""
    found: dict[tuple[str, str], list[tuple[Synset, int]]] = {}
    for synset in lmf_world(edition):
        for number, text in enumerate(synset.words):
            found.setdefault((word(text)[0].replace("_", " "), synset.pos), []).append(
                (synset, number)
            )
    return found


def lmf_relations(synset: Synset, edition: str) -> Iterator[tuple[int, str, str, Synset, int]]:
    """Word it goes from, type, dc:type, target and the word it goes to."""
    by_key = {s.key: s for s in lmf_world(edition)}
    for symbol, key, source, target in synset.pointers:
        kind, further = _NAMES[symbol], ""
        if symbol == "+" and synset.pos == "n":
            kind, further = "other", "event"
        # From a word to a synset, which WN-LMF has.
        yield source, kind, further, by_key[key], 0 if symbol == ";u" else target


def _entries(edition: str) -> Iterator[str]:
    for (text, pos), senses in entries(edition).items():
        yield f'    <LexicalEntry id="{entry_id(text, pos)}">'
        if text == "zorp":
            yield f'      <Lemma writtenForm="{text}" partOfSpeech="{pos}">'
            yield '        <Pronunciation variety="GB">z\N{LATIN SMALL LETTER OPEN O}p</Pronunciation>'
            yield "        <Pronunciation>zorp</Pronunciation>"
            yield "      </Lemma>"
        else:
            yield f'      <Lemma writtenForm={_q(text)} partOfSpeech="{pos}"/>'
        for line in EXCEPTIONS[FILES["a" if pos == "s" else pos]]:
            form, *bases = line.split()
            if text in bases:
                yield f'      <Form writtenForm="{form}"/>'
        for synset, number in senses:
            yield from _sense_lines(synset, number, edition)
        yield "    </LexicalEntry>"


def _sense_lines(synset: Synset, number: int, edition: str) -> Iterator[str]:
    marker = word(synset.words[number])[2]
    frames = [FRAME_IDS[n] for n, of in synset.frames if of in (0, number + 1)]
    more = f' adjposition="{marker}"' if marker else ""
    more += f' subcat="{" ".join(frames)}"' if frames else ""
    start = (
        f'      <Sense id="{sense_id(synset, number, edition)}" synset="{synset_id(synset)}"{more}'
    )
    lines = []
    for source, kind, further, target, to in lmf_relations(synset, edition):
        if source == number + 1:
            goal = sense_id(target, to - 1, edition) if to else synset_id(target)
            dc = f' dc:type="{further}"' if further else ""
            lines.append(f'        <SenseRelation relType="{kind}"{dc} target="{goal}"/>')
    yield f"{start}>" if lines else f"{start}/>"
    yield from lines
    if lines:
        yield "      </Sense>"


def lmf_examples(synset: Synset) -> list[tuple[str, str]]:
    """Examples and sources."""
    parts = synset.gloss.split('"')
    found = [(part, "") for part in parts[1::2]]
    return [(text, "Ann Onymous" if "my glimpet" in text else "") for text, _ in found]


def lmf_definitions(synset: Synset) -> list[str]:
    """Definitions: one has two of them."""
    text = synset.gloss.split('"')[0].strip(" ;") or "nothing is said of it"
    return text.split("; ") if synset.key == "to stop" else [text]


def _synset_lines(synset: Synset, edition: str) -> str:
    ids = [entry_id(word(t)[0].replace("_", " "), synset.pos) for t in synset.words]
    lines = [
        f'    <Synset id="{synset_id(synset)}" ili="{synset.ili or "in"}" members="{" ".join(ids)}"'
        f' partOfSpeech="{synset.pos}" lexfile="{LEXNAMES[LEXFILES[synset.pos]]}">'
    ]
    lines += [
        f"      <Definition>{saxutils.escape(t)}</Definition>" for t in lmf_definitions(synset)
    ]
    if not synset.ili:
        lines.append(f"      <ILIDefinition>{synset.gloss}</ILIDefinition>")
    for source, kind, _, target, _ in lmf_relations(synset, edition):
        if not source:
            lines.append(f'      <SynsetRelation relType="{kind}" target="{synset_id(target)}"/>')
    for text, source in lmf_examples(synset):
        dc = f' dc:source="{source}"' if source else ""
        lines.append(f"      <Example{dc}>{text}</Example>")
    return "\n".join([*lines, "    </Synset>"])


# ------------------------------------------------------------------------------------------- files


def archive(edition: str, files: dict[str, bytes]) -> bytes:
    """Database files as they are packed."""
    return miniature_files.tar_gz({f"dict/{name}": content for name, content in files.items()})


def counts() -> list[tuple[str, str, int]]:
    """Rows of counts.tsv."""
    rows = []
    for edition in ("wn30", "wn31"):
        synsets = world(edition)
        found = {
            "synsets": len(synsets),
            "senses": sum(len(set(sense_keys(s))) for s in synsets),
            "relations": sum(len(s.pointers) for s in synsets),
            "lemmas": sum(len(lemmas(synsets, pos)) for pos in FILES),
            "exceptions": sum(map(len, EXCEPTIONS.values())),
        }
        rows += [(f"{edition}_{view}", "train", count) for view, count in found.items()]
    for edition in ("oewn2024", "oewn2025", "oewn2025plus"):
        synsets = lmf_world(edition)
        text = lmf(edition).decode()
        found = {
            "synsets": len(synsets),
            "senses": sum(len(s.words) for s in synsets),
            "relations": sum(len(s.pointers) for s in synsets),
            "lemmas": len(entries(edition)),
            "exceptions": text.count("<Form"),
        }
        rows += [(f"{edition}_{view}", "train", count) for view, count in found.items()]
    return rows


def make(folder: pathlib.Path) -> None:
    """Writes the miniature into `folder`."""
    bases = {edition: database(world(edition)) for edition in ("wn30", "wn31")}
    urls = {
        _PRINCETON + "3.0/WNdb-3.0.tar.gz": ("WNdb-3.0.tar.gz", archive("wn30", bases["wn30"])),
        _PRINCETON + "wn3.1.dict.tar.gz": ("wn3.1.dict.tar.gz", archive("wn31", bases["wn31"])),
    }
    for edition, name in (
        ("oewn2024", "english-wordnet-2024.xml"),
        ("oewn2025", "english-wordnet-2025.xml"),
        ("oewn2025plus", "english-wordnet-2025-plus.xml"),
    ):
        packed = gzip.compress(lmf(edition), mtime=0)
        urls[_OEWN.format(edition[4:8], name)] = f"{name}.gz", packed
    for name, edition in (("pwn30", "wn30"), ("pwn31", "wn31")):
        content = ili_map(world(edition), joined=name == "pwn31")
        urls[_CILI.format(name)] = f"ili-map-{name}.tab", content
    miniature_files.write_files(folder, urls)
    miniature_files.write_table(folder / "counts.tsv", ["config", "split", "examples"], counts())
    miniature_files.write_table(
        folder / "members.tsv",
        ["edition", "member", "sha256"],
        [
            (edition, name, hashlib.sha256(content).hexdigest())
            for edition, files in bases.items()
            for name, content in files.items()
        ],
    )


if __name__ == "__main__":
    make(miniature_files.DUMMY_DATA / "wordnet_synsets")
