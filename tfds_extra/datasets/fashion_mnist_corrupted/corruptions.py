"""The corruptions of MNIST-C and Fashion-MNIST-C, applied to many images at once.

The recipes and their severities are those of Mu and Gilmer (corruptions.py of google-research/mnist-c),
the flips and turns those of Weiss and Tonella (generator.py of testingautomated-usi/fashion-mnist-c).
Images are uint8 arrays of shape (n, 28, 28) throughout; v is a pixel divided by 255.

The pixels must be the same on every machine, now and later. So arithmetic is element by element, in a
fixed order (no BLAS, no library whose next release sums otherwise), and random numbers are bits of
PCG64, a stream that NumPy promises to keep; its distributions are not promised.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

SIZE = 28
_CENTRE = 13.5
_PLASMA = 256  # Side of the square that fog is cut from.
_PLASMA_BLOCK = 8  # So many squares are made at once, so that they stay in the processor's cache.


# ------------------------------------------------------------------------------------------- noise


def shot_noise(images: np.ndarray, uniform: np.ndarray, photons: float) -> np.ndarray:
    """Returns Poisson(v * photons) / photons; the number of photons comes from `uniform`."""
    values = np.arange(256) / 255 * photons
    term = np.array([math.exp(-value) for value in values])
    below = term.copy()  # Probability of at most `count` photons, by grey level.
    found = np.zeros(images.shape, np.uint8)
    # `photons` photons are white, and more are white as well.
    for count in range(1, int(photons) + 1):
        found += uniform >= below[images]
        term = term * values / count
        below += term
    return _pixels(found / photons)


def impulse_noise(images: np.ndarray, uniform: np.ndarray, amount: float) -> np.ndarray:
    """Returns the pixels turned black or white, either with probability `amount` / 2."""
    result = np.where(uniform < amount, np.uint8(0), images)
    return np.where(uniform < amount / 2, np.uint8(255), result)


# -------------------------------------------------------------------------------------------- blur


def glass_blur(
    images: np.ndarray, words: np.ndarray, sigma: float, reach: int, passes: int
) -> np.ndarray:
    """Blurs images, exchanges pixels with near ones, and blurs again.

    Only columns are blurred, and not rows: the recipe passes a grey image to a function that takes
    the columns for channels.

    Args:
      images: The images.
      words: Random bits of shape (images, passes * `glass_blur_steps(reach)`).
      sigma: Sigma of the blur.
      reach: How far a pixel is moved at most: up or left by `reach`, down or right by one less.
      passes: How often each pixel is considered.

    Returns:
      The corrupted images.
    """
    blurred = blur_columns(images, sigma).astype(np.uint8)
    pixels = np.ascontiguousarray(blurred.reshape(len(images), SIZE * SIZE).T)
    each = np.arange(len(images))
    # One half of a random word decides whether a pixel is moved, the other half where to.
    moves = (words & np.uint64(0xFFFFFFFF)) * np.uint64(2 * (2 * reach) ** 2) >> np.uint64(32)
    moves = moves.astype(np.int64).T
    is_moved, place = moves & 1, moves >> 1
    offset = (place // (2 * reach) - reach) * SIZE + place % (2 * reach) - reach
    offset *= is_moved
    corners = range(SIZE - reach, reach, -1)
    places = itertools.product(range(passes), corners, corners)
    for (_, row, column), by in zip(places, offset, strict=True):
        here = row * SIZE + column
        there = here + by
        moved = pixels[here].copy()
        pixels[here] = pixels[there, each]
        pixels[there, each] = moved
    shuffled = np.ascontiguousarray(pixels.T).reshape(images.shape)
    return _pixels(_gaussian(shuffled / 255, sigma, axis=1))


def blur_columns(images: np.ndarray, sigma: float) -> np.ndarray:
    """Returns the images blurred up and down only, in grey levels that are no whole numbers."""
    return _gaussian(images / 255, sigma, axis=1) * 255


def glass_blur_steps(reach: int) -> int:
    """Returns the number of places that glass blur considers in a pass."""
    return (SIZE - 2 * reach) ** 2


def motion_blur(
    images: np.ndarray, degrees: np.ndarray, radius: int, sigma: float, every: int = 1
) -> np.ndarray:
    """Blurs images in one direction, as ImageMagick does.

    Args:
      images: The images.
      degrees: Direction in which the summed pixels lie, for each image: 0 is to the right, 90 down.
      radius: Half the number of pixels that are summed up.
      sigma: Standard deviation of their weights; ImageMagick uses one side of the bell curve.
      every: Only every `every`-th row and column is made.

    Returns:
      The corrupted images.
    """
    weights = [math.exp(-i * i / (2 * sigma * sigma)) for i in range(2 * radius + 1)]
    rows = np.arange(0, SIZE, every)
    sines, cosines = (
        np.array([function(math.radians(angle)) for angle in degrees])
        for function in (math.sin, math.cos)
    )
    flat = images.reshape(len(images), SIZE * SIZE)
    total = np.zeros((len(images), len(rows) ** 2))
    for step, weight in enumerate(weights):
        down, right = (
            np.ceil(step * part - 0.5).astype(np.int64)[:, None] for part in (sines, cosines)
        )
        row, column = (np.clip(rows + by, 0, SIZE - 1) for by in (down, right))
        place = row[:, :, None] * SIZE + column[:, None]
        total += np.take_along_axis(flat, place.reshape(total.shape), 1) * (weight / sum(weights))
    # ImageMagick computes with 16 bits a pixel, where sums that should be whole numbers are whole.
    pixels = (total + 0.002).astype(np.uint8)
    return pixels.reshape(len(images), len(rows), len(rows))


# ------------------------------------------------------------------------------------ place and size


def shear(images: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Shears images about the centre, each by its angle (radians)."""
    return _by_value(images, angles, lambda part, a: _warp(part, 1, -math.sin(a), 0, math.cos(a)))


def rotate(images: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Turns images about the centre, each by its angle (radians, counter-clockwise)."""

    def turned(part: np.ndarray, angle: float) -> np.ndarray:
        sine, cosine = math.sin(angle), math.cos(angle)
        return _warp(part, cosine, -sine, sine, cosine)

    return _by_value(images, angles, turned)


def scale(images: np.ndarray, factor: float) -> np.ndarray:
    """Shrinks images about the centre: a pixel shows the one `factor` times as far from it."""
    return _warp(images, factor, 0, 0, factor)


def translate(images: np.ndarray, right: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Moves images left and up by so many pixels; black comes in from the other sides."""
    rows = np.arange(SIZE) + down[:, None]
    columns = np.arange(SIZE) + right[:, None]
    inside = ((0 <= rows) & (rows < SIZE))[:, :, None] & ((0 <= columns) & (columns < SIZE))[
        :, None
    ]
    each = np.arange(len(images))[:, None, None]
    return images[each, (rows % SIZE)[:, :, None], (columns % SIZE)[:, None]] * inside


def flip_sides(images: np.ndarray) -> np.ndarray:
    """Exchanges left and right."""
    return images[:, :, ::-1]


def flip_up_down(images: np.ndarray) -> np.ndarray:
    """Exchanges up and down."""
    return images[:, ::-1]


def turn_right(images: np.ndarray) -> np.ndarray:
    """Turns images by 90 degrees, clockwise."""
    return np.rot90(images, 3, axes=(1, 2))


def turn_left(images: np.ndarray) -> np.ndarray:
    """Turns images by 90 degrees, counter-clockwise."""
    return np.rot90(images, 1, axes=(1, 2))


# ------------------------------------------------------------------------------------------- light


def brightness(images: np.ndarray, change: float) -> np.ndarray:
    """Returns v + change."""
    return _pixels(np.arange(256) / 255 + change)[images]


def contrast(images: np.ndarray, factor: float) -> np.ndarray:
    """Returns (v - mean) * factor + mean, with the mean of the image."""
    means = (images.sum(axis=(1, 2), dtype=np.int64) / SIZE**2 / 255)[:, None, None]
    return _pixels((images / 255 - means) * factor + means)


def saturate(images: np.ndarray, factor: float, change: float) -> np.ndarray:
    """Computes hue, saturation and value * factor + change, and turns the result into grey again.

    Grey has hue 0 and saturation 0, so that both become `change`, which is at most 1/3 here.
    """
    value = np.clip(np.arange(256) / 255 * factor + change, 0, 1)
    # From the cone of hue, saturation and value to red, green and blue (A. R. Smith, 1978).
    sector, part = divmod(6 * change, 1)
    low, falling, rising = (value * (1 - change * share) for share in (1, part, 1 - part))
    red, green, blue = ((value, rising, low), (falling, value, low))[int(sector)]
    return _pixels(0.2125 * red + 0.7154 * green + 0.0721 * blue)[images]


def inverse(images: np.ndarray) -> np.ndarray:
    """Exchanges black and white."""
    return 255 - images


# ------------------------------------------------------------------------------------------ objects


def stripe(images: np.ndarray) -> np.ndarray:
    """Inverts images, except for the seven columns on either side of the middle."""
    inverted = np.ones(SIZE, bool)
    inverted[7:21] = False
    return np.where(inverted, 255 - images, images)


def fog(images: np.ndarray, words: np.ndarray, amount: float, decay: float) -> np.ndarray:
    """Returns v + amount * a corner of a plasma fractal, scaled to keep the brightest value.

    Args:
      images: The images.
      words: Random bits of shape (images, `FOG_WORDS`).
      amount: How thick it is.
      decay: The factor by which each finer variation is smaller.

    Returns:
      The corrupted images.
    """
    brightest = (images.max(axis=(1, 2)) / 255)[:, None, None]
    plasma = np.concatenate(
        [
            _plasma(words[start : start + _PLASMA_BLOCK], decay)
            for start in range(0, len(images), _PLASMA_BLOCK)
        ]
        or [np.empty(images.shape)]
    )
    return _pixels((images / 255 + amount * plasma) * brightest / (brightest + amount))


FOG_WORDS = _PLASMA * _PLASMA // 2


def _plasma(words: np.ndarray, decay: float) -> np.ndarray:
    """Returns corners (images, 28, 28) of plasma fractals, 0 to 1, by the diamond-square method.

    The square wraps around. Every step doubles the grid: a new point is the mean of its four
    neighbours, and a random number.
    """
    count = len(words)
    # The halves of the words become whole numbers from [-2**31, 2**31).
    random = words.astype("<u8", copy=False).view("<i4")
    grid = np.zeros((count, 1, 1), np.float32)
    wibble, at = 100.0, 0
    while True:
        side = grid.shape[1]

        def near(sum_of_four: np.ndarray) -> np.ndarray:
            nonlocal at
            change = random[:, at : at + side * side].astype(np.float32)
            at += side * side
            change *= np.float32(wibble * wibble / 2**31)
            sum_of_four *= np.float32(0.25)
            sum_of_four += change.reshape(count, side, side)
            return sum_of_four

        pairs = grid + np.roll(grid, -1, axis=1)
        centres = near(pairs + np.roll(pairs, -1, axis=2))
        tops = near((centres + np.roll(centres, 1, axis=1)) + (grid + np.roll(grid, -1, axis=2)))
        lefts = near((centres + np.roll(centres, 1, axis=2)) + pairs)
        if 2 * side == _PLASMA:
            break
        grid = _interleaved(grid, tops, lefts, centres)
        wibble /= decay
    parts = (grid, tops, lefts, centres)
    lowest, highest = (
        functools.reduce(f, [f.reduce(part, axis=(1, 2)) for part in parts])[:, None, None]
        for f in (np.minimum, np.maximum)
    )
    corner = _interleaved(*(part[:, : SIZE // 2, : SIZE // 2] for part in parts))
    return (corner - lowest).astype(np.float64) / (highest - lowest)


def _interleaved(grid, tops, lefts, centres) -> np.ndarray:
    """Returns a grid with twice the side, from the points of a grid and the points between them."""
    count, rows, columns = grid.shape
    result = np.empty((count, rows, 2, columns, 2), grid.dtype)
    result[:, :, 0, :, 0], result[:, :, 0, :, 1] = grid, tops
    result[:, :, 1, :, 0], result[:, :, 1, :, 1] = lefts, centres
    return result.reshape(count, 2 * rows, 2 * columns)


def spatter(
    images: np.ndarray,
    normal: np.ndarray,
    mean: float,
    deviation: float,
    sigma: float,
    threshold: float,
    edge_sigma: float,
) -> np.ndarray:
    """Puts mud of grey 63 where blurred noise is above a threshold, with soft edges.

    Args:
      images: The images.
      normal: Standard normal numbers in the shape of the images.
      mean: Mean of the noise.
      deviation: Standard deviation of the noise.
      sigma: Sigma of the noise's blur.
      threshold: There is mud where the noise is above this.
      edge_sigma: Sigma of the blur of the mud's edges.

    Returns:
      The corrupted images.
    """
    liquid = _gaussian_both(mean + deviation * normal, sigma)
    mud = _gaussian_both((liquid > threshold).astype(np.float64), edge_sigma)
    mud[mud < 0.8] = 0
    return _pixels(images / 255 * (1 - mud) + 63 / 255 * mud)


def dotted_line(images: np.ndarray, left_row: np.ndarray, right_row: np.ndarray) -> np.ndarray:
    """Draws a dotted line from column 0 to 26; every other pair of columns is missing."""
    lines = np.stack([_dots(*rows) for rows in zip(left_row.tolist(), right_row.tolist())])
    return _pixels(images / 255 + lines)


def zigzag(images: np.ndarray, left_row: np.ndarray, right_row: np.ndarray) -> np.ndarray:
    """Draws a zigzag from column 2 to 25."""
    lines = np.stack([_zigzag(*rows) for rows in zip(left_row.tolist(), right_row.tolist())])
    return _pixels(images / 255 + lines)


def canny_edges(images: np.ndarray) -> np.ndarray:
    """Returns the edges by Canny's method: sigma 1, thresholds 0.1 and 0.2."""
    # The outside of the image counts as nothing: its share in the blur is divided out again.
    inside = _gaussian_both(np.ones((1, SIZE, SIZE)), 1, outside=0) + np.finfo(np.float64).eps
    smooth = _gaussian_both(images / 255, 1, outside=0) / inside
    padded = np.pad(smooth, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = padded[:, 2:] - padded[:, :-2]
    down = 2 * down[:, :, 1:-1] + (down[:, :, :-2] + down[:, :, 2:])
    right = padded[:, :, 2:] - padded[:, :, :-2]
    right = 2 * right[:, 1:-1] + (right[:, :-2] + right[:, 2:])
    strength = np.sqrt(down * down + right * right)

    # A pixel is on a ridge if it is not weaker than the interpolated values across the edge.
    steep = np.abs(down) > np.abs(right)
    larger = np.where(steep, np.abs(down), np.abs(right))
    smaller = np.where(steep, np.abs(right), np.abs(down))
    share = np.divide(smaller, larger, out=np.zeros_like(larger), where=larger > 0)
    same_sign = ((down >= 0) & (right >= 0)) | ((down <= 0) & (right <= 0))
    around = np.pad(strength, ((0, 0), (1, 1), (1, 1)))

    def neighbour(rows: int, columns: int) -> np.ndarray:
        return around[:, 1 + rows : 1 + rows + SIZE, 1 + columns : 1 + columns + SIZE]

    is_ridge = np.ones(images.shape, bool)
    for side in (1, -1):
        # Across the edge, downwards or to the right (or the other way round).
        straight = np.where(
            steep,
            np.where(same_sign, neighbour(side, 0), neighbour(-side, 0)),
            neighbour(0, side),
        )
        diagonal = np.where(same_sign, neighbour(side, side), neighbour(-side, side))
        is_ridge &= diagonal * share + straight * (1 - share) <= strength
    is_ridge[:, [0, -1]] = is_ridge[:, :, [0, -1]] = False

    weak = is_ridge & (strength >= np.float32(0.1))
    edges = weak & (strength >= 0.2)
    while True:  # Weak pixels that touch an edge become edges.
        near = np.pad(edges, ((0, 0), (1, 1), (1, 1)))
        near = near[:, :-2] | near[:, 1:-1] | near[:, 2:]
        grown = weak & (near[:, :, :-2] | near[:, :, 1:-1] | near[:, :, 2:])
        if (grown == edges).all():
            return edges * np.uint8(255)
        edges = grown


# ------------------------------------------------------------------------------------------ helpers


def _pixels(values: np.ndarray) -> np.ndarray:
    """Returns v as pixels: clipped, rounded to float32, and then cut to whole numbers."""
    return (np.clip(values, 0, 1) * 255).astype(np.float32).astype(np.uint8)


def _by_value(images: np.ndarray, values: np.ndarray, function: Callable) -> np.ndarray:
    """Applies `function(part, value)` to all images with the same value, for each value."""
    result = np.empty_like(images)
    for value in np.unique(values).tolist():
        chosen = values == value
        result[chosen] = function(images[chosen], value)
    return result


def _warp(images: np.ndarray, xx: float, xy: float, yx: float, yy: float) -> np.ndarray:
    """Warps images: the pixel at (x, y) from the centre is that of (xx x + xy y, yx x + yy y)."""
    columns = np.arange(float(SIZE))
    rows = columns[:, None]
    x = (xx * columns + xy * rows) + _CENTRE * (1 - xx - xy)
    y = (yx * columns + yy * rows) + _CENTRE * (1 - yx - yy)
    left, top = np.floor(x), np.floor(y)
    from_left, from_top = x - left, y - top
    # The outside is black.
    padded = np.pad(images / 255, ((0, 0), (1, 1), (1, 1)))
    padded = padded.reshape(len(images), (SIZE + 2) ** 2)

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        row, column = (np.clip(i, -1, SIZE).astype(np.int64) + 1 for i in (row, column))
        return padded[:, row * (SIZE + 2) + column]

    right, bottom = np.ceil(x), np.ceil(y)
    above = (1 - from_left) * at(top, left) + from_left * at(top, right)
    below = (1 - from_left) * at(bottom, left) + from_left * at(bottom, right)
    values = (1 - from_top) * above + from_top * below
    # When the recipes were published, scikit-image clipped the result to the image's own values,
    # except for the outside. So the borders of an image without black are as bright as its darkest
    # pixel.
    darkest = images.min(axis=(1, 2), keepdims=True) / 255
    return _pixels(np.where((0 < values) & (values < darkest), darkest, values))


def _gaussian(
    values: np.ndarray, sigma: float, axis: int, outside: float | None = None
) -> np.ndarray:
    """Blurs along one axis, to four sigmas; by default the outermost values continue outside."""
    reach = int(4 * sigma + 0.5)
    weights = [math.exp(-0.5 / (sigma * sigma) * i * i) for i in range(-reach, reach + 1)]
    total = functools.reduce(lambda a, b: a + b, weights)
    width = [(reach, reach) if i == axis else (0, 0) for i in range(values.ndim)]
    mode = {"mode": "edge"} if outside is None else {"constant_values": outside}
    padded = np.moveaxis(np.pad(values, width, **mode), axis, 0)
    size = values.shape[axis]
    result = padded[reach : reach + size] * (weights[reach] / total)
    for i in range(reach):
        both = padded[i : i + size] + padded[2 * reach - i : 2 * reach - i + size]
        result += both * (weights[i] / total)
    return np.moveaxis(result, 0, axis)


def _gaussian_both(values: np.ndarray, sigma: float, outside: float | None = None) -> np.ndarray:
    return _gaussian(_gaussian(values, sigma, 1, outside), sigma, 2, outside)


def _line(left: float, left_row: float, right: float, right_row: float) -> np.ndarray:
    """Returns a line in columns floor(left) to ceil(right) that fades with distance, as v."""
    if left == right:
        return np.zeros((SIZE, SIZE))
    rows, columns = np.arange(SIZE)[:, None], np.arange(SIZE)
    slope = (right_row - left_row) / (right - left)
    distance = np.abs(rows - (slope * (columns - left) + left_row))
    line = np.clip(np.log(1 - np.clip(distance, 0, 2.3 - 1e-10) / 2.3) + 1, 0, 1)
    line[:, : math.floor(left)] = 0
    line[:, math.ceil(right) :] = 0
    return line


@functools.cache
def _dots(left_row: int, right_row: int) -> np.ndarray:
    return _line(0, left_row, 27, right_row) * (np.arange(SIZE) // 2 % 2)


@functools.cache
def _zigzag(left_row: int, right_row: int) -> np.ndarray:
    """Returns a zigzag of teeth 4 long and 2 high about a line from column 2 to 25."""
    slope = math.atan((right_row - left_row) / 23)
    length = 23 / math.cos(slope)
    points = [(0.0, 0.0)]
    for i in range(int((length - 2) // 4) + 1):
        points.append((2.0 * (2 * i + 1), 2.0 * (-1) ** i))
    teeth = 4 * (length // 4)
    if length != teeth:
        points.append((length, points[-1][1] / (2 * (length - teeth))))
    sine, cosine = math.sin(slope), math.cos(slope)
    points = [(c * cosine - r * sine + 2, c * sine + r * cosine + left_row) for c, r in points]
    drawn: Any = sum(_line(*start, *end) for start, end in itertools.pairwise(points))
    return drawn
