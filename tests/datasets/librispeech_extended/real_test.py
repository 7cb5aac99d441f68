"""LibriSpeech: the published files at hand, against independent readers."""

from __future__ import annotations

import collections
import hashlib
import pathlib

import miniaudio
import numpy as np
import preparing
import pytest
import soundfile
import tensorflow_datasets as tfds
from praatio import textgrid as praat
from tensorflow_datasets.datasets.librispeech import librispeech_dataset_builder as standard

from tfds_extra import core, registry
from tfds_extra.core import digests
from tfds_extra.datasets.librispeech_extended import alignments
from tfds_extra.formats import flac, librispeech, textgrid

_NAME = "librispeech_extended"
# Of the corpus's sheet: samples and MD5 of them.
_STATED = {
    "4088-158079-0000": (268_320, "aa891692e2bf7d81b2ad45deb49f74a6"),
    "4088-158079-0018": (201_200, "862d9fbc3a0c4454485d611f46f8a409"),
    "2412-153948-0000": (186_560, "5f641f92d4059f1cad5d601b35b4af38"),
}
_READERS = {  # F and M, and hours.
    "train-clean-100": (125, 126, 100.59), "train-clean-360": (439, 482, 363.61),
    "train-other-500": (564, 602, 496.86), "dev-clean": (20, 20, 5.39), "test-clean": (20, 20, 5.40),
    "dev-other": (16, 17, 5.12), "test-other": (17, 16, 5.34),
}  # fmt: skip


def recordings(real: pathlib.Path) -> dict[str, pathlib.Path]:
    return {path.stem: path for path in (real / "LibriSpeech").glob("*/*/*/*.flac")}


def transcripts(real: pathlib.Path) -> dict[str, str]:
    """The words of each utterance whose transcript is at hand."""
    found = {}
    for path in (real / "LibriSpeech").glob("*/*/*/*.trans.txt"):
        found |= dict(line.split(" ", 1) for line in path.read_text("ascii").splitlines())
    return found


@pytest.fixture(scope="module")
def speakers(real) -> dict[int, dict[str, str]]:
    """What the standard builder reads of SPEAKERS.TXT."""
    read = standard.Builder._read_metadata_file
    names = ["speaker_id", "gender", "subset", "minutes", "name"]
    return read(None, real / "LibriSpeech" / "SPEAKERS.TXT", names)


@pytest.fixture(scope="module")
def prepared(real, tmp_path_factory):
    """Examples of the part that is at hand, by config and id."""
    found = {}

    def prepare(config: str) -> tuple[core.Builder, dict[str, dict]]:
        if config not in found:
            builder = preparing.prepared(
                f"{_NAME}/{config}", tmp_path_factory.mktemp("data"), real, partial=True
            )
            found[config] = builder, preparing.examples(builder, "id")
        return found[config]

    return prepare


@pytest.mark.parametrize("config", ["clean_100_aligned", "train_clean100_pcm_aligned"])
def test_every_utterance(real, prepared, speakers, config):
    builder, found = prepared(config)
    texts, files = transcripts(real), recordings(real)
    # Recordings without a transcript are no examples.
    assert sorted(found) == sorted(files.keys() & texts.keys()) and len(found) >= 19
    for name, example in found.items():
        samples, rate = soundfile.read(files[name], dtype="int16")
        assert rate == 16_000 and example["speech"].dtype == np.int16
        np.testing.assert_array_equal(example["speech"], samples)
        assert example["num_samples"] == len(samples)
        assert example["duration"] == np.float32(len(samples) / rate)
        assert example["pcm_md5"].decode() == hashlib.md5(samples.tobytes()).hexdigest()
        assert example["text"].decode() == texts[name]
        speaker, chapter, index = name.split("-")
        assert (example["speaker_id"], example["chapter_id"]) == (int(speaker), int(chapter))
        assert example["utterance_index"] == int(index)
        subset = files[name].relative_to(real / "LibriSpeech").parts[0]
        assert example["split"] == subset.replace("-1", "1").replace("-", "_")
        assert builder.info.features["subset"].int2str(example["subset"]) == subset
        assert example["filename"].decode() == str(files[name].relative_to(real / "LibriSpeech"))
        row = speakers[int(speaker)]
        assert "FM"[example["speaker_sex"]] == row["gender"]
        assert example["speaker_name"].decode() == row["name"]
        assert example["speaker_minutes"] == np.float32(row["minutes"])
        if not (real / "LibriSpeech" / "CHAPTERS.TXT").exists():
            assert example["project_id"] == -1 and example["chapter_title"] == b""


def test_published_bytes(real, prepared):
    builder, _ = prepared("clean_100_aligned")
    decoders = {"speech": tfds.decode.SkipDecoding()}
    for name, example in preparing.examples(builder, "id", decoders=decoders).items():
        assert example["speech"] == recordings(real)[name].read_bytes()


def test_every_alignment_against_praatio(real, prepared):
    _, found = prepared("clean_100_aligned")
    grids = {path.stem: path for path in (real / "librispeech_alignments").glob("*/*/*/*.TextGrid")}
    unknown = pieces = 0
    for name, example in found.items():
        assert example["has_alignment"] == (name in grids)
        if name not in grids:
            continue
        read = praat.openTextgrid(str(grids[name]), includeEmptyIntervals=True)
        for tier, feature, key in (("words", "word_tier", "text"), ("phones", "phones", "phone")):
            entries = read.getTier(tier).entries
            assert [t.decode() for t in example[feature][key]] == [e.label for e in entries]
            starts, ends = np.array([(e.start, e.end) for e in entries], np.float32).T
            np.testing.assert_array_equal(example[feature]["start"], starts)
            np.testing.assert_array_equal(example[feature]["end"], ends)
        # The same words as the transcript's; each one's time is that of an interval, or of two.
        words = example["words"]
        assert example["alignment_agrees"], name
        assert " ".join(w.decode() for w in words["word"]) == example["text"].decode()
        spoken = [e for e in read.getTier("words").entries if e.label]
        assert set(words["start"]) <= set(np.float32([e.start for e in spoken]))
        assert set(words["end"]) <= set(np.float32([e.end for e in spoken]))
        assert words["is_oov"].sum() == sum(e.label == "<unk>" for e in spoken)
        unknown += int(words["is_oov"].sum())
        pieces += len(spoken) - len(words["word"])
        if len(spoken) == len(words["word"]):
            np.testing.assert_array_equal(words["start"], np.float32([e.start for e in spoken]))
        assert np.float32(read.maxTimestamp) == example["duration"]
    assert (unknown, pieces) == (1, 0) or len(found) > 19


def test_every_recording_states_its_samples(real):
    """Also those without a transcript."""
    for name, path in recordings(real).items():
        content = path.read_bytes()
        stated, info = flac.parse(content), soundfile.info(path)
        assert (stated.sample_rate, stated.channels, stated.bits_per_sample) == (16_000, 1, 16)
        assert stated.num_samples == info.frames
        # A decoder that shares no code with libsndfile.
        decoded = np.array(miniaudio.flac_read_s16(content).samples, np.int16)
        assert hashlib.md5(decoded.tobytes()).hexdigest() == stated.pcm_md5
        if name in _STATED:
            assert (stated.num_samples, stated.pcm_md5) == _STATED[name]


def test_altered_recording(real, tmp_path):
    """The MD5 in the file is what vouches for one in a folder."""
    chapter = tmp_path / "LibriSpeech" / "train-clean-100" / "4088" / "158079"
    chapter.mkdir(parents=True)
    for path in (real / "LibriSpeech" / "train-clean-100" / "4088" / "158079").iterdir():
        (chapter / path.name).write_bytes(path.read_bytes())
    victim = chapter / "4088-158079-0007.flac"
    content = bytearray(victim.read_bytes())
    stated = flac.parse(bytes(content))
    content[26 + 5] ^= 1  # Within the MD5 that it states.
    victim.write_bytes(content)
    with pytest.raises(core.CorpusError, match=f"0007.flac: altered: MD5.* is {stated.pcm_md5}"):
        preparing.prepared(f"{_NAME}/train_clean100", tmp_path / "a", tmp_path, partial=True)
    content[26 + 5] ^= 1
    content[len(content) // 2] ^= 0x10  # A sample, or what codes it.
    victim.write_bytes(content)
    with pytest.raises(
        core.CorpusError, match="0007.flac: (altered: MD5|libsndfile|.* samples, not)"
    ):
        preparing.prepared(f"{_NAME}/train_clean100", tmp_path / "b", tmp_path, partial=True)


# ------------------------------------------------------------------------------------ the facts


def test_every_reader(real, speakers):
    content = (real / "LibriSpeech" / "SPEAKERS.TXT").read_bytes()
    found = librispeech.parse_speakers(content)
    assert len(found) == 2_484 and found.keys() == speakers.keys()
    hours, sexes = collections.Counter(), collections.Counter()
    for speaker, row in found.items():
        theirs = speakers[speaker]
        assert (row.sex, row.subset, row.name) == (
            theirs["gender"],
            theirs["subset"],
            theirs["name"],
        )
        assert row.minutes == float(theirs["minutes"])
        hours[row.subset] += row.minutes / 60
        sexes[row.subset, row.sex] += 1
    found = {s: (sexes[s, "F"], sexes[s, "M"], round(hours[s], 2)) for s in hours}
    assert found == _READERS


def test_published_line_that_others_split(real):
    """The copy at hand has lost the bars of one name, which the published one has."""
    content = (real / "LibriSpeech" / "SPEAKERS.TXT").read_bytes()
    line = b"60   | M | train-clean-100  | 20.18 | "
    assert line + b"CBWSimon\n" in content
    content = content.replace(line + b"CBWSimon\n", line + b"|CBW|Simon\n")
    assert librispeech.parse_speakers(content)[60] == ("M", "train-clean-100", 20.18, "|CBW|Simon")


def test_corrections_differ_from_the_table(real):
    found = librispeech.parse_speakers((real / "LibriSpeech" / "SPEAKERS.TXT").read_bytes())
    corrected = registry.builder_cls(_NAME)()._corrections
    assert len(corrected) == 8
    assert all(found[speaker].sex != sex for speaker, sex in corrected.items())


def test_librilight_agrees_with_its_lists(real, speakers):
    builder = registry.builder_cls(_NAME)()
    lists = {}
    for name in ("1h", "10h"):
        lines = (real / "librilight" / f"{name}.lst").read_text("ascii").splitlines()
        lists[name] = {line.split(" ", 3)[0]: line.split(" ", 3)[2:] for line in lines}
    parts = builder._librilight
    assert set(parts) == set(lists["10h"])
    assert {one for one, part in parts.items() if part == "1h"} == set(lists["1h"])
    readers = {int(one.split("-")[0]) for one in parts}
    rows = {int(r["speaker_id"]): r for r in builder.read_facts("librilight_speakers.tsv")}
    assert set(rows) == readers and len(readers) == 24
    for speaker, row in rows.items():
        theirs = speakers[speaker]
        assert (row["sex"], row["subset"], row["name"], row["minutes"]) == (
            theirs["gender"], theirs["subset"], theirs["name"], theirs["minutes"],
        )  # fmt: skip
    # What is at hand of them has the stated length.
    for name in recordings(real).keys() & parts.keys():
        stated = flac.parse(recordings(real)[name].read_bytes())
        assert stated.num_samples // 16 == int(lists["10h"][name][0])


def test_digests_agree_with_the_published_ones(real):
    listed = digests.load_published(registry.builder_cls(_NAME).checksums_path())
    by_name = {info.filename: info.digests for info in listed.values()}
    theirs = dict(line.split()[::-1] for line in (real / "md5sum.txt").read_text().splitlines())
    found = {name: md5 for name, md5 in theirs.items() if name in by_name}
    assert len(found) == 7
    assert all(by_name[name]["md5"] == md5 for name, md5 in found.items())


def test_every_textgrid_ends_with_its_recording(real):
    for path in (real / "librispeech_alignments").glob("*/*/*/*.TextGrid"):
        tiers = textgrid.parse(path.read_bytes())
        assert [tier.name for tier in tiers] == ["words", "phones"]
        recording = recordings(real)[path.stem]
        assert {tier.end for tier in tiers} == {soundfile.info(recording).duration}
        restored = alignments.restore(tiers[0].intervals, transcripts(real)[path.stem])
        assert restored.agrees


def test_a_part_is_refused_unless_asked_for(real, tmp_path):
    with pytest.raises(core.CorpusError, match="is missing|are missing"):
        preparing.prepared(f"{_NAME}/dev_clean", tmp_path, real)
    with pytest.raises(core.CorpusError, match="CHAPTERS.TXT: it is missing"):
        preparing.prepared(f"{_NAME}/train_clean100", tmp_path, real)
    assert not list(tmp_path.rglob("dataset_info.json"))


def test_missing_utterances_are_counted(prepared):
    builder, found = prepared("clean_100_aligned")
    counts = collections.Counter(example["split"] for example in found.values())
    expected = builder.expected_counts
    missing = {split: n - counts[split] for split, n in expected.items()}
    assert builder.info.metadata["missing"] == missing
