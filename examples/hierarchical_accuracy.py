"""Trains a small Keras model on ImageNet and tells how grave its mistakes are.

    python examples/hierarchical_accuracy.py --miniature            # seconds, offline
    python examples/hierarchical_accuracy.py --manual_dir FOLDER     # FOLDER holds ILSVRC's tars
    python examples/hierarchical_accuracy.py --manual_dir FOLDER --partial   # some class folders

To take a tabby for an Egyptian cat is not as bad as to take it for a car. The mean height of the lowest
common hypernym of label and prediction says so in one number: 0 is right, and the larger the worse.
It is printed beside accuracy for two models that see the same pictures: one trained on the class alone,
one whose targets are soft, closer classes getting more (Bertinetto et al. 2020), and for chance.
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
from tfds_extra.datasets.imagenet_wordnet import hierarchy

SIZE = 64  # Pixels that the model sees of a picture, in each direction.
SOFTNESS = 2.0  # How fast soft targets fall with the height of the lowest common hypernym.


def main() -> None:
    arguments = parse_arguments()
    builder = tfds.builder(
        "imagenet_wordnet",
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
        partial=arguments.partial,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    )
    train = pictures(builder, "train", arguments.pictures)
    tested = "validation" if "validation" in builder.info.splits else "train"
    test = pictures(builder, tested, arguments.pictures)
    count, tested_count = (len(list(one)) for one in (train, test))
    print(
        f"{builder.info.full_name}: {count:,} pictures to train on, {tested_count:,} of {tested} to test"
    )

    tree = hierarchy.ilsvrc()
    costs = tree.cost_matrix()
    labels = np.array([int(label) for _, label in tfds.as_numpy(test)])
    chance = np.random.default_rng(0).integers(0, len(tree.classes), labels.shape)
    report("chance", tree, costs, labels, chance)
    hard = np.eye(len(tree.classes), dtype=np.float32)
    soft = np.exp(-SOFTNESS * costs.astype(np.float32))
    soft /= soft.sum(axis=1, keepdims=True)
    for name, targets in (("one class is right", hard), ("near ones count", soft)):
        keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
        model = build_model(len(tree.classes))
        table = tf.constant(targets)
        batch = min(64, max(4, count // 10))
        model.fit(
            train.map(lambda image, label: (image, tf.gather(table, label)))
            .shuffle(1_000).batch(batch).prefetch(2),
            epochs=arguments.epochs,
            verbose=1 if sys.stdout.isatty() else 0,
        )  # fmt: skip
        chosen = model.predict(test.batch(64), verbose=0).argmax(axis=1)
        report(name, tree, costs, labels, chosen)


def pictures(builder: tfds.core.DatasetBuilder, split: str, limit: int) -> tf.data.Dataset:
    """Small pictures and labels, kept in memory.

    Args:
      builder: It has prepared its data.
      split: Name of the split.
      limit: Take at most so many.
    """

    def small(image, label):
        return tf.image.resize(image, [SIZE, SIZE], antialias=True) / 255, label

    total = min(limit, builder.info.splits[split].num_examples)
    dataset = builder.as_dataset(split=f"{split}[:{total}]", as_supervised=True)
    return dataset.map(small, num_parallel_calls=2).cache()


def build_model(classes: int) -> keras.Model:
    """Coarse colours and shapes, and a weight of each for each class: a fast baseline.

    Args:
      classes: Number of classes.
    """
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input([SIZE, SIZE, 3]),
            layers.Conv2D(16, 5, strides=4, activation="relu"),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), loss="categorical_crossentropy")
    return model


def report(
    name: str, tree: hierarchy.Hierarchy, costs: np.ndarray, labels: np.ndarray, chosen: np.ndarray
) -> None:
    """Prints accuracy and how grave mistakes are, and the gravest one."""
    found = costs[labels, chosen]
    worst = int(found.argmax())
    pair = " for ".join(tree.words(int(label))[0] for label in (chosen[worst], labels[worst]))
    print(
        f"{name}: accuracy {np.mean(labels == chosen):.4f}, mean height {found.mean():.3f},"
        f" gravest: {pair} ({found[worst]})"
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument(
        "--partial", action="store_true", help="train on what there is of the files"
    )
    parser.add_argument("--manual_dir", help="folder with the published files")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--pictures", type=int, default=50_000, help="take at most so many")
    parser.add_argument("--epochs", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
