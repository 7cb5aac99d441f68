"""Reads RIFF/WAVE files: headers of every common codec, samples of integer PCM.

Source: "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991),
chapter 2 (RIFF) and 3 (WAVE), and the WAVE_FORMAT_EXTENSIBLE note of Microsoft. A file is a `RIFF`
chunk that holds chunks of (4-byte name, 4-byte size, payload, a pad byte after an odd size); `fmt `
says how the samples in `data` are to be read. Other chunks may stand before, between and after.
ADPCM comes in blocks of a fixed number of bytes, each of a fixed number of frames that `fmt ` states.
"""

from __future__ import annotations

import dataclasses
import struct

import numpy as np

from tfds_extra.formats import FormatError, parser

PCM, MS_ADPCM, FLOAT, IMA_ADPCM = 1, 2, 3, 17
_EXTENSIBLE = 0xFFFE
# Bytes 2-15 of a SubFormat GUID whose first two bytes are a plain format tag.
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")


@dataclasses.dataclass(frozen=True)
class Header:
    """The headers of a file.

    Attributes:
      format_tag: Codec: `PCM`, `FLOAT`, `MS_ADPCM`, `IMA_ADPCM` or another.
      channels: Number of channels.
      sample_rate: Frames a second.
      bits_per_sample: Bits of one sample of one channel; 4 in ADPCM.
      block_bytes: Bytes of a frame of PCM, or of a block of ADPCM.
      block_frames: Frames in `block_bytes` bytes; 1 in PCM.
      data_offset: Where the samples begin in the file.
      data_bytes: Bytes of the samples that are in the file.
    """

    format_tag: int
    channels: int
    sample_rate: int
    bits_per_sample: int
    block_bytes: int
    block_frames: int
    data_offset: int
    data_bytes: int

    @property
    def frames(self) -> int:
        """Number of frames that libsndfile decodes, that is samples of each channel."""
        blocks = self.data_bytes // self.block_bytes
        if self.format_tag == IMA_ADPCM and self.data_bytes % self.block_bytes:
            blocks += 1  # libsndfile decodes an incomplete block of IMA, but not of MS ADPCM.
        return blocks * self.block_frames


@dataclasses.dataclass(frozen=True)
class Wav:
    """One parsed file.

    Attributes:
      format_tag: Codec; 1 is integer PCM.
      channels: Number of channels.
      sample_rate: Frames a second.
      bits_per_sample: Bits of one sample of one channel.
      data: Payload of the `data` chunk.
    """

    format_tag: int
    channels: int
    sample_rate: int
    bits_per_sample: int
    data: memoryview

    @property
    def frames(self) -> int:
        """Number of frames, that is samples of each channel."""
        return len(self.data) // (self.channels * self.bits_per_sample // 8)

    @parser
    def samples(self) -> np.ndarray:
        """Returns the samples: uint8 for 8 bits, int16 for 16, of shape (frames, channels).

        Raises:
          FormatError: The codec is not PCM of 8 or 16 bits.
        """
        dtype = {(PCM, 8): "u1", (PCM, 16): "<i2"}.get((self.format_tag, self.bits_per_sample))
        if dtype is None:
            raise FormatError(
                f"codec {self.format_tag:#06x} with {self.bits_per_sample} bits a sample, where"
                " PCM of 8 or 16 bits was expected"
            )
        return np.frombuffer(self.data, dtype).reshape(self.frames, self.channels)


@parser
def read_header(content: bytes) -> Header:
    """Reads the headers of a WAVE file of any codec.

    It is meant for files that are known to be whole. Unlike `parse` it does not compare the stated
    sizes with each other, and the samples end with the file at the latest.

    Args:
      content: The file, or its beginning down to the samples.

    Returns:
      The header's values.

    Raises:
      FormatError: It is no WAVE file, or lacks a header.
    """
    view = memoryview(content)
    if len(view) < 12 or view[:4] != b"RIFF" or view[8:12] != b"WAVE":
        raise FormatError(f"byte 0: no RIFF/WAVE header but {bytes(view[:12])!r}")
    fmt, offset = None, 12
    while offset + 8 <= len(view):
        name, size = bytes(view[offset : offset + 4]), _u32(view, offset + 4)
        payload = view[offset + 8 : offset + 8 + size]
        if name == b"fmt ":
            fmt = _unpack_fmt(payload, offset + 8)
            if not fmt[-1]:
                raise FormatError(
                    f"byte {offset + 8}: ADPCM that does not state the frames of a block"
                )
        elif name == b"data":
            if fmt is None:
                raise FormatError(f"byte {offset}: data chunk before the fmt chunk")
            tag, channels, rate, _, block, bits = fmt[:6]
            return Header(tag, channels, rate, bits, block, fmt[6], offset + 8, len(payload))
        offset += 8 + size + size % 2
    raise FormatError(f"byte {len(view)}: no {'fmt' if fmt is None else 'data'} chunk")


@parser
def parse(content: bytes) -> Wav:
    """Reads the headers of a WAVE file and finds its samples.

    Every size that the headers state is compared with the bytes that are there.

    Args:
      content: The whole file.

    Returns:
      The header's values, and the samples still as bytes.

    Raises:
      FormatError: The file is cut short or longer than it says, a header contradicts itself, or it
        is no WAVE file.
    """
    view = memoryview(content)
    if len(view) < 12 or view[:4] != b"RIFF" or view[8:12] != b"WAVE":
        raise FormatError(f"byte 0: no RIFF/WAVE header but {bytes(view[:12])!r}")
    _check_size(0, "RIFF", stated=_u32(view, 4), held=len(view) - 8)
    fmt = data = None
    offset = 12
    while offset < len(view):
        if offset + 8 > len(view):
            raise FormatError(f"byte {offset}: chunk header cut short")
        name, size = bytes(view[offset : offset + 4]), _u32(view, offset + 4)
        start, end = offset + 8, offset + 8 + size
        if end > len(view):
            raise FormatError(
                f"byte {offset}: chunk {name!r} states {size} bytes, {len(view) - start} are left"
            )
        if name == b"fmt ":
            if fmt is not None:
                raise FormatError(f"byte {offset}: a second fmt chunk")
            fmt = _parse_fmt(view[start:end], start)
        elif name == b"data":
            if fmt is None:
                raise FormatError(f"byte {offset}: data chunk before the fmt chunk")
            if data is not None:
                raise FormatError(f"byte {offset}: a second data chunk")
            data = view[start:end]
            block = fmt[1] * fmt[3] // 8
            if fmt[0] == PCM and size % block:
                raise FormatError(f"byte {offset}: {size} bytes are no whole frames of {block}")
        offset = end + size % 2
    if offset > len(view):
        raise FormatError(f"byte {len(view)}: the pad byte after an odd chunk is missing")
    if fmt is None or data is None:
        raise FormatError(f"byte {len(view)}: no {'fmt' if fmt is None else 'data'} chunk")
    return Wav(*fmt, data)


def _parse_fmt(payload: memoryview, offset: int) -> tuple[int, int, int, int]:
    """Returns the format tag, channels, sample rate and bits of a `fmt ` chunk, each checked."""
    tag, channels, rate, byte_rate, block, bits, _ = _unpack_fmt(payload, offset)
    if tag == PCM:
        if not bits or bits % 8:
            raise FormatError(f"byte {offset + 14}: PCM of {bits} bits a sample")
        if block != channels * bits // 8:
            raise FormatError(
                f"byte {offset + 12}: frames of {block} bytes, but {channels} channels of {bits}"
                f" bits make {channels * bits // 8}"
            )
        if byte_rate != rate * block:
            raise FormatError(
                f"byte {offset + 8}: {byte_rate} bytes a second, but {rate} Hz of {block} bytes"
                f" make {rate * block}"
            )
    return tag, channels, rate, bits


def _unpack_fmt(payload: memoryview, offset: int) -> tuple[int, int, int, int, int, int, int]:
    """Returns the six fields of a `fmt ` chunk (the tag resolved), and the frames of a block.

    The last number is 0 if ADPCM does not state it.
    """
    if len(payload) < 16:
        raise FormatError(f"byte {offset}: fmt chunk of {len(payload)} bytes, 16 are the least")
    tag, channels, rate, byte_rate, block, bits = struct.unpack("<HHIIHH", payload[:16])
    if tag == _EXTENSIBLE:
        if len(payload) < 40 or payload[26:40] != _SUBFORMAT_TAIL:
            raise FormatError(f"byte {offset}: extensible fmt chunk without a known sub-format")
        (tag,) = struct.unpack("<H", payload[24:26])
    if not channels or not rate or not block:
        raise FormatError(
            f"byte {offset}: {channels} channels at {rate} Hz in frames of {block} bytes"
        )
    block_frames = 1
    if tag in (MS_ADPCM, IMA_ADPCM):
        block_frames = int.from_bytes(payload[18:20], "little")
    return tag, channels, rate, byte_rate, block, bits, block_frames


def _u32(view: memoryview, offset: int) -> int:
    return int.from_bytes(view[offset : offset + 4], "little")


def _check_size(offset: int, name: str, stated: int, held: int) -> None:
    if stated != held:
        raise FormatError(
            f"byte {offset + 4}: {name} states {stated} bytes, the file holds {held}"
            f" ({abs(stated - held)} {'missing' if stated > held else 'too many'})"
        )
