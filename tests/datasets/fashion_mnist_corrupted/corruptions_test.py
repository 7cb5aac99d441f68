"""The corruptions, image by image, against scikit-image, SciPy and the recipes in plain Python.

The other side is written as MNIST-C describes each corruption, one image at a time, with what
scikit-image has for it; random numbers are handed to both.
"""

from __future__ import annotations

import hashlib
import itertools
import math

import miniature_scripts
import numpy as np
import pytest
import scipy.stats
import skimage.color
import skimage.feature
import skimage.filters
import skimage.transform

from tfds_extra.datasets.fashion_mnist_corrupted import corruptions, recipes

_MADE = miniature_scripts.load("fashion_mnist_corrupted")


def _images() -> np.ndarray:
    """Articles, noise, soft spots, an edge that fades, steps of all grey levels, black and white."""
    random = np.random.default_rng(3).integers(0, 256, (6, 28, 28)).astype(np.uint8)
    rows, columns = np.mgrid[:28, :28] - 13.5
    spots = [
        height * np.exp(-(rows**2 / 30 + (columns - i) ** 2 / 50)) + np.abs(columns) * i / 2
        for i, height in enumerate((20, 40, 60, 80, 120))
    ]
    spots.append((columns > 0) * (rows + 13.5))
    steps = (np.arange(784) % 256).astype(np.uint8).reshape(1, 28, 28)
    flat = np.stack([np.full((28, 28), grey, np.uint8) for grey in (0, 255)])
    return np.concatenate(
        [_MADE.originals("train"), random, np.stack(spots).astype(np.uint8), steps, flat]
    )


IMAGES = _images()


def severities(*names: str) -> list[tuple]:
    """Each severity of some corruptions."""
    return [
        (name, severity)
        for name in names
        for severity in range(1, 1 + len(recipes.RECIPES[name].severities))
    ]


def draws(name: str) -> recipes.Draws:
    """The numbers that `corrupt(name, IMAGES, "test", 100)` draws."""
    return recipes.Draws(name, "test", 100, len(IMAGES))


def assert_as_expected(name: str, severity: int, expected, images: np.ndarray = IMAGES) -> None:
    """`corrupt` makes of every image what `expected(image, its number)` does, v from 0 to 1."""
    made, _ = recipes.corrupt(name, images, "test", 100, severity)
    assert made.shape == images.shape and made.dtype == np.uint8
    for i, image in enumerate(images):
        # As MNIST-C: to float32, which its arrays have, and then cut.
        value = (np.clip(expected(image, i), 0, 1) * 255).astype(np.float32).astype(np.uint8)
        np.testing.assert_array_equal(made[i], value, f"{name}_{severity}: image {i}")


@pytest.mark.parametrize("name, severity", severities("shot_noise"))
def test_shot_noise(name, severity):
    (photons,) = recipes.parameters(name, severity)
    uniform = draws(name).uniform(28, 28)
    assert_as_expected(
        name,
        severity,
        lambda image, i: (
            scipy.stats.poisson.ppf(uniform[i], image / 255 * photons).clip(0) / photons
        ),
    )


@pytest.mark.parametrize("name, severity", severities("impulse_noise"))
def test_impulse_noise(name, severity):
    (amount,) = recipes.parameters(name, severity)
    made, _ = recipes.corrupt(name, IMAGES, "test", 100, severity)
    changed = made != IMAGES
    assert np.isin(made[changed], [0, 255]).all()
    # Of grey images nearly all that is hit is seen: half turns white, half black.
    grey = np.full((400, 28, 28), 128, np.uint8)
    made, _ = recipes.corrupt(name, grey, "test", 0, severity)
    for value in (0, 255):
        deviation = math.sqrt(amount / 2 / grey.size)
        assert abs((made == value).mean() - amount / 2) < 5 * deviation


@pytest.mark.parametrize("name, severity", severities("glass_blur"))
def test_glass_blur(name, severity):
    sigma, reach, passes = recipes.parameters(name, severity)
    words = draws(name).words(passes * corruptions.glass_blur_steps(reach))

    def blurred(image: np.ndarray) -> np.ndarray:
        # Columns taken for channels, as MNIST-C does.
        return skimage.filters.gaussian(image / 255, sigma=sigma, channel_axis=-1)

    def expected(image: np.ndarray, i: int) -> np.ndarray:
        pixels = np.uint8(blurred(image) * 255)
        places = range(28 - reach, reach, -1)
        moves = iter(words[i].tolist())
        for _, row, column in itertools.product(range(passes), places, places):
            # A word's low half is a number below 2 * (2 * reach)**2: whether, and where to.
            move = (next(moves) % 2**32) * 2 * (2 * reach) ** 2 >> 32
            if move % 2:
                down, right = divmod(move // 2, 2 * reach)
                here, there = (row, column), (row + down - reach, column + right - reach)
                pixels[here], pixels[there] = pixels[there], pixels[here]
        assert next(moves, None) is None
        return blurred(pixels)

    assert_as_expected(name, severity, expected)


# sha256 of what ImageMagick 6.9.11-60 (Q16) makes of `_MADE.originals("train")[:4]`, one directly
# behind the other: `convert in.png -motion-blur 10x3-37.25 -depth 8 gray:out`, and so on.
_IMAGEMAGICK = {
    1: "ca566d231829edc8dec8cf3ccd1722cf9140bea67da04da4f2d5d20be0d7a4b3",
    2: "75ffa8abc179475dad786a4e12114466e42c36c335e7a3099174efc7695b67c8",
    3: "3ac465f3bda6f859e3a614a22528a00ef8c6c6c948a569b7aab17fb423fa85fe",
    4: "33d26d2f23402dbe12713517eaf8778ce7675be409d4067bbed2e4d22a8ec7cb",
    5: "6e892af4ad5b34943447e4909969254a3a4abf48864679afa4cbf9ef87cca2b4",
}


@pytest.mark.parametrize("name, severity", severities("motion_blur"))
def test_motion_blur(name, severity):
    radius, sigma = recipes.parameters(name, severity)
    images = _MADE.originals("train")[:4]
    found = [
        corruptions.motion_blur(images, np.full(4, degrees), radius, sigma)
        for degrees in (-37.25, 0.0, 3.5, 44.75)
    ]
    digest = hashlib.sha256(b"".join(made.tobytes() for made in found)).hexdigest()
    assert digest == _IMAGEMAGICK[severity]
    # As drawn, each image has its own direction.
    made, degrees = recipes.corrupt(name, IMAGES, "test", 100, severity)
    assert degrees.dtype == np.float32 and -45 <= degrees.min() < -20 and 20 < degrees.max() < 45
    for i, image in enumerate(IMAGES):
        one = corruptions.motion_blur(
            image[None], draws(name).uniform()[i : i + 1] * 90 - 45, radius, sigma
        )
        np.testing.assert_array_equal(made[i], one[0])
        # Every ninth pixel is what it is in the whole.
        part = corruptions.motion_blur(image[None], np.array([12.5]), radius, sigma, every=3)
        whole = corruptions.motion_blur(image[None], np.array([12.5]), radius, sigma)
        np.testing.assert_array_equal(part, whole[:, ::3, ::3])


def warped(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The image through the inverse map `matrix` (2 x 2) about its centre."""
    centred = np.eye(3)
    centred[:2, :2] = matrix
    centred[:2, 2] = 13.5 * (1 - matrix.sum(axis=1))
    inverse_map = skimage.transform.AffineTransform(matrix=centred)
    values = skimage.transform.warp(image / 255, inverse_map=inverse_map)
    # As scikit-image 0.19 clipped; newer ones take what lies outside (0) for one of the values.
    return np.where(values == 0, 0, np.maximum(values, image.min() / 255))


@pytest.mark.parametrize("name, severity", severities("shear", "rotate"))
def test_angles(name, severity):
    (angle,) = recipes.parameters(name, severity)
    signs = np.where(draws(name).uniform() < 0.5, -1, 1)
    _, angles = recipes.corrupt(name, IMAGES, "test", 100, severity)
    np.testing.assert_array_equal(angles, (signs * angle).astype(np.float32))

    def expected(image: np.ndarray, i: int) -> np.ndarray:
        sine, cosine = math.sin(signs[i] * angle), math.cos(signs[i] * angle)
        # As scikit-image 0.19 had shear; newer ones have [[1, -tan], [0, 1]].
        matrix = [
            [1 if name == "shear" else cosine, -sine],
            [0 if name == "shear" else sine, cosine],
        ]
        return warped(image, np.array(matrix))

    assert_as_expected(name, severity, expected)


@pytest.mark.parametrize("name, severity", severities("scale"))
def test_scale(name, severity):
    assert severity == round(10 * (1 - 1 / recipes.parameters(name, severity)[0]))
    matrix = np.eye(2) * recipes.parameters(name, severity)
    assert_as_expected(name, severity, lambda image, _: warped(image, matrix))


@pytest.mark.parametrize("name, severity", severities("translate"))
def test_translate(name, severity):
    numbers = draws(name)
    right, down = (np.where(numbers.uniform() < 0.5, -1, 1) * severity for _ in range(2))

    def expected(image: np.ndarray, i: int) -> np.ndarray:
        inverse_map = skimage.transform.AffineTransform(translation=(right[i], down[i]))
        return skimage.transform.warp(image / 255, inverse_map=inverse_map)

    assert_as_expected(name, severity, expected)


def through_hsv(image: np.ndarray, change) -> np.ndarray:
    """The image with its hue, saturation and value changed, and grey again."""
    hsv = skimage.color.rgb2hsv(skimage.color.gray2rgb(image / 255))
    return skimage.color.rgb2gray(skimage.color.hsv2rgb(change(hsv)))


@pytest.mark.parametrize("name, severity", severities("brightness"))
def test_brightness(name, severity):
    change = np.array([0, 0, severity / 10])
    assert_as_expected(
        name,
        severity,
        lambda image, _: through_hsv(image, lambda hsv: np.clip(hsv + change, 0, 1)),
    )


@pytest.mark.parametrize("name, severity", severities("saturate"))
def test_saturate(name, severity):
    factor, change = recipes.parameters(name, severity)
    assert_as_expected(
        name,
        severity,
        lambda image, _: through_hsv(image, lambda hsv: np.clip(hsv * factor + change, 0, 1)),
    )


@pytest.mark.parametrize("name, severity", severities("contrast"))
def test_contrast(name, severity):
    (factor,) = recipes.parameters(name, severity)

    def expected(image: np.ndarray, _: int) -> np.ndarray:
        values = image / 255
        return (values - values.mean()) * factor + values.mean()

    # The mean of a flat image can be a hair below or above, and what is cut a level lower.
    assert_as_expected(name, severity, expected, IMAGES[:-2])
    for grey in (0, 255):
        flat = np.full((1, 28, 28), grey, np.uint8)
        np.testing.assert_array_equal(recipes.corrupt(name, flat, "test", 0, severity)[0], flat)


def test_turns_and_flips():
    expected = {
        "identity": lambda image: image,
        "inverse": lambda image: 255 - image,
        "flip_sides": np.fliplr,
        "flip_up_down": np.flipud,
        "turn_right": lambda image: image.T[:, ::-1],
        "turn_left": lambda image: image.T[::-1],
    }
    for name, function in expected.items():
        made, _ = recipes.corrupt(name, IMAGES, "train", 0)
        np.testing.assert_array_equal(made, np.stack([function(image) for image in IMAGES]))
        assert made.flags.c_contiguous
    # An L lies on its back when it is turned to the right.
    letter = np.zeros((28, 28), np.uint8)
    letter[4:24, 6] = letter[23, 6:16] = 255
    turned = recipes.corrupt("turn_right", letter[None], "train", 0)[0][0]
    assert turned[6, 4:24].all() and turned[6:16, 4].all()


def test_stripe():
    expected = IMAGES.copy()
    for column in (*range(7), *range(21, 28)):
        expected[:, :, column] = 255 - IMAGES[:, :, column]
    np.testing.assert_array_equal(recipes.corrupt("stripe", IMAGES, "test", 100)[0], expected)


def plasma(numbers: np.ndarray, decay: float) -> np.ndarray:
    """A plasma fractal of 256 x 256, point by point; `numbers` from -1 to 1 in the order of use."""
    grid, numbers = np.zeros((256, 256)), iter(numbers.tolist())
    step, wibble = 256, 100.0
    while step >= 2:
        half = step // 2

        def set_points(rows: range, columns: range, neighbours: list[tuple[int, int]]) -> None:
            for row, column in itertools.product(rows, columns):
                around = [grid[(row + r) % 256, (column + c) % 256] for r, c in neighbours]
                grid[row, column] = sum(around) / 4 + wibble * wibble * next(numbers)

        corners = [(-half, -half), (-half, half), (half, -half), (half, half)]
        cross = [(-half, 0), (half, 0), (0, -half), (0, half)]
        set_points(range(half, 256, step), range(half, 256, step), corners)
        set_points(range(0, 256, step), range(half, 256, step), cross)
        set_points(range(half, 256, step), range(0, 256, step), cross)
        step, wibble = half, wibble / decay
    return (grid - grid.min()) / (grid.max() - grid.min())


@pytest.mark.parametrize("name, severity", [("fog", 1), ("fog", 5)])
def test_fog(name, severity):
    amount, decay = recipes.parameters(name, severity)
    images = IMAGES[[0, 7, 33, -3, -2, -1]]
    made, _ = recipes.corrupt(name, images, "test", 100, severity)
    words = recipes.Draws(name, "test", 100, len(images)).words(corruptions.FOG_WORDS)
    for image, corrupted, bits in zip(images, made, words):
        # The low half of a word, then the high one, as signed numbers.
        halves = [half for word in bits.tolist() for half in (word % 2**32, word >> 32)]
        numbers = np.array([half - 2**32 * (half >= 2**31) for half in halves]) / 2**31
        brightest = image.max() / 255
        value = image / 255 + amount * plasma(numbers, decay)[:28, :28]
        expected = np.clip(value * brightest / (brightest + amount), 0, 1) * 255
        # Ours is made in float32.
        assert np.abs(corrupted - expected + 0.5).max() < 0.501
        assert corrupted.any() == image.any()


@pytest.mark.parametrize("name, severity", severities("spatter"))
def test_spatter(name, severity):
    mean, deviation, sigma, threshold, edge_sigma = recipes.parameters(name, severity)
    normal = draws(name).normal(28, 28)

    def expected(image: np.ndarray, i: int) -> np.ndarray:
        liquid = skimage.filters.gaussian(mean + deviation * normal[i], sigma=sigma)
        mud = skimage.filters.gaussian((liquid > threshold).astype(float), sigma=edge_sigma)
        mud = np.where(mud < 0.8, 0, mud)
        return image / 255 * (1 - mud) + 63 / 255 * mud

    assert_as_expected(name, severity, expected)


def test_normal_numbers():
    numbers = recipes.Draws("spatter", "train", 0, 300).normal(28, 28).ravel()
    assert scipy.stats.kstest(numbers, "norm").pvalue > 0.001
    uniform = recipes.Draws("shot_noise", "train", 0, 300).uniform(28, 28).ravel()
    assert scipy.stats.kstest(uniform, "uniform").pvalue > 0.001
    rows = recipes.Draws("zigzag", "train", 0, 5000).below(27)
    assert set(rows.tolist()) == set(range(27))
    assert scipy.stats.chisquare(np.bincount(rows)).pvalue > 0.001


def line(left: float, left_row: float, right: float, right_row: float) -> np.ndarray:
    """A fading line in columns floor(left) to ceil(right), the latter not included."""
    values = np.zeros((28, 28))
    for row, column in itertools.product(range(28), range(28)):
        if left != right and math.floor(left) <= column < math.ceil(right):
            slope = (right_row - left_row) / (right - left)
            distance = min(abs(row - (left_row + slope * (column - left))), 2.3 - 1e-10)
            values[row, column] = min(max(1 + math.log(1 - distance / 2.3), 0), 1)
    return values


def test_dotted_line():
    numbers = draws("dotted_line")
    left, right = (np.floor(numbers.uniform() * 27) for _ in range(2))

    def expected(image: np.ndarray, i: int) -> np.ndarray:
        there = np.array([column % 4 in (2, 3) for column in range(28)])
        return image / 255 + line(0, left[i], 27, right[i]) * there

    assert_as_expected("dotted_line", 0, expected)


def test_zigzag():
    numbers = draws("zigzag")
    left = np.floor(numbers.uniform() * 27)
    right = left + np.floor(numbers.uniform() * 10) - 5

    def expected(image: np.ndarray, i: int) -> np.ndarray:
        angle = math.atan((right[i] - left[i]) / 23)
        length = 23 / math.cos(angle)
        corners = [(0, 0)]
        for tooth in range(int((length - 2) // 4) + 1):
            corners.append((4 * tooth + 2, 2 if tooth % 2 == 0 else -2))
        whole = 4 * (length // 4)
        if length != whole:
            corners.append((length, corners[-1][1] / (2 * (length - whole))))
        points = [
            (
                c * math.cos(angle) - r * math.sin(angle) + 2,
                c * math.sin(angle) + r * math.cos(angle) + left[i],
            )
            for c, r in corners
        ]
        values = image / 255
        for start, end in itertools.pairwise(points):
            values = np.clip(values + line(*start, *end), 0, 1)
        return values

    assert_as_expected("zigzag", 0, expected)


def test_canny_edges():
    edges = [skimage.feature.canny(image / 255) for image in IMAGES]
    assert sum(edge.any() for edge in edges) > 30
    np.testing.assert_array_equal(
        recipes.corrupt("canny_edges", IMAGES, "test", 100)[0], 255 * np.stack(edges)
    )


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_each_image_by_itself(name):
    """Neither the other images of a call, nor their order, nor the severity change what is drawn."""
    images = IMAGES[:12]
    made, angles = recipes.corrupt(name, images, "train", 50)
    for row in (3, 11, 0):
        one, angle = recipes.corrupt(name, images[row : row + 1], "train", 50 + row)
        np.testing.assert_array_equal(one[0], made[row])
        np.testing.assert_array_equal(angle[0], angles[row])
    recipe = recipes.RECIPES[name]
    if recipe.severities:
        default, _ = recipes.corrupt(name, images, "train", 50, recipe.default)
        np.testing.assert_array_equal(default, made)
    there, _ = recipes.corrupt(name, images, "test", 50)
    next_rows, _ = recipes.corrupt(name, images, "train", 51)
    is_drawn = name in {
        "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "rotate", "translate",
        "fog", "spatter", "dotted_line", "zigzag",
    }  # fmt: skip
    assert (there != made).any() == (next_rows != made).any() == is_drawn


def test_same_numbers_at_every_severity():
    _, weak = recipes.corrupt("rotate", IMAGES, "train", 0, 1)
    _, strong = recipes.corrupt("rotate", IMAGES, "train", 0, 5)
    np.testing.assert_array_equal(np.sign(weak), np.sign(strong))
    assert 0 < (weak > 0).sum() < len(weak)
