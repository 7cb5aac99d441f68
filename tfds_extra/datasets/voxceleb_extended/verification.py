"""Speaker verification as VoxCeleb's lists of trials measure it: equal error rate and minimum cost.

A trial is a pair of utterances. It is a target trial if both are of one speaker, and it is accepted if
its score reaches a threshold. The misses are the share of target trials that are rejected, the false
alarms that of the other trials that are accepted. The equal error rate is their value at the threshold
where both are the same; the detection cost is their weighted sum at the best threshold.

    trials = tfds.load("voxceleb_extended/vox1_trials_o_cleaned", split="o_cleaned", batch_size=-1)
    utterances = tfds.load("voxceleb_extended/vox1_test", split="test")
    embeddings = {one["id"]: embed(one["audio"]) for one in utterances.as_numpy_iterator()}
    print(verification.evaluate(trials, verification.cosine_scores(trials, embeddings)))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

_AT_ONCE = 1 << 16  # Trials that are scored at once.
_SHOWN = 3  # Utterances that an error names.


class ErrorRates(NamedTuple):
    """Errors at each threshold, from the one that rejects all trials to the one that accepts all.

    Attributes:
      thresholds: In falling order; the first is infinite.
      misses: Share of the pairs of one speaker whose score is below.
      false_alarms: Share of the pairs of two speakers whose score is not below.
    """

    thresholds: np.ndarray
    misses: np.ndarray
    false_alarms: np.ndarray


class Verification(NamedTuple):
    """The usual measures of a list of trials.

    Attributes:
      trials: Number of trials.
      targets: Number of trials with one speaker.
      eer: The equal error rate, 0 to 1.
      min_dcf: The least cost if one trial in twenty is a target, as in VoxSRC.
      min_dcf_001: The least cost if one trial in a hundred is a target.
    """

    trials: int
    targets: int
    eer: float
    min_dcf: float
    min_dcf_001: float

    def __str__(self) -> str:
        return (
            f"EER {self.eer:.2%}, minDCF {self.min_dcf:.4f} (p=0.05), {self.min_dcf_001:.4f} (p=0.01),"
            f" {self.trials:,} trials"
        )


def evaluate(trials: Mapping[str, Any], scores: Any) -> Verification:
    """Returns the usual measures of some trials.

    Args:
      trials: Columns of a list, of which `label` is used.
      scores: Scores of each trial, the higher the more alike: from `cosine_scores`, `scores`, or
        anywhere.

    Raises:
      ValueError: As `error_rates`.
    """
    labels = np.asarray(trials["label"])
    rates = error_rates(labels, scores)
    return Verification(
        len(labels), int(labels.sum()), _eer(rates), _cost(rates, 0.05), _cost(rates, 0.01)
    )


def equal_error_rate(labels: Any, scores: Any) -> float:
    """Returns the rate at which misses and false alarms are equal, interpolated between thresholds.

    Args:
      labels: Labels of each trial, whether it is of one speaker.
      scores: Scores of each trial, the higher the more alike.

    Raises:
      ValueError: As `error_rates`.
    """
    return _eer(error_rates(labels, scores))


def min_dcf(
    labels: Any, scores: Any, *, p_target: float = 0.05, c_miss: float = 1, c_false_alarm: float = 1
) -> float:
    """Returns the least detection cost of all thresholds; 1 is the cost of a blind decision.

    Args:
      labels: As in `equal_error_rate`.
      scores: As in `equal_error_rate`.
      p_target: How likely a trial is of one speaker: 0.05 in VoxSRC, 0.01 in many papers.
      c_miss: What a miss costs.
      c_false_alarm: What a false alarm costs.

    Raises:
      ValueError: As `error_rates`.
    """
    return _cost(error_rates(labels, scores), p_target, c_miss, c_false_alarm)


def error_rates(labels: Any, scores: Any) -> ErrorRates:
    """Returns misses and false alarms at each threshold; equal scores are decided together.

    Args:
      labels: Labels of each trial, whether it is of one speaker.
      scores: Scores of each trial, the higher the more alike.

    Raises:
      ValueError: The numbers of labels and scores differ, a score is no number, or all trials are
        of one kind.
    """
    same, scores = np.asarray(labels).astype(bool), np.asarray(scores, np.float64)
    if same.shape != scores.shape or same.ndim != 1:
        raise ValueError(f"labels of shape {same.shape}, and scores of shape {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError(f"{np.isnan(scores).sum():,} of {len(scores):,} scores are no numbers")
    targets = int(same.sum())
    if not 0 < targets < len(same):
        raise ValueError(
            f"{targets:,} of {len(same):,} trials are of one speaker: there must be both"
        )
    order = np.argsort(-scores, kind="stable")
    accepted = np.cumsum(same[order])  # Accepted targets, after each trial.
    thresholds = scores[order]
    last = np.append(np.flatnonzero(np.diff(thresholds)), len(same) - 1)
    hits = np.append(0, accepted[last])
    alarms = np.append(0, last + 1 - accepted[last])
    return ErrorRates(
        np.append(np.inf, thresholds[last]), 1 - hits / targets, alarms / (len(same) - targets)
    )


def cosine_scores(trials: Mapping[str, Any], embeddings: Mapping[Any, Any]) -> np.ndarray:
    """Returns the cosine of the angle between the embeddings of each trial.

    Args:
      trials: Columns of a list: `enrol_id` and `test_id`, as texts or bytes.
      embeddings: A vector for each utterance, by its id, as text or bytes.

    Returns:
      Scores of shape (trials,), of the embeddings' dtype.

    Raises:
      ValueError: Utterances have no embedding, or one without direction.
    """
    sides = [_texts(trials[f"{side}_id"]) for side in ("enrol", "test")]
    needed = list(dict.fromkeys([*sides[0], *sides[1]]))
    keys = {_text(key): key for key in embeddings}
    _check_there(needed, keys, "embedding")
    vectors = np.stack([np.asarray(embeddings[keys[one]]) for one in needed])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (lengths > 0).all():
        without = [one for one, length in zip(needed, lengths[:, 0]) if not length > 0]
        raise ValueError(f"the embeddings of {_listed(without)} have no direction")
    vectors = vectors / lengths
    rows = {one: row for row, one in enumerate(needed)}
    enrol, test = (np.array([rows[one] for one in side], int) for side in sides)
    # A whole list at once would need a copy of both vectors of each trial.
    parts = [
        np.einsum("ij,ij->i", vectors[enrol[i : i + _AT_ONCE]], vectors[test[i : i + _AT_ONCE]])
        for i in range(0, len(enrol), _AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, vectors.dtype)


def scores(trials: Mapping[str, Any], score: Callable[[str, str], float]) -> np.ndarray:
    """Returns the score that a function gives to each trial.

    Args:
      trials: Columns of a list: `enrol_id` and `test_id`.
      score: Takes the ids of two utterances.

    Returns:
      float64 of shape (trials,).
    """
    pairs = zip(*(_texts(trials[f"{side}_id"]) for side in ("enrol", "test")))
    return np.array([float(score(*pair)) for pair in pairs], np.float64)


class Utterances(Mapping[str, dict[str, Any]]):
    """The utterances of a prepared config by their ids, read one at a time when they are asked for.

        utterances = Utterances(tfds.builder("voxceleb_extended/vox1_test"), "test")
        samples = utterances["id10270/x6uYqmx31kE/00001"]["audio"]

    The builder has to be prepared as array_record, as `tfds.data_source` does it. All records are
    read once to find the place of each; only their ids are kept.
    """

    def __init__(self, builder: tfds.core.DatasetBuilder, *splits: str):
        """Opens some splits.

        Args:
          builder: A prepared builder of a config with utterances.
          *splits: Names of splits; all by default.

        Raises:
          NotImplementedError: The data is prepared in a format without random access.
        """
        splits = splits or tuple(builder.info.splits)
        without = {"audio": tfds.decode.SkipDecoding()}
        self._sources: Sequence[Any] = [builder.as_data_source(split) for split in splits]
        self._places = {
            _text(example["id"]): (number, row)
            for number, split in enumerate(splits)
            for row, example in enumerate(builder.as_data_source(split, decoders=without))
        }

    def __getitem__(self, utterance: str) -> dict[str, Any]:
        number, row = self._places[utterance]
        return self._sources[number][row]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def pairs(self, trials: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Yields both utterances of each trial.

        Args:
          trials: Columns of a list: `enrol_id` and `test_id`.

        Raises:
          ValueError: Utterances are not there; the message counts and names them.
        """
        sides = [_texts(trials[f"{side}_id"]) for side in ("enrol", "test")]
        _check_there(list(dict.fromkeys([*sides[0], *sides[1]])), self, "record")
        for enrol, test in zip(*sides):
            yield self[enrol], self[test]


def _eer(rates: ErrorRates) -> float:
    above = rates.misses - rates.false_alarms  # From 1 down to -1.
    i = int(np.argmax(above <= 0))
    share = above[i - 1] / (above[i - 1] - above[i])
    first, second = rates.false_alarms[i - 1 : i + 1]
    return float(first + share * (second - first))


def _cost(rates: ErrorRates, p_target: float, c_miss: float = 1, c_false_alarm: float = 1) -> float:
    of_miss, of_alarm = c_miss * p_target, c_false_alarm * (1 - p_target)
    costs = of_miss * rates.misses + of_alarm * rates.false_alarms
    return float(costs.min() / min(of_miss, of_alarm))


def _check_there(needed: Sequence[str], there: Mapping[str, Any], what: str) -> None:
    """Raises a `ValueError` that counts and names what is missing."""
    if missing := [one for one in needed if one not in there]:
        raise ValueError(
            f"{len(missing):,} of {len(needed):,} utterances have no {what}: {_listed(missing)}"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _texts(column: Any) -> list[str]:
    return [_text(one) for one in np.asarray(column).tolist()]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
