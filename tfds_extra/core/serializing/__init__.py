"""Turns examples into the bytes of prepared records."""

from tfds_extra.core.serializing.serializer import ExampleEncoder, Serializer

__all__ = ["ExampleEncoder", "Serializer"]
