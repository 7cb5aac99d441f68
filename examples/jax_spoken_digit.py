"""Trains a small JAX model on Free Spoken Digit, read with Grain and without TensorFlow.

    python -m pip install jax grain
    python examples/jax_spoken_digit.py --miniature            # seconds, offline
    python examples/jax_spoken_digit.py                        # the corpus, a few minutes
    python examples/jax_spoken_digit.py --manual_dir FOLDER    # the corpus, from files already there

JAX compiles for each shape, so that all recordings become one second: cut off, or filled up with
zeros. It prints the accuracy on the official test split: 0.99 on the corpus.
"""

import argparse

import grain
import jax
import jax.numpy as jnp
import numpy as np
import tensorflow_datasets as tfds
from absl import flags

import tfds_extra

SAMPLES = 8000  # One second; nearly all recordings are shorter.
WINDOW, STEP = 256, 80  # Samples of a spectrum, and from one spectrum to the next: 10 ms.
FILTERS = 64


def one_second(example: dict) -> dict[str, np.ndarray]:
    """A recording as one second of float samples, as loud as all others, with its label."""
    samples = example["audio"][:SAMPLES].astype(np.float32)
    samples /= np.abs(samples).max(initial=0) + 1
    audio = np.pad(samples, (0, SAMPLES - len(samples)))
    return {"audio": audio, "label": np.int32(example["label"])}


def batches_of(source, batch: int, workers: int, *, epochs: int = 1, seed: int | None = None):
    """Batches of a data source, in a new order in each epoch if there is a seed."""
    dataset = grain.MapDataset.source(source)
    if seed is not None:
        dataset = dataset.shuffle(seed).repeat(epochs)
    # Of an epoch to train on, all batches have one shape; the test is not cut.
    dataset = dataset.map(one_second).batch(batch, drop_remainder=seed is not None)
    # Elements are read in threads of this process, or in worker processes.
    dataset = dataset.to_iter_dataset()
    if workers:
        dataset = dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
    return dataset


def make_parameters(key: jax.Array, classes: int) -> dict[str, jax.Array]:
    bins = WINDOW // 2 + 1
    shapes = {"first": (5, bins, FILTERS), "second": (5, FILTERS, FILTERS)}
    keys = dict(zip((*shapes, "last"), jax.random.split(key, 3)))
    made = {
        name: jax.random.normal(keys[name], shape) * np.sqrt(2 / (shape[0] * shape[1]))
        for name, shape in shapes.items()
    }
    made["last"] = jax.random.normal(keys["last"], (2 * FILTERS, classes)) * 0.05
    return made | {"bias": jnp.zeros(classes)}


def model(parameters: dict[str, jax.Array], audio: jax.Array) -> jax.Array:
    """Spectra, two convolutions over time, and the mean and the most of what they find."""
    starts = np.arange(0, SAMPLES - WINDOW + 1, STEP)
    frames = audio[:, starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW)
    found = jnp.log(jnp.abs(jnp.fft.rfft(frames)) + 1e-3)
    for name in ("first", "second"):
        # Each recording has its own mean and spread, so that no batch is needed to know them.
        found -= found.mean((1, 2), keepdims=True)
        found /= found.std((1, 2), keepdims=True) + 1e-3
        found = jax.lax.conv_general_dilated(
            found, parameters[name], (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
        )
        found = jax.nn.relu(found)
    pooled = jnp.concatenate([found.mean(1), found.max(1)], axis=1)
    return pooled @ parameters["last"] + parameters["bias"]


def loss_of(parameters: dict[str, jax.Array], batch: dict[str, jax.Array]) -> jax.Array:
    chances = jax.nn.log_softmax(model(parameters, batch["audio"]))
    return -jnp.take_along_axis(chances, batch["label"][:, None], 1).mean()


@jax.jit
def step(parameters, moments, batch, number, rate):
    """One step of Adam; JAX itself comes without optimizers."""
    loss, slopes = jax.value_and_grad(loss_of)(parameters, batch)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], slopes)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, moments[1], slopes)
    scale = jnp.sqrt(1 - 0.999**number) / (1 - 0.9**number)
    parameters = jax.tree.map(
        lambda p, m, v: p - rate * scale * m / (jnp.sqrt(v) + 1e-8), parameters, first, second
    )
    return parameters, (first, second), loss


def main() -> None:
    arguments = parse_arguments()
    flags.FLAGS(["grain"])  # Grain hands absl's flags on to its workers, and wants them parsed.
    builder = tfds.builder(
        "free_spoken_digit",
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
        file_format="array_record",  # Which can be read in any order.
    )
    config = tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    builder.download_and_prepare(download_config=config)
    sources = builder.as_data_source()
    train, test = sources["train"], sources["test"]
    print(f"{builder.info.full_name}: {len(train):,} recordings to train on, {len(test):,} to test")

    batch = min(64, max(8, len(train) // 40))
    steps = arguments.epochs * len(train) // batch
    parameters = make_parameters(jax.random.key(0), builder.info.features["label"].num_classes)
    moments = (jax.tree.map(jnp.zeros_like, parameters),) * 2
    batches = batches_of(train, batch, arguments.workers, epochs=arguments.epochs, seed=0)
    losses = []
    for number, one in enumerate(batches, start=1):
        rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * number / steps))
        parameters, moments, loss = step(parameters, moments, one, number, rate)
        losses.append(loss)
        if number % max(1, steps // 10) == 0:
            print(f"step {number} of {steps}: loss {np.mean(losses[-max(1, steps // 10) :]):.4f}")

    guess = jax.jit(lambda parameters, audio: model(parameters, audio).argmax(1))
    right = sum(
        int((guess(parameters, one["audio"]) == one["label"]).sum())
        for one in batches_of(test, batch, arguments.workers)
    )
    print(f"test accuracy: {right / len(test):.4f}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument("--manual_dir", help="folder with the published files, if they are there")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2, help="processes that read (default: 2)")
    return parser.parse_args()


if __name__ == "__main__":  # Workers import this file, too.
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
