"""Feature connectors that TFDS lacks."""

from tfds_extra.features.audio import Audio

__all__ = ["Audio"]
