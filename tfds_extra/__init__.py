"""TensorFlow Datasets builders for well-known corpora, complete and as published.

Importing this package registers its builders with TensorFlow Datasets, and does nothing else: no
builder module, decoder or TensorFlow is imported until a dataset is asked for.

    import tensorflow_datasets as tfds
    import tfds_extra

    ds = tfds.load("free_spoken_digit", split="train", as_supervised=True)
"""

from tfds_extra import registry

__version__ = "0.1.0"

registry.register()
