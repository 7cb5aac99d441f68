"""Trains a small Keras model to answer questions about pictures, and scores it as VQA does.

    python examples/vqa_baseline.py --miniature           # seconds, offline
    python examples/vqa_baseline.py                       # v2 with pictures: 33 GB to fetch
    python examples/vqa_baseline.py --partial --manual_dir FOLDER   # what pictures there are

The model sees the words of the question and a coarse view of the picture, and chooses one of the
commonest answers. It is trained on how much each of these would count. What it reaches on validation
by the official accuracy is printed beside three baselines: always the commonest answer, the commonest
answer to each type of question, and the same model without the picture.
"""

import argparse
import collections
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes.

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

import tfds_extra
from tfds_extra.datasets.vqa import accuracy, keras_accuracy

SIZE = 32  # Pixels that the model sees of a picture, in each direction.


def main() -> None:
    arguments = parse_arguments()
    builder = tfds.builder(
        "vqa/v2_images",
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
        partial=arguments.partial,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    )
    train = read(builder, "train", arguments.questions)
    validation = read(builder, "validation", arguments.questions)
    print(
        f"{builder.info.full_name}: {len(train['question']):,} questions to train on,"
        f" {len(validation['question']):,} to test"
    )
    counted = collections.Counter(
        accuracy.normalize(answer) for answer in train["multiple_choice_answer"]
    )
    vocabulary = [answer for answer, _ in counted.most_common(arguments.answers)]
    for split in (train, validation):
        split["scores"] = accuracy.of_vocabulary(split["answers"], vocabulary)
    best = validation["scores"].max(axis=1).mean()
    print(f"answers to choose from: {len(vocabulary):,}, the best of which reach {best:.4f}")

    report("always the commonest", validation, np.full(len(validation["question"]), vocabulary[0]))
    report("commonest of the type", validation, by_type(train, validation))
    keras.utils.set_random_seed(0)  # Here, since preparing takes random numbers as well.
    for name, sees in (("without the picture", False), ("with the picture", True)):
        model = build_model(train["question"], len(vocabulary), sees)
        batch = min(256, max(4, len(train["question"]) // 20))
        model.fit(
            examples(train).shuffle(10_000).batch(batch).prefetch(2),
            epochs=arguments.epochs,
            verbose=1 if sys.stdout.isatty() else 0,
        )
        chosen = model.predict(examples(validation).batch(256), verbose=0)
        report(name, validation, np.array(vocabulary)[chosen.argmax(axis=1)])


def read(builder: tfds.core.DatasetBuilder, split: str, limit: int) -> dict[str, np.ndarray]:
    """Questions of a split with answers and coarse views of their pictures.

    Args:
      builder: It has prepared its data.
      split: Name of the split.
      limit: Take at most so many questions.

    Returns:
      Arrays of the same length: `view` float32 (questions, SIZE, SIZE, 3) from 0 to 1, and texts.
    """

    def seen(example):
        return {
            "view": tf.image.resize(example["image"], [SIZE, SIZE], antialias=True) / 255,
            "question": example["question"],
            "answers": example["answers"]["answer"],
            "multiple_choice_answer": example["multiple_choice_answer"],
            "question_type": example["question_type"],
        }

    total = min(limit, builder.info.splits[split].num_examples)
    dataset = builder.as_dataset(split=f"{split}[:{total}]")
    parts = list(tfds.as_numpy(dataset.map(seen, num_parallel_calls=2).batch(256)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def examples(split: dict[str, np.ndarray]) -> tf.data.Dataset:
    """Views and questions, and how much each answer would count."""
    return tf.data.Dataset.from_tensor_slices(((split["view"], split["question"]), split["scores"]))


def build_model(questions: np.ndarray, answers: int, sees: bool) -> keras.Model:
    """Words and a coarse view, joined: a fast baseline.

    Args:
      questions: Of which the vocabulary is made.
      answers: Number of answers to choose from.
      sees: Whether the model sees the picture.

    Returns:
      The model, compiled. It takes views and questions and gives what each answer might count.
    """
    layers = keras.layers
    view = layers.Input([SIZE, SIZE, 3])
    question = layers.Input((), dtype=tf.string)
    words = layers.TextVectorization(5_000, output_mode="multi_hot")
    words.adapt(questions)
    asked = layers.Dense(64, activation="relu")(words(question))
    joined = asked
    if sees:
        coarse = layers.AveragePooling2D(4)(view)
        shown = layers.Dense(64)(layers.Flatten()(coarse))
        joined = layers.concatenate([asked, layers.multiply([asked, shown])])
    chosen = layers.Dense(answers, activation="sigmoid")(joined)
    model = keras.Model((view, question), chosen)
    model.compile(
        keras.optimizers.Adam(3e-3),
        loss="binary_crossentropy",
        metrics=[keras_accuracy.VqaVocabularyAccuracy()],
    )
    return model


def by_type(train: dict[str, np.ndarray], validation: dict[str, np.ndarray]) -> np.ndarray:
    """The commonest answer to the type of each question, as strings."""
    counts = collections.defaultdict(collections.Counter)
    for kind, answer in zip(train["question_type"], train["multiple_choice_answer"]):
        counts[kind][accuracy.normalize(answer)] += 1
        counts[None][accuracy.normalize(answer)] += 1
    return np.array(
        [
            counts[kind if kind in counts else None].most_common(1)[0][0]
            for kind in validation["question_type"]
        ]
    )


def report(name: str, validation: dict[str, np.ndarray], predictions: np.ndarray) -> None:
    """Prints the official accuracy of some answers, of both editions."""
    of_editions = [
        accuracy.summary(accuracy.accuracies(validation["answers"], predictions, edition))
        for edition in accuracy.EDITIONS
    ]
    told = ", ".join(
        f"{found['overall']:.2f} ({edition})"
        for found, edition in zip(of_editions, accuracy.EDITIONS)
    )
    print(f"{name}: {told}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument(
        "--partial", action="store_true", help="train on what there is of the files"
    )
    parser.add_argument("--manual_dir", help="folder with the published files")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--questions", type=int, default=50_000, help="take at most so many")
    parser.add_argument("--answers", type=int, default=1_000, help="number to choose from")
    parser.add_argument("--epochs", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
