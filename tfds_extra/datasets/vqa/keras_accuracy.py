"""The official accuracy as metrics of Keras; `accuracy` describes it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfds_extra.datasets.vqa import accuracy


class VqaAccuracy(keras.metrics.Mean):
    """Mean of the official accuracy, from the answers themselves.

    `update_state(answers, predictions)` takes the answers of people, strings of shape (batch, 10),
    and the predicted ones, strings of shape (batch,) or (batch, 1). It runs on TensorFlow, in a graph,
    too, but not compiled by XLA, which has no strings.
    """

    def __init__(self, name: str = "vqa_accuracy", edition: str = "2021", **kwargs: Any):
        """Creates the metric.

        Args:
          name: Name of the metric.
          edition: Edition of the official evaluator, "2021" or "2015".
          **kwargs: Arguments of `keras.metrics.Mean`.

        Raises:
          ValueError: There is no such edition.
        """
        super().__init__(name=name, **kwargs)
        if edition not in accuracy.EDITIONS:
            raise ValueError(f"edition is one of {', '.join(accuracy.EDITIONS)}, not {edition!r}")
        self._edition = edition

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds some questions.

        Args:
          y_true: Answers of people.
          y_pred: Predicted answers.
          sample_weight: As in `keras.metrics.Mean`.
        """
        found = tf.numpy_function(
            self._accuracies, [tf.convert_to_tensor(y_true), tf.reshape(y_pred, [-1])], tf.float32,
            stateful=False,
        )  # fmt: skip
        found.set_shape([None])
        super().update_state(found, sample_weight)

    def _accuracies(self, answers: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        found = accuracy.accuracies(answers, predictions, self._edition)
        return found.astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "edition": self._edition}


class VqaVocabularyAccuracy(keras.metrics.Mean):
    """Mean of the official accuracy of a model that chooses one answer from a list.

    `update_state(scores, outputs)` takes the accuracy of each answer of the list, of shape (batch,
    answers), from `accuracy.of_vocabulary`, and the outputs of the model, of the same shape. The
    largest output is the model's answer. It runs on every backend of Keras.
    """

    def __init__(self, name: str = "vqa_accuracy", **kwargs: Any):
        """Creates the metric.

        Args:
          name: Name of the metric.
          **kwargs: Arguments of `keras.metrics.Mean`.
        """
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds some questions.

        Args:
          y_true: The accuracy of each answer.
          y_pred: The model's output for each answer.
          sample_weight: As in `keras.metrics.Mean`.
        """
        chosen = keras.ops.argmax(y_pred, axis=-1)
        scores = keras.ops.cast(y_true, self.dtype)
        found = keras.ops.take_along_axis(scores, keras.ops.expand_dims(chosen, -1), axis=-1)
        super().update_state(keras.ops.squeeze(found, -1), sample_weight)
