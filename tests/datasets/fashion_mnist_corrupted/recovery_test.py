"""The corruption of an image is found from it and its original."""

from __future__ import annotations

import miniature_scripts
import numpy as np
import pytest
import tiers

from tfds_extra.datasets.fashion_mnist_corrupted import corruptions, recipes, recovery

_MADE = miniature_scripts.load("fashion_mnist_corrupted")
_PUBLISHED = sorted(_MADE.PUBLISHED)
# Without the symmetric one, which cannot be told when it is turned.
_ORIGINALS = np.concatenate(
    [_MADE.originals("train"), np.delete(_MADE.originals("test"), _MADE.SYMMETRIC, axis=0)]
)


@pytest.mark.parametrize("name", _PUBLISHED)
def test_every_corruption_is_found(name):
    made, angles = recipes.corrupt(name, _ORIGINALS, "train", 500)
    found = recovery.recover(_ORIGINALS, made)
    assert set(found.corruption) == {name}
    random = name in {"shot_noise", "impulse_noise", "glass_blur"}
    assert set(found.match) == {"rule" if random else "exact"}
    if name == "motion_blur":  # Any direction that makes the same pixels will do.
        again = corruptions.motion_blur(_ORIGINALS, found.angle, *recipes.parameters(name))
        np.testing.assert_array_equal(again, made)
        assert np.abs(found.angle - angles).max() < 7
        assert np.median(np.abs(found.angle - angles)) < 0.5
    else:
        np.testing.assert_array_equal(found.angle, angles)


@pytest.mark.parametrize(
    "name",
    tiers.sampled(sorted({*recipes.RECIPES} - {*_PUBLISHED, "canny_edges"}), ["stripe", "zigzag"]),
)
def test_others_are_unknown(name):
    made, _ = recipes.corrupt(name, _ORIGINALS, "train", 500)
    found = recovery.recover(_ORIGINALS, made)
    assert set(found.corruption) == {"unknown"} and set(found.match) == {"none"}
    assert np.isnan(found.angle).all()


@pytest.mark.parametrize(
    "name, severity",
    tiers.sampled([("glass_blur", 2), ("motion_blur", 3), ("rotate", 1)], [("rotate", 1)]),
)
def test_other_severities_are_unknown(name, severity):
    made, _ = recipes.corrupt(name, _ORIGINALS, "train", 500, severity)
    assert set(recovery.recover(_ORIGINALS, made).corruption) == {"unknown"}


@pytest.mark.parametrize("name", tiers.sampled(_PUBLISHED, ["fog", "motion_blur"]))
def test_images_of_other_originals_are_unknown(name):
    made, _ = recipes.corrupt(name, np.roll(_ORIGINALS, 1, axis=0), "train", 500)
    assert set(recovery.recover(_ORIGINALS, made).corruption) == {"unknown"}


@pytest.mark.parametrize("name", ["contrast", "motion_blur", "shear"])
def test_nearly_the_same_is_closest(name):
    made, _ = recipes.corrupt(name, _ORIGINALS, "train", 500)
    made[:, 13, ::3] ^= 1
    found = recovery.recover(_ORIGINALS, made)
    assert set(found.corruption) == {name} and set(found.match) == {"closest"}
    assert np.isnan(found.angle).all() == (name == "contrast")


def test_motion_of_plain_boxes_is_found():
    """Where many directions make nearly the same, the first guess is often wrong."""
    rng = np.random.default_rng(1)
    boxes = np.zeros((120, 28, 28), np.uint8)
    for box in boxes:
        top, left, height, width = *rng.integers(2, 12, 2), *rng.integers(4, 14, 2)
        box[top : top + height, left : left + width] = rng.integers(60, 255)
    made, _ = recipes.corrupt("motion_blur", boxes, "train", 0)
    found = recovery.recover(boxes, made)
    assert set(found.corruption) == {"motion_blur"} and set(found.match) == {"exact"}


def test_a_changed_pixel_is_no_noise():
    changed = _ORIGINALS.copy()
    changed[:, 2, 2] = 255
    assert set(recovery.recover(_ORIGINALS, changed).corruption) == {"unknown"}


def test_symmetric_images_are_ambiguous():
    original = _MADE.originals("test")[[_MADE.SYMMETRIC]]
    for name in ("turn_left", "turn_right", "flip_sides", "flip_up_down"):
        made, _ = recipes.corrupt(name, original, "train", 0)
        found = recovery.recover(original, made)
        assert found.match.tolist() == ["ambiguous"]
        assert found.corruption.tolist() == ["flip_sides"]  # The first that fits.


def test_black_images_are_ambiguous():
    black = np.zeros((1, 28, 28), np.uint8)
    found = recovery.recover(black, black)
    assert found.match.tolist() == ["ambiguous"]
    noise, _ = recipes.corrupt("impulse_noise", black, "train", 0)
    assert recovery.recover(black, noise).corruption.tolist() == ["impulse_noise"]


def test_no_images():
    none = np.zeros((0, 28, 28), np.uint8)
    assert len(recovery.recover(none, none).corruption) == 0
