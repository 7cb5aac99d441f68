"""Trains a small Keras model to tell the stars of Yelp reviews from their texts.

    python examples/review_stars.py --miniature             # seconds, offline
    python examples/review_stars.py --manual_dir FOLDER     # FOLDER holds Yelp-JSON.zip
    python examples/review_stars.py --manual_dir FOLDER --partial   # some lines of review.json
    python examples/review_stars.py --manual_dir FOLDER --reviews 200000

Every tenth review is kept for testing. It prints the accuracy on the five stars, on what Zhang, Zhao and
LeCun (2015) call polarity (1 and 2 against 4 and 5 stars), and how far off the model is on average,
each beside what the most frequent answer would reach.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes.

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

import tfds_extra

WORDS = 10_000  # That the model knows; all others are one.


def main() -> None:
    arguments = parse_arguments()
    builder = tfds.builder(
        "yelp_open/review",
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
        partial=arguments.partial,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    )
    # Prepared reviews are shuffled, so that any slice of them is a sample.
    total = min(builder.info.splits["train"].num_examples, arguments.reviews)
    tested = max(total // 10, 3)
    print(f"{builder.info.full_name}: {total - tested:,} reviews to train on, {tested:,} to test")

    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    batch = min(512, max(4, total // 40))
    train, test = (
        builder.as_dataset(split=f"train[{some}]", batch_size=batch, as_supervised=True)
        for some in (f"{tested}:{total}", f":{tested}")
    )
    model = build_model(train)
    model.fit(
        train.shuffle(100).prefetch(2),
        epochs=arguments.epochs,
        verbose=1 if sys.stdout.isatty() else 2,
    )

    stars = 1 + np.concatenate([labels for _, labels in tfds.as_numpy(test)])
    probabilities = model.predict(test.map(lambda text, label: text), verbose=0)
    report(stars, probabilities)


def build_model(train: tf.data.Dataset) -> keras.Model:
    """Which words there are, and a weight of each for each number of stars: a fast baseline.

    Args:
      train: Batches of texts and labels, of which the vocabulary is made.

    Returns:
      The model, compiled. It takes texts and gives the probability of each number of stars.
    """
    layers = keras.layers
    words = layers.TextVectorization(WORDS, output_mode="multi_hot")
    # A hundred thousand reviews have the words that matter.
    words.adapt(train.map(lambda texts, _: texts).take(200))
    model = keras.Sequential(
        [layers.Input((), dtype=tf.string), words, layers.Dense(5, activation="softmax")]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def report(stars: np.ndarray, probabilities: np.ndarray) -> None:
    """Prints how well the stars are told.

    Args:
      stars: 1 to 5, of shape (reviews,).
      probabilities: Of each number of stars, of shape (reviews, 5).
    """
    told = 1 + probabilities.argmax(axis=1)
    most = 1 + np.bincount(stars - 1).argmax()
    print(
        f"test accuracy: {np.mean(told == stars):.4f} (always {most}: {np.mean(stars == most):.4f})"
    )
    clear = stars != 3
    positive = stars[clear] > 3
    said = probabilities[clear, 3:].sum(axis=1) > probabilities[clear, :2].sum(axis=1)
    share = max(np.mean(positive), 1 - np.mean(positive))
    print(
        f"polarity accuracy: {np.mean(said == positive):.4f} on {clear.sum():,} reviews"
        f" (larger class: {share:.4f})"
    )
    mean = probabilities @ np.arange(1, 6)
    print(
        f"mean error in stars: {np.abs(mean - stars).mean():.3f}"
        f" (always {stars.mean():.2f}: {np.abs(stars - stars.mean()).mean():.3f})"
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument(
        "--partial", action="store_true", help="train on what there is of the files"
    )
    parser.add_argument("--manual_dir", help="folder with the published files")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--reviews", type=int, default=1_000_000, help="take at most so many")
    parser.add_argument("--epochs", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
