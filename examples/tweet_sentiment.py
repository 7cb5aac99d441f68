"""Trains a small Keras model on tweets and tests it on those that people judged.

    python examples/tweet_sentiment.py --miniature             # seconds, offline
    python examples/tweet_sentiment.py                         # the corpus: 81 MB, some minutes
    python examples/tweet_sentiment.py --manual_dir FOLDER     # from files already there
    python examples/tweet_sentiment.py --manual_dir FOLDER --partial   # from a part of them

It prints the accuracy on the 359 tweets of test that are negative or positive, which is how the paper of
Go, Bhayani and Huang (2009) measures, and the tweets that the model is most wrong about.
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

WORDS = 20_000  # That the model knows; all others are one.
LENGTH = 40  # Words of a tweet that it reads; 140 characters hardly hold more.


def main() -> None:
    arguments = parse_arguments()
    builder = tfds.builder(
        "sentiment140_extended",
        config="binary",
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
        partial=arguments.partial,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    )
    info = builder.info
    counts = {name: split.num_examples for name, split in info.splits.items()}
    print(f"{info.full_name}: {counts['train']:,} tweets to train on, {counts['test']:,} to test")

    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    batch = min(512, max(4, counts["train"] // 40))
    train, test = (
        builder.as_dataset(split=split, batch_size=batch, as_supervised=True)
        for split in ("train", "test")
    )
    model = build_model(train)
    model.fit(
        train.shuffle(100).prefetch(2),
        epochs=arguments.epochs,
        verbose=1 if sys.stdout.isatty() else 2,
    )

    tweets = [
        (text, label) for texts, labels in tfds.as_numpy(test) for text, label in zip(texts, labels)
    ]
    labels = np.array([label for _, label in tweets])
    positive = model.predict(test.map(lambda text, label: text), verbose=0)[:, 0]
    print(f"test accuracy: {np.mean((positive > 0.5) == labels):.4f} on {len(tweets)} tweets")
    share = max(np.mean(labels), 1 - np.mean(labels))
    print(f"share of the larger class: {share:.4f}")
    print("most wrong about:")
    names = info.features["label"].names
    for i in np.argsort(-np.abs(positive - labels))[:3]:
        print(f"  {names[labels[i]]}, said {positive[i]:.3f} positive: {tweets[i][0].decode()!r}")


def build_model(train: tf.data.Dataset) -> keras.Model:
    """Words and pairs of words as vectors, and the mean of them: a fast and strong baseline.

    Args:
      train: Batches of texts and labels, of which the vocabulary is made.

    Returns:
      The model, compiled. It takes texts and gives the probability that each is positive.
    """
    layers = keras.layers
    words = layers.TextVectorization(WORDS, output_sequence_length=2 * LENGTH, ngrams=2)
    # A hundred thousand tweets have the words that matter.
    words.adapt(train.map(lambda texts, _: texts).take(200))
    model = keras.Sequential(
        [
            layers.Input((), dtype=tf.string),
            words,
            layers.Embedding(WORDS, 32, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=["accuracy"]
    )
    return model


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument(
        "--partial", action="store_true", help="train on what there is of the files"
    )
    parser.add_argument("--manual_dir", help="folder with the published files, if they are there")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--epochs", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
