"""WAVE files, against the standard library's reader and against damage."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfds_extra.formats import FormatError, wav

_SAMPLES = st.one_of(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)),
    hnp.arrays(np.int16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)),
)
_CHUNK = st.builds(
    wav.chunk, st.sampled_from([b"LIST", b"id3 ", b"fact", b"PAD "]), st.binary(max_size=9)
)


@given(samples=_SAMPLES, rate=st.integers(1, 192_000), trailers=st.lists(_CHUNK, max_size=3))
@settings(deadline=None, derandomize=True)
def test_agrees_with_the_standard_library(samples, rate, trailers):
    content = wav.encode(samples, rate, trailer=b"".join(trailers))
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
    content = wav.encode(np.arange(5, dtype=np.uint8), 8000)
    body = content[12:36] + wav.chunk(b"JUNK", b"odd") + content[36:]
    moved = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body
    assert wav.parse(moved).samples()[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_extensible_header():
    plain = wav.encode(np.arange(6, dtype=np.int16).reshape(3, 2), 44100)
    fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 2, 44100, 176400, 4, 16, 22, 16, 3)
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    body = b"WAVE" + wav.chunk(b"fmt ", fmt + guid) + plain[36:]
    content = b"RIFF" + struct.pack("<I", len(body)) + body
    assert wav.parse(content).format_tag == wav.PCM
    assert wav.parse(content).samples().tolist() == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(FormatError, match="extensible"):
        wav.parse(content.replace(guid[-8:], b"!" * 8))


@given(samples=_SAMPLES, data=st.data())
@settings(deadline=None, derandomize=True)
def test_a_shorter_file_is_refused(samples, data):
    content = wav.encode(samples, 8000)
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(FormatError, match="byte "):
        wav.parse(content[:cut])


@given(content=st.binary(max_size=80), position=st.integers(0, 43), byte=st.integers(0, 255))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_any_bytes_are_parsed_or_refused(content, position, byte):
    damaged = bytearray(wav.encode(np.frombuffer(content, np.uint8), 8000))
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
    plain = wav.encode(np.zeros(4, np.int16), 8000)
    chunks = {"f": plain[12:36], "d": plain[36:]}
    body = b"WAVE" + b"".join(chunks[c] for c in order)
    with pytest.raises(FormatError, match=problem):
        wav.parse(b"RIFF" + struct.pack("<I", len(body)) + body)


def test_float_samples_are_not_written():
    with pytest.raises(ValueError, match="uint8 or int16"):
        wav.encode(np.zeros(3, np.float32), 8000)
