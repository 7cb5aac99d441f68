"""Reads the metadata of FLAC recordings, before the first frame. libsndfile does the decoding.

Source: RFC 9639, sections 8 and 9. A file is `fLaC`, metadata blocks, and frames. The first block,
STREAMINFO, has 34 bytes:

    16 bits  least samples of a block          20 bits  sample rate in Hz
    16 bits  most samples of a block            3 bits  channels - 1
    24 bits  least bytes of a frame             5 bits  bits per sample - 1
    24 bits  most bytes of a frame             36 bits  samples of each channel; 0 if not known
                                              128 bits  MD5 of all samples; 0 if not known
"""

from __future__ import annotations

import dataclasses

from tfds_extra.formats import FormatError, parser

_MAGIC = b"fLaC"
_STREAMINFO = 0
_STREAMINFO_BYTES = 34
_FORBIDDEN = 127  # No block may have this type: it would look like the beginning of a frame.
_SYNC = (0xFFF8, 0xFFF9)  # A frame of fixed or variable block size begins so.


@dataclasses.dataclass(frozen=True)
class Flac:
    """The metadata of a FLAC file.

    Attributes:
      sample_rate: Samples of one channel a second, in Hz.
      channels: Number of channels.
      bits_per_sample: Bits of a sample, 4 to 32.
      num_samples: Samples of one channel; 0 if the file does not say.
      pcm_md5: MD5 of all samples, as signed little-endian integers of whole bytes, the channels in
        turn: 32 hexadecimal digits; empty if the file does not say.
      frames_offset: Offset of the first frame.
    """

    sample_rate: int
    channels: int
    bits_per_sample: int
    num_samples: int
    pcm_md5: str
    frames_offset: int


@parser
def parse(content: bytes) -> Flac:
    """Reads the metadata of a FLAC file, and finds its first frame.

    Args:
      content: The file, or at least its metadata and two bytes more.

    Returns:
      The metadata.

    Raises:
      FormatError: It is no FLAC file, has no STREAMINFO, or is cut short before its first frame.
    """
    if content[:4] != _MAGIC:
        raise FormatError(f"byte 0: no FLAC file: it begins with {content[:8]!r}")
    info = b""
    offset, is_last = len(_MAGIC), False
    while not is_last:
        header = content[offset : offset + 4]
        if len(header) < 4:
            raise FormatError(f"byte {offset}: cut short in its metadata")
        is_last, kind = bool(header[0] & 0x80), header[0] & 0x7F
        size = int.from_bytes(header[1:], "big")
        if kind == _FORBIDDEN:
            raise FormatError(f"byte {offset}: no metadata block")
        if (kind == _STREAMINFO) != (offset == len(_MAGIC)):
            raise FormatError(
                f"byte {offset}: STREAMINFO is not the first block, or not the only one"
            )
        if offset + 4 + size > len(content):
            raise FormatError(f"byte {offset}: a block of {size} bytes is cut short")
        if kind == _STREAMINFO:
            info = content[offset + 4 : offset + 4 + size]
            if size != _STREAMINFO_BYTES:
                raise FormatError(f"byte {offset}: STREAMINFO has {size} bytes, not 34")
        offset += 4 + size
    packed = int.from_bytes(info[10:18], "big")
    flac = Flac(
        sample_rate=packed >> 44,
        channels=(packed >> 41 & 7) + 1,
        bits_per_sample=(packed >> 36 & 31) + 1,
        num_samples=packed & (1 << 36) - 1,
        pcm_md5=info[18:].hex() if any(info[18:]) else "",
        frames_offset=offset,
    )
    if not flac.sample_rate:
        raise FormatError("byte 18: a sample rate of 0 Hz")
    if int.from_bytes(content[offset : offset + 2], "big") not in _SYNC:
        raise FormatError(f"byte {offset}: no frame behind the metadata")
    return flac
