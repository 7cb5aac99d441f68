"""WordNet: bad input gives one clear error and leaves nothing behind."""

from __future__ import annotations

import gzip
import hashlib

import miniature_files
import miniature_scripts
import pytest
import tampering
import tiers

_MADE = miniature_scripts.load("wordnet_synsets")
_ARCHIVE, _LMF = "WNdb-3.0.tar.gz", "english-wordnet-2025.xml.gz"


class Miniature(tampering.Miniature):
    """A copy of the miniature that can be tampered with."""

    NAME = "wordnet_synsets"

    def write_database(self, files: dict[str, bytes], *, is_known: bool = True) -> None:
        """Writes the archive of WordNet 3.0.

        Args:
          files: Contents by name.
          is_known: Whether their digests are what was published.
        """
        self.write_vouched(_ARCHIVE, _MADE.archive("wn30", files))
        if is_known:
            rows = [("wn30", name, hashlib.sha256(c).hexdigest()) for name, c in files.items()]
            header = ["edition", "member", "sha256"]
            miniature_files.write_table(self.folder / "members.tsv", header, rows)


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Miniature:
    return Miniature(tmp_path / "miniature", monkeypatch)


def _refused(data_dir, config: str, *parts: str, error=ValueError) -> None:
    tampering.prepare_refused(f"wordnet_synsets/{config}", data_dir, *parts, error=error)


# View, file, what is replaced by what, and what the error says.
_DAMAGES = {
    "offsets that lie": ("synsets", "data.noun", b"tame zorp", b"tame  zorp", "begins at byte"),
    "converted line ends": ("synsets", "data.adv", b"\n", b"\r\n", "line ends were converted"),
    "a pointer to nowhere": (
        "relations",
        "data.verb",
        b"00000342 v",
        b"00000343 v",
        "there is none",
    ),
    "a word that is not there": ("relations", "data.noun", b"v 0101", b"v 0109", "there is none"),
    "a satellite alone": (
        "senses",
        "data.adj",
        b" & ",
        b" = ",
        "a satellite without its adjective",
    ),
    "an unknown frame": ("synsets", "data.verb", b"+ 08 00", b"+ 36 00", "there is no frame 36"),
    "another word": ("synsets", "data.noun", b"oomph", b"oomps", "'oomps' does not lead here"),
    "an index to nowhere": ("lemmas", "index.noun", b"00000150", b"00000151", "does not lead here"),
    "senses of another edition": (
        "synsets",
        "index.sense",
        b"zorp%1:05:00",
        b"zorp%1:05:01",
        "zorp%1",
    ),
    "an unknown sentence": ("senses", "sentidx.vrb", b"1,10", b"1,11", "no sentence 11"),
    "a form without base": (
        "exceptions",
        "noun.exc",
        b"glimpeese glimpet",
        b"glimpeese",
        "no base",
    ),
    "no text": ("synsets", "data.noun", b" |", b" \xff", "UTF-8"),
}


@pytest.mark.parametrize(
    "damage", tiers.sampled(_DAMAGES, quick=("offsets that lie", "another word", "no text"))
)
def test_files_that_are_damaged(miniature, data_dir, damage):
    view, name, old, new, part = _DAMAGES[damage]
    files = _MADE.database(_MADE.WORLD)
    if damage == "a pointer to nowhere":
        at = _MADE.offsets(_MADE.WORLD)["to be"]
        old, new = b"%08d v 0000" % at, b"%08d v 0000" % (at + 1)
    assert old in files[name]
    is_everywhere = damage in ("converted line ends", "a satellite alone")
    files[name] = files[name].replace(old, new, -1 if is_everywhere else 1)
    miniature.write_database(files)
    _refused(data_dir, f"wn30_{view}", _ARCHIVE, name, part)


def test_a_file_that_is_altered(miniature, data_dir):
    files = _MADE.database(_MADE.WORLD)
    files["data.noun"] = files["data.noun"].replace(b"tame", b"lame")
    miniature.write_database(files, is_known=False)
    _refused(data_dir, "wn30_synsets", _ARCHIVE, "data.noun", "sha256")


@pytest.mark.parametrize("view, name", [("synsets", "index.sense"), ("exceptions", "adv.exc")])
def test_a_file_that_is_missing(miniature, data_dir, view, name):
    files = _MADE.database(_MADE.WORLD)
    del files[name]
    miniature.write_database(files)
    _refused(data_dir, f"wn30_{view}", _ARCHIVE, name, "missing", "partial")


def test_an_archive_that_is_cut(miniature, data_dir):
    content = (miniature.folder / _ARCHIVE).read_bytes()
    miniature.write_vouched(_ARCHIVE, content[:-20])
    _refused(data_dir, "wn30_relations", _ARCHIVE)


def test_another_edition(miniature, data_dir):
    """Its files are vouched for, and are not what the edition has."""
    content = (miniature.folder / "wn3.1.dict.tar.gz").read_bytes()
    miniature.write_vouched(_ARCHIVE, content)
    _refused(data_dir, "wn30_relations", _ARCHIVE, "data.noun", "sha256")


_BOMB = b'[<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
_OF_LMF = {
    "a bomb of entities": (b'WN-LMF-1.3.dtd">', b'x" ' + _BOMB, "entities"),
    "no synset": (b'synset="oewn-00000150-n"', b'synset="oewn-00000151-n"', "no synset"),
    "no target": (
        b'relType="entails" target="oewn-',
        b'relType="entails" target="oewn-9',
        "no synset",
    ),
    "no member": (b'members="oewn-oomph-n"', b'members="oewn-oomps-n"', "'oewn-oomps-n'"),
    "no frame": (b'subcat="via', b'subcat="vix', "no frame 'vix'"),
    "no part of speech": (b'partOfSpeech="v"', b'partOfSpeech="q"', "'q'", "line "),
    "no lexicographer file": (b"noun.animal", b"noun.beast", "'noun.beast'"),
    "HTML": (b"<LexicalResource", b"<html", "html", "not WN-LMF"),
    "two lexicons": (b"</Lexicon>", b'</Lexicon><Lexicon id="y"></Lexicon>', "two lexicons"),
}


@pytest.mark.parametrize(
    "damage", tiers.sampled(_OF_LMF, quick=("a bomb of entities", "no member"))
)
def test_lmf_that_is_damaged(miniature, data_dir, damage):
    old, new, *parts = _OF_LMF[damage]
    content = _MADE.lmf("oewn2025")
    assert old in content
    content = (
        content.replace(old, new)
        if damage == "no lexicographer file"
        else content.replace(old, new, 1)
    )
    miniature.write_vouched(_LMF, gzip.compress(content, mtime=0))
    _refused(data_dir, "oewn2025_synsets", _LMF, *parts)


@pytest.mark.parametrize("cut", [20, 900])
def test_lmf_that_is_cut(miniature, data_dir, cut):
    miniature.write_vouched(_LMF, (miniature.folder / _LMF).read_bytes()[:-cut])
    _refused(data_dir, "oewn2025_lemmas", _LMF)
    miniature.write_vouched(_LMF, gzip.compress(_MADE.lmf("oewn2025")[:-cut], mtime=0))
    _refused(data_dir, "oewn2025_lemmas", _LMF, "not well-formed")


def test_a_map_that_is_damaged(miniature, data_dir):
    content = (miniature.folder / "ili-map-pwn30.tab").read_bytes()
    miniature.write_vouched("ili-map-pwn30.tab", content[:-9])
    _refused(data_dir, "wn30_synsets", "pwn30", "truncated")
    miniature.write_vouched("ili-map-pwn30.tab", b"<html>\n")
    _refused(data_dir, "oewn2025_synsets", "pwn30", "line 1")


def test_too_few_and_too_many(miniature, data_dir):
    table = miniature.folder / "counts.tsv"
    table.write_text(
        table.read_text().replace("wn30_relations\ttrain\t32", "wn30_relations\ttrain\t33")
    )
    _refused(data_dir, "wn30_relations", "32 examples", "33")
    table.write_text(table.read_text().replace("plus_senses\ttrain\t47", "plus_senses\ttrain\t46"))
    _refused(data_dir, "oewn2025plus_senses", "47 examples", "46")
