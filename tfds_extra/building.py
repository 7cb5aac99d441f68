"""Does the work of `tfds-extra build`: the same as `tfds build`, but with fewer messages.

`tfds build` prints the whole description, features and citation of the data. It also imports Apache
Beam, even if nothing runs on it, and Beam warns of libraries that nobody asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import tensorflow_datasets as tfds

from tfds_extra import tfds_seam

if TYPE_CHECKING:
    from tensorflow_datasets.scripts.cli import build

    from tfds_extra.core import Builder


def execute(args: build.Args) -> None:
    """Prepares the data sets that the options of `tfds build` name.

    Args:
      args: The options; those for publishing and for several processes are ignored.
    """
    for module in args.generation.imports.split(","):
        importlib.import_module(module)
    for name in args.positional_datasets:
        for builder in tfds_seam.builders(args, name):
            _prepare(args, builder)


def _prepare(args: build.Args, builder: Builder) -> None:
    config = tfds_seam.download_config(args, builder.name)
    if args.debug.overwrite and not config.download_mode.overwrite_dataset:
        config.download_mode = tfds.download.GenerateMode.REUSE_CACHE_IF_EXISTS
    if args.generation.nondeterministic_order:
        config.nondeterministic_order = True
    if args.generation.beam_pipeline_options:
        config.beam_options = _beam_options(args.generation.beam_pipeline_options)
    was_there = builder.is_prepared() and not config.download_mode.overwrite_dataset
    builder.download_and_prepare(download_dir=args.paths.download_dir, download_config=config)
    splits = ", ".join(f"{s.name} {s.num_examples:,}" for s in builder.info.splits.values())
    if was_there:
        print(f"{builder.info.full_name} is prepared already, in {builder.data_dir}")
    print(f"{builder.info.full_name}: {splits} examples, {builder.info.dataset_size}")


def _beam_options(options: str) -> Any:
    from apache_beam.options import pipeline_options

    return pipeline_options.PipelineOptions(flags=[f"--{one}" for one in options.split(",")])
