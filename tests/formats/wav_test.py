"""WAVE files, against the standard library's reader and against damage."""

from __future__ import annotations

import io
import itertools
import struct
import wave

import numpy as np
import pytest
import soundfile
import wav_writer
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfds_extra.formats import FormatError, wav

_SAMPLES = st.one_of(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)),
    hnp.arrays(np.int16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)),
)
_CHUNK = st.builds(
    wav_writer.chunk, st.sampled_from([b"LIST", b"id3 ", b"fact", b"PAD "]), st.binary(max_size=9)
)


@given(samples=_SAMPLES, rate=st.integers(1, 192_000), trailers=st.lists(_CHUNK, max_size=3))
@settings(deadline=None, derandomize=True)
def test_agrees_with_the_standard_library(samples, rate, trailers):
    content = wav_writer.encode(samples, rate, trailer=b"".join(trailers))
    parsed = wav.parse(content)
    with wave.open(io.BytesIO(content)) as reader:
        assert (
            parsed.channels,
            parsed.bits_per_sample // 8,
            parsed.sample_rate,
            parsed.frames,
        ) == (reader.getparams()[:4])
        assert bytes(parsed.data) == reader.readframes(reader.getnframes())
    np.testing.assert_array_equal(parsed.samples(), samples)
    assert parsed.samples().dtype == samples.dtype


def test_chunks_before_the_samples_and_odd_sizes():
    content = wav_writer.encode(np.arange(5, dtype=np.uint8), 8000)
    body = content[12:36] + wav_writer.chunk(b"JUNK", b"odd") + content[36:]
    moved = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body
    assert wav.parse(moved).samples()[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_extensible_header():
    plain = wav_writer.encode(np.arange(6, dtype=np.int16).reshape(3, 2), 44100)
    fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 2, 44100, 176400, 4, 16, 22, 16, 3)
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    body = b"WAVE" + wav_writer.chunk(b"fmt ", fmt + guid) + plain[36:]
    content = b"RIFF" + struct.pack("<I", len(body)) + body
    assert wav.parse(content).format_tag == wav.PCM
    assert wav.parse(content).samples().tolist() == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(FormatError, match="extensible"):
        wav.parse(content.replace(guid[-8:], b"!" * 8))


@given(samples=_SAMPLES, data=st.data())
@settings(deadline=None, derandomize=True)
def test_a_shorter_file_is_refused(samples, data):
    content = wav_writer.encode(samples, 8000)
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(FormatError, match="byte "):
        wav.parse(content[:cut])


@given(content=st.binary(max_size=80), position=st.integers(0, 43), byte=st.integers(0, 255))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_any_bytes_are_parsed_or_refused(content, position, byte):
    damaged = bytearray(wav_writer.encode(np.frombuffer(content, np.uint8), 8000))
    damaged[position] = byte
    for candidate in (content, bytes(damaged)):
        try:
            parsed = wav.parse(candidate)
            parsed.samples()
        except FormatError:
            continue
        assert parsed.frames * parsed.channels * parsed.bits_per_sample // 8 == len(parsed.data)


@pytest.mark.parametrize(
    "order, problem",
    [("d", "data chunk before the fmt"), ("fdd", "second data"), ("ffd", "second fmt"), ("f", "no data"), ("", "no fmt")],
)  # fmt: skip
def test_order_of_chunks(order, problem):
    plain = wav_writer.encode(np.zeros(4, np.int16), 8000)
    chunks = {"f": plain[12:36], "d": plain[36:]}
    body = b"WAVE" + b"".join(chunks[c] for c in order)
    with pytest.raises(FormatError, match=problem):
        wav.parse(b"RIFF" + struct.pack("<I", len(body)) + body)


def test_float_samples_are_not_written():
    with pytest.raises(ValueError, match="uint8 or int16"):
        wav_writer.encode(np.zeros(3, np.float32), 8000)


# ----------------------------------------------------------------------------------- headers alone

_TAGS = {"MS_ADPCM": wav.MS_ADPCM, "IMA_ADPCM": wav.IMA_ADPCM, "FLOAT": wav.FLOAT, "DOUBLE": wav.FLOAT}  # fmt: skip
_BITS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}


def _written(form: str, subtype: str, rate: int, channels: int, frames: int) -> bytes:
    content = io.BytesIO()
    samples = np.zeros((frames, channels))
    soundfile.write(content, samples, rate, format=form, subtype=subtype)
    return content.getvalue()


@pytest.mark.parametrize(
    "form, subtype",
    [
        *itertools.product(["WAV", "WAVEX"], _BITS),
        ("WAV", "MS_ADPCM"),
        ("WAV", "IMA_ADPCM"),
    ],
)
@pytest.mark.parametrize("rate, channels", [(11024, 1), (22050, 2), (44100, 1), (192_000, 2)])
@pytest.mark.parametrize("frames", [0, 1, 505, 4999])
def test_header_agrees_with_libsndfile(form, subtype, rate, channels, frames):
    content = _written(form, subtype, rate, channels, frames)
    header = wav.read_header(content)
    theirs = soundfile.info(io.BytesIO(content))
    assert header.frames == theirs.frames
    assert (header.sample_rate, header.channels) == (rate, channels)
    assert header.bits_per_sample == _BITS.get(subtype, 4)
    assert header.format_tag == _TAGS.get(subtype, wav.PCM)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "MS_ADPCM", "IMA_ADPCM"])
@pytest.mark.parametrize("cut", [1, 7, 100, 300])
def test_header_of_a_cut_file_agrees_with_libsndfile(subtype, cut):
    content = _written("WAV", subtype, 8000, 1, 5000)[:-cut]
    assert wav.read_header(content).frames == soundfile.info(io.BytesIO(content)).frames


def test_header_ignores_the_fact_chunk_as_libsndfile_does():
    content = _written("WAV", "MS_ADPCM", 8000, 1, 5000)
    place = content.index(b"fact") + 8
    content = content[:place] + struct.pack("<I", 123) + content[place + 4 :]
    assert wav.read_header(content).frames == soundfile.info(io.BytesIO(content)).frames == 5000


@pytest.mark.parametrize(
    "damage, problem",
    [
        (lambda c: b"", "no RIFF/WAVE header"),
        (lambda c: b"RIFX" + c[4:], "no RIFF/WAVE header"),
        (lambda c: c[:36], "no data chunk"),
        (lambda c: c[:12] + c[36:], "data chunk before the fmt chunk"),
        (lambda c: c[:12], "no fmt chunk"),
        (lambda c: c[:12] + wav_writer.chunk(b"fmt ", bytes(15)) + c[36:], "16 are the least"),
        (lambda c: c[:12] + wav_writer.chunk(b"fmt ", bytes(16)) + c[36:], "0 channels"),
        (lambda c: c[:20] + b"\x11" + c[21:], "frames of a block"),
        (lambda c: c[:20] + b"\xfe\xff" + c[22:], "sub-format"),
    ],
)
def test_header_refuses(damage, problem):
    with pytest.raises(FormatError, match=problem):
        wav.read_header(damage(wav_writer.encode(np.zeros(4, np.int16), 8000)))
