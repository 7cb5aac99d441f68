"""Trains a small Keras model on clean Fashion-MNIST and tests it on corrupted images.

    python examples/corrupted_fashion.py --miniature          # seconds, offline
    python examples/corrupted_fashion.py                      # the corpus: 86 MB, some minutes
    python examples/corrupted_fashion.py --manual_dir FOLDER  # from files already there
    python examples/corrupted_fashion.py --configs mixed rotate_1 rotate_2 rotate_3  # on these only

It prints the accuracy on clean test images and on those with each corruption, and writes a picture:
a bar for each corruption, the hardest on top, and beside it an image with what that was taken for.

Config `mixed` is Fashion-MNIST-C as published, where each image has one of fifteen corruptions. The
others are MNIST-C's fifteen, each applied to all images. A config takes 130 MB of `data_dir` and up
to half a minute, once.
"""

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes.

import keras
import numpy as np
import tensorflow_datasets as tfds
from matplotlib import figure, offsetbox

import tfds_extra

MIXED = "mixed"
ORIGINS = {  # Of corrupted images: title and colour of their panel.
    "published": ("Fashion-MNIST-C as published", "C0"),
    "generated": ("Fashion-MNIST corrupted here", "C1"),
}
MNIST_C = [  # The standard builder of MNIST-C has the same names, from shot_noise to canny_edges.
    config.name
    for config in tfds.builder_cls("mnist_corrupted").BUILDER_CONFIGS
    if config.name != "identity"
]


@dataclasses.dataclass
class Result:
    """What the model makes of the images with one corruption.

    Attributes:
      origin: Whether they were "published", as Fashion-MNIST-C, or "generated" by the builder.
      name: Of the corruption, or of the config where it tells the severity as well.
      images: How many there are.
      accuracy: Share of them whose class is found.
      clean: The same of their clean originals.
      example: One of them, uint8 of shape (28, 28, 1).
      label: Its class.
      guess: What the model takes it for.
    """

    origin: str
    name: str
    images: int
    accuracy: float
    clean: float
    example: np.ndarray
    label: int
    guess: int


def main() -> None:
    arguments = parse_arguments()
    builders = {config: prepare(arguments, config) for config in arguments.configs}
    # Any config will do for training: each has the clean images beside the corrupted ones.
    first = builders[arguments.configs[0]]
    info = first.info
    train, test = read(first, "train"), read(first, "test")
    print(
        f"{info.full_name}: {len(train['label']):,} clean images to train on,"
        f" {len(test['label']):,} to test"
    )
    model = trained_model(train, arguments.epochs)
    clean = guess(model, test["original_image"]) == test["label"]
    print(f"test accuracy on clean images: {np.mean(clean):.4f}")

    results = []
    names = info.features["corruption"].names
    for config, builder in builders.items():
        results += evaluate(model, config, names, read(builder, "test"), clean)
    results.sort(key=lambda result: (result.accuracy, result.name))  # The hardest first.
    groups = {
        origin: group
        for origin in ORIGINS
        if (group := [result for result in results if result.origin == origin])
    }
    print_table(groups)
    draw(info, groups, np.mean(clean), len(clean)).savefig(arguments.output)
    print(f"wrote {arguments.output}")


def prepare(arguments: argparse.Namespace, config: str) -> tfds.core.DatasetBuilder:
    """The builder of a config, which is prepared if it was not."""
    builder = tfds.builder(
        "fashion_mnist_corrupted",
        config=config,
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    )
    return builder


def read(builder: tfds.core.DatasetBuilder, split: str) -> dict[str, np.ndarray]:
    """A split as one batch: 16 MB of pixels for `test`, 94 MB for `train`."""
    return tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))


def trained_model(train: dict[str, np.ndarray], epochs: int) -> keras.Model:
    """A model that was trained on the clean images."""
    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    size = len(train["label"])
    batch = min(128, max(4, size // 40))  # The miniature has 30 images to train on.
    model = build_model(epochs * -(-size // batch))
    model.fit(
        train["original_image"],
        train["label"],
        batch_size=batch,
        epochs=epochs,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    return model


def build_model(steps: int) -> keras.Model:
    """Three convolutions and a dense layer over pixels from 0 to 1.

    Args:
      steps: Number of training steps, over which the learning rate falls to zero.

    Returns:
      The model, compiled.
    """
    layers = keras.layers
    model = keras.Sequential([layers.Input((28, 28, 1)), layers.Rescaling(1 / 255)])
    for filters in (16, 32, 64):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(10))
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def guess(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Classes that the model finds in images."""
    return model.predict(images, batch_size=512, verbose=0).argmax(axis=1)


def evaluate(
    model: keras.Model,
    config: str,
    names: list[str],
    test: dict[str, np.ndarray],
    clean: np.ndarray,
) -> Iterator[Result]:
    """One result for each corruption that a config has.

    Args:
      model: The model.
      config: Name of the config.
      names: Of all corruptions.
      test: Its test split, a column for each feature.
      clean: Whether the model knows the clean image, by `index`, bool of shape (images,).

    Yields:
      The results.
    """
    guesses = guess(model, test["image"])
    for corruption in np.unique(test["corruption"]):
        rows = np.flatnonzero(test["corruption"] == corruption)
        # The first image of all, or the first of its class that has this corruption.
        same_class = rows[test["label"][rows] == test["label"][0]]
        example = [*same_class, *rows][0]
        yield Result(
            origin="published" if config == MIXED else "generated",
            name=names[corruption] if config == MIXED else config,
            images=len(rows),
            accuracy=float(np.mean(guesses[rows] == test["label"][rows])),
            clean=float(np.mean(clean[test["index"][rows]])),
            example=test["image"][example],
            label=int(test["label"][example]),
            guess=int(guesses[example]),
        )


def print_table(groups: dict[str, list[Result]]) -> None:
    """Prints all results, and the mean of each group."""
    print("by corruption; drop: by how much the same images are known better when clean")
    print(f"  {'origin':9} {'corruption':15} {'images':>6} accuracy    drop")
    for origin, results in groups.items():
        for result in results:
            print(
                f"  {origin:9} {result.name:15} {result.images:6} {result.accuracy:8.4f}"
                f" {result.clean - result.accuracy:7.4f}"
            )
    for origin, results in groups.items():
        print(f"{origin}: {mean_accuracy(results)}")


def mean_accuracy(results: list[Result]) -> str:
    """The mean over corruptions, as a text."""
    accuracies = [
        result.accuracy for result in results if result.name not in ("identity", "unknown")
    ]
    if not accuracies:
        return "no corruptions"
    return f"mean accuracy {np.mean(accuracies):.4f} over {len(accuracies)} corruption(s)"


def draw(info, groups, clean, images) -> figure.Figure:
    """A panel for the published images and one for the generated ones, a bar for each corruption."""
    rows = max(len(results) for results in groups.values())
    picture = figure.Figure(figsize=(12, 1.4 + 0.5 * rows), layout="constrained")
    picture.suptitle(
        f"{info.full_name}: test accuracy {clean:.4f} on {images:,} clean images",
        fontsize="x-large",
    )
    panels = picture.subplots(1, len(groups), squeeze=False)[0]
    for axes, (origin, results) in zip(panels, groups.items()):
        draw_bars(axes, origin, results)
        draw_examples(axes, results, info.features["label"].names)
        axes.axvline(clean, color="black", linestyle="--")
        # As many places in both panels, the hardest on top.
        axes.set(
            xlim=(0, 1), ylim=(rows - 0.4, -0.6), xlabel="accuracy (dashed line: on clean images)"
        )
    return picture


def draw_bars(axes, origin, results) -> None:
    """The accuracy with each corruption."""
    title, color = ORIGINS[origin]
    places = np.arange(len(results))
    accuracies = [result.accuracy for result in results]
    axes.barh(places, accuracies, color=color, alpha=0.5)
    for place, accuracy in zip(places, accuracies):
        axes.text(0.015, place, f"{accuracy:.3f}", va="center")
    axes.set_yticks(places, [f"{result.name} ({result.images:,})" for result in results])
    axes.set_title(f"{title} (number of images)\n{mean_accuracy(results)}")


def draw_examples(axes, results, classes) -> None:
    """Beside each bar an image with that corruption, and what the model takes it for."""
    for place, result in enumerate(results):
        beside = {"xy": (1.02, place), "xycoords": axes.get_yaxis_transform()}
        image = offsetbox.OffsetImage(result.example[..., 0], cmap="gray", zoom=1.1)
        image.image.set_clim(0, 255)
        axes.add_artist(
            offsetbox.AnnotationBbox(image, **beside, box_alignment=(0, 0.5), frameon=False, pad=0)
        )
        text, color = classes[result.guess], "black"
        if result.guess != result.label:
            text, color = f"{text},\nnot {classes[result.label]}", "tab:red"
        axes.annotate(
            text, **beside, xytext=(40, 0), textcoords="offset points", va="center", color=color
        )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument("--manual_dir", help="folder with the published files, if they are there")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument(
        "--configs",
        nargs="+",
        default=[MIXED, *MNIST_C],
        metavar="CONFIG",
        help="configs to test on, such as mixed, rotate or rotate_1; by default mixed and the"
        " fifteen corruptions of MNIST-C",
    )
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--output", default="corrupted_fashion.png", help="the picture")
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
