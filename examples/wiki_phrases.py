"""Searches in a wiki: phrases in their context, how frequent they are, and what articles link to most.

    python examples/wiki_phrases.py                       # Simple English Wikipedia, downloads some 400 MB
    python examples/wiki_phrases.py --config 20260901.elwikivoyage '"το νησί"'
    python examples/wiki_phrases.py --miniature           # a made-up wiki, offline

The index for searching is built when it is first asked for, and lies beside the prepared data.
"""

from __future__ import annotations

import argparse
import collections

import tensorflow_datasets as tfds

import tfds_extra  # noqa: F401  Registers the builders.

_QUERIES, _MADE_UP = ['"once upon a time"', "NEAR(king queen, 3)"], ['"zorp eats"', "plash*"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("queries", nargs="*", help=f"by default {' '.join(_QUERIES)}")
    parser.add_argument("--config", default="20260901.simple", help="DATE.WIKI")
    parser.add_argument("--data_dir", help="where data sets lie; by default TFDS's folder")
    parser.add_argument("--manual_dir", help="where published files lie that you have already")
    parser.add_argument("--partial", action="store_true", help="these files are a part of the dump")
    parser.add_argument("--miniature", action="store_true", help="use the made-up miniature")
    arguments = parser.parse_args()

    builder = tfds.builder(
        f"wikipedia_corpus/{arguments.config}",
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
        partial=arguments.partial,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    )
    print(f"{builder.info.full_name}: {builder.info.splits['train'].num_examples:,} articles")
    queries = arguments.queries or (_MADE_UP if arguments.miniature else _QUERIES)
    with builder.search_index() as index:
        for query in queries:
            print(f"\n{query}: {index.count(query):,} pages")
            for hit in index.search(query, limit=3):
                print(f"  {hit}")
            if "(" not in query and " AND " not in query and " OR " not in query:
                print(f"  {index.frequency(query)}")

    linked: collections.Counter[str] = collections.Counter()
    for example in tfds.as_numpy(builder.as_dataset(split="train")):
        linked.update({target.decode() for target in example["links"]["target"]})
    print("\nlinked to by most articles:")
    for title, count in linked.most_common(5):
        print(f"  {title}: {count:,}")


if __name__ == "__main__":
    main()
