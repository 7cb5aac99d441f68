"""Recordings kept as the bytes that were published, and decoded on reading without ffmpeg."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core.features import tensor_feature
from tensorflow_datasets.core.utils.lazy_imports_utils import tensorflow as tf

from tfds_extra import tfds_seam
from tfds_extra.features import sound

_DTYPES = ("float32", "int16")
RAISE, EMPTY = "raise", "empty"
# The sample rate for a player in a notebook, which gets only the samples, and for stored samples,
# if the feature has no rate.
_GUESSED_RATE = 44_100


class EncodedAudio(tensor_feature.Tensor):
    """The published bytes of a recording, in any format that libsndfile decodes, or AAC in MP4.

    WAV (integer, float, ADPCM), FLAC, MP3, Ogg and others are stored as they are, and decoded when
    they are read, at their own rate: no ffmpeg, no tensorflow-io, nothing inflated on disk, and
    `decoders={"audio": tfds.decode.SkipDecoding()}` gives the bytes themselves. AAC, which libsndfile
    does not know, is decoded by PyAV (`tfds_extra[aac]`), or by pydub where there is an ffmpeg.

    In `_generate_examples` it accepts the bytes, a path, or a file object. They are not decoded
    there. Empty bytes stand for a missing recording. Samples without a file, such as those that
    `tfds.testing.mock_data` makes up, are accepted, too, and become a WAV file of the same samples,
    at 44,100 Hz if the rate differs by recording.

    Reading gives samples of shape `(frames, channels)`, or `(frames,)` if `mono`, the same to the
    last bit as `soundfile.read`. Recordings of different lengths are batched by
    `as_dataset(batch_size=n)` or `padded_batch(n)`, which fill up with zeros; a plain `batch(n)`
    fails. WAV and MP3 files that are cut short are read as far as they go. A recording that
    libsndfile cannot decode at all raises an error. If the builder knows that such recordings were
    published, it sets `undecodable="empty"`; then they read as zero frames, and another feature
    should tell which they are. Empty bytes always read as zero frames, of one channel if the number
    of channels differs by recording.

    If the rate differs by recording, the features dict has an int32 feature `sample_rate` beside
    this one, which `tfds-extra show` uses.
    """

    def __init__(
        self,
        *,
        sample_rate: int | None = None,
        channels: int | None = None,
        dtype: Any = np.float32,
        undecodable: str = RAISE,
        mono: bool = False,
        doc: tfds.features.feature.DocArg = None,
    ):
        """Constructs the connector.

        Args:
          sample_rate: Samples of one channel a second, in Hz; None where it differs by recording.
          channels: Number of channels; None if it differs by recording. In a padded batch,
            recordings with fewer channels then get silent ones.
          dtype: float32, full scale 1 (float and lossy recordings may exceed it), or int16.
          undecodable: "raise", or "empty", with which recordings that libsndfile cannot decode read
            as zero frames.
          mono: Whether all recordings have one channel, and are read as samples of shape (frames,),
            as those of `tfds.features.Audio` are.
          doc: What the recording is.

        Raises:
          ValueError: The dtype or `undecodable` is another one, or `channels` is not 1 if `mono`.
        """
        if np.dtype(dtype).name not in _DTYPES:
            raise ValueError(f"EncodedAudio is of dtype {' or '.join(_DTYPES)}, not {dtype}.")
        if undecodable not in (RAISE, EMPTY):
            raise ValueError(f"undecodable is {RAISE!r} or {EMPTY!r}, not {undecodable!r}.")
        if mono and channels not in (None, 1):
            raise ValueError(f"mono is one channel, not {channels}.")
        self._channels = 1 if mono else channels
        super().__init__(
            shape=(None,) if mono else (None, channels),
            dtype=np.dtype(dtype),
            serialized_dtype=np.object_,
            serialized_shape=(),
            doc=doc,
        )
        tfds_seam.store_without_shape(self)
        self._sample_rate = sample_rate
        self._undecodable = undecodable

    @property
    def sample_rate(self) -> int | None:
        """Samples of one channel a second, in Hz; None where it differs by recording."""
        return self._sample_rate

    @property
    def channels(self) -> int | None:
        """Number of channels; None where it differs by recording."""
        return self._channels

    @property
    def mono(self) -> bool:
        """Whether samples are of shape (frames,)."""
        return len(self.shape) == 1

    def encode_example(
        self, example_data: bytes | os.PathLike | str | BinaryIO | np.ndarray
    ) -> bytes:
        """Returns the bytes of a recording, from bytes, a path or a file object.

        Samples of the feature's shape and dtype become a WAV file.

        Raises:
          ValueError: The recording is given in another way.
        """
        if isinstance(example_data, bytes):
            return example_data
        if isinstance(example_data, epath.PathLikeCls):
            return epath.Path(example_data).read_bytes()
        if hasattr(example_data, "read"):
            return example_data.read()
        kind = type(example_data).__name__
        if isinstance(example_data, np.ndarray):
            shape = example_data.shape
            channels = self.channels or (shape[1] if len(shape) == 2 else None)
            if example_data.dtype == self.np_dtype and shape[1:] == (
                () if self.mono else (channels,)
            ):
                samples = example_data[:, None] if self.mono else example_data
                return sound.to_wav(samples, self._sample_rate or _GUESSED_RATE)
            kind = f"{example_data.dtype} samples of shape {shape}"
        raise ValueError(
            "a recording is given as its bytes, its path, a file object, or"
            f" {self.np_dtype.name} samples of shape {self.shape}, not as {kind}"
        )

    # --------------------------------------------------------------------------------- reading

    def decode(self, stored: bytes) -> np.ndarray:
        """Returns the samples of a recording, of shape (frames, channels), or (frames,) if `mono`.

        Raises:
          ValueError: libsndfile cannot decode it (unless `undecodable="empty"`), or its rate or
            channels are not those of the feature.
        """
        nothing = np.zeros((0,) if self.mono else (0, self.channels or 1), self.np_dtype)
        if not stored:
            return nothing
        try:
            decoded = sound.decode_pcm16(stored, self.np_dtype)
            samples, sample_rate = decoded or sound.decode(io.BytesIO(stored), self.np_dtype)
        except ValueError as e:
            if self._undecodable == EMPTY:
                return nothing
            raise ValueError(f"{_shown(stored)}: {e}") from e
        if self._sample_rate not in (None, sample_rate):
            raise ValueError(f"{_shown(stored)}: {sample_rate} Hz, not {self._sample_rate} Hz")
        if self.channels not in (None, samples.shape[1]):
            raise ValueError(f"{_shown(stored)}: {samples.shape[1]} channels, not {self.channels}")
        return samples[:, 0] if self.mono else samples

    def decode_example(self, tfexample_data: tf.Tensor) -> tf.Tensor:
        """Returns the samples of a recording; `tf.data` calls it for several at the same time."""
        # libsndfile runs without Python's lock, so that the calls use all cores.
        samples = tf.numpy_function(
            # Outside of a graph, `stored` is an array without dimensions.
            lambda stored: self.decode(stored if isinstance(stored, bytes) else stored.item()),
            [tfexample_data],
            self.tf_dtype,
            stateful=False,
        )
        samples.set_shape(self.shape)
        return samples

    def decode_several(self, stored: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the samples of many recordings, decoded in one call.

        Args:
          stored: The stored bytes, of shape (recordings,).

        Returns:
          All samples of each recording in a row, of shape (recordings, longest), filled up with zeros;
          and the shape of each, int64 of shape (recordings, 1) if `mono`, (recordings, 2) otherwise.
        """
        types = (self.tf_dtype, tf.int64)
        samples, shapes = tf.numpy_function(self._in_rows, [stored], types, stateful=False)
        samples.set_shape((None, None))
        shapes.set_shape((None, len(self.shape)))
        return samples, shapes

    def _in_rows(self, stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        decoded = [self.decode(one) for one in stored]
        rows = np.zeros((len(decoded), max(one.size for one in decoded)), self.np_dtype)
        for row, one in zip(rows, decoded):
            row[: one.size] = one.ravel()
        return rows, np.array([one.shape for one in decoded], np.int64)

    def decode_example_np(self, example_data: bytes) -> np.ndarray:
        """Returns the samples of a recording, without TensorFlow."""
        return self.decode(example_data)

    def decode_batch_example(self, example_data: tf.Tensor) -> tf.Tensor:
        """Returns the samples of a `Sequence` of recordings, which have to be of one shape."""
        return tfds.features.FeatureConnector.decode_batch_example(self, example_data)

    # ------------------------------------------------------------------------------- showing

    def repr_html(self, ex: np.ndarray) -> str:
        """Returns a player of the recording, as `tfds.as_dataframe` shows it in a notebook."""
        if self._sample_rate:
            return sound.player(np.asarray(ex), self._sample_rate)
        return (
            f"{sound.player(np.asarray(ex), _GUESSED_RATE)}<br>played at {_GUESSED_RATE:,} Hz:"
            " the rate differs by recording"
        )

    def plot(
        self, samples: np.ndarray, waveform: Any, spectrogram: Any, sample_rate: int | None = None
    ) -> None:
        """Draws a recording.

        Args:
          samples: As read back.
          waveform: See `sound.plot`.
          spectrogram: See `sound.plot`.
          sample_rate: Sample rate of this recording, if the feature has none of its own. A
            recording without frames needs none.

        Raises:
          ValueError: The sample rate is not known.
        """
        samples = np.asarray(samples)
        sample_rate = self._sample_rate or sample_rate or (0 if len(samples) else 1)
        if not sample_rate:
            raise ValueError("the sample rate differs by recording: say that of this one")
        sound.plot(samples, int(sample_rate), waveform, spectrogram)

    # ------------------------------------------------------------------------ as JSON, on disk

    def to_json_content(self) -> dict[str, Any]:
        """Returns a description from which `from_json_content` rebuilds the feature."""
        return {
            "sample_rate": self._sample_rate,
            "channels": self.channels,
            "dtype": self.np_dtype.name,
            "undecodable": self._undecodable,
            # Only if it is set, so that the features.json of older data stays the same.
            **({"mono": True} if self.mono else {}),
        }

    @classmethod
    def from_json_content(cls, value: dict[str, Any], doc: Any = None) -> EncodedAudio:
        """Rebuilds the feature from the result of `to_json_content`."""
        return cls(**value, doc=doc)


def _shown(stored: bytes) -> str:
    """Describes a recording for a message, because its name is not known here."""
    return f"recording of {len(stored):,} bytes that begins with {stored[:8]!r}"
