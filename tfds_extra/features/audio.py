"""Audio kept as published, or as its exact samples, and read back without ffmpeg."""

from __future__ import annotations

import os
from typing import Any, BinaryIO, cast

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core.features import tensor_feature
from tensorflow_datasets.core.utils.lazy_imports_utils import tensorflow as tf

from tfds_extra.features import sound

_PCM_DTYPES = ("int16", "int32", "float32", "float64")  # libsndfile can decode to these.


class Audio(tensor_feature.Tensor):
    """Samples of a recording.

    In `_generate_examples` it accepts

      * an array or nested list of samples, of the feature's shape and dtype (a list is converted,
        an array of another dtype is refused, because silent scaling would ruin recordings),
      * the path of a recording, or a file object of one, in any format that libsndfile decodes
        (WAV, FLAC, MP3, Ogg, ...). Its rate and number of channels must be the feature's.

    Samples are stored as their little-endian bytes, as `tfds.features.Tensor(encoding="bytes")`
    does, so int16 takes two bytes on disk. `tfds.features.Audio` by default stores each as an int64,
    and refuses arrays when an encoding is given.

    Reading gives a tensor of shape `(samples,)` or `(samples, channels)` through
    `tf.io.decode_raw`, and the same as a numpy array from `as_data_source`. Recordings of different
    lengths are batched by `as_dataset(batch_size=n)` or `padded_batch(n)`, which fill up with
    zeros; a plain `batch(n)` fails.
    """

    def __init__(
        self,
        *,
        sample_rate: int,
        shape: tuple[int | None, ...] = (None,),
        dtype: Any = np.int16,
        doc: tfds.features.feature.DocArg = None,
    ):
        """Constructs the connector.

        Args:
          sample_rate: Samples of one channel a second, in Hz.
          shape: `(None,)` for one channel, `(None, channels)` for several. If all recordings have
            one length, this number may stand in place of None.
          dtype: int16, int32, float32 or float64.
          doc: What the recording is.

        Raises:
          ValueError: The shape or dtype is another one.
        """
        if len(shape) not in (1, 2) or None in shape[1:]:
            raise ValueError(f"Audio is of shape (samples,) or (samples, channels), not {shape}.")
        if np.dtype(dtype).name not in _PCM_DTYPES:
            raise ValueError(f"Audio is of dtype {', '.join(_PCM_DTYPES)}, not {dtype}.")
        super().__init__(
            shape=shape, dtype=np.dtype(dtype), encoding=tfds.features.Encoding.BYTES, doc=doc
        )
        self._sample_rate = sample_rate

    @property
    def sample_rate(self) -> int:
        """Samples of one channel a second, in Hz."""
        return self._sample_rate

    def encode_example(self, example_data: np.ndarray | list | os.PathLike | str | BinaryIO) -> Any:
        """Returns the samples, or the recording that holds them, as bytes to be stored.

        Raises:
          ValueError: Shape, dtype, rate or channels are not the feature's, or libsndfile cannot
            decode the recording; the message names the file.
        """
        if isinstance(example_data, epath.PathLikeCls):
            path = epath.Path(example_data)
            with path.open("rb") as recording:
                example_data = self._decode_recording(recording, os.fspath(path))
        elif hasattr(example_data, "read"):
            name = getattr(example_data, "name", "recording")
            example_data = self._decode_recording(cast(BinaryIO, example_data), name)
        if isinstance(example_data, np.ndarray) and example_data.dtype.byteorder == ">":
            example_data = example_data.astype(self.np_dtype.newbyteorder("="), casting="equiv")
        return super().encode_example(example_data)

    def _decode_recording(self, recording: BinaryIO, name: str) -> np.ndarray:
        try:
            samples, sample_rate = sound.decode(recording, self.np_dtype)
        except ValueError as e:
            raise ValueError(f"{name}: {e}") from e
        if sample_rate != self._sample_rate:
            raise ValueError(f"{name}: {sample_rate} Hz, not {self._sample_rate} Hz")
        return samples[:, 0] if len(self.shape) == 1 and samples.shape[1] == 1 else samples

    # --------------------------------------------------------------------------------- reading

    def decode_padded_batch(self, stored: tf.Tensor) -> tf.Tensor:
        """Returns the samples of a batch of recordings, padded with zeros to the longest.

        Args:
          stored: The stored bytes, of shape (batch,).

        Returns:
          Samples of shape (batch, samples) or (batch, samples, channels).
        """
        frame_bytes = self.np_dtype.itemsize * int(np.prod(self.shape[1:], dtype=int))
        longest = tf.reduce_max(tf.strings.length(stored))
        # decode_raw wants at least one sample.
        padded = tf.io.decode_raw(
            stored, self.tf_dtype, fixed_length=tf.maximum(longest, frame_bytes)
        )
        shape = [-1, tf.shape(padded)[1] // int(np.prod(self.shape[1:], dtype=int))]
        samples = tf.reshape(padded, shape + list(self.shape[1:]))[:, : longest // frame_bytes]
        samples.set_shape((None, *self.shape))
        return samples

    # ------------------------------------------------------------------------------- showing

    def repr_html(self, ex: np.ndarray) -> str:
        """Returns a player of the recording, as `tfds.as_dataframe` shows it in a notebook."""
        return sound.player(np.asarray(ex), self._sample_rate)

    def plot(
        self, samples: np.ndarray, waveform: Any, spectrogram: Any, sample_rate: int | None = None
    ) -> None:
        """Draws a recording.

        Args:
          samples: As read back.
          waveform: See `sound.plot`.
          spectrogram: See `sound.plot`.
          sample_rate: Is ignored, because the feature has a sample rate.
        """
        del sample_rate
        sound.plot(np.asarray(samples), self._sample_rate, waveform, spectrogram)

    # ------------------------------------------------------------------------ as JSON, on disk

    def to_json_content(self) -> dict[str, Any]:
        """Returns a description from which `from_json_content` rebuilds the feature."""
        return {
            "sample_rate": self._sample_rate,
            "shape": list(self.shape),
            "dtype": self.np_dtype.name,
        }

    @classmethod
    def from_json_content(cls, value: dict[str, Any], doc: Any = None) -> Audio:
        """Rebuilds the feature from the result of `to_json_content`."""
        return cls(
            sample_rate=value["sample_rate"],
            shape=tuple(value["shape"]),
            dtype=np.dtype(value["dtype"]),
            doc=doc,
        )
