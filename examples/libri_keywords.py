"""Trains a small Keras model to tell frequent words of LibriSpeech apart, cut out by their alignment.

    python examples/libri_keywords.py --miniature              # seconds, offline
    python examples/libri_keywords.py                          # dev-clean: 1 GB with its alignments
    python examples/libri_keywords.py --config clean_100_aligned               # 100 hours: 8 GB
    python examples/libri_keywords.py --manual_dir FOLDER [--partial]          # files already there

Every fifth utterance is for testing, the others for training. The keywords are the most frequent words
for training. It prints the accuracy on both beside that of always guessing the most frequent one, and draws
an utterance: its waveform, its spectrogram, and its words where the aligner found them, with what the
model takes the keywords for.
"""

import argparse
import collections
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes.

import keras
import numpy as np
import tensorflow_datasets as tfds
from matplotlib import figure

import tfds_extra

SAMPLE_RATE = 16_000
SECONDS = 8.0  # Of the utterance that is drawn.
SAMPLES = int(0.6 * SAMPLE_RATE)  # Around the middle of a word; hardly a frequent one is longer.


def main() -> None:
    arguments = parse_arguments()
    splits, info = tfds.load(
        f"librispeech_extended/{arguments.config}",
        with_info=True,
        data_dir=arguments.data_dir,
        builder_kwargs={"miniature": arguments.miniature, "partial": arguments.partial},
        download_and_prepare_kwargs={
            "download_config": tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
        },
    )
    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    train, test = [], []
    for utterance in (one for split in splits.values() for one in tfds.as_numpy(split)):
        (test if utterance["utterance_index"] % 5 == 1 else train).append(utterance)
    keywords = most_frequent(train, arguments.keywords)
    train_x, train_y = cut(train, keywords)
    test_x, test_y = cut(test, keywords)
    print(
        f"{info.full_name}: {len(train_y):,} words in {len(train):,} utterances to train on,"
        f" {len(test_y):,} in {len(test):,} to test"
    )
    print(f"keywords: {' '.join(keywords)}")
    model = build_model(len(keywords), arguments.epochs * -(-len(train_y) // 32))
    model.fit(
        train_x,
        train_y,
        batch_size=32,
        epochs=arguments.epochs,
        verbose=1 if sys.stdout.isatty() else 0,
    )
    for name, x, y in (("train", train_x, train_y), ("test", test_x, test_y)):
        accuracy = np.mean(guess(model, x) == y)
        print(f"{name} accuracy: {accuracy:.4f} (always {keywords[0]}: {np.mean(y == 0):.4f})")
    shown = max(test, key=lambda one: sum(w in keywords for w in words_of(one)) / one["duration"])
    draw(shown, keywords, guess(model, cut([shown], keywords)[0])).savefig(arguments.output)
    print(f"wrote {arguments.output}")


def words_of(utterance: dict) -> list[str]:
    return [word.decode() for word in utterance["words"]["word"]]


def most_frequent(utterances: list[dict], number: int) -> list[str]:
    """The most frequent words of some utterances, the most frequent first."""
    counts = collections.Counter(word for one in utterances for word in words_of(one))
    return [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))][
        :number
    ]


def cut(utterances: list[dict], keywords: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The keywords in some utterances.

    Returns:
      Samples around the middle of each, silent beyond the word itself, of shape (words, SAMPLES), as
      loud as all others; and their places in `keywords`.
    """
    sounds, labels = [], []
    for utterance in utterances:
        words = utterance["words"]
        for word, start, end in zip(words_of(utterance), words["start"], words["end"]):
            if word in keywords:
                first, last = int(start * SAMPLE_RATE), int(end * SAMPLE_RATE)
                sound = utterance["speech"][first:last].astype(np.float32)
                sound = sound[max(0, len(sound) - SAMPLES) // 2 :][:SAMPLES]
                before = (SAMPLES - len(sound)) // 2
                sound = np.pad(sound, (before, SAMPLES - len(sound) - before))
                sounds.append(sound / (np.abs(sound).max() + 1))
                labels.append(keywords.index(word))
    return np.reshape(sounds, (-1, SAMPLES)), np.array(labels, int)


def guess(model: keras.Model, sounds: np.ndarray) -> np.ndarray:
    """Places in the keywords of what a model takes some sounds for."""
    return model.predict(sounds, verbose=0).argmax(axis=1) if len(sounds) else np.zeros(0, int)


def build_model(classes: int, steps: int) -> keras.Model:
    """Log-mel spectrogram, three convolutions, and an average over what they found.

    Args:
      classes: Number of keywords.
      steps: Number of training steps, over which the learning rate falls to zero.

    Returns:
      The model, compiled.
    """
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((SAMPLES,)),
            layers.MelSpectrogram(
                fft_length=512,
                sequence_stride=160,
                num_mel_bins=40,
                sampling_rate=SAMPLE_RATE,
                min_freq=60,
                max_freq=SAMPLE_RATE // 2,
            ),  # fmt: skip
            layers.Reshape((40, -1, 1)),
            layers.BatchNormalization(momentum=0.9),
        ]
    )
    for filters in (16, 32, 64):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D(2))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(classes))
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def draw(utterance: dict, keywords: list[str], guesses: np.ndarray) -> figure.Figure:
    """Waveform, spectrogram and words of an utterance, and what the model takes the keywords for."""
    speech = utterance["speech"] / 32768
    at, seconds = utterance["words"], min(len(speech) / SAMPLE_RATE, SECONDS)
    picture = figure.Figure(figsize=(12, 7), layout="constrained")
    speaker = utterance["speaker_name"].decode() or f"reader {utterance['speaker_id']}"
    picture.suptitle(f"{utterance['id'].decode()}, read by {speaker}")
    wave, spectrogram, aligned = picture.subplots(3, 1, sharex=True, height_ratios=[2, 3, 3])
    wave.plot(np.arange(len(speech)) / SAMPLE_RATE, speech, linewidth=0.4)
    wave.set_ylabel("amplitude")
    # Digital silence has no level in dB.
    dithered = speech + np.random.default_rng(0).normal(scale=1e-5, size=len(speech))
    spectrogram.specgram(dithered, NFFT=512, noverlap=384, Fs=SAMPLE_RATE)
    spectrogram.set_ylabel("Hz")
    for axis in (wave, spectrogram):
        axis.vlines([*at["start"], *at["end"]], *axis.get_ylim(), color="tab:orange", linewidth=0.5)
    guessed = iter(guesses)
    for word, start, end in zip(words_of(utterance), at["start"], at["end"]):
        known = word in keywords
        aligned.axvspan(
            start, end, 0.4, 1, color="tab:orange" if known else "lightgrey", ec="white"
        )
        style = {"ha": "center", "va": "center", "rotation": 90, "fontsize": 9, "clip_on": True}
        aligned.text((start + end) / 2, 0.7, word, **style)
        if known:
            heard = keywords[next(guessed)]
            color = "tab:green" if heard == word else "tab:red"
            aligned.text((start + end) / 2, 0.2, heard, color=color, **style)
    aligned.set(xlim=(0, seconds), ylim=(0, 1), yticks=[0.2, 0.7], xlabel="s")
    aligned.set_yticklabels(["heard", "said"])
    return picture


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument("--partial", action="store_true", help="on the part of the corpus there is")
    parser.add_argument("--config", default="dev_clean_aligned", help="a config with alignments")
    parser.add_argument("--manual_dir", help="folder with the published files, if they are there")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--keywords", type=int, default=10, help="number of words to tell apart")
    parser.add_argument("--output", default="libri_keywords.png", help="the picture")
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
