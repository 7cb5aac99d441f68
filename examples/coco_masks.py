"""Trains a small Keras model on the masks of COCO, and scores it by COCO's evaluation.

    python examples/coco_masks.py --miniature                       # seconds, offline
    python examples/coco_masks.py                                   # validation alone: 1.1 GB to fetch
    python examples/coco_masks.py --config 2017_objects             # train and validation: 27 GB
    python examples/coco_masks.py --partial --manual_dir FOLDER     # what pictures there are

The model says of each pixel of a small view how likely it belongs to each of the 80 classes. Its targets
are made inside tf.data from the compressed masks. What it finds of a class in a picture counts as
one object, so that figures are low where several stand together: it is an example of the pipeline and of the
evaluation, not a detector.
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
from tfds_extra.datasets.coco_extended import evaluation, masks

SIZE = 64  # Pixels of the view, in each direction.
CLASSES = 80


def main() -> None:
    arguments = parse_arguments()
    builder = tfds.builder(
        f"coco_extended/{arguments.config}",
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
        partial=arguments.partial,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    )
    train, test = "train", "validation"
    if "train" not in builder.info.splits or not builder.info.splits["train"].num_examples:
        train, test = "validation[:80%]", "validation[80%:]"
    pictures = builder.as_dataset(split=train, shuffle_files=True).take(arguments.pictures)
    views = pictures.map(view, num_parallel_calls=tf.data.AUTOTUNE).cache()
    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    model = build_model()
    history = model.fit(
        views.shuffle(1_000).batch(16).prefetch(2),
        epochs=arguments.epochs,
        verbose=1 if sys.stdout.isatty() else 0,
    )
    tested = builder.as_dataset(split=test).take(arguments.pictures)
    examples = list(tfds.as_numpy(tested))
    losses = history.history["loss"]
    print(
        f"{builder.info.full_name}: loss {losses[0]:.4f} to {losses[-1]:.4f} on"
        f" {sum(1 for _ in views):,} pictures, tested on {len(examples):,}"
    )
    predictions = {int(one["image/id"]): predict(model, one) for one in examples}
    objects = [len(one["score"]) for one in predictions.values()]
    print(f"found {sum(objects):,} objects")
    for kind in ("segm", "bbox"):
        found = evaluation.evaluate(examples, predictions, kind)
        print(f"{kind}: AP {found['AP']:.4f}, AP50 {found['AP50']:.4f}, AR100 {found['AR100']:.4f}")


def view(example: dict) -> tuple[tf.Tensor, tf.Tensor]:
    """A small view of a picture, and where in it each class is.

    Args:
      example: As read.

    Returns:
      float32 of shape (SIZE, SIZE, 3) from 0 to 1, and of shape (SIZE, SIZE, CLASSES), 0 or 1.
    """
    objects = example["objects"]
    dense = masks.to_dense_tensor(objects["rle"], example["image/height"], example["image/width"])
    small = tf.image.resize(dense[..., None], [SIZE, SIZE], "nearest")[..., 0]
    # Of several objects of a class the pixels of all.
    by_class = tf.math.unsorted_segment_max(small, objects["label"], CLASSES)
    return look(example["image"]), tf.cast(tf.transpose(by_class, [1, 2, 0]), tf.float32)


def look(image: tf.Tensor) -> tf.Tensor:
    """A small view of a picture, float32 of shape (SIZE, SIZE, 3) from 0 to 1."""
    return tf.image.resize(image, [SIZE, SIZE], antialias=True) / 255


def build_model() -> keras.Model:
    """Convolutions at two sizes; it takes views and gives logits of each pixel and class."""
    layers = keras.layers
    view_of = layers.Input([SIZE, SIZE, 3])
    fine = layers.Conv2D(16, 3, padding="same", activation="relu")(view_of)
    coarse = layers.Conv2D(32, 3, strides=4, padding="same", activation="relu")(fine)
    coarse = layers.Conv2D(64, 3, padding="same", activation="relu")(coarse)
    joined = layers.concatenate([fine, layers.UpSampling2D(4)(coarse)])
    # Most pixels are in no object.
    logits = layers.Conv2D(CLASSES, 1, bias_initializer=keras.initializers.Constant(-5.0))(joined)
    model = keras.Model(view_of, logits)
    model.compile(
        keras.optimizers.Adam(3e-3), keras.losses.BinaryFocalCrossentropy(from_logits=True)
    )
    return model


def predict(model: keras.Model, example: dict) -> dict[str, np.ndarray]:
    """What the model finds in a picture, as `evaluation.evaluate` takes it."""
    height, width = example["image/height"], example["image/width"]
    likely = tf.sigmoid(model(look(example["image"])[None], training=False))[0]
    labels = np.flatnonzero(tf.reduce_any(likely > 0.5, axis=(0, 1)))
    likely = tf.image.resize(tf.gather(likely, labels, axis=-1), [height, width]).numpy()
    found = [likely[..., number] > 0.5 for number in range(len(labels))]
    kept = [number for number, mask in enumerate(found) if mask.any()]
    labels, found = labels[kept], [found[number] for number in kept]
    boxes = []
    for mask in found:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = (
            rows[0] / height,
            columns[0] / width,
            (rows[-1] + 1) / height,
            (columns[-1] + 1) / width,
        )
        boxes.append(box)
    return {
        "label": labels,
        "score": np.array([likely[..., n][mask].mean() for n, mask in zip(kept, found)]),
        "mask": np.array(found).reshape(len(labels), height, width),
        "bbox": np.array(boxes).reshape(-1, 4),
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="2017_validation_objects", help="one with objects")
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument(
        "--partial", action="store_true", help="train on what there is of the files"
    )
    parser.add_argument("--manual_dir", help="folder with the published files")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--pictures", type=int, default=2_000, help="take at most so many")
    parser.add_argument("--epochs", type=int, default=10)
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
