"""Reading digitStruct.mat of SVHN in bulk, and object by object with h5py.

    python benchmarks/digit_struct.py [--images 202353] [--slow_images 2000]

Writes a file like MATLAB's with as many images as the split `extra` (about a gigabyte, in the folder
for temporary files), and reads it. One by one, a smaller file is read in two ways, and the time is
scaled to the number of images: with h5py as everybody writes it down first, and with h5py's low-level
interface, which leaves out most of its Python.
"""

from __future__ import annotations

import argparse
import pathlib
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from typing import BinaryIO

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))

import digit_struct_file

from tfds_extra.formats import digit_struct

_IMAGES, _DIGITS = 202_353, 531_131  # Of extra.


def records(images: int) -> list[digit_struct_file.Record]:
    """Made-up digits, as many an image as in extra on average."""
    rng = random.Random(1)
    # 1 to 4 digits, of which extra has 2.62 an image.
    counts = rng.choices([1, 2, 3, 4], [9, 34, 43, 14], k=images)
    return [
        (f"{i}.png", [[rng.randrange(1, 11) for _ in digit_struct.FIELDS] for _ in range(count)])
        for i, count in enumerate(counts, start=1)
    ]


def naive(file: BinaryIO) -> int:
    """The reader that is found in most published code; returns the number of digits."""
    digits = 0
    with h5py.File(file, "r") as hdf5:
        names, boxes = hdf5["digitStruct"]["name"], hdf5["digitStruct"]["bbox"]
        for i in range(len(names)):
            "".join(chr(c[0]) for c in hdf5[names[i, 0]][()])
            box = hdf5[boxes[i, 0]]
            for field in digit_struct.FIELDS:
                attribute = box[field]
                if len(attribute) > 1:
                    values = [hdf5[attribute[j, 0]][0, 0] for j in range(len(attribute))]
                else:
                    values = [attribute[0, 0]]
            digits += len(values)
    return digits


def low_level(file: BinaryIO) -> int:
    """The same with as little of h5py's Python as possible."""
    from h5py import h5d, h5r, h5s

    number, digits = np.empty((1, 1)), 0
    with h5py.File(file, "r") as hdf5:
        names, boxes = (hdf5["digitStruct"][field][:, 0] for field in ("name", "bbox"))
        for name, box in zip(names, boxes):
            dataset = h5r.dereference(name, hdf5.id)
            text = np.empty(dataset.shape, np.uint16)
            dataset.read(h5s.ALL, h5s.ALL, text)
            group = h5r.dereference(box, hdf5.id)
            for field in digit_struct.FIELDS:
                dataset = h5d.open(group, field.encode())
                count = dataset.shape[0]
                if count == 1:
                    dataset.read(h5s.ALL, h5s.ALL, number)
                    continue
                references = np.empty((count, 1), h5py.ref_dtype)
                dataset.read(h5s.ALL, h5s.ALL, references)
                for reference in references[:, 0]:
                    h5r.dereference(reference, hdf5.id).read(h5s.ALL, h5s.ALL, number)
            digits += count
    return digits


def timed(path: pathlib.Path, read: Callable[[BinaryIO], int]) -> tuple[float, int]:
    start = time.perf_counter()
    with path.open("rb") as file:
        digits = read(file)
    return time.perf_counter() - start, digits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=_IMAGES)
    parser.add_argument("--slow_images", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "digitStruct.mat"
        few = records(arguments.slow_images)
        path.write_bytes(digit_struct_file.encode(few))
        scale = arguments.images / len(few)
        for name, read in (("h5py, as usual", naive), ("h5py, low level", low_level)):
            seconds, digits = timed(path, read)
            assert digits == sum(len(boxes) for _, boxes in few)
            print(
                f"{name:18} {seconds:8.2f} s for {len(few):,} images: {seconds * scale:,.0f} s for all"
            )
        many = records(arguments.images)
        with path.open("wb") as file:
            file.writelines(digit_struct_file.blocks(many))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds, digits = timed(path, lambda file: len(digit_struct.read(file).values))
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert digits == sum(len(boxes) for _, boxes in many)
        print(f"{'in bulk':18} {seconds:8.2f} s for {len(many):,} images, {digits:,} digits")
        print(f"  the file has {path.stat().st_size:,} bytes; peak memory grew by {more:,.0f} MB,")
        print("  in which the pages of the file that the system keeps are counted")


if __name__ == "__main__":
    main()
