"""MP4 files: what their headers state, and what is damaged."""

from __future__ import annotations

import io

import av
import miniature_scripts
import numpy as np
import pytest

from tfds_extra import formats
from tfds_extra.formats import mp4

_MADE = miniature_scripts.load("voxceleb_extended")
_PACKETS = [_MADE.aac_packet(20)] * 9


def _encoded(rate: int, layout: str, seconds: float, container: str = "mp4") -> bytes:
    """A tone, as FFmpeg encodes it."""
    content = io.BytesIO()
    with av.open(content, "w", format=container) as file:
        stream = file.add_stream("aac", rate=rate, layout=layout)
        channels = len(stream.layout.channels)
        wave = np.sin(np.arange(int(rate * seconds)) / 9).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.tile(wave, (channels, 1)), "fltp", layout)
        frame.rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return content.getvalue()


def _decoded(content: bytes) -> int:
    """Number of samples that FFmpeg decodes."""
    with av.open(io.BytesIO(content)) as file:
        return sum(frame.samples for frame in file.decode(audio=0))


@pytest.mark.parametrize(
    "rate, layout, channels",
    [(16_000, "mono", 1), (44_100, "stereo", 2), (8_000, "mono", 1), (48_000, "mono", 1)],
)
@pytest.mark.parametrize("container", ["mp4", "ipod"])
def test_as_ffmpeg_reads_it(rate, layout, channels, container):
    content = _encoded(rate, layout, 1.7, container)
    sound = mp4.parse(content)
    assert (sound.codec, sound.channels, sound.sample_rate) == (mp4.AAC, channels, rate)
    # The last packet may be stated shorter than FFmpeg decodes it.
    assert 0 <= _decoded(content) - sound.num_samples < 1024
    assert sound.num_samples >= int(rate * 1.7)


def test_miniature():
    content = _MADE.m4a(_PACKETS)
    assert mp4.parse(content) == (mp4.AAC, 1, 16_000, 9, 8 * 1_024)
    assert _decoded(content) == 8 * 1_024


@pytest.mark.parametrize("size", [8, 40, 200, 500, 600, -1])
def test_cut_short(size):
    content = _MADE.m4a(_PACKETS)
    with pytest.raises(formats.FormatError, match="cut short|0 tracks"):
        mp4.parse(content[:size])


def _renamed(old: bytes, new: bytes) -> bytes:
    content = _MADE.m4a(_PACKETS)
    assert content.count(old) == 1
    return content.replace(old, new)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "byte 0: no MP4 file"),
        (b"RIFF\0\0\0\0WAVEfmt ", "byte 0: no MP4 file but b'RIFF"),
        (b"\0\0\0\x08ftyp", "0 tracks, where one of sound was expected"),
        (_renamed(b"stsd", b"free"), "no stsd box"),
        (_renamed(b"mdhd", b"free"), "no mdhd box"),
        (_renamed(b"mdat", b"free"), "cut short: packets of 1?.. bytes, and 0 are there"),
        (_renamed(b"stsz\0\0\0\0\0\0\0\0\0\0\0\x09", b"stsz\0\0\0\0\0\0\0\0\0\0\0\x08"), "9 packets"),
        (_renamed(b"\0\0\0\0\0\0\0\x01\0\0\0\x09\0\0\4\0", b"\0\0\0\0\xff\0\0\x01\0\0\0\x09\0\0\4\0"), "stts"),
        (b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * 10_001, "more than 10,000 boxes"),
    ],
)  # fmt: skip
def test_damaged(content, problem):
    with pytest.raises(formats.FormatError, match=problem):
        mp4.parse(content)


def test_wide_sizes_and_a_box_to_the_end():
    content = _MADE.m4a(_PACKETS)
    at = content.index(b"mdat") - 4
    body = content[at + 8 :]
    wide = b"\0\0\0\1mdat" + (len(body) + 16).to_bytes(8, "big") + body
    assert mp4.parse(content[:at] + wide) == mp4.parse(content)
    assert mp4.parse(content[:at] + b"\0\0\0\0mdat" + body) == mp4.parse(content)
