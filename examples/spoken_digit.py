"""Trains a small Keras model on Free Spoken Digit and draws what came of it.

    python examples/spoken_digit.py --miniature            # seconds, offline
    python examples/spoken_digit.py                        # the corpus, a few minutes
    python examples/spoken_digit.py --manual_dir FOLDER    # the corpus, from files already there

It prints the accuracy on the official test split and writes a picture with a few recordings, the
training curve and the confusion matrix.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes.

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from matplotlib import figure

import tfds_extra

SAMPLES = 8000  # One second; nearly all recordings are shorter, and the rest is cut off.


def main() -> None:
    arguments = parse_arguments()
    (train, test), info = tfds.load(
        "free_spoken_digit",
        split=["train", "test"],
        as_supervised=True,
        with_info=True,
        data_dir=arguments.data_dir,
        builder_kwargs={"miniature": arguments.miniature},
        download_and_prepare_kwargs={
            "download_config": tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
        },
    )
    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    print(f"{info.full_name}: {len(train):,} recordings to train on, {len(test):,} to test")

    batch = min(64, max(8, len(train) // 40))  # The miniature has 60 recordings in all.
    steps = arguments.epochs * -(-len(train) // batch)
    model = build_model(info.features["label"].num_classes, steps)
    history = model.fit(
        train.map(one_second).cache().shuffle(len(train)).map(shift).batch(batch).prefetch(2),
        validation_data=test.map(one_second).batch(batch).cache(),
        epochs=arguments.epochs,
        verbose=1 if sys.stdout.isatty() else 2,
    )

    labels = np.array([label for _, label in tfds.as_numpy(test)])
    guesses = model.predict(test.map(one_second).batch(batch), verbose=0).argmax(axis=1)
    print(f"test accuracy: {np.mean(guesses == labels):.4f}")
    draw(info, test, history.history, labels, guesses).savefig(arguments.output)
    print(f"wrote {arguments.output}")


def one_second(audio: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A recording as one second of float samples, as loud as all others (theo is very quiet)."""
    audio = tf.cast(audio[:SAMPLES], tf.float32)
    audio /= tf.reduce_max(tf.abs(audio)) + 1
    return tf.pad(audio, [[0, SAMPLES - tf.size(audio)]]), label


def shift(audio: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The recording up to an eighth of a second later, so that the model does not learn its start."""
    return tf.roll(audio, tf.random.uniform([], 0, SAMPLES // 8, tf.int32), axis=0), label


def build_model(classes: int, steps: int) -> keras.Model:
    """Log-mel spectrogram, four convolutions, and an average over what they found.

    Args:
      classes: Number of classes.
      steps: Number of training steps, over which the learning rate falls to zero.

    Returns:
      The model, compiled.
    """
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((SAMPLES,)),
            layers.MelSpectrogram(
                fft_length=256,
                sequence_stride=80,
                num_mel_bins=40,
                sampling_rate=8000,
                min_freq=60,
                max_freq=4000,
            ),  # fmt: skip
            layers.Reshape((40, -1, 1)),
            layers.BatchNormalization(momentum=0.9),
        ]
    )
    for filters in (16, 32, 64, 64):
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
        metrics=["accuracy"],
    )
    return model


def draw(info, test, history, labels, guesses) -> figure.Figure:
    """A few recordings with the model's guesses, the training curve, the confusion matrix."""
    picture = figure.Figure(figsize=(12, 8), layout="constrained")
    picture.suptitle(f"{info.full_name}: test accuracy {np.mean(guesses == labels):.4f}")
    top, bottom = picture.subfigures(2, 1)

    axes = top.subplots(2, 4)
    for column, (audio, label) in enumerate(tfds.as_numpy(test.take(4))):
        info.features["audio"].plot(audio, axes[0, column], axes[1, column])
        axes[0, column].set_title(f"{label}, taken for {guesses[column]}")

    curve, matrix = bottom.subplots(1, 2)
    curve.plot(history["accuracy"], label="train")
    curve.plot(history["val_accuracy"], label="test")
    curve.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1.02))
    curve.legend()

    names = info.features["label"].names
    confusion = np.zeros((len(names), len(names)), int)
    np.add.at(confusion, (labels, guesses), 1)
    matrix.imshow(confusion, cmap="Blues")
    ticks = range(len(names))
    matrix.set(xlabel="guess", ylabel="digit", xticks=ticks, yticks=ticks)
    matrix.set_xticklabels(names)
    matrix.set_yticklabels(names)
    for (i, j), count in np.ndenumerate(confusion):
        if count:
            color = "white" if count > confusion.max() / 2 else "black"
            matrix.text(j, i, count, ha="center", va="center", color=color)
    return picture


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument("--manual_dir", help="folder with the published files, if they are there")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", default="spoken_digit.png", help="the picture")
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
