"""VoxCeleb: the contracts, and what the miniature holds."""

from __future__ import annotations

import io
import re
from typing import Any

import builder_testing
import miniature_scripts
import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds

from tfds_extra.datasets.voxceleb_extended import features, sources
from tfds_extra.datasets.voxceleb_extended import voxceleb_extended_dataset_builder as module
from tfds_extra.features import Audio, EncodedAudio, sound

_MADE = miniature_scripts.load("voxceleb_extended")
_COUNTS = _MADE.counts()
# Each kind of config: of both archives, as files and as samples; of several parts and of AAC; of trials
# and of speakers. `vox1` is `vox1_identification` in other splits, and is prepared in tests below, as
# is `vox1_trials`, whose lists share trials.
_CONFIGS = {
    "vox1_identification": _COUNTS["vox1_identification"],
    "vox1_test_pcm": _COUNTS["vox1_test"],
    "vox2": _COUNTS["vox2"],
    "vox1_trials_o_cleaned": {"o_cleaned": _COUNTS["vox1_trials"]["o_cleaned"]},
    "speakers": _COUNTS["speakers"],
}


class VoxCelebExtendedTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = module.Builder
    OTHER_TYPES = {
        "audio": "16 bits, as published, not 64",
        "label": "1,251 speakers; the standard builder has a class 0 that nobody is of",
    }
    BUILDER_CONFIG_NAMES_TO_TEST = list(_CONFIGS)
    MINIATURE = _CONFIGS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._examples = {}

    def examples(self, config: str) -> dict[str, dict[str, Any]]:
        """Examples by id, read back once for all tests."""
        builder = self.prepare(config)
        if config not in self._examples:
            self._examples[config] = preparing.examples(builder, "id")
        return self._examples[config]

    # ------------------------------------------------------------------------------- the corpus

    def test_official_counts(self):
        configs = self.DATASET_CLASS.BUILDER_CONFIGS
        counts = {c.name: self.DATASET_CLASS(config=c.name).expected_counts for c in configs}
        self.assertEqual(
            counts["vox1_identification"], {"train": 138_361, "validation": 6_904, "test": 8_251}
        )
        self.assertEqual(counts["vox1"], {"dev": 148_642, "test": 4_874})
        for config in ("vox1_identification", "vox1"):
            self.assertEqual(sum(counts[config].values()), 153_516)
        self.assertEqual(counts["vox2"], {"dev": 1_092_009, "test": 36_237})
        trials = {
            "o": 37_720, "o_cleaned": 37_611, "h": 552_536, "h_cleaned": 550_894, "e": 581_480,
            "e_cleaned": 579_818,
        }  # fmt: skip
        self.assertEqual(counts["vox1_trials"], trials)
        for split, count in trials.items():
            self.assertEqual(counts[f"vox1_trials_{split}"], {split: count})
        self.assertEqual(counts["speakers"], {"vox1": 1_251, "vox2": 6_114})
        for config in ("vox1_identification", "vox1", "vox1_test"):
            self.assertEqual(counts[f"{config}_pcm"], counts[config])

    def test_classes(self):
        vox1 = self.DATASET_CLASS(config="vox1").info.features["label"]
        self.assertEqual(vox1.num_classes, 1_251)
        self.assertEqual((vox1.int2str(0), vox1.str2int("id11251")), ("id10001", 1_250))
        vox2 = self.DATASET_CLASS(config="vox2").info.features["label"]
        self.assertEqual(vox2.num_classes, 6_112)
        self.assertEqual(vox2.int2str(0), "id00012")
        # Those of dev are the first, so that a classifier needs no others.
        self.assertEqual(vox2.names[:5_994], sorted(vox2.names[:5_994]))
        self.assertEqual(vox2.str2int("id00017"), 5_994)

    def test_each_config_needs_its_own_files(self):
        names = {}
        for config in self.DATASET_CLASS.BUILDER_CONFIGS:
            builder = self.DATASET_CLASS(config=config.name)
            names[config.name] = {info.filename for info in builder.url_infos.values()}
        meta = {"vox1_meta.csv"}
        test = {"vox1_test_wav.zip", "iden_split.txt"} | meta
        dev = {f"vox1_dev_wav_parta{letter}" for letter in "abcd"}
        self.assertEqual(names["vox1_test"], test)
        for config in ("vox1", "vox1_identification", "vox1_pcm", "vox1_identification_pcm"):
            self.assertEqual(names[config], test | dev)
        self.assertEqual(names["vox2_test"], {"vox2_test_aac.zip", "vox2_meta.csv"})
        self.assertLen(names["vox2"], 10)
        self.assertEqual(names["vox1_trials_h_cleaned"], meta | {"list_test_hard2.txt"})
        lists = {name for name, _ in sources.TRIALS.values()}
        self.assertEqual(names["vox1_trials"], meta | lists)
        self.assertEqual(names["speakers"], meta | {"vox2_meta.csv"})
        self.assertLen(names, 16)

    # ---------------------------------------------------------------------------- the miniature

    def test_every_value_of_vox1(self):
        self._check_vox1("vox1_identification")

    @pytest.mark.slow
    def test_every_value_of_vox1_in_other_splits_and_as_samples(self):
        self._check_vox1("vox1", "vox1_test_pcm")

    def _check_vox1(self, *configs: str) -> None:
        for config in configs:
            builder, found = self.prepare(config), self.examples(config)
            label = {
                name: builder.info.features[name].int2str
                for name in ("label", "gender", "partition", "identification_split")
            }
            speakers = _MADE.utterances(*_MADE.VOX1, partition="test" if "test" in config else "")
            self.assertCountEqual(found, speakers)
            for one, speaker in speakers.items():
                example, samples = found[one], _MADE.samples(one)
                _, video, index = one.split("/")
                split = features.SPLITS[_MADE.split_of(one) - 1]
                is_shared = video == _MADE.SHARED
                expected = {
                    "label": speaker.id, "gender": speaker.gender, "partition": speaker.partition,
                    "identification_split": split,
                }  # fmt: skip
                self.assertEqual({n: label[n](example[n]) for n in label}, expected)
                expected = {
                    "filename": f"{one}.wav", "speaker_id": speaker.id, "speaker_name": speaker.name,
                    "nationality": speaker.nationality, "youtube_id": video,
                }  # fmt: skip
                self.assertEqual({n: example[n].decode() for n in expected}, expected)
                by_identification = config == "vox1_identification"
                self.assertEqual(
                    example["split"], split if by_identification else speaker.partition
                )
                self.assertEqual(example["speaker_number"], int(speaker.id[2:]))
                self.assertEqual(example["label"], int(speaker.id[2:]) - 10_001)
                self.assertEqual(example["utterance_index"], int(index))
                self.assertEqual(example["num_samples"], len(samples))
                self.assertEqual(example["duration"], np.float32(len(samples) / 16_000))
                self.assertEqual(example["cleaned_out"], one == _MADE.CLEANED_OUT)
                self.assertEqual(example["shares_video"], is_shared)
                self.assertEqual(example["audio"].dtype, np.int16)
                np.testing.assert_array_equal(example["audio"], samples)

    def test_published_bytes_are_kept(self):
        decoders = {"audio": tfds.decode.SkipDecoding()}
        for config, make in (
            ("vox1_identification", _MADE.wav_file),
            ("vox2", _MADE.m4a_file),
        ):
            found = preparing.examples(self.prepare(config), "id", decoders=decoders)
            for one, example in found.items():
                self.assertEqual(example["audio"], make(one))
        types = [
            type(self.DATASET_CLASS(config=config).info.features["audio"])
            for config in ("vox1", "vox1_pcm", "vox2")
        ]
        self.assertEqual(types, [EncodedAudio, Audio, EncodedAudio])

    def test_every_value_of_vox2(self):
        builder, found = self.prepare("vox2"), self.examples("vox2")
        speakers = _MADE.utterances(*_MADE.VOX2)
        self.assertCountEqual(found, speakers)
        for one, speaker in speakers.items():
            example = found[one]
            self.assertEqual(builder.info.features["label"].int2str(example["label"]), speaker.id)
            self.assertEqual(features.GENDERS[example["gender"]], speaker.gender)
            self.assertEqual(example["split"], speaker.partition)
            self.assertEqual(example["speaker_name"].decode(), speaker.name)
            self.assertEqual(example["vggface2_id"].decode(), f"n{speaker.id[2:]:>06}")
            self.assertEqual(example["filename"].decode(), f"{one}.m4a")
            # Decoders leave out the first packet, as the file says.
            self.assertEqual(example["num_samples"], 1_024 * (_MADE.packets(one) - 1))
            self.assertEqual(example["audio"].shape, (example["num_samples"],))
            spectrum = np.abs(np.fft.rfft(example["audio"][1_024:].astype(float)))
            loudest = np.argmax(spectrum) * 16_000 / (len(example["audio"]) - 1_024)
            self.assertLess(abs(loudest - 7.8125 * (speaker.period + 0.5)), 8)

    def test_trials(self):
        self._check_trials("h_cleaned")

    @pytest.mark.slow
    def test_trials_of_all_lists(self):
        self._check_trials(*sources.TRIALS)

    def _check_trials(self, *splits: str) -> None:
        for split in splits:
            read = self.prepare("vox1_trials").as_dataset(split=split)
            expected = _MADE.trials(split)
            speakers = {s.id: s for s in _MADE.VOX1}
            for index, (trial, (same, *ids)) in enumerate(zip(read, expected, strict=True)):
                trial = {name: value.numpy() for name, value in trial.items()}
                self.assertEqual(trial["trial_index"], index)  # In the published order.
                self.assertEqual(trial["label"], same)
                for side, one in zip(("enrol", "test"), ids):
                    speaker = speakers[one.split("/")[0]]
                    self.assertEqual(trial[f"{side}_id"].decode(), one)
                    self.assertEqual(trial[f"{side}_speaker_id"].decode(), speaker.id)
                    gender = features.GENDERS[trial[f"{side}_gender"]]
                    self.assertEqual(gender, speaker.gender)
                    self.assertEqual(trial[f"{side}_nationality"].decode(), speaker.nationality)
                self.assertEqual(trial["enrol_speaker_id"] == trial["test_speaker_id"], same)

    def test_trials_join_to_utterances(self):
        utterances = self.examples("vox1_identification")
        for trial in tfds.as_numpy(self.prepare("vox1_trials").as_dataset(split="e")):
            for side in ("enrol", "test"):
                utterance = utterances[trial[f"{side}_id"].decode()]
                self.assertEqual(utterance["speaker_id"], trial[f"{side}_speaker_id"])

    def test_speakers(self):
        builder = self.prepare("speakers")
        found = preparing.examples(builder, "speaker_id")
        classes = {
            split: self.DATASET_CLASS(config=split, miniature=True).info.features["label"]
            for split in ("vox1", "vox2")
        }
        for split, speakers in (("vox1", _MADE.VOX1), ("vox2", _MADE.VOX2)):
            for speaker in speakers:
                row = found.pop(speaker.id)
                self.assertEqual(row["split"], split)
                self.assertEqual(row["name"].decode(), speaker.name)
                face = speaker.name if split == "vox1" else f"n{speaker.id[2:]:>06}"
                self.assertEqual(row["vggface_id"].decode(), face)
                self.assertEqual(row["nationality"].decode(), speaker.nationality)
                self.assertEqual(features.GENDERS[row["gender"]], speaker.gender)
                self.assertEqual(features.PARTITIONS[row["partition"]], speaker.partition)
                self.assertEqual(row["has_audio"], bool(speaker.videos))
                expected = classes[split].str2int(speaker.id) if speaker.videos else -1
                self.assertEqual(row["label"], expected)
        self.assertEmpty(found)

    @pytest.mark.slow
    def test_trials_by_workers_and_on_beam(self):
        self.assert_workers_make_the_same("vox1_trials")
        self.assert_beam_makes_the_same("vox1_trials")

    def test_strangers_in_a_copy_are_refused(self):
        for stranger in (
            "id10001/notes.txt",
            "id10001/-aaaaaaaaa0/00001 (1).wav",
            "id11252/bbbbbbbbbb0/00001.wav",
        ):
            with self.subTest(stranger), self.extracted("vox1_dev", "vox1") as copy:
                (copy / stranger).parent.mkdir(parents=True, exist_ok=True)
                (copy / stranger).write_bytes(b"stranger")
                builder = self.DATASET_CLASS(config="vox1", miniature=True)
                with self.assertRaisesRegex(
                    ValueError, f"{re.escape(stranger)}.*not one of the pub"
                ):
                    self.raw_examples(builder)

    def test_miniature_hums(self):
        """AAC made by hand is what a decoder takes it for."""
        content = _MADE.m4a([_MADE.aac_packet(20)] * 9)
        samples, rate = sound.decode(io.BytesIO(content), np.dtype(np.float32))
        self.assertEqual((samples.shape, rate), ((8_192, 1), 16_000))
        self.assertAlmostEqual(float(np.abs(samples).max()), 0.25, places=2)
