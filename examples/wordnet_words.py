"""Looks words up in WordNet: senses, what they are kinds of, how similar they are; draws one of them.

    python examples/wordnet_words.py dog cat            # WordNet 3.0, downloads 10 MB
    python examples/wordnet_words.py --edition oewn2025 running geese
    python examples/wordnet_words.py --miniature        # a made-up language, offline

Each word may be inflected ("geese"): the exception lists and rules of WordNet find its base form. The
picture shows the first sense of the first word among its hypernyms and hyponyms.
"""

from __future__ import annotations

import argparse
import itertools
import pathlib

from tfds_extra.datasets.wordnet_synsets import lookup, picture

_WORDS, _MADE_UP = ["dog", "cat", "geese", "car"], ["glimpeese", "fidd", "zorplt", "plash"]


def show_word(wordnet: lookup.WordNet, word: str) -> None:
    """Prints the senses of a word, and the way from the first one up to a root."""
    senses = wordnet.synsets(word)
    print(f"{word}: {len(senses)} sense(s), base form {wordnet.morphy(word.lower())}")
    for synset in senses[:3]:
        print(f"  {synset}: {'; '.join(synset.definitions)}")
    if senses:
        path = wordnet.hypernym_paths(senses[0])[0]
        print("  " + " > ".join(map(str, path)))


def show_similarities(wordnet: lookup.WordNet, words: list[str]) -> None:
    """Prints the similarities of the first noun senses of all pairs of words."""
    nouns = {word: found[0] for word in words if (found := wordnet.synsets(word, "n"))}
    print(f"\n{'first noun senses':40} {'path':>6} {'Wu-Palmer':>9}  common hypernym")
    for (a, first), (b, second) in itertools.combinations(nouns.items(), 2):
        path = wordnet.path_similarity(first, second) or 0
        wup = wordnet.wup_similarity(first, second) or 0
        common = ", ".join(map(str, wordnet.lowest_common_hypernyms(first, second)))
        print(f"{a + ', ' + b:40} {path:6.4f} {wup:9.4f}  {common}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help=f"by default {' '.join(_WORDS)}")
    parser.add_argument(
        "--edition", default="wn30", help="wn30, wn31, oewn2024, oewn2025, oewn2025plus"
    )
    parser.add_argument("--data_dir", help="where data sets lie; by default TFDS's folder")
    parser.add_argument("--manual_dir", help="where published files lie that you have already")
    parser.add_argument(
        "--partial", action="store_true", help="these files are a part of the edition"
    )
    parser.add_argument("--miniature", action="store_true", help="use the made-up miniature")
    arguments = parser.parse_args()

    wordnet = lookup.WordNet.load(
        arguments.edition,
        arguments.data_dir,
        manual_dir=arguments.manual_dir,
        partial=arguments.partial,
        miniature=arguments.miniature,
    )
    nouns = sum(synset.pos == "n" for synset in wordnet)
    print(f"{arguments.edition}: {len(wordnet):,} synsets, {nouns:,} of nouns\n")
    words = arguments.words or (_MADE_UP if arguments.miniature else _WORDS)
    for word in words:
        show_word(wordnet, word)
    show_similarities(wordnet, words)
    if senses := wordnet.synsets(words[0]):
        path = pathlib.Path("wordnet_words.png")
        picture.draw(wordnet, senses[0]).savefig(path, dpi=100)
        print(f"\n{senses[0]} in its hierarchy: {path.resolve()}")


if __name__ == "__main__":
    main()
