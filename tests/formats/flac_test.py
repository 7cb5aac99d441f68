"""FLAC metadata: what libsndfile writes, and what is damaged."""

from __future__ import annotations

import hashlib
import io

import miniature_scripts
import miniaudio
import numpy as np
import pytest
import soundfile

from tfds_extra import formats
from tfds_extra.formats import flac

_MADE = miniature_scripts.load("librispeech_extended")


def encoded(samples: np.ndarray, rate: int, subtype: str = "PCM_16") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format="FLAC", subtype=subtype)
    return content.getvalue()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("frames", [1, 4_097, 20_000])
def test_what_libsndfile_writes(rate, channels, frames):
    samples = (
        np.random.default_rng(frames).integers(-3_000, 3_000, (frames, channels)).astype("<i2")
    )
    content = encoded(samples, rate)
    found = flac.parse(content)
    assert (found.sample_rate, found.channels, found.bits_per_sample) == (rate, channels, 16)
    assert found.num_samples == frames
    assert found.pcm_md5 == hashlib.md5(samples.tobytes()).hexdigest()
    assert content[found.frames_offset] == 0xFF
    assert flac.parse(content[: found.frames_offset + 2]) == found


def test_24_bits():
    assert flac.parse(encoded(np.zeros(9), 48_000, "PCM_24")).bits_per_sample == 24


def test_what_the_miniature_writes():
    """Frames that hold samples as they are: both decoders give them back."""
    samples = (np.arange(10_000) % 701 * 90 - 30_000).astype(np.int16)
    content = _MADE.flac(samples)
    assert flac.parse(content).num_samples == 10_000
    np.testing.assert_array_equal(soundfile.read(io.BytesIO(content), dtype="int16")[0], samples)
    np.testing.assert_array_equal(miniaudio.flac_read_s16(content).samples, samples)


def test_file_without_md5():
    content = bytearray(encoded(np.zeros(100, np.int16), 16_000))
    content[26:42] = bytes(16)
    assert flac.parse(bytes(content)).pcm_md5 == ""


_GOOD = encoded(np.arange(5_000, dtype=np.int16), 16_000)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "byte 0: no FLAC file"),
        (b"ID3\x04" + _GOOD, "byte 0: no FLAC file"),
        (b"RIFF\0\0\0\0WAVE", "begins with b'RIFF"),
        (_GOOD[:6], "byte 4: cut short in its metadata"),
        (_GOOD[:20], "byte 4: a block of 34 bytes is cut short"),
        (_GOOD[:44], "byte 42: cut short"),
        (_GOOD[: flac.parse(_GOOD).frames_offset], "no frame behind the metadata"),
        (_GOOD[:4] + b"\x81" + _GOOD[5:], "STREAMINFO is not the first block"),
        (_GOOD[:4] + b"\x7f" + _GOOD[5:], "byte 4: no metadata block"),
        (_GOOD[:7] + b"\x23" + _GOOD[8:], "STREAMINFO has 35 bytes"),
        (_GOOD[:4] + b"\x80" + _GOOD[5:], "byte 42: no frame"),
        (_GOOD[:18] + b"\0\0\0" + _GOOD[21:], "a sample rate of 0 Hz"),
    ],
)
def test_damaged(content, problem):
    with pytest.raises(formats.FormatError, match="^byte") as caught:
        flac.parse(content)
    assert problem in str(caught.value)
