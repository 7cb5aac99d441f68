"""The Audio feature: what it accepts, what it stores, how it is read back and shown."""

from __future__ import annotations

import base64
import io
import pathlib
import subprocess
import sys
import wave

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tensorflow_datasets as tfds
from matplotlib import figure

from tfds_extra.features import Audio

_RATE = 8000
_RNG = np.random.default_rng(0)


def _noise(*shape: int, dtype=np.int16) -> np.ndarray:
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        return _RNG.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    return _RNG.uniform(-1, 1, shape).astype(dtype)


def _round_trip(feature: Audio, value, *, numpy: bool = False):
    features = tfds.features.FeaturesDict({"audio": feature})
    record = features.serialize_example({"audio": value})
    if numpy:
        return features.deserialize_example_np(record)["audio"]
    return features.deserialize_example(record)["audio"].numpy()


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(None,), (None, 1), (None, 2), (50,)])
@pytest.mark.parametrize("numpy", [False, True])
def test_round_trip_is_exact(dtype, shape, numpy):
    samples = _noise(*(50 if n is None else n for n in shape), dtype=dtype)
    samples.flat[:2] = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype(0.5) == 0 else (-1, 1)
    read = _round_trip(Audio(sample_rate=_RATE, shape=shape, dtype=dtype), samples, numpy=numpy)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, samples)


@pytest.mark.parametrize("length", [0, 1])
def test_nothing_and_one_sample(length):
    samples = np.arange(length, dtype=np.int16)
    np.testing.assert_array_equal(_round_trip(Audio(sample_rate=_RATE), samples), samples)


def test_int16_takes_two_bytes_a_sample():
    features = tfds.features.FeaturesDict({"audio": Audio(sample_rate=_RATE)})
    assert len(features.serialize_example({"audio": _noise(10_000)})) < 20_000 + 50


def test_list_and_big_endian_array():
    feature = Audio(sample_rate=_RATE)
    np.testing.assert_array_equal(_round_trip(feature, [1, -2, 3]), np.array([1, -2, 3], np.int16))
    samples = _noise(9)
    np.testing.assert_array_equal(_round_trip(feature, samples.astype(">i2")), samples)


@pytest.mark.parametrize(
    "form, subtype", [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("WAV", "PCM_24")]
)
@pytest.mark.parametrize("given", ["path", "str", "file", "bytes"])
@pytest.mark.parametrize("channels", [1, 2])
def test_recordings(tmp_path, form, subtype, given, channels):
    samples = _noise(400, channels) if channels > 1 else _noise(400)
    path = tmp_path / f"recording.{form.lower()}"
    soundfile.write(path, samples, _RATE, format=form, subtype=subtype)
    feature = Audio(sample_rate=_RATE, shape=(None,) if channels == 1 else (None, channels))
    value = {
        "path": lambda: path,
        "str": lambda: str(path),
        "file": lambda: path.open("rb"),
        "bytes": lambda: io.BytesIO(path.read_bytes()),
    }[given]()
    np.testing.assert_array_equal(_round_trip(feature, value), samples)


@pytest.mark.parametrize(
    "value, problem",
    [
        (np.zeros(5, np.int64), "int64"),
        (np.zeros(5, np.float32), "float32"),
        (np.zeros((5, 2), np.int16), "(5, 2)"),
        (np.int16(3), "()"),
        (["a"], "a"),
    ],
)
def test_what_it_refuses(value, problem):
    with pytest.raises(ValueError) as caught:
        Audio(sample_rate=_RATE).encode_example(value)
    assert problem in str(caught.value)


def test_recordings_it_refuses(tmp_path):
    feature = Audio(sample_rate=_RATE)
    fast = tmp_path / "fast.wav"
    soundfile.write(fast, _noise(40), 16000)
    stereo = tmp_path / "stereo.wav"
    soundfile.write(stereo, _noise(40, 2), _RATE)
    text = tmp_path / "text.wav"
    text.write_text("no recording")
    with pytest.raises(ValueError, match="fast.wav: 16000 Hz, not 8000 Hz"):
        feature.encode_example(fast)
    with pytest.raises(ValueError, match=r"\(40, 2\)"):
        feature.encode_example(stereo)
    with pytest.raises(ValueError, match="text.wav: libsndfile cannot decode it"):
        feature.encode_example(text)
    with pytest.raises(FileNotFoundError, match="nowhere.wav"):
        feature.encode_example(tmp_path / "nowhere.wav")


@pytest.mark.parametrize("shape", [(), (None, None), (None, 2, 2), (2, None)])
def test_shapes_it_refuses(shape):
    with pytest.raises(ValueError, match="shape"):
        Audio(sample_rate=_RATE, shape=shape)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float16, str])
def test_dtypes_it_refuses(dtype):
    with pytest.raises(ValueError, match="dtype"):
        Audio(sample_rate=_RATE, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize("lengths", [[5, 0, 9], [0, 0], [1], [7, 7]])
def test_padded_batch(dtype, channels, lengths):
    feature = Audio(sample_rate=_RATE, shape=(None, *channels), dtype=dtype)
    recordings = [_noise(n, *channels, dtype=dtype) for n in lengths]
    stored = tf.constant([feature.encode_example(r) for r in recordings])
    decode = tf.function(feature.decode_padded_batch)
    batch = decode(stored).numpy()
    assert batch.shape == (len(lengths), max(lengths), *channels) and batch.dtype == dtype
    for row, recording in zip(batch, recordings):
        np.testing.assert_array_equal(row[: len(recording)], recording)
        assert not row[len(recording) :].any()


def test_reads_in_graph_mode_with_a_known_shape():
    feature = Audio(sample_rate=_RATE, shape=(None, 2))
    records = [feature.encode_example(_noise(n, 2)) for n in (3, 4)]
    dataset = tf.data.Dataset.from_tensor_slices(records).map(feature.decode_example)
    assert dataset.element_spec == tf.TensorSpec((None, 2), tf.int16)
    assert [len(r) for r in dataset] == [3, 4]


@pytest.mark.parametrize("dtype, channels", [(np.int16, ()), (np.int16, (2,)), (np.float32, ())])
def test_player_in_a_notebook(dtype, channels):
    samples = _noise(200, *channels, dtype=dtype)
    html = Audio(sample_rate=_RATE, shape=(None, *channels), dtype=dtype).repr_html(samples)
    content = base64.b64decode(html.split("base64,")[1].split('"')[0])
    with wave.open(io.BytesIO(content)) as reader:
        assert (reader.getframerate(), reader.getsampwidth()) == (_RATE, 2)
        played = np.frombuffer(reader.readframes(-1), "<i2").reshape(samples.shape)
    if dtype == np.int16:
        np.testing.assert_array_equal(played, samples)
    else:
        np.testing.assert_allclose(played / 32768, samples, atol=1e-4)


@pytest.mark.parametrize("length", [0, 1, 2, 255, 4000])
@pytest.mark.parametrize("channels", [(), (2,)])
@pytest.mark.filterwarnings("error")
def test_plot(length, channels):
    axes = figure.Figure().subplots(2)
    feature = Audio(sample_rate=_RATE, shape=(None, *channels))
    feature.plot(np.full((length, *channels), -32768, np.int16), axes[0], axes[1])
    lines = axes[0].get_lines()
    assert len(lines) == max(1, *channels, 1)
    if length:
        assert lines[0].get_ydata()[0] == -1
        assert lines[0].get_xdata()[-1] == pytest.approx((length - 1) / _RATE)
    assert len(axes[1].get_images()) == (length > 1)


def test_a_tone_shows_at_its_frequency():
    axes = figure.Figure().subplots(2)
    tone = (10_000 * np.sin(2 * np.pi * 1000 * np.arange(_RATE) / _RATE)).astype(np.int16)
    Audio(sample_rate=_RATE).plot(tone, axes[0], axes[1])
    (image,) = axes[1].get_images()
    power, (left, right, bottom, top) = image.get_array(), image.get_extent()
    assert (left, right, bottom, top) == (0, 1, 0, 4000)
    assert power.mean(axis=1).argmax() / (len(power) - 1) * top == pytest.approx(1000, abs=32)


def test_saved_features_are_restored(tmp_path):
    features = tfds.features.FeaturesDict(
        {"audio": Audio(sample_rate=44100, shape=(None, 2), dtype=np.float32, doc="A recording.")}
    )
    features.save_config(str(tmp_path))
    restored = tfds.features.FeaturesDict.from_config(str(tmp_path))["audio"]
    assert isinstance(restored, Audio)
    assert (restored.sample_rate, restored.shape, restored.np_dtype) == (
        44100,
        (None, 2),
        np.float32,
    )
    assert restored.doc.desc == "A recording."


def test_needs_no_tensorflow_to_encode_and_to_read_as_numpy(repository: pathlib.Path):
    script = (
        "import sys, numpy as np, tensorflow_datasets as tfds\n"
        "from tfds_extra.features import Audio\n"
        "audio = Audio(sample_rate=8000)\n"
        "stored = audio.encode_example(np.arange(5, dtype=np.int16))\n"
        "assert audio.decode_example_np(stored).tolist() == [0, 1, 2, 3, 4]\n"
        "assert 'tensorflow' not in sys.modules and 'soundfile' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=repository.parent)
