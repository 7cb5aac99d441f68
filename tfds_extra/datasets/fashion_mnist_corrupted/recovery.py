"""Finds out which of the fifteen corruptions each image of the published mixed set has.

The publishers drew one for each image and did not record it. It can be found from the image and its
original: most corruptions always make the same pixels, the two noises only make pixels of a certain
kind, and the remaining images are blurred.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import Any

import numpy as np

from tfds_extra.datasets.fashion_mnist_corrupted import corruptions, recipes

UNKNOWN = "unknown"
EXACT, AMBIGUOUS, RULE, CLOSEST, NONE = "exact", "ambiguous", "rule", "closest", "none"

# Share of pixels that impulse noise changes. It is 0.17, less the pixels that have the new value
# already, which may be all those that become black. The limits are ten standard deviations away.
_MIN_CHANGED, _MAX_CHANGED = 0.03, 0.3
# Mean differences of grey levels. With glass blur it was 0.41 to 0.55 on real images (by our own
# blurs), with its next severity 1.8 and more, with other corruptions 2 and more.
_MAX_GLASS_DIFFERENCE = 1.0
_MAX_DIFFERENCE = 0.5
_MISLED = 16.0
# Standard deviations by which shot noise may have more or fewer photons than expected.
_DEVIATIONS = 8
_BLOCK = 500  # Images that are compared at once, so that they stay in the processor's cache.
_COARSE = 8  # Every eighth direction of motion blur is tried first.


@dataclasses.dataclass
class Recovered:
    """The corruptions that were found for n images.

    Attributes:
      corruption: Names: one of `recipes.RECIPES`, or `UNKNOWN`.
      match: How each was found. `EXACT`: it makes exactly these pixels, and no other does.
        `AMBIGUOUS`: another one makes them as well. `RULE`: only this noise makes such pixels.
        `CLOSEST`: its pixels are the nearest. `NONE`: it is unknown.
      angle: float32, the angle as `recipes.corrupt` gives it.
    """

    corruption: np.ndarray
    match: np.ndarray
    angle: np.ndarray


def recover(originals: np.ndarray, corrupted: np.ndarray) -> Recovered:
    """Finds the corruption of each image.

    Args:
      originals: uint8 of shape (n, 28, 28).
      corrupted: The same images, each corrupted.

    Returns:
      The corruptions.
    """
    count = len(originals)
    found = Recovered(
        np.full(count, UNKNOWN, object),
        np.full(count, NONE, object),
        np.full(count, np.nan, np.float32),
    )
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        part = Recovered(found.corruption[block], found.match[block], found.angle[block])
        _try(part, _exact(originals[block], corrupted[block]), EXACT)
        _try(part, _random(originals[block], corrupted[block]), RULE)
    rest = np.flatnonzero(found.corruption == UNKNOWN)
    if len(rest):
        _find_closest(found, rest, originals[rest], corrupted[rest])
    return found


def _try(found: Recovered, candidates: list[tuple[str, float, np.ndarray]], match: str) -> None:
    """Notes the candidates that fit images whose corruption is not known yet."""
    open_ones = found.corruption == UNKNOWN
    for name, angle, fits in candidates:
        first = fits & open_ones & (found.corruption == UNKNOWN)
        again = fits & open_ones & ~first
        found.corruption[first], found.match[first], found.angle[first] = name, match, angle
        found.match[again] = AMBIGUOUS


@functools.cache
def _certain() -> list[tuple[str, float]]:
    """Returns the corruptions whose pixels follow from the original, with their angle."""
    (shear,), (rotate,) = (recipes.parameters(name) for name in ("shear", "rotate"))
    names = (
        "scale brightness contrast saturate inverse flip_sides flip_up_down turn_right turn_left"
    )
    signed = [("shear", shear), ("shear", -shear), ("rotate", rotate), ("rotate", -rotate)]
    return [*signed, *((name, math.nan) for name in names.split())]


def _made(name: str, angle: float, originals: np.ndarray) -> np.ndarray:
    function = getattr(corruptions, name)
    if math.isnan(angle):
        return function(originals, *recipes.parameters(name))
    return function(originals, np.full(len(originals), angle))


def _exact(originals: np.ndarray, corrupted: np.ndarray) -> list[tuple[str, float, np.ndarray]]:
    return [
        (name, angle, (_made(name, angle, originals) == corrupted).all(axis=(1, 2)))
        for name, angle in _certain()
    ]


def _random(originals: np.ndarray, corrupted: np.ndarray) -> list[tuple[str, float, np.ndarray]]:
    is_changed = originals != corrupted
    is_impulse = ~is_changed | (corrupted == 0) | (corrupted == 255)
    share = is_changed.mean(axis=(1, 2))
    is_likely = (_MIN_CHANGED < share) & (share < _MAX_CHANGED)
    return [
        ("shot_noise", math.nan, _is_shot_noise(originals, corrupted)),
        ("impulse_noise", math.nan, is_impulse.all(axis=(1, 2)) & is_likely),
        ("glass_blur", math.nan, _glass_difference(originals, corrupted) < _MAX_GLASS_DIFFERENCE),
    ]


def _is_shot_noise(originals: np.ndarray, corrupted: np.ndarray) -> np.ndarray:
    """Returns whether images have whole photons, none in the dark, and about the right number."""
    (photons,) = recipes.parameters("shot_noise")
    counts, rest = np.divmod(corrupted.astype(np.int64) * photons, 255)
    is_possible = (rest == 0) & ((originals > 0) | (counts == 0))
    light = np.arange(256)[:, None] / 255 * photons
    terms = [np.exp(-light) * light**k / math.factorial(k) for k in range(photons)]
    chances = np.concatenate([*terms, 1 - sum(terms)], axis=1)  # By grey level and count.
    mean = chances @ np.arange(photons + 1)
    variance = chances @ np.arange(photons + 1) ** 2 - mean**2
    expected, spread = (table[originals].sum(axis=(1, 2)) for table in (mean, variance))
    surplus = np.abs(counts.sum(axis=(1, 2)) - expected)
    return is_possible.all(axis=(1, 2)) & (surplus <= _DEVIATIONS * np.sqrt(spread) + 1e-6)


def _glass_difference(originals: np.ndarray, corrupted: np.ndarray) -> np.ndarray:
    """Returns how much images differ from a glass blur of their originals.

    The second blur can be undone; then the same pixels are there in another order.

    Args:
      originals: The originals.
      corrupted: The images.

    Returns:
      The mean difference of grey levels when both are sorted, for each image.
    """
    sigma, *_ = recipes.parameters("glass_blur")
    before = corruptions.blur_columns(originals, sigma).astype(np.uint8)
    blur = corruptions.blur_columns(np.eye(corruptions.SIZE)[np.newaxis], sigma)[0]
    after = np.linalg.inv(blur) @ (corrupted + 0.5)  # They were cut to whole numbers.
    levels: list[np.ndarray] = [
        np.sort(pixels.reshape(len(pixels), corruptions.SIZE**2)) for pixels in (before, after)
    ]
    return np.abs(levels[1] - levels[0]).mean(axis=1)


def _find_closest(
    found: Recovered, rows: np.ndarray, originals: np.ndarray, corrupted: np.ndarray
) -> None:
    """Notes the nearest corruption of the images that are left, if it is near enough."""
    degrees = _nearest_motion(originals, corrupted)
    motion = corruptions.motion_blur(originals, degrees, *recipes.parameters("motion_blur"))
    candidates: list[tuple[str, Any, np.ndarray]] = [("motion_blur", degrees, motion)]
    candidates += [(name, angle, _made(name, angle, originals)) for name, angle in _certain()]
    differences = [_difference(made, corrupted) for _, _, made in candidates]
    nearest = np.argmin(differences, axis=0)
    for i, (name, angle, made) in enumerate(candidates):
        chosen = (nearest == i) & (differences[i] < _MAX_DIFFERENCE)
        is_exact = (made == corrupted).all(axis=(1, 2))
        found.corruption[rows[chosen]] = name
        found.match[rows[chosen]] = np.where(is_exact, EXACT, CLOSEST)[chosen]
        found.angle[rows[chosen]] = np.broadcast_to(np.float32(angle), len(rows))[chosen]


def _difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the mean absolute difference of grey levels, for each image."""
    return np.abs(first.astype(np.int16) - second).mean(axis=(1, 2))


def _nearest_motion(originals: np.ndarray, corrupted: np.ndarray) -> np.ndarray:
    """Returns the direction of the nearest motion blur, in degrees."""
    directions = _directions()
    # Some directions are compared by a ninth of the pixels, then all directions near the best one,
    # and then the nearest ones by all pixels.
    coarse = np.arange(0, len(directions), _COARSE)
    best = _nearest(originals, corrupted, np.tile(coarse, (len(originals), 1)), every=3)
    best = _nearest(originals, corrupted, _around(best, 2 * _COARSE), every=3)
    best = _nearest(originals, corrupted, _around(best, _COARSE), every=1)
    made = corruptions.motion_blur(originals, directions[best], *recipes.parameters("motion_blur"))
    # For one of fifty images a ninth of the pixels misleads a little: then all directions are
    # tried.
    difference = _difference(made, corrupted)
    rest = (0 < difference) & (difference < _MISLED)
    every_one = np.tile(np.arange(len(directions)), (int(np.count_nonzero(rest)), 1))
    best[rest] = _nearest(originals[rest], corrupted[rest], every_one, every=1)
    return directions[best]


def _around(numbers: np.ndarray, reach: int) -> np.ndarray:
    """Returns numbers of the directions near some, (images, 2 * reach + 1), the nearest first."""
    near = numbers[:, None] + sorted(range(-reach, reach + 1), key=abs)
    return np.clip(near, 0, len(_directions()) - 1)


def _nearest(
    originals: np.ndarray, corrupted: np.ndarray, tried: np.ndarray, every: int
) -> np.ndarray:
    """Returns the number of the best of the directions that are tried for each image."""
    directions = _directions()
    best = tried[:, 0].copy()
    least = np.full(len(originals), np.inf)
    radius, sigma = recipes.parameters("motion_blur")
    for numbers in tried.T:
        rows = np.flatnonzero(least > 0)
        made = corruptions.motion_blur(
            originals[rows],
            directions[numbers[rows]],
            radius,
            sigma,
            every,
        )
        difference = _difference(made, corrupted[rows, ::every, ::every])
        closer = difference < least[rows]
        best[rows[closer]], least[rows[closer]] = numbers[rows[closer]], difference[closer]
    return best


@functools.cache
def _directions() -> np.ndarray:
    """Returns every direction of motion blur that makes other pixels than the next one, in degrees.

    They are the middles between the angles at which one of the pixels summed up becomes another.
    """
    radius, _ = recipes.parameters("motion_blur")
    limits = {-45.0, 45.0}
    for step in range(1, 2 * radius + 1):
        for halves in range(1, 2 * step, 2):
            sine = math.degrees(math.asin(halves / (2 * step)))
            limits |= {a for a in (sine, -sine, 90 - sine, sine - 90) if -45 < a < 45}
    return np.array([(a + b) / 2 for a, b in itertools.pairwise(sorted(limits)) if b - a > 1e-9])
