"""Trains a small Keras model on QMNIST and draws whose digits it misreads.

    python examples/digit_writers.py --miniature                      # seconds, offline
    python examples/digit_writers.py                                  # the corpus, some minutes
    python examples/digit_writers.py --manual_dir FOLDER [--partial]  # from files already there

It prints the accuracy on the test split over all digits and writer by writer, and writes a picture:
the writers from the worst to the best, the series of forms they are from, and what was misread of
the three with most errors. A line shows how the writers would differ by mere chance.

All writers of the test split are new to the model: the published label files name 539 writers of
`train` and 535 of `test`, and none of them is in both.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes.

import keras
import numpy as np
import tensorflow_datasets as tfds
from matplotlib import figure

import tfds_extra

SHOWN = 10  # Misread digits of a writer in the picture.
PEOPLE = {**dict.fromkeys(range(4), "NIST's employees"), 4: "high-school students"}  # By series.


def main() -> None:
    arguments = parse_arguments()
    splits, info = tfds.load(
        "qmnist",
        split=["train", "test"],
        batch_size=-1,  # Each split as one batch: 47 MB of pixels, and little else.
        with_info=True,
        data_dir=arguments.data_dir,
        builder_kwargs={"miniature": arguments.miniature, "partial": arguments.partial},
        download_and_prepare_kwargs={
            "download_config": tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
        },
    )
    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    train, test = tfds.as_numpy(splits)
    both = np.intersect1d(train["writer_id"], test["writer_id"])
    print(
        f"{info.full_name}: {len(train['label']):,} digits to train on, {len(test['label']):,} to"
        f" test; {len(both):,} writer(s) in both"
    )

    guesses = train_and_guess(train, test["image"], arguments.epochs)
    right = guesses == test["label"]
    writers = by_writer(test, right)
    chance = by_chance(test, right)
    print(f"test accuracy: {np.mean(right):.4f}")
    for name, chosen in (("of MNIST's", test["is_mnist_test"]), ("other", ~test["is_mnist_test"])):
        if chosen.any():
            print(f"  {np.sum(chosen):,} {name} test digits: {np.mean(right[chosen]):.4f}")
    accuracy = writers["accuracy"]
    print(f"accuracy per writer: mean {accuracy.mean():.4f}, median {np.median(accuracy):.4f}")
    print(
        f"{len(accuracy):,} writers, {np.mean(accuracy == 1):.1%} of them without an error"
        f" ({np.mean(chance == 1):.1%} if the same errors were dealt out by chance)"
    )
    print("most errors:\n  writer series digits errors accuracy")
    for row in range(min(10, len(accuracy))):
        writer, series, digits, errors, share = (column[row] for column in writers.values())
        print(f"  {writer:6} {series:6} {digits:6} {errors:6} {share:8.4f}")
    draw(info, test, guesses, writers, chance).savefig(arguments.output)
    print(f"wrote {arguments.output}")


def train_and_guess(train: dict[str, np.ndarray], images: np.ndarray, epochs: int) -> np.ndarray:
    """Digits that a model finds in images, after it was trained on others."""
    size = len(train["label"])
    batch = min(128, max(4, size // 40))  # The miniature has 20 digits in each split.
    model = build_model(epochs * -(-size // batch))
    model.fit(
        train["image"],
        train["label"],
        batch_size=batch,
        epochs=epochs,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    return model.predict(images, batch_size=512, verbose=0).argmax(axis=1)


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


def by_writer(test: dict[str, np.ndarray], right: np.ndarray) -> dict[str, np.ndarray]:
    """One row for each writer, those with most errors first.

    Args:
      test: The test split, a column for each feature.
      right: Whether the digit was read as what it is, bool of shape (digits,).

    Returns:
      Columns writer_id, hsf_series, digits, errors and accuracy (the share of digits read right).
    """
    ids, first, which = np.unique(test["writer_id"], return_index=True, return_inverse=True)
    digits = np.bincount(which)
    errors = np.bincount(which[~right], minlength=len(ids))
    writers = {
        "writer_id": ids,
        "hsf_series": test["hsf_series"][first],  # All forms of a writer are of one series.
        "digits": digits,
        "errors": errors,
        "accuracy": 1 - errors / digits,
    }
    order = np.lexsort((ids, writers["accuracy"], -errors))
    return {name: column[order] for name, column in writers.items()}


def by_chance(test: dict[str, np.ndarray], right: np.ndarray, deals: int = 100) -> np.ndarray:
    """Accuracies of the writers, from the worst, if the errors did not depend on who writes.

    Returns:
      Accuracies for each of the deals, shape (deals, writers).
    """
    rng = np.random.default_rng(0)
    dealt = [by_writer(test, rng.permutation(right))["accuracy"] for _ in range(deals)]
    return np.sort(dealt, axis=1)


def interval(right: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """95 % interval of an accuracy over digits, had other writers of the same kind been asked.

    Digits of one writer are alike, so it is writers that are drawn anew (bootstrap), not digits.

    Args:
      right: Digits read right of each writer.
      digits: Digits of each writer.

    Returns:
      Lower and upper end.
    """
    drawn = np.random.default_rng(0).integers(0, len(digits), (1000, len(digits)))
    return np.percentile(right[drawn].sum(axis=1) / digits[drawn].sum(axis=1), [2.5, 97.5])


def draw(info, test, guesses, writers, chance) -> figure.Figure:
    """All writers from the worst to the best, their series, and misread digits of the worst."""
    mean = np.mean(guesses == test["label"])
    picture = figure.Figure(figsize=(12, 9), layout="constrained")
    picture.suptitle(
        f"{info.full_name}: test accuracy {mean:.4f} on {len(guesses):,} digits of"
        f" {len(writers['digits']):,} writers",
        fontsize="x-large",
    )
    top, bottom = picture.subfigures(2, 1, height_ratios=[5, 4])
    curve, means = top.subplots(1, 2, width_ratios=[2, 1])
    draw_writers(curve, writers, chance)
    draw_series(means, writers, mean)
    bottom.suptitle(
        "Writers with most errors: their first misread digits, and what each was taken for"
    )
    worst = np.flatnonzero(writers["errors"])[:3]
    for row, line in zip(worst, bottom.subplots(3, SHOWN, subplot_kw={"frame_on": False})):
        writer, series, digits, errors, _ = (column[row] for column in writers.values())
        line[0].set_ylabel(
            f"{'ABC'[row]}: writer {writer}\nseries {series}\n{errors} of {digits} misread",
            rotation=0,
            ha="right",
            va="center",
        )
        wrong = (test["writer_id"] == writer) & (guesses != test["label"])
        for cell, i in zip(line, np.flatnonzero(wrong)):
            cell.imshow(test["image"][i, ..., 0], cmap="gray_r", vmin=0, vmax=255)
            cell.set_title(f"{test['label'][i]} as {guesses[i]}")
    for cell in bottom.axes:
        cell.set(xticks=[], yticks=[])
    return picture


def draw_writers(axes, writers, chance) -> None:
    """A dot for each writer, and the line on which they would be by chance."""
    ties = np.random.default_rng(0).permutation(len(writers["accuracy"]))  # In no order of series.
    order = np.lexsort((ties, writers["accuracy"]))
    accuracy, series = writers["accuracy"][order], writers["hsf_series"][order]
    places = np.arange(1, len(order) + 1)
    axes.plot(
        places, chance.mean(axis=0), color="gray", label="the same errors dealt out by chance"
    )
    axes.scatter(places, accuracy, s=16, c=[f"C{number}" for number in series], zorder=3)
    for number in np.unique(series):  # What the colours mean.
        label = f"series {number}, {PEOPLE.get(number, 'not said who')}"
        axes.plot([], [], "o", ms=4, color=f"C{number}", label=label)
    for row in np.flatnonzero(writers["errors"])[:3]:
        place = int(np.flatnonzero(order == row)[0])
        dot = (places[place], accuracy[place])
        axes.annotate("ABC"[row], dot, (5, -12), textcoords="offset points", weight="bold")
    axes.set_xscale("log")
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500) if tick <= len(order)]
    axes.set_xticks(ticks, ticks)
    axes.minorticks_off()
    axes.margins(y=0.08)
    axes.set(
        title=f"Writers: {np.mean(accuracy == 1):.0%} without an error,"
        f" {np.mean(chance == 1):.0%} by chance",
        xlabel="place of the writer, the worst first (logarithmic)",
        ylabel="share of the writer's digits read right",
    )
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)


def draw_series(axes, writers, mean) -> None:
    """The accuracy over the digits of each series, and how sure it is."""
    names = []
    for place, number in enumerate(np.unique(writers["hsf_series"])):
        of_it = writers["hsf_series"] == number
        digits = writers["digits"][of_it]
        right = digits - writers["errors"][of_it]
        axes.vlines(place, *interval(right, digits), color=f"C{number}", linewidth=3)
        axes.plot(place, right.sum() / digits.sum(), "o", ms=8, color=f"C{number}")
        names.append(f"{number}\n({len(digits):,})")
    axes.axhline(mean, color="gray", linestyle=":", zorder=0)
    axes.set_xticks(range(len(names)), names)
    axes.set(
        title="Series: accuracy and 95 % interval",
        xlabel="series of forms (number of its writers)",
        ylabel="share of all digits read right",
    )
    axes.margins(x=0.2)
    axes.grid(alpha=0.3, axis="y")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument("--partial", action="store_true", help="on the part of the corpus there is")
    parser.add_argument("--manual_dir", help="folder with the published files, if they are there")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--output", default="digit_writers.png", help="the picture")
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
