"""Trains logistic regression on the words of IMDB reviews, and shows which words it goes by.

    python examples/review_words.py --miniature             # seconds, offline
    python examples/review_words.py                         # the corpus: 84 MB, some minutes
    python examples/review_words.py --manual_dir FOLDER     # from the archive already there
    python examples/review_words.py --manual_dir FOLDER --partial   # from a part of it

The model knows which words are in a review, and neither how often nor in which order. It prints the
accuracy on test beside the published one of such a bag of words, with and without the test reviews
that are in training, too, and the words that weigh most, each with the rating that the publishers
expect of a review with it, in stars from the mean.
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

WORDS = 20_000  # That the model knows.
# Of a linear SVM on a bag of words (bnc: binary, normalized), with the same training and test set.
PUBLISHED = "0.8780 (Maas et al. 2011, table 2, bag of words)"


def main() -> None:
    arguments = parse_arguments()
    builder, vocabulary = (prepare(config, arguments) for config in ("plain_text", "vocabulary"))
    counts = {name: split.num_examples for name, split in builder.info.splits.items()}
    print(
        f"{builder.info.full_name}: {counts['train']:,} reviews to train on, {counts['test']:,} to test"
    )

    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    batch = min(128, max(2, counts["train"] // 40))
    train = builder.as_dataset(
        split="train", batch_size=batch, as_supervised=True, shuffle_files=True
    )
    words = keras.layers.TextVectorization(WORDS, output_mode="multi_hot")
    words.adapt(train.map(lambda texts, _: texts))
    model = build_model(words)
    model.fit(
        train.shuffle(100).prefetch(2),
        epochs=arguments.epochs,
        verbose=1 if sys.stdout.isatty() else 2,
    )

    test = builder.as_dataset(split="test", batch_size=batch)
    positive = model.predict(test.map(lambda reviews: reviews["text"]), verbose=0)[:, 0] > 0
    found = [(reviews["label"], reviews["in_other_split"]) for reviews in tfds.as_numpy(test)]
    labels, seen = map(np.concatenate, zip(*found))
    right = positive == labels
    print(f"test accuracy: {right.mean():.4f}, published {PUBLISHED}")
    print(f"without the {seen.sum()} whose text is in training, too: {right[~seen].mean():.4f}")

    ratings = expected_ratings(vocabulary)
    weights = model.layers[-1].get_weights()[0][:, 0]
    names = words.get_vocabulary()
    known = [i for i in np.argsort(weights) if names[i] in ratings]
    for which, chosen in (("positive", known[::-1]), ("negative", known)):
        heaviest = [names[i] for i in chosen[: arguments.shown]]
        print(f"most {which}, with published rating:")
        print("  " + ", ".join(f"{word} {ratings[word]:+.2f}" for word in heaviest))


def prepare(config: str, arguments: argparse.Namespace) -> tfds.core.DatasetBuilder:
    """The builder of one config, after it has prepared its data."""
    builder = tfds.builder(
        "imdb_reviews_extended",
        config=config,
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
        partial=arguments.partial,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    )
    return builder


def build_model(words: keras.layers.TextVectorization) -> keras.Model:
    """Logistic regression on the words that are in a review.

    Args:
      words: Makes 0 and 1 of a text, for each word that it knows.

    Returns:
      The model, compiled. It takes texts and gives the log odds that each is positive.
    """
    model = keras.Sequential(
        [keras.layers.Input((), dtype=tf.string), words, keras.layers.Dense(1)]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0)],
    )
    return model


def expected_ratings(vocabulary: tfds.core.DatasetBuilder) -> dict[str, float]:
    """By word how many stars more than the mean the reviews have that it is in."""
    table = tfds.as_numpy(vocabulary.as_dataset(split="vocabulary", batch_size=-1))
    return {word.decode(): rating for word, rating in zip(table["word"], table["expected_rating"])}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument(
        "--partial", action="store_true", help="train on what there is of the reviews"
    )
    parser.add_argument("--manual_dir", help="folder with the published files, if they are there")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--shown", type=int, default=10, help="number of words to show")
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
