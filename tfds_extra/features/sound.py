"""What the features that hold recordings share: decoding, a player, a picture."""

from __future__ import annotations

import base64
import io
from typing import Any, BinaryIO

import numpy as np

# Codecs of libsndfile whose samples are floats: it does not scale them when integers are asked for.
_FLOAT_CODECS = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")  # fmt: skip
_WINDOW = 0.032  # Seconds of one spectrum.
_MAX_POINTS = 4096  # Of a curve, more than the picture has pixels.
_MAX_SPECTRA = 1000


def decode(recording: BinaryIO, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """Decodes a recording with libsndfile: WAV, FLAC, MP3, Ogg and others.

    Args:
      recording: The file's bytes.
      dtype: int16, int32, float32 or float64. Full scale is 1 for floats (a lossy codec or a float
        file may exceed it), the dtype's range for integers (what exceeds it is clipped).

    Returns:
      Samples of shape (frames, channels), and the sample rate in Hz.

    Raises:
      ValueError: libsndfile cannot decode it, as for a FLAC file that is cut short; the message
        says why. WAV and MP3 files that are cut short are decoded as far as they go; of an Ogg file
        libsndfile then finds no samples at all.
    """
    import soundfile  # Loads libsndfile; only those who decode need it.

    try:
        with soundfile.SoundFile(recording) as file:
            scale = dtype.kind == "i" and file.subtype in _FLOAT_CODECS
            # As `soundfile.read` does: without it the last bit of an MP3's samples differs.
            file.seek(0)
            samples = file.read(dtype="float64" if scale else dtype.name, always_2d=True)
            sample_rate = file.samplerate
    except (RuntimeError, TypeError) as e:  # soundfile's errors are RuntimeErrors.
        # Without the name of a Python object; damage found late gives a number without words.
        reason = getattr(e, "error_string", str(e)) or repr(e)
        raise ValueError(f"libsndfile cannot decode it: {reason}") from e
    return (_to_integer(samples, dtype) if scale else samples), sample_rate


def player(samples: np.ndarray, sample_rate: int) -> str:
    """HTML of a player, as `tfds.as_dataframe` shows it in a notebook."""
    content = base64.b64encode(_to_wav(samples, sample_rate)).decode()
    return f'<audio controls src="data:audio/wav;base64,{content}"></audio>'


def plot(samples: np.ndarray, sample_rate: int, waveform: Any, spectrogram: Any) -> None:
    """Draws a recording; the cost of the drawing does not grow with its length.

    Args:
      samples: Of shape (samples,) or (samples, channels); full scale is 1, or that of the integers.
      sample_rate: Samples of one channel a second, in Hz.
      waveform: matplotlib axes for amplitude over time, a curve for each channel. Of a long
        recording it shows the least and the greatest sample of each short stretch.
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
    if window < 2:  # Nothing to transform.
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
        vmin=max(level.min(), level.max() - 100),  # Digital silence leaves the rest its colours.
    )
    spectrogram.set(xlabel="s", ylabel="Hz")


def _curve(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of a curve of at most `_MAX_POINTS` that looks like all samples."""
    if len(samples) <= _MAX_POINTS:
        return np.arange(len(samples)), samples
    starts = np.linspace(0, len(samples), _MAX_POINTS // 2, endpoint=False).astype(int)
    both = (np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts))
    return np.repeat(starts, 2), np.stack(both, 1).reshape(-1, *samples.shape[1:])


def _to_float(samples: np.ndarray) -> np.ndarray:
    """Samples scaled so that full scale is 1."""
    if np.issubdtype(samples.dtype, np.integer):
        return samples / -float(np.iinfo(samples.dtype).min)
    return samples


def _to_integer(samples: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """float64 samples of full scale 1 as integers, rounded, and clipped to their range."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(samples * -float(limits.min)), limits.min, limits.max).astype(dtype)


def _to_wav(samples: np.ndarray, sample_rate: int) -> bytes:
    import soundfile

    content = io.BytesIO()
    if samples.dtype != np.int16:
        samples = _to_float(samples)
    soundfile.write(content, samples, sample_rate, format="WAV", subtype="PCM_16")
    return content.getvalue()
