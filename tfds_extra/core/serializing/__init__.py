"""Turns examples into the bytes of prepared records."""

from tfds_extra.core.serializing.serializer import ExampleEncoder

__all__ = ["ExampleEncoder"]
