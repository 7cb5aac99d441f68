"""Trains a small Keras model to name the speakers of VoxCeleb, and verifies speakers whom it has never heard.

    python examples/voxceleb_verification.py --miniature          # seconds, offline
    python examples/voxceleb_verification.py --manual_dir FOLDER  # both archives of VoxCeleb1: 34 GB

The model learns the speakers of `dev` from short cuts of their utterances. What its last but one layer
gives, averaged over an utterance, is the utterance's embedding; a trial's score is the cosine between two of them. It
prints the equal error rate and the minimum detection cost over a list of trials, beside those of average
spectra without any training, and draws how scores are distributed and what errors each threshold makes.
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
from tfds_extra.datasets.voxceleb_extended import verification

SAMPLE_RATE = 16_000


def main() -> None:
    arguments = parse_arguments()
    samples = int(arguments.seconds * SAMPLE_RATE)

    def load(config: str, **kwargs):
        return tfds.load(
            f"voxceleb_extended/{config}",
            data_dir=arguments.data_dir,
            builder_kwargs={"miniature": arguments.miniature},
            download_and_prepare_kwargs={
                "download_config": tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
            },
            **kwargs,
        )

    trials = load(f"vox1_trials_{arguments.trials}", split=arguments.trials, batch_size=-1)
    utterances, info = load("vox1", with_info=True)
    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    classes = info.features["label"].num_classes
    batches = (
        utterances["dev"]
        .map(lambda one: (cut(one["audio"], samples), one["label"]))
        .shuffle(1_000, seed=0)
        .repeat()
        .batch(arguments.batch_size)
        .prefetch(2)
    )
    model, embedder = build_models(samples, classes, arguments.steps)
    verbose = 1 if sys.stdout.isatty() else 0
    model.fit(batches, steps_per_epoch=arguments.steps, shuffle=False, verbose=verbose)
    embeddings, spectra = {}, {}
    heard = {one.decode() for side in ("enrol_id", "test_id") for one in trials[side].numpy()}
    # List O is of the speakers of test alone.
    for split in ("test",) if arguments.trials.startswith("o") else ("dev", "test"):
        for one in utterances[split].as_numpy_iterator():
            if (name := one["id"].decode()) in heard:
                cuts = cut_all(one["audio"], samples)
                embeddings[name] = embedder(cuts, training=False).numpy().mean(axis=0)
                spectra[name] = np.abs(np.fft.rfft(cuts)).mean(axis=0)
    print(f"{info.full_name}: {len(embeddings):,} utterances in {len(trials['label']):,} trials")
    found = {
        "average spectra": verification.cosine_scores(trials, spectra),
        "the model": verification.cosine_scores(trials, embeddings),
    }
    for name, scores in found.items():
        print(f"{name}: {verification.evaluate(trials, scores)}")
    draw(trials, found).savefig(arguments.output)
    print(f"wrote {arguments.output}")


def cut(audio: tf.Tensor, samples: int) -> tf.Tensor:
    """The middle of an utterance, which is repeated if it is shorter."""
    audio = tf.cast(audio, tf.float32) / 32_768
    audio = tf.tile(audio, [-(-samples // tf.size(audio))])
    start = (tf.size(audio) - samples) // 2
    return tf.ensure_shape(audio[start : start + samples], (samples,))


def cut_all(audio: np.ndarray, samples: int) -> np.ndarray:
    """All of an utterance in cuts that overlap by half, of shape (cuts, samples)."""
    audio = np.tile(audio.astype(np.float32) / 32_768, -(-samples // len(audio)))
    starts = range(0, len(audio) - samples + 1, samples // 2)
    return np.stack([audio[start : start + samples] for start in starts])


def build_models(samples: int, classes: int, steps: int) -> tuple[keras.Model, keras.Model]:
    """A model that names speakers, and the part of it that gives embeddings.

    Args:
      samples: Of a cut.
      classes: Number of speakers.
      steps: Number of training steps, over which the learning rate falls to zero.
    """
    layers = keras.layers
    embedder = keras.Sequential(
        [
            layers.Input((samples,)),
            layers.MelSpectrogram(
                fft_length=512,
                sequence_stride=160,
                num_mel_bins=40,
                sampling_rate=SAMPLE_RATE,
                min_freq=60,
                max_freq=SAMPLE_RATE // 2,
            ),
            layers.Permute((2, 1)),  # Time first.
            layers.BatchNormalization(momentum=0.9),
            layers.Conv1D(128, 5, padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Conv1D(128, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(64),
        ]
    )
    model = keras.Sequential(
        [embedder, layers.BatchNormalization(momentum=0.9), layers.ReLU(), layers.Dense(classes)]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model, embedder


def draw(trials: dict, found: dict[str, np.ndarray]) -> figure.Figure:
    """Scores of both kinds of trials, and the errors at each threshold, for each way of scoring."""
    same = trials["label"].numpy().astype(bool)
    picture = figure.Figure(figsize=(12, 4 * len(found)), layout="constrained")
    axes = picture.subplots(len(found), 2, squeeze=False)
    for (histogram, curve), (name, scores) in zip(axes, found.items()):
        bins = np.linspace(scores.min(), scores.max() + 1e-6, 60)
        for kind, label in ((same, "same speaker"), (~same, "different speakers")):
            histogram.hist(scores[kind], bins, density=True, alpha=0.6, label=label)
        histogram.set(title=name, xlabel="cosine", ylabel="density")
        histogram.legend()
        rates = verification.error_rates(same, scores)
        curve.plot(100 * rates.false_alarms, 100 * rates.misses, clip_on=False)
        curve.plot([0, 100], [0, 100], color="grey", linewidth=0.5)
        eer = 100 * verification.equal_error_rate(same, scores)
        curve.plot(eer, eer, "o", color="tab:red", clip_on=False)
        curve.annotate(f"equal errors: {eer:.2f} %", (eer, eer), (8, 8), textcoords="offset points")
        curve.set(xlabel="false alarms, %", ylabel="misses, %", xlim=(0, 100), ylim=(0, 100))
    return picture


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument("--manual_dir", help="folder with the published archives")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--trials", default="o_cleaned", help="the list, such as o or h_cleaned")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a cut")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20_000, help="of training")
    parser.add_argument("--output", default="voxceleb_verification.png", help="the picture")
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
