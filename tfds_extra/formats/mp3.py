"""Reads the frame headers of MPEG audio streams (MP3, and layers I and II); nothing is decoded.

A stream is a sequence of frames, each with a header that says how long it is (ISO/IEC 11172-3 and
13818-3; MPEG 2.5 is Fraunhofer's extension). Tags stand around them: ID3v2 before, APEv2, Lyrics3
and ID3v1 after. The first frame may have a Xing (or Info) header in place of sound. It says how
many frames follow, and how many of their samples have to be cut off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tfds_extra.formats import parser

_V1, _V2, _V25 = 3, 2, 0  # Codes of the versions in a header; 1 is reserved.
_LAYER_1, _LAYER_2, _LAYER_3 = 3, 2, 1  # Codes of the layers in a header; 0 is reserved.
_SAMPLE_RATES = {
    _V1: (44100, 48000, 32000),
    _V2: (22050, 24000, 16000),
    _V25: (11025, 12000, 8000),
}
# Bit rates in kbit/s for indices 1 to 14. Index 0 means "free", which does not tell the length.
_BIT_RATES = {
    (_V1, _LAYER_1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (_V1, _LAYER_2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (_V1, _LAYER_3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (_V2, _LAYER_1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (_V2, _LAYER_2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_BIT_RATES[_V2, _LAYER_3] = _BIT_RATES[_V2, _LAYER_2]
_MONO = 3
_HEADER = 4
_DECODER_DELAY = 529  # Every layer III decoder delays the sound by so many samples.
_LONGEST_APE_HEADER = 32


@dataclasses.dataclass(frozen=True)
class Frame:
    """The header of one frame.

    Attributes:
      version: 1, 2 or 2.5.
      layer: 1, 2 or 3.
      sample_rate: In Hz.
      channels: 1 or 2.
      bit_rate: In bit/s.
      size: Bytes, header included.
      samples: Samples of each channel that it codes.
    """

    version: float
    layer: int
    sample_rate: int
    channels: int
    bit_rate: int
    size: int
    samples: int


@dataclasses.dataclass(frozen=True)
class Stream:
    """A summary of the headers of a recording.

    Attributes:
      first: The first frame of sound; None if there is none.
      num_frames: Frames of sound: complete ones, without a Xing or Info frame.
      num_samples: Samples of each channel that decoding gives, without the delay of encoder and
        decoder and the padding that an Info frame states. libsndfile (mpg123) gives as many, unless
        the bit rate varies and there is no Info frame: then it estimates by the size of the first
        frame. Other decoders may keep some of the delay, or play the Info frame.
      bit_rate: Mean over the frames of sound, in bit/s, rounded; 0 without frames.
      tag_bytes: Bytes of tags.
      stray_bytes: Bytes that belong neither to frames nor to tags: damage, or something that is no
        MPEG audio. An incomplete last frame is not counted.
    """

    first: Frame | None
    num_frames: int
    num_samples: int
    bit_rate: int
    tag_bytes: int
    stray_bytes: int

    @property
    def sample_rate(self) -> int:
        """The sample rate in Hz; 0 without frames."""
        return self.first.sample_rate if self.first else 0

    @property
    def channels(self) -> int:
        """The number of channels, 1 or 2; 0 without frames."""
        return self.first.channels if self.first else 0


@parser
def parse_header(content: bytes, at: int = 0) -> Frame | None:
    """Returns the frame header at an offset; None if there is none (or one of free bit rate)."""
    return _header(content, at)


def _header(content: bytes, at: int) -> Frame | None:
    if at + _HEADER > len(content) or content[at] != 0xFF:
        return None
    return _frame(content[at + 1], content[at + 2], content[at + 3] >> 6 == _MONO)


@parser
def parse(content: bytes) -> Stream:
    """Goes through the frames of a whole recording.

    Like every decoder, it skips bytes that are no frame, and goes on at the next place where two
    headers follow each other.
    """
    start = _leading_tags(content)
    stop = _trailing_tags(content, start)
    first = info = None
    num_frames = sound_bytes = samples = stray = 0
    at = start
    for number, (position, frame) in enumerate(_frames(content, start, stop)):
        stray += position - at
        at = position + frame.size
        if number == 0 and (info := _info(content, position, frame)):
            continue
        first = first or frame
        num_frames += 1
        sound_bytes += frame.size
        samples += frame.samples
    bit_rate = round(8 * sound_bytes * first.sample_rate / samples) if first else 0
    if info and first:
        samples = info.sounding(samples, first.samples)
    last = _header(content, at)
    if not (first and last and _fits(last, first)):
        stray += stop - at
    tag_bytes = start + len(content) - stop
    return Stream(first, num_frames, samples, bit_rate, tag_bytes, stray)


def _frames(content: bytes, start: int, stop: int) -> Iterator[tuple[int, Frame]]:
    """Yields the position and header of every complete frame between two offsets."""
    at, before = start, None  # `before` is the frame that ends at `at`.
    while True:
        frame = _header(content, at)
        if frame is None or at + frame.size > stop or not _fits(frame, before):
            frame = None
        elif before is None:
            # Four bytes may look like a header by chance, so that another header has to follow.
            end = at + frame.size
            follower = _header(content, end)
            if end != stop and not (follower and _fits(follower, frame)):
                frame = None
        if frame is not None:
            yield at, frame
            at, before = at + frame.size, frame
            continue
        at, before = content.find(b"\xff", at if before else at + 1, stop), None
        if at < 0:
            return


def _fits(frame: Frame, before: Frame | None) -> bool:
    """Returns whether two frames can be neighbours: encoders do not change these values."""
    return before is None or (
        frame.sample_rate == before.sample_rate
        and frame.layer == before.layer
        and frame.version == before.version
    )


def _compile() -> dict[tuple[int, int, bool], Frame]:
    """Returns every valid header, by its second and third byte and whether it is mono."""
    frames = {}
    for second in range(0xE0, 0x100):
        version, layer = second >> 3 & 3, second >> 1 & 3
        if version == 1 or layer == 0:
            continue
        for third in range(256):
            rate_index, bits_index, padding = third >> 2 & 3, third >> 4, third >> 1 & 1
            if rate_index == 3 or bits_index in (0, 15):
                continue
            sample_rate = _SAMPLE_RATES[version][rate_index]
            kbits = _BIT_RATES[_V1 if version == _V1 else _V2, layer][bits_index - 1]
            samples = {_LAYER_1: 384, _LAYER_2: 1152}.get(layer, 1152 if version == _V1 else 576)
            slot = 4 if layer == _LAYER_1 else 1  # Padding adds so many bytes.
            size = (samples // 8 // slot * 1000 * kbits // sample_rate + padding) * slot
            for mono in (False, True):
                frames[second, third, mono] = Frame(
                    {_V1: 1, _V2: 2, _V25: 2.5}[version], 4 - layer, sample_rate,
                    1 if mono else 2, 1000 * kbits, size, samples,
                )  # fmt: skip
    return frames


_FRAMES = _compile()


def _frame(second: int, third: int, mono: bool) -> Frame | None:
    return _FRAMES.get((second, third, mono))


@dataclasses.dataclass(frozen=True)
class _Info:
    """A Xing or Info header.

    Attributes:
      num_frames: Number of frames of sound; 0 if it is not stated.
      delay: Samples that the encoder put before the sound; None if not stated.
      padding: Samples that the encoder put after the sound.
    """

    num_frames: int = 0
    delay: int | None = None
    padding: int = 0

    def sounding(self, coded: int, samples_per_frame: int) -> int:
        """Returns how many of the coded samples are left after delay and padding are cut off."""
        if self.delay is None:
            return coded
        begin = self.delay + _DECODER_DELAY
        end = max(0, self.padding - _DECODER_DELAY)
        announced = (self.num_frames * samples_per_frame or coded) - begin - end
        return max(0, min(coded - begin, announced))


def _info(content: bytes, at: int, frame: Frame) -> _Info | None:
    """Returns the Xing or Info header in a frame; None if there is none, or the frame has sound."""
    if frame.layer != 3:
        return None
    side = {(True, 2): 32, (True, 1): 17, (False, 2): 17, (False, 1): 9}
    mark = at + _HEADER + side[frame.version == 1, frame.channels]
    if content[mark : mark + 4] not in (b"Xing", b"Info") or any(content[at + _HEADER : mark]):
        return None
    flags = content[mark + 7]
    num_frames = int.from_bytes(content[mark + 8 : mark + 12], "big") if flags & 1 else 0
    # Number of frames, number of bytes, table of contents and quality are all optional.
    encoder = mark + 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1)
    if encoder + 24 > at + frame.size or not content[encoder]:
        return _Info(num_frames)
    both = int.from_bytes(content[encoder + 21 : encoder + 24], "big")
    return _Info(num_frames, both >> 12, both & 0xFFF)


# -------------------------------------------------------------------------------------------- tags


def _leading_tags(content: bytes) -> int:
    """Returns where the ID3v2 tags at the beginning end."""
    at = 0
    while content[at : at + 3] == b"ID3" and len(content) >= at + 10:
        size = 0
        for byte in content[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F  # Seven bits a byte.
        footer = 10 if content[at + 5] & 0x10 else 0
        at = min(len(content), at + 10 + size + footer)
    return at


def _trailing_tags(content: bytes, start: int) -> int:
    """Returns where the tags at the end begin."""
    stop = len(content)
    while True:
        before = stop
        if stop - start >= 128 and content[stop - 128 : stop - 125] == b"TAG":
            stop -= 128
        if stop - start >= 227 and content[stop - 227 : stop - 223] == b"TAG+":
            stop -= 227
        if content[stop - 32 : stop - 24] == b"APETAGEX" and stop - 32 >= start:
            size = int.from_bytes(content[stop - 20 : stop - 16], "little")
            has_header = content[stop - 9] & 0x80
            size += _LONGEST_APE_HEADER if has_header else 0
            if 32 <= size <= stop - start:
                stop -= size
        if content[stop - 9 : stop] == b"LYRICS200" and stop - 15 >= start:
            digits = content[stop - 15 : stop - 9]
            if digits.isdigit() and int(digits) + 15 <= stop - start:
                stop -= int(digits) + 15
        if stop == before:
            return stop
