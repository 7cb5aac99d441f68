"""MP3 frame headers: against libsndfile on recordings of many kinds, whole and damaged."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from tfds_extra.formats import mp3

_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def encode(sample_rate: int, channels: int, mode: str = "CONSTANT", seconds: float = 0.4) -> bytes:
    """Noise, encoded by LAME."""
    samples = np.random.default_rng(0).normal(0, 0.1, (int(sample_rate * seconds) + 123, channels))
    content = io.BytesIO()
    soundfile.write(
        content, samples, sample_rate, format="MP3", bitrate_mode=mode, compression_level=0.5
    )
    return content.getvalue()


def decoded(content: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(content), always_2d=True)[0]


def frames(content: bytes) -> list[tuple[int, mp3.Frame]]:
    return list(mp3._frames(content, mp3._leading_tags(content), len(content)))


@pytest.fixture(scope="module")
def recording() -> bytes:
    return encode(44100, 2)


@pytest.fixture(scope="module")
def sound(recording) -> bytes:
    """The recording without its Info frame."""
    return recording[frames(recording)[1][0] :]


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_rate", _RATES)
def test_same_as_libsndfile(sample_rate, channels, mode):
    content = encode(sample_rate, channels, mode)
    stream = mp3.parse(content)
    info = soundfile.info(io.BytesIO(content))
    assert (stream.sample_rate, stream.channels) == (info.samplerate, info.channels)
    assert stream.num_samples == info.frames == len(decoded(content))
    # The delay and padding that LAME notes are cut off again.
    assert stream.num_samples == int(sample_rate * 0.4) + 123
    assert stream.first.samples == (1152 if sample_rate >= 32000 else 576)
    assert (stream.tag_bytes, stream.stray_bytes) == (0, 0)
    sizes = [frame.size for _, frame in frames(content)]
    assert sum(sizes) == len(content)
    assert stream.num_frames == len(sizes) - 1
    coded = stream.num_frames * stream.first.samples / sample_rate
    assert stream.bit_rate == round(8 * sum(sizes[1:]) / coded)


def test_header_tables():
    """Every bit rate of every version and layer, and the size that follows from it."""
    found = set()
    for second in range(256):
        for third in range(256):
            frame = mp3.parse_header(bytes([0xFF, second, third, 0]))
            if frame is None:
                continue
            found.add((frame.version, frame.layer, frame.sample_rate, frame.bit_rate))
            # The standard's formulas: slots of 4 bytes in layer I, of one in the others.
            padding = third >> 1 & 1
            if frame.layer == 1:
                size = (12 * frame.bit_rate // frame.sample_rate + padding) * 4
            else:
                size = frame.samples // 8 * frame.bit_rate // frame.sample_rate + padding
            assert frame.size == size
    assert len(found) == 3 * 3 * 3 * 14
    # Table B.2.1 of ISO/IEC 11172-3 and its counterpart in 13818-3 rise with the index.
    rates = {key: sorted({f[3] for f in found if f[:2] == key}) for key in {f[:2] for f in found}}
    assert rates[1, 3][:3] == [32000, 40000, 48000] and rates[1, 3][-1] == 320000
    assert rates[1, 2][:3] == [32000, 48000, 56000] and rates[1, 2][-1] == 384000
    assert rates[1, 1] == [32000 * n for n in range(1, 15)]
    assert rates[2, 3] == rates[2, 2] == rates[2.5, 3] and rates[2, 3][-1] == 160000
    assert rates[2, 1][-1] == 256000


@pytest.mark.parametrize(
    "header",
    [
        b"\xff\xfb\x00\x00",  # Free bit rate.
        b"\xff\xfb\xf0\x00",  # No bit rate.
        b"\xff\xfb\x9c\x00",  # No sample rate.
        b"\xff\xeb\x90\x00",  # No version.
        b"\xff\xf9\x90\x00",  # No layer.
        b"\xfe\xfb\x90\x00",
        b"\xff\xfb\x90",
        b"",
    ],
)
def test_no_header(header):
    assert mp3.parse_header(header) is None


def _id3v2(size: int, flags: int = 0) -> bytes:
    length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    footer = b"3DI\4\0" + bytes([flags]) + length if flags else b""
    return b"ID3\4\0" + bytes([flags]) + length + bytes(size) + footer


_APE = b"APETAGEX" + (2000).to_bytes(4, "little")


@pytest.mark.parametrize(
    "before, after",
    [
        (_id3v2(16), b""),
        (_id3v2(300), b""),
        (_id3v2(16) + _id3v2(40), b""),
        (_id3v2(16, flags=0x10), b""),
        (b"", b"TAG" + bytes(125)),
        (b"", b"x" * 20 + _APE + (52).to_bytes(4, "little") + bytes(16)),
        (b"", b"x" * 20 + _APE + (52).to_bytes(4, "little") + bytes(16) + b"TAG" + bytes(125)),
        (b"", b"LYRICSBEGIN" + b"la" * 9 + b"000029LYRICS200"),
        (_id3v2(16), b"TAG+" + bytes(223) + b"TAG" + bytes(125)),
    ],
)
def test_tags(recording, before, after):
    plain, tagged = mp3.parse(recording), mp3.parse(before + recording + after)
    assert tagged.tag_bytes == len(before) + len(after)
    assert tagged.stray_bytes == 0
    assert (tagged.num_frames, tagged.num_samples) == (plain.num_frames, plain.num_samples)


def test_tag_of_2000_bytes_that_hides_nothing(recording):
    """A tag that states more bytes than there are does not hide the frames before it."""
    content = recording + _APE + (10**6).to_bytes(4, "little") + bytes(16)
    assert mp3.parse(content).num_frames == mp3.parse(recording).num_frames


@pytest.mark.parametrize("cut", [1, 50, 300, 2000, 3000, 5000])
def test_cut_short(recording, sound, cut):
    for content in (recording[:-cut], sound[:-cut]):
        stream = mp3.parse(content)
        assert stream.num_samples == len(decoded(content))
        assert stream.stray_bytes == 0  # The rest of a frame is no damage.


def test_cut_at_the_beginning(recording):
    """As libsndfile, whatever is left of it."""
    second, third = frames(recording)[1][0], frames(recording)[2][0]
    assert mp3.parse(recording[second:]).num_samples == len(decoded(recording[second:]))
    assert mp3.parse(recording[second + 10 :]).num_frames == len(frames(recording)) - 2
    assert mp3.parse(recording[second + 10 :]).stray_bytes == third - second - 10


@pytest.mark.parametrize("between", [b"garbage" * 50, b"\xff" * 350])
def test_damage_between_frames(sound, between):
    cut = frames(sound)[5][0]
    content = sound[:cut] + between + sound[cut:]
    stream = mp3.parse(content)
    assert stream.stray_bytes == len(between)
    assert stream.num_samples == mp3.parse(sound).num_samples == len(decoded(content))


def test_info_frame_with_sound_is_sound(recording):
    """Decoders take a frame for an Info frame only if it is silent otherwise."""
    content = bytearray(recording)
    content[10] = 1
    stream = mp3.parse(bytes(content))
    assert stream.num_frames == len(frames(recording))
    assert stream.num_samples == len(decoded(bytes(content)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 3000,
        b"<html>No such file</html>" * 40,
        b"ID3",
        b"ID3\4\0\0\0\0\x7f\x7f",
        b"\xff",
    ],
)
def test_nothing_to_hear(content):
    stream = mp3.parse(content)
    assert stream.first is None
    assert (stream.num_frames, stream.num_samples, stream.bit_rate) == (0, 0, 0)
    assert (stream.sample_rate, stream.channels) == (0, 0)
    assert stream.tag_bytes + stream.stray_bytes == len(content)
    with pytest.raises(soundfile.LibsndfileError):
        decoded(content)


def test_tag_and_info_frame_alone(recording):
    stream = mp3.parse(_id3v2(100) + recording[: frames(recording)[1][0]])
    assert (stream.first, stream.num_samples, stream.stray_bytes) == (None, 0, 0)


def test_long_garbage_takes_no_time():
    """Linear in the number of bytes, also where every byte looks like the beginning of a frame."""
    assert mp3.parse(b"\xff" * 1_000_000).num_frames == 0
    assert mp3.parse(b"\xff\xfb\x90\x00" * 250_000).num_frames == 0
