"""WN-LMF: what is refused, and ids that spell sense keys, against the library `wn`."""

from __future__ import annotations

import io

import pytest
from wn.compat import sensekey

from tfds_extra.formats import FormatError, wn_lmf

_START = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.3.dtd">
<LexicalResource xmlns:dc="https://globalwordnet.github.io/schemas/dc/">
<Lexicon id="x" label="X" language="en" email="e" license="l" version="2025" url="u">
"""
_BODY = """<LexicalEntry id="x-a-n"><Lemma writtenForm="a" partOfSpeech="n"><Tag category="c">t</Tag></Lemma>
<Form writtenForm="aa"/><Sense id="x-a__1.03.00.." synset="x-1-n" n="2"><Count>3</Count><Count>4</Count>
<SenseRelation relType="other" dc:type="event" target="x-b"/><Example>of the sense</Example></Sense>
</LexicalEntry>
<Synset id="x-1-n" ili="in" partOfSpeech="n" members="x-a-n" lexfile="noun.act" dc:source="s">
<Definition>one &amp; two</Definition><ILIDefinition>three</ILIDefinition>
<SynsetRelation relType="hypernym" target="x-2-n"/><Example dc:source="t">of it</Example></Synset>
<SyntacticBehaviour id="via" subcategorizationFrame="Somebody ----s"/>
"""
_END = "</Lexicon></LexicalResource>\n"


def _read(text: str) -> list:
    return list(wn_lmf.read(io.BytesIO(text.encode())))


def test_elements():
    lexicon, entry, synset, behaviour = _read(_START + _BODY + _END)
    assert lexicon == ("x", "2025", "X")
    relation = ("event", "x-b")
    sense = ("x-a__1.03.00..", "x-1-n", "", 2, "", [], [relation], 7)
    assert entry == ("x-a-n", "a", "n", ["aa"], [], [sense], 5)
    assert synset[:9] == (
        "x-1-n", "in", "n", "noun.act", ["x-a-n"], ["one & two"], "three", [("of it", "t")], "s"
    )  # fmt: skip
    assert synset.relations == [("hypernym", "x-2-n")]
    assert behaviour == ("via", "Somebody ----s", [], "")


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "not well-formed"),
        ("<html><body>404</body></html>", "line 1: an element html at the root"),
        (_START, "not well-formed"),
        (_START + _BODY[:300], "not well-formed"),
        (_START + _BODY + _BODY + _END, "'x-a__1.03.00..' comes twice"),
        (_START + _BODY.replace(' synset="x-1-n"', "") + _END, "Sense has no synset"),
        (_START + _BODY.replace("<Lemma ", "<Synset "), "an element Synset in LexicalEntry"),
        (_START + _BODY.replace("<Count>3", "<Count>many"), "'many' is no number"),
        (_START + "<LexicalEntry id='y'></LexicalEntry>" + _END, "with 0 lemmas"),
        (
            _START.replace('WN-LMF-1.3.dtd"', f'x" [<!ENTITY l0 "lol">{_LAUGHS}]') + "&l9;",
            "entities",
        ),
        (
            _START.replace('1.3.dtd"', 'x" [<!ENTITY e SYSTEM "file:///etc/passwd">]') + "&e;",
            "entities",
        ),
        (_START.replace('1.3.dtd"', 'x" [<!ENTITY % p SYSTEM "file:///p"> %p;]'), "entities"),
        (_START + "<Synset id='&undefined;'/>", "entities"),
        (_START + _BODY.replace("one &amp;", "one &eacute;"), "entities"),
        (_START.replace("<Lexicon", "<Lexicon" * 3), "not well-formed"),
        ("<a>" * 100_000, "an element a at the root"),
    ],
)
def test_what_is_refused(text, told):
    with pytest.raises(FormatError, match=told):
        _read(text)


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_other_encodings(encoding):
    text = (_START + _BODY + _END).replace("UTF-8", encoding)
    with pytest.raises(FormatError, match="not well-formed|UTF-8"):
        list(wn_lmf.read(io.BytesIO(text.encode(encoding))))


@pytest.mark.parametrize(
    "version, flavor", [("2024", "oewn"), ("2025", "oewn-v2"), ("2025+", "oewn-v2")]
)
@pytest.mark.parametrize(
    "key",
    [
        "abandon%2:40:01::", "'hood%1:15:00::", "a/c%1:06:00::", "yahoo!%1:00:00::", "lot's_wife%1:18:00::",
        "ever_so%5:00:00:very_much:02", "9:30%1:28:00::", "c++%1:10:00::",
    ],
)  # fmt: skip
def test_sense_keys(key, version, flavor):
    lexicon = wn_lmf.Lexicon("oewn", version, "")
    sense_id = "oewn-" + sensekey.escape(key, flavor=flavor)
    assert wn_lmf.sense_key(sense_id, lexicon) == key
    if version != "2024":
        hyphens = key.replace("a", "a-b")
        sense_id = "oewn-" + sensekey.escape(hyphens, flavor=flavor)
        assert wn_lmf.sense_key(sense_id, lexicon) == hyphens
    assert wn_lmf.sense_key("oewn-a-n-00024444-01", lexicon) == ""
