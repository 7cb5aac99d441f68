"""Predicts the year of songs from their timbre: the classic regression of the Million Song Dataset.

    python examples/song_year.py --miniature            # seconds, offline
    python examples/song_year.py                        # downloads the subset of 10,000 songs
    python examples/song_year.py --manual_dir FOLDER --config full   # FOLDER holds A.tar.gz to Z.tar.gz
    python examples/song_year.py --manual_dir FOLDER --partial       # some songs

A song is 90 numbers, as in Bertin-Mahieux et al. (2011): the means of the 12 timbre coefficients over its
segments, and their variances and covariances. Artists of the official test side are tested; the subset
has none of them, so there every fifth artist is. It prints by how many years the model is off on average
(the mean absolute error), and its root mean square, beside what the mean year of the others would reach.
"""

import argparse
import os
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes.

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

import tfds_extra

COEFFICIENTS = 12
# Variance of years that timbre does not explain, some 10 years squared, by that of a weight, half a year
# squared: with few songs the weights stay small.
PRIOR = 400.0
# Places of the variances and covariances of the coefficients.
PAIRS = [(row, column) for row in range(COEFFICIENTS) for column in range(row + 1)]


def main() -> None:
    arguments = parse_arguments()
    builder = tfds.builder(
        f"million_song/{arguments.config}",
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
        partial=arguments.partial,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    )
    timbre, years, is_tested = read(builder)
    print(
        f"{builder.info.full_name}: {(~is_tested).sum():,} songs with a year to train on,"
        f" {is_tested.sum():,} to test"
    )
    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    mean = years[~is_tested].mean()
    model = build_model(timbre[~is_tested], mean)
    model.fit(
        timbre[~is_tested],
        years[~is_tested],
        batch_size=min(256, max(4, len(years) // 40)),
        epochs=arguments.epochs,
        verbose=1 if sys.stdout.isatty() else 0,
    )
    told = model.predict(timbre[is_tested], verbose=0)[:, 0]
    for name, guess in (("model", told), (f"always {mean:.1f}", mean)):
        error = guess - years[is_tested]
        print(
            f"{name}: off by {np.abs(error).mean():.2f} years,"
            f" root mean square {np.sqrt((error**2).mean()):.2f}"
        )


def read(builder: tfds.core.DatasetBuilder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The songs with a year.

    Args:
      builder: It has prepared its data.

    Returns:
      Their 90 numbers, float32 of shape (songs, 90); their years, float32; and which of them are for
      testing.
    """
    wanted = {name: True for name in ("segments_timbre", "year", "year_split", "artist_id")}
    dataset = builder.as_dataset(
        split="+".join(builder.info.splits), decoders=tfds.decode.PartialDecoding(wanted)
    )
    dataset = dataset.filter(lambda song: song["year"] > 0)
    dataset = dataset.filter(lambda song: tf.shape(song["segments_timbre"])[0] > 1)
    dataset = dataset.map(
        lambda song: {**song, "segments_timbre": summed_up(song["segments_timbre"])},
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    songs = list(tfds.as_numpy(dataset.prefetch(tf.data.AUTOTUNE)))
    test_side = builder.info.features["year_split"].str2int("test")
    is_tested = np.array([song["year_split"] == test_side for song in songs])
    if not is_tested.any():
        is_tested = np.array([zlib.crc32(song["artist_id"]) % 5 == 0 for song in songs])
    if not is_tested.any():  # Of very few songs.
        is_tested[::4] = True
    timbre = np.stack([song["segments_timbre"] for song in songs])
    return timbre, np.array([song["year"] for song in songs], np.float32), is_tested


def summed_up(timbre: tf.Tensor) -> tf.Tensor:
    """Means, variances and covariances of the coefficients over the segments of a song.

    Args:
      timbre: float64 of shape (segments, 12).

    Returns:
      float32 of shape (90,).
    """
    means = tf.reduce_mean(timbre, axis=0)
    off = timbre - means
    covariances = tf.linalg.matmul(off, off, transpose_a=True) / tf.cast(
        tf.shape(timbre)[0] - 1, timbre.dtype
    )
    return tf.cast(tf.concat([means, tf.gather_nd(covariances, PAIRS)], axis=0), tf.float32)


def build_model(timbre: np.ndarray, mean: float) -> keras.Model:
    """A linear regression on normalized numbers, held near the mean year: ridge regression.

    Args:
      timbre: What it is trained on, of which it takes means and variances.
      mean: The mean year, where the model begins.

    Returns:
      The model, compiled.
    """
    normalize = keras.layers.Normalization()
    normalize.adapt(timbre)
    linear = keras.layers.Dense(
        1,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(mean),
        kernel_regularizer=keras.regularizers.L2(PRIOR / len(timbre)),
    )
    model = keras.Sequential([keras.layers.Input(timbre.shape[1:]), normalize, linear])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse")
    return model


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument(
        "--partial", action="store_true", help="train on what there is of the songs"
    )
    parser.add_argument("--config", default="subset", choices=("subset", "full"))
    parser.add_argument("--manual_dir", help="folder with the published files")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--epochs", type=int, default=60)
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
