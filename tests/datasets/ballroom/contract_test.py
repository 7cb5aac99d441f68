"""Ballroom: the contracts of every builder, and the facts of the miniature."""

from __future__ import annotations

import contextlib
import io
import pathlib

import builder_testing
import matplotlib.collections
import matplotlib.colors
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfds_extra import cli, show
from tfds_extra.datasets.ballroom import ballroom_dataset_builder

_FOLDS = {**{f"fold{i}": 2 for i in (0, 1)}, **{f"fold{i}": 1 for i in range(2, 8)}}
_VIEWS = {"full": {"train": 12}, "dedup": _FOLDS, "beat_this": {"train": 8, "validation": 2}}


class BallroomTest(builder_testing.BuilderTestCase):
    DATASET_CLASS = ballroom_dataset_builder.Builder
    # Each view, and each version of the beats.
    BUILDER_CONFIG_NAMES_TO_TEST = ["full", "dedup_v1.1", "beat_this_ismir2013"]
    MINIATURE = {
        name: _VIEWS[name.rpartition("_")[0] or name] for name in BUILDER_CONFIG_NAMES_TO_TEST
    }

    def is_read(self, name: str, member: str, config: str) -> bool:
        """Of annotations, those of the tracks that the config has."""
        return name == "audio" or pathlib.PurePath(member).stem in self.examples(config)

    def examples(self, config: str, split: str = "all") -> dict[str, dict]:
        """Examples of the miniature by track_id."""
        examples = tfds.as_numpy(self.prepare(config).as_dataset(split=split))
        return {example["track_id"].decode(): example for example in examples}

    def test_default_config(self):
        self.assertEqual(self.DATASET_CLASS.BUILDER_CONFIGS[0].name, "full")

    def test_counts_of_every_config(self):
        folds = {f"fold{i}": 86 for i in range(5)} | {f"fold{i}": 85 for i in range(5, 8)}
        views = {
            "full": {"train": 698},
            "dedup": folds,
            "beat_this": {"train": 582, "validation": 103},
        }
        self.assertEqual(
            {c.name: self.DATASET_CLASS(config=c.name).expected_counts
             for c in self.DATASET_CLASS.BUILDER_CONFIGS},
            {f"{view}{version}": splits
             for version in ("", "_v1.1", "_ismir2013") for view, splits in views.items()},
        )  # fmt: skip

    def test_keys_are_track_ids(self):
        for key, example in self.raw_examples(self.prepare("full"))["train"]:
            self.assertEqual(key, example["track_id"])

    def test_labels(self):
        info = self.DATASET_CLASS().info
        self.assertEqual(info.supervised_keys, ("audio", "dance"))
        self.assertEqual(
            info.features["dance"].names,
            ["ChaChaCha", "Jive", "Quickstep", "Rumba", "Samba", "Tango", "VienneseWaltz", "Waltz"],
        )
        self.assertEqual(
            info.features["genre"].names,
            ["ChaChaCha", "Jive", "Quickstep", "Rumba-American", "Rumba-International",
             "Rumba-Misc", "Samba", "Tango", "VienneseWaltz", "Waltz"],
        )  # fmt: skip
        self.assertEqual(info.features["replica_kind"].names, ["none", "exact", "recording"])
        self.assertEqual(info.features["single_split"].names, ["train", "validation"])
        self.assertEqual(info.features["source"].names, ["album", "media"])
        self.assertEqual(info.features["audio"].sample_rate, 44_100)

    def test_types(self):
        expected = {
            "time": np.float64, "position": np.int32, "bar": np.int32, "is_downbeat": np.bool_,
        }  # fmt: skip
        for example in self.examples("full").values():
            self.assertEqual(example["audio"].dtype, np.int16)
            self.assertEqual(example["tempo"].dtype, np.float32)
            self.assertEqual(example["tempo_from_beats"].dtype, np.float32)
            self.assertEqual({k: v.dtype for k, v in example["beats"].items()}, expected)

    def test_every_feature_of_an_album_track(self):
        example = self.examples("full")["Albums-Made_Up-Again-11"]
        audio, beats = example.pop("audio"), example.pop("beats")
        self.assertEqual(audio.shape, (3 * 44_100,))
        self.assertEqual(audio[:2].tolist(), [-32768, 32767])
        self.assertEqual(
            {k: v.decode() if isinstance(v, bytes) else v.item() for k, v in example.items()},
            {
                "track_id": "Albums-Made_Up-Again-11", "dance": 2, "genre": 2, "tempo": 200,
                "tempo_from_beats": 200, "beats_per_bar": 4, "is_replica": False,
                "replica_of": "", "replica_kind": 0, "canonical_id": "Albums-Made_Up-Again-11",
                "fold": 2, "single_split": 1, "source": 0, "album": "Made_Up-Again",
                "track_number": 11,
            },
        )  # fmt: skip
        self.assertEqual(
            beats["time"].tolist(),
            [0.125, 0.425, 0.725, 1.025, 1.325, 1.625, 1.925, 2.225, 2.525, 2.825],
        )
        self.assertEqual(beats["position"].tolist(), [1, 2, 3, 4, 1, 2, 3, 4, 1, 2])
        self.assertEqual(beats["bar"].tolist(), [1, 1, 1, 1, 2, 2, 2, 2, 3, 3])
        self.assertEqual(beats["is_downbeat"].tolist(), [p == 1 for p in beats["position"]])

    def test_single_medium_with_tabs_and_pick_up(self):
        example = self.examples("full")["Media-900007"]
        self.assertEqual(
            (example["album"], example["track_number"], example["source"]), (b"", -1, 1)
        )
        self.assertEqual(example["beats"]["time"][:3].tolist(), [0.125, 0.459, 0.793])
        self.assertEqual(example["beats"]["position"][:5].tolist(), [3, 1, 2, 3, 1])
        self.assertEqual(example["beats"]["bar"][:5].tolist(), [0, 1, 1, 1, 2])
        self.assertEqual(example["beats_per_bar"], 3)

    def test_rumbas_are_one_dance(self):
        examples = self.examples("full")
        found = [examples[f"Media-90000{i}"] for i in (2, 3, 4)]
        self.assertEqual([e["genre"] for e in found], [3, 4, 5])
        self.assertEqual([e["dance"] for e in found], [3, 3, 3])

    def test_nominal_tempo_stands_beside_that_of_the_beats(self):
        example = self.examples("full")["Media-900005"]
        self.assertEqual(example["tempo"], 224)
        self.assertEqual(example["tempo_from_beats"], np.float32(60 / 0.55))

    def test_replicas(self):
        examples = self.examples("full")
        replicas = {k: e for k, e in examples.items() if e["is_replica"]}
        self.assertEqual(
            {k: (e["replica_of"], e["replica_kind"]) for k, e in replicas.items()},
            {"Albums-Made_Up-02": (b"Albums-Made_Up-01", 1), "Media-900009": (b"Media-900008", 2)},
        )
        for example in replicas.values():
            self.assertEqual((example["fold"], example["single_split"]), (-1, -1))
            self.assertEqual(example["canonical_id"], example["replica_of"])
        for example in examples.values():
            if not example["is_replica"]:
                self.assertEqual(example["canonical_id"], example["track_id"])
                self.assertEqual((example["replica_of"], example["replica_kind"]), (b"", 0))
        self.assertEqual(set(self.examples("dedup")), set(examples) - set(replicas))
        self.assertEqual(set(self.examples("beat_this")), set(examples) - set(replicas))

    @pytest.mark.slow
    def test_splits_are_those_of_the_features(self):
        for fold in range(8):
            found = self.examples("dedup", f"fold{fold}").values()
            self.assertEqual({e["fold"] for e in found}, {fold})
        for number, split in enumerate(["train", "validation"]):
            found = self.examples("beat_this", split).values()
            self.assertEqual({e["single_split"] for e in found}, {number})

    def test_older_beats(self):
        newest, old, oldest = (self.examples(f"full{v}") for v in ("", "_v1.1", "_ismir2013"))
        beats = [e["Media-900004"]["beats"] for e in (newest, old)]
        self.assertEqual(beats[0]["position"].tolist(), [2, 3, 4, 1, 2])
        self.assertEqual(beats[0]["bar"].tolist(), [0, 0, 0, 1, 1])
        self.assertEqual(beats[1]["position"].tolist(), [2, 3, 4, 1, 2])
        self.assertEqual(beats[1]["bar"].tolist(), [1, 1, 1, 2, 2])  # As published.
        lengths = [len(e["Media-900005"]["beats"]["time"]) for e in (newest, old, oldest)]
        self.assertEqual(lengths, [6, 6, 5])

    def test_only_the_needed_beats_are_fetched(self):
        for version, name in {
            "": "BallroomAnnotations-1db08914a8ae15edb01f104046e30bad88effe67.zip",
            "_v1.1": "BallroomAnnotations-1.1.tar.gz",
            "_ismir2013": "BallroomAnnotations-ISMIR_2013_paper.tar.gz",
        }.items():
            infos = self.DATASET_CLASS(config=f"dedup{version}").url_infos.values()
            self.assertEqual([i.filename for i in infos], ["data1.tar.gz", "data2.tar.gz", name])

    def test_published_digests(self):
        infos = {i.filename: i for i in self.DATASET_CLASS().url_infos.values()}
        self.assertEqual(infos["data1.tar.gz"].digests["md5"], "2872a3e52070bc342a4510a95e2fa0b8")
        self.assertEqual(infos["data1.tar.gz"].size, 1_453_888_083)
        self.assertEqual(infos["data2.tar.gz"].digests, {"md5": "4a0ec5518bbb4dbf3ab02de0383b0994"})

    def test_info_lists_nested_features(self):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            self.assertEqual(cli.main(["info", "ballroom"]), 0)
        rows = [line.split(maxsplit=3) for line in output.getvalue().splitlines()]
        listed = {row[0]: row[1:] for row in rows if row}
        self.assertEqual(listed["beats/time"], ["Tensor", "float64", "(None,)"])
        self.assertEqual(listed["beats/is_downbeat"], ["Tensor", "bool", "(None,)"])
        self.assertEqual(listed["tempo"], ["Scalar", "float32"])

    def test_show_draws_the_beats(self):
        builder = self.prepare("full")
        example = self.examples("full")["Media-900008"]
        picture = show.draw(builder.info, [example], times=builder.DRAWN_TIMES)
        waveform, spectrogram, text = picture.axes
        red = matplotlib.colors.to_rgba("red")
        for axis in (waveform, spectrogram):
            drawn = {True: [], False: []}
            for lines in axis.collections:
                if isinstance(lines, matplotlib.collections.LineCollection):
                    is_red = tuple(lines.get_color()[0]) == red
                    drawn[is_red] += [segment[0][0] for segment in lines.get_segments()]
            beats = example["beats"]
            self.assertEqual(drawn[True], beats["time"][beats["is_downbeat"]].tolist())
            self.assertEqual(drawn[False], beats["time"][~beats["is_downbeat"]].tolist())
            self.assertEqual(axis.get_title("left"), "beats: 5")
            legend = [entry.get_text() for entry in axis.get_legend().get_texts()]
            self.assertEqual(legend, ["3 others", "2 downbeat"])
        self.assertIn("dance: Waltz\n", text.texts[0].get_text())
        self.assertNotIn("\nbeats:", text.texts[0].get_text())
