"""Shared by the features of recordings: decoding, a player, a picture."""

from __future__ import annotations

import base64
import io
import math
import struct
from typing import Any, BinaryIO

import numpy as np

from tfds_extra import formats
from tfds_extra.formats import mp4, wav

# Codecs of libsndfile whose samples are floats: it does not scale them when integers are asked for.
_FLOAT_CODECS = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")  # fmt: skip
_ALIGNMENT = 64  # TensorFlow's alignment of memory in bytes.
_MP4_HEAD = 12  # So many bytes tell that a file is MP4.
# FFmpeg decodes AAC to this format: floats of full scale 1, each channel separate.
_PLANES, _MOST_CHANNELS = "fltp", 6
_WINDOW = 0.032  # Seconds of one spectrum.
_MAX_POINTS = 4096  # The most points of a curve; the picture has fewer pixels.
_MAX_SPECTRA = 1000


def decode(recording: BinaryIO, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """Decodes a recording with libsndfile: WAV, FLAC, MP3, Ogg and others; AAC in MP4 with FFmpeg.

    Args:
      recording: The file's bytes.
      dtype: int16, int32, float32 or float64. Full scale is 1 for floats (a lossy codec or a float
        file may exceed it), and the dtype's range for integers (larger values are clipped).

    Returns:
      Samples of shape (frames, channels), and the sample rate in Hz.

    Raises:
      ImportError: It is an MP4 file, and there is neither PyAV nor an ffmpeg.
      ValueError: libsndfile cannot decode it, for example a FLAC file that is cut short; the
        message says why. WAV and MP3 files that are cut short are decoded as far as they go; in
        such an Ogg file libsndfile finds no samples at all.
    """
    head = recording.read(_MP4_HEAD)
    recording.seek(0)
    if mp4.is_mp4(head):
        return _decode_mp4(recording.read(), dtype)
    import soundfile  # It loads libsndfile, which only decoding needs.

    try:
        with soundfile.SoundFile(recording) as file:
            scale = dtype.kind == "i" and file.subtype in _FLOAT_CODECS
            # `soundfile.read` does this, too; without it the last bit of an MP3's samples differs.
            file.seek(0)
            samples = _aligned((file.frames, file.channels), np.dtype("f8") if scale else dtype)
            samples = file.read(out=samples)
            sample_rate = file.samplerate
    # soundfile's errors are RuntimeErrors; a header with absurd numbers causes the others.
    except (RuntimeError, TypeError, ValueError, MemoryError) as e:
        # The message should not name a Python object; damage that is found late has only a number.
        reason = getattr(e, "error_string", str(e)) or repr(e)
        raise ValueError(f"libsndfile cannot decode it: {reason}") from e
    return (to_integer(samples, dtype) if scale else samples), sample_rate


def _decode_mp4(content: bytes, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """Does the same as `decode` for an MP4 file, by PyAV or else pydub, not by libsndfile."""
    try:
        import av
    except ImportError:
        samples, sample_rate = _decode_by_pydub(content)
    else:
        samples, sample_rate = _decode_by_av(av, content)
    if dtype.kind == "i":
        return to_integer(samples, dtype), sample_rate
    return samples.astype(dtype), sample_rate


def _decode_by_av(av: Any, content: bytes) -> tuple[np.ndarray, int]:
    """Returns float64 samples and rate, decoded by the FFmpeg in PyAV's wheel."""
    try:
        with av.open(io.BytesIO(content)) as file:
            if not file.streams.audio:
                raise ValueError("it has no sound")
            stream = file.streams.audio[0]
            frames = []
            for frame in file.decode(stream):
                channels, form = frame.layout.nb_channels, frame.format.name
                # With more than 7 channels, PyAV 18 reads memory that holds no samples.
                if form != _PLANES or channels > _MOST_CHANNELS:
                    raise ValueError(f"{channels} channels of samples {form}")
                frames.append(frame.to_ndarray())
            if not frames:
                raise ValueError("it has no samples")
            # This raises if the number of channels is not always the same.
            return np.concatenate(frames, axis=1).T.astype(np.float64), stream.rate
    # Damage that FFmpeg does not notice may leave a frame that PyAV cannot convert.
    except (av.FFmpegError, ArithmeticError, LookupError, ValueError) as e:
        raise ValueError(
            f"FFmpeg (PyAV) cannot decode it: {getattr(e, 'strerror', '') or e}"
        ) from e


def _decode_by_pydub(content: bytes) -> tuple[np.ndarray, int]:
    """Returns float64 samples and rate, decoded by the user's programs ffmpeg and ffprobe."""
    import pydub
    from pydub import exceptions

    try:
        segment = pydub.AudioSegment.from_file(io.BytesIO(content), format="mp4")
    except FileNotFoundError as e:
        raise ImportError(
            "AAC is decoded by PyAV: python -m pip install 'tfds_extra[aac]'. An ffmpeg with ffprobe,"
            " which pydub finds in the PATH, will do, too."
        ) from e
    except (exceptions.PydubException, OSError, LookupError, ValueError) as e:
        reason = str(e).strip().rpartition("\n")[2] or repr(e)
        raise ValueError(f"ffmpeg (pydub) cannot decode it: {reason}") from e
    samples = np.array(segment.get_array_of_samples()).reshape(-1, segment.channels)
    return samples / float(1 << (8 * segment.sample_width - 1)), segment.frame_rate


def decode_pcm16(content: bytes, dtype: np.dtype) -> tuple[np.ndarray, int] | None:
    """Does the same as `decode`, but only for WAV files of 16-bit PCM, and in half the time.

    libsndfile asks Python for every 8 KB, and threads have to wait for Python's lock.

    Args:
      content: The file's bytes.
      dtype: int16 or float32.

    Returns:
      The result of `decode`, or None if it is another kind of file, or cannot be read.
    """
    try:
        header = wav.read_header(content)
    except formats.FormatError:
        return None
    shape = header.frames, header.channels
    kind = header.format_tag, header.bits_per_sample, header.block_bytes
    if kind != (wav.PCM, 16, 2 * header.channels):
        return None
    stored = np.frombuffer(content, "<i2", math.prod(shape), header.data_offset).reshape(shape)
    samples = _aligned(shape, dtype)
    scale = np.float32(2**-15) if dtype.kind == "f" else np.int16(1)
    return np.multiply(stored, scale, out=samples, dtype=dtype), header.sample_rate


def _aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Returns an empty array whose memory `tf.numpy_function` does not copy."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def to_wav(samples: np.ndarray, sample_rate: int) -> bytes:
    """Returns a WAV file of just these samples, to the last bit.

    libsndfile would write the time of day into a file of floats.

    Args:
      samples: int16 or float32, of shape (frames, channels).
      sample_rate: Samples of one channel a second, in Hz.
    """
    kind = wav.PCM if samples.dtype.kind == "i" else wav.FLOAT
    channels, width = samples.shape[1], samples.dtype.itemsize
    rates = sample_rate, sample_rate * channels * width
    described = struct.pack("<HHIIHH", kind, channels, *rates, channels * width, 8 * width)
    content = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    chunks = b"".join(
        name + struct.pack("<I", len(chunk)) + chunk
        for name, chunk in ((b"fmt ", described), (b"data", content))
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def player(samples: np.ndarray, sample_rate: int) -> str:
    """Returns the HTML of a player, as `tfds.as_dataframe` shows it in a notebook."""
    content = base64.b64encode(_to_wav(samples, sample_rate)).decode()
    return f'<audio controls src="data:audio/wav;base64,{content}"></audio>'


def plot(samples: np.ndarray, sample_rate: int, waveform: Any, spectrogram: Any) -> None:
    """Draws a recording; the cost of the drawing does not grow with its length.

    Args:
      samples: Array of shape (samples,) or (samples, channels); full scale is 1, or the integers'
        own.
      sample_rate: Samples of one channel a second, in Hz.
      waveform: matplotlib axes for amplitude over time, a curve for each channel. For a long
        recording it shows the least and the greatest sample of each short interval.
      spectrogram: matplotlib axes for power in dB by time and frequency, of the mean of all
        channels; or None.
    """
    samples = _to_float(samples)
    seconds = len(samples) / sample_rate
    places, curve = _curve(samples)
    waveform.plot(places / sample_rate, curve, linewidth=0.5, alpha=1 if curve.ndim == 1 else 0.7)
    waveform.set(xlim=(0, seconds or 1), xlabel="s", ylabel="amplitude")
    if spectrogram is None:
        return
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    window = min(2 ** round(np.log2(max(2, _WINDOW * sample_rate))), len(mono))
    if window < 2:  # There is nothing to transform.
        return
    step = max(1, window // 4, len(mono) // _MAX_SPECTRA)
    frames = np.lib.stride_tricks.sliding_window_view(mono, window)[::step]
    power = np.abs(np.fft.rfft(frames * np.hanning(window))) ** 2
    level = 10 * np.log10(np.maximum(power.T, 1e-12))
    spectrogram.imshow(
        level,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, sample_rate / 2),
        vmin=max(level.min(), level.max() - 100),  # Digital silence must not use up the colours.
    )
    spectrogram.set(xlabel="s", ylabel="Hz")


def _curve(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns places and values of at most `_MAX_POINTS` points of a curve through the samples."""
    if len(samples) <= _MAX_POINTS:
        return np.arange(len(samples)), samples
    starts = np.linspace(0, len(samples), _MAX_POINTS // 2, endpoint=False).astype(int)
    both = (np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts))
    return np.repeat(starts, 2), np.stack(both, 1).reshape(-1, *samples.shape[1:])


def _to_float(samples: np.ndarray) -> np.ndarray:
    """Returns the samples scaled so that full scale is 1."""
    if np.issubdtype(samples.dtype, np.integer):
        return samples / -float(np.iinfo(samples.dtype).min)
    return samples


def to_integer(samples: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Returns float64 samples of full scale 1 as integers, rounded, and clipped to their range."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(samples * -float(limits.min)), limits.min, limits.max).astype(dtype)


def _to_wav(samples: np.ndarray, sample_rate: int) -> bytes:
    import soundfile

    content = io.BytesIO()
    if samples.dtype != np.int16:
        samples = _to_float(samples)
    soundfile.write(content, samples, sample_rate, format="WAV", subtype="PCM_16")
    return content.getvalue()
