"""Keeps TFDS from warning users of what it does itself."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds


def remember(feature: Any) -> None:
    """Gives a feature, and all that are nested in it, the value of their deprecated `dtype`.

    TFDS's own decoding of tensors that are stored as bytes asks for it, and computing it is what logs
    "`FeatureConnector.dtype` is deprecated. Please change your code". It is a cached property.
    TensorFlow is imported.

    Args:
      feature: A feature connector, such as `info.features`.
    """
    if isinstance(feature, tfds.features.FeaturesDict):
        for inner in feature.values():
            remember(inner)
    elif isinstance(feature, (tfds.features.Sequence, tfds.features.Dataset)):
        remember(feature.feature)
    elif isinstance(feature, tfds.features.Tensor):
        vars(feature).setdefault("dtype", feature.tf_dtype)
