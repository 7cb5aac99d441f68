"""UrbanSound8K: the contracts, and what the miniature holds."""

from __future__ import annotations

import csv
import io
import tarfile

import builder_testing
import numpy as np
import pytest
import soundfile
import soxr
import tensorflow as tf
import tensorflow_datasets as tfds

from tfds_extra.datasets.urban_sound_8k import urban_sound_8k_dataset_builder
from tfds_extra.features import Audio, EncodedAudio

_FOLDS = {"fold1": 3, "fold2": 3, "fold3": 2, "fold4": 5, "fold5": 3, "fold6": 2, "fold7": 2, "fold8": 4, "fold9": 2, "fold10": 2}  # fmt: skip
_CHALLENGE = {"train": 18, "test": 10}
_CLASSES = (
    "air_conditioner car_horn children_playing dog_bark drilling engine_idling gun_shot jackhammer"
    " siren street_music"
).split()
_CODECS = {"FLOAT": "float", "MS_ADPCM": "ms_adpcm", "IMA_ADPCM": "ima_adpcm"}
_BITS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "FLOAT": 32, "MS_ADPCM": 4, "IMA_ADPCM": 4}


class UrbanSound8KTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = urban_sound_8k_dataset_builder.Builder
    # Each kind of audio, and both splits.
    BUILDER_CONFIG_NAMES_TO_TEST = ["folds", "challenge_mono_22k", "challenge_mono_44k"]
    MINIATURE = {"folds": _FOLDS} | dict.fromkeys(BUILDER_CONFIG_NAMES_TO_TEST[1:], _CHALLENGE)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._examples = {}

    def published(self) -> dict[str, bytes]:
        """Content of the miniature's archive by name below its root."""
        with tarfile.open(self.DATASET_CLASS.miniature_dir() / "UrbanSound8K.tar.gz") as tar:
            return {
                member.name.removeprefix("UrbanSound8K/"): tar.extractfile(member).read()
                for member in tar
                if member.isfile()
            }

    def rows(self) -> dict[str, dict[str, str]]:
        """Rows of the miniature's csv by file name."""
        text = self.published()["metadata/UrbanSound8K.csv"].decode()
        return {row["slice_file_name"]: row for row in csv.DictReader(io.StringIO(text))}

    def examples(self, config: str) -> dict[str, dict]:
        """Examples by file name, with the split under "split"."""
        builder = self.prepare(config)
        if config not in self._examples:
            self._examples[config] = {
                example["slice_file_name"].decode(): {**example, "split": split}
                for split in builder.info.splits
                for example in tfds.as_numpy(builder.as_dataset(split=split))
            }
        return {name: dict(example) for name, example in self._examples[config].items()}

    def test_official_counts(self):
        folds = [873, 888, 925, 990, 936, 823, 838, 806, 816, 837]
        for audio in ("", "_mono_22k", "_mono_44k"):
            counts = self.DATASET_CLASS(data_dir=self.tmp_dir, config=f"folds{audio}")
            self.assertEqual(
                counts.expected_counts, {f"fold{i}": n for i, n in enumerate(folds, start=1)}
            )
            counts = self.DATASET_CLASS(data_dir=self.tmp_dir, config=f"challenge{audio}")
            self.assertEqual(counts.expected_counts, {"train": 5435, "test": 3297})

    def test_features(self):
        for config in self.MINIATURE:
            features = self.DATASET_CLASS(data_dir=self.tmp_dir, config=config).info.features
            self.assertEqual(features["label"].names, _CLASSES)
            self.assertEqual(features["salience"].names, ["foreground", "background"])
            for name in ("start", "end", "occurrence_start"):
                self.assertEqual(features[name].np_dtype, np.float64)
            self.assertEqual(features["freesound_id"].np_dtype, np.int64)
            source = "source_" if "mono" in config else ""
            self.assertEqual(
                features[f"{source}codec"].names, ["pcm", "float", "ms_adpcm", "ima_adpcm"]
            )
        self.assertIs(type(self.prepare("folds").info.features["audio"]), EncodedAudio)
        for rate, suffix in {22_050: "22k", 44_100: "44k"}.items():
            audio = self.prepare(f"folds_mono_{suffix}").info.features["audio"]
            self.assertIs(type(audio), Audio)
            self.assertEqual(
                (audio.sample_rate, audio.shape, audio.np_dtype), (rate, (None,), np.int16)
            )

    def test_examples_are_what_was_published(self):
        published, rows = self.published(), self.rows()
        bits = self.examples("folds")
        self.assertEqual(set(bits), set(rows))
        codecs = set()
        for name, example in bits.items():
            row = rows[name]
            self.assertEqual(example["split"], f"fold{row['fold']}")
            content = published[f"audio/fold{row['fold']}/{name}"]
            samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
            info = soundfile.info(io.BytesIO(content))
            np.testing.assert_array_equal(example["audio"], samples)
            self.assertEqual(
                [example[k] for k in ("fold", "label", "freesound_id", "start", "end")],
                [int(row["fold"]), int(row["classID"]), int(row["fsID"]), float(row["start"]), float(row["end"])],
            )  # fmt: skip
            self.assertEqual(_CLASSES[example["label"]], row["class"])
            self.assertEqual(example["salience"], int(row["salience"]) - 1)
            stem = name.removesuffix(".wav").split("-")
            self.assertEqual(
                [example["occurrence_id"], example["slice_id"]], [int(stem[2]), int(stem[3])]
            )
            self.assertEqual(example["occurrence_start"], float(row["start"]) - int(stem[3]) / 2)
            self.assertEqual(example["group_spans_folds"], row["fsID"] == "106905")
            self.assertEqual(
                (example["sample_rate"], example["channels"], example["num_frames"]),
                (rate, samples.shape[1], len(samples)),
            )
            self.assertEqual(example["bits_per_sample"], _BITS[info.subtype])
            codec = self.prepare("folds").info.features["codec"].int2str(example["codec"])
            self.assertEqual(codec, _CODECS.get(info.subtype, "pcm"))
            codecs.add(codec)
            self.assertEqual(example["duration"], np.float32(len(samples) / rate))
        self.assertLen(codecs, 4)
        self.assertEqual(bits["106905-8-0-0.wav"]["start"], 13.751408999999999)

    def test_freesound_facts(self):
        example = self.examples("folds")["132016-9-2-3.wav"]
        self.assertEqual(example["freesound_user"].decode(), "Ana de Ávila")
        self.assertEqual(
            example["freesound_url"].decode(),
            "http://www.freesound.org/people/Ana%20de%20%C3%81vila/sounds/132016",
        )
        starts = [
            self.examples("folds")[f"132016-9-2-{n}.wav"]["occurrence_start"] for n in (0, 3, 11)
        ]
        self.assertEqual(starts, [58.25] * 3)

    def test_bytes_are_the_published_ones(self):
        dataset = self.prepare("folds").as_dataset(
            split="fold8", decoders={"audio": tfds.decode.SkipDecoding()}
        )
        for example in tfds.as_numpy(dataset):
            name = example["slice_file_name"].decode()
            self.assertEqual(example["audio"], self.published()[f"audio/fold8/{name}"])

    @pytest.mark.slow
    def test_challenge_is_the_folds(self):
        folds, challenge = self.examples("folds"), self.examples("challenge")
        self.assertEqual(set(folds), set(challenge))
        for name, example in challenge.items():
            self.assertEqual(example.pop("split"), "train" if example["fold"] <= 6 else "test")
            del folds[name]["split"]
            self.assert_same(example, folds[name])

    @pytest.mark.slow
    def test_common_rate(self):
        published = self.published()
        native = self.examples("folds")
        for suffix, rate in {"22k": 22_050, "44k": 44_100}.items():
            clipped = 0
            found = self.examples(f"challenge_mono_{suffix}")
            self.assertEqual(set(found), set(native))
            for name, example in found.items():
                content = published[f"audio/fold{example['fold']}/{name}"]
                samples, source_rate = soundfile.read(io.BytesIO(content), always_2d=True)
                mono = soxr.resample(samples.mean(axis=1), source_rate, rate, quality="HQ")
                expected = np.round(mono * 32768).clip(-32768, 32767)
                np.testing.assert_array_equal(example["audio"], expected)
                clipped += int(np.abs(mono).max() > 1)
                length = len(samples) * rate / source_rate
                self.assertAlmostEqual(len(example["audio"]), length, delta=0.5)
                for fact in ("sample_rate", "channels", "bits_per_sample", "codec", "num_frames"):
                    self.assertEqual(example[f"source_{fact}"], native[name][fact])
                for fact in ("label", "start", "end", "occurrence_start", "duration"):
                    self.assertEqual(example[fact], native[name][fact])
            self.assertGreater(clipped, 0)

    def test_folds_add_up(self):
        dataset = self.prepare("folds").as_dataset(split="fold1+fold10", batch_size=5)
        labels = np.concatenate([batch["label"] for batch in dataset])
        self.assertEqual(len(labels), 5)
        self.assertEqual(
            dataset.element_spec["audio"], tf.TensorSpec((None, None, None), tf.float32)
        )
