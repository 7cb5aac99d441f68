"""Sentiment140: the miniature, and the formats of its files."""

from __future__ import annotations

import pathlib
import tempfile
from unittest import mock

import builder_testing
import miniature_scripts
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.datasets.sentiment140 import sentiment140_dataset_builder

from tfds_extra.datasets.sentiment140_extended import sentiment140_extended_dataset_builder

_MADE = miniature_scripts.load("sentiment140_extended")
_FILES = {"train": _MADE.TRAIN, "test": _MADE.TEST}


class Sentiment140ExtendedTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = sentiment140_extended_dataset_builder.Builder
    MINIATURE = {
        "full": {"train": 21, "test": 6},
        "clean": {"train": 19, "test": 6},
        "binary": {"train": 21, "test": 4},
        "tfds_compat": {"train": 21, "test": 6},
    }

    def test_superset_of_standard_builder(self):
        """`tfds_compat` is the same, and the others have its features with another supervised key."""
        standard = tfds.builder("sentiment140", data_dir=self.tmp_dir).info
        compat = self.DATASET_CLASS(data_dir=self.tmp_dir, config="tfds_compat").info
        self.assertEqual(compat.features.dtype, standard.features.dtype)
        self.assertEqual(compat.supervised_keys, standard.supervised_keys)
        for name, dtype in standard.features.dtype.items():
            self.assertEqual(self.builder.info.features.dtype[name], dtype)
        self.assertEqual(self.builder.info.supervised_keys, ("text", "label"))

    @pytest.mark.slow
    def test_one_step_of_training_in_the_other_configs(self):
        """Not of `tfds_compat`, whose polarity 0, 2, 4 is no class, as in the standard builder."""
        others = {name: counts for name, counts in self.MINIATURE.items() if name != "tfds_compat"}
        with mock.patch.object(self, "MINIATURE", others):
            super().test_one_step_of_training_in_the_other_configs()

    def read(self, config: str, split: str = "train") -> dict[int, dict]:
        """Examples by their row."""
        found = tfds.as_numpy(self.prepare(config).as_dataset(split=split))
        return {int(example["row"]): example for example in found}

    def test_every_published_field(self):
        names = ("polarity", "id", "date", "query", "user")
        for split, file in _FILES.items():
            found = self.read("full", split)
            self.assertEqual(sorted(found), list(range(len(_MADE.rows()[file]))))
            for row, fields in enumerate(_MADE.rows()[file]):
                example = found[row]
                published = [str(example[n]).encode() for n in names[:2]]
                published += [example[n] for n in names[2:]]
                published.append(example["text_bytes"] or example["text"])
                self.assertEqual(tuple(published), fields)
                self.assertEqual(example["has_query"], fields[3] != b"NO_QUERY")

    def test_oddities(self):
        found = {e["text_bytes"] or e["text"]: e for e in self.read("full").values()}

        def texts(published):
            return [found[published][f"text{s}"].decode() for s in ("", "_unescaped", "_repaired")]

        def flags(published):
            names = ("utf8_valid", "has_replacement", "has_mojibake", "has_entities")
            return [bool(found[published][name]) for name in names]

        plain = b"such a lovely cake "
        self.assertEqual(texts(plain), [plain.decode()] * 3)
        self.assertEqual(flags(plain), [True, False, False, False])
        # No UTF-8: all of it is ISO-8859-1, and what is mojibake then is turned back.
        text = "awful: ng\xe1\xba?i and caf\xc3\xa9 "
        self.assertEqual(texts(_MADE.NOT_UTF8), [text, text, "awful: ng\xe1\xba?i and caf\xe9 "])
        self.assertEqual(flags(_MADE.NOT_UTF8), [False, False, True, False])
        self.assertEqual(texts(_MADE.MOJIBAKE)[2], "lovely caf\xe9 ")
        self.assertEqual(texts(_MADE.MOJIBAKE)[0].encode(), _MADE.MOJIBAKE)
        self.assertEqual(texts(_MADE.TWICE)[2], "it\N{RIGHT SINGLE QUOTATION MARK}s lovely")
        self.assertEqual(flags(_MADE.TWICE), [True, False, True, False])
        lost = "she\N{REPLACEMENT CHARACTER}s ill, awful day "
        self.assertEqual(texts(lost.encode()), [lost] * 3)
        self.assertEqual(flags(lost.encode()), [True, True, False, False])
        heart = b"&lt;3 this lovely song &quot;blue&quot; "
        self.assertEqual(texts(heart)[1:], ['<3 this lovely song "blue" '] * 2)
        self.assertEqual(flags(heart), [True, False, False, True])
        self.assertEqual(texts(b"lovely, she wrote &amp;lt; ")[1], "lovely, she wrote &lt; ")
        self.assertEqual(texts(_MADE.BACKSLASH), [_MADE.BACKSLASH.decode()] * 3)

    def test_repeats(self):
        found = self.read("full")
        same_id = {row for row, e in found.items() if e["is_conflicting"]}
        self.assertEqual(same_id, {row for row, e in found.items() if e["id_count"] == 2})
        self.assertEqual({str(found[row]["id"]).encode() for row in same_id}, {_MADE.SAME_ID})
        self.assertEqual({found[row]["polarity"] for row in same_id}, {0, 4})
        self.assertLen(same_id, 2)
        by_text = {}
        for row in sorted(found):
            by_text.setdefault(found[row]["text"], []).append(row)
        self.assertLen([rows for rows in by_text.values() if len(rows) > 1], 3)
        for rows in by_text.values():
            polarities = {found[row]["polarity"] for row in rows}
            for row in rows:
                self.assertEqual(found[row]["text_count"], len(rows))
                self.assertEqual(found[row]["text_first_row"], rows[0])
                self.assertEqual(found[row]["is_text_conflicting"], len(polarities) > 1)
        self.assertEqual(sorted(self.read("clean")), sorted(set(found) - same_id))

    def test_timestamps(self):
        # Counted in the published files, by hand.
        first, last = self.read("full")[0], self.read("full")[20]
        self.assertEqual(first["date"], b"Mon Apr 06 22:19:45 PDT 2009")
        self.assertEqual(first["timestamp"], 1239081585)
        self.assertEqual(last["timestamp"], 1239081585 + 5000000)
        self.assertEqual(self.read("full", "test")[0]["timestamp"], 1242011860)

    def test_labels(self):
        for config, names in (
            ("full", "negative neutral positive"),
            ("binary", "negative positive"),
        ):
            label = self.prepare(config).info.features["label"]
            self.assertEqual(label.names, names.split())
            for split in _FILES:
                for example in self.read(config, split).values():
                    name = {0: "negative", 2: "neutral", 4: "positive"}[int(example["polarity"])]
                    self.assertEqual(label.int2str(int(example["label"])), name)

    def test_compat_is_the_standard_builder(self):
        """The same values under the same keys, and so in the same order."""
        files = tempfile.mkdtemp(dir=self._folder.name)
        standard = sentiment140_dataset_builder.Builder(data_dir=files)
        raw = self.raw_examples(self.prepare("tfds_compat"))
        for split, file in _FILES.items():
            path = pathlib.Path(files, file)
            path.write_bytes(_MADE.files()[file])
            theirs = dict(standard._generate_examples(str(path)))
            mine = dict(raw[split])
            self.assertEqual(list(mine), list(theirs))
            for key, example in theirs.items():
                encoded = standard.info.features.encode_example(example)
                encoded = {n: v.encode() if isinstance(v, str) else v for n, v in encoded.items()}
                self.assertEqual({n: mine[key][n] for n in encoded}, encoded)

    def test_official_counts(self):
        expected = {"full": 498, "clean": 498, "binary": 177 + 182, "tfds_compat": 498}
        for config, test in expected.items():
            train = 1_600_000 - (2 * 1_685 if config == "clean" else 0)
            counts = self.DATASET_CLASS(config=config).expected_counts
            self.assertEqual(counts, {"train": train, "test": test})
