"""Worker processes read a data source without importing TensorFlow, whatever the features are."""

from __future__ import annotations

import multiprocessing
from concurrent import futures

import numpy as np
import pytest
import tensorflow_datasets as tfds
import worker_reading

import tfds_extra  # noqa: F401
from tfds_extra import registry

# Besides the first config of each corpus: published pictures, AAC, samples, texts in lists.
_OTHERS = ("vqa/v2_images", "voxceleb_extended/vox2", "librispeech_extended/clean_100_pcm_aligned",
           "svhn_full/cropped_digits", "yelp_open/photo", "yelp_open/business")  # fmt: skip


@pytest.mark.slow  # A process of its own in the quick tier is that of file_formats_test.py.
def test_workers_import_no_tensorflow(data_dir):
    sources = {}
    for name in (*registry.names(), *_OTHERS):
        kwargs = {"file_format": "array_record", "miniature": True, "num_workers": 1}
        found = tfds.data_source(name, data_dir=data_dir, builder_kwargs=kwargs)
        sources[name] = next(iter(found.values()))
    spawn = multiprocessing.get_context("spawn")
    # An error if the worker dies; `multiprocessing.Pool` would wait for its answer for ever.
    with futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        for name, source in sources.items():
            number, last, imported = pool.submit(worker_reading.read, source).result()
            assert number == len(source) and imported == set(), name
            for key, expected in source[number - 1].items():
                if isinstance(expected, np.ndarray):
                    np.testing.assert_array_equal(last[key], expected)
