"""Writes WAVE files, for miniatures and tests."""

from __future__ import annotations

import struct

import numpy as np

from tfds_extra.formats.wav import PCM


def encode(samples: np.ndarray, sample_rate: int, *, trailer: bytes = b"") -> bytes:
    """Returns a WAVE file of PCM samples, with the plain 44-byte header.

    Args:
      samples: uint8 or int16, of shape (frames,) or (frames, channels).
      sample_rate: Frames a second.
      trailer: Whole chunks to put after the samples.

    Returns:
      The file's bytes.
    """
    if samples.dtype not in (np.uint8, np.int16):
        raise ValueError(f"samples must be uint8 or int16, not {samples.dtype}")
    channels = samples.shape[1] if samples.ndim == 2 else 1
    width = samples.dtype.itemsize
    fmt = struct.pack(
        "<HHIIHH", PCM, channels, sample_rate, sample_rate * channels * width, channels * width,
        width * 8,
    )  # fmt: skip
    data = samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()
    body = b"WAVE" + chunk(b"fmt ", fmt) + chunk(b"data", data) + trailer
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(name: bytes, payload: bytes) -> bytes:
    """Returns one RIFF chunk, padded to an even size."""
    return name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
