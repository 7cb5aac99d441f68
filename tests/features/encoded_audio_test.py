"""The EncodedAudio feature: what it accepts, what it stores, how it is read back and shown."""

from __future__ import annotations

import base64
import functools
import io
import pathlib
import pickle
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tensorflow_datasets as tfds
from matplotlib import figure

from tfds_extra import core, show
from tfds_extra.core import reading
from tfds_extra.core.serializing import ExampleEncoder
from tfds_extra.features import Audio, EncodedAudio, sound

_RATE = 22_050
_KINDS = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "MS_ADPCM"),
    ("WAV", "ULAW"),
    ("WAVEX", "PCM_24"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("MP3", "MPEG_LAYER_III"),
    ("OGG", "VORBIS"),
]
_FLOAT = ("FLOAT", "DOUBLE", "VORBIS", "MPEG_LAYER_III")


def tone(frames: int, channels: int, pitch: float = 440) -> np.ndarray:
    """A tone of half the full scale in each channel, each of its own pitch."""
    time = np.arange(frames)[:, None] / _RATE
    return 0.5 * np.sin(2 * np.pi * pitch * (1 + np.arange(channels)) * time)


def recording(
    form: str = "WAV", subtype: str = "PCM_16", frames: int = 5000, channels: int = 1, **kwargs
) -> bytes:
    content = io.BytesIO()
    samples = tone(frames, channels, **kwargs)
    soundfile.write(content, samples, _RATE, format=form, subtype=subtype)
    return content.getvalue()


def round_trip(feature: EncodedAudio, value, *, numpy: bool = False) -> np.ndarray:
    features = tfds.features.FeaturesDict({"audio": feature})
    record = features.serialize_example({"audio": value})
    if numpy:
        return features.deserialize_example_np(record)["audio"]
    return features.deserialize_example(record)["audio"].numpy()


@pytest.mark.parametrize("numpy", [False, True])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form, subtype", _KINDS)
def test_samples_are_those_of_soundfile(form, subtype, channels, numpy):
    content = recording(form, subtype, channels=channels)
    expected, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    read = round_trip(EncodedAudio(), content, numpy=numpy)
    assert read.dtype == np.float32 and read.shape == expected.shape
    assert len(read) >= 5000 and read.shape[1] == channels
    np.testing.assert_array_equal(read, expected)
    if form != "MP3":  # Its encoder puts a silent stretch first.
        # ADPCM needs a few samples to catch up.
        np.testing.assert_allclose(read[50:5000], tone(5000, channels)[50:], atol=0.1)


@pytest.mark.parametrize("form, subtype", _KINDS)
def test_int16_has_the_same_scale_for_every_codec(form, subtype):
    content = recording(form, subtype)
    exact = round_trip(EncodedAudio(), content)
    read = round_trip(EncodedAudio(dtype=np.int16), content)
    assert read.dtype == np.int16 and np.abs(read).max() > 10_000
    np.testing.assert_allclose(read / 32768, exact, atol=1.01 / 32768)
    if subtype not in _FLOAT:
        raw, _ = soundfile.read(io.BytesIO(content), dtype="int16", always_2d=True)
        np.testing.assert_array_equal(read, raw)


def test_int16_is_clipped_where_a_float_recording_exceeds_full_scale():
    content = io.BytesIO()
    samples = np.array([0.5, 1.5, -1.5, 1.0, -1.0])
    soundfile.write(content, samples, _RATE, format="WAV", subtype="FLOAT")
    read = round_trip(EncodedAudio(dtype=np.int16), content.getvalue())
    assert read[:, 0].tolist() == [16384, 32767, -32768, 32767, -32768]
    read = round_trip(EncodedAudio(), content.getvalue())
    np.testing.assert_array_equal(read[:, 0], samples.astype(np.float32))


@pytest.mark.parametrize("given", ["path", "str", "file", "buffer", "bytes"])
def test_what_it_accepts_is_stored_as_it_is(tmp_path, given):
    path = tmp_path / "recording.mp3"
    path.write_bytes(content := b"published, and not decoded here")
    value = {
        "path": lambda: path,
        "str": lambda: str(path),
        "file": lambda: path.open("rb"),
        "buffer": lambda: io.BytesIO(content),
        "bytes": lambda: content,
    }[given]
    assert EncodedAudio().encode_example(value()) == content
    features = tfds.features.FeaturesDict({"audio": EncodedAudio()})
    plain = features.serialize_example({"audio": value()})
    assert ExampleEncoder(features).encode({"audio": value()}) == plain


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("rate, channels", [(8000, 1), (None, None), (48_000, 2)])
def test_samples_without_a_file(dtype, rate, channels):
    feature = EncodedAudio(sample_rate=rate, channels=channels, dtype=dtype)
    samples = np.arange(-6, 6).reshape(-1, channels or 3).astype(dtype) / dtype(2)
    stored = feature.encode_example(samples.astype(dtype))
    read, read_rate = soundfile.read(io.BytesIO(stored), dtype=np.dtype(dtype).name, always_2d=True)
    assert read_rate == (rate or 44_100)
    for found in (read, round_trip(feature, stored)):
        np.testing.assert_array_equal(found, samples.astype(dtype))


@pytest.mark.parametrize(
    "value", [np.zeros((5, 2), np.float32), np.zeros((5, 1)), np.zeros(5, np.float32)], ids=str
)
def test_samples_of_another_shape_or_dtype(value):
    with pytest.raises(ValueError, match=r"float32 samples of shape \(None, 1\), not as float"):
        EncodedAudio(channels=1).encode_example(value)


@pytest.mark.parametrize("value", [np.zeros(5), [0.5, 0.5], None, 3, memoryview(b"RIFF")])
def test_what_it_refuses(value):
    with pytest.raises(ValueError, match="not as"):
        EncodedAudio().encode_example(value)
    features = tfds.features.FeaturesDict({"audio": EncodedAudio()})
    with pytest.raises(ValueError, match='name "audio"'):
        ExampleEncoder(features).encode({"audio": value})


@pytest.mark.parametrize("batch", [1, 3])
def test_serialized_as_tfds_does(batch):
    features = tfds.features.FeaturesDict(
        {"audio": EncodedAudio(), "takes": tfds.features.Sequence(EncodedAudio())}
    )
    examples = [{"audio": b"x" * i, "takes": [b"y"] * i} for i in range(batch)]
    encoder = ExampleEncoder(features)
    encoded = [encoder.encode(example) for example in examples]
    for example, record in zip(examples, encoded):
        plain = tf.train.Example.FromString(features.serialize_example(example))
        assert tf.train.Example.FromString(record) == plain
    columns = {k: [example[k] for example in examples] for k in features}
    assert encoder.encode_batch(columns, batch) == encoded


def test_arguments_it_refuses():
    for dtype in (np.float64, np.int32, np.uint8):
        with pytest.raises(ValueError, match="dtype"):
            EncodedAudio(dtype=dtype)
    with pytest.raises(ValueError, match="undecodable"):
        EncodedAudio(undecodable="ignore")


# ----------------------------------------------------------------------------------- bad recordings

_BAD = {
    "text": b"404: Not Found",
    "wav without samples' end": b"RIFF\xff\xff",
    "zeros": bytes(5000),
    "mp3 tag only": b"ID3\x04\0\0\0\0\0\x0a" + bytes(10),
}


@pytest.mark.parametrize("content", _BAD.values(), ids=_BAD)
@pytest.mark.parametrize("numpy", [False, True])
def test_undecodable(content, numpy):
    with pytest.raises(ValueError) as caught:
        round_trip(EncodedAudio(), content, numpy=numpy)
    assert f"recording of {len(content):,} bytes that begins with" in str(caught.value)
    assert "libsndfile cannot decode it: " in str(caught.value)
    for channels in (None, 1, 2):
        feature = EncodedAudio(channels=channels, undecodable="empty")
        read = round_trip(feature, content, numpy=numpy)
        assert read.shape == (0, channels or 1) and read.dtype == np.float32


def test_cut_flac_and_ogg():
    cut = recording("FLAC", "PCM_16", frames=100_000)[:20_000]
    with pytest.raises(ValueError, match="recording of 20,000 bytes.*lost sync"):
        EncodedAudio().decode(cut)
    assert EncodedAudio(undecodable="empty").decode(cut).shape == (0, 1)
    cut = recording("OGG", "VORBIS", frames=100_000)[:-5000]
    assert EncodedAudio().decode(cut).shape == (0, 1)


def test_undecodable_in_a_pipeline():
    dataset = tf.data.Dataset.from_tensors(b"no audio").map(EncodedAudio().decode_example)
    with pytest.raises(tf.errors.InvalidArgumentError, match="recording of 8 bytes.*b'no audio'"):
        list(dataset)


@pytest.mark.parametrize("undecodable", ["raise", "empty"])
@pytest.mark.parametrize("numpy", [False, True])
def test_no_recording(undecodable, numpy):
    for channels in (None, 1, 2):
        feature = EncodedAudio(channels=channels, undecodable=undecodable)
        assert round_trip(feature, b"", numpy=numpy).shape == (0, channels or 1)


@pytest.mark.parametrize("form, subtype", [k for k in _KINDS if k[0] not in ("FLAC", "OGG")])
def test_cut_short_is_read_as_far_as_it_goes(form, subtype):
    content = recording(form, subtype, frames=100_000)
    whole = round_trip(EncodedAudio(), content)
    read = round_trip(EncodedAudio(), content[: len(content) // 2])
    assert 20_000 < len(read) < 80_000
    np.testing.assert_array_equal(read[:5000], whole[:5000])


@pytest.mark.parametrize("undecodable", ["raise", "empty"])
def test_other_rate_or_channels_than_stated(undecodable):
    content = recording(channels=2)
    feature = EncodedAudio(sample_rate=8000, undecodable=undecodable)
    with pytest.raises(ValueError, match="22050 Hz, not 8000 Hz"):
        feature.decode(content)
    feature = EncodedAudio(channels=1, undecodable=undecodable)
    with pytest.raises(ValueError, match="2 channels, not 1"):
        feature.decode(content)
    feature = EncodedAudio(sample_rate=_RATE, channels=2, undecodable=undecodable)
    assert feature.decode(content).shape == (5000, 2)


# ------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("channels", [None, 2])
def test_reads_in_graph_mode_with_a_known_shape(channels):
    feature = EncodedAudio(channels=channels)
    records = [recording(frames=n, channels=2) for n in (300, 400)]
    dataset = tf.data.Dataset.from_tensor_slices(records).map(feature.decode_example)
    assert dataset.element_spec == tf.TensorSpec((None, channels), tf.float32)
    assert [r.shape for r in dataset] == [(300, 2), (400, 2)]


class _Builder(core.Builder):
    """Recordings of many kinds, and some that are none."""

    url_infos = {}
    VERSION = tfds.core.Version("1.0.0")
    expected_counts = {"train": len(_KINDS) * 2 + 2}

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "audio": EncodedAudio(undecodable="empty"),
                    "sample_rate": tfds.features.Scalar(np.int32),
                    "label": tfds.features.ClassLabel(num_classes=3),
                }
            ),
            supervised_keys=("audio", "label"),
            metadata=tfds.core.MetadataDict(),
        )

    def published_files(self):
        return {}

    def facts_path(self, file_name):
        return pathlib.Path(__file__).parent / file_name

    def _split_generators(self, dl_manager):
        return core.by_split(["train"], [0], self._generate_examples)

    def _generate_examples(self, piece):
        for i, content in enumerate(_contents()):
            rate = _RATE if i < len(_KINDS) * 2 else 0
            yield ("train", i), {"audio": content, "sample_rate": rate, "label": i % 3}


@functools.cache  # libsndfile gives each Ogg file a number of its own.
def _contents() -> list[bytes]:
    kinds = [(*kind, channels) for kind in _KINDS for channels in (1, 2)]
    return [
        *(recording(f, s, frames=4000 + 10 * i, channels=c) for i, (f, s, c) in enumerate(kinds)),
        b"no recording",
        b"",
    ]


@pytest.fixture(scope="module")
def builder(tmp_path_factory) -> _Builder:
    builder = _Builder(data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def random_access(tmp_path_factory) -> _Builder:
    builder = _Builder(data_dir=tmp_path_factory.mktemp("data"), file_format="array_record")
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def expected() -> list[np.ndarray]:
    """Samples of all recordings, sorted by content."""
    found = []
    for content in _contents()[:-2]:
        samples, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
        found.append(samples)
    return sorted([*found, np.zeros((0, 1)), np.zeros((0, 1))], key=_order)


def _order(samples: np.ndarray) -> tuple:
    return (samples.shape, samples.tobytes())


def assert_all(samples, expected):
    for mine, theirs in zip(sorted(samples, key=_order), expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_one_by_one(builder, expected):
    dataset = builder.as_dataset(split="train")
    assert dataset.element_spec["audio"] == tf.TensorSpec((None, None), tf.float32)
    assert_all([e["audio"] for e in tfds.as_numpy(dataset)], expected)


def test_bytes_without_decoding(builder):
    decoders = {"audio": tfds.decode.SkipDecoding()}
    dataset = builder.as_dataset(split="train", decoders=decoders)
    assert dataset.element_spec["audio"] == tf.TensorSpec((), tf.string)
    found = [e["audio"] for e in tfds.as_numpy(dataset)]
    assert sorted(found) == sorted(_contents())


@pytest.mark.parametrize("batch_size", [1, 7, -1])
@pytest.mark.parametrize("as_supervised", [False, True])
def test_padded_batches(builder, batch_size, as_supervised):
    options = {"split": "train", "as_supervised": as_supervised}
    mine = builder.as_dataset(batch_size=batch_size, **options)
    rows = 1000 if batch_size < 0 else batch_size
    theirs = builder.as_dataset(**options).padded_batch(rows)
    if batch_size < 0:
        mine = [mine]
    else:
        tf.nest.map_structure(
            lambda a, b: a.is_compatible_with(b) or pytest.fail(f"{a}, {b}"),
            mine.element_spec,
            theirs.element_spec,
        )
    for a, b in zip(mine, theirs, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, a, b)


def test_random_access(random_access, expected):
    source = random_access.as_data_source("train")
    assert_all([e["audio"] for e in source], expected)
    keys = list(reversed(range(len(source))))
    for i, item in zip(keys, source.__getitems__(keys), strict=True):
        np.testing.assert_array_equal(item["audio"], source[i]["audio"])
        assert item["label"] == source[i]["label"]
    assert source.__getitems__([]) == []
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(again[3]["audio"], source[3]["audio"])
    sources = random_access.as_data_source()
    assert list(sources) == ["train"] and len(sources["train"]) == len(source)
    undecoded = random_access.as_data_source(
        "train", decoders={"audio": tfds.decode.SkipDecoding()}
    ).__getitems__(keys)
    assert sorted(e["audio"] for e in undecoded) == sorted(_contents())


def test_items_are_decoded_in_threads(builder, random_access, monkeypatch):
    meeting = threading.Barrier(2, timeout=20)  # Passed only by two at once.
    decode = EncodedAudio.decode

    def wait_and_decode(self, stored):
        meeting.wait()
        return decode(self, stored)

    monkeypatch.setattr(EncodedAudio, "decode", wait_and_decode)
    assert len(random_access.as_data_source("train").__getitems__([0, 1])) == 2
    # Small ones are decoded in chunks, each in a thread.
    monkeypatch.setattr(reading, "_CHUNK", 1)
    config = tfds.ReadConfig(num_parallel_calls_for_decode=2)
    assert len(list(builder.as_dataset(split="train[:2]", read_config=config))) == 2


def test_sequence_of_recordings():
    features = tfds.features.FeaturesDict({"takes": tfds.features.Sequence(EncodedAudio())})
    takes = [recording(pitch=p, frames=100) for p in (100, 200, 300)]
    read = features.deserialize_example(features.serialize_example({"takes": takes}))["takes"]
    expected = [soundfile.read(io.BytesIO(t), dtype="float32", always_2d=True)[0] for t in takes]
    np.testing.assert_array_equal(read, expected)


@pytest.mark.slow
def test_plain_tfds_reads_the_folder(builder, expected):
    """With nothing of this package but the feature's class, which TFDS imports itself."""
    script = (
        "import sys, tensorflow_datasets as tfds\n"
        "builder = tfds.builder_from_directory(sys.argv[1])\n"
        "found = [e['audio'].shape for e in tfds.as_numpy(builder.as_dataset(split='train'))]\n"
        "print(sorted(found))\n"
    )
    command = [sys.executable, "-c", script, builder.data_dir]
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(command, check=True, cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == str([e.shape for e in expected])


def test_saved_features_are_restored(tmp_path):
    for feature in (
        EncodedAudio(),
        EncodedAudio(
            sample_rate=44100, channels=2, dtype=np.int16, undecodable="empty", doc="A recording."
        ),
    ):
        features = tfds.features.FeaturesDict({"audio": feature})
        features.save_config(str(tmp_path))
        restored = tfds.features.FeaturesDict.from_config(str(tmp_path))["audio"]
        assert type(restored) is EncodedAudio
        assert restored.to_json_content() == feature.to_json_content()
        assert (restored.sample_rate, restored.channels) == (feature.sample_rate, feature.channels)
        assert restored.shape == feature.shape and restored.np_dtype == feature.np_dtype
        assert restored.doc.desc == (feature.doc.desc or "")


def test_needs_no_tensorflow_to_encode_and_to_read_as_numpy(repository: pathlib.Path, tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(recording("FLAC", frames=77))
    script = (
        "import sys, tensorflow_datasets as tfds\n"
        "from tfds_extra.core.serializing import ExampleEncoder\n"
        "from tfds_extra.features import EncodedAudio\n"
        "features = tfds.features.FeaturesDict({'audio': EncodedAudio()})\n"
        "content = open(sys.argv[1], 'rb').read()\n"
        "encoder = ExampleEncoder(features)\n"
        "record = encoder.encode({'audio': content})\n"
        "assert encoder.encode({'audio': sys.argv[1]}) == record\n"
        "assert encoder.encode_batch({'audio': [content]}, 1) == [record]\n"
        "assert 'soundfile' not in sys.modules\n"
        "assert features.deserialize_example_np(record)['audio'].shape == (77, 1)\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    subprocess.run(command, check=True, cwd=repository.parent)


# ------------------------------------------------------------------------------------------ showing


@pytest.mark.parametrize("rate", [None, 8000])
def test_player_in_a_notebook(rate):
    samples = tone(200, 2).astype(np.float32)
    html = EncodedAudio(sample_rate=rate).repr_html(samples)
    content = base64.b64decode(html.split("base64,")[1].split('"')[0])
    played, played_rate = soundfile.read(io.BytesIO(content))
    assert played_rate == (rate or 44_100)
    assert ("differs by recording" in html) == (rate is None)
    np.testing.assert_allclose(played, samples, atol=1e-4)


@pytest.mark.parametrize("rate, frames", [(8000, 0), (8000, 1), (8000, 300), (44_100, 44_100 * 30)])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.filterwarnings("error")
def test_plot(rate, frames, channels):
    axes = figure.Figure().subplots(2)
    samples = np.zeros((frames, channels), np.float32)
    samples[frames // 2 : frames // 2 + 1] = 0.75  # A click that no picture may lose.
    EncodedAudio().plot(samples, axes[0], axes[1], sample_rate=rate)
    lines = axes[0].get_lines()
    assert len(lines) == channels
    for line in lines:
        assert len(line.get_ydata()) <= 4096
        if frames:
            assert max(line.get_ydata()) == 0.75
            assert line.get_xdata()[-1] == pytest.approx(
                (frames - 1) / rate, abs=frames / rate / 1000
            )
    images = axes[1].get_images()
    assert len(images) == (frames > 1)
    for image in images:
        assert image.get_array().size < 1_100_000
        assert image.get_extent() == [0, frames / rate, 0, rate / 2]


def test_a_tone_shows_at_its_frequency_in_a_long_recording():
    axes = figure.Figure().subplots(2)
    samples = np.repeat(tone(_RATE * 20, 1, pitch=3000), 2, axis=1)
    EncodedAudio().plot(samples, axes[0], axes[1], sample_rate=_RATE)
    (image,) = axes[1].get_images()
    power, top = image.get_array(), image.get_extent()[3]
    assert power.mean(axis=1).argmax() / (len(power) - 1) * top == pytest.approx(3000, abs=30)


def test_plot_needs_a_rate():
    axes = figure.Figure().subplots(2)
    with pytest.raises(ValueError, match="sample rate"):
        EncodedAudio().plot(np.zeros((3, 1)), axes[0], axes[1])


@pytest.mark.slow
def test_show(builder):
    examples = list(tfds.as_numpy(builder.as_dataset(split="train")))
    picture = show.draw(builder.info, examples)
    ends = sorted(axes.get_xlim()[1] for axes in picture.axes[::3])
    seconds = sorted(len(e["audio"]) / _RATE or 1 for e in examples)
    assert ends == pytest.approx(seconds)


def test_audio_takes_float_recordings_as_integers(tmp_path):
    """libsndfile alone would give zeros."""
    path = tmp_path / "float.wav"
    path.write_bytes(recording("WAV", "FLOAT"))
    read = Audio(sample_rate=_RATE).encode_example(path)
    expected = np.rint(tone(5000, 1)[:, 0].astype(np.float32).astype(float) * 32768)
    np.testing.assert_array_equal(np.frombuffer(read, "<i2"), expected)


def test_samples_need_no_copy_on_their_way_to_tensorflow():
    for frames in (1, 999, 100_001):
        samples = EncodedAudio().decode(recording(frames=frames, channels=2))
        assert samples.ctypes.data % 64 == 0 and samples.flags.c_contiguous


@pytest.mark.parametrize("form, subtype", _KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_shortcut_for_16_bit_wav(form, subtype, dtype):
    """It is taken for those and no others, and gives what libsndfile gives, also of cut files."""
    content = recording(form, subtype, channels=2)
    decoded = sound.decode_pcm16(content, np.dtype(dtype))
    assert (decoded is not None) == (subtype == "PCM_16" and form == "WAV")
    if decoded is None:
        return
    extreme = content[:44] + struct.pack("<2h", -32768, 32767) + content[48:]
    for file in (content, extreme, *(content[:-cut] for cut in (1, 2, 3, 4, 1001))):
        samples, rate = sound.decode_pcm16(file, np.dtype(dtype))
        expected, _ = soundfile.read(io.BytesIO(file), dtype=np.dtype(dtype).name, always_2d=True)
        assert rate == _RATE and samples.dtype == dtype
        np.testing.assert_array_equal(samples, expected)


# --------------------------------------------------------------------------------------- mono


def _mono(frames: int) -> tuple[bytes, np.ndarray]:
    samples = (np.arange(frames) * 7 % 3_001 - 1_500).astype(np.int16)
    content = io.BytesIO()
    soundfile.write(content, samples, 16_000, format="FLAC", subtype="PCM_16")
    return content.getvalue(), samples


def test_mono_is_of_one_dimension_as_tfds_audio_is():
    feature = EncodedAudio(sample_rate=16_000, dtype=np.int16, mono=True)
    standard = tfds.features.Audio(sample_rate=16_000, dtype=np.int16)
    assert feature.get_tensor_info() == standard.get_tensor_info()
    assert (feature.channels, feature.mono) == (1, True)
    content, samples = _mono(5_000)
    np.testing.assert_array_equal(feature.decode_example_np(content), samples)
    decoded = feature.decode_example(tf.constant(content))
    np.testing.assert_array_equal(decoded.numpy(), samples)
    assert feature.decode(b"").shape == (0,)
    np.testing.assert_array_equal(feature.decode(feature.encode_example(samples)), samples)
    with pytest.raises(ValueError, match="not as int16 samples of shape"):
        feature.encode_example(samples[:, None])
    content = io.BytesIO()
    soundfile.write(content, np.zeros((9, 2)), 16_000, format="FLAC")
    with pytest.raises(ValueError, match="2 channels, not 1"):
        feature.decode(content.getvalue())


def test_mono_in_padded_batches():
    feature = EncodedAudio(sample_rate=16_000, dtype=np.int16, mono=True)
    recordings = [_mono(frames) for frames in (10, 4_000, 300)]
    stored = tf.data.Dataset.from_tensor_slices([content for content, _ in recordings])
    (batch,) = tfds.as_numpy(stored.map(feature.decode_example).padded_batch(3))
    assert batch.shape == (3, 4_000)
    for row, (_, samples) in zip(batch, recordings):
        np.testing.assert_array_equal(row[: len(samples)], samples)
        assert not row[len(samples) :].any()


def test_mono_is_drawn_and_played():
    feature = EncodedAudio(sample_rate=16_000, dtype=np.int16, mono=True)
    waveform, spectrogram = figure.Figure().subplots(2)
    feature.plot(_mono(3_000)[1], waveform, spectrogram)
    assert waveform.lines and spectrogram.images
    assert "audio/wav" in feature.repr_html(_mono(3_000)[1])


def test_mono_as_json():
    mono = EncodedAudio(sample_rate=16_000, dtype=np.int16, mono=True)
    again = EncodedAudio.from_json_content(mono.to_json_content())
    assert again.mono and again.get_tensor_info() == mono.get_tensor_info()
    # What was prepared without it is described as it was.
    assert "mono" not in EncodedAudio(channels=1).to_json_content()
    with pytest.raises(ValueError, match="mono is one channel, not 2"):
        EncodedAudio(channels=2, mono=True)
