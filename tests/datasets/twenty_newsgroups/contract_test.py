"""Twenty Newsgroups: the miniature."""

from __future__ import annotations

import pathlib
import shutil
import tarfile
import tempfile
from unittest import mock

import builder_testing
import miniature_scripts
import numpy as np
import preparing
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from sklearn.datasets import _twenty_newsgroups as scikit_learn

from tfds_extra.datasets.twenty_newsgroups import bodies, features
from tfds_extra.datasets.twenty_newsgroups import (
    twenty_newsgroups_dataset_builder as module,
)

_MADE = miniature_scripts.load("twenty_newsgroups")
_EDITIONS = _MADE.editions()
_STRIP = {
    "headers": scikit_learn.strip_newsgroup_header,
    "footers": scikit_learn.strip_newsgroup_footer,
    "quotes": scikit_learn.strip_newsgroup_quoting,
}


class TwentyNewsgroupsTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    MINIATURE = {
        # First, and so in the quick tier, since it has all features, and one split.
        "label_errors": {"test": 20},
        "bydate": {"train": 40, "test": 20},
        "bydate_only": {"train": 40, "test": 20},
        "original_19997": {"train": 63},
        "headers_18828": {"train": 59},
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._examples = {}

    def examples(self, config: str) -> dict[str, dict]:
        """Examples by path, with the split under "split", as the builder makes them."""
        if config not in self._examples:
            builder = self.DATASET_CLASS(config=config, miniature=True)
            self._examples[config] = {
                example["path"]: {**example, "split": split, "key": key}
                for split, examples in self.raw_examples(builder).items()
                for key, example in examples
            }
        return self._examples[config]

    def field(self, config: str, key: str, name: str):
        """A feature of the message with this group and number."""
        (found,) = (one for one in self.examples(config).values() if one["key"] == key)
        return found[name]

    def test_every_file(self):
        groups = sorted(_MADE.WORDS)
        for config, edition in {
            "bydate": "bydate",
            "bydate_only": "bydate",
            "original_19997": "19997",
            "headers_18828": "18828",
        }.items():
            found = self.examples(config)
            self.assertEqual(set(found), set(_EDITIONS[edition]))
            for path, content in _EDITIONS[edition].items():
                example = found[path]
                folder, group, number = path.split("/")
                self.assertEqual(example["split"], "test" if "test" in folder else "train")
                self.assertEqual(example["key"], f"{group}/{number}")
                self.assertEqual(example["id"], number)
                self.assertEqual(example["raw"], content)
                self.assertEqual(example["text"].encode("latin-1"), content)
                self.assertEqual(example["text"], f"{example['header']}\n\n{example['body']}")
                self.assertEqual(groups[example["label"]], group)

    def test_read_back(self):
        """What is text in no encoding comes back as well, and so do lists of texts."""
        names = ("path", "raw", "text", "references", "headers")
        decoders = tfds.decode.PartialDecoding(dict.fromkeys(names, True))
        found = preparing.examples(self.prepare("bydate"), "path", decoders=decoders)
        self.assertEqual(set(found), set(_EDITIONS["bydate"]))
        for path, content in _EDITIONS["bydate"].items():
            self.assertEqual(found[path]["raw"], content)
            self.assertEqual(found[path]["text"].decode(), content.decode("latin-1"))
        example = found["20news-bydate-train/comp.graphics/101"]
        references = [b"<1@host.example>", b"<2@host.example>", b"<3@host.example>", b"<4@cut.exam"]
        self.assertEqual(example["references"].tolist(), references)
        names = [b"From", b"Subject", b"Organization", b"Lines", b"In-reply-to"]
        self.assertEqual(example["headers"]["name"].tolist(), names)

    def test_strippings_are_those_of_scikit_learn(self):
        for config in ("original_19997", "headers_18828"):
            for example in self.examples(config).values():
                for chosen in bodies.CHOICES:
                    expected = example["text"]
                    for part in ("headers", "footers", "quotes"):
                        if part in chosen:
                            expected = _STRIP[part](expected)
                    self.assertEqual(example["without_" + "_".join(chosen)], expected)
        self.assertLen(bodies.CHOICES, 7)

    def test_remove(self):
        """The prepared data are the same, and the supervised text is another one."""
        everything = self.prepare("bydate")
        made = [e for e in self.examples("bydate").values() if e["split"] == "test"]
        for remove, name in (
            (("headers", "footers", "quotes"), "without_headers_footers_quotes"),
            (["quotes", "headers"], "without_headers_quotes"),
        ):
            builder = self.DATASET_CLASS(data_dir=self._folder.name, miniature=True, remove=remove)
            self.assertTrue(builder.is_prepared())
            copy = self.DATASET_CLASS(**builder._original_state)  # As pickle makes it.
            self.assertEqual(copy.info.supervised_keys, (name, "label"))
            pairs = builder.as_dataset(split="test", as_supervised=True, batch_size=20)
            ((texts, _),) = tfds.as_numpy(pairs)
            texts = [text.decode() for text in texts]
            self.assertCountEqual(texts, [example[name] for example in made])
        self.assertEqual(everything.info.supervised_keys, ("text", "label"))
        for wrong in ("headers", ("header",), ["quotes", "signature"]):
            with self.assertRaisesRegex(ValueError, "remove is a tuple of some of"):
                self.DATASET_CLASS(miniature=True, remove=wrong)

    def test_headers(self):
        field = self.field
        self.assertEqual(
            field("bydate", "comp.graphics/101", "sender"), "news@host.example (The News)"
        )
        self.assertEqual(field("bydate_only", "comp.graphics/101", "sender"), "")
        for name, value in {
            "message_id": "<1.101@host.example>",
            "xref": "host.example comp.graphics:101 alt.example:7",
            "followup_to": "comp.graphics",
            "approved": "mod@host.example",
            "path_header": "news.example!not-for-mail",
            "in_reply_to": "ann@host.example's message of 5 Apr 93",
            "subject": "Re: polygon",
            "organization": "Friends of comp.graphics",
        }.items():
            for config in ("bydate", "original_19997"):
                self.assertEqual(field(config, "comp.graphics/101", name), value)
        self.assertEqual(
            field("original_19997", "comp.windows.x/102", "summary"), "two lines and a third"
        )
        self.assertEqual(field("bydate", "rec.autos/102", "reply_to"), "other@host.example")
        self.assertEqual(field("bydate", "rec.autos/101", "x_newsreader"), "made up 1.0")
        self.assertEqual(field("bydate", "rec.autos/101", "distribution"), "world")
        self.assertEqual(field("bydate", "comp.windows.x/101", "keywords"), "made, up")
        self.assertEqual(
            field("bydate", "comp.sys.mac.hardware/101", "nntp_posting_host"), "mac.example"
        )
        # A line that was left of a field is none, and is kept.
        self.assertEqual(
            field("bydate", "alt.atheism/101", "headers")["name"],
            ["", "From", "Subject", "Organization", "Lines"],
        )
        self.assertEqual(
            field("bydate", "alt.atheism/101", "headers")["value"][0], "!uucp.example!not-for-mail"
        )
        self.assertEqual(
            field("bydate", "alt.atheism/101", "path_header"),
            "news.example!relay.example !uucp.example!not-for-mail",
        )
        self.assertIn(
            "Nntp-Posting-Host-[nntpd-23809]",
            field("bydate", "comp.graphics/102", "headers")["name"],
        )

    def test_parsed_fields(self):
        field = self.field
        for key, name, address in (
            ("alt.atheism/101", "Ann Author", "ann@host.example"),
            ("alt.atheism/102", "", "bare@host.example"),
            ("sci.med/101", "Writer 101", "writer101@host.example"),
            ("misc.forsale/101", "NO ADDRESS", ""),
            ("misc.forsale/102", "Only A. Name", ""),
            ("misc.forsale/103", "", ""),
        ):
            self.assertEqual(field("bydate", key, "from_name"), name)
            self.assertEqual(field("bydate", key, "from_email"), address)
        for key, time in {
            "alt.atheism/102": "1993-04-05T03:21:41Z",
            "rec.autos/101": "1993-04-05T22:00:01Z",
            "sci.med/101": "1993-04-05T08:02:03Z",
            "misc.forsale/101": "1993-04-21T10:09:58Z",
            "misc.forsale/102": "1993-04-12T23:59:00Z",
        }.items():
            expected = int(np.datetime64(time[:-1], "s").astype(np.int64))
            for config in ("bydate", "original_19997"):
                self.assertEqual(field(config, key, "timestamp"), expected, key)
            self.assertEqual(field("bydate_only", key, "timestamp"), -1)
        self.assertEqual(field("bydate", "misc.forsale/103", "timestamp"), -1)
        self.assertEqual(field("bydate", "misc.forsale/103", "date"), "the other day")
        for key, lines in {
            "comp.windows.x/101": 8, "comp.windows.x/102": -1, "alt.atheism/102": 0, "sci.med/101": 3,
        }.items():  # fmt: skip
            self.assertEqual(field("bydate", key, "lines"), lines)
        self.assertEqual(field("headers_18828", "alt.atheism/102", "lines"), -1)

    def test_groups(self):
        groups = list(_MADE.WORDS)
        for key, newsgroups, others in (
            ("alt.atheism/101", ["alt.atheism", "talk.religion.misc", "alt.example"], ["talk.religion.misc"]),
            ("rec.autos/101", ["rec.autos", "rec.motorcycles", "sci.electronics", "rec.autos"],
             ["rec.motorcycles", "sci.electronics"]),
            ("rec.autos/102", ["alt.example"], []),
        ):  # fmt: skip
            self.assertEqual(self.field("bydate", key, "newsgroups"), newsgroups)
            self.assertEqual(self.field("bydate", key, "num_newsgroups"), len(newsgroups))
            found = self.field("bydate", key, "cross_posted_labels")
            self.assertEqual([groups[one] for one in found], others)
            self.assertEqual(self.field("bydate_only", key, "num_newsgroups"), 0)
        info = self.DATASET_CLASS(config="bydate").info
        self.assertEqual(info.metadata["topic_of"], features.TOPIC_OF)
        topic, hierarchy = info.features["topic"], info.features["hierarchy"]
        for group, of_group in features.TOPIC_OF.items():
            example = self.examples("original_19997")[f"20_newsgroups/{group}/101"]
            self.assertEqual(topic.int2str(example["topic"]), of_group)
            self.assertEqual(hierarchy.int2str(example["hierarchy"]), group.split(".")[0])

    def test_parts_of_bodies(self):
        for config in ("bydate", "headers_18828"):
            for example in self.examples(config).values():
                lines = example["body"].split("\n")
                self.assertLen(example["line_kinds"], len(lines))
                for kind, part in enumerate(bodies.PARTS):
                    of_kind = [line for line, k in zip(lines, example["line_kinds"]) if k == kind]
                    self.assertEqual(example[part], "\n".join(of_kind))
        field = self.field
        key = "comp.graphics/101"
        self.assertEqual(
            field("bydate", key, "attribution"),
            "In article <2@host.example> ann@host.example (Ann Author) writes:",
        )
        self.assertEqual(
            field("bydate", key, "quoted"),
            ">A polygon has many corners.\n> > Says who?\n: and so does the pixel\n"
            "| nor is this one not\nAB> an image",
        )
        self.assertEqual(field("bydate", key, "signature"), "-- \nA. Reader\nanswers to all\n")
        self.assertEqual(
            field("bydate", key, "written"),
            "\nThe raytracer says so. :-)\n:-) not a quote\n",
        )
        key = "comp.graphics/102"
        self.assertEqual(
            field("bydate", key, "attribution"),
            "In article <3@host.example>, bob@host.example (Bob)\nwrites:",
        )
        self.assertEqual(field("bydate", key, "signature"), "")  # Too far from the end.
        self.assertEqual(field("bydate", "alt.atheism/102", "body"), "")
        self.assertEqual(field("bydate", "alt.atheism/102", "line_kinds"), [0])

    def test_duplicates(self):
        found = self.examples("original_19997")
        copies = {f"20_newsgroups/{key}" for key in _MADE._COPIES}
        for path, example in found.items():
            others = sorted(copies - {path}) if path in copies else []
            self.assertEqual(example["duplicates"], others)
            self.assertFalse(example["same_body_in_other_split"])
            self.assertEqual((example["twin"], example["body_altered"]), ("", False))
        pair = {
            "20news-bydate-train/comp.os.ms-windows.misc/101",
            "20news-bydate-test/comp.sys.ibm.pc.hardware/103",
        }
        for config in ("bydate", "bydate_only"):
            for path, example in self.examples(config).items():
                self.assertEqual(example["duplicates"], [])
                self.assertEqual(
                    set(example["same_body"]), pair - {path} if path in pair else set()
                )
                self.assertEqual(example["same_body_in_other_split"], path in pair)
        for path, example in self.examples("bydate").items():
            self.assertEqual(example["twin"], f"20_newsgroups/{path.partition('/')[2]}")
            self.assertEqual(example["body_altered"], path.endswith("sci.space/101"))
        self.assertEqual({e["twin"] for e in self.examples("bydate_only").values()}, {""})

    def test_label_errors(self):
        found = self.examples("label_errors")
        groups = list(_MADE.WORDS)
        for row, key in enumerate(_MADE.test_order()):
            example = found[f"20news-bydate-test/{key}"]
            np.testing.assert_array_equal(example["cv_pred_probs"], _MADE.probabilities()[row])
            error = example["label_error"]
            group = key.partition("/")[0]
            guess, votes = _MADE.VOTES.get(key, (group, dict.fromkeys(("given", "both"), -1)))
            self.assertEqual(groups[example["cv_pred_label"]], guess)
            self.assertEqual(error["candidate"], key in _MADE.VOTES)
            for choice, count in votes.items():
                self.assertEqual(error[f"votes_{choice}"], count)
        error = found["20news-bydate-test/comp.graphics/103"]["label_error"]
        self.assertTrue(error["is_error"])
        self.assertEqual(groups[error["corrected_label"]], "comp.windows.x")
        self.assertFalse(found["20news-bydate-test/sci.med/103"]["label_error"]["is_error"])

    def test_order_of_scikit_learn(self):
        """`fetch_20newsgroups` reads the miniature in the order that the study counts in."""
        folder = tempfile.mkdtemp(dir=self._folder.name)
        archive = self.DATASET_CLASS.miniature_dir() / "20news-bydate.tar.gz"

        def fetch(remote, dirname, **kwargs):
            return shutil.copy(archive, dirname)

        with mock.patch.object(scikit_learn, "_fetch_remote", fetch):
            read = scikit_learn.fetch_20newsgroups(data_home=folder, subset="test")
            train = scikit_learn.fetch_20newsgroups(
                data_home=folder, subset="train", remove=("headers", "footers", "quotes")
            )
        order = ["/".join(name.split("/")[-2:]) for name in read.filenames]
        self.assertEqual(order, _MADE.test_order())
        self.assertEqual(read.target_names, features.GROUPS)
        found = self.examples("bydate")
        for name, text, label in zip(read.filenames, read.data, read.target):
            example = found["/".join(name.split("/")[-3:])]
            self.assertEqual((example["text"], example["label"]), (text, label))
        for name, text in zip(train.filenames, train.data):
            example = found["/".join(name.split("/")[-3:])]
            self.assertEqual(example["without_headers_footers_quotes"], text)

    def test_folder_of_all_editions(self):
        """What belongs to another edition, and lies beside this one, is no stranger."""
        folder = tempfile.mkdtemp(dir=self._folder.name)
        for archive in self.DATASET_CLASS.miniature_dir().glob("20news-*.tar.gz"):
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        (pathlib.Path(folder) / "notes.txt").write_text("mine")
        tables = self.DATASET_CLASS.miniature_dir()
        for table in tables.glob("*.tsv"):
            shutil.copy(table, folder)
        for config in ("bydate", "headers_18828"):
            with mock.patch.object(
                self.DATASET_CLASS, "miniature_dir", classmethod(lambda cls: pathlib.Path(folder))
            ):
                builder = self.DATASET_CLASS(config=config, miniature=True)
                found = self.raw_examples(builder)
                self.assertLen(builder.extracted(), len(builder.published_files()))
            self.assertEqual({s: len(e) for s, e in found.items()}, self.MINIATURE[config])

    @pytest.mark.slow
    def test_engines_join_alike(self):
        """The tests of all builders try the first config, which is of one archive."""
        self.assert_workers_make_the_same("bydate")
        self.assert_beam_makes_the_same("bydate")

    @pytest.mark.slow
    def test_shuffled_files(self):
        builder = self.prepare("bydate")
        shuffled = builder.as_dataset(split="train", shuffle_files=True, batch_size=7)
        paths = {path for batch in tfds.as_numpy(shuffled) for path in batch["path"].tolist()}
        expected = {path.encode() for path in _EDITIONS["bydate"] if "train" in path}
        self.assertEqual(paths, expected)

    def test_official_counts(self):
        for config, counts in {
            "bydate": {"train": 11_314, "test": 7_532},
            "bydate_only": {"train": 11_314, "test": 7_532},
            "original_19997": {"train": 19_997},
            "headers_18828": {"train": 18_828},
            "label_errors": {"test": 7_532},
        }.items():
            self.assertEqual(self.DATASET_CLASS(config=config).expected_counts, counts)
        rows = self.DATASET_CLASS().read_facts("groups.tsv")
        self.assertEqual([row.pop("group") for row in rows], features.GROUPS)
        totals = {name: sum(int(row[name]) for row in rows) for name in rows[0]}
        self.assertEqual(
            totals,
            {
                "20_newsgroups": 19_997, "20news-bydate-train": 11_314,
                "20news-bydate-test": 7_532, "20news-18828": 18_828,
            },
        )  # fmt: skip
        self.assertEqual(self.DATASET_CLASS.BUILDER_CONFIGS[0].name, "bydate")
        self.assertEqual(features.GROUPS, sorted(features.GROUPS))
        self.assertEqual(features.TOPICS, ["comp", "misc", "politics", "rec", "religion", "sci"])
        self.assertEqual(features.HIERARCHIES, ["alt", "comp", "misc", "rec", "sci", "soc", "talk"])

    def test_dtypes(self):
        numbers = {
            "label": "int64", "topic": "int64", "hierarchy": "int64", "timestamp": "int64",
            "num_newsgroups": "int32", "cross_posted_labels": "int64", "lines": "int32",
            "line_kinds": "int64", "same_body_in_other_split": "bool", "body_altered": "bool",
        }  # fmt: skip
        errors = {"candidate": "bool", "guessed_label": "int64", "is_error": "bool"}
        errors |= {f"votes_{choice}": "int32" for choice in ("given", "guessed", "neither", "both")}
        errors |= {"corrected_label": "int64"}
        study = {"label_error": errors, "cv_pred_probs": "float64", "cv_pred_label": "int64"}
        for config in self.MINIATURE:
            dtypes = tf.nest.map_structure(
                lambda dtype: "str" if dtype == np.object_ else np.dtype(dtype).name,
                dict(self.DATASET_CLASS(config=config).info.features.np_dtype),
            )
            self.assertEqual(dtypes.pop("headers"), {"name": "str", "value": "str"})
            expected = numbers | (study if config == "label_errors" else {})
            texts = {name for name, dtype in dtypes.items() if dtype == "str"}
            self.assertEqual({n: d for n, d in dtypes.items() if n not in texts}, expected)
            self.assertLen(texts, 41)
