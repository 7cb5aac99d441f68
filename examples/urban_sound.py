"""Trains a small Keras model on UrbanSound8K, fold by fold as its publishers ask.

    python examples/urban_sound.py --miniature                      # seconds, offline
    python examples/urban_sound.py                                  # the corpus: 6 GB, some hours
    python examples/urban_sound.py --manual_dir FOLDER [--partial]  # from files already there

Each fold in turn is tested on with a model that was trained on all others. Folds are never mixed:
slices of one recording are in one fold, and a random split would test on what was trained on. It
prints the accuracy of each fold and their mean, and writes a picture of both and of the confusions.
"""

import argparse
import functools
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes.

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from matplotlib import figure

import tfds_extra

SAMPLE_RATE = 22_050
SAMPLES = 4 * SAMPLE_RATE  # Slices last four seconds at most.


def main() -> None:
    arguments = parse_arguments()
    folds, info = tfds.load(
        "urban_sound_8k/folds_mono_22k",
        as_supervised=True,
        with_info=True,
        data_dir=arguments.data_dir,
        builder_kwargs={"miniature": arguments.miniature, "partial": arguments.partial},
        download_and_prepare_kwargs={
            "download_config": tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
        },
    )
    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    sizes = ", ".join(f"{name} {len(fold):,}" for name, fold in folds.items())
    print(f"{info.full_name}: {sizes} slices")

    folds = {name: fold.map(four_seconds).cache() for name, fold in folds.items()}
    classes = info.features["label"].num_classes
    confusion = np.zeros((classes, classes), int)
    accuracies = {}
    for name, tested in list(folds.items())[: arguments.folds]:
        trained = [fold for other, fold in folds.items() if other != name]
        train = functools.reduce(tf.data.Dataset.concatenate, trained)
        guesses = train_and_guess(train, tested, classes, arguments.epochs)
        labels = np.array([label for _, label in tfds.as_numpy(tested)])
        np.add.at(confusion, (labels, guesses), 1)
        accuracies[name] = float(np.mean(guesses == labels))
        print(f"{name}: accuracy {accuracies[name]:.4f} on {len(labels):,} slice(s)")
    print(f"mean accuracy over {len(accuracies)} folds: {np.mean([*accuracies.values()]):.4f}")
    draw(info, accuracies, confusion).savefig(arguments.output)
    print(f"wrote {arguments.output}")


def four_seconds(audio: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A slice as four seconds of float samples, repeated to fill them, as loud as all others."""
    audio = tf.cast(audio, tf.float32)
    audio /= tf.reduce_max(tf.abs(audio)) + 1
    repeated = tf.tile(audio, [1 + SAMPLES // tf.maximum(1, tf.size(audio))])
    return tf.ensure_shape(repeated[:SAMPLES], [SAMPLES]), label


def train_and_guess(
    train: tf.data.Dataset, test: tf.data.Dataset, classes: int, epochs: int
) -> np.ndarray:
    """Classes that a model trained on one part finds in the other, in its order."""
    size = int(train.reduce(0, lambda count, _: count + 1))
    batch = min(64, max(4, size // 20))
    model = build_model(classes, epochs * -(-size // batch))
    model.fit(
        train.shuffle(min(size, 2000)).batch(batch).prefetch(2),
        epochs=epochs,
        verbose=1 if sys.stdout.isatty() else 0,
    )
    guesses = [
        model(audio, training=False).numpy().argmax(axis=1) for audio, _ in test.batch(batch)
    ]
    return np.concatenate(guesses)


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
                fft_length=1024,
                sequence_stride=512,
                num_mel_bins=64,
                sampling_rate=SAMPLE_RATE,
                min_freq=30,
                max_freq=SAMPLE_RATE // 2,
            ),  # fmt: skip
            layers.Reshape((64, -1, 1)),
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
    )
    return model


def draw(info, accuracies: dict[str, float], confusion: np.ndarray) -> figure.Figure:
    """The accuracy of each fold, and what was taken for what in all of them."""
    mean = np.mean([*accuracies.values()])
    picture = figure.Figure(figsize=(12, 6), layout="constrained")
    picture.suptitle(f"{info.full_name}: mean accuracy {mean:.4f}")
    bars, matrix = picture.subplots(1, 2)
    bars.bar([name.removeprefix("fold") for name in accuracies], list(accuracies.values()))
    bars.axhline(mean, color="tab:orange")
    bars.set(xlabel="fold", ylabel="accuracy", ylim=(0, 1))
    names = info.features["label"].names
    matrix.imshow(confusion, cmap="Blues")
    ticks = range(len(names))
    matrix.set(xlabel="guess", xticks=ticks, yticks=ticks)
    matrix.set_xticklabels(names, rotation=60, ha="right")
    matrix.set_yticklabels(names)
    for (i, j), count in np.ndenumerate(confusion):
        if count:
            color = "white" if count > confusion.max() / 2 else "black"
            matrix.text(j, i, count, ha="center", va="center", color=color)
    return picture


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument("--partial", action="store_true", help="on the part of the corpus there is")
    parser.add_argument("--manual_dir", help="folder with the published files, if they are there")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--folds", type=int, help="test on the first few folds only")
    parser.add_argument("--output", default="urban_sound.png", help="the picture")
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
