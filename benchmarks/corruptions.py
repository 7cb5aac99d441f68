"""The corruptions of `fashion_mnist_corrupted`: all images at once, and image by image as MNIST-C does it.

    python benchmarks/corruptions.py [--images 4000] [--repeat 3]

Images are woven boxes. Each corruption is timed on a block of them in one
process and given as seconds for 70,000 images, the whole of a config; where scikit-image does the work
in MNIST-C, the same is done with it, one image after the other, and the ratio printed. Then the
corruptions of a mixed set are recovered.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import common
import numpy as np
import skimage.color
import skimage.feature
import skimage.filters
import skimage.transform
import skimage.util

from tfds_extra.datasets.fashion_mnist_corrupted import recipes, recovery

_ALL = 70_000
_NOT_PUBLISHED = (  # By Fashion-MNIST-C, in a mixed set.
    "identity", "translate", "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges",
)  # fmt: skip
_BLOCK, _MIXED_BLOCK = 500, 4000  # As the builder's.


def image_by_image() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Corruptions of one image, v from 0 to 1, as scikit-image does them."""
    warp, affine = skimage.transform.warp, skimage.transform.AffineTransform

    def through_hsv(change: Callable[[np.ndarray], np.ndarray]) -> Callable:
        return lambda v: skimage.color.rgb2gray(
            skimage.color.hsv2rgb(change(skimage.color.rgb2hsv(skimage.color.gray2rgb(v))))
        )

    def spatter(v: np.ndarray) -> np.ndarray:
        liquid = skimage.filters.gaussian(np.random.normal(0.65, 0.3, v.shape), 1)
        mud = skimage.filters.gaussian((liquid > 0.65).astype(float), 1.5)
        return np.where(mud < 0.8, v, v * (1 - mud) + 63 / 255 * mud)

    return {
        "shot_noise": lambda v: np.random.poisson(v * 3) / 3,
        "impulse_noise": lambda v: skimage.util.random_noise(v, mode="s&p", amount=0.17),
        "rotate": lambda v: warp(v, inverse_map=affine(rotation=0.4)),
        "scale": lambda v: warp(v, inverse_map=affine(scale=1 / 0.7)),
        "brightness": through_hsv(lambda hsv: np.clip(hsv + [0, 0, 0.5], 0, 1)),
        "saturate": through_hsv(lambda hsv: np.clip(hsv * 20 + 0.2, 0, 1)),
        "contrast": lambda v: (v - v.mean()) * 0.1 + v.mean(),
        "spatter": spatter,
        "canny_edges": skimage.feature.canny,
    }


def woven(count: int) -> np.ndarray:
    """Woven boxes of many sizes and places, uint8 of shape (count, 28, 28)."""
    rng = np.random.default_rng(0)
    rows, columns = np.arange(28)[:, None], np.arange(28)
    images = np.zeros((count, 28, 28))
    for image in images:
        top, left = rng.integers(1, 9, 2)
        bottom, right = rng.integers(18, 28, 2)
        weave = (
            150
            + 40 * np.sin(rows * rng.uniform(0.3, 3))
            + 40 * np.cos(columns * rng.uniform(0.3, 3))
        )
        weave = weave + rng.integers(-20, 21, (28, 28))
        image[top:bottom, left:right] = weave[top:bottom, left:right]
    return images.astype(np.uint8)


def compare(name: str, images: np.ndarray, repeat: int) -> None:
    """Prints the time of one corruption, and of the other side if there is one."""

    def ours():
        for start in range(0, len(images), _BLOCK):
            recipes.corrupt(name, images[start : start + _BLOCK], "train", start)

    sides = {"ours": ours}
    if one := image_by_image().get(name):
        sides["image by image"] = lambda: [
            (np.clip(one(image / 255), 0, 1) * 255).astype(np.uint8) for image in images
        ]
    times = common.interleaved(sides, repeat)
    seconds = {side: np.median(taken) / len(images) * _ALL for side, taken in times.items()}
    line = f"  {name:16} {seconds['ours']:8.1f} s"
    if one:
        ratio = np.median(np.divide(times["image by image"], times["ours"]))
        line += f" {seconds['image by image']:8.1f} s {ratio:8.1f} x"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    images = woven(arguments.images)
    print(f"Seconds for {_ALL:,} images, from {len(images):,}: ours, image by image, ratio")
    for name in recipes.RECIPES:
        compare(name, images, arguments.repeat)
    names = [name for name in recipes.RECIPES if name not in _NOT_PUBLISHED]
    mixed = images.copy()
    for row in range(len(images)):
        one = slice(row, row + 1)
        mixed[one] = recipes.corrupt(names[row % len(names)], images[one], "train", row)[0]
    found = []

    def recover():
        found[:] = [
            recovery.recover(images[s : s + _MIXED_BLOCK], mixed[s : s + _MIXED_BLOCK]).corruption
            for s in range(0, len(images), _MIXED_BLOCK)
        ]

    (taken,) = common.interleaved({"recover": recover}, arguments.repeat).values()
    right = np.concatenate(found) == [names[row % len(names)] for row in range(len(images))]
    seconds = np.median(taken) / len(images) * _ALL
    print(f"  recovered        {seconds:8.1f} s, {right.mean():.2%} of them as they were made")


if __name__ == "__main__":
    main()
