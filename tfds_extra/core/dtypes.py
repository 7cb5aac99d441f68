"""Prevents a warning with which TFDS would tell users of its own use of a deprecated property."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds


def remember(feature: Any) -> None:
    """Sets the deprecated property `dtype` of a feature and of all features nested in it.

    TFDS reads it when it decodes tensors that are stored as bytes. Computing it logs
    "`FeatureConnector.dtype` is deprecated. Please change your code", but the property is cached.
    This function imports TensorFlow.

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
