"""Features of each view, the same for all editions."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds

from tfds_extra.datasets.wordnet_synsets import relations
from tfds_extra.features import flag, int32, int64, label, text
from tfds_extra.formats import wndb

POS = ("n", "v", "a", "r", "s")
_POS_DOC = "Part of speech: noun, verb, adjective, adverb, or satellite of an adjective."
_ID = (
    "{}: of Princeton's editions the eight digits of its offset and its part of speech, 00001740-n; of"
    " others the id as published, oewn-00001740-n."
)
_LEXFILE_DOC = "Lexicographer file, which says a rough topic; -1 if the edition does not say."
_MARKER_DOC = (
    "Where an adjective may stand: a before a noun, p in a predicate, ip right behind a noun; empty if"
    " anywhere."
)


def _list(items: dict[str, Any], doc: str) -> tfds.features.Sequence:
    return tfds.features.Sequence(items, doc=doc)


def _texts(doc: str) -> tfds.features.Sequence:
    return tfds.features.Sequence(tfds.features.Text(), doc=doc)


def _frames(**further: Any) -> tfds.features.Sequence:
    return _list(
        {
            "number": int32("Number of the frame, from 1; -1 where frames have none."),
            "id": text("Its id in Open English WordNet; empty where frames have none."),
            "text": text("Such as: Somebody ----s something."),
            **further,
        },
        "Verb frames: sentences that the verb fits into.",
    )


def of_synsets() -> dict[str, Any]:
    """Returns the view `synsets`: sets of words that share a meaning."""
    return {
        "synset_id": text(_ID.format("Id")),
        "name": text(
            "Name as NLTK gives it: the first word in lower case, part of speech and sense number,"
            " breathe.v.01. Satellites are numbered by themselves, as since NLTK 3.10. Empty if no"
            " word is known (of a part)."
        ),
        "offset": int64("Byte of data.* that it begins at; -1 in Open English WordNet."),
        "pos": label(POS, _POS_DOC),
        "wnid": text(
            "Id in ImageNet, n01440764, for nouns: n and the offset in WordNet 3.0. In other editions"
            " that of the synset of 3.0 with the same ILI. Empty if there is none."
        ),
        "ili": text(
            "Id in the Collaborative Interlingual Index, i35545; `in` for a concept that is proposed;"
            " empty if there is none."
        ),
        "ilis": _texts("All such ids: a synset of WordNet 3.1 that two of 3.0 became has two."),
        "lexfile": label(wndb.LEXFILES, _LEXFILE_DOC),
        "lemmas": _list(
            {
                "word": text("As written. Princeton's editions have _ for a space."),
                "lex_id": int32(
                    "Tells it from the same word in its lexicographer file; -1: unknown."
                ),
                "sense_key": text("Sense key, stable over editions; empty if unknown."),
                "sense_number": int32(
                    "Which sense of the word, from 1, the commonest first; 0 if it is unknown."
                ),
                "tag_count": int32("How often it was tagged in the semantic concordances."),
                "marker": text(_MARKER_DOC),
            },
            "The words, in published order.",
        ),
        "gloss": text("Definition and examples as published; empty in Open English WordNet."),
        "definitions": _texts(
            "Definitions: of Princeton's editions what is outside of quotation marks."
        ),
        "examples": _list(
            {
                "text": text("The example."),
                "source": text("Whom it is attributed to; empty if nobody is named."),
            },
            "Examples: of Princeton's editions what is in quotation marks.",
        ),
        "gloss_irregular": flag(
            "Whether definition and examples may be cut wrongly: quotation marks do not pair, or there"
            " is text where none is expected. Then `gloss` is what counts."
        ),
        "relations": _list(
            {
                "type": label(
                    relations.NAMES, "What the target is to it; -1: a name of none of these."
                ),
                "symbol": text("As published: @ for hypernym, say, or the name."),
                "target_id": text(_ID.format("The other synset")),
                "source_word": int32(
                    "Number of the word it goes from, from 1; 0: the whole synset."
                ),
                "target_word": int32(
                    "Number of the word in the target, from 1; 0: the whole synset; -1: not here (of"
                    " a part)."
                ),
            },
            "Relations, in published order.",
        ),
        "frames": _frames(word=int32("Number of the word that it holds for, from 1; 0: all.")),
        "hypernym_path": _texts(
            "Ids from the synset itself up to a root, along the first hypernym of each, or what it is"
            " an instance of. It ends where a published cycle closes."
        ),
        "min_depth": int32("Levels up to the nearest root; 0 for a root."),
        "max_depth": int32("Levels up to a root along the longest way."),
        "line": int32("Line of the published file that it begins at, from 1."),
    }


def of_senses() -> dict[str, Any]:
    """Returns the view `senses`: a word in one of its meanings."""
    return {
        "sense_id": text("Id as published: the sense key, or oewn-abandon__2.40.01.. in LMF."),
        "sense_key": text("Sense key, stable over editions: abandon%2:40:01::; empty if unknown."),
        "lemma": text("The word in lower case, as in the sense key, with _ for a space."),
        "words": _texts("As written; two where they differ only by case (baroque, Baroque)."),
        "synset_id": text(_ID.format("Its synset")),
        "word_number": int32("Its place among the words of the synset, from 1; 0 if unknown."),
        "pos": label(POS, _POS_DOC),
        "lexfile": label(wndb.LEXFILES, _LEXFILE_DOC),
        "lex_id": int32("Tells it from the same word in its lexicographer file; -1 if unknown."),
        "head": text("Of a satellite: the first word of the adjective it belongs to; else empty."),
        "head_id": int32("Of a satellite: lex_id of that word; else -1."),
        "sense_number": int32("Which sense of the word, from 1, the commonest first; 0: unknown."),
        "tag_count": int32("How often it was tagged in the semantic concordances."),
        "marker": text(_MARKER_DOC),
        "frames": _frames(
            filled=text("The text with the word in it, not inflected, as NLTK gives it.")
        ),
        "sentences": _texts("Example sentences for verbs (sents.vrb), with the word filled in."),
        "pronunciations": _list(
            {
                "text": text("As published, mostly IPA."),
                "variety": text("Variety of English, such as GB; empty if none is named."),
            },
            "How the word is said; only Open English WordNet has it.",
        ),
        "forms": _texts("Irregular inflections; of Princeton's editions see the view exceptions."),
        "entry_id": text("Its lexical entry, in Open English WordNet; else empty."),
        "line": int32("Line of the published file that its synset or entry begins at, from 1."),
    }


def of_relations() -> dict[str, Any]:
    """Returns the view `relations`: one pointer."""
    return {
        "source_id": text(_ID.format("The synset it goes from")),
        "relation": label(relations.NAMES, "What the target is to the source; -1: none of these."),
        "symbol": text("As published: @ for hypernym, say, or the name."),
        "target_id": text(
            _ID.format("The synset it goes to")
            + " Of a part, what the file says where it is not here."
        ),
        "kind": label(
            ("semantic", "lexical"),
            "Whether it holds between synsets or between words. It is told from the word numbers: a"
            " symbol may have both.",
        ),
        "source_word": int32("Number of the word it goes from, from 1; 0: the whole synset."),
        "target_word": int32(
            "Number of the word it goes to, from 1; 0: the whole synset; -1: not here."
        ),
        "source_sense": text("Id of the sense it goes from, as in the view senses; empty if none."),
        "target_sense": text("Id of the sense it goes to; empty if none, or not here."),
        "wn18_name": text("Its name in WN18 and WN18RR, _hypernym; empty if they have none."),
        "occurrence": int32(
            "0, or 1 for the second one that is the same in all the rest: nine of WordNet 3.0 are"
            " published twice."
        ),
    }


def of_lemmas() -> dict[str, Any]:
    """Returns the view `lemmas`: a word and a part of speech, with all its senses."""
    return {
        "lemma": text("In lower case with _ for a space, or as written in Open English WordNet."),
        "pos": label(POS, _POS_DOC + " Satellites are adjectives here, as in index.adj."),
        "entry_id": text("The lexical entry in Open English WordNet; else empty."),
        "synset_ids": _texts("Its synsets, in the order of sense numbers."),
        "sense_ids": _texts("Its senses, in the same order, as in the view senses."),
        "symbols": _texts(
            "Kinds of pointers that its synsets have, as index.* lists them; empty in Open English"
            " WordNet."
        ),
        "tagged_senses": int32(
            "How many of its senses, the first ones, were found in tagged texts."
        ),
        "forms": _texts("Irregular inflections: geese of goose."),
        "pronunciations": of_senses()["pronunciations"],
        "line": int32("Line of the published file, from 1."),
    }


def of_exceptions() -> dict[str, Any]:
    """Returns the view `exceptions`: irregular forms, which no rule of inflection leads back."""
    return {
        "form": text(
            "The inflected form, with _ for a space, or as written in Open English WordNet."
        ),
        "pos": label(POS, _POS_DOC),
        "bases": _texts("What it may be a form of; not each is in WordNet."),
        "entry_id": text("The lexical entry in Open English WordNet; else empty."),
        "line": int32("Line of the published file, from 1."),
    }
