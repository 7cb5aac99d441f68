"""Lists of numbers and texts of every kind and length: our serializer against protobuf's own (upb).

    python benchmarks/serializing.py

Each example has one feature. Protobuf builds a `tf.train.Example` of the same values, as TFDS does, and
serializes it; both sides give the same bytes. Printed is how many times as fast ours is, the median of
several rounds, for values that come as an array (texts: as a list).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import common
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from tfds_extra.core.serializing import ExampleEncoder

_LENGTHS = (1, 2, 5, 16, 40, 128, 784, 4000, 50_000)
_RNG = np.random.default_rng(0)
_KINDS: dict[str, Callable[[int], Any]] = {
    "integers below 128": lambda n: _RNG.integers(0, 128, n),
    "below 30,000": lambda n: _RNG.integers(0, 30_000, n),
    "below 2^40": lambda n: _RNG.integers(0, 1 << 40, n),
    "negative": lambda n: _RNG.integers(-9, 0, n),
    "bool": lambda n: _RNG.integers(0, 2, n).astype(bool),
    "float32": lambda n: _RNG.random(n, np.float32),
    "texts": lambda n: [f"word {i}" for i in range(n)],
}


def _protobuf(values: Any) -> bytes:
    example = tf_example_pb2.Example()
    feature = example.features.feature["values"]
    if isinstance(values, list):
        feature.bytes_list.value.extend([value.encode() for value in values])
    elif values.dtype.kind == "f":
        feature.float_list.value.extend(values.tolist())
    else:
        feature.int64_list.value.extend(values.astype(np.int64).tolist())
    return example.SerializeToString()


def _repeated(run: Callable[[], object], times: int) -> Callable[[], None]:
    def repeated() -> None:
        for _ in range(times):
            run()

    return repeated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7)
    arguments = parser.parse_args()
    print("length".ljust(20), *(f"{length:>8,}" for length in _LENGTHS))
    for kind, make in _KINDS.items():
        ratios = []
        for length in _LENGTHS:
            values = make(length)
            if isinstance(values, list):
                feature = tfds.features.Sequence(tfds.features.Text())
            else:
                feature = tfds.features.Tensor(shape=(None,), dtype=values.dtype)
            encoder = ExampleEncoder(tfds.features.FeaturesDict({"values": feature}))
            ours = lambda encoder=encoder, values=values: encoder.encode({"values": values})  # noqa: E731
            theirs = lambda values=values: _protobuf(values)  # noqa: E731
            assert ours() == theirs()
            times = max(3, 20_000 // length)
            sides = {"theirs": _repeated(theirs, times), "ours": _repeated(ours, times)}
            found = common.interleaved(sides, arguments.repeat)
            ratios.append(statistics.median(t / o for t, o in zip(*found.values())))
        print(kind.ljust(20), *(f"{ratio:8.2f}" for ratio in ratios))


if __name__ == "__main__":
    main()
