"""Free Spoken Digit: English digits spoken by a few speakers, every tagged release."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra import core, features
from tfds_extra.features import float32, int32, label, text
from tfds_extra.formats import wav

_HOMEPAGE = "https://github.com/Jakobovski/free-spoken-digit-dataset"
_ARCHIVE = _HOMEPAGE + "/archive/v{}.tar.gz"
_ROOT = "free-spoken-digit-dataset-{}"

# The newest comes first, because the first config is the default.
_RELEASES = {
    "1.0.10": "3,000 recordings of six speakers.",
    "1.0.9": "2,500 recordings of five speakers.",
    "1.0.8": "The classic three speakers, 1,500 recordings, all of them 16-bit mono.",
    "1.0.7": "1,500 recordings of three speakers, nicolas in 8-bit stereo.",
    "1.0.6": "The only release with jason, untrimmed and in part empty: 2,000 recordings.",
    "1.0.5": "1,500 recordings of three speakers, nicolas in 8-bit stereo.",
    "1.0.4": "The recordings of v1.0.3 under another tag.",
    "1.0.3": "1,501 recordings of three speakers, one of them a surplus take.",
    "1.0.2": "1,001 recordings of two speakers, one of them a surplus take.",
    "1.0.1": "The recordings of v1.0; its README introduced the test split.",
    "1.0": "501 recordings of one speaker, one of them a surplus take.",
}
# In order of first appearance, and the same in all releases so that ids can be compared.
_SPEAKERS = ["jackson", "nicolas", "theo", "jason", "yweweler", "george", "lucas"]
_SAMPLE_RATE = 8000
_TEST_TAKES = 5  # The publisher's README, from v1.0.1 on: takes 0-4 are for testing.
_FILE_NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<index>[0-9]+)\.wav")


@dataclasses.dataclass
class ReleaseConfig(tfds.core.BuilderConfig):
    """One tagged release of the corpus.

    Attributes:
      release: The tag, without its `v`.
    """

    release: str = ""


class Builder(core.Builder):
    """Free Spoken Digit (FSDD)."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        ReleaseConfig(name=f"v{release}", release=release, description=description)
        for release, description in _RELEASES.items()
    ]
    DRAWN_FIRST = ("label", "speaker", "duration")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info(
            features={
                "audio": features.Audio(
                    sample_rate=_SAMPLE_RATE,
                    doc="The recording: int16 samples at 8,000 Hz, one channel, full scale 32,768."
                    " Where the publisher has 8-bit stereo, the left channel as (sample - 128) *"
                    " 256, which is how the publisher himself converted it in v1.0.8.",
                ),
                "audio/filename": text("Name of the published file, such as 7_jackson_32.wav."),
                "label": label([str(digit) for digit in range(10)], "The digit that is spoken."),
                "speaker": label(_SPEAKERS, "Who speaks; the same ids in all releases."),
                "gender": text("Gender of the speaker: male in all releases."),
                "accent": text(
                    "Accent of the speaker as country/language, spelled as in the release"
                    " (BE/French became BEL/French in v1.0.9)."
                ),
                "language": text("Language that is spoken: english."),
                "index": int32(
                    "Number of the take, 0-49 for each speaker and digit; 0-4 are the test"
                    " split. v1.0 to v1.0.4 hold one surplus take, 6_jackson_50, in train."
                ),
                "duration": float32("Length of the recording in seconds."),
                "source_channels": int32(
                    "Channels of the published file: 1, or 2 for nicolas to v1.0.7."
                ),
                "source_bits": int32(
                    "Bits a sample of the published file: 16, or 8 for nicolas to v1.0.7."
                ),
            },
            supervised_keys=("audio", "label"),
            homepage=_HOMEPAGE,
            license="CC BY-SA 4.0",
        )

    def published_files(self) -> dict[str, core.Archive]:
        release = self.builder_config.release
        archive = core.Archive(
            _ARCHIVE.format(release),
            _ROOT.format(release),
            holds=("recordings/*.wav",),
            also_called=("free-spoken-digit-dataset",),  # A clone.
        )
        return {"release": archive}

    def member_digests(self, file, tree, prefix=""):
        return {f"recordings/{r['file']}": r["sha256"] for r in self._of_release("recordings.tsv")}

    def _split_generators(self, dl_manager):
        published = self.fetch(dl_manager)
        return core.by_split(["train", "test"], [published["release"]], self._generate_examples)

    def _generate_examples(self, tree: core.Tree) -> Iterator[core.SplitExample]:
        """Yields the recordings of one release."""
        speakers = {row["speaker"]: row for row in self._of_release("speakers.tsv")}
        recordings = self.members(
            "release",
            tree,
            wanted=[f"recordings/{row['file']}" for row in self._of_release("recordings.tsv")],
            prefix="recordings/",
            what=_of_speakers,
        )
        yield from recordings.make(lambda name, content: [_example(name, content, speakers)])

    def _of_release(self, table: str) -> list[dict[str, str]]:
        """Returns the rows of a table of facts that hold for this config's release."""
        release = _version(self.builder_config.release)
        return [
            row
            for row in self.read_facts(table)
            if _version(row["first_release"]) <= release <= _version(row["last_release"])
        ]


def _example(
    member_name: str, content: bytes, speakers: dict[str, dict[str, str]]
) -> core.SplitExample:
    """Returns one recording as an example, with its split and key."""
    file_name = member_name.removeprefix("recordings/")
    name = _FILE_NAME.fullmatch(file_name)
    recording = wav.parse(content)
    source = (recording.sample_rate, recording.channels, recording.bits_per_sample)
    samples = recording.samples()
    if source == (_SAMPLE_RATE, 1, 16):
        samples = samples[:, 0]
    elif source == (_SAMPLE_RATE, 2, 8):
        samples = (samples[:, 0].astype(np.int16) - 128) * 256
    else:
        raise ValueError(
            "{} Hz, {} channels of {} bits are not how FSDD is recorded".format(*source)
        )
    assert name  # Only such members are asked for.
    index = int(name["index"])
    speaker = speakers[name["speaker"]]
    example = {
        "audio": samples,
        "audio/filename": file_name,
        "label": name["digit"],
        "speaker": name["speaker"],
        "gender": speaker["gender"],
        "accent": speaker["accent"],
        "language": speaker["language"],
        "index": index,
        "duration": len(samples) / _SAMPLE_RATE,
        "source_channels": recording.channels,
        "source_bits": recording.bits_per_sample,
    }
    split = "test" if index < _TEST_TAKES else "train"
    return (split, file_name.removesuffix(".wav")), example


def _of_speakers(missing: Collection[str]) -> str:
    """Returns a name for missing recordings, with their speakers: often all of one are missing."""
    return f"recordings (of {', '.join(sorted({name.split('_')[1] for name in missing}))})"


def _version(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))
