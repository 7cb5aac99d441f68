"""The corruptions with their severities; each image has random numbers of its own.

An image is always corrupted in the same way, whichever process makes it and whatever is made
before: `corrupt` depends only on the name of the corruption, the split and the row.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tfds_extra.datasets.fashion_mnist_corrupted.corruptions import (
    FOG_WORDS,
    SIZE,
    brightness,
    canny_edges,
    contrast,
    dotted_line,
    flip_sides,
    flip_up_down,
    fog,
    glass_blur,
    glass_blur_steps,
    impulse_noise,
    inverse,
    motion_blur,
    rotate,
    saturate,
    scale,
    shear,
    shot_noise,
    spatter,
    stripe,
    translate,
    turn_left,
    turn_right,
    zigzag,
)

# 64-bit words of the stream that belong to one image, more than any corruption takes.
_STRIDE = 1 << 16


class Draws:
    """Random numbers of consecutive images; each image has its own segment of one stream.

    They depend on the corruption, the image's split and its row, and on no other image.
    """

    def __init__(self, corruption: str, split: str, first_row: int, count: int):
        self.count = count
        self._seed = zlib.crc32(corruption.encode()), zlib.crc32(split.encode())
        self._next = first_row * _STRIDE  # The first image draws this word of the stream next.

    def words(self, number: int) -> np.ndarray:
        """Returns the next random bits, uint64 of shape (images, number)."""
        stream = np.random.PCG64(self._seed).advance(self._next)
        words = np.empty((self.count, number), np.uint64)
        for image in words:
            image[:] = stream.random_raw(number)
            stream.advance(_STRIDE - number)
        self._next += number
        return words

    def uniform(self, *shape: int) -> np.ndarray:
        """Returns random numbers from [0, 1), float64 of shape (images, *shape)."""
        words = self.words(math.prod(shape))
        return ((words >> np.uint64(11)) * 2.0**-53).reshape(self.count, *shape)

    def below(self, limit: int) -> np.ndarray:
        """Returns a random whole number from [0, limit) for each image."""
        return (self.uniform() * limit).astype(np.int64)

    def sign(self) -> np.ndarray:
        """Returns a random -1 or 1 for each image."""
        return 2 * self.below(2) - 1

    def normal(self, *shape: int) -> np.ndarray:
        """Returns standard normal numbers, by Box and Muller's method."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(*shape)))
        return radius * np.cos(2 * np.pi * self.uniform(*shape))


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A corruption with its numbers.

    Attributes:
      make: Takes images, `Draws` and the parameters of a severity. Returns the corrupted images,
        and the angle of each if it has one.
      severities: The parameters of severity 1, 2 and so on; none if it has no severities.
      default: The severity that MNIST-C and Fashion-MNIST-C use, 0 if there are none.
    """

    make: Callable[..., tuple[np.ndarray, np.ndarray | float]]
    severities: tuple[tuple[Any, ...], ...] = ()
    default: int = 0


def _still(function: Callable[..., np.ndarray]) -> Callable[..., tuple[np.ndarray, float]]:
    """Makes `Recipe.make` of a function that needs no random numbers and has no angle."""
    return lambda images, draws, *parameters: (function(images, *parameters), math.nan)


def _drawn(
    function: Callable[..., np.ndarray], draw: Callable[..., tuple[np.ndarray, ...]]
) -> Callable[..., tuple[np.ndarray, float]]:
    """Makes `Recipe.make` of a function that takes `draw`'s results before the parameters."""
    return lambda images, draws, *parameters: (
        function(images, *draw(draws, *parameters), *parameters),
        math.nan,
    )


def _turned(function: Callable[..., np.ndarray]) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Makes `Recipe.make` of a function that takes an angle, which gets a random sign."""

    def make(images: np.ndarray, draws: Draws, angle: float) -> tuple[np.ndarray, np.ndarray]:
        angles = draws.sign() * angle
        return function(images, angles), angles

    return make


def _make_motion_blur(
    images: np.ndarray, draws: Draws, radius: int, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    degrees = draws.uniform() * 90 - 45
    return motion_blur(images, degrees, radius, sigma), degrees


def _draw_zigzag(draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    left_row = draws.below(27)
    return left_row, left_row + draws.below(10) - 5


def _of(*values: Any) -> tuple[tuple[Any, ...], ...]:
    """Returns severities with one parameter each."""
    return tuple((value,) for value in values)


# In the order of MNIST-C, which is the standard builder's; then what only Fashion-MNIST-C has.
RECIPES: dict[str, Recipe] = {
    "identity": Recipe(_still(lambda images: images)),
    "shot_noise": Recipe(
        _drawn(shot_noise, lambda draws, _: (draws.uniform(SIZE, SIZE),)), _of(60, 25, 12, 5, 3), 5
    ),
    "impulse_noise": Recipe(
        _drawn(impulse_noise, lambda draws, _: (draws.uniform(SIZE, SIZE),)),
        _of(0.03, 0.06, 0.09, 0.17, 0.27),
        4,
    ),
    "glass_blur": Recipe(
        _drawn(
            glass_blur,
            lambda draws, _, reach, passes: (draws.words(passes * glass_blur_steps(reach)),),
        ),
        ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
        1,
    ),
    "motion_blur": Recipe(_make_motion_blur, ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)), 1),
    "shear": Recipe(_turned(shear), _of(0.2, 0.4, 0.6, 0.8, 1.0), 2),
    "scale": Recipe(_still(scale), _of(1 / 0.9, 1 / 0.8, 1 / 0.7, 1 / 0.6, 1 / 0.5), 3),
    "rotate": Recipe(_turned(rotate), _of(0.2, 0.4, 0.6, 0.8, 1.0), 2),
    "brightness": Recipe(_still(brightness), _of(0.1, 0.2, 0.3, 0.4, 0.5), 5),
    "translate": Recipe(
        lambda images, draws, by: (
            translate(images, draws.sign() * by, draws.sign() * by),
            math.nan,
        ),
        _of(1, 2, 3, 4, 5),
        3,
    ),
    "stripe": Recipe(_still(stripe)),
    "fog": Recipe(
        _drawn(fog, lambda draws, *_: (draws.words(FOG_WORDS),)),
        ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        5,
    ),
    "spatter": Recipe(
        _drawn(spatter, lambda draws, *_: (draws.normal(SIZE, SIZE),)),
        (
            (0.65, 0.3, 4, 0.69, 0.6),
            (0.65, 0.3, 3, 0.68, 0.6),
            (0.65, 0.3, 2, 0.68, 0.5),
            (0.65, 0.3, 1, 0.65, 1.5),
            (0.67, 0.4, 1, 0.65, 1.5),
        ),
        4,
    ),
    "dotted_line": Recipe(_drawn(dotted_line, lambda draws: (draws.below(27), draws.below(27)))),
    "zigzag": Recipe(_drawn(zigzag, _draw_zigzag)),
    "canny_edges": Recipe(_still(canny_edges)),
    "contrast": Recipe(_still(contrast), _of(0.4, 0.3, 0.2, 0.1, 0.05), 4),
    "saturate": Recipe(_still(saturate), ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)), 5),
    "inverse": Recipe(_still(inverse)),
    "flip_sides": Recipe(_still(flip_sides)),
    "flip_up_down": Recipe(_still(flip_up_down)),
    "turn_right": Recipe(_still(turn_right)),
    "turn_left": Recipe(_still(turn_left)),
}


def parameters(name: str, severity: int = 0) -> tuple[Any, ...]:
    """Returns the parameters of a severity (0 is the default); none for one without severities."""
    recipe = RECIPES[name]
    return recipe.severities[(severity or recipe.default) - 1] if recipe.severities else ()


def corrupt(
    name: str, images: np.ndarray, split: str, first_row: int, severity: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Corrupts consecutive images of a split.

    Args:
      name: One of `RECIPES`.
      images: uint8 of shape (n, 28, 28).
      split: Name of the split.
      first_row: Row of the first image in it.
      severity: 1 and more; 0 for the default.

    Returns:
      The corrupted images, in the same shape, and the angle of each as float32: in radians for shear
      and rotate, in degrees for motion_blur, NaN for others.
    """
    draws = Draws(name, split, first_row, len(images))
    corrupted, angles = RECIPES[name].make(images, draws, *parameters(name, severity))
    return np.ascontiguousarray(corrupted), np.broadcast_to(np.float32(angles), len(images))
