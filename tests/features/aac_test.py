"""AAC in MP4: by PyAV, by pydub, and what is said where there is neither."""

from __future__ import annotations

import builtins
import io
import random

import av
import miniature_scripts
import numpy as np
import pydub
import pytest
import tensorflow as tf

from tfds_extra.features import EncodedAudio, sound

_MADE = miniature_scripts.load("voxceleb_extended")
_CONTENT = _MADE.m4a([_MADE.aac_packet(20 + i % 3) for i in range(12)])


def _decode(content: bytes = _CONTENT, dtype: type = np.int16) -> tuple[np.ndarray, int]:
    return sound.decode(io.BytesIO(content), np.dtype(dtype))


@pytest.fixture
def no_av(monkeypatch):
    """PyAV is not installed."""
    load = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "av":
            raise ImportError("No module named 'av'")
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)


def test_samples_are_those_of_ffmpeg():
    with av.open(io.BytesIO(_CONTENT)) as file:
        theirs = np.concatenate([f.to_ndarray() for f in file.decode(audio=0)], axis=1)[0]
    samples, rate = _decode(dtype=np.float32)
    assert rate == 16_000 and samples.shape == (11 * 1_024, 1) and samples.dtype == np.float32
    np.testing.assert_array_equal(samples[:, 0], theirs)
    assert np.abs(theirs).max() > 0.2
    integers, _ = _decode()
    np.testing.assert_array_equal(integers[:, 0], np.rint(theirs * 32_768))


def test_what_exceeds_full_scale_is_clipped():
    loud = _MADE.m4a([_MADE.aac_packet(20, gain=204)] * 4)
    assert np.abs(_decode(loud, np.float32)[0]).max() > 1
    integers, _ = _decode(loud)
    assert integers.max() == 32_767 and integers.min() == -32_768


def test_channels():
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as file:
        stream = file.add_stream("aac", rate=44_100, layout="stereo")
        left = np.sin(np.arange(44_100) / 9).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack([left, 0 * left]), "fltp", "stereo")
        frame.rate = 44_100
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    samples, rate = _decode(content.getvalue(), np.float32)
    assert rate == 44_100 and samples.shape[1] == 2
    assert np.abs(samples[:, 0]).max() > 0.9 and np.abs(samples[:, 1]).max() < 0.1


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_by_pydub(no_av, monkeypatch, dtype):
    """It runs the user's ffmpeg, which is made up here."""
    theirs = np.arange(-2_000, 2_000, dtype=np.int16)[:, None]
    given = []

    def from_file(file, format):
        given.append((file.read(), format))
        return pydub.AudioSegment(theirs.tobytes(), frame_rate=16_000, sample_width=2, channels=1)

    monkeypatch.setattr(pydub.AudioSegment, "from_file", from_file)
    samples, rate = _decode(dtype=dtype)
    assert given == [(_CONTENT, "mp4")] and rate == 16_000 and samples.dtype == dtype
    expected = theirs if dtype == np.int16 else theirs / np.float32(32_768)
    np.testing.assert_array_equal(samples, expected)


def test_neither_pyav_nor_ffmpeg(no_av, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ImportError, match=r"pip install 'tfds_extra\[aac\]'.*ffmpeg"):
        _decode()
    # An environment without a decoder is no broken recording.
    feature = EncodedAudio(sample_rate=16_000, mono=True, undecodable="empty")
    with pytest.raises(ImportError, match="tfds_extra"):
        feature.decode(_CONTENT)


def test_pydub_says_what_ffmpeg_says(no_av, monkeypatch):
    def from_file(file, format):
        raise pydub.exceptions.CouldntDecodeError("Decoding failed.\n\nmoov atom not found\n")

    monkeypatch.setattr(pydub.AudioSegment, "from_file", from_file)
    with pytest.raises(ValueError, match=r"ffmpeg \(pydub\) cannot decode it: moov atom not found"):
        _decode()


def test_feature():
    feature = EncodedAudio(sample_rate=16_000, dtype=np.int16, mono=True)
    expected = _decode()[0][:, 0]
    assert feature.encode_example(_CONTENT) == _CONTENT
    np.testing.assert_array_equal(feature.decode_example_np(_CONTENT), expected)
    dataset = tf.data.Dataset.from_tensors(_CONTENT).map(feature.decode_example)
    (samples,) = dataset.as_numpy_iterator()
    np.testing.assert_array_equal(samples, expected)
    with pytest.raises(ValueError, match="16000 Hz, not 8000 Hz"):
        EncodedAudio(sample_rate=8_000).decode(_CONTENT)


@pytest.mark.parametrize("size", [12, 100, 500, 640])
def test_cut_short(size):
    with pytest.raises(ValueError, match="FFmpeg|cannot decode|PyAV"):
        _decode(_CONTENT[:size])


@pytest.mark.parametrize("configuration", [7, 11, 13])
def test_more_channels_than_can_be_read(configuration):
    """The codec's own header may state more than the container does."""
    old, new = (
        (2 << 11 | 8 << 7 | number << 3).to_bytes(2, "big") for number in (1, configuration)
    )
    assert _CONTENT.count(b"\x05\x02" + old) == 1
    try:
        samples, _ = _decode(_CONTENT.replace(b"\x05\x02" + old, b"\x05\x02" + new))
    except ValueError as e:
        assert "FFmpeg (PyAV) cannot decode it" in str(e)
    else:  # FFmpeg goes by what the packets hold.
        assert samples.shape[1] <= 6


def test_damaged_files_end_in_samples_or_in_one_error():
    for seed in range(800):
        chance = random.Random(seed)
        content = bytearray(_CONTENT)
        for _ in range(chance.randint(1, 6)):
            content[chance.randrange(8, len(content))] = chance.randrange(256)
        try:
            samples, _ = _decode(bytes(content))
        except ValueError as e:
            assert len(str(e)) < 300
        else:
            assert samples.dtype == np.int16 and samples.ndim == 2 and samples.size < 1e7
