"""LibriSpeech: the contracts, and what the miniature holds."""

from __future__ import annotations

import math
import re
import tarfile

import builder_testing
import miniature_scripts
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfds_extra import show
from tfds_extra.datasets.librispeech_extended import librispeech_extended_dataset_builder
from tfds_extra.features import Audio, EncodedAudio

_MADE = miniature_scripts.load("librispeech_extended")
# Each kind of selection, each way of storing and each source of alignments once.
_CONFIGS = [
    "clean_100", "clean_460_pcm", "other_500_aligned_condensed", "all", "dev_test_aligned_json",
    "mini_aligned", "librilight_10h", "train_other500_pcm_aligned_json",
]  # fmt: skip


def _splits(config: str) -> list[str]:
    (found,) = [
        c for c in librispeech_extended_dataset_builder.Builder.BUILDER_CONFIGS if c.name == config
    ]
    return found.splits


class LibriSpeechExtendedTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = librispeech_extended_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = _CONFIGS
    MINIATURE = {
        config: {split: _MADE.counts()[split] for split in _splits(config)} for config in _CONFIGS
    }

    UNKNOWN_COUNTS = {
        config: {"train_clean5", "dev_clean2"} for config in _CONFIGS if config.startswith("mini")
    }

    def is_read_whole(self, name, config):
        # The root belongs to all subsets, and of alignments only those of the utterances are looked up.
        return name == "librispeech_finetuning"

    def examples(self, config: str) -> dict[str, dict]:
        """Examples by id, with the split under "split"."""
        builder = self.prepare(config)
        return {
            example["id"].decode(): {**example, "split": split}
            for split, info in builder.info.splits.items()
            for example in show.read(builder, split, info.num_examples)
        }

    def test_strangers_among_recordings_are_refused(self):
        for name, stranger in {
            "dev-clean": "dev-clean/300/3000/300-3000-0000 (1).flac",
            "test-other": "test-other/340/notes.txt",
            "train-clean-100": "train-clean-100/notes.txt",
        }.items():
            with self.subTest(name), self.extracted(name, "clean_100") as copy:
                (copy / stranger).write_bytes(b"stranger")
                builder = self.DATASET_CLASS(config="clean_100", miniature=True)
                with self.assertRaisesRegex(
                    ValueError, f"{re.escape(stranger)}.*not one of the pub"
                ):
                    self.raw_examples(builder)

    def test_alignments_beside_the_recordings(self):
        """Many people unpack them there."""
        self.prepare("clean_100_aligned")
        with self.extracted("alignments", "clean_100_aligned", "LibriSpeech") as copy:
            with tarfile.open(copy.parent / "dev-clean.tar.gz") as tar:
                tar.extractall(copy.parent, filter="data")
            (copy / "unaligned.txt").write_text("300-3000-0009\n")
            self.assert_prepared_as_before("clean_100_aligned")

    # ------------------------------------------------------------------------------- the corpus

    def test_official_counts(self):
        counts = self.DATASET_CLASS(config="all").expected_counts
        self.assertEqual(
            counts,
            {
                "train_clean100": 28_539, "train_clean360": 104_014, "train_other500": 148_688,
                "dev_clean": 2_703, "dev_other": 2_864, "test_clean": 2_620, "test_other": 2_939,
            },
        )  # fmt: skip
        self.assertEqual(sum(counts.values()), 292_367)
        librilight = self.DATASET_CLASS(config="librilight_10h").expected_counts
        self.assertEqual(librilight, {"train_1h": 286, "train_9h": 2_763 - 286})

    def test_each_config_needs_its_own_archives(self):
        names = {}
        for config in self.DATASET_CLASS.BUILDER_CONFIGS:
            builder = self.DATASET_CLASS(config=config.name)
            names[config.name] = {info.filename for info in builder.url_infos.values()}
        dev_test = {f"{s}.tar.gz" for s in ("dev-clean", "dev-other", "test-clean", "test-other")}
        self.assertEqual(names["dev_test_pcm"], dev_test)
        self.assertEqual(names["clean_100"], dev_test | {"train-clean-100.tar.gz"})
        self.assertEqual(names["test_other"], {"test-other.tar.gz"})
        self.assertLen(names["all"], 7)
        self.assertEqual(names["mini"], {"train-clean-5.tar.gz", "dev-clean-2.tar.gz"})
        self.assertEqual(names["librilight_10h"], {"librispeech_finetuning.tgz"})
        grids = {"dev-clean.tar.gz", "librispeech_alignments.zip"}
        self.assertEqual(names["dev_clean_aligned"], grids)
        ipa = {f"LibriSpeech-aligned-{s}.tar.gz" for s in ("train-clean-100", "dev-clean")}
        self.assertEqual(names["mini_aligned_json"], names["mini"] | ipa)
        self.assertEqual(len(names), 112)

    def test_sizes_of_what_is_fetched(self):
        for config, size in {"dev_test": 1_327_654_041, "all": 61_357_943_031}.items():
            self.assertEqual(int(self.DATASET_CLASS(config=config).download_amount.size), size)

    # ---------------------------------------------------------------------------- the miniature

    def test_every_value(self):
        builder, found = self.prepare("clean_100"), self.examples("clean_100")
        chapters = [
            c for c in _MADE.CHAPTERS if c.subset not in ("train-clean-360", "train-other-500")
        ]
        self.assertCountEqual(found, [one for c in chapters for one in c.ids()])
        int2str = {
            name: builder.info.features[name].int2str
            for name in ("subset", "speaker_sex", "speaker_sex_corrected", "librilight_split")
        }
        for c in chapters:
            for index, (one, text) in enumerate(zip(c.ids(), c.texts)):
                example = found[one]
                samples = _MADE.samples(text, c.sex)
                np.testing.assert_array_equal(example["speech"], samples)
                self.assertEqual(example["speech"].dtype, np.int16)
                self.assertEqual(example["num_samples"], len(samples))
                self.assertEqual(example["duration"], np.float32(len(samples) / 16_000))
                self.assertEqual(example["text"].decode(), text)
                self.assertEqual(example["filename"].decode(), f"{c.folder}/{one}.flac")
                self.assertEqual(example["utterance_index"], index)
                self.assertEqual(
                    (example["speaker_id"], example["chapter_id"]), (c.speaker, c.chapter)
                )
                self.assertEqual(int2str["subset"](example["subset"]), c.subset)
                self.assertEqual(example["split"], c.subset.replace("-1", "1").replace("-", "_"))
                self.assertEqual(int2str["speaker_sex"](example["speaker_sex"]), c.sex)
                corrected = _MADE.CORRECTED.get(c.speaker, c.sex)
                self.assertEqual(
                    int2str["speaker_sex_corrected"](example["speaker_sex_corrected"]), corrected
                )
                self.assertEqual(example["speaker_name"].decode(), c.name)
                self.assertEqual(example["chapter_title"].decode(), c.title.replace(" | ", " / "))
                self.assertEqual(example["project_title"].decode(), _MADE._project(c))
                self.assertEqual(example["project_id"], int(c.project or -1))
                self.assertEqual(example["book_id"], int(c.book or -1))
                title = _MADE._BOOKS.get(int(c.book or -1), "")
                self.assertEqual(example["book_title"].decode(), title)
                self.assertFalse(math.isnan(example["chapter_minutes"]))
                part = _MADE.FINETUNING.get(one, "none")[:2].replace("no", "none")
                self.assertEqual(int2str["librilight_split"](example["librilight_split"]), part)

    def test_published_bytes_are_kept(self):
        decoders = {"speech": tfds.decode.SkipDecoding()}
        builder = self.prepare("clean_100")
        published = dict(_MADE.audio("dev-clean"))
        for example in tfds.as_numpy(builder.as_dataset(split="dev_clean", decoders=decoders)):
            name = f"LibriSpeech/{example['filename'].decode()}"
            self.assertEqual(example["speech"], published[name])

    def test_samples_are_the_same_however_they_are_stored(self):
        flac, pcm = self.prepare("clean_100"), self.prepare("clean_460_pcm")
        self.assertIs(type(flac.info.features["speech"]), EncodedAudio)
        self.assertIs(type(pcm.info.features["speech"]), Audio)
        theirs = self.examples("clean_460_pcm")
        for name, example in self.examples("clean_100").items():
            np.testing.assert_array_equal(example["speech"], theirs[name]["speech"])
            self.assertEqual(example["speech"].dtype, theirs[name]["speech"].dtype)

    def test_alignments_of_each_source(self):
        for config in ("clean_100_aligned", "other_500_aligned_condensed", "dev_test_aligned_json"):
            with self.subTest(config):
                found = self.examples(config)
                for c in _MADE.CHAPTERS:
                    for one, text in zip(c.ids(), c.texts):
                        if one in found:
                            self._check_alignment(config, found[one], text)

    def _check_alignment(self, config: str, example: dict, text: str) -> None:
        tiers = _MADE.tiers(example["id"].decode(), text)
        self.assertEqual(example["has_alignment"], tiers is not None)
        rows = tiers or {"words": [], "phones": []}
        for name, (published, key) in {
            "word_tier": ("words", "text"),
            "phones": ("phones", "phone"),
        }.items():
            if name == "phones" and "condensed" in config:
                self.assertNotIn(name, example)
                continue
            labels = [
                label.upper() if "condensed" in config else label for *_, label in rows[published]
            ]
            self.assertEqual([t.decode() for t in example[name][key]], labels)
            for time, i in (("start", 0), ("end", 1)):
                expected = np.array([row[i] for row in rows[published]], np.float32)
                np.testing.assert_array_equal(example[name][time], expected)
        aligned = _MADE.words(text) if tiers else []
        words = example["words"]
        self.assertEqual([w.decode() for w in words["word"]], [word for word, *_ in aligned])
        for time, i in (("start", 1), ("end", 2)):
            expected = np.array([row[i] / 1000 for row in aligned], np.float32)
            np.testing.assert_array_equal(words[time], expected)
        unknown = [word in _MADE.UNKNOWN_WORDS for word, *_ in aligned]
        self.assertEqual(list(words["is_oov"]), unknown)
        self.assertEqual(example["alignment_agrees"], tiers is not None)

    def test_alignment_that_lacks_a_word(self):
        example = self.examples("train_other500_pcm_aligned_json")["240-2400-0000"]
        self.assertTrue(example["alignment_agrees"])
        builder = self.DATASET_CLASS(
            config="train_clean360_aligned", data_dir=self.tmp_dir, miniature=True
        )
        builder.download_and_prepare()
        found = {e["id"].decode(): e for e in show.read(builder, "train_clean360", 2)}
        example = found[_MADE.LACKING]
        self.assertTrue(example["has_alignment"])
        self.assertFalse(example["alignment_agrees"])
        self.assertEqual(example["text"], b"SUN BLUE RED")
        self.assertEqual(list(example["words"]["word"]), [b"SUN", b"BLUE"])

    @pytest.mark.slow
    def test_picture_with_words(self):
        builder = self.prepare("clean_100_aligned")
        self.assertIsNone(self.prepare("clean_100").DRAWN_TIMES)
        examples = list(show.read(builder, "train_clean100", 3))
        picture = show.draw(builder.info, examples, times=builder.DRAWN_TIMES)
        titles = [axis.get_title(loc="left") for axis in picture.axes]
        for example in examples:
            self.assertIn(f"words: {len(example['words']['word'])}", titles)

    def test_librilight(self):
        found = self.examples("librilight_10h")
        self.assertCountEqual(found, _MADE.FINETUNING)
        features = self.prepare("librilight_10h").info.features
        for one, folder in _MADE.FINETUNING.items():
            part, *fold, kind = folder.split("/")
            example = found[one]
            self.assertEqual(example["split"], f"train_{part}")
            self.assertEqual(
                features["librilight_split"].int2str(example["librilight_split"]), part
            )
            self.assertEqual(example["librilight_fold"], int(fold[0]) if fold else -1)
            subset = {"clean": "train-clean-100", "other": "train-other-500"}[kind]
            self.assertEqual(features["subset"].int2str(example["subset"]), subset)
            self.assertIn(example["speaker_name"].decode(), [c.name for c in _MADE.CHAPTERS])

    def test_mini_has_the_alignments_of_the_whole(self):
        found = self.examples("mini_aligned")
        self.assertLen(found, 5)
        self.assertEqual(
            [one for one, e in found.items() if not e["has_alignment"]], [_MADE.UNALIGNED]
        )

    def test_mini_of_other_counts_is_whole(self):
        """Nobody states them, and that each recording is there is checked otherwise."""
        builder = self.DATASET_CLASS(config="mini")
        found = {"train_clean5": 1_500, "dev_clean2": 1_090}
        self.assertEqual(builder._check_counts(found), {"train_clean5": 0, "dev_clean2": 0})
        with self.assertRaisesRegex(ValueError, "not a single example"):
            builder._check_counts({"train_clean5": 0, "dev_clean2": 0})
        with self.assertRaisesRegex(
            ValueError, "2,700 examples were read, the publisher has 2,703"
        ):
            self.DATASET_CLASS(config="dev_clean")._check_counts({"dev_clean": 2_700})
