"""Wikipedia: the miniature."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any

import builder_testing
import miniature_scripts
import preparing

from tfds_extra.datasets.wikipedia_corpus import features
from tfds_extra.datasets.wikipedia_corpus import wikipedia_corpus_dataset_builder as module

_MADE = miniature_scripts.load("wikipedia_corpus")
_ARTICLES, _REDIRECTS = f"{_MADE.DATE}.simple", f"{_MADE.DATE}.simple.redirects"


def _texts(values: Any) -> list[str]:
    return [value.decode() for value in values]


class WikipediaCorpusTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [_ARTICLES, _REDIRECTS]
    MINIATURE = {
        _ARTICLES: {"train": len(_MADE.articles())},
        _REDIRECTS: {"train": len(_MADE.redirects())},
    }
    UNKNOWN_COUNTS = {_ARTICLES: {"train"}, _REDIRECTS: {"train"}}

    def found(self, config: str = _ARTICLES) -> dict[str, dict[str, Any]]:
        """Examples by title."""
        return preparing.examples(self.prepare(config), "title")

    def test_every_article(self):
        found = self.found()
        for id_, page in _MADE.articles().items():
            example = found.pop(page.title)
            self.assertEqual(example["id"], id_)
            self.assertEqual(example["revision_id"], id_ + 1000)
            self.assertEqual(example["parent_id"], id_ + 900)
            self.assertEqual(example["sha1_ok"], not page.is_altered)
            self.assertEqual(example["num_bytes"], len(page.text.encode()))
            self.assertEqual(example["num_bytes_read"], len(page.text.encode()))
            status = "too_complex" if page.title == "Complex" else "ok"
            self.assertEqual(features.STATUSES[example["status"]], status)
            self.assertEqual(example["is_disambiguation"], page.title == "Plash")
            text = example["text"].decode()
            self.assertEqual(example["char_count"], len(text))
        self.assertEmpty(found)

    def test_text_and_what_is_found_in_it(self):
        zorp = self.found()["Zorp"]
        text = zorp["text"].decode()
        expected = (
            "Zorp () is a critter of the plashes. It has\u00a07 legs & 2 tails. It glows.\n\n"
            "Life \nIt crawls:\n by day,\n by night\n or at dusk.\n\n"
            "Food \n\n\nA zorp eats fidd.\n\nNothing else.\n\nNotes"
        )
        blanks = str.maketrans("", "", " \n")
        self.assertEqual(text.translate(blanks), expected.translate(blanks))
        self.assertNotIn("\n\n\n", text)

        def spans(name, label):
            found = zorp[name]
            return {
                text[begin:end]: value.decode()
                for value, begin, end in zip(found[label], found["begin"], found["end"])
            }

        self.assertEqual(
            spans("links", "target"), {"critter": "Critter", "plash": "plash", "fidd": "fidd"}
        )
        self.assertEqual(_texts(zorp["links"]["fragment"]), ["Legs", "", ""])
        self.assertEqual(spans("external_links", "url"), {"night": "https://example.org/night"})
        sections = zorp["sections"]
        self.assertEqual(_texts(sections["title"]), ["", "Life", "Food", "Notes"])
        self.assertEqual(list(sections["level"]), [0, 2, 3, 2])
        bodies = [text[b:e] for b, e in zip(sections["begin"], sections["end"])]
        self.assertStartsWith(bodies[0], "Zorp () is")
        self.assertStartsWith(bodies[1], "It crawls:")
        self.assertEndsWith(bodies[2], "Nothing else.")
        self.assertEqual(bodies[3], "")
        paragraphs = zorp["paragraphs"]
        shown = [
            (features.KINDS[kind], section, text[begin:end])
            for kind, section, begin, end in zip(
                paragraphs["kind"], paragraphs["section"], paragraphs["begin"], paragraphs["end"]
            )
        ]
        self.assertEqual(shown[1:], [
            ("paragraph", 1, "It crawls:"), ("list", 1, "by day,"), ("list", 1, "by night"),
            ("list", 1, "or at dusk."), ("paragraph", 2, "A zorp eats fidd."),
            ("paragraph", 2, "Nothing else."),
        ])  # fmt: skip
        self.assertEqual(_texts(zorp["categories"]["name"]), ["Critters", "Glowing things"])
        self.assertEqual(_texts(zorp["categories"]["sort_key"]), ["zorp", ""])
        self.assertEqual(_texts(zorp["interlanguage"]["title"]), ["Zorp"])
        self.assertEqual(_texts(zorp["files"]), ["Zorp.jpg"])
        self.assertEqual(_texts(zorp["templates"]), ["Infobox critter", "lang", "reflist"])
        self.assertEqual(zorp["url"], b"https://simple.wikipedia.org/wiki/Zorp")
        tale = self.found()["Fidd & Sons: a tale"]
        self.assertEqual(tale["url"], b"https://simple.wikipedia.org/wiki/Fidd_%26_Sons:_a_tale")
        self.assertIn(b"zorps < 3.", tale["text"])
        self.assertIn(b"See Kategorio:Critters and", self.found()["Critter"]["text"])
        self.assertStartsWith(self.found()["Complex"]["text"].decode(), "A page of templates")

    def test_every_redirect(self):
        found = self.found(_REDIRECTS)
        for id_, page in _MADE.redirects().items():
            example = found.pop(page.title)
            self.assertEqual(example["id"], id_)
            self.assertEqual(example["target"].decode(), page.redirect)
            self.assertTrue(example["is_marked"])
        self.assertEmpty(found)
        self.assertEqual(self.found(_REDIRECTS)["zorp (pond)"]["fragment"], b"Life")

    def test_namespaces_and_wikitext(self):
        kwargs = {"wiki": "simple", "date": _MADE.DATE, "miniature": True}
        builder = self.DATASET_CLASS(namespaces=[14, 0], with_wikitext=True, **kwargs)
        self.assertEqual(builder.builder_config.name, f"{_ARTICLES}.ns0+14.wikitext-miniature")
        ((_, rows),) = self.raw_examples(builder).items()
        self.assertLen(rows, len(_MADE.articles()) + 1)
        by_title = {example["full_title"]: example for _, example in rows}
        self.assertEqual(by_title["Zorp"]["wikitext"], _MADE.PAGES[0].text)
        self.assertEqual(by_title["Kategorio:Critters"]["title"], "Critters")
        self.assertEqual(by_title["Kategorio:Critters"]["namespace"], 14)
        everything = self.DATASET_CLASS(namespaces=None, **kwargs)
        ((_, rows),) = self.raw_examples(everything).items()
        self.assertLen(rows, len(_MADE.articles()) + 4)
        self.assertEqual(
            pickle.loads(pickle.dumps(everything)).info.full_name, everything.info.full_name
        )

    def test_configs(self):
        made = self.DATASET_CLASS(
            config="20260101.elwikivoyage.redirects.ns0", data_dir=self.tmp_dir
        )
        self.assertEqual(made.builder_config.name, "20260101.elwikivoyage.redirects")
        self.assertEqual(made.builder_config.database, "elwikivoyage")
        self.assertEqual(
            self.DATASET_CLASS(config="20230601.zh-min-nan").builder_config.database,
            "zh_min_nanwiki",
        )
        (url,) = [url for url in made.url_infos if url.endswith("stream.xml.bz2")]
        self.assertEqual(
            url,
            "https://dumps.wikimedia.org/elwikivoyage/20260101/"
            "elwikivoyage-20260101-pages-articles-multistream.xml.bz2",
        )
        for wrong in ("simple", "20260901", "2026.simple", "20260901.simple.ns"):
            with self.assertRaisesRegex(ValueError, "A config is written DATE.WIKI"):
                self.DATASET_CLASS(config=wrong)
        with self.assertRaisesRegex(ValueError, "both wiki and date"):
            self.DATASET_CLASS(wiki="simple")
        with self.assertRaisesRegex(ValueError, "The miniature is one of"):
            self.DATASET_CLASS(config="20260901.en", miniature=True)

    def test_copies_that_the_host_has_no_more_are_verified(self):
        manual_dir = pathlib.Path(self.tmp_dir, "manual")
        manual_dir.mkdir()
        name = "simplewiki-20190301-pages-articles-multistream.xml.bz2"
        (manual_dir / name).write_bytes(b"BZh9")
        with self.assertRaisesRegex(ValueError, f"{name}: it is another file"):
            preparing.prepared(
                "wikipedia_corpus/20190301.simple", pathlib.Path(self.tmp_dir, "data"), manual_dir
            )
