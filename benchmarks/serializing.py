"""Serializing features of every kind and length: ours against protobuf's own (upb) and plain TFDS.

    python benchmarks/serializing.py

Protobuf builds a `tf.train.Example` of the same values and serializes it, without any of the checks that
TFDS's features make (dtype, shape, range of classes). Plain TFDS makes them, by `features.encode_example`,
and then builds the same message by its serializer. All sides give the same bytes. Examples of one list are
followed by a whole example of a picture with objects, and by rows of texts and numbers. Printed is how many
times as fast ours is by processor time, the median of several rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import common
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.example_serializer import ExampleSerializer
from tensorflow_datasets.proto import tf_example_pb2

from tfds_extra.core.serializing import ExampleEncoder

F = tfds.features
_LENGTHS = (1, 2, 5, 16, 40, 128, 784, 4000, 50_000)
_RNG = np.random.default_rng(0)
_KINDS: dict[str, Callable[[int], Any]] = {
    "integers below 128": lambda n: _RNG.integers(0, 128, n),
    "below 30,000": lambda n: _RNG.integers(0, 30_000, n),
    "below 2^40": lambda n: _RNG.integers(0, 1 << 40, n),
    "negative": lambda n: _RNG.integers(-9, 0, n),
    "int32": lambda n: _RNG.integers(-(1 << 31), 1 << 31, n, np.int32),
    "int16": lambda n: _RNG.integers(-(1 << 15), 1 << 15, n, np.int16),
    "bool": lambda n: _RNG.integers(0, 2, n).astype(bool),
    "float32": lambda n: _RNG.random(n, np.float32),
    "float64": lambda n: _RNG.random(n),
}
_CLASSES = 80


def _cases(n: int) -> dict[str, tuple[tfds.features.FeatureConnector, Any]]:
    """Features of one list of `n` values, with the list, by what is printed."""
    cases = {}
    for kind, make in _KINDS.items():
        array = make(n)
        cases[kind] = F.Tensor(shape=(None,), dtype=array.dtype), array
        cases[f"{kind}, as a list"] = F.Sequence(array.dtype), array.tolist()
    cases["texts"] = F.Sequence(F.Text()), [f"word {i}" for i in range(n)]
    cases["texts with accents"] = F.Sequence(F.Text()), [f"mot été {i}" for i in range(n)]
    labels = F.Sequence(F.ClassLabel(num_classes=_CLASSES))
    cases["labels"] = labels, _RNG.integers(0, _CLASSES, n).tolist()
    boxes = np.sort(_RNG.random((max(1, n // 4), 2, 2)), axis=1).reshape(-1, 4)
    cases["coordinates of boxes"] = F.Sequence(F.BBoxFeature()), [F.BBox(*box) for box in boxes]
    return cases


def _protobuf(example: Mapping[str, Any]) -> bytes:
    """Builds and serializes an example whose values are single ones, lists, or lists of dicts."""
    message = tf_example_pb2.Example()
    entries = message.features.feature
    for name, values in example.items():
        if isinstance(values, list) and isinstance(values[0], dict):
            for key in values[0]:
                _add(entries[f"{name}/{key}"], [value[key] for value in values])
        else:
            _add(entries[name], values)
    return message.SerializeToString(deterministic=True)


def _add(feature: Any, values: Any) -> None:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    elif not isinstance(values, list):
        values = [values]
    kind = type(values[0])
    if kind is str:
        feature.bytes_list.value.extend([value.encode() for value in values])
    elif kind is bytes:
        feature.bytes_list.value.extend(values)
    elif kind is float:
        feature.float_list.value.extend(values)
    elif kind is F.BBox:
        feature.float_list.value.extend([number for box in values for number in box])
    else:
        feature.int64_list.value.extend(values)


def _compare(
    features: tfds.features.FeaturesDict, examples: list[dict[str, Any]], repeat: int
) -> tuple[float, float, float]:
    """How many times as fast ours is as upb and as TFDS; and, in columns, as upb."""
    encoder, plain = ExampleEncoder(features), ExampleSerializer(features.get_serialized_info())
    columns = {name: [example[name] for example in examples] for name in features}
    sides = {
        "upb": lambda: [_protobuf(example) for example in examples],
        "TFDS": lambda: [plain.serialize_example(features.encode_example(e)) for e in examples],
        "ours": lambda: [encoder.encode(example) for example in examples],
        "columns": lambda: encoder.encode_batch(columns, len(examples)),
    }
    assert sides["upb"]() == sides["ours"]() == sides["columns"]()

    def ratios(slow: str, *fast: str) -> list[float]:
        run = {name: sides[name] for name in (slow, *fast)}
        times = common.interleaved(run, repeat, clock=time.process_time)
        return [statistics.median(a / b for a, b in zip(times[slow], times[name])) for name in fast]

    by_row, by_column = ratios("upb", "ours", "columns")
    return by_row, ratios("TFDS", "ours")[0], by_column


def _picture(number: int) -> dict[str, Any]:
    boxes = np.sort(_RNG.random((7, 2, 2)), axis=1).reshape(-1, 4)
    return {
        "image": _RNG.bytes(3000),
        "file name": f"{number:012}.jpg",
        "id": number,
        "captions": [f"a caption of some words, {number} {k}" for k in range(5)],
        "objects": [
            {
                "bbox": F.BBox(*box),
                "label": k * 9,
                "area": k * 1.5,
                "crowd": False,
                "id": number + k,
            }
            for k, box in enumerate(boxes)
        ],
    }


_PICTURES = {
    "image": F.Image(),
    "file name": F.Text(),
    "id": np.int64,
    "captions": F.Sequence(F.Text()),
    "objects": F.Sequence({
        "bbox": F.BBoxFeature(), "label": F.ClassLabel(num_classes=_CLASSES), "area": np.float32,
        "crowd": np.bool_, "id": np.int64,
    }),
}  # fmt: skip


def _row(number: int) -> dict[str, Any]:
    texts = {f"text{i}": f"some words of row {number}, {i}" for i in range(4)}
    return {**texts, "label": number % 5, "score": number / 7, "known": number % 2 == 0}


_ROWS = {
    **{f"text{i}": F.Text() for i in range(4)},
    "label": F.ClassLabel(num_classes=5),
    "score": np.float32,
    "known": np.bool_,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7)
    arguments = parser.parse_args()
    found: dict[str, list[tuple[float, float, float]]] = {}
    for length in _LENGTHS:
        for kind, (feature, values) in _cases(length).items():
            features = F.FeaturesDict({"values": feature})
            examples = [{"values": values}] * max(4, min(2_000, 16_000 // length))
            found.setdefault(kind, []).append(_compare(features, examples, arguments.repeat))
    for side, name in enumerate(("upb", "TFDS")):
        print(f"\nagainst {name}".ljust(29), *(f"{length:>8,}" for length in _LENGTHS))
        for kind, ratios in found.items():
            print(kind.ljust(28), *(f"{ratio[side]:8.2f}" for ratio in ratios))
    for title, make, spec in (
        ("pictures with seven objects", _picture, _PICTURES),
        ("rows of four texts and three numbers", _row, _ROWS),
    ):
        examples = [make(number) for number in range(2_000)]
        upb, plain, columns = _compare(F.FeaturesDict(spec), examples, arguments.repeat)
        print(f"{title}: {upb:.2f} of upb, {plain:.2f} of TFDS; encode_batch {columns:.2f} of upb")


if __name__ == "__main__":
    main()
