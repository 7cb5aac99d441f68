"""The verification helper: against scikit-learn's curves, and against counts by hand."""

from __future__ import annotations

import pathlib

import miniature_scripts
import numpy as np
import preparing
import pytest
import tensorflow_datasets as tfds
from sklearn import metrics

from tfds_extra.datasets.voxceleb_extended import verification

_MADE = miniature_scripts.load("voxceleb_extended")


def _random(seed: int, count: int, share: float, shift: float, digits: int):
    """Labels and scores; few digits make many scores equal."""
    generator = np.random.default_rng(seed)
    labels = generator.random(count) < share
    labels[:2] = True, False
    return labels.astype(np.int64), (generator.normal(size=count) + shift * labels).round(digits)


_CASES = [
    (seed, count, share, shift, digits)
    for seed, (count, share) in enumerate(
        [(2, 0.5), (7, 0.5), (100, 0.1), (5_000, 0.5), (9_999, 0.9)]
    )
    for shift in (0.0, 1.5, -2.0, 9.0)
    for digits in (0, 1, 12)
]


@pytest.mark.parametrize("case", _CASES)
def test_as_scikit_learn(case):
    labels, scores = _random(*case)
    rates = verification.error_rates(labels, scores)
    alarms, hits, thresholds = metrics.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(rates.false_alarms, alarms, atol=1e-15)
    np.testing.assert_allclose(rates.misses, 1 - hits, atol=1e-15)
    np.testing.assert_array_equal(rates.thresholds, thresholds)
    # The point where scikit-learn's curve meets the line of equal errors, found along the curve.
    alarms, hits, _ = metrics.roc_curve(labels, scores)
    along = np.arange(len(alarms))
    low, high = 0.0, len(alarms) - 1.0
    for _ in range(80):
        middle = (low + high) / 2
        if 1 - np.interp(middle, along, hits) > np.interp(middle, along, alarms):
            low = middle
        else:
            high = middle
    expected = np.interp(high, along, alarms)
    eer = verification.equal_error_rate(labels, scores)
    assert eer == pytest.approx(expected, abs=1e-12)
    # The usual shortcut takes the nearest threshold.
    nearest = np.argmin(np.abs(1 - hits - alarms))
    assert abs(eer - alarms[nearest]) <= abs(1 - hits[nearest] - alarms[nearest]) + 1e-12
    for p, c_miss, c_alarm in ((0.05, 1, 1), (0.01, 1, 1), (0.5, 1, 1), (0.01, 10, 1), (0.9, 1, 2)):
        best = min(c_miss * p * (1 - hits) + c_alarm * (1 - p) * alarms)
        expected = best / min(c_miss * p, c_alarm * (1 - p))
        found = verification.min_dcf(
            labels, scores, p_target=p, c_miss=c_miss, c_false_alarm=c_alarm
        )
        assert found == pytest.approx(expected, abs=1e-12) and 0 <= found <= 1 + 1e-12


def test_by_hand():
    #  scores   9 8 7 6 5 4 3 2     thresholds accept from the left
    labels = [1, 1, 0, 1, 0, 1, 0, 0]
    scores = [9, 8, 7, 6, 5, 4, 3, 2]
    # From 6 on a quarter is missed, and a quarter of the others accepted.
    assert verification.equal_error_rate(labels, scores) == 0.25
    # The least cost is that of the first two alone: half of the targets missed, no false alarm.
    assert verification.min_dcf(labels, scores) == pytest.approx(0.5)
    assert verification.min_dcf(labels, scores, p_target=0.5) == pytest.approx(0.5)
    found = verification.evaluate({"label": labels}, scores)
    assert found == (8, 4, 0.25, pytest.approx(0.5), pytest.approx(0.5))
    assert str(found) == "EER 25.00%, minDCF 0.5000 (p=0.05), 0.5000 (p=0.01), 8 trials"


def test_extremes():
    labels = [1, 0, 1, 0]
    assert verification.equal_error_rate(labels, labels) == 0
    assert verification.min_dcf(labels, labels) == 0
    assert verification.equal_error_rate(labels, [0, 1, 0, 1]) == 1
    assert verification.min_dcf(labels, [0, 1, 0, 1]) == 1
    assert verification.equal_error_rate(labels, [3, 3, 3, 3]) == 0.5
    assert verification.equal_error_rate([True, False], [-np.inf, np.inf]) == 1


def test_random_scores_of_a_whole_list():
    labels = np.arange(37_720) % 2
    scores = np.random.default_rng(0).random(37_720)
    assert verification.equal_error_rate(labels, scores) == pytest.approx(0.5, abs=0.01)
    assert verification.min_dcf(labels, scores) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "labels, scores, problem",
    [
        ([1, 0], [1.0], r"labels of shape \(2,\), and scores of shape \(1,\)"),
        ([[1, 0]], [[1.0, 2.0]], "of shape"),
        ([1, 0], [1.0, np.nan], "1 of 2 scores are no numbers"),
        ([1, 1], [1.0, 2.0], "2 of 2 trials are of one speaker: there must be both"),
        ([], [], "0 of 0 trials"),
    ],
)
def test_what_is_refused(labels, scores, problem):
    with pytest.raises(ValueError, match=problem):
        verification.error_rates(labels, scores)


# -------------------------------------------------------------------------------------- scoring


def _trials(pairs: list[tuple[int, str, str]]) -> dict[str, np.ndarray]:
    """Columns as `batch_size=-1` gives them."""
    labels, enrol, test = zip(*pairs)
    as_bytes = [np.array([one.encode() for one in side], object) for side in (enrol, test)]
    return {"label": np.array(labels), "enrol_id": as_bytes[0], "test_id": as_bytes[1]}


@pytest.mark.parametrize("at_once", [1, 7, 1 << 16])
def test_cosine(monkeypatch, at_once):
    monkeypatch.setattr(verification, "_AT_ONCE", at_once)
    pairs = _MADE.trials("o")
    generator = np.random.default_rng(0)
    embeddings = {one: generator.normal(size=5) for one in _MADE.utterances(*_MADE.VOX1)}
    found = verification.cosine_scores(_trials(pairs), embeddings)
    expected = [
        1 - _cosine_distance(embeddings[first], embeddings[second]) for _, first, second in pairs
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    by_function = verification.scores(
        _trials(pairs), lambda a, b: 1 - _cosine_distance(embeddings[a], embeddings[b])
    )
    np.testing.assert_allclose(by_function, expected, atol=1e-12)


def _cosine_distance(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.spatial import distance

    return distance.cosine(a, b)


def test_embeddings_that_are_missing():
    trials = _trials(_MADE.trials("o"))
    embeddings = {one: np.ones(3) for one in _MADE.utterances(*_MADE.VOX1, partition="dev")}
    with pytest.raises(ValueError) as caught:
        verification.cosine_scores(trials, embeddings)
    assert str(caught.value) == (
        "10 of 10 utterances have no embedding: id10270/e_e-eeeeee0/00001,"
        " id10270/e_e-eeeeee0/00002, id10270/e_e-eeeeee0/00003, ..."
    )
    embeddings = {one: np.ones(3) for one in _MADE.utterances(*_MADE.VOX1)}
    embeddings[_MADE.CLEANED_OUT] = np.zeros(3)
    with pytest.raises(ValueError, match=f"{_MADE.CLEANED_OUT} have no direction"):
        verification.cosine_scores(trials, embeddings)


def test_speed_of_a_whole_list_is_bounded_by_arrays():
    """37,720 trials of 192 numbers: nothing is done trial by trial but looking up ids."""
    generator = np.random.default_rng(0)
    ids = [f"id{10270 + i % 40}/aaaaaaaaaaa/{i:05}" for i in range(4_715)]
    vectors = generator.normal(size=(4_715, 192)).astype(np.float32)
    rows = generator.integers(4_715, size=(2, 37_720))
    trials = {
        "label": rows[0] % 40 == rows[1] % 40,
        "enrol_id": np.array(ids, object)[rows[0]],
        "test_id": np.array(ids, object)[rows[1]],
    }
    found = verification.cosine_scores(trials, dict(zip(ids, vectors)))
    assert found.dtype == np.float32 and found.shape == (37_720,)
    normal = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(found, (normal[rows[0]] * normal[rows[1]]).sum(1), atol=1e-5)
    assert verification.evaluate(trials, found).eer == pytest.approx(0.5, abs=0.03)


# ---------------------------------------------------------------------------------- random access


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("data")
    kwargs = {"miniature": True, "file_format": "array_record"}
    return preparing.prepared("voxceleb_extended/vox1", data_dir, **kwargs)


def test_utterances_by_id(builder):
    utterances = verification.Utterances(builder)
    assert sorted(utterances) == sorted(_MADE.utterances(*_MADE.VOX1)) and len(utterances) == 28
    for one in utterances:
        np.testing.assert_array_equal(utterances[one]["audio"], _MADE.samples(one))
    assert "id10270/x6uYqmx31kE/00001" not in utterances
    with pytest.raises(KeyError):
        utterances["id10270/x6uYqmx31kE/00001"]


def test_both_utterances_of_each_trial(builder):
    test = verification.Utterances(builder, "test")
    trials = _trials(_MADE.trials("o"))
    pairs = list(test.pairs(trials))
    assert [(b["id"], a["id"]) for b, a in pairs] == list(
        zip(trials["enrol_id"], trials["test_id"])
    )
    with pytest.raises(ValueError, match="18 of 28 utterances have no record: id10001/"):
        next(test.pairs(_trials(_MADE.trials("e"))))


def test_needs_random_access(tmp_path: pathlib.Path):
    builder = preparing.prepared("voxceleb_extended/vox1_test", tmp_path, miniature=True)
    with pytest.raises(NotImplementedError, match="array_record"):
        verification.Utterances(builder)


@pytest.mark.slow
def test_trials_as_they_are_loaded(tmp_path: pathlib.Path):
    kwargs = {"data_dir": tmp_path, "builder_kwargs": {"miniature": True}}
    trials = tfds.load("voxceleb_extended/vox1_trials_o", split="o", batch_size=-1, **kwargs)
    utterances = tfds.load("voxceleb_extended/vox1_test", split="test", **kwargs)
    # A spectrum tells the miniature's speakers apart.
    embeddings = {
        one["id"]: np.abs(np.fft.rfft(one["audio"], 4_096))
        for one in utterances.as_numpy_iterator()
    }
    found = verification.evaluate(trials, verification.cosine_scores(trials, embeddings))
    assert (found.trials, found.targets) == (45, 20)
    assert found.eer == 0 == found.min_dcf
